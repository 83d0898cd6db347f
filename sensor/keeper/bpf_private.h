/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside of the eBPF loader: what its files share. */
#ifndef PG_SENSOR_KEEPER_BPF_PRIVATE_H
#define PG_SENSOR_KEEPER_BPF_PRIVATE_H

#include <net/if.h>

#include "sensor/bpf/private.h"
#include "sensor/keeper/bpf_loader.h"

struct bpf_object;
struct bpf_program;

/* ---- maps (bpf_maps.c) --------------------------------------------------------------------------- */
enum map_id {
	MAP_FLOWS,
	MAP_SAMPLES,
	MAP_INSPECTED,
	MAP_EVENTS,
	MAP_COUNTERS,
	MAP_INTERFACES,
	MAP_IF_STATS,
	MAP_IF_SLOTS,
	MAP_SOCKETS,
	MAP_SERVERS,
	MAP_LEDGERS,
	MAP_SYSCALLS,
	MAP_SYSCALLS_OUTSIDE,
	MAP_HOSTNET,
	MAP_VTEPS,
	MAP_FLOW_GAUGE,
	MAP_FLOW_SHARES,
	MAP_FLOW_NEWS,
	MAP_FLOW_ASKS,
	MAP_EARLY_DROP,
	MAP_LISTED,
	MAP_LISTED_DROPS,
	MAP_CHECKED,
	/* internal */
	MAP_CLOSED_SOCKETS,
	MAP_YOUNG_SOCKETS,
	MAP_FRAGMENTS,
	MAP_IF_MACS,
	MAP_ARP_ASKED,
	MAP_VOUCHED,
	MAP_ARP_EVENTS,
	MAP_WAKEUPS,
	MAP_ITER_SEEN,
	MAP_NETNS_NUMBERS,
	MAP_PROGRAMS,
	MAP_ABI,
	MAP_MAX
};

struct maps {
	int fd[MAP_MAX];
	unsigned adopted, replaced;
};

/* Adopts or makes every map, pinned at pin_dir/NAME. On failure nothing is left open. */
int maps_open(struct maps *m, const char *pin_dir, uint32_t flows_max);
void maps_close(struct maps *m, const char *pin_dir, bool unpin);
int maps_fd(const struct maps *m, const char *name);
/* Entries that the flows map has room for. */
uint32_t maps_flows_max(const struct maps *m);
/* Gives an opened, not yet loaded object our maps instead of its own; those we do not know stay its own. */
int maps_share(const struct maps *m, struct bpf_object *o);

/* An inner map of `listed`. */
int listed_pages_make(uint32_t pages);

/* ---- programs behind interfaces' hooks (bpf_programs.c) -------------------------------------------- */
/* The stubs of one namespace: what is attached there. */
struct ns_stubs {
	struct ns_stubs *next;
	uint16_t ns;
	int fd[HOOK_MAX]; /* -1: not loaded (yet) */
};

/* The hooks of a role; -1: none in that direction. -EINVAL: no such role. */
int role_hooks(enum pg_if_role role, int *ret_in, int *ret_out);
/* The stubs of a namespace, with those of the role loaded, and the programs they call. They stay the loader's, until
 * stubs_forget(). */
int stubs_get(struct bpf_loader *l, uint16_t ns, enum pg_if_role role, const struct ns_stubs **ret);
void stubs_forget(struct bpf_loader *l, uint16_t ns);
void stubs_close(struct bpf_loader *l);

struct link_state {
	struct link_state *next;
	uint32_t ifindex;
	uint16_t ns;
	uint8_t role;      /* enum pg_if_role */
	bool xdp;          /* has our XDP link too */
	struct msg_hook hook;
};

struct hostnet_state {
	struct hostnet_state *next;
	uint32_t pseudo_ifindex;
	uint64_t cgroup;
};

#define FEATURES_MAX 32

