/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Policy over the API: what is enforced and held, a workload's rules in words with what of the past they would have refused, and
 * the commands. */
#define HASH_NONFATAL_OOM 1
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/clock.h"
#include "sensor/core/api_priv.h"
#include "sensor/core/policy_priv.h"
#include "sensor/core/store.h"

#define HISTORY_ROWS 20000
#define BLOCKED_MAX 500

/* ---- the overview -------------------------------------------------------------------------------------------------------- */
static uint64_t refused(const struct core *c, const char *workload, const char *dir)
{
	char key[400];
	uint64_t last;

	snprintf(key, sizeof(key), "%s\t%s", workload, dir);
	return policy_counts_get(c->policy->counts, key, &last);
}

static void json_mono(struct jsonl *j, const char *key, uint64_t mono_ns)
{
	if (mono_ns)
		jsonl_time(j, key, clock_mono_to_wall_ns(mono_ns));
	else
		jsonl_null(j, key);
}

static void json_mode(struct jsonl *j, struct core *c, const char *workload)
{
	const struct policy_choice *ch = policy_choice_find(c->policy, workload);

	jsonl_str(j, "engine", c->engine_count == 1 ? json_engine(c, 0) : "");
	jsonl_str(j, "node", c->node);
	jsonl_str(j, "workload", workload);
	jsonl_str(j, "mode", policy_mode_name(policy_mode_of(c, workload)));
	jsonl_str(j, "source", ch ? ch->configured ? "configuration" : "command" : "default");
	if (ch && ch->since_wall_ns)
		jsonl_time(j, "since", ch->since_wall_ns);
	else
		jsonl_null(j, "since");
	json_mono(j, "confirm_until", ch ? ch->confirm_by_ns : 0);
	jsonl_str(j, "established", ch && ch->cut ? "cut" : "keep");
	jsonl_str(j, "on_failure", ch && ch->closed ? "closed" : "open");
	jsonl_str(j, "protocols", policy_protocols_are_checked(c, workload) ? "check" : "off");
	jsonl_u64(j, "refused_in", refused(c, workload, "in"));
	jsonl_u64(j, "refused_out", refused(c, workload, "out"));
}

struct listing {
	struct jsonl j;
	struct core *core;
	const char *last;
};

static void mode_cb(struct model *m, void *arg)
{
	struct listing *l = arg;

	/* Several images of one workload: one line. */
	if (core_model_named(l->core, model_workload(m)) != m)
		return;
	jsonl_obj(&l->j, NULL);
	json_mode(&l->j, l->core, model_workload(m));
	jsonl_obj_end(&l->j);
}

static void json_hold(struct jsonl *j, const struct policy_hold *h)
{
	char addr[46] = "", port[24] = "";

	if (h->hold.has_peer || h->hold.analyst_bits)
		name_addr_text(h->hold.peer, addr);
	if (h->hold.port)
		fact_port(port, h->hold.l4, h->hold.port);
	jsonl_obj(j, NULL);
	jsonl_str(j, "kind", h->hold.quarantine ? "quarantine" : "block");
	jsonl_str(j, "workload", h->workload);
	jsonl_str(j, "container", h->container);
	jsonl_str(j, "peer", addr);
	jsonl_str(j, "port", h->hold.l4 ? port : port[0] ? strchr(port, '/') + 1 : "");
	jsonl_time(j, "since", h->since_wall_ns);
	json_mono(j, "until", h->until_ns);
	jsonl_u64(j, "finding", h->finding);
	jsonl_f64(j, "effective_ms", h->micros / 1000.0);
	jsonl_obj_end(j);
}

static void json_two(struct jsonl *j, const char *open, const char *closed, const uint64_t n[2])
{
	jsonl_u64(j, open, n[0]);
	jsonl_u64(j, closed, n[1]);
}

