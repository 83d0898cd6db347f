/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nginx: https://nginx.org/en/docs/dirindex.html. Contexts http, stream and mail; a server of http without listen has port 80 (8000 when it is not
 * started by root, which a container's command does not say: taken as root). */
#include <string.h>

#include "appid/config/conf_apps.h"
#include "appid/config/conf_text.h"

struct socket {
	const char *l4, *host, *at;
	unsigned port;
	bool dual, own; /* own: bound even where a wildcard has the port */
	struct socket *next;
};

struct nginx {
	struct conf *c;
	struct socket *sockets, **sockets_end;
	const char *prefix; /* relative includes: of the directory of the configuration file */
	unsigned includes;
};

enum context { MAIN, HTTP, STREAM, MAIL };

static void walk(struct nginx *x, const struct conf_node *n, enum context in, bool server, bool *ret_listens);

static void include(struct nginx *x, const struct conf_node *n, enum context in, bool server, bool *ret_listens)
{
	const char *pattern = conf_path(x->c, x->prefix, n->words[1]), *one[] = { pattern, NULL }, **files = one;
	unsigned count = 1;

	if (x->includes == CONF_DEPTH) {
		conf_unread(x->c, conf_node_at(x->c, n), "includes more than 32 deep: a loop?");
		return;
	}
	if (strpbrk(pattern, "*?["))
		files = conf_glob(x->c, pattern, &count);
	x->includes++;
	for (unsigned i = 0; i < count; i++) {
		struct conf_file *f = conf_read(x->c, files[i], "config", false);

		if (f)
			walk(x, conf_blocks(x->c, f, CONF_BLOCK_SINGLE), in, server, ret_listens);
	}
	x->includes--;
}

static bool is_any(const struct socket *k)
{
	return !k->host || !*k->host || !strcmp(k->host, "*") || !strcmp(k->host, "0.0.0.0") || !strcmp(k->host, "::");
}

static bool is_v6(const struct socket *k)
{
	return k->host && strchr(k->host, ':');
}

static void socket_add(struct nginx *x, const struct socket *from)
{
	struct socket *k = conf_alloc(x->c, sizeof(*k));

	*k = *from;
	*x->sockets_end = k;
	x->sockets_end = &k->next;
}

/* Addresses of a port whose wildcard is bound too share its socket, unless they have options of a socket (ngx_http_init_listening()). */
static void sockets_listen(struct nginx *x)
{
	for (const struct socket *k = x->sockets; k; k = k->next) {
		bool shared = false;

		for (const struct socket *o = x->sockets; o && !is_any(k) && !k->own; o = o->next)
			shared |= is_any(o) && is_v6(o) == is_v6(k) && o->port == k->port && !strcmp(o->l4, k->l4);
		conf_tick(x->c);
		if (!shared)
			conf_listen(x->c, k->l4, k->dual ? NULL : k->host, k->port, k->dual ? CONF_ANY_DUAL : CONF_ANY_V4, k->at);
	}
}

static bool has_option(const struct conf_node *n, const char *const *names)
{
	for (unsigned i = 2; i < n->count; i++)
		for (const char *const *name = names; *name; name++)
			if (!strncmp(n->words[i], *name, strlen(*name)))
				return true;
	return false;
}

/* "8000-8005": a range, each a socket (1.15.10). */
static void listen_ports(struct nginx *x, struct socket *k, const char *port)
{
	const char *dash = strchr(port, '-');
	unsigned first = conf_port(x->c, dash ? conf_strndup(x->c, port, (size_t)(dash - port)) : port), last = dash ?
			conf_port(x->c, dash + 1) : first;

	if (!first || last < first || last - first > 4096) {
		conf_unread(x->c, k->at, "what port is \"%s\"?", port);
		return;
	}
	for (k->port = first; k->port <= last; k->port++)
		socket_add(x, k);
}

static void listens(struct nginx *x, const struct conf_node *n, enum context in)
{
	static const char *const udp[] = { "udp", "quic", "http3", NULL }, *const dual[] = { "ipv6only=off", NULL },
				*const own[] = { "bind", "setfib=", "fastopen=", "backlog=", "rcvbuf=", "sndbuf=", "accept_filter=", "deferred",
						 "ipv6only=", "reuseport", "so_keepalive=", NULL };
	const char *spec = n->words[1], *host = NULL, *port = spec;
	struct socket k = { .l4 = has_option(n, udp) ? "udp" : "tcp", .at = conf_node_at(x->c, n), .own = has_option(n, own) };

	if (!strncmp(spec, "unix:", 5)) {
		conf_listen_unix(x->c, spec + 5, k.at);
		return;
	}
	if (strchr(spec, '$')) {
		conf_unread(x->c, k.at, "\"%s\" is known only when it runs", spec);
		return;
	}
	if (strspn(spec, "0123456789-") != strlen(spec))
		conf_split(x->c, spec, &host, &port);
	if (!port && in != HTTP) {
		conf_unread(x->c, k.at, "no port in \"%s\"", spec);
		return;
	}
	k.host = host;
	k.dual = host && !strcmp(host, "::") && has_option(n, dual);
	listen_ports(x, &k, port ? port : "80");
}

