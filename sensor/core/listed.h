/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of listed addresses as the kernel's programs look them up (sensor/bpf/abi.h, struct pg_listed_page). Pure. */
#ifndef PG_SENSOR_CORE_LISTED_H
#define PG_SENSOR_CORE_LISTED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sensor/bpf/abi.h"

struct listed4 {
	uint32_t first, last; /* host byte order, both included */
};
struct listed6 {
	uint64_t first[2], last[2]; /* high and low half */
};
/* Ranges under way to a table. */
struct listed_ranges {
	struct listed4 *v4;
	struct listed6 *v6;
	size_t count4, count6, room4, room6;
	bool no_memory;
};

/* IPv4 as IPv4-mapped; both ends included and of one family. */
void listed_add(struct listed_ranges *r, const uint8_t first[16], const uint8_t last[16]);
/* Sorts, and joins what overlaps or touches. 0; -ENOMEM, -E2BIG (more than PG_LISTED_RANGES_MAX). */
int listed_seal(struct listed_ranges *r);
void listed_done(struct listed_ranges *r);
/* Of a sealed one: pages that its table takes. */
uint32_t listed_pages(const struct listed_ranges *r);
/* Writes the table into so many pages, all zero before. */
void listed_write(const struct listed_ranges *r, struct pg_listed_page *pages);
/* As the programs do it. */
bool listed_find(const struct pg_listed_page *pages, const uint8_t addr[16]);

#endif
