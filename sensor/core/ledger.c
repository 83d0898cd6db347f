/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ledger of events (DESIGN 9): per cgroup, what the kernel produced, delivered and lost by cause, against what arrived
 * here. A container whose budget is used up is announced, and what events would have told is read anew afterwards. */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "base/clock.h"
#include "base/log.h"
#include "sensor/core/core_priv.h"

#define WINDOW_NS (10 * NSEC_PER_SEC)
#define ROWS_MAX 32768
#define BATCH 256u
#define GONE_NS (60 * NSEC_PER_SEC) /* how long a removed cgroup's row is shown */
#define RESYNC_NS (5 * NSEC_PER_SEC) /* at most this often */

struct ledger_row {
	UT_hash_handle hh;
	uint64_t cgroup;
	struct pg_ledger k;        /* last read */
	uint64_t received;         /* events that arrived */
	uint64_t base;             /* of k.delivered: went to an earlier core */
	uint64_t window_lost[2];   /* in the present window, in the last */
	uint64_t window_start;     /* lost when the window began */
	uint64_t throttle_from;    /* k.throttled when it began */
	uint64_t gone_ns;
	bool inherited;            /* was there before this core: base is not known yet */
	bool throttled_now;
};

struct event_ledger {
	struct ledger_row *rows;
	uint64_t window_ns, lost_seen, resync_ns;
	bool started, resync_due;
	uint64_t keys[BATCH]; /* of the kernel's, as they are read */
	struct pg_ledger values[BATCH];
};

struct event_ledger *ledger_new(void)
{
	return calloc(1, sizeof(struct event_ledger));
}

void ledger_free(struct event_ledger *l)
{
	struct ledger_row *r, *tmp;

	if (!l)
		return;
	HASH_ITER(hh, l->rows, r, tmp) {
		HASH_DEL(l->rows, r);
		free(r);
	}
	free(l);
}

static struct ledger_row *row_of(struct event_ledger *l, uint64_t cgroup)
{
	struct ledger_row *r;

	HASH_FIND(hh, l->rows, &cgroup, sizeof(cgroup), r);
	if (r || HASH_COUNT(l->rows) >= ROWS_MAX)
		return r;
	r = calloc(1, sizeof(*r));
	if (!r)
		return NULL;
	r->cgroup = cgroup;
	r->inherited = !l->started;
	HASH_ADD(hh, l->rows, cgroup, sizeof(r->cgroup), r);
	if (r->hh.tbl)
		return r;
	free(r);
	return NULL;
}

void ledger_received(struct core *c, uint64_t cgroup)
{
	struct ledger_row *r = row_of(c->priv->ledger, cgroup);

	if (r)
		r->received++;
}

static uint64_t lost_of(const struct ledger_row *r)
{
	return r->k.ring_lost + r->k.throttled;
}

static void throttle_tell(struct core *c, struct ledger_row *r, bool on)
{
	struct core_event_view v = { .kind = CORE_EVENT_THROTTLE, .cgroup = r->cgroup, .text = on ? "start" : "stop" };

	r->throttled_now = on;
	v.mono_ns = clock_mono_ns();
	v.time_ns = clock_wall_ns();
	v.count = on ? 0 : r->k.throttled - r->throttle_from;
	core_publish_event(c, &v);
}

static void row_read(struct core *c, struct ledger_row *r, const struct pg_ledger *k)
{
	uint64_t throttled = k->throttled - r->k.throttled;

	if (lost_of(r) != k->ring_lost + k->throttled)
		c->priv->ledger->resync_due = true;
	if (throttled && !r->throttled_now)
		r->throttle_from = r->k.throttled;
	r->k = *k;
	r->window_lost[0] = lost_of(r) - r->window_start;
	if (throttled && !r->throttled_now)
		throttle_tell(c, r, true);
	else if (!throttled && r->throttled_now)
		throttle_tell(c, r, false);
}

/* Without anything under way between kernel and here, what was delivered and did not arrive went to an earlier core. */
static void row_settle(struct core *c, int fd, struct ledger_row *r)
{
	struct pg_ledger again;
	uint64_t received = r->received;

	events_consume(c);
	if (received == r->received && !bpf_map_lookup_elem(fd, &r->cgroup, &again) && again.delivered == r->k.delivered) {
		r->base = r->k.delivered - r->received;
		r->inherited = false;
	}
}

static void rows_read(struct core *c, int fd)
{
	struct event_ledger *l = c->priv->ledger;
	uint32_t in = 0, out = 0, count;
	unsigned n = 0;
	int err;

	do {
		count = BATCH;
		err = bpf_map_lookup_batch(fd, n ? &in : NULL, &out, l->keys, l->values, &count, NULL) < 0 ? -errno : 0;
		if (err && err != -ENOENT) { /* the rest is read the next time */
			log_debug("ledgers: batch read failed: %s", strerror(-err));
			return;
		}
		for (uint32_t i = 0; i < count; i++) {
			struct ledger_row *r = row_of(l, l->keys[i]);

			if (!r)
				continue;
			row_read(c, r, &l->values[i]);
			if (r->inherited)
				row_settle(c, fd, r);
		}
		in = out;
	} while (!err && ++n < ROWS_MAX / BATCH);
	l->started = true;
}

static void window_turn(struct event_ledger *l, uint64_t now)
{
	struct ledger_row *r, *tmp;

	HASH_ITER(hh, l->rows, r, tmp) {
		r->window_lost[1] = r->window_lost[0];
		r->window_lost[0] = 0;
		r->window_start = lost_of(r);
		if (r->gone_ns && now > r->gone_ns + GONE_NS) {
			HASH_DEL(l->rows, r);
			free(r);
		}
	}
	l->window_ns = now;
}

void ledger_second(struct core *c, uint64_t now)
{
	struct event_ledger *l = c->priv->ledger;
	int fd = core_map_fd(c, "ledgers");

	if (fd < 0 || !c->priv->events)
		return;
	if (now > l->window_ns + WINDOW_NS)
		window_turn(l, now);
	rows_read(c, fd);
	if (l->resync_due && now > l->resync_ns + RESYNC_NS) {
		l->resync_due = false;
		l->resync_ns = now;
		events_resync(c);
	}
}

void ledger_cgroup_gone(struct core *c, uint64_t cgroup)
{
	int fd = core_map_fd(c, "ledgers");
	struct ledger_row *r;
	struct pg_ledger k;

	if (fd < 0 || bpf_map_lookup_and_delete_elem(fd, &cgroup, &k))
		return;
	r = row_of(c->priv->ledger, cgroup);
	if (!r)
		return;
	row_read(c, r, &k);
	if (r->throttled_now)
		throttle_tell(c, r, false);
	r->gone_ns = clock_mono_ns();
}

void core_container_ledger(struct core *c, const struct ident_container *k, struct core_ledger_view *ret)
{
	struct ledger_row *r, *tmp;

	memset(ret, 0, sizeof(*ret));
	HASH_ITER(hh, c->priv->ledger->rows, r, tmp) {
		if (core_container_of_cgroup(c, r->cgroup) != k)
			continue;
		ret->produced += r->k.produced;
		ret->delivered += r->k.delivered;
		ret->ring_lost += r->k.ring_lost;
		ret->throttled += r->k.throttled;
		ret->received += r->received + r->base;
		ret->window_lost += r->window_lost[0] + r->window_lost[1];
		ret->throttled_now |= r->throttled_now;
	}
	shares_of(c, k, ret);
}
