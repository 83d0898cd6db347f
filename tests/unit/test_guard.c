/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The keeper's guard on a real kernel, in namespaces of its own: two "containers" and a client behind a bridge, plans as core sends
 * them. Swaps under load with one prober that is always allowed and one that never is; foreign hands; holds; what is left.
 * FULL=1 or GUARD_SWAPS=1000 for the long form; GUARD_BRIDGE=1: with br_netfilter off. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/ipc.h"
#include "enforce/policy.h"
#include "sensor/keeper/guard.h"
#include "sensor/msg.h"
#include "sensor/msg_policy.h"
#include "sensor/msg_queue.h"

#define NS 7
#define SERVER "10.9.0.10"
#define FRIEND "10.9.0.11"
#define STRANGER "10.9.0.12"
#define TABLES (getenv("GUARD_BRIDGE") ? 2 : 1)

static struct {
	struct loop *loop;
	struct guards *guards;
	int node_fd;
	struct msg_policy_state state;
	struct msg_policy_tamper tamper;
	unsigned states, tampers;
	uint32_t serial;
	uint64_t edge_packets, refused;
	char name[4][40];
	pid_t echo;
	struct {
		int fd;
		unsigned sockets, plans, services, has_stale;
	} verdict;    /* what a verdict process would have heard */
	bool checked, closed;
	struct msg_queue_state queue;
	int no;       /* how a refused connection ends: reset, or silence in the bridge family */
} t;

/* ---- namespaces, by ip(8): this is a test ------------------------------------------------------------------------------ */
static void sh(const char *cmd)
{
	if (system(cmd) != 0)
		fail_msg("%s", cmd);
}

static void shf(const char *fmt, ...)
{
	char cmd[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(cmd, sizeof(cmd), fmt, ap);
	va_end(ap);
	sh(cmd);
}

static void enter(const char *name)
{
	char path[80];
	int fd;

	snprintf(path, sizeof(path), "/run/netns/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET) < 0)
		_exit(99);
	close(fd);
}

/* 0: connected and closed; else errno. */
static int try_connect(const char *to, uint16_t port, int wait_ms)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), err = 0;
	struct linger now = { .l_onoff = 1 };
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	socklen_t len = sizeof(err);

	inet_pton(AF_INET, to, &a.sin_addr);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)); /* no TIME_WAIT: ports last */
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0 && errno != EINPROGRESS)
		err = errno;
	else if (poll(&p, 1, wait_ms) <= 0)
		err = ETIMEDOUT;
	else
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len);
	close(fd);
	return err;
}

static int connect_from(unsigned who)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		enter(t.name[who]);
		_exit(try_connect(SERVER, 80, 700));
	}
	assert_true(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void serve(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(80) };
	int on = 1, fd, c;

	t.echo = fork();
	if (t.echo)
		return;
	enter(t.name[1]);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, 1024) < 0)
		_exit(1);
	/* An echo; who comes in while all places are taken is closed. */
	for (struct pollfd p[16] = { { .fd = fd, .events = POLLIN } };;) {
		for (unsigned i = 1; i < ARRAY_SIZE(p); i++)
			p[i].fd = p[i].events ? p[i].fd : -1;
		if (poll(p, ARRAY_SIZE(p), -1) < 0 && errno != EINTR)
			_exit(1);
		for (unsigned i = 1; i < ARRAY_SIZE(p); i++) {
			char b[64];
			ssize_t n;

			if (!p[i].events || !p[i].revents)
				continue;
			n = read(p[i].fd, b, sizeof(b));
			if (n > 0 && send(p[i].fd, b, (size_t)n, MSG_NOSIGNAL) == n)
				continue;
			close(p[i].fd);
			p[i].events = 0;
		}
		c = p[0].revents ? accept(fd, NULL, NULL) : -1;
		for (unsigned i = 1; c >= 0 && i < ARRAY_SIZE(p); i++)
			if (!p[i].events) {
				p[i] = (struct pollfd){ .fd = c, .events = POLLIN };
				c = -1;
			}
		if (c >= 0)
			close(c);
	}
}

