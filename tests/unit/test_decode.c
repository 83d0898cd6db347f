/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Decode: frames written as hex, what is read in them as one line of text. Every frame is also cut at every length, in the
 * capture and on the wire: never read beyond, never a key of what is not there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "flows/decode.h"
#include "tests/unit/decode_frames.h"

static void addr_text(const uint8_t a[16], char *out, size_t len)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (!memcmp(a, mapped, 12))
		inet_ntop(AF_INET, a + 12, out, (socklen_t)len);
	else
		inet_ntop(AF_INET6, a, out, (socklen_t)len);
}

static void describe(enum packet_result r, const struct packet_view *v, char *out, size_t len)
{
	char src[64], dst[64], extra[200] = "";
	size_t n = 0;

	if (r != PACKET_OK) {
		snprintf(out, len, "%s", packet_result_name(r));
		return;
	}
	addr_text(v->key.addr[v->dir], src, sizeof(src));
	addr_text(v->key.addr[!v->dir], dst, sizeof(dst));
	if (v->tcp_flags)
		n += (size_t)snprintf(extra + n, sizeof(extra) - n, " flags %02x seq %u", v->tcp_flags, v->tcp_seq);
	if (v->vlan_count)
		n += (size_t)snprintf(extra + n, sizeof(extra) - n, " vlan %u", v->vlan[0]);
	if (v->vlan_count > 1)
		n += (size_t)snprintf(extra + n, sizeof(extra) - n, ".%u", v->vlan[1]);
	if (v->frag_first || v->frag_later)
		n += (size_t)snprintf(extra + n, sizeof(extra) - n, " frag %s", v->frag_first ? "first" : "later");
	if (v->vxlan_layers)
		n += (size_t)snprintf(extra + n, sizeof(extra) - n, " vni %u layers %u", v->vni, v->vxlan_layers);
	if (v->group_dst)
		snprintf(extra + n, sizeof(extra) - n, " group");
	snprintf(out, len, "%u %s:%u > %s:%u payload %u/%u%s", v->key.proto, src, ntohs(v->key.port[v->dir]), dst,
		 ntohs(v->key.port[!v->dir]), v->payload_cap_len, v->payload_len, extra);
}

static void test_frames(void **state)
{
	uint8_t frame[512];
	char got[400];
	struct packet_view v;
	enum packet_result r;
	unsigned i;
	size_t n;

	for (i = 0; i < ROWS; i++) {
		n = unhex(rows[i].hex, frame, sizeof(frame));
		r = decode_frame(frame, n, n, rows[i].link, DECODE_VXLAN_PORT, 7, &v);
		describe(r, &v, got, sizeof(got));
		if (strcmp(got, rows[i].want))
			fail_msg("row %u:\n  got  %s\n  want %s", i, got, rows[i].want);
		if (r == PACKET_OK)
			assert_int_equal(v.key.ns, 7);
	}
}

/* Exact copies on the heap, so that ASan sees a read beyond. */
static void test_every_cut(void **state)
{
	uint8_t frame[512], *copy;
	struct packet_view whole, v;
	enum packet_result full, r;
	unsigned i;
	size_t n, cut;

	for (i = 0; i < ROWS; i++) {
		n = unhex(rows[i].hex, frame, sizeof(frame));
		full = decode_frame(frame, n, n, rows[i].link, DECODE_VXLAN_PORT, 7, &whole);
		for (cut = 0; cut < n; cut++) {
			copy = malloc(cut ? cut : 1);
			memcpy(copy, frame, cut);
			/* cut by the capture: never called malformed if it is fine, and the same key if there is one */
			r = decode_frame(copy, cut, n, rows[i].link, DECODE_VXLAN_PORT, 7, &v);
			if (full == PACKET_OK && r == PACKET_OK && v.vxlan_layers == whole.vxlan_layers && !whole.frag_first)
				assert_memory_equal(&v.key, &whole.key, sizeof(v.key));
			if (full == PACKET_OK)
				assert_int_not_equal(r, PACKET_MALFORMED);
			if (r == PACKET_OK && v.payload)
				assert_true(v.payload >= copy && v.payload + v.payload_cap_len <= copy + cut);
			if (r == PACKET_OK)
				assert_true(v.payload_cap_len <= v.payload_len);
			/* cut on the wire */
			r = decode_frame(copy, cut, cut, rows[i].link, DECODE_VXLAN_PORT, 7, &v);
			assert_int_not_equal(r, PACKET_CUT);
			free(copy);
		}
	}
}

