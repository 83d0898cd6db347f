/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Processes of containers: exec, fork, exit; cgroups made and removed. */
#include "sensor/bpf/exe_path.bpf.h"
#include "sensor/bpf/ledger.bpf.h"
#include "sensor/bpf/syscalls.bpf.h"

char LICENSE[] SEC("license") = "GPL";

enum { SCRATCH_EXEC, SCRATCH_CWD, SCRATCH_CGROUP, SCRATCH_COUNT };

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SCRATCH_COUNT);
	__type(key, u32);
	__type(value, struct exe_scratch);
} event_scratch SEC(".maps");

/* The working directory, for the name of a script that is relative to it; to s->more + at. Returns its length; 0: too long. */
static __always_inline u32 cwd_describe(struct task_struct *t, struct exe_scratch *s, u32 at)
{
	u32 which = SCRATCH_CWD, len;
	struct exe_scratch *room = bpf_map_lookup_elem(&event_scratch, &which);
	struct path_walk w = { .at = PG_TEXT_MAX };

	if (!room || at >= PG_SCRIPT_MAX)
		return 0;
	len = path_write(&w, BPF_CORE_READ(t, fs, pwd.dentry), BPF_CORE_READ(t, fs, pwd.mnt), room->text);
	if (!len && !w.cut) { /* the root itself */
		s->more[at] = '/';
		return 1;
	}
	if (w.cut || len >= PG_CWD_MAX)
		return 0;
	bpf_probe_read_kernel(s->more + at, len, &room->text[PG_TEXT_MAX - len]);
	return len;
}

static __always_inline u32 script_describe(struct linux_binprm *bprm, struct pg_event *e, struct exe_scratch *s)
{
	const char *filename = BPF_CORE_READ(bprm, filename);
	long n;

	if (filename == BPF_CORE_READ(bprm, interp))
		return 0;
	n = bpf_probe_read_kernel_str(s->more, PG_SCRIPT_MAX, filename);
	if (n == PG_SCRIPT_MAX)
		e->flags |= PG_EVF_TEXT_CUT;
	return n > 0 ? (n - 1) & (PG_SCRIPT_MAX - 1) : 0;
}

/* Script, working directory and arguments, behind the path. Returns their length together. */
static __always_inline u32 exec_describe(struct task_struct *t, struct linux_binprm *bprm, struct pg_event *e, struct exe_scratch *s)
{
	u64 start = BPF_CORE_READ(t, mm, arg_start), end = BPF_CORE_READ(t, mm, arg_end), len;
	u32 at = script_describe(bprm, e, s);

	e->script_len = at;
	/* else the arguments may name a script (sh run.sh) */
	if (at ? s->more[0] != '/' : BPF_CORE_READ(bprm, argc) > 1) {
		e->cwd_len = cwd_describe(t, s, at);
		at += e->cwd_len;
	}
	if (end <= start || at >= PG_SCRIPT_MAX + PG_CWD_MAX)
		return at;
	len = end - start;
	if (len > PG_ARGS_MAX) {
		len = PG_ARGS_MAX;
		e->flags |= PG_EVF_ARGS_CUT;
	}
	/* A page that is not there (swapped out meanwhile) cannot be waited for here. */
	if (bpf_probe_read_user(s->more + at, bounded(len, PG_ARGS_MAX), (void *)start)) {
		e->flags |= PG_EVF_ARGS_CUT;
		return at;
	}
	return at + len;
}

/* Puts the event in front of its text, of which len bytes end at the end of s->text and more follow there, and sends all as
 * one record. */
static __always_inline void event_send_text(struct pg_event *e, struct exe_scratch *s, u32 len, u32 more)
{
	u32 at = PG_TEXT_MAX - len;

	e->text_len = len + more;
	if (len > PG_TEXT_MAX || at > PG_TEXT_MAX || more > sizeof(s->more))
		return;
	bpf_probe_read_kernel((u8 *)s + at, sizeof(*e), e);
	event_put(e->cgroup, e->ts_ns, (u8 *)s + at, sizeof(*e) + len + more);
}

/* The runtime starts itself: already in the container's cgroup, not yet among its mounts. */
static __always_inline bool is_on_its_way_in(struct task_struct *t, const struct pg_event *e)
{
	struct task_struct *parent = BPF_CORE_READ(t, group_leader, real_parent);

	return e->parent_cgroup != e->cgroup && e->mnt_ns_ino == task_mnt_ns(parent);
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(process_exec, struct task_struct *t, pid_t old_pid, struct linux_binprm *bprm)
{
	u32 which = SCRATCH_EXEC;
	struct exe_scratch *s = bpf_map_lookup_elem(&event_scratch, &which);
	struct pg_event e;
	u32 len, more;

	if (!s || !is_of_container(t))
		return 0;
	event_of_task(&e, t, PG_EV_EXEC);
	if (is_on_its_way_in(t, &e))
		e.flags |= PG_EVF_RUNTIME;
	syscalls_watch(e.cgroup);
	len = exe_describe(t, &e, s);
	more = exec_describe(t, bprm, &e, s);
	event_send_text(&e, s, len, more);
	return 0;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(process_fork, struct task_struct *parent, struct task_struct *child)
{
	struct pg_event e;

	if (BPF_CORE_READ(child, pid) != BPF_CORE_READ(child, tgid) || !is_of_container(child))
		return 0;
	event_of_task(&e, child, PG_EV_FORK);
	event_send(&e);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(process_exit, struct task_struct *t)
{
	struct pg_event e;

	if (BPF_CORE_READ(t, signal, live.counter) || !is_of_container(t))
		return 0;
	event_of_task(&e, t, PG_EV_EXIT);
	event_send(&e);
	return 0;
}

SEC("tp_btf/cgroup_mkdir")
int BPF_PROG(cgroup_made, struct cgroup *cgrp, const char *path)
{
	u32 which = SCRATCH_CGROUP;
	struct exe_scratch *s = bpf_map_lookup_elem(&event_scratch, &which);
	struct pg_event *e;
	long n;

	if (!s || BPF_CORE_READ(cgrp, root, hierarchy_id)) /* 0: the v2 hierarchy */
		return 0;
	e = (void *)s->room;
	event_of_task(e, (void *)bpf_get_current_task(), PG_EV_CGROUP);
	e->parent_cgroup = e->cgroup;
	e->cgroup = BPF_CORE_READ(cgrp, kn, id);
	n = bpf_probe_read_kernel_str(s->text, sizeof(s->text), path);
	if (n <= 0 || n > PG_TEXT_MAX)
		return 0;
	if (n == PG_TEXT_MAX)
		e->flags |= PG_EVF_TEXT_CUT;
	e->text_len = n - 1;
	event_put(e->parent_cgroup, e->ts_ns, s, sizeof(*e) + ((n - 1) & (PG_TEXT_MAX - 1)));
	return 0;
}

SEC("tp_btf/cgroup_rmdir")
int BPF_PROG(cgroup_removed, struct cgroup *cgrp, const char *path)
{
	struct pg_event e;

	if (BPF_CORE_READ(cgrp, root, hierarchy_id))
		return 0;
	event_of_task(&e, (void *)bpf_get_current_task(), PG_EV_CGROUP_GONE);
	e.parent_cgroup = e.cgroup;
	e.cgroup = BPF_CORE_READ(cgrp, kn, id);
	syscalls_unwatch(e.cgroup);
	event_put(e.parent_cgroup, e.ts_ns, &e, sizeof(e));
	return 0;
}
