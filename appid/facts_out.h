/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Facts of flows on their way to core (MSG_FACTS): records of different lengths, several to a datagram, kept within bounds
 * while core's queue is full, then dropped and counted. One thread. */
#ifndef PG_APPID_FACTS_OUT_H
#define PG_APPID_FACTS_OUT_H

#include <stddef.h>
#include <stdint.h>

#include "flows/flow_key.h"

struct facts_out {
	uint8_t *buf; /* whole records */
	size_t len, cap, max;
	uint64_t dropped;
};

void facts_out_init(struct facts_out *o, size_t max);
void facts_out_done(struct facts_out *o);
/* text: sensor/facts.h, len bytes without a NUL. */
void facts_out_put(struct facts_out *o, const struct flow_key *key, const char *text, size_t len);
/* Sends what goes; the rest stays. 0 all sent; -EAGAIN: the peer's queue is full; other -errno: the peer is gone. */
int facts_out_send(struct facts_out *o, int sock);

#endif
