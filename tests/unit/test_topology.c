/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Topology: flows add up into edges; taking back, limits, labels, and random adding and taking back held against a naive
 * model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "flows/topology.h"

static struct topo_delta delta(const char *client, const char *server, uint16_t port)
{
	return (struct topo_delta){
		.client = { .id = client, .workload = client, .engine = "e", .node = "n", .kind = TOPO_WORKLOAD },
		.server = { .id = server, .workload = server, .engine = "e", .node = "n", .kind = TOPO_WORKLOAD },
		.l4 = IPPROTO_TCP, .port = port, .bytes_to_server = 100, .bytes_to_client = 1000, .packets_to_server = 1,
		.packets_to_client = 2, .new_flows = 1, .first_seen_ns = 50, .last_seen_ns = 60,
	};
}

struct wanted {
	const char *client, *server;
	uint16_t port;
	const struct topo_edge *found;
	unsigned edges;
};

static void look_edge(const struct topo_edge *e, void *arg)
{
	struct wanted *w = arg;

	w->edges++;
	if (w->client && !strcmp(e->client->id, w->client) && !strcmp(e->server->id, w->server) && e->port == w->port)
		w->found = e;
}

static const struct topo_edge *edge(struct topology *t, const char *client, const char *server, uint16_t port)
{
	struct wanted w = { client, server, port, NULL, 0 };

	topo_each_edge(t, look_edge, &w);
	return w.found;
}

static unsigned edges(struct topology *t)
{
	struct wanted w = { 0 };

	topo_each_edge(t, look_edge, &w);
	return w.edges;
}

struct node_wanted {
	const char *id;
	const struct topo_node *found;
	unsigned nodes;
};

static void look_node(const struct topo_node *n, void *arg)
{
	struct node_wanted *w = arg;

	w->nodes++;
	if (w->id && !strcmp(n->id, w->id))
		w->found = n;
}

static const struct topo_node *node(struct topology *t, const char *id)
{
	struct node_wanted w = { id, NULL, 0 };

	topo_each_node(t, look_node, &w);
	return w.found;
}

static unsigned nodes(struct topology *t)
{
	struct node_wanted w = { 0 };

	topo_each_node(t, look_node, &w);
	return w.nodes;
}

static void test_flows_add_up(void **state)
{
	struct topology *t = topo_new(10, 10);
	struct topo_delta d = delta("web", "db", 3306);
	const struct topo_edge *e;
	uint64_t g;

	assert_int_equal(topo_add(t, &d), 0);
	d.new_flows = 0;
	d.first_seen_ns = 40;
	d.last_seen_ns = 55;
	g = topo_generation(t);
	assert_int_equal(topo_add(t, &d), 0);
	e = edge(t, "web", "db", 3306);
	assert_non_null(e);
	assert_int_equal(e->bytes_to_server, 200);
	assert_int_equal(e->bytes_to_client, 2000);
	assert_int_equal(e->packets_to_server, 2);
	assert_int_equal(e->packets_to_client, 4);
	assert_int_equal(e->flows, 1);
	assert_int_equal(e->first_seen_ns, 40);
	assert_int_equal(e->last_seen_ns, 60);
	assert_true(e->generation > g);
	assert_int_equal(e->generation, topo_generation(t));
	/* other port, other protocol, other direction: other edges, same nodes */
	d = delta("web", "db", 3307);
	topo_add(t, &d);
	d.l4 = IPPROTO_UDP;
	topo_add(t, &d);
	d = delta("db", "web", 3306);
	topo_add(t, &d);
	d = delta("db", "db", 3306); /* to itself */
	topo_add(t, &d);
	assert_int_equal(edges(t), 5);
	assert_int_equal(nodes(t), 2);
	topo_free(t);
	topo_free(NULL);
}

static void test_labels(void **state)
{
	static const struct { const char *app; uint8_t conf; const char *want; uint8_t want_conf; } rows[] = {
		{ NULL, 0, "", 0 },        { "HTTP", 1, "HTTP", 1 },  { "MySQL", 4, "MySQL", 4 },
		{ "HTTP", 1, "MySQL", 4 }, { "TLS", 4, "TLS", 4 },    { "", 4, "TLS", 4 },
	};
	struct topology *t = topo_new(10, 10);
	struct topo_delta d = delta("web", "db", 3306);
	const struct topo_edge *e;
	unsigned i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		d.app = rows[i].app;
		d.app_confidence = rows[i].conf;
		topo_add(t, &d);
		e = edge(t, "web", "db", 3306);
		assert_string_equal(e->app, rows[i].want);
		assert_int_equal(e->app_confidence, rows[i].want_conf);
	}
	d.host = "a.example";
	topo_add(t, &d);
	d.host = NULL;
	topo_add(t, &d);
	assert_string_equal(e->host, "a.example");
	topo_free(t);
}

