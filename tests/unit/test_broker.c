/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The broker as a process of its own, under its filter; the test plays keeper, core and engine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/ipc.h"
#include "base/log.h"
#include "sensor/watch/broker.h"

#define WAIT_MS 8000
#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

struct world {
	pid_t pid;
	int keeper, core;
	unsigned connects;
	bool refuse;
	int conns[300], conn_count; /* the engine's ends, in the order they were made */
	uint8_t body[IPC_BODY_MAX];
};

/* ---- pure parts ----------------------------------------------------------------------------------------- */

static void test_request_path(void **state)
{
	static const struct {
		enum docker_req what;
		const char *arg, *path; /* NULL: refused */
	} cases[] = {
		{ DOCKER_REQ_VERSION, "", "/version" },
		{ DOCKER_REQ_VERSION, "x", NULL },
		{ DOCKER_REQ_INFO, "", "/v1.41/info" },
		{ DOCKER_REQ_CONTAINERS, "", "/v1.41/containers/json?all=1" },
		{ DOCKER_REQ_CONTAINER, ID, "/v1.41/containers/" ID "/json" },
		{ DOCKER_REQ_CONTAINER, "", NULL },
		{ DOCKER_REQ_CONTAINER, ".", NULL },
		{ DOCKER_REQ_CONTAINER, "..", NULL },
		{ DOCKER_REQ_CONTAINER, "a/b", NULL },
		{ DOCKER_REQ_CONTAINER, "a?b", NULL },
		{ DOCKER_REQ_CONTAINER, "a b", NULL },
		{ DOCKER_REQ_CONTAINER, "a\r\nX: y", NULL },
		{ DOCKER_REQ_CONTAINER, "a%2fb", NULL },
		{ DOCKER_REQ_CONTAINER, "a#b", NULL },
		{ DOCKER_REQ_NETWORKS, "", "/v1.41/networks" },
		{ DOCKER_REQ_NETWORK, "abc", "/v1.41/networks/abc?verbose=true" },
		{ DOCKER_REQ_NETWORK_PLAIN, "abc", "/v1.41/networks/abc" },
		{ DOCKER_REQ_NETWORK_PLAIN, "../images", NULL },
		{ DOCKER_REQ_IMAGE, "reg:5000/a/b:1.0", "/v1.41/images/reg:5000/a/b:1.0/json" },
		{ DOCKER_REQ_IMAGE, "sha256:ab@x", "/v1.41/images/sha256:ab@x/json" },
		{ DOCKER_REQ_IMAGE, "a/../../containers/x", NULL },
		{ DOCKER_REQ_IMAGE, "a//b", NULL },
		{ DOCKER_REQ_IMAGE, "a/", NULL },
		{ DOCKER_REQ_IMAGE, "/a", NULL },
		{ DOCKER_REQ_TASKS, "", "/v1.41/tasks" },
		{ DOCKER_REQ_SERVICES, "", "/v1.41/services" },
		{ DOCKER_REQ_NODES, "", "/v1.41/nodes" },
		{ DOCKER_REQ_EVENTS, "", "/v1.41/events" },
		{ DOCKER_REQ_EVENTS, "17.000000001", "/v1.41/events?since=17.000000001" },
		{ DOCKER_REQ_EVENTS, "now", NULL },
		{ DOCKER_REQ_CANCEL, "", NULL },
		{ DOCKER_REQ_MAX, "", NULL },
		{ (enum docker_req)200, "", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct msg_docker_req req = { .what = (uint8_t)cases[i].what };
		char path[512] = "-";

		snprintf(req.arg, sizeof(req.arg), "%s", cases[i].arg);
		assert_int_equal(broker_request_path(&req, "1.41", path, sizeof(path)), cases[i].path ? 0 : -EINVAL);
		if (cases[i].path)
			assert_string_equal(path, cases[i].path);
	}
}

static void test_request_path_unterminated(void **state)
{
	struct msg_docker_req req = { .what = DOCKER_REQ_CONTAINER };
	char path[512];

	memset(req.arg, 'a', sizeof(req.arg));
	assert_int_equal(broker_request_path(&req, "1.41", path, sizeof(path)), -EINVAL);
}

static void test_api_version(void **state)
{
	static const struct {
		const char *min, *max, *use;
		int r;
	} cases[] = {
		{ "1.12", "1.41", "1.41", 0 }, { "1.24", "1.47", "1.43", 0 }, { "1.44", "1.52", "1.44", 0 }, { "", "1.41", "1.41", 0 },
		{ "1.12", "1.24", "1.24", 0 }, { "1.24", "1.41.1", "1.41", 0 }, /* Podman */
		{ "1.12", "1.23", NULL, -EPROTONOSUPPORT }, { "1.50", "1.40", NULL, -EPROTONOSUPPORT }, { "", "", NULL, -EBADMSG },
		{ "x", "1.41", NULL, -EBADMSG }, { "1.12", "1.", NULL, -EBADMSG }, { "1.12", "1.9999", NULL, -EBADMSG },
		{ "1.12", "1.41/../x", NULL, -EBADMSG },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char v[16] = "-";

		assert_int_equal(broker_api_version(cases[i].min, cases[i].max, v), cases[i].r);
		assert_string_equal(v, cases[i].use ? cases[i].use : "-");
	}
}

/* ---- the process ------------------------------------------------------------------------------------------- */

static int core_give(struct world *w)
{
	struct msg_fd m = { .kind = MSG_FD_CORE };
	int c[2];

	assert_int_equal(ipc_pair(c), 0);
	assert_int_equal(ipc_send(w->keeper, MSG_FD, 0, 0, &m, sizeof(m), c[1]), 0);
	close(c[1]);
	return c[0];
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	int k[2];

	assert_int_equal(ipc_pair(k), 0);
	w->pid = fork();
	if (w->pid == 0) {
		close(k[0]);
		log_init("broker", LOG_LVL_ERROR);
		_exit(broker_main(k[1]));
	}
	close(k[1]);
	w->keeper = k[0];
	w->core = core_give(w);
	*state = w;
	return 0;
}

static int exit_status(struct world *w)
{
	int status = -1;

	for (int i = 0; i < WAIT_MS / 10; i++) {
		if (waitpid(w->pid, &status, WNOHANG) == w->pid) {
			w->pid = 0;
			return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
		}
		usleep(10000);
	}
	return -1;
}

static int teardown(void **state)
{
	struct world *w = *state;

	close(w->keeper);
	close(w->core);
	for (int i = 0; i < w->conn_count; i++)
		close(w->conns[i]);
	if (w->pid) {
		int status = exit_status(w);

		if (w->pid)
			kill(w->pid, SIGKILL);
		free(w);
		return status; /* ends in order with its keeper */
	}
	free(w);
	return 0;
}

/* As socketpair(), but connected to a name, as an engine's is: curl reuses no connection whose peer has none. */
static void engine_pair(int ret[2])
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int l = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(sa.sun_path, sizeof(sa.sun_path), "/tmp/pgX-broker-%d.sock", (int)getpid());
	ret[1] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(l, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(listen(l, 1), 0);
	assert_int_equal(connect(ret[1], (struct sockaddr *)&sa, sizeof(sa)), 0);
	ret[0] = accept4(l, NULL, NULL, SOCK_CLOEXEC);
	assert_true(ret[0] >= 0);
	close(l);
	unlink(sa.sun_path);
}

/* The keeper's part: gives a connection for each that is asked for. */
static void keeper_serve(struct world *w)
{
	struct msg_engine_ref ref;
	struct ipc_hdr h;
	int fd, s[2];

	while (ipc_recv(w->keeper, &h, w->body, &fd) == 1) {
		if (h.type != MSG_ENGINE_CONNECT)
			continue;
		assert_int_equal(h.len, sizeof(ref));
		memcpy(&ref, w->body, sizeof(ref));
		if (w->refuse) {
			ipc_send(w->keeper, MSG_ENGINE_CONNECT, h.seq, -ECONNREFUSED, &ref, sizeof(ref), -1);
			continue;
		}
		engine_pair(s);
		assert_int_equal(ipc_send(w->keeper, MSG_ENGINE_CONNECT, h.seq, 0, &ref, sizeof(ref), s[1]), 0);
		close(s[1]);
		assert_true(w->conn_count < 300);
		w->conns[w->conn_count++] = s[0];
		w->connects++;
	}
}

static void ask(struct world *w, uint32_t seq, enum docker_req what, const char *arg)
{
	struct msg_docker_req req = { .what = (uint8_t)what };

	snprintf(req.arg, sizeof(req.arg), "%s", arg);
	assert_int_equal(ipc_send(w->core, MSG_DOCKER_REQ, seq, 0, &req, sizeof(req), -1), 0);
}

static void cancel(struct world *w, uint32_t seq)
{
	struct msg_docker_req req = { .what = DOCKER_REQ_CANCEL, .cancel_seq = seq };

	assert_int_equal(ipc_send(w->core, MSG_DOCKER_REQ, seq, 0, &req, sizeof(req), -1), 0);
}

/* The next request that reaches the engine on any connection: its first line. Returns the connection, -1: none came. */
static int engine_request(struct world *w, char *line, size_t size, int wait_ms)
{
	for (int waited = 0; waited <= wait_ms; waited += 5) {
		keeper_serve(w);
		for (int i = 0; i < w->conn_count; i++) {
			char buf[4096];
			ssize_t n = w->conns[i] < 0 ? -1 : recv(w->conns[i], buf, sizeof(buf) - 1, MSG_DONTWAIT);

			if (n <= 0)
				continue;
			buf[n] = '\0';
			assert_non_null(strstr(buf, "\r\n\r\n"));
			snprintf(line, size, "%.*s", (int)strcspn(buf, "\r"), buf);
			return w->conns[i];
		}
		usleep(5000);
	}
	return -1;
}

static void engine_write(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

		if (n < 0)
			return; /* the broker hung up: what a test of limits wants */
		data += n;
		len -= (size_t)n;
	}
}

