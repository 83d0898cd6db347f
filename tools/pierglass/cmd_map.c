/* SPDX-License-Identifier: GPL-2.0-or-later */
/* map: the sensor makes all formats but the table. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/pierglass/cli_http.h"
#include "tools/pierglass/cli_text.h"
#include "tools/pierglass/cli_value.h"

static void edge_row(struct cli_table *t, const json_t *e)
{
	const char *l4 = str_of(e, "l4"), *app = str_of(e, "app"), *confidence = str_of(e, "app_confidence");
	bool guess = !strcmp(confidence, "port-guess") || !strcmp(confidence, "unknown"), known = strcmp(app, "Unknown") != 0;
	const json_t *ce = json_object_get(e, "client_exes"), *se = json_object_get(e, "server_exes");
	const char *c0 = json_string_value(json_array_get(ce, 0)), *s0 = json_string_value(json_array_get(se, 0));
	char bytes[16];

	cli_table_add(t, str_of(e, "client"));
	cli_table_add(t, str_of(e, "server"));
	if (strncmp(l4, "icmp", 4))
		cli_table_addf(t, "%s:%u", l4, (unsigned)u64_of(e, "port"));
	else
		cli_table_add(t, l4);
	cli_table_addf(t, "%s%s", known ? app : "-", known && guess ? "?" : "");
	cli_table_addf(t, "%llu", (unsigned long long)u64_of(e, "flows"));
	cli_table_add(t, cli_bytes(u64_of(e, "bytes_to_server"), bytes));
	cli_table_add(t, cli_bytes(u64_of(e, "bytes_to_client"), bytes));
	cli_table_addf(t, "%s%s", c0 ? c0 : "", json_array_size(ce) > 1 ? " ..." : "");
	cli_table_addf(t, "%s%s", s0 ? s0 : "", json_array_size(se) > 1 ? " ..." : "");
	cli_table_addf(t, "%.19s", str_of(e, "last_seen"));
}

static void show(const json_t *j, bool parts)
{
	static const struct cli_column columns[] = {
		{ "CLIENT", false, 14 },   { "SERVER", false, 14 },  { "PORT", false, 0 },	    { "PROTOCOL", false, 0 }, { "FLOWS", true, 0 },
		{ "TO SERVER", true, 0 }, { "TO CLIENT", true, 0 }, { "CLIENT PROGRAM", false, 8 }, { "SERVER PROGRAM", false, 8 },
		{ "LAST SEEN", false, 10 },
	};
	const json_t *edges = json_object_get(j, "edges");
	struct cli_table *t;
	json_t *e;
	size_t i;

	if (!json_array_size(edges)) {
		puts(parts ? "Nothing in the map is like this." :
			     "The map is empty: no container has talked yet. \"pierglass status\" says what is watched.");
		return;
	}
	t = cli_table_new(columns, ARRAY_SIZE(columns));
	json_array_foreach(edges, i, e)
		edge_row(t, e);
	cli_table_write(t, stdout, cli_width());
	cli_table_free(t);
}

int cmd_map(const struct cli_options *o)
{
	static const char *const formats[] = { "table", "json", "dot", "graphml", "mermaid", "cytoscape", "node-graph", "html" };
	const char *format = o->format ? o->format : o->json ? "json" : "table";
	char path[CLI_PATH_MAX] = "/v1/map";
	struct cli_answer a;
	size_t i = 0;
	json_t *j;
	int code;

	if (o->json && strcmp(format, "json")) {
		fputs("pierglass: map: --json and --format ask for two different things\n", stderr);
		return CLI_USAGE;
	}
	while (i < ARRAY_SIZE(formats) && strcmp(formats[i], format))
		i++;
	if (i == ARRAY_SIZE(formats)) {
		fputs("pierglass: map: unknown format \"", stderr);
		cli_put(stderr, format);
		fputs("\": expected table, json, dot, graphml, mermaid, cytoscape, node-graph or html\n", stderr);
		return CLI_USAGE;
	}
	if ((i > 1 && !cli_query(path, sizeof(path), "format", format)) ||
	    (o->workload && !cli_query(path, sizeof(path), "workload", o->workload))) {
		fputs("pierglass: map: a value is too long\n", stderr);
		return CLI_USAGE;
	}
	if (cli_query_filter(o, path, sizeof(path)))
		return CLI_USAGE;
	if (!i) {
		code = cli_get_json(o, path, &j, NULL);
		if (!code) {
			show(j, o->filter || o->since || o->workload);
			json_decref(j);
		}
		return code;
	}
	code = cli_get(o, path, &a);
	if (code)
		return code;
	if (!strcmp(format, "json") || !strcmp(format, "cytoscape") || !strcmp(format, "node-graph"))
		cli_put_json(stdout, a.text, a.len);
	else
		fwrite(a.text, 1, a.len, stdout);
	free(a.text);
	return CLI_OK;
}
