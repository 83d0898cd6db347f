/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Replay below the command: the reader however its bytes come and wherever they end, fragments, link headers, labels. The
 * captures are tests/fuzz/seeds/replay, which tools/gen/captures.py wrote. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>

#include "appid/replay_flows.h"
#include "appid/replay_frags.h"
#include "appid/replay_label.h"
#include "appid/replay_write.h"
#include "base/cleanup.h"
#include "base/clock.h"

#define SEEDS "tests/fuzz/seeds/replay"

struct input {
	const uint8_t *p;
	size_t left, step;
	int error;
};

static ssize_t give(void *arg, void *buf, size_t size)
{
	struct input *in = arg;
	size_t n = in->left < size ? in->left : size;

	if (!n && in->error)
		return -in->error;
	if (n > in->step)
		n = in->step;
	memcpy(buf, in->p, n);
	in->p += n;
	in->left -= n;
	return (ssize_t)n;
}

struct file {
	char name[300];
	uint8_t *p;
	size_t len;
};

static struct file file_load(const char *name)
{
	struct file f = { .p = malloc(1 << 20) };
	FILE *in;

	snprintf(f.name, sizeof(f.name), "%s/%s", SEEDS, name);
	in = fopen(f.name, "r");
	assert_non_null(in);
	f.len = fread(f.p, 1, 1 << 20, in);
	fclose(in);
	return f;
}

static bool sum_row(const struct replay_row *row, void *arg)
{
	uint64_t *sum = arg;

	*sum += row->packets_to_server + row->packets_to_client;
	assert_true(row->first_ns <= row->last_ns);
	assert_non_null(row->app);
	return true;
}

struct outcome {
	struct replay_stats stats;
	struct capture_stats file;
	uint64_t rows;
};

static struct outcome run(const uint8_t *p, size_t len, size_t step)
{
	const struct replay_options options = { .inspected = 64, .flows_max = 1024 };
	struct input in = { p, len, step, 0 };
	struct outcome o = { 0 };
	uint64_t skipped = 0;
	struct capture_packet batch[REPLAY_BATCH];
	unsigned count = 0;
	struct capture *c;
	struct replay *r;

	if (capture_open(give, &in, &c) < 0)
		return o;
	r = replay_new(&options, NULL, 1);
	assert_non_null(r);
	while (capture_next(c, &batch[count++]) == 1) { /* as many as stay valid, as the program does it */
		while (count < REPLAY_BATCH && capture_next_held(c, &batch[count]) == 1)
			count++;
		replay_packets(r, batch, count);
		count = 0;
	}
	replay_finish(r);
	replay_each(r, sum_row, &o.rows);
	o.stats = *replay_stats(r);
	o.file = *capture_stats(c);
	assert_int_equal(o.rows, o.stats.counted);
	for (unsigned i = 0; i < REPLAY_SKIP_MAX; i++)
		skipped += o.stats.skipped[i];
	assert_int_equal(o.stats.counted + skipped + o.stats.absorbed, o.stats.packets);
	replay_free(r);
	capture_close(c);
	return o;
}

/* ---- the reader ------------------------------------------------------------------------------------------- */
static void each_seed(void (*fn)(const struct file *f))
{
	DIR *d = opendir(SEEDS);
	struct dirent *e;
	unsigned n = 0;

	assert_non_null(d);
	while ((e = readdir(d))) {
		struct file f;

		if (!strstr(e->d_name, ".pcap"))
			continue;
		f = file_load(e->d_name);
		fn(&f);
		free(f.p);
		n++;
	}
	closedir(d);
	assert_true(n >= 20);
}

static void same_in_single_bytes(const struct file *f)
{
	struct outcome whole = run(f->p, f->len, SIZE_MAX), bytes = run(f->p, f->len, 1);

	assert_memory_equal(&whole.stats, &bytes.stats, sizeof(whole.stats));
	assert_int_equal(whole.file.end, bytes.file.end);
	assert_int_equal(whole.file.bytes, f->len);
}

