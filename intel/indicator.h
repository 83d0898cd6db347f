/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a reputation feed lists: addresses, names, digests of files, URLs. */
#ifndef PG_INTEL_INDICATOR_H
#define PG_INTEL_INDICATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum indicator_kind { IND_IP, IND_DOMAIN, IND_HASH, IND_URL, IND_KINDS };
const char *indicator_kind_name(enum indicator_kind k); /* "ip" "domain" "hash" "url" */

enum hash_algo { HASH_MD5, HASH_SHA1, HASH_SHA256, HASH_ALGOS };
const char *hash_algo_name(enum hash_algo a); /* "md5" "sha1" "sha256" */
size_t hash_algo_len(enum hash_algo a);       /* bytes of a digest */
#define HASH_LEN_MAX 32

enum {
	INDICATOR_NAME_MAX = 253,   /* RFC 1035 2.3.4, without the final dot */
	INDICATOR_URL_MAX = 2048,
	INDICATOR_CATEGORY_MAX = 48,
	CONFIDENCE_UNSAID = 75,     /* of entries whose feed states none */
	CONFIDENCE_WEAK = 30,       /* a host that only serves a listed URL; one part of a pattern that asks for more */
};

enum indicator_flag {
	IND_SUBDOMAINS = 1 << 0, /* domain: names below it are meant too */
	IND_NOT_FOR_IDS = 1 << 1, /* the feed's author did not mean it for detection (MISP to_ids false): context */
	IND_PARTIAL = 1 << 2,    /* one part of a pattern that asks for more */
	IND_URL_HOST = 1 << 3,   /* the host of a listed URL: others may share it */
};

/* One entry. Strings are not terminated beyond *_len and live as long as the call that gives them. */
struct indicator {
	enum indicator_kind kind;
	uint32_t line;          /* 1-based line of the entry in its feed; JSON: of the value */
	uint8_t confidence;     /* 0..100 */
	uint8_t flags;          /* enum indicator_flag */
	uint8_t first[16], last[16]; /* IND_IP: range, IPv4 as IPv4-mapped, both ends belong to it */
	const char *text;       /* IND_DOMAIN: lower case without final dot; IND_URL: as written, host in lower case */
	size_t text_len;
	enum hash_algo algo;    /* IND_HASH */
	uint8_t digest[HASH_LEN_MAX];
	const char *category;   /* "" none */
	size_t category_len;
};

/* ---- reading one value ------------------------------------------------------------------------------------------- */
/* An address, a prefix ("192.0.2.0/24", "2001:db8::/32") or a range ("192.0.2.1-192.0.2.9"), with nothing around it.
 * Host bits below a prefix are cleared. "::ffff:192.0.2.1/n" counts as IPv6 notation of IPv4. false: none of these. */
bool indicator_ip(const char *s, size_t len, uint8_t ret_first[16], uint8_t ret_last[16]);
/* A host name with at least one dot whose last label is no number (RFC 1123 2.1), to lower case without final dot; "_" is
 * allowed. ret has INDICATOR_NAME_MAX + 1 bytes. Returns its length, 0: none. */
size_t indicator_domain(const char *s, size_t len, char *ret);
/* Hex digits of a digest's length. */
bool indicator_hash(const char *s, size_t len, enum hash_algo *ret_algo, uint8_t ret[HASH_LEN_MAX]);
/* scheme://[user@]host[:port][/…]. Gives the host (without brackets). false: no URL. */
bool indicator_url(const char *s, size_t len, const char **ret_host, size_t *ret_host_len);
/* Writes an IPv4-mapped or IPv6 address; ret has 46 bytes. */
void indicator_ip_text(const uint8_t addr[16], char ret[46]);

#endif
