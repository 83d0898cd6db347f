/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the sensor says about itself: what it attached to, what it cannot see and why, how much, and what was lost. */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/version.h"
#include "sensor/core/api.h"
#include "sensor/core/feeds.h"
#include "sensor/core/exports.h"
#include "sensor/core/json_views.h"
#include "sensor/core/model.h"
#include "sensor/core/store.h"

const char *json_program_name(enum msg_program_id p)
{
	switch (p) {
	case PROGRAM_KEEPER:
		return "keeper";
	case PROGRAM_VERDICT:
		return "verdict";
	case PROGRAM_BROKER:
		return "broker";
	case PROGRAM_CORE:
		return "core";
	case PROGRAM_INSPECT_PACKETS:
		return "inspect-packets";
	case PROGRAM_INSPECT_DOCUMENTS:
		return "inspect-documents";
	case PROGRAM_FILES:
		return "files";
	case PROGRAM_OPENER:
		return "opener";
	case PROGRAM_FETCH:
		return "fetch";
	case PROGRAM_MAX:
		break;
	}
	return "";
}

static const char *how_name(unsigned how)
{
	switch ((enum msg_hook_how)how) {
	case MSG_HOOK_NONE:
		return "none";
	case MSG_HOOK_TCX:
		return "tcx";
	case MSG_HOOK_CLSACT:
		return "clsact";
	case MSG_HOOK_XDP_NATIVE:
		return "xdp-native";
	case MSG_HOOK_XDP_GENERIC:
		return "xdp-generic";
	case MSG_HOOK_CGROUP:
		return "cgroup";
	case MSG_HOOK_HOW_MAX:
		break;
	}
	return "none";
}

static const char *role_name(enum ident_link_kind k)
{
	switch (k) {
	case IDENT_LINK_OTHER:
		return "other";
	case IDENT_LINK_VETH:
		return "veth";
	case IDENT_LINK_BRIDGE:
		return "bridge";
	case IDENT_LINK_VXLAN:
		return "vxlan";
	case IDENT_LINK_MACVLAN:
		return "macvlan";
	case IDENT_LINK_IPVLAN:
		return "ipvlan";
	case IDENT_LINK_LO:
		return "loopback";
	}
	return "other";
}

/* Name and number of a counter, in the order of enum pg_counter. */
static const char *const counter_names[] = {
	[PG_CTR_SEEN] = "seen_packets",
	[PG_CTR_SEEN_BYTES] = "seen_bytes",
	[PG_CTR_COUNTED] = "counted_packets",
	[PG_CTR_NOT_IP] = "not_ip_packets",
	[PG_CTR_MALFORMED] = "malformed_packets",
	[PG_CTR_REFUSED_FULL] = "refused_full_packets",
	[PG_CTR_REFUSED_FULL_BYTES] = "refused_full_bytes",
	[PG_CTR_REFUSED_HALF] = "refused_half_open_packets",
	[PG_CTR_REFUSED_HALF_BYTES] = "refused_half_open_bytes",
	[PG_CTR_ELSEWHERE] = "counted_elsewhere_packets",
	[PG_CTR_SAMPLES] = "samples",
	[PG_CTR_SAMPLE_LOST] = "samples_lost",
	[PG_CTR_EVENTS] = "events",
	[PG_CTR_EVENT_LOST] = "events_lost",
	[PG_CTR_SOCKET_REFUSED] = "sockets_refused",
	[PG_CTR_VTEP_REFUSED] = "vteps_refused",
	[PG_CTR_XDP_DROPPED] = "xdp_dropped_packets",
	[PG_CTR_NOT_HOOKED] = "not_hooked_packets",
	[PG_CTR_SYSCALL_REFUSED] = "syscall_cgroups_refused",
	[PG_CTR_EVENT_THROTTLED] = "events_throttled",
	[PG_CTR_LEDGER_REFUSED] = "events_without_ledger",
	[PG_CTR_LISTED_DROPPED] = "listed_packets_dropped",
};

const char *json_counter_name(enum pg_counter i)
{
	return (unsigned)i < ARRAY_SIZE(counter_names) ? counter_names[i] : NULL;
}

