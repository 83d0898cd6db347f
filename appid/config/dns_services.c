/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Name servers: BIND, Unbound, NSD, Knot, dnsmasq. All listen on UDP and TCP. */
#include <stdlib.h>
#include <string.h>

#include "appid/config/conf_apps.h"
#include "appid/config/conf_text.h"

static void both(struct conf *c, const char *host, const char *port, enum conf_any any, const char *at)
{
	conf_listen_text(c, "udp", host, port, any, at);
	conf_listen_text(c, "tcp", host, port, any, at);
}

/* ---- BIND 9: https://bind9.readthedocs.io/en/v9.18.14/reference.html ------------------------------------------- */
struct named {
	struct conf *c;
	const char *port;
	bool four, six, has_v4, has_v6, has_controls;
	unsigned includes;
	const struct conf_node *listens[64];
	unsigned count;
};

static const char *after(const struct conf_node *n, const char *word)
{
	for (unsigned i = 1; i + 1 < n->count; i++)
		if (!strcmp(n->words[i], word))
			return n->words[i + 1];
	return NULL;
}

/* listen-on [port N] { address; any; none; !x; } */
static void named_listen(struct named *d, const struct conf_node *n)
{
	bool six = !strcmp(n->name, "listen-on-v6");
	const char *port = after(n, "port"), *at = conf_node_at(d->c, n);

	if (six ? !d->six : !d->four)
		return;
	for (const struct conf_node *a = n->children; a; a = a->next) {
		const char *address = a->name;

		if (!strcmp(address, "none") || *address == '!')
			continue;
		if (!strcmp(address, "any")) {
			address = six ? "::" : "0.0.0.0";
			conf_note(d->c, "named: \"any\" is a socket for each address of the machine");
		} else if (!strcmp(address, "localhost") || !strcmp(address, "localnets")) {
			conf_note(d->c, "named: \"%s\" stands for addresses of the machine", address);
			address = six ? "::" : "0.0.0.0";
		} else if (strchr(address, '/')) {
			conf_unread(d->c, conf_node_at(d->c, a), "addresses of the machine in %s", address);
			continue;
		}
		both(d->c, address, port ? port : d->port, CONF_ANY_V4, at);
	}
}

static void named_inet(struct named *d, const struct conf_node *n, unsigned fallback)
{
	for (n = n->children; n; n = n->next) {
		const char *port = after(n, "port"), *at = conf_node_at(d->c, n);

		if (strcmp(n->name, "inet") != 0 || n->count < 2)
			continue;
		conf_listen_text(d->c, "tcp", n->words[1], port && strcmp(port, "*") != 0 ? port : conf_printf(d->c, "%u",
				fallback), CONF_ANY_V4, at);
	}
}

static void named_read(struct named *d, const char *path, unsigned depth);

static void named_walk(struct named *d, const struct conf_node *n, unsigned depth)
{
	for (; n; n = n->next) {
		if (!strcmp(n->name, "include") && n->count > 1)
			named_read(d, n->words[1], depth + 1);
		else if (!strcmp(n->name, "options"))
			named_walk(d, n->children, depth + 1);
		else if (!strcmp(n->name, "port") && n->count > 1)
			d->port = n->words[1];
		else if (!strncmp(n->name, "listen-on", 9) && d->count < ARRAY_SIZE(d->listens)) {
			d->has_v6 |= !strcmp(n->name, "listen-on-v6");
			d->has_v4 |= !strcmp(n->name, "listen-on");
			d->listens[d->count++] = n;
		} else if (!strcmp(n->name, "controls")) {
			d->has_controls = true;
			named_inet(d, n, 953);
		} else if (!strcmp(n->name, "statistics-channels"))
			named_inet(d, n, 80);
		else if (!strcmp(n->name, "directory") && n->count > 1)
			conf_place(d->c, "data", n->words[1], conf_node_at(d->c, n));
		else if (!strcmp(n->name, "forwarders"))
			for (const struct conf_node *a = n->children; a; a = a->next)
				conf_upstream(d->c, "dns", a->name, 53, conf_node_at(d->c, a));
	}
}

