/* SPDX-License-Identifier: GPL-2.0-or-later */
/* JSON writer: appends to a growing buffer, never to a stream. Strings are escaped, and bytes that are no valid UTF-8 are
 * replaced by U+FFFD, so that every output is valid JSON whatever a packet or a container named itself (RFC 8259).
 * Also escaped: U+2028, U+2029, DEL and '<' (a value can stand inside a script element). One thread per object.
 * On lack of memory the writer remembers it: jsonl_text() then returns NULL. */
#ifndef PG_BASE_JSONL_H
#define PG_BASE_JSONL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a writer with a watcher tells instead of writing: the parts of an object in their order. */
struct jsonl_part {
	enum { JSONL_OPEN, JSONL_OPEN_ARRAY, JSONL_CLOSE, JSONL_STRING, JSONL_NUMBER, JSONL_BOOL, JSONL_TIME, JSONL_NULL } what;
	const char *key;    /* NULL: an array's element, or the top value */
	const char *text;   /* JSONL_STRING: any bytes; for the call only */
	size_t len;
	double number;      /* JSONL_NUMBER; JSONL_BOOL: 0 or 1 */
	uint64_t wall_ns;   /* JSONL_TIME */
};
typedef void (*jsonl_watch_cb)(const struct jsonl_part *p, void *arg);

struct jsonl {
	char *buf;
	size_t len, cap;
	unsigned depth;
	bool comma, failed;
	jsonl_watch_cb watch; /* NULL: it writes */
	void *watch_arg;
};

void jsonl_init(struct jsonl *j);
/* A writer that writes nothing, takes no memory and tells cb. jsonl_text() of it is "". */
void jsonl_init_watched(struct jsonl *j, jsonl_watch_cb cb, void *arg);
void jsonl_done(struct jsonl *j);
/* Forgets the content, keeps the memory. */
void jsonl_reset(struct jsonl *j);
/* The text so far, NUL-terminated, owned by the writer; NULL if memory ran out. */
const char *jsonl_text(struct jsonl *j, size_t *ret_len);
/* Hands the buffer to the caller (free()); NULL if memory ran out. The writer is empty after it. */
char *jsonl_take(struct jsonl *j, size_t *ret_len);

/* key is NULL inside arrays and for the top value. Keys are plain ASCII literals of ours and are not escaped. */
void jsonl_obj(struct jsonl *j, const char *key);
void jsonl_obj_end(struct jsonl *j);
void jsonl_arr(struct jsonl *j, const char *key);
void jsonl_arr_end(struct jsonl *j);
void jsonl_str(struct jsonl *j, const char *key, const char *value); /* NULL value: null */
void jsonl_strn(struct jsonl *j, const char *key, const char *value, size_t len);
void jsonl_u64(struct jsonl *j, const char *key, uint64_t value);
void jsonl_i64(struct jsonl *j, const char *key, int64_t value);
void jsonl_f64(struct jsonl *j, const char *key, double value); /* not finite: null */
void jsonl_bool(struct jsonl *j, const char *key, bool value);
void jsonl_null(struct jsonl *j, const char *key);
/* Wall time in ns as RFC 3339 string; 0: null. */
void jsonl_time(struct jsonl *j, const char *key, uint64_t wall_ns);
/* Like jsonl_u64, key is a run-time string and is escaped. */
void jsonl_u64_key(struct jsonl *j, const char *key, uint64_t value);
/* A value that is JSON already (for example stored text); the caller vouches for it. */
void jsonl_raw(struct jsonl *j, const char *key, const char *json);
void jsonl_newline(struct jsonl *j);

#endif