static void test_capture_any_reads(void **state)
{
	each_seed(same_in_single_bytes);
}

static void ends_anywhere(const struct file *f)
{
	struct outcome whole = run(f->p, f->len, SIZE_MAX), last = { 0 };

	for (size_t len = 0; len < f->len; len += f->len > 4000 ? 37 : 1) {
		struct outcome o = run(f->p, len, SIZE_MAX);

		assert_true(o.stats.packets >= last.stats.packets);
		assert_true(o.stats.packets <= whole.stats.packets);
		assert_true(!o.stats.packets || o.file.end != CAPTURE_OPEN);
		last = o;
	}
}

static void test_capture_ends_anywhere(void **state)
{
	each_seed(ends_anywhere);
}

static void test_capture_end_says_why(void **state)
{
	static const struct {
		const char *name;
		enum capture_end end;
		unsigned packets;
	} cases[] = {
		{ "ethernet.pcap", CAPTURE_WHOLE, 23 },	  { "file_ends.pcap", CAPTURE_CUT, 7 },
		{ "file_damaged.pcap", CAPTURE_DAMAGED, 8 }, { "interfaces.pcapng", CAPTURE_WHOLE, 26 },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		struct file f = file_load(cases[i].name);
		struct outcome o = run(f.p, f.len, SIZE_MAX);

		assert_int_equal(o.file.end, cases[i].end);
		assert_int_equal(o.file.packets, cases[i].packets);
		free(f.p);
	}
}

static void test_capture_read_fails(void **state)
{
	struct file f = file_load("ethernet.pcap");
	struct input in = { f.p, 200, SIZE_MAX, EIO }, nothing = { f.p, 0, 1, EIO }, empty = { f.p, 0, 1, 0 }, text = { (const uint8_t *)"hello", 5, 5, 0 };
	struct capture_packet p;
	struct capture *c;

	assert_int_equal(capture_open(give, &nothing, &c), -EIO);
	assert_int_equal(capture_open(give, &empty, &c), -ENODATA);
	assert_int_equal(capture_open(give, &text, &c), -EPROTONOSUPPORT);
	assert_int_equal(capture_open(give, &in, &c), 0);
	while (capture_next(c, &p) == 1)
		;
	assert_int_equal(capture_stats(c)->end, CAPTURE_FAILED);
	assert_int_equal(capture_stats(c)->error, EIO);
	assert_int_equal(capture_next(c, &p), 0);
	capture_close(c);
	free(f.p);
}

/* CPU seconds that a capture of n segments of one byte takes, over `flows` connections. */
static double seconds_of(unsigned n, unsigned flows)
{
	static const uint8_t head[54] = { [12] = 8, [14] = 0x45, [17] = 41, [22] = 64, [23] = 6, [26] = 10, [30] = 10, [33] = 1, [37] = 80,
					  [46] = 0x50, [47] = 0x18 };
	const struct replay_options options = { 0 };
	struct replay *r = replay_new(&options, NULL, 1);
	clock_t begin = clock();
	uint8_t frame[55];

	assert_non_null(r);
	memcpy(frame, head, sizeof(head));
	for (unsigned i = 0; i < n; i++) {
		struct capture_packet p = { .ts_ns = 1000000000ULL + i * 1000ULL, .data = frame, .cap_len = 55, .wire_len = 55, .linktype = 1 };
		unsigned flow = i % flows, seq = i / flows;

		memcpy(frame + 27, &flow, 3);
		frame[34] = 200;
		frame[40] = (uint8_t)(seq >> 8);
		frame[41] = (uint8_t)seq;
		frame[54] = (uint8_t)(i * 7919 >> 3);
		replay_packet(r, &p);
	}
	replay_finish(r);
	assert_int_equal(replay_stats(r)->counted, n);
	replay_free(r);
	return (double)(clock() - begin) / CLOCKS_PER_SEC;
}

