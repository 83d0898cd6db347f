/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libnftnl builds the messages; acknowledgements and changes are read attribute by attribute. */
#include "enforce/nft_sets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnftnl/common.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"

#define BUFFER_BYTES (8 << 20)  /* of the sockets: a batch is one datagram */
#define MESSAGE_MAX 1024        /* one element's message */
#define READ_BYTES 65536

struct nft_sock {
	int fd, events_fd;
	uint32_t port, seq;
	char *batch;
	size_t len, room;
	uint32_t last;      /* offset of the last message, which is acknowledged */
	int error;          /* of the batch being built */
	struct nft_change change; /* the transaction being read */
};

/* ---- sockets ---------------------------------------------------------------------------------------------------------- */
static int open_here(bool events, int *ret_fd)
{
	struct sockaddr_nl self = { .nl_family = AF_NETLINK };
	int group = NFNLGRP_NFTABLES, size = BUFFER_BYTES;
	_cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_NETFILTER);

	if (fd < 0 || bind(fd, (struct sockaddr *)&self, sizeof(self)) < 0)
		return -errno;
	/* Without CAP_NET_ADMIN in the first user namespace the usual sizes must do. */
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	if (events && setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0)
		return -errno;
	*ret_fd = take_fd(&fd);
	return 0;
}

int nft_sock_open(int home_fd, int netns_fd, struct nft_sock **ret)
{
	struct nft_sock *s = calloc(1, sizeof(*s));
	struct sockaddr_nl self = { 0 };
	socklen_t len = sizeof(self);
	int r = 0;

	if (!s)
		return -ENOMEM;
	s->fd = s->events_fd = -1;
	s->seq = (uint32_t)time(NULL);
	if (setns(netns_fd, CLONE_NEWNET) < 0) {
		r = -errno;
		nft_sock_close(s);
		return r;
	}
	r = open_here(false, &s->fd);
	if (r == 0)
		r = open_here(true, &s->events_fd);
	if (setns(home_fd, CLONE_NEWNET) < 0) {
		log_error("cannot come back from a network namespace: %m");
		abort();
	}
	if (r == 0 && getsockname(s->fd, (struct sockaddr *)&self, &len) < 0)
		r = -errno;
	if (r < 0) {
		nft_sock_close(s);
		return r;
	}
	s->port = self.nl_pid;
	*ret = s;
	return 0;
}

void nft_sock_close(struct nft_sock *s)
{
	if (!s)
		return;
	close_fd(&s->fd);
	close_fd(&s->events_fd);
	free(s->batch);
	free(s);
}

int nft_sock_events_fd(const struct nft_sock *s)
{
	return s->events_fd;
}

uint32_t nft_sock_port(const struct nft_sock *s)
{
	return s->port;
}

static uint16_t family_number(enum nft_family f)
{
	return f == NFT_FAMILY_BRIDGE ? NFPROTO_BRIDGE : NFPROTO_INET;
}

