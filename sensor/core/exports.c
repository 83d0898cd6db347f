/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/core/exports.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "sensor/core/exports_priv.h"
#include "sensor/core/fetch.h"

#define GATHER_NS (300 * NSEC_PER_MSEC) /* so long a batch waits for more */
#define OTLP_END "]}]}]}"

void export_lost(struct export_out *o, unsigned records)
{
	o->lost += records;
	core_lost(o->core, LOSS_EXPORT, records);
}

/* ---- batches -------------------------------------------------------------------------------------------------------- */
static void otlp_begin(struct export_out *o)
{
	struct export_batch *b = o->open;
	struct jsonl j;
	const char *s;
	size_t len;

	jsonl_init(&j);
	jsonl_str(&j, NULL, o->core->node);
	s = jsonl_text(&j, &len);
	b->len = (size_t)snprintf(b->data, 1024, "{\"resourceLogs\":[{\"resource\":{\"attributes\":[{\"key\":\"service.name\",\"value\":"
				  "{\"stringValue\":\"pierglass\"}},{\"key\":\"host.name\",\"value\":{\"stringValue\":%s}}]},"
				  "\"scopeLogs\":[{\"scope\":{\"name\":\"pierglass\"},\"logRecords\":[", s && len < 700 ? s : "\"\"");
	jsonl_done(&j);
}

static bool batch_open(struct export_out *o)
{
	struct export_batch *b;

	if (o->open)
		return true;
	b = o->count < EXPORT_QUEUE ? malloc(sizeof(*b)) : NULL;
	if (!b)
		return false;
	b->next = NULL;
	b->len = 0;
	b->records = 0;
	o->open = b;
	o->opened_ns = clock_mono_ns();
	if (o->kind == EXPORT_OTLP_LOGS)
		otlp_begin(o);
	return true;
}

void export_close_batch(struct export_out *o)
{
	struct export_batch *b = o->open;

	if (!b || !b->records)
		return;
	if (o->kind == EXPORT_OTLP_LOGS) {
		memcpy(b->data + b->len, OTLP_END, sizeof(OTLP_END) - 1);
		b->len += sizeof(OTLP_END) - 1;
	}
	*o->end = b;
	o->end = &b->next;
	o->count++;
	o->open = NULL;
}

void export_append(struct export_out *o, const struct iovec *parts, unsigned n, unsigned records)
{
	size_t len = o->kind == EXPORT_OTLP_LOGS; /* a comma */
	struct export_batch *to;

	for (unsigned i = 0; i < n; i++)
		len += parts[i].iov_len;
	if (o->open && o->open->len + len > EXPORT_BATCH_MAX)
		export_close_batch(o);
	if (!batch_open(o) || o->open->len + len > EXPORT_BATCH_MAX) {
		export_lost(o, records);
		return;
	}
	to = o->open;
	if (o->kind == EXPORT_OTLP_LOGS && to->records)
		to->data[to->len++] = ',';
	for (unsigned i = 0; i < n; i++) {
		memcpy(to->data + to->len, parts[i].iov_base, parts[i].iov_len);
		to->len += parts[i].iov_len;
	}
	to->records += records;
}

static void drop_first(struct export_out *o)
{
	struct export_batch *b = o->first;

	o->first = b->next;
	if (!o->first)
		o->end = &o->first;
	o->count--;
	o->tries = 0;
	free(b);
}

/* ---- sending -------------------------------------------------------------------------------------------------------- */
static void send_first(struct core *c, struct export_out *o);

static void answered(struct fetch_result *r, void *arg)
{
	struct export_out *o = arg;
	bool taken = r->status == 0 && (r->http_status == 0 || (r->http_status >= 200 && r->http_status < 300));
	unsigned wait_s = o->tries < 6 ? 1U << o->tries : 60;

	o->under_way = 0;
	if (taken) {
		if (o->error[0])
			log_info("exports: %s takes them again", o->target);
		o->error[0] = '\0';
		o->sent += o->first->records;
		drop_first(o);
		if (o->first)
			send_first(o->core, o);
		return;
	}
	if (!o->error[0])
		log_warn("exports: %s does not take them: %s, ignoring: tried again", o->target, r->why && r->why[0] ? r->why : strerror(-r->status));
	if (r->status < 0)
		snprintf(o->error, sizeof(o->error), "%s", r->why && r->why[0] ? r->why : strerror(-r->status));
	else
		snprintf(o->error, sizeof(o->error), "HTTP status %d", r->http_status);
	if (r->retry_after_s > wait_s)
		wait_s = r->retry_after_s < 3600 ? r->retry_after_s : 3600;
	o->due_ns = clock_mono_ns() + wait_s * NSEC_PER_SEC;
	/* What the receiver refuses for good is not worth another try. */
	if (++o->tries >= EXPORT_TRIES || (r->http_status >= 400 && r->http_status < 500 && r->http_status != 408 && r->http_status != 429)) {
		export_lost(o, o->first->records);
		drop_first(o);
	}
}