static void engine_answer(int fd, const char *status, const char *body)
{
	char head[256];
	int n = snprintf(head, sizeof(head), "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n", status, strlen(body));

	engine_write(fd, head, (size_t)n);
	engine_write(fd, body, strlen(body));
}

static void expect_request(struct world *w, const char *want, int *ret_fd)
{
	char line[512] = "";

	*ret_fd = engine_request(w, line, sizeof(line), WAIT_MS);
	assert_string_equal(line, want);
}

/* Collects the answer of seq; its body's length, its text as far as it fits. Other answers fail the test. */
static struct msg_docker_chunk answer(struct world *w, uint32_t seq, char *text, size_t size, size_t *ret_len)
{
	struct msg_docker_chunk c = { 0 };
	bool first = true;
	size_t len = 0;

	if (size)
		text[0] = '\0';
	for (int waited = 0; waited < WAIT_MS;) {
		struct ipc_hdr h;
		int fd, r = ipc_recv(w->core, &h, w->body, &fd);

		if (r == -EAGAIN) {
			keeper_serve(w);
			usleep(2000);
			waited += 2;
			continue;
		}
		assert_int_equal(r, 1);
		assert_int_equal(h.type, MSG_DOCKER_CHUNK);
		assert_int_equal(h.seq, seq);
		memcpy(&c, w->body, sizeof(c));
		assert_int_equal(c.len, h.len - sizeof(c));
		assert_int_equal(!!(c.flags & DOCKER_CHUNK_FIRST), first);
		first = false;
		for (size_t i = 0; i < c.len && len + i + 1 < size; i++) {
			text[len + i] = (char)w->body[sizeof(c) + i];
			text[len + i + 1] = '\0';
		}
		len += c.len;
		if (c.flags & DOCKER_CHUNK_LAST) {
			if (ret_len)
				*ret_len = len;
			return c;
		}
	}
	fail_msg("no answer to %u", seq);
	return c;
}

