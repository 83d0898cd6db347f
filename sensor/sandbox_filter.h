/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside of sandbox: the seccomp filters (libseccomp) and the pieces that only some programs need. */
#ifndef PG_SENSOR_SANDBOX_FILTER_H
#define PG_SENSOR_SANDBOX_FILTER_H

enum sandbox_program {
	SANDBOX_KEEPER,
	SANDBOX_VERDICT,
	SANDBOX_BROKER,
	SANDBOX_CORE,
	SANDBOX_INSPECTOR,
	SANDBOX_REPLAY,
	SANDBOX_FILES,
	SANDBOX_OPENER,
	SANDBOX_FETCH,
	SANDBOX_PROGRAM_MAX
};

/* Builds and loads the program's filter for all threads, with no_new_privs. 0 or -errno. */
int sandbox_filter_load(enum sandbox_program p);

/* Dies with the parent, cannot be dumped or traced by others of its user. */
int sandbox_common(void);

#endif
