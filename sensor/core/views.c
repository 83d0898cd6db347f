/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Views: what the API, the exports and the store see of a flow or a listener. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "sensor/core/core_priv.h"
#include "sensor/core/geo.h"
#include "sensor/core/files.h"
#include "sensor/core/model.h"

static void view_end(struct core *c, const struct flow *f, unsigned e, const struct topo_node_desc *d,
		     const struct ident_container *ct, struct core_end_view *v)
{
	const struct process *p;
	struct ident_end end;
	uint32_t index;

	ident_resolve(c->ident, f->key.ns, f->end_if[e], f->key.addr[e], f->key.proto, ntohs(f->key.port[e]), &end);
	snprintf(v->id, sizeof(v->id), "%s", d->id);
	v->kind = d->kind;
	v->container = ct;
	v->spoofed = end.spoofed;
	v->network = d->network ? d->network : "";
	name_addr_text(f->key.addr[e], v->addr);
	v->port = ntohs(f->key.port[e]);
	v->attribution = flow_process(c, f, e, &index);
	p = processes_get(c->procs, index);
	v->exe = p ? p->exe : "";
	v->exe_file = p ? core_exe_of(c, core_container_of_cgroup(c, p->cgroup), p) : NULL;
	v->pid = p ? p->tgid : 0;
	if (d->kind == TOPO_EXTERNAL && c->geo)
		(void)core_geo(c, f->key.addr[e], &v->geo);
}

struct vni_search {
	uint16_t ns;
	uint32_t vni;
};

static void vni_cb(const struct ident_link *l, void *arg)
{
	struct vni_search *s = arg;

	if (l->ns == s->ns && l->kind == IDENT_LINK_VXLAN)
		s->vni = l->vni;
}

static uint32_t view_vni(struct core *c, const struct flow *f, const struct ident_network *n)
{
	const struct ident_ns *ns = ident_ns_get(c->ident, f->key.ns);
	struct vni_search s = { .ns = f->key.ns };

	if (!ns || ns->kind != IDENT_NS_OVERLAY)
		return 0;
	if (n && n->vni)
		return n->vni;
	ident_each_link(c->ident, vni_cb, &s);
	return s.vni;
}

static const char *view_state(const struct flow *f)
{
	uint8_t both = f->tcp_flags[0] | f->tcp_flags[1];

	if (f->state & FLOW_ENDED)
		return "closed";
	if (f->key.proto == IPPROTO_TCP && ((both & 4) || (f->tcp_flags[0] & f->tcp_flags[1] & 1)))
		return "closed";
	if (f->flags & PG_FLOW_TWO_WAY)
		return "established";
	return f->key.proto == IPPROTO_TCP ? "half-open" : "new";
}

/* The host's port behind which this container's port is published; 0: none. Behind DNAT the packet no longer tells. */
static uint16_t published_as(const struct ident_container *ct, uint8_t proto, uint16_t port)
{
	for (unsigned i = 0; i < ct->port_count && i < IDENT_PORTS_MAX; i++)
		if (ct->ports[i].proto == proto && ct->ports[i].container_port == port)
			return ct->ports[i].host_port;
	return 0;
}

