/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nfnetlink_queue's messages (linux/netfilter/nfnetlink_queue.h): packets in, verdicts out. Pure. */
#ifndef PG_ENFORCE_NFQ_MSG_H
#define PG_ENFORCE_NFQ_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

struct nlmsghdr;

/* One packet that waits for a verdict. Points into the message. */
struct nfq_packet {
	uint16_t queue;
	uint16_t ethertype;    /* host byte order */
	uint32_t id, mark;
	struct bytes data;     /* from the IP header on; may be cut */
	uint32_t wire_len;
};
/* False: no packet. */
bool nfq_packet_parse(const struct nlmsghdr *nlh, struct nfq_packet *ret);

/* What is in it. */
struct nfq_segment {
	uint8_t src[16], dst[16]; /* IPv4-mapped */
	uint16_t sport, dport;    /* host byte order */
	uint8_t l4;
	bool syn, fin, rst, has_ack;
	uint32_t seq;             /* of the first byte of payload */
	uint32_t ack;
	struct bytes payload;     /* captured */
	uint32_t payload_len;     /* on the wire */
};
/* False: not TCP or UDP, a later fragment, or malformed. */
bool nfq_segment_parse(const struct nfq_packet *p, struct nfq_segment *ret);

#define NFQ_VERDICT_BYTES 48u
/* Writes one verdict (NF_ACCEPT, NF_DROP, NF_REPEAT); mark 0: none is set. Returns its bytes, at most NFQ_VERDICT_BYTES. */
size_t nfq_verdict_put(void *buf, uint16_t queue, uint32_t id, uint32_t verdict, uint32_t mark);
/* The same for all packets of the queue that wait, up to number id. */
size_t nfq_batch_put(void *buf, uint16_t queue, uint32_t id, uint32_t verdict);

#endif
