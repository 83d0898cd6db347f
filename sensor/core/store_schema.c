/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/core/store_schema_priv.h"

#include <stdio.h>

static int version_of(sqlite3 *db)
{
	sqlite3_stmt *st = NULL;
	int v = -1;

	if (sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &st, NULL) == SQLITE_OK && sqlite3_step(st) == SQLITE_ROW)
		v = sqlite3_column_int(st, 0);
	sqlite3_finalize(st);
	return v;
}

int store_schema_upgrade(sqlite3 *db, const char *const *steps, int count, int *ret_have)
{
	int rc = SQLITE_OK, have = version_of(db);
	char sql[64];

	*ret_have = have;
	if (have < 0)
		return SQLITE_NOTADB;
	if (have > count)
		return SQLITE_READONLY;
	for (int v = have; rc == SQLITE_OK && v < count; v++) {
		snprintf(sql, sizeof(sql), "PRAGMA user_version=%d; COMMIT", v + 1);
		rc = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
		if (rc == SQLITE_OK)
			rc = sqlite3_exec(db, steps[v], NULL, NULL, NULL);
		if (rc == SQLITE_OK)
			rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
		if (rc != SQLITE_OK && !sqlite3_get_autocommit(db))
			sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	}
	return rc;
}
