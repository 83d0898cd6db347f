/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files inside the root, as readers ask for them. */
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appid/config/conf_priv.h"

static const char *reason(int r)
{
	switch (-r) {
	case EFBIG:
		return "longer than 1 MiB";
	case EMEDIUMTYPE:
		return "no regular file";
	case EISDIR:
		return "a directory";
	case E2BIG:
		return "more than 4096 names";
	case ELOOP:
		return "a loop of links, or a link of /proc";
	case ETIMEDOUT:
		return "reading took longer than 200 ms";
	case ENOENT:
	case ENOTDIR:
		return "no such file";
	case EACCES:
	case EPERM:
		return "no permission";
	default:
		return strerror(-r);
	}
}

const char *conf_path(struct conf *c, const char *dir, const char *path)
{
	char *out = conf_alloc(c, strlen(dir ? dir : "") + strlen(path) + 3);
	const char *parts[2] = { path[0] == '/' ? "" : dir ? dir : "", path };
	size_t len = 0;

	for (int i = 0; i < 2; i++) {
		const char *p = parts[i];

		while (*p) {
			size_t n = strcspn(p, "/");

			if (n == 2 && p[0] == '.' && p[1] == '.') {
				while (len && out[--len] != '/')
					;
			} else if (n && !(n == 1 && p[0] == '.')) {
				out[len++] = '/';
				memcpy(out + len, p, n);
				len += n;
			}
			p += n;
			p += *p == '/';
		}
	}
	if (!len)
		out[len++] = '/';
	out[len] = '\0';
	return out;
}

const char *conf_dirname(struct conf *c, const char *path)
{
	const char *slash = strrchr(path, '/');

	return !slash || slash == path ? "/" : conf_strndup(c, path, (size_t)(slash - path));
}

