/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "appid/config/conf_root.h"

#include <errno.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/root_ipc.h"

static int sock_of(const void *ctx)
{
	return *(const int *)ctx;
}

static int files_read(void *ctx, const char *path, char *buf, size_t cap, size_t *ret_len)
{
	struct root_stat st;
	_cleanup_close_ int fd = root_ask_file(sock_of(ctx), path, &st);
	uint64_t until = clock_mono_ns() + CONF_FILE_MS * NSEC_PER_MSEC;
	size_t len = 0;

	if (fd < 0)
		return fd;
	while (len < cap) {
		ssize_t n = read(fd, buf + len, cap - len < 65536 ? cap - len : 65536);

		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
		if (clock_mono_ns() > until)
			return -ETIMEDOUT;
	}
	*ret_len = len;
	/* The size may lie (a growing file): what counts is whether there is more. */
	return len == cap && read(fd, &(char){ 0 }, 1) == 1 ? -EFBIG : 0;
}

static int files_list(void *ctx, const char *path, char *buf, size_t *ret_len)
{
	return root_ask_list(sock_of(ctx), path, buf, ret_len);
}

static int files_stat(void *ctx, const char *path, struct root_stat *ret)
{
	return root_ask_stat(sock_of(ctx), path, ret);
}

static int files_link(void *ctx, const char *path, char *buf, size_t cap)
{
	return root_ask_link(sock_of(ctx), path, buf, cap);
}

struct conf_fs conf_root_fs(const int *sock)
{
	return (struct conf_fs){ (void *)(uintptr_t)sock, files_read, files_list, files_stat, files_link };
}
