/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text of /proc/PID/cgroup and /proc/PID/mountinfo (cgroups(7), proc(5)). Written by the kernel, but cgroup names and
 * mount points are chosen by whoever makes them: input is hostile. Pure. */
#ifndef PG_SENSOR_WATCH_CGROUP_PATH_H
#define PG_SENSOR_WATCH_CGROUP_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CGROUP_PATH_LEN 512

/* The path in the unified (v2) hierarchy: the line "0::/docker/<id>", also on hosts with v1 controllers beside it.
 * " (deleted)" at the end is cut. 0; -ENOENT: no such line; -ENAMETOOLONG. ret untouched on failure. */
int cgroup_path_parse(const char *text, size_t len, char ret[CGROUP_PATH_LEN]);

/* The container's id in a cgroup path: its last component of the form <64 hex>, docker-<64 hex>.scope, libpod-<64 hex>.scope
 * or cri-containerd-<64 hex>.scope, so that what a container nests below itself still is the innermost engine's. False and ret
 * untouched if there is none. ret: 64 lower-case hex digits and NUL. */
bool cgroup_path_container_id(const char *path, char ret[65]);

/* The outermost one: with an engine inside a container, the container that this node's own engine runs. */
bool cgroup_path_outer_container_id(const char *path, char ret[65]);

/* ---- mountinfo ------------------------------------------------------------------------------------- */
struct mount_info {
	uint32_t id, parent;
	uint32_t major, minor;
	char root[CGROUP_PATH_LEN];   /* of the mount within its file system */
	char point[CGROUP_PATH_LEN];  /* relative to the process's root */
	char type[32];                /* "cgroup2", "overlay", … */
	char source[128];
	char options[1024];           /* of the super block; cut at a comma if longer */
};

/* One line without its newline; \040-style escapes are undone. -EBADMSG: no mountinfo line, -ENAMETOOLONG: root or mount
 * point longer than we keep. ret untouched on failure. */
int mount_info_parse(const char *line, size_t len, struct mount_info *ret);
/* The first mount of this type in a whole mountinfo text. point NULL: any. 0 or -ENOENT. */
int mount_info_find(const char *text, size_t len, const char *type, const char *point, struct mount_info *ret);
/* Value of an option "key=…" of m->options, up to the next comma that is not escaped. -ENOENT, -ENAMETOOLONG. */
int mount_info_option(const struct mount_info *m, const char *key, char *ret, size_t size);

#endif
