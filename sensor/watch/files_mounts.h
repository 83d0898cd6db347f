/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A container's mounts, from its /proc/PID/mountinfo: which are watched, how, where a file in them lies, and the layers of
 * its overlay. Pure. Input is hostile: a container with the right capability chooses its mount points. */
#ifndef PG_SENSOR_WATCH_FILES_MOUNTS_H
#define PG_SENSOR_WATCH_FILES_MOUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sensor/msg_files.h"

#define FILES_MOUNTS_MAX 256

struct files_mount {
	uint32_t id;                /* of the mount */
	uint32_t major, minor;      /* of its file system */
	enum files_origin origin;   /* of what lies in it */
	enum msg_mark_how how;
	bool marked;
	char *point;                /* owned */
};

struct files_mounts {
	size_t count, max;
	struct files_mount *mounts;
	size_t unmarkable;          /* writable mounts that are not watched: FUSE, or beyond FILES_MOUNTS_MAX */
	bool has_root;
	uint32_t root_major, root_minor;
	/* overlay: directories of its layers, the upper one first, each NUL-terminated; 0: none are known */
	size_t layer_count, layers_len;
	char *layers;
};

/* Reads a whole mountinfo text. 0, -EBADMSG (no root mount in it), -ENOMEM; *ret is empty on failure. */
int files_mounts_read(const char *text, size_t len, struct files_mounts *ret);
void files_mounts_done(struct files_mounts *m);
/* The mount with this point; NULL: there is none. */
const struct files_mount *files_mounts_at(const struct files_mounts *m, const char *point);

#endif
