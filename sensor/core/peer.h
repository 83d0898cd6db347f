/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One ipc socket of core on the libuv loop: reads messages as they come, sends at once or queues (bounded). */
#ifndef PG_SENSOR_CORE_PEER_H
#define PG_SENSOR_CORE_PEER_H

#include <uv.h>

#include "base/ipc.h"

struct peer;
/* A message arrived. fd is -1 or a descriptor the callee now owns. hdr and body are valid during the call. */
typedef void (*peer_msg_cb)(const struct ipc_hdr *hdr, const void *body, int fd, void *arg);
/* The other side is gone; the peer may be closed in the callback. */
typedef void (*peer_gone_cb)(void *arg);

/* Takes over fd. 0 or -errno (then fd is closed). */
int peer_open(uv_loop_t *loop, int fd, peer_msg_cb on_msg, peer_gone_cb on_gone, void *arg, struct peer **ret);
/* NULL is fine. No callback comes after it. */
void peer_close(struct peer *p);
/* 0; -ENOBUFS when more than 4,096 messages wait; other -errno. NULL peer: -ENOTCONN. */
int peer_send(struct peer *p, uint16_t type, uint32_t seq, const void *body, size_t len);
/* With a descriptor (not closed here); never queued: -EAGAIN when the other side is busy. */
int peer_send_fd(struct peer *p, uint16_t type, uint32_t seq, const void *body, size_t len, int fd);
uint64_t peer_bad_messages(const struct peer *p);

#endif