static void named_read(struct named *d, const char *path, unsigned depth)
{
	struct conf_file *f = depth < CONF_DEPTH && d->includes++ < 256 ? conf_read(d->c, conf_path(d->c, "/etc/bind", path), "config", false) : NULL;

	if (f)
		named_walk(d, conf_blocks(d->c, f, CONF_BLOCK_SLASHES), depth);
	else if (depth >= CONF_DEPTH)
		conf_unread(d->c, path, "includes more than 32 deep: a loop?");
}

void conf_bind(struct conf *c, const struct conf_run *r)
{
	static const char *const keys[] = { "/etc/bind/rndc.key", "/etc/rndc.key", "/etc/named/rndc.key" };
	struct named *d = conf_alloc(c, sizeof(*d));
	const char *path = r->config ? r->config : conf_flag(c, r, "-c", NULL, NULL), *port = conf_flag(c, r, "-p", NULL, NULL);

	*d = (struct named){ .c = c, .port = "53", .four = !conf_switch(r, '6', NULL), .six = !conf_switch(r, '4', NULL) };
	if (!path)
		path = conf_exists(c, "/etc/bind/named.conf") || !conf_exists(c, "/etc/named.conf") ? "/etc/bind/named.conf" : "/etc/named.conf";
	named_read(d, conf_path(c, r->cwd, path), 0);
	d->port = port ? port : d->port;
	for (unsigned i = 0; i < d->count; i++)
		named_listen(d, d->listens[i]);
	if ((!d->has_v4 && d->four) || (!d->has_v6 && d->six))
		conf_note(c, "named: \"any\" is a socket for each address of the machine");
	if (!d->has_v4 && d->four)
		both(c, "0.0.0.0", d->port, CONF_ANY_V4, "default");
	if (!d->has_v6 && d->six)
		both(c, "::", d->port, CONF_ANY_V4, "default");
	for (size_t i = 0; i < ARRAY_SIZE(keys) && !d->has_controls; i++) {
		if (!conf_exists(c, keys[i]))
			continue;
		d->has_controls = true;
		if (d->four)
			conf_listen(c, "tcp", "127.0.0.1", 953, CONF_ANY_V4, "default");
		if (d->six)
			conf_listen(c, "tcp", "::1", 953, CONF_ANY_V4, "default");
	}
	if (!d->has_controls && d->four) { /* rndc's key is made when the package is installed */
		conf_note(c, "named: its control channel needs a key, which is not here");
		conf_listen(c, "tcp", "127.0.0.1", 953, CONF_ANY_V4, "default");
		if (d->six)
			conf_listen(c, "tcp", "::1", 953, CONF_ANY_V4, "default");
	}
}

/* ---- Unbound and NSD: "clause:" and "name: value" lines --------------------------------------------------------------- */
struct clauses {
	struct conf *c;
	const char *dir;
	bool nsd;
	const char *section;
	const char *interfaces[CONF_WORDS], *at[CONF_WORDS];
	const char *control[16], *control_at[16];
	const char *port, *control_port;
	unsigned count, control_count, includes;
	bool control_on, no4, no6, no_udp, no_tcp, automatic;
	const char *control_enabled_at;
};

static void clause_read(struct clauses *u, const char *path);

static void clause_include(struct clauses *u, const char *pattern)
{
	unsigned n;
	const char **files = conf_glob(u->c, conf_path(u->c, u->dir, pattern), &n);

	if (u->includes++ > 256) {
		conf_unread(u->c, pattern, "more than 256 includes: a loop?");
		return;
	}
	for (unsigned i = 0; i < n; i++)
		clause_read(u, files[i]);
}

