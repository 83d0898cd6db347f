/* SPDX-License-Identifier: GPL-2.0-or-later */
/* UTF-8 (RFC 3629, Unicode 15 table 3-7) for bytes that nobody vouches for. Pure. */
#ifndef PG_BASE_UTF8_H
#define PG_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Decodes the character at p, of which n bytes (at least 1) may be read. Its length; 0 when it is none: overlong, a
 * surrogate, above U+10FFFF, cut, or a stray byte; *ret_c is then untouched. */
static inline size_t utf8_decode(const unsigned char *p, size_t n, uint32_t *ret_c)
{
	static const uint32_t least[5] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t len = p[0] < 0x80 ? 1 : (p[0] & 0xe0) == 0xc0 ? 2 : (p[0] & 0xf0) == 0xe0 ? 3 : (p[0] & 0xf8) == 0xf0 ? 4 : 0;
	uint32_t c;

	if (!len || len > n)
		return 0;
	c = len == 1 ? p[0] : p[0] & (0xffU >> (len + 1));
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < least[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*ret_c = c;
	return len;
}

#endif
