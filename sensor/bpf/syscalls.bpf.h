/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The buckets of system calls: a cgroup's place in them is made when a process of a container execs in it (or was found there
 * by the iterator) and given up when the cgroup is removed. */
#ifndef PG_BPF_SYSCALLS_BPF_H
#define PG_BPF_SYSCALLS_BPF_H

#include "sensor/bpf/task.bpf.h"

static __always_inline struct pg_syscall_bucket *syscalls_bucket(u64 cgroup)
{
	u32 i = pg_syscall_bucket_of(cgroup);

	return bpf_map_lookup_elem(&syscalls, &i);
}

static __always_inline void syscalls_watch(u64 cgroup)
{
	struct pg_syscall_bucket *b = syscalls_bucket(cgroup);

	if (!b || !cgroup)
		return;
	for (int i = 0; i < PG_SYSCALL_WAYS; i++)
		if (b->cgroup[i] == cgroup)
			return;
	for (int i = 0; i < PG_SYSCALL_WAYS; i++)
		if (!b->cgroup[i] && !__sync_val_compare_and_swap(&b->cgroup[i], 0, cgroup))
			return;
	count_add(PG_CTR_SYSCALL_REFUSED, 1);
}

static __always_inline void syscalls_unwatch(u64 cgroup)
{
	struct pg_syscall_bucket *b = syscalls_bucket(cgroup);

	for (int i = 0; b && i < PG_SYSCALL_WAYS; i++) {
		if (b->cgroup[i] != cgroup)
			continue;
		__builtin_memset(&b->used[i], 0, sizeof(b->used[i]));
		b->cgroup[i] = 0;
	}
	bpf_map_delete_elem(&syscalls_outside, &cgroup);
}

#endif
