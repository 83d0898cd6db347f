/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's table of listed addresses: says yes to what is in a range and to nothing else, at every border. (That the programs
 * read it in the same way is in test_bpf_flow.c.) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "intel/indicator.h"
#include "sensor/core/listed.h"

static void add(struct listed_ranges *r, const char *text)
{
	uint8_t first[16], last[16];

	assert_true(indicator_ip(text, strlen(text), first, last));
	listed_add(r, first, last);
}

static struct pg_listed_page *table(struct listed_ranges *r)
{
	struct pg_listed_page *p;

	assert_int_equal(listed_seal(r), 0);
	p = calloc(listed_pages(r), sizeof(*p));
	assert_non_null(p);
	listed_write(r, p);
	return p;
}

static bool has(const struct pg_listed_page *p, const char *text)
{
	uint8_t first[16], last[16];

	assert_true(indicator_ip(text, strlen(text), first, last));
	return listed_find(p, first);
}

static void test_borders(void **state)
{
	static const char *const listed[] = { "192.0.2.7", "198.51.100.0/24", "203.0.113.5-203.0.113.9", "203.0.113.10", "255.255.255.255", "0.0.0.0",
					      "9.0.0.0/8", "2001:db8::1", "2001:db8:5::/48", "2a00::/20", "2a01:1:2::/40", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
					      "2001:db8:7:ffff::-2001:db8:8:1::", "::1" };
	static const struct {
		const char *addr;
		bool in;
	} rows[] = {
		{ "192.0.2.6", false },	      { "192.0.2.7", true },	    { "192.0.2.8", false },
		{ "198.51.99.255", false },   { "198.51.100.0", true },	    { "198.51.100.255", true },
		{ "198.51.101.0", false },    { "203.0.113.4", false },	    { "203.0.113.5", true },
		{ "203.0.113.10", true },     { "203.0.113.11", false },    { "255.255.255.255", true },
		{ "255.255.255.254", false }, { "0.0.0.0", true },	    { "0.0.0.1", false },
		{ "8.255.255.255", false },   { "9.0.0.0", true },	    { "9.77.1.2", true },
		{ "9.255.255.255", true },    { "10.0.0.0", false },	    { "2001:db8::", false },
		{ "2001:db8::1", true },      { "2001:db8::2", false },	    { "2001:db8:4:ffff:ffff:ffff:ffff:ffff", false },
		{ "2001:db8:5::", true },     { "2001:db8:5:ffff:ffff:ffff:ffff:ffff", true }, { "2001:db8:6::", false },
		{ "2a00::", true },	      { "2a00:fff:ffff::1", true }, { "2a00:1000::", false },
		{ "2a01:1::", true },	      { "2a01:1:ff:ffff::", true }, { "2a01:1:100::", false },
		{ "2001:db8:7:fffe::", false }, { "2001:db8:7:ffff::9", true }, { "2001:db8:8::5", true },
		{ "2001:db8:8:1::", true },   { "2001:db8:8:1::1", false }, { "::1", true }, { "::2", false },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", true }, { "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe", false },
	};
	struct listed_ranges r = { 0 };
	_cleanup_free_ struct pg_listed_page *p = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(listed); i++)
		add(&r, listed[i]);
	p = table(&r);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (has(p, rows[i].addr) != rows[i].in)
			fail_msg("%s: %s", rows[i].addr, rows[i].in ? "not found" : "found");
	listed_done(&r);
}

static void test_empty(void **state)
{
	struct listed_ranges r = { 0 };
	_cleanup_free_ struct pg_listed_page *p = table(&r);

	assert_false(has(p, "0.0.0.0"));
	assert_false(has(p, "255.255.255.255"));
	assert_false(has(p, "::"));
}

/* Against the slow way, with ranges that overlap, touch and repeat. */
static void test_random(void **state)
{
	enum { N = 3000, PROBES = 60000 };
	static uint8_t ranges[N][2][16];
	struct listed_ranges r = { 0 };
	_cleanup_free_ struct pg_listed_page *p = NULL;
	unsigned hits = 0;

	srandom(7);
	for (int i = 0; i < N; i++) {
		uint8_t a[16] = { [10] = 0xff, 0xff };
		unsigned bits = i % 2 ? 104 + (unsigned)random() % 25 : 20 + (unsigned)random() % 109;

		if (i % 2) {
			a[12] = 198;
			a[13] = (uint8_t)(random() % 8);
			a[14] = (uint8_t)random();
			a[15] = (uint8_t)random();
			bits = 112 + bits % 17;
		} else {
			for (int k = 0; k < 16; k++)
				a[k] = (uint8_t)(random() % 4);
			a[0] = 0x20;
		}
		for (unsigned k = 0; k < 16; k++) {
			uint8_t host = bits >= 8 * (k + 1) ? 0 : bits <= 8 * k ? 0xff : (uint8_t)(0xff >> (bits - 8 * k));

			ranges[i][0][k] = (uint8_t)(a[k] & ~host);
			ranges[i][1][k] = a[k] | host;
		}
		listed_add(&r, ranges[i][0], ranges[i][1]);
	}
	p = table(&r);
	for (int i = 0; i < PROBES; i++) {
		uint8_t a[16];
		bool slow = false;

		memcpy(a, ranges[random() % N][random() % 2], 16);
		a[11 + random() % 5] ^= (uint8_t)(random() % 3);
		for (int k = 0; k < N && !slow; k++)
			slow = memcmp(a, ranges[k][0], 16) >= 0 && memcmp(a, ranges[k][1], 16) <= 0;
		hits += slow;
		assert_int_equal(listed_find(p, a), slow);
	}
	assert_in_range(hits, PROBES / 10, PROBES - PROBES / 10);
	listed_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_borders),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
