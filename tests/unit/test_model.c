/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The learned model: when learning ends and when it does not, what is new then, what generalises, what a new image takes over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "intel/model.h"
#include "intel/volume_hours.h"

#define S 1000000000ULL
#define BIT(k) (1U << (k))
#define FED (BIT(FACT_PROCESS) | BIT(FACT_LISTENER) | BIT(FACT_EDGE_IN) | BIT(FACT_EDGE_OUT))

static const struct novelty_rule rule = { .window_s = 10, .min_windows = 6, .min_requests = 3, .target_permille = 20 };

struct world {
	struct models *ms;
	struct model *m;
	uint64_t now;
};

static enum model_answer see(struct world *w, enum fact_kind k, const char *a, const char *b)
{
	char key[FACT_KEY_MAX];
	struct model_seen s = { .now_ns = w->now };

	return model_see(w->m, k, fact_key(key, a, b), &s, NULL);
}

static void window(struct world *w, uint32_t lossy)
{
	model_alive(w->m, w->now);
	w->now += 10 * S;
	models_window(w->ms, &rule, FED, lossy, w->now, NULL, NULL);
}

static int setup(void **state)
{
	static struct world w;
	bool made;

	w = (struct world){ .ms = models_new(), .now = 1000 * S };
	w.m = models_get(w.ms, "shop/web", "sha256:1", w.now, &made);
	assert_true(made);
	model_started(w.m, w.now);
	*state = &w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	models_free(w->ms);
	return 0;
}

static void learn(struct world *w)
{
	for (int i = 0; i < 12; i++) {
		see(w, FACT_LISTENER, "tcp/80", "/usr/sbin/apache2");
		see(w, FACT_PROCESS, "/usr/sbin/apache2", FACT_RUNTIME);
		see(w, FACT_EDGE_IN, "shop/app", "tcp/80");
		model_requested(w->m, 1);
		window(w, 0);
	}
}

static void test_learning_ends_on_evidence(void **state)
{
	struct world *w = *state;

	see(w, FACT_LISTENER, "tcp/80", "/usr/sbin/apache2");
	window(w, 0);
	assert_int_equal(model_dimension_state(w->m, FACT_LISTENER), MODEL_LEARNING);
	learn(w);
	for (int k = FACT_PROCESS; k <= FACT_EDGE_OUT; k++)
		if (FED & BIT(k))
			assert_int_equal(model_dimension_state(w->m, (enum fact_kind)k), MODEL_MONITORING);
	/* a dimension that nobody feeds never pretends to know */
	assert_int_equal(model_dimension_state(w->m, FACT_SYSCALL), MODEL_LEARNING);
	assert_int_equal(see(w, FACT_LISTENER, "tcp/80", "/usr/sbin/apache2"), MODEL_KNOWN);
	assert_int_equal(see(w, FACT_LISTENER, "tcp/81", "/usr/sbin/apache2"), MODEL_NEW);
	assert_int_equal(see(w, FACT_LISTENER, "tcp/80", "/usr/bin/nc"), MODEL_NEW);
	assert_int_equal(see(w, FACT_EDGE_OUT, "ext:192.0.2.1", "tcp/443"), MODEL_NEW);
	assert_true(model_surety(w->m, FACT_LISTENER) > 0.99);
}

static void test_losses_hold_learning_up(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < 40; i++) {
		see(w, FACT_LISTENER, "tcp/80", "/usr/sbin/apache2");
		window(w, BIT(FACT_LISTENER));
	}
	assert_int_equal(model_dimension_state(w->m, FACT_LISTENER), MODEL_LEARNING);
	assert_int_equal(model_dimension_state(w->m, FACT_PROCESS), MODEL_MONITORING);
	assert_int_equal(model_dimension_get(w->m, FACT_LISTENER).lossy_windows, 40);
}

static void test_novelty_holds_learning_up(void **state)
{
	struct world *w = *state;
	char name[32];
	struct novelty_evidence e;

	for (int i = 0; i < 30; i++) { /* always something new */
		snprintf(name, sizeof(name), "/bin/tool%d", i);
		see(w, FACT_PROCESS, name, "/bin/sh");
		window(w, 0);
	}
	e = model_evidence(w->m, FACT_PROCESS);
	assert_int_equal(e.singletons, 30);
	assert_true(novelty_estimate(&e) > 0.9);
	assert_true(novelty_false_per_day(&e, &rule) > 8000);
	assert_int_equal(model_dimension_state(w->m, FACT_PROCESS), MODEL_LEARNING);
	assert_int_equal(model_dimension_state(w->m, FACT_LISTENER), MODEL_MONITORING);
}

