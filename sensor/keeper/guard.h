/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The keeper's part of policy: per namespace the plan that core wants, what is held, and the table that makes it so. Rulesets by
 * enforce/nft_apply, changes of elements by enforce/nft_sets; what fails open is refreshed every PLAN_REFRESH_S; what others do
 * to our tables is noticed, put right and told. */
#ifndef PG_KEEPER_GUARD_H
#define PG_KEEPER_GUARD_H

#include <stddef.h>
#include <stdint.h>

#include "sensor/keeper/loop.h"

struct guards;
struct checked_row; /* bpf_loader.h */
struct ipc_hdr;

struct guard_events {
	/* A message for core. */
	void (*tell)(void *arg, uint16_t type, uint32_t seq, const void *body, size_t len);
	/* A descriptor of a namespace that carries containers' packets (borrowed), -1: none. */
	int (*ns_fd)(void *arg, uint16_t ns);
	/* Whether the namespace itself has this address. */
	int (*ns_has)(void *arg, uint16_t ns, const uint8_t addr[16]);
	/* Each such namespace. */
	void (*ns_each)(void *arg, void (*cb)(uint16_t ns, void *cb_arg), void *cb_arg);
	/* A message for the verdict process, with a descriptor (borrowed) or -1; MSG_FD: one of the namespace, its kind (uint16_t) in the
	 * body. 0 or -errno. NULL: there is no such process, and no protocol is checked. */
	int (*verdict)(void *arg, uint16_t type, const void *body, size_t len, int fd, uint16_t ns);
	/* The services of the namespace whose first bytes may be recognised in the kernel: these and no others, sorted by key. NULL: none
	 * are. */
	void (*checked)(void *arg, uint16_t ns, const struct checked_row *rows, uint32_t count);
	void *arg;
};

int guards_new(struct loop *loop, const struct guard_events *events, struct guards **ret);
/* The tables stay, for the next keeper; what fails open is gone within PLAN_TIMEOUT_S if none comes. */
void guards_free(struct guards *g);
/* MSG_POLICY_… from core. */
void guards_message(struct guards *g, const struct ipc_hdr *h, const void *body);
/* The namespace is going: nothing of ours may keep it. */
void guards_ns_gone(struct guards *g, uint16_t ns);
/* The verdict process was started, or ended. */
void guards_verdict_started(struct guards *g);
void guards_verdict_ended(struct guards *g);
/* Core began anew: plans half sent are forgotten. */
void guards_core_started(struct guards *g);

#endif
