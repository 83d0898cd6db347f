/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Limits, refusals, samples: nothing is lost silently. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/bpf_fixture.h"

#include <sys/mman.h>

#include <linux/tcp.h>
#include <sys/epoll.h>

#define FLOWS_MAX 1024
#define HALF_OPEN_MAX 512
/* What one container gets of them. */
#define HALF_OPEN_ONE (HALF_OPEN_MAX * PG_SHARE_HALF / (PG_SHARE_HALF + 1))
#define FLOWS_ONE (FLOWS_MAX * PG_SHARE_ALL / (PG_SHARE_ALL + 1))
#define FLOWS_NEXT ((FLOWS_MAX - FLOWS_ONE) * PG_SHARE_ALL / (PG_SHARE_ALL + 1)) /* and the next one then */

#define SKIP_UNLESS(f) \
	if (!(f))      \
	skip()

static struct fixture *fx;

static int setup(void **state)
{
	fx = fixture_new();
	if (!fx)
		return 0;
	return fixture_net(fx) || fixture_loader_with(fx, FLOWS_MAX, HALF_OPEN_MAX, false) || fixture_attach(fx);
}

static int teardown(void **state)
{
	fixture_free(fx);
	return 0;
}

static struct pg_flow_gauge gauge(void)
{
	struct pg_flow_gauge g = {};
	uint32_t zero = 0;

	assert_int_equal(bpf_map_lookup_elem(bpf_loader_map_fd(fx->loader, "flow_gauge"), &zero, &g), 0);
	return g;
}

/* Removes all flows and keeps the gauge's books as core does. */
static void reap_all(void)
{
	struct pg_flow_gauge g = gauge();
	uint32_t zero = 0;

	struct pg_flow_share none = {};

	flows_clear(fx);
	for (uint32_t i = 0; i < PG_IF_SLOTS; i++)
		bpf_map_update_elem(bpf_loader_map_fd(fx->loader, "flow_shares"), &i, &none, BPF_ANY);
	g.reaped = g.opened;
	g.reaped_half = g.opened - g.promoted;
	assert_int_equal(bpf_map_update_elem(bpf_loader_map_fd(fx->loader, "flow_gauge"), &zero, &g, BPF_ANY), 0);
}

static void quiet(void)
{
	usleep(50000);
}

static bool share_get(int container, struct pg_flow_share *ret)
{
	for (uint32_t i = 0; i < PG_IF_SLOTS; i++)
		if (!bpf_map_lookup_elem(bpf_loader_map_fd(fx->loader, "flow_shares"), &i, ret) && ret->ifindex == fx->veth[container])
			return true;
	return false;
}

/* One-way datagrams to ever new ports: three quarters of the budget, the rest refused, to the packet and byte;
 * another container still gets its flows, and says so in its own name. */
static void test_half_open_refused(void **state)
{
	uint64_t refused, bytes, flows;
	struct pg_flow_share mine;
	struct pg_flow_gauge g;
	int a, b;

	SKIP_UNLESS(fx);
	assert_int_equal(run_in(fx->container[0], "ping -q -c1 10.77.0.3 >/dev/null"), 0); /* ARP done */
	quiet();
	reap_all();
	refused = counter(fx, PG_CTR_REFUSED_HALF);
	bytes = counter(fx, PG_CTR_REFUSED_HALF_BYTES);
	a = bound_socket(fx, fx->container[0], SOCK_DGRAM, (struct end){ "10.77.0.2", 4000 });
	/* to an address that nobody has would need ARP; port unreachable answers would make ICMP flows */
	assert_int_equal(run_in(fx->container[1], "echo 0 > /proc/sys/net/ipv4/icmp_ratelimit; ip route add blackhole 10.77.0.2/32"), 0);
	for (int i = 0; i < 2000; i++)
		send_to(a, (struct end){ "10.77.0.3", (uint16_t)(10000 + i) }, "0123456789", 10);
	flows = flows_count(fx, NULL);
	g = gauge();
	assert_int_equal(flows, HALF_OPEN_ONE);
	assert_int_equal(g.opened - g.promoted - g.reaped_half, HALF_OPEN_ONE);
	assert_int_equal(counter(fx, PG_CTR_REFUSED_HALF) - refused, 2000 - HALF_OPEN_ONE);
	assert_int_equal(counter(fx, PG_CTR_REFUSED_HALF_BYTES) - bytes, (2000 - HALF_OPEN_ONE) * (14 + 28 + 10));
	assert_true(share_get(0, &mine));
	assert_int_equal(mine.half, HALF_OPEN_ONE);
	assert_int_equal(mine.refused, 2000 - HALF_OPEN_ONE);
	assert_int_equal(run_in(fx->container[1], "ip route del blackhole 10.77.0.2/32"), 0);
	/* the other one: 60 of what is left */
	assert_int_equal(run_in(fx->container[0], "ip route add blackhole 10.77.0.3/32"), 0);
	b = bound_socket(fx, fx->container[1], SOCK_DGRAM, (struct end){ "10.77.0.3", 4000 });
	for (int i = 0; i < 60; i++)
		send_to(b, (struct end){ "10.77.0.2", (uint16_t)(10000 + i) }, "0123456789", 10);
	assert_int_equal(flows_count(fx, NULL), HALF_OPEN_ONE + 60);
	assert_true(share_get(1, &mine));
	assert_int_equal(mine.half, 60);
	assert_int_equal(mine.refused, 0);
	assert_balance(fx);
	assert_int_equal(run_in(fx->container[0], "ip route del blackhole 10.77.0.3/32"), 0);
	close(a);
	close(b);
}

