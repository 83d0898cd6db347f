/* SPDX-License-Identifier: GPL-2.0-or-later */
/* policy -> plan -> elements and text. Golden texts in tests/golden/nft_plan (GOLDEN_WRITE=1 writes them anew); properties on
 * random inputs: a plan says yes exactly to what its rules say. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "enforce/nft_plan.h"
#include "enforce/policy.h"
#include "sensor/msg_queue.h"

static void addr(uint8_t ret[16], const char *text)
{
	uint8_t bits;

	assert_true(policy_prefix(text, ret, &bits));
}

/* ---- a shop -------------------------------------------------------------------------------------------------------- */
static struct policy_workload workloads[] = { { "shop/db", false, true }, { "shop/web", false, false } };
static const struct policy_rule rules[] = {
	{ 0, PLAN_IN, false, "shop/web", "tcp/3306" },	    { 1, PLAN_IN, false, "shop/app", "tcp/80" },
	{ 1, PLAN_IN, true, "ext:*", "tcp/443" },	    { 1, PLAN_OUT, false, "shop/db", "tcp/3306" },
	{ 1, PLAN_OUT, false, "ext:*.example.org", "tcp/443" }, { 1, PLAN_OUT, false, "ext:192.0.2.0/24", "udp/123" },
	{ 1, PLAN_IN, false, "shop/app", "icmp/2048" },	    { 1, PLAN_OUT, false, "shop/ops", "*" },
	{ 1, PLAN_OUT, false, "ext:a.example.org", "tcp/443" },
};
static struct policy_endpoint endpoints[7];
static struct policy_name names[2];
static struct policy_place places[4];

static struct policy_input shop(void)
{
	static const char *const who[7] = { "shop/web", "shop/app", "shop/db", "shop/web", "shop/ops", "shop/app", "shop/web" };
	static const char *const where[7] = { "10.9.0.10", "10.9.0.11", "10.9.0.12", "fd09::10", "10.9.0.14", "fd09::11", "10.8.0.10" };
	struct policy_input in = { .mark = 0x00f00000, .workloads = workloads, .workload_count = 2, .rules = rules, .rule_count = ARRAY_SIZE(rules),
				   .endpoints = endpoints, .endpoint_count = 7, .names = names, .name_count = 2, .places = places, .place_count = 4 };

	for (unsigned i = 0; i < 7; i++) {
		endpoints[i] = (struct policy_endpoint){ .workload = who[i], .ns = i == 6 ? 2 : 1 };
		addr(endpoints[i].addr, where[i]);
	}
	names[0] = (struct policy_name){ .name = "a.example.org", .workload = 1 };
	addr(names[0].addr, "198.51.100.7");
	names[1] = (struct policy_name){ .name = "example.org", .workload = 1 }; /* not below itself */
	addr(names[1].addr, "198.51.100.8");
	places[0] = (struct policy_place){ .ns = 1, .kind = PLAN_NET };
	assert_true(policy_prefix("10.9.0.0/24", places[0].addr, &places[0].bits));
	places[1] = (struct policy_place){ .ns = 1, .kind = PLAN_NET };
	assert_true(policy_prefix("fd09::/64", places[1].addr, &places[1].bits));
	places[2] = (struct policy_place){ .kind = PLAN_ALWAYS };
	assert_true(policy_prefix("10.9.0.1", places[2].addr, &places[2].bits));
	places[3] = (struct policy_place){ .kind = PLAN_RESOLVER };
	assert_true(policy_prefix("203.0.113.53", places[3].addr, &places[3].bits));
	return in;
}

static struct plan plan_of(const struct policy_input *in, uint16_t ns)
{
	struct plan p = { 0 };
	char err[200] = "";

	assert_int_equal(policy_make(in, ns, &p), 0);
	assert_int_equal(plan_check(&p, err, sizeof(err)), 0);
	return p;
}

static struct plan shop_plan(uint16_t ns)
{
	struct policy_input in = shop();

	return plan_of(&in, ns);
}

