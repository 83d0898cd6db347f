/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What events are made of, for the benchmark: programs started, system calls, connections. One JSON object when done.
 *   events_load exec SECONDS                                 /bin/true, one after the other
 *   events_load getppid SECONDS                              one system call after the other
 *   events_load storm EXECS CONNECTIONS SECONDS HOST PORT    at these rates per second, as far as the machine can
 *   events_load serve PORT                                   accepts, reads a byte, closes
 *   events_load nop                                          (what storm starts: itself, statically linked) */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void start(const char *path, char *arg)
{
	char *argv[] = { (char *)path, arg, NULL };
	pid_t pid;

	if (posix_spawn(&pid, path, NULL, NULL, argv, environ) == 0)
		waitpid(pid, NULL, 0);
}

static void report(const char *what, uint64_t ops, double seconds)
{
	printf("{\"what\": \"%s\", \"ops\": %llu, \"seconds\": %.6f, \"rate\": %.1f}\n", what, (unsigned long long)ops, seconds,
	       (double)ops / seconds);
	fflush(stdout);
}

static void execs(double seconds)
{
	double began = now_s(), now;
	uint64_t n = 0;

	do {
		start("/bin/true", NULL);
		n++;
	} while ((now = now_s()) - began < seconds);
	report("exec", n, now - began);
}

static void getppids(double seconds)
{
	double began = now_s(), now;
	uint64_t n = 0;

	do {
		for (int i = 0; i < 1000; i++)
			syscall(SYS_getppid);
		n += 1000;
	} while ((now = now_s()) - began < seconds);
	report("getppid", n, now - began);
}

static int connection(const struct sockaddr_in *to)
{
	struct linger hard = { .l_onoff = 1 };
	int s = socket(AF_INET, SOCK_STREAM, 0);
	char byte;

	if (s < 0 || connect(s, (const void *)to, sizeof(*to)) || write(s, "x", 1) != 1 || read(s, &byte, 1) < 0) {
		close(s);
		return -1;
	}
	setsockopt(s, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)); /* ports come back at once */
	return close(s);
}

/* n operations a second, evenly, for some seconds. */
static void paced(const char *what, unsigned rate, double seconds, const struct sockaddr_in *to)
{
	double began = now_s(), now;
	uint64_t n = 0;

	while (rate && (now = now_s()) - began < seconds) {
		if ((double)n >= (now - began) * rate) {
			usleep(500);
			continue;
		}
		if (!to)
			start("/proc/self/exe", "nop");
		else if (connection(to) < 0)
			continue;
		n++;
	}
	report(what, n, seconds);
}

static int serve(uint16_t port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };
	int s = socket(AF_INET, SOCK_STREAM, 0), one = 1;
	char byte;

	setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(s, (void *)&a, sizeof(a)) || listen(s, 4096))
		return 1;
	for (;;) {
		int c = accept(s, NULL, NULL);

		if (c >= 0 && read(c, &byte, 1) == 1 && write(c, "y", 1) != 1)
			perror("write");
		close(c);
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_in to = { .sin_family = AF_INET };

	signal(SIGPIPE, SIG_IGN);
	if (argc == 2 && !strcmp(argv[1], "nop"))
		return 0;
	if (argc == 3 && !strcmp(argv[1], "exec"))
		execs(strtod(argv[2], NULL));
	else if (argc == 3 && !strcmp(argv[1], "getppid"))
		getppids(strtod(argv[2], NULL));
	else if (argc == 3 && !strcmp(argv[1], "serve"))
		return serve((uint16_t)strtoul(argv[2], NULL, 10));
	else if (argc == 7 && !strcmp(argv[1], "storm") && inet_pton(AF_INET, argv[5], &to.sin_addr) == 1) {
		to.sin_port = htons((uint16_t)strtoul(argv[6], NULL, 10));
		if (fork() == 0) {
			paced("connect", (unsigned)strtoul(argv[3], NULL, 10), strtod(argv[4], NULL), &to);
			_exit(0);
		}
		paced("exec", (unsigned)strtoul(argv[2], NULL, 10), strtod(argv[4], NULL), NULL);
		wait(NULL);
	} else {
		fprintf(stderr, "usage: events_load exec|getppid SECONDS | storm EXECS CONNECTIONS SECONDS HOST PORT | serve PORT\n");
		return 2;
	}
	return 0;
}
