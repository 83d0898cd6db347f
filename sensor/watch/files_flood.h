/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Joins many writes by one process in one directory: the first FILES_FLOOD_ALONE of a window are reported each, the others
 * counted and reported as one when the window ends. Pure: time is a parameter. Memory is bounded: beyond FILES_FLOOD_MAX
 * pairs of process and directory, further ones of a container are joined without telling process and directory apart. */
#ifndef PG_SENSOR_WATCH_FILES_FLOOD_H
#define PG_SENSOR_WATCH_FILES_FLOOD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FILES_FLOOD_WINDOW_NS (5ULL * 1000000000ULL)
#define FILES_FLOOD_ALONE 8
#define FILES_FLOOD_MAX 4096

struct files_flood;
/* What came together in a window. */
struct files_many {
	uint32_t watch, pid;  /* pid 0: several processes */
	const char *dir;      /* "" several directories */
	size_t dir_len;
	uint8_t origin;
	uint64_t count, window_ns;
};
typedef void (*files_many_cb)(const struct files_many *m, void *arg);

struct files_flood *files_flood_new(void);
void files_flood_free(struct files_flood *f);
/* One write. True: report it alone; false: it was counted. */
bool files_flood_add(struct files_flood *f, uint32_t watch, uint32_t pid, const char *dir, size_t dir_len, uint8_t origin,
		     uint64_t now_ns);
/* Ends the windows that are over; all: every one. */
void files_flood_expire(struct files_flood *f, uint64_t now_ns, bool all, files_many_cb cb, void *arg);
size_t files_flood_count(const struct files_flood *f);

#endif
