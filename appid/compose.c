/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "appid/compose.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "appid/config/conf_priv.h"
#include "appid/config/conf_text.h"
#include "base/target.h"

#define SERVICES_MAX 1000
#define PORTS_MAX 2000 /* of one service: ranges are written out */

struct service {
	const char *name;
	const struct conf_node *node;
	const char *at; /* path:line */
	struct service *next;
};

struct compose {
	struct conf *c;
	const char *path, *dir, *project, *why;
	const struct conf_var *env;
	struct conf_node *root;
	struct service *services;
	unsigned count;
	struct jsonl *j;
	int result;
};

static void wrong(struct compose *x, const char *why)
{
	if (!x->why)
		x->why = why;
	x->result = -EBADMSG;
}

/* ---- variables ----------------------------------------------------------------------------------------------------- */
struct text {
	struct conf *c;
	char *buf;
	size_t len, cap;
};

static void text_add(struct text *t, const char *p, size_t len)
{
	if (t->len + len + 1 > t->cap) {
		size_t cap = (t->len + len + 1) * 2 + 64;
		char *more = conf_alloc(t->c, cap);

		if (t->len)
			memcpy(more, t->buf, t->len);
		t->buf = more;
		t->cap = cap;
	}
	memcpy(t->buf + t->len, p, len);
	t->len += len;
	t->buf[t->len] = '\0';
}

static const char *expand(struct compose *x, const char *s, unsigned depth);

static size_t name_len(const char *s)
{
	size_t n = 0;

	if (isalpha((unsigned char)s[0]) || s[0] == '_')
		while (isalnum((unsigned char)s[n]) || s[n] == '_')
			n++;
	return n;
}

/* The end of "${…}", nested ones inside it skipped. NULL: none. */
static const char *closing(const char *s)
{
	unsigned depth = 0;

	for (; *s; s++) {
		if (s[0] == '$' && s[1] == '{')
			depth++;
		else if (*s == '}' && depth-- == 0)
			return s;
	}
	return NULL;
}

/* NAME, NAME:-default, NAME-default, NAME:?error, NAME?error, NAME:+other, NAME+other. */
static void braces(struct compose *x, struct text *t, const char *s, size_t len, unsigned depth)
{
	size_t n = name_len(s);
	const char *value = conf_env_of(x->env, conf_strndup(x->c, s, n)), *op = s + n;
	bool colon = *op == ':', set;
	char what;

	if (!n || n > len) {
		conf_unread(x->c, x->path, "a variable without a name");
		return;
	}
	if (n == len) {
		text_add(t, value ? value : "", value ? strlen(value) : 0);
		return;
	}
	op += colon;
	what = *op;
	set = value && (!colon || *value);
	if (what == '+' ? set : !set && what == '-') {
		const char *other = expand(x, conf_strndup(x->c, op + 1, (size_t)(s + len - op - 1)), depth + 1);

		text_add(t, other, strlen(other));
	} else if (what == '?' && !set) {
		conf_unread(x->c, conf_printf(x->c, "variable %.*s", (int)n, s), "is required and not set");
	} else if (value && what != '+') {
		text_add(t, value, strlen(value));
	}
}

static const char *expand(struct compose *x, const char *s, unsigned depth)
{
	struct text t = { .c = x->c };

	if (!strchr(s, '$') || depth > CONF_DEPTH)
		return s;
	text_add(&t, "", 0);
	while (*s) {
		size_t n = strcspn(s, "$");
		const char *end;

		conf_tick(x->c);
		text_add(&t, s, n);
		s += n;
		if (!*s)
			break;
		if (s[1] == '$') {
			text_add(&t, "$", 1);
			s += 2;
		} else if (s[1] == '{' && (end = closing(s + 2))) {
			braces(x, &t, s + 2, (size_t)(end - s - 2), depth);
			s = end + 1;
		} else if ((n = name_len(s + 1))) {
			const char *v = conf_env_of(x->env, conf_strndup(x->c, s + 1, n));

			text_add(&t, v ? v : "", v ? strlen(v) : 0);
			s += n + 1;
		} else {
			text_add(&t, "$", 1);
			s++;
		}
	}
	return t.buf;
}