struct bpf_loader {
	char pin_dir[256];
	bool mounted;       /* we mounted the bpffs */
	bool tcx;
	int home_ns;        /* our own network namespace */
	uint32_t half_open_max;
	uint16_t vxlan_port;
	struct maps maps;
	uint32_t programs_set; /* bit per enum hook_program: its slot holds this loader's own program */
	struct ns_stubs *stubs;
	struct link_state *links;
	struct hostnet_state *hostnets;
	struct hostnet_bpf *hostnet_program; /* NULL: no container needed it yet */
	int xdp_prog;       /* -1: not loaded */
	int iter_link[2];   /* by enum msg_iter_kind; -1: not there */
	int ask_prog;       /* flow_ask; -1: not there */
	int iter_pass_map;  /* holds the iterators' variable pass */
	uint32_t iter_pass;
	unsigned feature_count;
	struct msg_feature features[FEATURES_MAX];
};

/* A feature is named once; later calls with the same name replace it. */
void loader_feature(struct bpf_loader *l, const char *name, bool present, const char *consequence);

/* Runs with the thread in namespace fd (-1: stays); namespace_leave() brings it home or aborts. */
int namespace_enter(struct bpf_loader *l, int fd);
void namespace_leave(struct bpf_loader *l, int fd);

/* Loads an object with our maps in place of its own. */
int object_load(struct bpf_loader *l, struct bpf_object *o);
/* A duplicate of a loaded program's descriptor, close-on-exec; -ENOENT. */
int object_program_fd(struct bpf_object *o, const char *name);

/* pin_dir/links/NAME, formatted. */
#define PIN_PATH_LEN 320
void pin_path_link(const struct bpf_loader *l, uint16_t ns, uint32_t ifindex, const char *what, char ret[PIN_PATH_LEN]);

/* The cgroup v2 root as a directory descriptor, found in /proc/self/mountinfo; -ENOENT. */
int cgroup2_root_open(void);

/* ---- global hooks (bpf_global.c), host network (bpf_hostnet.c), iterators (bpf_iter.c) ------------- */
bool hostnet_knows(const struct bpf_loader *l, uint32_t pseudo);
void hostnet_close(struct bpf_loader *l, bool unpin);
void iter_close(struct bpf_loader *l);

/* ---- core's questions about flows (bpf_asks.c) ------------------------------------------------------- */
/* Loads the program; a kernel that refuses it lacks the feature "flow_asks". */
void asks_open(struct bpf_loader *l);
void asks_close(struct bpf_loader *l);

/* ---- interface keys and statistics (bpf_if_stats.c) ---------------------------------------------------- */
/* Makes (ns, ifindex) known in interfaces and if_stats, and takes its slot if that is free. Statistics that are there stay. */
int if_keys_put(struct bpf_loader *l, uint16_t ns, uint32_t ifindex, enum pg_if_role role, uint32_t vni);
void if_keys_delete(struct bpf_loader *l, uint16_t ns, uint32_t ifindex);
/* Deletes the keys of all interfaces that are not known (links_knows()). */
void if_keys_delete_unknown(struct bpf_loader *l);
/* Sum over CPUs, of hash and slot. */
int if_stats_sum(struct bpf_loader *l, uint16_t ns, uint32_t ifindex, struct pg_if_stats *ret);

/* ---- links (bpf_attach.c) --------------------------------------------------------------------------- */
bool links_knows(const struct bpf_loader *l, uint16_t ns, uint32_t ifindex);
void links_note_xdp(struct bpf_loader *l, uint16_t ns, uint32_t ifindex, bool on);
void links_close(struct bpf_loader *l, bool unpin);
/* Removes a namespace's number (bpf_loader.c). */
void ns_number_forget(struct bpf_loader *l, uint16_t ns);

/* ---- interface counters (bpf_link_stats.c) --------------------------------------------------------- */
struct link_stats {
	uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes;
};
/* In the present network namespace, by rtnetlink. */
int link_stats_read(uint32_t ifindex, struct link_stats *ret);

#endif
