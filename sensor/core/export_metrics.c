/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Metrics in Prometheus' text format 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats). Labels have few values: causes,
 * programs, findings, engines; workloads up to METRICS_WORKLOADS_MAX, all others are one, "(other)". */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/version.h"
#include "intel/finding.h"
#include "sensor/core/export_text.h"
#include "sensor/core/exports.h"
#include "sensor/core/json_views.h"
#include "sensor/core/model.h"
#include "sensor/core/store.h"

#define METRICS_WORKLOADS_MAX 200

enum metric_kind { GAUGE, COUNTER };

static void head(struct text_out *t, enum metric_kind kind, const char *name, const char *help)
{
	text_f(t, "# HELP pierglass_%s %s\n# TYPE pierglass_%s %s\n", name, help, name, kind == COUNTER ? "counter" : "gauge");
}

static void value(struct text_out *t, const char *name, const char *label, const char *of, uint64_t n)
{
	text_f(t, "pierglass_%s", name);
	if (label) {
		text_f(t, "{%s=\"", label);
		text_name(t, TEXT_METRIC, of);
		text_raw(t, "\"}");
	}
	text_f(t, " %" PRIu64 "\n", n);
}

static void one(struct text_out *t, enum metric_kind kind, const char *name, const char *help, uint64_t n)
{
	head(t, kind, name, help);
	value(t, name, NULL, NULL, n);
}

static void about(struct text_out *t, const struct core *c)
{
	head(t, GAUGE, "build_info", "Version and node; always 1.");
	text_raw(t, "pierglass_build_info{version=\"" PIERGLASS_VERSION "\",node=\"");
	text_name(t, TEXT_METRIC, c->node);
	text_raw(t, "\"} 1\n");
	one(t, GAUGE, "start_time_seconds", "When the sensor's core started, seconds of Unix time.", c->start_wall_ns / 1000000000u);
}

static void losses(struct text_out *t, const struct core *c)
{
	head(t, COUNTER, "loss_total", "What is not known or was not kept, by cause; see the ledger in \"pierglass status\".");
	for (unsigned i = 0; i < LOSS_MAX; i++)
		value(t, "loss_total", "cause", core_loss_name((enum core_loss)i), c->losses[i]);
}

static void kernel(struct text_out *t, const struct core *c)
{
	for (unsigned i = 0; i < PG_CTR_MAX; i++) {
		const char *key = json_counter_name((enum pg_counter)i);
		char name[64];

		if (!key)
			continue;
		snprintf(name, sizeof(name), "%s_total", key);
		one(t, COUNTER, name, "Counted in the kernel since the maps were made.", c->counters[i]);
	}
	one(t, COUNTER, "flows_opened_total", "Flows seen for the first time.", c->gauge.opened);
	one(t, COUNTER, "flows_ended_total", "Flows that ended.", c->gauge.reaped);
}

static void programs(struct text_out *t, const struct core *c)
{
	static const struct {
		const char *name, *help;
		enum metric_kind kind;
	} metrics[] = { { "program_up", "Whether the program runs.", GAUGE },
			{ "program_starts_total", "Times the program was started; more than one: it ended in between.", COUNTER } };

	for (unsigned m = 0; m < ARRAY_SIZE(metrics); m++) {
		head(t, metrics[m].kind, metrics[m].name, metrics[m].help);
		for (unsigned i = 0; i < PROGRAM_MAX; i++)
			if (c->programs[i].starts)
				value(t, metrics[m].name, "program", json_program_name((enum msg_program_id)i),
				      m ? c->programs[i].starts : c->programs[i].running);
	}
	head(t, GAUGE, "engine_up", "Whether the engine answers.");
	for (unsigned i = 0; i < c->engine_count && i < MSG_ENGINES_MAX; i++)
		value(t, "engine_up", "socket", c->engines[i].socket, c->engines[i].up);
}

static void count_running(const struct ident_container *k, void *arg)
{
	*(uint64_t *)arg += !k->gone_mono_ns && !k->remote && (k->state == IDENT_RUNNING || k->state == IDENT_PAUSED);
}

static void tables(struct text_out *t, struct core *c)
{
	struct store_stats s;
	uint64_t running = 0;

	if (c->ident)
		ident_each_container(c->ident, count_running, &running);
	store_stats_get(c->store, &s);
	one(t, GAUGE, "containers_running", "Containers that run on this node.", running);
	one(t, GAUGE, "flows", "Flows in the table.", c->flows ? flow_table_count(c->flows) : 0);
	one(t, GAUGE, "flows_max", "Flows that the table has room for.", c->config.flows_max);
	one(t, GAUGE, "half_open_flows", "Flows of which one direction was seen.", c->gauge.opened - c->gauge.promoted - c->gauge.reaped_half);
	one(t, GAUGE, "listeners", "Listening sockets in containers.", c->listeners ? listeners_count(c->listeners) : 0);
	one(t, GAUGE, "processes", "Processes in containers.", c->procs ? processes_count(c->procs) : 0);
	one(t, GAUGE, "store_bytes", "Size of the store.", s.file_bytes);
}