static void test_judge(void **state)
{
	static const struct {
		const char *src, *dst;
		uint8_t l4;
		uint16_t dport;
		enum plan_verdict verdict;
	} cases[] = {
		{ "10.9.0.11", "10.9.0.10", IPPROTO_TCP, 80, PLAN_ALLOW },
		{ "fd09::11", "fd09::10", IPPROTO_TCP, 80, PLAN_ALLOW },
		{ "10.9.0.11", "10.9.0.10", IPPROTO_TCP, 81, PLAN_REFUSE },
		{ "10.9.0.11", "10.9.0.10", IPPROTO_UDP, 80, PLAN_REFUSE },
		{ "10.9.0.14", "10.9.0.10", IPPROTO_TCP, 80, PLAN_REFUSE },
		{ "10.9.0.77", "10.9.0.10", IPPROTO_TCP, 80, PLAN_DROP },      /* nobody has said whose it is */
		{ "10.9.0.10", "10.9.0.12", IPPROTO_TCP, 3306, PLAN_ALLOW },   /* both ends say yes */
		{ "10.9.0.11", "10.9.0.12", IPPROTO_TCP, 3306, PLAN_REFUSE },
		{ "198.51.100.1", "10.9.0.10", IPPROTO_TCP, 443, PLAN_ALLOW }, /* anybody outside */
		{ "10.9.0.14", "10.9.0.10", IPPROTO_TCP, 443, PLAN_REFUSE },   /* is not a neighbour */
		{ "10.9.0.10", "198.51.100.7", IPPROTO_TCP, 443, PLAN_ALLOW }, /* by its name */
		{ "10.9.0.10", "198.51.100.8", IPPROTO_TCP, 443, PLAN_DROP },  /* may get a name yet */
		{ "10.9.0.10", "198.51.100.7", IPPROTO_TCP, 80, PLAN_REFUSE },
		{ "10.9.0.10", "192.0.2.200", IPPROTO_UDP, 123, PLAN_ALLOW },
		{ "10.9.0.10", "192.0.3.1", IPPROTO_UDP, 123, PLAN_REFUSE },
		{ "10.9.0.10", "203.0.113.53", IPPROTO_UDP, 53, PLAN_PASS },   /* the resolver */
		{ "10.9.0.10", "203.0.113.53", IPPROTO_UDP, 54, PLAN_REFUSE },
		{ "10.9.0.10", "10.9.0.1", IPPROTO_TCP, 22, PLAN_PASS },       /* the node */
		{ "10.9.0.1", "10.9.0.12", IPPROTO_TCP, 3306, PLAN_PASS },
		{ "10.9.0.10", "10.9.0.14", IPPROTO_SCTP, 9, PLAN_ALLOW },     /* any port */
		{ "10.9.0.14", "10.9.0.11", IPPROTO_TCP, 80, PLAN_PASS },      /* nobody's business */
	};
	struct plan p = shop_plan(1);

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint8_t a[16], b[16];

		addr(a, cases[i].src);
		addr(b, cases[i].dst);
		if (plan_judge(&p, a, b, cases[i].l4, cases[i].dport) != cases[i].verdict)
			fail_msg("%s -> %s %u/%u: %d", cases[i].src, cases[i].dst, cases[i].l4, cases[i].dport,
				 plan_judge(&p, a, b, cases[i].l4, cases[i].dport));
	}
	plan_free(&p);
}

static void test_namespaces_are_apart(void **state)
{
	struct policy_input in = shop();
	struct plan p = shop_plan(2);
	uint8_t a[16], b[16];

	addr(a, "10.8.0.99");
	addr(b, "10.8.0.10");
	assert_int_equal(plan_judge(&p, a, b, IPPROTO_TCP, 80), PLAN_REFUSE);
	plan_free(&p);
	assert_int_equal(policy_make(&in, 3, &p), 0);
	assert_int_equal(p.count, 0); /* nothing of it is there: nothing is hooked */
	plan_free(&p);
}

/* ---- texts ----------------------------------------------------------------------------------------------------------- */
static void golden(const char *name, char *text)
{
	_cleanup_free_ char *have = calloc(1, 1 << 20);
	char path[256];
	FILE *f;

	assert_non_null(text);
	snprintf(path, sizeof(path), "tests/golden/nft_plan/%s.nft", name);
	if (getenv("GOLDEN_WRITE")) {
		f = fopen(path, "w");
		assert_non_null(f);
		fputs(text, f);
		fclose(f);
	}
	f = fopen(path, "r");
	assert_non_null(f);
	assert_non_null(have);
	have[fread(have, 1, (1 << 20) - 1, f)] = '\0';
	fclose(f);
	assert_string_equal(have, text);
	free(text);
}

