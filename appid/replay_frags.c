/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "appid/replay_frags.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

enum { UNIT = 8, UNITS = 65536 / UNIT, HEADER = 40 /* room for either IP header before the data */, EXT_MAX = 8 };

struct gather {
	bool has_first, has_last, conflict;
	uint8_t version, proto;
	uint8_t header[HEADER];
	uint8_t src[16], dst[16];
	uint32_t id;
	struct replay_packet around;
	uint8_t *buf;          /* HEADER + cap bytes */
	uint32_t cap, total;   /* total: known with the last fragment, at least what was seen before */
	uint32_t packets, units_there;
	uint64_t bytes, first_ns, last_ns;
	uint8_t there[UNITS / 8];
};

struct replay_frags {
	struct gather *at[REPLAY_FRAGS_MAX];
	unsigned used;
	uint8_t *out; /* what was given out last */
};

/* One fragment as the header says. */
struct piece {
	uint8_t version, proto, header[HEADER];
	uint8_t src[16], dst[16];
	uint32_t id, from, wire_len;
	bool more;
	struct bytes data;
};

struct replay_frags *replay_frags_new(void)
{
	return calloc(1, sizeof(struct replay_frags));
}

static void gather_free(struct gather *g)
{
	if (g)
		free(g->buf);
	free(g);
}

void replay_frags_free(struct replay_frags *f)
{
	if (!f)
		return;
	for (unsigned i = 0; i < f->used; i++)
		gather_free(f->at[i]);
	free(f->out);
	free(f);
}

/* ---- headers -------------------------------------------------------------------------------------------------- */
static bool piece_v4(struct packet_part p, struct piece *ret)
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
	memcpy(ret->header, h, 20);
	memcpy(ret->src, h + 12, 4);
	memcpy(ret->dst, h + 16, 4);
	ret->id = be16_at(h + 4);
	ret->from = (be16_at(h + 6) & 0x1fffu) * UNIT;
	ret->more = be16_at(h + 6) & 0x2000;
	ret->wire_len = total - ihl;
	ret->data = bytes_of(h + ihl, bytes_left(&p.cap) - ihl);
	return true;
}

