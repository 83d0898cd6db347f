/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The flow programs run on frames of our making (BPF_PROG_TEST_RUN): cut at every byte, bent at random; and what a packet
 * costs, for information. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "sensor/bpf/first_bytes.h"
#include "tests/unit/bpf_fixture.h"

#include <linux/bpf.h>

#define SKIP_UNLESS(f) \
	if (!(f))      \
	skip()

static struct fixture *fx;
static int prog_in = -1, prog_out = -1;

static int setup(void **state)
{
	fx = fixture_new();
	if (!fx)
		return 0;
	if (fixture_net(fx) || fixture_loader_with(fx, 65536, 65536, false) || fixture_attach(fx))
		return -1;
	prog_in = fixture_program_of(fx, "in");
	prog_out = fixture_program_of(fx, "out");
	return prog_in < 0 || prog_out < 0;
}

static int teardown(void **state)
{
	close(prog_in);
	close(prog_out);
	fixture_free(fx);
	return 0;
}

static int run(int prog, const void *frame, uint32_t len, uint32_t via, int repeat, uint32_t *ret_ns)
{
	struct __sk_buff ctx = { .ifindex = fx->veth[0], .ingress_ifindex = via };
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = frame, .data_size_in = len, .ctx_in = &ctx, .ctx_size_in = sizeof(ctx),
		    .repeat = repeat);
	int r;

	ns_go(fx->node);
	r = bpf_prog_test_run_opts(prog, &o);
	ns_go(fx->home);
	if (ret_ns)
		*ret_ns = o.duration;
	return r ? r : (int)o.retval;
}

#define MACS 0x02, 0, 0, 0, 0, 1, 0x02, 0, 0, 0, 0, 2

static const uint8_t v4_tcp[] = {
	MACS, 8, 0, 0x46, 0, 0, 62, 0, 1, 0, 0, 64, 6, 0, 0, 10, 77, 0, 2, 10, 77, 0, 3, 1, 1, 1, 1, /* one word of options */
	0x30, 0x39, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x60, 0x18, 1, 0, 0, 0, 0, 0, 1, 1, 1, 1,
	'G', 'E', 'T', ' ', '/', ' ', 'H', 'T', 'T', 'P', '/', '1', '.', '0',
};
static const uint8_t v6_udp[] = { /* hop-by-hop, destination options, fragment (first), UDP */
	MACS, 0x86, 0xdd, 0x60, 0, 0, 0, 0, 36, 0, 64, 0xfd, 0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2,
	0xfd, 0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3,
	60, 0, 1, 4, 0, 0, 0, 0, 44, 0, 1, 4, 0, 0, 0, 0, 17, 0, 0, 1, 0, 0, 0, 7,
	0x10, 0, 0x10, 1, 0, 12, 0, 0, 'd', 'a', 't', 'a',
};
static const uint8_t vlan_icmp[] = {
	MACS, 0x81, 0, 0, 5, 0x81, 0, 0, 6, 8, 0, 0x45, 0, 0, 32, 0, 1, 0, 0, 64, 1, 0, 0, 10, 77, 0, 2, 10, 77, 0, 3,
	8, 0, 0, 0, 0x12, 0x34, 0, 1, 'p', 'i', 'n', 'g',
};

static const struct {
	const uint8_t *frame;
	uint32_t len;
} frames[] = { { v4_tcp, sizeof(v4_tcp) }, { v6_udp, sizeof(v6_udp) }, { vlan_icmp, sizeof(vlan_icmp) } };

