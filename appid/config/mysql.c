/* SPDX-License-Identifier: GPL-2.0-or-later */
/* MariaDB and MySQL: option files (https://mariadb.com/kb/en/configuring-mariadb-with-option-files/, MySQL manual 4.2.2). The
 * last setting wins, the command
 * line after all files. MariaDB opens a socket for each family, MySQL one for both. */
#include <stdlib.h>
#include <string.h>

#include "appid/config/conf_apps.h"
#include "appid/config/conf_text.h"

enum setting { PORT, BIND, EXTRA_PORT, SKIP_NETWORKING, SOCKET, DATADIR, WSREP, X_PORT, X_BIND, X_ON, MASTER, SETTINGS };

struct mysql {
	struct conf *c;
	bool maria, safe; /* safe: started by the script that restarts it, whose groups count too */
	const char *suffix;
	const char *value[SETTINGS], *at[SETTINGS];
	unsigned includes;
};

static void read_file(struct mysql *m, const char *path, bool optional);

/* Dashes and underscores are the same; "loose-" is taken off. */
static const char *normal(struct conf *c, const char *key)
{
	char *k = conf_strdup(c, key);

	for (char *p = k; *p; p++)
		*p = *p == '_' ? '-' : *p;
	return !strncmp(k, "loose-", 6) ? k + 6 : k;
}

static void set(struct mysql *m, const char *key, const char *value, const char *at)
{
	static const char *const names[SETTINGS] = { "port",	  "bind-address", "extra-port",	  "skip-networking",	 "socket", "datadir",
						     "wsrep-on", "mysqlx-port",	  "mysqlx-bind-address", "mysqlx", NULL };

	key = normal(m->c, key);
	if (!strncmp(key, "skip-", 5) && !strcmp(key + 5, "mysqlx"))
		value = "0", key += 5;
	for (int i = 0; i < SETTINGS; i++)
		if (names[i] && !strcmp(key, names[i])) {
			m->value[i] = value ? conf_strdup(m->c, value) : "1";
			m->at[i] = at;
			return;
		}
	if ((!strcmp(key, "log-error") || !strcmp(key, "general-log-file") || !strcmp(key, "slow-query-log-file")) && value && *value)
		conf_place(m->c, "logs", value, at);
}

static bool is_group(const struct mysql *m, const char *group)
{
	static const char *const both[] = { "mysqld", "server" }, *const maria[] = { "mariadb", "mariadbd", "galera" },
				*const safe[] = { "mysqld_safe", "mariadb_safe", "mariadbd-safe", "safe_mysqld" };
	size_t len = strlen(group), cut = m->suffix ? strlen(m->suffix) : 0;
	const char *bare = group;

	if (cut && len > cut && !strcmp(group + len - cut, m->suffix))
		bare = conf_strndup(m->c, group, len - cut);
	for (size_t i = 0; i < ARRAY_SIZE(both); i++)
		if (!strcmp(bare, both[i]))
			return true;
	for (size_t i = 0; m->maria && i < ARRAY_SIZE(maria); i++)
		if (!strcmp(bare, maria[i]))
			return true;
	for (size_t i = 0; m->safe && i < ARRAY_SIZE(safe); i++)
		if (!strcmp(bare, safe[i]))
			return true;
	/* "mysqld-10.11": of one version, which is rarely the other one. */
	return (!strncmp(bare, "mysqld-", 7) || (m->maria && (!strncmp(bare, "mariadb-1", 9) || !strncmp(bare, "mariadbd-1", 10)))) &&
			strpbrk(bare, "0123456789");
}

static void include(struct mysql *m, const char *base, const char *line)
{
	bool dir = !strncmp(line, "!includedir", 11);
	const char *path, **files;
	unsigned count;

	path = conf_path(m->c, conf_dirname(m->c, base), conf_trim(conf_strdup(m->c, line + (dir ? 11 : 8))));
	if (m->includes == CONF_DEPTH) {
		conf_unread(m->c, path, "includes more than 32 deep: a loop?");
		return;
	}
	m->includes++;
	files = dir ? conf_dir(m->c, path, ".cnf", &count) : NULL;
	for (unsigned i = 0; dir && i < count; i++)
		read_file(m, files[i], true);
	if (!dir)
		read_file(m, path, false);
	m->includes--;
}

static void read_file(struct mysql *m, const char *path, bool optional)
{
	struct conf_file *f = conf_read(m->c, path, "config", optional);
	struct conf_kv k = { .lines = { .c = m->c, .f = f }, .comments = "#;", .trailing = "#", .seps = "=", .sections = true };
	bool ours = false;

	while (f && conf_kv_next(&k)) {
		if (k.section_begins)
			ours = is_group(m, k.section);
		else if (!strncmp(k.key, "!include", 8))
			include(m, path, k.key);
		else if (ours)
			set(m, k.key, *k.value ? conf_unquote(k.value) : NULL, k.at);
	}
}

