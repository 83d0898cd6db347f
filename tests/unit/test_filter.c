/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The filter's language (pierglass-filter(7)): what it says of an object, and where it stops understanding. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/filter.h"
#include "base/when.h"

#define NOW (1790000000ULL * NSEC_PER_SEC) /* 2026-09-21T14:13:20Z */

static void object(struct jsonl *j)
{
	jsonl_obj(j, NULL);
	jsonl_str(j, "app", "TLS.GitHub");
	jsonl_u64(j, "port", 443);
	jsonl_u64(j, "bytes_to_server", 5000000);
	jsonl_str(j, "dst", "198.51.100.7");
	jsonl_str(j, "src", "2001:db8::5");
	jsonl_str(j, "severity", "high");
	jsonl_str(j, "status", "404");
	jsonl_str(j, "text", "say \"hi\" (now)");
	jsonl_bool(j, "spoofed", false);
	jsonl_null(j, "nothing");
	jsonl_time(j, "last_seen", NOW - 300 * NSEC_PER_SEC);
	jsonl_obj(j, "client");
	jsonl_str(j, "exe", "/usr/bin/curl");
	jsonl_str(j, "workload", "shop/web");
	jsonl_obj_end(j);
	jsonl_obj(j, "server");
	jsonl_str(j, "exe", "");
	jsonl_str(j, "workload", "shop/db");
	jsonl_arr(j, "networks");
	jsonl_obj(j, NULL);
	jsonl_str(j, "name", "back");
	jsonl_obj_end(j);
	jsonl_arr_end(j);
	jsonl_obj_end(j);
	jsonl_arr(j, "exes");
	jsonl_str(j, NULL, "/bin/sh");
	jsonl_str(j, NULL, "/bin/ls");
	jsonl_arr_end(j);
	jsonl_obj_end(j);
}

static bool wants(const char *text)
{
	struct filter *f = NULL;
	char err[128] = "";
	bool r;

	if (filter_parse(text, NOW, &f, NULL, err, sizeof(err)))
		fail_msg("\"%s\": %s", text, err);
	object(filter_writer(f));
	r = filter_wants(f);
	object(filter_writer(f)); /* nothing stays from before */
	assert_int_equal(filter_wants(f), r);
	filter_free(f);
	return r;
}

static void test_what_is_wanted(void **state)
{
	static const char *const yes[] = {
		"app = TLS.GitHub", "app=TLS.GitHub", "app != HTTP", "app ~ github", "app ~ tls.*", "app !~ http", "app ~ TLS?GitHub",
		"port = 443", "port > 442.5", "port >= 443", "port <= 443", "port < 1k", "bytes_to_server > 4M", "bytes_to_server<5MiB",
		"bytes_to_server > 4.7MiB", "port ~ 44", "dst = 198.51.100.0/24", "dst = 198.51.100.7/32", "dst != 10.0.0.0/8", "src = 2001:db8::/32",
		"src = 2000::/3", "dst = 0.0.0.0/0", "severity >= high", "severity > medium", "severity < critical", "status >= 99", "status < 1000",
		"text ~ \"(now)\"", "text = \"say \\\"hi\\\" (now)\"", "spoofed = false", "spoofed = no", "not spoofed", "not nothing", "client", "client.exe",
		"not server.exe", "exe", "exe = /usr/bin/curl", "client.exe ~ curl", "workload = shop/web", "workload = shop/db", "client.workload = shop/web",
		"server.networks.name = back", "networks.name = back", "name = back", "networks", "exes = /bin/ls", "exes = /bin/sh and exes = /bin/ls",
		"last_seen > -10m", "last_seen < -1m", "last_seen >= 2026-09-21", "last_seen < 2026-09-21T14:10", "last_seen > 2026-09-21T14:08:19Z",
		"app = x or port = 443", "app = x and port = 1 or port = 443", "port = 443 or app = x and port = 1",
		"not (app = x or port = 1)", "not not port", "(((port)))", "NOT app = x AND port", "((app = x) or (port = 443)) and client.exe", "app==TLS.GitHub",
		"\tport\n= 443 ",
	};
	static const char *const no[] = {
		"app = tls.github", "app = HTTP", "app != TLS.GitHub", "app ~ http", "port = 80", "port > 443", "port = abc", "port != 443",
		"dst = 198.51.101.0/24", "dst = 2001:db8::/32", "dst = 198.51.100.6/32", "severity > high", "severity < low", "status > 1000", "spoofed",
		"spoofed = true", "nothing", "nothing = null", "server.exe", "client.workload = shop/db", "networks.exe", "exes.name", "absent", "absent = x",
		"absent != x and port = 1", "last_seen > -1m", "last_seen < 2026-09-21", "last_seen = x", "last_seen ~ 2026", "app = x and port = 443",
		"not (app or port)", "port and (app = x or not client)", "server.client.exe", "x.server.networks.name = back", "exe = \"\\\"\"",
		"dst = \"198.51.100.0/24\"", "port = \"443\"",
	};

	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
		if (!wants(yes[i]))
			fail_msg("should want: %s", yes[i]);
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		if (wants(no[i]))
			fail_msg("should not want: %s", no[i]);
	assert_true(wants("app ~ tls")); /* "~" contains, whatever the case */
	assert_false(wants("app ~ github?"));
	assert_true(wants("absent != x")); /* the negation of "=", also where there is nothing */
}

