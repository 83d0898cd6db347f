/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Replay as a whole, in this process, so that the sanitizers see it: every capture of the generator and, where they are present,
 * of the reference sets (PIERGLASS_DATA, default ../shared/data) accounts for each packet; memory grows with flows, not with
 * packets or bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "appid/ndpi_engine.h"
#include "appid/replay_capture.h"
#include "appid/replay_flows.h"

static bool count_row(const struct replay_row *row, void *arg)
{
	assert_non_null(row->app);
	assert_true(row->app[0]);
	assert_true(row->packets_to_server + row->packets_to_client > 0);
	++*(uint64_t *)arg;
	return true;
}

static void replay_all(struct capture *c, struct ndpi_engine *engine)
{
	const struct replay_options options = { 0 };
	struct replay *r = replay_new(&options, engine, 1);
	const struct replay_stats *s;
	struct capture_packet p;
	uint64_t rows = 0, skipped = 0;

	assert_non_null(r);
	while (capture_next(c, &p) == 1)
		replay_packet(r, &p);
	replay_finish(r);
	s = replay_stats(r);
	assert_int_equal(s->packets, capture_stats(c)->packets);
	for (int i = 0; i < REPLAY_SKIP_MAX; i++)
		skipped += s->skipped[i];
	assert_int_equal(s->packets, s->counted + skipped + s->absorbed);
	replay_each(r, count_row, &rows);
	assert_int_equal(rows, s->flows);
	replay_free(r);
}

static unsigned directory(const char *path, struct ndpi_engine *engine)
{
	DIR *dir = opendir(path);
	struct dirent *d;
	unsigned n = 0;

	while (dir && (d = readdir(dir))) {
		struct capture *c = NULL;
		char name[1024];
		int fd;

		snprintf(name, sizeof(name), "%s/%s", path, d->d_name);
		if (!strstr(d->d_name, ".pcap"))
			continue;
		fd = open(name, O_RDONLY | O_CLOEXEC);
		assert_true(fd >= 0);
		if (capture_open_fd(fd, &c) == 0) {
			replay_all(c, engine);
			n++;
		}
		capture_close(c);
		close(fd);
	}
	if (dir)
		closedir(dir);
	return n;
}

static void test_every_capture(void **state)
{
	static const char *const families[] = { "pcap-ndpi", "pcap-suricata", "pcap-malformed", "pcap-vxlan" };
	const char *data = getenv("PIERGLASS_DATA") ?: "../shared/data";
	struct ndpi_engine *engine = ndpi_engine_new();
	char path[800];
	unsigned n = 0;

	assert_non_null(engine);
	assert_true(directory("tests/fuzz/seeds/replay", engine) > 20);
	for (unsigned i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", data, families[i]);
		n += directory(path, engine);
	}
	print_message("# %u captures of the reference sets\n", n);
	ndpi_engine_free(engine);
}

/* ---- memory ------------------------------------------------------------------------------------------------ */
/* A capture that is made while it is read: connections in turn, each a request, an answer, then data. */
struct made {
	uint32_t flows, packets, flow, packet;
	uint16_t size; /* of a data packet's payload */
	uint8_t buf[2000];
	size_t at, len;
};

static void put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void made_next(struct made *m)
{
	static const char get[] = "GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n", ok[] = "HTTP/1.1 200 OK\r\nServer: made\r\n\r\n";
	const char *text = m->packet == 0 ? get : m->packet == 1 ? ok : NULL;
	bool back = m->packet > 0;
	uint32_t len = text ? (uint32_t)strlen(text) : m->size, n = m->flow * m->packets + m->packet;
	uint32_t head[4] = { 1700000000 + n / 1000000, n % 1000000, 40 + len, 40 + len }, seq = 1000 + m->packet * 10000;
	uint32_t client = htobe32(0x0a000000 + m->flow), server = htobe32(0x0b000001);
	uint8_t *ip = m->buf + 16;

	memset(m->buf, 'x', sizeof(m->buf));
	memcpy(m->buf, head, sizeof(head));
	memset(ip, 0, 40);
	ip[0] = 0x45;
	put16(ip + 2, 40 + len);
	ip[9] = 6;
	memcpy(ip + 12, back ? &server : &client, 4);
	memcpy(ip + 16, back ? &client : &server, 4);
	put16(ip + 20, back ? 80 : 40000);
	put16(ip + 22, back ? 40000 : 80);
	put16(ip + 24, seq >> 16);
	put16(ip + 26, seq & 0xffff);
	ip[32] = 0x50;
	ip[33] = 0x18;
	if (text)
		memcpy(ip + 40, text, len);
	m->at = 0;
	m->len = 16 + 40 + len;
	m->packet = m->packet + 1 == m->packets ? 0 : m->packet + 1;
	m->flow += !m->packet;
}

static ssize_t made_read(void *arg, void *buf, size_t size)
{
	struct made *m = arg;
	size_t n;

	if (m->at == m->len && m->flow < m->flows)
		made_next(m);
	n = m->len - m->at < size ? m->len - m->at : size;
	memcpy(buf, m->buf + m->at, n);
	m->at += n;
	return (ssize_t)n;
}

/* Peak of a process that replays so much, in KiB. */
static long peak_kib(uint32_t flows, uint32_t packets, uint16_t size)
{
	static const uint32_t head[6] = { 0xa1b2c3d4, 2 | 4 << 16, 0, 0, 65535, 101 };
	struct rusage used;
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (!pid) {
		struct made m = { .flows = flows, .packets = packets, .size = size, .len = sizeof(head) };
		struct capture *c;

		memcpy(m.buf, head, sizeof(head));
		if (capture_open(made_read, &m, &c) < 0)
			_exit(1);
		replay_all(c, NULL);
		_exit(capture_stats(c)->packets == (uint64_t)flows * packets ? 0 : 1);
	}
	assert_int_equal(wait4(pid, &status, 0, &used), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	return used.ru_maxrss;
}

static void test_memory_is_linear(void **state)
{
	/* the inspector's own room (24 MiB of first bytes, 16384 flows) is full in each of them */
	long one = peak_kib(50000, 4, 100), two = peak_kib(100000, 4, 100), four = peak_kib(200000, 4, 100);
	long more = peak_kib(50000, 12, 100), large = peak_kib(50000, 4, 1400);

	print_message("# peak KiB: 50,000 flows %ld, 100,000 %ld, 200,000 %ld; 50,000 of three times the packets %ld, of large ones %ld\n", one, two,
		      four, more, large);
#ifndef PG_SAN /* there freed memory is held back */
	assert_true(four - two <= 2 * (two - one) + 4096);
	assert_true((four - one) * 1024 / 150000 <= 450); /* bytes a flow; what is meant is 300 */
	assert_true(more <= one + 8192);
	assert_true(large <= one + 8192);
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory_is_linear),
		cmocka_unit_test(test_every_capture),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
