/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From a packet to its flow key. Plain TCP and UDP headers in the linear part are read in place (that halves the price of
 * a packet); everything else goes through bpf_skb_load_bytes(), which is right for non-linear skbs, in functions that the
 * verifier looks at once, by themselves. RFC 791, 8200, 9293, 768, 792, 4443, 9260; IEEE 802.1Q. */
#ifndef PG_BPF_PARSE_BPF_H
#define PG_BPF_PARSE_BPF_H

#include "sensor/bpf/common.bpf.h"

#define IPV6_EXT_MAX 8

enum parse_result { PARSE_OK, PARSE_NOT_IP, PARSE_MALFORMED };

struct packet {
	struct flow_key key __attribute__((aligned(8)));
	u16 payload_off; /* from the start of the skb's data */
	u16 segs;        /* packets on the wire */
	u32 payload_len; /* by the IP header */
	u32 seq;         /* TCP, host byte order */
	u32 bytes;       /* L2 bytes on the wire */
	u8 tcp_flags;
	u8 dir;          /* direction of the key */
	u8 frag;         /* PACKET_FRAGMENT: as pg_sample.fragment has it */
	u8 what;         /* PACKET_* */
};
#define PACKET_FRAGMENT 1
#define PACKET_GROUP_DST 2 /* multicast or broadcast address in the IP header */
/* It stands on the stack of the hooks, which with all that they call have 512 bytes. */
_Static_assert(sizeof(struct packet) == 64, "struct packet");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1);
	__type(key, struct fragment_key);
	__type(value, struct fragment_ports);
} fragments SEC(".maps");

/* What the layers of one packet say on the way to a struct packet. */
struct parse_state {
	u64 src[2], dst[2]; /* network byte order, IPv4-mapped */
	u32 l4_off, end;    /* end: first byte after the IP packet */
	u32 frag_id;
	u16 sport, dport;
	u16 frag_units; /* offset / 8 */
	u8 proto;
	bool frag_first, frag_later, frag_more;
};

struct ipv4_wire {
	u8 ver_ihl, tos;
	__be16 tot_len, id, frag_off;
	u8 ttl, proto;
	__be16 check;
	__be32 src, dst;
};

struct ipv6_wire {
	__be32 ver_flow;
	__be16 payload_len;
	u8 next, hops;
	u64 src[2], dst[2];
};

static __always_inline int parse_ipv4(struct __sk_buff *skb, u32 off, struct parse_state *s)
{
	struct ipv4_wire ip;
	u32 ihl, tot;
	u16 frag;

	if (bpf_skb_load_bytes(skb, off, &ip, sizeof(ip)))
		return PARSE_MALFORMED;
	ihl = (ip.ver_ihl & 0xf) * 4;
	tot = bpf_ntohs(ip.tot_len);
	if (!tot && skb->gso_size) /* BIG TCP */
		tot = skb->len - off;
	if (ip.ver_ihl >> 4 != 4 || ihl < sizeof(ip) || tot < ihl || off + tot > skb->len)
		return PARSE_MALFORMED;
	s->src[0] = s->dst[0] = 0;
	s->src[1] = (u64)ip.src << 32 | bpf_htonl(0xffff);
	s->dst[1] = (u64)ip.dst << 32 | bpf_htonl(0xffff);
	s->proto = ip.proto;
	s->l4_off = off + ihl;
	s->end = off + tot;
	frag = bpf_ntohs(ip.frag_off);
	s->frag_units = frag & 0x1fff;
	s->frag_more = frag & 0x2000;
	s->frag_later = s->frag_units;
	s->frag_first = !s->frag_later && (frag & 0x2000);
	s->frag_id = ip.id;
	return PARSE_OK;
}

/* Walks the extension headers; what is left of a chain longer than IPV6_EXT_MAX is taken as the transport protocol. */
static __always_inline int parse_ipv6_ext(struct __sk_buff *skb, u32 off, u8 next, struct parse_state *s)
{
	u8 ext[8];

	for (int i = 0; i < IPV6_EXT_MAX; i++) {
		u32 len;

		if (next != 0 && next != 43 && next != 44 && next != 51 && next != 60 && next != 135)
			break;
		if (off + sizeof(ext) > s->end || bpf_skb_load_bytes(skb, off, ext, sizeof(ext)))
			return PARSE_MALFORMED;
		len = 8;
		if (next == 44) {
			u32 frag = (u32)ext[2] << 8 | ext[3];

			__builtin_memcpy(&s->frag_id, ext + 4, 4);
			s->frag_units = frag >> 3;
			s->frag_more = frag & 1;
			s->frag_later = s->frag_units;
			s->frag_first = !s->frag_later && (frag & 1);
		} else if (next == 51) {
			len = (ext[1] + 2) * 4;
		} else {
			len = (ext[1] + 1) * 8;
		}
		next = ext[0];
		off += len;
		if (off > s->end)
			return PARSE_MALFORMED;
		if (s->frag_later)
			break;
	}
	s->proto = next;
	s->l4_off = off;
	return PARSE_OK;
}

