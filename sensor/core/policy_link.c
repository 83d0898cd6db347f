/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Plans and holds to the keeper, and what it says of them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "sensor/core/model_priv.h"
#include "sensor/core/policy_priv.h"

/* ---- namespaces ------------------------------------------------------------------------------------------------------------ */
static struct policy_ns *ns_find(const struct core_policy *p, uint16_t ns)
{
	for (unsigned i = 0; i < p->ns_count; i++)
		if (p->ns[i]->ns == ns)
			return p->ns[i];
	return NULL;
}

static struct policy_ns *ns_get(struct core_policy *p, uint16_t ns)
{
	struct policy_ns *n = ns_find(p, ns);

	if (n || p->ns_count == POLICY_NS_MAX)
		return n;
	n = calloc(1, sizeof(*n));
	if (!n)
		return NULL;
	n->ns = ns;
	p->ns[p->ns_count++] = n;
	return n;
}

static void ns_drop(struct core_policy *p, unsigned i)
{
	plan_free(&p->ns[i]->sent);
	free(p->ns[i]->edge_last);
	free(p->ns[i]);
	p->ns[i] = p->ns[--p->ns_count];
}

void policy_link_free(struct core_policy *p)
{
	while (p->ns_count)
		ns_drop(p, p->ns_count - 1);
	for (unsigned i = 0; i < POLICY_TABLES_MAX; i++)
		policy_table_free(p->tables[i]);
}

/* ---- plans -------------------------------------------------------------------------------------------------------------------- */
static int plan_send(struct core *c, const struct plan *plan, uint32_t serial)
{
	_cleanup_free_ char *body = malloc(sizeof(struct msg_policy_plan) + POLICY_PART_RECS * sizeof(struct plan_rec));
	uint32_t at = 0;
	int r = 0;

	if (!body)
		return -ENOMEM;
	do {
		uint32_t n = plan->count - at < POLICY_PART_RECS ? plan->count - at : POLICY_PART_RECS;
		struct msg_policy_plan m = { .ns = plan->ns, .mark = plan->mark, .serial = serial, .count = n };

		m.flags = (at ? 0 : POLICY_PART_FIRST) | (at + n == plan->count ? POLICY_PART_LAST : 0);
		memcpy(body, &m, sizeof(m));
		if (n)
			memcpy(body + sizeof(m), plan->recs + at, n * sizeof(struct plan_rec));
		r = peer_send(c->priv->keeper, MSG_POLICY_PLAN, c->priv->next_seq++, body, sizeof(m) + n * sizeof(struct plan_rec));
		at += n;
	} while (r == 0 && at < plan->count);
	return r;
}

static bool plan_is_same(const struct plan *a, const struct plan *b)
{
	return a->count == b->count && a->mark == b->mark && (!a->count || !memcmp(a->recs, b->recs, a->count * sizeof(a->recs[0])));
}

static void table_keep(struct core_policy *p, struct policy_gather *g)
{
	policy_table_free(p->tables[POLICY_TABLES_MAX - 1]);
	memmove(p->tables + 1, p->tables, sizeof(p->tables[0]) * (POLICY_TABLES_MAX - 1));
	g->table->serial = ++p->serial;
	p->tables[0] = g->table;
	g->table = NULL;
}

static const struct policy_table *table_find(const struct core_policy *p, uint32_t serial)
{
	for (unsigned i = 0; i < POLICY_TABLES_MAX; i++)
		if (p->tables[i] && p->tables[i]->serial == serial)
			return p->tables[i];
	return NULL;
}

static void ns_update(struct core *c, const struct policy_gather *g, struct policy_ns *n)
{
	struct plan plan = { 0 };
	int r = policy_make(&g->in, n->ns, &plan);

	if (r < 0) {
		log_warn("policy: no plan can be made for namespace %u: %s, ignoring: what holds there goes on to hold", n->ns, strerror(-r));
		return;
	}
	/* The same plan has the same rules under the same numbers. */
	if (plan_is_same(&plan, &n->sent)) {
		n->table = c->policy->serial;
		plan_free(&plan);
		return;
	}
	plan_free(&n->sent);
	n->sent = plan;
	n->serial_before = n->serial;
	n->table_before = n->table;
	n->serial = n->table = c->policy->serial;
	n->asked = true;
	r = plan_send(c, &n->sent, n->serial);
	if (r < 0)
		log_warn("policy: the keeper does not take plans: %s", strerror(-r));
}

