/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The store on real files: what goes in comes out, after a restart, after kill -9, after damage, on a full disk. */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdbool.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "sensor/core/map_past.h"
#include "sensor/core/store.h"
#include "sensor/facts.h"
#include "tests/unit/fake_core.h"

struct world {
	char dir[64], db[96];
	struct core *core;
	bool mounted;
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	snprintf(w->dir, sizeof(w->dir), "/tmp/pgX-store-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->db, sizeof(w->db), "%s/pierglass.db", w->dir);
	w->core = fake_core_new(w->dir, w->dir);
	fake_populate(w->core);
	w->core->config.history_days = 3650; /* the fake flows are of a fixed day */
	*state = w;
	return 0;
}

static int files_in(const char *dir, const char *part, bool remove_them)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	char path[512];
	int n = 0;

	while (d && (e = readdir(d)))
		if (e->d_name[0] != '.' && strstr(e->d_name, part)) {
			n++;
			snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
			if (remove_them)
				unlink(path);
		}
	closedir(d);
	return n;
}

static int teardown(void **state)
{
	struct world *w = *state;

	files_in(w->dir, "", true);
	if (w->mounted)
		umount2(w->dir, MNT_DETACH);
	rmdir(w->dir);
	fake_core_free(w->core);
	free(w);
	return 0;
}

static struct store *open_store(struct world *w)
{
	struct store *s = NULL;

	assert_int_equal(store_open(w->dir, &w->core->config, &s), 0);
	return s;
}

struct found {
	const char *client, *server;
	uint16_t port;
	const struct topo_edge *e;
	unsigned n;
};

static void find_cb(const struct topo_edge *e, void *arg)
{
	struct found *f = arg;

	f->n++;
	if (f->client && !strcmp(e->client->id, f->client) && !strcmp(e->server->id, f->server) && e->port == f->port)
		f->e = e;
}

static struct found find(struct core *c, const char *client, const char *server, uint16_t port)
{
	struct found f = { .client = client, .server = server, .port = port };

	topo_each_edge(c->topo, find_cb, &f);
	return f;
}

static void flow_cb(const struct core_flow_view *v, const char *cc, const char *sc, void *arg)
{
	struct core_flow_view *out = arg;
	char value[64];

	*out = *v;
	assert_string_equal(sc, "shop_db_1");
	assert_string_equal(v->app, "MySQL");
	assert_string_equal(v->client.exe, "/usr/bin/curl");
	assert_string_equal(v->server.addr, "172.18.0.4");
	assert_int_equal(v->bytes_to_client, 98765);
	assert_int_equal(v->client.attribution, ATTR_EXACT);
	assert_true(facts_get(v->facts, FACT_SERVER_VERSION, value, sizeof(value)));
	assert_string_equal(value, "10.11.18-MariaDB");
	assert_true(v->facts_wall);
	assert_true(facts_get(v->facts, FACT_CHANGED_AT, value, sizeof(value)));
	assert_true(strtoull(value, NULL, 10) > 1700000000000000000ULL); /* a date, not a time since the start */
}

static void restart_core(struct world *w)
{
	topo_free(w->core->topo);
	w->core->topo = topo_new(4096, 16384);
}

