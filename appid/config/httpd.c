/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Apache httpd 2.4: https://httpd.apache.org/docs/2.4/mod/directives.html, mod_macro, mod_version; what is evaluated while the files are
 * read (Define, LoadModule, If…, Include, Use) is evaluated in the same order here. */
#include <ctype.h>
#include <string.h>

#include "appid/config/conf_apps.h"
#include "appid/config/conf_text.h"

enum { SECTIONS = 64 };

struct macro {
	const char *name;
	const char **words; /* name, then parameters */
	unsigned count;
	struct conf_file *file;
	struct { const char *text; unsigned line; } *lines;
	unsigned line_count, line_cap;
	struct macro *next;
};

struct httpd {
	struct conf *c;
	const struct conf_run *r;
	const char *root, *version;
	const struct conf_var *defines, *env;
	struct conf_var *modules;
	struct macro *macros, *recording;
	bool active[SECTIONS];
	unsigned depth, includes, macro_depth, macro_uses, mark, listens;
	bool location;
	bool failed;
};

static void read_file(struct httpd *h, const char *path, bool optional);
static void statement(struct httpd *h, const struct conf_file *f, unsigned line, const char *text);

static void define(struct httpd *h, const char *name, const char *value)
{
	struct conf_var *v = conf_alloc(h->c, sizeof(*v));

	v->name = conf_strdup(h->c, name);
	v->value = value ? conf_strdup(h->c, value) : NULL;
	v->next = (struct conf_var *)h->defines;
	h->defines = v;
}

/* UnDefine hides what was there: a name without a name. */
static void undefine(struct httpd *h, const char *name)
{
	for (struct conf_var *v = (struct conf_var *)h->defines; v; v = v->next)
		if (!strcmp(v->name, name))
			v->name = "";
}

static bool is_defined(const struct httpd *h, const char *name)
{
	for (const struct conf_var *v = h->defines; v; v = v->next)
		if (!strcmp(v->name, name))
			return true;
	return false;
}

/* ${NAME}: what was defined with a value, then the environment; else it stays. */
static const char *expand(struct httpd *h, const char *text)
{
	struct conf_var *all = NULL, **end = &all;

	if (!strstr(text, "${"))
		return text;
	for (const struct conf_var *v = h->defines; v; v = v->next) {
		if (!v->name[0])
			continue;
		*end = conf_alloc(h->c, sizeof(**end));
		**end = (struct conf_var){ .name = v->name, .value = v->value ? v->value : "" };
		end = &(*end)->next;
	}
	*end = (struct conf_var *)h->env;
	return conf_expand(h->c, text, all, false);
}

/* ---- modules ------------------------------------------------------------------------------------------------ */
static void module_add(struct httpd *h, const char *name, const char *file)
{
	struct conf_var *v = conf_alloc(h->c, sizeof(*v));
	const char *base = conf_basename(file);
	size_t n = strlen(base);

	/* mod_ssl.so is built from mod_ssl.c; libphp8.2.so from mod_php.c (PHP 8), mod_php7.c before. */
	if (!strncmp(base, "libphp", 6))
		file = strchr("57", base[6]) && base[6] ? conf_printf(h->c, "mod_php%c.c", base[6]) : "mod_php.c";
	else if (n > 3 && !strcmp(base + n - 3, ".so"))
		file = conf_printf(h->c, "%.*s.c", (int)(n - 3), base);
	*v = (struct conf_var){ .name = conf_strdup(h->c, name), .value = file, .next = h->modules };
	h->modules = v;
}

static void modules_static(struct httpd *h)
{
	static const char *const names[][2] = { { "core_module", "core.c" },	       { "so_module", "mod_so.c" },
						{ "http_module", "http_core.c" },      { "log_config_module", "mod_log_config.c" },
						{ "logio_module", "mod_logio.c" },     { "version_module", "mod_version.c" },
						{ "unixd_module", "mod_unixd.c" },     { "watchdog_module", "mod_watchdog.c" } };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		module_add(h, names[i][0], names[i][1]);
}

static bool has_module(const struct httpd *h, const char *name)
{
	for (const struct conf_var *v = h->modules; v; v = v->next)
		if (!strcmp(v->name, name) || !strcmp(v->value, name))
			return true;
	return false;
}

/* ---- sections ------------------------------------------------------------------------------------------------ */
static long version_number(const char *s)
{
	long n[3] = { 0 };

	for (int i = 0; i < 3 && isdigit((unsigned char)*s); i++) {
		for (; isdigit((unsigned char)*s) && n[i] < 10000; s++)
			n[i] = n[i] * 10 + (*s - '0');
		s += *s == '.';
	}
	return n[0] * 100000000 + n[1] * 10000 + n[2];
}

