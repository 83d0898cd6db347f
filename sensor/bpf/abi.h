/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the eBPF programs and user space share: map values, events, samples, counters. Fixed width, explicit padding,
 * sizes asserted. A reader refuses a record whose version is not PG_ABI_VERSION, counts it and says so.
 * Times are CLOCK_MONOTONIC ns unless the name says boot (CLOCK_BOOTTIME ns). */
#ifndef PG_SENSOR_BPF_ABI_H
#define PG_SENSOR_BPF_ABI_H

#include "flows/flow_key.h"

#define PG_ABI_VERSION 4

/* Names of the maps, as pinned below the bpffs directory and as handed to core ("maps are plural nouns"):
 *   flows       HASH       struct flow_key -> struct pg_flow
 *   samples     RINGBUF    struct pg_sample + payload           (read by the packet inspector)
 *   inspected   ARRAY[1], MMAPABLE, struct pg_inspected         (written by the inspector: wants no more of these flows)
 *   events      RINGBUF    struct pg_event + text               (read by core)
 *   counters    PERCPU_ARRAY[PG_CTR_MAX] u64
 *   interfaces  HASH       struct pg_if_key -> struct pg_if     (written by the keeper)
 *   if_stats    PERCPU_HASH struct pg_if_key -> struct pg_if_stats (key inserted by the keeper at attach)
 *   if_slots    PERCPU_ARRAY[] struct pg_if_slot: an interface's statistics are if_stats' plus those of the slot that has
 *                          its key, if there is one (a slot costs the programs a third of a hash lookup)
 *   sockets     HASH       u64 cookie -> struct pg_owner
 *   servers     ARRAY[PG_SERVER_SLOTS] by the low bits of an accepted TCP socket's cookie: struct pg_server
 *   ledgers     HASH       u64 cgroup id -> struct pg_ledger    (core deletes those of removed cgroups)
 *   syscalls    ARRAY[PG_SYSCALL_BUCKETS] struct pg_syscall_bucket: which system calls each cgroup has used
 *   syscalls_outside HASH u64 cgroup -> struct pg_syscall_set_bits: native ones that only who came in from outside has used
 *   hostnet     HASH       u64 cgroup id -> u32 pseudo ifindex  (containers on the host network; written by the keeper)
 *   vteps       HASH       struct pg_vtep_key -> struct pg_vtep
 *   flow_gauge  ARRAY[1], MMAPABLE, struct pg_flow_gauge
 *   flow_shares ARRAY[PG_IF_SLOTS], MMAPABLE, struct pg_flow_share: flows by the interface that began them
 *   flow_news   ARRAY[PG_NEWS_SLOTS], MMAPABLE, struct pg_flow_news: keys of new flows (read by core)
 *   flow_asks   ARRAY[PG_ASKS_MAX], MMAPABLE, struct pg_flow_ask: core's questions about flows, answered by flow_ask
 *   listed      ARRAY_OF_MAPS[1] of ARRAY[] struct pg_listed_page, MMAPABLE: addresses that reputation feeds name; replaced as a
 *                          whole by core (the keeper makes the inner map: MSG_LISTED). Empty: nothing is listed
 *   listed_drops HASH      struct pg_if_key -> u64: until when (CLOCK_MONOTONIC) new flows of the container behind the interface
 *                          with listed addresses are dropped (written by core, again and again)
 *   checked     HASH       struct pg_checked_key -> struct pg_checked: TCP services whose clients' protocol is checked (the keeper's)
 *   early_drop  LPM_TRIE   struct pg_lpm_key -> u32             (XDP; empty means: drop nothing)
 *   programs    PROG_ARRAY[] what the hooks of all interfaces call; the loader's alone (sensor/bpf/private.h). While it is
 *                          pinned it stays filled, so that hooks go on without a keeper
 */