static void test_requests_are_waited_for(void **state)
{
	struct world *w = *state;
	char waits[128];
	struct novelty_evidence e;

	model_listens(w->m);
	for (int i = 0; i < 20; i++)
		window(w, 0);
	assert_int_equal(model_dimension_state(w->m, FACT_EDGE_IN), MODEL_LEARNING);
	e = model_evidence(w->m, FACT_EDGE_IN);
	assert_false(novelty_is_learned(&e, &rule, waits, sizeof(waits)));
	assert_string_equal(waits, "3 more requests");
	for (int i = 0; i < 45; i++) /* nobody comes: not for ever */
		window(w, 0);
	assert_int_equal(model_dimension_state(w->m, FACT_EDGE_IN), MODEL_MONITORING);
}

static void test_external_peers_generalise(void **state)
{
	struct world *w = *state;
	char name[64];

	see(w, FACT_EDGE_IN, "ext:192.0.2.1", "tcp/80");
	see(w, FACT_EDGE_IN, "ext:198.51.100.1", "tcp/80");
	assert_int_equal(model_dimension_get(w->m, FACT_EDGE_IN).facts, 2);
	see(w, FACT_EDGE_IN, "ext:203.0.113.1", "tcp/80");
	assert_int_equal(model_dimension_get(w->m, FACT_EDGE_IN).facts, 1); /* any client */
	for (int i = 1; i < 6; i++) {
		snprintf(name, sizeof(name), "ext:192.0.2.%d", i);
		see(w, FACT_EDGE_OUT, name, "tcp/443");
	}
	for (int i = 0; i < 9; i++) {
		snprintf(name, sizeof(name), "ext:cdn%d.example.org", i);
		see(w, FACT_EDGE_OUT, name, "tcp/443");
	}
	see(w, FACT_EDGE_OUT, "ext:one.example.com", "tcp/443");
	see(w, FACT_EDGE_OUT, "shop/db", "tcp/3306");
	for (int i = 0; i < 12; i++)
		window(w, 0);
	assert_int_equal(see(w, FACT_EDGE_IN, "ext:8.8.8.8", "tcp/80"), MODEL_KNOWN);
	assert_int_equal(see(w, FACT_EDGE_IN, "ext:8.8.8.8", "tcp/81"), MODEL_NEW);
	assert_non_null(model_match(w->m, FACT_EDGE_OUT, "ext:192.0.2.77\ttcp/443"));
	assert_null(model_match(w->m, FACT_EDGE_OUT, "ext:192.0.3.77\ttcp/443"));
	assert_non_null(model_match(w->m, FACT_EDGE_OUT, "ext:x.example.org\ttcp/443"));
	assert_null(model_match(w->m, FACT_EDGE_OUT, "ext:x.example.com\ttcp/443")); /* one name is one name */
	assert_null(model_match(w->m, FACT_EDGE_OUT, "shop/db2\ttcp/3306"));	      /* workloads never generalise */
}

static void test_ephemeral_ports_generalise_service_ports_never(void **state)
{
	struct world *w = *state;
	char port[24];

	for (unsigned i = 0; i < 5; i++) {
		see(w, FACT_LISTENER, fact_port(port, 6, (uint16_t)(40000 + i)), "/usr/sbin/ftpd");
		see(w, FACT_LISTENER, fact_port(port, 6, (uint16_t)(8000 + i)), "/usr/bin/app");
	}
	assert_non_null(model_match(w->m, FACT_LISTENER, "tcp/50123\t/usr/sbin/ftpd"));
	assert_null(model_match(w->m, FACT_LISTENER, "tcp/50123\t/usr/bin/nc"));
	assert_null(model_match(w->m, FACT_LISTENER, "udp/50123\t/usr/sbin/ftpd"));
	assert_null(model_match(w->m, FACT_LISTENER, "tcp/8005\t/usr/bin/app"));
}

static void test_new_image_carries_over_and_learns(void **state)
{
	struct world *w = *state;
	struct model *old = w->m;
	bool made;

	learn(w);
	w->m = models_get(w->ms, "shop/web", "sha256:2", w->now, &made);
	assert_true(made);
	assert_int_equal(model_dimension_state(w->m, FACT_LISTENER), MODEL_LEARNING);
	assert_int_equal(see(w, FACT_LISTENER, "tcp/80", "/usr/sbin/apache2"), MODEL_KNOWN);
	assert_int_equal(see(w, FACT_LISTENER, "tcp/81", "/usr/sbin/apache2"), MODEL_ADDED);
	assert_null(model_match(old, FACT_LISTENER, "tcp/81\t/usr/sbin/apache2")); /* the old one is not widened */
	assert_ptr_equal(models_find(w->ms, "shop/web"), w->m);
}

