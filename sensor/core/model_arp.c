/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Scans of a container's own network: it asks by ARP for many neighbours that are not there, so nothing else of it is seen.
 * The kernel's program tells one event for each further address (abi.h, PG_EV_ARP). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "sensor/core/model_priv.h"

#define RECENT_NS (10 * NSEC_PER_SEC)

static const struct ident_container *asker_of(struct core *c, uint16_t ns, uint32_t ifindex)
{
	const struct ident_link *l = ident_link_get(c->ident, ns, ifindex);
	const struct ident_ns *peer = l && l->peer_ns ? ident_ns_get(c->ident, l->peer_ns) : NULL;

	return peer ? ident_by_netns(c->ident, peer->cookie) : NULL;
}

struct newest {
	struct core *c;
	const struct ident_container *ct;
	const struct model *m; /* NULL: none */
	const struct process *p;
	unsigned rank;
};

/* A shell only starts what scans, and for a moment each of its children is a shell as well; and its loops wait by sleep. */
static bool is_shell(const struct process *p)
{
	size_t n = strlen(p->exe);

	return (n > 2 && !strcmp(p->exe + n - 2, "sh")) || (n > 6 && !strcmp(p->exe + n - 6, "/sleep"));
}

static void newest_cb(uint32_t index, const struct process *p, void *arg)
{
	struct newest *n = arg;
	bool recent = clock_wall_ns() - clock_boot_to_wall_ns(p->start_boot_ns) < RECENT_NS;
	unsigned rank = (is_shell(p) ? 0 : 2) + recent + (n->m && !model_knows_program(n->m, p->exe) ? 4 : 0);

	if (!p->exe[0] || !p->cgroup || (p->exit_mono_ns && clock_mono_ns() - p->exit_mono_ns > RECENT_NS))
		return;
	if (n->p && (rank < n->rank || (rank == n->rank && p->start_boot_ns < n->p->start_boot_ns)))
		return;
	if (core_container_of_cgroup(n->c, p->cgroup) != n->ct)
		return;
	n->p = p;
	n->rank = rank;
}

const struct process *model_likely_process(struct core *c, const struct ident_container *ct)
{
	struct newest n = { .c = c, .ct = ct, .m = model_of(c, ct) };

	processes_each(c->procs, newest_cb, &n);
	return n.p;
}

/* ARP is the kernel's: who made it ask is the one whose connections failed, most likely what was started last. */
static void likely_process(struct core *c, const struct ident_container *ct, struct finding *f)
{
	const struct process *p = model_likely_process(c, ct), *parent;

	if (!p)
		return;
	parent = processes_get(c->procs, p->parent);
	f->pid = p->tgid;
	snprintf(f->process, sizeof(f->process), "%s", p->exe);
	snprintf(f->parent, sizeof(f->parent), "%s", parent ? parent->exe : "");
}

static void tell_sweep(struct core *c, const struct ident_container *ct, const struct model *m, const struct pg_event *ev, const char *key,
		       unsigned targets)
{
	_cleanup_free_ struct finding *f = calloc(1, sizeof(*f));
	char address[64];

	if (!f)
		return;
	name_addr_text(ev->addr, address);
	f->kind = FINDING_SCAN_HORIZONTAL;
	f->fact_kind = FACT_EDGE_OUT;
	f->observed_ns = clock_mono_to_wall_ns(ev->ts_ns);
	snprintf(f->key, sizeof(f->key), "scan\t%.380s\t" FACT_ANY, ct->workload);
	snprintf(f->fact, sizeof(f->fact), "%s", key);
	snprintf(f->peer, sizeof(f->peer), "ext:%s", address);
	likely_process(c, ct, f);
	snprintf(f->observed, sizeof(f->observed), "%s looked for %u neighbours that are not there within seconds, last %s%s%.80s", ct->name, targets,
		 address, f->process[0] ? "; started last: " : "", f->process);
	snprintf(f->why, sizeof(f->why), "%.200s never searched its network before.", ct->workload);
	model_expect_facts(f, m, FACT_EDGE_OUT, false, NULL);
	model_tell(c, ct, m, FACT_EDGE_OUT, f);
}

void model_on_arp(struct core *c, const struct pg_event *ev)
{
	uint16_t ns = (uint16_t)(ev->cookie >> 32);
	const struct ident_container *ct = c->model ? asker_of(c, ns, (uint32_t)ev->cookie) : NULL;
	struct model *m = ct && !ct->remote ? model_of(c, ct) : NULL;
	char key[FACT_KEY_MAX];
	struct scan_verdict v;
	struct ident_end end;
	struct model_seen s;

	if (!m)
		return;
	/* Somebody is there (or was, a moment ago): if it talks to them, that is a flow. */
	ident_resolve(c->ident, ns, 0, ev->addr, IPPROTO_TCP, 0, &end);
	if (end.container || end.kind == IDENT_HOST || end.kind == IDENT_GATEWAY)
		return;
	s = model_seen_of(ct, clock_wall_ns());
	fact_key(key, "neighbours that are not there", "arp");
	if (model_match(m, FACT_EDGE_OUT, key) || model_dimension_state(m, FACT_EDGE_OUT) == MODEL_LEARNING) {
		model_see(m, FACT_EDGE_OUT, key, &s, NULL);
		return;
	}
	v = scans_add(c->model->scans, name_scope(ct), ev->addr, 0, clock_mono_ns());
	if (v.horizontal)
		tell_sweep(c, ct, m, ev, key, v.targets);
}