static __always_inline int parse_ipv6(struct __sk_buff *skb, u32 off, struct parse_state *s)
{
	struct ipv6_wire ip;
	u32 len;

	if (bpf_skb_load_bytes(skb, off, &ip, sizeof(ip)))
		return PARSE_MALFORMED;
	if ((bpf_ntohl(ip.ver_flow) >> 28) != 6)
		return PARSE_MALFORMED;
	len = bpf_ntohs(ip.payload_len);
	if (!len && skb->gso_size) /* BIG TCP, RFC 2675 */
		len = skb->len - off - sizeof(ip);
	if (off + sizeof(ip) + len > skb->len)
		return PARSE_MALFORMED;
	s->src[0] = ip.src[0];
	s->src[1] = ip.src[1];
	s->dst[0] = ip.dst[0];
	s->dst[1] = ip.dst[1];
	s->end = off + sizeof(ip) + len;
	return parse_ipv6_ext(skb, off + sizeof(ip), ip.next, s);
}

/* ICMP has one pair of ports for both directions: echo's identifier, else type and code (flow_key.h). */
static __always_inline void parse_icmp(const u8 *icmp, bool echo, struct parse_state *s)
{
	u16 port;

	if (echo)
		__builtin_memcpy(&port, icmp + 4, 2);
	else
		port = bpf_htons((u16)icmp[0] << 8 | icmp[1]);
	s->sport = s->dport = port;
}

/* Of what has no payload of interest: the headers' end, as far as it can be told. */
static __always_inline u16 end_off(const struct parse_state *s)
{
	return s->end < 0xffff ? s->end : 0xffff;
}

static __always_inline int parse_l4(struct __sk_buff *skb, struct parse_state *s, struct packet *p)
{
	u8 h[20] __attribute__((aligned(4)));
	u32 left = s->end - s->l4_off;

	p->payload_off = end_off(s);
	p->payload_len = 0;
	switch (s->proto) {
	case IPPROTO_TCP: {
		u32 doff;

		if (left < 20 || bpf_skb_load_bytes(skb, s->l4_off, h, 20))
			return PARSE_MALFORMED;
		doff = (h[12] >> 4) * 4;
		if (doff < 20 || doff > left)
			return PARSE_MALFORMED;
		p->seq = bpf_ntohl(*(u32 *)(h + 4));
		p->tcp_flags = h[13];
		p->payload_off = s->l4_off + doff;
		p->payload_len = left - doff;
		break;
	}
	case IPPROTO_UDP:
		if (left < 8 || bpf_skb_load_bytes(skb, s->l4_off, h, 8))
			return PARSE_MALFORMED;
		p->payload_off = s->l4_off + 8;
		p->payload_len = left - 8;
		break;
	case IPPROTO_SCTP:
		if (left < 12 || bpf_skb_load_bytes(skb, s->l4_off, h, 8))
			return PARSE_MALFORMED;
		break;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		if (left < 8 || bpf_skb_load_bytes(skb, s->l4_off, h, 8))
			return PARSE_MALFORMED;
		parse_icmp(h, s->proto == IPPROTO_ICMP ? h[0] == 8 || h[0] == 0 : h[0] == 128 || h[0] == 129, s);
		return PARSE_OK;
	default:
		return PARSE_OK;
	}
	s->sport = *(u16 *)h;
	s->dport = *(u16 *)(h + 2);
	return PARSE_OK;
}

static __noinline int parse_fragment(struct parse_state *s, u16 in_ns)
{
	struct fragment_key k = {};
	struct fragment_ports ports = {}, *known;

	__builtin_memcpy(k.src, s->src, 16);
	__builtin_memcpy(k.dst, s->dst, 16);
	k.id = s->frag_id;
	k.ns = in_ns;
	k.proto = s->proto;
	if (s->frag_first) {
		ports.src = s->sport;
		ports.dst = s->dport;
		bpf_map_update_elem(&fragments, &k, &ports, BPF_ANY);
		return 0;
	}
	known = bpf_map_lookup_elem(&fragments, &k);
	if (known) {
		s->sport = known->src;
		s->dport = known->dst;
	}
	return 0;
}

