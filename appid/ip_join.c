/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "appid/ip_join.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

enum { UNIT = 8, UNITS = 65536 / UNIT, MAX = 65535 - 20 /* what an IP length can say */ };

struct ip_gather {
	uint8_t src[16], dst[16], version, proto;
	bool has_first, has_last, conflict;
	uint32_t id, wanted;
	uint64_t where, last_ns;
	uint8_t *buf;        /* IP_JOIN_HEADROOM + cap bytes */
	uint32_t cap, total; /* total: known with the last piece, at least what was seen before */
	uint32_t units_there;
	uint8_t there[UNITS / 8];
	max_align_t extra[];
};

struct ip_join {
	struct ip_join_limits limits;
	unsigned used;
	uint8_t *out; /* what was given out last */
	struct ip_gather *at[];
};

struct ip_join *ip_join_new(const struct ip_join_limits *limits)
{
	struct ip_join *j = calloc(1, sizeof(*j) + limits->datagrams * sizeof(j->at[0]));

	if (j)
		j->limits = *limits;
	return j;
}

static void gather_free(struct ip_gather *g)
{
	if (g)
		free(g->buf);
	free(g);
}

void ip_join_free(struct ip_join *j)
{
	if (!j)
		return;
	for (unsigned i = 0; i < j->used; i++)
		gather_free(j->at[i]);
	free(j->out);
	free(j);
}

static bool same(const struct ip_gather *g, const struct ip_piece *p)
{
	return g->id == p->id && g->version == p->version && (g->version == 6 || g->proto == p->proto) && g->where == p->where &&
	       !memcmp(g->src, p->src, 16) && !memcmp(g->dst, p->dst, 16);
}

static bool reserve(struct ip_gather *g, uint32_t need)
{
	uint32_t cap = g->cap ? g->cap : 2048;
	uint8_t *p;

	if (need <= g->cap)
		return true;
	while (cap < need)
		cap *= 2;
	p = realloc(g->buf, IP_JOIN_HEADROOM + cap);
	if (!p)
		return false;
	g->buf = p;
	g->cap = cap;
	return true;
}

static bool unit_there(const struct ip_gather *g, uint32_t u)
{
	return g->there[u / 8] >> (u % 8) & 1;
}

static void put(struct ip_gather *g, const struct ip_piece *p)
{
	uint32_t len = (uint32_t)bytes_left(&p->data), end = p->from + p->wire_len;

	if (!g->buf || !p->data.p)
		return;
	for (uint32_t at = 0; at < len && p->from + at < g->wanted; at += UNIT) {
		uint32_t u = (p->from + at) / UNIT, n = len - at < UNIT ? len - at : UNIT;
		uint8_t *to = g->buf + IP_JOIN_HEADROOM + u * UNIT;

		if (n < UNIT && p->from + at + n != end) /* cut when captured */
			break;
		if (unit_there(g, u)) {
			g->conflict |= memcmp(to, p->data.p + at, n) != 0;
			continue;
		}
		memcpy(to, p->data.p + at, n);
		if (n < UNIT)
			memset(to + n, 0, UNIT - n);
		g->there[u / 8] |= (uint8_t)(1u << (u % 8));
		g->units_there++;
	}
}

static uint32_t wanted_units(const struct ip_gather *g)
{
	uint32_t n = g->total < g->wanted ? g->total : g->wanted;

	return (n + UNIT - 1) / UNIT;
}

bool ip_gather_is_whole(const struct ip_gather *g)
{
	return g->has_first && (g->has_last || g->total >= g->wanted) && g->units_there >= wanted_units(g);
}

static uint32_t prefix(const struct ip_gather *g)
{
	uint32_t u = 0;

	while (u * UNIT < g->total && u < UNITS && unit_there(g, u))
		u++;
	return u * UNIT < g->total ? u * UNIT : g->total;
}

static struct ip_gather *gather_new(struct ip_join *j, const struct ip_piece *p)
{
	struct ip_gather *g;

	if (j->used == j->limits.datagrams)
		return NULL;
	g = calloc(1, sizeof(*g) + j->limits.extra);
	if (!g)
		return NULL;
	g->version = p->version;
	g->proto = p->proto;
	memcpy(g->src, p->src, 16);
	memcpy(g->dst, p->dst, 16);
	g->id = p->id;
	g->where = p->where;
	g->wanted = j->limits.bytes;
	j->at[j->used++] = g;
	return g;
}

struct ip_gather *ip_join_add(struct ip_join *j, const struct ip_piece *p, uint64_t now_ns)
{
	uint32_t end = p->from + p->wire_len, keep = end < j->limits.bytes ? end : j->limits.bytes;
	struct ip_gather *g = NULL;

	/* All but the last come in whole units. */
	if (!p->wire_len || p->wire_len > MAX || p->from > MAX || end > MAX || (p->more && p->wire_len % UNIT))
		return NULL;
	for (unsigned i = 0; i < j->used && !g; i++)
		if (same(j->at[i], p))
			g = j->at[i];
	if (!g)
		g = gather_new(j, p);
	if (!g || (g->has_last && end > g->total) || (!p->more && end < g->total) /* its end is elsewhere */ || !reserve(g, (keep + UNIT - 1) & ~(UNIT - 1u)))
		return NULL;
	if (now_ns > g->last_ns)
		g->last_ns = now_ns;
	if (!p->from && !g->has_first) {
		g->has_first = true;
		g->proto = p->proto;
	}
	if (end > g->total && !g->has_last)
		g->total = end;
	g->has_last |= !p->more;
	put(g, p);
	return g;
}

void *ip_gather_extra(struct ip_gather *g)
{
	return g->extra;
}

struct ip_gather *ip_join_old(struct ip_join *j, uint64_t now_ns)
{
	struct ip_gather *oldest = j->used ? j->at[0] : NULL;

	for (unsigned i = 1; i < j->used; i++)
		if (j->at[i]->last_ns < oldest->last_ns)
			oldest = j->at[i];
	if (!oldest || j->used == j->limits.datagrams)
		return oldest;
	return now_ns >= oldest->last_ns && now_ns - oldest->last_ns >= j->limits.wait_ns ? oldest : NULL;
}

void ip_join_take(struct ip_join *j, struct ip_gather *g, struct ip_joined *ret, void *extra)
{
	uint32_t len = g->buf ? prefix(g) : 0;
	unsigned i = 0;

	*ret = (struct ip_joined){ .wire_len = g->total, .version = g->version, .proto = g->proto, .has_first = g->has_first,
				   .whole = ip_gather_is_whole(g), .conflict = g->conflict };
	if (extra)
		memcpy(extra, g->extra, j->limits.extra);
	free(j->out);
	j->out = take_ptr(g->buf);
	if (j->out)
		ret->data = bytes_of(j->out + IP_JOIN_HEADROOM, len);
	while (i < j->used && j->at[i] != g)
		i++;
	gather_free(g);
	j->at[i] = j->at[--j->used];
}

bool ip_join_is_empty(const struct ip_join *j)
{
	return !j->used;
}
