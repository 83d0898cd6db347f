/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Connection to one engine: the order of requests, their answers, back-off and resynchronisation. */
#include "sensor/watch/docker_client.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "sensor/watch/docker_client_priv.h"

const char *docker_lost_name(enum docker_lost l)
{
	switch (l) {
	case DOCKER_LOST_GAP:
		return "gap";
	case DOCKER_LOST_LINE:
		return "line";
	case DOCKER_LOST_ANSWER:
		return "answer";
	case DOCKER_LOST_LATE:
		return "late";
	case DOCKER_LOST_REFUSED:
		return "refused";
	case DOCKER_LOST_MAX:
		break;
	}
	return "?";
}

const char *docker_client_state_name(enum docker_client_state s)
{
	switch (s) {
	case DOCKER_CLIENT_DOWN:
		return "down";
	case DOCKER_CLIENT_BACKOFF:
		return "backoff";
	case DOCKER_CLIENT_VERSION:
		return "version";
	case DOCKER_CLIENT_EVENTS:
		return "events";
	case DOCKER_CLIENT_LISTING:
		return "listing";
	case DOCKER_CLIENT_LIVE:
		return "live";
	case DOCKER_CLIENT_STATE_MAX:
		break;
	}
	return "?";
}

void dc_log(struct docker_client *dc, enum log_level lvl, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	dc->ops->log(dc->arg, lvl, text);
}

void dc_lost(struct docker_client *dc, enum docker_lost what, uint64_t n)
{
	dc->stats.lost[what]++;
	dc->ops->lost(dc->arg, dc->engine, what, n);
}

/* ---- requests ------------------------------------------------------------------------------------------ */

static void request_free(struct dc_request *rq)
{
	if (!rq)
		return;
	free(rq->buf);
	free(rq);
}

static void request_freep(struct dc_request **rq)
{
	request_free(*rq);
}

/* EVENTS stands beside the bounded ones. */
static void account(struct docker_client *dc, uint8_t what, int by)
{
	if (what == DOCKER_REQ_EVENTS)
		return;
	dc->in_flight = (size_t)((long)dc->in_flight + by);
	if (what == DOCKER_REQ_CONTAINER)
		dc->inspects_in_flight = (size_t)((long)dc->inspects_in_flight + by);
}

int dc_send(struct docker_client *dc, enum docker_req what, const char *arg)
{
	struct msg_docker_req req = { .engine = (uint8_t)dc->engine, .what = (uint8_t)what };
	_cleanup_(request_freep) struct dc_request *rq = calloc(1, sizeof(*rq));
	int r;

	if (!rq)
		return -EAGAIN;
	snprintf(req.arg, sizeof(req.arg), "%s", arg);
	dc->next_seq = (dc->next_seq + 1) & 0xffffff;
	rq->seq = (dc->engine + 1) << 24 | dc->next_seq;
	rq->what = (uint8_t)what;
	snprintf(rq->arg, sizeof(rq->arg), "%s", arg);
	rq->deadline_ns = dc->now_ns + (what == DOCKER_REQ_EVENTS ? DC_HEADERS_TIMEOUT_NS : DC_REQUEST_TIMEOUT_NS);
	r = dc->ops->send(dc->arg, rq->seq, &req);
	if (r == -EAGAIN) {
		dc->congested = true;
		return r;
	}
	if (r < 0) {
		dc_fail(dc, r);
		return r;
	}
	dc->stats.requests++;
	account(dc, rq->what, 1);
	rq->next = dc->requests;
	dc->requests = take_ptr(rq);
	return 0;
}

static struct dc_request *request_take(struct docker_client *dc, uint32_t seq)
{
	for (struct dc_request **p = &dc->requests; *p; p = &(*p)->next)
		if ((*p)->seq == seq) {
			struct dc_request *rq = *p;

			*p = rq->next;
			account(dc, rq->what, -1);
			return rq;
		}
	return NULL;
}

static void requests_drop(struct docker_client *dc, bool tell)
{
	while (dc->requests) {
		struct dc_request *rq = request_take(dc, dc->requests->seq);
		struct msg_docker_req req = { .engine = (uint8_t)dc->engine, .what = DOCKER_REQ_CANCEL, .cancel_seq = rq->seq };

		if (tell) /* one that does not get through ends by the broker's time limit, or with its next engine error */
			(void)dc->ops->send(dc->arg, rq->seq, &req);
		request_free(rq);
	}
	dc_containers_reset(dc);
	dc_networks_reset(dc);
}

