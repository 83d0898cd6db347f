/* SPDX-License-Identifier: GPL-2.0-or-later */
/* docker_client: the containers of an engine, in what order they are inspected, and the merge rule. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sensor/watch/docker_client_priv.h"

static const uint8_t no_addr[16];

/* ---- records ------------------------------------------------------------------------------------------- */

static size_t bucket_of(const char *id)
{
	uint32_t h = 2166136261u;

	for (; *id; id++)
		h = (h ^ (uint8_t)*id) * 16777619u;
	return h % DC_BUCKETS;
}

struct dc_container *dc_container_find(struct docker_client *dc, const char *id)
{
	for (struct dc_container *c = dc->buckets[bucket_of(id)]; c; c = c->hash_next)
		if (!strcmp(c->rec.id, id))
			return c;
	return NULL;
}

static struct dc_container *container_get(struct docker_client *dc, const char *id)
{
	struct dc_container *c = dc_container_find(dc, id);
	size_t b;

	if (c) {
		c->epoch = dc->epoch;
		return c;
	}
	c = dc->container_count < DC_CONTAINERS_MAX ? calloc(1, sizeof(*c)) : NULL;
	if (!c) {
		dc_lost(dc, DOCKER_LOST_REFUSED, 1);
		return NULL;
	}
	b = bucket_of(id);
	memcpy(c->rec.id, id, strnlen(id, sizeof(c->rec.id) - 1));
	c->rec.engine = dc->engine;
	c->rec.state = IDENT_CREATED;
	c->epoch = dc->epoch;
	c->hash_next = dc->buckets[b];
	dc->buckets[b] = c;
	dc->container_count++;
	return c;
}

static void container_free(struct docker_client *dc, struct dc_container *c)
{
	struct dc_container **p = &dc->buckets[bucket_of(c->rec.id)];

	while (*p != c)
		p = &(*p)->hash_next;
	*p = c->hash_next;
	dc->container_count--;
	free(c);
}

/* ---- lines ------------------------------------------------------------------------------------------------- */

static void line_leave(struct docker_client *dc, struct dc_container *c)
{
	if (c->prio == DC_PRIO_NONE)
		return;
	*(c->prev ? &c->prev->next : &dc->lines[c->prio].head) = c->next;
	*(c->next ? &c->next->prev : &dc->lines[c->prio].tail) = c->prev;
	c->prev = c->next = NULL;
	c->prio = DC_PRIO_NONE;
	dc->queued--;
}

/* The newest urgent one first: whoever waits longest is the likeliest to be over already. */
static void line_join(struct docker_client *dc, struct dc_container *c, enum dc_prio prio)
{
	bool front = prio == DC_PRIO_URGENT;

	line_leave(dc, c);
	c->next = front ? dc->lines[prio].head : NULL;
	c->prev = front ? NULL : dc->lines[prio].tail;
	*(c->prev ? &c->prev->next : &dc->lines[prio].head) = c;
	*(c->next ? &c->next->prev : &dc->lines[prio].tail) = c;
	c->prio = prio;
	dc->queued++;
}

static void want_inspect(struct docker_client *dc, struct dc_container *c, enum dc_prio prio, uint64_t due_ns)
{
	if (c->inspecting) {
		c->again = true;
		return;
	}
	if (prio <= c->prio)
		return;
	c->due_ns = due_ns;
	line_join(dc, c, prio);
}

/* resync_end need not wait for it any longer. */
static void resync_done(struct docker_client *dc, struct dc_container *c)
{
	if (!c->in_resync)
		return;
	c->in_resync = false;
	if (dc->resync_left)
		dc->resync_left--;
}

/* ---- reporting ------------------------------------------------------------------------------------------------ */

static void report(struct docker_client *dc, struct dc_container *c)
{
	c->put = true;
	dc->ops->put_container(dc->arg, &c->rec);
	if (c->dead)
		dc->ops->container_gone(dc->arg, dc->engine, c->rec.id, dc->now_ns);
}

