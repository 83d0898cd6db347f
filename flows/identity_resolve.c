/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Identity registry, asking: from (namespace, interface, address) to a name.
 *
 * With an interface, the interface decides; the address is only held against it. Without one, the namespace says which
 * engine's or which network's addresses are meant, and the address is looked up there: 10.0.0.2 of two engines or of two
 * overlays are different containers. */
#include "flows/identity_internal.h"

#include <stdlib.h>
#include <string.h>

#define HOSTNET_IF_FIRST 0x80000000u

static const uint8_t engine_resolver[16] = { [10] = 0xff, [11] = 0xff, [12] = 127, 0, 0, 11 };

/* ---- choosing among several that have an address ------------------------------------------------------ */
/* Addresses are used again by later containers: who is there now goes before who was; ours before a record of another
 * node; then the later one. */
static bool is_better(const struct ident_container *a, const struct ident_container *b)
{
	bool alive_a = container_is_alive(a), alive_b = container_is_alive(b);

	if (alive_a != alive_b)
		return alive_a;
	if (a->remote != b->remote)
		return !a->remote;
	if (!a->gone_mono_ns != !b->gone_mono_ns)
		return !a->gone_mono_ns;
	if (a->gone_mono_ns != b->gone_mono_ns)
		return a->gone_mono_ns > b->gone_mono_ns;
	return a->started_wall_ns > b->started_wall_ns;
}

static struct container_rec *best_endpoint(struct identity *id, unsigned engine, const uint8_t addr[16], const char *net,
					   size_t net_len)
{
	struct container_rec *best = NULL, *rec;
	const struct index_ref *ref;
	struct index_key key;
	size_t len = ident_index_key_addr(&key, INDEX_ENDPOINT, engine, addr);

	for (ref = ident_index_find(id, &key, len); ref; ref = ref->next) {
		rec = ref->rec;
		if (net_len && strncmp(rec->c.endpoints[ref->n].network_id, net, net_len))
			continue;
		if (!best || is_better(&rec->c, &best->c))
			best = rec;
	}
	return best;
}

const struct ident_container *ident_had_addr(struct identity *id, const struct ident_container *now, const uint8_t addr[16], uint64_t wall_ns)
{
	const struct container_rec *best = NULL, *rec;
	const struct index_ref *ref;
	struct index_key key;
	size_t len = ident_index_key_addr(&key, INDEX_ENDPOINT, now->engine, addr);

	for (ref = ident_index_find(id, &key, len); ref; ref = ref->next) {
		rec = ref->rec;
		if (!rec->c.remote && rec->c.created_wall_ns <= wall_ns && (!best || rec->c.created_wall_ns > best->c.created_wall_ns))
			best = rec;
	}
	return best ? &best->c : NULL;
}

/* The owner of a sandbox is whoever does not merely share it. */
struct container_rec *ident_ns_owner(struct identity *id, struct ns_rec *ns)
{
	struct container_rec *best = NULL, *rec, *owner;
	const struct index_ref *ref;
	struct index_key key;
	size_t len;
	bool shares;

	if (!ns->known || ns->ns.kind != IDENT_NS_CONTAINER || !ns->ns.name[0])
		return NULL;
	len = ident_index_key_name(&key, INDEX_SANDBOX, ns->ns.engine, ns->ns.name);
	for (ref = ident_index_find(id, &key, len); ref; ref = ref->next) {
		rec = ref->rec;
		shares = ident_container_shares(&rec->c) != NULL;
		if (!best || shares < (ident_container_shares(&best->c) != NULL) ||
		    (shares == (ident_container_shares(&best->c) != NULL) && is_better(&rec->c, &best->c)))
			best = rec;
	}
	if (best && ident_container_shares(&best->c)) {
		owner = ident_container_find_any(id, best->c.engine, ident_container_shares(&best->c));
		if (owner)
			best = owner;
	}
	if (best)
		ns->last = best;
	return ns->last;
}

/* The engines that live in this node's namespace: its own, and those that have none of their own (two engines side by
 * side). */
static uint64_t node_engines(const struct identity *id, const struct ns_rec *ns)
{
	uint64_t own = engine_bit(ns->ns.engine);

	return ns->ns.kind == IDENT_NS_NODE ? own | (id->engines & ~id->engines_with_node) : own;
}

/* Takes the next engine out of the set, the first one named first; returns false when the set is empty. */
static bool engine_take(uint64_t *set, unsigned first, unsigned *ret)
{
	if (!*set)
		return false;
	*ret = *set & engine_bit(first) ? first : (unsigned)__builtin_ctzll(*set);
	*set &= ~engine_bit(*ret);
	return true;
}

