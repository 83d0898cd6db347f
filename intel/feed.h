/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reputation feeds, read: text in, indicators out. Hostile input; runs in the sandbox of pierglass-inspect. Pure: opens
 * nothing, time comes in as a parameter.
 *
 * Formats, found by looking at the content:
 *   lines    one entry a line, comments after # ; // : addresses, prefixes, ranges (FireHOL netset/ipset, Spamhaus DROP text,
 *            DShield block, "ipset save"), names (plain, hosts(5), AdBlock "||name^"), digests ("digest  file"), URLs
 *   csv      separated by , ; | or tab, quoted (RFC 4180) or not, columns by their names in the header, also a commented one
 *            (abuse.ch Feodo, ThreatFox, URLhaus, MalwareBazaar), else the first field that is an indicator
 *   json     STIX 2.0/2.1 bundles, MISP events and attribute collections, OTX pulses, Spamhaus DROP JSON lines, abuse.ch JSON */
#ifndef PG_INTEL_FEED_H
#define PG_INTEL_FEED_H

#include "intel/indicator.h"

enum feed_format { FEED_AUTO, FEED_LINES, FEED_CSV, FEED_STIX, FEED_MISP, FEED_JSON, FEED_FORMATS };
const char *feed_format_name(enum feed_format f); /* "auto" "lines" "csv" "stix" "misp" "json" */
/* -EINVAL: no such format. */
int feed_format_parse(const char *s, enum feed_format *ret);

enum {
	FEED_BYTES_MAX = 256 << 20,
	FEED_JSON_BYTES_MAX = 16 << 20, /* a JSON document needs about ten times its size while it is read */
	FEED_BAD_SHOWN = 8,
};

/* What became of a feed. */
struct feed_report {
	enum feed_format format;
	uint64_t entries[IND_KINDS];   /* given to the callback */
	uint64_t unsupported;          /* entries of a kind that is not matched here (mail addresses, certificates, TLSH, …) */
	uint64_t expired;              /* entries whose validity ended before now, or revoked */
	uint64_t bad;                  /* lines or values that are nothing known */
	uint32_t bad_lines[FEED_BAD_SHOWN];
	const char *refused;           /* why nothing of it may be used; NULL: it may. Static text */
	uint64_t promised, unique_ips; /* the header's number of addresses (0: none) and what was found */
};

typedef void (*feed_cb)(const struct indicator *i, void *arg);

/* Reads a whole feed; calls cb for each entry while reading, so a caller must be ready to drop what it was given: 0 when the
 * feed may be used, -EBADMSG when it may not (ret->refused says why), -ENOMEM. now_s: Unix time, against which validity is held.
 * Time and memory are linear in len. */
int feed_parse(const char *text, size_t len, enum feed_format format, int64_t now_s, feed_cb cb, void *arg, struct feed_report *ret);

#endif
