/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's side of NFQUEUE in one network namespace: a netlink socket with two queues bound to it. Queue first fails open: when
 * it is full, packets go on (the rules count them). Queue first + 1 fails closed. The keeper holds the socket; while a verdict
 * process runs only that reads it. What waits in the queues belongs to the socket, not to a process (DECISIONS 15). */
#ifndef PG_ENFORCE_NFQ_SOCK_H
#define PG_ENFORCE_NFQ_SOCK_H

#include <stddef.h>
#include <stdint.h>

#define NFQ_WAITING_MAX 4096u /* packets a queue */
#define NFQ_COPY_BYTES 1280u  /* of each packet */

/* Coming back to home_fd (aborts if it cannot). 0 or -errno; -EPERM or -EBUSY: somebody else has a queue of this number. */
int nfq_sock_open(int home_fd, int netns_fd, uint16_t first, int *ret_fd);

struct nfq_state {
	uint32_t waiting;      /* now */
	uint32_t last_id;      /* number of the last packet; numbers go up by one */
	uint64_t dropped_full, dropped_user;
};
/* As the kernel tells it ([0] first, [1] the next). 0; -ENOENT: there is no such queue; -errno. */
int nfq_state_read(int home_fd, int netns_fd, uint16_t first, struct nfq_state ret[2]);
/* The same from the text of /proc/net/netfilter/nfnetlink_queue. */
int nfq_state_parse(const char *text, uint16_t first, struct nfq_state ret[2]);

/* Sends what nfq_verdict_put() made. 0 or -errno. */
int nfq_send(int fd, const void *msgs, size_t len);
/* The same verdict for all that wait, up to number id. */
int nfq_send_batch(int fd, uint16_t queue, uint32_t id, uint32_t verdict);

/* The keeper in place of a verdict process: takes what there is to read, lets go what came by queue first and drops what came by
 * the next, and counts it in ret_kept. */
void nfq_keep(int fd, uint16_t first, uint64_t ret_kept[2]);

#endif
