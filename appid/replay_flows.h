/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Replay: packets of captures -> flows with their protocols. One flow per 5-tuple, VLAN and VNI; ICMP and what has no ports: per
 * pair of addresses. Packets and bytes as on the wire: bytes of a frame with its link header, inside VXLAN and GENEVE of the
 * inner frame; pieces of a fragmented datagram count one by one. Bounded in flows; all that is left out is counted by
 * reason. Opens nothing; time is the packets'. One thread. */
#ifndef PG_APPID_REPLAY_FLOWS_H
#define PG_APPID_REPLAY_FLOWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "appid/replay_capture.h"
#include "flows/flow_key.h"

struct ndpi_engine;

struct replay_options {
	uint16_t vxlan_port;  /* a further one, host byte order; 0: none */
	size_t flows_max;     /* 0: 8 million */
	unsigned inspected;   /* flows that are looked into at a time; 0: 16384 */
	unsigned tcp_packets, udp_packets; /* of a flow that are looked into; 0: 80 and 24 as ndpiReader has it; more when
					    * they are tiny */
};

/* Why packets are in no flow. */
enum replay_skip {
	REPLAY_SKIP_NOT_IP,
	REPLAY_SKIP_CUT,         /* headers cut by the snap length */
	REPLAY_SKIP_MALFORMED,
	REPLAY_SKIP_LINK_TYPE,
	REPLAY_SKIP_NO_FIRST,    /* fragments whose first one is not in the capture */
	REPLAY_SKIP_FLOWS_FULL,
	REPLAY_SKIP_MAX
};
const char *replay_skip_name(enum replay_skip s);

struct replay_stats {
	uint64_t packets, bytes;          /* read from captures, bytes on the wire */
	uint64_t counted, counted_bytes;  /* of these: in flows (bytes of inner frames) */
	uint64_t skipped[REPLAY_SKIP_MAX];
	uint64_t too_deep;                /* in a flow, but with a further tunnel that was left closed */
	uint64_t bare;                    /* in a flow, with a transport header that is cut or damaged */
	uint64_t cut_payloads;            /* in a flow, their content cut by the snap length */
	/* Frames that together carried a piece of what is in a tunnel, all but one of each: packets = counted + skipped +
	 * absorbed. */
	uint64_t absorbed;
	uint64_t tunnelled, fragments, joined; /* joined: datagrams out of fragments */
	uint64_t flows;
	uint64_t first_ns, last_ns;
	uint16_t linktypes_unknown[8];    /* link types that were not read, the first few */
	unsigned linktypes_unknown_count;
};

struct replay_row {
	uint8_t src[16], dst[16];  /* client and server, IPv4-mapped */
	uint16_t sport, dport;     /* host byte order; 0: the protocol has none */
	uint8_t proto;             /* IPPROTO_* */
	const char *app, *confidence, *host, *info; /* host, info: "" none. Valid until the next row */
	const char *facts;         /* sensor/facts.h; "" none */
	uint64_t bytes_to_server, bytes_to_client, packets_to_server, packets_to_client;
	uint64_t first_ns, last_ns;
	bool has_vni;
	uint32_t vni;
	unsigned vlan_count;
	uint16_t vlan[2];
};

/* Nanoseconds since 1970 of a moment that a fact names. */
uint64_t replay_fact_ns(uint64_t ns, void *unused);

struct replay;
/* engine may be NULL: only our own recognisers then; not owned. seed: random. NULL: no memory. */
struct replay *replay_new(const struct replay_options *options, struct ndpi_engine *engine, uint64_t seed);
void replay_free(struct replay *r);
void replay_packet(struct replay *r, const struct capture_packet *p);
/* Several at a time, which is faster: at most REPLAY_BATCH. */
#define REPLAY_BATCH 32
void replay_packets(struct replay *r, const struct capture_packet *p, unsigned count);
/* No more packets come: what waits is decided. */
void replay_finish(struct replay *r);
/* Rows in the order in which the flows began. Stops when cb returns false. After replay_finish(). */
void replay_each(struct replay *r, bool (*cb)(const struct replay_row *row, void *arg), void *arg);
const struct replay_stats *replay_stats(const struct replay *r);

#endif
