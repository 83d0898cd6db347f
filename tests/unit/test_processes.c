/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Process table: fork inherits, exec replaces, process ids are used again, news come late or twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "sensor/watch/processes.h"

#define SEC NSEC_PER_SEC

static int tell(struct processes *p, int type, uint32_t tgid, uint64_t start, uint32_t ptgid, uint64_t pstart, uint64_t ts, const char *exe)
{
	struct pg_event ev = { .version = PG_ABI_VERSION, .type = (uint16_t)type, .tgid = tgid, .start_boot_ns = start,
			       .parent_tgid = ptgid, .parent_start_boot_ns = pstart, .ts_ns = ts, .cgroup = 7 };

	ev.text_len = exe ? (uint32_t)strlen(exe) : 0;
	ev.path_len = (uint16_t)ev.text_len;
	ev.exe_ino = ev.text_len;
	return processes_event(p, &ev, exe);
}

static const char *exe_of(struct processes *p, uint32_t tgid, uint64_t start)
{
	const struct process *pr = processes_get(p, processes_find(p, tgid, start));

	return pr ? pr->exe : "(none)";
}

static void test_fork_exec_exit(void **state)
{
	struct processes *p = processes_new(100);
	const struct process *pr;
	uint32_t i, j;

	assert_int_equal(processes_find(p, 10, 0), 0);
	assert_null(processes_get(p, 0));
	assert_null(processes_get(p, 4000000000u));
	tell(p, PG_EV_PROCESS, 10, 100, 1, 1, 1000, "/bin/sh");
	tell(p, PG_EV_FORK, 11, 200, 10, 100, 2000, NULL);
	assert_string_equal(exe_of(p, 11, 200), "/bin/sh"); /* inherited */
	i = processes_find(p, 11, 200);
	j = processes_find(p, 10, 100);
	pr = processes_get(p, i);
	assert_int_equal(pr->parent, j);
	assert_int_equal(pr->parent_tgid, 10);
	assert_int_equal(pr->exe_ino, 7);
	assert_int_equal(pr->cgroup, 7);
	tell(p, PG_EV_EXEC, 11, 200, 10, 100, 3000, "/usr/bin/curl");
	assert_string_equal(exe_of(p, 11, 200), "/usr/bin/curl");
	assert_string_equal(exe_of(p, 10, 0), "/bin/sh");
	assert_int_equal(processes_find(p, 11, 200), i); /* same record */
	tell(p, PG_EV_EXIT, 11, 200, 0, 0, 4000, NULL);
	assert_int_equal(processes_get(p, i)->exit_mono_ns, 4000);
	tell(p, PG_EV_EXIT, 11, 200, 0, 0, 5000, NULL); /* told twice */
	assert_int_equal(processes_get(p, i)->exit_mono_ns, 4000);
	processes_expire(p, 4000 + PROC_LINGER_NS - 1);
	assert_int_equal(processes_find(p, 11, 200), i); /* its last flows still find it */
	processes_expire(p, 4000 + PROC_LINGER_NS);
	assert_int_equal(processes_find(p, 11, 200), 0);
	assert_null(processes_get(p, i));
	assert_int_equal(processes_count(p), 1);
	processes_free(p);
	processes_free(NULL);
	assert_null(processes_new(0));
}

/* parts: "exe|script|cwd|args", NULs of the arguments as '~' */
static const struct process *tell_exec(struct processes *p, uint32_t tgid, const char *parts, uint32_t flags)
{
	struct pg_event ev = { .version = PG_ABI_VERSION, .type = PG_EV_EXEC, .tgid = tgid, .start_boot_ns = tgid, .ts_ns = 1000, .flags = flags };
	uint16_t *lens[] = { &ev.path_len, &ev.script_len, &ev.cwd_len };
	char text[PG_EVENT_TEXT_MAX];

	for (size_t i = 0; i < 3; i++) {
		*lens[i] = (uint16_t)strcspn(parts, "|");
		memcpy(text + ev.text_len, parts, *lens[i]);
		ev.text_len += *lens[i];
		parts += *lens[i] + 1;
	}
	for (; *parts; parts++)
		text[ev.text_len++] = *parts == '~' ? '\0' : *parts;
	assert_int_equal(processes_event(p, &ev, text), 0);
	return processes_get(p, processes_find(p, tgid, tgid));
}

