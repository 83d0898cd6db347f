/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Discovery against a scripted engine: requests are held until the test answers them, events are the test's, time is a
 * number. What the client reports is written down as text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "sensor/watch/docker_client.h"

#define MS NSEC_PER_MSEC
#define NET "net000000001"
#define OVL "ovl000000001"
#define HELD_MAX 4096

struct held {
	uint32_t seq;
	struct msg_docker_req req;
};

struct world {
	struct docker_client *dc;
	uint64_t now;
	int send_result;
	struct held held[HELD_MAX];
	size_t held_count, inspects, max_inspects, sent[DOCKER_REQ_MAX];
	uint64_t lost[DOCKER_LOST_MAX], lost_sum[DOCKER_LOST_MAX];
	struct docker_engine_info info;
	char said[1 << 16];
	size_t said_len;
};

/* ---- what the client says ---------------------------------------------------------------------------- */

static void say(struct world *w, const char *fmt, ...) _printf_(2, 3);
static void say(struct world *w, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (w->said_len < sizeof(w->said) - 256)
		w->said_len += (size_t)vsnprintf(w->said + w->said_len, 256, fmt, ap);
	va_end(ap);
}

static int op_send(void *arg, uint32_t seq, const struct msg_docker_req *req)
{
	struct world *w = arg;

	if (w->send_result < 0)
		return w->send_result;
	w->sent[req->what]++;
	if (req->what == DOCKER_REQ_CANCEL) {
		for (size_t i = 0; i < w->held_count; i++)
			if (w->held[i].seq == req->cancel_seq) {
				w->inspects -= w->held[i].req.what == DOCKER_REQ_CONTAINER;
				w->held[i] = w->held[--w->held_count];
				break;
			}
		return 0;
	}
	assert_true(w->held_count < HELD_MAX);
	assert_int_equal(seq >> 24, req->engine + 1);
	w->held[w->held_count++] = (struct held){ seq, *req };
	w->inspects += req->what == DOCKER_REQ_CONTAINER;
	if (w->inspects > w->max_inspects)
		w->max_inspects = w->inspects;
	return 0;
}

static void op_put_container(void *arg, const struct ident_container *c)
{
	static const char *const states[] = { "created", "running", "paused", "restarting", "exited", "removed" };
	char addrs[256] = "", a[INET6_ADDRSTRLEN];

	for (unsigned i = 0; i < c->endpoint_count; i++)
		if (c->endpoints[i].addr4[10]) {
			size_t n = strlen(addrs);

			snprintf(addrs + n, sizeof(addrs) - n, " %s", inet_ntop(AF_INET, c->endpoints[i].addr4 + 12, a, sizeof(a)));
		}
	say(arg, "put %s %s %s [%s]%s\n", c->id, c->name, states[c->state], c->sandbox_name, addrs);
}

static void op_container_gone(void *arg, unsigned engine, const char *id, uint64_t now_ns)
{
	say(arg, "gone %s\n", id);
}

static void op_put_network(void *arg, const struct ident_network *n)
{
	say(arg, "network %s %s\n", n->id, n->driver);
}

static void op_network_gone(void *arg, unsigned engine, const char *id)
{
	say(arg, "network-gone %s\n", id);
}

static void op_put_remote(void *arg, unsigned engine, const char *network_id, const char *name, const uint8_t addr[16], const char *node)
{
	char a[INET6_ADDRSTRLEN];

	say(arg, "remote %s %s %s %s\n", network_id, name, inet_ntop(AF_INET, addr + 12, a, sizeof(a)), node);
}

static void op_resync_begin(void *arg, unsigned engine)
{
	say(arg, "begin\n");
}

static void op_resync_end(void *arg, unsigned engine, uint64_t now_ns)
{
	say(arg, "end\n");
}

static void op_engine_info(void *arg, const struct docker_engine_info *i)
{
	((struct world *)arg)->info = *i;
}

static void op_lost(void *arg, unsigned engine, enum docker_lost what, uint64_t n)
{
	struct world *w = arg;

	w->lost[what]++;
	w->lost_sum[what] += n;
}

static void op_log(void *arg, enum log_level lvl, const char *text)
{
}

static const struct docker_client_ops ops = {
	.send = op_send, .put_container = op_put_container, .container_gone = op_container_gone, .put_network = op_put_network,
	.network_gone = op_network_gone, .put_remote = op_put_remote, .resync_begin = op_resync_begin, .resync_end = op_resync_end,
	.engine_info = op_engine_info, .lost = op_lost, .log = op_log,
};

/* ---- the engine ------------------------------------------------------------------------------------------ */

static struct held *held(struct world *w, enum docker_req what, const char *arg)
{
	for (size_t i = 0; i < w->held_count; i++)
		if (w->held[i].req.what == what && (!arg || !strcmp(w->held[i].req.arg, arg)))
			return &w->held[i];
	return NULL;
}

static void chunk(struct world *w, const struct held *h, unsigned flags, int http, int error, const char *data, size_t len)
{
	struct msg_docker_chunk c = { .engine = h->req.engine, .what = h->req.what, .flags = (uint8_t)flags, .http_status = http,
				      .error = error, .len = (uint32_t)len };
	struct ipc_hdr hdr = { .type = MSG_DOCKER_CHUNK, .seq = h->seq, .len = (uint32_t)(sizeof(c) + len) };

	docker_client_chunk(w->dc, &hdr, &c, data, w->now);
}

static void finish(struct world *w, enum docker_req what, const char *arg, int http, int error, const char *body)
{
	struct held *h = held(w, what, arg), copy;

	if (!h)
		fail_msg("request %d %s is not under way", what, arg ? arg : "");
	copy = *h;
	w->inspects -= what == DOCKER_REQ_CONTAINER;
	*h = w->held[--w->held_count];
	if (http) {
		chunk(w, &copy, DOCKER_CHUNK_FIRST, http, 0, NULL, 0);
		chunk(w, &copy, 0, http, 0, body, strlen(body));
	}
	chunk(w, &copy, DOCKER_CHUNK_LAST, http, error, NULL, 0);
}

