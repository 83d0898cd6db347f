/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "intel/volume_hours.h"

#include <stdlib.h>
#include <string.h>

#define HOUR_NS (3600 * 1000000000ULL)

/* 0, or 1 + four times the binary logarithm, rounded up. */
static uint8_t code_of(uint64_t v)
{
	unsigned log = v ? 63 - (unsigned)__builtin_clzll(v) : 0, quarter = 0;

	if (!v)
		return 0;
	/* linear between powers of two: 1, 1.25, 1.5, 1.75 */
	if (log >= 2) {
		uint64_t step = 1ULL << (log - 2), over = v - (1ULL << log);

		quarter = (unsigned)((over + step - 1) / step);
	} else if (log == 1 && v == 3) {
		quarter = 2;
	}
	return (uint8_t)(1 + 4 * log + quarter > 253 ? 253 : 1 + 4 * log + quarter);
}

static uint64_t value_of(uint8_t code)
{
	unsigned log = (code - 1u) / 4, quarter = (code - 1u) % 4;

	if (!code)
		return 0;
	return log >= 2 ? (1ULL << log) + quarter * (1ULL << (log - 2)) : (1ULL << log) + quarter * (1ULL << log) / 4;
}

bool volume_hours_add(struct volume_hours *h, uint64_t now_ns, uint64_t value)
{
	uint64_t hours = now_ns / HOUR_NS;
	uint32_t week = (uint32_t)(hours / VOLUME_HOURS) + 1;
	unsigned slot = week % VOLUME_WEEKS;
	uint8_t code = code_of(value), *cell;
	bool fresh = h->week[slot] != week;

	if (fresh && h->week[slot] > week)
		return false; /* the clock went back by weeks */
	if (fresh) {
		h->week[slot] = week;
		memset(h->most[slot], 0, sizeof(h->most[slot]));
	}
	cell = &h->most[slot][hours % VOLUME_HOURS];
	if (code <= *cell)
		return fresh;
	*cell = code;
	return true;
}

unsigned volume_hours_weeks(const struct volume_hours *h)
{
	unsigned n = 0;

	for (unsigned slot = 0; slot < VOLUME_WEEKS; slot++)
		n += h->week[slot] != 0;
	return n;
}

static int by_code(const void *a, const void *b)
{
	return (int)*(const uint8_t *)a - (int)*(const uint8_t *)b;
}

bool volume_hours_usual(const struct volume_hours *h, uint64_t now_ns, uint64_t *ret, unsigned *ret_weeks)
{
	uint64_t hours = now_ns / HOUR_NS;
	uint32_t week = (uint32_t)(hours / VOLUME_HOURS) + 1;
	unsigned hour = hours % VOLUME_HOURS, n = 0;
	uint8_t most[VOLUME_WEEKS];

	for (unsigned slot = 0; slot < VOLUME_WEEKS; slot++) {
		uint8_t *m = &most[n];

		if (!h->week[slot] || h->week[slot] >= week || h->week[slot] + VOLUME_WEEKS <= week)
			continue;
		n++;
		*m = 0;
		for (unsigned near = VOLUME_HOURS - 1; near <= VOLUME_HOURS + 1; near++) {
			uint8_t code = h->most[slot][(hour + near) % VOLUME_HOURS];

			*m = code > *m ? code : *m;
		}
	}
	*ret_weeks = n;
	/* The first week was seen in part. */
	if (n < VOLUME_WEEKS_MIN + 1)
		return false;
	qsort(most, n, sizeof(most[0]), by_code);
	*ret = value_of(most[(3 * n + 3) / 4 - 1]);
	return true;
}
