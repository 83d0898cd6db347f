/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/jsonl.h"

static void test_objects_arrays_and_commas(void **state)
{
	struct jsonl j;

	jsonl_init(&j);
	jsonl_obj(&j, NULL);
	jsonl_u64(&j, "a", 18446744073709551615ULL);
	jsonl_i64(&j, "b", -5);
	jsonl_arr(&j, "c");
	jsonl_str(&j, NULL, "x");
	jsonl_obj(&j, NULL);
	jsonl_obj_end(&j);
	jsonl_arr(&j, NULL);
	jsonl_arr_end(&j);
	jsonl_arr_end(&j);
	jsonl_bool(&j, "d", true);
	jsonl_null(&j, "e");
	jsonl_f64(&j, "f", 1.5);
	jsonl_f64(&j, "g", NAN);
	jsonl_f64(&j, "h", INFINITY);
	jsonl_time(&j, "i", 0);
	jsonl_time(&j, "j", 1000000001ULL);
	jsonl_raw(&j, "k", "[1,2]");
	jsonl_str(&j, "l", NULL);
	jsonl_obj_end(&j);
	jsonl_newline(&j);
	assert_string_equal(jsonl_text(&j, NULL), "{\"a\":18446744073709551615,\"b\":-5,\"c\":[\"x\",{},[]],\"d\":true,\"e\":null,\"f\":1.5,\"g\":null,"
						   "\"h\":null,\"i\":null,\"j\":\"1970-01-01T00:00:01.000000001Z\",\"k\":[1,2],\"l\":null}\n");
	jsonl_done(&j);
}

static void test_strings_are_escaped(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "", "\"\"" },
		{ "a\"b\\c", "\"a\\\"b\\\\c\"" },
		{ "\n\t\x01\x1f", "\"\\u000a\\u0009\\u0001\\u001f\"" },
		{ "\x7f", "\"\\u007f\"" },
		{ "</script>", "\"\\u003c/script>\"" },
		{ "\xe2\x80\xa8\xe2\x80\xa9", "\"\\u2028\\u2029\"" },
		{ "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"" },
		{ "\xff\xfe", "\"\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ "\xc0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ "\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ "a\xe2\x82", "\"a\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ "\xf4\x90\x80\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct jsonl j;

		jsonl_init(&j);
		jsonl_str(&j, NULL, cases[i].in);
		assert_string_equal(jsonl_text(&j, NULL), cases[i].out);
		jsonl_done(&j);
	}
}

/* Every byte, every pair of bytes, as a value and as a key: a strict parser takes it. */
static void test_every_pair_of_bytes_is_valid_json(void **state)
{
	struct jsonl j;
	json_error_t e;

	jsonl_init(&j);
	for (unsigned a = 0; a < 256; a++) {
		json_t *v;

		jsonl_reset(&j);
		jsonl_arr(&j, NULL);
		for (unsigned b = 0; b < 256; b++) {
			const char pair[2] = { (char)a, (char)b };

			jsonl_strn(&j, NULL, pair, 2);
		}
		jsonl_arr_end(&j);
		v = json_loads(jsonl_text(&j, NULL), JSON_ALLOW_NUL, &e);
		assert_non_null(v);
		assert_int_equal(json_array_size(v), 256);
		json_decref(v);
	}
	for (unsigned a = 1; a < 256; a++) {
		const char key[3] = { 'k', (char)a, 0 };
		json_t *v;

		jsonl_reset(&j);
		jsonl_obj(&j, NULL);
		jsonl_u64_key(&j, key, a);
		jsonl_u64_key(&j, "second", a);
		jsonl_obj_end(&j);
		v = json_loads(jsonl_text(&j, NULL), 0, &e);
		assert_non_null(v);
		json_decref(v);
	}
	jsonl_done(&j);
}

static void test_take_hands_over(void **state)
{
	struct jsonl j;
	_cleanup_free_ char *s = NULL;
	size_t len;

	jsonl_init(&j);
	for (int i = 0; i < 10000; i++)
		jsonl_u64(&j, NULL, (uint64_t)i);
	s = jsonl_take(&j, &len);
	assert_int_equal(strlen(s), len);
	assert_string_equal(jsonl_text(&j, &len), "");
	assert_int_equal(len, 0);
	jsonl_done(&j);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_objects_arrays_and_commas),
		cmocka_unit_test(test_strings_are_escaped),
		cmocka_unit_test(test_every_pair_of_bytes_is_valid_json),
		cmocka_unit_test(test_take_hands_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
