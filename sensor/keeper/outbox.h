/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages to one child: sent at once, or kept in memory in their order while the child's queue is full. Nothing is lost
 * and nothing blocks; beyond the bound sending fails and the owner restarts the child. */
#ifndef PG_KEEPER_OUTBOX_H
#define PG_KEEPER_OUTBOX_H

#include <stddef.h>
#include <stdint.h>

struct outbox_msg;
struct outbox {
	int sock; /* not owned */
	struct outbox_msg *first, *last;
	size_t bytes, max_bytes;
};

void outbox_init(struct outbox *o, int sock, size_t max_bytes);
/* Forgets what is queued, closes its descriptors. */
void outbox_done(struct outbox *o);

/* As ipc_send(); fd is duplicated if it has to wait. -ENOBUFS: over the bound; other errors: the peer is gone. */
int outbox_send(struct outbox *o, uint16_t type, uint32_t seq, int32_t status, const void *body, size_t len, int fd);
/* The socket takes more: sends what is queued. 0: all sent; -EAGAIN: some are left; other -errno: the peer is gone. */
int outbox_flush(struct outbox *o);

#endif
