/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From a captured frame to the packet that a flow is made of: link headers of the usual link types, VLAN tags, MPLS, PPPoE, LLC;
 * then tunnels, at most REPLAY_LAYERS_MAX of them: VXLAN (RFC 7348; on its ports, on given ones, and on any port where
 * everything fits), GENEVE (RFC 8926), GRE (RFC 2784, 2890), ERSPAN, IP in IP (RFC 2003, 2473, 4213).
 * Views point into the caller's bytes. Pure; any thread. */
#ifndef PG_APPID_REPLAY_UNWRAP_H
#define PG_APPID_REPLAY_UNWRAP_H

#include "flows/decode.h"

#define REPLAY_LAYERS_MAX 4

enum replay_outcome {
	REPLAY_OK,
	REPLAY_FRAGMENT,  /* ip holds a fragment: see replay_frags.h */
	REPLAY_NOT_IP,
	REPLAY_CUT,       /* headers cut by the snap length */
	REPLAY_MALFORMED,
	REPLAY_LINK_TYPE, /* a link type that is not read */
	REPLAY_OUTCOME_MAX
};

struct replay_packet {
	struct packet_view view;   /* REPLAY_OK; key.ns is 0 */
	struct packet_part ip;     /* REPLAY_OK, REPLAY_FRAGMENT: from the IP header on */
	uint32_t frame_len;        /* on the wire, of the innermost frame that has a link header */
	uint32_t vni;              /* valid if has_vni: of the innermost VXLAN or GENEVE */
	bool has_vni, too_deep;    /* too_deep: a further tunnel was left closed */
	bool bare;                 /* the transport header is cut or damaged: addresses, ports and TCP flags as far as they
	                            * are there, no payload */
	uint8_t layers;
	uint8_t vlan_count;
	uint16_t vlan[PACKET_VLAN_MAX]; /* innermost frame's */
};

/* extra_port: a further port of VXLAN, host byte order, 0: none. */
enum replay_outcome replay_unwrap(int linktype, const uint8_t *frame, uint32_t cap_len, uint32_t wire_len, uint16_t extra_port,
				  struct replay_packet *ret);
/* Goes on from an IP header, with what *p says of the layers around it: after fragments were joined. */
enum replay_outcome replay_unwrap_ip(struct replay_packet *p, struct packet_part ip, uint16_t extra_port);

#endif
