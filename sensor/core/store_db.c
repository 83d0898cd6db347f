/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/core/store_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "sensor/core/store_schema_priv.h"

#define CHECK_BUDGET_NS (500 * NSEC_PER_MSEC) /* quick_check reads the whole file: bounded, start must not wait for it */
#define PAGE_BYTES 4096

/* One entry per schema version, applied in order, each in a transaction with its user_version. Never edit an entry that was
 * released: add one. */
static const char *const migrations[] = {
	"CREATE TABLE nodes(id TEXT PRIMARY KEY, kind INTEGER NOT NULL, workload TEXT NOT NULL, engine TEXT NOT NULL,"
	" node TEXT NOT NULL, address TEXT NOT NULL, containers TEXT NOT NULL, networks TEXT NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE edges(client TEXT NOT NULL, server TEXT NOT NULL, l4 INTEGER NOT NULL, port INTEGER NOT NULL,"
	" app TEXT NOT NULL, app_confidence INTEGER NOT NULL, bytes_to_server INTEGER NOT NULL, bytes_to_client INTEGER NOT NULL,"
	" packets_to_server INTEGER NOT NULL, packets_to_client INTEGER NOT NULL, flows INTEGER NOT NULL,"
	" first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL, client_exes TEXT NOT NULL, server_exes TEXT NOT NULL,"
	" host TEXT NOT NULL, PRIMARY KEY(client, server, l4, port)) WITHOUT ROWID;"
	"CREATE TABLE flows(id INTEGER PRIMARY KEY, l4 INTEGER NOT NULL,"
	" client TEXT NOT NULL, client_kind INTEGER NOT NULL, client_container TEXT NOT NULL, client_addr TEXT NOT NULL,"
	" client_port INTEGER NOT NULL, client_exe TEXT NOT NULL, client_pid INTEGER NOT NULL, client_attr INTEGER NOT NULL,"
	" client_network TEXT NOT NULL, server TEXT NOT NULL, server_kind INTEGER NOT NULL, server_container TEXT NOT NULL,"
	" server_addr TEXT NOT NULL, server_port INTEGER NOT NULL, server_exe TEXT NOT NULL, server_pid INTEGER NOT NULL,"
	" server_attr INTEGER NOT NULL, server_network TEXT NOT NULL, app TEXT NOT NULL, app_confidence INTEGER NOT NULL,"
	" host TEXT NOT NULL, info TEXT NOT NULL, bytes_to_server INTEGER NOT NULL, bytes_to_client INTEGER NOT NULL,"
	" packets_to_server INTEGER NOT NULL, packets_to_client INTEGER NOT NULL, first_seen INTEGER NOT NULL,"
	" last_seen INTEGER NOT NULL, vni INTEGER NOT NULL, published_port INTEGER NOT NULL, spoofed INTEGER NOT NULL,"
	" engine TEXT NOT NULL);"
	"CREATE INDEX flows_last_seen ON flows(last_seen);",
	"CREATE TABLE meta(key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;",
	"ALTER TABLE flows ADD COLUMN flows INTEGER NOT NULL DEFAULT 1;",
	"CREATE TABLE positions(key BLOB PRIMARY KEY, first_ns INTEGER NOT NULL, packets_0 INTEGER NOT NULL, packets_1 INTEGER NOT NULL,"
	" bytes_0 INTEGER NOT NULL, bytes_1 INTEGER NOT NULL) WITHOUT ROWID;",
	"ALTER TABLE flows ADD COLUMN details TEXT NOT NULL DEFAULT '';",
};
#define SCHEMA_VERSION ((int)ARRAY_SIZE(migrations))

static const char flow_more_sql[] = "UPDATE flows SET flows = flows + ?, bytes_to_server = bytes_to_server + ?, bytes_to_client = bytes_to_client + ?,"
	" packets_to_server = packets_to_server + ?, packets_to_client = packets_to_client + ?,"
	" first_seen = min(first_seen, ?), last_seen = max(last_seen, ?) WHERE id = ?";

