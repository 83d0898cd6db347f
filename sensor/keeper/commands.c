/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/keeper/commands.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/ipc.h"
#include "base/log.h"
#include "sensor/keeper/bpf_loader.h"
#include "sensor/msg.h"

void commands_init(struct commands *c, struct bpf_loader *loader)
{
	/* A pure v2 host, then the hybrid of systemd. */
	static const char *const mounts[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };

	*c = (struct commands){ .loader = loader, .cgroup_fd = -1 };
	for (size_t i = 0; i < ARRAY_SIZE(mounts) && c->cgroup_fd < 0; i++) {
		_cleanup_close_ int fd = open(mounts[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
		struct statfs fs;

		if (fd >= 0 && fstatfs(fd, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC)
			c->cgroup_fd = take_fd(&fd);
	}
}

void commands_done(struct commands *c)
{
	close_fd(&c->cgroup_fd);
}

const char *command_cgroup_path(const char *body, size_t len, char *buf, size_t buf_len)
{
	size_t n = strnlen(body, len);

	while (n && *body == '/') {
		body++;
		n--;
	}
	if (n >= buf_len)
		return NULL;
	if (!n) {
		body = ".";
		n = 1;
	}
	memcpy(buf, body, n);
	buf[n] = 0;
	return buf;
}

/* Below the hierarchy, whatever the path says: no "..", no symbolic link. flags: O_PATH or O_RDONLY. */
static int open_cgroup(const struct commands *c, const char *path, int flags)
{
	struct open_how how = { .flags = (uint64_t)flags | O_DIRECTORY | O_CLOEXEC,
				.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS };
	int fd;

	if (c->cgroup_fd < 0)
		return -ENOTSUP;
	fd = (int)syscall(SYS_openat2, c->cgroup_fd, path, &how, sizeof(how));
	return fd < 0 ? -errno : fd;
}

static int pid_path(const void *body, size_t len, const char *file, char *out, size_t out_len)
{
	struct msg_pid m;

	if (len != sizeof(m))
		return -EINVAL;
	memcpy(&m, body, sizeof(m));
	if (m.pid == 0 || m.pid > 0x7fffffff)
		return -EINVAL;
	snprintf(out, out_len, "/proc/%u/%s", m.pid, file);
	return 0;
}

static int run_cgroup_of(struct commands *c, const void *body, size_t len, struct command_answer *a)
{
	_cleanup_close_ int fd = -1;
	char path[48];
	ssize_t n;
	int r = pid_path(body, len, "cgroup", path, sizeof(path));

	if (r < 0)
		return r;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	while (a->len < sizeof(a->body)) {
		n = read(fd, a->body + a->len, sizeof(a->body) - a->len);
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		a->len += (size_t)n;
	}
	return 0;
}

static int run_proc_exe(struct commands *c, const void *body, size_t len, struct command_answer *a)
{
	char path[48];
	ssize_t n;
	int r = pid_path(body, len, "exe", path, sizeof(path));

	if (r < 0)
		return r;
	n = readlink(path, (char *)a->body, sizeof(a->body));
	if (n < 0)
		return -errno;
	a->len = (size_t)n;
	return 0;
}

static int run_cgroup_id(struct commands *c, const void *body, size_t len, struct command_answer *a)
{
	_cleanup_close_ int fd = -1;
	char buf[1024];
	const char *path = command_cgroup_path(body, len, buf, sizeof(buf));
	struct msg_cgroup_id id;
	struct stat st;

	if (!path)
		return -EINVAL;
	fd = open_cgroup(c, path, O_PATH);
	if (fd < 0)
		return take_fd(&fd);
	/* The inode number of a kernfs directory is the id that bpf_get_current_cgroup_id() gives (64 bit). */
	if (fstat(fd, &st) < 0)
		return -errno;
	id.id = st.st_ino;
	memcpy(a->body, &id, sizeof(id));
	a->len = sizeof(id);
	return 0;
}

static int run_iter(struct commands *c, const void *body, size_t len, struct command_answer *a)
{
	struct msg_iter m;
	int fd;

	if (len != sizeof(m))
		return -EINVAL;
	memcpy(&m, body, sizeof(m));
	if (m.kind != MSG_ITER_PROCESSES && m.kind != MSG_ITER_SOCKETS)
		return -EINVAL;
	fd = bpf_loader_iter(c->loader, (enum msg_iter_kind)m.kind);
	if (fd < 0)
		return fd;
	a->fd = fd;
	return 0;
}

static int run_listed(struct commands *c, const void *body, size_t len, struct command_answer *a)
{
	struct msg_listed m;
	int fd;

	if (len != sizeof(m))
		return -EINVAL;
	memcpy(&m, body, sizeof(m));
	fd = bpf_loader_listed(c->loader, m.pages);
	if (fd < 0)
		return fd;
	a->fd = fd;
	return 0;
}

static int run_syscalls(struct commands *c, const void *body, size_t len, struct command_answer *a)
{
	struct msg_syscalls m;

	if (len != sizeof(m))
		return -EINVAL;
	memcpy(&m, body, sizeof(m));
	return bpf_loader_syscalls(c->loader, m.on != 0);
}

/* Arguments of a process that was there before the sensor; those that come are told by their exec. */
static int run_proc_args(struct commands *c, const void *body, size_t len, struct command_answer *a)
{
	_cleanup_close_ int fd = -1;
	char path[48];
	ssize_t n;
	int r = pid_path(body, len, "cmdline", path, sizeof(path));

	if (r < 0)
		return r;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, a->body, PG_ARGS_MAX < sizeof(a->body) ? PG_ARGS_MAX : sizeof(a->body));
	if (n < 0)
		return -errno;
	a->len = (size_t)n;
	return 0;
}

static int run_hostnet(struct commands *c, const void *body, size_t len, struct command_answer *a)
{
	_cleanup_close_ int fd = -1;
	struct msg_hostnet m;
	char buf[sizeof(m.cgroup_path)];
	const char *path;

	if (len != sizeof(m))
		return -EINVAL;
	memcpy(&m, body, sizeof(m));
	path = command_cgroup_path(m.cgroup_path, sizeof(m.cgroup_path), buf, sizeof(buf));
	if (!path || m.pseudo_ifindex < 0x80000000U || m.ns == 0 || (m.on && !strcmp(path, ".")))
		return -EINVAL;
	fd = open_cgroup(c, path, O_RDONLY);
	if (fd < 0 && m.on)
		return take_fd(&fd);
	return bpf_loader_hostnet(c->loader, fd < 0 ? -1 : fd, m.pseudo_ifindex, m.ns, m.on != 0);
}

int commands_run(struct commands *c, const struct ipc_hdr *h, const void *body, struct command_answer *ret)
{
	static const struct {
		uint16_t type;
		int (*run)(struct commands *c, const void *body, size_t len, struct command_answer *a);
	} table[] = {
		{ MSG_CGROUP_OF, run_cgroup_of }, { MSG_CGROUP_ID, run_cgroup_id }, { MSG_ITER, run_iter },
		{ MSG_HOSTNET, run_hostnet },	  { MSG_PROC_EXE, run_proc_exe },
		{ MSG_LISTED, run_listed },
		{ MSG_SYSCALLS, run_syscalls },	  { MSG_PROC_ARGS, run_proc_args },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		if (table[i].type == h->type) {
			int r;

			ret->len = 0;
			ret->fd = -1;
			r = table[i].run(c, body, h->len, ret);
			ret->status = r < 0 ? r : 0;
			if (r < 0)
				ret->len = 0;
			return 0;
		}
	return -ENOSYS;
}
