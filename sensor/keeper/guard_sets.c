/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Elements, holds, counters, and what others do to our tables. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/ipc.h"
#include "base/log.h"
#include "sensor/keeper/guard_private.h"
#include "sensor/msg.h"

/* More than so many are better a new ruleset. */
#define ELEMENTS_MAX 20000

/* ---- who waits ------------------------------------------------------------------------------------------------------------- */
void guard_ask_add(struct guard *g, const struct guard_ask *ask)
{
	if (g->ask_count == GUARD_ASKS_MAX) { /* the oldest hears that newer ones came */
		guard_answer(g, 1, POLICY_HOW_NONE, -EAGAIN, "newer ones came");
		g->asks_applying -= g->asks_applying > 0;
	}
	g->asks[g->ask_count++] = *ask;
}

void guard_answer(struct guard *g, unsigned count, enum policy_how how, int status, const char *err)
{
	if (count > g->ask_count)
		count = g->ask_count;
	for (unsigned i = 0; i < count; i++)
		guard_tell_state(g, &g->asks[i], how, status, err);
	g->ask_count -= count;
	memmove(g->asks, g->asks + count, g->ask_count * sizeof(g->asks[0]));
}

void guard_answer_all(struct guard *g, enum policy_how how, int status, const char *err)
{
	guard_answer(g, g->ask_count, how, status, err);
}

/* ---- elements ---------------------------------------------------------------------------------------------------------------- */
static bool family_used(const struct guard *g, enum nft_family f)
{
	return f == NFT_FAMILY_INET || g->bridge4 || g->bridge6;
}

static bool elem_is_there(const struct guard *g, enum nft_family f, const struct plan_elem *e)
{
	if (f == NFT_FAMILY_INET)
		return true;
	return e->family == 4 ? g->bridge4 : e->family == 6 ? g->bridge6 : true;
}

/* Adds to the batch what makes a of b. refresh: elements with a time limit are put in anew, too. */
static unsigned batch_diff(struct guard *g, enum nft_family f, const struct plan_elems *a, const struct plan_elems *b, bool refresh)
{
	uint32_t i = 0, k = 0;
	unsigned n = 0;

	while (i < a->count || k < b->count) {
		int d = i == a->count ? 1 : k == b->count ? -1 : plan_elem_cmp(&a->v[i], &b->v[k]);
		bool same = d == 0 && a->v[i].target == b->v[k].target && a->v[i].timeout_s == 0 && b->v[k].timeout_s == 0;

		if (d == 0 && !same)
			same = !refresh && a->v[i].target == b->v[k].target && a->v[i].timeout_s == b->v[k].timeout_s;
		if (d <= 0 && !same && elem_is_there(g, f, &a->v[i])) {
			nft_batch_elem(g->sock, f, &a->v[i], false);
			n++;
		}
		if (d >= 0 && !same && elem_is_there(g, f, &b->v[k])) {
			nft_batch_elem(g->sock, f, &b->v[k], true);
			n++;
		}
		i += d <= 0;
		k += d >= 0;
	}
	return n;
}

struct change {
	const struct plan *from, *to;
	const struct plan_hold *from_holds, *to_holds;
	unsigned from_count, to_count;
};

/* One transaction over all families. 0; 1: nothing to do; -E2BIG: too many; other -errno: nothing was changed. */
static int elements_change(struct guard *g, const struct change *c, bool refresh)
{
	unsigned n = 0;
	int r = nft_batch_begin(g->sock);

	for (int f = 0; r == 0 && f < NFT_FAMILY_MAX; f++) {
		struct plan_elems a = { 0 }, b = { 0 };

		if (!family_used(g, (enum nft_family)f))
			continue;
		r = plan_elems_make(c->from->count ? c->from : NULL, c->from_holds, c->from_count, f == NFT_FAMILY_BRIDGE, &a);
		if (r == 0)
			r = plan_elems_make(c->to->count ? c->to : NULL, c->to_holds, c->to_count, f == NFT_FAMILY_BRIDGE, &b);
		if (r == 0)
			n += batch_diff(g, (enum nft_family)f, &a, &b, refresh);
		plan_elems_free(&a);
		plan_elems_free(&b);
		if (n > ELEMENTS_MAX)
			r = -E2BIG;
	}
	if (r == 0 && !n)
		return 1;
	return r < 0 ? r : nft_batch_commit(g->sock);
}

static struct plan_hold scratch[2][GUARD_HOLDS_MAX]; /* one thread */

