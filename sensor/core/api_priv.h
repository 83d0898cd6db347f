/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the API's files share. api.c: the daemon in the loop, requests, limits. api_bodies.c: what a path answers.
 * api_stream.c: the streams of flows and events. */
#ifndef PG_SENSOR_CORE_API_PRIV_H
#define PG_SENSOR_CORE_API_PRIV_H

#include <microhttpd.h>
#include <uv.h>

#include "base/jsonl.h"
#include "sensor/core/api.h"
#include "sensor/core/api_query.h"
#include "sensor/core/filters.h"
#include "sensor/core/json_views.h"

#define API_BODIES_MAX_BYTES (64U << 20) /* answers being sent, together */
#define API_POSTS_MAX_BYTES (8U << 20) /* bodies being taken, together */
#define API_MEMORY_PER_CLIENT 32768 /* MHD: request line, headers, answer's headers, buffer */
#define API_CACHE_MAX 8
#define API_CACHE_NS (50 * 1000000ULL)

struct api_stream;
struct api_channels;
struct line;

struct api_cached {
	char *what; /* path and arguments */
	struct MHD_Response *response;
	uint64_t made_mono_ns;
};

struct api_sample { /* for rates */
	uint64_t at_mono_ns, flows, packets, bytes, events, samples;
};

struct api {
	struct core *core;
	struct MHD_Daemon *daemon;
	struct api_tcp *tcp; /* NULL: not configured */
	uv_poll_t poll;
	uv_timer_t wake, clock;
	unsigned handles; /* uv handles still open */
	bool closing;
	struct api_stats stats;
	size_t body_bytes, post_bytes; /* being sent, being taken */
	struct api_cached cache[API_CACHE_MAX];
	struct json_rates rates;
	struct api_sample sample;
	struct api_stream *streams;
	struct api_channels *channels;
	uv_timer_t map_time; /* of the stream of the map */
};

/* An answer's text. */
struct api_body {
	char *text;         /* NULL: no memory */
	size_t len;
	const char *type;
	uint64_t total;     /* rows there are (listings); shown in a header when not UINT64_MAX */
	char unknown[64];   /* a field of the filter that no row had; shown in a header when not "" */
};
/* Makes the answer to a known path. -ENOENT: no such path. */
enum api_path { API_STATUS, API_CONTAINERS, API_LISTENERS, API_FLOWS, API_FLOWS_STREAM, API_EVENTS_STREAM, API_TREE,
		API_SYSCALLS, API_MAP, API_MAP_STREAM,
		API_GRAPH_FIELDS, API_GRAPH_DATA, API_GRAPH_HEALTH, API_METRICS, API_NETWORKS, API_OPENAPI, API_VERSION, API_FEEDS, API_FEED_CHECK,
		API_EVIDENCE, API_EVIDENCE_FILE,
		API_POLICY, API_POLICY_PLAN,
		API_ALERTS, API_ALERTS_STREAM, API_WHY, API_MODELS, API_MODEL, API_MODEL_EXPORT,
		API_MODEL_LOCK, API_MODEL_REOPEN, API_MODEL_ACCEPT, API_MODEL_IMPORT, API_FEED_UPDATE, API_EVIDENCE_COLLECT, /* from here on: POST */
		API_POLICY_ENFORCE, API_POLICY_MONITOR, API_POLICY_CONFIRM, API_POLICY_OFF,
		API_POLICY_BLOCK, API_POLICY_UNBLOCK, API_POLICY_QUARANTINE, API_POLICY_RELEASE,
		API_PATH_MAX };
#define API_PATH_FIRST_POST API_MODEL_LOCK
/* -1: no such path. */
int api_path_of(const char *path);
unsigned api_path_args(enum api_path p);
const char *api_path_name(enum api_path p);
/* Name of the schema in etc/schema of its answer, or of each line of a stream; "": it has none. */
const char *api_path_schema(enum api_path p);
const char *api_path_type(enum api_path p);
const char *api_path_help(enum api_path p);
bool api_path_is_stream(enum api_path p);
/* api_openapi.c: the description of all paths, OpenAPI 3.1; made from the tables that requests are judged by. */
void json_openapi(struct jsonl *j);
/* The query's filter: 0 (NULL: it has none) or -ENOMEM. */
int api_filter(const struct api_query *q, struct filter **ret);
/* Frees it; what it missed goes into ret (NULL is fine). */
void api_filter_done(struct filter *f, struct api_body *ret);
void api_body_make(struct api *a, enum api_path p, const struct api_query *q, struct api_body *ret);

