/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/jsonl.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

void jsonl_init(struct jsonl *j)
{
	*j = (struct jsonl){ 0 };
}

void jsonl_init_watched(struct jsonl *j, jsonl_watch_cb cb, void *arg)
{
	*j = (struct jsonl){ .watch = cb, .watch_arg = arg };
}

static void tell(struct jsonl *j, struct jsonl_part p)
{
	j->watch(&p, j->watch_arg);
}

void jsonl_done(struct jsonl *j)
{
	free(j->buf);
	*j = (struct jsonl){ 0 };
}

void jsonl_reset(struct jsonl *j)
{
	j->len = 0;
	j->depth = 0;
	j->comma = false;
	j->failed = false;
}

static bool jsonl_grow(struct jsonl *j, size_t n)
{
	size_t cap = j->cap ? j->cap : 256;
	char *p;

	while (cap - j->len < n + 1) /* + 1: NUL */
		cap *= 2;
	p = realloc(j->buf, cap);
	if (!p) {
		j->failed = true;
		return false;
	}
	j->buf = p;
	j->cap = cap;
	return true;
}

static inline bool jsonl_room(struct jsonl *j, size_t n)
{
	if (j->failed)
		return false;
	return j->cap - j->len > n || jsonl_grow(j, n); /* more: NUL */
}

static inline void jsonl_put(struct jsonl *j, const char *s, size_t n)
{
	if (!jsonl_room(j, n))
		return;
	memcpy(j->buf + j->len, s, n);
	j->len += n;
}

const char *jsonl_text(struct jsonl *j, size_t *ret_len)
{
	if (!jsonl_room(j, 0))
		return NULL;
	j->buf[j->len] = '\0';
	if (ret_len)
		*ret_len = j->len;
	return j->buf;
}

char *jsonl_take(struct jsonl *j, size_t *ret_len)
{
	char *r;

	if (!jsonl_text(j, ret_len))
		return NULL;
	r = j->buf;
	*j = (struct jsonl){ 0 };
	return r;
}