/* "NAME=value" lines, quotes and comments as dotenv has them; names that are set already stay. */
static void env_file(struct compose *x, const char *path, bool own, const struct conf_var **env)
{
	struct conf_file *f = conf_read(x->c, path, "config", own);
	char *p = f ? f->text : NULL;

	while (p && *p) {
		char *end = p + strcspn(p, "\n"), *line = p, *equals;
		struct conf_var *v;
		size_t n;

		p = *end ? end + 1 : end;
		*end = '\0';
		while (isspace((unsigned char)*line))
			line++;
		if (!strncmp(line, "export ", 7))
			line += 7;
		equals = strchr(line, '=');
		if (*line == '#' || !equals)
			continue;
		*equals = '\0';
		for (n = strlen(line); n && isspace((unsigned char)line[n - 1]);)
			line[--n] = '\0';
		equals++;
		while (isspace((unsigned char)*equals))
			equals++;
		if (*equals == '"' || *equals == '\'') {
			char *close = strchr(equals + 1, *equals);

			if (close) {
				*close = '\0';
				equals++;
			}
		} else {
			char *comment = strstr(equals, " #");

			if (comment)
				*comment = '\0';
			for (n = strlen(equals); n && isspace((unsigned char)equals[n - 1]);)
				equals[--n] = '\0';
		}
		if (own && conf_env_of(*env, line))
			continue;
		v = conf_alloc(x->c, sizeof(*v));
		*v = (struct conf_var){ .name = line, .value = equals, .source = f->path, .next = (struct conf_var *)(uintptr_t)*env };
		*env = v;
	}
}

/* ---- the tree -------------------------------------------------------------------------------------------------------- */
static const struct conf_node *key(const struct conf_node *n, const char *name)
{
	const struct conf_node *found = NULL, *merged = NULL;

	for (const struct conf_node *k = n ? n->children : NULL; k; k = k->next) {
		if (!k->name)
			continue;
		if (!strcmp(k->name, name))
			found = k;
		else if (!strcmp(k->name, "<<"))
			merged = k;
	}
	if (found || !merged)
		return found;
	/* "<<: *base", "<<: [*a, *b]": what is said here goes before it, the first of a list before the others */
	if (merged->children && !merged->children->name) {
		for (const struct conf_node *k = merged->children; k && !found; k = k->next)
			found = key(k, name);
		return found;
	}
	return key(merged, name);
}

static const char *value(struct compose *x, const struct conf_node *n)
{
	return n && n->value ? expand(x, n->value, 0) : "";
}

static const char *value_of(struct compose *x, const struct conf_node *n, const char *name)
{
	return value(x, key(n, name));
}

static const char *at(struct compose *x, const struct conf_node *n)
{
	return conf_printf(x->c, "%s:%u", x->path, n->line);
}

static bool is_list(const struct conf_node *n)
{
	return n && n->children && !n->children->name;
}

static bool is_true(const char *s)
{
	return !strcasecmp(s, "true") || !strcasecmp(s, "yes") || !strcasecmp(s, "on");
}

static const struct service *service_find(const struct compose *x, const char *name)
{
	for (const struct service *s = x->services; s; s = s->next)
		if (!strcmp(s->name, name))
			return s;
	return NULL;
}

/* Who answers to a host's name: a service, a container_name, a hostname, an alias on a network. */
static const struct service *service_called(struct compose *x, const char *name)
{
	const struct service *found = service_find(x, name);

	for (const struct service *s = x->services; s && !found; s = s->next) {
		if (!strcasecmp(value_of(x, s->node, "container_name"), name) || !strcasecmp(value_of(x, s->node, "hostname"), name))
			found = s;
		for (const struct conf_node *n = key(s->node, "networks") ? key(s->node, "networks")->children : NULL; n && !found; n = n->next)
			for (const struct conf_node *a = key(n, "aliases") ? key(n, "aliases")->children : NULL; a && !found; a = a->next)
				if (a->value && !strcasecmp(value(x, a), name))
					found = s;
	}
	return found;
}

/* ---- writing ------------------------------------------------------------------------------------------------------------ */
/* A list, a mapping's names, or one text. */
static void json_names(struct compose *x, const char *name, const struct conf_node *n, bool keys)
{
	jsonl_arr(x->j, name);
	if (n && !n->children && n->value && *n->value)
		jsonl_str(x->j, NULL, value(x, n));
	for (const struct conf_node *k = n ? n->children : NULL; k; k = k->next) {
		if (k->name && keys)
			jsonl_str(x->j, NULL, k->name);
		else if (k->value)
			jsonl_str(x->j, NULL, value(x, k));
		else if (key(k, "source") || key(k, "target"))
			jsonl_str(x->j, NULL, conf_printf(x->c, "%s:%s", value_of(x, k, "source"), value_of(x, k, "target")));
	}
	jsonl_arr_end(x->j);
}

