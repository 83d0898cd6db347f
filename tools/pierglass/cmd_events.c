/* SPDX-License-Identifier: GPL-2.0-or-later */
/* events: a line for each thing that a container's process does. tree: its processes, who started whom, with their sockets. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/pierglass/cli_follow.h"
#include "tools/pierglass/cli_http.h"
#include "tools/pierglass/cli_text.h"
#include "tools/pierglass/cli_value.h"

#define LINE_MAX_BYTES 8192

struct text {
	char buf[LINE_MAX_BYTES];
	size_t len;
};

static void add(struct text *t, const char *fmt, ...) _printf_(2, 3);
static void add(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->buf + t->len, sizeof(t->buf) - t->len, fmt, ap);
	va_end(ap);
	if (n > 0)
		t->len = t->len + (size_t)n < sizeof(t->buf) ? t->len + (size_t)n : sizeof(t->buf) - 1;
}

static void add_args(struct text *t, const json_t *p)
{
	const json_t *args = json_object_get(p, "args");
	const char *script = str_of(p, "script");
	size_t i;
	json_t *a;

	if (!json_array_size(args))
		add(t, " %s", str_of(p, "exe"));
	json_array_foreach(args, i, a) {
		const char *s = json_string_value(a);

		add(t, s && s[0] && !strpbrk(s, " \"'") ? " %s" : " \"%s\"", s ? s : "");
	}
	if (bool_of(p, "args_cut"))
		add(t, " ...");
	if (script[0])
		add(t, " (script %s)", script);
	if (bool_of(p, "memfd"))
		add(t, " (memory only)");
	if (bool_of(p, "deleted"))
		add(t, " (deleted)");
}

static void add_place(struct text *t, const json_t *v)
{
	const char *address = str_of(v, "address");

	add(t, strchr(address, ':') ? " [%s]:%u/%s" : " %s:%u/%s", address, (unsigned)u64_of(v, "port"), str_of(v, "l4"));
}

static void event_text(const json_t *v)
{
	const char *time = str_of(v, "time"), *event = str_of(v, "event");
	const json_t *p = json_object_get(v, "process");
	struct text t = { .len = 0 };

	add(&t, "%.12s %-10s %s", strlen(time) > 23 ? time + 11 : time, event, str_of(v, "container"));
	if (json_is_object(p))
		add(&t, " %s[%u]", str_of(p, "exe")[0] ? str_of(p, "exe") : str_of(p, "comm"), (unsigned)u64_of(p, "pid"));
	if (!strcmp(event, "exec")) {
		add_args(&t, p);
		if (bool_of(v, "entered"))
			add(&t, " (entered from outside)");
	} else if (!strcmp(event, "listen") || !strcmp(event, "bind") || !strcmp(event, "close")) {
		add_place(&t, v);
	} else if (!strcmp(event, "connect")) {
		add_place(&t, v);
		add(&t, " %s", str_of(v, "server"));
	} else if (!strcmp(event, "syscall")) {
		add(&t, " %s", str_of(v, "syscall")[0] ? str_of(v, "syscall") : "#");
		if (!str_of(v, "syscall")[0])
			add(&t, "%u", (unsigned)u64_of(v, "number"));
		if (strcmp(str_of(v, "arch"), "native") != 0)
			add(&t, " (%s)", str_of(v, "arch"));
		if (bool_of(v, "runtime"))
			add(&t, " (container runtime)");
	} else if (!strcmp(event, "raw-socket")) {
		add(&t, " %s %s", str_of(v, "family"), str_of(v, "l4"));
	} else if (!strcmp(event, "file")) {
		if (bool_of(v, "directory"))
			add(&t, " %s%s: %llu further files (%s)", str_of(v, "path"), str_of(v, "path")[0] ? "" : "several directories",
			    (unsigned long long)u64_of(v, "count"), str_of(v, "place"));
		else
			add(&t, " %s (%s%s%s)", str_of(v, "path"), str_of(v, "place"), bool_of(v, "executable") ? ", executable" : "",
			    bool_of(v, "outside") ? ", from the host" : "");
	} else if (!strcmp(event, "unix-connect")) {
		add(&t, " %s", str_of(v, "path"));
	} else if (!strcmp(event, "file-changed")) {
		add(&t, " %s %s", str_of(v, "path"), str_of(v, "change"));
	} else if (!strcmp(event, "exe")) {
		add(&t, " %s (%s%s%s) %s%s", str_of(v, "path"), str_of(v, "place"), bool_of(v, "changed") ? ", changed" : "",
		    bool_of(v, "written") ? ", written" : "", str_of(v, "digest")[0] ? "sha256 " : "not hashed: ",
		    str_of(v, "digest")[0] ? str_of(v, "digest") : str_of(v, "not_hashed"));
	} else if (!strcmp(event, "throttle")) {
		add(&t, " %s, %llu events not told", str_of(v, "state"), (unsigned long long)u64_of(v, "count"));
	}
	cli_put(stdout, t.buf);
	putchar('\n');
}

int cmd_events(const struct cli_options *o)
{
	char path[CLI_PATH_MAX] = "/v1/events/stream";
	bool ok = true;

	if (o->kind)
		ok = ok && cli_query(path, sizeof(path), "kind", o->kind);
	if (o->workload)
		ok = ok && cli_query(path, sizeof(path), "workload", o->workload);
	if (!ok) {
		fputs("pierglass: events: a value is too long\n", stderr);
		return CLI_USAGE;
	}
	if (cli_query_filter(o, path, sizeof(path)))
		return CLI_USAGE;
	return cli_follow(o, path, "events", event_text);
}

/* ---- tree --------------------------------------------------------------------------------------------------------- */
/* How deep a process stands: its parents come before it in the answer. */
static unsigned depth_of(const json_t *processes, size_t i, const unsigned *depths)
{
	uint64_t parent = u64_of(json_array_get(processes, i), "parent_pid");

	for (size_t k = i; k--;)
		if (u64_of(json_array_get(processes, k), "pid") == parent)
			return depths[k] + 1;
	return 0;
}

