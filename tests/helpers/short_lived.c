/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Connections of processes that live for some milliseconds, and servers whose connections are served by others than those who
 * listen; each side says who it is, so that what a sensor attributes can be held against the truth. Pids are those of the pid
 * namespace: run in the initial one.
 *   short_lived serve prefork|reuseport|fork|pass PORT WORKERS     reads a byte, answers its pid in 10 digits
 *   short_lived connect HOST PORT COUNT PARALLEL                    a process for each connection, made in five ways in turn:
 *                                                                   connect, fast open, v4-mapped, io_uring, inherited
 *   short_lived datagrams HOST PORT COUNT                           a process for each datagram, sent in five ways in turn:
 *                                                                   sendto, connected, v4-mapped, io_uring, ping (ICMP socket)
 * connect prints a line a connection: local port, pid of who made it, pid of who served it, way, microseconds it lived. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/io_uring.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static int fail(const char *what)
{
	fprintf(stderr, "short_lived: %s: %s\n", what, strerror(errno));
	return 1;
}

/* What is no number is 0, as a count or a port of 0 would be: nothing is done. */
static int number(const char *text)
{
	return (int)strtol(text, NULL, 10);
}

/* ---- servers ------------------------------------------------------------------------------------------------- */
static int listener(uint16_t port, int reuse)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int s = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1, queue = 64;

	setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (reuse)
		setsockopt(s, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
	setsockopt(s, IPPROTO_TCP, TCP_FASTOPEN, &queue, sizeof(queue));
	if (bind(s, (void *)&a, sizeof(a)) || listen(s, 1024))
		exit(fail("listen"));
	return s;
}

static void answer(int c)
{
	char text[16], byte;

	if (read(c, &byte, 1) == 1) {
		snprintf(text, sizeof(text), "%010d", getpid());
		if (write(c, text, 10) != 10)
			fail("write");
	}
	/* the client ends first: its local port is the one in TIME_WAIT */
	if (read(c, &byte, 1) < 0)
		fail("read");
	close(c);
}

static void worker_accepts(int s)
{
	for (;;) {
		int c = accept(s, NULL, NULL);

		if (c >= 0)
			answer(c);
	}
}

static void fd_send(int to, int fd)
{
	char byte = 0, room[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec v = { &byte, 1 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof(room) };
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);

	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(h), &fd, sizeof(fd));
	sendmsg(to, &m, 0);
}

static int fd_take(int from)
{
	char byte, room[CMSG_SPACE(sizeof(int))];
	struct iovec v = { &byte, 1 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof(room) };
	int fd;

	if (recvmsg(from, &m, 0) <= 0 || !CMSG_FIRSTHDR(&m))
		return -1;
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(fd));
	return fd;
}

static int serve(const char *how, uint16_t port, int workers)
{
	int s = strcmp(how, "reuseport") ? listener(port, 0) : -1, pair[2];

	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair))
		return fail("socketpair");
	signal(SIGCHLD, SIG_IGN);
	for (int i = 0; i < workers && strcmp(how, "fork"); i++) {
		if (fork())
			continue;
		if (!strcmp(how, "reuseport"))
			worker_accepts(listener(port, 1));
		if (!strcmp(how, "prefork"))
			worker_accepts(s);
		for (;;) { /* pass */
			int c = fd_take(pair[1]);

			if (c >= 0)
				answer(c);
		}
	}
	while (!strcmp(how, "fork") || !strcmp(how, "pass")) {
		int c = accept(s, NULL, NULL);

		if (c < 0)
			continue;
		if (!strcmp(how, "pass")) {
			fd_send(pair[0], c);
		} else if (!fork()) {
			answer(c);
			_exit(0);
		}
		close(c);
	}
	pause();
	return 0;
}

/* ---- clients ---------------------------------------------------------------------------------------------------- */
/* One operation; its result, or -1 and errno. */
static int uring_do(const struct io_uring_sqe *op)
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
	*sqe = *op;
	*(uint32_t *)(sq + p.sq_off.array) = 0;
	__atomic_store_n((uint32_t *)(sq + p.sq_off.tail), 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0)
		return -1;
	cqe = (void *)(cq + p.cq_off.cqes);
	if (cqe->res < 0)
		errno = -cqe->res;
	return cqe->res < 0 ? -1 : cqe->res;
}

static int connect_uring(int s, const void *addr, socklen_t len)
{
	return uring_do(&(struct io_uring_sqe){ .opcode = IORING_OP_CONNECT, .fd = s, .addr = (uint64_t)(uintptr_t)addr, .off = len });
}

enum way { WAY_CONNECT, WAY_FASTOPEN, WAY_MAPPED, WAY_URING, WAY_INHERITED, WAY_MAX };
static const char *const way_names[] = { "connect", "fastopen", "mapped", "uring", "inherited" };

static int talk(int s, int sent, enum way way, uint64_t began)
{
	struct sockaddr_in6 a = { 0 };
	socklen_t len = sizeof(a);
	char text[11] = "", line[128];
	int n, maker = way == WAY_INHERITED ? getppid() : getpid();

	if (!sent && write(s, "x", 1) != 1)
		return fail("write");
	for (n = 0; n < 10;) {
		ssize_t r = read(s, text + n, (size_t)(10 - n));

		if (r <= 0)
			return fail("read");
		n += (int)r;
	}
	getsockname(s, (void *)&a, &len);
	n = snprintf(line, sizeof(line), "%u %d %d %s %u\n", ntohs(a.sin6_port), maker, number(text), way_names[way],
		     (unsigned)(now_us() - began));
	return write(1, line, (size_t)n) == n ? 0 : 1; /* one write: whole lines */
}

