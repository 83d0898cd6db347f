/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What core's own files share: the wiring behind struct core. Not for the API, the store or the exports. */
#ifndef PG_SENSOR_CORE_CORE_PRIV_H
#define PG_SENSOR_CORE_CORE_PRIV_H

#include <uv.h>

#include "base/strpool.h"
#include "sensor/core/core.h"
#include "sensor/core/events.h"
#include "sensor/core/named.h"
#include "sensor/core/peer.h"

struct docker_client;
struct ring_buffer;
struct cgroup_names;

/* A flow's ends by name, shared by all flows between the same two ends to the same port (interned, counted). */
struct flow_pair;

/* What was said about a flow: only flows that have it pay for it. Strings are in core_private.strings. */
struct flow_detail {
	const char *app, *host, *info, *facts; /* facts: sensor/facts.h */
	uint8_t confidence;
};

/* struct flow.state */
enum flow_state {
	FLOW_IN_MAP = 1 << 0,      /* its counters are in the topology */
	FLOW_NO_EDGE = 1 << 1,     /* multicast, neighbour discovery, engine's resolver: listed, but no edge of the map */
	FLOW_PROVISIONAL = 1 << 2, /* an end may get a better name yet */
	FLOW_ANNOUNCED = 1 << 3,
	FLOW_ENDED = 1 << 4,
	FLOW_LISTENED = 1 << 5,    /* counted at its listener */
	/* Both nodes of an overlay flow are watched by this sensor: this record counts only what its local end sent. */
	FLOW_HALF_VIEW = 1 << 6,
	FLOW_BASELINE = 1 << 7,    /* an earlier core added what it held at our start */
	FLOW_QUEUED = 1 << 8,      /* in a queue of flow_scan.c */
	FLOW_UNSAVED = 1 << 9,     /* counted on since the store was written */
	FLOW_POSITION = 1 << 10,   /* its position is stored */
	FLOW_SPOOFED = 1 << 13,    /* some end's interface sent with an address that is not its container's, as far as known then */
	FLOW_COUNTED = 1 << 12,    /* as a connection that was served (model_volume.c) */
	FLOW_REFUSED = 1 << 14,    /* its server refused name or password, which is counted (model_volume.c) */
	FLOW_SERVED = 1 << 11,     /* the server's owner is the process that read from the accepted socket or closed it */
};

/* struct flow.joined (flow_joins.c) */
enum flow_joined {
	JOIN_NONE,
	JOIN_FRONT_WAITS, /* to a port of the node behind which a container is; how it comes there was not seen yet */
	JOIN_FRONT,       /* stands for its rear as well */
	JOIN_REAR_WAITS,  /* may be the second half of such a one */
	JOIN_REAR,        /* is: told nowhere */
};

#define CORE_SUBSCRIBERS_MAX 64
#define CORE_MAPS_MAX 32
#define CORE_ARGS_ASKED_MAX 64

struct core_subscriber {
	core_flow_cb cb;
	void *arg;
};

struct core_map {
	char name[MSG_NAME_LEN];
	int fd;
};

struct core_private {
	uv_loop_t *loop;
	struct peer *keeper, *broker, *inspector;
	uv_timer_t tick, second;
	struct core_map maps[CORE_MAPS_MAX];
	unsigned map_count;
	struct strpool *strings;
	struct flow_pair *pairs;       /* uthash */
	struct history *history;
	struct positions *positions;
	struct joins *joins;           /* NULL: there was none yet */
	struct cache_slot *name_cache; /* pairs.c; NULL: empty */
	struct cgroup_names *cgroups;  /* cgroup id -> container id */
	struct docker_client *dockers[MSG_ENGINES_MAX];
	struct core_subscriber subscribers[CORE_SUBSCRIBERS_MAX];
	unsigned subscriber_count;
	uint32_t next_seq, next_pseudo_if;