/* Reads one datagram of the kernel; anybody in that namespace may send to our port, and is not heard. Bytes, 0: nothing. */
static ssize_t receive(int fd, char *buf, size_t size)
{
	struct sockaddr_nl from = { 0 };
	socklen_t len = sizeof(from);
	ssize_t n;

	for (;;) {
		n = recvfrom(fd, buf, size, MSG_DONTWAIT, (struct sockaddr *)&from, &len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		if (from.nl_pid == 0)
			return n;
	}
}

/* ---- batches ------------------------------------------------------------------------------------------------------------ */
static struct nlmsghdr *batch_next(struct nft_sock *s)
{
	if (s->room - s->len < MESSAGE_MAX) {
		size_t room = s->room ? s->room * 2 : 16384;
		char *more = room > BUFFER_BYTES ? NULL : realloc(s->batch, room);

		if (!more) {
			s->error = room > BUFFER_BYTES ? -E2BIG : -ENOMEM;
			return NULL;
		}
		s->batch = more;
		s->room = room;
	}
	s->last = (uint32_t)s->len;
	return (struct nlmsghdr *)(void *)(s->batch + s->len);
}

static void batch_took(struct nft_sock *s, const struct nlmsghdr *nlh)
{
	s->len += MNL_ALIGN(nlh->nlmsg_len);
}

int nft_batch_begin(struct nft_sock *s)
{
	struct nlmsghdr *nlh;

	s->len = 0;
	s->error = 0;
	nlh = batch_next(s);
	if (!nlh)
		return s->error;
	nftnl_batch_begin((char *)nlh, s->seq++);
	batch_took(s, nlh);
	return 0;
}

static int elem_verdict(struct nftnl_set_elem *ne, const struct plan_elem *e)
{
	char chain[PLAN_NAME_MAX];
	char how = plan_elem_verdict(e, chain);

	if (!how)
		return 0;
	nftnl_set_elem_set_u32(ne, NFTNL_SET_ELEM_VERDICT, how == 'j' ? (uint32_t)NFT_JUMP : (uint32_t)NFT_GOTO);
	return nftnl_set_elem_set_str(ne, NFTNL_SET_ELEM_CHAIN, chain);
}

void nft_batch_elem(struct nft_sock *s, enum nft_family family, const struct plan_elem *e, bool add)
{
	struct nlmsghdr *nlh = s->error ? NULL : batch_next(s);
	struct nftnl_set *set = nlh ? nftnl_set_alloc() : NULL;
	struct nftnl_set_elem *ne = set ? nftnl_set_elem_alloc() : NULL;
	char name[PLAN_NAME_MAX];

	if (!ne || nftnl_set_set_str(set, NFTNL_SET_TABLE, PLAN_TABLE) < 0 ||
	    nftnl_set_set_str(set, NFTNL_SET_NAME, plan_elem_set(e, name)) < 0 ||
	    nftnl_set_elem_set(ne, NFTNL_SET_ELEM_KEY, e->key, e->key_len) < 0 || (add && elem_verdict(ne, e) < 0)) {
		s->error = s->error ? s->error : -ENOMEM;
		if (ne)
			nftnl_set_elem_free(ne);
		if (set)
			nftnl_set_free(set);
		return;
	}
	if (add && e->timeout_s)
		nftnl_set_elem_set_u64(ne, NFTNL_SET_ELEM_TIMEOUT, e->timeout_s * 1000ULL);
	nftnl_set_elem_add(set, ne);
	nftnl_nlmsg_build_hdr((char *)nlh, add ? NFT_MSG_NEWSETELEM : NFT_MSG_DELSETELEM, family_number(family), add ? NLM_F_CREATE | NLM_F_EXCL : 0,
			      s->seq++);
	nftnl_set_elems_nlmsg_build_payload(nlh, set);
	nftnl_set_free(set);
	batch_took(s, nlh);
}

void nft_batch_delete_table(struct nft_sock *s, enum nft_family family)
{
	struct nlmsghdr *nlh = s->error ? NULL : batch_next(s);

	if (!nlh)
		return;
	nlh = nftnl_nlmsg_build_hdr((char *)nlh, NFT_MSG_DELTABLE, family_number(family), 0, s->seq++);
	mnl_attr_put_strz(nlh, NFTA_TABLE_NAME, PLAN_TABLE);
	batch_took(s, nlh);
}

/* The kernel answers within the send: what there is to be read is all. */
static int read_acks(struct nft_sock *s)
{
	static char buf[READ_BYTES] __attribute__((aligned(8))); /* one thread */
	int result = 1;
	ssize_t n;

	while ((n = receive(s->fd, buf, sizeof(buf))) > 0) {
		const struct nlmsghdr *nlh = (const struct nlmsghdr *)(const void *)buf;

		for (int left = (int)n; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
			int e;

			if (nlh->nlmsg_type != NLMSG_ERROR || nlh->nlmsg_len < MNL_NLMSG_HDRLEN + sizeof(struct nlmsgerr))
				continue;
			e = ((const struct nlmsgerr *)mnl_nlmsg_get_payload(nlh))->error;
			if (e || result > 0)
				result = result < 0 ? result : e;
		}
	}
	if (n < 0 && result >= 0)
		return (int)n;
	return result > 0 ? -EIO : result;
}

int nft_batch_commit(struct nft_sock *s)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct nlmsghdr *nlh;
	uint32_t asked = s->last;
	ssize_t n;

	if (s->error)
		return s->error;
	if (!asked) /* nothing but the beginning */
		return 0;
	((struct nlmsghdr *)(void *)(s->batch + asked))->nlmsg_flags |= NLM_F_ACK;
	nlh = batch_next(s);
	if (!nlh)
		return s->error;
	nftnl_batch_end((char *)nlh, s->seq++);
	batch_took(s, nlh);
	do
		n = sendto(s->fd, s->batch, s->len, 0, (struct sockaddr *)&kernel, sizeof(kernel));
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : read_acks(s);
}

