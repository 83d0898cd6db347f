/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Link headers of capture files: finds where the IP header begins. Pure; any thread. */
#ifndef PG_APPID_REPLAY_LINK_H
#define PG_APPID_REPLAY_LINK_H

#include "flows/packet_view.h"

/* Takes everything before the IP header off. PACKET_OK: *p begins with an IPv4 or IPv6 header. vlans holds PACKET_VLAN_MAX.
 * *ret_known false: a link type that is not read (then PACKET_NOT_IP). */
enum packet_result replay_link_take(struct packet_part *p, int linktype, uint16_t *ret_vlans, unsigned *ret_vlan_count, bool *ret_known);

#endif
