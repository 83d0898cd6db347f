/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "appid/sample_ring.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "sensor/bpf/abi.h"

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

int inspected_open(int map_fd, struct pg_inspected **ret)
{
	void *m = mmap(NULL, sizeof(struct pg_inspected), PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);

	if (m == MAP_FAILED)
		return -errno;
	*ret = m;
	return 0;
}

void inspected_mark(struct pg_inspected *t, uint32_t serial)
{
	__atomic_store_n(&t->serial[serial % PG_INSPECTED_SLOTS], serial, __ATOMIC_RELAXED);
}

void inspected_close(struct pg_inspected *t)
{
	if (t)
		munmap(t, sizeof(*t));
}
