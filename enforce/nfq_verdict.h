/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the verdict process does with queued packets: they belong to connections whose protocol is not known yet. The first bytes of
 * both sides go to the inspector (sensor/msg_queue.h: nothing of them is parsed here beyond TCP's and UDP's headers); what they
 * came in waits for its answer. Bytes that may become what is allowed go on, and the next ones are asked for together with them;
 * when they are known, the packets are given to the rules again with a mark that says so, and the kernel carries the rest. Nobody
 * waits longer than QUEUE_WAIT_MS: then the choice for failures holds. One thread. */
#ifndef PG_ENFORCE_NFQ_VERDICT_H
#define PG_ENFORCE_NFQ_VERDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sensor/msg_queue.h"

struct nfq_verdict;

struct nfq_verdict_events {
	/* Messages for core and for the inspector. 0 or -errno: it was not sent. */
	int (*core)(void *arg, uint16_t type, const void *body, size_t len);
	int (*inspector)(void *arg, uint16_t type, const void *body, size_t len);
	/* The socket is to be read from now on: nfq_verdict_read() when it is readable. */
	void (*watch)(void *arg, uint16_t ns, int fd);
	void *arg;
};

/* NULL: no memory. */
struct nfq_verdict *nfq_verdict_new(const struct nfq_verdict_events *e);
void nfq_verdict_free(struct nfq_verdict *v);
/* MSG_FD_QUEUE: the socket of a namespace; taken over. */
/* MSG_FD_RESET4, MSG_FD_RESET6: raw sockets of the same namespace; taken over. */
void nfq_verdict_reset_socket(struct nfq_verdict *v, uint16_t ns, bool v6, int fd);
void nfq_verdict_socket(struct nfq_verdict *v, uint16_t ns, int fd);
/* MSG_QUEUE_PLAN, MSG_QUEUE_ANSWER. */
void nfq_verdict_plan(struct nfq_verdict *v, const void *body, size_t len);
void nfq_verdict_answer(struct nfq_verdict *v, const void *body, size_t len);
/* There is a new inspector: it is asked what the one before has not answered. */
void nfq_verdict_inspector(struct nfq_verdict *v);
void nfq_verdict_read(struct nfq_verdict *v, uint16_t ns, uint64_t now_ns);
/* Decides what waited too long. Milliseconds until the next is due, -1: none waits. */
int nfq_verdict_tick(struct nfq_verdict *v, uint64_t now_ns);
const struct msg_queue_stats *nfq_verdict_stats(struct nfq_verdict *v);

#endif
