/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether an address is named by a reputation feed (abi.h, struct pg_listed_page), and what follows for a new flow. Asked once a
 * flow. Nearly every address is told by one bit. */
#ifndef PG_BPF_LISTED_BPF_H
#define PG_BPF_LISTED_BPF_H

#include "sensor/bpf/common.bpf.h"

#define BPF_F_INNER_MAP_FLAG (1U << 12)

struct listed_pages {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE | BPF_F_INNER_MAP_FLAG);
	__uint(max_entries, 1);
	__uint(key_size, 4);
	__uint(value_size, PG_LISTED_PAGE); /* struct pg_listed_page: clang leaves its type out of an inner map's */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, u32);
	__array(values, struct listed_pages);
} listed SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, struct pg_if_key);
	__type(value, u64);
} listed_drops SEC(".maps");

/* Number n of a row that begins at that page. What is not there is 0: the table was made by core, and is not trusted to be right. */
static __always_inline u32 listed_word(void *pages, u32 page, u32 n)
{
	struct pg_listed_page *p;

	page += n >> 10;
	p = bpf_map_lookup_elem(pages, &page);
	return p ? p->w[n & 1023] : 0;
}

static __always_inline bool listed_bit(void *pages, u32 page, u32 bit)
{
	return listed_word(pages, page, bit >> 5) >> (bit & 31) & 1;
}

/* The last range that begins at or before addr is the only one that can have it. */
static __always_inline bool listed_search4(void *pages, struct pg_listed_head *h, u32 addr)
{
	u32 lo = listed_word(pages, h->index4, addr >> 16), hi = listed_word(pages, h->index4, (addr >> 16) + 1);

	if (hi > h->count4)
		return 0;
	for (int i = 0; i < 18 && lo < hi; i++) {
		u32 mid = lo + ((hi - lo) >> 1);

		if (listed_word(pages, h->first4, mid) <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo && listed_word(pages, h->last4, lo - 1) >= addr;
}

/* -1, 0, 1: range n begins (ends) before, at, after the address. */
static __always_inline int listed_order6(void *pages, u32 page, u32 n, u64 high, u64 low)
{
	struct pg_listed_page *p;
	u64 h, l;

	page += n >> 8;
	p = bpf_map_lookup_elem(pages, &page);
	if (!p)
		return 1;
	h = p->d[(n & 255) * 2];
	l = p->d[(n & 255) * 2 + 1];
	if (h != high)
		return h < high ? -1 : 1;
	return l == low ? 0 : l < low ? -1 : 1;
}

static __always_inline bool listed_search6(void *pages, struct pg_listed_head *h, u64 high, u64 low)
{
	u32 lo = 0, hi = h->count6;

	for (int i = 0; i < 23 && lo < hi; i++) {
		u32 mid = lo + ((hi - lo) >> 1);

		if (listed_order6(pages, h->first6, mid, high, low) <= 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo && listed_order6(pages, h->last6, lo - 1, high, low) >= 0;
}

static __always_inline bool listed_has(void *pages, u64 high, u64 low)
{
	struct pg_listed_page *p;
	u32 zero = 0;

	if (!high && low >> 32 == 0xffff) {
		if (!listed_bit(pages, PG_LISTED_BITS4, (u32)low >> 8))
			return false;
		p = bpf_map_lookup_elem(pages, &zero);
		return p && listed_search4(pages, (void *)p, (u32)low);
	}
	if (!listed_bit(pages, PG_LISTED_BITS6, pg_listed_hash(high, 48)) && !listed_bit(pages, PG_LISTED_BITS6, pg_listed_hash(high, 32)))
		return false;
	p = bpf_map_lookup_elem(pages, &zero);
	return p && listed_search6(pages, (void *)p, high, low);
}

/* Flags of a new flow between the container behind local_if and an address (its halves in network byte order). A global function:
 * verified once, for whatever it is called with. */
__noinline int listed_flags(struct __sk_buff *skb, u64 high_be, u64 low_be, u32 local_if)
{
	struct pg_if_key k = { .ifindex = local_if, .ns = ns_of(skb) };
	u32 zero = 0;
	void *pages = bpf_map_lookup_elem(&listed, &zero);
	u64 *until;

	if (!pages || !listed_has(pages, bpf_be64_to_cpu(high_be), bpf_be64_to_cpu(low_be)))
		return 0;
	until = bpf_map_lookup_elem(&listed_drops, &k);
	return PG_FLOW_LISTED | (until && bpf_ktime_get_ns() < *until ? PG_FLOW_DROPPED : 0);
}

#endif
