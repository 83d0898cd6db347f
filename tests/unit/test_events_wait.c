/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Events that come before their container has a name: they wait for it, at most CORE_EVENT_WAIT_NS, in their order, and are counted
 * when it does not come. A look-up that failed is made again: nothing remembers it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "sensor/core/core_priv.h"
#include "sensor/core/files.h"
#include "sensor/core/model.h"

/* What events.c asks of the rest of core. */
static struct {
	struct ident_container ct;
	uint64_t named;     /* the cgroup whose name is known */
	uint64_t container; /* the cgroup that the kernel says is a container's */
	unsigned asked, lost, model_lost;
} world;

const struct ident_container *core_container_of_cgroup(struct core *c, uint64_t cgroup)
{
	world.asked++;
	return cgroup == world.named ? &world.ct : NULL;
}

bool engines_cgroup_is_container(struct core *c, uint64_t cgroup)
{
	return cgroup == world.container;
}

void core_lost(struct core *c, enum core_loss l, uint64_t n)
{
	world.lost += l == LOSS_EVENT_UNNAMED ? (unsigned)n : 0;
}

void model_on_unnamed(struct core *c, uint64_t cgroup)
{
	world.model_lost++;
}

const struct core_exe *core_exe_of(struct core *c, const struct ident_container *ct, const struct process *p)
{
	return NULL;
}

struct told {
	unsigned count;
	char names[8][32], workload[8][16], exe[8][32];
};

static void on_event(const struct core_event_view *v, void *arg)
{
	struct told *t = arg;
	unsigned i = t->count++;

	assert_true(i < 8);
	assert_ptr_equal(v->container, &world.ct);
	snprintf(t->names[i], sizeof(t->names[i]), "%s", v->name ? v->name : "");
	snprintf(t->exe[i], sizeof(t->exe[i]), "%s", v->p ? v->p->exe : "");
}

struct rig {
	struct core core;
	struct core_private priv;
	struct told told;
};

static int setup(void **state)
{
	static struct rig r;

	memset(&r, 0, sizeof(r));
	memset(&world, 0, sizeof(world));
	r.core.priv = &r.priv;
	r.priv.bus = event_bus_new();
	core_subscribe_events(&r.core, CORE_EVENTS_ALL, on_event, &r.told);
	*state = &r;
	return r.priv.bus ? 0 : -1;
}

static int teardown(void **state)
{
	event_bus_free(((struct rig *)*state)->priv.bus);
	return 0;
}

/* The caller's texts do not outlive the call. */
static void publish(struct rig *r, uint64_t cgroup, uint64_t mono_ns, const char *name)
{
	char said[32], exe[32];
	struct process p = { .exe = exe };
	struct core_event_view v = { .kind = CORE_EVENT_FILE, .cgroup = cgroup, .mono_ns = mono_ns, .name = said, .p = &p };

	snprintf(said, sizeof(said), "%s", name);
	snprintf(exe, sizeof(exe), "/bin/%s", name);
	core_publish_event(&r->core, &v);
	memset(said, '?', sizeof(said));
	memset(exe, '?', sizeof(exe));
}

static struct core_events_stats stats(struct rig *r)
{
	struct core_events_stats s;

	core_events_stats_get(&r->core, &s);
	return s;
}

static void test_name_comes_in_time(void **state)
{
	struct rig *r = *state;
	uint64_t t0 = clock_mono_ns();

	world.container = 7;
	publish(r, 7, t0, "first");
	publish(r, 7, t0 + 1, "second");
	assert_int_equal(r->told.count, 0);
	assert_int_equal(stats(r).waiting, 2);
	events_waiting(&r->core, t0 + CORE_EVENT_WAIT_NS - 1); /* in vain, again and again */
	events_waiting(&r->core, t0 + CORE_EVENT_WAIT_NS - 1);
	assert_int_equal(stats(r).waiting, 2);
	world.named = 7;
	events_waiting(&r->core, t0 + CORE_EVENT_WAIT_NS - 1);
	assert_int_equal(r->told.count, 2);
	assert_string_equal(r->told.names[0], "first");
	assert_string_equal(r->told.names[1], "second");
	assert_string_equal(r->told.exe[0], "/bin/first");
	assert_int_equal(stats(r).waiting, 0);
	assert_int_equal(stats(r).waited, 2);
	assert_int_equal(world.lost + world.model_lost, 0);
}

static void test_name_does_not_come(void **state)
{
	struct rig *r = *state;
	uint64_t t0 = clock_mono_ns();

	world.container = 7;
	publish(r, 7, t0, "late");
	publish(r, 8, t0, "nobody"); /* no container's: not told, no loss */
	events_waiting(&r->core, t0 + CORE_EVENT_WAIT_NS - 1);
	assert_int_equal(stats(r).waiting, 2);
	events_waiting(&r->core, t0 + CORE_EVENT_WAIT_NS);
	assert_int_equal(stats(r).waiting, 0);
	assert_int_equal(stats(r).unnamed, 1);
	assert_int_equal(stats(r).foreign, 1);
	assert_int_equal(world.lost, 1);
	assert_int_equal(world.model_lost, 1);
	assert_int_equal(r->told.count, 0);
}

/* A cgroup that nobody knew, however often it was asked for, is known as soon as it has a name: for the next event, too. */
static void test_failure_is_not_remembered(void **state)
{
	struct rig *r = *state;
	uint64_t t0 = clock_mono_ns();
	unsigned asked;

	world.container = 7;
	for (int i = 0; i < 3; i++)
		publish(r, 7, t0, "gone");
	events_waiting(&r->core, t0 + CORE_EVENT_WAIT_NS);
	assert_int_equal(stats(r).unnamed, 3);
	asked = world.asked;
	publish(r, 7, t0 + CORE_EVENT_WAIT_NS, "again");
	assert_true(world.asked > asked);
	assert_int_equal(stats(r).waiting, 1);
	world.named = 7;
	publish(r, 7, t0 + CORE_EVENT_WAIT_NS, "now"); /* at once, and after what waited */
	assert_int_equal(r->told.count, 2);
	assert_string_equal(r->told.names[0], "again");
	assert_string_equal(r->told.names[1], "now");
}

/* However many come, a bound of them waits; the rest is counted at once. */
static void test_waiting_is_bounded(void **state)
{
	struct rig *r = *state;
	uint64_t t0 = clock_mono_ns();

	world.container = 7;
	for (int i = 0; i < 10000; i++)
		publish(r, 7, t0, "flood");
	assert_true(stats(r).waiting < 5000);
	assert_int_equal(stats(r).waiting + stats(r).unnamed, 10000);
	assert_int_equal(world.lost, stats(r).unnamed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_name_comes_in_time, setup, teardown),
		cmocka_unit_test_setup_teardown(test_name_does_not_come, setup, teardown),
		cmocka_unit_test_setup_teardown(test_failure_is_not_remembered, setup, teardown),
		cmocka_unit_test_setup_teardown(test_waiting_is_bounded, setup, teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