static void clause_setting(struct clauses *u, const char *key, char *raw, const char *at)
{
	bool begins = !*raw; /* a name alone is a clause; an empty string is a value */
	const char *value = conf_unquote(raw);
	bool remote = !strcmp(u->section, "remote-control"), server = !strcmp(u->section, "server");

	if (!strcmp(key, "include") || !strcmp(key, "include-toplevel"))
		clause_include(u, value);
	else if (begins)
		u->section = conf_strdup(u->c, key);
	else if (server && (!strcmp(key, "interface") || !strcmp(key, "ip-address")) && u->count < CONF_WORDS) {
		u->interfaces[u->count] = value;
		u->at[u->count++] = at;
	} else if (server && !strcmp(key, "port"))
		u->port = value;
	else if (server && !strcmp(key, "do-ip4"))
		u->no4 = conf_is_no(value);
	else if (server && !strcmp(key, "do-ip6"))
		u->no6 = conf_is_no(value);
	else if (server && !strcmp(key, "do-udp"))
		u->no_udp = conf_is_no(value);
	else if (server && !strcmp(key, "do-tcp"))
		u->no_tcp = conf_is_no(value);
	else if (server && !strcmp(key, "interface-automatic"))
		u->automatic = conf_is_yes(value);
	else if (remote && !strcmp(key, "control-enable")) {
		u->control_on = conf_is_yes(value);
		u->control_enabled_at = at;
	} else if (remote && !strcmp(key, "control-interface") && u->control_count < ARRAY_SIZE(u->control)) {
		u->control[u->control_count] = value;
		u->control_at[u->control_count++] = at;
	} else if (remote && !strcmp(key, "control-port"))
		u->control_port = value;
	else if (!strcmp(key, "forward-addr") || !strcmp(key, "stub-addr"))
		conf_upstream(u->c, "dns", conf_strndup(u->c, value, strcspn(value, "@#")), 53, at);
}

static void clause_read(struct clauses *u, const char *path)
{
	struct conf_file *f = conf_read(u->c, path, "config", false);
	struct conf_kv k = { .lines = { .c = u->c, .f = f }, .comments = "#", .trailing = "#", .seps = ":" };

	while (f && conf_kv_next(&k))
		clause_setting(u, k.key, k.value, k.at);
}

static void clause_listen(struct clauses *u, const char *spec, const char *port, const char *at, bool control)
{
	const char *own = strchr(spec, '@');

	if (*spec == '/') {
		conf_listen_unix(u->c, spec, at);
		return;
	}
	if (own) {
		spec = conf_strndup(u->c, spec, (size_t)(own - spec));
		port = own + 1;
	}
	if ((u->no6 && strchr(spec, ':')) || (u->no4 && !strchr(spec, ':')))
		return;
	if (!u->no_udp && !control)
		conf_listen_text(u->c, "udp", spec, port, CONF_ANY_V4, at);
	if (!u->no_tcp || control)
		conf_listen_text(u->c, "tcp", spec, port, CONF_ANY_V4, at);
}

static void clauses_listen(struct clauses *u)
{
	if (u->automatic || (u->nsd && !u->count)) {
		clause_listen(u, "0.0.0.0", u->port, "default", false);
		clause_listen(u, "::", u->port, "default", false);
	} else if (!u->count) {
		clause_listen(u, "127.0.0.1", u->port, "default", false);
		clause_listen(u, "::1", u->port, "default", false);
	}
	for (unsigned i = 0; i < u->count; i++)
		clause_listen(u, u->interfaces[i], u->port, u->at[i], false);
	if (!u->control_on)
		return;
	if (!u->control_count) {
		clause_listen(u, "127.0.0.1", u->control_port, u->control_enabled_at, true);
		clause_listen(u, "::1", u->control_port, u->control_enabled_at, true);
	}
	for (unsigned i = 0; i < u->control_count; i++)
		clause_listen(u, u->control[i], u->control_port, u->control_at[i], true);
}

static void clauses_run(struct conf *c, const struct conf_run *r, bool nsd, const char *fallback)
{
	struct clauses *u = conf_alloc(c, sizeof(*u));
	const char *path = r->config ? r->config : conf_flag(c, r, "-c", NULL, NULL), *v;

	*u = (struct clauses){ .c = c, .nsd = nsd, .section = "", .port = "53", .control_port = nsd ? "8952" : "8953" };
	path = conf_path(c, r->cwd, path ? path : fallback);
	u->dir = conf_dirname(c, path);
	clause_read(u, path);
	if (nsd && (v = conf_flag(c, r, "-p", NULL, NULL)))
		u->port = v;
	clauses_listen(u);
}