static void ns_cb(const struct ident_ns *ns, void *arg)
{
	ns_get(((struct core *)arg)->policy, ns->ns);
}

void policy_send(struct core *c)
{
	struct core_policy *p = c->policy;
	struct policy_gather g;
	bool first = !p->ready;

	if (!c->priv->ready || !c->priv->synced)
		return;
	p->enforced = policy_count_enforced(c);
	if (!p->enforced && !first && !p->lasting)
		return;
	if (policy_gather(c, NULL, &g) < 0) {
		log_warn("policy: no memory for the rules, ignoring: what holds goes on to hold");
		policy_gather_free(&g);
		return;
	}
	p->made++;
	table_keep(p, &g);
	ident_each_ns(c->ident, ns_cb, c);
	p->lasting = false;
	for (unsigned i = 0; i < p->ns_count;) {
		struct policy_ns *n = p->ns[i];
		const struct ident_ns *ns = ident_ns_get(c->ident, n->ns);

		if (!ns) {
			ns_drop(p, i);
			continue;
		}
		ns_update(c, &g, n);
		p->lasting |= n->sent.count > 0;
		i++;
	}
	policy_gather_free(&g);
	if (first) {
		p->ready = true;
		for (unsigned i = 0; i < p->hold_count; i++)
			(void)policy_hold_send(c, &p->holds[i], true);
		(void)peer_send(c->priv->keeper, MSG_POLICY_ALL, c->priv->next_seq++, NULL, 0);
	}
}

/* ---- holds ---------------------------------------------------------------------------------------------------------------------- */
struct holding {
	struct core *c;
	struct policy_hold *h;
	bool on, any;
	unsigned count;
	struct {
		uint16_t ns;
		uint8_t addr[16];
	} done[64];
	int rc;
};

static void hold_cb(uint16_t ns, const uint8_t addr[16], void *arg)
{
	struct holding *x = arg;
	struct msg_policy_hold m = { .ns = ns, .on = x->on, .hold = x->h->hold };
	bool v4 = plan_addr_is_v4(addr);

	if (m.hold.has_peer && !m.hold.quarantine && plan_addr_is_v4(m.hold.peer) != v4)
		return;
	for (unsigned i = 0; i < x->count; i++)
		if (x->done[i].ns == ns && !memcmp(x->done[i].addr, addr, 16))
			return;
	if (x->count == ARRAY_SIZE(x->done))
		return;
	x->done[x->count].ns = ns;
	memcpy(x->done[x->count++].addr, addr, 16);
	memcpy(m.hold.addr, addr, 16);
	if (x->h->until_ns) {
		uint64_t now = clock_mono_ns();

		m.hold.left_s = x->h->until_ns > now ? (uint32_t)((x->h->until_ns - now + NSEC_PER_SEC - 1) / NSEC_PER_SEC) : 0;
	}
	x->any = true;
	if (x->rc == 0)
		x->rc = peer_send(x->c->priv->keeper, MSG_POLICY_HOLD, x->c->priv->next_seq++, &m, sizeof(m));
}

int policy_hold_send(struct core *c, struct policy_hold *h, bool on)
{
	const struct ident_container *ct = ident_by_id(c->ident, h->engine, h->cid);
	struct holding x = { .c = c, .h = h, .on = on };

	if (ct)
		policy_each_address(c, ct, hold_cb, &x);
	return x.rc < 0 ? x.rc : x.any ? 0 : -ENOENT;
}

/* ---- answers -------------------------------------------------------------------------------------------------------------------- */
/* Once for as long as it lasts: what was asked for does not hold. */
static void tell_failed(struct core *c, const struct policy_ns *n)
{
	const struct ident_ns *ns = ident_ns_get(c->ident, n->ns);
	_cleanup_free_ struct finding *f = calloc(1, sizeof(*f));

	if (!f)
		return;
	f->kind = FINDING_LOSS_BLIND;
	f->fact_kind = -1;
	f->score = 85;
	snprintf(f->key, sizeof(f->key), "policy\t%u\t%llu", n->ns, (unsigned long long)c->policy->failed);
	snprintf(f->observed, sizeof(f->observed), "The policy is not in force in namespace %u (%.63s): %s %.200s", n->ns,
		 ns && ns->name[0] ? ns->name : "the node", strerror(-n->state.status), n->state.err);
	snprintf(f->why, sizeof(f->why), "The kernel did not take the whole of it, so it took nothing: what held before goes on to hold, \
what fails open for a minute at most. It is tried again every 2 s.");
	model_expect(f, "the rules of the enforced workloads in the kernel");
	model_on_finding(c, NULL, f);
}

