/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proxies and caches: Squid, Varnish, Privoxy, Tinyproxy, stunnel, hitch, PgBouncer, Tor. */
#include <stdlib.h>
#include <string.h>

#include "appid/config/conf_apps.h"
#include "appid/config/conf_text.h"

/* ---- Squid: http://www.squid-cache.org/Doc/config/ -------------------------------------------------------------- */
static void squid_read(struct conf *c, const char *path, bool optional, unsigned depth)
{
	struct conf_file *f = conf_read(c, path, "config", optional);
	struct conf_lines l = { .c = c, .f = f, .join = true };
	const char *w[CONF_WORDS], **files;
	unsigned n, count;

	while (f && conf_line(&l)) {
		const char *at = conf_at(c, f, l.line);

		n = conf_words(c, l.text, "#", w);
		if (n < 2)
			continue;
		if (!strcmp(w[0], "http_port") || !strcmp(w[0], "https_port") || !strcmp(w[0], "ftp_port")) {
			conf_listen_spec(c, "tcp", w[1], 0, CONF_ANY_DUAL, at);
		} else if (!strcmp(w[0], "icp_port") || !strcmp(w[0], "htcp_port") || !strcmp(w[0], "snmp_port")) {
			if (strcmp(w[1], "0") != 0)
				conf_listen_text(c, "udp", NULL, w[1], CONF_ANY_DUAL, at);
		} else if (!strcmp(w[0], "cache_peer") && n > 3) {
			conf_upstream(c, "proxy", conf_printf(c, "%s:%s", w[1], w[3]), 0, at);
		} else if (!strcmp(w[0], "cache_dir") && n > 2) {
			conf_place(c, "data", w[2], at);
		} else if (!strcmp(w[0], "access_log") || !strcmp(w[0], "cache_log")) {
			conf_place(c, "logs", strchr(w[1], '/'), at);
		} else if (!strcmp(w[0], "include") && depth < 16) {
			for (unsigned i = 1; i < n; i++) {
				files = conf_glob(c, conf_path(c, "/etc/squid", w[i]), &count);
				for (unsigned k = 0; k < count; k++)
					squid_read(c, files[k], true, depth + 1);
			}
		}
	}
}

void conf_squid(struct conf *c, const struct conf_run *r)
{
	const char *path = r->config ? r->config : conf_flag(c, r, "-f", NULL, NULL), *at, *port = conf_flag(c, r, "-a", NULL, &at);
	unsigned mark = conf_mark(c);

	squid_read(c, path ? conf_path(c, r->cwd, path) : "/etc/squid/squid.conf", false, 0);
	if (port)
		conf_listen_text(c, "tcp", NULL, port, CONF_ANY_DUAL, at);
	if (conf_mark(c) == mark)
		conf_note(c, "squid: no http_port: it would not start");
}

/* ---- Varnish: varnishd(1). Ports come from flags alone; a VCL's .port is a backend ----------------------------------- */
static void varnish_backends(struct conf *c, const struct conf_node *n, unsigned depth)
{
	for (; n && depth < 8; n = n->next) {
		const char *host = NULL, *port = "80";
		const struct conf_node *host_at = NULL;

		if (strcmp(n->name, "backend") != 0)
			continue;
		for (const struct conf_node *s = n->children; s; s = s->next) {
			if (s->count < 3 || strcmp(s->words[1], "=") != 0)
				continue;
			if (!strcmp(s->name, ".host")) {
				host = s->words[2];
				host_at = s;
			} else if (!strcmp(s->name, ".port")) {
				port = s->words[2];
			}
		}
		if (host)
			conf_upstream(c, "proxy", conf_printf(c, "%s:%s", host, port), 0, conf_node_at(c, host_at));
	}
}