/* ---- flows ---------------------------------------------------------------------------------- */
enum pg_flow_flag {
	PG_FLOW_FIRST_DIR = 1 << 0,   /* value of this bit: direction of the first packet seen */
	PG_FLOW_TWO_WAY = 1 << 1,     /* both directions seen: no longer half-open */
	PG_FLOW_MIDSTREAM = 1 << 2,   /* TCP: the first packet was no SYN */
	PG_FLOW_INSPECTED = 1 << 3,   /* no more samples are wanted or the budget is used up */
	PG_FLOW_SYN_DIR = 1 << 4,     /* value: direction of the SYN without ACK (valid if SYN_SEEN) */
	PG_FLOW_SYN_SEEN = 1 << 5,
	PG_FLOW_FRAGMENTS = 1 << 6,
	PG_FLOW_CLAIMED = 1 << 7,     /* key.claimant_if is set */
	PG_FLOW_LISTED = 1 << 8,      /* the end that is no interface of ours is in `listed` (looked up once, when the flow began) */
	PG_FLOW_DROPPED = 1 << 9,     /* its packets are counted and go no further (listed_drops) */
	PG_FLOW_VOUCHED = 1 << 10,    /* the programs' own (first.bpf.h): where both sides' numbers begin is agreed on */
	PG_FLOW_SAID0 = 1 << 11,      /* and end 0, end 1 has sent payload since then */
	PG_FLOW_SAID1 = 1 << 12,
};
/* The upper bits of the flags: in which slot of flow_shares the flow is booked. */
#define PG_FLOW_SHARE_SHIFT 20
#define PG_IF_SLOTS 1024u

/* One flow. Written with atomic adds by the programs on any CPU. [d] is direction d; [e] is end e of the key. */
struct pg_flow {
	/* what every packet needs, together */
	pg_u32 flags;         /* enum pg_flow_flag */
	pg_u32 tick;          /* the programs' own: of last_ns */
	pg_u32 end_if[2];     /* [e] interface index of end e's veth host end (or hostnet pseudo index), 0: not local */
	pg_u32 owner_tgid[2]; /* [d] process id of the sender in the initial pid namespace, 0: unknown */
	pg_u16 sampled[2];    /* [d] payload bytes handed to the inspector */
	pg_u8 samples[2];     /* [d] samples handed to the inspector (saturates) */
	pg_u8 tcp_flags[2];   /* [d] OR of the TCP flags seen (RFC 9293: FIN 1 SYN 2 RST 4 PSH 8 ACK 16) */
	pg_u64 packets[2];    /* max(1, gso_segs) per skb */
	pg_u64 bytes[2];      /* L2 frames, headers repeated per segment */
	pg_u64 last_ns;
	/* the rest */
	pg_u64 first_ns;
	pg_u64 cookie[2];         /* [d] socket cookie of the sender, 0: unknown */
	pg_u64 owner_start_ns[2]; /* [d] CLOCK_BOOTTIME start of the sending process (joined in the kernel by cookie) */
	pg_u32 via_if[2];         /* [d] for packets counted at the receiver: the interface they came in by; 0: this node */
	pg_u16 start[2];          /* [d] TCP: low half of the first byte's sequence number; valid once tcp_flags[d] has SYN */
	pg_u32 serial;            /* the flow's number, by which the inspector names it; 0: none (yet) */
};
_Static_assert(sizeof(struct pg_flow) == 128, "pg_flow");

/* Shared counters of the flow table, for the half-open budget and so that core knows without a scan that there is news.
 * half-open now = opened - promoted - reaped_half. Each field has one writer side. */
struct pg_flow_gauge {
	pg_u64 opened;      /* entries made (programs, atomic) */
	pg_u64 promoted;    /* entries that became two-way (programs, atomic) */
	pg_u64 reaped;      /* entries removed by core */
	pg_u64 reaped_half; /* of these: never two-way */
	pg_u64 news;        /* keys ever written to flow_news (programs, atomic) */
	pg_u64 unsaved;     /* core's: of reaped, since it last saved: their last counts are in its memory only */
	pg_u64 flooded;     /* core's: 1 while unanswered flows come in floods */
	pg_u64 pad;
};
_Static_assert(sizeof(struct pg_flow_gauge) == 64, "pg_flow_gauge");

/* Flows that are there now, by the interface that sent the first packet (or, for packets from elsewhere, got it). So that no
 * container takes the room of all others, one that has PG_SHARE_HALF times as many one-way flows as there is room left in their
 * budget gets no more, nor one that has PG_SHARE_ALL times as many flows as the table has room left: a flood by one takes three
 * quarters of the one, seven eighths of the other; two floods leave more. Interfaces whose numbers fall into one slot share it.
 * half and two_way are written by the programs and by core (both atomic). */