/* ---- connecting ------------------------------------------------------------------------------------------ */

static void attempt(struct docker_client *dc)
{
	dc->state = DOCKER_CLIENT_VERSION;
	if (dc_send(dc, DOCKER_REQ_VERSION, "") == -EAGAIN) {
		dc->state = DOCKER_CLIENT_BACKOFF;
		dc->attempt_ns = dc->now_ns;
	}
}

static void drop_connection(struct docker_client *dc, bool tell)
{
	if ((dc->state == DOCKER_CLIENT_LIVE || dc->state == DOCKER_CLIENT_LISTING) && !dc->gap_from_ns)
		dc->gap_from_ns = dc->now_ns;
	dc->state = DOCKER_CLIENT_DOWN; /* so that nothing is sent from below */
	requests_drop(dc, tell);
	dc->resync_left = 0;
	dc->listed = dc->networks_listed = false;
}

static void back_off(struct docker_client *dc)
{
	dc->state = DOCKER_CLIENT_BACKOFF;
	dc->attempt_ns = dc->now_ns + dc->backoff_ns;
	dc->backoff_ns = dc->backoff_ns * 2 > DC_BACKOFF_MAX_NS ? DC_BACKOFF_MAX_NS : dc->backoff_ns * 2;
}

void dc_fail(struct docker_client *dc, int error)
{
	dc->stats.last_error = error;
	dc_log(dc, LOG_LVL_DEBUG, "engine %u: %s while in state %s", dc->engine, strerror(-error),
	       docker_client_state_name(dc->state));
	drop_connection(dc, true);
	back_off(dc);
}

void docker_client_engine(struct docker_client *dc, bool up, uint64_t now_ns)
{
	dc->now_ns = now_ns;
	if (!up && dc->up) {
		drop_connection(dc, true);
	} else if (up && (!dc->up || dc->state == DOCKER_CLIENT_DOWN)) {
		dc->backoff_ns = DC_BACKOFF_MIN_NS;
		dc->up = true;
		attempt(dc);
	} else if (up && dc->state == DOCKER_CLIENT_BACKOFF) {
		dc->backoff_ns = DC_BACKOFF_MIN_NS;
		attempt(dc);
	}
	dc->up = up;
}

void docker_client_broker_lost(struct docker_client *dc, uint64_t now_ns)
{
	dc->now_ns = now_ns;
	if (!dc->up || dc->state == DOCKER_CLIENT_DOWN)
		return;
	drop_connection(dc, false);
	back_off(dc);
}

void docker_client_broker_ready(struct docker_client *dc, uint64_t now_ns)
{
	dc->now_ns = now_ns;
	if (dc->up && dc->state == DOCKER_CLIENT_BACKOFF)
		attempt(dc);
}

static void version_answer(struct docker_client *dc, const struct dc_request *rq, int error)
{
	char since[64] = "";

	if (error == 0)
		error = docker_json_version(rq->buf, rq->len, &dc->info);
	if (error < 0) {
		dc_fail(dc, error);
		return;
	}
	dc->info.engine = dc->engine;
	dc->state = DOCKER_CLIENT_EVENTS;
	/* From the last event on: what happened meanwhile is repeated as far as the engine remembers (256 events). */
	if (dc->last_event_ns)
		snprintf(since, sizeof(since), "%" PRIu64 ".%09" PRIu64, (uint64_t)(dc->last_event_ns / NSEC_PER_SEC),
			 (uint64_t)(dc->last_event_ns % NSEC_PER_SEC));
	if (dc_send(dc, DOCKER_REQ_EVENTS, since) == -EAGAIN)
		dc_fail(dc, -EAGAIN);
}

/* The event stream stands: take stock. */
static void listing_begin(struct docker_client *dc)
{
	dc->state = DOCKER_CLIENT_LISTING;
	dc->stats.connects++;
	dc->epoch++;
	dc->listed = dc->networks_listed = false;
	dc->resync_left = 0;
	dc->resync = true;
	dc->ops->resync_begin(dc->arg, dc->engine);
	if (dc_send(dc, DOCKER_REQ_INFO, "") < 0 || dc_send(dc, DOCKER_REQ_NETWORKS, "") < 0 ||
	    dc_send(dc, DOCKER_REQ_CONTAINERS, "") < 0) {
		if (dc->state == DOCKER_CLIENT_LISTING)
			dc_fail(dc, -EAGAIN);
	}
}

