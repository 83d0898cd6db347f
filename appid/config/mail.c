/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Mail servers: Dovecot, Postfix, Exim, OpenSMTPD. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "appid/config/conf_apps.h"
#include "appid/config/conf_text.h"

/* ---- Dovecot 2.3: https://doc.dovecot.org/2.3/configuration_manual/service_configuration/ ---------------------------------- */
struct inet {
	const char *service, *name, *address, *port, *at;
	bool tls;
	const char *protocol; /* counts only if this one is served; NULL: always */
	struct inet *next;
};

struct dovecot {
	struct conf *c;
	const char *protocols, *listen, *ssl, *listen_at;
	struct inet *all;
	unsigned includes;
};

static struct inet *inet_get(struct dovecot *d, const char *service, const char *name, const char *at)
{
	struct inet *i, **end = &d->all;

	for (i = d->all; i; i = i->next) {
		if (!strcmp(i->service, service) && !strcmp(i->name, name))
			return i;
		end = &i->next;
	}
	i = conf_alloc(d->c, sizeof(*i));
	*i = (struct inet){ .service = service, .name = name, .at = at };
	*end = i;
	return i;
}

static void inet_default(struct dovecot *d, const char *service, const char *name, const char *port, bool tls, const char *protocol)
{
	struct inet *i = inet_get(d, service, name, "default");

	i->port = port;
	i->tls = tls;
	i->protocol = protocol;
}

/* "key = value" as a statement: the words behind the first "=". */
static const char *assigned(struct conf *c, const struct conf_node *n)
{
	const char *out = "";
	unsigned i = 1;

	while (i < n->count && strcmp(n->words[i], "=") != 0)
		i++;
	for (i++; i < n->count; i++)
		out = conf_printf(c, "%s%s%s", out, *out ? " " : "", n->words[i]);
	return out;
}

static void dovecot_read(struct dovecot *d, const char *path, bool optional);

static void dovecot_listener(struct dovecot *d, const char *service, const struct conf_node *n)
{
	struct inet *i = inet_get(d, service, n->count > 1 ? n->words[1] : "", conf_node_at(d->c, n));

	for (const struct conf_node *s = n->children; s; s = s->next) {
		const char *value = assigned(d->c, s);

		if (!strcmp(s->name, "port")) {
			i->port = value;
			i->at = conf_node_at(d->c, s);
		} else if (!strcmp(s->name, "address")) {
			i->address = value;
		} else if (!strcmp(s->name, "ssl")) {
			i->tls = conf_is_yes(value);
		}
	}
}

static void dovecot_walk(struct dovecot *d, const struct conf_node *n, const char *path)
{
	for (; n; n = n->next) {
		if ((!strcmp(n->name, "!include") || !strcmp(n->name, "!include_try")) && n->count > 1 && d->includes++ < 512) {
			unsigned count;
			const char **files = conf_glob(d->c, conf_path(d->c, conf_dirname(d->c, path), n->words[1]), &count);

			for (unsigned i = 0; i < count; i++)
				dovecot_read(d, files[i], true);
		} else if (!strcmp(n->name, "protocols")) {
			/* "$protocols imap" adds to what was there */
			const char *value = assigned(d->c, n);

			d->protocols = !strncmp(value, "$protocols", 10) ? conf_printf(d->c, "%s%s", d->protocols, value + 10) : value;
		} else if (!strcmp(n->name, "listen")) {
			d->listen = assigned(d->c, n);
			d->listen_at = conf_node_at(d->c, n);
		} else if (!strcmp(n->name, "ssl") && !n->block) {
			d->ssl = assigned(d->c, n);
		} else if (!strcmp(n->name, "log_path")) {
			conf_place(d->c, "logs", assigned(d->c, n), conf_node_at(d->c, n));
		} else if (n->block && !strcmp(n->name, "service") && n->count > 1) {
			for (const struct conf_node *s = n->children; s; s = s->next)
				if (s->block && !strcmp(s->name, "inet_listener"))
					dovecot_listener(d, n->words[1], s);
		}
	}
}

static void dovecot_read(struct dovecot *d, const char *path, bool optional)
{
	struct conf_file *f = conf_read(d->c, path, "config", optional);

	if (f)
		dovecot_walk(d, conf_blocks(d->c, f, CONF_BLOCK_LINES | CONF_BLOCK_EQUALS | CONF_BLOCK_SINGLE), path);
}

static bool has_word(struct conf *c, const char *list, const char *word)
{
	const char *w[CONF_WORDS];
	unsigned n = conf_split_list(c, list, ",", w);

	for (unsigned i = 0; i < n; i++)
		if (!strcmp(w[i], word))
			return true;
	return false;
}

