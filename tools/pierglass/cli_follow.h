/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Following one of the sensor's streams (Server-Sent Events), a line on standard output for each object. */
#ifndef PG_TOOLS_CLI_FOLLOW_H
#define PG_TOOLS_CLI_FOLLOW_H

#include <jansson.h>

#include "tools/pierglass/cli.h"

/* show writes one object as a line of text; with --json the object is written as it came. what, for messages: "flows". What the
 * sensor could not hand over in time is said on standard error. Exit code as cli_stream(). */
int cli_follow(const struct cli_options *o, const char *path, const char *what, void (*show)(const json_t *v));

#endif
