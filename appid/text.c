/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "appid/text.h"

#include <stdint.h>
#include <string.h>

static const char hex_digits[] = "0123456789abcdef";

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

size_t text_sanitise(char *out, size_t size, const void *src, size_t len)
{
	out[0] = '\0';
	return text_append(out, size, src, len);
}

size_t text_append(char *out, size_t size, const void *src, size_t len)
{
	const uint8_t *p = src;
	size_t n = strnlen(out, size - 1);

	for (size_t i = 0; i < len; i++) {
		if (p[i] >= 0x20 && p[i] <= 0x7e && p[i] != '\\') {
			if (n + 1 >= size)
				break;
			out[n++] = (char)p[i];
		} else {
			if (n + 4 >= size)
				break;
			out[n++] = '\\';
			out[n++] = 'x';
			out[n++] = hex_digits[p[i] >> 4];
			out[n++] = hex_digits[p[i] & 15];
		}
	}
	out[n] = '\0';
	return n;
}

void text_append_str(char *out, size_t size, const char *s)
{
	text_append(out, size, s, strlen(s));
}

void text_lower(char *s)
{
	for (; *s; s++)
		*s = lower(*s);
}

void text_hex(char *out, size_t size, const void *src, size_t len, size_t max)
{
	const uint8_t *p = src;
	size_t n = 0;

	for (size_t i = 0; i < len && i < max && n + 3 < size; i++) {
		if (i)
			out[n++] = ' ';
		out[n++] = hex_digits[p[i] >> 4];
		out[n++] = hex_digits[p[i] & 15];
	}
	out[n] = '\0';
}

bool text_starts(struct bytes b, const char *s)
{
	size_t n = strlen(s);

	return bytes_left(&b) >= n && !memcmp(b.p, s, n);
}

bool text_may_start(struct bytes b, const char *s)
{
	size_t n = strlen(s), left = bytes_left(&b);

	return left == 0 || !memcmp(b.p, s, left < n ? left : n);
}

bool text_starts_nocase(struct bytes b, const char *s)
{
	size_t n;

	/* most texts differ at once */
	if (!bytes_left(&b) || lower((char)*b.p) != lower(*s))
		return !*s;
	n = strlen(s);
	if (bytes_left(&b) < n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (lower((char)b.p[i]) != lower(s[i]))
			return false;
	return true;
}

bool text_contains_nocase(struct bytes b, const char *s)
{
	size_t n = strlen(s);
	const bool letter = lower(*s) >= 'a' && lower(*s) <= 'z';

	for (; bytes_left(&b) >= n; b.p++) {
		if (!letter && n) {
			b.p = memchr(b.p, *s, bytes_left(&b));
			if (!b.p)
				return false;
		}
		if (text_starts_nocase(b, s))
			return true;
	}
	return false;
}

bool text_line(struct bytes *b, struct bytes *ret_line)
{
	size_t left = bytes_left(b);
	const uint8_t *lf = left ? memchr(b->p, '\n', left) : NULL, *end = lf;

	if (!lf)
		return false;
	if (end > b->p && end[-1] == '\r')
		end--;
	*ret_line = (struct bytes){ b->p, end };
	b->p = lf + 1;
	return true;
}

bool text_is_printable(struct bytes b)
{
	for (; b.p < b.end; b.p++)
		if ((*b.p < 0x20 || *b.p > 0x7e) && *b.p != '\t' && *b.p != '\r' && *b.p != '\n')
			return false;
	return true;
}
