/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Core's views as JSON: one function per object, keys as in etc/schema/. Each writes one complete value. Core's loop only. */
#ifndef PG_SENSOR_CORE_JSON_VIEWS_H
#define PG_SENSOR_CORE_JSON_VIEWS_H

#include "base/jsonl.h"
#include "sensor/core/core.h"

/* "tcp", "udp", "icmp", "icmpv6", "sctp", ...; others by number: "ip-123". buf holds at least JSON_L4_LEN bytes and may be
 * what is returned. */
#define JSON_L4_LEN 8
const char *json_l4_name(uint8_t proto, char buf[JSON_L4_LEN]);
/* Number of such a name, -1 if it is none. */
int json_l4_number(const char *name);
/* Text of an address in the sensor's 16-byte form: dotted quad for IPv4-mapped; "" for all zero. */
#define JSON_ADDR_LEN 46
const char *json_addr(const uint8_t addr[16], char buf[JSON_ADDR_LEN]);

/* event: "new", "named", "labelled", "closed" in the stream; NULL in listings. Names of containers are taken from the views'
 * records, or from the two texts when a record is missing (history). */
void json_flow(struct jsonl *j, const struct core_flow_view *v, const char *node, const char *event, const char *client_container,
	       const char *server_container);
void json_container(struct jsonl *j, struct core *c, const struct ident_container *k, const struct core_container_counts *n);
/* json_files.c: keys of an executable (NULL: not known) inside an object that has its path as "exe"; what is known of a
 * container's files. */
struct core_exe;
void json_exe_keys(struct jsonl *j, const struct core_exe *e);
void json_container_files(struct jsonl *j, struct core *c, const struct ident_container *k);
void json_network(struct jsonl *j, const struct core *c, const struct ident_network *n);
void json_listener(struct jsonl *j, const struct core *c, const struct core_listener_view *v);
/* "events": {...}: the ledger of a container. */
void json_ledger(struct jsonl *j, const struct core_ledger_view *l);
/* "loss": {name: count, ...} */
void json_loss(struct jsonl *j, const struct core *c);
/* Key of a kernel counter in "counters". */
const char *json_counter_name(enum pg_counter i);
const char *json_program_name(enum msg_program_id p);
/* json_enforce.c: "policy", "actions", "evidence", "refuse" of status */
void json_enforce(struct jsonl *j, const struct core *c);
/* Name of engine number i, its socket while the name is not known, "" if there is none. */
const char *json_engine(const struct core *c, unsigned i);

/* Rates over the last interval, made by the API's clock. */
struct json_rates {
	double interval_s, flows, packets, bytes, events, samples; /* per second; interval 0: not known yet */
};
struct api_stats;
struct store_stats;
void json_status(struct jsonl *j, struct core *c, const struct json_rates *r, const struct api_stats *a,
		 const struct store_stats *s, const char *store_warning);

#endif
