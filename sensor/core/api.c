/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libmicrohttpd without threads of its own: its epoll descriptor is one more descriptor of core's loop, and it is run when
 * that is readable and when the time it asked for has come. Suspended streams wake it through the same descriptor. */
#include "sensor/core/api.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "sensor/core/api_priv.h"
#include "sensor/core/evidence.h"
#include "sensor/core/page.h"

#define URL_MAX 2048          /* decoded path and arguments together */
#define HEADERS_MAX 8192
#define RATES_EVERY_MS 5000
#define API_POST_MAX (1U << 20)

/* ---- answers ---------------------------------------------------------------------------------------------------- */
static enum MHD_Result answer_text(struct MHD_Connection *conn, unsigned status, char *text, size_t len)
{
	struct MHD_Response *r = MHD_create_response_from_buffer(len, text, MHD_RESPMEM_MUST_FREE);
	enum MHD_Result res;

	if (!r) {
		free(text);
		return MHD_NO;
	}
	MHD_add_response_header(r, "Content-Type", "application/json");
	MHD_add_response_header(r, "Cache-Control", "no-store");
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(r, "Allow", "GET, POST");
	if (status >= 400)
		MHD_add_response_header(r, "Connection", "close");
	res = MHD_queue_response(conn, status, r);
	MHD_destroy_response(r);
	return res;
}

enum MHD_Result api_refuse(struct api *a, struct MHD_Connection *conn, unsigned status, const char *why)
{
	struct jsonl j;
	char *text;
	size_t len;

	a->stats.refused++;
	jsonl_init(&j);
	jsonl_obj(&j, NULL);
	jsonl_str(&j, "error", why);
	jsonl_obj_end(&j);
	jsonl_newline(&j);
	text = jsonl_take(&j, &len);
	jsonl_done(&j);
	return text ? answer_text(conn, status, text, len) : MHD_NO;
}


struct body_owner {
	struct api *api;
	char *text;
	size_t len;
};

static void body_free(void *cls)
{
	struct body_owner *o = cls;

	o->api->body_bytes -= o->len;
	free(o->text);
	free(o);
}

static struct MHD_Response *body_response(struct api *a, struct api_body *b)
{
	struct body_owner *o = malloc(sizeof(*o));
	struct MHD_Response *r;
	char total[24];

	if (!o || !b->text) {
		free(o);
		free(b->text);
		return NULL;
	}
	*o = (struct body_owner){ .api = a, .text = b->text, .len = b->len };
	r = MHD_create_response_from_buffer_with_free_callback_cls(b->len, b->text, body_free, o);
	if (!r) {
		free(b->text);
		free(o);
		return NULL;
	}
	a->body_bytes += b->len;
	MHD_add_response_header(r, "Content-Type", b->type);
	MHD_add_response_header(r, "Cache-Control", "no-store");
	MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
	if (b->total != UINT64_MAX) {
		snprintf(total, sizeof(total), "%llu", (unsigned long long)b->total);
		MHD_add_response_header(r, "Pierglass-Total", total);
	}
	if (b->unknown[0])
		MHD_add_response_header(r, "Pierglass-Unknown-Field", b->unknown);
	return r;
}

/* ---- answers made a moment ago ----------------------------------------------------------------------------------- */
static void cache_drop(struct api_cached *k)
{
	if (k->response)
		MHD_destroy_response(k->response);
	free(k->what);
	*k = (struct api_cached){ 0 };
}

static void cache_age(struct api *a, uint64_t now)
{
	for (unsigned i = 0; i < API_CACHE_MAX; i++)
		if (a->cache[i].response && now - a->cache[i].made_mono_ns > API_CACHE_NS)
			cache_drop(&a->cache[i]);
}

static struct MHD_Response *cache_find(struct api *a, const char *what)
{
	for (unsigned i = 0; i < API_CACHE_MAX; i++)
		if (a->cache[i].response && !strcmp(a->cache[i].what, what))
			return a->cache[i].response;
	return NULL;
}

static void wake_in(struct api *a, uint64_t ms);

/* Keeps r (taking it over). The caller may use it until it returns to the loop. */
static void cache_put(struct api *a, const char *what, struct MHD_Response *r)
{
	struct api_cached *oldest = &a->cache[0];

	for (unsigned i = 1; i < API_CACHE_MAX; i++)
		if (!a->cache[i].response || (oldest->response && a->cache[i].made_mono_ns < oldest->made_mono_ns))
			oldest = &a->cache[i];
	cache_drop(oldest);
	oldest->what = strdup(what);
	oldest->response = r;
	oldest->made_mono_ns = clock_mono_ns();
	if (!oldest->what)
		oldest->made_mono_ns = 0;
}

