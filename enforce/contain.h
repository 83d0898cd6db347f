/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Containment as root: kill one process, freeze a container for a moment. Nothing is done before it is known that the process
 * belongs to the container it is said to be of. The keeper calls these; none waits longer than 10 ms. */
#ifndef PG_ENFORCE_CONTAIN_H
#define PG_ENFORCE_CONTAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sensor/msg_contain.h"

#define CONTAIN_PATH_LEN 512

/* See MSG_CONTAIN_KILL. The process is held by a pidfd from before it is looked at until the signal is sent: should it end
 * meanwhile, and its number be given to another, the signal reaches nobody. */
int contain_kill(const struct msg_contain_kill *m);

/* Path of the container's cgroup below the v2 hierarchy, by one of its processes. 0; -ESRCH, -EPERM (not of that container). */
int contain_cgroup(uint32_t pid, const char cid[CONTAIN_CID_LEN], char ret[CONTAIN_PATH_LEN]);
/* cgroup_root: the v2 mount. -EALREADY: it is so already; else 0 or -errno. */
int contain_freeze(int cgroup_root, const char *path, bool on);

/* ---- pieces, public for the tests ----------------------------------------------------------------------------------- */
/* The v2 line of a /proc/PID/cgroup text, cut behind the component that names the container. -EPERM: none does. */
int contain_cgroup_of_text(const char *text, const char *cid, char ret[CONTAIN_PATH_LEN]);
/* Field 22 of a /proc/PID/stat text (proc(5)): start in clock ticks since boot. -EINVAL. */
int contain_start_of_text(const char *text, uint64_t *ret_ticks);

#endif
