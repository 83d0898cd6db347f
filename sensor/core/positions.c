/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How far each open flow is in the stored edges. The kernel goes on counting when core dies; the next core adds what a flow
 * holds beyond its stored position, so that nothing is missing and nothing counted twice. Written in the transaction of the
 * edges. Flows that are closed need none: they are in the edges with all they hold, and leave the kernel's map only later.
 * What could not be kept (more open flows than POSITIONS_MAX, flows that had to leave before a save) is LOSS_UNSAVED. */
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>
#define HASH_FUNCTION(keyptr, keylen, hashv) (hashv) = (unsigned)XXH3_64bits(keyptr, keylen)
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "base/log.h"
#include "sensor/core/core_priv.h"
#include "sensor/core/store.h"

#define POSITIONS_MAX 8192

struct stored {
	UT_hash_handle hh;
	struct store_position p;
};

struct positions {
	struct stored *stored; /* of the core before, not met yet */
	unsigned count;        /* in the store, of flows that are known */
	bool begun;            /* the store holds ours */
};

struct positions *positions_new(void)
{
	return calloc(1, sizeof(struct positions));
}

static void load_cb(const struct store_position *pos, void *arg)
{
	struct positions *p = arg;
	struct stored *s = calloc(1, sizeof(*s));

	if (!s)
		return;
	s->p = *pos;
	HASH_ADD(hh, p->stored, p.key, sizeof(s->p.key), s);
	if (!s->hh.tbl)
		free(s);
}

void positions_load(struct core *c)
{
	if (c->priv->positions)
		store_each_position(c->store, load_cb, c->priv->positions);
}

static void stored_drop(struct positions *p, struct stored *s)
{
	HASH_DELETE(hh, p->stored, s);
	free(s);
}

bool positions_take(struct core *c, struct flow *f)
{
	struct positions *p = c->priv->positions;
	struct stored *s;

	HASH_FIND(hh, p->stored, &f->key, sizeof(f->key), s);
	if (!s)
		return false;
	if (s->p.first_ns != f->first_ns) { /* another flow with the same ends */
		stored_drop(p, s);
		return false;
	}
	memcpy(f->packets, s->p.packets, sizeof(f->packets));
	memcpy(f->bytes, s->p.bytes, sizeof(f->bytes));
	stored_drop(p, s);
	return true;
}

static bool dirty_cb(struct flow *f, void *arg)
{
	f->state |= FLOW_UNSAVED;
	f->state &= (uint16_t)~FLOW_POSITION;
	return true;
}

static bool save_cb(struct flow *f, void *arg)
{
	struct core *c = arg;
	struct positions *p = c->priv->positions;
	struct store_position pos = { .key = f->key, .first_ns = f->first_ns, .packets = { f->packets[0], f->packets[1] },
				      .bytes = { f->bytes[0], f->bytes[1] } };

	if (!(f->state & FLOW_UNSAVED) || !(f->state & FLOW_IN_MAP))
		return true;
	f->state &= (uint16_t)~FLOW_UNSAVED;
	if (!(f->state & FLOW_POSITION)) {
		if (flow_is_closed(f) || p->count >= POSITIONS_MAX)
			return true;
		f->state |= FLOW_POSITION;
		p->count++;
	}
	store_position_put(c->store, &pos);
	return true;
}

void positions_save(struct core *c)
{
	struct positions *p = c->priv->positions;
	struct stored *s, *tmp;

	/* Before every flow of the core before was met, its positions are what counts. */
	if (!p || !flows_met(c))
		return;
	if (!p->begun) {
		store_positions_clear(c->store);
		flow_table_each(c->flows, dirty_cb, NULL);
		p->count = 0;
		p->begun = true;
	}
	HASH_ITER(hh, p->stored, s, tmp)
		stored_drop(p, s);
	flow_table_each(c->flows, save_cb, c);
}

void positions_saved(struct core *c, bool well)
{
	struct positions *p = c->priv->positions;

	if (!p)
		return;
	if (!well)
		p->begun = false; /* once more, all of them */
	else if (c->priv->gauge)
		c->priv->gauge->unsaved = 0;
}

void positions_forget(struct core *c, struct flow *f)
{
	if (!(f->state & FLOW_POSITION))
		return;
	f->state &= (uint16_t)~FLOW_POSITION;
	c->priv->positions->count--;
	store_position_del(c->store, &f->key);
}

void positions_free(struct positions *p)
{
	struct stored *s, *tmp;

	if (!p)
		return;
	HASH_ITER(hh, p->stored, s, tmp)
		stored_drop(p, s);
	free(p);
}