/* What the rules gave to queues; bypassed: packets that no queue took, which their rule let go. */
static void json_queue(struct jsonl *j, const struct msg_queue_state *m)
{
	const uint64_t bypassed[2] = { policy_queue_bypassed(m, 0), policy_queue_bypassed(m, 1) };

	jsonl_obj(j, "queue");
	jsonl_u64(j, "number", m->queue);
	jsonl_bool(j, "bound", m->bound);
	jsonl_str(j, "how", !m->bound ? "none" : m->native ? "nft queue" : "xt NFQUEUE");
	jsonl_str(j, "error", m->error ? strerror(-m->error) : m->bridged ? "bridged packets are not checked: they do not pass the rules that queue" : "");
	jsonl_u64(j, "waiting", m->waiting[0] + (uint64_t)m->waiting[1]);
	json_two(j, "counted_open", "counted_closed", m->counted);
	json_two(j, "bypassed_open", "bypassed_closed", bypassed);
	jsonl_u64(j, "dropped_full", m->dropped_full[0] + m->dropped_full[1] + m->dropped_user[0] + m->dropped_user[1]);
	json_two(j, "kept_open", "kept_closed", m->kept);
	jsonl_u64(j, "repeated", m->repeated[0] + m->repeated[1]);
	jsonl_u64(j, "recognised", m->recognised);
	jsonl_obj_end(j);
}

static void json_protocols(struct jsonl *j, const struct core_policy *p)
{
	struct msg_queue_stats s;

	policy_queue_sums(p, &s);
	jsonl_obj(j, "protocols");
	jsonl_u64(j, "packets", s.packets);
	jsonl_u64(j, "questions", s.questions);
	jsonl_u64(j, "connections", s.connections);
	jsonl_u64(j, "fits", s.fits);
	jsonl_u64(j, "wrong", s.wrong);
	jsonl_u64(j, "unknowable", s.cannot);
	json_two(j, "late_open", "late_closed", s.late);
	json_two(j, "unsure_open", "unsure_closed", s.budget);
	json_two(j, "table_full_open", "table_full_closed", s.table_full);
	json_two(j, "no_rule_open", "no_rule_closed", s.no_rule);
	json_two(j, "odd_open", "odd_closed", s.odd);
	jsonl_u64(j, "sent_again", s.gaps);
	jsonl_u64(j, "overruns", s.overruns);
	jsonl_u64(j, "refused_verdicts", s.refused_verdicts);
	jsonl_obj_end(j);
}

static void json_ns(struct jsonl *j, struct core *c, const struct policy_ns *n)
{
	static const char *const hows[] = { "none", "same", "elements", "ruleset", "removed" };
	const struct ident_ns *ns = ident_ns_get(c->ident, n->ns);

	if (!n->lasting && !n->sent.count && !n->state.status)
		return;
	jsonl_obj(j, NULL);
	jsonl_u64(j, "ns", n->ns);
	jsonl_str(j, "name", ns ? ns->name : "");
	jsonl_str(j, "kind", ns && ns->kind == IDENT_NS_OVERLAY ? "overlay" : "node");
	jsonl_bool(j, "in_force", n->lasting && !n->asked && !n->state.status);
	jsonl_str(j, "last_change", n->state.how < ARRAY_SIZE(hows) ? hows[n->state.how] : "none");
	jsonl_f64(j, "took_ms", n->state.micros / 1000.0);
	jsonl_str(j, "error", n->state.status < 0 ? n->state.err[0] ? n->state.err : strerror(-n->state.status) : "");
	jsonl_str(j, "bridged",
		  n->state.bridge4 && n->state.bridge6 ? "bridge" : n->state.bridge4 ? "bridge (IPv4)" : n->state.bridge6 ? "bridge (IPv6)" : "inet");
	jsonl_u64(j, "records", n->sent.count);
	if (n->queue.ns)
		json_queue(j, &n->queue);
	jsonl_obj_end(j);
}

static void overview_make(struct api *a, struct api_body *ret)
{
	struct listing l = { .core = a->core };
	const struct core_policy *p = a->core->policy;
	uint64_t last;
	char mark[16];

	jsonl_init(&l.j);
	jsonl_obj(&l.j, NULL);
	snprintf(mark, sizeof(mark), "0x%08x", a->core->config.policy.ct_mark);
	jsonl_str(&l.j, "ct_mark", mark);
	jsonl_arr(&l.j, "workloads");
	if (core_models(a->core))
		models_each(core_models(a->core), mode_cb, &l);
	for (unsigned i = 0; i < p->choice_count; i++)
		if (!core_model_named(a->core, p->choices[i].name)) {
			jsonl_obj(&l.j, NULL);
			json_mode(&l.j, a->core, p->choices[i].name);
			jsonl_obj_end(&l.j);
		}
	jsonl_arr_end(&l.j);
	jsonl_arr(&l.j, "holds");
	for (unsigned i = 0; i < p->hold_count; i++)
		json_hold(&l.j, &p->holds[i]);
	jsonl_arr_end(&l.j);
	jsonl_arr(&l.j, "namespaces");
	for (unsigned i = 0; i < p->ns_count; i++)
		json_ns(&l.j, a->core, p->ns[i]);
	jsonl_arr_end(&l.j);
	jsonl_u64(&l.j, "blocked_packets", policy_counts_get(p->counts, "blocked", &last));
	jsonl_u64(&l.j, "quarantined_packets", policy_counts_get(p->counts, "quarantined", &last));
	jsonl_u64(&l.j, "unknown_packets", policy_counts_get(p->counts, "unknown", &last));
	json_protocols(&l.j, p);
	jsonl_u64(&l.j, "tampered", p->tampers);
	jsonl_u64(&l.j, "set_updates", p->sent_elements);
	jsonl_u64(&l.j, "rulesets", p->sent_rulesets);
	jsonl_obj_end(&l.j);
	jsonl_newline(&l.j);
	ret->text = jsonl_take(&l.j, &ret->len);
	jsonl_done(&l.j);
}