static const char flow_each_sql[] = "SELECT * FROM flows WHERE last_seen >= ?1 AND last_seen <= ?4 AND (?2 IS NULL OR client = ?2 OR server = ?2)"
	" ORDER BY last_seen DESC LIMIT ?3";

static const char *const statements[STMT_MAX] = {
	[STMT_BEGIN] = "BEGIN IMMEDIATE",
	[STMT_COMMIT] = "COMMIT",
	[STMT_NODE_PUT] = "INSERT OR REPLACE INTO nodes VALUES(?,?,?,?,?,?,?,?)",
	[STMT_EDGE_PUT] = "INSERT OR REPLACE INTO edges VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
	[STMT_EDGE_DEL] = "DELETE FROM edges WHERE client=? AND server=? AND l4=? AND port=?",
	[STMT_EDGE_EACH] =
		"SELECT e.client, e.server, e.l4, e.port, e.app, e.app_confidence, e.bytes_to_server, e.bytes_to_client,"
		" e.packets_to_server, e.packets_to_client, e.flows, e.first_seen, e.last_seen, e.client_exes, e.server_exes, e.host,"
		" c.kind, c.workload, c.engine, c.node, c.address, c.containers, c.networks,"
		" s.kind, s.workload, s.engine, s.node, s.address, s.containers, s.networks"
		" FROM edges e JOIN nodes c ON c.id = e.client JOIN nodes s ON s.id = e.server",
	[STMT_NODE_GC] = "DELETE FROM nodes WHERE id NOT IN (SELECT client FROM edges UNION SELECT server FROM edges)",
	[STMT_META_PUT] = "INSERT OR REPLACE INTO meta VALUES(?,?)",
	[STMT_META_GET] = "SELECT value FROM meta WHERE key = ?",
	[STMT_FLOW_PUT] = "INSERT INTO flows(l4, client, client_kind, client_container, client_addr, client_port, client_exe, client_pid,"
			  " client_attr, client_network, server, server_kind, server_container, server_addr, server_port, server_exe,"
			  " server_pid, server_attr, server_network, app, app_confidence, host, info, bytes_to_server, bytes_to_client,"
			  " packets_to_server, packets_to_client, first_seen, last_seen, vni, published_port, spoofed, engine, flows, details)"
			  " VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
	[STMT_FLOW_MORE] = flow_more_sql,
	[STMT_FLOW_EACH] = flow_each_sql,
	[STMT_FLOW_SPAN] = "SELECT * FROM (SELECT * FROM flows WHERE last_seen >= ?1 ORDER BY last_seen LIMIT ?3) WHERE first_seen <= ?4",
	[STMT_FLOW_OLDEST] = "SELECT min(last_seen) FROM flows",
	[STMT_POSITION_PUT] = "INSERT OR REPLACE INTO positions VALUES(?,?,?,?,?,?)",
	[STMT_POSITION_DEL] = "DELETE FROM positions WHERE key = ?",
	[STMT_POSITION_CLEAR] = "DELETE FROM positions",
	[STMT_POSITION_EACH] = "SELECT key, first_ns, packets_0, packets_1, bytes_0, bytes_1 FROM positions",
	[STMT_FLOW_RETIRE_AGE] = "DELETE FROM flows WHERE id IN (SELECT id FROM flows WHERE last_seen < ?1 ORDER BY last_seen LIMIT ?2)",
	[STMT_FLOW_RETIRE_SPACE] = "DELETE FROM flows WHERE id IN (SELECT id FROM flows ORDER BY last_seen LIMIT ?1)",
};

static int errno_of(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_OK:
	case SQLITE_DONE:
	case SQLITE_ROW:
		return 0;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_READONLY:
		return -EROFS;
	case SQLITE_CANTOPEN:
	case SQLITE_PERM:
	case SQLITE_AUTH:
		return -EACCES;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	default:
		return -EIO;
	}
}

