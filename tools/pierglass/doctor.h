/* SPDX-License-Identifier: GPL-2.0-or-later */
/* doctor's findings: each check says what it saw and, where that is not well, what to do. */
#ifndef PG_TOOLS_DOCTOR_H
#define PG_TOOLS_DOCTOR_H

#include <jansson.h>

#include "base/cleanup.h"
#include "tools/pierglass/cli.h"

enum doctor_verdict { DOCTOR_OK, DOCTOR_NOTE, DOCTOR_WARN, DOCTOR_FAIL };

/* What was found so far; the list's order is the order of the output. */
struct doctor {
	json_t *checks; /* [{group, check, verdict, seen, advice}] */
	unsigned counts[DOCTOR_FAIL + 1];
};

/* Adds a check. advice "" where there is nothing to do; seen is formatted text. */
void doctor_add(struct doctor *d, enum doctor_verdict v, const char *group, const char *check, const char *advice, const char *seen, ...)
	_printf_(6, 7);

/* The machine: kernel features, mounts, clock, disk, memory, user and group. */
void doctor_machine(struct doctor *d);
/* The engine's socket (NULL: Docker's own), then the sensor of o->run, if it runs. */
void doctor_engine(struct doctor *d, const char *socket);
void doctor_sensor(struct doctor *d, const struct cli_options *o);

#endif