/* ---- a workload's rules ----------------------------------------------------------------------------------------------------- */
static void json_addresses(struct jsonl *j, const struct policy_gather *g, size_t rule)
{
	const struct policy_rule *r = &g->rules[rule];
	char text[46];
	unsigned n = 0;

	jsonl_arr(j, "addresses");
	for (size_t i = 0; i < g->in.endpoint_count && n < 64; i++)
		if (!strcmp(g->endpoints[i].workload, r->peer)) {
			bool before = false;

			for (size_t k = 0; k < i && !before; k++)
				before = !strcmp(g->endpoints[k].workload, r->peer) && !memcmp(g->endpoints[k].addr, g->endpoints[i].addr, 16);
			if (before)
				continue;
			name_addr_text(g->endpoints[i].addr, text);
			jsonl_str(j, NULL, text);
			n++;
		}
	for (size_t i = 0; i < g->in.name_count && n < 64; i++)
		if (g->names[i].workload == r->workload && !strncmp(r->peer, "ext:", 4) && policy_name_fits(r->peer + 4, g->names[i].name)) {
			name_addr_text(g->names[i].addr, text);
			jsonl_str(j, NULL, text);
			n++;
		}
	jsonl_arr_end(j);
}

static bool protocol_is_of(const struct policy_protocol *p, const char *port)
{
	uint16_t lo, hi;
	uint8_t l4;

	return policy_port(port, &l4, &lo, &hi) && p->l4 == l4 && p->port == lo;
}

static void json_rule(struct jsonl *j, struct core *c, const struct policy_gather *g, size_t rule)
{
	const struct policy_edge *e = &g->table->edges[rule];
	const char *w = g->table->workloads[e->workload];
	char key[FACT_KEY_MAX + 400], text[FACT_KEY_MAX + 700];
	uint64_t last, n;

	snprintf(key, sizeof(key), "%s\t%s\t%s\t%s", w, e->dir == PLAN_IN ? "in" : "out", e->peer, e->port);
	n = policy_counts_get(c->policy->counts, key, &last);
	snprintf(text, sizeof(text),
		 e->dir == PLAN_IN ? "%.600s may connect to %.300s on %s" : "%2$.300s may connect to %1$.600s on %3$s", e->peer, w, e->port);
	jsonl_obj(j, NULL);
	jsonl_str(j, "direction", e->dir == PLAN_IN ? "in" : "out");
	jsonl_str(j, "peer", e->peer);
	jsonl_str(j, "port", e->port);
	jsonl_str(j, "source", fact_source_name(e->sources));
	jsonl_str(j, "where", e->where);
	json_addresses(j, g, rule);
	jsonl_arr(j, "protocols");
	for (size_t i = 0; g->rules[rule].check && i < g->in.protocol_count; i++)
		if (!strcmp(g->protocols[i].workload, e->dir == PLAN_IN ? w : e->peer) && protocol_is_of(&g->protocols[i], e->port))
			jsonl_str(j, NULL, g->protocols[i].app);
	jsonl_arr_end(j);
	jsonl_u64(j, "connections", n);
	if (last)
		jsonl_time(j, "last_used", last);
	else
		jsonl_null(j, "last_used");
	jsonl_str(j, "text", text);
	jsonl_obj_end(j);
}

/* ---- what of the past it would have refused ------------------------------------------------------------------------------------ */
struct refused_edge {
	UT_hash_handle hh;
	char *key, *client, *server;
	uint8_t l4;
	uint16_t port;
	const char *verdict;
	uint64_t flows, first_ns, last_ns;
};
struct past {
	struct core *core;
	const char *workload;
	struct refused_edge *all;
	uint64_t rows, flows, refused, since_ns, more;
};

