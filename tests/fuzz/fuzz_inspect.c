/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The whole way of a sample: input bytes become a sequence of samples over a few flows (any order, overlaps, cuts, ticks,
 * a tiny table so that flows are evicted), with nDPI behind the own recognisers. Nothing may crash; every label is a
 * bounded printable string; after a final one for a flow none follows until it lingered.
 *
 * Step: 1 byte what: bits 0-1 flow, 2 direction, 3 time passes, 4 LAST, 5 CUT, 6 go back in the sequence, 7 a raw record;
 *       1 byte length; then so many bytes (fewer at the end). */
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>

#include "appid/inspector.h"
#include "appid/ndpi_engine.h"
#include "base/bytes.h"
#include "base/clock.h"

static void printable(const char *s, size_t size)
{
	if (!memchr(s, 0, size))
		abort();
	for (; *s; s++)
		if (*s < 0x20 || *s > 0x7e)
			abort();
}

static void on_label(const struct msg_label *l, void *arg)
{
	printable(l->app, sizeof(l->app));
	printable(l->host, sizeof(l->host));
	printable(l->info, sizeof(l->info));
	if (!l->app[0] || l->confidence >= LABEL_CONFIDENCE_MAX || l->final > 1 || (l->server_end > 1 && l->server_end != 0xff))
		abort();
}

static void on_dns(const struct msg_dns *d, void *arg)
{
	printable(d->name, sizeof(d->name));
	if (!d->name[0] || d->client_end > 1)
		abort();
}

static void on_enough(const struct flow_key *key, uint32_t serial, void *arg)
{
}

static void flow_of(struct pg_sample *s, unsigned which)
{
	static const uint16_t ports[4] = { 80, 53, 3306, 443 };

	s->key.ns = 1;
	s->key.proto = which & 1 ? 17 : 6;
	s->key.addr[0][10] = s->key.addr[0][11] = s->key.addr[1][10] = s->key.addr[1][11] = which == 3 ? 0 : 0xff;
	s->key.addr[0][15] = 1;
	s->key.addr[1][15] = 2;
	s->key.port[0] = htons(40000);
	s->key.port[1] = htons(ports[which]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ndpi_engine *engine;
	const struct inspector_sink sink = { on_label, on_dns, on_enough, NULL };
	const struct inspector_limits limits = { .flows = 3, .head_bytes = 3000, .seed = 1 };
	struct bytes b = bytes_of(data, size);
	uint32_t seq[4][2] = { { 0xfffffff0u, 5 }, { 0 }, { 100, 0x7ffffff0u }, { 0 } };
	uint64_t now = 1000 * NSEC_PER_SEC;
	struct inspector *i;
	uint8_t what, len;

	if (!engine && !getenv("PG_FUZZ_NO_NDPI"))
		engine = ndpi_engine_new();
	i = inspector_new(&limits, &sink, engine);
	while (bytes_u8(&b, &what) && bytes_u8(&b, &len)) {
		unsigned flow = what & 3, dir = what >> 2 & 1;
		struct pg_sample s = { .version = PG_ABI_VERSION, .dir = (uint8_t)dir };
		size_t n = what & 0x20 ? len * 4u : len;
		struct bytes part;

		if (n > bytes_left(&b))
			n = bytes_left(&b);
		bytes_take(&b, n, &part);
		if (what & 8) {
			now += (uint64_t)len * 100 * NSEC_PER_MSEC;
			inspector_tick(i, now);
		}
		if (what & 0x80) {
			inspector_record(i, part.p, n);
			continue;
		}
		flow_of(&s, flow);
		if (what & 0x40)
			seq[flow][dir] -= len;
		s.tcp_seq = seq[flow][dir];
		s.ts_ns = now;
		s.cap_len = (uint16_t)n;
		s.payload_len = (uint32_t)n + (what & 0x20 ? 400 : 0);
		s.flags = (uint8_t)((what & 0x10 ? PG_SAMPLE_LAST : 0) | (what & 0x20 ? PG_SAMPLE_CUT : 0));
		seq[flow][dir] += s.payload_len;
		inspector_sample(i, &s, part.p);
		if (len & 1)
			inspector_flush(i);
	}
	inspector_finish(i);
	inspector_free(i);
	return 0;
}