static void test_texts(void **state)
{
	struct plan_hold holds[3] = { { .quarantine = 1, .left_s = UINT32_MAX, .analyst_bits = 128 }, { .has_peer = 1, .l4 = IPPROTO_TCP, .port = 99, .left_s = 33 },
				      { .port = 77, .left_s = 100 } };
	struct plan p;

	addr(holds[0].addr, "10.9.0.20");
	addr(holds[0].peer, "192.0.2.9");
	addr(holds[1].addr, "10.9.0.21");
	addr(holds[1].peer, "10.9.0.11");
	addr(holds[2].addr, "fd09::12");
	p = shop_plan(1);
	golden("inet", nft_plan_text(&p, holds, 3, NFT_FAMILY_INET, true, true));
	golden("bridge", nft_plan_text(&p, holds, 3, NFT_FAMILY_BRIDGE, true, true));
	golden("bridge-ipv6", nft_plan_text(&p, NULL, 0, NFT_FAMILY_BRIDGE, false, true));
	golden("held", nft_plan_text(NULL, holds, 3, NFT_FAMILY_INET, true, true));
	plan_free(&p);
	workloads[1].cut = true;
	p = shop_plan(1);
	golden("cut", nft_plan_text(&p, NULL, 0, NFT_FAMILY_INET, true, true));
	workloads[1].cut = false;
	plan_free(&p);
}

/* ---- protocols ----------------------------------------------------------------------------------------------------- */
static const struct policy_protocol protocols[] = {
	{ "shop/web", "TLS", 443, IPPROTO_TCP }, { "shop/web", "HTTP2", 443, IPPROTO_TCP }, { "shop/web", "DNS", 443, IPPROTO_UDP },
	{ "shop/web", "HTTP", 80, IPPROTO_TCP }, { "shop/db", "MySQL", 3306, IPPROTO_TCP },
};

static unsigned protocol_records(const struct plan *p, const char *at, uint16_t port, const char *app)
{
	unsigned n = 0;
	uint8_t a[16];

	addr(a, at);
	for (uint32_t i = 0; i < p->count; i++)
		n += p->recs[i].kind == PLAN_PROTOCOL && !memcmp(p->recs[i].addr, a, 16) && p->recs[i].port_lo == port && p->recs[i].app == queue_app_hash(app);
	return n;
}

static void test_protocols(void **state)
{
	struct policy_rule checked[ARRAY_SIZE(rules)];
	struct policy_input in = shop();
	struct plan p, q;

	/* Nothing is known of what it speaks: nothing is checked. */
	p = plan_of(&in, 1);
	assert_false(plan_has_checks(&p));
	plan_free(&p);
	in.protocols = protocols;
	in.protocol_count = ARRAY_SIZE(protocols);
	p = plan_of(&in, 1);
	assert_true(plan_has_checks(&p));
	assert_int_equal(protocol_records(&p, "10.9.0.10", 443, "TLS"), 1);
	assert_int_equal(protocol_records(&p, "10.9.0.10", 443, "HTTP2"), 1);
	assert_int_equal(protocol_records(&p, "fd09::10", 443, "TLS"), 1);
	assert_int_equal(protocol_records(&p, "10.9.0.10", 443, "DNS"), 0);  /* another l4 */
	assert_int_equal(protocol_records(&p, "10.9.0.10", 80, "HTTP"), 0);  /* its rule does not ask for it */
	assert_int_equal(protocol_records(&p, "10.8.0.10", 443, "TLS"), 0);  /* another namespace */
	/* Another protocol is an update, no ruleset. */
	in.protocol_count = 1;
	q = plan_of(&in, 1);
	assert_true(plan_is_update(&p, &q));
	plan_free(&q);
	plan_free(&p);
	/* Both directions, a workload that fails closed, with and without nftables' own queue; 3 bits of mark have none for "closed". */
	in.protocol_count = ARRAY_SIZE(protocols);
	memcpy(checked, rules, sizeof(checked));
	checked[0].check = checked[3].check = true;
	checked[7].check = true; /* no single port: cannot be checked */
	in.rules = checked;
	p = plan_of(&in, 1);
	golden("check", nft_plan_text(&p, NULL, 0, NFT_FAMILY_INET, true, true));
	p.native_queue = true;
	p.queue = 4711;
	golden("check-native", nft_plan_text(&p, NULL, 0, NFT_FAMILY_INET, true, true));
	p.mark = 7;
	golden("check-3-bits", nft_plan_text(&p, NULL, 0, NFT_FAMILY_INET, true, true));
	golden("check-bridge", nft_plan_text(&p, NULL, 0, NFT_FAMILY_BRIDGE, true, true));
	plan_free(&p);
}

