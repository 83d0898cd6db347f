/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Flow table: an index of (hash, record number) pairs with linear probing and backward-shift deletion (no tombstones, so
 * a table that lives for months does not decay), over records in slabs that never move. Growing rewrites the index only;
 * slabs that became empty are given back. */
#include "flows/flow_table.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define SLAB_RECORDS 512u
#define SLAB_WORDS (SLAB_RECORDS / 64)
#define INDEX_MIN 64u
#define NONE UINT32_MAX

struct slab {
	uint32_t used;     /* records in use */
	uint32_t touched;  /* records ever used: those from here on are fresh */
	uint32_t free;     /* first record of the list of used-again ones, chained through their first bytes; NONE */
	uint32_t prev, next; /* list of slabs with room */
	bool listed;
	uint64_t live[SLAB_WORDS];
	struct flow rec[SLAB_RECORDS];
};

struct slot {
	uint32_t hash;
	uint32_t rec_plus1; /* 0: empty */
};

struct flow_table {
	struct slot *index;
	uint32_t mask;
	size_t count, max;
	uint64_t refused;
	struct slab **slabs;
	uint32_t slab_max;   /* entries of slabs[] */
	uint32_t slab_count; /* of these: allocated */
	uint32_t room;       /* first slab with room, NONE */
	uint32_t pinned;     /* slab that is being iterated and must not be freed, NONE */
	/* XXH3 is no keyed hash by itself, and its seed is only added to a well-known secret; a secret of our own makes
	 * collisions unguessable for whoever chooses the addresses and ports. */
	uint8_t secret[XXH3_SECRET_SIZE_MIN];
};

static void secret_fill(uint8_t *p, size_t len)
{
	struct timespec ts;
	size_t i = 0;

	if (getrandom(p, len, 0) == (ssize_t)len)
		return;
	/* Only without getrandom(2), which the kernels we run on have: better a weak secret than none. */
	clock_gettime(CLOCK_MONOTONIC, &ts);
	for (i = 0; i < len; i++)
		p[i] ^= (uint8_t)((uint64_t)ts.tv_nsec * (2 * i + 1) >> (i % 24)) ^ (uint8_t)((uintptr_t)p >> (i % 40));
}

struct flow_table *flow_table_new(size_t max)
{
	struct flow_table *t;

	if (max == 0 || max > UINT32_MAX / 2)
		return NULL;
	t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	t->max = max;
	t->slab_max = (uint32_t)((max + SLAB_RECORDS - 1) / SLAB_RECORDS);
	t->mask = INDEX_MIN - 1;
	t->room = t->pinned = NONE;
	t->index = calloc(INDEX_MIN, sizeof(*t->index));
	t->slabs = calloc(t->slab_max, sizeof(*t->slabs));
	if (!t->index || !t->slabs) {
		flow_table_free(t);
		return NULL;
	}
	secret_fill(t->secret, sizeof(t->secret));
	return t;
}

void flow_table_free(struct flow_table *t)
{
	uint32_t i;

	if (!t)
		return;
	for (i = 0; t->slabs && i < t->slab_max; i++)
		free(t->slabs[i]);
	free(t->slabs);
	free(t->index);
	free(t);
}

static uint32_t key_hash(const struct flow_table *t, const struct flow_key *key)
{
	return (uint32_t)XXH3_64bits_withSecret(key, sizeof(*key), t->secret, sizeof(t->secret));
}

static struct flow *record_at(const struct flow_table *t, uint32_t n)
{
	return &t->slabs[n / SLAB_RECORDS]->rec[n % SLAB_RECORDS];
}

/* ---- slabs -------------------------------------------------------------------------------------- */
static void room_add(struct flow_table *t, uint32_t s)
{
	struct slab *sl = t->slabs[s];

	sl->prev = NONE;
	sl->next = t->room;
	sl->listed = true;
	if (t->room != NONE)
		t->slabs[t->room]->prev = s;
	t->room = s;
}

