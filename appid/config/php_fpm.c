/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PHP-FPM: php-fpm.conf and its pools, INI with include=; a pool named again goes on. https://www.php.net/manual/en/install.fpm.configuration.php
 * WordPress, which runs inside of it or of httpd: its database from wp-config.php and the image's environment. */
#include <ctype.h>
#include <string.h>

#include "appid/config/conf_apps.h"
#include "appid/config/conf_text.h"

struct pool {
	const char *name, *listen, *at;
	struct pool *next;
};

struct fpm {
	struct conf *c;
	const struct conf_run *r;
	const char *prefix;
	struct pool *pools, **end;
	unsigned includes;
};

static struct pool *pool_get(struct fpm *x, const char *name)
{
	struct pool *p;

	for (p = x->pools; p && strcmp(p->name, name) != 0; p = p->next)
		;
	if (!p) {
		p = conf_alloc(x->c, sizeof(*p));
		p->name = conf_strdup(x->c, name);
		*x->end = p;
		x->end = &p->next;
	}
	return p;
}

static const char *replace_pool(struct conf *c, const char *value, const char *pool)
{
	const char *at = strstr(value, "$pool");

	return at ? conf_printf(c, "%.*s%s%s", (int)(at - value), value, pool, at + 5) : value;
}

static void read_file(struct fpm *x, const char *path, bool optional, const char *section)
{
	struct conf_file *f = conf_read(x->c, path, "config", optional);
	struct conf_kv k = { .lines = { .c = x->c, .f = f }, .comments = ";#", .trailing = ";", .seps = "=", .sections = true, .section = section };

	while (f && conf_kv_next(&k)) {
		const char *value = k.section_begins ? "" : conf_expand(x->c, conf_unquote(k.value), x->r->env, false), **files;
		unsigned count;

		if (k.section_begins)
			continue;
		if (!strcmp(k.key, "include") && x->includes < CONF_DEPTH) {
			x->includes++;
			files = conf_glob(x->c, conf_path(x->c, x->prefix, value), &count);
			for (unsigned i = 0; i < count; i++)
				read_file(x, files[i], true, k.section);
			x->includes--;
		} else if (!strcmp(k.key, "listen") && *k.section && strcmp(k.section, "global") != 0) {
			struct pool *p = pool_get(x, k.section);

			p->listen = replace_pool(x->c, value, p->name);
			p->at = k.at;
		} else if ((!strcmp(k.key, "error_log") || !strcmp(k.key, "access.log")) && value[0] == '/' && strncmp(value, "/proc/", 6) != 0) {
			conf_place(x->c, "logs", replace_pool(x->c, value, k.section), k.at);
		}
	}
}

static void pool_listen(struct fpm *x, const struct pool *p)
{
	if (!p->listen)
		conf_note(x->c, "php-fpm: the pool %s has no listen", p->name);
	else if (p->listen[0] == '/' || !strpbrk(p->listen, "0123456789"))
		conf_listen_unix(x->c, p->listen, p->at);
	else
		conf_listen_spec(x->c, "tcp", p->listen, 0, CONF_ANY_DUAL, p->at);
}

void conf_php_fpm(struct conf *c, const struct conf_run *r)
{
	struct fpm x = { .c = c, .r = r, .end = &x.pools };
	const char *path = r->config ? r->config : conf_flag(c, r, "-y", "--fpm-config", NULL),
			*digits = strpbrk(conf_basename(r->argv[0]), "0123456789");
	const char *prefix = conf_flag(c, r, "-p", "--prefix", NULL), **found;
	unsigned count;

	if (!path && digits)
		path = conf_printf(c, "/etc/php/%.*s/fpm/php-fpm.conf", (int)strspn(digits, "0123456789."), digits);
	if (!path && conf_exists(c, "/usr/local/etc/php-fpm.conf"))
		path = "/usr/local/etc/php-fpm.conf";
	if (!path) {
		found = conf_glob(c, "/etc/php*/php-fpm.conf", &count);
		if (!count)
			found = conf_glob(c, "/etc/php/*/fpm/php-fpm.conf", &count);
		path = count ? found[count - 1] : "/etc/php-fpm.conf";
	}
	path = conf_path(c, r->cwd, path);
	x.prefix = prefix ? prefix : !strncmp(path, "/usr/local/", 11) ? "/usr/local" : conf_dirname(c, path);
	read_file(&x, path, false, "");
	for (const struct pool *p = x.pools; p; p = p->next)
		pool_listen(&x, p);
	conf_wordpress(c, r);
}

/* ---- WordPress ---------------------------------------------------------------------------------------------- */
/* The text of the second argument of define('DB_HOST', …): a string, or a call with the name of an environment variable and a fallback. */
static const char *php_value(struct conf *c, const char *p, const struct conf_run *r, const char **ret_env)
{
	const char *strings[4];
	unsigned n = 0;
	bool call = false;

	while (*p && *p != ';' && n < 4) {
		if (*p == '\'' || *p == '"') {
			size_t len = strcspn(p + 1, *p == '"' ? "\"" : "'");

			strings[n++] = conf_strndup(c, p + 1, len);
			p += len + (p[len + 1] ? 2 : 1);
		} else {
			call |= !strncmp(p, "getenv", 6) || !strncmp(p, "_ENV", 4);
			p++;
		}
	}
	if (!n || !call)
		return n ? strings[0] : NULL;
	*ret_env = conf_printf(c, "env:%s", strings[0]);
	if (conf_env(r, strings[0]))
		return conf_env(r, strings[0]);
	*ret_env = NULL;
	return n > 1 ? strings[1] : NULL;
}

static void wp_config(struct conf *c, struct conf_file *f, const struct conf_run *r)
{
	struct conf_lines l = { .c = c, .f = f };

	while (conf_line(&l)) {
		const char *p = l.text, *value, *env = NULL;

		if (strncmp(p, "define", 6) != 0 || !(p = strstr(p, "DB_HOST")) || !(p = strchr(p, ',')))
			continue;
		value = php_value(c, p + 1, r, &env);
		if (value && strncmp(value, "localhost:/", 11) != 0)
			conf_upstream(c, "database", value, 3306, env ? env : conf_at(c, f, l.line));
		else if (!value)
			conf_unread(c, conf_at(c, f, l.line), "DB_HOST is known only when it runs");
	}
}

void conf_wordpress(struct conf *c, const struct conf_run *r)
{
	static const char *const places[] = { "/var/www/html/wp-config.php", "/usr/src/wordpress/wp-config-docker.php",
			"/usr/src/wordpress/wp-config.php",
					      "/var/www/wordpress/wp-config.php", "/usr/share/wordpress/wp-config.php",
							"/etc/wordpress/config-default.php",
					      "/var/www/wp-config.php" };

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		struct conf_file *f = conf_exists(c, places[i]) ? conf_read(c, places[i], "config", true) : NULL;

		if (f) {
			conf_app(c, "wordpress");
			wp_config(c, f, r);
			return;
		}
	}
}