void conf_unbound(struct conf *c, const struct conf_run *r)
{
	clauses_run(c, r, false, "/etc/unbound/unbound.conf");
}

void conf_nsd(struct conf *c, const struct conf_run *r)
{
	clauses_run(c, r, true, "/etc/nsd/nsd.conf");
}

/* ---- Knot DNS: YAML; listen may stand several times ------------------------------------------------------------------------ */
void conf_knot(struct conf *c, const struct conf_run *r)
{
	const char *path = r->config ? r->config : conf_flag(c, r, "-c", "--config", NULL), *list[CONF_WORDS];
	struct conf_file *f = conf_read(c, path ? conf_path(c, r->cwd, path) : "/etc/knot/knot.conf", "config", false);
	struct conf_node *root = f ? conf_yaml(c, f) : NULL;

	for (const struct conf_node *s = root ? root->children : NULL; s; s = s->next)
		for (const struct conf_node *n = s->name && !strcmp(s->name, "server") ? s->children : NULL; n; n = n->next) {
			unsigned count = n->name && !strcmp(n->name, "listen") ? conf_node_list(c, n, list) : 0;

			for (unsigned i = 0; i < count; i++) {
				const char *at = strchr(list[i], '@');

				if (list[i][0] == '/')
					conf_listen_unix(c, list[i], conf_node_at(c, n));
				else
					both(c, at ? conf_strndup(c, list[i], (size_t)(at - list[i])) : list[i], at ? at + 1 : "53",
							CONF_ANY_V4, conf_node_at(c, n));
			}
		}
}

/* ---- dnsmasq(8): long options, in files without dashes -------------------------------------------------------------------------- */
struct dnsmasq {
	struct conf *c;
	const char *port, *port_at, *listen[CONF_WORDS], *listen_at[CONF_WORDS];
	unsigned count, includes;
	bool bind, interfaces, tftp, dhcp;
	const char *tftp_at, *dhcp_at;
};

static void dnsmasq_read(struct dnsmasq *d, const char *path);

/* conf-dir=/dir[,.bak][,*.conf]: suffixes to leave out, or with a star the only ones to take. */
static void dnsmasq_dir(struct dnsmasq *d, const char *value)
{
	const char *parts[CONF_WORDS];
	unsigned n = conf_split_list(d->c, value, ",", parts), count;
	const char **files = n ? conf_dir(d->c, parts[0], NULL, &count) : NULL;

	for (unsigned i = 0; files && i < count; i++) {
		const char *base = conf_basename(files[i]);
		size_t len = strlen(base);
		bool only = false, is = false, left_out = false;

		for (unsigned k = 1; k < n; k++) {
			const char *suffix = parts[k] + (*parts[k] == '*');
			bool ends = len >= strlen(suffix) && !strcmp(base + len - strlen(suffix), suffix);

			only |= *parts[k] == '*';
			is |= *parts[k] == '*' && ends;
			left_out |= *parts[k] != '*' && ends;
		}
		if (base[0] != '.' && base[0] != '#' && base[len - 1] != '~' && !left_out && (!only || is))
			dnsmasq_read(d, files[i]);
	}
}

static void dnsmasq_option(struct dnsmasq *d, const char *key, const char *value, const char *at)
{
	const char *parts[CONF_WORDS];
	unsigned n;

	if (!strcmp(key, "port")) {
		d->port = conf_strdup(d->c, value);
		d->port_at = at;
	} else if (!strcmp(key, "listen-address")) {
		n = conf_split_list(d->c, value, ",", parts);
		for (unsigned i = 0; i < n && d->count < CONF_WORDS; i++) {
			d->listen[d->count] = parts[i];
			d->listen_at[d->count++] = at;
		}
	} else if (!strcmp(key, "bind-interfaces") || !strcmp(key, "bind-dynamic")) {
		d->bind = true;
	} else if (!strcmp(key, "interface")) {
		d->interfaces = true;
	} else if (!strcmp(key, "enable-tftp")) {
		d->tftp = true;
		d->tftp_at = at;
	} else if (!strcmp(key, "dhcp-range")) {
		d->dhcp = true;
		d->dhcp_at = at;
	} else if (!strcmp(key, "server")) {
		n = conf_split_list(d->c, value, "/", parts);
		if (n && strpbrk(parts[n - 1], ".:"))
			conf_upstream(d->c, "dns", conf_strndup(d->c, parts[n - 1], strcspn(parts[n - 1], "#@")), 53, at);
	} else if ((!strcmp(key, "conf-file") || !strcmp(key, "servers-file")) && d->includes++ < 64) {
		dnsmasq_read(d, value);
	} else if (!strcmp(key, "conf-dir") && d->includes++ < 64) {
		dnsmasq_dir(d, value);
	}
}