static void programs(struct jsonl *j, const struct core *c)
{
	jsonl_arr(j, "programs");
	for (unsigned i = 0; i < PROGRAM_MAX; i++) {
		const struct msg_program *p = &c->programs[i];

		if (!p->starts && !p->running && !p->pid)
			continue;
		jsonl_obj(j, NULL);
		jsonl_str(j, "name", json_program_name((enum msg_program_id)i));
		jsonl_bool(j, "running", p->running);
		jsonl_u64(j, "pid", p->pid);
		jsonl_u64(j, "starts", p->starts);
		if (p->starts > 1 && WIFSIGNALED(p->last_status)) /* the status of a process that never ended says nothing */
			jsonl_i64(j, "last_signal", WTERMSIG(p->last_status));
		else
			jsonl_null(j, "last_signal");
		if (p->starts > 1 && WIFEXITED(p->last_status))
			jsonl_i64(j, "last_exit", WEXITSTATUS(p->last_status));
		else
			jsonl_null(j, "last_exit");
		jsonl_time(j, "since", p->since_mono_ns ? clock_mono_to_wall_ns(p->since_mono_ns) : 0);
		jsonl_obj_end(j);
	}
	jsonl_arr_end(j);
}

static void engines(struct jsonl *j, const struct core *c)
{
	jsonl_arr(j, "engines");
	for (unsigned i = 0; i < c->engine_count && i < MSG_ENGINES_MAX; i++) {
		const struct core_engine *e = &c->engines[i];

		jsonl_obj(j, NULL);
		jsonl_str(j, "socket", e->socket);
		jsonl_bool(j, "up", e->up);
		jsonl_str(j, "error", e->up || !e->error ? "" : strerror(-e->error));
		jsonl_str(j, "name", e->name);
		jsonl_str(j, "id", e->id);
		jsonl_str(j, "version", e->version);
		jsonl_str(j, "api_version", e->api_version);
		jsonl_bool(j, "swarm", e->swarm);
		jsonl_bool(j, "manager", e->manager);
		jsonl_str(j, "swarm_node_id", e->swarm_node_id);
		jsonl_str(j, "swarm_address", e->swarm_addr);
		jsonl_u64(j, "pid", e->pid);
		jsonl_u64(j, "connects", e->connects);
		jsonl_u64(j, "resyncs", e->resyncs);
		jsonl_u64(j, "events", e->events);
		jsonl_u64(j, "gaps", e->gaps);
		jsonl_time(j, "up_since", e->up && e->up_since_mono_ns ? clock_mono_to_wall_ns(e->up_since_mono_ns) : 0);
		jsonl_obj_end(j);
	}
	jsonl_arr_end(j);
}

static void hooks(struct jsonl *j, struct core *c)
{
	uint64_t by_how[MSG_HOOK_HOW_MAX] = { 0 }, adopted = 0, total = 0;

	jsonl_obj(j, "hooks");
	jsonl_arr(j, "list");
	for (const struct core_hook *h = c->hooks; h; h = h->next) {
		const struct msg_hook *m = &h->hook;
		unsigned how = m->how < MSG_HOOK_HOW_MAX ? m->how : MSG_HOOK_NONE;
		const struct ident_link *l = c->ident ? ident_link_get(c->ident, m->ns, m->ifindex) : NULL;
		const struct ident_ns *ns = c->ident ? ident_ns_get(c->ident, m->ns) : NULL;

		total++;
		by_how[how]++;
		adopted += m->adopted != 0;
		jsonl_obj(j, NULL);
		jsonl_u64(j, "ns", m->ns);
		jsonl_str(j, "namespace", ns ? ns->kind == IDENT_NS_NODE ? "node" : ns->name : "");
		jsonl_u64(j, "ifindex", m->ifindex);
		jsonl_str(j, "interface", l ? l->name : how == MSG_HOOK_CGROUP ? "(cgroup)" : "");
		jsonl_str(j, "kind", l ? role_name(l->kind) : "other");
		jsonl_str(j, "how", how_name(how));
		jsonl_bool(j, "adopted", m->adopted);
		jsonl_str(j, "error", m->error ? strerror(m->error < 0 ? -m->error : m->error) : "");
		jsonl_u64(j, "late_packets", m->late_in_packets + m->late_out_packets);
		jsonl_obj_end(j);
	}
	jsonl_arr_end(j);
	jsonl_u64(j, "total", total);
	jsonl_u64(j, "attached", total - by_how[MSG_HOOK_NONE]);
	jsonl_u64(j, "failed", by_how[MSG_HOOK_NONE]);
	jsonl_u64(j, "adopted", adopted);
	jsonl_obj(j, "by_kind");
	for (unsigned i = MSG_HOOK_NONE + 1; i < MSG_HOOK_HOW_MAX; i++)
		jsonl_u64(j, how_name(i), by_how[i]);
	jsonl_obj_end(j);
	jsonl_obj_end(j);
}

