/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/core/geo.h"
#include "sensor/core/json_views.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "sensor/core/declared.h"
#include "sensor/facts.h"

static const struct {
	uint8_t number;
	const char *name;
} l4_names[] = {
	{ IPPROTO_TCP, "tcp" }, { IPPROTO_UDP, "udp" },   { IPPROTO_ICMP, "icmp" }, { IPPROTO_ICMPV6, "icmpv6" },
	{ IPPROTO_SCTP, "sctp" }, { IPPROTO_IGMP, "igmp" }, { IPPROTO_GRE, "gre" },   { IPPROTO_ESP, "esp" },
	{ IPPROTO_AH, "ah" },   { IPPROTO_IPIP, "ipip" }, { IPPROTO_IPV6, "ipv6" },
};

const char *json_l4_name(uint8_t proto, char buf[JSON_L4_LEN])
{
	for (size_t i = 0; i < ARRAY_SIZE(l4_names); i++)
		if (l4_names[i].number == proto)
			return l4_names[i].name;
	snprintf(buf, JSON_L4_LEN, "ip-%u", proto);
	return buf;
}

int json_l4_number(const char *name)
{
	char *end;
	long n;

	for (size_t i = 0; i < ARRAY_SIZE(l4_names); i++)
		if (!strcmp(l4_names[i].name, name))
			return l4_names[i].number;
	if (strncmp(name, "ip-", 3) || name[3] < '0' || name[3] > '9')
		return -1;
	n = strtol(name + 3, &end, 10);
	return *end || n > 255 ? -1 : (int)n;
}

const char *json_addr(const uint8_t addr[16], char buf[JSON_ADDR_LEN])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff }, zero[16];

	buf[0] = '\0';
	if (!memcmp(addr, mapped, sizeof(mapped)))
		inet_ntop(AF_INET, addr + 12, buf, JSON_ADDR_LEN);
	else if (memcmp(addr, zero, sizeof(zero)))
		inet_ntop(AF_INET6, addr, buf, JSON_ADDR_LEN);
	return buf;
}

const char *json_engine(const struct core *c, unsigned i)
{
	if (i >= c->engine_count)
		return "";
	return c->engines[i].name[0] ? c->engines[i].name : c->engines[i].socket;
}

static const char *text(const char *s)
{
	return s ? s : "";
}

void json_geo(struct jsonl *j, const struct geo_entry *e)
{
	if (e->country[0])
		jsonl_str(j, "country", e->country);
	if (e->asn)
		jsonl_u64(j, "asn", e->asn);
	if (e->as_org[0])
		jsonl_str(j, "as_org", e->as_org);
}

static void json_end(struct jsonl *j, const char *key, const struct core_end_view *e, const char *container)
{
	jsonl_obj(j, key);
	jsonl_str(j, "id", e->id);
	jsonl_str(j, "kind", topo_kind_name(e->kind));
	jsonl_str(j, "workload", e->container ? e->container->workload : e->kind == TOPO_WORKLOAD ? e->id : "");
	jsonl_str(j, "container", e->container ? e->container->name : text(container));
	jsonl_str(j, "container_id", e->container ? e->container->id : "");
	jsonl_str(j, "address", e->addr);
	jsonl_u64(j, "port", e->port);
	jsonl_str(j, "exe", text(e->exe));
	json_exe_keys(j, e->exe_file);
	jsonl_u64(j, "pid", e->pid);
	jsonl_str(j, "attribution", core_attribution_name(e->attribution));
	jsonl_str(j, "network", text(e->network));
	jsonl_bool(j, "spoofed", e->spoofed);
	json_geo(j, &e->geo);
	jsonl_obj_end(j);
}

static uint64_t wall_of(uint64_t mono_ns, void *unused)
{
	return clock_mono_to_wall_ns(mono_ns);
}