/* ---- requests ----------------------------------------------------------------------------------------------------- */
struct arguments {
	struct api_query q;
	unsigned allowed;
	size_t bytes;
	int rc;
	char err[128];
};

static enum MHD_Result on_argument(void *cls, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct arguments *x = cls;

	if (!x->rc)
		x->rc = api_query_add(&x->q, x->allowed, name, value, x->err, sizeof(x->err));
	return MHD_YES;
}

static enum MHD_Result on_length(void *cls, enum MHD_ValueKind kind, const char *name, const char *value)
{
	*(size_t *)cls += strlen(name) + (value ? strlen(value) : 0) + 4;
	return MHD_YES;
}

static bool has_body(struct MHD_Connection *conn)
{
	const char *len = MHD_lookup_connection_value(conn, MHD_HEADER_KIND, "Content-Length");

	return (len && strcmp(len, "0")) || MHD_lookup_connection_value(conn, MHD_HEADER_KIND, "Transfer-Encoding");
}

static enum MHD_Result serve_page(struct api *a, struct MHD_Connection *conn, const struct page_file *f)
{
	struct MHD_Response *r = MHD_create_response_from_buffer(f->len, (void *)(uintptr_t)f->text, MHD_RESPMEM_PERSISTENT);
	enum MHD_Result res;

	if (!r)
		return api_refuse(a, conn, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory");
	MHD_add_response_header(r, "Content-Type", f->type);
	MHD_add_response_header(r, "Cache-Control", "no-cache");
	MHD_add_response_header(r, "Content-Security-Policy", PAGE_POLICY);
	MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
	MHD_add_response_header(r, "Referrer-Policy", "no-referrer");
	MHD_add_response_header(r, "Cross-Origin-Opener-Policy", "same-origin");
	MHD_add_response_header(r, "Cross-Origin-Resource-Policy", "same-origin");
	res = MHD_queue_response(conn, MHD_HTTP_OK, r);
	MHD_destroy_response(r);
	return res;
}

/* A file of a bundle: sent from the file, however large it is. */
static enum MHD_Result serve_file(struct api *a, struct MHD_Connection *conn, const struct api_query *q)
{
	int fd = evidence_file(a->core, q->id, q->thing);
	struct MHD_Response *r;
	enum MHD_Result res;
	struct stat st;

	if (fd < 0)
		return api_refuse(a, conn, MHD_HTTP_NOT_FOUND, "there is no such bundle, or no such file in it: see /v1/evidence");
	r = fstat(fd, &st) < 0 ? NULL : MHD_create_response_from_fd64((uint64_t)st.st_size, fd); /* takes fd over */
	if (!r) {
		close(fd);
		return api_refuse(a, conn, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory");
	}
	MHD_add_response_header(r, "Content-Type", "application/octet-stream");
	MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
	res = MHD_queue_response(conn, MHD_HTTP_OK, r);
	MHD_destroy_response(r);
	return res;
}

static enum MHD_Result serve(struct api *a, struct MHD_Connection *conn, enum api_path p, const struct api_query *q)
{
	struct MHD_Response *r;
	struct api_body body;
	char what[4096], err[256];
	enum MHD_Result res;

