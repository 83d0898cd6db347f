/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/core/export_map.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "intel/indicator.h"
#include "sensor/core/filters.h"
#include "sensor/core/geo.h"
#include "sensor/core/json_views.h"
#include "sensor/core/map_past.h"
#include "sensor/core/model.h"
#include "sensor/core/policy.h"

static const char *text(const char *s)
{
	return s ? s : "";
}

struct collector {
	struct map_view *m;
	struct core *core;
	const char *only;
	const struct map_want *want;
	size_t node_cap, edge_cap;
	bool failed;
};

static bool node_is(const struct topo_node *n, const char *only)
{
	return !strcmp(n->id, only) || (n->workload && !strcmp(n->workload, only));
}

static void collect_edge(const struct topo_edge *e, void *arg)
{
	struct collector *c = arg;
	struct map_view *m = c->m;

	if (c->failed || (c->only[0] && !node_is(e->client, c->only) && !node_is(e->server, c->only)))
		return;
	if (e->last_seen_ns < c->want->since_ns || !filter_edge(c->want->filter, c->core, e))
		return;
	if (m->edge_count == c->edge_cap) {
		size_t cap = c->edge_cap ? c->edge_cap * 2 : 256;
		const struct topo_edge **p = reallocarray(m->edges, cap, sizeof(const struct topo_edge *));

		if (!p) {
			c->failed = true;
			return;
		}
		m->edges = p;
		c->edge_cap = cap;
	}
	m->edges[m->edge_count++] = e;
}

static void collect_one_node(const struct topo_node *n, struct collector *c)
{
	struct map_view *m = c->m;

	if (c->failed)
		return;
	if (m->node_count == c->node_cap) {
		size_t cap = c->node_cap ? c->node_cap * 2 : 256;
		const struct topo_node **p = reallocarray(m->nodes, cap, sizeof(const struct topo_node *));

		if (!p) {
			c->failed = true;
			return;
		}
		m->nodes = p;
		c->node_cap = cap;
	}
	m->nodes[m->node_count++] = n;
}

static void collect_node(const struct topo_node *n, void *arg)
{
	struct collector *c = arg;

	if (c->only[0] ? node_is(n, c->only) : !c->want->filter && !c->want->since_ns)
		collect_one_node(n, c);
}

static int by_id(const void *a, const void *b)
{
	return strcmp((*(const struct topo_node *const *)a)->id, (*(const struct topo_node *const *)b)->id);
}

static int by_ends(const void *a, const void *b)
{
	const struct topo_edge *x = *(const struct topo_edge *const *)a, *y = *(const struct topo_edge *const *)b;
	int d = strcmp(x->client->id, y->client->id);

	if (!d)
		d = strcmp(x->server->id, y->server->id);
	if (!d)
		d = (int)x->l4 - (int)y->l4;
	return d ? d : (int)x->port - (int)y->port;
}

int map_view_make(struct core *core, const struct map_want *want, struct map_view *ret)
{
	static const struct map_want everything;
	struct map_view m = { 0 };
	struct collector c = { .m = &m, .core = core, .want = want ? want : &everything };
	const struct topology *topo;
	bool parts;

	c.only = text(c.want->only);
	parts = c.only[0] || c.want->filter || c.want->since_ns;
	m.past = c.want->past;
	m.part = c.want->since_ns && !m.past;
	topo = m.past ? m.past->topo : core->topo;
	topo_each_edge(topo, collect_edge, &c);
	topo_each_node(topo, collect_node, &c);
	for (size_t i = 0; parts && i < m.edge_count; i++) { /* what the edges that are wanted join */
		collect_one_node(m.edges[i]->client, &c);
		collect_one_node(m.edges[i]->server, &c);
	}
	if (c.failed) {
		map_view_done(&m);
		return -ENOMEM;
	}
	if (m.edge_count)
		qsort(m.edges, m.edge_count, sizeof(m.edges[0]), by_ends);
	if (m.node_count) {
		size_t n = 1;

		qsort(m.nodes, m.node_count, sizeof(m.nodes[0]), by_id);
		for (size_t i = 1; i < m.node_count; i++)
			if (m.nodes[i] != m.nodes[i - 1])
				m.nodes[n++] = m.nodes[i];
		m.node_count = n;
	}
	*ret = m;
	return 0;
}

void map_view_done(struct map_view *m)
{
	free(m->nodes);
	free(m->edges);
	*m = (struct map_view){ 0 };
}

