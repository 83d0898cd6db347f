/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What core knows, as the input of policy_make(): who has which address where, what the models of the enforced workloads allow,
 * which addresses their names have, and what is never refused. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "intel/indicator.h"
#include "intel/never_block.h"
#include "sensor/core/policy_priv.h"

/* ---- strings that live as long as the input ---------------------------------------------------------------------------- */
struct arena {
	struct arena *next;
	size_t used, size;
	char text[];
};

static char *keep(struct policy_gather *g, const char *s, size_t len)
{
	struct arena *a = g->arena;
	char *at;

	if (!a || a->size - a->used < len + 1) {
		size_t size = len + 1 > 16384 ? len + 1 : 16384;

		a = malloc(sizeof(*a) + size);
		if (!a) {
			g->rc = -ENOMEM;
			return (char *)(uintptr_t)"";
		}
		*a = (struct arena){ .next = g->arena, .size = size };
		g->arena = a;
	}
	at = a->text + a->used;
	memcpy(at, s, len);
	at[len] = '\0';
	a->used += len + 1;
	return at;
}

/* Room for one more in an array that doubles. */
static bool room(struct policy_gather *g, void *array, size_t count, size_t *have, size_t size)
{
	size_t want = *have ? *have * 2 : 64;
	void *more;

	if (count < *have)
		return true;
	more = reallocarray(*(void **)array, want, size);
	if (!more) {
		g->rc = -ENOMEM;
		return false;
	}
	*(void **)array = more;
	*have = want;
	return true;
}

/* ---- places ------------------------------------------------------------------------------------------------------------------ */
static void place_add(struct policy_gather *g, enum plan_kind kind, uint16_t ns, const uint8_t addr[16], unsigned bits)
{
	struct policy_place *p;

	if (bits > 128 || !room(g, &g->places, g->in.place_count, &g->place_room, sizeof(*g->places)))
		return;
	p = &g->places[g->in.place_count++];
	*p = (struct policy_place){ .ns = ns, .kind = (uint8_t)kind, .bits = (uint8_t)bits };
	memcpy(p->addr, addr, 16);
	for (unsigned i = 0; i < 16; i++) /* network bits only */
		p->addr[i] &= bits >= 8 * (i + 1) ? 0xff : bits <= 8 * i ? 0 : (uint8_t)(0xff << (8 - (bits - 8 * i)));
}

/* Overlay sandboxes are named "1-" and the network id's first ten digits (libnetwork). */
static bool ns_is_overlay_of(const struct ident_ns *ns, const char *network_id)
{
	const char *dash = strchr(ns->name, '-');

	return ns->kind == IDENT_NS_OVERLAY && dash && dash[1] && !strncmp(network_id, dash + 1, strlen(dash + 1));
}

static bool is_zero(const uint8_t a[16])
{
	static const uint8_t zero[16];

	return !memcmp(a, zero, 16);
}

static void subnets_put(struct policy_gather *g, const struct ident_network *n, uint16_t ns)
{
	for (unsigned i = 0; i < n->subnet_count && i < ARRAY_SIZE(n->subnets); i++) {
		place_add(g, PLAN_NET, ns, n->subnets[i].addr, n->subnets[i].prefix_len);
		if (!is_zero(n->subnets[i].gateway))
			place_add(g, PLAN_ALWAYS, ns, n->subnets[i].gateway, 128);
	}
}

static void overlay_cb(const struct ident_ns *ns, void *arg)
{
	struct policy_gather *g = arg;

	if (ns_is_overlay_of(ns, g->net->id))
		subnets_put(g, g->net, ns->ns);
}

static void network_cb(const struct ident_network *n, void *arg)
{
	struct policy_gather *g = arg;

	if (strcmp(n->driver, "overlay")) {
		if (n->engine < g->core->engine_count && g->core->engines[n->engine].ns)
			subnets_put(g, n, g->core->engines[n->engine].ns);
		return;
	}
	g->net = n;
	ident_each_ns(g->core->ident, overlay_cb, g);
}

