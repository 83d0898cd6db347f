/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What conversations say about themselves, and where they change: any protocol with any bytes. Nothing may crash; host, info
 * and facts are bounded and printable; a change lies inside what was said.
 * Input: 1 byte the protocol, 1 byte flags (server's direction, whole, datagrams), 2 bytes where the second side begins. */
#include <stdlib.h>
#include <string.h>

#include "appid/change.h"
#include "appid/entropy.h"

static void printable(const char *s, size_t size)
{
	if (!memchr(s, 0, size))
		abort();
	for (; *s; s++)
		if (*s < 0x20 || *s > 0x7e)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes b = bytes_of(data, size), said[2];
	struct detail_in in = { 0 };
	struct detail t;
	struct change c;
	uint8_t app, flags;
	uint16_t half;

	if (!bytes_u8(&b, &app) || !bytes_u8(&b, &flags) || !bytes_be16(&b, &half) || bytes_left(&b) > 8192)
		return 0;
	app %= APP_MAX;
	if (half > bytes_left(&b))
		half = (uint16_t)bytes_left(&b);
	bytes_take(&b, half, &said[0]);
	said[1] = b;
	for (unsigned d = 0; d < 2; d++) { /* apart, so that a read beyond one is seen */
		size_t n = bytes_left(&said[d]);
		uint8_t *p = malloc(n ? n : 1);

		memcpy(p, said[d].p, n);
		in.said[d] = bytes_of(p, n);
		in.whole[d] = flags >> (2 + d) & 1;
	}
	in.server_dir = (flags & 3) % 3;
	in.datagrams = flags >> 4 & 1;
	detail_read((enum app_id)app, &in, &t);
	printable(t.host, sizeof(t.host));
	printable(t.info, sizeof(t.info));
	if (!facts_valid(t.facts.text, t.facts.len) || t.facts.text[t.facts.len] || t.app >= APP_MAX)
		abort();
	if (change_find((enum app_id)app, &in, &c) == CHANGE_DONE) {
		if (!c.by || c.to >= APP_MAX)
			abort();
		for (unsigned d = 0; d < 2; d++)
			if (c.at[d] > bytes_left(&in.said[d]))
				abort();
	}
	printable(entropy_class(in.said[0]), 32);
	free((void *)(uintptr_t)(in.said[0].end - bytes_left(&in.said[0])));
	free((void *)(uintptr_t)(in.said[1].end - bytes_left(&in.said[1])));
	return 0;
}
