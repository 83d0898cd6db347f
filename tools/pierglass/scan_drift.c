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

/* One sentence for a list of words. */
static void say_words(json_t *set, const json_t *o, const char *key, const char *title)
{
	const json_t *list = json_object_get(o, key);
	char *text = json_array_size(list) ? json_dumps(list, JSON_COMPACT) : NULL;

	if (text)
		say(set, "", "%s %s", title, text);
	free(text);
}

static void say_service(json_t *set, const json_t *s)
{
	const char *name = str_of(s, "name");
	json_t *p;
	size_t i;

	say(set, str_of(s, "source"), "service %s runs %s", name, str_of(s, "image")[0] ? str_of(s, "image") : str_of(s, "build"));
	json_array_foreach(json_object_get(s, "ports"), i, p)
		say(set, str_of(p, "source"), "service %s publishes %lld as %s:%lld/%s", name, (long long)json_integer_value(json_object_get(p, "target")),
		    str_of(p, "host_ip"), (long long)json_integer_value(json_object_get(p, "published")), str_of(p, "protocol"));
	json_array_foreach(json_object_get(s, "networks"), i, p)
		say(set, str_of(s, "source"), "service %s is on network %s", name, json_string_value(p));
	if (json_is_true(json_object_get(s, "privileged")))
		say(set, str_of(s, "source"), "service %s is privileged", name);
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
	json_array_foreach(json_object_get(root, "services"), i, v)
		say_service(set, v);
	json_array_foreach(json_object_get(root, "edges"), i, v)
		say(set, str_of(v, "source"), "%s calls %s port %lld (%s)", str_of(v, "client"), str_of(v, "server"),
		    (long long)json_integer_value(json_object_get(v, "port")), str_of(v, "kind"));
	say_words(set, json_object_get(root, "image"), "entrypoint", "entrypoint");
	say_words(set, json_object_get(root, "image"), "cmd", "command");
	say_words(set, json_object_get(root, "image"), "exposed", "exposes");
	say_text(set, json_object_get(root, "image"), "user", "runs as");
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