static void reply(struct world *w, enum docker_req what, const char *arg, const char *body)
{
	finish(w, what, arg, 200, 0, body);
}

static void stream(struct world *w, const char *text)
{
	struct held *h = held(w, DOCKER_REQ_EVENTS, NULL);

	assert_non_null(h);
	chunk(w, h, 0, 200, 0, text, strlen(text));
}

static void event(struct world *w, const char *action, const char *id, uint64_t t)
{
	char line[512];

	snprintf(line, sizeof(line),
		 "{\"Type\":\"container\",\"Action\":\"%s\",\"Actor\":{\"ID\":\"%s\",\"Attributes\":{\"name\":\"n-%s\",\"image\":\"i\"}},\"timeNano\":%llu}\n",
		 action, id, id, (unsigned long long)t);
	stream(w, line);
}

static void net_event(struct world *w, const char *action, const char *net, const char *id, uint64_t t)
{
	char line[512];

	snprintf(line, sizeof(line),
		 "{\"Type\":\"network\",\"Action\":\"%s\",\"Actor\":{\"ID\":\"%s\",\"Attributes\":{\"container\":\"%s\",\"type\":\"%s\"}},\"timeNano\":%llu}\n",
		 action, net, id, net[0] == 'o' ? "overlay" : "bridge", (unsigned long long)t);
	stream(w, line);
}

/* An inspect's answer; addr "": no address; started in seconds. */
static const char *inspect(const char *id, const char *status, const char *addr, const char *sandbox, unsigned started)
{
	static char text[1024];

	snprintf(text, sizeof(text),
		 "{\"Id\":\"%s\",\"Name\":\"/n-%s\",\"State\":{\"Status\":\"%s\",\"Pid\":5,\"StartedAt\":\"1970-01-01T00:00:%02uZ\"},"
		 "\"NetworkSettings\":{\"SandboxKey\":\"%s%s\",\"Networks\":{\"net\":{\"NetworkID\":\"" NET "\",\"IPAddress\":\"%s\"}}}}",
		 id, id, status, started, *sandbox ? "/x/" : "", sandbox, addr);
	return text;
}

static const char *members(const char *id, const char *addr)
{
	static char text[512];

	snprintf(text, sizeof(text),
		 "{\"Id\":\"" NET "\",\"Name\":\"net\",\"Driver\":\"bridge\",\"Containers\":{\"%s\":{\"Name\":\"n\",\"IPv4Address\":\"%s/24\"}}}", id, addr);
	return text;
}

static bool said(struct world *w, const char *text)
{
	return strstr(w->said, text) != NULL;
}

static void forget(struct world *w)
{
	w->said_len = 0;
	w->said[0] = '\0';
}

static void tick(struct world *w, uint64_t by)
{
	w->now += by;
	docker_client_tick(w->dc, w->now);
}

static enum docker_client_state state_of(struct world *w)
{
	struct docker_client_stats s;

	docker_client_stats(w->dc, &s);
	return s.state;
}

#define VERSION "{\"ApiVersion\":\"1.41\",\"MinAPIVersion\":\"1.12\"}"
#define NETWORKS "[{\"Id\":\"" NET "\",\"Name\":\"net\",\"Driver\":\"bridge\"}]"

static void headers(struct world *w)
{
	struct held h = *held(w, DOCKER_REQ_EVENTS, NULL);

	chunk(w, &h, DOCKER_CHUNK_FIRST, 200, 0, NULL, 0);
}

/* From "engine up" (or the end of a back-off) to the lists being answered. */
static void connect_with(struct world *w, const char *containers)
{
	reply(w, DOCKER_REQ_VERSION, NULL, VERSION);
	headers(w);
	reply(w, DOCKER_REQ_INFO, NULL, "{\"Name\":\"node\"}");
	reply(w, DOCKER_REQ_NETWORKS, NULL, NETWORKS);
	reply(w, DOCKER_REQ_CONTAINERS, NULL, containers);
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	w->now = 1000 * NSEC_PER_SEC;
	w->dc = docker_client_new(0, &ops, w);
	*state = w;
	return w->dc ? 0 : -1;
}

static int setup_live(void **state)
{
	struct world *w;

	if (setup(state) < 0)
		return -1;
	w = *state;
	docker_client_engine(w->dc, true, w->now);
	connect_with(w, "[]");
	forget(w);
	return state_of(w) == DOCKER_CLIENT_LIVE ? 0 : -1;
}

static int teardown(void **state)
{
	struct world *w = *state;

	docker_client_free(w->dc);
	free(w);
	return 0;
}

#define A "aaaaaaaaaaaa"
#define B "bbbbbbbbbbbb"
#define C "cccccccccccc"

/* ---- connecting -------------------------------------------------------------------------------------------- */

