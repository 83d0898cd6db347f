/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The common link types are flows/packet_view.c's; here stand the further ones, and what may lie between an Ethernet header
 * and an IP header. */
#include "appid/replay_link.h"

enum {
	/* https://www.tcpdump.org/linktypes.html */
	LT_SLIP = 8, LT_PPP = 9, LT_RFC1483 = 11, LT_PPP_HDLC = 50, LT_PPP_ETHER = 51, LT_C_HDLC = 104, LT_80211 = 105,
	LT_FRELAY = 107, LT_SUNATM = 123, LT_RADIOTAP = 127, LT_PPP_WITH_DIR = 204, LT_PPI = 192, LT_NFLOG = 239,
	LT_ETHERNET = 1, LT_TOKEN_RING = 6, LT_FDDI = 10, LT_ENC = 109, LT_PFLOG = 117, LT_PRISM = 119, LT_IP_OVER_FC = 122,
	LT_FIREWIRE = 138, LT_AVS = 163, LT_ERF = 197, LT_MPLS = 219, LT_IPNET = 226, LT_NETANALYZER = 240,
	LT_NETANALYZER_RAW = 241, LT_IPOIB = 242, LT_PKTAP = 258, LT_MPACKET = 274, LT_DSA_BRCM = 281,
	LT_DSA_BRCM_FRONT = 282, LT_DSA = 284, LT_DSA_ETHERTYPE = 285,
	/* https://www.iana.org/assignments/ieee-802-numbers */
	ET_IPV4 = 0x0800, ET_IPV6 = 0x86dd, ET_VLAN = 0x8100, ET_QINQ = 0x88a8, ET_QINQ_OLD = 0x9100, ET_MPLS = 0x8847,
	ET_MPLS_MULTI = 0x8848, ET_PPPOE = 0x8864, ET_PBB = 0x88e7, ET_VNTAG = 0x8926, ET_ETAG = 0x893f, ET_NSH = 0x894f,
	STEPS_MAX = 8, /* headers between Ethernet and IP */
};

static enum packet_result take_by_type(struct packet_part *p, uint16_t type);

/* RFC 1661 2, after the HDLC framing of RFC 1662 if that is there. */
static enum packet_result take_ppp(struct packet_part *p)
{
	const uint8_t *h;
	enum packet_result r;
	uint16_t proto;

	if (bytes_left(&p->cap) >= 2 && p->cap.p[0] == 0xff && p->cap.p[1] == 0x03) {
		r = packet_part_take(p, 2, &h);
		if (r != PACKET_OK)
			return r;
	}
	r = packet_part_take(p, 1, &h);
	if (r != PACKET_OK)
		return r;
	proto = h[0];
	if (!(proto & 1)) { /* not compressed to one byte */
		r = packet_part_take(p, 1, &h);
		if (r != PACKET_OK)
			return r;
		proto = (uint16_t)(proto << 8 | h[0]);
	}
	return proto == 0x21 || proto == 0x57 ? PACKET_OK : PACKET_NOT_IP;
}

/* RFC 2516 4 */
static enum packet_result take_pppoe(struct packet_part *p)
{
	const uint8_t *h;
	enum packet_result r = packet_part_take(p, 6, &h);

	if (r != PACKET_OK)
		return r;
	return h[0] == 0x11 && h[1] == 0 ? take_ppp(p) : PACKET_NOT_IP;
}

/* RFC 3032 2.1; what is below the stack is told from its first nibble, as switches do. */
static enum packet_result take_mpls(struct packet_part *p)
{
	for (unsigned i = 0; i < STEPS_MAX; i++) {
		const uint8_t *h;
		enum packet_result r = packet_part_take(p, 4, &h);

		if (r != PACKET_OK)
			return r;
		if (!(h[2] & 1))
			continue;
		if (!bytes_left(&p->cap))
			return p->wire_len ? PACKET_CUT : PACKET_MALFORMED;
		if (p->cap.p[0] >> 4 == 4 || p->cap.p[0] >> 4 == 6)
			return PACKET_OK;
		if (p->cap.p[0] >> 4 == 0) { /* RFC 4385 3: a control word, then Ethernet (RFC 4448) */
			r = packet_part_take(p, 18, &h);
			return r == PACKET_OK ? take_by_type(p, be16_at(h + 16)) : r;
		}
		return PACKET_NOT_IP;
	}
	return PACKET_NOT_IP;
}

