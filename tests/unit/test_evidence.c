/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Formats of evidence, byte by byte; the packet ring's bounds and masks; what an exec permission is held against. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "appid/heads.h"
#include "base/tar.h"
#include "enforce/exec_verdict.h"
#include "enforce/pcapng.h"
#include "sensor/bpf/abi.h"

/* ---- pcapng --------------------------------------------------------------------------------------------------------------- */
struct text {
	unsigned char data[4096];
	size_t len;
};

static int collect(void *arg, const void *data, size_t len)
{
	struct text *t = arg;

	if (t->len + len > sizeof(t->data))
		return -ENOSPC;
	memcpy(t->data + t->len, data, len);
	t->len += len;
	return 0;
}

/* draft-ietf-opsawg-pcapng 4.1, 4.2, 4.3, by hand. */
static void test_pcapng_golden(void **state)
{
	static const unsigned char want[] =
		/* section */
		"\x0a\x0d\x0d\x0a\x28\0\0\0\x4d\x3c\x2b\x1a\x01\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff"
		"\x04\0\x02\0pg\0\0\0\0\0\0\x28\0\0\0"
		/* interface: raw IP, snaplen 100, if_name, ns */
		"\x01\0\0\0\x28\0\0\0\x65\0\0\0\x64\0\0\0\x02\0\x03\0net\0\x09\0\x01\0\x09\0\0\0\0\0\0\0\x28\0\0\0"
		/* packet at 2^32 + 5 ns: head ab, data c, on the wire 9; comment */
		"\x06\0\0\0\x30\0\0\0\0\0\0\0\x01\0\0\0\x05\0\0\0\x03\0\0\0\x09\0\0\0" "abc\0"
		"\x01\0\x02\0hi\0\0\0\0\0\0\x30\0\0\0";
	struct text t = { .len = 0 };
	struct pcapng p;
	uint32_t i = 7;
	struct pcapng_packet k = { .time_ns = (1ULL << 32) + 5, .len = 9, .cap_len = 3, .head = "ab", .head_len = 2, .data = "c", .comment = "hi" };

	assert_int_equal(pcapng_begin(&p, collect, &t, "", "pg", ""), 0);
	assert_int_equal(pcapng_interface(&p, PCAPNG_LINK_RAW, 100, "net", "", &i), 0);
	assert_int_equal(i, 0);
	assert_int_equal(pcapng_packet(&p, &k), 0);
	assert_int_equal(t.len, sizeof(want) - 1);
	assert_memory_equal(t.data, want, sizeof(want) - 1);
	k.interface = 1;
	assert_int_equal(pcapng_packet(&p, &k), -EINVAL);
	k = (struct pcapng_packet){ .head_len = 4, .cap_len = 3 };
	assert_int_equal(pcapng_packet(&p, &k), -EINVAL);
}

/* ---- tar -------------------------------------------------------------------------------------------------------------------- */
static void test_tar_round_trip(void **state)
{
	static unsigned char buf[TAR_HEADER_MAX];
	struct tar_entry e = { .name = "upper/etc/passwd", .type = TAR_FILE, .mode = 0644, .size = 1000, .mtime_s = 1 };
	char name[256], type, long_name[301];
	uint64_t size;
	size_t n = tar_header(&e, buf);

	assert_int_equal(n, TAR_BLOCK);
	assert_int_equal(tar_parse(buf, name, &size, &type), 0);
	assert_string_equal(name, e.name);
	assert_int_equal(size, 1000);
	assert_int_equal(type, TAR_FILE);
	assert_int_equal(tar_padding(1000), 24);
	assert_int_equal(tar_padding(1024), 0);
	buf[0] ^= 1;
	assert_int_equal(tar_parse(buf, name, &size, &type), -EBADMSG);
	memset(buf, 0, TAR_BLOCK);
	assert_int_equal(tar_parse(buf, name, &size, &type), -ENODATA);
	memset(long_name, 'x', 300);
	long_name[300] = '\0';
	e.name = long_name;
	n = tar_header(&e, buf);
	assert_int_equal(n, 3 * TAR_BLOCK);
	assert_int_equal(tar_parse(buf, name, &size, &type), 0);
	assert_int_equal(type, 'x');
	assert_int_equal(size, 310);
	assert_memory_equal(buf + TAR_BLOCK, "310 path=xxx", 12);
	e.name = "";
	assert_int_equal(tar_header(&e, buf), 0);
}

/* ---- ring -------------------------------------------------------------------------------------------------------------------- */
static void add(struct heads *h, uint32_t ifindex, uint8_t last, uint64_t ts, const char *payload)
{
	unsigned char record[2048];
	struct pg_sample s = { .version = PG_ABI_VERSION, .ts_ns = ts, .cap_len = (uint16_t)strlen(payload), .end_if = { ifindex, 0 } };

	s.key.addr[0][15] = last;
	memcpy(record, &s, sizeof(s));
	memcpy(record + sizeof(s), payload, s.cap_len);
	heads_add(h, record, sizeof(s) + s.cap_len + 5); /* the ring's records may be longer */
}

