/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Core lives below Landlock and may read only a few directories; feeds, databases and certificates may lie elsewhere. Nothing of
 * the configuration is interpreted here: what counts is that the operator wrote the path. */
#include "sensor/keeper/named_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

#define CONFIG_BYTES_MAX (1U << 20) /* as core reads it */

static bool is_border(char c)
{
	return strchr(" \t\r\n\"',[]{}", c) != NULL; /* NUL too */
}

bool named_file_is_in(const char *text, size_t len, const char *path, size_t path_len)
{
	const char *at = text, *end = text + len;

	while (path_len && (at = memmem(at, (size_t)(end - at), path, path_len))) {
		if ((at == text || is_border(at[-1])) && (at + path_len == end || is_border(at[path_len])))
			return true;
		at++;
	}
	return false;
}

int named_file_open(int config_fd, const char *path, size_t path_len)
{
	_cleanup_free_ char *text = malloc(CONFIG_BYTES_MAX);
	char name[PATH_MAX];
	_cleanup_close_ int fd = -1;
	struct stat st;
	ssize_t n = 0;
	size_t have = 0;

	if (!path_len || path_len >= sizeof(name) || path[0] != '/' || memchr(path, '\0', path_len))
		return -EINVAL;
	while (text && have < CONFIG_BYTES_MAX && (n = pread(config_fd, text + have, CONFIG_BYTES_MAX - have, (off_t)have)) > 0)
		have += (size_t)n;
	if (!text || n < 0)
		return text ? -errno : -ENOMEM;
	if (!named_file_is_in(text, have, path, path_len))
		return -EACCES;
	memcpy(name, path, path_len);
	name[path_len] = '\0';
	fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	return S_ISREG(st.st_mode) ? take_fd(&fd) : -EINVAL;
}