static void report_gone(struct docker_client *dc, struct dc_container *c)
{
	if (c->put)
		dc->ops->container_gone(dc->arg, dc->engine, c->rec.id, dc->now_ns);
}

static bool has_address(const struct ident_container *r)
{
	for (unsigned i = 0; i < r->endpoint_count; i++)
		if (memcmp(r->endpoints[i].addr4, no_addr, 16) || memcmp(r->endpoints[i].addr6, no_addr, 16))
			return true;
	return false;
}

/* Its own legs, as opposed to none or another's. */
static bool should_have_address(const struct ident_container *r)
{
	return strcmp(r->network_mode, "host") && strcmp(r->network_mode, "none") && strncmp(r->network_mode, "container:", 10);
}

/* The engine has forgotten it: so do we, unless an answer about it is still to come. */
static void destroyed(struct docker_client *dc, struct dc_container *c)
{
	c->destroyed = c->dead = true;
	c->rec.state = IDENT_REMOVED;
	c->rec.pid = 0;
	report_gone(dc, c);
	if (c->inspecting)
		return;
	line_leave(dc, c);
	resync_done(dc, c);
	if (c->started_ns && !c->alive_inspected && !has_address(&c->rec) && should_have_address(&c->rec))
		dc_lost(dc, DOCKER_LOST_LATE, 1);
	container_free(dc, c);
}

/* ---- merging ----------------------------------------------------------------------------------------------------- */

static bool is_alive(enum ident_state s)
{
	return s == IDENT_RUNNING || s == IDENT_PAUSED;
}

static bool same_network(const struct ident_endpoint *a, const struct ident_endpoint *b)
{
	if (a->network_id[0] && b->network_id[0])
		return !strcmp(a->network_id, b->network_id);
	return a->network_name[0] && !strcmp(a->network_name, b->network_name);
}

static struct ident_endpoint *endpoint_of(struct ident_container *r, const struct ident_endpoint *like)
{
	for (unsigned i = 0; i < r->endpoint_count; i++)
		if (same_network(&r->endpoints[i], like))
			return &r->endpoints[i];
	return NULL;
}

static bool endpoint_empty(const struct ident_endpoint *e)
{
	return !memcmp(e->addr4, no_addr, 16) && !memcmp(e->addr6, no_addr, 16);
}

/* Addresses of old that fresh has no word of. add: also whole legs that fresh does not have any more. */
static void keep_addresses(struct ident_container *fresh, const struct ident_container *old, bool add)
{
	for (unsigned i = 0; i < old->endpoint_count; i++) {
		const struct ident_endpoint *o = &old->endpoints[i];
		struct ident_endpoint *e = endpoint_of(fresh, o);

		if (endpoint_empty(o))
			continue;
		if (e && endpoint_empty(e))
			*e = *o;
		else if (!e && add && fresh->endpoint_count < IDENT_ENDPOINTS_MAX)
			fresh->endpoints[fresh->endpoint_count++] = *o;
	}
}

/* The merge rule of docker_client.h. n is changed on the way. */
static void merge(struct dc_container *c, struct ident_container *n)
{
	if (is_alive(n->state)) {
		if (!c->alive_inspected)
			keep_addresses(n, &c->rec, false);
		/* Seen running after its death was told: it runs again. */
		if (c->dead && !c->destroyed && c->dead_at_send && n->started_wall_ns > c->died_ns)
			c->dead = false;
		if (n->started_wall_ns > c->started_ns)
			c->started_ns = n->started_wall_ns;
		c->alive_inspected = true;
	} else {
		keep_addresses(n, &c->rec, true);
		if (!n->sandbox_name[0])
			memcpy(n->sandbox_name, c->rec.sandbox_name, sizeof(n->sandbox_name));
		if (!n->port_count && c->rec.port_count) {
			n->port_count = c->rec.port_count;
			memcpy(n->ports, c->rec.ports, sizeof(n->ports));
		}
		if (n->state != IDENT_CREATED)
			c->dead = true;
	}
	c->rec = *n;
	c->inspected = true;
	if (c->dead) {
		c->rec.pid = 0;
		if (is_alive(c->rec.state))
			c->rec.state = c->destroyed ? IDENT_REMOVED : IDENT_EXITED;
	}
}