/* ---- the keeper's surroundings -------------------------------------------------------------------------------------------- */
static void tell(void *arg, uint16_t type, uint32_t seq, const void *body, size_t len)
{
	struct msg_policy_counters head;

	if (type == MSG_POLICY_STATE) {
		memcpy(&t.state, body, sizeof(t.state));
		t.states++;
	} else if (type == MSG_POLICY_TAMPER) {
		memcpy(&t.tamper, body, sizeof(t.tamper));
		t.tampers++;
	} else if (type == MSG_QUEUE_STATE) {
		memcpy(&t.queue, body, sizeof(t.queue));
	} else if (type == MSG_POLICY_COUNTERS) {
		memcpy(&head, body, sizeof(head));
		for (unsigned i = 0; i < head.count; i++) {
			struct msg_policy_counter row;

			memcpy(&row, (const char *)body + sizeof(head) + i * sizeof(row), sizeof(row));
			t.edge_packets = row.what == POLICY_COUNT_EDGE && row.number == 0 ? row.packets : t.edge_packets;
			t.refused = row.what == POLICY_COUNT_REFUSED_IN ? row.packets : t.refused;
		}
	}
}

static int ns_fd(void *arg, uint16_t ns)
{
	return ns == NS ? t.node_fd : -1;
}

static int ns_has(void *arg, uint16_t ns, const uint8_t addr[16])
{
	uint8_t own[16], bits;

	return policy_prefix("10.9.0.1", own, &bits) && !memcmp(addr, own, 16);
}

static void ns_each(void *arg, void (*cb)(uint16_t ns, void *cb_arg), void *cb_arg)
{
	cb(NS, cb_arg);
}

static int verdict(void *arg, uint16_t type, const void *body, size_t len, int fd, uint16_t ns)
{
	struct msg_queue_plan m;

	if (type == MSG_FD && *(const uint16_t *)body == MSG_FD_QUEUE) {
		t.verdict.fd = fd;
		t.verdict.sockets++;
	} else if (type == MSG_QUEUE_PLAN) {
		memcpy(&m, body, sizeof(m));
		t.verdict.plans++;
		t.verdict.services = m.flags & QUEUE_PLAN_GONE ? 0 : m.count;
		t.verdict.has_stale = m.has_stale;
	}
	return 0;
}

static void guards_begin(void)
{
	static const struct guard_events events = { .tell = tell, .ns_fd = ns_fd, .ns_has = ns_has, .ns_each = ns_each, .verdict = verdict };

	assert_int_equal(guards_new(t.loop, &events, &t.guards), 0);
}

static void run_ms(unsigned ms)
{
	uint64_t until = clock_mono_ns() + ms * NSEC_PER_MSEC, now;

	while ((now = clock_mono_ns()) < until)
		assert_int_equal(loop_step(t.loop, until - now), 0);
}

static void answered(unsigned before)
{
	uint64_t until = clock_mono_ns() + 20 * NSEC_PER_SEC;

	while (t.states == before && clock_mono_ns() < until)
		assert_int_equal(loop_step(t.loop, 50 * NSEC_PER_MSEC), 0);
	assert_int_not_equal(t.states, before);
}

/* ---- plans ------------------------------------------------------------------------------------------------------------------ */
/* The friend may, the stranger may not; replicas: further peers; edges: further edges, which ask for another ruleset. */
static void plan_post(unsigned replicas, unsigned edges, bool enforced, const char *endpoint)
{
	static struct {
		struct msg_policy_plan head;
		struct plan_rec recs[POLICY_PART_RECS];
	} m;
	struct policy_workload w = { "web", false, t.closed };
	static const struct policy_protocol http = { "web", "HTTP", 80, IPPROTO_TCP };
	struct policy_rule rules[64];
	struct policy_endpoint es[80] = { { "web", NS, { 0 } }, { "app", NS, { 0 } } };
	struct policy_place net = { .ns = NS, .kind = PLAN_NET };
	struct policy_input in = { .mark = 0x00f00000, .workloads = &w, .workload_count = enforced, .rules = rules, .rule_count = 1 + edges, .endpoints = es,
				   .endpoint_count = 3 + replicas, .places = &net, .place_count = 1, .protocols = &http, .protocol_count = t.checked };
	struct ipc_hdr h = { .type = MSG_POLICY_PLAN, .seq = ++t.serial };
	struct plan p = { 0 };
	uint8_t bits;

	policy_prefix("10.9.0.0/24", net.addr, &net.bits);
	rules[0] = (struct policy_rule){ .workload = 0, .dir = PLAN_IN, .check = true, .peer = "app", .port = "tcp/80" };
	for (unsigned i = 0; i < edges; i++)
		rules[1 + i] = (struct policy_rule){ .workload = 0, .dir = PLAN_IN, .peer = "app", .port = i % 2 ? "tcp/81" : "udp/9" };
	policy_prefix(endpoint ? endpoint : SERVER, es[0].addr, &bits);
	policy_prefix(FRIEND, es[1].addr, &bits);
	es[2] = (struct policy_endpoint){ .workload = "other", .ns = NS };
	policy_prefix(STRANGER, es[2].addr, &bits);
	for (unsigned i = 0; i < replicas; i++) {
		char a[20];

		snprintf(a, sizeof(a), "10.9.0.%u", 100 + i);
		es[3 + i] = (struct policy_endpoint){ .workload = "app", .ns = NS };
		policy_prefix(a, es[3 + i].addr, &bits);
	}
	assert_int_equal(policy_make(&in, NS, &p), 0);
	m.head = (struct msg_policy_plan){ .ns = NS, .flags = POLICY_PART_FIRST | POLICY_PART_LAST, .mark = in.mark, .serial = t.serial, .count = p.count };
	assert_true(p.count <= POLICY_PART_RECS);
	if (p.count)
		memcpy(m.recs, p.recs, p.count * sizeof(p.recs[0]));
	h.len = (uint32_t)(sizeof(m.head) + p.count * sizeof(p.recs[0]));
	plan_free(&p);
	guards_message(t.guards, &h, &m);
}

