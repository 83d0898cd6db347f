/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What was there before the sensor: processes, and the sockets that processes in any namespace hold. Read through a
 * descriptor; each read runs the program for as many tasks or files as fit. A record that did not fit is offered again by
 * the kernel, so nothing is remembered as told before it was written. */
#include "sensor/bpf/exe_path.bpf.h"
#include "sensor/bpf/owner.bpf.h"
#include "sensor/bpf/syscalls.bpf.h"

char LICENSE[] SEC("license") = "GPL";

#define TCP_LISTEN_STATE 10
#define SOCK_BINDPORT_LOCK 8

pg_u32 pass; /* set by the loader for each run over the sockets */

enum { SCRATCH_PROCESS, SCRATCH_COUNT };

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SCRATCH_COUNT);
	__type(key, u32);
	__type(value, struct exe_scratch);
} iter_scratch SEC(".maps");

/* cookie -> pass in which it was reported: a socket held by several processes is reported once */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1);
	__type(key, u64);
	__type(value, u32);
} iter_seen SEC(".maps");

SEC("iter/task")
int iter_processes(struct bpf_iter__task *ctx)
{
	struct task_struct *t = ctx->task;
	u32 which = SCRATCH_PROCESS, len, at;
	struct exe_scratch *s;
	struct pg_event e;

	if (!t || t->pid != t->tgid)
		return 0;
	s = bpf_map_lookup_elem(&iter_scratch, &which);
	if (!s || !BPF_CORE_READ(t, mm)) /* kernel threads */
		return 0;
	event_of_task(&e, t, PG_EV_PROCESS);
	e.flags |= PG_EVF_ITER;
	if (is_of_container(t))
		syscalls_watch(e.cgroup);
	len = exe_describe(t, &e, s);
	at = PG_TEXT_MAX - len;
	if (len > PG_TEXT_MAX || at > PG_TEXT_MAX)
		return 0;
	e.text_len = len;
	bpf_probe_read_kernel((u8 *)s + at, sizeof(e), &e);
	bpf_seq_write(ctx->meta->seq, (u8 *)s + at, sizeof(e) + len);
	return 0;
}

static __always_inline bool is_listener(struct sock *sk, u16 proto)
{
	if (proto == IPPROTO_TCP)
		return BPF_CORE_READ(sk, __sk_common.skc_state) == TCP_LISTEN_STATE;
	/* a bit field before Linux 6.4, a byte since: read by relocated size and shift */
	return proto == IPPROTO_UDP && (BPF_CORE_READ_BITFIELD_PROBED(sk, sk_userlocks) & SOCK_BINDPORT_LOCK) &&
	       !BPF_CORE_READ(sk, __sk_common.skc_dport);
}

/* Keeps an owner that was seen at work; else this task is it. */
static __always_inline struct pg_owner *owner_of_found(u64 cookie, const struct sock *sk, struct task_struct *t, u32 flags)
{
	struct young_socket *y = young_find(cookie);
	struct pg_owner *o = y ? &y->owner : bpf_map_lookup_elem(&sockets, &cookie), fresh;

	if (o) {
		if ((o->flags | flags) != o->flags)
			__sync_fetch_and_or(&o->flags, flags);
		return o;
	}
	owner_of_task(&fresh, t, BPF_CORE_READ(sk, __sk_common.skc_net.net, net_cookie), flags | PG_OWNER_ITER);
	if (bpf_map_update_elem(&sockets, &cookie, &fresh, BPF_NOEXIST))
		count_add(PG_CTR_SOCKET_REFUSED, 1);
	return bpf_map_lookup_elem(&sockets, &cookie);
}

static __always_inline void socket_report(struct seq_file *seq, struct task_struct *task, const struct sock *sk, u64 cookie,
					  u16 proto, const struct pg_owner *o)
{
	u32 *seen = bpf_map_lookup_elem(&iter_seen, &cookie), now = pass;
	struct pg_event e;

	if (seen && *seen == now)
		return;
	event_of_task(&e, task, proto == IPPROTO_TCP ? PG_EV_LISTEN : PG_EV_BIND);
	e.flags |= PG_EVF_ITER;
	event_set_socket(&e, sk, cookie, proto);
	if (o) {
		e.tgid = o->tgid;
		e.start_boot_ns = o->start_boot_ns;
		e.cgroup = o->cgroup;
	}
	if (!bpf_seq_write(seq, &e, sizeof(e)))
		bpf_map_update_elem(&iter_seen, &cookie, &now, BPF_ANY);
}

SEC("iter/task_file")
int iter_sockets(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct socket *socket;
	struct pg_owner *o;
	struct sock *sk;
	u16 family, proto;
	bool listens;
	u64 cookie;

	if (!file || !task)
		return 0;
	socket = bpf_sock_from_file(file);
	if (!socket)
		return 0;
	sk = socket->sk;
	if (!sk)
		return 0;
	family = BPF_CORE_READ(sk, __sk_common.skc_family);
	if (family != AF_INET && family != AF_INET6)
		return 0;
	cookie = bpf_get_socket_cookie(sk);
	if (!cookie)
		return 0;
	proto = BPF_CORE_READ(sk, sk_protocol);
	listens = is_listener(sk, proto);
	o = owner_of_found(cookie, sk, task, listens ? PG_OWNER_LISTENER : 0);
	if (listens)
		socket_report(ctx->meta->seq, task, sk, cookie, proto, o);
	return 0;
}
