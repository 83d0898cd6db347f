/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the opener does in a container: reached through one of its processes, whose /proc directory is held open from the check
 * of its identity to the end of the request, so that no other process's takes its place. Nothing is ever opened outside the
 * container's root (openat2(2) RESOLVE_IN_ROOT, no magic links), and nothing is opened before it is known to be a regular file. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/ipc.h"
#include "sensor/keeper/opener.h"
#include "sensor/msg.h"
#include "sensor/msg_files.h"

#define DIR_MASK (IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_CLOSE_WRITE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ATTRIB)

int opener_beneath(int dir, const char *path, size_t len, int flags, uint64_t resolve)
{
	struct open_how how = { .flags = (uint64_t)flags | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | resolve };
	char buf[FILES_PATH_MAX + 1];
	int fd;

	if (!len || len > FILES_PATH_MAX || memchr(path, 0, len))
		return -EINVAL;
	memcpy(buf, path, len);
	buf[len] = '\0';
	fd = (int)syscall(SYS_openat2, dir, buf, &how, sizeof(how));
	return fd < 0 ? -errno : fd;
}

/* A descriptor opened with O_PATH, as a path: for calls that take no such descriptor. */
static const char *fd_path(int fd, char buf[32])
{
	snprintf(buf, 32, "/proc/self/fd/%d", fd);
	return buf;
}

/* ---- the process ------------------------------------------------------------------------------------------------ */
/* Whether the process belongs to the container: one line of its cgroup file must name it. */
static int check_cid(int proc, const char *cid)
{
	_cleanup_close_ int fd = openat(proc, "cgroup", O_RDONLY | O_CLOEXEC);
	char text[8192];
	size_t have = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	while (have < sizeof(text) && (n = read(fd, text + have, sizeof(text) - have)) > 0)
		have += (size_t)n;
	return memmem(text, have, cid, strlen(cid)) ? 0 : -ESRCH;
}