/* "shop/web@engine" -> "shop/web", where no workload has the longer name. */
static void workload_of_id(const struct core *c, const struct core_end_view *e, char ret[300])
{
	const char *at = strrchr(e->id, '@');

	ret[0] = '\0';
	if (e->kind != TOPO_WORKLOAD && e->kind != TOPO_CONTAINER)
		return;
	snprintf(ret, 300, "%s", e->id);
	if (at && (size_t)(at - e->id) < 300 && !core_model_named(c, ret))
		ret[at - e->id] = '\0';
}

static void past_flow(const struct core_flow_view *v, void *arg)
{
	struct past *p = arg;
	char cw[300], sw[300], key[1000];
	struct policy_edge_in in = { .client = v->client.id, .server = v->server.id, .client_kind = v->client.kind, .server_kind = v->server.kind,
				     .client_workload = cw, .server_workload = sw, .l4 = v->l4, .port = v->server.port };
	struct refused_edge *e;
	const char *verdict;

	workload_of_id(p->core, &v->client, cw);
	workload_of_id(p->core, &v->server, sw);
	if (strcmp(cw, p->workload) && strcmp(sw, p->workload))
		return;
	p->rows++;
	p->flows += v->flows;
	if (!p->since_ns || v->first_seen_ns < p->since_ns)
		p->since_ns = v->first_seen_ns;
	verdict = policy_judge(p->core, &in, p->workload);
	if (verdict[0] == 'n' || verdict[0] == 'a')
		return;
	p->refused += v->flows;
	snprintf(key, sizeof(key), "%s\t%s\t%u\t%u", v->client.id, v->server.id, v->l4, v->server.port);
	HASH_FIND_STR(p->all, key, e);
	if (!e) {
		e = HASH_COUNT(p->all) < BLOCKED_MAX ? calloc(1, sizeof(*e)) : NULL;
		if (e && (!(e->key = strdup(key)) || !(e->client = strdup(v->client.id)) || !(e->server = strdup(v->server.id)))) {
			free(e->key);
			free(e->client);
			free(e);
			e = NULL;
		}
		if (!e) {
			p->more += v->flows;
			return;
		}
		e->l4 = v->l4;
		e->port = v->server.port;
		e->verdict = verdict;
		e->first_ns = v->first_seen_ns;
		HASH_ADD_KEYPTR(hh, p->all, e->key, strlen(e->key), e);
	}
	e->flows += v->flows;
	if (v->first_seen_ns < e->first_ns)
		e->first_ns = v->first_seen_ns;
	if (v->last_seen_ns > e->last_ns)
		e->last_ns = v->last_seen_ns;
}

static void stored_flow(const struct core_flow_view *v, const char *client_container, const char *server_container, void *arg)
{
	past_flow(v, arg);
}

static void json_past(struct jsonl *j, struct core *c, const char *workload)
{
	struct store_query q = { .workload = workload, .limit = HISTORY_ROWS };
	struct past p = { .core = c, .workload = workload };
	struct refused_edge *e, *tmp;
	char port[24], text[900];

	core_each_flow(c, past_flow, &p);
	if (c->store)
		(void)store_each_flow(c->store, &q, stored_flow, &p);
	jsonl_arr(j, "would_refuse");
	HASH_ITER(hh, p.all, e, tmp) {
		fact_port(port, e->l4, e->port);
		snprintf(text, sizeof(text), "%.380s to %.380s on %s", e->client, e->server, port);
		jsonl_obj(j, NULL);
		jsonl_str(j, "client", e->client);
		jsonl_str(j, "server", e->server);
		jsonl_str(j, "port", port);
		jsonl_str(j, "verdict", e->verdict);
		jsonl_u64(j, "flows", e->flows);
		jsonl_time(j, "first_seen", e->first_ns);
		jsonl_time(j, "last_seen", e->last_ns);
		jsonl_str(j, "text", text);
		jsonl_obj_end(j);
		HASH_DEL(p.all, e);
		free(e->key);
		free(e->client);
		free(e->server);
		free(e);
	}
	jsonl_arr_end(j);
	jsonl_obj(j, "looked_at");
	jsonl_u64(j, "flows", p.flows);
	jsonl_u64(j, "would_refuse", p.refused);
	if (p.since_ns)
		jsonl_time(j, "since", p.since_ns);
	else
		jsonl_null(j, "since");
	jsonl_bool(j, "complete", p.rows < HISTORY_ROWS && !p.more);
	jsonl_obj_end(j);
}

