/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whole rulesets through libnftables, in a short-lived fork of the keeper (DECISIONS 14: the library calls exit() when memory is
 * short, and leaks a little at refused commands). */
#ifndef PG_ENFORCE_NFT_APPLY_H
#define PG_ENFORCE_NFT_APPLY_H

#include <sys/types.h>

#include "enforce/nft_plan.h"

/* What the child writes to its pipe before it ends. */
struct nft_result {
	int32_t status;           /* 0 or -errno */
	uint8_t bridge4, bridge6; /* a bridge table was needed for this family: its bridged packets do not pass inet's hooks */
	uint8_t native_queue;     /* nftables' own `queue` stands in the rules */
	uint8_t pad;
	int32_t queue_error;      /* packets cannot be queued, -errno */
	char err[500];            /* what nftables said */
};

struct nft_job {
	int netns_fd;
	const struct plan *plan; /* NULL: only what is held */
	const struct plan_hold *holds;
	uint32_t hold_count;
	uint16_t earlier;        /* as in struct plan */
	bool had_bridge;         /* a bridge table is there and goes if it is not needed */
	uint16_t queue;          /* number of the first queue that is bound for this; 0: none */
	bool native_queue;       /* to be tried */
};
/* Starts it; *ret_fd becomes readable when it ended, then nft_apply_end(). Nothing of job is needed afterwards. 0 or -errno. */
int nft_apply_start(const struct nft_job *job, pid_t *ret_pid, int *ret_fd);
/* Reads the result, closes fd, takes the child away (kills it if it still runs). */
void nft_apply_end(pid_t pid, int fd, struct nft_result *ret);

#endif
