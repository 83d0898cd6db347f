/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/core/peer.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

#define PEER_QUEUE_MAX 4096
#define PEER_BATCH 256 /* messages taken per turn, so that one peer cannot starve the loop */

struct queued {
	struct queued *next;
	uint16_t type;
	uint32_t seq;
	size_t len;
	char body[];
};

struct peer {
	uv_poll_t poll;
	int fd;
	peer_msg_cb on_msg;
	peer_gone_cb on_gone;
	void *arg;
	struct queued *head, **tail;
	unsigned queued;
	uint64_t bad;
	bool closing, in_callback;
	char *body;
};

static void peer_closed(uv_handle_t *h)
{
	struct peer *p = h->data;

	for (struct queued *q = p->head, *next; q; q = next) {
		next = q->next;
		free(q);
	}
	close(p->fd);
	free(p->body);
	free(p);
}

void peer_close(struct peer *p)
{
	if (!p || p->closing)
		return;
	p->closing = true;
	uv_close((uv_handle_t *)&p->poll, peer_closed);
}

static void peer_poll(uv_poll_t *h, int status, int events);

static void peer_watch(struct peer *p)
{
	if (!p->closing)
		uv_poll_start(&p->poll, UV_READABLE | (p->head ? UV_WRITABLE : 0), peer_poll);
}

static int peer_flush(struct peer *p)
{
	while (p->head) {
		struct queued *q = p->head;
		int r = ipc_send(p->fd, q->type, q->seq, 0, q->body, q->len, -1);

		if (r == -EAGAIN)
			return 0;
		if (r < 0)
			return r;
		p->head = q->next;
		if (!p->head)
			p->tail = &p->head;
		p->queued--;
		free(q);
	}
	return 0;
}

static void peer_gone(struct peer *p)
{
	if (p->closing)
		return;
	uv_poll_stop(&p->poll);
	p->on_gone(p->arg);
}

static void peer_poll(uv_poll_t *h, int status, int events)
{
	struct peer *p = h->data;

	if (status < 0) {
		peer_gone(p);
		return;
	}
	if ((events & UV_WRITABLE) && peer_flush(p) < 0) {
		peer_gone(p);
		return;
	}
	for (int i = 0; (events & UV_READABLE) && i < PEER_BATCH; i++) {
		struct ipc_hdr hdr;
		int fd = -1, r = ipc_recv(p->fd, &hdr, p->body, &fd);

		if (r == -EAGAIN)
			break;
		if (r == -EPROTO) {
			p->bad++;
			continue;
		}
		if (r <= 0) {
			peer_gone(p);
			return;
		}
		p->on_msg(&hdr, p->body, fd, p->arg);
		if (p->closing)
			return;
	}
	peer_watch(p);
}

int peer_open(uv_loop_t *loop, int fd, peer_msg_cb on_msg, peer_gone_cb on_gone, void *arg, struct peer **ret)
{
	struct peer *p = calloc(1, sizeof(*p));
	int r;

	if (p)
		p->body = malloc(IPC_BODY_MAX);
	if (!p || !p->body) {
		free(p);
		close(fd);
		return -ENOMEM;
	}
	p->fd = fd;
	p->on_msg = on_msg;
	p->on_gone = on_gone;
	p->arg = arg;
	p->tail = &p->head;
	p->poll.data = p;
	r = uv_poll_init(loop, &p->poll, fd);
	if (r < 0) {
		close(fd);
		free(p->body);
		free(p);
		return r;
	}
	peer_watch(p);
	*ret = p;
	return 0;
}

int peer_send(struct peer *p, uint16_t type, uint32_t seq, const void *body, size_t len)
{
	struct queued *q;
	int r;

	if (!p || p->closing)
		return -ENOTCONN;
	if (!p->head) {
		r = ipc_send(p->fd, type, seq, 0, body, len, -1);
		if (r != -EAGAIN)
			return r;
	}
	if (p->queued >= PEER_QUEUE_MAX)
		return -ENOBUFS;
	q = malloc(sizeof(*q) + len);
	if (!q)
		return -ENOMEM;
	q->next = NULL;
	q->type = type;
	q->seq = seq;
	q->len = len;
	if (len)
		memcpy(q->body, body, len);
	*p->tail = q;
	p->tail = &q->next;
	p->queued++;
	peer_watch(p);
	return 0;
}

int peer_send_fd(struct peer *p, uint16_t type, uint32_t seq, const void *body, size_t len, int fd)
{
	if (!p || p->closing)
		return -ENOTCONN;
	return p->head ? -EAGAIN : ipc_send(p->fd, type, seq, 0, body, len, fd);
}

uint64_t peer_bad_messages(const struct peer *p)
{
	return p ? p->bad : 0;
}
