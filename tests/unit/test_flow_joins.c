/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A published port used from a container of the same node: two entries in the kernel's table, one flow told. A publishes nothing,
 * B publishes its port 80 as 8090 of the node, which is 172.18.0.1 on their bridge. */
#include <errno.h>

#include "tests/unit/core_world.h"

#define NODE "172.18.0.1"
#define HOST_PORT 8090
#define PROXY_TGID 4000
#define SERVER_TGID 4001

static void process(uint32_t tgid, const char *exe)
{
	const struct pg_event ev = { .version = PG_ABI_VERSION, .type = PG_EV_PROCESS, .tgid = tgid, .start_boot_ns = tgid,
				     .ts_ns = clock_mono_ns(), .text_len = (uint16_t)strlen(exe), .path_len = (uint16_t)strlen(exe) };

	assert_int_equal(processes_event(core.procs, &ev, exe), 0);
}

static void publish(uint8_t proto)
{
	static struct ident_container b;

	b = *ident_by_id(core.ident, 0, CID_B);
	b.port_count = 1;
	b.ports[0] = (struct ident_port){ .proto = proto, .host_port = HOST_PORT, .container_port = 80 };
	assert_int_equal(ident_put_container(core.ident, &b), 0);
}

/* B's server listens on 80, with the sandbox of its interface. */
static void listens(uint8_t proto)
{
	struct pg_event ev = { .version = PG_ABI_VERSION, .type = proto == IPPROTO_TCP ? PG_EV_LISTEN : PG_EV_BIND, .cookie = 77,
			       .netns_cookie = 1001, .proto = proto, .port = htons(80), .ts_ns = clock_mono_ns(),
			       .tgid = SERVER_TGID, .start_boot_ns = SERVER_TGID };

	mapped("0.0.0.0", ev.addr);
	assert_int_equal(listeners_event(core.listeners, &ev), 0);
}

static void world(uint8_t proto)
{
	uint8_t node[16];

	known_world();
	mapped(NODE, node);
	ident_put_addr(core.ident, NODE_NS, 5, node);
	publish(proto);
	process(PROXY_TGID, "/usr/sbin/docker-proxy");
	process(SERVER_TGID, "/usr/sbin/nginx");
	listens(proto);
}

/* An entry between two addresses; the interfaces 10 (A) and 11 (B) are at their own addresses. */
static struct flow_key key_of(uint8_t proto, const char *from, uint16_t sport, const char *to, uint16_t dport, unsigned *ret_from_end)
{
	struct flow_key k = { .ns = NODE_NS, .proto = proto };
	uint8_t a[16], b[16];
	unsigned e;

	mapped(from, a);
	mapped(to, b);
	e = memcmp(a, b, 16) > 0 || (!memcmp(a, b, 16) && sport > dport);
	memcpy(k.addr[e], a, 16);
	memcpy(k.addr[!e], b, 16);
	k.port[e] = htons(sport);
	k.port[!e] = htons(dport);
	*ret_from_end = e;
	return k;
}

static uint32_t if_of(const uint8_t addr[16])
{
	return addr[15] == 2 ? 10 : addr[15] == 3 ? 11 : 0;
}

/* What `from` sent of it (sent packets of 100 bytes) and got (got packets of 1000). */
struct entry {
	struct flow_key k;
	struct pg_flow v;
	unsigned from;
};

static struct entry entry_of(uint8_t proto, const char *from, uint16_t sport, const char *to, uint16_t dport, uint64_t sent, uint64_t got)
{
	struct entry e = { .v = { .first_ns = clock_mono_ns() } };
	const unsigned s = proto == IPPROTO_TCP;

	e.k = key_of(proto, from, sport, to, dport, &e.from);
	e.v.last_ns = e.v.first_ns;
	e.v.end_if[0] = if_of(e.k.addr[0]);
	e.v.end_if[1] = if_of(e.k.addr[1]);
	e.v.packets[e.from] = sent;
	e.v.bytes[e.from] = 100 * sent;
	e.v.packets[!e.from] = got;
	e.v.bytes[!e.from] = 1000 * got;
	if (sent)
		e.v.flags |= (e.from ? PG_FLOW_FIRST_DIR : 0) | (s ? PG_FLOW_SYN_SEEN | (e.from ? PG_FLOW_SYN_DIR : 0) : 0);
	else
		e.v.flags |= e.from ? 0 : PG_FLOW_FIRST_DIR;
	if (sent && got)
		e.v.flags |= PG_FLOW_TWO_WAY;
	e.v.tcp_flags[e.from] = s && sent ? 2 | 16 : 0;
	e.v.tcp_flags[!e.from] = s && got ? 2 | 16 : 0;
	return e;
}

