/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The map's formats and the views' JSON, for the shop of fake_core.h and for names that an attacker chose. (Whether other
 * programs read them is tested in tests/golden/cli.sh.) */
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "sensor/core/export_map.h"
#include "sensor/core/export_text.h"
#include "sensor/core/json_views.h"
#include "tests/unit/fake_core.h"

static int setup(void **state)
{
	struct core *c = fake_core_new("/run/x", "/var/x");

	fake_populate(c);
	*state = c;
	return 0;
}

static int teardown(void **state)
{
	fake_core_free(*state);
	return 0;
}

static char *export(struct core *c, enum map_format f)
{
	size_t len = 0;
	char *s = map_export(c, NULL, f, &len);

	assert_non_null(s);
	assert_int_equal(strlen(s), len);
	return s;
}

static json_t *parse(const char *s)
{
	json_error_t e;
	json_t *j = json_loads(s, JSON_REJECT_DUPLICATES, &e);

	if (!j)
		print_error("%s at %d\n", e.text, e.position);
	assert_non_null(j);
	return j;
}

static void test_map_json_has_the_contract_keys(void **state)
{
	static const char *const node_keys[] = { "id", "kind", "workload", "containers", "networks", "engine", "node" };
	static const char *const edge_keys[] = { "client", "server", "l4", "port", "app", "app_confidence", "bytes_to_server", "bytes_to_client",
						 "packets_to_server", "packets_to_client", "flows", "first_seen", "last_seen", "client_exes",
						 "server_exes", "host", "source", "verdict", "engine", "node" };
	_cleanup_free_ char *s = export(*state, MAP_JSON);
	json_t *j = parse(s), *v, *last = NULL;
	size_t i;

	assert_int_equal(json_array_size(json_object_get(j, "nodes")), 7);
	assert_int_equal(json_array_size(json_object_get(j, "edges")), 6);
	assert_int_equal(json_object_size(json_object_get(j, "loss")), LOSS_MAX);
	json_array_foreach(json_object_get(j, "nodes"), i, v) {
		for (size_t k = 0; k < ARRAY_SIZE(node_keys); k++)
			assert_non_null(json_object_get(v, node_keys[k]));
		if (last)
			assert_true(strcmp(json_string_value(json_object_get(last, "id")), json_string_value(json_object_get(v, "id"))) < 0);
		last = v;
	}
	json_array_foreach(json_object_get(j, "edges"), i, v) {
		for (size_t k = 0; k < ARRAY_SIZE(edge_keys); k++)
			assert_non_null(json_object_get(v, edge_keys[k]));
		assert_string_equal(json_string_value(json_object_get(v, "source")), "none");
		assert_string_equal(json_string_value(json_object_get(v, "verdict")), "none");
	}
	v = json_array_get(json_object_get(j, "edges"), 3);
	assert_string_equal(json_string_value(json_object_get(v, "client")), "shop/app");
	assert_string_equal(json_string_value(json_object_get(v, "server")), "shop/db");
	assert_string_equal(json_string_value(json_object_get(v, "first_seen")), "2026-09-21T14:13:20.000000001Z");
	json_decref(j);
}

static void test_dot_groups_and_labels(void **state)
{
	_cleanup_free_ char *s = export(*state, MAP_DOT), *again = export(*state, MAP_DOT);

	assert_string_equal(s, again);
	assert_non_null(strstr(s, "subgraph cluster_0 {\n\t\tlabeljust=l; label=\"shop\""));
	assert_non_null(strstr(s, "[label=\"web\", tooltip=\"shop/web\""));
	assert_non_null(strstr(s, "[label=\"MySQL :3306\""));
	assert_non_null(strstr(s, "[label=\"Redis? :6379\""));
	assert_non_null(strstr(s, "[label=\"ICMP\""));
	assert_null(strstr(s, "ICMP :"));
}

static void test_map_of_one_workload(void **state)
{
	struct map_view m;

	assert_int_equal(map_view_make(*state, &(struct map_want){ .only = "shop/db" }, &m), 0);
	assert_int_equal(m.edge_count, 1);
	assert_int_equal(m.node_count, 2);
	map_view_done(&m);
	assert_int_equal(map_view_make(*state, &(struct map_want){ .only = "nobody" }, &m), 0);
	assert_int_equal(m.edge_count + m.node_count, 0);
	map_view_done(&m);
}

