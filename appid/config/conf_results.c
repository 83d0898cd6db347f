/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What readers found: listeners, upstreams, places, notes. */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appid/config/conf_priv.h"

bool conf_is_known(const char *s)
{
	return !strchr(s, CONF_UNKNOWN);
}

/* For a person: what is not known shows as "…". */
static const char *shown(struct conf *c, const char *s)
{
	char *out, *p;

	if (conf_is_known(s))
		return s;
	p = out = conf_alloc(c, strlen(s) * 3 + 1);
	for (; *s; s++) {
		if (*s != CONF_UNKNOWN) {
			*p++ = *s;
			continue;
		}
		memcpy(p, "…", 3);
		p += 3;
	}
	return out;
}

void conf_app(struct conf *c, const char *app)
{
	c->app = app;
	if (!c->main_app)
		c->main_app = app;
}

static void say(struct conf *c, struct conf_said ***end, unsigned *count, const char *what, const char *why)
{
	struct conf_said *s;

	if (*count >= CONF_RESULTS)
		return;
	(*count)++;
	s = conf_alloc(c, sizeof(*s));
	s->what = what ? shown(c, what) : NULL;
	s->why = shown(c, why);
	**end = s;
	*end = &s->next;
}

static const char *text(struct conf *c, const char *fmt, va_list ap)
{
	char buf[1024];

	vsnprintf(buf, sizeof(buf), fmt, ap);
	return conf_strdup(c, buf);
}

static bool said(const struct conf_said *s, const char *what, const char *why)
{
	for (; s; s = s->next)
		if (!strcmp(s->why, why) && (!what || !strcmp(s->what, what)))
			return true;
	return false;
}

void conf_note(struct conf *c, const char *fmt, ...)
{
	const char *why;
	va_list ap;

	va_start(ap, fmt);
	why = text(c, fmt, ap);
	va_end(ap);
	if (!said(c->notes, NULL, why))
		say(c, &c->notes_end, &c->note_count, NULL, why);
}

void conf_unread(struct conf *c, const char *what, const char *fmt, ...)
{
	const char *why;
	va_list ap;

	va_start(ap, fmt);
	why = text(c, fmt, ap);
	va_end(ap);
	if (!said(c->unread, what, why))
		say(c, &c->unread_end, &c->unread_count, conf_strdup(c, what), why);
}

/* ---- names of hosts and services --------------------------------------------------------------------------- */
static const char *text_of(struct conf *c, const char **kept, const char *path)
{
	if (!*kept) {
		const struct conf_file *f = conf_read(c, path, NULL, true);

		*kept = f ? f->text : "";
	}
	return *kept;
}

static const struct {
	const char *name;
	unsigned port;
} services[] = {
	{ "http", 80 },	       { "https", 443 },       { "www", 80 },	    { "ssh", 22 },	 { "smtp", 25 },
	{ "smtps", 465 },      { "submissions", 465 }, { "submission", 587 }, { "domain", 53 },	 { "domain-s", 853 },
	{ "imap", 143 },       { "imap2", 143 },       { "imaps", 993 },    { "pop3", 110 },	 { "pop3s", 995 },
	{ "ftp", 21 },	       { "ftps", 990 },	       { "ldap", 389 },	    { "ldaps", 636 },	 { "telnet", 23 },
	{ "mysql", 3306 },     { "postgresql", 5432 }, { "rsync", 873 },    { "sieve", 4190 },	 { "ntp", 123 },
	{ "snmp", 161 },       { "snmp-trap", 162 },   { "tftp", 69 },	    { "http-alt", 8080 }, { "webcache", 8080 },
	{ "munin", 4949 },     { "redis", 6379 },      { "amqp", 5672 },    { "amqps", 5671 },	 { "socks", 1080 },
	{ "nntp", 119 },       { "ircd", 6667 },       { "openvpn", 1194 }, { "zabbix-agent", 10050 }, { "zabbix-trapper", 10051 },
	{ "kerberos", 88 },    { "syslog", 514 },      { "qmtp", 209 },	    { "auth", 113 },	 { "mqtt", 1883 },
};

/* "name port/proto [alias]…" lines of /etc/services. */
static unsigned service_in(const char *p, const char *name)
{
	size_t len = strlen(name);

	while (*p) {
		const char *end = strchrnul(p, '\n');
		char line[256];
		char *words[16], *save = NULL;
		unsigned n = 0;

		snprintf(line, sizeof(line), "%.*s", (int)(end - p), p);
		line[strcspn(line, "#")] = '\0';
		for (char *w = strtok_r(line, " \t", &save); w && n < 16; w = strtok_r(NULL, " \t", &save))
			words[n++] = w;
		for (unsigned i = 0; n >= 2 && i < n; i++)
			if (i != 1 && strlen(words[i]) == len && !memcmp(words[i], name, len))
				return (unsigned)strtoul(words[1], NULL, 10) & 0xffff;
		p = *end ? end + 1 : end;
	}
	return 0;
}

