/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside of files: files.c (the loop and its three sockets), files_watch.c (containers, their mounts and marks),
 * files_writes.c (what fanotify says), files_digest.c (executables: content, layer), files_drift.c (what inotify says). */
#ifndef PG_SENSOR_WATCH_FILES_PRIV_H
#define PG_SENSOR_WATCH_FILES_PRIV_H

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include <stdbool.h>
#include <stdint.h>

#include "base/ipc.h"
#include "sensor/msg.h"
#include "sensor/msg_exec.h"
#include "sensor/msg_files.h"
#include "sensor/watch/files_flood.h"
#include "sensor/watch/files_hash.h"
#include "sensor/watch/files_mounts.h"
#include "sensor/watch/files_records.h"

#define FILES_WATCHES_MAX 4096
#define FILES_ASKS_MAX 8192
#define FILES_RECENT 64 /* writes remembered per container, to say who changed a configuration file */

struct files;

/* ---- a socket with a queue ------------------------------------------------------------------------------------- */
struct link_msg;
struct files_link {
	int fd; /* -1: none */
	int epoll;
	uint64_t tag;
	struct link_msg *first, **last;
	size_t queued;
};
void files_link_init(struct files_link *l, int epoll, uint64_t tag);
/* Takes over fd; what was queued for an earlier one is forgotten. */
void files_link_open(struct files_link *l, int fd);
void files_link_close(struct files_link *l);
/* Body in two parts (the second may be NULL); fd (-1 none) is duplicated if it has to wait. Without a peer nothing happens. */
void files_link_send(struct files_link *l, uint16_t type, uint32_t seq, int32_t status, const void *a, size_t a_len,
		     const void *b, size_t b_len, int fd);
void files_link_flush(struct files_link *l);
static inline bool files_link_is_blocked(const struct files_link *l)
{
	return l->first != NULL;
}

/* ---- containers ------------------------------------------------------------------------------------------------ */
struct recent_write {
	uint64_t hash, dir_hash, mono_ns; /* of the path, of its directory */
	uint32_t pid;
};

struct files_container {
	uint32_t watch, pid, engine_pid;
	char cid[72];
	struct files_mounts mounts;
	unsigned pending; /* marks that are not answered yet */
	bool makes_mounts;
	bool exec;        /* its programs are asked for (sensor/msg_exec.h) */
	int exec_error;
	uint32_t exec_unmarked;
	unsigned exec_pending; /* such marks that are not answered yet */
	uint64_t mounts_ns;   /* when they were asked for last */
	uint64_t mounts_hash; /* of the text they were read from */
	int error;
	/* budget: events in the current second; throttled until */
	uint64_t second_ns, throttled_until_ns;
	uint32_t in_second, hot_seconds;
	struct recent_write recent[FILES_RECENT];
	unsigned recent_at;
	struct drift_path *drift;
	size_t drift_count;
	uint64_t drift_second_ns; /* changes told in this second */
	unsigned drift_in_second;
	uint64_t drift_next_ns, drift_wait_ns; /* what is not watched yet is asked for again then; and so long after that */
	UT_hash_handle hh;
};

/* A mount of a container by its number, and the container by its root's device. */
struct mount_ref {
	uint32_t id;
	uint32_t watch;
	uint32_t index; /* in mounts.mounts */
	UT_hash_handle hh;
};
struct root_ref {
	uint64_t dev;
	uint32_t watch;
	UT_hash_handle hh;
};

/* ---- questions to the opener ---------------------------------------------------------------------------------- */
enum ask_kind { ASK_MOUNTS, ASK_MARK, ASK_EXE, ASK_EXE_PATH, ASK_OPEN, ASK_DIR, ASK_DROP, ASK_LAYER, ASK_ROOT };
struct files_ask {
	struct files_ask *next;
	uint32_t seq;      /* of the question */
	enum ask_kind kind;
	uint32_t watch, core_seq, pid;
	uint32_t a, b;     /* ASK_MARK: mount id, on. ASK_DIR: index and which of its two */
	uint64_t ino;
	bool elsewhere;    /* the path is not the container's */
	char *path;        /* owned; may be NULL */
	struct files_digest_job *job; /* ASK_LAYER */
};

