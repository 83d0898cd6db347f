/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A container that uses a port which its own node publishes: one connection, of which the kernel's table has two entries.
 *
 *   front  what the client sends, to an address of the node and the published port
 *   rear   what the server's own interface sees: where the kernel translates addresses (userland-proxy off), what the server sends,
 *          to the client or to the node that masquerades for it; where the engine's proxy copies (userland-proxy on), a connection
 *          of the proxy's own, from the node
 *
 * The two are joined: the front stands for both, with the server's program and address; the rear is told nowhere. Translated ones
 * are halves, of which each has one direction: known by their ports, which translation leaves alone as long as it can. The proxy's
 * are known by their process, which accepted the one and then opened the other; among several at once which goes with which
 * makes no difference to what is told. What finds no partner is told as it is. */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>
#include <utlist.h>

#include "base/clock.h"
#include "sensor/core/core_priv.h"

#define BETWEEN_NS (10 * NSEC_PER_SEC) /* a rear begins so long after its front at most */
#define LOOK_MAX 256                   /* so many that wait are looked at */

struct join_end {
	UT_hash_handle hh;
	struct flow *f; /* the key */
	struct join_end *other; /* NULL: none yet, or over */
	struct join_end *prev, *next; /* of those that wait, the latest first */
	bool half;              /* joined: each has one direction */
	/* of a front, kept when its rear is over */
	uint8_t server_addr[16];
	uint32_t server;        /* process, referenced; 0: unknown */
	enum core_attribution server_how;
};

struct joins {
	struct join_end *all; /* uthash */
	struct join_end *waiting[2]; /* fronts, rears */
};

static bool is_front(const struct flow *f)
{
	return f->joined == JOIN_FRONT || f->joined == JOIN_FRONT_WAITS;
}

static struct join_end *end_of(const struct core *c, const struct flow *f)
{
	struct join_end *e = NULL;

	if (f->joined && c->priv->joins)
		HASH_FIND_PTR(c->priv->joins->all, &f, e);
	return e;
}

static struct join_end **waiting_of(struct core *c, const struct flow *f)
{
	return &c->priv->joins->waiting[!is_front(f)];
}

/* ---- which flows may have another half ------------------------------------------------------------------------------ */
static unsigned server_end(const struct flow *f)
{
	return !(f->client_end & 1);
}

static bool may_be_front(const struct flow *f)
{
	const unsigned sv = server_end(f);

	return f->how[sv] == IDENT_HOW_PUBLISHED && !f->end_if[sv] && f->end_if[!sv];
}

static bool may_be_rear(const struct flow *f)
{
	const unsigned sv = server_end(f);
	const struct ident_container *ct = pair_container(f->edge, PAIR_SERVER);

	if (!f->end_if[sv] || !ct)
		return false;
	if (pair_end(f->edge, PAIR_CLIENT)->kind != TOPO_HOST && f->packets[!sv])
		return false;
	for (unsigned i = 0; i < ct->port_count && i < IDENT_PORTS_MAX; i++)
		if (ct->ports[i].proto == f->key.proto && ct->ports[i].container_port == pair_port(f->edge))
			return true;
	return false;
}

static struct join_end *end_new(struct core *c, struct flow *f, enum flow_joined what)
{
	struct join_end *e;

	if (!c->priv->joins)
		c->priv->joins = calloc(1, sizeof(*c->priv->joins));
	e = c->priv->joins ? calloc(1, sizeof(*e)) : NULL;
	if (!e)
		return NULL;
	e->f = f;
	HASH_ADD_PTR(c->priv->joins->all, f, e);
	if (!e->hh.tbl) {
		free(e);
		return NULL;
	}
	f->joined = what;
	DL_PREPEND(*waiting_of(c, f), e);
	return e;
}

/* ---- which go together ---------------------------------------------------------------------------------------------- */
/* Each direction in one of them, and the client's port is the same. */
static bool are_halves(const struct flow *front, const struct flow *rear)
{
	const unsigned cf = front->client_end & 1, cr = rear->client_end & 1;

	return !((front->flags | rear->flags) & PG_FLOW_TWO_WAY) && !rear->packets[cr] && front->key.port[cf] == rear->key.port[cr] &&
	       (!memcmp(front->key.addr[cf], rear->key.addr[cr], 16) || pair_end(rear->edge, PAIR_CLIENT)->kind == TOPO_HOST);
}

/* The process that accepted the one opened the other. */
static bool are_relayed(const struct flow *front, const struct flow *rear)
{
	const uint32_t p = front->owner[server_end(front)];

	return p && p == rear->owner[rear->client_end & 1] && pair_end(rear->edge, PAIR_CLIENT)->kind == TOPO_HOST;
}

static bool go_together(const struct flow *front, const struct flow *rear)
{
	const struct flow_pair *a = front->edge, *b = rear->edge;

	return front->key.ns == rear->key.ns && front->key.proto == rear->key.proto && front->first_ns <= rear->first_ns &&
	       rear->first_ns - front->first_ns <= BETWEEN_NS && pair_port(a) == pair_port(b) &&
	       pair_container(a, PAIR_SERVER) == pair_container(b, PAIR_SERVER) &&
	       (are_halves(front, rear) || are_relayed(front, rear));
}

static struct join_end *partner_of(struct core *c, const struct flow *f)
{
	struct join_end *e, *best = NULL;
	unsigned looked = 0;

	DL_FOREACH(c->priv->joins->waiting[is_front(f)], e) {
		const struct flow *front = is_front(f) ? f : e->f, *rear = is_front(f) ? e->f : f;

		if (++looked > LOOK_MAX)
			break;
		if (!go_together(front, rear))
			continue;
		if (are_halves(front, rear))
			return e;
		/* the nearest in time */
		if (!best || (is_front(f) ? e->f->first_ns < best->f->first_ns : e->f->first_ns > best->f->first_ns))
			best = e;
	}
	return best;
}

