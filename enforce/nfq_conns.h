/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Connections whose protocol is not known yet: first bytes of both sides in their order, and the packets that wait. Bounded; the one
 * that said nothing for longest makes room. Pure. */
#ifndef PG_ENFORCE_NFQ_CONNS_H
#define PG_ENFORCE_NFQ_CONNS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "enforce/nfq_msg.h"
#include "sensor/msg_queue.h"

#define NFQ_CONNS_MAX 8192u
#define NFQ_HELD_MAX 24u
#define NFQ_TURNS_MAX 16u /* questions about one connection */

struct nfq_held {
	uint32_t id, mark, seq;
	uint16_t queue;
	uint8_t side;
};

struct nfq_key {
	uint16_t ns;
	uint16_t port[2];      /* client's, server's, host byte order */
	uint8_t l4, pad;
	uint8_t addr[2][16];
};

struct nfq_side {
	bool known;            /* where it begins */
	bool full;             /* more was said than is kept */
	uint16_t len;
	uint32_t first, next;  /* TCP: sequence numbers of head[0], of what comes next */
	uint8_t head[QUEUE_HEAD_MAX];
};

struct nfq_conn {
	struct nfq_key key;
	LIST_ENTRY(nfq_conn) bucket;
	TAILQ_ENTRY(nfq_conn) age, due;
	struct nfq_side side[2];
	bool closed;           /* came by the queue that fails closed */
	bool likely, asked;
	bool opening;          /* a SYN, and no answer yet: nothing but what is in the SYN is anybody's first byte */
	uint8_t fins;          /* a bit for each side */
	uint16_t turns;
	uint32_t ask_id;
	uint64_t asked_ns;
	unsigned held_count, held_asked; /* of these, what the open question is about */
	struct nfq_held held[NFQ_HELD_MAX];
};

struct nfq_conns;

/* NULL: no memory. */
struct nfq_conns *nfq_conns_new(uint64_t seed);
void nfq_conns_free(struct nfq_conns *c);
struct nfq_conn *nfq_conns_find(struct nfq_conns *c, const struct nfq_key *k);
/* A new one; NULL: all wait for an answer, or no memory. */
struct nfq_conn *nfq_conns_add(struct nfq_conns *c, const struct nfq_key *k);
/* It said something: it is not the oldest any more. */
void nfq_conns_touch(struct nfq_conns *c, struct nfq_conn *conn);
void nfq_conns_drop(struct nfq_conns *c, struct nfq_conn *conn);
/* All of a namespace. */
void nfq_conns_drop_ns(struct nfq_conns *c, uint16_t ns);
unsigned nfq_conns_count(const struct nfq_conns *c);

/* ---- questions: in the order in which they were asked ---- */
void nfq_conns_asked(struct nfq_conns *c, struct nfq_conn *conn, uint64_t now_ns);
void nfq_conns_answered(struct nfq_conns *c, struct nfq_conn *conn);
/* NULL: none. */
struct nfq_conn *nfq_conns_oldest_ask(struct nfq_conns *c);
struct nfq_conn *nfq_conns_next_ask(struct nfq_conn *conn);
struct nfq_conn *nfq_conns_by_ask(struct nfq_conns *c, uint32_t ask_id);

/* What a segment of that side brings. */
enum nfq_take {
	NFQ_NOTHING, /* no bytes, or bytes that were said before */
	NFQ_NEW,     /* the head is longer, or it is full and there is more */
	NFQ_GAP,     /* what comes before it was not seen */
	NFQ_OTHER,   /* it says something else than was said before at the same place */
};
enum nfq_take nfq_conn_take(struct nfq_conn *conn, unsigned side, const struct nfq_segment *s);

#endif