#define PG_SHARE_HALF 3
#define PG_SHARE_ALL 7
struct pg_flow_share {
	pg_u32 ifindex; /* whose flow was booked here last */
	pg_u16 ns;
	pg_u16 pad;
	pg_u64 half, two_way; /* signed */
	pg_u64 refused;       /* packets refused to it, also where nothing was left for anybody; 0 again with another interface */
};
_Static_assert(sizeof(struct pg_flow_share) == 32, "pg_flow_share");

/* The keys of new flows, in a ring that core reads without a system call and without being woken. Key number n (from 0)
 * stands in slot n % PG_NEWS_SLOTS, and is complete once seq is n + 1; a reader copies it and looks at seq again. Nobody
 * waits for a slow reader: one that is more than PG_NEWS_SLOTS behind reads the whole map instead. */
#define PG_NEWS_SLOTS 32768
struct pg_flow_news {
	pg_u32 seq; /* low half of n + 1 */
	struct flow_key key;
	pg_u64 ts_ns;
};
_Static_assert(sizeof(struct pg_flow_news) == 56, "pg_flow_news");

/* Who serves an accepted connection. Its socket has the cookie that its SYN-ACK had. */
#define PG_SERVER_SLOTS 65536u
struct pg_server {
	pg_u64 cookie;        /* 0: free, or being written: a reader looks at it before and after */
	pg_u64 start_boot_ns;
	pg_u32 tgid;
	pg_u32 pad;
};

/* A question about one flow: what it holds now and, with reap_before_ns, to take it out if it has not changed since then
 * (with PG_ASK_ONE_WAY: and it is a datagram's, never answered).
 * The program flow_ask (type syscall, run by core with BPF_PROG_RUN and struct pg_ask_args) answers the first `count`
 * entries of flow_asks in one system call. */
#define PG_ASKS_MAX 1024
enum pg_ask_result { PG_ASK_GONE, PG_ASK_FOUND, PG_ASK_REAPED };
enum pg_ask_which { PG_ASK_ANY, PG_ASK_ONE_WAY };
struct pg_flow_ask {
	struct flow_key key;
	pg_u32 result;         /* in: enum pg_ask_which; out: enum pg_ask_result */
	pg_u64 reap_before_ns; /* 0: only read */
	struct pg_flow v;      /* FOUND, REAPED: out */
	struct pg_server server; /* out: of an accepted connection; tgid 0: not known */
};
_Static_assert(sizeof(struct pg_flow_ask) == 208, "pg_flow_ask");
struct pg_ask_args {
	pg_u32 count;
	pg_u32 pad;
};

/* ---- samples -------------------------------------------------------------------------------- */
/* Payload bytes in one sample: of a stream's segment or a datagram's piece, of a whole datagram. The hello of QUIC can be read
 * only in whole datagrams (RFC 9000 14.1: 1200 bytes at least), of which there may be two. */
#define PG_SAMPLE_STREAM_MAX 1024
#define PG_SAMPLE_MAX 1472
#define PG_SAMPLE_BUDGET 2048          /* payload bytes per direction of a flow */
#define PG_SAMPLE_DATAGRAM_BUDGET 3072 /* the same of datagrams */
/* Samples per direction: of datagrams no more than this; of a stream those beyond it are taken (to PG_SAMPLE_BUDGET bytes, so
 * never more than that many) while less than PG_SAMPLES_SPARE_BYTES of the ring wait, else lost and counted. */
#define PG_SAMPLE_COUNT_MAX 48
#define PG_SAMPLES_RING_BYTES (4u << 20)
#define PG_SAMPLES_SPARE_BYTES (PG_SAMPLES_RING_BYTES / 4)

enum pg_sample_flag {
	PG_SAMPLE_SYN_DIR_KNOWN = 1 << 0, /* the flow's SYN was seen: client is known */
	PG_SAMPLE_CLIENT_SENT = 1 << 1,   /* this direction is the client's (SYN sender's, else first packet's) */
	PG_SAMPLE_CUT = 1 << 2,           /* payload continues beyond what is here */
	PG_SAMPLE_LAST = 1 << 3,          /* budget of this direction ends with it */
	PG_SAMPLE_LOOPBACK = 1 << 4,      /* seen on a container's lo (DNS answers of the engine's resolver) */
	PG_SAMPLE_START_KNOWN = 1 << 5,   /* TCP: this direction's SYN was seen, start is valid */
	/* A piece of a datagram (RFC 791 3.2, RFC 8200 4.5) that begins within its first PG_SAMPLE_STREAM_MAX bytes. The payload is what
	 * the IP header has, with the transport header in the first piece; tcp_seq is the identification as on the wire.
	 * The key's ports are 0 if the first piece was not seen before. */
	PG_SAMPLE_FRAGMENT = 1 << 6,
};