/* ---- refusing ---------------------------------------------------------------------------------------------------------- */
static void test_lock_outs_are_refused(void **state)
{
	static const char *const endpoint[] = { "0.0.0.0", "127.0.0.1", "::", "::1", "224.0.0.1", "255.255.255.255", "ff02::1", "10.9.0.1", "::ffff:127.0.0.1",
						"::ffff:10.9.0.1", "0.0.0.1" };
	char err[200];

	for (size_t i = 0; i < ARRAY_SIZE(endpoint); i++) {
		struct plan p = shop_plan(1);
		struct plan_rec r = { .kind = PLAN_ENDPOINT, .workload = 1 };

		addr(r.addr, endpoint[i]);
		assert_int_equal(plan_add(&p, &r), 0);
		plan_sort(&p);
		err[0] = '\0';
		if (plan_check(&p, err, sizeof(err)) != -EINVAL || !err[0])
			fail_msg("%s was taken for a container's address", endpoint[i]);
		plan_free(&p);
	}
}

static void test_bad_plans_are_refused(void **state)
{
	static const struct plan_rec bad[] = {
		{ .kind = PLAN_KIND_MAX },
		{ .kind = PLAN_EDGE, .workload = 99, .edge = 100 },
		{ .kind = PLAN_PEER, .edge = 500, .bits = 128 },
		{ .kind = PLAN_PEER, .edge = 1, .bits = 129, .port_hi = 65535 },
		{ .kind = PLAN_PEER, .edge = 1, .bits = 128, .port_lo = 2, .port_hi = 1 },
		{ .kind = PLAN_PEER, .edge = 1, .bits = 128, .port_lo = 1, .port_hi = 2 },
		{ .kind = PLAN_NET, .bits = 200 },
		{ .kind = PLAN_WORKLOAD, .workload = 1, .flags = PLAN_CUT },
		{ .kind = PLAN_WORKLOAD, .workload = PLAN_WORKLOADS_MAX },
		{ .kind = PLAN_EDGE, .edge = PLAN_EDGES_MAX },
		{ .kind = PLAN_EDGE, .edge = 1, .workload = 1, .dir = 7 },
	};
	char err[200];

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct plan p = shop_plan(1);

		assert_int_equal(plan_add(&p, &bad[i]), 0);
		plan_sort(&p);
		if (plan_check(&p, err, sizeof(err)) != -EINVAL)
			fail_msg("record %zu was taken", i);
		plan_free(&p);
	}
	for (uint32_t mark = 0; mark < 7; mark++) {
		struct plan p = shop_plan(1);

		p.mark = mark;
		assert_int_equal(plan_check(&p, err, sizeof(err)), -EINVAL);
		plan_free(&p);
	}
}

/* ---- changes ------------------------------------------------------------------------------------------------------------- */
static void test_replicas_are_updates(void **state)
{
	struct plan a = shop_plan(1), b = shop_plan(1);
	struct plan_rec r = { .kind = PLAN_ENDPOINT, .workload = 1 };

	addr(r.addr, "10.9.0.30");
	assert_int_equal(plan_add(&b, &r), 0);
	r = (struct plan_rec){ .kind = PLAN_PEER, .edge = 1, .l4 = IPPROTO_TCP, .port_lo = 80, .port_hi = 80, .bits = 128 };
	addr(r.addr, "10.9.0.31");
	assert_int_equal(plan_add(&b, &r), 0);
	plan_sort(&b);
	assert_true(plan_is_update(&a, &b));
	assert_true(plan_is_update(&b, &a));
	r = (struct plan_rec){ .kind = PLAN_EDGE, .edge = 40, .workload = 1 };
	assert_int_equal(plan_add(&b, &r), 0);
	plan_sort(&b);
	assert_false(plan_is_update(&a, &b));
	plan_free(&a);
	plan_free(&b);
}

/* ---- properties ------------------------------------------------------------------------------------------------------------ */
static uint32_t seed = 20261122;

static uint32_t rnd(uint32_t n)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % n;
}

/* Random rules between eight workloads of one address each; the plan must say what the rules say, and its elements must not
 * hold one key twice. */
