/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Results on their way to core: records of one message type, sent several to a datagram, kept within bounds while core's
 * queue is full or core restarts, then dropped and counted. One thread. */
#ifndef PG_APPID_RESULTS_H
#define PG_APPID_RESULTS_H

#include <stddef.h>
#include <stdint.h>

struct results {
	uint16_t type; /* enum msg_type */
	size_t item_size;
	unsigned max, first, count;
	uint8_t *items; /* grows up to max items, as a ring */
	unsigned cap;
	uint64_t dropped;
};

void results_init(struct results *o, uint16_t type, size_t item_size, unsigned max);
void results_done(struct results *o);
/* Copies the item; when full it is dropped and counted. */
void results_put(struct results *o, const void *item);
/* Sends what goes; the rest stays. 0 all sent; -EAGAIN: the peer's queue is full; other -errno: the peer is gone. */
int results_send(struct results *o, int sock);

#endif