/* Its /proc directory. */
static int place_open(const struct msg_place *in, int *ret_proc)
{
	_cleanup_close_ int proc = -1;
	struct msg_place p = *in;
	char path[32];
	int r;

	p.cid[sizeof(p.cid) - 1] = '\0';
	if (p.pid == 0 || p.pid > 0x7fffffff || (p.cid[0] && strlen(p.cid) < 12))
		return -EINVAL;
	snprintf(path, sizeof(path), "/proc/%u", p.pid);
	proc = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (proc < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	r = p.cid[0] ? check_cid(proc, p.cid) : 0;
	if (r < 0)
		return r;
	*ret_proc = take_fd(&proc);
	return 0;
}

/* A path below the process's root, O_PATH. */
static int place_path(const struct msg_place *p, const char *path, size_t len, uint64_t resolve)
{
	_cleanup_close_ int proc = -1, root = -1;
	int r = place_open(p, &proc);

	if (r < 0)
		return r;
	root = openat(proc, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return -errno;
	return opener_beneath(root, path, len, O_PATH, resolve);
}

/* ---- requests ---------------------------------------------------------------------------------------------------- */
static int run_mounts(const struct opener *o, const void *body, size_t len, struct opener_answer *a)
{
	_cleanup_close_ int proc = -1;
	struct msg_place p;
	int r;

	if (len != sizeof(p))
		return -EINVAL;
	memcpy(&p, body, sizeof(p));
	r = place_open(&p, &proc);
	if (r < 0)
		return r;
	a->fd = openat(proc, "mountinfo", O_RDONLY | O_CLOEXEC);
	return a->fd < 0 ? -errno : 0;
}

static int mark(const struct opener *o, const struct msg_place_mark *m, int at)
{
	unsigned flags = m->on ? FAN_MARK_ADD : FAN_MARK_REMOVE;
	struct statx st;
	char path[32];

	if (statx(at, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_MNT_ID, &st) < 0)
		return -errno;
	/* A kernel before 5.8 tells no mount; there the look-up by path has to do. */
	if ((st.stx_mask & STATX_MNT_ID) && st.stx_mnt_id != m->mnt_id)
		return -ESTALE;
	flags |= m->how == MSG_MARK_FILESYSTEM ? FAN_MARK_FILESYSTEM : FAN_MARK_MOUNT;
	if (fanotify_mark(m->exec ? o->exec : o->fanotify, flags, m->exec ? FAN_OPEN_EXEC_PERM : FAN_CLOSE_WRITE, AT_FDCWD, fd_path(at, path)) < 0)
		return -errno;
	return 0;
}

static int run_mark(const struct opener *o, const void *body, size_t len, struct opener_answer *a)
{
	_cleanup_close_ int at = -1;
	struct msg_place_mark m;

	if (len <= sizeof(m))
		return -EINVAL;
	memcpy(&m, body, sizeof(m));
	if (m.how >= MSG_MARK_HOW_MAX || m.on > 1 || m.exec > 1 || !m.place.cid[0])
		return -EINVAL;
	if ((m.exec ? o->exec : o->fanotify) < 0)
		return -ENOTSUP;
	at = place_path(&m.place, (const char *)body + sizeof(m), len - sizeof(m), RESOLVE_NO_SYMLINKS);
	return at < 0 ? take_fd(&at) : mark(o, &m, at);
}

static int run_open(const struct opener *o, const void *body, size_t len, struct opener_answer *a)
{
	_cleanup_close_ int at = -1, proc = -1;
	struct msg_place_open m;
	struct stat st;
	char path[32];
	int r;

	if (len < sizeof(m))
		return -EINVAL;
	memcpy(&m, body, sizeof(m));
	if (len > sizeof(m)) {
		at = place_path(&m.place, (const char *)body + sizeof(m), len - sizeof(m), 0);
		if (at < 0)
			return take_fd(&at);
	} else {
		r = place_open(&m.place, &proc);
		if (r < 0)
			return r;
		at = openat(proc, "exe", O_PATH | O_CLOEXEC);
		if (at < 0)
			return errno == ENOENT ? -ESRCH : -errno;
	}
	if (fstat(at, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (m.ino && (uint64_t)st.st_ino != m.ino)
		return -ESTALE;
	if (m.size_max && (uint64_t)st.st_size > m.size_max)
		return -EFBIG;
	a->fd = open(fd_path(at, path), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	return a->fd < 0 ? -errno : 0;
}

static int run_dir(const struct opener *o, const void *body, size_t len, struct opener_answer *a)
{
	_cleanup_close_ int at = -1;
	struct msg_place_wd wd = { 0 };
	struct msg_place p;
	struct stat st;
	char path[32];

	if (len <= sizeof(p))
		return -EINVAL;
	if (o->inotify < 0)
		return -ENOTSUP;
	memcpy(&p, body, sizeof(p));
	at = place_path(&p, (const char *)body + sizeof(p), len - sizeof(p), 0);
	if (at < 0)
		return take_fd(&at);
	if (fstat(at, &st) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
		return -EINVAL;
	/* Not IN_MASK_CREATE: two containers may share a directory of the host, which then has one number. */
	wd.wd = inotify_add_watch(o->inotify, fd_path(at, path), DIR_MASK | IN_EXCL_UNLINK);
	if (wd.wd < 0)
		return -errno;
	wd.is_dir = S_ISDIR(st.st_mode);
	wd.dev = st.st_dev;
	wd.ino = st.st_ino;
	memcpy(a->body, &wd, sizeof(wd));
	a->len = sizeof(wd);
	return 0;
}

static int run_dir_drop(const struct opener *o, const void *body, size_t len, struct opener_answer *a)
{
	struct msg_place_wd wd;

	if (len != sizeof(wd))
		return -EINVAL;
	memcpy(&wd, body, sizeof(wd));
	if (o->inotify < 0)
		return -ENOTSUP;
	return inotify_rm_watch(o->inotify, wd.wd) < 0 ? -errno : 0;
}

/* Only the socket leaves: who asks on it gets regular files of this root, one by one. */
static int run_root(const struct opener *o, const void *body, size_t len, struct opener_answer *a)
{
	_cleanup_close_ int proc = -1, root = -1;
	struct msg_place p;
	int pair[2], r;

	if (len != sizeof(p))
		return -EINVAL;
	memcpy(&p, body, sizeof(p));
	r = place_open(&p, &proc);
	if (r < 0)
		return r;
	root = openat(proc, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	if (fcntl(pair[0], F_SETFL, O_NONBLOCK) < 0) {
		r = -errno;
		close(pair[0]);
		close(pair[1]);
		return r;
	}
	a->serve = pair[0];
	a->root = take_fd(&root);
	a->fd = pair[1];
	return 0;
}

static int run_layer(const struct opener *o, const void *body, size_t len, struct opener_answer *a)
{
	return opener_layer(body, len, a);
}

/* Files of /proc that say what a process is; the kernel writes them. */
static int run_proc(const struct opener *o, const void *body, size_t len, struct opener_answer *a)
{
	static const char *const names[MSG_PROC_FILE_MAX] = { "status", "cmdline", "environ", "maps", "mountinfo", "limits", "cgroup" };
	_cleanup_close_ int proc = -1;
	struct msg_place_proc m;
	int r;

	if (len != sizeof(m))
		return -EINVAL;
	memcpy(&m, body, sizeof(m));
	if (m.file >= MSG_PROC_FILE_MAX || !m.place.cid[0])
		return -EINVAL;
	r = place_open(&m.place, &proc);
	if (r < 0)
		return r;
	a->fd = openat(proc, names[m.file], O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	return a->fd < 0 ? -errno : 0;
}

static int run_upper(const struct opener *o, const void *body, size_t len, struct opener_answer *a)
{
	return opener_upper(body, len, a);
}

struct opener_command {
	uint16_t type;
	int (*run)(const struct opener *o, const void *body, size_t len, struct opener_answer *a);
};

static bool run_of(const struct opener_command *table, size_t count, const struct opener *o, const struct ipc_hdr *h, const void *body,
		   struct opener_answer *ret)
{
	for (size_t i = 0; i < count; i++)
		if (table[i].type == h->type) {
			int r;

			*ret = (struct opener_answer){ .fd = -1, .serve = -1, .root = -1 };
			r = table[i].run(o, body, h->len, ret);
			ret->status = r < 0 ? r : 0;
			if (r < 0)
				ret->len = 0;
			return true;
		}
	return false;
}

bool opener_request(const struct opener *o, const struct ipc_hdr *h, const void *body, struct opener_answer *ret)
{
	static const struct opener_command table[] = {
		{ MSG_PLACE_MOUNTS, run_mounts }, { MSG_PLACE_MARK, run_mark },		{ MSG_PLACE_OPEN, run_open },
		{ MSG_PLACE_DIR, run_dir },	  { MSG_PLACE_DIR_DROP, run_dir_drop }, { MSG_PLACE_LAYER, run_layer },
		{ MSG_PLACE_ROOT, run_root },
	};

	return run_of(table, ARRAY_SIZE(table), o, h, body, ret);
}

/* Core is shown nothing of the node's own processes. */
static bool names_container(const struct ipc_hdr *h, const void *body)
{
	struct msg_place p;

	if (h->type == MSG_PLACE_UPPER)
		return true;
	if (h->len < sizeof(p))
		return false;
	memcpy(&p, body, sizeof(p));
	return p.cid[0];
}

bool opener_evidence_request(const struct opener *o, const struct ipc_hdr *h, const void *body, struct opener_answer *ret)
{
	static const struct opener_command table[] = {
		{ MSG_PLACE_MOUNTS, run_mounts }, { MSG_PLACE_OPEN, run_open }, { MSG_PLACE_PROC, run_proc }, { MSG_PLACE_UPPER, run_upper },
	};

	if (!names_container(h, body)) {
		*ret = (struct opener_answer){ .status = -EINVAL, .fd = -1, .serve = -1, .root = -1 };
		return true;
	}
	return run_of(table, ARRAY_SIZE(table), o, h, body, ret);
}
