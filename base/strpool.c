/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/strpool.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

struct pooled {
	struct pooled *next;
	uint64_t hash;
	unsigned refs;
	char text[];
};

struct strpool {
	struct pooled **slots;
	size_t slot_count, count; /* slot_count: a power of two */
	uint64_t seed;
};

struct strpool *strpool_new(void)
{
	struct strpool *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->slot_count = 256;
	p->slots = calloc(p->slot_count, sizeof(*p->slots));
	if (!p->slots) {
		free(p);
		return NULL;
	}
	/* Names come from packets: an unpredictable seed keeps a sender from making all of them collide. */
	if (getrandom(&p->seed, sizeof(p->seed), GRND_NONBLOCK) != (ssize_t)sizeof(p->seed))
		p->seed = (uint64_t)(uintptr_t)p;
	return p;
}

void strpool_free(struct strpool *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->slot_count; i++)
		for (struct pooled *s = p->slots[i], *next; s; s = next) {
			next = s->next;
			free(s);
		}
	free(p->slots);
	free(p);
}

static void strpool_grow(struct strpool *p)
{
	size_t n = p->slot_count * 2;
	struct pooled **slots = calloc(n, sizeof(*slots));

	if (!slots)
		return; /* longer chains, nothing worse */
	for (size_t i = 0; i < p->slot_count; i++)
		for (struct pooled *s = p->slots[i], *next; s; s = next) {
			next = s->next;
			s->next = slots[s->hash & (n - 1)];
			slots[s->hash & (n - 1)] = s;
		}
	free(p->slots);
	p->slots = slots;
	p->slot_count = n;
}

const char *strpool_get(struct strpool *p, const char *s)
{
	size_t len = strlen(s);
	uint64_t h;
	struct pooled *e;

	if (!len)
		return "";
	h = XXH3_64bits_withSeed(s, len, p->seed);
	for (e = p->slots[h & (p->slot_count - 1)]; e; e = e->next)
		if (e->hash == h && strcmp(e->text, s) == 0) {
			e->refs++;
			return e->text;
		}
	e = malloc(sizeof(*e) + len + 1);
	if (!e)
		return NULL;
	if (p->count >= p->slot_count)
		strpool_grow(p);
	e->hash = h;
	e->refs = 1;
	memcpy(e->text, s, len + 1);
	e->next = p->slots[h & (p->slot_count - 1)];
	p->slots[h & (p->slot_count - 1)] = e;
	p->count++;
	return e->text;
}

void strpool_put(struct strpool *p, const char *s)
{
	struct pooled *e, **at;

	if (!s || !*s)
		return;
	e = (struct pooled *)((uintptr_t)s - offsetof(struct pooled, text));
	if (--e->refs)
		return;
	for (at = &p->slots[e->hash & (p->slot_count - 1)]; *at != e; at = &(*at)->next)
		;
	*at = e->next;
	free(e);
	p->count--;
}

size_t strpool_count(const struct strpool *p)
{
	return p->count;
}
