/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/core/store_model.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "intel/volume_hours.h"
#include "sensor/core/store_schema_priv.h"

#define FINDINGS_KEEP 50000
#define LIST_SEPARATOR '\x1f'

/* One entry per schema version, as in store_db.c: never edit a released one. */
static const char *const migrations[] = {
	"CREATE TABLE models(id INTEGER PRIMARY KEY, workload TEXT NOT NULL, image TEXT NOT NULL, numbers BLOB NOT NULL,"
	" generation INTEGER NOT NULL, UNIQUE(workload, image));"
	"CREATE TABLE facts(model INTEGER NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL, sources INTEGER NOT NULL, place TEXT NOT NULL,"
	" count INTEGER NOT NULL, windows INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, replicas INTEGER NOT NULL,"
	" startup INTEGER NOT NULL, PRIMARY KEY(model, kind, key)) WITHOUT ROWID;"
	"CREATE TABLE findings(id TEXT PRIMARY KEY, time INTEGER NOT NULL, last INTEGER NOT NULL, observed_at INTEGER NOT NULL,"
	" incident TEXT NOT NULL, kind TEXT NOT NULL, score INTEGER NOT NULL, count INTEGER NOT NULL, engine TEXT NOT NULL,"
	" workload TEXT NOT NULL, container TEXT NOT NULL, container_id TEXT NOT NULL, process TEXT NOT NULL, pid INTEGER NOT NULL,"
	" parent TEXT NOT NULL, peer TEXT NOT NULL, key TEXT NOT NULL, fact TEXT NOT NULL, fact_kind TEXT NOT NULL,"
	" objector TEXT NOT NULL, observed TEXT NOT NULL, why TEXT NOT NULL, expected TEXT NOT NULL, coverage TEXT NOT NULL,"
	" absorbed_by TEXT NOT NULL, accepted INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE INDEX findings_time ON findings(time);",
	"ALTER TABLE findings ADD COLUMN action TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE findings ADD COLUMN evidence TEXT NOT NULL DEFAULT '';",
	"CREATE TABLE syscalls(workload TEXT PRIMARY KEY, sets BLOB NOT NULL) WITHOUT ROWID;",
	"ALTER TABLE facts ADD COLUMN hours BLOB;",
};
#define SCHEMA_VERSION ((int)ARRAY_SIZE(migrations))

enum stmt { MODEL_PUT, MODEL_ID, MODEL_DEL, FACTS_DEL, FACT_PUT, MODEL_EACH, FACT_EACH, FINDING_PUT, FINDING_EACH, FINDING_RETIRE,
	    SYSCALLS_PUT, SYSCALLS_EACH, MODEL_STMT_MAX };
static const char *const statements[MODEL_STMT_MAX] = {
	[MODEL_PUT] = ("INSERT INTO models(workload, image, numbers, generation) VALUES(?1,?2,?3,?4)"
		       " ON CONFLICT(workload, image) DO UPDATE SET numbers = ?3, generation = ?4"),
	[MODEL_ID] = "SELECT id FROM models WHERE workload = ?1 AND image = ?2",
	[MODEL_DEL] = "DELETE FROM models WHERE id = ?1",
	[FACTS_DEL] = "DELETE FROM facts WHERE model = ?1",
	[FACT_PUT] = "INSERT OR REPLACE INTO facts VALUES(?,?,?,?,?,?,?,?,?,?,?,?)",
	[MODEL_EACH] = "SELECT id, workload, image, numbers, generation FROM models",
	[FACT_EACH] = "SELECT kind, key, sources, place, count, windows, first, last, replicas, startup, hours FROM facts WHERE model = ?1",
	[FINDING_PUT] = "INSERT OR REPLACE INTO findings VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
	[FINDING_EACH] = "SELECT * FROM (SELECT * FROM findings ORDER BY time DESC LIMIT ?1) ORDER BY time",
	[FINDING_RETIRE] = "DELETE FROM findings WHERE id IN (SELECT id FROM findings ORDER BY time DESC LIMIT -1 OFFSET ?1)",
	[SYSCALLS_PUT] = "INSERT OR REPLACE INTO syscalls VALUES(?1,?2)",
	[SYSCALLS_EACH] = "SELECT workload, sets FROM syscalls LIMIT ?1",
};

