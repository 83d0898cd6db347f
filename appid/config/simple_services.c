/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Services whose file is "key, value" and says with one key the port and with one the address: a table. */
#include <stdlib.h>
#include <string.h>

#include "appid/config/conf_apps.h"
#include "appid/config/conf_text.h"

/* NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): in the order in which the table is read */
struct simple {
	const char *app, *file_flag_short, *file_flag_long, *file;
	const char *comments, *seps, *section; /* section NULL: any */
	const char *port_key, *address_key;
	const char *port_flag_short, *port_flag_long;
	unsigned port; /* 0: nothing is open by itself */
	const char *address; /* by itself; NULL: any */
	const char *l4; /* "tcp", "udp", "tcp udp" */
	enum conf_any any;
	const char *include_key;
};

static const struct simple table[] = {
	{ "mumble", "-ini", NULL, "/etc/mumble-server.ini", "#;", "=", NULL, "port", "host", NULL, NULL, 64738, NULL, "tcp udp",
			CONF_ANY_DUAL, NULL },
	{ "munin-node", NULL, "--config", "/etc/munin/munin-node.conf", "#", " ", NULL, "port", "host", NULL, NULL, 4949, NULL,
			"tcp", CONF_ANY_DUAL, NULL },
	{ "mpd", NULL, NULL, "/etc/mpd.conf", "#", " ", NULL, "port", "bind_to_address", NULL, NULL, 6600, NULL, "tcp", CONF_ANY_BOTH, "include" },
	{ "mini-httpd", "-C", NULL, "/etc/mini-httpd.conf", "#", "=", NULL, "port", "host", "-p", NULL, 80, NULL, "tcp", CONF_ANY_BOTH, NULL },
	{ "minidlna", "-f", NULL, "/etc/minidlna.conf", "#", "=", NULL, "port", NULL, "-p", NULL, 8200, NULL, "tcp", CONF_ANY_V4, NULL },
	{ "pdns", NULL, NULL, "/etc/powerdns/pdns.conf", "#", "=", NULL, "local-port", "local-address", NULL, "--local-port", 53,
			NULL, "tcp udp", CONF_ANY_BOTH, "include-dir" },
	{ "pdns-recursor", NULL, NULL, "/etc/powerdns/recursor.conf", "#", "=", NULL, "local-port", "local-address", NULL,
			"--local-port", 53, "127.0.0.1", "tcp udp", CONF_ANY_BOTH, "include-dir" },
	{ "pgpool", "-f", "--config-file", "/etc/pgpool2/pgpool.conf", "#", "=", NULL, "port", "listen_addresses", NULL, NULL, 9999,
			"localhost", "tcp", CONF_ANY_BOTH, NULL },
	{ "zabbix-agent", "-c", "--config", "/etc/zabbix/zabbix_agentd.conf", "#", "=", NULL, "ListenPort", "ListenIP", NULL, NULL,
			10050, NULL, "tcp", CONF_ANY_BOTH, "Include" },
	{ "zabbix-server", "-c", "--config", "/etc/zabbix/zabbix_server.conf", "#", "=", NULL, "ListenPort", "ListenIP", NULL, NULL,
			10051, NULL, "tcp", CONF_ANY_BOTH, "Include" },
	{ "openvpn", NULL, "--config", NULL, "#;", " ", NULL, "port", "local", NULL, "--port", 1194, NULL, "udp", CONF_ANY_V4, NULL },
	{ "jetty", NULL, NULL, "/etc/jetty9/start.ini", "#", "=", NULL, "jetty.http.port", "jetty.http.host", NULL, NULL, 8080,
			NULL, "tcp", CONF_ANY_DUAL, NULL },
	{ "coturn", "-c", NULL, "/etc/turnserver.conf", "#", "=", NULL, "listening-port", "listening-ip", "-p", "--listening-port",
			3478, NULL, "tcp udp", CONF_ANY_BOTH, NULL },
	{ "webfs", NULL, NULL, "/etc/webfsd.conf", "#", "=", NULL, "web_port", "web_ip", "-p", NULL, 8000, NULL, "tcp", CONF_ANY_DUAL, NULL },
	{ "uwsgi", NULL, "--ini", NULL, "#;", "=", "uwsgi", "http-port", NULL, NULL, NULL, 0, NULL, "tcp", CONF_ANY_V4, NULL },
};