static void port_put(struct compose *x, const char *host, unsigned published, unsigned target, const char *l4, const char *mode, const struct conf_node *n)
{
	jsonl_obj(x->j, NULL);
	jsonl_u64(x->j, "target", target);
	jsonl_u64(x->j, "published", published);
	jsonl_str(x->j, "protocol", l4);
	jsonl_str(x->j, "host_ip", host);
	jsonl_str(x->j, "mode", mode);
	jsonl_str(x->j, "source", at(x, n));
	jsonl_obj_end(x->j);
}

/* "80" or "80-90"; "": none. False: neither. */
static bool range(const char *s, size_t len, unsigned *ret_from, unsigned *ret_to)
{
	unsigned v[2] = { 0, 0 }, k = 0;

	for (size_t i = 0; i < len; i++) {
		if (s[i] == '-' && !k && i && i + 1 < len) {
			k = 1;
			continue;
		}
		if (!isdigit((unsigned char)s[i]))
			return false;
		v[k] = v[k] * 10 + (unsigned)(s[i] - '0');
		if (v[k] > 65535)
			return false;
	}
	*ret_from = v[0];
	*ret_to = k ? v[1] : v[0];
	return *ret_to >= *ret_from;
}

/* [HOST:][PUBLISHED:]TARGET[/PROTOCOL], each a number or a range. */
static void port_text(struct compose *x, const char *s, const struct conf_node *n)
{
	const char *slash = strchr(s, '/'), *end = slash ? slash : s + strlen(s), *colon, *p;
	unsigned from, to, pub_from = 0, pub_to = 0;
	const char *host = "", *l4 = slash && slash[1] ? slash + 1 : "tcp";

	colon = memrchr(s, ':', (size_t)(end - s));
	p = colon ? colon + 1 : s;
	if (!range(p, (size_t)(end - p), &from, &to) || !from) {
		conf_unread(x->c, at(x, n), "no port: %s", s);
		return;
	}
	if (colon) {
		const char *before = memrchr(s, ':', (size_t)(colon - s));

		p = before ? before + 1 : s;
		if (!range(p, (size_t)(colon - p), &pub_from, &pub_to)) {
			conf_unread(x->c, at(x, n), "no port: %s", s);
			return;
		}
		if (before)
			host = *s == '[' && before > s + 2 ? conf_strndup(x->c, s + 1, (size_t)(before - s - 2)) : conf_strndup(x->c, s, (size_t)(before - s));
	}
	if (pub_from && pub_to - pub_from != to - from && from != to) {
		conf_unread(x->c, at(x, n), "ranges of different length: %s", s);
		return;
	}
	for (unsigned i = 0; i <= to - from && i < PORTS_MAX; i++)
		port_put(x, host, pub_from ? pub_from + (pub_to - pub_from == to - from ? i : 0) : 0, from + i, l4, "ingress", n);
}

static void ports(struct compose *x, const struct conf_node *n)
{
	jsonl_arr(x->j, "ports");
	for (const struct conf_node *p = n ? n->children : NULL; p; p = p->next) {
		unsigned from, to, pub = 0, pub_to;
		const char *l4, *mode, *s;

		if (p->value) {
			port_text(x, value(x, p), p);
			continue;
		}
		s = value_of(x, p, "published");
		l4 = value_of(x, p, "protocol");
		mode = value_of(x, p, "mode");
		if (!range(value_of(x, p, "target"), strlen(value_of(x, p, "target")), &from, &to) || !from || !range(s, strlen(s), &pub, &pub_to)) {
			conf_unread(x->c, at(x, p), "no port");
			continue;
		}
		port_put(x, value_of(x, p, "host_ip"), pub, from, l4[0] ? l4 : "tcp", mode[0] ? mode : "ingress", p);
	}
	jsonl_arr_end(x->j);
}

