/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fragments in captures: reads their headers, has ip_join.h join them, and gives out datagrams under an IP header. The oldest
 * goes first when there is no room, with what was there of it. Time is the capture's. One thread. */
#ifndef PG_APPID_REPLAY_FRAGS_H
#define PG_APPID_REPLAY_FRAGS_H

#include "appid/replay_unwrap.h"

#define REPLAY_FRAGS_MAX 256                 /* datagrams at a time, up to 64 KiB each */
#define REPLAY_FRAGS_NS (30ULL * 1000000000) /* RFC 8200 allows 60 s; a gap of 30 s in capture time ends the wait */

struct replay_datagram {
	struct replay_packet around; /* as the first fragment seen had it: VNI, VLAN, layers */
	struct packet_part ip;       /* the datagram under an IP header without fragment fields; empty when !has_first.
	                              * Valid until the next call. Cut at the first hole when not whole */
	bool has_first, whole, conflict;
	uint32_t packets;
	uint64_t bytes;              /* frame_len of all pieces */
	uint64_t first_ns, last_ns;
};

struct replay_frags;
struct replay_frags *replay_frags_new(void);
void replay_frags_free(struct replay_frags *f);
/* A fragment (replay_unwrap() said REPLAY_FRAGMENT). 1: it completed *ret; 0: kept; -EBADMSG: no fragment that can be,
 * ignored. network: a number for the VLAN and VNI it was in. Call replay_frags_old() first until it says false. */
int replay_frags_add(struct replay_frags *f, const struct replay_packet *p, uint16_t network, uint64_t ts_ns, struct replay_datagram *ret);
/* Gives out a datagram that waits for too long at ts_ns (UINT64_MAX: any), or the oldest when there is no room for another. */
bool replay_frags_old(struct replay_frags *f, uint64_t ts_ns, struct replay_datagram *ret);

#endif