static void test_map_and_history_survive_a_restart(void **state)
{
	struct world *w = *state;
	struct core_flow_view v = { 0 };
	struct store_query q = { .limit = 10, .workload = "shop/db" };
	struct store *s = open_store(w);
	struct store_stats st;
	struct found f;
	struct facts facts;
	struct stat file;

	facts_init(&facts);
	facts_add_str(&facts, FACT_SERVER_VERSION, "10.11.18-MariaDB");
	facts_add_str(&facts, FACT_CHANGED_FROM, "MySQL");
	facts_add_str(&facts, FACT_CHANGED_AT, "5000000000");
	fake.flows[1].facts = facts.text;
	for (size_t i = 0; i < fake.flow_count; i++)
		store_flow_ended(s, &fake.flows[i]);
	assert_int_equal(store_tick(s, w->core), 0);
	store_close(s);
	assert_int_equal(stat(w->db, &file), 0);
	assert_int_equal(file.st_mode & 07777, 0640);

	restart_core(w);
	s = open_store(w);
	assert_null(store_warning(s));
	assert_int_equal(store_load(s, w->core), 6);
	f = find(w->core, "shop/app", "shop/db", 3306);
	assert_int_equal(f.n, 6);
	assert_non_null(f.e);
	assert_string_equal(f.e->app, "MySQL");
	assert_int_equal(f.e->app_confidence, LABEL_DPI);
	assert_int_equal(f.e->bytes_to_server, 90000000);
	assert_int_equal(f.e->bytes_to_client, 270000000);
	assert_int_equal(f.e->flows, 2);
	assert_int_equal(f.e->first_seen_ns, 1790000000000000001ULL);
	assert_int_equal(f.e->last_seen_ns, 1790000100000000002ULL);
	assert_int_equal(f.e->client_exe_count, 1);
	assert_string_equal(f.e->client_exes[0], "/usr/bin/client");
	assert_int_equal(f.e->client->container_count, 1);
	assert_string_equal(f.e->client->networks[0], "shop_default");
	assert_int_equal(f.e->client->kind, TOPO_WORKLOAD);
	assert_int_equal(store_each_flow(s, &q, flow_cb, &v), 1);
	store_stats_get(s, &st);
	assert_int_equal(st.flows, 3);
	assert_int_equal(st.edges, 6);
	assert_true(st.open);
	store_close(s);
}

struct past_edge {
	const char *client, *server;
	const struct topo_edge *e;
	unsigned n;
};

static void past_cb(const struct topo_edge *e, void *arg)
{
	struct past_edge *x = arg;

	x->n++;
	if (!strcmp(e->client->id, x->client) && !strcmp(e->server->id, x->server))
		x->e = e;
}

static void past_flow(struct store *s, const char *client, const char *server, uint64_t first_s, uint64_t last_s, uint64_t bytes)
{
	struct core_flow_view v = fake.flows[0];

	snprintf(v.client.id, sizeof(v.client.id), "%s", client);
	snprintf(v.server.id, sizeof(v.server.id), "%s", server);
	v.client.container = v.server.container = NULL;
	v.client.kind = v.server.kind = TOPO_WORKLOAD;
	v.bytes_to_server = bytes;
	v.first_seen_ns = first_s * 1000000000ULL;
	v.last_seen_ns = last_s * 1000000000ULL;
	v.flows = 1;
	assert_true(store_flow_ended(s, &v) > 0);
}

/* The map of a time: what was last seen in it, what went on through it, added up; nothing of before and after. */
static void test_the_map_as_it_was(void **state)
{
	struct past_edge ab = { "a/a", "b/b", NULL, 0 }, through = { "long/l", "b/b", NULL, 0 };
	const uint64_t s = 1000000000ULL, b = clock_wall_ns() / s - 10000; /* younger than what retention removes */
	struct world *w = *state;
	struct map_past p;

	w->core->store = open_store(w);
	past_flow(w->core->store, "a/a", "b/b", b + 1000, b + 1001, 10);
	past_flow(w->core->store, "a/a", "b/b", b + 1005, b + 1010, 100);
	past_flow(w->core->store, "a/a", "b/b", b + 1011, b + 1020, 1000);
	past_flow(w->core->store, "long/l", "b/b", b + 900, b + 5000, 7);
	past_flow(w->core->store, "multicast:224.0.0.1", "b/b", b + 1005, b + 1010, 1);
	past_flow(w->core->store, "late/l", "b/b", b + 2000, b + 2001, 1);
	store_tick(w->core->store, w->core);
	assert_int_equal(map_past_make(w->core, (b + 1005) * s, (b + 1020) * s, &p), 0);
	topo_each_edge(p.topo, past_cb, &ab);
	topo_each_edge(p.topo, past_cb, &through);
	assert_int_equal(ab.n, 2);
	assert_non_null(ab.e);
	assert_int_equal(ab.e->bytes_to_server, 1100);
	assert_int_equal(ab.e->flows, 2);
	assert_int_equal(ab.e->last_seen_ns, (b + 1020) * s);
	assert_string_equal(ab.e->client->workload, "a/a");
	assert_non_null(through.e);
	assert_true(p.complete);
	assert_int_equal(p.oldest_ns, (b + 1001) * s);
	map_past_done(&p);

	ab = (struct past_edge){ "a/a", "b/b", NULL, 0 };
	assert_int_equal(map_past_make(w->core, (b + 5001) * s, (b + 6000) * s, &p), 0);
	topo_each_edge(p.topo, past_cb, &ab);
	assert_int_equal(ab.n, 0);
	map_past_done(&p);
	for (unsigned i = 0; i < MAP_PAST_ROWS; i++)
		past_flow(w->core->store, "many/m", "b/b", b + 1005, b + 1006 + i % 10, 1);
	store_tick(w->core->store, w->core);
	assert_int_equal(map_past_make(w->core, (b + 1005) * s, (b + 1020) * s, &p), 0);
	assert_false(p.complete);
	map_past_done(&p);
	store_close(w->core->store);
	w->core->store = NULL;
	assert_int_equal(map_past_make(w->core, (b + 1005) * s, (b + 1020) * s, &p), 0); /* no history: empty, not a failure */
	assert_int_equal(p.oldest_ns, 0);
	map_past_done(&p);
}

