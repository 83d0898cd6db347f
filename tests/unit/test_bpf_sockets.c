/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whose a flow and a listener are; processes; what was there before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/bpf_fixture.h"
#include "tests/unit/bpf_events.h"

#include <linux/icmp.h>
#include <linux/tcp.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#define SKIP_UNLESS(f) \
	if (!(f))      \
	skip()

static int before_tcp, before_udp; /* there before the hooks */
static uint64_t self_start_ns;

static int setup(void **state)
{
	fx = fixture_new();
	if (!fx)
		return 0;
	if (fixture_net(fx) || own_cgroup_enter())
		return -1;
	before_tcp = bound_socket(fx, fx->container[0], SOCK_STREAM, (struct end){ "10.77.0.2", 1234 });
	listen(before_tcp, 1);
	before_udp = bound_socket(fx, fx->container[0], SOCK_DGRAM, (struct end){ "fd77::2", 1235 });
	return fixture_loader_with(fx, 0, 0, false) || fixture_attach(fx) || bpf_loader_attach_global(fx->loader);
}

static int teardown(void **state)
{
	fixture_free(fx);
	own_cgroup_leave();
	return 0;
}

static bool port_is(const struct pg_event *e, const char *text, void *arg)
{
	return e->port == htons(*(uint16_t *)arg);
}

static bool cookie_is(const struct pg_event *e, const char *text, void *arg)
{
	return e->cookie == *(uint64_t *)arg;
}

static uint64_t socket_cookie(int s)
{
	uint64_t c = 0;
	socklen_t len = sizeof(c);

	getsockopt(s, SOL_SOCKET, SO_COOKIE, &c, &len);
	return c;
}

/* ---- owners ---------------------------------------------------------------------------------------------- */
static void assert_ours(const struct pg_flow *f, int dir, uint64_t cookie)
{
	assert_int_equal(f->owner_tgid[dir], getpid());
	assert_int_not_equal(f->owner_start_ns[dir], 0);
	if (cookie)
		assert_int_equal(f->cookie[dir], cookie);
	if (!self_start_ns)
		self_start_ns = f->owner_start_ns[dir];
	assert_int_equal(f->owner_start_ns[dir], self_start_ns);
}

static uint16_t local_port(int s)
{
	struct sockaddr_in a;
	socklen_t len = sizeof(a);

	getsockname(s, (void *)&a, &len);
	return ntohs(a.sin_port);
}

static void test_owner_tcp(void **state)
{
	struct end to = { "10.77.0.3", 81 };
	struct flow_key k;
	struct pg_flow fl;
	int dir, l, c, s;
	uint64_t cookie;

	SKIP_UNLESS(fx);
	l = bound_socket(fx, fx->container[1], SOCK_STREAM, to);
	assert_int_equal(listen(l, 1), 0);
	c = socket_in(fx, fx->container[0], AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect_to(c, to), 0);
	cookie = socket_cookie(c);
	s = accept(l, NULL, NULL);
	k = key_of(fx->ns, IPPROTO_TCP, (struct end){ "10.77.0.2", local_port(c) }, to, &dir);
	assert_true(flow_get(fx, &k, &fl));
	assert_ours(&fl, dir, cookie);
	assert_ours(&fl, !dir, socket_cookie(s)); /* by its listener, from the SYN-ACK on */
	close(c);
	close(s);
	close(l);
}

/* The owner is known although the socket is closed before anything could have looked. */
static void test_owner_closed_at_once(void **state)
{
	struct end to = { "10.77.0.3", 9 };
	struct flow_key k;
	struct pg_flow fl;
	uint16_t port;
	int dir, c;

	SKIP_UNLESS(fx);
	/* 1000 byte/s, so that packets leave long after their sockets are gone (but for the first, which the bucket lets pass) */
	assert_int_equal(run_in(fx->container[0], "tc qdisc replace dev eth0 root tbf rate 8kbit burst 100 latency 60s"), 0);
	for (int i = 0; i < 5; i++) {
		c = bound_socket(fx, fx->container[0], SOCK_STREAM | SOCK_NONBLOCK, (struct end){ "10.77.0.2", 0 });
		port = local_port(c);
		connect_to(c, to);
		close(c);
		k = key_of(fx->ns, IPPROTO_TCP, (struct end){ "10.77.0.2", port }, to, &dir);
		for (int n = 0; n < 2000 && !flow_get(fx, &k, &fl); n++)
			usleep(1000);
		assert_true(flow_get(fx, &k, &fl));
		assert_ours(&fl, dir, 0);
		c = bound_socket(fx, fx->container[0], SOCK_DGRAM, (struct end){ "10.77.0.2", 0 });
		port = local_port(c);
		send_to(c, to, "x", 1);
		close(c);
		k = key_of(fx->ns, IPPROTO_UDP, (struct end){ "10.77.0.2", port }, to, &dir);
		for (int n = 0; n < 2000 && !flow_get(fx, &k, &fl); n++)
			usleep(1000);
		assert_true(flow_get(fx, &k, &fl));
		assert_ours(&fl, dir, 0);
	}
	assert_int_equal(run_in(fx->container[0], "tc qdisc del dev eth0 root"), 0);
}

