/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Facts of flows: edges of both ends' workloads, and the protocol that a listener really speaks. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "sensor/core/model_priv.h"

#define EDGES_WAITING_MAX 8192
#define TCP_SYN 2 /* RFC 9293 */

/* ---- an edge, as both ends see it ------------------------------------------------------------------------------- */
struct edge {
	const struct topo_node_desc *client, *server;
	const struct ident_container *cct, *sct; /* local ones; NULL */
	struct model *cm, *sm;
	char port[24];
	char in[FACT_KEY_MAX], out[FACT_KEY_MAX];
	bool published; /* an outside client of a published port */
	const struct flow *f; /* NULL: none at hand */
};

static const struct ident_container *local_end(const struct flow_pair *p, int which)
{
	const struct ident_container *ct = pair_container(p, which);

	return ct && !ct->remote ? ct : NULL;
}

static bool is_published(const struct ident_container *ct, uint8_t proto, uint16_t port)
{
	for (unsigned i = 0; ct && i < ct->port_count && i < IDENT_PORTS_MAX; i++)
		if (ct->ports[i].proto == proto && ct->ports[i].container_port == port && ct->ports[i].host_port)
			return true;
	return false;
}

static void edge_of(struct core *c, const struct flow_pair *p, struct edge *e)
{
	const char *client;

	e->client = pair_end(p, PAIR_CLIENT);
	e->server = pair_end(p, PAIR_SERVER);
	e->cct = local_end(p, PAIR_CLIENT);
	e->sct = local_end(p, PAIR_SERVER);
	e->cm = model_of(c, e->cct);
	e->sm = model_of(c, e->sct);
	fact_port(e->port, pair_l4(p), pair_port(p));
	client = e->client->id;
	/* A published port is for everybody outside: who publishes it, declares that. */
	e->published = e->client->kind == TOPO_EXTERNAL && is_published(e->sct, pair_l4(p), pair_port(p));
	if (e->published)
		client = "ext:" FACT_ANY;
	fact_key(e->in, client, e->port);
	fact_key(e->out, e->server->id, e->port);
}

/* ---- findings ----------------------------------------------------------------------------------------------------- */
/* Where clouds hand out credentials: EC2, GCE, Azure, OpenStack (IPv4 and IPv6), ECS tasks, EKS pods, Alibaba, Azure's wire server. */
static bool is_metadata(const char *address)
{
	static const char *const all[] = { "169.254.169.254", "fd00:ec2::254", "fd20:ce::254", "fe80::a9fe:a9fe", "169.254.170.2", "169.254.170.23",
					   "fd00:ec2::23", "100.100.100.200", "168.63.129.16" };

	for (size_t i = 0; address && i < ARRAY_SIZE(all); i++)
		if (!strcmp(all[i], address))
			return true;
	return false;
}

static enum finding_kind edge_kind(const struct core *c, const struct edge *e)
{
	uint16_t port = (uint16_t)strtoul(strchr(e->port, '/') + 1, NULL, 10);
	bool out = e->server->kind != TOPO_WORKLOAD;

	if (out && is_metadata(e->server->address) && config_checks(&c->config, CHECK_METADATA))
		return FINDING_METADATA_ACCESS;
	if (out && e->cct && (e->server->kind == TOPO_HOST || e->server->kind == TOPO_GATEWAY) && (port == 2375 || port == 2376))
		return FINDING_ENGINE_ACCESS;
	return out && e->cct ? FINDING_EGRESS_NEW : FINDING_PEER_UNLINKED;
}

static void edge_process(struct core *c, const struct flow *f, unsigned end, struct finding *ret)
{
	const struct process *p;
	uint32_t index;

	if (!f || flow_process(c, f, end, &index) == ATTR_UNKNOWN)
		return;
	p = processes_get(c->procs, index);
	if (!p)
		return;
	ret->pid = p->tgid;
	ret->start_boot_ns = p->start_boot_ns;
	snprintf(ret->process, sizeof(ret->process), "%s", p->exe);
	p = processes_get(c->procs, p->parent);
	snprintf(ret->parent, sizeof(ret->parent), "%s", p ? p->exe : "");
}

static struct scan_verdict scan_of(struct core *c, const struct ident_container *client, const struct flow *f)
{
	struct scan_verdict none = { .targets = 0 };
	unsigned sv = !f->client_end;
	bool echo = f->key.proto == IPPROTO_ICMP || f->key.proto == IPPROTO_ICMPV6;

