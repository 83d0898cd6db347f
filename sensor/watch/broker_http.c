/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/watch/broker_http.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "sensor/watch/broker.h"
#include "sensor/watch/docker_json.h"

#define VERSION_BODY_MAX 65536
#define EVENTS_PARALLEL_MAX 2

/* queued -> active (has an easy handle in the multi) -> ended (its LAST chunk could not be handed on yet) */
struct request {
	struct request *next, *prev;
	struct broker_http *h;
	uint32_t seq;
	struct msg_docker_req req;
	bool internal;     /* our own /version: nobody waits for an answer */
	bool active, ended, paused, headers, first_sent;
	unsigned tries;
	CURL *easy;
	int32_t http_status, error;
	uint64_t received;
	char *tee;         /* VERSION: its body */
	size_t tee_len;
};

struct engine {
	char api[16];      /* version to speak; "": not negotiated */
	int spare;         /* a connection that no transfer has taken yet; -1: none */
	bool connecting;
	uint64_t connect_deadline_ns;
	unsigned active, events_active, queued;
};

struct broker_http {
	int epoll;
	const struct broker_http_ops *ops;
	void *arg;
	CURLM *multi;
	uint64_t timer_ns; /* 0: none */
	bool blocked;      /* core takes nothing at the moment */
	struct engine engines[MSG_ENGINES_MAX];
	struct request *head, *tail; /* all requests, the next to start first */
};

/* ---- the list ---------------------------------------------------------------------------------------- */

static void request_link(struct broker_http *h, struct request *r, bool front)
{
	r->next = front ? h->head : NULL;
	r->prev = front ? NULL : h->tail;
	*(r->prev ? &r->prev->next : &h->head) = r;
	*(r->next ? &r->next->prev : &h->tail) = r;
}

static void request_unlink(struct request *r)
{
	*(r->prev ? &r->prev->next : &r->h->head) = r->next;
	*(r->next ? &r->next->prev : &r->h->tail) = r->prev;
}

static struct engine *engine_of(struct request *r)
{
	return &r->h->engines[r->req.engine];
}

/* Out of the multi; the request is neither queued nor active after it. */
static void request_stop(struct request *r)
{
	struct engine *e = engine_of(r);

	if (r->active) {
		r->active = false;
		*(r->req.what == DOCKER_REQ_EVENTS ? &e->events_active : &e->active) -= 1;
	} else if (!r->ended) {
		e->queued--;
	}
	if (r->easy) {
		curl_multi_remove_handle(r->h->multi, r->easy);
		curl_easy_cleanup(r->easy);
		r->easy = NULL;
	}
}

static void request_free(struct request *r)
{
	request_stop(r);
	request_unlink(r);
	free(r->tee);
	free(r);
}

static struct request *request_new(struct broker_http *h, uint32_t seq, const struct msg_docker_req *req, bool front)
{
	struct request *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->h = h;
	r->seq = seq;
	r->req = *req;
	h->engines[req->engine].queued++;
	request_link(h, r, front);
	return r;
}

/* ---- handing on ---------------------------------------------------------------------------------------- */

static int chunk_send(struct request *r, const void *data, size_t len, bool last)
{
	struct msg_docker_chunk c = {
		.engine = r->req.engine,
		.what = r->req.what,
		.flags = (uint8_t)((r->first_sent ? 0 : DOCKER_CHUNK_FIRST) | (last ? DOCKER_CHUNK_LAST : 0)),
		.http_status = r->http_status,
		.error = last ? r->error : 0,
		.len = (uint32_t)len,
	};
	int err = r->internal ? 0 : r->h->ops->chunk(r->h->arg, r->seq, &c, data);

	if (err == -EAGAIN)
		r->h->blocked = true;
	if (err == 0)
		r->first_sent = true;
	return err;
}

/* What is left to say of a request once core takes something again. */
static void request_flush(struct request *r)
{
	if (r->ended) {
		if (chunk_send(r, NULL, 0, true) != -EAGAIN)
			request_free(r);
		return;
	}
	if (r->headers && !r->first_sent && chunk_send(r, NULL, 0, false) == -EAGAIN)
		return;
	if (r->paused) {
		r->paused = false;
		curl_easy_pause(r->easy, CURLPAUSE_CONT); /* may call on_body() */
	}
}

