/* SPDX-License-Identifier: GPL-2.0-or-later */
/* TC at the host end of a container's veth. Loaded once; reached by a tail call from the stubs of the namespaces (ns_of()).
 *
 * A packet is counted once: when it comes out of the container (ingress here). What goes to the container (egress here) was
 * counted before if it came in by another container's veth, or out of a bridge, or was sent by a host-network container.
 * Else it is from this node or from outside, and is counted here.
 *
 * A counted packet carries a mark of this namespace in skb->tc_index, so that egress need not look up where it came from.
 * The mark is a short cut only: without it (another user of tc_index changed it) the interface it came in by decides.
 *
 * Frames that a bridge floods go out of every port: group frames make no flow at a receiver, and a unicast frame for a MAC
 * that this interface's container has never used is somebody else's. Both are in PG_CTR_ELSEWHERE. */
#include "sensor/bpf/first.bpf.h"
#include "sensor/bpf/flow.bpf.h"
#include "sensor/bpf/ledger.bpf.h"

char LICENSE[] SEC("license") = "GPL";

#define TC_NEXT (-1) /* TC_ACT_UNSPEC, TCX_NEXT: others may have their say */
#define TC_DROP 2     /* TC_ACT_SHOT, TCX_DROP */
#define CGROUP_LEVELS_MAX 10

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1);
	__type(key, struct if_mac_key);
	__type(value, u8);
} if_macs SEC(".maps");

static __noinline int if_mac_learn(struct __sk_buff *skb)
{
	struct if_mac_key k = { .ifindex = skb->ifindex, .ns = ns_of(skb) };
	u8 yes = 1;

	if (bpf_skb_load_bytes(skb, 6, k.mac, 6))
		return 0;
	if (bpf_map_lookup_elem(&if_macs, &k))
		return 0;
	bpf_map_update_elem(&if_macs, &k, &yes, BPF_ANY);
	__builtin_memset(k.mac, 0, 6);
	bpf_map_update_elem(&if_macs, &k, &yes, BPF_ANY);
	return 0;
}

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1);
	__type(key, struct arp_asked_key);
	__type(value, struct arp_asked);
} arp_asked SEC(".maps");

/* Room for one event on each CPU: on the stack there is none to spare. Nothing interrupts the hooks that uses it too. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct pg_event);
} arp_events SEC(".maps");

#define ETH_P_ARP 0x0806
#define ARP_REQUEST 1
#define ND_SOLICITATION 135
#define IP6_AT 14 /* an extension header before ICMPv6 hides a solicitation: neighbours refuse such ones (RFC 6980) */

/* One event for each further address that this interface's container looks for. */
static __always_inline void neighbour_note(struct __sk_buff *skb, const u8 addr[16])
{
	struct arp_asked_key k = { .ifindex = skb->ifindex, .ns = ns_of(skb) };
	struct arp_asked fresh = {}, *a;
	u64 now = bpf_ktime_get_ns(), bit, low;
	struct pg_event *e;
	u32 zero = 0;

	a = bpf_map_lookup_elem(&arp_asked, &k);
	if (!a) {
		fresh.since_ns = now;
		bpf_map_update_elem(&arp_asked, &k, &fresh, BPF_NOEXIST);
		a = bpf_map_lookup_elem(&arp_asked, &k);
		if (!a)
			return;
	}
	if (now - a->since_ns > ARP_WITHIN_NS) {
		a->since_ns = now;
		a->bits = 0;
		a->count = 0;
	}
	__builtin_memcpy(&low, addr + 8, 8);
	bit = 1ULL << ((low * 0x9e3779b97f4a7c15ULL) >> 58);
	if (a->bits & bit)
		return;
	a->bits |= bit;
	if (++a->count <= ARP_QUIET)
		return;
	e = bpf_map_lookup_elem(&arp_events, &zero);
	if (!e)
		return;
	/* the rest of it is 0 for ever */
	__builtin_memcpy(e->addr, addr, 16);
	e->version = PG_ABI_VERSION;
	e->type = PG_EV_ARP;
	e->ts_ns = now;
	e->cookie = (u64)ns_of(skb) << 32 | skb->ifindex;
	event_send(e);
}

/* A container looks for the neighbour of this address. A scan of its own network shows here alone: where nobody answers ARP,
 * no IP packet leaves. */
static __noinline int arp_ask(struct __sk_buff *skb)
{
	struct {
		u16 hw, proto;
		u8 hlen, plen;
		u16 op;
		u8 rest[20]; /* sender's MAC and address, target's MAC and address */
	} arp;
	u8 addr[16] = {};

	if (skb->protocol != bpf_htons(ETH_P_ARP) || bpf_skb_load_bytes(skb, 14, &arp, sizeof(arp)))
		return 0;
	if (arp.op != bpf_htons(ARP_REQUEST) || arp.plen != 4 || !__builtin_memcmp(arp.rest + 6, arp.rest + 16, 4)) /* or announces itself */
		return 0;
	addr[10] = addr[11] = 0xff;
	__builtin_memcpy(addr + 12, arp.rest + 16, 4);
	neighbour_note(skb, addr);
	return 0;
}

/* The same by IPv6 (RFC 4861 4.3): a solicitation that has a source; one without asks whether its own address is free. */
static __noinline int neighbour_ask(struct __sk_buff *skb)
{
	u8 addr[16] = {}, type = 0, any = 0;

	if (bpf_skb_load_bytes(skb, IP6_AT + 40, &type, 1) || type != ND_SOLICITATION || bpf_skb_load_bytes(skb, IP6_AT + 8, addr, 16))
		return 0;
	for (int i = 0; i < 16; i++)
		any |= addr[i];
	if (!any || bpf_skb_load_bytes(skb, IP6_AT + 40 + 8, addr, 16))
		return 0;
	neighbour_note(skb, addr);
	return 0;
}

