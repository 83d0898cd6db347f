/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reputation feeds: values, formats, refusals, what must never be blocked, overlapping ranges, a million of them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "intel/feed.h"
#include "intel/feed_priv.h"
#include "intel/reputation.h"

#define NOW 1700000000

static struct feed_set *load(const char *text, struct feed_report *report, int expect)
{
	struct feed_set *s = feed_set_new(NULL, 0, 1);

	assert_non_null(s);
	assert_int_equal(feed_parse(text, strlen(text), FEED_AUTO, NOW, feed_set_add, s, report), expect);
	assert_int_equal(feed_set_seal(s), 0);
	return s;
}

static bool ip(const struct feed_set *s, const char *a, struct feed_hit *h)
{
	uint8_t first[16], last[16];

	assert_true(indicator_ip(a, strlen(a), first, last));
	return feed_set_ip(s, first, h);
}

static void values(void **state)
{
	static const char *const good[] = { "1.2.3.4", "1.2.3.0/24", "0.0.0.0/0", "1.2.3.4/32", "::/0", "2001:db8::1/64", "1.2.3.4-1.2.3.4",
					    "1.2.3.4 - 1.2.4.0", "::ffff:1.2.3.4" };
	static const char *const bad[] = { "", "1.2.3", "1.2.3.4.5", "1.2.3.256", "1.2.3.4/33", "1.2.3.4/", "1.2.3.4/-1", "01.2.3.4",
					   "::/129", "1.2.3.5-1.2.3.4", "1.2.3.4-::1", "1.2.3.4/1000000000000", "a.b", ":::" };
	static const char *const names[] = { "a.example.com", "A.Example.COM.", "_dmarc.example.com", "xn--bcher-kva.example", "1.a2" };
	static const char *const no_names[] = { "", ".", "localhost", "a..b", "-a.example", "a-.example", "1.2.3.4", "a b.example", "a.b.",
						"x.1", "a.example-" };
	char name[INDICATOR_NAME_MAX + 1], long_name[300];
	uint8_t a[16], b[16], d[HASH_LEN_MAX];
	enum hash_algo algo;
	const char *host;
	size_t len;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(indicator_ip(good[i], strlen(good[i]), a, b));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(indicator_ip(bad[i], strlen(bad[i]), a, b));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_true(indicator_domain(names[i], strlen(names[i]), name) > 0);
	for (size_t i = 0; i < sizeof(no_names) / sizeof(no_names[0]); i++)
		assert_int_equal(indicator_domain(no_names[i], strlen(no_names[i]), name), 0);
	memset(long_name, 'a', sizeof(long_name));
	memcpy(long_name + 290, ".example", 8);
	assert_int_equal(indicator_domain(long_name, 298, name), 0);
	assert_int_equal(indicator_domain(long_name + 226, 72, name), 0); /* a label of 64 */
	assert_int_equal(indicator_domain(long_name + 227, 71, name), 71);
	assert_true(indicator_hash("44d88612fea8a8f36de82e1278abb02F", 32, &algo, d) && algo == HASH_MD5 && d[15] == 0x2f && d[16] == 0);
	assert_false(indicator_hash("44d88612fea8a8f36de82e1278abb02g", 32, &algo, d));
	assert_false(indicator_hash("44d88612", 8, &algo, d));
	assert_true(indicator_url("https://u:p@[2001:db8::1]:8443/x", 32, &host, &len) && len == 11);
	assert_true(indicator_url("hxxp://a.example/x@y", 20, &host, &len) && len == 9);
	assert_false(indicator_url("//a.example/", 12, &host, &len));
	assert_false(indicator_url("http://", 7, &host, &len));
	assert_false(indicator_url("http://[::1", 11, &host, &len));
}

