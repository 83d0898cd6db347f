/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/clock.h"

#include <stdio.h>

uint64_t clock_mono_to_wall_ns(uint64_t mono_ns)
{
	uint64_t wall = clock_wall_ns(), mono = clock_mono_ns();
	uint64_t r = wall - mono + mono_ns;

	return r ? r : 1;
}

uint64_t clock_boot_to_wall_ns(uint64_t boot_ns)
{
	uint64_t r = clock_wall_ns() - clock_ns(CLOCK_BOOTTIME) + boot_ns;

	return r ? r : 1;
}

void clock_format_rfc3339(uint64_t wall_ns, char out[CLOCK_RFC3339_LEN])
{
	time_t s = (time_t)(wall_ns / NSEC_PER_SEC);
	struct tm tm;
	size_t n;

	gmtime_r(&s, &tm);
	n = strftime(out, CLOCK_RFC3339_LEN, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out + n, CLOCK_RFC3339_LEN - n, ".%09uZ", (unsigned)(wall_ns % NSEC_PER_SEC));
}
