/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Flow table of user space: one record per flow_key, with what the kernel counted, who the ends are, and what was said
 * about it. Open addressing over an index, records in stable slabs (a pointer stays valid until flow_table_remove()).
 * Keyed hash: the seed is random per table (hash flooding). One thread. */
#ifndef PG_FLOWS_FLOW_TABLE_H
#define PG_FLOWS_FLOW_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flows/flow_key.h"

struct flow_detail; /* label, host, info: only flows that have them pay for them */

struct flow {
	struct flow_key key;
	uint32_t flags;            /* enum pg_flow_flag, last read */
	uint64_t packets[2], bytes[2];
	uint64_t first_ns, last_ns; /* monotonic */
	uint32_t end_if[2];
	uint32_t owner[2];         /* index into the process table, 0: unknown */
	uint8_t tcp_flags[2];
	uint8_t client_end;        /* 0 or 1; 2: not decided */
	uint8_t how[2];            /* owner's use: [e] how sure the end's name is */
	uint8_t joined;            /* owner's use */
	uint16_t state;            /* owner's use (core): enum of its own */
	struct flow *next;         /* owner's use: a queue */
	void *edge;                /* owner's use */
	struct flow_detail *detail; /* owner's use; freed by the owner before flow_table_remove() */
};

struct flow_table;
/* max: records at most. NULL if memory is short. */
struct flow_table *flow_table_new(size_t max);
void flow_table_free(struct flow_table *t);
struct flow *flow_table_find(struct flow_table *t, const struct flow_key *key);
/* Finds or makes (zeroed but for the key; *ret_made says which). NULL: full (counted) or no memory. */
struct flow *flow_table_get(struct flow_table *t, const struct flow_key *key, bool *ret_made);
/* The same in steps, for callers that know of several flows ahead: the hash of a key of this table, two hints that bring its
 * place and then its record near (to be called some time before they are needed), and the lookup. */
uint32_t flow_table_hash(const struct flow_table *t, const struct flow_key *key);
void flow_table_near_index(const struct flow_table *t, uint32_t hash);
void flow_table_near_record(const struct flow_table *t, uint32_t hash);
struct flow *flow_table_get_hashed(struct flow_table *t, const struct flow_key *key, uint32_t hash, bool *ret_made);
void flow_table_remove(struct flow_table *t, struct flow *f);
size_t flow_table_count(const struct flow_table *t);
uint64_t flow_table_refused(const struct flow_table *t);
size_t flow_table_memory(const struct flow_table *t);
/* Calls cb for every record; cb may remove the record it is given, no other. Stops when cb returns false. */
void flow_table_each(struct flow_table *t, bool (*cb)(struct flow *f, void *arg), void *arg);

#endif
