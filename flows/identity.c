/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Identity registry, feeding: containers and remote endpoints as the engines say. (Namespaces and links:
 * identity_links.c; networks: identity_networks.c; answers: identity_resolve.c; names: workload_name.c.) */
#include "flows/identity_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct identity *ident_new(const char *node_name)
{
	struct identity *id = calloc(1, sizeof(*id));

	if (!id)
		return NULL;
	snprintf(id->node_name, sizeof(id->node_name), "%s", node_name ? node_name : "");
	id->generation = id->net_changes = 1;
	return id;
}

void ident_free(struct identity *id)
{
	struct container_rec *c, *ctmp;

	if (!id)
		return;
	HASH_ITER(hh, id->containers, c, ctmp)
		ident_container_forget(id, c);
	ident_networks_free(id);
	ident_links_free(id);
	ident_index_free(id);
	free(id);
}

void ident_object_key(struct object_key *ret, unsigned engine, const char *oid)
{
	memset(ret, 0, sizeof(*ret));
	ret->engine = engine;
	memcpy(ret->id, oid, strnlen(oid, IDENT_ID_LEN - 1));
}

/* ---- containers --------------------------------------------------------------------------------- */
struct container_rec *ident_container_find(const struct identity *id, unsigned engine, const char *cid)
{
	struct container_rec *rec;
	struct object_key key;

	ident_object_key(&key, engine, cid);
	HASH_FIND(hh, id->containers, &key, sizeof(key), rec);
	return rec;
}

struct container_rec *ident_container_find_any(const struct identity *id, unsigned engine, const char *ref)
{
	struct container_rec *rec = ident_container_find(id, engine, ref);

	if (rec)
		return rec;
	for (rec = id->containers; rec; rec = rec->hh.next)
		if (rec->c.engine == engine && !rec->c.remote && !strcmp(rec->c.name, ref))
			return rec;
	return NULL;
}

const char *ident_container_shares(const struct ident_container *c)
{
	return strncmp(c->network_mode, "container:", 10) == 0 ? c->network_mode + 10 : NULL;
}

static int container_index(struct identity *id, struct container_rec *rec, index_change change)
{
	const struct ident_container *c = &rec->c;
	struct index_key key;
	unsigned i;
	size_t len;
	int r = 0;

	for (i = 0; i < c->endpoint_count; i++) {
		if (!addr_is_any(c->endpoints[i].addr4)) {
			len = ident_index_key_addr(&key, INDEX_ENDPOINT, c->engine, c->endpoints[i].addr4);
			r |= change(id, &key, len, rec, i);
		}
		if (!addr_is_any(c->endpoints[i].addr6)) {
			len = ident_index_key_addr(&key, INDEX_ENDPOINT, c->engine, c->endpoints[i].addr6);
			r |= change(id, &key, len, rec, i);
		}
	}
	for (i = 0; i < c->port_count; i++) {
		if (!c->ports[i].host_port)
			continue;
		len = ident_index_key_port(&key, c->engine, c->ports[i].proto, c->ports[i].host_port);
		r |= change(id, &key, len, rec, i);
	}
	if (c->sandbox_name[0]) {
		len = ident_index_key_name(&key, INDEX_SANDBOX, c->engine, c->sandbox_name);
		r |= change(id, &key, len, rec, 0);
	}
	return r ? -ENOMEM : 0;
}

static int container_join_index(struct identity *id, struct container_rec *rec)
{
	rec->indexed = true;
	return container_index(id, rec, ident_index_add);
}

static void container_leave_index(struct identity *id, struct container_rec *rec)
{
	if (!rec->indexed)
		return;
	container_index(id, rec, ident_index_del);
	rec->indexed = false;
}

static void hostnet_clear(struct identity *id, struct container_rec *rec)
{
	struct index_key key;
	size_t len;

	if (!rec->hostnet_if)
		return;
	len = ident_index_key_hostnet(&key, rec->hostnet_if);
	ident_index_del(id, &key, len, rec, 0);
	rec->hostnet_if = 0;
}

static void cgroup_clear(struct identity *id, struct container_rec *rec)
{
	if (!rec->c.cgroup)
		return;
	HASH_DELETE(hh_cgroup, id->by_cgroup, rec);
	rec->c.cgroup = 0;
}

