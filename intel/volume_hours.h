/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How much is usual at this hour of the week: of each of the last weeks the largest value of each hour (UTC), in steps of a quarter
 * of a power of two, and over the weeks their upper quartile: one week that was out of the ordinary does not move it. The hours before
 * and after count as well (clocks that are put forward, jobs that are late). A bounded sketch of 1.4 KB. Pure. */
#ifndef PG_INTEL_VOLUME_HOURS_H
#define PG_INTEL_VOLUME_HOURS_H

#include <stdbool.h>
#include <stdint.h>

#define VOLUME_WEEKS 8u     /* that are kept */
#define VOLUME_WEEKS_MIN 3u /* full ones that are enough history */
#define VOLUME_HOURS 168u

struct volume_hours { /* stored as it is */
	uint32_t week[VOLUME_WEEKS]; /* number of the week since 1970 + 1; 0: none. A week in which nothing was measured is none */
	uint8_t most[VOLUME_WEEKS][VOLUME_HOURS];
};

/* Weeks of which there is something. */
unsigned volume_hours_weeks(const struct volume_hours *h);
/* A measure was taken then (wall ns). True: it changed something. */
bool volume_hours_add(struct volume_hours *h, uint64_t now_ns, uint64_t value);
/* What is usual at that time of the week, as of the weeks before this one. *ret_weeks: of how many. False: not enough history. */
bool volume_hours_usual(const struct volume_hours *h, uint64_t now_ns, uint64_t *ret, unsigned *ret_weeks);

#endif
