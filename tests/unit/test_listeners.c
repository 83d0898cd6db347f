/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Listener registry: which socket a packet reaches, life of a listener, labels, limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "sensor/watch/listeners.h"

#define SEC NSEC_PER_SEC
#define T IPPROTO_TCP
#define U IPPROTO_UDP

static const uint8_t *A(const char *s)
{
	static uint8_t ring[4][16];
	static unsigned n;
	uint8_t *a = ring[n++ % 4];

	memset(a, 0, 16);
	if (inet_pton(AF_INET, s, a + 12) == 1)
		a[10] = a[11] = 0xff;
	else
		assert_int_equal(inet_pton(AF_INET6, s, a), 1);
	return a;
}

static struct pg_event event(int type, uint64_t cookie, uint64_t netns, uint8_t proto, const char *addr, uint16_t port, uint64_t ts)
{
	struct pg_event ev = { .version = PG_ABI_VERSION, .type = (uint16_t)type, .cookie = cookie, .netns_cookie = netns,
			       .proto = proto, .port = htons(port), .ts_ns = ts, .tgid = (uint32_t)cookie + 1000, .cgroup = 5 };

	memcpy(ev.addr, A(addr), 16);
	return ev;
}

static int tell(struct listeners *l, int type, uint64_t cookie, uint64_t netns, uint8_t proto, const char *addr, uint16_t port, uint64_t ts)
{
	struct pg_event ev = event(type, cookie, netns, proto, addr, port, ts);

	return listeners_event(l, &ev);
}

static uint64_t match(struct listeners *l, uint64_t netns, uint8_t proto, const char *addr, uint16_t port)
{
	const struct listener *li = listeners_match(l, netns, proto, A(addr), port);

	return li ? li->cookie : 0;
}

static void test_match(void **state)
{
	struct listeners *l = listeners_new(100);
	struct pg_event v6only = event(PG_EV_LISTEN, 7, 1, T, "::", 90, 10);
	static const struct { uint64_t netns; uint8_t proto; const char *addr; uint16_t port; uint64_t cookie; } rows[] = {
		{ 1, T, "10.0.0.2", 80, 1 },
		{ 1, T, "127.0.0.1", 80, 1 },
		{ 1, T, "10.0.0.5", 80, 2 },    /* exact before any */
		{ 1, T, "fd00::2", 80, 0 },     /* 0.0.0.0 takes no IPv6 */
		{ 1, U, "10.0.0.2", 80, 0 },
		{ 2, T, "10.0.0.2", 80, 0 },    /* another namespace */
		{ 1, T, "10.0.0.2", 81, 0 },
		{ 1, T, "fd00::2", 443, 3 },
		{ 1, T, "10.0.0.2", 443, 3 },   /* dual stack */
		{ 1, T, "fd00::2", 90, 7 },
		{ 1, T, "10.0.0.2", 90, 0 },    /* v6only */
		{ 1, T, "10.0.0.2", 100, 5 },   /* the family's own any before dual stack */
		{ 1, T, "fd00::2", 100, 6 },
		{ 1, U, "10.0.0.2", 53, 8 },
		{ 3, T, "127.0.0.1", 3306, 9 },
		{ 3, T, "10.0.0.3", 3306, 0 },  /* bound to loopback only */
	};
	unsigned i;

	v6only.v6only = 1;
	tell(l, PG_EV_LISTEN, 1, 1, T, "0.0.0.0", 80, 10);
	tell(l, PG_EV_LISTEN, 2, 1, T, "10.0.0.5", 80, 10);
	tell(l, PG_EV_LISTEN, 3, 1, T, "::", 443, 10);
	tell(l, PG_EV_LISTEN, 6, 1, T, "::", 100, 10);
	tell(l, PG_EV_LISTEN, 5, 1, T, "0.0.0.0", 100, 10);
	listeners_event(l, &v6only);
	tell(l, PG_EV_BIND, 8, 1, U, "0.0.0.0", 53, 10);
	tell(l, PG_EV_LISTEN, 9, 3, T, "127.0.0.1", 3306, 10);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (match(l, rows[i].netns, rows[i].proto, rows[i].addr, rows[i].port) != rows[i].cookie)
			fail_msg("row %u: %s port %u", i, rows[i].addr, rows[i].port);
	listeners_free(l);
	listeners_free(NULL);
}

static void test_open_before_closed(void **state)
{
	struct listeners *l = listeners_new(100);

	tell(l, PG_EV_LISTEN, 1, 1, T, "10.0.0.2", 80, 1 * SEC);
	tell(l, PG_EV_CLOSE, 1, 1, T, "10.0.0.2", 80, 2 * SEC);
	assert_int_equal(match(l, 1, T, "10.0.0.2", 80), 1); /* its last flows still find it */
	tell(l, PG_EV_LISTEN, 2, 1, T, "0.0.0.0", 80, 3 * SEC);
	assert_int_equal(match(l, 1, T, "10.0.0.2", 80), 2);
	tell(l, PG_EV_CLOSE, 2, 1, T, "0.0.0.0", 80, 4 * SEC);
	tell(l, PG_EV_LISTEN, 3, 1, T, "0.0.0.0", 80, 5 * SEC);
	tell(l, PG_EV_CLOSE, 3, 1, T, "0.0.0.0", 80, 6 * SEC);
	assert_int_equal(match(l, 1, T, "10.0.0.9", 80), 3); /* of the closed ones the latest */
	listeners_expire(l, 32 * SEC);
	assert_int_equal(listeners_count(l), 3);
	listeners_expire(l, 33 * SEC);
	assert_int_equal(listeners_count(l), 2);
	listeners_expire(l, 100 * SEC);
	assert_int_equal(listeners_count(l), 0);
	assert_int_equal(match(l, 1, T, "10.0.0.2", 80), 0);
	listeners_free(l);
}