static void request_end(struct request *r, int error)
{
	request_stop(r);
	r->error = error;
	r->ended = true;
	request_flush(r);
}

void broker_http_resume(struct broker_http *h)
{
	h->blocked = false;
	for (struct request *r = h->head, *next; r && !h->blocked; r = next) {
		next = r->next;
		request_flush(r);
	}
}

/* ---- curl's callbacks ------------------------------------------------------------------------------------ */

static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
	struct request *r = arg;
	long code = 0;

	if (size * n == 2 && p[0] == '\r') {
		curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &code);
		if (code >= 200) {
			r->http_status = (int32_t)code;
			r->headers = true;
			/* At once: the client starts its listing when the event stream stands, not at its first event. */
			(void)chunk_send(r, NULL, 0, false);
		}
	}
	return size * n;
}

static size_t body_max(const struct request *r)
{
	switch (r->req.what) {
	case DOCKER_REQ_EVENTS:
		return SIZE_MAX;
	case DOCKER_REQ_CONTAINERS:
	case DOCKER_REQ_NETWORKS:
	case DOCKER_REQ_TASKS:
	case DOCKER_REQ_SERVICES:
	case DOCKER_REQ_NODES:
		return BROKER_LIST_MAX;
	case DOCKER_REQ_VERSION:
		return VERSION_BODY_MAX;
	default:
		return BROKER_BODY_MAX;
	}
}

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
	struct request *r = arg;
	size_t len = size * n; /* <= CURL_MAX_WRITE_SIZE, 16 KiB: always one message */

	if (r->received + len > body_max(r)) {
		r->error = -EFBIG;
		return 0;
	}
	if (chunk_send(r, p, len, false) == -EAGAIN) {
		r->paused = true;
		return CURL_WRITEFUNC_PAUSE;
	}
	r->received += len;
	if (r->tee) {
		memcpy(r->tee + r->tee_len, p, len); /* body_max() is its size */
		r->tee_len += len;
	}
	return len;
}

static curl_socket_t on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *addr)
{
	struct engine *e = engine_of(arg);
	int fd = e->spare;

	e->spare = -1;
	return fd >= 0 ? fd : CURL_SOCKET_BAD;
}

static int on_sockopt(void *arg, curl_socket_t fd, curlsocktype purpose)
{
	return CURL_SOCKOPT_ALREADY_CONNECTED;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *known)
{
	struct broker_http *h = arg;
	struct epoll_event ev = { .data.u64 = BROKER_HTTP_TAG | (uint32_t)fd };

	if (what == CURL_POLL_REMOVE) {
		(void)epoll_ctl(h->epoll, EPOLL_CTL_DEL, fd, NULL);
		return 0;
	}
	ev.events = (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);
	if (epoll_ctl(h->epoll, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &ev) < 0 && errno == EEXIST)
		(void)epoll_ctl(h->epoll, EPOLL_CTL_MOD, fd, &ev);
	curl_multi_assign(h->multi, fd, h);
	return 0;
}

static int on_timer(CURLM *multi, long ms, void *arg)
{
	struct broker_http *h = arg;

	h->timer_ns = ms < 0 ? 0 : clock_mono_ns() + (uint64_t)ms * NSEC_PER_MSEC;
	return 0;
}

/* ---- starting ----------------------------------------------------------------------------------------------- */