void conf_varnish(struct conf *c, const struct conf_run *r)
{
	const char *spec, *at, *path = conf_flag(c, r, "-f", NULL, NULL), *w[CONF_WORDS];
	struct conf_file *f;
	unsigned i = 0, n = 0;

	while ((spec = conf_flag_next(c, r, "-a", NULL, &i, &at))) {
		const char *name = strchr(spec, '=');

		n++;
		spec = name && strcspn(spec, ":[/") > (size_t)(name - spec) ? name + 1 : spec;
		if (!conf_split_list(c, spec, ",", w))
			continue;
		if (w[0][0] == '/')
			conf_listen_unix(c, w[0], at);
		else
			conf_listen_spec(c, "tcp", w[0], 80, CONF_ANY_BOTH, at);
	}
	if (!n)
		conf_listen(c, "tcp", NULL, 80, CONF_ANY_BOTH, "default");
	spec = conf_flag(c, r, "-T", NULL, &at);
	if (spec && strcmp(spec, "none") != 0)
		conf_listen_spec(c, "tcp", spec, 0, CONF_ANY_BOTH, at);
	spec = conf_flag(c, r, "-b", NULL, &at);
	if (spec && strcmp(spec, "none") != 0)
		conf_upstream(c, "proxy", spec, 80, at);
	f = path || r->config ? conf_read(c, path ? conf_path(c, "/etc/varnish", path) : r->config, "config", false) : NULL;
	if (f)
		varnish_backends(c, conf_blocks(c, f, CONF_BLOCK_SLASHES | CONF_BLOCK_EQUALS), 0);
}

/* ---- Privoxy: user manual, section 7. It ends when a file that it names cannot be opened ----------------------------------- */
void conf_privoxy(struct conf *c, const struct conf_run *r)
{
	const char *path = r->config, *dir = "/etc/privoxy", *missing = NULL, *missing_at = NULL;
	struct conf_file *f;
	unsigned mark = conf_mark(c), n = 0;

	for (unsigned i = 1; i < r->argc && !path; i++) {
		if (r->argv[i][0] != '-')
			path = conf_path(c, r->cwd, r->argv[i]);
		else if (!strcmp(r->argv[i], "--user") || !strcmp(r->argv[i], "--pidfile") || !strcmp(r->argv[i], "--pre-chroot-nslookup"))
			i++;
	}
	f = conf_read(c, path ? path : "/etc/privoxy/config", "config", false);
	struct conf_kv k = { .lines = { .c = c, .f = f, .join = true }, .comments = "#", .trailing = "#", .seps = " " };

	while (f && conf_kv_next(&k)) {
		if (!strcasecmp(k.key, "listen-address") && ++n) {
			conf_listen_spec(c, "tcp", k.value, 8118, CONF_ANY_V4, k.at);
		} else if (!strcasecmp(k.key, "confdir")) {
			dir = k.value;
		} else if (!strcasecmp(k.key, "actionsfile") || !strcasecmp(k.key, "filterfile")) {
			if (!missing && !conf_exists(c, conf_path(c, dir, k.value))) {
				missing = k.value;
				missing_at = k.at;
			}
		} else if (!strcasecmp(k.key, "forward") || !strncasecmp(k.key, "forward-socks", 13)) {
			const char *w[CONF_WORDS];
			unsigned count = conf_words(c, k.value, "", w);

			if (count > 1 && strcmp(w[1], ".") != 0)
				conf_upstream(c, "proxy", w[1], k.key[7] ? 1080 : 8000, k.at);
		}
	}
	if (f && !n)
		conf_listen(c, "tcp", "127.0.0.1", 8118, CONF_ANY_V4, "default");
	if (missing)
		conf_refused(c, mark, missing_at, "%s is not there", missing);
}

