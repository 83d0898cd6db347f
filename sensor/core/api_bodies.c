/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/version.h"
#include "sensor/core/api_priv.h"
#include "sensor/core/evidence.h"
#include "sensor/core/export_map.h"
#include "sensor/core/json_events.h"
#include "sensor/core/map_past.h"
#include "sensor/core/page.h"
#include "sensor/core/store.h"

static const struct {
	const char *path;
	unsigned args; /* enum api_arg */
	const char *schema; /* of its answer, or of a stream's lines; "": none */
	const char *help;
	const char *type;   /* of its answer; NULL: JSON */
} paths[API_PATH_MAX] = {
	[API_STATUS] = { "/v1/status", 0, "status", "What the sensor is attached to, its programs, engines, rates, tables, losses" },
	[API_CONTAINERS] = { "/v1/containers", API_ARG_FILTER, "containers", "Containers with workload, networks, addresses" },
	[API_LISTENERS] = { "/v1/listeners", API_ARG_FILTER, "listeners", "Listening sockets in containers: program, container, protocol really spoken" },
	[API_FLOWS] = { "/v1/flows", API_ARG_LIMIT | API_ARG_WORKLOAD | API_ARG_HISTORY | API_ARG_FILTER | API_ARG_SINCE, "flows", "Flows, the latest first" },
	[API_FLOWS_STREAM] = { "/v1/flows/stream", API_ARG_WORKLOAD | API_ARG_FILTER, "flow", "Each flow as it appears, is named, labelled, ends" },
	[API_EVENTS_STREAM] = { "/v1/events/stream", API_ARG_WORKLOAD | API_ARG_KIND | API_ARG_CONTAINER | API_ARG_FILTER, "event",
		"What the processes in containers do, as it happens" },
	[API_TREE] = { "/v1/tree", API_ARG_CONTAINER, "tree", "Processes of containers with their sockets" },
	[API_SYSCALLS] = { "/v1/syscalls", API_ARG_WORKLOAD, "syscalls", "System calls that a workload has used" },
	[API_MAP] = { "/v1/map", API_ARG_FORMAT | API_ARG_WORKLOAD | API_ARG_FILTER | API_ARG_SINCE | API_ARG_UNTIL, "map", "The map" },
	[API_MAP_STREAM] = { "/v1/map/stream", 0, "map", "The map each second or slower: whole (part: false), or what was seen since, when it is large" },
	/* What Grafana's data source "Node Graph API" asks for; its names for the fields. */
	[API_GRAPH_FIELDS] = { "/api/graph/fields", 0, "graph-fields", "Grafana's node graph: fields of nodes and edges" },
	[API_GRAPH_DATA] = { "/api/graph/data", API_ARG_WORKLOAD | API_ARG_FILTER | API_ARG_SINCE, "graph-data", "Grafana's node graph: the map" },
	[API_GRAPH_HEALTH] = { "/api/health", 0, "health", "Grafana's node graph: whether the sensor answers" },
	[API_METRICS] = { "/metrics", 0, "", "Counters and sizes as Prometheus' text", "text/plain" },
	[API_NETWORKS] = { "/v1/networks", API_ARG_FILTER, "networks", "Networks of the engines" },
	[API_OPENAPI] = { "/v1/openapi.json", 0, "", "This description" },
	[API_VERSION] = { "/v1/version", 0, "version", "Version of the sensor" },
	[API_FEEDS] = { "/v1/feeds", 0, "feeds", "Reputation feeds in use" },
	[API_FEED_CHECK] = { "/v1/feeds/check", API_ARG_THING, "feed-check", "Whether a feed lists an address, a name, a digest, a URL" },
	[API_EVIDENCE] = { "/v1/evidence", 0, "evidence", "Bundles of evidence" },
	[API_EVIDENCE_FILE] = { "/v1/evidence/file", API_ARG_ID | API_ARG_THING, "", "A file of a bundle", "application/octet-stream" },
	[API_POLICY] = { "/v1/policy", 0, "policy", "What is enforced, blocked, quarantined, and what that refused" },
	[API_POLICY_PLAN] = { "/v1/policy/plan", API_ARG_WORKLOAD, "policy-plan",
		"What enforcing a workload would allow, and what of the recent traffic it would have refused" },
	[API_ALERTS] = { "/v1/alerts", API_ARG_LIMIT | API_ARG_WORKLOAD | API_ARG_ALL | API_ARG_FIELDS | API_ARG_FILTER | API_ARG_SINCE, "alerts",
		"Findings, the latest last" },
	[API_ALERTS_STREAM] = { "/v1/alerts/stream", API_ARG_WORKLOAD | API_ARG_FILTER, "alert", "Each finding as it is told" },
	[API_WHY] = { "/v1/why", API_ARG_ID, "why", "Everything about a finding" },
	[API_MODELS] = { "/v1/models", 0, "models", "Models of workloads" },
	[API_MODEL] = { "/v1/model", API_ARG_WORKLOAD, "model", "A workload's model" },
	[API_MODEL_EXPORT] = { "/v1/model/export", API_ARG_WORKLOAD, "", "A model as YAML", "application/yaml" },
	[API_MODEL_LOCK] = { "/v1/model/lock", API_ARG_WORKLOAD | API_ARG_DIMENSION, "done", "Stops learning" },
	[API_MODEL_REOPEN] = { "/v1/model/reopen", API_ARG_WORKLOAD | API_ARG_DIMENSION, "done", "Learns again" },
	[API_MODEL_ACCEPT] = { "/v1/model/accept", API_ARG_ID, "done", "What a finding is about is normal from now on" },
	[API_EVIDENCE_COLLECT] = { "/v1/evidence/collect", API_ARG_ID, "done", "Makes a bundle for a finding's incident" },
	[API_FEED_UPDATE] = { "/v1/feeds/update", API_ARG_THING | API_ARG_ALL, "done", "Fetches a feed now" },
	[API_MODEL_IMPORT] = { "/v1/model/import", 0, "done", "Takes a model in, as YAML" },
	[API_POLICY_ENFORCE] = { "/v1/policy/enforce", API_ARG_WORKLOAD | API_ARG_SECONDS | API_ARG_POLICY, "done", "Enforces a workload" },
	[API_POLICY_MONITOR] = { "/v1/policy/monitor", API_ARG_WORKLOAD, "done", "Only watches a workload again" },
	[API_POLICY_CONFIRM] = { "/v1/policy/confirm", API_ARG_WORKLOAD, "done", "Keeps what was enforced for a trial" },
	[API_POLICY_OFF] = { "/v1/policy/off", API_ARG_WORKLOAD, "done", "Takes all rules back" },
	[API_POLICY_BLOCK] = { "/v1/policy/block", API_ARG_CONTAINER | API_ARG_THING | API_ARG_SECONDS | API_ARG_PORT, "done", "Refuses a peer for a time" },
	[API_POLICY_UNBLOCK] = { "/v1/policy/unblock", API_ARG_CONTAINER, "done", "Ends what was blocked" },
	[API_POLICY_QUARANTINE] = { "/v1/policy/quarantine", API_ARG_CONTAINER | API_ARG_THING, "done", "Cuts a container off" },
	[API_POLICY_RELEASE] = { "/v1/policy/release", API_ARG_CONTAINER, "done", "Ends a quarantine" },
};

