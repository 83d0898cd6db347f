/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The map as GraphML (yEd, Gephi, networkx), Mermaid (Markdown), for Cytoscape and for Grafana's node graph panel. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sensor/core/export_text.h"
#include "sensor/core/json_views.h"

static void xml_text(struct text_out *t, const char *key, const char *value)
{
	text_f(t, "<data key=\"%s\">", key);
	text_name(t, TEXT_XML, value ? value : "");
	text_raw(t, "</data>");
}

char *export_graphml(struct core *c, const struct map_view *m, size_t *ret_len)
{
	static const struct {
		const char *id, *on, *type;
	} keys[] = {
		{ "name", "node", "string" }, { "kind", "node", "string" }, { "workload", "node", "string" },
		{ "engine", "node", "string" }, { "host_node", "node", "string" }, { "l4", "edge", "string" },
		{ "port", "edge", "int" }, { "app", "edge", "string" }, { "app_confidence", "edge", "string" },
		{ "label", "edge", "string" }, { "bytes_to_server", "edge", "long" }, { "bytes_to_client", "edge", "long" },
		{ "flows", "edge", "long" },
	};
	struct text_out t = { 0 };
	char l4[JSON_L4_LEN];

	text_raw(&t, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<graphml xmlns=\"http://graphml.graphdrawing.org/xmlns\">\n");
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		text_f(&t, "<key id=\"%s\" for=\"%s\" attr.name=\"%s\" attr.type=\"%s\"/>\n", keys[i].id, keys[i].on, keys[i].id,
		       keys[i].type);
	text_raw(&t, "<graph id=\"pierglass\" edgedefault=\"directed\">\n");
	for (size_t i = 0; i < m->node_count; i++) {
		const struct topo_node *n = m->nodes[i];

		text_f(&t, "<node id=\"n%zu\">", i);
		xml_text(&t, "name", n->id);
		xml_text(&t, "kind", topo_kind_name(n->kind));
		xml_text(&t, "workload", n->workload);
		xml_text(&t, "engine", n->engine);
		xml_text(&t, "host_node", n->node);
		text_raw(&t, "</node>\n");
	}
	for (size_t i = 0; i < m->edge_count; i++) {
		const struct topo_edge *e = m->edges[i];

		text_f(&t, "<edge id=\"e%zu\" source=\"n%zu\" target=\"n%zu\">", i, map_index_of(m, e->client), map_index_of(m, e->server));
		xml_text(&t, "l4", json_l4_name(e->l4, l4));
		text_f(&t, "<data key=\"port\">%u</data>", e->port);
		xml_text(&t, "app", e->app[0] ? e->app : "Unknown");
		xml_text(&t, "app_confidence", label_confidence_name(e->app_confidence));
		text_raw(&t, "<data key=\"label\">");
		text_edge_label(&t, TEXT_XML, e);
		text_f(&t, "</data><data key=\"bytes_to_server\">%" PRIu64 "</data><data key=\"bytes_to_client\">%" PRIu64 "</data>"
			   "<data key=\"flows\">%" PRIu64 "</data></edge>\n",
		       e->bytes_to_server, e->bytes_to_client, e->flows);
	}
	text_raw(&t, "</graph>\n</graphml>\n");
	return text_take(&t, ret_len);
}

char *export_mermaid(struct core *c, const struct map_view *m, size_t *ret_len)
{
	static const char *const shapes[TOPO_KIND_MAX][2] = {
		[TOPO_WORKLOAD] = { "[\"", "\"]" }, [TOPO_CONTAINER] = { "[\"", "\"]" }, [TOPO_EXTERNAL] = { "([\"", "\"])" },
		[TOPO_HOST] = { "[[\"", "\"]]" },   [TOPO_GATEWAY] = { "{{\"", "\"}}" },
	};
	struct text_out t = { 0 };

	text_raw(&t, "flowchart LR\n");
	for (size_t i = 0; i < m->node_count; i++) {
		const char *const *s = shapes[m->nodes[i]->kind < TOPO_KIND_MAX ? m->nodes[i]->kind : TOPO_EXTERNAL];

		text_f(&t, "    n%zu%s", i, s[0]);
		text_name(&t, TEXT_MERMAID, m->nodes[i]->id);
		text_f(&t, "%s\n", s[1]);
	}
	for (size_t i = 0; i < m->edge_count; i++) {
		text_f(&t, "    n%zu -->|\"", map_index_of(m, m->edges[i]->client));
		text_edge_label(&t, TEXT_MERMAID, m->edges[i]);
		text_f(&t, "\"| n%zu\n", map_index_of(m, m->edges[i]->server));
	}
	return text_take(&t, ret_len);
}

/* ---- Grafana's node graph ------------------------------------------------------------------------------------------- */
/* Field names are Grafana's: id, title, and as here; for edges source and target. */
struct graph_names {
	const char *subtitle, *mainstat, *secondarystat;
};

