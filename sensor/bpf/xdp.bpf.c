/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Early drop: sources in the map early_drop go no further (IPv4 and IPv6, up to two VLAN tags). Opt-in; the empty map drops
 * nothing. Works natively and in generic mode. */
#include "sensor/bpf/common.bpf.h"

char LICENSE[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, struct pg_lpm_key);
	__type(value, u32);
} early_drop SEC(".maps");

struct tag {
	__be16 tci, proto;
};

static __always_inline int dropped(const struct pg_lpm_key *k)
{
	if (!bpf_map_lookup_elem(&early_drop, k))
		return XDP_PASS;
	count_add(PG_CTR_XDP_DROPPED, 1);
	return XDP_DROP;
}

SEC("xdp")
int early_drop_xdp(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct pg_lpm_key k = { .prefix_len = 128 };
	struct ethhdr *eth = data;
	__be16 proto;
	void *at = eth + 1;

	if (at > end)
		return XDP_PASS;
	proto = eth->h_proto;
	for (int i = 0; i < 2 && (proto == bpf_htons(ETH_P_8021Q) || proto == bpf_htons(ETH_P_8021AD)); i++) {
		struct tag *t = at;

		if ((void *)(t + 1) > end)
			return XDP_PASS;
		proto = t->proto;
		at = t + 1;
	}
	if (proto == bpf_htons(ETH_P_IP)) {
		struct iphdr *ip = at;

		if ((void *)(ip + 1) > end)
			return XDP_PASS;
		addr_from_v4(k.addr, ip->saddr);
		return dropped(&k);
	}
	if (proto == bpf_htons(ETH_P_IPV6)) {
		struct ipv6hdr *ip = at;

		if ((void *)(ip + 1) > end)
			return XDP_PASS;
		__builtin_memcpy(k.addr, &ip->saddr, 16);
		return dropped(&k);
	}
	return XDP_PASS;
}
