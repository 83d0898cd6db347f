/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lighttpd: https://redmine.lighttpd.net/projects/lighttpd/wiki/Docs_Configuration. server.port and server.bind are the main
 * socket, each $SERVER["socket"] one more;
 * values are sums of strings, numbers, variables and env.X. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "appid/config/conf_apps.h"
#include "appid/config/conf_text.h"

struct lighttpd {
	struct conf *c;
	const struct conf_run *r;
	struct conf_var *vars;
	const char *port, *port_at, *bind, *base;
	bool v6;
	unsigned includes, scope; /* scope: inside of how many conditions */
};

static void lighttpd_read(struct lighttpd *x, const char *path);

static const char *skip(const char *p)
{
	while (isspace((unsigned char)*p))
		p++;
	return p;
}

/* One operand; *ret_end behind it; NULL: it is none that is known. */
static const char *operand(struct lighttpd *x, const char *p, const char **ret_end)
{
	const char *name;
	size_t n = 0;

	p = skip(p);
	if (*p == '"' || *p == '\'') {
		n = strcspn(p + 1, *p == '"' ? "\"" : "'");
		*ret_end = p + 1 + n + (p[1 + n] ? 1 : 0);
		return conf_strndup(x->c, p + 1, n);
	}
	while (isalnum((unsigned char)p[n]) || strchr("._-", p[n]) ? p[n] != '\0' : false)
		n++;
	*ret_end = p + n;
	if (!n)
		return NULL;
	name = conf_strndup(x->c, p, n);
	if (isdigit((unsigned char)*name))
		return name;
	if (!strncmp(name, "env.", 4))
		return conf_env(x->r, name + 4);
	return conf_env_of(x->vars, !strncmp(name, "var.", 4) ? name + 4 : name);
}

/* a + b + …: numbers add when both are, else text is joined. */
static const char *evaluate(struct lighttpd *x, const char *p)
{
	const char *value = operand(x, p, &p), *more;

	while (value && *skip(p) == '+') {
		more = operand(x, skip(p) + 1, &p);
		if (!more)
			return NULL;
		if (*value && *more && strspn(value, "0123456789") == strlen(value) && strspn(more, "0123456789") == strlen(more))
			value = conf_printf(x->c, "%lu", strtoul(value, NULL, 10) + strtoul(more, NULL, 10));
		else
			value = conf_printf(x->c, "%s%s", value, more);
		conf_tick(x->c);
	}
	return value;
}

static void set(struct lighttpd *x, const char *name, const char *value)
{
	struct conf_var *v = conf_alloc(x->c, sizeof(*v));

	*v = (struct conf_var){ .name = name, .value = value, .next = x->vars };
	x->vars = v;
}

static void socket_listen(struct lighttpd *x, const char *spec, const char *at)
{
	const char *host, *port;

	if (*spec == '/' || !strncmp(spec, "unix:", 5)) {
		conf_listen_unix(x->c, spec, at);
		return;
	}
	conf_split(x->c, spec, &host, &port);
	if (host && !strcmp(host, "[::]"))
		host = "::";
	conf_listen_text(x->c, "tcp", host, port ? port : x->port ? x->port : "80", CONF_ANY_V4, at);
}

static void upstreams(struct lighttpd *x, const char *text, const char *at)
{
	const char *p = text, *host, *port;

	while ((p = strstr(p, "\"host\""))) {
		const char *end;

		p = strchr(p, '>');
		if (!p)
			return;
		host = operand(x, p + 1, &end);
		port = strstr(end, "\"port\"");
		port = port && (port = strchr(port, '>')) ? operand(x, port + 1, &end) : "80";
		if (host)
			conf_upstream(x->c, "proxy", conf_printf(x->c, "%s:%s", host, port ? port : "80"), 0, at);
		p++;
	}
}

static void assignment(struct lighttpd *x, const char *name, const char *value, const char *at)
{
	const char *v = *value == '(' ? NULL : evaluate(x, value);

	if (!strncmp(name, "var.", 4) || !strchr(name, '.')) {
		if (v)
			set(x, !strncmp(name, "var.", 4) ? name + 4 : name, v);
	} else if (!strcmp(name, "server.port") && !x->scope) {
		x->port = v;
		x->port_at = at;
		if (!v)
			conf_unread(x->c, at, "the port is computed: %s", value);
	} else if (!strcmp(name, "server.bind") && !x->scope) {
		x->bind = v;
	} else if (!strcmp(name, "server.use-ipv6") && !x->scope) {
		x->v6 = v && conf_is_yes(v);
	} else if (!strcmp(name, "server.document-root")) {
		conf_place(x->c, "documents", v, at);
	} else if (!strcmp(name, "server.errorlog") || !strcmp(name, "accesslog.filename")) {
		conf_place(x->c, "logs", v && *v == '/' ? v : NULL, at);
	} else if (!strcmp(name, "proxy.server") || !strcmp(name, "fastcgi.server") || !strcmp(name, "scgi.server")) {
		upstreams(x, value, at);
	}
}

