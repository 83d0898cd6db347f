/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Flows: reads the kernel's flow map, names the ends, adds what is new to the map of edges, takes ended flows out.
 *
 * Without news nothing is read: the programs count new flows in a shared page (struct pg_flow_gauge). With news the map is
 * read in batches, at most every SCAN_MIN_NS and never for more than about a tenth of the time. */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/clock.h"
#include "base/log.h"
#include "sensor/core/core_priv.h"
#include "sensor/core/store.h"

#define SCAN_BATCH 4096
#define SCAN_MIN_NS (40 * NSEC_PER_MSEC)
#define SCAN_REFRESH_NS (1 * NSEC_PER_SEC) /* counters of known flows, when there are any */

#define HOLD_NS (2 * NSEC_PER_SEC)         /* a flow waits this long for the name of its container */
#define SYNC_NS (5 * NSEC_PER_SEC)         /* no flow is named before the engines are listed, but not for longer */
#define PROVISIONAL_NS (60 * NSEC_PER_SEC) /* after this a name is taken as it is */

/* DECISIONS 31 */
#define TCP_CLOSED_NS (5 * NSEC_PER_SEC)
#define TCP_IDLE_NS (3600 * NSEC_PER_SEC)
#define TCP_HALF_NS (60 * NSEC_PER_SEC)
#define UDP_IDLE_NS (60 * NSEC_PER_SEC)