#define VERSION "{\"ApiVersion\":\"1.41\",\"MinAPIVersion\":\"1.12\"}"

static void negotiate(struct world *w)
{
	int fd;

	ask(w, 1, DOCKER_REQ_VERSION, "");
	expect_request(w, "GET /version HTTP/1.1", &fd);
	engine_answer(fd, "200 OK", VERSION);
	assert_int_equal(answer(w, 1, NULL, 0, NULL).error, 0);
}

static void test_version_then_request(void **state)
{
	struct world *w = *state;
	struct msg_docker_chunk c;
	char text[128];
	int fd;

	negotiate(w);
	ask(w, 7, DOCKER_REQ_CONTAINER, ID);
	expect_request(w, "GET /v1.41/containers/" ID "/json HTTP/1.1", &fd);
	engine_answer(fd, "404 Not Found", "{\"message\":\"no\"}");
	c = answer(w, 7, text, sizeof(text), NULL);
	assert_int_equal(c.http_status, 404);
	assert_int_equal(c.error, 0);
	assert_int_equal(c.what, DOCKER_REQ_CONTAINER);
	assert_string_equal(text, "{\"message\":\"no\"}");
}

static void test_negotiates_by_itself(void **state)
{
	struct world *w = *state;
	int fd;

	ask(w, 7, DOCKER_REQ_INFO, "");
	expect_request(w, "GET /version HTTP/1.1", &fd);
	engine_answer(fd, "200 OK", "{\"ApiVersion\":\"1.52\",\"MinAPIVersion\":\"1.44\"}");
	expect_request(w, "GET /v1.44/info HTTP/1.1", &fd);
	engine_answer(fd, "200 OK", "{}");
	assert_int_equal(answer(w, 7, NULL, 0, NULL).http_status, 200);
}

