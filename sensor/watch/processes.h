/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Process table: (tgid, start time) -> executable, cgroup, parent. Fed by the event ring and the iterators. A process
 * stays known for PROC_LINGER_NS after its exit and while referenced, so that its last flows find it. Index 0 means
 * "unknown" everywhere. Pure; one thread. */
#ifndef PG_SENSOR_WATCH_PROCESSES_H
#define PG_SENSOR_WATCH_PROCESSES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sensor/bpf/abi.h"

#define PROC_LINGER_NS (30ULL * 1000000000ULL)

struct process {
	uint32_t tgid, uid;
	uint64_t start_boot_ns;
	uint64_t cgroup, netns_cookie;
	uint32_t parent;        /* index, 0: unknown */
	uint32_t parent_tgid;
	const char *exe;        /* as its mount namespace sees it, sanitised; interned; never NULL ("" unknown) */
	const char *script;     /* path of the script whose interpreter exe is, as its caller wrote it, in the file's place or among the
				 * interpreter's arguments (script_arg.h); "" none, or not known */
	const char *cwd;        /* where it was when it was started, of one that has a script; "" not known */
	const char *args;       /* arguments in the kept form of args.h, secrets taken out; "" unknown */
	uint64_t exe_ino;
	uint32_t exe_dev;
	uint32_t flags;         /* enum pg_event_flag */
	uint32_t mnt_ns;        /* inode of its mount namespace when it was started; 0 unknown */
	uint64_t exit_mono_ns;  /* 0: alive */
	bool args_asked;        /* the node is being asked for args, or was in vain */
	bool entered;           /* was put into its cgroup from outside: a container's first process, docker exec, health check */
	char comm[16];
};

struct processes;
struct processes *processes_new(size_t max);
void processes_free(struct processes *p);
/* Takes in EXEC, FORK, EXIT, PROCESS events; text is ev->text_len bytes. Others are ignored. 0, -ENOSPC (counted), -ENOMEM. */
int processes_event(struct processes *p, const struct pg_event *ev, const char *text);
/* Between these two calls every living process is told by a PROCESS event: one that began before and is not among them has
 * ended, though its end was not told. */
void processes_sweep_begin(struct processes *p, uint64_t now_mono_ns);
void processes_sweep_end(struct processes *p);
/* The next living process from index from on that was there before the sensor and whose arguments nobody asked for yet;
 * marks it as asked. 0: none. */
uint32_t processes_want_args(struct processes *p, uint32_t from);
/* What the node says of a process's arguments, for one that was there before; len bytes, NUL-separated. 0, -ENOENT, -ENOMEM. */
int processes_set_args(struct processes *p, uint32_t index, const char *raw, size_t len);
/* Index of the process, 0: not known. start_boot_ns 0 matches the youngest with that tgid. */
uint32_t processes_find(struct processes *p, uint32_t tgid, uint64_t start_boot_ns);
/* NULL for 0 or a forgotten index; valid until processes_expire(). */
const struct process *processes_get(struct processes *p, uint32_t index);
void processes_ref(struct processes *p, uint32_t index);
void processes_unref(struct processes *p, uint32_t index);
void processes_expire(struct processes *p, uint64_t now_mono_ns);
size_t processes_count(const struct processes *p);
uint64_t processes_refused(const struct processes *p);
void processes_each(struct processes *p, void (*cb)(uint32_t index, const struct process *pr, void *arg), void *arg);

#endif