static int easy_setup(struct request *r)
{
	char path[MSG_PATH_LEN + 64], url[MSG_PATH_LEN + 96], unix_path[32];
	int err = broker_request_path(&r->req, engine_of(r)->api, path, sizeof(path));
	CURL *c;

	if (err < 0)
		return err;
	c = r->easy = curl_easy_init();
	if (!c)
		return -ENOMEM;
	snprintf(url, sizeof(url), "http://localhost%s", path);
	/* The path is never opened (on_open() gives the descriptor); it tells curl that no name needs resolving, and the
	 * engines' kept connections apart. */
	snprintf(unix_path, sizeof(unix_path), "/engine/%u", r->req.engine);
	if (curl_easy_setopt(c, CURLOPT_URL, url) || curl_easy_setopt(c, CURLOPT_UNIX_SOCKET_PATH, unix_path) ||
	    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http") || curl_easy_setopt(c, CURLOPT_PROXY, "") ||
	    curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L) || curl_easy_setopt(c, CURLOPT_PATH_AS_IS, 1L) ||
	    curl_easy_setopt(c, CURLOPT_HTTPGET, 1L) || curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) ||
	    curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) ||
	    curl_easy_setopt(c, CURLOPT_USERAGENT, "pierglass") || curl_easy_setopt(c, CURLOPT_TCP_NODELAY, 0L) ||
	    curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, r->req.what == DOCKER_REQ_EVENTS ? 0L : (long)BROKER_TIME_MAX_MS) ||
	    /* curl 7.88 looks at a connection "in progress" only when this runs out: at once. */
	    curl_easy_setopt(c, CURLOPT_HAPPY_EYEBALLS_TIMEOUT_MS, 1L) ||
	    curl_easy_setopt(c, CURLOPT_OPENSOCKETFUNCTION, on_open) || curl_easy_setopt(c, CURLOPT_OPENSOCKETDATA, r) ||
	    curl_easy_setopt(c, CURLOPT_SOCKOPTFUNCTION, on_sockopt) ||
	    curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header) || curl_easy_setopt(c, CURLOPT_HEADERDATA, r) ||
	    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body) || curl_easy_setopt(c, CURLOPT_WRITEDATA, r) ||
	    curl_easy_setopt(c, CURLOPT_PRIVATE, r))
		return -ENOMEM;
	if (broker_request_is_post(r->req.what) && curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, "POST"))
		return -ENOMEM;
	if (r->req.what == DOCKER_REQ_VERSION && !r->tee) {
		r->tee = malloc(VERSION_BODY_MAX);
		if (!r->tee)
			return -ENOMEM;
	}
	return 0;
}

static void request_start(struct request *r)
{
	struct engine *e = engine_of(r);
	int running, err = easy_setup(r);

	if (err == 0 && curl_multi_add_handle(r->h->multi, r->easy) != CURLM_OK)
		err = -ENOMEM;
	if (err < 0) {
		request_end(r, err);
		return;
	}
	e->queued--;
	r->active = true;
	*(r->req.what == DOCKER_REQ_EVENTS ? &e->events_active : &e->active) += 1;
	/* Now, so that the spare is taken, if it is, before the next request looks for it. */
	curl_multi_socket_action(r->h->multi, CURL_SOCKET_TIMEOUT, 0, &running);
}

/* Everything of this engine that has not started fails. */
static void queue_fail(struct broker_http *h, unsigned engine, int error)
{
	for (struct request *r = h->head, *next; r; r = next) {
		next = r->next;
		if (r->req.engine == engine && !r->active && !r->ended)
			request_end(r, error);
	}
}

/* Is there a connection for a new transfer? If not, one is asked for. An idle one that curl keeps would do as well, but
 * that it will be used cannot be told beforehand; the spare then stays for the next. */
static bool have_connection(struct broker_http *h, unsigned engine)
{
	struct engine *e = &h->engines[engine];
	char c;
	int err;

	if (e->spare >= 0 && (recv(e->spare, &c, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK)))
		close_fd(&e->spare); /* ended while it waited: the engine was restarted */
	if (e->spare >= 0)
		return true;
	if (!e->connecting) {
		err = h->ops->connect(h->arg, engine);
		if (err < 0 && err != -EAGAIN) {
			queue_fail(h, engine, err);
			return false;
		}
		e->connecting = err == 0;
		e->connect_deadline_ns = clock_mono_ns() + BROKER_TIME_MAX_MS * NSEC_PER_MSEC;
	}
	return false;
}

static bool version_is_asked(const struct broker_http *h, unsigned engine)
{
	for (const struct request *r = h->head; r; r = r->next)
		if (r->req.engine == engine && r->req.what == DOCKER_REQ_VERSION && !r->ended)
			return true;
	return false;
}

