/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From the kernel's flow map to edges: real BPF maps that the test fills as the programs would, the real core around them. */
#include <errno.h>

#include "sensor/facts.h"
#include "sensor/core/store.h"
#include "tests/unit/core_world.h"

static void test_counts_grow_and_end(void **state)
{
	struct flow_key k = key_ab(40000);
	struct pg_flow v = flow_ab(3);
	struct edges e;

	ROOT_ONLY();
	known_world();
	kernel_put(&k, &v);
	scan();
	e = edges();
	assert_int_equal(e.count, 1);
	assert_string_equal(e.client, "img/a");
	assert_string_equal(e.server, "img/b");
	assert_int_equal(e.flows, 1);
	assert_int_equal(e.packets_to_server, 3);
	assert_int_equal(e.bytes_to_client, 3000);
	v.packets[0] = 10;
	v.bytes[1] = 9999;
	v.tcp_flags[0] = v.tcp_flags[1] = 1 | 2 | 16;
	v.last_ns = clock_mono_ns() - 10 * NSEC_PER_SEC; /* closed by both, long ago */
	kernel_put(&k, &v);
	scan();
	e = edges();
	assert_int_equal(e.flows, 1);
	assert_int_equal(e.packets_to_server, 10);
	assert_int_equal(e.bytes_to_client, 9999);
	assert_int_equal(flow_table_count(core.flows), 0);
	assert_int_equal(bpf_map_lookup_elem(core_map_fd(&core, "flows"), &k, &v), -ENOENT);
	assert_int_equal(core.priv->gauge->reaped, 1);
	assert_int_equal(core.priv->gauge->reaped_half, 0);
}

static void test_waits_for_the_name(void **state)
{
	struct flow_key k = key_ab(40001);
	struct pg_flow v = flow_ab(1);
	struct edges e;

	ROOT_ONLY();
	put_node();
	kernel_put(&k, &v);
	scan();
	assert_int_equal(edges().count, 0); /* its interfaces will get names */
	put_links(0);
	put_links(1);
	put_container(CID_A, "a", 0, ADDR_A);
	put_container(CID_B, "b", 1, ADDR_B);
	scan();
	e = edges();
	assert_int_equal(e.count, 1);
	assert_string_equal(e.client, "img/a");
	assert_string_equal(e.server, "img/b");
}

static void test_does_not_wait_for_ever(void **state)
{
	struct flow_key k = key_ab(40002);
	struct pg_flow v = flow_ab(1);
	struct edges e;

	ROOT_ONLY();
	put_node();
	v.first_ns -= 3 * NSEC_PER_SEC;
	kernel_put(&k, &v);
	scan();
	e = edges();
	assert_int_equal(e.count, 1);
	assert_string_equal(e.client, "ext:" ADDR_A);
	/* and the late name takes the counts along */
	put_links(0);
	put_links(1);
	put_container(CID_A, "a", 0, ADDR_A);
	put_container(CID_B, "b", 1, ADDR_B);
	scan();
	e = edges();
	assert_int_equal(e.count, 1);
	assert_string_equal(e.client, "img/a");
	assert_int_equal(e.flows, 1);
	assert_int_equal(e.packets_to_server, 1);
}

/* Named by its address only (its sandbox was gone too fast), and then the address goes to another container: the old flow
 * keeps its name. */
static void test_address_moves_on(void **state)
{
	struct ident_link host_end = { .ns = NODE_NS, .ifindex = 10, .kind = IDENT_LINK_VETH, .master = 5 };
	struct flow_key k = key_ab(40003);
	struct pg_flow v = flow_ab(1);
	struct edges e;

	ROOT_ONLY();
	put_node();
	ident_put_link(core.ident, &host_end);
	put_container(CID_A, "a", 0, ADDR_A);
	put_links(1);
	put_container(CID_B, "b", 1, ADDR_B);
	v.first_ns -= 3 * NSEC_PER_SEC;
	kernel_put(&k, &v);
	scan();
	assert_string_equal(edges().client, "img/a");
	ident_container_gone(core.ident, 0, CID_A, clock_mono_ns());
	ident_del_link(core.ident, NODE_NS, 10, clock_mono_ns());
	put_links(2);
	put_container(CID_C, "c", 2, ADDR_A);
	v.packets[0] = 2;
	kernel_put(&k, &v);
	scan();
	e = edges();
	assert_int_equal(e.count, 1);
	assert_string_equal(e.client, "img/a");
	assert_int_equal(e.packets_to_server, 2);
}