static void test_replicas_share_a_node(void **state)
{
	struct topology *t = topo_new(10, 10);
	struct topo_delta d = delta("web", "db", 3306);
	const struct topo_node *n;
	char name[32], exe[32];
	unsigned i, round;

	for (round = 0; round < 3; round++)
		for (i = 0; i < 30; i++) {
			snprintf(name, sizeof(name), "web-%u", i);
			snprintf(exe, sizeof(exe), "/bin/%u", i);
			d.client.container = name;
			d.client.network = "front";
			d.client_exe = exe;
			topo_add(t, &d);
		}
	n = node(t, "web");
	assert_int_equal(n->container_count, TOPO_NAMES_MAX);
	assert_int_equal(n->container_more, 30 - TOPO_NAMES_MAX); /* each once, however often it is named */
	assert_int_equal(n->network_count, 1);
	assert_string_equal(n->containers[3], "web-3");
	assert_int_equal(edge(t, "web", "db", 3306)->client_exe_count, TOPO_EXES_MAX);
	assert_int_equal(edge(t, "web", "db", 3306)->server_exe_count, 0);
	assert_int_equal(nodes(t), 2);
	/* addresses: the last one; an unset one changes nothing */
	d = delta("web", "ext", 443);
	d.server.kind = TOPO_EXTERNAL;
	d.server.address = "192.0.2.1";
	topo_add(t, &d);
	d.server.address = "192.0.2.2";
	topo_add(t, &d);
	d.server.address = NULL;
	topo_add(t, &d);
	assert_string_equal(node(t, "ext")->address, "192.0.2.2");
	assert_string_equal(node(t, "web")->address, "");
	assert_int_equal(node(t, "ext")->kind, TOPO_EXTERNAL);
	topo_free(t);
}

static void test_sub_takes_back(void **state)
{
	struct topology *t = topo_new(10, 10);
	struct topo_delta d = delta("10.0.0.2", "db", 3306), more = delta("10.0.0.2", "db", 3306);

	topo_add(t, &d);
	topo_add(t, &d);
	topo_sub(t, &d);
	assert_int_equal(edge(t, "10.0.0.2", "db", 3306)->flows, 1);
	more.bytes_to_client = UINT64_MAX; /* more than there is */
	more.new_flows = 7;
	more.packets_to_client = 0;
	topo_sub(t, &more);
	assert_int_equal(edge(t, "10.0.0.2", "db", 3306)->bytes_to_client, 0);
	assert_int_equal(edge(t, "10.0.0.2", "db", 3306)->flows, 0);
	assert_int_equal(edge(t, "10.0.0.2", "db", 3306)->packets_to_client, 2);
	topo_sub(t, &d);
	assert_int_equal(edges(t), 0); /* empty edges go, and nodes with them */
	assert_int_equal(nodes(t), 0);
	topo_sub(t, &d); /* nothing there */
	d = delta("a", "a", 1);
	topo_add(t, &d);
	topo_sub(t, &d);
	assert_int_equal(nodes(t), 0);
	topo_free(t);
}

static void test_overflow(void **state)
{
	struct topology *t = topo_new(4, 100), *u = topo_new(100, 3);
	struct topo_delta d = delta("a", "b", 1);
	const struct topo_edge *e;
	unsigned i;

	assert_int_equal(topo_add(t, &d), 0);
	d = delta("c", "d", 1);
	assert_int_equal(topo_add(t, &d), 0);
	d = delta("a", "e", 1); /* a fifth node */
	assert_int_equal(topo_add(t, &d), -ENOSPC);
	assert_int_equal(topo_add(t, &d), -ENOSPC);
	d = delta("a", "d", 1); /* known nodes: fine */
	assert_int_equal(topo_add(t, &d), 0);
	assert_int_equal(topo_refused(t), 2);
	e = edge(t, "overflow", "overflow", 0);
	assert_int_equal(e->packets_to_client, 4);
	assert_null(node(t, "e"));
	d = delta("a", "e", 1);
	topo_sub(t, &d);
	assert_int_equal(e->packets_to_client, 2);
	topo_free(t);
	for (i = 0; i < 10; i++) {
		d = delta("a", "b", (uint16_t)i);
		assert_int_equal(topo_add(u, &d), i < 3 ? 0 : -ENOSPC);
	}
	assert_int_equal(edges(u), 4);
	assert_int_equal(topo_refused(u), 7);
	topo_free(u);
}