static const struct simple *simple_of(const char *app)
{
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		if (!strcmp(table[i].app, app))
			return &table[i];
	return NULL;
}

struct found {
	const char *port, *port_at, *addresses, *addresses_at, *l4;
	unsigned includes;
};

static void read_file(struct conf *c, const struct simple *s, const char *path, struct found *ret)
{
	struct conf_file *f = conf_read(c, path, "config", false);
	struct conf_kv k = { .lines = { .c = c, .f = f, .join = true }, .comments = s->comments, .trailing = "#", .seps = s->seps, .sections = true };
	const char **files;
	unsigned n;

	while (f && conf_kv_next(&k)) {
		const char *value = k.section_begins ? "" : conf_unquote(k.value);

		if (k.section_begins || (s->section && strcmp(s->section, k.section) != 0))
			continue;
		if (s->port_key && !strcmp(k.key, s->port_key) && *value) {
			ret->port = value;
			ret->port_at = k.at;
		} else if (s->address_key && !strcmp(k.key, s->address_key)) {
			/* mpd and coturn add them up, the others have lists */
			ret->addresses = ret->addresses ? conf_printf(c, "%s,%s", ret->addresses, value) : value;
			ret->addresses_at = k.at;
		} else if (!strcmp(s->app, "openvpn") && !strcmp(k.key, "proto")) {
			ret->l4 = !strncmp(value, "tcp", 3) ? "tcp" : "udp";
		} else if (s->include_key && !strcmp(k.key, s->include_key) && *value && ret->includes++ < 32) {
			files = conf_is_dir(c, value) ? conf_dir(c, value, NULL, &n) : conf_glob(c, conf_path(c, conf_dirname(c, path), value), &n);
			for (unsigned i = 0; i < n; i++)
				read_file(c, s, files[i], ret);
		} else if (!strcmp(k.key, "remote")) {
			conf_upstream(c, "vpn", conf_strndup(c, value, strcspn(value, " ")), 1194, k.at);
		}
	}
}

static void simple(struct conf *c, const struct conf_run *r, const char *app)
{
	const struct simple *s = simple_of(app);
	const char *path = r->config, *port = NULL, *at = "default", *hosts[CONF_WORDS], *l4;
	struct found found = { 0 };
	unsigned n = 0;

	conf_app(c, s->app);
	if (!path && (s->file_flag_short || s->file_flag_long))
		path = conf_flag(c, r, s->file_flag_short, s->file_flag_long, NULL);
	if (!path)
		path = s->file;
	if (path)
		read_file(c, s, conf_path(c, r->cwd, path), &found);
	if (s->port_flag_short || s->port_flag_long)
		port = conf_flag(c, r, s->port_flag_short, s->port_flag_long, &at);
	if (!port && found.port) {
		port = found.port;
		at = found.port_at;
	}
	if (!port && s->port)
		port = conf_printf(c, "%u", s->port);
	if (!port)
		return;
	if (!strcmp(at, "default") && found.addresses)
		at = found.addresses_at;
	n = conf_split_list(c, found.addresses ? found.addresses : s->address ? s->address : "*", ",;", hosts);
	l4 = found.l4 ? found.l4 : s->l4;
	for (unsigned i = 0; i < n; i++) {
		const char *host, *own;

		if (hosts[i][0] == '/' || hosts[i][0] == '~') {
			conf_listen_unix(c, hosts[i], at);
			continue;
		}
		conf_split(c, hosts[i], &host, &own);
		if (!strcmp(hosts[i], "any"))
			host = NULL;
		if (strstr(l4, "tcp"))
			conf_listen_text(c, "tcp", host, own ? own : port, s->any, at);
		if (strstr(l4, "udp"))
			conf_listen_text(c, "udp", host, own ? own : port, s->any, at);
	}
}

#define SIMPLE(function, name)                                         \
	void function(struct conf *c, const struct conf_run *r)        \
	{                                                              \
		simple(c, r, name);                                    \
	}

