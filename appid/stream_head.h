/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The first bytes of one direction of a TCP stream, in order of sequence number, from segments that come in any order, cut
 * anywhere, twice, or overlapping (RFC 9293 3.4: sequence numbers wrap). The first bytes seen at a place win; a later
 * segment that says something else is a conflict. The stream's first sequence number is not known (samples carry payload
 * only): the lowest one seen within the window is taken, so a segment that comes before what is there moves the base.
 * Pure; owns one growing buffer. */
#ifndef PG_APPID_STREAM_HEAD_H
#define PG_APPID_STREAM_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

#define STREAM_HEAD_WINDOW 4096 /* sequence numbers from the base that are kept: 2 KiB of samples, and holes of cut ones */
#define STREAM_HEAD_RANGES 24   /* separate pieces at a time */

struct stream_range {
	uint16_t from, to; /* offsets from the base, to is one past */
};

struct stream_head {
	uint8_t *buf; /* cap bytes; those outside the ranges are undefined */
	uint16_t cap;
	uint8_t range_count;
	bool known;    /* base_seq is set */
	bool conflict; /* a retransmission said something else */
	uint32_t base_seq;
	struct stream_range ranges[STREAM_HEAD_RANGES]; /* ascending, neither touching nor overlapping */
};

void stream_head_init(struct stream_head *h);
void stream_head_done(struct stream_head *h);

struct stream_added {
	uint16_t from, to; /* offsets of the segment as placed (clipped to the window); from == to: nothing was placed */
	uint16_t fresh;    /* bytes not known before */
	uint16_t shift;    /* the base moved down by this much: add it to offsets kept from before */
};

/* Adds a segment. 0; -ERANGE: outside the window, dropped; -ENOSPC: too many pieces, dropped; -ENOMEM. On failure
 * *ret_added is zero but for shift. */
int stream_head_add(struct stream_head *h, uint32_t seq, const void *data, size_t len, struct stream_added *ret_added);
/* Appends after the highest byte (datagrams: order of arrival). 0, -ERANGE when the window is full, -ENOMEM. */
int stream_head_append(struct stream_head *h, const void *data, size_t len, struct stream_added *ret_added);
/* The bytes from the base to the first hole. Valid until the next add. */
struct bytes stream_head_prefix(const struct stream_head *h);
/* The bytes from offset to the first hole or to `to`. */
struct bytes stream_head_piece(const struct stream_head *h, unsigned from, unsigned to);
/* Bytes of memory the head holds. */
size_t stream_head_memory(const struct stream_head *h);

#endif