/* Two-way flows do not use the half-open budget; of the table one container gets seven eighths. The answers to what was
 * refused are flows of their own, of the other container's share. */
static void test_full_refused(void **state)
{
	uint64_t refused, bytes, half;
	char buf[16];
	int a, b;

	SKIP_UNLESS(fx);
	quiet();
	reap_all();
	refused = counter(fx, PG_CTR_REFUSED_FULL);
	bytes = counter(fx, PG_CTR_REFUSED_FULL_BYTES);
	half = counter(fx, PG_CTR_REFUSED_HALF);
	a = bound_socket(fx, fx->container[0], SOCK_DGRAM, (struct end){ "10.77.0.2", 4000 });
	for (int i = 0; i < FLOWS_ONE + 200; i++) {
		struct end to = { "10.77.0.3", (uint16_t)(10000 + i) };

		b = bound_socket(fx, fx->container[1], SOCK_DGRAM, to);
		assert_int_equal(send_to(a, to, "x", 1), 0);
		assert_int_equal(send_to(b, (struct end){ "10.77.0.2", 4000 }, "y", 1), 0);
		assert_true(readable(a, 1000));
		assert_int_equal(recv(a, buf, sizeof(buf), 0), 1);
		close(b);
	}
	assert_int_equal(flows_count(fx, NULL), FLOWS_ONE + FLOWS_NEXT);
	assert_int_equal(counter(fx, PG_CTR_REFUSED_HALF), half);
	assert_int_equal(counter(fx, PG_CTR_REFUSED_FULL) - refused, 2 * 200 - FLOWS_NEXT);
	assert_int_equal(counter(fx, PG_CTR_REFUSED_FULL_BYTES) - bytes, (2 * 200 - FLOWS_NEXT) * (14 + 28 + 1));
	assert_int_equal(gauge().opened - gauge().reaped, FLOWS_ONE + FLOWS_NEXT);
	assert_balance(fx);
	close(a);
	reap_all();
}

/* ---- samples ---------------------------------------------------------------------------------------- */
struct got {
	unsigned count, bytes[2], last, cut;
	uint16_t port; /* only flows with this port, network byte order */
	char text[2][4096];
	uint8_t flags[2];
	struct pg_sample head;
};

static int on_sample(void *arg, void *data, size_t len)
{
	struct got *g = arg;
	struct pg_sample s;

	memcpy(&s, data, sizeof(s));
	assert_int_equal(s.version, PG_ABI_VERSION);
	assert_true(len >= sizeof(s) + s.cap_len);
	assert_in_range(s.cap_len, 1, PG_SAMPLE_MAX);
	if (s.key.port[0] != g->port && s.key.port[1] != g->port)
		return 0;
	g->count++;
	g->head = s;
	g->flags[s.dir] = s.flags;
	g->last += !!(s.flags & PG_SAMPLE_LAST);
	g->cut += !!(s.flags & PG_SAMPLE_CUT);
	if (g->bytes[s.dir] + s.cap_len < sizeof(g->text[0]))
		memcpy(g->text[s.dir] + g->bytes[s.dir], (char *)data + sizeof(s), s.cap_len);
	g->bytes[s.dir] += s.cap_len;
	return 0;
}

