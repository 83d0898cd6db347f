/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/watch/fetch_output.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"

enum { CONNECT_MS = 2000, ROOM_MS = 1000 };

/* One of each is enough: there is one configuration. */
static struct sink {
	char target[288];
	int fd; /* -1: closed; looked at only where target is not "" */
	enum { SINK_MESSAGES, SINK_COUNTED, SINK_BYTES, SINK_FRAMES } form;
} sinks[10];

static bool wait_writable(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	return poll(&p, 1, ms) == 1 && !(p.revents & (POLLERR | POLLHUP));
}

static int connected(int family, int type, const void *addr, socklen_t len)
{
	int fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), error = 0, r;
	socklen_t size = sizeof(error);

	if (fd < 0)
		return -errno;
	r = connect(fd, addr, len) < 0 && errno != EINPROGRESS ? -errno : 0;
	if (!r && type == SOCK_STREAM) {
		if (!wait_writable(fd, CONNECT_MS))
			r = -ETIMEDOUT;
		if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error)
			r = -error;
	}
	if (r < 0) {
		close(fd);
		return r;
	}
	return fd;
}

static int local(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	return connected(AF_UNIX, SOCK_DGRAM, &a, sizeof(a));
}

/* "192.0.2.1:514", "[2001:db8::1]:514" */
static int remote(const char *place, int type)
{
	struct sockaddr_in6 a6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in a4 = { .sin_family = AF_INET };
	const char *colon = strrchr(place, ':');
	char host[64];
	size_t n;

	if (!colon || colon == place)
		return -EINVAL;
	n = (size_t)(colon - place);
	if (place[0] == '[' && place[n - 1] == ']') {
		place++;
		n -= 2;
	}
	if (n >= sizeof(host))
		return -EINVAL;
	memcpy(host, place, n);
	host[n] = '\0';
	a4.sin_port = a6.sin6_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
	if (inet_pton(AF_INET, host, &a4.sin_addr) == 1)
		return connected(AF_INET, type, &a4, sizeof(a4));
	if (inet_pton(AF_INET6, host, &a6.sin6_addr) == 1)
		return connected(AF_INET6, type, &a6, sizeof(a6));
	return -EINVAL;
}

/* What a target's scheme means. */
static const struct {
	const char *scheme;
	int type, form;
} schemes[] = {
	{ "syslog-udp://", SOCK_DGRAM, SINK_MESSAGES },
	{ "syslog-tcp://", SOCK_STREAM, SINK_COUNTED },
	{ "bytes-tcp://", SOCK_STREAM, SINK_BYTES },
	{ "frames-udp://", SOCK_DGRAM, SINK_FRAMES },
};

static int sink_open(struct sink *s, const char *target)
{
	s->form = SINK_MESSAGES;
	if (!strcmp(target, "journald"))
		return local("/run/systemd/journal/socket");
	if (!strcmp(target, "syslog-unix"))
		return local("/dev/log");
	for (size_t i = 0; i < ARRAY_SIZE(schemes); i++)
		if (!strncmp(target, schemes[i].scheme, strlen(schemes[i].scheme))) {
			s->form = schemes[i].form;
			return remote(target + strlen(schemes[i].scheme), schemes[i].type);
		}
	return -EINVAL;
}

/* The target's, else a free one. */
static struct sink *sink_of(const char *target)
{
	struct sink *free_one = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(sinks); i++) {
		if (!strcmp(sinks[i].target, target))
			return &sinks[i];
		if (!sinks[i].target[0] && !free_one)
			free_one = &sinks[i];
	}
	if (!free_one) {
		free_one = &sinks[0];
		close_fd(&free_one->fd);
	}
	free_one->fd = -1;
	snprintf(free_one->target, sizeof(free_one->target), "%s", target);
	return free_one;
}

static int send_all(int fd, const char *p, size_t len)
{
	while (len) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN && wait_writable(fd, ROOM_MS))
			continue;
		if (n < 0)
			return -errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Datagrams, each behind its length. */
static int send_frames(int fd, const uint8_t *p, size_t len)
{
	while (len) {
		size_t n = len < 2 ? 0 : (size_t)p[0] << 8 | p[1];
		int r;

		if (!n || n > len - 2)
			return -EINVAL;
		r = send_all(fd, (const char *)p + 2, n);
		if (r < 0)
			return r;
		p += 2 + n;
		len -= 2 + n;
	}
	return 0;
}

int fetch_output_send(const char *target, const void *text, size_t len)
{
	struct sink *s = sink_of(target);
	char frame[24], end;
	int r = 0;

	/* A receiver that went away says so by an end of its stream before we write into nowhere. */
	if (s->fd >= 0 && (s->form == SINK_COUNTED || s->form == SINK_BYTES) && recv(s->fd, &end, 1, MSG_PEEK | MSG_DONTWAIT) == 0)
		close_fd(&s->fd);
	if (s->fd < 0) {
		r = sink_open(s, target);
		if (r < 0)
			return r;
		s->fd = r;
		r = 0;
	}
	if (s->form == SINK_FRAMES) {
		r = send_frames(s->fd, text, len);
	} else {
		if (s->form == SINK_COUNTED) { /* RFC 6587, 3.4.1 */
			snprintf(frame, sizeof(frame), "%zu ", len);
			r = send_all(s->fd, frame, strlen(frame));
		}
		if (!r)
			r = send_all(s->fd, text, len);
	}
	if (r < 0)
		close_fd(&s->fd); /* half a message ends with its connection */
	return r;
}

void fetch_output_close(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(sinks); i++)
		if (sinks[i].target[0])
			close_fd(&sinks[i].fd);
}
