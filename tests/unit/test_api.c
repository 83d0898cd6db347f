/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The API over a real unix socket, with a real loop in a second thread's place: the test drives the loop itself between its
 * reads. "test_api --serve DIR [rate]" serves the fake core at DIR/api.sock until it is ended, to look at it by hand and
 * for the tests of the command line. */
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/jsonl.h"
#include "sensor/core/api_priv.h"
#include "sensor/core/store.h"
#include "tests/unit/fake_core.h"

static int listen_at(const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
	unlink(path);
	if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) || listen(fd, 128)) {
		perror(path);
		exit(1);
	}
	return fd;
}

#include "tests/unit/api_serve.h"

struct world {
	char dir[64], sock[96];
	struct core *core;
	struct api *api;
	uv_loop_t loop;
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	snprintf(w->dir, sizeof(w->dir), "/tmp/pgX-api-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->sock, sizeof(w->sock), "%s/api.sock", w->dir);
	w->core = fake_core_new(w->dir, w->dir);
	fake_populate(w->core);
	uv_loop_init(&w->loop);
	assert_int_equal(api_open(w->core, &w->loop, listen_at(w->sock), &w->api), 0);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	api_close(w->api);
	uv_run(&w->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&w->loop), 0);
	fake_core_free(w->core);
	unlink(w->sock);
	rmdir(w->dir);
	free(w);
	return 0;
}

static int connect_to(struct world *w)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", w->sock);
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	return fd;
}

static void turn(struct world *w, unsigned ms)
{
	uint64_t until = clock_mono_ns() + ms * NSEC_PER_MSEC;

	do {
		uv_run(&w->loop, UV_RUN_NOWAIT);
		usleep(500);
	} while (clock_mono_ns() < until);
}

/* Sends a request, turns the loop until the other side closes or `enough` stands in the answer, or 3 s. Owned by the caller. */
static char *talk(struct world *w, int fd, const char *request, const char *enough)
{
	size_t have = 0, cap = 1 << 20, sent = 0, len = strlen(request);
	uint64_t until = clock_mono_ns() + 3 * NSEC_PER_SEC;
	char *buf = calloc(1, cap);

	while (clock_mono_ns() < until) {
		ssize_t n = sent < len ? send(fd, request + sent, len - sent, MSG_NOSIGNAL) : 0;

		if (n > 0)
			sent += (size_t)n;
		uv_run(&w->loop, UV_RUN_NOWAIT);
		n = recv(fd, buf + have, cap - 1 - have, 0);
		if (n > 0)
			have += (size_t)n;
		if (n == 0 || (n < 0 && errno != EAGAIN) || (enough && strstr(buf, enough)))
			break;
		if (n < 0)
			usleep(300);
	}
	return buf;
}

static char *get(struct world *w, const char *path)
{
	_cleanup_close_ int fd = connect_to(w);
	char req[8192];

	snprintf(req, sizeof(req), "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", path);
	return talk(w, fd, req, NULL);
}

static json_t *body_of(const char *answer)
{
	const char *b = strstr(answer, "\r\n\r\n");
	json_error_t e;
	json_t *j;

	assert_non_null(b);
	j = json_loads(b + 4, JSON_REJECT_DUPLICATES, &e);
	if (!j)
		print_error("%s at %d: %s\n", e.text, e.position, b + 4);
	assert_non_null(j);
	return j;
}

static void expect_error(struct world *w, const char *request, unsigned status)
{
	_cleanup_close_ int fd = connect_to(w);
	_cleanup_free_ char *a = talk(w, fd, request, NULL);
	json_t *j;
	char want[32];

	snprintf(want, sizeof(want), "HTTP/1.1 %u ", status);
	if (strncmp(a, want, strlen(want)))
		print_error("wanted %s, got %.200s\n", want, a);
	assert_memory_equal(a, want, strlen(want));
	j = body_of(a);
	assert_true(json_is_string(json_object_get(j, "error")));
	json_decref(j);
}

