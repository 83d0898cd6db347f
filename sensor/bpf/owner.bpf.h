/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Owners of sockets by cookie. Most sockets are gone again before anybody asks twice, and to make and free an entry of a
 * hash is what costs: so a new socket's owner stands in the slot of its cookie (young_sockets), where that is free, and only
 * else in the hash (sockets). A closed socket's owner keeps its slot a while, or goes to closed_sockets.
 * The slot is looked at first. */
#ifndef PG_BPF_OWNER_BPF_H
#define PG_BPF_OWNER_BPF_H

#include "sensor/bpf/common.bpf.h"

#define YOUNG_BUSY (~0ULL)             /* a slot that is being filled */
#define CLOSED_KEEP_NS 2000000000ULL   /* packets of a closed socket are at their first hook long before */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, YOUNG_SOCKETS);
	__type(key, u32);
	__type(value, struct young_socket);
} young_sockets SEC(".maps");

static __always_inline struct young_socket *young_slot(u64 cookie)
{
	u32 i = cookie & (YOUNG_SOCKETS - 1);

	return bpf_map_lookup_elem(&young_sockets, &i);
}

/* The socket's slot, open or closed; NULL: it has none. Who copies from it looks at the cookie again afterwards. */
static __always_inline struct young_socket *young_find(u64 cookie)
{
	struct young_socket *y = young_slot(cookie);

	return y && y->cookie == cookie ? y : NULL;
}

/* False: the slot is taken. The socket must not be in sockets. */
static __always_inline bool young_put(u64 cookie, const struct pg_owner *o)
{
	struct young_socket *y = young_slot(cookie);
	u64 had;

	if (!y || !cookie)
		return false;
	had = y->cookie;
	if (had && (!y->closed_ns || bpf_ktime_get_ns() - y->closed_ns < CLOSED_KEEP_NS))
		return false;
	if (had == YOUNG_BUSY || __sync_val_compare_and_swap(&y->cookie, had, YOUNG_BUSY) != had)
		return false;
	y->closed_ns = 0;
	y->owner = *o;
	__sync_lock_test_and_set(&y->cookie, cookie);
	return true;
}

#endif
