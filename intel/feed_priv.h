/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the readers of feed formats. */
#ifndef PG_INTEL_FEED_PRIV_H
#define PG_INTEL_FEED_PRIV_H

#include "intel/feed.h"

struct field {
	const char *p;
	size_t len;
};

struct feed_reader {
	feed_cb cb;
	void *arg;
	struct feed_report *report;
	int64_t now_s;
};

/* Without blanks at both ends. */
struct field field_trim(struct field f);
bool field_is(struct field f, const char *s); /* equal, ignoring ASCII case */
bool field_begins(struct field f, const char *s);

/* What is known of an entry besides its value. */
struct entry {
	uint32_t line;
	uint8_t confidence, flags;
	struct field category;
};

/* One value of whatever kind: address, prefix, range, address:port, name, digest, URL. Gives it to the callback; false: it is
 * none of these. A URL with an address as host gives that address too, one with a name the name, as IND_URL_HOST. */
bool feed_value(struct feed_reader *r, struct field value, const struct entry *e);
bool feed_ip(struct feed_reader *r, struct field value, const struct entry *e);
bool feed_domain(struct feed_reader *r, struct field value, const struct entry *e);
bool feed_hash(struct feed_reader *r, struct field value, const struct entry *e);
bool feed_url(struct feed_reader *r, struct field value, const struct entry *e);
/* A URL as people write it: the scheme may be missing, and so may all but the host. */
bool feed_link(struct feed_reader *r, struct field value, const struct entry *e);
void feed_bad(struct feed_reader *r, uint32_t line);

void feed_lines(struct feed_reader *r, const char *text, size_t len);
/* Whether it looks like a table with columns. */
bool feed_is_csv(const char *text, size_t len);
void feed_csv(struct feed_reader *r, const char *text, size_t len);
/* format: FEED_JSON, FEED_STIX, FEED_MISP, or FEED_AUTO to tell them apart (then set in the report). -EBADMSG (why in
 * report->refused), -ENOMEM. */
int feed_json(struct feed_reader *r, enum feed_format format, const char *text, size_t len);
/* A STIX pattern (STIX 2.1, part 9). Returns how many of its comparisons could be used; *ret_other: those that could not. */
unsigned stix_pattern(struct feed_reader *r, struct field pattern, const struct entry *e, unsigned *ret_other);
/* RFC 3339 -> Unix time; false: no such time. */
bool feed_time(struct field f, int64_t *ret);

#endif
