/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What only the eBPF programs and their loader share: maps that nobody else reads, sizes, read-only parameters' meaning.
 * (abi.h is for everybody.) */
#ifndef PG_SENSOR_BPF_PRIVATE_H
#define PG_SENSOR_BPF_PRIVATE_H

#include "sensor/bpf/abi.h"

#define PG_EVENTS_RING_BYTES (4u << 20)
#define PG_PSEUDO_IFINDEX_MIN 0x80000000u /* host-network containers (sensor/msg.h, MSG_HOSTNET) */

/* wakeups ARRAY[1]: when the reader of a ring was last woken (CLOCK_MONOTONIC). */
struct ring_wakeups {
	pg_u64 samples_ns;
	pg_u64 events_ns;
};

/* hostnet_ids CGROUP_STORAGE: whom the hooks of this cgroup count for. */
struct hostnet_id {
	pg_u32 pseudo_ifindex; /* 0: not said yet */
	pg_u16 ns;             /* our number of the node's namespace */
	pg_u16 pad;
};

/* fragments LRU_HASH: ports that a first fragment carried, for the fragments after it (RFC 791, RFC 8200 4.5). */
struct fragment_key {
	pg_u8 src[16], dst[16];
	pg_u32 id;
	pg_u16 ns;
	pg_u8 proto;
	pg_u8 pad;
};
struct fragment_ports {
	pg_u16 src, dst; /* as they stand in the flow key */
};

/* if_macs LRU_HASH: source addresses that came out of an interface; a zero MAC says that there is at least one. Tells a
 * frame for this container from one that its bridge flooded. */
struct if_mac_key {
	pg_u32 ifindex;
	pg_u16 ns;
	pg_u8 mac[6];
	pg_u32 pad;
};

/* arp_asked LRU_HASH: which addresses (by hash) an interface's container asked for lately. */
#define ARP_WITHIN_NS 10000000000ULL
#define ARP_QUIET 4 /* different ones that are told to nobody */
struct arp_asked_key {
	pg_u32 ifindex;
	pg_u32 ns;
};
struct arp_asked {
	pg_u64 since_ns;
	pg_u64 bits;
	pg_u32 count, pad;
};

/* young_sockets ARRAY[YOUNG_SOCKETS], by the low bits of the cookie (sensor/bpf/owner.bpf.h). */
#define YOUNG_SOCKETS 4096u
struct young_socket {
	pg_u64 cookie;    /* 0: free */
	pg_u64 closed_ns; /* CLOCK_MONOTONIC, coarse; 0: open */
	struct pg_owner owner;
};

static inline __attribute__((always_inline)) pg_u32 if_slot_of(pg_u32 ifindex, pg_u16 ns)
{
	return (ifindex ^ ns * 0x9e5u) & (PG_IF_SLOTS - 1);
}

/* Internal bits of pg_owner.flags, above those of abi.h. */
enum {
	OWNER_JOINED = 1 << 16,    /* some flow has taken this owner over */
	OWNER_AUTO_PORT = 1 << 17, /* UDP: bind() asked for any port: a client */
	OWNER_UDP = 1 << 18,
	OWNER_SENT = 1 << 20,      /* UDP: it sent or was connected */
	OWNER_ALONE = 1 << 19,     /* in its slot since the cookie was made: in no other map */
};

/* programs PROG_ARRAY[PG_HOOK_SLOTS]: the programs behind the hooks of interfaces, each loaded once. What is attached to an
 * interface is a stub of its namespace, which writes the namespace's number to skb->cb[0] and calls one of these. Stubs
 * outlive keepers: numbers here keep their meaning while PG_ABI_VERSION does; new ones come at the end. */
enum hook_program {
	HOOK_CONTAINER_IN,
	HOOK_CONTAINER_OUT,
	HOOK_VXLAN_IN,
	HOOK_VXLAN_OUT,
	HOOK_UPLINK_IN,
	HOOK_UPLINK_OUT,
	HOOK_LO_OUT,
	HOOK_MAX
};
#define PG_HOOK_SLOTS 16

/* netns_numbers HASH u64 netns cookie -> u32: our number; key 0: the number given last (bpf_loader_ns_number()). */

#endif
