/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "intel/indicator.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

const char *indicator_kind_name(enum indicator_kind k)
{
	static const char *const names[IND_KINDS] = { "ip", "domain", "hash", "url" };

	return k < IND_KINDS ? names[k] : "?";
}

const char *hash_algo_name(enum hash_algo a)
{
	static const char *const names[HASH_ALGOS] = { "md5", "sha1", "sha256" };

	return a < HASH_ALGOS ? names[a] : "?";
}

size_t hash_algo_len(enum hash_algo a)
{
	static const uint8_t lens[HASH_ALGOS] = { 16, 20, 32 };

	return a < HASH_ALGOS ? lens[a] : 0;
}

/* ---- addresses ------------------------------------------------------------------------------------------------------ */
/* Decimal, at most max, no sign, no leading blank. */
static bool number(const char *s, size_t len, unsigned max, unsigned *ret)
{
	unsigned n = 0;

	if (!len || len > 5)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (s[i] < '0' || s[i] > '9')
			return false;
		n = n * 10 + (unsigned)(s[i] - '0');
	}
	*ret = n;
	return n <= max;
}

/* Dotted quad as iplists write it: leading zeros are decimal ("010.1.2.3" is 10.1.2.3 to no two programs: refused). */
static bool address(const char *s, size_t len, uint8_t ret[16], bool *ret_v4)
{
	char buf[INET6_ADDRSTRLEN];

	if (!len || len >= sizeof(buf))
		return false;
	memcpy(buf, s, len);
	buf[len] = '\0';
	*ret_v4 = !memchr(s, ':', len);
	if (*ret_v4) {
		memcpy(ret, mapped, sizeof(mapped));
		return inet_pton(AF_INET, buf, ret + 12) == 1;
	}
	return inet_pton(AF_INET6, buf, ret) == 1;
}

static void prefix_range(uint8_t first[16], uint8_t last[16], unsigned bits)
{
	for (unsigned i = 0; i < 16; i++) {
		unsigned keep = bits >= 8 * (i + 1) ? 8 : bits <= 8 * i ? 0 : bits - 8 * i;
		uint8_t host = (uint8_t)(0xff >> keep);

		first[i] = (uint8_t)(first[i] & ~host);
		last[i] = first[i] | host;
	}
}

bool indicator_ip(const char *s, size_t len, uint8_t ret_first[16], uint8_t ret_last[16])
{
	const char *slash = memchr(s, '/', len), *dash = memchr(s, '-', len);
	bool v4, v4_last;
	unsigned bits;

	if (slash) {
		size_t n = (size_t)(slash - s);

		if (!address(s, n, ret_first, &v4) || !number(slash + 1, len - n - 1, v4 ? 32 : 128, &bits))
			return false;
		prefix_range(ret_first, ret_last, v4 ? bits + 96 : bits);
		return true;
	}
	if (dash) {
		size_t n = (size_t)(dash - s), m = len - n - 1;
		const char *b = dash + 1;

		for (; n && s[n - 1] == ' '; n--)
			;
		for (; m && *b == ' '; b++, m--)
			;
		return address(s, n, ret_first, &v4) && address(b, m, ret_last, &v4_last) && v4 == v4_last &&
		       memcmp(ret_first, ret_last, 16) <= 0;
	}
	if (!address(s, len, ret_first, &v4))
		return false;
	memcpy(ret_last, ret_first, 16);
	return true;
}

void indicator_ip_text(const uint8_t addr[16], char ret[46])
{
	if (!memcmp(addr, mapped, sizeof(mapped)))
		inet_ntop(AF_INET, addr + 12, ret, 46);
	else
		inet_ntop(AF_INET6, addr, ret, 46);
}

/* ---- names ------------------------------------------------------------------------------------------------------------ */
size_t indicator_domain(const char *s, size_t len, char *ret)
{
	size_t label = 0, last = 0;
	bool dot = false, digits = true;

	if (len && s[len - 1] == '.')
		len--;
	if (!len || len > INDICATOR_NAME_MAX)
		return 0;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c >= 'A' && c <= 'Z')
			c = (unsigned char)(c + 'a' - 'A');
		if (c == '.') {
			if (!label || ret[i - 1] == '-')
				return 0;
			label = 0;
			last = i + 1;
			dot = true;
			digits = true;
		} else if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || (c == '-' && label) || c >= 0x80) {
			digits = digits && c >= '0' && c <= '9';
			if (++label > 63)
				return 0;
		} else {
			return 0;
		}
		ret[i] = (char)c;
	}
	if (!dot || !label || digits || len - last < 2 || ret[len - 1] == '-')
		return 0;
	ret[len] = '\0';
	return len;
}

/* ---- digests ------------------------------------------------------------------------------------------------------------ */
static int hex_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool indicator_hash(const char *s, size_t len, enum hash_algo *ret_algo, uint8_t ret[HASH_LEN_MAX])
{
	enum hash_algo a;

	for (a = 0; a < HASH_ALGOS && len != 2 * hash_algo_len(a); a++)
		;
	if (a == HASH_ALGOS)
		return false;
	memset(ret, 0, HASH_LEN_MAX);
	for (size_t i = 0; i < len; i++) {
		int h = hex_of(s[i]);

		if (h < 0)
			return false;
		ret[i / 2] = (uint8_t)(ret[i / 2] << 4 | h);
	}
	*ret_algo = a;
	return true;
}

/* ---- URLs (RFC 3986 3.2) ------------------------------------------------------------------------------------------------ */
bool indicator_url(const char *s, size_t len, const char **ret_host, size_t *ret_host_len)
{
	size_t i = 0, end, at;

	while (i < len && ((s[i] | 0x20) >= 'a' && (s[i] | 0x20) <= 'z'))
		i++;
	if (i < 3 || i > 8 || len - i < 4 || memcmp(s + i, "://", 3) != 0)
		return false;
	i += 3;
	for (end = i; end < len && !strchr("/?#\\", s[end]) && s[end]; end++)
		;
	for (at = end; at > i && s[at - 1] != '@'; at--)
		;
	if (at > i)
		i = at;
	if (i < end && s[i] == '[') {
		const char *close = memchr(s + i, ']', end - i);

		if (!close)
			return false;
		*ret_host = s + i + 1;
		*ret_host_len = (size_t)(close - *ret_host);
		return *ret_host_len > 0;
	}
	for (at = i; at < end && s[at] != ':'; at++)
		;
	*ret_host = s + i;
	*ret_host_len = at - i;
	return at > i;
}