static void test_declared_and_human(void **state)
{
	struct world *w = *state;

	assert_int_equal(model_vouch(w->m, FACT_LISTENER, "tcp/443\t*", FACT_DECLARED, "/etc/apache2/ports.conf:7", w->now), 0);
	assert_int_equal(model_vouch(w->m, FACT_EDGE_IN, "shop/ops\t*", FACT_HUMAN, "operator", w->now), 0);
	learn(w);
	assert_non_null(model_match(w->m, FACT_EDGE_IN, "shop/ops\ttcp/22"));
	model_retract(w->m, FACT_DECLARED);
	assert_null(model_match(w->m, FACT_LISTENER, "tcp/443\t*"));
	assert_non_null(model_match(w->m, FACT_EDGE_IN, "shop/ops\ttcp/22"));
	model_set_state(w->m, FACT_EDGE_IN, MODEL_LEARNING, w->now);
	assert_int_equal(see(w, FACT_EDGE_IN, "shop/new", "tcp/80"), MODEL_ADDED);
	model_set_state(w->m, FACT_EDGE_IN, MODEL_LOCKED, w->now);
	assert_int_equal(see(w, FACT_EDGE_IN, "shop/newer", "tcp/80"), MODEL_NEW);
}

static void test_measures(void **state)
{
	struct world *w = *state;
	struct model_seen s = { .now_ns = w->now };
	struct model_usual before;

	assert_int_equal(model_measure(w->m, FACT_VOLUME, "ext:a\ttcp/443", 100, 1000, 4, &s, &before), MODEL_ADDED);
	model_set_state(w->m, FACT_VOLUME, MODEL_MONITORING, w->now);
	assert_int_equal(model_measure(w->m, FACT_VOLUME, "ext:a\ttcp/443", 900, 1000, 4, &s, &before), MODEL_KNOWN);
	assert_int_equal(model_measure(w->m, FACT_VOLUME, "ext:a\ttcp/443", 1001, 1000, 4, &s, &before), MODEL_NEW);
	assert_int_equal(before.value, 100);
	assert_int_equal(before.weeks, 0);
	assert_int_equal(model_measure(w->m, FACT_VOLUME, "ext:a\ttcp/443", 1001, 1000, 20, &s, &before), MODEL_KNOWN);
}

#define HOUR (3600 * 1000000000ULL)
#define MIB (1ULL << 20)

/* A backup each night at 2, of 1 GiB and now and then half as much again; by day some KiB. From a Thursday on, 0:00 UTC. */
static enum model_answer weeks_of_backups(struct world *w, uint64_t *at, unsigned weeks, struct model_usual *usual)
{
	enum model_answer worst = MODEL_KNOWN;

	for (unsigned hour = 0; hour < weeks * 168; hour++, *at += HOUR) {
		struct model_seen s = { .now_ns = *at };
		uint64_t bytes = hour % 24 == 2 ? (1000 + hour % 7 * 80) * MIB : hour % 24 == 3 ? 0 : 40000 + hour;
		enum model_answer a = bytes ? model_measure(w->m, FACT_VOLUME, "ext:a\ttcp/443", bytes, 32 * MIB, 4, &s, usual) : MODEL_KNOWN;

		worst = a > worst ? a : worst;
	}
	return worst;
}

static enum model_answer measure_at(struct world *w, uint64_t at, uint64_t mib, struct model_usual *usual)
{
	struct model_seen s = { .now_ns = at };

	return model_measure(w->m, FACT_VOLUME, "ext:a\ttcp/443", mib * MIB, 32 * MIB, 4, &s, usual);
}