/* We are late: the address is another container's by now. That one was created after the flow began: it is not its end. */
static void test_address_is_anothers_by_now(void **state)
{
	struct ident_link host_end = { .ns = NODE_NS, .ifindex = 10, .kind = IDENT_LINK_VETH, .master = 5 };
	struct flow_key k = key_ab(40004), k2 = key_ab(40005);
	struct pg_flow v = flow_ab(1);

	ROOT_ONLY();
	put_node();
	ident_put_link(core.ident, &host_end);
	put_links(1);
	put_links(2);
	put_container(CID_B, "b", 1, ADDR_B);
	created_wall_ns = clock_wall_ns() - NSEC_PER_SEC;
	put_container(CID_C, "c", 2, ADDR_A);
	created_wall_ns = 0;
	v.first_ns -= 3 * NSEC_PER_SEC;
	kernel_put(&k, &v);
	scan();
	assert_string_equal(edges().client, "ext:" ADDR_A);
	/* nor when the one that had it is still known */
	created_wall_ns = clock_wall_ns() - 10 * NSEC_PER_SEC;
	put_container(CID_A, "a", 0, ADDR_A);
	created_wall_ns = 0;
	ident_container_gone(core.ident, 0, CID_A, clock_mono_ns());
	kernel_put(&k2, &v);
	scan();
	assert_int_equal(edges().count, 1);
	assert_string_equal(edges().client, "img/a");
	/* what begins now is the later one's */
	v.first_ns = clock_mono_ns();
	v.end_if[0] = 12;
	k = key_ab(40006);
	kernel_put(&k, &v);
	scan();
	assert_int_equal(edges().count, 2);
}

static void test_earlier_core_counted(void **state)
{
	struct flow_key k = key_ab(40004);
	struct pg_flow v = flow_ab(5);
	struct edges e;

	ROOT_ONLY();
	known_world();
	core.priv->baseline_ns = clock_mono_ns();
	v.first_ns = core.priv->baseline_ns - 1;
	kernel_put(&k, &v);
	scan();
	assert_int_equal(edges().count, 0); /* nothing new since */
	v.packets[0] = 7;
	kernel_put(&k, &v);
	scan();
	e = edges();
	assert_int_equal(e.count, 1);
	assert_int_equal(e.packets_to_server, 2);
	assert_int_equal(e.flows, 0);
}

/* What an earlier core added under a name is not added again under a better one. */
static void test_earlier_counts_stay_where_they_are(void **state)
{
	struct flow_key k = key_ab(40007);
	struct pg_flow v = flow_ab(5);
	struct edges e;

	ROOT_ONLY();
	put_node();
	core.priv->baseline_ns = clock_mono_ns();
	v.first_ns = core.priv->baseline_ns - 1;
	kernel_put(&k, &v);
	scan();
	put_links(0);
	put_links(1);
	put_container(CID_A, "a", 0, ADDR_A);
	put_container(CID_B, "b", 1, ADDR_B);
	v.packets[0] = 6;
	kernel_put(&k, &v);
	scan();
	v.packets[0] = 8;
	kernel_put(&k, &v);
	scan();
	e = edges();
	assert_string_equal(e.client, "img/a");
	assert_true(e.packets_to_server <= 3);
	assert_int_equal(e.flows, 0);
}

/* A restarted core names nothing before the engines were listed; what the inspector says meanwhile is kept. */
static void test_waits_for_the_engines(void **state)
{
	struct flow_key k = key_ab(40008);
	struct pg_flow v = flow_ab(1);
	struct msg_label l = { .confidence = LABEL_DPI, .app = "HTTP" };
	struct ipc_hdr h = { .type = MSG_LABEL, .len = sizeof(l) };

	ROOT_ONLY();
	core.priv->synced = false;
	core.priv->ready_ns = clock_mono_ns();
	v.first_ns -= 10 * NSEC_PER_SEC;
	v.last_ns -= 10 * NSEC_PER_SEC;
	v.tcp_flags[0] = v.tcp_flags[1] = 1;
	kernel_put(&k, &v);
	l.key = k;
	labels_message(&h, &l, -1, &core);
	scan();
	assert_int_equal(edges().count, 0);
	assert_int_equal(flow_table_count(core.flows), 0);
	known_world();
	core.engines[0].resyncs = 1;
	scan();
	assert_int_equal(edges().count, 1);
	assert_string_equal(edges().client, "img/a");
	assert_string_equal(edges().app, "HTTP");
}

