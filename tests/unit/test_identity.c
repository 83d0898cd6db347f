/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Identity: one small world (two engines with the same subnets, bridges, an overlay, shared and host networks), and tables
 * of questions with the answers that an operator would give. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "flows/identity.h"

#define SEC NSEC_PER_SEC
enum { NS_NODE = 1, NS_NODE_B = 2, NS_OV = 3, NS_WEB = 10, NS_DB = 11, NS_WEB_B = 12, NS_NEW = 13, NS_LB = 14, NS_DIND = 15 };
enum { IF_BR = 5, IF_WEB = 20, IF_DB = 21, IF_NEW = 22, IF_OV_WEB = 30, IF_LB = 31, IF_DIND = 32, IF_HOSTNET = 0x80000001 };

static const uint8_t *A(const char *s)
{
	static uint8_t ring[8][16];
	static unsigned n;
	uint8_t *a = ring[n++ % 8];

	memset(a, 0, 16);
	if (inet_pton(AF_INET, s, a + 12) == 1)
		a[10] = a[11] = 0xff;
	else
		assert_int_equal(inet_pton(AF_INET6, s, a), 1);
	return a;
}

static void put_ns(struct identity *id, uint16_t ns, enum ident_ns_kind kind, unsigned engine, uint64_t cookie, const char *name)
{
	struct ident_ns n = { .ns = ns, .kind = kind, .engine = engine, .cookie = cookie };

	snprintf(n.name, sizeof(n.name), "%s", name);
	assert_int_equal(ident_put_ns(id, &n), 0);
}

static void put_link(struct identity *id, uint16_t ns, uint32_t ifindex, enum ident_link_kind kind, const char *name,
		     uint32_t master, uint16_t peer_ns)
{
	struct ident_link l = { .ns = ns, .ifindex = ifindex, .kind = kind, .master = master, .peer_ns = peer_ns };

	snprintf(l.name, sizeof(l.name), "%.15s", name);
	assert_int_equal(ident_put_link(id, &l), 0);
}

static struct ident_container *box(unsigned engine, const char *cid, const char *name, const char *sandbox)
{
	struct ident_container *c = calloc(1, sizeof(*c));

	c->engine = engine;
	c->state = IDENT_RUNNING;
	snprintf(c->id, sizeof(c->id), "%s", cid);
	snprintf(c->name, sizeof(c->name), "%s", name);
	snprintf(c->image, sizeof(c->image), "img");
	snprintf(c->network_mode, sizeof(c->network_mode), "bridge");
	snprintf(c->sandbox_name, sizeof(c->sandbox_name), "%s", sandbox);
	return c;
}

static void leg(struct ident_container *c, const char *net, const char *a4, const char *a6)
{
	struct ident_endpoint *e = &c->endpoints[c->endpoint_count++];

	snprintf(e->network_id, sizeof(e->network_id), "%s", net);
	if (a4)
		memcpy(e->addr4, A(a4), 16);
	if (a6)
		memcpy(e->addr6, A(a6), 16);
}

static void publish(struct ident_container *c, uint8_t proto, uint16_t host, uint16_t inside, const char *addr)
{
	struct ident_port *p = &c->ports[c->port_count++];

	p->proto = proto;
	p->host_port = host;
	p->container_port = inside;
	memcpy(p->host_addr, A(addr), 16);
}

static void put(struct identity *id, struct ident_container *c)
{
	assert_int_equal(ident_put_container(id, c), 0);
	free(c);
}

static void put_net(struct identity *id, unsigned engine, const char *nid, const char *name, const char *driver, const char *bridge,
		    const char *subnet, unsigned prefix, const char *gateway)
{
	struct ident_network n = { .engine = engine };

	snprintf(n.id, sizeof(n.id), "%s", nid);
	snprintf(n.name, sizeof(n.name), "%s", name);
	snprintf(n.driver, sizeof(n.driver), "%s", driver);
	snprintf(n.bridge_name, sizeof(n.bridge_name), "%s", bridge);
	n.subnet_count = 1;
	memcpy(n.subnets[0].addr, A(subnet), 16);
	n.subnets[0].prefix_len = (uint8_t)prefix;
	memcpy(n.subnets[0].gateway, A(gateway), 16);
	assert_int_equal(ident_put_network(id, &n), 0);
}

#define NET_BR "aaaaaaaaaaaa1111111111"
#define NET_BR_B "bbbbbbbbbbbb1111111111"
#define NET_OV "ov0123456789abcdef"
#define NET_GW "gwgwgwgwgwgw"

static struct identity *world(void)
{
	struct identity *id = ident_new("node-a");
	struct ident_container *c;

	put_ns(id, NS_NODE, IDENT_NS_NODE, 0, 100, "");
	put_ns(id, NS_NODE_B, IDENT_NS_NODE, 1, 200, "");
	put_ns(id, NS_OV, IDENT_NS_OVERLAY, 0, 300, "1-ov01234567");
	put_ns(id, NS_WEB, IDENT_NS_CONTAINER, 0, 1000, "sbweb");
	put_ns(id, NS_DB, IDENT_NS_CONTAINER, 0, 1001, "sbdb");
	put_ns(id, NS_WEB_B, IDENT_NS_CONTAINER, 1, 1002, "sbwebB");
	put_ns(id, NS_LB, IDENT_NS_CONTAINER, 0, 1003, "lb_ov0123456");
	put_ns(id, NS_DIND, IDENT_NS_CONTAINER, 0, 1004, "sbdind");

	put_link(id, NS_NODE, IF_BR, IDENT_LINK_BRIDGE, "br-aaaaaaaaaaaa", 0, 0);
	put_link(id, NS_NODE, IF_WEB, IDENT_LINK_VETH, "vethweb", IF_BR, NS_WEB);
	put_link(id, NS_NODE, IF_DB, IDENT_LINK_VETH, "vethdb", IF_BR, NS_DB);
	put_link(id, NS_NODE, IF_DIND, IDENT_LINK_VETH, "vethdind", IF_BR, NS_DIND);
	put_link(id, NS_NODE_B, IF_BR, IDENT_LINK_BRIDGE, "br-bbbbbbbbbbbb", 0, 0);
	put_link(id, NS_NODE_B, IF_WEB, IDENT_LINK_VETH, "vethwebB", IF_BR, NS_WEB_B);
	put_link(id, NS_OV, IF_OV_WEB, IDENT_LINK_VETH, "veth0", 2, NS_WEB);
	put_link(id, NS_OV, IF_LB, IDENT_LINK_VETH, "veth1", 2, NS_LB);
	put_link(id, NS_DIND, 9, IDENT_LINK_BRIDGE, "docker0", 0, 0);

