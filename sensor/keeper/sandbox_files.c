/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/keeper/sandbox_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "sensor/keeper/link_rule.h"

/* A file whose namespace is not mounted yet is looked at every millisecond this often, then left to the mount table. */
#define PENDING_TRIES 50
#define PENDING_EVERY_NS NSEC_PER_MSEC
/* Mount events come in bursts (a container's start makes a dozen); one look for all of them. */
#define VERIFY_AFTER_NS (2 * NSEC_PER_MSEC)
/* More files than this in one directory are no sandboxes. */
#define FILES_MAX 8192

struct sandbox_file {
	struct sandbox_file *next;
	char name[MSG_NAME_LEN];
	struct netns *ns; /* NULL: nothing mounted yet */
	ino_t ino;        /* of the namespace, to see a change quickly */
	unsigned tries;
	bool seen;
};

struct sandbox_files {
	struct loop *loop;
	struct link_watch *watch;
	uint8_t engine;
	uint64_t node_cookie;
	int root_fd, dir_fd, inotify_fd, mounts_fd;
	struct loop_source inotify_source, mounts_source;
	struct loop_timer pending_timer, verify_timer;
	struct sandbox_file *files;
	unsigned count;
};

int sandbox_files_new(struct loop *loop, struct link_watch *watch, uint8_t engine, struct sandbox_files **ret)
{
	struct sandbox_files *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	*f = (struct sandbox_files){ .loop = loop, .watch = watch, .engine = engine, .root_fd = -1, .dir_fd = -1, .inotify_fd = -1,
				     .mounts_fd = -1, .inotify_source = LOOP_SOURCE_NONE, .mounts_source = LOOP_SOURCE_NONE };
	*ret = f;
	return 0;
}

static void file_drop(struct sandbox_files *f, struct sandbox_file **at)
{
	struct sandbox_file *s = *at;

	*at = s->next;
	f->count--;
	if (s->ns)
		link_watch_put(f->watch, s->ns);
	free(s);
}

static void directory_close(struct sandbox_files *f)
{
	loop_remove(f->loop, &f->inotify_source);
	loop_remove(f->loop, &f->mounts_source);
	close_fd(&f->inotify_fd);
	close_fd(&f->mounts_fd);
	close_fd(&f->dir_fd);
	close_fd(&f->root_fd);
}

void sandbox_files_free(struct sandbox_files *f)
{
	if (!f)
		return;
	loop_timer_stop(f->loop, &f->pending_timer);
	loop_timer_stop(f->loop, &f->verify_timer);
	directory_close(f);
	while (f->files)
		file_drop(f, &f->files);
	free(f);
}