#define PG_FRAGMENT_MORE 0x80

struct pg_sample {
	pg_u8 version;
	pg_u8 fragment;     /* PG_SAMPLE_FRAGMENT: offset / 8, and PG_FRAGMENT_MORE */
	pg_u8 dir;          /* direction of the key */
	pg_u8 flags;        /* enum pg_sample_flag */
	pg_u32 tcp_seq;     /* host byte order; first payload byte (that of a SYN has the number after it). 0 for others */
	pg_u64 ts_ns;
	pg_u32 payload_len; /* of the whole skb on the wire */
	pg_u16 cap_len;     /* bytes of payload that follow this header; the ring record may be longer: not payload */
	pg_u16 start;       /* PG_SAMPLE_START_KNOWN: pg_flow.start of this direction */
	pg_u32 end_if[2];   /* as in pg_flow at that moment */
	struct flow_key key;
	pg_u32 flow_serial; /* of pg_flow; 0: none */
};
_Static_assert(sizeof(struct pg_sample) == 80, "pg_sample");

/* Flows of which the inspector has heard enough: the flow with this serial, in the slot serial % PG_INSPECTED_SLOTS. A plain
 * store says so, without a system call. Another flow's number may take the slot before the first has sent again: then the
 * inspector gets the rest of its budget, no more. */
#define PG_INSPECTED_SLOTS 262144
struct pg_inspected {
	pg_u32 serial[PG_INSPECTED_SLOTS];
};

/* ---- interfaces ----------------------------------------------------------------------------- */
enum pg_if_role {
	PG_IF_NONE,
	PG_IF_CONTAINER, /* host end of a container's veth: counted as sender here */
	PG_IF_BRIDGE,    /* what comes out of it was counted at a veth before */
	PG_IF_VXLAN,
	PG_IF_UPLINK,
	PG_IF_LOOPBACK,  /* lo inside a container's namespace */
	PG_IF_MAX
};
struct pg_if_key {
	pg_u32 ifindex;
	pg_u16 ns;
	pg_u16 pad;
};
struct pg_if {
	pg_u32 role; /* enum pg_if_role */
	pg_u32 vni;  /* PG_IF_VXLAN: its VNI */
};
/* What went through the hooks of an interface; raw skb counts, to hold against the interface's own counters.
 * in = TC ingress (for a container's veth: sent by the container), out = TC egress. */
struct pg_if_stats {
	pg_u64 in_skbs, in_raw_bytes, in_packets, in_bytes;
	pg_u64 out_skbs, out_raw_bytes, out_packets, out_bytes;
};

struct pg_if_slot {
	struct pg_if_key key; /* ifindex 0: free */
	struct pg_if_stats stats;
};
_Static_assert(sizeof(struct pg_if_slot) == 72, "pg_if_slot");

/* ---- counters (the kernel's part of the loss ledger) ----------------------------------------- */
enum pg_counter {
	PG_CTR_SEEN,            /* packets offered for counting (at their one counting place) */
	PG_CTR_SEEN_BYTES,
	PG_CTR_COUNTED,         /* of these: packets added to a flow */
	PG_CTR_NOT_IP,          /* ARP, LLDP, ...: no flow */
	PG_CTR_MALFORMED,       /* cut or impossible headers: no flow */
	PG_CTR_REFUSED_FULL,    /* flow table full */
	PG_CTR_REFUSED_FULL_BYTES,
	PG_CTR_REFUSED_HALF,    /* half-open budget used up */
	PG_CTR_REFUSED_HALF_BYTES,
	PG_CTR_ELSEWHERE,       /* egress packets skipped: counted where they were sent */
	PG_CTR_SAMPLES,         /* samples delivered to the ring */
	PG_CTR_SAMPLE_LOST,     /* ring full, no room to spare for a further small piece, or a flood's first datagram */
	PG_CTR_EVENTS,          /* events delivered to the ring */
	PG_CTR_EVENT_LOST,      /* ring full */
	PG_CTR_SOCKET_REFUSED,  /* sockets map full: owner of a socket not kept */
	PG_CTR_VTEP_REFUSED,
	PG_CTR_XDP_DROPPED,
	PG_CTR_NOT_HOOKED,      /* packets at a hook whose program was not in place: seen, and no more known of them */
	PG_CTR_SYSCALL_REFUSED, /* cgroups whose system calls are not followed: their bucket was full */
	PG_CTR_EVENT_THROTTLED, /* events not delivered: their cgroup's budget was used up */
	PG_CTR_LEDGER_REFUSED,  /* events of cgroups that got no ledger of their own (table full): delivered without a budget */
	PG_CTR_LISTED_DROPPED,  /* packets of flows with listed addresses that were dropped (they are counted in their flow) */
	PG_CTR_MAX = 24
};