/* What was refused for want of memory, or by somebody who is in the way, may be taken now. */
void policy_retry(struct core *c)
{
	for (unsigned i = 0; i < c->policy->ns_count; i++) {
		struct policy_ns *n = c->policy->ns[i];

		if (n->failing && !n->asked && plan_send(c, &n->sent, n->serial) == 0)
			n->asked = true;
	}
}

static void state_message(struct core *c, const struct msg_policy_state *m)
{
	struct core_policy *p = c->policy;
	struct policy_ns *n = ns_find(p, m->ns);

	if (m->hold) {
		for (unsigned i = 0; i < p->hold_count; i++)
			if (m->micros && m->how != POLICY_HOW_SAME)
				p->holds[i].micros = p->holds[i].micros ? p->holds[i].micros : m->micros;
		if (m->status < 0)
			log_warn("policy: the keeper refuses to block: %s %s", strerror(-m->status), m->err);
		return;
	}
	if (!n)
		return;
	n->state = *m;
	n->state.err[sizeof(n->state.err) - 1] = '\0';
	n->asked = false;
	if (m->status < 0) {
		p->failed++;
		if (!n->failing) {
			log_error("policy: namespace %u: %s %s", m->ns, strerror(-m->status), n->state.err);
			tell_failed(c, n);
		}
		n->failing = true;
		return;
	}
	n->failing = false;
	n->lasting = m->how == POLICY_HOW_ELEMENTS || m->how == POLICY_HOW_RULESET || (n->lasting && m->how != POLICY_HOW_REMOVED);
	if (m->how == POLICY_HOW_ELEMENTS) {
		p->sent_elements++;
		p->update_micros = m->micros;
	}
	if (m->how == POLICY_HOW_RULESET) {
		p->sent_rulesets++;
		p->ruleset_micros = m->micros;
	}
}

static void tamper_message(struct core *c, const struct msg_policy_tamper *m)
{
	_cleanup_free_ struct finding *f = calloc(1, sizeof(*f));
	const struct ident_ns *ns = ident_ns_get(c->ident, m->ns);
	char who[80] = "somebody", comm[sizeof(m->comm) + 1];

	c->policy->tampers++;
	if (!f)
		return;
	snprintf(comm, sizeof(comm), "%.*s", (int)sizeof(m->comm), m->comm);
	for (char *p = comm; *p; p++)
		*p = *p < 0x20 || *p >= 0x7f ? '?' : *p;
	if (m->pid)
		snprintf(who, sizeof(who), "%s (process %u)", comm, m->pid);
	f->kind = FINDING_TAMPER_RULESET;
	f->fact_kind = -1;
	f->pid = m->pid;
	snprintf(f->process, sizeof(f->process), "%s", comm);
	/* Each time is told: the ruleset was away each time. */
	snprintf(f->key, sizeof(f->key), "ruleset\t%u\t%s\t%llu", m->ns, comm, (unsigned long long)c->policy->tampers);
	snprintf(f->observed, sizeof(f->observed), "%s %s the table \"%s\" in namespace %u (%.63s)", who, m->gone ? "removed" : "changed", PLAN_TABLE,
		 m->ns, ns && ns->name[0] ? ns->name : "the node");
	if (m->status < 0)
		snprintf(f->why, sizeof(f->why), "It is ours alone. It could not be put right: %s.", strerror(-m->status));
	else
		snprintf(f->why, sizeof(f->why), "It is ours alone. It was put right %.1f ms after that was noticed; meanwhile nothing was refused there.",
			 m->micros / 1000.0);
	f->expected_count = 1;
	snprintf(f->expected[0], sizeof(f->expected[0]), "nobody but the sensor changes the table \"%s\"", PLAN_TABLE);
	model_on_finding(c, NULL, f);
}

/* ---- counters --------------------------------------------------------------------------------------------------------------------- */
static uint64_t since(uint64_t *last, uint64_t now, bool final)
{
	uint64_t n = now >= *last ? now - *last : now;

	*last = final ? 0 : now;
	return n;
}

