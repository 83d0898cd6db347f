/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Processes of containers: exec, fork, exit; new cgroups. A container's process is one whose mount or network namespace
 * is not the node's. */
#include "sensor/bpf/exe_path.bpf.h"

char LICENSE[] SEC("license") = "GPL";

volatile const pg_u32 node_mnt_ns, node_net_ns; /* inode numbers of the node's own namespaces */

enum { SCRATCH_EXEC, SCRATCH_CGROUP, SCRATCH_COUNT };

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SCRATCH_COUNT);
	__type(key, u32);
	__type(value, struct exe_scratch);
} event_scratch SEC(".maps");

static __always_inline bool is_of_container(struct task_struct *t)
{
	u32 mnt = task_mnt_ns(t), net = task_net_ns(t);

	return (mnt && mnt != node_mnt_ns) || (net && net != node_net_ns);
}

/* Puts the event in front of its text, which ends at the end of s->text, and sends both as one record. */
static __always_inline void event_send_text(struct pg_event *e, struct exe_scratch *s, u32 len)
{
	u32 at = PG_TEXT_MAX - len;
	u64 flags = events_wake_flags(e->ts_ns);

	e->text_len = len;
	if (len > PG_TEXT_MAX || at > PG_TEXT_MAX)
		return;
	bpf_probe_read_kernel((u8 *)s + at, sizeof(*e), e);
	if (bpf_ringbuf_output(&events, (u8 *)s + at, sizeof(*e) + len, flags))
		count_add(PG_CTR_EVENT_LOST, 1);
	else
		count_add(PG_CTR_EVENTS, 1);
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(process_exec, struct task_struct *t, pid_t old_pid, struct linux_binprm *bprm)
{
	u32 which = SCRATCH_EXEC;
	struct exe_scratch *s = bpf_map_lookup_elem(&event_scratch, &which);
	struct pg_event e;
	u32 len;

	if (!s || !is_of_container(t))
		return 0;
	event_of_task(&e, t, PG_EV_EXEC);
	len = exe_describe(t, &e, s);
	event_send_text(&e, s, len);
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
	u64 flags;
	long n;

	if (!s || BPF_CORE_READ(cgrp, root, hierarchy_id)) /* 0: the v2 hierarchy */
		return 0;
	e = (void *)s->room;
	event_of_task(e, (void *)bpf_get_current_task(), PG_EV_CGROUP);
	e->cgroup = BPF_CORE_READ(cgrp, kn, id);
	n = bpf_probe_read_kernel_str(s->text, sizeof(s->text), path);
	if (n <= 0 || n > PG_TEXT_MAX)
		return 0;
	if (n == PG_TEXT_MAX)
		e->flags |= PG_EVF_TEXT_CUT;
	e->text_len = n - 1;
	flags = events_wake_flags(e->ts_ns);
	if (bpf_ringbuf_output(&events, s, sizeof(*e) + ((n - 1) & (PG_TEXT_MAX - 1)), flags))
		count_add(PG_CTR_EVENT_LOST, 1);
	else
		count_add(PG_CTR_EVENTS, 1);
	return 0;
}