/* Puts the ends in the order of flow_key.h: memcmp() of address, then of port. */
static __always_inline void packet_set_key(struct packet *p, const struct parse_state *s, u16 in_ns)
{
	u64 a0 = bpf_be64_to_cpu(s->src[0]), a1 = bpf_be64_to_cpu(s->src[1]);
	u64 b0 = bpf_be64_to_cpu(s->dst[0]), b1 = bpf_be64_to_cpu(s->dst[1]);
	bool swap;

	if (a0 != b0)
		swap = a0 > b0;
	else if (a1 != b1)
		swap = a1 > b1;
	else
		swap = bpf_ntohs(s->sport) > bpf_ntohs(s->dport);
	u64 *addr = (u64 *)&p->key;

	if (swap) {
		addr[0] = s->dst[0];
		addr[1] = s->dst[1];
		addr[2] = s->src[0];
		addr[3] = s->src[1];
		p->key.port[0] = s->dport;
		p->key.port[1] = s->sport;
	} else {
		addr[0] = s->src[0];
		addr[1] = s->src[1];
		addr[2] = s->dst[0];
		addr[3] = s->dst[1];
		p->key.port[0] = s->sport;
		p->key.port[1] = s->dport;
	}
	p->dir = swap;
	p->key.claimant_if = 0;
	p->key.ns = in_ns;
	p->key.proto = s->proto;
	p->key.pad = 0;
}

static __always_inline bool is_group(const struct parse_state *s)
{
	u64 hi = bpf_be64_to_cpu(s->dst[0]), lo = bpf_be64_to_cpu(s->dst[1]);

	if (hi)
		return hi >> 56 == 0xff;
	return (lo & 0xf0000000) == 0xe0000000 || (u32)lo == 0xffffffff;
}

/* Packets and L2 bytes on the wire: a GSO skb stands for several, each with the headers again. extra: L2 bytes that are
 * not in skb->len (a tag kept beside the data; Ethernet where the hook is above it). */
static __always_inline void packet_set_size(struct packet *p, struct __sk_buff *skb, u32 hdr_len, u32 extra)
{
	u32 segs = skb->gso_segs;

	if (!segs && skb->gso_size && skb->len > hdr_len)
		segs = (skb->len - hdr_len + skb->gso_size - 1) / skb->gso_size;
	if (segs <= 1) {
		p->segs = 1;
		p->bytes = skb->len + extra;
		return;
	}
	p->segs = segs;
	p->bytes = (u64)skb->len + extra + (u64)(segs - 1) * (hdr_len + extra);
}

/* The general case. l3_off: where the IP header begins; proto: its ethertype, host byte order. */
static __always_inline int parse_l3(struct packet *p, struct __sk_buff *skb, u16 proto, u32 l3_off, u32 extra, u16 in_ns)
{
	struct parse_state s = {};
	int r;

	if (proto == ETH_P_IP)
		r = parse_ipv4(skb, l3_off, &s);
	else if (proto == ETH_P_IPV6)
		r = parse_ipv6(skb, l3_off, &s);
	else
		return PARSE_NOT_IP;
	if (r != PARSE_OK)
		return r;
	p->what = (s.frag_first || s.frag_later ? PACKET_FRAGMENT : 0) | (is_group(&s) ? PACKET_GROUP_DST : 0);
	p->payload_off = end_off(&s);
	if (!s.frag_later) {
		r = parse_l4(skb, &s, p);
		/* A first fragment may legally end inside the transport header: it is counted, without ports. */
		if (r != PARSE_OK && !s.frag_first)
			return r;
	}
	if (p->what & PACKET_FRAGMENT) {
		parse_fragment(&s, in_ns);
		p->payload_off = s.l4_off;
		p->payload_len = s.frag_units < PG_SAMPLE_STREAM_MAX / 8 ? s.end - s.l4_off : 0;
		p->seq = s.frag_id;
		p->frag = s.frag_units | (s.frag_more ? PG_FRAGMENT_MORE : 0);
	}
	packet_set_size(p, skb, p->payload_off, extra);
	packet_set_key(p, &s, in_ns);
	return PARSE_OK;
}

/* A global function: verified once. proto 0: data begins with Ethernet and up to two VLAN tags (one more may be kept beside
 * the data). Else at off is an IP header of that
 * ethertype. p is as packet_init() left it. */
__noinline int packet_parse_any(struct __sk_buff *skb, struct packet *p, u32 proto, u32 off, u32 extra)
{
	if (!p)
		return PARSE_MALFORMED;
	if (!proto) {
		proto = bpf_ntohs(skb->protocol);
		for (int i = 0; i < 2 && (proto == ETH_P_8021Q || proto == ETH_P_8021AD); i++) {
			__be16 tag[2];

			if (bpf_skb_load_bytes(skb, off, tag, sizeof(tag)))
				return PARSE_MALFORMED;
			proto = bpf_ntohs(tag[1]);
			off += VLAN_TAG_LEN;
		}
	}
	return parse_l3(p, skb, proto, off, extra, p->key.ns);
}

