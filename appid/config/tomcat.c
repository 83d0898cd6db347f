/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Apache Tomcat: conf/server.xml (https://tomcat.apache.org/tomcat-10.1-doc/config/), properties of catalina.properties and
 * of -D in CATALINA_OPTS, JAVA_OPTS. */
#include <stdlib.h>
#include <string.h>

#include "appid/config/conf_apps.h"
#include "appid/config/conf_text.h"

struct tomcat {
	struct conf *c;
	struct conf_var *properties;
};

static void property(struct tomcat *t, const char *name, const char *value)
{
	struct conf_var *v = conf_alloc(t->c, sizeof(*v));

	*v = (struct conf_var){ .name = name, .value = value, .next = t->properties };
	t->properties = v;
}

static void properties_of_file(struct tomcat *t, const char *path)
{
	struct conf_file *f = conf_read(t->c, path, "config", true);
	struct conf_kv k = { .lines = { .c = t->c, .f = f, .join = true }, .comments = "#!", .seps = "=:" };

	while (f && conf_kv_next(&k))
		property(t, k.key, k.value);
}

static void properties_of_options(struct tomcat *t, const char *options)
{
	const char *w[CONF_WORDS], *equals;
	unsigned n = options ? conf_words(t->c, options, "", w) : 0;

	for (unsigned i = 0; i < n; i++)
		if (!strncmp(w[i], "-D", 2) && (equals = strchr(w[i], '=')))
			property(t, conf_strndup(t->c, w[i] + 2, (size_t)(equals - w[i] - 2)), equals + 1);
}

/* ${name} and ${name:-default}. */
static const char *expand(struct tomcat *t, const char *s)
{
	const char *begin = s ? strstr(s, "${") : NULL, *end = begin ? strchr(begin, '}') : NULL, *dash, *value;
	char *name;

	if (!end)
		return s;
	name = conf_strndup(t->c, begin + 2, (size_t)(end - begin - 2));
	dash = strstr(name, ":-");
	if (dash)
		name[dash - name] = '\0';
	value = conf_env_of(t->properties, name);
	if (!value)
		value = dash ? dash + 2 : NULL;
	return value ? conf_printf(t->c, "%.*s%s%s", (int)(begin - s), s, value, end + 1) : s;
}

static const char *attribute(struct tomcat *t, const struct conf_node *n, const char *name)
{
	return expand(t, conf_node_attr(n, name));
}

static void listens(struct tomcat *t, const struct conf_node *n, const char *port, const char *address, long offset)
{
	char *end;
	long number = port ? strtol(port, &end, 10) : 0;

	if (!port || *end || end == port) {
		conf_unread(t->c, conf_node_at(t->c, n), "what port is \"%s\"?", port ? port : "");
		return;
	}
	if (number > 0 && number + offset > 0 && number + offset < 65536)
		conf_listen(t->c, "tcp", address, (unsigned)(number + offset), CONF_ANY_DUAL, conf_node_at(t->c, n));
	else if (number == 0)
		conf_note(t->c, "%s: port 0, one that the kernel chooses", conf_node_at(t->c, n));
}

static void connector(struct tomcat *t, const struct conf_node *n, long offset)
{
	const char *protocol = attribute(t, n, "protocol"), *address = attribute(t, n, "address"), *own = attribute(t, n, "portOffset");

	if (protocol && strcasestr(protocol, "ajp") && !address)
		address = "127.0.0.1"; /* the loopback address, since 9.0.31 */
	if (address && !strcmp(address, "localhost"))
		address = "127.0.0.1";
	listens(t, n, attribute(t, n, "port"), address, offset + (own ? strtol(own, NULL, 10) : 0));
}

static void host(struct tomcat *t, const struct conf_node *n, const char *base)
{
	const char *apps = attribute(t, n, "appBase");

	if (apps)
		conf_place(t->c, "documents", conf_path(t->c, base, apps), conf_node_at(t->c, n));
}

static void server(struct tomcat *t, const struct conf_node *s, const char *base)
{
	const char *port = attribute(t, s, "port"), *address = attribute(t, s, "address"), *offset_text = attribute(t, s, "portOffset");
	long offset = offset_text ? strtol(offset_text, NULL, 10) : 0;

	if (!port || strtol(port, NULL, 10) != -1)
		listens(t, s, port ? port : "8005", address && strcmp(address, "localhost") != 0 ? address : "127.0.0.1", offset);
	for (const struct conf_node *v = s->children; v; v = v->next) {
		if (strcmp(v->name, "Service") != 0)
			continue;
		for (const struct conf_node *n = v->children; n; n = n->next) {
			if (!strcmp(n->name, "Connector"))
				connector(t, n, offset);
			for (const struct conf_node *h = !strcmp(n->name, "Engine") ? n->children : NULL; h; h = h->next)
				if (!strcmp(h->name, "Host"))
					host(t, h, base);
		}
	}
}

static const char *find(struct conf *c, const struct conf_run *r)
{
	static const char *const bases[] = { "/usr/local/tomcat", "/var/lib/tomcat10", "/var/lib/tomcat9", "/opt/tomcat", "/opt/bitnami/tomcat" };
	const char *base = conf_env(r, "CATALINA_BASE"), **found, *path;
	unsigned count;

	if (r->config)
		return r->config;
	if (!base)
		base = conf_env(r, "CATALINA_HOME");
	if (base && *base)
		return conf_path(c, base, "conf/server.xml");
	if (r->path && !strcmp(conf_basename(conf_dirname(c, r->path)), "bin"))
		return conf_path(c, conf_dirname(c, conf_dirname(c, r->path)), "conf/server.xml");
	for (size_t i = 0; i < ARRAY_SIZE(bases); i++) {
		path = conf_path(c, bases[i], "conf/server.xml");
		if (conf_exists(c, path))
			return path;
	}
	found = conf_glob(c, "/etc/tomcat*/server.xml", &count);
	return count ? found[count - 1] : "/usr/local/tomcat/conf/server.xml";
}

void conf_tomcat(struct conf *c, const struct conf_run *r)
{
	const char *path = find(c, r), *conf_dir_path = conf_dirname(c, path);
	struct tomcat t = { .c = c };
	struct conf_file *f;
	struct conf_node *root;

	properties_of_file(&t, conf_path(c, conf_dir_path, "catalina.properties"));
	properties_of_options(&t, conf_env(r, "JAVA_OPTS"));
	properties_of_options(&t, conf_env(r, "CATALINA_OPTS"));
	for (unsigned i = 1; i < r->argc; i++)
		properties_of_options(&t, r->argv[i]);
	f = conf_read(c, path, "config", false);
	root = f ? conf_xml(c, f) : NULL;
	for (const struct conf_node *n = root ? root->children : NULL; n; n = n->next)
		if (!strcmp(n->name, "Server"))
			server(&t, n, conf_dirname(c, conf_dir_path));
}
