/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Traffic for the benchmark: a server for all kinds of load, and a client that makes one kind for a fixed time and prints
 * one JSON object. The bench runs them in the namespaces that it made.
 *
 *   load server                       serves until killed
 *   load MODE ADDR SECONDS [START]    MODE: stream rr conn udp flows twoway one syscall
 *
 * stream: TCP, as fast as it goes; rr: one HTTP-like request after the other on one connection; conn: connect, one request,
 * close, by four threads; udp: 64-byte frames to one port; flows: every packet a new destination address or port, never
 * answered (START: first tuple's number); twoway: START flows of one datagram each way; one: a single request, then SECONDS
 * of silence before the close (prints when its first packet left and from which port); syscall: getppid(2), with the thread's
 * own CPU time a call. CPU is else the whole machine's. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { PORT_STREAM = 5001, PORT_HTTP = 8001, HTTP_PORTS = 8, PORT_UDP = 5003, PORT_ECHO = 6001, ECHO_PORTS = 4 };
enum { CONN_THREADS = 4, BATCH = 64, LATENCIES_MAX = 4 << 20 };

static const char request[] = "GET /index.html HTTP/1.1\r\nHost: server.bench\r\nUser-Agent: pierglass-bench/1\r\nAccept: */*\r\n\r\n";
static const char response[] = "HTTP/1.1 200 OK\r\nServer: bench\r\nContent-Type: text/plain\r\nContent-Length: 64\r\n\r\n"
			       "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

static void die(const char *what)
{
	fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Busy time of all CPUs in clock ticks (proc(5): user nice system idle iowait irq softirq steal). */
static uint64_t busy_ticks(void)
{
	uint64_t v[8] = { 0 };
	FILE *f = fopen("/proc/stat", "r");

	if (!f)
		die("/proc/stat");
	if (fscanf(f, "cpu") != 0)
		die("/proc/stat");
	for (int i = 0; i < 7; i++)
		if (fscanf(f, "%" SCNu64, &v[i]) != 1)
			die("/proc/stat");
	fclose(f);
	return v[0] + v[1] + v[2] + v[5] + v[6];
}

/* Where things run is fixed, because else the scheduler's choice hides what is measured. Request/response on one CPU: to wake
 * a halted one takes 10 or 60 us, as it comes. Bulk and floods on two: on one they have half the rate. */
static void pin_to_cpu(bool last)
{
	cpu_set_t one, all;

	CPU_ZERO(&one);
	if (sched_getaffinity(0, sizeof(all), &all) < 0)
		return;
	for (int i = 0, left = CPU_COUNT(&all); i < CPU_SETSIZE && left; i++) {
		if (!CPU_ISSET(i, &all))
			continue;
		left--;
		if (!last || !left) {
			CPU_SET(i, &one);
			break;
		}
	}
	sched_setaffinity(0, sizeof(one), &one);
}

/* ---- server --------------------------------------------------------------------------------------- */
static int bound(int type, uint16_t port)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int one = 1, zero = 0, fd = socket(AF_INET6, type | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero));
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		die("bind");
	if (type == SOCK_STREAM && listen(fd, 1024) < 0)
		die("listen");
	return fd;
}

static void *serve_stream(void *arg)
{
	int l = bound(SOCK_STREAM, PORT_STREAM);

	(void)arg;
	pin_to_cpu(true);
	for (;;) {
		int fd = accept4(l, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0)
			continue;
		while (recv(fd, NULL, 1 << 20, MSG_TRUNC) > 0)
			;
		close(fd);
	}
	return NULL;
}