unsigned conf_port(struct conf *c, const char *s)
{
	char *end;
	unsigned long n;
	unsigned port;

	if (!s || !*s)
		return 0;
	if (isdigit((unsigned char)*s)) {
		n = strtoul(s, &end, 10);
		return *end || n > 65535 ? 0 : (unsigned)n;
	}
	port = service_in(text_of(c, &c->services, "/etc/services"), s);
	for (size_t i = 0; !port && i < ARRAY_SIZE(services); i++)
		if (!strcasecmp(services[i].name, s))
			port = services[i].port;
	return port;
}

void conf_split(struct conf *c, const char *spec, const char **ret_host, const char **ret_port)
{
	const char *colon = strrchr(spec, ':');
	bool digits = *spec && strspn(spec, "0123456789") == strlen(spec);

	*ret_host = *ret_port = NULL;
	if (spec[0] == '[') {
		const char *end = strchr(spec, ']');

		if (end) {
			*ret_host = conf_strndup(c, spec + 1, (size_t)(end - spec - 1));
			*ret_port = end[1] == ':' && end[2] ? end + 2 : NULL;
			return;
		}
	}
	if (digits) {
		*ret_port = spec;
		return;
	}
	if (!colon) {
		*ret_host = spec;
		return;
	}
	if (strchr(spec, ':') != colon && spec[0] != ':') { /* an IPv6 address without brackets */
		struct in6_addr a;

		if (inet_pton(AF_INET6, spec, &a) == 1) {
			*ret_host = spec;
			return;
		}
	}
	*ret_host = colon == spec ? NULL : conf_strndup(c, spec, (size_t)(colon - spec));
	*ret_port = colon[1] ? colon + 1 : NULL;
}

/* ---- listeners ------------------------------------------------------------------------------------------------ */
static bool listener_is(const struct conf_listener *l, const char *l4, const char *address, unsigned port)
{
	return l->port == port && !strcmp(l->l4, l4) && !strcmp(l->address, address);
}

static void listener_add(struct conf *c, const char *l4, const char *address, unsigned port, const char *source)
{
	struct conf_listener *l;

	for (l = c->listeners; l; l = l->next)
		if (listener_is(l, l4, address, port))
			return;
	if (c->listener_count >= CONF_RESULTS) {
		conf_unread(c, "listeners", "more than %d", CONF_RESULTS);
		return;
	}
	c->listener_count++;
	l = conf_alloc(c, sizeof(*l));
	*l = (struct conf_listener){ l4, address, c->app ? c->app : "unknown", shown(c, source), port, NULL };
	*c->listeners_end = l;
	c->listeners_end = &l->next;
}

/* The address as the kernel prints it; NULL: it is none. */
static const char *address_text(struct conf *c, const char *host)
{
	char bare[INET6_ADDRSTRLEN + 1];
	unsigned char a[16];
	size_t len = strlen(host);

	if (len > 2 && host[0] == '[' && host[len - 1] == ']') {
		host++;
		len -= 2;
	}
	len = strcspn(host, "%]") < len ? strcspn(host, "%]") : len;
	if (len >= sizeof(bare))
		return NULL;
	memcpy(bare, host, len);
	bare[len] = '\0';
	if (inet_pton(AF_INET, bare, a) == 1)
		return inet_ntop(AF_INET, a, bare, sizeof(bare)) ? conf_strdup(c, bare) : NULL;
	if (inet_pton(AF_INET6, bare, a) == 1)
		return inet_ntop(AF_INET6, a, bare, sizeof(bare)) ? conf_strdup(c, bare) : NULL;
	return NULL;
}

/* Lines "address name…" of /etc/hosts. Returns how many there were. */
static unsigned hosts_listen(struct conf *c, const char *l4, const char *name, unsigned port, const char *source)
{
	const char *p = text_of(c, &c->hosts, "/etc/hosts");
	unsigned found = 0;

	while (*p) {
		const char *end = strchrnul(p, '\n'), *address;
		char line[512];
		char *save = NULL, *first, *w;

		snprintf(line, sizeof(line), "%.*s", (int)(end - p), p);
		line[strcspn(line, "#")] = '\0';
		first = strtok_r(line, " \t", &save);
		while (first && (w = strtok_r(NULL, " \t", &save))) {
			if (strcasecmp(w, name) != 0)
				continue;
			address = address_text(c, first);
			if (address) {
				listener_add(c, l4, address, port, source);
				found++;
			}
			break;
		}
		p = *end ? end + 1 : end;
	}
	return found;
}