/* A frame cut anywhere is counted as malformed, or, whole, as its flow. */
static void test_cut_everywhere(void **state)
{
	uint64_t seen, counted, malformed;

	SKIP_UNLESS(fx);
	for (size_t f = 0; f < ARRAY_SIZE(frames); f++) {
		unsigned ran = 0;

		seen = counter(fx, PG_CTR_SEEN);
		counted = counter(fx, PG_CTR_COUNTED);
		malformed = counter(fx, PG_CTR_MALFORMED);
		for (uint32_t len = 15; len <= frames[f].len; len++) /* the kernel may refuse to run the shortest */
			ran += run(prog_in, frames[f].frame, len, 0, 1, NULL) == -1;
		assert_true(ran > 10 && ran <= frames[f].len - 14);
		assert_int_equal(counter(fx, PG_CTR_SEEN) - seen, ran);
		assert_int_equal(counter(fx, PG_CTR_COUNTED) - counted, 1);
		assert_int_equal(counter(fx, PG_CTR_MALFORMED) - malformed, ran - 1);
	}
	assert_balance(fx);
}

/* The same numbers in every run (xorshift32). */
static uint32_t next_random(void)
{
	static uint32_t x = 4711;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return x;
}

static void test_bent_at_random(void **state)
{
	uint8_t frame[128];
	uint64_t seen, n = 0;

	SKIP_UNLESS(fx);
	seen = counter(fx, PG_CTR_SEEN);
	for (int i = 0; i < 20000; i++) {
		size_t f = next_random() % ARRAY_SIZE(frames);
		uint32_t len = frames[f].len - next_random() % 8;

		memcpy(frame, frames[f].frame, frames[f].len);
		for (uint32_t b = next_random() % 4 + 1; b > 0; b--)
			frame[12 + next_random() % (len - 12)] = (uint8_t)next_random();
		assert_int_equal(run(i & 1 ? prog_in : prog_out, frame, len, i & 2 ? fx->veth[1] : 0, 1, NULL), -1);
		n += (i & 1) || !(i & 2);
	}
	/* frames from a counted interface are counted elsewhere; what a bridge would have flooded is not ours either */
	assert_in_range(counter(fx, PG_CTR_SEEN) - seen, n / 2, n + 1000);
	assert_balance(fx);
}

static void test_later_fragment_gets_ports(void **state)
{
	uint8_t later[54] = { MACS, 8, 0, 0x45, 0, 0, 40, 0, 9, 0, 10, 64, 17, 0, 0, 10, 77, 0, 2, 10, 77, 0, 3 };
	uint8_t first[54] = { MACS, 8, 0, 0x45, 0, 0, 40, 0, 9, 0x20, 0, 64, 17, 0, 0, 10, 77, 0, 2, 10, 77, 0, 3, 0x10, 0, 0x10, 1 };
	struct flow_key k, none;
	struct pg_flow fl;
	int dir;

	SKIP_UNLESS(fx);
	flows_clear(fx);
	k = key_of(fx->ns, IPPROTO_UDP, (struct end){ "10.77.0.2", 4096 }, (struct end){ "10.77.0.3", 4097 }, &dir);
	none = key_of(fx->ns, IPPROTO_UDP, (struct end){ "10.77.0.2", 0 }, (struct end){ "10.77.0.3", 0 }, &dir);
	later[19] = 8; /* of a datagram whose first piece was not seen */
	run(prog_in, later, sizeof(later), 0, 1, NULL);
	assert_true(flow_get(fx, &none, &fl));
	assert_false(flow_get(fx, &k, &fl));
	later[19] = 9;
	run(prog_in, first, sizeof(first), 0, 1, NULL);
	run(prog_in, later, sizeof(later), 0, 1, NULL);
	assert_true(flow_get(fx, &k, &fl));
	assert_int_equal(fl.packets[dir], 2);
	assert_int_equal(fl.flags & PG_FLOW_FRAGMENTS, PG_FLOW_FRAGMENTS);
}

/* ---- first bytes that are recognised ---------------------------------------------------------------------------------------- */
#define MARK 0x00f00000u
#define CLIENT_START 0x50001000u
#define SERVER_START 0x800u
enum { SYN = 2, RST = 4, ACK = 16, URG = 32 };