/* ---- api_feeds.c */
void json_feeds(struct jsonl *j, struct core *c);
/* 0, or -ENOENT with err saying what there is not. */
int json_feed_update(struct jsonl *j, struct core *c, const struct api_query *q, char *err, size_t err_len);
void json_feed_check(struct jsonl *j, struct core *c, const char *thing);

/* ---- api_model.c: alerts and models */
/* Whether there is what is asked for (an alert's id, a workload's model): 0, or -ENOENT with err saying what is not. */
int api_model_check(struct api *a, enum api_path p, const struct api_query *q, char *err, size_t err_len);
void api_model_body(struct api *a, enum api_path p, const struct api_query *q, struct api_body *ret);
/* Does what a POST asks for. 0; -errno with err saying why not. body holds len bytes and a NUL. ret: what was done, as JSON. */
int api_model_post(struct api *a, enum api_path p, const struct api_query *q, const char *body, size_t len, char *err, size_t err_len,
		   struct api_body *ret);

/* {"done", "workload", "count"}. */
void api_done_make(struct api_body *ret, const char *what, const char *workload, uint64_t n);

/* ---- api_policy.c: as their namesakes */
int api_policy_check(struct api *a, enum api_path p, const struct api_query *q, char *err, size_t err_len);
void api_policy_body(struct api *a, enum api_path p, const struct api_query *q, struct api_body *ret);
int api_policy_post(struct api *a, enum api_path p, const struct api_query *q, char *err, size_t err_len, struct api_body *ret);

/* ---- api.c, for both doors */
enum MHD_Result api_on_request(void *cls, struct MHD_Connection *conn, const char *url, const char *method, const char *version,
			       const char *data, size_t *data_len, void **con_cls);
void api_on_completed(void *cls, struct MHD_Connection *conn, void **con_cls, enum MHD_RequestTerminationCode why);
void api_on_connection(void *cls, struct MHD_Connection *conn, void **socket_context, enum MHD_ConnectionNotificationCode code);
/* MHD_OPTION_UNESCAPE_CALLBACK: as MHD does it, but "%00" stays what no path and no value has. */
size_t api_unescape(void *cls, struct MHD_Connection *conn, char *s);
/* Answers with {"error": why}. */
enum MHD_Result api_refuse(struct api *a, struct MHD_Connection *conn, unsigned status, const char *why);
/* Whether the path is a file of the page. */
bool api_path_is_page(const char *path);

/* ---- api_tcp.c */
/* Begins to open the TCP door, if one is configured; what fails is said in the log. 0 or -ENOMEM. */
int api_tcp_open(struct api *a);
/* NULL: not open (yet). */
struct MHD_Daemon *api_tcp_daemon(const struct api_tcp *t);
void api_tcp_close(struct api_tcp *t);
void api_tcp_free(struct api_tcp *t);

/* Runs the daemon in the loop's next turn: after MHD_resume_connection(). */
void api_wake(struct api *a);
/* Answers with a stream of flows or of events; the connection is held by it from then on. */
enum MHD_Result api_stream_start(struct api *a, struct MHD_Connection *conn, enum api_path p, const struct api_query *q);
/* 0 or -ENOMEM. */
int api_streams_open(struct api *a);
/* After the last stream ended. */
void api_streams_close(struct api *a);
/* api_resume.c: whether a stream with this query and filter (NULL: none) wants a line that was told before. */
bool api_resume_wants(const struct api_query *q, enum api_path p, struct filter *f, const struct line *l);
/* Wakes all streams so that they end. */
void api_streams_end(struct api *a);
/* Sends a comment to each idle stream: shows clients that went away; what nobody came back for is not made any more. */
void api_streams_beat(struct api *a);

#endif