static void features(struct jsonl *j, const struct core *c)
{
	jsonl_arr(j, "features");
	for (unsigned i = 0; i < c->feature_count && i < ARRAY_SIZE(c->features); i++) {
		jsonl_obj(j, NULL);
		jsonl_str(j, "name", c->features[i].name);
		jsonl_bool(j, "present", c->features[i].present);
		jsonl_str(j, "consequence", c->features[i].consequence);
		jsonl_obj_end(j);
	}
	jsonl_arr_end(j);
}

static void count_container(const struct ident_container *k, void *arg)
{
	uint64_t *n = arg;

	n[0] += !k->gone_mono_ns && !k->remote && (k->state == IDENT_RUNNING || k->state == IDENT_PAUSED);
	n[1]++;
}

static void count_node(const struct topo_node *n, void *arg)
{
	(*(uint64_t *)arg)++;
}

static void count_edge(const struct topo_edge *e, void *arg)
{
	(*(uint64_t *)arg)++;
}

static void tables(struct jsonl *j, const struct core *c, const struct api_stats *a, const struct store_stats *s)
{
	size_t listed = 0, listed_bytes = 0;
	uint64_t containers[2] = { 0 }, nodes = 0, edges = 0;

	if (c->ident)
		ident_each_container(c->ident, count_container, containers);
	if (c->topo) {
		topo_each_node(c->topo, count_node, &nodes);
		topo_each_edge(c->topo, count_edge, &edges);
	}
	jsonl_obj(j, "tables");
	jsonl_u64(j, "containers_running", containers[0]);
	jsonl_u64(j, "containers_known", containers[1]);
	jsonl_u64(j, "flows", c->flows ? flow_table_count(c->flows) : 0);
	jsonl_u64(j, "flows_max", c->config.flows_max);
	jsonl_u64(j, "flows_memory_bytes", c->flows ? flow_table_memory(c->flows) : 0);
	jsonl_u64(j, "half_open", c->gauge.opened - c->gauge.promoted - c->gauge.reaped_half);
	jsonl_u64(j, "half_open_max", c->config.half_open_max);
	jsonl_u64(j, "nodes", nodes);
	jsonl_u64(j, "edges", edges);
	jsonl_u64(j, "edges_max", c->config.edges_max);
	jsonl_u64(j, "processes", c->procs ? processes_count(c->procs) : 0);
	jsonl_u64(j, "listeners", c->listeners ? listeners_count(c->listeners) : 0);
	jsonl_u64(j, "dns_names", c->dns ? dns_names_count(c->dns) : 0);
	jsonl_u64(j, "inspector_flows", c->inspect_stats.tracked);
	core_feeds_kernel(c, &listed, &listed_bytes);
	jsonl_u64(j, "listed_ranges", listed);
	jsonl_u64(j, "listed_bytes", listed_bytes);
	jsonl_u64(j, "api_clients", a->clients);
	jsonl_u64(j, "api_streams", a->streams);
	jsonl_u64(j, "stored_flows", s->flows);
	jsonl_u64(j, "stored_edges", s->edges);
	jsonl_u64(j, "stored_bytes", s->file_bytes);
	jsonl_obj_end(j);
}

static void not_seen(struct jsonl *j, const struct core *c, const struct store_stats *s, const char *store_warning)
{
	char line[640];

	jsonl_arr(j, "not_seen");
	if (!c->engine_count)
		jsonl_str(j, NULL, "No Docker engine is configured: containers have no names.");
	for (unsigned i = 0; i < c->engine_count && i < MSG_ENGINES_MAX; i++) {
		const struct core_engine *e = &c->engines[i];

		if (e->up)
			continue;
		snprintf(line, sizeof(line), "Engine %s does not answer (%s): its containers have no names; waiting for it.", e->socket,
			 e->error ? strerror(-e->error) : "not yet reached");
		jsonl_str(j, NULL, line);
	}
	for (const struct core_hook *h = c->hooks; h; h = h->next) {
		const struct ident_link *l;

		if (h->hook.how != MSG_HOOK_NONE)
			continue;
		l = c->ident ? ident_link_get(c->ident, h->hook.ns, h->hook.ifindex) : NULL;
		snprintf(line, sizeof(line), "Interface %s (index %u, namespace %u) has no hook (%s): its traffic is not counted.",
			 l ? l->name : "?", h->hook.ifindex, h->hook.ns, strerror(h->hook.error < 0 ? -h->hook.error : h->hook.error));
		jsonl_str(j, NULL, line);
	}
	for (unsigned i = 0; i < c->feature_count && i < ARRAY_SIZE(c->features); i++)
		if (!c->features[i].present && c->features[i].consequence[0]) {
			snprintf(line, sizeof(line), "No %s: %s", c->features[i].name, c->features[i].consequence);
			jsonl_str(j, NULL, line);
		}
	for (unsigned i = 0; i < PROGRAM_MAX; i++)
		if (c->programs[i].starts && !c->programs[i].running) {
			snprintf(line, sizeof(line), "Program %s is not running: it is being restarted.",
				 json_program_name((enum msg_program_id)i));
			jsonl_str(j, NULL, line);
		}
	if (!s->open) {
		snprintf(line, sizeof(line), "The store cannot be written (%s): history and map do not survive a restart.",
			 s->error ? strerror(-s->error) : "not open");
		jsonl_str(j, NULL, line);
	}
	if (store_warning)
		jsonl_str(j, NULL, store_warning);
	jsonl_arr_end(j);
}

