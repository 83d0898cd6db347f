/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The inspector's life of a flow: when labels leave, when it has enough, what it does when full, when nothing is said. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "appid/results.h"
#include "base/clock.h"
#include "base/ipc.h"
#include "sensor/facts.h"
#include "base/cleanup.h"
#include "tests/unit/inspect_rig.h"

static struct ndpi_engine *engine;
static struct rig r;

static int setup(void **state)
{
	rig_init(&r, engine, 8);
	return 0;
}

static int teardown(void **state)
{
	rig_done(&r);
	return 0;
}

#define SAY(server, s) rig_say(&r, server, s, sizeof(s) - 1, 0)

static void test_label_first_then_final(void **state)
{
	struct msg_inspect_stats st;

	SAY(false, "GET /a HTTP/1.1\r\nHost: x.example\r\n\r\n");
	inspector_flush(r.insp);
	assert_int_equal(r.labels, 1);
	assert_int_equal(r.last.final, 0);
	assert_int_equal(r.enough, 0);
	SAY(true, "HTTP/1.1 200 OK\r\nServer: a\r\n\r\n");
	inspector_flush(r.insp);
	assert_int_equal(r.labels, 2);
	assert_int_equal(r.last.final, 1);
	assert_int_equal(r.enough, 1);
	/* what still comes is passed over */
	SAY(false, "GET /b HTTP/1.1\r\nHost: other\r\n\r\n");
	inspector_flush(r.insp);
	assert_int_equal(r.labels, 2);
	inspector_stats(r.insp, &st);
	assert_int_equal(st.samples, 3);
	assert_int_equal(st.flows, 1);
	assert_int_equal(st.labelled, 1);
}

static void test_one_batch_one_label(void **state)
{
	SAY(false, "GET /a HTTP/1.1\r\nHost: x.example\r\n\r\n");
	SAY(true, "HTTP/1.1 200 OK\r\nServer: a\r\n\r\n");
	inspector_flush(r.insp);
	assert_int_equal(r.labels, 1);
	assert_int_equal(r.last.final, 1);
}

static void test_budget_used_up_needs_no_mark(void **state)
{
	rig_say(&r, false, "SSH-2.0-a\r\n", 11, PG_SAMPLE_LAST);
	rig_say(&r, true, "SSH-2.0-b\r\n", 11, PG_SAMPLE_LAST);
	inspector_flush(r.insp);
	assert_int_equal(r.last.final, 1);
	assert_int_equal(r.enough, 0);
}

static void test_unknown_after_both_budgets(void **state)
{
	rig_flow(&r, 6, 40000, 31999, false);
	rig_say(&r, false, "\x9b\x01\x02\x03\x77\x88\x99\xaa\xbb", 9, PG_SAMPLE_LAST);
	rig_say(&r, true, "\xf1\xe2\xd3", 3, PG_SAMPLE_LAST);
	inspector_flush(r.insp);
	assert_int_equal(r.finals, 1);
	assert_int_equal(r.last.confidence, LABEL_UNKNOWN);
	assert_string_equal(r.last.app, "Unknown");
	assert_string_equal(r.last.info, "end 0 sent 9b 01 02 03 77 88 99 aa bb; end 1 sent f1 e2 d3");
}

static void test_port_guess_is_a_guess(void **state)
{
	struct msg_inspect_stats st;

	rig_flow(&r, 6, 40000, 5432, false);
	SAY(false, "\x9b\x01\x02\x03\x77\x88\x99\xaa\xbb");
	rig_wait(&r, 2 * NSEC_PER_SEC);
	assert_int_equal(r.labels, 1); /* provisional */
	assert_int_equal(r.last.final, 0);
	assert_int_equal(r.last.confidence, LABEL_PORT_GUESS);
	assert_string_equal(r.last.app, "PostgreSQL");
	rig_wait(&r, 9 * NSEC_PER_SEC);
	assert_int_equal(r.finals, 1);
	assert_int_equal(r.last.confidence, LABEL_PORT_GUESS);
	inspector_stats(r.insp, &st);
	assert_int_equal(st.labelled, 0);
	assert_int_equal(st.gave_up, 1);
}

