/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/digest.h"

#include <errno.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

struct digest {
	EVP_MD_CTX *ctx;
	const EVP_MD *md;
};

int digest_prepare(void)
{
	struct digest *d;
	uint8_t out[DIGEST_SHA256_LEN];
	int r = -ENOTSUP;

	/* No configuration file: it could load code from anywhere. */
	if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1)
		return r;
	d = digest_new();
	if (d)
		r = digest_add(d, "", 0);
	if (r == 0)
		r = digest_finish(d, out);
	digest_free(d);
	return r == 0 ? 0 : -ENOTSUP;
}

static struct digest *new_of(const EVP_MD *md)
{
	struct digest *d = md ? malloc(sizeof(*d)) : NULL;

	if (!d)
		return NULL;
	d->md = md;
	d->ctx = EVP_MD_CTX_new();
	if (!d->ctx || EVP_DigestInit_ex(d->ctx, md, NULL) != 1) {
		digest_free(d);
		return NULL;
	}
	return d;
}

struct digest *digest_new(void)
{
	return new_of(EVP_sha256());
}

struct digest *digest_new_of(const char *algorithm)
{
	return new_of(!strcmp(algorithm, "md5") ? EVP_md5() : !strcmp(algorithm, "sha1") ? EVP_sha1() : NULL);
}

void digest_free(struct digest *d)
{
	if (d)
		EVP_MD_CTX_free(d->ctx);
	free(d);
}

int digest_add(struct digest *d, const void *data, size_t len)
{
	return EVP_DigestUpdate(d->ctx, data, len) == 1 ? 0 : -EIO;
}

int digest_finish(struct digest *d, uint8_t ret[DIGEST_SHA256_LEN])
{
	unsigned n = 0;

	if (EVP_DigestFinal_ex(d->ctx, ret, &n) != 1 || n != DIGEST_SHA256_LEN)
		return -EIO;
	return EVP_DigestInit_ex(d->ctx, EVP_sha256(), NULL) == 1 ? 0 : -EIO;
}

static void hex_text(const uint8_t *digest, size_t len, char ret[DIGEST_SHA256_TEXT])
{
	static const char hex[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		ret[2 * i] = hex[digest[i] >> 4];
		ret[2 * i + 1] = hex[digest[i] & 15];
	}
	ret[2 * len] = '\0';
}

int digest_finish_text(struct digest *d, char ret[DIGEST_SHA256_TEXT])
{
	uint8_t raw[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	if (EVP_DigestFinal_ex(d->ctx, raw, &n) != 1 || n > DIGEST_SHA256_LEN)
		return -EIO;
	hex_text(raw, n, ret);
	return EVP_DigestInit_ex(d->ctx, d->md, NULL) == 1 ? 0 : -EIO;
}

void digest_text(const uint8_t sha256[DIGEST_SHA256_LEN], char ret[DIGEST_SHA256_TEXT])
{
	hex_text(sha256, DIGEST_SHA256_LEN, ret);
}

int digest_hmac(const void *key, size_t key_len, const void *data, size_t len, uint8_t ret[DIGEST_SHA256_LEN])
{
	unsigned n = 0;

	if (key_len > INT_MAX)
		return -EINVAL;
	return HMAC(EVP_sha256(), key, (int)key_len, data, len, ret, &n) && n == DIGEST_SHA256_LEN ? 0 : -EIO;
}
