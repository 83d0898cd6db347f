/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The streams of flows and of events: Server-Sent Events (HTML standard, 9.2), one JSON object each. One subscription serves
 * all clients of a kind; a line's text is made once and shared. A client that does not keep up loses lines, and is told how many
 * ("event: lost") as soon as it reads again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "sensor/core/api_priv.h"
#include "sensor/core/json_events.h"
#include "sensor/core/model.h"

#define STREAM_IDLE_SECONDS 300 /* of a client that takes nothing although there is something */
#define STREAM_BLOCK 16384

struct line {
	unsigned refs;
	size_t len;
	char text[];
};

struct api_stream {
	struct api_stream *next;
	struct api *api;
	struct MHD_Connection *conn;
	enum api_path kind; /* of what: API_FLOWS_STREAM, API_EVENTS_STREAM, API_ALERTS_STREAM */
	unsigned kinds;   /* of events */
	char workload[384], container[256];
	struct filter *filter; /* NULL: none */
	struct line *queue[API_STREAM_QUEUE];
	unsigned head, count;
	size_t sent;      /* bytes of the first line that are out */
	uint64_t lost;    /* not yet told */
	bool suspended, ending;
};

static struct line *line_new(const char *before, const char *text, size_t len)
{
	size_t b = strlen(before);
	struct line *l = malloc(sizeof(*l) + b + len + 2);

	if (!l)
		return NULL;
	l->refs = 1;
	l->len = b + len + 2;
	memcpy(l->text, before, b);
	memcpy(l->text + b, text, len);
	memcpy(l->text + b + len, "\n\n", 2); /* end of the event */
	return l;
}

static void line_put(struct line *l)
{
	if (l && !--l->refs)
		free(l);
}

static void stream_wake(struct api_stream *s)
{
	if (!s->suspended)
		return;
	s->suspended = false;
	MHD_resume_connection(s->conn);
	api_wake(s->api);
}

static bool stream_push(struct api_stream *s, struct line *l)
{
	/* The last place is for the line that tells of the loss. */
	if (s->count + 1 >= API_STREAM_QUEUE) {
		s->lost++;
		s->api->stats.stream_lost++;
		core_lost(s->api->core, LOSS_API_STREAM, 1);
		return false;
	}
	l->refs++;
	s->queue[(s->head + s->count++) % API_STREAM_QUEUE] = l;
	return true;
}

/* Once the queue has room again, the gap is told where it is. */
static void stream_tell_loss(struct api_stream *s)
{
	char text[48];
	struct line *l;

	if (!s->lost || s->count >= API_STREAM_QUEUE / 2)
		return;
	snprintf(text, sizeof(text), "{\"lost\":%llu}", (unsigned long long)s->lost);
	l = line_new("event: lost\ndata: ", text, strlen(text));
	if (!l)
		return;
	s->queue[(s->head + s->count++) % API_STREAM_QUEUE] = l;
	s->lost = 0;
}

static bool end_is(const struct core_end_view *e, const char *workload)
{
	return !strcmp(e->id, workload) || (e->container && !strcmp(e->container->workload, workload));
}

/* Hands one object to the streams of a kind that want it; its text is made when the first one does. */
static void offer(struct api *a, enum api_path kind, bool (*wants)(const struct api_stream *s, const void *v),
		  void (*write)(struct jsonl *j, const struct api *a, const void *v), const void *v)
{
	struct line *l = NULL;

	for (struct api_stream *s = a->streams; s; s = s->next) {
		if (s->ending || s->kind != kind || !wants(s, v))
			continue;
		if (!l) {
			struct jsonl j;
			const char *text;
			size_t len;

			jsonl_init(&j);
			write(&j, a, v);
			text = jsonl_text(&j, &len);
			l = text ? line_new("data: ", text, len) : NULL;
			jsonl_done(&j);
			if (!l) {
				core_lost(a->core, LOSS_API_STREAM, 1);
				return;
			}
		}
		stream_tell_loss(s);
		if (stream_push(s, l)) {
			a->stats.stream_lines++;
			stream_wake(s);
		}
	}
	line_put(l);
}

struct flow_news {
	const struct core_flow_view *view;
	const char *what;
};

static bool flow_wanted(const struct api_stream *s, const void *v)
{
	const struct flow_news *n = v;

	return (!s->workload[0] || end_is(&n->view->client, s->workload) || end_is(&n->view->server, s->workload)) &&
	       filter_flow(s->filter, s->api->core, n->view, NULL, NULL);
}

static void flow_write(struct jsonl *j, const struct api *a, const void *v)
{
	const struct flow_news *n = v;

	json_flow(j, n->view, a->core->node, n->what, NULL, NULL);
}

static void on_flow(const struct core_flow_view *v, const char *what, void *arg)
{
	offer(arg, API_FLOWS_STREAM, flow_wanted, flow_write, &(struct flow_news){ v, what });
}

static bool event_wanted(const struct api_stream *s, const void *view)
{
	const struct core_event_view *v = view;

	return (s->kinds & 1U << v->kind) && (!s->workload[0] || !strcmp(v->container->workload, s->workload)) &&
	       (!s->container[0] || json_container_is(v->container, s->container)) && filter_event(s->filter, s->api->core, v);
}

static void event_write(struct jsonl *j, const struct api *a, const void *v)
{
	json_event(j, a->core, v);
}

static void on_event(const struct core_event_view *v, void *arg)
{
	offer(arg, API_EVENTS_STREAM, event_wanted, event_write, v);
}