static unsigned replicas(struct compose *x, const struct conf_node *n)
{
	const char *s = value_of(x, key(n, "deploy"), "replicas");
	unsigned long v;

	if (!*s)
		s = value_of(x, n, "scale");
	v = *s ? strtoul(s, NULL, 10) : 1;
	return v > 1000000 ? 1000000 : (unsigned)v;
}

/* What the specification has for a service; "x-" is for anything. */
static bool is_key(const char *name)
{
	static const char *const keys[] = {
		"annotations", "attach", "blkio_config", "build", "cap_add", "cap_drop", "cgroup", "cgroup_parent", "command", "configs",
		"container_name", "cpu_count", "cpu_percent", "cpu_period", "cpu_quota", "cpu_rt_period", "cpu_rt_runtime", "cpu_shares", "cpus", "cpuset",
		"credential_spec", "depends_on", "deploy", "develop", "device_cgroup_rules", "devices", "dns", "dns_opt", "dns_search", "domainname",
		"driver_opts", "entrypoint", "env_file", "environment", "expose", "extends", "external_links", "extra_hosts", "gpus", "group_add",
		"healthcheck", "hostname", "image", "init", "ipc", "isolation", "label_file", "labels", "links", "logging", "log_driver", "log_opt",
		"mac_address",
		"mem_limit", "mem_reservation", "mem_swappiness", "memswap_limit", "models", "net", "network_mode", "networks", "oom_kill_disable",
		"oom_score_adj", "pid", "pids_limit", "platform", "ports", "post_start", "pre_stop", "privileged", "profiles", "provider", "pull_policy",
		"read_only", "restart", "runtime", "scale", "secrets", "security_opt", "shm_size", "stdin_open", "stop_grace_period", "stop_signal",
		"storage_opt", "sysctls", "tmpfs", "tty", "ulimits", "user", "userns_mode", "uts", "volume_driver", "volumes", "volumes_from",
		"working_dir", "<<",
	};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (!strcmp(keys[i], name))
			return true;
	return !strncmp(name, "x-", 2);
}

static void service_put(struct compose *x, const struct service *s)
{
	const struct conf_node *n = s->node, *build = key(n, "build"), *nets = key(n, "networks"), *health = key(n, "healthcheck");

	for (const struct conf_node *k = n->children; k; k = k->next)
		if (k->name && !is_key(k->name))
			conf_unread(x->c, at(x, k), "\"%s\" is nothing that a service has", k->name);
	jsonl_obj(x->j, NULL);
	jsonl_str(x->j, "name", s->name);
	jsonl_str(x->j, "image", value_of(x, n, "image"));
	jsonl_str(x->j, "build", build ? build->value ? value(x, build) : value_of(x, build, "context") : "");
	jsonl_str(x->j, "container_name", value_of(x, n, "container_name"));
	json_names(x, "entrypoint", key(n, "entrypoint"), false);
	json_names(x, "command", key(n, "command"), false);
	ports(x, key(n, "ports"));
	json_names(x, "expose", key(n, "expose"), false);
	if (nets || *value_of(x, n, "network_mode")) {
		json_names(x, "networks", nets, true);
	} else {
		jsonl_arr(x->j, "networks");
		jsonl_str(x->j, NULL, "default");
		jsonl_arr_end(x->j);
	}
	jsonl_str(x->j, "network_mode", value_of(x, n, "network_mode"));
	json_names(x, "depends_on", key(n, "depends_on"), true);
	json_names(x, "links", key(n, "links"), false);
	json_names(x, "volumes", key(n, "volumes"), false);
	json_names(x, "healthcheck", health && key(health, "test") ? key(health, "test") : NULL, false);
	jsonl_str(x->j, "user", value_of(x, n, "user"));
	jsonl_bool(x->j, "privileged", is_true(value_of(x, n, "privileged")));
	jsonl_u64(x->j, "replicas", replicas(x, n));
	jsonl_str(x->j, "source", s->at);
	jsonl_obj_end(x->j);
}

/* ---- edges ---------------------------------------------------------------------------------------------------------------- */
struct put_edge {
	const char *client, *server, *kind;
	unsigned port;
	struct put_edge *next;
};