void json_flow(struct jsonl *j, const struct core_flow_view *v, const char *node, const char *event, const char *client_container,
	       const char *server_container)
{
	char l4[JSON_L4_LEN];
	const char *network = text(v->server.network);

	jsonl_obj(j, NULL);
	if (event)
		jsonl_str(j, "event", event);
	jsonl_u64(j, "id", v->id);
	jsonl_str(j, "src", v->client.addr);
	jsonl_u64(j, "sport", v->client.port);
	jsonl_str(j, "dst", v->server.addr);
	jsonl_u64(j, "dport", v->server.port);
	jsonl_str(j, "l4", json_l4_name(v->l4, l4));
	json_end(j, "client", &v->client, client_container);
	json_end(j, "server", &v->server, server_container);
	jsonl_str(j, "app", v->app && v->app[0] ? v->app : "Unknown");
	jsonl_str(j, "app_confidence", label_confidence_name(v->app_confidence));
	jsonl_str(j, "host", text(v->host));
	jsonl_str(j, "info", text(v->info));
	if (v->facts && v->facts[0])
		facts_json(j, v->facts, v->facts_wall ? NULL : wall_of, NULL, false);
	jsonl_u64(j, "bytes_to_server", v->bytes_to_server);
	jsonl_u64(j, "bytes_to_client", v->bytes_to_client);
	jsonl_u64(j, "packets_to_server", v->packets_to_server);
	jsonl_u64(j, "packets_to_client", v->packets_to_client);
	jsonl_time(j, "first_seen", v->first_seen_ns);
	jsonl_time(j, "last_seen", v->last_seen_ns);
	jsonl_str(j, "state", text(v->state));
	jsonl_u64(j, "vni", v->vni);
	jsonl_str(j, "network", network[0] ? network : text(v->client.network));
	jsonl_u64(j, "published_port", v->published_port);
	jsonl_u64(j, "flows", v->flows);
	jsonl_str(j, "engine", text(v->engine));
	jsonl_str(j, "node", node);
	jsonl_obj_end(j);
}

static const char *state_name(enum ident_state s)
{
	switch (s) {
	case IDENT_CREATED:
		return "created";
	case IDENT_RUNNING:
		return "running";
	case IDENT_PAUSED:
		return "paused";
	case IDENT_RESTARTING:
		return "restarting";
	case IDENT_EXITED:
		return "exited";
	case IDENT_REMOVED:
		return "removed";
	}
	return "exited";
}

static void json_mac(struct jsonl *j, const char *key, const uint8_t mac[6])
{
	static const uint8_t zero[6];
	char buf[18] = "";

	if (memcmp(mac, zero, sizeof(zero)))
		snprintf(buf, sizeof(buf), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
	jsonl_str(j, key, buf);
}

void json_ledger(struct jsonl *j, const struct core_ledger_view *l)
{
	jsonl_obj(j, "events");
	jsonl_u64(j, "produced", l->produced);
	jsonl_u64(j, "delivered", l->delivered);
	jsonl_u64(j, "received", l->received);
	jsonl_u64(j, "ring_lost", l->ring_lost);
	jsonl_u64(j, "throttled", l->throttled);
	jsonl_u64(j, "window_lost", l->window_lost);
	jsonl_bool(j, "throttled_now", l->throttled_now);
	jsonl_obj_end(j);
	jsonl_obj(j, "flow_table");
	jsonl_u64(j, "one_way", l->flows_one_way);
	jsonl_u64(j, "two_way", l->flows_two_way);
	jsonl_u64(j, "refused_packets", l->flows_refused);
	jsonl_obj_end(j);
}

void json_container(struct jsonl *j, struct core *c, const struct ident_container *k, const struct core_container_counts *n)
{
	char a[JSON_ADDR_LEN], l4[JSON_L4_LEN];

	jsonl_obj(j, NULL);
	jsonl_str(j, "id", k->id);
	jsonl_str(j, "name", k->name);
	jsonl_str(j, "workload", k->workload);
	jsonl_str(j, "image", k->image);
	jsonl_str(j, "image_id", k->image_id);
	jsonl_str(j, "state", state_name(k->gone_mono_ns && k->state < IDENT_EXITED ? IDENT_EXITED : k->state));
	jsonl_u64(j, "pid", k->pid);
	jsonl_str(j, "network_mode", k->network_mode);
	jsonl_str(j, "compose_project", k->compose_project);
	jsonl_str(j, "swarm_stack", k->swarm_stack);
	jsonl_bool(j, "remote", k->remote);
	jsonl_arr(j, "networks");
	for (unsigned i = 0; i < k->endpoint_count && i < IDENT_ENDPOINTS_MAX; i++) {
		const struct ident_endpoint *e = &k->endpoints[i];

		jsonl_obj(j, NULL);
		jsonl_str(j, "name", e->network_name);
		jsonl_str(j, "addr4", json_addr(e->addr4, a));
		jsonl_str(j, "addr6", json_addr(e->addr6, a));
		json_mac(j, "mac", e->mac);
		jsonl_obj_end(j);
	}
	jsonl_arr_end(j);
	jsonl_arr(j, "ports");
	for (unsigned i = 0; i < k->port_count && i < IDENT_PORTS_MAX; i++) {
		const struct ident_port *p = &k->ports[i];

		jsonl_obj(j, NULL);
		jsonl_str(j, "l4", json_l4_name(p->proto, l4));
		jsonl_u64(j, "container_port", p->container_port);
		jsonl_u64(j, "host_port", p->host_port);
		jsonl_str(j, "host_address", json_addr(p->host_addr, a));
		jsonl_obj_end(j);
	}
	jsonl_arr_end(j);
	json_container_files(j, c, k);
	json_declared(j, c, k);
	jsonl_u64(j, "processes", n->processes);
	jsonl_u64(j, "listeners", n->listeners);
	jsonl_u64(j, "connections", n->connections);
	jsonl_u64(j, "bytes_sent", n->bytes_sent);
	jsonl_u64(j, "bytes_received", n->bytes_received);
	json_ledger(j, &n->events);
	jsonl_time(j, "created", k->created_wall_ns);
	jsonl_time(j, "started", k->started_wall_ns);
	jsonl_str(j, "engine", json_engine(c, k->engine));
	jsonl_str(j, "node", k->remote && k->node[0] ? k->node : c->node);
	jsonl_obj_end(j);
}

void json_network(struct jsonl *j, const struct core *c, const struct ident_network *n)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	char a[JSON_ADDR_LEN], subnet[JSON_ADDR_LEN + 8];

	jsonl_obj(j, NULL);
	jsonl_str(j, "id", n->id);
	jsonl_str(j, "name", n->name);
	jsonl_str(j, "driver", n->driver);
	jsonl_str(j, "scope", n->scope);
	jsonl_bool(j, "internal", n->internal);
	jsonl_bool(j, "attachable", n->attachable);
	jsonl_bool(j, "ingress", n->ingress);
	jsonl_bool(j, "encrypted", n->encrypted);
	jsonl_arr(j, "subnets");
	for (unsigned i = 0; i < n->subnet_count && i < ARRAY_SIZE(n->subnets); i++) {
		bool v4 = !memcmp(n->subnets[i].addr, mapped, sizeof(mapped));
		unsigned len = n->subnets[i].prefix_len;

		snprintf(subnet, sizeof(subnet), "%s/%u", json_addr(n->subnets[i].addr, a), v4 && len >= 96 ? len - 96 : len);
		jsonl_obj(j, NULL);
		jsonl_str(j, "subnet", subnet);
		jsonl_str(j, "gateway", json_addr(n->subnets[i].gateway, a));
		jsonl_obj_end(j);
	}
	jsonl_arr_end(j);
	jsonl_str(j, "bridge", n->bridge_name);
	jsonl_u64(j, "vni", n->vni);
	jsonl_str(j, "engine", json_engine(c, n->engine));
	jsonl_str(j, "node", c->node);
	jsonl_obj_end(j);
}

