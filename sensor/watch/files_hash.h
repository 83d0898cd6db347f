/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hashing beside the event path: one worker thread, a bounded queue of open files, results fetched by the loop. A file that
 * was hashed before and is the same by (device, inode, ctime, size) is answered from memory. */
#ifndef PG_SENSOR_WATCH_FILES_HASH_H
#define PG_SENSOR_WATCH_FILES_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "sensor/msg_files.h"

#define FILES_HASH_QUEUE 128
#define FILES_HASH_SIZE_MAX (512ULL << 20)
#define FILES_HASH_TIME_NS (20ULL * 1000000000ULL)
#define FILES_HASH_CACHE 16384

struct files_key {
	uint64_t dev, ino, size, ctime_ns;
};

/* One file: filled by the caller, answered in state and sha256. */
struct files_job {
	struct files_key key;
	int fd;                        /* owned by the job until it is done */
	enum files_digest_state state;
	uint8_t sha256[DIGEST_SHA256_LEN];
	void *arg;                     /* the caller's */
	struct files_job *next;        /* of the queue */
};

struct files_hash;
/* Starts the worker: before the sandbox is entered. NULL: no memory, no thread. */
struct files_hash *files_hash_new(void);
/* Ends the worker; jobs that wait are handed to done(). */
void files_hash_free(struct files_hash *h, void (*done)(struct files_job *j));
/* Readable when a result is there. */
int files_hash_fd(const struct files_hash *h);
/* True: known already, state and sha256 are filled. */
bool files_hash_known(struct files_hash *h, const struct files_key *key, uint8_t ret[DIGEST_SHA256_LEN]);
/* Queues a job (heap, the hash's until it comes back). False: too many wait. */
bool files_hash_queue(struct files_hash *h, struct files_job *j);
/* The next finished job, with its descriptor closed; NULL: none. */
struct files_job *files_hash_next(struct files_hash *h);

/* The work itself (any thread): reads fd from its start; time limit in ns. Fills state and sha256. */
void files_hash_run(struct files_job *j, struct digest *d, void *buf, size_t buf_len, uint64_t time_ns);

#endif
