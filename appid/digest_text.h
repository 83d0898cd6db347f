/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Digests of fingerprints as text (libgcrypt, which libndpi brings along: LGPL-2.1+). */
#ifndef PG_APPID_DIGEST_TEXT_H
#define PG_APPID_DIGEST_TEXT_H

#include <stddef.h>

#define DIGEST_MD5_LEN 33
#define DIGEST_SHA256_LEN 65

/* To be called once before the sandbox closes, and before threads; the others call it themselves otherwise. */
void digest_init(void);
/* Lower-case hex and a NUL; "" when the library has no such digest (FIPS mode knows no MD5). */
void digest_md5(const void *data, size_t len, char ret[DIGEST_MD5_LEN]);
void digest_sha256(const void *data, size_t len, char ret[DIGEST_SHA256_LEN]);

#endif