static int one(const struct sockaddr_in *to, enum way way)
{
	struct sockaddr_in6 mapped = { .sin6_family = AF_INET6, .sin6_port = to->sin_port };
	uint64_t began = now_us();
	int s = socket(way == WAY_MAPPED ? AF_INET6 : AF_INET, SOCK_STREAM, 0), sent = 0, r;
	pid_t child;

	mapped.sin6_addr.s6_addr[10] = mapped.sin6_addr.s6_addr[11] = 0xff;
	memcpy(&mapped.sin6_addr.s6_addr[12], &to->sin_addr, 4);
	switch (way) {
	case WAY_FASTOPEN:
		r = sendto(s, "x", 1, MSG_FASTOPEN, (const void *)to, sizeof(*to)) == 1 ? 0 : -1;
		sent = 1;
		break;
	case WAY_MAPPED:
		r = connect(s, (void *)&mapped, sizeof(mapped));
		break;
	case WAY_URING:
		r = connect_uring(s, to, sizeof(*to));
		break;
	default:
		r = connect(s, (const void *)to, sizeof(*to));
	}
	if (r)
		return fail(way_names[way]);
	if (way != WAY_INHERITED)
		return talk(s, sent, way, began);
	child = fork();
	if (child == 0)
		_exit(talk(s, sent, way, began));
	close(s);
	waitpid(child, &r, 0);
	return r != 0;
}

static int clients(const struct sockaddr_in *to, int count, int parallel)
{
	int failed = 0, running = 0, status;

	for (int i = 0; i < count; i++) {
		pid_t pid;

		if (running == parallel && wait(&status) > 0) {
			running--;
			failed += status != 0;
		}
		pid = fork();
		if (pid == 0)
			_exit(one(to, (enum way)(i % WAY_MAX)));
		running += pid > 0;
	}
	while (wait(&status) > 0)
		failed += status != 0;
	return failed != 0;
}

/* ---- datagrams --------------------------------------------------------------------------------------------------------- */
enum send_way { SEND_TO, SEND_CONNECTED, SEND_MAPPED, SEND_URING, SEND_PING, SEND_MAX };
static const char *const send_names[] = { "sendto", "connected", "mapped", "uring", "ping" };

static int datagram(const struct sockaddr_in *to, enum send_way way)
{
	static const unsigned char echo[] = { 8, 0, 0, 0, 0, 0, 0, 1, 'x' }; /* ICMP echo request; the kernel fills number and sum */
	struct sockaddr_in6 mapped = { .sin6_family = AF_INET6, .sin6_port = to->sin_port }, a = { 0 };
	struct iovec v = { (void *)echo, way == SEND_PING ? sizeof(echo) : 1 };
	struct msghdr m = { .msg_name = (void *)to, .msg_namelen = sizeof(*to), .msg_iov = &v, .msg_iovlen = 1 };
	int s = socket(way == SEND_MAPPED ? AF_INET6 : AF_INET, SOCK_DGRAM, way == SEND_PING ? IPPROTO_ICMP : 0), r = 0;
	socklen_t len = sizeof(a);

	mapped.sin6_addr.s6_addr[10] = mapped.sin6_addr.s6_addr[11] = 0xff;
	memcpy(&mapped.sin6_addr.s6_addr[12], &to->sin_addr, 4);
	if (way == SEND_MAPPED)
		m.msg_name = &mapped, m.msg_namelen = sizeof(mapped);
	if (way == SEND_CONNECTED) {
		r = connect(s, (const void *)to, sizeof(*to));
		m.msg_name = NULL, m.msg_namelen = 0;
	}
	if (way == SEND_URING)
		r = uring_do(&(struct io_uring_sqe){ .opcode = IORING_OP_SENDMSG, .fd = s, .addr = (uint64_t)(uintptr_t)&m, .len = 1 });
	else if (r == 0)
		r = (int)sendmsg(s, &m, 0);
	if (r != (int)v.iov_len)
		return fail(send_names[way]);
	getsockname(s, (void *)&a, &len);
	printf("%u %d 0 %s 0\n", ntohs(a.sin6_port), getpid(), send_names[way]);
	fflush(stdout);
	return 0;
}

static int datagrams(const struct sockaddr_in *to, int count)
{
	int failed = 0, status;

	for (int i = 0; i < count; i++) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(datagram(to, (enum send_way)(i % SEND_MAX)));
		if (waitpid(pid, &status, 0) < 0 || status)
			failed = 1;
	}
	return failed;
}

int main(int argc, char **argv)
{
	struct sockaddr_in to = { .sin_family = AF_INET };

	if (argc == 5 && !strcmp(argv[1], "serve"))
		return serve(argv[2], (uint16_t)number(argv[3]), number(argv[4]));
	if (argc < 5 || inet_pton(AF_INET, argv[2], &to.sin_addr) != 1) {
		fprintf(stderr, "usage: short_lived serve HOW PORT WORKERS | connect HOST PORT COUNT PARALLEL | datagrams HOST PORT COUNT\n");
		return 2;
	}
	to.sin_port = htons((uint16_t)number(argv[3]));
	if (!strcmp(argv[1], "datagrams"))
		return datagrams(&to, number(argv[4]));
	return argc == 6 ? clients(&to, number(argv[4]), number(argv[5])) : 2;
}
