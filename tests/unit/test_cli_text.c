/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "tools/pierglass/cli.h"
#include "tools/pierglass/cli_text.h"

static void test_clean_keeps_text_and_replaces_the_rest(void **state)
{
	static const struct {
		const char *in, *utf8, *ascii;
		size_t max, width; /* width in UTF-8 */
	} cases[] = {
		{ "", "", "", 0, 0 },
		{ "plain text", "plain text", "plain text", 0, 10 },
		{ "\x1b[31mred\x07", "?[31mred?", "?[31mred?", 0, 9 },
		{ "a\nb\rc\td", "a?b?c?d", "a?b?c?d", 0, 7 },
		{ "\xc3\xa4\xe2\x82\xac", "\xc3\xa4\xe2\x82\xac", "??", 0, 2 },
		{ "\xe6\xbc\xa2", "\xe6\xbc\xa2", "?", 0, 2 }, /* wide */
		{ "\xc2\x9b" "31m", "?31m", "?31m", 0, 4 },	/* C1 CSI */
		{ "\xe2\x80\xae" "abc", "?abc", "?abc", 0, 4 },	/* right to left */
		{ "a\xcc\x81\xcc\x81\xcc\x81", "a???", "a???", 0, 4 }, /* piled accents */
		{ "\xff\xc0\x80", "???", "???", 0, 3 },
		{ "\xe2\x82", "??", "??", 0, 2 },
		{ "abcdef", "abcd\xe2\x80\xa6", "abcd~", 5, 5 },
		{ "abcde", "abcde", "abcde", 5, 5 },
		{ "\xe6\xbc\xa2\xe6\xbc\xa2\xe6\xbc\xa2", "\xe6\xbc\xa2\xe2\x80\xa6", "???", 4, 3 },
	};
	bool have_utf8 = setlocale(LC_CTYPE, "C.UTF-8") != NULL;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		for (int utf8 = 0; utf8 <= have_utf8; utf8++) {
			_cleanup_free_ char *s = NULL;
			size_t w;

			setenv("LC_ALL", utf8 ? "C.UTF-8" : "C", 1);
			cli_text_init();
			s = cli_clean(cases[i].in, cases[i].max, &w);
			assert_string_equal(s, utf8 ? cases[i].utf8 : cases[i].ascii);
			if (utf8)
				assert_int_equal(w, cases[i].width);
		}
}

static char *written(void (*f)(FILE *out, const void *arg), const void *arg)
{
	char *buf = NULL;
	size_t len = 0;
	FILE *m = open_memstream(&buf, &len);

	f(m, arg);
	fclose(m);
	return buf;
}

static void put_json(FILE *f, const void *arg)
{
	cli_put_json(f, arg, strlen(arg));
}

static void test_json_keeps_its_meaning(void **state)
{
	_cleanup_free_ char *a = written(put_json, "{\"a\":\"\xc2\x9b" "31m \xc3\xa4 \xc2\xa0 \xc2\x80\"}");

	assert_string_equal(a, "{\"a\":\"\\u009b31m \xc3\xa4 \xc2\xa0 \\u0080\"}");
}

static void test_bytes(void **state)
{
	static const struct {
		uint64_t n;
		const char *text;
	} cases[] = { { 0, "0 B" }, { 1023, "1023 B" }, { 1024, "1.0 KiB" }, { 1536, "1.5 KiB" }, { 1048575, "1.0 MiB" },
		      { 1ULL << 40, "1.0 TiB" }, { UINT64_MAX, "16.0 EiB" } };
	char buf[16];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_string_equal(cli_bytes(cases[i].n, buf), cases[i].text);
}