static void samples_read(struct got *g)
{
	struct ring_buffer *r = ring_buffer__new(bpf_loader_map_fd(fx->loader, "samples"), on_sample, g, NULL);

	for (int i = 0; i < 3; i++)
		ring_buffer__poll(r, 20);
	ring_buffer__free(r);
}

static void test_samples_tcp(void **state)
{
	struct end to = { "10.77.0.3", 85 };
	struct got g = { .port = htons(85) };
	static char buf[8192];
	int l, c, s;

	SKIP_UNLESS(fx);
	l = bound_socket(fx, fx->container[1], SOCK_STREAM, to);
	assert_int_equal(listen(l, 1), 0);
	c = socket_in(fx, fx->container[0], AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect_to(c, to), 0);
	s = accept(l, NULL, NULL);
	assert_int_equal(send(c, "GET / HTTP/1.1\r\n", 16, 0), 16);
	assert_true(readable(s, 1000));
	memset(buf, 'A', sizeof(buf));
	assert_int_equal(send(s, buf, 5000, 0), 5000); /* one GSO skb, more than one sample may hold */
	assert_true(readable(c, 1000));
	recv(c, buf, sizeof(buf), 0);
	assert_int_equal(send(c, "more", 4, 0), 4);
	assert_true(readable(s, 1000));
	samples_read(&g);
	assert_int_equal(g.count, 3);
	/* 10.77.0.2 < 10.77.0.3: the client is end 0 */
	assert_memory_equal(g.text[0], "GET / HTTP/1.1\r\nmore", 20);
	assert_int_equal(g.flags[0], PG_SAMPLE_SYN_DIR_KNOWN | PG_SAMPLE_CLIENT_SENT | PG_SAMPLE_START_KNOWN);
	assert_int_equal(g.head.dir, 0);
	assert_int_equal((uint16_t)(g.head.tcp_seq - g.head.start), 16); /* "more" stands after the request */
	assert_int_equal(g.bytes[1], PG_SAMPLE_STREAM_MAX);
	assert_int_equal(g.flags[1], PG_SAMPLE_SYN_DIR_KNOWN | PG_SAMPLE_CUT | PG_SAMPLE_START_KNOWN);
	assert_int_equal(g.head.end_if[0], fx->veth[0]);
	assert_int_equal(g.head.end_if[1], fx->veth[1]);
	close(c);
	close(s);
	close(l);
}