/* Four times the input takes about four times as long: one long stream, and many flows. What grows with the square would take
 * sixteen times. */
static void test_time_is_linear(void **state)
{
	for (unsigned many = 0; many < 2; many++) {
		double once = 1e9, four = 1e9;

		for (unsigned i = 0; i < 3; i++) { /* the least of three: the machine has other work, too */
			double a = seconds_of(20000, many ? 20000 : 1), b = seconds_of(80000, many ? 80000 : 1);

			once = a < once ? a : once;
			four = b < four ? b : four;
		}
		if (four > once * 10 + 0.05)
			fail_msg("20000 packets: %f s, 80000: %f s", once, four);
	}
}

/* Times of a pcapng interface by its if_tsresol and if_tsoffset. */
static void test_capture_times(void **state)
{
	static const struct {
		uint8_t resolution;
		int64_t offset;
		uint64_t ticks, want_ns;
	} cases[] = {
		{ 6, 0, 1700000000000001, 1700000000000001000 },   { 9, 0, 1700000000000000001, 1700000000000000001 },
		{ 0, 0, 1700000000, 1700000000000000000 },	   { 3, 1000, 1700000000, 1701000ULL * NSEC_PER_SEC },
		{ 12, 0, 1700000000000000, 1700000000000 },	   { 0x80 | 10, 0, 1024 * 5 + 512, 5500000000 },
		{ 6, -10, 20000000, 10000000000 },		   { 0xff, 0, UINT64_MAX, 0 },
		{ 127, 0, UINT64_MAX, 0 },			   { 0, 0, UINT64_MAX, INT64_MAX },
		{ 6, INT64_MIN, 5000000, 5000000000 },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		uint32_t file[7 + 12 + 9] = { 0x0a0d0d0a, 28, 0x1a2b3c4d, 1, 0xffffffff, 0xffffffff, 28,
					      1, 48, 101, 0, 1 << 16 | 9, cases[i].resolution, 8 << 16 | 14 };
		struct input in = { (const uint8_t *)file, sizeof(file), SIZE_MAX, 0 };
		struct capture_packet p;
		struct capture *c;
		uint32_t *epb = file + 19;

		memcpy(file + 14, &cases[i].offset, 8);
		file[16] = 0;
		file[17] = 0;
		file[18] = 48;
		epb[0] = 6;
		epb[1] = 36;
		epb[3] = (uint32_t)(cases[i].ticks >> 32);
		epb[4] = (uint32_t)cases[i].ticks;
		epb[5] = 4;
		epb[6] = 60;
		epb[8] = 36;
		assert_int_equal(capture_open(give, &in, &c), 0);
		assert_int_equal(capture_next(c, &p), 1);
		assert_int_equal(p.ts_ns, cases[i].want_ns);
		assert_int_equal(p.cap_len, 4);
		assert_int_equal(p.wire_len, 60);
		assert_int_equal(p.linktype, 101);
		assert_int_equal(capture_next(c, &p), 0);
		assert_int_equal(capture_stats(c)->end, CAPTURE_WHOLE);
		capture_close(c);
	}
}

static size_t put_block(uint8_t *p, uint32_t type, uint32_t len)
{
	memset(p, 0, len);
	memcpy(p, &type, 4);
	memcpy(p + 4, &len, 4);
	memcpy(p + len - 4, &len, 4);
	return len;
}

