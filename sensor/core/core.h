/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Core's state and the views of it that the API, the exports and the store read. Core is one thread (one libuv loop):
 * everything here may be called from that loop only. */
#ifndef PG_SENSOR_CORE_CORE_H
#define PG_SENSOR_CORE_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flows/dns_names.h"
#include "flows/flow_table.h"
#include "flows/identity.h"
#include "flows/topology.h"
#include "sensor/bpf/abi.h"
#include "intel/geo_mmdb.h"
#include "sensor/core/config.h"
#include "sensor/msg.h"
#include "sensor/watch/listeners.h"
#include "sensor/watch/processes.h"

struct store;
struct core_exe;
struct core_feeds;
struct core_fetches;
struct core_geo;
struct core_declared;
struct api;
struct core_model;
struct core_policy;
struct core_actions;
struct core_evidence;
struct core_refuse;
struct exports;

/* What is known of one engine. */
struct core_engine {
	char socket[108];
	bool up;
	int error;               /* -errno of the last attempt when down */
	char name[128];          /* engine's node name (/info Name) */
	char id[128];            /* engine's ID */
	char version[64], api_version[16];
	char swarm_node_id[64], swarm_addr[64];
	bool swarm, manager;
	uint64_t connects, resyncs, events, gaps; /* gaps: times the event stream broke */
	uint64_t up_since_mono_ns;
	uint16_t ns;
	uint32_t pid;
};

/* Why something is not known or was not kept; the names are the keys in JSON "loss". Sums since core's start; kernel
 * counters since the maps were made. */
enum core_loss {
	LOSS_FLOW_TABLE_FULL,      /* packets, kernel: flow table full */
	LOSS_HALF_OPEN_BUDGET,     /* packets, kernel: half-open budget */
	LOSS_MALFORMED,            /* packets, kernel */
	LOSS_SAMPLE_RING,          /* samples, kernel: ring full */
	LOSS_EVENT_RING,           /* events, kernel: ring full */
	LOSS_SOCKET_MAP,           /* sockets, kernel */
	LOSS_VTEP_MAP,
	LOSS_LATE_ATTACH,          /* packets that passed an interface before its hook was there */
	LOSS_NOT_HOOKED,           /* packets, kernel: a hook whose program was not there */
	LOSS_USER_FLOW_TABLE,      /* flows refused in user space (their packets go to the edge only) */
	LOSS_LABELS_DROPPED,       /* inspector results that core's queue had no room for */
	LOSS_INSPECTOR_EVICTED,    /* flows the inspector gave up for lack of room */
	LOSS_INSPECTOR_PIECES,     /* pieces of a stream too far out of order to be kept */
	LOSS_PROCESS_TABLE,
	LOSS_LISTENER_TABLE,
	LOSS_EDGE_TABLE,
	LOSS_EVENT_THROTTLED,      /* events, kernel: beyond their container's budget */
	LOSS_EVENT_UNNAMED,        /* events of a container that no engine named in time */
	LOSS_ENGINE_GAPS,          /* breaks of an engine's event stream (resynchronised after) */
	LOSS_ENGINE_ANSWERS,       /* answers or event lines of an engine that could not be used */
	LOSS_CONTAINER_LATE,       /* containers that were over before they could be inspected alive */
	LOSS_CONTAINER_TABLE,      /* containers or networks beyond what is kept */
	LOSS_BAD_VERSION,          /* records of another ABI version */
	LOSS_FILE_QUEUE,           /* times the kernel's queue of file events was full: how many it does not say */
	LOSS_FILE_THROTTLED,       /* file events of a container over its budget */
	LOSS_FILE_HASH,            /* executables that were not hashed, too many waiting */
	LOSS_STORE,                /* rows that could not be written */
	LOSS_UNSAVED,              /* flows whose last counts went with a core that was killed */
	LOSS_HISTORY,              /* finished flows that are in the map, but found no room in the history */
	LOSS_API_STREAM,           /* lines a slow API client did not take */
	LOSS_MODEL_WAITING,        /* facts that found no room while their container's name was awaited */
	LOSS_FINDINGS,             /* findings that could not be kept or written out */
	LOSS_ACTIONS,              /* findings whose actions found no room */
	LOSS_EVIDENCE,             /* parts of evidence, or whole bundles, that a limit cut or that could not be had */
	LOSS_EXEC_UNJUDGED,        /* programs started or refused by the choice for failures: nobody judged them in time */
	LOSS_PROTOCOL_UNCHECKED,   /* connections and packets let go or refused by the choice for failures: nobody knew what they speak */
	LOSS_EXPORT,               /* records that an export had no room for or that nobody took */
	LOSS_MAX
};
const char *core_loss_name(enum core_loss l);