	if (!config_checks(&c->config, CHECK_SCAN))
		return none;
	return scans_add(c->model->scans, name_scope(client), f->key.addr[sv], echo ? 0 : ntohs(f->key.port[sv]), clock_mono_ns());
}

void model_peer_of(struct finding *f, const struct flow *flow, unsigned far)
{
	memcpy(f->peer_addr, flow->key.addr[far], sizeof(f->peer_addr));
	f->peer_l4 = flow->key.proto;
	f->peer_port_be = flow->key.port[!flow->client_end];
}

/* scan_only: one such try is nothing, many are a scan. */
static void tell_edge(struct core *c, const struct edge *e, bool new_out, bool new_in, bool scan_only)
{
	_cleanup_free_ struct finding *f = calloc(1, sizeof(*f));
	const struct ident_container *who = e->cct ? e->cct : e->sct;
	struct scan_verdict scan = { .targets = 0 };
	const struct model *m = new_in ? e->sm : e->cm;
	enum fact_kind k = new_in ? FACT_EDGE_IN : FACT_EDGE_OUT;
	size_t at;

	if (!f)
		return;
	f->kind = edge_kind(c, e);
	if (e->f && e->cct)
		scan = scan_of(c, e->cct, e->f);
	if (scan_only && !scan.horizontal && !scan.vertical)
		return;
	snprintf(f->key, sizeof(f->key), "edge\t%.380s\t%.380s\t%s", e->client->id, e->server->id, e->port);
	if (scan.horizontal || scan.vertical) {
		f->kind = scan.horizontal ? FINDING_SCAN_HORIZONTAL : FINDING_SCAN_VERTICAL;
		snprintf(f->key, sizeof(f->key), "scan\t%.380s\t%.380s", e->client->id, scan.horizontal ? FACT_ANY : e->server->id);
	}
	/* The fact whose acceptance makes this normal: the one that the model which objects lacks. */
	f->fact_kind = (int)k;
	snprintf(f->fact, sizeof(f->fact), "%s", new_in ? e->in : e->out);
	snprintf(f->peer, sizeof(f->peer), "%s", who == e->cct ? e->server->id : e->client->id);
	f->observed_ns = e->f ? clock_mono_to_wall_ns(e->f->first_ns) : 0;
	if (e->f)
		model_peer_of(f, e->f, who == e->cct ? !e->f->client_end : e->f->client_end & 1);
	edge_process(c, e->f, !e->f ? 0 : who == e->cct ? e->f->client_end : !e->f->client_end, f);
	if (scan.horizontal || scan.vertical)
		snprintf(f->observed, sizeof(f->observed), "%s tried %u addresses and %u ports of %s within seconds, last %s", e->client->id,
			 scan.targets, scan.ports, e->server->id, e->port);
	else
		snprintf(f->observed, sizeof(f->observed), "%.200s connected to %.200s on %s%s%.80s", e->client->id, e->server->id, e->port,
			 f->process[0] ? " with " : "", f->process);
	if (new_in)
		snprintf(f->why, sizeof(f->why), "%.200s is no known client of %.200s on %s%s.", e->client->id, e->server->id, e->port,
			 new_out ? ", and never connected there before" : "");
	else
		snprintf(f->why, sizeof(f->why), "%.200s never connected to %.200s on %s before.", e->client->id, e->server->id, e->port);
	if (new_in)
		model_expect_facts(f, m, FACT_EDGE_IN, true, e->port);
	if (new_out && f->expected_count < FINDING_EXPECTED_MAX)
		model_expect_facts(f, e->cm, FACT_EDGE_OUT, false, NULL);
	at = strlen(f->why);
	if (new_in && new_out && at + 2 < sizeof(f->why))
		snprintf(f->why + at, sizeof(f->why) - at, " Neither end expects it.");
	/* The model that objects may be the peer's; the container is the one that acted. */
	snprintf(f->objector, sizeof(f->objector), "%s", m ? model_workload(m) : "");
	model_tell(c, who, m, k, f);
}

/* ---- judging ------------------------------------------------------------------------------------------------------- */
/* Errors are sent by the kernel itself, echoes by somebody's socket. */
static bool is_echo(const struct flow *f)
{
	return f->owner[f->client_end & 1] != 0;
}

