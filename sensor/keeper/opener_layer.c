/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which layer of an overlay brought a file: looked for in each layer's directory, the upper one first, by the rules of
 * Documentation/filesystems/overlayfs.rst: a whiteout (character device 0:0) or a directory marked opaque ends the search.
 * No symbolic link is followed below a layer: what lies there was written by images and containers. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "base/cleanup.h"
#include "sensor/keeper/opener.h"
#include "sensor/msg_files.h"

#define BENEATH (RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV)

/* LAST: a file, and what is below is hidden by an opaque directory. END: no file, and none below to be seen. */
enum found { FOUND_NOTHING, FOUND_FILE, FOUND_LAST, FOUND_END };

static bool is_opaque(int dir)
{
	char path[32], value[2];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", dir);
	return getxattr(path, "trusted.overlay.opaque", value, sizeof(value)) == 1 && value[0] == 'y';
}

/* path: relative, len bytes. */
static enum found look_in(int layer, const char *path, size_t len)
{
	_cleanup_close_ int dir = fcntl(layer, F_DUPFD_CLOEXEC, 3);
	bool opaque = false;

	while (dir >= 0) {
		const char *slash = memchr(path, '/', len);
		size_t n = slash ? (size_t)(slash - path) : len;
		int fd = opener_beneath(dir, path, n, O_PATH | O_NOFOLLOW, BENEATH);
		struct stat st;

		if (fd < 0)
			return fd == -ENOENT && !opaque ? FOUND_NOTHING : FOUND_END;
		close_fd(&dir);
		dir = fd;
		if (fstat(fd, &st) < 0)
			return FOUND_END;
		if (!slash)
			return !S_ISREG(st.st_mode) ? FOUND_END : opaque ? FOUND_LAST : FOUND_FILE;
		if (!S_ISDIR(st.st_mode))
			return FOUND_END;
		opaque = opaque || is_opaque(fd);
		path += n + 1;
		len -= n + 1;
	}
	return FOUND_END;
}

/* The next string of a sequence of NUL-terminated ones; NULL: there is none. */
static const char *next_string(const char **at, const char *end, size_t *ret_len)
{
	const char *s = *at, *nul = s < end ? memchr(s, 0, (size_t)(end - s)) : NULL;

	if (!nul || nul == s)
		return NULL;
	*at = nul + 1;
	*ret_len = (size_t)(nul - s);
	return s;
}

static int look_all(int root, const char *path, size_t len, const char *at, const char *end, uint32_t count,
		    struct msg_place_layer_answer *ret)
{
	ret->index = ret->lower = -1;
	for (uint32_t i = 0; i < count; i++) {
		_cleanup_close_ int layer = -1;
		size_t n;
		const char *dir = next_string(&at, end, &n);
		enum found f;

		if (!dir || dir[0] != '/')
			return -EINVAL;
		layer = opener_beneath(root, dir, n, O_PATH | O_DIRECTORY, 0);
		if (layer < 0)
			return take_fd(&layer);
		f = look_in(layer, path, len);
		if (ret->index < 0 && (f == FOUND_FILE || f == FOUND_LAST))
			ret->index = (int32_t)i;
		if (i > 0 && (f == FOUND_FILE || f == FOUND_LAST))
			ret->lower = (int32_t)i - 1;
		/* Below an upper one the original is wanted too. */
		if (f != FOUND_NOTHING && !(f == FOUND_FILE && i == 0))
			break;
	}
	return 0;
}

/* A thing in a layer, looked at without following anything: a regular file is opened for reading, a directory for listing, of
 * anything else (a link, a device: a whiteout) only its place is. */
static int open_thing(int layer, const char *path, size_t len)
{
	_cleanup_close_ int at = len ? opener_beneath(layer, path, len, O_PATH | O_NOFOLLOW, BENEATH) : fcntl(layer, F_DUPFD_CLOEXEC, 3);
	char link[32];
	struct stat st;
	int fd;

	if (at < 0)
		return take_fd(&at);
	if (fstat(at, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return take_fd(&at);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", at);
	fd = open(link, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (S_ISDIR(st.st_mode) ? O_DIRECTORY : 0));
	return fd < 0 ? -errno : fd;
}

/* Where engines keep the upper layers of containers, and nothing else lies: ".../<64 hex digits>/diff" (overlay2), ".../<number>/fs"
 * (containerd's snapshots). Core is not to read the rest of the node. */
static bool is_upper(const char *dir, size_t len)
{
	bool snapshot = len > 3 && !memcmp(dir + len - 3, "/fs", 3);
	size_t end = snapshot ? len - 3 : len > 5 && !memcmp(dir + len - 5, "/diff", 5) ? len - 5 : 0, at = end;

	while (at && strchr(snapshot ? "0123456789" : "0123456789abcdef", dir[at - 1]))
		at--;
	return at && dir[at - 1] == '/' && (snapshot ? end > at : end - at == 64);
}

static int engine_root(uint32_t pid)
{
	char proc[40];
	int root;

	if (!pid || pid > 0x7fffffff)
		return -EINVAL;
	snprintf(proc, sizeof(proc), "/proc/%u/root", pid);
	root = open(proc, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return root < 0 ? -errno : root;
}

int opener_upper(const void *body, size_t len, struct opener_answer *a)
{
	_cleanup_close_ int root = -1, layer = -1;
	const char *at = (const char *)body + sizeof(struct msg_place_upper), *end = (const char *)body + len, *dir;
	struct msg_place_upper m;
	size_t n;

	if (len <= sizeof(m))
		return -EINVAL;
	memcpy(&m, body, sizeof(m));
	dir = next_string(&at, end, &n);
	if (!dir || dir[0] != '/' || memmem(dir, n, "/..", 3) || !is_upper(dir, n))
		return -EINVAL;
	root = engine_root(m.engine_pid);
	if (root < 0)
		return take_fd(&root);
	layer = opener_beneath(root, dir, n, O_PATH | O_DIRECTORY, 0);
	if (layer < 0)
		return take_fd(&layer);
	a->fd = open_thing(layer, at, (size_t)(end - at));
	return a->fd < 0 ? a->fd : 0;
}

int opener_layer(const void *body, size_t len, struct opener_answer *a)
{
	_cleanup_close_ int root = -1;
	const char *at = (const char *)body + sizeof(struct msg_place_layer), *end = (const char *)body + len, *path;
	struct msg_place_layer_answer found;
	struct msg_place_layer m;
	size_t n;
	int r;

	if (len <= sizeof(m))
		return -EINVAL;
	memcpy(&m, body, sizeof(m));
	path = next_string(&at, end, &n);
	if (!path || path[0] != '/' || n < 2 || !m.count || m.count > FILES_LAYERS_MAX)
		return -EINVAL;
	root = engine_root(m.engine_pid);
	if (root < 0)
		return take_fd(&root);
	r = look_all(root, path + 1, n - 1, at, end, m.count, &found);
	if (r < 0)
		return r;
	memcpy(a->body, &found, sizeof(found));
	a->len = sizeof(found);
	return 0;
}
