/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Segments that overtook the first one of their direction: kept back until that one comes, since the inspector, who does not
 * know where a stream begins, would judge from its middle. Bounded; in order of arrival. One thread. */
#ifndef PG_APPID_REPLAY_HOLD_H
#define PG_APPID_REPLAY_HOLD_H

#include "flows/decode.h"
#include "flows/flow_table.h"

#define REPLAY_HOLD_MAX 64
#define REPLAY_HOLD_NS 100000000ULL /* capture time; then the first one was not captured */

struct replay_held {
	struct flow *flow;
	struct packet_view view; /* payload is an allocation of its own */
	uint64_t ts_ns;
};

struct replay_hold {
	struct replay_held at[REPLAY_HOLD_MAX];
	unsigned count;
};

bool replay_hold_full(const struct replay_hold *h);
/* Copies the payload. False: full, or no memory. */
bool replay_hold_add(struct replay_hold *h, struct flow *f, const struct packet_view *v, uint64_t ts_ns);
/* Takes the oldest one of f's direction dir out; f NULL: of any, if it is not younger than ts_ns. The payload is then the
 * caller's to free. */
bool replay_hold_take(struct replay_hold *h, const struct flow *f, unsigned dir, uint64_t ts_ns, struct replay_held *ret);
void replay_hold_done(struct replay_hold *h);

#endif