/* A section, an interface, what the test wants, a packet. */
static void test_capture_long_blocks(void **state)
{
	static const struct {
		uint32_t type, len;
		unsigned packets;
		enum capture_end end;
	} cases[] = {
		{ 0x0bad, 3 << 20, 1, CAPTURE_WHOLE },		     { 6, 3 << 20, 0, CAPTURE_DAMAGED },
		{ 5, CAPTURE_RECORD_MAX, 1, CAPTURE_WHOLE },	     { 0x0a0d0d0a, 24, 0, CAPTURE_DAMAGED },
		{ 1, CAPTURE_RECORD_MAX + (1 << 17), 0, CAPTURE_DAMAGED },
	};
	static const uint32_t magic = 0x1a2b3c4d;
	uint8_t *file = malloc(4 << 20);

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++)
		for (unsigned cut = 0; cut < 2; cut++) {
			size_t len = put_block(file, 0x0a0d0d0a, 28), at;
			struct outcome o;

			memcpy(file + 8, &magic, 4);
			len += put_block(file + len, 1, 20);
			at = len;
			len += put_block(file + len, cases[i].type, cases[i].len);
			if (cases[i].type == 0x0a0d0d0a)
				memcpy(file + at + 8, &magic, 4);
			len += put_block(file + len, 6, 32);
			o = run(file, cut ? at + cases[i].len / 2 : len, SIZE_MAX);
			assert_int_equal(o.file.packets, cut ? 0 : cases[i].packets);
			if (!cut)
				assert_int_equal(o.file.end, cases[i].end);
			else
				assert_true(o.file.end == CAPTURE_CUT || o.file.end == CAPTURE_DAMAGED);
		}
	free(file);
}

static void test_capture_many_interfaces(void **state)
{
	static const uint32_t magic = 0x1a2b3c4d;
	uint8_t *file = malloc(28 + 20 * (CAPTURE_INTERFACES_MAX + 10) + 32);
	uint32_t last = CAPTURE_INTERFACES_MAX - 1;
	size_t len = put_block(file, 0x0a0d0d0a, 28);
	struct outcome o;

	memcpy(file + 8, &magic, 4);
	for (unsigned i = 0; i < CAPTURE_INTERFACES_MAX + 10; i++)
		len += put_block(file + len, 1, 20);
	put_block(file + len, 6, 32);
	memcpy(file + len + 8, &last, 4);
	o = run(file, len + 32, SIZE_MAX);
	assert_int_equal(o.file.bad_blocks, 10);
	assert_int_equal(o.file.packets, 1);
	free(file);
}

static void test_names_of_things(void **state)
{
	for (int i = 0; i <= CAPTURE_END_MAX; i++)
		assert_true(strlen(capture_end_name((enum capture_end)i)) > 3);
	for (int i = 0; i <= REPLAY_SKIP_MAX; i++)
		assert_true(strlen(replay_skip_name((enum replay_skip)i)) > 3);
	for (uint8_t i = 0; i <= LABEL_CONFIDENCE_MAX; i++)
		assert_true(strlen(label_confidence_name(i)) >= 3);
	assert_string_equal(replay_proto_app(IPPROTO_ICMP), "ICMP");
	assert_null(replay_proto_app(IPPROTO_TCP));
	assert_null(replay_proto_name(250));
}

/* What does not fit is counted, and nothing else is lost. */
static void test_flows_full(void **state)
{
	const struct replay_options options = { .inspected = 4, .flows_max = 3 };
	struct file f = file_load("ethernet.pcap");
	struct input in = { f.p, f.len, SIZE_MAX, 0 };
	struct capture_packet p;
	struct capture *c;
	struct replay *r = replay_new(&options, NULL, 1);
	uint64_t rows = 0;

	assert_int_equal(capture_open(give, &in, &c), 0);
	while (capture_next(c, &p) == 1)
		replay_packet(r, &p);
	replay_finish(r);
	replay_each(r, sum_row, &rows);
	assert_int_equal(replay_stats(r)->flows, 3);
	assert_int_equal(replay_stats(r)->skipped[REPLAY_SKIP_FLOWS_FULL], 2); /* the DNS exchange */
	assert_int_equal(rows, 20);
	replay_free(r);
	capture_close(c);
	free(f.p);
}

/* VLANs are told apart, and so are VNIs. */
static bool collect_vlan(const struct replay_row *row, void *arg)
{
	unsigned *seen = arg;

	if (row->vlan_count)
		*seen |= 1u << row->vlan[row->vlan_count - 1];
	return true;
}