static void test_an_unchanged_map_writes_nothing(void **state)
{
	struct world *w = *state;
	struct store *s = open_store(w);
	struct store_stats a, b;

	store_tick(s, w->core);
	store_stats_get(s, &a);
	store_tick(s, w->core);
	store_stats_get(s, &b);
	assert_int_equal(a.written, b.written);
	fake_edge(w->core, "shop/web", TOPO_WORKLOAD, "shop/app", TOPO_WORKLOAD, IPPROTO_TCP, 8080, "HTTP", LABEL_DPI, 1);
	store_tick(s, w->core);
	store_stats_get(s, &b);
	assert_int_equal(a.written + 1, b.written);
	store_close(s);
}

static void test_edges_that_were_taken_back_do_not_return(void **state)
{
	struct world *w = *state;
	struct store *s = open_store(w);

	store_tick(s, w->core);
	restart_core(w); /* the topology lost all but one of them */
	fake_edge(w->core, "shop/web", TOPO_WORKLOAD, "shop/app", TOPO_WORKLOAD, IPPROTO_TCP, 8080, "HTTP", LABEL_DPI, 1);
	for (int i = 0; i < 20; i++) /* its generation counts from the start again: pass the stored one */
		fake_edge(w->core, "shop/web", TOPO_WORKLOAD, "shop/app", TOPO_WORKLOAD, IPPROTO_TCP, 8080, "HTTP", LABEL_DPI, 1);
	store_tick(s, w->core);
	store_close(s);
	restart_core(w);
	s = open_store(w);
	assert_int_equal(store_load(s, w->core), 1);
	store_close(s);
}

static void test_the_mark_goes_with_the_edges(void **state)
{
	struct world *w = *state;
	struct store *s = open_store(w);
	uint64_t mark = 42, got = 0;

	assert_false(store_get_mark(s, &got, sizeof(got)));
	store_set_mark(s, &mark, sizeof(mark));
	store_close(s); /* no tick: not written */
	s = open_store(w);
	assert_false(store_get_mark(s, &got, sizeof(got)));
	store_set_mark(s, &mark, sizeof(mark));
	store_tick(s, w->core);
	store_close(s);
	s = open_store(w);
	assert_true(store_get_mark(s, &got, sizeof(got)));
	assert_int_equal(got, 42);
	assert_false(store_get_mark(s, &got, 4));
	store_close(s);
}