	if (api_path_is_stream(p))
		return a->stats.streams < API_STREAMS_MAX ? api_stream_start(a, conn, p, q) :
							    api_refuse(a, conn, MHD_HTTP_SERVICE_UNAVAILABLE, "too many streams");
	if (p == API_EVIDENCE_FILE)
		return serve_file(a, conn, q);
	if (api_model_check(a, p, q, err, sizeof(err)) || api_policy_check(a, p, q, err, sizeof(err)))
		return api_refuse(a, conn, MHD_HTTP_NOT_FOUND, err);
	snprintf(what, sizeof(what), "%d %u %d %d %d %d %llu %llu %s %s\n%s\n%s\n%s", p, q->limit, q->format, q->fields, q->history, q->all,
		 (unsigned long long)(q->since_ns / NSEC_PER_SEC), (unsigned long long)(q->until_ns / NSEC_PER_SEC), q->id,
		 q->workload, q->container, q->thing, q->filter);
	cache_age(a, clock_mono_ns());
	r = cache_find(a, what);
	if (!r) {
		if (a->body_bytes > API_BODIES_MAX_BYTES)
			return api_refuse(a, conn, MHD_HTTP_SERVICE_UNAVAILABLE, "too many large answers are being sent");
		api_body_make(a, p, q, &body);
		r = body_response(a, &body);
		if (!r)
			return api_refuse(a, conn, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory");
		cache_put(a, what, r);
	}
	res = MHD_queue_response(conn, MHD_HTTP_OK, r);
	wake_in(a, API_CACHE_NS / NSEC_PER_MSEC + 1);
	return res;
}

/* ---- requests that change something ------------------------------------------------------------------------------- */
struct post {
	enum api_path p;
	struct api_query q;
	char *body;
	size_t len;
};

static void post_free(struct api *a, struct post *x)
{
	if (!x)
		return;
	a->post_bytes -= x->len;
	free(x->body);
	free(x);
}

/* Said by its head: it is not read then. */
static bool too_long(struct MHD_Connection *conn)
{
	const char *len = MHD_lookup_connection_value(conn, MHD_HEADER_KIND, "Content-Length");

	return len && strtoull(len, NULL, 10) > API_POST_MAX;
}

static enum MHD_Result post_start(struct api *a, struct MHD_Connection *conn, enum api_path p, const struct api_query *q, void **con_cls)
{
	struct post *x;

	if (too_long(conn))
		return api_refuse(a, conn, MHD_HTTP_CONTENT_TOO_LARGE, "the body is too long");
	if (a->post_bytes >= API_POSTS_MAX_BYTES)
		return api_refuse(a, conn, MHD_HTTP_SERVICE_UNAVAILABLE, "too many large bodies are being sent");
	x = calloc(1, sizeof(*x));
	if (!x)
		return api_refuse(a, conn, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory");
	x->p = p;
	x->q = *q;
	*con_cls = x;
	return MHD_YES;
}

/* MHD_NO: longer than is taken, without having said so, or too much with those of others; the connection is ended. */
static enum MHD_Result post_body(struct api *a, struct post *x, const char *data, size_t *data_len)
{
	bool fits = x->len + *data_len <= API_POST_MAX && a->post_bytes + *data_len <= API_POSTS_MAX_BYTES + API_POST_MAX;
	char *grown = fits ? realloc(x->body, x->len + *data_len + 1) : NULL;

	if (!grown)
		return MHD_NO;
	a->post_bytes += *data_len;
	memcpy(grown + x->len, data, *data_len);
	x->len += *data_len;
	grown[x->len] = '\0';
	x->body = grown;
	*data_len = 0;
	return MHD_YES;
}

static enum MHD_Result post_do(struct api *a, struct MHD_Connection *conn, struct post *x)
{
	struct api_body body = { .type = "application/json" };
	char err[512] = "";
	int r;

