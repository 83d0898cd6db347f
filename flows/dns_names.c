/* SPDX-License-Identifier: GPL-2.0-or-later */
/* DNS names: entries in a hash by (scope, address) and in two orders: of their scope and of all, the least recently
 * answered first. Addresses come from DNS answers, which an attacker may write: the hash has a secret. */
#include "flows/dns_names.h"

#define XXH_INLINE_ALL
#include <xxhash.h>
#define HASH_NONFATAL_OOM 1
#include <uthash.h>
#include <utlist.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"

struct key {
	uint64_t scope;
	uint8_t addr[16];
};

struct scope_rec;

struct entry {
	struct key key;
	uint64_t until_ns;
	struct scope_rec *owner;
	struct entry *prev, *next;   /* of its scope */
	struct entry *aprev, *anext; /* of all */
	UT_hash_handle hh;
	char name[];
};

struct scope_rec {
	uint64_t scope;
	unsigned count;
	struct entry *oldest;
	UT_hash_handle hh;
};

struct dns_names {
	struct entry *entries, *oldest;
	struct scope_rec *scopes;
	unsigned max_per_scope, max_total, count;
	uint64_t evicted;
	uint8_t secret[XXH3_SECRET_SIZE_MIN];
};

struct dns_names *dns_names_new(unsigned max_per_scope, unsigned max_total)
{
	struct dns_names *d;
	uint64_t t = clock_mono_ns();

	if (!max_per_scope || !max_total)
		return NULL;
	d = calloc(1, sizeof(*d));
	if (!d)
		return NULL;
	d->max_per_scope = max_per_scope;
	d->max_total = max_total;
	if (getrandom(d->secret, sizeof(d->secret), 0) != (ssize_t)sizeof(d->secret))
		memcpy(d->secret, &t, sizeof(t)); /* weak, better than none */
	return d;
}

static unsigned hash_of(const struct dns_names *d, const void *p, size_t len)
{
	return (unsigned)XXH3_64bits_withSecret(p, len, d->secret, sizeof(d->secret));
}

static struct key key_of(uint64_t scope, const uint8_t addr[16])
{
	struct key k = { .scope = scope };

	memcpy(k.addr, addr, 16);
	return k;
}

static struct entry *entry_find(const struct dns_names *d, const struct key *k)
{
	struct entry *e;

	HASH_FIND_BYHASHVALUE(hh, d->entries, k, sizeof(*k), hash_of(d, k, sizeof(*k)), e);
	return e;
}

static struct scope_rec *scope_find(const struct dns_names *d, uint64_t scope)
{
	struct scope_rec *s;

	HASH_FIND_BYHASHVALUE(hh, d->scopes, &scope, sizeof(scope), hash_of(d, &scope, sizeof(scope)), s);
	return s;
}

static struct scope_rec *scope_make(struct dns_names *d, uint64_t scope)
{
	struct scope_rec *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->scope = scope;
	HASH_ADD_BYHASHVALUE(hh, d->scopes, scope, sizeof(s->scope), hash_of(d, &s->scope, sizeof(s->scope)), s);
	if (!s->hh.tbl) {
		free(s);
		return NULL;
	}
	return s;
}

static void scope_drop_if_empty(struct dns_names *d, struct scope_rec *s)
{
	if (s->count)
		return;
	HASH_DELETE(hh, d->scopes, s);
	free(s);
}

/* The scope record stays, even when it is empty. */
static void entry_drop(struct dns_names *d, struct entry *e)
{
	DL_DELETE(e->owner->oldest, e);
	DL_DELETE2(d->oldest, e, aprev, anext);
	HASH_DELETE(hh, d->entries, e);
	e->owner->count--;
	d->count--;
	free(e);
}

static void evict_for(struct dns_names *d, struct scope_rec *s)
{
	struct scope_rec *victim;

	if (s->count >= d->max_per_scope) {
		entry_drop(d, s->oldest);
		d->evicted++;
	}
	if (d->count >= d->max_total) {
		victim = d->oldest->owner;
		entry_drop(d, d->oldest);
		d->evicted++;
		if (victim != s)
			scope_drop_if_empty(d, victim);
	}
}