static void engine_pump(struct broker_http *h, unsigned engine)
{
	struct engine *e = &h->engines[engine];
	struct msg_docker_req version = { .engine = (uint8_t)engine, .what = DOCKER_REQ_VERSION };

	if (e->queued && !e->api[0] && !version_is_asked(h, engine)) {
		struct request *v = request_new(h, 0, &version, true);

		if (v)
			v->internal = true;
	}
	for (struct request *r = h->head, *next; r && e->queued; r = next) {
		bool events = r->req.what == DOCKER_REQ_EVENTS;

		next = r->next;
		if (r->req.engine != engine || r->active || r->ended)
			continue;
		if (events ? e->events_active >= EVENTS_PARALLEL_MAX : e->active >= BROKER_PARALLEL_MAX)
			continue;
		if (!e->api[0] && r->req.what != DOCKER_REQ_VERSION)
			continue;
		if (!have_connection(h, engine))
			return;
		request_start(r);
	}
}

/* ---- ending ---------------------------------------------------------------------------------------------------- */

static int error_of(CURLcode code, const struct request *r)
{
	switch (code) {
	case CURLE_OK:
		return 0;
	case CURLE_COULDNT_CONNECT:
		return -ECONNREFUSED;
	case CURLE_OPERATION_TIMEDOUT:
		return -ETIMEDOUT;
	case CURLE_WRITE_ERROR:
		return r->error ? r->error : -EIO;
	case CURLE_GOT_NOTHING:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
	case CURLE_PARTIAL_FILE:
		return -ECONNRESET;
	case CURLE_OUT_OF_MEMORY:
		return -ENOMEM;
	default:
		return -EPROTO;
	}
}

/* The negotiated version, from the answer that just ended. */
static int version_take(struct request *r)
{
	struct docker_engine_info info = { 0 };
	int err = r->http_status == 200 ? docker_json_version(r->tee, r->tee_len, &info) : -EPROTO;

	if (err == 0)
		err = broker_api_version(info.min_api_version, info.api_version, engine_of(r)->api);
	if (err < 0)
		engine_of(r)->api[0] = '\0';
	return err;
}

static void request_done(struct request *r, CURLcode code)
{
	struct broker_http *h = r->h;
	unsigned engine = r->req.engine;
	int err = error_of(code, r);

	/* A kept connection that the engine had closed meanwhile: once more on a fresh one (a second pause or stop is refused). */
	if ((err == -ECONNRESET || err == -ECONNREFUSED) && !r->headers && r->tries++ < 2) {
		request_stop(r);
		r->tee_len = 0;
		h->engines[engine].queued++;
		return;
	}
	if (r->req.what == DOCKER_REQ_VERSION) {
		if (err == 0)
			err = version_take(r);
		if (err < 0 && r->internal) {
			request_free(r);
			queue_fail(h, engine, err);
			return;
		}
	}
	if (r->internal)
		request_free(r);
	else
		request_end(r, err);
}

static void collect(struct broker_http *h)
{
	struct CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(h->multi, &left))) {
		char *r = NULL;

		if (m->msg == CURLMSG_DONE && curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &r) == CURLE_OK && r)
			request_done((struct request *)(void *)r, m->data.result);
	}
}

/* ---- public ------------------------------------------------------------------------------------------------------ */

