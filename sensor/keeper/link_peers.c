/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The two ends of a veth, when they are in different namespaces: IFLA_LINK is the other end's index, IFLA_LINK_NETNSID the
 * number that this namespace has given to the other one. Which of the namespaces we know that is, RTM_GETNSID tells; the
 * answers are kept until the kernel takes the number back. */
#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "sensor/keeper/link_socket.h"
#include "sensor/keeper/link_watch_private.h"

struct netns *netns_by_number(const struct link_watch *w, uint16_t number)
{
	struct netns *n = w->all;

	while (n && n->number != number)
		n = n->next;
	return n;
}

static void nsid_drop(struct netns *ns, size_t i)
{
	ns->nsids[i] = ns->nsids[--ns->nsid_count];
}

static void nsid_keep(struct netns *ns, int32_t nsid, uint16_t number)
{
	if (ns->nsid_count == ns->nsid_cap) {
		size_t cap = ns->nsid_cap ? ns->nsid_cap * 2 : 8;
		struct nsid_entry *e = realloc(ns->nsids, cap * sizeof(*e));

		if (!e)
			return;
		ns->nsids = e;
		ns->nsid_cap = cap;
	}
	ns->nsids[ns->nsid_count++] = (struct nsid_entry){ nsid, number };
}

static bool nsid_is_known_for(const struct netns *ns, uint16_t number)
{
	for (size_t i = 0; i < ns->nsid_count; i++)
		if (ns->nsids[i].ns == number)
			return true;
	return false;
}

/* Our number of the namespace that ns calls nsid; 0: not one that we know. */
static uint16_t number_of_nsid(struct netns *ns, int32_t nsid)
{
	uint16_t found = 0;

	for (size_t i = 0; i < ns->nsid_count; i++)
		if (ns->nsids[i].nsid == nsid)
			return ns->nsids[i].ns;
	for (struct netns *o = ns->w->all; o && !found; o = o->next) {
		int32_t id = -1;
		int r;

		if (o == ns || nsid_is_known_for(ns, o->number))
			continue;
		r = link_socket_nsid(ns->request_fd, o->fd, &id);
		if (r < 0) {
			errno = -r;
			log_debug("link watch: number of namespace %u in %u: %m", o->number, ns->number);
			continue;
		}
		if (id < 0)
			continue;
		nsid_keep(ns, id, o->number);
		if (id == nsid)
			found = o->number;
	}
	return found;
}

static bool set_peer(struct link *l, uint16_t peer_ns, uint32_t peer_ifindex)
{
	if (l->peer_ns == peer_ns && l->peer_ifindex == peer_ifindex)
		return false;
	l->peer_ns = peer_ns;
	l->peer_ifindex = peer_ifindex;
	return true;
}

/* By what this end says of itself. */
static bool find_from(struct netns *ns, struct link *l)
{
	struct netns *there;
	struct link *peer;
	uint16_t number;
	bool changed;

	if (l->info.kind != MSG_LINK_VETH || !l->info.peer_ifindex)
		return false;
	number = l->info.peer_nsid < 0 ? ns->number : number_of_nsid(ns, l->info.peer_nsid);
	there = netns_by_number(ns->w, number);
	peer = there ? link_find(there, l->info.peer_ifindex) : NULL;
	/* Not where this end says, or not yet: it may have moved without an event here. It names us when it is seen. */
	if (!peer || peer->info.kind != MSG_LINK_VETH || peer->info.peer_ifindex != l->info.ifindex)
		return false;
	changed = set_peer(l, number, peer->info.ifindex);
	if (set_peer(peer, ns->number, l->info.ifindex))
		link_tell(there, peer);
	return changed;
}

bool link_find_peer(struct netns *ns, struct link *l)
{
	bool changed = find_from(ns, l);

	if (l->peer_ns || l->info.kind != MSG_LINK_VETH)
		return changed;
	/* The other end may have been seen first, and know better than this one where the two are. */
	for (struct netns *n = ns->w->all; n; n = n->next)
		for (struct link *o = n->links; o; o = o->next)
			if (n != ns && !o->peer_ns && o->info.peer_ifindex == l->info.ifindex && find_from(n, o)) {
				link_tell(n, o);
				changed = true;
			}
	return changed;
}

void peers_forget_link(struct netns *ns, const struct link *gone)
{
	struct netns *there = netns_by_number(ns->w, gone->peer_ns);
	struct link *peer = there ? link_find(there, gone->peer_ifindex) : NULL;

	if (peer && peer->peer_ns == ns->number && peer->peer_ifindex == gone->info.ifindex && set_peer(peer, 0, 0))
		link_tell(there, peer);
}

void peers_retry(struct link_watch *w)
{
	for (struct netns *n = w->all; n; n = n->next)
		for (struct link *l = n->links; l; l = l->next)
			if (!l->peer_ns && link_find_peer(n, l))
				link_tell(n, l);
}

void peers_forget_nsid(struct netns *ns, int32_t nsid)
{
	for (size_t i = 0; i < ns->nsid_count;)
		if (ns->nsids[i].nsid == nsid)
			nsid_drop(ns, i);
		else
			i++;
}

void peers_forget_ns(struct link_watch *w, uint16_t number)
{
	for (struct netns *n = w->all; n; n = n->next) {
		for (size_t i = 0; i < n->nsid_count;)
			if (n->nsids[i].ns == number)
				nsid_drop(n, i);
			else
				i++;
		for (struct link *l = n->links; l; l = l->next)
			if (l->peer_ns == number && n->number != number && set_peer(l, 0, 0))
				link_tell(n, l);
	}
}
