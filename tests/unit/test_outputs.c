/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Alerts in the words of others: RFC 5424, the journal's protocol, ECS, OCSF, a webhook's signature. Hostile names inside. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "sensor/core/outputs.h"

static struct core core = { .node = "node one" };

static struct finding alert(void)
{
	struct finding f = { .id = "6b02-0001", .incident = "i6b02-0001", .kind = FINDING_LISTENER_SQUATTED, .score = 90,
			     .time_ns = 1795328302680123456ULL, .observed_ns = 1795328302670000000ULL, .last_ns = 1795328302680123456ULL,
			     .count = 1, .engine = "a", .workload = "shop/web", .container = "web]\"1\\", .container_id = "c0ffee",
			     .process = "/usr/bin/nc.openbsd", .pid = 4711, .parent = "/usr/bin/dash", .peer = "ext:203.0.113.9",
			     .observed = "nc listens on tcp/80\nin web", .why = "tcp/80 belongs to another program here.", .expected_count = 1,
			     .expected = { "tcp/80 by /usr/sbin/apache2" } };

	return f;
}

static void test_syslog_is_rfc5424(void **state)
{
	struct finding f = alert();
	char text[4096];
	size_t n = output_syslog(&core, &f, f.observed, text, sizeof(text));

	assert_int_equal(n, strlen(text));
	/* PRI: authpriv (10) * 8 + critical (2); at most six digits of a second; no space in a header's field */
	assert_int_equal(strncmp(text, "<82>1 2026-11-22T06:18:22.680123Z node_one pierglass ", 53), 0);
	assert_non_null(strstr(text, " listener.squatted [pierglass@32473 id=\"6b02-0001\" "));
	assert_non_null(strstr(text, "container=\"web\\]\\\"1\\\\\"")); /* 6.3.3 */
	assert_non_null(strstr(text, "] \xef\xbb\xbfnc listens on tcp/80 in web"));
	assert_null(strchr(text, '\n'));
	/* it fits, or it is cut: never longer than its room */
	for (size_t size = 1; size < 400; size++)
		assert_true(output_syslog(&core, &f, f.observed, text, size) < size);
}

static void test_journal_is_lines_of_fields(void **state)
{
	struct finding f = alert();
	char text[4096], *save = NULL;
	unsigned fields = 0;

	output_journal(&core, &f, "{\"x\":1}", text, sizeof(text));
	assert_non_null(strstr(text, "MESSAGE=listener.squatted: nc listens on tcp/80 in web\n"));
	assert_non_null(strstr(text, "\nPRIORITY=2\n"));
	assert_non_null(strstr(text, "\nPIERGLASS_ALERT={\"x\":1}\n"));
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save), fields++) {
		size_t n = strspn(line, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789");

		assert_true(n > 0 && line[n] == '='); /* journal field names */
	}
	assert_true(fields >= 10);
}

static json_t *made(void (*make)(struct jsonl *j, const char *key, const struct core *c, const struct finding *f), const struct finding *f)
{
	const char *text;
	struct jsonl j;
	json_t *root;
	size_t len;

	jsonl_init(&j);
	make(&j, NULL, &core, f);
	text = jsonl_text(&j, &len);
	root = json_loadb(text, len, 0, NULL);
	jsonl_done(&j);
	assert_non_null(root);
	return root;
}

static json_t *at(json_t *j, const char *path)
{
	char copy[128], *save = NULL;

	snprintf(copy, sizeof(copy), "%s", path);
	for (char *p = strtok_r(copy, "/", &save); p && j; p = strtok_r(NULL, "/", &save))
		j = *p >= '0' && *p <= '9' ? json_array_get(j, (size_t)(*p - '0')) : json_object_get(j, p);
	return j;
}

static const char *str(json_t *j, const char *path)
{
	const char *s = json_string_value(at(j, path));

	return s ? s : "(none)";
}

