/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Words of the shell: quotes and expansions (POSIX.1-2017 XCU 2.6, and what bash adds that start scripts use). */
#include <ctype.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "appid/config/conf_shell.h"
#include "appid/config/conf_text.h"

#define UNKNOWN "\1"

/* A word being put together. */
struct field {
	struct conf *c;
	char *buf;
	size_t len, cap;
	bool any; /* something, be it an empty quoted string, stands here */
};

static void put(struct field *f, const char *s, size_t n)
{
	if (f->len + n > SHELL_TEXT)
		conf_leave(f->c, "a word grows beyond 256 KiB");
	if (f->len + n + 1 > f->cap) {
		char *more;

		f->cap = (f->len + n + 1) * 2 + 32;
		more = conf_alloc(f->c, f->cap);
		if (f->len)
			memcpy(more, f->buf, f->len);
		f->buf = more;
	}
	memcpy(f->buf + f->len, s, n);
	f->len += n;
	f->any = true;
}

/* Up to the closing one, which may be inside quotes or nested. */
static size_t nested_len(const char *p, char open, char close)
{
	size_t i = 1;
	int depth = 1, rounds = 0;

	while (p[i] && depth && ++rounds < SHELL_TEXT) {
		if (p[i] == '\\' && p[i + 1]) {
			i += 2;
		} else if (p[i] == '\'') {
			const char *end = strchr(p + i + 1, '\'');

			i = end ? (size_t)(end - p) + 1 : i + 1;
		} else {
			depth += p[i] == open ? 1 : p[i] == close ? -1 : 0;
			i++;
		}
	}
	return i;
}

size_t shell_quoted_len(const char *p)
{
	const char *end;
	size_t i;

	if (p[0] == '\\')
		return p[1] ? 2 : 1;
	if (p[0] == '\'') {
		end = strchr(p + 1, '\'');
		return end ? (size_t)(end - p) + 1 : strlen(p);
	}
	if (p[0] == '`') {
		for (i = 1; p[i] && p[i] != '`'; i += p[i] == '\\' && p[i + 1] ? 2 : 1)
			;
		return i + (p[i] ? 1 : 0);
	}
	if (p[0] == '"') {
		for (i = 1; p[i] && p[i] != '"'; i += p[i] == '$' || p[i] == '`' || p[i] == '\\' ? shell_quoted_len(p + i) : 1)
			;
		return i + (p[i] ? 1 : 0);
	}
	if (p[0] == '$' && p[1] == '(')
		return 1 + nested_len(p + 1, '(', ')');
	if (p[0] == '$' && p[1] == '{')
		return 1 + nested_len(p + 1, '{', '}');
	if (p[0] == '$' && p[1] == '\'')
		return 1 + shell_quoted_len(p + 1);
	return 1;
}

/* ---- parameters ---------------------------------------------------------------------------------------------- */
static const char *joined(struct shell *s)
{
	const char *out = "";

	for (unsigned i = 1; i < s->arg_count; i++)
		out = conf_printf(s->c, "%s%s%s", out, i > 1 ? " " : "", s->args[i]);
	return out;
}

/* NULL: not set. */
static const char *parameter(struct shell *s, const char *name)
{
	unsigned long n;

	if (isdigit((unsigned char)*name)) {
		n = strtoul(name, NULL, 10);
		return n < s->arg_count ? s->args[n] : NULL;
	}
	if (!strcmp(name, "@") || !strcmp(name, "*"))
		return s->arg_count > 1 ? joined(s) : NULL;
	if (!strcmp(name, "#"))
		return conf_printf(s->c, "%u", s->arg_count ? s->arg_count - 1 : 0);
	if (!strcmp(name, "?"))
		return "0";
	if (!strcmp(name, "$") || !strcmp(name, "!") || !strcmp(name, "RANDOM") || !strcmp(name, "HOSTNAME"))
		return UNKNOWN;
	if (!strcmp(name, "PWD"))
		return s->cwd;
	if (!strcmp(name, "BASH_SOURCE"))
		return s->arg_count ? s->args[0] : NULL;
	return shell_get(s, name);
}

static const char *strip(struct shell *s, const char *value, const char *pattern, bool end, bool longest)
{
	size_t len = strlen(value), best = SIZE_MAX;

	for (size_t i = 0; i <= len && len < 4096; i++) {
		const char *piece = end ? value + i : conf_strndup(s->c, value, i);

		if (fnmatch(pattern, piece, 0) != 0)
			continue;
		if (best == SIZE_MAX || (end ? !longest : longest))
			best = i;
		if (end == longest)
			break;
	}
	conf_tick(s->c);
	if (best == SIZE_MAX)
		return value;
	return end ? conf_strndup(s->c, value, best) : value + best;
}

