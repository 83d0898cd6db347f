/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The data section of a MaxMind database (MaxMind DB format 2.0, "Data Field Format"), read with bounds of our own: a record may
 * nest and point, so a hostile one can be made to expand without end. Pure. */
#ifndef PG_INTEL_GEO_DATA_H
#define PG_INTEL_GEO_DATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum geo_type { GEO_POINTER = 1, GEO_STRING, GEO_DOUBLE, GEO_BYTES, GEO_UINT16, GEO_UINT32, GEO_MAP, GEO_INT32, GEO_UINT64, GEO_UINT128, GEO_ARRAY,
		GEO_CONTAINER, GEO_END, GEO_BOOL, GEO_FLOAT };

/* One value. */
struct geo_value {
	enum geo_type type;
	const uint8_t *bytes;  /* STRING, BYTES, UINT128 (len bytes, big endian): in the section */
	uint32_t len;          /* of bytes; MAP: pairs, ARRAY: values */
	uint64_t number;       /* UINT16..UINT64, BOOL; INT32: as int64_t */
	double real;           /* DOUBLE, FLOAT */
	uint32_t inside;       /* MAP, ARRAY: offset of the first key or value */
};

struct geo_reader {
	const uint8_t *section;
	size_t len;
	unsigned budget;       /* values that may still be read */
};

/* The value at offset, pointers followed; *ret_next: offset after it (after the pointer). -EBADMSG: none; -E2BIG: budget used up. */
int geo_value_read(struct geo_reader *r, uint32_t offset, struct geo_value *ret, uint32_t *ret_next);
/* Offset after the value at offset, with all that is in it; the depth of nesting is bounded. */
int geo_value_skip(struct geo_reader *r, uint32_t offset, uint32_t *ret_next);
/* The value below a path of keys, ended by NULL. -ENOENT: there is none. */
int geo_value_at(struct geo_reader *r, uint32_t offset, const char *const *path, struct geo_value *ret);
/* The value as JSON (numbers, "0x…" for 128 bits, hex for bytes), allocated. */
int geo_value_json(struct geo_reader *r, uint32_t offset, char **ret);

#endif