struct host_network {
	struct core *c;
	const char *workload;
	bool found;
};

static void host_network_cb(const struct ident_container *ct, void *arg)
{
	struct host_network *h = arg;

	if (!ct->gone_mono_ns && !ct->remote && !strcmp(ct->workload, h->workload) && engines_on_host_network(h->c, ct))
		h->found = true;
}

static void plan_make(struct api *a, const char *workload, struct api_body *ret)
{
	static const char *const never[] = {
		"connections that are there (established: keep), errors (ICMP), neighbour discovery, multicast",
		"the node itself and the gateways of its networks, also towards the workload (health checks, published ports)",
		"names asked of the node's resolvers (port 53) and of the engine's own",
		"what feeds.never_block names",
		"everything at whose ends no enforced workload is",
	};
	struct core *c = a->core;
	struct host_network h = { .c = c, .workload = workload };
	struct policy_gather g;
	unsigned here = 0;
	struct jsonl j;

	if (policy_gather(c, workload, &g) < 0) {
		policy_gather_free(&g);
		return;
	}
	policy_ask_counters(c);
	jsonl_init(&j);
	jsonl_obj(&j, NULL);
	json_mode(&j, c, workload);
	jsonl_bool(&j, "learned", policy_mode_of(c, workload) != POLICY_LEARN);
	jsonl_arr(&j, "rules");
	for (size_t i = 0; i < g.in.rule_count; i++)
		if (!strcmp(g.table->workloads[g.rules[i].workload], workload))
			json_rule(&j, c, &g, i);
	jsonl_arr_end(&j);
	jsonl_arr(&j, "endpoints");
	for (size_t i = 0; i < g.in.endpoint_count; i++) {
		char text[46];
		bool before = false;

		for (size_t k = 0; k < i && !before; k++)
			before = !strcmp(g.endpoints[k].workload, workload) && g.endpoints[k].ns == g.endpoints[i].ns &&
				 !memcmp(g.endpoints[k].addr, g.endpoints[i].addr, 16);
		if (before || strcmp(g.endpoints[i].workload, workload) || here == 256)
			continue;
		here++;
		name_addr_text(g.endpoints[i].addr, text);
		jsonl_str(&j, NULL, text);
	}
	jsonl_arr_end(&j);
	jsonl_arr(&j, "never_refused");
	for (size_t i = 0; i < ARRAY_SIZE(never); i++)
		jsonl_str(&j, NULL, never[i]);
	ident_each_container(c->ident, host_network_cb, &h);
	if (h.found)
		jsonl_str(&j, NULL, "what it connects to by itself, as it is on the host network: only who reaches its listeners is judged");
	jsonl_arr_end(&j);
	json_past(&j, c, workload);
	jsonl_obj_end(&j);
	jsonl_newline(&j);
	ret->text = jsonl_take(&j, &ret->len);
	jsonl_done(&j);
	policy_gather_free(&g);
}

/* ---- asked ------------------------------------------------------------------------------------------------------------------------ */
int api_policy_check(struct api *a, enum api_path p, const struct api_query *q, char *err, size_t err_len)
{
	if (p != API_POLICY_PLAN)
		return 0;
	if (!core_model_named(a->core, q->workload)) {
		snprintf(err, err_len, q->workload[0] ? "no workload of this name has a model: see /v1/models" : "argument \"workload\" is missing");
		return -ENOENT;
	}
	return 0;
}

void api_policy_body(struct api *a, enum api_path p, const struct api_query *q, struct api_body *ret)
{
	if (!a->core->policy)
		return;
	if (p == API_POLICY)
		overview_make(a, ret);
	else
		plan_make(a, q->workload, ret);
}

/* ---- commands ----------------------------------------------------------------------------------------------------------------------- */
struct container_search {
	const char *what;
	const struct ident_container *found;
	unsigned count;
};

static void search_cb(const struct ident_container *ct, void *arg)
{
	struct container_search *s = arg;

	if (ct->remote || ct->gone_mono_ns || (strcmp(ct->name, s->what) && (strlen(s->what) < 4 || strncmp(ct->id, s->what, strlen(s->what)))))
		return;
	s->found = ct;
	s->count++;
}