/* ---- Tinyproxy: tinyproxy.conf(5) ---------------------------------------------------------------------------------------- */
void conf_tinyproxy(struct conf *c, const struct conf_run *r)
{
	const char *path = r->config ? r->config : conf_flag(c, r, "-c", NULL, NULL), *port = NULL, *port_at = "default", *hosts[CONF_WORDS];
	struct conf_file *f = conf_read(c, path ? conf_path(c, r->cwd, path) : "/etc/tinyproxy/tinyproxy.conf", "config", false);
	struct conf_kv k = { .lines = { .c = c, .f = f }, .comments = "#", .trailing = "#", .seps = " " };
	const char *w[CONF_WORDS];
	unsigned n = 0, count;

	while (f && conf_kv_next(&k)) {
		if (!strcasecmp(k.key, "Port")) {
			port = conf_unquote(k.value);
			port_at = k.at;
		} else if (!strcasecmp(k.key, "Listen") && n < CONF_WORDS) {
			hosts[n++] = conf_unquote(k.value);
		} else if (!strcasecmp(k.key, "Upstream")) {
			count = conf_words(c, k.value, "", w);
			if (count > 1 && strcasecmp(w[0], "none") != 0)
				conf_upstream(c, "proxy", w[1], 0, k.at);
		} else if (!strcasecmp(k.key, "LogFile")) {
			conf_place(c, "logs", conf_unquote(k.value), k.at);
		}
	}
	for (unsigned i = 0; i < n; i++)
		conf_listen_text(c, "tcp", hosts[i], port ? port : "8888", CONF_ANY_BOTH, port_at);
	if (f && !n)
		conf_listen_text(c, "tcp", NULL, port ? port : "8888", CONF_ANY_BOTH, port_at);
}

/* ---- stunnel(8): options before the first section are global; a service with accept listens -------------------------------------- */
struct stunnel {
	struct conf *c;
	const char *accept, *at, *section;
	unsigned includes;
};

static void stunnel_flush(struct stunnel *s)
{
	const char *host, *port;

	if (!s->accept)
		return;
	if (s->accept[0] == '/') {
		conf_listen_unix(s->c, s->accept, s->at);
	} else {
		conf_split(s->c, s->accept, &host, &port);
		if (!strncmp(s->accept, ":::", 3)) { /* the host is "::", a socket for both families */
			host = NULL;
			port = s->accept + 3;
			conf_listen_text(s->c, "tcp", NULL, port, CONF_ANY_DUAL, s->at);
		} else {
			conf_listen_text(s->c, "tcp", host, port, host && !strcmp(host, "::") ? CONF_ANY_DUAL : CONF_ANY_V4, s->at);
		}
	}
	s->accept = NULL;
}

static void stunnel_read(struct stunnel *s, const char *path)
{
	struct conf_file *f = conf_read(s->c, path, "config", false);
	struct conf_kv k = { .lines = { .c = s->c, .f = f }, .comments = ";#", .seps = "=", .sections = true };
	const char **files;
	unsigned n;

	while (f && conf_kv_next(&k)) {
		if (k.section_begins) {
			stunnel_flush(s);
		} else if (!strcasecmp(k.key, "accept")) {
			s->accept = k.value;
			s->at = k.at;
		} else if (!strcasecmp(k.key, "connect")) {
			conf_upstream(s->c, "tls", strchr(k.value, ':') ? k.value : conf_printf(s->c, "localhost:%s", k.value), 0, k.at);
		} else if (!strcasecmp(k.key, "include") && s->includes++ < 64) {
			files = conf_dir(s->c, conf_path(s->c, conf_dirname(s->c, path), k.value), NULL, &n);
			for (unsigned i = 0; i < n; i++)
				if (!conf_is_dir(s->c, files[i]))
					stunnel_read(s, files[i]);
		}
	}
	stunnel_flush(s);
}

void conf_stunnel(struct conf *c, const struct conf_run *r)
{
	struct stunnel s = { .c = c };
	const char *path = r->config;

	for (unsigned i = 1; i < r->argc && !path; i++)
		path = r->argv[i][0] != '-' ? conf_path(c, r->cwd, r->argv[i]) : NULL;
	stunnel_read(&s, path ? path : "/etc/stunnel/stunnel.conf");
}

/* ---- hitch.conf(5): frontend = "[host]:port[+cert]", or a block with host and port; flags win -------------------------------------- */
static void hitch_listen(struct conf *c, const char *spec, const char *at)
{
	conf_listen_spec(c, "tcp", conf_strndup(c, spec, strcspn(spec, "+")), 8443, CONF_ANY_BOTH, at);
}