/* ${name:offset:length} with plain numbers. */
static const char *substring(struct shell *s, const char *value, const char *spec)
{
	char *end;
	long len = (long)strlen(value), from = strtol(spec, &end, 10), count = len;

	if (*end == ':')
		count = strtol(end + 1, &end, 10);
	if (*end)
		return UNKNOWN;
	from = from < 0 ? (len + from > 0 ? len + from : 0) : from < len ? from : len;
	if (count < 0)
		count = len - from + count;
	if (count < 0)
		count = 0;
	return conf_strndup(s->c, value + from, (size_t)(count < len - from ? count : len - from));
}

static const char *replace(struct shell *s, const char *value, const char *spec)
{
	bool all = *spec == '/';
	const char *slash, *from, *to, *at, *out = "";

	spec += all;
	slash = strchr(spec, '/');
	from = shell_expand_one(s, slash ? conf_strndup(s->c, spec, (size_t)(slash - spec)) : spec);
	to = slash ? shell_expand_one(s, slash + 1) : "";
	if (!*from || strpbrk(from, "*?[\\") || !conf_is_known(value))
		return UNKNOWN;
	while ((at = strstr(value, from))) {
		out = conf_printf(s->c, "%s%.*s%s", out, (int)(at - value), value, to);
		value = at + strlen(from);
		if (!all || strlen(out) > SHELL_TEXT)
			break;
		conf_tick(s->c);
	}
	return conf_printf(s->c, "%s%s", out, value);
}

static const char *with_default(struct shell *s, const char *name, const char *value, const char *op)
{
	bool colon = *op == ':', there;

	op += colon;
	there = value && (!colon || *value);
	switch (*op) {
	case '-':
		return there ? value : shell_expand_one(s, op + 1);
	case '=':
		if (!there) {
			value = shell_expand_one(s, op + 1);
			shell_set(s, name, value, false);
		}
		return value;
	case '+':
		return there ? shell_expand_one(s, op + 1) : "";
	default: /* '?' */
		return there ? value : UNKNOWN;
	}
}

/* What is inside of ${…}. */
static const char *braces(struct shell *s, const char *inner)
{
	const char *name, *value, *op;
	bool length = *inner == '#' && inner[1] && inner[1] != '}', indirect = *inner == '!';
	size_t n = 0;

	inner += length || indirect;
	if (strchr("@*#?$!", *inner))
		n = *inner ? 1 : 0;
	else
		while (isalnum((unsigned char)inner[n]) || inner[n] == '_')
			n++;
	name = conf_strndup(s->c, inner, n);
	op = inner + n;
	value = n ? parameter(s, name) : UNKNOWN;
	if (*op == '[') { /* arrays are not kept, but "[0]" and "[@]" of a plain value are the value */
		op = strchr(op, ']') ? strchr(op, ']') + 1 : op;
		value = value ? value : UNKNOWN;
	}
	if (indirect)
		value = value && conf_is_known(value) ? parameter(s, value) : UNKNOWN;
	if (length)
		return value && !conf_is_known(value) ? UNKNOWN : conf_printf(s->c, "%zu", strlen(value ? value : ""));
	if (!*op)
		return value ? value : "";
	if (strchr("-=+?", *op) || (*op == ':' && op[1] && strchr("-=+?", op[1])))
		return with_default(s, name, value, op);
	if (!value || !*value)
		return "";
	if (!conf_is_known(value))
		return UNKNOWN;
	if (*op == '#' || *op == '%')
		return strip(s, value, shell_expand_one(s, op + (op[1] == *op ? 2 : 1)), *op == '%', op[1] == *op);
	if (*op == ':')
		return substring(s, value, op + 1);
	if (*op == '/')
		return replace(s, value, op + 1);
	return UNKNOWN;
}

/* ---- $(…) ----------------------------------------------------------------------------------------------------------- */
static const char *output(struct shell *s, const char *text)
{
	const char *w[CONF_WORDS], *base;
	unsigned n;

	if (strpbrk(text, "|;&<>`(") || ++s->steps > SHELL_STEPS)
		return UNKNOWN;
	n = conf_words(s->c, text, "", w);
	for (unsigned i = 0; i < n; i++)
		w[i] = strchr(w[i], '$') ? shell_expand_one(s, conf_printf(s->c, "\"%s\"", w[i])) : w[i];
	if (n == 2 && !strcmp(w[0], "id") && (!strcmp(w[1], "-u") || !strcmp(w[1], "-g")))
		return shell_get(s, SHELL_UID) ? shell_get(s, SHELL_UID) : "0";
	if (n == 1 && !strcmp(w[0], "whoami") && !shell_get(s, SHELL_UID))
		return "root";
	if (n == 1 && !strcmp(w[0], "pwd"))
		return s->cwd;
	if (n >= 2 && !strcmp(w[0], "echo") && w[1][0] != '-') {
		base = w[1];
		for (unsigned i = 2; i < n; i++)
			base = conf_printf(s->c, "%s %s", base, w[i]);
		return base;
	}
	if (n == 2 && !strcmp(w[0], "dirname"))
		return strchr(w[1], '/') ? conf_dirname(s->c, w[1]) : ".";
	if (n == 2 && !strcmp(w[0], "basename"))
		return conf_basename(w[1]);
	if (n == 3 && !strcmp(w[0], "command") && !strcmp(w[1], "-v"))
		return w[2];
	if (n == 2 && (!strcmp(w[0], "which") || !strcmp(w[0], "realpath")))
		return w[1];
	return UNKNOWN;
}