static uint64_t until_of(uint32_t ttl_s, uint64_t now_mono_ns)
{
	return now_mono_ns + ttl_s * NSEC_PER_SEC + DNS_NAMES_GRACE_NS;
}

/* The same name again: it becomes the youngest. */
static void entry_renew(struct dns_names *d, struct entry *e, uint64_t until_ns)
{
	if (until_ns > e->until_ns)
		e->until_ns = until_ns;
	DL_DELETE(e->owner->oldest, e);
	DL_APPEND(e->owner->oldest, e);
	DL_DELETE2(d->oldest, e, aprev, anext);
	DL_APPEND2(d->oldest, e, aprev, anext);
}

static int entry_make(struct dns_names *d, struct scope_rec *s, const struct key *k, const char *name, uint64_t until_ns)
{
	size_t len = strnlen(name, 255);
	struct entry *e = malloc(sizeof(*e) + len + 1);

	if (!e)
		return -ENOMEM;
	memset(e, 0, sizeof(*e));
	e->key = *k;
	e->until_ns = until_ns;
	e->owner = s;
	memcpy(e->name, name, len);
	e->name[len] = '\0';
	evict_for(d, s);
	HASH_ADD_BYHASHVALUE(hh, d->entries, key, sizeof(e->key), hash_of(d, k, sizeof(*k)), e);
	if (!e->hh.tbl) {
		free(e);
		return -ENOMEM;
	}
	DL_APPEND(s->oldest, e);
	DL_APPEND2(d->oldest, e, aprev, anext);
	s->count++;
	d->count++;
	return 0;
}

int dns_names_put(struct dns_names *d, uint64_t scope, const uint8_t addr[16], const char *name, uint32_t ttl_s, uint64_t now_mono_ns)
{
	struct key k = key_of(scope, addr);
	struct entry *e = entry_find(d, &k);
	struct scope_rec *s;
	int r;

	if (e && !strncmp(e->name, name, 255)) {
		entry_renew(d, e, until_of(ttl_s, now_mono_ns));
		return 0;
	}
	s = scope_find(d, scope);
	if (e)
		entry_drop(d, e); /* the latest question is the best guess of what the next connection is for */
	if (!s)
		s = scope_make(d, scope);
	if (!s)
		return -ENOMEM;
	r = entry_make(d, s, &k, name, until_of(ttl_s, now_mono_ns));
	scope_drop_if_empty(d, s);
	return r;
}

const char *dns_names_get(struct dns_names *d, uint64_t scope, const uint8_t addr[16], uint64_t now_mono_ns)
{
	struct key k = key_of(scope, addr);
	struct entry *e = entry_find(d, &k);
	struct scope_rec *s;

	if (!e)
		return NULL;
	if (now_mono_ns <= e->until_ns)
		return e->name;
	s = e->owner;
	entry_drop(d, e);
	scope_drop_if_empty(d, s);
	return NULL;
}

void dns_names_each(const struct dns_names *d, uint64_t scope, void (*cb)(const uint8_t addr[16], const char *name, uint64_t until_ns, void *arg),
		    void *arg)
{
	const struct entry *e;
	const struct scope_rec *s = scope_find(d, scope);

	DL_FOREACH(s ? s->oldest : NULL, e)
		cb(e->key.addr, e->name, e->until_ns, arg);
}

void dns_names_forget(struct dns_names *d, uint64_t scope)
{
	struct scope_rec *s = scope_find(d, scope);

	if (!s)
		return;
	while (s->oldest)
		entry_drop(d, s->oldest);
	scope_drop_if_empty(d, s);
}

unsigned dns_names_count(const struct dns_names *d)
{
	return d->count;
}

uint64_t dns_names_evicted(const struct dns_names *d)
{
	return d->evicted;
}

void dns_names_free(struct dns_names *d)
{
	struct scope_rec *s, *tmp;

	if (!d)
		return;
	HASH_ITER(hh, d->scopes, s, tmp)
		dns_names_forget(d, s->scope);
	free(d);
}
