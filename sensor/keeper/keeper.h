/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The keeper: starts and restarts our programs, watches links and attaches hooks, hands out descriptors, carries out core's
 * few commands. One thread, one loop. */
#ifndef PG_KEEPER_KEEPER_H
#define PG_KEEPER_KEEPER_H

#include <stddef.h>

#include "sensor/keeper/options.h"
#include "sensor/keeper/setup.h"

/* Runs until SIGTERM, SIGINT or a reason to end; returns the exit code. title, title_len: the bytes of the command line,
 * which the forked verdict process overwrites with its own name. */
int keeper_run(struct setup *s, const struct options *o, char *title, size_t title_len);

#endif
