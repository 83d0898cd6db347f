/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "appid/tls_hello.h"

#define RANDOM "0123456789abcdef0123456789abcdef"
static const char client[] = "\x16\x03\x01\x00\x61\x01\x00\x00\x5d\x03\x03" RANDOM "\x00\x00\x04\x13\x01\xc0\x2f\x01\x00\x00\x30"
			     "\x00\x00\x00\x11\x00\x0f\x00\x00\x0c" "shop.example"
			     "\x00\x10\x00\x0e\x00\x0c\x02h2\x08http/1.1"
			     "\x00\x2b\x00\x05\x04\x03\x04\x03\x03";
static const char server[] = "\x16\x03\x03\x00\x34\x02\x00\x00\x30\x03\x03" RANDOM "\x00\x13\x01\x00\x00\x08\x00\x2b\x00\x02\x03\x04\x00\x00";
static const char server12[] = "\x16\x03\x03\x00\x2a\x02\x00\x00\x26\x03\x03" RANDOM "\x00\xc0\x2f\x00";

static struct tls_hello read_hello(const void *p, size_t len)
{
	struct tls_hello h;
	uint8_t *copy = test_malloc(len ? len : 1);

	memcpy(copy, p, len);
	tls_hello_parse(bytes_of(copy, len), &h);
	test_free(copy);
	return h;
}

static void test_client(void **state)
{
	struct tls_hello h = read_hello(client, sizeof(client) - 1);

	assert_int_equal(h.kind, TLS_CLIENT_HELLO);
	assert_true(h.complete);
	assert_string_equal(h.sni, "shop.example");
	assert_string_equal(h.alpn, "h2,http/1.1");
	assert_int_equal(h.version, 0x0304);
}

static void test_server(void **state)
{
	struct tls_hello h = read_hello(server, sizeof(server) - 1);

	assert_int_equal(h.kind, TLS_SERVER_HELLO);
	assert_true(h.complete);
	assert_int_equal(h.version, 0x0304);
	assert_int_equal(h.cipher, 0x1301);
	h = read_hello(server12, sizeof(server12) - 1);
	assert_true(h.complete);
	assert_int_equal(h.version, 0x0303);
	assert_string_equal(tls_version_name(h.version), "TLS 1.2");
}

static void test_every_prefix(void **state)
{
	for (size_t n = 0; n < sizeof(client) - 1; n++) {
		struct tls_hello h = read_hello(client, n);

		assert_int_equal(h.kind, n < 11 ? TLS_MORE : TLS_CLIENT_HELLO);
		assert_false(h.complete);
	}
}

static void test_over_records_of_every_size(void **state)
{
	for (size_t size = 1; size < 40; size++) {
		uint8_t out[1500];
		size_t n = 0, left = sizeof(client) - 1 - 5;
		struct tls_hello h;

		for (const char *p = client + 5; left;) {
			size_t part = left < size ? left : size;

			memcpy(out + n, "\x16\x03\x01\x00", 4);
			out[n + 4] = (uint8_t)part;
			memcpy(out + n + 5, p, part);
			n += 5 + part;
			p += part;
			left -= part;
		}
		h = read_hello(out, n);
		assert_int_equal(h.kind, TLS_CLIENT_HELLO);
		assert_true(h.complete);
		assert_string_equal(h.sni, "shop.example");
	}
}

static void test_not_tls(void **state)
{
	static const char *const others[] = { "GET / HTTP/1.1\r\n", "\x16\x02\x01\0\x20\1\0\0\x1c\3\3", "\x17\x03\x03\0\x20xxxxxxxx",
					      "\x16\x03\x01\x02\0\x0b\0\0\0\3\3" };
	static const size_t len[] = { 16, 11, 13, 11 };

	for (size_t i = 0; i < 4; i++)
		assert_int_equal(read_hello(others[i], len[i]).kind, TLS_NOT);
	assert_int_equal(read_hello("\x15\x03\x03\0\2\2\x28", 7).kind, TLS_ALERT);
}

/* Lengths that lie: no field goes beyond what is there, and what was read before the lie stays. */
static void test_lying_lengths(void **state)
{
	for (size_t i = 5; i < sizeof(client) - 1; i++)
		for (unsigned v = 0; v < 256; v += 51) {
			char broken[sizeof(client)];
			struct tls_hello h;

			memcpy(broken, client, sizeof(client));
			broken[i] = (char)v;
			h = read_hello(broken, sizeof(client) - 1);
			assert_true(h.sni_len < sizeof(h.sni) && h.alpn_len < sizeof(h.alpn));
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_client),	  cmocka_unit_test(test_server),	   cmocka_unit_test(test_every_prefix),
		cmocka_unit_test(test_over_records_of_every_size), cmocka_unit_test(test_not_tls), cmocka_unit_test(test_lying_lengths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
