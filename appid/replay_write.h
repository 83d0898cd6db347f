/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rows of a replay as JSON lines, CSV (RFC 4180) or text, and the summary. Everything a packet said is escaped or was
 * sanitised before (appid/text.h). One thread. */
#ifndef PG_APPID_REPLAY_WRITE_H
#define PG_APPID_REPLAY_WRITE_H

#include <stdio.h>

#include "appid/replay_flows.h"
#include "base/jsonl.h"

enum replay_format { REPLAY_TEXT, REPLAY_JSON, REPLAY_CSV, REPLAY_FORMAT_MAX };
/* 0 or -EINVAL. */
int replay_format_parse(const char *s, enum replay_format *ret);

/* Names of addresses, from lines "ADDRESS NAME" (IPv4 or IPv6 as text; a name is what follows the space). */
struct replay_names;
struct replay_names *replay_names_new(void);
void replay_names_free(struct replay_names *n);
/* Reads the lines of text; those that are none are passed over. 0 or -ENOMEM. */
int replay_names_read(struct replay_names *n, const char *text, size_t len);
/* NULL: no name. */
const char *replay_names_find(const struct replay_names *n, const uint8_t addr[16]);

struct replay_writer {
	FILE *out;
	enum replay_format format;
	const struct replay_names *names; /* NULL: none were given */
	struct jsonl json;
	bool begun;
};
void replay_writer_init(struct replay_writer *w, FILE *out, enum replay_format format, const struct replay_names *names);
void replay_writer_done(struct replay_writer *w);
/* For replay_each(); arg is the writer. False: writing failed. */
bool replay_write_row(const struct replay_row *row, void *arg);
/* "1,234 packets …": one line for what was read, one for each reason why packets are in no flow. */
void replay_write_summary(const struct replay_stats *s, FILE *out);

#endif
