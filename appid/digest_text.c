/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "appid/digest_text.h"

#include <gcrypt.h>
#include <stdbool.h>

static void hex(const unsigned char *p, size_t n, char *ret)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		ret[i * 2] = digits[p[i] >> 4];
		ret[i * 2 + 1] = digits[p[i] & 15];
	}
	ret[n * 2] = '\0';
}

void digest_init(void)
{
	if (gcry_control(GCRYCTL_INITIALIZATION_FINISHED_P))
		return;
	(void)gcry_check_version(NULL);
	gcry_control(GCRYCTL_DISABLE_SECMEM, 0); /* there are no secrets here */
	gcry_control(GCRYCTL_INITIALIZATION_FINISHED, 0);
}

static bool digest(int algo, const void *data, size_t len, unsigned char *ret)
{
	digest_init();
	if (gcry_md_test_algo(algo) != 0)
		return false;
	gcry_md_hash_buffer(algo, ret, data, len);
	return true;
}

void digest_md5(const void *data, size_t len, char ret[DIGEST_MD5_LEN])
{
	unsigned char raw[16];

	ret[0] = '\0';
	if (digest(GCRY_MD_MD5, data, len, raw))
		hex(raw, sizeof(raw), ret);
}

void digest_sha256(const void *data, size_t len, char ret[DIGEST_SHA256_LEN])
{
	unsigned char raw[32];

	ret[0] = '\0';
	if (digest(GCRY_MD_SHA256, data, len, raw))
		hex(raw, sizeof(raw), ret);
}