static void read_files(struct mysql *m, const struct conf_run *r)
{
	static const char *const places[] = { "/etc/my.cnf", "/etc/mysql/my.cnf", "/usr/etc/my.cnf", "/root/.my.cnf" };
	const char *only = conf_flag(m->c, r, NULL, "--defaults-file", NULL), *extra = conf_flag(m->c, r, NULL, "--defaults-extra-file", NULL);

	if (conf_switch(r, 0, "--no-defaults"))
		return;
	if (only) {
		read_file(m, conf_path(m->c, r->cwd, only), false);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		if (i + 1 == ARRAY_SIZE(places) && extra)
			read_file(m, conf_path(m->c, r->cwd, extra), false);
		read_file(m, places[i], true);
	}
	/* Debian's my.cnf is a link that alternatives make: without it, what it would lead to. */
	if (!conf_exists(m->c, "/etc/mysql/my.cnf"))
		read_file(m, conf_exists(m->c, "/etc/mysql/mariadb.cnf") ? "/etc/mysql/mariadb.cnf" : "/etc/mysql/mysql.cnf", true);
}

static void flags(struct mysql *m, const struct conf_run *r)
{
	for (unsigned i = 1; i < r->argc; i++) {
		const char *a = r->argv[i], *equals = strchr(a, '=');

		if (!strncmp(a, "--", 2) && equals)
			set(m, conf_strndup(m->c, a + 2, (size_t)(equals - a - 2)), equals + 1, conf_printf(m->c, "flag:%s", a));
		else if (!strncmp(a, "--", 2) && i + 1 < r->argc && r->argv[i + 1][0] != '-')
			set(m, a + 2, r->argv[i + 1], conf_printf(m->c, "flag:%s %s", a, r->argv[i + 1]));
		else if (!strncmp(a, "--", 2))
			set(m, a + 2, NULL, conf_printf(m->c, "flag:%s", a));
		else if (!strncmp(a, "-P", 2) && (a[2] || i + 1 < r->argc))
			set(m, "port", a[2] ? a + 2 : r->argv[i + 1], conf_printf(m->c, "flag:-P %s", a[2] ? a + 2 : r->argv[i + 1]));
	}
}

static void listens(struct mysql *m, const char *port, const char *bind, const char *at)
{
	const char *hosts[CONF_WORDS];
	unsigned n = conf_split_list(m->c, bind, ",", hosts);

	if (!n)
		hosts[n++] = "*";
	for (unsigned i = 0; i < n; i++) {
		bool dual = !strcmp(hosts[i], "::"); /* an IPv6 socket that takes IPv4 too */

		conf_listen_text(m->c, "tcp", dual ? "*" : hosts[i], port, dual || !m->maria ? CONF_ANY_DUAL : CONF_ANY_BOTH, at);
	}
}

static const char *source(const struct mysql *m, int i)
{
	return m->at[i] ? m->at[i] : "default";
}

static bool is_maria(struct conf *c, const struct conf_run *r)
{
	const char *program = conf_basename(r->argv[0]);

	if (strstr(program, "maria") || (r->version && (strstr(r->version, "maria") || strstr(r->version, "1:1"))) || conf_env(r, "MARIADB_VERSION"))
		return true;
	if (conf_env(r, "MYSQL_VERSION") || conf_env(r, "MYSQL_MAJOR"))
		return false;
	return conf_exists(c, "/usr/sbin/mariadbd") || conf_exists(c, "/usr/bin/mariadbd") || conf_exists(c, "/etc/mysql/mariadb.cnf");
}

static void x_protocol(struct mysql *m, const struct conf_run *r)
{
	const char *major = conf_env(r, "MYSQL_MAJOR");

	if (m->maria || (m->value[X_ON] && conf_is_no(m->value[X_ON])))
		return;
	if (!major)
		major = r->version;
	if (!major && !m->value[X_PORT]) {
		conf_note(m->c, "MySQL of an unknown version: from 8.0 on it also listens on the X protocol's port 33060");
		return;
	}
	if (m->value[X_PORT] || strtoul(major, NULL, 10) >= 8)
		listens(m, m->value[X_PORT] ? m->value[X_PORT] : "33060", m->value[X_BIND], source(m, X_PORT));
}

void conf_mysql(struct conf *c, const struct conf_run *r)
{
	struct mysql m = { .c = c, .maria = is_maria(c, r), .safe = strstr(conf_basename(r->argv[0]), "safe") };
	const char *port = conf_env(r, "MYSQL_TCP_PORT"), *at = "default";

	conf_app(c, m.maria ? "mariadb" : "mysql");
	m.suffix = conf_flag(c, r, NULL, "--defaults-group-suffix", NULL);
	if (!m.suffix)
		m.suffix = conf_env(r, "MYSQL_GROUP_SUFFIX");
	read_files(&m, r);
	flags(&m, r);
	conf_place(c, "data", m.value[DATADIR] ? m.value[DATADIR] : "/var/lib/mysql", source(&m, DATADIR));
	if (m.value[SOCKET])
		conf_listen_unix(c, m.value[SOCKET], source(&m, SOCKET));
	if (m.value[SKIP_NETWORKING] && !conf_is_no(m.value[SKIP_NETWORKING]))
		return;
	if (port)
		at = "env:MYSQL_TCP_PORT";
	if (m.value[PORT]) {
		port = m.value[PORT];
		at = m.at[PORT];
	}
	if (!port || !strcmp(port, "0"))
		port = "3306";
	listens(&m, port, m.value[BIND], !strcmp(at, "default") ? source(&m, BIND) : at);
	if (m.value[EXTRA_PORT] && m.maria)
		listens(&m, m.value[EXTRA_PORT], m.value[BIND], m.at[EXTRA_PORT]);
	if (m.value[WSREP] && conf_is_yes(m.value[WSREP]))
		conf_listen(c, "tcp", NULL, 4567, CONF_ANY_V4, m.at[WSREP]);
	x_protocol(&m, r);
}
