/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Country and network operator of outside addresses, from the databases that the configuration names (geo.country, geo.asn). A
 * database may be replaced at any time; a broken one is refused, and the last good one stays. Core's loop only. */
#ifndef PG_SENSOR_CORE_GEO_H
#define PG_SENSOR_CORE_GEO_H

#include "intel/geo_mmdb.h"
#include "sensor/core/core.h"

/* What is known of an address; false: nothing, or no database is configured. */
bool core_geo(const struct core *c, const uint8_t addr[16], struct geo_entry *ret);

/* Writes "country", "asn", "as_org", as far as they are known. */
struct jsonl;
void json_geo(struct jsonl *j, const struct geo_entry *e);

#endif
