/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A container on the host network has no veth: its cgroup's skb hooks count what its processes send and receive, without
 * loopback. Loaded once per such container (namespace number and pseudo interface index are read-only data).
 * The hooks see the packet from its IP header on; the Ethernet header is added to the bytes. */
#include "sensor/bpf/flow.bpf.h"

char LICENSE[] SEC("license") = "GPL";

volatile const pg_u16 ns; /* our number of the node's namespace */
volatile const pg_u32 pseudo_ifindex;

#define ALLOW 1
#define LO_IFINDEX 1 /* of every network namespace (LOOPBACK_IFINDEX) */

static __always_inline int parse(struct __sk_buff *skb, struct packet *p)
{
	return packet_parse_l3(p, skb, bpf_ntohs(skb->protocol), 0, ETH_HDR_LEN, ns);
}

SEC("cgroup_skb/egress")
int hostnet_egress(struct __sk_buff *skb)
{
	struct packet p;
	int r;

	if (skb->ifindex == LO_IFINDEX)
		return ALLOW;
	r = parse(skb, &p);
	if (r == PARSE_OK)
		account_sent(skb, &p, pseudo_ifindex);
	else
		count_no_flow(&p, r);
	return ALLOW;
}

SEC("cgroup_skb/ingress")
int hostnet_ingress(struct __sk_buff *skb)
{
	struct pg_if_key k = { .ifindex = skb->ingress_ifindex, .ns = ns };
	struct pg_flow *f;
	struct pg_if *i;
	struct packet p;
	int r;

	if (skb->ifindex == LO_IFINDEX || k.ifindex == LO_IFINDEX)
		return ALLOW;
	r = parse(skb, &p);
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
	if (p.group_dst || (f && !flow_end_is(f, !p.dir, pseudo_ifindex))) {
		count_add(PG_CTR_ELSEWHERE, p.segs);
		return ALLOW;
	}
	account_received(skb, &p, f, pseudo_ifindex, k.ifindex);
	return ALLOW;
}