static void test_groups_do_not_need_live_containers(void **state)
{
	struct core *c = *state;
	struct map_view m;
	char group[128];
	const char *name;

	ident_free(c->ident);
	c->ident = ident_new("node1");
	assert_int_equal(map_view_make(c, NULL, &m), 0);
	for (size_t i = 0; i < m.node_count; i++) {
		name = map_group_of(c, &m, m.nodes[i], group, sizeof(group));
		if (m.nodes[i]->kind == TOPO_WORKLOAD) {
			assert_string_equal(group, "shop");
			assert_null(strchr(name, '/'));
		} else {
			assert_string_equal(group, "");
		}
	}
	map_view_done(&m);
}

static void test_an_empty_map_is_valid_everywhere(void **state)
{
	struct core *c = *state;

	topo_free(c->topo);
	c->topo = topo_new(16, 16);
	for (int f = 0; f < MAP_FORMAT_MAX; f++) {
		_cleanup_free_ char *s = export(c, (enum map_format)f);

		assert_true(strlen(s) > 5);
		if (f == MAP_JSON || f == MAP_CYTOSCAPE || f == MAP_NODE_GRAPH)
			json_decref(parse(s));
	}
}

static const char *const hostile[] = { FAKE_HOSTILE, "\"];}\nsystem(1)", "\\", "\"", "\\\"", "<b>&lt;", "]]>", "-->", "\xc2\x9b" "31m", "\xe2\x80\xae",
				       "\xff", "\xed\xa0\x80", "\xf4\x90\x80\x80", "a\xf0\x9f", "\xc0\x80", "%s%n%s", "{{}}", "`", "#quot;",
				       "</script><script>", "\xe2\x80\xa8", "a\rb\nc\td", "\x7f" };

/* No export holds a control byte but its own newlines and tabs, nor anything that is no UTF-8. */
static void assert_clean(const char *s, bool json)
{
	const unsigned char *p = (const unsigned char *)s;

	for (; *p; p++) {
		assert_true(*p >= 0x20 || *p == '\n' || *p == '\t');
		assert_int_not_equal(*p, 0x7f);
		assert_false(!json && p[0] == 0xc2 && p[1] < 0xa0);
		assert_int_not_equal(*p, 0xff);
		assert_int_not_equal(*p, 0xc0);
	}
}

static void test_hostile_names_in_every_format(void **state)
{
	struct core *c = *state;

	for (size_t i = 0; i < ARRAY_SIZE(hostile); i++) {
		fake_edge(c, hostile[i], TOPO_WORKLOAD, hostile[(i + 1) % ARRAY_SIZE(hostile)], TOPO_EXTERNAL, 132, (uint16_t)i, hostile[i],
			  LABEL_DPI, 1);
		fake_edge(c, hostile[i], TOPO_WORKLOAD, "shop/db", TOPO_WORKLOAD, 200, (uint16_t)i, hostile[i], 77, 1);
	}
	for (int f = 0; f < MAP_FORMAT_MAX; f++) {
		_cleanup_free_ char *s = export(c, (enum map_format)f);

		assert_clean(s, f == MAP_JSON || f == MAP_CYTOSCAPE || f == MAP_NODE_GRAPH || f == MAP_HTML);
		if (f == MAP_JSON || f == MAP_CYTOSCAPE || f == MAP_NODE_GRAPH)
			json_decref(parse(s));
		if (f != MAP_DOT)
			assert_null(strstr(s, "</script><script>"));
		if (f == MAP_GRAPHML)
			assert_null(strstr(s, "<b>"));
	}
}