void ident_container_forget(struct identity *id, struct container_rec *rec)
{
	struct ns_rec *ns;

	container_leave_index(id, rec);
	hostnet_clear(id, rec);
	cgroup_clear(id, rec);
	if (ident_container_shares(&rec->c))
		id->sharers--;
	for (ns = id->namespaces; ns; ns = ns->hh.next)
		if (ns->last == rec)
			ns->last = NULL;
	HASH_DELETE(hh, id->containers, rec);
	free(rec);
}

static struct container_rec *container_make(struct identity *id, unsigned engine, const char *cid)
{
	struct container_rec *rec = calloc(1, sizeof(*rec));

	if (!rec)
		return NULL;
	ident_object_key(&rec->key, engine, cid);
	HASH_ADD_KEYPTR(hh, id->containers, &rec->key, sizeof(rec->key), rec);
	if (!rec->hh.tbl) {
		free(rec);
		return NULL;
	}
	memcpy(rec->c.id, rec->key.id, sizeof(rec->c.id));
	rec->c.engine = engine;
	return rec;
}

static bool has_addresses(const struct ident_container *c)
{
	unsigned i;

	for (i = 0; i < c->endpoint_count; i++)
		if (!addr_is_any(c->endpoints[i].addr4) || !addr_is_any(c->endpoints[i].addr6))
			return true;
	return false;
}

/* A container that stopped is described without addresses, sandbox and ports; its last flows still need them. */
static void keep_last_place(struct ident_container *now, const struct ident_container *was)
{
	if (!has_addresses(now) && has_addresses(was)) {
		memcpy(now->endpoints, was->endpoints, sizeof(now->endpoints));
		now->endpoint_count = was->endpoint_count;
	}
	if (!now->sandbox_name[0])
		memcpy(now->sandbox_name, was->sandbox_name, sizeof(now->sandbox_name));
	if (!now->port_count) {
		memcpy(now->ports, was->ports, sizeof(now->ports));
		now->port_count = was->port_count;
	}
}

/* Tasks of other nodes come without labels: "stack_service" gets the name that the service's local tasks have. */
static void name_remote(const struct identity *id, struct ident_container *remote)
{
	char base[sizeof(remote->workload)];
	const struct container_rec *rec;
	const struct ident_container *c;
	size_t n;

	ident_workload_name_remote(remote->name, base, sizeof(base));
	memcpy(remote->workload, base, sizeof(base));
	for (rec = id->containers; rec; rec = rec->hh.next) {
		c = &rec->c;
		if (c->remote || c->engine != remote->engine || !c->swarm_service[0])
			continue;
		if (!strcmp(c->swarm_service, base)) {
			memcpy(remote->workload, c->workload, sizeof(remote->workload));
			return;
		}
		n = strlen(c->swarm_stack);
		if (n && !strncmp(base, c->swarm_stack, n) && base[n] == '_' && base[n + 1]) {
			memcpy(remote->workload, base, sizeof(base));
			remote->workload[n] = '/';
		}
	}
}

static void rename_remotes(struct identity *id, unsigned engine)
{
	struct container_rec *rec;

	for (rec = id->containers; rec; rec = rec->hh.next)
		if (rec->c.remote && rec->c.engine == engine)
			name_remote(id, &rec->c);
}

/* What of the old record the registry itself had filled in stays, the rest is replaced. */
static void container_compose(struct ident_container *ret, const struct ident_container *said, const struct ident_container *was)
{
	*ret = *said;
	memcpy(ret->id, was->id, sizeof(ret->id));
	if (ret->endpoint_count > IDENT_ENDPOINTS_MAX)
		ret->endpoint_count = IDENT_ENDPOINTS_MAX;
	if (ret->port_count > IDENT_PORTS_MAX)
		ret->port_count = IDENT_PORTS_MAX;
	ret->cgroup = was->cgroup;
	ret->ns = was->ns;
	ret->remote = false;
	ret->gone_mono_ns = was->gone_mono_ns;
	if (ret->state == IDENT_RUNNING || ret->state == IDENT_PAUSED || ret->state == IDENT_RESTARTING)
		ret->gone_mono_ns = 0;
	if (ret->state != IDENT_RUNNING && ret->state != IDENT_PAUSED)
		keep_last_place(ret, was);
	if (strcmp(ret->sandbox_name, was->sandbox_name))
		ret->ns = 0; /* another sandbox; containers_join_ns() finds its number */
	memset(ret->node, 0, sizeof(ret->node));
	memset(ret->workload, 0, sizeof(ret->workload));
	ident_workload_name(ret, ret->workload, sizeof(ret->workload));
}