/* ---- networks ---------------------------------------------------------------------------------------------- */
/* Overlay sandboxes are named "1-" and the network id's first ten digits (libnetwork). */
static const char *overlay_prefix(const struct ns_rec *ns)
{
	const char *dash = strchr(ns->ns.name, '-');

	return ns->ns.kind == IDENT_NS_OVERLAY && dash && dash[1] ? dash + 1 : NULL;
}

static const struct network_rec *network_of_overlay(struct identity *id, struct ns_rec *ns)
{
	const char *prefix = overlay_prefix(ns);
	const struct network_rec *n;

	if (ns->net_changes == id->net_changes)
		return ns->net;
	ns->net = NULL;
	ns->net_changes = id->net_changes;
	for (n = id->networks; prefix && n; n = n->hh.next)
		if (n->n.engine == ns->ns.engine && !strncmp(n->n.id, prefix, strlen(prefix)) && (!ns->net || ns->net->gone))
			ns->net = n;
	return ns->net;
}

/* l: the bridge, or a port of it. */
static const struct network_rec *network_of_bridge(struct identity *id, struct ns_rec *ns, struct link_rec *l)
{
	uint64_t engines = node_engines(id, ns);
	const struct network_rec *n;
	struct link_rec *bridge;

	if (l->net_changes == id->net_changes)
		return l->net;
	l->net = NULL;
	l->net_changes = id->net_changes;
	bridge = l->l.kind == IDENT_LINK_BRIDGE ? l : l->l.master ? ident_link_find(id, l->l.ns, l->l.master) : NULL;
	for (n = id->networks; bridge && n; n = n->hh.next)
		if ((engine_bit(n->n.engine) & engines) && n->n.bridge_name[0] && !strcmp(n->n.bridge_name, bridge->l.name) &&
		    (!l->net || l->net->gone))
			l->net = n;
	return l->net;
}

static const struct ident_network *network_of_endpoint(struct identity *id, const struct ident_container *c,
							const uint8_t addr[16])
{
	const struct network_rec *n;
	unsigned i;

	for (i = 0; i < c->endpoint_count; i++) {
		if (memcmp(c->endpoints[i].addr4, addr, 16) && memcmp(c->endpoints[i].addr6, addr, 16))
			continue;
		n = ident_network_find(id, c->engine, c->endpoints[i].network_id);
		return n ? &n->n : NULL;
	}
	return NULL;
}

/* ---- forged sources ------------------------------------------------------------------------------------------ */
static bool has_endpoint(const struct ident_container *c, const uint8_t addr[16])
{
	unsigned i;

	for (i = 0; i < c->endpoint_count; i++)
		if (!memcmp(c->endpoints[i].addr4, addr, 16) || !memcmp(c->endpoints[i].addr6, addr, 16))
			return true;
	return false;
}

static bool ns_has_addr(struct identity *id, const struct ns_rec *ns, const uint8_t addr[16])
{
	const struct index_ref *ref;
	struct index_key key;
	size_t len = ident_index_key_addr(&key, INDEX_NS_ADDR, ns->ns.engine, addr);

	for (ref = ident_index_find(id, &key, len); ref; ref = ref->next)
		if (ref->rec == ns)
			return true;
	return false;
}

static bool knows_an_address(const struct ns_rec *ns, const struct ident_container *c)
{
	unsigned i;

	for (i = 0; i < ns->addr_count; i++)
		if (!addr_is_link_local6(ns->addrs[i].addr))
			return true;
	for (i = 0; i < c->endpoint_count; i++)
		if (!addr_is_any(c->endpoints[i].addr4) || !addr_is_any(c->endpoints[i].addr6))
			return true;
	return false;
}

/* Does the container behind this namespace lie about its address? Never said of what every host sends before or beside
 * its own address, of containers that route for others, and before any address of it is known. */
static bool is_forged(struct identity *id, const struct ns_rec *ns, const struct ident_container *c, const uint8_t addr[16])
{
	if (addr_is_any(addr) || addr_is_link_local6(addr) || addr_is_multicast(addr))
		return false;
	if (has_endpoint(c, addr) || ns_has_addr(id, ns, addr))
		return false;
	if (ns->routers)
		return false;
	return knows_an_address(ns, c);
}

/* ---- with an interface ---------------------------------------------------------------------------------------- */
static void set_container(struct identity *id, struct ident_end *ret, struct container_rec *rec, enum ident_how how,
			  const uint8_t addr[16])
{
	ret->kind = IDENT_WORKLOAD;
	ret->how = how == IDENT_HOW_ADDRESS && rec->c.remote ? IDENT_HOW_REMOTE_NAME : how;
	ret->container = &rec->c;
	ret->engine = rec->c.engine;
	if (!ret->network)
		ret->network = network_of_endpoint(id, &rec->c, addr);
}