/* ---- joined --------------------------------------------------------------------------------------------------------- */
/* What the rear has of the server's direction becomes the front's. */
static void feed(struct core *c, struct join_end *front, struct join_end *rear)
{
	struct flow *f = front->f;
	const struct flow *r = rear->f;
	const unsigned sf = server_end(f), sr = server_end(r);
	uint64_t packets = r->packets[sr] - f->packets[sf], bytes = r->bytes[sr] - f->bytes[sf];
	bool counted;

	if (r->packets[sr] <= f->packets[sf] || r->bytes[sr] < f->bytes[sf])
		return;
	/* what an earlier core counted before it stored anything of it is in the map */
	counted = (f->state & FLOW_BASELINE) && !f->packets[sf];
	f->packets[sf] = r->packets[sr];
	f->bytes[sf] = r->bytes[sr];
	f->state |= FLOW_UNSAVED;
	if (!counted)
		flow_into_map_more(c, f, sf, packets, bytes);
}

/* Halves share what says whether they go on. */
static void share(struct flow *front, struct flow *rear)
{
	const unsigned sf = server_end(front), sr = server_end(rear);

	front->tcp_flags[sf] = rear->tcp_flags[sr] = front->tcp_flags[sf] | rear->tcp_flags[sr];
	front->tcp_flags[!sf] = rear->tcp_flags[!sr] = front->tcp_flags[!sf] | rear->tcp_flags[!sr];
	front->flags |= PG_FLOW_TWO_WAY;
	rear->flags |= PG_FLOW_TWO_WAY;
	front->last_ns = rear->last_ns = front->last_ns > rear->last_ns ? front->last_ns : rear->last_ns;
}

static void server_keep(struct core *c, struct join_end *front, const struct flow *rear)
{
	uint32_t p;

	front->server_how = flow_process(c, rear, server_end(rear), &p);
	if (front->server_how == ATTR_UNKNOWN)
		p = 0;
	if (p == front->server)
		return;
	if (p)
		processes_ref(c->procs, p);
	if (front->server)
		processes_unref(c->procs, front->server);
	front->server = p;
	flow_renamed(c, front->f); /* its program reaches the map */
}

static void join(struct core *c, struct join_end *front, struct join_end *rear)
{
	struct flow *f = front->f, *r = rear->f;
	bool half = are_halves(f, r);

	DL_DELETE(c->priv->joins->waiting[0], front);
	DL_DELETE(c->priv->joins->waiting[1], rear);
	flow_leave_map(c, r);
	front->other = rear;
	rear->other = front;
	front->half = rear->half = half;
	f->joined = JOIN_FRONT;
	r->joined = JOIN_REAR;
	memcpy(front->server_addr, r->key.addr[server_end(r)], 16);
	server_keep(c, front, r);
	labels_share(c, f, r);
	if (half) {
		feed(c, front, rear);
		share(f, r);
	}
}

bool flow_join(struct core *c, struct flow *f)
{
	struct join_end *e = end_of(c, f), *other;

	if (f->joined == JOIN_REAR || f->joined == JOIN_FRONT || (f->state & FLOW_NO_EDGE) || !f->edge || f->key.claimant_if)
		return f->joined == JOIN_REAR;
	if (!e && may_be_front(f))
		e = end_new(c, f, JOIN_FRONT_WAITS);
	else if (!e && may_be_rear(f))
		e = end_new(c, f, JOIN_REAR_WAITS);
	if (!e)
		return false;
	other = partner_of(c, f);
	if (!other)
		return false;
	if (is_front(f))
		join(c, e, other);
	else
		join(c, other, e);
	return f->joined == JOIN_REAR;
}

void flow_joined_read(struct core *c, struct flow *f)
{
	struct join_end *e = end_of(c, f);
	struct join_end *front, *rear;

	if (!e || !e->other)
		return;
	front = is_front(f) ? e : e->other;
	rear = front->other;
	if (!is_front(f))
		server_keep(c, front, f);
	if (!e->half)
		return;
	feed(c, front, rear);
	share(front->f, rear->f);
}

struct flow *flow_front(const struct core *c, const struct flow *f)
{
	struct join_end *e = f->joined == JOIN_REAR ? end_of(c, f) : NULL;

	return e && e->other ? e->other->f : NULL;
}

bool flow_joined_server(const struct core *c, const struct flow *f, uint8_t ret_addr[16], uint32_t *ret_process,
			enum core_attribution *ret_how)
{
	struct join_end *e = is_front(f) ? end_of(c, f) : NULL;

	if (!e)
		return false;
	*ret_process = e->server;
	*ret_how = e->server ? e->server_how : ATTR_UNKNOWN;
	if (f->joined == JOIN_FRONT && ret_addr)
		memcpy(ret_addr, e->server_addr, 16);
	return true;
}

void flow_unjoin(struct core *c, struct flow *f)
{
	struct join_end *e = end_of(c, f);

	if (!e)
		return;
	if (f->joined == JOIN_FRONT_WAITS || f->joined == JOIN_REAR_WAITS)
		DL_DELETE(*waiting_of(c, f), e);
	if (e->other)
		e->other->other = NULL;
	if (e->server)
		processes_unref(c->procs, e->server);
	HASH_DEL(c->priv->joins->all, e);
	f->joined = JOIN_NONE;
	free(e);
}

void joins_free(struct core *c)
{
	free(c->priv->joins);
	c->priv->joins = NULL;
}