void broker_http_io(struct broker_http *h, int fd, uint32_t events)
{
	int running, what = (events & EPOLLIN ? CURL_CSELECT_IN : 0) | (events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
			    (events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR | CURL_CSELECT_IN : 0);

	curl_multi_socket_action(h->multi, fd, what, &running);
	collect(h);
}

int broker_http_run(struct broker_http *h)
{
	uint64_t now = clock_mono_ns();
	uint64_t next = UINT64_MAX;
	int running;

	if (h->timer_ns && h->timer_ns <= now) {
		h->timer_ns = 0;
		curl_multi_socket_action(h->multi, CURL_SOCKET_TIMEOUT, 0, &running);
		collect(h);
	}
	for (unsigned i = 0; i < MSG_ENGINES_MAX; i++) {
		struct engine *e = &h->engines[i];

		if (e->connecting && e->connect_deadline_ns <= now) {
			e->connecting = false;
			queue_fail(h, i, -ETIMEDOUT);
		}
		engine_pump(h, i);
		collect(h);
		if (e->connecting && e->connect_deadline_ns < next)
			next = e->connect_deadline_ns;
		else if (e->queued && !e->connecting && e->spare < 0)
			next = now + 50 * NSEC_PER_MSEC < next ? now + 50 * NSEC_PER_MSEC : next; /* the keeper's socket was full */
	}
	if (h->timer_ns && h->timer_ns < next)
		next = h->timer_ns;
	if (next == UINT64_MAX)
		return -1;
	return next <= now ? 0 : (int)((next - now + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC);
}

static void cancel(struct broker_http *h, const struct msg_docker_req *req)
{
	for (struct request *r = h->head; r; r = r->next)
		if (r->seq == req->cancel_seq && r->req.engine == req->engine && !r->internal) {
			request_free(r);
			return;
		}
}

void broker_http_request(struct broker_http *h, uint32_t seq, const struct msg_docker_req *req)
{
	struct msg_docker_chunk c = { .engine = req->engine, .what = req->what, .flags = DOCKER_CHUNK_FIRST | DOCKER_CHUNK_LAST };
	char path[MSG_PATH_LEN + 64];
	struct request *r = NULL;

	if (req->what == DOCKER_REQ_CANCEL) {
		cancel(h, req);
		return;
	}
	c.error = req->engine >= MSG_ENGINES_MAX ? -EINVAL : broker_request_path(req, "1.41", path, sizeof(path));
	if (c.error == 0 && h->engines[req->engine].queued >= BROKER_QUEUE_MAX)
		c.error = -EBUSY;
	if (c.error == 0) {
		r = request_new(h, seq, req, req->what == DOCKER_REQ_VERSION || req->what == DOCKER_REQ_EVENTS);
		c.error = r ? 0 : -ENOMEM;
	}
	/* A refusal that finds no room is lost; core's own time limit covers it. Only a core that floods us gets there. */
	if (c.error < 0 && h->ops->chunk(h->arg, seq, &c, NULL) < 0)
		log_debug("broker: refusal of request %u not delivered", seq);
}

void broker_http_connected(struct broker_http *h, unsigned engine, int status, int fd)
{
	struct engine *e;

	if (engine >= MSG_ENGINES_MAX || !h->engines[engine].connecting) {
		close_fd(&fd);
		return;
	}
	e = &h->engines[engine];
	e->connecting = false;
	if (status < 0 || fd < 0) {
		close_fd(&fd);
		e->api[0] = '\0'; /* the next engine behind this path may be another version */
		queue_fail(h, engine, status < 0 ? status : -EPROTO);
		return;
	}
	close_fd(&e->spare);
	e->spare = fd;
}

void broker_http_drop_all(struct broker_http *h)
{
	while (h->head)
		request_free(h->head);
	h->blocked = false;
}

struct broker_http *broker_http_new(int epoll, const struct broker_http_ops *ops, void *arg)
{
	struct broker_http *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	for (unsigned i = 0; i < MSG_ENGINES_MAX; i++)
		h->engines[i].spare = -1;
	h->epoll = epoll;
	h->ops = ops;
	h->arg = arg;
	/* No TLS, no resolver: nothing that reads files. */
	if (curl_global_init(CURL_GLOBAL_NOTHING) || !(h->multi = curl_multi_init()) ||
	    curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, on_socket) || curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h) ||
	    curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, on_timer) || curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h) ||
	    curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, (long)(MSG_ENGINES_MAX * BROKER_PARALLEL_MAX))) {
		broker_http_free(h);
		return NULL;
	}
	return h;
}

void broker_http_free(struct broker_http *h)
{
	if (!h)
		return;
	broker_http_drop_all(h);
	curl_multi_cleanup(h->multi);
	for (unsigned i = 0; i < MSG_ENGINES_MAX; i++)
		close_fd(&h->engines[i].spare);
	free(h);
}
