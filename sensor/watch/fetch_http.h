/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The requests of fetch, over libcurl. Not for anybody else. One thread. */
#ifndef PG_WATCH_FETCH_HTTP_H
#define PG_WATCH_FETCH_HTTP_H

#include <stddef.h>
#include <stdint.h>

#include "sensor/msg_fetch.h"

#define FETCH_PARALLEL_MAX 8

struct fetch_http;
/* A request is over. fd: -1 or the body, rewound, not closed by the callee's side afterwards. */
typedef void (*fetch_http_cb)(uint32_t seq, int status, const struct msg_fetched *m, int fd, void *arg);

/* Before the sandbox is entered: loads what libcurl and OpenSSL read at start. NULL: not possible. */
struct fetch_http *fetch_http_new(fetch_http_cb cb, void *arg);
void fetch_http_free(struct fetch_http *h);
/* One request, as MSG_FETCH has it; ca: -1 or the certificates, read at once, not closed. A malformed one is answered like any
 * other that fails. */
void fetch_http_start(struct fetch_http *h, uint32_t seq, const void *body, size_t len, int ca);
void fetch_http_forget(struct fetch_http *h, uint32_t seq);
void fetch_http_forget_all(struct fetch_http *h);
/* Waits for connections or for fds[0..count) to be readable, at most wait_ms, and goes on with what can go on. 0 or -errno. */
int fetch_http_run(struct fetch_http *h, const int *fds, unsigned count, int wait_ms);
/* The last request failed because the resolver's configuration was replaced: only a new process can read it. */
int fetch_http_is_stale(const struct fetch_http *h);

#endif