void conf_listen(struct conf *c, const char *l4, const char *host, unsigned port, enum conf_any any, const char *source)
{
	const char *address;

	if (!port)
		return;
	if (host && !conf_is_known(host)) {
		conf_unread(c, source, "the address is known only when it runs");
		return;
	}
	if (!host || !*host || !strcmp(host, "*")) {
		if (any == CONF_ANY_DUAL) {
			listener_add(c, l4, "*", port, source);
			return;
		}
		listener_add(c, l4, "0.0.0.0", port, source);
		if (any == CONF_ANY_BOTH)
			listener_add(c, l4, "::", port, source);
		return;
	}
	address = address_text(c, host);
	if (address) {
		listener_add(c, l4, address, port, source);
		return;
	}
	if (!strcasecmp(host, "localhost")) {
		listener_add(c, l4, "127.0.0.1", port, source);
		listener_add(c, l4, "::1", port, source);
		return;
	}
	if (!hosts_listen(c, l4, host, port, source)) {
		listener_add(c, l4, conf_strdup(c, host), port, source);
		conf_note(c, "the address of \"%s\" is known only where it runs", host);
	}
}

void conf_listen_text(struct conf *c, const char *l4, const char *host, const char *port, enum conf_any any, const char *source)
{
	unsigned n = port ? conf_port(c, port) : 0;

	if (n || (port && !strcmp(port, "0")))
		conf_listen(c, l4, host, n, any, source);
	else
		conf_unread(c, source, "what port is \"%s\"?", port ? port : "");
}

void conf_listen_spec(struct conf *c, const char *l4, const char *spec, unsigned fallback, enum conf_any any, const char *source)
{
	const char *host, *port;

	conf_split(c, spec, &host, &port);
	if (port)
		conf_listen_text(c, l4, host, port, any, source);
	else if (fallback)
		conf_listen(c, l4, host, fallback, any, source);
	else
		conf_unread(c, source, "no port in \"%s\"", spec);
}

void conf_listen_unix(struct conf *c, const char *path, const char *source)
{
	conf_place(c, "sockets", path, source);
}

unsigned conf_mark(const struct conf *c)
{
	return c->listener_count;
}

void conf_refused(struct conf *c, unsigned mark, const char *source, const char *fmt, ...)
{
	struct conf_listener **l = &c->listeners;
	const char *why;
	va_list ap;

	va_start(ap, fmt);
	why = text(c, fmt, ap);
	va_end(ap);
	for (unsigned i = 0; i < mark && *l; i++)
		l = &(*l)->next;
	*l = NULL;
	c->listeners_end = l;
	c->listener_count = mark;
	conf_note(c, "%s would not start with this configuration: %s: %s", c->app ? c->app : "the program", source, why);
}

/* ---- the rest --------------------------------------------------------------------------------------------------- */
void conf_upstream(struct conf *c, const char *kind, const char *target, unsigned fallback_port, const char *source)
{
	const char *host, *port;
	struct conf_target *t;

	if (!target || !*target)
		return;
	target = shown(c, target);
	if (fallback_port && target[0] != '/' && strncmp(target, "unix:", 5) != 0 && !strstr(target, "://")) {
		conf_split(c, target, &host, &port);
		if (!port)
			target = conf_printf(c, strchr(host ? host : "", ':') ? "[%s]:%u" : "%s:%u", host ? host : "", fallback_port);
	}
	for (t = c->targets; t; t = t->next)
		if (!strcmp(t->target, target) && !strcmp(t->kind, kind))
			return;
	if (c->target_count >= CONF_RESULTS)
		return;
	c->target_count++;
	t = conf_alloc(c, sizeof(*t));
	*t = (struct conf_target){ kind, conf_strdup(c, target), c->app ? c->app : "unknown", shown(c, source), NULL };
	*c->targets_end = t;
	c->targets_end = &t->next;
}

void conf_place(struct conf *c, const char *role, const char *path, const char *source)
{
	struct conf_placed *p;

	if (!path || !*path)
		return;
	path = shown(c, path);
	for (p = c->places; p; p = p->next)
		if (!strcmp(p->path, path) && !strcmp(p->role, role))
			return;
	if (c->place_count >= CONF_RESULTS)
		return;
	c->place_count++;
	p = conf_alloc(c, sizeof(*p));
	*p = (struct conf_placed){ role, conf_strdup(c, path), source ? shown(c, source) : NULL, NULL, NULL };
	*c->places_end = p;
	c->places_end = &p->next;
}