struct core_hook {
	struct msg_hook hook;
	struct core_hook *next;
};

struct core {
	struct config config;
	char run_dir[256], state_dir[256];
	char node[128];               /* this node's name */
	struct identity *ident;
	struct flow_table *flows;
	struct topology *topo;
	struct processes *procs;
	struct listeners *listeners;
	struct dns_names *dns;
	struct store *store;
	struct api *api;
	struct core_fetches *fetches; /* fetch.h */
	struct core_geo *geo;         /* geo.h; NULL: none is configured */
	struct core_feeds *feeds;     /* feeds.h; NULL: none are configured */
	struct core_declared *declared; /* declared.h; NULL: not yet */
	struct core_model *model;     /* sensor/core/model.h */
	struct core_policy *policy;   /* sensor/core/policy.h */
	struct core_actions *actions; /* sensor/core/actions.h */
	struct core_evidence *evidence; /* sensor/core/evidence.h */
	struct core_refuse *refuse;   /* sensor/core/refuse.h */
	struct exports *exports;      /* sensor/core/exports.h; NULL: none are configured */
	unsigned engine_count;
	struct core_engine engines[MSG_ENGINES_MAX];
	struct msg_program programs[PROGRAM_MAX];
	struct msg_inspect_stats inspect_stats;
	unsigned feature_count;
	struct msg_feature features[64];
	struct core_hook *hooks;
	uint64_t counters[PG_CTR_MAX];  /* last read, summed over CPUs */
	uint64_t losses[LOSS_MAX];
	uint64_t start_wall_ns, start_mono_ns;
	struct pg_flow_gauge gauge;
	struct core_private *priv;    /* core.c's own */
};

/* ---- views ------------------------------------------------------------------------------------------------- */
/* How sure a process at an end of a flow is. */
enum core_attribution { ATTR_UNKNOWN, ATTR_ITERATOR, ATTR_LISTENER, ATTR_EXACT, ATTR_MAX };
const char *core_attribution_name(enum core_attribution a);

struct core_end_view {
	char id[384];                /* topology node id */
	enum topo_kind kind;
	const struct ident_container *container; /* NULL: none */
	char addr[46];               /* text; IPv4 as dotted quad */
	uint16_t port;               /* host byte order */
	const char *exe;             /* "" unknown */
	const struct core_exe *exe_file; /* its content (files.h); NULL: not known */
	uint32_t pid;
	enum core_attribution attribution;
	const char *network;         /* name, "" unknown */
	bool spoofed;
	struct geo_entry geo;        /* of an outside address; all "" and 0: nothing is known */
};

