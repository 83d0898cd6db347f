/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside of config: one key, one reader. A room with keys of its own reads them in a file of its own (config_feeds.c). */
#ifndef PG_SENSOR_CORE_CONFIG_PRIV_H
#define PG_SENSOR_CORE_CONFIG_PRIV_H

#include <stdbool.h>

#include "sensor/core/config.h"

struct fy_node;

struct config_reader {
	struct config c;
	const char *name; /* of the file, for messages */
	char *err;
	size_t err_len;
	char diag[256];   /* the parser's first complaint */
};

struct config_key {
	const char *name;
	int (*read)(struct config_reader *r, const struct config_key *k, struct fy_node *n, int line);
	const char *expected;
	size_t offset;
	uint64_t min, max;
	const struct config_key *sub; /* of a section */
};

/* Each reads the value n, which stands at line, of key k: 0, or config_refuse(). */
int config_section(struct config_reader *r, const struct config_key *k, struct fy_node *n, int line);
int config_number(struct config_reader *r, const struct config_key *k, struct fy_node *n, int line, bool bytes, uint64_t *ret);
/* One of some words; its number is the value. */
int config_word(struct config_reader *r, const struct config_key *k, struct fy_node *n, int line, const char *const *words, unsigned count,
		unsigned *ret);
/* A text or a list of texts into an array of fixed rows. path: absolute ones. */
int config_rows(struct config_reader *r, const struct config_key *k, struct fy_node *n, int line, char *rows, size_t row_len, unsigned max,
		bool path, unsigned *ret_count);
/* Writes the one line that says what is wrong; -EINVAL. expected may be NULL. */
int config_refuse(struct config_reader *r, int line, const char *what, const char *key, const char *expected);
/* The scalar's text; NULL for sequences, mappings, aliases, too long texts and texts with control bytes. */
const char *config_node_text(struct fy_node *n, char *buf, size_t len);
int config_node_line(struct fy_node *n, int fallback);

/* ---- the keys of rooms, ended by a name of NULL */
extern const struct config_key config_api_keys[];
/* What does not fit together, as a sentence; NULL: nothing. */
const char *config_api_fault(const struct config_api *a);
extern const struct config_key config_feeds_keys[], config_geo_keys[], config_exports_keys[];

#endif
