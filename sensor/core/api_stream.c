/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The streams of flows, events, findings and of the map: Server-Sent Events (HTML standard, 9.2), one JSON object each. One
 * subscription serves all clients of a kind; a line's text is made once and shared. Each line has an id: a client that was away
 * for less than STREAM_KEPT_BEATS and says it (Last-Event-ID) gets what it missed, or "event: reset" when that cannot be had any more.
 * A client that does not keep up loses lines, and is told how many ("event: lost") as soon as it reads again; one that takes nothing
 * for STREAM_IDLE_SECONDS is dropped. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "sensor/core/api_lines.h"
#include "sensor/core/api_priv.h"
#include "sensor/core/export_map.h"
#include "sensor/core/json_events.h"
#include "sensor/core/model.h"

#define STREAM_IDLE_SECONDS 60 /* of a client that takes nothing although there is something */
#define STREAM_BLOCK 16384
#define STREAM_BYTES (4U << 20) /* in a client's queue, but always one line */
#define STREAM_KEPT_BEATS 12   /* after its last client went: so long lines are made for one that comes back */
#define MAP_EVERY_MS 1000
#define MAP_SHARE 20           /* of core's time at most one in so many */
#define MAP_OVERLAP_NS (5 * NSEC_PER_SEC)
#define MAP_WHOLE_EDGES 300    /* a map up to this is told whole */

struct api_stream {
	struct api_stream *next;
	struct api *api;
	struct MHD_Connection *conn;
	enum api_path kind;
	struct api_query q;
	struct filter *filter; /* NULL: none */
	struct line *queue[API_STREAM_QUEUE];
	unsigned head, count;
	size_t bytes;
	size_t sent;      /* bytes of the first line that are out */
	uint64_t lost;    /* not yet told */
	bool suspended, ending;
};

/* What is told of one kind. */
struct api_channel {
	struct line_ring ring;
	int subscription;     /* of core's; -1: none */
	unsigned kinds;       /* of events, subscribed to */
	unsigned clients, idle_beats;
};

enum { CHANNEL_FLOWS, CHANNEL_EVENTS, CHANNEL_ALERTS, CHANNEL_MAP, CHANNEL_MAX };

struct api_channels {
	struct api_channel of[CHANNEL_MAX];
	uint64_t map_since_ns;
};

static struct api_channel *channel(struct api *a, enum api_path kind)
{
	return &a->channels->of[kind == API_FLOWS_STREAM ? CHANNEL_FLOWS : kind == API_EVENTS_STREAM ? CHANNEL_EVENTS :
				kind == API_ALERTS_STREAM ? CHANNEL_ALERTS : CHANNEL_MAP];
}

static void stream_wake(struct api_stream *s)
{
	if (!s->suspended)
		return;
	s->suspended = false;
	MHD_resume_connection(s->conn);
	api_wake(s->api);
}

static void stream_queue(struct api_stream *s, struct line *l)
{
	s->queue[(s->head + s->count++) % API_STREAM_QUEUE] = l;
	s->bytes += l->len;
}

static bool stream_push(struct api_stream *s, struct line *l)
{
	/* The last place is for the line that tells of the loss; until it is told nothing follows: an id behind the gap would hide it from
	 * a client that comes back. */
	if (s->lost || s->count + 1 >= API_STREAM_QUEUE || (s->count && s->bytes + l->len > STREAM_BYTES)) {
		s->lost++;
		s->api->stats.stream_lost++;
		core_lost(s->api->core, LOSS_API_STREAM, 1);
		return false;
	}
	l->refs++;
	stream_queue(s, l);
	return true;
}

/* Once the queue has room again, the gap is told where it is. */
static void stream_tell_loss(struct api_stream *s)
{
	char text[48];
	struct line *l;

	if (!s->lost || s->count >= API_STREAM_QUEUE / 2 || (s->count && s->bytes > STREAM_BYTES / 2))
		return;
	snprintf(text, sizeof(text), "{\"lost\":%llu}", (unsigned long long)s->lost);
	l = line_new("event: lost\ndata: ", text, strlen(text));
	if (!l)
		return;
	stream_queue(s, l);
	s->lost = 0;
}

static void stream_unqueue(struct api_stream *s)
{
	s->bytes -= s->queue[s->head]->len;
	line_put(s->queue[s->head]);
	s->sent = 0;
	s->head = (s->head + 1) % API_STREAM_QUEUE;
	s->count--;
}

static bool end_is(const struct core_end_view *e, const char *workload)
{
	return !strcmp(e->id, workload) || (e->container && !strcmp(e->container->workload, workload));
}