/* ---- answers --------------------------------------------------------------------------------------------------------- */

static void inspect_failed(struct docker_client *dc, struct dc_container *c, int error)
{
	if (++c->tries < DC_TRIES_MAX) {
		want_inspect(dc, c, DC_PRIO_DELAYED, dc->now_ns + DC_RETRY_NS);
		return;
	}
	c->tries = 0;
	dc_lost(dc, DOCKER_LOST_ANSWER, 1);
	dc_log(dc, LOG_LVL_DEBUG, "engine %u: container %.12s cannot be inspected: %s", dc->engine, c->rec.id, strerror(-error));
	resync_done(dc, c);
	report(dc, c); /* with what the list or its events said; in a resync it must be named, or it would be taken for gone */
}

void dc_container_answer(struct docker_client *dc, const struct dc_request *rq, int error)
{
	struct dc_container *c = dc_container_find(dc, rq->arg);
	struct ident_container *n = &dc->scratch;
	struct docker_start *start;
	bool again;

	if (!c)
		return;
	again = c->again;
	c->inspecting = c->again = false;
	dc->stats.inspects++;
	if (error == 0) {
		error = docker_json_container(rq->buf, rq->len, dc->engine, n);
		if (error == 0 && strcmp(n->id, c->rec.id) != 0)
			error = -EBADMSG;
	}
	if (error == -ENOENT) {
		destroyed(dc, c);
		return;
	}
	if (error < 0 && c->destroyed) {
		destroyed(dc, c);
		return;
	}
	if (error < 0) {
		inspect_failed(dc, c, error);
		return;
	}
	c->tries = 0;
	if (dc->ops->start && is_alive(n->state) && docker_json_start(rq->buf, rq->len, &start) == 0)
		dc->ops->start(dc->arg, dc->engine, n->id, start);
	merge(c, n);
	report(dc, c);
	resync_done(dc, c);
	if (c->destroyed)
		destroyed(dc, c);
	else if (again || (!c->dead && c->rec.state == IDENT_CREATED && c->started_ns))
		want_inspect(dc, c, DC_PRIO_URGENT, 0);
}

void dc_container_member(struct docker_client *dc, const struct ident_network *n, const struct docker_member *m)
{
	struct dc_container *c = dc_container_find(dc, m->id);
	struct ident_endpoint like = { 0 }, *e;

	if (!c || c->alive_inspected || c->destroyed)
		return;
	memcpy(like.network_id, n->id, sizeof(like.network_id));
	memcpy(like.network_name, n->name, sizeof(like.network_name));
	memcpy(like.addr4, m->addr4, 16);
	memcpy(like.addr6, m->addr6, 16);
	memcpy(like.mac, m->mac, 6);
	for (unsigned i = 0; i < n->subnet_count && i < ARRAY_SIZE(n->subnets); i++)
		if (n->subnets[i].gateway[10] == 0xff)
			memcpy(like.gateway4, n->subnets[i].gateway, 16);
	e = endpoint_of(&c->rec, &like);
	if (endpoint_empty(&like) || (e && !endpoint_empty(e)))
		return;
	if (e)
		*e = like;
	else if (c->rec.endpoint_count < IDENT_ENDPOINTS_MAX)
		c->rec.endpoints[c->rec.endpoint_count++] = like;
	report(dc, c);
}

/* ---- the list ------------------------------------------------------------------------------------------------------------ */