static bool is_judged(const struct flow *f)
{
	if (!f->edge || (f->state & FLOW_NO_EDGE))
		return false;
	/* Errors that the kernel sends are no conversation. */
	if ((f->key.proto == IPPROTO_ICMP || f->key.proto == IPPROTO_ICMPV6) && !(f->flags & PG_FLOW_TWO_WAY) && !is_echo(f))
		return false;
	return true;
}

static bool flow_is_certain(const struct flow *f)
{
	/* Of what comes from another node of an overlay only our end's packets are here: its SYN-ACK says as much. */
	if (f->key.proto == IPPROTO_TCP)
		return (f->flags & PG_FLOW_SYN_SEEN) || (f->tcp_flags[!f->client_end] & TCP_SYN);
	return true;
}

/* A datagram's answer that comes after its flow was forgotten looks like a question in the other direction. */
static bool is_late_answer(const struct edge *e, const struct flow *f)
{
	char port[24], key[FACT_KEY_MAX];
	unsigned cl = f->client_end & 1;

	if (f->key.proto != IPPROTO_UDP || ntohs(f->key.port[!cl]) < FACT_EPHEMERAL_FIRST)
		return false;
	fact_port(port, IPPROTO_UDP, ntohs(f->key.port[cl]));
	if (e->sm && model_match(e->sm, FACT_EDGE_OUT, fact_key(key, e->client->id, port)))
		return true;
	return e->cm && model_match(e->cm, FACT_EDGE_IN, fact_key(key, e->server->id, port));
}

static bool is_new(const struct model *m, enum fact_kind k, const char *key)
{
	return m && model_dimension_state(m, k) != MODEL_LEARNING && !model_match(m, k, key);
}

static void see(struct core *c, const struct ident_container *ct, struct model *m, enum fact_kind k, const char *key)
{
	struct model_seen s;

	if (!m)
		return;
	s = model_seen_of(ct, clock_wall_ns());
	model_see(m, k, key, &s, NULL);
}

static void wait_edge(struct core *c, const struct flow *f, uint64_t due_ns)
{
	struct core_model *cm = c->model;
	struct waiting_edge *w;

	if (cm->edge_count >= EDGES_WAITING_MAX || !(w = malloc(sizeof(*w)))) {
		core_lost(c, LOSS_MODEL_WAITING, 1);
		return;
	}
	*w = (struct waiting_edge){ .due_ns = due_ns, .key = f->key };
	*cm->edges_end = w;
	cm->edges_end = &w->next;
	cm->edge_count++;
}

/* A sensor that just started missed the look-ups of before: an address without a name may be one of the names that the model
 * knows on this port. */
struct named_search {
	const char *port;
	bool found;
};

static void named_cb(const struct fact *f, void *arg)
{
	struct named_search *s = arg;
	const char *port;
	size_t n = fact_fields(f->key, &port);

	if (n > 5 && !strncmp(f->key, "ext:", 4) && !strcmp(port, s->port) && strspn(f->key + 4, "0123456789abcdef.:/") < n - 4)
		s->found = true;
}

static bool name_was_missed(struct core *c, const struct edge *e)
{
	struct named_search s = { .port = e->port };

	if (!e->cm || e->server->kind != TOPO_EXTERNAL || clock_mono_ns() > c->start_mono_ns + NAMES_MISSED_NS ||
	    !e->server->address || strcmp(e->server->id + 4, e->server->address) != 0)
		return false;
	model_each_fact(e->cm, FACT_EDGE_OUT, named_cb, &s);
	return s.found;
}

/* The server stands in another container's network namespace, and that one is known there: whoever took its port is told of by the port. */
static bool is_known_by_owner(struct core *c, const struct edge *e)
{
	const struct ident_ns *ns = e->sct && e->cm ? ident_ns_get(c->ident, e->sct->ns) : NULL;
	const struct ident_container *owner = ns ? ident_by_netns(c->ident, ns->cookie) : NULL;
	char key[FACT_KEY_MAX];

	return owner && owner != e->sct && model_match(e->cm, FACT_EDGE_OUT, fact_key(key, owner->workload, e->port));
}