int ident_put_container(struct identity *id, const struct ident_container *c)
{
	struct container_rec *rec = ident_container_find(id, c->engine, c->id);
	_cleanup_free_ struct ident_container *now = malloc(sizeof(*now));
	bool swarm;
	int r;

	if (!now)
		return -ENOMEM;
	if (!rec)
		rec = container_make(id, c->engine, c->id);
	if (!rec)
		return -ENOMEM;
	rec->seen = true;
	id->engines |= engine_bit(c->engine);
	container_compose(now, c, &rec->c);
	if (rec->indexed && memcmp(now, &rec->c, sizeof(*now)) == 0)
		return 0;
	swarm = strcmp(now->workload, rec->c.workload) != 0 && now->swarm_service[0];
	container_leave_index(id, rec);
	if (ident_container_shares(&rec->c))
		id->sharers--;
	if (ident_container_shares(now))
		id->sharers++;
	rec->c = *now;
	if (container_is_alive(&rec->c))
		rec->idle_ns = 0;
	r = container_join_index(id, rec);
	if (swarm)
		rename_remotes(id, rec->c.engine);
	ident_container_join_ns(id, rec);
	id->generation++;
	return r;
}

static void container_set_gone(struct identity *id, struct container_rec *rec, uint64_t now_mono_ns)
{
	if (rec->c.gone_mono_ns)
		return;
	rec->c.gone_mono_ns = now_mono_ns ? now_mono_ns : 1;
	if (rec->c.state != IDENT_CREATED)
		rec->c.state = IDENT_EXITED;
	id->generation++;
}

void ident_container_gone(struct identity *id, unsigned engine, const char *cid, uint64_t now_mono_ns)
{
	struct container_rec *rec = ident_container_find(id, engine, cid);

	if (rec)
		container_set_gone(id, rec, now_mono_ns);
}

void ident_set_cgroup(struct identity *id, unsigned engine, const char *cid, uint64_t cgroup)
{
	struct container_rec *rec = ident_container_find(id, engine, cid), *other;

	if (!rec || rec->c.cgroup == cgroup)
		return;
	cgroup_clear(id, rec);
	if (cgroup) {
		HASH_FIND(hh_cgroup, id->by_cgroup, &cgroup, sizeof(cgroup), other);
		if (other) /* the number was reused */
			cgroup_clear(id, other);
		rec->c.cgroup = cgroup;
		HASH_ADD(hh_cgroup, id->by_cgroup, c.cgroup, sizeof(rec->c.cgroup), rec);
		if (!rec->hh_cgroup.tbl)
			rec->c.cgroup = 0;
	}
	id->generation++;
}

void ident_set_hostnet(struct identity *id, unsigned engine, const char *cid, uint32_t pseudo_ifindex)
{
	struct container_rec *rec = ident_container_find(id, engine, cid);
	const struct index_ref *ref;
	struct index_key key;
	size_t len;

	if (!rec || rec->hostnet_if == pseudo_ifindex)
		return;
	hostnet_clear(id, rec);
	if (pseudo_ifindex) {
		len = ident_index_key_hostnet(&key, pseudo_ifindex);
		while ((ref = ident_index_find(id, &key, len))) /* one container per number */
			hostnet_clear(id, ref->rec);
		if (ident_index_add(id, &key, len, rec, 0) == 0)
			rec->hostnet_if = pseudo_ifindex;
	}
	id->generation++;
}

/* ---- remote endpoints ----------------------------------------------------------------------------- */
static bool endpoint_is_local(const struct identity *id, unsigned engine, const char *network_id, const uint8_t addr[16])
{
	const struct container_rec *rec;
	const struct index_ref *ref;
	struct index_key key;
	size_t len = ident_index_key_addr(&key, INDEX_ENDPOINT, engine, addr);

	for (ref = ident_index_find(id, &key, len); ref; ref = ref->next) {
		rec = ref->rec;
		if (!rec->c.remote && container_is_alive(&rec->c) && !strcmp(rec->c.endpoints[ref->n].network_id, network_id))
			return true;
	}
	return false;
}

