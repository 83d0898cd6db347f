/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rules that hand packets to NFQUEUE where the kernel lacks nftables' own `queue`: as iptables' target, which libnftables cannot
 * write (linux/netfilter/xt_NFQUEUE.h). */
#ifndef PG_ENFORCE_NFQ_RULES_H
#define PG_ENFORCE_NFQ_RULES_H

#include <stdint.h>

/* Puts the rules at the head of the chains q_open and q_closed of our inet table, in this network namespace; first: number of the
 * open queue, the closed one is the next. 0 or -errno: nothing was changed. */
int nfq_rules_add(uint16_t first);

#endif
