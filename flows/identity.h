/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Identity: which container, workload, network or outside party stands behind an interface, an address, a cgroup.
 *
 * Fed with namespaces, links and addresses (what the keeper found by rtnetlink) and with containers and networks (what the
 * engines say). Asked by everything that needs a name. The rule (DESIGN 4): identity is the interface, never the address
 * alone; an address belongs to (network, address). Pure: opens nothing, time is a parameter. One thread.
 *
 * Strings in the records are copied by the put functions. Returned pointers are owned by the registry and stay valid until
 * the object is forgotten (ident_expire()): a gone container stays resolvable for IDENT_LINGER_NS, because its last flows
 * are still being read, and while it is pinned (ident_ref/ident_unref). */
#ifndef PG_FLOWS_IDENTITY_H
#define PG_FLOWS_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IDENT_LINGER_NS (30ULL * 1000000000ULL)
#define IDENT_ID_LEN 65   /* 64 hex digits and NUL */
#define IDENT_ENDPOINTS_MAX 16
#define IDENT_PORTS_MAX 64
#define IDENT_PEERS_MAX 64

struct identity;

/* ---- what the keeper says (numbers as in sensor/msg.h) ------------------------------------------ */
enum ident_ns_kind { IDENT_NS_NODE, IDENT_NS_OVERLAY, IDENT_NS_CONTAINER };
enum ident_link_kind { IDENT_LINK_OTHER, IDENT_LINK_VETH, IDENT_LINK_BRIDGE, IDENT_LINK_VXLAN, IDENT_LINK_MACVLAN, IDENT_LINK_IPVLAN, IDENT_LINK_LO };

struct ident_ns {
	uint16_t ns;
	enum ident_ns_kind kind;
	unsigned engine;
	uint64_t cookie;
	char name[64]; /* file name below the engine's netns directory; "" for the node's */
};

struct ident_link {
	uint16_t ns, peer_ns;
	uint32_t ifindex, peer_ifindex, master, vni;
	enum ident_link_kind kind;
	uint8_t mac[6];
	char name[16];
};

/* ---- what the engines say ------------------------------------------------------------------------ */
struct ident_endpoint { /* a container's leg on a network */
	char network_id[IDENT_ID_LEN];
	char network_name[128];
	uint8_t addr4[16], addr6[16]; /* IPv4-mapped / IPv6; all zero: none */
	uint8_t mac[6];
	uint8_t gateway4[16];
};

struct ident_port { /* a published port */
	uint8_t proto;              /* IPPROTO_* */
	uint16_t container_port;    /* host byte order */
	uint16_t host_port;         /* host byte order */
	uint8_t host_addr[16];      /* IPv4-mapped; all zero and ::ffff:0.0.0.0: any */
};

enum ident_state { IDENT_CREATED, IDENT_RUNNING, IDENT_PAUSED, IDENT_RESTARTING, IDENT_EXITED, IDENT_REMOVED };

struct ident_container {
	char id[IDENT_ID_LEN];
	unsigned engine;
	enum ident_state state;
	uint32_t pid;               /* init process, initial pid namespace; 0: not running */
	char name[256];             /* without the leading slash */
	char image[256];            /* as the user named it */
	char image_id[80];          /* "sha256:…" */
	char hostname[128];
	char sandbox_name[64];      /* last component of SandboxKey; "" */
	char network_mode[160];     /* "bridge", "host", "none", "container:<id>", a network's name */
	char compose_project[128], compose_service[128];
	char swarm_service[128], swarm_service_id[64], swarm_task[256], swarm_stack[128];
	unsigned endpoint_count;
	struct ident_endpoint endpoints[IDENT_ENDPOINTS_MAX];
	unsigned port_count;
	struct ident_port ports[IDENT_PORTS_MAX];
	uint64_t created_wall_ns, started_wall_ns;

	/* filled by the registry */
	char workload[300];         /* the workload's name (DESIGN 5) */
	uint64_t cgroup;            /* cgroup v2 id, 0: not known yet */
	uint16_t ns;                /* its sandbox's number, 0: none known */
	uint64_t gone_mono_ns;      /* when it was removed or stopped, 0: there */
	bool remote;                /* known from another node's records only */
	char node[128];             /* remote: the node's address or name; else "" */
};

struct ident_network {
	char id[IDENT_ID_LEN];
	unsigned engine;
	char name[128];
	char driver[32];            /* "bridge", "overlay", "macvlan", "host", "null", … */
	char scope[16];
	bool internal, attachable, ingress, encrypted;
	unsigned subnet_count;
	struct { uint8_t addr[16]; uint8_t prefix_len; uint8_t gateway[16]; } subnets[8]; /* prefix_len of the mapped form */
	char bridge_name[16];       /* "br-…", "docker0", "docker_gwbridge"; "" for others */
	uint32_t vni;               /* overlay: first VNI of its options, 0: unknown */
	unsigned peer_count;        /* overlay: addresses of the nodes taking part, as this engine knows them */
	uint8_t peers[IDENT_PEERS_MAX][16];
};

/* ---- feeding ---------------------------------------------------------------------------------------- */
struct identity *ident_new(const char *node_name);
void ident_free(struct identity *id);