static void test_connect_events_before_list(void **state)
{
	struct world *w = *state;

	tick(w, 100 * MS);
	assert_int_equal(w->held_count, 0);
	docker_client_engine(w->dc, true, w->now);
	assert_int_equal(w->held_count, 1);
	reply(w, DOCKER_REQ_VERSION, NULL, VERSION);
	assert_int_equal(w->held_count, 1);
	assert_non_null(held(w, DOCKER_REQ_EVENTS, ""));
	assert_false(said(w, "begin"));
	headers(w);
	assert_string_equal(w->said, "begin\n");
	assert_non_null(held(w, DOCKER_REQ_CONTAINERS, ""));
	reply(w, DOCKER_REQ_INFO, NULL, "{\"Name\":\"node\"}");
	assert_string_equal(w->info.name, "node");
	assert_string_equal(w->info.api_version, "1.41");
	reply(w, DOCKER_REQ_CONTAINERS, NULL, "[{\"Id\":\"" A "\",\"State\":\"running\"},{\"Id\":\"" B "\",\"State\":\"exited\"},{\"Id\":\"" C "\",\"State\":\"created\"}]");
	reply(w, DOCKER_REQ_NETWORKS, NULL, NETWORKS);
	assert_false(said(w, "end"));
	assert_null(held(w, DOCKER_REQ_CONTAINER, B));
	reply(w, DOCKER_REQ_CONTAINER, A, inspect(A, "running", "10.0.0.2", "sbA", 9));
	assert_string_equal(w->said, "begin\nput " C "  created []\nnetwork " NET " bridge\nput " A " n-" A " running [sbA] 10.0.0.2\nend\n");
	assert_int_equal(state_of(w), DOCKER_CLIENT_LIVE);
	assert_int_equal(w->lost[DOCKER_LOST_GAP], 0);
}

static void test_connect_backs_off(void **state)
{
	static const unsigned waits[] = { 200, 400, 800, 1600, 3200, 5000, 5000 };
	struct world *w = *state;

	docker_client_engine(w->dc, true, w->now);
	for (size_t i = 0; i < ARRAY_SIZE(waits); i++) {
		finish(w, DOCKER_REQ_VERSION, NULL, 0, -ECONNREFUSED, "");
		tick(w, (waits[i] - 1) * MS);
		assert_int_equal(w->held_count, 0);
		tick(w, MS);
		assert_int_equal(w->held_count, 1);
	}
	connect_with(w, "[]");
	assert_int_equal(state_of(w), DOCKER_CLIENT_LIVE);
	assert_int_equal(w->lost[DOCKER_LOST_GAP], 0);
}

/* Headers that come with the first event only; and an engine that hangs altogether. */
static void test_connect_without_headers(void **state)
{
	struct world *w = *state;

	docker_client_engine(w->dc, true, w->now);
	reply(w, DOCKER_REQ_VERSION, NULL, VERSION);
	tick(w, 4900 * MS);
	assert_null(held(w, DOCKER_REQ_CONTAINERS, NULL));
	tick(w, 200 * MS);
	assert_non_null(held(w, DOCKER_REQ_CONTAINERS, NULL));
	headers(w); /* at last */
	assert_int_equal(w->sent[DOCKER_REQ_CONTAINERS], 1);
	finish(w, DOCKER_REQ_CONTAINERS, NULL, 0, -ETIMEDOUT, "");
	assert_int_equal(state_of(w), DOCKER_CLIENT_BACKOFF);
	tick(w, 200 * MS);
	reply(w, DOCKER_REQ_VERSION, NULL, VERSION);
	finish(w, DOCKER_REQ_EVENTS, NULL, 400, 0, "{}"); /* a "since" it does not take, for example */
	assert_int_equal(state_of(w), DOCKER_CLIENT_BACKOFF);
	tick(w, 5000 * MS);
	reply(w, DOCKER_REQ_VERSION, NULL, VERSION);
	assert_non_null(held(w, DOCKER_REQ_EVENTS, ""));
}

static void test_gap_resyncs_since_last_event(void **state)
{
	struct world *w = *state;

	event(w, "create", A, 5 * NSEC_PER_SEC + 7);
	event(w, "start", A, 5 * NSEC_PER_SEC + 8);
	reply(w, DOCKER_REQ_CONTAINER, A, inspect(A, "running", "10.0.0.2", "sbA", 5));
	event(w, "create", B, 6 * NSEC_PER_SEC + 9);
	forget(w);
	finish(w, DOCKER_REQ_EVENTS, NULL, 0, 0, "");
	assert_int_equal(state_of(w), DOCKER_CLIENT_BACKOFF);
	tick(w, 200 * MS);
	reply(w, DOCKER_REQ_VERSION, NULL, VERSION);
	assert_non_null(held(w, DOCKER_REQ_EVENTS, "6.000000009"));
	headers(w);
	reply(w, DOCKER_REQ_INFO, NULL, "{}");
	reply(w, DOCKER_REQ_NETWORKS, NULL, "[]");
	w->now += 100 * MS;
	/* B's end was missed; A goes on */
	reply(w, DOCKER_REQ_CONTAINERS, NULL, "[{\"Id\":\"" A "\",\"State\":\"running\"}]");
	assert_true(said(w, "gone " B));
	assert_true(said(w, "network-gone " NET));
	assert_false(said(w, "end"));
	reply(w, DOCKER_REQ_CONTAINER, A, inspect(A, "running", "10.0.0.2", "sbA", 5));
	assert_true(said(w, "end"));
	assert_int_equal(w->lost[DOCKER_LOST_GAP], 1);
	assert_true(w->lost_sum[DOCKER_LOST_GAP] == 300 * MS);
}

/* In a resynchronisation an inspect that fails must not make a running container disappear. */
static void test_resync_survives_failed_inspect(void **state)
{
	struct world *w = *state;

	docker_client_engine(w->dc, true, w->now);
	connect_with(w, "[{\"Id\":\"" A "\",\"Names\":[\"/web\"],\"State\":\"running\"}]");
	for (int i = 0; i < 4; i++) {
		finish(w, DOCKER_REQ_CONTAINER, A, 500, 0, "{}");
		assert_int_equal(said(w, "end"), i == 3);
		tick(w, 600 * MS);
	}
	assert_true(said(w, "put " A " web running"));
	assert_int_equal(w->lost[DOCKER_LOST_ANSWER], 1);
}

