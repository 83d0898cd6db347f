/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What facts have in common: external peers become a name's domain, a prefix, or anybody; ephemeral ports become one. Service
 * ports and workloads never generalise. Only when the evidence asks for it: a few peers stay what they are. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "intel/model_priv.h"

#define EXTERNAL "ext:"
#define CANDIDATES_MAX 16

static bool is_external(const char *peer)
{
	return !strncmp(peer, EXTERNAL, sizeof(EXTERNAL) - 1);
}

/* "ext:192.0.2.7" -> "ext:192.0.2.0/24", IPv6 -> /64. False: no address. */
static bool prefix_of(const char *peer, size_t len, char *ret, size_t ret_len)
{
	char text[64];
	struct in_addr a4;
	struct in6_addr a6;

	if (len <= 4 || len - 4 >= sizeof(text))
		return false;
	memcpy(text, peer + 4, len - 4);
	text[len - 4] = '\0';
	if (inet_pton(AF_INET, text, &a4) == 1) {
		a4.s_addr &= htonl(0xffffff00);
		if (!inet_ntop(AF_INET, &a4, text, sizeof(text)))
			return false;
		snprintf(ret, ret_len, EXTERNAL "%s/24", text);
		return true;
	}
	if (inet_pton(AF_INET6, text, &a6) == 1) {
		memset(a6.s6_addr + 8, 0, 8);
		if (!inet_ntop(AF_INET6, &a6, text, sizeof(text)))
			return false;
		snprintf(ret, ret_len, EXTERNAL "%s/64", text);
		return true;
	}
	return false;
}

/* The n-th domain above a name: a.b.example.org -> b.example.org, example.org; never a bare top level. NULL: none. */
static const char *domain_above(const char *name)
{
	const char *dot = strchr(name, '.');

	return dot && strchr(dot + 1, '.') ? dot + 1 : NULL;
}

static struct fact_rec *find2(const struct model *m, enum fact_kind k, const char *a, const char *b)
{
	char key[FACT_KEY_MAX];

	return model_fact_find(&m->dims[k], fact_key(key, a, b));
}

static struct fact_rec *edge_general(const struct model *m, enum fact_kind k, const char *peer, const char *port)
{
	char text[FACT_KEY_MAX];
	struct fact_rec *r = find2(m, k, peer, FACT_ANY);
	const char *name;

	if (r || !is_external(peer))
		return r;
	r = find2(m, k, EXTERNAL FACT_ANY, port);
	if (!r && prefix_of(peer, strlen(peer), text, sizeof(text)))
		return find2(m, k, text, port);
	for (name = domain_above(peer + 4); !r && name; name = domain_above(name)) {
		snprintf(text, sizeof(text), EXTERNAL "*.%s", name);
		r = find2(m, k, text, port);
	}
	return r;
}

static bool is_ephemeral(const char *port)
{
	const char *slash = strchr(port, '/');

	return slash && strtoul(slash + 1, NULL, 10) >= FACT_EPHEMERAL_FIRST;
}

static void ephemeral_of(const char *port, char ret[48])
{
	snprintf(ret, 48, "%.*s/" FACT_EPHEMERAL, (int)strcspn(port, "/"), port);
}

struct fact_rec *model_fact_general(const struct model *m, enum fact_kind k, const char *key)
{
	char first[FACT_KEY_MAX], port[48], text[FACT_KEY_MAX];
	struct fact_rec *r = NULL;
	const char *second, *name;
	size_t n = fact_fields(key, &second);

	if (n >= sizeof(first))
		return NULL;
	memcpy(first, key, n);
	first[n] = '\0';
	switch (k) {
	case FACT_LISTENER:
		if (is_ephemeral(first)) {
			ephemeral_of(first, port);
			return find2(m, k, port, second);
		}
		return NULL;
	case FACT_EDGE_IN:
	case FACT_EDGE_OUT:
	case FACT_VOLUME:
		return edge_general(m, k, first, second);
	case FACT_DNS:
		for (name = domain_above(key); !r && name; name = domain_above(name)) {
			snprintf(text, sizeof(text), "*.%s", name);
			r = model_fact_find(&m->dims[k], text);
		}
		return r;
	default:
		return NULL;
	}
}

/* ---- generalising ------------------------------------------------------------------------------------------------ */
struct common {
	char key[FACT_KEY_MAX]; /* what takes their place */
	unsigned least;
	bool (*like)(const char *key, const struct common *c);
	char first[FACT_KEY_MAX]; /* what they must share */
	const char *second;
};