static void put32(uint8_t *p, uint32_t v)
{
	v = htonl(v);
	memcpy(p, &v, 4);
}

/* One segment between client and service, by this interface; the mark that it has afterwards. */
static uint32_t segment_by(uint32_t ifindex, uint16_t port, bool server, uint8_t flags, uint32_t seq, uint32_t ack, const char *payload)
{
	uint8_t f[128] = { MACS, 8, 0, 0x45, 0, 0, 0, 0, 1, 0x40, 0, 64, 6, 0, 0, 10, 77, 0, 2, 10, 77, 0, 3 };
	uint16_t ends[2] = { htons(port), htons(80) };
	uint32_t len = 54 + (uint32_t)strlen(payload);
	struct __sk_buff in = { .ifindex = ifindex }, out = { 0 };
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = f, .data_size_in = len, .ctx_in = &in, .ctx_size_in = sizeof(in), .ctx_out = &out,
		    .ctx_size_out = sizeof(out), .repeat = 1);
	int r;

	f[17] = (uint8_t)(len - 14);
	f[29] = server ? 3 : 2;
	f[33] = server ? 2 : 3;
	memcpy(f + 34, &ends[server], 2);
	memcpy(f + 36, &ends[!server], 2);
	put32(f + 38, seq);
	put32(f + 42, ack);
	f[46] = 0x50;
	f[47] = flags;
	memcpy(f + 54, payload, strlen(payload));
	ns_go(fx->node);
	r = bpf_prog_test_run_opts(prog_in, &o);
	ns_go(fx->home);
	assert_int_equal(r, 0);
	return out.mark;
}

static uint32_t segment(uint16_t port, bool server, uint8_t flags, uint32_t seq, uint32_t ack, const char *payload)
{
	return segment_by(fx->veth[server], port, server, flags, seq, ack, payload);
}

/* A connection of that port is opened. */
static void opened(uint16_t port)
{
	assert_int_equal(segment(port, false, SYN, CLIENT_START - 1, 0, ""), 0);
	assert_int_equal(segment(port, true, SYN | ACK, SERVER_START - 1, CLIENT_START, ""), 0);
	assert_int_equal(segment(port, false, ACK, CLIENT_START, SERVER_START, ""), 0);
}

#define REQUEST "GET / HTTP/1.1\r\n\r\n"

static void test_first_bytes_marked(void **state)
{
	struct pg_checked_key k = { .addr = { [10] = 0xff, [11] = 0xff, [12] = 10, [13] = 77, [14] = 0, [15] = 3 }, .port = htons(80) };
	struct pg_checked v = { .mark = MARK, .apps = FIRST_HTTP };
	uint16_t port = 5000;

	SKIP_UNLESS(fx);
	flows_clear(fx);
	k.ns = fx->ns;
	opened(++port); /* nothing is checked there */
	assert_int_equal(segment(port, false, ACK, CLIENT_START, SERVER_START, REQUEST), 0);
	assert_int_equal(bpf_map_update_elem(bpf_loader_map_fd(fx->loader, "checked"), &k, &v, BPF_ANY), 0);
	opened(++port);
	assert_int_equal(segment(port, false, ACK, CLIENT_START, SERVER_START, REQUEST), (MARK & -MARK) * PG_CHECKED_FITS);
	assert_int_equal(segment(port, false, ACK, CLIENT_START, SERVER_START, REQUEST), 0); /* once */
	/* what no receiver takes for the first: connection tracking lets it pass, so it must not decide */
	for (uint32_t off = 0x10000; off; off <<= 1)
		for (int down = 0; down < 2; down++) {
			opened(++port);
			assert_int_equal(segment(port, false, ACK, down ? CLIENT_START - off : CLIENT_START + off, SERVER_START, REQUEST), 0);
			opened(++port);
			assert_int_equal(segment(port, false, ACK, CLIENT_START, down ? SERVER_START - off : SERVER_START + off, REQUEST), 0);
		}
	opened(++port);
	assert_int_equal(segment(port, false, 0, CLIENT_START, SERVER_START, REQUEST), 0);
	opened(++port);
	assert_int_equal(segment(port, false, RST | ACK, CLIENT_START, SERVER_START, REQUEST), 0);
	opened(++port);
	assert_int_equal(segment(port, false, URG | ACK, CLIENT_START, SERVER_START, REQUEST), 0);
	/* other bytes, and what comes after them */
	opened(++port);
	assert_int_equal(segment(port, false, ACK, CLIENT_START, SERVER_START, "SSH-2.0-a\r\n"), 0);
	assert_int_equal(segment(port, false, ACK, CLIENT_START, SERVER_START, REQUEST), 0);
	/* another SYN: nobody knows what is agreed on now */
	opened(++port);
	assert_int_equal(segment(port, false, SYN, CLIENT_START + 7, 0, ""), 0);
	assert_int_equal(segment(port, false, ACK, CLIENT_START, SERVER_START, REQUEST), 0);
	/* a client that answers itself */
	++port;
	assert_int_equal(segment(port, false, SYN, CLIENT_START - 1, 0, ""), 0);
	assert_int_equal(segment_by(fx->veth[0], port, true, SYN | ACK, SERVER_START - 1, CLIENT_START, ""), 0);
	assert_int_equal(segment(port, false, ACK, CLIENT_START, SERVER_START, REQUEST), 0);
	assert_int_equal(bpf_map_delete_elem(bpf_loader_map_fd(fx->loader, "checked"), &k), 0);
}

