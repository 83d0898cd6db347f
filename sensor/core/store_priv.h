/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the store's files share. store_db.c: the file: opening, schema, damage, space. store.c: what goes in. store_read.c:
 * what comes out. */
#ifndef PG_SENSOR_CORE_STORE_PRIV_H
#define PG_SENSOR_CORE_STORE_PRIV_H

#include <sqlite3.h>

#include "sensor/core/store.h"

#define STORE_LIST_SEPARATOR '\x1f' /* between names in one column: in no name that anyone means well */
#define STORE_LIST_LEN 8192

enum store_stmt {
	STMT_BEGIN,
	STMT_COMMIT,
	STMT_NODE_PUT,
	STMT_EDGE_PUT,
	STMT_EDGE_DEL,
	STMT_EDGE_EACH,
	STMT_NODE_GC,
	STMT_META_PUT,
	STMT_META_GET,
	STMT_FLOW_PUT,
	STMT_FLOW_MORE,
	STMT_FLOW_EACH,
	STMT_FLOW_SPAN,
	STMT_FLOW_OLDEST,
	STMT_POSITION_PUT,
	STMT_POSITION_DEL,
	STMT_POSITION_CLEAR,
	STMT_POSITION_EACH,
	STMT_FLOW_RETIRE_AGE,
	STMT_FLOW_RETIRE_SPACE,
	STMT_MAX
};

struct store {
	sqlite3 *db;            /* NULL: closed after a failure, reopened by store_tick() */
	sqlite3_stmt *stmts[STMT_MAX];
	char path[320];
	char warning[1024];
	struct store_stats stats;
	uint32_t history_days;
	uint64_t max_bytes;
	uint64_t pending;       /* flow rows in the open transaction */
	uint64_t lost_unsaid;   /* lost rows that core has not been told of yet */
	uint64_t saved_generation; /* of the topology */
	uint8_t mark[64];
	size_t mark_len;
	bool in_tx, restore_was_partial;
	uint64_t retired_at_ns; /* monotonic: last step of retention */
};

/* Opens, checks, upgrades; sets a damaged file aside and starts a new one. 0 or -errno (s->db is NULL then). */
int store_db_open(struct store *s);
void store_db_close(struct store *s);
/* Reads result code rc: notes the error, drops the transaction that SQLite rolled back, sets a damaged file aside and starts
 * a new one. Returns -errno. */
int store_db_failed(struct store *s, int rc, const char *what);
int store_db_begin(struct store *s);
int store_db_commit(struct store *s);
/* Runs a statement that returns no rows; resets it. SQLITE_DONE is 0; else as store_db_failed(). */
int store_db_run(struct store *s, enum store_stmt i, const char *what);
/* Bytes in use inside the file, without free pages. */
uint64_t store_db_used_bytes(struct store *s);
int64_t store_db_number(struct store *s, const char *sql);

/* Never NULL. */
static inline const char *store_column_text(sqlite3_stmt *st, int i)
{
	const char *t = (const char *)sqlite3_column_text(st, i);

	return t ? t : "";
}

#endif