/* <IfVersion [!][operator] version>; "2.4" compared for equality means any 2.4.x. */
static bool version_is(struct httpd *h, const char *const *w, unsigned n)
{
	const char *op = n > 1 ? w[0] : "=", *than = n > 1 ? w[1] : n ? w[0] : "";
	long have, want;
	bool no = *op == '!', is;

	op += no;
	if (!h->version)
		conf_note(h->c, "<IfVersion>: the version of httpd is not known, taken as 2.4.62");
	have = version_number(h->version ? h->version : "2.4.62");
	want = version_number(than);
	if (!strcmp(op, ">="))
		is = have >= want;
	else if (!strcmp(op, "<="))
		is = have <= want;
	else if (!strcmp(op, ">"))
		is = have > want;
	else if (!strcmp(op, "<"))
		is = have < want;
	else
		is = have == want;
	return is != no;
}

static bool condition(struct httpd *h, const char *name, const char *const *w, unsigned n)
{
	const char *arg = n ? w[0] : "";
	bool no = *arg == '!';

	if (!strcasecmp(name, "IfVersion"))
		return version_is(h, w, n);
	arg += no;
	if (!strcasecmp(name, "IfDefine"))
		return is_defined(h, arg) != no;
	if (!strcasecmp(name, "IfModule"))
		return has_module(h, arg) != no;
	if (!strcasecmp(name, "IfFile"))
		return conf_exists(h->c, conf_path(h->c, h->root, arg)) != no;
	if (!strcasecmp(name, "IfDirective") || !strcasecmp(name, "IfSection")) {
		conf_note(h->c, "<%s %s> is taken as true", name, arg);
		return true;
	}
	return true;
}

static bool skipping(const struct httpd *h)
{
	return h->depth && !h->active[h->depth - 1];
}

static void macro_begin(struct httpd *h, const struct conf_file *f, const char **w, unsigned n)
{
	struct macro *m = conf_alloc(h->c, sizeof(*m));

	m->name = n ? conf_strdup(h->c, w[0]) : "";
	m->words = conf_alloc(h->c, (n + 1) * sizeof(*m->words));
	for (unsigned i = 0; i < n; i++)
		m->words[i] = conf_strdup(h->c, w[i]);
	m->count = n;
	m->file = (struct conf_file *)f;
	m->next = h->macros;
	h->macros = h->recording = m;
}

static void macro_line(struct httpd *h, unsigned line, const char *text)
{
	struct macro *m = h->recording;

	if (m->line_count == m->line_cap) {
		void *more = conf_alloc(h->c, (m->line_cap * 2 + 16) * sizeof(*m->lines));

		if (m->line_count)
			memcpy(more, m->lines, m->line_count * sizeof(*m->lines));
		m->lines = more;
		m->line_cap = m->line_cap * 2 + 16;
	}
	m->lines[m->line_count].text = conf_strdup(h->c, text);
	m->lines[m->line_count++].line = line;
}

/* Every place where a parameter's name stands; longer names first would matter only for names that begin with others. */
static const char *substitute(struct conf *c, const char *text, const char *name, const char *value)
{
	const char *at, *out = "";
	bool any = false;

	while (*name && (at = strstr(text, name))) {
		out = conf_printf(c, "%s%.*s%s", out, (int)(at - text), text, value);
		text = at + strlen(name);
		any = true;
		conf_tick(c);
		if (strlen(out) > 65536)
			conf_leave(c, "a macro grows beyond 64 KiB");
	}
	return any ? conf_printf(c, "%s%s", out, text) : text;
}

static void macro_use(struct httpd *h, const char *at, const char **w, unsigned n)
{
	const struct macro *m;

	for (m = h->macros; m && (n < 2 || strcasecmp(m->name, w[1]) != 0); m = m->next)
		;
	if (!m || h->macro_depth == CONF_DEPTH || ++h->macro_uses > 1000) {
		conf_unread(h->c, at, m ? "macros use macros too often" : "no such macro: %s", n > 1 ? w[1] : "");
		return;
	}
	h->macro_depth++;
	for (unsigned i = 0; i < m->line_count; i++) {
		const char *text = m->lines[i].text;

		for (unsigned k = 1; k < m->count; k++)
			text = substitute(h->c, text, m->words[k], k + 1 < n ? w[k + 1] : "");
		statement(h, m->file, m->lines[i].line, text);
	}
	h->macro_depth--;
}

