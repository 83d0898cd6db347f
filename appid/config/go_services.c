/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Services written in Go: etcd, Prometheus and its exporters, Caddy, Traefik, Grafana, the registry, NATS, InfluxDB. Go's
 * net.Listen() makes one socket for both
 * families of an unspecified address, also of "0.0.0.0", and takes the first address of a name (net: favoriteAddrFamily()). */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "appid/config/conf_apps.h"
#include "appid/config/conf_text.h"

static void go_listen(struct conf *c, const char *l4, const char *spec, unsigned fallback, const char *at)
{
	const char *host, *port;

	conf_split(c, spec, &host, &port);
	if (!port && !fallback) {
		conf_unread(c, at, "no port in \"%s\"", spec);
		return;
	}
	if (host && (!strcmp(host, "0.0.0.0") || !strcmp(host, "::")))
		host = NULL;
	if (host && !strcmp(host, "localhost"))
		host = "127.0.0.1";
	conf_listen_text(c, l4, host, port ? port : conf_printf(c, "%u", fallback), CONF_ANY_DUAL, at);
}

static void go_listen_url(struct conf *c, const char *url, unsigned fallback, const char *at)
{
	const char *p = strstr(url, "://");
	char *spec = conf_strdup(c, p ? p + 3 : url);

	spec[strcspn(spec, "/")] = '\0';
	if (!strncmp(url, "unix", 4))
		conf_listen_unix(c, p ? p + 3 : url, at);
	else
		go_listen(c, "tcp", spec, fallback, at);
}

/* A flag of Go's: "-name" and "--name". */
static const char *go_flag(struct conf *c, const struct conf_run *r, const char *name, const char **ret_at)
{
	const char *v = conf_flag(c, r, NULL, conf_printf(c, "--%s", name), ret_at);

	return v ? v : conf_flag(c, r, NULL, conf_printf(c, "-%s", name), ret_at);
}

/* ---- etcd: https://etcd.io/docs/v3.5/op-guide/configuration/ ---------------------------------------------------- */
void conf_etcd(struct conf *c, const struct conf_run *r)
{
	static const struct {
		const char *flag, *env, *fallback;
	} urls[] = { { "listen-client-urls", "ETCD_LISTEN_CLIENT_URLS", "http://localhost:2379" },
		     { "listen-peer-urls", "ETCD_LISTEN_PEER_URLS", "http://localhost:2380" },
		     { "listen-metrics-urls", "ETCD_LISTEN_METRICS_URLS", NULL } };
	const struct conf_var *env = r->detected ? conf_shell_env(c, "/etc/default/etcd", r->env) : r->env;
	const char *file = go_flag(c, r, "config-file", NULL), *list[CONF_WORDS];
	struct conf_file *f;
	struct conf_node *root;

	if (!file)
		file = conf_env_of(env, "ETCD_CONFIG_FILE");
	f = file ? conf_read(c, conf_path(c, r->cwd, file), "config", false) : NULL;
	root = f ? conf_yaml(c, f) : NULL;
	for (size_t i = 0; i < ARRAY_SIZE(urls); i++) {
		const char *v = file ? NULL : go_flag(c, r, urls[i].flag, NULL), *at = conf_printf(c, "flag:--%s %s", urls[i].flag, v ? v : "");
		const struct conf_node *n = conf_node_find(root, urls[i].flag);
		unsigned count;

		/* With a file, flags and environment are ignored. */
		if (!file && !v && (v = conf_env_of(env, urls[i].env)) && *v)
			at = conf_printf(c, "env:%s", urls[i].env);
		if (n) {
			v = n->value;
			at = conf_node_at(c, n);
		}
		if (!v || !*v) {
			v = urls[i].fallback;
			at = "default";
		}
		count = v ? conf_split_list(c, v, ",", list) : 0;
		for (unsigned k = 0; k < count; k++)
			go_listen_url(c, list[k], i == 1 ? 2380 : 2379, at);
	}
}

/* ---- programs with one listening flag ------------------------------------------------------------------------------ */
static const struct exporter {
	const char *program;
	unsigned port;
} exporters[] = {
	{ "node", 9100 },     { "mysqld", 9104 },  { "postgres", 9187 },  { "redis", 9121 },   { "blackbox", 9115 }, { "haproxy", 9101 },
	{ "apache", 9117 },   { "nginx", 9113 },   { "memcached", 9150 }, { "snmp", 9116 },    { "bind", 9119 },     { "process", 9256 },
	{ "elasticsearch", 9114 }, { "mongodb", 9216 }, { "statsd", 9102 }, { "rabbitmq", 9419 }, { "varnish", 9131 }, { "squid", 9301 },
	{ "ipmi", 9290 },     { "exporter-exporter", 9999 }, { "bird", 9324 }, { "hacluster", 9664 }, { "mailq", 9154 }, { "tplink", 9233 },
};

