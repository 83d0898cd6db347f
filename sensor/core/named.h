/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files that the configuration names, wherever they lie: opened by core itself, or by the keeper where Landlock refuses core. */
#ifndef PG_SENSOR_CORE_NAMED_H
#define PG_SENSOR_CORE_NAMED_H

#include "sensor/core/core.h"

/* fd: the file, owned by the callee; or -errno. */
typedef void (*core_named_cb)(struct core *c, int fd, void *arg);

/* Calls cb once: now, or when the keeper has answered. At most 32 wait at a time (-ENOBUFS to cb at once). */
void core_open_named(struct core *c, const char *path, core_named_cb cb, void *arg);

/* The same for a listening TCP socket, at an address that the configuration names ("127.0.0.1:8470"). */
void core_listen_named(struct core *c, const char *address, core_named_cb cb, void *arg);

#endif
