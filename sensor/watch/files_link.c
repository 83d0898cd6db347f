/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One socket of files: sends at once, or keeps in order what the other side does not take yet. The loop stops reading events
 * while core does not read, so that the kernel's queue, which counts what it loses, is the only one that can overflow. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sensor/watch/files_priv.h"

struct link_msg {
	struct link_msg *next;
	uint32_t seq;
	int32_t status;
	uint16_t type;
	int fd;
	size_t len;
	unsigned char body[];
};

void files_link_init(struct files_link *l, int epoll, uint64_t tag)
{
	*l = (struct files_link){ .fd = -1, .epoll = epoll, .tag = tag };
	l->last = &l->first;
}

static void forget(struct files_link *l)
{
	for (struct link_msg *m = l->first, *next; m; m = next) {
		next = m->next;
		close_fd(&m->fd);
		free(m);
	}
	l->first = NULL;
	l->last = &l->first;
	l->queued = 0;
}

static int watch(const struct files_link *l, int op)
{
	struct epoll_event ev = { .events = EPOLLIN | (l->first ? EPOLLOUT : 0U), .data.u64 = l->tag };

	return epoll_ctl(l->epoll, op, l->fd, &ev);
}

void files_link_close(struct files_link *l)
{
	forget(l);
	if (l->fd >= 0)
		(void)epoll_ctl(l->epoll, EPOLL_CTL_DEL, l->fd, NULL);
	close_fd(&l->fd);
}

void files_link_open(struct files_link *l, int fd)
{
	files_link_close(l);
	l->fd = fd;
	if (watch(l, EPOLL_CTL_ADD) < 0)
		close_fd(&l->fd);
}

void files_link_flush(struct files_link *l)
{
	bool had = l->first != NULL;

	while (l->first) {
		struct link_msg *m = l->first;

		if (ipc_send(l->fd, m->type, m->seq, m->status, m->body, m->len, m->fd) == -EAGAIN)
			break; /* other errors: its end of stream follows */
		l->first = m->next;
		if (!l->first)
			l->last = &l->first;
		l->queued--;
		close_fd(&m->fd);
		free(m);
	}
	if (had && !l->first)
		(void)watch(l, EPOLL_CTL_MOD);
}

void files_link_send(struct files_link *l, uint16_t type, uint32_t seq, int32_t status, const void *a, size_t a_len,
		     const void *b, size_t b_len, int fd)
{
	struct link_msg *m;

	if (l->fd < 0)
		return;
	m = malloc(sizeof(*m) + a_len + b_len);
	if (!m)
		return;
	*m = (struct link_msg){ .seq = seq, .status = status, .type = type, .fd = -1, .len = a_len + b_len };
	if (a_len)
		memcpy(m->body, a, a_len);
	if (b_len)
		memcpy(m->body + a_len, b, b_len);
	if (!l->first && ipc_send(l->fd, type, seq, status, m->body, m->len, fd) != -EAGAIN) {
		free(m);
		return;
	}
	if (fd >= 0)
		m->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	*l->last = m;
	l->last = &m->next;
	l->queued++;
	(void)watch(l, EPOLL_CTL_MOD);
}
