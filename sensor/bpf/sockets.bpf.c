/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which process a socket belongs to, and who listens. Owners are taken where a process puts a socket to use: TCP when it
 * leaves CLOSE (connect, MSG_FASTOPEN, io_uring, listen: all pass inet_sock_set_state in the caller's context), UDP at
 * bind, connect and sendto, everything else (raw, ping, SCTP) when it is made. */
#include "sensor/bpf/ledger.bpf.h"
#include "sensor/bpf/owner.bpf.h"
#include "sensor/bpf/served.bpf.h"

char LICENSE[] SEC("license") = "GPL";

#define ALLOW 1
#define SOCK_RAW_TYPE 3

/* For a socket that has no owner yet. */
static __always_inline void owner_put(u64 cookie, const struct pg_owner *o)
{
	if (cookie && !young_put(cookie, o) && bpf_map_update_elem(&sockets, &cookie, o, BPF_ANY))
		count_add(PG_CTR_SOCKET_REFUSED, 1);
}

/* Whether the owner is the current task's process; it gets these flags then. */
static __always_inline bool owner_is_current(struct pg_owner *o, u32 flags)
{
	if (o->tgid != bpf_get_current_pid_tgid() >> 32)
		return false;
	if ((o->flags | flags) != o->flags)
		__sync_fetch_and_or(&o->flags, flags);
	return true;
}

/* Another process takes the socket over: from now on in the hash, where an entry is replaced as a whole. */
static __always_inline void owner_replace(u64 cookie, struct young_socket *y, const struct pg_owner *o)
{
	if (bpf_map_update_elem(&sockets, &cookie, o, BPF_ANY))
		count_add(PG_CTR_SOCKET_REFUSED, 1);
	else if (y)
		y->cookie = 0;
}

static __always_inline bool sends_first(const struct pg_owner *o)
{
	return (o->flags & (PG_OWNER_LISTENER | OWNER_SENT)) == PG_OWNER_LISTENER;
}

/* What was bound and sends before it hears from anybody is a client's that chose its port itself. */
static __noinline int udp_first_sent(u64 cookie, u64 netns_cookie)
{
	struct pg_event e;

	event_of_task(&e, (void *)bpf_get_current_task(), PG_EV_SENT);
	e.cookie = cookie;
	e.netns_cookie = netns_cookie;
	e.proto = IPPROTO_UDP;
	event_send(&e);
	return 0;
}

/* The current task uses this socket: it becomes its owner, unless it is already. Flags are kept. */
static __noinline int owner_note(u64 cookie, u64 netns_cookie, u32 flags)
{
	struct young_socket *y = young_find(cookie);
	struct pg_owner o, *have;

	have = y ? &y->owner : bpf_map_lookup_elem(&sockets, &cookie);
	if (have && (flags & OWNER_SENT) && sends_first(have))
		udp_first_sent(cookie, netns_cookie);
	if (have && owner_is_current(have, flags))
		return 0;
	owner_of_task(&o, (void *)bpf_get_current_task(), netns_cookie,
		      flags | (have ? have->flags & (PG_OWNER_LISTENER | OWNER_UDP | OWNER_SENT) : 0));
	if (have)
		owner_replace(cookie, y, &o);
	else
		owner_put(cookie, &o);
	return 0;
}

/* ---- TCP --------------------------------------------------------------------------------------------- */
static __always_inline void listen_event(const struct sock *sk, u64 cookie, u16 type)
{
	struct pg_event e;

	event_of_task(&e, (void *)bpf_get_current_task(), type);
	event_set_socket(&e, sk, cookie, IPPROTO_TCP);
	event_send(&e);
}

/* A socket that nobody has asked for its cookie yet is in no map. */
static __always_inline void owner_note_tcp(const struct sock *sk, u64 cookie, bool is_new, u32 flags)
{
	u64 netns_cookie = sk->__sk_common.skc_net.net->net_cookie;
	struct task_struct *t;
	struct pg_owner o;

	if (!is_new) {
		owner_note(cookie, netns_cookie, flags);
		return;
	}
	t = bpf_get_current_task_btf();
	o.start_boot_ns = t->group_leader->start_boottime;
	o.cgroup = t->cgroups->dfl_cgrp->kn->id; /* the helper costs more than all this */
	o.netns_cookie = netns_cookie;
	o.tgid = t->tgid;
	o.flags = flags | OWNER_ALONE;
	owner_put(cookie, &o);
}

static __always_inline bool is_closed_by_process(int from, int to)
{
	/* from these two states only close() and shutdown() lead on, not a packet */
	return (from == TCP_ESTABLISHED && to == TCP_FIN_WAIT1) || (from == TCP_CLOSE_WAIT && to == TCP_LAST_ACK);
}

/* Ten times a connection: what does not matter goes at once. LISTEN -> SYN_RECV is no listener's end but a new connection's
 * beginning: its socket is a copy of the listener's. */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(socket_set_state, const struct sock *sk, int from, int to)
{
	bool closes = is_closed_by_process(from, to), is_new;

	if (!closes && (from == TCP_LISTEN ? to != TCP_CLOSE : from != TCP_CLOSE || (to != TCP_SYN_SENT && to != TCP_LISTEN)))
		return 0;
	if (sk->sk_protocol != IPPROTO_TCP)
		return 0;
	if (closes) {
		if (was_accepted(sk))
			server_note(sk);
	} else if (from == TCP_LISTEN) {
		listen_event(sk, bpf_get_socket_cookie((void *)sk), PG_EV_CLOSE);
	} else if (to == TCP_LISTEN) {
		u64 cookie = bpf_get_socket_cookie((void *)sk);

		owner_note_tcp(sk, cookie, false, PG_OWNER_LISTENER);
		listen_event(sk, cookie, PG_EV_LISTEN);
	} else {
		is_new = !sk->__sk_common.skc_cookie.counter;
		owner_note_tcp(sk, bpf_get_socket_cookie((void *)sk), is_new, 0);
	}
	return 0;
}

/* ---- UDP ----------------------------------------------------------------------------------------------- */
static __always_inline int udp_used(struct bpf_sock_addr *ctx)
{
	struct young_socket *y;
	u64 cookie;

	if (ctx->protocol != IPPROTO_UDP)
		return ALLOW;
	cookie = bpf_get_socket_cookie(ctx);
	y = young_find(cookie);
	/* else: it was the last time, too */
	if (!y || sends_first(&y->owner) || !owner_is_current(&y->owner, OWNER_UDP | OWNER_SENT))
		owner_note(cookie, bpf_get_netns_cookie(ctx), OWNER_UDP | OWNER_SENT);
	return ALLOW;
}

SEC("cgroup/connect4")
int socket_connect4(struct bpf_sock_addr *ctx)
{
	return udp_used(ctx);
}

SEC("cgroup/connect6")
int socket_connect6(struct bpf_sock_addr *ctx)
{
	return udp_used(ctx);
}

SEC("cgroup/sendmsg4")
int socket_sendmsg4(struct bpf_sock_addr *ctx)
{
	return udp_used(ctx);
}

SEC("cgroup/sendmsg6")
int socket_sendmsg6(struct bpf_sock_addr *ctx)
{
	return udp_used(ctx);
}

/* bind() to port 0 takes any port: a client's way. post_bind sees only the port that it got, so it is noted here. */
static __always_inline int udp_bind(struct bpf_sock_addr *ctx)
{
	if (ctx->protocol == IPPROTO_UDP && !ctx->user_port)
		owner_note(bpf_get_socket_cookie(ctx), bpf_get_netns_cookie(ctx), OWNER_UDP | OWNER_AUTO_PORT);
	return ALLOW;
}

SEC("cgroup/bind4")
int socket_bind4(struct bpf_sock_addr *ctx)
{
	return udp_bind(ctx);
}

SEC("cgroup/bind6")
int socket_bind6(struct bpf_sock_addr *ctx)
{
	return udp_bind(ctx);
}

/* The context of post_bind4 has no IPv6 fields and the other way round, that of sock_release has neither. */
enum udp_addr { UDP_ADDR_NONE, UDP_ADDR_V4, UDP_ADDR_V6 };

static __always_inline void udp_event(struct bpf_sock *sk, u64 cookie, u64 netns_cookie, u16 type, enum udp_addr addr)
{
	struct pg_event e;

	event_of_task(&e, (void *)bpf_get_current_task(), type);
	e.cookie = cookie;
	e.netns_cookie = netns_cookie;
	e.proto = IPPROTO_UDP;
	if (addr != UDP_ADDR_NONE)
		e.port = bpf_htons(sk->src_port);
	if (addr == UDP_ADDR_V6) {
		u32 *a = (u32 *)e.addr;

		a[0] = sk->src_ip6[0];
		a[1] = sk->src_ip6[1];
		a[2] = sk->src_ip6[2];
		a[3] = sk->src_ip6[3];
	} else if (addr == UDP_ADDR_V4) {
		addr_from_v4(e.addr, sk->src_ip4);
	}
	event_send(&e);
}

static __always_inline int udp_bound(struct bpf_sock *sk, enum udp_addr addr)
{
	u64 cookie, netns_cookie;
	struct young_socket *y;
	struct pg_owner *o;

	if (sk->protocol != IPPROTO_UDP)
		return ALLOW;
	cookie = bpf_get_socket_cookie(sk);
	y = young_find(cookie);
	o = y ? &y->owner : bpf_map_lookup_elem(&sockets, &cookie);
	if (o && (o->flags & OWNER_AUTO_PORT))
		return ALLOW;
	netns_cookie = bpf_get_netns_cookie(sk);
	owner_note(cookie, netns_cookie, PG_OWNER_LISTENER | OWNER_UDP);
	udp_event(sk, cookie, netns_cookie, PG_EV_BIND, addr);
	return ALLOW;
}

SEC("cgroup/post_bind4")
int socket_post_bind4(struct bpf_sock *sk)
{
	return udp_bound(sk, UDP_ADDR_V4);
}

SEC("cgroup/post_bind6")
int socket_post_bind6(struct bpf_sock *sk)
{
	return udp_bound(sk, UDP_ADDR_V6);
}

/* ---- the rest -------------------------------------------------------------------------------------------- */
static __always_inline void raw_event(struct bpf_sock *sk)
{
	struct task_struct *t = (void *)bpf_get_current_task();
	struct pg_event e;

	if (!is_of_container(t))
		return;
	event_of_task(&e, t, PG_EV_RAW);
	e.cookie = bpf_get_socket_cookie(sk);
	e.netns_cookie = bpf_get_netns_cookie(sk);
	e.family = sk->family;
	e.sock_type = sk->type;
	e.proto = sk->protocol;
	event_send(&e);
}

SEC("cgroup/sock_create")
int socket_create(struct bpf_sock *sk)
{
	if (sk->type != SOCK_RAW_TYPE && (sk->protocol == IPPROTO_TCP || sk->protocol == IPPROTO_UDP || sk->protocol == 0))
		return ALLOW;
	if (sk->protocol == 262) /* MPTCP: its subflows are TCP sockets of their own */
		return ALLOW;
	owner_note(bpf_get_socket_cookie(sk), bpf_get_netns_cookie(sk), 0);
	if (sk->type == SOCK_RAW_TYPE)
		raw_event(sk);
	return ALLOW;
}

/* The last descriptor is closed. Packets of the socket may still be on the way to their first hook (a SYN or a datagram
 * sent just before): the owner is kept a while among the closed ones, unless a flow has it and there can be no other. */
SEC("cgroup/sock_release")
int socket_release(struct bpf_sock *sk)
{
	u64 cookie = bpf_get_socket_cookie(sk);
	struct young_socket *y = young_find(cookie);
	struct pg_owner *o = y ? &y->owner : bpf_map_lookup_elem(&sockets, &cookie), copy;
	bool keep;

	if (!o)
		return ALLOW;
	copy = *o;
	if ((copy.flags & PG_OWNER_LISTENER) && sk->protocol == IPPROTO_UDP)
		udp_event(sk, cookie, copy.netns_cookie, PG_EV_CLOSE, UDP_ADDR_NONE);
	keep = !(copy.flags & OWNER_JOINED) || sk->protocol != IPPROTO_TCP;
	if (y && keep)
		y->closed_ns = bpf_ktime_get_coarse_ns();
	else if (y)
		y->cookie = 0;
	else if (keep)
		bpf_map_update_elem(&closed_sockets, &cookie, &copy, BPF_ANY);
	if (!y || !(copy.flags & OWNER_ALONE)) /* two CPUs may have noted one socket, each in its place */
		bpf_map_delete_elem(&sockets, &cookie);
	return ALLOW;
}
