/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What core wants from the world outside, through the fetching program (core opens no connection itself): feeds, and what
 * alerts send to others. TLS is always verified. Core's loop only. */
#ifndef PG_SENSOR_CORE_FETCH_H
#define PG_SENSOR_CORE_FETCH_H

#include "intel/never_block.h"
#include "sensor/core/core.h"
#include "sensor/msg_fetch.h"

struct fetch_job {
	const char *url;       /* https://…; http:// with FETCH_PLAIN_HTTP */
	uint32_t flags;        /* enum msg_fetch_flag: POST, PLAIN_HTTP, WANT_BODY */
	const char *proxy;     /* "http://proxy:3128", NULL or "": none */
	const char *headers;   /* "Name: value\n"…, printable; NULL: none */
	const void *body;      /* of a POST, at most FETCH_BODY_MAX bytes */
	size_t body_len;
	const char *etag, *modified; /* of what is here already; NULL, "": none */
	uint64_t max_bytes;    /* of the answer, unpacked; 0: 64 KiB */
	uint32_t timeout_s;    /* 0: 60 */
	int ca_fd;             /* certificates (PEM) to trust; -1: the system's. Not closed */
	/* Where the server may not send us, besides private, link-local and other special addresses. */
	const struct never_range *never;
	unsigned never_count;
};

struct fetch_result {
	int status;            /* 0: a whole answer, whatever http_status; else -errno as in sensor/msg_fetch.h, or -ENOTCONN, -EPIPE:
				* the fetching program is not there, or ended */
	int http_status;       /* 200, 304, …; 0: none */
	uint32_t retry_after_s;
	uint64_t bytes;
	const char *etag, *modified, *why; /* "" none */
	int fd;                /* -1, or the body (a sealed memfd, rewound); closed after the callback unless set to -1 */
};
typedef void (*fetch_cb)(struct fetch_result *r, void *arg);

/* Begins; cb is called once, later, from the loop. At most 64 wait at a time. *ret_id: for core_fetch_cancel(), never 0.
 * 0; -EINVAL, -E2BIG, -ENOBUFS, -ENOMEM. */
int core_fetch(struct core *c, const struct fetch_job *j, fetch_cb cb, void *arg, uint32_t *ret_id);
/* cb will not be called. 0 and unknown ids are fine. */
void core_fetch_cancel(struct core *c, uint32_t id);
/* Whether the configuration has something to fetch or to send: else the program is not even started. */
bool core_wants_fetch(const struct config *cfg);

#endif
