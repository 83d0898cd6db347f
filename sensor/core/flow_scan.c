/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What of the kernel's flow map is read, and when. A connection that comes and goes is read twice: a little after its first
 * packet, and when its time is over.
 *
 *   new flows     the programs write their keys into a ring (flow_news): read at every tick, READ_AFTER_NS later, when both ends
 *                 have usually spoken; in a flood of datagrams that nobody answers so much later that most are over, and are
 *                 read and taken out by one question
 *   known flows   every REFRESH_NS, as long as they are open
 *   closed flows  wait in a queue until their time is over (DECISIONS 31), and are taken out of the kernel's map then
 *   all           in batches: at start, when more flows came than the ring holds, and where there is no ring
 *
 * Reading is bounded in time per tick, and never takes more than a small share of the processor over time. */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/clock.h"
#include "base/log.h"
#include "sensor/core/core_priv.h"

#define WALK_BATCH 4096
#define WALK_MIN_NS (40 * NSEC_PER_MSEC)
#define REFRESH_NS (1 * NSEC_PER_SEC)
#define REFRESH_PRESSED_NS (100 * NSEC_PER_MSEC)
#define READ_AFTER_NS (5 * NSEC_PER_MSEC)
#define READ_AFTER_LABEL_NS (1 * NSEC_PER_MSEC)
#define TICK_BUDGET_NS (20 * NSEC_PER_MSEC) /* for each of the kinds above but the last */
#define FORCE_MIN_NS (20 * NSEC_PER_MSEC)
#define STUCK_NS (100 * NSEC_PER_MSEC)

#define SYNC_NS (5 * NSEC_PER_SEC) /* no flow is named before the engines are listed, but not for longer */

/* DECISIONS 31; the second number when room is running out */
#define TCP_CLOSED_NS (5 * NSEC_PER_SEC)
#define TCP_CLOSED_MANY_NS (1 * NSEC_PER_SEC) /* of more than CLOSED_MANY: a working set that fits the caches */
#define TCP_CLOSED_PRESSED_NS (200 * NSEC_PER_MSEC)
#define CLOSED_MANY 8192
#define TCP_HALF_NS (60 * NSEC_PER_SEC)
#define TCP_HALF_PRESSED_NS (3 * NSEC_PER_SEC)
#define TCP_IDLE_NS (3600 * NSEC_PER_SEC)
#define UDP_IDLE_NS (60 * NSEC_PER_SEC)
#define ONE_WAY_PRESSED_NS (100 * NSEC_PER_MSEC)
#define FLOOD_NS (1 * NSEC_PER_SEC) /* so long after the last sign of it */

#define TCP_FIN 1
#define TCP_RST 4

struct flow_queue {
	struct flow *first, **last;
	unsigned count;
};

struct flow_scan {
	const struct pg_flow_news *news; /* mapped; NULL: there is no ring */
	uint64_t news_read, news_stuck_ns;
	struct flow_asks *asks;
	struct flow *asked[PG_ASKS_MAX];
	struct flow_key *keys; /* of a batch */
	struct pg_flow *values;
	struct flow_queue closing, refreshing;
	bool walk_wanted, pressed, flooded;
	uint64_t flood_ns; /* room for one-way flows was short then */
	uint64_t read_until_ns, skipped_ns; /* skipped_ns: flows from then on may be unread until the next walk; 0: none are */
	uint64_t walked_ns, walk_took_ns, seen_opened;
	uint64_t refreshed_ns, refresh_took_ns;
	uint64_t settled_ns, settle_took_ns;
};

/* ---- queues of flows, by flow.next: a flow is in one at most (FLOW_QUEUED) --------------------------------------- */
static void queue_put(struct flow_queue *q, struct flow *f)
{
	f->state |= FLOW_QUEUED;
	f->next = NULL;
	*q->last = f;
	q->last = &f->next;
	q->count++;
}

static struct flow *queue_take(struct flow_queue *q)
{
	struct flow *f = q->first;

	if (!f)
		return NULL;
	q->first = f->next;
	if (!q->first)
		q->last = &q->first;
	q->count--;
	f->next = NULL;
	f->state &= (uint16_t)~FLOW_QUEUED;
	return f;
}