static void edge_put(struct compose *x, struct put_edge **seen, const struct service *from, const struct service *to, unsigned port, const char *kind,
		     const char *source)
{
	struct put_edge *e;

	if (!to || to == from)
		return;
	for (e = *seen; e; e = e->next)
		if (e->server == to->name && e->port == port && !strcmp(e->kind, kind))
			return;
	e = conf_alloc(x->c, sizeof(*e));
	*e = (struct put_edge){ from->name, to->name, kind, port, *seen };
	*seen = e;
	jsonl_obj(x->j, NULL);
	jsonl_str(x->j, "client", from->name);
	jsonl_str(x->j, "server", to->name);
	if (port)
		jsonl_u64(x->j, "port", port);
	else
		jsonl_null(x->j, "port");
	jsonl_str(x->j, "kind", kind);
	jsonl_str(x->j, "source", source);
	jsonl_obj_end(x->j);
}

/* Names of services in a text: URLs, host:port; plain ones where host says that a host is meant. */
static void edges_text(struct compose *x, struct put_edge **seen, const struct service *s, const char *text, bool host, const char *kind, const char *source)
{
	while (*text) {
		size_t n = strcspn(text, ", ;|\t\n\"'=");
		char name[TARGET_HOST_MAX];
		unsigned port = 0;

		conf_tick(x->c);
		if (n && n < 1000 && target_split(text, n, name, &port) && !target_is_self(name) && (host || port || memmem(text, n, "://", 3)))
			edge_put(x, seen, s, service_called(x, name), port, kind, source);
		text += n;
		text += *text ? 1 : 0;
	}
}

static void edges_env(struct compose *x, struct put_edge **seen, const struct service *s)
{
	const struct conf_node *env = key(s->node, "environment"), *files = key(s->node, "env_file");
	const struct conf_var *vars = NULL;

	for (const struct conf_node *e = env ? env->children : NULL; e; e = e->next) {
		const char *text = e->value ? value(x, e) : "", *equals = e->name ? NULL : strchr(text, '=');
		const char *name = e->name ? e->name : text;
		size_t n = e->name ? strlen(name) : equals ? (size_t)(equals - text) : 0;

		if (n)
			edges_text(x, seen, s, e->name ? text : equals + 1, target_is_named_by(name, n), "environment", at(x, e));
	}
	if (files && files->value)
		env_file(x, conf_path(x->c, x->dir, value(x, files)), false, &vars);
	for (const struct conf_node *f = files ? files->children : NULL; f; f = f->next)
		env_file(x, conf_path(x->c, x->dir, f->value ? value(x, f) : value_of(x, f, "path")), false, &vars);
	for (const struct conf_var *v = vars; v; v = v->next)
		edges_text(x, seen, s, v->value, target_is_named_by(v->name, strlen(v->name)), "environment", conf_printf(x->c, "%s:%s", v->source, v->name));
}

static void edges_of(struct compose *x, const struct service *s)
{
	static const char *const commands[] = { "command", "entrypoint" };
	const struct conf_node *n = key(s->node, "depends_on");
	struct put_edge *seen = NULL;
	const char *mode = value_of(x, s->node, "network_mode");

	for (const struct conf_node *d = n ? n->children : NULL; d; d = d->next)
		edge_put(x, &seen, s, service_find(x, d->name ? d->name : value(x, d)), 0, "depends_on", at(x, d));
	n = key(s->node, "links");
	for (const struct conf_node *l = n ? n->children : NULL; l; l = l->next) {
		const char *text = value(x, l);

		edge_put(x, &seen, s, service_find(x, conf_strndup(x->c, text, strcspn(text, ":"))), 0, "links", at(x, l));
	}
	if (!strncmp(mode, "service:", 8))
		conf_note(x->c, "%s shares the network of %s", s->name, mode + 8);
	edges_env(x, &seen, s);
	for (size_t i = 0; i < 2; i++) {
		n = key(s->node, commands[i]);
		if (n && n->value)
			edges_text(x, &seen, s, value(x, n), false, "command", at(x, n));
		for (const struct conf_node *w = is_list(n) ? n->children : NULL; w; w = w->next)
			if (w->value)
				edges_text(x, &seen, s, value(x, w), false, "command", at(x, w));
	}
}

