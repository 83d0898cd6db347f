/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The page's files as they are in the program: there, whole, and with nothing in them that its own policy would refuse. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sensor/core/page.h"

/* Copies a file's text, ended by a zero; freed by the caller. */
static char *text_of(const char *path)
{
	struct page_file f;
	char *text;

	assert_true(page_file(path, &f));
	assert_true(f.len > 100 && f.len < 1 << 20);
	text = calloc(1, f.len + 1);
	assert_non_null(text);
	memcpy(text, f.text, f.len);
	assert_int_equal(strlen(text), f.len); /* no zeros in it */
	return text;
}

static void test_paths(void **state)
{
	static const char *const others[] = { "", "/index.html", "/app.js/", "/../app.js", "app.js", "/APP.JS", "/v1/status", "//" };
	struct page_file f;

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_false(page_file(others[i], &f));
	assert_true(page_file("/", NULL));
	assert_true(page_file("/", &f));
	assert_string_equal(f.type, "text/html; charset=utf-8");
	assert_true(page_file("/app.css", &f));
	assert_string_equal(f.type, "text/css; charset=utf-8");
	assert_true(page_file("/app.js", &f));
	assert_string_equal(f.type, "text/javascript; charset=utf-8");
}

/* Every file of tools/web is in it, from its first to its last byte, in the order that the scripts need. */
static void test_whole(void **state)
{
	static const char *const scripts[] = { "base", "net", "state", "layout", "map", "details", "views", "main" };
	char *all = text_of("/app.js"), *at = all;

	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		char path[64];
		long len;
		char *one;
		FILE *f;

		snprintf(path, sizeof(path), "tools/web/%s.js", scripts[i]);
		f = fopen(path, "r");
		assert_non_null(f);
		fseek(f, 0, SEEK_END);
		len = ftell(f);
		rewind(f);
		one = calloc(1, (size_t)len + 1);
		assert_int_equal(fread(one, 1, (size_t)len, f), (size_t)len);
		fclose(f);
		assert_memory_equal(at, one, (size_t)len);
		at += len;
		free(one);
	}
	assert_int_equal(*at, '\0');
	free(all);
}

static void test_policy(void **state)
{
	static const char *const never[] = { "innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval(", "new Function", "http://", "https://",
					     "localStorage", "document.cookie", "import(" };
	static const char *const paths[] = { "/", "/app.css", "/app.js" };

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		char *text = text_of(paths[i]);

		for (size_t k = 0; k < sizeof(never) / sizeof(never[0]); k++) {
			const char *at = strstr(text, never[k]);

			while (at && !strncmp(at, "http://www.w3.org/", 18)) /* the name of SVG's elements: asked of nobody */
				at = strstr(at + 1, never[k]);
			if (at)
				fail_msg("%s: %s", paths[i], never[k]);
		}
		free(text);
	}
	assert_non_null(strstr(PAGE_POLICY, "default-src 'none'"));
	assert_non_null(strstr(PAGE_POLICY, "frame-ancestors 'none'"));
	assert_null(strstr(PAGE_POLICY, "unsafe"));
	assert_null(strchr(PAGE_POLICY, '*'));
}

int main(void)
{
	static const struct CMUnitTest tests[] = { cmocka_unit_test(test_paths), cmocka_unit_test(test_whole), cmocka_unit_test(test_policy) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