struct core_flow_view {
	uint64_t id;                 /* stable while the flow lives */
	uint64_t flows;              /* 1; in the history a row may stand for many of one kind (then port, process, host are one's) */
	struct core_end_view client, server;
	uint8_t l4;
	const char *app;             /* "Unknown" if nothing is known */
	uint8_t app_confidence;      /* enum label_confidence */
	const char *host, *info;     /* "" none */
	const char *facts;           /* sensor/facts.h; "" none */
	bool facts_wall;             /* times in them are wall clock (history), else monotonic */
	uint64_t bytes_to_server, bytes_to_client, packets_to_server, packets_to_client;
	uint64_t first_seen_ns, last_seen_ns; /* wall */
	const char *state;           /* "new" "established" "closed" "half-open" */
	uint32_t vni;                /* 0: none */
	uint16_t ns;
	const char *engine;          /* name */
	uint16_t published_port;     /* the client used this port of the host; 0: no */
	uint32_t kernel_flags;       /* enum pg_flow_flag, of a living one */
	uint64_t first_mono_ns;      /* of a living one; 0 */
};
/* Fills a view; its pointers are valid until core returns to its loop. */
void core_view_flow(struct core *c, struct flow *f, struct core_flow_view *ret);
/* All live flows, in no order. */
void core_each_flow(struct core *c, void (*cb)(const struct core_flow_view *v, void *arg), void *arg);

struct core_listener_view {
	const struct listener *l;
	const struct ident_container *container; /* whose namespace it is in; NULL: the node's */
	const char *exe;
	const struct core_exe *exe_file; /* its content (files.h); NULL: not known */
	const char *workload;        /* "" none; "engine resolver" for the engine's DNS inside containers */
	char addr[46];
	uint64_t since_ns;           /* wall */
	const char *engine;
	const char *source;          /* who expects it: "declared", "learned", "human", "none" */
	const char *because;         /* a place ("/etc/x.conf:5"), or a few words; "" nothing to say */
};
void core_each_listener(struct core *c, void (*cb)(const struct core_listener_view *v, void *arg), void *arg);

/* The living processes of a container, each parent before its children. */
struct core_process_counts {
	unsigned client, server; /* live flows whose client, whose server it is */
	const struct core_exe *exe_file; /* its executable's content (files.h); NULL: not known */
};
void core_each_process(struct core *c, const struct ident_container *k,
		       void (*cb)(const struct process *p, const struct core_process_counts *n, void *arg), void *arg);

/* The ledger of a container's events: produced = delivered + ring_lost + throttled, and delivered = received but for what is
 * under way, as of the last second. */
struct core_ledger_view {
	uint64_t produced, delivered, ring_lost, throttled, received;
	uint64_t window_lost; /* in the present and the last window of 10 s: nothing may be concluded from what was not seen then */
	bool throttled_now;
	/* room in the kernel's flow table (of the interfaces that began the flows), packets refused for want of it */
	uint64_t flows_one_way, flows_two_way, flows_refused;
};
void core_container_ledger(struct core *c, const struct ident_container *k, struct core_ledger_view *ret);

/* What there is of a container now; bytes are those of its live flows, as L2 frames. */
struct core_container_counts {
	unsigned processes, listeners, connections;
	uint64_t bytes_sent, bytes_received;
	struct core_ledger_view events;
};
void core_each_container(struct core *c, void (*cb)(const struct ident_container *k, const struct core_container_counts *n, void *arg),
			 void *arg);

/* System calls that a workload's containers have used, since this core knows of them or of what the kernel still holds. */
struct core_syscalls {
	struct pg_syscall_set_bits used[PG_SYSCALL_SETS]; /* by enum pg_arch, then enum pg_syscall_set */
};
/* workload "": all. */
void core_each_syscalls(struct core *c, const char *workload,
			void (*cb)(const char *workload, const struct core_syscalls *s, void *arg), void *arg);

/* Calls cb for each new or changed flow (new, named, labelled, closed) from now on; returns a handle >= 0 or -errno. */
typedef void (*core_flow_cb)(const struct core_flow_view *v, const char *what, void *arg);
int core_subscribe_flows(struct core *c, core_flow_cb cb, void *arg);
void core_unsubscribe_flows(struct core *c, int handle);
/* Counts one loss. */
void core_lost(struct core *c, enum core_loss what, uint64_t n);
/* Reads the kernel's map now, so that what is shown next is current to this moment. */
void core_refresh(struct core *c);

#endif
