/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Exports: what is taken arrives once, in order; what nobody takes is kept up to a bound, then counted; every body has its form, also
 * with hostile names. The fetching program is played here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "sensor/core/export_map.h"
#include "sensor/core/exports.h"
#include "sensor/core/fetch.h"
#include "sensor/core/alerts.h"
#include "sensor/core/model_priv.h"
#include "tests/unit/fake_core.h"

/* ---- the fetching program ---- */
static struct {
	struct { char target[300], headers[100]; char *body; size_t len; uint32_t flags; fetch_cb cb; void *arg; uint32_t id; } jobs[64];
	unsigned count;
	bool discard; /* takes all at once, keeps nothing */
} net;

int core_fetch(struct core *c, const struct fetch_job *j, fetch_cb cb, void *arg, uint32_t *ret_id)
{
	unsigned n = net.count++;

	if (net.discard) {
		struct fetch_result r = { .etag = "", .modified = "", .why = "", .fd = -1 };

		*ret_id = net.count;
		cb(&r, arg);
		return 0;
	}
	assert_true(n < 64 && j->body_len <= FETCH_BODY_MAX);
	snprintf(net.jobs[n].target, sizeof(net.jobs[n].target), "%s", j->url);
	snprintf(net.jobs[n].headers, sizeof(net.jobs[n].headers), "%s", j->headers ? j->headers : "");
	net.jobs[n].body = calloc(1, j->body_len + 1);
	memcpy(net.jobs[n].body, j->body, j->body_len);
	net.jobs[n].len = j->body_len;
	net.jobs[n].flags = j->flags;
	net.jobs[n].cb = cb;
	net.jobs[n].arg = arg;
	*ret_id = net.jobs[n].id = n + 1;
	return 0;
}

void core_fetch_cancel(struct core *c, uint32_t id)
{
}

bool core_wants_fetch(const struct config *cfg)
{
	return true;
}

static void answer(unsigned n, int status, int http)
{
	struct fetch_result r = { .status = status, .http_status = http, .etag = "", .modified = "", .why = status ? "no route" : "", .fd = -1 };

	net.jobs[n].cb(&r, net.jobs[n].arg);
}

/* ---- */
static int setup(void **state)
{
	char dir[] = "/tmp/pgX-exports-XXXXXX";
	struct core *c;

	assert_non_null(mkdtemp(dir));
	c = fake_core_new(dir, dir);
	fake_populate(c);
	net.count = 0;
	c->model = calloc(1, sizeof(*c->model));
	assert_int_equal(alerts_open(dir, &c->config, &c->model->alerts), 0);
	*state = c;
	return 0;
}

static int teardown(void **state)
{
	struct core *c = *state;
	char path[400];

	exports_close(c);
	alerts_close(c, c->model->alerts);
	free(c->model);
	c->model = NULL;
	snprintf(path, sizeof(path), "%s/alerts.jsonl", c->state_dir);
	unlink(path);
	for (unsigned i = 0; i < net.count; i++)
		free(net.jobs[i].body);
	for (int i = 0; i < 6; i++) {
		snprintf(path, sizeof(path), i ? "%s/export.jsonl.%d" : "%s/export.jsonl", c->state_dir, i);
		unlink(path);
	}
	rmdir(c->state_dir);
	fake_core_free(c);
	return 0;
}

static uint64_t later(void)
{
	static uint64_t ahead;

	ahead += 100 * NSEC_PER_SEC; /* whatever waits is due */
	return clock_mono_ns() + ahead;
}

static json_t *status_of(struct core *c, const char *name)
{
	struct jsonl j;
	json_t *all, *v, *found = NULL;
	json_error_t e;
	size_t i;

	jsonl_init(&j);
	jsonl_obj(&j, NULL);
	json_exports(&j, c);
	jsonl_obj_end(&j);
	all = json_loads(jsonl_text(&j, NULL), JSON_REJECT_DUPLICATES, &e);
	jsonl_done(&j);
	assert_non_null(all);
	json_array_foreach(json_object_get(all, "exports"), i, v)
		if (!strcmp(json_string_value(json_object_get(v, "name")), name))
			found = json_incref(v);
	json_decref(all);
	assert_non_null(found);
	return found;
}

