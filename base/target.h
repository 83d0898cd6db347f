/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Texts of configurations and environments that name a host and a port. Pure; any thread. */
#ifndef PG_BASE_TARGET_H
#define PG_BASE_TARGET_H

#include <stdbool.h>
#include <stddef.h>

#define TARGET_HOST_MAX 256

/* "scheme://user:pass@host:port/path", "host:port", "[v6]:port", "host"; *ret_port: what is said, else the scheme's own, else 0. False: no
 * host in it (a path, a socket, a word with other signs). */
bool target_split(const char *t, size_t len, char ret[TARGET_HOST_MAX], unsigned *ret_port);
/* The machine itself, or any address. */
bool target_is_self(const char *host);
/* Whether a variable of this name (len bytes) holds a host as its plain value: DB_HOST, redis_url, BROKERS. */
bool target_is_named_by(const char *name, size_t len);

#endif