static void test_list_fails_connects_anew(void **state)
{
	struct world *w = *state;

	docker_client_engine(w->dc, true, w->now);
	connect_with(w, "{not a list}");
	assert_int_equal(state_of(w), DOCKER_CLIENT_BACKOFF);
	assert_int_equal(w->held_count, 0); /* all cancelled, the event stream too */
	tick(w, 200 * MS);
	connect_with(w, "[]");
	assert_int_equal(state_of(w), DOCKER_CLIENT_LIVE);
}

static void test_broker_lost_and_ready(void **state)
{
	struct world *w = *state;

	docker_client_broker_lost(w->dc, w->now);
	w->held_count = 0;
	assert_int_equal(state_of(w), DOCKER_CLIENT_BACKOFF);
	w->send_result = -EPIPE;
	tick(w, 200 * MS);
	assert_int_equal(state_of(w), DOCKER_CLIENT_BACKOFF);
	w->send_result = 0;
	docker_client_broker_ready(w->dc, w->now);
	connect_with(w, "[]");
	assert_int_equal(w->lost[DOCKER_LOST_GAP], 1);
}

static void test_send_full_is_tried_again(void **state)
{
	struct world *w = *state;

	w->send_result = -EAGAIN;
	net_event(w, "connect", NET, A, 5);
	assert_null(held(w, DOCKER_REQ_CONTAINER, A));
	w->send_result = 0;
	tick(w, 50 * MS);
	assert_non_null(held(w, DOCKER_REQ_CONTAINER, A));
	assert_non_null(held(w, DOCKER_REQ_NETWORK_PLAIN, NET));
}

static void test_engine_down_and_up(void **state)
{
	struct world *w = *state;

	event(w, "create", A, 1);
	docker_client_engine(w->dc, false, w->now);
	assert_int_equal(w->held_count, 0);
	tick(w, 10 * NSEC_PER_SEC);
	assert_int_equal(w->held_count, 0);
	docker_client_engine(w->dc, true, w->now);
	connect_with(w, "[{\"Id\":\"" A "\",\"State\":\"created\"}]");
	assert_int_equal(state_of(w), DOCKER_CLIENT_LIVE);
	assert_true(w->lost_sum[DOCKER_LOST_GAP] == 10 * NSEC_PER_SEC);
}

static void test_request_without_answer_times_out(void **state)
{
	struct world *w = *state;

	net_event(w, "connect", NET, A, 5);
	tick(w, 31 * NSEC_PER_SEC);
	assert_true(w->sent[DOCKER_REQ_CANCEL] >= 2);
	assert_null(held(w, DOCKER_REQ_CONTAINER, A));
	tick(w, 600 * MS);
	assert_non_null(held(w, DOCKER_REQ_CONTAINER, A));
	assert_int_equal(state_of(w), DOCKER_CLIENT_LIVE);
}

/* ---- short lives --------------------------------------------------------------------------------------------- */

static void test_short_inspected_alive(void **state)
{
	struct world *w = *state;

	event(w, "create", A, 1 * NSEC_PER_SEC);
	net_event(w, "connect", NET, A, 2 * NSEC_PER_SEC);
	assert_non_null(held(w, DOCKER_REQ_CONTAINER, A)); /* at once */
	assert_non_null(held(w, DOCKER_REQ_NETWORK_PLAIN, NET));
	event(w, "start", A, 3 * NSEC_PER_SEC);
	event(w, "die", A, 4 * NSEC_PER_SEC);
	net_event(w, "disconnect", NET, A, 4 * NSEC_PER_SEC);
	forget(w);
	reply(w, DOCKER_REQ_CONTAINER, A, inspect(A, "running", "10.0.0.2", "sbA", 3));
	assert_string_equal(w->said, "put " A " n-" A " exited [sbA] 10.0.0.2\ngone " A "\n");
	event(w, "destroy", A, 5 * NSEC_PER_SEC);
	assert_null(held(w, DOCKER_REQ_CONTAINER, A));
	assert_int_equal(w->lost[DOCKER_LOST_LATE], 0);
}

static void test_short_answer_in_time_needs_no_second(void **state)
{
	struct world *w = *state;

	event(w, "create", A, 1 * NSEC_PER_SEC);
	net_event(w, "connect", NET, A, 2 * NSEC_PER_SEC);
	reply(w, DOCKER_REQ_CONTAINER, A, inspect(A, "running", "10.0.0.2", "sbA", 3));
	assert_true(said(w, "put " A " n-" A " running [sbA] 10.0.0.2\n"));
	event(w, "start", A, 3 * NSEC_PER_SEC + 5);
	assert_null(held(w, DOCKER_REQ_CONTAINER, A));
	assert_int_equal(w->sent[DOCKER_REQ_CONTAINER], 1);
	forget(w);
	event(w, "die", A, 4 * NSEC_PER_SEC);
	assert_string_equal(w->said, "gone " A "\n");
}

/* The inspect saw the corpse: sandbox from there, address from the network's record. */
static void test_short_late_inspect_keeps_network_record(void **state)
{
	struct world *w = *state;

	event(w, "create", A, 1 * NSEC_PER_SEC);
	net_event(w, "connect", NET, A, 2 * NSEC_PER_SEC);
	reply(w, DOCKER_REQ_NETWORK_PLAIN, NET, members(A, "10.0.0.7"));
	assert_true(said(w, "put " A " n-" A " created [] 10.0.0.7\n"));
	event(w, "start", A, 3 * NSEC_PER_SEC);
	event(w, "die", A, 4 * NSEC_PER_SEC);
	forget(w);
	reply(w, DOCKER_REQ_CONTAINER, A, inspect(A, "exited", "", "sbA", 3));
	assert_string_equal(w->said, "put " A " n-" A " exited [sbA] 10.0.0.7\ngone " A "\n");
	event(w, "destroy", A, 5 * NSEC_PER_SEC);
	assert_int_equal(w->lost[DOCKER_LOST_LATE], 0);
}

