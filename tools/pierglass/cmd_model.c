/* SPDX-License-Identifier: GPL-2.0-or-later */
/* model: what is normal for a workload, how sure that is, and what a human may do about it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/pierglass/cli_http.h"
#include "tools/pierglass/cli_text.h"
#include "tools/pierglass/cli_value.h"

#define IMPORT_MAX (1U << 20)

static int list(const struct cli_options *o)
{
	static const struct cli_column columns[] = { { "WORKLOAD", false, 12 }, { "IMAGE", false, 0 }, { "STATE", false, 0 }, { "FACTS", true, 0 },
						     { "STARTS", true, 0 },	 { "LAST SEEN", false, 0 }, { "STILL LEARNS", false, 10 } };
	struct cli_table *t;
	json_t *j, *v, *d;
	size_t i, k;
	int code;

	if (o->json)
		return cli_print_json(o, "/v1/models");
	code = cli_get_json(o, "/v1/models", &j, NULL);
	if (code)
		return code;
	t = cli_table_new(columns, ARRAY_SIZE(columns));
	json_array_foreach(j, i, v) {
		char waits[256] = "";
		uint64_t facts = 0;
		size_t at = 0;

		json_array_foreach(json_object_get(v, "dimensions"), k, d) {
			int n = 0;

			facts += u64_of(d, "facts");
			if (!strcmp(str_of(d, "state"), "learning"))
				n = snprintf(waits + at, sizeof(waits) - at, "%s%s", at ? " " : "", str_of(d, "dimension"));
			at += n > 0 && (size_t)n < sizeof(waits) - at ? (size_t)n : 0;
		}
		cli_table_add(t, str_of(v, "workload"));
		cli_table_addf(t, "%.19s", str_of(v, "image"));
		cli_table_add(t, str_of(v, "state"));
		cli_table_addf(t, "%llu", (unsigned long long)facts);
		cli_table_addf(t, "%llu", (unsigned long long)u64_of(v, "starts"));
		cli_table_addf(t, "%.19s", str_of(v, "last_seen"));
		cli_table_add(t, waits);
	}
	if (json_array_size(j))
		cli_table_write(t, stdout, cli_width());
	else
		puts("No models.");
	cli_table_free(t);
	json_decref(j);
	return CLI_OK;
}

static void show_dimensions(const json_t *j)
{
	static const struct cli_column columns[] = { { "DIMENSION", false, 0 }, { "STATE", false, 0 }, { "FACTS", true, 0 }, { "WINDOWS", true, 0 },
						     { "LOSSY", true, 0 },  { "OBSERVED", true, 0 }, { "SEEN ONCE", true, 0 }, { "UNSEEN", true, 0 },
						     { "FALSE/DAY", true, 0 }, { "WAITS FOR", false, 10 } };
	struct cli_table *t = cli_table_new(columns, ARRAY_SIZE(columns));
	json_t *d;
	size_t i;

	json_array_foreach(json_object_get(j, "dimensions"), i, d) {
		cli_table_add(t, str_of(d, "dimension"));
		cli_table_add(t, str_of(d, "state"));
		cli_table_addf(t, "%llu", (unsigned long long)u64_of(d, "facts"));
		cli_table_addf(t, "%llu", (unsigned long long)u64_of(d, "windows"));
		cli_table_addf(t, "%llu", (unsigned long long)u64_of(d, "lossy_windows"));
		cli_table_addf(t, "%llu", (unsigned long long)u64_of(d, "observations"));
		cli_table_addf(t, "%llu", (unsigned long long)u64_of(d, "seen_once"));
		cli_table_addf(t, "%.2f%%", f64_of(d, "unseen") * 100);
		cli_table_addf(t, "%.1f", f64_of(d, "false_findings_per_day"));
		cli_table_add(t, str_of(d, "waits_for"));
	}
	cli_table_write(t, stdout, cli_width());
	cli_table_free(t);
}

static int by_dimension(const void *a, const void *b)
{
	const json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;
	int r = strcmp(str_of(x, "dimension"), str_of(y, "dimension"));

	return r ? r : strcmp(str_of(x, "text"), str_of(y, "text"));
}

static void show_facts(const json_t *j)
{
	static const struct cli_column columns[] = { { "DIMENSION", false, 0 }, { "FACT", false, 20 }, { "SOURCE", false, 0 }, { "SEEN", true, 0 },
						     { "REPLICAS", true, 0 },  { "LAST", false, 0 }, { "WHERE", false, 8 } };
	json_t *facts = json_object_get(j, "facts");
	size_t n = json_array_size(facts), i;
	_cleanup_free_ const json_t **rows = calloc(n ? n : 1, sizeof(json_t *));
	struct cli_table *t = cli_table_new(columns, ARRAY_SIZE(columns));

	for (i = 0; rows && i < n; i++)
		rows[i] = json_array_get(facts, i);
	if (rows)
		qsort(rows, n, sizeof(json_t *), by_dimension);
	for (i = 0; rows && i < n; i++) {
		cli_table_add(t, str_of(rows[i], "dimension"));
		cli_table_add(t, str_of(rows[i], "text"));
		cli_table_addf(t, "%s%s", str_of(rows[i], "source"), bool_of(rows[i], "carried") ? " (earlier image)" : "");
		cli_table_addf(t, "%llu", (unsigned long long)u64_of(rows[i], "count"));
		cli_table_addf(t, "%llu", (unsigned long long)u64_of(rows[i], "replicas"));
		cli_table_addf(t, "%.19s", str_of(rows[i], "last_seen"));
		cli_table_add(t, str_of(rows[i], "where"));
	}
	if (n)
		cli_table_write(t, stdout, cli_width());
	cli_table_free(t);
}

static int show(const struct cli_options *o, const char *path)
{
	char head[1024];
	json_t *j;
	int code;

	if (o->json)
		return cli_print_json(o, path);
	code = cli_get_json(o, path, &j, NULL);
	if (code)
		return code;
	snprintf(head, sizeof(head), "%s: %s, image %.19s, %llu starts, %llu requests", str_of(j, "workload"), str_of(j, "state"), str_of(j, "image"),
		 (unsigned long long)u64_of(j, "starts"), (unsigned long long)u64_of(j, "requests"));
	cli_put(stdout, head);
	printf("\nwindows of %llu s; FALSE/DAY: findings a day that would be unseen habits, if learning ended now\n\n",
	       (unsigned long long)u64_of(j, "window_seconds"));
	show_dimensions(j);
	putchar('\n');
	show_facts(j);
	json_decref(j);
	return CLI_OK;
}

static int post(const struct cli_options *o, const char *path, const char *body, size_t len)
{
	json_t *j;
	char *text;
	int code = cli_post(o, path, body, len, &j);

	if (code)
		return code;
	if (o->json) {
		text = json_dumps(j, JSON_COMPACT);
		puts(text ? text : "{}");
		free(text);
	} else {
		char line[600];

		snprintf(line, sizeof(line), "%s: %s (%llu)", str_of(j, "workload"), str_of(j, "done"), (unsigned long long)u64_of(j, "count"));
		cli_put(stdout, line);
		putchar('\n');
	}
	json_decref(j);
	return CLI_OK;
}

static int import(const struct cli_options *o, const char *file)
{
	_cleanup_close_ int fd = strcmp(file, "-") ? open(file, O_RDONLY | O_CLOEXEC) : dup(0);
	_cleanup_free_ char *buf = malloc(IMPORT_MAX + 1);
	size_t have = 0;
	ssize_t n = 0;

	if (fd < 0 || !buf) {
		fprintf(stderr, "pierglass: model import: %s: %s\n", file, strerror(errno));
		return CLI_USAGE;
	}
	while (have <= IMPORT_MAX && (n = read(fd, buf + have, IMPORT_MAX + 1 - have)) > 0)
		have += (size_t)n;
	if (n < 0 || have > IMPORT_MAX || !have) {
		fprintf(stderr, "pierglass: model import: %s: %s\n", file, n < 0 ? strerror(errno) : have ? "longer than 1 MiB" : "empty");
		return CLI_USAGE;
	}
	return post(o, "/v1/model/import", buf, have);
}

static int usage(void)
{
	fputs("pierglass: model: list | show WORKLOAD [--seccomp] | lock WORKLOAD [-d DIMENSION] | reopen WORKLOAD [-d DIMENSION] | accept ALERT | "
	      "export WORKLOAD | import FILE\n",
	      stderr);
	return CLI_USAGE;
}

int cmd_model(const struct cli_options *o)
{
	const char *what = o->argument_count ? o->arguments[0] : "list", *which = o->argument_count > 1 ? o->arguments[1] : NULL;
	static const struct {
		const char *name, *path, *argument;
		bool post;
	} actions[] = {
		{ "show", "/v1/model", "workload", false },
		{ "export", "/v1/model/export", "workload", false },
		{ "lock", "/v1/model/lock", "workload", true },
		{ "reopen", "/v1/model/reopen", "workload", true },
		{ "learn", "/v1/model/reopen", "workload", true },
		{ "accept", "/v1/model/accept", "id", true },
	};
	char path[1024];

	if (!strcmp(what, "list") && !which)
		return list(o);
	if (!which || o->argument_count > 2)
		return usage();
	if (!strcmp(what, "import"))
		return import(o, which);
	if (!strcmp(what, "show") && o->seccomp)
		return cli_seccomp(o, which);
	for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
		if (strcmp(what, actions[i].name))
			continue;
		snprintf(path, sizeof(path), "%s", actions[i].path);
		if (!cli_query(path, sizeof(path), actions[i].argument, which) ||
		    (o->dimension && !cli_query(path, sizeof(path), "dimension", o->dimension)))
			return usage();
		if (actions[i].post)
			return post(o, path, "", 0);
		return !strcmp(what, "show") ? show(o, path) : cli_print_json(o, path);
	}
	return usage();
}