/* The expansion that begins at p ("$…" or "`…`"); *ret_len: how much of the text it is. NULL: it is no expansion. */
static const char *dollar(struct shell *s, const char *p, size_t *ret_len)
{
	size_t n = shell_quoted_len(p);
	const char *value;

	*ret_len = n;
	if (++s->steps > SHELL_STEPS || s->depth > SHELL_DEPTH)
		conf_leave(s->c, "a script too long to follow");
	if (*p == '`')
		return output(s, conf_strndup(s->c, p + 1, n > 2 ? n - 2 : 0));
	if (p[1] == '(' && p[2] == '(')
		return UNKNOWN;
	s->depth++;
	value = NULL;
	if (p[1] == '(') {
		value = output(s, conf_strndup(s->c, p + 2, n > 3 ? n - 3 : 0));
	} else if (p[1] == '{') {
		value = braces(s, conf_strndup(s->c, p + 2, n > 3 ? n - 3 : 0));
	} else {
		if (strchr("@*#?$!0123456789", p[1]) && p[1])
			n = 1;
		else
			for (n = 0; isalnum((unsigned char)p[1 + n]) || p[1 + n] == '_'; n++)
				;
		if (n) {
			*ret_len = n + 1;
			value = parameter(s, conf_strndup(s->c, p + 1, n));
			value = value ? value : "";
		}
	}
	s->depth--;
	return value;
}

/* ---- whole words ---------------------------------------------------------------------------------------------------- */
struct words {
	struct shell *s;
	const char **fields;
	unsigned count, max;
	struct field f;
};

static void finish(struct words *w)
{
	if (w->f.any && w->count < w->max)
		w->fields[w->count++] = w->f.len ? conf_strndup(w->s->c, w->f.buf, w->f.len) : "";
	w->f.len = 0;
	w->f.any = false;
}

static void put_split(struct words *w, const char *value, bool split)
{
	while (*value) {
		size_t n = split ? strcspn(value, " \t\n") : strlen(value);

		if (n)
			put(&w->f, value, n);
		value += n;
		if (*value) {
			finish(w);
			value += strspn(value, " \t\n");
		}
	}
}

/* "$@": each argument a field of its own. */
static void put_args(struct words *w)
{
	for (unsigned i = 1; i < w->s->arg_count; i++) {
		if (i > 1)
			finish(w);
		put(&w->f, w->s->args[i], strlen(w->s->args[i]));
	}
}

static size_t args_len(const char *p)
{
	static const char *const forms[] = { "$@", "${@}", "${@:1}", "${*}" };

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++)
		if (!strncmp(p, forms[i], strlen(forms[i])))
			return strlen(forms[i]);
	return 0;
}

static void double_quoted(struct words *w, const char *p, size_t len)
{
	const char *end = p + len, *value;
	size_t n;

	if (end > p + 1 && end[-1] == '"')
		end--;
	if ((n = args_len(p + 1)) && p + 1 + n == end && w->max > 1) {
		put_args(w);
		return;
	}
	put(&w->f, "", 0);
	for (p++; p < end; p += n) {
		n = 1;
		if (*p == '\\' && p + 1 < end && strchr("\"\\$`\n", p[1])) {
			n = 2;
			if (p[1] != '\n')
				put(&w->f, p + 1, 1);
		} else if ((*p == '$' || *p == '`') && (value = dollar(w->s, p, &n))) {
			put(&w->f, value, strlen(value));
		} else {
			n = 1;
			put(&w->f, p, 1);
		}
	}
}

unsigned shell_expand(struct shell *s, const char *raw, const char **fields, unsigned max, bool split)
{
	struct words w = { .s = s, .fields = fields, .max = max, .f = { .c = s->c } };
	const char *value;
	size_t n;

	conf_tick(s->c);
	for (const char *p = raw; *p; p += n) {
		n = 1;
		if (*p == '\'') {
			n = shell_quoted_len(p);
			put(&w.f, p + 1, n > 2 ? n - 2 : 0);
		} else if (*p == '"') {
			n = shell_quoted_len(p);
			double_quoted(&w, p, n);
		} else if (*p == '\\' && p[1]) {
			n = 2;
			put(&w.f, p + 1, p[1] != '\n');
		} else if ((n = args_len(p)) && split) {
			put_args(&w);
		} else if ((*p == '$' || *p == '`') && (value = dollar(s, p, &n))) {
			put_split(&w, value, split);
		} else {
			n = 1;
			put(&w.f, p, 1);
		}
	}
	finish(&w);
	return w.count;
}

const char *shell_expand_one(struct shell *s, const char *raw)
{
	const char *field = "";

	return shell_expand(s, raw, &field, 1, false) ? field : "";
}
