/* SPDX-License-Identifier: GPL-2.0-or-later */
/* alerts.jsonl: whole lines, rotated by size, the oldest goes; a state directory that cannot be written loses nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sensor/core/alerts.h"

#define MAX_BYTES 8000
#define FILES 3

static char dir[64];
static struct core core = { .node = "n" };

static int setup(void **state)
{
	snprintf(dir, sizeof(dir), "/tmp/pg-alerts-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static void path_of(unsigned i, char ret[128])
{
	if (i)
		snprintf(ret, 128, "%s/alerts.jsonl.%u", dir, i);
	else
		snprintf(ret, 128, "%s/alerts.jsonl", dir);
}

static int teardown(void **state)
{
	char path[128];

	for (unsigned i = 0; i <= FILES + 1; i++) {
		path_of(i, path);
		unlink(path);
	}
	return rmdir(dir);
}

static void tell(struct alerts *a, unsigned number)
{
	struct finding f = { .kind = FINDING_PROCESS_NEW, .score = 65, .time_ns = number + 1, .count = 1, .workload = "w", .container = "c",
			     .process = "/tmp/\"\n\x1b[31m\xff", .observed = "x", .why = "y" };

	snprintf(f.id, sizeof(f.id), "%u", number);
	alerts_tell(a, &core, &f);
}

/* Lines of one file; the number of the first alert in it in *ret_first. */
static unsigned lines_of(unsigned i, unsigned *ret_first)
{
	char path[128], line[8192];
	unsigned n = 0;
	FILE *f;

	path_of(i, path);
	f = fopen(path, "r");
	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f)) {
		json_t *j = json_loads(line, 0, NULL);

		assert_non_null(j);
		if (!n++)
			*ret_first = (unsigned)strtoul(json_string_value(json_object_get(j, "id")), NULL, 10);
		json_decref(j);
	}
	fclose(f);
	return n;
}

static void test_rotates_by_size(void **state)
{
	const struct config cfg = { .alerts_max_bytes = MAX_BYTES, .alerts_files = FILES };
	unsigned first[FILES + 2] = { 0 }, n[FILES + 2], next = 200;
	struct alerts *a;
	struct stat st;
	char path[128];

	assert_int_equal(alerts_open(dir, &cfg, &a), 0);
	for (unsigned i = 0; i < 200; i++)
		tell(a, i);
	alerts_close(&core, a);
	for (unsigned i = 0; i <= FILES; i++) {
		path_of(i, path);
		if (i < FILES) {
			assert_int_equal(stat(path, &st), 0);
			assert_true(st.st_size <= MAX_BYTES);
		}
	}
	/* from the newest file back: nothing is missing between them */
	for (unsigned i = 0; (n[i] = lines_of(i, &first[i])); i++) {
		assert_int_equal(first[i] + n[i], next);
		next = first[i];
		assert_true(i <= FILES);
	}
	/* an alert more goes on in the file that is there */
	assert_int_equal(alerts_open(dir, &cfg, &a), 0);
	tell(a, 200);
	alerts_close(&core, a);
	assert_true(lines_of(0, &first[0]) >= 1);
}

static void test_unwritable_is_counted(void **state)
{
	const struct config cfg = { .alerts_max_bytes = MAX_BYTES, .alerts_files = FILES };
	uint64_t before = core.losses[LOSS_FINDINGS];
	struct alerts *a;

	assert_int_equal(alerts_open("/nonexistent/state", &cfg, &a), 0);
	tell(a, 1);
	alerts_close(&core, a);
	assert_int_equal(core.losses[LOSS_FINDINGS], before + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_rotates_by_size, setup, teardown),
		cmocka_unit_test(test_unwritable_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