static void passes(struct nginx *x, const struct conf_node *n, const char *kind, unsigned fallback)
{
	const char *target = n->words[1], *at = conf_node_at(x->c, n);

	if (strchr(target, '$'))
		conf_note(x->c, "%s: %s %s is known only per request", at, n->name, target);
	else
		conf_upstream(x->c, kind, target, fallback, at);
}

static void directive(struct nginx *x, const struct conf_node *n, enum context in)
{
	static const struct {
		const char *name, *kind;
	} pass[] = { { "proxy_pass", "proxy" },	  { "fastcgi_pass", "fastcgi" }, { "uwsgi_pass", "uwsgi" }, { "scgi_pass", "scgi" },
		     { "grpc_pass", "grpc" }, { "memcached_pass", "memcached" } };
	const char *at = conf_node_at(x->c, n);

	for (size_t i = 0; i < ARRAY_SIZE(pass); i++)
		if (!strcmp(n->name, pass[i].name))
			passes(x, n, pass[i].kind, 0);
	if (!strcmp(n->name, "root") && !strchr(n->words[1], '$'))
		conf_place(x->c, "documents", conf_path(x->c, "/usr/share/nginx", n->words[1]), at);
	else if ((!strcmp(n->name, "access_log") || !strcmp(n->name, "error_log")) && n->words[1][0] == '/')
		conf_place(x->c, "logs", n->words[1], at);
	else if (in == MAIL && !strcmp(n->name, "auth_http"))
		passes(x, n, "auth", 80);
}

static void server(struct nginx *x, const struct conf_node *n, enum context in)
{
	bool has_listen = false;

	walk(x, n->children, in, true, &has_listen);
	if (!has_listen && in == HTTP)
		socket_add(x, &(struct socket){ .l4 = "tcp", .port = 80, .at = "default" });
}

static void upstreams(struct nginx *x, const struct conf_node *n)
{
	for (n = n->children; n; n = n->next)
		if (!strcmp(n->name, "server") && n->count > 1)
			conf_upstream(x->c, "proxy", n->words[1], 80, conf_node_at(x->c, n));
}

static void walk(struct nginx *x, const struct conf_node *n, enum context in, bool in_server, bool *ret_listens)
{
	for (; n; n = n->next) {
		conf_tick(x->c);
		if (!strcmp(n->name, "include") && n->count > 1) {
			include(x, n, in, in_server, ret_listens);
		} else if (n->block && in == MAIN) {
			if (!strcmp(n->name, "http"))
				walk(x, n->children, HTTP, false, ret_listens);
			else if (!strcmp(n->name, "stream"))
				walk(x, n->children, STREAM, false, ret_listens);
			else if (!strcmp(n->name, "mail"))
				walk(x, n->children, MAIL, false, ret_listens);
		} else if (n->block && !in_server && !strcmp(n->name, "server")) {
			server(x, n, in);
		} else if (n->block && !strcmp(n->name, "upstream")) {
			upstreams(x, n);
		} else if (n->block && strcmp(n->name, "map") != 0 && strcmp(n->name, "types") != 0 && strcmp(n->name, "geo") != 0) {
			walk(x, n->children, in, true, ret_listens); /* location, if, limit_except */
		} else if (in_server && !strcmp(n->name, "listen") && n->count > 1) {
			*ret_listens = true;
			listens(x, n, in);
		} else if (n->count > 1) {
			directive(x, n, in);
		}
	}
}

/* -g "daemon off; error_log …;": directives of the main context. */
static void walk_flags(struct nginx *x, const struct conf_run *r)
{
	const char *text, *source;
	unsigned at = 0;
	bool listens_there = false;

	while ((text = conf_flag_next(x->c, r, "-g", NULL, &at, &source))) {
		struct conf_file *f = conf_alloc(x->c, sizeof(*f));

		*f = (struct conf_file){ .path = "flag:-g", .text = conf_strdup(x->c, text), .len = strlen(text) };
		walk(x, conf_blocks(x->c, f, CONF_BLOCK_SINGLE), MAIN, false, &listens_there);
	}
}

void conf_nginx(struct conf *c, const struct conf_run *r)
{
	static const char *const places[] = { "/etc/nginx/nginx.conf", "/usr/local/openresty/nginx/conf/nginx.conf",
					      "/usr/local/nginx/conf/nginx.conf", "/opt/bitnami/nginx/conf/nginx.conf" };
	const char *given = r->config ? r->config : conf_flag(c, r, "-c", NULL, NULL), *prefix = conf_flag(c, r, "-p", NULL, NULL);
	struct nginx x = { .c = c, .sockets_end = &x.sockets };
	struct conf_file *f;
	bool listens_there = false;

	for (size_t i = 0; !given && !prefix && i < ARRAY_SIZE(places); i++)
		if (conf_exists(c, places[i]))
			given = places[i];
	if (!given)
		given = prefix ? "conf/nginx.conf" : places[0];
	given = conf_path(c, prefix ? prefix : "/etc/nginx", given);
	x.prefix = conf_dirname(c, given);
	walk_flags(&x, r);
	f = conf_read(c, given, "config", false);
	if (f)
		walk(&x, conf_blocks(c, f, CONF_BLOCK_SINGLE), MAIN, false, &listens_there);
	sockets_listen(&x);
}