static bool like_client(const char *key, const struct common *c)
{
	const char *second;

	fact_fields(key, &second);
	return is_external(key) && !strcmp(second, c->second);
}

static bool like_prefix(const char *key, const struct common *c)
{
	char text[80];
	const char *second;
	size_t n = fact_fields(key, &second);

	return is_external(key) && !strcmp(second, c->second) && prefix_of(key, n, text, sizeof(text)) && !strcmp(text, c->first);
}

static bool like_name(const char *key, const struct common *c)
{
	const char *second, *dot = strchr(key, '.');
	size_t n = fact_fields(key, &second), domain = strlen(c->first);

	return !strcmp(second, c->second) && dot && dot < key + n && (size_t)(key + n - dot - 1) == domain && !memcmp(dot + 1, c->first, domain);
}

static bool like_port(const char *key, const struct common *c)
{
	const char *second;

	fact_fields(key, &second);
	return is_ephemeral(key) && !strcmp(second, c->second) && !strncmp(key, c->first, strlen(c->first));
}

/* What r's likes would be replaced by. False: it has none. */
static bool common_of(enum fact_kind k, const char *key, struct common *c)
{
	const char *above;
	char peer[FACT_KEY_MAX], port[48];
	size_t n = fact_fields(key, &c->second);

	memcpy(peer, key, n);
	peer[n] = '\0';
	switch (k) {
	case FACT_EDGE_IN:
		c->like = like_client;
		c->least = MODEL_GENERALISE_CLIENTS;
		fact_key(c->key, EXTERNAL FACT_ANY, c->second);
		return is_external(key);
	case FACT_EDGE_OUT:
	case FACT_VOLUME:
		if (!is_external(key))
			return false;
		if (prefix_of(key, n, c->first, sizeof(c->first))) {
			c->like = like_prefix;
			c->least = MODEL_GENERALISE_ADDRESSES;
			fact_key(c->key, c->first, c->second);
			return true;
		}
		above = domain_above(peer + 4);
		if (!above)
			return false;
		snprintf(c->first, sizeof(c->first), "%s", above);
		c->like = like_name;
		c->least = MODEL_GENERALISE_NAMES;
		snprintf(peer, sizeof(peer), EXTERNAL "*.%s", c->first);
		fact_key(c->key, peer, c->second);
		return true;
	case FACT_DNS:
		above = domain_above(peer);
		if (!above)
			return false;
		snprintf(c->first, sizeof(c->first), "%s", above);
		c->like = like_name;
		c->least = MODEL_GENERALISE_NAMES;
		snprintf(c->key, sizeof(c->key), "*.%s", c->first);
		return true;
	case FACT_LISTENER:
		if (!is_ephemeral(peer))
			return false;
		snprintf(c->first, sizeof(c->first), "%.*s/", (int)strcspn(peer, "/"), peer);
		c->like = like_port;
		c->least = MODEL_GENERALISE_PORTS;
		ephemeral_of(peer, port);
		fact_key(c->key, port, c->second);
		return true;
	default:
		return false;
	}
}

struct fact_rec *model_generalise(struct model *m, enum fact_kind k, struct fact_rec *r)
{
	struct model_dimension *d = &m->dims[k];
	struct fact_rec *one, *tmp, *all;
	struct common c = { .least = 0 };
	unsigned alike = 0;

	if (!common_of(k, r->f.key, &c))
		return r;
	HASH_ITER(hh, d->facts, one, tmp)
		alike += c.like(one->f.key, &c);
	if (alike < c.least || model_fact_make(m, k, c.key, &all))
		return r;
	HASH_ITER(hh, d->facts, one, tmp) {
		if (one == all || !c.like(one->f.key, &c) || (one->f.sources & (FACT_DECLARED | FACT_HUMAN)))
			continue;
		all->f.sources |= one->f.sources;
		all->f.count += one->f.count;
		all->f.windows += one->f.windows;
		all->f.replicas |= one->f.replicas;
		if (!all->f.first_ns || one->f.first_ns < all->f.first_ns)
			all->f.first_ns = one->f.first_ns;
		if (one->f.last_ns > all->f.last_ns)
			all->f.last_ns = one->f.last_ns;
		all->f.window = one->f.window;
		model_fact_drop(d, one);
	}
	return all;
}