static __always_inline void packet_init(struct packet *p, struct __sk_buff *skb, u32 extra, u16 in_ns)
{
	__builtin_memset(p, 0, sizeof(*p)); /* a global function may only be given initialised memory (before Linux 6.4) */
	p->key.ns = in_ns;
	p->segs = 1;
	p->bytes = skb->len + extra;
}

/* TCP or UDP without anything unusual, right after a linear IP header of known length. */
static __always_inline bool fast_l4(struct packet *p, struct __sk_buff *skb, const void *l4, u32 l4_off, u32 len,
				    struct parse_state *s)
{
	const void *end = (void *)(long)skb->data_end;
	u32 hdr;

	if (s->proto == IPPROTO_TCP) {
		const struct tcphdr *t = l4;

		if (l4 + sizeof(*t) > end)
			return false;
		hdr = (((const u8 *)t)[12] >> 4) * 4;
		if (hdr < sizeof(*t) || hdr > len)
			return false;
		p->seq = bpf_ntohl(t->seq);
		p->tcp_flags = ((const u8 *)t)[13];
	} else if (s->proto == IPPROTO_UDP) {
		hdr = sizeof(struct udphdr);
		if (l4 + sizeof(struct udphdr) > end || hdr > len)
			return false;
	} else {
		return false;
	}
	s->sport = ((const u16 *)l4)[0];
	s->dport = ((const u16 *)l4)[1];
	p->payload_off = l4_off + hdr;
	p->payload_len = len - hdr;
	return true;
}

static __always_inline bool fast_parse(struct packet *p, struct __sk_buff *skb, u16 proto, u32 off, u32 extra, u16 in_ns)
{
	const void *l3 = (void *)(long)skb->data + off, *end = (void *)(long)skb->data_end;
	struct parse_state s;
	u32 len;

	if (proto == ETH_P_IP) {
		const struct ipv4_wire *ip = l3;

		if (l3 + sizeof(*ip) > end || ip->ver_ihl != 0x45 || (ip->frag_off & bpf_htons(0x3fff)))
			return false;
		len = bpf_ntohs(ip->tot_len);
		if (len < sizeof(*ip) || off + len > skb->len)
			return false;
		s.src[0] = s.dst[0] = 0;
		s.src[1] = (u64)ip->src << 32 | bpf_htonl(0xffff);
		s.dst[1] = (u64)ip->dst << 32 | bpf_htonl(0xffff);
		s.proto = ip->proto;
		if (!fast_l4(p, skb, l3 + sizeof(*ip), off + sizeof(*ip), len - sizeof(*ip), &s))
			return false;
	} else if (proto == ETH_P_IPV6) {
		const struct ipv6_wire *ip = l3;

		if (l3 + sizeof(*ip) > end || bpf_ntohl(ip->ver_flow) >> 28 != 6)
			return false;
		len = bpf_ntohs(ip->payload_len);
		if (off + sizeof(*ip) + len > skb->len)
			return false;
		s.src[0] = ip->src[0];
		s.src[1] = ip->src[1];
		s.dst[0] = ip->dst[0];
		s.dst[1] = ip->dst[1];
		s.proto = ip->next;
		if (!fast_l4(p, skb, l3 + sizeof(*ip), off + sizeof(*ip), len, &s))
			return false;
	} else {
		return false;
	}
	packet_set_size(p, skb, p->payload_off, extra);
	p->what = is_group(&s) ? PACKET_GROUP_DST : 0;
	packet_set_key(p, &s, in_ns);
	return true;
}

/* At a cgroup's skb hook: data begins with the IP header. extra: L2 bytes that are not in skb->len. The size stands in p
 * even for what is no flow. */
static __always_inline int packet_parse_l3(struct packet *p, struct __sk_buff *skb, u16 proto, u32 l3_off, u32 extra, u16 in_ns)
{
	packet_init(p, skb, extra, in_ns);
	if (!proto)
		return PARSE_NOT_IP;
	return packet_parse_any(skb, p, proto, l3_off, extra);
}

/* A frame at a TC hook: data begins with Ethernet. */
static __always_inline int packet_parse_l2(struct packet *p, struct __sk_buff *skb, u32 extra, u16 in_ns)
{
	p->seq = 0;
	p->tcp_flags = 0;
	if (fast_parse(p, skb, bpf_ntohs(skb->protocol), ETH_HDR_LEN, extra, in_ns))
		return PARSE_OK;
	packet_init(p, skb, extra, in_ns);
	return packet_parse_any(skb, p, 0, ETH_HDR_LEN, extra);
}

#endif
