/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the model's files in core share. model_core.c: life, windows, findings. model_processes.c, model_flows.c: facts in. */
#ifndef PG_SENSOR_CORE_MODEL_PRIV_H
#define PG_SENSOR_CORE_MODEL_PRIV_H

#include "base/cleanup.h"
#include "sensor/core/alerts.h"
#include "sensor/core/core_priv.h"
#include "sensor/core/model.h"

#define WAITING_MAX 2048
#define UNNAMED_MAX 128
#define WAIT_NS (5 * 1000000000ULL)       /* for a container's name */
#define EDGE_SETTLE_NS (100 * 1000000ULL) /* a new edge: a scan shows, a label comes */
#define EDGE_NAME_NS (300 * 1000000ULL)   /* an outside address: its DNS answer may be on the way */
#define SPOOF_SETTLE_NS (700 * 1000000ULL) /* an address that was just added is known by then */
#define NAMES_MISSED_NS (60 * 1000000000ULL) /* after core's start */
#define EDGE_UNSURE_NS (3 * 1000000000ULL) /* an address on an engine's network that nobody has yet */
#define STARTUP_NS (30 * 1000000000ULL)   /* what a container does first, it does at each start */

struct model_store;
struct scans;
struct dns_counts;
struct overlays;

/* An exec or a listener whose container has no name yet, or a UDP socket that may be over in a moment. */
struct waiting {
	struct waiting *next;
	uint64_t due_ns, until_ns; /* monotonic */
	uint64_t silent_ns;        /* UDP: it is judged then, if it is there and has sent nothing; 0: only at due_ns */
	struct pg_event ev;
	char exe[PG_TEXT_MAX + 48], parent[PG_TEXT_MAX + 48]; /* applet.h */
	bool parent_is_init;
};

/* A flow whose edge is judged when its time has come. */
struct waiting_edge {
	struct waiting_edge *next;
	uint64_t due_ns;
	struct flow_key key;
};

struct held;

struct core_model {
	struct held *held, **held_end; /* model_held.c */
	unsigned held_count;
	struct models *models;
	struct findings *findings;
	struct novelty_rule rule;
	struct model_store *store;
	struct alerts *alerts;
	struct scans *scans;
	struct waiting *waiting, **waiting_end;
	struct waiting_edge *edges, **edges_end;
	unsigned waiting_count, edge_count;
	unsigned silent_count;    /* of those that wait: with silent_ns */
	uint64_t window;          /* number of the present one */
	uint64_t window_end_ns;   /* monotonic */
	uint64_t losses[LOSS_MAX];/* at the window's begin */
	unsigned blind_windows;
	bool blind_said;
	uint64_t unnamed[UNNAMED_MAX]; /* cgroups that lost something in this window before they had a name */
	unsigned unnamed_count;
	int events;               /* handle on the bus */
	uint64_t volume_at_ns, volume_look_ns;
	unsigned volume_turns;
	struct dns_counts *dns;
	struct overlays *overlays;
};

/* The container's model; NULL: none can be kept. */
struct model *model_of(struct core *c, const struct ident_container *ct);
struct model_seen model_seen_of(const struct ident_container *ct, uint64_t now_wall_ns);
/* Bits of the dimensions in which something was lost since the window's begin; text says what, "complete" nothing. */
uint32_t model_lossy(struct core *c, char *text, size_t len);
/* Fills what a finding of m's container says of the model, scores it, adds it, sends it out. */
void model_tell(struct core *c, const struct ident_container *ct, const struct model *m, enum fact_kind k, struct finding *f);
/* Stores the finding as it is now; tell_it: and writes its alert. */
void model_alert(struct core *c, struct finding *f, bool tell_it);
/* Whom an action against the peer is about: the address at the flow's end far, and the server's port. */
void model_peer_of(struct finding *f, const struct flow *flow, unsigned far);
void model_expect(struct finding *f, const char *fmt, ...) _printf_(2, 3);
/* Adds facts of kind k whose first (or second) field is equal to text as expectations. text NULL: all. */
void model_expect_facts(struct finding *f, const struct model *m, enum fact_kind k, bool by_second, const char *text);

/* model_processes.c */
/* A program was refused before it began: process.new, by the process that was about to run it. */
void model_on_refused(struct core *c, const struct ident_container *ct, const char *exe, uint32_t pid);
void model_waiting_tick(struct core *c, uint64_t now_ns);
/* What lives on through a window is seen in it: listeners, processes. */
void model_presence(struct core *c);
/* model_start.c */
/* p belongs to a run of the container's declared health check. */
bool model_is_health(struct core *c, const struct ident_container *ct, const struct process *p);
/* The script that p runs, if it is an interpreter (known: that ran here before), is learned, or told if p came in from outside
 * (docker exec) and it is new here. True: it was told. */
bool model_on_script(struct core *c, const struct ident_container *ct, struct model *m, const struct process *p, bool known, bool from_engine,
		     uint64_t seen_mono_ns);
/* model_held.c: as model_on_fact(), a quarter of a second later where feeds are in use. */
void model_hold(struct core *c, const struct ident_container *ct, const struct model_fact_in *in);
/* UINT64_MAX: everything now. */
void model_held_tick(struct core *c, uint64_t now_ns);
/* model_flows.c */
void model_edges_tick(struct core *c, uint64_t now_ns);
void model_edges_presence(struct core *c);

/* model_events.c: a handle on the bus of events, or -EBUSY. */
int model_events_start(struct core *c);

/* model_volume.c: bytes and connections per edge, beside what was learned; at each tick. */
void model_volume_tick(struct core *c, uint64_t now_ns);
void model_volume_closed(const struct flow *f);
/* model_processes.c: it ran here while that was learned. */
bool model_knows_program(const struct model *m, const char *exe);
/* model_arp.c: one that the model does not know, else what was started last in the container, shells only if there is nothing else; NULL: nothing is known. */
const struct process *model_likely_process(struct core *c, const struct ident_container *ct);
/* model_dns.c: a container looked a name up (or its questions had no address for an answer). */
void model_dns_forget(struct core *c);

/* model_overlay.c: VXLAN that should not be; a flow whose sender's address is not its own. */
void model_overlay_tick(struct core *c, uint64_t now_ns);
void model_overlay_forget(struct core *c);
void model_spoofed(struct core *c, const struct flow *f);

/* model_scan.c: many targets in a short time. */
struct scans *scans_new(void);
void scans_free(struct scans *s);
struct scan_verdict {
	bool horizontal, vertical;
	unsigned targets, ports;
};
/* One client (any number that stands for it) tried (address, port), an edge its model does not know. The same again counts once. */
struct scan_verdict scans_add(struct scans *s, uint64_t client, const uint8_t addr[16], uint16_t port, uint64_t now_ns);
/* That address is one that the client knows after all (its name came late). */
void scans_drop(struct scans *s, uint64_t client, const uint8_t addr[16]);

#endif
