/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PostgreSQL: https://www.postgresql.org/docs/15/config-setting.html. Later settings win; then postgresql.auto.conf, then the
 * command line. Where the data directory
 * is made at the first start (the official image), the sample that it is made from is read. */
#include <string.h>

#include "appid/config/conf_apps.h"
#include "appid/config/conf_text.h"

enum setting { PORT, LISTEN, DATA, SOCKETS, LOG, SETTINGS };
static const char *const names[SETTINGS] = { "port", "listen_addresses", "data_directory", "unix_socket_directories", "log_directory" };

struct postgres {
	struct conf *c;
	const char *value[SETTINGS], *at[SETTINGS];
	unsigned includes;
};

static void read_file(struct postgres *p, const char *path, bool optional);

static void set(struct postgres *p, const char *key, const char *value, const char *at)
{
	for (int i = 0; i < SETTINGS; i++)
		if (!strcasecmp(key, names[i])) {
			p->value[i] = value;
			p->at[i] = at;
		}
	if (!strcasecmp(key, "primary_conninfo")) {
		const char *w[CONF_WORDS], *host = NULL, *port = "5432";
		unsigned n = conf_words(p->c, value, "", w);

		for (unsigned i = 0; i < n; i++) {
			if (!strncmp(w[i], "host=", 5))
				host = w[i] + 5;
			else if (!strncmp(w[i], "port=", 5))
				port = w[i] + 5;
		}
		if (host)
			conf_upstream(p->c, "replication", conf_printf(p->c, "%s:%s", host, port), 0, at);
	}
}

/* 'it''s', 'a\'b', or a word up to a blank or '#'. */
static const char *unquote(struct conf *c, char *s)
{
	char *out = s, *from = s + 1;

	(void)c;
	if (*s != '\'') {
		s[strcspn(s, " \t#")] = '\0';
		return s;
	}
	while (*from) {
		if (*from == '\'' && from[1] != '\'')
			break;
		if ((*from == '\\' || *from == '\'') && from[1])
			from++;
		*out++ = *from++;
	}
	*out = '\0';
	return s;
}

static void include(struct postgres *p, const char *key, const char *value, const char *from)
{
	const char *path = conf_path(p->c, conf_dirname(p->c, from), value), **files;
	unsigned count;

	if (p->includes == CONF_DEPTH) {
		conf_unread(p->c, path, "includes more than 32 deep: a loop?");
		return;
	}
	p->includes++;
	if (!strcasecmp(key, "include_dir")) {
		files = conf_dir(p->c, path, ".conf", &count);
		for (unsigned i = 0; i < count; i++)
			if (conf_basename(files[i])[0] != '.')
				read_file(p, files[i], true);
	} else {
		read_file(p, path, strlen(key) > 7);
	}
	p->includes--;
}

static void read_file(struct postgres *p, const char *path, bool optional)
{
	struct conf_file *f = conf_read(p->c, path, "config", optional);
	struct conf_kv k = { .lines = { .c = p->c, .f = f }, .comments = "#", .seps = " =" };

	while (f && conf_kv_next(&k)) {
		const char *value = unquote(p->c, k.value);

		if (!strncasecmp(k.key, "include", 7))
			include(p, k.key, value, f->path);
		else
			set(p, k.key, value, k.at);
	}
}