/* Opens the namespace mounted on the file; -ENOENT: no such file; -EAGAIN: none is mounted on it (yet, or any more). */
static int open_mounted(const struct sandbox_files *f, const char *name, int *ret_fd, ino_t *ret_ino)
{
	_cleanup_close_ int fd = openat(f->dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	struct statfs fs;
	struct stat st;

	if (fd < 0)
		return errno == ENOENT ? -ENOENT : -EAGAIN;
	if (fstatfs(fd, &fs) < 0 || fs.f_type != NSFS_MAGIC || fstat(fd, &st) < 0)
		return -EAGAIN;
	*ret_ino = st.st_ino;
	*ret_fd = take_fd(&fd);
	return 0;
}

/* Looks whether the namespace is there, still there, or another one. False: the file is gone. */
static bool file_check(struct sandbox_files *f, struct sandbox_file *s)
{
	int fd = -1, r;
	ino_t ino = 0;

	r = open_mounted(f, s->name, &fd, &ino);
	if (r == -ENOENT)
		return false;
	if (s->ns && (r < 0 || ino != s->ino)) {
		link_watch_put(f->watch, s->ns);
		s->ns = NULL;
	}
	if (r < 0)
		return true;
	if (s->ns) {
		close(fd);
		return true;
	}
	r = link_watch_get(f->watch, fd, netns_kind_of_name(s->name), f->engine, s->name, &s->ns);
	if (r < 0) {
		errno = -r;
		log_debug("engine %u: sandbox %s: %m", f->engine, s->name);
		s->ns = NULL;
		return true;
	}
	s->ino = ino;
	if (netns_cookie(s->ns) == f->node_cookie)
		log_debug("engine %u: sandbox %s is the node's own namespace", f->engine, s->name);
	return true;
}

static void pending_due(void *arg)
{
	struct sandbox_files *f = arg;
	bool more = false;

	for (struct sandbox_file **at = &f->files; *at;) {
		struct sandbox_file *s = *at;

		if (!s->ns && s->tries < PENDING_TRIES) {
			s->tries++;
			if (!file_check(f, s)) {
				file_drop(f, at);
				continue;
			}
			more = more || (!s->ns && s->tries < PENDING_TRIES);
		}
		at = &s->next;
	}
	if (more)
		loop_timer_set(f->loop, &f->pending_timer, PENDING_EVERY_NS, pending_due, f);
}

static struct sandbox_file *file_by_name(const struct sandbox_files *f, const char *name)
{
	struct sandbox_file *s = f->files;

	while (s && strcmp(s->name, name))
		s = s->next;
	return s;
}

static void file_appeared(struct sandbox_files *f, const char *name)
{
	struct sandbox_file *s = file_by_name(f, name);

	/* "default" is the node's own namespace, as the engine keeps it for containers on the host network. */
	if (name[0] == '.' || strlen(name) >= MSG_NAME_LEN || !strcmp(name, "default"))
		return;
	if (!s) {
		if (f->count >= FILES_MAX)
			return;
		s = calloc(1, sizeof(*s));
		if (!s)
			return;
		snprintf(s->name, sizeof(s->name), "%s", name);
		s->next = f->files;
		f->files = s;
		f->count++;
	}
	s->seen = true;
	s->tries = 0;
	(void)file_check(f, s); /* if it is gone already, its deletion is still to be told */
	if (!s->ns)
		loop_timer_set(f->loop, &f->pending_timer, PENDING_EVERY_NS, pending_due, f);
}

static void file_vanished(struct sandbox_files *f, const char *name)
{
	for (struct sandbox_file **at = &f->files; *at; at = &(*at)->next)
		if (!strcmp((*at)->name, name)) {
			file_drop(f, at);
			return;
		}
}

void sandbox_files_rescan(struct sandbox_files *f)
{
	struct dirent *d;
	DIR *dir;
	int fd;

	if (f->dir_fd < 0)
		return;
	fd = openat(f->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	for (struct sandbox_file *s = f->files; s; s = s->next)
		s->seen = false;
	if (!dir)
		close_fd(&fd);
	while (dir && (d = readdir(dir)))
		file_appeared(f, d->d_name);
	if (dir)
		closedir(dir);
	for (struct sandbox_file **at = &f->files; *at;)
		if (!(*at)->seen)
			file_drop(f, at);
		else
			at = &(*at)->next;
}

/* ---- the directory --------------------------------------------------------------------------------- */

static int open_below(int root_fd, const char *path, int flags)
{
	struct open_how how = { .flags = (uint64_t)flags | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };
	int fd = (int)syscall(SYS_openat2, root_fd, path, &how, sizeof(how));

	return fd < 0 ? -errno : fd;
}

static int watch_fd(int inotify_fd, int fd, uint32_t mask)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return inotify_add_watch(inotify_fd, path, mask | IN_ONLYDIR) < 0 ? -errno : 0;
}

static bool directory_try(struct sandbox_files *f);

static void on_inotify(void *arg, uint32_t events)
{
	struct sandbox_files *f = arg;
	char buf[4096] __attribute__((aligned(8)));
	ssize_t n;

	while (f->inotify_fd >= 0 && (n = read(f->inotify_fd, buf, sizeof(buf))) > 0) {
		for (char *p = buf; p < buf + n;) {
			const struct inotify_event *e = (const struct inotify_event *)(void *)p;

			p += sizeof(*e) + e->len;
			if (f->dir_fd < 0) {
				/* Something appeared on the way to the directory. */
				if (directory_try(f))
					return;
			} else if (e->mask & IN_Q_OVERFLOW) {
				sandbox_files_rescan(f);
			} else if (e->mask & (IN_DELETE | IN_MOVED_FROM)) {
				file_vanished(f, e->name);
			} else if (e->mask & (IN_CREATE | IN_MOVED_TO) && e->len) {
				file_appeared(f, e->name);
			}
		}
	}
}

/* Watches the nearest part of the path that exists; true once the directory itself is open and read. */
static bool directory_try(struct sandbox_files *f)
{
	static const char *const paths[] = { "run/docker/netns", "var/run/docker/netns" };
	static const char *const parents[] = { "run/docker", "var/run/docker", "run", "var/run" };
	_cleanup_close_ int parent = -1;

	for (size_t i = 0; i < ARRAY_SIZE(paths) && f->dir_fd < 0; i++)
		f->dir_fd = open_below(f->root_fd, paths[i], O_RDONLY | O_DIRECTORY);
	if (f->dir_fd >= 0) {
		if (watch_fd(f->inotify_fd, f->dir_fd, IN_CREATE | IN_DELETE | IN_MOVED_TO | IN_MOVED_FROM) < 0)
			log_debug("engine %u: sandbox files: watch: %m", f->engine);
		sandbox_files_rescan(f);
		return true;
	}
	f->dir_fd = -1;
	for (size_t i = 0; i < ARRAY_SIZE(parents) && parent < 0; i++)
		parent = open_below(f->root_fd, parents[i], O_RDONLY | O_DIRECTORY);
	if (parent >= 0)
		(void)watch_fd(f->inotify_fd, parent, IN_CREATE | IN_MOVED_TO);
	return false;
}

static bool watching_any(const struct sandbox_files *f)
{
	for (const struct sandbox_file *s = f->files; s; s = s->next)
		if (s->ns)
			return true;
	return false;
}

static void verify_due(void *arg)
{
	struct sandbox_files *f = arg;

	if (f->dir_fd < 0) {
		(void)directory_try(f);
		return;
	}
	for (struct sandbox_file **at = &f->files; *at;)
		if (!file_check(f, *at))
			file_drop(f, at);
		else
			at = &(*at)->next;
	/* Without an engine the directory is kept open only for what may still run there (live restore). */
	if (f->mounts_fd < 0 && !watching_any(f))
		directory_close(f);
}

static void on_mounts(void *arg, uint32_t events)
{
	struct sandbox_files *f = arg;

	if (!f->verify_timer.armed)
		loop_timer_set(f->loop, &f->verify_timer, VERIFY_AFTER_NS, verify_due, f);
}

int sandbox_files_open(struct sandbox_files *f, pid_t pid, uint64_t node_cookie)
{
	char path[64];
	int r;

	directory_close(f);
	f->node_cookie = node_cookie;
	snprintf(path, sizeof(path), pid ? "/proc/%d/root" : "/", (int)pid);
	f->root_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (f->root_fd < 0)
		return -errno;
	f->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (f->inotify_fd < 0) {
		r = -errno;
		directory_close(f);
		return r;
	}
	snprintf(path, sizeof(path), "/proc/%d/mounts", pid ? (int)pid : (int)getpid());
	f->mounts_fd = open(path, O_RDONLY | O_CLOEXEC);
	r = loop_add(f->loop, &f->inotify_source, f->inotify_fd, EPOLLIN, on_inotify, f);
	if (r == 0 && f->mounts_fd >= 0)
		r = loop_add(f->loop, &f->mounts_source, f->mounts_fd, EPOLLPRI, on_mounts, f);
	if (r < 0) {
		directory_close(f);
		return r;
	}
	(void)directory_try(f);
	return 0;
}

void sandbox_files_engine_gone(struct sandbox_files *f)
{
	/* The open mount table would keep the engine's mount namespace, and with it every sandbox, alive. */
	loop_remove(f->loop, &f->mounts_source);
	close_fd(&f->mounts_fd);
	close_fd(&f->root_fd);
	loop_timer_set(f->loop, &f->verify_timer, 50 * NSEC_PER_MSEC, verify_due, f);
}