static void test_no_engine(void **state)
{
	struct world *w = *state;
	struct msg_docker_chunk c;
	int fd;

	w->refuse = true;
	ask(w, 7, DOCKER_REQ_INFO, "");
	c = answer(w, 7, NULL, 0, NULL);
	assert_int_equal(c.error, -ECONNREFUSED);
	assert_int_equal(c.http_status, 0);
	w->refuse = false;
	ask(w, 8, DOCKER_REQ_INFO, "");
	expect_request(w, "GET /version HTTP/1.1", &fd);
	engine_answer(fd, "200 OK", "no json");
	assert_int_equal(answer(w, 8, NULL, 0, NULL).error, -EBADMSG);
}

static void test_refused_requests(void **state)
{
	struct world *w = *state;
	struct msg_docker_req bad = { .engine = 99, .what = DOCKER_REQ_INFO };

	ask(w, 7, DOCKER_REQ_CONTAINER, "../../images/json");
	assert_int_equal(answer(w, 7, NULL, 0, NULL).error, -EINVAL);
	ask(w, 8, (enum docker_req)77, "");
	assert_int_equal(answer(w, 8, NULL, 0, NULL).error, -EINVAL);
	assert_int_equal(ipc_send(w->core, MSG_DOCKER_REQ, 9, 0, &bad, sizeof(bad), -1), 0);
	assert_int_equal(answer(w, 9, NULL, 0, NULL).error, -EINVAL);
	assert_int_equal(ipc_send(w->core, MSG_DOCKER_REQ, 9, 0, &bad, 3, -1), 0); /* too short: ignored */
	assert_int_equal(ipc_send(w->core, MSG_FD, 9, 0, &bad, sizeof(bad), -1), 0);
	keeper_serve(w);
	assert_int_equal(w->connects, 0);
	negotiate(w);
}