static void judge_flow(struct core *c, struct flow *f)
{
	_cleanup_free_ struct edge *e = calloc(1, sizeof(*e));
	bool new_in, new_out;

	if (!e || !is_judged(f))
		return;
	e->f = f;
	edge_of(c, f->edge, e);
	if (!e->cm && !e->sm)
		return;
	/* The node itself may do what it likes: it could do anything anyway. */
	new_in = e->client->kind != TOPO_HOST && e->client->kind != TOPO_GATEWAY && !e->published && is_new(e->sm, FACT_EDGE_IN, e->in);
	new_out = is_new(e->cm, FACT_EDGE_OUT, e->out) && !is_known_by_owner(c, e);
	if (new_in || new_out) {
		new_in = new_in && config_checks(&c->config, CHECK_EDGE_IN);
		new_out = new_out && config_checks(&c->config, CHECK_EDGE_OUT);
		if (new_out && !new_in && name_was_missed(c, e))
			wait_edge(c, f, clock_mono_ns() + NAMES_MISSED_NS / 6);
		else if ((new_in || new_out) && flow_is_certain(f) && !is_late_answer(e, f))
			tell_edge(c, e, new_out, new_in,
				  (f->key.proto == IPPROTO_ICMP || f->key.proto == IPPROTO_ICMPV6) && !(f->flags & PG_FLOW_TWO_WAY));
		return;
	}
	if (e->cct)
		scans_drop(c->model->scans, name_scope(e->cct), f->key.addr[!f->client_end]);
	see(c, e->sct, e->sm, FACT_EDGE_IN, e->in);
	see(c, e->cct, e->cm, FACT_EDGE_OUT, e->out);
}

/* Before it is judged: so that the first edge of a scan that is told of is told of as one of many. */
static void note_scan(struct core *c, struct flow *f)
{
	_cleanup_free_ struct edge *e = calloc(1, sizeof(*e));

	if (!e || !local_end(f->edge, PAIR_CLIENT) || !is_judged(f) || !flow_is_certain(f))
		return;
	e->f = f;
	edge_of(c, f->edge, e);
	if (is_new(e->cm, FACT_EDGE_OUT, e->out) && !is_late_answer(e, f))
		(void)scan_of(c, e->cct, f);
}

/* How long to wait before this edge is judged, 0: now. */
static uint64_t settle_ns(struct core *c, const struct flow *f)
{
	const struct topo_node_desc *cl = pair_end(f->edge, PAIR_CLIENT), *sv = pair_end(f->edge, PAIR_SERVER);
	struct ident_end end;

	for (unsigned e = 0; e < 2; e++) {
		const struct topo_node_desc *d = e == f->client_end ? cl : sv;

		if (d->kind != TOPO_EXTERNAL)
			continue;
		ident_resolve(c->ident, f->key.ns, f->end_if[e], f->key.addr[e], f->key.proto, ntohs(f->key.port[e]), &end);
		if (end.network || f->end_if[e])
			return EDGE_UNSURE_NS;
	}
	return sv->kind == TOPO_EXTERNAL ? EDGE_NAME_NS : EDGE_SETTLE_NS;
}

/* ---- protocols --------------------------------------------------------------------------------------------------------- */
/* Which the listener may change to by itself, because it is the same conversation going on. */
static bool is_same_protocol(const char *known, size_t n, const char *app)
{
	static const char *const same[][2] = { { "HTTP", "WebSocket" }, { "HTTP", "HTTP2" }, { "TLS", "HTTP2" }, { "TLS", "QUIC" },
					       { "HTTP", "HTTP_Connect" }, { "HTTP", "HTTP_Proxy" }, { "HTTP", "FastCGI" } };

	for (size_t i = 0; i < ARRAY_SIZE(same); i++)
		for (int way = 0; way < 2; way++)
			if (strlen(same[i][way]) == n && !memcmp(known, same[i][way], n) && !strcmp(app, same[i][!way]))
				return true;
	return false;
}

struct app_search {
	const char *port, *app;
	unsigned known;
	bool same;
};

static void app_cb(const struct fact *f, void *arg)
{
	struct app_search *s = arg;
	const char *app;
	size_t n = fact_fields(f->key, &app);

	if (strlen(s->port) != n || memcmp(f->key, s->port, n))
		return;
	s->known++;
	if (is_same_protocol(app, strlen(app), s->app))
		s->same = true;
}

