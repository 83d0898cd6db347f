/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For the tests of the inspector: conversations in, labels out. Include after cmocka.h. */
#ifndef PG_TESTS_INSPECT_RIG_H
#define PG_TESTS_INSPECT_RIG_H

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "appid/inspector.h"
#include "appid/ndpi_engine.h"
#include "base/bytes.h"

struct said {
	bool server;
	const char *data;
	size_t len;
};
#define C_(s) { false, s, sizeof(s) - 1 }
#define S_(s) { true, s, sizeof(s) - 1 }

struct rig {
	struct inspector *insp;
	struct msg_label last; /* label said last */
	struct msg_dns answers[64];
	unsigned labels, finals, dns, enough;
	char facts[1300]; /* said last */
	uint64_t now_ns;
	uint32_t seq[2]; /* next sequence number, by client, server */
	struct flow_key key;
	unsigned client; /* direction */
};

static inline void rig_label(const struct msg_label *l, void *arg)
{
	struct rig *r = arg;

	r->last = *l;
	r->labels++;
	r->finals += l->final;
}

static inline void rig_dns(const struct msg_dns *d, void *arg)
{
	struct rig *r = arg;

	if (r->dns < 64)
		r->answers[r->dns] = *d;
	r->dns++;
}

static inline void rig_enough(const struct flow_key *key, uint32_t serial, void *arg)
{
	((struct rig *)arg)->enough++;
}

static inline void rig_facts(const struct flow_key *key, const char *text, size_t len, void *arg)
{
	struct rig *r = arg;

	assert_true(len < sizeof(r->facts) && !text[len]);
	memcpy(r->facts, text, len + 1);
}

static inline void rig_flow(struct rig *r, int proto, uint16_t client_port, uint16_t server_port, bool v6)
{
	static const char *const addr[2][2] = { { "\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\x09\0\1", "\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\x09\0\2" },
						{ "\xfd\1\0\0\0\0\0\0\0\0\0\0\0\0\0\1", "\xfd\1\0\0\0\0\0\0\0\0\0\0\0\0\0\2" } };

	memset(&r->key, 0, sizeof(r->key));
	memcpy(r->key.addr[0], addr[v6][0], 16);
	memcpy(r->key.addr[1], addr[v6][1], 16);
	r->key.port[0] = htons(client_port);
	r->key.port[1] = htons(server_port);
	r->key.ns = 1;
	r->key.proto = (uint8_t)proto;
	r->client = 0;
	r->seq[0] = 0xfffffff0u; /* wraps within the first message */
	r->seq[1] = 0x7ffffff8u;
}

static inline void rig_init(struct rig *r, struct ndpi_engine *e, unsigned flows)
{
	struct inspector_sink sink = { .label = rig_label, .dns = rig_dns, .enough = rig_enough, .arg = r, .facts = rig_facts };
	struct inspector_limits limits = { .flows = flows, .seed = 7 };

	memset(r, 0, sizeof(*r));
	r->insp = inspector_new(&limits, &sink, e);
	r->now_ns = 1000000000000ull;
	rig_flow(r, 6, 40000, 80, false);
}

static inline void rig_done(struct rig *r)
{
	inspector_free(r->insp);
	r->insp = NULL;
}

/* The bytes may be freed or changed after this: they are copied, so that ASan sees a read beyond them. */
static inline void rig_sample(struct rig *r, bool server, uint32_t seq, const void *data, size_t len, unsigned flags)
{
	struct pg_sample s = { .version = PG_ABI_VERSION, .dir = (uint8_t)(server ? !r->client : r->client), .tcp_seq = seq,
			       .ts_ns = r->now_ns, .payload_len = (uint32_t)len, .cap_len = (uint16_t)len, .key = r->key,
			       .flags = (uint8_t)flags };
	uint8_t *copy = malloc(len ? len : 1);

	memcpy(copy, data, len);
	if (!server)
		s.flags |= PG_SAMPLE_CLIENT_SENT;
	inspector_sample(r->insp, &s, copy);
	free(copy);
	r->now_ns += 1000;
}

static inline void rig_say(struct rig *r, bool server, const void *data, size_t len, unsigned flags)
{
	rig_sample(r, server, r->seq[server], data, len, flags);
	r->seq[server] += (uint32_t)len;
}

static inline void rig_wait(struct rig *r, uint64_t ns)
{
	r->now_ns += ns;
	inspector_tick(r->insp, r->now_ns);
}

#endif