/* Link-local ones come and go with every interface, and are never forwarded. */
static void own_cb(uint16_t ns, const uint8_t addr[16], void *arg)
{
	if (addr[0] != 0xfe || (addr[1] & 0xc0) != 0x80)
		place_add(arg, PLAN_ALWAYS, ns, addr, 128);
}

/* A range of addresses as prefixes; a range that is none becomes at most 256 of them. */
static void range_put(struct policy_gather *g, const uint8_t first[16], const uint8_t last[16])
{
	uint8_t at[16];

	memcpy(at, first, 16);
	for (unsigned turn = 0; turn < 256; turn++) {
		unsigned bits = 128;
		uint8_t end[16];

		/* The widest prefix that begins here and does not go beyond. */
		while (bits > 0) {
			unsigned b = bits - 1;

			if (at[b / 8] & (0x80 >> (b % 8)))
				break;
			memcpy(end, at, 16);
			for (unsigned i = b; i < 128; i++)
				end[i / 8] |= (uint8_t)(0x80 >> (i % 8));
			if (memcmp(end, last, 16) > 0)
				break;
			bits = b;
		}
		place_add(g, PLAN_ALWAYS, 0, at, bits);
		memcpy(end, at, 16);
		for (unsigned i = bits; i < 128; i++)
			end[i / 8] |= (uint8_t)(0x80 >> (i % 8));
		if (memcmp(end, last, 16) >= 0)
			return;
		for (int i = 15; i >= 0 && ++end[i] == 0; i--)
			;
		memcpy(at, end, 16);
	}
}

/* The node's resolvers: the engine's own queries leave from containers' namespaces, but go there. */
static void resolvers_read(struct core_policy *p)
{
	_cleanup_close_ int fd = open("/etc/resolv.conf", O_RDONLY | O_CLOEXEC | O_NOCTTY);
	char buf[8192], *save = NULL;
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);

	p->resolver_count = 0;
	if (n <= 0)
		return;
	buf[n] = '\0';
	for (char *line = strtok_r(buf, "\n", &save); line && p->resolver_count < ARRAY_SIZE(p->resolvers); line = strtok_r(NULL, "\n", &save)) {
		uint8_t bits;

		if (strncmp(line, "nameserver", 10))
			continue;
		line += 10 + strspn(line + 10, " \t");
		line[strcspn(line, " \t%#;")] = '\0';
		if (policy_prefix(line, p->resolvers[p->resolver_count], &bits) && bits == 128)
			p->resolver_count++;
	}
}

static void places_gather(struct policy_gather *g)
{
	struct core *c = g->core;
	uint8_t first[16], last[16];

	ident_each_network(c->ident, network_cb, g);
	ident_each_own_addr(c->ident, IDENT_NS_NODE, own_cb, g);
	ident_each_own_addr(c->ident, IDENT_NS_OVERLAY, own_cb, g);
	for (unsigned i = 0; i < c->config.never_block_count; i++)
		if (indicator_ip(c->config.never_block[i], strlen(c->config.never_block[i]), first, last))
			range_put(g, first, last);
	resolvers_read(c->policy);
	for (unsigned i = 0; i < c->policy->resolver_count; i++)
		if (c->policy->resolvers[i][0] || c->policy->resolvers[i][12] != 127)
			place_add(g, PLAN_RESOLVER, 0, c->policy->resolvers[i], 128);
}

/* ---- endpoints ----------------------------------------------------------------------------------------------------------------- */
static bool is_own(const struct policy_gather *g, uint16_t ns, const uint8_t addr[16])
{
	for (size_t i = 0; i < g->in.place_count; i++) {
		const struct policy_place *p = &g->places[i];

		if (p->kind == PLAN_ALWAYS && (!p->ns || p->ns == ns) && plan_addr_in(addr, p->addr, p->bits))
			return true;
	}
	return false;
}

static void endpoint_add(struct policy_gather *g, const char *name, uint16_t ns, const uint8_t addr[16])
{
	struct policy_endpoint *e;

	if (!ns || is_zero(addr) || (addr[0] == 0xfe && (addr[1] & 0xc0) == 0x80) || is_own(g, ns, addr) ||
	    !room(g, &g->endpoints, g->in.endpoint_count, &g->endpoint_room, sizeof(*g->endpoints)))
		return;
	e = &g->endpoints[g->in.endpoint_count++];
	*e = (struct policy_endpoint){ .workload = name, .ns = ns };
	memcpy(e->addr, addr, 16);
}