static void *serve_http(void *arg)
{
	int ep = epoll_create1(EPOLL_CLOEXEC), last_listener = -1;
	struct epoll_event ev[64];

	(void)arg;
	pin_to_cpu(false);
	for (int i = 0; i < HTTP_PORTS; i++) {
		last_listener = bound(SOCK_STREAM, (uint16_t)(PORT_HTTP + i));
		fcntl(last_listener, F_SETFL, O_NONBLOCK);
		ev[0] = (struct epoll_event){ .events = EPOLLIN, .data.u64 = (uint64_t)last_listener << 1 | 1 };
		epoll_ctl(ep, EPOLL_CTL_ADD, last_listener, &ev[0]);
	}
	for (;;) {
		int n = epoll_wait(ep, ev, 64, -1);

		for (int i = 0; i < n; i++) {
			int fd = (int)(ev[i].data.u64 >> 1), one = 1, c;
			char buf[512];

			if (!(ev[i].data.u64 & 1)) {
				ssize_t r = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);

				if (r > 0)
					r = send(fd, response, sizeof(response) - 1, MSG_NOSIGNAL);
				if (r == 0 || (r < 0 && errno != EAGAIN))
					close(fd);
				continue;
			}
			while ((c = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
				struct epoll_event e = { .events = EPOLLIN, .data.u64 = (uint64_t)c << 1 };

				setsockopt(c, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
				epoll_ctl(ep, EPOLL_CTL_ADD, c, &e);
			}
		}
	}
	return NULL;
}

static void *serve_udp(void *arg)
{
	static char buf[BATCH][128];
	struct iovec iov[BATCH];
	struct mmsghdr m[BATCH];
	int fd = bound(SOCK_DGRAM, PORT_UDP);

	(void)arg;
	pin_to_cpu(true);
	memset(m, 0, sizeof(m));
	for (int i = 0; i < BATCH; i++) {
		iov[i] = (struct iovec){ buf[i], sizeof(buf[i]) };
		m[i].msg_hdr.msg_iov = &iov[i];
		m[i].msg_hdr.msg_iovlen = 1;
	}
	while (recvmmsg(fd, m, BATCH, MSG_WAITFORONE, NULL) >= 0 || errno == EINTR)
		;
	return NULL;
}

static void *serve_echo(void *arg)
{
	int fd = bound(SOCK_DGRAM, (uint16_t)(uintptr_t)arg);

	for (;;) {
		struct sockaddr_in6 a;
		socklen_t len = sizeof(a);
		char buf[256];
		ssize_t n = recvfrom(fd, buf, sizeof(buf), 0, (struct sockaddr *)&a, &len);

		if (n >= 0)
			sendto(fd, buf, (size_t)n, 0, (struct sockaddr *)&a, len);
	}
	return NULL;
}

static void server(void)
{
	pthread_t t;

	if (pthread_create(&t, NULL, serve_stream, NULL) || pthread_create(&t, NULL, serve_http, NULL) ||
	    pthread_create(&t, NULL, serve_udp, NULL))
		die("pthread_create");
	for (uintptr_t i = 0; i < ECHO_PORTS; i++)
		if (pthread_create(&t, NULL, serve_echo, (void *)(PORT_ECHO + i)))
			die("pthread_create");
	puts("serving");
	fflush(stdout);
	for (;;)
		pause();
}

/* ---- client --------------------------------------------------------------------------------------- */
struct target {
	struct sockaddr_storage addr;
	socklen_t len;
	uint64_t duration_ns, start;
};
struct result {
	uint64_t ops, bytes, errors, own_cpu_ns;
	uint32_t *latency_ns; /* LATENCIES_MAX, or NULL */
};

static void port_set(struct target *t, uint16_t port)
{
	if (t->addr.ss_family == AF_INET)
		((struct sockaddr_in *)&t->addr)->sin_port = htons(port);
	else
		((struct sockaddr_in6 *)&t->addr)->sin6_port = htons(port);
}

/* A connected socket to port, or -1. */
static int connected(struct target *t, int type, uint16_t port)
{
	struct timeval limit = { .tv_sec = 2 };
	int one = 1, fd = socket(t->addr.ss_family, type | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	port_set(t, port);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (type == SOCK_STREAM)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(fd, (struct sockaddr *)&t->addr, t->len) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* One request and its whole answer. */
static bool ask(int fd)
{
	char buf[1024];
	size_t got = 0;

	if (send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) != (ssize_t)sizeof(request) - 1)
		return false;
	while (got < sizeof(response) - 1) {
		ssize_t n = recv(fd, buf, sizeof(buf), 0);

		if (n <= 0)
			return false;
		got += (size_t)n;
	}
	return true;
}

static void run_stream(struct target *t, struct result *r)
{
	static char buf[128 << 10];
	uint64_t end = now_ns() + t->duration_ns;
	int fd = connected(t, SOCK_STREAM, PORT_STREAM);
	struct tcp_info info;
	socklen_t len = sizeof(info);

	if (fd < 0)
		die("connect");
	pin_to_cpu(false);
	while (now_ns() < end)
		if (send(fd, buf, sizeof(buf), MSG_NOSIGNAL) < 0)
			r->errors++;
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0)
		r->bytes = info.tcpi_bytes_acked;
	r->ops = r->bytes;
	close(fd);
}

static void run_rr(struct target *t, struct result *r)
{
	uint64_t before, after, end;
	int fd = connected(t, SOCK_STREAM, PORT_HTTP);

	if (fd < 0)
		die("connect");
	pin_to_cpu(false);
	after = now_ns();
	end = after + t->duration_ns;
	while (after < end) {
		before = after;
		if (!ask(fd)) {
			r->errors++;
			break;
		}
		after = now_ns();
		if (r->ops < LATENCIES_MAX)
			r->latency_ns[r->ops] = (uint32_t)(after - before);
		r->ops++;
	}
	close(fd);
}

struct conn_thread {
	pthread_t thread;
	struct target t;
	struct result r;
	unsigned first;
};

static void *conn_loop(void *arg)
{
	struct conn_thread *c = arg;
	uint64_t end = now_ns() + c->t.duration_ns;

	for (unsigned i = c->first; now_ns() < end; i++) {
		int fd = connected(&c->t, SOCK_STREAM, (uint16_t)(PORT_HTTP + i % HTTP_PORTS));

		if (fd >= 0 && ask(fd))
			c->r.ops++;
		else
			c->r.errors++;
		if (fd >= 0)
			close(fd);
	}
	return NULL;
}

static void run_conn(struct target *t, struct result *r)
{
	struct conn_thread c[CONN_THREADS];

	for (unsigned i = 0; i < CONN_THREADS; i++) {
		c[i] = (struct conn_thread){ .t = *t, .first = i * 2 };
		if (pthread_create(&c[i].thread, NULL, conn_loop, &c[i]))
			die("pthread_create");
	}
	for (unsigned i = 0; i < CONN_THREADS; i++) {
		pthread_join(c[i].thread, NULL);
		r->ops += c[i].r.ops;
		r->errors += c[i].r.errors;
	}
}

/* Sends batches until the time is over. each(i, address) gives packet i its own destination; NULL: all to the target. */
static void flood(struct target *t, struct result *r, uint16_t port, void (*each)(uint64_t i, struct sockaddr_storage *a))
{
	static char payload[22]; /* 64-byte frames over IPv4: 14 + 20 + 8 + 22 */
	struct iovec iov = { payload, sizeof(payload) };
	struct sockaddr_storage to[BATCH];
	struct mmsghdr m[BATCH];
	uint64_t end, i = t->start;
	int fd = socket(t->addr.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket");
	pin_to_cpu(false);
	port_set(t, port);
	memset(m, 0, sizeof(m));
	for (int k = 0; k < BATCH; k++) {
		to[k] = t->addr;
		m[k].msg_hdr = (struct msghdr){ .msg_name = &to[k], .msg_namelen = t->len, .msg_iov = &iov, .msg_iovlen = 1 };
	}
	for (end = now_ns() + t->duration_ns; now_ns() < end;) {
		int n;

		for (int k = 0; each && k < BATCH; k++)
			each(i + (uint64_t)k, &to[k]);
		n = sendmmsg(fd, m, BATCH, 0);
		if (n < 0) {
			r->errors++;
			continue;
		}
		i += (uint64_t)n;
		r->ops += (uint64_t)n;
	}
	close(fd);
}

/* 10.99.0.0/16 or fd99::/112 by the low half, ports from 1024 by the high half: no tuple twice in 4 billion packets. */
static void new_tuple(uint64_t i, struct sockaddr_storage *a)
{
	uint16_t low = htons((uint16_t)i), port = htons((uint16_t)(1024 + (i >> 16) % 64000));

	if (a->ss_family == AF_INET) {
		struct sockaddr_in *s = (struct sockaddr_in *)a;

		s->sin_addr.s_addr = htonl(10u << 24 | 99u << 16 | (uint32_t)(i & 0xffff));
		s->sin_port = port;
	} else {
		struct sockaddr_in6 *s = (struct sockaddr_in6 *)a;

		inet_pton(AF_INET6, "fd99::", &s->sin6_addr);
		memcpy(&s->sin6_addr.s6_addr[14], &low, 2);
		s->sin6_port = port;
	}
}

/* t->start flows of one datagram each way: source ports times server ports. Bounded by the duration. */
static void run_twoway(struct target *t, struct result *r)
{
	uint64_t end = now_ns() + t->duration_ns;

	for (uint64_t i = 0; i < t->start && now_ns() < end; i++) {
		struct sockaddr_in6 own6 = { .sin6_family = AF_INET6 };
		struct sockaddr_in own4 = { .sin_family = AF_INET };
		uint16_t port = htons((uint16_t)(2048 + i / ECHO_PORTS % 60000));
		struct timeval limit = { .tv_usec = 200000 };
		int fd = socket(t->addr.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		char buf[16] = "pierglass bench";

		own4.sin_port = own6.sin6_port = port;
		port_set(t, (uint16_t)(PORT_ECHO + i % ECHO_PORTS));
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
		if (bind(fd, t->addr.ss_family == AF_INET ? (struct sockaddr *)&own4 : (struct sockaddr *)&own6, t->len) == 0 &&
		    connect(fd, (struct sockaddr *)&t->addr, t->len) == 0 && send(fd, buf, sizeof(buf), 0) > 0 &&
		    recv(fd, buf, sizeof(buf), 0) > 0)
			r->ops++;
		else
			r->errors++;
		close(fd);
	}
}

static void run_one(struct target *t, struct result *r)
{
	struct sockaddr_in6 own = { .sin6_port = 0 }; /* the port is at the same place in sockaddr_in */
	socklen_t len = sizeof(own);
	uint64_t before = now_ns();
	int fd = connected(t, SOCK_STREAM, PORT_HTTP);

	if (fd < 0 || !ask(fd) || getsockname(fd, (struct sockaddr *)&own, &len) < 0)
		die("request");
	printf("{\"sent_ns\":%" PRIu64 ",\"sport\":%u}\n", before, ntohs(own.sin6_port));
	fflush(stdout);
	usleep((useconds_t)(t->duration_ns / 1000));
	close(fd);
	r->ops = 1;
}

static void run_syscall(struct target *t, struct result *r)
{
	struct timespec before, after;
	uint64_t end;

	pin_to_cpu(true);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &before);
	for (end = now_ns() + t->duration_ns; now_ns() < end; r->ops += 4096)
		for (int i = 0; i < 4096; i++)
			syscall(SYS_getppid);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &after);
	r->own_cpu_ns = (uint64_t)(after.tv_sec - before.tv_sec) * 1000000000u + (uint64_t)after.tv_nsec - (uint64_t)before.tv_nsec;
}

static int cmp_u32(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static void target_parse(struct target *t, const char *addr)
{
	struct sockaddr_in *s4 = (struct sockaddr_in *)&t->addr;
	struct sockaddr_in6 *s6 = (struct sockaddr_in6 *)&t->addr;

	if (inet_pton(AF_INET, addr, &s4->sin_addr) == 1) {
		s4->sin_family = AF_INET;
		t->len = sizeof(*s4);
	} else if (inet_pton(AF_INET6, addr, &s6->sin6_addr) == 1) {
		s6->sin6_family = AF_INET6;
		t->len = sizeof(*s6);
	} else {
		fprintf(stderr, "load: %s: no address\n", addr);
		exit(2);
	}
}

int main(int argc, char **argv)
{
	struct target t = { .len = 0 };
	struct result r = { .ops = 0 };
	uint64_t begin, ticks;
	double seconds;
	const char *mode = argc > 1 ? argv[1] : "";

	signal(SIGPIPE, SIG_IGN);
	if (strcmp(mode, "server") == 0)
		server();
	if (argc < 4) {
		fprintf(stderr, "usage: load server | load stream|rr|conn|udp|flows|twoway|one|syscall ADDR SECONDS [START]\n");
		return 2;
	}
	target_parse(&t, argv[2]);
	t.duration_ns = (uint64_t)(strtod(argv[3], NULL) * 1e9);
	t.start = argc > 4 ? strtoull(argv[4], NULL, 10) : 0;
	r.latency_ns = malloc(LATENCIES_MAX * sizeof(*r.latency_ns));
	if (!r.latency_ns)
		die("malloc");
	ticks = busy_ticks();
	begin = now_ns();
	if (strcmp(mode, "stream") == 0)
		run_stream(&t, &r);
	else if (strcmp(mode, "rr") == 0)
		run_rr(&t, &r);
	else if (strcmp(mode, "conn") == 0)
		run_conn(&t, &r);
	else if (strcmp(mode, "udp") == 0)
		flood(&t, &r, PORT_UDP, NULL);
	else if (strcmp(mode, "flows") == 0)
		flood(&t, &r, PORT_UDP, new_tuple);
	else if (strcmp(mode, "twoway") == 0)
		run_twoway(&t, &r);
	else if (strcmp(mode, "one") == 0)
		run_one(&t, &r);
	else if (strcmp(mode, "syscall") == 0)
		run_syscall(&t, &r);
	else
		return 2;
	seconds = (double)(now_ns() - begin) / 1e9;
	ticks = busy_ticks() - ticks;
	printf("{\"mode\":\"%s\",\"seconds\":%.6f,\"ops\":%" PRIu64 ",\"errors\":%" PRIu64 ",\"cpu_s\":%.3f", mode, seconds,
	       r.ops, r.errors, (double)ticks / (double)sysconf(_SC_CLK_TCK));
	if (strcmp(mode, "rr") == 0 && r.ops) {
		size_t n = r.ops < LATENCIES_MAX ? r.ops : LATENCIES_MAX, p99 = n - 1 - n / 100;

		qsort(r.latency_ns, n, sizeof(*r.latency_ns), cmp_u32);
		printf(",\"p50_us\":%.2f,\"p99_us\":%.2f", (double)r.latency_ns[n >> 1] / 1e3,
		       (double)r.latency_ns[p99] / 1e3);
	}
	if (r.own_cpu_ns)
		printf(",\"own_cpu_ns_per_op\":%.2f", (double)r.own_cpu_ns / (double)r.ops);
	puts("}");
	free(r.latency_ns);
	return 0;
}