static void test_half_open_is_given_back(void **state)
{
	struct flow_key k = key_ab(40005);
	struct pg_flow v = flow_ab(1);

	ROOT_ONLY();
	known_world();
	v.packets[1] = v.bytes[1] = 0;
	v.flags = PG_FLOW_SYN_SEEN;
	v.first_ns = v.last_ns = clock_mono_ns() - 61 * NSEC_PER_SEC;
	kernel_put(&k, &v);
	scan();
	assert_int_equal(flow_table_count(core.flows), 0);
	assert_int_equal(core.priv->gauge->reaped_half, 1);
	assert_int_equal(edges().flows, 1); /* it is on the map all the same */
}

/* Datagrams that nobody answers leave early when the room for one-way flows runs out, and only then. */
static void test_one_way_flood_makes_room(void **state)
{
	struct flow_key k = key_ab(0);
	struct pg_flow v = flow_ab(1);

	ROOT_ONLY();
	known_world();
	k.proto = IPPROTO_UDP;
	v.packets[1] = v.bytes[1] = 0;
	v.flags = 0;
	v.first_ns = v.last_ns = clock_mono_ns() - NSEC_PER_SEC;
	for (uint16_t i = 0; i < 20; i++) {
		k.port[0] = htons((uint16_t)(1000 + i));
		kernel_put(&k, &v);
	}
	core.config.half_open_max = 100;
	scan();
	assert_int_equal(flow_table_count(core.flows), 20);
	assert_int_equal(core.priv->gauge->flooded, 0);
	core.config.half_open_max = 30;
	scan();
	assert_int_equal(flow_table_count(core.flows), 0);
	assert_int_equal(core.priv->gauge->flooded, 1); /* the programs heed it */
	assert_int_equal(core.priv->gauge->reaped_half, 20);
	assert_int_equal(edges().flows, 20);
	assert_int_equal(edges().packets_to_server, 20);
}

static void test_label_before_scan(void **state)
{
	struct flow_key k = key_ab(40006);
	struct pg_flow v = flow_ab(1);
	struct msg_label l = { .confidence = LABEL_DPI, .app = "HTTP", .host = "example.org" };
	struct ipc_hdr h = { .type = MSG_LABEL, .len = sizeof(l) };

	ROOT_ONLY();
	known_world();
	kernel_put(&k, &v);
	l.key = k;
	labels_message(&h, &l, -1, &core);
	assert_int_equal(edges().count, 1);
	assert_string_equal(edges().app, "HTTP");
	/* a guess does not replace what was seen */
	snprintf(l.app, sizeof(l.app), "Guess");
	l.confidence = LABEL_PORT_GUESS;
	labels_message(&h, &l, -1, &core);
	assert_string_equal(edges().app, "HTTP");
	/* half a message is ignored */
	h.len = sizeof(l) - 1;
	labels_message(&h, &l, -1, &core);
	assert_int_equal(edges().flows, 1);
}

static void test_facts_are_kept(void **state)
{
	static const struct flow_key nobody = { .ns = 1, .proto = 6 };
	struct flow_key k = key_ab(40000);
	struct pg_flow v = flow_ab(1);
	struct ipc_hdr h = { .type = MSG_FACTS };
	uint8_t body[1024];
	struct facts f;

	ROOT_ONLY();
	known_world();
	kernel_put(&k, &v);
	facts_init(&f);
	facts_add_str(&f, FACT_SERVER_VERSION, "8.0.36");
	for (unsigned i = 0; i < 3; i++) { /* for nobody, damaged, for the flow */
		struct msg_facts m = { .key = i ? k : nobody, .len = (uint16_t)f.len };

		memcpy(body + h.len, &m, sizeof(m));
		memcpy(body + h.len + sizeof(m), f.text, f.len);
		if (i == 1)
			body[h.len + sizeof(m)] = 1;
		h.len += (uint32_t)(sizeof(m) + f.len);
	}
	labels_message(&h, body, -1, &core);
	assert_non_null(flow_table_find(core.flows, &k));
	assert_string_equal(flow_table_find(core.flows, &k)->detail->facts, f.text);
	h.len = sizeof(struct msg_facts) + 3; /* a text that is cut */
	labels_message(&h, body, -1, &core);
	assert_string_equal(flow_table_find(core.flows, &k)->detail->facts, f.text);
}

