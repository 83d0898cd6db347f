/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "appid/stream_head.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { BUFFER_KEPT = 2048 };

void stream_head_init(struct stream_head *h)
{
	h->buf = NULL;
	h->cap = 0;
	h->range_count = 0;
	h->ranges = h->few;
	h->range_cap = sizeof(h->few) / sizeof(h->few[0]);
	h->known = false;
	h->pinned = false;
	h->conflict = false;
	h->base_seq = 0;
}

void stream_head_done(struct stream_head *h)
{
	free(h->buf);
	if (h->ranges != h->few)
		free(h->ranges);
	stream_head_init(h);
}

void stream_head_reset(struct stream_head *h)
{
	uint8_t *buf = h->buf;
	uint16_t cap = h->cap;

	if (cap > BUFFER_KEPT) {
		stream_head_done(h);
		return;
	}
	h->buf = NULL;
	stream_head_done(h);
	h->buf = buf;
	h->cap = cap;
}

void stream_head_begin(struct stream_head *h, uint32_t seq)
{
	if (h->known)
		return;
	h->known = h->pinned = true;
	h->base_seq = seq;
}

void stream_head_unpin(struct stream_head *h)
{
	h->pinned = false;
}

bool stream_head_waits(const struct stream_head *h)
{
	return h->pinned && h->range_count && h->ranges[0].from;
}

static unsigned highest(const struct stream_head *h)
{
	return h->range_count ? h->ranges[h->range_count - 1].to : 0;
}

static int reserve(struct stream_head *h, unsigned need)
{
	unsigned cap = h->cap ? h->cap : 256;
	uint8_t *p;

	if (need <= h->cap)
		return 0;
	while (cap < need)
		cap *= 2;
	p = realloc(h->buf, cap);
	if (!p)
		return -ENOMEM;
	h->buf = p;
	h->cap = (uint16_t)cap;
	return 0;
}

/* Room for one more range. */
static int reserve_range(struct stream_head *h)
{
	bool few = h->ranges == h->few;
	struct stream_range *p;

	if (h->range_count < h->range_cap)
		return 0;
	if (h->range_count == STREAM_HEAD_RANGES)
		return -ENOSPC;
	if (!h->range_cap)
		return -ENOSPC; /* not initialised */
	p = realloc(few ? NULL : h->ranges, 2u * h->range_cap * sizeof(*p));
	if (!p)
		return -ENOMEM;
	if (few)
		memcpy(p, h->few, sizeof(h->few));
	h->ranges = p;
	h->range_cap = (uint16_t)(2 * h->range_cap);
	return 0;
}

/* Moves everything up by n: a segment came from before the base. */
static int rebase(struct stream_head *h, unsigned n)
{
	unsigned top = highest(h);

	if (top + n > STREAM_HEAD_WINDOW)
		return -ERANGE;
	if (reserve(h, top + n) < 0)
		return -ENOMEM;
	memmove(h->buf + n, h->buf, top);
	for (unsigned i = 0; i < h->range_count; i++) {
		h->ranges[i].from = (uint16_t)(h->ranges[i].from + n);
		h->ranges[i].to = (uint16_t)(h->ranges[i].to + n);
	}
	h->base_seq -= n;
	return 0;
}

/* Holds n bytes that came again against those that are there. */
static void compare(struct stream_head *h, unsigned at, const uint8_t *data, unsigned n)
{
	unsigned same = 0;

	if (h->conflict || !memcmp(h->buf + at, data, n))
		return;
	while (h->buf[at + same] == data[same])
		same++;
	h->conflict = true;
	n -= same;
	h->other.at = (uint16_t)(at + same);
	h->other.len = (uint8_t)(n < sizeof(h->other.first) ? n : sizeof(h->other.first));
	memcpy(h->other.first, h->buf + at + same, h->other.len);
	memcpy(h->other.later, data + same, h->other.len);
}

/* Copies the bytes of [from, to) that are in no range yet, compares the others. Returns how many were fresh. */
static unsigned fill(struct stream_head *h, unsigned from, unsigned to, const uint8_t *data)
{
	unsigned at = from, fresh = 0;

	for (unsigned i = 0; i < h->range_count && at < to; i++) {
		unsigned rf = h->ranges[i].from, rt = h->ranges[i].to, stop;

		if (rt <= at)
			continue;
		if (rf > at) {
			stop = rf < to ? rf : to;
			memcpy(h->buf + at, data + (at - from), stop - at);
			fresh += stop - at;
			at = stop;
		}
		stop = rt < to ? rt : to;
		if (at < stop) {
			compare(h, at, data + (at - from), stop - at);
			at = stop;
		}
	}
	if (at < to) {
		memcpy(h->buf + at, data + (at - from), to - at);
		fresh += to - at;
	}
	return fresh;
}