/* ---- how long a flow lives --------------------------------------------------------------------------------------- */
bool flow_is_closed(const struct flow *f)
{
	return f->key.proto == IPPROTO_TCP &&
	       (((f->tcp_flags[0] | f->tcp_flags[1]) & TCP_RST) || (f->tcp_flags[0] & f->tcp_flags[1] & TCP_FIN));
}

/* Without a packet for so long it is over. */
static uint64_t flow_linger_ns(const struct flow_scan *s, const struct flow *f)
{
	const bool pressed = s->pressed;

	if (flow_is_closed(f))
		return pressed ? TCP_CLOSED_PRESSED_NS : s->closing.count > CLOSED_MANY ? TCP_CLOSED_MANY_NS : TCP_CLOSED_NS;
	if (f->key.proto == IPPROTO_TCP) {
		if (f->flags & PG_FLOW_TWO_WAY)
			return TCP_IDLE_NS;
		return pressed ? TCP_HALF_PRESSED_NS : TCP_HALF_NS;
	}
	return pressed && !(f->flags & PG_FLOW_TWO_WAY) ? ONE_WAY_PRESSED_NS : UDP_IDLE_NS;
}

static bool flow_is_over(const struct flow_scan *s, const struct flow *f, uint64_t now)
{
	return now > f->last_ns && now - f->last_ns > flow_linger_ns(s, f);
}

/* Whether room is running out: for flows as such, or for one-way ones (a scan, a flood of datagrams). Then those that are over,
 * or were never answered, leave early. */
static void room_judge(const struct core *c, const struct pg_flow_gauge *g, uint64_t now)
{
	struct flow_scan *s = c->priv->scan;

	if (g->opened - g->promoted - g->reaped_half > c->config.half_open_max / 4)
		s->flood_ns = now;
	s->flooded = s->flood_ns && now - s->flood_ns < FLOOD_NS;
	if (c->priv->gauge->flooded != s->flooded)
		c->priv->gauge->flooded = s->flooded;
	s->pressed = s->flooded || g->opened - g->reaped > c->config.flows_max / 2;
}

/* ---- questions and answers ----------------------------------------------------------------------------------------- */
static void flow_track(struct flow_scan *s, struct flow *f)
{
	if (!(f->state & FLOW_QUEUED) && flow_is_closed(f))
		queue_put(&s->closing, f);
}

static void ask_put(struct flow_scan *s, unsigned i, const struct flow_key *key, struct flow *f, enum pg_ask_which which,
		    uint64_t reap_before_ns)
{
	struct pg_flow_ask *a = asks_at(s->asks, i);

	a->key = *key;
	a->result = which;
	a->reap_before_ns = reap_before_ns;
	s->asked[i] = f;
}

static void count_reaped(struct core *c, const struct pg_flow *v)
{
	struct pg_flow_gauge *g = c->priv->gauge;

	__atomic_add_fetch(&g->reaped, 1, __ATOMIC_RELAXED);
	if (!(v->flags & PG_FLOW_TWO_WAY))
		__atomic_add_fetch(&g->reaped_half, 1, __ATOMIC_RELAXED);
	shares_reaped(c, v);
}

static void answers_take(struct core *c, unsigned count)
{
	struct flow_scan *s = c->priv->scan;

	asks_run(s->asks, count);
	/* After the read: a process runs before it sends, so what the flows just read need is in the ring now. */
	events_consume(c);
	for (unsigned i = 0; i < count; i++) {
		const struct pg_flow_ask *a = asks_at(s->asks, i);
		struct flow *f = s->asked[i];

		if (a->result == PG_ASK_REAPED)
			count_reaped(c, &a->v);
		if (a->result != PG_ASK_GONE && f)
			flow_update(c, f, &a->v, &a->server);
		else if (a->result != PG_ASK_GONE)
			f = flow_take(c, &a->key, &a->v, &a->server);
		if (a->result == PG_ASK_FOUND && f) {
			flow_track(s, f);
		} else if (f) {
			c->priv->gauge->unsaved += (f->state & FLOW_UNSAVED) && (f->state & FLOW_IN_MAP);
			flow_finish(c, f);
		}
		if (!f && a->result != PG_ASK_GONE)
			s->walk_wanted = true; /* no room for it: it is met again */
	}
}

