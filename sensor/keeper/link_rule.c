/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/keeper/link_rule.h"

#include <string.h>

enum msg_ns_kind netns_kind_of_name(const char *name)
{
	if (!strncmp(name, "1-", 2) || !strncmp(name, "lb_", 3) || !strcmp(name, "ingress_sbox"))
		return MSG_NS_OVERLAY;
	return MSG_NS_CONTAINER;
}

bool netns_expects_veths(enum msg_ns_kind kind, const char *name)
{
	return kind == MSG_NS_NODE || (kind == MSG_NS_OVERLAY && !strncmp(name, "1-", 2));
}

enum pg_if_role link_role(const struct link_info *l, enum msg_ns_kind ns_kind, bool has_addr, bool named_uplink)
{
	if (ns_kind == MSG_NS_CONTAINER)
		return l->kind == MSG_LINK_LO ? PG_IF_LOOPBACK : PG_IF_NONE;
	if (ns_kind == MSG_NS_NODE && named_uplink)
		return PG_IF_UPLINK;
	switch (l->kind) {
	case MSG_LINK_LO:
		return PG_IF_NONE;
	case MSG_LINK_BRIDGE:
		return PG_IF_BRIDGE;
	case MSG_LINK_VXLAN:
		return PG_IF_VXLAN;
	case MSG_LINK_VETH:
		/* The engine sets the master while the peer is still here, moves the peer into the sandbox, then sets it up:
		 * at the first sight of a master nothing can have been sent. */
		if (l->master)
			return PG_IF_CONTAINER;
		break;
	default:
		/* Hardware that is a bridge's port is an uplink although the bridge has its address. */
		if (l->plain && l->master && ns_kind == MSG_NS_NODE)
			return PG_IF_UPLINK;
		break;
	}
	/* In an overlay's sandbox only the bridge has an address: there are no uplinks. */
	return ns_kind == MSG_NS_NODE && has_addr ? PG_IF_UPLINK : PG_IF_NONE;
}

enum link_xdp link_xdp(const struct link_info *l, enum pg_if_role role, enum msg_xdp_mode mode)
{
	switch (role) {
	case PG_IF_UPLINK:
		if (mode == MSG_XDP_OFF)
			return LINK_XDP_NO;
		/* A veth as uplink exists in tests and nested nodes; native XDP there ends GRO, so only when asked for all. */
		return l->kind == MSG_LINK_VETH && mode != MSG_XDP_ALL ? LINK_XDP_NO : LINK_XDP_NATIVE;
	case PG_IF_VXLAN:
		return mode == MSG_XDP_OVERLAY || mode == MSG_XDP_ALL ? LINK_XDP_GENERIC : LINK_XDP_NO;
	case PG_IF_CONTAINER:
		return mode == MSG_XDP_ALL ? LINK_XDP_NATIVE : LINK_XDP_NO;
	case PG_IF_BRIDGE:
		return mode == MSG_XDP_ALL ? LINK_XDP_GENERIC : LINK_XDP_NO;
	case PG_IF_NONE:
	case PG_IF_LOOPBACK:
	case PG_IF_MAX:
		break;
	}
	return LINK_XDP_NO;
}
