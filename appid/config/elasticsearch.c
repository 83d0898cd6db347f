/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Elasticsearch, OpenSearch and Kibana: YAML with dotted or nested keys; -E settings and, in the images, environment variables win.
 * https://www.elastic.co/guide/en/elasticsearch/reference/current/modules-network.html */
#include <stdlib.h>
#include <string.h>

#include "appid/config/conf_apps.h"
#include "appid/config/conf_text.h"

struct settings {
	struct conf *c;
	const struct conf_run *r;
	const struct conf_node *root;
};

/* A setting as a list; *ret_at: where from. The first of flag, environment, file. */
static unsigned setting(const struct settings *s, const char *name, const char **list, const char **ret_at)
{
	struct conf *c = s->c;
	const char *flag = NULL, *env;
	const struct conf_node *n;

	for (unsigned i = 1; i < s->r->argc; i++) {
		const char *a = s->r->argv[i];

		if (!strncmp(a, "-E", 2)) {
			a = a[2] ? a + 2 : i + 1 < s->r->argc ? s->r->argv[i + 1] : "";
			if (!strncmp(a, name, strlen(name)) && a[strlen(name)] == '=') {
				flag = a + strlen(name) + 1;
				*ret_at = conf_printf(c, "flag:-E%s", a);
			}
		}
	}
	if (flag)
		return conf_split_list(c, flag, ",[]", list);
	env = conf_env(s->r, name);
	if (env) {
		*ret_at = conf_printf(c, "env:%s", name);
		return conf_split_list(c, env, ",[]", list);
	}
	n = conf_node_find(s->root, name);
	if (!n)
		return 0;
	*ret_at = conf_node_at(c, n);
	return conf_node_list(c, n, list);
}

static unsigned first_of(const struct settings *s, const char *const *names, const char **list, const char **ret_at)
{
	unsigned n = 0;

	for (; *names && !n; names++)
		n = setting(s, *names, list, ret_at);
	return n;
}

/* "9200-9300": the first that is free. */
static void bind_port(struct conf *c, const char *host, const char *port, const char *at)
{
	const char *dash = strchr(port, '-');

	if (!strcmp(host, "_local_") || !strcmp(host, "localhost") || !strcmp(host, "_local:ipv4_")) {
		host = "127.0.0.1";
		conf_note(c, "\"_local_\" is also ::1 where the machine has it");
	} else if (*host == '_') {
		conf_note(c, "which address \"%s\" is, is known only where it runs", host);
	}
	conf_listen_text(c, "tcp", host, dash ? conf_strndup(c, port, (size_t)(dash - port)) : port, CONF_ANY_DUAL, at);
}

static void service(const struct settings *s, const char *const *port_names, const char *const *host_names, const char *port)
{
	const char *hosts[CONF_WORDS], *ports[CONF_WORDS], *at = "default", *host_at = NULL;
	unsigned n;

	if (first_of(s, port_names, ports, &at))
		port = ports[0];
	n = first_of(s, host_names, hosts, &host_at);
	if (!n)
		hosts[n++] = "_local_";
	if (!strcmp(at, "default") && host_at)
		at = host_at;
	for (unsigned i = 0; i < n; i++)
		bind_port(s->c, hosts[i], conf_strdup(s->c, port), at);
}

static void place(const struct settings *s, const char *name, const char *role)
{
	const char *list[CONF_WORDS], *at = NULL;
	unsigned n = setting(s, name, list, &at);

	for (unsigned i = 0; i < n; i++)
		conf_place(s->c, role, list[i], at);
}