static void section(struct httpd *h, const struct conf_file *f, const char *text)
{
	const char *w[CONF_WORDS];
	char *inner = conf_strdup(h->c, text + 1);
	size_t len = strlen(inner);
	bool active = !skipping(h);
	unsigned n;

	if (len && inner[len - 1] == '>')
		inner[len - 1] = '\0';
	if (*inner == '/') {
		h->depth -= h->depth ? 1 : 0;
		if (!strncasecmp(inner, "/Location", 9) || !strncasecmp(inner, "/Directory", 10))
			h->location = false;
		return;
	}
	n = conf_words(h->c, expand(h, inner), "", w);
	if (!n)
		return;
	if (h->depth == SECTIONS)
		conf_leave(h->c, "sections more than 64 deep");
	if (active && !strncasecmp(w[0], "If", 2) && strcasecmp(w[0], "If") != 0)
		active = condition(h, w[0], (const char *const *)w + 1, n - 1);
	if (active && !strcasecmp(w[0], "Macro"))
		macro_begin(h, f, w + 1, n - 1);
	if (!strncasecmp(w[0], "Location", 8) || !strncasecmp(w[0], "Directory", 9))
		h->location = true;
	h->active[h->depth++] = active;
}

/* ---- directives ----------------------------------------------------------------------------------------------- */
static void include(struct httpd *h, const char *pattern, bool optional, const char *at)
{
	const char *path = conf_path(h->c, h->root, pattern), **files;
	unsigned n;

	if (h->includes == CONF_DEPTH) {
		conf_unread(h->c, at, "includes more than 32 deep: a loop?");
		return;
	}
	h->includes++;
	if (conf_is_dir(h->c, path)) {
		files = conf_dir(h->c, path, NULL, &n);
	} else {
		files = conf_glob(h->c, path, &n);
		if (!n && !optional) {
			h->failed = true;
			conf_refused(h->c, h->mark, at, "no file for Include %s", pattern);
		}
	}
	for (unsigned i = 0; i < n; i++) {
		if (conf_is_dir(h->c, files[i]))
			include(h, files[i], true, at);
		else
			read_file(h, files[i], true);
	}
	h->includes--;
}

static void upstream(struct httpd *h, const char *url, const char *at)
{
	const char *bar = strchr(url, '|');

	if (!strcmp(url, "!") || !strncmp(url, "balancer:", 9))
		return;
	if (!strncmp(url, "unix:", 5) && bar)
		url = conf_strndup(h->c, url, (size_t)(bar - url));
	conf_upstream(h->c, "proxy", url, 0, at);
}

static void listen_on(struct httpd *h, const char *spec, const char *at)
{
	if (strstr(spec, "${")) {
		conf_unread(h->c, at, "\"%s\" is defined nowhere", spec);
		return;
	}
	h->listens++;
	conf_listen_spec(h->c, "tcp", spec, 0, CONF_ANY_DUAL, at);
}

static void directive(struct httpd *h, const char **w, unsigned n, const char *at)
{
	const char *name = w[0], *arg = n > 1 ? w[1] : "";
	struct conf *c = h->c;

	if (!strcasecmp(name, "Listen") && n > 1)
		listen_on(h, arg, at);
	else if (!strcasecmp(name, "Define") && n > 1)
		define(h, arg, n > 2 ? w[2] : NULL);
	else if (!strcasecmp(name, "UnDefine"))
		undefine(h, arg);
	else if (!strcasecmp(name, "LoadModule") && n > 2)
		module_add(h, arg, w[2]);
	else if ((!strcasecmp(name, "Include") || !strcasecmp(name, "IncludeOptional")) && n > 1)
		include(h, arg, strlen(name) > 7, at);
	else if (!strcasecmp(name, "Use"))
		macro_use(h, at, w, n);
	else if (!strcasecmp(name, "ServerRoot") && n > 1)
		h->root = conf_path(c, "/", arg);
	else if (!strcasecmp(name, "DocumentRoot") && n > 1)
		conf_place(c, "documents", conf_path(c, h->root, arg), at);
	else if ((!strcasecmp(name, "ErrorLog") || !strcasecmp(name, "CustomLog") || !strcasecmp(name, "TransferLog")) && n > 1) {
		if (arg[0] != '|' && strncmp(arg, "syslog", 6) != 0)
			conf_place(c, "logs", conf_path(c, h->root, arg), at);
	} else if ((!strcasecmp(name, "ProxyPass") || !strcasecmp(name, "ProxyPassMatch")) && n > 1)
		upstream(h, (h->location && !strchr(arg, '/')) || (n == 2 || strchr(w[2], '=')) ? arg : w[2], at);
	else if (!strcasecmp(name, "BalancerMember") && n > 1)
		upstream(h, strstr(arg, "://") || n < 3 ? arg : w[2], at);
	else if (!strcasecmp(name, "SetHandler") && !strncmp(arg, "proxy:", 6))
		upstream(h, arg + 6, at);
}

