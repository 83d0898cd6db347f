/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Store: the map and the history of flows in SQLite (WAL) at STATE/pierglass.db. What was written survives kill -9; what
 * was seen since the last store_tick() does not. A store that cannot be written is never a reason to stop: every row that
 * was not kept is counted (LOSS_STORE). A corrupt file is set aside as pierglass.db.corrupt-<UTC time>, never deleted.
 * Called from core's loop only. */
#ifndef PG_SENSOR_CORE_STORE_H
#define PG_SENSOR_CORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sensor/core/config.h"
#include "sensor/core/core.h"

struct store;

/* Opens or makes the database. Takes history_days, store_max_bytes from the configuration (copied). A damaged file is set
 * aside; one that cannot be opened or written (no directory, read-only, no permission, of a newer version) is tried again at
 * every store_tick(); store_warning() says either. 0, or -ENOMEM. Every function here takes NULL for a store and does nothing. */
int store_open(const char *state_dir, const struct config *config, struct store **ret);
/* One line for the operator about what happened at opening (a file set aside, an upgrade), or NULL. Owned by the store. */
const char *store_warning(const struct store *s);
/* Writes what is pending and closes. NULL is fine. */
void store_close(struct store *s);

/* Puts the stored edges back into c->topo (topo_restore). Returns how many, or -errno. */
int store_load(struct store *s, struct core *c);
/* Writes the edges that changed since the last call and the flows that ended, in one transaction; now and then a small step
 * of retention. Call every few seconds. 0 or -errno; failures are counted in c (LOSS_STORE) and are not fatal. */
int store_tick(struct store *s, struct core *c);
/* A few bytes (at most 64) that the next store_tick() which writes edges writes in the same transaction: for example up to
 * when the kernel's counters are in these edges. */
void store_set_mark(struct store *s, const void *mark, size_t len);
/* The mark stored last; false: none, or of another length. */
bool store_get_mark(struct store *s, void *ret, size_t len);
/* Notes one finished flow; it is durable after the next store_tick(). Returns its row, 0 if there is none. */
int64_t store_flow_ended(struct store *s, const struct core_flow_view *v);
/* Adds further finished flows of the same kind to a row of this interval (since the last store_tick()): it then stands for
 * all of them. */
struct store_more {
	uint64_t flows, bytes_to_server, bytes_to_client, packets_to_server, packets_to_client;
	uint64_t first_seen_ns, last_seen_ns; /* wall */
};
void store_flow_more(struct store *s, int64_t row, const struct store_more *m);

/* How far an open flow is in the stored edges: durable in the same transaction as these, by the next store_tick(). */
struct store_position {
	struct flow_key key;
	uint64_t first_ns; /* monotonic: tells flows with the same ends apart */
	uint64_t packets[2], bytes[2];
};
void store_position_put(struct store *s, const struct store_position *p);
void store_position_del(struct store *s, const struct flow_key *key);
void store_positions_clear(struct store *s);
/* Returns how many or -errno. */
int store_each_position(struct store *s, void (*cb)(const struct store_position *p, void *arg), void *arg);

struct store_stats {
	bool open;               /* false: writing fails at the moment (error says why), it is tried again */
	int error;               /* -errno of the last failure */
	uint64_t flows, edges;   /* rows */
	uint64_t file_bytes;     /* database and WAL */
	uint64_t written, lost;  /* rows since open */
	uint64_t retired;        /* rows that retention removed since open */
	char aside[448];         /* path of a damaged file set aside at open; "" none */
};
/* s may be NULL (all zero). */
void store_stats_get(struct store *s, struct store_stats *ret);

struct store_query {
	uint64_t since_wall_ns;  /* last seen at or after; 0: all */
	uint64_t until_wall_ns;  /* last seen at or before; 0: all */
	uint64_t began_wall_ns;  /* not 0: of the first limit flows that ended since then, those that began at or before; no workload */
	const char *workload;    /* either end; NULL: all */
	unsigned limit;
};
/* When the oldest flow that is kept was last seen, wall; 0: there is none. */
uint64_t store_oldest_flow(struct store *s);
/* Calls cb for finished flows, the latest first. The view has container NULL at both ends; its id is the row's. Returns how
 * many or -errno. */
int store_each_flow(struct store *s, const struct store_query *q, void (*cb)(const struct core_flow_view *v,
		    const char *client_container, const char *server_container, void *arg), void *arg);

#endif