int ident_put_remote(struct identity *id, unsigned engine, const char *network_id, const char *name, const uint8_t addr[16],
		     const char *node)
{
	char hex[33], rid[IDENT_ID_LEN];
	struct container_rec *rec;
	struct ident_container *c;
	const struct network_rec *net;
	unsigned i;

	if (addr_is_any(addr) || endpoint_is_local(id, engine, network_id, addr))
		return 0;
	if (!node[0] && ident_container_find_any(id, engine, name)) /* ours: its own record will say the address */
		return 0;
	for (i = 0; i < 16; i++)
		snprintf(hex + 2 * i, 3, "%02x", addr[i]);
	snprintf(rid, sizeof(rid), "remote-%.24s-%s", network_id, hex);
	rec = ident_container_find(id, engine, rid);
	if (rec && !rec->c.gone_mono_ns && !strcmp(rec->c.name, name) && !strcmp(rec->c.node, node)) {
		rec->seen = true;
		return 0;
	}
	if (!rec)
		rec = container_make(id, engine, rid);
	if (!rec)
		return -ENOMEM;
	rec->seen = true;
	container_leave_index(id, rec);
	c = &rec->c;
	c->state = IDENT_RUNNING;
	c->remote = true;
	c->gone_mono_ns = rec->idle_ns = 0;
	snprintf(c->name, sizeof(c->name), "%s", name);
	snprintf(c->node, sizeof(c->node), "%s", node);
	memset(c->workload, 0, sizeof(c->workload));
	name_remote(id, c);
	c->endpoint_count = 1;
	snprintf(c->endpoints[0].network_id, sizeof(c->endpoints[0].network_id), "%s", network_id);
	net = ident_network_find(id, engine, network_id);
	snprintf(c->endpoints[0].network_name, sizeof(c->endpoints[0].network_name), "%s", net ? net->n.name : "");
	memcpy(addr_is_v4(addr) ? c->endpoints[0].addr4 : c->endpoints[0].addr6, addr, 16);
	id->generation++;
	return container_join_index(id, rec);
}

/* ---- resynchronisation and expiry ---------------------------------------------------------------------- */
void ident_resync_begin(struct identity *id, unsigned engine)
{
	struct container_rec *c;
	struct network_rec *n;

	for (c = id->containers; c; c = c->hh.next)
		if (c->c.engine == engine)
			c->seen = false;
	for (n = id->networks; n; n = n->hh.next)
		if (n->n.engine == engine)
			n->seen = false;
}

void ident_resync_end(struct identity *id, unsigned engine, uint64_t now_mono_ns)
{
	struct container_rec *c;
	struct network_rec *n;

	for (c = id->containers; c; c = c->hh.next)
		if (c->c.engine == engine && !c->seen)
			container_set_gone(id, c, now_mono_ns);
	for (n = id->networks; n; n = n->hh.next)
		if (n->n.engine == engine && !n->seen)
			ident_network_set_gone(id, n);
}

/* A stopped container gives up its addresses after the linger time, but its record stays until it is gone. */
static void container_expire(struct identity *id, struct container_rec *rec, uint64_t now)
{
	uint64_t since = rec->c.gone_mono_ns;

	if (container_is_alive(&rec->c))
		return;
	if (!rec->idle_ns)
		rec->idle_ns = now ? now : 1;
	if (!since)
		since = rec->idle_ns;
	if (now < since + IDENT_LINGER_NS)
		return;
	if (rec->indexed && (rec->c.gone_mono_ns || rec->c.state != IDENT_CREATED)) {
		container_leave_index(id, rec);
		rec->c.endpoint_count = rec->c.port_count = 0;
		rec->c.sandbox_name[0] = '\0';
		id->generation++;
	}
	if (rec->c.gone_mono_ns && !rec->refs) {
		ident_container_forget(id, rec);
		id->generation++;
	}
}

void ident_expire(struct identity *id, uint64_t now_mono_ns)
{
	struct container_rec *c, *ctmp;

	HASH_ITER(hh, id->containers, c, ctmp)
		container_expire(id, c, now_mono_ns);
	ident_networks_expire(id, now_mono_ns);
	ident_links_expire(id, now_mono_ns);
}

void ident_ref(struct identity *id, const struct ident_container *c)
{
	if (c)
		((struct container_rec *)(uintptr_t)c)->refs++;
}

void ident_unref(struct identity *id, const struct ident_container *c)
{
	struct container_rec *rec = (struct container_rec *)(uintptr_t)c;

	if (rec && rec->refs)
		rec->refs--;
}