static void include(struct lighttpd *x, const char *value, const char *at)
{
	const char *v = evaluate(x, value), **files;
	unsigned n;

	if (!v || x->includes >= CONF_DEPTH) {
		conf_unread(x->c, at, v ? "includes more than 32 deep: a loop?" : "the name of the included file is computed");
		return;
	}
	x->includes++;
	files = conf_glob(x->c, conf_path(x->c, x->base, v), &n);
	for (unsigned i = 0; i < n; i++)
		lighttpd_read(x, files[i]);
	if (!n && !strpbrk(v, "*?["))
		(void)conf_read(x->c, conf_path(x->c, x->base, v), "config", false);
	x->includes--;
}

/* $SERVER["socket"] == "…" {, else: a condition; the value of a socket is one even if its block is empty. */
static void condition(struct lighttpd *x, const char *s, const char *at)
{
	const char *value = strstr(s, "=="), *v;

	if (strncmp(s, "$SERVER", 7) != 0 || !strstr(s, "socket") || !value)
		return;
	v = evaluate(x, value + 2);
	if (v)
		socket_listen(x, v, at);
	else
		conf_unread(x->c, at, "the address is computed");
}

/* A statement: up to the line's end with its brackets closed. */
static void lighttpd_statement(struct lighttpd *x, char *s, const char *at)
{
	size_t n;

	if (*s == '$') {
		condition(x, s, at);
		return;
	}
	if (!strncmp(s, "include_shell", 13)) {
		conf_unread(x->c, at, "what a program prints is included");
		return;
	}
	if (!strncmp(s, "include", 7) && (isspace((unsigned char)s[7]) || s[7] == '"')) {
		include(x, s + 7, at);
		return;
	}
	n = strcspn(s, "=+: \t");
	if (n && s[n + strspn(s + n, " \t+:")] == '=') {
		char *name = conf_strndup(x->c, s, n);

		assignment(x, name, skip(strchr(s + n, '=') + 1), at);
	}
}

static void lighttpd_read(struct lighttpd *x, const char *path)
{
	struct conf_file *f = conf_read(x->c, path, "config", true);
	unsigned line = 1, begin = 1, scope = x->scope;
	char *p = f ? f->text : NULL, *start = p;
	int brackets = 0;
	char quote = 0;

	for (; f && *p; p++) {
		conf_tick(x->c);
		if (quote) {
			quote = *p == quote ? 0 : quote;
		} else if (*p == '"' || *p == '\'') {
			quote = *p;
		} else if (*p == '#') {
			while (p[1] && p[1] != '\n')
				*p++ = ' ';
			*p = ' ';
		} else if (*p == '(' || *p == '[') {
			brackets++;
		} else if (*p == ')' || *p == ']') {
			brackets -= brackets > 0;
		}
		if (!quote && !brackets && (*p == '\n' || *p == '{' || *p == '}')) {
			char *s = conf_strndup(x->c, start, (size_t)(p - start));

			s = conf_trim(s);
			if (*s)
				lighttpd_statement(x, s, conf_at(x->c, f, begin));
			x->scope += *p == '{';
			x->scope -= *p == '}' && x->scope > scope;
			start = p + 1;
			begin = line + (*p == '\n');
		}
		line += *p == '\n';
	}
	if (f && *conf_trim(conf_strdup(x->c, start)))
		lighttpd_statement(x, conf_trim(conf_strdup(x->c, start)), conf_at(x->c, f, begin));
	x->scope = scope;
}

void conf_lighttpd(struct conf *c, const struct conf_run *r)
{
	const char *path = r->config ? r->config : conf_flag(c, r, "-f", NULL, NULL);
	struct lighttpd x = { .c = c, .r = r, .port_at = "default" };

	path = conf_path(c, r->cwd, path ? path : "/etc/lighttpd/lighttpd.conf");
	x.base = conf_dirname(c, path);
	set(&x, "CWD", r->cwd);
	if (!conf_is_file(c, path))
		(void)conf_read(c, path, "config", false);
	lighttpd_read(&x, path);
	if (x.bind && *x.bind == '/')
		conf_listen_unix(c, x.bind, x.port_at);
	else
		conf_listen_text(c, "tcp", x.bind ? x.bind : x.v6 ? "::" : NULL, x.port ? x.port : "80", CONF_ANY_V4, x.port_at);
}