static void test_flows_by_vlan(void **state)
{
	struct replay *r = replay_new(&(struct replay_options){ .inspected = 64 }, NULL, 1);
	uint8_t frame[14 + 4 + 20 + 8] = { [12] = 0x81, [16] = 0x08, [18] = 0x45, [21] = 28, [27] = 17, [30] = 1, [34] = 2 };
	unsigned seen = 0;

	for (uint8_t vlan = 1; vlan <= 5; vlan++) {
		frame[15] = vlan;
		replay_packet(r, &(struct capture_packet){ .data = frame, .cap_len = sizeof(frame), .wire_len = sizeof(frame), .linktype = 1 });
	}
	replay_finish(r);
	assert_int_equal(replay_stats(r)->flows, 5);
	replay_each(r, collect_vlan, &seen);
	assert_int_equal(seen, 0x3e);
	replay_free(r);
}

/* ---- fragments ------------------------------------------------------------------------------------------------ */
static void fragment(struct replay_packet *p, uint8_t buf[128], unsigned from, unsigned len, bool more, uint16_t id, uint8_t fill)
{
	unsigned total = 20 + len;

	memset(buf, 0, 128);
	buf[0] = 0x45;
	buf[2] = (uint8_t)(total >> 8);
	buf[3] = (uint8_t)total;
	buf[4] = (uint8_t)(id >> 8);
	buf[5] = (uint8_t)id;
	buf[6] = (uint8_t)((more ? 0x20 : 0) | from / 8 >> 8);
	buf[7] = (uint8_t)(from / 8);
	buf[9] = IPPROTO_UDP;
	memset(buf + 20, fill, len < 108 ? len : 108);
	memset(p, 0, sizeof(*p));
	p->frame_len = total + 14;
	p->ip = (struct packet_part){ bytes_of(buf, total < 128 ? total : 128), total , false };
}

static void test_frags_order_and_overlap(void **state)
{
	struct replay_frags *f = replay_frags_new();
	struct replay_datagram d;
	struct replay_packet p;
	uint8_t buf[128];

	fragment(&p, buf, 32, 8, false, 1, 'c');
	assert_int_equal(replay_frags_add(f, &p, 1, 10, &d), 0);
	fragment(&p, buf, 16, 24, true, 1, 'b'); /* its last third contradicts what is there */
	assert_int_equal(replay_frags_add(f, &p, 1, 11, &d), 0);
	fragment(&p, buf, 0, 16, true, 2, 'x'); /* another datagram */
	assert_int_equal(replay_frags_add(f, &p, 1, 12, &d), 0);
	fragment(&p, buf, 0, 16, true, 1, 'a');
	assert_int_equal(replay_frags_add(f, &p, 1, 13, &d), 1);
	assert_true(d.whole && d.has_first && d.conflict);
	assert_int_equal(d.packets, 3);
	assert_int_equal(d.bytes, 3 * 34 + 8 + 24 + 16);
	assert_int_equal(d.first_ns, 10);
	assert_int_equal(d.last_ns, 13);
	assert_int_equal(d.ip.wire_len, 60);
	assert_memory_equal(d.ip.cap.p + 20, "aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbcccccccc", 40);
	assert_int_equal(d.ip.cap.p[6] | d.ip.cap.p[7], 0);
	replay_frags_free(f);
}

