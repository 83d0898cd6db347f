/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names for the ends of flows: from what identity resolves to the node ids of the map. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "sensor/core/core_priv.h"

static const uint8_t mapped_prefix[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

void name_addr_text(const uint8_t addr[16], char ret[46])
{
	if (memcmp(addr, mapped_prefix, 12) == 0)
		inet_ntop(AF_INET, addr + 12, ret, 46);
	else
		inet_ntop(AF_INET6, addr, ret, 46);
}

/* FNV-1a over the container's id: stable over restarts, and never 0 ("anyone"). */
uint64_t name_scope(const struct ident_container *ct)
{
	uint64_t h = 0xcbf29ce484222325ULL;

	for (const char *p = ct->id; *p; p++)
		h = (h ^ (uint8_t)*p) * 0x100000001b3ULL;
	return h ? h : 1;
}

const char *name_of_engine(const struct core *c, unsigned engine)
{
	if (engine >= c->engine_count)
		return "";
	return c->engines[engine].name[0] ? c->engines[engine].name : c->engines[engine].socket;
}

struct same_workload {
	const struct ident_container *ct;
	bool elsewhere;
};

static void same_workload_cb(const struct ident_container *ct, void *arg)
{
	struct same_workload *s = arg;

	if (ct->engine != s->ct->engine && !ct->remote && strcmp(ct->workload, s->ct->workload) == 0)
		s->elsewhere = true;
}

/* Two engines on one machine may each have a "web": unless a Swarm joins them, they are different workloads. */
static bool name_is_ambiguous(struct core *c, const struct ident_container *ct)
{
	struct same_workload s = { .ct = ct };

	if (c->engine_count < 2 || ct->swarm_service[0] || ct->remote)
		return false;
	ident_each_container(c->ident, same_workload_cb, &s);
	return s.elsewhere;
}

struct twin_search {
	const char *network_id;
	const uint8_t *addr;
	unsigned engine;
	const struct ident_container *found; /* one that is there, else the one that left last */
};

static void twin_cb(const struct ident_container *ct, void *arg)
{
	struct twin_search *s = arg;

	if (ct->remote || ct->engine == s->engine)
		return;
	if (s->found && (!s->found->gone_mono_ns || (ct->gone_mono_ns && ct->gone_mono_ns < s->found->gone_mono_ns)))
		return;
	for (unsigned i = 0; i < ct->endpoint_count; i++) {
		const struct ident_endpoint *ep = &ct->endpoints[i];

		if (strcmp(ep->network_id, s->network_id) == 0 &&
		    (memcmp(ep->addr4, s->addr, 16) == 0 || memcmp(ep->addr6, s->addr, 16) == 0)) {
			s->found = ct;
			return;
		}
	}
}

static const struct ident_container *name_twin(struct core *c, const struct ident_end *end, const uint8_t addr[16])
{
	struct twin_search s = { .addr = addr, .engine = end->engine };

	if (c->engine_count < 2 || !end->network || strcmp(end->network->driver, "overlay") != 0)
		return NULL;
	s.network_id = end->network->id;
	ident_each_container(c->ident, twin_cb, &s);
	return s.found;
}

/* Containers that share one network namespace have one interface: which of them it is, its process tells. */
static const struct ident_container *name_sharer(struct core *c, const struct flow *f, unsigned e, const struct ident_container *owner)
{
	const struct ident_container *ct;
	const struct process *p;
	uint32_t index;

	if (flow_process(c, f, e, &index) == ATTR_UNKNOWN)
		return owner;
	p = processes_get(c->procs, index);
	ct = p ? core_container_of_cgroup(c, p->cgroup) : NULL;
	if (!ct || ct == owner || ct->engine != owner->engine || strncmp(ct->network_mode, "container:", 10) != 0)
		return owner;
	return strcmp(ct->network_mode + 10, owner->id) == 0 ? ct : owner;
}

struct sharer_search {
	const char *id;
	bool found;
};

static void sharer_cb(const struct ident_container *ct, void *arg)
{
	struct sharer_search *s = arg;

	if (strncmp(ct->network_mode, "container:", 10) == 0 && strcmp(ct->network_mode + 10, s->id) == 0)
		s->found = true;
}

static bool name_is_shared(struct core *c, const struct ident_container *ct)
{
	struct sharer_search s = { .id = ct->id };

	ident_each_container(c->ident, sharer_cb, &s);
	return s.found;
}

bool name_is_of_all(struct core *c, const struct flow *f, unsigned e, const struct end_name *n)
{
	if (n->provisional || n->end.spoofed)
		return false;
	switch (n->end.kind) {
	case IDENT_WORKLOAD:
		/* Its own port, as a client, must not be what named it. */
		if (n->end.how == IDENT_HOW_PUBLISHED && e == (f->client_end & 1))
			return false;
		return n->end.container && !(f->end_if[e] && name_is_shared(c, n->end.container));
	case IDENT_HOST:
	case IDENT_GATEWAY:
	case IDENT_EXTERNAL:
		return true;
	case IDENT_ENGINE_RESOLVER:
	case IDENT_MULTICAST:
		break;
	}
	return false;
}

void name_of_workload(struct core *c, const struct ident_container *ct, char ret[NAME_ID_LEN])
{
	if (name_is_ambiguous(c, ct))
		snprintf(ret, NAME_ID_LEN, "%s@%s", ct->workload, name_of_engine(c, ct->engine));
	else
		snprintf(ret, NAME_ID_LEN, "%s", ct->workload);
}

static void name_workload(struct core *c, const struct ident_container *ct, struct end_name *n)
{
	name_of_workload(c, ct, n->id);
	n->desc.kind = TOPO_WORKLOAD;
	n->desc.workload = ct->workload;
	n->desc.container = ct->name;
	if (ct->remote && ct->node[0])
		n->desc.node = ct->node;
	n->desc.engine = name_of_engine(c, ct->engine);
}

/* The container at the other end, whose DNS look-ups name this end. */
static const struct ident_container *name_other(struct core *c, const struct flow *f, unsigned e)
{
	struct ident_end end;

	ident_resolve(c->ident, f->key.ns, f->end_if[!e], f->key.addr[!e], f->key.proto, ntohs(f->key.port[!e]), &end);
	return end.container;
}

static void name_external(struct core *c, const struct flow *f, unsigned e, struct end_name *n)
{
	const struct ident_container *asker = name_other(c, f, e);
	const char *dns = asker ? dns_names_get(c->dns, name_scope(asker), f->key.addr[e], clock_mono_ns()) : NULL;

	snprintf(n->id, sizeof(n->id), "ext:%s", dns ? dns : n->address);
	n->desc.kind = TOPO_EXTERNAL;
	/* An address of one of the engine's own networks that no container has yet: its record is probably on the way. */
	n->provisional = n->end.network != NULL;
	n->soft = !dns;
}

/* An interface that nobody can name any more (its container is gone, or we are late) leaves the address, and that may be another
 * container's by now: one that was created after the flow began is not its end. */
static void name_in_time(struct core *c, const struct flow *f, unsigned e, struct ident_end *end)
{
	uint64_t began = core_wall_ns(c, f->first_ns);

	if (!f->end_if[e] || end->kind != IDENT_WORKLOAD || end->how != IDENT_HOW_ADDRESS || !end->container || end->container->remote ||
	    end->container->created_wall_ns <= began)
		return;
	end->container = ident_had_addr(c->ident, end->container, f->key.addr[e], began);
	if (!end->container)
		end->kind = IDENT_EXTERNAL;
}

void name_end(struct core *c, const struct flow *f, unsigned e, struct end_name *n)
{
	const uint8_t *addr = f->key.addr[e];
	const struct ident_container *twin;

	memset(n, 0, sizeof(*n));
	ident_resolve(c->ident, f->key.ns, f->end_if[e], addr, f->key.proto, ntohs(f->key.port[e]), &n->end);
	/* An end that never sent is here because a frame for it came by, maybe flooded to every port: if the address is not this
	 * interface's, it is somebody else's. */
	if (f->end_if[e] && n->end.spoofed && !f->packets[e])
		ident_resolve(c->ident, f->key.ns, 0, addr, f->key.proto, ntohs(f->key.port[e]), &n->end);
	name_in_time(c, f, e, &n->end);
	name_addr_text(addr, n->address);
	n->desc.id = n->id;
	n->desc.node = c->node;
	n->desc.engine = name_of_engine(c, n->end.engine);
	n->desc.network = n->end.network ? n->end.network->name : NULL;
	n->desc.address = n->address;
	if (f->end_if[e] == 0 && (!n->end.container || n->end.container->remote)) {
		twin = name_twin(c, &n->end, addr);
		if (twin) {
			n->end.kind = IDENT_WORKLOAD;
			n->end.container = twin;
			n->twin_local = true;
		}
	}
	switch (n->end.kind) {
	case IDENT_WORKLOAD:
		if (n->end.container) {
			if (f->end_if[e])
				n->end.container = name_sharer(c, f, e, n->end.container);
			name_workload(c, n->end.container, n);
			n->desc.address = NULL;
			n->provisional = f->end_if[e] && n->end.how < IDENT_HOW_CGROUP;
			return;
		}
		break;
	case IDENT_HOST:
		snprintf(n->id, sizeof(n->id), "host:%s", c->node);
		n->desc.kind = TOPO_HOST;
		return;
	case IDENT_GATEWAY:
		snprintf(n->id, sizeof(n->id), "gateway:%s", n->end.network ? n->end.network->name : n->address);
		n->desc.kind = TOPO_GATEWAY;
		return;
	case IDENT_ENGINE_RESOLVER:
		snprintf(n->id, sizeof(n->id), "engine:resolver");
		n->desc.kind = TOPO_HOST;
		return;
	case IDENT_MULTICAST:
		snprintf(n->id, sizeof(n->id), "multicast:%s", n->address);
		n->desc.kind = TOPO_EXTERNAL;
		return;
	case IDENT_EXTERNAL:
		break;
	}
	name_external(c, f, e, n);
	/* A hooked interface always has a container behind it: its name is on the way. */
	if (f->end_if[e])
		n->provisional = true;
}