/* IEEE 802.2 with SNAP (RFC 1042) */
static enum packet_result take_llc(struct packet_part *p)
{
	const uint8_t *h;
	enum packet_result r = packet_part_take(p, 8, &h);

	if (r != PACKET_OK)
		return r == PACKET_MALFORMED ? PACKET_NOT_IP : r;
	if (h[0] != 0xaa || h[1] != 0xaa || h[2] != 3 || h[3] || h[4] || (h[5] != 0 && h[5] != 0xf8))
		return PACKET_NOT_IP;
	return take_by_type(p, be16_at(h + 6));
}

/* Headers with another type in them: so many bytes, of which the type is the last two. */
static uint32_t tag_len(uint16_t type)
{
	switch (type) {
	case ET_VLAN:
	case ET_QINQ:
	case ET_QINQ_OLD:
		return 4;
	case ET_VNTAG: /* Cisco's, 802.1Qbh */
		return 6;
	case ET_ETAG: /* IEEE 802.1BR 7.2 */
		return 8;
	case ET_PBB: /* IEEE 802.1ah: a tag, and the customer's Ethernet header */
		return 18;
	default:
		return 0;
	}
}

/* RFC 8300 2.2 */
static enum packet_result take_nsh(struct packet_part *p, uint16_t *ret_type)
{
	static const uint16_t types[6] = { [1] = ET_IPV4, [2] = ET_IPV6, [5] = ET_MPLS };
	const uint8_t *h, *rest;
	enum packet_result r = packet_part_take(p, 4, &h);
	uint32_t len = r == PACKET_OK ? (h[1] & 0x3f) * 4u : 4;

	if (r == PACKET_OK && len < 4)
		return PACKET_MALFORMED;
	if (r == PACKET_OK)
		r = packet_part_take(p, len - 4, &rest);
	if (r != PACKET_OK)
		return r;
	*ret_type = h[3] < 6 ? types[h[3]] : 0;
	if (h[3] != 3) /* Ethernet */
		return PACKET_OK;
	r = packet_part_take(p, 14, &rest);
	*ret_type = r == PACKET_OK ? be16_at(rest + 12) : 0;
	return r;
}

static enum packet_result take_by_type(struct packet_part *p, uint16_t type)
{
	const uint8_t *h;
	enum packet_result r;

	for (unsigned i = 0; i < STEPS_MAX; i++) {
		switch (type) {
		case ET_IPV4:
		case ET_IPV6:
			return PACKET_OK;
		case ET_MPLS:
		case ET_MPLS_MULTI:
			return take_mpls(p);
		case ET_PPPOE:
			return take_pppoe(p);
		case ET_NSH:
			r = take_nsh(p, &type);
			break;
		default:
			if (!tag_len(type))
				return PACKET_NOT_IP;
			r = packet_part_take(p, tag_len(type), &h);
			type = r == PACKET_OK ? be16_at(h + tag_len(type) - 2) : 0;
			break;
		}
		if (r != PACKET_OK)
			return r;
	}
	return PACKET_NOT_IP;
}

/* ITU-T Q.922 address, then RFC 2427 4 */
static enum packet_result take_frame_relay(struct packet_part *p)
{
	const uint8_t *h;
	enum packet_result r;
	uint8_t nlpid;

	do
		r = packet_part_take(p, 1, &h);
	while (r == PACKET_OK && !(h[0] & 1));
	if (r == PACKET_OK)
		r = packet_part_take(p, 2, &h);
	nlpid = r == PACKET_OK ? h[1] : 0;
	if (r == PACKET_OK && nlpid == 0) { /* padding before it */
		r = packet_part_take(p, 1, &h);
		nlpid = r == PACKET_OK ? h[0] : 0;
	}
	if (r != PACKET_OK)
		return r;
	if (nlpid == 0xcc || nlpid == 0x8e)
		return PACKET_OK;
	if (nlpid != 0x80)
		return PACKET_NOT_IP;
	r = packet_part_take(p, 5, &h); /* SNAP */
	return r == PACKET_OK ? take_by_type(p, be16_at(h + 3)) : r;
}

