/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What comes out of the store: the map at start, the history of flows, its own state. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "sensor/core/store_priv.h"
#include "sensor/facts.h"

struct names {
	char buf[STORE_LIST_LEN];
	const char *at[TOPO_NAMES_MAX];
	unsigned count;
};

static void names_split(struct names *n, const char *list)
{
	char *p = n->buf, *end;

	n->count = 0;
	snprintf(n->buf, sizeof(n->buf), "%s", list);
	for (; *p && n->count < TOPO_NAMES_MAX; p = end) {
		end = strchrnul(p, STORE_LIST_SEPARATOR);
		if (*end)
			*end++ = '\0';
		n->at[n->count++] = p;
	}
}

static const char *name_at(const struct names *n, unsigned i)
{
	return i < n->count ? n->at[i] : NULL;
}

static uint64_t column_u64(sqlite3_stmt *st, int i)
{
	int64_t v = sqlite3_column_int64(st, i);

	return v < 0 ? 0 : (uint64_t)v;
}

static void read_desc(sqlite3_stmt *row, int i, const char *id, struct topo_node_desc *d)
{
	uint64_t kind = column_u64(row, i);

	*d = (struct topo_node_desc){
		.id = id,
		.kind = kind < TOPO_KIND_MAX ? (enum topo_kind)kind : TOPO_EXTERNAL,
		.workload = store_column_text(row, i + 1),
		.engine = store_column_text(row, i + 2),
		.node = store_column_text(row, i + 3),
		.address = store_column_text(row, i + 4),
	};
}

static void restore_delta(sqlite3_stmt *row, struct topo_delta *d)
{
	*d = (struct topo_delta){
		.l4 = (uint8_t)sqlite3_column_int(row, 2),
		.port = (uint16_t)sqlite3_column_int(row, 3),
		.app = store_column_text(row, 4),
		.app_confidence = (uint8_t)sqlite3_column_int(row, 5),
		.bytes_to_server = column_u64(row, 6),
		.bytes_to_client = column_u64(row, 7),
		.packets_to_server = column_u64(row, 8),
		.packets_to_client = column_u64(row, 9),
		.new_flows = column_u64(row, 10),
		.first_seen_ns = column_u64(row, 11),
		.last_seen_ns = column_u64(row, 12),
		.host = store_column_text(row, 15),
	};
	if (!d->app[0])
		d->app = NULL;
	if (!d->host[0])
		d->host = NULL;
	read_desc(row, 16, store_column_text(row, 0), &d->client);
	read_desc(row, 23, store_column_text(row, 1), &d->server);
}

/* One row; further names of its lists go in as further restores that add nothing else. */
static int restore_row(struct topology *t, sqlite3_stmt *row)
{
	static _Thread_local struct names lists[6]; /* 50 KiB: too much for the stack of a sandboxed program */
	static const int columns[6] = { 21, 22, 28, 29, 13, 14 };
	struct topo_delta d;
	unsigned rounds = 1;
	int rc = 0;

	for (unsigned i = 0; i < 6; i++) {
		names_split(&lists[i], store_column_text(row, columns[i]));
		if (lists[i].count > rounds)
			rounds = lists[i].count;
	}
	restore_delta(row, &d);
	for (unsigned r = 0; !rc && r < rounds; r++) {
		d.client.container = name_at(&lists[0], r);
		d.client.network = name_at(&lists[1], r);
		d.server.container = name_at(&lists[2], r);
		d.server.network = name_at(&lists[3], r);
		d.client_exe = name_at(&lists[4], r);
		d.server_exe = name_at(&lists[5], r);
		rc = topo_restore(t, &d);
		d.bytes_to_server = d.bytes_to_client = d.packets_to_server = d.packets_to_client = d.new_flows = 0;
	}
	return rc;
}

int store_load(struct store *s, struct core *c)
{
	sqlite3_stmt *row;
	int n = 0, step;

	if (!s || !s->db)
		return 0;
	row = s->stmts[STMT_EDGE_EACH];
	while ((step = sqlite3_step(row)) == SQLITE_ROW) {
		if (restore_row(c->topo, row))
			s->restore_was_partial = true;
		else
			n++;
	}
	sqlite3_reset(row);
	if (step != SQLITE_DONE)
		return store_db_failed(s, step, "load");
	s->saved_generation = topo_generation(c->topo);
	return n;
}

static void read_end(sqlite3_stmt *row, int i, struct core_end_view *e)
{
	uint64_t kind = column_u64(row, i + 1), attribution = column_u64(row, i + 7);

	snprintf(e->id, sizeof(e->id), "%s", store_column_text(row, i));
	e->kind = kind < TOPO_KIND_MAX ? (enum topo_kind)kind : TOPO_EXTERNAL;
	snprintf(e->addr, sizeof(e->addr), "%s", store_column_text(row, i + 3));
	e->port = (uint16_t)sqlite3_column_int(row, i + 4);
	e->exe = store_column_text(row, i + 5);
	e->pid = (uint32_t)column_u64(row, i + 6);
	e->attribution = attribution < ATTR_MAX ? (enum core_attribution)attribution : ATTR_UNKNOWN;
	e->network = store_column_text(row, i + 8);
}

