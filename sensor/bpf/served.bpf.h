/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who serves a connection that was accepted: the process that first reads from it or, if none does, that closes it. (The
 * listener tells only who opened it: with pre-fork servers that is another process, and accept() itself passes no hook.)
 * One slot a cookie (struct pg_server): newer sockets take it from older ones, and an older one that is read again takes it
 * back. */
#ifndef PG_BPF_SERVED_BPF_H
#define PG_BPF_SERVED_BPF_H

#include "sensor/bpf/common.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PG_SERVER_SLOTS);
	__type(key, u32);
	__type(value, struct pg_server);
} servers SEC(".maps");

static __always_inline struct pg_server *server_slot(u64 cookie)
{
	u32 i = cookie & (PG_SERVER_SLOTS - 1);

	return bpf_map_lookup_elem(&servers, &i);
}

/* An accepted socket begins as a copy of its listener, the length of its queue included. */
static __always_inline bool was_accepted(const struct sock *sk)
{
	return sk->sk_max_ack_backlog;
}

/* The current task serves it, if it is the first. */
static __always_inline void server_note(const struct sock *sk)
{
	u64 cookie = sk->__sk_common.skc_cookie.counter;
	struct pg_server *s = server_slot(cookie);
	struct task_struct *t;

	/* Without a cookie no packet of it was seen by us, and none was counted. */
	if (!cookie || !s || s->cookie == cookie)
		return;
	t = bpf_get_current_task_btf();
	if (!t->tgid)
		return;
	s->cookie = 0;
	barrier();
	s->start_boot_ns = t->group_leader->start_boottime;
	s->tgid = t->tgid;
	__sync_lock_test_and_set(&s->cookie, cookie);
}

/* What the slot says of this cookie; tgid 0: nothing. */
static __always_inline void server_get(u64 cookie, struct pg_server *ret)
{
	const struct pg_server *s = cookie ? server_slot(cookie) : NULL;

	ret->cookie = s ? s->cookie : 0;
	barrier();
	ret->start_boot_ns = s ? s->start_boot_ns : 0;
	ret->tgid = s && ret->cookie == cookie ? s->tgid : 0;
	barrier();
	if (s && s->cookie != cookie) /* another's since */
		ret->tgid = 0;
}

#endif