static void test_samples_budget_and_inspected(void **state)
{
	struct end from = { "10.77.0.2", 86 }, to = { "10.77.0.3", 87 };
	struct got g = { .port = htons(86) };
	static char buf[PG_SAMPLE_MAX];
	struct flow_key k;
	struct pg_flow fl;
	struct pg_inspected *t;
	int a, dir;

	SKIP_UNLESS(fx);
	t = mmap(NULL, sizeof(*t), PROT_READ | PROT_WRITE, MAP_SHARED, bpf_loader_map_fd(fx->loader, "inspected"), 0);
	assert_true(t != MAP_FAILED);
	memset(buf, 'B', sizeof(buf));
	k = key_of(fx->ns, IPPROTO_UDP, from, to, &dir);
	a = bound_socket(fx, fx->container[0], SOCK_DGRAM, from);
	for (int i = 0; i < 10; i++)
		assert_int_equal(send_to(a, to, buf, 700), 0);
	samples_read(&g);
	assert_int_equal(g.bytes[dir], PG_SAMPLE_DATAGRAM_BUDGET);
	assert_int_equal(g.count, 5);
	assert_int_equal(g.last, 1);
	assert_true(flow_get(fx, &k, &fl));
	assert_int_equal(fl.sampled[dir], PG_SAMPLE_DATAGRAM_BUDGET);
	assert_int_equal(fl.packets[dir], 10);
	close(a);
	/* a large datagram is whole, and the next one */
	from.port = 95;
	g = (struct got){ .port = htons(95) };
	a = bound_socket(fx, fx->container[0], SOCK_DGRAM, from);
	memset(buf, 'C', sizeof(buf));
	buf[PG_SAMPLE_MAX - 1] = 'c';
	for (int i = 0; i < 3; i++)
		assert_int_equal(send_to(a, to, buf, PG_SAMPLE_MAX), 0);
	samples_read(&g);
	assert_int_equal(g.count, 3);
	assert_int_equal(g.cut, 1);
	assert_int_equal(g.bytes[dir], PG_SAMPLE_DATAGRAM_BUDGET);
	assert_int_equal(g.text[dir][PG_SAMPLE_MAX - 1], 'c');
	assert_int_equal(g.text[dir][2 * PG_SAMPLE_MAX - 1], 'c');
	memset(buf, 'B', sizeof(buf));
	close(a);
	/* the count, not the bytes */
	from.port = 88;
	g = (struct got){ .port = htons(88) };
	a = bound_socket(fx, fx->container[0], SOCK_DGRAM, from);
	for (int i = 0; i < PG_SAMPLE_COUNT_MAX + 10; i++)
		assert_int_equal(send_to(a, to, buf, 1), 0);
	samples_read(&g);
	assert_int_equal(g.count, PG_SAMPLE_COUNT_MAX);
	assert_int_equal(g.last, 1);
	close(a);
	/* the inspector has its answer after the second */
	from.port = 89;
	g = (struct got){ .port = htons(89) };
	k = key_of(fx->ns, IPPROTO_UDP, from, to, &dir);
	a = bound_socket(fx, fx->container[0], SOCK_DGRAM, from);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(send_to(a, to, buf, 5), 0);
		if (i != 1)
			continue;
		assert_true(flow_get(fx, &k, &fl));
		assert_int_not_equal(fl.serial, 0);
		t->serial[fl.serial % PG_INSPECTED_SLOTS] = fl.serial;
	}
	samples_read(&g);
	assert_int_equal(g.count, 2);
	assert_true(flow_get(fx, &k, &fl));
	assert_int_equal(fl.flags & PG_FLOW_INSPECTED, PG_FLOW_INSPECTED);
	assert_int_equal(fl.packets[dir], 10);
	close(a);
	/* another flow's number in the slot means nothing */
	from.port = 90;
	g = (struct got){ .port = htons(90) };
	k = key_of(fx->ns, IPPROTO_UDP, from, to, &dir);
	a = bound_socket(fx, fx->container[0], SOCK_DGRAM, from);
	assert_int_equal(send_to(a, to, buf, 5), 0);
	assert_true(flow_get(fx, &k, &fl));
	t->serial[fl.serial % PG_INSPECTED_SLOTS] = fl.serial + PG_INSPECTED_SLOTS;
	assert_int_equal(send_to(a, to, buf, 5), 0);
	samples_read(&g);
	assert_int_equal(g.count, 2);
	close(a);
	munmap(t, sizeof(*t));
}

/* Pieces of a datagram that begin within its first KiB, each with its place. */
static void test_samples_fragments(void **state)
{
	struct end from = { "10.77.0.2", 96 }, to = { "10.77.0.3", 97 };
	struct got g = { .port = htons(96) };
	static char buf[3000];
	int a, dir;

	SKIP_UNLESS(fx);
	assert_int_equal(run_in(fx->container[0], "ip link set eth0 mtu 700"), 0);
	key_of(fx->ns, IPPROTO_UDP, from, to, &dir);
	memset(buf, 'F', sizeof(buf));
	a = bound_socket(fx, fx->container[0], SOCK_DGRAM, from);
	assert_int_equal(send_to(a, to, buf, sizeof(buf)), 0);
	samples_read(&g);
	assert_int_equal(g.count, 2); /* at 0 and 680; the next is at 1360 */
	assert_int_equal(g.bytes[dir], 680 + 680);
	assert_int_equal(g.flags[dir], PG_SAMPLE_FRAGMENT | (dir ? 0 : PG_SAMPLE_CLIENT_SENT));
	assert_int_equal(g.head.fragment, 680 / 8 | PG_FRAGMENT_MORE);
	assert_memory_equal(g.text[dir], ((uint8_t[]){ 0, 96, 0, 97, 3008 >> 8, 3008 & 255 }), 6);
	assert_int_equal(g.text[dir][8], 'F');
	close(a);
	assert_int_equal(run_in(fx->container[0], "ip link set eth0 mtu 1500"), 0);
}