static void lines(void **state)
{
	struct feed_report r;
	struct feed_hit h;
	struct feed_set *s = load("# x\n9.9.9.0/24 ; SBL1\n9.9.9.128/25\n9.9.9.130\n\n*.Worse.example.net # why\n0.0.0.0 exact.example.org localhost\n"
				  "what is this\n", &r, 0);

	assert_int_equal(r.format, FEED_LINES);
	assert_int_equal(r.entries[IND_IP], 3);
	assert_int_equal(r.entries[IND_DOMAIN], 2);
	assert_int_equal(r.bad, 1);
	assert_int_equal(r.bad_lines[0], 8);
	assert_true(ip(s, "9.9.9.1", &h) && h.line == 2 && h.match == MATCH_WITHIN);
	assert_true(ip(s, "9.9.9.129", &h) && h.line == 3);
	assert_true(ip(s, "9.9.9.130", &h) && h.line == 4 && h.match == MATCH_EXACT);
	assert_true(ip(s, "9.9.9.255", &h) && h.line == 3);
	assert_false(ip(s, "9.9.10.0", &h));
	assert_false(ip(s, "9.9.8.255", &h));
	assert_true(feed_set_domain(s, "a.b.WORSE.example.net", 21, &h) && h.match == MATCH_BELOW && h.line == 6);
	assert_false(feed_set_domain(s, "example.net", 11, &h));
	assert_true(feed_set_domain(s, "exact.example.org", 17, &h) && h.match == MATCH_EXACT);
	assert_false(feed_set_domain(s, "a.exact.example.org", 19, &h));
	assert_false(feed_set_domain(s, "localhost", 9, &h));
	feed_set_free(s);
}

/* Ranges that overlap in every way, held against looking at each entry: of those that cover an address one that begins last. */
static void overlapping(void **state)
{
	enum { N = 60, SPACE = 200 };
	unsigned seed = 5;

	for (int round = 0; round < 300; round++) {
		struct feed_set *s = feed_set_new(NULL, 0, 1);
		unsigned first[N], last[N];
		struct feed_hit h;
		bool six = round & 1;

		for (unsigned i = 0; i < N; i++) {
			struct indicator e = { .kind = IND_IP, .line = i, .text = "", .category = "" };

			first[i] = (unsigned)rand_r(&seed) % SPACE;
			last[i] = first[i] + (unsigned)rand_r(&seed) % (SPACE - first[i]) % (1 + (unsigned)rand_r(&seed) % SPACE);
			if (six)
				e.first[0] = e.last[0] = 0x2a;
			else
				memset(e.first + 10, 0xff, 2), memset(e.last + 10, 0xff, 2), memset(e.first + 12, 0xff, 3), memset(e.last + 12, 0xff, 3);
			/* IPv4: at the top of the address space, where one past the last does not exist */
			e.first[15] = (uint8_t)(first[i] + 255 - SPACE + 1);
			e.last[15] = (uint8_t)(last[i] + 255 - SPACE + 1);
			feed_set_add(&e, s);
		}
		assert_int_equal(feed_set_seal(s), 0);
		for (unsigned a = 0; a < SPACE; a++) {
			uint8_t addr[16] = { 0 };
			int begin = -1;
			bool found;

			for (unsigned i = 0; i < N; i++)
				if (first[i] <= a && a <= last[i] && (int)first[i] > begin)
					begin = (int)first[i];
			if (six)
				addr[0] = 0x2a;
			else
				memset(addr + 10, 0xff, 5);
			addr[15] = (uint8_t)(a + 255 - SPACE + 1);
			found = feed_set_ip(s, addr, &h);
			assert_int_equal(found, begin >= 0);
			if (found) {
				assert_int_equal(first[h.line], begin);
				assert_true(last[h.line] >= a);
			}
		}
		feed_set_free(s);
	}
}

static void never(void **state)
{
	static const struct {
		const char *range;
		enum never_block why;
	} cases[] = {
		{ "0.0.0.0/0", NEVER_TOO_WIDE }, { "0.0.0.0/1", NEVER_TOO_WIDE }, { "128.0.0.0/1", NEVER_TOO_WIDE }, { "8.0.0.0/7", NEVER_TOO_WIDE },
		{ "::/0", NEVER_TOO_WIDE }, { "2000::/3", NEVER_TOO_WIDE }, { "2a00::/18", NEVER_TOO_WIDE }, { "::ffff:0:0/96", NEVER_TOO_WIDE },
		{ "1.0.0.0-9.255.255.255", NEVER_TOO_WIDE }, { "::ffff:10.0.0.1", NEVER_PRIVATE }, { "10.1.2.3", NEVER_PRIVATE },
		{ "172.16.0.0/12", NEVER_PRIVATE }, { "172.32.0.1", NEVER_NO }, { "192.168.1.0/24", NEVER_PRIVATE },
		{ "192.0.0.0/8", NEVER_PRIVATE }, { "100.64.0.1", NEVER_PRIVATE }, { "127.0.0.1", NEVER_LOOPBACK }, { "169.254.169.254", NEVER_LINK_LOCAL },
		{ "224.0.0.1", NEVER_MULTICAST }, { "255.255.255.255", NEVER_RESERVED }, { "0.0.0.0", NEVER_UNSPECIFIED }, { "::", NEVER_UNSPECIFIED },
		{ "::1", NEVER_LOOPBACK }, { "fe80::1", NEVER_LINK_LOCAL }, { "fd00::/64", NEVER_PRIVATE }, { "ff02::1", NEVER_MULTICAST },
		{ "64:ff9b::a00:1", NEVER_RESERVED }, { "9.9.9.9", NEVER_NO }, { "9.0.0.0/8", NEVER_NO }, { "2a00::/19", NEVER_NO },
		{ "8.8.8.8", NEVER_NODE }, { "8.8.8.0/24", NEVER_NODE },
	};
	struct never_range own;
	uint8_t a[16], b[16];

	assert_true(indicator_ip("8.8.8.8", 7, own.first, own.last));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum never_block got;

		assert_true(indicator_ip(cases[i].range, strlen(cases[i].range), a, b));
		got = never_block_check(a, b, &own, 1);
		if (cases[i].why == NEVER_PRIVATE && !strcmp(cases[i].range, "192.0.0.0/8"))
			assert_int_not_equal(got, NEVER_NO); /* several reasons */
		else if (got != cases[i].why)
			fail_msg("%s: %s, expected %s", cases[i].range, never_block_name(got), never_block_name(cases[i].why));
	}
}

