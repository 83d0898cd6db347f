/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Flow table: finding, removing (also during iteration), limits, memory, chosen keys, and random operations held against
 * a naive model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "flows/flow_table.h"

static struct flow_key key_of(uint32_t n)
{
	struct flow_key k = { .ns = 1, .proto = 6 };

	k.addr[0][10] = k.addr[0][11] = k.addr[1][10] = k.addr[1][11] = 0xff;
	memcpy(&k.addr[0][12], &n, 4);
	k.addr[1][12] = 10;
	k.port[0] = (uint16_t)(n * 7);
	k.port[1] = 80;
	return k;
}

static void test_find_get_remove(void **state)
{
	struct flow_table *t = flow_table_new(1000);
	struct flow_key k = key_of(1), k2 = key_of(2);
	struct flow *f, *g;
	bool made = false;

	assert_null(flow_table_find(t, &k));
	f = flow_table_get(t, &k, &made);
	assert_non_null(f);
	assert_true(made);
	assert_memory_equal(&f->key, &k, sizeof(k));
	assert_int_equal(f->packets[0], 0);
	f->packets[0] = 7;
	g = flow_table_get(t, &k, &made);
	assert_false(made);
	assert_ptr_equal(f, g);
	assert_ptr_equal(flow_table_find(t, &k), f);
	assert_null(flow_table_find(t, &k2));
	k2 = k;
	k2.claimant_if = 9; /* every byte of the key counts */
	assert_null(flow_table_find(t, &k2));
	flow_table_remove(t, f);
	flow_table_remove(t, NULL);
	assert_null(flow_table_find(t, &k));
	assert_int_equal(flow_table_count(t), 0);
	f = flow_table_get(t, &k, &made);
	assert_true(made);
	assert_int_equal(f->packets[0], 0); /* a used record comes back zeroed */
	flow_table_free(t);
	flow_table_free(NULL);
	assert_null(flow_table_new(0));
}

static void test_full_is_refused_and_counted(void **state)
{
	struct flow_table *t = flow_table_new(700);
	struct flow_key k;
	bool made;
	uint32_t i;

	for (i = 0; i < 1000; i++) {
		k = key_of(i);
		assert_int_equal(flow_table_get(t, &k, &made) != NULL, i < 700);
	}
	assert_int_equal(flow_table_count(t), 700);
	assert_int_equal(flow_table_refused(t), 300);
	k = key_of(3);
	assert_non_null(flow_table_get(t, &k, &made)); /* those that are in are still served */
	flow_table_remove(t, flow_table_find(t, &k));
	k = key_of(5000);
	assert_non_null(flow_table_get(t, &k, &made));
	flow_table_free(t);
}

static void test_pointers_are_stable(void **state)
{
	enum { N = 20000 };
	struct flow_table *t = flow_table_new(N);
	struct flow **p = calloc(N, sizeof(*p));
	struct flow_key k;
	bool made;
	uint32_t i;

	for (i = 0; i < N; i++) {
		k = key_of(i);
		p[i] = flow_table_get(t, &k, &made);
	}
	for (i = 0; i < N; i++) {
		k = key_of(i);
		assert_ptr_equal(flow_table_find(t, &k), p[i]);
	}
	free(p);
	flow_table_free(t);
}

struct visit {
	struct flow_table *t;
	uint64_t seen, removed;
	unsigned mod;
	uint64_t stop_after;
};

static bool visit_remove(struct flow *f, void *arg)
{
	struct visit *v = arg;
	uint32_t n;

	memcpy(&n, &f->key.addr[0][12], 4);
	v->seen++;
	assert_int_equal(f->packets[0], 0); /* nobody twice */
	f->packets[0] = 1;
	if (v->mod && n % v->mod == 0) {
		flow_table_remove(v->t, f);
		v->removed++;
	}
	return v->seen != v->stop_after;
}

static void test_remove_during_each(void **state)
{
	static const struct { uint32_t n; unsigned mod; } rows[] = {
		{ 1, 1 }, { 511, 1 }, { 512, 1 }, { 513, 1 }, { 5000, 1 }, { 5000, 2 }, { 5000, 512 }, { 5000, 0 },
	};
	struct flow_key k;
	unsigned r;
	uint32_t i, left;
	bool made;

	for (r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
		struct visit v = { .t = flow_table_new(10000), .mod = rows[r].mod };

		for (i = 0; i < rows[r].n; i++) {
			k = key_of(i);
			flow_table_get(v.t, &k, &made);
		}
		flow_table_each(v.t, visit_remove, &v);
		assert_int_equal(v.seen, rows[r].n);
		assert_int_equal(flow_table_count(v.t), rows[r].n - v.removed);
		for (i = 0, left = 0; i < rows[r].n; i++) {
			k = key_of(i);
			left += flow_table_find(v.t, &k) != NULL;
		}
		assert_int_equal(left, rows[r].n - v.removed);
		flow_table_free(v.t);
	}
}

