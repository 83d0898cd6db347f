/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/when.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/clock.h"

/* Days since 1970-01-01 of a date of the Gregorian calendar, from 1970 on. */
static uint64_t days_of(unsigned year, unsigned month, unsigned day)
{
	static const unsigned before[] = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	unsigned past = year - 1;

	return (uint64_t)(year - 1970) * 365 + (past / 4 - 1969 / 4) - (past / 100 - 1969 / 100) + (past / 400 - 1969 / 400) +
	       before[month - 1] + (leap && month > 2) + day - 1;
}

/* Exactly n digits; false if there are none, or the number is not in its range. */
static bool digits(const char **p, unsigned n, unsigned least, unsigned most, unsigned *ret)
{
	unsigned v = 0;

	for (unsigned i = 0; i < n; i++) {
		if (!isdigit((unsigned char)(*p)[i]))
			return false;
		v = v * 10 + (unsigned)((*p)[i] - '0');
	}
	*p += n;
	*ret = v;
	return v >= least && v <= most;
}

static bool past(const char **p, char c)
{
	if (**p != c)
		return false;
	(*p)++;
	return true;
}

static int parse_date(const char *p, uint64_t *ret)
{
	unsigned year, month, day, hour = 0, minute = 0, second = 0, fraction = 0;

	if (!digits(&p, 4, 1970, 2500, &year) || !past(&p, '-') || !digits(&p, 2, 1, 12, &month) || !past(&p, '-') || !digits(&p, 2, 1, 31, &day))
		return -EINVAL;
	if (past(&p, 'T') || past(&p, ' ')) {
		if (!digits(&p, 2, 0, 23, &hour) || !past(&p, ':') || !digits(&p, 2, 0, 59, &minute))
			return -EINVAL;
		if (past(&p, ':') && !digits(&p, 2, 0, 60, &second))
			return -EINVAL;
		if (past(&p, '.')) {
			unsigned unit = 100000000;

			if (!isdigit((unsigned char)*p))
				return -EINVAL;
			for (; isdigit((unsigned char)*p); p++, unit /= 10)
				fraction += (unsigned)(*p - '0') * unit;
		}
	}
	past(&p, 'Z');
	*ret = (((days_of(year, month, day) * 24 + hour) * 60 + minute) * 60 + second) * NSEC_PER_SEC + fraction;
	return *p ? -EINVAL : 0;
}

static int parse_ago(const char *p, uint64_t now, uint64_t *ret)
{
	static const char units[] = "smhdw";
	static const uint64_t seconds[] = { 1, 60, 3600, 86400, 604800 };
	const char *unit;
	uint64_t n = 0, ns;

	past(&p, '-');
	if (!isdigit((unsigned char)*p))
		return -EINVAL;
	for (unsigned i = 0; isdigit((unsigned char)*p); p++, i++) {
		if (i > 8)
			return -EINVAL;
		n = n * 10 + (uint64_t)(*p - '0');
	}
	unit = *p ? strchr(units, *p) : NULL;
	if (!unit || p[1])
		return -EINVAL;
	n *= seconds[unit - units];
	ns = n < now / NSEC_PER_SEC ? now - n * NSEC_PER_SEC : 1; /* 1: 0 is "not said" in many places */
	*ret = ns;
	return 0;
}

int when_parse(const char *text, uint64_t now_wall_ns, uint64_t *ret_wall_ns)
{
	return strlen(text) > 4 && text[4] == '-' ? parse_date(text, ret_wall_ns) : parse_ago(text, now_wall_ns, ret_wall_ns);
}
