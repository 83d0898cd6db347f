/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Transport layer and VXLAN. */
#include "flows/decode.h"

#include <netinet/in.h>
#include <string.h>

struct l4 {
	uint16_t sport, dport; /* network byte order */
	uint8_t tcp_flags;
	uint32_t seq, ack;
	struct packet_part payload;
	bool has_payload;
};

static uint16_t port_at(const uint8_t *p)
{
	uint16_t port;

	memcpy(&port, p, sizeof(port));
	return port;
}

uint8_t flow_key_make(struct flow_key *ret, uint16_t ns, uint8_t proto, const uint8_t src[16], uint16_t sport_be,
		      const uint8_t dst[16], uint16_t dport_be)
{
	int c = memcmp(src, dst, 16);
	uint8_t swap;

	if (!c)
		c = memcmp(&sport_be, &dport_be, 2);
	swap = c > 0;
	memset(ret, 0, sizeof(*ret));
	memcpy(ret->addr[0], swap ? dst : src, 16);
	memcpy(ret->addr[1], swap ? src : dst, 16);
	ret->port[0] = swap ? dport_be : sport_be;
	ret->port[1] = swap ? sport_be : dport_be;
	ret->ns = ns;
	ret->proto = proto;
	return swap;
}

/* ---- transport ------------------------------------------------------------------------------------------ */
/* RFC 9293 3.1 */
static enum packet_result take_tcp(struct packet_part *p, struct l4 *ret)
{
	const uint8_t *h, *options;
	enum packet_result r;
	uint32_t len;

	r = packet_part_take(p, 20, &h);
	if (r != PACKET_OK)
		return r;
	len = (h[12] >> 4) * 4;
	if (len < 20 || len - 20 > p->wire_len)
		return PACKET_MALFORMED;
	ret->sport = port_at(h);
	ret->dport = port_at(h + 2);
	ret->seq = be32_at(h + 4);
	ret->ack = be32_at(h + 8);
	ret->tcp_flags = h[13];
	/* Options cut by the capture cost only the payload, which is cut then, too. */
	if (packet_part_take(p, len - 20, &options) != PACKET_OK) {
		p->cap.p = p->cap.end;
		p->wire_len -= len - 20;
	}
	ret->payload = *p;
	ret->has_payload = true;
	return PACKET_OK;
}

/* RFC 768. The length is the IP header's, as in the eBPF parser: a lying UDP length changes nothing of the counting. */
static enum packet_result take_udp(struct packet_part *p, struct l4 *ret)
{
	enum packet_result r;
	const uint8_t *h;

	r = packet_part_take(p, 8, &h);
	if (r != PACKET_OK)
		return r;
	ret->sport = port_at(h);
	ret->dport = port_at(h + 2);
	ret->payload = *p;
	ret->has_payload = true;
	return PACKET_OK;
}

/* RFC 9260 3.1 */
static enum packet_result take_sctp(struct packet_part *p, struct l4 *ret)
{
	enum packet_result r;
	const uint8_t *h;

	r = packet_part_take(p, 12, &h);
	if (r != PACKET_OK)
		return r;
	ret->sport = port_at(h);
	ret->dport = port_at(h + 2);
	return PACKET_OK;
}

/* RFC 792, RFC 4443: echo's identifier, else type and code, at both ends. */
static enum packet_result take_icmp(struct packet_part *p, bool v6, struct l4 *ret)
{
	enum packet_result r;
	const uint8_t *h;
	bool echo;

	r = packet_part_take(p, 8, &h);
	if (r != PACKET_OK)
		return r;
	echo = v6 ? h[0] == 128 || h[0] == 129 : h[0] == 8 || h[0] == 0;
	ret->sport = ret->dport = port_at(echo ? h + 4 : h);
	return PACKET_OK;
}

