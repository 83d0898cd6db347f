/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Flows: takes in what was read of the kernel's flow map (flow_scan.c says what is read, and when), names the ends, adds what
 * is new to the map of edges. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "sensor/core/core_priv.h"

#define HOLD_NS (2 * NSEC_PER_SEC)         /* a flow waits this long for the name of its container */
#define PROVISIONAL_NS (60 * NSEC_PER_SEC) /* after this a name is taken as it is */

/* ---- counters into edges ------------------------------------------------------------------------------------- */
struct flow_sums {
	uint64_t packets[2], bytes[2];
	uint64_t flows;
};

static const char *flow_exe(struct core *c, const struct flow *f, unsigned e)
{
	uint32_t index;
	const struct process *p;

	if (flow_process(c, f, e, &index) == ATTR_UNKNOWN)
		return NULL;
	p = processes_get(c->procs, index);
	return p && p->exe[0] ? p->exe : NULL;
}

static struct topo_delta flow_delta(struct core *c, const struct flow *f, const struct flow_sums *s)
{
	struct flow_pair *pair = f->edge;
	unsigned cl = f->client_end, sv = !cl;
	/* On an overlay of which this sensor watches both nodes, each node's record counts what its own end sent. */
	bool half = f->state & FLOW_HALF_VIEW, from_client = !half || f->end_if[cl], from_server = !half || f->end_if[sv];
	struct topo_delta d = {
		.client = *pair_end(pair, PAIR_CLIENT),
		.server = *pair_end(pair, PAIR_SERVER),
		.hint = pair_hint(pair),
		.l4 = pair_l4(pair),
		.port = pair_port(pair),
		.bytes_to_server = from_client ? s->bytes[cl] : 0,
		.packets_to_server = from_client ? s->packets[cl] : 0,
		.bytes_to_client = from_server ? s->bytes[sv] : 0,
		.packets_to_client = from_server ? s->packets[sv] : 0,
		.new_flows = from_client ? s->flows : 0,
		.first_seen_ns = core_wall_ns(c, f->first_ns),
		.last_seen_ns = core_wall_ns(c, f->last_ns),
		.client_exe = flow_exe(c, f, cl),
		.server_exe = flow_exe(c, f, sv),
	};

	if (f->detail) {
		d.app = f->detail->app;
		d.app_confidence = f->detail->confidence;
		d.host = f->detail->host[0] ? f->detail->host : NULL;
	}
	return d;
}

static struct flow_sums flow_totals(const struct flow *f)
{
	return (struct flow_sums){ { f->packets[0], f->packets[1] }, { f->bytes[0], f->bytes[1] }, 1 };
}

static void flow_into_map(struct core *c, struct flow *f, const struct flow_sums *s)
{
	struct topo_delta d = flow_delta(c, f, s);

	if (topo_add(c->topo, &d) == -ENOSPC)
		core_lost(c, LOSS_EDGE_TABLE, 1);
	f->state |= FLOW_IN_MAP;
}

void flow_into_map_more(struct core *c, struct flow *f, unsigned e, uint64_t packets, uint64_t bytes)
{
	struct flow_sums s = { .flows = 0 };

	s.packets[e] = packets;
	s.bytes[e] = bytes;
	if (f->state & (FLOW_IN_MAP | FLOW_BASELINE)) /* else it comes in with all it has */
		flow_into_map(c, f, &s);
}

void flow_leave_map(struct core *c, struct flow *f)
{
	if ((f->state & (FLOW_IN_MAP | FLOW_BASELINE)) == FLOW_IN_MAP) {
		struct flow_sums s = flow_totals(f);
		struct topo_delta d = flow_delta(c, f, &s);

		topo_sub(c->topo, &d);
	}
	f->state = (uint16_t)((f->state & ~(FLOW_IN_MAP | FLOW_PROVISIONAL)) | FLOW_NO_EDGE | FLOW_ANNOUNCED);
}

/* ---- names --------------------------------------------------------------------------------------------------- */
/* What never is an edge (DECISIONS 31): multicast, neighbour discovery, the engine's own DNS on behalf of a container. */
static bool flow_is_no_edge(struct core *c, const struct flow *f, const struct end_name *cl, const struct end_name *sv)
{
	uint32_t index;
	const struct process *p;

	if (cl->end.kind == IDENT_MULTICAST || sv->end.kind == IDENT_MULTICAST || cl->end.kind == IDENT_ENGINE_RESOLVER ||
	    sv->end.kind == IDENT_ENGINE_RESOLVER || f->key.claimant_if)
		return true;
	if (f->key.proto == IPPROTO_IGMP)
		return true;
	if (f->key.proto == IPPROTO_ICMPV6) {
		unsigned type = ntohs(f->key.port[0]) >> 8;

		/* Errors and echo (1..129 except MLD) are traffic; 130..143, 148..153: MLD, ND, router discovery. An echo's
		 * identifier can look like one of these types, but then both directions are seen. */
		if (type >= MLD_LISTENER_QUERY && type <= 153 && !(f->flags & PG_FLOW_TWO_WAY))
			return true;
		if ((type == ND_NEIGHBOR_SOLICIT || type == ND_NEIGHBOR_ADVERT) && (ntohs(f->key.port[0]) & 0xff) == 0)
			return true;
	}
	if (f->key.port[!f->client_end] == htons(53) && flow_process(c, f, f->client_end, &index) != ATTR_UNKNOWN) {
		p = processes_get(c->procs, index);
		for (unsigned i = 0; p && i < c->engine_count; i++)
			if (c->engines[i].pid && c->engines[i].pid == p->tgid)
				return true;
	}
	return false;
}

