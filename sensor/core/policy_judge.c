/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the models say about an edge, by names: for the map and for what the past would have met. */
#include <netinet/in.h>
#include <string.h>

#include "sensor/core/policy_priv.h"

static bool is_published(const struct ident_container *ct, uint8_t proto, uint16_t port)
{
	for (unsigned i = 0; i < ct->port_count && i < IDENT_PORTS_MAX; i++)
		if (ct->ports[i].proto == proto && ct->ports[i].container_port == port && ct->ports[i].host_port)
			return true;
	return false;
}

struct publishing {
	const struct policy_edge_in *e;
	bool found;
};

static void publishing_cb(const struct ident_container *ct, void *arg)
{
	struct publishing *p = arg;

	if (!ct->gone_mono_ns && !strcmp(ct->workload, p->e->server_workload) && is_published(ct, p->e->l4, p->e->port))
		p->found = true;
}

static bool never_refused(const struct policy_edge_in *e, enum topo_kind kind, const char *id)
{
	return kind == TOPO_HOST || kind == TOPO_GATEWAY || !strncmp(id, "multicast:", 10) || !strncmp(id, "engine:", 7);
}

/* Whether one end's model knows the edge. */
static bool end_knows(struct core *c, const char *workload, enum fact_kind k, const struct policy_edge_in *e)
{
	const struct model *m = core_model_named(c, workload);
	char port[24], key[FACT_KEY_MAX];
	struct publishing pub = { .e = e };

	fact_port(port, e->l4, e->port);
	if (m && model_match(m, k, fact_key(key, k == FACT_EDGE_IN ? e->client : e->server, port)))
		return true;
	if (!m || k != FACT_EDGE_IN || e->client_kind != TOPO_EXTERNAL)
		return false;
	ident_each_container(c->ident, publishing_cb, &pub);
	return pub.found && model_match(m, k, fact_key(key, "ext:" FACT_ANY, port));
}

const char *policy_judge(struct core *c, const struct policy_edge_in *e, const char *assumed)
{
	const char *no = e->l4 == IPPROTO_TCP ? "reset" : "drop";
	bool in = e->server_workload[0] && ((assumed && !strcmp(assumed, e->server_workload)) || policy_mode_of(c, e->server_workload) == POLICY_ENFORCE);
	bool out = e->client_workload[0] && ((assumed && !strcmp(assumed, e->client_workload)) || policy_mode_of(c, e->client_workload) == POLICY_ENFORCE);

	if (!in && !out)
		return "none";
	if (never_refused(e, e->client_kind, e->client) || never_refused(e, e->server_kind, e->server))
		return "allow";
	if ((out && !end_knows(c, e->client_workload, FACT_EDGE_OUT, e)) || (in && !end_knows(c, e->server_workload, FACT_EDGE_IN, e)))
		return no;
	return "allow";
}

const char *policy_edge_verdict(struct core *c, const struct policy_edge_in *e)
{
	if (!c->policy || !c->policy->enforced)
		return "none";
	return policy_judge(c, e, NULL);
}