const char *conf_basename(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

const char *conf_at(struct conf *c, const struct conf_file *f, unsigned line)
{
	return conf_printf(c, "%s:%u", f->path, line);
}

/* Reads through one buffer for all into the arena. */
static int read_text(struct conf *c, const char *path, struct conf_file *f)
{
	size_t len = 0;
	int r;

	if (!c->scratch)
		c->scratch = malloc(CONF_FILE_BYTES);
	if (!c->scratch)
		return -ENOMEM;
	r = c->fs.read(c->fs.ctx, path, c->scratch, CONF_FILE_BYTES, &len);
	if (r < 0)
		return r;
	if (c->memory + len + 1 >= CONF_MEMORY)
		return -ENOMEM;
	f->text = conf_strndup(c, c->scratch, len); /* within the memory limit: does not leave */
	f->len = len;
	return 0;
}

/* A tree that git checked out without symbolic links (core.symlinks=false) holds each as a file with the target for its text, without a
 * line end. No configuration looks like that. */
static const char *link_as_text(struct conf *c, const struct conf_file *f)
{
	const char *to;

	if (f->len < 2 || f->len > 255 || (strncmp(f->text, "../", 3) != 0 && f->text[0] != '/') || strpbrk(f->text, " \t\r\n;{}#"))
		return NULL;
	to = conf_path(c, conf_dirname(c, f->path), f->text);
	return strcmp(to, f->path) != 0 && conf_is_file(c, to) ? to : NULL;
}

static struct conf_file *read_once(struct conf *c, const char *path, const char *role, bool optional)
{
	struct conf_file *f = conf_alloc(c, sizeof(*f));
	int r;

	path = conf_path(c, "/", path);
	if (!conf_is_known(path)) {
		conf_unread(c, "file", "its name is known only when it runs: %s", path);
		return NULL;
	}
	if (c->files >= CONF_FILES || c->files_bytes >= CONF_FILES_BYTES)
		conf_leave(c, c->files >= CONF_FILES ? "more than 2000 files" : "more than 32 MiB of files");
	if (c->now_ns() > c->deadline_ns)
		conf_leave(c, "time limit");
	c->files++;
	conf_watch_file(c, path, role);
	r = read_text(c, path, f);
	if (r == -ENOENT || r == -ENOTDIR) {
		c->files--;
		if (!optional)
			conf_unread(c, path, "%s", reason(r));
		return NULL;
	}
	if (r < 0) {
		conf_unread(c, path, "%s", reason(r));
		return NULL;
	}
	c->files_bytes += f->len;
	f->path = path;
	if (memchr(f->text, '\0', f->len)) {
		conf_unread(c, path, "holds NUL bytes");
		return NULL;
	}
	if (role)
		conf_place(c, role, path, NULL);
	return f;
}

struct conf_file *conf_read(struct conf *c, const char *path, const char *role, bool optional)
{
	struct conf_file *f = read_once(c, path, role, optional);
	const char *to;

	for (int i = 0; f && i < 8 && (to = link_as_text(c, f)); i++) {
		struct conf_file *there = read_once(c, to, NULL, true);

		if (!there)
			break;
		conf_note(c, "links kept as text (a checkout without symbolic links) are followed");
		there->path = f->path;
		f = there;
	}
	if (f)
		conf_watch_lines(c, f, role);
	return f;
}

static int kind_of(struct conf *c, const char *path)
{
	struct root_stat st;

	conf_tick(c);
	return path[0] && c->fs.stat(c->fs.ctx, path, &st) == 0 ? (int)st.kind : 0;
}

bool conf_exists(struct conf *c, const char *path)
{
	return kind_of(c, path) != 0;
}

bool conf_is_dir(struct conf *c, const char *path)
{
	return kind_of(c, path) == ROOT_DIR;
}

bool conf_is_file(struct conf *c, const char *path)
{
	return kind_of(c, path) == ROOT_FILE;
}

const char *conf_link(struct conf *c, const char *path)
{
	char buf[4096];

	return c->fs.link(c->fs.ctx, path, buf, sizeof(buf)) == 0 ? conf_strdup(c, buf) : NULL;
}

/* Names in a directory, in the arena, NULL-terminated. NULL: none, said why unless it is absent. */
static const char **names(struct conf *c, const char *dir, unsigned *ret_count)
{
	char *buf = conf_alloc(c, ROOT_LIST_BYTES);
	const char **list;
	unsigned n = 0;
	size_t len = 0;
	int r = c->fs.list(c->fs.ctx, dir, buf, &len);

	*ret_count = 0;
	conf_tick(c);
	conf_watch_dir(c, dir);
	if (r < 0) {
		if (r != -ENOENT && r != -ENOTDIR)
			conf_unread(c, dir, "%s", reason(r));
		return NULL;
	}
	for (size_t i = 0; i < len; i++)
		n += buf[i] == '\0';
	list = conf_alloc(c, (n + 1) * sizeof(*list));
	n = 0;
	for (size_t at = 0; at < len; at += strlen(buf + at) + 1)
		list[n++] = buf + at;
	*ret_count = n;
	return list;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char **conf_dir(struct conf *c, const char *dir, const char *suffix, unsigned *ret_count)
{
	const char **list = names(c, conf_path(c, "/", dir), ret_count);
	unsigned n = 0;

	for (unsigned i = 0; i < *ret_count; i++) {
		size_t len = strlen(list[i]), cut = suffix ? strlen(suffix) : 0;

		if (len < cut || (cut && strcmp(list[i] + len - cut, suffix)))
			continue;
		list[n++] = conf_path(c, dir, list[i]);
	}
	if (list)
		list[n] = NULL;
	*ret_count = n;
	return list;
}

struct found {
	const char **paths;
	unsigned count, cap;
};

static void found_add(struct conf *c, struct found *f, const char *path)
{
	if (f->count + 1 >= f->cap) {
		const char **more = conf_alloc(c, (f->cap * 2 + 16) * sizeof(*more));

		if (f->count)
			memcpy(more, f->paths, f->count * sizeof(*more));
		f->paths = more;
		f->cap = f->cap * 2 + 16;
	}
	f->paths[f->count++] = path;
	f->paths[f->count] = NULL;
}

/* base matches so far; rest is what is left of the pattern. */
static void expand(struct conf *c, struct found *f, const char *base, const char *rest, unsigned depth)
{
	const char **list;
	size_t n;
	unsigned count;
	char *part;

	while (*rest == '/')
		rest++;
	if (!*rest) {
		conf_watch_file(c, base, "config"); /* if it is not there: it may come */
		if (conf_exists(c, base))
			found_add(c, f, base);
		return;
	}
	if (depth > CONF_DEPTH || f->count > CONF_FILES)
		return;
	n = strcspn(rest, "/");
	part = conf_strndup(c, rest, n);
	if (!strpbrk(part, "*?[")) {
		expand(c, f, conf_path(c, base, part), rest + n, depth + 1);
		return;
	}
	list = names(c, base, &count);
	for (unsigned i = 0; i < count; i++)
		if (fnmatch(part, list[i], FNM_PERIOD) == 0)
			expand(c, f, conf_path(c, base, list[i]), rest + n, depth + 1);
}

const char **conf_glob(struct conf *c, const char *pattern, unsigned *ret_count)
{
	struct found f = { 0 };

	expand(c, &f, "/", pattern, 0);
	if (f.count)
		qsort(f.paths, f.count, sizeof(*f.paths), compare);
	*ret_count = f.count;
	return f.paths;
}
