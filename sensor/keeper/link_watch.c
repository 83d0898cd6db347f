/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Namespaces under watch: their sockets, dumps and events. */
#include "sensor/keeper/link_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "sensor/keeper/link_rule.h"
#include "sensor/keeper/link_socket.h"
#include "sensor/keeper/link_watch_private.h"

/* Hooks that are not urgent come this long after the last urgent one, one by one. */
#define IDLE_AFTER_NS (200 * NSEC_PER_MSEC)
#define IDLE_EVERY_NS (20 * NSEC_PER_MSEC)
/* Datagrams read from one namespace before others get their turn. */
#define READ_BATCH 64

static void ns_tell(const struct netns *ns, uint16_t type)
{
	struct msg_ns m = { .ns = ns->number, .kind = ns->kind, .engine = ns->engine, .cookie = ns->cookie };

	memcpy(m.name, ns->name, sizeof(m.name));
	ns->w->events.tell(ns->w->events.arg, type, &m, sizeof(m));
}

static void dump_start(struct netns *ns, enum dump_state what)
{
	int r = link_socket_dump(ns->events_fd, what == DUMP_LINKS ? LINK_DUMP_LINKS : LINK_DUMP_ADDRS, ++ns->dump_seq);

	if (r < 0) {
		errno = -r;
		log_debug("link watch: dump in namespace %u: %m", ns->number);
		ns->dump = DUMP_NONE;
		return;
	}
	if (what == DUMP_LINKS)
		ns->generation++;
	ns->dump = what;
}

static void dump_done(struct netns *ns)
{
	if (ns->dump_again) {
		ns->dump_again = false;
		ns->w->redumps++;
		dump_start(ns, DUMP_LINKS);
		return;
	}
	if (ns->dump == DUMP_LINKS) {
		links_sweep(ns);
		dump_start(ns, DUMP_ADDRS);
	} else {
		addrs_sweep(ns);
		ns->dump = DUMP_NONE;
	}
}

/* Events were lost: everything is read again, after a dump that is under way. */
static void events_lost(struct netns *ns)
{
	if (ns->dump != DUMP_NONE) {
		ns->dump_again = true;
		return;
	}
	ns->w->redumps++;
	dump_start(ns, DUMP_LINKS);
}

static void on_netlink(const struct nlmsghdr *nlh, void *arg)
{
	struct netns *ns = arg;
	struct link_info link;
	struct addr_info addr;
	int32_t nsid;

	if (nlh->nlmsg_flags & NLM_F_DUMP_INTR)
		ns->dump_again = true;
	switch (nlh->nlmsg_type) {
	case NLMSG_DONE:
	case NLMSG_ERROR:
		if (ns->dump != DUMP_NONE && nlh->nlmsg_seq == ns->dump_seq)
			dump_done(ns);
		break;
	case RTM_NEWLINK:
		if (link_parse(nlh, &link) == 0)
			link_seen(ns, &link);
		break;
	case RTM_DELLINK:
		if (link_parse(nlh, &link) == 0)
			link_gone(ns, link.ifindex);
		break;
	case RTM_NEWADDR:
		if (addr_parse(nlh, &addr) == 0)
			addr_seen(ns, &addr);
		break;
	case RTM_DELADDR:
		if (addr_parse(nlh, &addr) == 0)
			addr_gone(ns, &addr);
		break;
	case RTM_DELNSID:
		if (nsid_parse(nlh, &nsid) == 0)
			peers_forget_nsid(ns, nsid);
		break;
	default:
		break;
	}
}

static void on_events(void *arg, uint32_t events)
{
	struct netns *ns = arg;

	for (int i = 0; i < READ_BATCH; i++) {
		int r = link_socket_read(ns->events_fd, on_netlink, ns);

		if (r == 0)
			return;
		if (r == -ENOBUFS) {
			events_lost(ns);
		} else if (r < 0) {
			errno = -r;
			log_debug("link watch: namespace %u: %m", ns->number);
			return;
		}
	}
}

int link_watch_new(struct loop *loop, const struct link_hooks *hooks, const struct link_watch_events *events,
		   struct link_watch **ret)
{
	struct link_watch *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return -ENOMEM;
	w->loop = loop;
	w->hooks = *hooks;
	w->events = *events;
	w->home_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (w->home_fd < 0) {
		r = -errno;
		free(w);
		return r;
	}
	*ret = w;
	return 0;
}

static void idle_due(void *arg)
{
	struct link_watch *w = arg;

	if (!w->detached && link_attach_waiting(w))
		loop_timer_set(w->loop, &w->idle_timer, IDLE_EVERY_NS, idle_due, w);
}

void link_watch_wait(struct link_watch *w)
{
	loop_timer_set(w->loop, &w->idle_timer, IDLE_AFTER_NS, idle_due, w);
}

static void ns_free(struct netns *ns)
{
	loop_remove(ns->w->loop, &ns->source);
	links_free(ns);
	close_fd(&ns->events_fd);
	close_fd(&ns->request_fd);
	close_fd(&ns->fd);
	free(ns->nsids);
	free(ns);
}

void link_watch_free(struct link_watch *w)
{
	if (!w)
		return;
	while (w->all) {
		struct netns *ns = w->all;

		w->all = ns->next;
		ns_free(ns);
	}
	loop_timer_stop(w->loop, &w->idle_timer);
	close_fd(&w->home_fd);
	free(w);
}

void link_watch_detach(struct link_watch *w)
{
	w->detached = true;
	for (struct netns *ns = w->all; ns; ns = ns->next)
		links_detach(ns);
}