static void test_where_it_stops(void **state)
{
	static const struct {
		const char *text;
		size_t at;
		const char *why;
	} all[] = {
		{ "", 1, "expected a field" },
		{ "   ", 4, "expected a field" },
		{ "app =", 6, "expected a value" },
		{ "app = )", 7, "expected a value" },
		{ "= x", 1, "expected a field" },
		{ "app = x y", 9, "expected \"and\" or \"or\"" },
		{ "app = x and", 12, "expected a field" },
		{ "app = x or or", 12, "expected a field" },
		{ "(app = x", 9, "a parenthesis has no end" },
		{ "app = x)", 8, "a parenthesis ends that did not begin" },
		{ "(app = x y)", 10, "expected \"and\", \"or\" or \")\"" },
		{ "app = \"x", 7, "the quotation mark has no end" },
		{ "app ! x", 5, "this is no operator: =, !=, ~, !~, <, <=, >, >=" },
		{ "\"app\" = x", 1, "expected a field, which stands without quotation marks" },
		{ "a$b = x", 1, "this is no field: letters, digits, \"_\", \"-\" and dots" },
		{ "1a = x", 1, "a field begins with a letter and ends without a dot" },
		{ "app = x\x01", 8, "a control character" },
		{ "not", 4, "expected a field" },
	};
	char text[2000], err[128];
	struct filter *f;
	size_t at;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		char want[128];

		assert_int_equal(filter_parse(all[i].text, NOW, &f, &at, err, sizeof(err)), -EINVAL);
		snprintf(want, sizeof(want), "position %zu: %s", all[i].at, all[i].why);
		assert_string_equal(err, want);
		assert_int_equal(at, all[i].at);
	}
	memset(text, 'a', 1100);
	text[1100] = '\0';
	assert_int_equal(filter_parse(text, NOW, &f, NULL, err, sizeof(err)), -EINVAL);
	text[0] = '\0';
	for (int i = 0; i < 17; i++)
		memcpy(text + i, "(", 2);
	assert_int_equal(filter_parse(text, NOW, &f, NULL, err, sizeof(err)), -EINVAL);
	assert_string_equal(err, "position 17: nested more than 16 deep");
	text[0] = '\0';
	for (int i = 0; i < 33; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%sa=%d", i ? " or " : "", i);
	assert_int_equal(filter_parse(text, NOW, &f, NULL, err, sizeof(err)), -EINVAL);
	assert_non_null(strstr(err, "more than 32 tests"));
	*strrchr(text, 'o') = '\0'; /* 32 are well */
	assert_int_equal(filter_parse(text, NOW, &f, NULL, err, sizeof(err)), 0);
	filter_free(f);
}

static void test_fields_that_nothing_has(void **state)
{
	struct filter *f;
	char err[128];

	assert_int_equal(filter_parse("port = 443 or client.prt = 1", NOW, &f, NULL, err, sizeof(err)), 0);
	assert_false(filter_unknown(f, err, sizeof(err))); /* nothing was looked at */
	object(filter_writer(f));
	assert_true(filter_unknown(f, err, sizeof(err)));
	assert_string_equal(err, "client.prt");
	filter_free(f);
	assert_int_equal(filter_parse("nothing or absent != 1", NOW, &f, NULL, err, sizeof(err)), 0);
	object(filter_writer(f));
	assert_true(filter_unknown(f, err, sizeof(err)));
	assert_string_equal(err, "absent");
	filter_free(f);
}

static void test_when(void **state)
{
	static const struct {
		const char *text;
		uint64_t s; /* since 1970 */
	} good[] = {
		{ "0s", 1790000000 }, { "90s", 1790000000 - 90 }, { "-10m", 1790000000 - 600 }, { "2h", 1790000000 - 7200 }, { "3d", 1790000000 - 259200 },
		{ "1w", 1790000000 - 604800 }, { "1970-01-01", 0 }, { "2000-02-29", 951782400 }, { "2000-03-01", 951868800 }, { "2026-09-21T14:13:20Z", 1790000000 },
		{ "2026-09-21 14:13", 1789999980 }, { "2024-12-31T23:59:59", 1735689599 }, { "2100-03-01", 4107542400 },
	};
	static const char *const bad[] = { "", "-", "m", "10", "10x", "10m ", "1.5h", "9999999999s", "2026-13-01", "2026-00-01", "2026-1-1", "2026-11-22T", "2026-11-22T25:00",
					   "2026-11-22T10:00:00.", "2026-11-22T10:00x", "1969-12-31", "now", "2026-" };
	uint64_t ns;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(when_parse(good[i].text, NOW, &ns), 0);
		if (ns != good[i].s * NSEC_PER_SEC)
			fail_msg("%s: %llu", good[i].text, (unsigned long long)(ns / NSEC_PER_SEC));
	}
	assert_int_equal(when_parse("2026-09-21T14:13:20.25Z", NOW, &ns), 0);
	assert_int_equal(ns, NOW + 250000000);
	assert_int_equal(when_parse("99999999w", NOW, &ns), 0); /* before all time */
	assert_int_equal(ns, 1);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (!when_parse(bad[i], NOW, &ns))
			fail_msg("taken: %s", bad[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_wanted),
		cmocka_unit_test(test_where_it_stops),
		cmocka_unit_test(test_fields_that_nothing_has),
		cmocka_unit_test(test_when),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