static void test_each_stops(void **state)
{
	struct visit v = { .t = flow_table_new(100), .stop_after = 3 };
	struct flow_key k;
	bool made;
	uint32_t i;

	for (i = 0; i < 50; i++) {
		k = key_of(i);
		flow_table_get(v.t, &k, &made);
	}
	flow_table_each(v.t, visit_remove, &v);
	assert_int_equal(v.seen, 3);
	flow_table_free(v.t);
}

static bool remove_all(struct flow *f, void *arg)
{
	flow_table_remove(arg, f);
	return true;
}

static void test_memory_per_flow(void **state)
{
	enum { N = 100000 };
	struct flow_table *t = flow_table_new(1 << 20);
	uint64_t t0 = clock_mono_ns(), t1, t2, hits = 0;
	size_t full;
	struct flow_key k;
	bool made;
	uint32_t i;

	for (i = 0; i < N; i++) {
		k = key_of(i);
		assert_non_null(flow_table_get(t, &k, &made));
	}
	t1 = clock_mono_ns();
	for (i = 0; i < N; i++) {
		k = key_of(i * 2654435761u % N);
		hits += flow_table_find(t, &k) != NULL;
	}
	t2 = clock_mono_ns();
	assert_int_equal(hits, N);
	full = flow_table_memory(t);
	print_message("# %zu bytes a flow, insert %llu ns, find %llu ns\n", full / N, (unsigned long long)(t1 - t0) / N,
		      (unsigned long long)(t2 - t1) / N);
	assert_true(full <= 200ul * N);
	flow_table_each(t, remove_all, t);
	assert_int_equal(flow_table_count(t), 0);
	assert_true(flow_table_memory(t) < full / 4); /* slabs are given back */
	flow_table_free(t);
}

/* Keys that differ in few bits, as a scanner or a flooder makes them, must not cluster. */
static void test_structured_keys_do_not_cluster(void **state)
{
	enum { N = 50000 };
	struct flow_table *t = flow_table_new(N);
	struct flow_key k = key_of(0);
	uint64_t t0;
	bool made;
	uint32_t i;

	t0 = clock_mono_ns();
	for (i = 0; i < N; i++) {
		k.port[0] = (uint16_t)i;
		k.addr[1][15] = (uint8_t)(i >> 16);
		k.addr[0][12] = (uint8_t)((i & 7) << 5);
		assert_non_null(flow_table_get(t, &k, &made));
	}
	/* one probe per flow takes tens of ns; a single cluster would take 50,000^2 / 2 probes (more than a second) */
	assert_true(clock_mono_ns() - t0 < NSEC_PER_SEC);
	flow_table_free(t);
}

static uint64_t rnd(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

static bool mark_seen(struct flow *f, void *arg)
{
	uint32_t n;

	memcpy(&n, &f->key.addr[0][12], 4);
	((uint8_t *)arg)[n]++;
	return true;
}

static void test_random_against_model(void **state)
{
	enum { KEYS = 3000, OPS = 200000, MAX = 2000 };
	struct flow_table *t = flow_table_new(MAX);
	struct flow **model = calloc(KEYS, sizeof(*model));
	uint8_t *seen = calloc(KEYS, 1);
	uint64_t seed = clock_mono_ns() | 1, s = seed, refused = 0;
	size_t count = 0;
	struct flow_key k;
	struct flow *f;
	bool made;
	uint32_t i, n, op;

	print_message("# seed %llu\n", (unsigned long long)seed);
	for (i = 0; i < OPS; i++) {
		n = (uint32_t)(rnd(&s) % KEYS);
		op = (uint32_t)(rnd(&s) % 100);
		k = key_of(n);
		/* phases: mostly adding, then mostly removing, so that slabs come and go */
		if (op < (i / 20000 % 2 ? 30u : 60u)) {
			f = flow_table_get(t, &k, &made);
			if (model[n]) {
				assert_ptr_equal(f, model[n]);
				assert_false(made);
			} else if (count >= MAX) {
				assert_null(f);
				refused++;
			} else {
				assert_non_null(f);
				assert_true(made);
				model[n] = f;
				count++;
			}
		} else if (op < 90) {
			f = flow_table_find(t, &k);
			assert_ptr_equal(f, model[n]);
			flow_table_remove(t, f);
			count -= model[n] != NULL;
			model[n] = NULL;
		} else {
			assert_ptr_equal(flow_table_find(t, &k), model[n]);
		}
		assert_int_equal(flow_table_count(t), count);
	}
	assert_int_equal(flow_table_refused(t), refused);
	flow_table_each(t, mark_seen, seen);
	for (n = 0; n < KEYS; n++)
		assert_int_equal(seen[n], model[n] != NULL);
	free(seen);
	free(model);
	flow_table_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find_get_remove),
		cmocka_unit_test(test_full_is_refused_and_counted),
		cmocka_unit_test(test_pointers_are_stable),
		cmocka_unit_test(test_remove_during_each),
		cmocka_unit_test(test_each_stops),
		cmocka_unit_test(test_memory_per_flow),
		cmocka_unit_test(test_structured_keys_do_not_cluster),
		cmocka_unit_test(test_random_against_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
