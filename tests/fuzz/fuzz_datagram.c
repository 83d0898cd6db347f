/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The recognisers of datagrams with any bytes. What they say is the same each time, names a protocol and an end, and one that
 * knows a datagram on a port that is no service's knows it on any such port.
 * The hello of QUIC is put together the same, whatever is in the datagrams.
 * Input: 1 byte flags (direction, cut), 1 byte which ports, then the datagram. */
#include <stdlib.h>
#include <string.h>

#include "appid/quic_hello.h"
#include "appid/recognise.h"

static void sane(enum recog r, const struct recog_found *f)
{
	if (r != RECOG_NO && r != RECOG_YES)
		abort();
	if (r == RECOG_YES && (f->app == APP_UNKNOWN || f->app >= APP_MAX || f->server_dir > 2 || !strcmp(app_name(f->app), "Unknown")))
		abort();
}

/* As one datagram and as two. */
static void quic(struct bytes b)
{
	uint8_t out[QUIC_HELLO_MAX], again[QUIC_HELLO_MAX];
	struct bytes parts[2] = { b, b };
	bool read;
	size_t n = quic_hello(&b, 1, out, &read), m;

	if (n > QUIC_HELLO_MAX || (n && !read))
		abort();
	m = quic_hello(parts, 2, again, &read); /* the same twice: nothing new */
	if (m != n || memcmp(out, again, n) != 0)
		abort();
	parts[0].end = parts[1].p = b.p + bytes_left(&b) / 2;
	if (quic_hello(parts, 2, out, &read) > QUIC_HELLO_MAX)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint16_t known[] = { 53, 123, 4789, 8472, 5353, 5355, 69, 443 };
	struct bytes b = bytes_of(data, size);
	struct recog_found f = { 0 }, g = { 0 };
	uint16_t ports[2] = { 40000, 40001 }, others[2] = { 50000, 9999 };
	uint8_t flags, which;
	enum recog r, again;

	if (!bytes_u8(&b, &flags) || !bytes_u8(&b, &which))
		return 0;
	if (which < sizeof(known) / sizeof(known[0]) * 2)
		ports[which & 1] = known[which / 2];
	r = recognise_datagram(flags & 1, b, flags & 2, ports, &f);
	sane(r, &f);
	again = recognise_datagram(flags & 1, b, flags & 2, ports, &g);
	if (r != again || (r == RECOG_YES && (f.app != g.app || f.server_dir != g.server_dir)))
		abort();
	if (ports[0] == 40000 && ports[1] == 40001 && recognise_datagram(flags & 1, b, flags & 2, others, &g) != r)
		abort();
	sane(recognise_quic(flags & 1, b, &f), &f);
	quic(b);
	return 0;
}