/* Tells one object, as JSON, to the streams of a kind that want it. */
static void tell(struct api *a, enum api_path kind, bool (*wants)(const struct api_stream *s, const void *v), const void *v, struct jsonl *j)
{
	const char *text;
	struct line *l;
	size_t len = 0;

	text = jsonl_text(j, &len);
	while (text && len && text[len - 1] == '\n')
		len--;
	l = ring_add(&channel(a, kind)->ring, text, len);
	if (!l) {
		core_lost(a->core, LOSS_API_STREAM, 1);
		return;
	}
	for (struct api_stream *s = a->streams; s; s = s->next) {
		if (s->ending || s->kind != kind || (wants && !wants(s, v)))
			continue;
		stream_tell_loss(s);
		if (stream_push(s, l)) {
			a->stats.stream_lines++;
			stream_wake(s);
		}
	}
	line_put(l);
}

static void offer(struct api *a, enum api_path kind, bool (*wants)(const struct api_stream *s, const void *v),
		  void (*write)(struct jsonl *j, const struct api *a, const void *v), const void *v)
{
	struct jsonl j;

	jsonl_init(&j);
	write(&j, a, v);
	tell(a, kind, wants, v, &j);
	jsonl_done(&j);
}

struct flow_news {
	const struct core_flow_view *view;
	const char *what;
};

static bool flow_wanted(const struct api_stream *s, const void *v)
{
	const struct flow_news *n = v;

	return (!s->q.workload[0] || end_is(&n->view->client, s->q.workload) || end_is(&n->view->server, s->q.workload)) &&
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

	return (s->q.kinds & 1U << v->kind) && (!s->q.workload[0] || !strcmp(v->container->workload, s->q.workload)) &&
	       (!s->q.container[0] || json_container_is(v->container, s->q.container)) && filter_event(s->filter, s->api->core, v);
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

	return (!s->q.workload[0] || !strcmp(s->q.workload, n->finding->workload)) && filter_finding(s->filter, s->api->core, n->finding);
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

/* ---- the map: whole when it is small, else what was seen since the last time ---------------------------------------------- */
static void count_edge(const struct topo_edge *e, void *arg)
{
	++*(unsigned *)arg;
}

static void on_map_time(uv_timer_t *h)
{
	struct api *a = h->data;
	struct api_channels *x = a->channels;
	uint64_t begin = clock_mono_ns(), wall = clock_wall_ns(), took;
	struct map_want want = { 0 };
	unsigned edges = 0;
	struct jsonl j;

	core_refresh(a->core);
	topo_each_edge(a->core->topo, count_edge, &edges);
	if (edges > MAP_WHOLE_EDGES)
		want.since_ns = x->map_since_ns > MAP_OVERLAP_NS ? x->map_since_ns - MAP_OVERLAP_NS : 1;
	jsonl_init(&j);
	if (!map_json(a->core, &want, &j)) {
		x->map_since_ns = wall;
		tell(a, API_MAP_STREAM, NULL, NULL, &j);
	}
	jsonl_done(&j);
	took = (clock_mono_ns() - begin) / NSEC_PER_MSEC;
	uv_timer_start(&a->map_time, on_map_time, took * MAP_SHARE > MAP_EVERY_MS ? took * MAP_SHARE : MAP_EVERY_MS, 0);
}

/* ---- what is subscribed to ------------------------------------------------------------------------------------------------ */
static void channel_start(struct api *a, enum api_path kind)
{
	struct api_channel *k = channel(a, kind);
	bool on = k->subscription >= 0;
	unsigned kinds = 0;

	k->idle_beats = 0;
	switch (kind) {
	case API_FLOWS_STREAM:
		if (!on)
			k->subscription = core_subscribe_flows(a->core, on_flow, a);
		break;
	case API_ALERTS_STREAM:
		if (!on)
			k->subscription = core_subscribe_alerts(a->core, on_alert, a);
		break;
	case API_EVENTS_STREAM:
		for (const struct api_stream *s = a->streams; s; s = s->next)
			kinds |= s->kind == kind ? s->q.kinds : 0;
		if (on && !(kinds & ~k->kinds))
			break;
		if (on)
			core_unsubscribe_events(a->core, k->subscription);
		ring_clear(&k->ring); /* the new kinds were not in it */
		k->kinds |= kinds;
		k->subscription = core_subscribe_events(a->core, k->kinds, on_event, a);
		break;
	default:
		if (on)
			break;
		k->subscription = 0;
		a->channels->map_since_ns = clock_wall_ns();
		uv_timer_start(&a->map_time, on_map_time, MAP_EVERY_MS, 0);
	}
}

/* Nobody came back. */
static void channel_stop(struct api *a, enum api_path kind)
{
	struct api_channel *k = channel(a, kind);

	if (k->subscription < 0)
		return;
	if (kind == API_FLOWS_STREAM)
		core_unsubscribe_flows(a->core, k->subscription);
	else if (kind == API_EVENTS_STREAM)
		core_unsubscribe_events(a->core, k->subscription);
	else if (kind == API_ALERTS_STREAM)
		core_unsubscribe_alerts(a->core, k->subscription);
	else
		uv_timer_stop(&a->map_time);
	k->subscription = -1;
	k->kinds = 0;
	k->ring.number++; /* what happens from now on is missing */
	ring_clear(&k->ring);
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
		stream_unqueue(s);
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
	while (s->count)
		stream_unqueue(s);
	a->stats.streams--;
	channel(a, s->kind)->clients--;
	filter_free(s->filter);
	free(s);
}

#define RESET "\nevent: reset\ndata: {\"reset\":\"what came after this id is not kept any more: ask for everything anew\"}"

/* The client knows at once that it is connected, and from which line on. last (NULL: none): the id of the latest line that it has:
 * what it missed follows, or that this cannot be had is told. No id is said before that, else an end in between would lose it. */
static int stream_hello(struct api_stream *s, const char *last)
{
	static const char *const names[] = { "flows", "events", "alerts", "map" };
	struct api_channel *k = channel(s->api, s->kind);
	char text[2 * LINE_ID_LEN + sizeof(RESET)], id[LINE_ID_LEN];
	uint64_t number = 0;
	bool known = last && !ring_find(&k->ring, last, &number);
	struct line *l;

	ring_id(&k->ring, id);
	snprintf(text, sizeof(text), "%s%s%s%s", names[k - s->api->channels->of], known ? "" : "\n\nid: ", known ? "" : id, last && !known ? RESET : "");
	l = line_new(": pierglass ", text, strlen(text));
	if (!l)
		return -ENOMEM;
	stream_queue(s, l);
	s->api->stats.stream_resets += last && !known;
	while (known && (l = ring_line(&k->ring, ++number)))
		if (api_resume_wants(&s->q, s->kind, s->filter, l) && stream_push(s, l))
			s->api->stats.stream_lines++;
	return 0;
}

enum MHD_Result api_stream_start(struct api *a, struct MHD_Connection *conn, enum api_path p, const struct api_query *q)
{
	const char *last = MHD_lookup_connection_value(conn, MHD_HEADER_KIND, "Last-Event-ID");
	struct api_stream *s = calloc(1, sizeof(*s));
	struct MHD_Response *r = NULL;
	enum MHD_Result res;

	if (s && !api_filter(q, &s->filter))
		r = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK, stream_read, s, stream_free);
	if (!r) {
		if (s)
			filter_free(s->filter);
		free(s);
		return MHD_NO;
	}
	s->api = a;
	s->conn = conn;
	s->kind = p;
	s->q = *q;
	s->next = a->streams;
	a->streams = s;
	a->stats.streams++;
	channel(a, p)->clients++;
	channel_start(a, p);
	if (stream_hello(s, last)) {
		MHD_destroy_response(r); /* frees s */
		return MHD_NO;
	}
	MHD_add_response_header(r, "Content-Type", "text/event-stream");
	MHD_add_response_header(r, "Cache-Control", "no-store");
	MHD_set_connection_option(conn, MHD_CONNECTION_OPTION_TIMEOUT, (unsigned)STREAM_IDLE_SECONDS);
	res = MHD_queue_response(conn, MHD_HTTP_OK, r);
	MHD_destroy_response(r);
	return res;
}