/* Under the name that the map gives it, and under its workload's if that is another one. */
static void endpoint_put(struct policy_gather *g, const struct ident_container *ct, uint16_t ns, const uint8_t addr[16])
{
	char id[NAME_ID_LEN];
	const char *workload = keep(g, ct->workload, strlen(ct->workload));

	name_of_workload(g->core, ct, id);
	endpoint_add(g, workload, ns, addr);
	if (strcmp(id, workload))
		endpoint_add(g, keep(g, id, strlen(id)), ns, addr);
}

static void passage_cb(const struct ident_container *ct, uint16_t ns, const uint8_t addr[16], void *arg)
{
	const struct ident_ns *n = ident_ns_get(((struct policy_gather *)arg)->core->ident, ns);

	if (ct->workload[0] && n && n->kind != IDENT_NS_CONTAINER)
		endpoint_put(arg, ct, ns, addr);
}

struct leg {
	struct policy_gather *g;
	const struct ident_container *ct;
	const struct ident_endpoint *ep;
	void (*cb)(uint16_t ns, const uint8_t addr[16], void *arg);
	void *arg;
	struct core *core;
	bool overlay;
	uint16_t node_ns;
};

static void leg_put(const struct leg *l, uint16_t ns)
{
	const uint8_t *addrs[2] = { l->ep->addr4, l->ep->addr6 };

	for (unsigned i = 0; ns && i < 2; i++) {
		if (is_zero(addrs[i]))
			continue;
		if (l->g)
			endpoint_put(l->g, l->ct, ns, addrs[i]);
		else
			l->cb(ns, addrs[i], l->arg);
	}
}

static void leg_overlay_cb(const struct ident_ns *ns, void *arg)
{
	struct leg *l = arg;

	if (ns_is_overlay_of(ns, l->ep->network_id)) {
		l->overlay = true;
		leg_put(l, ns->ns);
	}
}

/* What the engines say of it: known before the interface is, and of other nodes' containers too. */
static void legs(struct leg *l)
{
	l->node_ns = l->ct->engine < l->core->engine_count ? l->core->engines[l->ct->engine].ns : 0;
	for (unsigned i = 0; i < l->ct->endpoint_count && i < IDENT_ENDPOINTS_MAX; i++) {
		l->ep = &l->ct->endpoints[i];
		l->overlay = false;
		ident_each_ns(l->core->ident, leg_overlay_cb, l);
		if (!l->overlay && !l->ct->remote)
			leg_put(l, l->node_ns);
	}
}

static bool container_is_there(const struct ident_container *ct)
{
	return !ct->gone_mono_ns && ct->state != IDENT_EXITED && ct->state != IDENT_REMOVED && ct->workload[0];
}

static void container_cb(const struct ident_container *ct, void *arg)
{
	struct policy_gather *g = arg;
	struct leg l = { .g = g, .ct = ct, .core = g->core };

	if (container_is_there(ct))
		legs(&l);
}

struct passages {
	const struct ident_container *ct;
	void (*cb)(uint16_t ns, const uint8_t addr[16], void *arg);
	void *arg;
};

static void one_passage_cb(const struct ident_container *ct, uint16_t ns, const uint8_t addr[16], void *arg)
{
	struct passages *p = arg;

	if (ct == p->ct && !(addr[0] == 0xfe && (addr[1] & 0xc0) == 0x80))
		p->cb(ns, addr, p->arg);
}

void policy_each_address(struct core *c, const struct ident_container *ct, void (*cb)(uint16_t ns, const uint8_t addr[16], void *arg), void *arg)
{
	struct leg l = { .ct = ct, .core = c, .cb = cb, .arg = arg };
	struct passages p = { .ct = ct, .cb = cb, .arg = arg };

	legs(&l);
	ident_each_passage(c->ident, one_passage_cb, &p);
}

/* ---- rules ---------------------------------------------------------------------------------------------------------------------- */
struct facts {
	struct policy_gather *g;
	uint8_t dir;
};