void dc_resync_check(struct docker_client *dc)
{
	if (dc->state != DOCKER_CLIENT_LISTING || !dc->listed || !dc->networks_listed || dc->resync_left)
		return;
	dc->state = DOCKER_CLIENT_LIVE;
	dc->resync = false;
	dc->backoff_ns = DC_BACKOFF_MIN_NS;
	dc->audit_ns = dc->now_ns + DC_AUDIT_NS;
	dc->stats.last_error = 0;
	dc->ops->resync_end(dc->arg, dc->engine, dc->now_ns);
	if (dc->gap_from_ns) {
		uint64_t gap = dc->now_ns - dc->gap_from_ns;

		dc->gap_from_ns = 0;
		dc->stats.gaps++;
		dc->stats.gap_ns += gap;
		dc_lost(dc, DOCKER_LOST_GAP, gap);
	}
}

static void info_answer(struct docker_client *dc, const struct dc_request *rq, int error)
{
	if (error == 0)
		error = docker_json_info(rq->buf, rq->len, &dc->info);
	if (error < 0) {
		dc->stats.failed_requests++;
		dc_lost(dc, DOCKER_LOST_ANSWER, 1);
	}
	dc->ops->engine_info(dc->arg, &dc->info);
	if (dc->info.swarm_manager)
		dc_swarm_soon(dc);
}

/* ---- events ------------------------------------------------------------------------------------------------- */

static void event_line(struct docker_client *dc, const char *line, size_t len)
{
	struct docker_event *ev = &dc->event;

	while (len && (line[len - 1] == '\r' || line[len - 1] == ' '))
		len--;
	if (!len)
		return;
	if (docker_json_event(line, len, dc->engine, ev) < 0) {
		dc_lost(dc, DOCKER_LOST_LINE, 1);
		return;
	}
	dc->stats.events++;
	if (ev->time_ns > dc->last_event_ns)
		dc->last_event_ns = ev->time_ns;
	if (!strcmp(ev->type, "container")) {
		dc_container_event(dc, ev);
	} else if (!strcmp(ev->type, "network")) {
		dc_network_event(dc, ev);
		if (!strcmp(ev->action, "connect"))
			dc_container_connect(dc, ev);
		else if (!strcmp(ev->action, "disconnect"))
			dc_container_disconnect(dc, ev);
	} else if (!strcmp(ev->type, "service") || !strcmp(ev->type, "node")) {
		dc_swarm_soon(dc);
	} else if (!strcmp(ev->type, "daemon") && !strcmp(ev->action, "reload")) {
		(void)dc_send(dc, DOCKER_REQ_INFO, "");
	}
}

static struct dc_request *request_find(struct docker_client *dc, uint32_t seq)
{
	struct dc_request *rq = dc->requests;

	while (rq && rq->seq != seq)
		rq = rq->next;
	return rq;
}

/* Whole lines leave the buffer. What an event leads to can end the connection, and rq with it. */
static void event_lines(struct docker_client *dc, struct dc_request *rq)
{
	uint32_t seq = rq->seq;
	size_t done = 0;
	char *nl;

	while ((nl = memchr(rq->buf + done, '\n', rq->len - done))) {
		size_t at = done;

		done = (size_t)(nl - rq->buf) + 1;
		if (rq->skip_line) {
			rq->skip_line = false;
			continue;
		}
		event_line(dc, rq->buf + at, done - at - 1);
		if (!request_find(dc, seq))
			return;
	}
	memmove(rq->buf, rq->buf + done, rq->len - done);
	rq->len -= done;
	if (rq->len > DC_LINE_MAX) {
		if (!rq->skip_line)
			dc_lost(dc, DOCKER_LOST_LINE, 1);
		rq->skip_line = true;
		rq->len = 0;
	}
}

/* ---- answers --------------------------------------------------------------------------------------------------- */

static int request_append(struct dc_request *rq, const void *data, size_t len)
{
	size_t need = rq->len + len + 1;

	if (need > DC_BODY_MAX)
		return -EFBIG;
	if (need > rq->cap) {
		size_t cap = rq->cap ? rq->cap : 4096;
		char *p;

		while (cap < need)
			cap *= 2;
		p = realloc(rq->buf, cap);
		if (!p)
			return -ENOMEM;
		rq->buf = p;
		rq->cap = cap;
	}
	memcpy(rq->buf + rq->len, data, len);
	rq->len += len;
	rq->buf[rq->len] = '\0';
	return 0;
}