static void test_get_each_path_is_json(void **state)
{
	static const struct {
		const char *path;
		bool array;
		size_t size;
	} cases[] = {
		{ "/v1/status", false, 0 },	{ "/v1/containers", true, 3 }, { "/v1/listeners", true, 1 },
		{ "/v1/flows", true, 3 },	{ "/v1/networks", true, 1 },   { "/v1/version", false, 0 },
		{ "/v1/feeds", true, 1 },	{ "/v1/feeds/check?thing=bad.example.org", false, 0 }, { "/v1/map", false, 0 },	{ "/v1/map?format=json", false, 0 }, { "/v1/map?format=node-graph", false, 0 },
		{ "/v1/flows?workload=shop/db", true, 1 }, { "/v1/flows?workload=shop%2Fweb&limit=5", true, 2 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *a = get(*state, cases[i].path);
		json_t *j;

		assert_memory_equal(a, "HTTP/1.1 200 ", 13);
		assert_non_null(strstr(a, "Content-Type: application/json"));
		j = body_of(a);
		assert_true(cases[i].array ? json_is_array(j) : json_is_object(j));
		if (cases[i].array)
			assert_int_equal(json_array_size(j), cases[i].size);
		json_decref(j);
	}
}

static void test_status_says_what_is_not_seen(void **state)
{
	struct world *w = *state;
	_cleanup_free_ char *a = NULL, *b = NULL;
	json_t *j;

	fake_hook(w->core, 1, 11, "veth-broken", MSG_HOOK_NONE, -EPERM);
	w->core->engines[0].up = false;
	w->core->engines[0].error = -ECONNREFUSED;
	a = get(w, "/v1/status");
	j = body_of(a);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(j, "hooks"), "failed")), 1);
	b = json_dumps(json_object_get(j, "not_seen"), 0);
	assert_non_null(strstr(b, "veth-broken"));
	assert_non_null(strstr(b, "Connection refused"));
	assert_non_null(strstr(b, "No tcx: clsact filters are used instead"));
	assert_int_equal(json_object_size(json_object_get(j, "loss")), LOSS_MAX);
	json_decref(j);
}