static void pair_open(struct end to, int ends[2])
{
	int one = 1, l = bound_socket(fx, fx->container[1], SOCK_STREAM, to);

	assert_int_equal(listen(l, 1), 0);
	ends[0] = socket_in(fx, fx->container[0], AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect_to(ends[0], to), 0);
	ends[1] = accept(l, NULL, NULL);
	assert_int_equal(setsockopt(ends[0], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)), 0);
	close(l);
}

/* Each byte in a segment of its own: the other end takes it and says so before the next goes. */
static void send_bytewise(const int ends[2], unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		char c = (char)('a' + i % 26);
		int one = 1;

		assert_int_equal(send(ends[0], &c, 1, 0), 1);
		assert_int_equal(recv(ends[1], &c, 1, 0), 1);
		assert_int_equal(setsockopt(ends[1], IPPROTO_TCP, TCP_QUICKACK, &one, sizeof(one)), 0);
	}
}

/* A stream that comes byte by byte is seen as far as any other. */
static void test_samples_bytewise(void **state)
{
	struct end to = { "10.77.0.3", 93 };
	struct got g = { .port = htons(93) };
	int ends[2];

	SKIP_UNLESS(fx);
	samples_read(&(struct got){ .port = 0 });
	quiet();
	reap_all();
	pair_open(to, ends);
	send_bytewise(ends, PG_SAMPLE_BUDGET + 100);
	samples_read(&g);
	assert_int_equal(g.bytes[0], PG_SAMPLE_BUDGET);
	assert_int_equal(g.last, 1);
	assert_int_equal(g.count, PG_SAMPLE_BUDGET);
	for (unsigned i = 0; i < PG_SAMPLE_BUDGET; i++)
		assert_int_equal(g.text[0][i], 'a' + i % 26);
	close(ends[0]);
	close(ends[1]);
}

/* A flood of single bytes that nobody reads leaves most of the ring to others. */
static void test_samples_bytewise_bounded(void **state)
{
	enum { PAIRS = 12, RECORD = 8 + sizeof(struct pg_sample) + 16 };
	struct got g = { .port = htons(94) };
	static char buf[1024];
	int ends[PAIRS][2], a;
	uint64_t lost;

	SKIP_UNLESS(fx);
	samples_read(&(struct got){ .port = 0 });
	quiet();
	reap_all();
	lost = counter(fx, PG_CTR_SAMPLE_LOST);
	for (int i = 0; i < PAIRS; i++) {
		pair_open((struct end){ "10.77.0.3", 94 }, ends[i]);
		send_bytewise(ends[i], PG_SAMPLE_BUDGET);
	}
	assert_true(counter(fx, PG_CTR_SAMPLE_LOST) > lost);
	lost = counter(fx, PG_CTR_SAMPLE_LOST);
	a = bound_socket(fx, fx->container[0], SOCK_DGRAM, (struct end){ "10.77.0.2", 95 });
	for (int i = 0; i < 2000; i++) /* a new flow each, 1 KiB each */
		assert_int_equal(send_to(a, (struct end){ "10.77.0.3", (uint16_t)(30000 + i % 300) }, buf, sizeof(buf)), 0);
	assert_int_equal(counter(fx, PG_CTR_SAMPLE_LOST), lost);
	samples_read(&g);
	assert_in_range(g.count * RECORD, PG_SAMPLES_SPARE_BYTES - RECORD, PG_SAMPLES_SPARE_BYTES + PAIRS * PG_SAMPLE_COUNT_MAX * RECORD);
	for (int i = 0; i < PAIRS; i++) {
		close(ends[i][0]);
		close(ends[i][1]);
	}
	close(a);
}

