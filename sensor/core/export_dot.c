/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The map for Graphviz: `pierglass map --format dot | dot -Tsvg`. Compose projects and stacks are clusters, workloads boxes,
 * outside parties ellipses; an edge goes from client to server and says what is spoken. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sensor/core/export_text.h"
#include "sensor/msg.h"

struct grouped {
	const struct topo_node *n;
	size_t index;     /* among the sorted nodes: its name in the file */
	const char *name; /* inside its group */
	char group[128];
};

static int by_group(const void *a, const void *b)
{
	const struct grouped *x = a, *y = b;
	int d = strcmp(x->group, y->group);

	return d ? d : x->index < y->index ? -1 : x->index > y->index;
}

static const char *node_style(enum topo_kind k)
{
	switch (k) {
	case TOPO_WORKLOAD:
	case TOPO_CONTAINER:
		return "shape=box, style=\"rounded,filled\", fillcolor=\"#e8f1fb\", color=\"#3a6ea5\"";
	case TOPO_EXTERNAL:
		return "shape=ellipse, style=filled, fillcolor=\"#f4f4f4\", color=\"#888888\"";
	case TOPO_HOST:
		return "shape=box3d, style=filled, fillcolor=\"#fdf3e0\", color=\"#b07d2b\"";
	case TOPO_GATEWAY:
		return "shape=diamond, style=filled, fillcolor=\"#fdf3e0\", color=\"#b07d2b\"";
	case TOPO_KIND_MAX:
		break;
	}
	return "shape=box";
}

static void write_node(struct text_out *t, const struct grouped *g)
{
	unsigned containers = g->n->container_count + g->n->container_more;

	text_f(t, "%s\tn%zu [label=\"", g->group[0] ? "\t" : "", g->index);
	/* the shape says "outside" already */
	text_name(t, TEXT_DOT, g->n->kind == TOPO_EXTERNAL && !strncmp(g->name, "ext:", 4) ? g->name + 4 : g->name);
	if (containers > 1)
		text_f(t, "\\n%u containers", containers);
	text_f(t, "\", tooltip=\"");
	text_name(t, TEXT_DOT, g->n->id);
	text_f(t, "\", %s];\n", node_style(g->n->kind));
}

/* Thickness by order of magnitude of the bytes: 1 KiB and 1 TiB both stay readable. */
static unsigned magnitude(uint64_t bytes)
{
	unsigned m = 0;

	while (bytes >= 1024 && m < 4) {
		bytes >>= 10;
		m++;
	}
	return m;
}

static void write_edge(struct text_out *t, const struct topo_edge *e, size_t from, size_t to)
{
	uint64_t bytes = e->bytes_to_server + e->bytes_to_client;
	bool guess = e->app_confidence <= LABEL_PORT_GUESS;

	text_f(t, "\tn%zu -> n%zu [label=\"", from, to);
	text_edge_label(t, TEXT_DOT, e);
	text_f(t, "\", penwidth=%u.%u", 1 + magnitude(bytes) / 2, magnitude(bytes) % 2 * 5);
	if (!e->bytes_to_client)
		text_raw(t, ", style=dashed"); /* no answer was ever seen */
	if (guess)
		text_raw(t, ", color=\"#999999\", fontcolor=\"#777777\"");
	text_raw(t, "];\n");
}

char *export_dot(struct core *c, const struct map_view *m, size_t *ret_len)
{
	_cleanup_free_ struct grouped *g = calloc(m->node_count ? m->node_count : 1, sizeof(*g));
	struct text_out t = { 0 };
	unsigned clusters = 0;

	if (!g)
		return NULL;
	for (size_t i = 0; i < m->node_count; i++) {
		g[i].n = m->nodes[i];
		g[i].index = i;
		g[i].name = map_group_of(c, m, m->nodes[i], g[i].group, sizeof(g[i].group));
	}
	qsort(g, m->node_count, sizeof(*g), by_group);
	text_raw(&t, "digraph pierglass {\n\trankdir=LR; nodesep=0.35; ranksep=1.1; concentrate=false;\n"
		     "\tnode [fontname=\"Helvetica\", fontsize=11];\n\tedge [fontname=\"Helvetica\", fontsize=9, color=\"#444444\"];\n"
		     "\tgraph [fontname=\"Helvetica\", fontsize=12];\n");
	for (size_t i = 0; i < m->node_count; i++) {
		if (g[i].group[0] && (!i || strcmp(g[i].group, g[i - 1].group))) {
			text_f(&t, "\tsubgraph cluster_%u {\n\t\tlabeljust=l; label=\"", clusters++);
			text_name(&t, TEXT_DOT, g[i].group);
			text_raw(&t, "\"; style=\"rounded\"; color=\"#9db8d2\"; margin=14;\n");
		}
		write_node(&t, &g[i]);
		if (g[i].group[0] && (i + 1 == m->node_count || strcmp(g[i].group, g[i + 1].group)))
			text_raw(&t, "\t}\n");
	}
	for (size_t i = 0; i < m->edge_count; i++)
		write_edge(&t, m->edges[i], map_index_of(m, m->edges[i]->client), map_index_of(m, m->edges[i]->server));
	text_raw(&t, "}\n");
	return text_take(&t, ret_len);
}