/* IEEE 802.11 data frames that are not encrypted */
static enum packet_result take_80211(struct packet_part *p)
{
	const uint8_t *h, *more;
	enum packet_result r = packet_part_take(p, 24, &h);
	uint32_t extra = 0;

	if (r != PACKET_OK)
		return r;
	if ((h[0] & 0x0c) != 0x08 || (h[0] & 0x40) || (h[1] & 0x40)) /* no data, no content, or protected */
		return PACKET_NOT_IP;
	if ((h[1] & 3) == 3)
		extra += 6;
	if (h[0] & 0x80)
		extra += 2 + (h[1] & 0x80 ? 4 : 0);
	r = packet_part_take(p, extra, &more);
	return r == PACKET_OK ? take_llc(p) : r;
}

/* A header that says its own length, little-endian at 2. */
static enum packet_result take_length_headed(struct packet_part *p, const uint8_t **ret)
{
	const uint8_t *h;
	enum packet_result r = packet_part_take(p, 8, &h);
	uint32_t len;

	if (r != PACKET_OK)
		return r;
	len = (uint32_t)h[2] | (uint32_t)h[3] << 8;
	if (len < 8)
		return PACKET_MALFORMED;
	*ret = h;
	return packet_part_take(p, len - 8, &h);
}

static enum packet_result take_ppi(struct packet_part *p)
{
	const uint8_t *h;
	enum packet_result r = take_length_headed(p, &h);

	if (r != PACKET_OK)
		return r;
	if (h[4] == LT_80211 && !h[5])
		return take_80211(p);
	if (h[4] != LT_ETHERNET || h[5])
		return PACKET_NOT_IP;
	r = packet_part_take(p, 14, &h);
	return r == PACKET_OK ? take_by_type(p, be16_at(h + 12)) : r;
}

/* https://www.tcpdump.org/linktypes/LINKTYPE_NFLOG.html: TLVs in the byte order of the host, which is taken to be little-endian
 * unless a length then makes no sense. */
static enum packet_result take_nflog(struct packet_part *p)
{
	const uint8_t *h;
	enum packet_result r = packet_part_take(p, 4, &h);
	uint8_t family;

	if (r != PACKET_OK)
		return r;
	family = h[0];
	for (;;) {
		uint32_t len, type;

		r = packet_part_take(p, 4, &h);
		if (r != PACKET_OK)
			return r;
		len = (uint32_t)h[0] | (uint32_t)h[1] << 8;
		type = (uint32_t)h[2] | (uint32_t)h[3] << 8;
		if (h[2] == 0 && h[3]) { /* big-endian */
			len = be16_at(h);
			type = be16_at(h + 2);
		}
		if (len < 4)
			return PACKET_MALFORMED;
		if (type == 9)
			return family == 2 || family == 10 ? PACKET_OK : PACKET_NOT_IP;
		r = packet_part_take(p, ((len + 3) & ~3u) - 4, &h);
		if (r != PACKET_OK)
			return r;
	}
}

/* So many bytes that say nothing, then something else. */
static enum packet_result take_past(struct packet_part *p, uint32_t n, enum packet_result (*rest)(struct packet_part *p))
{
	const uint8_t *h;
	enum packet_result r = packet_part_take(p, n, &h);

	return r == PACKET_OK && rest ? rest(p) : r;
}

/* A header of n bytes whose last two are an Ethernet type, and tail bytes after it. */
static enum packet_result take_typed(struct packet_part *p, uint32_t n, uint32_t tail)
{
	const uint8_t *h, *rest;
	enum packet_result r = packet_part_take(p, n, &h);

	if (r == PACKET_OK)
		r = packet_part_take(p, tail, &rest);
	return r == PACKET_OK ? take_by_type(p, be16_at(h + n - 2)) : r;
}

static enum packet_result take_ethernet(struct packet_part *p)
{
	const uint8_t *h;
	enum packet_result r = packet_part_take(p, 14, &h);

	if (r != PACKET_OK)
		return r;
	return be16_at(h + 12) <= 1500 ? take_llc(p) : take_by_type(p, be16_at(h + 12));
}

