/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PG_SENSOR_CORE_STORE_SCHEMA_PRIV_H
#define PG_SENSOR_CORE_STORE_SCHEMA_PRIV_H

#include <sqlite3.h>

/* Brings a database to schema version count: steps[v] leads from version v to v + 1, each in a transaction with its
 * user_version. Returns SQLITE_OK; SQLITE_READONLY: written by a newer version, left untouched (*ret_have: its version);
 * SQLITE_NOTADB: it has no version; or what failed. */
int store_schema_upgrade(sqlite3 *db, const char *const *steps, int count, int *ret_have);

#endif
