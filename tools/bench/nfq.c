/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What people use today to look at every packet: an NFQUEUE reader that accepts each one. `nfq QUEUE` runs until killed.
 * With NFQA_CFG_F_GSO, else TCP loses nearly all of its throughput; verdicts one by one, as such programs give them. */
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnetfilter_queue/libnetfilter_queue.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct mnl_socket *nl;
static uint16_t queue;

static int config_send(struct nlmsghdr *h)
{
	char buf[8192];
	ssize_t n;

	h->nlmsg_flags |= NLM_F_ACK;
	if (mnl_socket_sendto(nl, h, h->nlmsg_len) < 0)
		return -1;
	n = mnl_socket_recvfrom(nl, buf, sizeof(buf));
	return n < 0 ? -1 : mnl_cb_run(buf, (size_t)n, 0, mnl_socket_get_portid(nl), NULL, NULL);
}

static int configure(void)
{
	char buf[8192];
	struct nlmsghdr *h = nfq_nlmsg_put(buf, NFQNL_MSG_CONFIG, queue);

	nfq_nlmsg_cfg_put_cmd(h, AF_INET, NFQNL_CFG_CMD_BIND);
	if (config_send(h) < 0)
		return -1;
	h = nfq_nlmsg_put(buf, NFQNL_MSG_CONFIG, queue);
	nfq_nlmsg_cfg_put_params(h, NFQNL_COPY_PACKET, 0xffff);
	if (config_send(h) < 0)
		return -1;
	h = nfq_nlmsg_put(buf, NFQNL_MSG_CONFIG, queue);
	mnl_attr_put_u32(h, NFQA_CFG_FLAGS, htonl(NFQA_CFG_F_GSO | NFQA_CFG_F_FAIL_OPEN));
	mnl_attr_put_u32(h, NFQA_CFG_MASK, htonl(NFQA_CFG_F_GSO | NFQA_CFG_F_FAIL_OPEN));
	return config_send(h);
}

static int on_packet(const struct nlmsghdr *in, void *arg)
{
	struct nlattr *attr[NFQA_MAX + 1] = { NULL };
	char buf[256];
	struct nfqnl_msg_packet_hdr *p;
	struct nlmsghdr *h;

	(void)arg;
	if (nfq_nlmsg_parse(in, attr) < 0 || !attr[NFQA_PACKET_HDR])
		return MNL_CB_OK;
	p = mnl_attr_get_payload(attr[NFQA_PACKET_HDR]);
	h = nfq_nlmsg_put(buf, NFQNL_MSG_VERDICT, queue);
	nfq_nlmsg_verdict_put(h, (int)ntohl(p->packet_id), NF_ACCEPT);
	if (mnl_socket_sendto(nl, h, h->nlmsg_len) < 0)
		perror("nfq: verdict");
	return MNL_CB_OK;
}

int main(int argc, char **argv)
{
	size_t len = 0xffff + 8192;
	int one = 1, size = 4 << 20;
	char *buf = malloc(len);

	queue = argc > 1 ? (uint16_t)strtoul(argv[1], NULL, 10) : 0;
	nl = mnl_socket_open(NETLINK_NETFILTER);
	if (!buf || !nl || mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0 || configure() < 0) {
		perror("nfq");
		return 1;
	}
	mnl_socket_setsockopt(nl, NETLINK_NO_ENOBUFS, &one, sizeof(one));
	setsockopt(mnl_socket_get_fd(nl), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	puts("ready");
	fflush(stdout);
	for (;;) {
		ssize_t n = mnl_socket_recvfrom(nl, buf, len);

		if (n < 0 && errno != ENOBUFS && errno != EINTR) {
			perror("nfq: receive");
			return 1;
		}
		if (n > 0)
			mnl_cb_run(buf, (size_t)n, 0, mnl_socket_get_portid(nl), on_packet, NULL);
	}
}