static void test_short_vanished_is_counted(void **state)
{
	struct world *w = *state;

	event(w, "create", A, 1 * NSEC_PER_SEC);
	event(w, "start", A, 3 * NSEC_PER_SEC);
	event(w, "die", A, 4 * NSEC_PER_SEC);
	event(w, "destroy", A, 4 * NSEC_PER_SEC);
	finish(w, DOCKER_REQ_CONTAINER, A, 404, 0, "{}");
	assert_int_equal(w->lost[DOCKER_LOST_LATE], 1);
	assert_true(said(w, "put " A " n-" A " created")); /* named all the same */
	assert_true(said(w, "gone " A));
	assert_int_equal(w->held_count, 1); /* the event stream */
}

static void test_exited_does_not_wipe(void **state)
{
	struct world *w = *state;

	event(w, "start", A, 3 * NSEC_PER_SEC);
	reply(w, DOCKER_REQ_CONTAINER, A, inspect(A, "running", "10.0.0.2", "sbA", 3));
	net_event(w, "disconnect", NET, A, 4 * NSEC_PER_SEC);
	tick(w, 150 * MS); /* settled: asked before the death is told */
	forget(w);
	reply(w, DOCKER_REQ_CONTAINER, A, inspect(A, "exited", "", "", 3));
	assert_string_equal(w->said, "put " A " n-" A " exited [sbA] 10.0.0.2\ngone " A "\n");
}

static void test_start_while_inspecting_asks_again_if_too_early(void **state)
{
	struct world *w = *state;

	event(w, "create", A, 1 * NSEC_PER_SEC);
	net_event(w, "connect", NET, A, 2 * NSEC_PER_SEC);
	event(w, "start", A, 3 * NSEC_PER_SEC);
	reply(w, DOCKER_REQ_CONTAINER, A, inspect(A, "created", "", "", 0));
	assert_non_null(held(w, DOCKER_REQ_CONTAINER, A));
	reply(w, DOCKER_REQ_CONTAINER, A, inspect(A, "running", "10.0.0.2", "sbA", 3));
	assert_true(said(w, "put " A " n-" A " running [sbA] 10.0.0.2\n"));
	assert_null(held(w, DOCKER_REQ_CONTAINER, A));
}

/* ---- changes -------------------------------------------------------------------------------------------------- */

static void test_restart_is_a_new_life(void **state)
{
	struct world *w = *state;

	event(w, "start", A, 3 * NSEC_PER_SEC);
	reply(w, DOCKER_REQ_CONTAINER, A, inspect(A, "running", "10.0.0.2", "sbA", 3));
	event(w, "die", A, 4 * NSEC_PER_SEC);
	net_event(w, "connect", NET, A, 5 * NSEC_PER_SEC);
	event(w, "start", A, 6 * NSEC_PER_SEC);
	forget(w);
	reply(w, DOCKER_REQ_CONTAINER, A, inspect(A, "running", "10.0.0.9", "sbB", 6));
	assert_string_equal(w->said, "put " A " n-" A " running [sbB] 10.0.0.9\n");
}

/* The second life is as short as the first one was long: nothing of the first may be taken for it. */
static void test_restart_short_second_life(void **state)
{
	struct world *w = *state;

	event(w, "start", A, 3 * NSEC_PER_SEC);
	reply(w, DOCKER_REQ_CONTAINER, A, inspect(A, "running", "10.0.0.2", "sbA", 3));
	event(w, "die", A, 4 * NSEC_PER_SEC);
	net_event(w, "connect", NET, A, 5 * NSEC_PER_SEC);
	reply(w, DOCKER_REQ_NETWORK_PLAIN, NET, members(A, "10.0.0.9"));
	event(w, "start", A, 6 * NSEC_PER_SEC);
	event(w, "die", A, 6 * NSEC_PER_SEC + 1);
	forget(w);
	reply(w, DOCKER_REQ_CONTAINER, A, inspect(A, "exited", "", "sbB", 6));
	assert_string_equal(w->said, "put " A " n-" A " exited [sbB] 10.0.0.9\ngone " A "\n");
}

/* What happens while an inspect is under way may not be in its answer. */
static void test_connect_while_inspecting_asks_again(void **state)
{
	struct world *w = *state;

	event(w, "start", A, 3 * NSEC_PER_SEC);
	net_event(w, "connect", NET, A, 4 * NSEC_PER_SEC);
	reply(w, DOCKER_REQ_CONTAINER, A, inspect(A, "running", "", "sbA", 3));
	reply(w, DOCKER_REQ_CONTAINER, A, inspect(A, "running", "10.0.0.2", "sbA", 3));
	assert_true(said(w, "put " A " n-" A " running [sbA] 10.0.0.2\n"));
	assert_null(held(w, DOCKER_REQ_CONTAINER, A));
}

static void test_duplicates_and_disorder(void **state)
{
	struct world *w = *state;

	event(w, "start", A, 3 * NSEC_PER_SEC);
	reply(w, DOCKER_REQ_CONTAINER, A, inspect(A, "running", "10.0.0.2", "sbA", 3));
	forget(w);
	event(w, "die", A, 2 * NSEC_PER_SEC);   /* of an earlier life */
	event(w, "start", A, 3 * NSEC_PER_SEC); /* twice */
	event(w, "create", A, 1 * NSEC_PER_SEC);
	event(w, "destroy", B, 3 * NSEC_PER_SEC); /* never seen */
	event(w, "health_status: healthy", A, 3 * NSEC_PER_SEC);
	assert_string_equal(w->said, "");
	assert_int_equal(w->held_count, 1);
	event(w, "die", A, 4 * NSEC_PER_SEC);
	event(w, "start", A, 3 * NSEC_PER_SEC); /* late repetition */
	assert_string_equal(w->said, "gone " A "\n");
	assert_int_equal(w->held_count, 1);
	event(w, "destroy", A, 5 * NSEC_PER_SEC);
	event(w, "destroy", A, 5 * NSEC_PER_SEC);
	assert_string_equal(w->said, "gone " A "\ngone " A "\n");
}

