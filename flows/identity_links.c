/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Identity registry, feeding: namespaces, links and addresses as the keeper found them. A deleted link or namespace
 * lingers like a container does: the counters of its last flows are read after it is gone. */
#include "flows/identity_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct ns_rec *ident_ns_find(const struct identity *id, uint16_t ns)
{
	struct ns_rec *rec;
	uint32_t key = ns;

	HASH_FIND(hh, id->namespaces, &key, sizeof(key), rec);
	return rec;
}

/* Links and addresses may be named before their namespace is. */
static struct ns_rec *ns_make(struct identity *id, uint16_t ns)
{
	struct ns_rec *rec = ident_ns_find(id, ns);

	if (rec)
		return rec;
	rec = calloc(1, sizeof(*rec));
	if (!rec)
		return NULL;
	rec->key = ns;
	rec->ns.ns = ns;
	HASH_ADD_KEYPTR(hh, id->namespaces, &rec->key, sizeof(rec->key), rec);
	if (!rec->hh.tbl) {
		free(rec);
		return NULL;
	}
	return rec;
}

static bool addr_is_worth_indexing(const uint8_t addr[16])
{
	/* every namespace has these; they say nothing about who it is */
	return !addr_is_loopback(addr) && !addr_is_any(addr);
}

static void ns_index(struct identity *id, struct ns_rec *rec, bool add)
{
	struct index_key key;
	unsigned i;
	size_t len;

	if (!rec->known)
		return;
	if (rec->ns.name[0]) {
		len = ident_index_key_name(&key, INDEX_NS_NAME, rec->ns.engine, rec->ns.name);
		if (add)
			ident_index_add(id, &key, len, rec, 0);
		else
			ident_index_del(id, &key, len, rec, 0);
	}
	for (i = 0; i < rec->addr_count; i++) {
		len = ident_index_key_addr(&key, INDEX_NS_ADDR, rec->ns.engine, rec->addrs[i].addr);
		if (add)
			ident_index_add(id, &key, len, rec, rec->addrs[i].ifindex);
		else
			ident_index_del(id, &key, len, rec, rec->addrs[i].ifindex);
	}
}

static void cookie_clear(struct identity *id, struct ns_rec *rec)
{
	if (rec->ns.cookie)
		HASH_DELETE(hh_cookie, id->by_cookie, rec);
	rec->ns.cookie = 0;
}

static void cookie_set(struct identity *id, struct ns_rec *rec, uint64_t cookie)
{
	struct ns_rec *other;

	if (!cookie)
		return;
	HASH_FIND(hh_cookie, id->by_cookie, &cookie, sizeof(cookie), other);
	if (other)
		cookie_clear(id, other);
	rec->ns.cookie = cookie;
	HASH_ADD(hh_cookie, id->by_cookie, ns.cookie, sizeof(rec->ns.cookie), rec);
	if (!rec->hh_cookie.tbl)
		rec->ns.cookie = 0;
}

static void sharers_join_ns(struct identity *id)
{
	struct container_rec *rec, *owner;

	if (!id->sharers)
		return;
	for (rec = id->containers; rec; rec = rec->hh.next) {
		if (!ident_container_shares(&rec->c) || rec->c.sandbox_name[0])
			continue;
		owner = ident_container_find_any(id, rec->c.engine, ident_container_shares(&rec->c));
		if (owner)
			rec->c.ns = owner->c.ns;
	}
}

void ident_container_join_ns(struct identity *id, struct container_rec *rec)
{
	const struct index_ref *ref;
	struct index_key key;
	size_t len;

	if (rec->indexed && rec->c.sandbox_name[0]) {
		len = ident_index_key_name(&key, INDEX_NS_NAME, rec->c.engine, rec->c.sandbox_name);
		ref = ident_index_find(id, &key, len);
		if (ref)
			rec->c.ns = ((struct ns_rec *)ref->rec)->ns.ns;
	}
	sharers_join_ns(id);
}