	/* flow scan */
	struct flow_scan *scan;
	struct pg_flow_gauge *gauge;   /* mapped; NULL until its descriptor came */
	struct pg_flow_share *shares;  /* mapped, PG_IF_SLOTS; NULL: there are none */
	uint64_t names_seen, dns_generation; /* names of flows are looked at again when these move on */
	bool names_moved, unsettled;   /* they did; there are flows that this concerns */
	uint64_t baseline_ns; /* flows that began before were counted by an earlier core, up to now */
	int cpus;             /* possible CPUs, and room for one counter of each */
	uint64_t *per_cpu;

	/* events */
	struct ring_buffer *events;
	uv_poll_t events_poll;
	bool events_polled;
	unsigned events_busy;
	struct event_bus *bus;
	struct event_ledger *ledger;
	struct syscall_sets *syscalls;
	uint32_t iter_seq[2]; /* of the keeper's answer, by enum msg_iter_kind */
	struct { uint32_t seq, tgid; uint64_t start_boot_ns; } args_asked[CORE_ARGS_ASKED_MAX]; /* of the keeper; seq 0: free */
	struct core_files *files;
	unsigned syscalls_idle_s; /* seconds without a container */
	struct core_images *images;
	bool syscalls_on; /* the keeper was told to watch system calls */

	/* banner */
	uint32_t banner_engines, banner_waiting; /* bits: engines that were announced, that were said to be waited for */
	uint64_t banner_at_ns;
	bool banner_shown;

	struct { uint32_t seq; core_named_cb cb; void *arg; } named[32]; /* of the keeper; cb NULL: free */

	char docker_list[1024];        /* --docker, "" none */
	int config_fd;
	char config_name[MSG_NAME_LEN];
	uint64_t ready_ns, wall_minus_mono_ns;
	bool configured, ready, stopping;
	bool synced; /* every engine that can be reached was listed once: flows can be named */
	struct msg_label *early_labels; /* what the inspector said before that */
	unsigned early_label_count;
	uint64_t labels_unmatched;
	int api_fd;
	int exit_status;
};

/* ---- core.c */
/* Wall time of a monotonic time, by the clocks' difference at the last tick. */
static inline uint64_t core_wall_ns(const struct core *c, uint64_t mono_ns)
{
	return mono_ns + c->priv->wall_minus_mono_ns;
}
int core_open(struct core *c, uv_loop_t *loop);
/* Tables and store, once the configuration is known. */
int core_open_tables(struct core *c);
void core_close(struct core *c);
/* Writes what is to outlive this core. */
void core_save(struct core *c);
int core_map_fd(const struct core *c, const char *name); /* -1: not there */
void core_announce(struct core *c, struct flow *f, const char *what);

/* ---- naming.c: names of the two ends */
#define NAME_ID_LEN 384
/* One end of a flow, named. desc's strings point into this struct or into the records behind it. */
struct end_name {
	struct ident_end end;
	struct topo_node_desc desc;
	char id[NAME_ID_LEN], address[46];
	bool provisional; /* a better name is surely on the way: an interface without its container yet */
	bool soft;        /* a better name may come: an outside address without a DNS name */
	bool twin_local;  /* the far end of an overlay flow, on another engine that this sensor watches too */
};
/* The id that nodes of the container's workload have. */
void name_of_workload(struct core *c, const struct ident_container *ct, char ret[NAME_ID_LEN]);
void name_end(struct core *c, const struct flow *f, unsigned e, struct end_name *ret);
/* Whether the name would be the same for every flow between the same interfaces, addresses and server's port. */
bool name_is_of_all(struct core *c, const struct flow *f, unsigned e, const struct end_name *n);
/* The number under which a container's DNS answers are kept. */
uint64_t name_scope(const struct ident_container *ct);
void name_addr_text(const uint8_t addr[16], char ret[46]);
const char *name_of_engine(const struct core *c, unsigned engine);
/* The container of a cgroup, also of one made below the container's own. */
const struct ident_container *core_container_of_cgroup(struct core *c, uint64_t cgroup);

