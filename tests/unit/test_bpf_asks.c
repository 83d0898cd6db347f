/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How core learns of flows: the ring of new keys, and the program that answers questions about many flows at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/bpf_fixture.h"

#include <sys/mman.h>

#define FLOWS 40

static struct fixture *fx;

static int setup(void **state)
{
	fx = fixture_new();
	if (!fx)
		return 0;
	return fixture_net(fx) || fixture_loader_with(fx, 0, 0, false) || fixture_attach(fx);
}

static int teardown(void **state)
{
	fixture_free(fx);
	return 0;
}

static void *map_of(const char *name, size_t size)
{
	void *m = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_loader_map_fd(fx->loader, name), 0);

	assert_true(m != MAP_FAILED);
	return m;
}

static bool is_in_news(const struct pg_flow_news *news, uint64_t from, uint64_t to, const struct flow_key *k)
{
	unsigned found = 0;

	for (; from < to; from++) {
		const struct pg_flow_news *n = &news[from % PG_NEWS_SLOTS];

		assert_int_equal(n->seq, (uint32_t)(from + 1));
		assert_true(n->ts_ns <= clock_mono_ns());
		found += memcmp(&n->key, k, sizeof(*k)) == 0;
	}
	assert_true(found <= 1);
	return found == 1;
}

static void ask(unsigned count)
{
	struct pg_ask_args args = { .count = count };
	LIBBPF_OPTS(bpf_test_run_opts, o, .ctx_in = &args, .ctx_size_in = sizeof(args));

	assert_true(bpf_loader_ask_fd(fx->loader) >= 0);
	assert_int_equal(bpf_prog_test_run_opts(bpf_loader_ask_fd(fx->loader), &o), 0);
}

static void test_news_and_asks(void **state)
{
	struct pg_flow_gauge *g;
	struct pg_flow_news *news;
	struct pg_flow_ask *asks;
	struct flow_key keys[FLOWS];
	struct end from = { "10.77.0.2", 0 }, to = { "10.77.0.3", 4000 };
	uint64_t before;
	struct pg_flow v;
	int dir = 0, s, reply;

	if (!fx)
		skip();
	g = map_of("flow_gauge", sizeof(*g));
	news = map_of("flow_news", PG_NEWS_SLOTS * sizeof(*news));
	asks = map_of("flow_asks", PG_ASKS_MAX * sizeof(*asks));
	before = g->news;
	for (unsigned i = 0; i < FLOWS; i++) {
		from.port = (uint16_t)(20000 + i);
		s = bound_socket(fx, fx->container[0], SOCK_DGRAM, from);
		assert_int_equal(send_to(s, to, "x", 1), 0);
		assert_int_equal(send_to(s, to, "x", 1), 0); /* known by now: no news */
		keys[i] = key_of(fx->ns, IPPROTO_UDP, from, to, &dir);
		assert_true(flow_get(fx, &keys[i], &v));
		close(s);
	}
	assert_true(g->news - before >= FLOWS);
	assert_true(g->news - before < 2 * FLOWS);
	for (unsigned i = 0; i < FLOWS; i++)
		assert_true(is_in_news(news, before, g->news, &keys[i]));

	/* one that is there, one to be taken out, one that spoke too late for that, one that was never there */
	memset(asks, 0, 4 * sizeof(*asks));
	for (unsigned i = 0; i < 4; i++)
		asks[i].key = keys[i];
	asks[1].reap_before_ns = clock_mono_ns() + NSEC_PER_SEC;
	asks[2].reap_before_ns = 1;
	asks[3].key.port[0] = 0;
	ask(4);
	assert_int_equal(asks[0].result, PG_ASK_FOUND);
	assert_int_equal(asks[0].v.packets[dir], 2);
	assert_int_equal(asks[1].result, PG_ASK_REAPED);
	assert_int_equal(asks[1].v.packets[dir], 2);
	assert_int_equal(asks[2].result, PG_ASK_FOUND);
	assert_int_equal(asks[3].result, PG_ASK_GONE);
	assert_false(flow_get(fx, &keys[1], &v));
	assert_true(flow_get(fx, &keys[2], &v));

	/* taken out only if nobody answered */
	reply = bound_socket(fx, fx->container[1], SOCK_DGRAM, to);
	assert_int_equal(send_to(reply, (struct end){ "10.77.0.2", 20002 }, "y", 1), 0);
	memset(asks, 0, 2 * sizeof(*asks));
	for (unsigned i = 0; i < 2; i++) {
		asks[i].key = keys[i ? 2 : 0];
		asks[i].result = PG_ASK_ONE_WAY;
		asks[i].reap_before_ns = clock_mono_ns() + NSEC_PER_SEC;
	}
	ask(2);
	assert_int_equal(asks[0].result, PG_ASK_REAPED);
	assert_int_equal(asks[1].result, PG_ASK_FOUND);
	assert_int_equal(asks[1].v.packets[!dir], 1);
	close(reply);
	ask(UINT32_MAX); /* no more than there is room for */
	munmap(asks, PG_ASKS_MAX * sizeof(*asks));
	munmap(news, PG_NEWS_SLOTS * sizeof(*news));
	munmap(g, sizeof(*g));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_news_and_asks),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
