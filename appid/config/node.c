/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Node: package.json leads to the main file; there, ".listen(…)" with a number, a string, PORT of the environment with a
 * fallback, or a name that was given
 * one of these. What is computed otherwise is said to be unread: no program is run here. Also Python, gunicorn and the like, by their flags. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "appid/config/conf_apps.h"
#include "appid/config/conf_text.h"

enum { ARGS = 4 };

struct script {
	struct conf *c;
	const struct conf_run *r;
	struct conf_file *f;
	unsigned depth;
};

static unsigned line_of(const struct conf_file *f, const char *p)
{
	unsigned n = 1;

	for (const char *q = f->text; q < p; q++)
		n += *q == '\n';
	return n;
}

/* Comments become blanks; strings stay. */
static void blank_comments(struct conf *c, char *p)
{
	while (*p) {
		conf_tick(c);
		if (*p == '\'' || *p == '"' || *p == '`') {
			char quote = *p++;

			while (*p && *p != quote && (quote == '`' || *p != '\n'))
				p += *p == '\\' && p[1] ? 2 : 1;
			p += *p != '\0';
		} else if (p[0] == '/' && p[1] == '/') {
			while (*p && *p != '\n')
				*p++ = ' ';
		} else if (p[0] == '/' && p[1] == '*') {
			while (*p && !(p[0] == '*' && p[1] == '/')) {
				*p = *p == '\n' ? '\n' : ' ';
				p++;
			}
			if (*p)
				p[0] = p[1] = ' ';
		} else {
			p++;
		}
	}
}

static const char *skip(const char *p)
{
	while (isspace((unsigned char)*p))
		p++;
	return p;
}

static bool is_name(char ch)
{
	return isalnum((unsigned char)ch) || ch == '_' || ch == '$';
}

static const char *evaluate(struct script *s, const char *text, const char **ret_source);

/* "const NAME = …", "let NAME = …", "var NAME = …": the expression; NULL: none. */
static const char *initial(struct script *s, const char *name, size_t len)
{
	for (const char *p = s->f->text; (p = strstr(p, conf_strndup(s->c, name, len))); p += len) {
		const char *after = skip(p + len);

		conf_tick(s->c);
		if ((p > s->f->text && (is_name(p[-1]) || p[-1] == '.')) || is_name(p[len]) || *after != '=' || after[1] == '=' || after[1] == '>')
			continue;
		after = skip(after + 1);
		return conf_strndup(s->c, after, strcspn(after, ";\n,"));
	}
	return NULL;
}

/* One side of "a || b": a number, a string, process.env.X, Number(…), a name. NULL: not known. "": known to be empty. */
static const char *operand(struct script *s, const char *p, const char **ret_source)
{
	static const char *const casts[] = { "Number(", "parseInt(", "normalizePort(", "+", "(", "Number.parseInt(" };
	const char *value;
	size_t n;

	p = skip(p);
	for (size_t i = 0; i < ARRAY_SIZE(casts); i++)
		if (!strncmp(p, casts[i], strlen(casts[i])))
			return s->depth++ < 8 ? evaluate(s, conf_strndup(s->c, p + strlen(casts[i]), strcspn(p + strlen(casts[i]),
					i == 3 ? "\n" : ")")), ret_source) : NULL;
	if (isdigit((unsigned char)*p))
		return conf_strndup(s->c, p, strspn(p, "0123456789"));
	if (*p == '\'' || *p == '"')
		return conf_strndup(s->c, p + 1, strcspn(p + 1, *p == '"' ? "\"" : "'"));
	if (!strncmp(p, "process.env", 11)) {
		p += 11;
		p += *p == '.' ? 1 : strspn(p, "['\"");
		n = 0;
		while (is_name(p[n]))
			n++;
		value = conf_env(s->r, conf_strndup(s->c, p, n));
		if (value && *value)
			*ret_source = conf_printf(s->c, "env:%.*s", (int)n, p);
		return value ? value : "";
	}
	for (n = 0; is_name(p[n]); n++)
		;
	if (!n || *skip(p + n) == '(' || p[n] == '.' || s->depth++ > 8)
		return NULL;
	value = initial(s, p, n);
	return value ? evaluate(s, value, ret_source) : NULL;
}

static const char *evaluate(struct script *s, const char *text, const char **ret_source)
{
	for (;;) {
		const char *or = strstr(text, "||"), *other = strstr(text, "??"), *value;

		if (!or || (other && other < or))
			or = other;
		value = operand(s, or ? conf_strndup(s->c, text, (size_t)(or - text)) : text, ret_source);
		if (!value || *value || !or)
			return value;
		text = or + 2;
	}
}

