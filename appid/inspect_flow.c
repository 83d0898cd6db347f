/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "appid/inspect_flow.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

static struct inspect_chain *bucket_of(struct inspect_table *t, const struct flow_key *key)
{
	return &t->buckets[XXH3_64bits_withSeed(key, sizeof(*key), t->seed) & t->bucket_mask];
}

int inspect_table_init(struct inspect_table *t, unsigned max, uint64_t seed)
{
	unsigned buckets = 1;

	while (buckets < max)
		buckets *= 2;
	memset(t, 0, sizeof(*t));
	t->flows = calloc(max, sizeof(*t->flows));
	t->buckets = calloc(buckets, sizeof(*t->buckets));
	if (!t->flows || !t->buckets) {
		free(t->flows);
		free(t->buckets);
		memset(t, 0, sizeof(*t));
		return -ENOMEM;
	}
	t->max = max;
	t->bucket_mask = buckets - 1;
	t->seed = seed;
	TAILQ_INIT(&t->active);
	TAILQ_INIT(&t->finished);
	TAILQ_INIT(&t->told);
	for (unsigned i = max; i-- > 0;)
		SLIST_INSERT_HEAD(&t->spare, &t->flows[i], chain);
	return 0;
}

static void work_free(struct inspect_table *t, struct inspect_flow *f)
{
	if (!f->work)
		return;
	if (t->work_count < INSPECT_WORKS_KEPT) {
		t->works[t->work_count++] = f->work;
	} else {
		dialogue_done(&f->work->talk);
		free(f->work);
	}
	f->work = NULL;
}

static struct inspect_work *work_make(struct inspect_table *t, bool datagrams)
{
	struct inspect_work *w;

	if (t->work_count) {
		w = t->works[--t->work_count];
		dialogue_reset(&w->talk, datagrams);
	} else {
		w = malloc(sizeof(*w));
		if (!w)
			return NULL;
		dialogue_init(&w->talk, datagrams);
	}
	memset((char *)w + sizeof(w->talk), 0, sizeof(*w) - sizeof(w->talk));
	return w;
}

void inspect_table_done(struct inspect_table *t)
{
	for (unsigned i = 0; i < t->max; i++)
		work_free(t, &t->flows[i]);
	while (t->work_count) {
		dialogue_done(&t->works[--t->work_count]->talk);
		free(t->works[t->work_count]);
	}
	free(t->flows);
	free(t->buckets);
	memset(t, 0, sizeof(*t));
}

struct inspect_flow *inspect_table_find(struct inspect_table *t, const struct flow_key *key)
{
	struct inspect_flow *f;

	SLIST_FOREACH(f, bucket_of(t, key), chain)
		if (!memcmp(&f->key, key, sizeof(*key)))
			return f;
	return NULL;
}

bool inspect_table_full(const struct inspect_table *t)
{
	return SLIST_EMPTY(&t->spare);
}

struct inspect_flow *inspect_table_add(struct inspect_table *t, const struct flow_key *key)
{
	struct inspect_flow *f = SLIST_FIRST(&t->spare);
	struct inspect_work *w;

	if (!f)
		return NULL;
	w = work_make(t, key->proto == IPPROTO_UDP);
	if (!w)
		return NULL;
	SLIST_REMOVE_HEAD(&t->spare, chain);
	memset(f, 0, sizeof(*f));
	f->key = *key;
	f->work = w;
	w->flow = f;
	f->server_dir = f->client_dir = 2;
	SLIST_INSERT_HEAD(bucket_of(t, key), f, chain);
	TAILQ_INSERT_TAIL(&t->active, f, age);
	t->used++;
	return f;
}

static struct inspect_list *list_of(struct inspect_table *t, const struct inspect_flow *f)
{
	return f->work ? &t->active : f->told ? &t->told : &t->finished;
}

void inspect_table_finish(struct inspect_table *t, struct inspect_flow *f)
{
	if (!f->work)
		return;
	TAILQ_REMOVE(&t->active, f, age);
	work_free(t, f);
	TAILQ_INSERT_TAIL(list_of(t, f), f, age);
}

void inspect_table_remove(struct inspect_table *t, struct inspect_flow *f)
{
	struct inspect_chain *b = bucket_of(t, &f->key);

	TAILQ_REMOVE(list_of(t, f), f, age);
	SLIST_REMOVE(b, f, inspect_flow, chain);
	work_free(t, f);
	SLIST_INSERT_HEAD(&t->spare, f, chain);
	t->used--;
}

void inspect_table_touch(struct inspect_table *t, struct inspect_flow *f, uint64_t now_ns)
{
	if (now_ns > f->last_ns)
		f->last_ns = now_ns;
	TAILQ_REMOVE(list_of(t, f), f, age);
	TAILQ_INSERT_TAIL(list_of(t, f), f, age);
}
