/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A file of lines that grows to a size and is then renamed: FILE, FILE.1, …; the last goes. Writing never waits. */
#ifndef PG_SENSOR_CORE_LINE_FILE_H
#define PG_SENSOR_CORE_LINE_FILE_H

#include <stddef.h>
#include <stdint.h>

struct line_file {
	char path[320];
	int fd;              /* -1: closed */
	uint64_t bytes, max_bytes;
	unsigned files;      /* with the present one */
};

/* path's directory must be there. 0 or -errno; a file that could not be opened is tried again at each write. */
int line_file_open(struct line_file *f, const char *path, uint64_t max_bytes, unsigned files);
void line_file_close(struct line_file *f);
/* Whole lines: all of them are in the file, or none. 0 or -errno. */
int line_file_write(struct line_file *f, const char *lines, size_t len);

#endif