/* ---- new flows ----------------------------------------------------------------------------------------------------- */
/* False: not there, not complete, or overwritten meanwhile. */
static bool news_get(const struct flow_scan *s, uint64_t n, struct pg_flow_news *ret)
{
	const struct pg_flow_news *slot = &s->news[n % PG_NEWS_SLOTS];

	if (__atomic_load_n(&slot->seq, __ATOMIC_ACQUIRE) != (uint32_t)(n + 1))
		return false;
	memcpy(ret, slot, sizeof(*ret));
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return __atomic_load_n(&slot->seq, __ATOMIC_RELAXED) == (uint32_t)(n + 1);
}

static void news_skip(struct flow_scan *s, uint64_t to)
{
	s->news_read = to;
	s->walk_wanted = true;
	if (!s->skipped_ns)
		s->skipped_ns = clock_mono_ns() - STUCK_NS;
}

/* A key that was announced and does not come stands in nobody's way. */
static void news_missing(struct flow_scan *s, uint64_t now)
{
	if (!s->news_stuck_ns)
		s->news_stuck_ns = now;
	else if (now - s->news_stuck_ns > STUCK_NS)
		news_skip(s, s->news_read + 1);
}

/* Reads the flows that began until then, for at most budget_ns. */
static void news_take(struct core *c, uint64_t until_ns, uint64_t budget_ns)
{
	struct flow_scan *s = c->priv->scan;
	const uint64_t now = clock_mono_ns(), stop = now + budget_ns;
	bool more = true;

	while (s->news && more && clock_mono_ns() < stop) {
		uint64_t head = __atomic_load_n(&c->priv->gauge->news, __ATOMIC_ACQUIRE);
		struct pg_flow_news n;
		unsigned count = 0;

		if (head - s->news_read > PG_NEWS_SLOTS)
			news_skip(s, head);
		while (count < PG_ASKS_MAX && s->news_read != head) {
			if (!news_get(s, s->news_read, &n)) {
				news_missing(s, now);
				break;
			}
			s->news_stuck_ns = 0;
			if (n.ts_ns > until_ns)
				break;
			s->news_read++;
			ask_put(s, count++, &n.key, NULL, PG_ASK_ONE_WAY, s->flooded ? now - ONE_WAY_PRESSED_NS : 0);
		}
		more = count == PG_ASKS_MAX;
		if (count)
			answers_take(c, count);
	}
}

/* When every flow that began before was read. */
static uint64_t news_read_until(const struct core *c, uint64_t now)
{
	const struct flow_scan *s = c->priv->scan;
	struct pg_flow_news n;

	if (!s->news || s->news_read == __atomic_load_n(&c->priv->gauge->news, __ATOMIC_ACQUIRE))
		return now;
	return news_get(s, s->news_read, &n) && n.ts_ns < now ? n.ts_ns - 1 : now - READ_AFTER_NS;
}

/* ---- all flows ------------------------------------------------------------------------------------------------------ */
static void walk(struct core *c, int fd)
{
	struct flow_scan *s = c->priv->scan;
	uint64_t begin = clock_mono_ns();
	uint32_t in = 0, out = 0, count;
	bool first = true;
	int err;

	s->walk_wanted = false;
	s->seen_opened = c->priv->gauge->opened;
	do {
		count = WALK_BATCH;
		err = bpf_map_lookup_batch(fd, first ? NULL : &in, &out, s->keys, s->values, &count, NULL) < 0 ? -errno : 0;
		if (err && err != -ENOENT) {
			log_debug("flow map: batch read failed: %s", strerror(-err));
			s->walk_wanted = true;
			break;
		}
		events_consume(c);
		for (uint32_t i = 0; i < count; i++) {
			struct flow *f = flow_take(c, &s->keys[i], &s->values[i], NULL);

			if (f)
				flow_track(s, f);
			else
				s->walk_wanted = true;
		}
		in = out;
		first = false;
	} while (!err);
	s->walked_ns = clock_mono_ns();
	if (!s->walk_wanted)
		s->skipped_ns = 0;
	s->walk_took_ns = s->walked_ns - begin;
}

static bool walk_is_due(const struct core *c, uint64_t now, bool force)
{
	const struct flow_scan *s = c->priv->scan;
	uint64_t since = now - s->walked_ns;

	if (s->walk_wanted)
		return !s->walked_ns || (since > REFRESH_NS && since > s->walk_took_ns * 20);
	if (s->news)
		return false;
	if (force)
		return true;
	if (s->seen_opened != c->gauge.opened)
		return since > WALK_MIN_NS && since > s->walk_took_ns * (s->pressed ? 2 : 9);
	return flow_table_count(c->flows) && since > REFRESH_NS && since > s->walk_took_ns * 50;
}