/* A reader that blocks is woken by the first record after a pause, and finds the others without one each. */
static void test_samples_wake(void **state)
{
	struct end to = { "10.77.0.3", 91 };
	int fd, e, a, wakes = 0;
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET }, out;

	SKIP_UNLESS(fx);
	fd = bpf_loader_map_fd(fx->loader, "samples");
	samples_read(&(struct got){ .port = 0 });
	usleep(30000);
	e = epoll_create1(EPOLL_CLOEXEC);
	assert_int_equal(epoll_ctl(e, EPOLL_CTL_ADD, fd, &ev), 0);
	a = bound_socket(fx, fx->container[0], SOCK_DGRAM, (struct end){ "10.77.0.2", 90 });
	for (int i = 0; i < 40; i++) {
		send_to(a, to, "x", 1);
		wakes += epoll_wait(e, &out, 1, 0);
	}
	assert_in_range(wakes, 1, 3);
	close(a);
	close(e);
}

/* A ring that is full loses samples countably, and the flows are counted all the same. */
static void test_samples_lost(void **state)
{
	static char buf[1024];
	uint64_t lost, got;
	struct got g = { .port = 0 };
	int a;

	SKIP_UNLESS(fx);
	samples_read(&g);
	quiet();
	reap_all();
	lost = counter(fx, PG_CTR_SAMPLE_LOST);
	got = counter(fx, PG_CTR_SAMPLES);
	/* 2 samples of 1 KiB a flow, 4 MiB of ring: about 3,900 fit */
	for (int i = 0; i < 2400; i++) {
		if (i % 300 == 0) {
			quiet();
			reap_all();
		}
		a = bound_socket(fx, fx->container[0], SOCK_DGRAM, (struct end){ "10.77.0.2", (uint16_t)(20000 + i) });
		send_to(a, (struct end){ "10.77.0.3", 92 }, buf, sizeof(buf));
		send_to(a, (struct end){ "10.77.0.3", 92 }, buf, sizeof(buf));
		close(a);
	}
	assert_true(counter(fx, PG_CTR_SAMPLE_LOST) > lost);
	assert_in_range(counter(fx, PG_CTR_SAMPLES) - got + counter(fx, PG_CTR_SAMPLE_LOST) - lost, 4800, 4800 + 4000);
	assert_balance(fx);
	g = (struct got){ .port = htons(92) };
	samples_read(&g);
	assert_in_range(g.count, 3000, 4000);
}

/* In a flood, by core's word, a flow's first datagram gives no sample, counted; what follows does. */
static void test_samples_in_flood(void **state)
{
	struct end from = { "10.77.0.2", 106 }, to = { "10.77.0.3", 107 };
	struct got got = { .port = htons(106) };
	struct pg_flow_gauge g;
	uint32_t zero = 0;
	uint64_t lost;
	int a, map;

	SKIP_UNLESS(fx);
	map = bpf_loader_map_fd(fx->loader, "flow_gauge");
	reap_all();
	samples_read(&got);
	got = (struct got){ .port = htons(106) };
	g = gauge();
	g.flooded = 1;
	assert_int_equal(bpf_map_update_elem(map, &zero, &g, BPF_ANY), 0);
	lost = counter(fx, PG_CTR_SAMPLE_LOST);
	a = bound_socket(fx, fx->container[0], SOCK_DGRAM, from);
	assert_int_equal(send_to(a, to, "one", 3), 0);
	samples_read(&got);
	assert_int_equal(got.count, 0);
	assert_int_equal(counter(fx, PG_CTR_SAMPLE_LOST) - lost, 1);
	assert_int_equal(send_to(a, to, "two", 3), 0);
	samples_read(&got);
	assert_int_equal(got.count, 1);
	g = gauge();
	g.flooded = 0;
	assert_int_equal(bpf_map_update_elem(map, &zero, &g, BPF_ANY), 0);
	close(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_samples_in_flood), cmocka_unit_test(test_half_open_refused), cmocka_unit_test(test_full_refused),
		cmocka_unit_test(test_samples_tcp),	  cmocka_unit_test(test_samples_budget_and_inspected),
		cmocka_unit_test(test_samples_bytewise),  cmocka_unit_test(test_samples_bytewise_bounded),
		cmocka_unit_test(test_samples_fragments), cmocka_unit_test(test_samples_wake),
		cmocka_unit_test(test_samples_lost),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, teardown);
}
