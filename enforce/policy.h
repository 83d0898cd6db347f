/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Policy: from what is known (who is where, what is allowed) to plans, one for each namespace in which an enforced workload has
 * an address. Pure. */
#ifndef PG_ENFORCE_POLICY_H
#define PG_ENFORCE_POLICY_H

#include "enforce/plan.h"

/* Peers by the names of the map's nodes: "shop/app", "ext:192.0.2.7", "ext:192.0.2.0/24", "ext:name", "ext:*.domain",
 * "ext:*"; the node, gateways and groups ("host:…", "gateway:…", "engine:…", "multicast:…") need no rule. */
struct policy_rule {
	uint16_t workload;        /* index into workloads */
	uint8_t dir;              /* PLAN_IN, PLAN_OUT */
	bool check;               /* its protocol is known and to be checked */
	const char *peer, *port;  /* "tcp/80"; "*" any */
};
struct policy_workload {
	const char *name;
	bool cut, closed;
};
struct policy_endpoint {      /* an address of a container */
	const char *workload;     /* as nodes of the map are named */
	uint16_t ns;              /* where its packets pass */
	uint8_t addr[16];
};
struct policy_name {          /* an address that a name was resolved to */
	const char *name;
	uint16_t workload;        /* index: whose containers looked it up */
	uint8_t addr[16];
};
struct policy_place {         /* something of a namespace: NET, ALWAYS, RESOLVER */
	uint16_t ns;              /* 0: everywhere */
	uint8_t kind;             /* enum plan_kind */
	uint8_t addr[16];
	uint8_t bits;
};
struct policy_protocol {      /* what a workload's listener speaks: for rules with check */
	const char *workload;     /* as nodes of the map are named */
	const char *app;          /* "HTTP" */
	uint16_t port;
	uint8_t l4;
};
struct policy_listener {      /* of a container on the host network */
	const char *workload;
	uint16_t ns, port;
	uint8_t l4;
};
struct policy_input {
	uint32_t mark;
	const struct policy_workload *workloads;
	size_t workload_count;
	const struct policy_rule *rules;
	size_t rule_count;
	const struct policy_endpoint *endpoints;
	size_t endpoint_count;
	const struct policy_name *names;
	size_t name_count;
	const struct policy_place *places;
	size_t place_count;
	const struct policy_listener *listeners;
	size_t listener_count;
	const struct policy_protocol *protocols;
	size_t protocol_count;
};

/* Makes the plan of one namespace, sorted; a rule's number there is its index in rules. An empty one if nothing is enforced
 * there. 0, -ENOMEM; -ENOSPC: more than a plan holds. */
int policy_make(const struct policy_input *in, uint16_t ns, struct plan *ret);

/* "tcp/80" -> IPPROTO_TCP, 80..80; "icmp/2048" -> any type; "*" -> any. False: no such thing. */
bool policy_port(const char *text, uint8_t *ret_l4, uint16_t *ret_lo, uint16_t *ret_hi);
/* "*.example.org" stands for every name below, anything else for itself. */
bool policy_name_fits(const char *rule, const char *name);
/* "192.0.2.0/24", "2001:db8::1" -> prefix. False: none. */
bool policy_prefix(const char *text, uint8_t ret_addr[16], uint8_t *ret_bits);

#endif