/* -c name=value, --name=value, -p, -h, -i. */
static void flags(struct postgres *p, const struct conf_run *r, const char **ret_config, const char **ret_data)
{
	for (unsigned i = 1; i < r->argc && r->argv[i]; i++) {
		const char *a = r->argv[i], *pair = NULL, *equals, *next = i + 1 < r->argc ? r->argv[i + 1] : NULL, *at;

		at = conf_printf(p->c, "flag:%s", a);
		if (!strcmp(a, "-c") && next)
			pair = next, i++;
		else if (!strncmp(a, "-c", 2) || !strncmp(a, "--", 2))
			pair = a + 2;
		if (pair && (equals = strchr(pair, '='))) {
			char *key = conf_strndup(p->c, pair, (size_t)(equals - pair));

			for (char *q = key; *q; q++)
				*q = *q == '-' ? '_' : *q;
			if (!strcasecmp(key, "config_file"))
				*ret_config = equals + 1;
			set(p, key, equals + 1, conf_printf(p->c, "flag:%s%s", a == pair - 2 ? "--" : "-c ", pair));
		} else if (!strncmp(a, "-D", 2) && (a[2] || next)) {
			*ret_data = a[2] ? a + 2 : (i++, next);
		} else if (!strncmp(a, "-p", 2) && (a[2] || next)) {
			set(p, "port", a[2] ? a + 2 : next, conf_printf(p->c, "flag:-p %s", a[2] ? a + 2 : next));
		} else if (!strncmp(a, "-h", 2) && (a[2] || next)) {
			set(p, "listen_addresses", a[2] ? a + 2 : next, conf_printf(p->c, "flag:-h %s", a[2] ? a + 2 : next));
		} else if (!strcmp(a, "-i")) {
			set(p, "listen_addresses", "*", at);
		} else if (!strcmp(a, "-o") && next) { /* pg_ctl -o "…" */
			const char *w[CONF_WORDS];
			struct conf_run inner = { .argv = w + 0, .argc = 1 + conf_words(p->c, next, "", w + 1) };

			w[0] = "postgres";
			if (p->includes++ < 2)
				flags(p, &inner, ret_config, ret_data);
			i++;
		}
	}
	p->includes = 0;
}

static const char *sample(struct conf *c)
{
	static const char *const patterns[] = { "/usr/share/postgresql/postgresql.conf.sample", "/usr/local/share/postgresql/postgresql.conf.sample",
						"/usr/share/postgresql/*/postgresql.conf.sample", "/usr/share/pgsql/postgresql.conf.sample",
						"/usr/pgsql-*/share/postgresql.conf.sample" };
	unsigned count;

	for (size_t i = 0; i < ARRAY_SIZE(patterns); i++) {
		const char **found = conf_glob(c, patterns[i], &count);

		if (count)
			return found[count - 1];
	}
	return NULL;
}

static void read_config(struct postgres *p, const struct conf_run *r, const char *config, const char *data)
{
	struct conf *c = p->c;
	const char **found;
	unsigned count;

	if (!data)
		data = conf_env(r, "PGDATA");
	if (!config && r->config)
		config = r->config;
	if (!config && data)
		config = conf_path(c, conf_path(c, r->cwd, data), "postgresql.conf");
	if (!config) {
		found = conf_glob(c, "/etc/postgresql/*/*/postgresql.conf", &count);
		config = count ? found[count - 1] : "/var/lib/postgresql/data/postgresql.conf";
	}
	config = conf_path(c, r->cwd, config);
	if (!conf_exists(c, config) && sample(c)) {
		conf_note(c, "%s is not there yet: the sample that it is made from is read", config);
		config = sample(c);
	}
	read_file(p, config, false);
	if (!data)
		data = p->value[DATA] ? p->value[DATA] : conf_dirname(c, config);
	conf_place(c, "data", conf_path(c, r->cwd, data), p->at[DATA]);
	read_file(p, conf_path(c, conf_path(c, r->cwd, data), "postgresql.auto.conf"), true);
}

void conf_postgresql(struct conf *c, const struct conf_run *r)
{
	struct postgres p = { .c = c }, given = { .c = c };
	const char *hosts[CONF_WORDS], *config = NULL, *data = NULL, *port = conf_env(r, "PGPORT"), *port_at = "env:PGPORT";
	unsigned n;

	flags(&given, r, &config, &data);
	read_config(&p, r, config, data);
	for (int i = 0; i < SETTINGS; i++)
		if (given.value[i]) {
			p.value[i] = given.value[i];
			p.at[i] = given.at[i];
		}
	if (p.value[PORT]) {
		port = p.value[PORT];
		port_at = p.at[PORT];
	}
	n = conf_split_list(c, p.value[SOCKETS] ? p.value[SOCKETS] : "", ",", hosts);
	for (unsigned i = 0; i < n; i++)
		conf_listen_unix(c, conf_printf(c, "%s/.s.PGSQL.%s", hosts[i], port ? port : "5432"), p.at[SOCKETS]);
	if (p.value[LOG])
		conf_place(c, "logs", p.value[LOG], p.at[LOG]);
	n = conf_split_list(c, p.value[LISTEN] ? p.value[LISTEN] : "localhost", ",", hosts);
	for (unsigned i = 0; i < n; i++)
		conf_listen_text(c, "tcp", hosts[i], port ? port : "5432", CONF_ANY_BOTH, port ? port_at : p.at[LISTEN] ? p.at[LISTEN] : "default");
}
