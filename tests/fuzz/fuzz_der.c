/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of certificates, and fingerprints of hellos, from any bytes. Input: the first byte chooses. */
#include <stdlib.h>
#include <string.h>

#include "appid/der_name.h"
#include "appid/tls_print.h"

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
	struct bytes b = bytes_of(data, size);
	char text[JA3_TEXT_MAX];
	struct der_names n;
	struct tls_print p;
	uint8_t which;

	if (!bytes_u8(&b, &which))
		return 0;
	if (which & 1) {
		der_names_read(b, &n);
		printable(n.subject, sizeof(n.subject));
		printable(n.issuer, sizeof(n.issuer));
		return 0;
	}
	if (tls_print_read(b, &p)) {
		if (strlen(p.ja3) + strlen(p.ja3s) != 32 || (p.ja4[0] && strlen(p.ja4) != JA4_LEN - 1))
			abort();
		printable(p.ja4, sizeof(p.ja4));
	}
	if (tls_print_ja3_text(b, text, sizeof(text)))
		printable(text, sizeof(text));
	return 0;
}
