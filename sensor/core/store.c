/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/core/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "sensor/core/store_priv.h"
#include "sensor/facts.h"

#define FLOWS_PER_TX 20000 /* an open transaction is held at most so long between ticks */
#define RETIRE_EVERY_NS (10 * NSEC_PER_SEC)
#define RETIRE_ROWS 2000
#define RETIRE_BUDGET_NS (20 * NSEC_PER_MSEC)

static int open_or_warn(struct store *s)
{
	int rc;

	s->warning[0] = '\0';
	rc = store_db_open(s);
	if (!rc)
		return 0;
	s->restore_was_partial = true; /* what stands in it was not loaded: it must not be taken for gone */
	if (rc != -EPROTO) /* that one has its own words */
		snprintf(s->warning, sizeof(s->warning), "%s cannot be opened: %s, ignoring: map and history are kept in memory only until it can",
			 s->path, strerror(-rc));
	return rc;
}

int store_open(const char *state_dir, const struct config *config, struct store **ret)
{
	struct store *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	snprintf(s->path, sizeof(s->path), "%s/pierglass.db", state_dir);
	s->history_days = config->history_days;
	s->max_bytes = config->store_max_bytes;
	open_or_warn(s);
	*ret = s;
	return 0;
}

const char *store_warning(const struct store *s)
{
	return s && s->warning[0] ? s->warning : NULL;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	if (s->db)
		store_db_commit(s);
	store_db_close(s);
	free(s);
}

/* ---- in ------------------------------------------------------------------------------------------------------ */
static void bind_text(sqlite3_stmt *st, int *i, const char *text)
{
	/* SQLITE_TRANSIENT: the row stays bound until the next one */
	sqlite3_bind_text(st, (*i)++, text ? text : "", -1, SQLITE_TRANSIENT);
}

static void bind_int(sqlite3_stmt *st, int *i, uint64_t v)
{
	sqlite3_bind_int64(st, (*i)++, v > INT64_MAX ? INT64_MAX : (int64_t)v);
}

static void bind_list(sqlite3_stmt *st, int *i, char *const *names, unsigned n)
{
	char buf[STORE_LIST_LEN];
	size_t len = 0;

	for (unsigned k = 0; k < n; k++) {
		size_t l = names[k] ? strlen(names[k]) : 0;

		if (!l || len + l + 1 >= sizeof(buf))
			continue;
		if (len)
			buf[len++] = STORE_LIST_SEPARATOR;
		memcpy(buf + len, names[k], l);
		len += l;
	}
	sqlite3_bind_text(st, (*i)++, buf, (int)len, SQLITE_TRANSIENT);
}

static void bind_end(sqlite3_stmt *st, int *i, const struct core_end_view *e)
{
	bind_text(st, i, e->id);
	bind_int(st, i, e->kind);
	bind_text(st, i, e->container ? e->container->name : "");
	bind_text(st, i, e->addr);
	bind_int(st, i, e->port);
	bind_text(st, i, e->exe);
	bind_int(st, i, e->pid);
	bind_int(st, i, e->attribution);
	bind_text(st, i, e->network);
}

static void flows_lost(struct store *s, uint64_t n)
{
	s->lost_unsaid += n;
	s->stats.lost += n;
}

int64_t store_flow_ended(struct store *s, const struct core_flow_view *v)
{
	char details[FACTS_MAX + 32];
	sqlite3_stmt *st;
	int i = 1;
	int64_t row;

	if (!s || !s->history_days)
		return 0;
	if (store_db_begin(s)) {
		flows_lost(s, 1);
		return 0;
	}
	facts_at_wall(v->facts ? v->facts : "", v->facts_wall ? NULL : clock_mono_to_wall_ns, details, sizeof(details));
	st = s->stmts[STMT_FLOW_PUT];
	bind_int(st, &i, v->l4);
	bind_end(st, &i, &v->client);
	bind_end(st, &i, &v->server);
	bind_text(st, &i, v->app);
	bind_int(st, &i, v->app_confidence);
	bind_text(st, &i, v->host);
	bind_text(st, &i, v->info);
	bind_int(st, &i, v->bytes_to_server);
	bind_int(st, &i, v->bytes_to_client);
	bind_int(st, &i, v->packets_to_server);
	bind_int(st, &i, v->packets_to_client);
	bind_int(st, &i, v->first_seen_ns);
	bind_int(st, &i, v->last_seen_ns);
	bind_int(st, &i, v->vni);
	bind_int(st, &i, v->published_port);
	bind_int(st, &i, (v->client.spoofed ? 1U : 0U) | (v->server.spoofed ? 2U : 0U));
	bind_text(st, &i, v->engine);
	bind_int(st, &i, v->flows);
	bind_text(st, &i, details);
	s->pending++; /* before: a failure counts it with the rest of its transaction */
	if (store_db_run(s, STMT_FLOW_PUT, "flow"))
		return 0;
	row = sqlite3_last_insert_rowid(s->db);
	s->stats.flows++;
	if (s->pending >= FLOWS_PER_TX)
		store_db_commit(s);
	return row;
}

