/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Listener registry: by socket cookie, and in lists by (namespace, protocol, port). */
#include "sensor/watch/listeners.h"

#define HASH_NONFATAL_OOM 1
#include <uthash.h>
#include <utlist.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CLOSED_LINGER_NS (30ULL * 1000000000ULL)

struct place_key {
	uint64_t netns_cookie;
	uint16_t port, proto;
	uint32_t pad;
};

struct rec;

struct place {
	struct place_key key;
	struct rec *recs;
	UT_hash_handle hh;
};

struct rec {
	struct listener l; /* first */
	struct place *place;
	uint64_t told_ns;        /* last event about it */
	struct rec *prev, *next; /* of its place */
	UT_hash_handle hh;
};

struct listeners {
	struct rec *by_cookie;
	struct place *places;
	size_t max;
	uint64_t refused;
	uint64_t sweep_ns; /* when the sweep that is under way began */
};

struct listeners *listeners_new(size_t max)
{
	struct listeners *l = calloc(1, sizeof(*l));

	if (l)
		l->max = max;
	return l;
}

/* ---- places ----------------------------------------------------------------------------------------- */
static struct place *place_find(const struct listeners *l, uint64_t netns_cookie, uint8_t proto, uint16_t port)
{
	struct place_key key = { .netns_cookie = netns_cookie, .port = port, .proto = proto };
	struct place *p;

	HASH_FIND(hh, l->places, &key, sizeof(key), p);
	return p;
}

static struct place *place_get(struct listeners *l, uint64_t netns_cookie, uint8_t proto, uint16_t port)
{
	struct place *p = place_find(l, netns_cookie, proto, port);

	if (p)
		return p;
	p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->key = (struct place_key){ .netns_cookie = netns_cookie, .port = port, .proto = proto };
	HASH_ADD(hh, l->places, key, sizeof(p->key), p);
	if (!p->hh.tbl) {
		free(p);
		return NULL;
	}
	return p;
}

static void place_leave(struct listeners *l, struct rec *r)
{
	struct place *p = r->place;

	if (!p)
		return;
	r->place = NULL;
	DL_DELETE(p->recs, r);
	if (p->recs)
		return;
	HASH_DELETE(hh, l->places, p);
	free(p);
}

static void rec_drop(struct listeners *l, struct rec *r)
{
	place_leave(l, r);
	HASH_DELETE(hh, l->by_cookie, r);
	free(r->l.facts);
	free(r);
}

void listeners_free(struct listeners *l)
{
	struct rec *r, *tmp;

	if (!l)
		return;
	HASH_ITER(hh, l->by_cookie, r, tmp)
		rec_drop(l, r);
	free(l);
}

/* ---- events ------------------------------------------------------------------------------------------- */
static struct rec *rec_find(const struct listeners *l, uint64_t cookie)
{
	struct rec *r;

	HASH_FIND(hh, l->by_cookie, &cookie, sizeof(cookie), r);
	return r;
}

static struct rec *rec_make(struct listeners *l, uint64_t cookie)
{
	struct rec *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->l.cookie = cookie;
	HASH_ADD(hh, l->by_cookie, l.cookie, sizeof(r->l.cookie), r);
	if (!r->hh.tbl) {
		free(r);
		return NULL;
	}
	return r;
}

static uint16_t port_host(const struct pg_event *ev)
{
	const uint8_t *b = (const uint8_t *)&ev->port;

	return (uint16_t)(b[0] << 8 | b[1]);
}

/* The same socket may be told twice: by the iterator and by its event, or because it listens again. What was learned
 * about it stays only if it is still the same place. */
static void rec_fill(struct rec *r, const struct pg_event *ev)
{
	struct listener *l = &r->l;
	bool again = l->since_mono_ns && !l->closed_mono_ns && l->port == port_host(ev) && l->proto == ev->proto &&
		     !memcmp(l->addr, ev->addr, sizeof(l->addr));
	bool iter = ev->flags & PG_EVF_ITER;

	if (!again) {
		l->since_mono_ns = ev->ts_ns ? ev->ts_ns : 1;
		l->from_iter = iter;
		l->flows = 0;
		l->app[0] = l->info[0] = '\0';
		free(l->facts);
		l->facts = NULL;
		l->app_confidence = 0;
	}
	l->closed_mono_ns = 0;
	l->netns_cookie = ev->netns_cookie;
	memcpy(l->addr, ev->addr, sizeof(l->addr));
	l->port = port_host(ev);
	l->proto = ev->proto;
	l->v6only = ev->v6only;
	/* Who made it is known better by the event than by the iterator, which names any process that holds it. */
	if (ev->tgid && (!again || !iter || !l->tgid)) {
		l->tgid = ev->tgid;
		l->start_boot_ns = ev->start_boot_ns;
	}
	if (ev->cgroup && (!again || !iter || !l->cgroup))
		l->cgroup = ev->cgroup;
}

