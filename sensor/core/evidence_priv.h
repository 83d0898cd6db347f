/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the evidence's files share. evidence.c: the course of a bundle. evidence_live.c: what the opener gives: processes, upper layer.
 * evidence_docs.c: what core knows, as JSON. evidence_copy.c: archives and digests, in a thread. evidence_store.c: the directory. */
#ifndef PG_SENSOR_CORE_EVIDENCE_PRIV_H
#define PG_SENSOR_CORE_EVIDENCE_PRIV_H

#include <sys/stat.h>
#include <uv.h>

#include "base/cleanup.h"
#include "base/digest.h"
#include "sensor/core/core_priv.h"
#include "sensor/core/evidence.h"
#include "sensor/msg_contain.h"
#include "sensor/msg_files.h"

#define EV_CUTS_MAX 24
#define EV_PIDS_MAX 128
#define EV_ENTRIES_MAX 20000     /* of the upper layer */
#define EV_PROC_TEXT_MAX (1U << 20)
#define EV_ASKS_MAX 64           /* under way */
#define EV_QUEUE_MAX 256         /* things that wait, open, for the archive */
#define EV_FILES_MAX 16

enum evidence_state { EV_FREEZING, EV_LIVE, EV_UPPER, EV_SETTLING, EV_RING, EV_HASHING, EV_OVER };

/* What goes into an archive. */
struct evidence_item {
	struct evidence_item *next;
	char *name, *link;    /* owned; link NULL: none */
	char *data;           /* owned; or */
	int fd;               /* -1: none */
	uint64_t size_max;
	struct stat st;       /* mode, owner, size, times; data: only st_mode and st_size */
	bool cut;             /* set by the thread: size_max was less than there is, or it could not be read */
};

enum evidence_ask_kind { ASK_PROC, ASK_EXE, ASK_MOUNTS, ASK_UPPER };
struct evidence_ask {
	struct evidence_ask *next;
	uint32_t seq;         /* 0: not sent yet */
	enum evidence_ask_kind kind;
	uint32_t pid;
	uint32_t file;        /* ASK_PROC: enum msg_proc_file */
	char *path;           /* ASK_UPPER: below the layer; ASK_EXE: name in the archive; owned */
};

struct evidence_job {
	struct evidence_job *next;
	struct core *core;
	char id[EVIDENCE_ID_LEN], finding[40];
	const struct ident_container *ct; /* referenced */
	enum evidence_state state;
	int dir, tar, raw;                /* descriptors; raw: what the inspector hands out, without a name */
	uint64_t begun_ns, until_ns, frozen_ns, live_ns; /* monotonic; the two last: how long frozen, how long until all that passes was had */
	uint32_t freeze_seq, ring_seq;
	bool frozen, live_told;

	struct evidence_ask *asks, **asks_end; /* sent ones first */
	unsigned asked;
	char *layer;                      /* upper layer's directory; NULL: not known */
	uint32_t entries;
	struct jsonl upper;               /* list of what changed */

	struct evidence_item *items, **items_end, *working;
	unsigned queued;                  /* items, those at work among them */
	uint64_t bytes;                   /* in archives so far: what is promised */
	uv_work_t work;
	bool busy, gone;                  /* the thread is at work; the job is only waited for */

	unsigned cut_count;
	char cuts[EV_CUTS_MAX][200];
	struct {
		char name[40];
		uint64_t size;
		char sha256[DIGEST_SHA256_TEXT];
	} files[EV_FILES_MAX];
	unsigned file_count;
	uint64_t ring_packets, ring_lost;
};

struct core_evidence {
	struct peer *opener;
	struct evidence_job *jobs;
	unsigned job_count;
	struct evidence_counts counts;
	int dir; /* STATE/evidence; -1: not there */
	char last_id[EVIDENCE_ID_LEN], last_sha256[DIGEST_SHA256_TEXT]; /* of the chain */
	uint64_t retired_ns;
};

/* evidence.c */
void evidence_cut(struct evidence_job *job, const char *fmt, ...) _printf_(2, 3);
/* Looks whether what it waits for is there. */
void evidence_advance(struct evidence_job *job);

/* evidence_live.c */
void evidence_live_begin(struct evidence_job *job);
void evidence_upper_begin(struct evidence_job *job);
void evidence_asks_pump(struct evidence_job *job);
void evidence_asks_drop(struct evidence_job *job);

/* evidence_docs.c: writes the file, takes over nothing */
void evidence_docs_live(struct evidence_job *job);
void evidence_docs_late(struct evidence_job *job);
void evidence_manifest(struct evidence_job *job);
int evidence_write(struct evidence_job *job, const char *name, const char *text, size_t len);
int evidence_write_json(struct evidence_job *job, const char *name, struct jsonl *j);

/* evidence_copy.c */
/* Puts a thing into files.tar; takes over name, link, data, fd also on failure. */
void evidence_add(struct evidence_job *job, struct evidence_item *it);
void evidence_copy_pump(struct evidence_job *job);
bool evidence_copy_idle(const struct evidence_job *job);
/* Ends the archive and takes the digests of all files; evidence_advance() is called when that is done. */
void evidence_hash(struct evidence_job *job);
void evidence_items_free(struct evidence_job *job);

/* evidence_ring.c */
/* Asks the inspector. False: there is no ring. */
bool evidence_ring_ask(struct evidence_job *job);
void evidence_ring_write(struct evidence_job *job);

/* evidence_store.c */
int evidence_store_open(struct core *c); /* no directory is none of its mistakes: it is made with the first bundle */
int evidence_store_ready(struct core *c);
int evidence_store_make(struct core *c, const char *id);
void evidence_store_remove(struct core *c, const char *id);
/* The bundle is whole: it is counted, and the chain goes on from it. */
void evidence_store_done(struct core *c, const char *id, const char *manifest_sha256);
void evidence_store_retire(struct core *c);

#endif
