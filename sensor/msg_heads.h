/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The packet ring: the inspector keeps the first bytes of flows that it was given anyway (struct pg_sample), bounded in all; core asks
 * for those of a container when evidence is made. */
#ifndef PG_SENSOR_MSG_HEADS_H
#define PG_SENSOR_MSG_HEADS_H

#include <stdint.h>

#define HEADS_ADDRESSES_MAX 32

/* MSG_HEADS_SET, core -> inspector: how much is kept (0: nothing, and what was kept is forgotten), and of what. */
struct msg_heads_set {
	uint64_t max_bytes;
	uint32_t keep; /* enum redact_keep: of payloads that are handed out */
	uint32_t pad;
};
/* MSG_HEADS, core -> inspector with a descriptor to write to: records with one of these addresses at an end, in the order of their
 * times, each a length (uint32_t) and a struct pg_sample with its payload. Answered by the same type and seq: */
struct msg_heads {
	uint32_t count, pad;
	uint8_t addr[HEADS_ADDRESSES_MAX][16]; /* IPv4-mapped */
};
struct msg_heads_done {
	uint64_t records, bytes;
	uint64_t dropped; /* since the start, of all: pushed out by younger ones */
};

#endif