void guard_plan(struct guard *g)
{
	unsigned holds = guard_holds(g, scratch[0]);
	struct change c = { .from = &g->now, .to = &g->next_plan, .from_holds = scratch[0], .to_holds = scratch[0], .from_count = holds, .to_count = holds };
	int r;

	if (!g->has_next)
		return;
	if (!g->next_plan.count && !holds) {
		guard_remove(g);
		return;
	}
	/* A plan that comes, goes, or changes its chains is a ruleset. */
	if (!g->active || !g->now.count != !g->next_plan.count || !plan_is_update(&g->now, &g->next_plan)) {
		guard_ruleset(g);
		return;
	}
	r = elements_change(g, &c, false);
	if (r < 0) {
		log_debug("policy: elements of namespace %u: %s, ignoring: the whole ruleset is made anew", g->ns, strerror(-r));
		guard_ruleset(g);
		return;
	}
	plan_free(&g->now);
	g->now = g->next_plan;
	g->next_plan = (struct plan){ 0 };
	g->serial = g->next_serial;
	g->has_next = false;
	guard_answer_all(g, r ? POLICY_HOW_SAME : POLICY_HOW_ELEMENTS, 0, "");
}

/* Also finds out whether bridged packets still come by where they did. */
void guard_refresh(struct guard *g)
{
	unsigned before = g->hold_count, holds;
	struct change c = { .from = &g->now, .to = &g->now };
	int r;

	if (!g->active)
		return;
	guard_refresh_later(g);
	if (g->pid || g->has_next)
		return;
	holds = guard_holds(g, scratch[0]);
	if (!holds && before && !g->now.count) {
		guard_remove(g);
		return;
	}
	c.from_holds = c.to_holds = scratch[0];
	c.from_count = c.to_count = holds;
	r = elements_change(g, &c, true);
	if (r < 0) {
		/* Something that should be there is not: somebody took it, or it ran out while this process was stopped. */
		log_debug("policy: namespace %u could not be refreshed: %s, ignoring: the ruleset is made anew", g->ns, strerror(-r));
		guard_ruleset(g);
	}
}

/* ---- removing ------------------------------------------------------------------------------------------------------------------ */
void guard_remove(struct guard *g)
{
	int r = 0;

	if (g->pid) {
		g->again = true;
		return;
	}
	if (g->active)
		guard_counters(g, true);
	for (int f = 0; f < NFT_FAMILY_MAX; f++) {
		uint64_t handle = 0;
		int e = nft_table_find(g->sock, (enum nft_family)f, &handle, NULL);

		if (e == 0 && handle) {
			e = nft_batch_begin(g->sock);
			nft_batch_delete_table(g->sock, (enum nft_family)f);
			if (e == 0)
				e = nft_batch_commit(g->sock);
		}
		if (e < 0)
			r = e;
	}
	if (r < 0)
		log_error("policy: the table of namespace %u cannot be removed: %s", g->ns, strerror(-r));
	plan_free(&g->now);
	plan_free(&g->next_plan);
	g->serial = g->has_next ? g->next_serial : g->serial;
	g->has_next = false;
	g->active = false;
	g->seen_tables = true;
	g->bridge4 = g->bridge6 = false;
	loop_timer_stop(g->all->loop, &g->refresh);
	guard_queue_settle(g);
	guard_answer_all(g, POLICY_HOW_REMOVED, r, "");
	guard_tampered(g, r);
}

/* ---- holds ---------------------------------------------------------------------------------------------------------------------- */
static bool same_hold(const struct plan_hold *a, const struct plan_hold *b)
{
	return a->quarantine == b->quarantine && !memcmp(a->addr, b->addr, 16) &&
	       (a->quarantine || (a->has_peer == b->has_peer && a->l4 == b->l4 && a->port == b->port && (!a->has_peer || !memcmp(a->peer, b->peer, 16))));
}

