/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A flow's first bytes as a conversation: both directions' heads, and who spoke when (turns). However a message was cut
 * into segments, it is one turn; a datagram is a turn of its own. Pure. */
#ifndef PG_APPID_DIALOGUE_H
#define PG_APPID_DIALOGUE_H

#include "appid/stream_head.h"

#define DIALOGUE_TURNS 24

struct turn {
	uint8_t dir;
	uint16_t from, to; /* offsets in the direction's head; a hole may be inside */
	uint16_t wire;     /* bytes it had on the wire: more than what is here when a sample was cut */
};

struct dialogue {
	struct stream_head head[2]; /* by direction */
	bool datagrams;
	uint8_t turn_count;
	uint8_t turns_lost; /* did not fit (saturates) */
	/* The start is another than it was: what was thought of the first byte is void. The reader clears it. */
	bool rebased[2];
	struct turn turns[DIALOGUE_TURNS];
};

void dialogue_init(struct dialogue *d, bool datagrams);
void dialogue_done(struct dialogue *d);
/* For another conversation; memory may be kept for it. */
void dialogue_reset(struct dialogue *d, bool datagrams);
/* Adds payload that direction dir sent, of which the first len of wire_len bytes are here. 1: there are new bytes; 0: nothing
 * new (retransmission, empty); -ERANGE, -ENOSPC, -ENOMEM: dropped. */
int dialogue_add(struct dialogue *d, unsigned dir, uint32_t seq, const void *data, size_t len, size_t wire_len);
/* Some direction's first byte is known to be missing (stream_head_begin() on its head), though later ones are there. */
bool dialogue_waits(const struct dialogue *d);
/* What is there is taken as it is. */
void dialogue_wait_no_more(struct dialogue *d);
/* From the start of a direction to its first hole; for datagrams the first datagram. */
struct bytes dialogue_start(const struct dialogue *d, unsigned dir);
/* The bytes of turn i up to its first hole. */
struct bytes dialogue_turn(const struct dialogue *d, unsigned i);
size_t dialogue_memory(const struct dialogue *d);

#endif