static size_t table_width;
static void put_table(FILE *f, const void *arg)
{
	static const struct cli_column columns[] = { { "NAME", false, 6 }, { "N", true, 0 }, { "TEXT", false, 5 } };
	struct cli_table *t = cli_table_new(columns, ARRAY_SIZE(columns));

	cli_table_add(t, "first");
	cli_table_addf(t, "%d", 7);
	cli_table_add(t, "a longer text");
	cli_table_add(t, "a very long name");
	cli_table_addf(t, "%d", 1234);
	cli_table_add(t, NULL);
	cli_table_write(t, f, table_width);
	cli_table_free(t);
}

static void test_table_aligns_and_fits(void **state)
{
	_cleanup_free_ char *wide = NULL, *narrow = NULL;

	setenv("LC_ALL", "C", 1);
	cli_text_init();
	table_width = 0;
	wide = written(put_table, NULL);
	assert_string_equal(wide, "NAME                 N  TEXT\n"
				  "first                7  a longer text\n"
				  "a very long name  1234\n");
	table_width = 26;
	narrow = written(put_table, NULL);
	assert_string_equal(narrow, "NAME          N  TEXT\n"
				    "first         7  a longer~\n"
				    "a very l~  1234\n");
}

static int parse(struct cli_options *o, const struct cli_command **c, const char *line)
{
	/* The options point into the line: it lives until the next one. */
	static char buf[256];
	char *argv[16] = { (char *)(uintptr_t) "pierglass" }, *save = NULL;
	int argc = 1;

	snprintf(buf, sizeof(buf), "%s", line);
	for (char *p = strtok_r(buf, " ", &save); p && argc < 15; p = strtok_r(NULL, " ", &save))
		argv[argc++] = p;
	return cli_parse(argc, argv, o, c);
}

static void test_options(void **state)
{
	static const struct {
		const char *line;
		int rc;
		const char *command;
	} cases[] = {
		{ "status", CLI_OK, "status" },
		{ "--run /x status --json", CLI_OK, "status" },
		{ "status --run=/x", CLI_OK, "status" },
		{ "flows -f -w shop/db", CLI_OK, "flows" },
		{ "flows --follow --workload=shop/db", CLI_OK, "flows" },
		{ "flows -n 5 --history", CLI_OK, "flows" },
		{ "map --format dot", CLI_OK, "map" },
		{ "completion bash", CLI_OK, "completion" },
		{ "--help", CLI_OK, "help" },
		{ "status --help", CLI_OK, "help" },
		{ "--version", CLI_OK, "version" },
		{ "", CLI_USAGE, NULL },
		{ "frob", CLI_USAGE, NULL },
		{ "status extra", CLI_USAGE, NULL },
		{ "status -f", CLI_USAGE, NULL },
		{ "map -f", CLI_USAGE, NULL },
		{ "status --frob", CLI_USAGE, NULL },
		{ "status --jsonx", CLI_USAGE, NULL },
		{ "status --json=1", CLI_USAGE, NULL },
		{ "status --run", CLI_USAGE, NULL },
		{ "status --run=", CLI_USAGE, NULL },
		{ "completion bash bash", CLI_USAGE, NULL },
	};

	assert_non_null(freopen("/dev/null", "w", stderr));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct cli_command *c = NULL;
		struct cli_options o;

		assert_int_equal(parse(&o, &c, cases[i].line), cases[i].rc);
		if (cases[i].command)
			assert_string_equal(c->name, cases[i].command);
	}
}

static void test_option_values(void **state)
{
	const struct cli_command *c;
	struct cli_options o;

	assert_int_equal(parse(&o, &c, "flows --run /x -w shop/db -n 7 --json --history"), CLI_OK);
	assert_string_equal(o.run, "/x");
	assert_string_equal(o.workload, "shop/db");
	assert_string_equal(o.limit, "7");
	assert_true(o.json && o.history && !o.follow);
	assert_int_equal(parse(&o, &c, "status"), CLI_OK);
	assert_string_equal(o.run, "/run/pierglass");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clean_keeps_text_and_replaces_the_rest),
		cmocka_unit_test(test_json_keeps_its_meaning),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_table_aligns_and_fits),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_option_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
