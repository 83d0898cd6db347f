/* SPDX-License-Identifier: GPL-2.0-or-later */
/* RabbitMQ 3.x: rabbitmq.conf (sysctl form), rabbitmq.config (Erlang terms: only its tcp_listeners), rabbitmq-env.conf, the
 * plugins that are enabled; besides AMQP always
 * the distribution port (AMQP's + 20000) and epmd. https://www.rabbitmq.com/docs/networking */
#include <stdlib.h>
#include <string.h>

#include "appid/config/conf_apps.h"
#include "appid/config/conf_text.h"

/* What a plugin listens on when its configuration says nothing. */
static const struct plugin {
	const char *name, *key, *alone; /* alone: a key whose value is the port itself */
	unsigned port;
	enum conf_any any;
} plugins[] = {
	{ "rabbitmq_management", "management.listener", "management.tcp.port", 15672, CONF_ANY_V4 },
	{ "rabbitmq_prometheus", "prometheus.listener", "prometheus.tcp.port", 15692, CONF_ANY_DUAL },
	{ "rabbitmq_mqtt", "mqtt.listeners.tcp", NULL, 1883, CONF_ANY_DUAL },
	{ "rabbitmq_stomp", "stomp.listeners.tcp", NULL, 61613, CONF_ANY_DUAL },
	{ "rabbitmq_stream", "stream.listeners.tcp", NULL, 5552, CONF_ANY_DUAL },
	{ "rabbitmq_web_stomp", "web_stomp", "web_stomp.tcp.port", 15674, CONF_ANY_DUAL },
	{ "rabbitmq_web_mqtt", "web_mqtt", "web_mqtt.tcp.port", 15675, CONF_ANY_DUAL },
};

struct rabbit {
	struct conf *c;
	const struct conf_run *r;
	const struct conf_var *env;
	bool tcp_said;
	bool enabled[ARRAY_SIZE(plugins)], said[ARRAY_SIZE(plugins)];
	const char *ip[ARRAY_SIZE(plugins)];
	unsigned amqp;
};

static void amqp(struct rabbit *x, const char *spec, const char *at)
{
	const char *host, *port;

	if (!strcmp(spec, "none"))
		return;
	conf_split(x->c, spec, &host, &port);
	if (!x->amqp)
		x->amqp = conf_port(x->c, port);
	if (host && !strcmp(host, "::"))
		host = NULL;
	conf_listen_text(x->c, "tcp", host, port, CONF_ANY_DUAL, at);
}

static void setting(struct rabbit *x, const char *key, const char *value, const char *at)
{
	if (!strncmp(key, "listeners.tcp", 13)) {
		x->tcp_said = true;
		amqp(x, value, at);
	} else if (!strncmp(key, "listeners.ssl", 13)) {
		amqp(x, value, at);
	} else if (!strcmp(key, "log.file") && value[0] == '/') {
		conf_place(x->c, "logs", value, at);
	}
	for (size_t i = 0; i < ARRAY_SIZE(plugins); i++) {
		const struct plugin *p = &plugins[i];
		size_t n = strlen(p->key);
		bool tls = !strncmp(key, "management.ssl.port", 19) && !i;

		if (!x->enabled[i])
			continue;
		if (p->alone && !strncmp(key, p->alone, strlen(p->alone) - 4) && !strcmp(key + strlen(p->alone) - 4, "ip"))
			x->ip[i] = value;
		if ((p->alone && !strcmp(key, p->alone)) || tls || (!strncmp(key, p->key, n) && !strcmp(key + n, ".port"))) {
			x->said[i] = true;
			conf_listen_text(x->c, "tcp", x->ip[i], value, p->any, at);
		} else if (!p->alone && !strncmp(key, p->key, n) && strchr(".\0", key[n])) {
			x->said[i] = true;
			conf_listen_spec(x->c, "tcp", value, p->port, p->any, at);
		}
	}
}

static void read_conf(struct rabbit *x, const char *path)
{
	struct conf_file *f = conf_read(x->c, path, "config", true);
	struct conf_kv k = { .lines = { .c = x->c, .f = f }, .comments = "#", .trailing = "#", .seps = "=" };

	while (f && conf_kv_next(&k))
		setting(x, k.key, k.value, k.at);
}

