/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The inspector's table of flows: bounded, made once. Flows that are still looked at stand in order of their last sample;
 * finished ones are kept for a while only so that late samples are known as such, and go first when room is needed. */
#ifndef PG_APPID_INSPECT_FLOW_H
#define PG_APPID_INSPECT_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "appid/dialogue.h"
#include "appid/recognise.h"
#include "sensor/msg.h"

/* What is needed only while a flow is looked at. */
struct inspect_work {
	struct dialogue talk;      /* first: it is kept when the rest is cleared */
	struct inspect_flow *flow; /* whose it is */
	uint64_t wait_since_ns;
	TAILQ_ENTRY(inspect_work) out, wait, ask;
	struct recog_state race;
	struct recog_found likely; /* app APP_UNKNOWN: none */
	size_t memory;             /* of the heads, as last added up */
	/* nDPI: how often it was asked, and about how much */
	uint8_t asks, asked_turns, same;
	uint8_t named;             /* enum app_id that label.app was made for */
	bool named_cert;           /* and the server's certificate was known */
	uint16_t asked_bytes;
	uint64_t facts_hash, changed_ns; /* facts said last; when the protocol was seen to change; 0: not */
	/* What nDPI calls what a tunnel carries; "" nothing yet. How often it was asked, and about how many bytes. */
	char inner_app[40];
	uint8_t inner_asks;
	uint16_t inner_bytes;
	uint16_t looked_bytes;     /* how much our recognisers have seen */
	uint16_t dns_read[2];      /* DNS over TCP: bytes of the head whose messages were reported */
	struct msg_label label;    /* as it will be sent next */
};

struct inspect_flow {
	struct flow_key key;
	uint32_t end_if[2];
	uint32_t serial;           /* in the kernel's table; 0: none */
	uint64_t last_ns;
	struct inspect_work *work; /* NULL: finished */
	uint8_t app;               /* enum app_id found by our own recognisers */
	uint8_t server_dir;        /* 2: not known */
	uint8_t client_dir;        /* who sent the SYN, 2: not known */
	bool whole[2];             /* the kernel's budget of that direction is used up */
	bool dirty, waiting, asking, provisional;
	bool told;  /* the kernel was told that nothing more is wanted: only what is in the ring yet can come */
	bool stale; /* our label's details are to be read again */
	bool unseen; /* there is more than our recognisers have seen */
	bool overlap; /* something was sent twice, with different bytes */
	uint8_t sent;              /* labels sent (saturates) */
	TAILQ_ENTRY(inspect_flow) age;
	SLIST_ENTRY(inspect_flow) chain;
};
TAILQ_HEAD(inspect_list, inspect_flow);
TAILQ_HEAD(inspect_works, inspect_work);

enum { INSPECT_WORKS_KEPT = 64 };
struct inspect_table {
	struct inspect_flow *flows;
	struct inspect_work *works[INSPECT_WORKS_KEPT]; /* to be used again */
	unsigned work_count;
	SLIST_HEAD(inspect_chain, inspect_flow) *buckets, spare;
	unsigned max, bucket_mask, used;
	uint64_t seed;
	struct inspect_list active, finished, told; /* by last sample, oldest first; told: finished, and the kernel knows it */
};

int inspect_table_init(struct inspect_table *t, unsigned max, uint64_t seed);
/* Frees the table and all work. */
void inspect_table_done(struct inspect_table *t);
struct inspect_flow *inspect_table_find(struct inspect_table *t, const struct flow_key *key);
/* A new active flow with work; the key must not be in the table. NULL: no memory, or no room (make some first). */
struct inspect_flow *inspect_table_add(struct inspect_table *t, const struct flow_key *key);
bool inspect_table_full(const struct inspect_table *t);
/* Frees the work; the flow becomes a finished one. It must be in no out or wait list. */
void inspect_table_finish(struct inspect_table *t, struct inspect_flow *f);
void inspect_table_remove(struct inspect_table *t, struct inspect_flow *f);
/* Marks the flow as the one with the latest sample. */
void inspect_table_touch(struct inspect_table *t, struct inspect_flow *f, uint64_t now_ns);

#endif
