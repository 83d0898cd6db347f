/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A point in time as people write it. Pure. */
#ifndef PG_BASE_WHEN_H
#define PG_BASE_WHEN_H

#include <stdint.h>

/* "90s", "10m", "2h", "3d", "1w": so long before now (a leading "-" changes nothing); "2026-11-22", "2026-11-22T10:30",
 * "2026-11-22T10:30:05.25Z": RFC 3339, in UTC, cut anywhere behind the date. Nanoseconds since 1970. 0 or -EINVAL. */
int when_parse(const char *text, uint64_t now_wall_ns, uint64_t *ret_wall_ns);

#endif