static void test_pause_rename_disconnect(void **state)
{
	struct world *w = *state;

	event(w, "start", A, 3 * NSEC_PER_SEC);
	reply(w, DOCKER_REQ_CONTAINER, A, inspect(A, "running", "10.0.0.2", "sbA", 3));
	forget(w);
	event(w, "pause", A, 4 * NSEC_PER_SEC);
	event(w, "unpause", A, 5 * NSEC_PER_SEC);
	stream(w, "{\"Type\":\"container\",\"Action\":\"rename\",\"Actor\":{\"ID\":\"" A "\",\"Attributes\":{\"name\":\"new\",\"oldName\":\"/n-" A "\"}}}\n");
	assert_string_equal(w->said, "put " A " n-" A " paused [sbA] 10.0.0.2\nput " A " n-" A " running [sbA] 10.0.0.2\n"
				     "put " A " new running [sbA] 10.0.0.2\n");
	net_event(w, "disconnect", NET, A, 6 * NSEC_PER_SEC);
	assert_null(held(w, DOCKER_REQ_CONTAINER, A)); /* it may be dying */
	tick(w, 150 * MS);
	forget(w);
	reply(w, DOCKER_REQ_CONTAINER, A, "{\"Id\":\"" A "\",\"Name\":\"/new\",\"State\":{\"Status\":\"running\"},\"NetworkSettings\":{}}");
	assert_string_equal(w->said, "put " A " new running []\n");
}

static void test_audit_finds_what_was_missed(void **state)
{
	struct world *w = *state;

	event(w, "start", A, 3 * NSEC_PER_SEC);
	reply(w, DOCKER_REQ_CONTAINER, A, inspect(A, "running", "10.0.0.2", "sbA", 3));
	event(w, "start", B, 3 * NSEC_PER_SEC);
	reply(w, DOCKER_REQ_CONTAINER, B, inspect(B, "running", "10.0.0.3", "sbB", 3));
	forget(w);
	tick(w, 61 * NSEC_PER_SEC);
	reply(w, DOCKER_REQ_CONTAINERS, NULL, "[{\"Id\":\"" A "\",\"State\":\"running\"},{\"Id\":\"" C "\",\"State\":\"running\"}]");
	assert_string_equal(w->said, "gone " B "\n");
	assert_null(held(w, DOCKER_REQ_CONTAINER, A));
	reply(w, DOCKER_REQ_CONTAINER, C, inspect(C, "running", "10.0.0.4", "sbC", 3));
	assert_true(said(w, "put " C " n-" C " running"));
}

/* ---- many ---------------------------------------------------------------------------------------------------------- */

static void finish_any(struct world *w)
{
	char id[16];

	snprintf(id, sizeof(id), "%.15s", held(w, DOCKER_REQ_CONTAINER, NULL)->req.arg);
	reply(w, DOCKER_REQ_CONTAINER, id, inspect(id, "running", "10.0.0.2", "sb", 3));
}

static void test_thousand_urgent_first(void **state)
{
	static char list[1000 * 64];
	struct world *w = *state;
	size_t n = 0;
	char id[16];

	docker_client_engine(w->dc, true, w->now);
	for (int i = 0; i < 1000; i++)
		n += (size_t)snprintf(list + n, sizeof(list) - n, "%s{\"Id\":\"c%012d\",\"State\":\"running\"}", i ? "," : "[", i);
	snprintf(list + n, sizeof(list) - n, "]");
	connect_with(w, list);
	for (int i = 0; i < 500; i++)
		finish_any(w);
	assert_int_equal(w->max_inspects, 4); /* the list is not urgent */
	net_event(w, "connect", NET, A, 5);
	assert_non_null(held(w, DOCKER_REQ_CONTAINER, A)); /* at once, past 496 that wait */
	for (int i = 0; i < 15; i++) {
		snprintf(id, sizeof(id), "u%012d", i);
		net_event(w, "connect", NET, id, 6);
	}
	net_event(w, "connect", NET, B, 7);
	net_event(w, "connect", NET, C, 8);
	assert_int_equal(w->inspects, 20);
	assert_null(held(w, DOCKER_REQ_CONTAINER, B)); /* all slots taken */
	assert_non_null(held(w, DOCKER_REQ_NETWORK_PLAIN, NET)); /* has slots of its own */
	reply(w, DOCKER_REQ_CONTAINER, A, inspect(A, "running", "10.0.0.2", "sb", 3));
	assert_non_null(held(w, DOCKER_REQ_CONTAINER, C)); /* the newest first */
	assert_null(held(w, DOCKER_REQ_CONTAINER, B));
	reply(w, DOCKER_REQ_CONTAINER, C, inspect(C, "running", "10.0.0.2", "sb", 3));
	assert_non_null(held(w, DOCKER_REQ_CONTAINER, B));
	while (held(w, DOCKER_REQ_CONTAINER, NULL)) {
		assert_false(said(w, "end\n"));
		forget(w);
		finish_any(w);
	}
	assert_true(said(w, "end\n"));
	assert_int_equal(w->max_inspects, 20);
	assert_int_equal(w->sent[DOCKER_REQ_CONTAINER], 1018);
}

/* ---- the stream ------------------------------------------------------------------------------------------------------ */