/* A digest on its way to core. */
struct files_digest_job {
	struct files_job hash;
	struct msg_files_digest out;
	uint32_t core_seq;
	char *path;
	size_t path_len;
};

enum { TAG_KEEPER, TAG_CORE, TAG_OPENER, TAG_FANOTIFY, TAG_INOTIFY, TAG_HASH };

struct files {
	int epoll, keeper, fanotify, inotify;
	bool stop, fanotify_paused;
	struct files_link core, opener;
	uint32_t next_seq;
	struct files_ask *asks;
	size_t ask_count;
	struct files_container *containers;
	struct mount_ref *mount_refs;
	struct root_ref *root_refs;
	struct drift_wd *wds;
	struct files_flood *flood;
	struct files_hash *hash;
	struct msg_files_stats stats, told;
	uint64_t stats_ns, expire_ns, retry_ns;
	unsigned char body[IPC_BODY_MAX];
};

/* files.c. Puts a question; the answer comes to files_answered(). NULL: there is no opener, or too many questions wait. */
struct files_ask *files_ask(struct files *f, enum ask_kind kind, uint32_t watch, uint16_t type, const void *a, size_t a_len,
			    const void *b, size_t b_len);
struct files_container *files_container(struct files *f, uint32_t watch);
void files_place(const struct files_container *c, struct msg_place *ret);

/* files_watch.c */
void watch_add(struct files *f, const struct msg_files_watch *m);
void watch_remove(struct files *f, uint32_t watch);
/* It makes mounts of its own. */
void watch_mounts_again(struct files *f, uint32_t watch);
void watch_remove_all(struct files *f);
/* Begins anew with all containers: another opener, or another group. */
void watch_again(struct files *f);
void watch_mounts_answer(struct files *f, const struct files_ask *a, int status, int fd);
/* MSG_FILES_EXEC of core. */
void watch_exec(struct files *f, const struct msg_files_exec *m);
void watch_mark_answer(struct files *f, const struct files_ask *a, int status);
/* One event of this container: false if it is over its budget. */
bool watch_budget(struct files *f, struct files_container *c, uint64_t now_ns);
void watch_tick(struct files *f, uint64_t now_ns);
/* Whose file this is; *ret_mount NULL: reached by a mount that is not the container's. NULL: nobody's. */
struct files_container *watch_find(struct files *f, uint32_t mnt_id, uint64_t dev, const struct files_mount **ret_mount);
void watch_tell(struct files *f, const struct files_container *c);

/* files_writes.c */
void writes_read(struct files *f);
void writes_many(const struct files_many *m, void *files);
/* Who wrote the path (or, in_dir, last wrote in its directory) within the last second; 0: not known. */
uint32_t writes_who(const struct files_container *c, const char *path, size_t len, bool in_dir, uint64_t now_ns);

/* files_digest.c */
void digest_exe(struct files *f, uint32_t seq, const struct msg_files_exe *m, const char *path, size_t len);
void digest_exe_answer(struct files *f, const struct files_ask *a, int status, int *fd);
void digest_layer_answer(struct files *f, struct files_ask *a, int status, const void *body, size_t len);
/* An executable that was written; fd stays the caller's. */
void digest_written(struct files *f, const struct files_container *c, int fd, const char *path, size_t len,
		    enum files_origin origin, uint32_t pid);
void digest_finished(struct files *f);
void digest_job_free(struct files_digest_job *j);
/* The path behind a descriptor, without " (deleted)"; ret holds FILES_PATH_MAX + 32. 0: none. */
size_t files_fd_path(int fd, uint32_t nlink, char *ret, bool *ret_deleted);

/* files_drift.c */
void drift_set(struct files *f, struct files_container *c, const char *paths, size_t len, uint32_t count);
void drift_forget(struct files *f, struct files_container *c);
void drift_dir_answer(struct files *f, const struct files_ask *a, int status, const void *body, size_t len);
void drift_read(struct files *f);
#define DRIFT_RETRY_NS (5 * NSEC_PER_SEC)
void drift_ask(struct files *f, struct files_container *c); /* for what is not watched yet of this container */
void drift_retry(struct files *f, uint64_t now_ns); /* every DRIFT_RETRY_NS: for what is due of all */
void drift_untold(struct files *f, uint64_t now_ns);
void drift_lost(struct files *f); /* another inotify instance */

#endif
