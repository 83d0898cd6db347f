/* SPDX-License-Identifier: GPL-2.0-or-later */
/* "files" and "opener" with this program in the place of keeper and core: watches one container and prints a line for what
 * they say. For tests of what core asks for only when it has a reason to.
 *   files_probe PID CONTAINER_ID ENGINE_PID     commands on standard input, one a line:
 *     drift PATH...      changes of these files are wanted            open PATH [MAX]   opens, prints the first line
 *     exe PID            digest of a process's executable             marks             marks of the group, watches of inotify
 *     unwatch            the container is let go                      quit
 * Output: state ..., event ..., changed ..., digest ..., open ..., marks N wds N */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/digest.h"
#include "base/ipc.h"
#include "base/log.h"
#include "sensor/keeper/opener.h"
#include "sensor/msg.h"
#include "sensor/msg_files.h"
#include "sensor/watch/files.h"

#define WATCH 7

static int fanotify, inotify, core;
static unsigned char body[IPC_BODY_MAX];

static void die(const char *what)
{
	fprintf(stderr, "files_probe: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int child(int (*run)(int), pid_t *ret_pid)
{
	int fds[2];

	if (ipc_pair(fds) < 0 || (*ret_pid = fork()) < 0)
		die("fork");
	if (*ret_pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(fds[0]);
		_exit(run(fds[1]));
	}
	close(fds[1]);
	return fds[0];
}

static void give(int sock, enum msg_fd_kind kind, int fd)
{
	struct msg_fd m = { .kind = kind };

	if (ipc_send(sock, MSG_FD, 0, 0, &m, sizeof(m), fd) < 0)
		die("give");
}

static unsigned fdinfo_lines(int fd, const char *start)
{
	char path[64], line[512];
	unsigned n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		n += !strncmp(line, start, strlen(start));
	if (f)
		fclose(f);
	return n;
}

static void print_text(const struct ipc_hdr *h, size_t from)
{
	printf(" %.*s\n", (int)(h->len - from), (const char *)body + from);
}

static void opened(const struct ipc_hdr *h, int fd)
{
	char line[256] = "";
	ssize_t n = fd >= 0 ? read(fd, line, sizeof(line) - 1) : 0;

	line[n > 0 ? strcspn(line, "\n") : 0] = '\0';
	printf("open %s %s\n", h->status ? strerror(-h->status) : "ok", line);
}

static void message(const struct ipc_hdr *h, int fd)
{
	static const char *const origins[FILES_ORIGIN_MAX] = { "unknown", "root", "image", "upper", "volume", "tmpfs", "bind", "engine", "memory" };
	static const char *const changes[FILES_CHANGE_MAX] = { "written", "created", "deleted", "moved-in", "moved-away", "attributes" };
	struct msg_files_state s;
	struct msg_files_event e;
	struct msg_files_digest d;
	struct msg_files_changed c;
	char hex[DIGEST_SHA256_TEXT];

	switch ((enum msg_type)h->type) {
	case MSG_FILES_STATE:
		memcpy(&s, body, sizeof(s));
		printf("state error %d marks %u unmarked %u lower %u throttled %u\n", s.error, s.marks, s.unmarked, s.lower_count, s.throttled);
		break;
	case MSG_FILES_EVENT:
		memcpy(&e, body, sizeof(e));
		printf("event %s pid %u flags %#x count %llu", origins[e.origin], e.pid, e.flags, (unsigned long long)e.count);
		print_text(h, sizeof(e));
		break;
	case MSG_FILES_CHANGED:
		memcpy(&c, body, sizeof(c));
		printf("changed %s pid %u", changes[c.change], c.pid);
		print_text(h, sizeof(c));
		break;
	case MSG_FILES_DIGEST:
		memcpy(&d, body, sizeof(d));
		digest_text(d.sha256, hex);
		printf("digest state %u %s lower %d copied_up %u %s", d.state, origins[d.origin], d.lower, d.copied_up, hex);
		print_text(h, sizeof(d));
		break;
	case MSG_FILES_OPEN:
		opened(h, fd);
		break;
	default:
		break;
	}
	fflush(stdout);
}

static void send_paths(char *words)
{
	struct msg_files_drift d = { .watch = WATCH };
	size_t len = sizeof(d);
	char *save, *w;

	for (w = strtok_r(words, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
		memcpy(body + len, w, strlen(w) + 1);
		len += strlen(w) + 1;
		d.count++;
	}
	memcpy(body, &d, sizeof(d));
	(void)ipc_send(core, MSG_FILES_DRIFT, 1, 0, body, len, -1);
}

/* False: to end. */
static bool command(char *line)
{
	char *arg = strchr(line, ' ');

	line[strcspn(line, "\n")] = '\0';
	arg = arg ? arg + 1 : line + strlen(line);
	if (!strncmp(line, "drift ", 6)) {
		send_paths(arg);
	} else if (!strncmp(line, "open ", 5)) {
		struct msg_files_open m = { .watch = WATCH };
		char *max = strchr(arg, ' ');

		if (max) {
			*max = '\0';
			m.size_max = strtoull(max + 1, NULL, 10);
		}
		memcpy(body, &m, sizeof(m));
		memcpy(body + sizeof(m), arg, strlen(arg));
		(void)ipc_send(core, MSG_FILES_OPEN, 2, 0, body, sizeof(m) + strlen(arg), -1);
	} else if (!strncmp(line, "exe ", 4)) {
		struct msg_files_exe m = { .watch = WATCH, .pid = (uint32_t)strtoul(arg, NULL, 10) };

		(void)ipc_send(core, MSG_FILES_EXE, 3, 0, &m, sizeof(m), -1);
	} else if (!strcmp(line, "unwatch")) {
		struct msg_files_unwatch m = { .watch = WATCH };

		(void)ipc_send(core, MSG_FILES_UNWATCH, 4, 0, &m, sizeof(m), -1);
	} else if (!strcmp(line, "marks")) {
		printf("marks %u wds %u\n", fdinfo_lines(fanotify, "fanotify sdev") + fdinfo_lines(fanotify, "fanotify mnt_id"),
		       fdinfo_lines(inotify, "inotify wd"));
		fflush(stdout);
	} else if (!strcmp(line, "quit")) {
		return false;
	}
	return true;
}

int main(int argc, char **argv)
{
	pid_t pids[2];
	int files, opener, pair[2];
	struct msg_files_watch w = { .watch = WATCH };
	struct ipc_hdr h;
	char line[8192];

	if (argc != 4)
		return 2;
	log_init("files_probe", LOG_LVL_DEBUG);
	fanotify = fanotify_init(FAN_CLASS_NOTIF | FAN_CLOEXEC | FAN_NONBLOCK | 0x80, O_RDONLY | O_CLOEXEC | O_LARGEFILE | O_NONBLOCK | O_NOATIME);
	inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (fanotify < 0 || inotify < 0)
		die("fanotify, inotify");
	opener = child(opener_run, &pids[0]);
	files = child(files_main, &pids[1]);
	give(opener, MSG_FD_FANOTIFY, fanotify);
	give(opener, MSG_FD_INOTIFY, inotify);
	give(files, MSG_FD_FANOTIFY, fanotify);
	give(files, MSG_FD_INOTIFY, inotify);
	if (ipc_pair(pair) < 0)
		die("pair");
	give(files, MSG_FD_OPENER, pair[0]);
	give(opener, MSG_FD_FILES, pair[1]);
	close(pair[0]);
	close(pair[1]);
	if (ipc_pair(pair) < 0)
		die("pair");
	give(files, MSG_FD_CORE, pair[0]);
	close(pair[0]);
	core = pair[1];
	w.pid = (uint32_t)strtoul(argv[1], NULL, 10);
	w.engine_pid = (uint32_t)strtoul(argv[3], NULL, 10);
	snprintf(w.cid, sizeof(w.cid), "%s", argv[2]);
	(void)ipc_send(core, MSG_FILES_WATCH, 1, 0, &w, sizeof(w), -1);
	for (;;) {
		struct pollfd p[2] = { { .fd = core, .events = POLLIN }, { .fd = STDIN_FILENO, .events = POLLIN } };
		int fd = -1, r;

		if (poll(p, 2, -1) < 0)
			die("poll");
		if (p[0].revents) {
			r = ipc_recv(core, &h, body, &fd);
			if (r == 1)
				message(&h, fd);
			else if (r != -EAGAIN)
				die("files is gone");
			close_fd(&fd);
		}
		if (p[1].revents) {
			ssize_t n = 0;
			/* one line at a time, unbuffered: poll() must see what is left */
			while (n < (ssize_t)sizeof(line) - 1 && read(STDIN_FILENO, line + n, 1) == 1 && line[n++] != '\n')
				;
			line[n] = '\0';
			if (!n || !command(line))
				break;
		}
	}
	(void)ipc_send(files, MSG_QUIT, 0, 0, NULL, 0, -1);
	(void)ipc_send(opener, MSG_QUIT, 0, 0, NULL, 0, -1);
	for (int i = 0, status; i < 2; i++) {
		if (waitpid(pids[i], &status, 0) < 0 || status)
			printf("end %d status %#x\n", i, (unsigned)status);
	}
	return 0;
}
