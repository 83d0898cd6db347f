/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The map: nodes and edges in two hash tables; an edge holds its nodes, a node without edges is forgotten. */
#include "flows/topology.h"

#define XXH_INLINE_ALL
#include <xxhash.h>
#define HASH_FUNCTION(keyptr, keylen, hashv) (hashv) = (unsigned)XXH3_64bits(keyptr, keylen)
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define OVERFLOW_ID "overflow"

/* Names beyond the list are told apart by their hashes, so that each counts once. */
#define MORE_MAX 4096
struct more_names {
	uint64_t *hash;
	unsigned count, max;
};

struct node_rec {
	struct topo_node n; /* first */
	unsigned edges;
	struct more_names more_containers, more_networks;
	UT_hash_handle hh;
};

struct edge_key {
	const struct node_rec *client, *server;
	uint32_t l4, port;
};

struct edge_rec {
	struct topo_edge e; /* first */
	struct edge_key key;
	UT_hash_handle hh;
};

struct topology {
	struct node_rec *nodes;
	struct edge_rec *edges;
	struct node_rec *overflow; /* the node of that id, NULL: not there */
	struct node_rec *last_client; /* found last: many flows of one client come together */
	unsigned max_nodes, max_edges;
	uint64_t generation, refused;
	uint64_t forgotten; /* edges: hints from before the last one are void */
};

const char *topo_kind_name(enum topo_kind k)
{
	switch (k) {
	case TOPO_WORKLOAD:
		return "workload";
	case TOPO_CONTAINER:
		return "container";
	case TOPO_EXTERNAL:
		return "external";
	case TOPO_HOST:
		return "host";
	case TOPO_GATEWAY:
		return "gateway";
	case TOPO_KIND_MAX:
		break;
	}
	return "unknown";
}

struct topology *topo_new(unsigned max_nodes, unsigned max_edges)
{
	struct topology *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->max_nodes = max_nodes;
	t->max_edges = max_edges;
	return t;
}

/* ---- nodes --------------------------------------------------------------------------------------- */
static void node_free(struct node_rec *r)
{
	unsigned i;

	if (!r)
		return;
	for (i = 0; i < r->n.container_count; i++)
		free(r->n.containers[i]);
	for (i = 0; i < r->n.network_count; i++)
		free(r->n.networks[i]);
	free(r->more_containers.hash);
	free(r->more_networks.hash);
	free(r->n.id);
	free(r->n.workload);
	free(r->n.engine);
	free(r->n.node);
	free(r->n.address);
	free(r);
}

static int text_set(char **p, const char *s)
{
	char *copy;

	if (*p && (!s || !*s || !strcmp(*p, s)))
		return 0;
	copy = strdup(s ? s : "");
	if (!copy)
		return -ENOMEM;
	free(*p);
	*p = copy;
	return 1;
}

/* True if the name was not counted before. */
static bool more_add(struct more_names *m, const char *name)
{
	uint64_t h = XXH3_64bits(name, strlen(name)), *bigger;
	unsigned i;

	for (i = 0; i < m->count; i++)
		if (m->hash[i] == h)
			return false;
	if (m->count == m->max) {
		if (m->max >= MORE_MAX)
			return false;
		bigger = reallocarray(m->hash, m->max ? m->max * 2 : 16, sizeof(*bigger));
		if (!bigger)
			return false;
		m->hash = bigger;
		m->max = m->max ? m->max * 2 : 16;
	}
	m->hash[m->count++] = h;
	return true;
}

/* Adds a name to a bounded list. False: the list has no room for it. */
static bool names_add(char **names, unsigned *count, unsigned max, const char *name)
{
	unsigned i;

	if (!name || !*name)
		return true;
	for (i = 0; i < *count; i++)
		if (!strcmp(names[i], name))
			return true;
	if (*count == max)
		return false;
	names[*count] = strdup(name);
	if (names[*count])
		(*count)++;
	return true;
}

static struct node_rec *node_find(const struct topology *t, const char *id)
{
	struct node_rec *r;

	HASH_FIND(hh, t->nodes, id, strlen(id), r);
	return r;
}

static struct node_rec *node_make(struct topology *t, const struct topo_node_desc *d)
{
	struct node_rec *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->n.kind = d->kind;
	if (text_set(&r->n.id, d->id) < 0 || text_set(&r->n.workload, d->workload) < 0 || text_set(&r->n.engine, d->engine) < 0 ||
	    text_set(&r->n.node, d->node) < 0 || text_set(&r->n.address, d->address) < 0)
		goto fail;
	HASH_ADD_KEYPTR(hh, t->nodes, r->n.id, strlen(r->n.id), r);
	if (!r->hh.tbl)
		goto fail;
	if (strcmp(r->n.id, OVERFLOW_ID) == 0)
		t->overflow = r;
	return r;
fail:
	node_free(r);
	return NULL;
}

