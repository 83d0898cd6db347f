/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "enforce/nfq_reset.h"

#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "enforce/plan.h"

#define TCP_BYTES 20u
#define TCP_RST 4
#define TTL 64

static void be16_put(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void be32_put(uint8_t *p, uint32_t v)
{
	be16_put(p, v >> 16);
	be16_put(p + 2, v & 0xffff);
}

/* RFC 1071; whole words. */
static uint32_t sum_of(const uint8_t *p, size_t len, uint32_t sum)
{
	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	return sum;
}

static uint32_t sum_end(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum & 0xffff;
}

size_t nfq_reset_put(uint8_t buf[NFQ_RESET_BYTES], const struct nfq_reset *r)
{
	bool v4 = plan_addr_is_v4(r->src);
	unsigned skip = v4 ? 12 : 0, addr = 16 - skip, head = v4 ? 20 : 40;
	uint8_t *src = buf + (v4 ? 12 : 8), *dst = src + addr, *tcp = buf + head;

	memset(buf, 0, NFQ_RESET_BYTES);
	buf[0] = v4 ? 0x45 : 0x60;
	memcpy(src, r->src + skip, addr);
	memcpy(dst, r->dst + skip, addr);
	if (v4) {
		be16_put(buf + 2, head + TCP_BYTES);
		buf[6] = 0x40; /* not to be cut */
		buf[8] = TTL;
		buf[9] = IPPROTO_TCP;
		be16_put(buf + 10, sum_end(sum_of(buf, head, 0)));
	} else {
		be16_put(buf + 4, TCP_BYTES);
		buf[6] = IPPROTO_TCP;
		buf[7] = TTL;
	}
	be16_put(tcp, r->sport);
	be16_put(tcp + 2, r->dport);
	be32_put(tcp + 4, r->seq);
	tcp[12] = TCP_BYTES / 4 << 4;
	tcp[13] = TCP_RST;
	be16_put(tcp + 16, sum_end(sum_of(tcp, TCP_BYTES, sum_of(src, (size_t)2 * addr, IPPROTO_TCP + TCP_BYTES))));
	return head + TCP_BYTES;
}

int nfq_reset_open(int home_fd, int netns_fd, int ret_fd[2])
{
	int r;

	ret_fd[0] = ret_fd[1] = -1;
	if (setns(netns_fd, CLONE_NEWNET) < 0)
		return -errno;
	ret_fd[0] = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW);
	r = ret_fd[0] < 0 ? -errno : 0;
	ret_fd[1] = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW);
	if (setns(home_fd, CLONE_NEWNET) < 0)
		abort();
	return ret_fd[1] >= 0 ? 0 : r;
}

int nfq_reset_send(const int fd[2], const struct nfq_reset *r)
{
	struct sockaddr_in to4 = { .sin_family = AF_INET };
	struct sockaddr_in6 to6 = { .sin6_family = AF_INET6 };
	uint8_t buf[NFQ_RESET_BYTES];
	size_t len = nfq_reset_put(buf, r);
	ssize_t n;

	memcpy(&to4.sin_addr, r->dst + 12, 4);
	memcpy(&to6.sin6_addr, r->dst, 16);
	n = plan_addr_is_v4(r->dst) ? sendto(fd[0], buf, len, MSG_DONTWAIT, (struct sockaddr *)&to4, sizeof(to4)) :
				       sendto(fd[1], buf, len, MSG_DONTWAIT, (struct sockaddr *)&to6, sizeof(to6));
	return n < 0 ? -errno : 0;
}
