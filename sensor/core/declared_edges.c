/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whom a container is declared to call: upstreams of its configuration, links and depends_on, environment that names a service. A
 * shared network declares nothing (DECISIONS 18). */
#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "sensor/core/declared_priv.h"

#define HOST_MAX 256

/* ---- names ------------------------------------------------------------------------------------------------------------- */
struct peer_search {
	struct core *c;
	const struct ident_container *who;
	const char *name;
	const struct ident_container *found;
	unsigned rank; /* of found: the surest name first */
};

static bool share_a_network(const struct ident_container *a, const struct ident_container *b)
{
	for (unsigned i = 0; i < a->endpoint_count && i < IDENT_ENDPOINTS_MAX; i++)
		for (unsigned k = 0; k < b->endpoint_count && k < IDENT_ENDPOINTS_MAX; k++)
			if (a->endpoints[i].network_id[0] && !strcmp(a->endpoints[i].network_id, b->endpoints[k].network_id))
				return true;
	return false;
}

static bool has_alias(struct core *c, const struct ident_container *ct, const char *name)
{
	const struct declared *d = declared_of(c, ct);

	for (const char *p = NULL; d && d->start && (p = docker_texts_next(&d->start->aliases, p));)
		if (!strcasecmp(p, name))
			return true;
	return false;
}

static bool has_address(const struct ident_container *ct, const char *text)
{
	static const uint8_t none[16];
	uint8_t a[16] = { [10] = 0xff, [11] = 0xff };

	if (inet_pton(AF_INET, text, a + 12) != 1 && inet_pton(AF_INET6, text, a) != 1)
		return false;
	for (unsigned i = 0; i < ct->endpoint_count && i < IDENT_ENDPOINTS_MAX; i++)
		if ((memcmp(ct->endpoints[i].addr4, none, 16) != 0 && !memcmp(ct->endpoints[i].addr4, a, 16)) ||
		    (memcmp(ct->endpoints[i].addr6, none, 16) != 0 && !memcmp(ct->endpoints[i].addr6, a, 16)))
			return true;
	return false;
}

static void peer_cb(const struct ident_container *ct, void *arg)
{
	struct peer_search *s = arg;
	const char *n = s->name;
	unsigned rank = 0;

	if (ct == s->who || ct->gone_mono_ns || ct->engine != s->who->engine || !ct->workload[0] || !share_a_network(ct, s->who))
		return;
	/* As the engine's resolver answers: names and aliases; a service within the same project or stack. */
	if (!strcasecmp(ct->name, n) || has_address(ct, n))
		rank = 4;
	else if (ct->compose_service[0] && !strcasecmp(ct->compose_service, n) && !strcmp(ct->compose_project, s->who->compose_project))
		rank = 3;
	else if (ct->swarm_service[0] && (!strcasecmp(ct->swarm_service, n) ||
					  (ct->swarm_stack[0] && !strncmp(ct->swarm_service, ct->swarm_stack, strlen(ct->swarm_stack)) &&
					   ct->swarm_service[strlen(ct->swarm_stack)] == '_' &&
					   !strcasecmp(ct->swarm_service + strlen(ct->swarm_stack) + 1, n))))
		rank = 3;
	else if (has_alias(s->c, ct, n))
		rank = 2;
	else if (ct->hostname[0] && !strcasecmp(ct->hostname, n))
		rank = 1;
	if (rank > s->rank) {
		s->rank = rank;
		s->found = ct;
	}
}

/* "/db:/web/alias": what the container calls it. */
static const char *linked(const struct declared *d, const char *name, char ret[HOST_MAX])
{
	for (const char *p = NULL; (p = docker_texts_next(&d->start->links, p));) {
		const char *colon = strchr(p, ':'), *alias = colon ? strrchr(colon, '/') : NULL;
		const char *from = p[0] == '/' ? p + 1 : p;

		if (!alias || strcasecmp(alias + 1, name) != 0 || colon <= from || colon - from >= HOST_MAX)
			continue;
		snprintf(ret, HOST_MAX, "%.*s", (int)(colon - from), from);
		return ret;
	}
	return name;
}

static const struct ident_container *resolve(struct core *c, const struct declared *d, const struct ident_container *ct, const char *name)
{
	char real[HOST_MAX];
	struct peer_search s = { .c = c, .who = ct, .name = linked(d, name, real) };

	ident_each_container(c->ident, peer_cb, &s);
	return s.found;
}

/* ---- facts --------------------------------------------------------------------------------------------------------------- */
struct same_fact {
	const char *key;
	bool there;
};

