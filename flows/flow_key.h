/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The key of a flow: one struct for the eBPF programs and for user space (fixed width, no hidden padding).
 *
 * End 0 is the end whose (address, port) is lower by memcmp(), end 1 the other: both directions of a connection have one
 * key. "Direction d" means: sent by end d. IPv4 addresses stand as IPv4-mapped IPv6 addresses (RFC 4291 2.5.5.2).
 * ICMP echo: both ports are the identifier; other ICMP: both ports are type << 8 | code. Protocols without ports, and
 * fragments whose first fragment was not seen: ports 0. */
#ifndef PG_FLOWS_FLOW_KEY_H
#define PG_FLOWS_FLOW_KEY_H

#ifdef __bpf__
typedef __u8 pg_u8;
typedef __u16 pg_u16;
typedef __u32 pg_u32;
typedef __u64 pg_u64;
#else
#include <stdint.h>
typedef uint8_t pg_u8;
typedef uint16_t pg_u16;
typedef uint32_t pg_u32;
typedef uint64_t pg_u64;
#endif

struct flow_key {
	pg_u8 addr[2][16]; /* network byte order */
	pg_u16 port[2];    /* network byte order */
	/* 0 for the usual entry. When packets with this 5-tuple come in by another interface than the entry's end has
	 * (a forged source, or the address moved on), they get an entry of their own with that interface's index here. */
	pg_u32 claimant_if;
	pg_u16 ns;    /* our number of the network namespace the hook is in; 0 is never used */
	pg_u8 proto;  /* IPPROTO_* */
	pg_u8 pad;    /* 0 */
};

_Static_assert(sizeof(struct flow_key) == 44, "flow_key has no hidden padding");

#endif
