/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which name a container looked up to get an address: (scope, address) -> name, with the answer's lifetime. The scope is
 * the container (any number that identifies it; 0: anyone). Bounded per scope (least recently answered goes first,
 * counted). A name outlives its TTL by DNS_NAMES_GRACE_NS, because connections do. Pure; one thread. */
#ifndef PG_FLOWS_DNS_NAMES_H
#define PG_FLOWS_DNS_NAMES_H

#include <stdint.h>

#define DNS_NAMES_GRACE_NS (600ULL * 1000000000ULL)

struct dns_names;
struct dns_names *dns_names_new(unsigned max_per_scope, unsigned max_total);
void dns_names_free(struct dns_names *d);
int dns_names_put(struct dns_names *d, uint64_t scope, const uint8_t addr[16], const char *name, uint32_t ttl_s, uint64_t now_mono_ns);
/* NULL if this scope never looked it up; owned by the table, valid until the next call that changes it. */
const char *dns_names_get(struct dns_names *d, uint64_t scope, const uint8_t addr[16], uint64_t now_mono_ns);
/* All that a scope looked up, the least recently answered first. until_ns: monotonic, end of its lifetime without the grace. */
void dns_names_each(const struct dns_names *d, uint64_t scope, void (*cb)(const uint8_t addr[16], const char *name, uint64_t until_ns, void *arg),
		    void *arg);
void dns_names_forget(struct dns_names *d, uint64_t scope);
unsigned dns_names_count(const struct dns_names *d);
uint64_t dns_names_evicted(const struct dns_names *d);

#endif