/* What ECS 8.11 asks of an alert: @timestamp, ecs.version; event.kind, category and type with values of its lists. */
static void test_ecs_has_its_fields(void **state)
{
	static const char *const categories[] = { "process", "file", "configuration", "threat", "authentication", "host", "network" };

	for (int k = 0; k < FINDING_KIND_MAX; k++) {
		struct finding f = alert();
		bool listed = false;
		json_t *j;

		f.kind = (enum finding_kind)k;
		j = made(json_alert_ecs, &f);
		assert_int_equal(strncmp(str(j, "@timestamp"), "2026-11-22T", 11), 0);
		assert_string_equal(str(j, "ecs/version"), "8.11.0");
		assert_string_equal(str(j, "event/kind"), "alert");
		for (size_t i = 0; i < ARRAY_SIZE(categories); i++)
			listed |= !strcmp(str(j, "event/category/0"), categories[i]);
		assert_true(listed);
		assert_string_equal(str(j, "event/type/0"), "info");
		assert_string_equal(str(j, "event/code"), finding_name(f.kind));
		assert_string_equal(str(j, "container/id"), "c0ffee");
		assert_string_equal(str(j, "process/parent/name"), "dash");
		assert_string_equal(str(j, "destination/address"), "203.0.113.9");
		json_decref(j);
	}
}

/* Required by OCSF 1.1 of class 2004 and of the objects in it. */
static void test_ocsf_has_its_required_fields(void **state)
{
	static const char *const required[] = { "activity_id", "category_uid", "class_uid", "type_uid", "time", "severity_id", "metadata/version",
						"metadata/product", "finding_info/uid", "finding_info/title" };
	struct finding f = alert();
	json_t *j = made(json_alert_ocsf, &f);

	for (size_t i = 0; i < ARRAY_SIZE(required); i++)
		if (!at(j, required[i]))
			fail_msg("no %s", required[i]);
	assert_int_equal(json_integer_value(at(j, "class_uid")), 2004);
	assert_int_equal(json_integer_value(at(j, "type_uid")), 2004 * 100 + json_integer_value(at(j, "activity_id")));
	assert_int_equal(json_integer_value(at(j, "severity_id")), 5);
	assert_int_equal(json_integer_value(at(j, "time")), 1795328302680);
	assert_string_equal(str(j, "evidences/0/process/file/path"), "/usr/bin/nc.openbsd");
	assert_int_equal(json_integer_value(at(j, "device/type_id")), 1);
	json_decref(j);
}

/* RFC 4231, case 2. */
static void test_signature(void **state)
{
	char s[80];

	assert_true(output_sign("Jefe", "what do ya want for nothing?", 28, s));
	assert_string_equal(s, "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

/* Nobody takes them: the queue is bounded, what has no room is counted, and nothing waits. */
static void test_queue_is_bounded(void **state)
{
	struct config cfg = { .journald = true, .syslog = "udp://192.0.2.1:514", .webhook = "https://collector.example/" };
	struct finding f = alert();
	struct outputs *o;
	struct jsonl j;
	const char *text;
	json_t *root;
	size_t len;

	assert_int_equal(outputs_open(&cfg, &o), 0);
	for (unsigned i = 0; i < OUTPUT_QUEUE + 50; i++)
		outputs_tell(o, &core, &f, "{}");
	jsonl_init(&j);
	jsonl_obj(&j, NULL);
	json_outputs(&j, o);
	jsonl_obj_end(&j);
	text = jsonl_text(&j, &len);
	root = json_loadb(text, len, 0, NULL);
	jsonl_done(&j);
	for (char i = '0'; i < '3'; i++) {
		char path[32];

		snprintf(path, sizeof(path), "outputs/%c/queued", i);
		assert_int_equal(json_integer_value(at(root, path)), OUTPUT_QUEUE);
		snprintf(path, sizeof(path), "outputs/%c/lost", i);
		assert_int_equal(json_integer_value(at(root, path)), 50);
	}
	json_decref(root);
	outputs_close(&core, o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_syslog_is_rfc5424),
		cmocka_unit_test(test_journal_is_lines_of_fields),
		cmocka_unit_test(test_ecs_has_its_fields),
		cmocka_unit_test(test_ocsf_has_its_required_fields),
		cmocka_unit_test(test_signature),
		cmocka_unit_test(test_queue_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
