/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "appid/entropy.h"

enum { RANDOM_LEAST = 24 };

const char *entropy_class(struct bytes b)
{
	uint64_t n = bytes_left(&b), squares = 0, printable = 0;
	uint32_t count[256] = { 0 };

	for (; b.p < b.end; b.p++) {
		count[*b.p]++;
		printable += (*b.p >= 0x20 && *b.p <= 0x7e) || *b.p == '\t' || *b.p == '\r' || *b.p == '\n';
	}
	if (n && printable * 100 >= n * 95)
		return "text";
	for (unsigned c = 0; c < 256; c++)
		squares += (uint64_t)count[c] * count[c];
	/* The chance that two bytes are equal: for random ones the sum of squares is n + n(n-1)/256; half as much again is
	 * allowed for (collision entropy, without logarithms). */
	if (n >= RANDOM_LEAST && squares * 512 <= 3 * (n * 256 + n * (n - 1)))
		return "compressed-or-encrypted";
	return "binary";
}