static void expect(struct core *c, const char *name, unsigned queued, unsigned sent, unsigned lost)
{
	json_t *v = status_of(c, name);

	assert_int_equal(json_integer_value(json_object_get(v, "queued")), queued);
	assert_int_equal(json_integer_value(json_object_get(v, "sent")), sent);
	assert_int_equal(json_integer_value(json_object_get(v, "lost")), lost);
	json_decref(v);
}

static unsigned count_lines(const char *text, const char *key, const char *value)
{
	unsigned n = 0;

	while (*text) {
		size_t len = strcspn(text, "\n");
		json_error_t e;
		json_t *j = json_loadb(text, len, JSON_REJECT_DUPLICATES, &e);

		if (!j)
			fail_msg("no JSON: %.*s", (int)len, text);
		assert_string_equal(json_string_value(json_object_get(j, key)), value);
		json_decref(j);
		assert_int_equal(text[len], '\n');
		text += len + 1;
		n++;
	}
	return n;
}

static void test_lines(void **state)
{
	struct core *c = *state;
	struct core_flow_view hostile = fake.flows[0];

	snprintf(c->config.exports.lines_to[0], 128, "tcp://192.0.2.1:5140");
	c->config.exports.lines_to_count = 1;
	assert_int_equal(exports_open(c), 0);
	fake_emit(&fake.flows[1], "new"); /* only at their end */
	hostile.app = hostile.host = hostile.info = hostile.client.exe = FAKE_HOSTILE;
	for (int i = 0; i < 3; i++)
		fake_emit(&hostile, "closed");
	exports_tick(c, clock_mono_ns());
	assert_int_equal(net.count, 0); /* waits for more, a moment */
	expect(c, "lines", 3, 0, 0);
	exports_tick(c, later());
	assert_int_equal(net.count, 1);
	assert_string_equal(net.jobs[0].target, "bytes-tcp://192.0.2.1:5140");
	assert_int_equal(count_lines(net.jobs[0].body, "record", "flow"), 3);
	answer(0, 0, 0);
	expect(c, "lines", 0, 3, 0);
}

/* A sample may be in Prometheus' text only once. */
static void test_metrics_of_two_of_a_kind(void **state)
{
	static const char sent[] = "pierglass_export_sent_total{export=\"lines\"} ";
	struct core *c = *state;
	size_t len;
	char *text, *at;

	snprintf(c->config.exports.lines_to[0], 128, "tcp://192.0.2.1:5140");
	snprintf(c->config.exports.lines_to[1], 128, "tcp://192.0.2.2:5140");
	c->config.exports.lines_to_count = 2;
	assert_int_equal(exports_open(c), 0);
	fake_emit(&fake.flows[0], "closed");
	exports_tick(c, later());
	assert_int_equal(net.count, 2);
	answer(0, 0, 0);
	answer(1, 0, 0);
	text = metrics_export(c, &len);
	assert_non_null(text);
	at = strstr(text, sent);
	assert_non_null(at);
	assert_int_equal(strtoul(at + strlen(sent), NULL, 10), 2);
	assert_null(strstr(at + 1, sent));
	free(text);
}

static void test_nobody_takes_it(void **state)
{
	struct core *c = *state;
	unsigned n = 0;
	json_t *v;

	snprintf(c->config.exports.lines_to[0], 128, "tcp://192.0.2.1:5140");
	c->config.exports.lines_to_count = 1;
	assert_int_equal(exports_open(c), 0);
	while (!c->losses[LOSS_EXPORT]) { /* until it is full: bounded */
		fake_emit(&fake.flows[0], "closed");
		assert_true(++n < 100000);
	}
	assert_true(n > 1000);
	v = status_of(c, "lines");
	assert_int_equal(json_integer_value(json_object_get(v, "queued")), n - 1);
	json_decref(v);
	exports_tick(c, later());
	answer(0, -EHOSTUNREACH, 0);
	v = status_of(c, "lines");
	assert_string_equal(json_string_value(json_object_get(v, "error")), "no route");
	json_decref(v);
	exports_tick(c, clock_mono_ns());
	assert_int_equal(net.count, 1); /* not at once again */
	exports_tick(c, later());
	assert_int_equal(net.count, 2);
	assert_memory_equal(net.jobs[0].body, net.jobs[1].body, net.jobs[0].len); /* the same again */
	for (unsigned i = 1; i < net.count && i < 60; i++)
		answer(i, 0, 0); /* each answer lets the next go */
	v = status_of(c, "lines");
	assert_true(json_integer_value(json_object_get(v, "sent")) > 1000);
	assert_string_equal(json_string_value(json_object_get(v, "error")), "");
	json_decref(v);
}

