/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who serves a connection that was accepted: the process that first reads from it or, if none does, that closes it. (The
 * listener tells only who opened it: with pre-fork servers that is another process, and accept() itself passes no hook.)
 * Runs in the reader's context: tcp_rcv_space_adjust() follows each copy out of a receive queue. */
#include "sensor/bpf/task.bpf.h"

char LICENSE[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1);
	__type(key, u64);
	__type(value, struct pg_server);
} servers SEC(".maps");

/* An accepted socket begins as a copy of its listener, the length of its queue included. */
static __always_inline bool was_accepted(const struct sock *sk)
{
	return sk->sk_max_ack_backlog;
}

static __always_inline int server_note(const struct sock *sk)
{
	u64 cookie = sk->__sk_common.skc_cookie.counter;
	struct pg_server s;
	struct task_struct *t;

	/* Without a cookie no packet of it was seen by us, and none was counted. */
	if (!cookie || bpf_map_lookup_elem(&servers, &cookie))
		return 0;
	t = bpf_get_current_task_btf();
	s.start_boot_ns = t->group_leader->start_boottime;
	s.tgid = t->tgid;
	s.pad = 0;
	if (s.tgid)
		bpf_map_update_elem(&servers, &cookie, &s, BPF_NOEXIST);
	return 0;
}

SEC("tp_btf/tcp_rcv_space_adjust")
int BPF_PROG(server_reads, struct sock *sk)
{
	return was_accepted(sk) ? server_note(sk) : 0;
}

/* close() and shutdown(): from these two states only a process leads on, not a packet. */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(server_closes, const struct sock *sk, int from, int to)
{
	if (!(from == TCP_ESTABLISHED && to == TCP_FIN_WAIT1) && !(from == TCP_CLOSE_WAIT && to == TCP_LAST_ACK))
		return 0;
	return sk->sk_protocol == IPPROTO_TCP && was_accepted(sk) ? server_note(sk) : 0;
}