/* A name once given by a container stays unless a surer way gives another: an address soon belongs to somebody else. */
static void name_keep_better(struct flow *f, unsigned old_client, struct end_name n[2])
{
	for (unsigned e = 0; e < 2; e++) {
		int which = e == old_client ? PAIR_CLIENT : PAIR_SERVER;
		const struct ident_container *old = f->edge ? pair_container(f->edge, which) : NULL;

		if (old && n[e].end.how <= f->how[e] && n[e].end.container != old && n[e].end.how < IDENT_HOW_CGROUP) {
			n[e].desc = *pair_end(f->edge, which);
			n[e].end.kind = IDENT_WORKLOAD;
			n[e].end.container = old;
			n[e].end.how = f->how[e];
			n[e].provisional = n[e].soft = false;
		}
		f->how[e] = (uint8_t)n[e].end.how;
	}
}

/* The names are there and stand in f->edge. Returns whether they wait for better ones. */
static bool flow_named(struct core *c, struct flow *f, bool half_view, bool provisional, bool soft, uint64_t now)
{
	f->state &= (uint16_t)~(FLOW_HALF_VIEW | FLOW_PROVISIONAL);
	if (half_view)
		f->state |= FLOW_HALF_VIEW;
	if ((provisional || soft) && now - f->first_ns < PROVISIONAL_NS) {
		f->state |= FLOW_PROVISIONAL;
		c->priv->unsettled = true;
	}
	return provisional && now - f->first_ns < HOLD_NS;
}

static void flow_announce(struct core *c, struct flow *f, bool changed)
{
	if (!(f->state & FLOW_ANNOUNCED)) {
		f->state |= FLOW_ANNOUNCED;
		core_announce(c, f, "new");
	} else if (changed) {
		core_announce(c, f, "named");
	}
}

/* By what a flow like it was named. */
static bool flow_name_cached(struct core *c, struct flow *f)
{
	struct cached_name n;

	f->edge = cached_names(c, f, &n);
	if (!f->edge)
		return false;
	memcpy(f->how, n.how, sizeof(f->how));
	flow_named(c, f, n.half_view, false, n.soft, n.soft ? clock_mono_ns() : 0);
	if (!flow_join(c, f))
		flow_announce(c, f, true);
	return true;
}

static void flow_cache_names(struct core *c, const struct flow *f, const struct end_name n[2])
{
	const struct cached_name cn = { .how = { f->how[0], f->how[1] },
					.soft = n[0].soft || n[1].soft,
					.half_view = n[0].twin_local || n[1].twin_local };

	if (name_is_of_all(c, f, 0, &n[0]) && name_is_of_all(c, f, 1, &n[1]))
		cache_names(c, f, f->edge, &cn);
}

/* Puts the pair in place of the one the flow has, and moves its counts along. Returns whether it is another one. */
static bool flow_pair_set(struct core *c, struct flow *f, struct flow_pair *pair)
{
	bool changed = pair != f->edge;

	if (changed && (f->state & (FLOW_IN_MAP | FLOW_BASELINE)) == FLOW_IN_MAP) {
		struct flow_sums s = flow_totals(f);
		struct topo_delta d = flow_delta(c, f, &s);

		topo_sub(c->topo, &d);
	}
	pair_put(c, f->edge);
	f->edge = pair;
	return changed;
}

static void want_remote(struct core *c, const struct flow *f, unsigned e, const struct end_name *n)
{
	if (n->provisional && !f->end_if[e] && n->end.network && strcmp(n->end.network->driver, "overlay") == 0)
		engines_want_remote(c, n->end.engine, n->end.network->id);
}

static uint16_t server_port(const struct flow *f, unsigned sv, const struct end_name *n)
{
	if (n->end.how == IDENT_HOW_PUBLISHED && n->end.port)
		return n->end.port;
	return f->key.proto == IPPROTO_ICMP || f->key.proto == IPPROTO_ICMPV6 ? 0 : ntohs(f->key.port[sv]);
}