void conf_hitch(struct conf *c, const struct conf_run *r)
{
	const char *path = r->config ? r->config : conf_flag(c, r, NULL, "--config", NULL), *spec, *at;
	struct conf_file *f;
	struct conf_node *n;
	unsigned i = 0, count = 0;

	while ((spec = conf_flag_next(c, r, "-f", "--frontend", &i, &at))) {
		hitch_listen(c, spec, at);
		count++;
	}
	if ((spec = conf_flag(c, r, "-b", "--backend", &at)))
		conf_upstream(c, "tls", spec, 0, at);
	if (!path && conf_exists(c, "/etc/hitch/hitch.conf"))
		path = "/etc/hitch/hitch.conf";
	f = path ? conf_read(c, conf_path(c, r->cwd, path), "config", false) : NULL;
	n = f ? conf_blocks(c, f, CONF_BLOCK_LINES | CONF_BLOCK_EQUALS) : NULL;
	for (bool flags = count > 0; n; n = n->next) {
		const char *host = NULL, *port = "8443";

		at = conf_node_at(c, n);
		if (!strcmp(n->name, "backend") && n->count > 2)
			conf_upstream(c, "tls", n->words[2], 0, at);
		if (strcmp(n->name, "frontend") != 0 || flags)
			continue;
		count++;
		if (!n->block && n->count > 2)
			hitch_listen(c, n->words[2], at);
		for (const struct conf_node *s = n->block ? n->children : NULL; s; s = s->next) {
			if (s->count > 2 && !strcmp(s->name, "host"))
				host = s->words[2];
			else if (s->count > 2 && !strcmp(s->name, "port"))
				port = s->words[2];
		}
		if (n->block)
			conf_listen_text(c, "tcp", host, port, CONF_ANY_BOTH, at);
	}
	if (!count)
		conf_listen(c, "tcp", NULL, 8443, CONF_ANY_BOTH, "default");
}

/* ---- PgBouncer: https://www.pgbouncer.org/config.html. A [pgbouncer] section that begins again sets everything back ------------------ */
struct bouncer {
	struct conf *c;
	const char *listen, *listen_at, *port, *port_at;
	unsigned includes;
};

static void bouncer_read(struct bouncer *b, const char *path, const char *section)
{
	struct conf_file *f = conf_read(b->c, path, "config", false);
	struct conf_kv k = { .lines = { .c = b->c, .f = f }, .comments = ";#", .seps = "= ", .sections = true, .section = section };

	while (f && conf_kv_next(&k)) {
		if (k.section_begins) {
			if (!strcmp(k.section, "pgbouncer"))
				b->listen = b->port = NULL;
		} else if (!strcmp(k.key, "%include") && b->includes++ < 32) {
			bouncer_read(b, conf_path(b->c, conf_dirname(b->c, path), k.value), k.section);
		} else if (!strcmp(k.section, "databases")) {
			const char *w[CONF_WORDS], *host = NULL, *port = "5432";
			unsigned n = conf_words(b->c, k.value, "", w);

			for (unsigned i = 0; i < n; i++) {
				host = !strncmp(w[i], "host=", 5) ? w[i] + 5 : host;
				port = !strncmp(w[i], "port=", 5) ? w[i] + 5 : port;
			}
			if (host && *host != '/')
				conf_upstream(b->c, "database", conf_printf(b->c, "%s:%s", host, port), 0, k.at);
		} else if (!strcmp(k.key, "listen_addr")) {
			b->listen = k.value;
			b->listen_at = k.at;
		} else if (!strcmp(k.key, "listen_port")) {
			b->port = k.value;
			b->port_at = k.at;
		} else if (!strcmp(k.key, "logfile")) {
			conf_place(b->c, "logs", k.value, k.at);
		}
	}
}

void conf_pgbouncer(struct conf *c, const struct conf_run *r)
{
	struct bouncer b = { .c = c };
	const char *path = r->config, *hosts[CONF_WORDS];
	unsigned n;

	for (unsigned i = 1; i < r->argc && !path; i++) {
		if (r->argv[i][0] != '-')
			path = conf_path(c, r->cwd, r->argv[i]);
		else if (!strcmp(r->argv[i], "-u"))
			i++;
	}
	bouncer_read(&b, path ? path : "/etc/pgbouncer/pgbouncer.ini", "");
	n = b.listen ? conf_split_list(c, b.listen, ",", hosts) : 0;
	for (unsigned i = 0; i < n; i++)
		conf_listen_text(c, "tcp", hosts[i], b.port ? b.port : "6432", CONF_ANY_BOTH, b.port ? b.port_at : b.listen_at);
}