static void test_an_older_schema_is_upgraded(void **state)
{
	struct world *w = *state;
	struct store *s = open_store(w);
	sqlite3 *db;

	store_tick(s, w->core);
	store_close(s);
	assert_int_equal(sqlite3_open(w->db, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "ALTER TABLE flows DROP COLUMN details; ALTER TABLE flows DROP COLUMN flows; DROP TABLE positions; DROP TABLE meta; PRAGMA user_version=1", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	restart_core(w);
	s = open_store(w);
	assert_null(store_warning(s));
	assert_int_equal(store_load(s, w->core), 6);
	store_set_mark(s, "x", 1);
	fake_populate(w->core);
	assert_int_equal(store_tick(s, w->core), 0);
	store_close(s);
}

static void test_hostile_names_come_back_as_they_went_in(void **state)
{
	struct world *w = *state;
	struct store *s = open_store(w);
	struct found f;

	fake_edge(w->core, FAKE_HOSTILE, TOPO_WORKLOAD, "'; DROP TABLE edges; --", TOPO_WORKLOAD, IPPROTO_UDP, 53, FAKE_HOSTILE, LABEL_DPI, 1);
	store_tick(s, w->core);
	store_close(s);
	restart_core(w);
	s = open_store(w);
	store_load(s, w->core);
	f = find(w->core, FAKE_HOSTILE, "'; DROP TABLE edges; --", 53);
	assert_int_equal(f.n, 7);
	assert_non_null(f.e);
	store_close(s);
}

static void put_file(const char *path, const char *text, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0640);

	assert_int_equal(write(fd, text, len), len);
	close(fd);
}

static void test_a_corrupt_file_is_set_aside(void **state)
{
	static const char junk[8192] = "this is no database at all";
	struct world *w = *state;
	struct store_stats st;
	struct store *s;
	struct stat file;

	put_file(w->db, junk, sizeof(junk));
	s = open_store(w);
	assert_non_null(strstr(store_warning(s), "set aside as"));
	store_stats_get(s, &st);
	assert_int_equal(access(st.aside, F_OK), 0);
	assert_int_equal(stat(w->db, &file), 0);
	assert_int_equal(file.st_mode & 07777, 0640);
	assert_int_equal(files_in(w->dir, ".corrupt-", false), 1);
	assert_int_equal(store_tick(s, w->core), 0);
	store_close(s);
	restart_core(w);
	s = open_store(w);
	assert_null(store_warning(s));
	assert_int_equal(store_load(s, w->core), 6);
	store_close(s);
}

static void test_two_corrupt_files_in_one_second_are_both_kept(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < 3; i++) {
		put_file(w->db, "garbage garbage garbage", 23);
		store_close(open_store(w));
	}
	assert_int_equal(files_in(w->dir, ".corrupt-", false), 3);
}

static void test_damage_in_the_middle_never_crashes(void **state)
{
	struct world *w = *state;
	char *junk = malloc(4096);

	for (unsigned page = 0; page < 12; page++) {
		struct store *s = open_store(w);
		int fd;

		restart_core(w);
		fake_populate(w->core);
		for (int i = 0; i < 200; i++)
			store_flow_ended(s, &fake.flows[i % 3]);
		store_tick(s, w->core);
		store_close(s); /* checkpoints: all is in the file now */
		fd = open(w->db, O_RDWR);
		for (int i = 0; i < 4096; i++)
			junk[i] = (char)(i * 37 + page);
		assert_int_equal(pwrite(fd, junk, 4000, (off_t)page * 4096), 4000);
		close(fd);
		s = NULL;
		if (!store_open(w->dir, &w->core->config, &s)) {
			restart_core(w);
			store_load(s, w->core);
			store_tick(s, w->core);
			store_flow_ended(s, &fake.flows[0]);
			store_tick(s, w->core);
		}
		store_close(s);
		files_in(w->dir, ".corrupt-", true);
	}
	free(junk);
}

