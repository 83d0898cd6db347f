/* SPDX-License-Identifier: GPL-2.0-or-later */
/* IPFIX: messages have their form (RFC 7011, 3.1), sizes are kept, both directions are told, hostile names are carried or cut.
 * test_ipfix --write DIR: writes what a receiver is to understand as DIR/N.ipfix (tests/golden/ipfix.sh asks nfcapd and tshark). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sensor/core/ipfix.h"
#include "tests/unit/fake_core.h"

struct got {
	unsigned messages, records;
	size_t bytes;
	const char *dir;
};

static unsigned u16_at(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

static void on_message(const uint8_t *m, size_t len, void *arg)
{
	struct got *g = arg;
	char path[300];
	FILE *f;

	assert_true(len >= 16 && len <= IPFIX_MESSAGE_MAX);
	assert_int_equal(u16_at(m), 10);
	assert_int_equal(u16_at(m + 2), len);
	for (size_t at = 16, n; at < len; at += n) { /* sets follow each other without a gap */
		assert_true(len - at >= 4);
		n = u16_at(m + at + 2);
		assert_true(n >= 4 && n <= len - at);
	}
	g->messages++;
	g->bytes += len;
	if (!g->dir)
		return;
	snprintf(path, sizeof(path), "%s/%03u.ipfix", g->dir, g->messages);
	f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(m, 1, len, f), len);
	fclose(f);
}

static void flow(struct core_flow_view *v, uint64_t id, const char *client, const char *server)
{
	fake_flow(v, id, "shop/web", NULL, client, 40000, "shop/db", NULL, server, 3306, "MySQL");
	v->state = "closed";
}

static void run(struct got *g, unsigned flows)
{
	struct core_flow_view v;
	struct ipfix *x;
	int made = 0;

	assert_int_equal(ipfix_new(7, IPFIX_ENTERPRISE, on_message, g, &x), 0);
	assert_int_equal(ipfix_templates(x), 0);
	for (unsigned i = 0; i < flows; i++) {
		int n;

		if (i % 4 == 3)
			flow(&v, i, "2001:db8::1", "2001:db8::2");
		else
			flow(&v, i, "10.0.0.1", "10.0.0.2");
		if (i % 4 == 1)
			v.packets_to_client = v.bytes_to_client = 0; /* never answered */
		n = ipfix_flow(x, &v, "node1", "allow");
		assert_int_equal(n, i % 4 == 1 ? 1 : 2);
		made += n;
	}
	assert_int_equal(ipfix_flush(x), 0);
	g->records = (unsigned)made;
	ipfix_free(x);
}

static void test_messages(void **state)
{
	struct got g = { 0 };

	run(&g, 100);
	assert_int_equal(g.records, 175);
	assert_true(g.messages > 10 && g.bytes > 175 * 60);
}

static void test_hostile_names(void **state)
{
	static char longest[4000];
	struct core_flow_view v;
	struct got g = { 0 };
	struct ipfix *x;

	memset(longest, 0xc3, sizeof(longest) - 1);
	assert_int_equal(ipfix_new(0, IPFIX_ENTERPRISE, on_message, &g, &x), 0);
	flow(&v, 1, "10.0.0.1", "10.0.0.2");
	v.app = v.host = v.client.exe = v.server.exe = v.client.network = v.engine = longest;
	assert_int_equal(ipfix_flow(x, &v, longest, longest), 2);
	v.app = v.host = v.client.exe = v.engine = FAKE_HOSTILE;
	assert_int_equal(ipfix_flow(x, &v, "", NULL), 2);
	flow(&v, 1, "no address", "10.0.0.2");
	assert_int_equal(ipfix_flow(x, &v, "", ""), 0);
	flow(&v, 1, "10.0.0.1", "2001:db8::2");
	assert_int_equal(ipfix_flow(x, &v, "", ""), 0);
	assert_int_equal(ipfix_flush(x), 0);
	assert_int_equal(ipfix_flush(x), 0); /* nothing begun */
	assert_true(g.messages >= 1);
	ipfix_free(x);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_hostile_names),
	};

	if (argc == 3 && !strcmp(argv[1], "--write")) {
		struct got g = { .dir = argv[2] };

		run(&g, 20);
		return printf("%u\n", g.records) < 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