/* The stream's headers are told before its first event; then events come as they happen; the end is told. */
static void test_events(void **state)
{
	static const char head[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
	struct world *w = *state;
	struct msg_docker_chunk c;
	struct ipc_hdr h;
	int fd, got, r;

	negotiate(w);
	ask(w, 7, DOCKER_REQ_EVENTS, "17.5");
	expect_request(w, "GET /v1.41/events?since=17.5 HTTP/1.1", &fd);
	engine_write(fd, head, strlen(head));
	for (int i = 0; (r = ipc_recv(w->core, &h, w->body, &got)) == -EAGAIN && i < 1000; i++)
		usleep(2000);
	assert_int_equal(r, 1);
	memcpy(&c, w->body, sizeof(c));
	assert_int_equal(c.flags, DOCKER_CHUNK_FIRST);
	assert_int_equal(c.http_status, 200);
	assert_int_equal(c.len, 0);
	engine_write(fd, "3\r\n{}\n\r\n", 8);
	for (int i = 0; (r = ipc_recv(w->core, &h, w->body, &got)) == -EAGAIN && i < 1000; i++)
		usleep(2000);
	memcpy(&c, w->body, sizeof(c));
	assert_int_equal(c.len, 3);
	shutdown(fd, SHUT_RDWR);
	for (int i = 0; (r = ipc_recv(w->core, &h, w->body, &got)) == -EAGAIN && i < 1000; i++)
		usleep(2000);
	memcpy(&c, w->body, sizeof(c));
	assert_int_equal(c.flags, DOCKER_CHUNK_LAST);
	assert_int_equal(c.error, -ECONNRESET);
}

static void test_cancel_closes(void **state)
{
	struct world *w = *state;
	char line[64];
	int fd;

	negotiate(w);
	ask(w, 7, DOCKER_REQ_EVENTS, "");
	expect_request(w, "GET /v1.41/events HTTP/1.1", &fd);
	cancel(w, 7);
	cancel(w, 12345); /* unknown */
	for (int i = 0; i < 1000 && recv(fd, line, sizeof(line), MSG_DONTWAIT) != 0; i++)
		usleep(2000);
	assert_int_equal(recv(fd, line, sizeof(line), MSG_DONTWAIT), 0);
	ask(w, 8, DOCKER_REQ_INFO, "");
	expect_request(w, "GET /v1.41/info HTTP/1.1", &fd);
	engine_answer(fd, "200 OK", "{}");
	assert_int_equal(answer(w, 8, NULL, 0, NULL).http_status, 200); /* nothing was said of 7 */
}

static void test_keeps_connections(void **state)
{
	struct world *w = *state;
	int fd;

	negotiate(w);
	for (uint32_t i = 0; i < 20; i++) {
		ask(w, 10 + i, DOCKER_REQ_INFO, "");
		expect_request(w, "GET /v1.41/info HTTP/1.1", &fd);
		engine_answer(fd, "200 OK", "{}");
		assert_int_equal(answer(w, 10 + i, NULL, 0, NULL).http_status, 200);
	}
	print_message("# %u connections for 21 requests\n", w->connects);
	assert_true(w->connects <= 2);
}

/* The engine closed what was kept and what was spare: the request gets through all the same. */
static void test_stale_connections(void **state)
{
	struct world *w = *state;
	int fd;

	negotiate(w);
	ask(w, 10, DOCKER_REQ_INFO, "");
	expect_request(w, "GET /v1.41/info HTTP/1.1", &fd);
	engine_answer(fd, "200 OK", "{}");
	answer(w, 10, NULL, 0, NULL);
	for (int i = 0; i < w->conn_count; i++) {
		close(w->conns[i]);
		w->conns[i] = -1;
	}
	ask(w, 11, DOCKER_REQ_INFO, "");
	expect_request(w, "GET /v1.41/info HTTP/1.1", &fd);
	engine_answer(fd, "200 OK", "{}");
	assert_int_equal(answer(w, 11, NULL, 0, NULL).http_status, 200);
}

/* Connections that end after the request was read: it is sent again, on a kept one (curl does) and on a fresh one (we do);
 * but not for ever. */
static void test_request_is_repeated(void **state)
{
	struct world *w = *state;
	int fd;

	negotiate(w);
	ask(w, 10, DOCKER_REQ_INFO, "");
	for (int i = 0; i < 2; i++) {
		expect_request(w, "GET /v1.41/info HTTP/1.1", &fd);
		shutdown(fd, SHUT_RDWR);
	}
	expect_request(w, "GET /v1.41/info HTTP/1.1", &fd);
	engine_answer(fd, "200 OK", "{}");
	assert_int_equal(answer(w, 10, NULL, 0, NULL).http_status, 200);
	ask(w, 11, DOCKER_REQ_INFO, "");
	for (int i = 0; i < 12; i++) {
		char line[64];

		fd = engine_request(w, line, sizeof(line), 300);
		if (fd < 0)
			break;
		shutdown(fd, SHUT_RDWR);
	}
	assert_int_equal(answer(w, 11, NULL, 0, NULL).error, -ECONNRESET);
}

static void test_parallel_and_queue(void **state)
{
	struct world *w = *state;
	char line[512];
	int fds[BROKER_PARALLEL_MAX], fd, refused = 0;
	struct msg_docker_chunk c;

	negotiate(w);
	for (uint32_t i = 0; i < BROKER_PARALLEL_MAX; i++)
		ask(w, 10 + i, DOCKER_REQ_INFO, "");
	for (int i = 0; i < BROKER_PARALLEL_MAX; i++)
		expect_request(w, "GET /v1.41/info HTTP/1.1", &fds[i]);
	for (uint32_t i = 0; i < BROKER_QUEUE_MAX; i++)
		ask(w, 1000 + i, DOCKER_REQ_INFO, "");
	assert_int_equal(engine_request(w, line, sizeof(line), 200), -1); /* they wait */
	ask(w, 5000, DOCKER_REQ_INFO, "");
	c = answer(w, 5000, NULL, 0, NULL);
	assert_int_equal(c.error, -EBUSY);
	refused++;
	/* EVENTS does not wait behind them */
	for (uint32_t i = 0; i < BROKER_QUEUE_MAX; i++)
		cancel(w, 1000 + i);
	ask(w, 6000, DOCKER_REQ_EVENTS, "");
	expect_request(w, "GET /v1.41/events HTTP/1.1", &fd);
	for (int i = 0; i < BROKER_PARALLEL_MAX; i++)
		engine_answer(fds[i], "200 OK", "{}");
	for (int got = 0; got < BROKER_PARALLEL_MAX;) { /* in any order */
		struct ipc_hdr h;
		int x;

		if (ipc_recv(w->core, &h, w->body, &x) != 1) {
			usleep(1000);
			continue;
		}
		memcpy(&c, w->body, sizeof(c));
		got += !!(c.flags & DOCKER_CHUNK_LAST);
	}
	assert_int_equal(refused, 1);
}

static void test_body_limit(void **state)
{
	static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n";
	static char junk[65536];
	struct world *w = *state;
	pid_t writer;
	int fd;

	negotiate(w);
	ask(w, 7, DOCKER_REQ_CONTAINER, ID);
	expect_request(w, "GET /v1.41/containers/" ID "/json HTTP/1.1", &fd);
	writer = fork();
	if (writer == 0) {
		engine_write(fd, head, strlen(head));
		for (size_t n = 0; n < 10000000; n += sizeof(junk))
			engine_write(fd, junk, sizeof(junk));
		_exit(0);
	}
	assert_int_equal(answer(w, 7, NULL, 0, NULL).error, -EFBIG);
	waitpid(writer, NULL, 0);
}

/* Core does not read for a while: the transfer waits, and every byte arrives in order. */
static void test_flow_control(void **state)
{
	enum { TOTAL = 20000000 };
	static char block[100000];
	struct world *w = *state;
	struct msg_docker_chunk c = { 0 };
	struct ipc_hdr h;
	size_t len = 0;
	pid_t writer;
	int fd, got;

	negotiate(w);
	ask(w, 7, DOCKER_REQ_CONTAINERS, "");
	expect_request(w, "GET /v1.41/containers/json?all=1 HTTP/1.1", &fd);
	writer = fork();
	if (writer == 0) {
		int n = snprintf(block, sizeof(block), "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", TOTAL);

		engine_write(fd, block, (size_t)n);
		for (size_t at = 0; at < TOTAL; at += sizeof(block)) {
			for (size_t i = 0; i < sizeof(block); i++)
				block[i] = (char)((at + i) % 251);
			engine_write(fd, block, sizeof(block));
		}
		_exit(0);
	}
	usleep(500000);
	ask(w, 8, DOCKER_REQ_INFO, ""); /* goes its way meanwhile */
	assert_int_equal(ipc_send(w->core, MSG_PING, 77, 0, NULL, 0, -1), 0);
	for (int waited = 0; waited < WAIT_MS && !(c.flags & DOCKER_CHUNK_LAST);) {
		int r = ipc_recv(w->core, &h, w->body, &got);

		if (r == -EAGAIN) {
			keeper_serve(w);
			usleep(1000);
			waited++;
			continue;
		}
		assert_int_equal(r, 1);
		if (h.type == MSG_PONG)
			continue;
		assert_int_equal(h.seq, 7);
		memcpy(&c, w->body, sizeof(c));
		for (size_t i = 0; i < c.len; i++, len++)
			if (w->body[sizeof(c) + i] != (uint8_t)(len % 251))
				fail_msg("byte %zu is wrong", len);
		if (len % 50 == 0)
			usleep(1000);
	}
	assert_int_equal(len, TOTAL);
	assert_int_equal(c.error, 0);
	waitpid(writer, NULL, 0);
}

static void test_redirect_is_not_followed(void **state)
{
	static const char move[] = "HTTP/1.1 301 Moved\r\nLocation: http://localhost/containers/x/kill\r\nContent-Length: 0\r\n\r\n";
	struct world *w = *state;
	char line[128];
	int fd;

	negotiate(w);
	ask(w, 7, DOCKER_REQ_INFO, "");
	expect_request(w, "GET /v1.41/info HTTP/1.1", &fd);
	engine_write(fd, move, strlen(move));
	assert_int_equal(answer(w, 7, NULL, 0, NULL).http_status, 301);
	assert_int_equal(engine_request(w, line, sizeof(line), 100), -1);
}

static void test_no_http(void **state)
{
	struct world *w = *state;
	struct msg_docker_chunk c;
	int fd;

	negotiate(w);
	ask(w, 7, DOCKER_REQ_INFO, "");
	expect_request(w, "GET /v1.41/info HTTP/1.1", &fd);
	engine_write(fd, "SSH-2.0-x\r\n\r\n", 13);
	c = answer(w, 7, NULL, 0, NULL);
	assert_true(c.error < 0);
}

/* A new core: the old one's requests are forgotten. */
static void test_core_replaced(void **state)
{
	struct world *w = *state;
	char buf[8];
	int fd, old;

	negotiate(w);
	ask(w, 7, DOCKER_REQ_EVENTS, "");
	expect_request(w, "GET /v1.41/events HTTP/1.1", &fd);
	old = w->core;
	w->core = core_give(w); /* the old one still open: it may hang */
	for (int i = 0; i < 1000 && recv(fd, buf, sizeof(buf), MSG_DONTWAIT) != 0; i++)
		usleep(2000);
	assert_int_equal(recv(fd, buf, sizeof(buf), MSG_DONTWAIT), 0);
	ask(w, 7, DOCKER_REQ_INFO, "");
	expect_request(w, "GET /v1.41/info HTTP/1.1", &fd);
	engine_answer(fd, "200 OK", "{}");
	assert_int_equal(answer(w, 7, NULL, 0, NULL).http_status, 200);
	close(old);
}

static void pong_at(int sock, struct world *w)
{
	struct ipc_hdr h;
	int fd, r = -EAGAIN;

	assert_int_equal(ipc_send(sock, MSG_PING, 4711, 0, NULL, 0, -1), 0);
	for (int i = 0; i < 1000 && (r = ipc_recv(sock, &h, w->body, &fd)) == -EAGAIN; i++)
		usleep(2000);
	assert_int_equal(r, 1);
	assert_int_equal(h.type, MSG_PONG);
	assert_int_equal(h.seq, 4711);
}

static void test_ping_and_quit(void **state)
{
	struct world *w = *state;

	pong_at(w->keeper, w);
	pong_at(w->core, w);
	assert_int_equal(ipc_send(w->keeper, MSG_QUIT, 0, 0, NULL, 0, -1), 0);
	assert_int_equal(exit_status(w), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_request_path),
		cmocka_unit_test(test_request_path_unterminated),
		cmocka_unit_test(test_api_version),
		T(test_version_then_request),
		T(test_negotiates_by_itself),
		T(test_no_engine),
		T(test_refused_requests),
		T(test_events),
		T(test_cancel_closes),
		T(test_keeps_connections),
		T(test_stale_connections),
		T(test_request_is_repeated),
		T(test_parallel_and_queue),
		T(test_body_limit),
		T(test_flow_control),
		T(test_redirect_is_not_followed),
		T(test_no_http),
		T(test_core_replaced),
		T(test_ping_and_quit),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