static int event_open(struct listeners *l, const struct pg_event *ev)
{
	struct rec *r = rec_find(l, ev->cookie);
	struct place *p;

	if (!r && HASH_COUNT(l->by_cookie) >= l->max) {
		l->refused++;
		return -ENOSPC;
	}
	if (!r)
		r = rec_make(l, ev->cookie);
	if (!r)
		return -ENOMEM;
	p = place_get(l, ev->netns_cookie, ev->proto, port_host(ev));
	if (!p) {
		rec_drop(l, r);
		return -ENOMEM;
	}
	if (r->place != p) {
		place_leave(l, r);
		DL_PREPEND(p->recs, r);
		r->place = p;
	}
	rec_fill(r, ev);
	if (ev->ts_ns > r->told_ns)
		r->told_ns = ev->ts_ns;
	return 0;
}

void listeners_sweep_begin(struct listeners *l, uint64_t now_mono_ns)
{
	l->sweep_ns = now_mono_ns;
}

void listeners_sweep_end(struct listeners *l)
{
	struct rec *r, *tmp;

	HASH_ITER(hh, l->by_cookie, r, tmp)
		if (!r->l.closed_mono_ns && r->told_ns < l->sweep_ns)
			r->l.closed_mono_ns = l->sweep_ns;
}

int listeners_event(struct listeners *l, const struct pg_event *ev)
{
	struct rec *r;

	if (!ev->cookie)
		return 0;
	switch (ev->type) {
	case PG_EV_LISTEN:
	case PG_EV_BIND:
		return event_open(l, ev);
	case PG_EV_CLOSE:
		r = rec_find(l, ev->cookie);
		if (r && !r->l.closed_mono_ns)
			r->l.closed_mono_ns = ev->ts_ns ? ev->ts_ns : 1;
		return 0;
	default:
		return 0;
	}
}

/* ---- asking ---------------------------------------------------------------------------------------------- */
static const uint8_t any6[16];
static const uint8_t any4[16] = { [10] = 0xff, [11] = 0xff };

static bool is_v4(const uint8_t a[16])
{
	return memcmp(a, any4, 12) == 0;
}

/* How well a packet to addr fits, 0: not at all. As the kernel scores sockets: exact, the family's own any, dual stack. */
static unsigned fit(const struct listener *l, const uint8_t addr[16])
{
	bool v4 = is_v4(addr);

	if (!memcmp(l->addr, addr, 16))
		return 3;
	if (v4 && !memcmp(l->addr, any4, 16))
		return 2;
	if (memcmp(l->addr, any6, 16))
		return 0;
	if (!v4)
		return 2;
	return l->v6only ? 0 : 1;
}

struct listener *listeners_match(struct listeners *l, uint64_t netns_cookie, uint8_t proto, const uint8_t addr[16], uint16_t port)
{
	struct place *p = place_find(l, netns_cookie, proto, port);
	struct rec *r, *best = NULL;
	unsigned score, best_score = 0;

	for (r = p ? p->recs : NULL; r; r = r->next) {
		score = fit(&r->l, addr);
		if (!score)
			continue;
		/* a packet can only reach an open one; a closed one explains what came before */
		score += r->l.closed_mono_ns ? 0 : 4;
		if (score > best_score ||
		    (score == best_score && r->l.closed_mono_ns > best->l.closed_mono_ns)) {
			best = r;
			best_score = score;
		}
	}
	return best ? &best->l : NULL;
}

static void text_copy(char *ret, size_t size, const char *s)
{
	size_t n = strnlen(s, size - 1);

	memcpy(ret, s, n);
	ret[n] = '\0';
}

void listeners_label(struct listeners *l, struct listener *li, const char *app, uint8_t confidence, const char *info)
{
	/* The surer label wins; of two equally sure ones the later. */
	if (app && *app && confidence >= li->app_confidence) {
		text_copy(li->app, sizeof(li->app), app);
		li->app_confidence = confidence;
	}
	if (info && *info)
		text_copy(li->info, sizeof(li->info), info);
}

void listeners_facts(struct listeners *l, struct listener *li, const char *text)
{
	char *copy;

	if (!*text || (li->facts && !strcmp(li->facts, text)))
		return;
	copy = strdup(text);
	if (!copy)
		return; /* the older ones stay */
	free(li->facts);
	li->facts = copy;
}

void listeners_expire(struct listeners *l, uint64_t now_mono_ns)
{
	struct rec *r, *tmp;

	HASH_ITER(hh, l->by_cookie, r, tmp)
		if (r->l.closed_mono_ns && now_mono_ns > r->l.closed_mono_ns + CLOSED_LINGER_NS)
			rec_drop(l, r);
}

void listeners_each(struct listeners *l, void (*cb)(const struct listener *li, void *arg), void *arg)
{
	struct rec *r, *tmp;

	HASH_ITER(hh, l->by_cookie, r, tmp)
		cb(&r->l, arg);
}

size_t listeners_count(const struct listeners *l)
{
	return HASH_COUNT(l->by_cookie);
}

uint64_t listeners_refused(const struct listeners *l)
{
	return l->refused;
}