static bool needs_no_rule(const char *peer)
{
	return !strncmp(peer, "host:", 5) || !strncmp(peer, "gateway:", 8) || !strncmp(peer, "engine:", 7) || !strncmp(peer, "multicast:", 10);
}

static bool rule_is_there(const struct policy_gather *g, uint8_t dir, const char *peer, const char *port)
{
	for (size_t i = 0; i < g->in.rule_count; i++)
		if (g->rules[i].workload == g->current && g->rules[i].dir == dir && !strcmp(g->rules[i].peer, peer) && !strcmp(g->rules[i].port, port))
			return true;
	return false;
}

static void edge_cb(const struct fact *f, void *arg)
{
	struct facts *x = arg;
	struct policy_gather *g = x->g;
	struct policy_edge *e;
	const char *port;
	size_t n = fact_fields(f->key, &port);
	char *peer = keep(g, f->key, n);
	struct policy_table *t = g->table;

	if (needs_no_rule(peer) || rule_is_there(g, x->dir, peer, port) || g->in.rule_count >= PLAN_EDGES_MAX ||
	    !room(g, &g->rules, g->in.rule_count, &g->rule_room, sizeof(*g->rules)))
		return;
	g->rules[g->in.rule_count++] = (struct policy_rule){ .workload = g->current, .dir = x->dir, .peer = peer, .port = keep(g, port, strlen(port)) };
	if (t->edge_count % 64 == 0) {
		e = reallocarray(t->edges, t->edge_count + 64, sizeof(*e));
		if (!e) {
			g->rc = -ENOMEM;
			g->in.rule_count--;
			return;
		}
		t->edges = e;
	}
	t->edges[t->edge_count++] = (struct policy_edge){ .workload = g->current, .dir = x->dir, .sources = (uint8_t)f->sources, .peer = strdup(peer),
							  .port = strdup(port), .where = strdup(f->where ? f->where : "") };
}

struct running {
	const char *workload, *image;
	bool found;
};

static void running_cb(const struct ident_container *ct, void *arg)
{
	struct running *r = arg;

	if (container_is_there(ct) && !ct->remote && !strcmp(ct->workload, r->workload) && !strcmp(ct->image_id, r->image))
		r->found = true;
}

static void model_cb(struct model *m, void *arg)
{
	struct policy_gather *g = arg;
	struct running r = { .workload = g->workloads[g->current].name, .image = model_image(m) };
	struct facts in = { g, PLAN_IN }, out = { g, PLAN_OUT };

	if (strcmp(model_workload(m), r.workload))
		return;
	/* Of several images those that run, and the one used last. */
	ident_each_container(g->core->ident, running_cb, &r);
	if (!r.found && m != core_model_named(g->core, r.workload))
		return;
	model_each_fact(m, FACT_EDGE_IN, edge_cb, &in);
	model_each_fact(m, FACT_EDGE_OUT, edge_cb, &out);
}

static void generation_cb(struct model *m, void *arg)
{
	*(uint64_t *)arg += model_generation(m);
}

uint64_t policy_models_generation(struct core *c)
{
	uint64_t n = 0;

	if (core_models(c))
		models_each(core_models(c), generation_cb, &n);
	return n;
}

/* ---- names ----------------------------------------------------------------------------------------------------------------------- */
static void name_cb(const uint8_t addr[16], const char *name, uint64_t until_ns, void *arg)
{
	struct policy_gather *g = arg;

	if (!room(g, &g->names, g->in.name_count, &g->name_room, sizeof(*g->names)))
		return;
	g->names[g->in.name_count] = (struct policy_name){ .name = keep(g, name, strlen(name)), .workload = g->current };
	memcpy(g->names[g->in.name_count++].addr, addr, 16);
}

static void names_container_cb(const struct ident_container *ct, void *arg)
{
	struct policy_gather *g = arg;

	if (container_is_there(ct) && !strcmp(ct->workload, g->workloads[g->current].name))
		dns_names_each(g->core->dns, name_scope(ct), name_cb, g);
}