int api_path_of(const char *path)
{
	for (int i = 0; i < API_PATH_MAX; i++)
		if (!strcmp(paths[i].path, path))
			return i;
	return -1;
}

const char *api_path_name(enum api_path p)
{
	return paths[p].path;
}

const char *api_path_schema(enum api_path p)
{
	return paths[p].schema;
}

const char *api_path_type(enum api_path p)
{
	return paths[p].type ? paths[p].type : "application/json";
}

const char *api_path_help(enum api_path p)
{
	return paths[p].help;
}

bool api_path_is_stream(enum api_path p)
{
	return p == API_FLOWS_STREAM || p == API_EVENTS_STREAM || p == API_ALERTS_STREAM || p == API_MAP_STREAM;
}

bool api_path_is_page(const char *path)
{
	return page_file(path, NULL);
}

unsigned api_path_args(enum api_path p)
{
	return paths[p].args;
}

int api_filter(const struct api_query *q, struct filter **ret)
{
	char err[128];

	*ret = NULL;
	return q->filter[0] ? filter_parse(q->filter, clock_wall_ns(), ret, NULL, err, sizeof(err)) : 0;
}

void api_filter_done(struct filter *f, struct api_body *ret)
{
	if (f && ret)
		filter_unknown(f, ret->unknown, sizeof(ret->unknown));
	filter_free(f);
}

struct list {
	struct jsonl j;
	struct filter *filter;
	struct core *core;
	const struct api_query *query;
	uint64_t total, shown;
	/* flows: live ones with their time, to show the youngest when there are more than the limit */
	uint64_t *times;
	size_t time_count, time_cap;
	uint64_t from_ns;
};

static void add_container(const struct ident_container *k, const struct core_container_counts *n, void *arg)
{
	struct list *l = arg;

	if (!filter_container(l->filter, l->core, k, n))
		return;
	json_container(&l->j, l->core, k, n);
	l->total++;
}

