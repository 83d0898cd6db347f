/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "appid/replay_unwrap.h"

#include <netinet/in.h>
#include <string.h>

#include "appid/replay_link.h"

enum {
	PORT_VXLAN = 4789, PORT_VXLAN_GPE = 4790, PORT_VXLAN_OLD = 8472, PORT_GENEVE = 6081,
	LT_ETHERNET = 1, LT_RAW = 101, LT_MPLS = 219,
	TYPE_MPLS = 0x8847, TYPE_IPV4 = 0x0800, TYPE_IPV6 = 0x86dd, TYPE_ETHERNET = 0x6558, TYPE_ERSPAN = 0x88be, TYPE_ERSPAN3 = 0x22eb,
};

/* What lies in a tunnel. */
struct inner {
	struct packet_part part;
	int linktype;
	bool has_vni;
	uint32_t vni;
};

static enum replay_outcome outcome_of(enum packet_result r)
{
	switch (r) {
	case PACKET_OK:
		return REPLAY_OK;
	case PACKET_NOT_IP:
		return REPLAY_NOT_IP;
	case PACKET_CUT:
		return REPLAY_CUT;
	case PACKET_MALFORMED:
	case PACKET_RESULT_MAX:
		break;
	}
	return REPLAY_MALFORMED;
}

/* ---- UDP tunnels -------------------------------------------------------------------------------------------- */
static struct packet_part payload_of(const struct packet_view *v)
{
	return (struct packet_part){ bytes_of(v->payload, v->payload_cap_len), v->payload_len, false };
}

/* On a port that is not VXLAN's: only if everything fits, to the last byte of the inner IP packet. */
static bool vxlan_fits(const struct packet_part *p)
{
	const uint8_t *h = p->cap.p;
	uint32_t inner = p->wire_len - 8 - 14;

	if (p->wire_len < 8 + 14 + 20 || bytes_left(&p->cap) < 8 + 14 + 8)
		return false;
	if (h[0] != 8 || be24_at(h + 1) || h[7])
		return false;
	h += 8 + 12;
	if (be16_at(h) == TYPE_IPV4)
		return h[2] == 0x45 && be16_at(h + 4) == inner;
	return be16_at(h) == TYPE_IPV6 && h[2] >> 4 == 6 && be16_at(h + 6) + 40u == inner;
}

/* RFC 7348 5 */
static bool open_vxlan(const struct packet_view *v, uint16_t dport, uint16_t extra_port, struct inner *ret)
{
	struct packet_part p = payload_of(v);
	const uint8_t *h;

	if (bytes_left(&p.cap) < 8 || !(p.cap.p[0] & 8))
		return false;
	if (dport != PORT_VXLAN && dport != PORT_VXLAN_OLD && (!extra_port || dport != extra_port) && !vxlan_fits(&p))
		return false;
	if (packet_part_take(&p, 8, &h) != PACKET_OK || p.wire_len < 14)
		return false;
	*ret = (struct inner){ p, LT_ETHERNET, true, be24_at(h + 4) };
	return true;
}

/* draft-ietf-nvo3-vxlan-gpe: the P flag says that the header names what follows. */
static bool open_vxlan_gpe(const struct packet_view *v, uint16_t dport, struct inner *ret)
{
	struct packet_part p = payload_of(v);
	const uint8_t *h;

	if (dport != PORT_VXLAN_GPE || packet_part_take(&p, 8, &h) != PACKET_OK || (h[0] & 0x3c) != 0x0c || h[3] < 1 || h[3] > 3)
		return false;
	*ret = (struct inner){ p, h[3] == 3 ? LT_ETHERNET : LT_RAW, true, be24_at(h + 4) };
	return true;
}

static bool linktype_of_type(uint16_t type, int *ret)
{
	if (type != TYPE_IPV4 && type != TYPE_IPV6 && type != TYPE_ETHERNET && type != TYPE_MPLS)
		return false;
	*ret = type == TYPE_ETHERNET ? LT_ETHERNET : type == TYPE_MPLS ? LT_MPLS : LT_RAW;
	return true;
}

/* RFC 8926 3.4 */
static bool open_geneve(const struct packet_view *v, uint16_t dport, struct inner *ret)
{
	struct packet_part p = payload_of(v);
	const uint8_t *h, *options;

	if (dport != PORT_GENEVE || packet_part_take(&p, 8, &h) != PACKET_OK || h[0] >> 6)
		return false;
	*ret = (struct inner){ .has_vni = true, .vni = be24_at(h + 4) };
	if (!linktype_of_type(be16_at(h + 2), &ret->linktype) || packet_part_take(&p, (h[0] & 0x3f) * 4u, &options) != PACKET_OK)
		return false;
	ret->part = p;
	return true;
}

/* ---- IP tunnels --------------------------------------------------------------------------------------------- */
/* RFC 2784 2, RFC 2890 2; ERSPAN: draft-foschiano-erspan */
static bool open_gre(struct packet_part p, struct inner *ret)
{
	const uint8_t *h, *rest;
	uint32_t extra = 0;
	uint16_t type;
	bool sequence;

	if (packet_part_take(&p, 4, &h) != PACKET_OK || (h[0] & 0x40) || (h[1] & 7))
		return false;
	sequence = h[0] & 0x10;
	type = be16_at(h + 2);
	extra = (h[0] & 0x80 ? 4 : 0) + (h[0] & 0x20 ? 4 : 0) + (sequence ? 4 : 0);
	*ret = (struct inner){ .linktype = LT_ETHERNET };
	if (type == TYPE_ERSPAN)
		extra += sequence ? 8 : 0;
	else if (type == TYPE_ERSPAN3)
		extra += 12;
	else if (!linktype_of_type(type, &ret->linktype))
		return false;
	if (packet_part_take(&p, extra, &rest) != PACKET_OK)
		return false;
	if (type == TYPE_ERSPAN3 && rest[extra - 1] & 1 && packet_part_take(&p, 8, &h) != PACKET_OK) /* platform's own header */
		return false;
	ret->part = p;
	return true;
}