static void node_graph(const struct map_view *m, const struct graph_names *names, struct jsonl *j)
{
	char id[24], l4[JSON_L4_LEN];

	jsonl_obj(j, NULL);
	jsonl_arr(j, "nodes");
	for (size_t i = 0; i < m->node_count; i++) {
		const struct topo_node *n = m->nodes[i];

		jsonl_obj(j, NULL);
		jsonl_str(j, "id", n->id);
		jsonl_str(j, "title", n->id);
		jsonl_str(j, names->subtitle, topo_kind_name(n->kind));
		jsonl_u64(j, names->mainstat, n->container_count + n->container_more);
		jsonl_str(j, names->secondarystat, n->engine ? n->engine : "");
		jsonl_obj_end(j);
	}
	jsonl_arr_end(j);
	jsonl_arr(j, "edges");
	for (size_t i = 0; i < m->edge_count; i++) {
		const struct topo_edge *e = m->edges[i];
		struct text_out t = { 0 };
		_cleanup_free_ char *label = NULL;
		size_t len;

		snprintf(id, sizeof(id), "e%zu", i);
		text_edge_label(&t, TEXT_PLAIN, e);
		label = text_take(&t, &len);
		jsonl_obj(j, NULL);
		jsonl_str(j, "id", id);
		jsonl_str(j, "source", e->client->id);
		jsonl_str(j, "target", e->server->id);
		jsonl_str(j, names->mainstat, label ? label : json_l4_name(e->l4, l4));
		jsonl_u64(j, names->secondarystat, e->bytes_to_server + e->bytes_to_client);
		jsonl_obj_end(j);
	}
	jsonl_arr_end(j);
	jsonl_obj_end(j);
	jsonl_newline(j);
}

void export_node_graph(struct core *c, const struct map_view *m, struct jsonl *j)
{
	static const struct graph_names names = { "subtitle", "mainstat", "secondarystat" };

	node_graph(m, &names, j);
}

static const struct graph_names plugin_names = { "subTitle", "mainStat", "secondaryStat" };

void export_graph_data(struct core *c, const struct map_view *m, struct jsonl *j)
{
	node_graph(m, &plugin_names, j);
}

static void graph_field(struct jsonl *j, const char *name, bool number, const char *shown)
{
	jsonl_obj(j, NULL);
	jsonl_str(j, "field_name", name);
	jsonl_str(j, "type", number ? "number" : "string");
	if (shown)
		jsonl_str(j, "displayName", shown);
	jsonl_obj_end(j);
}

void export_graph_fields(struct jsonl *j)
{
	jsonl_obj(j, NULL);
	jsonl_arr(j, "edges_fields");
	graph_field(j, "id", false, NULL);
	graph_field(j, "source", false, NULL);
	graph_field(j, "target", false, NULL);
	graph_field(j, plugin_names.mainstat, false, "Protocol and port");
	graph_field(j, plugin_names.secondarystat, true, "Bytes");
	jsonl_arr_end(j);
	jsonl_arr(j, "nodes_fields");
	graph_field(j, "id", false, NULL);
	graph_field(j, "title", false, NULL);
	graph_field(j, plugin_names.subtitle, false, NULL);
	graph_field(j, plugin_names.mainstat, true, "Containers");
	graph_field(j, plugin_names.secondarystat, false, "Engine");
	jsonl_arr_end(j);
	jsonl_obj_end(j);
}

/* ---- Cytoscape (js.cytoscape.org, "Elements JSON"; Cytoscape's .cyjs) ---------------------------------------------------- */
static void cytoscape_id(struct jsonl *j, const char *key, char letter, size_t i)
{
	char id[24];

	snprintf(id, sizeof(id), "%c%zu", letter, i);
	jsonl_str(j, key, id);
}

void export_cytoscape(struct core *c, const struct map_view *m, struct jsonl *j)
{
	char l4[JSON_L4_LEN];

	jsonl_obj(j, NULL);
	jsonl_obj(j, "elements");
	jsonl_arr(j, "nodes");
	for (size_t i = 0; i < m->node_count; i++) {
		const struct topo_node *n = m->nodes[i];

		jsonl_obj(j, NULL);
		jsonl_obj(j, "data");
		cytoscape_id(j, "id", 'n', i);
		jsonl_str(j, "name", n->id);
		jsonl_str(j, "kind", topo_kind_name(n->kind));
		jsonl_str(j, "workload", n->workload ? n->workload : "");
		jsonl_str(j, "engine", n->engine ? n->engine : "");
		jsonl_obj_end(j);
		jsonl_obj_end(j);
	}
	jsonl_arr_end(j);
	jsonl_arr(j, "edges");
	for (size_t i = 0; i < m->edge_count; i++) {
		const struct topo_edge *e = m->edges[i];

		jsonl_obj(j, NULL);
		jsonl_obj(j, "data");
		cytoscape_id(j, "id", 'e', i);
		cytoscape_id(j, "source", 'n', map_index_of(m, e->client));
		cytoscape_id(j, "target", 'n', map_index_of(m, e->server));
		jsonl_str(j, "l4", json_l4_name(e->l4, l4));
		jsonl_u64(j, "port", e->port);
		jsonl_str(j, "app", e->app[0] ? e->app : "Unknown");
		jsonl_u64(j, "bytes_to_server", e->bytes_to_server);
		jsonl_u64(j, "bytes_to_client", e->bytes_to_client);
		jsonl_u64(j, "flows", e->flows);
		jsonl_obj_end(j);
		jsonl_obj_end(j);
	}
	jsonl_arr_end(j);
	jsonl_obj_end(j);
	jsonl_obj_end(j);
	jsonl_newline(j);
}
