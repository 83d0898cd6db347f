/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SHA-256 (FIPS 180-4), by OpenSSL's libcrypto: programs that call it link -lcrypto. Any thread, one object each. */
#ifndef PG_BASE_DIGEST_H
#define PG_BASE_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#define DIGEST_SHA256_LEN 32
#define DIGEST_SHA256_TEXT 65 /* hex digits and NUL */

struct digest;
/* Call once before a sandbox is entered: what the library loads it loads now. 0 or -ENOTSUP. */
int digest_prepare(void);
/* NULL: no memory. */
struct digest *digest_new(void);
/* "md5", "sha1": what package managers keep, for comparing with it only. NULL: no memory, or the library has none. */
struct digest *digest_new_of(const char *algorithm);
void digest_free(struct digest *d);
/* 0 or -EIO. After finish the object starts anew. */
int digest_add(struct digest *d, const void *data, size_t len);
int digest_finish(struct digest *d, uint8_t ret[DIGEST_SHA256_LEN]);
/* As hex digits, of any algorithm. */
int digest_finish_text(struct digest *d, char ret[DIGEST_SHA256_TEXT]);

/* HMAC-SHA256 (RFC 2104) of len bytes. 0, -EINVAL (a key above INT_MAX bytes), -EIO. */
int digest_hmac(const void *key, size_t key_len, const void *data, size_t len, uint8_t ret[DIGEST_SHA256_LEN]);
void digest_text(const uint8_t sha256[DIGEST_SHA256_LEN], char ret[DIGEST_SHA256_TEXT]);

#endif