void json_listener(struct jsonl *j, const struct core *c, const struct core_listener_view *v)
{
	const struct listener *l = v->l;
	char l4[JSON_L4_LEN];

	jsonl_obj(j, NULL);
	jsonl_str(j, "container", v->container ? v->container->name : "");
	jsonl_str(j, "container_id", v->container ? v->container->id : "");
	jsonl_str(j, "workload", text(v->workload));
	jsonl_str(j, "l4", json_l4_name(l->proto, l4));
	jsonl_str(j, "address", v->addr);
	jsonl_u64(j, "port", l->port);
	jsonl_str(j, "exe", text(v->exe));
	json_exe_keys(j, v->exe_file);
	jsonl_u64(j, "pid", l->tgid);
	jsonl_str(j, "app", l->app[0] ? l->app : "Unknown");
	jsonl_str(j, "app_confidence", label_confidence_name(l->app_confidence));
	jsonl_str(j, "info", l->info);
	if (l->facts)
		facts_json(j, l->facts, wall_of, NULL, false);
	jsonl_u64(j, "flows", l->flows);
	jsonl_time(j, "since", v->since_ns);
	jsonl_str(j, "source", text(v->source));
	jsonl_str(j, "because", text(v->because));
	jsonl_str(j, "from", l->from_iter ? "iterator" : "event");
	jsonl_bool(j, "open", !l->closed_mono_ns);
	jsonl_str(j, "engine", text(v->engine));
	jsonl_str(j, "node", c->node);
	jsonl_obj_end(j);
}

void json_loss(struct jsonl *j, const struct core *c)
{
	jsonl_obj(j, "loss");
	for (unsigned i = 0; i < LOSS_MAX; i++)
		jsonl_u64(j, core_loss_name((enum core_loss)i), c->losses[i]);
	jsonl_obj_end(j);
}