/* Each put inserts or replaces. 0 or -ENOMEM. */
int ident_put_ns(struct identity *id, const struct ident_ns *ns);
void ident_del_ns(struct identity *id, uint16_t ns, uint64_t now_mono_ns);
int ident_put_link(struct identity *id, const struct ident_link *l);
void ident_del_link(struct identity *id, uint16_t ns, uint32_t ifindex, uint64_t now_mono_ns);
int ident_put_addr(struct identity *id, uint16_t ns, uint32_t ifindex, const uint8_t addr[16]);
void ident_del_addr(struct identity *id, uint16_t ns, uint32_t ifindex, const uint8_t addr[16]);
int ident_put_container(struct identity *id, const struct ident_container *c);
/* The container is gone or stopped: lingers, then is forgotten by ident_expire(). (Put with a state that is not running,
 * it keeps the addresses, ports and sandbox it last had; after the linger time it gives them up, but stays known.) */
void ident_container_gone(struct identity *id, unsigned engine, const char *cid, uint64_t now_mono_ns);
/* Everything of an engine that is not named again between begin and end is gone (resynchronisation). */
void ident_resync_begin(struct identity *id, unsigned engine);
void ident_resync_end(struct identity *id, unsigned engine, uint64_t now_mono_ns);
int ident_put_network(struct identity *id, const struct ident_network *n);
void ident_network_gone(struct identity *id, unsigned engine, const char *nid);
/* An endpoint on this network that an engine's records name (network inspect, containers or services of other nodes);
 * name is a container or task name, node the far node's address ("" when on this engine). */
int ident_put_remote(struct identity *id, unsigned engine, const char *network_id, const char *name, const uint8_t addr[16],
		     const char *node);
void ident_set_cgroup(struct identity *id, unsigned engine, const char *cid, uint64_t cgroup);
void ident_set_hostnet(struct identity *id, unsigned engine, const char *cid, uint32_t pseudo_ifindex);
void ident_expire(struct identity *id, uint64_t now_mono_ns);

/* ---- asking ------------------------------------------------------------------------------------------ */
/* How an end's name was found, the surest last. */
enum ident_how { IDENT_HOW_NONE, IDENT_HOW_ADDRESS, IDENT_HOW_REMOTE_NAME, IDENT_HOW_PUBLISHED, IDENT_HOW_CGROUP, IDENT_HOW_INTERFACE };
enum ident_kind { IDENT_EXTERNAL, IDENT_HOST, IDENT_GATEWAY, IDENT_WORKLOAD, IDENT_ENGINE_RESOLVER, IDENT_MULTICAST };

struct ident_end {
	enum ident_kind kind;
	enum ident_how how;
	const struct ident_container *container; /* NULL unless WORKLOAD (remote ones have a record too) */
	const struct ident_network *network;     /* the network the interface or address belongs to; may be NULL */
	unsigned engine;
	uint16_t port;                           /* PUBLISHED: the container's port, host byte order; else 0 */
	bool spoofed;                            /* the interface's container has no such address */
};

/* Who stands at an end of a flow seen in namespace ns: end_if is the interface of that end as in struct pg_flow (0: none),
 * addr/port/proto its address there (port in host byte order). Always fills *ret.
 * EXTERNAL with a network: the address is on that network, but nobody has said whose it is (yet).
 * spoofed is never said before any address of the container is known, of containers that route for others (a bridge or
 * tunnel inside), and of unspecified, link-local IPv6 and multicast sources. */
void ident_resolve(struct identity *id, uint16_t ns, uint32_t end_if, const uint8_t addr[16], uint8_t proto, uint16_t port,
		   struct ident_end *ret);
/* Addresses are used again: of the containers on now's engine that have or had addr and are not yet forgotten, the last that had been
 * created at wall_ns. NULL: none. */
const struct ident_container *ident_had_addr(struct identity *id, const struct ident_container *now, const uint8_t addr[16], uint64_t wall_ns);
/* NULL if unknown. */
const struct ident_container *ident_by_cgroup(struct identity *id, uint64_t cgroup);
const struct ident_container *ident_by_id(struct identity *id, unsigned engine, const char *cid);
/* By network namespace cookie: with shared namespaces the container that owns the sandbox. */
const struct ident_container *ident_by_netns(struct identity *id, uint64_t cookie);
const struct ident_ns *ident_ns_get(struct identity *id, uint16_t ns);
const struct ident_link *ident_link_get(struct identity *id, uint16_t ns, uint32_t ifindex);
void ident_each_container(struct identity *id, void (*cb)(const struct ident_container *c, void *arg), void *arg);
void ident_each_network(struct identity *id, void (*cb)(const struct ident_network *n, void *arg), void *arg);
void ident_each_link(struct identity *id, void (*cb)(const struct ident_link *l, void *arg), void *arg);
/* Where a container's packets pass: the namespace at the other end of its interfaces, and its address there. Of addresses that
 * are there now; containers that are alive. */
void ident_each_passage(struct identity *id, void (*cb)(const struct ident_container *c, uint16_t ns, const uint8_t addr[16], void *arg),
			void *arg);
/* Addresses that interfaces of namespaces of this kind have themselves. */
void ident_each_own_addr(struct identity *id, enum ident_ns_kind kind, void (*cb)(uint16_t ns, const uint8_t addr[16], void *arg), void *arg);
/* Namespaces of nodes and overlays that are there. */
void ident_each_ns(struct identity *id, void (*cb)(const struct ident_ns *ns, void *arg), void *arg);
/* Keeps a record from being forgotten while something points to it. */
void ident_ref(struct identity *id, const struct ident_container *c);
void ident_unref(struct identity *id, const struct ident_container *c);
/* Counts up at every change that could change an answer of ident_resolve(): callers that cached one ask again. */
uint64_t ident_generation(const struct identity *id);

/* The workload's name from labels and names, pure: compose project/service; Swarm service; else image repository (last
 * component, no tag) + "/" + container name without its random part. ret holds at least 300 bytes. */
void ident_workload_name(const struct ident_container *c, char *ret, size_t len);

#endif