/* ---- protocols -------------------------------------------------------------------------------------------------------------------- */
bool policy_protocols_are_checked(const struct core *c, const char *workload)
{
	for (unsigned i = 0; i < c->config.policy.workload_count; i++)
		if (!strcmp(c->config.policy.workloads[i].name, workload) && c->config.policy.workloads[i].protocols)
			return c->config.policy.workloads[i].protocols == 2;
	return c->config.policy.protocols;
}

struct protocols {
	struct policy_gather *g;
	const char *workload, *port;
	uint16_t number;
	uint8_t l4;
	bool any;
};

static void protocol_cb(const struct fact *f, void *arg)
{
	struct protocols *x = arg;
	struct policy_gather *g = x->g;
	const char *app;
	size_t n = fact_fields(f->key, &app);

	if (strlen(x->port) != n || memcmp(f->key, x->port, n) || !app[0] || !strcmp(app, FACT_ANY))
		return;
	x->any = true;
	if (!room(g, &g->protocols, g->in.protocol_count, &g->protocol_room, sizeof(*g->protocols)))
		return;
	app = keep(g, app, strlen(app));
	g->protocols[g->in.protocol_count++] = (struct policy_protocol){ .workload = x->workload, .app = app, .l4 = x->l4, .port = x->number };
}

static bool protocol_is_there(const struct policy_gather *g, const struct protocols *x)
{
	for (size_t i = 0; i < g->in.protocol_count; i++)
		if (g->protocols[i].l4 == x->l4 && g->protocols[i].port == x->number && !strcmp(g->protocols[i].workload, x->workload))
			return true;
	return false;
}

/* An edge's protocol is that of the listener at its server's end, once that is learned. */
static void rule_protocols(struct policy_gather *g, struct policy_rule *rule)
{
	struct protocols x = { .g = g, .workload = rule->dir == PLAN_IN ? g->workloads[rule->workload].name : rule->peer, .port = rule->port };
	const struct model *m;
	uint16_t hi;

	if (!policy_protocols_are_checked(g->core, g->workloads[rule->workload].name) || !policy_port(rule->port, &x.l4, &x.number, &hi) || x.number != hi ||
	    (x.l4 != IPPROTO_TCP && x.l4 != IPPROTO_UDP))
		return;
	m = core_model_named(g->core, x.workload);
	if (!m || model_dimension_state(m, FACT_PROTOCOL) == MODEL_LEARNING)
		return;
	x.any = protocol_is_there(g, &x);
	if (!x.any)
		model_each_fact(m, FACT_PROTOCOL, protocol_cb, &x);
	rule->check = x.any;
}

/* ---- listeners of containers on the host network ------------------------------------------------------------------------------------ */
static void listener_cb(const struct core_listener_view *v, void *arg)
{
	struct policy_gather *g = arg;
	const struct ident_container *ct = core_container_of_cgroup(g->core, v->l->cgroup);

	if (!ct || ct->remote || !engines_on_host_network(g->core, ct) || v->l->closed_mono_ns || strcmp(ct->workload, g->workloads[g->current].name) ||
	    ct->engine >= g->core->engine_count || !room(g, &g->listeners, g->in.listener_count, &g->listener_room, sizeof(*g->listeners)))
		return;
	g->listeners[g->in.listener_count++] = (struct policy_listener){ .workload = g->workloads[g->current].name, .port = v->l->port, .l4 = v->l->proto,
									 .ns = g->core->engines[ct->engine].ns };
}

/* ---- all of it ------------------------------------------------------------------------------------------------------------------------ */
static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct policy_workload *)a)->name, ((const struct policy_workload *)b)->name);
}

static void workload_add(struct policy_gather *g, const char *name, bool cut, bool closed)
{
	if (g->in.workload_count >= PLAN_WORKLOADS_MAX || !room(g, &g->workloads, g->in.workload_count, &g->workload_room, sizeof(*g->workloads)))
		return;
	g->workloads[g->in.workload_count++] = (struct policy_workload){ .name = keep(g, name, strlen(name)), .cut = cut, .closed = closed };
}

