/* SPDX-License-Identifier: GPL-2.0-or-later */
/* flows: the table of live flows, or (-f) a line for each flow as soon as the sensor knows of it. */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/pierglass/cli_follow.h"
#include "tools/pierglass/cli_http.h"
#include "tools/pierglass/cli_text.h"
#include "tools/pierglass/cli_value.h"

static bool has_ports(const char *l4)
{
	return !strcmp(l4, "tcp") || !strcmp(l4, "udp") || !strcmp(l4, "sctp");
}

/* "shop/web", "shop/web:80", "192.0.2.7:80": a workload's name, else the address (with the DNS name it is known by). */
static void end_text(const json_t *end, bool port, char *buf, size_t len)
{
	const char *id = str_of(end, "id"), *address = str_of(end, "address"), *workload = str_of(end, "workload");
	const char *name = workload[0] ? workload : !strncmp(id, "ext:", 4) ? id + 4 : id[0] ? id : address;
	const char *spoofed = bool_of(end, "spoofed") ? "!" : "";

	if (!port)
		snprintf(buf, len, "%s%s", name, spoofed);
	else if (strchr(name, ':') && !strcmp(name, address))
		snprintf(buf, len, "[%s]%s:%u", name, spoofed, (unsigned)u64_of(end, "port"));
	else
		snprintf(buf, len, "%s%s:%u", name, spoofed, (unsigned)u64_of(end, "port"));
}

static void app_text(const json_t *f, char *buf, size_t len)
{
	const char *app = str_of(f, "app"), *confidence = str_of(f, "app_confidence");
	bool guess = !strcmp(confidence, "port-guess") || !strcmp(confidence, "unknown");
	const json_t *changed = json_object_get(f, "changed");

	if (!app[0] || !strcmp(app, "Unknown"))
		snprintf(buf, len, "-");
	else
		snprintf(buf, len, "%s%s", app, guess ? "?" : "");
	/* what it went on as: "SMTP>TLS" */
	if (changed && strcmp(str_of(changed, "to"), app) && strlen(buf) + strlen(str_of(changed, "to")) + 2 <= len)
		snprintf(buf + strlen(buf), len - strlen(buf), ">%s", str_of(changed, "to"));
}

static bool path_of(const struct cli_options *o, char *path, size_t len)
{
	bool ok = true;

	snprintf(path, len, o->follow ? "/v1/flows/stream" : "/v1/flows");
	if (o->limit)
		ok = ok && cli_query(path, len, "limit", o->limit);
	if (o->workload)
		ok = ok && cli_query(path, len, "workload", o->workload);
	if (o->history)
		ok = ok && cli_query(path, len, "history", "1");
	if (!ok)
		fputs("pierglass: flows: a value is too long\n", stderr);
	return ok && !cli_query_filter(o, path, len);
}

static void follow_text(const json_t *f)
{
	char client[512], server[512], app[64], line[2048];
	const char *l4 = str_of(f, "l4"), *exe = str_of(json_object_get(f, "client"), "exe");
	const char *server_exe = str_of(json_object_get(f, "server"), "exe"), *host = str_of(f, "host"), *event = str_of(f, "event");
	const char *time = str_of(f, strcmp(event, "new") ? "last_seen" : "first_seen");

	end_text(json_object_get(f, "client"), false, client, sizeof(client));
	end_text(json_object_get(f, "server"), has_ports(l4), server, sizeof(server));
	app_text(f, app, sizeof(app));
	snprintf(line, sizeof(line), "%.12s %-8s %s%s%s%s -> %s%s%s%s %s %s%s%s", strlen(time) > 23 ? time + 11 : time, event, client,
		 exe[0] ? " (" : "", exe, exe[0] ? ")" : "", server, server_exe[0] ? " (" : "", server_exe, server_exe[0] ? ")" : "", l4,
		 app, host[0] ? " " : "", host);
	cli_put(stdout, line);
	putchar('\n');
}

static void flow_row(struct cli_table *t, const json_t *f)
{
	char client[512], server[512], app[64], bytes[16];
	const char *l4 = str_of(f, "l4");

	end_text(json_object_get(f, "client"), false, client, sizeof(client));
	end_text(json_object_get(f, "server"), has_ports(l4), server, sizeof(server));
	app_text(f, app, sizeof(app));
	cli_table_addf(t, "%.8s", strlen(str_of(f, "last_seen")) > 19 ? str_of(f, "last_seen") + 11 : "");
	cli_table_add(t, client);
	cli_table_add(t, server);
	cli_table_add(t, l4);
	cli_table_add(t, app);
	cli_table_add(t, str_of(f, "host"));
	cli_table_add(t, str_of(json_object_get(f, "client"), "exe"));
	cli_table_add(t, str_of(json_object_get(f, "server"), "exe"));
	cli_table_add(t, cli_bytes(u64_of(f, "bytes_to_server"), bytes));
	cli_table_add(t, cli_bytes(u64_of(f, "bytes_to_client"), bytes));
	cli_table_add(t, str_of(f, "state"));
}

static int by_last_seen(const void *a, const void *b)
{
	return strcmp(str_of(*(json_t *const *)b, "last_seen"), str_of(*(json_t *const *)a, "last_seen"));
}

static int show(const json_t *j, long long total)
{
	static const struct cli_column columns[] = {
		{ "LAST SEEN", false, 0 }, { "CLIENT", false, 14 }, { "SERVER", false, 14 }, { "L4", false, 0 },   { "PROTOCOL", false, 0 },
		{ "HOST", false, 6 },	   { "CLIENT PROGRAM", false, 8 }, { "SERVER PROGRAM", false, 8 }, { "TO SERVER", true, 0 },
		{ "TO CLIENT", true, 0 },  { "STATE", false, 0 },
	};
	size_t n = json_array_size(j), i;
	_cleanup_free_ const json_t **rows = calloc(n ? n : 1, sizeof(json_t *));
	struct cli_table *t = cli_table_new(columns, ARRAY_SIZE(columns));

	if (!n) {
		puts("No flows.");
	} else if (rows && t) {
		for (i = 0; i < n; i++)
			rows[i] = json_array_get(j, i);
		qsort(rows, n, sizeof(json_t *), by_last_seen);
		for (i = 0; i < n; i++)
			flow_row(t, rows[i]);
		cli_table_write(t, stdout, cli_width());
		if (total > (long long)n)
			printf("(the latest %zu of %lld flows; --limit N shows more)\n", n, total);
	}
	cli_table_free(t);
	return CLI_OK;
}

int cmd_flows(const struct cli_options *o)
{
	struct cli_answer a;
	char path[CLI_PATH_MAX];
	long long total;
	json_t *j;
	int code;

	if (o->follow && (o->limit || o->history || o->since)) {
		fputs("pierglass: flows -f takes no --limit, no --history and no --since\n", stderr);
		return CLI_USAGE;
	}
	if (!path_of(o, path, sizeof(path)))
		return CLI_USAGE;
	if (o->follow)
		return cli_follow(o, path, "flows", follow_text);
	if (o->json) {
		code = cli_get(o, path, &a);
		if (!code) {
			cli_put_json(stdout, a.text, a.len);
			free(a.text);
		}
		return code;
	}
	code = cli_get_json(o, path, &j, &total);
	if (code)
		return code;
	code = show(j, total);
	json_decref(j);
	return code;
}