/* ---- sockets and processes ------------------------------------------------------------------- */
struct pg_owner {
	pg_u64 start_boot_ns; /* task->group_leader->start_boottime */
	pg_u64 cgroup;        /* cgroup v2 id */
	pg_u64 netns_cookie;
	pg_u32 tgid;          /* initial pid namespace */
	pg_u32 flags;         /* enum pg_owner_flag */
};
enum pg_owner_flag {
	PG_OWNER_LISTENER = 1 << 0, /* listening TCP or explicitly bound UDP: its end is an event */
	PG_OWNER_ITER = 1 << 1,     /* found by an iterator, not seen being made */
};

enum pg_event_type {
	PG_EV_NONE,
	PG_EV_EXEC,     /* text: executable, script, arguments (below) */
	PG_EV_FORK,     /* tgid/start_boot_ns are the child's; parent_* the parent's. Threads make no event */
	PG_EV_EXIT,     /* last thread gone */
	PG_EV_LISTEN,   /* TCP socket began to listen */
	PG_EV_BIND,     /* UDP socket was bound to a port explicitly */
	PG_EV_CLOSE,    /* a socket announced by LISTEN or BIND stopped listening or is gone */
	PG_EV_CGROUP,   /* a cgroup was made; cgroup: its id; text: its path */
	PG_EV_PROCESS,  /* iterator: a process that is there; text as EXEC, without script and arguments */
	PG_EV_CGROUP_GONE, /* a cgroup was removed; cgroup: its id */
	PG_EV_SYSCALL,  /* first use of a system call by a cgroup: syscall, arch */
	PG_EV_RAW,      /* a raw or packet socket was asked for: family, sock_type, proto; cookie 0 for AF_PACKET */
	PG_EV_UNIX,     /* connect() to a socket in the file system; text: its path as the process named it */
	PG_EV_ARP,      /* one more of many addresses asked for by ARP or neighbour discovery: addr; cookie: interface (low half) and namespace's number
			 * of who asks; no process, cgroup 0 */
	PG_EV_SENT,     /* a UDP socket announced by BIND sent or was connected for the first time: cookie */
	PG_EV_MAX
};

#define PG_TEXT_MAX 512    /* bytes of a path: executable, cgroup */
#define PG_SCRIPT_MAX 256  /* bytes of a script's path, a power of two */
#define PG_ARGS_MAX 1024   /* bytes of arguments, a power of two */
#define PG_CWD_MAX 256     /* bytes of a working directory, a power of two */
#define PG_EVENT_TEXT_MAX (PG_TEXT_MAX + PG_SCRIPT_MAX + PG_CWD_MAX + PG_ARGS_MAX)

enum pg_arch { PG_ARCH_NATIVE, PG_ARCH_IA32, PG_ARCH_X32, PG_ARCH_MAX };

/* The text of EXEC and PROCESS, one part after the other, none with a final NUL:
 *   path_len bytes    executable as the process's mount namespace sees it; a memfd's name
 *   script_len bytes  EXEC of a script: its path as the caller wrote it (may be relative), the executable is its interpreter
 *   cwd_len bytes     EXEC: working directory as the mount namespace sees it, where the script is relative or may be an argument; none: not
 *                     needed, or too long
 *   the rest          EXEC: argument list as at start, each argument with its NUL (the last may be cut) */
