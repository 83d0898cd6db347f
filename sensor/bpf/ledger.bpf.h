/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sending events: each is booked in the ledger of the cgroup that caused it, within that cgroup's budget, so that what was
 * produced is what was delivered plus every loss by its cause, and one container's flood costs only its own events. */
#ifndef PG_BPF_LEDGER_BPF_H
#define PG_BPF_LEDGER_BPF_H

#include "sensor/bpf/task.bpf.h"

#define BUDGET_STEP_NS (1000000000ULL / PG_EVENT_BUDGET_RATE)

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, u64);
	__type(value, struct pg_ledger);
} ledgers SEC(".maps");

static __always_inline struct pg_ledger *ledger_of(u64 cgroup, u64 now)
{
	struct pg_ledger *l = bpf_map_lookup_elem(&ledgers, &cgroup), fresh = {};

	if (l)
		return l;
	fresh.tokens = PG_EVENT_BUDGET_BURST;
	fresh.refill_ns = now;
	bpf_map_update_elem(&ledgers, &cgroup, &fresh, BPF_NOEXIST); /* or another CPU did */
	l = bpf_map_lookup_elem(&ledgers, &cgroup);
	if (!l)
		count_add(PG_CTR_LEDGER_REFUSED, 1);
	return l;
}

/* Whoever has used up half of its burst leaves the second half of the ring to others. */
static __always_inline bool ring_is_for_others(s64 tokens)
{
	return tokens < PG_EVENT_BUDGET_BURST / 2 && bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA) > PG_EVENTS_RING_BYTES / 2;
}

static __always_inline bool ledger_admits(struct pg_ledger *l, u64 now, u32 size)
{
	u64 last = l->refill_ns, steps = now > last ? (now - last) / BUDGET_STEP_NS : 0;
	s64 tokens, room;

	if (steps && __sync_val_compare_and_swap(&l->refill_ns, last, last + steps * BUDGET_STEP_NS) == last) {
		room = PG_EVENT_BUDGET_BURST - (s64)l->tokens;
		if (room > 0)
			__sync_fetch_and_add(&l->tokens, steps < (u64)room ? (s64)steps : room);
	}
	tokens = l->tokens;
	if (tokens <= 0 || ring_is_for_others(tokens))
		return false;
	__sync_fetch_and_add(&l->tokens, -(s64)(1 + size / PG_EVENT_TOKEN_BYTES));
	return true;
}

/* What an event comes to. cgroup: who caused it. */
static __always_inline bool event_put(u64 cgroup, u64 now, void *record, u32 size)
{
	struct pg_ledger *l = ledger_of(cgroup, now);
	bool sent;

	if (l)
		__sync_fetch_and_add(&l->produced, 1);
	if (l && !ledger_admits(l, now, size)) {
		__sync_fetch_and_add(&l->throttled, 1);
		count_add(PG_CTR_EVENT_THROTTLED, 1);
		return false;
	}
	sent = !bpf_ringbuf_output(&events, record, size, events_wake_flags(now));
	count_add(sent ? PG_CTR_EVENTS : PG_CTR_EVENT_LOST, 1);
	if (l)
		__sync_fetch_and_add(sent ? &l->delivered : &l->ring_lost, 1);
	return sent;
}

/* False: it was not delivered. */
static __noinline __attribute__((unused)) bool event_send(struct pg_event *e)
{
	return e && event_put(e->cgroup, e->ts_ns, e, sizeof(*e));
}

#endif
