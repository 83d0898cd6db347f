/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The broker's requests: queue, connections and transfers of each engine, on libcurl's multi interface. Knows nothing of
 * messages: what it learns leaves by the functions of broker_http_ops. One thread. */
#ifndef PG_SENSOR_WATCH_BROKER_HTTP_H
#define PG_SENSOR_WATCH_BROKER_HTTP_H

#include <stddef.h>
#include <stdint.h>

#include "sensor/msg.h"

struct broker_http_ops {
	/* Hand a piece on. 0, or -EAGAIN: no room now, nothing was taken; broker_http_resume() will follow. */
	int (*chunk)(void *arg, uint32_t seq, const struct msg_docker_chunk *c, const void *data);
	/* Ask for a connection to an engine; the answer comes by broker_http_connected(). 0 or -errno. */
	int (*connect)(void *arg, unsigned engine);
};

struct broker_http;
/* epoll: where transfer sockets are registered with data.u64 = BROKER_HTTP_TAG | fd. Call before the seccomp filter. */
#define BROKER_HTTP_TAG (1ULL << 32)
struct broker_http *broker_http_new(int epoll, const struct broker_http_ops *ops, void *arg);
void broker_http_free(struct broker_http *h);

/* Takes a request of core in; every outcome, refusals too, is reported by a LAST chunk. */
void broker_http_request(struct broker_http *h, uint32_t seq, const struct msg_docker_req *req);
/* Forgets all requests without an answer (core is gone). */
void broker_http_drop_all(struct broker_http *h);
/* Takes fd over; status < 0: there is none. */
void broker_http_connected(struct broker_http *h, unsigned engine, int status, int fd);
void broker_http_io(struct broker_http *h, int fd, uint32_t epoll_events);
void broker_http_resume(struct broker_http *h);
/* Runs what is due, starts what can start. Returns ms until it wants to be called again, -1: at will. */
int broker_http_run(struct broker_http *h);

#endif