static void judge_protocol(struct core *c, struct flow *f)
{
	const struct ident_container *ct = f->edge ? local_end(f->edge, PAIR_SERVER) : NULL;
	struct model *m = model_of(c, ct);
	char port[24], app[48], key[FACT_KEY_MAX], observed[512];
	struct app_search s = { .port = port, .app = app };
	struct model_seen seen;
	struct model_fact_in in = { .kind = FACT_PROTOCOL, .key = key, .finding = FINDING_LISTENER_PROTOCOL, .observed = observed };
	struct finding who = { .pid = 0 };

	if (!m || !config_checks(&c->config, CHECK_PROTOCOL) || (f->state & FLOW_NO_EDGE) || !f->detail ||
	    f->detail->confidence < LABEL_OWN || !f->detail->app[0])
		return;
	/* "TLS.Google" is TLS: whose service it is, is the peer's name to tell. */
	snprintf(app, sizeof(app), "%.*s", (int)strcspn(f->detail->app, "."), f->detail->app);
	if (!strcmp(app, "Unknown") || !f->packets[!f->client_end])
		return;
	fact_port(port, pair_l4(f->edge), pair_port(f->edge));
	fact_key(key, port, app);
	seen = model_seen_of(ct, clock_wall_ns());
	if (model_match(m, FACT_PROTOCOL, key) || model_dimension_state(m, FACT_PROTOCOL) == MODEL_LEARNING) {
		model_see(m, FACT_PROTOCOL, key, &seen, NULL);
		return;
	}
	model_each_fact(m, FACT_PROTOCOL, app_cb, &s);
	/* Nothing was ever spoken there: whoever comes first is the edge's matter, not the protocol's. */
	if (s.same || !s.known)
		return;
	edge_process(c, f, !f->client_end, &who);
	in.exe = who.process;
	in.parent = who.parent;
	in.pid = who.pid;
	in.peer = pair_end(f->edge, PAIR_CLIENT)->id;
	in.at_mono_ns = f->first_ns;
	in.flow = f;
	in.far = f->client_end & 1;
	snprintf(observed, sizeof(observed), "%s in %s spoke %s with %.200s", port, ct->name, app, in.peer);
	model_on_fact(c, ct, &in);
}

/* ---- flows in ------------------------------------------------------------------------------------------------------------- */
void model_on_flow(struct core *c, struct flow *f, const char *what)
{
	struct core_model *cm = c->model;
	struct pair_mark *mark;

	if (!cm || !f->edge)
		return;
	if ((f->state & FLOW_SPOOFED) && what[0] == 'n')
		wait_edge(c, f, clock_mono_ns() + SPOOF_SETTLE_NS);
	if (f->state & FLOW_NO_EDGE)
		return;
	if (what[0] == 'l') { /* labelled */
		judge_protocol(c, f);
		return;
	}
	mark = pair_mark(f->edge);
	if (what[0] == 'n' && what[1] == 'e')
		mark->flows++;
	if (what[0] == 'c')
		model_volume_closed(f);
	/* Judged in this window; or over: it was judged, or it never had a name. */
	if (mark->window == cm->window || what[0] == 'c')
		return;
	mark->window = cm->window;
	note_scan(c, f);
	wait_edge(c, f, clock_mono_ns() + settle_ns(c, f));
}

void model_edges_tick(struct core *c, uint64_t now_ns)
{
	struct core_model *cm = c->model;

	for (struct waiting_edge **at = &cm->edges, *w; (w = *at);) {
		struct flow *f;

		if (now_ns < w->due_ns) {
			at = &w->next;
			continue;
		}
		*at = w->next;
		if (!w->next)
			cm->edges_end = at;
		f = flow_table_find(c->flows, &w->key);
		if (f && (f->state & FLOW_SPOOFED))
			model_spoofed(c, f);
		if (f && f->edge)
			judge_flow(c, f);
		free(w);
		cm->edge_count--;
	}
}

static void presence_cb(struct flow_pair *p, void *arg)
{
	struct core *c = arg;
	_cleanup_free_ struct edge *e = calloc(1, sizeof(*e));
	struct pair_mark *mark = pair_mark(p);

	if (!e || (!local_end(p, PAIR_CLIENT) && !local_end(p, PAIR_SERVER)))
		return;
	edge_of(c, p, e);
	if (e->sm)
		model_requested(e->sm, mark->flows);
	mark->flows = 0;
	if (e->sm && model_match(e->sm, FACT_EDGE_IN, e->in))
		see(c, e->sct, e->sm, FACT_EDGE_IN, e->in);
	if (e->cm && model_match(e->cm, FACT_EDGE_OUT, e->out))
		see(c, e->cct, e->cm, FACT_EDGE_OUT, e->out);
}

void model_edges_presence(struct core *c)
{
	pairs_each(c, presence_cb, c);
}