	ident_put_addr(id, NS_NODE, IF_BR, A("172.20.0.1"));
	put_link(id, NS_NODE, 1, IDENT_LINK_LO, "lo", 0, 0);
	ident_put_addr(id, NS_NODE, IF_BR, A("fe80::b"));
	ident_put_addr(id, NS_DB, 3, A("fe80::d"));
	ident_put_addr(id, NS_NODE, 2, A("192.0.2.10"));
	ident_put_addr(id, NS_NODE, 2, A("2001:db8::10"));
	ident_put_addr(id, NS_NODE_B, IF_BR, A("172.20.0.1"));
	ident_put_addr(id, NS_WEB, 7, A("172.18.0.3")); /* docker_gwbridge's leg */
	ident_put_addr(id, NS_WEB, 8, A("198.51.100.99")); /* an address it gave itself */

	put_net(id, 0, NET_BR, "shop_default", "bridge", "", "172.20.0.0", 96 + 16, "172.20.0.1");
	put_net(id, 1, NET_BR_B, "shop_default", "bridge", "", "172.20.0.0", 96 + 16, "172.20.0.1");
	put_net(id, 0, NET_OV, "ov", "overlay", "", "10.0.1.0", 96 + 24, "10.0.1.1");
	put_net(id, 0, NET_GW, "docker_gwbridge", "bridge", "docker_gwbridge", "172.18.0.0", 96 + 16, "172.18.0.1");

	c = box(0, "web", "web", "sbweb");
	leg(c, NET_BR, "172.20.0.2", "fd00::2");
	leg(c, NET_OV, "10.0.1.2", NULL);
	publish(c, IPPROTO_TCP, 8080, 80, "0.0.0.0");
	publish(c, IPPROTO_TCP, 8443, 443, "192.0.2.10");
	put(id, c);
	c = box(0, "db", "db", "sbdb");
	leg(c, NET_BR, "172.20.0.3", NULL);
	put(id, c);
	c = box(0, "side", "side", ""); /* shares web's namespace */
	snprintf(c->network_mode, sizeof(c->network_mode), "container:web");
	put(id, c);
	c = box(0, "dind", "dind", "sbdind");
	leg(c, NET_BR, "172.20.0.9", NULL);
	put(id, c);
	c = box(0, "hostbox", "hostbox", "default");
	snprintf(c->network_mode, sizeof(c->network_mode), "host");
	put(id, c);
	c = box(1, "webB", "webB", "sbwebB");
	leg(c, NET_BR_B, "172.20.0.2", NULL);
	put(id, c);
	ident_set_hostnet(id, 0, "hostbox", IF_HOSTNET);
	assert_int_equal(ident_put_remote(id, 0, NET_OV, "api.2.abcdefghijklmnopqrstuvwxy", A("10.0.1.7"), "192.0.2.11"), 0);
	return id;
}

struct question {
	uint16_t ns;
	uint32_t end_if;
	const char *addr;
	uint8_t proto;
	uint16_t port;
	/* expected */
	enum ident_kind kind;
	enum ident_how how;
	const char *container; /* id; NULL: none */
	uint16_t inside;
	bool spoofed;
	const char *network; /* name; NULL: not asked */
};

static void ask(struct identity *id, const struct question *q, unsigned row)
{
	struct ident_end e;
	char got[400], want[400];

	memset(&e, 0xee, sizeof(e));
	ident_resolve(id, q->ns, q->end_if, A(q->addr), q->proto, q->port, &e);
	snprintf(got, sizeof(got), "row %u %s: kind %d how %d container %s port %u spoofed %d", row, q->addr, e.kind, e.how,
		 e.container ? (e.container->remote ? e.container->name : e.container->id) : "-", e.port, e.spoofed);
	snprintf(want, sizeof(want), "row %u %s: kind %d how %d container %s port %u spoofed %d", row, q->addr, q->kind, q->how,
		 q->container ? q->container : "-", q->inside, q->spoofed);
	assert_string_equal(got, want);
	if (q->network)
		assert_string_equal(e.network ? e.network->name : "-", q->network);
}

#define ASK(id, rows)                                                      \
	do {                                                               \
		for (unsigned _i = 0; _i < ARRAY_SIZE(rows); _i++)         \
			ask(id, &(rows)[_i], _i);                          \
	} while (0)

#define T IPPROTO_TCP
#define U IPPROTO_UDP
#define BY_IF IDENT_HOW_INTERFACE
#define BY_ADDR IDENT_HOW_ADDRESS
#define W IDENT_WORKLOAD

