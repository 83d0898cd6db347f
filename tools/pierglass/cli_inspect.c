/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/pierglass/cli_inspect.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "tools/pierglass/cli.h"

/* Beside this program, as built; or in sbin beside our bin, as installed. */
int cli_inspector_open(void)
{
	static const char *const where[] = { "pierglass-inspect", "../sbin/pierglass-inspect" };
	char path[PATH_MAX], *slash;
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (n <= 0)
		return -1;
	path[n] = '\0';
	slash = strrchr(path, '/');
	if (!slash)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(where); i++) {
		int fd;

		if ((size_t)snprintf(slash + 1, sizeof(path) - (size_t)(slash + 1 - path), "%s", where[i]) >=
		    sizeof(path) - (size_t)(slash + 1 - path))
			continue;
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd >= 0)
			return fd;
	}
	return -1;
}

int cli_inspector_wait(const char *command, pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR) {
			fprintf(stderr, "pierglass: %s: %s\n", command, strerror(errno));
			return CLI_REFUSED;
		}
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	if (WTERMSIG(status) == SIGPIPE) /* "| head": end as it did */
		raise(SIGPIPE);
	if (WTERMSIG(status) != SIGINT && WTERMSIG(status) != SIGTERM)
		fprintf(stderr, "pierglass: %s: the reading process was ended by signal %d (%s); nothing else is harmed. Please report the file\n",
			command, WTERMSIG(status), strsignal(WTERMSIG(status)));
	return CLI_REFUSED;
}

int cli_inspect(const char *command, const char *const *args)
{
	static char *const environment[] = { NULL };
	_cleanup_close_ int program = cli_inspector_open();
	pid_t parent = getpid(), pid;

	if (program < 0) {
		fprintf(stderr, "pierglass: %s: pierglass-inspect is neither beside this program nor in ../sbin: %s\n", command, strerror(errno));
		return CLI_REFUSED;
	}
	fflush(stdout);
	pid = fork();
	if (pid < 0) {
		fprintf(stderr, "pierglass: %s: %s\n", command, strerror(errno));
		return CLI_REFUSED;
	}
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		if (getppid() == parent)
			syscall(SYS_execveat, program, "", args, environment, AT_EMPTY_PATH);
		_exit(127);
	}
	return cli_inspector_wait(command, pid);
}
