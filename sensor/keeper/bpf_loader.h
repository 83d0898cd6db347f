/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The eBPF programs' loader: maps, programs, hooks, pins. Loads what sensor/bpf/ holds, attaches it where the keeper says,
 * interprets nothing. Everything lives on as pins in one bpffs directory when the keeper dies; the next keeper's
 * bpf_loader_open() adopts it, so hooks keep counting and counters continue.
 *
 * Each program is loaded once, at the first hook that wants it, into a slot of the map programs. On an interface stands a
 * stub of its namespace, which calls the slot: a namespace costs two small stubs, a successor's program takes its
 * predecessor's place under all hooks at once. A hook whose slot is empty counts its packets in PG_CTR_NOT_HOOKED.
 *
 * One thread. Functions return 0 (or a descriptor) or -errno, and leave nothing half-attached behind on error. A call that
 * takes a namespace descriptor enters that network namespace and comes back to where it was before it returns; should
 * coming back ever fail, it aborts (a keeper in the wrong namespace is worse than none). Logs at debug only. */
#ifndef PG_SENSOR_KEEPER_BPF_LOADER_H
#define PG_SENSOR_KEEPER_BPF_LOADER_H

#include <stdbool.h>
#include <stdint.h>

#include "sensor/bpf/abi.h"
#include "sensor/msg.h"

struct bpf_loader;

struct bpf_loader_options {
	const char *pin_dir;    /* for example /run/pierglass/bpf; made if absent, a bpffs is mounted on it if it is none */
	uint32_t flows_max;     /* entries of the flow table; 0: 131072. Rounded up to a power of two; allocated at once, 224 bytes each */
	uint32_t half_open_max; /* one-way flows at most; 0: flows_max / 2 */
	uint16_t vxlan_port;    /* host byte order; 0: 4789 */
	bool no_tcx;            /* use clsact filters even where TCX exists (tests) */
};

/* Opens the programs, adopts or makes the maps. -EPERM: not allowed (not root), -ENOTSUP: this kernel has no BTF or no BPF,
 * other -errno. bpf_loader_error() then says why in one sentence. */
int bpf_loader_open(const struct bpf_loader_options *o, struct bpf_loader **ret);
/* Why the last bpf_loader_open() in this thread failed; never NULL, static storage. */
const char *bpf_loader_error(void);

/* How many maps an earlier keeper left and were adopted, and how many were replaced because version or size differ. */
void bpf_loader_adopted(const struct bpf_loader *l, unsigned *ret_adopted, unsigned *ret_replaced);

/* Descriptor of a map by its name in abi.h; owned by the loader, valid until bpf_loader_close(). -ENOENT: no such map. */
int bpf_loader_map_fd(const struct bpf_loader *l, const char *name);

/* Descriptor of the program flow_ask (abi.h), owned by the loader; -EOPNOTSUPP: this kernel has it not (Linux 5.17), what
 * it does then needs a system call for each flow. */
int bpf_loader_ask_fd(const struct bpf_loader *l);

/* Calls cb once for every feature probed at open (and by bpf_loader_attach_global()). f is valid during the call. */
void bpf_loader_each_feature(const struct bpf_loader *l, void (*cb)(const struct msg_feature *f, void *arg), void *arg);

/* Our number of a network namespace (SO_NETNS_COOKIE of it): the same one that an earlier keeper whose maps were adopted
 * gave it, else a new one. Numbers start at 1 and are not given again while the maps live (-ENOSPC after 65535). Use this
 * for every namespace: flows, interfaces and pins are keyed by it. */
int bpf_loader_ns_number(struct bpf_loader *l, uint64_t netns_cookie, uint16_t *ret);

/* Loads what a container's veth in namespace ns needs now: the programs, if this is the loader's first namespace (the verifier
 * takes some tenths of a second), and the namespace's own stubs, which take a fraction of a millisecond. The first attach then
 * need not wait for them. 0 or -errno; the attach tries again. */
int bpf_loader_prepare_ns(struct bpf_loader *l, uint16_t ns);

/* Makes an interface of namespace ns known with a role and attaches that role's programs to it:
 *   CONTAINER  ingress + egress: flows, samples, if_stats       VXLAN   ingress + egress: if_stats
 *   UPLINK     ingress + egress: vteps, if_stats                LOOPBACK egress: answers of the engine's resolver
 *   BRIDGE     nothing attached: what comes out of it was counted at a veth
 * netns_fd: a descriptor of that namespace (ignored for BRIDGE); -1: the caller's own. Again for the same interface and role:
 * no change (adopted). With another role: re-attached. *ret is filled also on failure (how NONE, error). Link creation
 * is the time to call it: late_* tell what the interface had carried before. */
