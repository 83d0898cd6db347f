/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The watch over network namespaces: links and addresses of each by rtnetlink, hooks by the fixed rule of link_rule.h the
 * moment a link qualifies, the two ends of veths brought together. Namespaces are told apart by cookie; the same one under
 * several names or engines is one, with one number. One thread. */
#ifndef PG_KEEPER_LINK_WATCH_H
#define PG_KEEPER_LINK_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sensor/bpf/abi.h"
#include "sensor/keeper/loop.h"
#include "sensor/msg.h"

struct link_watch;
struct netns;

/* What is done to the kernel: the eBPF loader's functions, or a test's. arg is the first parameter of all. */
struct link_hooks {
	int (*ns_number)(void *arg, uint64_t netns_cookie, uint16_t *ret);
	/* A node's or an overlay's namespace: veths will come. May be NULL. */
	int (*prepare)(void *arg, uint16_t ns);
	int (*attach)(void *arg, int netns_fd, uint16_t ns, uint32_t ifindex, enum pg_if_role role, uint32_t vni,
		      struct msg_hook *ret);
	int (*detach)(void *arg, int netns_fd, uint16_t ns, uint32_t ifindex);
	void (*forget_link)(void *arg, uint16_t ns, uint32_t ifindex);
	void (*forget_ns)(void *arg, uint16_t ns);
	int (*xdp_attach)(void *arg, int netns_fd, uint16_t ns, uint32_t ifindex, bool generic, struct msg_hook *ret);
	int (*xdp_detach)(void *arg, uint16_t ns, uint32_t ifindex);
	void *arg;
};

/* What core is told: type is MSG_NS_ADD, MSG_NS_DEL, MSG_LINK_ADD, …, MSG_HOOK, MSG_FEATURE with its struct as body. */
struct link_watch_events {
	void (*tell)(void *arg, uint16_t type, const void *body, size_t len);
	void *arg;
};

int link_watch_new(struct loop *loop, const struct link_hooks *hooks, const struct link_watch_events *events,
		   struct link_watch **ret);
/* Hooks stay for the next keeper. All users have let their namespaces go, or let them go with it. */
void link_watch_free(struct link_watch *w);
/* Orderly stop: takes all hooks off, in every namespace, and attaches none any more. */
void link_watch_detach(struct link_watch *w);

/* Which XDP mode, and uplinks by name (msg_configure); applied to what is there and to what comes. */
void link_watch_configure(struct link_watch *w, const struct msg_configure *c);

/* Begins to watch the namespace netns_fd (taken, also on failure), or counts one more user of it if it is known. name "" for
 * a node's. Links that are there are hooked before it returns. *ret stays valid until its last link_watch_put(). */
int link_watch_get(struct link_watch *w, int netns_fd, enum msg_ns_kind kind, uint8_t engine, const char *name,
		   struct netns **ret);
/* One user less; the last one: closes everything, so that nothing keeps the namespace alive. */
void link_watch_put(struct link_watch *w, struct netns *ns);
uint16_t netns_number(const struct netns *ns);
uint64_t netns_cookie(const struct netns *ns);

/* Tells everything again: for a core that was just started. */
void link_watch_snapshot(struct link_watch *w);

/* ---- for policy: namespaces of nodes and overlays, by number ---- */
/* A descriptor (the watch's own), -1: there is no such namespace. */
int link_watch_ns_fd(const struct link_watch *w, uint16_t number);
/* Whether an interface there has this address. */
bool link_watch_ns_has(const struct link_watch *w, uint16_t number, const uint8_t addr[16]);
void link_watch_each_ns(const struct link_watch *w, void (*cb)(uint16_t number, void *arg), void *arg);

struct link_watch_stats {
	uint32_t namespaces, links, hooks, hook_failures;
	uint64_t redumps; /* the kernel dropped events: everything was read again */
};
void link_watch_count(const struct link_watch *w, struct link_watch_stats *ret);

#endif
