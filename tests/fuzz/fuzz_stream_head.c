/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The first bytes of a stream out of any segments, held against a plain model: an array with a mark for each byte that came;
 * the first byte to come stays. Input: 2 bytes where the sequence numbers begin, 1 byte: bit 0 the start is known; then
 * segments: 2 bytes offset, 1 byte length, 1 byte what they say. */
#include <stdlib.h>
#include <string.h>

#include "appid/stream_head.h"

enum { ROOM = 3 * STREAM_HEAD_WINDOW };

struct model {
	uint8_t byte[ROOM], there[ROOM]; /* index: offset + STREAM_HEAD_WINDOW */
};

static void held_against(const struct stream_head *h, const struct model *m, uint32_t zero)
{
	struct bytes b = stream_head_prefix(h);
	size_t at;

	if (!h->known || !bytes_left(&b))
		return;
	at = (size_t)(int64_t)((int32_t)(h->base_seq - zero) + STREAM_HEAD_WINDOW) + h->ranges[0].from;
	for (size_t i = 0; i < bytes_left(&b); i++)
		if (at + i >= ROOM || !m->there[at + i] || m->byte[at + i] != b.p[i])
			abort();
	if (at + bytes_left(&b) < ROOM && m->there[at + bytes_left(&b)] && bytes_left(&b) + h->ranges[0].from < STREAM_HEAD_WINDOW)
		abort(); /* the prefix ends too early */
	for (unsigned i = 0; i < h->range_count; i++)
		if (h->ranges[i].from >= h->ranges[i].to || (i && h->ranges[i].from <= h->ranges[i - 1].to) || h->ranges[i].to > h->cap)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct model m;
	struct bytes b = bytes_of(data, size);
	struct stream_head h;
	uint8_t flags, len, what;
	uint16_t low, off;
	uint32_t zero;

	if (!bytes_be16(&b, &low) || !bytes_u8(&b, &flags))
		return 0;
	zero = 0xffff0000u | low; /* near where the numbers wrap */
	memset(&m, 0, sizeof(m));
	stream_head_init(&h);
	if (flags & 1)
		stream_head_begin(&h, zero);
	while (bytes_be16(&b, &off) && bytes_u8(&b, &len) && bytes_u8(&b, &what)) {
		uint8_t segment[256];
		struct stream_added a;
		int32_t at = (int32_t)(off % (2 * STREAM_HEAD_WINDOW)) - STREAM_HEAD_WINDOW;
		uint32_t base;

		for (unsigned i = 0; i < len; i++)
			segment[i] = (uint8_t)(what & 0x80 ? what + i : at + (int32_t)i);
		if (stream_head_add(&h, zero + (uint32_t)at, segment, len, &a) < 0)
			continue;
		base = h.base_seq - zero + STREAM_HEAD_WINDOW;
		for (unsigned i = 0; i < a.to - a.from; i++) {
			uint32_t to = base + a.from + i;
			unsigned from = (unsigned)(to - ((uint32_t)at + STREAM_HEAD_WINDOW));

			if (to >= ROOM || from >= len)
				abort();
			if (!m.there[to])
				m.byte[to] = segment[from];
			m.there[to] = 1;
		}
		held_against(&h, &m, zero);
		if (what == 0x7f)
			stream_head_unpin(&h);
	}
	held_against(&h, &m, zero);
	stream_head_done(&h);
	return 0;
}