static void plan_send(unsigned replicas, unsigned edges, bool enforced, const char *endpoint)
{
	unsigned before = t.states;

	plan_post(replicas, edges, enforced, endpoint);
	answered(before);
}

static void hold_send(const char *who, const char *peer, unsigned seconds, bool quarantine, bool on)
{
	struct msg_policy_hold m = { .ns = NS, .on = on, .hold = { .quarantine = quarantine, .has_peer = peer != NULL, .left_s = seconds } };
	struct ipc_hdr h = { .type = MSG_POLICY_HOLD, .seq = ++t.serial, .len = sizeof(m) };
	unsigned before = t.states;
	uint8_t bits;

	policy_prefix(who, m.hold.addr, &bits);
	if (peer)
		policy_prefix(peer, m.hold.peer, &bits);
	guards_message(t.guards, &h, &m);
	answered(before);
}

static unsigned tables(void)
{
	char cmd[200];
	FILE *f;
	unsigned n = 0;

	snprintf(cmd, sizeof(cmd), "ip netns exec %s nft list tables | grep -c pierglass", t.name[0]);
	f = popen(cmd, "r");
	assert_non_null(f);
	if (fscanf(f, "%u", &n) != 1)
		n = 99;
	pclose(f);
	return n;
}

/* ---- tests --------------------------------------------------------------------------------------------------------------------- */
static void test_enforced(void **state)
{
	assert_int_equal(tables(), 0);
	assert_int_equal(connect_from(3), 0);
	plan_send(0, 0, true, NULL);
	assert_int_equal(t.state.status, 0);
	assert_int_equal(t.state.how, POLICY_HOW_RULESET);
	assert_int_equal(connect_from(2), 0);
	assert_int_equal(connect_from(3), t.no);
	assert_int_equal(tables(), TABLES);
	plan_send(3, 0, true, NULL);
	assert_int_equal(t.state.how, POLICY_HOW_ELEMENTS);
	print_message("# elements in %u us\n", t.state.micros);
	plan_send(3, 0, true, NULL);
	assert_int_equal(t.state.how, POLICY_HOW_SAME);
}

static void test_lock_outs(void **state)
{
	static const char *const bad[] = { "10.9.0.1", "127.0.0.1", "0.0.0.0", "224.0.0.1", "::1", "::", "255.255.255.255" };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		plan_send(0, 0, true, bad[i]);
		if (t.state.status >= 0 || !t.state.err[0])
			fail_msg("%s was enforced", bad[i]);
		hold_send(bad[i], STRANGER, 10, false, true);
		if (t.state.status >= 0)
			fail_msg("%s was blocked", bad[i]);
		hold_send(bad[i], NULL, 10, true, true);
		if (t.state.status >= 0)
			fail_msg("%s was put in quarantine", bad[i]);
	}
	/* What held before still does. */
	assert_int_equal(connect_from(2), 0);
	assert_int_equal(connect_from(3), t.no);
}

struct probes {
	unsigned allowed, refused, wrong_allowed, wrong_refused, last_error;
};

static pid_t prober(unsigned who, struct probes *p, bool allowed)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	enter(t.name[who]);
	for (;;) {
		int e = try_connect(SERVER, 80, 3000);

		if (allowed)
			e ? (p->wrong_refused++, p->last_error = (unsigned)e) : p->allowed++;
		else
			e == 0 ? p->wrong_allowed++ : p->refused++;
		usleep(500);
	}
}

