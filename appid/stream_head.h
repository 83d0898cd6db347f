/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The first bytes of one direction of a TCP stream, in order of sequence number, from segments that come in any order, cut
 * anywhere, twice, or overlapping (RFC 9293 3.4: sequence numbers wrap). The first bytes seen at a place win; a later
 * segment that says something else is a conflict. Where the stream begins may be said (its SYN was seen): then nothing stands
 * before the first byte, and until that byte comes there is no prefix. Else the lowest sequence number seen within the
 * window is taken, and a segment that comes before what is there moves the base.
 * Pure; owns its growing buffers.
 * A head must not be moved. */
#ifndef PG_APPID_STREAM_HEAD_H
#define PG_APPID_STREAM_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

#define STREAM_HEAD_WINDOW 4096 /* sequence numbers from the base that are kept: 2 KiB of samples, and holes of cut ones */
#define STREAM_HEAD_RANGES 1024 /* separate pieces at a time: 2 KiB of single bytes in any order */

struct stream_range {
	uint16_t from, to; /* offsets from the base, to is one past */
};

/* The first place where a later segment said something else. */
struct stream_conflict {
	uint16_t at; /* offset from the base then */
	uint8_t len; /* bytes of both readings, the first of them differing somewhere */
	uint8_t first[8], later[8];
};

struct stream_head {
	uint8_t *buf; /* cap bytes; those outside the ranges are undefined */
	uint16_t cap;
	uint16_t range_count, range_cap;
	bool known;    /* base_seq is set */
	bool pinned;   /* base_seq is the stream's first byte */
	bool conflict; /* a retransmission said something else: */
	struct stream_conflict other;
	uint32_t base_seq;
	struct stream_range *ranges; /* ascending, neither touching nor overlapping; few at first, else an allocation */
	struct stream_range few[4];
};

void stream_head_init(struct stream_head *h);
void stream_head_done(struct stream_head *h);
/* Empty, as after stream_head_init(), but a buffer of usual size is kept for the next stream. */
void stream_head_reset(struct stream_head *h);
/* The stream's first byte has this sequence number. No effect when bytes are there already. */
void stream_head_begin(struct stream_head *h, uint32_t seq);
/* The first byte is not waited for any longer: what is there counts as the beginning. */
void stream_head_unpin(struct stream_head *h);
/* Bytes have come, but not the first one, which is known to be missing. */
bool stream_head_waits(const struct stream_head *h);

struct stream_added {
	uint16_t from, to; /* offsets of the segment as placed (clipped to the window); from == to: nothing was placed */
	uint16_t fresh;    /* bytes not known before */
	uint16_t shift;    /* the base moved down by this much: add it to offsets kept from before */
	bool earlier;      /* bytes came before all that were there: the prefix begins elsewhere now */
};

/* Adds a segment. 0; -ERANGE: outside the window, dropped; -ENOSPC: too many pieces, dropped; -ENOMEM. On failure
 * *ret_added is zero but for shift. */
int stream_head_add(struct stream_head *h, uint32_t seq, const void *data, size_t len, struct stream_added *ret_added);
/* Appends after the highest byte (datagrams: order of arrival). 0, -ERANGE when the window is full, -ENOMEM. */
int stream_head_append(struct stream_head *h, const void *data, size_t len, struct stream_added *ret_added);
/* The bytes from the beginning to the first hole; none while stream_head_waits(). Valid until the next add. */
struct bytes stream_head_prefix(const struct stream_head *h);
/* The bytes from offset to the first hole or to `to`. */
struct bytes stream_head_piece(const struct stream_head *h, unsigned from, unsigned to);
/* Bytes of memory the head holds. */
size_t stream_head_memory(const struct stream_head *h);

#endif
