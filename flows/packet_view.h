/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Packet view: the layers of a captured frame below the transport: link (Ethernet, VLAN, Linux cooked, loopback, raw IP)
 * and network (IPv4, IPv6 with extension headers, fragments). Views point into the caller's bytes and own nothing. No
 * byte beyond the captured ones is read. Pure; any thread. */
#ifndef PG_FLOWS_PACKET_VIEW_H
#define PG_FLOWS_PACKET_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

enum packet_link {
	PACKET_LINK_ETHERNET, /* IEEE 802.3 */
	PACKET_LINK_RAW,      /* begins with the IP header */
	PACKET_LINK_RAW_SENT, /* the same, unsegmented */
	PACKET_LINK_NULL,     /* 4 bytes address family in the capturing host's byte order, BSD loopback */
	PACKET_LINK_LOOP,     /* the same in network byte order */
	PACKET_LINK_SLL,      /* Linux cooked capture v1 */
	PACKET_LINK_SLL2,     /* Linux cooked capture v2 */
	PACKET_LINK_MAX
};

enum packet_result {
	PACKET_OK,
	PACKET_NOT_IP,    /* ARP, LLDP, MPLS, … */
	PACKET_CUT,       /* the capture ends inside a header: the frame may have been fine */
	PACKET_MALFORMED, /* the frame ends inside a header, or a header contradicts itself */
	PACKET_RESULT_MAX
};
const char *packet_result_name(enum packet_result r);

/* A stretch of a frame: what was captured of it, and how long it was on the wire (wire_len >= captured bytes). */
struct packet_part {
	struct bytes cap;
	uint32_t wire_len;
	bool unsegmented; /* captured where it was sent, before segmentation: an IPv4 length of 0 means all of it */
};

struct packet_ip {
	uint8_t version;             /* 4 or 6 */
	uint8_t ttl;                 /* hop limit */
	uint8_t proto;               /* IPPROTO_* after the extension headers */
	bool frag_first, frag_later; /* one of several pieces; the first; one of the others */
	uint32_t frag_id;            /* as on the wire */
	uint8_t src[16], dst[16];    /* IPv4-mapped */
	struct packet_part payload;  /* without link-layer padding */
};

#define PACKET_VLAN_MAX 2
#define PACKET_IPV6_EXT_MAX 8

/* For a link type as it stands in capture files (https://www.tcpdump.org/linktypes.html). 0 or -EPROTONOSUPPORT. */
int packet_link_of_linktype(int linktype, enum packet_link *ret_link);

/* Takes n bytes from the part's front. */
enum packet_result packet_part_take(struct packet_part *p, uint32_t n, const uint8_t **ret_bytes);

/* Takes the link header and up to PACKET_VLAN_MAX VLAN tags (IEEE 802.1Q, 802.1ad) off. vlans holds PACKET_VLAN_MAX
 * entries, outermost first. What is no IP by its type is PACKET_NOT_IP. */
enum packet_result packet_take_link(struct packet_part *p, enum packet_link link, uint16_t *ret_ethertype, uint16_t *ret_vlans,
				    unsigned *ret_vlan_count);
/* Takes the IP header and its extensions off; ethertype 0x0800 or 0x86dd. */
enum packet_result packet_take_ip(struct packet_part *p, uint16_t ethertype, struct packet_ip *ret_ip);

#endif
