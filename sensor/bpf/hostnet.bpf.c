/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A container on the host network has no veth: its cgroup's skb hooks count what its processes send and receive, without
 * loopback. Loaded once; which container it is stands in the storage that the kernel keeps for the cgroup it is attached to.
 * The hooks see the packet from its IP header on; the Ethernet header is added to the bytes. */
#include "sensor/bpf/flow.bpf.h"

char LICENSE[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_CGROUP_STORAGE);
	__type(key, __u64); /* for both hooks of a cgroup */
	__type(value, struct hostnet_id);
} hostnet_ids SEC(".maps");

#define ALLOW 1
#define REFUSE 0
#define LO_IFINDEX 1 /* of every network namespace (LOOPBACK_IFINDEX) */

static __always_inline int parse(struct __sk_buff *skb, struct packet *p, u16 ns)
{
	return packet_parse_l3(p, skb, bpf_ntohs(skb->protocol), 0, ETH_HDR_LEN, ns);
}

/* False: the hook is so new that the keeper has not said yet whose it is. */
static __always_inline bool hostnet_get(struct hostnet_id *ret, struct __sk_buff *skb)
{
	const struct hostnet_id *h = bpf_get_local_storage(&hostnet_ids, 0);

	*ret = *h;
	if (!ret->pseudo_ifindex)
		count_add(PG_CTR_NOT_HOOKED, skb->gso_segs ?: 1);
	return ret->pseudo_ifindex;
}

SEC("cgroup_skb/egress")
int hostnet_egress(struct __sk_buff *skb)
{
	struct hostnet_id h;
	struct packet p;
	int r;

	if (skb->ifindex == LO_IFINDEX || !hostnet_get(&h, skb))
		return ALLOW;
	r = parse(skb, &p, h.ns);
	if (r == PARSE_OK)
		return account_sent(skb, &p, h.pseudo_ifindex) ? REFUSE : ALLOW;
	count_no_flow(&p, r);
	return ALLOW;
}

SEC("cgroup_skb/ingress")
int hostnet_ingress(struct __sk_buff *skb)
{
	struct pg_if_key k = { .ifindex = skb->ingress_ifindex };
	struct hostnet_id h;
	struct pg_flow *f;
	struct pg_if *i;
	struct packet p;
	int r;

	if (skb->ifindex == LO_IFINDEX || k.ifindex == LO_IFINDEX || !hostnet_get(&h, skb))
		return ALLOW;
	k.ns = h.ns;
	r = parse(skb, &p, h.ns);
	i = bpf_map_lookup_elem(&interfaces, &k);
	if (i && (i->role == PG_IF_BRIDGE || i->role == PG_IF_CONTAINER)) { /* from a container: counted at its veth */
		count_add(PG_CTR_ELSEWHERE, p.segs);
		return ALLOW;
	}
	if (r != PARSE_OK) {
		count_no_flow(&p, r);
		return ALLOW;
	}
	f = bpf_map_lookup_elem(&flows, &p.key);
	/* A group packet reaches every listener, a flow has one receiver; and a node process may share the socket's address. */
	if ((p.what & PACKET_GROUP_DST) || (f && !flow_end_is(f, !p.dir, h.pseudo_ifindex))) {
		count_add(PG_CTR_ELSEWHERE, p.segs);
		return ALLOW;
	}
	return account_received(skb, &p, f, h.pseudo_ifindex, k.ifindex) ? REFUSE : ALLOW;
}