static void add_network(const struct ident_network *n, void *arg)
{
	struct list *l = arg;

	if (!filter_network(l->filter, l->core, n))
		return;
	json_network(&l->j, l->core, n);
	l->total++;
}

static void add_listener(const struct core_listener_view *v, void *arg)
{
	struct list *l = arg;

	if (!filter_listener(l->filter, l->core, v))
		return;
	json_listener(&l->j, l->core, v);
	l->total++;
}

static bool end_is(const struct core_end_view *e, const char *workload)
{
	return !strcmp(e->id, workload) || (e->container && !strcmp(e->container->workload, workload));
}

static bool flow_wanted(const struct core_flow_view *v, const struct list *l)
{
	const struct api_query *q = l->query;

	if (v->last_seen_ns < q->since_ns || (q->workload[0] && !end_is(&v->client, q->workload) && !end_is(&v->server, q->workload)))
		return false;
	return filter_flow(l->filter, l->core, v, NULL, NULL);
}

static void note_flow(const struct core_flow_view *v, void *arg)
{
	struct list *l = arg;

	if (!flow_wanted(v, l))
		return;
	l->total++;
	if (l->time_count == l->time_cap) {
		size_t cap = l->time_cap ? l->time_cap * 2 : 1024;
		uint64_t *p = reallocarray(l->times, cap, sizeof(*p));

		if (!p)
			return; /* the limit then cuts without order */
		l->times = p;
		l->time_cap = cap;
	}
	l->times[l->time_count++] = v->last_seen_ns;
}

static void add_flow(const struct core_flow_view *v, void *arg)
{
	struct list *l = arg;

	if (l->shown >= l->query->limit || v->last_seen_ns < l->from_ns || !flow_wanted(v, l))
		return;
	json_flow(&l->j, v, l->core->node, NULL, NULL, NULL);
	l->shown++;
}

static void add_stored_flow(const struct core_flow_view *v, const char *client_container, const char *server_container, void *arg)
{
	struct list *l = arg;

	if (l->shown >= l->query->limit || !filter_flow(l->filter, l->core, v, client_container, server_container))
		return;
	json_flow(&l->j, v, l->core->node, NULL, client_container, server_container);
	l->shown++;
	l->total++;
}

static int latest_first(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x > y ? -1 : x < y;
}

static void list_flows(struct api *a, struct list *l)
{
	struct core *c = a->core;

	if (flow_table_count(c->flows) > l->query->limit) {
		core_each_flow(c, note_flow, l);
		if (l->time_count)
			qsort(l->times, l->time_count, sizeof(l->times[0]), latest_first);
		if (l->time_count > l->query->limit)
			l->from_ns = l->times[l->query->limit - 1];
		free(l->times);
		core_each_flow(c, add_flow, l);
	} else {
		core_each_flow(c, add_flow, l);
		l->total = l->shown;
	}
	if (l->query->history && l->shown < l->query->limit) {
		struct store_query q = {
			.workload = l->query->workload[0] ? l->query->workload : NULL,
			.since_wall_ns = l->query->since_ns,
			.limit = l->filter ? API_FLOWS_MAX : l->query->limit - (unsigned)l->shown, /* so many are looked at */
		};

		store_each_flow(c->store, &q, add_stored_flow, l);
	}
}

static void list_make(struct api *a, enum api_path p, const struct api_query *q, struct api_body *ret)
{
	struct list l = { .core = a->core, .query = q };

	if (api_filter(q, &l.filter))
		return;
	jsonl_init(&l.j);
	jsonl_arr(&l.j, NULL);
	if (p == API_CONTAINERS)
		core_each_container(a->core, add_container, &l);
	else if (p == API_NETWORKS)
		ident_each_network(a->core->ident, add_network, &l);
	else if (p == API_LISTENERS)
		core_each_listener(a->core, add_listener, &l);
	else
		list_flows(a, &l);
	jsonl_arr_end(&l.j);
	jsonl_newline(&l.j);
	ret->text = jsonl_take(&l.j, &ret->len);
	ret->total = l.total;
	jsonl_done(&l.j);
	api_filter_done(l.filter, ret);
}

static void map_make(struct api *a, const struct api_query *q, struct api_body *ret)
{
	struct map_want want = { .only = q->workload, .since_ns = q->since_ns };
	struct map_past past = { 0 };

	if (api_filter(q, &want.filter))
		return;
	if (q->until_ns && !map_past_make(a->core, q->since_ns, q->until_ns, &past))
		want.past = &past;
	ret->type = map_content_type(q->format);
	if (!q->until_ns || want.past)
		ret->text = map_export(a->core, &want, q->format, &ret->len);
	map_past_done(&past);
	api_filter_done(want.filter, ret);
}