static void test_frags_refused(void **state)
{
	struct replay_frags *f = replay_frags_new();
	struct replay_datagram d;
	struct replay_packet p;
	uint8_t buf[128];

	fragment(&p, buf, 0, 12, true, 1, 'a'); /* not in whole units */
	assert_int_equal(replay_frags_add(f, &p, 1, 1, &d), -EBADMSG);
	fragment(&p, buf, 65528, 80, true, 1, 'a'); /* beyond what a length can say */
	assert_int_equal(replay_frags_add(f, &p, 1, 1, &d), -EBADMSG);
	fragment(&p, buf, 0, 0, true, 1, 'a');
	assert_int_equal(replay_frags_add(f, &p, 1, 1, &d), -EBADMSG);
	fragment(&p, buf, 8, 8, false, 1, 'a');
	assert_int_equal(replay_frags_add(f, &p, 1, 1, &d), 0);
	fragment(&p, buf, 16, 8, true, 1, 'a'); /* beyond the last */
	assert_int_equal(replay_frags_add(f, &p, 1, 1, &d), -EBADMSG);
	assert_true(replay_frags_old(f, UINT64_MAX, &d));
	assert_false(d.has_first);
	assert_int_equal(bytes_left(&d.ip.cap), 0);
	assert_false(replay_frags_old(f, UINT64_MAX, &d));
	/* Headers that are no fragment's: too short, a header length that cannot be, IPv6 without a fragment header. */
	fragment(&p, buf, 8, 8, true, 1, 'a');
	p.ip.cap.end = p.ip.cap.p + 12;
	assert_int_equal(replay_frags_add(f, &p, 1, 1, &d), -EBADMSG);
	fragment(&p, buf, 8, 8, true, 1, 'a');
	buf[0] = 0x44;
	assert_int_equal(replay_frags_add(f, &p, 1, 1, &d), -EBADMSG);
	for (unsigned next = 0; next < 256; next++) {
		memset(buf, 0, sizeof(buf));
		buf[0] = 0x60;
		buf[5] = 64;
		buf[6] = (uint8_t)next;
		p.ip = (struct packet_part){ bytes_of(buf, 104), 104 , false };
		assert_int_equal(replay_frags_add(f, &p, 1, 1, &d), next == 44 ? 1 : -EBADMSG);
	}
	replay_frags_free(f);
}

static void test_frags_bounded(void **state)
{
	struct replay_frags *f = replay_frags_new();
	struct replay_datagram d;
	struct replay_packet p;
	uint8_t buf[128];
	unsigned given = 0;

	for (unsigned i = 0; i < 1000; i++) {
		while (replay_frags_old(f, i, &d)) {
			assert_true(d.has_first && !d.whole);
			assert_int_equal(d.first_ns, given++);
		}
		fragment(&p, buf, 0, 16, true, (uint16_t)i, 'a');
		assert_int_equal(replay_frags_add(f, &p, 1, i, &d), 0);
	}
	assert_int_equal(given, 1000 - REPLAY_FRAGS_MAX);
	assert_true(replay_frags_old(f, REPLAY_FRAGS_NS + 999, &d));
	replay_frags_free(f);
}

/* ---- labels, names, rows ------------------------------------------------------------------------------------------ */
static struct replay_label *say(struct replay_label *old, uint8_t confidence, bool final, const char *app)
{
	struct msg_label l = { .confidence = confidence, .final = final, .server_end = 1, .host = "h" };

	snprintf(l.app, sizeof(l.app), "%s", app);
	return replay_label_merge(old, &l);
}

static void test_label_keeps_the_better(void **state)
{
	struct replay_label *l = say(NULL, LABEL_UNKNOWN, true, "Unknown");

	l = say(l, LABEL_PARTIAL, false, "A");
	assert_string_equal(l->text, "A");
	l = say(l, LABEL_UNKNOWN, true, "Unknown");
	assert_string_equal(l->text, "A");
	l = say(l, LABEL_OWN, false, "B");
	l = say(l, LABEL_DPI, true, "B.C");
	assert_string_equal(l->text, "B.C");
	assert_string_equal(l->text + l->host_at, "h");
	assert_string_equal(l->text + l->info_at, "");
	l = say(l, LABEL_OWN, true, "D"); /* a new life of the same ports */
	assert_string_equal(l->text, "B.C");
	free(l);
}