/* Finds the names of both ends. Returns whether the pair changed. */
static bool flow_name(struct core *c, struct flow *f)
{
	uint64_t now = clock_mono_ns();
	struct end_name n[2];
	struct flow_pair *pair;
	unsigned old_client = f->client_end, cl, sv;
	bool changed, first = !f->edge, waits;

	if (f->joined == JOIN_REAR)
		return false;
	f->client_end = (uint8_t)flow_client_end(c, f);
	if (first && flow_name_cached(c, f))
		return true;
	cl = f->client_end;
	sv = !cl;
	for (unsigned e = 0; e < 2; e++) {
		name_end(c, f, e, &n[e]);
		if (n[e].end.spoofed && f->packets[e])
			f->state |= FLOW_SPOOFED;
		want_remote(c, f, e, &n[e]);
	}
	name_keep_better(f, old_client, n);
	pair = pair_get(c, &n[cl], &n[sv], f->key.proto, server_port(f, sv, &n[sv]));
	if (!pair)
		return false;
	changed = flow_pair_set(c, f, pair);
	waits = flow_named(c, f, n[0].twin_local || n[1].twin_local, n[0].provisional || n[1].provisional, n[0].soft || n[1].soft, now);
	if (flow_is_no_edge(c, f, &n[cl], &n[sv])) {
		f->state = (uint16_t)((f->state & ~FLOW_IN_MAP) | FLOW_NO_EDGE);
	} else if (changed && (f->state & (FLOW_IN_MAP | FLOW_BASELINE)) == FLOW_IN_MAP) {
		struct flow_sums s = flow_totals(f);

		flow_into_map(c, f, &s);
	} else if (!(f->state & FLOW_IN_MAP) && waits) {
		c->priv->unsettled = true;
		return changed; /* wait for the name */
	} else if (first) {
		flow_cache_names(c, f, n);
	}
	if (!flow_join(c, f))
		flow_announce(c, f, changed);
	return changed;
}

void flow_renamed(struct core *c, struct flow *f)
{
	const struct flow_sums none = { 0 };

	if (f->state & FLOW_IN_MAP)
		flow_into_map(c, f, &none);
}

static void flow_count_at_listener(struct core *c, struct flow *f)
{
	struct listener *l;

	if ((f->state & FLOW_LISTENED) || !f->edge)
		return;
	l = flow_listener(c, f, !f->client_end);
	if (!l)
		return;
	l->flows++;
	f->state |= FLOW_LISTENED;
	if (f->detail) {
		listeners_label(c->listeners, l, f->detail->app, f->detail->confidence, f->detail->info);
		listeners_facts(c->listeners, l, f->detail->facts);
	}
}

/* ---- taking in ----------------------------------------------------------------------------------------------- */
static bool same_exe(const struct process *a, const struct process *b)
{
	return a && b && a->exe == b->exe && a->cgroup == b->cgroup; /* interned */
}

/* An accepted connection is at first its listener's; then that of the process which serves it, once it has read or closed.
 * Returns whether that is another program. */
static bool flow_server(struct core *c, struct flow *f, const struct pg_server *s)
{
	unsigned d = !(f->flags & PG_FLOW_SYN_DIR);
	const struct process *before;
	uint32_t p;

	if (!s || !s->tgid || (f->state & FLOW_SERVED) || f->packets[d] < 2)
		return false;
	p = processes_find(c->procs, s->tgid, s->start_boot_ns);
	if (!p)
		return false;
	f->state |= FLOW_SERVED;
	if (p == f->owner[d])
		return false;
	before = processes_get(c->procs, f->owner[d]);
	processes_ref(c->procs, p);
	if (f->owner[d])
		processes_unref(c->procs, f->owner[d]);
	f->owner[d] = p;
	return !same_exe(before, processes_get(c->procs, p));
}

static bool flow_owners(struct core *c, struct flow *f, const struct pg_flow *v, const struct pg_server *server)
{
	bool found = flow_server(c, f, server);

	for (unsigned d = 0; d < 2; d++) {
		uint32_t p;

		if (f->owner[d] || !v->owner_tgid[d])
			continue;
		p = processes_find(c->procs, v->owner_tgid[d], v->owner_start_ns[d]);
		if (!p)
			continue;
		processes_ref(c->procs, p);
		f->owner[d] = p;
		found = true;
	}
	return found;
}

/* Names it if it has no name yet, and puts it into the map once it has. */
static void flow_enter(struct core *c, struct flow *f)
{
	flow_name(c, f);
	if (!(f->state & FLOW_NO_EDGE) && (f->state & FLOW_ANNOUNCED)) {
		struct flow_sums s = flow_totals(f);

		flow_into_map(c, f, &s);
	}
}

