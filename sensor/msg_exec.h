/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages of exec refusal. The keeper opens a fanotify group for FAN_OPEN_EXEC_PERM, the opener marks the mounts of containers in
 * force with it, the verdict process reads and answers it (enforce/exec_verdict.h), core says what may run. While no verdict process
 * runs the keeper answers, by the choice for failures of each place: nobody in a container waits for somebody who is not there. */
#ifndef PG_SENSOR_MSG_EXEC_H
#define PG_SENSOR_MSG_EXEC_H

#include <stdint.h>

#define EXEC_PLACES_MAX 1024
#define EXEC_MOUNTS_MAX 64
#define EXEC_WAIT_MS 200 /* a program waits no longer for core's answer */

/* MSG_FILES_EXEC, core -> files: programs of this container are (not) to be asked for. Answered by the same type with the state, once
 * all marks were tried; again when its mounts changed. */
struct msg_files_exec {
	uint32_t watch;
	uint32_t on;
};
struct msg_files_exec_state {
	uint32_t watch;
	int32_t error;                /* -errno: its root could not be marked */
	uint32_t on;
	uint32_t unmarked;            /* mounts that could not be */
	uint32_t root_major, root_minor;
	uint32_t root_own;            /* the root's device is this container's alone */
	uint32_t count;
	uint32_t mnt_id[EXEC_MOUNTS_MAX];
};

/* MSG_EXEC_PLACES, core -> keeper -> verdict: all places in force, replacing those of before. The body is an array: */
struct msg_exec_place {
	uint32_t watch;
	uint32_t mnt_id; /* 0: the device is meant */
	uint32_t major, minor;
	uint32_t closed; /* who is not judged in time is refused */
};

/* MSG_EXEC_ASK, verdict -> core: may this run? MSG_EXEC_DENIED: one was refused by what core had said before. */
struct msg_exec_ask {
	uint32_t id;     /* of the answer; DENIED: 0 */
	uint32_t watch;
	uint32_t pid;    /* who is about to run it, initial namespace */
	uint32_t mnt_id;
	uint64_t ino;
	uint32_t script; /* 1: its interpreter is asked about next */
	uint32_t pad;
	/* path, as seen from the root of its mount */
};
/* MSG_EXEC_ANSWER, core -> verdict */
struct msg_exec_answer {
	uint32_t id;
	uint8_t allow;
	uint8_t pad[3];
};
/* MSG_EXEC_FORGET, core -> verdict: what was answered for this container is no longer so (0: for all). */
struct msg_exec_forget {
	uint32_t watch;
};
/* MSG_EXEC_STATS, verdict -> core and keeper -> core (then of its own answers): sums since its start. */
struct msg_exec_stats {
	uint64_t events, allowed, denied;
	uint64_t foreign;              /* of no place in force: allowed */
	uint64_t late_allowed, late_denied; /* nobody judged them in time */
};

#endif