#define TCP_FIN 1
#define TCP_RST 4

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
	const struct flow_pair *pair = f->edge;
	unsigned cl = f->client_end, sv = !cl;
	/* On an overlay of which this sensor watches both nodes, each node's record counts what its own end sent. */
	bool half = f->state & FLOW_HALF_VIEW, from_client = !half || f->end_if[cl], from_server = !half || f->end_if[sv];
	struct topo_delta d = {
		.client = *pair_end(pair, PAIR_CLIENT),
		.server = *pair_end(pair, PAIR_SERVER),
		.l4 = pair_l4(pair),
		.port = pair_port(pair),
		.bytes_to_server = from_client ? s->bytes[cl] : 0,
		.packets_to_server = from_client ? s->packets[cl] : 0,
		.bytes_to_client = from_server ? s->bytes[sv] : 0,
		.packets_to_client = from_server ? s->packets[sv] : 0,
		.new_flows = from_client ? s->flows : 0,
		.first_seen_ns = clock_mono_to_wall_ns(f->first_ns),
		.last_seen_ns = clock_mono_to_wall_ns(f->last_ns),
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

/* Finds the names of both ends. Returns whether the pair changed. */
static bool flow_name(struct core *c, struct flow *f)
{
	uint64_t now = clock_mono_ns();
	struct end_name n[2];
	struct flow_pair *pair;
	unsigned cl, sv;
	unsigned old_client = f->client_end;
	uint16_t port;
	bool changed;

	f->client_end = (uint8_t)flow_client_end(c, f);
	cl = f->client_end;
	sv = !cl;
	name_end(c, f, 0, &n[0]);
	name_end(c, f, 1, &n[1]);
	for (unsigned e = 0; e < 2; e++)
		if (n[e].provisional && !f->end_if[e] && n[e].end.network && strcmp(n[e].end.network->driver, "overlay") == 0)
			engines_want_remote(c, n[e].end.engine, n[e].end.network->id);
	port = f->key.proto == IPPROTO_ICMP || f->key.proto == IPPROTO_ICMPV6 ? 0 : ntohs(f->key.port[sv]);
	if (n[sv].end.how == IDENT_HOW_PUBLISHED && n[sv].end.port)
		port = n[sv].end.port;
	name_keep_better(f, old_client, n);
	pair = pair_get(c, &n[cl], &n[sv], f->key.proto, port);
	if (!pair)
		return false;
	changed = pair != f->edge;
	if (changed && (f->state & (FLOW_IN_MAP | FLOW_BASELINE)) == FLOW_IN_MAP) {
		struct flow_sums s = flow_totals(f);
		struct topo_delta d = flow_delta(c, f, &s);

		topo_sub(c->topo, &d);
	}
	pair_put(c, f->edge);
	f->edge = pair;
	f->state &= (uint8_t) ~(FLOW_HALF_VIEW | FLOW_PROVISIONAL);
	if (n[0].twin_local || n[1].twin_local)
		f->state |= FLOW_HALF_VIEW;
	if ((n[0].provisional || n[1].provisional || n[0].soft || n[1].soft) && now - f->first_ns < PROVISIONAL_NS)
		f->state |= FLOW_PROVISIONAL;
	if (flow_is_no_edge(c, f, &n[cl], &n[sv])) {
		f->state = (uint8_t)((f->state & ~FLOW_IN_MAP) | FLOW_NO_EDGE);
	} else if (changed && (f->state & (FLOW_IN_MAP | FLOW_BASELINE)) == FLOW_IN_MAP) {
		struct flow_sums s = flow_totals(f);

		flow_into_map(c, f, &s);
	} else if (!(f->state & FLOW_IN_MAP) && (n[0].provisional || n[1].provisional) && now - f->first_ns < HOLD_NS) {
		return changed; /* wait for the name */
	}
	if (!(f->state & FLOW_ANNOUNCED)) {
		f->state |= FLOW_ANNOUNCED;
		core_announce(c, f, "new");
	} else if (changed) {
		core_announce(c, f, "named");
	}
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
static bool flow_owners(struct core *c, struct flow *f, const struct pg_flow *v)
{
	bool found = false;

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

static struct flow *flow_take(struct core *c, const struct flow_key *key, const struct pg_flow *v, bool names_moved)
{
	struct flow_sums delta;
	bool made, owners;
	struct flow *f = flow_table_get(c->flows, key, &made);

	if (!f) {
		core_lost(c, LOSS_USER_FLOW_TABLE, 1);
		return NULL;
	}
	if (made) {
		f->first_ns = v->first_ns;
		f->client_end = 2;
		if (v->first_ns <= c->priv->baseline_ns) {
			/* An earlier core counted what is in it now. */
			f->state |= FLOW_IN_MAP | FLOW_BASELINE;
			memcpy(f->packets, v->packets, sizeof(f->packets));
			memcpy(f->bytes, v->bytes, sizeof(f->bytes));
		}
	}
	delta.flows = 0;
	for (unsigned d = 0; d < 2; d++) {
		delta.packets[d] = v->packets[d] - f->packets[d];
		delta.bytes[d] = v->bytes[d] - f->bytes[d];
		f->packets[d] = v->packets[d];
		f->bytes[d] = v->bytes[d];
		f->end_if[d] = v->end_if[d];
		f->tcp_flags[d] = v->tcp_flags[d];
	}
	f->last_ns = v->last_ns;
	f->flags = v->flags;
	owners = flow_owners(c, f, v);
	if (made && (f->state & FLOW_IN_MAP)) {
		/* Names it without adding it: its totals are in the restored edges. */
		f->state &= (uint8_t)~FLOW_IN_MAP;
		f->state |= FLOW_ANNOUNCED;
		flow_name(c, f);
		if (!(f->state & FLOW_NO_EDGE))
			f->state |= FLOW_IN_MAP;
		return f;
	}
	if (f->state & FLOW_IN_MAP) {
		if (delta.packets[0] || delta.packets[1] || owners)
			flow_into_map(c, f, &delta);
		/* A process tells apart the containers of one namespace, so its arrival may change the name. */
		if (((f->state & FLOW_PROVISIONAL) && names_moved) || owners) {
			if (!flow_name(c, f) && owners)
				core_announce(c, f, "named");
		}
	} else if (!(f->state & FLOW_NO_EDGE) || ((f->state & FLOW_PROVISIONAL) && names_moved)) {
		flow_name(c, f);
		if (!(f->state & FLOW_NO_EDGE) && (f->state & FLOW_ANNOUNCED)) {
			struct flow_sums s = flow_totals(f);

			flow_into_map(c, f, &s);
		}
	}
	flow_count_at_listener(c, f);
	return f;
}

static bool flow_has_ended(const struct flow *f, uint64_t now, bool pressure)
{
	uint64_t idle = now > f->last_ns ? now - f->last_ns : 0;

	if (f->key.proto == IPPROTO_TCP) {
		if (((f->tcp_flags[0] | f->tcp_flags[1]) & TCP_RST) || (f->tcp_flags[0] & f->tcp_flags[1] & TCP_FIN))
			return idle > (pressure ? NSEC_PER_SEC / 5 : TCP_CLOSED_NS);
		if (!(f->flags & PG_FLOW_TWO_WAY))
			return idle > (pressure ? 3 * NSEC_PER_SEC : TCP_HALF_NS);
		return idle > TCP_IDLE_NS;
	}
	if (pressure && !(f->flags & PG_FLOW_TWO_WAY))
		return idle > NSEC_PER_SEC / 10;
	return idle > UDP_IDLE_NS;
}

static void flow_release(struct core *c, struct flow *f)
{
	for (unsigned d = 0; d < 2; d++)
		if (f->owner[d])
			processes_unref(c->procs, f->owner[d]);
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

/* Takes an ended flow out of the kernel's map, with its last counts, and out of ours. */
static void flow_end(struct core *c, struct flow *f)
{
	struct core_flow_view view;
	struct flow_key key = f->key;
	struct pg_flow v;
	int fd = core_map_fd(c, "flows");

	if (bpf_map_lookup_and_delete_elem(fd, &key, &v) == 0) {
		struct pg_flow_gauge *g = c->priv->gauge;

		f = flow_take(c, &key, &v, true);
		if (g) {
			__atomic_add_fetch(&g->reaped, 1, __ATOMIC_RELAXED);
			if (!(v.flags & PG_FLOW_TWO_WAY))
				__atomic_add_fetch(&g->reaped_half, 1, __ATOMIC_RELAXED);
		}
		if (!f)
			return;
	}
	if (!(f->state & (FLOW_IN_MAP | FLOW_NO_EDGE))) {
		struct flow_sums s = flow_totals(f);

		if (f->edge)
			flow_into_map(c, f, &s);
	}
	f->state |= FLOW_ENDED;
	if (f->edge) {
		core_view_flow(c, f, &view);
		store_flow_ended(c->store, &view);
		core_announce(c, f, "closed");
	}
	flow_release(c, f);
}

struct flow *flows_fetch(struct core *c, const struct flow_key *key)
{
	struct pg_flow v;
	int fd = core_map_fd(c, "flows");

	if (fd < 0 || bpf_map_lookup_elem(fd, key, &v) != 0)
		return NULL;
	events_consume(c);
	return flow_take(c, key, &v, false);
}

/* A restarted core finds flows before it knows a single container: it waits for the engines' lists, within bounds. */
static bool flows_synced(struct core *c, uint64_t now)
{
	struct core_private *p = c->priv;
	bool all = c->engine_count > 0;

	if (p->synced)
		return true;
	for (unsigned i = 0; i < c->engine_count; i++)
		if (!c->engines[i].resyncs)
			all = false;
	if (!all && now - p->ready_ns < SYNC_NS)
		return false;
	p->synced = true;
	labels_early(c);
	return true;
}

/* ---- the scan ------------------------------------------------------------------------------------------------ */
struct scan_end {
	struct core *c;
	uint64_t now;
	bool pressure;
};

static bool scan_end_cb(struct flow *f, void *arg)
{
	struct scan_end *s = arg;

	if (flow_has_ended(f, s->now, s->pressure))
		flow_end(s->c, f);
	return true;
}

static void scan_map(struct core *c, int fd, bool names_moved)
{
	struct flow_key *keys = c->priv->scan_keys;
	struct pg_flow *values = c->priv->scan_values;
	uint32_t in = 0, out = 0, count;
	bool first = true;
	int err;

	do {
		count = SCAN_BATCH;
		err = bpf_map_lookup_batch(fd, first ? NULL : &in, &out, keys, values, &count, NULL) < 0 ? -errno : 0;
		if (err && err != -ENOENT) {
			log_debug("flow map: batch read failed: %s", strerror(-err));
			return;
		}
		/* After the read: a process runs before it sends, so what the flows just read need is in the ring now. */
		events_consume(c);
		for (uint32_t i = 0; i < count; i++)
			flow_take(c, &keys[i], &values[i], names_moved);
		in = out;
		first = false;
	} while (!err);
}

/* Whether room is running out: for flows as such, or for one-way ones (a scan, a flood of datagrams). Then those that are over,
 * or were never answered, leave early. */
static bool scan_under_pressure(const struct core *c, const struct pg_flow_gauge *g)
{
	return g->opened - g->reaped > c->config.flows_max / 2 ||
	       g->opened - g->promoted - g->reaped_half > c->config.half_open_max / 2;
}

static bool scan_is_due(struct core *c, uint64_t now, uint64_t opened, uint64_t in_map, bool force, bool pressure)
{
	struct core_private *p = c->priv;
	uint64_t since = now - p->last_scan_ns;

	if (force)
		return since > SCAN_MIN_NS / 2;
	if (opened != p->seen_opened)
		/* Few turns of rest when the table fills up: room matters more than our share of the processor. */
		return since > SCAN_MIN_NS && since > p->last_scan_took_ns * (pressure ? 2 : 9);
	return (in_map || flow_table_count(c->flows)) && since > SCAN_REFRESH_NS && since > p->last_scan_took_ns * 50;
}

void flows_scan(struct core *c, bool force)
{
	struct core_private *p = c->priv;
	uint64_t now = clock_mono_ns(), in_map, names;
	struct pg_flow_gauge g;
	bool pressure;
	int fd = core_map_fd(c, "flows");
	struct scan_end e;

	if (fd < 0 || !p->gauge || !flows_synced(c, now))
		return;
	g = *p->gauge;
	in_map = g.opened - g.reaped;
	pressure = scan_under_pressure(c, &g);
	if (!scan_is_due(c, now, g.opened, in_map, force, pressure))
		return;
	c->gauge = g;
	names = ident_generation(c->ident) + p->dns_generation;
	scan_map(c, fd, names != p->names_seen);
	p->names_seen = names;
	p->seen_opened = g.opened;
	e = (struct scan_end){ c, clock_mono_ns(), pressure };
	flow_table_each(c->flows, scan_end_cb, &e);
	p->last_scan_ns = clock_mono_ns();
	p->last_scan_took_ns = p->last_scan_ns - now;
}

void core_refresh(struct core *c)
{
	flows_scan(c, true);
	counters_read(c);
}

/* ---- counters ------------------------------------------------------------------------------------------------ */
void counters_read(struct core *c)
{
	static const struct {
		enum pg_counter ctr;
		enum core_loss loss;
	} losses[] = {
		{ PG_CTR_REFUSED_FULL, LOSS_FLOW_TABLE_FULL }, { PG_CTR_REFUSED_HALF, LOSS_HALF_OPEN_BUDGET },
		{ PG_CTR_MALFORMED, LOSS_MALFORMED },	       { PG_CTR_SAMPLE_LOST, LOSS_SAMPLE_RING },
		{ PG_CTR_EVENT_LOST, LOSS_EVENT_RING },	       { PG_CTR_SOCKET_REFUSED, LOSS_SOCKET_MAP },
		{ PG_CTR_VTEP_REFUSED, LOSS_VTEP_MAP },	       { PG_CTR_NOT_HOOKED, LOSS_NOT_HOOKED },
	};
	int fd = core_map_fd(c, "counters");
	uint64_t *per_cpu = c->priv->per_cpu;

	if (fd < 0 || !per_cpu)
		return;
	for (uint32_t i = 0; i < PG_CTR_MAX; i++) {
		uint64_t sum = 0;

		if (bpf_map_lookup_elem(fd, &i, per_cpu) != 0)
			continue;
		for (int cpu = 0; cpu < c->priv->cpus; cpu++)
			sum += per_cpu[cpu];
		c->counters[i] = sum;
	}
	for (size_t i = 0; i < ARRAY_SIZE(losses); i++)
		c->losses[losses[i].loss] = c->counters[losses[i].ctr];
}

int flows_start(struct core *c)
{
	struct core_private *p = c->priv;
	int fd = core_map_fd(c, "flow_gauge");
	void *m;

	if (p->gauge || fd < 0)
		return 0;
	m = mmap(NULL, sizeof(struct pg_flow_gauge), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (m == MAP_FAILED)
		return -errno;
	p->gauge = m;
	p->scan_keys = calloc(SCAN_BATCH, sizeof(struct flow_key));
	p->scan_values = calloc(SCAN_BATCH, sizeof(struct pg_flow));
	return p->scan_keys && p->scan_values ? 0 : -ENOMEM;
}

static bool stop_cb(struct flow *f, void *arg)
{
	flow_release(arg, f);
	return true;
}

void flows_stop(struct core *c)
{
	struct core_private *p = c->priv;

	flow_table_each(c->flows, stop_cb, c);
	if (p->gauge)
		munmap(p->gauge, sizeof(*p->gauge));
	p->gauge = NULL;
	free(p->scan_keys);
	free(p->scan_values);
	p->scan_keys = p->scan_values = NULL;
}
