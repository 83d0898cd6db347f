/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Both answers become sets of sentences; what is in one only is drift. */
#include "tools/pierglass/scan_drift.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "tools/pierglass/cli_value.h"

/* Sentence -> source. */
static void say(json_t *set, const char *source, const char *fmt, ...) _printf_(3, 4);
static void say(json_t *set, const char *source, const char *fmt, ...)
{
	_cleanup_free_ char *s = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	if (n >= 0)
		json_object_set_new(set, s, json_string(source));
}

static void say_text(json_t *set, const json_t *root, const char *key, const char *title)
{
	if (str_of(root, key)[0])
		say(set, "", "%s %s", title, str_of(root, key));
}

static void say_files(json_t *set, const json_t *files, const char *role, const char *title)
{
	json_t *v;
	size_t i;

	json_array_foreach(json_object_get(files, role), i, v) {
		const char *sha = str_of(v, "sha256");

		say(set, str_of(v, "source"), "%s %s%s%s", title, str_of(v, "path"), sha[0] ? " sha256:" : "", sha);
	}
}

static json_t *sentences(const json_t *root)
{
	const json_t *files = json_object_get(root, "files");
	json_t *set = json_object(), *v;
	size_t i;

	if (!set)
		return NULL;
	say_text(set, root, "app", "application");
	say_text(set, root, "version", "version");
	say_text(set, root, "command", "started by");
	json_array_foreach(json_object_get(root, "listeners"), i, v)
		say(set, str_of(v, "source"), strchr(str_of(v, "address"), ':') ? "listens on %s [%s]:%lld (%s)" : "listens on %s %s:%lld (%s)",
		    str_of(v, "l4"), str_of(v, "address"), (long long)json_integer_value(json_object_get(v, "port")), str_of(v, "app"));
	json_array_foreach(json_object_get(root, "upstreams"), i, v)
		say(set, str_of(v, "source"), "calls %s as %s (%s)", str_of(v, "target"), str_of(v, "kind"), str_of(v, "app"));
	say_files(set, files, "program", "runs");
	say_files(set, files, "scripts", "runs script");
	say_files(set, files, "documents", "serves");
	say_files(set, files, "data", "keeps data in");
	say_files(set, files, "logs", "logs to");
	say_files(set, files, "sockets", "listens on socket");
	return set;
}

static void compare(json_t *ret, const char *change, json_t *in, const json_t *not_in)
{
	const char *what;
	json_t *source;

	json_object_foreach(in, what, source)
		if (!json_object_get(not_in, what))
			json_array_append_new(ret, json_pack("{s:s,s:s,s:s}", "change", change, "what", what, "source", json_string_value(source)));
}

json_t *scan_drift(const json_t *before, const json_t *now)
{
	json_t *a = sentences(before), *b = sentences(now), *ret = json_array();

	if (a && b && ret) {
		compare(ret, "removed", a, b);
		compare(ret, "added", b, a);
	}
	json_decref(a);
	json_decref(b);
	return ret;
}
