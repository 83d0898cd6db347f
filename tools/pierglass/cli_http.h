/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Asking the sensor: HTTP over RUN/api.sock (libcurl, here only). Failures write one line to standard error that says what
 * to do, and come back as exit codes. */
#ifndef PG_TOOLS_CLI_HTTP_H
#define PG_TOOLS_CLI_HTTP_H

#include <jansson.h>
#include <stddef.h>

#include "tools/pierglass/cli.h"

#define CLI_ANSWER_MAX (512U << 20)

struct cli_answer {
	char *text;     /* NUL-terminated, owned by the caller */
	size_t len;
	long long total; /* rows there are, -1: not said */
};

/* Gets a path with its arguments ("/v1/flows?limit=5", escaped by cli_query()). CLI_OK, or an exit code. */
int cli_get(const struct cli_options *o, const char *path, struct cli_answer *ret);
/* The same, parsed; the caller json_decref()s. */
int cli_get_json(const struct cli_options *o, const char *path, json_t **ret, long long *ret_total);
/* The same, to standard output as the sensor sent it. */
int cli_print_json(const struct cli_options *o, const char *path);
/* Sends a body (may be empty) by POST and gets the answer, parsed; the caller json_decref()s. */
int cli_post(const struct cli_options *o, const char *path, const char *body, size_t len, json_t **ret);
/* Whether a sensor answers; says nothing. */
bool cli_running(const struct cli_options *o);
/* Asks any HTTP server behind a unix socket, silently and for at most 5 s; the caller json_decref()s. 0 or -errno. */
int cli_ask(const char *socket, const char *path, json_t **ret);
/* Calls on_line for each line of an endless answer, without its end, until the sensor ends it (CLI_NO_SENSOR) or on_line
 * returns false (CLI_OK). */
int cli_stream(const struct cli_options *o, const char *path, bool (*on_line)(const char *line, size_t len, void *arg), void *arg);
#define CLI_PATH_MAX 4096
/* Appends --filter and --since; says what is too long. CLI_OK or CLI_USAGE. */
int cli_query_filter(const struct cli_options *o, char *path, size_t cap);
/* Appends name=value, escaped, to a path of cap bytes. False: too long. */
bool cli_query(char *path, size_t cap, const char *name, const char *value);

#endif