/* The sandboxes of Swarm's load balancers are containers' in form only. */
static bool is_balancer_sandbox(const struct ns_rec *ns)
{
	return !strncmp(ns->ns.name, "lb_", 3) || !strcmp(ns->ns.name, "ingress_sbox");
}

static bool resolve_hostnet(struct identity *id, uint32_t end_if, const uint8_t addr[16], struct ident_end *ret)
{
	const struct index_ref *ref;
	struct index_key key;
	size_t len = ident_index_key_hostnet(&key, end_if);

	ref = ident_index_find(id, &key, len);
	if (!ref)
		return false;
	set_container(id, ret, ref->rec, IDENT_HOW_CGROUP, addr);
	return true;
}

/* False: the interface says nothing (yet); the address has to. */
static bool resolve_interface(struct identity *id, struct ns_rec *ns, struct link_rec *l, const uint8_t addr[16],
			      struct ident_end *ret)
{
	const struct network_rec *net;
	struct container_rec *rec;
	struct ns_rec *peer;

	net = ns->ns.kind == IDENT_NS_OVERLAY ? network_of_overlay(id, ns) : network_of_bridge(id, ns, l);
	if (net)
		ret->network = &net->n;
	peer = l->l.peer_ns ? ident_ns_find(id, l->l.peer_ns) : NULL;
	if (!peer || !peer->known)
		return false;
	rec = ident_ns_owner(id, peer);
	if (rec) {
		set_container(id, ret, rec, IDENT_HOW_INTERFACE, addr);
		ret->spoofed = is_forged(id, peer, &rec->c, addr);
		return true;
	}
	if (is_balancer_sandbox(peer)) {
		ret->kind = IDENT_GATEWAY;
		ret->how = IDENT_HOW_INTERFACE;
		return true;
	}
	return false;
}

/* Until the sandbox behind an interface is known: a container with that address on that very network, nobody else. */
static void resolve_on_network(struct identity *id, struct ns_rec *ns, const uint8_t addr[16], struct ident_end *ret)
{
	const char *prefix = ret->network ? ret->network->id : overlay_prefix(ns);
	unsigned engine = ret->network ? ret->network->engine : ns->ns.engine;
	struct container_rec *rec;

	if (!prefix)
		return;
	rec = best_endpoint(id, engine, addr, prefix, strlen(prefix));
	if (rec)
		set_container(id, ret, rec, IDENT_HOW_ADDRESS, addr);
}

/* ---- without an interface --------------------------------------------------------------------------------------- */
static const struct ident_network *network_at(struct identity *id, enum index_kind kind, unsigned engine, const uint8_t addr[16])
{
	const struct index_ref *ref;
	struct index_key key;
	size_t len = ident_index_key_addr(&key, kind, engine, addr);

	ref = ident_index_find(id, &key, len);
	return ref ? &((const struct network_rec *)ref->rec)->n : NULL;
}

/* Is it an address of the node itself? If of a bridge of one of the engines' networks: *ret_net is that network, whose
 * gateway it is, whatever the engine's records say about gateways. */
static bool is_node_addr(struct identity *id, struct ns_rec *ns, const uint8_t addr[16], const struct ident_network **ret_net)
{
	const struct network_rec *net;
	const struct index_ref *ref;
	struct index_key key;
	struct link_rec *l;
	struct ns_rec *node;
	bool found = false;
	size_t len = ident_index_key_addr(&key, INDEX_NS_ADDR, ns->ns.engine, addr);

	for (ref = ident_index_find(id, &key, len); ref; ref = ref->next) {
		node = ref->rec;
		if (node->ns.kind != IDENT_NS_NODE)
			continue;
		found = true;
		l = ident_link_find(id, node->ns.ns, ref->n);
		net = l && l->l.kind == IDENT_LINK_BRIDGE ? network_of_bridge(id, node, l) : NULL;
		if (net && !*ret_net)
			*ret_net = &net->n;
	}
	return found;
}

static bool resolve_published(struct identity *id, unsigned engine, const uint8_t addr[16], uint8_t proto, uint16_t port,
			      struct ident_end *ret)
{
	struct container_rec *best = NULL, *rec;
	const struct ident_port *p;
	const struct index_ref *ref;
	struct index_key key;
	uint16_t inside = 0;
	size_t len = ident_index_key_port(&key, engine, proto, port);

