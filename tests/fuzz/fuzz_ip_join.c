/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pieces of datagrams in any order, overlapping, cut, too many: what is joined is what came first, up to the first hole, and no
 * more datagrams wait than may. Each piece says the bytes of its offsets, or others (then there is a conflict).
 * Input: pieces: 1 byte which datagram and flags, 2 bytes offset, 2 bytes length, 1 byte how much was captured. */
#include <stdlib.h>
#include <string.h>

#include "appid/ip_join.h"

enum { DATAGRAMS = 4, BYTES = 8192 };

static void take(struct ip_join *j, struct ip_gather *g, const bool lied[16])
{
	struct ip_joined d;
	uint32_t id;

	ip_join_take(j, g, &d, &id);
	if (id > 15 || (d.version != 4 && d.version != 6) || bytes_left(&d.data) > d.wire_len)
		abort();
	if (d.conflict && !lied[id])
		abort();
	for (size_t i = 0; i < bytes_left(&d.data) && !lied[id]; i++)
		if (d.data.p[i] != (uint8_t)(i * 7 + i / 256))
			abort();
	if (d.data.p)
		memset((uint8_t *)(uintptr_t)d.data.p - IP_JOIN_HEADROOM, 0, IP_JOIN_HEADROOM); /* is the caller's */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct ip_join_limits limits = { .datagrams = DATAGRAMS, .bytes = BYTES, .wait_ns = 50, .extra = sizeof(uint32_t) };
	static uint8_t said[65536], lie[65536];
	struct bytes b = bytes_of(data, size);
	struct ip_join *j = ip_join_new(&limits);
	bool lied[16] = { false };
	uint8_t which, captured;
	uint16_t from, len;
	uint64_t now = 1000;

	for (unsigned i = said[1] ? sizeof(said) : 0; i < sizeof(said); i++) { /* once */
		said[i] = (uint8_t)(i * 7 + i / 256);
		lie[i] = (uint8_t)~said[i];
	}
	while (j && bytes_u8(&b, &which) && bytes_be16(&b, &from) && bytes_be16(&b, &len) && bytes_u8(&b, &captured)) {
		struct ip_piece p = { .version = which & 16 ? 6 : 4, .proto = 17, .id = which & 15, .from = from & 0xfff8u, .wire_len = len,
				      .more = which & 32 };
		size_t have = p.from + len > 65535 ? 0 : captured == 255 ? len : (size_t)captured * 8 < len ? (size_t)captured * 8 : len;
		struct ip_gather *g;

		p.src[0] = 1;
		p.data = bytes_of((which & 64 ? lie : said) + p.from, have);
		lied[p.id] |= which & 64;
		now += captured;
		while ((g = ip_join_old(j, now)))
			take(j, g, lied);
		g = ip_join_add(j, &p, now);
		if (!g)
			continue;
		*(uint32_t *)ip_gather_extra(g) = p.id;
		if (ip_gather_is_whole(g))
			take(j, g, lied);
	}
	for (struct ip_gather *g; j && (g = ip_join_old(j, UINT64_MAX));)
		take(j, g, lied);
	if (j && !ip_join_is_empty(j))
		abort();
	ip_join_free(j);
	return 0;
}
