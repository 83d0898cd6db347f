/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Records of fanotify(7) and inotify(7), and paths as the kernel shows them. Pure. */
#ifndef PG_SENSOR_WATCH_FILES_RECORDS_H
#define PG_SENSOR_WATCH_FILES_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

struct fan_record {
	uint64_t mask;
	int fd;       /* -1: none (overflow, or it could not be opened) */
	int pidfd;    /* -1: none; the kernel was asked for none or the process is gone, see ended */
	uint32_t pid; /* 0: not of our pid namespace */
	bool ended;   /* the process had been reaped when the record was read */
};

/* Takes the next record (struct fanotify_event_metadata and its information records) off b. 1: *ret is filled and its
 * descriptors are the caller's; 0: no more; -EBADMSG: a record of another version or length, nothing more can be read.
 * On -EBADMSG descriptors of that record cannot be told. */
int fan_record_next(struct bytes *b, struct fan_record *ret);

struct ino_record {
	int wd;
	uint32_t mask, cookie;
	const char *name; /* "" none; inside the buffer, terminated */
};
/* The same for struct inotify_event. */
int ino_record_next(struct bytes *b, struct ino_record *ret);

/* The path behind /proc/self/fd/N: cuts " (deleted)" when the file has no link left (nlink 0) and says so. len bytes; returns
 * the new length. */
size_t files_path_clean(const char *path, size_t len, uint32_t nlink, bool *ret_deleted);

/* Whether content of n bytes begins like something that can be executed: ELF or "#!". */
bool files_is_program(const void *start, size_t n);

/* Length of the directory part of an absolute path, without the last slash ("/" has 1). */
size_t files_dir_len(const char *path, size_t len);

#endif
