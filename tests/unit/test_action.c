/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which actions follow which finding; whose cgroup and whose start time a text of /proc tells; killing by pidfd. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "enforce/action.h"
#include "enforce/contain.h"

#define CID "4f0e9dd8b2a14b2bb4bd0f1c95dca9ca2b0df0fe2d9f5f37b4c6d3f0a1b2c3d4"

static void test_rules_most_special_wins(void **state)
{
	struct action_rules r = { 0 };

	assert_int_equal(action_rules_get(&r, "shop/web", 3), ACTION_BIT(ACTION_ALERT));
	assert_int_equal(action_rules_set(&r, "", -1, ACTION_BIT(ACTION_EVIDENCE)), 0);
	assert_int_equal(action_rules_set(&r, "", 3, ACTION_BIT(ACTION_KILL)), 0);
	assert_int_equal(action_rules_set(&r, "shop/web", -1, ACTION_BIT(ACTION_STOP)), 0);
	assert_int_equal(action_rules_set(&r, "shop/web", 3, ACTION_BIT(ACTION_ALERT)), 0);
	assert_int_equal(action_rules_get(&r, "shop/db", 4), ACTION_BIT(ACTION_ALERT) | ACTION_BIT(ACTION_EVIDENCE));
	assert_int_equal(action_rules_get(&r, "shop/db", 3), ACTION_BIT(ACTION_ALERT) | ACTION_BIT(ACTION_KILL));
	assert_int_equal(action_rules_get(&r, "shop/web", 4), ACTION_BIT(ACTION_ALERT) | ACTION_BIT(ACTION_STOP));
	assert_int_equal(action_rules_get(&r, "shop/web", 3), ACTION_BIT(ACTION_ALERT));
	assert_int_equal(action_rules_set(&r, "shop/web", 3, ACTION_BIT(ACTION_PAUSE)), 0);
	assert_int_equal(r.count, 4);
	assert_int_equal(action_rules_get(&r, "shop/web", 3), ACTION_BIT(ACTION_ALERT) | ACTION_BIT(ACTION_PAUSE));
}

static void test_rules_are_bounded(void **state)
{
	static struct action_rules r;
	char name[ACTION_WORKLOAD_LEN + 1];

	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(action_rules_set(&r, name, 1, 1), -ENAMETOOLONG);
	for (int i = 0; i < ACTION_RULES_MAX; i++)
		assert_int_equal(action_rules_set(&r, "w", i, 1), 0);
	assert_int_equal(action_rules_set(&r, "w", ACTION_RULES_MAX, 1), -E2BIG);
}

static void test_names_round_trip(void **state)
{
	for (int a = 0; a < ACTION_MAX; a++)
		assert_int_equal(action_of(action_name((enum action)a)), a);
	assert_int_equal(action_of("explode"), -1);
	assert_int_equal(action_of("?"), -1);
}

static void test_cgroup_of_text(void **state)
{
	static const struct {
		const char *text, *path; /* NULL: refused */
	} rows[] = {
		{ "0::/docker/" CID "\n", "/docker/" CID },
		{ "12:freezer:/docker/" CID "\n1:name=systemd:/x\n0::/lab/a/" CID "/sub/group\n", "/lab/a/" CID },
		{ "0::/system.slice/docker-" CID ".scope\n", "/system.slice/docker-" CID ".scope" },
		{ "12:freezer:/docker/" CID "\n0::/user.slice\n", NULL },
		{ "0::/\n", NULL },
		{ "", NULL },
		{ "1:name=" CID ":/\n", NULL },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char path[CONTAIN_PATH_LEN] = "";

		assert_int_equal(contain_cgroup_of_text(rows[i].text, CID, path), rows[i].path ? 0 : -EPERM);
		if (rows[i].path)
			assert_string_equal(path, rows[i].path);
	}
}

static void test_start_of_text(void **state)
{
	uint64_t t = 0;

	assert_int_equal(contain_start_of_text("7 (a) b) ) S 1 7 7 0 -1 4 1 2 3 4 5 6 7 8 20 0 1 0 4711 99 1", &t), 0);
	assert_int_equal(t, 4711);
	assert_int_equal(contain_start_of_text("7 (sh) S 1 7", &t), -EINVAL);
	assert_int_equal(contain_start_of_text("", &t), -EINVAL);
}

/* A process that is no container's, or another one by now, is left alone. */
static void test_kill_spares_others(void **state)
{
	struct msg_contain_kill m = { .start_boot_ns = 1, .cid = CID };
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		pause();
		_exit(0);
	}
	m.pid = (uint32_t)pid;
	assert_int_equal(contain_kill(&m), -ESRCH); /* started at another time */
	m.start_boot_ns = 0;
	assert_int_equal(contain_kill(&m), -EINVAL);
	m.pid = 1;
	m.start_boot_ns = 1;
	assert_int_equal(contain_kill(&m), -EINVAL);
	assert_int_equal(waitpid(pid, &status, WNOHANG), 0);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules_most_special_wins), cmocka_unit_test(test_rules_are_bounded), cmocka_unit_test(test_names_round_trip),
		cmocka_unit_test(test_cgroup_of_text),		cmocka_unit_test(test_start_of_text),	  cmocka_unit_test(test_kill_spares_others),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
