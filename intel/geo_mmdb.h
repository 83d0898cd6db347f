/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Country and network operator of an address, from MaxMind databases (libmaxminddb finds the record, geo_data.h reads it). */
#ifndef PG_INTEL_GEO_MMDB_H
#define PG_INTEL_GEO_MMDB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct geo;

struct geo_entry {
	char country[4];   /* ISO 3166-1 alpha-2, "" unknown */
	uint32_t asn;      /* 0 unknown */
	char as_org[96];   /* valid UTF-8, "" unknown */
};

enum { GEO_BYTES_MAX = 512 << 20, GEO_WHY_LEN = 120 };

/* Copies the file behind fd (not closed; read from its beginning) into memory that nobody else can change, and opens it. 0;
 * -EFBIG, -EBADMSG: broken, ret_why says how (GEO_WHY_LEN bytes). */
int geo_open(int fd, struct geo **ret, char *ret_why);
void geo_close(struct geo *g);
/* Reads the tree and the first 100,000 different records: -EBADMSG with ret_why if something is broken. */
int geo_verify(struct geo *g, char *ret_why);
/* addr: IPv4 as IPv4-mapped. 1: there is a record (fields that it has are set, others left); 0: none; -EBADMSG: broken. */
int geo_lookup(struct geo *g, const uint8_t addr[16], struct geo_entry *ret);
/* The whole record as JSON, allocated. 1, 0, -errno as geo_lookup(); -EAFNOSUPPORT: an IPv6 address, and the database has none. */
int geo_json(struct geo *g, const uint8_t addr[16], char **ret);
bool geo_has_v4_only(const struct geo *g);
size_t geo_bytes(const struct geo *g);
uint64_t geo_built(const struct geo *g); /* Unix time */

#endif
