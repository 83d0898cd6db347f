/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Traffic of exactly known shape for the lab's containers. Linked statically: runs in an empty image.
 *   lab_traffic sleep                              waits for SIGTERM (a container's first process)
 *   lab_traffic once tcp|udp HOST PORT             one connection attempt, or one datagram of 32 bytes; ends when it has left
 *   lab_traffic sink tcp|udp PORT [REPLY]          reads all that comes; tcp: REPLY bytes back after the peer's end
 *   lab_traffic send tcp HOST PORT BYTES           sends BYTES, ends its direction, reads to the end
 *   lab_traffic send udp HOST PORT COUNT SIZE      COUNT datagrams of SIZE bytes, paced
 *   lab_traffic echo PORT [HEX]                    tcp: says HEX first, then gives back what comes
 *   lab_traffic tick HOST PORT SECONDS EVERY_MS    one connection to an echo; a message every EVERY_MS
 *   lab_traffic rush HOST PORT SECONDS             connections to an echo one after the other, one message each
 * HOST is an address in numbers. What was done is one line of JSON on standard output; exit status 0: as asked. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <linux/sockios.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t stopped;

static void on_stop(int sig)
{
	stopped = 1;
}

static int fail(const char *what)
{
	fprintf(stderr, "lab_traffic: %s: %s\n", what, strerror(errno));
	return 1;
}

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void sleep_us(uint64_t us)
{
	struct timespec t = { (time_t)(us / 1000000), (long)(us % 1000000) * 1000 };

	nanosleep(&t, NULL);
}

static uint64_t number(const char *text)
{
	char *end;
	unsigned long long n;

	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno || *end || end == text) {
		fprintf(stderr, "lab_traffic: not a number: %s\n", text);
		exit(2);
	}
	return n;
}

/* An unconnected socket towards host:port, its address in ret_addr; or -1. */
static int towards(const char *host, const char *port, int type, struct sockaddr_storage *ret_addr, socklen_t *ret_len)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)ret_addr;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret_addr;
	uint64_t p = number(port);

	memset(ret_addr, 0, sizeof(*ret_addr));
	if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)p);
		*ret_len = sizeof(*v4);
	} else if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons((uint16_t)p);
		*ret_len = sizeof(*v6);
	} else {
		errno = EINVAL;
		return -1;
	}
	return socket(ret_addr->ss_family, type | SOCK_CLOEXEC, 0);
}

static int tcp_connect(const char *host, const char *port)
{
	struct sockaddr_storage addr;
	struct timeval limit = { .tv_sec = 10 };
	socklen_t len;
	int fd = towards(host, port, SOCK_STREAM, &addr, &len);

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	if (connect(fd, (struct sockaddr *)&addr, len) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* A socket bound to port on all addresses, both families. */
static int bound(const char *port, int type)
{
	struct sockaddr_in6 addr = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)number(port)) };
	struct sockaddr_in addr4 = { .sin_family = AF_INET, .sin_port = addr.sin6_port };
	int on = 1, off = 0, fd = socket(AF_INET6, type | SOCK_CLOEXEC, 0);

	if (fd >= 0) {
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
		if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0)
			return fd;
		close(fd);
	}
	fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	return bind(fd, (struct sockaddr *)&addr4, sizeof(addr4)) < 0 ? -1 : fd;
}

static int do_sleep(void)
{
	while (!stopped)
		pause();
	return 0;
}

static int do_once(char **arg)
{
	struct sockaddr_storage addr;
	socklen_t len;
	bool udp = strcmp(arg[0], "udp") == 0;
	int queued = 1, fd = towards(arg[1], arg[2], udp ? SOCK_DGRAM : SOCK_STREAM, &addr, &len);
	struct pollfd ready = { .fd = fd, .events = POLLOUT };
	static const char message[32] = "one datagram and no other";

	if (fd < 0)
		return fail("socket");
	if (udp) {
		if (sendto(fd, message, sizeof(message), 0, (struct sockaddr *)&addr, len) != sizeof(message))
			return fail("sendto");
		/* it may wait for its neighbour's address: a container that ends takes it along */
		for (unsigned i = 0; i < 3000 && queued; i++) {
			if (ioctl(fd, SIOCOUTQ, &queued) < 0)
				return fail("SIOCOUTQ");
			sleep_us(queued ? 1000 : 0);
		}
		return queued ? 1 : 0;
	}
	fcntl(fd, F_SETFL, O_NONBLOCK);
	if (connect(fd, (struct sockaddr *)&addr, len) < 0 && errno != EINPROGRESS)
		return errno == ECONNREFUSED ? 0 : fail("connect");
	/* refused is the answer that is expected: a SYN out, a RST back, nothing else */
	return poll(&ready, 1, 3000) == 1 ? 0 : 1;
}