static void test_volumes_by_hour_of_the_week(void **state)
{
	struct world *w = *state;
	uint64_t at = 2800ULL * 168 * HOUR;
	struct model_usual usual;

	weeks_of_backups(w, &at, 1, &usual);
	model_set_state(w->m, FACT_VOLUME, MODEL_MONITORING, w->now);
	/* one week: only the largest value is known, by day a thousand times the usual goes unseen */
	assert_int_equal(measure_at(w, at + 13 * HOUR, 900, &usual), MODEL_KNOWN);
	assert_int_equal(usual.weeks, 0);
	assert_int_equal(measure_at(w, at + 13 * HOUR, 9000, &usual), MODEL_NEW);
	at += 168 * HOUR;
	assert_int_equal(weeks_of_backups(w, &at, 5, &usual), MODEL_KNOWN);
	/* now the hour counts: no backup at noon, though one week had had it */
	assert_int_equal(measure_at(w, at + 13 * HOUR, 40, &usual), MODEL_NEW);
	assert_in_range(usual.weeks, 4, 7);
	assert_in_range(usual.value, 40000, 60000);
	/* the nightly one is as ever: same hour, 30 % more, an hour late or early (daylight saving) */
	assert_int_equal(measure_at(w, at + 2 * HOUR, 1900, &usual), MODEL_KNOWN);
	assert_int_equal(measure_at(w, at + 1 * HOUR, 1300, &usual), MODEL_KNOWN);
	assert_int_equal(measure_at(w, at + 3 * HOUR, 1300, &usual), MODEL_KNOWN);
	assert_int_equal(measure_at(w, at + 2 * HOUR, 9000, &usual), MODEL_NEW);
	/* what was told is not taken for usual, however often it comes again */
	for (int week = 0; week < 6; week++) {
		assert_int_equal(weeks_of_backups(w, &at, 1, &usual), MODEL_KNOWN);
		assert_int_equal(measure_at(w, at + 13 * HOUR, 700, &usual), MODEL_NEW);
	}
	/* nobody looked for half a year: that is no history of silence */
	at += 26 * 168 * HOUR;
	assert_int_equal(measure_at(w, at + 2 * HOUR, 1300, &usual), MODEL_KNOWN);
	assert_int_equal(usual.weeks, 0);
}

static void test_hours_of_the_week_are_a_bounded_sketch(void **state)
{
	struct volume_hours h = { 0 };
	uint64_t usual, at = 2800ULL * 168 * HOUR;
	unsigned weeks;

	for (uint64_t v = 1, n = 0; n < 200; n++, v = v < UINT64_MAX / 2 ? v + v / 3 + 1 : v) {
		memset(&h, 0, sizeof(h));
		for (unsigned week = 0; week < 4; week++)
			assert_true(volume_hours_add(&h, at + week * 168 * HOUR, v));
		assert_true(volume_hours_usual(&h, at + 4 * 168 * HOUR, &usual, &weeks));
		assert_int_equal(weeks, 4);
		assert_true(usual >= v || v > 1ULL << 62); /* rounded up, by a quarter at most */
		assert_true(usual / 5 <= v / 4 + 1);
	}
	assert_false(volume_hours_add(&h, at - 8 * 168 * HOUR, 1)); /* the clock went back */
	assert_false(volume_hours_usual(&h, at + 3 * 168 * HOUR, &usual, &weeks));
}

static void test_facts_are_bounded(void **state)
{
	struct world *w = *state;
	char name[64];

	for (int i = 0; i < MODEL_FACTS_MAX + 10; i++) {
		snprintf(name, sizeof(name), "/bin/%d", i);
		see(w, FACT_PROCESS, name, "/bin/sh");
	}
	assert_int_equal(model_dimension_get(w->m, FACT_PROCESS).facts, MODEL_FACTS_MAX);
	assert_int_equal(model_dimension_get(w->m, FACT_PROCESS).overflow, 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_learning_ends_on_evidence, setup, teardown),
		cmocka_unit_test_setup_teardown(test_losses_hold_learning_up, setup, teardown),
		cmocka_unit_test_setup_teardown(test_novelty_holds_learning_up, setup, teardown),
		cmocka_unit_test_setup_teardown(test_requests_are_waited_for, setup, teardown),
		cmocka_unit_test_setup_teardown(test_external_peers_generalise, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ephemeral_ports_generalise_service_ports_never, setup, teardown),
		cmocka_unit_test_setup_teardown(test_new_image_carries_over_and_learns, setup, teardown),
		cmocka_unit_test_setup_teardown(test_declared_and_human, setup, teardown),
		cmocka_unit_test_setup_teardown(test_measures, setup, teardown),
		cmocka_unit_test_setup_teardown(test_volumes_by_hour_of_the_week, setup, teardown),
		cmocka_unit_test(test_hours_of_the_week_are_a_bounded_sketch),
		cmocka_unit_test_setup_teardown(test_facts_are_bounded, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
