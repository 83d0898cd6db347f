/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The opener's loop: one request after the other; an answer waits until files takes it. */
#include "sensor/keeper/opener.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/ipc.h"
#include "base/log.h"
#include "sensor/msg.h"

#define ANSWER_WAIT_MS 1000

struct opener_loop {
	struct opener place;
	int keeper, files; /* files: -1 none */
	unsigned char body[IPC_BODY_MAX];
};

static void files_lost(struct opener_loop *o)
{
	close_fd(&o->files);
}

static void answer(struct opener_loop *o, const struct ipc_hdr *h, const struct opener_answer *a)
{
	struct pollfd pfd = { .fd = o->files, .events = POLLOUT };
	int r;

	do {
		r = ipc_send(o->files, h->type, h->seq, a->status, a->len ? a->body : NULL, a->len, a->fd);
	} while (r == -EAGAIN && poll(&pfd, 1, ANSWER_WAIT_MS) > 0);
	if (r < 0) /* it does not read: a new pair of sockets comes with the next one */
		files_lost(o);
}

static void files_read(struct opener_loop *o)
{
	struct opener_answer a;

	for (int n = 0; n < 16 && o->files >= 0; n++) {
		_cleanup_close_ int fd = -1;
		struct ipc_hdr h;
		int r = ipc_recv(o->files, &h, o->body, &fd);

		if (r == -EAGAIN)
			return;
		if (r == -EPROTO)
			continue;
		if (r <= 0) {
			files_lost(o);
			return;
		}
		if (!opener_request(&o->place, &h, o->body, &a)) {
			log_debug("opener: message %u from files, ignoring", h.type);
			continue;
		}
		answer(o, &h, &a);
		close_fd(&a.fd);
	}
}

static void keeper_fd(struct opener_loop *o, const struct msg_fd *m, int *fd)
{
	int *at = m->kind == MSG_FD_FILES    ? &o->files :
		  m->kind == MSG_FD_FANOTIFY ? &o->place.fanotify :
		  m->kind == MSG_FD_INOTIFY  ? &o->place.inotify :
					       NULL;

	if (!at)
		return;
	close_fd(at);
	*at = take_fd(fd);
}

/* False: to end. */
static bool keeper_read(struct opener_loop *o)
{
	for (;;) {
		_cleanup_close_ int fd = -1;
		struct ipc_hdr h;
		struct msg_fd m;
		int r = ipc_recv(o->keeper, &h, o->body, &fd);

		if (r == -EAGAIN)
			return true;
		if (r == -EPROTO)
			continue;
		if (r <= 0 || h.type == MSG_QUIT)
			return false;
		if (h.type == MSG_PING) {
			(void)ipc_send(o->keeper, MSG_PONG, h.seq, 0, NULL, 0, -1);
		} else if (h.type == MSG_FD && h.len == sizeof(m) && fd >= 0) {
			memcpy(&m, o->body, sizeof(m));
			keeper_fd(o, &m, &fd);
		}
	}
}

int opener_run(int keeper_sock)
{
	static struct opener_loop o; /* one program, one loop */

	o.place = (struct opener){ -1, -1 };
	o.keeper = keeper_sock;
	o.files = -1;
	for (;;) {
		struct pollfd p[2] = { { .fd = o.keeper, .events = POLLIN }, { .fd = o.files, .events = POLLIN } };

		if (poll(p, ARRAY_SIZE(p), -1) < 0) {
			if (errno == EINTR)
				continue;
			return 1;
		}
		/* The keeper first: a new socket to files replaces the one that is read below. */
		if (p[0].revents) {
			if (!keeper_read(&o))
				return 0;
			continue;
		}
		if (p[1].revents)
			files_read(&o);
	}
}
