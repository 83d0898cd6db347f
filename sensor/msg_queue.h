/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages about protocols that are checked before a connection goes on: keeper -> verdict which listeners, verdict <-> packets
 * inspector what the first bytes are, verdict -> core what was refused, both -> core what they counted. Framing: base/ipc.h. */
#ifndef PG_SENSOR_MSG_QUEUE_H
#define PG_SENSOR_MSG_QUEUE_H

#include <stdint.h>

/* A protocol's name (appid/app_names.h) as one number, FNV-1a. */
static inline uint32_t queue_app_hash(const char *name)
{
	uint32_t h = 2166136261U;

	for (; *name; name++)
		h = (h ^ (unsigned char)*name) * 16777619U;
	return h;
}

#define QUEUE_APPS_MAX 12      /* protocols that one listener may speak */
#define QUEUE_HEAD_MAX 1024    /* first bytes of one side that are looked at */
#define QUEUE_WAIT_MS 200      /* nobody waits longer for the inspector */
#define QUEUE_SERVICES_PART 2000

/* MSG_QUEUE_PLAN, keeper -> verdict: what may be spoken where; then count struct msg_queue_service. After the namespace's
 * MSG_FD_QUEUE, whose packets are read from the part with QUEUE_PLAN_LAST on. */
enum {
	QUEUE_PLAN_FIRST = 1, /* what was said before of this namespace is no longer so */
	QUEUE_PLAN_LAST = 2,
	QUEUE_PLAN_GONE = 4,  /* nothing is queued there any more */
};
struct msg_queue_plan {
	uint16_t ns;
	uint16_t flags;
	uint32_t mark;          /* struct plan.mark */
	uint16_t queue;         /* number of the open queue; the closed one is the next */
	uint16_t has_stale;
	uint32_t stale[2];      /* packets of the open and the closed queue with numbers up to these are not waiting any more */
	uint32_t count;
};
struct msg_queue_service {
	uint8_t addr[16];       /* IPv4-mapped */
	uint16_t port;          /* host byte order */
	uint8_t l4, pad;
	uint32_t app;           /* queue_app_hash() */
};

/* MSG_QUEUE_ASK, verdict -> inspector: what are these? Then len[0] + len[1] bytes: the client's first, the server's first. */
struct msg_queue_ask {
	uint32_t id;
	uint16_t port[2];       /* client's, server's, host byte order */
	uint16_t len[2];
	uint8_t datagram, count;
	uint8_t pad[2];
	uint32_t app[QUEUE_APPS_MAX]; /* what is allowed, count of them */
};
enum queue_what {
	QUEUE_MORE,   /* it may become what is allowed */
	QUEUE_LIKELY, /* it looks like what is allowed; not sure yet */
	QUEUE_FITS,
	QUEUE_WRONG,
	QUEUE_CANNOT, /* there is no recogniser of what is allowed */
	QUEUE_WHAT_MAX
};
/* MSG_QUEUE_ANSWER, inspector -> verdict. */
struct msg_queue_answer {
	uint32_t id;
	uint8_t what;           /* enum queue_what */
	uint8_t pad[3];
	char app[40];           /* what it is, "Unknown" */
};

/* MSG_QUEUE_REFUSED, verdict -> core. */
struct msg_queue_refused {
	uint16_t ns;
	uint8_t l4, undecided;  /* not wrong: refused because it was not decided */
	uint16_t port[2];       /* client's, server's, host byte order */
	uint8_t addr[2][16];
	char app[40];
};

/* MSG_QUEUE_STATS, verdict -> core: sums since its start. Packets, but where it says connections. [0]: fails open, [1]: closed. */
struct msg_queue_stats {
	uint64_t packets, questions;
	uint64_t fits, wrong;                     /* connections */
	uint64_t late[2], budget[2];              /* connections let go, refused: no answer in time; too much said and still not known */
	uint64_t cannot;                          /* connections let go: there is no recogniser of what is allowed */
	uint64_t table_full[2], no_rule[2], odd[2]; /* packets let go, dropped: no room; nobody said what is allowed; not understood */
	uint64_t gaps;                            /* dropped, to be sent again: what comes before them was not seen */
	uint64_t overruns;                        /* times that the socket's buffer was full */
	uint64_t refused_verdicts;                /* the kernel had no packet for a verdict */
	uint64_t connections;                     /* now */
};

/* MSG_QUEUE_STATE, keeper -> core, with each MSG_POLICY_COUNTERS: what became of the packets that the rules of one namespace gave
 * to its queues ([0] open, [1] closed), sums since the queues were bound. */
struct msg_queue_state {
	uint16_t ns, queue;
	uint8_t native, bound;     /* nftables' own `queue`; there are queues */
	uint8_t bridged, pad;      /* bridged packets do not pass the rules that queue: of these no protocol is checked */
	int32_t error;             /* -errno: why there are none; the choices for failures hold */
	uint32_t waiting[2];       /* now */
	uint64_t counted[2];       /* by the rules */
	uint64_t queued[2];        /* of these, taken by the queue */
	uint64_t dropped_full[2];  /* the kernel's own counters: queue full, reader's buffer full */
	uint64_t dropped_user[2];
	uint64_t kept[2];          /* let go or dropped by the keeper, because there was no verdict process */
	uint64_t recognised;       /* connections that the programs in the kernel let go on: none of their packets came here */
	uint64_t repeated[2];      /* given to the rules again after a verdict process ended */
};

#endif
