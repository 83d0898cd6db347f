/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What every eBPF object shares: the maps (made once by the loader, which hands the same ones to each object), the loss
 * ledger's counters, and the wake-up rule of the rings. The sizes here are placeholders: bpf_maps.c holds the real ones. */
#ifndef PG_BPF_COMMON_BPF_H
#define PG_BPF_COMMON_BPF_H

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_tracing.h>

#include "sensor/bpf/abi.h"
#include "sensor/bpf/private.h"

/* uapi constants that BTF does not carry */
#define ETH_P_IP 0x0800
#define ETH_P_IPV6 0x86DD
#define ETH_P_8021Q 0x8100
#define ETH_P_8021AD 0x88A8
#define ETH_HDR_LEN 14
#define VLAN_TAG_LEN 4
#define EEXIST 17
#define AF_INET 2
#define AF_INET6 10
#define TCP_SYN 2
#define TCP_ACK 16
#ifndef IPPROTO_ICMPV6
#define IPPROTO_ICMPV6 58
#endif

#define RING_WAKE_NS 15000000ULL    /* readers poll with 20 ms while busy: anything unannounced is found by then */
#define RING_WAKE_FULL_NS 1000000ULL /* between wake-ups of a ring that fills */

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct flow_key);
	__type(value, struct pg_flow);
} flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} samples SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct pg_inspected);
} inspected SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, PG_CTR_MAX);
	__type(key, u32);
	__type(value, u64);
} counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct pg_if_key);
	__type(value, struct pg_if);
} interfaces SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 1);
	__type(key, struct pg_if_key);
	__type(value, struct pg_if_stats);
} if_stats SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, PG_IF_SLOTS);
	__type(key, u32);
	__type(value, struct pg_if_slot);
} if_slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, u64);
	__type(value, struct pg_owner);
} sockets SEC(".maps");

/* Sockets that are closed, for packets of theirs that are still on the way to the first hook. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1);
	__type(key, u64);
	__type(value, struct pg_owner);
} closed_sockets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, u64);
	__type(value, u32);
} hostnet SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PG_SYSCALL_BUCKETS);
	__type(key, u32);
	__type(value, struct pg_syscall_bucket);
} syscalls SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, u64);
	__type(value, struct pg_syscall_set_bits);
} syscalls_outside SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, struct pg_vtep_key);
	__type(value, struct pg_vtep);
} vteps SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct pg_flow_gauge);
} flow_gauge SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, PG_IF_SLOTS);
	__type(key, u32);
	__type(value, struct pg_flow_share);
} flow_shares SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, PG_NEWS_SLOTS);
	__type(key, u32);
	__type(value, struct pg_flow_news);
} flow_news SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct ring_wakeups);
} wakeups SEC(".maps");

/* Our number of the namespace, at a TC hook: the stub that runs first and calls the program has put it there
 * (sensor/keeper/bpf_programs.c). */
static __always_inline u16 ns_of(const struct __sk_buff *skb)
{
	u32 n;

	/* not in C: clang would fold it with other loads from skb into one from a computed address, which the verifier refuses */
	asm("%0 = *(u32 *)(%1 + %2)" : "=r"(n) : "r"(skb), "i"(__builtin_offsetof(struct __sk_buff, cb)));
	return (u16)n;
}

static __always_inline void count_add(u32 counter, u64 n)
{
	u64 *v = bpf_map_lookup_elem(&counters, &counter);

	if (v)
		*v += n;
}

/* The statistics of a known interface: its slot, or where another interface has that, its entry in the hash. */
static __always_inline struct pg_if_stats *if_stats_find(u32 ifindex, u16 in_ns)
{
	struct pg_if_key key = { .ifindex = ifindex, .ns = in_ns };
	u32 i = if_slot_of(ifindex, in_ns);
	struct pg_if_slot *slot = bpf_map_lookup_elem(&if_slots, &i);

	if (slot && slot->key.ifindex == ifindex && slot->key.ns == in_ns)
		return &slot->stats;
	return bpf_map_lookup_elem(&if_stats, &key);
}

static __always_inline struct ring_wakeups *ring_wakeups_get(void)
{
	u32 zero = 0;

	return bpf_map_lookup_elem(&wakeups, &zero);
}

/* Flags for committing a record now: wakes the reader at most once in RING_WAKE_NS, because a wake-up per record costs
 * far more than the record; a ring above a quarter wakes it sooner. */
static __always_inline u64 ring_wake_flags(void *ring, u64 *last_ns, u64 size, u64 now)
{
	u64 since;

	if (!last_ns)
		return BPF_RB_FORCE_WAKEUP;
	since = now - *last_ns;
	if (since >= RING_WAKE_NS || (since >= RING_WAKE_FULL_NS && bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA) > size / 4)) {
		*last_ns = now;
		return BPF_RB_FORCE_WAKEUP;
	}
	return BPF_RB_NO_WAKEUP;
}

static __always_inline u64 samples_wake_flags(u64 now)
{
	struct ring_wakeups *w = ring_wakeups_get();

	return ring_wake_flags(&samples, w ? &w->samples_ns : NULL, PG_SAMPLES_RING_BYTES, now);
}

static __always_inline u64 events_wake_flags(u64 now)
{
	struct ring_wakeups *w = ring_wakeups_get();

	return ring_wake_flags(&events, w ? &w->events_ns : NULL, PG_EVENTS_RING_BYTES, now);
}

/* n, which the caller knows to be in 1..max (a power of two), so that the verifier knows it too: before Linux 6.8 it learns
 * nothing from "is not 0". */
static __always_inline u32 bounded(u32 n, u32 max)
{
	barrier_var(n);
	return ((n - 1) & (max - 1)) + 1;
}

static __always_inline void addr_from_v4(u8 *to, u32 addr_be)
{
	__builtin_memset(to, 0, 10);
	to[10] = 0xff;
	to[11] = 0xff;
	__builtin_memcpy(to + 12, &addr_be, 4);
}

#endif