static void test_surer_label_follows_a_provisional_one(void **state)
{
	SAY(true, "220 ready\r\n");
	rig_wait(&r, 2 * NSEC_PER_SEC);
	assert_true(r.last.confidence < LABEL_OWN);
	SAY(false, "EHLO x.example\r\n");
	inspector_flush(r.insp);
	assert_int_equal(r.last.confidence, LABEL_OWN);
	assert_string_equal(r.last.app, "SMTP");
}

static void test_likely_is_partial(void **state)
{
	rig_flow(&r, 6, 40000, 11211, false);
	SAY(false, "get some_key\r\n");
	rig_wait(&r, 2 * NSEC_PER_SEC);
	assert_string_equal(r.last.app, "Memcached");
	assert_int_equal(r.last.confidence, LABEL_PARTIAL);
}

static void test_ndpi_within_its_wait(void **state)
{
	rig_flow(&r, 6, 40000, 8554, false);
	for (const char *p = "OPTIONS rtsp://10.0.0.2/cam RTSP/1.0\r\nCSeq: 1\r\n\r\n"; *p; p++)
		rig_say(&r, false, p, 1, 0);
	inspector_flush(r.insp);
	rig_wait(&r, 70 * NSEC_PER_MSEC);
	assert_string_equal(r.last.app, "RTSP");
	assert_int_equal(r.last.confidence, LABEL_DPI);
}

static void test_dns_answers(void **state)
{
	static const char query[] = "\x12\x34\1\0\0\1\0\0\0\0\0\0\2db\0\0\1\0\1";
	static const char answer[] = "\x12\x34\x81\x80\0\1\0\2\0\0\0\0\2db\0\0\1\0\1"
				     "\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x0a\1\2\3\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x0a\1\2\4";

	rig_flow(&r, 17, 40000, 53, false);
	SAY(false, query);
	SAY(true, answer);
	inspector_flush(r.insp);
	assert_int_equal(r.dns, 2);
	assert_string_equal(r.answers[0].name, "db");
	assert_int_equal(r.answers[0].client_end, 0);
	assert_memory_equal(r.answers[1].addr, "\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\1\2\4", 16);
	assert_string_equal(r.last.app, "DNS");
	assert_int_equal(r.last.final, 1);
	assert_int_equal(r.enough, 0); /* further answers on this flow are wanted */
	SAY(true, answer);
	assert_int_equal(r.dns, 4);
	/* the engine's resolver: names, no label */
	rig_flow(&r, 17, 40001, 53, false);
	rig_sample(&r, true, 0, answer, sizeof(answer) - 1, PG_SAMPLE_LOOPBACK);
	inspector_flush(r.insp);
	assert_int_equal(r.dns, 6);
	assert_int_equal(r.labels, 1);
}

static void test_nxdomain_is_reported(void **state)
{
	static const char answer[] = "\x12\x34\x81\x83\0\1\0\0\0\0\0\0\2no\0\0\1\0\1";
	static const uint8_t none[16];

	rig_flow(&r, 17, 40000, 53, false);
	SAY(true, answer);
	assert_int_equal(r.dns, 1);
	assert_memory_equal(r.answers[0].addr, none, 16);
}

static void test_full_table_gives_the_oldest_up(void **state)
{
	struct msg_inspect_stats st;

	for (uint16_t p = 0; p < 20; p++) {
		rig_flow(&r, 6, (uint16_t)(41000 + p), 31999, false);
		SAY(false, "\x9b\x01");
	}
	inspector_flush(r.insp);
	inspector_stats(r.insp, &st);
	assert_int_equal(st.flows, 20);
	assert_int_equal(st.tracked, 8);
	assert_int_equal(st.evicted, 12);
	assert_int_equal(r.finals, 12);
}

