/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Links and addresses of a namespace, and the hooks on them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "sensor/keeper/link_rule.h"
#include "sensor/keeper/link_watch_private.h"

static void tell(const struct link_watch *w, uint16_t type, const void *body, size_t len)
{
	w->events.tell(w->events.arg, type, body, len);
}

struct link *link_find(const struct netns *ns, uint32_t ifindex)
{
	struct link *l = ns->links;

	while (l && l->info.ifindex != ifindex)
		l = l->next;
	return l;
}

static void link_message(const struct netns *ns, const struct link *l, struct msg_link *ret)
{
	*ret = (struct msg_link){
		.ns = ns->number,
		.peer_ns = l->peer_ns,
		.ifindex = l->info.ifindex,
		.peer_ifindex = l->peer_ns ? l->peer_ifindex : l->info.kind == MSG_LINK_VETH ? l->info.peer_ifindex : 0,
		.master = l->info.master,
		.vni = l->info.vni,
		.kind = l->info.kind,
		.role = (uint8_t)l->role,
		.up = l->info.up,
	};
	memcpy(ret->mac, l->info.mac, sizeof(ret->mac));
	memcpy(ret->name, l->info.name, sizeof(ret->name));
}

void link_tell(const struct netns *ns, const struct link *l)
{
	struct msg_link m;

	link_message(ns, l, &m);
	tell(ns->w, MSG_LINK_ADD, &m, sizeof(m));
	if (l->hook.how != MSG_HOOK_NONE || l->hook.error)
		tell(ns->w, MSG_HOOK, &l->hook, sizeof(l->hook));
}

static bool has_wide_addr(const struct netns *ns, uint32_t ifindex)
{
	for (const struct addr *a = ns->addrs; a; a = a->next)
		if (a->info.ifindex == ifindex && a->info.wide)
			return true;
	return false;
}

static bool is_named_uplink(const struct link_watch *w, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(w->uplinks); i++)
		if (w->uplinks[i][0] && !strncmp(w->uplinks[i], name, sizeof(w->uplinks[i])))
			return true;
	return false;
}

static void apply_xdp(struct netns *ns, struct link *l)
{
	struct link_watch *w = ns->w;
	enum link_xdp want = link_xdp(&l->info, l->role, w->xdp);
	struct msg_hook h = { .ns = ns->number, .ifindex = l->info.ifindex };
	int r;

	if ((want != LINK_XDP_NO) == l->xdp)
		return;
	if (want == LINK_XDP_NO) {
		(void)w->hooks.xdp_detach(w->hooks.arg, ns->number, l->info.ifindex);
		l->xdp = false;
		return;
	}
	r = w->hooks.xdp_attach(w->hooks.arg, ns->fd, ns->number, l->info.ifindex, want == LINK_XDP_GENERIC, &h);
	/* A hardware driver without native XDP: no generic XDP behind the operator's back, only a message. */
	l->xdp = r == 0;
	tell(w, MSG_HOOK, &h, sizeof(h));
}

static void report_unseen(const struct netns *ns, const struct link *l)
{
	struct msg_feature f = { .present = 0 };

	snprintf(f.name, sizeof(f.name), "%s", l->info.kind == MSG_LINK_MACVLAN ? "macvlan" : "ipvlan");
	snprintf(f.consequence, sizeof(f.consequence), "traffic of %s in sandbox %s is not seen: it leaves by a %s, not by a veth",
		 l->info.name, ns->name, f.name);
	tell(ns->w, MSG_FEATURE, &f, sizeof(f));
}

static void attach(struct netns *ns, struct link *l, enum pg_if_role role)
{
	struct link_watch *w = ns->w;
	int r;

	l->waits = false;
	l->role = role;
	l->hook = (struct msg_hook){ .ns = ns->number, .ifindex = l->info.ifindex };
	r = w->hooks.attach(w->hooks.arg, ns->fd, ns->number, l->info.ifindex, role, l->info.vni, &l->hook);
	if (r < 0) {
		errno = -r;
		l->hook.how = MSG_HOOK_NONE;
		l->hook.error = r;
		log_debug("link watch: %s (%u/%u): hook: %m", l->info.name, ns->number, l->info.ifindex);
	}
	if (l->hook.late_in_packets || l->hook.late_out_packets)
		log_debug("link watch: %s (%u/%u) had carried %llu + %llu packets before its hook", l->info.name, ns->number,
			  l->info.ifindex, (unsigned long long)l->hook.late_in_packets, (unsigned long long)l->hook.late_out_packets);
}

void link_apply_rule(struct netns *ns, struct link *l)
{
	struct link_watch *w = ns->w;
	enum pg_if_role role = link_role(&l->info, ns->kind, has_wide_addr(ns, l->info.ifindex), is_named_uplink(w, l->info.name));
	/* One that was not there any more is not asked for again: its end is on its way to us. */
	bool failed = l->hook.how == MSG_HOOK_NONE && l->hook.error && l->hook.error != -ENODEV;

	if (w->detached)
		return;
	/* A container's lo carries answers of the engine's resolver only, and its program may have to be loaded first: it must
	 * not stand before the hook of a veth, whose first packet may come the next moment. */
	if (role == PG_IF_LOOPBACK && (role != l->role || failed)) {
		l->waits = true;
		link_watch_wait(w);
		return;
	}
	/* No longer qualified (a master removed for a moment): what is attached stays until the link is gone. */
	if (role != PG_IF_NONE && (role != l->role || failed)) {
		attach(ns, l, role);
		link_watch_wait(w);
	}
	apply_xdp(ns, l);
}

