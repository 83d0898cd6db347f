/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What there is of each container: processes, listeners, flows, events; in one pass over each table. */
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "sensor/core/core_priv.h"

struct counted {
	UT_hash_handle hh;
	const struct ident_container *k;
	struct core_container_counts n;
};

struct counting {
	struct core *c;
	struct counted *all;
};

static void take_container(const struct ident_container *k, void *arg)
{
	struct counting *w = arg;
	struct counted *n = calloc(1, sizeof(*n));

	if (!n)
		return;
	n->k = k;
	HASH_ADD_PTR(w->all, k, n);
	if (!n->hh.tbl) {
		free(n);
		return;
	}
	if (!k->remote)
		core_container_ledger(w->c, k, &n->n.events);
}

static struct core_container_counts *counts_of(struct counting *w, const struct ident_container *k)
{
	struct counted *n = NULL;

	if (k)
		HASH_FIND_PTR(w->all, &k, n);
	return n ? &n->n : NULL;
}

static void take_process(uint32_t index, const struct process *p, void *arg)
{
	struct counting *w = arg;
	struct core_container_counts *n = p->exit_mono_ns ? NULL : counts_of(w, core_container_of_cgroup(w->c, p->cgroup));

	if (n)
		n->processes++;
}

static void take_listener(const struct core_listener_view *v, void *arg)
{
	struct core_container_counts *n = counts_of(arg, v->container);

	if (n)
		n->listeners++;
}

static bool take_flow(struct flow *f, void *arg)
{
	for (int which = PAIR_CLIENT; which <= PAIR_SERVER && f->edge && f->joined != JOIN_REAR; which++) {
		struct core_container_counts *n = counts_of(arg, pair_container(f->edge, which));
		unsigned e = which == PAIR_CLIENT ? f->client_end & 1U : !(f->client_end & 1U);

		if (!n)
			continue;
		n->connections++;
		n->bytes_sent += f->bytes[e];
		n->bytes_received += f->bytes[!e];
	}
	return true;
}

void core_each_container(struct core *c, void (*cb)(const struct ident_container *k, const struct core_container_counts *n, void *arg),
			 void *arg)
{
	struct counting w = { .c = c };
	struct counted *n, *tmp;

	ident_each_container(c->ident, take_container, &w);
	processes_each(c->procs, take_process, &w);
	core_each_listener(c, take_listener, &w);
	flow_table_each(c->flows, take_flow, &w);
	HASH_ITER(hh, w.all, n, tmp) {
		cb(n->k, &n->n, arg);
		HASH_DEL(w.all, n);
		free(n);
	}
}