static bool is_damage(int rc)
{
	return (rc & 0xff) == SQLITE_CORRUPT || (rc & 0xff) == SQLITE_NOTADB;
}

void store_db_close(struct store *s)
{
	for (unsigned i = 0; i < STMT_MAX; i++) {
		sqlite3_finalize(s->stmts[i]);
		s->stmts[i] = NULL;
	}
	sqlite3_close(s->db);
	s->db = NULL;
	s->in_tx = false;
	s->stats.open = false;
}

static int out_of_time(void *deadline)
{
	return clock_mono_ns() > *(uint64_t *)deadline;
}

static int first_column_text(void *arg, int n, char **values, char **names)
{
	if (n > 0 && values[0])
		snprintf(arg, 128, "%s", values[0]);
	return 0;
}

static int check(struct store *s)
{
	uint64_t deadline = clock_mono_ns() + CHECK_BUDGET_NS;
	char said[128] = "";
	int rc;

	sqlite3_progress_handler(s->db, 10000, out_of_time, &deadline);
	rc = sqlite3_exec(s->db, "PRAGMA quick_check(1)", first_column_text, said, NULL);
	sqlite3_progress_handler(s->db, 0, NULL, NULL);
	if (rc == SQLITE_INTERRUPT) /* large and, as far as read, sound */
		return SQLITE_OK;
	if (rc == SQLITE_OK && strcmp(said, "ok"))
		return SQLITE_CORRUPT;
	return rc;
}

int64_t store_db_number(struct store *s, const char *sql)
{
	sqlite3_stmt *st = NULL;
	int64_t v = -1;

	if (s->db && sqlite3_prepare_v2(s->db, sql, -1, &st, NULL) == SQLITE_OK && sqlite3_step(st) == SQLITE_ROW)
		v = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return v;
}

uint64_t store_db_used_bytes(struct store *s)
{
	int64_t pages = store_db_number(s, "PRAGMA page_count"), unused = store_db_number(s, "PRAGMA freelist_count");

	return pages > unused && unused >= 0 ? (uint64_t)(pages - unused) * PAGE_BYTES : 0;
}

static int migrate(struct store *s)
{
	int have, rc = store_schema_upgrade(s->db, migrations, SCHEMA_VERSION, &have);

	if (rc != SQLITE_READONLY || have <= SCHEMA_VERSION)
		return rc;
	snprintf(s->warning, sizeof(s->warning), "%s was written by a newer version (schema %d, known here: %d): left untouched", s->path, have,
		 SCHEMA_VERSION);
	return -EPROTO;
}

/* One attempt; a SQLite code, or -errno. */
static int open_once(struct store *s)
{
	_cleanup_close_ int fd = -1;
	char sql[96];
	int rc;

	/* Made here so that its mode does not depend on the umask: history is nobody else's business. */
	fd = open(s->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0640);
	if (fd < 0)
		return -errno;
	close_fd(&fd); /* before SQLite's own: closing any descriptor of a file drops its locks */
	rc = sqlite3_open_v2(s->path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW,
			     NULL);
	if (rc != SQLITE_OK)
		return rc;
	sqlite3_busy_timeout(s->db, 200);
	/* The schema of a stranger's file must not run anything of ours. */
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
	rc = sqlite3_exec(s->db, "PRAGMA page_size=4096; PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
				 "PRAGMA secure_delete=OFF; PRAGMA cell_size_check=ON; PRAGMA cache_size=-2048;"
				 "PRAGMA journal_size_limit=16777216; PRAGMA temp_store=MEMORY;",
			  NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = check(s);
	if (rc == SQLITE_OK)
		rc = migrate(s);
	/* Above what retention aims at, so that it has room to work; never more on the disk than this. */
	snprintf(sql, sizeof(sql), "PRAGMA max_page_count=%llu", (unsigned long long)(s->max_bytes / PAGE_BYTES * 5 / 4 + 64));
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(s->db, sql, NULL, NULL, NULL);
	for (unsigned i = 0; rc == SQLITE_OK && i < STMT_MAX; i++)
		rc = sqlite3_prepare_v3(s->db, statements[i], -1, SQLITE_PREPARE_PERSISTENT, &s->stmts[i], NULL);
	return rc;
}

/* Renames the database and its companions; never removes anything. */
static int set_aside(struct store *s)
{
	static const char *const ends[] = { "", "-wal", "-shm" };
	char from[384], to[448], stamp[32];
	time_t now = time(NULL);
	struct tm tm;
	int rc = 0;

	gmtime_r(&now, &tm);
	strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &tm);
	snprintf(s->stats.aside, sizeof(s->stats.aside), "%s.corrupt-%s", s->path, stamp);
	for (unsigned n = 2; n < 100 && access(s->stats.aside, F_OK) == 0; n++)
		snprintf(s->stats.aside, sizeof(s->stats.aside), "%s.corrupt-%s-%u", s->path, stamp, n);
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		snprintf(from, sizeof(from), "%s%s", s->path, ends[i]);
		snprintf(to, sizeof(to), "%s%s", s->stats.aside, ends[i]);
		if (rename(from, to) && errno != ENOENT)
			rc = -errno;
	}
	snprintf(s->warning, sizeof(s->warning), "%s was damaged: set aside as %s, a new one was started", s->path, s->stats.aside);
	return rc;
}

