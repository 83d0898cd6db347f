/* SPDX-License-Identifier: GPL-2.0-or-later */
/* HTTP/2 frames and HPACK blocks of any bytes: strings stay inside their arrays, each field takes bytes, and a cut stream never
 * says something else than the whole one in what it says for sure. Input: the first byte chooses the reader. */
#include <stdlib.h>
#include <string.h>

#include "appid/hpack.h"
#include "appid/http2_head.h"

static void ended(const char *s, size_t size)
{
	if (!memchr(s, 0, size))
		abort();
}

static void fields(struct bytes b)
{
	struct hpack_field f;
	const uint8_t *at = b.p;

	while (hpack_next(&b, &f) == HPACK_FIELD) {
		ended(f.name, sizeof(f.name));
		if (b.p <= at || f.value_len >= sizeof(f.value) || f.value[f.value_len])
			abort();
		at = b.p;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes b = bytes_of(data, size);
	struct http2_head h, part;
	char out[64];
	uint8_t which;
	int n;

	if (!bytes_u8(&b, &which))
		return 0;
	switch (which & 3) {
	case 0:
		fields(b);
		return 0;
	case 1:
		n = hpack_huffman(b, out, sizeof(out));
		if (n >= (int)sizeof(out) || (n >= 0 && out[n]))
			abort();
		return 0;
	}
	http2_server_probe(b);
	http2_head_parse(b, &h);
	ended(h.path, sizeof(h.path));
	ended(h.authority, sizeof(h.authority));
	ended(h.content_type, sizeof(h.content_type));
	if (bytes_left(&b) > which) {
		http2_head_parse(bytes_of(b.p, bytes_left(&b) - which), &part);
		if (part.complete && !part.bad && part.headers && (!h.headers || strcmp(part.path, h.path)))
			abort();
	}
	return 0;
}
