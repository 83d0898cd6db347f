/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/core/filters.h"

#include "sensor/core/alerts.h"
#include "sensor/core/export_map.h"
#include "sensor/core/json_events.h"
#include "sensor/core/json_views.h"

bool filter_flow(struct filter *f, struct core *c, const struct core_flow_view *v, const char *client_container, const char *server_container)
{
	struct jsonl *w;

	if (!f)
		return true;
	w = filter_writer(f);
	jsonl_str(w, "client", v->client.id);
	jsonl_str(w, "server", v->server.id);
	json_flow(w, v, c->node, NULL, client_container, server_container);
	return filter_wants(f);
}

bool filter_event(struct filter *f, struct core *c, const struct core_event_view *v)
{
	if (!f)
		return true;
	json_event(filter_writer(f), c, v);
	return filter_wants(f);
}

bool filter_finding(struct filter *f, const struct core *c, const struct finding *x)
{
	if (!f)
		return true;
	json_alert(filter_writer(f), NULL, c, x);
	return filter_wants(f);
}

bool filter_container(struct filter *f, struct core *c, const struct ident_container *k, const struct core_container_counts *n)
{
	if (!f)
		return true;
	json_container(filter_writer(f), c, k, n);
	return filter_wants(f);
}

bool filter_listener(struct filter *f, const struct core *c, const struct core_listener_view *v)
{
	if (!f)
		return true;
	json_listener(filter_writer(f), c, v);
	return filter_wants(f);
}

bool filter_network(struct filter *f, const struct core *c, const struct ident_network *n)
{
	if (!f)
		return true;
	json_network(filter_writer(f), c, n);
	return filter_wants(f);
}

bool filter_edge(struct filter *f, struct core *c, const struct topo_edge *e)
{
	struct jsonl *w;

	if (!f)
		return true;
	w = filter_writer(f);
	json_edge(w, c, e);
	json_node(w, "client", c, e->client);
	json_node(w, "server", c, e->server);
	return filter_wants(f);
}