	for (ref = ident_index_find(id, &key, len); ref; ref = ref->next) {
		rec = ref->rec;
		p = &rec->c.ports[ref->n];
		if (!container_is_alive(&rec->c) || (!addr_is_any(p->host_addr) && memcmp(p->host_addr, addr, 16)))
			continue;
		if (!best || is_better(&rec->c, &best->c)) {
			best = rec;
			inside = p->container_port;
		}
	}
	if (!best)
		return false;
	set_container(id, ret, best, IDENT_HOW_PUBLISHED, addr);
	ret->port = inside;
	return true;
}

static const struct ident_network *network_with(struct identity *id, unsigned engine, const uint8_t addr[16])
{
	const struct network_rec *n;

	for (n = id->networks; n; n = n->hh.next)
		if (n->n.engine == engine && !n->gone && ident_network_contains(&n->n, addr))
			return &n->n;
	return NULL;
}

/* Addresses that only the keeper knows (docker_gwbridge's legs are in no container's record). A container may give itself
 * any address: it counts only on one of the engine's own networks, or link-local. */
static struct container_rec *container_by_own_addr(struct identity *id, unsigned engine, const uint8_t addr[16],
						   const struct ident_network **ret_net)
{
	const struct ident_network *net;
	const struct index_ref *ref;
	struct container_rec *rec, *best = NULL;
	struct index_key key;
	size_t len = ident_index_key_addr(&key, INDEX_NS_ADDR, engine, addr);

	ref = ident_index_find(id, &key, len);
	if (!ref)
		return NULL;
	net = network_with(id, engine, addr);
	if (!net && !addr_is_link_local6(addr))
		return NULL;
	for (; ref; ref = ref->next) {
		rec = ident_ns_owner(id, ref->rec);
		if (rec && (!best || is_better(&rec->c, &best->c)))
			best = rec;
	}
	*ret_net = net;
	return best;
}

/* In a container's own namespace (its lo): its own addresses are itself. */
static bool resolve_inside(struct identity *id, struct ns_rec *ns, const uint8_t addr[16], struct ident_end *ret)
{
	struct container_rec *rec = ident_ns_owner(id, ns);

	if (!rec || !(addr_is_loopback(addr) || addr_is_link_local6(addr) || has_endpoint(&rec->c, addr) ||
		      ns_has_addr(id, ns, addr)))
		return false;
	set_container(id, ret, rec, IDENT_HOW_INTERFACE, addr);
	return true;
}

static void resolve_overlay_addr(struct identity *id, struct ns_rec *ns, const uint8_t addr[16], struct ident_end *ret)
{
	const struct network_rec *net = network_of_overlay(id, ns);
	unsigned i;

	if (net)
		ret->network = &net->n;
	for (i = 0; net && i < net->n.subnet_count; i++)
		if (!addr_is_any(addr) && !memcmp(net->n.subnets[i].gateway, addr, 16)) {
			ret->kind = IDENT_GATEWAY;
			ret->how = IDENT_HOW_ADDRESS;
			return;
		}
	resolve_on_network(id, ns, addr, ret);
	if (ret->kind == IDENT_EXTERNAL && net && !ident_network_contains(&net->n, addr))
		ret->network = NULL;
}

static void resolve_node_addr(struct identity *id, struct ns_rec *ns, const uint8_t addr[16], uint8_t proto, uint16_t port,
			      struct ident_end *ret)
{
	const struct ident_network *gateway = NULL;
	const uint64_t engines = node_engines(id, ns);
	struct container_rec *rec;
	uint64_t left;
	unsigned e;
	bool own;

	own = is_node_addr(id, ns, addr, &gateway) || (ns->ns.kind == IDENT_NS_NODE && addr_is_loopback(addr));
	for (left = engines; !gateway && engine_take(&left, ns->ns.engine, &e);)
		gateway = network_at(id, INDEX_GATEWAY, e, addr);
	for (left = engines; (own || gateway) && engine_take(&left, ns->ns.engine, &e);)
		if (resolve_published(id, e, addr, proto, port, ret))
			return;
	if (own || gateway) {
		ret->kind = own ? IDENT_HOST : IDENT_GATEWAY; /* a bridge's own address is the node */
		ret->how = IDENT_HOW_ADDRESS;
		ret->network = gateway;
		return;
	}
	for (left = engines; engine_take(&left, ns->ns.engine, &e);) {
		rec = best_endpoint(id, e, addr, NULL, 0);
		if (!rec)
			rec = container_by_own_addr(id, e, addr, &ret->network);
		if (rec) {
			set_container(id, ret, rec, IDENT_HOW_ADDRESS, addr);
			return;
		}
	}
	/* on one of the engines' networks, but whose it is nobody has said (yet) */
	for (left = engines; !ret->network && engine_take(&left, ns->ns.engine, &e);)
		ret->network = network_with(id, e, addr);
}

