/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a hostile container does to a sensor. Linked statically.
 *   flood execs SECONDS WORKERS     programs of hostile names and arguments, as fast as it goes; each renames itself first
 *   flood forks SECONDS             forks without end (the container's limit of processes ends it), again and again
 *   flood sockets COUNT SECONDS     COUNT bound UDP sockets at a time, closed and made anew until the time is over
 * Prints how many it made. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
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

/* This program under a name with a newline, ESC, U+2028, no UTF-8, and the end of a script. */
static const char hostile[] = "/tmp/e\nv\033[31m\342\200\250\377\"<script>\\";

static int copy_self(void)
{
	int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), to = open(hostile, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
	char buf[65536];
	ssize_t n;

	while ((n = read(from, buf, sizeof(buf))) > 0)
		if (write(to, buf, (size_t)n) != n)
			return -1;
	close(from);
	return close(to);
}

static unsigned long execs(double seconds)
{
	static char big[8000];
	char *argv[] = { (char *)hostile, (char *)"nop", (char *)"a\nb\033]0;x\007</script>\377\376\342\200\251", big, NULL };
	double end = now_s() + seconds;
	unsigned long n = 0;
	char name[32];
	pid_t pid;

	memset(big, 'A', sizeof(big) - 1);
	while (now_s() < end) {
		snprintf(name, sizeof(name), "x\n%lu\033\377", n);
		prctl(PR_SET_NAME, name);
		if (posix_spawn(&pid, hostile, NULL, NULL, argv, environ) == 0) {
			waitpid(pid, NULL, 0);
			n++;
		}
	}
	return n;
}

static unsigned long forks(double seconds)
{
	double end = now_s() + seconds;
	unsigned long n = 0;

	signal(SIGCHLD, SIG_IGN); /* nobody to be waited for */
	while (now_s() < end) {
		pid_t pid = fork();

		if (pid == 0) {
			usleep(200000);
			_exit(0);
		}
		if (pid < 0)
			usleep(1000);
		n += pid > 0;
	}
	return n;
}

static unsigned long sockets(long count, double seconds)
{
	struct rlimit most = { (rlim_t)count + 16, (rlim_t)count + 16 };
	struct sockaddr_in a = { .sin_family = AF_INET };
	double end = now_s() + seconds;
	unsigned long n = 0;

	setrlimit(RLIMIT_NOFILE, &most);
	do {
		for (long i = 0; i < count; i++) {
			int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), one = 1;

			if (s < 0)
				break;
			setsockopt(s, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
			a.sin_port = htons((uint16_t)(1024 + i % 60000));
			n += bind(s, (void *)&a, sizeof(a)) == 0;
		}
		close_range(3, ~0U, 0);
	} while (now_s() < end);
	return n;
}

int main(int argc, char **argv)
{
	if (argc >= 2 && !strcmp(argv[1], "nop"))
		return 0;
	if (argc == 4 && !strcmp(argv[1], "execs")) {
		if (copy_self())
			return 1;
		for (long i = 1; i < strtol(argv[3], NULL, 10); i++)
			if (fork() == 0)
				return printf("%lu\n", execs(strtod(argv[2], NULL))) < 0;
		printf("%lu\n", execs(strtod(argv[2], NULL)));
		while (wait(NULL) > 0)
			;
	} else if (argc == 3 && !strcmp(argv[1], "forks")) {
		printf("%lu\n", forks(strtod(argv[2], NULL)));
	} else if (argc == 4 && !strcmp(argv[1], "sockets")) {
		printf("%lu\n", sockets(strtol(argv[2], NULL, 10), strtod(argv[3], NULL)));
	} else {
		fprintf(stderr, "usage: flood execs SECONDS WORKERS | forks SECONDS | sockets COUNT SECONDS\n");
		return 2;
	}
	return 0;
}
