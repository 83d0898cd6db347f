/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How much and how often: bytes that a workload sends out of the engines' networks, connections to services that ask for a
 * password. Measured over TURN_NS, held against what is usual at that hour of the week, or, until
 * there is history of some weeks, the largest turn that was learned. */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "sensor/core/model_priv.h"

#define TURN_NS (10 * NSEC_PER_SEC)
#define BYTES_TURNS 6u            /* bytes are counted over so many turns, so that many small pieces add up */
#define BYTES_FLOOR (32ULL << 20) /* of that; less is never a finding */
#define SERVED_PACKETS 3          /* of a server: it did not only refuse */
#define BYTES_FACTOR 4
#define FLOWS_FLOOR 25
#define FLOWS_FACTOR 4
#define REFUSED_NS (60 * NSEC_PER_SEC)
#define REFUSED_FLOOR 12 /* a pool of connections with an old password */

static bool asks_for_password(uint16_t port)
{
	static const uint16_t ports[] = { 21, 22, 23, 110, 143, 389, 445, 636, 993, 995, 1433, 1521, 2222, 3306, 3389, 5432, 5900, 6379, 27017 };

	for (size_t i = 0; i < ARRAY_SIZE(ports); i++)
		if (ports[i] == port)
			return true;
	return false;
}

/* Connections count once, and only those that the server answered: a client that knocks at a closed door guesses nothing. */
static void count_served(struct flow *f, struct pair_mark *mark)
{
	if (f->key.proto != IPPROTO_TCP || (f->state & FLOW_COUNTED) || f->packets[!f->client_end] < SERVED_PACKETS)
		return;
	f->state |= FLOW_COUNTED;
	mark->new_flows++;
}

static bool add_bytes(struct flow *f, void *arg)
{
	struct pair_mark *mark;
	uint64_t sent;

	if (!f->edge || (f->state & FLOW_NO_EDGE))
		return true;
	mark = pair_mark(f->edge);
	sent = f->bytes[f->client_end & 1];
	count_served(f, mark);
	mark->bytes += sent;
	mark->old |= *(const uint64_t *)arg - f->first_ns > BYTES_TURNS * TURN_NS;
	if (sent >= mark->most_bytes) {
		mark->most_bytes = sent;
		mark->most = f->key;
	}
	return true;
}

void model_volume_closed(const struct flow *f)
{
	pair_mark(f->edge)->done += f->bytes[f->client_end & 1];
}

/* The flow that sent most: who is at its other end, and the process at its client's, if it can still be told. */
static void tell_flow(struct core *c, const struct pair_mark *mark, bool by_server, struct finding *f)
{
	const struct flow *flow = flow_table_find(c->flows, &mark->most);
	const struct process *p, *parent;
	uint32_t index;

	if (flow)
		model_peer_of(f, flow, by_server ? flow->client_end & 1 : !flow->client_end);
	if (!flow || by_server || flow_process(c, flow, flow->client_end & 1, &index) == ATTR_UNKNOWN || !(p = processes_get(c->procs, index)))
		return;
	parent = processes_get(c->procs, p->parent);
	f->pid = p->tgid;
	snprintf(f->process, sizeof(f->process), "%s", p->exe);
	snprintf(f->parent, sizeof(f->parent), "%s", parent ? parent->exe : "");
}

static void tell(struct core *c, const struct ident_container *ct, struct model *m, enum finding_kind kind, const char *key, const char *peer,
		 const char *observed, const char *learned, const struct pair_mark *mark, bool by_server)
{
	_cleanup_free_ struct finding *f = calloc(1, sizeof(*f));

	if (!f)
		return;
	f->kind = kind;
	f->fact_kind = -1;
	snprintf(f->key, sizeof(f->key), "volume\t%s", key);
	snprintf(f->peer, sizeof(f->peer), "%s", peer);
	snprintf(f->observed, sizeof(f->observed), "%s", observed);
	tell_flow(c, mark, by_server, f);
	snprintf(f->why, sizeof(f->why), "That is far more than this edge ever carried.");
	model_expect(f, "%s", learned);
	model_tell(c, ct, m, FACT_VOLUME, f);
}

static const char *usual_when(const struct model_usual *u, char ret[80])
{
	ret[0] = '\0';
	if (u->weeks)
		snprintf(ret, 80, " at this hour of the week (upper quartile of %u weeks)", u->weeks);
	return ret;
}

static void judge_bytes(struct core *c, struct flow_pair *p, uint64_t bytes)
{
	const struct ident_container *ct = pair_container(p, PAIR_CLIENT);
	const struct topo_node_desc *sv = pair_end(p, PAIR_SERVER);
	struct model *m = sv->kind == TOPO_WORKLOAD ? NULL : model_of(c, ct);
	char key[FACT_KEY_MAX], port[24], observed[512], when[80], learned[200];
	struct model_seen s;
	struct model_usual usual;

	if (!m)
		return;
	s = model_seen_of(ct, clock_wall_ns());
	fact_key(key, sv->id, fact_port(port, pair_l4(p), pair_port(p)));
	if (model_measure(m, FACT_VOLUME, key, bytes, BYTES_FLOOR, BYTES_FACTOR, &s, &usual) != MODEL_NEW)
		return;
	snprintf(observed, sizeof(observed), "%s has sent %llu MiB to %.200s on %s within a minute", ct->name, (unsigned long long)(bytes >> 20), sv->id, port);
	snprintf(learned, sizeof(learned), "at most %llu KiB within a minute to %.80s %s%s", (unsigned long long)(usual.value >> 10), sv->id, port,
		 usual_when(&usual, when));
	tell(c, ct, m, FINDING_VOLUME_EXFILTRATION, key, sv->id, observed, learned, pair_mark(p), false);
}

