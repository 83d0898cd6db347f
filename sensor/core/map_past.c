/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/core/map_past.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "sensor/core/store.h"

#define NODES_MAX 16384
#define EDGES_MAX 65536
#define MLD_FIRST 130 /* MLD, neighbour discovery, router discovery: DECISIONS 31 */
#define ND_LAST 153

struct past {
	struct core *core;
	struct map_past *p;
	unsigned rows;
	bool failed;
};

static bool is_end(const struct core_end_view *e)
{
	return e->id[0] && strncmp(e->id, "multicast:", 10) != 0 && strcmp(e->id, "engine:resolver") != 0;
}

static bool is_edge(const struct core_flow_view *v)
{
	unsigned type = v->server.port >> 8;

	return is_end(&v->client) && is_end(&v->server) && v->l4 != IPPROTO_IGMP && !v->client.spoofed && !v->server.spoofed &&
	       !(v->l4 == IPPROTO_ICMPV6 && type >= MLD_FIRST && type <= ND_LAST);
}

/* A node's id is its workload's name, with "@" and the engine where there are several. */
static void desc(const struct past *x, const struct core_flow_view *v, const struct core_end_view *e, const char *container, char workload[384],
		 struct topo_node_desc *ret)
{
	size_t len = strlen(e->id), tail = v->engine ? strlen(v->engine) : 0;

	*ret = (struct topo_node_desc){
		.id = e->id,
		.kind = e->kind,
		.workload = "",
		.container = container,
		.engine = v->engine,
		.node = x->core->node,
		.network = e->network,
		.address = e->kind == TOPO_WORKLOAD || e->kind == TOPO_CONTAINER ? "" : e->addr,
	};
	if (e->kind != TOPO_WORKLOAD && e->kind != TOPO_CONTAINER)
		return;
	memcpy(workload, e->id, len + 1);
	if (tail && len > tail + 1 && e->id[len - tail - 1] == '@' && !strcmp(e->id + len - tail, v->engine))
		workload[len - tail - 1] = '\0';
	ret->workload = workload;
}

static void take(const struct core_flow_view *v, const char *client_container, const char *server_container, void *arg)
{
	struct past *x = arg;
	char client[384], server[384];
	struct topo_delta d = {
		.l4 = v->l4,
		.port = v->server.port,
		.app = v->app && v->app[0] ? v->app : NULL,
		.app_confidence = v->app_confidence,
		.client_exe = v->client.exe && v->client.exe[0] ? v->client.exe : NULL,
		.server_exe = v->server.exe && v->server.exe[0] ? v->server.exe : NULL,
		.host = v->host && v->host[0] ? v->host : NULL,
		.bytes_to_server = v->bytes_to_server,
		.bytes_to_client = v->bytes_to_client,
		.packets_to_server = v->packets_to_server,
		.packets_to_client = v->packets_to_client,
		.new_flows = v->flows,
		.first_seen_ns = v->first_seen_ns,
		.last_seen_ns = v->last_seen_ns,
	};
	int r;

	x->rows++;
	if (!is_edge(v))
		return;
	desc(x, v, &v->client, client_container, client, &d.client);
	desc(x, v, &v->server, server_container, server, &d.server);
	r = topo_add(x->p->topo, &d);
	x->failed |= r == -ENOMEM;
	if (r == -ENOSPC)
		x->p->complete = false;
}

static void take_live(const struct core_flow_view *v, void *arg)
{
	struct past *x = arg;

	if (v->first_seen_ns <= x->p->until_ns && v->last_seen_ns >= x->p->since_ns)
		take(v, v->client.container ? v->client.container->name : "", v->server.container ? v->server.container->name : "", arg);
}

int map_past_make(struct core *c, uint64_t since_ns, uint64_t until_ns, struct map_past *ret)
{
	struct store_query q = { .since_wall_ns = since_ns, .until_wall_ns = until_ns, .limit = MAP_PAST_ROWS };
	struct past x = { .core = c, .p = ret };

	*ret = (struct map_past){ .topo = topo_new(NODES_MAX, EDGES_MAX), .since_ns = since_ns, .until_ns = until_ns, .complete = true };
	if (!ret->topo)
		return -ENOMEM;
	ret->oldest_ns = store_oldest_flow(c->store);
	(void)store_each_flow(c->store, &q, take, &x);
	if (x.rows >= MAP_PAST_ROWS)
		ret->complete = false;
	q = (struct store_query){ .since_wall_ns = until_ns + 1, .began_wall_ns = until_ns, .limit = MAP_PAST_ROWS };
	(void)store_each_flow(c->store, &q, take, &x);
	core_each_flow(c, take_live, &x);
	if (x.failed) {
		map_past_done(ret);
		return -ENOMEM;
	}
	return 0;
}

void map_past_done(struct map_past *p)
{
	topo_free(p->topo);
	p->topo = NULL;
}