void core_view_flow(struct core *c, struct flow *f, struct core_flow_view *v)
{
	const struct flow_pair *pair = f->edge;
	unsigned cl = f->client_end & 1, sv = !cl;
	const struct ident_ns *ns = ident_ns_get(c->ident, f->key.ns);
	struct ident_end end;
	/* A flow that still waits for its names is shown by its addresses. */
	struct end_name tmp[2];
	const struct topo_node_desc *dc, *ds;
	enum core_attribution how;
	uint8_t addr[16];
	uint32_t index;

	memset(v, 0, sizeof(*v));
	if (pair) {
		dc = pair_end(pair, PAIR_CLIENT);
		ds = pair_end(pair, PAIR_SERVER);
	} else {
		name_end(c, f, cl, &tmp[0]);
		name_end(c, f, sv, &tmp[1]);
		dc = &tmp[0].desc;
		ds = &tmp[1].desc;
	}
	v->id = (uint64_t)(uintptr_t)f;
	v->flows = 1;
	v->kernel_flags = f->flags;
	v->first_mono_ns = f->first_ns;
	view_end(c, f, cl, dc, pair ? pair_container(pair, PAIR_CLIENT) : tmp[0].end.container, &v->client);
	view_end(c, f, sv, ds, pair ? pair_container(pair, PAIR_SERVER) : tmp[1].end.container, &v->server);
	if (f->joined == JOIN_FRONT && flow_joined_server(c, f, addr, &index, &how))
		name_addr_text(addr, v->server.addr);
	v->l4 = f->key.proto;
	v->app = f->detail && f->detail->app[0] ? f->detail->app : "Unknown";
	v->app_confidence = f->detail ? f->detail->confidence : LABEL_UNKNOWN;
	v->host = f->detail ? f->detail->host : "";
	v->info = f->detail ? f->detail->info : "";
	v->facts = f->detail ? f->detail->facts : "";
	v->bytes_to_server = f->bytes[cl];
	v->bytes_to_client = f->bytes[sv];
	v->packets_to_server = f->packets[cl];
	v->packets_to_client = f->packets[sv];
	v->first_seen_ns = core_wall_ns(c, f->first_ns);
	v->last_seen_ns = core_wall_ns(c, f->last_ns);
	v->state = view_state(f);
	v->ns = f->key.ns;
	v->engine = name_of_engine(c, ns ? ns->engine : 0);
	ident_resolve(c->ident, f->key.ns, f->end_if[sv], f->key.addr[sv], f->key.proto, ntohs(f->key.port[sv]), &end);
	v->vni = view_vni(c, f, end.network);
	if (v->client.kind != TOPO_WORKLOAD && v->server.container)
		v->published_port = published_as(v->server.container, v->l4, v->server.port);
	if (end.how == IDENT_HOW_PUBLISHED && end.port) {
		v->published_port = v->server.port;
		v->server.port = end.port;
	}
}

struct each_flow {
	struct core *c;
	void (*cb)(const struct core_flow_view *v, void *arg);
	void *arg;
};

static bool each_flow_cb(struct flow *f, void *arg)
{
	struct each_flow *e = arg;
	struct core_flow_view v;

	if (f->joined == JOIN_REAR)
		return true;
	core_view_flow(e->c, f, &v);
	e->cb(&v, e->arg);
	return true;
}

void core_each_flow(struct core *c, void (*cb)(const struct core_flow_view *v, void *arg), void *arg)
{
	struct each_flow e = { c, cb, arg };

	flow_table_each(c->flows, each_flow_cb, &e);
}

struct each_listener {
	struct core *c;
	void (*cb)(const struct core_listener_view *v, void *arg);
	void *arg;
};

static bool is_engine(const struct core *c, uint32_t pid)
{
	for (unsigned i = 0; i < c->engine_count; i++)
		if (c->engines[i].pid && c->engines[i].pid == pid)
			return true;
	return false;
}

static void each_listener_cb(const struct listener *l, void *arg)
{
	struct each_listener *e = arg;
	const struct process *p = processes_get(e->c->procs, processes_find(e->c->procs, l->tgid, l->start_boot_ns));
	struct core_listener_view v = { .l = l, .exe = p ? p->exe : "", .workload = "" };

	if (l->closed_mono_ns)
		return;
	v.container = core_container_of_cgroup(e->c, l->cgroup);
	if (!v.container)
		v.container = ident_by_netns(e->c->ident, l->netns_cookie);
	if (!v.container)
		return; /* the node's own sockets are not containers' */
	v.exe_file = p ? core_exe_of(e->c, core_container_of_cgroup(e->c, p->cgroup), p) : NULL;
	v.workload = is_engine(e->c, l->tgid) ? "engine resolver" : v.container->workload;
	name_addr_text(l->addr, v.addr);
	v.since_ns = clock_mono_to_wall_ns(l->since_mono_ns);
	v.engine = name_of_engine(e->c, v.container->engine);
	model_listener_source(e->c, v.container, l, v.exe, &v.source, &v.because);
	e->cb(&v, e->arg);
}

void core_each_listener(struct core *c, void (*cb)(const struct core_listener_view *v, void *arg), void *arg)
{
	struct each_listener e = { c, cb, arg };

	listeners_each(c->listeners, each_listener_cb, &e);
}