static void test_vxlan_depth_and_port(void **state)
{
	static const char inner[] = ETH "0800 4500001fabcd4000 40110000 0a000102 0a000103" UDP_DATA;
	uint8_t frame[1024], tmp[1024];
	struct packet_view v;
	size_t n = unhex(inner, frame, sizeof(frame));
	unsigned layer;

	for (layer = 1; layer <= 6; layer++) {
		static const char head[] = ETH "0800 45000000abcd4000 40110000 0a000001 0a000002 9c40 12b5 0000 0000 0800000000000900";
		size_t h = unhex(head, tmp, sizeof(tmp));

		memcpy(tmp + h, frame, n);
		tmp[16] = (uint8_t)((h - 14 + n) >> 8);
		tmp[17] = (uint8_t)(h - 14 + n);
		memcpy(frame, tmp, h + n);
		n += h;
		assert_int_equal(decode_frame(frame, n, n, PACKET_LINK_ETHERNET, DECODE_VXLAN_PORT, 1, &v), PACKET_OK);
		assert_int_equal(v.vxlan_layers, layer < DECODE_VXLAN_MAX ? layer : DECODE_VXLAN_MAX);
		assert_int_equal(v.key.addr[0][14], layer <= DECODE_VXLAN_MAX ? 1 : 0);
		assert_int_equal(v.frame_len, n - v.vxlan_layers * 50);
		assert_int_equal(v.outer[0][15], 1);
		assert_int_equal(v.outer[1][15], 2);
		/* not asked to look inside, or another port */
		assert_int_equal(decode_frame(frame, n, n, PACKET_LINK_ETHERNET, 0, 1, &v), PACKET_OK);
		assert_int_equal(v.vxlan_layers, 0);
		assert_int_equal(decode_frame(frame, n, n, PACKET_LINK_ETHERNET, 8472, 1, &v), PACKET_OK);
		assert_int_equal(v.vxlan_layers, 0);
	}
}

/* Before segmentation (GSO on a veth): total length 0, more than 64 KiB on the wire. */
static void test_big_tcp(void **state)
{
	uint8_t frame[128];
	struct packet_view v;
	size_t n = unhex(ETH "0800" V4("0000", "06") TCP_DATA, frame, sizeof(frame));

	assert_int_equal(decode_frame(frame, n, 100000, PACKET_LINK_ETHERNET, 0, 1, &v), PACKET_OK);
	assert_int_equal(v.payload_len, 100000 - 54);
	assert_int_equal(v.payload_cap_len, 5);
	assert_int_equal(decode_frame(frame, n, n, PACKET_LINK_ETHERNET, 0, 1, &v), PACKET_MALFORMED);
}

static void test_linktypes(void **state)
{
	static const struct { int type, want; } types[] = {
		{ 0, PACKET_LINK_NULL }, { 1, PACKET_LINK_ETHERNET }, { 12, PACKET_LINK_RAW }, { 101, PACKET_LINK_RAW },
		{ 108, PACKET_LINK_LOOP }, { 113, PACKET_LINK_SLL }, { 228, PACKET_LINK_RAW }, { 229, PACKET_LINK_RAW },
		{ 276, PACKET_LINK_SLL2 }, { 105, -1 }, { -1, -1 },
	};
	enum packet_link link = PACKET_LINK_MAX;
	unsigned i;

	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (types[i].want < 0) {
			assert_int_equal(packet_link_of_linktype(types[i].type, &link), -EPROTONOSUPPORT);
			continue;
		}
		assert_int_equal(packet_link_of_linktype(types[i].type, &link), 0);
		assert_int_equal(link, types[i].want);
	}
	assert_int_equal(decode_frame("", 0, 0, PACKET_LINK_MAX, 0, 0, &(struct packet_view){ 0 }), PACKET_MALFORMED);
}

static void test_speed(void **state)
{
	enum { N = 1000000 };
	uint8_t frame[256];
	struct packet_view v;
	size_t n = unhex(ETH "0800" V4("002d", "06") TCP_DATA, frame, sizeof(frame));
	uint64_t t0 = clock_mono_ns(), sum = 0;
	unsigned i;

	for (i = 0; i < N; i++) {
		frame[33] = (uint8_t)i;
		decode_frame(frame, n, n, PACKET_LINK_ETHERNET, DECODE_VXLAN_PORT, 1, &v);
		sum += v.payload_len;
	}
	assert_int_equal(sum, 5ul * N);
	print_message("# decode %llu ns\n", (unsigned long long)(clock_mono_ns() - t0) / N);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frames),    cmocka_unit_test(test_every_cut), cmocka_unit_test(test_vxlan_depth_and_port),
		cmocka_unit_test(test_big_tcp),   cmocka_unit_test(test_linktypes), cmocka_unit_test(test_speed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