static void test_by_interface(void **state)
{
	struct identity *id = world();
	static const struct question rows[] = {
		{ NS_NODE, IF_WEB, "172.20.0.2", T, 80, W, BY_IF, "web", 0, false, "shop_default" },
		{ NS_NODE, IF_WEB, "fd00::2", T, 80, W, BY_IF, "web", 0, false, NULL },
		/* the interface decides, whatever the address says */
		{ NS_NODE, IF_WEB, "172.20.0.3", T, 80, W, BY_IF, "web", 0, true, NULL },
		{ NS_NODE, IF_WEB, "8.8.8.8", U, 53, W, BY_IF, "web", 0, true, NULL },
		{ NS_NODE, IF_WEB, "2001:db8::bad", U, 53, W, BY_IF, "web", 0, true, NULL },
		{ NS_NODE, IF_WEB, "169.254.169.254", T, 80, W, BY_IF, "web", 0, true, NULL },
		/* known from its namespace's interfaces */
		{ NS_NODE, IF_WEB, "172.18.0.3", T, 80, W, BY_IF, "web", 0, false, NULL },
		{ NS_NODE, IF_WEB, "198.51.100.99", T, 80, W, BY_IF, "web", 0, false, NULL },
		/* what every host sends */
		{ NS_NODE, IF_WEB, "fe80::1234", 58, 0, W, BY_IF, "web", 0, false, NULL },
		{ NS_NODE, IF_WEB, "::", 58, 0, W, BY_IF, "web", 0, false, NULL },
		{ NS_NODE, IF_WEB, "0.0.0.0", U, 68, W, BY_IF, "web", 0, false, NULL },
		{ NS_NODE, IF_WEB, "ff02::1", 58, 0, IDENT_MULTICAST, IDENT_HOW_NONE, NULL, 0, false, NULL },
		/* a nested engine routes for its own containers */
		{ NS_NODE, IF_DIND, "10.99.0.5", T, 80, W, BY_IF, "dind", 0, false, NULL },
		/* the same interface number in another namespace is another container */
		{ NS_NODE_B, IF_WEB, "172.20.0.2", T, 80, W, BY_IF, "webB", 0, false, "shop_default" },
		{ NS_OV, IF_OV_WEB, "10.0.1.2", T, 80, W, BY_IF, "web", 0, false, "ov" },
		{ NS_OV, IF_LB, "10.0.1.200", T, 80, IDENT_GATEWAY, BY_IF, NULL, 0, false, "ov" },
		{ NS_NODE, IF_HOSTNET, "192.0.2.10", T, 22, W, IDENT_HOW_CGROUP, "hostbox", 0, false, NULL },
		{ NS_NODE, IF_HOSTNET + 1, "192.0.2.10", T, 22, IDENT_HOST, BY_ADDR, NULL, 0, false, NULL },
	};

	ASK(id, rows);
	ident_free(id);
	ident_free(NULL);
}

static void test_by_address_on_node(void **state)
{
	struct identity *id = world();
	static const struct question rows[] = {
		{ NS_NODE, 0, "172.20.0.2", T, 80, W, BY_ADDR, "web", 0, false, "shop_default" },
		{ NS_NODE, 0, "fd00::2", T, 80, W, BY_ADDR, "web", 0, false, NULL },
		{ NS_NODE_B, 0, "172.20.0.2", T, 80, W, BY_ADDR, "webB", 0, false, NULL },
		{ NS_NODE_B, 0, "172.20.0.3", T, 80, IDENT_EXTERNAL, IDENT_HOW_NONE, NULL, 0, false, NULL },
		{ NS_NODE, 0, "192.0.2.10", T, 22, IDENT_HOST, BY_ADDR, NULL, 0, false, NULL },
		{ NS_NODE, 0, "2001:db8::10", T, 22, IDENT_HOST, BY_ADDR, NULL, 0, false, NULL },
		{ NS_NODE, 0, "127.0.0.1", T, 22, IDENT_HOST, BY_ADDR, NULL, 0, false, NULL },
		{ NS_NODE, 0, "::1", T, 22, IDENT_HOST, BY_ADDR, NULL, 0, false, NULL },
		{ NS_NODE, 0, "172.20.0.1", T, 22, IDENT_HOST, BY_ADDR, NULL, 0, false, "shop_default" },
		/* published ports: protocol, port and address must fit */
		{ NS_NODE, 0, "192.0.2.10", T, 8080, W, IDENT_HOW_PUBLISHED, "web", 80, false, NULL },
		{ NS_NODE, 0, "2001:db8::10", T, 8080, W, IDENT_HOW_PUBLISHED, "web", 80, false, NULL },
		{ NS_NODE, 0, "172.20.0.1", T, 8080, W, IDENT_HOW_PUBLISHED, "web", 80, false, NULL },
		{ NS_NODE, 0, "127.0.0.1", T, 8080, W, IDENT_HOW_PUBLISHED, "web", 80, false, NULL },
		{ NS_NODE, 0, "192.0.2.10", U, 8080, IDENT_HOST, BY_ADDR, NULL, 0, false, NULL },
		{ NS_NODE, 0, "192.0.2.10", T, 80, IDENT_HOST, BY_ADDR, NULL, 0, false, NULL },
		{ NS_NODE, 0, "192.0.2.10", T, 8443, W, IDENT_HOW_PUBLISHED, "web", 443, false, NULL },
		{ NS_NODE, 0, "127.0.0.1", T, 8443, IDENT_HOST, BY_ADDR, NULL, 0, false, NULL },
		{ NS_NODE, 0, "203.0.113.5", T, 8080, IDENT_EXTERNAL, IDENT_HOW_NONE, NULL, 0, false, NULL },
		{ NS_NODE_B, 0, "172.20.0.1", T, 8080, IDENT_HOST, BY_ADDR, NULL, 0, false, NULL },
		/* only the keeper knows the leg; a container cannot become an outside address by taking it */
		{ NS_NODE, 0, "172.18.0.3", T, 80, W, BY_ADDR, "web", 0, false, "docker_gwbridge" },
		{ NS_NODE, 0, "198.51.100.99", T, 80, IDENT_EXTERNAL, IDENT_HOW_NONE, NULL, 0, false, NULL },
		{ NS_NODE, 0, "127.0.0.11", U, 53, IDENT_ENGINE_RESOLVER, BY_ADDR, NULL, 0, false, NULL },
		{ NS_NODE, 0, "224.0.0.251", U, 5353, IDENT_MULTICAST, IDENT_HOW_NONE, NULL, 0, false, NULL },
		{ NS_NODE, 0, "255.255.255.255", U, 67, IDENT_MULTICAST, IDENT_HOW_NONE, NULL, 0, false, NULL },
		{ NS_NODE, 0, "172.20.255.255", U, 137, IDENT_MULTICAST, IDENT_HOW_NONE, NULL, 0, false, "shop_default" },
		{ NS_NODE, 0, "172.20.254.255", U, 137, IDENT_EXTERNAL, IDENT_HOW_NONE, NULL, 0, false, NULL },
		{ NS_NODE, 0, "8.8.8.8", U, 53, IDENT_EXTERNAL, IDENT_HOW_NONE, NULL, 0, false, "-" },
		{ NS_NODE, 1, "127.0.0.1", T, 22, IDENT_HOST, BY_ADDR, NULL, 0, false, NULL }, /* by lo */
		/* on a network, but not known whose: the network is said */
		{ NS_NODE, 0, "172.20.7.7", T, 80, IDENT_EXTERNAL, IDENT_HOW_NONE, NULL, 0, false, "shop_default" },
		/* link-local: of a bridge and of a container's interface */
		{ NS_NODE, 0, "fe80::b", 58, 0, IDENT_HOST, BY_ADDR, NULL, 0, false, "shop_default" },
		{ NS_NODE, 0, "fe80::d", 58, 0, W, BY_ADDR, "db", 0, false, "-" },
		{ NS_NODE, 0, "fe80::e", 58, 0, IDENT_EXTERNAL, IDENT_HOW_NONE, NULL, 0, false, "-" },
		{ 77, 0, "172.20.0.2", T, 80, IDENT_EXTERNAL, IDENT_HOW_NONE, NULL, 0, false, NULL },
	};

	ASK(id, rows);
	ident_free(id);
}