/* IEEE 802.5: where the source's first bit is set, a route follows that says its length. */
static enum packet_result take_token_ring(struct packet_part *p)
{
	const uint8_t *h, *route;
	enum packet_result r = packet_part_take(p, 14, &h);

	if (r != PACKET_OK || !(h[8] & 0x80))
		return r == PACKET_OK ? take_llc(p) : r;
	r = packet_part_take(p, 2, &route);
	if (r == PACKET_OK)
		r = (route[0] & 0x1f) < 2 ? PACKET_MALFORMED : packet_part_take(p, (route[0] & 0x1f) - 2u, &h);
	return r == PACKET_OK ? take_llc(p) : r;
}

/* OpenBSD's packet filter: a header that says its length, without the bytes that fill it up to a word. */
static enum packet_result take_pflog(struct packet_part *p)
{
	const uint8_t *h;
	enum packet_result r = packet_part_take(p, 4, &h);

	if (r != PACKET_OK)
		return r;
	return h[0] < 4 ? PACKET_MALFORMED : packet_part_take(p, (((uint32_t)h[0] + 3) & ~3u) - 4, &h);
}

/* Prism's header of 144 bytes, or AVS' with a length at 4: they are told apart by AVS' cookie. */
static enum packet_result take_prism(struct packet_part *p)
{
	const uint8_t *h, *rest;
	enum packet_result r = packet_part_take(p, 8, &h);
	uint32_t len = 144;

	if (r == PACKET_OK && be32_at(h) >> 12 == 0x80211)
		len = be32_at(h + 4);
	if (r == PACKET_OK)
		r = len < 8 || len > 1024 ? PACKET_MALFORMED : packet_part_take(p, len - 8, &rest);
	return r == PACKET_OK ? take_80211(p) : r;
}

/* Endace's record: 16 bytes with the kind at 8, extensions of 8 bytes while their first bit is set, then for Ethernet two of
 * padding. */
static enum packet_result take_erf(struct packet_part *p)
{
	const uint8_t *h, *x;
	enum packet_result r = packet_part_take(p, 16, &h);
	bool more = r == PACKET_OK && h[8] & 0x80;

	for (unsigned i = 0; r == PACKET_OK && more && i < STEPS_MAX; i++) {
		r = packet_part_take(p, 8, &x);
		more = r == PACKET_OK && x[0] & 0x80;
	}
	if (r != PACKET_OK)
		return r;
	switch (h[8] & 0x7f) {
	case 2: /* Ethernet, plain and coloured */
	case 11:
	case 16:
		return take_past(p, 2, take_ethernet);
	case 22: /* IPv4, IPv6 */
	case 23:
		return PACKET_OK;
	default:
		return PACKET_NOT_IP;
	}
}

static enum packet_result take_other(struct packet_part *p, int linktype, bool *ret_known);

/* Apple's: a header that says its length and the link type of what follows, little-endian. */
static enum packet_result take_pktap(struct packet_part *p, bool *ret_known)
{
	const uint8_t *h, *rest;
	enum packet_result r = packet_part_take(p, 12, &h);
	uint32_t len, type;

	if (r != PACKET_OK)
		return r;
	len = (uint32_t)h[0] | (uint32_t)h[1] << 8 | (uint32_t)h[2] << 16 | (uint32_t)h[3] << 24;
	type = (uint32_t)h[8] | (uint32_t)h[9] << 8;
	if (len < 12 || len > 4096)
		return PACKET_MALFORMED;
	r = packet_part_take(p, len - 12, &rest);
	if (r != PACKET_OK)
		return r;
	switch (type) {
	case LT_ETHERNET:
		return take_ethernet(p);
	case 0: /* BSD loopback */
		return take_past(p, 4, NULL);
	case 12: /* raw, by the numbers of DLTs and of link types */
	case 14:
	case 101:
		return PACKET_OK;
	case LT_PKTAP:
		return PACKET_NOT_IP;
	default:
		return take_other(p, (int)type, ret_known);
	}
}

static enum packet_result take_other(struct packet_part *p, int linktype, bool *ret_known)
{
	const uint8_t *h;
	enum packet_result r;

