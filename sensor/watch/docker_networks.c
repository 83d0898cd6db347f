/* SPDX-License-Identifier: GPL-2.0-or-later */
/* docker_client: networks, the far ends of overlays, and what a swarm manager knows of tasks elsewhere. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sensor/watch/docker_client_priv.h"

static struct dc_network *network_find(struct docker_client *dc, const char *id)
{
	for (struct dc_network *n = dc->networks; n; n = n->next)
		if (!strcmp(n->net.id, id))
			return n;
	return NULL;
}

static struct dc_network *network_get(struct docker_client *dc, const char *id)
{
	struct dc_network *n = network_find(dc, id);

	if (!n) {
		n = dc->network_count < DC_NETWORKS_MAX ? calloc(1, sizeof(*n)) : NULL;
		if (!n) {
			dc_lost(dc, DOCKER_LOST_REFUSED, 1);
			return NULL;
		}
		memcpy(n->net.id, id, strnlen(id, sizeof(n->net.id) - 1));
		n->net.engine = dc->engine;
		n->next = dc->networks;
		dc->networks = n;
		dc->network_count++;
	}
	n->epoch = dc->epoch;
	return n;
}

static void network_forget(struct docker_client *dc, struct dc_network *n)
{
	struct dc_network **p = &dc->networks;

	if (n->known)
		dc->ops->network_gone(dc->arg, dc->engine, n->net.id);
	while (*p != n)
		p = &(*p)->next;
	*p = n->next;
	dc->network_count--;
	free(n);
}

static bool is_overlay(const struct dc_network *n)
{
	return !strcmp(n->net.driver, "overlay");
}

static void want_look(struct docker_client *dc, struct dc_network *n, uint64_t not_before_ns)
{
	if (n->inspecting) {
		n->again = true;
		return;
	}
	if (!n->want || not_before_ns < n->not_before_ns)
		n->not_before_ns = not_before_ns;
	n->want = true;
}

/* ---- answers ------------------------------------------------------------------------------------------------ */

static void remotes_report(struct docker_client *dc, const struct docker_network *dn)
{
	for (size_t i = 0; i < dn->remote_count; i++) {
		const struct docker_remote *r = &dn->remotes[i];

		/* A task of this node that is not among the members yet: its container is reported as such. */
		if (!r->vip && (!r->node[0] || !strcmp(r->node, dc->info.swarm_node_addr)))
			continue;
		dc->ops->put_remote(dc->arg, dc->engine, dn->net.id, r->name, r->addr, r->node);
	}
	for (size_t i = 0; i < dn->member_count; i++) {
		const struct docker_member *m = &dn->members[i];
		static const uint8_t none[16];

		if (m->own && m->name[0] && memcmp(m->addr4, none, 16))
			dc->ops->put_remote(dc->arg, dc->engine, dn->net.id, m->name, m->addr4, "");
	}
}

void dc_network_answer(struct docker_client *dc, const struct dc_request *rq, int error)
{
	struct dc_network *n = network_find(dc, rq->arg);
	struct docker_network *dn = NULL;
	bool again;

	if (!n)
		return;
	again = n->again;
	n->inspecting = n->again = false;
	if (error == -ENOENT) {
		network_forget(dc, n);
		return;
	}
	if (error == 0)
		error = docker_json_network(rq->buf, rq->len, dc->engine, &dn);
	if (error == 0 && strcmp(dn->net.id, n->net.id) != 0)
		error = -EBADMSG;
	if (error < 0 || !dn) {
		docker_network_free(dn);
		dc_lost(dc, DOCKER_LOST_ANSWER, 1);
		want_look(dc, n, dc->now_ns + DC_REFRESH_NS);
		return;
	}
	if (!n->known || memcmp(&n->net, &dn->net, sizeof(n->net)) != 0) {
		n->net = dn->net;
		n->known = true;
		dc->ops->put_network(dc->arg, &n->net);
	}
	for (size_t i = 0; i < dn->member_count; i++)
		if (dn->members[i].id[0])
			dc_container_member(dc, &n->net, &dn->members[i]);
	n->had_members = dn->member_count || dn->remote_count || dn->peer_count;
	if (is_overlay(n)) {
		remotes_report(dc, dn);
		n->refresh_ns = dc->now_ns + DC_REFRESH_NS;
		/* The first look was a plain one, when the driver was not known. */
		again |= rq->what == DOCKER_REQ_NETWORK_PLAIN;
	}
	docker_network_free(dn);
	if (again)
		want_look(dc, n, dc->now_ns);
}