struct model_store {
	sqlite3 *db;
	sqlite3_stmt *stmts[MODEL_STMT_MAX];
	char path[320];
	bool in_tx;
	uint64_t retired_at_ns;
};

/* ---- the file ----------------------------------------------------------------------------------------------------- */
static void db_close(struct model_store *s)
{
	for (unsigned i = 0; i < MODEL_STMT_MAX; i++) {
		sqlite3_finalize(s->stmts[i]);
		s->stmts[i] = NULL;
	}
	sqlite3_close(s->db);
	s->db = NULL;
	s->in_tx = false;
}

static int migrate(struct model_store *s)
{
	int have, rc = store_schema_upgrade(s->db, migrations, SCHEMA_VERSION, &have);

	if (rc == SQLITE_READONLY && have > SCHEMA_VERSION)
		log_warn("%s was written by a newer version (schema %d, known here: %d), ignoring: left untouched", s->path, have, SCHEMA_VERSION);
	return rc;
}

static int check_cb(void *arg, int n, char **values, char **names)
{
	*(bool *)arg = n > 0 && values[0] && !strcmp(values[0], "ok");
	return 0;
}

static int db_open(struct model_store *s)
{
	_cleanup_close_ int fd = open(s->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0640);
	bool sound = false;
	int rc;

	if (fd < 0)
		return SQLITE_CANTOPEN;
	close_fd(&fd);
	fd = -1;
	rc = sqlite3_open_v2(s->path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW, NULL);
	if (rc != SQLITE_OK)
		return rc;
	sqlite3_busy_timeout(s->db, 200);
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	rc = sqlite3_exec(s->db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cell_size_check=ON; PRAGMA cache_size=-1024;"
				 "PRAGMA journal_size_limit=4194304; PRAGMA temp_store=MEMORY;",
			  NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(s->db, "PRAGMA quick_check(1)", check_cb, &sound, NULL);
	if (rc == SQLITE_OK && !sound)
		rc = SQLITE_CORRUPT;
	if (rc == SQLITE_OK)
		rc = migrate(s);
	for (unsigned i = 0; rc == SQLITE_OK && i < MODEL_STMT_MAX; i++)
		rc = sqlite3_prepare_v3(s->db, statements[i], -1, SQLITE_PREPARE_PERSISTENT, &s->stmts[i], NULL);
	return rc;
}

static void set_aside(struct model_store *s)
{
	char from[400], to[400];
	struct tm tm;
	time_t now = time(NULL);
	char stamp[32];

	gmtime_r(&now, &tm);
	strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &tm);
	snprintf(to, sizeof(to), "%s.corrupt-%s", s->path, stamp);
	log_warn("%s is damaged, ignoring: set aside as %s, models are learned anew", s->path, to);
	rename(s->path, to);
	snprintf(from, sizeof(from), "%s-wal", s->path);
	snprintf(to, sizeof(to), "%s.corrupt-%s-wal", s->path, stamp);
	rename(from, to);
	snprintf(from, sizeof(from), "%s-shm", s->path);
	unlink(from);
}

int store_model_open(const char *state_dir, struct model_store **ret)
{
	struct model_store *s = calloc(1, sizeof(*s));
	int rc;

	*ret = NULL;
	if (!s)
		return -ENOMEM;
	snprintf(s->path, sizeof(s->path), "%s/model.db", state_dir);
	rc = db_open(s);
	if ((rc & 0xff) == SQLITE_CORRUPT || (rc & 0xff) == SQLITE_NOTADB) {
		db_close(s);
		set_aside(s);
		rc = db_open(s);
	}
	if (rc != SQLITE_OK) {
		db_close(s);
		free(s);
		return rc == SQLITE_NOMEM ? -ENOMEM : rc == SQLITE_CANTOPEN ? -EACCES : -EIO;
	}
	*ret = s;
	return 0;
}

static int run(struct model_store *s, enum stmt i)
{
	int rc = sqlite3_step(s->stmts[i]);

	sqlite3_reset(s->stmts[i]);
	sqlite3_clear_bindings(s->stmts[i]);
	return rc == SQLITE_DONE || rc == SQLITE_ROW ? 0 : -EIO;
}

