/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The broker's loop: messages of core and keeper on one side, broker_http on the other. */
#include "sensor/watch/broker.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/cleanup.h"
#include "base/ipc.h"
#include "base/log.h"
#include "sensor/sandbox.h"
#include "sensor/watch/broker_http.h"

enum { TAG_KEEPER, TAG_CORE };

struct broker {
	int epoll, keeper, core; /* core: -1 none */
	bool core_blocked, stop;
	bool pong_owed;
	uint32_t pong_seq;
	struct broker_http *http;
	uint8_t body[IPC_BODY_MAX];
	uint8_t out[IPC_BODY_MAX];
};

static int core_watch(struct broker *b, int op)
{
	struct epoll_event ev = { .events = EPOLLIN | (b->core_blocked ? EPOLLOUT : 0u), .data.u64 = TAG_CORE };

	return epoll_ctl(b->epoll, op, b->core, &ev) < 0 ? -errno : 0;
}

static void core_block(struct broker *b, bool blocked)
{
	if (b->core < 0 || b->core_blocked == blocked)
		return;
	b->core_blocked = blocked;
	(void)core_watch(b, EPOLL_CTL_MOD);
}

static void core_close(struct broker *b)
{
	if (b->core < 0)
		return;
	broker_http_drop_all(b->http);
	(void)epoll_ctl(b->epoll, EPOLL_CTL_DEL, b->core, NULL);
	close_fd(&b->core);
	b->core_blocked = b->pong_owed = false;
}

static int on_chunk(void *arg, uint32_t seq, const struct msg_docker_chunk *c, const void *data)
{
	struct broker *b = arg;
	int r;

	if (b->core < 0)
		return 0; /* nobody wants it */
	if (b->core_blocked)
		return -EAGAIN; /* keeps what was held up in order */
	if (c->len > sizeof(b->out) - sizeof(*c))
		return -EMSGSIZE;
	memcpy(b->out, c, sizeof(*c));
	if (c->len)
		memcpy(b->out + sizeof(*c), data, c->len);
	r = ipc_send(b->core, MSG_DOCKER_CHUNK, seq, 0, b->out, sizeof(*c) + c->len, -1);
	if (r == -EAGAIN || r == -ENOBUFS) {
		core_block(b, true);
		return -EAGAIN;
	}
	return 0; /* other errors: its end of stream follows */
}

static int on_connect(void *arg, unsigned engine)
{
	struct broker *b = arg;
	struct msg_engine_ref ref = { .engine = engine };

	return ipc_send(b->keeper, MSG_ENGINE_CONNECT, engine, 0, &ref, sizeof(ref), -1);
}

static void core_pong(struct broker *b)
{
	int r;

	if (!b->pong_owed || b->core < 0)
		return;
	r = ipc_send(b->core, MSG_PONG, b->pong_seq, 0, NULL, 0, -1);
	if (r == -EAGAIN)
		core_block(b, true);
	else
		b->pong_owed = false;
}

static void core_message(struct broker *b, const struct ipc_hdr *h)
{
	struct msg_docker_req req;

	if (h->type == MSG_PING) {
		b->pong_owed = true;
		b->pong_seq = h->seq;
		core_pong(b);
	} else if (h->type == MSG_DOCKER_REQ && h->len == sizeof(req)) {
		memcpy(&req, b->body, sizeof(req));
		broker_http_request(b->http, h->seq, &req);
	} else {
		log_debug("broker: message %u of %u bytes from core, ignoring it", h->type, h->len);
	}
}

static void core_read(struct broker *b)
{
	for (int n = 0; n < 64 && b->core >= 0; n++) {
		struct ipc_hdr h;
		_cleanup_close_ int fd = -1;
		int r = ipc_recv(b->core, &h, b->body, &fd);

		if (r == -EAGAIN)
			return;
		if (r == -EPROTO)
			continue;
		if (r <= 0) {
			core_close(b);
			return;
		}
		core_message(b, &h);
	}
}

static void keeper_message(struct broker *b, const struct ipc_hdr *h, int *fd)
{
	struct msg_fd m;

	switch (h->type) {
	case MSG_PING:
		(void)ipc_send(b->keeper, MSG_PONG, h->seq, 0, NULL, 0, -1);
		break;
	case MSG_QUIT:
		b->stop = true;
		break;
	case MSG_ENGINE_CONNECT:
		broker_http_connected(b->http, h->seq, h->status, take_fd(fd));
		break;
	case MSG_FD:
		if (h->len != sizeof(m) || *fd < 0)
			break;
		memcpy(&m, b->body, sizeof(m));
		if (m.kind != MSG_FD_CORE)
			break;
		core_close(b);
		b->core = take_fd(fd);
		if (core_watch(b, EPOLL_CTL_ADD) < 0)
			close_fd(&b->core);
		break;
	default: /* MSG_READY, and what a later keeper may say */
		break;
	}
}

static void keeper_read(struct broker *b)
{
	for (int n = 0; n < 64 && !b->stop; n++) {
		struct ipc_hdr h;
		_cleanup_close_ int fd = -1;
		int r = ipc_recv(b->keeper, &h, b->body, &fd);

		if (r == -EAGAIN)
			return;
		if (r == -EPROTO)
			continue;
		if (r <= 0)
			b->stop = true; /* without a keeper there are no connections: end with it */
		else
			keeper_message(b, &h, &fd);
	}
}

static void dispatch(struct broker *b, const struct epoll_event *ev)
{
	if (ev->data.u64 & BROKER_HTTP_TAG) {
		broker_http_io(b->http, (int)(ev->data.u64 & 0xffffffff), ev->events);
	} else if (ev->data.u64 == TAG_KEEPER) {
		keeper_read(b);
	} else {
		if (ev->events & EPOLLOUT) {
			core_block(b, false);
			core_pong(b);
			broker_http_resume(b->http);
		}
		if (ev->events & (EPOLLIN | EPOLLHUP | EPOLLERR))
			core_read(b);
	}
}

static int broker_loop(struct broker *b)
{
	while (!b->stop) {
		struct epoll_event ev[32];
		int n = epoll_wait(b->epoll, ev, ARRAY_SIZE(ev), broker_http_run(b->http));

		if (n < 0 && errno != EINTR) {
			log_error("broker: epoll_wait: %s", strerror(errno));
			return EXIT_FAILURE;
		}
		for (int i = 0; i < n && !b->stop; i++)
			dispatch(b, &ev[i]);
	}
	return EXIT_SUCCESS;
}

int broker_main(int keeper_fd)
{
	static const struct broker_http_ops ops = { .chunk = on_chunk, .connect = on_connect };
	struct broker *b = calloc(1, sizeof(*b));
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = TAG_KEEPER };
	int r = EXIT_FAILURE, err;

	if (!b)
		return r;
	signal(SIGPIPE, SIG_IGN);
	b->keeper = keeper_fd;
	b->core = -1;
	b->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (b->epoll >= 0 && epoll_ctl(b->epoll, EPOLL_CTL_ADD, keeper_fd, &ev) == 0)
		b->http = broker_http_new(b->epoll, &ops, b);
	err = b->http ? sandbox_enter_broker() : -errno;
	if (b->http && err == 0)
		r = broker_loop(b);
	else
		log_error("broker: cannot start: %s", strerror(err ? -err : ENOMEM));
	core_close(b);
	broker_http_free(b->http);
	close_fd(&b->keeper);
	close_fd(&b->epoll);
	free(b);
	return r;
}
