/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pierglassd's command line. */
#ifndef PG_KEEPER_OPTIONS_H
#define PG_KEEPER_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

/* Exit codes (DECISIONS 30). */
enum { EXIT_DONE = 0, EXIT_ERROR = 1, EXIT_USAGE = 2, EXIT_REFUSED = 4 };

struct options {
	const char *config; /* all point into argv or at literals */
	const char *state, *run, *docker, *user, *node;
	bool config_given, docker_given, user_given, verbose, help, version;
};

/* 0, or -EINVAL with one line in err that says what is wrong. */
int options_parse(struct options *o, int argc, char **argv, char *err, size_t err_len);
extern const char options_usage[];

#endif
