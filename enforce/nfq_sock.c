/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "enforce/nfq_sock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "enforce/nfq_msg.h"

#define BUFFER_BYTES (8 << 20)
#define ACK_WAIT_S 2

static void come_back(int home_fd)
{
	if (setns(home_fd, CLONE_NEWNET) < 0) {
		log_error("cannot come back from a network namespace: %m");
		abort();
	}
}

/* ---- configuring ----------------------------------------------------------------------------------------------------- */
static struct nlmsghdr *config_head(void *buf, uint16_t queue, uint32_t seq)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct nfgenmsg *gen;

	nlh->nlmsg_type = (NFNL_SUBSYS_QUEUE << 8) | NFQNL_MSG_CONFIG;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	nlh->nlmsg_seq = seq;
	gen = mnl_nlmsg_put_extra_header(nlh, sizeof(*gen));
	gen->nfgen_family = AF_UNSPEC;
	gen->version = NFNETLINK_V0;
	gen->res_id = htons(queue);
	return nlh;
}

/* The socket is ours alone and no packet is queued before all is said, but those of the first queue while the second is bound. */
static int config_send(int fd, const struct nlmsghdr *nlh)
{
	char buf[NFQ_COPY_BYTES + 1024] __attribute__((aligned(8)));

	if (nfq_send(fd, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	for (int n = 0; n < 1000; n++) {
		ssize_t len = recv(fd, buf, sizeof(buf), 0);
		const struct nlmsghdr *m = (const struct nlmsghdr *)(const void *)buf;

		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		if (mnl_nlmsg_ok(m, (int)len) && m->nlmsg_type == NLMSG_ERROR && m->nlmsg_seq == nlh->nlmsg_seq &&
		    m->nlmsg_len >= MNL_NLMSG_HDRLEN + sizeof(struct nlmsgerr))
			return ((const struct nlmsgerr *)mnl_nlmsg_get_payload(m))->error;
	}
	return -EIO;
}

static int flag_set(int fd, uint16_t queue, uint32_t flag, uint32_t *seq)
{
	char buf[256] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = config_head(buf, queue, ++*seq);

	mnl_attr_put_u32(nlh, NFQA_CFG_FLAGS, htonl(flag));
	mnl_attr_put_u32(nlh, NFQA_CFG_MASK, htonl(flag));
	return config_send(fd, nlh);
}

/* Each setting alone: a kernel that refuses one of a message refuses the message. */
static int queue_bind(int fd, uint16_t queue, bool open, uint32_t *seq)
{
	struct nfqnl_msg_config_cmd cmd = { .command = NFQNL_CFG_CMD_BIND };
	struct nfqnl_msg_config_params params = { .copy_range = htonl(NFQ_COPY_BYTES), .copy_mode = NFQNL_COPY_PACKET };
	char buf[256] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = config_head(buf, queue, ++*seq);
	int r;

	mnl_attr_put(nlh, NFQA_CFG_CMD, sizeof(cmd), &cmd);
	r = config_send(fd, nlh);
	if (r < 0)
		return r;
	nlh = config_head(buf, queue, ++*seq);
	mnl_attr_put_u32(nlh, NFQA_CFG_QUEUE_MAXLEN, htonl(NFQ_WAITING_MAX));
	r = config_send(fd, nlh);
	if (r == 0)
		r = flag_set(fd, queue, NFQA_CFG_F_GSO, seq);
	if (r == 0 && open)
		r = flag_set(fd, queue, NFQA_CFG_F_FAIL_OPEN, seq);
	if (r < 0)
		return r;
	nlh = config_head(buf, queue, ++*seq);
	mnl_attr_put(nlh, NFQA_CFG_PARAMS, sizeof(params), &params);
	return config_send(fd, nlh);
}

static int open_here(uint16_t first, int *ret_fd)
{
	struct sockaddr_nl self = { .nl_family = AF_NETLINK };
	_cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	struct timeval wait = { .tv_sec = ACK_WAIT_S };
	uint32_t seq = (uint32_t)time(NULL);
	int size = BUFFER_BYTES, r = 0;

	if (fd < 0 || bind(fd, (struct sockaddr *)&self, sizeof(self)) < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) < 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	for (unsigned closed = 0; r == 0 && closed < 2; closed++)
		r = queue_bind(fd, (uint16_t)(first + closed), !closed, &seq);
	if (r == 0 && fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
		r = -errno;
	if (r == 0)
		*ret_fd = take_fd(&fd);
	return r;
}

int nfq_sock_open(int home_fd, int netns_fd, uint16_t first, int *ret_fd)
{
	int r;

	if (setns(netns_fd, CLONE_NEWNET) < 0)
		return -errno;
	r = open_here(first, ret_fd);
	come_back(home_fd);
	return r;
}

/* ---- state ------------------------------------------------------------------------------------------------------------- */
/* "queue portid waiting copy_mode copy_range dropped_full dropped_user last_id 1" (net/netfilter/nfnetlink_queue.c, seq_show) */
int nfq_state_parse(const char *text, uint16_t first, struct nfq_state ret[2])
{
	unsigned found = 0;

	memset(ret, 0, 2 * sizeof(ret[0]));
	for (const char *line = text; line && *line; line = strchr(line, '\n'), line = line ? line + 1 : NULL) {
		unsigned queue, waiting, full, user, id;

		if (sscanf(line, "%u %*d %u %*u %*u %u %u %u", &queue, &waiting, &full, &user, &id) != 5 || queue < first || queue > first + 1u)
			continue;
		ret[queue - first] = (struct nfq_state){ .waiting = waiting, .last_id = id, .dropped_full = full, .dropped_user = user };
		found |= 1u << (queue - first);
	}
	return found == 3 ? 0 : -ENOENT;
}

int nfq_state_read(int home_fd, int netns_fd, uint16_t first, struct nfq_state ret[2])
{
	_cleanup_close_ int fd = -1;
	char text[8192];
	size_t len = 0;
	ssize_t n;
	int r = 0;

	if (setns(netns_fd, CLONE_NEWNET) < 0)
		return -errno;
	fd = open("/proc/thread-self/net/netfilter/nfnetlink_queue", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		r = -errno;
	come_back(home_fd);
	while (r == 0 && len < sizeof(text) - 1 && (n = read(fd, text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	return r < 0 ? r : nfq_state_parse(text, first, ret);
}

/* ---- verdicts ------------------------------------------------------------------------------------------------------------ */
int nfq_send(int fd, const void *msgs, size_t len)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	ssize_t n;

	do
		n = sendto(fd, msgs, len, 0, (struct sockaddr *)&kernel, sizeof(kernel));
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

int nfq_send_batch(int fd, uint16_t queue, uint32_t id, uint32_t verdict)
{
	char buf[NFQ_VERDICT_BYTES] __attribute__((aligned(8)));

	return nfq_send(fd, buf, nfq_batch_put(buf, queue, id, verdict));
}

/* Of each packet only the kernel's own words are looked at. */
void nfq_keep(int fd, uint16_t first, uint64_t ret_kept[2])
{
	char buf[NFQ_COPY_BYTES + 1024] __attribute__((aligned(8))), out[NFQ_VERDICT_BYTES] __attribute__((aligned(8)));

	for (unsigned n = 0; n < 2 * NFQ_WAITING_MAX; n++) {
		ssize_t len = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
		const struct nlmsghdr *m = (const struct nlmsghdr *)(const void *)buf;
		struct nfq_packet p;
		unsigned q;

		if (len < 0 && (errno == EINTR || errno == ENOBUFS))
			continue;
		if (len <= 0)
			return;
		if (!mnl_nlmsg_ok(m, (int)len) || !nfq_packet_parse(m, &p) || p.queue < first || p.queue > first + 1u)
			continue;
		q = p.queue - first;
		ret_kept[q] += nfq_send(fd, out, nfq_verdict_put(out, p.queue, p.id, q ? NF_DROP : NF_ACCEPT, 0)) == 0;
	}
}