static void containers_answer(struct docker_client *dc, const struct dc_request *rq, int error)
{
	if (error == 0)
		dc_containers_list(dc, rq);
	else if (dc->state == DOCKER_CLIENT_LISTING)
		dc_fail(dc, error);
}

static void networks_answer(struct docker_client *dc, const struct dc_request *rq, int error)
{
	if (error == 0)
		dc_networks_list(dc, rq);
	else if (dc->state == DOCKER_CLIENT_LISTING)
		dc_fail(dc, error);
}

static void image_answer(struct docker_client *dc, const struct dc_request *rq, int error)
{
	if (dc->ops->image)
		dc->ops->image(dc->arg, dc->engine, rq->arg, error, error == 0 ? rq->buf : NULL, error == 0 ? rq->len : 0);
}

int docker_client_image(struct docker_client *dc, const char *image_id, uint64_t now_ns)
{
	dc->now_ns = now_ns;
	if ((dc->state != DOCKER_CLIENT_LIVE && dc->state != DOCKER_CLIENT_LISTING) || dc->in_flight >= DC_IN_FLIGHT_MAX)
		return -EAGAIN;
	return dc_send(dc, DOCKER_REQ_IMAGE, image_id) < 0 ? -EAGAIN : 0;
}

int docker_client_act(struct docker_client *dc, enum docker_req what, const char *cid, uint64_t now_ns)
{
	dc->now_ns = now_ns;
	if (dc->state != DOCKER_CLIENT_LIVE && dc->state != DOCKER_CLIENT_LISTING)
		return -ENOTCONN;
	return dc_send(dc, what, cid) < 0 ? -EAGAIN : 0;
}

static bool is_act(uint8_t what)
{
	return what == DOCKER_REQ_PAUSE || what == DOCKER_REQ_UNPAUSE || what == DOCKER_REQ_STOP;
}

/* 204: done; 304: it stopped before; 409: it is paused (or not) already. */
static void act_answer(struct docker_client *dc, const struct dc_request *rq, int error)
{
	if (error == 0)
		error = rq->http_status == 204 || rq->http_status == 304 ? 0 : rq->http_status == 404 ? -ENOENT :
			rq->http_status == 409 ? -EALREADY : -EREMOTEIO;
	if (error < 0)
		dc->stats.failed_requests++;
	if (dc->ops->acted)
		dc->ops->acted(dc->arg, dc->engine, (enum docker_req)rq->what, rq->arg, error);
}

static void answer(struct docker_client *dc, const struct dc_request *rq, int error)
{
	static void (*const takers[DOCKER_REQ_MAX])(struct docker_client *, const struct dc_request *, int) = {
		[DOCKER_REQ_VERSION] = version_answer,   [DOCKER_REQ_INFO] = info_answer,
		[DOCKER_REQ_CONTAINERS] = containers_answer, [DOCKER_REQ_CONTAINER] = dc_container_answer,
		[DOCKER_REQ_NETWORKS] = networks_answer, [DOCKER_REQ_NETWORK] = dc_network_answer,
		[DOCKER_REQ_NETWORK_PLAIN] = dc_network_answer, [DOCKER_REQ_TASKS] = dc_swarm_answer,
		[DOCKER_REQ_SERVICES] = dc_swarm_answer, [DOCKER_REQ_NODES] = dc_swarm_answer, [DOCKER_REQ_IMAGE] = image_answer,
	};

	if (is_act(rq->what)) {
		act_answer(dc, rq, error);
		return;
	}
	if (error == 0 && rq->too_big)
		error = -EFBIG;
	if (error == 0 && rq->http_status != 200)
		error = rq->http_status == 404 ? -ENOENT : rq->http_status == 503 ? -EPERM : -EREMOTEIO;
	if (error == 0 && !rq->buf)
		error = -EBADMSG;
	if (error < 0 && error != -ENOENT)
		dc->stats.failed_requests++;
	if (takers[rq->what])
		takers[rq->what](dc, rq, error);
}

static void events_stand(struct docker_client *dc, struct dc_request *rq)
{
	rq->headers = true;
	rq->deadline_ns = 0;
	listing_begin(dc);
}

static void events_chunk(struct docker_client *dc, struct dc_request *rq, const struct msg_docker_chunk *c, const void *data)
{
	if (rq->http_status && rq->http_status != 200) {
		dc->last_event_ns = 0; /* it may be the "since" that it does not take */
		dc_fail(dc, -EREMOTEIO);
		return;
	}
	if (rq->http_status && !rq->headers) {
		events_stand(dc, rq);
		if (dc->state != DOCKER_CLIENT_LISTING)
			return; /* failed: rq is gone */
	}
	if (c->len && request_append(rq, data, c->len) < 0) {
		dc_fail(dc, -ENOMEM);
		return;
	}
	if (c->len)
		event_lines(dc, rq);
}

