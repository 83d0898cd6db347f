/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the policy files of core share: policy.c (which workload, since when, until when), policy_gather.c (what is known, as the
 * input of enforce/policy.c), policy_link.c (plans and holds to the keeper, its answers), policy_judge.c (what a model says about
 * an edge). */
#ifndef PG_SENSOR_CORE_POLICY_PRIV_H
#define PG_SENSOR_CORE_POLICY_PRIV_H

#include "base/cleanup.h"
#include "enforce/policy.h"
#include "sensor/core/core_priv.h"
#include "sensor/core/model.h"
#include "sensor/core/policy.h"
#include "sensor/msg_policy.h"
#include "sensor/msg_queue.h"

#define POLICY_CHOICES_MAX 512
#define POLICY_HOLDS_MAX 256
#define POLICY_NS_MAX 512
#define POLICY_TABLES_MAX 8

/* What a human or the configuration said of a workload. */
struct policy_choice {
	char name[300];
	uint8_t mode;              /* enum policy_mode */
	bool cut, closed;
	bool configured;           /* by the file, not at run time */
	uint64_t since_wall_ns;
	uint64_t confirm_by_ns;    /* monotonic; 0: for good. Then it is what it was before */
	uint8_t mode_before;
	bool cut_before, closed_before;
};

/* A hold as the operator sees it. */
struct policy_hold {
	struct plan_hold hold;     /* addr of the container's first address */
	unsigned engine;
	char cid[IDENT_ID_LEN];
	char workload[300], container[256];
	uint64_t until_ns;         /* monotonic; 0: until it is ended */
	uint64_t since_wall_ns, finding;
	uint32_t micros;           /* from the command to the kernel's word, of the last namespace */
	int status;
};

/* A rule in words, with the numbers that plans give it. */
struct policy_edge {
	uint16_t workload;         /* index into policy_table.workloads */
	uint8_t dir;
	uint8_t sources;
	char *peer, *port, *where;
};
struct policy_table {
	uint32_t serial;
	unsigned edge_count, workload_count;
	struct policy_edge *edges;
	char **workloads;
};

/* Everything that policy_make() needs, and its strings. */
struct policy_gather {
	struct policy_input in;
	struct policy_workload *workloads;
	struct policy_rule *rules;
	struct policy_endpoint *endpoints;
	struct policy_name *names;
	struct policy_place *places;
	struct policy_listener *listeners;
	struct policy_protocol *protocols;
	size_t protocol_room, workload_room, rule_room, endpoint_room, name_room, place_room, listener_room;
	struct policy_table *table;
	struct arena *arena;
	int rc;
	struct core *core;
	const struct ident_network *net;
	uint16_t current;
	const char *only; /* workload to be taken as enforced, whatever was said; NULL: those that are */
};

/* One namespace. */
struct policy_ns {
	uint16_t ns;
	struct plan sent;
	uint32_t serial, table;        /* of the plan that was sent, of the table that has its rules in words */
	uint32_t serial_before, table_before;
	bool asked, lasting; /* it holds a table */
	bool failing;        /* what was sent last was not taken */
	struct msg_policy_state state;
	uint64_t refused_last[PLAN_WORKLOADS_MAX][2];
	uint64_t *edge_last;
	unsigned edge_room;
	uint64_t blocked, quarantined, unknown;
	struct msg_queue_state queue;
};

struct core_policy {
	struct core *core;
	char refusal[256];
	struct policy_choice *choices;
	unsigned choice_count;
	struct policy_hold holds[POLICY_HOLDS_MAX];
	unsigned hold_count;
	struct policy_ns *ns[POLICY_NS_MAX];
	unsigned ns_count;
	struct policy_table *tables[POLICY_TABLES_MAX]; /* the latest first */
	struct policy_counts *counts;
	uint32_t serial;
	uv_timer_t soon;
	bool soon_open, soon_armed;
	unsigned enforced;         /* workloads, when plans were made last */
	bool ready;                /* the keeper was told everything once */
	bool lasting;              /* there are plans that are not empty */
	uint64_t ident_generation, dns_generation, model_generation;
	uint64_t made, sent_elements, sent_rulesets, tampers, failed;
	uint32_t update_micros, ruleset_micros; /* of the last ones */
	uint64_t counters_at_ns;
	struct msg_queue_stats queue_now, queue_before; /* of the present verdict process, of those before */
	uint8_t resolvers[8][16];
	unsigned resolver_count;
};

/* ---- policy.c */
struct policy_choice *policy_choice_find(const struct core_policy *p, const char *workload);
/* What the configuration says holds from when the edges are learned, what a human says at once. */
bool policy_is_enforced(const struct core *c, const struct policy_choice *ch);
unsigned policy_count_enforced(const struct core *c);

/* ---- policy_gather.c */
/* only: as if this workload, too, were enforced; NULL. 0 or -ENOMEM; free in any case. */
int policy_gather(struct core *c, const char *only, struct policy_gather *ret);
void policy_gather_free(struct policy_gather *g);
bool policy_protocols_are_checked(const struct core *c, const char *workload);
void policy_table_free(struct policy_table *t);
/* As policy_edge_verdict(), as if this workload, too, were enforced (NULL: none). */
const char *policy_judge(struct core *c, const struct policy_edge_in *e, const char *assumed);
/* What changes of the models would change the rules. */
uint64_t policy_models_generation(struct core *c);
/* Namespaces in which a workload (NULL: any enforced one) has addresses. Calls cb for each address of a container. */
void policy_each_address(struct core *c, const struct ident_container *ct, void (*cb)(uint16_t ns, const uint8_t addr[16], void *arg), void *arg);
/* Why this address must never be blocked, NULL: it may be. */
const char *policy_never(struct core *c, const uint8_t addr[16]);

/* ---- policy_queue.c */
/* Packets that their rule gave to a queue and that no queue took. */
uint64_t policy_queue_bypassed(const struct msg_queue_state *m, unsigned closed);
void policy_queue_state(struct core *c, struct msg_queue_state *last, const struct msg_queue_state *now);
void policy_queue_sums(const struct core_policy *p, struct msg_queue_stats *ret);

/* ---- policy_link.c */
/* Makes plans anew and sends what changed. */
void policy_send(struct core *c);
int policy_hold_send(struct core *c, struct policy_hold *h, bool on);
void policy_ask_counters(struct core *c);
/* Sends what was not taken once more. */
void policy_retry(struct core *c);
void policy_link_free(struct core_policy *p);

/* ---- policy_counts.c */
struct policy_counts;
struct policy_counts *policy_counts_new(void);
void policy_counts_free(struct policy_counts *n);
void policy_counts_add(struct policy_counts *n, const char *key, uint64_t packets, uint64_t wall_ns);
uint64_t policy_counts_get(const struct policy_counts *n, const char *key, uint64_t *ret_last_wall_ns);

#endif
