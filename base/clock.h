/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Time: all times inside the sensor are uint64_t nanoseconds. "mono" is CLOCK_MONOTONIC (what bpf_ktime_get_ns() gives),
 * "boot" is CLOCK_BOOTTIME (what a process's start time is), "wall" is CLOCK_REALTIME, only for output and storage. */
#ifndef PG_BASE_CLOCK_H
#define PG_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define NSEC_PER_SEC 1000000000ULL
#define NSEC_PER_MSEC 1000000ULL

static inline uint64_t clock_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

static inline uint64_t clock_mono_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

static inline uint64_t clock_wall_ns(void)
{
	return clock_ns(CLOCK_REALTIME);
}

/* Wall time of a monotonic time, by the present difference of the two clocks. Never 0 for a non-zero argument. */
uint64_t clock_mono_to_wall_ns(uint64_t mono_ns);
/* The same of a CLOCK_BOOTTIME time (a process's start). */
uint64_t clock_boot_to_wall_ns(uint64_t boot_ns);

#define CLOCK_RFC3339_LEN 31
/* Writes "2026-11-21T21:30:00.123456789Z" and a NUL; out must hold CLOCK_RFC3339_LEN bytes. */
void clock_format_rfc3339(uint64_t wall_ns, char out[CLOCK_RFC3339_LEN]);

#endif
