/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/root_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"

/* A rename that races with the resolution of ".." gives EAGAIN: tried again a few times. */
enum { TRIES = 8 };

static int resolve(int root, const char *path, uint64_t flags)
{
	struct open_how how = { .flags = flags | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };
	int fd = -1;

	for (int i = 0; i < TRIES; i++) {
		fd = (int)syscall(SYS_openat2, root, path[0] ? path : ".", &how, sizeof(how));
		if (fd >= 0 || errno != EAGAIN)
			break;
	}
	return fd < 0 ? -errno : fd;
}

int root_open(const char *path)
{
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int describe(int fd, struct root_stat *ret)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	*ret = (struct root_stat){
		.kind = S_ISREG(st.st_mode) ? ROOT_FILE : S_ISDIR(st.st_mode) ? ROOT_DIR : ROOT_OTHER,
		.mode = st.st_mode,
		.size = st.st_size > 0 ? (uint64_t)st.st_size : 0,
	};
	return 0;
}

/* From the place that was resolved and looked at to an open file, with no way through names in between. */
static int reopen(int path_fd, int flags)
{
	char name[32];
	int fd;

	snprintf(name, sizeof(name), "/proc/self/fd/%d", path_fd);
	fd = open(name, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* Files of /proc and /sys are the kernel's answers to whoever opens them, not the root's content: they could tell of the host. */
static bool is_of_kernel(int fd)
{
	static const long kinds[] = { PROC_SUPER_MAGIC, SYSFS_MAGIC,  DEBUGFS_MAGIC, TRACEFS_MAGIC, SECURITYFS_MAGIC,
				      BPF_FS_MAGIC,	CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC };
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if ((long)fs.f_type == kinds[i])
			return true;
	return false;
}

int root_stat(int root, const char *path, struct root_stat *ret)
{
	_cleanup_close_ int fd = resolve(root, path, O_PATH);

	return fd < 0 ? fd : describe(fd, ret);
}

int root_open_file(int root, const char *path, struct root_stat *ret)
{
	_cleanup_close_ int at = resolve(root, path, O_PATH);
	struct root_stat st = { 0 };
	int r;

	if (at < 0)
		return at;
	r = describe(at, &st);
	if (r < 0)
		return r;
	if (st.kind != ROOT_FILE)
		return st.kind == ROOT_DIR ? -EISDIR : -EMEDIUMTYPE;
	if (is_of_kernel(at))
		return -EMEDIUMTYPE;
	r = reopen(at, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	if (r >= 0)
		*ret = st;
	return r;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void closedirp(DIR **d)
{
	if (*d)
		closedir(*d);
}

/* Puts the names in order, through a copy. */
static int sort(char *buf, size_t len, size_t count)
{
	_cleanup_free_ const char **names = calloc(count + 1, sizeof(*names));
	_cleanup_free_ char *copy = malloc(len + 1);
	size_t at = 0, n = 0;

	if (!names || !copy)
		return -ENOMEM;
	memcpy(copy, buf, len);
	for (; at < len && n < count; at += strlen(copy + at) + 1)
		names[n++] = copy + at;
	qsort(names, n, sizeof(*names), compare);
	at = 0;
	for (size_t i = 0; i < n; i++) {
		size_t size = strlen(names[i]) + 1;

		memcpy(buf + at, names[i], size);
		at += size;
	}
	return 0;
}

int root_list(int root, const char *path, char *buf, size_t *ret_len)
{
	int fd = resolve(root, path, O_RDONLY | O_DIRECTORY | O_NONBLOCK);
	_cleanup_(closedirp) DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	size_t len = 0, count = 0;
	struct dirent *e;
	int r;

	if (!dir) {
		r = fd < 0 ? fd : -errno;
		close_fd(&fd);
		return r;
	}
	for (errno = 0; (e = readdir(dir)); errno = 0) {
		size_t size = strlen(e->d_name) + 1;

		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		if (count == ROOT_LIST_NAMES || len + size > ROOT_LIST_BYTES)
			return -E2BIG;
		memcpy(buf + len, e->d_name, size);
		len += size;
		count++;
	}
	if (errno)
		return -errno;
	r = sort(buf, len, count);
	if (r == 0)
		*ret_len = len;
	return r;
}

int root_readlink(int root, const char *path, char *buf, size_t cap)
{
	_cleanup_close_ int fd = resolve(root, path, O_PATH | O_NOFOLLOW);
	ssize_t n;

	if (fd < 0)
		return fd;
	n = readlinkat(fd, "", buf, cap);
	if (n < 0)
		return errno == ENOENT ? -EINVAL : -errno; /* ENOENT: the descriptor is of no link */
	if ((size_t)n >= cap)
		return -ENAMETOOLONG;
	buf[n] = '\0';
	return 0;
}