static void test_a_newer_file_is_left_untouched(void **state)
{
	struct world *w = *state;
	struct store_stats st;
	struct store *s;
	sqlite3 *db;

	assert_int_equal(sqlite3_open(w->db, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "CREATE TABLE future(x); PRAGMA user_version=999", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	s = open_store(w);
	assert_non_null(strstr(store_warning(s), "newer version"));
	store_flow_ended(s, &fake.flows[0]);
	assert_int_not_equal(store_tick(s, w->core), 0);
	assert_int_equal(store_load(s, w->core), 0);
	assert_int_equal(w->core->losses[LOSS_STORE], 1);
	store_stats_get(s, &st);
	assert_false(st.open);
	store_close(s);
	assert_int_equal(files_in(w->dir, ".corrupt-", false), 0);
	assert_int_equal(sqlite3_open(w->db, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "SELECT * FROM future", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void test_no_store_at_all(void **state)
{
	struct world *w = *state;
	struct store_query q = { .limit = 1 };
	struct store_stats st;

	store_flow_ended(NULL, &fake.flows[0]);
	assert_int_equal(store_tick(NULL, w->core), 0);
	assert_int_equal(store_load(NULL, w->core), 0);
	assert_int_equal(store_each_flow(NULL, &q, flow_cb, NULL), 0);
	assert_null(store_warning(NULL));
	assert_false(store_get_mark(NULL, &st, 1));
	store_set_mark(NULL, "", 1);
	store_stats_get(NULL, &st);
	assert_false(st.open);
	store_close(NULL);
}

static void test_a_strange_database_is_set_aside(void **state)
{
	struct world *w = *state;
	struct store *s;
	sqlite3 *db;

	assert_int_equal(sqlite3_open(w->db, &db), SQLITE_OK);
	sqlite3_exec(db, "CREATE TABLE edges(x); PRAGMA user_version=1", NULL, NULL, NULL);
	sqlite3_close(db);
	s = open_store(w);
	assert_int_equal(files_in(w->dir, ".corrupt-", false), 1);
	assert_int_equal(store_tick(s, w->core), 0);
	store_close(s);
}

static void test_what_cannot_be_opened_is_tried_again(void **state)
{
	struct world *w = *state;
	struct store_stats st;
	struct store *s;
	char later[96];

	/* what an earlier run left there must not be dropped when it becomes reachable */
	s = open_store(w);
	fake_edge(w->core, "shop/old", TOPO_WORKLOAD, "shop/db", TOPO_WORKLOAD, IPPROTO_TCP, 1, "HTTP", LABEL_DPI, 1);
	store_tick(s, w->core);
	store_close(s);
	restart_core(w);
	fake_populate(w->core);
	snprintf(later, sizeof(later), "%s-away", w->dir);
	assert_int_equal(rename(w->dir, later), 0);

	s = open_store(w);
	assert_non_null(strstr(store_warning(s), "No such file or directory"));
	assert_int_equal(store_load(s, w->core), 0);
	store_flow_ended(s, &fake.flows[0]);
	assert_int_equal(store_tick(s, w->core), -ENOENT);
	assert_int_equal(w->core->losses[LOSS_STORE], 1);
	assert_int_equal(rename(later, w->dir), 0);
	store_flow_ended(s, &fake.flows[0]); /* still closed: the next tick opens */
	assert_int_equal(store_tick(s, w->core), 0);
	assert_null(store_warning(s));
	store_stats_get(s, &st);
	assert_true(st.open);
	assert_int_equal(st.edges, 7);
	store_close(s);
}

static void test_a_symlink_is_not_followed(void **state)
{
	struct world *w = *state;
	struct store *s;

	assert_int_equal(symlink("/tmp/pgX-store-target", w->db), 0);
	s = open_store(w);
	assert_non_null(store_warning(s));
	store_tick(s, w->core);
	store_close(s);
	assert_int_equal(access("/tmp/pgX-store-target", F_OK), -1);
}

static void test_a_full_disk_is_counted_and_passes(void **state)
{
	struct world *w = *state;
	struct store_stats st;
	struct store *s;
	char ballast[96];
	int fd, rc = 0;
	static char block[65536];

	if (mount("pgX-store", w->dir, "tmpfs", 0, "size=1m")) {
		print_message("no tmpfs: %s\n", strerror(errno));
		skip();
	}
	w->mounted = true;
	s = open_store(w);
	snprintf(ballast, sizeof(ballast), "%s/ballast", w->dir);
	fd = open(ballast, O_WRONLY | O_CREAT, 0600);
	while (write(fd, block, sizeof(block)) > 0)
		;
	close(fd);
	for (int i = 0; i < 5000; i++) {
		store_flow_ended(s, &fake.flows[i % 3]);
		if (i % 100 == 99)
			rc |= store_tick(s, w->core);
	}
	assert_int_not_equal(rc, 0);
	store_stats_get(s, &st);
	assert_false(st.open);
	assert_true(st.lost > 0);
	assert_int_equal(w->core->losses[LOSS_STORE], st.lost);
	/* room again: it goes on by itself */
	unlink(ballast);
	store_flow_ended(s, &fake.flows[0]);
	assert_int_equal(store_tick(s, w->core), 0);
	store_stats_get(s, &st);
	assert_true(st.open);
	assert_int_equal(st.edges, 6);
	store_close(s);
}

static void test_history_is_bounded_in_time(void **state)
{
	struct world *w = *state;
	struct core_flow_view old = fake.flows[0];
	struct store_stats st;
	struct store *s;

	w->core->config.history_days = 2;
	s = open_store(w);
	for (int i = 0; i < 300; i++) {
		old.last_seen_ns = clock_wall_ns() - (i < 200 ? 3 : 1) * 86400ULL * NSEC_PER_SEC;
		store_flow_ended(s, &old);
	}
	store_tick(s, w->core);
	store_stats_get(s, &st);
	assert_int_equal(st.flows, 100);
	assert_int_equal(st.retired, 200);
	store_close(s);
}

static void test_history_is_bounded_in_space(void **state)
{
	struct world *w = *state;
	struct core_flow_view v = fake.flows[0];
	struct store_stats st;
	struct store *s;

	w->core->config.store_max_bytes = 1 << 20;
	s = open_store(w);
	for (int i = 0; i < 20000; i++) {
		v.last_seen_ns = clock_wall_ns();
		store_flow_ended(s, &v);
		if (i % 500 == 499)
			store_tick(s, w->core);
	}
	for (int i = 0; i < 50; i++)
		store_tick(s, w->core);
	store_close(s);
	s = open_store(w);
	for (int i = 0; i < 50; i++)
		store_tick(s, w->core);
	store_stats_get(s, &st);
	assert_true(st.flows > 100);
	assert_true(st.flows < 20000);
	assert_true(st.file_bytes < 4 << 20); /* its log is not cut before the next checkpoint */
	assert_true(st.open);
	store_close(s);
}

static void test_no_history_when_days_are_zero(void **state)
{
	struct world *w = *state;
	struct store_stats st;
	struct store *s;

	w->core->config.history_days = 0;
	s = open_store(w);
	store_flow_ended(s, &fake.flows[0]);
	store_tick(s, w->core);
	store_stats_get(s, &st);
	assert_int_equal(st.flows, 0);
	assert_int_equal(st.edges, 6);
	store_close(s);
}

/* Writes until it is killed; says by a byte per tick what is durable. */
static void write_until_killed(struct world *w, int pipe_fd)
{
	struct store *s = NULL;

	if (store_open(w->dir, &w->core->config, &s))
		_exit(1);
	for (unsigned i = 0;; i++) {
		for (int k = 0; k < 50; k++)
			store_flow_ended(s, &fake.flows[k % 3]);
		fake_edge(w->core, "shop/web", TOPO_WORKLOAD, "shop/app", TOPO_WORKLOAD, IPPROTO_TCP, (uint16_t)(i % 500 + 1), "HTTP", LABEL_DPI, 1);
		if (store_tick(s, w->core))
			_exit(2);
		if (write(pipe_fd, "t", 1) != 1)
			_exit(3);
	}
}

static void test_kill_loses_nothing_that_was_written(void **state)
{
	struct world *w = *state;
	uint64_t durable = 0;

	for (unsigned round = 0; round < 20; round++) {
		struct store_stats st;
		struct store *s;
		int fds[2], status;
		char buf[4096];
		ssize_t n;
		pid_t pid;

		assert_int_equal(pipe(fds), 0);
		pid = fork();
		if (!pid) {
			close(fds[0]);
			write_until_killed(w, fds[1]);
		}
		close(fds[1]);
		usleep(3000 + round * 2711 % 40000);
		kill(pid, SIGKILL);
		while ((n = read(fds[0], buf, sizeof(buf))) > 0)
			durable += (uint64_t)n;
		close(fds[0]);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		s = open_store(w);
		assert_null(store_warning(s));
		store_stats_get(s, &st);
		assert_true(st.flows >= durable * 50);
		store_close(s);
	}
	assert_true(durable > 20);
	assert_int_equal(files_in(w->dir, ".corrupt-", false), 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_map_and_history_survive_a_restart),
		T(test_the_map_as_it_was),
		T(test_an_unchanged_map_writes_nothing),
		T(test_edges_that_were_taken_back_do_not_return),
		T(test_the_mark_goes_with_the_edges),
		T(test_an_older_schema_is_upgraded),
		T(test_hostile_names_come_back_as_they_went_in),
		T(test_a_corrupt_file_is_set_aside),
		T(test_two_corrupt_files_in_one_second_are_both_kept),
		T(test_damage_in_the_middle_never_crashes),
		T(test_a_newer_file_is_left_untouched),
		T(test_a_strange_database_is_set_aside),
		T(test_no_store_at_all),
		T(test_what_cannot_be_opened_is_tried_again),
		T(test_a_symlink_is_not_followed),
		T(test_a_full_disk_is_counted_and_passes),
		T(test_history_is_bounded_in_time),
		T(test_history_is_bounded_in_space),
		T(test_no_history_when_days_are_zero),
		T(test_kill_loses_nothing_that_was_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
