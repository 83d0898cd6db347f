/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hostile bytes made visible: what a packet says goes into a label only through here. Pure. */
#ifndef PG_APPID_TEXT_H
#define PG_APPID_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"

/* Writes src as printable ASCII into out (size bytes, size > 0): 0x20..0x7e stand for themselves, backslash and all other
 * bytes as \xNN. Cut at a whole character when out is too small. Returns the length written; out is NUL-terminated. */
size_t text_sanitise(char *out, size_t size, const void *src, size_t len);
/* The same, appended to the string that is already in out. */
size_t text_append(char *out, size_t size, const void *src, size_t len);
/* Appends a literal of ours. */
void text_append_str(char *out, size_t size, const char *s);
/* Lower-case ASCII in place. */
void text_lower(char *s);
/* Writes at most max bytes of src as "de ad be ef" into out. */
void text_hex(char *out, size_t size, const void *src, size_t len, size_t max);
/* Does b begin with the literal s (NUL-terminated)? */
bool text_starts(struct bytes b, const char *s);
/* As far as there are bytes: could b still begin with s? (true for an empty b) */
bool text_may_start(struct bytes b, const char *s);
/* The same two, ignoring ASCII case. */
bool text_starts_nocase(struct bytes b, const char *s);
/* Is the literal s (at least one byte) somewhere in b, ignoring ASCII case? */
bool text_contains_nocase(struct bytes b, const char *s);
/* Takes a line from the front of b: *ret_line without its LF or CR LF. False, b untouched, when there is no LF yet. */
bool text_line(struct bytes *b, struct bytes *ret_line);
/* Only printable ASCII, tab, CR, LF? */
bool text_is_printable(struct bytes b);

#endif
