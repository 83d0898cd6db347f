/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whom a container is declared to call: upstreams of its configuration, links and depends_on, environment that names a service. A
 * shared network declares nothing (DECISIONS 18). */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/target.h"
#include "sensor/core/declared_priv.h"

#define HOST_MAX TARGET_HOST_MAX

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

/* Whether n names ct's service, as seen by who: of its own project; of Swarm, with or without the stack's name. */
static bool is_service(const struct ident_container *ct, const struct ident_container *who, const char *n)
{
	size_t stack = strlen(ct->swarm_stack);

	if (ct->compose_service[0] && !strcasecmp(ct->compose_service, n) && !strcmp(ct->compose_project, who->compose_project))
		return true;
	if (!ct->swarm_service[0])
		return false;
	return !strcasecmp(ct->swarm_service, n) || (stack && !strncmp(ct->swarm_service, ct->swarm_stack, stack) &&
						     ct->swarm_service[stack] == '_' && !strcasecmp(ct->swarm_service + stack + 1, n));
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
	else if (is_service(ct, s->who, n))
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

/* "/db:/web/alias", "db:alias": what the container calls it. */
static const char *linked(const struct declared *d, const char *name, char ret[HOST_MAX])
{
	for (const char *p = NULL; (p = docker_texts_next(&d->start->links, p));) {
		const char *colon = strchr(p, ':'), *alias = colon ? strrchr(colon, '/') : NULL;
		const char *from = p[0] == '/' ? p + 1 : p;

		alias = alias ? alias : colon;
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

/* An upstream of the configuration; one that nobody here is called, lies outside. */
static void upstream(struct core *c, const struct declared *d, const struct ident_container *ct, const struct setting *s)
{
	const struct ident_container *peer;
	char host[HOST_MAX], ext[HOST_MAX + 8], port_text[24];
	unsigned port;

	if (!target_split(s->b, strlen(s->b), host, &port) || target_is_self(host) || s->b[0] == '/')
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

/* "DB_HOST=db", "DATABASE_URL=postgres://u:p@db/app", "PEERS=a:2380,b:2380": each word of the value that is somebody's name. */
static void environment(struct core *c, const struct declared *d, const struct ident_container *ct, const char *text)
{
	const char *equals = strchr(text, '='), *p;
	char host[HOST_MAX], where[160], port_name[160];
	size_t name = equals ? (size_t)(equals - text) : 0;
	bool plain;

	if (!name || name > 100 || (name == 4 && !strncmp(text, "PATH", 4)))
		return;
	plain = target_is_named_by(text, name);
	snprintf(where, sizeof(where), "env:%.*s", (int)name, text);
	for (p = equals + 1; *p;) {
		size_t n = strcspn(p, ", ;|");
		const struct ident_container *peer = NULL;
		unsigned port = 0;

		if (n && n < 1000 && target_split(p, n, host, &port) && !target_is_self(host) && (plain || port || memmem(p, n, "://", 3)))
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