void store_flow_more(struct store *s, int64_t row, const struct store_more *m)
{
	sqlite3_stmt *st;
	int i = 1;

	if (!s || !m->flows)
		return;
	if (!row || store_db_begin(s)) {
		flows_lost(s, m->flows);
		return;
	}
	st = s->stmts[STMT_FLOW_MORE];
	bind_int(st, &i, m->flows);
	bind_int(st, &i, m->bytes_to_server);
	bind_int(st, &i, m->bytes_to_client);
	bind_int(st, &i, m->packets_to_server);
	bind_int(st, &i, m->packets_to_client);
	bind_int(st, &i, m->first_seen_ns);
	bind_int(st, &i, m->last_seen_ns);
	sqlite3_bind_int64(st, i, row);
	s->pending += m->flows;
	store_db_run(s, STMT_FLOW_MORE, "flows");
}

void store_position_put(struct store *s, const struct store_position *p)
{
	sqlite3_stmt *st;
	int i = 2;

	if (!s || store_db_begin(s))
		return;
	st = s->stmts[STMT_POSITION_PUT];
	sqlite3_bind_blob(st, 1, &p->key, sizeof(p->key), SQLITE_TRANSIENT);
	bind_int(st, &i, p->first_ns);
	bind_int(st, &i, p->packets[0]);
	bind_int(st, &i, p->packets[1]);
	bind_int(st, &i, p->bytes[0]);
	bind_int(st, &i, p->bytes[1]);
	store_db_run(s, STMT_POSITION_PUT, "position");
}

void store_position_del(struct store *s, const struct flow_key *key)
{
	if (!s || store_db_begin(s))
		return;
	sqlite3_bind_blob(s->stmts[STMT_POSITION_DEL], 1, key, sizeof(*key), SQLITE_TRANSIENT);
	store_db_run(s, STMT_POSITION_DEL, "position");
}

void store_positions_clear(struct store *s)
{
	if (s && !store_db_begin(s))
		store_db_run(s, STMT_POSITION_CLEAR, "positions");
}

struct edge_list {
	const struct topo_edge **edges;
	size_t count, cap;
	uint64_t after; /* only those changed since */
	bool failed;
};

static void edge_collect(const struct topo_edge *e, void *arg)
{
	struct edge_list *l = arg;

	if (e->generation <= l->after || l->failed)
		return;
	if (l->count == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 256;
		const struct topo_edge **p = reallocarray(l->edges, cap, sizeof(const struct topo_edge *));

		if (!p) {
			l->failed = true;
			return;
		}
		l->edges = p;
		l->cap = cap;
	}
	l->edges[l->count++] = e;
}

static int node_put(struct store *s, const struct topo_node *n)
{
	sqlite3_stmt *st = s->stmts[STMT_NODE_PUT];
	int i = 1;

	bind_text(st, &i, n->id);
	bind_int(st, &i, n->kind);
	bind_text(st, &i, n->workload);
	bind_text(st, &i, n->engine);
	bind_text(st, &i, n->node);
	bind_text(st, &i, n->address);
	bind_list(st, &i, n->containers, n->container_count);
	bind_list(st, &i, n->networks, n->network_count);
	return store_db_run(s, STMT_NODE_PUT, "node");
}

