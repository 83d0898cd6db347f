/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The opener's loop: one request after the other; an answer waits until files takes it. Roots that are served are asked on sockets of
 * their own, one question a turn each. */
#include "sensor/keeper/opener.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/ipc.h"
#include "base/log.h"
#include "base/root_ipc.h"
#include "sensor/msg.h"
#include "sensor/msg_files.h"

#define ANSWER_WAIT_MS 1000

struct served {
	int sock, root; /* -1: free */
	uint64_t until_ns;
};

struct opener_loop {
	struct opener place;
	int keeper, files, core; /* files, core: -1 none */
	struct served served[PLACE_ROOTS_MAX];
	unsigned char body[IPC_BODY_MAX];
};

/* ---- roots ------------------------------------------------------------------------------------------------------- */
static void served_end(struct served *s)
{
	close_fd(&s->sock);
	close_fd(&s->root);
}

/* Takes the answer's two descriptors over; no room: -EBUSY. */
static void served_add(struct opener_loop *o, struct opener_answer *a)
{
	struct served *s = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(o->served) && !s; i++)
		if (o->served[i].sock < 0)
			s = &o->served[i];
	if (s) {
		*s = (struct served){ take_fd(&a->serve), take_fd(&a->root), clock_mono_ns() + PLACE_ROOT_S * NSEC_PER_SEC };
		return;
	}
	close_fd(&a->serve);
	close_fd(&a->root);
	close_fd(&a->fd);
	a->status = -EBUSY;
}

static void served_read(struct opener_loop *o, struct served *s)
{
	int r = root_serve(s->sock, s->root, (char *)o->body);

	if (r != 1 && r != -EAGAIN)
		served_end(s);
}

/* Ends those whose time is over. Milliseconds until the next one's is; -1: none. */
static int served_expire(struct opener_loop *o)
{
	uint64_t now = clock_mono_ns(), next = 0;

	for (size_t i = 0; i < ARRAY_SIZE(o->served); i++) {
		struct served *s = &o->served[i];

		if (s->sock >= 0 && now >= s->until_ns)
			served_end(s);
		if (s->sock >= 0 && (!next || s->until_ns < next))
			next = s->until_ns;
	}
	return next ? (int)((next - now) / NSEC_PER_MSEC) + 1 : -1;
}

/* ---- requests ---------------------------------------------------------------------------------------------------- */
static void answer(int *client, const struct ipc_hdr *h, const struct opener_answer *a)
{
	struct pollfd pfd = { .fd = *client, .events = POLLOUT };
	int r;

	do {
		r = ipc_send(*client, h->type, h->seq, a->status, a->len ? a->body : NULL, a->len, a->fd);
	} while (r == -EAGAIN && poll(&pfd, 1, ANSWER_WAIT_MS) > 0);
	if (r < 0) /* it does not read: a new pair of sockets comes with the next one */
		close_fd(client);
}

static void client_read(struct opener_loop *o, int *client, bool (*request)(const struct opener *, const struct ipc_hdr *, const void *,
									     struct opener_answer *))
{
	struct opener_answer a;

	for (int n = 0; n < 16 && *client >= 0; n++) {
		_cleanup_close_ int fd = -1;
		struct ipc_hdr h;
		int r = ipc_recv(*client, &h, o->body, &fd);

		if (r == -EAGAIN)
			return;
		if (r == -EPROTO)
			continue;
		if (r <= 0) {
			close_fd(client);
			return;
		}
		if (!request(&o->place, &h, o->body, &a)) {
			log_debug("opener: message %u, ignoring", h.type);
			continue;
		}
		if (a.serve >= 0)
			served_add(o, &a);
		answer(client, &h, &a);
		close_fd(&a.fd);
	}
}

static void keeper_fd(struct opener_loop *o, const struct msg_fd *m, int *fd)
{
	int *at = m->kind == MSG_FD_FILES    ? &o->files :
		  m->kind == MSG_FD_CORE     ? &o->core :
		  m->kind == MSG_FD_FANOTIFY ? &o->place.fanotify :
		  m->kind == MSG_FD_INOTIFY  ? &o->place.inotify :
		  m->kind == MSG_FD_EXEC     ? &o->place.exec :
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

	o.place = (struct opener){ -1, -1, -1 };
	o.keeper = keeper_sock;
	o.files = o.core = -1;
	for (size_t i = 0; i < ARRAY_SIZE(o.served); i++)
		o.served[i] = (struct served){ -1, -1, 0 };
	for (;;) {
		struct pollfd p[3 + PLACE_ROOTS_MAX] = { { .fd = o.keeper, .events = POLLIN }, { .fd = o.files, .events = POLLIN },
							       { .fd = o.core, .events = POLLIN } };
		int wait_ms = served_expire(&o);

		for (size_t i = 0; i < ARRAY_SIZE(o.served); i++)
			p[3 + i] = (struct pollfd){ .fd = o.served[i].sock, .events = POLLIN };
		if (poll(p, ARRAY_SIZE(p), wait_ms) < 0) {
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
		for (size_t i = 0; i < ARRAY_SIZE(o.served); i++)
			if (p[3 + i].revents)
				served_read(&o, &o.served[i]);
		if (p[1].revents)
			client_read(&o, &o.files, opener_request);
		if (p[2].revents)
			client_read(&o, &o.core, opener_evidence_request);
	}
}