SIMPLE(conf_mumble, "mumble")
SIMPLE(conf_munin, "munin-node")
SIMPLE(conf_mpd, "mpd")
SIMPLE(conf_mini_httpd, "mini-httpd")
SIMPLE(conf_pdns, "pdns")
SIMPLE(conf_recursor, "pdns-recursor")
SIMPLE(conf_coturn, "coturn")
SIMPLE(conf_webfs, "webfs")
SIMPLE(conf_jetty, "jetty")

void conf_zabbix(struct conf *c, const struct conf_run *r)
{
	bool server = strstr(r->argv[0], "server") || strstr(r->argv[0], "proxy") || (r->config && strstr(r->config, "server"));

	simple(c, r, server ? "zabbix-server" : "zabbix-agent");
}

void conf_minidlna(struct conf *c, const struct conf_run *r)
{
	simple(c, r, "minidlna");
	conf_listen(c, "udp", NULL, 1900, CONF_ANY_V4, "default");
}

void conf_pgpool(struct conf *c, const struct conf_run *r)
{
	simple(c, r, "pgpool");
	if (!r->detected)
		conf_listen(c, "tcp", "localhost", 9898, CONF_ANY_BOTH, "default");
}

void conf_openvpn(struct conf *c, const struct conf_run *r)
{
	simple(c, r, "openvpn");
}

/* uwsgi: sockets of its own names, each "host:port" or a path. */
void conf_uwsgi(struct conf *c, const struct conf_run *r)
{
	static const char *const keys[] = { "http", "http-socket", "socket", "uwsgi-socket", "https", "http-socket-freebind",
			"fastcgi-socket", "scgi-socket", "stats" };
	const char *path = r->config ? r->config : conf_flag(c, r, NULL, "--ini", NULL), *at, *v;
	struct conf_file *f;

	for (unsigned i = 1; i < r->argc && !path; i++)
		path = strstr(r->argv[i], ".ini") && r->argv[i][0] != '-' ? r->argv[i] : NULL;
	f = path ? conf_read(c, conf_path(c, r->cwd, path), "config", false) : NULL;
	struct conf_kv k = { .lines = { .c = c, .f = f }, .comments = "#;", .seps = "=", .sections = true };
	while (f && conf_kv_next(&k))
		for (size_t i = 0; !k.section_begins && i < ARRAY_SIZE(keys); i++)
			if (!strcmp(k.key, keys[i])) {
				if (strpbrk(k.value, ":") || strspn(k.value, "0123456789") == strlen(k.value))
					conf_listen_spec(c, "tcp", conf_strndup(c, k.value, strcspn(k.value, ",")), 0, CONF_ANY_V4, k.at);
				else
					conf_listen_unix(c, k.value, k.at);
			}
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		v = conf_flag(c, r, i == 2 ? "-s" : NULL, conf_printf(c, "--%s", keys[i]), &at);
		if (v && strchr(v, ':'))
			conf_listen_spec(c, "tcp", v, 0, CONF_ANY_V4, at);
		else if (v)
			conf_listen_unix(c, v, at);
	}
}

/* ---- a line that holds both: CUPS, Pure-FTPd, monit, Traffic Server, slapd, Samba ---------------------------------------- */
void conf_cups(struct conf *c, const struct conf_run *r)
{
	struct conf_file *f = conf_read(c, r->config ? r->config : "/etc/cups/cupsd.conf", "config", false);
	struct conf_kv k = { .lines = { .c = c, .f = f }, .comments = "#", .trailing = "#", .seps = " " };

	while (f && conf_kv_next(&k)) {
		if (!strcasecmp(k.key, "Port"))
			conf_listen_text(c, "tcp", NULL, k.value, CONF_ANY_BOTH, k.at);
		else if ((!strcasecmp(k.key, "Listen") || !strcasecmp(k.key, "SSLListen")) && *k.value == '/')
			conf_listen_unix(c, k.value, k.at);
		else if (!strcasecmp(k.key, "Listen") || !strcasecmp(k.key, "SSLListen"))
			conf_listen_spec(c, "tcp", k.value, 631, CONF_ANY_BOTH, k.at);
	}
}

