/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Results on their way to core: records of one message type, sent several to a datagram, kept within bounds while core's
 * queue is full or core restarts, then dropped and counted. One thread. */
#ifndef PG_APPID_OUTBOX_H
#define PG_APPID_OUTBOX_H

#include <stddef.h>
#include <stdint.h>

struct outbox {
	uint16_t type; /* enum msg_type */
	size_t item_size;
	unsigned max, first, count;
	uint8_t *items; /* grows up to max items, as a ring */
	unsigned cap;
	uint64_t dropped;
};

void outbox_init(struct outbox *o, uint16_t type, size_t item_size, unsigned max);
void outbox_done(struct outbox *o);
/* Copies the item; when full it is dropped and counted. */
void outbox_put(struct outbox *o, const void *item);
/* Sends what goes; the rest stays. 0 all sent; -EAGAIN: the peer's queue is full; other -errno: the peer is gone. */
int outbox_send(struct outbox *o, int sock);

#endif
