/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "appid/results.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/ipc.h"

#define DATAGRAM_MAX 32000 /* bytes: small enough for any socket buffer, large enough to be cheap */

void results_init(struct results *o, uint16_t type, size_t item_size, unsigned max)
{
	memset(o, 0, sizeof(*o));
	o->type = type;
	o->item_size = item_size;
	o->max = max;
}

void results_done(struct results *o)
{
	free(o->items);
	memset(o, 0, sizeof(*o));
}

static uint8_t *item_at(const struct results *o, unsigned i)
{
	return o->items + (size_t)((o->first + i) % o->cap) * o->item_size;
}

static int grow(struct results *o)
{
	unsigned cap = o->cap ? o->cap * 2 : 64;
	uint8_t *p;

	if (cap > o->max)
		cap = o->max;
	if (cap <= o->cap)
		return -ENOSPC;
	p = malloc(cap * o->item_size);
	if (!p)
		return -ENOMEM;
	for (unsigned i = 0; i < o->count; i++)
		memcpy(p + i * o->item_size, item_at(o, i), o->item_size);
	free(o->items);
	o->items = p;
	o->cap = cap;
	o->first = 0;
	return 0;
}

void results_put(struct results *o, const void *item)
{
	if (o->count == o->cap && grow(o) < 0) {
		o->dropped++;
		return;
	}
	memcpy(item_at(o, o->count), item, o->item_size);
	o->count++;
}

int results_send(struct results *o, int sock)
{
	while (o->count) {
		unsigned n = (unsigned)(DATAGRAM_MAX / o->item_size), straight = o->cap - o->first;
		int r;

		if (n > o->count)
			n = o->count;
		if (n > straight)
			n = straight;
		r = ipc_send(sock, o->type, 0, 0, item_at(o, 0), n * o->item_size, -1);
		if (r < 0)
			return r;
		o->first = (o->first + n) % o->cap;
		o->count -= n;
	}
	o->first = 0;
	return 0;
}