static void test_stream_in_pieces(void **state)
{
	static const char line[] = "{\"Type\":\"container\",\"Action\":\"create\",\"Actor\":{\"ID\":\"" A "\",\"Attributes\":{\"name\":\"x\"}}}\n";
	struct world *w = *state;
	char piece[2] = "";

	for (size_t i = 0; line[i]; i++) {
		assert_false(said(w, "put"));
		piece[0] = line[i];
		stream(w, piece);
	}
	assert_string_equal(w->said, "put " A " x created []\n");
	stream(w, "\n\r\n{bad}\n");
	assert_int_equal(w->lost[DOCKER_LOST_LINE], 1);
}

static void test_stream_endless_line(void **state)
{
	static char junk[60001];
	struct world *w = *state;

	memset(junk, 'x', sizeof(junk) - 1);
	for (int i = 0; i < 100; i++)
		stream(w, junk);
	stream(w, "\n");
	assert_int_equal(w->lost[DOCKER_LOST_LINE], 1);
	event(w, "create", A, 5);
	assert_true(said(w, "put " A));
}

/* ---- networks ----------------------------------------------------------------------------------------------------------- */

#define VERBOSE                                                                                                                     \
	"{\"Id\":\"" OVL "\",\"Name\":\"o\",\"Driver\":\"overlay\",\"Containers\":{},\"Peers\":[{},{}],\"Services\":{\"\":{\"Tasks\":" \
	"[{\"Name\":\"own\",\"EndpointIP\":\"10.0.9.8\",\"Info\":{\"Host IP\":\"\"}},{\"Name\":\"far\",\"EndpointIP\":\"10.0.9.9\",\"Info\":{\"Host IP\":\"192.168.99.2\"}}]}}}"

static void test_overlay_remotes(void **state)
{
	struct world *w = *state;

	net_event(w, "create", OVL, "", 5);
	reply(w, DOCKER_REQ_NETWORK, OVL, VERBOSE);
	assert_string_equal(w->said, "network " OVL " overlay\nremote " OVL " far 10.0.9.9 192.168.99.2\n");
	tick(w, 9 * NSEC_PER_SEC);
	assert_null(held(w, DOCKER_REQ_NETWORK, OVL));
	tick(w, 1 * NSEC_PER_SEC);
	reply(w, DOCKER_REQ_NETWORK, OVL, VERBOSE); /* every 10 s */
	docker_client_want_remote(w->dc, OVL, w->now);
	assert_null(held(w, DOCKER_REQ_NETWORK, OVL)); /* at most once a second */
	docker_client_want_remote(w->dc, "unknown", w->now);
	tick(w, 1 * NSEC_PER_SEC);
	reply(w, DOCKER_REQ_NETWORK, OVL, VERBOSE);
	net_event(w, "connect", OVL, A, 6);
	assert_non_null(held(w, DOCKER_REQ_NETWORK, OVL));
	net_event(w, "connect", OVL, B, 7); /* while under way: once more afterwards */
	reply(w, DOCKER_REQ_NETWORK, OVL, VERBOSE);
	reply(w, DOCKER_REQ_NETWORK, OVL, VERBOSE);
	assert_null(held(w, DOCKER_REQ_NETWORK, OVL));
	net_event(w, "destroy", OVL, "", 8);
	assert_true(said(w, "network-gone " OVL));
}

/* An engine that does not say the driver in its event: found out by a plain look, then looked at in full. */
static void test_overlay_found_by_plain_look(void **state)
{
	struct world *w = *state;

	stream(w, "{\"Type\":\"network\",\"Action\":\"create\",\"Actor\":{\"ID\":\"" OVL "\"}}\n");
	reply(w, DOCKER_REQ_NETWORK_PLAIN, OVL, "{\"Id\":\"" OVL "\",\"Driver\":\"overlay\"}");
	reply(w, DOCKER_REQ_NETWORK, OVL, VERBOSE);
	assert_true(said(w, "remote " OVL " far"));
}

static void test_network_found_missing(void **state)
{
	struct world *w = *state;

	net_event(w, "create", OVL, "", 5);
	finish(w, DOCKER_REQ_NETWORK, OVL, 404, 0, "{}");
	assert_false(said(w, "network-gone")); /* it was never reported */
	tick(w, 60 * MS);
	assert_null(held(w, DOCKER_REQ_NETWORK, OVL));
}

static void test_swarm_manager(void **state)
{
	struct world *w = *state;

	docker_client_engine(w->dc, true, w->now);
	reply(w, DOCKER_REQ_VERSION, NULL, VERSION);
	headers(w);
	reply(w, DOCKER_REQ_INFO, NULL, "{\"Swarm\":{\"NodeID\":\"node00000001\",\"LocalNodeState\":\"active\",\"ControlAvailable\":true}}");
	reply(w, DOCKER_REQ_NETWORKS, NULL, NETWORKS);
	reply(w, DOCKER_REQ_CONTAINERS, NULL, "[]");
	forget(w);
	tick(w, 1100 * MS);
	reply(w, DOCKER_REQ_NODES, NULL, "[{\"ID\":\"node00000002\",\"Status\":{\"Addr\":\"192.168.99.2\"}}]");
	reply(w, DOCKER_REQ_SERVICES, NULL,
	      "[{\"ID\":\"service00001\",\"Spec\":{\"Name\":\"svc\"},\"Endpoint\":{\"VirtualIPs\":[{\"NetworkID\":\"" OVL "\",\"Addr\":\"10.0.9.11/24\"}]}}]");
	reply(w, DOCKER_REQ_TASKS, NULL,
	      "[{\"ID\":\"task00000001\",\"ServiceID\":\"service00001\",\"Slot\":1,\"NodeID\":\"node00000002\",\"Status\":{\"State\":\"running\"},"
	      "\"NetworksAttachments\":[{\"Network\":{\"ID\":\"" OVL "\"},\"Addresses\":[\"10.0.9.12/24\"]}]},"
	      "{\"ID\":\"task00000002\",\"ServiceID\":\"service00001\",\"Slot\":2,\"NodeID\":\"node00000001\",\"Status\":{\"State\":\"running\"},"
	      "\"NetworksAttachments\":[{\"Network\":{\"ID\":\"" OVL "\"},\"Addresses\":[\"10.0.9.13/24\"]}]}]");
	assert_string_equal(w->said, "remote " OVL " svc 10.0.9.11 \nremote " OVL " svc.1.task00000001 10.0.9.12 192.168.99.2\n");
	tick(w, 29 * NSEC_PER_SEC);
	assert_null(held(w, DOCKER_REQ_NODES, NULL));
	tick(w, 2 * NSEC_PER_SEC);
	assert_non_null(held(w, DOCKER_REQ_NODES, NULL));
}