size_t map_index_of(const struct map_view *m, const struct topo_node *n)
{
	size_t lo = 0, hi = m->node_count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int d = strcmp(m->nodes[mid]->id, n->id);

		if (!d)
			return mid;
		if (d < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return 0;
}

static void strings(struct jsonl *j, const char *key, char *const *s, unsigned n)
{
	jsonl_arr(j, key);
	for (unsigned i = 0; i < n; i++)
		jsonl_str(j, NULL, s[i]);
	jsonl_arr_end(j);
}

void json_node(struct jsonl *j, const char *key, const struct core *c, const struct topo_node *n)
{
	const char *address = text(n->address);
	uint8_t first[16], last[16];
	struct geo_entry geo;

	jsonl_obj(j, key);
	jsonl_str(j, "id", n->id);
	jsonl_str(j, "kind", topo_kind_name(n->kind));
	jsonl_str(j, "workload", text(n->workload));
	strings(j, "containers", n->containers, n->container_count);
	jsonl_u64(j, "containers_more", n->container_more);
	strings(j, "networks", n->networks, n->network_count);
	jsonl_u64(j, "networks_more", n->network_more);
	jsonl_str(j, "address", address);
	jsonl_str(j, "engine", text(n->engine));
	jsonl_str(j, "node", text(n->node));
	if (n->kind == TOPO_EXTERNAL && indicator_ip(address, strlen(address), first, last) && core_geo(c, first, &geo))
		json_geo(j, &geo);
	jsonl_obj_end(j);
}

/* Whose models know the edge: those of both ends, each looked up once. */
struct known {
	struct core *core;
	const struct map_view *m; /* NULL: of one edge only */
	struct model **models; /* by node; NULL: no memory */
	bool *looked;
};

static struct model *model_at(struct known *k, const struct topo_node *n)
{
	size_t i;

	if (!n->workload || !n->workload[0])
		return NULL;
	if (!k->m)
		return core_model_named(k->core, n->workload);
	if (!k->models || !k->looked)
		return NULL;
	i = map_index_of(k->m, n);
	if (!k->looked[i])
		k->models[i] = core_model_named(k->core, n->workload);
	k->looked[i] = true;
	return k->models[i];
}

/* Sources of one end's fact; UINT_MAX: the end has learned enough to know that it does not know this edge. */
static unsigned end_sources(struct known *k, const struct topo_edge *e, bool in, const char *port)
{
	const struct model *m = model_at(k, in ? e->server : e->client);
	const struct topo_node *peer = in ? e->client : e->server;
	enum fact_kind kind = in ? FACT_EDGE_IN : FACT_EDGE_OUT;
	const struct fact *f;
	char key[FACT_KEY_MAX];

	if (!m)
		return 0;
	f = model_match(m, kind, fact_key(key, peer->id, port));
	if (!f && in && peer->kind == TOPO_EXTERNAL) /* a published port */
		f = model_match(m, kind, fact_key(key, "ext:" FACT_ANY, port));
	if (f)
		return f->sources;
	if (in && (peer->kind == TOPO_HOST || peer->kind == TOPO_GATEWAY)) /* never judged */
		return 0;
	return model_dimension_state(m, kind) == MODEL_LEARNING ? 0 : UINT_MAX;
}

static const char *edge_source(struct known *k, const struct topo_edge *e)
{
	unsigned out, in;
	char port[24];

	fact_port(port, e->l4, e->port);
	out = end_sources(k, e, false, port);
	in = end_sources(k, e, true, port);
	return fact_source_name(out == UINT_MAX || in == UINT_MAX ? 0 : out | in);
}

static void edge_json(struct jsonl *j, struct core *c, const struct topo_edge *e, struct known *k)
{
	const struct policy_edge_in in = { .client = e->client->id, .server = e->server->id, .client_kind = e->client->kind,
					   .server_kind = e->server->kind, .client_workload = text(e->client->workload),
					   .server_workload = text(e->server->workload), .l4 = e->l4, .port = e->port };
	/* An edge belongs to the engine that saw it: a workload's, before that of an outside party (which has none). */
	const struct topo_node *home = e->client->kind <= TOPO_CONTAINER ? e->client : e->server;
	char l4[JSON_L4_LEN];

	jsonl_obj(j, NULL);
	jsonl_str(j, "client", e->client->id);
	jsonl_str(j, "server", e->server->id);
	jsonl_str(j, "l4", json_l4_name(e->l4, l4));
	jsonl_u64(j, "port", e->port);
	jsonl_str(j, "app", e->app[0] ? e->app : "Unknown");
	jsonl_str(j, "app_confidence", label_confidence_name(e->app_confidence));
	jsonl_u64(j, "bytes_to_server", e->bytes_to_server);
	jsonl_u64(j, "bytes_to_client", e->bytes_to_client);
	jsonl_u64(j, "packets_to_server", e->packets_to_server);
	jsonl_u64(j, "packets_to_client", e->packets_to_client);
	jsonl_u64(j, "flows", e->flows);
	jsonl_time(j, "first_seen", e->first_seen_ns);
	jsonl_time(j, "last_seen", e->last_seen_ns);
	strings(j, "client_exes", e->client_exes, e->client_exe_count);
	strings(j, "server_exes", e->server_exes, e->server_exe_count);
	jsonl_str(j, "host", e->host);
	jsonl_str(j, "source", edge_source(k, e));
	jsonl_str(j, "verdict", policy_edge_verdict(c, &in));
	jsonl_str(j, "engine", text(home->engine));
	jsonl_str(j, "node", text(home->node));
	jsonl_obj_end(j);
}

void json_edge(struct jsonl *j, struct core *c, const struct topo_edge *e)
{
	edge_json(j, c, e, &(struct known){ .core = c });
}

void export_json(struct core *c, const struct map_view *m, struct jsonl *j)
{
	_cleanup_free_ struct model **models = calloc(m->node_count + 1, sizeof(*models));
	_cleanup_free_ bool *looked = calloc(m->node_count + 1, sizeof(*looked));
	struct known known = { .core = c, .m = m, .models = models, .looked = looked };

	jsonl_obj(j, NULL);
	jsonl_str(j, "node", c->node);
	jsonl_str(j, "engine", c->engine_count == 1 ? json_engine(c, 0) : "");
	jsonl_time(j, "time", clock_wall_ns());
	if (m->past) {
		jsonl_obj(j, "past");
		jsonl_time(j, "since", m->past->since_ns);
		jsonl_time(j, "until", m->past->until_ns);
		jsonl_time(j, "oldest", m->past->oldest_ns);
		jsonl_bool(j, "complete", m->past->complete);
		jsonl_obj_end(j);
	}
	jsonl_bool(j, "part", m->part);
	jsonl_arr(j, "nodes");
	for (size_t i = 0; i < m->node_count; i++)
		json_node(j, NULL, c, m->nodes[i]);
	jsonl_arr_end(j);
	jsonl_arr(j, "edges");
	for (size_t i = 0; i < m->edge_count; i++)
		edge_json(j, c, m->edges[i], &known);
	jsonl_arr_end(j);
	json_loss(j, c);
	jsonl_obj_end(j);
	jsonl_newline(j);
}

int map_json(struct core *c, const struct map_want *want, struct jsonl *j)
{
	struct map_view m;
	int r = map_view_make(c, want, &m);

	if (!r) {
		export_json(c, &m, j);
		map_view_done(&m);
	}
	return r;
}

const char *map_content_type(enum map_format f)
{
	switch (f) {
	case MAP_JSON:
	case MAP_NODE_GRAPH:
	case MAP_CYTOSCAPE:
		return "application/json";
	case MAP_DOT:
		return "text/vnd.graphviz; charset=utf-8";
	case MAP_GRAPHML:
		return "application/graphml+xml";
	case MAP_MERMAID:
		return "text/plain; charset=utf-8";
	case MAP_HTML:
		return "text/html; charset=utf-8";
	case MAP_FORMAT_MAX:
		break;
	}
	return "application/octet-stream";
}

char *map_export(struct core *c, const struct map_want *want, enum map_format f, size_t *ret_len)
{
	struct map_view m;
	struct jsonl j;
	char *out = NULL;

	if (map_view_make(c, want, &m))
		return NULL;
	jsonl_init(&j);
	switch (f) {
	case MAP_JSON:
		export_json(c, &m, &j);
		out = jsonl_take(&j, ret_len);
		break;
	case MAP_CYTOSCAPE:
		export_cytoscape(c, &m, &j);
		out = jsonl_take(&j, ret_len);
		break;
	case MAP_NODE_GRAPH:
		export_node_graph(c, &m, &j);
		out = jsonl_take(&j, ret_len);
		break;
	case MAP_DOT:
		out = export_dot(c, &m, ret_len);
		break;
	case MAP_GRAPHML:
		out = export_graphml(c, &m, ret_len);
		break;
	case MAP_MERMAID:
		out = export_mermaid(c, &m, ret_len);
		break;
	case MAP_HTML:
		out = export_html(c, &m, ret_len);
		break;
	case MAP_FORMAT_MAX:
		break;
	}
	jsonl_done(&j);
	map_view_done(&m);
	return out;
}
