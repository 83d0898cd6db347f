/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside of guard: guard.c (life, plans, rulesets), guard_sets.c (elements, holds, counters, changes by others),
 * guard_queue.c (queues of packets whose protocol is to be checked). */
#ifndef PG_KEEPER_GUARD_PRIVATE_H
#define PG_KEEPER_GUARD_PRIVATE_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

#include "enforce/nft_apply.h"
#include "enforce/nft_sets.h"
#include "sensor/keeper/bpf_loader.h"
#include "sensor/keeper/guard.h"
#include "sensor/msg_policy.h"
#include "sensor/msg_queue.h"

#define GUARD_HOLDS_MAX 1024
#define GUARD_ASKS_MAX 64

/* Somebody in core waits for what becomes of it. */
struct guard_ask {
	uint32_t seq, serial;
	uint64_t at_ns;
	bool hold;
};

struct guard_hold {
	struct plan_hold hold;
	uint64_t until_ns; /* 0: until it is ended */
};

struct guard_queue {
	int fd, reset[2];      /* -1: none */
	int error;             /* why there is none, -errno */
	uint16_t first;        /* number of the first of two */
	bool native;           /* nftables' own `queue` */
	struct loop_source source; /* while there is no verdict process */
	uint32_t last_id[2];
	uint64_t counted[2], counted_now[2], queued[2], kept[2], repeated[2];
	uint64_t recognised, recognised_now;
};

struct guard {
	struct guard *next;
	struct guards *all;
	uint16_t ns;
	int fd;
	struct nft_sock *sock;
	struct loop_source changes_source;
	bool active;           /* the table is there, as now and the holds say */
	bool seen_tables;      /* whether there was one of an earlier keeper is known */
	bool told;             /* by the present core */
	bool bridge4, bridge6;
	uint64_t handle[NFT_FAMILY_MAX];
	uint32_t rules[NFT_FAMILY_MAX];
	unsigned turn;         /* rulesets begun */

	struct plan now, applying, next_plan, incoming; /* next_plan waits while another is being applied */
	int incoming_bad;
	bool has_next;
	uint32_t serial, applying_serial, next_serial;

	struct guard_hold holds[GUARD_HOLDS_MAX];
	unsigned hold_count;

	pid_t pid;             /* of the process that applies a ruleset, 0 none */
	uint32_t last_pid;
	int result_fd;
	struct loop_source result_source;
	struct loop_timer overdue, refresh;
	bool applying_next, again;
	struct guard_ask asks[GUARD_ASKS_MAX];
	unsigned ask_count, asks_applying;

	struct msg_policy_tamper tamper;
	uint64_t tamper_ns;    /* 0: none is being put right */
	struct guard_queue queue;
};

struct guards {
	struct loop *loop;
	struct guard_events events;
	struct guard *first;
	int home_fd;
	bool no_native_queue;  /* the kernel's nftables cannot queue */
	struct loop_timer keep_timer;
	uint64_t verdict_ns;   /* when the verdict process was started */
	bool verdict_died_soon;
};

/* guard.c */
struct guard *guard_find(struct guards *all, uint16_t ns);
struct guard *guard_get(struct guards *all, uint16_t ns, int *ret_error);
void guard_tell_state(struct guard *g, const struct guard_ask *ask, enum policy_how how, int status, const char *err);
unsigned guard_holds(struct guard *g, struct plan_hold ret[GUARD_HOLDS_MAX]);
void guard_ruleset(struct guard *g);
/* What is to hold when everything that waits is done. */
const struct plan *guard_newest(const struct guard *g);
void guard_refresh_later(struct guard *g);

/* guard_sets.c */
void guard_ask_add(struct guard *g, const struct guard_ask *ask);
void guard_answer(struct guard *g, unsigned count, enum policy_how how, int status, const char *err);
void guard_answer_all(struct guard *g, enum policy_how how, int status, const char *err);
/* Makes the waiting plan true: nothing, elements or a ruleset. */
void guard_plan(struct guard *g);
void guard_hold_message(struct guards *all, const struct ipc_hdr *h, const void *body);
void guard_counters(struct guard *g, bool final);
void guard_changes(struct guard *g);
void guard_refresh(struct guard *g);
/* Takes our tables away. */
void guard_remove(struct guard *g);
/* Notes how the table looks that we just made. */
void guard_know_table(struct guard *g);
/* guard_queue.c */
/* This plan is about to hold: its queues are bound, the verdict process hears what is allowed. */
void guard_queue_plan(struct guard *g, const struct plan *p);
/* A plan holds, or none. */
void guard_queue_settle(struct guard *g);
void guard_queue_close(struct guard *g);
void guard_queue_count(struct guard *g, const char *name, uint64_t packets);
void guard_queue_tell(struct guard *g, bool final);
/* guard_checked.c: the programs in the kernel hear what may be spoken where. NULL: nothing is checked there any more. */
void guard_checked(struct guard *g, const struct plan *p);

/* A repair came to its end. */
void guard_tampered(struct guard *g, int status);

#endif
