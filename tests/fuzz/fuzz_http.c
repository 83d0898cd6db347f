/* SPDX-License-Identifier: GPL-2.0-or-later */
/* HTTP heads: any bytes; every view lies inside the message, and a longer piece never takes an answer back. */
#include <stdlib.h>

#include "appid/http_head.h"

static void inside(struct bytes v, const uint8_t *data, size_t size)
{
	if (v.p == v.end)
		return;
	if (v.p < data || v.end > data + size || v.p > v.end)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool answered = false;
	struct http_head h;

	for (int whole = 0; whole < 2; whole++) {
		http_head_parse(bytes_of(data, size), whole, &h);
		inside(h.method, data, size);
		inside(h.target, data, size);
		inside(h.version, data, size);
		inside(h.host, data, size);
		inside(h.user_agent, data, size);
		inside(h.server, data, size);
		inside(h.upgrade, data, size);
		if (whole && h.kind == HTTP_MORE)
			abort();
	}
	for (size_t n = 1; n <= size && n < 300; n++) {
		enum http_kind k = http_head_probe(bytes_of(data, n), false);

		if (answered && k == HTTP_MORE)
			abort();
		answered |= k != HTTP_MORE;
	}
	return 0;
}
