/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside of link_watch: link_watch.c (namespaces and their events), link_table.c (links, addresses, hooks), link_peers.c. */
#ifndef PG_KEEPER_LINK_WATCH_PRIVATE_H
#define PG_KEEPER_LINK_WATCH_PRIVATE_H

#include "sensor/keeper/link_parse.h"
#include "sensor/keeper/link_watch.h"

struct link {
	struct link *next;
	struct link_info info;
	struct msg_hook hook;  /* how it was attached; how NONE and error 0: nothing was tried */
	enum pg_if_role role;  /* sticky: an interface keeps it until it is gone or gets another */
	bool xdp;
	bool waits;            /* its hook is not urgent: attached when nothing else is to do */
	uint16_t peer_ns;      /* our number, 0: not known */
	uint32_t peer_ifindex; /* there */
	uint32_t generation;   /* of the dump that showed it last */
};

struct addr {
	struct addr *next;
	struct addr_info info;
	uint32_t generation;
};

/* Number that one namespace has given to another (rtnetlink "nsid"), and ours. */
struct nsid_entry {
	int32_t nsid;
	uint16_t ns;
};

enum dump_state { DUMP_NONE, DUMP_LINKS, DUMP_ADDRS };

struct netns {
	struct netns *next;
	struct link_watch *w;
	uint64_t cookie;
	uint16_t number;
	uint8_t kind, engine;
	char name[MSG_NAME_LEN];
	unsigned users;
	int fd, events_fd, request_fd;
	struct loop_source source;
	enum dump_state dump;
	bool dump_again;
	uint32_t dump_seq, generation;
	struct link *links;
	struct addr *addrs;
	struct nsid_entry *nsids;
	size_t nsid_count, nsid_cap;
};

struct link_watch {
	struct loop *loop;
	struct link_hooks hooks;
	struct link_watch_events events;
	int home_fd;
	struct netns *all;
	enum msg_xdp_mode xdp;
	char uplinks[4][16];
	uint64_t redumps;
	bool detached; /* no hook is attached any more */
	struct loop_timer idle_timer; /* for links that wait */
};

struct link *link_find(const struct netns *ns, uint32_t ifindex);
struct netns *netns_by_number(const struct link_watch *w, uint16_t number);

/* link_table.c */
void link_seen(struct netns *ns, const struct link_info *info);
void link_gone(struct netns *ns, uint32_t ifindex);
void addr_seen(struct netns *ns, const struct addr_info *info);
void addr_gone(struct netns *ns, const struct addr_info *info);
/* After a dump: forgets what it did not show. */
void links_sweep(struct netns *ns);
void addrs_sweep(struct netns *ns);
/* Gives the link the role and XDP program that the rule now wants. */
void link_apply_rule(struct netns *ns, struct link *l);
/* Attaches the hook of one link that waits; false: none did. */
bool link_attach_waiting(struct link_watch *w);
void link_tell(const struct netns *ns, const struct link *l);
void addr_tell(const struct netns *ns, const struct addr *a, bool added);
/* Frees all, without a word to core. */
void links_free(struct netns *ns);
void links_detach(struct netns *ns);

/* link_watch.c */
/* Something waits, or something urgent was done: the waiting ones come a while after the last of these. */
void link_watch_wait(struct link_watch *w);

/* link_peers.c */
/* Looks up where the veth's other end is; true if that changed. Tells the other end's link if this made it known. */
bool link_find_peer(struct netns *ns, struct link *l);
/* A link is gone, here at least: its other end has none any more until it is seen again. */
void peers_forget_link(struct netns *ns, const struct link *gone);
/* A namespace came: links whose other end was not known may find it there. */
void peers_retry(struct link_watch *w);
/* A namespace is going, or the kernel took a number back. */
void peers_forget_ns(struct link_watch *w, uint16_t number);
void peers_forget_nsid(struct netns *ns, int32_t nsid);

#endif