static void owner(struct entry *e, bool of_from, uint32_t tgid)
{
	const unsigned d = of_from ? e->from : !e->from;

	e->v.owner_tgid[d] = tgid;
	e->v.owner_start_ns[d] = tgid;
}

static void put(struct entry *e)
{
	kernel_put(&e->k, &e->v);
}

struct told {
	unsigned count;
	struct core_flow_view last;
};

static void told_cb(const struct core_flow_view *v, void *arg)
{
	struct told *t = arg;

	t->count++;
	t->last = *v;
}

static struct told told(void)
{
	struct told t = { 0 };

	core_each_flow(&core, told_cb, &t);
	return t;
}

static unsigned announced;

static void announce_cb(const struct core_flow_view *v, const char *what, void *arg)
{
	(void)v;
	(void)arg;
	announced += !strcmp(what, "new") || !strcmp(what, "closed");
}

static void is_one_flow(uint64_t to_server, uint64_t to_client)
{
	struct told t = told();
	struct edges e = edges();

	assert_int_equal(t.count, 1);
	assert_string_equal(t.last.client.id, "img/a");
	assert_string_equal(t.last.server.id, "img/b");
	assert_string_equal(t.last.server.addr, ADDR_B);
	assert_string_equal(t.last.server.exe, "/usr/sbin/nginx");
	assert_int_equal(t.last.server.port, 80);
	assert_int_equal(t.last.published_port, HOST_PORT);
	assert_int_equal(t.last.packets_to_server, to_server);
	assert_int_equal(t.last.packets_to_client, to_client);
	assert_int_equal(t.last.bytes_to_client, 1000 * to_client);
	assert_string_equal(t.last.state, "established");
	assert_int_equal(e.count, 1);
	assert_string_equal(e.client, "img/a");
	assert_string_equal(e.server, "img/b");
	assert_int_equal(e.flows, 1);
	assert_int_equal(e.packets_to_server, to_server);
	assert_int_equal(e.bytes_to_client, 1000 * to_client);
}

/* The kernel translates: from the server's interface comes what it sends to the client, or to the node in its place. */
static void halves(uint8_t proto, const char *client_seen)
{
	const uint64_t old = clock_mono_ns() - 100 * NSEC_PER_SEC;
	struct pg_flow_news *news = news_ring();
	struct entry front, rear;

	world(proto);
	scan(); /* from now on in the order of the ring */
	assert_true(core_subscribe_flows(&core, announce_cb, NULL) >= 0);
	announced = 0;
	front = entry_of(proto, ADDR_A, 40000, NODE, HOST_PORT, 3, 0);
	rear = entry_of(proto, client_seen, 40000, ADDR_B, 80, 0, 2);
	owner(&rear, false, SERVER_TGID);
	put(&front);
	put(&rear);
	news_put(news, &front.k);
	news_put(news, &rear.k);
	scan();
	is_one_flow(3, 2);
	assert_int_equal(announced, 1);
	front.v.packets[front.from] = 7;
	front.v.bytes[front.from] = 700;
	rear.v.packets[!rear.from] = 9;
	rear.v.bytes[!rear.from] = 9000;
	put(&front);
	put(&rear);
	scan();
	scan(); /* nothing twice */
	is_one_flow(7, 9);
	/* closed by both, long ago: each half has one FIN */
	front.v.tcp_flags[front.from] |= 1;
	rear.v.tcp_flags[!rear.from] |= 1;
	rear.v.packets[!rear.from] = 10;
	rear.v.bytes[!rear.from] = 10000;
	put(&front);
	put(&rear);
	scan();
	front.v.last_ns = rear.v.last_ns = old;
	flow_table_find(core.flows, &front.k)->last_ns = flow_table_find(core.flows, &rear.k)->last_ns = old;
	put(&front);
	put(&rear);
	scan();
	scan();
	munmap(news, PG_NEWS_SLOTS * sizeof(*news));
	assert_int_equal(flow_table_count(core.flows), 0);
	assert_int_equal(edges().count, 1);
	assert_int_equal(edges().flows, 1);
	assert_int_equal(edges().packets_to_server, 7);
	assert_int_equal(edges().bytes_to_client, 10000);
	assert_int_equal(announced, 2);
}

static void test_translated(void **state)
{
	(void)state;
	ROOT_ONLY();
	halves(IPPROTO_TCP, ADDR_A);
}

static void test_translated_and_masqueraded(void **state)
{
	(void)state;
	ROOT_ONLY();
	halves(IPPROTO_TCP, NODE);
}

static void test_translated_datagrams(void **state)
{
	(void)state;
	ROOT_ONLY();
	halves(IPPROTO_UDP, NODE);
}