static int hold_is_safe(struct guard *g, const struct plan_hold *h, char *err, size_t len)
{
	struct plan p = { .ns = g->ns, .mark = 7 };
	struct plan_rec w = { .kind = PLAN_WORKLOAD }, e = { .kind = PLAN_ENDPOINT };
	int r = 0;

	memcpy(e.addr, h->addr, 16);
	if (plan_add(&p, &w) < 0 || plan_add(&p, &e) < 0)
		r = -ENOMEM;
	if (r == 0)
		r = plan_check(&p, err, len);
	if (r == 0 && (g->all->events.ns_has(g->all->events.arg, g->ns, h->addr) ||
		       (h->has_peer && !h->quarantine && g->all->events.ns_has(g->all->events.arg, g->ns, h->peer)))) {
		snprintf(err, len, "an address of the node itself");
		r = -EPERM;
	}
	if (r == 0 && !h->quarantine && !h->has_peer && !h->port) {
		snprintf(err, len, "neither a peer nor a port");
		r = -EINVAL;
	}
	if (r == 0 && h->quarantine && h->analyst_bits &&
	    (h->analyst_bits > 128 || (plan_addr_is_v4(h->peer) && h->analyst_bits < 96))) {
		snprintf(err, len, "a prefix length out of its range");
		r = -EINVAL;
	}
	plan_free(&p);
	return r;
}

/* Puts the hold into the list, or takes it out. 0; 1: nothing changes. */
static int hold_note(struct guard *g, const struct msg_policy_hold *m)
{
	uint64_t until = m->hold.left_s == UINT32_MAX ? 0 : clock_mono_ns() + m->hold.left_s * NSEC_PER_SEC;

	for (unsigned i = 0; i < g->hold_count; i++) {
		if (!same_hold(&g->holds[i].hold, &m->hold))
			continue;
		if (m->on)
			g->holds[i] = (struct guard_hold){ .hold = m->hold, .until_ns = until };
		else
			g->holds[i] = g->holds[--g->hold_count];
		return 0;
	}
	if (!m->on)
		return 1;
	if (g->hold_count == GUARD_HOLDS_MAX)
		return -ENOSPC;
	g->holds[g->hold_count++] = (struct guard_hold){ .hold = m->hold, .until_ns = until };
	return 0;
}

/* An analyst's prefix is a rule: one that is new asks for a ruleset. */
static bool analyst_is_new(const struct guard *g, const struct plan_hold *h, unsigned before)
{
	if (!h->quarantine || !h->analyst_bits)
		return false;
	for (unsigned i = 0; i < before; i++)
		if (scratch[1][i].quarantine && scratch[1][i].analyst_bits == h->analyst_bits && !memcmp(scratch[1][i].peer, h->peer, 16))
			return false;
	return true;
}

void guard_hold_message(struct guards *all, const struct ipc_hdr *h, const void *body)
{
	struct guard_ask ask = { .seq = h->seq, .serial = h->seq, .hold = true, .at_ns = clock_mono_ns() };
	struct guard none = { .all = all };
	struct msg_policy_hold m;
	char err[200] = "";
	unsigned before, after;
	struct change c;
	struct guard *g;
	int r = 0;

	if (h->len != sizeof(m))
		return;
	memcpy(&m, body, sizeof(m));
	none.ns = m.ns;
	g = guard_get(all, m.ns, &r);
	if (g && m.on)
		r = hold_is_safe(g, &m.hold, err, sizeof(err));
	if (!g || (m.on && r < 0)) {
		guard_tell_state(g ? g : &none, &ask, POLICY_HOW_NONE, r, err);
		return;
	}
	before = guard_holds(g, scratch[1]);
	r = hold_note(g, &m);
	if (r) {
		guard_tell_state(g, &ask, r > 0 ? POLICY_HOW_SAME : POLICY_HOW_NONE, r < 0 ? r : 0, "");
		return;
	}
	after = guard_holds(g, scratch[0]);
	c = (struct change){ .from = &g->now, .to = &g->now, .from_holds = scratch[1], .to_holds = scratch[0], .from_count = before, .to_count = after };
	guard_ask_add(g, &ask);
	if (g->pid || !g->active || (!after && !g->now.count) || (m.on && analyst_is_new(g, &m.hold, before))) {
		guard_ruleset(g);
		return;
	}
	r = elements_change(g, &c, false);
	if (r < 0)
		guard_ruleset(g);
	else
		guard_answer_all(g, POLICY_HOW_ELEMENTS, 0, "");
}

/* ---- counters -------------------------------------------------------------------------------------------------------------------- */
#define COUNTERS_PART 2000
struct counters {
	struct guard *g;
	struct {
		struct msg_policy_counters head;
		struct msg_policy_counter rows[COUNTERS_PART];
	} m;
};

static void counters_send(struct counters *c)
{
	c->g->all->events.tell(c->g->all->events.arg, MSG_POLICY_COUNTERS, 0, &c->m, sizeof(c->m.head) + c->m.head.count * sizeof(c->m.rows[0]));
	c->m.head.count = 0;
}