void conf_dovecot(struct conf *c, const struct conf_run *r)
{
	static const char *const services[][2] = { { "imap", "imap-login" }, { "pop3", "pop3-login" }, { "submission",
			"submission-login" }, { "sieve", "managesieve-login" } };
	const char *path = r->config ? r->config : conf_flag(c, r, "-c", NULL, NULL), *hosts[CONF_WORDS];
	struct dovecot d = { .c = c, .protocols = "imap pop3 lmtp", .listen = "*, ::", .ssl = "yes", .listen_at = "default" };

	inet_default(&d, "imap-login", "imap", "143", false, "imap");
	inet_default(&d, "imap-login", "imaps", "993", true, "imap");
	inet_default(&d, "pop3-login", "pop3", "110", false, "pop3");
	inet_default(&d, "pop3-login", "pop3s", "995", true, "pop3");
	inet_default(&d, "submission-login", "submission", "587", false, "submission");
	inet_default(&d, "submission-login", "submissions", "465", true, "submission");
	inet_default(&d, "managesieve-login", "sieve", "4190", false, "sieve");
	dovecot_read(&d, path ? conf_path(c, r->cwd, path) : "/etc/dovecot/dovecot.conf", false);
	for (const struct inet *i = d.all; i; i = i->next) {
		const char *protocol = i->protocol;
		unsigned n;

		for (size_t k = 0; k < ARRAY_SIZE(services); k++)
			if (!strcmp(i->service, services[k][1]))
				protocol = services[k][0];
		if (!i->port || !strcmp(i->port, "0") || (protocol && !has_word(c, d.protocols, protocol)))
			continue;
		if (i->tls && conf_is_no(d.ssl))
			continue;
		n = conf_split_list(c, i->address ? i->address : d.listen, ",", hosts);
		for (unsigned k = 0; k < n; k++)
			conf_listen_text(c, "tcp", hosts[k], i->port, CONF_ANY_V4, i->at);
	}
}

/* ---- Postfix: main.cf(5), master.cf(5) ------------------------------------------------------------------------------------------ */
struct postfix {
	struct conf *c;
	struct conf_var *parameters;
};

static void parameter(struct postfix *p, const char *name, const char *value, const char *at)
{
	struct conf_var *v = conf_alloc(p->c, sizeof(*v));

	*v = (struct conf_var){ .name = name, .value = value, .source = at, .next = p->parameters };
	p->parameters = v;
}

static const char *value_of(struct postfix *p, const char *name, const char *fallback)
{
	const char *v = conf_env_of(p->parameters, name);

	for (int i = 0; v && strchr(v, '$') && i < 8; i++)
		v = conf_expand(p->c, v, p->parameters, true);
	return v ? v : fallback;
}

/* inet_interfaces: all, loopback-only, addresses and names. */
static void postfix_listen(struct postfix *p, const char *port, const char *interfaces, const char *protocols, const char *at)
{
	bool four = has_word(p->c, protocols, "all") || has_word(p->c, protocols, "ipv4"), six = has_word(p->c, protocols, "all") ||
			has_word(p->c, protocols, "ipv6");
	const char *hosts[CONF_WORDS];
	unsigned n = conf_split_list(p->c, interfaces, ",", hosts);

	for (unsigned i = 0; i < n; i++) {
		bool all = !strcmp(hosts[i], "all"), loopback = !strcmp(hosts[i], "loopback-only") || !strcmp(hosts[i], "localhost");

		if (!all && !loopback) {
			if (strchr(hosts[i], ':') ? six : four)
				conf_listen_text(p->c, "tcp", hosts[i], port, CONF_ANY_V4, at);
			continue;
		}
		if (four)
			conf_listen_text(p->c, "tcp", all ? "0.0.0.0" : "127.0.0.1", port, CONF_ANY_V4, at);
		if (six)
			conf_listen_text(p->c, "tcp", all ? "::" : "::1", port, CONF_ANY_V4, at);
	}
}

void conf_postfix(struct conf *c, const struct conf_run *r)
{
	const char *dir = r->config ? conf_dirname(c, r->config) : conf_flag(c, r, "-c", NULL, NULL), *w[CONF_WORDS], *interfaces, *protocols, *relay;
	struct postfix p = { .c = c };
	struct conf_file *f;

	dir = dir ? conf_path(c, r->cwd, dir) : "/etc/postfix";
	f = conf_read(c, conf_path(c, dir, "main.cf"), "config", false);
	struct conf_kv k = { .lines = { .c = c, .f = f, .fold = true }, .comments = "#", .seps = "=" };
	while (f && conf_kv_next(&k))
		parameter(&p, k.key, k.value, k.at);
	interfaces = value_of(&p, "inet_interfaces", "all");
	protocols = value_of(&p, "inet_protocols", "all");
	relay = value_of(&p, "relayhost", "");
	if (*relay)
		conf_upstream(c, "relay", relay, 25, "/etc/postfix/main.cf");
	f = conf_read(c, conf_path(c, dir, "master.cf"), "config", false);
	struct conf_lines l = { .c = c, .f = f, .fold = true };
	while (f && conf_line(&l)) {
		unsigned n = *l.text == '#' ? 0 : conf_words(c, l.text, "", w);
		const char *at = conf_at(c, f, l.line), *host, *port;

		if (n < 8 || strcmp(w[1], "inet") != 0)
			continue;
		conf_split(c, w[0], &host, &port);
		if (!port) { /* a service name alone */
			port = host;
			host = NULL;
		}
		for (unsigned i = 8; i + 1 < n; i++) /* -o inet_interfaces=… of this service */
			if (!strcmp(w[i], "-o") && !strncmp(w[i + 1], "inet_interfaces=", 16) && !host)
				host = w[i + 1] + 16;
		postfix_listen(&p, port, host ? host : interfaces, protocols, at);
	}
}

