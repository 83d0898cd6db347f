/* SPDX-License-Identifier: GPL-2.0-or-later */
/* OTLP as JSON (opentelemetry-proto 1.x: logs.proto, metrics.proto; 64-bit numbers are texts there). Metrics are made from the
 * text that /metrics serves: one account of what is measured. */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "sensor/core/exports.h"

static void number_text(struct jsonl *j, const char *key, uint64_t n)
{
	char t[24];

	snprintf(t, sizeof(t), "%" PRIu64, n);
	jsonl_str(j, key, t);
}

static void attribute(struct jsonl *j, const char *key, const char *value, size_t len)
{
	jsonl_obj(j, NULL);
	jsonl_str(j, "key", key);
	jsonl_obj(j, "value");
	jsonl_strn(j, "stringValue", value, len);
	jsonl_obj_end(j);
	jsonl_obj_end(j);
}

/* ---- logs ---------------------------------------------------------------------------------------------------------------- */
void json_otlp_log(struct jsonl *j, const char *kind, const char *severity, const char *line, uint64_t time_ns)
{
	static const struct {
		const char *name, *text;
		unsigned number; /* SeverityNumber */
	} severities[] = { { "info", "INFO", 9 }, { "low", "INFO2", 10 }, { "medium", "WARN", 13 }, { "high", "ERROR", 17 }, { "critical", "FATAL", 21 } };

	jsonl_obj(j, NULL);
	number_text(j, "timeUnixNano", time_ns);
	number_text(j, "observedTimeUnixNano", time_ns);
	for (size_t i = 0; i < ARRAY_SIZE(severities); i++)
		if (!strcmp(severity, severities[i].name)) {
			jsonl_u64(j, "severityNumber", severities[i].number);
			jsonl_str(j, "severityText", severities[i].text);
		}
	jsonl_obj(j, "body");
	jsonl_str(j, "stringValue", line);
	jsonl_obj_end(j);
	jsonl_arr(j, "attributes");
	attribute(j, "pierglass.record", kind, strlen(kind));
	jsonl_arr_end(j);
	jsonl_obj_end(j);
}

/* ---- metrics ------------------------------------------------------------------------------------------------------------- */
struct metrics {
	struct jsonl j;
	const char *node;
	uint64_t start_ns, now_ns;
	size_t max;
	void (*body)(const char *json, size_t len, unsigned points, void *arg);
	void *arg;
	unsigned points;    /* in this body */
	char name[96], help[256];
	bool counter, open; /* open: a metric of this name has begun */
};

static void body_begin(struct metrics *m)
{
	struct jsonl *j = &m->j;

	jsonl_reset(j);
	m->points = 0;
	m->open = false;
	jsonl_obj(j, NULL);
	jsonl_arr(j, "resourceMetrics");
	jsonl_obj(j, NULL);
	jsonl_obj(j, "resource");
	jsonl_arr(j, "attributes");
	attribute(j, "service.name", "pierglass", 9);
	attribute(j, "host.name", m->node, strlen(m->node));
	jsonl_arr_end(j);
	jsonl_obj_end(j);
	jsonl_arr(j, "scopeMetrics");
	jsonl_obj(j, NULL);
	jsonl_obj(j, "scope");
	jsonl_str(j, "name", "pierglass");
	jsonl_obj_end(j);
	jsonl_arr(j, "metrics");
}

static void metric_end(struct metrics *m)
{
	if (!m->open)
		return;
	jsonl_arr_end(&m->j);
	jsonl_obj_end(&m->j);
	jsonl_obj_end(&m->j);
	m->open = false;
}

static void body_end(struct metrics *m)
{
	struct jsonl *j = &m->j;
	const char *text;
	size_t len;

	metric_end(m);
	jsonl_arr_end(j);
	jsonl_obj_end(j);
	jsonl_arr_end(j);
	jsonl_obj_end(j);
	jsonl_arr_end(j);
	jsonl_obj_end(j);
	text = jsonl_text(j, &len);
	if (text && m->points)
		m->body(text, len, m->points, m->arg);
}