static void room_del(struct flow_table *t, uint32_t s)
{
	struct slab *sl = t->slabs[s];

	if (sl->prev != NONE)
		t->slabs[sl->prev]->next = sl->next;
	else
		t->room = sl->next;
	if (sl->next != NONE)
		t->slabs[sl->next]->prev = sl->prev;
	sl->listed = false;
}

static int slab_make(struct flow_table *t)
{
	struct slab *sl;
	uint32_t s = t->slab_count;

	/* slab_count is a first guess: below it there may be holes of slabs given back */
	if (s >= t->slab_max || t->slabs[s])
		for (s = 0; s < t->slab_max && t->slabs[s]; s++)
			;
	if (s >= t->slab_max)
		return -ENOSPC;
	sl = malloc(sizeof(*sl)); /* records are cleared when they are taken */
	if (!sl)
		return -ENOMEM;
	memset(sl, 0, offsetof(struct slab, rec));
	sl->free = NONE;
	t->slabs[s] = sl;
	t->slab_count++;
	room_add(t, s);
	return 0;
}

static void slab_drop_if_empty(struct flow_table *t, uint32_t s)
{
	struct slab *sl = t->slabs[s];

	if (sl->used || s == t->pinned)
		return;
	/* Keep one with room, so that a table at a slab's edge does not allocate and free for every flow. */
	if (t->room == s && sl->next == NONE)
		return;
	room_del(t, s);
	t->slabs[s] = NULL;
	t->slab_count--;
	free(sl);
}

static int record_take(struct flow_table *t, uint32_t *ret_n)
{
	struct slab *sl;
	uint32_t s, i;
	int r;

	if (t->room == NONE) {
		r = slab_make(t);
		if (r < 0)
			return r;
	}
	s = t->room;
	sl = t->slabs[s];
	if (sl->free != NONE) {
		i = sl->free;
		memcpy(&sl->free, &sl->rec[i], sizeof(sl->free));
	} else {
		i = sl->touched++;
	}
	sl->live[i / 64] |= 1ULL << (i % 64);
	if (++sl->used == SLAB_RECORDS)
		room_del(t, s);
	*ret_n = s * SLAB_RECORDS + i;
	return 0;
}

static void record_give(struct flow_table *t, uint32_t n)
{
	uint32_t s = n / SLAB_RECORDS, i = n % SLAB_RECORDS;
	struct slab *sl = t->slabs[s];

	sl->live[i / 64] &= ~(1ULL << (i % 64));
	memcpy(&sl->rec[i], &sl->free, sizeof(sl->free));
	sl->free = i;
	sl->used--;
	if (!sl->listed)
		room_add(t, s);
	slab_drop_if_empty(t, s);
}

/* ---- index -------------------------------------------------------------------------------------- */
static void index_insert(struct slot *index, uint32_t mask, struct slot e)
{
	uint32_t i = e.hash & mask;

	while (index[i].rec_plus1)
		i = (i + 1) & mask;
	index[i] = e;
}

/* Doubles the index once it is four fifths full. */
static int index_grow(struct flow_table *t)
{
	size_t size = (size_t)t->mask + 1;
	struct slot *bigger;
	size_t i;

	if ((t->count + 1) * 5 <= size * 4)
		return 0;
	if (size > UINT32_MAX / 2)
		return -ENOSPC;
	bigger = calloc(size * 2, sizeof(*bigger));
	if (!bigger)
		return -ENOMEM;
	for (i = 0; i < size; i++)
		if (t->index[i].rec_plus1)
			index_insert(bigger, (uint32_t)(size * 2 - 1), t->index[i]);
	free(t->index);
	t->index = bigger;
	t->mask = (uint32_t)(size * 2 - 1);
	return 0;
}

/* Closes the hole at i: moves back every following entry of the cluster that may stand there. */
static void index_close_hole(struct flow_table *t, uint32_t i)
{
	uint32_t j = i, home;

	for (;;) {
		j = (j + 1) & t->mask;
		if (!t->index[j].rec_plus1)
			break;
		home = t->index[j].hash & t->mask;
		/* may stand at i if i lies cyclically in [home, j) */
		if (((i - home) & t->mask) <= ((j - home) & t->mask)) {
			t->index[i] = t->index[j];
			i = j;
		}
	}
	t->index[i] = (struct slot){ 0 };
}

