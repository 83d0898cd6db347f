/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Link and network layer. A header that is not there is either cut by the capture or missing on the wire; each read says
 * which. */
#include "flows/packet_view.h"

#include <errno.h>
#include <string.h>

#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_IPV6 0x86dd
#define ETHERTYPE_8021Q 0x8100
#define ETHERTYPE_8021AD 0x88a8

const char *packet_result_name(enum packet_result r)
{
	switch (r) {
	case PACKET_OK:
		return "ok";
	case PACKET_NOT_IP:
		return "not-ip";
	case PACKET_CUT:
		return "cut";
	case PACKET_MALFORMED:
		return "malformed";
	case PACKET_RESULT_MAX:
		break;
	}
	return "unknown";
}

int packet_link_of_linktype(int linktype, enum packet_link *ret_link)
{
	static const struct {
		int linktype;
		enum packet_link link;
	} known[] = {
		{ 0, PACKET_LINK_NULL },   { 1, PACKET_LINK_ETHERNET }, { 12, PACKET_LINK_RAW },   { 14, PACKET_LINK_RAW },
		{ 101, PACKET_LINK_RAW },  { 108, PACKET_LINK_LOOP },   { 113, PACKET_LINK_SLL },  { 228, PACKET_LINK_RAW },
		{ 229, PACKET_LINK_RAW },  { 276, PACKET_LINK_SLL2 },
	};
	unsigned i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].linktype == linktype) {
			*ret_link = known[i].link;
			return 0;
		}
	return -EPROTONOSUPPORT;
}

enum packet_result packet_part_take(struct packet_part *p, uint32_t n, const uint8_t **ret_bytes)
{
	if (p->wire_len < n)
		return PACKET_MALFORMED;
	if (bytes_left(&p->cap) < n)
		return PACKET_CUT;
	*ret_bytes = p->cap.p;
	p->cap.p += n;
	p->wire_len -= n;
	return PACKET_OK;
}

/* Ends the part after len bytes; what follows is padding or another layer's. */
static enum packet_result part_limit(struct packet_part *p, uint32_t len)
{
	if (p->wire_len < len)
		return PACKET_MALFORMED;
	p->wire_len = len;
	if (bytes_left(&p->cap) > len)
		p->cap.end = p->cap.p + len;
	return PACKET_OK;
}

/* ---- link --------------------------------------------------------------------------------------------- */
static enum packet_result ethertype_of_version(const struct packet_part *p, uint16_t *ret)
{
	if (!p->wire_len)
		return PACKET_MALFORMED;
	if (!bytes_left(&p->cap))
		return PACKET_CUT;
	*ret = p->cap.p[0] >> 4 == 4 ? ETHERTYPE_IPV4 : p->cap.p[0] >> 4 == 6 ? ETHERTYPE_IPV6 : 0;
	return PACKET_OK;
}

/* AF_INET is 2 everywhere; AF_INET6 is 10 on Linux, 24, 28 or 30 on the BSDs and macOS. */
static uint16_t ethertype_of_family(uint32_t family)
{
	if (family == 2)
		return ETHERTYPE_IPV4;
	return family == 10 || family == 24 || family == 28 || family == 30 ? ETHERTYPE_IPV6 : 0;
}

static enum packet_result take_link_header(struct packet_part *p, enum packet_link link, uint16_t *ret)
{
	static const struct {
		uint8_t len, type_at;
	} shape[PACKET_LINK_MAX] = {
		[PACKET_LINK_ETHERNET] = { 14, 12 },
		[PACKET_LINK_NULL] = { 4, 0 },
		[PACKET_LINK_LOOP] = { 4, 0 },
		[PACKET_LINK_SLL] = { 16, 14 },
		[PACKET_LINK_SLL2] = { 20, 0 },
	};
	const uint8_t *h;
	enum packet_result r;
	uint32_t family;

	if (link == PACKET_LINK_RAW || link == PACKET_LINK_RAW_SENT)
		return ethertype_of_version(p, ret);
	r = packet_part_take(p, shape[link].len, &h);
	if (r != PACKET_OK)
		return r;
	if (link != PACKET_LINK_NULL && link != PACKET_LINK_LOOP) {
		*ret = be16_at(h + shape[link].type_at);
		return PACKET_OK;
	}
	family = be32_at(h);
	if (link == PACKET_LINK_NULL && family > 0xffff) /* the host was little-endian */
		family = __builtin_bswap32(family);
	*ret = ethertype_of_family(family);
	return PACKET_OK;
}

enum packet_result packet_take_link(struct packet_part *p, enum packet_link link, uint16_t *ret_ethertype, uint16_t *ret_vlans,
				    unsigned *ret_vlan_count)
{
	enum packet_result r;
	const uint8_t *tag;
	uint16_t type = 0;
	unsigned n = 0;

	*ret_vlan_count = 0;
	r = take_link_header(p, link, &type);
	while (r == PACKET_OK && n < PACKET_VLAN_MAX && (type == ETHERTYPE_8021Q || type == ETHERTYPE_8021AD)) {
		r = packet_part_take(p, 4, &tag);
		if (r != PACKET_OK)
			break;
		ret_vlans[n++] = be16_at(tag) & 0xfff;
		type = be16_at(tag + 2);
	}
	*ret_vlan_count = n;
	if (r != PACKET_OK)
		return r;
	*ret_ethertype = type;
	return type == ETHERTYPE_IPV4 || type == ETHERTYPE_IPV6 ? PACKET_OK : PACKET_NOT_IP;
}

