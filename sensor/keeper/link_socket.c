/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/keeper/link_socket.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/net_namespace.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "sensor/keeper/link_parse.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif
#define READ_BYTES 65536
#define EVENT_BUFFER_BYTES (1 << 20)

static int join_groups(int fd)
{
	static const int groups[] = { RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_NSID };
	int size = EVENT_BUFFER_BYTES;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		log_debug("link watch: receive buffer, ignoring: %m");
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++)
		if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i], sizeof(groups[i])) < 0 &&
		    groups[i] != RTNLGRP_NSID)
			return -errno;
	return 0;
}

int link_socket_open(int home_fd, int netns_fd, bool events, int *ret_fd)
{
	struct sockaddr_nl self = { .nl_family = AF_NETLINK };
	_cleanup_close_ int fd = -1;
	int r = 0;

	if (setns(netns_fd, CLONE_NEWNET) < 0)
		return -errno;
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	if (fd < 0)
		r = -errno;
	if (setns(home_fd, CLONE_NEWNET) < 0) {
		log_error("cannot come back from a network namespace: %m");
		abort();
	}
	if (r == 0 && bind(fd, (struct sockaddr *)&self, sizeof(self)) < 0)
		r = -errno;
	if (r == 0 && events)
		r = join_groups(fd);
	if (r == 0)
		*ret_fd = take_fd(&fd);
	return r;
}

int link_socket_cookie(int fd, uint64_t *ret_cookie)
{
	uint64_t cookie;
	socklen_t len = sizeof(cookie);

	if (getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &len) < 0)
		return -errno;
	*ret_cookie = cookie;
	return 0;
}

int link_socket_netns(int fd, int *ret_netns_fd)
{
	int netns_fd = ioctl(fd, SIOCGSKNS);

	if (netns_fd < 0)
		return -errno;
	*ret_netns_fd = netns_fd;
	return 0;
}

static int send_request(int fd, const struct nlmsghdr *nlh)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	ssize_t n;

	do
		n = sendto(fd, nlh, nlh->nlmsg_len, 0, (struct sockaddr *)&kernel, sizeof(kernel));
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

int link_socket_dump(int fd, enum link_dump what, uint32_t seq)
{
	char buf[64] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);

	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	nlh->nlmsg_seq = seq;
	nlh->nlmsg_type = what == LINK_DUMP_LINKS ? RTM_GETLINK : RTM_GETADDR;
	if (what == LINK_DUMP_LINKS)
		mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
	else
		mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifaddrmsg));
	return send_request(fd, nlh);
}

static int read_into(int fd, char *buf, size_t size, void (*cb)(const struct nlmsghdr *nlh, void *arg), void *arg)
{
	struct sockaddr_nl from = { 0 };
	socklen_t from_len = sizeof(from);
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)(const void *)buf;
	ssize_t n;
	int left;

	do
		n = recvfrom(fd, buf, size, 0, (struct sockaddr *)&from, &from_len);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	/* Only the kernel's word counts: anybody in that namespace may send to our port. */
	if (from.nl_pid != 0)
		return 1;
	for (left = (int)n; link_msg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left))
		cb(nlh, arg);
	return 1;
}

int link_socket_read(int fd, void (*cb)(const struct nlmsghdr *nlh, void *arg), void *arg)
{
	static char buf[READ_BYTES] __attribute__((aligned(8))); /* one thread; cb keeps no pointer into it and does not call this */

	return read_into(fd, buf, sizeof(buf), cb, arg);
}

struct nsid_answer {
	uint32_t seq;
	int result; /* 1: none yet */
	int32_t nsid;
};

static void nsid_cb(const struct nlmsghdr *nlh, void *arg)
{
	struct nsid_answer *a = arg;

	if (nlh->nlmsg_seq != a->seq)
		return;
	if (nlh->nlmsg_type == NLMSG_ERROR && nlh->nlmsg_len >= MNL_NLMSG_HDRLEN + sizeof(struct nlmsgerr))
		a->result = ((const struct nlmsgerr *)mnl_nlmsg_get_payload(nlh))->error;
	else if (nlh->nlmsg_type == RTM_NEWNSID)
		a->result = nsid_parse(nlh, &a->nsid);
}

int link_socket_nsid(int fd, int other_netns_fd, int32_t *ret_nsid)
{
	static uint32_t seq;
	char buf[64] __attribute__((aligned(8))), answer[1024] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct nsid_answer a = { .seq = ++seq, .result = 1 };
	int r;

	nlh->nlmsg_type = RTM_GETNSID;
	nlh->nlmsg_flags = NLM_F_REQUEST;
	nlh->nlmsg_seq = a.seq;
	mnl_nlmsg_put_extra_header(nlh, sizeof(struct rtgenmsg));
	mnl_attr_put_u32(nlh, NETNSA_FD, (uint32_t)other_netns_fd);
	r = send_request(fd, nlh);
	/* The kernel answers within the send. */
	while (r == 0 && a.result == 1) {
		int got = read_into(fd, answer, sizeof(answer), nsid_cb, &a);

		if (got < 0)
			return got;
		if (got == 0)
			return -EIO;
	}
	if (r == 0)
		r = a.result;
	if (r == 0)
		*ret_nsid = a.nsid;
	return r;
}