static int edge_put(struct store *s, const struct topo_edge *e)
{
	sqlite3_stmt *st = s->stmts[STMT_EDGE_PUT];
	int i = 1;

	bind_text(st, &i, e->client->id);
	bind_text(st, &i, e->server->id);
	bind_int(st, &i, e->l4);
	bind_int(st, &i, e->port);
	bind_text(st, &i, e->app);
	bind_int(st, &i, e->app_confidence);
	bind_int(st, &i, e->bytes_to_server);
	bind_int(st, &i, e->bytes_to_client);
	bind_int(st, &i, e->packets_to_server);
	bind_int(st, &i, e->packets_to_client);
	bind_int(st, &i, e->flows);
	bind_int(st, &i, e->first_seen_ns);
	bind_int(st, &i, e->last_seen_ns);
	bind_list(st, &i, e->client_exes, e->client_exe_count);
	bind_list(st, &i, e->server_exes, e->server_exe_count);
	bind_text(st, &i, e->host);
	return store_db_run(s, STMT_EDGE_PUT, "edge");
}

static int by_pointer(const void *a, const void *b)
{
	const char *x = *(const char *const *)a, *y = *(const char *const *)b;

	return x < y ? -1 : x > y;
}

static int put_nodes_of(struct store *s, const struct edge_list *l)
{
	_cleanup_free_ const struct topo_node **nodes = reallocarray(NULL, l->count * 2, sizeof(const struct topo_node *));
	int rc = 0;

	if (!nodes)
		return -ENOMEM;
	for (size_t i = 0; i < l->count; i++) {
		nodes[2 * i] = l->edges[i]->client;
		nodes[2 * i + 1] = l->edges[i]->server;
	}
	qsort(nodes, l->count * 2, sizeof(nodes[0]), by_pointer);
	for (size_t i = 0; !rc && i < l->count * 2; i++)
		if (!i || nodes[i] != nodes[i - 1])
			rc = node_put(s, nodes[i]);
	return rc;
}

static int edge_key_cmp(const struct topo_edge *e, const char *client, const char *server, unsigned l4, unsigned port)
{
	int d = strcmp(e->client->id, client);

	if (!d)
		d = strcmp(e->server->id, server);
	if (!d)
		d = (int)e->l4 - (int)l4;
	return d ? d : (int)e->port - (int)port;
}

static int by_key(const void *a, const void *b)
{
	const struct topo_edge *y = *(const struct topo_edge *const *)b;

	return edge_key_cmp(*(const struct topo_edge *const *)a, y->client->id, y->server->id, y->l4, y->port);
}