static void read_flow(sqlite3_stmt *row, struct core_flow_view *v)
{
	*v = (struct core_flow_view){
		.id = column_u64(row, 0),
		.l4 = (uint8_t)sqlite3_column_int(row, 1),
		.app = store_column_text(row, 20),
		.app_confidence = (uint8_t)sqlite3_column_int(row, 21),
		.host = store_column_text(row, 22),
		.info = store_column_text(row, 23),
		.bytes_to_server = column_u64(row, 24),
		.bytes_to_client = column_u64(row, 25),
		.packets_to_server = column_u64(row, 26),
		.packets_to_client = column_u64(row, 27),
		.first_seen_ns = column_u64(row, 28),
		.last_seen_ns = column_u64(row, 29),
		.state = "closed",
		.vni = (uint32_t)column_u64(row, 30),
		.published_port = (uint16_t)sqlite3_column_int(row, 31),
		.engine = store_column_text(row, 33),
		.flows = column_u64(row, 34),
		.facts = store_column_text(row, 35),
		.facts_wall = true,
	};
	if (!facts_valid(v->facts, strlen(v->facts))) /* it is a file: anybody may have written it */
		v->facts = "";
	read_end(row, 2, &v->client);
	read_end(row, 11, &v->server);
	v->client.spoofed = sqlite3_column_int(row, 32) & 1;
	v->server.spoofed = sqlite3_column_int(row, 32) & 2;
}

int store_each_flow(struct store *s, const struct store_query *q, void (*cb)(const struct core_flow_view *v,
		    const char *client_container, const char *server_container, void *arg), void *arg)
{
	struct core_flow_view v;
	sqlite3_stmt *row;
	int n = 0, step;
	uint64_t until;

	if (!s || !s->db)
		return 0;
	row = s->stmts[q->began_wall_ns ? STMT_FLOW_SPAN : STMT_FLOW_EACH];
	until = q->began_wall_ns ? q->began_wall_ns : q->until_wall_ns;
	sqlite3_bind_int64(row, 1, (int64_t)q->since_wall_ns);
	if (!q->began_wall_ns && q->workload)
		sqlite3_bind_text(row, 2, q->workload, -1, SQLITE_TRANSIENT);
	else if (!q->began_wall_ns)
		sqlite3_bind_null(row, 2);
	sqlite3_bind_int64(row, 3, q->limit);
	sqlite3_bind_int64(row, 4, until ? (int64_t)until : INT64_MAX);
	while ((step = sqlite3_step(row)) == SQLITE_ROW) {
		read_flow(row, &v);
		cb(&v, store_column_text(row, 4), store_column_text(row, 13), arg);
		n++;
	}
	sqlite3_reset(row);
	return step == SQLITE_DONE ? n : store_db_failed(s, step, "history");
}

uint64_t store_oldest_flow(struct store *s)
{
	uint64_t ns = 0;
	sqlite3_stmt *row;

	if (!s || !s->db)
		return 0;
	row = s->stmts[STMT_FLOW_OLDEST];
	if (sqlite3_step(row) == SQLITE_ROW)
		ns = column_u64(row, 0);
	sqlite3_reset(row);
	return ns;
}

int store_each_position(struct store *s, void (*cb)(const struct store_position *p, void *arg), void *arg)
{
	struct store_position p;
	sqlite3_stmt *row;
	int n = 0, step;

	if (!s || !s->db)
		return 0;
	row = s->stmts[STMT_POSITION_EACH];
	while ((step = sqlite3_step(row)) == SQLITE_ROW) {
		if (sqlite3_column_bytes(row, 0) != sizeof(p.key))
			continue;
		memcpy(&p.key, sqlite3_column_blob(row, 0), sizeof(p.key));
		p.first_ns = column_u64(row, 1);
		for (int d = 0; d < 2; d++) {
			p.packets[d] = column_u64(row, 2 + d);
			p.bytes[d] = column_u64(row, 4 + d);
		}
		cb(&p, arg);
		n++;
	}
	sqlite3_reset(row);
	return step == SQLITE_DONE ? n : store_db_failed(s, step, "positions");
}

void store_stats_get(struct store *s, struct store_stats *ret)
{
	struct stat st;
	char wal[384];

	*ret = (struct store_stats){ 0 };
	if (!s)
		return;
	*ret = s->stats;
	snprintf(wal, sizeof(wal), "%s-wal", s->path);
	ret->file_bytes = stat(s->path, &st) ? 0 : (uint64_t)st.st_size;
	ret->file_bytes += stat(wal, &st) ? 0 : (uint64_t)st.st_size;
}
