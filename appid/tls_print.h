/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fingerprints of TLS hellos: JA3 and JA3S (Salesforce, BSD), JA4 (FoxIO, "JA4: TLS Client Fingerprinting", BSD-3-Clause).
 * JA4S and the rest of "JA4+" are left out: the FoxIO License 1.1 restricts use, which no program under the GPL may do (their
 * own licence FAQ says so). Pure but for the digests. */
#ifndef PG_APPID_TLS_PRINT_H
#define PG_APPID_TLS_PRINT_H

#include <stdbool.h>

#include "base/bytes.h"

#define JA3_TEXT_MAX 2048
#define JA4_LEN 37

struct tls_print {
	char ja3[33];  /* of a ClientHello; "" none */
	char ja3s[33]; /* of a ServerHello */
	char ja4[JA4_LEN];
};

/* From the first bytes of a stream that holds one whole hello; false: it does not. */
bool tls_print_read(struct bytes b, struct tls_print *ret);
/* The text that JA3 (or JA3S) is the MD5 of; for tests and for whoever wants to see it. */
bool tls_print_ja3_text(struct bytes b, char *ret, size_t size);

#endif
