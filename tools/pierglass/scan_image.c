/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/pierglass/scan_image.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "tools/pierglass/cli_text.h"

#define SOCKET "/var/run/docker.sock"
#define BYTES_MAX (64LL << 30)
#define CONNECT_SECONDS 5L
#define STALL_SECONDS 60L

static void curl_cleanup_p(CURL **c)
{
	curl_easy_cleanup(*c);
}

static int complain(const char *name, const char *why)
{
	fputs("pierglass: scan: ", stderr);
	cli_put(stderr, name);
	fputs(": ", stderr);
	cli_put(stderr, why);
	fputc('\n', stderr);
	return -1;
}

static size_t write_all(char *data, size_t size, size_t count, void *arg)
{
	int fd = *(int *)arg;
	size_t left = size * count;

	while (left) {
		ssize_t n = write(fd, data, left);

		if (n <= 0)
			return 0;
		data += n;
		left -= (size_t)n;
	}
	return size * count;
}

/* No name, gone with us. */
static int file_make(void)
{
	const char *dirs[] = { getenv("TMPDIR"), "/var/tmp", "/tmp" };

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		int fd = dirs[i] ? open(dirs[i], O_TMPFILE | O_RDWR | O_CLOEXEC, 0600) : -1;

		if (fd >= 0)
			return fd;
	}
	return -1;
}

static bool name_ok(const char *name)
{
	return name[0] && strlen(name) < 300 && strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/:@") == strlen(name);
}

int scan_image_get(const char *socket, const char *name)
{
	_cleanup_(curl_cleanup_p) CURL *c = curl_easy_init();
	_cleanup_close_ int fd = file_make();
	char url[512];
	long status = 0;
	CURLcode r;

	if (!name_ok(name))
		return complain(name, "neither a file nor a directory, nor the name of an image");
	if (!c || fd < 0)
		return complain(name, fd < 0 ? "no room for the image in TMPDIR" : "no memory");
	if (socket && !strncmp(socket, "unix://", 7))
		socket += 7;
	snprintf(url, sizeof(url), "http://docker/images/%s/get", name);
	curl_easy_setopt(c, CURLOPT_UNIX_SOCKET_PATH, socket ? socket : SOCKET);
	curl_easy_setopt(c, CURLOPT_URL, url);
	curl_easy_setopt(c, CURLOPT_PROXY, "");
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http");
	curl_easy_setopt(c, CURLOPT_FAILONERROR, 1L);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, write_all);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, &fd);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS);
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, STALL_SECONDS);
	curl_easy_setopt(c, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)BYTES_MAX);
	r = curl_easy_perform(c);
	curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
	if (r == CURLE_HTTP_RETURNED_ERROR)
		return complain(name, status == 404 ? "no such file or directory, and the engine has no such image" : "the engine refused");
	if (r == CURLE_COULDNT_CONNECT)
		return complain(name, "no such file or directory, and no engine answers on its socket");
	if (r != CURLE_OK)
		return complain(name, curl_easy_strerror(r));
	return take_fd(&fd);
}
