/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading hostile bytes: a cursor that cannot run past its end. Every getter returns false, and changes nothing, when too
 * few bytes are left. Big-endian ("be") is network byte order. */
#ifndef PG_BASE_BYTES_H
#define PG_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
	const uint8_t *p;   /* next byte; not owned */
	const uint8_t *end; /* one past the last */
};

static inline struct bytes bytes_of(const void *p, size_t len)
{
	return (struct bytes){ p, (const uint8_t *)p + len };
}

static inline size_t bytes_left(const struct bytes *b)
{
	return (size_t)(b->end - b->p);
}

static inline bool bytes_skip(struct bytes *b, size_t n)
{
	if (bytes_left(b) < n)
		return false;
	if (n) /* nothing may be skipped in an empty view, whose pointer may be NULL */
		b->p += n;
	return true;
}

static inline bool bytes_copy(struct bytes *b, void *ret, size_t n)
{
	if (bytes_left(b) < n)
		return false;
	memcpy(ret, b->p, n);
	b->p += n;
	return true;
}

/* Takes the next n bytes as a view of their own. */
static inline bool bytes_take(struct bytes *b, size_t n, struct bytes *ret)
{
	if (bytes_left(b) < n)
		return false;
	*ret = bytes_of(b->p, n);
	b->p += n;
	return true;
}

static inline bool bytes_u8(struct bytes *b, uint8_t *ret)
{
	return bytes_copy(b, ret, 1);
}

static inline uint16_t be16_at(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t be24_at(const uint8_t *p)
{
	return (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
}

static inline uint32_t be32_at(const uint8_t *p)
{
	return (uint32_t)be16_at(p) << 16 | be16_at(p + 2);
}

static inline bool bytes_be16(struct bytes *b, uint16_t *ret)
{
	if (bytes_left(b) < 2)
		return false;
	*ret = be16_at(b->p);
	b->p += 2;
	return true;
}

static inline bool bytes_be24(struct bytes *b, uint32_t *ret)
{
	if (bytes_left(b) < 3)
		return false;
	*ret = be24_at(b->p);
	b->p += 3;
	return true;
}

static inline bool bytes_be32(struct bytes *b, uint32_t *ret)
{
	if (bytes_left(b) < 4)
		return false;
	*ret = be32_at(b->p);
	b->p += 4;
	return true;
}

#endif
