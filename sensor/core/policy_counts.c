/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sums of the kernel's counters, by what they stand for: they outlive the rulesets that they were counted in. */
#define HASH_NONFATAL_OOM 1
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "sensor/core/policy_priv.h"

#define COUNTS_MAX 20000

struct count {
	UT_hash_handle hh;
	uint64_t packets, last_wall_ns;
	char key[];
};

struct policy_counts {
	struct count *all;
};

struct policy_counts *policy_counts_new(void)
{
	return calloc(1, sizeof(struct policy_counts));
}

void policy_counts_free(struct policy_counts *n)
{
	struct count *c, *tmp;

	if (!n)
		return;
	HASH_ITER(hh, n->all, c, tmp) {
		HASH_DEL(n->all, c);
		free(c);
	}
	free(n);
}

void policy_counts_add(struct policy_counts *n, const char *key, uint64_t packets, uint64_t wall_ns)
{
	size_t len = strlen(key);
	struct count *c;

	HASH_FIND(hh, n->all, key, len, c);
	if (!c) {
		c = HASH_COUNT(n->all) < COUNTS_MAX ? calloc(1, sizeof(*c) + len + 1) : NULL;
		if (!c)
			return;
		memcpy(c->key, key, len);
		HASH_ADD_KEYPTR(hh, n->all, c->key, len, c);
		if (!c->hh.tbl) {
			free(c);
			return;
		}
	}
	c->packets += packets;
	c->last_wall_ns = wall_ns;
}

uint64_t policy_counts_get(const struct policy_counts *n, const char *key, uint64_t *ret_last_wall_ns)
{
	const struct count *c;

	HASH_FIND(hh, n->all, key, strlen(key), c);
	*ret_last_wall_ns = c ? c->last_wall_ns : 0;
	return c ? c->packets : 0;
}