static void node_update(struct node_rec *r, const struct topo_node_desc *d)
{
	struct topo_node *n = &r->n;

	if (!names_add(n->containers, &n->container_count, TOPO_NAMES_MAX, d->container))
		n->container_more += more_add(&r->more_containers, d->container);
	if (!names_add(n->networks, &n->network_count, TOPO_NAMES_MAX, d->network))
		n->network_more += more_add(&r->more_networks, d->network);
	text_set(&n->address, d->address);
	if (!*n->workload)
		text_set(&n->workload, d->workload);
	if (n->kind == TOPO_CONTAINER && d->kind == TOPO_WORKLOAD)
		n->kind = d->kind;
}

static void node_drop_if_alone(struct topology *t, struct node_rec *r)
{
	if (!r || r->edges)
		return;
	if (t->overflow == r)
		t->overflow = NULL;
	if (t->last_client == r)
		t->last_client = NULL;
	HASH_DELETE(hh, t->nodes, r);
	node_free(r);
}

/* ---- edges ----------------------------------------------------------------------------------------- */
static void edge_key(struct edge_key *ret, const struct node_rec *c, const struct node_rec *s, uint8_t l4, uint16_t port)
{
	memset(ret, 0, sizeof(*ret));
	ret->client = c;
	ret->server = s;
	ret->l4 = l4;
	ret->port = port;
}

static struct edge_rec *edge_find(const struct topology *t, const struct edge_key *k)
{
	struct edge_rec *r;

	HASH_FIND(hh, t->edges, k, sizeof(*k), r);
	return r;
}

static void edge_free(struct edge_rec *r)
{
	unsigned i;

	for (i = 0; i < r->e.client_exe_count; i++)
		free(r->e.client_exes[i]);
	for (i = 0; i < r->e.server_exe_count; i++)
		free(r->e.server_exes[i]);
	free(r);
}

static void edge_drop(struct topology *t, struct edge_rec *r)
{
	struct node_rec *c = (struct node_rec *)(uintptr_t)r->key.client, *s = (struct node_rec *)(uintptr_t)r->key.server;

	HASH_DELETE(hh, t->edges, r);
	c->edges--;
	s->edges--;
	edge_free(r);
	if (c != s)
		node_drop_if_alone(t, c);
	node_drop_if_alone(t, s);
	t->generation++;
	t->forgotten++;
}

static struct edge_rec *edge_make(struct topology *t, struct node_rec *c, struct node_rec *s, const struct edge_key *k)
{
	struct edge_rec *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->key = *k;
	r->e.client = &c->n;
	r->e.server = &s->n;
	r->e.l4 = (uint8_t)k->l4;
	r->e.port = (uint16_t)k->port;
	HASH_ADD_KEYPTR(hh, t->edges, &r->key, sizeof(r->key), r);
	if (!r->hh.tbl) {
		free(r);
		return NULL;
	}
	c->edges++;
	s->edges++;
	return r;
}

/* The overflow nodes and edges stand beyond the limits: there is one edge for each (l4), with port 0. */
static struct edge_rec *edge_overflow(struct topology *t, uint8_t l4)
{
	const struct topo_node_desc d = { .id = OVERFLOW_ID, .kind = TOPO_EXTERNAL };
	struct node_rec *n = t->overflow;
	struct edge_rec *e;
	struct edge_key k;

	if (!n)
		n = node_make(t, &d);
	if (!n)
		return NULL;
	edge_key(&k, n, n, l4, 0);
	e = edge_find(t, &k);
	if (!e)
		e = edge_make(t, n, n, &k);
	if (!e)
		node_drop_if_alone(t, n);
	return e;
}

/* The overflow's own node and edges do not count. */
static bool limits_forbid(const struct topology *t, unsigned more_nodes)
{
	const struct node_rec *o = t->overflow;
	unsigned own_edges = o ? o->edges / 2 : 0; /* each is counted at both its ends */

	return HASH_COUNT(t->edges) - own_edges >= t->max_edges ||
	       (more_nodes && HASH_COUNT(t->nodes) - (o != NULL) + more_nodes > t->max_nodes);
}

static struct node_rec *client_find(struct topology *t, const char *id)
{
	if (!t->last_client || strcmp(t->last_client->n.id, id) != 0)
		t->last_client = node_find(t, id);
	return t->last_client;
}

/* Finds or makes the edge; *ret_full says that the limits do not allow it. */
static struct edge_rec *edge_get(struct topology *t, const struct topo_delta *d, bool *ret_full)
{
	struct node_rec *c = client_find(t, d->client.id), *s = node_find(t, d->server.id);
	bool same = strcmp(d->client.id, d->server.id) == 0;
	unsigned more = !c + (!s && !same);
	struct edge_rec *e = NULL;
	struct edge_key k;

	*ret_full = false;
	if (c && s) {
		edge_key(&k, c, s, d->l4, d->port);
		e = edge_find(t, &k);
		if (e)
			return e;
	}
	if (limits_forbid(t, more)) {
		*ret_full = true;
		return NULL;
	}
	if (!c)
		c = node_make(t, &d->client);
	if (c && !s)
		s = same ? c : node_make(t, &d->server);
	if (c && s) {
		edge_key(&k, c, s, d->l4, d->port);
		e = edge_make(t, c, s, &k);
	}
	if (!e) {
		node_drop_if_alone(t, c);
		if (s != c)
			node_drop_if_alone(t, s);
	}
	return e;
}