static void list_entry(const struct ident_container *l, void *arg)
{
	struct docker_client *dc = arg;
	struct dc_container *c = dc_container_find(dc, l->id);
	bool runs = is_alive(l->state) || l->state == IDENT_RESTARTING;

	if (!runs && l->state != IDENT_CREATED && !c)
		return; /* over before we came: of no interest until it is started */
	c = container_get(dc, l->id);
	if (!c)
		return;
	if (!c->inspected && !c->inspecting && !c->started_ns) {
		c->rec = *l;
		c->rec.pid = 0;
	}
	if (!runs) {
		if (l->state != IDENT_CREATED && !c->dead && c->alive_inspected) {
			c->dead = true;
			c->rec.state = IDENT_EXITED;
			report_gone(dc, c);
		} else if (l->state == IDENT_CREATED && !c->dead) {
			report(dc, c);
		}
		return;
	}
	if (!dc->resync && c->alive_inspected && !c->dead)
		return; /* an audit that found what we know */
	if (dc->resync && !c->in_resync) {
		c->in_resync = true;
		dc->resync_left++;
	}
	want_inspect(dc, c, DC_PRIO_BULK, 0);
}

void dc_containers_list(struct docker_client *dc, const struct dc_request *rq)
{
	int r = docker_json_containers(rq->buf, rq->len, dc->engine, list_entry, dc);

	if (r < 0) {
		dc_lost(dc, DOCKER_LOST_ANSWER, 1);
		if (dc->state == DOCKER_CLIENT_LISTING)
			dc_fail(dc, r);
		return;
	}
	for (size_t b = 0; b < DC_BUCKETS; b++)
		for (struct dc_container *c = dc->buckets[b], *next; c; c = next) {
			next = c->hash_next;
			if (c->epoch != dc->epoch)
				destroyed(dc, c);
		}
	dc->listed = true;
}

/* ---- events ------------------------------------------------------------------------------------------------------------------ */

static void on_create(struct docker_client *dc, struct dc_container *c, const struct docker_event *ev)
{
	if (c->inspected || c->put)
		return;
	c->rec = ev->partial;
	c->rec.state = IDENT_CREATED;
	c->rec.created_wall_ns = ev->time_ns;
	report(dc, c);
}

static void on_start(struct docker_client *dc, struct dc_container *c, const struct docker_event *ev)
{
	if (ev->time_ns < c->died_ns || c->destroyed)
		return; /* of an earlier life */
	if (c->alive_inspected && !c->dead && c->rec.started_wall_ns <= ev->time_ns && c->rec.started_wall_ns > c->died_ns)
		return; /* the inspect that waited for this start has been answered */
	c->started_ns = ev->time_ns;
	if (c->dead)
		c->alive_inspected = false;
	c->dead = c->reviving = false;
	/* An inspect under way was answered after the start in all likelihood; should it say "created", dc_container_answer()
	 * asks again. */
	if (!c->inspecting)
		want_inspect(dc, c, DC_PRIO_URGENT, 0);
}

static void on_die(struct docker_client *dc, struct dc_container *c, const struct docker_event *ev)
{
	if (ev->time_ns < c->started_ns || ev->time_ns < c->died_ns)
		return;
	c->died_ns = ev->time_ns;
	c->dead = true;
	c->reviving = false;
	c->rec.pid = 0;
	c->rec.state = IDENT_EXITED;
	report_gone(dc, c);
	if (c->alive_inspected)
		line_leave(dc, c), resync_done(dc, c); /* nothing more to learn from the corpse */
	else if (!c->inspecting)
		want_inspect(dc, c, DC_PRIO_URGENT, 0);
}

static void on_state(struct docker_client *dc, struct dc_container *c, enum ident_state state)
{
	if (c->dead)
		return;
	c->rec.state = state;
	if (c->inspected)
		report(dc, c);
	else
		want_inspect(dc, c, DC_PRIO_NORMAL, 0);
}

static void on_rename(struct docker_client *dc, struct dc_container *c, const struct docker_event *ev)
{
	if (!ev->name[0])
		return;
	memcpy(c->rec.name, ev->name, sizeof(c->rec.name));
	if (c->put && !c->dead)
		report(dc, c);
	else if (!c->dead)
		want_inspect(dc, c, DC_PRIO_NORMAL, 0);
}

/* An event about one we do not know yet says its name, image and labels. */
static void adopt_partial(struct dc_container *c, const struct docker_event *ev)
{
	if (!c->rec.name[0] && !c->inspected) {
		enum ident_state s = c->rec.state;

		c->rec = ev->partial;
		c->rec.state = s;
	}
}