void conf_exporter(struct conf *c, const struct conf_run *r)
{
	const char *name = conf_basename(r->argv[0]), *at = "default", *v;
	unsigned port = 0, i = 0, n = 0;

	name += !strncmp(name, "prometheus-", 11) ? 11 : 0;
	for (size_t k = 0; k < ARRAY_SIZE(exporters); k++)
		if (!strncmp(name, exporters[k].program, strlen(exporters[k].program)))
			port = exporters[k].port;
	while ((v = conf_flag_next(c, r, NULL, "--web.listen-address", &i, &at)) && ++n)
		go_listen(c, "tcp", v, port, at);
	i = 0;
	while ((v = conf_flag_next(c, r, NULL, "-web.listen-address", &i, &at)) && ++n)
		go_listen(c, "tcp", v, port, at);
	if (!n && port)
		conf_listen(c, "tcp", NULL, port, CONF_ANY_DUAL, "default");
	else if (!n)
		conf_unread(c, r->argv[0], "the default port of this exporter is not known");
}

void conf_prometheus(struct conf *c, const struct conf_run *r)
{
	bool manager = strstr(r->argv[0], "alertmanager") || (r->config && strstr(r->config, "alertmanager"));
	const char *at = "default", *v = go_flag(c, r, "web.listen-address", &at), *file = go_flag(c, r, "config.file", NULL),
			*cluster_at = "default", *cluster;

	conf_app(c, manager ? "alertmanager" : "prometheus");
	go_listen(c, "tcp", v ? v : manager ? ":9093" : ":9090", 9090, at);
	cluster = manager ? go_flag(c, r, "cluster.listen-address", &cluster_at) : NULL;
	if (manager && (!cluster || *cluster)) {
		go_listen(c, "tcp", cluster ? cluster : "0.0.0.0:9094", 9094, cluster_at);
		go_listen(c, "udp", cluster ? cluster : "0.0.0.0:9094", 9094, cluster_at);
	}
	if (file || r->config)
		(void)conf_read(c, conf_path(c, r->cwd, file ? file : r->config), "config", false);
	v = go_flag(c, r, "storage.tsdb.path", &at);
	if (v)
		conf_place(c, "data", v, at);
}

/* ---- Caddy: https://caddyserver.com/docs/caddyfile/concepts#addresses -------------------------------------------------- */
struct caddy {
	struct conf *c;
	const char *http, *https;
	bool auto_off, local;
};

/* A site address: [scheme://][host][:port][/path]; a host name without a scheme is served with TLS, and port 80 redirects. */
static void caddy_site(struct caddy *y, const char *address, const char *at)
{
	const char *scheme = strstr(address, "://"), *host, *port;
	char *spec = conf_strdup(y->c, scheme ? scheme + 3 : address);
	bool plain = !strncmp(address, "http://", 7), tls;

	spec[strcspn(spec, "/")] = '\0';
	if (strspn(spec, "0123456789") == strlen(spec) && *spec) {
		host = spec;
		port = NULL;
	} else {
		conf_split(y->c, spec, &host, &port);
	}
	if (port && conf_port(y->c, port) == conf_port(y->c, y->http))
		plain = true;
	tls = !plain && (!strncmp(address, "https://", 8) || (host && !y->auto_off) || (port && conf_port(y->c, port) == conf_port(y->c, y->https)));
	if (!port)
		port = tls ? y->https : y->http;
	conf_listen_text(y->c, "tcp", NULL, port, CONF_ANY_DUAL, at);
	if (tls && conf_port(y->c, port) == conf_port(y->c, y->https))
		conf_listen_text(y->c, "udp", NULL, port, CONF_ANY_DUAL, at); /* HTTP/3 */
	if (tls && host && !y->auto_off)
		conf_listen_text(y->c, "tcp", NULL, y->http, CONF_ANY_DUAL, at);
}

