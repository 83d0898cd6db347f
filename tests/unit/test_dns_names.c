/* SPDX-License-Identifier: GPL-2.0-or-later */
/* DNS names: scopes, lifetime, what goes first when it is full, and random operations held against a naive model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "flows/dns_names.h"

#define SEC NSEC_PER_SEC

static const uint8_t *addr(uint32_t n)
{
	static uint8_t a[16];

	memset(a, 0, 16);
	a[10] = a[11] = 0xff;
	memcpy(a + 12, &n, 4);
	return a;
}

static void test_scope_and_life(void **state)
{
	struct dns_names *d = dns_names_new(10, 100);

	assert_null(dns_names_get(d, 1, addr(1), 0));
	assert_int_equal(dns_names_put(d, 1, addr(1), "a.example", 60, 1 * SEC), 0);
	assert_string_equal(dns_names_get(d, 1, addr(1), 2 * SEC), "a.example");
	assert_null(dns_names_get(d, 2, addr(1), 2 * SEC)); /* another container did not ask */
	assert_null(dns_names_get(d, 1, addr(2), 2 * SEC));
	dns_names_put(d, 2, addr(1), "b.example", 60, 1 * SEC); /* same address, another name for another container */
	assert_string_equal(dns_names_get(d, 1, addr(1), 2 * SEC), "a.example");
	assert_string_equal(dns_names_get(d, 2, addr(1), 2 * SEC), "b.example");
	dns_names_put(d, 1, addr(1), "c.example", 60, 3 * SEC); /* the latest question */
	assert_string_equal(dns_names_get(d, 1, addr(1), 4 * SEC), "c.example");
	assert_int_equal(dns_names_count(d), 2);
	/* connections outlive the TTL by the grace time */
	assert_non_null(dns_names_get(d, 1, addr(1), 63 * SEC + DNS_NAMES_GRACE_NS));
	assert_null(dns_names_get(d, 1, addr(1), 63 * SEC + DNS_NAMES_GRACE_NS + 1));
	assert_int_equal(dns_names_count(d), 1);
	dns_names_forget(d, 2);
	dns_names_forget(d, 2);
	assert_int_equal(dns_names_count(d), 0);
	/* the greatest TTL does not overflow */
	dns_names_put(d, 1, addr(1), "long.example", UINT32_MAX, 1 * SEC);
	assert_non_null(dns_names_get(d, 1, addr(1), 1000000 * SEC));
	dns_names_free(d);
	dns_names_free(NULL);
	assert_null(dns_names_new(0, 1));
}

static void test_least_recently_answered_goes_first(void **state)
{
	struct dns_names *d = dns_names_new(3, 5);
	uint32_t i;

	for (i = 1; i <= 3; i++)
		dns_names_put(d, 1, addr(i), "x", 60, SEC);
	dns_names_put(d, 1, addr(1), "x", 60, SEC); /* answered again: youngest */
	dns_names_put(d, 1, addr(4), "x", 60, SEC);
	assert_null(dns_names_get(d, 1, addr(2), SEC));
	assert_non_null(dns_names_get(d, 1, addr(1), SEC));
	assert_int_equal(dns_names_evicted(d), 1);
	/* one container cannot push out another beyond the total */
	for (i = 1; i <= 100; i++)
		dns_names_put(d, 2, addr(i), "y", 60, SEC);
	assert_int_equal(dns_names_count(d), 5);
	assert_non_null(dns_names_get(d, 2, addr(100), SEC));
	assert_non_null(dns_names_get(d, 2, addr(98), SEC));
	assert_non_null(dns_names_get(d, 1, addr(1), SEC));
	assert_null(dns_names_get(d, 1, addr(3), SEC));
	dns_names_free(d);
}

static void test_long_name_is_cut(void **state)
{
	struct dns_names *d = dns_names_new(3, 5);
	char big[1000];

	memset(big, 'a', sizeof(big));
	big[999] = '\0';
	dns_names_put(d, 1, addr(1), big, 60, SEC);
	assert_int_equal(strlen(dns_names_get(d, 1, addr(1), SEC)), 255);
	dns_names_put(d, 1, addr(1), big, 60, SEC);
	assert_int_equal(dns_names_count(d), 1);
	dns_names_free(d);
}

static uint64_t rnd(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

/* Without eviction the table is a plain map. */
static void test_random_against_model(void **state)
{
	enum { SCOPES = 20, ADDRS = 50, OPS = 50000 };
	struct dns_names *d = dns_names_new(ADDRS, SCOPES * ADDRS);
	static uint32_t model[SCOPES][ADDRS];
	uint64_t seed = clock_mono_ns() | 1, s = seed;
	uint32_t i, sc, a, count = 0;
	const char *got;
	char name[16];

	print_message("# seed %llu\n", (unsigned long long)seed);
	memset(model, 0, sizeof(model));
	for (i = 0; i < OPS; i++) {
		sc = (uint32_t)(rnd(&s) % SCOPES);
		a = (uint32_t)(rnd(&s) % ADDRS);
		switch (rnd(&s) % 50) {
		case 0:
			dns_names_forget(d, sc);
			for (a = 0; a < ADDRS; a++) {
				count -= model[sc][a] != 0;
				model[sc][a] = 0;
			}
			break;
		case 1 ... 25:
			snprintf(name, sizeof(name), "n%u", i % 7 + 1);
			assert_int_equal(dns_names_put(d, sc, addr(a), name, 60, SEC), 0);
			count += model[sc][a] == 0;
			model[sc][a] = i % 7 + 1;
			break;
		default:
			got = dns_names_get(d, sc, addr(a), SEC);
			snprintf(name, sizeof(name), "n%u", model[sc][a]);
			if (model[sc][a])
				assert_string_equal(got, name);
			else
				assert_null(got);
		}
		assert_int_equal(dns_names_count(d), count);
	}
	assert_int_equal(dns_names_evicted(d), 0);
	dns_names_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scope_and_life),
		cmocka_unit_test(test_least_recently_answered_goes_first),
		cmocka_unit_test(test_long_name_is_cut),
		cmocka_unit_test(test_random_against_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