static void counter_cb(const char *name, uint64_t packets, uint64_t bytes, void *arg)
{
	struct counters *c = arg;
	struct msg_policy_counter row = { .packets = packets, .bytes = bytes };
	unsigned n;
	char dir[4];

	guard_queue_count(c->g, name, packets);
	if (!strcmp(name, "blocked"))
		row.what = POLICY_COUNT_BLOCKED;
	else if (!strcmp(name, "quarantined"))
		row.what = POLICY_COUNT_QUARANTINED;
	else if (!strcmp(name, "unknown"))
		row.what = POLICY_COUNT_UNKNOWN;
	else if (sscanf(name, "e%u", &n) == 1 && n < PLAN_EDGES_MAX)
		row.what = POLICY_COUNT_EDGE, row.number = (uint16_t)n;
	else if (sscanf(name, "r%u_%3s", &n, dir) == 2 && n < PLAN_WORKLOADS_MAX)
		row.what = !strcmp(dir, "in") ? POLICY_COUNT_REFUSED_IN : POLICY_COUNT_REFUSED_OUT, row.number = (uint16_t)n;
	else
		return;
	if (c->m.head.count == COUNTERS_PART)
		counters_send(c);
	c->m.rows[c->m.head.count++] = row;
}

void guard_counters(struct guard *g, bool final)
{
	struct counters *c = g->active ? calloc(1, sizeof(*c)) : NULL;

	if (!c)
		return;
	c->g = g;
	c->m.head = (struct msg_policy_counters){ .ns = g->ns, .serial = g->serial, .final = final };
	for (int f = 0; f < NFT_FAMILY_MAX; f++) {
		if (family_used(g, (enum nft_family)f))
			(void)nft_counters_read(g->sock, (enum nft_family)f, counter_cb, c);
	}
	counters_send(c);
	guard_queue_tell(g, final);
	free(c);
}

/* ---- changes by others -------------------------------------------------------------------------------------------------------------- */
void guard_know_table(struct guard *g)
{
	for (int f = 0; f < NFT_FAMILY_MAX; f++)
		if (nft_table_find(g->sock, (enum nft_family)f, &g->handle[f], &g->rules[f]) < 0)
			g->handle[f] = 0;
}

static void put_right(struct guard *g, uint32_t pid, const char *comm)
{
	uint64_t handle = 0;

	if (!g->tamper_ns) {
		g->tamper_ns = clock_mono_ns();
		g->tamper = (struct msg_policy_tamper){ .ns = g->ns, .pid = pid };
		snprintf(g->tamper.comm, sizeof(g->tamper.comm), "%s", comm);
		g->tamper.gone = nft_table_find(g->sock, NFT_FAMILY_INET, &handle, NULL) == 0 && !handle;
	}
	guard_ruleset(g);
}

void guard_tampered(struct guard *g, int status)
{
	if (!g->tamper_ns)
		return;
	g->tamper.status = status;
	g->tamper.micros = (uint32_t)((clock_mono_ns() - g->tamper_ns) / 1000);
	g->tamper_ns = 0;
	g->all->events.tell(g->all->events.arg, MSG_POLICY_TAMPER, 0, &g->tamper, sizeof(g->tamper));
}

static void change_cb(const struct nft_change *c, void *arg)
{
	struct guard *g = arg;
	bool own = c->port == nft_sock_port(g->sock) || (g->pid && c->port == (uint32_t)g->pid) || c->port == g->last_pid ||
		   (c->pid && (c->pid == (uint32_t)g->pid || c->pid == g->last_pid));

	if (!c->ours || own || !g->active)
		return;
	put_right(g, c->pid, c->comm);
}

/* What was missed may have been ours: the table is looked at. */
static bool table_is_whole(struct guard *g)
{
	for (int f = 0; f < NFT_FAMILY_MAX; f++) {
		uint64_t handle = 0;
		uint32_t rules = 0;

		if (!family_used(g, (enum nft_family)f))
			continue;
		if (nft_table_find(g->sock, (enum nft_family)f, &handle, &rules) < 0 || handle != g->handle[f] || rules != g->rules[f])
			return false;
	}
	return true;
}

void guard_changes(struct guard *g)
{
	int r = nft_changes_read(g->sock, change_cb, g);

	if (r == -ENOBUFS && g->active && !g->pid && !table_is_whole(g))
		put_right(g, 0, "");
}