static bool open_ip(const struct packet_part *ip, uint8_t proto, struct inner *ret)
{
	struct packet_part p = *ip;
	struct packet_ip h;

	if (packet_take_ip(&p, p.cap.p[0] >> 4 == 4 ? TYPE_IPV4 : TYPE_IPV6, &h) != PACKET_OK)
		return false;
	if (proto == IPPROTO_GRE)
		return open_gre(h.payload, ret);
	*ret = (struct inner){ h.payload, LT_RAW, false, 0 };
	/* The version inside must be what the outer header promises. */
	return bytes_left(&h.payload.cap) && h.payload.cap.p[0] >> 4 == (proto == IPPROTO_IPIP ? 4 : 6);
}

static bool open_tunnel(const struct packet_view *v, const struct packet_part *ip, uint16_t extra_port, struct inner *ret)
{
	if (v->key.proto == IPPROTO_UDP) {
		uint16_t dport = ntohs(v->key.port[!v->dir]);

		return v->payload && (open_vxlan(v, dport, extra_port, ret) || open_vxlan_gpe(v, dport, ret) ||
				      open_geneve(v, dport, ret));
	}
	return (v->key.proto == IPPROTO_GRE || v->key.proto == IPPROTO_IPIP || v->key.proto == IPPROTO_IPV6) &&
	       open_ip(ip, v->key.proto, ret);
}

/* The transport header is cut or contradicts itself, but the IP header is sound: the packet is the flow's all the same. */
static bool take_bare(struct replay_packet *ret, struct packet_part p)
{
	bool ports = false;
	struct packet_ip ip;
	uint16_t port[2] = { 0, 0 };
	size_t have;

	if (packet_take_ip(&p, p.cap.p[0] >> 4 == 4 ? TYPE_IPV4 : TYPE_IPV6, &ip) != PACKET_OK || ip.frag_first || ip.frag_later)
		return false;
	have = bytes_left(&ip.payload.cap);
	ports = ip.proto == IPPROTO_TCP || ip.proto == IPPROTO_UDP || ip.proto == IPPROTO_SCTP;
	if (ports && have >= 4)
		memcpy(port, ip.payload.cap.p, 4);
	memset(&ret->view, 0, sizeof(ret->view));
	ret->view.dir = flow_key_make(&ret->view.key, 0, ip.proto, ip.src, port[0], ip.dst, port[1]);
	ret->view.ip_version = ip.version;
	ret->view.ttl = ip.ttl;
	if (ip.proto == IPPROTO_TCP && have >= 14)
		ret->view.tcp_flags = ip.payload.cap.p[13];
	ret->bare = true;
	return true;
}

/* ---- all layers ----------------------------------------------------------------------------------------------- */
static enum replay_outcome take_link(struct replay_packet *ret, struct packet_part *p, int linktype)
{
	unsigned vlans = 0;
	bool known;
	enum packet_result r = replay_link_take(p, linktype, ret->vlan, &vlans, &known);

	ret->vlan_count = (uint8_t)vlans;
	return known ? outcome_of(r) : REPLAY_LINK_TYPE;
}

enum replay_outcome replay_unwrap_ip(struct replay_packet *ret, struct packet_part ip, uint16_t extra_port)
{
	for (;;) {
		enum replay_outcome r;
		struct inner in;

		ip.unsegmented = true;
		ret->ip = ip;
		r = outcome_of(decode_frame(ip.cap.p, bytes_left(&ip.cap), ip.wire_len, PACKET_LINK_RAW_SENT, 0, 0, &ret->view));
		if (r != REPLAY_OK)
			return take_bare(ret, ip) ? REPLAY_OK : r;
		if (ret->view.frag_first || ret->view.frag_later)
			return REPLAY_FRAGMENT;
		if (!open_tunnel(&ret->view, &ip, extra_port, &in))
			return REPLAY_OK;
		if (ret->layers == REPLAY_LAYERS_MAX) {
			ret->too_deep = true;
			return REPLAY_OK;
		}
		ret->layers++;
		if (in.has_vni) {
			ret->has_vni = true;
			ret->vni = in.vni;
		}
		if (in.linktype != LT_RAW) {
			ret->frame_len = in.part.wire_len;
			r = take_link(ret, &in.part, in.linktype);
			if (r != REPLAY_OK)
				return r;
		}
		ip = in.part;
	}
}

enum replay_outcome replay_unwrap(int linktype, const uint8_t *frame, uint32_t cap_len, uint32_t wire_len, uint16_t extra_port,
				  struct replay_packet *ret)
{
	struct packet_part p = { bytes_of(frame, cap_len), wire_len, true };
	enum replay_outcome r;

	ret->frame_len = wire_len;
	ret->vni = 0;
	ret->has_vni = ret->too_deep = ret->bare = false;
	ret->layers = 0;
	r = take_link(ret, &p, linktype);
	return r == REPLAY_OK ? replay_unwrap_ip(ret, p, extra_port) : r;
}