/* ---- anything goes ----------------------------------------------------------------------------------------------------- */

/* Any order of events, answers, failures: bounds hold, and it comes to rest once the engine behaves. */
static void test_random_engine(void **state)
{
	static const char *const actions[] = { "create", "start", "die", "pause", "unpause", "rename", "destroy" };
	static const char *const states[] = { "created", "running", "paused", "restarting", "exited", "removing" };
	struct world *w = *state;
	unsigned seed = 7;

	for (int i = 0; i < 60000; i++) {
		unsigned k = (unsigned)rand_r(&seed) % 100;
		char id[16];

		snprintf(id, sizeof(id), "c%011d", rand_r(&seed) % 30);
		if (state_of(w) >= DOCKER_CLIENT_LISTING && k < 35)
			event(w, actions[(unsigned)rand_r(&seed) % 7], id, (uint64_t)(rand_r(&seed) % 60) * NSEC_PER_SEC);
		else if (state_of(w) >= DOCKER_CLIENT_LISTING && k < 50)
			net_event(w, k % 2 ? "connect" : "disconnect", k % 3 ? NET : OVL, id, (uint64_t)(rand_r(&seed) % 60) * NSEC_PER_SEC);
		else if (k < 52)
			docker_client_broker_lost(w->dc, w->now), w->held_count = w->inspects = 0;
		else if (k < 60)
			tick(w, (uint64_t)(rand_r(&seed) % 1000) * MS);
		else if (w->held_count) {
			struct held h = w->held[(unsigned)rand_r(&seed) % w->held_count];

			if (h.req.what == DOCKER_REQ_EVENTS && k < 97)
				headers(w);
			else if (k == 99)
				finish(w, h.req.what, h.req.arg, 0, -ECONNRESET, "");
			else if (k == 98)
				finish(w, h.req.what, h.req.arg, 404, 0, "{}");
			else if (h.req.what == DOCKER_REQ_CONTAINER)
				reply(w, h.req.what, h.req.arg, inspect(h.req.arg, states[(unsigned)rand_r(&seed) % 6], k % 2 ? "10.0.0.2" : "", "sb", k % 60));
			else if (h.req.what == DOCKER_REQ_CONTAINERS)
				reply(w, h.req.what, NULL, k % 4 ? "[{\"Id\":\"c00000000001\",\"State\":\"running\"},{\"Id\":\"c00000000002\",\"State\":\"exited\"}]" : "[]");
			else if (h.req.what == DOCKER_REQ_NETWORK_PLAIN)
				reply(w, h.req.what, h.req.arg, members(id, "10.0.0.7"));
			else
				reply(w, h.req.what, h.req.arg, h.req.what == DOCKER_REQ_VERSION ? VERSION :
								h.req.what == DOCKER_REQ_NETWORKS ? NETWORKS :
								h.req.what == DOCKER_REQ_NETWORK ? VERBOSE : "{}");
		}
		assert_true(w->inspects <= 20 && w->held_count <= 26);
		w->said_len = w->said_len > 30000 ? 0 : w->said_len;
	}
}

int main(void)
{
#define T(f, s) cmocka_unit_test_setup_teardown(f, s, teardown)
	const struct CMUnitTest tests[] = {
		T(test_connect_events_before_list, setup),
		T(test_connect_backs_off, setup),
		T(test_connect_without_headers, setup),
		T(test_gap_resyncs_since_last_event, setup_live),
		T(test_resync_survives_failed_inspect, setup),
		T(test_list_fails_connects_anew, setup),
		T(test_broker_lost_and_ready, setup_live),
		T(test_send_full_is_tried_again, setup_live),
		T(test_engine_down_and_up, setup_live),
		T(test_request_without_answer_times_out, setup_live),
		T(test_short_inspected_alive, setup_live),
		T(test_short_answer_in_time_needs_no_second, setup_live),
		T(test_short_late_inspect_keeps_network_record, setup_live),
		T(test_short_vanished_is_counted, setup_live),
		T(test_exited_does_not_wipe, setup_live),
		T(test_start_while_inspecting_asks_again_if_too_early, setup_live),
		T(test_restart_is_a_new_life, setup_live),
		T(test_restart_short_second_life, setup_live),
		T(test_connect_while_inspecting_asks_again, setup_live),
		T(test_duplicates_and_disorder, setup_live),
		T(test_pause_rename_disconnect, setup_live),
		T(test_audit_finds_what_was_missed, setup_live),
		T(test_thousand_urgent_first, setup),
		T(test_stream_in_pieces, setup_live),
		T(test_stream_endless_line, setup_live),
		T(test_overlay_remotes, setup_live),
		T(test_overlay_found_by_plain_look, setup_live),
		T(test_network_found_missing, setup_live),
		T(test_swarm_manager, setup),
		T(test_random_engine, setup_live),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