static void text_copy(char *ret, size_t size, const char *s)
{
	size_t n = strnlen(s, size - 1);

	memcpy(ret, s, n);
	ret[n] = '\0';
}

static void edge_name(struct topo_edge *e, const struct topo_delta *d)
{
	/* The surer label wins; of two equally sure ones the later. */
	if (d->app && *d->app && d->app_confidence >= e->app_confidence) {
		text_copy(e->app, sizeof(e->app), d->app);
		e->app_confidence = d->app_confidence;
	}
	if (d->host && *d->host)
		text_copy(e->host, sizeof(e->host), d->host);
	names_add(e->client_exes, &e->client_exe_count, TOPO_EXES_MAX, d->client_exe);
	names_add(e->server_exes, &e->server_exe_count, TOPO_EXES_MAX, d->server_exe);
}

static void edge_count(struct topology *t, struct topo_edge *e, const struct topo_delta *d)
{
	e->bytes_to_server += d->bytes_to_server;
	e->bytes_to_client += d->bytes_to_client;
	e->packets_to_server += d->packets_to_server;
	e->packets_to_client += d->packets_to_client;
	e->flows += d->new_flows;
	if (d->first_seen_ns && (!e->first_seen_ns || d->first_seen_ns < e->first_seen_ns))
		e->first_seen_ns = d->first_seen_ns;
	if (d->last_seen_ns > e->last_seen_ns)
		e->last_seen_ns = d->last_seen_ns;
	e->generation = ++t->generation;
}

int topo_add(struct topology *t, const struct topo_delta *d)
{
	struct edge_rec *e;
	bool full;

	if (d->hint && d->hint->edge && d->hint->forgotten == t->forgotten) {
		e = d->hint->edge;
		edge_name(&e->e, d);
		edge_count(t, &e->e, d);
		return 0;
	}
	e = edge_get(t, d, &full);
	if (e) {
		if (d->hint)
			*d->hint = (struct topo_hint){ e, t->forgotten };
		node_update((struct node_rec *)(uintptr_t)e->key.client, &d->client);
		node_update((struct node_rec *)(uintptr_t)e->key.server, &d->server);
		edge_name(&e->e, d);
		edge_count(t, &e->e, d);
		return 0;
	}
	if (!full)
		return -ENOMEM;
	t->refused++;
	e = edge_overflow(t, d->l4);
	if (!e)
		return -ENOMEM;
	edge_count(t, &e->e, d);
	return -ENOSPC;
}

int topo_restore(struct topology *t, const struct topo_delta *d)
{
	return topo_add(t, d);
}

static void take(uint64_t *from, uint64_t n)
{
	*from = *from > n ? *from - n : 0;
}

void topo_sub(struct topology *t, const struct topo_delta *d)
{
	struct node_rec *c = node_find(t, d->client.id), *s = node_find(t, d->server.id);
	struct edge_rec *e = NULL;
	struct edge_key k;

	if (c && s) {
		edge_key(&k, c, s, d->l4, d->port);
		e = edge_find(t, &k);
	}
	if (!e) { /* it may have gone to the overflow edge when it was added */
		c = t->overflow;
		if (c) {
			edge_key(&k, c, c, d->l4, 0);
			e = edge_find(t, &k);
		}
	}
	if (!e)
		return;
	take(&e->e.bytes_to_server, d->bytes_to_server);
	take(&e->e.bytes_to_client, d->bytes_to_client);
	take(&e->e.packets_to_server, d->packets_to_server);
	take(&e->e.packets_to_client, d->packets_to_client);
	take(&e->e.flows, d->new_flows);
	e->e.generation = ++t->generation;
	if (!e->e.flows && !e->e.packets_to_server && !e->e.packets_to_client)
		edge_drop(t, e);
}

unsigned topo_expire(struct topology *t, uint64_t before_wall_ns)
{
	struct edge_rec *e, *tmp;
	unsigned n = 0;

	HASH_ITER(hh, t->edges, e, tmp)
		if (e->e.last_seen_ns < before_wall_ns) {
			edge_drop(t, e);
			n++;
		}
	return n;
}

void topo_each_node(const struct topology *t, void (*cb)(const struct topo_node *n, void *arg), void *arg)
{
	const struct node_rec *r;

	for (r = t->nodes; r; r = r->hh.next)
		cb(&r->n, arg);
}

void topo_each_edge(const struct topology *t, void (*cb)(const struct topo_edge *e, void *arg), void *arg)
{
	const struct edge_rec *r;

	for (r = t->edges; r; r = r->hh.next)
		cb(&r->e, arg);
}

uint64_t topo_generation(const struct topology *t)
{
	return t->generation;
}

uint64_t topo_refused(const struct topology *t)
{
	return t->refused;
}

void topo_free(struct topology *t)
{
	struct edge_rec *e, *tmp;

	if (!t)
		return;
	HASH_ITER(hh, t->edges, e, tmp)
		edge_drop(t, e);
	free(t);
}
