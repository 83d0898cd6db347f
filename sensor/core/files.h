/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files of containers: what they write (published on the bus as CORE_EVENT_FILE), their executables' digests and where those
 * come from (CORE_EVENT_EXE when one becomes known or is another one than before), changes of chosen files
 * (CORE_EVENT_FILE_CHANGED), and opening a file in a container to read it. The work is done by the program "files"
 * (sensor/msg_files.h); a restarted one is told again what is wanted. Core's loop only. */
#ifndef PG_SENSOR_CORE_FILES_H
#define PG_SENSOR_CORE_FILES_H

#include "base/digest.h"
#include "sensor/core/core.h"
#include "sensor/msg_files.h"

/* An executable that was run in a container. */
struct core_exe {
	const char *path;          /* as the container sees it, sanitised as process.exe; "" until it is known */
	enum files_digest_state state; /* HASHED: sha256 is the content; else the reason why not */
	bool answered;             /* false: nothing is known yet but that it was asked for */
	enum files_origin origin;
	char sha256[DIGEST_SHA256_TEXT]; /* hex; "" not hashed */
	const char *layer;         /* "sha256:…" of the image's layer that brought it (copied_up: that has the original); "" not known,
	                            * not from the image */
	int lower;                 /* index of that layer among the lower_count lower ones, nearest to the container first; -1: none */
	unsigned lower_count;
	uint32_t mode;
	uint64_t size, ctime_ns, mtime_ns; /* wall */
	bool copied_up;            /* UPPER: a layer below has a file of this name: changed, not new */
	uint64_t at_mono_ns;       /* when it was looked at last */
};

/* "unknown", "root", "image", "upper", "volume", "tmpfs", "bind", "engine", "memory". */
const char *core_file_origin_name(enum files_origin o);
/* "hashed", "too-big", "busy", "slow", "gone", "changed", "error", "outside". */
const char *core_digest_state_name(enum files_digest_state s);
/* "written", "created", "deleted", "moved-in", "moved-away", "attributes". */
const char *core_file_change_name(enum files_change c);

/* The executable of a process of a container. NULL: not known (no container's, none asked for yet). Valid until core returns to
 * its loop. */
const struct core_exe *core_exe_of(struct core *c, const struct ident_container *ct, const struct process *p);
/* The same of the script that it was started for (its interpreter is the executable). */
const struct core_exe *core_script_of(struct core *c, const struct ident_container *ct, const struct process *p);
void core_each_exe(struct core *c, const struct ident_container *ct, void (*cb)(const struct core_exe *e, void *arg), void *arg);

/* What is watched in a container. False: nothing (not running, or files is not there). */
struct core_files_state {
	bool settled;              /* files has answered */
	int error;                 /* -errno: its file system cannot be watched */
	unsigned marks, unmarked;  /* mounts that are watched, that are not */
	bool throttled;
	uint64_t events, closes;   /* FILE events told; files written that these stand for */
	unsigned exes;
};
bool core_files_state(struct core *c, const struct ident_container *ct, struct core_files_state *ret);

/* Opens a regular file in a container for reading: as the container resolves the path (symbolic links too), never outside of
 * it. cb comes once, later, from the loop: status 0 and a descriptor that cb owns; or -errno (-EFBIG: larger than size_max;
 * -EINVAL: no regular file; -ESRCH: the container is gone; -EIO: nobody can do it now) and -1. size_max 0: any size.
 * 0, or -errno when cb will not come. */
typedef void (*core_file_cb)(int status, int fd, void *arg);
int core_file_open(struct core *c, const struct ident_container *ct, const char *path, uint64_t size_max, core_file_cb cb, void *arg);

/* The container's root, to be read by the documents inspector: a socket that answers as base/root_ipc.h says. cb as above. */
int core_file_root(struct core *c, const struct ident_container *ct, core_file_cb cb, void *arg);

/* From now on changes of these files of the container are published as CORE_EVENT_FILE_CHANGED: written, renamed, created,
 * deleted, from inside or from the host. Replaces the list of before; count 0 ends it. Absolute paths, at most
 * FILES_DRIFT_MAX (-E2BIG); with "/" at its end: any entry of that directory, told by the entry's path.
 * A path need not exist (its directory is then tried again every 5 s). */
int core_files_watch(struct core *c, const struct ident_container *ct, const char *const *paths, size_t count);

#endif