static void caddy_directives(struct caddy *y, const struct conf_node *n, unsigned depth)
{
	for (; n && depth < CONF_DEPTH; n = n->next) {
		const char *at = conf_node_at(y->c, n);
		unsigned first = n->count > 2 && strchr("/*@", n->words[1][0]) ? 2 : 1;

		if (!strcmp(n->name, "reverse_proxy") || !strcmp(n->name, "php_fastcgi"))
			for (unsigned i = first; i < n->count; i++)
				conf_upstream(y->c, *n->name == 'r' ? "proxy" : "fastcgi", n->words[i], 80, at);
		else if (!strcmp(n->name, "root") && n->count > 1)
			conf_place(y->c, "documents", n->words[n->count - 1], at);
		caddy_directives(y, n->children, depth + 1);
	}
}

static void caddy_global(struct caddy *y, const struct conf_node *n, const char **ret_admin, const char **ret_at)
{
	for (; n; n = n->next) {
		if (n->count < 2)
			continue;
		if (!strcmp(n->name, "http_port"))
			y->http = n->words[1];
		else if (!strcmp(n->name, "https_port"))
			y->https = n->words[1];
		else if (!strcmp(n->name, "auto_https"))
			y->auto_off = !strcmp(n->words[1], "off");
		else if (!strcmp(n->name, "admin")) {
			*ret_admin = n->words[1];
			*ret_at = conf_node_at(y->c, n);
		}
	}
}

void conf_caddy(struct conf *c, const struct conf_run *r)
{
	const char *path = r->config ? r->config : go_flag(c, r, "config", NULL), *admin = "localhost:2019", *admin_at = "default",
			*sites[CONF_WORDS];
	struct caddy y = { .c = c, .http = "80", .https = "443" };
	struct conf_file *f = conf_read(c, path ? conf_path(c, r->cwd, path) : conf_exists(c, "/etc/caddy/Caddyfile") ?
			"/etc/caddy/Caddyfile" : conf_path(c, r->cwd, "Caddyfile"), "config", false);
	struct conf_node *n = f ? conf_blocks(c, f, CONF_BLOCK_LINES) : NULL;

	if (n && n->block && !n->count) {
		caddy_global(&y, n->children, &admin, &admin_at);
		n = n->next;
	}
	for (; n; n = n->next) {
		const char *joined = "", *at = conf_node_at(c, n);
		unsigned count;

		if (!n->block || !n->count || n->name[0] == '(' || !strcmp(n->name, "import")) {
			caddy_directives(&y, n->block ? n->children : NULL, 0);
			continue;
		}
		for (unsigned i = 0; i < n->count; i++)
			joined = conf_printf(c, "%s%s ", joined, n->words[i]);
		count = conf_split_list(c, joined, ",", sites);
		for (unsigned i = 0; i < count; i++)
			caddy_site(&y, conf_expand(c, sites[i], r->env, false), at);
		caddy_directives(&y, n->children, 0);
	}
	/* The administration end point; a tree of files alone does not say that the server runs with it. */
	if (!r->detected && strcmp(admin, "off") != 0)
		go_listen(c, "tcp", admin, 2019, admin_at);
}

/* ---- registry: https://distribution.github.io/distribution/about/configuration/ -------------------------------------- */
void conf_registry(struct conf *c, const struct conf_run *r)
{
	const char *path = r->config, *v = conf_env(r, "REGISTRY_HTTP_ADDR"), *at = "env:REGISTRY_HTTP_ADDR";
	const struct conf_node *n;
	struct conf_file *f;
	struct conf_node *root;

	for (unsigned i = 1; i < r->argc && !path; i++)
		if (strstr(r->argv[i], ".y"))
			path = conf_path(c, r->cwd, r->argv[i]);
	f = conf_read(c, path ? path : "/etc/docker/registry/config.yml", "config", false);
	root = f ? conf_yaml(c, f) : NULL;
	n = conf_node_find(root, "http.addr");
	if (!v && n) {
		v = n->value;
		at = conf_node_at(c, n);
	}
	if (v)
		go_listen(c, "tcp", v, 5000, at);
	n = conf_node_find(root, "http.debug.addr");
	if (n && n->value)
		go_listen(c, "tcp", n->value, 5001, conf_node_at(c, n));
	n = conf_node_find(root, "storage.filesystem.rootdirectory");
	conf_place(c, "data", n ? n->value : NULL, n ? conf_node_at(c, n) : NULL);
	n = conf_node_find(root, "proxy.remoteurl");
	if (n)
		conf_upstream(c, "proxy", n->value, 0, conf_node_at(c, n));
}