/* ---- known flows ------------------------------------------------------------------------------------------------------ */
struct refresh {
	struct flow_scan *s;
	uint64_t now;
};

static bool refresh_cb(struct flow *f, void *arg)
{
	const struct refresh *r = arg;

	/* Without the ring all were read by walking, and only what is over is asked about. */
	if (!(f->state & FLOW_QUEUED) && (r->s->news || flow_is_over(r->s, f, r->now)))
		queue_put(&r->s->refreshing, f);
	return true;
}

static bool refresh_is_due(const struct core *c, uint64_t now, bool force)
{
	const struct flow_scan *s = c->priv->scan;
	uint64_t since = now - s->refreshed_ns;

	if (!flow_table_count(c->flows))
		return false;
	if (force)
		return true;
	return s->pressed ? since > REFRESH_PRESSED_NS && since > s->refresh_took_ns * 5 :
			    since > REFRESH_NS && since > s->refresh_took_ns * 50;
}

static void queue_ask(struct core *c, struct flow_queue *q, bool only_over, uint64_t stop)
{
	struct flow_scan *s = c->priv->scan;
	uint64_t now = clock_mono_ns();
	unsigned count = 0;
	struct flow *f;

	while (q->first && now < stop) {
		uint64_t reap_before = flow_is_over(s, q->first, now) ? now - flow_linger_ns(s, q->first) : 0;

		if (only_over && !reap_before)
			break;
		f = queue_take(q);
		ask_put(s, count++, &f->key, f, PG_ASK_ANY, reap_before);
		if (count < PG_ASKS_MAX)
			continue;
		answers_take(c, count);
		count = 0;
		now = clock_mono_ns();
	}
	if (count)
		answers_take(c, count);
}

static void refresh(struct core *c, bool force)
{
	struct flow_scan *s = c->priv->scan;
	struct refresh r = { s, clock_mono_ns() };
	const uint64_t begin = r.now;

	if (!s->refreshing.first) {
		if (!refresh_is_due(c, begin, force))
			return;
		s->refresh_took_ns = 0;
		flow_table_each(c->flows, refresh_cb, &r);
	}
	queue_ask(c, &s->refreshing, false, force ? UINT64_MAX : begin + TICK_BUDGET_NS);
	s->refreshed_ns = clock_mono_ns();
	s->refresh_took_ns += s->refreshed_ns - begin;
}

/* ---- names that moved -------------------------------------------------------------------------------------------------- */
static bool settle_cb(struct flow *f, void *arg)
{
	flow_settle(arg, f);
	return true;
}

/* Flows that wait for a name, or may get a better one. */
static void settle(struct core *c, bool force)
{
	struct core_private *p = c->priv;
	struct flow_scan *s = p->scan;
	uint64_t names = ident_generation(c->ident) + p->dns_generation, now = clock_mono_ns(), since = now - s->settled_ns;

	if (!p->unsettled)
		return;
	if (!force && (since < s->settle_took_ns * 20 || (names == p->names_seen && since < NSEC_PER_SEC / 5)))
		return;
	p->names_moved = names != p->names_seen;
	p->names_seen = names;
	p->unsettled = false; /* those that still wait say so again */
	flow_table_each(c->flows, settle_cb, c);
	p->names_moved = false;
	s->settled_ns = clock_mono_ns();
	s->settle_took_ns = s->settled_ns - now;
}

/* ---- the scan ------------------------------------------------------------------------------------------------------------ */
/* A restarted core finds flows before it knows a single container: it waits for the engines' lists, within bounds. */
static bool flows_synced(struct core *c, uint64_t now)
{
	struct core_private *p = c->priv;
	bool all = c->engine_count > 0;

	if (p->synced)
		return true;
	for (unsigned i = 0; i < c->engine_count; i++)
		if (!c->engines[i].resyncs)
			all = false;
	if (!all && now - p->ready_ns < SYNC_NS)
		return false;
	p->synced = true;
	labels_early(c);
	return true;
}