static void test_names(void **state)
{
	static const char text[] = "10.0.0.1 web\nnot an address\nfd00::1 v6\n10.0.0.2 a b\n\n1.2.3.4\n";
	struct replay_names *n = replay_names_new();
	uint8_t a[16] = { [10] = 0xff, 0xff, 10, 0, 0, 1 }, six[16] = { 0xfd, [15] = 1 };

	assert_int_equal(replay_names_read(n, text, sizeof(text) - 1), 0);
	assert_string_equal(replay_names_find(n, a), "web");
	assert_string_equal(replay_names_find(n, six), "v6");
	a[15] = 2;
	assert_string_equal(replay_names_find(n, a), "a b");
	a[15] = 3;
	assert_null(replay_names_find(n, a));
	replay_names_free(n);
}

static void test_write_summary(void **state)
{
	struct replay_stats s = { .packets = 9, .linktypes_unknown = { 42, 147 }, .linktypes_unknown_count = 2, .skipped = { [REPLAY_SKIP_NO_FIRST] = 3 }, .too_deep = 1 };
	enum replay_format f;
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	replay_write_summary(&s, out);
	fclose(out);
	assert_non_null(strstr(text, "3 packets skipped: fragments without their first\n"));
	assert_non_null(strstr(text, "link type 42 is not supported\n"));
	assert_non_null(strstr(text, "link type 147 is not supported\n"));
	assert_non_null(strstr(text, "encapsulation too deep"));
	assert_null(strstr(text, "malformed"));
	free(text);
	assert_int_equal(replay_format_parse("csv", &f), 0);
	assert_int_equal(f, REPLAY_CSV);
	assert_int_equal(replay_format_parse("xml", &f), -EINVAL);
}

static void test_write_hostile_values(void **state)
{
	struct replay_row row = { .app = "HTTP", .confidence = "own", .host = "=1+\"x\",<y>", .info = "", .proto = 250,
				  .first_ns = 1500000000, .last_ns = 2000000001, .has_vni = true, .vni = 7 };
	static const char *const want[REPLAY_FORMAT_MAX] = {
		[REPLAY_JSON] = "\"host\":\"=1+\\\"x\\\",\\u003cy>\"", [REPLAY_CSV] = ",\"'=1+\"\"x\"\",<y>\",", [REPLAY_TEXT] = "(VNI 7)",
	};

	struct replay_names *n = replay_names_new();

	assert_int_equal(replay_names_read(n, ":: the name", 11), 0);
	for (unsigned f = 0; f < REPLAY_FORMAT_MAX; f++) {
		struct replay_writer w;
		char *text = NULL;
		size_t len = 0;
		FILE *out = open_memstream(&text, &len);

		replay_writer_init(&w, out, (enum replay_format)f, n);
		assert_true(replay_write_row(&row, &w));
		assert_true(replay_write_row(&row, &w));
		replay_writer_done(&w);
		fclose(out);
		assert_non_null(strstr(text, want[f]));
		assert_non_null(strstr(text, "the name"));
		assert_non_null(strstr(text, "ip-250"));
		if (f != REPLAY_TEXT)
			assert_non_null(strstr(text, "1.500000"));
		free(text);
	}
	replay_names_free(n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_capture_any_reads),
		cmocka_unit_test(test_capture_ends_anywhere),
		cmocka_unit_test(test_capture_end_says_why),
		cmocka_unit_test(test_time_is_linear),
		cmocka_unit_test(test_capture_read_fails),
		cmocka_unit_test(test_capture_times),
		cmocka_unit_test(test_capture_long_blocks),
		cmocka_unit_test(test_capture_many_interfaces),
		cmocka_unit_test(test_names_of_things),
		cmocka_unit_test(test_flows_full),
		cmocka_unit_test(test_flows_by_vlan),
		cmocka_unit_test(test_frags_order_and_overlap),
		cmocka_unit_test(test_frags_refused),
		cmocka_unit_test(test_frags_bounded),
		cmocka_unit_test(test_label_keeps_the_better),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_write_summary),
		cmocka_unit_test(test_write_hostile_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
