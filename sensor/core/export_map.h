/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The map in the formats that others read. Nodes and edges come sorted: the same map gives the same text. Names are
 * escaped as the format demands, bytes that are no UTF-8 and control characters are replaced. Core's loop only. */
#ifndef PG_SENSOR_CORE_EXPORT_MAP_H
#define PG_SENSOR_CORE_EXPORT_MAP_H

#include "base/jsonl.h"
#include "sensor/core/api_query.h"
#include "sensor/core/core.h"

struct map_past;
/* The sorted map. Pointers into the topology: valid until core returns to its loop. */
struct map_view {
	const struct topo_node **nodes;
	const struct topo_edge **edges;
	size_t node_count, edge_count;
	const struct map_past *past; /* NULL: as it is */
	bool part;                   /* only what was seen since some time */
};
/* What of the map: NULL, or all zero, is everything. */
struct map_want {
	const char *only;      /* edges at this workload or node id, and its neighbours; NULL or "": all */
	struct filter *filter; /* edges, and what they join; NULL: all */
	uint64_t since_ns;     /* edges last seen since, wall */
	const struct map_past *past; /* this one instead of the living one; NULL */
};
/* 0 or -ENOMEM. */
int map_view_make(struct core *c, const struct map_want *want, struct map_view *ret);
void map_view_done(struct map_view *m);
/* Where an edge's end stands among the nodes. */
size_t map_index_of(const struct map_view *m, const struct topo_node *n);

/* Each returns text of *ret_len bytes that the caller frees; NULL: no memory. */
char *map_export(struct core *c, const struct map_want *want, enum map_format f, size_t *ret_len);
/* The same as JSON into j. 0 or -ENOMEM. */
int map_json(struct core *c, const struct map_want *want, struct jsonl *j);
/* One edge, one node; key as in jsonl_obj(). */
void json_edge(struct jsonl *j, struct core *c, const struct topo_edge *e);
void json_node(struct jsonl *j, const char *key, const struct core *c, const struct topo_node *n);
const char *map_content_type(enum map_format f);

/* For the formats' own files. */
void export_json(struct core *c, const struct map_view *m, struct jsonl *j);
char *export_dot(struct core *c, const struct map_view *m, size_t *ret_len);
char *export_graphml(struct core *c, const struct map_view *m, size_t *ret_len);
char *export_mermaid(struct core *c, const struct map_view *m, size_t *ret_len);
void export_node_graph(struct core *c, const struct map_view *m, struct jsonl *j);
/* The same for Grafana's data source "Node Graph API", which spells some fields otherwise, and what it asks about them. */
void export_graph_data(struct core *c, const struct map_view *m, struct jsonl *j);
void export_graph_fields(struct jsonl *j);
void export_cytoscape(struct core *c, const struct map_view *m, struct jsonl *j);
char *export_html(struct core *c, const struct map_view *m, size_t *ret_len);

/* export_metrics.c: counters and sizes as Prometheus' text; owned by the caller, NULL: no memory. */
char *metrics_export(struct core *c, size_t *ret_len);

#endif
