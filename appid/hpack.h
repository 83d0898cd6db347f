/* SPDX-License-Identifier: GPL-2.0-or-later */
/* HPACK (RFC 7541) as far as one header block goes: the static table, literals, Huffman codes. The dynamic table is not
 * kept: of a connection only the first block of each side is read, and what refers to the table has no value here.
 * Bounded: time is linear in the block, the strings below are all the memory. Pure. */
#ifndef PG_APPID_HPACK_H
#define PG_APPID_HPACK_H

#include <stdbool.h>

#include "base/bytes.h"

#define HPACK_NAME_MAX 48   /* bytes kept of a name; longer ones are cut */
#define HPACK_VALUE_MAX 192 /* and of a value */

struct hpack_field {
	char name[HPACK_NAME_MAX];   /* NUL-terminated; raw bytes, a NUL inside ends it. "" unknown (dynamic table) */
	char value[HPACK_VALUE_MAX];
	size_t value_len;            /* bytes of value kept */
};

enum hpack_result { HPACK_FIELD, HPACK_END, HPACK_BAD };

/* Takes the next field from the front of *b. END: none is left whole (cut in the middle: *b is not empty). BAD: not HPACK. */
enum hpack_result hpack_next(struct bytes *b, struct hpack_field *ret);
/* Decodes a Huffman string into out (size bytes, cut when too small). Returns the length, -1 when it is none. */
int hpack_huffman(struct bytes b, char *out, size_t size);

#endif