static void ns_join_containers(struct identity *id, const struct ns_rec *ns)
{
	const struct index_ref *ref;
	struct index_key key;
	size_t len;

	if (!ns->ns.name[0])
		return;
	len = ident_index_key_name(&key, INDEX_SANDBOX, ns->ns.engine, ns->ns.name);
	for (ref = ident_index_find(id, &key, len); ref; ref = ref->next)
		((struct container_rec *)ref->rec)->c.ns = ns->ns.ns;
	sharers_join_ns(id);
}

int ident_put_ns(struct identity *id, const struct ident_ns *ns)
{
	struct ns_rec *rec = ns_make(id, ns->ns);

	if (!rec)
		return -ENOMEM;
	if (rec->known && !rec->gone_ns && memcmp(&rec->ns, ns, sizeof(*ns)) == 0)
		return 0;
	ns_index(id, rec, false);
	cookie_clear(id, rec);
	rec->ns = *ns;
	rec->ns.cookie = 0;
	rec->ns.name[sizeof(rec->ns.name) - 1] = '\0';
	rec->known = true;
	rec->gone_ns = 0;
	rec->net_changes = 0;
	if (ns->kind == IDENT_NS_NODE)
		id->engines_with_node |= engine_bit(ns->engine);
	cookie_set(id, rec, ns->cookie);
	ns_index(id, rec, true);
	ns_join_containers(id, rec);
	id->generation++;
	return 0;
}

void ident_del_ns(struct identity *id, uint16_t ns, uint64_t now_mono_ns)
{
	struct ns_rec *rec = ident_ns_find(id, ns);

	if (rec && !rec->gone_ns)
		rec->gone_ns = now_mono_ns ? now_mono_ns : 1;
}

/* ---- links --------------------------------------------------------------------------------------------- */
struct link_rec *ident_link_find(const struct identity *id, uint16_t ns, uint32_t ifindex)
{
	struct link_key key = { ns, ifindex };
	struct link_rec *rec;

	HASH_FIND(hh, id->links, &key, sizeof(key), rec);
	return rec;
}

/* Bridges and tunnels inside a container: it carries other machines' addresses (nested engine, VPN), which is no
 * forgery. The kernel's own idle tunnels (tunl0, sit0, …) do not count. */
static bool link_routes(const struct ident_link *l)
{
	if (l->kind == IDENT_LINK_BRIDGE || l->kind == IDENT_LINK_VXLAN)
		return true;
	return !strncmp(l->name, "tap", 3) || !strncmp(l->name, "wg", 2) || (!strncmp(l->name, "tun", 3) && l->name[3] != 'l');
}

static void link_forget(struct identity *id, struct link_rec *rec)
{
	struct ns_rec *ns = ident_ns_find(id, rec->l.ns);

	if (ns && link_routes(&rec->l) && ns->routers)
		ns->routers--;
	HASH_DELETE(hh, id->links, rec);
	free(rec);
}

int ident_put_link(struct identity *id, const struct ident_link *l)
{
	struct link_rec *rec = ident_link_find(id, l->ns, l->ifindex);
	struct ns_rec *ns = ns_make(id, l->ns);

	if (!ns)
		return -ENOMEM;
	if (rec && !rec->gone_ns && memcmp(&rec->l, l, sizeof(*l)) == 0)
		return 0;
	if (!rec) {
		rec = calloc(1, sizeof(*rec));
		if (!rec)
			return -ENOMEM;
		rec->key = (struct link_key){ l->ns, l->ifindex };
		HASH_ADD_KEYPTR(hh, id->links, &rec->key, sizeof(rec->key), rec);
		if (!rec->hh.tbl) {
			free(rec);
			return -ENOMEM;
		}
	} else if (link_routes(&rec->l) && ns->routers) {
		ns->routers--;
	}
	rec->l = *l;
	rec->l.name[sizeof(rec->l.name) - 1] = '\0';
	rec->gone_ns = 0;
	rec->net_changes = 0;
	if (link_routes(&rec->l))
		ns->routers++;
	/* ports of a bridge remember their network through it */
	if (l->kind == IDENT_LINK_BRIDGE)
		id->net_changes++;
	id->generation++;
	return 0;
}

