/* SPDX-License-Identifier: GPL-2.0-or-later */
/* MongoDB: https://www.mongodb.com/docs/manual/reference/configuration-options/ (YAML) and the old "key = value" form; flags win. */
#include <stdlib.h>
#include <string.h>

#include "appid/config/conf_apps.h"
#include "appid/config/conf_text.h"

struct mongo {
	struct conf *c;
	const char *port, *port_at, *bind, *bind_at, *role;
	bool all, ipv6, old; /* old: the form from before 2.6 */
};

static void node(struct conf *c, const struct conf_node *root, const char *path, const char **ret, const char **ret_at)
{
	const struct conf_node *n = conf_node_find(root, path);

	if (n && n->value) {
		*ret = n->value;
		if (ret_at)
			*ret_at = conf_node_at(c, n);
	}
}

static void read_yaml(struct mongo *m, const struct conf_node *root)
{
	const struct conf_node *n = conf_node_find(root, "net.bindIp");
	const char *list[CONF_WORDS], *v;
	unsigned count;

	node(m->c, root, "net.port", &m->port, &m->port_at);
	if (n) {
		count = conf_node_list(m->c, n, list);
		m->bind = "";
		for (unsigned i = 0; i < count; i++)
			m->bind = conf_printf(m->c, "%s%s,", m->bind, list[i]);
		m->bind_at = conf_node_at(m->c, n);
	}
	v = conf_node_value(root, "net.bindIpAll");
	if (v && conf_is_yes(v)) {
		m->all = true;
		m->bind_at = conf_node_at(m->c, conf_node_find(root, "net.bindIpAll"));
	}
	m->ipv6 = conf_is_yes(conf_node_value(root, "net.ipv6"));
	node(m->c, root, "sharding.clusterRole", &m->role, NULL);
	n = conf_node_find(root, "storage.dbPath");
	conf_place(m->c, "data", n ? n->value : NULL, n ? conf_node_at(m->c, n) : NULL);
	n = conf_node_find(root, "systemLog.path");
	conf_place(m->c, "logs", n ? n->value : NULL, n ? conf_node_at(m->c, n) : NULL);
}

static void read_ini(struct mongo *m, struct conf_file *f)
{
	struct conf_kv k = { .lines = { .c = m->c, .f = f }, .comments = "#;", .trailing = "#", .seps = "=" };

	while (conf_kv_next(&k)) {
		if (!strcmp(k.key, "port")) {
			m->port = k.value;
			m->port_at = k.at;
		} else if (!strcmp(k.key, "bind_ip")) {
			m->bind = k.value;
			m->bind_at = k.at;
		} else if (!strcmp(k.key, "bind_ip_all") && conf_is_yes(k.value)) {
			m->all = true;
			m->bind_at = k.at;
		} else if (!strcmp(k.key, "ipv6")) {
			m->ipv6 = conf_is_yes(k.value);
		} else if ((!strcmp(k.key, "configsvr") || !strcmp(k.key, "shardsvr")) && conf_is_yes(k.value)) {
			m->role = k.key;
		} else if (!strcmp(k.key, "dbpath")) {
			conf_place(m->c, "data", k.value, k.at);
		} else if (!strcmp(k.key, "logpath")) {
			conf_place(m->c, "logs", k.value, k.at);
		}
	}
}

/* The old form has "key = value" on its lines, YAML "key:". */
static bool is_ini(const struct conf_file *f)
{
	for (const char *p = f->text; *p; p = *strchrnul(p, '\n') ? strchrnul(p, '\n') + 1 : "") {
		size_t n = strcspn(p, "=:\n");

		if (*p != '#' && *p != '\n' && n && p[n] != '\n' && p[n])
			return p[n] == '=';
	}
	return false;
}

static void read_file(struct mongo *m, const char *path)
{
	struct conf_file *f = path ? conf_read(m->c, path, "config", false) : NULL;
	struct conf_node *root;

	m->old = f && is_ini(f);
	if (m->old)
		read_ini(m, f);
	else if (f && (root = conf_yaml(m->c, f)))
		read_yaml(m, root);
}

static bool version_below_3_6(const char *version)
{
	const char *colon = strchr(version, ':');
	char *end;
	unsigned long major = strtoul(colon ? colon + 1 : version, &end, 10), minor = *end == '.' ? strtoul(end + 1, NULL, 10) : 0;

	return major < 3 || (major == 3 && minor < 6);
}

void conf_mongodb(struct conf *c, const struct conf_run *r)
{
	struct mongo m = { .c = c };
	const char *path = conf_flag(c, r, "-f", "--config", NULL), *v, *at, *hosts[CONF_WORDS];
	unsigned n, port = strstr(r->argv[0], "mongos") ? 27017 : 0;

	read_file(&m, path ? conf_path(c, r->cwd, path) : r->config);
	if ((v = conf_flag(c, r, NULL, "--port", &at))) {
		m.port = v;
		m.port_at = at;
	}
	if ((v = conf_flag(c, r, NULL, "--bind_ip", &at))) {
		m.bind = v;
		m.bind_at = at;
		m.all = false;
	}
	if (conf_switch(r, 0, "--bind_ip_all")) {
		m.all = true;
		m.bind_at = "flag:--bind_ip_all";
	}
	m.ipv6 |= conf_switch(r, 0, "--ipv6");
	if (conf_switch(r, 0, "--configsvr") || (m.role && !strncmp(m.role, "config", 6)))
		port = 27019;
	else if (conf_switch(r, 0, "--shardsvr") || (m.role && !strncmp(m.role, "shard", 5)))
		port = 27018;
	if (m.old && !m.bind && !m.all && (!r->version || version_below_3_6(r->version))) {
		/* Before 3.6 it listened on all addresses by itself. */
		conf_note(c, "a configuration in the old form and no bind_ip: taken as a MongoDB before 3.6");
		m.all = true;
	}
	m.port = m.port ? m.port : conf_printf(c, "%u", port ? port : 27017);
	at = m.port_at ? m.port_at : m.bind_at ? m.bind_at : "default";
	n = conf_split_list(c, m.all ? m.ipv6 ? "::,0.0.0.0" : "0.0.0.0" : m.bind ? m.bind : m.ipv6 ? "127.0.0.1,::1" : "127.0.0.1", ",", hosts);
	for (unsigned i = 0; i < n; i++) {
		if (hosts[i][0] == '/')
			conf_listen_unix(c, hosts[i], at);
		else if (!strcmp(hosts[i], "localhost") && !m.ipv6)
			conf_listen_text(c, "tcp", "127.0.0.1", m.port, CONF_ANY_V4, at);
		else
			conf_listen_text(c, "tcp", hosts[i], m.port, m.ipv6 ? CONF_ANY_BOTH : CONF_ANY_V4, at);
	}
}