static void list_entry(const struct ident_network *l, void *arg)
{
	struct docker_client *dc = arg;
	struct dc_network *n = network_get(dc, l->id);

	if (!n)
		return;
	n->net = *l;
	n->known = true;
	dc->ops->put_network(dc->arg, l);
	if (is_overlay(n))
		want_look(dc, n, dc->now_ns);
}

void dc_networks_list(struct docker_client *dc, const struct dc_request *rq)
{
	int r = docker_json_networks(rq->buf, rq->len, dc->engine, list_entry, dc);

	if (r < 0) {
		dc_lost(dc, DOCKER_LOST_ANSWER, 1);
		dc_fail(dc, r);
		return;
	}
	for (struct dc_network *n = dc->networks, *next; n; n = next) {
		next = n->next;
		if (n->epoch != dc->epoch)
			network_forget(dc, n);
	}
	dc->networks_listed = true;
}

void dc_network_event(struct docker_client *dc, const struct docker_event *ev)
{
	struct dc_network *n;

	if (!strcmp(ev->action, "destroy") || !strcmp(ev->action, "remove")) {
		n = network_find(dc, ev->id);
		if (n)
			network_forget(dc, n);
		return;
	}
	if (strcmp(ev->action, "create") && strcmp(ev->action, "connect") && strcmp(ev->action, "disconnect"))
		return;
	n = network_get(dc, ev->id);
	if (!n)
		return;
	if (!n->net.driver[0])
		snprintf(n->net.driver, sizeof(n->net.driver), "%s", ev->driver);
	/* Leaving needs no look on a bridge: who left is known by name. */
	if (!strcmp(ev->action, "disconnect") && !is_overlay(n))
		return;
	want_look(dc, n, !strcmp(ev->action, "disconnect") ? dc->now_ns + DC_WANT_NS : dc->now_ns);
}

void docker_client_want_remote(struct docker_client *dc, const char *network_id, uint64_t now_ns)
{
	struct dc_network *n = network_find(dc, network_id);

	if (!n || !is_overlay(n) || dc->state < DOCKER_CLIENT_LISTING)
		return;
	dc->now_ns = now_ns;
	if (!n->inspecting)
		want_look(dc, n, n->sent_ns + DC_WANT_NS);
	dc_pump(dc);
}

/* ---- sending -------------------------------------------------------------------------------------------------- */

static void swarm_pump(struct docker_client *dc)
{
	struct dc_swarm *s = &dc->swarm;

	if (!dc->info.swarm_manager || s->busy || !s->next_ns || s->next_ns > dc->now_ns || dc->in_flight >= DC_IN_FLIGHT_MAX)
		return;
	if (dc_send(dc, DOCKER_REQ_NODES, "") == 0)
		s->busy = true;
}

void dc_networks_pump(struct docker_client *dc)
{
	for (struct dc_network *n = dc->networks; n && dc->in_flight < DC_IN_FLIGHT_MAX; n = n->next) {
		if (!n->want || n->inspecting || n->not_before_ns > dc->now_ns)
			continue;
		if (dc_send(dc, is_overlay(n) ? DOCKER_REQ_NETWORK : DOCKER_REQ_NETWORK_PLAIN, n->net.id) < 0)
			return;
		n->want = false;
		n->inspecting = true;
		n->sent_ns = dc->now_ns;
	}
	swarm_pump(dc);
}

void dc_networks_tick(struct docker_client *dc)
{
	for (struct dc_network *n = dc->networks; n; n = n->next)
		if (is_overlay(n) && n->had_members && n->refresh_ns && n->refresh_ns <= dc->now_ns && !n->inspecting && !n->want) {
			n->refresh_ns = dc->now_ns + DC_REFRESH_NS;
			want_look(dc, n, dc->now_ns);
		}
}

static void swarm_forget(struct dc_swarm *s)
{
	free(s->nodes);
	free(s->services);
	s->nodes = NULL;
	s->services = NULL;
	s->node_count = s->service_count = 0;
	s->busy = false;
}