static void send_first(struct core *c, struct export_out *o)
{
	const struct export_batch *b = o->first;
	struct fetch_job job = { .url = o->target, .flags = FETCH_POST, .body = b->data, .body_len = b->len, .ca_fd = -1, .timeout_s = 15 };

	if (o->kind >= EXPORT_OTLP_LOGS) {
		job.headers = "Content-Type: application/json\n";
		job.flags |= strncmp(o->target, "http://", 7) ? 0 : FETCH_PLAIN_HTTP;
	} else {
		job.flags |= FETCH_OUTPUT;
	}
	if (core_fetch(c, &job, answered, o, &o->under_way) < 0) {
		o->under_way = 0;
		o->due_ns = clock_mono_ns() + NSEC_PER_SEC;
	}
}

static void write_first(struct export_out *o)
{
	const struct export_batch *b = o->first;
	int r = line_file_write(&o->file, b->data, b->len);

	if (r < 0) {
		if (!o->error[0])
			log_warn("exports: %s: %s, ignoring: its lines are counted as lost", o->target, strerror(-r));
		snprintf(o->error, sizeof(o->error), "%s", strerror(-r));
		export_lost(o, b->records);
	} else {
		o->error[0] = '\0';
		o->sent += b->records;
	}
	drop_first(o);
}

void exports_tick(struct core *c, uint64_t now_mono_ns)
{
	struct exports *x = c->exports;

	for (unsigned i = 0; x && i < x->count; i++) {
		struct export_out *o = &x->all[i];

		if (o->kind == EXPORT_OTLP_METRICS && now_mono_ns >= x->metrics_due_ns) {
			x->metrics_due_ns = now_mono_ns + c->config.exports.otlp_interval_s * NSEC_PER_SEC;
			exports_metrics(c, o);
		}
		if (o->open && now_mono_ns - o->opened_ns >= GATHER_NS) {
			if (o->kind == EXPORT_IPFIX)
				exports_ipfix_flush(c);
			export_close_batch(o);
		}
		while (o->kind == EXPORT_FILE && o->first)
			write_first(o);
		if (o->first && !o->under_way && now_mono_ns >= o->due_ns)
			send_first(c, o);
	}
}

/* ---- life ------------------------------------------------------------------------------------------------------------- */
static struct export_out *add(struct exports *x, struct core *c, const char *name, enum export_kind kind, const char *scheme, const char *place,
			      const char *below)
{
	struct export_out *o = &x->all[x->count++];

	o->name = name;
	o->kind = kind;
	o->core = c;
	o->file.fd = -1;
	o->end = &o->first;
	snprintf(o->target, sizeof(o->target), "%s%s%s", scheme, place, below);
	return o;
}

static void add_lines(struct exports *x, struct core *c, const char *to)
{
	char path[320];
	int r;

	if (!strcmp(to, "file")) {
		struct export_out *o = add(x, c, "file", EXPORT_FILE, c->state_dir, "/export.jsonl", "");

		snprintf(path, sizeof(path), "%s/export.jsonl", c->state_dir);
		r = line_file_open(&o->file, path, c->config.exports.lines_max_bytes, c->config.exports.lines_files);
		if (r < 0)
			log_warn("exports: %s: %s, ignoring: tried again", path, strerror(-r));
	} else if (!strncmp(to, "syslog-tcp://", 13)) {
		add(x, c, "syslog", EXPORT_SYSLOG, "bytes-", to + 7, "");
	} else {
		add(x, c, "lines", EXPORT_LINES, "bytes-", to, "");
	}
}