static void test_by_address_elsewhere(void **state)
{
	struct identity *id = world();
	static const struct question rows[] = {
		{ NS_OV, 0, "10.0.1.2", T, 80, W, BY_ADDR, "web", 0, false, "ov" },
		{ NS_OV, 0, "10.0.1.7", T, 80, W, IDENT_HOW_REMOTE_NAME, "api.2.abcdefghijklmnopqrstuvwxy", 0, false, "ov" },
		{ NS_OV, 0, "172.20.0.2", T, 80, IDENT_EXTERNAL, IDENT_HOW_NONE, NULL, 0, false, "-" }, /* another network's */
		{ NS_OV, 0, "10.0.1.1", T, 80, IDENT_GATEWAY, BY_ADDR, NULL, 0, false, "ov" },
		{ NS_OV, 0, "10.0.1.255", U, 80, IDENT_MULTICAST, IDENT_HOW_NONE, NULL, 0, false, "ov" },
		/* inside a container: its lo */
		{ NS_WEB, 0, "127.0.0.1", T, 80, W, BY_IF, "web", 0, false, NULL },
		{ NS_WEB, 0, "172.20.0.2", T, 80, W, BY_IF, "web", 0, false, NULL },
		{ NS_WEB, 1, "127.0.0.11", U, 53, IDENT_ENGINE_RESOLVER, BY_ADDR, NULL, 0, false, NULL },
		{ NS_WEB, 0, "172.20.0.3", T, 80, W, BY_ADDR, "db", 0, false, NULL },
	};

	ASK(id, rows);
	ident_free(id);
}

/* A container starts: link, sandbox, record and addresses come in any order. */
static void test_late_news(void **state)
{
	struct identity *id = world();
	struct ident_container *c;
	uint64_t g;
	struct question q = { NS_NODE, IF_NEW, "172.20.0.4", T, 80, IDENT_EXTERNAL, IDENT_HOW_NONE, NULL, 0, false, NULL };

	put_link(id, NS_NODE, IF_NEW, IDENT_LINK_VETH, "vethnew", IF_BR, 0);
	ask(id, &q, 0);
	c = box(0, "new", "new", ""); /* the engine knows it, its sandbox is not known yet */
	leg(c, NET_BR, "172.20.0.4", NULL);
	put(id, c);
	q.kind = W, q.how = BY_ADDR, q.container = "new", q.network = "shop_default";
	ask(id, &q, 1);
	/* only on that very network: web's overlay address behind this bridge port is nobody */
	q.addr = "10.0.1.2", q.kind = IDENT_EXTERNAL, q.how = IDENT_HOW_NONE, q.container = NULL;
	ask(id, &q, 2);
	put_link(id, NS_NODE, IF_NEW, IDENT_LINK_VETH, "vethnew", IF_BR, NS_NEW);
	q.addr = "172.20.0.4", q.kind = W, q.how = BY_ADDR, q.container = "new";
	ask(id, &q, 3);
	put_ns(id, NS_NEW, IDENT_NS_CONTAINER, 0, 1010, "sbnew");
	ask(id, &q, 4);
	g = ident_generation(id);
	c = box(0, "new", "new", "sbnew");
	leg(c, NET_BR, "172.20.0.4", NULL);
	put(id, c);
	assert_true(ident_generation(id) > g);
	q.how = BY_IF;
	ask(id, &q, 5);
	assert_int_equal(ident_by_id(id, 0, "new")->ns, NS_NEW);
	g = ident_generation(id);
	c = box(0, "new", "new", "sbnew"); /* nothing new: no answer changes */
	leg(c, NET_BR, "172.20.0.4", NULL);
	put(id, c);
	assert_int_equal(ident_generation(id), g);
	ident_free(id);
}

/* Before any address of a container is known nobody can say that it lies. */
static void test_not_spoofed_before_addresses(void **state)
{
	struct identity *id = world();
	struct question q = { NS_NODE, IF_NEW, "172.20.0.4", T, 80, W, BY_IF, "new", 0, false, NULL };

	put_ns(id, NS_NEW, IDENT_NS_CONTAINER, 0, 1010, "sbnew");
	put_link(id, NS_NODE, IF_NEW, IDENT_LINK_VETH, "vethnew", IF_BR, NS_NEW);
	put(id, box(0, "new", "new", "sbnew"));
	ident_put_addr(id, NS_NEW, 3, A("fe80::99")); /* comes before any other */
	ask(id, &q, 0);
	ident_put_addr(id, NS_NEW, 3, A("172.20.0.5"));
	q.spoofed = true;
	ask(id, &q, 1);
	ident_put_addr(id, NS_NEW, 3, A("172.20.0.4"));
	q.spoofed = false;
	ask(id, &q, 2);
	ident_free(id);
}

static void test_shared_namespace(void **state)
{
	struct identity *id = world();
	struct ident_container *c;
	struct question q = { NS_NODE, IF_WEB, "172.20.0.2", T, 80, W, BY_IF, "web", 0, false, NULL };

	assert_int_equal(ident_by_id(id, 0, "side")->ns, NS_WEB);
	assert_string_equal(ident_by_netns(id, 1000)->id, "web");
	assert_null(ident_by_netns(id, 100));
	assert_null(ident_by_netns(id, 4242));
	c = box(0, "side", "side", "sbweb"); /* engines differ in whether they name the sandbox again */
	snprintf(c->network_mode, sizeof(c->network_mode), "container:web");
	put(id, c);
	ask(id, &q, 0);
	assert_string_equal(ident_by_netns(id, 1000)->id, "web");
	/* only the sharer names the sandbox: it is the owner's all the same */
	put_ns(id, NS_NEW, IDENT_NS_CONTAINER, 0, 1010, "sbnew");
	put(id, box(0, "owner", "owner", ""));
	c = box(0, "sharer", "sharer", "sbnew");
	snprintf(c->network_mode, sizeof(c->network_mode), "container:owner");
	put(id, c);
	assert_string_equal(ident_by_netns(id, 1010)->id, "owner");
	ident_free(id);
}

