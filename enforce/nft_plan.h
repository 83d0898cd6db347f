/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From a plan to nftables: the elements of its sets, and the whole ruleset as text (nft(8)). Pure.
 *
 * In the table:  chain forward   every packet: held (gate) -> decided -> established -> never refused -> the two ends' edges
 *                chains wN_out, wN_in    a workload's edges: maps from (peer, protocol, port) to the edge's chain, then rules
 *                chains eN       an edge: counted, marked, back to forward for the other end's word
 *                chains wN_src, wN_dst   the same for packets whose direction is not known: either way round
 *                chain check     allowed connections whose protocol is to be known first; empty here
 *                maps  out4 in4  which addresses are whose (elements end by themselves when nobody refreshes them)
 *                gate4, pair4 …  what is held: blocked or in quarantine */
#ifndef PG_ENFORCE_NFT_PLAN_H
#define PG_ENFORCE_NFT_PLAN_H

#include "enforce/plan.h"

enum nft_family { NFT_FAMILY_INET, NFT_FAMILY_BRIDGE, NFT_FAMILY_MAX };
const char *nft_family_name(enum nft_family f);

/* What an action holds back, beside every plan. */
struct plan_hold {
	uint8_t quarantine;   /* else blocked */
	uint8_t has_peer;
	uint8_t l4;           /* 0: any */
	uint8_t analyst_bits; /* QUARANTINE: 0 none, counts over 128 */
	uint16_t port;        /* 0: any */
	uint16_t pad;
	uint32_t left_s;      /* of its life; UINT32_MAX: until it is ended */
	uint8_t addr[16];     /* of the container */
	uint8_t peer[16];     /* blocked, or the analyst's prefix */
};

/* The sets, in the order in which they are rendered. */
enum plan_set { SET_GATE, SET_PAIR, SET_FLOW, SET_PORT, SET_OUT, SET_IN, SET_SRC, SET_DST, SET_SERVES, SET_KNOWN, SET_RESOLVER,
		SET_PEER_PORT, SET_PEER_PROTO, SET_MAX };
#define PLAN_KEY_MAX 40
#define PLAN_NAME_MAX 32

/* One element; the key as netlink has it: each part padded to 4 bytes. */
struct plan_elem {
	uint8_t set;          /* enum plan_set */
	uint8_t family;       /* 4, 6; 0: neither */
	uint8_t dir;          /* PEER_*: PLAN_IN, PLAN_OUT */
	uint8_t key_len;
	uint16_t workload;    /* PEER_*: whose map */
	uint16_t target;      /* of the verdict: workload or edge */
	uint8_t key[PLAN_KEY_MAX];
	uint32_t timeout_s;   /* 0: none. Not compared */
};
struct plan_elems {
	struct plan_elem *v;
	uint32_t count, room;
};
/* Elements of a plan (NULL: none) and of what is held, sorted; of two with the same key the first stays. stateless: as the bridge
 * family needs them. 0 or -ENOMEM. */
int plan_elems_make(const struct plan *p, const struct plan_hold *holds, uint32_t hold_count, bool stateless, struct plan_elems *ret);
void plan_elems_free(struct plan_elems *e);
int plan_elem_cmp(const struct plan_elem *a, const struct plan_elem *b); /* without target and timeout */
/* Name of the element's set; ret holds PLAN_NAME_MAX bytes. */
const char *plan_elem_set(const struct plan_elem *e, char *ret);
/* Its verdict: 'j' jump, 'g' goto with the chain's name in ret; 0: the set is no map. */
char plan_elem_verdict(const struct plan_elem *e, char *ret);

/* The ruleset that replaces whatever our table was, NUL-terminated; free() it. In the bridge family only for the address families
 * that are asked for. NULL: no memory. */
char *nft_plan_text(const struct plan *p, const struct plan_hold *holds, uint32_t hold_count, enum nft_family family, bool v4, bool v6);

#endif
