/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a feed must never have blocked, whoever wrote it: a list that names the gateway, the resolver or half of the Internet
 * would cut the node off. */
#ifndef PG_INTEL_NEVER_BLOCK_H
#define PG_INTEL_NEVER_BLOCK_H

#include <stdint.h>

enum never_block {
	NEVER_NO,           /* may be blocked */
	NEVER_TOO_WIDE,     /* shorter than /8 (IPv6: /19), as a range: more addresses than that */
	NEVER_UNSPECIFIED,  /* 0.0.0.0/8, :: */
	NEVER_LOOPBACK,
	NEVER_PRIVATE,      /* RFC 1918, RFC 6598, RFC 4193 */
	NEVER_LINK_LOCAL,
	NEVER_MULTICAST,
	NEVER_RESERVED,     /* 240.0.0.0/4, 64:ff9b::/96 */
	NEVER_NODE,         /* an address of this node, of a gateway, a resolver, a container network, a management peer */
	NEVER_MAX
};
/* "too-wide" "unspecified" "loopback" "private" "link-local" "multicast" "reserved" "node"; "" for NEVER_NO */
const char *never_block_name(enum never_block n);

/* Ranges that an operator or the sensor itself protects, IPv4 as IPv4-mapped, both ends included. */
struct never_range {
	uint8_t first[16], last[16];
};

/* Why the range first..last must not be blocked: it contains or overlaps something of the list above or of own[0..own_count). */
enum never_block never_block_check(const uint8_t first[16], const uint8_t last[16], const struct never_range *own, unsigned own_count);

#endif