/* Two engines that live in one network namespace: the keeper names it once, as the first one's. */
static void test_two_engines_in_one_namespace(void **state)
{
	struct identity *id = world();
	struct ident_container *c;
	static const struct question rows[] = {
		{ NS_NODE, 90, "172.30.0.2", T, 80, W, BY_IF, "second", 0, false, "second_default" },
		{ NS_NODE, 91, "172.30.0.2", T, 80, W, BY_ADDR, "second", 0, false, "second_default" }, /* sandbox not known */
		{ NS_NODE, 0, "172.30.0.2", T, 80, W, BY_ADDR, "second", 0, false, "second_default" },
		{ NS_NODE, 0, "172.30.0.1", T, 80, IDENT_GATEWAY, BY_ADDR, NULL, 0, false, "second_default" },
		{ NS_NODE, 0, "172.30.255.255", T, 80, IDENT_MULTICAST, IDENT_HOW_NONE, NULL, 0, false, "second_default" },
		{ NS_NODE, 0, "192.0.2.10", T, 9999, W, IDENT_HOW_PUBLISHED, "second", 99, false, NULL },
		{ NS_NODE, 0, "172.20.0.2", T, 80, W, BY_ADDR, "web", 0, false, NULL },
		{ NS_NODE_B, 0, "172.20.0.2", T, 80, W, BY_ADDR, "webB", 0, false, NULL }, /* has its own: stays apart */
	};

	put_net(id, 2, "cccccccccccc1", "second_default", "bridge", "", "172.30.0.0", 96 + 16, "172.30.0.1");
	put_link(id, NS_NODE, 89, IDENT_LINK_BRIDGE, "br-cccccccccccc", 0, 0);
	put_link(id, NS_NODE, 90, IDENT_LINK_VETH, "veth90", 89, NS_NEW);
	put_link(id, NS_NODE, 91, IDENT_LINK_VETH, "veth91", 89, 0);
	put_ns(id, NS_NEW, IDENT_NS_CONTAINER, 2, 1010, "sbsecond");
	c = box(2, "second", "second", "sbsecond");
	leg(c, "cccccccccccc1", "172.30.0.2", NULL);
	publish(c, T, 9999, 99, "0.0.0.0");
	put(id, c);
	ASK(id, rows);
	ident_free(id);
}

static struct ident_container *at(const char *cid, const char *sandbox, const char *addr, uint64_t started)
{
	struct ident_container *c = box(0, cid, cid, sandbox);

	leg(c, NET_BR, addr, NULL);
	c->created_wall_ns = 10 * started;
	c->started_wall_ns = 10 * started + 5;
	return c;
}

static void test_address_reuse(void **state)
{
	struct identity *id = world();
	struct ident_container *c;
	struct question q = { NS_NODE, 0, "172.20.0.50", T, 80, W, BY_ADDR, "old", 0, false, NULL };

	put(id, at("old", "sbold", "172.20.0.50", 1));
	ask(id, &q, 0);
	ident_container_gone(id, 0, "old", 100 * SEC);
	ask(id, &q, 1); /* lingers */
	put(id, at("young", "sbyoung", "172.20.0.50", 2));
	q.container = "young";
	ask(id, &q, 2); /* who is there goes before who was */
	/* … unless it is asked who it was then */
	assert_string_equal(ident_had_addr(id, ident_by_id(id, 0, "young"), A("172.20.0.50"), 19)->id, "old");
	assert_string_equal(ident_had_addr(id, ident_by_id(id, 0, "young"), A("172.20.0.50"), 20)->id, "young");
	assert_null(ident_had_addr(id, ident_by_id(id, 0, "young"), A("172.20.0.50"), 9));
	assert_null(ident_had_addr(id, ident_by_id(id, 0, "young"), A("172.20.0.52"), 20));
	ident_container_gone(id, 0, "young", 101 * SEC);
	ask(id, &q, 3); /* of two gone ones the later */
	ident_expire(id, 130 * SEC); /* 30 s after old, 29 s after young */
	assert_null(ident_by_id(id, 0, "old"));
	ask(id, &q, 4);
	ident_expire(id, 131 * SEC);
	assert_null(ident_by_id(id, 0, "young"));
	q.kind = IDENT_EXTERNAL, q.how = IDENT_HOW_NONE, q.container = NULL;
	ask(id, &q, 5);
	/* a port that was published by a container that stopped is the host's again */
	c = at("pub", "sbpub", "172.20.0.51", 3);
	publish(c, T, 9000, 90, "::");
	put(id, c);
	q = (struct question){ NS_NODE, 0, "192.0.2.10", T, 9000, W, IDENT_HOW_PUBLISHED, "pub", 90, false, NULL };
	ask(id, &q, 6);
	ident_container_gone(id, 0, "pub", 200 * SEC);
	q = (struct question){ NS_NODE, 0, "192.0.2.10", T, 9000, IDENT_HOST, BY_ADDR, NULL, 0, false, NULL };
	ask(id, &q, 7);
	ident_free(id);
}

/* The counters of a container's last flows are read after everything of it is gone. */
static void test_last_flows_of_a_stopped_container(void **state)
{
	struct identity *id = world();
	struct ident_container *c;
	struct question q = { NS_NODE, IF_DB, "172.20.0.3", T, 80, W, BY_IF, "db", 0, false, NULL };

	ident_put_addr(id, NS_DB, 6, A("172.18.0.4"));
	ident_del_addr(id, NS_DB, 6, A("172.18.0.4"));
	ident_del_link(id, NS_NODE, IF_DB, 50 * SEC);
	ident_del_ns(id, NS_DB, 50 * SEC);
	ident_container_gone(id, 0, "db", 50 * SEC);
	c = box(0, "db", "db", ""); /* inspected after its end: no sandbox, no address */
	c->state = IDENT_EXITED;
	leg(c, NET_BR, NULL, NULL);
	put(id, c);
	ident_expire(id, 51 * SEC);
	ask(id, &q, 0);
	q.addr = "172.18.0.4";
	ask(id, &q, 1);
	q.addr = "172.20.0.3", q.end_if = 0, q.how = BY_ADDR;
	ask(id, &q, 2);
	ident_expire(id, 81 * SEC);
	assert_null(ident_link_get(id, NS_NODE, IF_DB));
	assert_null(ident_ns_get(id, NS_DB));
	q.kind = IDENT_EXTERNAL, q.how = IDENT_HOW_NONE, q.container = NULL;
	ask(id, &q, 3);
	ident_free(id);
}