/* The arguments of a call, cut at commas outside of brackets; p is behind "(". */
static unsigned arguments(struct conf *c, const char *p, const char **args)
{
	unsigned n = 0;
	int depth = 0;
	const char *begin = p;

	for (; *p && n < ARGS; p++) {
		if (*p == '\'' || *p == '"') {
			p += strcspn(p + 1, *p == '"' ? "\"\n" : "'\n") + 1;
			if (!*p)
				break;
		}
		if (strchr("([{", *p)) {
			depth++;
		} else if (strchr(")]}", *p) && depth-- == 0) {
			args[n++] = conf_strndup(c, begin, (size_t)(p - begin));
			break;
		} else if (*p == ',' && depth == 0) {
			args[n++] = conf_strndup(c, begin, (size_t)(p - begin));
			begin = p + 1;
		}
		conf_tick(c);
	}
	return n;
}

/* { port: 80, host: '::' } */
static const char *member(struct conf *c, const char *object, const char *name)
{
	const char *p = strstr(object, name);

	if (!p || (p > object && is_name(p[-1])) || *skip(p + strlen(name)) != ':')
		return NULL;
	p = skip(skip(p + strlen(name)) + 1);
	return conf_strndup(c, p, strcspn(p, ",}"));
}

static void listen_call(struct script *s, const char *p)
{
	const char *args[ARGS] = { NULL }, *port, *host = NULL, *host_text, *source = conf_at(s->c, s->f, line_of(s->f, p)), *from = NULL, *unused;
	unsigned n = arguments(s->c, p, args);

	port = n ? args[0] : "";
	host_text = n > 1 ? args[1] : NULL;
	if (*skip(port) == '{') {
		host_text = member(s->c, port, "host");
		port = member(s->c, port, "port");
	}
	s->depth = 0;
	port = port ? evaluate(s, port, &from) : NULL;
	s->depth = 0;
	host_text = host_text ? skip(host_text) : NULL;
	if (host_text && !strstr(host_text, "=>") && strncmp(host_text, "function", 8) != 0 && *host_text != '(')
		host = evaluate(s, host_text, &unused);
	if (port && port[0] == '/') {
		conf_listen_unix(s->c, port, source);
	} else if (port && conf_port(s->c, port)) {
		if (host && !strcmp(host, "localhost"))
			host = "127.0.0.1";
		conf_listen_text(s->c, "tcp", host && !strcmp(host, "::") ? NULL : host, port, CONF_ANY_DUAL, from ? from : source);
	} else {
		conf_unread(s->c, source, "the port of listen() is computed");
	}
}

static void read_script(struct conf *c, const struct conf_run *r, const char *path)
{
	struct script s = { .c = c, .r = r };
	unsigned found = 0;

	if (!conf_is_file(c, path) && conf_is_file(c, conf_printf(c, "%s.js", path)))
		path = conf_printf(c, "%s.js", path);
	if (conf_is_dir(c, path))
		path = conf_path(c, path, "index.js");
	s.f = conf_read(c, path, "scripts", false);
	if (!s.f)
		return;
	blank_comments(c, s.f->text);
	for (const char *p = s.f->text; (p = strstr(p, ".listen(")) && found < 64; p += 8, found++)
		listen_call(&s, p + 8);
	if (!found)
		conf_unread(c, path, "no listen() here: it may be in what it requires");
}

/* package.json: scripts.start if npm starts it, else main. */
static void read_package(struct conf *c, const struct conf_run *r, const char *dir, const char *script)
{
	const char *path = conf_path(c, dir, "package.json"), *w[CONF_WORDS], *start;
	struct conf_file *f = conf_read(c, path, "config", false);
	struct conf_node *root = f ? conf_yaml(c, f) : NULL;
	unsigned n, i = 0;

	if (!root)
		return;
	start = script ? conf_node_value(root, conf_printf(c, "scripts.%s", script)) : NULL;
	if (!start) {
		start = conf_node_value(root, "main");
		read_script(c, r, conf_path(c, dir, start && *start ? start : conf_is_file(c, conf_path(c, dir, "server.js")) ?
				"server.js" : "index.js"));
		return;
	}
	n = conf_words(c, start, "", w);
	while (i < n && (strchr(w[i], '=') || !strcmp(w[i], "cross-env") || !strcmp(w[i], "exec")))
		i++;
	if (i + 1 >= n || (strcmp(conf_basename(w[i]), "node") != 0 && strcmp(w[i], "nodemon") != 0)) {
		conf_unread(c, path, "the script \"%s\" is not followed: %s", script, start);
		return;
	}
	for (i++; i < n && w[i][0] == '-'; i++)
		;
	read_script(c, r, conf_path(c, dir, i < n ? w[i] : "index.js"));
}