struct pg_event {
	pg_u16 version;
	pg_u16 type;          /* enum pg_event_type */
	pg_u32 text_len;      /* bytes after the struct, no NUL */
	pg_u64 ts_ns;
	pg_u64 cgroup;        /* cgroup v2 id of the process */
	pg_u64 start_boot_ns; /* of the process (thread group leader) */
	pg_u64 netns_cookie;  /* of the socket; for process events of the process's network namespace */
	pg_u32 tgid;          /* initial pid namespace */
	pg_u32 uid;           /* initial user namespace */
	pg_u32 parent_tgid;   /* process events: real parent */
	pg_u32 flags;         /* enum pg_event_flag */
	pg_u64 parent_start_boot_ns;
	pg_u64 parent_cgroup; /* differs from cgroup when the process was put into the container from outside.
			       * CGROUP, CGROUP_GONE: of who made or removed it, in whose ledger the event stands */
	pg_u64 exe_ino;       /* process events: inode of the executable */
	pg_u32 exe_dev;       /* kernel-internal dev_t (major << 20 | minor) */
	pg_u32 mnt_ns_ino;    /* mount namespace inode */
	pg_u64 cookie;        /* socket events */
	pg_u8 addr[16];       /* socket events: local address, IPv4 as IPv4-mapped; :: and 0.0.0.0 as :: and ::ffff:0.0.0.0 */
	pg_u16 port;          /* socket events: local port, network byte order */
	pg_u8 proto;          /* IPPROTO_TCP or IPPROTO_UDP; RAW: low byte of the protocol asked for (AF_PACKET: 0) */
	pg_u8 v6only;         /* socket events: an AF_INET6 socket that takes no IPv4 */
	char comm[16];
	pg_u16 path_len, script_len;
	pg_u16 syscall;       /* SYSCALL: number in its table (x32: without bit 30) */
	pg_u8 arch;           /* SYSCALL: enum pg_arch */
	pg_u8 family;         /* RAW: AF_INET, AF_INET6, AF_PACKET */
	pg_u32 sock_type;     /* RAW: SOCK_RAW, SOCK_DGRAM (AF_PACKET) */
	pg_u32 count;         /* reserved for events that stand for several */
	pg_u16 cwd_len, pad;
};
enum pg_event_flag {
	PG_EVF_TEXT_CUT = 1 << 0,  /* path or script is longer */
	PG_EVF_MEMFD = 1 << 1,     /* the executable is a memfd */
	PG_EVF_DELETED = 1 << 2,   /* the executable has no link left */
	PG_EVF_ITER = 1 << 3,      /* was there before the sensor */
	PG_EVF_ARGS_CUT = 1 << 4,  /* there are more arguments, or longer ones */
	PG_EVF_NS_INIT = 1 << 5,   /* process 1 of its pid namespace */
	PG_EVF_RUNTIME = 1 << 6,   /* SYSCALL, EXEC: made by the container runtime before it started the program */
	PG_EVF_OUTSIDE = 1 << 8,   /* SYSCALL: by a process that was put into its cgroup from outside, or a child of one; the own ones have not
				    * used it. Not where the container's first process is not process 1 of its pid namespace: none is then */
	PG_EVF_OWN_ROOT = 1 << 9,  /* process events: its root directory is not its mount namespace's (chroot) */
	PG_EVF_FILTERED = 1 << 7,  /* SYSCALL with RUNTIME: made under a seccomp filter, which hence has to allow it */
};
_Static_assert(sizeof(struct pg_event) == 152, "pg_event");

/* ---- the ledger of events ------------------------------------------------------------------- */
/* Tokens a second of one cgroup, sustained; an event costs one and one more for each PG_EVENT_TOKEN_BYTES of its record. The
 * burst fits into half of the ring: however slow the reader is, one cgroup alone never fills it. */
#define PG_EVENT_BUDGET_RATE 10000ULL
#define PG_EVENT_TOKEN_BYTES 256
#define PG_EVENT_BUDGET_BURST 8000

/* Per cgroup: produced = delivered + ring_lost + throttled, exactly, whenever none is being sent. */
struct pg_ledger {
	pg_u64 produced;
	pg_u64 delivered; /* put into the ring */
	pg_u64 ring_lost; /* the ring was full */
	pg_u64 throttled; /* over the cgroup's budget */
	pg_u64 tokens;    /* signed: events that it may cause now */
	pg_u64 refill_ns;
};
_Static_assert(sizeof(struct pg_ledger) == 48, "pg_ledger");