/* Between two starts the engine describes a container without its place; somebody else may get its address meanwhile. */
static void test_restarting(void **state)
{
	struct identity *id = world();
	struct ident_container *c;
	struct question q = { NS_NODE, 0, "172.20.0.3", T, 80, W, BY_ADDR, "db", 0, false, NULL };

	c = box(0, "db", "db", "");
	c->state = IDENT_RESTARTING;
	c->started_wall_ns = 5;
	put(id, c);
	ask(id, &q, 0);
	put(id, at("heir", "sbheir", "172.20.0.3", 4));
	q.container = "heir";
	ask(id, &q, 1);
	ident_free(id);
}

/* docker restart: same container, new sandbox, while flows of the old one are still counted. */
static void test_restart_keeps_old_sandbox_known(void **state)
{
	struct identity *id = world();
	struct question q = { NS_NODE, IF_DB, "172.20.0.3", T, 80, W, BY_IF, "db", 0, false, NULL };

	ask(id, &q, 0);
	put(id, at("db", "sbdb2", "172.20.0.3", 9));
	ask(id, &q, 1);
	assert_int_equal(ident_by_id(id, 0, "db")->ns, 0);
	put_ns(id, NS_NEW, IDENT_NS_CONTAINER, 0, 1010, "sbdb2");
	assert_int_equal(ident_by_id(id, 0, "db")->ns, NS_NEW);
	ident_free(id);
}

static void count_one(const struct ident_container *c, void *arg)
{
	(*(unsigned *)arg)++;
}

static void count_net(const struct ident_network *n, void *arg)
{
	(*(unsigned *)arg)++;
}

static void count_link(const struct ident_link *l, void *arg)
{
	(*(unsigned *)arg)++;
}

static void test_resync(void **state)
{
	struct identity *id = world();
	unsigned n = 0;

	ident_resync_begin(id, 0);
	put_net(id, 0, NET_BR, "shop_default", "bridge", "", "172.20.0.0", 96 + 16, "172.20.0.1");
	put(id, at("web", "sbweb", "172.20.0.2", 1));
	ident_resync_end(id, 0, 10 * SEC);
	assert_int_equal(ident_by_id(id, 0, "web")->gone_mono_ns, 0);
	assert_int_equal(ident_by_id(id, 0, "db")->gone_mono_ns, 10 * SEC);
	assert_int_equal(ident_by_id(id, 1, "webB")->gone_mono_ns, 0); /* another engine's */
	ident_each_network(id, count_net, &n);
	assert_int_equal(n, 2);
	ident_expire(id, 10 * SEC);
	ident_expire(id, 41 * SEC);
	n = 0;
	ident_each_container(id, count_one, &n);
	assert_int_equal(n, 2); /* web, webB */
	n = 0;
	ident_each_link(id, count_link, &n);
	assert_int_equal(n, 10);
	ident_free(id);
}

static void test_pinned_records_stay(void **state)
{
	struct identity *id = world();
	const struct ident_container *db = ident_by_id(id, 0, "db");

	ident_ref(id, db);
	ident_container_gone(id, 0, "db", 1 * SEC);
	ident_expire(id, 100 * SEC);
	assert_ptr_equal(ident_by_id(id, 0, "db"), db);
	assert_string_equal(db->workload, "img/db");
	ident_unref(id, db);
	ident_unref(id, db); /* one too many is harmless */
	ident_expire(id, 101 * SEC);
	assert_null(ident_by_id(id, 0, "db"));
	ident_ref(id, NULL);
	ident_free(id);
}

static void test_cgroups(void **state)
{
	struct identity *id = world();

	assert_null(ident_by_cgroup(id, 77));
	ident_set_cgroup(id, 0, "web", 77);
	assert_string_equal(ident_by_cgroup(id, 77)->id, "web");
	put(id, at("web", "sbweb", "172.20.0.2", 1)); /* survives an update */
	assert_string_equal(ident_by_cgroup(id, 77)->id, "web");
	ident_set_cgroup(id, 0, "db", 77); /* number reused */
	assert_string_equal(ident_by_cgroup(id, 77)->id, "db");
	assert_int_equal(ident_by_id(id, 0, "web")->cgroup, 0);
	ident_set_cgroup(id, 0, "db", 0);
	assert_null(ident_by_cgroup(id, 77));
	ident_set_cgroup(id, 0, "nobody", 5);
	ident_free(id);
}

static const char *remote_workload(struct identity *id, const char *addr)
{
	struct ident_end e;

	ident_resolve(id, NS_OV, 0, A(addr), T, 80, &e);
	assert_non_null(e.container);
	assert_true(e.container->remote);
	return e.container->workload;
}

static void test_remote_names(void **state)
{
	static const struct { const char *name, *workload; } rows[] = {
		{ "svc.1.abcdefghijklmnopqrstuvwxy", "svc" },
		{ "stack_svc.2.xyz", "stack_svc" },
		{ "svc.n0de1d25charactersabcdefg.abcdefghijklmnopqrstuvwxy", "svc" },
		{ "my.svc.3.abc", "my.svc" },
		{ "plain", "plain" },
		{ "plain.name", "plain.name" },
		{ "client-1", "client" },
		{ "happy_hopper", "happy_hopper" },
	};
	struct identity *id = world();
	struct ident_container *c;
	char addr[32];
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		snprintf(addr, sizeof(addr), "10.0.1.%u", 20 + i);
		assert_int_equal(ident_put_remote(id, 0, NET_OV, rows[i].name, A(addr), "192.0.2.11"), 0);
		assert_string_equal(remote_workload(id, addr), rows[i].workload);
	}
	/* a local task of the stack tells where its name ends */
	c = box(0, "task", "stack_other.1.abc", "sbtask");
	snprintf(c->swarm_service, sizeof(c->swarm_service), "stack_other");
	snprintf(c->swarm_stack, sizeof(c->swarm_stack), "stack");
	put(id, c);
	assert_string_equal(ident_by_id(id, 0, "task")->workload, "stack/other");
	assert_string_equal(remote_workload(id, "10.0.1.21"), "stack/svc");
	ident_put_remote(id, 0, NET_OV, "stack_other.2.def", A("10.0.1.40"), "192.0.2.11");
	assert_string_equal(remote_workload(id, "10.0.1.40"), "stack/other");
	/* what is on this node is no remote record */
	ident_put_remote(id, 0, NET_OV, "web", A("10.0.1.2"), "");
	ident_put_remote(id, 0, NET_OV, "db", A("10.0.1.41"), "");
	ident_free(id);
}