static void test_hostile_names_in_every_view(void **state)
{
	struct core *c = *state;

	for (size_t i = 0; i < ARRAY_SIZE(hostile); i++) {
		const char *h = hostile[i];
		struct core_flow_view v = fake.flows[0];
		struct core_listener_view lv = fake.listener_views[0];
		struct listener l = fake.listeners[0];
		struct ident_container *k = calloc(1, sizeof(*k));
		struct ident_network *n = calloc(1, sizeof(*n));
		struct jsonl j;

		v.host = v.info = v.app = v.engine = v.state = v.client.exe = v.client.network = v.server.network = h;
		snprintf(v.client.id, sizeof(v.client.id), "%s", h);
		snprintf(k->name, sizeof(k->name), "%s", h);
		snprintf(k->image, sizeof(k->image), "%s", h);
		snprintf(k->workload, sizeof(k->workload), "%s", h);
		k->endpoint_count = IDENT_ENDPOINTS_MAX + 5; /* a broken count reads no further than the array */
		k->port_count = IDENT_PORTS_MAX + 5;
		snprintf(n->name, sizeof(n->name), "%s", h);
		n->subnet_count = 100;
		lv.l = &l;
		lv.container = k;
		lv.exe = lv.workload = lv.engine = h;
		snprintf(l.app, sizeof(l.app), "%s", h);
		jsonl_init(&j);
		jsonl_arr(&j, NULL);
		json_flow(&j, &v, h, h, h, h);
		json_container(&j, c, k, &(struct core_container_counts){ .processes = 1 });
		json_network(&j, c, n);
		json_listener(&j, c, &lv);
		jsonl_arr_end(&j);
		assert_clean(jsonl_text(&j, NULL), true);
		json_decref(parse(jsonl_text(&j, NULL)));
		jsonl_done(&j);
		free(k);
		free(n);
	}
}

static void test_null_pointers_in_views_are_empty(void **state)
{
	struct core_flow_view v = { .l4 = 6 };
	struct jsonl j;
	json_t *o;

	jsonl_init(&j);
	json_flow(&j, &v, "n", NULL, NULL, NULL);
	o = parse(jsonl_text(&j, NULL));
	assert_string_equal(json_string_value(json_object_get(o, "app")), "Unknown");
	assert_true(json_is_null(json_object_get(o, "first_seen")));
	json_decref(o);
	jsonl_done(&j);
}

static void test_names_of_numbers(void **state)
{
	char buf[JSON_L4_LEN], addr[JSON_ADDR_LEN];
	uint8_t v4[16] = { [10] = 0xff, 0xff, 10, 1, 2, 3 }, any4[16] = { [10] = 0xff, 0xff }, v6[16] = { 0xfd, [15] = 1 }, zero[16] = { 0 };

	for (int i = 0; i < 256; i++)
		assert_int_equal(json_l4_number(json_l4_name((uint8_t)i, buf)), i);
	assert_string_equal(json_l4_name(6, buf), "tcp");
	assert_string_equal(json_l4_name(255, buf), "ip-255");
	assert_int_equal(json_l4_number("ip-256"), -1);
	assert_int_equal(json_l4_number("ip-"), -1);
	assert_int_equal(json_l4_number("TCP"), -1);
	assert_string_equal(json_addr(v4, addr), "10.1.2.3");
	assert_string_equal(json_addr(any4, addr), "0.0.0.0");
	assert_string_equal(json_addr(v6, addr), "fd00::1");
	assert_string_equal(json_addr(zero, addr), "");
	assert_string_equal(label_confidence_name(LABEL_DPI), "dpi");
	assert_string_equal(label_confidence_name(200), "unknown");
}

static void test_long_names_are_cut_at_a_character(void **state)
{
	struct text_out t = { 0 };
	char name[1000] = "";
	_cleanup_free_ char *s = NULL;
	size_t len;

	for (int i = 0; i < 300; i++)
		memcpy(name + 2 * (size_t)i, "\xc3\xa4", 3);
	text_name(&t, TEXT_PLAIN, name);
	s = text_take(&t, &len);
	assert_in_range(len, TEXT_NAME_MAX, TEXT_NAME_MAX + 6);
	assert_string_equal(s + len - 3, "\xe2\x80\xa6");
	assert_null(strstr(s, "\xef\xbf\xbd"));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_map_json_has_the_contract_keys),
		T(test_dot_groups_and_labels),
		T(test_map_of_one_workload),
		T(test_groups_do_not_need_live_containers),
		T(test_an_empty_map_is_valid_everywhere),
		T(test_hostile_names_in_every_format),
		T(test_hostile_names_in_every_view),
		T(test_null_pointers_in_views_are_empty),
		T(test_names_of_numbers),
		T(test_long_names_are_cut_at_a_character),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
