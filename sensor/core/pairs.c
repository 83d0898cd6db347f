/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The two ends of flows by name, interned: flows between the same two ends to the same port share one pair. And a cache: the
 * many short flows between the same two interfaces get their pair by one look-up. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>
#define HASH_FUNCTION(keyptr, keylen, hashv) (hashv) = (unsigned)XXH3_64bits(keyptr, keylen)
#include <uthash.h>

#include "base/clock.h"
#include "sensor/core/core_priv.h"

struct pair_end_strings {
	const char *id, *workload, *engine, *node, *container, *network, *address;
};

struct flow_pair {
	UT_hash_handle hh;
	unsigned refs;
	struct topo_node_desc ends[2];
	struct pair_key { /* interned strings: equal text is an equal pointer */
		struct pair_end_strings s[2];
		const struct ident_container *containers[2]; /* kept known while the pair lives; NULL: none */
		uint32_t kinds;
		uint16_t port;
		uint8_t l4, pad;
	} key;
	struct topo_hint hint;
	struct pair_mark mark;
};

static const char *pair_str(struct core *c, const char *s)
{
	const char *r = strpool_get(c->priv->strings, s ? s : "");

	return r ? r : "";
}

static void pair_intern(struct core *c, const struct topo_node_desc *d, struct pair_end_strings *s)
{
	s->id = pair_str(c, d->id);
	s->workload = pair_str(c, d->workload);
	s->engine = pair_str(c, d->engine);
	s->node = pair_str(c, d->node);
	s->container = pair_str(c, d->container);
	s->network = pair_str(c, d->network);
	s->address = pair_str(c, d->address);
}

static void pair_release(struct core *c, struct pair_end_strings *s)
{
	struct strpool *p = c->priv->strings;

	strpool_put(p, s->id);
	strpool_put(p, s->workload);
	strpool_put(p, s->engine);
	strpool_put(p, s->node);
	strpool_put(p, s->container);
	strpool_put(p, s->network);
	strpool_put(p, s->address);
}

static struct topo_node_desc pair_desc(const struct pair_end_strings *s, enum topo_kind kind)
{
	return (struct topo_node_desc){ .id = s->id, .workload = s->workload, .engine = s->engine, .node = s->node,
					.container = s->container, .network = s->network, .address = s->address, .kind = kind };
}

struct flow_pair *pair_get(struct core *c, const struct end_name *client_name, const struct end_name *server_name, uint8_t l4,
			   uint16_t port)
{
	const struct topo_node_desc *client = &client_name->desc, *server = &server_name->desc;
	struct pair_key key;
	struct flow_pair *p;

	memset(&key, 0, sizeof(key));
	pair_intern(c, client, &key.s[PAIR_CLIENT]);
	pair_intern(c, server, &key.s[PAIR_SERVER]);
	key.kinds = (uint32_t)client->kind << 8 | (uint32_t)server->kind;
	key.port = port;
	key.l4 = l4;
	key.containers[PAIR_CLIENT] = client->kind == TOPO_WORKLOAD ? client_name->end.container : NULL;
	key.containers[PAIR_SERVER] = server->kind == TOPO_WORKLOAD ? server_name->end.container : NULL;
	HASH_FIND(hh, c->priv->pairs, &key, sizeof(key), p);
	if (p) {
		pair_release(c, &key.s[0]);
		pair_release(c, &key.s[1]);
		p->refs++;
		return p;
	}
	p = calloc(1, sizeof(*p));
	if (!p) {
		pair_release(c, &key.s[0]);
		pair_release(c, &key.s[1]);
		return NULL;
	}
	p->key = key;
	p->refs = 1;
	p->ends[PAIR_CLIENT] = pair_desc(&p->key.s[PAIR_CLIENT], client->kind);
	p->ends[PAIR_SERVER] = pair_desc(&p->key.s[PAIR_SERVER], server->kind);
	for (int i = 0; i < 2; i++)
		if (p->key.containers[i])
			ident_ref(c->ident, p->key.containers[i]);
	HASH_ADD(hh, c->priv->pairs, key, sizeof(p->key), p);
	return p;
}

void pair_ref(struct flow_pair *p)
{
	p->refs++;
}

void pair_put(struct core *c, struct flow_pair *p)
{
	if (!p || --p->refs)
		return;
	HASH_DEL(c->priv->pairs, p);
	for (int i = 0; i < 2; i++)
		if (p->key.containers[i])
			ident_unref(c->ident, p->key.containers[i]);
	pair_release(c, &p->key.s[0]);
	pair_release(c, &p->key.s[1]);
	free(p);
}

const struct ident_container *pair_container(const struct flow_pair *p, int which)
{
	return p->key.containers[which];
}

const struct topo_node_desc *pair_end(const struct flow_pair *p, int which)
{
	return &p->ends[which];
}