struct alert_news {
	const struct finding *finding;
	const char *line;
};

static bool alert_wanted(const struct api_stream *s, const void *v)
{
	const struct alert_news *n = v;

	return (!s->workload[0] || !strcmp(s->workload, n->finding->workload)) && filter_finding(s->filter, s->api->core, n->finding);
}

static void alert_write(struct jsonl *j, const struct api *a, const void *v)
{
	const struct alert_news *n = v;

	jsonl_raw(j, NULL, n->line);
}

static void on_alert(const struct finding *f, const char *line, void *arg)
{
	offer(arg, API_ALERTS_STREAM, alert_wanted, alert_write, &(struct alert_news){ f, line });
}

/* What is subscribed to is what the streams that are left want. */
static void subscribe(struct api *a)
{
	bool flows = false, events = false, alerts = false;
	unsigned kinds = 0;

	for (const struct api_stream *s = a->streams; s; s = s->next) {
		flows |= s->kind == API_FLOWS_STREAM;
		events |= s->kind == API_EVENTS_STREAM;
		alerts |= s->kind == API_ALERTS_STREAM;
		kinds |= s->kind == API_EVENTS_STREAM ? s->kinds : 0;
	}
	if (a->subscription >= 0 && !flows) {
		core_unsubscribe_flows(a->core, a->subscription);
		a->subscription = -1;
	}
	if (a->events_subscription >= 0) {
		core_unsubscribe_events(a->core, a->events_subscription);
		a->events_subscription = -1;
	}
	if (a->alerts_subscription >= 0 && !alerts) {
		core_unsubscribe_alerts(a->core, a->alerts_subscription);
		a->alerts_subscription = -1;
	}
	if (alerts && a->alerts_subscription < 0)
		a->alerts_subscription = core_subscribe_alerts(a->core, on_alert, a);
	if (flows && a->subscription < 0)
		a->subscription = core_subscribe_flows(a->core, on_flow, a);
	if (events)
		a->events_subscription = core_subscribe_events(a->core, kinds, on_event, a);
}

static ssize_t stream_read(void *cls, uint64_t pos, char *buf, size_t max)
{
	struct api_stream *s = cls;
	size_t out = 0;

	stream_tell_loss(s);
	while (s->count && out < max) {
		struct line *l = s->queue[s->head];
		size_t n = l->len - s->sent;

		if (n > max - out)
			n = max - out;
		memcpy(buf + out, l->text + s->sent, n);
		out += n;
		s->sent += n;
		if (s->sent < l->len)
			break;
		line_put(l);
		s->sent = 0;
		s->head = (s->head + 1) % API_STREAM_QUEUE;
		s->count--;
	}
	if (out)
		return (ssize_t)out;
	if (s->ending)
		return MHD_CONTENT_READER_END_OF_STREAM;
	s->suspended = true;
	MHD_suspend_connection(s->conn);
	return 0;
}

static void stream_free(void *cls)
{
	struct api_stream *s = cls, **p;
	struct api *a = s->api;

	for (p = &a->streams; *p && *p != s; p = &(*p)->next)
		;
	if (*p)
		*p = s->next;
	while (s->count) {
		line_put(s->queue[s->head]);
		s->head = (s->head + 1) % API_STREAM_QUEUE;
		s->count--;
	}
	a->stats.streams--;
	subscribe(a);
	filter_free(s->filter);
	free(s);
}

enum MHD_Result api_stream_start(struct api *a, struct MHD_Connection *conn, enum api_path p, const struct api_query *q)
{
	struct api_stream *s = calloc(1, sizeof(*s));
	const char *what = p == API_EVENTS_STREAM ? " events" : p == API_ALERTS_STREAM ? " alerts" : " flows";
	struct line *hello = line_new(": pierglass", what, strlen(what));
	struct MHD_Response *r = NULL;
	enum MHD_Result res;

	if (s && hello && !api_filter(q, &s->filter))
		r = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK, stream_read, s, stream_free);
	if (!r) {
		if (s)
			filter_free(s->filter);
		free(s);
		line_put(hello);
		return MHD_NO;
	}
	s->api = a;
	s->conn = conn;
	s->kind = p;
	s->kinds = q->kinds;
	memcpy(s->workload, q->workload, sizeof(s->workload));
	memcpy(s->container, q->container, sizeof(s->container));
	s->queue[s->count++] = hello; /* so that the client knows at once that it is connected */
	s->next = a->streams;
	a->streams = s;
	a->stats.streams++;
	subscribe(a);
	MHD_add_response_header(r, "Content-Type", "text/event-stream");
	MHD_add_response_header(r, "Cache-Control", "no-store");
	MHD_set_connection_option(conn, MHD_CONNECTION_OPTION_TIMEOUT, (unsigned)STREAM_IDLE_SECONDS);
	res = MHD_queue_response(conn, MHD_HTTP_OK, r);
	MHD_destroy_response(r);
	return res;
}

void api_streams_end(struct api *a)
{
	for (struct api_stream *s = a->streams; s; s = s->next) {
		s->ending = true;
		stream_wake(s);
	}
}

void api_streams_beat(struct api *a)
{
	struct line *l = a->streams ? line_new(":", "", 0) : NULL;

	for (struct api_stream *s = a->streams; l && s; s = s->next)
		if (!s->count) {
			stream_push(s, l);
			stream_wake(s);
		}
	line_put(l);
}