void ident_del_link(struct identity *id, uint16_t ns, uint32_t ifindex, uint64_t now_mono_ns)
{
	struct link_rec *rec = ident_link_find(id, ns, ifindex);

	if (rec && !rec->gone_ns)
		rec->gone_ns = now_mono_ns ? now_mono_ns : 1;
}

/* ---- addresses ------------------------------------------------------------------------------------------- */
int ident_put_addr(struct identity *id, uint16_t ns, uint32_t ifindex, const uint8_t addr[16])
{
	struct ns_rec *rec = ns_make(id, ns);
	struct index_key key;
	struct ns_addr *more;
	unsigned i;
	size_t len;

	if (!rec)
		return -ENOMEM;
	if (!addr_is_worth_indexing(addr))
		return 0;
	for (i = 0; i < rec->addr_count; i++)
		if (rec->addrs[i].ifindex == ifindex && !memcmp(rec->addrs[i].addr, addr, 16)) {
			rec->addrs[i].gone = false;
			rec->addrs[i].gone_ns = 0;
			return 0;
		}
	if (rec->addr_count == rec->addr_max) {
		more = reallocarray(rec->addrs, rec->addr_max ? rec->addr_max * 2 : 4, sizeof(*more));
		if (!more)
			return -ENOMEM;
		rec->addrs = more;
		rec->addr_max = rec->addr_max ? rec->addr_max * 2 : 4;
	}
	rec->addrs[rec->addr_count] = (struct ns_addr){ .ifindex = ifindex };
	memcpy(rec->addrs[rec->addr_count++].addr, addr, 16);
	id->generation++;
	if (!rec->known)
		return 0;
	len = ident_index_key_addr(&key, INDEX_NS_ADDR, rec->ns.engine, addr);
	return ident_index_add(id, &key, len, rec, ifindex);
}

static void addr_drop(struct identity *id, struct ns_rec *rec, unsigned i)
{
	struct index_key key;
	size_t len;

	if (rec->known) {
		len = ident_index_key_addr(&key, INDEX_NS_ADDR, rec->ns.engine, rec->addrs[i].addr);
		ident_index_del(id, &key, len, rec, rec->addrs[i].ifindex);
	}
	rec->addrs[i] = rec->addrs[--rec->addr_count];
	id->generation++;
}

/* The address lingers, too: a container's addresses go before the counters of its last flows are read. */
void ident_del_addr(struct identity *id, uint16_t ns, uint32_t ifindex, const uint8_t addr[16])
{
	struct ns_rec *rec = ident_ns_find(id, ns);
	unsigned i;

	for (i = 0; rec && i < rec->addr_count; i++)
		if (rec->addrs[i].ifindex == ifindex && !memcmp(rec->addrs[i].addr, addr, 16))
			rec->addrs[i].gone = true;
}

static void addrs_expire(struct identity *id, struct ns_rec *rec, uint64_t now_mono_ns)
{
	struct ns_addr *a;
	unsigned i;

	for (i = rec->addr_count; i > 0; i--) {
		a = &rec->addrs[i - 1];
		if (!a->gone)
			continue;
		if (!a->gone_ns)
			a->gone_ns = now_mono_ns ? now_mono_ns : 1;
		else if (now_mono_ns >= a->gone_ns + IDENT_LINGER_NS)
			addr_drop(id, rec, i - 1);
	}
}