/* Whether this frame goes out here only because the bridge sent it everywhere. */
static __noinline int frame_is_flooded(struct __sk_buff *skb)
{
	struct if_mac_key k = { .ifindex = skb->ifindex, .ns = ns_of(skb) };

	if (bpf_skb_load_bytes(skb, 0, k.mac, 6))
		return 0;
	if (k.mac[0] & 1)
		return 1;
	if (bpf_map_lookup_elem(&if_macs, &k))
		return 0;
	__builtin_memset(k.mac, 0, 6);
	return bpf_map_lookup_elem(&if_macs, &k) ? 1 : 0;
}

/* Never 0 for a marked packet: 0 is what unmarked ones have. */
static __always_inline u16 counted_mark(const struct __sk_buff *skb)
{
	return ns_of(skb) ^ 0x5047;
}

static __always_inline u32 tag_bytes(struct __sk_buff *skb)
{
	return skb->vlan_present ? VLAN_TAG_LEN : 0;
}

SEC("tc")
int container_ingress(struct __sk_buff *skb)
{
	struct pg_if_stats *st = if_stats_find(skb->ifindex, ns_of(skb));
	struct packet p;
	int r;

	r = packet_parse_l2(&p, skb, tag_bytes(skb), ns_of(skb));
	if (st) {
		st->in_skbs++;
		st->in_raw_bytes += skb->len;
		st->in_packets += p.segs;
		st->in_bytes += p.bytes;
	}
	skb->tc_index = counted_mark(skb);
	if (r != PARSE_OK) {
		if_mac_learn(skb);
		arp_ask(skb);
		count_no_flow(&p, r);
		return TC_NEXT;
	}
	count_seen(&p);
	{
		struct place at = { .send_if = skb->ifindex };
		struct pg_flow *f = flow_of_sender(&p, &at);

		if (!f) {
			if_mac_learn(skb);
			if ((p.what & PACKET_GROUP_DST) && p.key.proto == IPPROTO_ICMPV6)
				neighbour_ask(skb);
		} else {
			first_look(skb, &p, f);
		}
		return flow_account(skb, &p, &at, f) ? TC_DROP : TC_NEXT;
	}
}

/* Sent by a host-network container, whose cgroup hook has counted it: by its flow, else (refused) by its cgroup. */
static __noinline int sent_by_hostnet(struct __sk_buff *skb)
{
	for (int level = 1; level <= CGROUP_LEVELS_MAX; level++) {
		u64 id = bpf_skb_ancestor_cgroup_id(skb, level);

		if (!id)
			break;
		if (bpf_map_lookup_elem(&hostnet, &id))
			return 1;
	}
	return 0;
}

static __always_inline bool came_by_counted(u32 ifindex, u16 ns)
{
	struct pg_if_key k = { .ifindex = ifindex, .ns = ns };
	struct pg_if *i = bpf_map_lookup_elem(&interfaces, &k);

	return i && (i->role == PG_IF_CONTAINER || i->role == PG_IF_BRIDGE);
}

/* Whether the packet is for this receiver to count. *ret_flow: its entry, NULL: none yet. */
static __always_inline bool received_is_ours(struct __sk_buff *skb, struct packet *p, u32 via_if, struct pg_flow **ret_flow)
{
	struct pg_flow *f = bpf_map_lookup_elem(&flows, &p->key);
	u32 dir = p->dir & 1;

	if (f && !via_if && f->end_if[dir] >= PG_PSEUDO_IFINDEX_MIN)
		return false;
	if (!f) {
		if (frame_is_flooded(skb) || (!via_if && sent_by_hostnet(skb)))
			return false;
	} else if (!flow_end_is(f, !dir, skb->ifindex)) {
		if (frame_is_flooded(skb))
			return false;
		p->key.claimant_if = skb->ifindex;
		f = bpf_map_lookup_elem(&flows, &p->key);
	}
	*ret_flow = f;
	return true;
}

SEC("tc")
int container_egress(struct __sk_buff *skb)
{
	struct pg_if_stats *st = if_stats_find(skb->ifindex, ns_of(skb));
	u32 via_if = skb->ingress_ifindex;
	struct pg_flow *f = NULL;
	struct packet p;
	int r = PARSE_OK;
	bool elsewhere;

	elsewhere = via_if && ((skb->tc_index && skb->tc_index == counted_mark(skb)) || came_by_counted(via_if, ns_of(skb)));
	if (elsewhere && skb->gso_segs <= 1 && !skb->gso_size) { /* the common case needs no look inside */
		p.segs = 1;
		p.bytes = skb->len + tag_bytes(skb);
	} else {
		r = packet_parse_l2(&p, skb, tag_bytes(skb), ns_of(skb));
	}
	if (st) {
		st->out_skbs++;
		st->out_raw_bytes += skb->len;
		st->out_packets += p.segs;
		st->out_bytes += p.bytes;
	}
	if (elsewhere) {
		count_add(PG_CTR_ELSEWHERE, p.segs);
		return TC_NEXT;
	}
	if (r != PARSE_OK) {
		count_no_flow(&p, r);
		return TC_NEXT;
	}
	if (!received_is_ours(skb, &p, via_if, &f)) {
		count_add(PG_CTR_ELSEWHERE, p.segs);
		return TC_NEXT;
	}
	return account_received(skb, &p, f, skb->ifindex, via_if) ? TC_DROP : TC_NEXT;
}