	if (x->p >= API_POLICY_ENFORCE)
		r = api_policy_post(a, x->p, &x->q, err, sizeof(err), &body);
	else
		r = api_model_post(a, x->p, &x->q, x->body ? x->body : "", x->len, err, sizeof(err), &body);
	for (unsigned i = 0; i < API_CACHE_MAX; i++)
		cache_drop(&a->cache[i]); /* what was true a moment ago */
	if (r < 0)
		return api_refuse(a, conn, r == -ENOENT ? MHD_HTTP_NOT_FOUND : r == -EEXIST ? MHD_HTTP_CONFLICT : r == -EPERM ? MHD_HTTP_FORBIDDEN :
			      r == -EINVAL ? MHD_HTTP_BAD_REQUEST : MHD_HTTP_SERVICE_UNAVAILABLE, err);
	return body.text ? answer_text(conn, MHD_HTTP_OK, body.text, body.len) :
			   api_refuse(a, conn, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory");
}

void api_on_completed(void *cls, struct MHD_Connection *conn, void **con_cls, enum MHD_RequestTerminationCode why)
{
	struct api *a = cls;

	if (why == MHD_REQUEST_TERMINATED_TIMEOUT_REACHED)
		a->stats.dropped++;
	post_free(a, *con_cls);
	*con_cls = NULL;
}

enum MHD_Result api_on_request(void *cls, struct MHD_Connection *conn, const char *url, const char *method, const char *version,
				  const char *data, size_t *data_len, void **con_cls)
{
	struct arguments x = { 0 };
	struct api *a = cls;
	size_t headers = 0, url_len = strlen(url);
	bool post = !strcmp(method, "POST");
	struct page_file file;
	int p;

	if (*con_cls && *data_len)
		return post_body(a, *con_cls, data, data_len);
	if (*con_cls)
		return post_do(a, conn, *con_cls);
	a->stats.requests++;
	if (!post && strcmp(method, "GET"))
		return api_refuse(a, conn, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and POST are understood: see /v1/openapi.json");
	if (has_body(conn) && !post)
		return api_refuse(a, conn, MHD_HTTP_CONTENT_TOO_LARGE, "a request has no body here");
	MHD_get_connection_values(conn, MHD_HEADER_KIND, on_length, &headers);
	if (headers > HEADERS_MAX)
		return api_refuse(a, conn, MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE, "headers are too long");
	MHD_get_connection_values(conn, MHD_GET_ARGUMENT_KIND, on_length, &url_len);
	if (url_len > URL_MAX)
		return api_refuse(a, conn, MHD_HTTP_URI_TOO_LONG, "the address is too long");
	if (!post && page_file(url, &file))
		return serve_page(a, conn, &file);
	p = api_path_of(url);
	if (p < 0)
		return api_refuse(a, conn, MHD_HTTP_NOT_FOUND, "no such path: see /v1/openapi.json");
	if (post != (p >= API_PATH_FIRST_POST))
		return api_refuse(a, conn, MHD_HTTP_METHOD_NOT_ALLOWED, post ? "only GET is understood here" : "only POST is understood here");
	x.allowed = api_path_args((enum api_path)p);
	api_query_init(&x.q);
	MHD_get_connection_values(conn, MHD_GET_ARGUMENT_KIND, on_argument, &x);
	if (x.rc)
		return api_refuse(a, conn, MHD_HTTP_BAD_REQUEST, x.err);
	return post ? post_start(a, conn, (enum api_path)p, &x.q, con_cls) : serve(a, conn, (enum api_path)p, &x.q);
}

void api_on_connection(void *cls, struct MHD_Connection *conn, void **socket_context, enum MHD_ConnectionNotificationCode code)
{
	struct api *a = cls;

	if (code == MHD_CONNECTION_NOTIFY_STARTED)
		a->stats.clients++;
	else if (a->stats.clients)
		a->stats.clients--;
}

size_t api_unescape(void *cls, struct MHD_Connection *conn, char *s)
{
	for (char *z = s; (z = strstr(z, "%00")); z += 3)
		memcpy(z, "%%%", 3);
	return MHD_http_unescape(s);
}

/* ---- loop ---------------------------------------------------------------------------------------------------------- */
static void run(struct api *a);

static void on_readable(uv_poll_t *h, int status, int events)
{
	run(h->data);
}

static void on_wake(uv_timer_t *h)
{
	struct api *a = h->data;

	cache_age(a, clock_mono_ns());
	run(a);
}

static void wake_in(struct api *a, uint64_t ms)
{
	if (!uv_is_active((uv_handle_t *)&a->wake) || uv_timer_get_due_in(&a->wake) > ms)
		uv_timer_start(&a->wake, on_wake, ms, 0);
}

void api_wake(struct api *a)
{
	if (!a->closing)
		wake_in(a, 0);
}

static void run_daemon(struct api *a, struct MHD_Daemon *d)
{
	MHD_UNSIGNED_LONG_LONG ms;

	MHD_run(d);
	if (MHD_get_timeout(d, &ms) == MHD_YES)
		wake_in(a, ms);
}

static void run(struct api *a)
{
	if (a->closing)
		return;
	run_daemon(a, a->daemon);
	if (api_tcp_daemon(a->tcp))
		run_daemon(a, api_tcp_daemon(a->tcp));
}

static void take_sample(struct api *a, struct api_sample *s)
{
	const struct core *c = a->core;

	*s = (struct api_sample){
		.at_mono_ns = clock_mono_ns(),
		.flows = c->gauge.opened,
		.packets = c->counters[PG_CTR_SEEN],
		.bytes = c->counters[PG_CTR_SEEN_BYTES],
		.events = c->counters[PG_CTR_EVENTS],
		.samples = c->counters[PG_CTR_SAMPLES],
	};
}

static double per_second(uint64_t now, uint64_t before, double s)
{
	return now > before ? (double)(now - before) / s : 0; /* counters that began anew: no negative rate */
}

static void on_clock(uv_timer_t *h)
{
	struct api *a = h->data;
	struct api_sample now;
	double s;

	take_sample(a, &now);
	s = (double)(now.at_mono_ns - a->sample.at_mono_ns) / (double)NSEC_PER_SEC;
	if (s > 0)
		a->rates = (struct json_rates){
			.interval_s = s,
			.flows = per_second(now.flows, a->sample.flows, s),
			.packets = per_second(now.packets, a->sample.packets, s),
			.bytes = per_second(now.bytes, a->sample.bytes, s),
			.events = per_second(now.events, a->sample.events, s),
			.samples = per_second(now.samples, a->sample.samples, s),
		};
	a->sample = now;
	api_streams_beat(a);
}

static void on_closed(uv_handle_t *h)
{
	struct api *a = h->data;

	if (!--a->handles) {
		api_tcp_free(a->tcp);
		free(a);
	}
}

static int start_daemon(struct api *a, int fd)
{
	const union MHD_DaemonInfo *info;

	a->daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, api_on_request, a,
				     MHD_OPTION_LISTEN_SOCKET, (MHD_socket)fd, MHD_OPTION_CONNECTION_LIMIT, (unsigned)API_CLIENTS_MAX,
				     MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)API_IDLE_SECONDS, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
				     (size_t)API_MEMORY_PER_CLIENT, MHD_OPTION_NOTIFY_CONNECTION, api_on_connection, a,
				     MHD_OPTION_NOTIFY_COMPLETED, api_on_completed, a,
				     MHD_OPTION_UNESCAPE_CALLBACK, api_unescape, a, MHD_OPTION_END);
	if (!a->daemon)
		return -EIO;
	info = MHD_get_daemon_info(a->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	return info ? info->epoll_fd : -EIO;
}

int api_open(struct core *c, void *uv_loop, int listen_fd, struct api **ret)
{
	_cleanup_close_ int fd = listen_fd; /* MHD keeps a copy: who closes it on its failures is not said */
	struct api *a = calloc(1, sizeof(*a));
	int copy, epoll_fd;

	if (!a)
		return -ENOMEM;
	a->core = c;
	copy = api_streams_open(a) ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
	epoll_fd = copy < 0 ? -errno : start_daemon(a, copy);
	if (epoll_fd < 0) {
		if (a->daemon)
			MHD_stop_daemon(a->daemon);
		api_streams_close(a);
		free(a);
		return epoll_fd;
	}
	if (uv_poll_init(uv_loop, &a->poll, epoll_fd)) {
		MHD_stop_daemon(a->daemon);
		api_streams_close(a);
		free(a);
		return -EIO;
	}
	uv_timer_init(uv_loop, &a->wake);
	uv_timer_init(uv_loop, &a->clock);
	uv_timer_init(uv_loop, &a->map_time);
	a->poll.data = a->wake.data = a->clock.data = a->map_time.data = a;
	a->handles = 4;
	uv_poll_start(&a->poll, UV_READABLE, on_readable);
	take_sample(a, &a->sample);
	uv_timer_start(&a->clock, on_clock, RATES_EVERY_MS, RATES_EVERY_MS);
	*ret = a;
	return api_tcp_open(a);
}

void api_close(struct api *a)
{
	if (!a || a->closing)
		return;
	a->closing = true;
	uv_poll_stop(&a->poll);
	uv_timer_stop(&a->wake);
	uv_timer_stop(&a->clock);
	api_streams_end(a);
	for (unsigned i = 0; i < API_CACHE_MAX; i++)
		cache_drop(&a->cache[i]);
	uv_close((uv_handle_t *)&a->poll, on_closed); /* before its descriptor goes */
	MHD_stop_daemon(a->daemon);
	api_tcp_close(a->tcp);
	api_streams_close(a);
	uv_close((uv_handle_t *)&a->map_time, on_closed);
	uv_close((uv_handle_t *)&a->wake, on_closed);
	uv_close((uv_handle_t *)&a->clock, on_closed);
}

void api_stats_get(const struct api *a, struct api_stats *ret)
{
	*ret = a ? a->stats : (struct api_stats){ 0 };
}