bool link_attach_waiting(struct link_watch *w)
{
	for (struct netns *ns = w->all; ns; ns = ns->next)
		for (struct link *l = ns->links; l; l = l->next)
			if (l->waits) {
				attach(ns, l, PG_IF_LOOPBACK);
				link_tell(ns, l);
				return true;
			}
	return false;
}

static bool info_differs(const struct link_info *a, const struct link_info *b)
{
	return a->master != b->master || a->peer_ifindex != b->peer_ifindex || a->peer_nsid != b->peer_nsid || a->vni != b->vni ||
	       a->kind != b->kind || a->up != b->up || memcmp(a->mac, b->mac, sizeof(a->mac)) || strcmp(a->name, b->name);
}

void link_seen(struct netns *ns, const struct link_info *info)
{
	struct link *l = link_find(ns, info->ifindex);
	bool news = !l || info_differs(&l->info, info);
	enum pg_if_role role_before = l ? l->role : PG_IF_NONE;
	bool fresh = !l;

	if (!l) {
		l = calloc(1, sizeof(*l));
		if (!l)
			return; /* the next event or dump shows it again */
		l->next = ns->links;
		ns->links = l;
	}
	l->info = *info;
	l->generation = ns->generation;
	/* First the hook: the next packet may be the first one. */
	link_apply_rule(ns, l);
	if (link_find_peer(ns, l))
		news = true;
	if (news || l->role != role_before)
		link_tell(ns, l);
	if (fresh && (info->kind == MSG_LINK_MACVLAN || info->kind == MSG_LINK_IPVLAN) && ns->kind == MSG_NS_CONTAINER)
		report_unseen(ns, l);
}

static void link_forget(struct netns *ns, struct link **at)
{
	struct link *l = *at;
	struct msg_link m;

	*at = l->next;
	peers_forget_link(ns, l);
	if (l->role != PG_IF_NONE)
		ns->w->hooks.forget_link(ns->w->hooks.arg, ns->number, l->info.ifindex);
	link_message(ns, l, &m);
	tell(ns->w, MSG_LINK_DEL, &m, sizeof(m));
	free(l);
}

void link_gone(struct netns *ns, uint32_t ifindex)
{
	for (struct link **at = &ns->links; *at; at = &(*at)->next)
		if ((*at)->info.ifindex == ifindex) {
			link_forget(ns, at);
			return;
		}
}

void links_sweep(struct netns *ns)
{
	for (struct link **at = &ns->links; *at;)
		if ((*at)->generation != ns->generation)
			link_forget(ns, at);
		else
			at = &(*at)->next;
}

/* ---- addresses ------------------------------------------------------------------------------------ */

void addr_tell(const struct netns *ns, const struct addr *a, bool added)
{
	struct msg_addr m = { .ns = ns->number, .prefix_len = a->info.prefix_len, .ifindex = a->info.ifindex };

	memcpy(m.addr, a->info.addr, sizeof(m.addr));
	tell(ns->w, added ? MSG_ADDR_ADD : MSG_ADDR_DEL, &m, sizeof(m));
}

static bool addr_is(const struct addr *a, const struct addr_info *i)
{
	return a->info.ifindex == i->ifindex && a->info.prefix_len == i->prefix_len && !memcmp(a->info.addr, i->addr, sizeof(i->addr));
}

void addr_seen(struct netns *ns, const struct addr_info *info)
{
	struct link *l = link_find(ns, info->ifindex);
	enum pg_if_role before = l ? l->role : PG_IF_NONE;
	struct addr *a = ns->addrs;

	while (a && !addr_is(a, info))
		a = a->next;
	if (a) {
		a->generation = ns->generation;
		return;
	}
	a = calloc(1, sizeof(*a));
	if (!a)
		return;
	*a = (struct addr){ .next = ns->addrs, .info = *info, .generation = ns->generation };
	ns->addrs = a;
	if (l)
		link_apply_rule(ns, l);
	if (l && l->role != before)
		link_tell(ns, l);
	addr_tell(ns, a, true);
}

static void addr_forget(struct netns *ns, struct addr **at)
{
	struct addr *a = *at;

	*at = a->next;
	addr_tell(ns, a, false);
	free(a);
}

void addr_gone(struct netns *ns, const struct addr_info *info)
{
	for (struct addr **at = &ns->addrs; *at; at = &(*at)->next)
		if (addr_is(*at, info)) {
			addr_forget(ns, at);
			return;
		}
}

void addrs_sweep(struct netns *ns)
{
	for (struct addr **at = &ns->addrs; *at;)
		if ((*at)->generation != ns->generation)
			addr_forget(ns, at);
		else
			at = &(*at)->next;
}

void links_detach(struct netns *ns)
{
	struct link_hooks *h = &ns->w->hooks;

	for (struct link *l = ns->links; l; l = l->next) {
		if (l->xdp)
			(void)h->xdp_detach(h->arg, ns->number, l->info.ifindex);
		if (l->role != PG_IF_NONE)
			(void)h->detach(h->arg, ns->fd, ns->number, l->info.ifindex);
		l->xdp = false;
		l->role = PG_IF_NONE;
	}
}

void links_free(struct netns *ns)
{
	while (ns->links) {
		struct link *l = ns->links;

		ns->links = l->next;
		free(l);
	}
	while (ns->addrs) {
		struct addr *a = ns->addrs;

		ns->addrs = a->next;
		free(a);
	}
}