static void cost(const char *what, int prog, const uint8_t *frame, uint32_t len, uint32_t via)
{
	uint32_t ns, best = UINT32_MAX;

	for (int i = 0; i < 5; i++) {
		assert_int_equal(run(prog, frame, len, via, 100000, &ns), -1);
		if (ns < best)
			best = ns;
	}
	printf("# %-44s %u ns\n", what, best);
}

/* Mean over flows that are all new (single runs: the clock's own price is in it). */
static void cost_new_flows(const uint8_t *frame, uint32_t len)
{
	uint8_t f[128];
	uint64_t sum = 0;
	uint32_t ns;

	memcpy(f, frame, len);
	flows_clear(fx);
	for (int i = 0; i < 20000; i++) {
		f[34] = (uint8_t)(i >> 8);
		f[35] = (uint8_t)i;
		assert_int_equal(run(prog_in, f, len, 0, 1, &ns), -1);
		sum += ns;
	}
	assert_true(flows_count(fx, NULL) >= 20000);
	printf("# %-44s %u ns\n", "ingress, first packet of a flow", (unsigned)(sum / 20000));
	flows_clear(fx);
}

static void test_cost(void **state)
{
	uint8_t small[54];

	SKIP_UNLESS(fx);
	memcpy(small, v4_tcp, 14);
	memcpy(small + 14, v4_tcp + 14, 20);
	small[14] = 0x45;
	small[17] = 40;
	memcpy(small + 34, v4_tcp + 38, 20);
	small[46] = 0x50;
	cost_new_flows(small, sizeof(small));
	cost("ingress, TCP without payload, hot flow", prog_in, small, sizeof(small), 0);
	cost("ingress, TCP with payload, budget used", prog_in, v4_tcp, sizeof(v4_tcp), 0);
	cost("ingress, IPv6 with extension headers", prog_in, v6_udp, sizeof(v6_udp), 0);
	cost("egress, counted elsewhere", prog_out, small, sizeof(small), fx->veth[1]);
	cost("egress, from the node", prog_out, small, sizeof(small), 0);
	assert_balance(fx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cut_everywhere),
		cmocka_unit_test(test_later_fragment_gets_ports),
		cmocka_unit_test(test_bent_at_random),
		cmocka_unit_test(test_first_bytes_marked),
		cmocka_unit_test(test_cost),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, teardown);
}
