/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Client or server, and which process: what can be said about the two ends of a flow beyond their names. */
#include <arpa/inet.h>
#include <netinet/in.h>

#include "sensor/core/core_priv.h"

#define PORT_SYSTEM 1024     /* RFC 6335: system ports */
#define PORT_EPHEMERAL 32768 /* Linux ip_local_port_range, lower bound */

/* The namespace in which the socket at this end of the flow lives, 0 if it is not one of ours. */
static uint64_t flow_netns(struct core *c, const struct flow *f, unsigned e)
{
	const struct ident_ns *ns;
	const struct ident_link *l;

	if (!f->end_if[e]) {
		/* It has not sent yet: whoever has the address. */
		struct ident_end end;

		ident_resolve(c->ident, f->key.ns, 0, f->key.addr[e], f->key.proto, ntohs(f->key.port[e]), &end);
		if (end.container && !end.container->remote && end.container->ns && end.how == IDENT_HOW_ADDRESS) {
			ns = ident_ns_get(c->ident, end.container->ns);
			return ns ? ns->cookie : 0;
		}
	}
	if (!f->end_if[e] || f->end_if[e] >= 0x80000000u) {
		ns = ident_ns_get(c->ident, f->key.ns);
		return ns && ns->kind == IDENT_NS_NODE ? ns->cookie : 0;
	}
	l = ident_link_get(c->ident, f->key.ns, f->end_if[e]);
	ns = l && l->peer_ns ? ident_ns_get(c->ident, l->peer_ns) : NULL;
	return ns ? ns->cookie : 0;
}

struct listener *flow_listener(struct core *c, const struct flow *f, unsigned e)
{
	uint64_t cookie;

	if (f->key.proto != IPPROTO_TCP && f->key.proto != IPPROTO_UDP)
		return NULL;
	cookie = flow_netns(c, f, e);
	return cookie ? listeners_match(c->listeners, cookie, f->key.proto, f->key.addr[e], ntohs(f->key.port[e])) : NULL;
}

unsigned flow_client_end(struct core *c, const struct flow *f)
{
	unsigned first = !!(f->flags & PG_FLOW_FIRST_DIR);
	uint16_t p0 = ntohs(f->key.port[0]), p1 = ntohs(f->key.port[1]);
	bool l0, l1;

	if (f->flags & PG_FLOW_SYN_SEEN)
		return !!(f->flags & PG_FLOW_SYN_DIR);
	if (f->key.proto != IPPROTO_TCP && f->key.proto != IPPROTO_UDP)
		return first;
	l0 = flow_listener(c, f, 0) != NULL;
	l1 = flow_listener(c, f, 1) != NULL;
	/* A resolver that binds its socket to a port of its choice is a client for all that. */
	if (l0 != l1 && f->key.proto == IPPROTO_UDP && first == (l0 ? 0 : 1) && ntohs(f->key.port[!first]) < PORT_SYSTEM &&
	    ntohs(f->key.port[first]) >= PORT_SYSTEM)
		return first;
	if (l0 != l1)
		return l0 ? 1 : 0;
	/* A UDP exchange that began before our eyes, or two bound sockets: who spoke first asked. */
	if (f->key.proto == IPPROTO_UDP)
		return first;
	if ((p0 < PORT_SYSTEM) != (p1 < PORT_SYSTEM))
		return p0 < PORT_SYSTEM ? 1 : 0;
	if ((p0 < PORT_EPHEMERAL) != (p1 < PORT_EPHEMERAL))
		return p0 < PORT_EPHEMERAL ? 1 : 0;
	return first;
}

enum core_attribution flow_process(struct core *c, const struct flow *f, unsigned e, uint32_t *ret_process)
{
	enum core_attribution how;
	struct listener *l;

	if (f->joined && e != (f->client_end & 1U) && flow_joined_server(c, f, NULL, ret_process, &how))
		return how;
	*ret_process = f->owner[e];
	if (f->owner[e]) {
		if (f->flags & PG_FLOW_MIDSTREAM)
			return ATTR_ITERATOR;
		/* whoever opened the listener, until somebody reads */
		if (f->key.proto == IPPROTO_TCP && (f->flags & PG_FLOW_SYN_SEEN) && e == !(f->flags & PG_FLOW_SYN_DIR) &&
		    !(f->state & FLOW_SERVED))
			return ATTR_LISTENER;
		return ATTR_EXACT;
	}
	l = flow_listener(c, f, e);
	if (l)
		*ret_process = processes_find(c->procs, l->tgid, l->start_boot_ns);
	return *ret_process ? ATTR_LISTENER : ATTR_UNKNOWN;
}