/* ---- NATS: https://docs.nats.io/running-a-nats-service/configuration --------------------------------------------------- */
static void nats_block(struct conf *c, const struct conf_node *n, const char *what, unsigned *ret_port, const char **ret_host, const char **ret_at)
{
	for (; n; n = n->next) {
		const char *key = n->name, *value = n->count > 1 ? n->words[n->count - 1] : NULL, *host, *port;

		(void)what;
		if (!value || n->block)
			continue;
		key = conf_strndup(c, key, strcspn(key, ":="));
		if (!strcasecmp(key, "port")) {
			*ret_port = conf_port(c, value);
			*ret_at = conf_node_at(c, n);
		} else if (!strcasecmp(key, "host") || !strcasecmp(key, "net")) {
			*ret_host = value;
		} else if (!strcasecmp(key, "listen")) {
			conf_split(c, value, &host, &port);
			*ret_host = host;
			*ret_port = port ? conf_port(c, port) : *ret_port;
			*ret_at = conf_node_at(c, n);
		}
	}
}

void conf_nats(struct conf *c, const struct conf_run *r)
{
	const char *path = r->config ? r->config : conf_flag(c, r, "-c", "--config", NULL), *host = NULL, *at = "default", *v;
	struct conf_file *f = path ? conf_read(c, conf_path(c, r->cwd, path), "config", false) : NULL;
	struct conf_node *root = f ? conf_blocks(c, f, CONF_BLOCK_LINES | CONF_BLOCK_SLASHES | CONF_BLOCK_SINGLE) : NULL;
	unsigned port = 4222;

	nats_block(c, root, "", &port, &host, &at);
	if ((v = conf_flag(c, r, "-p", "--port", &at)))
		port = conf_port(c, v);
	v = conf_flag(c, r, "-a", "--addr", NULL);
	host = v ? v : host;
	conf_listen(c, "tcp", host && strcmp(host, "0.0.0.0") != 0 ? strcmp(host, "localhost") != 0 ? host : "127.0.0.1" : NULL,
			port, CONF_ANY_DUAL, at);
	for (const struct conf_node *n = root; n; n = n->next) {
		static const struct {
			const char *name;
			unsigned port;
		} blocks[] = { { "cluster", 6222 }, { "leafnodes", 7422 }, { "gateway", 7222 }, { "websocket", 0 }, { "mqtt", 1883 } };
		const char *key = conf_strndup(c, n->name, strcspn(n->name, ":=")), *value = n->count > 1 ? n->words[n->count - 1] : "";

		if (!n->block && (!strcasecmp(key, "http_port") || !strcasecmp(key, "monitor_port") || !strcasecmp(key, "http") ||
				!strcasecmp(key, "https_port")))
			go_listen(c, "tcp", value, 8222, conf_node_at(c, n));
		for (size_t i = 0; n->block && i < ARRAY_SIZE(blocks); i++)
			if (!strcasecmp(key, blocks[i].name)) {
				unsigned p = blocks[i].port;
				const char *h = NULL, *block_at = conf_node_at(c, n);

				nats_block(c, n->children, key, &p, &h, &block_at);
				conf_listen(c, "tcp", h && strcmp(h, "0.0.0.0") != 0 ? h : NULL, p, CONF_ANY_DUAL, block_at);
			}
	}
	if ((v = conf_flag(c, r, "-m", "--http_port", &at)))
		go_listen(c, "tcp", v, 8222, at);
}

/* ---- Grafana, InfluxDB 1, Traefik ------------------------------------------------------------------------------------- */
void conf_grafana(struct conf *c, const struct conf_run *r)
{
	const char *path = go_flag(c, r, "config", NULL), *port = "3000", *host = NULL, *at = "default",
			*files[2] = { "/usr/share/grafana/conf/defaults.ini", NULL };

	files[1] = path ? path : r->config ? r->config : "/etc/grafana/grafana.ini";
	for (int i = 0; i < 2; i++) {
		struct conf_file *f = conf_read(c, files[i], "config", true);
		struct conf_kv k = { .lines = { .c = c, .f = f }, .comments = ";#", .seps = "=", .sections = true };

		while (f && conf_kv_next(&k)) {
			if (k.section_begins || strcmp(k.section, "server") != 0 || !*k.value)
				continue;
			if (!strcmp(k.key, "http_port")) {
				port = k.value;
				at = k.at;
			} else if (!strcmp(k.key, "http_addr")) {
				host = k.value;
			}
		}
	}
	if (conf_env(r, "GF_SERVER_HTTP_PORT")) {
		port = conf_env(r, "GF_SERVER_HTTP_PORT");
		at = "env:GF_SERVER_HTTP_PORT";
	}
	if (conf_env(r, "GF_SERVER_HTTP_ADDR"))
		host = conf_env(r, "GF_SERVER_HTTP_ADDR");
	conf_listen_text(c, "tcp", host && strcmp(host, "0.0.0.0") != 0 ? host : NULL, port, CONF_ANY_DUAL, at);
}

