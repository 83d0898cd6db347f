/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages of containment: core asks, the keeper acts as root (enforce/contain.h). A container is named by one of its processes
 * and its id; the keeper looks itself whether that process's cgroup is that container's, and acts on nothing else. */
#ifndef PG_SENSOR_MSG_CONTAIN_H
#define PG_SENSOR_MSG_CONTAIN_H

#include <stdint.h>

#define CONTAIN_CID_LEN 72
#define CONTAIN_FREEZE_MAX_MS 2000

/* MSG_CONTAIN_KILL: SIGKILL by pidfd -> status 0, -ESRCH (gone, or another process has its number now), -EPERM (not in that
 * container), -EINVAL. */
struct msg_contain_kill {
	uint32_t pid; /* initial pid namespace */
	uint32_t pad;
	uint64_t start_boot_ns; /* CLOCK_BOOTTIME; compared in the clock ticks of /proc/PID/stat */
	char cid[CONTAIN_CID_LEN];
};

/* MSG_CONTAIN_FREEZE: freezes the container's cgroup and waits (at most 50 ms) until it is frozen, or thaws it -> status. The
 * keeper thaws by itself after max_ms (at most CONTAIN_FREEZE_MAX_MS), when core ends, and at its next start. Not for pausing:
 * that is the engine's (DECISIONS 25). -EALREADY: somebody else froze it, nothing was done. */
struct msg_contain_freeze {
	uint32_t pid;
	uint32_t on;
	uint32_t max_ms;
	uint32_t pad;
	char cid[CONTAIN_CID_LEN];
};

#endif
