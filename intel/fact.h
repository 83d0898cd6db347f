/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Facts: what is known of a workload's behaviour, one short text each. A fact's kind is the dimension it counts in; its key
 * is made of fields that are separated by a tab (a tab is in no field: whoever makes one has replaced control bytes).
 *
 *   process    exe, parent's exe                     "/usr/bin/curl" "/usr/bin/dash"; parent FACT_RUNTIME: started by the engine
 *   listener   l4/port, exe                          "tcp/80" "/usr/sbin/apache2"; exe FACT_ANY: whoever it is
 *   protocol   l4/port, protocol                     "tcp/80" "HTTP"
 *   edge-in    peer, l4/port                         "shop/app" "tcp/80"; l4/port FACT_ANY: any
 *   edge-out   peer, l4/port                         "shop/db" "tcp/3306"
 *   syscall    name, who                             "ptrace"; who FACT_RUNTIME: only what came in from outside (docker exec)
 *   file       directory, exe                        "/var/www" "/usr/sbin/apache2"
 *   dns        name                                  "updates.example.org", "*.example.org"
 *   volume     peer, l4/port                         the edge whose bytes are meant
 *
 * Pure; any thread. */
#ifndef PG_INTEL_FACT_H
#define PG_INTEL_FACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FACT_KEY_MAX 1200
#define FACT_ANY "*"
#define FACT_RUNTIME "(engine)"
#define FACT_EPHEMERAL "ephemeral" /* in place of a port above FACT_EPHEMERAL_FIRST */
#define FACT_EPHEMERAL_FIRST 32768 /* Linux ip_local_port_range, lower bound */

enum fact_kind { FACT_PROCESS, FACT_LISTENER, FACT_PROTOCOL, FACT_EDGE_IN, FACT_EDGE_OUT, FACT_SYSCALL, FACT_FILE, FACT_DNS, FACT_VOLUME, FACT_KIND_MAX };
/* "process", "listener", …; -1: no such name. */
const char *fact_kind_name(enum fact_kind k);
int fact_kind_of(const char *name);

/* Who vouches for it; bits. */
enum fact_source { FACT_LEARNED = 1 << 0, FACT_DECLARED = 1 << 1, FACT_HUMAN = 1 << 2, FACT_CARRIED = 1 << 3 };
/* The one shown: human, declared, learned. */
const char *fact_source_name(unsigned sources);

struct volume_hours;

struct fact {
	const char *key;   /* owned by its model */
	const char *where; /* declared: "path:line", "compose:links", …; "" none */
	unsigned sources;  /* enum fact_source */
	uint64_t count;    /* times it was seen */
	uint64_t windows;  /* windows in which it was seen: what the estimate counts */
	uint64_t first_ns, last_ns; /* wall; 0: never seen (declared) */
	uint32_t replicas; /* bits: containers it was seen in, folded to 32 */
	bool startup;      /* first seen just after a container's start */
	uint64_t window;   /* number of the last window it was seen in */
	const struct volume_hours *hours; /* of a measure that is large enough to matter; owned by its model; NULL none */
};

/* Joins two fields (b NULL: one). Control bytes and tabs in them become '?'. ret holds FACT_KEY_MAX bytes; returns ret. */
char *fact_key(char ret[FACT_KEY_MAX], const char *a, const char *b);
/* "tcp/80"; proto as IPPROTO_*. ret holds 24 bytes. */
char *fact_port(char ret[24], uint8_t proto, uint16_t port);
const char *fact_proto_name(uint8_t proto);
/* Length of the first field; *ret_second: the second, "" if there is none. */
size_t fact_fields(const char *key, const char **ret_second);
/* A sentence part a human reads: "tcp/80 by /usr/sbin/apache2", "shop/app -> tcp/80". */
char *fact_text(enum fact_kind k, const char *key, char *ret, size_t len);

/* Shells and interpreters: programs whose new parent is worth a finding even if the program itself is known. */
bool fact_exe_is_interpreter(const char *exe);

#endif