static void tables(void **state)
{
	struct feed_report r;
	struct feed_hit h;
	struct feed_set *s = load("# id,dateadded,url,url_status,threat\n\"1\",\"2020\",\"http://7.7.7.7:80/Mozi.m\",\"online\",\"malware_download\"\n"
				  "\"2\",\"2020\",\"http://cdn.example.com/a,b\",\"online\",\"x\"\n", &r, 0);

	assert_int_equal(r.format, FEED_CSV);
	assert_true(ip(s, "7.7.7.7", &h));
	assert_string_equal(h.category, "malware_download");
	assert_true(feed_set_url(s, "http://CDN.example.com/a,b", 26, &h) && h.match == MATCH_EXACT);
	assert_false(feed_set_url(s, "http://cdn.example.com/other", 28, &h));
	assert_true(feed_set_domain(s, "cdn.example.com", 15, &h) && h.match == MATCH_HOST && h.confidence <= CONFIDENCE_WEAK);
	feed_set_free(s);
	s = load("ioc_value,ioc_type,confidence_level\n9.9.9.9:443,ip:port,90\n", &r, 0);
	assert_true(ip(s, "9.9.9.9", &h) && h.confidence == 90);
	feed_set_free(s);
	s = load("bot|9.9.9.9|64496|2019|x\nscan|9.9.9.8|1|2|y\n", &r, 0);
	assert_int_equal(r.format, FEED_CSV);
	assert_true(ip(s, "9.9.9.8", &h) && h.line == 2);
	feed_set_free(s);
}