static void test_given_up(void **state)
{
	struct core *c = *state;

	snprintf(c->config.exports.otlp_to, 128, "https://collector.example:4318");
	c->config.exports.otlp_what = RECORD_FLOWS;
	assert_int_equal(exports_open(c), 0);
	fake_emit(&fake.flows[0], "closed");
	exports_tick(c, later());
	answer(0, 0, 400); /* refused for good */
	expect(c, "otlp-logs", 0, 0, 1);
	fake_emit(&fake.flows[0], "closed");
	for (unsigned i = 1; i <= EXPORT_TRIES; i++) {
		exports_tick(c, later());
		assert_int_equal(net.count, i + 1);
		answer(i, 0, 503);
	}
	expect(c, "otlp-logs", 0, 0, 2);
	assert_int_equal(c->losses[LOSS_EXPORT], 2);
}

static void test_file_turns(void **state)
{
	struct core *c = *state;
	char path[400], text[70000];
	size_t n;
	FILE *f;

	snprintf(c->config.exports.lines_to[0], 128, "file");
	c->config.exports.lines_to_count = 1;
	c->config.exports.lines_max_bytes = 65536;
	c->config.exports.lines_files = 2;
	snprintf(c->config.exports.lines_filter, 100, "app = MySQL");
	assert_int_equal(exports_open(c), 0);
	for (int i = 0; i < 300; i++) {
		fake_emit(&fake.flows[i % 2], "closed"); /* every second one is MySQL */
		if (i % 10 == 9)
			exports_tick(c, later());
	}
	expect(c, "file", 0, 150, 0);
	assert_int_equal(net.count, 0);
	snprintf(path, sizeof(path), "%s/export.jsonl", c->state_dir);
	f = fopen(path, "r");
	assert_non_null(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = '\0';
	assert_true(n > 0 && n <= 65536);
	assert_true(count_lines(text, "app", "MySQL") > 0);
	snprintf(path, sizeof(path), "%s/export.jsonl.1", c->state_dir);
	assert_int_equal(access(path, R_OK), 0);
	snprintf(path, sizeof(path), "%s/export.jsonl.2", c->state_dir);
	assert_int_not_equal(access(path, F_OK), 0);
}

static void test_syslog_frames(void **state)
{
	struct core *c = *state;
	const char *p;
	unsigned n = 0;

	snprintf(c->config.exports.lines_to[0], 128, "syslog-tcp://[2001:db8::1]:601");
	c->config.exports.lines_to_count = 1;
	assert_int_equal(exports_open(c), 0);
	alerts_tell(c->model->alerts, c, &(struct finding){ .id = "1", .score = 90, .time_ns = 1 });
	fake_emit(&fake.flows[0], "closed");
	exports_tick(c, later());
	assert_string_equal(net.jobs[0].target, "bytes-tcp://[2001:db8::1]:601");
	for (p = net.jobs[0].body; *p; n++) { /* RFC 6587, 3.4.1; RFC 5424 */
		char *end;
		unsigned long len = strtoul(p, &end, 10);

		assert_int_equal(*end, ' ');
		assert_int_equal(strncmp(end + 1, "<134>1 ", 7), 0);
		assert_true(strlen(end + 1) >= len);
		assert_non_null(memmem(end + 1, len, n ? " pierglass - flow [pierglass@32473] \xef\xbb\xbf{\"record\":\"flow\"" :
					   " pierglass - alert [pierglass@32473] \xef\xbb\xbf{\"record\":\"alert\",\"time\"", 40));
		p = end + 1 + len;
	}
	assert_int_equal(n, 2);
}

static void test_ipfix_batches(void **state)
{
	struct core *c = *state;
	const uint8_t *p;
	size_t n, at;

	snprintf(c->config.exports.ipfix_to, 128, "udp://192.0.2.1:4739");
	snprintf(c->config.exports.ipfix_filter, 100, "server.port = 3306");
	assert_int_equal(exports_open(c), 0);
	for (int i = 0; i < 1000; i++)
		fake_emit(&fake.flows[1], "closed");
	for (int i = 0; i < 10; i++)
		fake_emit(&fake.flows[0], "closed"); /* another port */
	exports_tick(c, later());
	for (unsigned i = 0; i < net.count; i++) {
		answer(i, 0, 0);
		exports_tick(c, later());
	}
	expect(c, "ipfix", 0, 2000, 0);
	assert_true(net.count > 5);
	for (unsigned i = 0; i < net.count; i++) {
		assert_string_equal(net.jobs[i].target, "frames-udp://192.0.2.1:4739");
		p = (const uint8_t *)net.jobs[i].body;
		for (at = 0; at < net.jobs[i].len; at += n + 2) {
			n = (size_t)p[at] << 8 | p[at + 1];
			assert_true(n >= 20 && n <= 1400 && at + 2 + n <= net.jobs[i].len);
			assert_int_equal(p[at + 3], 10); /* version */
			if (!at && p[at + 19] != 2)
				fail_msg("batch %u of %u begins with set %u, %zu bytes", i, net.count, p[at + 18] << 8 | p[at + 19], net.jobs[i].len);
			if (!at)
				assert_int_equal(p[at + 2 + 17], 2); /* each batch begins with the templates */
		}
	}
}

/* ---- OTLP ---- */
static json_t *parsed(const char *text)
{
	json_error_t e;
	json_t *j = json_loads(text, JSON_REJECT_DUPLICATES, &e);

	if (!j)
		fail_msg("%s at %d: %.300s", e.text, e.position, text);
	return j;
}

static json_t *first(json_t *j, const char *key)
{
	return json_array_get(json_object_get(j, key), 0);
}

static void test_otlp_logs(void **state)
{
	struct core *c = *state;
	json_t *j, *r, *scope, *inner;

	snprintf(c->config.exports.otlp_to, 128, "http://127.0.0.1:4318");
	c->config.exports.otlp_what = RECORD_ALERTS | RECORD_FLOWS;
	snprintf(c->node, sizeof(c->node), "no\"de<");
	assert_int_equal(exports_open(c), 0);
	alerts_tell(c->model->alerts, c, &(struct finding){ .id = "<x", .score = 90, .time_ns = 1790000000000000001ULL });
	fake_emit(&fake.flows[0], "closed");
	exports_tick(c, later());
	assert_string_equal(net.jobs[0].target, "http://127.0.0.1:4318/v1/logs");
	assert_string_equal(net.jobs[0].headers, "Content-Type: application/json\n");
	assert_true(net.jobs[0].flags & FETCH_POST && net.jobs[0].flags & FETCH_PLAIN_HTTP);
	j = parsed(net.jobs[0].body);
	r = first(j, "resourceLogs");
	assert_string_equal(json_string_value(json_object_get(json_object_get(json_array_get(json_object_get(json_object_get(r, "resource"), "attributes"), 1),
		"value"), "stringValue")), "no\"de<");
	scope = first(r, "scopeLogs");
	assert_int_equal(json_array_size(json_object_get(scope, "logRecords")), 2);
	r = first(scope, "logRecords");
	assert_int_equal(json_integer_value(json_object_get(r, "severityNumber")), 21);
	assert_string_equal(json_string_value(json_object_get(r, "timeUnixNano")), "1790000000000000001");
	inner = parsed(json_string_value(json_object_get(json_object_get(r, "body"), "stringValue")));
	assert_string_equal(json_string_value(json_object_get(inner, "id")), "<x");
	json_decref(inner);
	json_decref(j);
}

static unsigned points, bodies;
static bool seen_sum, seen_label, seen_gauge;

static void on_body(const char *json, size_t len, unsigned n, void *arg)
{
	json_t *j = parsed(json), *m, *p;
	size_t i, k, found = 0;

	assert_true(len <= *(size_t *)arg);
	json_array_foreach(json_object_get(first(first(j, "resourceMetrics"), "scopeMetrics"), "metrics"), i, m) {
		json_t *sum = json_object_get(m, "sum"), *data = json_object_get(sum ? sum : json_object_get(m, "gauge"), "dataPoints");

		assert_true(json_array_size(data) > 0);
		seen_sum |= sum && json_integer_value(json_object_get(sum, "aggregationTemporality")) == 2 && json_is_true(json_object_get(sum, "isMonotonic"));
		seen_gauge |= !sum;
		json_array_foreach(data, k, p) {
			json_t *a = json_array_get(json_object_get(p, "attributes"), 1);

			assert_true(json_is_string(json_object_get(p, "asInt")) || json_is_number(json_object_get(p, "asDouble")));
			assert_true(json_is_string(json_object_get(p, "timeUnixNano")));
			if (a && !strcmp(json_string_value(json_object_get(a, "key")), "d"))
				seen_label = !strcmp(json_string_value(json_object_get(json_object_get(a, "value"), "stringValue")), "q\"\\ \n{},=");
			found++;
		}
	}
	assert_int_equal(found, n);
	points += n;
	bodies++;
	json_decref(j);
}

static void test_otlp_metrics(void **state)
{
	static const char text[] = "# HELP pierglass_x_total Things that \"are\".\n# TYPE pierglass_x_total counter\npierglass_x_total{c=\"a\",d=\"q\\\"\\\\ \\n{},=\"} 5\n"
				   "pierglass_x_total{c=\"b\"} 18446744073709551615\n# HELP pierglass_y Size.\n# TYPE pierglass_y gauge\npierglass_y 1.5\n"
				   "pierglass_y{broken\n# HELP\npierglass_z 3\n";
	struct core *c = *state;
	size_t max = 40000;

	points = bodies = 0;
	otlp_metrics(text, "n", 1, 2, max, on_body, &max);
	assert_int_equal(bodies, 1);
	assert_int_equal(points, 5);
	assert_true(seen_sum && seen_label && seen_gauge);
	max = 1000; /* cut into several */
	points = bodies = 0;
	otlp_metrics(text, "n", 1, 2, max, on_body, &max);
	assert_int_equal(points, 5);
	assert_true(bodies > 1);
	snprintf(c->config.exports.otlp_to, 128, "http://127.0.0.1:4318");
	c->config.exports.otlp_what = RECORD_METRICS;
	c->config.exports.otlp_interval_s = 60;
	assert_int_equal(exports_open(c), 0);
	exports_tick(c, later());
	assert_true(net.count >= 1);
	assert_string_equal(net.jobs[0].target, "http://127.0.0.1:4318/v1/metrics");
	max = EXPORT_BATCH_MAX;
	json_decref(parsed(net.jobs[0].body));
	assert_non_null(strstr(net.jobs[0].body, "pierglass_loss_total"));
}

/* ---- "test_exports --rates": records a second through an export, for tools/bench/api.py; the receiver takes nothing of the time */
static double rate(const char *name, void (*configure)(struct config_exports *x))
{
	enum { N = 400000 };
	uint64_t begin, took;
	unsigned long long sent, lost;
	struct core *c;
	json_t *v;
	void *state;

	setup(&state);
	c = state;
	net.discard = true;
	configure(&c->config.exports);
	exports_open(c);
	begin = clock_mono_ns();
	for (int i = 0; i < N; i++) {
		fake_emit(&fake.flows[i % 3], "closed");
		if (i % 100 == 99)
			exports_tick(c, later());
	}
	exports_tick(c, later());
	took = clock_mono_ns() - begin;
	v = status_of(c, name);
	sent = (unsigned long long)json_integer_value(json_object_get(v, "sent"));
	lost = (unsigned long long)json_integer_value(json_object_get(v, "lost"));
	json_decref(v);
	net.discard = false;
	net.count = 0;
	teardown(&state);
	if (lost || sent < N)
		fprintf(stderr, "%s: of %d flows %llu records were sent, %llu lost\n", name, N, sent, lost);
	return lost || sent < N ? 0 : (double)sent * 1e9 / (double)took;
}

static void to_file(struct config_exports *x)
{
	snprintf(x->lines_to[0], 128, "file");
	x->lines_to_count = 1;
}

static void to_ipfix(struct config_exports *x)
{
	snprintf(x->ipfix_to, 128, "udp://192.0.2.1:4739");
}

static int rates(void)
{
	printf("{\"json_lines\": %.0f, \"ipfix_records\": %.0f}\n", rate("file", to_file), rate("ipfix", to_ipfix));
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		T(test_lines), T(test_metrics_of_two_of_a_kind), T(test_nobody_takes_it), T(test_given_up), T(test_file_turns), T(test_syslog_frames),
		T(test_ipfix_batches), T(test_otlp_logs), T(test_otlp_metrics),
	};

	if (argc > 1 && !strcmp(argv[1], "--rates"))
		return rates();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
