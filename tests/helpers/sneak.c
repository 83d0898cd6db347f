/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Connections made in ways that a look at connect() alone does not see, or sends in pieces; for the scenarios.
 *   sneak fastopen ADDRESS PORT     data with the SYN, by sendto(MSG_FASTOPEN)
 *   sneak uring ADDRESS PORT        IORING_OP_CONNECT
 *   sneak unix PATH | sneak unix-uring PATH
 *   sneak drip ADDRESS PORT MS      a request of HTTP, one byte a segment
 *   sneak spoof ADDRESS PORT FROM   one UDP datagram with FROM as its source address (raw socket)
 *   sneak vxlan ADDRESS VNI         one VXLAN datagram (port 4789) with an Ethernet frame of its own in it
 * Waits a moment before it ends, so that the connection is one. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/io_uring.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static const char request[] = "GET / HTTP/1.1\r\nHost: sneak\r\nConnection: close\r\n\r\n";

static int fail(const char *what)
{
	fprintf(stderr, "sneak: %s: %s\n", what, strerror(errno));
	return 1;
}

static void wait_ms(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

static int connect_uring(int s, const void *addr, socklen_t len)
{
	struct io_uring_params p = { 0 };
	int ring = (int)syscall(SYS_io_uring_setup, 2, &p);
	struct io_uring_sqe *sqe;
	struct io_uring_cqe *cqe;
	char *sq, *cq;

	if (ring < 0)
		return -1;
	sq = mmap(NULL, p.sq_off.array + p.sq_entries * 4, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQ_RING);
	cq = mmap(NULL, p.cq_off.cqes + p.cq_entries * sizeof(*cqe), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_CQ_RING);
	sqe = mmap(NULL, p.sq_entries * sizeof(*sqe), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQES);
	if (sq == MAP_FAILED || cq == MAP_FAILED || sqe == MAP_FAILED)
		return -1;
	*sqe = (struct io_uring_sqe){ .opcode = IORING_OP_CONNECT, .fd = s, .addr = (uint64_t)(uintptr_t)addr, .off = len };
	*(uint32_t *)(sq + p.sq_off.array) = 0;
	__atomic_store_n((uint32_t *)(sq + p.sq_off.tail), 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0)
		return -1;
	cqe = (void *)(cq + p.cq_off.cqes);
	if (cqe->res < 0)
		errno = -cqe->res;
	return cqe->res < 0 ? -1 : 0;
}

static int inet(int argc, char **argv)
{
	int six = strchr(argv[2], ':') != NULL, s = socket(six ? AF_INET6 : AF_INET, SOCK_STREAM, 0), one = 1, r;
	struct sockaddr_in6 a6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in a4 = { .sin_family = AF_INET };
	const void *to = six ? (const void *)&a6 : (const void *)&a4;
	socklen_t len = six ? sizeof(a6) : sizeof(a4);
	char answer[512];

	a4.sin_port = a6.sin6_port = htons((uint16_t)strtoul(argv[3], NULL, 10));
	if (inet_pton(six ? AF_INET6 : AF_INET, argv[2], six ? (void *)&a6.sin6_addr : (void *)&a4.sin_addr) != 1)
		return fail("address");
	setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (!strcmp(argv[1], "fastopen"))
		r = sendto(s, request, sizeof(request) - 1, MSG_FASTOPEN, to, len) < 0 ? -1 : 0;
	else if (!strcmp(argv[1], "uring"))
		r = connect_uring(s, to, len);
	else
		r = connect(s, to, len);
	if (r < 0)
		return fail(argv[1]);
	if (strcmp(argv[1], "drip") != 0) {
		wait_ms(300);
		return 0;
	}
	for (size_t i = 0; i < sizeof(request) - 1; i++) {
		if (send(s, request + i, 1, MSG_NOSIGNAL) != 1)
			return fail("send");
		wait_ms(argc > 4 ? strtol(argv[4], NULL, 10) : 100);
	}
	return read(s, answer, sizeof(answer)) < 0;
}

static int local(char **argv)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int s = socket(AF_UNIX, SOCK_STREAM, 0), r;

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", argv[2]);
	r = !strcmp(argv[1], "unix") ? connect(s, (void *)&a, sizeof(a)) : connect_uring(s, &a, sizeof(a));
	if (r < 0)
		return fail(argv[1]);
	wait_ms(100);
	return 0;
}

static int spoof(char **argv)
{
	int s = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
	struct sockaddr_in to = { .sin_family = AF_INET };
	struct {
		struct iphdr ip;
		struct udphdr udp;
		char data[8];
	} p = { .ip = { .version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP }, .data = "spoofed" };

	inet_pton(AF_INET, argv[2], &to.sin_addr);
	inet_pton(AF_INET, argv[4], &p.ip.saddr);
	p.ip.daddr = to.sin_addr.s_addr;
	p.ip.tot_len = htons(sizeof(p));
	p.udp.source = htons(5353);
	p.udp.dest = htons((uint16_t)strtoul(argv[3], NULL, 10));
	p.udp.len = htons(sizeof(p.udp) + sizeof(p.data));
	return sendto(s, &p, sizeof(p), 0, (void *)&to, sizeof(to)) < 0 ? fail("spoof") : 0;
}

static int vxlan(char **argv)
{
	int s = socket(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(4789) };
	uint32_t vni = (uint32_t)strtoul(argv[3], NULL, 10);
	uint8_t p[8 + 60] = { 0x08, 0, 0, 0, (uint8_t)(vni >> 16), (uint8_t)(vni >> 8), (uint8_t)vni, 0,
			      0x02, 1, 1, 1, 1, 1, 0x02, 2, 2, 2, 2, 2, 0x88, 0xb5 };

	inet_pton(AF_INET, argv[2], &to.sin_addr);
	return sendto(s, p, sizeof(p), 0, (void *)&to, sizeof(to)) < 0 ? fail("vxlan") : 0;
}

int main(int argc, char **argv)
{
	if (argc >= 3 && !strncmp(argv[1], "unix", 4))
		return local(argv);
	if (argc >= 4 && !strcmp(argv[1], "vxlan"))
		return vxlan(argv);
	if (argc >= 5 && !strcmp(argv[1], "spoof"))
		return spoof(argv);
	if (argc >= 4 && (!strcmp(argv[1], "fastopen") || !strcmp(argv[1], "uring") || !strcmp(argv[1], "drip")))
		return inet(argc, argv);
	return fail("usage: see sneak.c");
}
