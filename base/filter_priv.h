/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the filter's two files share: a short program in reverse Polish notation, and its tests. */
#ifndef PG_BASE_FILTER_PRIV_H
#define PG_BASE_FILTER_PRIV_H

#include "base/filter.h"

#define FILTER_VALUE_MAX 256 /* of a test; bounds what a pattern costs */
#define FILTER_NEST_MAX 16   /* objects in objects */

enum filter_op { OP_HAS, OP_EQUAL, OP_LIKE, OP_LESS, OP_LESS_EQUAL, OP_MORE, OP_MORE_EQUAL };

struct filter_test {
	enum filter_op op;
	const char *field;  /* behind the last dot */
	const char *prefix; /* what stands before that dot, "" nothing */
	const char *value;
	bool pattern;       /* OP_LIKE: has * or ? */
	bool is_number, is_prefix;
	int truth;          /* of "true" and "false", else -1 */
	double number;
	uint64_t wall_ns;   /* 0: the value is no time */
	uint8_t net[16];
	int family, bits;
	bool hit, seen;     /* in this object; in any */
};

/* Steps of the program: a test's number, or one of these. */
enum { STEP_NOT = 0x100, STEP_AND, STEP_OR };
#define FILTER_STEPS_MAX (FILTER_TESTS_MAX * 2 + FILTER_TESTS_MAX * FILTER_DEPTH_MAX)

struct filter {
	struct jsonl writer;
	struct filter_test tests[FILTER_TESTS_MAX];
	uint16_t steps[FILTER_STEPS_MAX];
	unsigned test_count, step_count;
	const char *keys[FILTER_NEST_MAX]; /* of the objects and arrays that are open */
	unsigned depth;
	bool looked;
	char names[FILTER_TEXT_MAX * 2 + 2 * FILTER_TESTS_MAX]; /* fields and values, unquoted */
	size_t names_len;
};

/* "80", "1.5", "10k", "1MiB": a number, k M G T of a thousand, Ki Mi Gi Ti of 1024; a "B" behind it changes nothing. */
bool filter_number(const char *s, double *ret);
/* The watcher of filter.writer. */
void filter_on_part(const struct jsonl_part *p, void *arg);

#endif