void conf_pureftpd(struct conf *c, const struct conf_run *r)
{
	const char *spec = conf_flag(c, r, "-S", "--bind", NULL), *at = "flag:-S", *w[CONF_WORDS];
	struct conf_file *f = conf_read(c, "/etc/pure-ftpd/conf/Bind", "config", true);
	unsigned n;

	if (!spec && f) {
		spec = conf_trim(f->text);
		at = "/etc/pure-ftpd/conf/Bind:1";
	}
	n = conf_split_list(c, spec ? spec : "", ",", w);
	if (!n)
		conf_listen(c, "tcp", NULL, 21, CONF_ANY_BOTH, "default");
	else if (n == 1 && !conf_port(c, w[0]))
		conf_listen(c, "tcp", w[0], 21, CONF_ANY_BOTH, at);
	else
		conf_listen_text(c, "tcp", n > 1 ? w[0] : NULL, w[n - 1], CONF_ANY_BOTH, at);
}

/* set httpd port 2812 [and use address localhost] */
void conf_monit(struct conf *c, const struct conf_run *r)
{
	const char *path = r->config ? r->config : conf_flag(c, r, "-c", NULL, NULL), *w[CONF_WORDS], *port = NULL, *port_at = NULL, *host = NULL;
	struct conf_file *f = conf_read(c, path ? conf_path(c, r->cwd, path) : "/etc/monit/monitrc", "config", false);
	struct conf_lines l = { .c = c, .f = f };
	bool httpd = false;

	while (f && conf_line(&l)) {
		unsigned n = conf_words(c, l.text, "#", w);

		if (n > 1 && !strcasecmp(w[0], "set"))
			httpd = !strcasecmp(w[1], "httpd");
		for (unsigned i = 0; httpd && i + 1 < n; i++) {
			if (!strcasecmp(w[i], "port") && !port) {
				port = conf_strdup(c, w[i + 1]);
				port_at = conf_at(c, f, l.line);
			} else if (!strcasecmp(w[i], "address") && !host) {
				host = conf_strdup(c, w[i + 1]);
			}
		}
	}
	if (port)
		conf_listen_text(c, "tcp", host, port, CONF_ANY_BOTH, port_at);
}

/* CONFIG proxy.config.http.server_ports STRING 8080 8080:ipv6 443:ssl */
void conf_trafficserver(struct conf *c, const struct conf_run *r)
{
	struct conf_file *f = conf_read(c, r->config ? r->config : "/etc/trafficserver/records.config", "config", false);
	struct conf_lines l = { .c = c, .f = f };
	const char *w[CONF_WORDS], *parts[CONF_WORDS];

	while (f && conf_line(&l)) {
		unsigned n = conf_words(c, l.text, "#", w);

		for (unsigned i = 3; n > 3 && !strcmp(w[1], "proxy.config.http.server_ports") && i < n; i++) {
			unsigned m = conf_split_list(c, w[i], ":", parts);
			bool six = false;

			for (unsigned k = 1; k < m; k++)
				six |= !strcmp(parts[k], "ipv6");
			if (m)
				conf_listen_text(c, "tcp", six ? "::" : "0.0.0.0", parts[0], CONF_ANY_V4, conf_at(c, f, l.line));
		}
	}
}

/* slapd -h "ldap:/// ldaps:/// ldapi:///" */
void conf_slapd(struct conf *c, const struct conf_run *r)
{
	const char *at = "default", *urls = conf_flag(c, r, "-h", NULL, &at), *w[CONF_WORDS];
	unsigned n;

	if (!urls && r->detected)
		urls = conf_env_of(conf_shell_env(c, "/etc/default/slapd", NULL), "SLAPD_SERVICES");
	n = conf_split_list(c, urls ? urls : "ldap:///", "", w);
	for (unsigned i = 0; i < n; i++) {
		const char *p = strstr(w[i], "://");
		char *spec = conf_strdup(c, p ? p + 3 : "");

		spec[strcspn(spec, "/")] = '\0';
		if (!strncmp(w[i], "ldapi", 5))
			conf_listen_unix(c, p && p[3] ? p + 3 : "/run/slapd/ldapi", at);
		else
			conf_listen_spec(c, "tcp", *spec ? spec : !strncmp(w[i], "ldaps", 5) ? ":636" : ":389", !strncmp(w[i],
					"ldaps", 5) ? 636 : 389, CONF_ANY_BOTH, at);
	}
}