/* ---- all of it --------------------------------------------------------------------------------------------------------------- */
static void service_add(struct compose *x, const struct conf_node *n)
{
	struct service *s, **end = &x->services;

	if (!n->name || !*n->name || !strcmp(n->name, "<<") || !strncmp(n->name, "x-", 2))
		return;
	if (++x->count > SERVICES_MAX)
		conf_leave(x->c, "more than 1000 services");
	for (; *end; end = &(*end)->next)
		if (!strcmp((*end)->name, n->name)) {
			conf_unread(x->c, at(x, n), "service %s is there twice: the last one counts", n->name);
			(*end)->node = n;
			return;
		}
	if (!n->children) {
		conf_unread(x->c, at(x, n), "service %s is empty", n->name);
		return;
	}
	s = conf_alloc(x->c, sizeof(*s));
	*s = (struct service){ .name = n->name, .node = n, .at = at(x, n) };
	*end = s;
}

static void networks(struct compose *x)
{
	const struct conf_node *list = key(x->root, "networks");

	jsonl_arr(x->j, "networks");
	for (const struct conf_node *n = list ? list->children : NULL; n; n = n->next) {
		const struct conf_node *opts = key(n, "driver_opts");

		if (!n->name)
			continue;
		jsonl_obj(x->j, NULL);
		jsonl_str(x->j, "name", n->name);
		jsonl_str(x->j, "driver", value_of(x, n, "driver"));
		jsonl_bool(x->j, "internal", is_true(value_of(x, n, "internal")));
		jsonl_bool(x->j, "external", key(n, "external") && strcasecmp(value_of(x, n, "external"), "false") != 0);
		jsonl_bool(x->j, "encrypted", key(opts, "encrypted") && strcasecmp(value_of(x, opts, "encrypted"), "false") != 0);
		jsonl_str(x->j, "source", at(x, n));
		jsonl_obj_end(x->j);
	}
	jsonl_arr_end(x->j);
}

static void said(struct compose *x)
{
	jsonl_arr(x->j, "notes");
	for (const struct conf_said *s = x->c->notes; s; s = s->next)
		jsonl_str(x->j, NULL, s->why);
	jsonl_arr_end(x->j);
	jsonl_arr(x->j, "unread");
	for (const struct conf_said *s = x->c->unread; s; s = s->next) {
		jsonl_obj(x->j, NULL);
		jsonl_str(x->j, "what", s->what);
		jsonl_str(x->j, "why", s->why);
		jsonl_obj_end(x->j);
	}
	jsonl_arr_end(x->j);
}

static void read_all(struct conf *c, void *arg)
{
	struct compose *x = arg;
	struct conf_file *f = conf_read(c, x->path, "config", false);
	const struct conf_node *services;

	if (!f) {
		wrong(x, "it cannot be read");
		return;
	}
	env_file(x, conf_path(c, x->dir, ".env"), true, &x->env);
	x->root = conf_yaml(c, f);
	if (!x->root || !x->root->children || is_list(x->root)) {
		wrong(x, "no YAML mapping");
		return;
	}
	services = key(x->root, "services");
	/* The first version of the format had the services at the top. */
	if (!services && !key(x->root, "version") && !key(x->root, "networks") && !key(x->root, "volumes") && !key(x->root, "include"))
		services = x->root;
	for (const struct conf_node *n = services ? services->children : NULL; n; n = n->next)
		service_add(x, n);
	if (!x->services)
		wrong(x, "it has no services");
}

static void write_all(struct conf *c, void *arg)
{
	struct compose *x = arg;
	const char *name = value_of(x, x->root, "name");

	jsonl_obj(x->j, NULL);
	jsonl_str(x->j, "compose", x->path + 1);
	jsonl_str(x->j, "project", *name ? name : x->project);
	jsonl_arr(x->j, "services");
	for (const struct service *s = x->services; s; s = s->next)
		service_put(x, s);
	jsonl_arr_end(x->j);
	networks(x);
	jsonl_arr(x->j, "edges");
	for (const struct service *s = x->services; s; s = s->next)
		edges_of(x, s);
	jsonl_arr_end(x->j);
	said(x);
	jsonl_obj_end(x->j);
	jsonl_newline(x->j);
}

int compose_json(struct conf *c, const char *path, const char *project, const struct conf_var *env, struct jsonl *j, const char **ret_why)
{
	struct compose x = { .c = c, .path = path, .project = project, .env = env, .j = j };

	*ret_why = "it takes too long, or too much memory";
	x.dir = "/";
	if (!conf_guard(c, read_all, &x, "compose") || x.result < 0) {
		if (x.why)
			*ret_why = x.why;
		return -EBADMSG;
	}
	return conf_guard(c, write_all, &x, "compose") ? 0 : -EBADMSG;
}
