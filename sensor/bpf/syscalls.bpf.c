/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which system calls a container uses. Runs at every system call of the machine: of one that its cgroup has used before, or
 * of a cgroup that is not watched, nothing more is done than to find that out. */
#include "sensor/bpf/ledger.bpf.h"
#include "sensor/bpf/syscalls.bpf.h"

char LICENSE[] SEC("license") = "GPL";

#define TS_COMPAT 2          /* thread_info.status: within a 32-bit system call (x86) */
#define X32_BIT 0x40000000
#define PF_FORKNOEXEC 0x40
#define CAP_NET_RAW 13
#define AF_PACKET 17
#define NR_SOCKET 41
#define NR_IA32_SOCKET 359
#define NR_IA32_SOCKETCALL 102
#define SOCKETCALL_SOCKET 1
#define SECCOMP_MODE_FILTER 2
#define ANCESTORS_MAX 12

/* The runtime's own process, on its way into the container: it came from outside, runs a program of outside, and has not
 * started one of the container's yet. */
static __noinline bool is_runtime(struct task_struct *t)
{
	struct task_struct *parent = BPF_CORE_READ(t, group_leader, real_parent);
	struct file *exe;
	struct vfsmount *vfsmnt;
	struct mount *mnt;

	if (!(BPF_CORE_READ(t, flags) & PF_FORKNOEXEC) || task_cgroup_id(parent) == task_cgroup_id(t))
		return false;
	exe = BPF_CORE_READ(t, mm, exe_file);
	if (!exe)
		return false;
	vfsmnt = BPF_CORE_READ(exe, f_path.mnt);
	mnt = (void *)vfsmnt - bpf_core_field_offset(struct mount, mnt);
	return BPF_CORE_READ(mnt, mnt_ns) != BPF_CORE_READ(t, nsproxy, mnt_ns);
}

/* The first process of the task's pid namespace is in that cgroup. Not so with the node's or another container's pid namespace: whoever
 * is in such a cgroup came from outside, and none is another's guest. */
static __noinline int has_first_process(struct task_struct *t, u64 cgroup)
{
	struct pid *pid = BPF_CORE_READ(t, thread_pid);
	u32 level = BPF_CORE_READ(pid, level);
	struct upid up = {};

	if (!level || level > 32)
		return 0;
	bpf_probe_read_kernel(&up, sizeof(up), &pid->numbers[level]);
	return task_cgroup_id(BPF_CORE_READ(up.ns, child_reaper)) == cgroup;
}

/* docker exec, health checks: neither the container's first process nor a child of it. */
static __noinline int came_from_outside(void)
{
	struct task_struct *t = bpf_get_current_task_btf(), *parent;
	u64 cgroup = t->cgroups->dfl_cgrp->kn->id;

	for (int i = 0; i < ANCESTORS_MAX; i++) {
		parent = t->group_leader->real_parent;
		if (parent->cgroups->dfl_cgrp->kn->id != cgroup)
			return !task_is_ns_init(t->group_leader) && has_first_process(t->group_leader, cgroup);
		t = parent;
	}
	return 0;
}

static const struct pg_syscall_set_bits no_bits;

/* Which calls the last of these tasks on this CPU used that were known to be its kind's: it need not be asked again where it came
 * from. Another task in between only makes it be asked again; a parent that ends changes what it is. */
struct outside_seen {
	u64 cgroup, start;
	u32 pid, parent;
	u64 bits[PG_SYSCALL_MAX / 64];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct outside_seen);
} outside_seen SEC(".maps");

static __always_inline bool outside_is(const struct outside_seen *s, struct task_struct *t, u64 cgroup)
{
	return s->pid == (u32)t->pid && s->start == t->start_boottime && s->cgroup == cgroup &&
	       s->parent == (u32)t->group_leader->real_parent->tgid;
}

static __always_inline bool outside_known(struct task_struct *t, u64 cgroup, u32 nr)
{
	u32 zero = 0;
	struct outside_seen *s = bpf_map_lookup_elem(&outside_seen, &zero);

	return s && outside_is(s, t, cgroup) && s->bits[nr / 64] & 1ULL << (nr & 63);
}

static __noinline int outside_note(u32 nr)
{
	struct task_struct *t = bpf_get_current_task_btf();
	u64 cgroup = t->cgroups->dfl_cgrp->kn->id;
	u32 zero = 0;
	struct outside_seen *s = bpf_map_lookup_elem(&outside_seen, &zero);

	if (!s || nr >= PG_SYSCALL_MAX)
		return 0;
	if (!outside_is(s, t, cgroup)) {
		__builtin_memset(s, 0, sizeof(*s));
		s->cgroup = cgroup;
		s->start = t->start_boottime;
		s->parent = t->group_leader->real_parent->tgid;
		s->pid = t->pid;
	}
	s->bits[nr / 64] |= 1ULL << (nr & 63);
	return 0;
}

