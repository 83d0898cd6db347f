/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A world for tests of core: real BPF maps that the test fills as the programs would, the real core around them, one node with a
 * bridge and two containers. */
#ifndef PG_TESTS_UNIT_CORE_WORLD_H
#define PG_TESTS_UNIT_CORE_WORLD_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "sensor/core/core_priv.h"

#define NODE_NS 1
#define CID_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define CID_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define CID_C "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
#define NET_ID "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"
#define ADDR_A "172.18.0.2"
#define ADDR_B "172.18.0.3"

static struct core core;
static uv_loop_t loop;
static char dir[64];

static __attribute__((unused)) void mapped(const char *text, uint8_t ret[16])
{
	memset(ret, 0, 10);
	ret[10] = ret[11] = 0xff;
	assert_int_equal(inet_pton(AF_INET, text, ret + 12), 1);
}

static __attribute__((unused)) void put_map(const char *name, int fd)
{
	struct core_map *m = &core.priv->maps[core.priv->map_count++];

	assert_true(fd >= 0);
	snprintf(m->name, sizeof(m->name), "%s", name);
	m->fd = fd;
}

static __attribute__((unused)) void core_start(void)
{
	memset(&core, 0, sizeof(core));
	snprintf(core.state_dir, sizeof(core.state_dir), "%s", dir);
	snprintf(core.node, sizeof(core.node), "testnode");
	uv_loop_init(&loop);
	assert_int_equal(core_open(&core, &loop), 0);
	config_defaults(&core.config);
	core.config.flows_max = 1024;
	core.priv->configured = true;
	assert_int_equal(core_open_tables(&core), 0);
	core.engine_count = 1;
	snprintf(core.engines[0].name, sizeof(core.engines[0].name), "engine");
}

static __attribute__((unused)) int setup(void **state)
{
	LIBBPF_OPTS(bpf_map_create_opts, o, .map_flags = BPF_F_MMAPABLE);

	if (geteuid() != 0)
		return 0;
	snprintf(dir, sizeof(dir), "/tmp/pg-core-flows-XXXXXX");
	assert_non_null(mkdtemp(dir));
	core_start();
	put_map("flows", bpf_map_create(BPF_MAP_TYPE_HASH, "flows", sizeof(struct flow_key), sizeof(struct pg_flow), 1024, NULL));
	put_map("flow_gauge", bpf_map_create(BPF_MAP_TYPE_ARRAY, "flow_gauge", 4, sizeof(struct pg_flow_gauge), 1, &o));
	assert_int_equal(flows_start(&core), 0);
	core.priv->ready = core.priv->synced = true;
	return 0;
}

static __attribute__((unused)) int teardown(void **state)
{
	static const char *const files[] = { "pierglass.db", "pierglass.db-wal", "pierglass.db-shm", "mark", "model.db", "model.db-wal",
					     "model.db-shm", "alerts.jsonl" };
	char path[320];

	if (geteuid() != 0)
		return 0;
	core_close(&core);
	uv_loop_close(&loop);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
		unlink(path);
	}
	assert_int_equal(rmdir(dir), 0);
	return 0;
}

/* Host end ifindex 10 + i of the container, its own end 2, namespace 100 + i with that sandbox. */
static __attribute__((unused)) void put_links(unsigned i)
{
	struct ident_ns ns = { .ns = (uint16_t)(100 + i), .kind = IDENT_NS_CONTAINER, .cookie = 1000 + i };
	struct ident_link l = { .ns = NODE_NS, .peer_ns = (uint16_t)(100 + i), .ifindex = 10 + i, .peer_ifindex = 2, .kind = IDENT_LINK_VETH,
				.master = 5 };
	struct ident_link in = { .ns = (uint16_t)(100 + i), .peer_ns = NODE_NS, .ifindex = 2, .peer_ifindex = 10 + i, .kind = IDENT_LINK_VETH };

	snprintf(ns.name, sizeof(ns.name), "box%u", i);
	ident_put_ns(core.ident, &ns);
	ident_put_link(core.ident, &l);
	ident_put_link(core.ident, &in);
}

static uint64_t created_wall_ns; /* of the containers that are put next */

static __attribute__((unused)) void put_container(const char *cid, const char *name, unsigned box, const char *addr)
{
	static struct ident_container c;

	memset(&c, 0, sizeof(c));
	snprintf(c.id, sizeof(c.id), "%s", cid);
	snprintf(c.name, sizeof(c.name), "%s", name);
	snprintf(c.image, sizeof(c.image), "img");
	snprintf(c.network_mode, sizeof(c.network_mode), "app");
	snprintf(c.sandbox_name, sizeof(c.sandbox_name), "box%u", box);
	c.state = IDENT_RUNNING;
	c.pid = 100 + box;
	c.created_wall_ns = created_wall_ns;
	c.endpoint_count = 1;
	snprintf(c.endpoints[0].network_id, IDENT_ID_LEN, "%s", NET_ID);
	snprintf(c.endpoints[0].network_name, sizeof(c.endpoints[0].network_name), "app");
	mapped(addr, c.endpoints[0].addr4);
	assert_int_equal(ident_put_container(core.ident, &c), 0);
}