static void test_copied_by_the_proxy(void **state)
{
	struct entry front, rear;

	(void)state;
	ROOT_ONLY();
	world(IPPROTO_TCP);
	front = entry_of(IPPROTO_TCP, ADDR_A, 40000, NODE, HOST_PORT, 4, 5);
	owner(&front, false, PROXY_TGID);
	rear = entry_of(IPPROTO_TCP, NODE, 50000, ADDR_B, 80, 4, 6);
	owner(&rear, true, PROXY_TGID);
	owner(&rear, false, SERVER_TGID);
	put(&front);
	put(&rear);
	scan();
	scan();
	is_one_flow(4, 5);
}

/* The proxy also serves the node's own programs: their connections stay what they are. */
static void test_proxy_for_the_node(void **state)
{
	struct entry front, rear, own;

	(void)state;
	ROOT_ONLY();
	world(IPPROTO_TCP);
	front = entry_of(IPPROTO_TCP, ADDR_A, 40000, NODE, HOST_PORT, 4, 5);
	owner(&front, false, PROXY_TGID);
	rear = entry_of(IPPROTO_TCP, NODE, 50000, ADDR_B, 80, 4, 5);
	owner(&rear, true, PROXY_TGID);
	own = entry_of(IPPROTO_TCP, NODE, 50001, ADDR_B, 80, 4, 5);
	owner(&own, true, PROXY_TGID);
	put(&front);
	put(&rear);
	put(&own);
	scan();
	assert_int_equal(told().count, 2);
	assert_int_equal(edges().count, 2);
}

/* What comes to a published port and nobody answers is one half for ever, and nobody is said to serve it. */
static void test_unanswered(void **state)
{
	struct entry front, other;
	struct told t;

	(void)state;
	ROOT_ONLY();
	world(IPPROTO_TCP);
	process(PROXY_TGID + 5, "/usr/sbin/dockerd");
	front = entry_of(IPPROTO_TCP, ADDR_A, 40000, NODE, HOST_PORT, 3, 0);
	other = entry_of(IPPROTO_TCP, ADDR_A, 40001, ADDR_B, 80, 0, 2); /* another port: another connection */
	put(&front);
	put(&other);
	scan();
	t = told();
	assert_int_equal(t.count, 2);
	assert_int_equal(flow_table_find(core.flows, &front.k)->joined, JOIN_FRONT_WAITS);
	assert_int_equal(edges().packets_to_server, 3);
}

/* The server's half was met first: its client had no name yet. */
static void test_rear_is_met_first(void **state)
{
	struct msg_label l = { .confidence = LABEL_DPI, .app = "MySQL" };
	const struct ipc_hdr h = { .type = MSG_LABEL, .len = sizeof(l) };
	struct entry front, rear;

	(void)state;
	ROOT_ONLY();
	world(IPPROTO_TCP);
	front = entry_of(IPPROTO_TCP, ADDR_A, 40000, NODE, HOST_PORT, 3, 0);
	rear = entry_of(IPPROTO_TCP, NODE, 40000, ADDR_B, 80, 0, 2);
	owner(&rear, false, SERVER_TGID);
	put(&rear);
	scan();
	assert_int_equal(edges().count, 1);
	assert_string_equal(edges().client, "host:testnode");
	l.key = rear.k; /* what the server says first tells */
	labels_message(&h, &l, -1, &core);
	put(&front);
	scan();
	is_one_flow(3, 2);
	assert_string_equal(told().last.app, "MySQL");
}

/* A core that is killed: the next one finds both entries and what was stored, in whatever order. */
static void test_killed_core(void **state)
{
	struct entry front, rear;

	(void)state;
	ROOT_ONLY();
	world(IPPROTO_TCP);
	front = entry_of(IPPROTO_TCP, ADDR_A, 40000, NODE, HOST_PORT, 3, 0);
	rear = entry_of(IPPROTO_TCP, ADDR_A, 40000, ADDR_B, 80, 0, 2);
	owner(&rear, false, SERVER_TGID);
	put(&front);
	put(&rear);
	scan();
	core_save(&core);
	front.v.packets[front.from] = 5;
	rear.v.packets[!rear.from] = 6;
	rear.v.bytes[!rear.from] = 6000;
	put(&front);
	put(&rear);
	core_is_killed();
	world(IPPROTO_TCP);
	scan();
	scan();
	is_one_flow(5, 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_translated, setup, teardown),
		cmocka_unit_test_setup_teardown(test_translated_and_masqueraded, setup, teardown),
		cmocka_unit_test_setup_teardown(test_translated_datagrams, setup, teardown),
		cmocka_unit_test_setup_teardown(test_copied_by_the_proxy, setup, teardown),
		cmocka_unit_test_setup_teardown(test_proxy_for_the_node, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unanswered, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rear_is_met_first, setup, teardown),
		cmocka_unit_test_setup_teardown(test_killed_core, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