static void addrs_drop_of_link(struct identity *id, uint16_t ns, uint32_t ifindex)
{
	struct ns_rec *rec = ident_ns_find(id, ns);
	unsigned i;

	for (i = rec ? rec->addr_count : 0; i > 0; i--)
		if (rec->addrs[i - 1].ifindex == ifindex)
			addr_drop(id, rec, i - 1);
}

/* ---- expiry ------------------------------------------------------------------------------------------------ */
static void ns_forget(struct identity *id, struct ns_rec *rec)
{
	struct container_rec *c;

	ns_index(id, rec, false);
	cookie_clear(id, rec);
	for (c = id->containers; c; c = c->hh.next)
		if (c->c.ns == rec->ns.ns)
			c->c.ns = 0;
	HASH_DELETE(hh, id->namespaces, rec);
	free(rec->addrs);
	free(rec);
}

void ident_links_expire(struct identity *id, uint64_t now_mono_ns)
{
	struct link_rec *l, *ltmp;
	struct ns_rec *ns, *ntmp;

	HASH_ITER(hh, id->links, l, ltmp) {
		ns = ident_ns_find(id, l->l.ns);
		/* the links of a namespace go with it */
		if (ns && ns->gone_ns && !l->gone_ns)
			l->gone_ns = ns->gone_ns;
		if (!l->gone_ns || now_mono_ns < l->gone_ns + IDENT_LINGER_NS)
			continue;
		addrs_drop_of_link(id, l->l.ns, l->l.ifindex);
		link_forget(id, l);
		id->generation++;
	}
	HASH_ITER(hh, id->namespaces, ns, ntmp) {
		addrs_expire(id, ns, now_mono_ns);
		if (ns->gone_ns && now_mono_ns >= ns->gone_ns + IDENT_LINGER_NS) {
			ns_forget(id, ns);
			id->generation++;
		}
	}
}

void ident_links_free(struct identity *id)
{
	struct link_rec *l, *ltmp;
	struct ns_rec *ns, *ntmp;

	HASH_ITER(hh, id->links, l, ltmp)
		link_forget(id, l);
	HASH_ITER(hh, id->namespaces, ns, ntmp)
		ns_forget(id, ns);
}

/* ---- for policy ---------------------------------------------------------------------------------------------- */
void ident_each_passage(struct identity *id, void (*cb)(const struct ident_container *c, uint16_t ns, const uint8_t addr[16], void *arg),
			void *arg)
{
	for (struct ns_rec *ns = id->namespaces; ns; ns = ns->hh.next) {
		const struct container_rec *owner = ns->gone_ns || !ns->addr_count ? NULL : ident_ns_owner(id, ns);

		if (!owner || owner->c.remote || owner->c.gone_mono_ns)
			continue;
		for (unsigned i = 0; i < ns->addr_count; i++) {
			const struct link_rec *l = ns->addrs[i].gone ? NULL : ident_link_find(id, ns->ns.ns, ns->addrs[i].ifindex);

			if (l && !l->gone_ns && l->l.peer_ns)
				cb(&owner->c, l->l.peer_ns, ns->addrs[i].addr, arg);
		}
	}
}

void ident_each_own_addr(struct identity *id, enum ident_ns_kind kind, void (*cb)(uint16_t ns, const uint8_t addr[16], void *arg), void *arg)
{
	for (const struct ns_rec *ns = id->namespaces; ns; ns = ns->hh.next)
		for (unsigned i = 0; ns->known && !ns->gone_ns && ns->ns.kind == kind && i < ns->addr_count; i++)
			if (!ns->addrs[i].gone)
				cb(ns->ns.ns, ns->addrs[i].addr, arg);
}

void ident_each_ns(struct identity *id, void (*cb)(const struct ident_ns *ns, void *arg), void *arg)
{
	for (const struct ns_rec *ns = id->namespaces; ns; ns = ns->hh.next)
		if (ns->known && !ns->gone_ns && ns->ns.kind != IDENT_NS_CONTAINER)
			cb(&ns->ns, arg);
}