static void test_script_and_directory(void **state)
{
	struct processes *p = processes_new(100);
	const struct process *pr;

	pr = tell_exec(p, 10, "/bin/dash|./run.sh|/srv|sh~-e~./run.sh~", 0);
	assert_string_equal(pr->exe, "/bin/dash");
	assert_string_equal(pr->script, "./run.sh");
	assert_string_equal(pr->cwd, "/srv");
	assert_int_equal(strncmp(pr->args, "sh\x1f" "-e\x1f" "./run.sh", 14), 0);
	tell(p, PG_EV_FORK, 11, 200, 10, 10, 2000, NULL);
	pr = processes_get(p, processes_find(p, 11, 200));
	assert_string_equal(pr->script, "./run.sh");
	assert_string_equal(pr->cwd, "/srv");
	pr = tell_exec(p, 12, "/bin/dash||/srv|sh~-e~run.sh~x~", 0);
	assert_string_equal(pr->script, "run.sh");
	assert_string_equal(pr->cwd, "/srv");
	pr = tell_exec(p, 12, "/bin/dash||/srv|sh~-c~run.sh~x~", 0); /* the same process: nothing of before is left */
	assert_string_equal(pr->script, "");
	assert_string_equal(pr->cwd, "");
	pr = tell_exec(p, 13, "/bin/dash||/srv|sh~run.s", PG_EVF_ARGS_CUT); /* run.sh? */
	assert_string_equal(pr->script, "");
	pr = tell_exec(p, 14, "/bin/cat||/srv|cat~run.sh~", 0);
	assert_string_equal(pr->script, "");
	/* one that was there before: what the node says of its arguments */
	tell(p, PG_EV_PROCESS, 15, 15, 1, 1, 1000, "/usr/bin/python3.11");
	assert_int_equal(processes_set_args(p, processes_find(p, 15, 15), "python3\0-u\0/app.py", 19), 0);
	pr = processes_get(p, processes_find(p, 15, 15));
	assert_string_equal(pr->script, "/app.py");
	assert_string_equal(pr->cwd, "");
	processes_free(p);
}

static void test_pid_reuse(void **state)
{
	struct processes *p = processes_new(100);
	uint32_t a, b;

	tell(p, PG_EV_EXEC, 10, 100, 1, 1, 1000, "/old");
	a = processes_find(p, 10, 100);
	tell(p, PG_EV_EXEC, 10, 500, 1, 1, 5000, "/new"); /* its predecessor's end was lost */
	b = processes_find(p, 10, 500);
	assert_int_not_equal(a, b);
	assert_int_equal(processes_get(p, a)->exit_mono_ns, 5000);
	assert_int_equal(processes_get(p, b)->exit_mono_ns, 0);
	assert_int_equal(processes_find(p, 10, 0), b); /* the youngest */
	assert_string_equal(exe_of(p, 10, 100), "/old");
	assert_int_equal(processes_find(p, 10, 300), 0);
	/* late news of a generation between and of one before do not take the place of the youngest */
	tell(p, PG_EV_EXEC, 10, 300, 1, 1, 6000, "/between");
	tell(p, PG_EV_EXEC, 10, 50, 1, 1, 6000, "/first");
	assert_int_equal(processes_find(p, 10, 0), b);
	assert_string_equal(exe_of(p, 10, 300), "/between");
	assert_string_equal(exe_of(p, 10, 50), "/first");
	assert_int_not_equal(processes_get(p, processes_find(p, 10, 300))->exit_mono_ns, 0);
	assert_int_equal(processes_get(p, b)->exit_mono_ns, 0);
	/* the youngest ends and is forgotten first: the others move up */
	processes_ref(p, a);
	tell(p, PG_EV_EXIT, 10, 500, 0, 0, 7000, NULL);
	processes_expire(p, 7000 + PROC_LINGER_NS);
	assert_int_equal(processes_count(p), 1);
	assert_int_equal(processes_find(p, 10, 0), a);
	processes_unref(p, a);
	processes_unref(p, a);
	processes_expire(p, 7000 + PROC_LINGER_NS);
	assert_int_equal(processes_count(p), 0);
	assert_int_equal(processes_find(p, 10, 0), 0);
	processes_free(p);
}

