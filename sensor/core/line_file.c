/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/core/line_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

static int file_open(struct line_file *f)
{
	struct stat st;

	f->fd = open(f->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0640);
	if (f->fd < 0)
		return -errno;
	f->bytes = fstat(f->fd, &st) == 0 ? (uint64_t)st.st_size : 0;
	return 0;
}

int line_file_open(struct line_file *f, const char *path, uint64_t max_bytes, unsigned files)
{
	*f = (struct line_file){ .fd = -1, .max_bytes = max_bytes, .files = files };
	snprintf(f->path, sizeof(f->path), "%s", path);
	return file_open(f);
}

void line_file_close(struct line_file *f)
{
	close_fd(&f->fd);
	f->fd = -1;
}

static void file_rotate(struct line_file *f)
{
	char from[340], to[340];

	line_file_close(f);
	for (unsigned i = f->files; i-- > 0;) {
		if (i)
			snprintf(from, sizeof(from), "%s.%u", f->path, i);
		else
			snprintf(from, sizeof(from), "%s", f->path);
		snprintf(to, sizeof(to), "%s.%u", f->path, i + 1);
		if (i + 1 == f->files)
			unlink(from);
		else
			rename(from, to);
	}
}

int line_file_write(struct line_file *f, const char *lines, size_t len)
{
	ssize_t n;
	int r;

	if (f->fd >= 0 && f->bytes + len > f->max_bytes)
		file_rotate(f);
	if (f->fd < 0) {
		r = file_open(f);
		if (r < 0)
			return r;
	}
	n = write(f->fd, lines, len); /* one write: all is there or nothing */
	if (n != (ssize_t)len) {
		r = n < 0 ? -errno : -ENOSPC;
		if (n > 0 && ftruncate(f->fd, (off_t)f->bytes) < 0)
			r = -EIO;
		return r;
	}
	f->bytes += len;
	return 0;
}