void conf_influxdb(struct conf *c, const struct conf_run *r)
{
	const char *path = r->config ? r->config : go_flag(c, r, "config", NULL), *http = ":8086", *http_at = "default",
			*rpc = "127.0.0.1:8088", *rpc_at = "default";
	struct conf_file *f = conf_read(c, path ? conf_path(c, r->cwd, path) : "/etc/influxdb/influxdb.conf", "config", false);
	struct conf_kv k = { .lines = { .c = c, .f = f }, .comments = "#", .trailing = "#", .seps = "=", .sections = true };
	bool enabled = true;

	while (f && conf_kv_next(&k)) {
		const char *value = k.section_begins ? "" : conf_unquote(k.value);

		if (k.section_begins)
			continue;
		if (!*k.section && !strcmp(k.key, "bind-address")) {
			rpc = value;
			rpc_at = k.at;
		} else if (!strcmp(k.section, "http") && !strcmp(k.key, "bind-address")) {
			http = value;
			http_at = k.at;
		} else if (!strcmp(k.section, "http") && !strcmp(k.key, "enabled")) {
			enabled = conf_is_yes(value);
		}
	}
	if (enabled)
		go_listen(c, "tcp", http, 8086, http_at);
	go_listen(c, "tcp", rpc, 8088, rpc_at);
}

void conf_traefik(struct conf *c, const struct conf_run *r)
{
	const char *path = r->config ? r->config : conf_flag(c, r, NULL, "--configFile", NULL);
	struct conf_file *f = NULL;
	struct conf_node *root = NULL;
	const struct conf_node *points;
	unsigned n = 0;

	if (!path && conf_exists(c, "/etc/traefik/traefik.yml"))
		path = "/etc/traefik/traefik.yml";
	if (!path && conf_exists(c, "/etc/traefik/traefik.yaml"))
		path = "/etc/traefik/traefik.yaml";
	if (path)
		f = conf_read(c, conf_path(c, r->cwd, path), "config", false);
	if (f && strstr(path, ".toml")) {
		struct conf_kv k = { .lines = { .c = c, .f = f }, .comments = "#", .seps = "=", .sections = true };

		while (conf_kv_next(&k))
			if (!k.section_begins && !strncmp(k.section, "entryPoints.", 12) && !strcmp(k.key, "address") && ++n)
				go_listen_url(c, conf_unquote(k.value), 80, k.at);
	} else if (f) {
		root = conf_yaml(c, f);
	}
	points = conf_node_find(root, "entryPoints");
	for (const struct conf_node *p = points ? points->children : NULL; p; p = p->next) {
		const struct conf_node *a = conf_node_find(p, "address");
		size_t len = a && a->value ? strlen(a->value) : 0;
		bool udp = len > 4 && !strcmp(a->value + len - 4, "/udp");

		if (len && ++n)
			go_listen(c, udp ? "udp" : "tcp", conf_strndup(c, a->value, strcspn(a->value, "/")), 80, conf_node_at(c, a));
	}
	for (unsigned i = 1; i < r->argc; i++) {
		const char *a = strcasestr(r->argv[i], ".address=");

		if (a && !strncasecmp(r->argv[i], "--entrypoints.", 14) && ++n)
			go_listen(c, strstr(a, "/udp") ? "udp" : "tcp", conf_strndup(c, a + 9, strcspn(a + 9, "/")), 80,
					conf_printf(c, "flag:%s", r->argv[i]));
	}
	if (!n)
		conf_listen(c, "tcp", NULL, 80, CONF_ANY_DUAL, "default");
	if (conf_is_yes(conf_node_value(root, "api.insecure")) || conf_switch(r, 0, "--api.insecure=true") || conf_switch(r, 0, "--api.insecure"))
		conf_listen(c, "tcp", NULL, 8080, CONF_ANY_DUAL, "default");
}