/* ---- asking -------------------------------------------------------------------------------------------------------------- */
/* A request with the table's name, and its answers. */
static int ask(struct nft_sock *s, uint16_t type, enum nft_family family, bool dump, void (*cb)(const struct nlmsghdr *nlh, void *arg), void *arg)
{
	static char buf[READ_BYTES] __attribute__((aligned(8))); /* one thread; cb does not come back here */
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	char request[256] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = nftnl_nlmsg_build_hdr(request, type, family_number(family), dump ? NLM_F_DUMP : 0, ++s->seq);
	uint32_t seq = s->seq;
	ssize_t n;

	mnl_attr_put_strz(nlh, 1, PLAN_TABLE); /* NFTA_TABLE_NAME, NFTA_RULE_TABLE, NFTA_OBJ_TABLE */
	if (sendto(s->fd, nlh, nlh->nlmsg_len, 0, (struct sockaddr *)&kernel, sizeof(kernel)) < 0)
		return -errno;
	while ((n = receive(s->fd, buf, sizeof(buf))) > 0) {
		const struct nlmsghdr *m = (const struct nlmsghdr *)(const void *)buf;

		for (int left = (int)n; mnl_nlmsg_ok(m, left); m = mnl_nlmsg_next(m, &left)) {
			if (m->nlmsg_seq != seq)
				continue;
			if (m->nlmsg_type == NLMSG_DONE)
				return 0;
			if (m->nlmsg_type == NLMSG_ERROR && m->nlmsg_len >= MNL_NLMSG_HDRLEN + sizeof(struct nlmsgerr))
				return ((const struct nlmsgerr *)mnl_nlmsg_get_payload(m))->error;
			cb(m, arg);
			if (!dump)
				return 0;
		}
	}
	return n < 0 ? (int)n : -EIO;
}

/* Our table's name as attribute 1, as every message but that of a generation has it. */
static bool names_table(const struct nlmsghdr *nlh)
{
	const struct nlattr *a;

	if (nlh->nlmsg_len < MNL_NLMSG_HDRLEN + sizeof(struct nfgenmsg))
		return false;
	mnl_attr_for_each(a, nlh, sizeof(struct nfgenmsg))
		if (mnl_attr_get_type(a) == 1)
			return mnl_attr_get_payload_len(a) == sizeof(PLAN_TABLE) && !memcmp(mnl_attr_get_payload(a), PLAN_TABLE, sizeof(PLAN_TABLE));
	return false;
}

static void table_cb(const struct nlmsghdr *nlh, void *arg)
{
	const struct nlattr *a;

	if (!names_table(nlh))
		return;
	mnl_attr_for_each(a, nlh, sizeof(struct nfgenmsg))
		if (mnl_attr_get_type(a) == NFTA_TABLE_HANDLE && mnl_attr_get_payload_len(a) == 8)
			*(uint64_t *)arg = be64toh(mnl_attr_get_u64(a));
}

static void rule_cb(const struct nlmsghdr *nlh, void *arg)
{
	*(uint32_t *)arg += names_table(nlh);
}

int nft_table_find(struct nft_sock *s, enum nft_family family, uint64_t *ret_handle, uint32_t *ret_rules)
{
	uint64_t handle = 0;
	uint32_t rules = 0;
	int r = ask(s, NFT_MSG_GETTABLE, family, false, table_cb, &handle);

	if (r == 0 && ret_rules && handle)
		r = ask(s, NFT_MSG_GETRULE, family, true, rule_cb, &rules);
	if (r < 0 && r != -ENOENT && r != -EAFNOSUPPORT && r != -EOPNOTSUPP)
		return r;
	*ret_handle = r < 0 ? 0 : handle;
	if (ret_rules)
		*ret_rules = rules;
	return 0;
}