static void statement(struct httpd *h, const struct conf_file *f, unsigned line, const char *text)
{
	const char *w[CONF_WORDS];
	unsigned n;

	if (h->failed || !*text || *text == '#')
		return;
	if (h->recording) {
		if (!strncasecmp(text, "</Macro", 7)) {
			h->recording = NULL;
			h->depth -= h->depth ? 1 : 0;
		} else {
			macro_line(h, line, text);
		}
		return;
	}
	if (*text == '<') {
		section(h, f, text);
		return;
	}
	if (skipping(h))
		return;
	n = conf_words(h->c, expand(h, text), "", w);
	if (n)
		directive(h, w, n, conf_at(h->c, f, line));
}

static void read_file(struct httpd *h, const char *path, bool optional)
{
	struct conf_file *f = conf_read(h->c, path, "config", optional);
	struct conf_lines l = { .c = h->c, .f = f, .join = true };
	unsigned depth = h->depth;

	while (f && conf_line(&l))
		statement(h, f, l.line, l.text);
	h->depth = depth; /* a section ends with its file */
}

/* ---- start -------------------------------------------------------------------------------------------------------- */
static const char *find_config(struct httpd *h)
{
	static const char *const places[] = { "/etc/apache2/apache2.conf",	    "/usr/local/apache2/conf/httpd.conf",
					      "/etc/httpd/conf/httpd.conf",	    "/etc/apache2/httpd.conf",
					      "/opt/bitnami/apache/conf/httpd.conf", "/usr/local/etc/apache24/httpd.conf" };
	const char *given = conf_flag(h->c, h->r, "-f", NULL, NULL), *root = conf_flag(h->c, h->r, "-d", NULL, NULL);

	if (h->r->config)
		given = h->r->config;
	for (size_t i = 0; !given && i < ARRAY_SIZE(places); i++)
		if (conf_exists(h->c, places[i]))
			given = places[i];
	if (!given)
		given = places[0];
	h->root = root ? root : conf_dirname(h->c, conf_path(h->c, "/etc/apache2", given));
	if (!root && !strcmp(conf_basename(h->root), "conf"))
		h->root = conf_dirname(h->c, h->root);
	return conf_path(h->c, h->root, given);
}

/* Directives of the command line: -C before, -c after the file. */
static void given(struct httpd *h, const char *flag)
{
	const char *text, *source, *w[CONF_WORDS];
	unsigned at = 0, n;

	while ((text = conf_flag_next(h->c, h->r, flag, NULL, &at, &source))) {
		n = conf_words(h->c, expand(h, text), "", w);
		if (n)
			directive(h, w, n, source);
	}
}

/* What the control and start scripts start. */
static void daemon_of(struct conf *c, const char *script)
{
	static const char *const daemons[] = { "/usr/sbin/apache2", "/usr/sbin/httpd", "/usr/local/apache2/bin/httpd" };

	if (!strstr(script, "ctl") && !strstr(script, "foreground"))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(daemons); i++)
		if (conf_is_file(c, daemons[i])) {
			conf_place(c, "program", daemons[i], NULL);
			return;
		}
}

void conf_httpd(struct conf *c, const struct conf_run *r)
{
	struct httpd h = { .c = c, .r = r, .version = r->version, .env = r->env, .mark = conf_mark(c) };
	const char *program = conf_basename(r->argv[0]), *path, *envvars, *name;
	unsigned at = 0;

	daemon_of(c, program);
	path = find_config(&h);
	/* The control scripts and the images' start script read the environment file first; the daemon itself does not. */
	envvars = conf_env(r, "APACHE_ENVVARS");
	if (!envvars)
		envvars = conf_path(c, conf_path(c, h.root, strstr(h.root, "/local/") ? "bin" : "."), "envvars");
	if (r->detected || strstr(program, "ctl") || strstr(program, "foreground"))
		h.env = conf_shell_env(c, envvars, h.env);
	if (strstr(program, "foreground"))
		define(&h, "FOREGROUND", NULL); /* what the images' start scripts add */
	while ((name = conf_flag_next(c, r, "-D", NULL, &at, NULL)))
		define(&h, name, NULL);
	modules_static(&h);
	given(&h, "-C");
	read_file(&h, path, false);
	given(&h, "-c");
	if (!h.listens && !h.failed && conf_is_file(c, path))
		conf_refused(c, h.mark, path, "no Listen");
	conf_wordpress(c, r);
}
