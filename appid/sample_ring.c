/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "appid/sample_ring.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct sample_ring {
	struct ring_buffer *ring;
	void (*record)(const void *data, size_t len, void *arg);
	void *arg;
	unsigned taken, max;
};

static int on_record(void *ctx, void *data, size_t len)
{
	struct sample_ring *r = ctx;

	r->record(data, len, r->arg);
	return ++r->taken >= r->max ? -EINTR : 0; /* enough for now: the record counts as taken */
}

int sample_ring_open(int map_fd, void (*record)(const void *data, size_t len, void *arg), void *arg, struct sample_ring **ret)
{
	struct sample_ring *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->record = record;
	r->arg = arg;
	r->ring = ring_buffer__new(map_fd, on_record, r, NULL);
	if (!r->ring) {
		int err = errno;

		free(r);
		return err ? -err : -EINVAL;
	}
	*ret = r;
	return 0;
}

void sample_ring_close(struct sample_ring *r)
{
	if (!r)
		return;
	ring_buffer__free(r->ring);
	free(r);
}

int sample_ring_fd(const struct sample_ring *r)
{
	return ring_buffer__epoll_fd(r->ring);
}

int sample_ring_consume(struct sample_ring *r, unsigned max)
{
	int n;

	r->taken = 0;
	r->max = max;
	n = ring_buffer__consume(r->ring);
	return n < 0 && n != -EINTR ? n : (int)r->taken;
}

unsigned inspected_mark(int map_fd, const struct flow_key *keys, unsigned count)
{
	static const uint8_t ones[256] = { [0 ... 255] = 1 };
	unsigned failed = 0;

	for (unsigned i = 0; i < count;) {
		unsigned n = count - i < sizeof(ones) ? count - i : sizeof(ones), done = n;
		LIBBPF_OPTS(bpf_map_batch_opts, opts);

		if (bpf_map_update_batch(map_fd, keys + i, ones, &done, &opts) == 0) {
			i += n;
			continue;
		}
		/* the kernel says in `done` how many went in before the one that did not */
		if (done >= n)
			done = 0;
		failed++;
		i += done + 1;
	}
	return failed;
}
