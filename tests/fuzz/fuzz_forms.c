/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is spoken must not depend on how it travels: the input is a conversation and a random number; the live inspector hears it
 * whole, and again in random pieces, overtaking each other, sent twice, in IP fragments, with small pauses. Both labels must be
 * the same. The seeds are well-formed conversations, and only how they travel is mutated: what is said at the first words that fit
 * cannot be held against what follows them.
 *
 * Input: 1 byte flags (1 IPv6, 2 UDP), 4 bytes random number, 2 bytes server port, then turns: 2 bytes (bit 15: the server
 * speaks, bits 0-10 length), so many bytes. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appid/inspector.h"
#include "appid/ndpi_engine.h"
#include "base/bytes.h"
#include "base/clock.h"

enum { TURNS = 12, PIECES = 64, BUDGET = PG_SAMPLE_BUDGET, FIRST = 0xfffffe00 /* wraps within the first bytes */ };

struct turn_in {
	unsigned dir;
	struct bytes data;
};

struct talk_in {
	bool v6, udp;
	uint32_t random;
	uint16_t port;
	unsigned count;
	struct turn_in turns[TURNS];
};

struct hearing {
	struct inspector *insp;
	const struct talk_in *talk;
	uint64_t now_ns;
	uint32_t random; /* 0: whole */
	struct msg_label last;
	unsigned offset[2]; /* of the stream */
	uint16_t fragment_id;
};

/* ---- input ----------------------------------------------------------------------------------------------- */
static bool talk_read(struct bytes b, struct talk_in *t)
{
	unsigned said[2] = { 0, 0 };
	uint16_t head;
	uint8_t flags;

	memset(t, 0, sizeof(*t));
	if (!bytes_u8(&b, &flags) || !bytes_be32(&b, &t->random) || !bytes_be16(&b, &t->port))
		return false;
	t->v6 = flags & 1;
	t->udp = flags & 2;
	while (t->count < TURNS && bytes_be16(&b, &head)) {
		struct turn_in *turn = &t->turns[t->count];
		size_t len = head & 0x7ff, most = t->udp ? 900 : BUDGET - said[head >> 15];

		len = len < bytes_left(&b) ? len : bytes_left(&b);
		len = len < most ? len : most;
		turn->dir = head >> 15;
		bytes_take(&b, len, &turn->data);
		if (!len)
			continue;
		said[turn->dir] += (unsigned)len;
		if (t->count && !t->udp && t->turns[t->count - 1].dir == turn->dir) { /* it is one turn, however written */
			t->turns[t->count - 1].data.end = turn->data.end;
			if (turn->data.p != t->turns[t->count - 1].data.p + bytes_left(&t->turns[t->count - 1].data) - len)
				return false;
			continue;
		}
		t->count++;
	}
	return t->count;
}

static uint32_t next(struct hearing *h)
{
	h->random = h->random * 1664525u + 1013904223u;
	return h->random >> 8;
}

/* ---- ways to travel -------------------------------------------------------------------------------------- */
static void on_label(const struct msg_label *l, void *arg)
{
	struct hearing *h = arg;

	h->last = *l;
}

static void on_dns(const struct msg_dns *d, void *arg)
{
}

static void on_enough(const struct flow_key *key, uint32_t serial, void *arg)
{
}

static struct pg_sample sample_of(struct hearing *h, unsigned dir)
{
	struct pg_sample s = { .version = PG_ABI_VERSION, .dir = (uint8_t)dir, .ts_ns = h->now_ns };

	s.key.ns = 1;
	s.key.proto = h->talk->udp ? 17 : 6;
	for (unsigned e = 0; e < 2; e++) {
		s.key.addr[e][10] = s.key.addr[e][11] = h->talk->v6 ? 0x11 : 0xff;
		s.key.addr[e][15] = (uint8_t)(1 + e);
	}
	s.key.port[0] = htons(40000);
	s.key.port[1] = htons(h->talk->port);
	s.flags = PG_SAMPLE_SYN_DIR_KNOWN | (dir ? 0 : PG_SAMPLE_CLIENT_SENT);
	if (!h->talk->udp) {
		s.flags |= PG_SAMPLE_START_KNOWN;
		s.start = (uint16_t)FIRST;
	}
	return s;
}

static void piece_send(struct hearing *h, unsigned dir, uint32_t seq, const uint8_t *p, size_t len, bool last)
{
	while (len) {
		struct pg_sample s = sample_of(h, dir);
		size_t n = len < PG_SAMPLE_MAX ? len : PG_SAMPLE_MAX;

		s.tcp_seq = h->talk->udp ? 0 : seq;
		s.flags |= last && n == len ? PG_SAMPLE_LAST : 0;
		s.payload_len = (uint32_t)n;
		s.cap_len = (uint16_t)n;
		inspector_sample(h->insp, &s, p);
		p += n;
		seq += (uint32_t)n;
		len -= n;
	}
}