static enum packet_result take_l4(struct packet_part *p, uint8_t proto, struct l4 *ret)
{
	switch (proto) {
	case IPPROTO_TCP:
		return take_tcp(p, ret);
	case IPPROTO_UDP:
		return take_udp(p, ret);
	case IPPROTO_SCTP:
		return take_sctp(p, ret);
	case IPPROTO_ICMP:
		return take_icmp(p, false, ret);
	case IPPROTO_ICMPV6:
		return take_icmp(p, true, ret);
	default:
		return PACKET_OK;
	}
}

/* ---- one packet -------------------------------------------------------------------------------------------- */
static bool is_group(const struct packet_ip *ip)
{
	if (ip->version == 6)
		return ip->dst[0] == 0xff;
	return (ip->dst[12] & 0xf0) == 0xe0 || be32_at(ip->dst + 12) == 0xffffffff;
}

static void fill(struct packet_view *v, const struct packet_ip *ip, const struct l4 *l4, uint16_t ns)
{
	v->dir = flow_key_make(&v->key, ns, ip->proto, ip->src, l4->sport, ip->dst, l4->dport);
	v->ip_version = ip->version;
	v->ttl = ip->ttl;
	v->tcp_flags = l4->tcp_flags;
	v->tcp_seq = l4->seq;
	v->tcp_ack = l4->ack;
	v->frag_first = ip->frag_first;
	v->frag_later = ip->frag_later;
	v->frag_id = ip->frag_id;
	v->group_dst = is_group(ip);
	/* Pieces are not for the inspector. */
	if (!l4->has_payload || ip->frag_first || ip->frag_later)
		return;
	v->payload_len = l4->payload.wire_len;
	v->payload_cap_len = (uint32_t)bytes_left(&l4->payload.cap);
	if (v->payload_cap_len)
		v->payload = l4->payload.cap.p;
}

/* RFC 7348 5: the I flag says that there is a VNI. True: *p is the inner frame. */
static bool take_vxlan(struct packet_part *p, const struct packet_ip *ip, const struct l4 *l4, uint16_t vxlan_port,
		       struct packet_view *v)
{
	const uint8_t *h;

	if (!vxlan_port || ip->proto != IPPROTO_UDP || ip->frag_first || ip->frag_later || !l4->has_payload ||
	    ntohs(l4->dport) != vxlan_port || v->vxlan_layers == DECODE_VXLAN_MAX)
		return false;
	*p = l4->payload;
	if (packet_part_take(p, 8, &h) != PACKET_OK || !(h[0] & 0x08))
		return false;
	v->vxlan_layers++;
	v->vni = be24_at(h + 4);
	memcpy(v->outer[0], ip->src, 16);
	memcpy(v->outer[1], ip->dst, 16);
	return true;
}

enum packet_result decode_frame(const void *frame, size_t cap_len, size_t wire_len, enum packet_link link, uint16_t vxlan_port,
				uint16_t ns, struct packet_view *ret)
{
	struct packet_part p;
	struct packet_ip ip;
	enum packet_result r;
	uint16_t ethertype;
	struct l4 l4;

	memset(ret, 0, sizeof(*ret));
	if (wire_len < cap_len)
		wire_len = cap_len;
	if (wire_len > UINT32_MAX || link >= PACKET_LINK_MAX)
		return PACKET_MALFORMED;
	p = (struct packet_part){ bytes_of(frame, cap_len), (uint32_t)wire_len, link == PACKET_LINK_RAW_SENT };
	for (;;) {
		ret->frame_len = p.wire_len;
		r = packet_take_link(&p, link, &ethertype, ret->vlan, &ret->vlan_count);
		if (r == PACKET_OK)
			r = packet_take_ip(&p, ethertype, &ip);
		if (r != PACKET_OK)
			return r;
		memset(&l4, 0, sizeof(l4));
		if (!ip.frag_later) {
			r = take_l4(&p, ip.proto, &l4);
			/* A first fragment may legally end inside the transport header: it is counted, without ports. */
			if (r != PACKET_OK && !ip.frag_first)
				return r;
		}
		if (!take_vxlan(&p, &ip, &l4, vxlan_port, ret))
			break;
		link = PACKET_LINK_ETHERNET;
	}
	fill(ret, &ip, &l4, ns);
	return PACKET_OK;
}