static __attribute__((unused)) void put_node(void)
{
	struct ident_ns ns = { .ns = NODE_NS, .kind = IDENT_NS_NODE, .cookie = 1 };
	struct ident_link br = { .ns = NODE_NS, .ifindex = 5, .kind = IDENT_LINK_BRIDGE, .name = "br-dddddddddddd" };
	struct ident_network n = { .subnet_count = 1 };

	ident_put_ns(core.ident, &ns);
	ident_put_link(core.ident, &br);
	snprintf(n.id, sizeof(n.id), "%s", NET_ID);
	snprintf(n.name, sizeof(n.name), "app");
	snprintf(n.driver, sizeof(n.driver), "bridge");
	snprintf(n.bridge_name, sizeof(n.bridge_name), "br-dddddddddddd");
	mapped("172.18.0.0", n.subnets[0].addr);
	n.subnets[0].prefix_len = 96 + 16;
	mapped("172.18.0.1", n.subnets[0].gateway);
	ident_put_network(core.ident, &n);
}

/* A -> B: A is end 0 because its address is lower. */
static __attribute__((unused)) struct flow_key key_ab(uint16_t client_port)
{
	struct flow_key k = { .ns = NODE_NS, .proto = IPPROTO_TCP };

	mapped(ADDR_A, k.addr[0]);
	mapped(ADDR_B, k.addr[1]);
	k.port[0] = htons(client_port);
	k.port[1] = htons(80);
	return k;
}

static __attribute__((unused)) struct pg_flow flow_ab(uint64_t n)
{
	uint64_t now = clock_mono_ns();

	return (struct pg_flow){ .packets = { n, n }, .bytes = { 100 * n, 1000 * n }, .first_ns = now, .last_ns = now, .end_if = { 10, 11 },
				 .flags = PG_FLOW_TWO_WAY | PG_FLOW_SYN_SEEN, .tcp_flags = { 2, 18 } };
}

static __attribute__((unused)) void kernel_put(const struct flow_key *k, const struct pg_flow *v)
{
	int fd = core_map_fd(&core, "flows");
	struct pg_flow old;

	if (bpf_map_lookup_elem(fd, k, &old) != 0)
		__atomic_add_fetch(&core.priv->gauge->opened, 1, __ATOMIC_RELAXED);
	assert_int_equal(bpf_map_update_elem(fd, k, v, BPF_ANY), 0);
}

/* As the programs announce a new flow. */
static __attribute__((unused)) void news_put(struct pg_flow_news *news, const struct flow_key *k)
{
	uint64_t n = core.priv->gauge->news++;
	struct pg_flow_news *s = &news[n % PG_NEWS_SLOTS];

	*s = (struct pg_flow_news){ .key = *k, .ts_ns = clock_mono_ns(), .seq = (uint32_t)(n + 1) };
}

/* Gives core the ring, as the keeper does before flows are read. */
static __attribute__((unused)) struct pg_flow_news *news_ring(void)
{
	LIBBPF_OPTS(bpf_map_create_opts, o, .map_flags = BPF_F_MMAPABLE);
	void *m;

	flows_stop(&core);
	put_map("flow_news", bpf_map_create(BPF_MAP_TYPE_ARRAY, "flow_news", 4, sizeof(struct pg_flow_news), PG_NEWS_SLOTS, &o));
	m = mmap(NULL, PG_NEWS_SLOTS * sizeof(struct pg_flow_news), PROT_READ | PROT_WRITE, MAP_SHARED, core_map_fd(&core, "flow_news"), 0);
	assert_true(m != MAP_FAILED);
	assert_int_equal(flows_start(&core), 0);
	return m;
}

static __attribute__((unused)) void scan(void)
{
	flows_scan(&core, true);
}

struct edges {
	unsigned count;
	char client[384], server[384], app[40];
	uint64_t flows, packets_to_server, bytes_to_client;
};

static __attribute__((unused)) void edge_cb(const struct topo_edge *e, void *arg)
{
	struct edges *s = arg;

	s->count++;
	snprintf(s->client, sizeof(s->client), "%s", e->client->id);
	snprintf(s->server, sizeof(s->server), "%s", e->server->id);
	snprintf(s->app, sizeof(s->app), "%s", e->app);
	s->flows = e->flows;
	s->packets_to_server = e->packets_to_server;
	s->bytes_to_client = e->bytes_to_client;
}

static __attribute__((unused)) struct edges edges(void)
{
	struct edges s = { 0 };

	topo_each_edge(core.topo, edge_cb, &s);
	return s;
}

#define ROOT_ONLY()            \
	do {                   \
		if (geteuid()) \
			skip();\
	} while (0)

static __attribute__((unused)) void known_world(void)
{
	put_node();
	put_links(0);
	put_links(1);
	put_container(CID_A, "a", 0, ADDR_A);
	put_container(CID_B, "b", 1, ADDR_B);
}

/* As SIGKILL leaves it: what was not saved is gone, the kernel's maps are there for the next one. */
static __attribute__((unused)) void core_is_killed(void)
{
	int flows = dup(core_map_fd(&core, "flows")), gauge = dup(core_map_fd(&core, "flow_gauge"));

	core.priv->configured = false; /* it saves nothing */
	flows_stop(&core);
	core_close(&core);
	uv_loop_close(&loop);
	core_start();
	put_map("flows", flows);
	put_map("flow_gauge", gauge);
	assert_int_equal(flows_start(&core), 0);
	core.priv->ready = core.priv->synced = true;
	known_world();
}

#endif
