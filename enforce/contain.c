/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "enforce/contain.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"

#define CID_MIN 12
#define FROZEN_TRIES 10 /* of a millisecond */

static int read_text(int dir, const char *path, char *buf, size_t len)
{
	_cleanup_close_ int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	size_t have = 0;
	ssize_t n = 0;

	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	while (have + 1 < len && (n = read(fd, buf + have, len - 1 - have)) > 0)
		have += (size_t)n;
	if (n < 0)
		return -errno;
	buf[have] = '\0';
	return 0;
}

static bool cid_is_sound(const char *cid)
{
	size_t n = strnlen(cid, CONTAIN_CID_LEN);

	return n >= CID_MIN && n < CONTAIN_CID_LEN && strspn(cid, "0123456789abcdefABCDEF") == n;
}

int contain_cgroup_of_text(const char *text, const char *cid, char ret[CONTAIN_PATH_LEN])
{
	const char *line = text, *end, *at;
	size_t n;

	while (line && strncmp(line, "0::/", 4) != 0) {
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
	if (!line)
		return -EPERM;
	line += 3;
	end = line + strcspn(line, "\n");
	at = memmem(line, (size_t)(end - line), cid, strlen(cid));
	if (!at)
		return -EPERM;
	while (at < end && *at != '/')
		at++;
	n = (size_t)(at - line);
	if (n >= CONTAIN_PATH_LEN)
		return -EPERM;
	memcpy(ret, line, n);
	ret[n] = '\0';
	return 0;
}

int contain_start_of_text(const char *text, uint64_t *ret_ticks)
{
	/* The second field is the command's name in parentheses, which may hold anything. */
	const char *at = strrchr(text, ')');
	unsigned long long v;

	for (int field = 2; at && field < 22; field++) {
		at = strchr(at, ' ');
		at = at ? at + 1 : NULL;
	}
	if (!at || sscanf(at, "%llu", &v) != 1)
		return -EINVAL;
	*ret_ticks = v;
	return 0;
}

int contain_cgroup(uint32_t pid, const char cid[CONTAIN_CID_LEN], char ret[CONTAIN_PATH_LEN])
{
	char path[40], text[4096];
	int r;

	if (!pid || pid > 0x7fffffff || !cid_is_sound(cid))
		return -EINVAL;
	snprintf(path, sizeof(path), "/proc/%u/cgroup", pid);
	r = read_text(AT_FDCWD, path, text, sizeof(text));
	return r < 0 ? r : contain_cgroup_of_text(text, cid, ret);
}

static int check_start(uint32_t pid, uint64_t start_boot_ns)
{
	const uint64_t tick_ns = 1000000000ULL / (uint64_t)sysconf(_SC_CLK_TCK);
	char path[40], text[2048];
	uint64_t ticks = 0;
	int r;

	snprintf(path, sizeof(path), "/proc/%u/stat", pid);
	r = read_text(AT_FDCWD, path, text, sizeof(text));
	if (r == 0)
		r = contain_start_of_text(text, &ticks);
	return r < 0 ? r : ticks == start_boot_ns / tick_ns ? 0 : -ESRCH;
}

int contain_kill(const struct msg_contain_kill *m)
{
	_cleanup_close_ int pidfd = -1;
	char cgroup[CONTAIN_PATH_LEN];
	int r;

	if (!m->start_boot_ns || m->pid <= 1 || m->pid > 0x7fffffff)
		return -EINVAL;
	pidfd = (int)syscall(SYS_pidfd_open, m->pid, 0);
	if (pidfd < 0)
		return -errno;
	r = check_start(m->pid, m->start_boot_ns);
	if (r == 0)
		r = contain_cgroup(m->pid, m->cid, cgroup);
	if (r < 0)
		return r;
	return syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0) < 0 ? -errno : 0;
}

/* ---- freezing ------------------------------------------------------------------------------------------------------ */
static int cgroup_file(int root, const char *path, const char *file, int flags)
{
	struct open_how how = { .flags = (uint64_t)flags | O_CLOEXEC, .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS };
	char full[CONTAIN_PATH_LEN + 32];
	int fd;

	while (*path == '/')
		path++;
	if (!*path)
		return -EINVAL; /* the root is no container */
	snprintf(full, sizeof(full), "%s/%s", path, file);
	fd = (int)syscall(SYS_openat2, root, full, &how, sizeof(how));
	return fd < 0 ? -errno : fd;
}

static bool is_frozen(int root, const char *path)
{
	_cleanup_close_ int fd = cgroup_file(root, path, "cgroup.events", O_RDONLY);
	char text[256];
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (n <= 0)
		return false;
	text[n] = '\0';
	return strstr(text, "frozen 1") != NULL;
}

int contain_freeze(int cgroup_root, const char *path, bool on)
{
	_cleanup_close_ int fd = cgroup_file(cgroup_root, path, "cgroup.freeze", O_RDWR);
	char is;

	if (fd < 0)
		return take_fd(&fd);
	if (pread(fd, &is, 1, 0) != 1)
		return -EIO;
	if (is == (on ? '1' : '0'))
		return -EALREADY;
	if (pwrite(fd, on ? "1" : "0", 1, 0) != 1)
		return -errno;
	for (int i = 0; on && i < FROZEN_TRIES && !is_frozen(cgroup_root, path); i++)
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	return 0;
}
