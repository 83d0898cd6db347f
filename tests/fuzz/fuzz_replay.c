/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A capture file of any bytes through reader, link layers, tunnels, fragments, flows and writers. Every packet is in a flow or
 * skipped for a reason, and the rows add up to what was counted. The seeds are tools/gen/captures.py's. nDPI is left out:
 * it is not ours to fuzz here, and fuzz_inspect knows it. */
#include <stdlib.h>
#include <string.h>

#include "appid/replay_flows.h"
#include "appid/replay_write.h"

struct input {
	const uint8_t *p;
	size_t left, step;
};

static ssize_t give(void *arg, void *buf, size_t size)
{
	struct input *in = arg;
	size_t n = in->left < size ? in->left : size;

	if (n > in->step)
		n = in->step;
	memcpy(buf, in->p, n);
	in->p += n;
	in->left -= n;
	return (ssize_t)n;
}

struct sums {
	struct replay_writer *writer;
	uint64_t packets, bytes, flows;
};

static bool add(const struct replay_row *row, void *arg)
{
	struct sums *s = arg;

	s->packets += row->packets_to_server + row->packets_to_client;
	s->bytes += row->bytes_to_server + row->bytes_to_client;
	s->flows++;
	return replay_write_row(row, s->writer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct replay_options options = { .inspected = 64, .flows_max = 256 };
	/* The first byte of the input also says how it is cut into reads. */
	struct input in = { data, size, size && data[0] & 1 ? 7 : 4096 };
	const struct replay_stats *st;
	struct capture_packet p;
	struct replay_writer w;
	struct sums sums = { &w, 0, 0, 0 };
	uint64_t skipped = 0;
	struct capture *c;
	struct replay *r;
	FILE *out;

	if (capture_open(give, &in, &c) < 0)
		return 0;
	r = replay_new(&options, NULL, 1);
	out = fopen("/dev/null", "w");
	if (!r || !out)
		abort();
	while (capture_next(c, &p) == 1)
		replay_packet(r, &p);
	if (capture_stats(c)->end == CAPTURE_OPEN)
		abort();
	capture_close(c);
	replay_finish(r);
	replay_writer_init(&w, out, (enum replay_format)(size % REPLAY_FORMAT_MAX), NULL);
	replay_each(r, add, &sums);
	st = replay_stats(r);
	for (int i = 0; i < REPLAY_SKIP_MAX; i++)
		skipped += st->skipped[i];
	if (sums.packets != st->counted || sums.bytes != st->counted_bytes || sums.flows != st->flows)
		abort();
	if (st->counted + skipped + st->absorbed != st->packets)
		abort();
	replay_write_summary(st, out);
	replay_writer_done(&w);
	fclose(out);
	replay_free(r);
	return 0;
}
