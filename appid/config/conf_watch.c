/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "appid/config/conf_watch.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "appid/config/conf_priv.h"

#define HOPS_MAX 16

void conf_watch_begin(struct conf *c)
{
	c->watching = true;
}

/* True: it is new. */
static bool add(struct conf *c, const char *path)
{
	struct conf_watched *w;

	if (!strncmp(path, "/proc/", 6) || !strncmp(path, "/sys/", 5) || !strncmp(path, "/dev/", 5) || !strcmp(path, "/"))
		return false;
	for (w = c->watched; w; w = w->next)
		if (!strcmp(w->path, path))
			return false;
	if (c->watched_count >= CONF_WATCHED_MAX)
		return false;
	c->watched_count++;
	w = conf_alloc(c, sizeof(*w));
	w->path = conf_strdup(c, path);
	*c->watched_end = w;
	c->watched_end = &w->next;
	return true;
}

static bool is_watched(const char *role)
{
	return role && (!strcmp(role, "config") || !strcmp(role, "scripts"));
}

void conf_watch_file(struct conf *c, const char *path, const char *role)
{
	if (c->watching && is_watched(role))
		add(c, path);
}

void conf_watch_dir(struct conf *c, const char *dir)
{
	if (c->watching && conf_is_known(dir))
		add(c, conf_printf(c, "%s/", strcmp(dir, "/") ? dir : ""));
}

/* ---- lines -------------------------------------------------------------------------------------------------------- */
static bool is_comment(const char *p, const char *end)
{
	if (p == end || *p == '#' || *p == ';')
		return true;
	return end - p >= 2 && ((p[0] == '/' && p[1] == '/') || (p[0] == '-' && p[1] == '-' && (end - p == 2 || isspace((unsigned char)p[2]))));
}

/* FNV-1a over the line with blanks folded. */
static uint64_t hash_line(uint64_t h, const char *p, const char *end)
{
	bool blank = false;

	for (; p < end; p++) {
		if (isspace((unsigned char)*p)) {
			blank = true;
			continue;
		}
		if (blank)
			h = (h ^ ' ') * 0x100000001b3ULL;
		blank = false;
		h = (h ^ (unsigned char)*p) * 0x100000001b3ULL;
	}
	return (h ^ '\n') * 0x100000001b3ULL;
}

/* What may be shown of a line: never a value, which could be a secret. */
static const char *first_word(struct conf *c, const char *p, const char *end)
{
	const char *from = p;

	while (p < end && p - from < CONF_WORD_MAX && (isalnum((unsigned char)*p) || strchr("_-.<>/!?", *p)))
		p++;
	return conf_strndup(c, from, (size_t)(p - from));
}

static struct conf_line *line_add(struct conf *c, const char *path)
{
	struct conf_line *l = conf_alloc(c, sizeof(*l));

	l->path = path;
	l->word = "";
	*c->lines_end = l;
	c->lines_end = &l->next;
	c->line_count++;
	return l;
}

void conf_watch_lines(struct conf *c, const struct conf_file *f, const char *role)
{
	const char *p = f->text, *end = f->text + f->len;
	struct conf_line *l, *rest = NULL;
	unsigned number = 0, count = 0;

	if (!c->watching || !is_watched(role))
		return;
	for (l = c->lines; l; l = l->next)
		if (!strcmp(l->path, f->path))
			return; /* read before */
	while (p < end) {
		const char *eol = memchr(p, '\n', (size_t)(end - p)), *from = p, *to = eol ? eol : end;

		number++;
		p = eol ? eol + 1 : end;
		while (from < to && isspace((unsigned char)*from))
			from++;
		while (to > from && isspace((unsigned char)to[-1]))
			to--;
		if (is_comment(from, to))
			continue;
		if (rest) {
			rest->hash = hash_line(rest->hash, from, to);
			continue;
		}
		l = line_add(c, f->path);
		l->hash = hash_line(0xcbf29ce484222325ULL, from, to);
		if (++count > CONF_LINES_OF_FILE || c->line_count > CONF_LINES_MAX) {
			rest = l;
		} else {
			l->number = number;
			l->word = first_word(c, from, to);
		}
	}
}

/* ---- links -------------------------------------------------------------------------------------------------------- */
struct known {
	const char *path;
	struct known *next;
};

static bool is_known_dir(const struct known *k, const char *path)
{
	for (; k; k = k->next)
		if (!strcmp(k->path, path))
			return true;
	return false;
}

static void follow(struct conf *c, const char *path, struct known **plain)
{
	bool dir = path[strlen(path) - 1] == '/';
	unsigned hops = 0;

restart:
	for (size_t n = 1; path[n - 1];) {
		char to[4096];
		const char *part;
		int r;

		n += strcspn(path + n, "/");
		part = conf_strndup(c, path, n);
		if (!is_known_dir(*plain, part)) {
			conf_tick(c);
			r = c->fs.link(c->fs.ctx, part, to, sizeof(to));
			if (r == 0) {
				add(c, part);
				if (++hops > HOPS_MAX)
					return;
				path = conf_path(c, conf_dirname(c, part), conf_printf(c, "%s%s", to, path + n));
				if (dir)
					path = conf_printf(c, "%s/", strcmp(path, "/") ? path : "");
				goto restart;
			}
			if (r != -EINVAL)
				break; /* not there, or not to be looked at */
			if (path[n]) {
				struct known *k = conf_alloc(c, sizeof(*k));

				*k = (struct known){ part, *plain };
				*plain = k;
			}
		}
		if (!path[n] || !path[++n])
			break;
	}
	add(c, path);
}

static void follow_all(struct conf *c, void *arg)
{
	struct known *plain = NULL;
	unsigned n = c->watched_count;

	for (const struct conf_watched *w = c->watched; w && n; w = w->next, n--)
		follow(c, w->path, &plain);
}

void conf_watch_links(struct conf *c)
{
	conf_guard(c, follow_all, NULL, "links");
}