static int sink_one(int fd, uint64_t reply)
{
	static char block[65536];
	uint64_t got = 0, sent = 0;
	ssize_t n;

	while ((n = read(fd, block, sizeof(block))) > 0)
		got += (uint64_t)n;
	while (n == 0 && sent < reply) {
		size_t want = reply - sent < sizeof(block) ? (size_t)(reply - sent) : sizeof(block);

		n = send(fd, block, want, MSG_NOSIGNAL);
		if (n <= 0)
			break;
		sent += (uint64_t)n;
		n = 0;
	}
	printf("{\"received\":%llu,\"sent\":%llu}\n", (unsigned long long)got, (unsigned long long)sent);
	fflush(stdout);
	close(fd);
	return 0;
}

static int do_sink(char **arg, int args)
{
	bool udp = strcmp(arg[0], "udp") == 0;
	int listener = bound(arg[1], udp ? SOCK_DGRAM : SOCK_STREAM);
	int big = 8 << 20;
	static char block[65536];

	if (listener < 0)
		return fail("bind");
	if (udp) {
		setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &big, sizeof(big));
		while (!stopped)
			if (recv(listener, block, sizeof(block), 0) < 0 && errno != EINTR)
				return fail("recv");
		return 0;
	}
	if (listen(listener, 512) < 0)
		return fail("listen");
	while (!stopped) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd >= 0)
			sink_one(fd, args > 2 ? number(arg[2]) : 0);
	}
	return 0;
}

static int do_send_tcp(char **arg)
{
	uint64_t want = number(arg[2]), sent = 0, got = 0;
	static char block[65536];
	int fd = tcp_connect(arg[0], arg[1]);
	ssize_t n;

	if (fd < 0)
		return fail("connect");
	while (sent < want) {
		size_t part = want - sent < sizeof(block) ? (size_t)(want - sent) : sizeof(block);

		n = send(fd, block, part, MSG_NOSIGNAL);
		if (n <= 0)
			return fail("send");
		sent += (uint64_t)n;
	}
	shutdown(fd, SHUT_WR);
	while ((n = read(fd, block, sizeof(block))) > 0)
		got += (uint64_t)n;
	if (n < 0)
		return fail("read");
	printf("{\"sent\":%llu,\"received\":%llu}\n", (unsigned long long)sent, (unsigned long long)got);
	return 0;
}

static int do_send_udp(char **arg)
{
	struct sockaddr_storage addr;
	socklen_t len;
	uint64_t count = number(arg[2]), size = number(arg[3]), i;
	static char block[65536];
	int queued = 1, fd = towards(arg[0], arg[1], SOCK_DGRAM, &addr, &len);

	if (fd < 0 || size > sizeof(block) || connect(fd, (struct sockaddr *)&addr, len) < 0)
		return fail("socket");
	for (i = 0; i < count; i++) {
		while (send(fd, block, size, 0) < 0)
			if (errno != ENOBUFS && errno != EAGAIN)
				return fail("send");
		if (i == 0) /* the first resolves the neighbour */
			for (unsigned n = 0; n < 3000 && ioctl(fd, SIOCOUTQ, &queued) == 0 && queued; n++)
				sleep_us(1000);
		if (i % 32 == 31)
			sleep_us(500);
	}
	printf("{\"sent\":%llu,\"bytes\":%llu}\n", (unsigned long long)count, (unsigned long long)(count * size));
	return 0;
}