/* ---- system calls: which ones a cgroup has used ----------------------------------------------- */
#define PG_SYSCALL_MAX 576 /* numbers in a table, x32's own from 512 included */
#define PG_SYSCALL_WAYS 4
#define PG_SYSCALL_BUCKETS 1024u
enum pg_syscall_set { /* the first ones as enum pg_arch: made by programs; then the runtime's (native) */
	PG_SYSCALL_RUNTIME = PG_ARCH_MAX,
	PG_SYSCALL_RUNTIME_FILTERED,
	PG_SYSCALL_SETS
};
struct pg_syscall_set_bits {
	pg_u64 bits[PG_SYSCALL_MAX / 64];
};
struct pg_syscall_bucket {
	pg_u64 cgroup[PG_SYSCALL_WAYS]; /* 0: free */
	struct pg_syscall_set_bits used[PG_SYSCALL_WAYS][PG_SYSCALL_SETS];
};
_Static_assert(sizeof(struct pg_syscall_bucket) == 32 + 4 * 5 * 72, "pg_syscall_bucket");
static inline __attribute__((always_inline)) pg_u32 pg_syscall_bucket_of(pg_u64 cgroup)
{
	return (pg_u32)(cgroup * 0x9e3779b97f4a7c15ULL >> 32) & (PG_SYSCALL_BUCKETS - 1);
}

/* ---- addresses that feeds name ------------------------------------------------------------------ */
/* Pages of one inner map of `listed`. Most addresses are told by one bit: of their /24 (IPv4), of their /32 and /48 by hash
 * (IPv6: what is wider than a /48 has the bits of its /32s, the rest those of its /48s). A set bit means: look in the sorted,
 * disjoint ranges. Numbers in host byte order.
 *   0                     the header (struct pg_listed_head)
 *   PG_LISTED_BITS4 ..    2^24 bits, by address >> 8
 *   PG_LISTED_BITS6 ..    2^24 bits, by pg_listed_hash()
 *   head.index4 ..        65537 numbers: the first range that begins at or after n << 16
 *   head.first4, last4 .. count4 numbers each
 *   head.first6, last6 .. count6 pairs each (high half, low half) */
#define PG_LISTED_PAGE 4096u
#define PG_LISTED_BITS4 1u
#define PG_LISTED_BITS6 513u
#define PG_LISTED_FIXED 1025u        /* pages before those whose number depends on what is listed */
#define PG_LISTED_INDEX_PAGES 65u
#define PG_LISTED_PAGES_MAX 65536u
#define PG_LISTED_RANGES_MAX (1u << 22) /* of a family */
struct pg_listed_page {
	union {
		pg_u32 w[PG_LISTED_PAGE / 4];
		pg_u64 d[PG_LISTED_PAGE / 8];
	};
};
_Static_assert(sizeof(struct pg_listed_page) == PG_LISTED_PAGE, "pg_listed_page");
struct pg_listed_head {
	pg_u32 count4, count6;
	pg_u32 index4, first4, last4, first6, last6; /* pages */
	pg_u32 pad;
};
/* high: the upper half of an IPv6 address; bits: 32 or 48 of it. */
static inline __attribute__((always_inline)) pg_u32 pg_listed_hash(pg_u64 high, pg_u32 bits)
{
	return (pg_u32)(((high >> (64 - bits)) + bits) * 0x9e3779b97f4a7c15ULL >> 40);
}

/* ---- protocols that are checked before a connection goes on --------------------------------------- */
struct pg_checked_key {
	pg_u8 addr[16];
	pg_u16 port; /* network byte order */
	pg_u16 ns;
};
struct pg_checked {
	pg_u32 mark; /* our bits of the packet mark (struct plan.mark) */
	pg_u32 apps; /* what may be spoken there: enum first_app */
};
/* What those bits say, times the lowest of them: this packet's bytes are the first ones, and beyond doubt what may be spoken. */
#define PG_CHECKED_FITS 2

/* ---- VXLAN outside (RFC 7348), at the uplink -------------------------------------------------- */
struct pg_vtep_key {
	pg_u8 local[16], remote[16]; /* outer addresses, IPv4-mapped */
	pg_u32 vni;
	pg_u16 ns;
	pg_u16 pad;
};
struct pg_vtep {
	pg_u64 packets[2], bytes[2]; /* [0] received, [1] sent; outer L2 frames */
	pg_u64 first_ns, last_ns;
};

struct pg_lpm_key {
	pg_u32 prefix_len; /* 0..128, over the IPv4-mapped form */
	pg_u8 addr[16];
};

#endif
