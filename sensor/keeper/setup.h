/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What must be right before anything starts: rights, kernel, directories, the lock, our programs, the API's socket. Every
 * function logs its one line of explanation on failure and returns the exit code to end with; 0: fine. */
#ifndef PG_KEEPER_SETUP_H
#define PG_KEEPER_SETUP_H

#include <limits.h>
#include <sys/types.h>

#include "sensor/keeper/options.h"

struct setup {
	uid_t uid, inspector_uid;
	gid_t gid, inspector_gid;
	char state[PATH_MAX], run[PATH_MAX]; /* absolute */
	int pid_fd;                          /* locked while we live */
	int core_exe, inspect_exe;           /* O_PATH */
	int api_fd;                          /* listening; -1 until setup_api() */
};

/* Fills *ret from the options; makes the directories. Takes the lock of the run directory. */
int setup_open(struct setup *ret, const struct options *o);
/* Listens on RUN/api.sock, 0660 root:gid. */
int setup_api(struct setup *s);
/* The configuration's descriptor. 0 and *ret_fd = -1: there is none and none was asked for. */
int setup_config(const struct options *o, int *ret_fd);
/* Orderly end: removes socket and pid file, if they are ours. */
void setup_remove(struct setup *s);

#endif
