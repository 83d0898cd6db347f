/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "enforce/nfq_rules.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnftnl/common.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/xt_NFQUEUE.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "enforce/plan.h"

#define BATCH_MAX 4096

/* The expression owns info. */
static struct nftnl_expr *target(uint16_t number, bool bypass)
{
	struct xt_NFQ_info_v3 *info = calloc(1, NLMSG_ALIGN(sizeof(*info)));
	struct nftnl_expr *e = info ? nftnl_expr_alloc("target") : NULL;

	if (!e) {
		free(info);
		return NULL;
	}
	*info = (struct xt_NFQ_info_v3){ .queuenum = number, .queues_total = 1, .flags = bypass ? NFQ_FLAG_BYPASS : 0 };
	nftnl_expr_set_str(e, NFTNL_EXPR_TG_NAME, "NFQUEUE");
	nftnl_expr_set_u32(e, NFTNL_EXPR_TG_REV, 3);
	nftnl_expr_set(e, NFTNL_EXPR_TG_INFO, info, sizeof(*info));
	return e;
}

/* Without NLM_F_APPEND a rule goes to the head. */
static int put_rule(struct nlmsghdr *nlh, uint32_t seq, const char *chain, uint16_t number, bool bypass)
{
	struct nftnl_rule *rule = nftnl_rule_alloc();
	struct nftnl_expr *e = rule ? target(number, bypass) : NULL;

	if (!e) {
		if (rule)
			nftnl_rule_free(rule);
		return -ENOMEM;
	}
	nftnl_rule_set_str(rule, NFTNL_RULE_TABLE, PLAN_TABLE);
	nftnl_rule_set_str(rule, NFTNL_RULE_CHAIN, chain);
	nftnl_rule_set_u32(rule, NFTNL_RULE_FAMILY, NFPROTO_INET);
	nftnl_rule_add_expr(rule, e);
	nftnl_nlmsg_build_hdr((char *)nlh, NFT_MSG_NEWRULE, NFPROTO_INET, NLM_F_CREATE | NLM_F_ACK, seq);
	nftnl_rule_nlmsg_build_payload(nlh, rule);
	nftnl_rule_free(rule);
	return 0;
}

/* Two rules ask for an acknowledgement each. */
static int acks(int fd)
{
	char buf[8192] __attribute__((aligned(8)));
	int result = 0, left_acks = 2;

	while (left_acks > 0) {
		ssize_t n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
		const struct nlmsghdr *nlh = (const struct nlmsghdr *)(const void *)buf;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return result < 0 ? result : -EIO;
		for (int left = (int)n; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
			int e;

			if (nlh->nlmsg_type != NLMSG_ERROR || nlh->nlmsg_len < MNL_NLMSG_HDRLEN + sizeof(struct nlmsgerr))
				continue;
			e = ((const struct nlmsgerr *)mnl_nlmsg_get_payload(nlh))->error;
			result = result < 0 ? result : e;
			left_acks--;
		}
		if (result < 0)
			return result;
	}
	return result;
}

int nfq_rules_add(uint16_t first)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	char buf[BATCH_MAX] __attribute__((aligned(8)));
	_cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	size_t at = 0;
	int r = fd < 0 ? -errno : 0;

	memset(buf, 0, sizeof(buf));
	nftnl_batch_begin(buf, 1);
	at = MNL_ALIGN(((struct nlmsghdr *)(void *)buf)->nlmsg_len);
	for (unsigned closed = 0; r == 0 && closed < 2; closed++) {
		struct nlmsghdr *nlh = (struct nlmsghdr *)(void *)(buf + at);

		r = put_rule(nlh, 2 + closed, closed ? "q_closed" : "q_open", (uint16_t)(first + closed), !closed);
		at += r == 0 ? MNL_ALIGN(nlh->nlmsg_len) : 0;
	}
	if (r < 0)
		return r;
	nftnl_batch_end(buf + at, 4);
	at += MNL_ALIGN(((struct nlmsghdr *)(void *)(buf + at))->nlmsg_len);
	if (sendto(fd, buf, at, 0, (struct sockaddr *)&kernel, sizeof(kernel)) < 0)
		return -errno;
	return acks(fd);
}
