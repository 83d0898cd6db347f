/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/core/outputs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "sensor/core/fetch.h"

#define OUTPUTS_MAX 3
#define TEXT_MAX_BYTES 24576

struct queued {
	struct queued *next;
	size_t len;
	char text[]; /* NUL-terminated */
};

struct output {
	const char *name;
	char target[280]; /* fetch: URL, or "journald", "syslog-…" */
	const struct config *cfg;
	struct queued *first, **end;
	unsigned count, tries;
	uint32_t under_way; /* id of the request; 0: none */
	uint64_t due_ns, sent, lost;
	char error[160]; /* of the last try; "" it was taken */
};

struct outputs {
	struct output all[OUTPUTS_MAX];
	unsigned count;
	struct core *c;
};

static void output_add(struct outputs *o, const struct config *cfg, const char *name, const char *target)
{
	struct output *out;

	if (!target[0] || o->count == OUTPUTS_MAX)
		return;
	out = &o->all[o->count++];
	out->name = name;
	out->cfg = cfg;
	out->end = &out->first;
	snprintf(out->target, sizeof(out->target), "%s", target);
}

int outputs_open(const struct config *cfg, struct outputs **ret)
{
	struct outputs *o = calloc(1, sizeof(*o));
	char target[300];

	if (!o)
		return -ENOMEM;
	if (cfg->journald)
		output_add(o, cfg, "journald", "journald");
	snprintf(target, sizeof(target), cfg->syslog[0] ? "syslog-%s" : "", cfg->syslog);
	output_add(o, cfg, "syslog", target);
	output_add(o, cfg, "webhook", cfg->webhook);
	*ret = o;
	return 0;
}

static void drop_first(struct output *out)
{
	struct queued *q = out->first;

	if (!q)
		return;
	out->first = q->next;
	if (!out->first)
		out->end = &out->first;
	out->count--;
	out->tries = 0;
	free(q);
}

void outputs_close(struct core *c, struct outputs *o)
{
	if (!o)
		return;
	for (unsigned i = 0; i < o->count; i++) {
		if (o->all[i].under_way)
			core_fetch_cancel(c, o->all[i].under_way);
		while (o->all[i].first)
			drop_first(&o->all[i]);
	}
	free(o);
}

/* ---- sending --------------------------------------------------------------------------------------------------- */
static void answered(struct fetch_result *r, void *arg)
{
	struct output *out = arg;
	bool taken = r->status == 0 && (r->http_status == 0 || (r->http_status >= 200 && r->http_status < 300));
	unsigned wait_s;

	out->under_way = 0;
	if (taken) {
		if (out->error[0])
			log_info("alerts: %s takes them again", out->name);
		out->error[0] = '\0';
		out->sent++;
		drop_first(out);
		out->due_ns = 0;
		return;
	}
	if (!out->error[0])
		log_warn("alerts: %s does not take them: %s, ignoring: tried again", out->name, r->why && r->why[0] ? r->why : strerror(-r->status));
	if (r->status < 0)
		snprintf(out->error, sizeof(out->error), "%s", r->why && r->why[0] ? r->why : strerror(-r->status));
	else
		snprintf(out->error, sizeof(out->error), "HTTP status %d", r->http_status);
	wait_s = out->tries < 6 ? 1U << out->tries : 60;
	if (r->retry_after_s > wait_s)
		wait_s = r->retry_after_s < 3600 ? r->retry_after_s : 3600;
	out->due_ns = clock_mono_ns() + wait_s * NSEC_PER_SEC;
	/* What the receiver refuses for good (4xx but "later") is not worth another try. */
	if (++out->tries >= OUTPUT_TRIES || (r->http_status >= 400 && r->http_status < 500 && r->http_status != 408 && r->http_status != 429)) {
		out->lost++;
		drop_first(out);
	}
}

static void send_first(struct core *c, struct output *out)
{
	const struct queued *q = out->first;
	struct fetch_job job = { .url = out->target, .flags = FETCH_POST, .body = q->text, .body_len = q->len, .ca_fd = -1, .timeout_s = 15 };
	char headers[400], signature[80];
	int r;

	if (!strcmp(out->name, "webhook")) {
		size_t at = (size_t)snprintf(headers, sizeof(headers), "Content-Type: application/json\n");

		if (out->cfg->webhook_secret[0] && output_sign(out->cfg->webhook_secret, q->text, q->len, signature))
			snprintf(headers + at, sizeof(headers) - at, "X-Pierglass-Signature: %s\n", signature);
		job.headers = headers;
		job.flags |= strncmp(out->target, "http://", 7) ? 0 : FETCH_PLAIN_HTTP;
	} else {
		job.flags |= FETCH_OUTPUT;
	}
	r = core_fetch(c, &job, answered, out, &out->under_way);
	if (r < 0)
		out->due_ns = clock_mono_ns() + NSEC_PER_SEC;
}

void outputs_tick(struct outputs *o, struct core *c, uint64_t now_mono_ns)
{
	for (unsigned i = 0; o && i < o->count; i++)
		if (o->all[i].first && !o->all[i].under_way && now_mono_ns >= o->all[i].due_ns)
			send_first(c, &o->all[i]);
}

/* ---- taking ------------------------------------------------------------------------------------------------------ */
static void put(struct output *out, const char *text, size_t len)
{
	struct queued *q = out->count < OUTPUT_QUEUE && len && len <= FETCH_BODY_MAX ? malloc(sizeof(*q) + len + 1) : NULL;

	if (!q) {
		out->lost++;
		return;
	}
	q->next = NULL;
	q->len = len;
	memcpy(q->text, text, len);
	q->text[len] = '\0';
	*out->end = q;
	out->end = &q->next;
	out->count++;
}

void outputs_tell(struct outputs *o, struct core *c, const struct finding *f, const char *json)
{
	_cleanup_free_ char *text = o && o->count ? malloc(TEXT_MAX_BYTES) : NULL;
	const char *body = json;
	struct jsonl j;
	size_t len;

	if (!text)
		return;
	jsonl_init(&j);
	if (c->config.alerts_format == ALERTS_ECS)
		json_alert_ecs(&j, NULL, c, f);
	else if (c->config.alerts_format == ALERTS_OCSF)
		json_alert_ocsf(&j, NULL, c, f);
	if (c->config.alerts_format != ALERTS_PLAIN)
		body = jsonl_text(&j, &len);
	for (unsigned i = 0; body && i < o->count; i++) {
		struct output *out = &o->all[i];

		if (!strcmp(out->name, "webhook"))
			put(out, body, strlen(body));
		else if (!strcmp(out->name, "journald"))
			put(out, text, output_journal(c, f, body, text, TEXT_MAX_BYTES));
		else
			put(out, text, output_syslog(c, f, c->config.alerts_format == ALERTS_PLAIN ? f->observed : body, text, TEXT_MAX_BYTES));
	}
	jsonl_done(&j);
	outputs_tick(o, c, clock_mono_ns());
}

void json_outputs(struct jsonl *j, const struct outputs *o)
{
	jsonl_arr(j, "outputs");
	for (unsigned i = 0; o && i < o->count; i++) {
		const struct output *out = &o->all[i];

		jsonl_obj(j, NULL);
		jsonl_str(j, "name", out->name);
		jsonl_str(j, "target", out->target);
		jsonl_u64(j, "queued", out->count);
		jsonl_u64(j, "sent", out->sent);
		jsonl_u64(j, "lost", out->lost);
		jsonl_str(j, "error", out->error);
		jsonl_obj_end(j);
	}
	jsonl_arr_end(j);
}
