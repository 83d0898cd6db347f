/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "appid/http_head.h"
#include "appid/text.h"
#include "base/cleanup.h"

static void test_probe(void **state)
{
	static const struct {
		const char *text;
		enum http_kind part, whole;
	} cases[] = {
		{ "", HTTP_MORE, HTTP_NOT },
		{ "G", HTTP_MORE, HTTP_NOT },
		{ "GET", HTTP_MORE, HTTP_NOT },
		{ "GET /", HTTP_MORE, HTTP_NOT },
		{ "GET /index", HTTP_MORE, HTTP_CUT },
		{ "GET / HTTP/1.", HTTP_MORE, HTTP_NOT },
		{ "GET / HTTP/1.1", HTTP_REQUEST, HTTP_REQUEST },
		{ "GET / HTTP/1.1\r\n", HTTP_REQUEST, HTTP_REQUEST },
		{ "GET / HTTP/1.0\n\n", HTTP_REQUEST, HTTP_REQUEST },
		{ "PROPFIND /dav HTTP/1.1\r\n", HTTP_REQUEST, HTTP_REQUEST },
		{ "M-SEARCH * HTTP/1.1\r\n", HTTP_REQUEST, HTTP_REQUEST },
		{ "CONNECT a:443 HTTP/1.1\r\n", HTTP_REQUEST, HTTP_REQUEST },
		{ "HTTP/1.1 200 OK\r\n", HTTP_RESPONSE, HTTP_RESPONSE },
		{ "HTTP/1.1 20", HTTP_MORE, HTTP_NOT },
		{ "HTTP/2 200", HTTP_NOT, HTTP_NOT },
		{ "GET /\r\n", HTTP_NOT, HTTP_NOT },               /* HTTP/0.9 */
		{ "OPTIONS rtsp://a RTSP/1.0\r\n", HTTP_NOT, HTTP_NOT },
		{ "PRI * HTTP/2.0\r\n", HTTP_NOT, HTTP_NOT },
		{ "FETCH / HTTP/1.1\r\n", HTTP_NOT, HTTP_NOT },
		{ "get / http/1.1\r\n", HTTP_NOT, HTTP_NOT },
		{ "GET\r\n", HTTP_NOT, HTTP_NOT },
		{ "\x16\x03\x01", HTTP_NOT, HTTP_NOT },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct bytes b = bytes_of(cases[i].text, strlen(cases[i].text));

		if (http_head_probe(b, false) != cases[i].part || http_head_probe(b, true) != cases[i].whole) {
			print_message("# \"%s\": %d %d\n", cases[i].text, http_head_probe(b, false), http_head_probe(b, true));
			fail();
		}
	}
}

static void expect(struct bytes b, const char *s)
{
	assert_int_equal(bytes_left(&b), strlen(s));
	assert_memory_equal(b.p, s, strlen(s));
}

static void test_parse_request(void **state)
{
	static const char m[] = "POST /a?b HTTP/1.1\r\nhOsT:  shop.example:80 \r\nUser-Agent:curl\r\nHost: second\r\n\r\nbody: no\r\n\r\n";
	struct http_head h;

	assert_int_equal(http_head_parse(bytes_of(m, sizeof(m) - 1), false, &h), HTTP_REQUEST);
	expect(h.method, "POST");
	expect(h.target, "/a?b");
	expect(h.version, "HTTP/1.1");
	expect(h.host, "shop.example:80");
	expect(h.user_agent, "curl");
	assert_true(h.complete);
}

static void test_parse_response(void **state)
{
	static const char m[] = "HTTP/1.1 404 Not Found\r\nServer: nginx\r\nDate: x\r\n";
	struct http_head h;

	assert_int_equal(http_head_parse(bytes_of(m, sizeof(m) - 1), false, &h), HTTP_RESPONSE);
	assert_int_equal(h.status, 404);
	expect(h.server, "nginx");
	assert_false(h.complete);
}

static void test_long_target(void **state)
{
	char m[1100] = "GET /";
	struct http_head h;

	memset(m + 5, 'a', 1000);
	assert_int_equal(http_head_parse(bytes_of(m, 1005), false, &h), HTTP_REQUEST);
	assert_false(h.complete);
}

static void test_text(void **state)
{
	char out[16], hex[12];

	assert_int_equal(text_sanitise(out, sizeof(out), "a\\b\n\xff", 5), 14);
	assert_string_equal(out, "a\\x5cb\\x0a\\xff");
	assert_int_equal(text_sanitise(out, 5, "abc\n", 4), 3); /* no half escape */
	assert_string_equal(out, "abc");
	assert_int_equal(text_sanitise(out, 1, "abc", 3), 0);
	text_hex(hex, sizeof(hex), "\x01\xab\xff\x00", 4, 3);
	assert_string_equal(hex, "01 ab ff");
	assert_true(text_contains_nocase(bytes_of("xxFoO", 5), "foo"));
	assert_false(text_contains_nocase(bytes_of("xxFo", 4), "foo"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_probe),	     cmocka_unit_test(test_parse_request), cmocka_unit_test(test_parse_response),
		cmocka_unit_test(test_long_target), cmocka_unit_test(test_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
