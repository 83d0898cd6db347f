/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lines of the streams (Server-Sent Events), shared by their clients, and the latest of each kind of stream, so that a client that
 * was away takes up where it was: each line has an id "EPOCH-NUMBER", growing by one; another core's epoch is another. */
#ifndef PG_SENSOR_CORE_API_LINES_H
#define PG_SENSOR_CORE_API_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LINES_KEPT 900               /* of a kind; less than a client's queue holds */
#define LINES_KEPT_BYTES (2U << 20)
#define LINE_ID_LEN 48

struct line {
	unsigned refs;
	uint64_t number;  /* 0: none */
	size_t data, len; /* where what follows "data: " begins; whole length, with the empty line that ends the event */
	char text[];
};

/* before, text, an empty line. One reference. NULL: no memory. */
struct line *line_new(const char *before, const char *text, size_t len);
/* NULL is fine. */
void line_put(struct line *l);

struct line_ring {
	uint64_t epoch;  /* the same for all rings of a core */
	uint64_t number; /* of the latest line */
	struct line *lines[LINES_KEPT];
	unsigned head, count;
	size_t bytes;
};

/* The next line of the ring, with a reference for the caller; data: its JSON. NULL: no memory; the ring says then that it has a gap. */
struct line *ring_add(struct line_ring *r, const char *data, size_t len);
/* Forgets the lines: nobody can take up before now. */
void ring_clear(struct line_ring *r);
/* The id of the latest line. */
void ring_id(const struct line_ring *r, char ret[LINE_ID_LEN]);
/* Whether nothing is missing after the line with this id: its number. -ESTALE: it is too old, another core's, or no id. */
int ring_find(const struct line_ring *r, const char *id, uint64_t *ret_number);
/* The line with that number; NULL: not kept. Borrowed. */
struct line *ring_line(const struct line_ring *r, uint64_t number);

#endif
