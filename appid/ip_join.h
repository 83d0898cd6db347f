/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Joins the pieces of fragmented datagrams of both families (RFC 791 3.2, RFC 8200 4.5), whoever has read their headers: replay
 * from captures, the inspector from samples. The first bytes seen at a place win, and what said otherwise is a conflict (RFC 5722
 * would drop the datagram; here it is to be explained). Bounded in datagrams and bytes. Time is the caller's. One thread. */
#ifndef PG_APPID_IP_JOIN_H
#define PG_APPID_IP_JOIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

#define IP_JOIN_HEADROOM 40 /* writable bytes before the joined data: either IP header */

struct ip_join_limits {
	unsigned datagrams; /* at a time */
	uint32_t bytes;     /* of a datagram that are wanted, up to 65535; what is beyond is not kept */
	uint64_t wait_ns;   /* for the next piece */
	size_t extra;       /* bytes of the caller's own with each datagram */
};

struct ip_piece {
	uint8_t src[16], dst[16], version, proto; /* IPv6: the proto of the first piece counts */
	uint64_t where; /* pieces of different networks, or at different depths of tunnels, are of different datagrams */
	uint32_t id, from, wire_len;
	bool more;
	struct bytes data; /* what is here of it */
};

struct ip_joined {
	struct bytes data;  /* from the start to the first hole, behind IP_JOIN_HEADROOM bytes. Valid until the next take */
	uint32_t wire_len;  /* as far as is known */
	uint8_t version, proto;
	bool has_first, whole, conflict;
};

struct ip_join;
struct ip_gather; /* a datagram that waits for pieces */

struct ip_join *ip_join_new(const struct ip_join_limits *limits); /* NULL: no memory */
void ip_join_free(struct ip_join *j);
/* Adds a piece. NULL: no piece that can be, no room (ip_join_old() first), or no memory. */
struct ip_gather *ip_join_add(struct ip_join *j, const struct ip_piece *p, uint64_t now_ns);
/* The caller's own bytes, zeroed when the datagram was begun, aligned as by malloc. */
void *ip_gather_extra(struct ip_gather *g);
/* Everything wanted is there. */
bool ip_gather_is_whole(const struct ip_gather *g);
/* One that waited too long at now_ns (UINT64_MAX: any), or the oldest one when there is no room; NULL: none. */
struct ip_gather *ip_join_old(struct ip_join *j, uint64_t now_ns);
/* Ends a datagram. extra: a copy of the caller's bytes; may be NULL. */
void ip_join_take(struct ip_join *j, struct ip_gather *g, struct ip_joined *ret, void *extra);
bool ip_join_is_empty(const struct ip_join *j);

#endif
