/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "appid/dialogue.h"

#include <errno.h>

void dialogue_init(struct dialogue *d, bool datagrams)
{
	stream_head_init(&d->head[0]);
	stream_head_init(&d->head[1]);
	dialogue_reset(d, datagrams);
}

void dialogue_reset(struct dialogue *d, bool datagrams)
{
	stream_head_reset(&d->head[0]);
	stream_head_reset(&d->head[1]);
	d->datagrams = datagrams;
	d->turn_count = 0;
	d->turns_lost = 0;
	d->rebased[0] = d->rebased[1] = false;
}

void dialogue_done(struct dialogue *d)
{
	stream_head_done(&d->head[0]);
	stream_head_done(&d->head[1]);
	d->turn_count = 0;
}

static void turn_push(struct dialogue *d, unsigned dir, const struct stream_added *a, unsigned wire)
{
	if (d->turn_count == DIALOGUE_TURNS) {
		if (d->turns_lost < UINT8_MAX)
			d->turns_lost++;
		return;
	}
	d->turns[d->turn_count++] = (struct turn){ .dir = (uint8_t)dir, .from = a->from, .to = a->to, .wire = (uint16_t)wire };
}

static void turns_shift(struct dialogue *d, unsigned dir, unsigned n)
{
	for (unsigned i = 0; i < d->turn_count; i++)
		if (d->turns[i].dir == dir) {
			d->turns[i].from = (uint16_t)(d->turns[i].from + n);
			d->turns[i].to = (uint16_t)(d->turns[i].to + n);
		}
}

/* The turn that new bytes of a stream belong to: one they fall into (a late segment filled its hole), or the last one if it
 * is the same speaker's; else a new turn begins. */
static void turn_note(struct dialogue *d, unsigned dir, const struct stream_added *a, unsigned wire)
{
	struct turn *last = d->turn_count ? &d->turns[d->turn_count - 1] : NULL;

	for (unsigned i = 0; i < d->turn_count; i++) {
		struct turn *t = &d->turns[i];

		if (t->dir == dir && t->from <= a->from && a->to <= t->to)
			return;
	}
	if (!last || last->dir != dir) {
		/* A late segment from before the same speaker's earlier turn is part of that one. */
		for (unsigned i = 0; i < d->turn_count; i++) {
			struct turn *t = &d->turns[i];

			if (t->dir == dir && a->from < t->from && a->to <= t->to) {
				t->wire = (uint16_t)(t->wire + t->from - a->from);
				t->from = a->from;
				return;
			}
		}
		turn_push(d, dir, a, wire);
		return;
	}
	if (a->from < last->from) {
		last->wire = (uint16_t)(last->wire + last->from - a->from);
		last->from = a->from;
	}
	if (a->to > last->to)
		last->to = a->to;
	if (a->from + wire - last->from > last->wire)
		last->wire = (uint16_t)(a->from + wire - last->from);
}

int dialogue_add(struct dialogue *d, unsigned dir, uint32_t seq, const void *data, size_t len, size_t wire_len)
{
	struct stream_added a;
	unsigned wire = wire_len < len ? (unsigned)len : wire_len > STREAM_HEAD_WINDOW ? STREAM_HEAD_WINDOW : (unsigned)wire_len;
	int r;

	if (d->datagrams) {
		if (d->turn_count == DIALOGUE_TURNS)
			return -ENOSPC;
		r = stream_head_append(&d->head[dir], data, len, &a);
		if (r < 0 || !a.fresh)
			return r;
		turn_push(d, dir, &a, wire);
		return 1;
	}
	r = stream_head_add(&d->head[dir], seq, data, len, &a);
	if (a.shift)
		turns_shift(d, dir, a.shift);
	d->rebased[dir] |= a.shift || a.earlier;
	if (r < 0 || !a.fresh)
		return r;
	turn_note(d, dir, &a, wire);
	return 1;
}

bool dialogue_waits(const struct dialogue *d)
{
	return stream_head_waits(&d->head[0]) || stream_head_waits(&d->head[1]);
}

void dialogue_wait_no_more(struct dialogue *d)
{
	for (unsigned dir = 0; dir < 2; dir++) {
		d->rebased[dir] |= stream_head_waits(&d->head[dir]);
		stream_head_unpin(&d->head[dir]);
	}
}

struct bytes dialogue_start(const struct dialogue *d, unsigned dir)
{
	if (!d->datagrams)
		return stream_head_prefix(&d->head[dir]);
	for (unsigned i = 0; i < d->turn_count; i++)
		if (d->turns[i].dir == dir)
			return dialogue_turn(d, i);
	return (struct bytes){ 0 };
}

struct bytes dialogue_turn(const struct dialogue *d, unsigned i)
{
	const struct turn *t = &d->turns[i];

	return stream_head_piece(&d->head[t->dir], t->from, t->to);
}

size_t dialogue_memory(const struct dialogue *d)
{
	return stream_head_memory(&d->head[0]) + stream_head_memory(&d->head[1]);
}
