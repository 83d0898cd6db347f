/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "appid/replay_frags.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "appid/ip_join.h"

enum { UNIT = 8, EXT_MAX = 8 };

/* What is kept beside a datagram's bytes. */
struct around {
	struct replay_packet packet; /* of the first piece seen */
	uint8_t header[40];          /* of the piece at 0 */
	bool has_header;
	uint32_t packets;
	uint64_t bytes, first_ns, last_ns;
};

struct replay_frags {
	struct ip_join *join;
};

struct replay_frags *replay_frags_new(void)
{
	const struct ip_join_limits limits = { .datagrams = REPLAY_FRAGS_MAX, .bytes = 65535, .wait_ns = REPLAY_FRAGS_NS,
					       .extra = sizeof(struct around) };
	struct replay_frags *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->join = ip_join_new(&limits);
	if (f->join)
		return f;
	free(f);
	return NULL;
}

void replay_frags_free(struct replay_frags *f)
{
	if (!f)
		return;
	ip_join_free(f->join);
	free(f);
}

/* ---- headers -------------------------------------------------------------------------------------------------- */
static bool piece_v4(struct packet_part p, struct ip_piece *ret)
{
	const uint8_t *h = p.cap.p;
	uint32_t ihl, total;

	if (bytes_left(&p.cap) < 20)
		return false;
	ihl = (h[0] & 15) * 4u;
	total = be16_at(h + 2);
	if (ihl < 20 || total < ihl || bytes_left(&p.cap) < ihl)
		return false;
	ret->version = 4;
	ret->proto = h[9];
	memcpy(ret->src, h + 12, 4);
	memcpy(ret->dst, h + 16, 4);
	ret->id = be16_at(h + 4);
	ret->from = (be16_at(h + 6) & 0x1fffu) * UNIT;
	ret->more = be16_at(h + 6) & 0x2000;
	ret->wire_len = total - ihl;
	ret->data = bytes_of(h + ihl, bytes_left(&p.cap) - ihl);
	return true;
}

static bool piece_v6(struct packet_part p, struct ip_piece *ret)
{
	struct bytes b = p.cap;
	const uint8_t *h = b.p;
	uint8_t next;

	if (!bytes_skip(&b, 40))
		return false;
	ret->version = 6;
	memcpy(ret->src, h + 8, 16);
	memcpy(ret->dst, h + 24, 16);
	next = h[6];
	for (unsigned i = 0; i < EXT_MAX && next != 44; i++) { /* those that may stand before: RFC 8200 4.1 */
		if ((next != 0 && next != 43 && next != 60) || bytes_left(&b) < 8)
			return false;
		next = b.p[0];
		if (!bytes_skip(&b, (b.p[1] + 1u) * 8))
			return false;
	}
	if (next != 44 || bytes_left(&b) < 8)
		return false;
	ret->proto = b.p[0];
	ret->from = be16_at(b.p + 2) & 0xfff8u;
	ret->more = b.p[3] & 1;
	ret->id = be32_at(b.p + 4);
	b.p += 8;
	if ((size_t)(b.p - h) > 40u + be16_at(h + 4))
		return false;
	ret->wire_len = 40u + be16_at(h + 4) - (uint32_t)(b.p - h);
	ret->data = b;
	return true;
}

static bool piece_read(const struct replay_packet *p, uint16_t network, struct ip_piece *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (!bytes_left(&p->ip.cap) || !(p->ip.cap.p[0] >> 4 == 4 ? piece_v4(p->ip, ret) : piece_v6(p->ip, ret)))
		return false;
	ret->where = (uint64_t)network << 8 | p->layers;
	if (bytes_left(&ret->data) > ret->wire_len)
		ret->data.end = ret->data.p + ret->wire_len;
	return true;
}

/* ---- datagrams ------------------------------------------------------------------------------------------------- */
/* Puts an IP header without fragment fields before the joined bytes. */
static struct packet_part under_header(struct ip_joined *d, const uint8_t header[40])
{
	uint32_t len = (uint32_t)bytes_left(&d->data), hlen = d->version == 4 ? 20 : 40;
	uint8_t *ip = (uint8_t *)(uintptr_t)d->data.p - hlen;

	memcpy(ip, header, hlen);
	if (d->version == 4) {
		ip[0] = 0x45;
		ip[2] = (uint8_t)((len + 20) >> 8);
		ip[3] = (uint8_t)(len + 20);
		memset(ip + 4, 0, 4);
	} else {
		ip[4] = (uint8_t)(len >> 8);
		ip[5] = (uint8_t)len;
		ip[6] = d->proto;
	}
	return (struct packet_part){ bytes_of(ip, len + hlen), len + hlen, false };
}

static void give(struct replay_frags *f, struct ip_gather *g, struct replay_datagram *ret)
{
	struct around a;
	struct ip_joined d;

	ip_join_take(f->join, g, &d, &a);
	*ret = (struct replay_datagram){ .around = a.packet, .has_first = d.has_first && d.data.p, .conflict = d.conflict,
					 .whole = d.whole, .packets = a.packets, .bytes = a.bytes, .first_ns = a.first_ns,
					 .last_ns = a.last_ns };
	if (ret->has_first)
		ret->ip = under_header(&d, a.header);
}

int replay_frags_add(struct replay_frags *f, const struct replay_packet *p, uint16_t network, uint64_t ts_ns, struct replay_datagram *ret)
{
	struct ip_gather *g;
	struct ip_piece s;
	struct around *a;

	if (!piece_read(p, network, &s))
		return -EBADMSG;
	g = ip_join_add(f->join, &s, ts_ns);
	if (!g)
		return -EBADMSG;
	a = ip_gather_extra(g);
	if (!a->packets) {
		a->packet = *p;
		a->first_ns = ts_ns;
	}
	a->packets++;
	a->bytes += p->frame_len;
	if (ts_ns > a->last_ns)
		a->last_ns = ts_ns;
	if (ts_ns < a->first_ns)
		a->first_ns = ts_ns;
	if (!s.from && !a->has_header) {
		a->has_header = true;
		memcpy(a->header, p->ip.cap.p, s.version == 4 ? 20 : 40);
	}
	if (!ip_gather_is_whole(g))
		return 0;
	give(f, g, ret);
	return 1;
}

bool replay_frags_old(struct replay_frags *f, uint64_t ts_ns, struct replay_datagram *ret)
{
	struct ip_gather *g = ip_join_old(f->join, ts_ns);

	if (!g)
		return false;
	give(f, g, ret);
	return true;
}
