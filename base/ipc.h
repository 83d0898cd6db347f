/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages between our programs: one SOCK_SEQPACKET datagram a message: struct ipc_hdr, then len bytes of body, and at most
 * one descriptor by SCM_RIGHTS. Same machine, same build: native byte order; the version in the header refuses others.
 * All calls are non-blocking when the descriptor is. One thread per socket and direction. */
#ifndef PG_BASE_IPC_H
#define PG_BASE_IPC_H

#include <stddef.h>
#include <stdint.h>

#define IPC_VERSION 1
#define IPC_BODY_MAX 65000

struct ipc_hdr {
	uint16_t version;
	uint16_t type;
	uint32_t seq; /* of a request; its answer carries the same */
	uint32_t len; /* bytes of body */
	int32_t status; /* answers: 0 or -errno */
};

/* Makes a connected pair, close-on-exec, non-blocking, with buffers that hold at least 256 full messages' worth of small
 * ones. Returns 0 or -errno. */
int ipc_pair(int ret_fds[2]);

/* Sends one message; fd -1 for none (not closed here). Returns 0; -EAGAIN: the peer's queue is full, nothing was sent;
 * -EMSGSIZE: body longer than IPC_BODY_MAX; other -errno. */
int ipc_send(int sock, uint16_t type, uint32_t seq, int32_t status, const void *body, size_t len, int fd);

/* Receives one message. body must hold IPC_BODY_MAX bytes. *ret_fd is -1 or a descriptor (close-on-exec) that the caller
 * owns. Returns 1 for a message, 0 at end of stream, -EAGAIN when there is none, -EPROTO for a malformed or
 * foreign-version message (dropped), other -errno. */
int ipc_recv(int sock, struct ipc_hdr *ret_hdr, void *body, int *ret_fd);

#endif
