/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rtnetlink messages (RTM_NEWLINK/DELLINK, RTM_NEWADDR/DELADDR, RTM_NEWNSID) as plain structs. Pure: a buffer in, a struct
 * out (rtnetlink(7), linux/if_link.h). Interface and peer names are chosen by whoever made the interface. */
#ifndef PG_KEEPER_LINK_PARSE_H
#define PG_KEEPER_LINK_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sensor/msg.h"

struct nlmsghdr;

struct link_info {
	uint32_t ifindex;
	uint32_t master;       /* IFLA_MASTER, 0: none */
	uint32_t peer_ifindex; /* IFLA_LINK of a veth, 0: none */
	int32_t peer_nsid;     /* IFLA_LINK_NETNSID: number of the peer's namespace in this one; -1: the same namespace */
	uint32_t vni;          /* vxlan */
	uint8_t kind;          /* enum msg_link_kind */
	bool plain;            /* no kind at all: hardware, or virtio and the like */
	bool up;               /* administratively up and lower layer there */
	uint8_t mac[6];
	char name[16];
};

struct addr_info {
	uint32_t ifindex;
	uint8_t prefix_len; /* of the IPv4-mapped form */
	bool wide;          /* scope wider than link: makes an interface an uplink */
	uint8_t addr[16];
};

/* Is there a whole message, with its padding, at nlh with left bytes to go? mnl_nlmsg_ok() takes a length above 2 GiB for
 * negative and lets it pass, and the attribute walk reads up to the padding's end (both found by fuzzing, libmnl 1.0.4). */
bool link_msg_ok(const struct nlmsghdr *nlh, int left);

/* 0; -EBADMSG: cut or impossible, *ret untouched; -EAFNOSUPPORT: about something else (a bridge's ports; an address that
 * is neither IPv4 nor IPv6). nlh->nlmsg_len was checked against the buffer (link_msg_ok()). */
int link_parse(const struct nlmsghdr *nlh, struct link_info *ret);
int addr_parse(const struct nlmsghdr *nlh, struct addr_info *ret);
/* Answer to RTM_GETNSID: the number, -1 if it has none (NETNSA_NSID_NOT_ASSIGNED). */
int nsid_parse(const struct nlmsghdr *nlh, int32_t *ret_nsid);

#endif
