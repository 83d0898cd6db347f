/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What goes into the exports: each record is written once as JSON, whoever takes it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "sensor/core/exports_priv.h"
#include "sensor/core/export_map.h"
#include "sensor/core/filters.h"
#include "sensor/core/json_events.h"
#include "sensor/core/json_views.h"
#include "sensor/core/model.h"
#include "sensor/core/policy.h"

#define ENTERPRISE "32473" /* as in outputs_text.c */

static bool is_lines(const struct export_out *o)
{
	return o->kind == EXPORT_FILE || o->kind == EXPORT_LINES;
}

/* RFC 5424 with RFC 6587's octet counting; MSG is the line. */
static void append_syslog(struct export_out *o, const char *kind, const struct iovec *line, unsigned n)
{
	char head[320], when[CLOCK_RFC3339_LEN], frame[24];
	size_t len;

	clock_format_rfc3339(clock_wall_ns(), when);
	/* facility local0, severity informational */
	len = (size_t)snprintf(head, sizeof(head), "<134>1 %.26sZ %.200s pierglass - %s [pierglass@" ENTERPRISE "] \xef\xbb\xbf", when, o->core->node, kind);
	for (unsigned i = 0; i < n; i++)
		len += line[i].iov_len;
	snprintf(frame, sizeof(frame), "%zu ", len);
	export_append(o, (struct iovec[]){ { frame, strlen(frame) }, { head, strlen(head) }, line[0], line[1] }, 4, 1);
}

/* line: a JSON object without a newline; told as {"record":"flow", and its own keys. */
static void tell_lines(struct exports *x, const char *kind, const char *line, size_t len)
{
	char head[40], newline = '\n';
	const struct iovec parts[] = { { head, (size_t)snprintf(head, sizeof(head), "{\"record\":\"%s\",", kind) },
				       { (void *)(uintptr_t)(line + 1), len - 1 },
				       { &newline, 1 } };

	for (unsigned i = 0; i < x->count; i++) {
		struct export_out *o = &x->all[i];

		if (o->kind == EXPORT_SYSLOG)
			append_syslog(o, kind, parts, 2);
		else if (is_lines(o))
			export_append(o, parts, 3, 1);
	}
}

static void tell_otlp(struct exports *x, const char *kind, const char *severity, const char *line, uint64_t time_ns)
{
	struct jsonl j;
	const char *text;
	size_t n;

	for (unsigned i = 0; i < x->count; i++) {
		struct export_out *o = &x->all[i];

		if (o->kind != EXPORT_OTLP_LOGS)
			continue;
		jsonl_init(&j);
		json_otlp_log(&j, kind, severity, line, time_ns);
		text = jsonl_text(&j, &n);
		if (text)
			export_append(o, &(struct iovec){ (void *)(uintptr_t)text, n }, 1, 1);
		else
			export_lost(o, 1);
		jsonl_done(&j);
	}
}

static void tell(struct core *c, const char *kind, const char *severity, struct jsonl *j, uint64_t time_ns, bool lines, bool otlp)
{
	const char *line;
	size_t len;

	line = jsonl_text(j, &len);
	if (!line || len < 2)
		return;
	if (lines)
		tell_lines(c->exports, kind, line, len);
	if (otlp)
		tell_otlp(c->exports, kind, severity, line, time_ns);
}

/* ---- IPFIX -------------------------------------------------------------------------------------------------------------- */
static void tell_ipfix(struct core *c, const struct core_flow_view *v)
{
	const struct policy_edge_in in = { .client = v->client.id, .server = v->server.id, .client_kind = v->client.kind, .server_kind = v->server.kind,
					   .client_workload = v->client.container ? v->client.container->workload : "",
					   .server_workload = v->server.container ? v->server.container->workload : "",
					   .l4 = v->l4, .port = v->server.port };
	struct exports *x = c->exports;
	struct export_out *o = x->ipfix_out;
	int n = 0;

	if (o->count >= EXPORT_QUEUE) {
		export_lost(o, (v->packets_to_server > 0) + (v->packets_to_client > 0));
		return;
	}
	/* Each batch begins with the templates: whoever takes it understands it. */
	if (!o->open || o->open->len + 2 * (IPFIX_MESSAGE_MAX + 2) > EXPORT_BATCH_MAX) {
		exports_ipfix_flush(c);
		export_close_batch(o);
		n = ipfix_templates(x->ipfix);
	}
	if (n >= 0)
		n = ipfix_flow(x->ipfix, v, c->node, policy_edge_verdict(c, &in));
	if (n < 0 || !o->open)
		export_lost(o, n > 0 ? (unsigned)n : 1);
	else
		o->open->records += (unsigned)n;
}