/* SO_REUSEPORT: several sockets at one place; any open one. */
static void test_reuseport(void **state)
{
	struct listeners *l = listeners_new(100);
	uint64_t got, c;

	for (c = 1; c <= 4; c++)
		tell(l, PG_EV_LISTEN, c, 1, T, "0.0.0.0", 80, c);
	for (c = 1; c <= 4; c++) {
		got = match(l, 1, T, "10.0.0.2", 80);
		assert_in_range(got, 1, 4);
		assert_int_equal(listeners_match(l, 1, T, A("10.0.0.2"), 80)->closed_mono_ns, 0);
		tell(l, PG_EV_CLOSE, got, 1, T, "0.0.0.0", 80, 10 + c);
	}
	assert_int_not_equal(listeners_match(l, 1, T, A("10.0.0.2"), 80)->closed_mono_ns, 0);
	listeners_free(l);
}

static void test_told_twice(void **state)
{
	struct listeners *l = listeners_new(100);
	struct pg_event ev = event(PG_EV_LISTEN, 1, 1, T, "0.0.0.0", 80, 50);
	struct listener *li;

	tell(l, PG_EV_LISTEN, 1, 1, T, "0.0.0.0", 80, 10);
	li = listeners_match(l, 1, T, A("10.0.0.2"), 80);
	listeners_label(l, li, "HTTP", 4, "Apache");
	ev.flags = PG_EVF_ITER;
	ev.tgid = 77; /* the iterator names some process that holds the socket */
	listeners_event(l, &ev);
	assert_int_equal(listeners_count(l), 1);
	assert_int_equal(li->since_mono_ns, 10);
	assert_int_equal(li->tgid, 1001);
	assert_false(li->from_iter);
	assert_string_equal(li->app, "HTTP");
	/* the same socket closes and listens elsewhere: nothing of before holds */
	tell(l, PG_EV_CLOSE, 1, 1, T, "0.0.0.0", 80, 60);
	tell(l, PG_EV_LISTEN, 1, 1, T, "0.0.0.0", 81, 70);
	assert_int_equal(match(l, 1, T, "10.0.0.2", 80), 0);
	assert_int_equal(match(l, 1, T, "10.0.0.2", 81), 1);
	assert_string_equal(li->app, "");
	assert_int_equal(li->since_mono_ns, 70);
	/* was there before the sensor */
	ev = event(PG_EV_LISTEN, 2, 1, T, "0.0.0.0", 82, 90);
	ev.flags = PG_EVF_ITER;
	listeners_event(l, &ev);
	assert_true(listeners_match(l, 1, T, A("10.0.0.2"), 82)->from_iter);
	listeners_free(l);
}

static void test_labels(void **state)
{
	struct listeners *l = listeners_new(100);
	struct listener *li;
	char longer[300];
	static const struct { const char *app; uint8_t conf; const char *info; const char *want_app, *want_info; } rows[] = {
		{ NULL, 0, NULL, "", "" },
		{ "HTTP", 1, NULL, "HTTP", "" },
		{ "TLS", 4, "nginx", "TLS", "nginx" },
		{ "SSH", 1, "", "TLS", "nginx" },     /* a guess does not overrule */
		{ "TLS.Google", 4, "x", "TLS.Google", "x" },
		{ "", 4, NULL, "TLS.Google", "x" },
	};
	unsigned i;

	memset(longer, 'a', sizeof(longer));
	longer[299] = '\0';
	tell(l, PG_EV_LISTEN, 1, 1, T, "0.0.0.0", 80, 10);
	li = listeners_match(l, 1, T, A("10.0.0.2"), 80);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		listeners_label(l, li, rows[i].app, rows[i].conf, rows[i].info);
		assert_string_equal(li->app, rows[i].want_app);
		assert_string_equal(li->info, rows[i].want_info);
	}
	listeners_label(l, li, longer, 4, longer);
	assert_int_equal(strlen(li->app), sizeof(li->app) - 1);
	assert_int_equal(strlen(li->info), sizeof(li->info) - 1);
	listeners_free(l);
}

static void count_one(const struct listener *li, void *arg)
{
	(*(unsigned *)arg)++;
}

static void test_limits(void **state)
{
	struct listeners *l = listeners_new(10);
	unsigned i, refused = 0, n = 0;

	for (i = 1; i <= 15; i++)
		refused += tell(l, PG_EV_LISTEN, i, 1, T, "0.0.0.0", (uint16_t)i, 10) == -28;
	assert_int_equal(refused, 5);
	assert_int_equal(listeners_refused(l), 5);
	assert_int_equal(tell(l, PG_EV_LISTEN, 3, 1, T, "0.0.0.0", 3000, 10), 0); /* known ones are served */
	assert_int_equal(tell(l, PG_EV_CLOSE, 99, 1, T, "0.0.0.0", 3000, 10), 0);
	assert_int_equal(tell(l, PG_EV_LISTEN, 0, 1, T, "0.0.0.0", 3000, 10), 0);
	assert_int_equal(tell(l, PG_EV_EXEC, 98, 1, T, "0.0.0.0", 3000, 10), 0);
	listeners_each(l, count_one, &n);
	assert_int_equal(n, 10);
	listeners_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_match),      cmocka_unit_test(test_open_before_closed), cmocka_unit_test(test_reuseport),
		cmocka_unit_test(test_told_twice), cmocka_unit_test(test_labels),             cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