static void workloads_gather(struct policy_gather *g, const char *only)
{
	const struct core_policy *p = g->core->policy;
	bool told = !only;

	for (unsigned i = 0; i < p->choice_count; i++) {
		const struct policy_choice *ch = &p->choices[i];
		bool this = only && !strcmp(ch->name, only);

		if (!policy_is_enforced(g->core, ch) && !this)
			continue;
		workload_add(g, ch->name, ch->cut, ch->closed);
		told |= this;
	}
	if (!told)
		workload_add(g, only, false, false);
	if (g->in.workload_count)
		qsort(g->workloads, g->in.workload_count, sizeof(*g->workloads), by_name);
}

int policy_gather(struct core *c, const char *only, struct policy_gather *ret)
{
	struct policy_gather *g = ret;

	*g = (struct policy_gather){ .core = c };
	g->table = calloc(1, sizeof(*g->table));
	if (!g->table)
		return -ENOMEM;
	g->in.mark = c->config.policy.ct_mark;
	workloads_gather(g, only);
	places_gather(g);
	ident_each_passage(c->ident, passage_cb, g);
	ident_each_container(c->ident, container_cb, g);
	g->table->workloads = calloc(g->in.workload_count ? g->in.workload_count : 1, sizeof(char *));
	if (!g->table->workloads)
		return -ENOMEM;
	g->table->workload_count = (unsigned)g->in.workload_count;
	for (g->current = 0; g->current < g->in.workload_count; g->current++) {
		g->table->workloads[g->current] = strdup(g->workloads[g->current].name);
		if (core_models(c))
			models_each(core_models(c), model_cb, g);
		ident_each_container(c->ident, names_container_cb, g);
		core_each_listener(c, listener_cb, g);
	}
	for (size_t i = 0; i < g->in.rule_count; i++)
		rule_protocols(g, &g->rules[i]);
	g->in.protocols = g->protocols;
	g->in.workloads = g->workloads;
	g->in.rules = g->rules;
	g->in.endpoints = g->endpoints;
	g->in.names = g->names;
	g->in.places = g->places;
	g->in.listeners = g->listeners;
	return g->rc;
}

void policy_gather_free(struct policy_gather *g)
{
	for (struct arena *a = g->arena, *next; a; a = next) {
		next = a->next;
		free(a);
	}
	policy_table_free(g->table);
	free(g->workloads);
	free(g->rules);
	free(g->endpoints);
	free(g->names);
	free(g->places);
	free(g->listeners);
	free(g->protocols);
	*g = (struct policy_gather){ .rc = 0 };
}

void policy_table_free(struct policy_table *t)
{
	if (!t)
		return;
	for (unsigned i = 0; i < t->edge_count; i++) {
		free(t->edges[i].peer);
		free(t->edges[i].port);
		free(t->edges[i].where);
	}
	for (unsigned i = 0; i < t->workload_count && t->workloads; i++)
		free(t->workloads[i]);
	free(t->edges);
	free(t->workloads);
	free(t);
}

/* ---- what must never be blocked ------------------------------------------------------------------------------------------------------ */
const char *policy_never(struct core *c, const uint8_t addr[16])
{
	struct policy_gather g = { .core = c };
	enum never_block n = never_block_check(addr, addr, NULL, 0);
	static char why[96]; /* one thread; until the next call */
	bool known = false;

	why[0] = '\0';
	places_gather(&g);
	ident_each_passage(c->ident, passage_cb, &g);
	ident_each_container(c->ident, container_cb, &g);
	for (size_t i = 0; i < g.in.place_count && !why[0]; i++) {
		const struct policy_place *p = &g.places[i];

		if ((p->kind == PLAN_ALWAYS || p->kind == PLAN_RESOLVER) && plan_addr_in(addr, p->addr, p->bits))
			snprintf(why, sizeof(why), p->kind == PLAN_RESOLVER ? "it is a resolver" : "it is the node, a gateway, or in feeds.never_block");
	}
	for (size_t i = 0; i < g.in.endpoint_count && !known; i++)
		known = !memcmp(g.endpoints[i].addr, addr, 16);
	/* A container's private address may be: that is no list's word, and it concerns one other container. */
	if (!why[0] && n != NEVER_NO && !(known && n == NEVER_PRIVATE))
		snprintf(why, sizeof(why), "its kind is \"%s\"", never_block_name(n));
	policy_gather_free(&g);
	return why[0] ? why : NULL;
}
