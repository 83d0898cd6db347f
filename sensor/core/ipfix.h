/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Flows as IPFIX messages (RFC 7011), by libfixbuf, in memory: nothing is opened here. A flow is one record per direction that
 * had packets, joined by flowId. What the elements of our own are: etc/ipfix.md. One thread. */
#ifndef PG_SENSOR_CORE_IPFIX_H
#define PG_SENSOR_CORE_IPFIX_H

#include <stddef.h>
#include <stdint.h>

#include "sensor/core/core.h"

#define IPFIX_MESSAGE_MAX 1400   /* fits into a datagram on any network of ours */
#define IPFIX_ENTERPRISE 32473   /* RFC 5612: for documentation; Pierglass has none of its own */

struct ipfix;

/* emit gets whole messages. 0 or -ENOMEM. */
int ipfix_new(uint32_t domain, uint32_t enterprise, void (*emit)(const uint8_t *message, size_t len, void *arg), void *arg, struct ipfix **ret);
void ipfix_free(struct ipfix *x);
/* The templates, ahead of what follows: a receiver that just came understands it. 0 or -EIO. */
int ipfix_templates(struct ipfix *x);
/* Returns how many records it made (0 to 2), or -EIO. verdict: as in the map. */
int ipfix_flow(struct ipfix *x, const struct core_flow_view *v, const char *node, const char *verdict);
/* Emits what is begun. 0 or -EIO. */
int ipfix_flush(struct ipfix *x);

#endif