	switch (linktype) {
	case LT_SLIP:
		return packet_part_take(p, 16, &h);
	case LT_PPP_WITH_DIR:
		r = packet_part_take(p, 1, &h);
		return r == PACKET_OK ? take_ppp(p) : r;
	case LT_PPP:
	case LT_PPP_HDLC:
		if (bytes_left(&p->cap) < 2 || (p->cap.p[0] != 0x0f && p->cap.p[0] != 0x8f))
			return take_ppp(p);
		__attribute__((fallthrough)); /* Cisco's */
	case LT_C_HDLC:
		r = packet_part_take(p, 4, &h);
		return r == PACKET_OK ? take_by_type(p, be16_at(h + 2)) : r;
	case LT_PPP_ETHER:
		return take_pppoe(p);
	case LT_RFC1483:
		return take_llc(p);
	case LT_SUNATM:
		r = packet_part_take(p, 4, &h);
		return r == PACKET_OK ? take_llc(p) : r;
	case LT_FRELAY:
		return take_frame_relay(p);
	case LT_80211:
		return take_80211(p);
	case LT_RADIOTAP:
		r = take_length_headed(p, &h);
		return r == PACKET_OK ? take_80211(p) : r;
	case LT_PPI:
		return take_ppi(p);
	case LT_NFLOG:
		return take_nflog(p);
	case LT_TOKEN_RING:
		return take_token_ring(p);
	case LT_FDDI:
		return take_past(p, 13, take_llc);
	case LT_IP_OVER_FC: /* RFC 2625 3 */
		return take_past(p, 16, take_llc);
	case LT_ENC:
		return take_past(p, 12, NULL);
	case LT_PFLOG:
		return take_pflog(p);
	case LT_PRISM:
	case LT_AVS:
		return take_prism(p);
	case LT_FIREWIRE: /* RFC 2734 */
		return take_typed(p, 18, 0);
	case LT_ERF:
		return take_erf(p);
	case LT_MPLS:
		return take_mpls(p);
	case LT_IPNET: /* Solaris */
		return take_past(p, 24, NULL);
	case LT_NETANALYZER:
		return take_past(p, 4, take_ethernet);
	case LT_NETANALYZER_RAW: /* with the preamble */
		return take_past(p, 12, take_ethernet);
	case LT_MPACKET: /* the preamble of IEEE 802.3br */
		return take_past(p, 8, take_ethernet);
	case LT_IPOIB: /* RFC 4391 6, after the global route header */
		return take_typed(p, 42, 2);
	case LT_PKTAP:
		return take_pktap(p, ret_known);
	case LT_DSA_BRCM: /* switches' tags behind the addresses or before them */
	case LT_DSA:
		return take_typed(p, 18, 0);
	case LT_DSA_BRCM_FRONT:
		return take_past(p, 4, take_ethernet);
	case LT_DSA_ETHERTYPE:
		return take_typed(p, 22, 0);
	default:
		*ret_known = false;
		return PACKET_NOT_IP;
	}
}

/* The IP header's version must be one: link headers lie in damaged files. */
static enum packet_result ip_begins(const struct packet_part *p)
{
	if (!p->wire_len)
		return PACKET_MALFORMED;
	if (!bytes_left(&p->cap))
		return PACKET_CUT;
	return p->cap.p[0] >> 4 == 4 || p->cap.p[0] >> 4 == 6 ? PACKET_OK : PACKET_MALFORMED;
}

enum packet_result replay_link_take(struct packet_part *p, int linktype, uint16_t *ret_vlans, unsigned *ret_vlan_count, bool *ret_known)
{
	enum packet_link link;
	enum packet_result r;
	uint16_t type = 0;

	*ret_known = true;
	*ret_vlan_count = 0;
	if (packet_link_of_linktype(linktype, &link) < 0) {
		r = take_other(p, linktype, ret_known);
	} else {
		r = packet_take_link(p, link, &type, ret_vlans, ret_vlan_count);
		if (r == PACKET_NOT_IP && type > 1500)
			r = take_by_type(p, type);
		else if (r == PACKET_NOT_IP && link == PACKET_LINK_ETHERNET)
			r = take_llc(p);
	}
	return r == PACKET_OK ? ip_begins(p) : r;
}
