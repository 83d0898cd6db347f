/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "appid/config/conf_text.h"

#include <ctype.h>
#include <string.h>

static bool blank(char ch)
{
	return ch == ' ' || ch == '\t' || ch == '\r' || ch == '\f' || ch == '\v';
}

char *conf_trim(char *s)
{
	size_t len;

	while (blank(*s) || *s == '\n')
		s++;
	len = strlen(s);
	while (len && (blank(s[len - 1]) || s[len - 1] == '\n'))
		s[--len] = '\0';
	return s;
}

/* Cuts the next raw line off; NULL: no more. */
static char *raw_line(struct conf_lines *l)
{
	char *s = l->next, *end;

	conf_tick(l->c);
	if (!*s)
		return NULL;
	end = strchr(s, '\n');
	l->next = end ? end + 1 : s + strlen(s);
	if (end)
		*end = '\0';
	l->count++;
	end = s + strlen(s);
	if (end > s && end[-1] == '\r')
		end[-1] = '\0';
	return s;
}

/* Moves what follows up to the end of the text gathered so far: joined lines stay in place. */
static void append(char *to, char *end, const char *more)
{
	memmove(end, more, strlen(more) + 1);
	(void)to;
}

bool conf_line(struct conf_lines *l)
{
	char *s, *more;

	if (!l->next) {
		l->next = l->f->text;
		if (!strncmp(l->next, "\xef\xbb\xbf", 3))
			l->next += 3;
	}
	s = raw_line(l);
	if (!s)
		return false;
	l->line = l->count;
	while (l->join) {
		size_t len = strlen(s);

		if (!len || s[len - 1] != '\\' || (len > 1 && s[len - 2] == '\\'))
			break;
		s[len - 1] = '\0';
		more = raw_line(l);
		if (!more)
			break;
		append(s, s + len - 1, more);
	}
	while (l->fold && blank(*l->next)) {
		size_t len = strlen(s);

		more = raw_line(l);
		if (!more)
			break;
		if (*conf_trim(more) == '#')
			continue;
		if (s + len < more)
			append(s, s + len, more);
	}
	l->text = conf_trim(s);
	return true;
}

char *conf_unquote(char *s)
{
	size_t len = strlen(s);

	if (len >= 2 && (*s == '"' || *s == '\'') && s[len - 1] == *s) {
		s[len - 1] = '\0';
		return s + 1;
	}
	return s;
}

void conf_cut_comment(char *s, const char *chars)
{
	char quote = 0;

	for (char *p = s; *p; p++) {
		if (quote) {
			quote = *p == quote ? 0 : quote;
		} else if (*p == '"' || *p == '\'') {
			quote = *p;
		} else if (strchr(chars, *p) && (p == s || blank(p[-1]))) {
			*p = '\0';
			break;
		}
	}
	conf_trim(s);
}

unsigned conf_words(struct conf *c, const char *line, const char *comments, const char **argv)
{
	char *out = conf_alloc(c, strlen(line) + 2);
	unsigned n = 0;

	while (n + 1 < CONF_WORDS) {
		char quote = 0;

		while (blank(*line) || *line == '\n')
			line++;
		if (!*line || strchr(comments, *line))
			break;
		argv[n++] = out;
		for (; *line && (quote || !(blank(*line) || *line == '\n')); line++) {
			if (*line == '\\' && line[1] && quote != '\'')
				*out++ = *++line;
			else if (quote ? *line == quote : *line == '"' || *line == '\'')
				quote = quote ? 0 : *line;
			else
				*out++ = *line;
		}
		*out++ = '\0';
	}
	argv[n] = NULL;
	conf_tick(c);
	return n;
}

unsigned conf_split_list(struct conf *c, const char *list, const char *seps, const char **argv)
{
	unsigned n = 0;

	while (list && *list && n + 1 < CONF_WORDS) {
		size_t len = 0;

		while (*list && (blank(*list) || *list == '\n' || strchr(seps, *list)))
			list++;
		while (list[len] && !blank(list[len]) && list[len] != '\n' && !strchr(seps, list[len]))
			len++;
		if (len)
			argv[n++] = conf_unquote(conf_strndup(c, list, len));
		list += len;
	}
	argv[n] = NULL;
	return n;
}

static bool one_of(const char *value, const char *const *words)
{
	for (; value && *words; words++)
		if (!strcasecmp(value, *words))
			return true;
	return false;
}

bool conf_is_yes(const char *value)
{
	static const char *const words[] = { "yes", "true", "on", "1", "enable", "enabled", "y", "t", NULL };

	return one_of(value, words);
}

bool conf_is_no(const char *value)
{
	static const char *const words[] = { "no", "false", "off", "0", "disable", "disabled", "n", "f", "none", NULL };

	return one_of(value, words);
}

const char *conf_expand(struct conf *c, const char *s, const struct conf_var *env, bool bare)
{
	const char *out = "";

	while (*s) {
		const char *dollar = strchr(s, '$'), *name, *value;
		size_t n, skip = 0;

		if (!dollar)
			break;
		name = dollar + 1;
		if (*name == '{') {
			name++;
			n = strcspn(name, "}");
			skip = name[n] == '}' ? 1 : 0;
		} else {
			for (n = 0; isalnum((unsigned char)name[n]) || name[n] == '_'; n++)
				;
			n = bare ? n : 0;
		}
		value = n && (skip || bare) ? conf_env_of(env, conf_strndup(c, name, n)) : NULL;
		if (value)
			out = conf_printf(c, "%s%.*s%s", out, (int)(dollar - s), s, value);
		else
			out = conf_printf(c, "%s%.*s", out, (int)(name + n + skip - s), s);
		s = name + n + skip;
		if (strlen(out) > CONF_FILE_BYTES)
			conf_leave(c, "a value grows beyond 1 MiB");
		conf_tick(c);
	}
	return *out ? conf_printf(c, "%s%s", out, s) : s;
}

/* ---- key and value ------------------------------------------------------------------------------------------- */
static void split(struct conf_kv *k, char *s)
{
	bool blanks = strchr(k->seps, ' ') != NULL;
	char *p = s;

	while (*p && !(blanks && blank(*p)) && !(!blank(*p) && strchr(k->seps, *p)))
		p++;
	k->key = s;
	k->value = p;
	if (!*p)
		return;
	if (!blank(*p)) {
		*p++ = '\0';
	} else {
		*p++ = '\0';
		while (blank(*p))
			p++;
		if (*p && strchr(k->seps, *p) && !blank(*p))
			p++;
	}
	k->value = conf_trim(p);
	k->key = conf_trim(s);
}

bool conf_kv_next(struct conf_kv *k)
{
	if (!k->section)
		k->section = "";
	while (conf_line(&k->lines)) {
		char *s = k->lines.text;

		if (!*s || strchr(k->comments, *s))
			continue;
		k->section_begins = false;
		k->at = conf_at(k->lines.c, k->lines.f, k->lines.line);
		if (k->trailing)
			conf_cut_comment(s, k->trailing);
		if (k->sections && *s == '[' && strchr(s, ']')) {
			*strchr(s, ']') = '\0';
			k->section = conf_trim(s + 1);
			k->section_begins = true;
			k->key = k->value = NULL;
			return true;
		}
		split(k, s);
		return true;
	}
	return false;
}