int api_streams_open(struct api *a)
{
	uint64_t epoch = clock_wall_ns() / NSEC_PER_MSEC;

	a->channels = calloc(1, sizeof(*a->channels));
	for (unsigned i = 0; a->channels && i < CHANNEL_MAX; i++) {
		a->channels->of[i].subscription = -1;
		a->channels->of[i].ring.epoch = epoch;
	}
	return a->channels ? 0 : -ENOMEM;
}

void api_streams_close(struct api *a)
{
	static const enum api_path kinds[] = { API_FLOWS_STREAM, API_EVENTS_STREAM, API_ALERTS_STREAM, API_MAP_STREAM };

	for (size_t i = 0; a->channels && i < ARRAY_SIZE(kinds); i++)
		channel_stop(a, kinds[i]);
	free(a->channels);
	a->channels = NULL;
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
	static const enum api_path kinds[] = { API_FLOWS_STREAM, API_EVENTS_STREAM, API_ALERTS_STREAM, API_MAP_STREAM };
	struct line *l = a->streams ? line_new(":", "", 0) : NULL;

	for (struct api_stream *s = a->streams; l && s; s = s->next) {
		stream_tell_loss(s);
		if (!s->count)
			stream_push(s, l);
		stream_wake(s);
	}
	line_put(l);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct api_channel *k = channel(a, kinds[i]);

		if (!k->clients && ++k->idle_beats > STREAM_KEPT_BEATS)
			channel_stop(a, kinds[i]);
	}
}
