/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the history keeps of flows that ended. Usually each flow is a row. Where many of one kind (same ends, port, protocol
 * and program) end within one interval of the store, the first EACH_MAX have rows of their own, and all others of that
 * interval are one row that says how many they were: a row per flow would cost more than the flow, and fill the store in
 * minutes. Rows beyond ROWS_MAX (a scan: every flow of another kind) are not kept and counted (LOSS_HISTORY). */
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>
#define HASH_FUNCTION(keyptr, keylen, hashv) (hashv) = (unsigned)XXH3_64bits(keyptr, keylen)
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "base/clock.h"
#include "sensor/core/core_priv.h"
#include "sensor/core/store.h"

#define EACH_MAX 32
#define ROWS_MAX 4096 /* in an interval */

struct kind {
	UT_hash_handle hh;
	struct kind_key {
		struct flow_pair *pair; /* referenced */
		const char *app;        /* of the pool, referenced; NULL: none */
		uint64_t owner;         /* process at the server's end; not referenced: told apart only */
	} key;
	unsigned seen;
	int64_t row; /* the one for many; 0: none yet */
	struct store_more more;
};

struct history {
	struct kind *kinds;
	unsigned rows;
};

struct history *history_new(void)
{
	return calloc(1, sizeof(struct history));
}

/* NULL: none yet, and make was not asked for. */
static struct kind *kind_get(struct core *c, const struct flow *f, bool make)
{
	struct history *h = c->priv->history;
	struct kind_key key;
	struct kind *k;

	memset(&key, 0, sizeof(key));
	key.pair = f->edge;
	key.app = f->detail ? f->detail->app : NULL;
	/* A client is a new process each time as a rule: what serves tells more. */
	key.owner = f->owner[!(f->client_end & 1)];
	HASH_FIND(hh, h->kinds, &key, sizeof(key), k);
	if (k || !make)
		return k;
	k = calloc(1, sizeof(*k));
	if (!k)
		return NULL;
	k->key = key;
	HASH_ADD(hh, h->kinds, key, sizeof(k->key), k);
	if (!k->hh.tbl) {
		free(k);
		return NULL;
	}
	pair_ref(k->key.pair);
	if (k->key.app)
		k->key.app = strpool_get(c->priv->strings, k->key.app);
	return k;
}

static void more_add(struct store_more *m, const struct flow *f)
{
	unsigned cl = f->client_end & 1, sv = !cl;

	if (!m->flows || f->first_ns < m->first_seen_ns)
		m->first_seen_ns = f->first_ns;
	if (f->last_ns > m->last_seen_ns)
		m->last_seen_ns = f->last_ns;
	m->flows++;
	m->bytes_to_server += f->bytes[cl];
	m->packets_to_server += f->packets[cl];
	m->bytes_to_client += f->bytes[sv];
	m->packets_to_client += f->packets[sv];
}

void history_add(struct core *c, struct flow *f)
{
	struct history *h = c->priv->history;
	struct core_flow_view view;
	struct kind *k;
	int64_t row;

	if (!h || !c->store || !c->config.history_days)
		return;
	k = kind_get(c, f, h->rows < ROWS_MAX);
	if (k && k->row) {
		more_add(&k->more, f);
		return;
	}
	if (h->rows >= ROWS_MAX) {
		core_lost(c, LOSS_HISTORY, 1);
		return;
	}
	core_view_flow(c, f, &view);
	row = store_flow_ended(c->store, &view);
	h->rows++;
	if (k && ++k->seen > EACH_MAX)
		k->row = row;
}

void history_flush(struct core *c)
{
	struct history *h = c->priv->history;
	struct kind *k, *tmp;

	if (!h)
		return;
	HASH_ITER(hh, h->kinds, k, tmp) {
		if (k->more.flows) {
			k->more.first_seen_ns = core_wall_ns(c, k->more.first_seen_ns);
			k->more.last_seen_ns = core_wall_ns(c, k->more.last_seen_ns);
			store_flow_more(c->store, k->row, &k->more);
		}
		HASH_DELETE(hh, h->kinds, k);
		pair_put(c, k->key.pair);
		strpool_put(c->priv->strings, k->key.app);
		free(k);
	}
	h->rows = 0;
}

void history_free(struct core *c)
{
	history_flush(c);
	free(c->priv->history);
	c->priv->history = NULL;
}
