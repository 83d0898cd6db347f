/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Models on disk: what goes in comes out; a writer killed 200 times leaves no damaged file and loses at most one generation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "intel/volume_hours.h"
#include "sensor/core/store_model.h"

#define KILLS 200
#define FACTS 40

static char dir[64];

static int setup(void **state)
{
	snprintf(dir, sizeof(dir), "/tmp/pgtest-model-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	static const char *const names[] = { "model.db", "model.db-wal", "model.db-shm" };
	char path[128];

	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	return rmdir(dir);
}

struct sum {
	uint64_t facts, least, most;
};

static void sum_cb(const struct fact *f, void *arg)
{
	struct sum *s = arg;

	s->facts++;
	s->least = f->count < s->least ? f->count : s->least;
	s->most = f->count > s->most ? f->count : s->most;
}

/* Each generation sees every fact once more: a model of two generations would show. */
static void write_generations(volatile uint64_t *written)
{
	struct models *ms = models_new();
	struct findings *fs = findings_new();
	struct model_store *st = NULL;
	struct model_seen seen = { .now_ns = 1 };
	struct model *m;
	char key[FACT_KEY_MAX], name[32];
	bool made;

	if (!ms || !fs || store_model_open(dir, &st) < 0)
		_exit(3);
	store_model_load(st, ms, fs);
	m = models_get(ms, "shop/web", "sha256:1", 1, &made);
	for (;;) {
		for (int i = 0; i < FACTS; i++) {
			snprintf(name, sizeof(name), "/bin/tool%d", i);
			model_see(m, FACT_PROCESS, fact_key(key, name, "/bin/sh"), &seen, NULL);
		}
		seen.now_ns++;
		model_alive(m, seen.now_ns);
		models_window(ms, &(struct novelty_rule){ .window_s = 1, .min_windows = 1000000 }, ~0U, 0, seen.now_ns, NULL, NULL);
		if (store_model_write(st, ms) < 0)
			_exit(4);
		*written = *written + 1;
	}
}

static void test_killed_writer_loses_at_most_one_generation(void **state)
{
	volatile uint64_t *written = mmap(NULL, sizeof(uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_true(written != MAP_FAILED);
	for (int i = 0; i < KILLS; i++) {
		struct models *ms = models_new();
		struct findings *fs = findings_new();
		struct model_store *st = NULL;
		struct sum s = { .least = UINT64_MAX };
		uint64_t before = *written;
		int status;
		pid_t pid = fork();

		if (!pid)
			write_generations(written);
		assert_true(pid > 0);
		while (*written < before + 1 && !waitpid(pid, &status, WNOHANG))
			usleep(200);
		usleep((useconds_t)(i * 37 % 3000));
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		assert_int_equal(store_model_open(dir, &st), 0);
		assert_int_equal(store_model_load(st, ms, fs), 1);
		model_each_fact(models_find(ms, "shop/web"), FACT_PROCESS, sum_cb, &s);
		assert_int_equal(s.facts, FACTS);
		assert_int_equal(s.least, s.most); /* one generation, whole */
		assert_true(s.most >= *written && s.most <= *written + 1);
		*written = s.most;
		store_model_close(st);
		models_free(ms);
		findings_free(fs);
	}
	munmap((void *)(uintptr_t)written, sizeof(uint64_t));
}

static void test_what_goes_in_comes_out(void **state)
{
	struct models *ms = models_new(), *back = models_new();
	struct findings *fs = findings_new(), *fback = findings_new();
	struct finding f = { .kind = FINDING_LISTENER_SQUATTED, .time_ns = 5000000000ULL, .score = 88, .fact_kind = FACT_LISTENER, .pid = 7,
			     .expected_count = 2, .expected = { "one", "two" }, .observed = "o", .why = "w", .key = "k" }, *kept;
	struct model_store *st = NULL;
	enum finding_outcome o;
	struct model_usual usual;
	const struct fact *fact;
	struct model *m;
	char id[40];
	bool made;

	assert_int_equal(store_model_open(dir, &st), 0);
	m = models_get(ms, "shop/db", "sha256:9", 77, &made);
	model_vouch(m, FACT_LISTENER, "tcp/3306\t*", FACT_DECLARED, "/etc/mysql/my.cnf:3", 77);
	model_set_state(m, FACT_LISTENER, MODEL_LOCKED, 78);
	model_started(m, 70);
	model_measure(m, FACT_VOLUME, "ext:a\ttcp/443", 1ULL << 30, 1 << 20, 4, &(struct model_seen){ .now_ns = 79 }, &usual);
	findings_add(fs, &f, &o, &kept);
	snprintf(id, sizeof(id), "%s", kept->id);
	store_model_finding(st, kept);
	assert_int_equal(store_model_write(st, ms), 0);
	store_model_close(st);
	assert_int_equal(store_model_open(dir, &st), 0);
	assert_true(store_model_load(st, back, fback) >= 1);
	m = models_find(back, "shop/db");
	assert_non_null(m);
	assert_int_equal(model_dimension_state(m, FACT_LISTENER), MODEL_LOCKED);
	assert_int_equal(model_numbers_get(m).starts, 1);
	fact = model_match(m, FACT_LISTENER, "tcp/3306\t*");
	assert_non_null(fact);
	assert_string_equal(fact->where, "/etc/mysql/my.cnf:3");
	fact = model_match(m, FACT_VOLUME, "ext:a\ttcp/443");
	assert_non_null(fact);
	assert_non_null(fact->hours); /* of hours of the week */
	assert_int_equal(fact->hours->week[1], 1);
	assert_int_equal(fact->hours->most[1][0], 121);
	kept = findings_get(fback, id);
	assert_non_null(kept);
	assert_int_equal(kept->kind, FINDING_LISTENER_SQUATTED);
	assert_int_equal(kept->expected_count, 2);
	assert_string_equal(kept->expected[1], "two");
	assert_int_equal(kept->fact_kind, FACT_LISTENER);
	store_model_close(st);
	models_free(ms);
	models_free(back);
	findings_free(fs);
	findings_free(fback);
}

/* What an older version learned goes on: nothing is thrown away, and what is new has room. */
static void test_an_older_schema_is_upgraded(void **state)
{
	struct models *ms = models_new(), *back = models_new();
	struct findings *fs = findings_new();
	struct model_store *st = NULL;
	struct model_usual usual;
	const struct fact *fact;
	struct model *m;
	char path[128];
	sqlite3 *db;
	bool made;

	assert_int_equal(store_model_open(dir, &st), 0);
	m = models_get(ms, "shop/db", "sha256:9", 77, &made);
	model_vouch(m, FACT_LISTENER, "tcp/3306\t*", FACT_DECLARED, "/etc/mysql/my.cnf:3", 77);
	model_measure(m, FACT_VOLUME, "ext:a\ttcp/443", 1ULL << 30, 1 << 20, 4, &(struct model_seen){ .now_ns = 79 }, &usual);
	model_set_state(m, FACT_LISTENER, MODEL_LOCKED, 78);
	assert_int_equal(store_model_write(st, ms), 0);
	store_model_close(st);
	snprintf(path, sizeof(path), "%s/model.db", dir);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "ALTER TABLE facts DROP COLUMN hours; PRAGMA user_version=3", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	for (unsigned turn = 0; turn < 2; turn++) {
		assert_int_equal(store_model_open(dir, &st), 0);
		assert_true(store_model_load(st, back, fs) >= 1);
		m = models_find(back, "shop/db");
		assert_non_null(m);
		assert_int_equal(model_dimension_state(m, FACT_LISTENER), MODEL_LOCKED);
		assert_non_null(model_match(m, FACT_LISTENER, "tcp/3306\t*"));
		fact = model_match(m, FACT_VOLUME, "ext:a\ttcp/443");
		assert_non_null(fact);
		assert_int_equal(fact->count, 1ULL << 30);
		assert_int_equal(fact->hours != NULL, turn);
		model_measure(m, FACT_VOLUME, "ext:a\ttcp/443", 1ULL << 29, 1 << 20, 4, &(struct model_seen){ .now_ns = 80 }, &usual);
		assert_int_equal(store_model_write(st, back), 0);
		store_model_close(st);
	}
	models_free(ms);
	models_free(back);
	findings_free(fs);
}

static void test_damaged_file_is_set_aside(void **state)
{
	char path[128];
	struct model_store *st = NULL;
	int fd;

	snprintf(path, sizeof(path), "%s/model.db", dir);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_int_equal(write(fd, "this is no database at all, really not", 38), 38);
	close(fd);
	assert_int_equal(store_model_open(dir, &st), 0);
	store_model_close(st);
	/* set aside under a name with the time: removed here by its pattern */
	{
		char aside[300];
		time_t now = time(NULL);
		bool found = false;

		for (time_t t = now - 5; t <= now && !found; t++) {
			struct tm tm;

			gmtime_r(&t, &tm);
			snprintf(aside, sizeof(aside), "%s/model.db.corrupt-", dir);
			strftime(aside + strlen(aside), 32, "%Y%m%dT%H%M%SZ", &tm);
			found = unlink(aside) == 0;
		}
		assert_true(found);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_what_goes_in_comes_out, setup, teardown),
		cmocka_unit_test_setup_teardown(test_killed_writer_loses_at_most_one_generation, setup, teardown),
		cmocka_unit_test_setup_teardown(test_an_older_schema_is_upgraded, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damaged_file_is_set_aside, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