static void test_order_of_news(void **state)
{
	struct processes *p = processes_new(100);

	tell(p, PG_EV_EXEC, 20, 100, 1, 1, 3000, "/app");
	tell(p, PG_EV_FORK, 20, 100, 19, 90, 2000, NULL); /* its fork is told after its exec */
	assert_string_equal(exe_of(p, 20, 100), "/app");
	tell(p, PG_EV_PROCESS, 20, 100, 19, 90, 2500, "/before-exec"); /* the iterator walked by earlier */
	assert_string_equal(exe_of(p, 20, 100), "/app");
	tell(p, PG_EV_PROCESS, 20, 100, 19, 90, 3500, "/later");
	assert_string_equal(exe_of(p, 20, 100), "/later");
	tell(p, PG_EV_FORK, 21, 200, 999, 1, 4000, NULL); /* unknown parent */
	assert_string_equal(exe_of(p, 21, 200), "");
	assert_int_equal(processes_get(p, processes_find(p, 21, 0))->parent, 0);
	assert_int_equal(tell(p, PG_EV_EXIT, 555, 1, 0, 0, 4000, NULL), 0); /* never heard of */
	assert_int_equal(tell(p, PG_EV_LISTEN, 556, 1, 0, 0, 4000, NULL), 0);
	assert_int_equal(tell(p, PG_EV_EXEC, 0, 0, 0, 0, 4000, "/x"), 0);
	assert_int_equal(processes_count(p), 2);
	processes_free(p);
}

static void test_parent_forgotten(void **state)
{
	struct processes *p = processes_new(100);
	uint32_t child;

	tell(p, PG_EV_EXEC, 30, 100, 1, 1, 1000, "/parent");
	tell(p, PG_EV_FORK, 31, 200, 30, 100, 2000, NULL);
	child = processes_find(p, 31, 200);
	tell(p, PG_EV_EXIT, 30, 100, 0, 0, 3000, NULL);
	processes_expire(p, 3000 + PROC_LINGER_NS);
	assert_int_equal(processes_get(p, child)->parent, 0);
	assert_int_equal(processes_get(p, child)->parent_tgid, 30);
	assert_string_equal(processes_get(p, child)->exe, "/parent");
	processes_free(p);
}

static void test_hostile_names(void **state)
{
	static const struct { const char *text; const char *shown; } rows[] = {
		{ "/a\nb", "/a\\x0ab" },
		{ "/a\x1b[31m", "/a\\x1b[31m" },
		{ "/a\\x0ab", "/a\\x5cx0ab" }, /* and does not look like the first */
		{ "/sm\xc3\xb6rg\xc3\xa5s", "/sm\xc3\xb6rg\xc3\xa5s" },
		{ "/\xff\xfe", "/\xff\xfe" },
		{ "/\x7f", "/\\x7f" },
		{ "", "" },
	};
	struct processes *p = processes_new(100);
	struct pg_event ev = { .type = PG_EV_EXEC, .tgid = 99, .start_boot_ns = 1, .text_len = 100000, .path_len = UINT16_MAX };
	static char big[100000];
	unsigned i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		tell(p, PG_EV_EXEC, 40 + i, 1, 1, 1, 1000, rows[i].text);
		assert_string_equal(exe_of(p, 40 + i, 1), rows[i].shown);
	}
	memset(big, 1, sizeof(big)); /* a length that lies is cut */
	memcpy(ev.comm, "a\nbcdefghijklmno", 16);
	assert_int_equal(processes_event(p, &ev, big), 0);
	assert_int_equal(strlen(exe_of(p, 99, 1)), PG_TEXT_MAX * 4);
	assert_string_equal(processes_get(p, processes_find(p, 99, 1))->comm, "a?bcdefghijklmn");
	processes_free(p);
}

static void count_one(uint32_t index, const struct process *pr, void *arg)
{
	assert_int_not_equal(index, 0);
	(*(unsigned *)arg)++;
}

