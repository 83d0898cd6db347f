/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An interface's own 64-bit counters by rtnetlink (RTM_GETLINK, IFLA_STATS64; rtnetlink(7)). */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "sensor/keeper/bpf_private.h"

static int link_stats_parse(const void *buf, size_t len, struct link_stats *ret)
{
	const struct nlmsghdr *h = buf;
	const struct rtattr *a;
	int left;

	if (!NLMSG_OK(h, len))
		return -EBADMSG;
	if (h->nlmsg_type == NLMSG_ERROR) {
		const struct nlmsgerr *e = NLMSG_DATA(h);

		return h->nlmsg_len >= NLMSG_LENGTH(sizeof(*e)) && e->error ? e->error : -EBADMSG;
	}
	if (h->nlmsg_type != RTM_NEWLINK || h->nlmsg_len < NLMSG_LENGTH(sizeof(struct ifinfomsg)))
		return -EBADMSG;
	left = (int)IFLA_PAYLOAD(h);
	for (a = IFLA_RTA(NLMSG_DATA(h)); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		struct rtnl_link_stats64 s;

		if (a->rta_type != IFLA_STATS64)
			continue;
		memset(&s, 0, sizeof(s));
		memcpy(&s, RTA_DATA(a), RTA_PAYLOAD(a) < sizeof(s) ? RTA_PAYLOAD(a) : sizeof(s));
		*ret = (struct link_stats){ s.rx_packets, s.rx_bytes, s.tx_packets, s.tx_bytes };
		return 0;
	}
	return -ENODATA;
}

int link_stats_read(uint32_t ifindex, struct link_stats *ret)
{
	struct {
		struct nlmsghdr h;
		struct ifinfomsg i;
	} req = {
		.h = { .nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg)), .nlmsg_type = RTM_GETLINK, .nlmsg_flags = NLM_F_REQUEST },
		.i = { .ifi_index = (int)ifindex },
	};
	struct timeval limit = { .tv_sec = 1 };
	_cleanup_close_ int s = -1;
	char buf[16384] __attribute__((aligned(8)));
	ssize_t n;

	s = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (s < 0)
		return -errno;
	setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	if (send(s, &req, sizeof(req), 0) < 0)
		return -errno;
	n = recv(s, buf, sizeof(buf), 0);
	if (n < 0)
		return -errno;
	return link_stats_parse(buf, (size_t)n, ret);
}