static void test_workload_names(void **state)
{
	static const struct {
		const char *image, *name, *project, *service, *swarm, *stack, *workload;
	} rows[] = {
		{ "nginx", "x", "shop", "web", "", "", "shop/web" },
		{ "nginx", "shop_web.1.abc", "", "", "shop_web", "shop", "shop/web" },
		{ "nginx", "web.1.abc", "", "", "web", "", "web" },
		{ "nginx", "web.1.abc", "", "", "web", "shop", "shop/web" },
		{ "nginx", "front", "", "", "", "", "nginx/front" },
		{ "nginx:1.25", "front", "", "", "", "", "nginx/front" },
		{ "registry.example:5000/team/app:2@sha256:0123456789abcdef", "api", "", "", "", "", "app/api" },
		{ "registry.example:5000/team/app", "api", "", "", "", "", "app/api" },
		{ "library/redis@sha256:00ff", "cache", "", "", "", "", "redis/cache" },
		{ "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", "api", "", "", "", "", "api" },
		{ "0123456789ab", "api", "", "", "", "", "api" },
		{ "nginx", "brave_euler", "", "", "", "", "nginx" },
		{ "nginx", "brave_euler3", "", "", "", "", "nginx" },
		{ "nginx", "my_app", "", "", "", "", "nginx/my_app" },
		{ "nginx", "wordpress_db", "", "", "", "", "nginx/wordpress_db" },
		{ "sha256:00", "brave_euler", "", "", "", "", "brave_euler" },
		{ "nginx", "web-1", "", "", "", "", "nginx/web" },
		{ "nginx", "web_12", "", "", "", "", "nginx/web" },
		{ "nginx", "web-2024", "", "", "", "", "nginx/web-2024" },
		{ "nginx", "web-deadbeef01", "", "", "", "", "nginx/web" },
		{ "nginx", "web-1-deadbeef01", "", "", "", "", "nginx/web" },
		{ "nginx", "job-20261121093000", "", "", "", "", "nginx/job" },
		{ "nginx", "web.1.k9q8w7e6r5t4y3u2i1o0pasdf", "", "", "", "", "nginx/web" },
		{ "nginx", "run-123e4567-e89b-12d3-a456-426614174000", "", "", "", "", "nginx/run" },
		{ "nginx", "postgres16", "", "", "", "", "nginx/postgres16" },
		{ "nginx", "my-database", "", "", "", "", "nginx/my-database" },
		{ "nginx", "1", "", "", "", "", "nginx/1" },
		{ "nginx", "_1", "", "", "", "", "nginx/_1" },
		{ "", "api", "", "", "", "", "api" },
		{ "", "", "", "", "", "", "0123456789ab" },
		{ "nginx", "", "", "", "", "", "nginx" },
		{ "nginx", "x", "sh\nop", "we\x7f" "b", "", "", "sh?op/we?b" },
		{ "nginx", "x", "onlyproject", "", "", "", "nginx/x" },
	};
	struct ident_container *c = calloc(1, sizeof(*c));
	char got[300];
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		memset(c, 0, sizeof(*c));
		snprintf(c->id, sizeof(c->id), "0123456789abcdef");
		snprintf(c->image, sizeof(c->image), "%s", rows[i].image);
		snprintf(c->name, sizeof(c->name), "%s", rows[i].name);
		snprintf(c->compose_project, sizeof(c->compose_project), "%s", rows[i].project);
		snprintf(c->compose_service, sizeof(c->compose_service), "%s", rows[i].service);
		snprintf(c->swarm_service, sizeof(c->swarm_service), "%s", rows[i].swarm);
		snprintf(c->swarm_stack, sizeof(c->swarm_stack), "%s", rows[i].stack);
		ident_workload_name(c, got, sizeof(got));
		assert_string_equal(got, rows[i].workload);
	}
	free(c);
}