/* One connection for all of the time, a message each millisecond. */
static pid_t talker(unsigned who, struct probes *p)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(80) };
	struct timeval patience = { .tv_sec = 5 };
	pid_t pid = fork();
	int fd;

	if (pid)
		return pid;
	enter(t.name[who]);
	inet_pton(AF_INET, SERVER, &a.sin_addr);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		p->wrong_refused++;
	while (!p->wrong_refused) {
		char b[8] = "swapped";

		if (send(fd, b, sizeof(b), MSG_NOSIGNAL) != sizeof(b) || recv(fd, b, sizeof(b), MSG_WAITALL) != sizeof(b)) {
			p->last_error = (unsigned)errno;
			p->wrong_refused++;
		}
		p->allowed++;
		usleep(1000);
	}
	_exit(0);
}

static void test_swaps(void **state)
{
	const char *asked = getenv("GUARD_SWAPS") ? getenv("GUARD_SWAPS") : getenv("FULL") ? "1000" : "60";
	unsigned swaps = (unsigned)strtoul(asked, NULL, 10), rulesets = 0, elements = 0;
	struct probes *p = mmap(NULL, sizeof(*p) * 3, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t a, b, c;

	assert_true(p != MAP_FAILED);
	plan_send(0, 0, true, NULL);
	a = prober(2, &p[0], true);
	b = prober(3, &p[1], false);
	c = talker(2, &p[2]);
	for (unsigned i = 0; i < swaps; i++) {
		plan_send(i % 5, i / 3 % 3, true, NULL);
		assert_int_equal(t.state.status, 0);
		rulesets += t.state.how == POLICY_HOW_RULESET;
		elements += t.state.how == POLICY_HOW_ELEMENTS;
	}
	kill(a, SIGKILL);
	kill(b, SIGKILL);
	kill(c, SIGKILL);
	waitpid(a, NULL, 0);
	waitpid(b, NULL, 0);
	waitpid(c, NULL, 0);
	print_message("# %u swaps (%u rulesets, %u of elements): allowed %u, refused %u, wrongly %u (%s) and %u\n", swaps, rulesets, elements, p[0].allowed,
		      p[1].refused, p[0].wrong_refused, strerror((int)p[0].last_error), p[1].wrong_allowed);
	if (t.tampers)
		print_message("# somebody else (%.16s) changed the table %u times meanwhile\n", t.tamper.comm, t.tampers);
	print_message("# one connection meanwhile: %u messages, %s\n", p[2].allowed, p[2].wrong_refused ? strerror((int)p[2].last_error) : "none lost");
	assert_true(p[2].allowed > 10);
	assert_int_equal(p[2].wrong_refused, 0);
	assert_true(p[0].allowed > 0 && (p[1].refused > 0 || TABLES == 2) && rulesets > 0 && elements > 0);
	assert_int_equal(p[0].wrong_refused, 0);
	assert_int_equal(p[1].wrong_allowed, 0);
	munmap(p, sizeof(*p) * 3);
}

static void test_foreign_hands(void **state)
{
	static const char *const hands[] = { "nft delete table inet pierglass", "nft flush ruleset", "nft flush chain inet pierglass forward",
					     "nft flush map inet pierglass in4", "nft add rule inet pierglass forward counter" };

	plan_send(0, 0, true, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(hands); i++) {
		unsigned before = t.tampers;

		shf("ip netns exec %s nft add table ip foreign", t.name[0]);
		shf("ip netns exec %s %s", t.name[0], hands[i]);
		for (unsigned k = 0; k < 40 && t.tampers == before; k++)
			run_ms(25);
		if (t.tampers == before)
			fail_msg("not noticed: %s", hands[i]);
		assert_int_equal(t.tamper.status, 0);
		assert_true(t.tamper.micros < 1000000);
		assert_string_equal(t.tamper.comm, "nft");
		assert_int_equal(connect_from(3), t.no);
		assert_int_equal(connect_from(2), 0);
		assert_int_equal(tables(), TABLES);
		if (i != 1)
			shf("ip netns exec %s nft list table ip foreign >/dev/null", t.name[0]);
	}
	print_message("# the last was put right in %u us\n", t.tamper.micros);
	/* Others' own tables are no matter of ours. */
	t.tampers = 0;
	shf("ip netns exec %s nft add table ip foreign", t.name[0]);
	shf("ip netns exec %s nft delete table ip foreign", t.name[0]);
	run_ms(100);
	assert_int_equal(t.tampers, 0);
}

static void test_holds(void **state)
{
	uint64_t until;

	plan_send(0, 0, true, NULL);
	hold_send(SERVER, FRIEND, 2, false, true);
	assert_int_equal(t.state.status, 0);
	assert_int_equal(t.state.how, POLICY_HOW_ELEMENTS);
	print_message("# blocked in %u us\n", t.state.micros);
	assert_int_equal(connect_from(2), t.no);
	until = clock_mono_ns() + 4 * NSEC_PER_SEC;
	while (connect_from(2) && clock_mono_ns() < until)
		run_ms(100);
	assert_int_equal(connect_from(2), 0);
	hold_send(SERVER, NULL, UINT32_MAX, true, true);
	assert_int_equal(connect_from(2), ETIMEDOUT);
	hold_send(SERVER, NULL, UINT32_MAX, true, false);
	assert_int_equal(connect_from(2), 0);
	/* Where nothing is enforced a block makes a table of its own, and takes it away. */
	plan_send(0, 0, false, NULL);
	assert_int_equal(tables(), 0);
	hold_send(SERVER, FRIEND, 30, false, true);
	print_message("# blocked in %u us where there was no table\n", t.state.micros);
	assert_int_equal(connect_from(2), t.no);
	assert_int_equal(connect_from(3), 0);
	hold_send(SERVER, FRIEND, 30, false, false);
	assert_int_equal(connect_from(2), 0);
	run_ms(50);
	assert_int_equal(tables(), 0);
}

static void test_another_keeper(void **state)
{
	struct ipc_hdr all = { .type = MSG_POLICY_ALL };

	plan_send(0, 0, true, NULL);
	guards_free(t.guards);
	assert_int_equal(connect_from(3), t.no);
	guards_begin();
	plan_send(0, 0, true, NULL);
	assert_int_equal(tables(), TABLES);
	assert_int_equal(connect_from(3), t.no);
	assert_int_equal(connect_from(2), 0);
	/* Another one, whose core wants nothing here. */
	guards_free(t.guards);
	guards_begin();
	guards_message(t.guards, &all, NULL);
	run_ms(50);
	assert_int_equal(tables(), 0);
	assert_int_equal(connect_from(3), 0);
}

/* A plan that comes while another one is applied is applied, too. */
static void test_two_at_once(void **state)
{
	unsigned before = t.states;

	plan_post(0, 0, true, NULL);
	plan_post(0, 3, true, NULL);
	answered(before);
	answered(before + 1);
	assert_int_equal(t.state.status, 0);
	assert_int_equal(t.state.serial, t.serial);
	shf("ip netns exec %s nft list table inet pierglass | grep -q 'chain e3'", t.name[0]);
	plan_send(0, 0, false, NULL);
	assert_int_equal(tables(), 0);
}

static unsigned queues(void)
{
	char cmd[160], line[256];
	unsigned n = 0;
	FILE *f;

	snprintf(cmd, sizeof(cmd), "ip netns exec %s cat /proc/net/netfilter/nfnetlink_queue", t.name[0]);
	f = popen(cmd, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		n++;
	pclose(f);
	return n;
}

/* Who connects, while the keeper's loop runs. */
static int connect_meanwhile(unsigned who)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		enter(t.name[who]);
		_exit(try_connect(SERVER, 80, 700));
	}
	while (waitpid(pid, &status, WNOHANG) == 0)
		assert_int_equal(loop_step(t.loop, 5 * NSEC_PER_MSEC), 0);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* Without a verdict process the keeper decides, by the choice for failures; what waits for one is told to the next. */
static void test_queues(void **state)
{
	uint16_t ns = NS;
	struct ipc_hdr h = { .type = MSG_POLICY_COUNTERS, .len = sizeof(ns) };

	if (getenv("GUARD_BRIDGE"))
		skip();
	memset(&t.verdict, 0, sizeof(t.verdict));
	plan_send(0, 0, true, NULL);
	assert_int_equal(queues(), 0); /* nothing is known of what it speaks */
	for (int closed = 0; closed < 2; closed++) {
		t.checked = true;
		t.closed = closed;
		plan_send(0, 0, true, NULL);
		assert_int_equal(queues(), 2);
		assert_int_equal(t.verdict.sockets, 1); /* it is the same for both */
		assert_int_equal(t.verdict.services, 1);
		assert_int_equal(connect_meanwhile(2), ETIMEDOUT); /* nobody reads: it waits */
		assert_int_equal(connect_meanwhile(3), ECONNREFUSED);
		guards_verdict_ended(t.guards);
		run_ms(350);
		assert_int_equal(connect_meanwhile(2), closed ? ETIMEDOUT : 0);
		assert_int_equal(connect_meanwhile(3), ECONNREFUSED);
		guards_message(t.guards, &h, &ns);
		assert_true(t.queue.bound && !t.queue.error);
		assert_true(t.queue.kept[closed] > 0);
		assert_int_equal(t.queue.counted[closed], t.queue.queued[closed]);
		guards_verdict_started(t.guards);
		assert_int_equal(t.verdict.sockets, 2);
		assert_int_equal(t.verdict.services, 1);
		assert_int_equal(t.verdict.has_stale, 1);
		run_ms(300);
		assert_int_equal(connect_meanwhile(2), ETIMEDOUT); /* it waits for that one */
		guards_verdict_ended(t.guards);
		guards_verdict_started(t.guards); /* at once: what waits is given to it */
		guards_message(t.guards, &h, &ns);
		assert_true(t.queue.repeated[closed] > 0);
		t.verdict.sockets = 1;
	}
	t.checked = t.closed = false;
	plan_send(0, 0, true, NULL);
	assert_int_equal(queues(), 0);
	assert_int_equal(connect_meanwhile(2), 0);
	plan_send(0, 0, false, NULL);
}

static void test_counters(void **state)
{
	uint16_t ns = NS;
	struct ipc_hdr h = { .type = MSG_POLICY_COUNTERS, .len = sizeof(ns) };

	plan_send(0, 0, true, NULL);
	connect_from(2);
	connect_from(3);
	connect_from(3);
	guards_message(t.guards, &h, &ns);
	assert_int_equal(t.edge_packets, 1);
	assert_int_equal(t.refused, 2);
	plan_send(0, 0, false, NULL);
	assert_int_equal(t.state.how, POLICY_HOW_REMOVED);
	assert_int_equal(tables(), 0);
}

static int begin(void **state)
{
	static const char *const what[4] = { "node", "server", "friend", "stranger" };
	char path[80];

	t.no = getenv("GUARD_BRIDGE") ? ETIMEDOUT : ECONNREFUSED;
	for (unsigned i = 0; i < 4; i++) {
		snprintf(t.name[i], sizeof(t.name[i]), "pgg%d-%s", getpid(), what[i]);
		shf("ip netns add %s && ip -n %s link set lo up", t.name[i], t.name[i]);
	}
	shf("ip -n %s link add br0 type bridge && ip -n %s addr add 10.9.0.1/24 dev br0 && ip -n %s link set br0 up", t.name[0], t.name[0], t.name[0]);
	for (unsigned i = 1; i < 4; i++)
		shf("ip -n %s link add v%u type veth peer name eth0 netns %s && ip -n %s link set v%u master br0 up && ip -n %s addr add 10.9.0.%u/24 dev eth0 && "
		    "ip -n %s link set eth0 up", t.name[0], i, t.name[i], t.name[0], i, t.name[i], 9 + i, t.name[i]);
	/* The other way, without the inet hooks: GUARD_BRIDGE=1. */
	shf("ip netns exec %s sysctl -qw net.bridge.bridge-nf-call-iptables=%d net.bridge.bridge-nf-call-ip6tables=%d", t.name[0], !getenv("GUARD_BRIDGE"),
	    !getenv("GUARD_BRIDGE"));
	snprintf(path, sizeof(path), "/run/netns/%s", t.name[0]);
	t.node_fd = open(path, O_RDONLY | O_CLOEXEC);
	serve();
	usleep(200000);
	if (t.node_fd < 0 || loop_new(&t.loop) < 0)
		return -1;
	guards_begin();
	return 0;
}

static int end(void **state)
{
	guards_free(t.guards);
	loop_free(t.loop);
	kill(t.echo, SIGKILL);
	waitpid(t.echo, NULL, 0);
	for (unsigned i = 0; i < 4; i++)
		shf("ip netns del %s", t.name[i]);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_enforced), cmocka_unit_test(test_lock_outs),	 cmocka_unit_test(test_swaps),	 cmocka_unit_test(test_foreign_hands),
		cmocka_unit_test(test_holds),	 cmocka_unit_test(test_another_keeper), cmocka_unit_test(test_counters),
		cmocka_unit_test(test_two_at_once), cmocka_unit_test(test_queues),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