static void test_owner_fastopen(void **state)
{
	struct end to = { "10.77.0.3", 82 };
	struct sockaddr_storage a;
	struct flow_key k;
	struct pg_flow fl;
	socklen_t len;
	int dir, l, c;

	SKIP_UNLESS(fx);
	l = bound_socket(fx, fx->container[1], SOCK_STREAM, to);
	assert_int_equal(listen(l, 1), 0);
	c = socket_in(fx, fx->container[0], AF_INET, SOCK_STREAM, 0);
	address_of(to, &a, &len);
	assert_int_equal(sendto(c, "hi", 2, MSG_FASTOPEN, (void *)&a, len), 2);
	k = key_of(fx->ns, IPPROTO_TCP, (struct end){ "10.77.0.2", local_port(c) }, to, &dir);
	assert_true(flow_get(fx, &k, &fl));
	assert_ours(&fl, dir, socket_cookie(c));
	close(c);
	close(l);
}

static void test_owner_udp(void **state)
{
	struct end to = { "10.77.0.3", 83 };
	struct flow_key k;
	struct pg_flow fl;
	int dir, c;

	SKIP_UNLESS(fx);
	c = socket_in(fx, fx->container[0], AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(send_to(c, to, "x", 1), 0);
	k = key_of(fx->ns, IPPROTO_UDP, (struct end){ "10.77.0.2", local_port(c) }, to, &dir);
	assert_true(flow_get(fx, &k, &fl));
	assert_ours(&fl, dir, socket_cookie(c));
	close(c);
	c = socket_in(fx, fx->container[0], AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(connect_to(c, to), 0);
	assert_int_equal(send(c, "x", 1, 0), 1);
	k = key_of(fx->ns, IPPROTO_UDP, (struct end){ "10.77.0.2", local_port(c) }, to, &dir);
	assert_true(flow_get(fx, &k, &fl));
	assert_ours(&fl, dir, socket_cookie(c));
	close(c);
}

static void test_owner_raw_icmp(void **state)
{
	struct icmphdr echo = { .type = ICMP_ECHO, .un.echo.id = htons(4711) };
	struct end from = { "10.77.0.2", 4711 }, to = { "10.77.0.3", 4711 };
	struct flow_key k;
	struct pg_flow fl;
	int dir, c;

	SKIP_UNLESS(fx);
	c = socket_in(fx, fx->container[0], AF_INET, SOCK_RAW, IPPROTO_ICMP);
	echo.checksum = (uint16_t)~(htons(0x0800) + htons(4711));
	assert_int_equal(send_to(c, (struct end){ to.addr, 0 }, &echo, sizeof(echo)), 0);
	k = key_of(fx->ns, IPPROTO_ICMP, from, to, &dir);
	assert_true(flow_get(fx, &k, &fl));
	assert_ours(&fl, dir, socket_cookie(c));
	close(c);
}

/* ---- listeners --------------------------------------------------------------------------------------------- */
static void test_listener_events(void **state)
{
	uint16_t port = 84;
	struct wanted w = { .type = PG_EV_LISTEN, .is = port_is, .arg = &port };
	struct flow_key k;
	uint64_t cookie;
	int l, dir;

	SKIP_UNLESS(fx);
	events_drop();
	l = bound_socket(fx, fx->container[1], SOCK_STREAM, (struct end){ "fd77::3", 84 });
	assert_int_equal(listen(l, 1), 0);
	cookie = socket_cookie(l);
	assert_int_equal(events_wait(&w), 1);
	k = key_of(0, 0, (struct end){ "fd77::3", 84 }, (struct end){ "ffff::", 0 }, &dir);
	assert_memory_equal(w.event.addr, k.addr[0], 16);
	assert_int_equal(w.event.proto, IPPROTO_TCP);
	assert_int_equal(w.event.tgid, getpid());
	assert_int_equal(w.event.cookie, cookie);
	assert_int_equal(w.event.netns_cookie, ns_cookie(fx->home, fx->container[1]));
	close(l);
	w = (struct wanted){ .type = PG_EV_CLOSE, .is = cookie_is, .arg = &cookie };
	assert_int_equal(events_wait(&w), 1);
	/* UDP: a port asked for is a listener, any port is a client */
	l = bound_socket(fx, fx->container[1], SOCK_DGRAM, (struct end){ "0.0.0.0", 84 });
	cookie = socket_cookie(l);
	w = (struct wanted){ .type = PG_EV_BIND, .is = port_is, .arg = &port };
	assert_int_equal(events_wait(&w), 1);
	assert_int_equal(w.event.cookie, cookie);
	assert_int_equal(w.event.addr[10], 0xff);
	assert_int_equal(w.event.addr[15], 0);
	close(l);
	w = (struct wanted){ .type = PG_EV_CLOSE, .is = cookie_is, .arg = &cookie };
	assert_int_equal(events_wait(&w), 1);
	l = bound_socket(fx, fx->container[1], SOCK_DGRAM, (struct end){ "0.0.0.0", 0 });
	cookie = socket_cookie(l);
	w = (struct wanted){ .type = PG_EV_BIND, .is = cookie_is, .arg = &cookie, .none = true };
	assert_int_equal(events_wait(&w), 0);
	close(l);
}

/* Who is bound to a port and sends: told once. Who waits to be sent to: not. */
static void test_bound_socket_that_sends(void **state)
{
	struct end to = { "10.77.0.3", 86 };
	struct wanted w = { .type = PG_EV_SENT, .is = cookie_is };
	uint64_t cookie;
	int s;

	SKIP_UNLESS(fx);
	for (int connected = 0; connected < 2; connected++) {
		events_drop();
		s = bound_socket(fx, fx->container[0], SOCK_DGRAM, (struct end){ "10.77.0.2", 8585 });
		cookie = socket_cookie(s);
		w.arg = &cookie;
		w.none = true;
		assert_int_equal(events_wait(&w), 0);
		w.none = false;
		if (connected)
			assert_int_equal(connect_to(s, to), 0);
		else
			assert_int_equal(send_to(s, to, "x", 1), 0);
		assert_int_equal(events_wait(&w), 1);
		assert_int_equal(w.event.tgid, getpid());
		assert_int_equal(send_to(s, to, "x", 1), 0);
		w.none = true;
		assert_int_equal(events_wait(&w), 0);
		close(s);
	}
}

/* Offers every record of an iterator; returns how many there were. */
static unsigned iter_read(enum msg_iter_kind kind, struct wanted *w)
{
	int fd = bpf_loader_iter(fx->loader, kind);
	static char buf[1 << 20];
	size_t len = 0, at = 0;
	unsigned n = 0;
	ssize_t r;

	assert_true(fd >= 0);
	while ((r = read(fd, buf + len, sizeof(buf) - len)) > 0)
		len += (size_t)r;
	assert_int_equal(r, 0);
	for (; at < len; n++) {
		struct {
			struct pg_event e;
			char text[PG_EVENT_TEXT_MAX];
		} one;

		assert_true(at + sizeof(one.e) <= len);
		memcpy(&one.e, buf + at, sizeof(one.e));
		assert_true(one.e.text_len <= PG_EVENT_TEXT_MAX && at + sizeof(one.e) + one.e.text_len <= len);
		memcpy(&one, buf + at, sizeof(one.e) + one.e.text_len);
		wanted_offer(w, &one.e);
		at += sizeof(one.e) + one.e.text_len;
	}
	close(fd);
	return n;
}

/* An accepted socket begins as a copy of its listener: no event may say that a listener is gone. */
static void test_accepted_is_no_listener(void **state)
{
	uint16_t port = 86;
	struct wanted w = { .type = PG_EV_LISTEN, .is = port_is, .arg = &port };
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(86) };
	int l, c, s;

	SKIP_UNLESS(fx);
	inet_pton(AF_INET, "10.77.0.3", &to.sin_addr);
	l = bound_socket(fx, fx->container[1], SOCK_STREAM, (struct end){ "10.77.0.3", 86 });
	assert_int_equal(listen(l, 1), 0);
	assert_int_equal(events_wait(&w), 1);
	ns_go(fx->container[0]);
	c = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ns_go(fx->home);
	assert_int_equal(connect(c, (struct sockaddr *)&to, sizeof(to)), 0);
	s = accept4(l, NULL, NULL, SOCK_CLOEXEC);
	assert_true(s >= 0);
	close(c);
	close(s);
	close(l);
	w = (struct wanted){ .type = PG_EV_CLOSE, .is = port_is, .arg = &port };
	assert_int_equal(events_wait(&w), 1); /* the listener's own */
}

static void test_iter_sockets(void **state)
{
	uint16_t tcp = 1234, udp = 1235;
	struct wanted w = { .type = PG_EV_LISTEN, .is = port_is, .arg = &tcp };
	struct pg_owner o;
	uint64_t cookie;
	int copy;

	SKIP_UNLESS(fx);
	copy = dup(before_tcp); /* one socket, two descriptors: told once */
	cookie = socket_cookie(before_tcp);
	iter_read(MSG_ITER_SOCKETS, &w);
	assert_int_equal(w.count, 1);
	assert_int_equal(w.event.cookie, cookie);
	assert_int_equal(w.event.tgid, getpid());
	assert_int_equal(w.event.flags & PG_EVF_ITER, PG_EVF_ITER);
	assert_int_equal(w.event.netns_cookie, ns_cookie(fx->home, fx->container[0]));
	w.count = 0;
	iter_read(MSG_ITER_SOCKETS, &w); /* and again in the next run */
	assert_int_equal(w.count, 1);
	w = (struct wanted){ .type = PG_EV_BIND, .is = port_is, .arg = &udp };
	iter_read(MSG_ITER_SOCKETS, &w);
	assert_int_equal(w.count, 1);
	assert_int_equal(bpf_map_lookup_elem(bpf_loader_map_fd(fx->loader, "sockets"), &cookie, &o), 0);
	assert_int_equal(o.tgid, getpid());
	assert_int_equal(o.flags & (PG_OWNER_ITER | PG_OWNER_LISTENER), PG_OWNER_ITER | PG_OWNER_LISTENER);
	close(copy);
}

/* ---- processes ------------------------------------------------------------------------------------------------ */
static bool tgid_is(const struct pg_event *e, const char *text, void *arg)
{
	return e->tgid == (uint32_t)*(pid_t *)arg;
}

/* A root of its own at /tmp/pg-root, in a mount namespace of its own; we are there afterwards. */
static void root_make(void)
{
	ns_go(fx->container[0]);
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		_exit(1);
	mkdir("/tmp/pg-root", 0700);
	if (mount("tmpfs", "/tmp/pg-root", "tmpfs", 0, NULL) || mkdir("/tmp/pg-root/usr", 0755) || mkdir("/tmp/pg-root/lib", 0755) ||
	    mkdir("/tmp/pg-root/lib64", 0755) || mount("/usr", "/tmp/pg-root/usr", NULL, MS_BIND, NULL) ||
	    mount("/lib", "/tmp/pg-root/lib", NULL, MS_BIND, NULL) || mount("/lib64", "/tmp/pg-root/lib64", NULL, MS_BIND, NULL) ||
	    mkdir("/tmp/pg-root/old", 0700) || chdir("/tmp/pg-root"))
		_exit(1);
}

static void sleep_run(void)
{
	execl("/usr/bin/sleep", "sleep", "0", (char *)NULL);
	_exit(127);
}

/* As the runtime does it, and without pivot_root (runc --no-pivot). */
static void run_pivoted(void)
{
	root_make();
	if (syscall(SYS_pivot_root, ".", "old") || chdir("/"))
		_exit(1);
	sleep_run();
}

static void run_moved(void)
{
	root_make();
	if (mount("/tmp/pg-root", "/", NULL, MS_MOVE, NULL) || chroot(".") || chdir("/"))
		_exit(1);
	sleep_run();
}

/* What calls itself /usr/bin/sleep, and lies elsewhere. */
static void run_chrooted(void)
{
	root_make();
	if (chroot("/tmp/pg-root") || chdir("/"))
		_exit(1);
	sleep_run();
}

static void exec_told(void (*run)(void), const char *path, uint32_t own_root)
{
	struct wanted w = { .type = PG_EV_EXEC, .is = tgid_is };
	pid_t pid;

	events_drop();
	pid = fork();
	if (pid == 0)
		run();
	w.arg = &pid;
	w.ending = pid;
	assert_int_equal(events_wait(&w), 1);
	assert_string_equal(w.path, path);
	assert_int_equal(w.event.flags & PG_EVF_OWN_ROOT, own_root);
	assert_string_equal(w.event.comm, "sleep");
	assert_int_equal(w.event.parent_tgid, getpid());
	assert_int_equal(w.event.netns_cookie, ns_cookie(fx->home, fx->container[0]));
	assert_int_not_equal(w.event.exe_ino, 0);
	waitpid(pid, NULL, 0);
	if (!w.ended)
		events_wait(&w);
	assert_int_equal(w.ended, 1);
	rmdir("/tmp/pg-root");
}

static void test_process_events(void **state)
{
	SKIP_UNLESS(fx);
	exec_told(run_pivoted, "/usr/bin/sleep", 0);
	exec_told(run_moved, "/usr/bin/sleep", 0);
	exec_told(run_chrooted, "/tmp/pg-root/usr/bin/sleep", PG_EVF_OWN_ROOT);
}

static void test_process_memfd(void **state)
{
	struct wanted w = { .type = PG_EV_EXEC, .is = tgid_is };
	pid_t pid;

	SKIP_UNLESS(fx);
	events_drop();
	pid = fork();
	if (pid == 0) {
		static char buf[1 << 20];
		int in = open("/bin/true", O_RDONLY), m = memfd_create("ghost", MFD_CLOEXEC);
		char *argv[] = { (char *)"x", NULL }, *env[] = { NULL };
		ssize_t n = read(in, buf, sizeof(buf));

		ns_go(fx->container[0]);
		if (write(m, buf, (size_t)n) != n)
			_exit(1);
		syscall(SYS_execveat, m, "", argv, env, AT_EMPTY_PATH);
		_exit(127);
	}
	w.arg = &pid;
	w.ending = pid;
	assert_int_equal(events_wait(&w), 1);
	assert_int_equal(w.event.flags & PG_EVF_MEMFD, PG_EVF_MEMFD);
	assert_string_equal(w.path, "memfd:ghost");
	waitpid(pid, NULL, 0);
	if (!w.ended)
		events_wait(&w);
	assert_int_equal(w.ended, 1);
}

static void test_iter_processes(void **state)
{
	char exe[PG_TEXT_MAX] = {};
	pid_t self = getpid();
	struct wanted w = { .type = PG_EV_PROCESS, .is = tgid_is, .arg = &self };

	SKIP_UNLESS(fx);
	assert_true(iter_read(MSG_ITER_PROCESSES, &w) >= 2);
	assert_int_equal(w.count, 1);
	assert_true(readlink("/proc/self/exe", exe, sizeof(exe) - 1) > 0);
	assert_string_equal(w.path, exe);
	assert_int_equal(w.event.parent_tgid, getppid());
	assert_int_equal(w.event.uid, 0);
}

static bool text_ends(const struct pg_event *e, const char *text, void *arg)
{
	size_t n = strlen(text), m = strlen(arg);

	return n >= m && strcmp(text + n - m, arg) == 0;
}

static void test_cgroup_made(void **state)
{
	static const char *const roots[] = { "/sys/fs/cgroup/unified", "/sys/fs/cgroup" };
	char path[128], name[64];
	struct wanted w = { .type = PG_EV_CGROUP, .is = text_ends, .arg = name };
	struct stat st;

	SKIP_UNLESS(fx);
	snprintf(name, sizeof(name), "/pg-bpf-test-%d", getpid());
	events_drop();
	for (size_t i = 0; i < ARRAY_SIZE(roots); i++) {
		snprintf(path, sizeof(path), "%s/cgroup.controllers", roots[i]);
		if (access(path, F_OK) == 0) {
			snprintf(path, sizeof(path), "%s%s", roots[i], name);
			break;
		}
	}
	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(stat(path, &st), 0);
	rmdir(path);
	assert_int_equal(events_wait(&w), 1);
	assert_int_equal(w.event.cgroup, st.st_ino);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_owner_tcp),      cmocka_unit_test(test_owner_closed_at_once),
		cmocka_unit_test(test_owner_fastopen), cmocka_unit_test(test_owner_udp),
		cmocka_unit_test(test_bound_socket_that_sends),
		cmocka_unit_test(test_owner_raw_icmp), cmocka_unit_test(test_listener_events),
		cmocka_unit_test(test_accepted_is_no_listener),
		cmocka_unit_test(test_iter_sockets),   cmocka_unit_test(test_process_events),
		cmocka_unit_test(test_process_memfd),  cmocka_unit_test(test_iter_processes),
		cmocka_unit_test(test_cgroup_made),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, teardown);
}