/* ---- pairs.c: the named ends of flows, shared */
enum { PAIR_CLIENT, PAIR_SERVER };
/* The pair, with a reference. NULL: no memory. */
struct flow_pair *pair_get(struct core *c, const struct end_name *client, const struct end_name *server, uint8_t l4, uint16_t port);
void pair_put(struct core *c, struct flow_pair *p);
const struct topo_node_desc *pair_end(const struct flow_pair *p, int which);
/* The end's container, known as long as the pair is; NULL: none. */
const struct ident_container *pair_container(const struct flow_pair *p, int which);
struct topo_hint *pair_hint(struct flow_pair *p);
uint8_t pair_l4(const struct flow_pair *p);
uint16_t pair_port(const struct flow_pair *p);
/* The model's own, all zero at first. */
struct pair_mark {
	uint64_t window; /* in which the edge was judged */
	uint64_t flows;  /* since then */
	uint64_t bytes, bytes_last, done, base; /* model_volume.c: sent by its flows that are there; by those that are over; both at the turn's begin */
	uint64_t new_flows;        /* served in the present turn */
	uint64_t refused_at_ns;    /* begin of the minute in which `refused` logins were refused */
	unsigned refused;
	struct flow_key most;      /* the flow that sent most of it */
	uint64_t most_bytes;
	bool measured, old;        /* its bytes were looked at before; some flow of it is older than what is measured */
};
struct pair_mark *pair_mark(struct flow_pair *p);
void pairs_each(struct core *c, void (*cb)(struct flow_pair *p, void *arg), void *arg);
void pairs_free(struct core *c);
void pair_ref(struct flow_pair *p);
struct cached_name {
	uint8_t how[2];
	bool soft, half_view;
};
/* The pair of the last flow like this one, with a reference, if names have not moved since; NULL: not known. client_end is set. */
struct flow_pair *cached_names(struct core *c, const struct flow *f, struct cached_name *ret);
/* Remembers it for such flows. Only if name_is_of_all() of both ends. */
void cache_names(struct core *c, const struct flow *f, struct flow_pair *pair, const struct cached_name *n);
void cached_names_expire(struct core *c, uint64_t now);
void cached_names_free(struct core *c);

/* ---- model_volume.c: the flow's server refused name or password */
void model_login_refused(struct core *c, struct flow *f);

/* ---- flow_ends.c: client, server, processes */
/* Decides which end is the client as far as it can be told now. */
unsigned flow_client_end(struct core *c, const struct flow *f);
struct listener *flow_listener(struct core *c, const struct flow *f, unsigned e);
enum core_attribution flow_process(struct core *c, const struct flow *f, unsigned e, uint32_t *ret_process);

/* ---- flow_scan.c */
int flows_start(struct core *c);
void flows_stop(struct core *c);
/* Reads what is due of the kernel's map; force: everything, now. */
void flows_scan(struct core *c, bool force);
/* Every flow that began before was read; 0: cannot be said. */
uint64_t flows_read_until(const struct core *c);
/* Whether all flows that were there at start were read. */
bool flows_met(const struct core *c);
bool flow_is_closed(const struct flow *f);
/* Takes one flow in by its key if the kernel has it. NULL if not. */
struct flow *flows_fetch(struct core *c, const struct flow_key *key);

/* ---- flow_shares.c */
int shares_open(struct core *c); /* 0 or -ENOENT */
void shares_close(struct core *c);
/* The flow was taken out of the kernel's table. */
void shares_reaped(struct core *c, const struct pg_flow *v);
/* Adds what the container's interfaces have. */
void shares_of(struct core *c, const struct ident_container *k, struct core_ledger_view *ret);

/* ---- flow_asks.c */
struct flow_asks;
int asks_open(struct core *c, struct flow_asks **ret);
void asks_close(struct flow_asks *a);
/* The i-th question, i < PG_ASKS_MAX: key and reap_before_ns are the caller's, the rest is the answer. */
struct pg_flow_ask *asks_at(struct flow_asks *a, unsigned i);
/* Asks the first count of them. */
void asks_run(struct flow_asks *a, unsigned count);

