/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is kept of payloads has no secrets in it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "sensor/core/redact.h"
#include "sensor/facts.h"

static void test_info(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "GET /index.html; agent curl/7.88; 200; server nginx", "GET /index.html; agent curl/7.88; 200; server nginx" },
		{ "GET /reset?token=abc&user=x; agent curl/7.88; 200", "GET /reset?*; agent curl/7.88; 200" },
		{ "GET /a?b c; 200", "GET /a?* c; 200" },
		{ "GET /a?", "GET /a?" },
		{ "GET http://bob:hunter2@example.org/x; 200", "GET http://*@example.org/x; 200" },
		{ "GET http://bob:p@ss@example.org/x", "GET http://*@example.org/x" },
		{ "GET http://example.org/@me", "GET http://example.org/@me" },
		{ "GET /login;jsessionid=1A2B; 200", "GET /login;jsessionid=*; 200" },
		{ "AUTH password=hunter2, db_password=x Key=y monkey=z", "AUTH password=*, db_password=* Key=* monkey=z" },
		{ "Authorization: Basic dXNlcjpwYXNz; next", "Authorization: Basic *; next" },
		{ "bearer abc.def", "bearer *" },
		{ "Basics are fine", "Basics are fine" },
		{ "end 0 sent 70 77 3d; end 1 sent 6f 6b", "" },
		{ "segments overlap; end 1 sent 6f 6b", "segments overlap" },
		{ "8.0.36; user root", "8.0.36; user root" },
		{ "token=", "token=" },
		{ "", "" },
	};
	char buf[160];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		snprintf(buf, sizeof(buf), "%s", cases[i].in);
		redact_info(buf, REDACT_KEEP_REDACTED);
		assert_string_equal(buf, cases[i].out);
		snprintf(buf, sizeof(buf), "%s", cases[i].in);
		redact_info(buf, REDACT_KEEP_ALL);
		assert_string_equal(buf, cases[i].in);
		redact_info(buf, REDACT_KEEP_NONE);
		assert_string_equal(buf, "");
	}
}

static void test_facts(void **state)
{
	struct facts f;
	char v[64];

	facts_init(&f);
	facts_add_str(&f, FACT_HTTP_METHOD, "GET");
	facts_add_str(&f, FACT_FIRST_BYTES_CLIENT, "70 77 3d");
	facts_add_str(&f, FACT_BANNER, "ready, password=hunter2");
	facts_add_str(&f, FACT_FIRST_BYTES_SERVER, "6f 6b");
	facts_add_str(&f, FACT_SERVER_VERSION, "8.0");
	redact_facts(f.text, REDACT_KEEP_REDACTED);
	assert_true(facts_valid(f.text, strlen(f.text)));
	assert_true(facts_get(f.text, FACT_HTTP_METHOD, v, sizeof(v)));
	assert_string_equal(v, "GET");
	assert_true(facts_get(f.text, FACT_BANNER, v, sizeof(v)));
	assert_string_equal(v, "ready, password=*");
	assert_true(facts_get(f.text, FACT_SERVER_VERSION, v, sizeof(v)));
	assert_false(facts_get(f.text, FACT_FIRST_BYTES_CLIENT, v, sizeof(v)));
	assert_false(facts_get(f.text, FACT_FIRST_BYTES_SERVER, v, sizeof(v)));
	redact_facts(f.text, REDACT_KEEP_NONE);
	assert_string_equal(f.text, "");
}

/* Any bytes: the text never grows, and stays a text. */
static void test_any_text(void **state)
{
	static const char *const parts[] = { "?", "=", "://", "@", "key", "Basic ", ";", " ", "token=", "end 0 sent ", "x", "\n" };
	char buf[200], was[200];
	uint32_t x = 12345;

	for (unsigned n = 0; n < 20000; n++) {
		buf[0] = '\0';
		for (unsigned i = 0; i < 12; i++) {
			x = x * 1664525u + 1013904223u;
			snprintf(buf + strlen(buf), sizeof(buf) - strlen(buf), "%s", parts[(x >> 16) % ARRAY_SIZE(parts)]);
		}
		memcpy(was, buf, sizeof(was));
		redact_info(buf, REDACT_KEEP_REDACTED);
		assert_true(strlen(buf) <= strlen(was));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_info), cmocka_unit_test(test_facts), cmocka_unit_test(test_any_text) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