/* ---- Exim: Debian's update-exim4.conf.conf, and options of a plain configuration ------------------------------------------------- */
static void exim_list(struct conf *c, const char *addresses, const char *ports, const char *at)
{
	const char *hosts[CONF_WORDS], *numbers[CONF_WORDS];
	unsigned n = addresses ? conf_split_list(c, addresses, strchr(addresses, ';') ? ";" : ":<", hosts) : 0,
			m = conf_split_list(c, ports, ":", numbers);

	for (unsigned k = 0; k < m; k++) {
		for (unsigned i = 0; i < n; i++) {
			const char *dot = strrchr(hosts[i], '.'), *digits = hosts[i];
			unsigned dots = 0;

			for (const char *p = hosts[i]; *p; p++)
				dots += *p == '.';
			if (dots == 4) { /* 127.0.0.1.26: with a port of its own */
				digits = conf_strndup(c, hosts[i], (size_t)(dot - hosts[i]));
				conf_listen_text(c, "tcp", digits, dot + 1, CONF_ANY_BOTH, at);
			} else {
				conf_listen_text(c, "tcp", digits, numbers[k], CONF_ANY_BOTH, at);
			}
		}
		if (!n)
			conf_listen_text(c, "tcp", NULL, numbers[k], CONF_ANY_BOTH, at);
	}
}

void conf_exim(struct conf *c, const struct conf_run *r)
{
	const struct conf_var *debian = conf_shell_env(c, "/etc/exim4/update-exim4.conf.conf", NULL);
	const char *local = conf_env_of(debian, "dc_local_interfaces"), *ports = conf_flag(c, r, NULL, "-oX", NULL),
			*at = "default", *addresses = local;
	const char *path = r->config ? r->config : conf_exists(c, "/etc/exim/exim.conf") ? "/etc/exim/exim.conf" : "/etc/exim4/exim4.conf";
	struct conf_file *f = conf_read(c, path, "config", true);
	struct conf_kv k = { .lines = { .c = c, .f = f, .join = true }, .comments = "#", .seps = "=" };

	if (local)
		at = "/etc/exim4/update-exim4.conf.conf:1";
	while (f && conf_kv_next(&k)) {
		if (!strcmp(k.key, "daemon_smtp_ports")) {
			ports = k.value;
			at = k.at;
		} else if (!strcmp(k.key, "local_interfaces")) {
			addresses = k.value;
			at = k.at;
		} else if (!strncmp(k.key, "begin ", 6)) {
			break;
		}
	}
	exim_list(c, addresses, ports ? ports : "25", at);
}

/* ---- OpenSMTPD: smtpd.conf(5) ------------------------------------------------------------------------------------------------------ */
void conf_opensmtpd(struct conf *c, const struct conf_run *r)
{
	const char *path = r->config ? r->config : conf_flag(c, r, "-f", NULL, NULL), *w[CONF_WORDS];
	struct conf_file *f = conf_read(c, path ? conf_path(c, r->cwd, path) : "/etc/smtpd.conf", "config", false);
	struct conf_lines l = { .c = c, .f = f, .join = true };

	while (f && conf_line(&l)) {
		unsigned n = conf_words(c, l.text, "#", w);
		const char *port = NULL, *at = conf_at(c, f, l.line), *host;
		bool smtps = false, tls = false;

		if (n > 3 && !strcmp(w[0], "action") && n > 5) {
			for (unsigned i = 2; i + 1 < n; i++)
				if (!strcmp(w[i], "host"))
					conf_upstream(c, "relay", w[i + 1], 25, at);
			continue;
		}
		if (n < 3 || strcmp(w[0], "listen") != 0 || strcmp(w[1], "on") != 0)
			continue;
		for (unsigned i = 3; i < n; i++) {
			port = !strcmp(w[i], "port") && i + 1 < n ? w[i + 1] : port;
			smtps |= !strcmp(w[i], "smtps");
			tls |= !strcmp(w[i], "tls");
		}
		host = w[2];
		if (!strcmp(host, "socket"))
			continue;
		if (!strcmp(host, "lo"))
			host = "localhost";
		else if (!strcmp(host, "all"))
			host = NULL;
		(void)tls;
		conf_listen_text(c, "tcp", host, port ? port : smtps ? "465" : "25", CONF_ANY_BOTH, at);
	}
}