static void process_text(const json_t *p, unsigned depth)
{
	const json_t *listeners = json_object_get(p, "listeners");
	struct text t = { .len = 0 };
	size_t i;
	json_t *l;

	add(&t, "%*s%u uid=%u", (int)(depth < 40 ? depth * 2 + 2 : 82), "", (unsigned)u64_of(p, "pid"), (unsigned)u64_of(p, "uid"));
	add_args(&t, p);
	if (bool_of(p, "entered"))
		add(&t, " (entered from outside)");
	json_array_foreach(listeners, i, l) {
		add(&t, " listens on");
		add_place(&t, l);
	}
	if (u64_of(p, "connections_out") || u64_of(p, "connections_in"))
		add(&t, " connections: %u out, %u in", (unsigned)u64_of(p, "connections_out"), (unsigned)u64_of(p, "connections_in"));
	cli_put(stdout, t.buf);
	putchar('\n');
}

static void container_text(const json_t *v)
{
	const json_t *processes = json_object_get(v, "processes");
	size_t n = json_array_size(processes);
	_cleanup_free_ unsigned *depths = calloc(n ? n : 1, sizeof(*depths));
	char line[1024];

	snprintf(line, sizeof(line), "%s (%s, %.12s)", str_of(v, "container"), str_of(v, "workload"), str_of(v, "container_id"));
	cli_put(stdout, line);
	putchar('\n');
	for (size_t i = 0; depths && i < n; i++) {
		depths[i] = depth_of(processes, i, depths);
		process_text(json_array_get(processes, i), depths[i]);
	}
}

int cmd_tree(const struct cli_options *o)
{
	char path[1024] = "/v1/tree";
	json_t *j, *v;
	size_t i;
	int code;

	if (o->argument && !cli_query(path, sizeof(path), "container", o->argument)) {
		fputs("pierglass: tree: the name is too long\n", stderr);
		return CLI_USAGE;
	}
	code = cli_get_json(o, path, &j, NULL);
	if (code)
		return code;
	if (o->argument && !json_array_size(j)) {
		fputs("pierglass: tree: no running container \"", stderr);
		cli_put(stderr, o->argument);
		fputs("\", see \"pierglass containers\"\n", stderr);
		json_decref(j);
		return CLI_REFUSED;
	}
	if (o->json) {
		_cleanup_free_ char *text = json_dumps(j, JSON_COMPACT);

		if (text)
			cli_put_json(stdout, text, strlen(text));
		putchar('\n');
	} else {
		json_array_foreach(j, i, v)
			container_text(v);
	}
	json_decref(j);
	return CLI_OK;
}