void link_watch_configure(struct link_watch *w, const struct msg_configure *c)
{
	w->xdp = c->xdp <= MSG_XDP_ALL ? (enum msg_xdp_mode)c->xdp : MSG_XDP_OFF;
	memcpy(w->uplinks, c->uplinks, sizeof(w->uplinks));
	for (struct netns *ns = w->all; ns; ns = ns->next)
		for (struct link *l = ns->links; l; l = l->next) {
			enum pg_if_role before = l->role;

			link_apply_rule(ns, l);
			if (l->role != before)
				link_tell(ns, l);
		}
}

/* Opens the sockets of a namespace not seen before. */
static int ns_open(struct link_watch *w, struct netns *ns, int netns_fd)
{
	int r = link_socket_open(w->home_fd, netns_fd, true, &ns->events_fd);

	if (r == 0)
		r = link_socket_open(w->home_fd, netns_fd, false, &ns->request_fd);
	if (r == 0)
		r = link_socket_netns(ns->request_fd, &ns->fd);
	if (r == 0)
		r = w->hooks.ns_number(w->hooks.arg, ns->cookie, &ns->number);
	if (r == 0)
		r = loop_add(w->loop, &ns->source, ns->events_fd, EPOLLIN, on_events, ns);
	return r;
}

static int cookie_of(struct link_watch *w, int netns_fd, uint64_t *ret)
{
	_cleanup_close_ int sock = -1;
	int r = link_socket_open(w->home_fd, netns_fd, false, &sock);

	return r < 0 ? r : link_socket_cookie(sock, ret);
}

int link_watch_get(struct link_watch *w, int netns_fd, enum msg_ns_kind kind, uint8_t engine, const char *name,
		   struct netns **ret)
{
	_cleanup_close_ int fd = netns_fd;
	uint64_t cookie = 0;
	struct netns *ns;
	int r;

	r = cookie_of(w, fd, &cookie);
	if (r < 0)
		return r;
	for (ns = w->all; ns; ns = ns->next)
		if (ns->cookie == cookie) {
			ns->users++;
			*ret = ns;
			return 0;
		}
	ns = calloc(1, sizeof(*ns));
	if (!ns)
		return -ENOMEM;
	*ns = (struct netns){ .w = w, .cookie = cookie, .kind = (uint8_t)kind, .engine = engine, .users = 1, .fd = -1,
			      .events_fd = -1, .request_fd = -1, .source = LOOP_SOURCE_NONE };
	snprintf(ns->name, sizeof(ns->name), "%s", name);
	r = ns_open(w, ns, fd);
	if (r < 0) {
		ns_free(ns);
		return r;
	}
	ns->next = w->all;
	w->all = ns;
	if (netns_expects_veths(kind, name) && w->hooks.prepare)
		(void)w->hooks.prepare(w->hooks.arg, ns->number);
	ns_tell(ns, MSG_NS_ADD);
	dump_start(ns, DUMP_LINKS);
	/* A dump's answers are made while they are read: this returns when all is read. */
	while (ns->dump != DUMP_NONE) {
		r = link_socket_read(ns->events_fd, on_netlink, ns);
		if (r == -ENOBUFS)
			events_lost(ns);
		else if (r <= 0)
			break;
	}
	peers_retry(w);
	*ret = ns;
	return 0;
}

void link_watch_put(struct link_watch *w, struct netns *ns)
{
	if (--ns->users > 0)
		return;
	for (struct netns **at = &w->all; *at; at = &(*at)->next)
		if (*at == ns) {
			*at = ns->next;
			break;
		}
	w->hooks.forget_ns(w->hooks.arg, ns->number);
	peers_forget_ns(w, ns->number);
	ns_tell(ns, MSG_NS_DEL);
	ns_free(ns);
}

uint16_t netns_number(const struct netns *ns)
{
	return ns->number;
}

uint64_t netns_cookie(const struct netns *ns)
{
	return ns->cookie;
}

void link_watch_snapshot(struct link_watch *w)
{
	for (const struct netns *ns = w->all; ns; ns = ns->next)
		ns_tell(ns, MSG_NS_ADD);
	for (const struct netns *ns = w->all; ns; ns = ns->next) {
		for (const struct link *l = ns->links; l; l = l->next)
			link_tell(ns, l);
		for (const struct addr *a = ns->addrs; a; a = a->next)
			addr_tell(ns, a, true);
	}
}

void link_watch_count(const struct link_watch *w, struct link_watch_stats *ret)
{
	*ret = (struct link_watch_stats){ .redumps = w->redumps };
	for (const struct netns *ns = w->all; ns; ns = ns->next) {
		ret->namespaces++;
		for (const struct link *l = ns->links; l; l = l->next) {
			ret->links++;
			ret->hooks += l->hook.how != MSG_HOOK_NONE;
			ret->hook_failures += l->hook.how == MSG_HOOK_NONE && l->hook.error;
		}
	}
}

static bool carries_packets(const struct netns *ns)
{
	return ns->kind == MSG_NS_NODE || ns->kind == MSG_NS_OVERLAY;
}

int link_watch_ns_fd(const struct link_watch *w, uint16_t number)
{
	const struct netns *ns = netns_by_number(w, number);

	return ns && carries_packets(ns) ? ns->fd : -1;
}

bool link_watch_ns_has(const struct link_watch *w, uint16_t number, const uint8_t addr[16])
{
	const struct netns *ns = netns_by_number(w, number);

	for (const struct addr *a = ns ? ns->addrs : NULL; a; a = a->next)
		if (!memcmp(a->info.addr, addr, 16))
			return true;
	return false;
}

void link_watch_each_ns(const struct link_watch *w, void (*cb)(uint16_t number, void *arg), void *arg)
{
	for (const struct netns *ns = w->all, *next; ns; ns = next) {
		next = ns->next;
		if (carries_packets(ns))
			cb(ns->number, arg);
	}
}
