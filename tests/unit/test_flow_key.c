/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Flow key: both directions have one key, ends in the order of memcmp() of (address, port). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "flows/decode.h"

static void parse(const char *s, uint8_t a[16])
{
	memset(a, 0, 16);
	if (inet_pton(AF_INET, s, a + 12) == 1)
		a[10] = a[11] = 0xff;
	else
		assert_int_equal(inet_pton(AF_INET6, s, a), 1);
}

static void test_order(void **state)
{
	static const struct { const char *src; uint16_t sport; const char *dst; uint16_t dport; uint8_t dir; } rows[] = {
		{ "10.0.0.1", 40000, "10.0.0.2", 80, 0 },
		{ "10.0.0.2", 80, "10.0.0.1", 40000, 1 },
		{ "10.0.0.1", 80, "10.0.0.1", 81, 0 },
		{ "10.0.0.1", 81, "10.0.0.1", 80, 1 },
		{ "10.0.0.1", 80, "10.0.0.1", 80, 0 },
		{ "10.0.0.1", 0x0100, "10.0.0.1", 0x00ff, 1 }, /* bytes of the wire, not of the host */
		{ "10.0.0.200", 1, "10.0.1.1", 1, 0 },
		{ "fd00::1", 1, "10.0.0.1", 1, 1 },
		{ "::1", 1, "::1", 2, 0 },
		{ "ff02::1", 0, "fe80::1", 0, 1 },
	};
	struct flow_key k, back;
	uint8_t src[16], dst[16], dir;
	unsigned i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		parse(rows[i].src, src);
		parse(rows[i].dst, dst);
		memset(&k, 0xee, sizeof(k));
		dir = flow_key_make(&k, 3, 6, src, htons(rows[i].sport), dst, htons(rows[i].dport));
		assert_int_equal(dir, rows[i].dir);
		assert_memory_equal(k.addr[dir], src, 16);
		assert_memory_equal(k.addr[!dir], dst, 16);
		assert_int_equal(ntohs(k.port[dir]), rows[i].sport);
		assert_int_equal(k.ns, 3);
		assert_int_equal(k.proto, 6);
		assert_int_equal(k.claimant_if, 0);
		assert_int_equal(k.pad, 0);
		flow_key_make(&back, 3, 6, dst, htons(rows[i].dport), src, htons(rows[i].sport));
		assert_memory_equal(&k, &back, sizeof(k));
	}
	assert_int_equal(sizeof(k), 44);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_order) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
