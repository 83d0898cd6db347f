/* SPDX-License-Identifier: GPL-2.0-or-later */
/* API: HTTP/1.1 over a listening unix socket that the keeper made (mode 0660), GET and POST, answers as JSON (schemas in
 * etc/schema/). Runs inside core's loop and never waits: answers are made at once and sent as the client takes them; a
 * client of the flow stream has a bounded queue, and what it does not take is counted (LOSS_API_STREAM) and told to it. */
#ifndef PG_SENSOR_CORE_API_H
#define PG_SENSOR_CORE_API_H

#include "sensor/core/core.h"

struct api;

#define API_CLIENTS_MAX 128 /* a browser holds up to six */
#define API_STREAMS_MAX 48
#define API_STREAM_QUEUE 1024 /* lines per client */
#define API_IDLE_SECONDS 30

/* Serves on listen_fd (a listening stream socket; the API owns and closes it, also on failure). uv_loop is a uv_loop_t *.
 * 0 or -errno. */
int api_open(struct core *c, void *uv_loop, int listen_fd, struct api **ret);
/* Ends all clients. The loop must turn once more (uv_run) before it is closed, to let the handles go. NULL is fine. */
void api_close(struct api *a);

struct api_stats {
	unsigned clients, streams;
	uint64_t requests, refused, stream_lines, stream_lost;
	uint64_t stream_resets; /* clients that came back too late to take up where they were */
	uint64_t dropped;       /* clients that took or said nothing for too long */
};
void api_stats_get(const struct api *a, struct api_stats *ret);

#endif