int store_db_open(struct store *s)
{
	int rc = open_once(s);

	if (rc > 0 && (is_damage(rc) || (rc & 0xff) == SQLITE_ERROR)) { /* ERROR: a database, but not of our tables */
		store_db_close(s);
		s->stats.error = set_aside(s);
		if (s->stats.error)
			return s->stats.error;
		rc = open_once(s);
		s->saved_generation = 0;
	}
	if (rc) {
		s->stats.error = rc < 0 ? rc : errno_of(rc);
		store_db_close(s);
		return s->stats.error;
	}
	s->stats.open = true;
	s->stats.error = 0;
	s->stats.flows = (uint64_t)store_db_number(s, "SELECT count(*) FROM flows");
	s->stats.edges = (uint64_t)store_db_number(s, "SELECT count(*) FROM edges");
	return 0;
}

int store_db_failed(struct store *s, int rc, const char *what)
{
	int error = errno_of(rc);

	log_debug("store: %s: %s", what, s->db ? sqlite3_errmsg(s->db) : sqlite3_errstr(rc));
	s->stats.error = error;
	if (is_damage(rc) || !sqlite3_get_autocommit(s->db)) {
		/* What stands in the transaction cannot be trusted to be whole: one outcome, one count. */
		sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
	}
	s->in_tx = false;
	s->lost_unsaid += s->pending;
	s->stats.lost += s->pending;
	s->pending = 0;
	if (is_damage(rc)) {
		store_db_close(s);
		if (!set_aside(s))
			store_db_open(s);
		s->saved_generation = 0; /* the map is in memory: it is written anew */
	} else {
		s->stats.open = false;
	}
	return error;
}

int store_db_run(struct store *s, enum store_stmt i, const char *what)
{
	int rc = sqlite3_step(s->stmts[i]);

	sqlite3_reset(s->stmts[i]);
	return rc == SQLITE_DONE || rc == SQLITE_ROW ? 0 : store_db_failed(s, rc, what);
}

int store_db_begin(struct store *s)
{
	int rc;

	if (s->in_tx)
		return 0;
	if (!s->db)
		return s->stats.error ? s->stats.error : -EIO;
	rc = store_db_run(s, STMT_BEGIN, "begin");
	s->in_tx = !rc;
	return rc;
}

int store_db_commit(struct store *s)
{
	int rc;

	if (!s->in_tx)
		return 0;
	rc = store_db_run(s, STMT_COMMIT, "commit");
	if (rc)
		return rc;
	s->in_tx = false;
	s->stats.written += s->pending;
	s->pending = 0;
	s->stats.open = true;
	s->stats.error = 0;
	return 0;
}
