/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/keeper/outbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/ipc.h"

struct outbox_msg {
	struct outbox_msg *next;
	uint16_t type;
	uint32_t seq;
	int32_t status;
	int fd;
	size_t len;
	unsigned char body[];
};

void outbox_init(struct outbox *o, int sock, size_t max_bytes)
{
	*o = (struct outbox){ .sock = sock, .max_bytes = max_bytes };
}

static void msg_drop_first(struct outbox *o)
{
	struct outbox_msg *m = o->first;

	o->first = m->next;
	if (!o->first)
		o->last = NULL;
	o->bytes -= sizeof(*m) + m->len;
	close_fd(&m->fd);
	free(m);
}

void outbox_done(struct outbox *o)
{
	while (o->first)
		msg_drop_first(o);
	o->sock = -1;
}

/* Full queue, or too many descriptors under way: both pass. */
static int send_now(int sock, uint16_t type, uint32_t seq, int32_t status, const void *body, size_t len, int fd)
{
	int r = ipc_send(sock, type, seq, status, body, len, fd);

	return r == -ETOOMANYREFS || r == -ENOBUFS ? -EAGAIN : r;
}

int outbox_send(struct outbox *o, uint16_t type, uint32_t seq, int32_t status, const void *body, size_t len, int fd)
{
	struct outbox_msg *m;
	int r;

	if (!o->first) {
		r = send_now(o->sock, type, seq, status, body, len, fd);
		if (r != -EAGAIN)
			return r;
	}
	if (o->bytes + sizeof(*m) + len > o->max_bytes)
		return -ENOBUFS;
	m = malloc(sizeof(*m) + len);
	if (!m)
		return -ENOBUFS;
	*m = (struct outbox_msg){ .type = type, .seq = seq, .status = status, .fd = -1, .len = len };
	if (len)
		memcpy(m->body, body, len);
	if (fd >= 0) {
		m->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
		if (m->fd < 0) {
			free(m);
			return -ENOBUFS;
		}
	}
	if (o->last)
		o->last->next = m;
	else
		o->first = m;
	o->last = m;
	o->bytes += sizeof(*m) + len;
	return 0;
}

int outbox_flush(struct outbox *o)
{
	while (o->first) {
		struct outbox_msg *m = o->first;
		int r = send_now(o->sock, m->type, m->seq, m->status, m->body, m->len, m->fd);

		if (r < 0)
			return r;
		msg_drop_first(o);
	}
	return 0;
}