static void json(void **state)
{
	struct feed_report r;
	struct feed_hit h;
	struct feed_set *s = load("{\"type\":\"bundle\",\"objects\":[{\"type\":\"indicator\",\"pattern\":\"[domain-name:value = 'a.example.com' AND "
				  "domain-name:resolves_to_refs[*].value = '9.9.9.9']\"},{\"type\":\"indicator\",\"valid_until\":\"2020-01-01T00:00:00Z\","
				  "\"pattern\":\"[ipv4-addr:value = '9.9.9.8']\"},{\"type\":\"indicator\",\"revoked\":true,\"pattern\":"
				  "\"[ipv4-addr:value = '9.9.9.7']\"},{\"type\":\"indicator\",\"pattern\":\"[ipv4-addr:value != '9.9.9.6']\"},"
				  "{\"type\":\"indicator\",\"pattern\":\"[ipv4-addr:value IN ('8.8.4.4','8.8.4.5') OR ipv4-addr:value ISSUBSET "
				  "'7.7.7.0/24']\"},{\"type\":\"indicator\",\"pattern\":\"[file:hashes.'SHA3-256' = "
				  "'7fa3abc229fd3cb9a0a6f07d9da15e35528c630d0ad5902d5422b305cae7eaa4']\"}]}", &r, 0);

	assert_int_equal(r.format, FEED_STIX);
	assert_int_equal(r.expired, 2);
	assert_int_equal(r.unsupported, 2);
	assert_int_equal(feed_set_count(s, IND_HASH), 0);
	assert_true(ip(s, "9.9.9.9", &h) && h.flags & IND_PARTIAL && h.confidence == CONFIDENCE_WEAK);
	assert_false(ip(s, "9.9.9.8", &h) || ip(s, "9.9.9.7", &h) || ip(s, "9.9.9.6", &h));
	assert_true(ip(s, "8.8.4.5", &h) && !(h.flags & IND_PARTIAL));
	assert_true(ip(s, "7.7.7.200", &h));
	feed_set_free(s);
	s = load("{\"Event\":{\"Attribute\":[{\"type\":\"ip-dst|port\",\"category\":\"n\",\"value\":\"9.9.9.9|80\",\"to_ids\":false},"
		 "{\"type\":\"filename|md5\",\"category\":\"n\",\"value\":\"a|b.exe|44d88612fea8a8f36de82e1278abb02f\",\"to_ids\":true},"
		 "{\"type\":\"mutex\",\"category\":\"n\",\"value\":\"x\"}],\"ShadowAttribute\":[{\"type\":\"ip-dst\",\"category\":\"n\",\"value\":\"9.9.9.8\"}]}}",
		 &r, 0);
	assert_int_equal(r.format, FEED_MISP);
	assert_int_equal(r.unsupported, 1);
	assert_true(ip(s, "9.9.9.9", &h) && h.flags & IND_NOT_FOR_IDS);
	assert_false(ip(s, "9.9.9.8", &h));
	assert_int_equal(feed_set_count(s, IND_HASH), 1);
	feed_set_free(s);
	s = load("{\"cidr\":\"9.9.9.0/24\",\"sblid\":\"S\"}\n{\"cidr\":\"2a01::/32\"}\n{\"type\":\"metadata\",\"records\":2}\n", &r, 0);
	assert_true(ip(s, "9.9.9.9", &h) && h.line == 1);
	assert_true(ip(s, "2a01::5", &h) && h.line == 2);
	assert_int_equal(r.bad, 0);
	feed_set_free(s);
}

static void refusals(void **state)
{
	static const char *const refused[] = { "", "# nothing\n", "<html>", "{\"cidr\":\"9.9.9.9\"}\n{\"cid", "{\"a\":", "[1,2", "words\nonly words\nhere\n",
					       "# Entries         : 2 unique IPs\n9.9.9.9\n", "9.9.9.9\nx y\nz\nw w\n" };
	struct feed_report r;

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		feed_set_free(load(refused[i], &r, -EBADMSG));
		assert_non_null(r.refused);
	}
	feed_set_free(load("\xef\xbb\xbf""9.9.9.9\r\n", &r, 0));
	assert_int_equal(r.entries[IND_IP], 1);
}

static void times(void **state)
{
	int64_t t;

	assert_true(feed_time((struct field){ "2020-10-25T16:22:00.000Z", 24 }, &t) && t == 1603642920);
	assert_true(feed_time((struct field){ "1970-01-01", 10 }, &t) && t == 0);
	assert_true(feed_time((struct field){ "2024-02-29 23:59:59", 19 }, &t) && t == 1709251199);
	assert_false(feed_time((struct field){ "2024-13-01", 10 }, &t));
	assert_false(feed_time((struct field){ "yesterday!", 10 }, &t));
}

/* A million prefixes and the memory they take. */
static void million(void **state)
{
	struct feed_set *s = feed_set_new(NULL, 0, 1);
	struct feed_hit h;

	for (uint32_t i = 0; i < 1000000; i++) {
		uint32_t a = 0x02000000 + i * 1021;
		struct indicator e = { .kind = IND_IP, .line = i + 1, .text = "", .category = "",
				       .first = { [10] = 0xff, 0xff, (uint8_t)(a >> 24), (uint8_t)(a >> 16), (uint8_t)(a >> 8), (uint8_t)a } };

		memcpy(e.last, e.first, 16);
		e.last[15] |= 3;
		feed_set_add(&e, s);
	}
	assert_int_equal(feed_set_seal(s), 0);
	assert_true(feed_set_bytes(s) <= 40u << 20);
	assert_true(ip(s, "2.0.0.0", &h) && h.line == 1);
	assert_true(ip(s, "2.0.3.253", &h) && h.line == 2);
	assert_false(ip(s, "1.255.255.255", &h));
	feed_set_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values),   cmocka_unit_test(lines),	cmocka_unit_test(overlapping), cmocka_unit_test(never), cmocka_unit_test(tables),
		cmocka_unit_test(json),	    cmocka_unit_test(refusals), cmocka_unit_test(times),       cmocka_unit_test(million),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