void docker_client_chunk(struct docker_client *dc, const struct ipc_hdr *hdr, const struct msg_docker_chunk *c,
			 const void *data, uint64_t now_ns)
{
	struct dc_request *rq = request_find(dc, hdr->seq);

	dc->now_ns = now_ns;
	if (!rq)
		return;
	if (c->http_status)
		rq->http_status = c->http_status;
	if (rq->what == DOCKER_REQ_EVENTS) {
		if (c->flags & DOCKER_CHUNK_LAST)
			dc_fail(dc, c->error ? c->error : -ECONNRESET);
		else
			events_chunk(dc, rq, c, data);
	} else {
		if (c->len && !rq->too_big && request_append(rq, data, c->len) < 0)
			rq->too_big = true;
		if (c->flags & DOCKER_CHUNK_LAST) {
			_cleanup_(request_freep) struct dc_request *done = request_take(dc, hdr->seq);

			answer(dc, done, c->error);
		}
	}
	dc_pump(dc);
}

/* ---- time ---------------------------------------------------------------------------------------------------------- */

void dc_pump(struct docker_client *dc)
{
	if (dc->congested || dc->state < DOCKER_CLIENT_LISTING)
		return;
	dc_networks_pump(dc);
	dc_containers_pump(dc);
	dc_resync_check(dc);
}

static void requests_expire(struct docker_client *dc)
{
	for (struct dc_request *rq = dc->requests, *next; rq; rq = next) {
		struct msg_docker_req req = { .engine = (uint8_t)dc->engine, .what = DOCKER_REQ_CANCEL, .cancel_seq = rq->seq };

		next = rq->next;
		if (!rq->deadline_ns || rq->deadline_ns > dc->now_ns)
			continue;
		if (rq->what == DOCKER_REQ_EVENTS) {
			/* An engine that sends the headers with its first event. Should it be hanging, the list shows that. */
			events_stand(dc, rq);
			return;
		}
		(void)dc->ops->send(dc->arg, rq->seq, &req);
		(void)request_take(dc, rq->seq);
		answer(dc, rq, -ETIMEDOUT);
		request_free(rq);
		if (dc->state < DOCKER_CLIENT_VERSION)
			return;
		next = dc->requests; /* the answer may have changed the list: begin again, expired ones are gone from it */
	}
}

void docker_client_tick(struct docker_client *dc, uint64_t now_ns)
{
	dc->now_ns = now_ns;
	dc->congested = false;
	if (!dc->up)
		return;
	if (dc->state == DOCKER_CLIENT_BACKOFF && dc->attempt_ns <= now_ns)
		attempt(dc);
	requests_expire(dc);
	if (dc->state < DOCKER_CLIENT_LISTING)
		return;
	dc_containers_tick(dc);
	dc_networks_tick(dc);
	if (dc->state == DOCKER_CLIENT_LIVE && dc->audit_ns <= now_ns) {
		dc->audit_ns = now_ns + DC_AUDIT_NS;
		dc->epoch++;
		(void)dc_send(dc, DOCKER_REQ_CONTAINERS, "");
	}
	dc_pump(dc);
}

/* ---- life ----------------------------------------------------------------------------------------------------------- */

struct docker_client *docker_client_new(unsigned engine, const struct docker_client_ops *ops, void *arg)
{
	struct docker_client *dc = calloc(1, sizeof(*dc));

	if (!dc)
		return NULL;
	dc->engine = engine;
	dc->ops = ops;
	dc->arg = arg;
	dc->backoff_ns = DC_BACKOFF_MIN_NS;
	return dc;
}

void docker_client_free(struct docker_client *dc)
{
	if (!dc)
		return;
	dc->state = DOCKER_CLIENT_DOWN;
	requests_drop(dc, false);
	dc_containers_free(dc);
	dc_networks_free(dc);
	free(dc);
}

void docker_client_stats(const struct docker_client *dc, struct docker_client_stats *ret)
{
	*ret = dc->stats;
	ret->state = dc->state;
	ret->containers = dc->container_count;
	ret->networks = dc->network_count;
	ret->in_flight = dc->in_flight;
	ret->queued = dc->queued;
}