static void judge_flows(struct core *c, struct flow_pair *p, uint64_t flows)
{
	const struct ident_container *sct = pair_container(p, PAIR_SERVER), *cct = pair_container(p, PAIR_CLIENT);
	const struct topo_node_desc *cl = pair_end(p, PAIR_CLIENT);
	struct model *m = asks_for_password(pair_port(p)) ? model_of(c, sct) : NULL;
	char key[FACT_KEY_MAX], port[24], observed[512], when[80], learned[200], who[420];
	struct model_seen s;
	struct model_usual usual;

	if (!m)
		return;
	s = model_seen_of(sct, clock_wall_ns());
	snprintf(who, sizeof(who), "rate of %s", cl->id);
	fact_key(key, who, fact_port(port, pair_l4(p), pair_port(p)));
	if (model_measure(m, FACT_VOLUME, key, flows, FLOWS_FLOOR, FLOWS_FACTOR, &s, &usual) != MODEL_NEW)
		return;
	snprintf(observed, sizeof(observed), "%.200s made %llu connections to %s of %s within %llu s", cl->id, (unsigned long long)flows, port, sct->name,
		 (unsigned long long)(TURN_NS / NSEC_PER_SEC));
	snprintf(learned, sizeof(learned), "at most %llu connections in that time from %.80s%s", (unsigned long long)usual.value, cl->id,
		 usual_when(&usual, when));
	tell(c, cct && !cct->remote ? cct : sct, m, FINDING_AUTH_BRUTEFORCE, key, cct && !cct->remote ? sct->workload : cl->id, observed, learned,
	     pair_mark(p), !cct || cct->remote);
}

/* Wrong passwords, whatever the rate: a client that has one wrong password tries it again now and then. */
void model_login_refused(struct core *c, struct flow *f)
{
	const struct ident_container *sct, *cct;
	char key[FACT_KEY_MAX], port[24], observed[512], when[80], learned[200], who[420];
	uint64_t now = clock_mono_ns();
	struct model_usual usual;
	const struct topo_node_desc *cl;
	struct pair_mark *mark;
	struct model_seen s;
	struct model *m;

	if (!c->model || !f->edge || (f->state & (FLOW_NO_EDGE | FLOW_REFUSED)) || !config_checks(&c->config, CHECK_RATE))
		return;
	f->state |= FLOW_REFUSED;
	mark = pair_mark(f->edge);
	if (now - mark->refused_at_ns > REFUSED_NS) {
		mark->refused_at_ns = now;
		mark->refused = 0;
	}
	mark->refused++;
	sct = pair_container(f->edge, PAIR_SERVER);
	cct = pair_container(f->edge, PAIR_CLIENT);
	cl = pair_end(f->edge, PAIR_CLIENT);
	m = model_of(c, sct);
	if (!m)
		return;
	s = model_seen_of(sct, clock_wall_ns());
	snprintf(who, sizeof(who), "refused logins of %s", cl->id);
	fact_key(key, who, fact_port(port, pair_l4(f->edge), pair_port(f->edge)));
	if (model_measure(m, FACT_VOLUME, key, mark->refused, REFUSED_FLOOR, FLOWS_FACTOR, &s, &usual) != MODEL_NEW)
		return;
	snprintf(observed, sizeof(observed), "%.200s had %u logins to %s of %s refused within a minute", cl->id, mark->refused, port, sct->name);
	snprintf(learned, sizeof(learned), "at most %llu refused logins in that time from %.80s%s", (unsigned long long)usual.value, cl->id,
		 usual_when(&usual, when));
	mark->most = f->key;
	tell(c, cct && !cct->remote ? cct : sct, m, FINDING_AUTH_BRUTEFORCE, key, cct && !cct->remote ? sct->workload : cl->id, observed, learned,
	     mark, !cct || cct->remote);
}

static void judge(struct flow_pair *p, void *arg)
{
	struct pair_mark *mark = pair_mark(p);
	uint64_t sent = mark->bytes + mark->done;
	struct core *c = arg;

	/* What flows sent long before this sensor looked at the edge is nothing of now. */
	if (!mark->measured && mark->old)
		mark->base = sent;
	mark->measured = true;
	sent = sent > mark->base ? sent - mark->base : 0;
	if (sent && config_checks(&c->config, CHECK_VOLUME))
		judge_bytes(c, p, sent);
	if (mark->new_flows && config_checks(&c->config, CHECK_RATE))
		judge_flows(c, p, mark->new_flows);
	mark->bytes_last = mark->bytes;
	mark->bytes = mark->most_bytes = 0;
}

static void turn(struct flow_pair *p, void *arg)
{
	struct pair_mark *mark = pair_mark(p);
	const bool *bytes_too = arg;

	mark->new_flows = 0;
	if (*bytes_too)
		mark->base = mark->bytes_last + mark->done;
}

/* Every second, so that a flood is told while it lasts; connections are counted over a whole turn, bytes over several. */
void model_volume_tick(struct core *c, uint64_t now_ns)
{
	struct core_model *cm = c->model;
	bool bytes_too;

	if (now_ns < cm->volume_look_ns + NSEC_PER_SEC)
		return;
	cm->volume_look_ns = now_ns;
	flow_table_each(c->flows, add_bytes, &now_ns);
	pairs_each(c, judge, c);
	if (now_ns < cm->volume_at_ns + TURN_NS)
		return;
	cm->volume_at_ns = now_ns;
	bytes_too = ++cm->volume_turns % BYTES_TURNS == 0;
	pairs_each(c, turn, &bytes_too);
}
