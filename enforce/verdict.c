/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "enforce/verdict.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>

#include "base/cleanup.h"
#include "base/ipc.h"
#include "sensor/msg.h"

/* Reads what there is. Returns 1 to go on, 0 to end in order, -errno. */
static int read_messages(int sock, unsigned char *body)
{
	for (;;) {
		_cleanup_close_ int fd = -1;
		struct ipc_hdr h;
		int r = ipc_recv(sock, &h, body, &fd);

		if (r == -EAGAIN)
			return 1;
		if (r == -EPROTO)
			continue;
		if (r <= 0)
			return r;
		if (h.type == MSG_QUIT)
			return 0;
		/* A full queue means that the keeper does not read: then it does not wait for this answer either. */
		if (h.type == MSG_PING)
			(void)ipc_send(sock, MSG_PONG, h.seq, 0, NULL, 0, -1);
	}
}

int verdict_run(int keeper_sock)
{
	static unsigned char body[IPC_BODY_MAX];

	for (;;) {
		struct pollfd pfd = { .fd = keeper_sock, .events = POLLIN };
		int r;

		if (poll(&pfd, 1, -1) < 0 && errno != EINTR)
			return 1;
		r = read_messages(keeper_sock, body);
		if (r <= 0)
			return r == 0 ? 0 : 1;
	}
}