void dc_networks_reset(struct docker_client *dc)
{
	for (struct dc_network *n = dc->networks; n; n = n->next) {
		n->want = n->inspecting = n->again = false;
		n->not_before_ns = 0;
	}
	swarm_forget(&dc->swarm);
}

void dc_networks_free(struct docker_client *dc)
{
	for (struct dc_network *n = dc->networks, *next; n; n = next) {
		next = n->next;
		free(n);
	}
	dc->networks = NULL;
	swarm_forget(&dc->swarm);
}

/* ---- swarm: nodes, then services, then tasks --------------------------------------------------------------------- */

void dc_swarm_soon(struct docker_client *dc)
{
	if (!dc->swarm.next_ns || dc->swarm.next_ns > dc->now_ns + DC_WANT_NS)
		dc->swarm.next_ns = dc->now_ns + DC_WANT_NS;
}

static void on_node(const struct docker_node *n, void *arg)
{
	struct dc_swarm *s = &((struct docker_client *)arg)->swarm;
	struct docker_node *p = reallocarray(s->nodes, s->node_count + 1, sizeof(*p));

	if (!p)
		return;
	s->nodes = p;
	s->nodes[s->node_count++] = *n;
}

static void on_service(const struct docker_service *v, void *arg)
{
	struct docker_client *dc = arg;
	struct dc_swarm *s = &dc->swarm;
	struct docker_service *p = reallocarray(s->services, s->service_count + 1, sizeof(*p));

	if (!p)
		return;
	s->services = p;
	s->services[s->service_count++] = *v;
	for (size_t i = 0; i < v->vip_count; i++)
		dc->ops->put_remote(dc->arg, dc->engine, v->vips[i].network_id, v->name, v->vips[i].addr, "");
}

static const char *service_name(const struct dc_swarm *s, const char *id)
{
	for (size_t i = 0; i < s->service_count; i++)
		if (!strcmp(s->services[i].id, id))
			return s->services[i].name;
	return "";
}

static const char *node_addr(const struct dc_swarm *s, const char *id)
{
	for (size_t i = 0; i < s->node_count; i++)
		if (!strcmp(s->nodes[i].id, id))
			return s->nodes[i].addr[0] ? s->nodes[i].addr : s->nodes[i].name;
	return id;
}

static void on_task(const struct docker_task *t, void *arg)
{
	struct docker_client *dc = arg;
	const char *service = service_name(&dc->swarm, t->service_id);
	char name[320];

	if (!t->running || !service[0] || !strcmp(t->node_id, dc->info.swarm_node_id))
		return; /* what runs here is known as a container */
	if (t->slot)
		snprintf(name, sizeof(name), "%s.%" PRIu64 ".%s", service, t->slot, t->id);
	else
		snprintf(name, sizeof(name), "%s.%s.%s", service, t->node_id, t->id);
	for (size_t i = 0; i < t->attachment_count; i++)
		dc->ops->put_remote(dc->arg, dc->engine, t->attachments[i].network_id, name, t->attachments[i].addr,
				    node_addr(&dc->swarm, t->node_id));
}

void dc_swarm_answer(struct docker_client *dc, const struct dc_request *rq, int error)
{
	enum docker_req follow = DOCKER_REQ_MAX;

	switch ((enum docker_req)rq->what) {
	case DOCKER_REQ_NODES:
		free(dc->swarm.nodes);
		dc->swarm.nodes = NULL;
		dc->swarm.node_count = 0;
		error = error < 0 ? error : docker_json_nodes(rq->buf, rq->len, on_node, dc);
		follow = DOCKER_REQ_SERVICES;
		break;
	case DOCKER_REQ_SERVICES:
		free(dc->swarm.services);
		dc->swarm.services = NULL;
		dc->swarm.service_count = 0;
		error = error < 0 ? error : docker_json_services(rq->buf, rq->len, on_service, dc);
		follow = DOCKER_REQ_TASKS;
		break;
	default:
		error = error < 0 ? error : docker_json_tasks(rq->buf, rq->len, on_task, dc);
		break;
	}
	dc->swarm.next_ns = dc->now_ns + DC_SWARM_NS;
	if (error == 0 && follow < DOCKER_REQ_MAX && dc_send(dc, follow, "") == 0)
		return;
	dc->swarm.busy = false;
}