struct counting {
	nft_counter_cb cb;
	void *arg;
	int count;
};

static void counter_cb(const struct nlmsghdr *nlh, void *arg)
{
	struct counting *c = arg;
	const struct nlattr *a, *d;
	const char *name = NULL;
	uint64_t packets = 0, bytes = 0;
	bool counter = false;

	if (!names_table(nlh))
		return;
	mnl_attr_for_each(a, nlh, sizeof(struct nfgenmsg)) {
		if (mnl_attr_get_type(a) == NFTA_OBJ_NAME && mnl_attr_validate(a, MNL_TYPE_NUL_STRING) >= 0)
			name = mnl_attr_get_str(a);
		if (mnl_attr_get_type(a) == NFTA_OBJ_TYPE && mnl_attr_get_payload_len(a) == 4)
			counter = ntohl(mnl_attr_get_u32(a)) == NFT_OBJECT_COUNTER;
		if (mnl_attr_get_type(a) != NFTA_OBJ_DATA)
			continue;
		mnl_attr_for_each_nested(d, a) {
			if (mnl_attr_get_payload_len(d) != 8)
				continue;
			if (mnl_attr_get_type(d) == NFTA_COUNTER_PACKETS)
				packets = be64toh(mnl_attr_get_u64(d));
			if (mnl_attr_get_type(d) == NFTA_COUNTER_BYTES)
				bytes = be64toh(mnl_attr_get_u64(d));
		}
	}
	if (!counter || !name)
		return;
	c->count++;
	c->cb(name, packets, bytes, c->arg);
}

int nft_counters_read(struct nft_sock *s, enum nft_family family, nft_counter_cb cb, void *arg)
{
	struct counting c = { .cb = cb, .arg = arg };
	int r = ask(s, NFT_MSG_GETOBJ, family, true, counter_cb, &c);

	return r < 0 ? r : c.count;
}

/* ---- changes -------------------------------------------------------------------------------------------------------------- */
static void generation(struct nft_change *c, const struct nlmsghdr *nlh)
{
	const struct nlattr *a;

	mnl_attr_for_each(a, nlh, sizeof(struct nfgenmsg)) {
		if (mnl_attr_get_type(a) == NFTA_GEN_PROC_PID && mnl_attr_get_payload_len(a) == 4)
			c->pid = ntohl(mnl_attr_get_u32(a));
		if (mnl_attr_get_type(a) == NFTA_GEN_PROC_NAME && mnl_attr_validate(a, MNL_TYPE_NUL_STRING) >= 0)
			snprintf(c->comm, sizeof(c->comm), "%s", mnl_attr_get_str(a));
	}
}

static void change_message(struct nft_sock *s, const struct nlmsghdr *nlh, void (*cb)(const struct nft_change *c, void *arg), void *arg)
{
	unsigned what = NFNL_MSG_TYPE(nlh->nlmsg_type);

	if (NFNL_SUBSYS_ID(nlh->nlmsg_type) != NFNL_SUBSYS_NFTABLES || nlh->nlmsg_len < MNL_NLMSG_HDRLEN + sizeof(struct nfgenmsg))
		return;
	s->change.port = nlh->nlmsg_pid;
	if (what == NFT_MSG_NEWGEN) {
		generation(&s->change, nlh);
		cb(&s->change, arg);
		s->change = (struct nft_change){ 0 };
		return;
	}
	if (!names_table(nlh))
		return;
	s->change.ours = true;
	s->change.deleted |= what == NFT_MSG_DELTABLE || what == NFT_MSG_DELCHAIN || what == NFT_MSG_DELRULE || what == NFT_MSG_DELSET ||
			     what == NFT_MSG_DELSETELEM || what == NFT_MSG_DELOBJ;
}

int nft_changes_read(struct nft_sock *s, void (*cb)(const struct nft_change *c, void *arg), void *arg)
{
	static char buf[READ_BYTES] __attribute__((aligned(8))); /* one thread; cb does not come back here */
	ssize_t n;

	while ((n = receive(s->events_fd, buf, sizeof(buf))) > 0) {
		const struct nlmsghdr *nlh = (const struct nlmsghdr *)(const void *)buf;

		for (int left = (int)n; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left))
			change_message(s, nlh, cb, arg);
	}
	return (int)n;
}
