/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A plan: all that one network namespace is to enforce, as an array of fixed records. Made by policy.c in core, sent to the
 * keeper as it is, checked there, rendered by nft_plan.c, kept up to date by nft_sets.c. IPv4 addresses are IPv4-mapped, prefix
 * lengths count over 128, ports are in host byte order. */
#ifndef PG_ENFORCE_PLAN_H
#define PG_ENFORCE_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLAN_RECORDS_MAX 65536u  /* 2 MiB */
#define PLAN_WORKLOADS_MAX 1024u
#define PLAN_EDGES_MAX 8192u
#define PLAN_ALWAYS_MAX 2048u
#define PLAN_TABLE "pierglass"
#define PLAN_TIMEOUT_S 60u       /* what fails open is gone this long after nobody refreshed it */
#define PLAN_REFRESH_S 20u
#define PLAN_QUEUE 20550         /* and the next one */
#define PLAN_PRIORITY (-10)      /* before the engine's filter rules, after its address translation */
/* A ruleset's chains are hooked before the old one's are gone, and a packet meets each by the generation of that moment: it must meet
 * the new chain last, or it may pass between the two. So each ruleset stands one later than the one before it, in a range that begins
 * anew after so many: one change in so many has that gap of some nanoseconds. */
#define PLAN_PRIORITIES 80

/* What the bits of our part of the conntrack mark say, times its lowest bit. */
enum plan_mark {
	PLAN_MARK_ALLOWED = 1, /* judged by edge and allowed; alone: decided, the kernel carries it */
	PLAN_MARK_CHECK = 2,   /* with ALLOWED: its protocol is still to be checked (chain "check"); alone, of a packet: it fits, says eBPF */
	PLAN_MARK_REFUSED = 4, /* the check said no */
	PLAN_MARK_CLOSED = 8,  /* with CHECK: what is not decided in time is refused (needs a mark of 4 bits) */
};

enum plan_kind {
	PLAN_WORKLOAD, /* workload (its number in this plan), flags PLAN_CUT, PLAN_CLOSED */
	PLAN_EDGE,     /* edge (number), workload, dir, flags PLAN_CHECK */
	PLAN_ENDPOINT, /* workload, addr: a container's address here */
	PLAN_PEER,     /* edge, l4 (0: any), port_lo..port_hi (0..65535: any), addr/bits: may be at the edge's other end */
	PLAN_ANYBODY,  /* edge, l4, ports: everybody outside of the engine's networks may */
	PLAN_MAYBE,    /* workload, l4, ports: it may go to names there, whose addresses may become known a moment too late */
	PLAN_NET,      /* addr/bits: a network of the engines here */
	PLAN_KNOWN,    /* addr: belongs to a container that is known */
	PLAN_ALWAYS,   /* addr/bits: never refused anything (the node, gateways, management) */
	PLAN_RESOLVER, /* addr: DNS to it is never refused */
	PLAN_SERVES,   /* workload, l4, port_lo: a listener of a container on the host network here */
	PLAN_PROTOCOL, /* workload, l4, port_lo, addr: what may be spoken there: app, of queue_app_hash() */
	PLAN_KIND_MAX
};
enum { PLAN_IN, PLAN_OUT };
enum { PLAN_CUT = 1, PLAN_CLOSED = 2, PLAN_CHECK = 4 };

struct plan_rec {
	uint8_t kind, dir, l4, flags;
	uint16_t workload, edge;
	uint16_t port_lo, port_hi;
	union {
		struct {
			uint8_t bits, pad[3];
		};
		uint32_t app;
	};
	uint8_t addr[16];
};
_Static_assert(sizeof(struct plan_rec) == 32, "struct plan_rec has no hidden padding");

struct plan {
	uint16_t ns;
	uint16_t earlier; /* than PLAN_PRIORITY, below PLAN_PRIORITIES */
	uint32_t mark; /* our bits of the conntrack mark, neighbouring, 3 or more */
	uint16_t queue;    /* the keeper's: number of the first of its two NFQUEUEs (open, closed); 0: PLAN_QUEUE */
	bool native_queue; /* the keeper's: the kernel has nftables' own `queue` */
	uint32_t count;
	struct plan_rec *recs; /* sorted by plan_sort() */
};

void plan_free(struct plan *p);
/* Appends a copy. 0, -ENOSPC, -ENOMEM. */
int plan_add(struct plan *p, const struct plan_rec *r);
/* Sorts by kind first, then bytes, and drops doubles. */
void plan_sort(struct plan *p);
/* Whether the keeper may carry it out: 0, or -EINVAL with a sentence in err. Trusts nothing. */
int plan_check(const struct plan *p, char *err, size_t err_len);
/* Whether the record becomes an element of a set; the others are rules and chains. */
bool plan_is_element(const struct plan_rec *r);
/* Whether b differs from a in nothing but elements of sets. */
bool plan_is_update(const struct plan *a, const struct plan *b);
/* Calls cb for each record that only one of them has; added: b has it. Both sorted. A cb that does not return 0 ends it. */
int plan_diff(const struct plan *a, const struct plan *b, int (*cb)(const struct plan_rec *r, bool added, void *arg), void *arg);

/* What the plan says about a first packet, for tests and explanations: PLAN_PASS concerns no workload of it. */
enum plan_verdict { PLAN_PASS, PLAN_ALLOW, PLAN_REFUSE, PLAN_DROP /* refused, and silently: it may be known in a moment */ };
enum plan_verdict plan_judge(const struct plan *p, const uint8_t src[16], const uint8_t dst[16], uint8_t l4, uint16_t dport);

static inline bool plan_addr_is_v4(const uint8_t a[16])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	return __builtin_memcmp(a, mapped, 12) == 0;
}
/* Whether any edge's protocol is to be checked. */
bool plan_has_checks(const struct plan *p);
bool plan_addr_in(const uint8_t a[16], const uint8_t prefix[16], unsigned bits);

#endif