void conf_elasticsearch(struct conf *c, const struct conf_run *r)
{
	static const char *const http_port[] = { "http.port", NULL }, *const http_host[] = { "http.bind_host", "http.host",
			"network.bind_host", "network.host", NULL },
				*const port[] = { "transport.port", "transport.tcp.port", NULL },
				*const host[] = { "transport.bind_host", "transport.host", "network.bind_host", "network.host", NULL };
	static const char *const places[] = { "/usr/share/elasticsearch/config/elasticsearch.yml", "/etc/elasticsearch/elasticsearch.yml",
					      "/usr/share/opensearch/config/opensearch.yml", "/etc/opensearch/opensearch.yml" };
	const char *path = r->config, *dir = conf_env(r, "ES_PATH_CONF"), *seeds[CONF_WORDS], *at;
	struct settings s = { .c = c, .r = r };
	struct conf_file *f;
	unsigned n;

	if (dir)
		path = conf_path(c, dir, "elasticsearch.yml");
	for (size_t i = 0; !path && i < ARRAY_SIZE(places); i++)
		path = conf_exists(c, places[i]) ? places[i] : NULL;
	f = conf_read(c, path ? path : places[0], "config", false);
	s.root = f ? conf_yaml(c, f) : NULL;
	service(&s, http_port, http_host, "9200");
	service(&s, port, host, "9300");
	n = setting(&s, "discovery.seed_hosts", seeds, &at);
	for (unsigned i = 0; i < n; i++)
		conf_upstream(c, "cluster", seeds[i], 9300, at);
	place(&s, "path.data", "data");
	place(&s, "path.logs", "logs");
}

/* In the image, SERVER_PORT stands for server.port. */
static const char *kibana_value(const struct settings *s, const char *name, const char *fallback, const char **ret_at)
{
	char *env = conf_strdup(s->c, name);
	const char *list[CONF_WORDS], *flag = conf_flag(s->c, s->r, NULL, conf_printf(s->c, "--%s", name), ret_at);

	if (flag)
		return flag;
	for (char *p = env; *p; p++)
		*p = *p == '.' ? '_' : *p >= 'a' && *p <= 'z' ? (char)(*p - 32) : *p;
	if (conf_env(s->r, env)) {
		*ret_at = conf_printf(s->c, "env:%s", env);
		return conf_env(s->r, env);
	}
	return setting(s, name, list, ret_at) ? list[0] : fallback;
}

void conf_kibana(struct conf *c, const struct conf_run *r)
{
	static const char *const places[] = { "/usr/share/kibana/config/kibana.yml", "/etc/kibana/kibana.yml" };
	const char *path = r->config ? r->config : conf_flag(c, r, "-c", "--config", NULL), *port, *host, *at = "default",
			*host_at = "default", *hosts[CONF_WORDS];
	struct settings s = { .c = c, .r = r };
	struct conf_file *f;
	unsigned n;

	for (size_t i = 0; !path && i < ARRAY_SIZE(places); i++)
		path = conf_exists(c, places[i]) ? places[i] : NULL;
	f = conf_read(c, path ? conf_path(c, r->cwd, path) : places[0], "config", false);
	s.root = f ? conf_yaml(c, f) : NULL;
	port = conf_flag(c, r, "-p", "--port", &at);
	if (!port)
		port = kibana_value(&s, "server.port", "5601", &at);
	host = conf_flag(c, r, "-H", "--host", &host_at);
	if (!host)
		host = kibana_value(&s, "server.host", "localhost", &host_at);
	conf_listen_text(c, "tcp", !strcmp(host, "localhost") ? "127.0.0.1" : !strcmp(host, "::") ? "*" : host, port, CONF_ANY_DUAL,
			 strcmp(at, "default") != 0 ? at : host_at);
	n = setting(&s, "elasticsearch.hosts", hosts, &at);
	if (conf_env(r, "ELASTICSEARCH_HOSTS")) {
		at = "env:ELASTICSEARCH_HOSTS";
		n = conf_split_list(c, conf_env(r, "ELASTICSEARCH_HOSTS"), ",[]", hosts);
	}
	for (unsigned i = 0; i < n; i++)
		conf_upstream(c, "search", hosts[i], 0, at);
	if (!n)
		conf_upstream(c, "search", "http://localhost:9200", 0, "default");
}