static bool has_edge(const struct edge_list *l, sqlite3_stmt *row)
{
	size_t lo = 0, hi = l->count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int d = edge_key_cmp(l->edges[mid], store_column_text(row, 0), store_column_text(row, 1), (unsigned)sqlite3_column_int(row, 2),
				     (unsigned)sqlite3_column_int(row, 3));

		if (!d)
			return true;
		if (d < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return false;
}

/* Edges that the topology took back (names that turned out wrong) or forgot must not come back at the next start. */
static int drop_gone_edges(struct store *s, struct core *c)
{
	struct edge_list all = { 0 };
	sqlite3_stmt *row = s->stmts[STMT_EDGE_EACH], *del = s->stmts[STMT_EDGE_DEL];
	int rc = 0;

	topo_each_edge(c->topo, edge_collect, &all);
	if (all.failed) {
		free(all.edges);
		return -ENOMEM;
	}
	if (all.count)
		qsort(all.edges, all.count, sizeof(all.edges[0]), by_key);
	while (!rc && sqlite3_step(row) == SQLITE_ROW) {
		if (has_edge(&all, row))
			continue;
		for (int i = 0; i < 4; i++)
			sqlite3_bind_value(del, i + 1, sqlite3_column_value(row, i));
		rc = store_db_run(s, STMT_EDGE_DEL, "delete edge");
	}
	free(all.edges);
	sqlite3_reset(s->stmts[STMT_EDGE_EACH]); /* not row: after damage it is another one, or none */
	if (!rc)
		rc = store_db_run(s, STMT_NODE_GC, "delete nodes");
	return rc;
}

static void count_edge(const struct topo_edge *e, void *arg)
{
	(*(uint64_t *)arg)++;
}

static int mark_put(struct store *s)
{
	sqlite3_stmt *st = s->stmts[STMT_META_PUT];

	if (!s->mark_len)
		return 0;
	sqlite3_bind_text(st, 1, "mark", -1, SQLITE_STATIC);
	sqlite3_bind_blob(st, 2, s->mark, (int)s->mark_len, SQLITE_TRANSIENT);
	return store_db_run(s, STMT_META_PUT, "mark");
}

/* All of them in one transaction, however many: the mark says up to when everything is in. */
static int put_changed_edges(struct store *s, struct core *c)
{
	uint64_t generation = topo_generation(c->topo), in_memory = 0, rows;
	struct edge_list l = { .after = s->saved_generation };
	int rc;

	if (generation == s->saved_generation)
		return 0;
	topo_each_edge(c->topo, edge_collect, &l);
	rc = l.failed ? -ENOMEM : store_db_begin(s);
	if (!rc && l.count)
		rc = put_nodes_of(s, &l);
	for (size_t i = 0; !rc && i < l.count; i++)
		rc = edge_put(s, l.edges[i]);
	free(l.edges);
	if (rc)
		return rc;
	topo_each_edge(c->topo, count_edge, &in_memory);
	rows = (uint64_t)store_db_number(s, "SELECT count(*) FROM edges");
	if (rows > in_memory && !s->restore_was_partial) {
		rc = drop_gone_edges(s, c);
		rows = in_memory;
	}
	if (!rc)
		rc = mark_put(s);
	if (!rc)
		rc = store_db_commit(s);
	if (rc)
		return rc;
	s->saved_generation = generation;
	s->stats.edges = rows;
	s->stats.written += l.count;
	return 0;
}

void store_set_mark(struct store *s, const void *mark, size_t len)
{
	if (!s || len > sizeof(s->mark))
		return;
	memcpy(s->mark, mark, len);
	s->mark_len = len;
}

bool store_get_mark(struct store *s, void *ret, size_t len)
{
	bool found = false;
	sqlite3_stmt *row;

	if (!s || !s->db)
		return false;
	row = s->stmts[STMT_META_GET];
	sqlite3_bind_text(row, 1, "mark", -1, SQLITE_STATIC);
	if (sqlite3_step(row) == SQLITE_ROW && (size_t)sqlite3_column_bytes(row, 0) == len) {
		memcpy(ret, sqlite3_column_blob(row, 0), len);
		found = true;
	}
	sqlite3_reset(row);
	return found;
}

/* ---- retention --------------------------------------------------------------------------------------------------- */
static void retire(struct store *s)
{
	uint64_t now = clock_mono_ns(), until = now + RETIRE_BUDGET_NS;
	uint64_t keep_ns = (uint64_t)s->history_days * 86400 * NSEC_PER_SEC, wall = clock_wall_ns();
	int changed = 0, rc = 0;

	if (s->retired_at_ns && now - s->retired_at_ns < RETIRE_EVERY_NS)
		return;
	do {
		bool full = store_db_used_bytes(s) > s->max_bytes;
		enum store_stmt which = full ? STMT_FLOW_RETIRE_SPACE : STMT_FLOW_RETIRE_AGE;
		sqlite3_stmt *st = s->stmts[which];
		int i = 1;

		if (!full)
			bind_int(st, &i, wall > keep_ns ? wall - keep_ns : 0);
		bind_int(st, &i, RETIRE_ROWS);
		rc = store_db_run(s, which, "retention");
		if (rc)
			return;
		s->stats.open = true;
		changed = sqlite3_changes(s->db);
		s->stats.retired += (uint64_t)changed;
		s->stats.flows -= (uint64_t)changed < s->stats.flows ? (uint64_t)changed : s->stats.flows;
	} while (changed == RETIRE_ROWS && clock_mono_ns() < until);
	sqlite3_exec(s->db, "PRAGMA incremental_vacuum(512)", NULL, NULL, NULL);
	/* A full step means there is more to do: go on at the next tick. */
	s->retired_at_ns = changed == RETIRE_ROWS ? 0 : now;
}

int store_tick(struct store *s, struct core *c)
{
	int rc = 0;

	if (!s)
		return 0;
	if (!s->db)
		rc = open_or_warn(s);
	if (!rc)
		rc = put_changed_edges(s, c);
	if (!rc)
		rc = store_db_commit(s);
	if (!rc && s->db)
		retire(s);
	if (s->lost_unsaid) {
		core_lost(c, LOSS_STORE, s->lost_unsaid);
		s->lost_unsaid = 0;
	}
	return rc;
}
