/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The content of one feed, made to be asked: immutable once sealed. About 16 bytes an IPv4 range, 40 an IPv6 range or digest,
 * 20 and its text a name. */
#ifndef PG_INTEL_REPUTATION_H
#define PG_INTEL_REPUTATION_H

#include "intel/indicator.h"
#include "intel/never_block.h"

struct feed_set;

enum feed_match {
	MATCH_EXACT,   /* the entry is the thing itself */
	MATCH_WITHIN,  /* an address inside a listed prefix or range */
	MATCH_BELOW,   /* a name below a listed one */
	MATCH_HOST,    /* the host of a listed URL, or a name or address in one that was asked for */
};
const char *feed_match_name(enum feed_match m); /* "exact" "within" "below" "host" */

struct feed_hit {
	enum indicator_kind kind;
	enum feed_match match;
	uint32_t line;           /* of the entry in its feed */
	uint8_t confidence, flags; /* as in struct indicator */
	enum never_block never;  /* NEVER_NO, or why it is not used although it is listed */
	uint8_t first[16], last[16]; /* IND_IP: the part of the entry around the address that no narrower entry covers */
	const char *text;        /* IND_DOMAIN, IND_URL: the entry; lives as long as the set */
	const char *category;    /* "" none; as long as the set */
};

/* own[own_count]: what must never be blocked besides special addresses; copied by nothing, needed while adding.
 * seed: random, so that a feed cannot choose names that meet in the table. NULL: no memory. */
struct feed_set *feed_set_new(const struct never_range *own, unsigned own_count, uint64_t seed);
void feed_set_free(struct feed_set *s);
/* A feed_cb (intel/feed.h) whose arg is the set. What has no room is counted: feed_set_seal() says so. */
void feed_set_add(const struct indicator *i, void *set);
/* Sorts; from here on it can be asked and nothing be added. Of entries that overlap, the narrower answers. 0, -ENOMEM. */
int feed_set_seal(struct feed_set *s);

size_t feed_set_count(const struct feed_set *s, enum indicator_kind k);
size_t feed_set_never(const struct feed_set *s); /* entries that are listed but never used */
size_t feed_set_bytes(const struct feed_set *s); /* memory in use */

/* Every piece of the address space that an entry answers for, in order within a family; pieces do not overlap. h is valid during the
 * call. */
void feed_set_each_ip(const struct feed_set *s, void (*cb)(const uint8_t first[16], const uint8_t last[16], const struct feed_hit *h, void *arg),
		      void *arg);

/* Whether an address (IPv4 as IPv4-mapped), a name (any case), a digest, a URL is listed. */
bool feed_set_ip(const struct feed_set *s, const uint8_t addr[16], struct feed_hit *ret);
bool feed_set_domain(const struct feed_set *s, const char *name, size_t len, struct feed_hit *ret);
bool feed_set_hash(const struct feed_set *s, enum hash_algo algo, const uint8_t *digest, struct feed_hit *ret);
bool feed_set_url(const struct feed_set *s, const char *url, size_t len, struct feed_hit *ret);

#endif