/* ---- network ---------------------------------------------------------------------------------------------- */
static void addr_from_v4(uint8_t ret[16], const uint8_t *v4)
{
	memset(ret, 0, 10);
	ret[10] = ret[11] = 0xff;
	memcpy(ret + 12, v4, 4);
}

/* RFC 791 3.1 */
static enum packet_result take_ipv4(struct packet_part *p, struct packet_ip *ip)
{
	const uint8_t *h, *options;
	enum packet_result r;
	uint32_t ihl, total;
	uint16_t frag;

	r = packet_part_take(p, 20, &h);
	if (r != PACKET_OK)
		return r;
	ihl = (h[0] & 0xf) * 4;
	total = be16_at(h + 2);
	if (!total && (p->unsegmented || p->wire_len > 0xffff - 20)) /* captured before segmentation (BIG TCP) */
		total = p->wire_len + 20;
	if (h[0] >> 4 != 4 || ihl < 20 || total < ihl)
		return PACKET_MALFORMED;
	r = part_limit(p, total - 20);
	if (r == PACKET_OK)
		r = packet_part_take(p, ihl - 20, &options);
	if (r != PACKET_OK)
		return r;
	ip->version = 4;
	ip->ttl = h[8];
	ip->proto = h[9];
	addr_from_v4(ip->src, h + 12);
	addr_from_v4(ip->dst, h + 16);
	frag = be16_at(h + 6);
	ip->frag_later = frag & 0x1fff;
	ip->frag_first = !ip->frag_later && (frag & 0x2000);
	ip->frag_id = be16_at(h + 4);
	return PACKET_OK;
}

/* Extension headers with a length in them: hop-by-hop 0, routing 43, fragment 44, authentication 51, destination
 * options 60 (RFC 8200 4), mobility 135 (RFC 6275 6.1). */
static bool is_ipv6_extension(uint8_t next)
{
	return next == 0 || next == 43 || next == 44 || next == 51 || next == 60 || next == 135;
}

static enum packet_result take_ipv6_extension(struct packet_part *p, struct packet_ip *ip)
{
	const uint8_t *h, *rest;
	enum packet_result r;
	uint32_t len = 8;
	uint16_t frag;

	r = packet_part_take(p, 8, &h);
	if (r != PACKET_OK)
		return r;
	if (ip->proto == 44) { /* RFC 8200 4.5 */
		frag = be16_at(h + 2);
		ip->frag_later = frag & 0xfff8;
		ip->frag_first = !ip->frag_later && (frag & 1);
		ip->frag_id = be32_at(h + 4);
	} else if (ip->proto == 51) { /* RFC 4302 2.2: in words of 4, less 2; as an extension at least 8 bytes */
		len = (h[1] + 2u) * 4;
	} else {
		len = (h[1] + 1u) * 8;
	}
	ip->proto = h[0];
	return packet_part_take(p, len - 8, &rest);
}

/* RFC 8200 3 */
static enum packet_result take_ipv6(struct packet_part *p, struct packet_ip *ip)
{
	enum packet_result r;
	const uint8_t *h;
	uint32_t len;
	unsigned i;

	r = packet_part_take(p, 40, &h);
	if (r != PACKET_OK)
		return r;
	len = be16_at(h + 4);
	if (!len && p->wire_len > 0xffff) /* RFC 2675, or captured before segmentation */
		len = p->wire_len;
	if (h[0] >> 4 != 6)
		return PACKET_MALFORMED;
	r = part_limit(p, len);
	if (r != PACKET_OK)
		return r;
	ip->version = 6;
	ip->proto = h[6];
	ip->ttl = h[7];
	memcpy(ip->src, h + 8, 16);
	memcpy(ip->dst, h + 24, 16);
	/* A longer chain is left as it is: its next header counts as the transport. */
	for (i = 0; i < PACKET_IPV6_EXT_MAX && is_ipv6_extension(ip->proto) && !ip->frag_later; i++) {
		r = take_ipv6_extension(p, ip);
		if (r != PACKET_OK)
			return r;
	}
	return PACKET_OK;
}

enum packet_result packet_take_ip(struct packet_part *p, uint16_t ethertype, struct packet_ip *ret_ip)
{
	struct packet_ip ip = { 0 };
	enum packet_result r;

	if (ethertype == ETHERTYPE_IPV4)
		r = take_ipv4(p, &ip);
	else if (ethertype == ETHERTYPE_IPV6)
		r = take_ipv6(p, &ip);
	else
		return PACKET_NOT_IP;
	if (r != PACKET_OK)
		return r;
	ip.payload = *p;
	*ret_ip = ip;
	return PACKET_OK;
}
