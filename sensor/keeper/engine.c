/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/keeper/engine.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "sensor/keeper/sandbox_files.h"

#define RETRY_EVERY_NS NSEC_PER_SEC
/* An engine that is down this long, in a namespace where nobody lives any more, is not waited for in that namespace. */
#define NODE_KEPT_NS (10 * NSEC_PER_SEC)
#define ENGINE_PID_FILE "/var/run/docker.pid"

struct engine {
	struct loop *loop;
	struct link_watch *watch;
	void (*tell)(const struct msg_engine *m, void *arg);
	void *arg;
	uint8_t index;
	char path[108];
	bool up;
	pid_t pid;
	int pidfd, error;
	uint64_t down_since_ns;
	struct loop_source pid_source;
	struct loop_timer retry_timer;
	struct netns *node;
	struct stat node_stat;
	struct sandbox_files *files;
};

uint32_t engine_pid_of_text(const char *text)
{
	char *end;
	unsigned long pid;

	if (!isdigit((unsigned char)text[0]))
		return 0;
	errno = 0;
	pid = strtoul(text, &end, 10);
	while (isspace((unsigned char)*end))
		end++;
	return errno || *end || pid > 0x7fffffff ? 0 : (uint32_t)pid;
}

static uint32_t pid_from_file(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char text[32];
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (n <= 0)
		return 0;
	text[n] = 0;
	return engine_pid_of_text(text);
}

void engine_describe(const struct engine *e, struct msg_engine *ret)
{
	*ret = (struct msg_engine){
		.engine = e->index,
		.up = e->up,
		.ns = e->node ? netns_number(e->node) : 0,
		.pid = (uint32_t)e->pid,
		.error = e->error,
	};
}

static void tell(struct engine *e)
{
	struct msg_engine m;

	engine_describe(e, &m);
	e->tell(&m, e->arg);
}

static void set_down(struct engine *e, int error)
{
	bool news = e->up || e->error != error;

	if (e->up)
		e->down_since_ns = clock_mono_ns();
	e->up = false;
	e->error = error;
	if (news)
		tell(e);
}

static void on_pid_end(void *arg, uint32_t events);
static void retry_due(void *arg);

static void process_forget(struct engine *e)
{
	loop_remove(e->loop, &e->pid_source);
	close_fd(&e->pidfd);
	e->pid = 0;
}

static void on_pid_end(void *arg, uint32_t events)
{
	struct engine *e = arg;

	log_info("engine %s (pid %d) has ended", e->path, (int)e->pid);
	process_forget(e);
	sandbox_files_engine_gone(e->files);
	set_down(e, -ECONNREFUSED);
	loop_timer_set(e->loop, &e->retry_timer, RETRY_EVERY_NS / 10, retry_due, e);
}

/* Watches the network namespace of the engine's process (pid 0: our own) as a node. */
static int node_open(struct engine *e, pid_t pid)
{
	_cleanup_close_ int fd = -1;
	struct netns *node;
	char path[64];
	int r;

	snprintf(path, sizeof(path), "/proc/%d/ns/net", pid ? (int)pid : (int)getpid());
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &e->node_stat) < 0)
		return -errno;
	r = link_watch_get(e->watch, take_fd(&fd), MSG_NS_NODE, e->index, "", &node);
	if (r < 0)
		return r;
	/* The old one is let go after the new one was got: if it is the same, nothing happens to it. */
	if (e->node)
		link_watch_put(e->watch, e->node);
	e->node = node;
	return 0;
}

/* The process behind the socket is pid: take it as the engine, unless it is that already. */
static int process_open(struct engine *e, pid_t pid)
{
	_cleanup_close_ int pidfd = -1;
	int r;

	if (e->up && e->pid == pid)
		return 0;
	if (pid) {
		pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
		if (pidfd < 0)
			return -errno;
	}
	process_forget(e);
	r = node_open(e, pid);
	if (r == 0)
		r = sandbox_files_open(e->files, pid, netns_cookie(e->node));
	if (r == 0 && pid)
		r = loop_add(e->loop, &e->pid_source, pidfd, EPOLLIN, on_pid_end, e);
	if (r < 0)
		return r;
	e->pidfd = take_fd(&pidfd);
	e->pid = pid;
	e->up = true;
	e->error = 0;
	log_info("engine %s is process %d, its node is namespace %u", e->path, (int)pid, netns_number(e->node));
	tell(e);
	return 0;
}

/* Whose socket it is: the process that listens, or, if a service manager listens for it, the one in the pid file; 0 if the
 * engine lives in another pid namespace: then it is taken to share our network namespace. */
static pid_t peer_pid(int sock)
{
	struct ucred cred = { 0 };
	socklen_t len = sizeof(cred);

	if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return 0;
	return cred.pid == 1 ? (pid_t)pid_from_file(ENGINE_PID_FILE) : cred.pid;
}

int engine_connect(struct engine *e, int *ret_fd)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int r;

	if (fd < 0)
		return -errno;
	memcpy(a.sun_path, e->path, sizeof(a.sun_path));
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
		r = -errno;
		/* A full queue is an engine that lives. */
		if (r != -EAGAIN)
			set_down(e, r);
		return r;
	}
	r = process_open(e, peer_pid(fd));
	if (r < 0) {
		set_down(e, r);
		return r;
	}
	*ret_fd = take_fd(&fd);
	return 0;
}

/* Does any process live in the node's namespace? Then it is kept for an engine that comes back (live restore). */
static bool node_is_inhabited(const struct engine *e)
{
	DIR *proc = opendir("/proc");
	struct dirent *d;
	bool found = false;

	while (proc && !found && (d = readdir(proc))) {
		char path[300];
		struct stat st;

		if (!isdigit((unsigned char)d->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/ns/net", d->d_name);
		found = stat(path, &st) == 0 && st.st_ino == e->node_stat.st_ino && st.st_dev == e->node_stat.st_dev;
	}
	if (proc)
		closedir(proc);
	return found;
}

static void retry_due(void *arg)
{
	struct engine *e = arg;
	_cleanup_close_ int fd = -1;

	if (!e->up && engine_connect(e, &fd) < 0) {
		sandbox_files_rescan(e->files);
		if (e->node && clock_mono_ns() - e->down_since_ns > NODE_KEPT_NS && !node_is_inhabited(e)) {
			link_watch_put(e->watch, e->node);
			e->node = NULL;
			tell(e);
		}
	}
	loop_timer_set(e->loop, &e->retry_timer, RETRY_EVERY_NS, retry_due, e);
}

int engine_new(struct loop *loop, struct link_watch *watch, uint8_t index, const char *socket_path,
	       void (*tell_cb)(const struct msg_engine *m, void *arg), void *arg, struct engine **ret)
{
	struct engine *e = calloc(1, sizeof(*e));
	int r;

	if (!e)
		return -ENOMEM;
	*e = (struct engine){ .loop = loop, .watch = watch, .tell = tell_cb, .arg = arg, .index = index, .pidfd = -1,
			      .pid_source = LOOP_SOURCE_NONE };
	snprintf(e->path, sizeof(e->path), "%s", socket_path);
	r = sandbox_files_new(loop, watch, index, &e->files);
	if (r < 0) {
		free(e);
		return r;
	}
	retry_due(e);
	*ret = e;
	return 0;
}

void engine_free(struct engine *e)
{
	if (!e)
		return;
	loop_timer_stop(e->loop, &e->retry_timer);
	process_forget(e);
	sandbox_files_free(e->files);
	if (e->node)
		link_watch_put(e->watch, e->node);
	free(e);
}

const char *engine_path(const struct engine *e)
{
	return e->path;
}
