/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Topology: the map. Flows, once both ends have names, are added up into edges between nodes: (client node, server node,
 * l4, server port) -> counters, protocol, programs, first and last seen. Nodes are workloads, external parties, hosts,
 * gateways. Pure; wall time comes with the data. One thread. */
#ifndef PG_FLOWS_TOPOLOGY_H
#define PG_FLOWS_TOPOLOGY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TOPO_EXES_MAX 8
#define TOPO_NAMES_MAX 16 /* containers, networks of a node; more are counted, not named */

enum topo_kind { TOPO_WORKLOAD, TOPO_CONTAINER, TOPO_EXTERNAL, TOPO_HOST, TOPO_GATEWAY, TOPO_KIND_MAX };
const char *topo_kind_name(enum topo_kind k);

struct topo_node {
	char *id;       /* unique; contains the workload's name */
	enum topo_kind kind;
	char *workload; /* "" for others */
	char *engine;
	char *node;
	unsigned container_count, network_count, container_more, network_more;
	char *containers[TOPO_NAMES_MAX]; /* container names */
	char *networks[TOPO_NAMES_MAX];
	char *address;  /* external, host, gateway: last address seen; else "" */
};

struct topo_edge {
	const struct topo_node *client, *server;
	uint8_t l4;            /* IPPROTO_* */
	uint16_t port;         /* server's, host byte order; ICMP: type << 8 | code of the request */
	char app[40];
	uint8_t app_confidence; /* enum label_confidence of sensor/msg.h */
	uint64_t bytes_to_server, bytes_to_client, packets_to_server, packets_to_client, flows;
	uint64_t first_seen_ns, last_seen_ns; /* wall */
	unsigned client_exe_count, server_exe_count;
	char *client_exes[TOPO_EXES_MAX], *server_exes[TOPO_EXES_MAX];
	char host[128];        /* last HTTP host, SNI or DNS name */
	uint64_t generation;   /* of the last change, for deltas and for the store */
};

struct topology;
struct topology *topo_new(unsigned max_nodes, unsigned max_edges);
void topo_free(struct topology *t);

struct topo_node_desc {
	const char *id, *workload, *engine, *node, *container, *network, *address; /* NULL or "": none */
	enum topo_kind kind;
};
/* Remembers the edge to which deltas of the same client, server, l4 and port go, so that it need not be looked up by its names
 * each time. The caller's; zero at first; of one topology. */
struct topo_hint {
	void *edge;
	uint64_t forgotten;
};
/* What one flow adds to its edge since the last time. */
struct topo_delta {
	struct topo_node_desc client, server;
	struct topo_hint *hint; /* NULL: none */
	uint8_t l4;
	uint16_t port;
	const char *app; /* NULL: nothing new */
	uint8_t app_confidence;
	const char *client_exe, *server_exe, *host; /* NULL: unknown */
	uint64_t bytes_to_server, bytes_to_client, packets_to_server, packets_to_client;
	uint64_t new_flows;
	uint64_t first_seen_ns, last_seen_ns;
};
/* 0; -ENOSPC when the table is full: the delta went to the edge between the overflow nodes and was counted. -ENOMEM. */
int topo_add(struct topology *t, const struct topo_delta *d);
/* Takes back what an earlier delta added under names that turned out to be wrong (a container became known late). */
void topo_sub(struct topology *t, const struct topo_delta *d);

void topo_each_node(const struct topology *t, void (*cb)(const struct topo_node *n, void *arg), void *arg);
void topo_each_edge(const struct topology *t, void (*cb)(const struct topo_edge *e, void *arg), void *arg);
uint64_t topo_generation(const struct topology *t);
uint64_t topo_refused(const struct topology *t);
/* Puts back a stored edge (as is) at start. */
int topo_restore(struct topology *t, const struct topo_delta *d);
/* Forgets edges not seen since then; returns how many. */
unsigned topo_expire(struct topology *t, uint64_t before_wall_ns);

#endif