void dc_container_event(struct docker_client *dc, const struct docker_event *ev)
{
	static const char *const used[] = { "create", "start", "die", "pause", "unpause", "rename", "destroy" };
	struct dc_container *c;
	size_t i = 0;

	while (i < ARRAY_SIZE(used) && strcmp(used[i], ev->action) != 0)
		i++;
	if (i == ARRAY_SIZE(used))
		return;
	if (!strcmp(ev->action, "destroy")) {
		c = dc_container_find(dc, ev->id);
		if (c)
			destroyed(dc, c);
		return;
	}
	c = container_get(dc, ev->id);
	if (!c)
		return;
	if (strcmp(ev->action, "create") != 0)
		adopt_partial(c, ev);
	if (!strcmp(ev->action, "create"))
		on_create(dc, c, ev);
	else if (!strcmp(ev->action, "start"))
		on_start(dc, c, ev);
	else if (!strcmp(ev->action, "die"))
		on_die(dc, c, ev);
	else if (!strcmp(ev->action, "rename"))
		on_rename(dc, c, ev);
	else
		on_state(dc, c, !strcmp(ev->action, "pause") ? IDENT_PAUSED : IDENT_RUNNING);
}

void dc_container_connect(struct docker_client *dc, const struct docker_event *ev)
{
	struct dc_container *c;

	if (!ev->container[0])
		return;
	c = dc_container_find(dc, ev->container);
	if (!c)
		c = container_get(dc, ev->container);
	if (!c || c->destroyed)
		return;
	if (c->dead && !c->reviving && ev->time_ns > c->died_ns) {
		/* About to start again: what it was need not be what it will be. */
		c->reviving = true;
		c->alive_inspected = false;
		c->rec.endpoint_count = 0;
		c->rec.sandbox_name[0] = '\0';
	}
	want_inspect(dc, c, DC_PRIO_URGENT, 0);
}

void dc_container_disconnect(struct docker_client *dc, const struct docker_event *ev)
{
	struct dc_container *c = ev->container[0] ? dc_container_find(dc, ev->container) : NULL;

	if (c && !c->dead && !c->destroyed)
		want_inspect(dc, c, DC_PRIO_DELAYED, dc->now_ns + DC_SETTLE_NS);
}

/* ---- sending ------------------------------------------------------------------------------------------------------------------- */

void dc_containers_pump(struct docker_client *dc)
{
	while (dc->inspects_in_flight < DC_INSPECTS_MAX && dc->in_flight < DC_IN_FLIGHT_MAX) {
		struct dc_container *c = NULL;
		enum dc_prio prio;

		for (prio = DC_PRIO_URGENT; prio > DC_PRIO_DELAYED && !c; prio--)
			if (prio > DC_PRIO_BULK || dc->inspects_in_flight < DC_BULK_MAX)
				c = dc->lines[prio].head;
		if (!c)
			return;
		if (dc_send(dc, DOCKER_REQ_CONTAINER, c->rec.id) < 0)
			return; /* it stays in line, or all lines were emptied */
		line_leave(dc, c);
		c->inspecting = true;
		c->dead_at_send = c->dead;
	}
}

void dc_containers_tick(struct docker_client *dc)
{
	for (struct dc_container *c = dc->lines[DC_PRIO_DELAYED].head, *next; c; c = next) {
		next = c->next;
		if (c->due_ns <= dc->now_ns)
			line_join(dc, c, DC_PRIO_NORMAL);
	}
}

void dc_containers_reset(struct docker_client *dc)
{
	for (size_t b = 0; b < DC_BUCKETS; b++)
		for (struct dc_container *c = dc->buckets[b]; c; c = c->hash_next) {
			line_leave(dc, c);
			c->inspecting = c->again = c->in_resync = false;
			c->tries = 0;
		}
}

void dc_containers_free(struct docker_client *dc)
{
	for (size_t b = 0; b < DC_BUCKETS; b++)
		while (dc->buckets[b])
			container_free(dc, dc->buckets[b]);
}