static void test_heads_are_bounded_and_fair(void **state)
{
	struct heads *h = heads_new();
	struct msg_heads want = { .count = 1 };
	struct msg_heads_done done;
	int fd = memfd_create("heads", 0);
	char payload[501];

	memset(payload, 'p', 500);
	payload[500] = '\0';
	add(h, 1, 1, 1, payload);
	assert_int_equal(heads_bytes(h), 0); /* off */
	heads_set(h, 20000);
	add(h, 1, 1, 1, "first");
	for (unsigned i = 0; i < 1000; i++)
		add(h, 2, 2, 10 + i, payload);
	assert_true(heads_bytes(h) <= 20000);
	want.addr[0][15] = 1;
	assert_int_equal(heads_dump(h, &want, 0, fd, &done), 0);
	assert_int_equal(done.records, 1); /* the quiet one lost nothing */
	assert_true(done.dropped > 900);
	want.addr[0][15] = 9;
	assert_int_equal(heads_dump(h, &want, 0, fd, &done), 0);
	assert_int_equal(done.records, 0);
	heads_set(h, 0);
	assert_int_equal(heads_bytes(h), 0);
	heads_free(h);
	close(fd);
}

static void test_heads_hand_out_in_order_and_masked(void **state)
{
	struct heads *h = heads_new();
	struct msg_heads want = { .count = 1 };
	struct msg_heads_done done;
	unsigned char out[1024];
	struct pg_sample s;
	int fd = memfd_create("heads", 0);
	uint32_t len;

	heads_set(h, 100000);
	add(h, 1, 1, 20, "second");
	add(h, 2, 1, 10, "password=geheim&x=1");
	want.addr[0][15] = 1;
	assert_int_equal(heads_dump(h, &want, 1, fd, &done), 0);
	assert_int_equal(done.records, 2);
	assert_true(pread(fd, out, sizeof(out), 0) > 0);
	memcpy(&len, out, 4);
	memcpy(&s, out + 4, sizeof(s));
	assert_int_equal(s.ts_ns, 10);
	assert_int_equal(len, sizeof(s) + 19);
	assert_memory_equal(out + 4 + sizeof(s), "password=xxxxxx&x=1", 19);
	assert_memory_equal(out + 4 + len + 4 + sizeof(s), "second", 6);
	heads_free(h);
	close(fd);
}

static void test_heads_mask(void **state)
{
	static const char *const rows[][2] = {
		{ "GET / HTTP/1.1\r\nAuthorization: Basic YTpi\r\nHost: a\r\n", "GET / HTTP/1.1\r\nAuthorization: xxxxxxxxxx\r\nHost: a\r\n" },
		{ "cookie: s=1; t=2\n.", "cookie: xxxxxxxx\n." },
		{ "a?token=abc&b=1", "a?token=xxx&b=1" },
		{ "{\"password\": \"p w\", \"u\": 1}", "{\"password\": xx w\", \"u\": 1}" },
		{ "USER u\r\nPASS geheim\r\n", "USER u\r\nPASS xxxxxx\r\n" },
		{ "compass north", "compass north" },
		{ "password=", "password=" },
		{ "", "" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char buf[200];

		snprintf(buf, sizeof(buf), "%s", rows[i][0]);
		heads_mask((uint8_t *)buf, strlen(buf));
		assert_string_equal(buf, rows[i][1]);
	}
}

/* ---- exec permissions ----------------------------------------------------------------------------------------------------------- */
static void test_exec_places(void **state)
{
	static struct exec_places p;
	const struct msg_exec_place places[] = { { 1, 0, 0, 40, 0 }, { 1, 77, 0, 0, 0 }, { 2, 78, 0, 0, 1 } };

	assert_int_equal(exec_places_set(&p, places, sizeof(places)), 0);
	assert_int_equal(exec_places_find(&p, 5, 0, 40)->watch, 1);  /* by device */
	assert_int_equal(exec_places_find(&p, 78, 0, 40)->watch, 2); /* the mount says more */
	assert_null(exec_places_find(&p, 5, 0, 41));
	assert_null(exec_places_find(&p, 0, 8, 1));
	assert_int_equal(exec_places_set(&p, places, sizeof(places) - 1), -EINVAL);
	assert_int_equal(p.count, 3);
}

static void test_exec_loader(void **state)
{
	static const struct {
		const char *path;
		bool is;
	} rows[] = {
		{ "/lib64/ld-linux-x86-64.so.2", true }, { "/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", true }, { "/lib/ld-musl-x86_64.so.1", true },
		{ "/tmp/ld-linux-x86-64.so.2", false },	 { "/usr/bin/ld", false }, { "/usr/lib/evil", false }, { "", false }, { "ld-x.so", false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(exec_is_loader(rows[i].path), rows[i].is);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pcapng_golden), cmocka_unit_test(test_tar_round_trip), cmocka_unit_test(test_heads_are_bounded_and_fair),
		cmocka_unit_test(test_heads_hand_out_in_order_and_masked), cmocka_unit_test(test_heads_mask), cmocka_unit_test(test_exec_places),
		cmocka_unit_test(test_exec_loader),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