static void test_news_are_enough(void **state)
{
	struct flow_key told = key_ab(40010), untold = key_ab(40011);
	struct pg_flow v = flow_ab(3);
	struct pg_flow_news *news;

	ROOT_ONLY();
	known_world();
	news = news_ring();
	scan(); /* the walk at start */
	kernel_put(&told, &v);
	kernel_put(&untold, &v);
	news_put(news, &told);
	scan();
	assert_non_null(flow_table_find(core.flows, &told));
	assert_null(flow_table_find(core.flows, &untold));
	/* a key that was announced and never came is passed by, and what it was is found by walking */
	core.priv->gauge->news++;
	for (int i = 0; i < 40 && !flow_table_find(core.flows, &untold); i++) {
		usleep(50000);
		scan();
	}
	assert_non_null(flow_table_find(core.flows, &untold));
	assert_int_equal(edges().flows, 2);
	assert_int_equal(edges().packets_to_server, 6);
	munmap(news, PG_NEWS_SLOTS * sizeof(*news));
}

static void test_news_overrun(void **state)
{
	struct flow_key k = key_ab(40012);
	struct pg_flow v = flow_ab(3);
	struct pg_flow_news *news;

	ROOT_ONLY();
	known_world();
	news = news_ring();
	kernel_put(&k, &v);
	news_put(news, &k);
	core.priv->gauge->news += PG_NEWS_SLOTS; /* others came after it */
	scan();
	assert_non_null(flow_table_find(core.flows, &k));
	munmap(news, PG_NEWS_SLOTS * sizeof(*news));
}

struct rows {
	unsigned rows;
	uint64_t flows, packets, most;
};

static void rows_cb(const struct core_flow_view *v, const char *client_container, const char *server_container, void *arg)
{
	struct rows *r = arg;

	r->rows++;
	r->flows += v->flows;
	r->packets += v->packets_to_server;
	if (v->flows > r->most)
		r->most = v->flows;
	assert_string_equal(v->client.id, "img/a");
}

/* Many flows of one kind in one interval are few rows, and no flow is missing in them. */
static void test_many_flows_few_rows(void **state)
{
	struct store_query q = { .limit = 1000 };
	struct pg_flow v = flow_ab(3);
	struct rows r = { 0 };

	ROOT_ONLY();
	known_world();
	v.tcp_flags[0] = v.tcp_flags[1] = 1 | 2 | 16;
	v.first_ns = v.last_ns -= 10 * NSEC_PER_SEC;
	for (uint16_t i = 0; i < 200; i++) {
		struct flow_key k = key_ab((uint16_t)(20000 + i));

		kernel_put(&k, &v);
	}
	scan();
	assert_int_equal(flow_table_count(core.flows), 0);
	assert_int_equal(edges().flows, 200);
	history_flush(&core);
	assert_int_equal(store_tick(core.store, &core), 0);
	assert_true(store_each_flow(core.store, &q, rows_cb, &r) > 0);
	assert_int_equal(r.flows, 200);
	assert_int_equal(r.packets, 600);
	assert_int_equal(r.rows, 33);
	assert_int_equal(r.most, 168);
}