/* Length of the valid UTF-8 sequence at p (n bytes left), 0 if there is none (Unicode 15, table 3-7). */
static size_t utf8_len(const unsigned char *p, size_t n)
{
	unsigned char lo = 0x80, hi = 0xbf;
	size_t len;

	if (p[0] >= 0xc2 && p[0] <= 0xdf)
		len = 2;
	else if (p[0] >= 0xe0 && p[0] <= 0xef)
		len = 3;
	else if (p[0] >= 0xf0 && p[0] <= 0xf4)
		len = 4;
	else
		return 0;
	if (n < len)
		return 0;
	if (p[0] == 0xe0)
		lo = 0xa0;
	else if (p[0] == 0xed)
		hi = 0x9f; /* no surrogates */
	else if (p[0] == 0xf0)
		lo = 0x90;
	else if (p[0] == 0xf4)
		hi = 0x8f;
	if (p[1] < lo || p[1] > hi)
		return 0;
	for (size_t i = 2; i < len; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return len;
}

static void jsonl_quoted(struct jsonl *j, const char *s, size_t n)
{
	const unsigned char *p = (const unsigned char *)s;
	char esc[8];

	jsonl_put(j, "\"", 1);
	for (size_t i = 0, l; i < n; i += l) {
		l = 1;
		if (p[i] == '"' || p[i] == '\\') {
			esc[0] = '\\';
			esc[1] = (char)p[i];
			jsonl_put(j, esc, 2);
		} else if (p[i] < 0x20 || p[i] == 0x7f || p[i] == '<') {
			snprintf(esc, sizeof(esc), "\\u%04x", p[i]);
			jsonl_put(j, esc, 6);
		} else if (p[i] < 0x80) {
			size_t run = i + 1;

			while (run < n && p[run] >= 0x20 && p[run] < 0x7f && p[run] != '"' && p[run] != '\\' && p[run] != '<')
				run++;
			l = run - i;
			jsonl_put(j, s + i, l);
		} else if ((l = utf8_len(p + i, n - i)) == 0) {
			l = 1;
			jsonl_put(j, "\xef\xbf\xbd", 3);
		} else if (l == 3 && p[i] == 0xe2 && p[i + 1] == 0x80 && (p[i + 2] == 0xa8 || p[i + 2] == 0xa9)) {
			jsonl_put(j, p[i + 2] == 0xa8 ? "\\u2028" : "\\u2029", 6);
		} else {
			jsonl_put(j, s + i, l);
		}
	}
	jsonl_put(j, "\"", 1);
}

static void jsonl_key(struct jsonl *j, const char *key)
{
	if (j->comma)
		jsonl_put(j, ",", 1);
	j->comma = true;
	if (!key)
		return;
	jsonl_put(j, "\"", 1);
	jsonl_put(j, key, strlen(key));
	jsonl_put(j, "\":", 2);
}

static void jsonl_open(struct jsonl *j, const char *key, const char *c)
{
	jsonl_key(j, key);
	jsonl_put(j, c, 1);
	j->comma = false;
	j->depth++;
}

static void jsonl_close(struct jsonl *j, const char *c)
{
	jsonl_put(j, c, 1);
	j->comma = true;
	if (j->depth)
		j->depth--;
}

void jsonl_obj(struct jsonl *j, const char *key)
{
	if (j->watch)
		return tell(j, (struct jsonl_part){ .what = JSONL_OPEN, .key = key });
	jsonl_open(j, key, "{");
}

void jsonl_obj_end(struct jsonl *j)
{
	if (j->watch)
		return tell(j, (struct jsonl_part){ .what = JSONL_CLOSE });
	jsonl_close(j, "}");
}

void jsonl_arr(struct jsonl *j, const char *key)
{
	if (j->watch)
		return tell(j, (struct jsonl_part){ .what = JSONL_OPEN_ARRAY, .key = key });
	jsonl_open(j, key, "[");
}

void jsonl_arr_end(struct jsonl *j)
{
	if (j->watch)
		return tell(j, (struct jsonl_part){ .what = JSONL_CLOSE });
	jsonl_close(j, "]");
}

void jsonl_strn(struct jsonl *j, const char *key, const char *value, size_t len)
{
	if (j->watch)
		return tell(j, (struct jsonl_part){ .what = JSONL_STRING, .key = key, .text = value, .len = len });
	jsonl_key(j, key);
	jsonl_quoted(j, value, len);
}

void jsonl_str(struct jsonl *j, const char *key, const char *value)
{
	if (!value)
		jsonl_null(j, key);
	else
		jsonl_strn(j, key, value, strlen(value));
}

static void jsonl_plain(struct jsonl *j, const char *key, const char *text)
{
	jsonl_key(j, key);
	jsonl_put(j, text, strlen(text));
}

void jsonl_u64(struct jsonl *j, const char *key, uint64_t value)
{
	char t[20]; /* printf is slow, and there are many numbers */
	size_t at = sizeof(t);

	if (j->watch)
		return tell(j, (struct jsonl_part){ .what = JSONL_NUMBER, .key = key, .number = (double)value });
	do {
		t[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	jsonl_key(j, key);
	jsonl_put(j, t + at, sizeof(t) - at);
}

void jsonl_i64(struct jsonl *j, const char *key, int64_t value)
{
	char t[24];

	if (j->watch)
		return tell(j, (struct jsonl_part){ .what = JSONL_NUMBER, .key = key, .number = (double)value });
	snprintf(t, sizeof(t), "%" PRId64, value);
	jsonl_plain(j, key, t);
}

void jsonl_f64(struct jsonl *j, const char *key, double value)
{
	char t[40];

	if (!isfinite(value)) {
		jsonl_null(j, key);
		return;
	}
	if (j->watch)
		return tell(j, (struct jsonl_part){ .what = JSONL_NUMBER, .key = key, .number = value });
	snprintf(t, sizeof(t), "%.9g", value);
	jsonl_plain(j, key, t);
}

void jsonl_bool(struct jsonl *j, const char *key, bool value)
{
	if (j->watch)
		return tell(j, (struct jsonl_part){ .what = JSONL_BOOL, .key = key, .number = value });
	jsonl_plain(j, key, value ? "true" : "false");
}

void jsonl_null(struct jsonl *j, const char *key)
{
	if (j->watch)
		return tell(j, (struct jsonl_part){ .what = JSONL_NULL, .key = key });
	jsonl_plain(j, key, "null");
}

void jsonl_time(struct jsonl *j, const char *key, uint64_t wall_ns)
{
	char t[CLOCK_RFC3339_LEN];

	if (!wall_ns) {
		jsonl_null(j, key);
		return;
	}
	if (j->watch)
		return tell(j, (struct jsonl_part){ .what = JSONL_TIME, .key = key, .wall_ns = wall_ns });
	clock_format_rfc3339(wall_ns, t);
	jsonl_str(j, key, t);
}

void jsonl_u64_key(struct jsonl *j, const char *key, uint64_t value)
{
	char t[24];

	if (j->watch)
		return tell(j, (struct jsonl_part){ .what = JSONL_NUMBER, .key = key, .number = (double)value });
	jsonl_key(j, NULL);
	jsonl_quoted(j, key, strlen(key));
	snprintf(t, sizeof(t), ":%" PRIu64, value);
	jsonl_put(j, t, strlen(t));
}

void jsonl_raw(struct jsonl *j, const char *key, const char *json)
{
	if (j->watch)
		return tell(j, (struct jsonl_part){ .what = JSONL_STRING, .key = key, .text = json, .len = strlen(json) });
	jsonl_plain(j, key, json);
}

void jsonl_newline(struct jsonl *j)
{
	if (j->watch)
		return;
	jsonl_put(j, "\n", 1);
	j->comma = false;
}
