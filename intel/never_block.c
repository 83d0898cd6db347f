/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "intel/never_block.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

const char *never_block_name(enum never_block n)
{
	static const char *const names[NEVER_MAX] = { "",	   "too-wide",  "unspecified", "loopback", "private",
						      "link-local", "multicast", "reserved",	"node" };

	return n < NEVER_MAX ? names[n] : "?";
}

/* Of the special-purpose registries of IANA (RFC 6890) what is a node's own world, IPv4 as IPv4-mapped: bits counts over 128.
 * Translation prefixes reach IPv4 addresses of any kind. What is reserved for documentation and tests may be listed. */
static const struct {
	uint8_t prefix[16];
	uint8_t bits;
	uint8_t why;
} special[] = {
#define V4(a, b, c, d, n, w) { { [10] = 0xff, 0xff, a, b, c, d }, 96 + (n), w }
	V4(0, 0, 0, 0, 8, NEVER_UNSPECIFIED),
	V4(10, 0, 0, 0, 8, NEVER_PRIVATE),
	V4(100, 64, 0, 0, 10, NEVER_PRIVATE),
	V4(127, 0, 0, 0, 8, NEVER_LOOPBACK),
	V4(169, 254, 0, 0, 16, NEVER_LINK_LOCAL),
	V4(172, 16, 0, 0, 12, NEVER_PRIVATE),
	V4(192, 168, 0, 0, 16, NEVER_PRIVATE),
	V4(224, 0, 0, 0, 4, NEVER_MULTICAST),
	V4(240, 0, 0, 0, 4, NEVER_RESERVED),
#undef V4
	{ { 0 }, 128, NEVER_UNSPECIFIED },
	{ { [15] = 1 }, 128, NEVER_LOOPBACK },
	{ { 0x00, 0x64, 0xff, 0x9b }, 96, NEVER_RESERVED },
	{ { 0xfc }, 7, NEVER_PRIVATE },
	{ { 0xfe, 0x80 }, 10, NEVER_LINK_LOCAL },
	{ { 0xff }, 8, NEVER_MULTICAST },
};

static bool overlap(const uint8_t a_first[16], const uint8_t a_last[16], const uint8_t b_first[16], const uint8_t b_last[16])
{
	return memcmp(a_first, b_last, 16) <= 0 && memcmp(b_first, a_last, 16) <= 0;
}

static void last_of(const uint8_t prefix[16], unsigned bits, uint8_t ret[16])
{
	for (unsigned i = 0; i < 16; i++)
		ret[i] = (uint8_t)(prefix[i] | (bits >= 8 * (i + 1) ? 0 : bits <= 8 * i ? 0xff : 0xff >> (bits - 8 * i)));
}

static bool is_v4(const uint8_t a[16])
{
	static const uint8_t mapped[12] = { [10] = 0xff, 0xff };

	return memcmp(a, mapped, sizeof(mapped)) == 0;
}

/* More addresses than a prefix of so many bits has: the difference of the ends reaches 2^(128 - bits). */
static bool is_wider(const uint8_t first[16], const uint8_t last[16], unsigned bits)
{
	uint8_t diff[16];
	unsigned borrow = 0;

	for (int i = 15; i >= 0; i--) {
		unsigned a = last[i], b = first[i] + borrow;

		borrow = a < b;
		diff[i] = (uint8_t)(a - b);
	}
	for (unsigned i = 0; i < bits / 8; i++)
		if (diff[i])
			return true;
	return bits % 8 && diff[bits / 8] >> (8 - bits % 8);
}

enum never_block never_block_check(const uint8_t first[16], const uint8_t last[16], const struct never_range *own, unsigned own_count)
{
	if (is_wider(first, last, is_v4(first) && is_v4(last) ? 96 + 8 : 19))
		return NEVER_TOO_WIDE;
	for (unsigned i = 0; i < own_count; i++)
		if (overlap(first, last, own[i].first, own[i].last))
			return NEVER_NODE;
	for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++) {
		uint8_t end[16];

		last_of(special[i].prefix, special[i].bits, end);
		if (overlap(first, last, special[i].prefix, end))
			return (enum never_block)special[i].why;
	}
	return NEVER_NO;
}
