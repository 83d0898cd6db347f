/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Listener registry: every listening TCP socket and every explicitly bound UDP socket: where, whose, since when, and which
 * protocol was really spoken on it. Fed by LISTEN, BIND and CLOSE events and by the socket iterator; labels come from the
 * flows that end at it. Pure; one thread. */
#ifndef PG_SENSOR_WATCH_LISTENERS_H
#define PG_SENSOR_WATCH_LISTENERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sensor/bpf/abi.h"

struct listener {
	uint64_t cookie;        /* socket cookie: the key */
	uint64_t netns_cookie;
	uint64_t cgroup;
	uint8_t addr[16];       /* IPv4-mapped; any: :: or ::ffff:0.0.0.0 */
	uint16_t port;          /* host byte order */
	uint8_t proto;          /* IPPROTO_TCP, IPPROTO_UDP */
	bool v6only;
	bool from_iter;         /* was there before the sensor */
	uint32_t tgid;
	uint64_t start_boot_ns; /* of the process that made it */
	uint64_t since_mono_ns, closed_mono_ns; /* closed 0: open */
	uint64_t flows;
	char app[40];           /* protocol really spoken; "" nothing yet */
	uint8_t app_confidence; /* enum label_confidence */
	char info[128];
	char *facts;            /* what the last flow to it that said something said (sensor/facts.h); NULL: nothing yet */
};

struct listeners;
struct listeners *listeners_new(size_t max);
void listeners_free(struct listeners *l);
int listeners_event(struct listeners *l, const struct pg_event *ev); /* 0, -ENOSPC (counted), -ENOMEM */
/* Between these two calls every listener is told by an event of the iterator: one that is not among them is closed, though
 * that was not told. */
void listeners_sweep_begin(struct listeners *l, uint64_t now_mono_ns);
void listeners_sweep_end(struct listeners *l);
/* The listener that a packet to (netns, addr, port) reaches: exact address before any-address, open before closed, v4 on a
 * dual-stack socket too. NULL: none known. */
struct listener *listeners_match(struct listeners *l, uint64_t netns_cookie, uint8_t proto, const uint8_t addr[16], uint16_t port);
/* A flow to it was labelled. */
void listeners_label(struct listeners *l, struct listener *li, const char *app, uint8_t confidence, const char *info);
/* A flow to it said what it is. */
void listeners_facts(struct listeners *l, struct listener *li, const char *text);
void listeners_expire(struct listeners *l, uint64_t now_mono_ns); /* forgets those closed for more than 30 s */
void listeners_each(struct listeners *l, void (*cb)(const struct listener *li, void *arg), void *arg);
size_t listeners_count(const struct listeners *l);
uint64_t listeners_refused(const struct listeners *l);

#endif