static uint64_t rnd(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

/* Everything comes and goes in any order: whatever an answer points to is alive in the registry, and at the end nothing
 * is left over (ASan watches). */
static void test_random_churn(void **state)
{
	enum { OPS = 30000, N = 12 };
	struct identity *id = ident_new("n");
	const struct ident_container *pinned[4] = { NULL };
	uint64_t seed = clock_mono_ns() | 1, s = seed, now = SEC;
	struct ident_container *c;
	struct ident_end e;
	char name[16], other[16], addr[32];
	unsigned i, k, n = 0;
	uint16_t ns;

	print_message("# seed %llu\n", (unsigned long long)seed);
	for (i = 0; i < OPS; i++) {
		k = (unsigned)(rnd(&s) % N);
		ns = (uint16_t)(1 + rnd(&s) % N);
		snprintf(name, sizeof(name), "c%u", k);
		snprintf(other, sizeof(other), "sb%u", (unsigned)(rnd(&s) % N));
		snprintf(addr, sizeof(addr), "172.20.0.%u", (unsigned)(rnd(&s) % N));
		now += rnd(&s) % SEC;
		switch (rnd(&s) % 18) {
		case 0:
			put_ns(id, ns, ns % 3, ns % 2, rnd(&s) % N, ns % 3 == IDENT_NS_OVERLAY ? "1-ov01234567" : other);
			break;
		case 1:
			ident_del_ns(id, ns, now);
			break;
		case 2:
			put_link(id, ns, k, k % 7, k ? "vethx" : "br-aaaaaaaaaaaa", (uint32_t)(rnd(&s) % 3), (uint16_t)(rnd(&s) % N));
			break;
		case 3:
			ident_del_link(id, ns, k, now);
			break;
		case 4:
			ident_put_addr(id, ns, k, A(addr));
			break;
		case 5:
			ident_del_addr(id, ns, k, A(addr));
			break;
		case 6 ... 8:
			c = box(k % 2, name, name, other);
			c->state = rnd(&s) % 5;
			if (rnd(&s) % 4 == 0)
				snprintf(c->network_mode, sizeof(c->network_mode), "container:c%u", (unsigned)(rnd(&s) % N));
			if (rnd(&s) % 4)
				leg(c, rnd(&s) % 2 ? NET_BR : NET_OV, addr, NULL);
			if (rnd(&s) % 2)
				publish(c, T, (uint16_t)(80 + rnd(&s) % 3), 80, "0.0.0.0");
			snprintf(c->swarm_service, sizeof(c->swarm_service), "%s", rnd(&s) % 3 ? "" : "st_svc");
			put(id, c);
			break;
		case 9:
			ident_container_gone(id, k % 2, name, now);
			break;
		case 10:
			put_net(id, k % 2, k % 3 ? NET_BR : NET_OV, "x", k % 3 ? "bridge" : "overlay", "", "172.20.0.0", 96 + 16, addr);
			break;
		case 11:
			ident_network_gone(id, k % 2, k % 3 ? NET_BR : NET_OV);
			break;
		case 12:
			ident_put_remote(id, k % 2, NET_OV, "st_svc.1.abc", A(addr), rnd(&s) % 2 ? "" : "192.0.2.1");
			break;
		case 13:
			ident_set_cgroup(id, k % 2, name, rnd(&s) % 5);
			ident_set_hostnet(id, k % 2, name, rnd(&s) % 3 ? (uint32_t)(0x80000000u + rnd(&s) % 3) : 0);
			break;
		case 14:
			ident_expire(id, now);
			break;
		case 15:
			n = (unsigned)(rnd(&s) % 4);
			ident_unref(id, pinned[n]);
			pinned[n] = ident_by_id(id, k % 2, name);
			ident_ref(id, pinned[n]);
			break;
		case 16:
			if (rnd(&s) % 50)
				break;
			ident_resync_begin(id, k % 2);
			ident_resync_end(id, k % 2, now);
			break;
		default:
			break;
		}
		ident_resolve(id, ns, rnd(&s) % 2 ? k : 0, A(addr), T, 80, &e);
		if (e.container)
			assert_ptr_equal(ident_by_id(id, e.container->engine, e.container->id), e.container);
		if (e.network)
			assert_true(e.network->id[0] != '\0');
		assert_int_equal(e.kind == IDENT_WORKLOAD, e.container != NULL);
		for (n = 0; n < 4; n++)
			if (pinned[n])
				assert_int_equal(pinned[n]->name[0], 'c');
		ident_by_netns(id, rnd(&s) % N);
		ident_by_cgroup(id, rnd(&s) % 5);
	}
	for (n = 0; n < 4; n++)
		ident_unref(id, pinned[n]);
	for (k = 0; k < 2; k++) {
		ident_resync_begin(id, k);
		ident_resync_end(id, k, now);
	}
	ident_expire(id, now);
	ident_expire(id, now + 2 * IDENT_LINGER_NS);
	n = 0;
	ident_each_container(id, count_one, &n);
	ident_each_network(id, count_net, &n);
	assert_int_equal(n, 0);
	ident_free(id);
}

/* 1,000 containers: look-ups by interface and by address. */
static void test_scale(void **state)
{
	enum { N = 1000, Q = 200000 };
	struct identity *id = world();
	struct ident_container *c;
	struct ident_end e;
	uint64_t t0, t1, t2, t3;
	char name[16], addr[32];
	uint8_t (*addrs)[16] = calloc(N, sizeof(*addrs));
	unsigned i, found = 0;

	t0 = clock_mono_ns();
	for (i = 0; i < N; i++) {
		snprintf(name, sizeof(name), "m%u", i);
		snprintf(addr, sizeof(addr), "172.20.%u.%u", 10 + i / 250, i % 250);
		memcpy(addrs[i], A(addr), 16);
		put_link(id, NS_NODE, 1000 + i, IDENT_LINK_VETH, name, IF_BR, (uint16_t)(1000 + i));
		put_ns(id, (uint16_t)(1000 + i), IDENT_NS_CONTAINER, 0, 5000 + i, name);
		c = box(0, name, name, name);
		leg(c, NET_BR, addr, NULL);
		put(id, c);
	}
	t1 = clock_mono_ns();
	for (i = 0; i < Q; i++) {
		ident_resolve(id, NS_NODE, 1000 + i % N, addrs[i % N], T, 80, &e);
		found += e.how == BY_IF && !e.spoofed;
	}
	t2 = clock_mono_ns();
	for (i = 0; i < Q; i++) {
		ident_resolve(id, NS_NODE, 0, addrs[i % N], T, 80, &e);
		found += e.how == BY_ADDR;
	}
	t3 = clock_mono_ns();
	assert_int_equal(found, 2 * Q);
	print_message("# feed %llu us a container, resolve by interface %llu ns, by address %llu ns\n",
		      (unsigned long long)(t1 - t0) / N / 1000, (unsigned long long)(t2 - t1) / Q, (unsigned long long)(t3 - t2) / Q);
	free(addrs);
	ident_free(id);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_by_interface),
		cmocka_unit_test(test_by_address_on_node),
		cmocka_unit_test(test_by_address_elsewhere),
		cmocka_unit_test(test_late_news),
		cmocka_unit_test(test_not_spoofed_before_addresses),
		cmocka_unit_test(test_shared_namespace),
		cmocka_unit_test(test_two_engines_in_one_namespace),
		cmocka_unit_test(test_address_reuse),
		cmocka_unit_test(test_last_flows_of_a_stopped_container),
		cmocka_unit_test(test_restarting),
		cmocka_unit_test(test_random_churn),
		cmocka_unit_test(test_restart_keeps_old_sandbox_known),
		cmocka_unit_test(test_resync),
		cmocka_unit_test(test_pinned_records_stay),
		cmocka_unit_test(test_cgroups),
		cmocka_unit_test(test_remote_names),
		cmocka_unit_test(test_workload_names),
		cmocka_unit_test(test_scale),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
