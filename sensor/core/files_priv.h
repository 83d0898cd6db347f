/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside of files: files.c (what is known and wanted) and files_messages.c (what the program "files" says). */
#ifndef PG_SENSOR_CORE_FILES_PRIV_H
#define PG_SENSOR_CORE_FILES_PRIV_H

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "sensor/core/core_priv.h"
#include "sensor/core/events.h"
#include "sensor/core/files.h"

#define FILES_DRIFT_BYTES 48000

#define SCRIPT_DEV UINT64_MAX /* no device: the key of a script */

struct exe_key {
	uint64_t ino;
	uint64_t dev;
};

struct file_exe {
	struct exe_key key;
	struct core_exe exe;
	uint32_t seq;        /* of the question under way, 0: none */
	uint64_t asked_ns;
	bool dirty;          /* was written since */
	UT_hash_handle hh;
};

/* A run of a container: from its start to its end. */
struct file_watch {
	uint32_t number, pid;
	struct watch_cid {
		unsigned engine;
		char cid[IDENT_ID_LEN];
	} of;                /* padding is zero */
	uint64_t gone_ns;    /* 0: runs */
	bool makes_mounts;   /* by system calls of its own */
	struct core_files_state state;
	struct file_exe *exes;
	char *drift;         /* paths, each NUL-terminated */
	size_t drift_len;
	uint32_t drift_count;
	UT_hash_handle hh, hh_cid; /* by number; by container, the last run of each */
};

struct file_open {
	struct file_open *next;
	uint32_t seq;
	core_file_cb cb;
	void *arg;
};

struct core_files {
	struct peer *peer; /* NULL: files does not run */
	struct file_watch *watches, *by_cid;
	struct file_open *opens;
	size_t open_count;
	uint32_t next_watch;
	uint64_t exes_refused;
	struct msg_files_stats stats; /* of the present files */
};

/* The container's present or last run; NULL: it was never watched. */
struct file_watch *file_watch_of(struct core *c, const struct ident_container *ct);
struct file_watch *file_watch_get(struct core *c, uint32_t number);
void files_look_again(struct core *c, struct file_watch *w);
void files_message(const struct ipc_hdr *hdr, const void *body, int fd, void *core);
void files_exec(const struct core_event_view *v, void *core);
void files_syscall(const struct core_event_view *v, void *core);

#endif