int bpf_loader_attach_link(struct bpf_loader *l, int netns_fd, uint16_t ns, uint32_t ifindex, enum pg_if_role role,
			   uint32_t vni, struct msg_hook *ret);
/* Takes our programs off a living interface, and forgets it. netns_fd as above; -1 is fine for TCX hooks. */
int bpf_loader_detach_link(struct bpf_loader *l, int netns_fd, uint16_t ns, uint32_t ifindex);
/* The interface is gone (RTM_DELLINK): removes its pins and its keys in interfaces and if_stats. */
void bpf_loader_forget_link(struct bpf_loader *l, uint16_t ns, uint32_t ifindex);
/* The namespace is gone: the same for all its interfaces, and its programs and number. */
void bpf_loader_forget_ns(struct bpf_loader *l, uint16_t ns);
/* After the keeper's first scan: what an earlier keeper left and nobody asked for again is removed. */
void bpf_loader_adoption_done(struct bpf_loader *l);

/* Socket and process hooks: cgroup hooks at the cgroup v2 root, tp_btf programs. Each one that cannot be had becomes a
 * feature with its consequence; returns -errno only if none at all could be attached. */
int bpf_loader_attach_global(struct bpf_loader *l);

/* The hook at every system call of the machine (events PG_EV_SYSCALL, packet sockets): attached or taken off. Off is how it
 * begins, except that a predecessor's is adopted by being asked for again. */
int bpf_loader_syscalls(struct bpf_loader *l, bool on);

/* Counts what the processes of a container on the host network send and receive (without loopback): cgroup_skb hooks on
 * its cgroup (a directory descriptor of the v2 hierarchy), flows get end_if = pseudo_ifindex and ns. off: stops it; the
 * cgroup may be gone already (then cgroup_fd -1 and the pseudo index say which). */
int bpf_loader_hostnet(struct bpf_loader *l, int cgroup_fd, uint32_t pseudo_ifindex, uint16_t ns, bool on);

/* A new descriptor (the caller closes it) that yields struct pg_event records, each followed by its text, until end of file:
 *   MSG_ITER_PROCESSES  PG_EV_PROCESS for every process (of the node too: engines and their proxies own sockets)
 *   MSG_ITER_SOCKETS    PG_EV_LISTEN and PG_EV_BIND with PG_EVF_ITER for the sockets of all processes in all namespaces;
 *                       also fills the map sockets (PG_OWNER_ITER) for every inet socket met
 * It is a stream of bytes: a read may end inside a record. One socket held by several processes is reported
 * once, with the first process met (lowest pid) as owner, whether or not that process made it. */
int bpf_loader_iter(struct bpf_loader *l, enum msg_iter_kind kind);

/* The early-drop program (map early_drop: sources to drop) as XDP on an interface. Native: -EOPNOTSUPP if the driver
 * cannot; generic works on all. Filled *ret as for attach_link. */
int bpf_loader_xdp_attach(struct bpf_loader *l, int netns_fd, uint16_t ns, uint32_t ifindex, bool generic, struct msg_hook *ret);
int bpf_loader_xdp_detach(struct bpf_loader *l, uint16_t ns, uint32_t ifindex);

/* Frees the loader. unpin false: hooks keep counting, for the next keeper. unpin true: removes every trace: links, pins, the
 * bpffs mount (clsact filters of other namespaces are out of its reach and only let pass what comes: detach those links
 * before). NULL is fine. */
void bpf_loader_close(struct bpf_loader *l, bool unpin);

/* Services of namespace ns in the map checked: these, sorted by key, and no others. */
struct checked_row {
	struct pg_checked_key key;
	struct pg_checked value;
};
int bpf_loader_checked(struct bpf_loader *l, uint16_t ns, const struct checked_row *rows, uint32_t count);

/* A new, empty table of listed addresses, 1 to PG_LISTED_PAGES_MAX pages; nothing uses it until it is put into `listed`. A
 * descriptor or -errno. */
int bpf_loader_listed(struct bpf_loader *l, uint32_t pages);

#endif
