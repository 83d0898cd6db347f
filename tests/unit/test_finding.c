/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Findings: fixed names, the same again is counted, incidents join and absorb, floods become one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "intel/finding.h"

#define S 1000000000ULL

static struct finding make(enum finding_kind kind, const char *container, const char *key, uint64_t at)
{
	struct finding f = { .kind = kind, .time_ns = at, .fact_kind = -1, .score = 70 };

	snprintf(f.container_id, sizeof(f.container_id), "%s", container);
	snprintf(f.workload, sizeof(f.workload), "w");
	snprintf(f.key, sizeof(f.key), "%s", key);
	return f;
}

static void test_names(void **state)
{
	for (int k = 0; k < FINDING_KIND_MAX; k++) {
		assert_int_equal(finding_kind_of(finding_name((enum finding_kind)k)), k);
		assert_in_range(finding_base_score((enum finding_kind)k), 1, 100);
	}
	assert_int_equal(finding_kind_of("listener.squatted"), FINDING_LISTENER_SQUATTED);
	assert_int_equal(finding_kind_of("no.such"), -1);
	assert_string_equal(finding_severity(90), "critical");
	assert_string_equal(finding_severity(10), "info");
}

static void test_again_is_counted(void **state)
{
	struct findings *fs = findings_new();
	struct finding f = make(FINDING_LISTENER_NEW, "c1", "tcp/81", 100 * S), *kept, *again;
	enum finding_outcome o;

	assert_int_equal(findings_add(fs, &f, &o, &kept), 0);
	assert_int_equal(o, FINDING_TOLD);
	f.time_ns += 5 * S;
	assert_int_equal(findings_add(fs, &f, &o, &again), 0);
	assert_int_equal(o, FINDING_AGAIN);
	assert_ptr_equal(kept, again);
	assert_int_equal(again->count, 2);
	f.time_ns += FINDING_AGAIN_NS + S;
	findings_add(fs, &f, &o, &again);
	assert_int_equal(o, FINDING_TOLD);
	findings_accept(fs, again);
	f.time_ns += S;
	findings_add(fs, &f, &o, &again);
	assert_int_equal(o, FINDING_TOLD); /* accepted, and yet it is here: the model forgot it */
	findings_free(fs);
}

static void test_incident_joins_and_absorbs(void **state)
{
	struct findings *fs = findings_new();
	struct finding p = make(FINDING_PROCESS_NEW, "c1", "nc", 100 * S), s = make(FINDING_SYSCALL_NEW, "c1", "ptrace", 101 * S);
	struct finding l = make(FINDING_LISTENER_SQUATTED, "c1", "tcp/80", 102 * S), other = make(FINDING_LISTENER_NEW, "c2", "tcp/81", 102 * S);
	struct finding late = make(FINDING_SYSCALL_NEW, "c1", "mount", 102 * S + 2 * INCIDENT_JOIN_NS), *kept;
	char incident[40], process[40];
	enum finding_outcome o;

	findings_add(fs, &p, &o, &kept);
	snprintf(incident, sizeof(incident), "%s", kept->incident);
	snprintf(process, sizeof(process), "%s", kept->id);
	findings_add(fs, &s, &o, &kept);
	assert_int_equal(o, FINDING_ABSORBED);
	assert_string_equal(kept->absorbed_by, process);
	findings_add(fs, &l, &o, &kept);
	assert_int_equal(o, FINDING_TOLD);
	assert_string_equal(kept->incident, incident);
	findings_add(fs, &other, &o, &kept);
	assert_string_not_equal(kept->incident, incident);
	findings_add(fs, &late, &o, &kept);
	assert_int_equal(o, FINDING_TOLD);
	assert_string_not_equal(kept->incident, incident);
	findings_free(fs);
}

static void test_flood_becomes_one(void **state)
{
	struct findings *fs = findings_new();
	unsigned told = 0;
	enum finding_outcome o;
	struct finding *kept;

	for (int i = 0; i < 500; i++) {
		struct finding f = make(FINDING_PROCESS_NEW, "c1", "", 100 * S + (uint64_t)i);

		snprintf(f.key, sizeof(f.key), "tool%d", i);
		assert_int_equal(findings_add(fs, &f, &o, &kept), 0);
		told += o == FINDING_TOLD;
	}
	assert_int_equal(told, INCIDENT_KIND_MAX);
	findings_free(fs);
}

/* A file is written, tools are run, a server comes up: one of each kind stands for the incident, not the first three. */
static void test_few_stand_for_an_incident(void **state)
{
	static const struct {
		enum finding_kind kind;
		const char *process;
	} story[] = { { FINDING_FILE_NEW, "/usr/bin/dash" },	{ FINDING_PROCESS_NEW, "/usr/bin/mkdir" }, { FINDING_PROCESS_NEW, "/usr/sbin/sshd" },
		      { FINDING_LISTENER_NEW, "/usr/sbin/sshd" }, { FINDING_EGRESS_NEW, "/usr/sbin/sshd" }, { FINDING_VOLUME_EXFILTRATION, "" } };
	struct findings *fs = findings_new();
	char ids[ARRAY_SIZE(story)][40];
	enum finding_outcome o;
	struct finding *kept;

	for (size_t i = 0; i < ARRAY_SIZE(story); i++) {
		struct finding f = make(story[i].kind, "c1", "", 100 * S + i);

		snprintf(f.key, sizeof(f.key), "step%zu", i);
		snprintf(f.process, sizeof(f.process), "%s", story[i].process);
		assert_int_equal(findings_add(fs, &f, &o, &kept), 0);
		snprintf(ids[i], sizeof(ids[i]), "%s", kept->id);
		assert_int_equal(o, FINDING_TOLD);
	}
	assert_string_equal(findings_get(fs, ids[1])->absorbed_by, ids[3]); /* mkdir, by the listener */
	assert_string_equal(findings_get(fs, ids[2])->absorbed_by, "");
	assert_string_equal(findings_get(fs, ids[0])->absorbed_by, ids[4]); /* the lightest */
	assert_string_equal(findings_get(fs, ids[5])->absorbed_by, "");
	{
		unsigned shown = 0;

		for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
			shown += !findings_get(fs, ids[i])->absorbed_by[0];
		assert_int_equal(shown, INCIDENT_TOLD_MAX);
	}
	findings_free(fs);
}

static void test_bounded(void **state)
{
	struct findings *fs = findings_new();
	enum finding_outcome o;
	struct finding *kept;

	for (int i = 0; i < FINDINGS_MAX + 50; i++) {
		struct finding f = make(FINDING_LISTENER_NEW, "c", "", (uint64_t)(100 + i) * S);

		snprintf(f.container_id, sizeof(f.container_id), "c%d", i);
		assert_int_equal(findings_add(fs, &f, &o, &kept), 0);
	}
	assert_int_equal(findings_count(fs), FINDINGS_MAX);
	findings_free(fs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_again_is_counted),
		cmocka_unit_test(test_incident_joins_and_absorbs),
		cmocka_unit_test(test_flood_becomes_one),
		cmocka_unit_test(test_few_stand_for_an_incident),
		cmocka_unit_test(test_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