static void rates(struct jsonl *j, const struct json_rates *r)
{
	jsonl_obj(j, "rates");
	jsonl_f64(j, "interval_seconds", r->interval_s);
	jsonl_f64(j, "flows_per_second", r->flows);
	jsonl_f64(j, "packets_per_second", r->packets);
	jsonl_f64(j, "bytes_per_second", r->bytes);
	jsonl_f64(j, "events_per_second", r->events);
	jsonl_f64(j, "samples_per_second", r->samples);
	jsonl_obj_end(j);
}

static void counters(struct jsonl *j, const struct core *c, const struct api_stats *a, const struct store_stats *s)
{
	jsonl_obj(j, "counters");
	for (unsigned i = 0; i < ARRAY_SIZE(counter_names); i++)
		jsonl_u64(j, counter_names[i], c->counters[i]);
	jsonl_u64(j, "flows_opened", c->gauge.opened);
	jsonl_u64(j, "flows_two_way", c->gauge.promoted);
	jsonl_u64(j, "flows_ended", c->gauge.reaped);
	jsonl_u64(j, "inspector_samples", c->inspect_stats.samples);
	jsonl_u64(j, "inspector_bytes", c->inspect_stats.bytes);
	jsonl_u64(j, "inspector_flows", c->inspect_stats.flows);
	jsonl_u64(j, "inspector_labelled", c->inspect_stats.labelled);
	jsonl_u64(j, "inspector_gave_up", c->inspect_stats.gave_up);
	jsonl_u64(j, "inspector_overlaps", c->inspect_stats.overlaps);
	jsonl_u64(j, "api_requests", a->requests);
	jsonl_u64(j, "api_refused", a->refused);
	jsonl_u64(j, "api_stream_lines", a->stream_lines);
	jsonl_u64(j, "api_stream_resets", a->stream_resets);
	jsonl_u64(j, "api_dropped", a->dropped);
	jsonl_u64(j, "store_written", s->written);
	jsonl_u64(j, "store_retired", s->retired);
	jsonl_obj_end(j);
}

static void ledger_container(const struct ident_container *k, void *arg)
{
	struct { struct jsonl *j; struct core *c; } *w = arg;
	struct core_ledger_view l;

	if (k->remote || !k->pid)
		return;
	core_container_ledger(w->c, k, &l);
	jsonl_obj(w->j, NULL);
	jsonl_str(w->j, "container", k->name);
	jsonl_str(w->j, "container_id", k->id);
	jsonl_str(w->j, "workload", k->workload);
	json_ledger(w->j, &l);
	jsonl_obj_end(w->j);
}

static void ledger(struct jsonl *j, struct core *c)
{
	struct { struct jsonl *j; struct core *c; } w = { j, c };

	jsonl_arr(j, "ledger");
	if (c->ident)
		ident_each_container(c->ident, ledger_container, &w);
	jsonl_arr_end(j);
}

void json_status(struct jsonl *j, struct core *c, const struct json_rates *r, const struct api_stats *a,
		 const struct store_stats *s, const char *store_warning)
{
	jsonl_obj(j, NULL);
	jsonl_str(j, "node", c->node);
	jsonl_str(j, "engine", c->engine_count == 1 ? c->engines[0].name : "");
	jsonl_str(j, "version", PIERGLASS_VERSION);
	jsonl_time(j, "started", c->start_wall_ns);
	jsonl_time(j, "time", clock_wall_ns());
	jsonl_str(j, "run_dir", c->run_dir);
	jsonl_str(j, "state_dir", c->state_dir);
	programs(j, c);
	engines(j, c);
	hooks(j, c);
	features(j, c);
	rates(j, r);
	tables(j, c, a, s);
	json_loss(j, c);
	ledger(j, c);
	core_json_outputs(j, c);
	json_exports(j, c);
	json_enforce(j, c);
	counters(j, c, a, s);
	not_seen(j, c, s, store_warning);
	jsonl_obj_end(j);
}
