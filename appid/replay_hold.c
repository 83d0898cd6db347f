/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "appid/replay_hold.h"

#include <stdlib.h>
#include <string.h>

bool replay_hold_full(const struct replay_hold *h)
{
	return h->count == REPLAY_HOLD_MAX;
}

bool replay_hold_add(struct replay_hold *h, struct flow *f, const struct packet_view *v, uint64_t ts_ns)
{
	uint8_t *copy;

	if (replay_hold_full(h) || !v->payload_cap_len)
		return false;
	copy = malloc(v->payload_cap_len);
	if (!copy)
		return false;
	memcpy(copy, v->payload, v->payload_cap_len);
	h->at[h->count] = (struct replay_held){ f, *v, ts_ns };
	h->at[h->count++].view.payload = copy;
	return true;
}

bool replay_hold_take(struct replay_hold *h, const struct flow *f, unsigned dir, uint64_t ts_ns, struct replay_held *ret)
{
	for (unsigned i = 0; i < h->count; i++) {
		if (f ? h->at[i].flow != f || h->at[i].view.dir != dir : h->at[i].ts_ns > ts_ns)
			continue;
		*ret = h->at[i];
		memmove(&h->at[i], &h->at[i + 1], (--h->count - i) * sizeof(h->at[0]));
		return true;
	}
	return false;
}

void replay_hold_done(struct replay_hold *h)
{
	for (unsigned i = 0; i < h->count; i++)
		free((void *)(uintptr_t)h->at[i].view.payload);
	h->count = 0;
}