static void metric_begin(struct metrics *m)
{
	struct jsonl *j = &m->j;

	jsonl_obj(j, NULL);
	jsonl_str(j, "name", m->name);
	jsonl_str(j, "description", m->help);
	jsonl_obj(j, m->counter ? "sum" : "gauge");
	if (m->counter) {
		jsonl_u64(j, "aggregationTemporality", 2); /* cumulative */
		jsonl_bool(j, "isMonotonic", true);
	}
	jsonl_arr(j, "dataPoints");
	m->open = true;
}

/* A label's value, with the text format's escapes undone; *end: behind its quotation mark. */
static size_t unescape(const char *p, char *to, size_t size, const char **end)
{
	size_t n = 0;

	for (; *p && *p != '"'; p++) {
		char c = *p;

		if (c == '\\' && p[1]) {
			p++;
			c = *p == 'n' ? '\n' : *p;
		}
		if (n + 1 < size)
			to[n++] = c;
	}
	*end = *p ? p + 1 : p;
	return n;
}

/* `pierglass_x{a="b",c="d"} 5` */
static void point(struct metrics *m, const char *line)
{
	const char *p = line + strcspn(line, "{ ");
	char key[64], value[1024];
	struct jsonl *j = &m->j;

	if (m->j.len + strlen(line) * 2 + 512 > m->max) {
		body_end(m);
		body_begin(m);
	}
	if (!m->open)
		metric_begin(m);
	jsonl_obj(j, NULL);
	jsonl_arr(j, "attributes");
	if (*p == '{')
		for (p++; *p && *p != '}'; p += *p == ',') {
			size_t n = strcspn(p, "=");

			snprintf(key, sizeof(key), "%.*s", (int)(n < sizeof(key) ? n : sizeof(key) - 1), p);
			p += n;
			if (strncmp(p, "=\"", 2) != 0)
				break;
			n = unescape(p + 2, value, sizeof(value), &p);
			attribute(j, key, value, n);
		}
	jsonl_arr_end(j);
	p += *p == '}';
	number_text(j, "startTimeUnixNano", m->start_ns);
	number_text(j, "timeUnixNano", m->now_ns);
	while (*p == ' ')
		p++;
	if (p[strspn(p, "0123456789")] == '\0')
		jsonl_str(j, "asInt", p);
	else
		jsonl_f64(j, "asDouble", strtod(p, NULL));
	jsonl_obj_end(j);
	m->points++;
}

static void metric_named(struct metrics *m, const char *name, size_t len)
{
	if (strlen(m->name) == len && !strncmp(m->name, name, len))
		return;
	metric_end(m);
	snprintf(m->name, sizeof(m->name), "%.*s", (int)len, name);
	m->help[0] = '\0';
	m->counter = false;
}

static void line_read(struct metrics *m, const char *line)
{
	const char *name = line + 7; /* behind "# HELP " */
	size_t n;

	if (!strncmp(line, "# HELP ", 7) || !strncmp(line, "# TYPE ", 7)) {
		n = strcspn(name, " ");
		metric_named(m, name, n);
		if (line[2] == 'H')
			snprintf(m->help, sizeof(m->help), "%s", name + n + (name[n] == ' '));
		else
			m->counter = !strcmp(name + n, " counter");
	} else if (isalpha((unsigned char)line[0])) {
		point(m, line);
	}
}

void otlp_metrics(const char *text, const char *node, uint64_t start_ns, uint64_t now_ns, size_t max,
		  void (*body)(const char *json, size_t len, unsigned points, void *arg), void *arg)
{
	struct metrics m = { .node = node, .start_ns = start_ns, .now_ns = now_ns, .max = max - 64, .body = body, .arg = arg };
	char line[2048];

	jsonl_init(&m.j);
	body_begin(&m);
	while (*text) {
		size_t n = strcspn(text, "\n");

		if (n < sizeof(line)) { /* ours are shorter */
			memcpy(line, text, n);
			line[n] = '\0';
			line_read(&m, line);
		}
		text += n + (text[n] == '\n');
	}
	body_end(&m);
	jsonl_done(&m.j);
}