/* ---- ingest_flows.c */
/* Takes in what the kernel holds of a flow, and who serves it (NULL: not asked). NULL: no room (counted). */
struct flow *flow_take(struct core *c, const struct flow_key *key, const struct pg_flow *v, const struct pg_server *server);
/* The same for a flow that is known. */
void flow_update(struct core *c, struct flow *f, const struct pg_flow *v, const struct pg_server *server);
/* So many more of a flow that is in the map, or was announced, sent by end e. */
void flow_into_map_more(struct core *c, struct flow *f, unsigned e, uint64_t packets, uint64_t bytes);
/* Takes back what of the flow is in the map: from now on it is no edge. */
void flow_leave_map(struct core *c, struct flow *f);
/* Looks again whether a flow that waits for a name, or for a better one, has it now. */
void flow_settle(struct core *c, struct flow *f);
/* The flow is over, and no longer in the kernel's map. Frees it. */
void flow_finish(struct core *c, struct flow *f);
/* Frees it. */
void flow_release(struct core *c, struct flow *f);
/* Something about the flow's names or label changed: brings the map up to date. */
void flow_renamed(struct core *c, struct flow *f);

/* ---- flow_joins.c */
/* The flow has its names (again): finds the other half of it. True: it is a rear. */
bool flow_join(struct core *c, struct flow *f);
/* Its counts were read. */
void flow_joined_read(struct core *c, struct flow *f);
/* The front of a rear, while there is one; else NULL. */
struct flow *flow_front(const struct core *c, const struct flow *f);
/* Who serves a front (0, ATTR_UNKNOWN: not known, whoever listens on the node), and once it is joined where (ret_addr may be NULL).
 * False: f is no front. */
bool flow_joined_server(const struct core *c, const struct flow *f, uint8_t ret_addr[16], uint32_t *ret_process,
			enum core_attribution *ret_how);
/* The flow is about to be freed. */
void flow_unjoin(struct core *c, struct flow *f);
void joins_free(struct core *c); /* after all flows */

/* ---- positions.c */
struct positions *positions_new(void);
/* What the core before stored. */
void positions_load(struct core *c);
/* A flow that the core before knew: sets its counts to what is in the edges of them. False: not stored. */
bool positions_take(struct core *c, struct flow *f);
/* Before and after store_tick(). */
void positions_save(struct core *c);
void positions_saved(struct core *c, bool well);
/* The flow is over. */
void positions_forget(struct core *c, struct flow *f);
void positions_free(struct positions *p);

/* ---- history.c */
struct history *history_new(void);
/* Puts a flow that ended into the history. */
void history_add(struct core *c, struct flow *f);
/* The interval is over: before store_tick(). */
void history_flush(struct core *c);
/* Flushes and frees c->priv->history. */
void history_free(struct core *c);

/* ---- counters.c */
void counters_read(struct core *c);

/* ---- events.c */
struct event_bus *event_bus_new(void);
void event_bus_free(struct event_bus *b);
/* Tells events whose container has got its name, gives up those that waited too long. */
void events_waiting(struct core *c, uint64_t now_ns);

/* ---- syscalls.c: which calls each workload's containers use */
struct syscall_sets;
int syscalls_start(struct core *c); /* 0 or -errno */
void syscalls_stop(struct core *c);
/* From and to the models' store: what was used before this sensor's start counts as well. */
struct model_store;
void syscalls_load(struct core *c, struct model_store *store);
void syscalls_save(struct core *c, struct model_store *store);
/* Whether the kernel has seen programs of this container use a system call that `is` says yes to. */
bool syscalls_used(struct core *c, const struct ident_container *ct, bool (*is)(const char *name));

/* ---- ingest_events.c */
/* A flow began: its client's connect. */
void events_flow(struct core *c, const struct flow *f, const struct core_flow_view *v);
int events_start(struct core *c);
/* Once a second: system calls are watched while there is a container to be watched. */
void events_second(struct core *c);
/* What the keeper read of a process's arguments. */
void events_args_answer(struct core *c, const struct ipc_hdr *hdr, const void *body);
void events_stop(struct core *c);
void events_consume(struct core *c);
/* Reads all records of an iterator (blocking, bounded by what is there); closes fd. What is not among them is gone. */
void events_iterate(struct core *c, enum msg_iter_kind kind, int fd);
/* Has processes and sockets listed anew: events were lost. */
void events_resync(struct core *c);

