/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Decode: a captured frame -> flow key, direction, payload, lengths. Used on captures (replay), and in tests as a second
 * opinion to the eBPF parser, whose rules these are (flow_key.h, sensor/bpf/parse.bpf.h). VXLAN (RFC 7348) is looked
 * through: the key is the innermost packet's. Stateless: later fragments have no ports. Pure; any thread. */
#ifndef PG_FLOWS_DECODE_H
#define PG_FLOWS_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flows/flow_key.h"
#include "flows/packet_view.h"

#define DECODE_VXLAN_MAX 4 /* layers; what is below is one UDP flow */
#define DECODE_VXLAN_PORT 4789

struct packet_view {
	struct flow_key key;    /* ns as given, claimant_if 0 */
	uint8_t dir;            /* direction of the key this packet goes */
	uint8_t ip_version, ttl;
	uint8_t tcp_flags;
	uint32_t tcp_seq, tcp_ack; /* host byte order */
	const uint8_t *payload;    /* of TCP and UDP, in the caller's bytes; NULL when there is none or in fragments */
	uint32_t payload_cap_len;  /* bytes of it that were captured */
	uint32_t payload_len;      /* on the wire, by the IP header */
	uint32_t frame_len;        /* on the wire, of the frame the key is of (inside VXLAN: the inner one) */
	uint32_t vni;              /* innermost; valid if vxlan_layers */
	unsigned vxlan_layers;
	uint8_t outer[2][16];      /* source and destination of the innermost VXLAN's carrier; valid if vxlan_layers */
	uint16_t vlan[PACKET_VLAN_MAX]; /* of that frame, outermost first */
	unsigned vlan_count;
	bool frag_first, frag_later;
	uint32_t frag_id;
	bool group_dst;            /* destination is a multicast address or 255.255.255.255 */
};

/* Decodes a frame of wire_len bytes, of which cap_len (<= wire_len) are at frame. vxlan_port in host byte order, 0: do
 * not look into VXLAN. *ret is filled only for PACKET_OK, but for vxlan_layers, vni and frame_len, which say how far it
 * came. The views in it are valid as long as the caller's bytes. */
enum packet_result decode_frame(const void *frame, size_t cap_len, size_t wire_len, enum packet_link link, uint16_t vxlan_port,
				uint16_t ns, struct packet_view *ret);

/* Puts two ends in the order of flow_key.h; ports in network byte order. Returns the direction of src -> dst. */
uint8_t flow_key_make(struct flow_key *ret, uint16_t ns, uint8_t proto, const uint8_t src[16], uint16_t sport_be,
		      const uint8_t dst[16], uint16_t dport_be);

#endif