static void count_finding(const struct finding *f, void *arg)
{
	uint64_t *counts = arg;

	if (!f->absorbed_by[0] && !f->accepted)
		counts[f->kind]++;
}

static void findings(struct text_out *t, const struct core *c)
{
	uint64_t counts[FINDING_KIND_MAX] = { 0 };
	struct findings *fs = c->model ? core_findings(c) : NULL;

	if (fs)
		findings_each(fs, count_finding, counts);
	head(t, GAUGE, "findings", "Findings of the latest 2048 that were told and not accepted.");
	for (unsigned i = 0; i < FINDING_KIND_MAX; i++)
		value(t, "findings", "finding", finding_name((enum finding_kind)i), counts[i]);
}

struct export_sums {
	struct {
		const char *name;
		uint64_t sent, lost;
	} of[8]; /* there are fewer names */
	unsigned count;
};

/* Those of one name (JSON lines to two receivers) are one: a sample may be there only once. */
static void export_add(const char *name, const char *target, uint64_t sent, uint64_t lost, void *arg)
{
	struct export_sums *x = arg;
	unsigned i = 0;

	while (i < x->count && strcmp(x->of[i].name, name) != 0)
		i++;
	if (i == ARRAY_SIZE(x->of))
		return;
	if (i == x->count)
		x->of[x->count++].name = name;
	x->of[i].sent += sent;
	x->of[i].lost += lost;
}

static void exports(struct text_out *t, const struct core *c)
{
	struct export_sums x = { 0 };

	/* the families are there without an export, too: what asks for them finds them */
	if (c->exports)
		exports_each(c, export_add, &x);
	head(t, COUNTER, "export_sent_total", "Records that an export's receiver took.");
	for (unsigned i = 0; i < x.count; i++)
		value(t, "export_sent_total", "export", x.of[i].name, x.of[i].sent);
	head(t, COUNTER, "export_lost_total", "Records that an export had no room for, or that nobody took.");
	for (unsigned i = 0; i < x.count; i++)
		value(t, "export_lost_total", "export", x.of[i].name, x.of[i].lost);
}

/* ---- traffic by workload --------------------------------------------------------------------------------------------- */
struct traffic {
	struct {
		const char *workload;
		uint64_t sent, received;
	} rows[METRICS_WORKLOADS_MAX + 1]; /* row 0: "(other)" */
	unsigned count;
};

static unsigned row_of(struct traffic *w, const char *workload)
{
	for (unsigned i = 1; i < w->count; i++)
		if (!strcmp(w->rows[i].workload, workload))
			return i;
	if (w->count > METRICS_WORKLOADS_MAX)
		return 0;
	w->rows[w->count].workload = workload;
	return w->count++;
}

static void add_edge(const struct topo_edge *e, void *arg)
{
	struct traffic *w = arg;
	unsigned client = e->client->workload[0] ? row_of(w, e->client->workload) : 0;
	unsigned server = e->server->workload[0] ? row_of(w, e->server->workload) : 0;

	if (e->client->workload[0]) {
		w->rows[client].sent += e->bytes_to_server;
		w->rows[client].received += e->bytes_to_client;
	}
	if (e->server->workload[0]) {
		w->rows[server].sent += e->bytes_to_client;
		w->rows[server].received += e->bytes_to_server;
	}
}

static void traffic(struct text_out *t, const struct core *c)
{
	struct traffic w = { .count = 1, .rows = { { .workload = "(other)" } } };

	if (c->topo)
		topo_each_edge(c->topo, add_edge, &w);
	head(t, GAUGE, "workload_sent_bytes", "Bytes the workload sent, on the edges that the map holds.");
	for (unsigned i = 0; i < w.count; i++)
		value(t, "workload_sent_bytes", "workload", w.rows[i].workload, w.rows[i].sent);
	head(t, GAUGE, "workload_received_bytes", "Bytes the workload received, on the edges that the map holds.");
	for (unsigned i = 0; i < w.count; i++)
		value(t, "workload_received_bytes", "workload", w.rows[i].workload, w.rows[i].received);
}

char *metrics_export(struct core *c, size_t *ret_len)
{
	struct text_out t = { 0 };

	about(&t, c);
	losses(&t, c);
	kernel(&t, c);
	programs(&t, c);
	tables(&t, c);
	findings(&t, c);
	exports(&t, c);
	traffic(&t, c);
	return text_take(&t, ret_len);
}
