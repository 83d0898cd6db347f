/* SPDX-License-Identifier: GPL-2.0-or-later */
/* System calls by workload: what first uses told, and what the kernel holds of containers that are there. */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "base/clock.h"
#include "sensor/core/core_priv.h"
#include "sensor/core/store_model.h"
#include "sensor/core/syscall_names.h"

#define WORKLOADS_MAX 4096
#define KERNEL_LOOK_NS (60 * NSEC_PER_SEC) /* after the start: all containers have their names by then */

struct workload_calls {
	UT_hash_handle hh;
	char workload[300];
	struct core_syscalls s, stored;
};

struct syscall_sets {
	struct workload_calls *by_name;
	int subscription;
	uint64_t looked_ns; /* since the start, when the kernel's table was read last */
};

static struct workload_calls *calls_of(struct syscall_sets *s, const char *workload)
{
	struct workload_calls *w;

	HASH_FIND_STR(s->by_name, workload, w);
	if (w || HASH_COUNT(s->by_name) >= WORKLOADS_MAX)
		return w;
	w = calloc(1, sizeof(*w));
	if (!w)
		return NULL;
	strncpy(w->workload, workload, sizeof(w->workload) - 1);
	HASH_ADD_STR(s->by_name, workload, w);
	if (w->hh.tbl)
		return w;
	free(w);
	return NULL;
}

static void on_event(const struct core_event_view *v, void *arg)
{
	struct core *c = arg;
	struct workload_calls *w;
	unsigned set = v->arch;

	if (v->runtime)
		set = v->flags & PG_EVF_FILTERED ? PG_SYSCALL_RUNTIME_FILTERED : PG_SYSCALL_RUNTIME;
	if (set >= PG_SYSCALL_SETS || v->syscall >= PG_SYSCALL_MAX)
		return;
	w = calls_of(c->priv->syscalls, v->container->workload);
	if (w)
		w->s.used[set].bits[v->syscall / 64] |= 1ULL << (v->syscall & 63);
}

int syscalls_start(struct core *c)
{
	struct syscall_sets *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	c->priv->syscalls = s;
	s->subscription = core_subscribe_events(c, 1U << CORE_EVENT_SYSCALL, on_event, c);
	return s->subscription < 0 ? s->subscription : 0;
}

void syscalls_stop(struct core *c)
{
	struct syscall_sets *s = c->priv->syscalls;
	struct workload_calls *w, *tmp;

	if (!s)
		return;
	core_unsubscribe_events(c, s->subscription);
	HASH_ITER(hh, s->by_name, w, tmp) {
		HASH_DEL(s->by_name, w);
		free(w);
	}
	free(s);
	c->priv->syscalls = NULL;
}

static void bits_add(struct pg_syscall_set_bits *to, const struct pg_syscall_set_bits *from)
{
	for (unsigned k = 0; k < PG_SYSCALL_MAX / 64; k++)
		to->bits[k] |= from->bits[k];
}

/* A core that was not there at the first uses finds them in the kernel's table. */
static void take_kernel(struct core *c)
{
	int fd = core_map_fd(c, "syscalls"), outside = core_map_fd(c, "syscalls_outside");
	struct pg_syscall_set_bits more;
	struct pg_syscall_bucket b;

	for (uint32_t i = 0; fd >= 0 && i < PG_SYSCALL_BUCKETS; i++) {
		if (bpf_map_lookup_elem(fd, &i, &b))
			return;
		for (unsigned way = 0; way < PG_SYSCALL_WAYS; way++) {
			const struct ident_container *ct = b.cgroup[way] ? core_container_of_cgroup(c, b.cgroup[way]) : NULL;
			struct workload_calls *w = ct ? calls_of(c->priv->syscalls, ct->workload) : NULL;

			if (!w)
				continue;
			for (unsigned set = 0; set < PG_SYSCALL_SETS; set++)
				bits_add(&w->s.used[set], &b.used[way][set]);
			if (outside >= 0 && !bpf_map_lookup_elem(outside, &b.cgroup[way], &more))
				bits_add(&w->s.used[PG_ARCH_NATIVE], &more);
		}
	}
}

bool syscalls_used(struct core *c, const struct ident_container *ct, bool (*is)(const char *name))
{
	int fd = core_map_fd(c, "syscalls"), outside = core_map_fd(c, "syscalls_outside");
	uint32_t i = pg_syscall_bucket_of(ct->cgroup);
	struct pg_syscall_set_bits more = {};
	struct pg_syscall_bucket b;

	if (fd < 0 || !ct->cgroup || bpf_map_lookup_elem(fd, &i, &b))
		return false;
	if (outside >= 0 && !bpf_map_lookup_elem(outside, &ct->cgroup, &more))
		for (unsigned way = 0; way < PG_SYSCALL_WAYS; way++)
			if (b.cgroup[way] == ct->cgroup)
				bits_add(&b.used[way][PG_ARCH_NATIVE], &more);
	for (unsigned way = 0; way < PG_SYSCALL_WAYS; way++)
		for (unsigned bit = 0; b.cgroup[way] == ct->cgroup && bit < PG_ARCH_MAX * PG_SYSCALL_MAX; bit++) {
			unsigned arch = bit / PG_SYSCALL_MAX, nr = bit % PG_SYSCALL_MAX;

			if (b.used[way][arch].bits[nr / 64] & 1ULL << (nr & 63) && is(syscall_name((uint8_t)arch, (uint16_t)nr)))
				return true;
		}
	return false;
}

static void stored_cb(const char *workload, const void *sets, size_t len, void *arg)
{
	struct core *c = arg;
	struct workload_calls *w = len == sizeof(w->s) ? calls_of(c->priv->syscalls, workload) : NULL;

	if (!w)
		return;
	memcpy(&w->stored, sets, len);
	for (unsigned set = 0; set < PG_SYSCALL_SETS; set++)
		for (unsigned k = 0; k < PG_SYSCALL_MAX / 64; k++)
			w->s.used[set].bits[k] |= w->stored.used[set].bits[k];
}

void syscalls_load(struct core *c, struct model_store *store)
{
	if (c->priv && c->priv->syscalls)
		store_syscalls_each(store, WORKLOADS_MAX, stored_cb, c);
}

/* Each first use is told; but before the start there may have been no core to tell. The kernel's table is large: it is read at twice
 * the time each time, the last time when all containers surely have their names. */
static void look_again(struct core *c)
{
	struct syscall_sets *s = c->priv->syscalls;
	uint64_t since = clock_mono_ns() - c->start_mono_ns;

	if (s->looked_ns >= KERNEL_LOOK_NS || since < 2 * s->looked_ns)
		return;
	s->looked_ns = since;
	take_kernel(c);
}

void syscalls_save(struct core *c, struct model_store *store)
{
	struct workload_calls *w, *tmp;

	if (!store || !c->priv || !c->priv->syscalls)
		return;
	look_again(c);
	HASH_ITER(hh, c->priv->syscalls->by_name, w, tmp) {
		if (!memcmp(&w->s, &w->stored, sizeof(w->s)))
			continue;
		store_syscalls_put(store, w->workload, &w->s, sizeof(w->s));
		w->stored = w->s;
	}
}

void core_each_syscalls(struct core *c, const char *workload,
			void (*cb)(const char *workload, const struct core_syscalls *s, void *arg), void *arg)
{
	struct workload_calls *w, *tmp;

	if (!c->priv->syscalls)
		return;
	take_kernel(c);
	HASH_ITER(hh, c->priv->syscalls->by_name, w, tmp)
		if (!workload[0] || !strcmp(w->workload, workload))
			cb(w->workload, &w->s, arg);
}