static void edge_count(struct core_policy *p, struct policy_ns *n, const struct policy_table *t, const struct msg_policy_counter *row, bool final)
{
	char key[FACT_KEY_MAX + 400];
	const struct policy_edge *e;
	uint64_t more;

	if (row->number >= n->edge_room) {
		unsigned room = row->number + 256u;
		uint64_t *grown = reallocarray(n->edge_last, room, sizeof(*grown));

		if (!grown)
			return;
		memset(grown + n->edge_room, 0, (room - n->edge_room) * sizeof(*grown));
		n->edge_last = grown;
		n->edge_room = room;
	}
	more = since(&n->edge_last[row->number], row->packets, final);
	if (!more || !t || row->number >= t->edge_count)
		return;
	e = &t->edges[row->number];
	snprintf(key, sizeof(key), "%s\t%s\t%s\t%s", t->workloads[e->workload], e->dir == PLAN_IN ? "in" : "out", e->peer, e->port);
	policy_counts_add(p->counts, key, more, clock_wall_ns());
}

static void refused_count(struct core_policy *p, struct policy_ns *n, const struct policy_table *t, const struct msg_policy_counter *row, bool final)
{
	unsigned dir = row->what == POLICY_COUNT_REFUSED_OUT;
	char key[400];
	uint64_t more;

	if (row->number >= PLAN_WORKLOADS_MAX)
		return;
	more = since(&n->refused_last[row->number][dir], row->packets, final);
	if (!more || !t || row->number >= t->workload_count)
		return;
	snprintf(key, sizeof(key), "%s\t%s", t->workloads[row->number], dir ? "out" : "in");
	policy_counts_add(p->counts, key, more, clock_wall_ns());
}

static void counters_message(struct core *c, const struct msg_policy_counters *m, const char *rows)
{
	struct core_policy *p = c->policy;
	struct policy_ns *n = ns_find(p, m->ns);
	const struct policy_table *t = !n ? NULL : m->serial == n->serial ? table_find(p, n->table) : m->serial == n->serial_before ?
				       table_find(p, n->table_before) : NULL;

	for (unsigned i = 0; n && i < m->count; i++) {
		struct msg_policy_counter row;

		memcpy(&row, rows + i * sizeof(row), sizeof(row));
		if (row.what == POLICY_COUNT_EDGE)
			edge_count(p, n, t, &row, m->final);
		else if (row.what == POLICY_COUNT_REFUSED_IN || row.what == POLICY_COUNT_REFUSED_OUT)
			refused_count(p, n, t, &row, m->final);
		else if (row.what == POLICY_COUNT_BLOCKED)
			policy_counts_add(p->counts, "blocked", since(&n->blocked, row.packets, m->final), clock_wall_ns());
		else if (row.what == POLICY_COUNT_QUARANTINED)
			policy_counts_add(p->counts, "quarantined", since(&n->quarantined, row.packets, m->final), clock_wall_ns());
		else if (row.what == POLICY_COUNT_UNKNOWN)
			policy_counts_add(p->counts, "unknown", since(&n->unknown, row.packets, m->final), clock_wall_ns());
	}
}

void policy_ask_counters(struct core *c)
{
	struct core_policy *p = c->policy;

	for (unsigned i = 0; i < p->ns_count; i++)
		if (p->ns[i]->lasting)
			(void)peer_send(c->priv->keeper, MSG_POLICY_COUNTERS, c->priv->next_seq++, &p->ns[i]->ns, sizeof(p->ns[i]->ns));
}

void policy_message(struct core *c, const struct ipc_hdr *hdr, const void *body)
{
	struct msg_policy_state state;
	struct msg_policy_tamper tamper;
	struct msg_policy_counters counters;
	struct msg_queue_state queue;

	if (!c->policy)
		return;
	if (hdr->type == MSG_POLICY_STATE && hdr->len == sizeof(state)) {
		memcpy(&state, body, sizeof(state));
		state_message(c, &state);
	} else if (hdr->type == MSG_POLICY_TAMPER && hdr->len == sizeof(tamper)) {
		memcpy(&tamper, body, sizeof(tamper));
		tamper_message(c, &tamper);
	} else if (hdr->type == MSG_QUEUE_STATE && hdr->len == sizeof(queue)) {
		struct policy_ns *n;

		memcpy(&queue, body, sizeof(queue));
		n = ns_find(c->policy, queue.ns);
		if (n)
			policy_queue_state(c, &n->queue, &queue);
	} else if (hdr->type == MSG_POLICY_COUNTERS && hdr->len >= sizeof(counters)) {
		memcpy(&counters, body, sizeof(counters));
		if (hdr->len == sizeof(counters) + counters.count * sizeof(struct msg_policy_counter))
			counters_message(c, &counters, (const char *)body + sizeof(counters));
	}
}