static void test_finished_flows_make_room_first(void **state)
{
	struct msg_inspect_stats st;

	rig_flow(&r, 6, 40999, 31999, false);
	SAY(false, "\x9b\x01");
	for (uint16_t p = 0; p < 50; p++) {
		rig_flow(&r, 6, (uint16_t)(41000 + p), 80, false);
		SAY(false, "GET /a HTTP/1.1\r\nHost: x.example\r\n\r\n");
		SAY(true, "HTTP/1.1 200 OK\r\n\r\n");
		inspector_flush(r.insp);
	}
	inspector_stats(r.insp, &st);
	assert_int_equal(st.evicted, 0);
	assert_int_equal(r.finals, 50);
}

static void test_key_used_again_is_a_new_flow(void **state)
{
	SAY(false, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
	SAY(true, "HTTP/1.1 200 OK\r\n\r\n");
	inspector_flush(r.insp);
	assert_int_equal(r.finals, 1);
	r.now_ns += 3 * NSEC_PER_SEC;
	SAY(false, "PING\r\n");
	SAY(true, "+PONG\r\n");
	inspector_flush(r.insp);
	assert_int_equal(r.finals, 2);
	assert_string_equal(r.last.app, "Redis");
}

static void test_overlap_is_said(void **state)
{
	rig_sample(&r, false, 100, "GET /a HTTP/1.1\r\nHo", 19, 0);
	rig_sample(&r, false, 100, "GET /b HTTP/1.1\r\nHo", 19, 0);
	rig_sample(&r, false, 119, "st: x\r\n\r\n", 9, 0);
	rig_wait(&r, 11 * NSEC_PER_SEC);
	assert_string_equal(r.last.app, "HTTP");
	assert_non_null(strstr(r.last.info, "overlap"));
	assert_non_null(strstr(r.last.info, "GET /a"));
	assert_non_null(strstr(r.facts, "client, byte 5: 61 20 48 54 54 50 2f 31, then 62 20 48 54 54 50 2f 31\n"));
}

static void test_overlap_is_counted(void **state)
{
	struct msg_inspect_stats st;

	test_overlap_is_said(state);
	inspector_stats(r.insp, &st);
	assert_int_equal(st.overlaps, 1);
}

/* ---- where a stream begins ----------------------------------------------------------------------- */
/* A sample whose direction's first byte has the sequence number start. */
static void say_at(bool server, uint32_t start, uint32_t seq, const char *s)
{
	struct pg_sample h = { .version = PG_ABI_VERSION, .dir = (uint8_t)(server ? !r.client : r.client), .tcp_seq = seq,
			       .ts_ns = r.now_ns, .payload_len = (uint32_t)strlen(s), .cap_len = (uint16_t)strlen(s), .key = r.key,
			       .start = (uint16_t)start, .flags = PG_SAMPLE_START_KNOWN | PG_SAMPLE_SYN_DIR_KNOWN };

	h.flags |= server ? 0 : PG_SAMPLE_CLIENT_SENT;
	inspector_sample(r.insp, &h, (const uint8_t *)s);
	r.now_ns += 1000;
}

static void test_overtaken_first_segment_is_waited_for(void **state)
{
	static const char first[] = "GET /a HTTP/1.1\r\n", rest[] = "+PONG\r\nHost: shop.example\r\n\r\n";
	uint32_t start = 0xfffffffau; /* wraps inside the first segment */

	say_at(false, start, start + sizeof(first) - 1, rest);
	rig_wait(&r, 100 * NSEC_PER_MSEC);
	assert_int_equal(r.labels, 0);
	say_at(false, start, start, first);
	rig_wait(&r, 11 * NSEC_PER_SEC);
	assert_string_equal(r.last.app, "HTTP");
	assert_string_equal(r.last.host, "shop.example");
}

static void test_missing_first_segment_is_not_waited_for_long(void **state)
{
	say_at(false, 1000, 1018, "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n");
	inspector_flush(r.insp);
	assert_int_equal(r.labels, 0);
	rig_wait(&r, 310 * NSEC_PER_MSEC);
	inspector_flush(r.insp);
	assert_string_equal(r.last.app, "SSH");
}

/* A keep-alive probe sends the byte before the first one. */
static void test_keep_alive_before_the_first_byte(void **state)
{
	say_at(false, 1000, 999, "x");
	say_at(false, 1000, 1000, "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n");
	inspector_flush(r.insp);
	assert_string_equal(r.last.app, "SSH");
}

static void test_bytewise_in_any_order(void **state)
{
	static const char text[] = "GET /index.htmlxxx HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n";
	unsigned n = sizeof(text) - 1;

	for (unsigned step = 1; step < 60; step += 7) { /* n is a prime: every byte once */
		rig_flow(&r, 6, (uint16_t)(42000 + step), 8080, false);
		for (unsigned i = 0, at = 0; i < n; i++, at = (at + step) % n)
			say_at(false, 5000, 5000 + at, (char[]){ text[at], 0 });
		inspector_finish(r.insp);
		assert_string_equal(r.last.app, "HTTP");
		assert_string_equal(r.last.host, "shop.example");
	}
}

/* ---- fragments ------------------------------------------------------------------------------------- */
static void fragment(const char *datagram, size_t len, unsigned from, unsigned to, uint32_t id, bool ports)
{
	struct pg_sample h = { .version = PG_ABI_VERSION, .tcp_seq = id, .ts_ns = r.now_ns, .payload_len = to - from,
			       .cap_len = (uint16_t)(to - from), .key = r.key, .flags = PG_SAMPLE_FRAGMENT | PG_SAMPLE_CLIENT_SENT,
			       .fragment = (uint8_t)(from / 8 | (to < len ? PG_FRAGMENT_MORE : 0)) };

	if (!ports)
		h.key.port[0] = h.key.port[1] = 0;
	inspector_sample(r.insp, &h, (const uint8_t *)datagram + from);
	r.now_ns += 1000;
}

/* dns query for shop.example, A, under a UDP header */
static const char dns_udp[] = "\x9c\x40\0\x35\0\x26\0\0" "\x12\x34\1\0\0\1\0\0\0\0\0\0\4shop\7example\0\0\1\0\1";

static void test_fragments_are_joined(void **state)
{
	const size_t len = sizeof(dns_udp) - 1;
	struct msg_inspect_stats st;

	rig_flow(&r, 17, 40000, 53, false);
	fragment(dns_udp, len, 8, 24, 7, false); /* before the first one: the kernel does not know its ports */
	fragment(dns_udp, len, 24, (unsigned)len, 7, false);
	inspector_flush(r.insp);
	assert_int_equal(r.labels, 0);
	fragment(dns_udp, len, 0, 8, 7, true);
	inspector_flush(r.insp);
	assert_string_equal(r.last.app, "DNS");
	assert_string_equal(r.last.host, "shop.example");
	assert_int_equal(r.last.key.port[1], htons(53));
	inspector_stats(r.insp, &st);
	assert_int_equal(st.pieces_dropped, 0);
	assert_int_equal(st.overlaps, 0);
}

static void test_fragments_that_contradict(void **state)
{
	const size_t len = sizeof(dns_udp) - 1;
	struct msg_inspect_stats st;
	char other[sizeof(dns_udp)];

	memcpy(other, dns_udp, sizeof(other));
	other[22] = 'X';
	rig_flow(&r, 17, 40000, 53, true);
	fragment(dns_udp, len, 0, 24, 9, true);
	fragment(other, len, 16, 32, 9, true);
	fragment(dns_udp, len, 32, (unsigned)len, 9, true);
	inspector_flush(r.insp);
	assert_string_equal(r.last.host, "shop.example"); /* the first one wins, */
	assert_non_null(strstr(r.last.info, "overlap"));  /* and it is said */
	inspector_stats(r.insp, &st);
	assert_int_equal(st.overlaps, 1);
}

static void test_fragments_wait_a_second(void **state)
{
	const size_t len = sizeof(dns_udp) - 1;
	struct msg_inspect_stats st;

	rig_flow(&r, 17, 40000, 53, false);
	fragment(dns_udp, len, 0, 32, 7, true);
	fragment(dns_udp, len, 24, 32, 8, true); /* its first one never comes */
	rig_wait(&r, 990 * NSEC_PER_MSEC);
	inspector_stats(r.insp, &st);
	assert_int_equal(st.flows, 0);
	rig_wait(&r, 20 * NSEC_PER_MSEC);
	inspector_stats(r.insp, &st);
	assert_int_equal(st.flows, 1);
	assert_int_equal(st.pieces_dropped, 1);
	for (uint32_t id = 100; id < 1100; id++) /* bounded: the oldest goes */
		fragment(dns_udp, len, 0, 8, id, true);
	inspector_stats(r.insp, &st);
	assert_in_range(st.pieces_dropped, 700, 1000);
	inspector_finish(r.insp);
	assert_true(inspector_next_ns(r.insp, r.now_ns) != 0);
}

static void test_bad_samples_are_counted(void **state)
{
	struct msg_inspect_stats st;
	struct pg_sample s = { .version = PG_ABI_VERSION + 1, .key = r.key };
	uint8_t record[sizeof(s) + 10] = { 0 };

	inspector_sample(r.insp, &s, record);
	s.version = PG_ABI_VERSION;
	s.cap_len = s.payload_len = 100; /* more than the record holds */
	memcpy(record, &s, sizeof(s));
	inspector_record(r.insp, record, sizeof(record));
	inspector_record(r.insp, record, 10);
	s.cap_len = 10;
	s.payload_len = 5;
	inspector_sample(r.insp, &s, record);
	s.payload_len = 10;
	s.dir = 2;
	inspector_sample(r.insp, &s, record);
	inspector_stats(r.insp, &st);
	assert_int_equal(st.bad_version, 5);
	assert_int_equal(st.samples, 0);
}

static void test_pieces_without_place_are_counted(void **state)
{
	struct msg_inspect_stats st;

	rig_flow(&r, 6, 40000, 31999, false);
	rig_sample(&r, false, 1000, "\x9b", 1, 0);
	rig_sample(&r, false, 100000, "far", 3, 0); /* beyond the first bytes: not wanted, no loss */
	inspector_stats(r.insp, &st);
	assert_int_equal(st.pieces_dropped, 0);
	for (uint32_t i = 0; i < 1200; i++) /* every second byte: more holes than are kept */
		rig_sample(&r, false, 1002 + 2 * i, "x", 1, 0);
	inspector_stats(r.insp, &st);
	assert_true(st.pieces_dropped > 0 && st.pieces_dropped < 200); /* 1023 of them fit */
}

static void test_memory_is_bounded(void **state)
{
	struct inspector_sink sink = { .label = rig_label, .dns = rig_dns, .enough = rig_enough, .arg = &r };
	struct inspector_limits limits = { .flows = 64, .head_bytes = 4096 };
	struct msg_inspect_stats st;

	inspector_free(r.insp);
	r.insp = inspector_new(&limits, &sink, NULL);
	for (uint16_t p = 0; p < 40; p++) {
		static const char big[900] = "\x9b\x01";

		rig_flow(&r, 6, (uint16_t)(41000 + p), 31999, false);
		rig_say(&r, false, big, sizeof(big), 0);
	}
	inspector_stats(r.insp, &st);
	assert_int_equal(st.evicted, 36); /* 1 KiB each */
}

static void test_next_says_when(void **state)
{
	assert_true(inspector_next_ns(r.insp, r.now_ns) == UINT64_MAX);
	SAY(false, "\x9b");
	assert_true(inspector_next_ns(r.insp, r.now_ns) <= 20 * NSEC_PER_MSEC);
	rig_wait(&r, 60 * NSEC_PER_SEC);
	rig_wait(&r, 60 * NSEC_PER_SEC);
	assert_true(inspector_next_ns(r.insp, r.now_ns) == UINT64_MAX); /* nothing is tracked */
}

static void test_results_wait_and_are_dropped_beyond_the_bound(void **state)
{
	struct results q;
	static uint8_t body[IPC_BODY_MAX];
	struct ipc_hdr h;
	uint32_t got = 0, sent = 0;
	int fds[2], fd = -1;

	assert_int_equal(ipc_pair(fds), 0);
	results_init(&q, MSG_LABEL, 400, 100);
	while (results_send(&q, fds[0]) == 0) { /* until the peer's queue is full */
		for (int i = 0; i < 60; i++) {
			uint8_t item[400];

			memset(item, 0, sizeof(item));
			memcpy(item, &sent, 4);
			results_put(&q, item);
			sent++;
		}
		assert_true(sent < 1000000);
	}
	for (int i = 0; i < 100; i++) {
		uint8_t item[400] = { 0 };
		uint64_t before = q.dropped;

		memcpy(item, &sent, 4);
		results_put(&q, item);
		sent += q.dropped == before;
	}
	assert_int_equal(q.count, 100);
	assert_true(q.dropped > 0);
	for (;;) { /* all that was kept arrives, in order */
		int n = ipc_recv(fds[1], &h, body, &fd);

		if (n == -EAGAIN) {
			if (!q.count)
				break;
			assert_int_equal(results_send(&q, fds[0]), 0);
			continue;
		}
		assert_int_equal(n, 1);
		assert_int_equal(h.type, MSG_LABEL);
		for (uint32_t at = 0; at < h.len; at += 400, got++)
			assert_memory_equal(body + at, &got, 4);
	}
	assert_int_equal(got, sent);
	results_done(&q);
	close(fds[0]);
	close(fds[1]);
}

/* What our recognisers do not know, nDPI hears from where the tunnel begins: here RDP's first packets. */
static void test_ndpi_hears_the_inside_of_a_tunnel(void **state)
{
	static const char ask[] = "\3\0\0\x13\x0e\xe0\0\0\0\0\0\1\0\x08\0\3\0\0\0", answer[] = "\3\0\0\x13\x0e\xd0\0\0\x12\x34\0\2\x1f\x08\0\2\0\0\0";
	static const struct said connect[] = { C_("CONNECT pc:3389 HTTP/1.1\r\nHost: pc:3389\r\n\r\n"), S_("HTTP/1.1 200 OK\r\n\r\n") },
				 socks[] = { C_("\5\1\0"), S_("\5\0"), C_("\5\1\0\1\x0a\0\0\x09\x0d\x3d"), S_("\5\0\0\1\0\0\0\0\0\0") };
	char to[64];

	for (unsigned s = 0; s < 2; s++) {
		r.facts[0] = '\0';
		rig_flow(&r, 6, (uint16_t)(40100 + s), s ? 1080 : 3128, false);
		for (unsigned i = 0; i < (s ? 4 : 2); i++)
			rig_say(&r, (s ? socks : connect)[i].server, (s ? socks : connect)[i].data, (s ? socks : connect)[i].len, 0);
		rig_say(&r, false, ask, sizeof(ask) - 1, 0);
		rig_say(&r, true, answer, sizeof(answer) - 1, 0);
		rig_wait(&r, NSEC_PER_SEC);
		rig_wait(&r, 20 * NSEC_PER_SEC);
		assert_string_equal(r.last.app, s ? "SOCKS" : "HTTP_Connect");
		assert_true(facts_get(r.facts, FACT_CHANGED_TO, to, sizeof(to)));
		assert_string_equal(to, "RDP");
	}
}

/* Neither peer of BitTorrent is the server; TLS on a mail port has the name that nDPI gives it. */
static void test_names_by_peers_and_ports(void **state)
{
	static const char peer[] = "\x13" "BitTorrent protocol\0\0\0\0\0\x10\0\5";
	static const char hello[] = "\x16\3\1\0\x2d\1\0\0\x29\3\3" "0123456789abcdef0123456789abcdef" "\0\0\2\x13\1\1\0";
	static const struct {
		uint16_t port;
		const char *app;
	} ports[] = { { 465, "SMTPS" }, { 587, "SMTPS" }, { 993, "IMAPS" }, { 995, "POPS" }, { 853, "TLS.DoH_DoT" }, { 8443, "TLS" } };

	rig_flow(&r, 6, 40300, 51413, false);
	rig_say(&r, true, peer, sizeof(peer) - 1, 0);
	rig_wait(&r, NSEC_PER_SEC);
	assert_string_equal(r.last.app, "BitTorrent");
	assert_int_equal(r.last.confidence, LABEL_OWN);
	for (unsigned i = 0; i < ARRAY_SIZE(ports); i++) {
		rig_flow(&r, 6, (uint16_t)(40301 + i), ports[i].port, false);
		rig_say(&r, false, hello, sizeof(hello) - 1, 0);
		rig_wait(&r, NSEC_PER_SEC);
		assert_string_equal(r.last.app, ports[i].app);
	}
}

/* Key exchanges that cannot be give no digest, and no trouble. */
static void test_ssh_key_exchanges_that_cannot_be(void **state)
{
	static const struct said wrong[] = {
		C_("SSH-2.0-a_1\r\n\0\0\0\4\0\x14\0\0"),                       /* too short */
		C_("SSH-2.0-a_1\r\n\0\0\1\0\4\x15"),                             /* another message */
		C_("SSH-2.0-a_1\r\n\0\0\1\0\4\x14" "0123456789abcdef\0\1\0\0"), /* a list longer than a packet */
		C_("SSH-2.0-a_1\r\n\0\0\1\0\4\x14" "0123"),                      /* cut */
		C_("SSH-2.0-a_1\r\n\0\0\1\0\4\x14" "0123456789abcdef\0\0\0\5ab"), /* cut in a list */
	};
	char digest[64];

	for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++) {
		r.facts[0] = '\0';
		rig_flow(&r, 6, (uint16_t)(40200 + i), 22, false);
		rig_say(&r, false, wrong[i].data, wrong[i].len, 0);
		rig_say(&r, true, "SSH-2.0-b_1\r\n", 13, 0);
		rig_wait(&r, NSEC_PER_SEC);
		rig_wait(&r, 20 * NSEC_PER_SEC);
		assert_string_equal(r.last.app, "SSH");
		assert_false(facts_get(r.facts, FACT_HASSH, digest, sizeof(digest)));
	}
}