static void test_restore_and_expire(void **state)
{
	struct topology *t = topo_new(10, 10);
	struct topo_delta d = delta("a", "b", 1);

	d.new_flows = 40;
	assert_int_equal(topo_restore(t, &d), 0);
	assert_int_equal(edge(t, "a", "b", 1)->flows, 40);
	d = delta("a", "c", 1);
	d.last_seen_ns = 100;
	topo_add(t, &d);
	assert_int_equal(topo_expire(t, 60), 0);
	assert_int_equal(topo_expire(t, 61), 1);
	assert_null(node(t, "b"));
	assert_non_null(node(t, "a"));
	assert_int_equal(topo_expire(t, 1000), 1);
	assert_int_equal(nodes(t), 0);
	topo_free(t);
}

static void test_kind_names(void **state)
{
	static const char *const names[TOPO_KIND_MAX] = { "workload", "container", "external", "host", "gateway" };
	unsigned k;

	for (k = 0; k < TOPO_KIND_MAX; k++)
		assert_string_equal(topo_kind_name(k), names[k]);
}

static uint64_t rnd(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

/* Whatever was added is taken back in another order: nothing is left, and before that every sum is right. */
static void test_random_against_model(void **state)
{
	enum { N = 12, OPS = 20000 };
	struct topology *t = topo_new(100, 1000);
	static uint64_t flows[N][N], packets[N][N];
	static struct { uint8_t c, s; uint8_t flows, packets; } done[OPS];
	uint64_t seed = clock_mono_ns() | 1, s = seed;
	unsigned count = 0, i, k, alive;
	const struct topo_edge *e;
	struct topo_delta d;
	char c[8], v[8];

	print_message("# seed %llu\n", (unsigned long long)seed);
	memset(flows, 0, sizeof(flows));
	memset(packets, 0, sizeof(packets));
	for (i = 0; i < OPS || count; i++) {
		bool add = i < OPS && (count == 0 || rnd(&s) % 100 < 55);

		k = add ? count++ : (unsigned)(rnd(&s) % count);
		if (add) {
			done[k].c = (uint8_t)(rnd(&s) % N);
			done[k].s = (uint8_t)(rnd(&s) % N);
			done[k].flows = (uint8_t)(rnd(&s) % 3);
			done[k].packets = (uint8_t)(1 + rnd(&s) % 200);
		}
		snprintf(c, sizeof(c), "w%u", done[k].c);
		snprintf(v, sizeof(v), "w%u", done[k].s);
		d = delta(c, v, 80);
		d.new_flows = done[k].flows;
		d.packets_to_server = done[k].packets;
		d.packets_to_client = 0;
		if (add) {
			assert_int_equal(topo_add(t, &d), 0);
			flows[done[k].c][done[k].s] += d.new_flows;
			packets[done[k].c][done[k].s] += d.packets_to_server;
		} else {
			topo_sub(t, &d);
			flows[done[k].c][done[k].s] -= d.new_flows;
			packets[done[k].c][done[k].s] -= d.packets_to_server;
		}
		e = edge(t, c, v, 80);
		assert_int_equal(e ? e->packets_to_server : 0, packets[done[k].c][done[k].s]);
		assert_int_equal(e ? e->flows : 0, flows[done[k].c][done[k].s]);
		if (!add)
			done[k] = done[--count];
		if (i % 1000 == 0) {
			for (k = 0, alive = 0; k < N * N; k++)
				alive += packets[k / N][k % N] != 0;
			assert_int_equal(edges(t), alive);
		}
	}
	assert_int_equal(edges(t), 0);
	assert_int_equal(nodes(t), 0);
	topo_free(t);
}

static void test_speed(void **state)
{
	enum { N = 200000 };
	struct topology *t = topo_new(10000, 10000);
	struct topo_delta d;
	char c[16];
	uint64_t t0 = clock_mono_ns();
	unsigned i;

	for (i = 0; i < N; i++) {
		snprintf(c, sizeof(c), "w%u", i % 1000);
		d = delta(c, "db", 80);
		topo_add(t, &d);
	}
	print_message("# add %llu ns\n", (unsigned long long)(clock_mono_ns() - t0) / N);
	assert_int_equal(edges(t), 1000);
	topo_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flows_add_up),   cmocka_unit_test(test_labels),
		cmocka_unit_test(test_replicas_share_a_node), cmocka_unit_test(test_sub_takes_back),
		cmocka_unit_test(test_overflow),       cmocka_unit_test(test_restore_and_expire),
		cmocka_unit_test(test_kind_names),     cmocka_unit_test(test_random_against_model),
		cmocka_unit_test(test_speed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