static void random_round(void)
{
	static const char *const who[8] = { "w0", "w1", "w2", "w3", "w4", "w5", "w6", "w7" };
	static const char *const ports[4] = { "tcp/1", "tcp/2", "udp/1", "*" };
	struct policy_workload ws[4];
	struct policy_rule rs[24];
	struct policy_endpoint es[8];
	struct policy_place net = { .ns = 1, .kind = PLAN_NET };
	struct policy_input in = { .mark = 0x70, .workloads = ws, .workload_count = 1 + rnd(4), .rules = rs, .rule_count = rnd(24), .endpoints = es,
				   .endpoint_count = 8, .places = &net, .place_count = 1 };
	struct plan_elems elems;
	struct plan p;
	char err[200];

	assert_true(policy_prefix("10.0.0.0/24", net.addr, &net.bits));
	for (unsigned i = 0; i < in.workload_count; i++)
		ws[i] = (struct policy_workload){ .name = who[i], .closed = rnd(2) };
	for (unsigned i = 0; i < in.rule_count; i++)
		rs[i] = (struct policy_rule){ .workload = (uint16_t)rnd((uint32_t)in.workload_count), .dir = (uint8_t)rnd(2), .peer = who[rnd(8)], .port = ports[rnd(4)] };
	for (unsigned i = 0; i < 8; i++) {
		char text[16];

		es[i] = (struct policy_endpoint){ .workload = who[i], .ns = 1 };
		snprintf(text, sizeof(text), "10.0.0.%u", 10 + i);
		addr(es[i].addr, text);
	}
	assert_int_equal(policy_make(&in, 1, &p), 0);
	assert_int_equal(plan_check(&p, err, sizeof(err)), 0);
	for (unsigned s = 0; s < 8; s++)
		for (unsigned d = 0; d < 8; d++)
			for (unsigned k = 0; k < 3; k++) {
				uint8_t l4 = k == 2 ? IPPROTO_UDP : IPPROTO_TCP;
				uint16_t port = k == 1 ? 2 : 1;
				bool out = s >= in.workload_count, ok_in = d >= in.workload_count;
				enum plan_verdict v = plan_judge(&p, es[s].addr, es[d].addr, l4, port);

				if (s == d)
					continue;
				for (unsigned i = 0; i < in.rule_count; i++) {
					bool fits = !strcmp(rs[i].port, ports[k]) || !strcmp(rs[i].port, "*");

					if (fits && rs[i].dir == PLAN_OUT && rs[i].workload == s && !strcmp(rs[i].peer, who[d]))
						out = true;
					if (fits && rs[i].dir == PLAN_IN && rs[i].workload == d && !strcmp(rs[i].peer, who[s]))
						ok_in = true;
				}
				if (s >= in.workload_count && d >= in.workload_count)
					assert_int_equal(v, PLAN_PASS);
				else
					assert_int_equal(v, out && ok_in ? PLAN_ALLOW : PLAN_REFUSE);
			}
	assert_int_equal(plan_elems_make(&p, NULL, 0, rnd(2), &elems), 0);
	for (uint32_t i = 1; i < elems.count; i++)
		assert_true(plan_elem_cmp(&elems.v[i - 1], &elems.v[i]) < 0);
	plan_elems_free(&elems);
	plan_free(&p);
}

static void test_plans_say_what_rules_say(void **state)
{
	for (unsigned i = 0; i < 300; i++)
		random_round();
}

static void test_ports(void **state)
{
	static const char *const bad[] = { "", "/80", "tcp/", "tcp/65536", "tcp/x", "tcp/80x", "quic/1", "0/1", "256/1", "-1/2" };
	uint8_t l4;
	uint16_t lo, hi;

	assert_true(policy_port("tcp/80", &l4, &lo, &hi) && l4 == IPPROTO_TCP && lo == 80 && hi == 80);
	assert_true(policy_port("icmp/2048", &l4, &lo, &hi) && l4 == IPPROTO_ICMP && lo == 0 && hi == 65535);
	assert_true(policy_port("*", &l4, &lo, &hi) && l4 == 0 && lo == 0 && hi == 65535);
	assert_true(policy_port("50/0", &l4, &lo, &hi) && l4 == IPPROTO_ESP);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (policy_port(bad[i], &l4, &lo, &hi))
			fail_msg("\"%s\" was taken for a port", bad[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_judge),
		cmocka_unit_test(test_namespaces_are_apart),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_protocols),
		cmocka_unit_test(test_lock_outs_are_refused),
		cmocka_unit_test(test_bad_plans_are_refused),
		cmocka_unit_test(test_replicas_are_updates),
		cmocka_unit_test(test_plans_say_what_rules_say),
		cmocka_unit_test(test_ports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
