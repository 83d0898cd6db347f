/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The processes of a container as a tree, with the flows that are theirs. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "sensor/core/core_priv.h"
#include "sensor/core/files.h"

struct tree_node {
	uint32_t index, parent; /* parent 0: none in this container */
	uint64_t start;
	const struct process *p;
	struct core_process_counts n;
	bool shown;
};

struct tree_walk {
	struct core *c;
	const struct ident_container *k;
	struct tree_node *nodes;
	size_t count, cap;
	void (*cb)(const struct process *p, const struct core_process_counts *n, void *arg);
	void *arg;
};

static void take(uint32_t index, const struct process *p, void *arg)
{
	struct tree_walk *w = arg;

	if (p->exit_mono_ns || core_container_of_cgroup(w->c, p->cgroup) != w->k)
		return;
	if (w->count == w->cap) {
		size_t cap = w->cap ? w->cap * 2 : 64;
		struct tree_node *n = reallocarray(w->nodes, cap, sizeof(*n));

		if (!n)
			return;
		w->nodes = n;
		w->cap = cap;
	}
	w->nodes[w->count++] = (struct tree_node){ .index = index, .parent = p->parent, .start = p->start_boot_ns, .p = p };
}

static int by_index(const void *a, const void *b)
{
	uint32_t x = ((const struct tree_node *)a)->index, y = ((const struct tree_node *)b)->index;

	return x < y ? -1 : x > y;
}

static struct tree_node *node_of(const struct tree_walk *w, uint32_t index)
{
	struct tree_node key = { .index = index };

	return index ? bsearch(&key, w->nodes, w->count, sizeof(key), by_index) : NULL;
}

static bool count_flow(struct flow *f, void *arg)
{
	struct tree_walk *w = arg;

	for (unsigned e = 0; e < 2 && f->joined != JOIN_REAR; e++) {
		uint32_t index;
		struct tree_node *n;

		if (flow_process(w->c, f, e, &index) == ATTR_UNKNOWN)
			continue;
		n = node_of(w, index);
		if (n && e == (f->client_end & 1U))
			n->n.client++;
		else if (n)
			n->n.server++;
	}
	return true;
}

/* Depth first without recursion on the stack: a container decides how deep its processes go. Each turn shows those whose
 * parent was shown; a chain of n costs n turns at most, so it is walked from each root along a list of children. */
struct tree_children {
	uint32_t *first, *next; /* indexes into nodes + 1; 0: none */
};

static void show(struct tree_walk *w, const struct tree_children *ch, uint32_t root)
{
	_cleanup_free_ uint32_t *stack = calloc(w->count + 1, sizeof(*stack));
	size_t depth = 0;

	if (!stack)
		return;
	stack[depth++] = root;
	while (depth) {
		uint32_t at = stack[--depth];
		struct tree_node *n = &w->nodes[at - 1];

		if (n->shown)
			continue;
		n->shown = true;
		n->n.exe_file = core_exe_of(w->c, w->k, n->p);
		w->cb(n->p, &n->n, w->arg);
		for (uint32_t k = ch->first[at]; k; k = ch->next[k])
			if (depth < w->count)
				stack[depth++] = k;
	}
}

static void walk_done(struct tree_walk *w)
{
	free(w->nodes);
}

void core_each_process(struct core *c, const struct ident_container *k,
		       void (*cb)(const struct process *p, const struct core_process_counts *n, void *arg), void *arg)
{
	_cleanup_(walk_done) struct tree_walk w = { .c = c, .k = k, .cb = cb, .arg = arg };
	_cleanup_free_ uint32_t *first = NULL, *next = NULL;

	processes_each(c->procs, take, &w);
	first = calloc(w.count + 1, sizeof(*first));
	next = calloc(w.count + 1, sizeof(*next));
	if (!w.count || !first || !next)
		return;
	qsort(w.nodes, w.count, sizeof(*w.nodes), by_index);
	flow_table_each(c->flows, count_flow, &w);
	for (uint32_t i = 1; i <= w.count; i++) {
		const struct tree_node *parent = node_of(&w, w.nodes[i - 1].parent);
		uint32_t at = parent ? (uint32_t)(parent - w.nodes) + 1 : 0;

		next[i] = first[at];
		first[at] = i;
	}
	for (uint32_t root = first[0]; root; root = next[root])
		show(&w, &(struct tree_children){ first, next }, root);
}