static void dnsmasq_read(struct dnsmasq *d, const char *path)
{
	struct conf_file *f = conf_read(d->c, path, "config", false);
	struct conf_kv k = { .lines = { .c = d->c, .f = f }, .comments = "#", .trailing = "#", .seps = "=" };

	while (f && conf_kv_next(&k))
		dnsmasq_option(d, k.key, conf_unquote(k.value), k.at);
}

static void dnsmasq_flags(struct dnsmasq *d, const struct conf_run *r, bool *ret_file)
{
	static const struct {
		const char *name;
		char letter;
		bool value;
	} shorts[] = { { "port", 'p', true }, { "listen-address", 'a', true }, { "bind-interfaces", 'z', false }, { "interface", 'i', true },
		       { "conf-file", 'C', true }, { "conf-dir", '7', true }, { "dhcp-range", 'F', true }, { "server", 'S', true } };

	for (unsigned i = 1; i < r->argc && r->argv[i]; i++) {
		const char *a = r->argv[i], *equals = strchr(a, '='), *next = i + 1 < r->argc ? r->argv[i + 1] : NULL, *key = NULL, *value = "";

		if (!strncmp(a, "--", 2)) {
			key = equals ? conf_strndup(d->c, a + 2, (size_t)(equals - a - 2)) : a + 2;
			value = equals ? equals + 1 : next && next[0] != '-' ? next : "";
		} else if (a[0] == '-') {
			for (size_t k = 0; k < ARRAY_SIZE(shorts); k++)
				if (a[1] == shorts[k].letter) {
					key = shorts[k].name;
					value = !shorts[k].value ? "" : a[2] ? a + 2 : next ? next : "";
				}
		}
		if (key) {
			*ret_file |= !strcmp(key, "conf-file");
			dnsmasq_option(d, key, value, conf_printf(d->c, "flag:%s", a));
		}
	}
}

void conf_dnsmasq(struct conf *c, const struct conf_run *r)
{
	struct dnsmasq *d = conf_alloc(c, sizeof(*d));
	bool file = false;

	d->c = c;
	dnsmasq_flags(d, r, &file);
	if (!file)
		dnsmasq_read(d, "/etc/dnsmasq.conf");
	d->port = d->port ? d->port : "53";
	if (!d->bind || (!d->count && !d->interfaces)) {
		if (d->bind)
			conf_note(c, "dnsmasq: a socket for each address of the machine");
		if (strcmp(d->port, "0") != 0)
			both(c, NULL, d->port, CONF_ANY_BOTH, d->port_at ? d->port_at : "default");
		if (d->tftp)
			conf_listen(c, "udp", NULL, 69, CONF_ANY_BOTH, d->tftp_at);
	} else {
		if (d->interfaces)
			conf_unread(c, "dnsmasq", "the addresses of its interfaces are known only where it runs");
		for (unsigned i = 0; i < d->count; i++) {
			if (strcmp(d->port, "0") != 0)
				both(c, d->listen[i], d->port, CONF_ANY_V4, d->listen_at[i]);
			if (d->tftp)
				conf_listen(c, "udp", d->listen[i], 69, CONF_ANY_V4, d->tftp_at);
		}
	}
	if (d->dhcp)
		conf_listen(c, "udp", NULL, 67, CONF_ANY_V4, d->dhcp_at);
}
