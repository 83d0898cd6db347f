/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Policy in core: which workloads are enforced, what their models, declarations and humans allow, handed to the keeper as plans
 * (enforce/policy.h); what is blocked or quarantined by an action. Core's loop only. */
#ifndef PG_SENSOR_CORE_POLICY_H
#define PG_SENSOR_CORE_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sensor/core/core.h"

struct core_policy;

enum policy_mode { POLICY_LEARN, POLICY_MONITOR, POLICY_ENFORCE, POLICY_MODE_MAX };
const char *policy_mode_name(enum policy_mode m);
/* What is done about the workload now: ENFORCE where it was said; else LEARN until its edges are learned, then MONITOR. */
enum policy_mode policy_mode_of(const struct core *c, const char *workload);

/* IPv4 as IPv4-mapped; bits counts over 128. */
struct policy_prefix {
	uint8_t addr[16];
	uint8_t bits;
};

/* Refuses everything between the container and the peer (NULL: anybody), by protocol l4 (0: any) and port of the server's side
 * (network byte order, 0: any), for ttl_s seconds (1 to 86400); existing connections too. finding: the number that policy show
 * gives as the reason, 0 none. 0; -EPERM: never blocked (policy_refusal() says why); -ENOENT: the container has no address that
 * could be blocked; other -errno. Takes effect within a millisecond or, in a namespace in which nothing was blocked, some. */
int policy_block(struct core *c, const struct ident_container *ct, const uint8_t peer[16], uint8_t l4, uint16_t port_be,
		 unsigned ttl_s, uint64_t finding);
/* Cuts the container off from everything but the analyst's addresses (NULL: those of policy.analyst), or ends that. 0 or -errno. */
int policy_quarantine(struct core *c, const struct ident_container *ct, const struct policy_prefix *analyst, bool on);
/* Why the last policy_block() or policy_quarantine() was refused, one sentence. */
const char *policy_refusal(const struct core *c);

/* Ends what policy_block() began for the container; how many. */
int policy_unblock(struct core *c, const struct ident_container *ct);

/* ---- commands; policy_refusal() says why not ---- */
struct policy_how_to {
	unsigned confirm_s;  /* back to what it was after so long, unless confirmed; 0: for good */
	int established;     /* 0 keep, 1 cut, -1 as it is */
	int closed;          /* on_failure: 0 open, 1 closed, -1 as it is */
	bool anyway;         /* though it is still learning */
};
/* 0; -ENOENT: no such workload; -EPERM: its edges are not learned yet; -ENOSPC. */
int policy_enforce(struct core *c, const char *workload, const struct policy_how_to *how);
int policy_confirm(struct core *c, const char *workload); /* 0; -ENOENT, -EEXIST: needs none */
int policy_monitor(struct core *c, const char *workload); /* 0; -ENOENT */
/* Nothing is enforced, blocked or in quarantine any more: of this workload, NULL: at all. How many things ended. */
int policy_off(struct core *c, const char *workload);

/* What the policy says of an edge of the map: "none" no end is enforced, "allow", "reset" (TCP), "drop". */
struct policy_edge_in {
	const char *client, *server;         /* node ids */
	enum topo_kind client_kind, server_kind;
	const char *client_workload, *server_workload; /* "" none */
	uint8_t l4;
	uint16_t port;
};
const char *policy_edge_verdict(struct core *c, const struct policy_edge_in *e);

/* ---- for core's own files ---- */
struct ipc_hdr;
void policy_message(struct core *c, const struct ipc_hdr *hdr, const void *body);
/* MSG_QUEUE_… of the verdict process; a new one began. */
void policy_verdict_message(struct core *c, const struct ipc_hdr *hdr, const void *body);
void policy_queue_new_verdict(struct core *c);
struct msg_program;
void policy_queue_verdict_ended(struct core *c, const struct msg_program *m);
void policy_tick(struct core *c, uint64_t now_mono_ns);
/* Something changed that plans are made of. */
void policy_touch(struct core *c);

/* Once the configuration is known. 0 or -ENOMEM. */
int core_policy_open(struct core *c);
void core_policy_close(struct core *c);

#endif