static void same_cb(const struct fact *f, void *arg)
{
	struct same_fact *s = arg;

	if (!strcmp(f->key, s->key) && f->sources & FACT_DECLARED)
		s->there = true;
}

static void vouch(struct core *c, const struct ident_container *ct, enum fact_kind k, const char *peer, const char *port, const char *where)
{
	struct model *m = model_of(c, ct);
	char key[FACT_KEY_MAX];
	struct same_fact s = { .key = fact_key(key, peer, port) };

	if (!m)
		return;
	model_each_fact(m, k, same_cb, &s);
	if (!s.there)
		(void)model_declare(c, ct, k, key, where);
}

static void edge(struct core *c, const struct ident_container *ct, const struct ident_container *peer, unsigned port, const char *where)
{
	char to[NAME_ID_LEN], from[NAME_ID_LEN], text[24];

	if (peer == ct)
		return;
	name_of_workload(c, peer, to);
	name_of_workload(c, ct, from);
	vouch(c, ct, FACT_EDGE_OUT, to, port ? fact_port(text, IPPROTO_TCP, (uint16_t)port) : FACT_ANY, where);
	if (!peer->remote)
		vouch(c, peer, FACT_EDGE_IN, from, port ? fact_port(text, IPPROTO_TCP, (uint16_t)port) : FACT_ANY, where);
}

/* ---- what texts say ---------------------------------------------------------------------------------------------------------- */
static const struct {
	const char *scheme;
	unsigned port;
} schemes[] = {
	{ "http", 80 },	      { "https", 443 },	      { "redis", 6379 },     { "rediss", 6379 },    { "mysql", 3306 },	 { "mysqli", 3306 },
	{ "mysql2", 3306 },   { "mariadb", 3306 },    { "postgres", 5432 },  { "postgresql", 5432 }, { "pgsql", 5432 },	 { "mongodb", 27017 },
	{ "amqp", 5672 },     { "amqps", 5671 },      { "memcached", 11211 }, { "mqtt", 1883 },	     { "mqtts", 8883 },	 { "ldap", 389 },
	{ "ldaps", 636 },     { "smtp", 25 },	      { "nats", 4222 },	     { "kafka", 9092 },	    { "ws", 80 },	 { "wss", 443 },
	{ "ftp", 21 },	      { "fastcgi", 9000 },    { "fcgi", 9000 },	     { "grpc", 0 },	    { "tcp", 0 },	 { "elasticsearch", 9200 },
};

/* "scheme://user:pass@host:port/path", "host:port", "host"; *ret_port 0: not said. False: no host in it (a path, a socket). */
static bool target_split(const char *t, size_t len, char ret[HOST_MAX], unsigned *ret_port)
{
	const char *end = t + len, *at, *p, *scheme = memmem(t, len, "://", 3);
	size_t n;

	*ret_port = 0;
	if (scheme) {
		for (size_t i = 0; i < ARRAY_SIZE(schemes); i++)
			if (strlen(schemes[i].scheme) == (size_t)(scheme - t) && !strncasecmp(schemes[i].scheme, t, (size_t)(scheme - t)))
				*ret_port = schemes[i].port;
		t = scheme + 3;
	}
	for (p = t; p < end && *p != '/' && *p != '?' && *p != '#'; p++)
		;
	end = p;
	at = memrchr(t, '@', (size_t)(end - t));
	if (at)
		t = at + 1;
	if (t < end && *t == '[') {
		p = memchr(t, ']', (size_t)(end - t));
		if (!p)
			return false;
		n = (size_t)(p - t - 1);
		t++;
		p++;
	} else {
		p = memchr(t, ':', (size_t)(end - t));
		if (!p)
			p = end;
		n = (size_t)(p - t);
	}
	if (!n || n >= HOST_MAX)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)t[i]) && !strchr("-_.:", t[i]))
			return false;
	memcpy(ret, t, n);
	ret[n] = '\0';
	if (p < end && *p == ':') {
		unsigned long v = strtoul(p + 1, NULL, 10);

		if (p + 1 == end || !isdigit((unsigned char)p[1]) || !v || v > 65535)
			return false;
		*ret_port = (unsigned)v;
	}
	return true;
}

static bool is_self(const char *host)
{
	return !strcasecmp(host, "localhost") || !strncmp(host, "127.", 4) || !strcmp(host, "::1") || !strcmp(host, "0.0.0.0") ||
	       !strcmp(host, "::") || !strcmp(host, "*");
}