/* In fragments of 8 bytes and more, some before the first one. */
static void fragments_send(struct hearing *h, unsigned dir, uint32_t seq, const uint8_t *p, size_t len)
{
	uint8_t packet[20 + PG_SAMPLE_MAX] = { 40000 >> 8, 40000 & 255, (uint8_t)(h->talk->port >> 8), (uint8_t)h->talk->port };
	unsigned hlen = h->talk->udp ? 8 : 20, from[PIECES + 1], n = 0, total;
	unsigned base = h->fragment_id++;

	if (dir)
		memcpy(packet, ((uint8_t[]){ (uint8_t)(h->talk->port >> 8), (uint8_t)h->talk->port, 40000 >> 8, 40000 & 255 }), 4);
	if (!h->talk->udp) {
		memcpy(packet + 4, ((uint8_t[]){ (uint8_t)(seq >> 24), (uint8_t)(seq >> 16), (uint8_t)(seq >> 8), (uint8_t)seq }), 4);
		packet[12] = 0x50;
	}
	memcpy(packet + hlen, p, len);
	total = hlen + (unsigned)len;
	for (unsigned at = 0; at < total && n < PIECES; n++) {
		from[n] = at;
		at += 8 * (1 + next(h) % 20);
		if (n == PIECES - 1)
			at = total;
	}
	from[n] = total;
	for (unsigned i = 0, step = next(h) % 2 ? n - 1 : 1; i < n; i++) { /* forwards or backwards */
		unsigned k = (i * step + (step == 1 ? 0 : n - 1)) % n, end = k + 1 < n ? from[k + 1] : total;
		struct pg_sample s = sample_of(h, dir);

		s.flags |= PG_SAMPLE_FRAGMENT;
		s.tcp_seq = base;
		s.fragment = (uint8_t)(from[k] / 8 | (end < total ? PG_FRAGMENT_MORE : 0));
		s.payload_len = s.cap_len = (uint16_t)(end - from[k]);
		inspector_sample(h->insp, &s, packet + from[k]);
	}
}

static void shuffle(struct hearing *h, unsigned *order, unsigned n)
{
	unsigned most = 1 + next(h) % 8;

	for (unsigned i = 0; i < n; i++)
		order[i] = i;
	for (unsigned i = 0; i + 1 < n; i++) {
		unsigned j = i + next(h) % (n - i < most ? n - i : most), t = order[i];

		order[i] = order[j];
		order[j] = t;
	}
}

static void turn_travels(struct hearing *h, const struct turn_in *t)
{
	unsigned len = (unsigned)bytes_left(&t->data), cut[PIECES + 1], order[PIECES], n = 0, size = 1 + next(h) % 40;

	for (unsigned at = 0; at < len && n < PIECES; n++) {
		cut[n] = at;
		at += 1 + next(h) % size;
	}
	cut[n] = len;
	shuffle(h, order, n);
	for (unsigned i = 0; i < n; i++) {
		unsigned from = cut[order[i]], to = cut[order[i] + 1];

		if (next(h) % 8 == 0 && to < len) /* overlaps what follows */
			to += 1 + next(h) % (len - to);
		if (next(h) % 8 == 0 && to - from <= PG_SAMPLE_MAX - 40)
			fragments_send(h, t->dir, FIRST + h->offset[t->dir] + from, t->data.p + from, to - from);
		else
			piece_send(h, t->dir, FIRST + h->offset[t->dir] + from, t->data.p + from, to - from, false);
		h->now_ns += next(h) % (200000);
		if (next(h) % 8 == 0)
			inspector_flush(h->insp);
		if (next(h) % 16 == 0)
			inspector_tick(h->insp, h->now_ns);
	}
}

static void hear(struct hearing *h, const struct talk_in *t, uint32_t random)
{
	const struct inspector_sink sink = { on_label, on_dns, on_enough, h };
	const struct inspector_limits limits = { .flows = 8, .seed = 1 };
	struct msg_inspect_stats st;
	static struct ndpi_engine *engine;

	memset(h, 0, sizeof(*h));
	if (!engine && !getenv("PG_FUZZ_NO_NDPI"))
		engine = ndpi_engine_new();
	h->insp = inspector_new(&limits, &sink, engine);
	h->talk = t;
	h->random = random;
	h->now_ns = 1000 * NSEC_PER_SEC;
	for (unsigned i = 0; i < t->count; i++) {
		const struct turn_in *turn = &t->turns[i];

		if (!random)
			piece_send(h, turn->dir, FIRST + h->offset[turn->dir], turn->data.p, bytes_left(&turn->data), false);
		else if (t->udp)
			fragments_send(h, turn->dir, 0, turn->data.p, bytes_left(&turn->data));
		else
			turn_travels(h, turn);
		h->offset[turn->dir] += (unsigned)bytes_left(&turn->data);
		h->now_ns += NSEC_PER_MSEC;
	}
	inspector_finish(h->insp);
	inspector_stats(h->insp, &st);
	if (st.pieces_dropped || st.bad_version)
		abort();
	inspector_free(h->insp);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
	if (size < 7)
		return size;
	data[0] = (uint8_t)((data[0] & ~1) | (seed & 1));
	seed = seed * 2654435761u + data[4];
	memcpy(data + 1, &seed, 4);
	return size;
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t *data1, size_t size1, const uint8_t *data2, size_t size2, uint8_t *out, size_t max_out,
				 unsigned int seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *data1, size_t size1, const uint8_t *data2, size_t size2, uint8_t *out, size_t max_out,
				 unsigned int seed)
{
	size_t n = size1 < max_out ? size1 : max_out;

	memcpy(out, data1, n);
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hearing whole, other;
	struct talk_in t;

	if (!talk_read(bytes_of(data, size), &t))
		return 0;
	hear(&whole, &t, 0);
	hear(&other, &t, t.random | 1);
	if (strcmp(whole.last.app, other.last.app) || whole.last.confidence != other.last.confidence ||
	    strcmp(whole.last.host, other.last.host)) {
		fprintf(stderr, "whole: %s (%u) %s, in pieces: %s (%u) %s\n", whole.last.app, whole.last.confidence, whole.last.host,
			other.last.app, other.last.confidence, other.last.host);
		abort();
	}
	return 0;
}