/* smb.conf(5): "smb ports", "bind interfaces only" with "interfaces"; nmbd's UDP ports. */
void conf_samba(struct conf *c, const struct conf_run *r)
{
	const char *path = r->config ? r->config : conf_flag(c, r, "-s", "--configfile", NULL), *ports = "445 139", *at = "default", *w[CONF_WORDS];
	struct conf_file *f = conf_read(c, path ? conf_path(c, r->cwd, path) : "/etc/samba/smb.conf", "config", false);
	struct conf_kv k = { .lines = { .c = c, .f = f, .join = true }, .comments = "#;", .seps = "=", .sections = true };
	bool nmbd = strstr(r->argv[0], "nmbd");
	unsigned n;

	while (f && conf_kv_next(&k)) {
		if (k.section_begins)
			continue;
		if (!strcasecmp(k.key, "smb ports")) {
			ports = k.value;
			at = k.at;
		} else if (!strcasecmp(k.key, "path")) {
			conf_place(c, "documents", k.value, k.at);
		} else if (!strcasecmp(k.key, "bind interfaces only") && conf_is_yes(k.value)) {
			conf_note(c, "%s: bound to the addresses of its interfaces only", k.at);
		}
	}
	if (nmbd) {
		conf_listen(c, "udp", NULL, 137, CONF_ANY_V4, "default");
		conf_listen(c, "udp", NULL, 138, CONF_ANY_V4, "default");
		return;
	}
	n = conf_split_list(c, ports, ",", w);
	for (unsigned i = 0; i < n; i++)
		conf_listen_text(c, "tcp", NULL, w[i], CONF_ANY_BOTH, at);
}

/* FreeRADIUS: listen { type = auth; ipaddr = *; port = 0 } in sites-enabled; port 0 is the service's own. */
static void radius_walk(struct conf *c, const struct conf_node *n, unsigned depth)
{
	for (; n && depth < 8; n = n->next) {
		const char *type = "auth", *port = "0", *host = NULL, *l4 = "udp";
		bool six = false;

		if (!n->block || strcmp(n->name, "listen") != 0) {
			radius_walk(c, n->children, depth + 1);
			continue;
		}
		for (const struct conf_node *s = n->children; s; s = s->next) {
			if (s->count < 3)
				continue;
			if (!strcmp(s->name, "type"))
				type = s->words[2];
			else if (!strcmp(s->name, "port"))
				port = s->words[2];
			else if (!strcmp(s->name, "ipaddr") || !strcmp(s->name, "ipv4addr"))
				host = s->words[2];
			else if (!strcmp(s->name, "ipv6addr")) {
				host = s->words[2];
				six = true;
			} else if (!strcmp(s->name, "proto"))
				l4 = !strcmp(s->words[2], "tcp") ? "tcp" : "udp";
		}
		if (!strcmp(port, "0"))
			port = !strcmp(type, "acct") ? "1813" : "1812";
		if (strstr("auth acct auth+acct", type))
			conf_listen_text(c, l4, host && strcmp(host, "*") != 0 ? host : six ? "::" : "0.0.0.0", port, CONF_ANY_V4,
					conf_node_at(c, n));
	}
}

void conf_freeradius(struct conf *c, const struct conf_run *r)
{
	const char *dir = conf_flag(c, r, "-d", NULL, NULL), **files;
	unsigned n;

	dir = dir ? conf_path(c, r->cwd, dir) : r->config ? conf_dirname(c, r->config) : "/etc/freeradius/3.0";
	files = conf_dir(c, conf_path(c, dir, "sites-enabled"), NULL, &n);
	for (unsigned i = 0; i < n; i++) {
		struct conf_file *f = conf_read(c, files[i], "config", true);

		if (f)
			radius_walk(c, conf_blocks(c, f, CONF_BLOCK_LINES | CONF_BLOCK_EQUALS | CONF_BLOCK_SINGLE), 0);
	}
}