static struct flow *find_hashed(struct flow_table *t, const struct flow_key *key, uint32_t hash)
{
	struct flow *f;
	uint32_t i;

	for (i = hash & t->mask; t->index[i].rec_plus1; i = (i + 1) & t->mask) {
		if (t->index[i].hash != hash)
			continue;
		f = record_at(t, t->index[i].rec_plus1 - 1);
		if (memcmp(&f->key, key, sizeof(*key)) == 0)
			return f;
	}
	return NULL;
}

struct flow *flow_table_find(struct flow_table *t, const struct flow_key *key)
{
	return find_hashed(t, key, key_hash(t, key));
}

uint32_t flow_table_hash(const struct flow_table *t, const struct flow_key *key)
{
	return key_hash(t, key);
}

void flow_table_near_index(const struct flow_table *t, uint32_t hash)
{
	__builtin_prefetch(&t->index[hash & t->mask]);
}

void flow_table_near_record(const struct flow_table *t, uint32_t hash)
{
	const struct slot *s = &t->index[hash & t->mask];
	const char *f;

	if (!s->rec_plus1)
		return;
	f = (const char *)record_at(t, s->rec_plus1 - 1);
	__builtin_prefetch(f, 1);
	__builtin_prefetch(f + 64, 1);
	__builtin_prefetch(f + 128, 1);
}

struct flow *flow_table_get(struct flow_table *t, const struct flow_key *key, bool *ret_made)
{
	return flow_table_get_hashed(t, key, key_hash(t, key), ret_made);
}

struct flow *flow_table_get_hashed(struct flow_table *t, const struct flow_key *key, uint32_t hash, bool *ret_made)
{
	struct flow *f = find_hashed(t, key, hash);
	uint32_t n;

	if (f) {
		*ret_made = false;
		return f;
	}
	if (t->count >= t->max) {
		t->refused++;
		return NULL;
	}
	if (index_grow(t) < 0 || record_take(t, &n) < 0)
		return NULL;
	f = record_at(t, n);
	memset(f, 0, sizeof(*f));
	f->key = *key;
	index_insert(t->index, t->mask, (struct slot){ hash, n + 1 });
	t->count++;
	*ret_made = true;
	return f;
}

void flow_table_remove(struct flow_table *t, struct flow *f)
{
	uint32_t hash, i, n;

	if (!f)
		return;
	hash = key_hash(t, &f->key);
	for (i = hash & t->mask; t->index[i].rec_plus1; i = (i + 1) & t->mask) {
		if (t->index[i].hash != hash)
			continue;
		n = t->index[i].rec_plus1 - 1;
		if (record_at(t, n) != f)
			continue;
		index_close_hole(t, i);
		t->count--;
		record_give(t, n);
		return;
	}
}

size_t flow_table_count(const struct flow_table *t)
{
	return t->count;
}

uint64_t flow_table_refused(const struct flow_table *t)
{
	return t->refused;
}

size_t flow_table_memory(const struct flow_table *t)
{
	return sizeof(*t) + ((size_t)t->mask + 1) * sizeof(*t->index) + t->slab_max * sizeof(*t->slabs) +
	       t->slab_count * sizeof(struct slab);
}

void flow_table_each(struct flow_table *t, bool (*cb)(struct flow *f, void *arg), void *arg)
{
	uint32_t s, w, i;
	uint64_t live;
	bool more = true;

	for (s = 0; s < t->slab_max && more; s++) {
		if (!t->slabs[s])
			continue;
		t->pinned = s;
		for (w = 0; w < SLAB_WORDS && more; w++)
			for (live = t->slabs[s]->live[w]; live && more; live &= live - 1) {
				i = w * 64 + (uint32_t)__builtin_ctzll(live);
				more = cb(&t->slabs[s]->rec[i], arg);
			}
		t->pinned = NONE;
		slab_drop_if_empty(t, s);
	}
}