/* Names of flows like an earlier one come from memory, and not when who is who has changed. */
static void test_names_from_memory(void **state)
{
	struct flow_key k = key_ab(40020), later = key_ab(40021), last = key_ab(40022);
	struct pg_flow v = flow_ab(1);

	ROOT_ONLY();
	known_world();
	kernel_put(&k, &v);
	scan();
	kernel_put(&later, &v);
	scan();
	assert_int_equal(edges().count, 1);
	assert_int_equal(edges().flows, 2);
	assert_ptr_equal(flow_table_find(core.flows, &k)->edge, flow_table_find(core.flows, &later)->edge);
	/* the same interface belongs to another container now */
	ident_container_gone(core.ident, 0, CID_A, clock_mono_ns());
	ident_expire(core.ident, clock_mono_ns() + 2 * IDENT_LINGER_NS);
	put_container(CID_C, "c", 0, ADDR_A);
	kernel_put(&last, &v);
	scan();
	assert_ptr_not_equal(flow_table_find(core.flows, &k)->edge, flow_table_find(core.flows, &last)->edge);
	assert_int_equal(edges().count, 2);
}

static void save(void)
{
	core_save(&core);
}

/* A core that is killed costs an open flow nothing: the next one goes on where the stored edges end. */
static void test_killed_core_loses_nothing(void **state)
{
	struct flow_key open_flow = key_ab(40030), fresh = key_ab(40031), closed = key_ab(40032);
	struct pg_flow v = flow_ab(5), c = flow_ab(4), n = flow_ab(2);

	ROOT_ONLY();
	known_world();
	c.tcp_flags[0] = c.tcp_flags[1] = 1 | 2 | 16;
	kernel_put(&open_flow, &v);
	kernel_put(&closed, &c);
	scan();
	save();
	assert_int_equal(edges().packets_to_server, 9);
	/* counted by the core that dies, but never saved; and counted while there is none */
	v.packets[0] = 7;
	kernel_put(&open_flow, &v);
	scan();
	assert_int_equal(edges().packets_to_server, 11);
	v.packets[0] = 12;
	n.first_ns = n.last_ns = clock_mono_ns();
	kernel_put(&open_flow, &v);
	kernel_put(&fresh, &n);
	core_is_killed();
	assert_int_equal(edges().packets_to_server, 9);
	scan();
	assert_int_equal(edges().packets_to_server, 12 + 4 + 2);
	assert_int_equal(edges().flows, 3);
	assert_int_equal(core.losses[LOSS_UNSAVED], 0);
	/* and once more, without a save between */
	v.packets[0] = 13;
	kernel_put(&open_flow, &v);
	core_is_killed();
	scan();
	assert_int_equal(edges().packets_to_server, 13 + 4 + 2);
	assert_int_equal(core.losses[LOSS_UNSAVED], 0);
	/* one that ended and was never saved is a loss with a name */
	v.tcp_flags[0] = v.tcp_flags[1] = 1 | 2 | 16;
	v.packets[0] = 14;
	v.last_ns = c.last_ns = clock_mono_ns() - 10 * NSEC_PER_SEC;
	kernel_put(&open_flow, &v);
	kernel_put(&closed, &c);
	save();
	scan();
	core_is_killed();
	assert_int_equal(core.losses[LOSS_UNSAVED], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_counts_grow_and_end, setup, teardown),
		cmocka_unit_test_setup_teardown(test_waits_for_the_name, setup, teardown),
		cmocka_unit_test_setup_teardown(test_does_not_wait_for_ever, setup, teardown),
		cmocka_unit_test_setup_teardown(test_address_moves_on, setup, teardown),
		cmocka_unit_test_setup_teardown(test_address_is_anothers_by_now, setup, teardown),
		cmocka_unit_test_setup_teardown(test_earlier_core_counted, setup, teardown),
		cmocka_unit_test_setup_teardown(test_earlier_counts_stay_where_they_are, setup, teardown),
		cmocka_unit_test_setup_teardown(test_waits_for_the_engines, setup, teardown),
		cmocka_unit_test_setup_teardown(test_half_open_is_given_back, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_way_flood_makes_room, setup, teardown),
		cmocka_unit_test_setup_teardown(test_label_before_scan, setup, teardown),
		cmocka_unit_test_setup_teardown(test_facts_are_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(test_news_are_enough, setup, teardown),
		cmocka_unit_test_setup_teardown(test_news_overrun, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many_flows_few_rows, setup, teardown),
		cmocka_unit_test_setup_teardown(test_names_from_memory, setup, teardown),
		cmocka_unit_test_setup_teardown(test_killed_core_loses_nothing, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