static bool piece_v6(struct packet_part p, struct piece *ret)
{
	struct bytes b = p.cap;
	const uint8_t *h = b.p;
	uint8_t next;

	if (!bytes_skip(&b, 40))
		return false;
	ret->version = 6;
	memcpy(ret->header, h, 40);
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

static bool piece_read(const struct replay_packet *p, struct piece *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (!bytes_left(&p->ip.cap) || !(p->ip.cap.p[0] >> 4 == 4 ? piece_v4(p->ip, ret) : piece_v6(p->ip, ret)))
		return false;
	if (bytes_left(&ret->data) > ret->wire_len)
		ret->data.end = ret->data.p + ret->wire_len;
	/* All but the last come in whole units; nothing reaches beyond what an IP length can say. */
	return ret->wire_len && (!ret->more || ret->wire_len % UNIT == 0) && ret->from + ret->wire_len <= 65535 - 20;
}

/* ---- gathering ----------------------------------------------------------------------------------------------------- */
static bool same(const struct gather *g, const struct replay_packet *p, const struct piece *s)
{
	return g->id == s->id && g->version == s->version && (g->version == 6 || g->proto == s->proto) &&
	       !memcmp(g->src, s->src, 16) && !memcmp(g->dst, s->dst, 16) && g->around.has_vni == p->has_vni &&
	       g->around.vni == p->vni && g->around.layers == p->layers && g->around.vlan_count == p->vlan_count &&
	       !memcmp(g->around.vlan, p->vlan, p->vlan_count * sizeof(p->vlan[0]));
}

static int gather_reserve(struct gather *g, uint32_t need)
{
	uint32_t cap = g->cap ? g->cap : 2048;
	uint8_t *p;

	if (need <= g->cap)
		return 0;
	while (cap < need)
		cap *= 2;
	p = realloc(g->buf, HEADER + cap);
	if (!p)
		return -ENOMEM;
	g->buf = p;
	g->cap = cap;
	return 0;
}

static bool unit_there(const struct gather *g, uint32_t u)
{
	return g->there[u / 8] >> (u % 8) & 1;
}

static void gather_put(struct gather *g, const struct piece *s)
{
	uint32_t len = (uint32_t)bytes_left(&s->data), end = s->from + s->wire_len;

	if (!g->buf || !s->data.p)
		return;
	for (uint32_t at = 0; at < len; at += UNIT) {
		uint32_t u = (s->from + at) / UNIT, n = len - at < UNIT ? len - at : UNIT;

		if (n < UNIT && s->from + at + n != end) /* cut by the snap length */
			break;
		if (unit_there(g, u)) {
			g->conflict |= memcmp(g->buf + HEADER + u * UNIT, s->data.p + at, n) != 0;
			continue;
		}
		memcpy(g->buf + HEADER + u * UNIT, s->data.p + at, n);
		if (n < UNIT)
			memset(g->buf + HEADER + u * UNIT + n, 0, UNIT - n);
		g->there[u / 8] |= (uint8_t)(1u << (u % 8));
		g->units_there++;
	}
}

static bool gather_whole(const struct gather *g)
{
	return g->has_last && g->units_there * UNIT >= g->total && g->has_first;
}

/* Bytes from the start to the first hole. */
static uint32_t gather_prefix(const struct gather *g)
{
	uint32_t u = 0;

	while (u * UNIT < g->total && unit_there(g, u))
		u++;
	return u * UNIT < g->total ? u * UNIT : g->total;
}

/* Hands the datagram out and forgets it. */
static void gather_give(struct replay_frags *f, unsigned i, struct replay_datagram *ret)
{
	struct gather *g = f->at[i];
	uint32_t len = gather_prefix(g);
	uint8_t *ip;

	*ret = (struct replay_datagram){ .around = g->around, .has_first = g->has_first, .conflict = g->conflict,
					 .whole = gather_whole(g), .packets = g->packets, .bytes = g->bytes,
					 .first_ns = g->first_ns, .last_ns = g->last_ns };
	free(f->out);
	f->out = take_ptr(g->buf);
	if (g->has_first && g->version == 4) {
		ip = f->out + HEADER - 20;
		memcpy(ip, g->header, 20);
		ip[0] = 0x45;
		ip[2] = (uint8_t)((len + 20) >> 8);
		ip[3] = (uint8_t)(len + 20);
		memset(ip + 4, 0, 4);
		ret->ip = (struct packet_part){ bytes_of(ip, len + 20), len + 20 };
	} else if (g->has_first) {
		ip = f->out;
		memcpy(ip, g->header, 40);
		ip[4] = (uint8_t)(len >> 8);
		ip[5] = (uint8_t)len;
		ip[6] = g->proto;
		ret->ip = (struct packet_part){ bytes_of(ip, len + 40), len + 40 };
	}
	gather_free(g);
	f->at[i] = f->at[--f->used];
}

static struct gather *gather_new(struct replay_frags *f, const struct replay_packet *p, const struct piece *s, uint64_t ts_ns)
{
	struct gather *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	g->version = s->version;
	g->proto = s->proto;
	memcpy(g->src, s->src, 16);
	memcpy(g->dst, s->dst, 16);
	g->id = s->id;
	g->around = *p;
	g->first_ns = g->last_ns = ts_ns;
	f->at[f->used++] = g;
	return g;
}

int replay_frags_add(struct replay_frags *f, const struct replay_packet *p, uint64_t ts_ns, struct replay_datagram *ret)
{
	struct gather *g = NULL;
	struct piece s;
	unsigned i;

	if (!piece_read(p, &s))
		return -EBADMSG;
	for (i = 0; i < f->used && !g; i++)
		if (same(f->at[i], p, &s))
			g = f->at[i];
	i = g ? i - 1 : f->used;
	if (!g)
		g = f->used < REPLAY_FRAGS_MAX ? gather_new(f, p, &s, ts_ns) : NULL;
	if (g && g->has_last && s.from + s.wire_len > g->total)
		return -EBADMSG;
	if (!g || gather_reserve(g, (s.from + s.wire_len + UNIT - 1) & ~(UNIT - 1u)) < 0)
		return -EBADMSG;
	g->packets++;
	g->bytes += p->frame_len;
	if (ts_ns > g->last_ns)
		g->last_ns = ts_ns;
	if (ts_ns < g->first_ns)
		g->first_ns = ts_ns;
	if (!s.from && !g->has_first) {
		g->has_first = true;
		g->proto = s.proto;
		memcpy(g->header, s.header, HEADER);
	}
	if (s.from + s.wire_len > g->total && !g->has_last)
		g->total = s.from + s.wire_len;
	g->has_last |= !s.more;
	gather_put(g, &s);
	if (!gather_whole(g))
		return 0;
	gather_give(f, i, ret);
	return 1;
}

bool replay_frags_old(struct replay_frags *f, uint64_t ts_ns, struct replay_datagram *ret)
{
	unsigned oldest = 0;

	if (!f->used)
		return false;
	for (unsigned i = 1; i < f->used; i++)
		if (f->at[i]->last_ns < f->at[oldest]->last_ns)
			oldest = i;
	if (f->used < REPLAY_FRAGS_MAX && (ts_ns < f->at[oldest]->last_ns || ts_ns - f->at[oldest]->last_ns < REPLAY_FRAGS_NS))
		return false;
	gather_give(f, oldest, ret);
	return true;
}