static void status_make(struct api *a, struct api_body *ret)
{
	struct store_stats s;
	struct jsonl j;

	store_stats_get(a->core->store, &s);
	jsonl_init(&j);
	json_status(&j, a->core, &a->rates, &a->stats, &s, store_warning(a->core->store));
	jsonl_newline(&j);
	ret->text = jsonl_take(&j, &ret->len);
	jsonl_done(&j);
}

static void text_make(struct api *a, void (*write)(struct jsonl *j, struct core *c, const char *which), const char *which,
		      struct api_body *ret)
{
	struct jsonl j;

	jsonl_init(&j);
	write(&j, a->core, which);
	jsonl_newline(&j);
	ret->text = jsonl_take(&j, &ret->len);
	jsonl_done(&j);
}

static void feeds_text(struct jsonl *j, struct core *c, const char *which)
{
	json_feeds(j, c);
}

static void evidence_text(struct jsonl *j, struct core *c, const char *which)
{
	evidence_list(c, j);
}

static void openapi_text(struct jsonl *j, struct core *c, const char *which)
{
	json_openapi(j);
}

static void graph_fields_text(struct jsonl *j, struct core *c, const char *which)
{
	export_graph_fields(j);
}

static void health_text(struct jsonl *j, struct core *c, const char *which)
{
	jsonl_obj(j, NULL);
	jsonl_str(j, "health", "ok");
	jsonl_obj_end(j);
}

static void graph_data_make(struct api *a, const struct api_query *q, struct api_body *ret)
{
	struct map_want want = { .only = q->workload, .since_ns = q->since_ns };
	struct map_view m;
	struct jsonl j;

	if (api_filter(q, &want.filter))
		return;
	if (!map_view_make(a->core, &want, &m)) {
		jsonl_init(&j);
		export_graph_data(a->core, &m, &j);
		ret->text = jsonl_take(&j, &ret->len);
		jsonl_done(&j);
		map_view_done(&m);
	}
	api_filter_done(want.filter, ret);
}

static void version_make(struct api *a, struct api_body *ret)
{
	struct jsonl j;

	jsonl_init(&j);
	jsonl_obj(&j, NULL);
	jsonl_str(&j, "version", PIERGLASS_VERSION);
	jsonl_u64(&j, "api", PIERGLASS_API_VERSION);
	jsonl_str(&j, "node", a->core->node);
	jsonl_str(&j, "engine", a->core->engine_count ? json_engine(a->core, 0) : "");
	jsonl_obj_end(&j);
	jsonl_newline(&j);
	ret->text = jsonl_take(&j, &ret->len);
	jsonl_done(&j);
}

void api_body_make(struct api *a, enum api_path p, const struct api_query *q, struct api_body *ret)
{
	*ret = (struct api_body){ .type = "application/json", .total = UINT64_MAX };
	switch (p) {
	case API_STATUS:
		core_refresh(a->core);
		status_make(a, ret);
		break;
	case API_FLOWS:
	case API_LISTENERS:
	case API_CONTAINERS:
		core_refresh(a->core);
		list_make(a, p, q, ret);
		break;
	case API_NETWORKS:
		list_make(a, p, q, ret);
		break;
	case API_MAP:
		core_refresh(a->core);
		map_make(a, q, ret);
		break;
	case API_GRAPH_DATA:
		core_refresh(a->core);
		graph_data_make(a, q, ret);
		break;
	case API_GRAPH_FIELDS:
		text_make(a, graph_fields_text, NULL, ret);
		break;
	case API_GRAPH_HEALTH:
		text_make(a, health_text, NULL, ret);
		break;
	case API_METRICS:
		core_refresh(a->core);
		ret->type = "text/plain; version=0.0.4; charset=utf-8";
		ret->text = metrics_export(a->core, &ret->len);
		break;
	case API_VERSION:
		version_make(a, ret);
		break;
	case API_TREE:
		text_make(a, json_tree, q->container, ret);
		break;
	case API_SYSCALLS:
		text_make(a, json_syscalls, q->workload, ret);
		break;
	case API_EVIDENCE:
		text_make(a, evidence_text, NULL, ret);
		break;
	case API_OPENAPI:
		text_make(a, openapi_text, NULL, ret);
		break;
	case API_FEEDS:
		text_make(a, feeds_text, NULL, ret);
		break;
	case API_FEED_CHECK:
		text_make(a, json_feed_check, q->thing, ret);
		break;
	case API_POLICY:
	case API_POLICY_PLAN:
		api_policy_body(a, p, q, ret);
		break;
	default:
		api_model_body(a, p, q, ret);
	}
}
