/* SPDX-License-Identifier: GPL-2.0-or-later */
/* alerts: the list, or (-f) each as it comes; why: one of them in full. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/pierglass/cli_follow.h"
#include "tools/pierglass/cli_http.h"
#include "tools/pierglass/cli_text.h"
#include "tools/pierglass/cli_value.h"

static void alert_line(const json_t *a)
{
	char line[2048];

	enum cli_color c = cli_color_of_severity(str_of(a, "severity"));

	snprintf(line, sizeof(line), "%.19s %-8s %-20s %s  %s  [%s]", str_of(a, "time"), str_of(a, "severity"), str_of(a, "finding"),
		 str_of(a, "workload"), str_of(a, "observed"), str_of(a, "id"));
	fputs(c ? cli_color(c) : "", stdout);
	cli_put(stdout, line);
	fputs(c ? cli_color(CLI_PLAIN) : "", stdout);
	putchar('\n');
}

int cmd_alerts(const struct cli_options *o)
{
	static const struct cli_column columns[] = {
		{ "TIME", false, 0 },	    { "SEVERITY", false, 0 }, { "FINDING", false, 0 }, { "WORKLOAD", false, 12 }, { "CONTAINER", false, 10 },
		{ "PROGRAM", false, 10 }, { "PEER", false, 10 },	    { "TIMES", true, 0 },   { "ID", false, 0 },	{ "OBSERVED", false, 20 },
	};
	char path[CLI_PATH_MAX];
	struct cli_table *t;
	json_t *j, *v;
	size_t i;
	int code;

	snprintf(path, sizeof(path), o->follow ? "/v1/alerts/stream" : "/v1/alerts");
	if (o->follow && (o->limit || o->all || o->since)) {
		fputs("pierglass: alerts -f takes no --limit, no --all and no --since\n", stderr);
		return CLI_USAGE;
	}
	if ((o->limit && !cli_query(path, sizeof(path), "limit", o->limit)) || (o->all && !cli_query(path, sizeof(path), "all", "1")) ||
	    (o->workload && !cli_query(path, sizeof(path), "workload", o->workload))) {
		fputs("pierglass: alerts: a value is too long\n", stderr);
		return CLI_USAGE;
	}
	if (o->format && (o->follow || !cli_query(path, sizeof(path), "format", o->format))) {
		fputs("pierglass: alerts: --format plain, ecs or ocsf, without -f\n", stderr);
		return CLI_USAGE;
	}
	if (cli_query_filter(o, path, sizeof(path)))
		return CLI_USAGE;
	if (o->follow)
		return cli_follow(o, path, "alerts", alert_line);
	if (o->json || o->format)
		return cli_print_json(o, path);
	code = cli_get_json(o, path, &j, NULL);
	if (code)
		return code;
	t = cli_table_new(columns, ARRAY_SIZE(columns));
	if (!json_array_size(j))
		puts("No alerts.");
	json_array_foreach(j, i, v) {
		cli_table_addf(t, "%.19s", str_of(v, "time"));
		cli_table_add(t, str_of(v, "severity"));
		cli_table_color(t, cli_color_of_severity(str_of(v, "severity")));
		cli_table_add(t, str_of(v, "finding"));
		cli_table_add(t, str_of(v, "workload"));
		cli_table_add(t, str_of(v, "container"));
		cli_table_add(t, str_of(v, "process"));
		cli_table_add(t, str_of(v, "peer"));
		cli_table_addf(t, "%llu", (unsigned long long)u64_of(v, "count"));
		cli_table_add(t, str_of(v, "id"));
		cli_table_add(t, str_of(v, "observed"));
	}
	if (json_array_size(j))
		cli_table_write(t, stdout, cli_width());
	cli_table_free(t);
	json_decref(j);
	return CLI_OK;
}

static void put_field(const char *name, const char *value)
{
	if (!value[0])
		return;
	printf("%-12s", name);
	cli_put(stdout, value);
	putchar('\n');
}

int cmd_why(const struct cli_options *o)
{
	char path[256] = "/v1/why", text[1024];
	const json_t *a;
	json_t *j, *v;
	size_t i;
	int code;

	if (!o->argument) {
		fputs("pierglass: why: which alert? \"pierglass alerts\" shows their ids\n", stderr);
		return CLI_USAGE;
	}
	if (!cli_query(path, sizeof(path), "id", o->argument)) {
		fputs("pierglass: why: the id is too long\n", stderr);
		return CLI_USAGE;
	}
	if (o->json)
		return cli_print_json(o, path);
	code = cli_get_json(o, path, &j, NULL);
	if (code)
		return code;
	a = json_object_get(j, "alert");
	snprintf(text, sizeof(text), "%s, severity %s, score %llu, seen %llu times", str_of(a, "finding"), str_of(a, "severity"),
		 (unsigned long long)u64_of(a, "score"), (unsigned long long)u64_of(a, "count"));
	put_field("finding", text);
	put_field("time", str_of(a, "time"));
	snprintf(text, sizeof(text), "%s, container %s on %s", str_of(a, "workload"), str_of(a, "container"), str_of(a, "node"));
	put_field("workload", text);
	if (str_of(a, "process")[0]) {
		snprintf(text, sizeof(text), "%s (pid %llu)%s%s", str_of(a, "process"), (unsigned long long)u64_of(a, "pid"),
			 str_of(a, "parent")[0] ? " by " : "", str_of(a, "parent"));
		put_field("program", text);
	}
	put_field("peer", str_of(a, "peer"));
	put_field("observed", str_of(a, "observed"));
	put_field("why", str_of(a, "why"));
	json_array_foreach(json_object_get(a, "expected"), i, v)
		put_field(i ? "" : "expected", json_string_value(v) ? json_string_value(v) : "");
	put_field("coverage", str_of(a, "coverage"));
	put_field("explained by", str_of(a, "absorbed_by"));
	json_array_foreach(json_object_get(j, "related"), i, v) {
		snprintf(text, sizeof(text), "%.19s %s %s [%s]", str_of(v, "time"), str_of(v, "finding"), str_of(v, "observed"), str_of(v, "id"));
		put_field(i ? "" : "around it", text);
	}
	if (json_is_string(json_object_get(j, "fact")))
		printf("%-12spierglass model accept %s\n", "if normal", str_of(a, "id"));
	json_decref(j);
	return CLI_OK;
}
