/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Connections whose protocol is checked before they go on (policy.protocols: check): where the first bytes are beyond doubt what the
 * server may be spoken to with, their packet is marked, and the rules (chain "check") let the connection go on without asking the
 * verdict process. Everything else is queued as it was.
 *
 * Only what the receiver will take for the first byte counts: a flow is vouched for when its server's SYN-ACK, seen here, agrees with
 * the only SYN that the flow ever had, and until its client sends another; then the first payload of a side, once, where that
 * side's numbers begin, and acknowledging what the other side began with. All 32 bits are compared: connection tracking lets what
 * lies far below the window pass as part of its connection, and no receiver takes it. */
#ifndef PG_BPF_FIRST_BPF_H
#define PG_BPF_FIRST_BPF_H

#include "sensor/bpf/flow.bpf.h"
#include "sensor/bpf/first_bytes.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, struct pg_checked_key);
	__type(value, struct pg_checked);
} checked SEC(".maps");

/* Where the first bytes of end 0 and end 1 stand, as both agreed: by pg_flow.serial. */
struct vouched_starts {
	u32 seq[2];
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct vouched_starts);
} vouched SEC(".maps");

#define TCP_RST 4
#define TCP_URG 32
#define SAID(dir) ((dir) ? PG_FLOW_SAID1 : PG_FLOW_SAID0)

/* The service at that end. */
static __always_inline struct pg_checked *checked_at(const struct packet *p, u32 end)
{
	struct pg_checked_key k = { .ns = p->key.ns };

	if (end) {
		k.port = p->key.port[1];
		__builtin_memcpy(k.addr, p->key.addr[1], 16);
	} else {
		k.port = p->key.port[0];
		__builtin_memcpy(k.addr, p->key.addr[0], 16);
	}
	return bpf_map_lookup_elem(&checked, &k);
}

/* The acknowledgement number of a TCP packet whose headers are plain. False: they are not. */
static __always_inline bool ack_of(struct __sk_buff *skb, u32 *ret)
{
	u32 off = ETH_HDR_LEN + 40;
	u8 first, next;

	if (bpf_skb_load_bytes(skb, ETH_HDR_LEN, &first, 1) || bpf_skb_load_bytes(skb, ETH_HDR_LEN + 6, &next, 1))
		return false;
	if (skb->protocol == bpf_htons(ETH_P_IP))
		off = ETH_HDR_LEN + (first & 0xf) * 4;
	else if (skb->protocol != bpf_htons(ETH_P_IPV6) || next != IPPROTO_TCP)
		return false;
	if (bpf_skb_load_bytes(skb, off + 8, ret, sizeof(*ret)))
		return false;
	*ret = bpf_ntohl(*ret);
	return true;
}

/* *ret: where both sides begin. */
static __always_inline bool numbers_agree(struct __sk_buff *skb, const struct packet *p, const struct pg_flow *f, u32 dir, struct vouched_starts *ret)
{
	u32 ack;

	if (!(f->flags & PG_FLOW_SYN_SEEN) || !(f->flags & PG_FLOW_SYN_DIR) == !dir || !ack_of(skb, &ack) || f->start[!dir] != (u16)ack)
		return false;
	if ((f->tcp_flags[dir] & TCP_SYN) && f->start[dir] != (u16)(p->seq + 1))
		return false;
	ret->seq[0] = dir ? ack : p->seq + 1;
	ret->seq[1] = dir ? p->seq + 1 : ack;
	return f->end_if[0] != f->end_if[1]; /* nobody answers itself */
}

/* A SYN, or the answer to one. Before the flow's own bookkeeping of it. */
static __always_inline void vouch(struct __sk_buff *skb, const struct packet *p, struct pg_flow *f, u32 dir)
{
	u32 serial = f->serial;
	struct vouched_starts s;

	if ((p->tcp_flags & TCP_ACK) && !p->payload_len && checked_at(p, dir) && numbers_agree(skb, p, f, dir, &s)) {
		if ((f->flags & PG_FLOW_VOUCHED) || !serial || bpf_map_update_elem(&vouched, &serial, &s, BPF_ANY))
			return;
		__sync_fetch_and_and(&f->flags, ~(u32)(PG_FLOW_SAID0 | PG_FLOW_SAID1));
		__sync_fetch_and_or(&f->flags, PG_FLOW_VOUCHED);
	} else if (f->flags & PG_FLOW_VOUCHED) {
		__sync_fetch_and_and(&f->flags, ~(u32)PG_FLOW_VOUCHED);
	}
}

/* Whether this segment is what its receiver takes next: nobody has taken anything of either side yet. */
static __always_inline bool stands_first(struct __sk_buff *skb, const struct packet *p, const struct pg_flow *f, u32 dir)
{
	u32 serial = f->serial, ack;
	struct vouched_starts *s = bpf_map_lookup_elem(&vouched, &serial);

	if (!s || (p->tcp_flags & (TCP_ACK | TCP_RST | TCP_URG)) != TCP_ACK || !ack_of(skb, &ack))
		return false;
	return dir ? s->seq[1] == p->seq && s->seq[0] == ack : s->seq[0] == p->seq && s->seq[1] == ack;
}

/* A global function: verified once. */
__noinline int first_payload(struct __sk_buff *skb, struct packet *p, struct pg_flow *f)
{
	u8 b[FIRST_BYTES_MAX] __attribute__((aligned(8))) = {};
	struct pg_checked *c;
	u32 dir, client, n, app;

	if (!p || !f)
		return 0;
	dir = p->dir & 1;
	client = f->flags & PG_FLOW_SYN_DIR ? 1 : 0;
	n = p->payload_len;
	if (p->tcp_flags & TCP_SYN) {
		vouch(skb, p, f, dir);
		return 0;
	}
	if ((f->flags & SAID(dir)) || (__sync_fetch_and_or(&f->flags, SAID(dir)) & SAID(dir)))
		return 0;
	if (!n || !stands_first(skb, p, f, dir))
		return 0;
	c = checked_at(p, !client);
	if (n > sizeof(b))
		n = sizeof(b);
	if (!c || bpf_skb_load_bytes(skb, p->payload_off, b, bounded(n, FIRST_BYTES_MAX)))
		return 0;
	app = dir == client ? first_of_client(b, n) : first_of_server(b, n);
	if (app & c->apps)
		skb->mark = (skb->mark & ~c->mark) | (c->mark & -c->mark) * PG_CHECKED_FITS;
	return 0;
}

/* A container has sent this packet of a flow that was there before. */
static __always_inline void first_look(struct __sk_buff *skb, struct packet *p, struct pg_flow *f)
{
	if (p->key.proto == IPPROTO_TCP && ((p->tcp_flags & TCP_SYN) || (p->payload_len && (f->flags & PG_FLOW_VOUCHED))) && !(p->what & PACKET_FRAGMENT))
		first_payload(skb, p, f);
}

#endif