static int group_setup(void **state)
{
	engine = ndpi_engine_new();
	return engine ? 0 : -1;
}

static int group_teardown(void **state)
{
	ndpi_engine_free(engine);
	return 0;
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_label_first_then_final),
		T(test_one_batch_one_label),
		T(test_budget_used_up_needs_no_mark),
		T(test_unknown_after_both_budgets),
		T(test_port_guess_is_a_guess),
		T(test_surer_label_follows_a_provisional_one),
		T(test_likely_is_partial),
		T(test_ndpi_within_its_wait),
		T(test_dns_answers),
		T(test_nxdomain_is_reported),
		T(test_full_table_gives_the_oldest_up),
		T(test_finished_flows_make_room_first),
		T(test_key_used_again_is_a_new_flow),
		T(test_overlap_is_said),
		T(test_overlap_is_counted),
		T(test_overtaken_first_segment_is_waited_for),
		T(test_missing_first_segment_is_not_waited_for_long),
		T(test_keep_alive_before_the_first_byte),
		T(test_bytewise_in_any_order),
		T(test_fragments_are_joined),
		T(test_fragments_that_contradict),
		T(test_fragments_wait_a_second),
		T(test_bad_samples_are_counted),
		T(test_pieces_without_place_are_counted),
		T(test_memory_is_bounded),
		T(test_next_says_when),
		T(test_ndpi_hears_the_inside_of_a_tunnel),
		T(test_names_by_peers_and_ports),
		T(test_ssh_key_exchanges_that_cannot_be),
		cmocka_unit_test(test_results_wait_and_are_dropped_beyond_the_bound),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