static void on_ipfix(const uint8_t *message, size_t len, void *arg)
{
	struct exports *x = arg;
	char frame[2] = { (char)(len >> 8), (char)len };
	bool datagrams = !strncmp(x->ipfix_out->target, "frames-", 7);
	const struct iovec parts[] = { { frame, datagrams ? sizeof(frame) : 0 }, { (void *)(uintptr_t)message, len } };

	/* The records in it are counted where they are made. */
	export_append(x->ipfix_out, parts, 2, 0);
}

static int add_filter(struct filter **ret, const char *text)
{
	char err[128];

	return text[0] ? filter_parse(text, clock_wall_ns(), ret, NULL, err, sizeof(err)) : 0;
}

int exports_open(struct core *c)
{
	const struct config_exports *k = &c->config.exports;
	struct exports *x;
	int r;

	if (!k->lines_to_count && !k->ipfix_to[0] && !k->otlp_to[0])
		return 0;
	x = calloc(1, sizeof(*x));
	if (!x)
		return -ENOMEM;
	c->exports = x;
	x->flows = x->events = x->alerts = -1;
	for (unsigned i = 0; i < k->lines_to_count; i++)
		add_lines(x, c, k->lines_to[i]);
	if (k->otlp_to[0] && k->otlp_what & ~RECORD_METRICS)
		add(x, c, "otlp-logs", EXPORT_OTLP_LOGS, k->otlp_to, "/v1/logs", "");
	if (k->otlp_to[0] && k->otlp_what & RECORD_METRICS)
		add(x, c, "otlp-metrics", EXPORT_OTLP_METRICS, k->otlp_to, "/v1/metrics", "");
	if (k->ipfix_to[0]) {
		x->ipfix_out = add(x, c, "ipfix", EXPORT_IPFIX, k->ipfix_to[0] == 'u' ? "frames-" : "bytes-", k->ipfix_to, "");
		r = ipfix_new(k->ipfix_domain, k->ipfix_enterprise, on_ipfix, x, &x->ipfix);
		if (r < 0)
			return r;
	}
	if (add_filter(&x->lines_filter, k->lines_filter) || add_filter(&x->ipfix_filter, k->ipfix_filter) || add_filter(&x->otlp_filter, k->otlp_filter))
		return -ENOMEM;
	return exports_subscribe(c);
}

void exports_close(struct core *c)
{
	struct exports *x = c->exports;

	if (!x)
		return;
	exports_unsubscribe(c);
	for (unsigned i = 0; i < x->count; i++) {
		struct export_out *o = &x->all[i];

		export_close_batch(o);
		while (o->kind == EXPORT_FILE && o->first)
			write_first(o);
		if (o->under_way)
			core_fetch_cancel(c, o->under_way);
		while (o->first)
			drop_first(o);
		free(o->open);
		line_file_close(&o->file);
	}
	ipfix_free(x->ipfix);
	filter_free(x->lines_filter);
	filter_free(x->ipfix_filter);
	filter_free(x->otlp_filter);
	free(x);
	c->exports = NULL;
}

static unsigned waiting(const struct export_out *o)
{
	unsigned n = o->open ? o->open->records : 0;

	for (const struct export_batch *b = o->first; b; b = b->next)
		n += b->records;
	return n;
}

void json_exports(struct jsonl *j, const struct core *c)
{
	const struct exports *x = c->exports;

	jsonl_arr(j, "exports");
	for (unsigned i = 0; x && i < x->count; i++) {
		const struct export_out *o = &x->all[i];

		jsonl_obj(j, NULL);
		jsonl_str(j, "name", o->name);
		jsonl_str(j, "target", o->target);
		jsonl_u64(j, "queued", waiting(o));
		jsonl_u64(j, "sent", o->sent);
		jsonl_u64(j, "lost", o->lost);
		jsonl_str(j, "error", o->error);
		jsonl_obj_end(j);
	}
	jsonl_arr_end(j);
}

void exports_each(const struct core *c, void (*cb)(const char *name, const char *target, uint64_t sent, uint64_t lost, void *arg), void *arg)
{
	for (unsigned i = 0; c->exports && i < c->exports->count; i++) {
		const struct export_out *o = &c->exports->all[i];

		cb(o->name, o->target, o->sent, o->lost, arg);
	}
}