static void test_bad_requests(void **state)
{
	static char url[4200], headers[12000];

	expect_error(*state, "GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 404);
	expect_error(*state, "GET /v1/../etc/passwd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 404);
	expect_error(*state, "POST /v1/status HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", 405);
	expect_error(*state, "DELETE /v1/status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 405);
	expect_error(*state, "BREW /v1/status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 405);
	expect_error(*state, "GET /v1/status HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}", 413);
	expect_error(*state, "POST /v1/model/import HTTP/1.1\r\nHost: x\r\nContent-Length: 1073741824\r\n\r\n{", 413);
	expect_error(*state, "GET /v1/flows?limit=0 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 400);
	expect_error(*state, "GET /v1/flows?limit=1e9 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 400);
	expect_error(*state, "GET /v1/map?format=exe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 400);
	expect_error(*state, "GET /v1/status?x=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 400);
	memset(url, 'a', 3000);
	snprintf(headers, sizeof(headers), "GET /%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", url);
	expect_error(*state, headers, 414);
	memset(url, 'b', sizeof(url) - 1);
	snprintf(headers, sizeof(headers), "GET /v1/status HTTP/1.1\r\nHost: x\r\nX-A: %s\r\nX-B: %s\r\nConnection: close\r\n\r\n", url, url);
	expect_error(*state, headers, 431);
}

static void test_garbage_ends_the_connection_only(void **state)
{
	static const char *const junk[] = { "\r\n\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00", "GET\r\n\r\n", "GET /v1/status HTTP/9.9\r\n\r\n",
					    "GET /v1/status HTTP/1.1\r\n\r\n", "GET  HTTP/1.1\r\nHost: x\r\n\r\n", "\xff\xff\xff\xff\r\n\r\n" };

	for (size_t i = 0; i < ARRAY_SIZE(junk); i++) {
		_cleanup_close_ int fd = connect_to(*state);

		assert_true(send(fd, junk[i], strlen(junk[i]), MSG_NOSIGNAL) > 0);
		turn(*state, 20);
	}
	free(get(*state, "/v1/version"));
	test_get_each_path_is_json(state);
}

static void test_hundred_connections_are_all_served(void **state)
{
	enum { N = 100 };
	struct world *w = *state;
	int fds[N], done = 0;
	uint64_t until = clock_mono_ns() + 5 * NSEC_PER_SEC;
	static const char req[] = "GET /v1/version HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

	for (int i = 0; i < N; i++) {
		fds[i] = connect_to(w);
		assert_int_equal(send(fds[i], req, sizeof(req) - 1, MSG_NOSIGNAL), sizeof(req) - 1);
	}
	while (done < N && clock_mono_ns() < until) {
		char buf[2048];

		uv_run(&w->loop, UV_RUN_NOWAIT);
		for (int i = 0; i < N; i++)
			if (fds[i] >= 0 && recv(fds[i], buf, sizeof(buf), 0) > 0) {
				assert_memory_equal(buf, "HTTP/1.1 200", 12);
				close(fds[i]);
				fds[i] = -1;
				done++;
			}
		usleep(200);
	}
	assert_int_equal(done, N);
}

static void test_never_more_clients_than_the_limit(void **state)
{
	enum { N = API_CLIENTS_MAX + 20 };
	struct world *w = *state;
	struct api_stats s;
	int fds[N];

	for (int i = 0; i < N; i++) {
		fds[i] = connect_to(w);
		if (i % 50 == 49)
			turn(w, 5); /* a listener's queue is short */
	}
	turn(w, 100);
	api_stats_get(w->api, &s);
	assert_in_range(s.clients, 1, API_CLIENTS_MAX);
	for (int i = 0; i < N; i++)
		close(fds[i]);
	turn(w, 100);
	api_stats_get(w->api, &s);
	assert_int_equal(s.clients, 0);
	free(get(w, "/v1/version"));
}

static void test_stream_sends_each_flow_at_once(void **state)
{
	struct world *w = *state;
	_cleanup_close_ int fd = connect_to(w);
	_cleanup_free_ char *hello = talk(w, fd, "GET /v1/flows/stream HTTP/1.1\r\nHost: x\r\n\r\n", ": pierglass flows\n\n"), *a = NULL;
	const char *data;
	json_error_t e;
	json_t *j;
	char *end;

	assert_non_null(strstr(hello, "text/event-stream"));
	fake_emit(&fake.flows[1], "new");
	a = talk(w, fd, "", "}\n\n");
	data = strstr(a, "data: ");
	assert_non_null(data);
	end = strstr(data, "\n\n");
	assert_non_null(end);
	*end = '\0';
	j = json_loads(data + 6, 0, &e);
	assert_non_null(j);
	assert_string_equal(json_string_value(json_object_get(j, "event")), "new");
	assert_string_equal(json_string_value(json_object_get(j, "app")), "MySQL");
	assert_string_equal(json_string_value(json_object_get(json_object_get(j, "server"), "workload")), "shop/db");
	json_decref(j);
}

static void test_stream_slow_client_is_told_what_it_lost(void **state)
{
	struct world *w = *state;
	_cleanup_close_ int slow = connect_to(w), fast = connect_to(w);
	size_t bytes = 0, cap = 16 << 20;
	_cleanup_free_ char *all = calloc(1, cap);
	uint64_t lines = 0, lost = 0, until;
	struct api_stats s;
	enum { N = 5000 };

	free(talk(w, slow, "GET /v1/flows/stream HTTP/1.1\r\nHost: x\r\n\r\n", ": pierglass flows\n\n"));
	free(talk(w, fast, "GET /v1/version HTTP/1.1\r\nHost: x\r\n\r\n", "\"version\""));
	for (int i = 0; i < N; i++) {
		fake_emit(&fake.flows[i % 3], "new");
		if (i % 50 == 0)
			uv_run(&w->loop, UV_RUN_NOWAIT);
	}
	/* Others are served meanwhile. */
	free(get(w, "/v1/version"));
	api_stats_get(w->api, &s);
	assert_true(s.stream_lost > 0);
	assert_int_equal(w->core->losses[LOSS_API_STREAM], s.stream_lost);
	until = clock_mono_ns() + 5 * NSEC_PER_SEC;
	while (clock_mono_ns() < until && !lost) {
		ssize_t n;

		uv_run(&w->loop, UV_RUN_NOWAIT);
		n = recv(slow, all + bytes, cap - 1 - bytes, 0);
		if (n > 0)
			bytes += (size_t)n;
		else
			usleep(300);
		lost = strstr(all, "event: lost\n") != NULL && strstr(strstr(all, "event: lost\n"), "}\n\n");
	}
	assert_true(lost);
	lost = strtoull(strstr(all, "{\"lost\":") + 8, NULL, 10);
	for (const char *p = all; (p = strstr(p, "data: {\"event\":")); p++)
		lines++;
	assert_int_equal(lost, s.stream_lost);
	assert_int_equal(lines + lost, N); /* nothing of them came behind the gap: it is told where it is */
	turn(w, 50);
	assert_true(lines + lost <= N);
}

/* Lines are not made any more then, which is known. */
static void nobody_comes_back(struct world *w)
{
	struct api_stats s;
	uint64_t until = clock_mono_ns() + 5 * NSEC_PER_SEC;

	do { /* writing shows who went */
		api_streams_beat(w->api);
		turn(w, 5);
		api_stats_get(w->api, &s);
	} while (s.streams && clock_mono_ns() < until);
	for (int i = 0; i < 20; i++)
		api_streams_beat(w->api);
}

static void test_stream_client_that_leaves_is_forgotten(void **state)
{
	struct world *w = *state;
	struct api_stats s;
	int fd = connect_to(w);

	free(talk(w, fd, "GET /v1/flows/stream HTTP/1.1\r\nHost: x\r\n\r\n", ": pierglass flows\n\n"));
	api_stats_get(w->api, &s);
	assert_int_equal(s.streams, 1);
	close(fd);
	for (int i = 0; i < 3; i++) {
		fake_emit(&fake.flows[0], "new");
		turn(w, 20);
	}
	api_stats_get(w->api, &s);
	assert_int_equal(s.streams, 0);
	assert_non_null(fake.subs[0].cb); /* it may come back */
	nobody_comes_back(w);
	assert_null(fake.subs[0].cb);
}

/* The answer to a request for a stream that was left at id, as far as `enough`. */
static char *come_back(struct world *w, int fd, const char *path, const char *id, const char *enough)
{
	char req[512];

	snprintf(req, sizeof(req), "GET %s HTTP/1.1\r\nHost: x\r\nLast-Event-ID: %s\r\n\r\n", path, id);
	return talk(w, fd, req, enough);
}

static void last_id(const char *answer, char ret[64])
{
	const char *at = NULL;

	for (const char *p = answer; (p = strstr(p, "id: ")); p++)
		at = p;
	assert_non_null(at);
	assert_int_equal(sscanf(at, "id: %63s", ret), 1);
}

static unsigned count_of(const char *text, const char *what)
{
	unsigned n = 0;

	for (const char *p = text; (p = strstr(p, what)); p++)
		n++;
	return n;
}

static void test_stream_is_taken_up_where_it_was_left(void **state)
{
	static const char path[] = "/v1/flows/stream", filtered[] = "/v1/flows/stream?filter=app%3DHTTP%20and%20server%3Dshop/web%20and%20first_seen%3E2001-01-01";
	struct world *w = *state;
	int fd = connect_to(w);
	char *a = talk(w, fd, "GET /v1/flows/stream HTTP/1.1\r\nHost: x\r\n\r\n", "id: "), id[64], hello[64];
	unsigned wanted = 0;

	last_id(a, hello);
	free(a);
	fake_emit(&fake.flows[1], "new");
	a = talk(w, fd, "", "}\n\n");
	last_id(a, id);
	assert_string_not_equal(id, hello);
	free(a);
	close(fd);
	turn(w, 20);
	for (int i = 0; i < 30; i++) /* while it is away */
		fake_emit(&fake.flows[i % 3], "labelled");
	fake_emit(&fake.flows[0], "closed");

	fd = connect_to(w);
	a = come_back(w, fd, path, id, "\"closed\"");
	assert_int_equal(count_of(a, "\"event\":\"labelled\""), 30);
	assert_int_equal(count_of(a, "\"event\":\"closed\""), 1);
	assert_int_equal(count_of(a, "id: "), 31); /* none before what it missed: an end in between would lose that */
	assert_null(strstr(a, "\"event\":\"new\""));
	assert_null(strstr(a, "event: reset"));
	free(a);
	close(fd);

	fd = connect_to(w); /* only what its filter wants, judged by what was told */
	a = talk(w, fd, "GET /v1/flows?filter=app%3DHTTP%20and%20server%3Dshop/web HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", NULL);
	for (int i = 0; i < 3; i++)
		wanted += strstr(a, fake.flows[i].client.id) && fake.flows[i].app && !strcmp(fake.flows[i].app, "HTTP") && !strcmp(fake.flows[i].server.id, "shop/web");
	free(a);
	close(fd);
	assert_in_range(wanted, 1, 2);
	fd = connect_to(w);
	a = come_back(w, fd, filtered, hello, "NOTHING ENDS IT");
	assert_int_equal(count_of(a, "\"event\":\"labelled\""), 10 * wanted);
	free(a);
	close(fd);
}

static void test_stream_says_when_it_cannot_be_taken_up(void **state)
{
	static const char *const odd[] = { "x", "-", "1-1", "ffffffffffffffffffff-1", "\xff", "1-", "-1", "0-0" };
	struct world *w = *state;
	int fd = connect_to(w);
	char *a = talk(w, fd, "GET /v1/flows/stream HTTP/1.1\r\nHost: x\r\n\r\n", "id: "), id[64];
	struct api_stats s;

	last_id(a, id);
	free(a);
	close(fd);
	for (size_t i = 0; i < ARRAY_SIZE(odd); i++) {
		fd = connect_to(w);
		a = come_back(w, fd, "/v1/flows/stream", odd[i], "event: reset\n");
		assert_int_equal(count_of(a, "id: "), 1);
		assert_non_null(strstr(a, "event: reset\n"));
		assert_ptr_equal(strstr(strstr(a, "id: "), "\n") + 1, strstr(a, "event: reset\n")); /* not one without the other */
		free(a);
		close(fd);
	}
	for (int i = 0; i < 1200; i++) { /* more than is kept */
		fake_emit(&fake.flows[1], "new");
		if (i % 100 == 0)
			turn(w, 2);
	}
	fd = connect_to(w);
	a = come_back(w, fd, "/v1/flows/stream", id, "event: reset\n");
	assert_non_null(strstr(a, "event: reset\n"));
	assert_null(strstr(a, "\"event\":\"new\""));
	free(a);
	close(fd);
	nobody_comes_back(w);
	fd = connect_to(w);
	a = talk(w, fd, "GET /v1/flows/stream HTTP/1.1\r\nHost: x\r\n\r\n", "id: ");
	last_id(a, id);
	free(a);
	close(fd);
	nobody_comes_back(w);
	fd = connect_to(w);
	a = come_back(w, fd, "/v1/flows/stream", id, "event: reset\n");
	assert_non_null(strstr(a, "event: reset\n"));
	free(a);
	close(fd);
	api_stats_get(w->api, &s);
	assert_true(s.stream_resets >= ARRAY_SIZE(odd) + 2);
}

static void test_map_comes_by_a_stream(void **state)
{
	struct world *w = *state;
	_cleanup_close_ int fd = connect_to(w);
	_cleanup_free_ char *hello = talk(w, fd, "GET /v1/map/stream HTTP/1.1\r\nHost: x\r\n\r\n", ": pierglass map\n\n"), *a = NULL;
	char *data, *end;
	json_error_t e;
	json_t *j;

	assert_non_null(strstr(hello, "text/event-stream"));
	a = talk(w, fd, "", "}\n\n");
	data = strstr(a, "data: ");
	assert_non_null(data);
	end = strstr(data, "\n\n");
	assert_non_null(end);
	*end = '\0';
	j = json_loads(data + 6, 0, &e);
	assert_non_null(j);
	assert_true(json_is_false(json_object_get(j, "part")));
	assert_true(json_array_size(json_object_get(j, "nodes")) > 0);
	json_decref(j);
}

static void test_streams_are_limited(void **state)
{
	struct world *w = *state;
	int fds[API_STREAMS_MAX];

	for (int i = 0; i < API_STREAMS_MAX; i++) {
		fds[i] = connect_to(w);
		free(talk(w, fds[i], "GET /v1/flows/stream HTTP/1.1\r\nHost: x\r\n\r\n", ": pierglass flows\n\n"));
	}
	expect_error(w, "GET /v1/flows/stream HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 503);
	for (int i = 0; i < API_STREAMS_MAX; i++)
		close(fds[i]);
}

static void test_bodies_of_many_are_bounded(void **state)
{
	enum { N = 40, LONG = 1 << 20 };
	struct world *w = *state;
	static char part[LONG - 1];
	char head[128];
	int fds[N];

	memset(part, '#', sizeof(part));
	snprintf(head, sizeof(head), "POST /v1/model/import HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", LONG);
	for (int i = 0; i < N; i++) {
		uint64_t until = clock_mono_ns() + 3 * NSEC_PER_SEC;
		size_t sent = 0;

		fds[i] = connect_to(w);
		assert_true(send(fds[i], head, strlen(head), MSG_NOSIGNAL) == (ssize_t)strlen(head));
		while (sent < sizeof(part) && clock_mono_ns() < until) {
			ssize_t n = send(fds[i], part + sent, sizeof(part) - sent, MSG_NOSIGNAL);

			if (n < 0 && errno != EAGAIN)
				break; /* ended by the other side */
			sent += n > 0 ? (size_t)n : 0;
			uv_run(&w->loop, UV_RUN_NOWAIT);
		}
	}
	assert_in_range(w->api->post_bytes, API_POSTS_MAX_BYTES - LONG, API_POSTS_MAX_BYTES + LONG);
	expect_error(w, "POST /v1/model/import HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nConnection: close\r\n\r\nx: ", 503);
	for (int i = 0; i < N; i++)
		close(fds[i]);
	turn(w, 100);
	assert_int_equal(w->api->post_bytes, 0);
}

static void test_close_with_open_clients(void **state)
{
	struct world *w = *state;
	int a = connect_to(w), b = connect_to(w);

	free(talk(w, a, "GET /v1/flows/stream HTTP/1.1\r\nHost: x\r\n\r\n", ": pierglass flows\n\n"));
	assert_true(send(b, "GET /v1/st", 10, MSG_NOSIGNAL) == 10);
	turn(w, 10);
	/* teardown closes the API with both open */
	close(a);
	close(b);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		T(test_get_each_path_is_json),
		T(test_status_says_what_is_not_seen),
		T(test_bad_requests),
		T(test_garbage_ends_the_connection_only),
		T(test_hundred_connections_are_all_served),
		T(test_never_more_clients_than_the_limit),
		T(test_stream_sends_each_flow_at_once),
		T(test_stream_slow_client_is_told_what_it_lost),
		T(test_stream_client_that_leaves_is_forgotten),
		T(test_stream_is_taken_up_where_it_was_left),
		T(test_stream_says_when_it_cannot_be_taken_up),
		T(test_map_comes_by_a_stream),
		T(test_streams_are_limited),
		T(test_bodies_of_many_are_bounded),
		T(test_close_with_open_clients),
	};

	if (argc > 2 && !strcmp(argv[1], "--serve"))
		return api_serve(argv[2], argc > 3 ? argv[3] : NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