/* Which ranges [from, to) touches: first and one past the last; equal: none, to be inserted at first. */
static void touching(const struct stream_head *h, unsigned from, unsigned to, unsigned *ret_first, unsigned *ret_last)
{
	unsigned i = h->range_count, j;

	while (i && h->ranges[i - 1].to >= from) /* most come in order */
		i--;
	for (j = i; j < h->range_count && h->ranges[j].from <= to; j++)
		;
	*ret_first = i;
	*ret_last = j;
}

static int place(struct stream_head *h, unsigned from, unsigned to, const uint8_t *data, struct stream_added *ret_added)
{
	unsigned first, last;
	int r;

	touching(h, from, to, &first, &last);
	r = first == last ? reserve_range(h) : 0;
	if (r < 0)
		return r;
	if (reserve(h, to) < 0)
		return -ENOMEM;
	ret_added->fresh = (uint16_t)fill(h, from, to, data);
	ret_added->from = (uint16_t)from;
	ret_added->to = (uint16_t)to;
	if (first == last) {
		memmove(&h->ranges[first + 1], &h->ranges[first], (h->range_count - first) * sizeof(h->ranges[0]));
		h->ranges[first] = (struct stream_range){ (uint16_t)from, (uint16_t)to };
		h->range_count++;
		return 0;
	}
	if (from < h->ranges[first].from)
		h->ranges[first].from = (uint16_t)from;
	if (h->ranges[last - 1].to > to)
		to = h->ranges[last - 1].to;
	h->ranges[first].to = (uint16_t)to;
	memmove(&h->ranges[first + 1], &h->ranges[last], (h->range_count - last) * sizeof(h->ranges[0]));
	h->range_count = (uint16_t)(h->range_count - (last - first - 1));
	return 0;
}

int stream_head_add(struct stream_head *h, uint32_t seq, const void *data, size_t len, struct stream_added *ret_added)
{
	unsigned lowest = h->range_count ? h->ranges[0].from : 0;
	struct stream_added a = { 0 };
	int32_t off;
	int r;

	*ret_added = a;
	if (!len)
		return 0;
	if (!h->known) {
		h->known = true;
		h->base_seq = seq;
	}
	off = (int32_t)(seq - h->base_seq);
	if (off < -STREAM_HEAD_WINDOW || off >= STREAM_HEAD_WINDOW)
		return -ERANGE;
	if (off < 0 && h->pinned) { /* a keep-alive probe may begin before (RFC 9293 3.8.4) */
		if (len <= (size_t)-off)
			return -ERANGE;
		data = (const uint8_t *)data - off;
		len -= (size_t)-off;
		off = 0;
	}
	if (off < 0) {
		r = rebase(h, (unsigned)-off);
		if (r < 0)
			return r;
		a.shift = (uint16_t)-off;
		lowest += a.shift;
		off = 0;
	}
	if (len > STREAM_HEAD_WINDOW - (size_t)off)
		len = STREAM_HEAD_WINDOW - (size_t)off;
	r = place(h, (unsigned)off, (unsigned)off + (unsigned)len, data, &a);
	if (r < 0)
		a.from = a.to = a.fresh = 0;
	a.earlier = a.fresh && a.from < lowest;
	*ret_added = a;
	return r;
}

int stream_head_append(struct stream_head *h, const void *data, size_t len, struct stream_added *ret_added)
{
	unsigned top = highest(h);

	*ret_added = (struct stream_added){ 0 };
	if (len > STREAM_HEAD_WINDOW - top)
		return -ERANGE;
	return len ? place(h, top, top + (unsigned)len, data, ret_added) : 0;
}

struct bytes stream_head_prefix(const struct stream_head *h)
{
	return h->range_count && !stream_head_waits(h) ? stream_head_piece(h, h->ranges[0].from, STREAM_HEAD_WINDOW) : (struct bytes){ 0 };
}

struct bytes stream_head_piece(const struct stream_head *h, unsigned from, unsigned to)
{
	for (unsigned i = 0; i < h->range_count; i++)
		if (h->ranges[i].from <= from && from < h->ranges[i].to) {
			unsigned stop = h->ranges[i].to < to ? h->ranges[i].to : to;

			return stop > from ? bytes_of(h->buf + from, stop - from) : (struct bytes){ 0 };
		}
	return (struct bytes){ 0 };
}

size_t stream_head_memory(const struct stream_head *h)
{
	return h->cap + (h->ranges == h->few ? 0 : h->range_cap * sizeof(h->ranges[0]));
}
