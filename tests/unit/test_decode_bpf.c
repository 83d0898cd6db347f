/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two parsers, one opinion: the same frames, whole, cut and bent at random, through the eBPF program (BPF_PROG_TEST_RUN) and
 * through flows/decode.c: same result, same key, same direction, same TCP flags. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/bpf_fixture.h"

#include <linux/bpf.h>

#include "tests/unit/decode_frames.h"

static struct fixture *fx;
static int prog = -1;

static int setup(void **state)
{
	fx = fixture_new();
	if (!fx)
		return 0;
	if (fixture_net(fx) || fixture_loader_with(fx, 65536, 65536, false) || fixture_attach(fx))
		return -1;
	prog = fixture_program_of(fx, "in");
	return prog < 0;
}

static int teardown(void **state)
{
	close(prog);
	fixture_free(fx);
	return 0;
}

/* False: the kernel does not run so short a frame. */
static bool run(const void *frame, uint32_t len)
{
	struct __sk_buff ctx = { .ifindex = fx->veth[0] };
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = frame, .data_size_in = len, .ctx_in = &ctx, .ctx_size_in = sizeof(ctx),
		    .repeat = 1);
	int r;

	ns_go(fx->node);
	r = bpf_prog_test_run_opts(prog, &o);
	ns_go(fx->home);
	return r == 0;
}

static unsigned agreed, of_result[PACKET_RESULT_MAX];

static void print_frame(const uint8_t *frame, uint32_t len)
{
	uint32_t i;

	printf("# frame ");
	for (i = 0; i < len; i++)
		printf("%02x", frame[i]);
	printf("\n");
}

/* Both parsers on one frame; what the eBPF program thought is read from its counters and from its flow. */
static void compare(const uint8_t *frame, uint32_t len, const char *what, unsigned row)
{
	static const enum pg_counter ctr[PACKET_RESULT_MAX] = {
		[PACKET_OK] = PG_CTR_COUNTED, [PACKET_NOT_IP] = PG_CTR_NOT_IP, [PACKET_MALFORMED] = PG_CTR_MALFORMED,
	};
	struct packet_view v;
	struct pg_flow fl;
	uint64_t before;
	enum packet_result r = decode_frame(frame, len, len, PACKET_LINK_ETHERNET, 0, fx->ns, &v);

	assert_int_not_equal(r, PACKET_CUT);
	before = counter(fx, ctr[r]);
	if (!run(frame, len))
		return;
	/* the kernel's own multicast in these namespaces is counted, too: one more or several more */
	if (counter(fx, ctr[r]) <= before) {
		print_frame(frame, len);
		fail_msg("%s %u, %u bytes: decode says %s, the eBPF program does not", what, row, len, packet_result_name(r));
	}
	agreed++;
	of_result[r]++;
	if (r != PACKET_OK)
		return;
	/* ports of later pieces come from the first one there; decode has no memory */
	if (!v.frag_later) {
		if (!flow_get(fx, &v.key, &fl)) {
			print_frame(frame, len);
			fail_msg("%s %u, %u bytes: other keys", what, row, len);
		}
		assert_int_equal(fl.packets[v.dir], 1);
		assert_int_equal(fl.packets[!v.dir], 0);
		assert_int_equal(fl.bytes[v.dir], v.frame_len);
		assert_int_equal(fl.tcp_flags[v.dir], v.tcp_flags);
		assert_int_equal(!!(fl.flags & PG_FLOW_FRAGMENTS), v.frag_first || v.frag_later);
	}
	flows_clear(fx);
}

/* Raw rows get an Ethernet header. */
static uint32_t frame_of(unsigned row, uint8_t *out, size_t max)
{
	static const uint8_t mac[12] = { 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1 };
	size_t n;

	if (rows[row].link == PACKET_LINK_ETHERNET)
		return (uint32_t)unhex(rows[row].hex, out, max);
	if (rows[row].link != PACKET_LINK_RAW)
		return 0;
	n = unhex(rows[row].hex, out + 14, max - 14);
	memcpy(out, mac, 12);
	out[12] = n && out[14] >> 4 == 6 ? 0x86 : 0x08;
	out[13] = n && out[14] >> 4 == 6 ? 0xdd : 0x00;
	return (uint32_t)n + 14;
}

static void test_whole_and_cut(void **state)
{
	uint8_t frame[512];
	unsigned i;
	uint32_t n, len;

	if (!fx)
		skip();
	for (i = 0; i < ROWS; i++) {
		n = frame_of(i, frame, sizeof(frame));
		for (len = n; len >= 14; len--)
			compare(frame, len, "row", i);
	}
	print_message("# %u agreed: %u flows, %u not IP, %u malformed\n", agreed, of_result[PACKET_OK], of_result[PACKET_NOT_IP],
		      of_result[PACKET_MALFORMED]);
	assert_true(of_result[PACKET_OK] > 40 && of_result[PACKET_MALFORMED] > 500 && of_result[PACKET_NOT_IP] > 2);
}

static void test_bent_at_random(void **state)
{
	uint8_t frame[512];
	unsigned i, k, row;
	unsigned seed = (unsigned)clock_mono_ns();
	uint32_t n;

	if (!fx)
		skip();
	print_message("# seed %u\n", seed);
	srand(seed);
	for (i = 0; i < 20000; i++) {
		row = (unsigned)rand() % ROWS;
		n = frame_of(row, frame, sizeof(frame));
		if (n <= 14)
			continue;
		for (k = 1 + (unsigned)rand() % 4; k > 0; k--)
			frame[12 + (unsigned)rand() % (n - 12)] = (uint8_t)rand();
		compare(frame, n - ((unsigned)rand() % 4 ? 0 : (uint32_t)rand() % (n - 14)), "bent row", row);
	}
	assert_balance(fx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole_and_cut),
		cmocka_unit_test(test_bent_at_random),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, teardown);
}