void flows_scan(struct core *c, bool force)
{
	struct core_private *p = c->priv;
	struct flow_scan *s = p->scan;
	uint64_t now = clock_mono_ns();
	int fd = core_map_fd(c, "flows");

	if (fd < 0 || !s || !flows_synced(c, now))
		return;
	c->gauge = *p->gauge;
	room_judge(c, &c->gauge, now);
	news_take(c, force ? now : now - (s->flooded ? ONE_WAY_PRESSED_NS : READ_AFTER_NS), force ? UINT64_MAX / 2 : TICK_BUDGET_NS);
	if (walk_is_due(c, now, force))
		walk(c, fd);
	refresh(c, force);
	settle(c, force);
	queue_ask(c, &s->closing, true, clock_mono_ns() + TICK_BUDGET_NS);
	s->read_until_ns = news_read_until(c, now);
}

bool flows_met(const struct core *c)
{
	return c->priv->scan && c->priv->scan->walked_ns;
}

uint64_t flows_read_until(const struct core *c)
{
	const struct flow_scan *s = c->priv->scan;

	if (!flows_met(c))
		return 0;
	if (s->skipped_ns)
		return s->skipped_ns;
	/* Labels make core read flows between two scans. */
	return s->news ? news_read_until(c, clock_mono_ns()) : s->read_until_ns;
}

void core_refresh(struct core *c)
{
	struct flow_scan *s = c->priv->scan;

	if (s && clock_mono_ns() - s->refreshed_ns > FORCE_MIN_NS)
		flows_scan(c, true);
	counters_read(c);
}

struct flow *flows_fetch(struct core *c, const struct flow_key *key)
{
	struct pg_flow v;
	struct flow *f;
	int fd = core_map_fd(c, "flows");

	if (fd < 0 || !c->priv->scan)
		return NULL;
	/* More of them will be asked for now. */
	news_take(c, clock_mono_ns() - (c->priv->scan->flooded ? ONE_WAY_PRESSED_NS : READ_AFTER_LABEL_NS), TICK_BUDGET_NS);
	f = flow_table_find(c->flows, key);
	if (f || bpf_map_lookup_elem(fd, key, &v) != 0)
		return f;
	events_consume(c);
	f = flow_take(c, key, &v, NULL);
	if (f)
		flow_track(c->priv->scan, f);
	return f;
}

/* ---- life ------------------------------------------------------------------------------------------------------------------ */
static void scan_free(struct flow_scan *s)
{
	if (!s)
		return;
	if (s->news)
		munmap((void *)(uintptr_t)s->news, PG_NEWS_SLOTS * sizeof(*s->news));
	asks_close(s->asks);
	free(s->keys);
	free(s->values);
	free(s);
}

static struct flow_scan *scan_new(struct core *c)
{
	struct flow_scan *s = calloc(1, sizeof(*s));
	int news = core_map_fd(c, "flow_news");

	if (!s)
		return NULL;
	s->closing.last = &s->closing.first;
	s->refreshing.last = &s->refreshing.first;
	s->keys = calloc(WALK_BATCH, sizeof(*s->keys));
	s->values = calloc(WALK_BATCH, sizeof(*s->values));
	if (!s->keys || !s->values || asks_open(c, &s->asks) < 0) {
		scan_free(s);
		return NULL;
	}
	if (news >= 0)
		s->news = mmap(NULL, PG_NEWS_SLOTS * sizeof(*s->news), PROT_READ, MAP_SHARED, news, 0);
	if (s->news == MAP_FAILED)
		s->news = NULL;
	/* What was there before is read by walking. */
	news_skip(s, c->priv->gauge->news);
	return s;
}

int flows_start(struct core *c)
{
	struct core_private *p = c->priv;
	int fd = core_map_fd(c, "flow_gauge");
	void *m;

	if (p->gauge || fd < 0)
		return 0;
	m = mmap(NULL, sizeof(struct pg_flow_gauge), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (m == MAP_FAILED)
		return -errno;
	p->gauge = m;
	core_lost(c, LOSS_UNSAVED, p->gauge->unsaved); /* of the core before */
	p->gauge->unsaved = 0;
	(void)shares_open(c);
	p->scan = scan_new(c);
	return p->scan ? 0 : -ENOMEM;
}

static bool stop_cb(struct flow *f, void *arg)
{
	flow_release(arg, f);
	return true;
}

void flows_stop(struct core *c)
{
	struct core_private *p = c->priv;

	flow_table_each(c->flows, stop_cb, c);
	if (p->gauge)
		munmap(p->gauge, sizeof(*p->gauge));
	p->gauge = NULL;
	shares_close(c);
	scan_free(p->scan);
	p->scan = NULL;
}
