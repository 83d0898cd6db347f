/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Samples of fragments: joined as far as one sample reaches, then a sample like any other. The kernel knows the ports of a
 * later piece only if the first one came before it, so a datagram's flow is its first piece's. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "appid/inspect_private.h"
#include "appid/ip_join.h"
#include "base/clock.h"

enum { DATAGRAMS = 256 };

int inspect_fragments_init(struct inspector *i)
{
	const struct ip_join_limits limits = { .datagrams = DATAGRAMS, .bytes = PG_SAMPLE_STREAM_MAX, .wait_ns = NSEC_PER_SEC,
					       .extra = sizeof(struct pg_sample) };

	i->join = ip_join_new(&limits);
	return i->join ? 0 : -ENOMEM;
}

/* The transport header (RFC 768, RFC 9293 3.1): ports, and its length; 0: there is none that can be. */
static size_t read_header(struct pg_sample *s, struct bytes b)
{
	const uint8_t *h = b.p;
	size_t hlen = 8;

	if (bytes_left(&b) < (s->key.proto == IPPROTO_TCP ? 20 : 8))
		return 0;
	s->tcp_seq = 0;
	if (s->key.proto == IPPROTO_TCP) {
		hlen = (h[12] >> 4) * 4u;
		s->tcp_seq = be32_at(h + 4) + (h[13] & 2 ? 1 : 0);
	}
	memcpy(&s->key.port[s->dir], h, 2);
	memcpy(&s->key.port[!s->dir], h + 2, 2);
	return hlen >= 8 && bytes_left(&b) > hlen ? hlen : 0;
}

static void give(struct inspector *i, struct ip_gather *g)
{
	struct pg_sample s;
	struct ip_joined d;
	size_t hlen;

	ip_join_take(i->join, g, &d, &s);
	hlen = d.has_first && d.data.p ? read_header(&s, d.data) : 0;
	if (!hlen) {
		i->stats.pieces_dropped++;
		return;
	}
	bytes_skip(&d.data, hlen);
	s.cap_len = (uint16_t)bytes_left(&d.data);
	s.payload_len = d.wire_len - (uint32_t)hlen;
	s.flags &= (uint8_t)~(PG_SAMPLE_FRAGMENT | PG_SAMPLE_CUT);
	s.flags |= s.cap_len < s.payload_len ? PG_SAMPLE_CUT : 0;
	inspect_sample(i, &s, d.data.p, d.conflict);
}

void inspect_fragment(struct inspector *i, const struct pg_sample *s, const uint8_t *payload)
{
	struct ip_piece p = { .version = s->key.addr[0][10] == 0xff && s->key.addr[0][11] == 0xff ? 4 : 6, .proto = s->key.proto,
			      .where = s->key.ns, .id = s->tcp_seq, .from = (s->fragment & (PG_FRAGMENT_MORE - 1u)) * 8, .wire_len = s->payload_len,
			      .more = s->fragment & PG_FRAGMENT_MORE, .data = bytes_of(payload, s->cap_len) };
	struct ip_gather *g;
	struct pg_sample *first;
	uint8_t last;

	memcpy(p.src, s->key.addr[s->dir], 16);
	memcpy(p.dst, s->key.addr[!s->dir], 16);
	inspect_fragments_old(i, s->ts_ns);
	g = ip_join_add(i->join, &p, s->ts_ns);
	if (!g) {
		i->stats.pieces_dropped++;
		return;
	}
	first = ip_gather_extra(g);
	last = (first->flags | s->flags) & PG_SAMPLE_LAST;
	if (!p.from)
		*first = *s;
	first->flags |= last;
	if (ip_gather_is_whole(g))
		give(i, g);
}

void inspect_fragments_old(struct inspector *i, uint64_t now)
{
	struct ip_gather *g;

	while ((g = ip_join_old(i->join, now)))
		give(i, g);
}