struct topo_hint *pair_hint(struct flow_pair *p)
{
	return &p->hint;
}

uint8_t pair_l4(const struct flow_pair *p)
{
	return p->key.l4;
}

uint16_t pair_port(const struct flow_pair *p)
{
	return p->key.port;
}

struct pair_mark *pair_mark(struct flow_pair *p)
{
	return &p->mark;
}

void pairs_each(struct core *c, void (*cb)(struct flow_pair *p, void *arg), void *arg)
{
	struct flow_pair *p, *tmp;

	HASH_ITER(hh, c->priv->pairs, p, tmp)
		cb(p, arg);
}

void pairs_free(struct core *c)
{
	struct flow_pair *p, *tmp;

	HASH_ITER(hh, c->priv->pairs, p, tmp) {
		HASH_DEL(c->priv->pairs, p);
		free(p);
	}
}

/* ---- names that many flows have --------------------------------------------------------------------------------- */
#define CACHE_SLOTS 1024 /* a power of two; a newcomer takes the place of whoever has it */
#define CACHE_TRUST_NS (5 * NSEC_PER_SEC) /* names of addresses age without being told */

/* All that a name depends on for TCP and UDP flows of which name_is_of_all() says so. */
struct cache_key {
	uint8_t addr[2][16];
	uint32_t end_if[2];
	uint16_t ns, server_port;
	uint8_t proto, client_end;
	uint16_t pad;
};

struct cache_slot {
	struct cache_key key;
	struct flow_pair *pair; /* referenced; NULL: free */
	uint64_t names, made_ns;
	uint8_t how[2];
	bool soft, half_view;
};

static bool cache_key_of(const struct flow *f, struct cache_key *ret)
{
	const unsigned sv = !(f->client_end & 1);

	if ((f->key.proto != IPPROTO_TCP && f->key.proto != IPPROTO_UDP) || f->key.claimant_if || f->key.port[sv] == htons(53))
		return false;
	memset(ret, 0, sizeof(*ret));
	memcpy(ret->addr, f->key.addr, sizeof(ret->addr));
	memcpy(ret->end_if, f->end_if, sizeof(ret->end_if));
	ret->ns = f->key.ns;
	ret->server_port = f->key.port[sv];
	ret->proto = f->key.proto;
	ret->client_end = f->client_end;
	return true;
}

static struct cache_slot *cache_slot_of(struct core *c, const struct cache_key *k)
{
	struct core_private *p = c->priv;

	if (!p->name_cache)
		p->name_cache = calloc(CACHE_SLOTS, sizeof(struct cache_slot));
	if (!p->name_cache)
		return NULL;
	return &p->name_cache[XXH3_64bits(k, sizeof(*k)) & (CACHE_SLOTS - 1)];
}

static uint64_t names_now(const struct core *c)
{
	return ident_generation(c->ident) + c->priv->dns_generation;
}

struct flow_pair *cached_names(struct core *c, const struct flow *f, struct cached_name *ret)
{
	struct cache_slot *s;
	struct cache_key k;

	if (!cache_key_of(f, &k))
		return NULL;
	s = cache_slot_of(c, &k);
	if (!s || !s->pair || s->names != names_now(c) || memcmp(&s->key, &k, sizeof(k)) != 0)
		return NULL;
	*ret = (struct cached_name){ .how = { s->how[0], s->how[1] }, .soft = s->soft, .half_view = s->half_view };
	s->pair->refs++;
	return s->pair;
}

void cache_names(struct core *c, const struct flow *f, struct flow_pair *pair, const struct cached_name *n)
{
	struct cache_slot *s;
	struct cache_key k;

	if (!cache_key_of(f, &k))
		return;
	s = cache_slot_of(c, &k);
	if (!s)
		return;
	pair->refs++;
	pair_put(c, s->pair);
	*s = (struct cache_slot){ .key = k, .pair = pair, .names = names_now(c), .made_ns = clock_mono_ns(),
				  .how = { n->how[0], n->how[1] }, .soft = n->soft, .half_view = n->half_view };
}

static void cache_drop(struct core *c, struct cache_slot *s)
{
	pair_put(c, s->pair);
	s->pair = NULL;
}

void cached_names_expire(struct core *c, uint64_t now)
{
	for (unsigned i = 0; c->priv->name_cache && i < CACHE_SLOTS; i++) {
		struct cache_slot *s = &c->priv->name_cache[i];

		if (s->pair && (s->names != names_now(c) || now - s->made_ns > CACHE_TRUST_NS))
			cache_drop(c, s);
	}
}

void cached_names_free(struct core *c)
{
	for (unsigned i = 0; c->priv->name_cache && i < CACHE_SLOTS; i++)
		cache_drop(c, &c->priv->name_cache[i]);
	free(c->priv->name_cache);
	c->priv->name_cache = NULL;
}