void conf_node(struct conf *c, const struct conf_run *r)
{
	const char *program = conf_basename(r->argv[0]), *dir = r->cwd;
	static const char *const places[] = { "/app", "/usr/src/app", "/home/node/app", "/srv/app", "/opt/app", "/code" };
	unsigned i = 1;

	if (r->config) {
		read_package(c, r, conf_dirname(c, r->config), "start");
		return;
	}
	for (size_t k = 0; k < ARRAY_SIZE(places) && !strcmp(dir, "/") && !conf_exists(c, "/package.json"); k++)
		if (conf_exists(c, conf_path(c, places[k], "package.json")))
			dir = places[k];
	if (!strcmp(program, "npm") || !strcmp(program, "yarn") || !strcmp(program, "pnpm")) {
		while (i < r->argc && (r->argv[i][0] == '-' || !strcmp(r->argv[i], "run") || !strcmp(r->argv[i], "run-script")))
			i++;
		read_package(c, r, dir, i < r->argc ? r->argv[i] : "start");
		return;
	}
	for (; i < r->argc && r->argv[i][0] == '-'; i++)
		i += !strcmp(r->argv[i], "-r") || !strcmp(r->argv[i], "--require") || !strcmp(r->argv[i], "--import");
	if (i == r->argc)
		conf_unread(c, "node", "no script");
	else if (conf_is_dir(c, conf_path(c, dir, r->argv[i])) && conf_exists(c, conf_path(c, conf_path(c, dir, r->argv[i]), "package.json")))
		read_package(c, r, conf_path(c, dir, r->argv[i]), NULL);
	else
		read_script(c, r, conf_path(c, dir, r->argv[i]));
}

/* python -m http.server [PORT] [--bind A]; python manage.py runserver [A:]PORT; others are not known. */
void conf_python(struct conf *c, const struct conf_run *r)
{
	for (unsigned i = 1; i < r->argc; i++) {
		const char *port = NULL, *at;

		if (!strcmp(r->argv[i], "http.server") && i > 1 && !strcmp(r->argv[i - 1], "-m")) {
			for (unsigned k = i + 1; k < r->argc; k++)
				if (r->argv[k][0] == '-')
					k++;
				else
					port = r->argv[k];
			at = port ? conf_printf(c, "flag:%s", port) : "default";
			conf_listen_text(c, "tcp", conf_flag(c, r, "-b", "--bind", NULL), port ? port : "8000", CONF_ANY_V4, at);
			return;
		}
		if (!strcmp(r->argv[i], "runserver")) {
			for (unsigned k = i + 1; k < r->argc && !port; k++)
				port = r->argv[k][0] != '-' ? r->argv[k] : NULL;
			at = port ? conf_printf(c, "flag:runserver %s", port) : "default";
			conf_listen_spec(c, "tcp", !port ? "127.0.0.1:8000" : strchr(port, ':') ? port : conf_printf(c,
					"127.0.0.1:%s", port), 8000, CONF_ANY_V4, at);
			return;
		}
	}
	conf_unread(c, "python", "what the program listens on stands in its code");
}

/* gunicorn and uvicorn, hypercorn, daphne: -b/--bind, --host, --port. */
void conf_gunicorn(struct conf *c, const struct conf_run *r)
{
	bool gunicorn = !strcmp(conf_basename(r->argv[0]), "gunicorn");
	const char *spec, *at, *host, *port, *host_at = "default", *port_at = "default";
	unsigned i = 0, n = 0;

	while ((spec = conf_flag_next(c, r, "-b", "--bind", &i, &at)) && ++n) {
		if (!strncmp(spec, "unix:", 5))
			conf_listen_unix(c, spec + 5, at);
		else
			conf_listen_spec(c, "tcp", spec, 8000, CONF_ANY_V4, at);
	}
	if (n)
		return;
	host = conf_flag(c, r, NULL, "--host", &host_at);
	port = conf_flag(c, r, gunicorn ? NULL : "-p", "--port", &port_at);
	if (gunicorn && conf_env(r, "PORT"))
		conf_listen_text(c, "tcp", "0.0.0.0", conf_env(r, "PORT"), CONF_ANY_V4, "env:PORT");
	else if (gunicorn && conf_flag(c, r, "-c", "--config", NULL))
		conf_unread(c, conf_flag(c, r, "-c", "--config", NULL), "a program in Python");
	else
		conf_listen_text(c, "tcp", host ? host : "127.0.0.1", port ? port : "8000", CONF_ANY_V4, port ? port_at : host_at);
}
