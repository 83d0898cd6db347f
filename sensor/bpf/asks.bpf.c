/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Answers core's questions about flows, many in one system call (struct pg_flow_ask). Core runs it; it is attached to nothing. */
#include "sensor/bpf/served.bpf.h"

char LICENSE[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, PG_ASKS_MAX);
	__type(key, u32);
	__type(value, struct pg_flow_ask);
} flow_asks SEC(".maps");

static __always_inline void ask_server(struct pg_flow_ask *a)
{
	u64 cookie = a->v.flags & PG_FLOW_SYN_DIR ? a->v.cookie[0] : a->v.cookie[1];

	if (a->key.proto != IPPROTO_TCP || !(a->v.flags & PG_FLOW_SYN_SEEN))
		cookie = 0;
	server_get(cookie, &a->server);
}

static __always_inline bool may_reap(const struct pg_flow_ask *a, u32 which)
{
	if (!a->reap_before_ns || a->v.last_ns > a->reap_before_ns)
		return false;
	return which == PG_ASK_ANY || (a->key.proto != IPPROTO_TCP && !(a->v.flags & PG_FLOW_TWO_WAY));
}

static long ask_one(u32 i, void *unused)
{
	struct pg_flow_ask *a = bpf_map_lookup_elem(&flow_asks, &i);
	struct pg_flow *f;
	u32 which;

	if (!a)
		return 1;
	which = a->result;
	f = bpf_map_lookup_elem(&flows, &a->key);
	if (!f) {
		a->result = PG_ASK_GONE;
		return 0;
	}
	a->v = *f;
	ask_server(a);
	a->result = PG_ASK_FOUND;
	if (may_reap(a, which))
		a->result = bpf_map_delete_elem(&flows, &a->key) ? PG_ASK_GONE : PG_ASK_REAPED;
	return 0;
}

SEC("syscall")
int flow_ask(struct pg_ask_args *args)
{
	bpf_loop(args->count, ask_one, NULL, 0);
	return 0;
}