/* An upstream of the configuration; one that nobody here is called, lies outside. */
static void upstream(struct core *c, const struct declared *d, const struct ident_container *ct, const struct setting *s)
{
	const struct ident_container *peer;
	char host[HOST_MAX], ext[HOST_MAX + 8], port_text[24];
	unsigned port;

	if (!target_split(s->b, strlen(s->b), host, &port) || is_self(host) || s->b[0] == '/')
		return;
	peer = resolve(c, d, ct, host);
	if (peer) {
		edge(c, ct, peer, port, s->where);
		return;
	}
	/* A name without a dot is one of the engine's own, and may come yet. */
	if (!port || (!strchr(host, '.') && !strchr(host, ':')))
		return;
	snprintf(ext, sizeof(ext), "ext:%s", host);
	vouch(c, ct, FACT_EDGE_OUT, ext, fact_port(port_text, IPPROTO_TCP, (uint16_t)port), s->where);
}

/* Names of variables whose plain value is a host. */
static bool names_a_host(const char *name, size_t len)
{
	static const char *const ends[] = { "HOST", "HOSTNAME", "SERVER", "SERVERS", "ADDR", "ADDRESS", "URL",  "URI",	"DSN",
					    "ENDPOINT", "SERVICE", "UPSTREAM", "BACKEND", "PEER", "HOSTS", "NODES", "BROKER", "BROKERS" };

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		size_t n = strlen(ends[i]);

		if (len >= n && !strncasecmp(name + len - n, ends[i], n) && (len == n || name[len - n - 1] == '_' || !isupper((unsigned char)name[len - n - 1])))
			return strcasecmp(name, "HOSTNAME") != 0 || len != 8;
	}
	return false;
}

/* "DB_HOST=db", "DATABASE_URL=postgres://u:p@db/app", "PEERS=a:2380,b:2380": each word of the value that is somebody's name. */
static void environment(struct core *c, const struct declared *d, const struct ident_container *ct, const char *text)
{
	const char *equals = strchr(text, '='), *p;
	char host[HOST_MAX], where[160], port_name[160];
	size_t name = equals ? (size_t)(equals - text) : 0;
	bool plain;

	if (!name || name > 100 || (name == 4 && !strncmp(text, "PATH", 4)))
		return;
	plain = names_a_host(text, name);
	snprintf(where, sizeof(where), "env:%.*s", (int)name, text);
	for (p = equals + 1; *p;) {
		size_t n = strcspn(p, ", ;|");
		const struct ident_container *peer = NULL;
		unsigned port = 0;

		if (n && n < 1000 && target_split(p, n, host, &port) && !is_self(host) && (plain || port || memmem(p, n, "://", 3)))
			peer = resolve(c, d, ct, host);
		/* DB_HOST=db, DB_PORT=3306 */
		if (peer && !port && name > 4 && !strncmp(equals - 4, "HOST", 4)) {
			snprintf(port_name, sizeof(port_name), "%.*sPORT=", (int)name - 4, text);
			for (const char *e = NULL; (e = docker_texts_next(&d->start->env, e));)
				if (!strncmp(e, port_name, strlen(port_name)))
					port = (unsigned)strtoul(e + strlen(port_name), NULL, 10) & 0xffff;
		}
		if (peer)
			edge(c, ct, peer, port, where);
		p += n;
		p += *p ? 1 : 0;
	}
}

void declared_edges(struct core *c, struct declared *d, const struct ident_container *ct)
{
	unsigned upstreams = 0, words = 0;

	for (unsigned i = 0; i < d->now.count && upstreams < 128; i++)
		if (d->now.list[i].kind == SETTING_UPSTREAM && declared_is_meant(c, ct, &d->now.list[i])) {
			upstream(c, d, ct, &d->now.list[i]);
			upstreams++;
		}
	if (!d->start)
		return;
	for (const char *p = NULL; (p = docker_texts_next(&d->start->links, p));) {
		const char *from = p[0] == '/' ? p + 1 : p;
		char name[HOST_MAX];
		const struct ident_container *peer;

		snprintf(name, sizeof(name), "%.*s", (int)strcspn(from, ":"), from);
		peer = resolve(c, d, ct, name);
		if (peer)
			edge(c, ct, peer, 0, "links");
	}
	for (const char *p = NULL; (p = docker_texts_next(&d->start->depends, p));) {
		const struct ident_container *peer = resolve(c, d, ct, p);

		if (peer)
			edge(c, ct, peer, 0, "compose:depends_on");
	}
	for (const char *p = NULL; (p = docker_texts_next(&d->start->env, p)) && words++ < 500;)
		environment(c, d, ct, p);
}