/* The place of a call's bit among those of who came from outside. NULL: there is no room. */
static __always_inline u64 *outside_word(u64 cgroup, u32 nr)
{
	struct pg_syscall_set_bits *b = bpf_map_lookup_elem(&syscalls_outside, &cgroup);

	if (!b) {
		bpf_map_update_elem(&syscalls_outside, &cgroup, &no_bits, BPF_NOEXIST);
		b = bpf_map_lookup_elem(&syscalls_outside, &cgroup);
	}
	return b ? &b->bits[nr / 64] : NULL;
}

static __noinline int first_use(struct pg_syscall_bucket *b, u32 way, u32 arch, u32 nr)
{
	struct task_struct *t = (void *)bpf_get_current_task();
	u64 bit = 1ULL << (nr & 63), *word, *outside;
	struct pg_event e;
	u32 set = arch, flags = 0;

	if (!b || way >= PG_SYSCALL_WAYS || arch >= PG_ARCH_MAX || nr >= PG_SYSCALL_MAX)
		return 0;
	if (is_runtime(t)) {
		flags = PG_EVF_RUNTIME;
		set = PG_SYSCALL_RUNTIME;
		if (BPF_CORE_READ(t, seccomp.mode) == SECCOMP_MODE_FILTER) {
			flags |= PG_EVF_FILTERED;
			set = PG_SYSCALL_RUNTIME_FILTERED;
		}
	}
	word = &b->used[way][set].bits[nr / 64];
	if (!flags && arch == PG_ARCH_NATIVE && came_from_outside()) {
		outside = outside_word(b->cgroup[way], nr);
		if (outside) {
			flags = PG_EVF_OUTSIDE;
			word = outside;
		}
	}
	if (__sync_fetch_and_or(word, bit) & bit) {
		if (flags == PG_EVF_OUTSIDE)
			outside_note(nr);
		return 0;
	}
	event_of_task(&e, t, PG_EV_SYSCALL);
	e.syscall = nr;
	e.arch = arch;
	e.flags = flags;
	if (!event_send(&e))
		__sync_fetch_and_and(word, ~bit); /* told at the next use */
	return 0;
}

/* Packet sockets pass no hook of cgroups. */
static __noinline int packet_socket(u32 family, u32 type)
{
	struct task_struct *t = (void *)bpf_get_current_task();
	struct pg_event e;
	u64 caps;

	if (family != AF_PACKET)
		return 0;
	BPF_CORE_READ_INTO(&caps, t, cred, cap_effective);
	if (!(caps & 1ULL << CAP_NET_RAW))
		return 0; /* it will be refused */
	event_of_task(&e, t, PG_EV_RAW);
	e.family = AF_PACKET;
	e.sock_type = type & 0xf;
	event_send(&e);
	return 0;
}

static __noinline int socket_call(struct pt_regs *regs, u32 arch, u32 nr)
{
	u32 args[2] = {}, *at;

	if (arch != PG_ARCH_IA32)
		return packet_socket(BPF_CORE_READ(regs, di), BPF_CORE_READ(regs, si));
	if (nr == NR_IA32_SOCKET)
		return packet_socket(BPF_CORE_READ(regs, bx), BPF_CORE_READ(regs, cx));
	at = (void *)BPF_CORE_READ(regs, cx);
	if (BPF_CORE_READ(regs, bx) == SOCKETCALL_SOCKET && !bpf_probe_read_user(args, sizeof(args), at))
		return packet_socket(args[0], args[1]);
	return 0;
}

/* What every system call of the machine pays, so no helper but one: on CPUs that mend returns (SRSO, retbleed) each costs 10 to
 * 30 ns, as much as all the rest. The cgroup comes by plain loads, for that reason. */
SEC("tp_btf/sys_enter")
int BPF_PROG(syscall_enter, struct pt_regs *regs, long id)
{
	struct task_struct *t = bpf_get_current_task_btf();
	u64 cgroup = t->cgroups->dfl_cgrp->kn->id;
	struct pg_syscall_bucket *b = syscalls_bucket(cgroup);
	u32 nr = (u32)id, arch = PG_ARCH_NATIVE, way;

	if (!b)
		return 0;
	if (b->cgroup[0] == cgroup)
		way = 0;
	else if (b->cgroup[1] == cgroup)
		way = 1;
	else if (b->cgroup[2] == cgroup)
		way = 2;
	else if (b->cgroup[3] == cgroup)
		way = 3;
	else
		return 0;
	if (t->thread_info.status & TS_COMPAT) {
		arch = PG_ARCH_IA32;
	} else if (nr & X32_BIT) {
		nr &= ~X32_BIT;
		arch = PG_ARCH_X32;
	}
	if (nr >= PG_SYSCALL_MAX)
		return 0;
	if (!(b->used[way][arch].bits[nr / 64] & 1ULL << (nr & 63)) && !(arch == PG_ARCH_NATIVE && outside_known(t, cgroup, nr)))
		first_use(b, way, arch, nr);
	if (arch == PG_ARCH_IA32 ? nr == NR_IA32_SOCKET || nr == NR_IA32_SOCKETCALL : nr == NR_SOCKET)
		socket_call(regs, arch, nr);
	return 0;
}