/* ---- ledger.c */
struct event_ledger *ledger_new(void);
void ledger_free(struct event_ledger *l);
/* An event of this cgroup arrived. */
void ledger_received(struct core *c, uint64_t cgroup);
void ledger_second(struct core *c, uint64_t now_ns);
void ledger_cgroup_gone(struct core *c, uint64_t cgroup);

/* ---- files.c */
int files_start(struct core *c);
void files_stop(struct core *c);
/* Forgets containers that are long gone. */
void files_tick(struct core *c, uint64_t now_ns);
/* A socket to the program "files": takes fd over, tells it everything that is wanted. */
void files_connected(struct core *c, int fd);
/* A container runs (also told again), or ended. */
void files_container_up(struct core *c, const struct ident_container *ct);
void files_container_gone(struct core *c, unsigned engine, const char *cid);

/* ---- ingest_labels.c */
/* Once the engines are listed: takes in what was said before. */
void labels_early(struct core *c);
/* What was said of the one flow is said of the other as well, as far as it says more. */
void labels_share(struct core *c, struct flow *to, const struct flow *from);
void labels_message(const struct ipc_hdr *hdr, const void *body, int fd, void *core);

/* ---- keeper_link.c */
void keeper_message(const struct ipc_hdr *hdr, const void *body, int fd, void *core);
int keeper_configure(struct core *c);

/* ---- feeds.c */
/* Takes over a connection to the documents inspector. */
void feeds_inspector(struct core *c, int fd);
/* The keeper's answer to MSG_LISTED; takes fd over. */
void feeds_kernel_answer(struct core *c, const struct ipc_hdr *hdr, int fd);
/* Every second: looks for feeds that changed. */
void feeds_tick(struct core *c, uint64_t now_mono_ns);

/* ---- geo.c */
int geo_start(struct core *c); /* 0 or -ENOMEM */
void geo_stop(struct core *c);
/* Every second: looks for databases that were replaced. */
void geo_tick(struct core *c, uint64_t now_mono_ns);

/* ---- named.c */
/* The keeper's answer; takes fd over. */
void named_answer(struct core *c, const struct ipc_hdr *hdr, int fd);

/* ---- fetch.c */
int fetch_open(struct core *c);
void fetch_close(struct core *c);
/* Takes over a connection to the fetching program. */
void fetch_connected(struct core *c, int fd);
/* Every second. */
void fetch_tick(struct core *c);

/* ---- banner.c */
void banner_tick(struct core *c, uint64_t now_ns);

/* ---- engine_link.c */
int engines_start(struct core *c);
void engines_stop(struct core *c);
/* An end on this overlay network has no name: asks its engine for the network's records (rate-limited there). */
void engines_want_remote(struct core *c, unsigned engine, const char *network_id);
void engines_tick(struct core *c);
/* Asks an engine to pause, unpause or stop a container; its answer goes to actions_engine_answer(). 0, -ENOTCONN, -EAGAIN. */
int engines_act(struct core *c, unsigned engine, enum docker_req what, const char *cid);
void engines_broker(struct core *c, int fd);
void engines_state(struct core *c, const struct msg_engine *e);
void engines_keeper_answer(struct core *c, const struct ipc_hdr *hdr, const void *body);
/* A cgroup's path became known. */
/* Whether the container, or the one whose network it shares, is on the host network. */
bool engines_on_host_network(struct core *c, const struct ident_container *ct);
void engines_cgroup_seen(struct core *c, uint64_t cgroup, const char *path);
/* Whether the cgroup's path names a container, known to an engine or not. */
bool engines_cgroup_is_container(struct core *c, uint64_t cgroup);
void engines_cgroup_gone(struct core *c, uint64_t cgroup);
struct cgroup_names *cgroup_names_new(void);
void cgroup_names_free(struct cgroup_names *n);

/* ---- model_dns.c: a container looked this name up, whatever the answer was */
void model_on_dns(struct core *c, const struct ident_container *ct, const struct msg_dns *q);

#endif
