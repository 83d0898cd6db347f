/* SPDX-License-Identifier: GPL-2.0-or-later */
/* TLS hellos: any bytes; what is read of a prefix must not exceed its arrays. */
#include <stdlib.h>

#include "appid/tls_hello.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tls_hello h, half;

	tls_hello_parse(bytes_of(data, size), &h);
	if (h.sni_len >= sizeof(h.sni) || h.alpn_len >= sizeof(h.alpn) || h.sni[h.sni_len] || h.alpn[h.alpn_len])
		abort();
	if (h.kind != tls_hello_probe(tls_after_warnings(bytes_of(data, size))))
		abort();
	if (size && data[0] == 21) /* half of several alerts is something else */
		return 0;
	/* a shorter piece may say less, never something else */
	tls_hello_parse(bytes_of(data, size / 2), &half);
	if (half.kind != TLS_MORE && half.kind != h.kind)
		abort();
	return 0;
}
