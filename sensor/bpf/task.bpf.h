/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who a task is: owner of a socket, head of an event. */
#ifndef PG_BPF_TASK_BPF_H
#define PG_BPF_TASK_BPF_H

#include "sensor/bpf/common.bpf.h"

static __always_inline u64 task_cgroup_id(struct task_struct *t)
{
	return BPF_CORE_READ(t, cgroups, dfl_cgrp, kn, id);
}

static __always_inline u64 task_netns_cookie(struct task_struct *t)
{
	struct nsproxy *ns = BPF_CORE_READ(t, nsproxy);

	return ns ? (u64)BPF_CORE_READ(ns, net_ns, net_cookie) : 0;
}

static __always_inline u32 task_mnt_ns(struct task_struct *t)
{
	struct nsproxy *ns = BPF_CORE_READ(t, nsproxy);

	return ns ? BPF_CORE_READ(ns, mnt_ns, ns.inum) : 0;
}

static __always_inline u32 task_net_ns(struct task_struct *t)
{
	struct nsproxy *ns = BPF_CORE_READ(t, nsproxy);

	return ns ? BPF_CORE_READ(ns, net_ns, ns.inum) : 0;
}

/* Process 1 of its own pid namespace, which is not the node's. */
static __always_inline bool task_is_ns_init(struct task_struct *t)
{
	struct pid *pid = BPF_CORE_READ(t, thread_pid);
	u32 level = BPF_CORE_READ(pid, level);
	struct upid up = {};

	if (!level || level > 32)
		return false;
	bpf_probe_read_kernel(&up, sizeof(up), &pid->numbers[level]);
	return up.nr == 1;
}

/* A container's process is one whose mount or network namespace is not the node's. */
volatile const pg_u32 node_mnt_ns, node_net_ns; /* inode numbers of the node's own namespaces */

static __always_inline bool is_of_container(struct task_struct *t)
{
	u32 mnt = task_mnt_ns(t), net = task_net_ns(t);

	return (mnt && mnt != node_mnt_ns) || (net && net != node_net_ns);
}

static __always_inline void owner_of_task(struct pg_owner *o, struct task_struct *t, u64 netns_cookie, u32 flags)
{
	o->start_boot_ns = BPF_CORE_READ(t, group_leader, start_boottime);
	o->cgroup = task_cgroup_id(t);
	o->netns_cookie = netns_cookie;
	o->tgid = BPF_CORE_READ(t, tgid);
	o->flags = flags;
}

/* Everything of an event that the task says; the rest is zero. */
static __always_inline void event_of_task(struct pg_event *e, struct task_struct *t, u16 type)
{
	struct task_struct *parent = BPF_CORE_READ(t, group_leader, real_parent);

	__builtin_memset(e, 0, sizeof(*e));
	e->version = PG_ABI_VERSION;
	e->type = type;
	e->ts_ns = bpf_ktime_get_ns();
	e->cgroup = task_cgroup_id(t);
	e->start_boot_ns = BPF_CORE_READ(t, group_leader, start_boottime);
	e->netns_cookie = task_netns_cookie(t);
	e->tgid = BPF_CORE_READ(t, tgid);
	e->uid = BPF_CORE_READ(t, cred, uid.val);
	e->parent_tgid = BPF_CORE_READ(parent, tgid);
	e->parent_cgroup = task_cgroup_id(parent);
	e->parent_start_boot_ns = BPF_CORE_READ(parent, group_leader, start_boottime);
	e->mnt_ns_ino = task_mnt_ns(t);
	BPF_CORE_READ_STR_INTO(&e->comm, t, comm);
}

/* The address part of a socket event. */
static __always_inline void event_set_socket(struct pg_event *e, const struct sock *sk, u64 cookie, u8 proto)
{
	u16 port = BPF_CORE_READ(sk, __sk_common.skc_num);

	e->cookie = cookie;
	e->netns_cookie = BPF_CORE_READ(sk, __sk_common.skc_net.net, net_cookie);
	e->port = bpf_htons(port);
	e->proto = proto;
	if (BPF_CORE_READ(sk, __sk_common.skc_family) == AF_INET6) {
		BPF_CORE_READ_INTO(&e->addr, sk, __sk_common.skc_v6_rcv_saddr);
		e->v6only = BPF_CORE_READ_BITFIELD_PROBED(sk, __sk_common.skc_ipv6only);
	} else {
		addr_from_v4(e->addr, BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr));
	}
}

#endif
