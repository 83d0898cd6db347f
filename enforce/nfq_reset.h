/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The end of a refused connection that said nothing wrong: the rules reset who sent the packet that was judged; the other end hears it
 * from here. Raw sockets of one network namespace, opened by the keeper, written by the verdict process. */
#ifndef PG_ENFORCE_NFQ_RESET_H
#define PG_ENFORCE_NFQ_RESET_H

#include <stddef.h>
#include <stdint.h>

struct nfq_reset {
	uint8_t src[16], dst[16]; /* IPv4-mapped; both of one family */
	uint16_t sport, dport;    /* host byte order */
	uint32_t seq;             /* what dst expects next of src */
};

#define NFQ_RESET_BYTES 60u
/* Writes the IP packet (RFC 9293 3.10.7.4: a reset with exactly the next number). Returns its bytes. Pure. */
size_t nfq_reset_put(uint8_t buf[NFQ_RESET_BYTES], const struct nfq_reset *r);

/* Coming back to home_fd (aborts if it cannot). [0] IPv4, [1] IPv6: -1 where there is none. 0 or -errno: neither. */
int nfq_reset_open(int home_fd, int netns_fd, int ret_fd[2]);
/* 0 or -errno. */
int nfq_reset_send(const int fd[2], const struct nfq_reset *r);

#endif
