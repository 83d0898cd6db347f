/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fake_engine SOCKET: stands where a Docker engine would: listens on a unix socket, takes connections and says nothing
 * sensible (every request gets an empty 404), so that the keeper finds a process with its namespaces behind the socket. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define CLIENTS 32

int main(int argc, char **argv)
{
	static const char answer[] = "HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\nContent-Type: application/json\r\n\r\n{}\n";
	struct pollfd p[1 + CLIENTS];
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int n = 1;

	if (argc != 2 || strlen(argv[1]) >= sizeof(a.sun_path))
		return 2;
	signal(SIGPIPE, SIG_IGN);
	snprintf(a.sun_path, sizeof(a.sun_path), "%s", argv[1]);
	unlink(argv[1]);
	p[0] = (struct pollfd){ .fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), .events = POLLIN };
	if (p[0].fd < 0 || bind(p[0].fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(p[0].fd, 16) < 0) {
		perror(argv[1]);
		return 1;
	}
	for (;;) {
		char buf[4096];

		if (poll(p, (nfds_t)n, -1) < 0)
			return 1;
		for (int i = n - 1; i > 0; i--) {
			if (!p[i].revents)
				continue;
			if (read(p[i].fd, buf, sizeof(buf)) <= 0 || write(p[i].fd, answer, sizeof(answer) - 1) < 0) {
				close(p[i].fd);
				p[i] = p[--n];
			}
		}
		if (p[0].revents) {
			int c = accept4(p[0].fd, NULL, NULL, SOCK_CLOEXEC);

			if (c >= 0 && n <= CLIENTS)
				p[n++] = (struct pollfd){ .fd = c, .events = POLLIN };
			else if (c >= 0)
				close(c);
		}
	}
}
