/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Our tables over netlink: elements in batches (one transaction each), counters, deletion, and the changes that anybody makes. */
#ifndef PG_ENFORCE_NFT_SETS_H
#define PG_ENFORCE_NFT_SETS_H

#include "enforce/nft_plan.h"

struct nft_sock;

/* Opens two sockets in the namespace netns_fd, coming back to home_fd (aborts if it cannot). 0 or -errno. */
int nft_sock_open(int home_fd, int netns_fd, struct nft_sock **ret);
void nft_sock_close(struct nft_sock *s);
/* Readable when somebody changed something. */
int nft_sock_events_fd(const struct nft_sock *s);
/* Port number with which our own changes are told. */
uint32_t nft_sock_port(const struct nft_sock *s);

/* ---- one transaction ------------------------------------------------------------------------------------------------- */
/* 0, -ENOMEM. */
int nft_batch_begin(struct nft_sock *s);
/* As the whole element is needed to add it, only its key to delete it. Errors are kept for nft_batch_commit(). */
void nft_batch_elem(struct nft_sock *s, enum nft_family family, const struct plan_elem *e, bool add);
void nft_batch_delete_table(struct nft_sock *s, enum nft_family family);
/* 0: all of it holds now. -errno: nothing of it does. */
int nft_batch_commit(struct nft_sock *s);

/* ---- asking ------------------------------------------------------------------------------------------------------------ */
/* Handle of our table, 0: there is none. *ret_rules (may be NULL): its rules. 0 or -errno. */
int nft_table_find(struct nft_sock *s, enum nft_family family, uint64_t *ret_handle, uint32_t *ret_rules);
/* Calls cb with each of our named counters. Returns how many or -errno. */
typedef void (*nft_counter_cb)(const char *name, uint64_t packets, uint64_t bytes, void *arg);
int nft_counters_read(struct nft_sock *s, enum nft_family family, nft_counter_cb cb, void *arg);

/* ---- changes ------------------------------------------------------------------------------------------------------------ */
struct nft_change {
	uint32_t port;   /* of the socket that did it */
	uint32_t pid;    /* 0: not said */
	char comm[17];
	bool ours;       /* something of a table of ours */
	bool deleted;    /* something was taken away */
};
/* Reads what happened; calls cb once a transaction. 0; -ENOBUFS: something was missed. */
int nft_changes_read(struct nft_sock *s, void (*cb)(const struct nft_change *c, void *arg), void *arg);

#endif
