/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/core/named.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/cleanup.h"
#include "sensor/core/core_priv.h"

/* False: not asked. */
static bool ask_keeper(struct core *c, enum msg_type what, const char *name, core_named_cb cb, void *arg)
{
	struct core_private *p = c->priv;

	for (size_t i = 0; p->keeper && i < ARRAY_SIZE(p->named); i++) {
		if (p->named[i].cb)
			continue;
		p->named[i].seq = p->next_seq++;
		if (peer_send(p->keeper, what, p->named[i].seq, name, strlen(name)) < 0)
			return false;
		p->named[i].cb = cb;
		p->named[i].arg = arg;
		return true;
	}
	return false;
}

void core_open_named(struct core *c, const char *path, core_named_cb cb, void *arg)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), r = fd < 0 ? -errno : fd;

	if ((r != -EACCES && r != -EPERM) || !ask_keeper(c, MSG_OPEN, path, cb, arg))
		cb(c, r, arg);
}

void core_listen_named(struct core *c, const char *address, core_named_cb cb, void *arg)
{
	if (!ask_keeper(c, MSG_LISTEN, address, cb, arg))
		cb(c, -ENOBUFS, arg);
}

void named_answer(struct core *c, const struct ipc_hdr *hdr, int fd)
{
	struct core_private *p = c->priv;

	for (size_t i = 0; i < ARRAY_SIZE(p->named); i++)
		if (p->named[i].cb && p->named[i].seq == hdr->seq) {
			core_named_cb cb = p->named[i].cb;

			p->named[i].cb = NULL;
			cb(c, fd >= 0 ? fd : hdr->status < 0 ? hdr->status : -EIO, p->named[i].arg);
			return;
		}
	close_fd(&fd);
}