void exports_ipfix_flush(struct core *c)
{
	if (c->exports->ipfix && c->exports->ipfix_out->open)
		ipfix_flush(c->exports->ipfix);
}

/* ---- what core says ------------------------------------------------------------------------------------------------------- */
static void on_flow(const struct core_flow_view *v, const char *what, void *arg)
{
	struct core *c = arg;
	const struct config_exports *k = &c->config.exports;
	struct exports *x = c->exports;
	bool lines, otlp;
	struct jsonl j;

	if (strcmp(what, "closed") != 0)
		return;
	if (x->ipfix && filter_flow(x->ipfix_filter, c, v, NULL, NULL))
		tell_ipfix(c, v);
	lines = k->lines_to_count && k->lines_what & RECORD_FLOWS && filter_flow(x->lines_filter, c, v, NULL, NULL);
	otlp = k->otlp_to[0] && k->otlp_what & RECORD_FLOWS && filter_flow(x->otlp_filter, c, v, NULL, NULL);
	if (!lines && !otlp)
		return;
	jsonl_init(&j);
	json_flow(&j, v, c->node, NULL, NULL, NULL);
	tell(c, "flow", "info", &j, v->last_seen_ns, lines, otlp);
	jsonl_done(&j);
}

static void on_event(const struct core_event_view *v, void *arg)
{
	struct core *c = arg;
	const struct config_exports *k = &c->config.exports;
	bool lines = k->lines_to_count && k->lines_what & RECORD_EVENTS && filter_event(c->exports->lines_filter, c, v);
	bool otlp = k->otlp_to[0] && k->otlp_what & RECORD_EVENTS && filter_event(c->exports->otlp_filter, c, v);
	struct jsonl j;

	if (!lines && !otlp)
		return;
	jsonl_init(&j);
	json_event(&j, c, v);
	tell(c, "event", "info", &j, v->time_ns, lines, otlp);
	jsonl_done(&j);
}

static void on_alert(const struct finding *f, const char *line, void *arg)
{
	struct core *c = arg;
	const struct config_exports *k = &c->config.exports;

	if (k->lines_to_count && k->lines_what & RECORD_ALERTS && filter_finding(c->exports->lines_filter, c, f))
		tell_lines(c->exports, "alert", line, strlen(line));
	if (k->otlp_to[0] && k->otlp_what & RECORD_ALERTS && filter_finding(c->exports->otlp_filter, c, f))
		tell_otlp(c->exports, "alert", finding_severity(f->score), line, f->time_ns);
}

int exports_subscribe(struct core *c)
{
	const struct config_exports *k = &c->config.exports;
	unsigned what = (k->lines_to_count ? k->lines_what : 0) | (k->otlp_to[0] ? k->otlp_what : 0) | (k->ipfix_to[0] ? RECORD_FLOWS : 0);
	struct exports *x = c->exports;

	if (what & RECORD_FLOWS)
		x->flows = core_subscribe_flows(c, on_flow, c);
	if (what & RECORD_EVENTS)
		x->events = core_subscribe_events(c, CORE_EVENTS_ALL, on_event, c);
	if (what & RECORD_ALERTS)
		x->alerts = core_subscribe_alerts(c, on_alert, c);
	return ((what & RECORD_FLOWS) && x->flows < 0) || ((what & RECORD_EVENTS) && x->events < 0) || ((what & RECORD_ALERTS) && x->alerts < 0) ? -ENOMEM : 0;
}

void exports_unsubscribe(struct core *c)
{
	struct exports *x = c->exports;

	if (x->flows >= 0)
		core_unsubscribe_flows(c, x->flows);
	if (x->events >= 0)
		core_unsubscribe_events(c, x->events);
	if (x->alerts >= 0)
		core_unsubscribe_alerts(c, x->alerts);
}

/* ---- metrics ---------------------------------------------------------------------------------------------------------------- */
static void on_metrics(const char *json, size_t len, unsigned points, void *arg)
{
	struct export_out *o = arg;

	export_append(o, &(struct iovec){ (void *)(uintptr_t)json, len }, 1, points);
	export_close_batch(o);
}

void exports_metrics(struct core *c, struct export_out *o)
{
	size_t len;
	char *text;

	core_refresh(c);
	text = metrics_export(c, &len);
	if (text)
		otlp_metrics(text, c->node, c->start_wall_ns, clock_wall_ns(), EXPORT_BATCH_MAX, on_metrics, o);
	else
		export_lost(o, 1);
	free(text);
}
