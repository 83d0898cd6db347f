/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The fixed rule by which interfaces get their hooks (DECISIONS 3). Pure. */
#ifndef PG_KEEPER_LINK_RULE_H
#define PG_KEEPER_LINK_RULE_H

#include <stdbool.h>

#include "sensor/bpf/abi.h"
#include "sensor/keeper/link_parse.h"

/* What a sandbox's file name says: "1-<network id>", "lb_…" and "ingress_sbox" belong to networks, the rest to containers. */
enum msg_ns_kind netns_kind_of_name(const char *name);

/* Will containers' veths be plugged in there: a node, or an overlay's own sandbox (not its load balancer's)? */
bool netns_expects_veths(enum msg_ns_kind kind, const char *name);

/* The role of an interface in a namespace of this kind.
 * has_addr: it carries an address wider than link scope; named_uplink: the configuration names it (node only). */
enum pg_if_role link_role(const struct link_info *l, enum msg_ns_kind ns_kind, bool has_addr, bool named_uplink);

enum link_xdp { LINK_XDP_NO, LINK_XDP_NATIVE, LINK_XDP_GENERIC };
/* Whether and how the early-drop program goes on it (DECISIONS 1). */
enum link_xdp link_xdp(const struct link_info *l, enum pg_if_role role, enum msg_xdp_mode mode);

#endif