/* {tcp_listeners, [5672, {"127.0.0.1", 5673}]} */
static void read_terms(struct rabbit *x, const char *path)
{
	struct conf_file *f = conf_read(x->c, path, "config", true);
	const char *list = f ? strstr(f->text, "tcp_listeners") : NULL, *end, *host = NULL;
	unsigned line = 1;

	if (f)
		conf_note(x->c, "%s: of the Erlang terms only tcp_listeners is read", path);
	if (!list || !(list = strchr(list, '[')))
		return;
	for (const char *p = f->text; p < list; p++)
		line += *p == '\n';
	end = list + strcspn(list, "]");
	x->tcp_said = true;
	while (++list < end) {
		if (*list == '"') {
			host = conf_strndup(x->c, list + 1, strcspn(list + 1, "\""));
			list += strlen(host) + 1;
		} else if (*list >= '0' && *list <= '9') {
			char *after;
			unsigned long port = strtoul(list, &after, 10);

			amqp(x, host ? conf_printf(x->c, strchr(host, ':') ? "[%s]:%lu" : "%s:%lu", host, port) : conf_printf(x->c, "%lu", port),
			     conf_at(x->c, f, line));
			list = after - 1;
			host = NULL;
		}
	}
}

static void plugins_enabled(struct rabbit *x)
{
	struct conf_file *f = conf_read(x->c, "/etc/rabbitmq/enabled_plugins", "config", true);

	for (size_t i = 0; f && i < ARRAY_SIZE(plugins); i++) {
		size_t n = strlen(plugins[i].name);

		for (const char *p = f->text; (p = strstr(p, plugins[i].name)); p += n)
			x->enabled[i] |= strchr(",] \n\t]", p[n]) != NULL;
	}
}

static const char *variable(const struct rabbit *x, const char *name)
{
	const char *v = conf_env_of(x->env, name);

	return v && *v ? v : !strncmp(name, "RABBITMQ_", 9) ? conf_env_of(x->env, name + 9) : v;
}

static void files(struct rabbit *x)
{
	const char *base = variable(x, "RABBITMQ_CONFIG_FILE"), **found;
	unsigned count;

	if (base && strlen(base) > 5 && !strcmp(base + strlen(base) - 5, ".conf"))
		read_conf(x, base);
	else if (base)
		read_conf(x, conf_printf(x->c, "%s.conf", base));
	else
		read_conf(x, "/etc/rabbitmq/rabbitmq.conf");
	found = conf_dir(x->c, "/etc/rabbitmq/conf.d", ".conf", &count);
	for (unsigned i = 0; i < count; i++)
		read_conf(x, found[i]);
	read_terms(x, "/etc/rabbitmq/rabbitmq.config");
	read_terms(x, "/etc/rabbitmq/advanced.config");
}

void conf_rabbitmq(struct conf *c, const struct conf_run *r)
{
	struct rabbit x = { .c = c, .r = r };
	const char *port, *ip, *dist;

	x.env = conf_shell_env(c, "/etc/rabbitmq/rabbitmq-env.conf", conf_shell_env(c, "/etc/default/rabbitmq-server", r->env));
	plugins_enabled(&x);
	files(&x);
	port = variable(&x, "RABBITMQ_NODE_PORT");
	ip = variable(&x, "RABBITMQ_NODE_IP_ADDRESS");
	if (!x.tcp_said) {
		x.amqp = port ? conf_port(c, port) : 5672;
		conf_listen(c, "tcp", ip && strcmp(ip, "auto") != 0 ? ip : NULL, x.amqp, CONF_ANY_DUAL, port ? "env:RABBITMQ_NODE_PORT" : "default");
	}
	for (size_t i = 0; i < ARRAY_SIZE(plugins); i++)
		if (x.enabled[i] && !x.said[i])
			conf_listen(c, "tcp", x.ip[i], plugins[i].port, plugins[i].any, "default");
	dist = variable(&x, "RABBITMQ_DIST_PORT");
	conf_listen(c, "tcp", NULL, dist ? conf_port(c, dist) : (port ? conf_port(c, port) : 5672) + 20000, CONF_ANY_V4,
		    dist ? "env:RABBITMQ_DIST_PORT" : "default");
	conf_listen(c, "tcp", NULL, 4369, CONF_ANY_DUAL, "default");
	conf_place(c, "data", "/var/lib/rabbitmq", NULL);
}