static int begin(struct model_store *s)
{
	if (s->in_tx)
		return 0;
	if (sqlite3_exec(s->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
		return -EIO;
	s->in_tx = true;
	return 0;
}

static int commit(struct model_store *s)
{
	int rc;

	if (!s->in_tx)
		return 0;
	rc = sqlite3_exec(s->db, "COMMIT", NULL, NULL, NULL);
	if (rc != SQLITE_OK && !sqlite3_get_autocommit(s->db))
		sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
	s->in_tx = false;
	return rc == SQLITE_OK ? 0 : -EIO;
}

void store_model_close(struct model_store *s)
{
	if (!s)
		return;
	commit(s);
	db_close(s);
	free(s);
}

/* ---- in --------------------------------------------------------------------------------------------------------------- */
static void bind_text(sqlite3_stmt *st, int *i, const char *text)
{
	sqlite3_bind_text(st, (*i)++, text ? text : "", -1, SQLITE_TRANSIENT);
}

static void bind_int(sqlite3_stmt *st, int *i, uint64_t v)
{
	sqlite3_bind_int64(st, (*i)++, v > INT64_MAX ? INT64_MAX : (int64_t)v);
}

static int64_t model_id(struct model_store *s, const struct model *m)
{
	sqlite3_stmt *st = s->stmts[MODEL_ID];
	int64_t id = -1;
	int i = 1;

	bind_text(st, &i, model_workload(m));
	bind_text(st, &i, model_image(m));
	if (sqlite3_step(st) == SQLITE_ROW)
		id = sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	return id;
}

struct write {
	struct model_store *s;
	int64_t id;
	enum fact_kind kind;
	int error;
};

static void write_fact(const struct fact *f, void *arg)
{
	struct write *w = arg;
	sqlite3_stmt *st = w->s->stmts[FACT_PUT];
	int i = 2;

	if (w->error)
		return;
	sqlite3_bind_int64(st, 1, w->id);
	bind_text(st, &i, fact_kind_name(w->kind));
	bind_text(st, &i, f->key);
	bind_int(st, &i, f->sources);
	bind_text(st, &i, f->where);
	bind_int(st, &i, f->count);
	bind_int(st, &i, f->windows);
	bind_int(st, &i, f->first_ns);
	bind_int(st, &i, f->last_ns);
	bind_int(st, &i, f->replicas);
	bind_int(st, &i, f->startup);
	if (f->hours)
		sqlite3_bind_blob(st, i, f->hours, sizeof(*f->hours), SQLITE_TRANSIENT);
	w->error = run(w->s, FACT_PUT);
}

static void write_model(struct model *m, void *arg)
{
	struct write *w = arg;
	struct model_numbers n;
	sqlite3_stmt *st = w->s->stmts[MODEL_PUT];
	int i = 1;

	if (w->error || model_saved(m) == model_generation(m))
		return;
	w->error = begin(w->s);
	if (w->error)
		return;
	n = model_numbers_get(m);
	bind_text(st, &i, model_workload(m));
	bind_text(st, &i, model_image(m));
	sqlite3_bind_blob(st, i++, &n, sizeof(n), SQLITE_TRANSIENT);
	bind_int(st, &i, model_generation(m));
	w->error = run(w->s, MODEL_PUT);
	w->id = w->error ? -1 : model_id(w->s, m);
	if (w->id < 0) {
		w->error = -EIO;
		return;
	}
	sqlite3_bind_int64(w->s->stmts[FACTS_DEL], 1, w->id);
	w->error = run(w->s, FACTS_DEL);
	for (int k = 0; k < FACT_KIND_MAX; k++) {
		w->kind = (enum fact_kind)k;
		model_each_fact(m, w->kind, write_fact, w);
	}
}

static void saved_cb(struct model *m, void *arg)
{
	model_set_saved(m, model_generation(m));
}

int store_model_write(struct model_store *s, struct models *ms)
{
	struct write w = { .s = s };
	uint64_t now = clock_mono_ns();
	int r;

	if (!s)
		return 0;
	models_each(ms, write_model, &w);
	if (w.error) {
		if (!sqlite3_get_autocommit(s->db))
			sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
		s->in_tx = false;
		return w.error;
	}
	if (s->in_tx && now - s->retired_at_ns > 600 * NSEC_PER_SEC) {
		s->retired_at_ns = now;
		sqlite3_bind_int(s->stmts[FINDING_RETIRE], 1, FINDINGS_KEEP);
		run(s, FINDING_RETIRE);
	}
	r = commit(s);
	if (!r)
		models_each(ms, saved_cb, NULL);
	return r;
}

int store_model_drop(struct model_store *s, const struct model *m)
{
	int64_t id = s ? model_id(s, m) : -1;

	if (id < 0)
		return 0;
	sqlite3_bind_int64(s->stmts[FACTS_DEL], 1, id);
	sqlite3_bind_int64(s->stmts[MODEL_DEL], 1, id);
	return begin(s) || run(s, FACTS_DEL) || run(s, MODEL_DEL) ? -EIO : commit(s);
}

void store_model_finding(struct model_store *s, const struct finding *f)
{
	char expected[FINDING_EXPECTED_MAX * 402] = "";
	size_t at = 0;
	sqlite3_stmt *st;
	int i = 1;

	if (!s || begin(s))
		return;
	for (unsigned n = 0; n < f->expected_count; n++)
		at += (size_t)snprintf(expected + at, sizeof(expected) - at, "%s%c", f->expected[n], LIST_SEPARATOR);
	st = s->stmts[FINDING_PUT];
	bind_text(st, &i, f->id);
	bind_int(st, &i, f->time_ns);
	bind_int(st, &i, f->last_ns);
	bind_int(st, &i, f->observed_ns);
	bind_text(st, &i, f->incident);
	bind_text(st, &i, finding_name(f->kind));
	bind_int(st, &i, f->score);
	bind_int(st, &i, f->count);
	bind_text(st, &i, f->engine);
	bind_text(st, &i, f->workload);
	bind_text(st, &i, f->container);
	bind_text(st, &i, f->container_id);
	bind_text(st, &i, f->process);
	bind_int(st, &i, f->pid);
	bind_text(st, &i, f->parent);
	bind_text(st, &i, f->peer);
	bind_text(st, &i, f->key);
	bind_text(st, &i, f->fact);
	bind_text(st, &i, f->fact_kind < 0 ? "" : fact_kind_name((enum fact_kind)f->fact_kind));
	bind_text(st, &i, f->objector);
	bind_text(st, &i, f->observed);
	bind_text(st, &i, f->why);
	bind_text(st, &i, expected);
	bind_text(st, &i, f->coverage);
	bind_text(st, &i, f->absorbed_by);
	bind_int(st, &i, f->accepted);
	bind_text(st, &i, f->action);
	bind_text(st, &i, f->evidence);
	run(s, FINDING_PUT);
}

/* ---- out ------------------------------------------------------------------------------------------------------------------ */
static const char *column(sqlite3_stmt *st, int i)
{
	const char *t = (const char *)sqlite3_column_text(st, i);

	return t ? t : "";
}

static void load_facts(struct model_store *s, struct model *m, int64_t id)
{
	sqlite3_stmt *st = s->stmts[FACT_EACH];
	struct volume_hours hours;

	sqlite3_bind_int64(st, 1, id);
	while (sqlite3_step(st) == SQLITE_ROW) {
		int k = fact_kind_of(column(st, 0));
		struct fact f = { .key = column(st, 1), .sources = (unsigned)sqlite3_column_int(st, 2), .where = column(st, 3) };

		f.count = (uint64_t)sqlite3_column_int64(st, 4);
		f.windows = (uint64_t)sqlite3_column_int64(st, 5);
		f.first_ns = (uint64_t)sqlite3_column_int64(st, 6);
		f.last_ns = (uint64_t)sqlite3_column_int64(st, 7);
		f.replicas = (uint32_t)sqlite3_column_int64(st, 8);
		f.startup = sqlite3_column_int(st, 9);
		if (sqlite3_column_bytes(st, 10) == (int)sizeof(hours)) {
			memcpy(&hours, sqlite3_column_blob(st, 10), sizeof(hours));
			f.hours = &hours;
		}
		if (k >= 0 && f.key[0] && strlen(f.key) < FACT_KEY_MAX)
			model_restore(m, (enum fact_kind)k, &f);
	}
	sqlite3_reset(st);
}

static void copy_expected(struct finding *f, const char *s)
{
	while (*s && f->expected_count < FINDING_EXPECTED_MAX) {
		size_t n = strcspn(s, (char[]){ LIST_SEPARATOR, '\0' });

		snprintf(f->expected[f->expected_count++], sizeof(f->expected[0]), "%.*s", (int)n, s);
		s += n + (s[n] != '\0');
	}
}

static void load_finding(sqlite3_stmt *st, struct finding *f)
{
	int kind = finding_kind_of(column(st, 5));

	memset(f, 0, sizeof(*f));
	if (kind < 0)
		return;
	f->kind = (enum finding_kind)kind;
	f->time_ns = (uint64_t)sqlite3_column_int64(st, 1);
	f->last_ns = (uint64_t)sqlite3_column_int64(st, 2);
	f->observed_ns = (uint64_t)sqlite3_column_int64(st, 3);
	f->score = (unsigned)sqlite3_column_int(st, 6);
	f->count = (uint64_t)sqlite3_column_int64(st, 7);
	f->pid = (uint32_t)sqlite3_column_int64(st, 13);
	f->fact_kind = fact_kind_of(column(st, 18));
	f->accepted = sqlite3_column_int(st, 25);
#define TEXT(field, i) snprintf(f->field, sizeof(f->field), "%s", column(st, i))
	TEXT(id, 0);
	TEXT(incident, 4);
	TEXT(engine, 8);
	TEXT(workload, 9);
	TEXT(container, 10);
	TEXT(container_id, 11);
	TEXT(process, 12);
	TEXT(parent, 14);
	TEXT(peer, 15);
	TEXT(key, 16);
	TEXT(fact, 17);
	TEXT(objector, 19);
	TEXT(observed, 20);
	TEXT(why, 21);
	TEXT(coverage, 23);
	TEXT(absorbed_by, 24);
	TEXT(action, 26);
	TEXT(evidence, 27);
#undef TEXT
	copy_expected(f, column(st, 22));
}

int store_model_load(struct model_store *s, struct models *ms, struct findings *fs)
{
	_cleanup_free_ struct finding *f = malloc(sizeof(*f));
	struct model_numbers n;
	sqlite3_stmt *st;
	int count = 0;

	if (!s)
		return 0;
	if (!f)
		return -ENOMEM;
	st = s->stmts[MODEL_EACH];
	while (sqlite3_step(st) == SQLITE_ROW) {
		struct model *m = models_restore(ms, column(st, 1), column(st, 2));

		if (!m)
			continue;
		load_facts(s, m, sqlite3_column_int64(st, 0));
		if (sqlite3_column_bytes(st, 3) == (int)sizeof(n)) {
			memcpy(&n, sqlite3_column_blob(st, 3), sizeof(n));
			model_numbers_set(m, &n);
		}
		model_set_saved(m, model_generation(m));
		count++;
	}
	sqlite3_reset(st);
	st = s->stmts[FINDING_EACH];
	sqlite3_bind_int(st, 1, FINDINGS_MAX);
	while (sqlite3_step(st) == SQLITE_ROW) {
		load_finding(st, f);
		if (f->id[0])
			findings_restore(fs, f);
	}
	sqlite3_reset(st);
	return count;
}

/* ---- system calls ------------------------------------------------------------------------------------------------------ */
void store_syscalls_put(struct model_store *s, const char *workload, const void *sets, size_t len)
{
	int i = 1;

	if (!s || begin(s) < 0)
		return;
	bind_text(s->stmts[SYSCALLS_PUT], &i, workload);
	sqlite3_bind_blob(s->stmts[SYSCALLS_PUT], i, sets, (int)len, SQLITE_TRANSIENT);
	(void)run(s, SYSCALLS_PUT);
}

void store_syscalls_each(struct model_store *s, unsigned max, void (*cb)(const char *workload, const void *sets, size_t len, void *arg), void *arg)
{
	sqlite3_stmt *st = s ? s->stmts[SYSCALLS_EACH] : NULL;

	if (!st)
		return;
	sqlite3_bind_int64(st, 1, max);
	while (sqlite3_step(st) == SQLITE_ROW) {
		const char *workload = (const char *)sqlite3_column_text(st, 0);
		const void *sets = sqlite3_column_blob(st, 1);

		if (workload && sets)
			cb(workload, sets, (size_t)sqlite3_column_bytes(st, 1), arg);
	}
	sqlite3_reset(st);
}