static void test_full_and_reuse_of_indexes(void **state)
{
	enum { MAX = 1000 };
	struct processes *p = processes_new(MAX);
	unsigned n = 0, refused = 0, round, i;

	for (i = 1; i <= MAX + 50; i++)
		refused += tell(p, PG_EV_EXEC, i, i, 1, 1, 1, "/x") == -28;
	assert_int_equal(refused, 50);
	assert_int_equal(processes_refused(p), 50);
	processes_each(p, count_one, &n);
	assert_int_equal(n, MAX);
	for (round = 0; round < 5; round++) {
		for (i = 1; i <= MAX; i++)
			tell(p, PG_EV_EXIT, i, 0, 0, 0, round * 100 * SEC + 10, NULL);
		processes_expire(p, (round + 1) * 100 * SEC);
		assert_int_equal(processes_count(p), 0);
		for (i = 1; i <= MAX; i++)
			assert_int_equal(tell(p, PG_EV_EXEC, i, i + 10000 * (round + 1), 1, 1, 1, "/y"), 0);
	}
	processes_free(p);
}

static uint64_t rnd(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

/* Few process ids, used again and again, news in any order: what is found is what was asked for, the youngest is the
 * youngest, who is referenced stays, and in the end nothing is left. */
static void test_random_churn(void **state)
{
	enum { OPS = 100000, PIDS = 20, REFS = 8 };
	struct processes *p = processes_new(200);
	uint32_t refs[REFS] = { 0 }, tgids[REFS] = { 0 }, tgid, i, k, index, n;
	uint64_t seed = clock_mono_ns() | 1, s = seed, now = 1000, start;
	const struct process *pr;
	char exe[16];

	print_message("# seed %llu\n", (unsigned long long)seed);
	for (i = 0; i < OPS; i++) {
		tgid = (uint32_t)(1 + rnd(&s) % PIDS);
		start = 1 + rnd(&s) % 6 + now / (10 * SEC);
		now += rnd(&s) % (SEC / 2);
		snprintf(exe, sizeof(exe), "/%u", (unsigned)(rnd(&s) % 50));
		switch (rnd(&s) % 8) {
		case 0:
			tell(p, PG_EV_FORK, tgid, start, (uint32_t)(1 + rnd(&s) % PIDS), rnd(&s) % 2 ? 0 : start, now, NULL);
			break;
		case 1:
			tell(p, PG_EV_EXEC, tgid, start, 1, 0, now, exe);
			break;
		case 2:
			tell(p, PG_EV_PROCESS, tgid, start, 1, 0, now - 500, exe);
			break;
		case 3 ... 4:
			tell(p, PG_EV_EXIT, tgid, rnd(&s) % 2 ? 0 : start, 0, 0, now, NULL);
			break;
		case 5:
			processes_expire(p, now);
			break;
		default:
			k = (uint32_t)(rnd(&s) % REFS);
			processes_unref(p, refs[k]);
			refs[k] = processes_find(p, tgid, 0);
			tgids[k] = tgid;
			processes_ref(p, refs[k]);
		}
		index = processes_find(p, tgid, start);
		pr = processes_get(p, index);
		assert_true(!index == !pr);
		if (pr) {
			assert_int_equal(pr->tgid, tgid);
			assert_int_equal(pr->start_boot_ns, start);
			assert_true(processes_get(p, processes_find(p, tgid, 0))->start_boot_ns >= start);
			assert_true(!pr->parent || pr->exe != NULL);
		}
		for (k = 0; k < REFS; k++)
			if (refs[k])
				assert_int_equal(processes_get(p, refs[k])->tgid, tgids[k]);
	}
	for (k = 0; k < REFS; k++)
		processes_unref(p, refs[k]);
	for (tgid = 1; tgid <= PIDS; tgid++)
		for (n = 0; n < 200 && (index = processes_find(p, tgid, 0)); n++) {
			tell(p, PG_EV_EXIT, tgid, 0, 0, 0, now, NULL);
			processes_expire(p, now + PROC_LINGER_NS);
		}
	assert_int_equal(processes_count(p), 0);
	processes_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fork_exec_exit), cmocka_unit_test(test_script_and_directory),
		cmocka_unit_test(test_pid_reuse),
		cmocka_unit_test(test_order_of_news),
		cmocka_unit_test(test_parent_forgotten),
		cmocka_unit_test(test_hostile_names),
		cmocka_unit_test(test_full_and_reuse_of_indexes),
		cmocka_unit_test(test_random_churn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