/* An earlier core counted what is in it now: it is named without being added. */
static void flow_enter_counted(struct core *c, struct flow *f)
{
	f->state |= FLOW_BASELINE | FLOW_ANNOUNCED;
	flow_name(c, f);
	if (!(f->state & FLOW_NO_EDGE))
		f->state |= FLOW_IN_MAP;
}

static struct flow_sums flow_read(struct flow *f, const struct pg_flow *v)
{
	struct flow_sums delta = { .flows = 0 };

	for (unsigned d = 0; d < 2; d++) {
		f->end_if[d] = v->end_if[d];
		f->tcp_flags[d] = v->tcp_flags[d];
		if (v->packets[d] < f->packets[d]) /* a joined flow's, whose other half has counted them */
			continue;
		delta.packets[d] = v->packets[d] - f->packets[d];
		delta.bytes[d] = v->bytes[d] - f->bytes[d];
		f->packets[d] = v->packets[d];
		f->bytes[d] = v->bytes[d];
	}
	if (delta.packets[0] || delta.packets[1])
		f->state |= FLOW_UNSAVED;
	f->last_ns = v->last_ns;
	f->flags = v->flags;
	return delta;
}

/* A flow that an earlier core may have known: goes on where that one's edges end. False: it did not. */
static bool flow_resume(struct core *c, struct flow *f, const struct pg_flow *v, const struct pg_server *server)
{
	bool stored;

	flow_read(f, v);
	stored = positions_take(c, f);
	if (!stored && v->first_ns > c->priv->baseline_ns) {
		memset(f->packets, 0, sizeof(f->packets));
		memset(f->bytes, 0, sizeof(f->bytes));
		return false;
	}
	flow_owners(c, f, v, server);
	flow_enter_counted(c, f);
	if (stored)
		flow_update(c, f, v, server);
	else if (!flow_is_closed(f) && !(f->state & FLOW_NO_EDGE))
		core_lost(c, LOSS_UNSAVED, 1);
	return true;
}

struct flow *flow_take(struct core *c, const struct flow_key *key, const struct pg_flow *v, const struct pg_server *server)
{
	bool made;
	struct flow *f = flow_table_get(c->flows, key, &made);

	if (!f) {
		core_lost(c, LOSS_USER_FLOW_TABLE, 1);
		return NULL;
	}
	if (made) {
		f->first_ns = v->first_ns;
		f->client_end = 2;
		if (c->priv->baseline_ns && flow_resume(c, f, v, server))
			return f;
	}
	flow_update(c, f, v, server);
	return f;
}

void flow_update(struct core *c, struct flow *f, const struct pg_flow *v, const struct pg_server *server)
{
	struct flow_sums delta = flow_read(f, v);
	bool owners = flow_owners(c, f, v, server);

	if (f->state & FLOW_IN_MAP) {
		if (delta.packets[0] || delta.packets[1] || owners)
			flow_into_map(c, f, &delta);
		/* A process tells apart the containers of one namespace, so its arrival may change the name. */
		if (owners && !flow_name(c, f))
			core_announce(c, f, "named");
	} else if (!(f->state & FLOW_NO_EDGE)) {
		flow_enter(c, f);
	}
	flow_count_at_listener(c, f);
	if (f->joined)
		flow_joined_read(c, f);
}

void flow_settle(struct core *c, struct flow *f)
{
	struct core_private *p = c->priv;

	if (!(f->state & (FLOW_IN_MAP | FLOW_NO_EDGE))) {
		flow_enter(c, f);
		flow_count_at_listener(c, f);
	} else if (f->state & FLOW_PROVISIONAL) {
		if (p->names_moved)
			flow_name(c, f);
		p->unsettled = true;
	}
}

/* It is in the kernel's map no more: its last counts stay in the map of edges and in the history. */
void flow_finish(struct core *c, struct flow *f)
{
	if (!(f->state & (FLOW_IN_MAP | FLOW_NO_EDGE)) && f->edge) {
		struct flow_sums s = flow_totals(f);

		flow_into_map(c, f, &s);
	}
	f->state |= FLOW_ENDED;
	if (f->joined)
		flow_joined_read(c, f);
	if (f->edge && f->joined != JOIN_REAR) {
		history_add(c, f);
		core_announce(c, f, "closed");
	}
	positions_forget(c, f);
	flow_release(c, f);
}

void flow_release(struct core *c, struct flow *f)
{
	for (unsigned d = 0; d < 2; d++)
		if (f->owner[d])
			processes_unref(c->procs, f->owner[d]);
	flow_unjoin(c, f);
	pair_put(c, f->edge);
	if (f->detail) {
		strpool_put(c->priv->strings, f->detail->app);
		strpool_put(c->priv->strings, f->detail->host);
		strpool_put(c->priv->strings, f->detail->info);
		strpool_put(c->priv->strings, f->detail->facts);
		free(f->detail);
	}
	flow_table_remove(c->flows, f);
}