static size_t from_hex(const char *hex, char *ret, size_t size)
{
	size_t n = 0;
	unsigned v;

	while (hex && n < size && sscanf(hex + 2 * n, "%2x", &v) == 1)
		ret[n++] = (char)v;
	return n;
}

static int do_echo(char **arg)
{
	int listener = bound(arg[0], SOCK_STREAM), on = 1;
	char block[4096], first[256];
	size_t first_len = from_hex(arg[1], first, sizeof(first));
	ssize_t n;

	signal(SIGCHLD, SIG_IGN);
	if (listener < 0 || listen(listener, 512) < 0)
		return fail("listen");
	while (!stopped) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0)
			continue;
		if (fork() == 0) {
			close(listener);
			setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
			if (first_len && send(fd, first, first_len, MSG_NOSIGNAL) < 0)
				_exit(1);
			while ((n = read(fd, block, sizeof(block))) > 0)
				if (send(fd, block, (size_t)n, MSG_NOSIGNAL) != n)
					break;
			_exit(0);
		}
		close(fd);
	}
	return 0;
}

/* One message there and back; its time in ret_us. */
static int exchange(int fd, uint64_t *ret_us)
{
	char block[64] = "tick";
	uint64_t start = now_us();
	size_t got = 0;
	ssize_t n;

	if (send(fd, block, sizeof(block), MSG_NOSIGNAL) != sizeof(block))
		return -1;
	while (got < sizeof(block)) {
		n = read(fd, block, sizeof(block) - got);
		if (n <= 0)
			return -1;
		got += (size_t)n;
	}
	*ret_us = now_us() - start;
	return 0;
}

/* every_us 0: a connection for each message. */
static int do_tick(const char *host, const char *port, uint64_t seconds, uint64_t every_us)
{
	uint64_t end = now_us() + seconds * 1000000, sent = 0, failed = 0, worst = 0, us = 0;
	int fd = -1, on = 1;

	while (now_us() < end && !stopped) {
		if (fd < 0) {
			fd = tcp_connect(host, port);
			if (fd < 0) {
				failed += !stopped; /* the signal that ends us also ends what we wait for */
				sleep_us(1000);
				continue;
			}
			setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		}
		sent++;
		if (exchange(fd, &us) < 0) {
			failed += !stopped;
			close(fd);
			fd = -1;
			continue;
		}
		worst = us > worst ? us : worst;
		if (every_us) {
			sleep_us(every_us);
		} else {
			close(fd);
			fd = -1;
			sleep_us(500);
		}
	}
	printf("{\"sent\":%llu,\"failed\":%llu,\"worst_us\":%llu}\n", (unsigned long long)sent, (unsigned long long)failed,
	       (unsigned long long)worst);
	return failed ? 1 : 0;
}

int main(int argc, char **argv)
{
	struct sigaction stop = { .sa_handler = on_stop };
	const char *what = argc > 1 ? argv[1] : "";

	sigaction(SIGTERM, &stop, NULL);
	sigaction(SIGINT, &stop, NULL);
	argv += 2;
	argc -= 2;
	if (strcmp(what, "sleep") == 0)
		return do_sleep();
	if (strcmp(what, "once") == 0 && argc == 3)
		return do_once(argv);
	if (strcmp(what, "sink") == 0 && argc >= 2)
		return do_sink(argv, argc);
	if (strcmp(what, "send") == 0 && argc == 4 && strcmp(argv[0], "tcp") == 0)
		return do_send_tcp(argv + 1);
	if (strcmp(what, "send") == 0 && argc == 5 && strcmp(argv[0], "udp") == 0)
		return do_send_udp(argv + 1);
	if (strcmp(what, "echo") == 0 && (argc == 1 || argc == 2))
		return do_echo(argv);
	if (strcmp(what, "tick") == 0 && argc == 4)
		return do_tick(argv[0], argv[1], number(argv[2]), number(argv[3]) * 1000);
	if (strcmp(what, "rush") == 0 && argc == 3)
		return do_tick(argv[0], argv[1], number(argv[2]), 0);
	fprintf(stderr, "usage: lab_traffic sleep|once|sink|send|echo|tick|rush ...\n");
	return 2;
}
