/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Interfaces that are no container's: vxlan devices (totals only; their packets are counted as flows at the veths) and
 * uplinks (totals; the outside of VXLAN: who tunnels which VNI to whom, RFC 7348 section 5). Loaded once (ns_of()). */
#include "sensor/bpf/parse.bpf.h"

char LICENSE[] SEC("license") = "GPL";

volatile const pg_u16 vxlan_port; /* host byte order */

#define TC_NEXT (-1)
#define VXLAN_HDR_LEN 8
#define VXLAN_FLAG_VNI 0x08

enum { RECEIVED, SENT };

static __always_inline void stats_add(struct __sk_buff *skb, u32 dir, u64 packets, u64 bytes)
{
	struct pg_if_stats *st = if_stats_find(skb->ifindex, ns_of(skb));

	if (!st)
		return;
	if (dir == RECEIVED) {
		st->in_skbs++;
		st->in_raw_bytes += skb->len;
		st->in_packets += packets;
		st->in_bytes += bytes;
	} else {
		st->out_skbs++;
		st->out_raw_bytes += skb->len;
		st->out_packets += packets;
		st->out_bytes += bytes;
	}
}

static __always_inline u32 tag_bytes(struct __sk_buff *skb)
{
	return skb->vlan_present ? VLAN_TAG_LEN : 0;
}

static __always_inline int vxlan_link(struct __sk_buff *skb, u32 dir)
{
	struct packet p = { .segs = 1, .bytes = skb->len };

	if (skb->gso_size || skb->gso_segs > 1)
		packet_parse_l2(&p, skb, tag_bytes(skb), ns_of(skb));
	stats_add(skb, dir, p.segs, p.bytes);
	return TC_NEXT;
}

SEC("tc")
int vxlan_ingress(struct __sk_buff *skb)
{
	return vxlan_link(skb, RECEIVED);
}

SEC("tc")
int vxlan_egress(struct __sk_buff *skb)
{
	return vxlan_link(skb, SENT);
}

struct outer {
	u64 src[2], dst[2];
	u32 vxlan_off; /* of the VXLAN header */
};

static __always_inline bool outer_parse(struct __sk_buff *skb, struct outer *o)
{
	__be16 ports[2];
	u32 l4;

	if (skb->protocol == bpf_htons(ETH_P_IP)) {
		struct ipv4_wire ip;

		if (bpf_skb_load_bytes(skb, ETH_HDR_LEN, &ip, sizeof(ip)) || ip.proto != IPPROTO_UDP)
			return false;
		if (ip.ver_ihl >> 4 != 4 || (ip.ver_ihl & 0xf) < 5 || (bpf_ntohs(ip.frag_off) & 0x1fff))
			return false;
		o->src[0] = o->dst[0] = 0;
		o->src[1] = (u64)ip.src << 32 | bpf_htonl(0xffff);
		o->dst[1] = (u64)ip.dst << 32 | bpf_htonl(0xffff);
		l4 = ETH_HDR_LEN + (ip.ver_ihl & 0xf) * 4;
	} else if (skb->protocol == bpf_htons(ETH_P_IPV6)) {
		struct ipv6_wire ip;

		if (bpf_skb_load_bytes(skb, ETH_HDR_LEN, &ip, sizeof(ip)) || ip.next != IPPROTO_UDP)
			return false;
		__builtin_memcpy(o->src, ip.src, sizeof(o->src));
		__builtin_memcpy(o->dst, ip.dst, sizeof(o->dst));
		l4 = ETH_HDR_LEN + sizeof(ip);
	} else {
		return false;
	}
	if (bpf_skb_load_bytes(skb, l4, ports, sizeof(ports)) || ports[1] != bpf_htons(vxlan_port))
		return false;
	o->vxlan_off = l4 + 8;
	return true;
}

/* A tunnelled GSO skb repeats outer and inner headers in every segment: the inner packet's header tells how long they are. */
static __noinline int outer_size(struct __sk_buff *skb, u32 inner_off, u64 ret[2])
{
	struct packet p;
	__be16 proto;

	ret[0] = 1;
	ret[1] = skb->len;
	if (!skb->gso_size && skb->gso_segs <= 1)
		return 0;
	if (inner_off > 256 || bpf_skb_load_bytes(skb, inner_off + 12, &proto, 2))
		return 0;
	packet_parse_l3(&p, skb, bpf_ntohs(proto), inner_off + ETH_HDR_LEN, 0, ns_of(skb));
	ret[0] = p.segs;
	ret[1] = p.bytes;
	return 0;
}

static __always_inline void vtep_count(const struct __sk_buff *skb, struct outer *o, u32 vni, u32 dir, const u64 size[2])
{
	struct pg_vtep_key k = { .vni = vni, .ns = ns_of(skb) };
	struct pg_vtep fresh = {}, *v;
	u64 now = bpf_ktime_get_coarse_ns();

	__builtin_memcpy(k.local, dir == SENT ? o->src : o->dst, 16);
	__builtin_memcpy(k.remote, dir == SENT ? o->dst : o->src, 16);
	v = bpf_map_lookup_elem(&vteps, &k);
	if (!v) {
		fresh.first_ns = now;
		bpf_map_update_elem(&vteps, &k, &fresh, BPF_NOEXIST);
		v = bpf_map_lookup_elem(&vteps, &k);
	}
	if (!v) {
		count_add(PG_CTR_VTEP_REFUSED, size[0]);
		return;
	}
	v->last_ns = now;
	if (dir == SENT) {
		__sync_fetch_and_add(&v->packets[SENT], size[0]);
		__sync_fetch_and_add(&v->bytes[SENT], size[1]);
	} else {
		__sync_fetch_and_add(&v->packets[RECEIVED], size[0]);
		__sync_fetch_and_add(&v->bytes[RECEIVED], size[1]);
	}
}

static __always_inline int uplink(struct __sk_buff *skb, u32 dir)
{
	u64 size[2] = { skb->gso_segs > 1 ? skb->gso_segs : 1, skb->len };
	struct outer o;
	u8 vx[VXLAN_HDR_LEN];

	if (outer_parse(skb, &o) && !bpf_skb_load_bytes(skb, o.vxlan_off, vx, sizeof(vx)) && (vx[0] & VXLAN_FLAG_VNI)) {
		outer_size(skb, o.vxlan_off + VXLAN_HDR_LEN, size);
		vtep_count(skb, &o, (u32)vx[4] << 16 | (u32)vx[5] << 8 | vx[6], dir, size);
	}
	stats_add(skb, dir, size[0], size[1]);
	return TC_NEXT;
}

SEC("tc")
int uplink_ingress(struct __sk_buff *skb)
{
	return uplink(skb, RECEIVED);
}

SEC("tc")
int uplink_egress(struct __sk_buff *skb)
{
	return uplink(skb, SENT);
}
