/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "base/strpool.h"

static void test_strpool_same_text_same_pointer(void **state)
{
	struct strpool *p = strpool_new();
	const char *a = strpool_get(p, "web"), *b = strpool_get(p, "web"), *c = strpool_get(p, "db");

	assert_ptr_equal(a, b);
	assert_ptr_not_equal(a, c);
	assert_int_equal(strpool_count(p), 2);
	strpool_put(p, a);
	assert_int_equal(strpool_count(p), 2);
	assert_string_equal(b, "web");
	strpool_put(p, b);
	assert_int_equal(strpool_count(p), 1);
	strpool_put(p, c);
	assert_int_equal(strpool_count(p), 0);
	strpool_free(p);
}

static void test_strpool_empty_is_not_counted(void **state)
{
	struct strpool *p = strpool_new();

	assert_string_equal(strpool_get(p, ""), "");
	strpool_put(p, "");
	strpool_put(p, NULL);
	assert_int_equal(strpool_count(p), 0);
	strpool_free(p);
}

static void test_strpool_many(void **state)
{
	struct strpool *p = strpool_new();
	const char *s[5000];
	char t[32];

	for (int i = 0; i < 5000; i++) {
		snprintf(t, sizeof(t), "name-%d", i);
		s[i] = strpool_get(p, t);
	}
	for (int i = 0; i < 5000; i++) {
		snprintf(t, sizeof(t), "name-%d", i);
		assert_string_equal(s[i], t);
	}
	for (int i = 0; i < 5000; i += 2)
		strpool_put(p, s[i]);
	assert_int_equal(strpool_count(p), 2500);
	strpool_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strpool_same_text_same_pointer),
		cmocka_unit_test(test_strpool_empty_is_not_counted),
		cmocka_unit_test(test_strpool_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
