/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Many processes, one after the other, that have the same few pids in the initial pid namespace (clone3 with set_tid, which
 * chooses the number exactly; needs SYS_ADMIN and --pid host): what an attribution by pid alone gets wrong. Every second
 * one starts its program anew. Two of these in two containers take each other's numbers.
 *   pid_reuse HOST PORT COUNT FIRST_PID PIDS      a connection each; prints lines "local-port pid"
 *   pid_reuse one HOST PORT                       (the program started anew) */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int connect_once(const char *host, const char *port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)strtol(port, NULL, 10)) }, a = { 0 };
	socklen_t len = sizeof(a);
	char line[64], text[16];
	int s = socket(AF_INET, SOCK_STREAM, 0), n;

	if (s < 0 || inet_pton(AF_INET, host, &to.sin_addr) != 1 || connect(s, (void *)&to, sizeof(to))) {
		perror("pid_reuse: connect");
		return 1;
	}
	getsockname(s, (void *)&a, &len);
	if (write(s, "x", 1) != 1 || read(s, text, sizeof(text)) <= 0) {
		perror("pid_reuse: talk");
		return 1;
	}
	n = snprintf(line, sizeof(line), "%u %d\n", ntohs(a.sin_port), getpid());
	return write(1, line, (size_t)n) == n ? 0 : 1;
}

/* 0 in the child, its pid in the parent, -1: the number is in use. */
static pid_t fork_as(pid_t pid)
{
	struct clone_args args = { .exit_signal = SIGCHLD, .set_tid = (uint64_t)(uintptr_t)&pid, .set_tid_size = 1 };

	return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

int main(int argc, char **argv)
{
	int done = 0, failed = 0, status;
	long count, first, pids;

	if (argc == 4 && !strcmp(argv[1], "one"))
		return connect_once(argv[2], argv[3]);
	if (argc != 6) {
		fprintf(stderr, "usage: pid_reuse HOST PORT COUNT FIRST_PID PIDS\n");
		return 2;
	}
	count = strtol(argv[3], NULL, 10);
	first = strtol(argv[4], NULL, 10);
	pids = strtol(argv[5], NULL, 10);
	for (long tries = 0; done < count && tries < count * 1000; tries++) {
		pid_t pid = fork_as((pid_t)(first + tries % pids));

		if (pid == 0) {
			if (done & 1)
				execl("/proc/self/exe", argv[0], "one", argv[1], argv[2], (char *)NULL);
			_exit(connect_once(argv[1], argv[2]));
		}
		if (pid < 0 && errno != EEXIST) {
			perror("pid_reuse: clone3");
			return 1;
		}
		if (pid < 0) {
			usleep(50);
			continue;
		}
		done++;
		if (waitpid(pid, &status, 0) < 0 || status)
			failed++;
	}
	if (done < count)
		fprintf(stderr, "pid_reuse: %d of %ld\n", done, count);
	return failed || done < count;
}
