/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The broker process (`pierglass-core broker`, started by the keeper): turns the few allowed requests of core into HTTP
 * on connections that the keeper made, and hands the raw answers back. It exists because a descriptor of the engine's socket is
 * root on the machine (DECISIONS 11): core never holds one, and the broker can ask for nothing outside its table.
 * Runs without any privilege and, from broker_main() on, under the filter of sandbox_enter_broker(),
 * which broker_main() enters itself. */
#ifndef PG_SENSOR_WATCH_BROKER_H
#define PG_SENSOR_WATCH_BROKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sensor/msg.h"

#define BROKER_PARALLEL_MAX 24   /* requests at a time and engine, besides EVENTS */
#define BROKER_QUEUE_MAX 256     /* waiting ones; more are refused with -EBUSY */
#define BROKER_LIST_MAX (64u << 20)
#define BROKER_BODY_MAX (8u << 20)
#define BROKER_TIME_MAX_MS 10000

/* Runs until the keeper says MSG_QUIT or its socket ends. Returns the exit status of the process. Takes keeper_fd over. */
int broker_main(int keeper_fd);

/* ---- pieces, public for the tests ---------------------------------------------------------------------------- */
/* Path of the request below "/v<api>" (VERSION: complete), arg checked. 0; -EINVAL: unknown request or refused arg. */
int broker_request_path(const struct msg_docker_req *req, const char *api, char *ret, size_t len);
/* Whether it changes something: a POST without a body. Else a GET. */
bool broker_request_is_post(uint8_t what);
/* The API version to speak with an engine that offers min..max: what we know (1.43) if it is offered, else the nearest.
 * ret holds 16 bytes. -EPROTONOSUPPORT: the engine is older than 1.24; -EBADMSG: no version numbers. */
int broker_api_version(const char *engine_min, const char *engine_max, char ret[16]);
#endif
