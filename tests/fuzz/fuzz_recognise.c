/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The same conversation whole and cut up must get the same label from our own recognisers.
 * Input: 1 byte who speaks first, 2 bytes seed of the cuts, 1 byte where the other side's message begins (in 4 bytes),
 * then the first message and the second. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>

#include "appid/inspector.h"
#include "base/bytes.h"
#include "base/clock.h"

static void on_label(const struct msg_label *l, void *arg)
{
	*(struct msg_label *)arg = *l;
}

static void on_dns(const struct msg_dns *d, void *arg)
{
}

static void on_enough(const struct flow_key *key, uint32_t serial, void *arg)
{
}

static void say(struct inspector *i, unsigned dir, uint32_t seq, struct bytes b)
{
	struct pg_sample s = { .version = PG_ABI_VERSION, .dir = (uint8_t)dir, .tcp_seq = seq, .ts_ns = NSEC_PER_SEC,
			       .payload_len = (uint32_t)bytes_left(&b), .cap_len = (uint16_t)bytes_left(&b) };

	s.key.ns = 1;
	s.key.proto = 6;
	s.key.addr[1][15] = 1;
	s.key.port[0] = htons(40000);
	s.key.port[1] = htons(9999);
	inspector_sample(i, &s, b.p);
}

static struct msg_label play(unsigned first, const struct bytes msg[2], unsigned seed)
{
	const struct inspector_limits limits = { .flows = 2 };
	struct msg_label l = { 0 };
	const struct inspector_sink sink = { on_label, on_dns, on_enough, &l };
	struct inspector *i = inspector_new(&limits, &sink, NULL);

	for (unsigned m = 0; m < 2; m++) {
		struct bytes b = msg[m], part;
		uint32_t seq = 0xfffffff8u;

		while (bytes_left(&b)) {
			size_t n = bytes_left(&b);

			if (seed) {
				seed = seed * 1103515245u + 12345u;
				if (n > 1 + (seed >> 16) % 24)
					n = 1 + (seed >> 16) % 24;
			}
			bytes_take(&b, n, &part);
			while (bytes_left(&part)) { /* no sample is longer than PG_SAMPLE_MAX */
				struct bytes q;

				bytes_take(&part, bytes_left(&part) > PG_SAMPLE_MAX ? PG_SAMPLE_MAX : bytes_left(&part), &q);
				say(i, m ? !first : first, seq, q);
				seq += (uint32_t)bytes_left(&q);
			}
		}
	}
	inspector_flush(i);
	inspector_finish(i);
	inspector_free(i);
	return l;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes b = bytes_of(data, size), msg[2];
	uint8_t first, half;
	uint16_t seed;
	struct msg_label whole, cut;
	size_t n;

	if (!bytes_u8(&b, &first) || !bytes_be16(&b, &seed) || !bytes_u8(&b, &half) || bytes_left(&b) > 2000)
		return 0;
	n = half * 4u < bytes_left(&b) ? half * 4u : bytes_left(&b);
	bytes_take(&b, n, &msg[0]);
	msg[1] = b;
	whole = play(first & 1, msg, 0);
	cut = play(first & 1, msg, seed | 0x10000u);
	if (strcmp(whole.app, cut.app) || strcmp(whole.host, cut.host)) {
		fprintf(stderr, "whole \"%s\" \"%s\" %u, cut \"%s\" \"%s\" %u\n", whole.app, whole.host, whole.confidence, cut.app,
			cut.host, cut.confidence);
		abort();
	}
	return 0;
}
