/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "appid/dns_answer.h"
#include "base/cleanup.h"

#define NAME "\x02" "DB\x04shop\x07" "example\0"
#define QUESTION NAME "\0\1\0\1"
#define HEADER(flags, an) "\x12\x34" flags "\0\1" "\0" an "\0\0\0\0"
#define B(s) bytes_of(s, sizeof(s) - 1)

static struct dns_message m;

static void test_query(void **state)
{
	assert_int_equal(dns_message_parse(B(HEADER("\1\0", "\0") QUESTION), false, &m), DNS_STRICT);
	assert_false(m.response);
	assert_string_equal(m.name, "db.shop.example");
	assert_int_equal(m.qtype, DNS_TYPE_A);
}

static void test_answer_through_cname_chain(void **state)
{
	static const char chain[] = HEADER("\x81\x80", "\4") QUESTION
		"\xc0\x0c\0\5\0\1\0\0\1\0\0\4\1a\xc0\x0f"          /* db.shop.example -> a.shop.example, 256 s */
		"\xc0\x2d\0\5\0\1\0\0\0\x1e\0\4\1b\xc0\x0f"        /* -> b.shop.example, 30 s */
		"\xc0\x3d\0\1\0\1\0\0\0\x3c\0\4\x0a\1\2\3"         /* A, 60 s */
		"\xc0\x3d\0\x1c\0\1\0\0\0\x0a\0\x10\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\7";

	assert_int_equal(dns_message_parse(B(chain), false, &m), DNS_STRICT);
	assert_string_equal(m.name, "db.shop.example");
	assert_string_equal(m.last_name, "b.shop.example");
	assert_int_equal(m.address_count, 2);
	assert_memory_equal(m.addresses[0].addr, "\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\1\2\3", 16);
	assert_int_equal(m.addresses[0].ttl_s, 30); /* the chain's shortest */
	assert_memory_equal(m.addresses[1].addr, "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\7", 16);
	assert_int_equal(m.addresses[1].ttl_s, 10);
}

static void test_foreign_record_is_not_an_answer(void **state)
{
	/* an address of another name in the answer section must not be believed */
	static const char poison[] = HEADER("\x81\x80", "\1") QUESTION "\4evil\0\0\1\0\1\0\0\0\x3c\0\4\x0a\1\2\3";

	assert_int_not_equal(dns_message_parse(B(poison), false, &m), DNS_NO);
	assert_int_equal(m.address_count, 0);
}

static void test_nxdomain(void **state)
{
	assert_int_equal(dns_message_parse(B(HEADER("\x81\x83", "\0") QUESTION), false, &m), DNS_STRICT);
	assert_true(m.response);
	assert_int_equal(m.rcode, 3);
	assert_int_equal(m.address_count, 0);
}

static void test_pointer_loops_end(void **state)
{
	assert_int_equal(dns_message_parse(B("\x12\x34\1\0\0\1\0\0\0\0\0\0\xc0\x0c\0\1\0\1"), false, &m), DNS_NO);
	assert_int_equal(dns_message_parse(B("\x12\x34\1\0\0\1\0\0\0\0\0\0\1a\xc0\x0c\0\1\0\1"), false, &m), DNS_NO);
	assert_int_equal(dns_message_parse(B("\x12\x34\1\0\0\1\0\0\0\0\0\0\xff\xff\0\1\0\1"), false, &m), DNS_NO);
}

static void test_every_prefix_and_garbage(void **state)
{
	static const char whole[] = HEADER("\x81\x80", "\1") QUESTION "\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x0a\1\2\3";

	for (size_t n = 0; n < sizeof(whole) - 1; n++) {
		uint8_t *copy = test_malloc(n ? n : 1);

		memcpy(copy, whole, n);
		assert_int_equal(dns_message_parse(bytes_of(copy, n), false, &m), DNS_NO);
		dns_message_parse(bytes_of(copy, n), true, &m);
		test_free(copy);
	}
	assert_int_not_equal(dns_message_parse(B(HEADER("\1\0", "\0") QUESTION "x"), false, &m), DNS_STRICT);
	assert_int_equal(dns_message_parse(B("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), false, &m), DNS_NO);
}

static void test_odd_bytes_of_names_are_visible(void **state)
{
	assert_int_not_equal(dns_message_parse(B(HEADER("\1\0", "\0") "\4a.b\xff\0\0\1\0\1"), false, &m), DNS_NO);
	assert_string_equal(m.name, "a\\x2eb\\xff");
}

static void test_edns_is_strict(void **state)
{
	static const char q[] = "\x12\x34\1\x20\0\1\0\0\0\0\0\1" QUESTION "\0\0\x29\4\xd0\0\0\0\0\0\0";

	assert_int_equal(dns_message_parse(B(q), false, &m), DNS_STRICT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_query),
		cmocka_unit_test(test_answer_through_cname_chain),
		cmocka_unit_test(test_foreign_record_is_not_an_answer),
		cmocka_unit_test(test_nxdomain),
		cmocka_unit_test(test_pointer_loops_end),
		cmocka_unit_test(test_every_prefix_and_garbage),
		cmocka_unit_test(test_odd_bytes_of_names_are_visible),
		cmocka_unit_test(test_edns_is_strict),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
