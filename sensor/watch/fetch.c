/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The fetching program's loop: core's requests on one side, fetch_http on the other. */
#include "sensor/watch/fetch.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/ipc.h"
#include "base/log.h"
#include "sensor/msg.h"
#include "sensor/sandbox.h"
#include "sensor/watch/fetch_http.h"
#include "sensor/watch/fetch_output.h"

struct fetch {
	int keeper, core; /* core: -1 none */
	bool stop;
	struct fetch_http *http;
	uint8_t body[IPC_BODY_MAX];
};

static void core_lost(struct fetch *f)
{
	fetch_http_forget_all(f->http);
	close_fd(&f->core);
}

/* Core takes answers at once, and there are never more than FETCH_PARALLEL_MAX: its queue has room, or it is gone. */
static void on_answer(uint32_t seq, int status, const struct msg_fetched *m, int fd, void *arg)
{
	struct fetch *f = arg;
	int r = f->core < 0 ? 0 : ipc_send(f->core, MSG_FETCHED, seq, status, m, sizeof(*m), fd);

	if (r < 0)
		log_debug("fetch: an answer could not be given, ignoring: %s", strerror(-r));
}

static bool is_output(const struct fetch *f, const struct ipc_hdr *h)
{
	struct msg_fetch m;

	if (h->len < sizeof(m))
		return false;
	memcpy(&m, f->body, sizeof(m));
	return m.flags & FETCH_OUTPUT;
}

static void output(struct fetch *f, const struct ipc_hdr *h)
{
	struct msg_fetched answer = { .why = "" };
	struct msg_fetch m;
	char target[512];
	size_t before;
	int r = -EINVAL;

	memcpy(&m, f->body, sizeof(m));
	before = sizeof(m) + m.url_len + (size_t)m.proxy_len + m.etag_len + m.modified_len + m.headers_len;
	if (m.url_len < sizeof(target) && before <= h->len && m.body_len <= h->len - before) {
		memcpy(target, f->body + sizeof(m), m.url_len);
		target[m.url_len] = '\0';
		r = fetch_output_send(target, f->body + before, m.body_len);
	}
	if (r < 0)
		snprintf(answer.why, sizeof(answer.why), "%s", strerror(-r));
	on_answer(h->seq, r, &answer, -1, f);
}

static void core_message(struct fetch *f, const struct ipc_hdr *h, int fd)
{
	if (h->type == MSG_PING)
		(void)ipc_send(f->core, MSG_PONG, h->seq, 0, NULL, 0, -1);
	else if (h->type == MSG_FETCH && !h->len)
		fetch_http_forget(f->http, h->seq);
	else if (h->type == MSG_FETCH && is_output(f, h))
		output(f, h);
	else if (h->type == MSG_FETCH)
		fetch_http_start(f->http, h->seq, f->body, h->len, fd);
}

static void keeper_message(struct fetch *f, const struct ipc_hdr *h, int *fd)
{
	struct msg_fd m;

	if (h->type == MSG_PING) {
		(void)ipc_send(f->keeper, MSG_PONG, h->seq, 0, NULL, 0, -1);
	} else if (h->type == MSG_QUIT) {
		f->stop = true;
	} else if (h->type == MSG_FD && h->len == sizeof(m)) {
		memcpy(&m, f->body, sizeof(m));
		if (m.kind == MSG_FD_CORE && *fd >= 0) {
			core_lost(f);
			f->core = take_fd(fd);
		}
	}
}

/* Everything that waits. False: the other side is gone. */
static bool drain(struct fetch *f, bool keeper)
{
	for (int n = 0; n < 64 && (keeper || f->core >= 0); n++) {
		_cleanup_close_ int fd = -1;
		struct ipc_hdr h;
		int r = ipc_recv(keeper ? f->keeper : f->core, &h, f->body, &fd);

		if (r == -EAGAIN)
			return true;
		if (r == -EPROTO)
			continue;
		if (r <= 0)
			return false;
		if (keeper)
			keeper_message(f, &h, &fd);
		else
			core_message(f, &h, fd);
	}
	return true;
}

static int loop(struct fetch *f)
{
	while (!f->stop) {
		const int fds[] = { f->keeper, f->core };
		int r = fetch_http_run(f->http, fds, f->core >= 0 ? 2 : 1, 10000);

		if (r < 0) {
			log_error("fetch: cannot wait: %s", strerror(-r));
			return EXIT_FAILURE;
		}
		if (!drain(f, true))
			return EXIT_FAILURE;
		if (!drain(f, false))
			core_lost(f);
		if (fetch_http_is_stale(f->http)) {
			log_info("fetch: the resolver's configuration was replaced, starting anew");
			return EXIT_SUCCESS;
		}
	}
	return EXIT_SUCCESS;
}

int fetch_main(int keeper_fd)
{
	struct fetch *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return EXIT_FAILURE;
	signal(SIGPIPE, SIG_IGN);
	f->keeper = keeper_fd;
	f->core = -1;
	f->http = fetch_http_new(on_answer, f);
	r = f->http ? sandbox_enter_fetch() : -ENOMEM;
	if (r < 0)
		log_error("fetch: cannot start: %s", strerror(-r));
	r = r < 0 ? EXIT_FAILURE : loop(f);
	if (f->http)
		core_lost(f);
	fetch_http_free(f->http);
	fetch_output_close();
	close_fd(&f->keeper);
	free(f);
	return r;
}