/* ---- tor(1): torrc and "--Option value" ------------------------------------------------------------------------------------ */
struct tor {
	struct conf *c;
	bool socks;
	unsigned includes;
};

static void tor_setting(struct tor *t, const char *key, const char *value, const char *at)
{
	static const struct {
		const char *name, *l4;
		bool any;
	} ports[] = { { "SocksPort", "tcp", false }, { "ORPort", "tcp", true },	   { "ExtORPort", "tcp", false }, { "DirPort", "tcp", true },
		      { "ControlPort", "tcp", false }, { "TransPort", "tcp", false }, { "NATDPort", "tcp", false },	 { "DNSPort", "udp", false },
		      { "HTTPTunnelPort", "tcp", false }, { "MetricsPort", "tcp", false } };
	const char *w[CONF_WORDS];
	unsigned n = conf_words(t->c, value, "#", w);

	key += *key == '+' || *key == '/';
	for (size_t i = 0; n && i < ARRAY_SIZE(ports); i++) {
		const char *host, *port;

		if (strcasecmp(key, ports[i].name) != 0)
			continue;
		t->socks |= i == 0;
		if (!strncmp(w[0], "unix:", 5)) {
			conf_listen_unix(t->c, w[0] + 5, at);
			continue;
		}
		conf_split(t->c, w[0], &host, &port);
		if (port && !strcmp(port, "auto"))
			conf_note(t->c, "%s: a port that the kernel chooses", at);
		else if (port && (n < 2 || strcasecmp(w[1], "NoListen") != 0))
			conf_listen_text(t->c, ports[i].l4, host || ports[i].any ? host : "127.0.0.1", port, CONF_ANY_BOTH, at);
	}
	if (!strcasecmp(key, "DataDirectory") && n)
		conf_place(t->c, "data", w[0], at);
	else if (!strcasecmp(key, "HiddenServicePort") && n)
		conf_upstream(t->c, "service", n > 1 ? w[1] : conf_printf(t->c, "127.0.0.1:%s", w[0]), 0, at);
}

static void tor_read(struct tor *t, const char *path, bool optional)
{
	struct conf_file *f = conf_read(t->c, path, "config", optional);
	struct conf_kv k = { .lines = { .c = t->c, .f = f, .join = true }, .comments = "#", .trailing = "#", .seps = " " };

	while (f && conf_kv_next(&k)) {
		if (!strcmp(k.key, "%include") && t->includes++ < 32) {
			unsigned n;
			const char **files = conf_is_dir(t->c, k.value) ? conf_dir(t->c, k.value, NULL, &n) : conf_glob(t->c, k.value, &n);

			for (unsigned i = 0; i < n; i++)
				tor_read(t, files[i], true);
		} else {
			tor_setting(t, k.key, k.value, k.at);
		}
	}
}

void conf_tor(struct conf *c, const struct conf_run *r)
{
	struct tor t = { .c = c };
	const char *path = r->config ? r->config : conf_flag(c, r, "-f", NULL, NULL), *defaults = conf_flag(c, r, NULL, "--defaults-torrc", NULL);

	if (defaults)
		tor_read(&t, conf_path(c, r->cwd, defaults), false);
	tor_read(&t, path ? conf_path(c, r->cwd, path) : "/etc/tor/torrc", !path);
	for (unsigned i = 1; i + 1 < r->argc; i++) {
		const char *key = r->argv[i] + strspn(r->argv[i], "-");

		if (!strcmp(r->argv[i], "-f") || !strcmp(r->argv[i], "--defaults-torrc"))
			i++;
		else
			tor_setting(&t, key, r->argv[i + 1], conf_printf(c, "flag:%s %s", r->argv[i], r->argv[i + 1]));
	}
	if (!t.socks)
		conf_listen(c, "tcp", "127.0.0.1", 9050, CONF_ANY_V4, "default");
}
