/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One Docker engine as the keeper sees it: a unix socket to connect to, the process behind it, that process's network
 * namespace (the node) and its directory of sandboxes. Not a byte of its protocol is read here. */
#ifndef PG_KEEPER_ENGINE_H
#define PG_KEEPER_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "sensor/keeper/link_watch.h"
#include "sensor/keeper/loop.h"
#include "sensor/msg.h"

struct engine;

/* tell is called at each change of state. Tries to reach it before it returns (its sandboxes are known then), then every
 * second until it is there, and again after it has ended. */
int engine_new(struct loop *loop, struct link_watch *watch, uint8_t index, const char *socket_path,
	       void (*tell)(const struct msg_engine *m, void *arg), void *arg, struct engine **ret);
void engine_free(struct engine *e);
const char *engine_path(const struct engine *e);
void engine_describe(const struct engine *e, struct msg_engine *ret);

/* A connected non-blocking stream to the engine, owned by the caller. -EAGAIN: its queue of connections is full, try again;
 * other -errno: cannot be reached. */
int engine_connect(struct engine *e, int *ret_fd);

/* The pid in the text of a pid file: digits, then nothing but white space. 0: none. */
uint32_t engine_pid_of_text(const char *text);

#endif