static const struct ident_container *container_named(struct api *a, const char *what, char *err, size_t err_len)
{
	struct container_search s = { .what = what };

	ident_each_container(a->core->ident, search_cb, &s);
	if (s.count == 1)
		return s.found;
	snprintf(err, err_len, s.count ? "several containers have this name" : "no container has this name or id: see /v1/containers");
	return NULL;
}

static int block_post(struct api *a, enum api_path p, const struct api_query *q, char *err, size_t err_len, uint64_t *ret_n)
{
	const struct ident_container *ct = container_named(a, q->container, err, err_len);
	struct policy_prefix who;
	uint16_t lo = 0, hi = 0;
	uint8_t l4 = 0, bits;
	int r;

	if (!ct)
		return -ENOENT;
	if (q->thing[0] && !policy_prefix(q->thing, who.addr, &who.bits)) {
		snprintf(err, err_len, "argument \"thing\": expected an address or a prefix");
		return -EINVAL;
	}
	bits = q->thing[0] ? who.bits : 128;
	if (q->port[0] && (!policy_port(q->port, &l4, &lo, &hi) || lo != hi)) {
		snprintf(err, err_len, "argument \"port\": expected tcp/80 or udp/53");
		return -EINVAL;
	}
	*ret_n = 1;
	switch (p) {
	case API_POLICY_BLOCK:
		if (bits != 128) {
			snprintf(err, err_len, "one address is blocked at a time: %.60s is a prefix", q->thing);
			return -EPERM;
		}
		r = policy_block(a->core, ct, q->thing[0] ? who.addr : NULL, l4, (uint16_t)(lo >> 8 | lo << 8), q->seconds ? q->seconds : 600, 0);
		break;
	case API_POLICY_UNBLOCK:
		r = policy_unblock(a->core, ct);
		*ret_n = (uint64_t)(r < 0 ? 0 : r);
		break;
	default:
		r = policy_quarantine(a->core, ct, q->thing[0] ? &who : NULL, p == API_POLICY_QUARANTINE);
		break;
	}
	if (r < 0)
		snprintf(err, err_len, "%s", policy_refusal(a->core));
	return r < 0 ? r : 0;
}

static int command(struct api *a, enum api_path p, const struct api_query *q, char *err, size_t err_len, uint64_t *ret_n)
{
	struct policy_how_to how = { .confirm_s = q->seconds, .established = q->established, .closed = q->closed, .anyway = q->anyway };
	struct core *c = a->core;
	int r;

	*ret_n = 1;
	if (!q->workload[0] && p != API_POLICY_OFF) {
		snprintf(err, err_len, "argument \"workload\" is missing");
		return -EINVAL;
	}
	switch (p) {
	case API_POLICY_ENFORCE:
		r = policy_enforce(c, q->workload, &how);
		break;
	case API_POLICY_MONITOR:
		r = policy_monitor(c, q->workload);
		break;
	case API_POLICY_CONFIRM:
		r = policy_confirm(c, q->workload);
		break;
	default:
		r = policy_off(c, q->workload[0] ? q->workload : NULL);
		*ret_n = (uint64_t)(r < 0 ? 0 : r);
	}
	if (r < 0)
		snprintf(err, err_len, "%s", policy_refusal(c));
	return r < 0 ? r : 0;
}

int api_policy_post(struct api *a, enum api_path p, const struct api_query *q, char *err, size_t err_len, struct api_body *ret)
{
	static const char *const done[API_PATH_MAX] = {
		[API_POLICY_ENFORCE] = "enforced",   [API_POLICY_MONITOR] = "monitored", [API_POLICY_CONFIRM] = "confirmed",
		[API_POLICY_OFF] = "off",	     [API_POLICY_BLOCK] = "blocked",	 [API_POLICY_UNBLOCK] = "unblocked",
		[API_POLICY_QUARANTINE] = "quarantined", [API_POLICY_RELEASE] = "released",
	};
	bool holds = p == API_POLICY_BLOCK || p == API_POLICY_UNBLOCK || p == API_POLICY_QUARANTINE || p == API_POLICY_RELEASE;
	uint64_t n = 0;
	int r;

	if (!a->core->policy || !a->core->priv->ready) {
		snprintf(err, err_len, "the sensor is starting");
		return -EAGAIN;
	}
	r = holds ? block_post(a, p, q, err, err_len, &n) : command(a, p, q, err, err_len, &n);
	if (r < 0)
		return r;
	api_done_make(ret, done[p], holds ? q->container : q->workload, n);
	return 0;
}
