/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Core lives below Landlock and may read only a few directories; feeds, databases and certificates may lie elsewhere. Nothing of
 * the configuration is interpreted here: what counts is that the operator wrote the path. */
#include "sensor/keeper/named_file.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
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

/* Whether the operator's configuration has this word. 0 or -errno. */
static int is_named(int config_fd, const char *word, size_t len)
{
	_cleanup_free_ char *text = malloc(CONFIG_BYTES_MAX);
	ssize_t n = 0;
	size_t have = 0;

	while (text && have < CONFIG_BYTES_MAX && (n = pread(config_fd, text + have, CONFIG_BYTES_MAX - have, (off_t)have)) > 0)
		have += (size_t)n;
	if (!text || n < 0)
		return text ? -errno : -ENOMEM;
	return named_file_is_in(text, have, word, len) ? 0 : -EACCES;
}

int named_file_open(int config_fd, const char *path, size_t path_len)
{
	char name[PATH_MAX];
	_cleanup_close_ int fd = -1;
	struct stat st;
	int r;

	if (!path_len || path_len >= sizeof(name) || path[0] != '/' || memchr(path, '\0', path_len))
		return -EINVAL;
	r = is_named(config_fd, path, path_len);
	if (r < 0)
		return r;
	memcpy(name, path, path_len);
	name[path_len] = '\0';
	fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	return S_ISREG(st.st_mode) ? take_fd(&fd) : -EINVAL;
}

/* "127.0.0.1:8470", "[::1]:8470". False: neither. */
static bool address_read(const char *text, struct sockaddr_storage *ret, socklen_t *ret_len)
{
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)ret;
	struct sockaddr_in *four = (struct sockaddr_in *)ret;
	char host[64];
	unsigned port;
	int end = 0;

	*ret = (struct sockaddr_storage){ 0 };
	if (sscanf(text, "[%63[0-9a-fA-F:.]]:%5u%n", host, &port, &end) == 2 && !text[end]) {
		six->sin6_family = AF_INET6;
		six->sin6_port = htons((uint16_t)port);
		*ret_len = sizeof(*six);
		return port && port <= 65535 && inet_pton(AF_INET6, host, &six->sin6_addr) == 1;
	}
	end = 0;
	if (sscanf(text, "%63[0-9.]:%5u%n", host, &port, &end) != 2 || text[end])
		return false;
	four->sin_family = AF_INET;
	four->sin_port = htons((uint16_t)port);
	*ret_len = sizeof(*four);
	return port && port <= 65535 && inet_pton(AF_INET, host, &four->sin_addr) == 1;
}

int named_listener_open(int config_fd, const char *address, size_t len)
{
	_cleanup_close_ int fd = -1;
	struct sockaddr_storage a;
	socklen_t a_len;
	char text[80];
	int one = 1, r;

	if (!len || len >= sizeof(text) || memchr(address, '\0', len))
		return -EINVAL;
	memcpy(text, address, len);
	text[len] = '\0';
	if (!address_read(text, &a, &a_len))
		return -EINVAL;
	r = is_named(config_fd, address, len);
	if (r < 0)
		return r;
	fd = socket(a.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 || bind(fd, (struct sockaddr *)&a, a_len) < 0 ||
	    listen(fd, 64) < 0)
		return -errno;
	return take_fd(&fd);
}