void ident_resolve(struct identity *id, uint16_t ns_number, uint32_t end_if, const uint8_t addr[16], uint8_t proto,
		   uint16_t port, struct ident_end *ret)
{
	struct ns_rec *ns = ident_ns_find(id, ns_number);
	struct link_rec *l;
	uint64_t left;
	unsigned e;

	*ret = (struct ident_end){ .kind = IDENT_EXTERNAL };
	if (end_if >= HOSTNET_IF_FIRST && resolve_hostnet(id, end_if, addr, ret))
		return;
	if (addr_is_multicast(addr)) {
		ret->kind = IDENT_MULTICAST;
		ret->engine = ns ? ns->ns.engine : 0;
		return;
	}
	if (!ns || !ns->known)
		return;
	ret->engine = ns->ns.engine;
	for (left = node_engines(id, ns); !ret->network && engine_take(&left, ns->ns.engine, &e);)
		ret->network = network_at(id, INDEX_BROADCAST, e, addr);
	if (ret->network) {
		ret->kind = IDENT_MULTICAST;
		return;
	}
	l = end_if && end_if < HOSTNET_IF_FIRST ? ident_link_find(id, ns_number, end_if) : NULL;
	if (l && l->l.kind != IDENT_LINK_LO && ns->ns.kind != IDENT_NS_CONTAINER) {
		if (!resolve_interface(id, ns, l, addr, ret))
			resolve_on_network(id, ns, addr, ret);
		return;
	}
	if (!memcmp(addr, engine_resolver, 16)) {
		ret->kind = IDENT_ENGINE_RESOLVER;
		ret->how = IDENT_HOW_ADDRESS;
		return;
	}
	if (ns->ns.kind == IDENT_NS_OVERLAY)
		resolve_overlay_addr(id, ns, addr, ret);
	else if (ns->ns.kind != IDENT_NS_CONTAINER || !resolve_inside(id, ns, addr, ret))
		resolve_node_addr(id, ns, addr, proto, port, ret);
}

/* ---- single records ------------------------------------------------------------------------------------------------ */
const struct ident_container *ident_by_cgroup(struct identity *id, uint64_t cgroup)
{
	struct container_rec *rec;

	HASH_FIND(hh_cgroup, id->by_cgroup, &cgroup, sizeof(cgroup), rec);
	return rec ? &rec->c : NULL;
}

const struct ident_container *ident_by_id(struct identity *id, unsigned engine, const char *cid)
{
	struct container_rec *rec = ident_container_find(id, engine, cid);

	return rec ? &rec->c : NULL;
}

const struct ident_container *ident_by_netns(struct identity *id, uint64_t cookie)
{
	struct container_rec *rec;
	struct ns_rec *ns;

	HASH_FIND(hh_cookie, id->by_cookie, &cookie, sizeof(cookie), ns);
	rec = ns ? ident_ns_owner(id, ns) : NULL;
	return rec ? &rec->c : NULL;
}

const struct ident_ns *ident_ns_get(struct identity *id, uint16_t ns)
{
	struct ns_rec *rec = ident_ns_find(id, ns);

	return rec && rec->known ? &rec->ns : NULL;
}

const struct ident_link *ident_link_get(struct identity *id, uint16_t ns, uint32_t ifindex)
{
	struct link_rec *rec = ident_link_find(id, ns, ifindex);

	return rec ? &rec->l : NULL;
}

void ident_each_container(struct identity *id, void (*cb)(const struct ident_container *c, void *arg), void *arg)
{
	struct container_rec *rec, *tmp;

	HASH_ITER(hh, id->containers, rec, tmp)
		cb(&rec->c, arg);
}

void ident_each_network(struct identity *id, void (*cb)(const struct ident_network *n, void *arg), void *arg)
{
	struct network_rec *rec, *tmp;

	HASH_ITER(hh, id->networks, rec, tmp)
		if (!rec->gone)
			cb(&rec->n, arg);
}

void ident_each_link(struct identity *id, void (*cb)(const struct ident_link *l, void *arg), void *arg)
{
	struct link_rec *rec, *tmp;

	HASH_ITER(hh, id->links, rec, tmp)
		if (!rec->gone_ns)
			cb(&rec->l, arg);
}

uint64_t ident_generation(const struct identity *id)
{
	return id->generation;
}
