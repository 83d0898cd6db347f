/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The messages between our programs (framing: base/ipc.h). Structs are fixed width with explicit padding; strings are
 * NUL-terminated inside their arrays. Who talks to whom:
 *
 *   keeper <-> core       state of namespaces, links, hooks; map descriptors; the few commands core may ask for
 *   keeper <-> broker     "give me a connected stream to engine N"
 *   core   <-> broker     the few allowed engine requests, raw answers
 *   keeper  -> inspectors descriptors; heartbeat
 *   inspector -> core     labels, details, DNS answers
 *   keeper <-> verdict    heartbeat
 *   core   <-> files      which containers to watch, what was written, digests (sensor/msg_files.h)
 *   core   <-> fetch      what to get from or to send to the world (sensor/msg_fetch.h)
 *   files  <-> opener     files and directories of containers to open and to mark (sensor/msg_files.h)
 */
#ifndef PG_SENSOR_MSG_H
#define PG_SENSOR_MSG_H

#include <stdint.h>

#include "flows/flow_key.h"

#define MSG_NAME_LEN 64
#define MSG_PATH_LEN 256
#define MSG_ENGINES_MAX 8

/* The descriptors a child finds open, at fixed numbers, when the keeper starts it. */
enum {
	CHILD_FD_KEEPER = 3, /* ipc to the keeper */
	CHILD_FD_EXE_FIRST_FREE = 4,
};

enum msg_type {
	MSG_NONE,

	/* -- any direction, any pair */
	MSG_PING, /* answered by MSG_PONG with the same seq at once */
	MSG_PONG,

	/* -- keeper -> child: "here is a descriptor", body struct msg_fd */
	MSG_FD,
	/* keeper -> child: everything known at start has been sent (core: NS/LINK/ADDR snapshot complete) */
	MSG_READY,
	/* keeper -> child: stop in order; child saves and exits within 2 s */
	MSG_QUIT,

	/* -- keeper -> core */
	MSG_NS_ADD,    /* struct msg_ns */
	MSG_NS_DEL,    /* struct msg_ns */
	MSG_LINK_ADD,  /* struct msg_link; sent again when something of it changes */
	MSG_LINK_DEL,  /* struct msg_link */
	MSG_ADDR_ADD,  /* struct msg_addr */
	MSG_ADDR_DEL,  /* struct msg_addr */
	MSG_HOOK,      /* struct msg_hook: a program was attached, or could not be */
	MSG_ENGINE,    /* struct msg_engine: an engine was reached (pid, node namespace) or lost */
	MSG_PROGRAM,   /* struct msg_program: state of one of our programs, sent at changes */
	MSG_FEATURE,   /* struct msg_feature: a kernel feature is there or not, and what is used instead */

	/* -- core -> keeper, each answered by the same type with status */
	MSG_CONFIGURE, /* struct msg_configure; idempotent, sent at every start of core */
	MSG_CGROUP_OF, /* struct msg_pid -> answer body: bytes of /proc/PID/cgroup (<= 4 KiB) */
	MSG_CGROUP_ID, /* body: path below the cgroup v2 mount -> struct msg_cgroup_id */
	MSG_CGROUP_PATH_OF_PID, /* reserved */
	MSG_ITER,      /* struct msg_iter -> answer with a descriptor to read struct pg_event + text records from until EOF */
	MSG_HOSTNET,   /* struct msg_hostnet: count the traffic of a host-network container's cgroup, or stop */
	MSG_PROC_EXE,  /* struct msg_pid -> answer body: readlink /proc/PID/exe */

	MSG_PROC_ARGS, /* struct msg_pid -> answer body: first PG_ARGS_MAX bytes of /proc/PID/cmdline */
	MSG_SYSCALLS,  /* struct msg_syscalls: watch system calls, or stop */
	MSG_LISTED,    /* struct msg_listed -> answer with the descriptor of a new inner map of `listed` (abi.h) */
	MSG_OPEN,      /* body: a path that stands in the configuration file -> answer with a descriptor of that regular file */

	MSG_LISTEN,    /* body: an address that stands in the configuration file ("127.0.0.1:8470") -> answer with a listening TCP socket */

	/* -- core <-> keeper: sensor/msg_policy.h */
	MSG_POLICY_PLAN, MSG_POLICY_HOLD, MSG_POLICY_ALL, MSG_POLICY_COUNTERS, /* core -> keeper */
	MSG_POLICY_STATE, MSG_POLICY_TAMPER,                                   /* keeper -> core */

	/* -- broker -> keeper, answered by the same type */
	MSG_ENGINE_CONNECT, /* struct msg_engine_ref -> answer with a connected stream descriptor, or -errno */

	/* -- core <-> broker */
	MSG_DOCKER_REQ,    /* struct msg_docker_req */
	MSG_DOCKER_CHUNK,  /* struct msg_docker_chunk + bytes; seq of the request */

	/* -- inspector -> core */
	MSG_LABEL,      /* one or more struct msg_label */
	MSG_DNS,        /* one or more struct msg_dns */
	MSG_FACTS,      /* one or more struct msg_facts, each with its text; before the label of the same flow */
	MSG_INSPECT_STATS, /* struct msg_inspect_stats, once a second while there is change */

	/* -- core, files, opener: sensor/msg_files.h */
	MSG_FILES_WATCH, MSG_FILES_UNWATCH, MSG_FILES_EXE, MSG_FILES_OPEN, MSG_FILES_DRIFT, MSG_FILES_MOUNTS, MSG_FILES_ROOT, /* core -> files */
	MSG_FILES_STATE, MSG_FILES_EVENT, MSG_FILES_DIGEST, MSG_FILES_CHANGED, MSG_FILES_STATS, /* files -> core */
	MSG_PLACE_MOUNTS, MSG_PLACE_MARK, MSG_PLACE_OPEN, MSG_PLACE_DIR, MSG_PLACE_DIR_DROP, MSG_PLACE_LAYER,
	MSG_PLACE_ROOT, /* files -> opener */
	MSG_PLACE_PROC, MSG_PLACE_UPPER, /* core -> opener */

	/* -- core <-> the documents inspector: sensor/msg_documents.h */
	MSG_DOCUMENT,      /* core -> inspector: struct msg_document and a descriptor */
	MSG_DOCUMENT_PART, /* inspector -> core: a piece of the answer; seq of the request */
	MSG_DOCUMENT_END,  /* inspector -> core: no more comes; status */

	/* -- core -> keeper, each answered by the same type with status: sensor/msg_contain.h */
	MSG_CONTAIN_KILL, MSG_CONTAIN_FREEZE,

	/* -- exec refusal: sensor/msg_exec.h */
	MSG_HEADS_SET, MSG_HEADS, /* core <-> the packet inspector: sensor/msg_heads.h */
	MSG_FILES_EXEC, MSG_EXEC_PLACES, MSG_EXEC_ASK, MSG_EXEC_DENIED, MSG_EXEC_ANSWER, MSG_EXEC_FORGET, MSG_EXEC_STATS,
	/* -- core <-> fetch: sensor/msg_fetch.h */
	MSG_FETCH, MSG_FETCHED,
	/* -- protocols that are checked before a connection goes on: sensor/msg_queue.h */
	MSG_QUEUE_PLAN, MSG_QUEUE_ASK, MSG_QUEUE_ANSWER, MSG_QUEUE_REFUSED, MSG_QUEUE_STATS, MSG_QUEUE_STATE,

	MSG_TYPE_MAX
};

/* ---- descriptors ----------------------------------------------------------------------------- */
enum msg_fd_kind {
	MSG_FD_MAP,          /* name: map (abi.h) */
	MSG_FD_PROGRAM,      /* core: name: an eBPF program of type syscall that core may run ("flow_ask": abi.h) */
	MSG_FD_API_LISTENER, /* core: the listening API socket, mode 0660 */
	MSG_FD_CONFIG,       /* core: the configuration file opened for reading (absent: defaults) */
	MSG_FD_BROKER,       /* core: ipc to the broker; replaces an earlier one */
	MSG_FD_INSPECTOR,    /* core, verdict: ipc from an inspector; name "packets" or "documents"; replaces an earlier one */
	MSG_FD_CORE,         /* broker, inspectors, opener: ipc to core; replaces an earlier one */
	MSG_FD_FILES,        /* core, opener: ipc to files; replaces an earlier one */
	MSG_FD_OPENER,       /* files, core: ipc to the opener; replaces an earlier one */
	MSG_FD_FANOTIFY,     /* files, opener: the one fanotify group */
	MSG_FD_FETCH,        /* core: ipc to fetch; replaces an earlier one */
	MSG_FD_INOTIFY,      /* files, opener: the one inotify instance */
	MSG_FD_EXEC,         /* verdict, opener: the fanotify group of exec permissions */
	MSG_FD_VERDICT,      /* core, inspector of packets: ipc to the verdict process; replaces an earlier one */
	MSG_FD_QUEUE,        /* verdict: arg: namespace; the socket that its NFQUEUEs are bound to */
	MSG_FD_RESET4,       /* verdict: arg: namespace; a raw socket there (enforce/nfq_reset.h) */
	MSG_FD_RESET6,       /* the same for IPv6 */
	MSG_FD_MAX
};
struct msg_fd {
	uint32_t kind; /* enum msg_fd_kind */
	uint32_t arg;
	char name[MSG_NAME_LEN];
};

/* ---- namespaces, links, addresses -------------------------------------------------------------- */
enum msg_ns_kind {
	MSG_NS_NODE,      /* where an engine lives: its bridges and uplinks */
	MSG_NS_OVERLAY,   /* an overlay network's sandbox: br0, vxlan0, veths */
	MSG_NS_CONTAINER, /* a container's sandbox */
	MSG_NS_KIND_MAX
};
struct msg_ns {
	uint16_t ns;     /* our number; not reused within a run of the keeper */
	uint8_t kind;    /* enum msg_ns_kind */
	uint8_t engine;  /* index of the engine it belongs to */
	uint32_t pad;
	uint64_t cookie; /* SO_NETNS_COOKIE */
	char name[MSG_NAME_LEN]; /* file name below the engine's netns directory ("1-ws3xf…", "3b2c…", "default"); "" for the node */
};

enum msg_link_kind { MSG_LINK_OTHER, MSG_LINK_VETH, MSG_LINK_BRIDGE, MSG_LINK_VXLAN, MSG_LINK_MACVLAN, MSG_LINK_IPVLAN, MSG_LINK_LO, MSG_LINK_KIND_MAX };
struct msg_link {
	uint16_t ns;
	uint16_t peer_ns;      /* veth: our number of the peer's namespace, 0: not (yet) known */
	uint32_t ifindex;
	uint32_t peer_ifindex; /* veth: index of the peer there */
	uint32_t master;       /* bridge it is a port of; 0: none */
	uint32_t vni;          /* vxlan */
	uint8_t kind;          /* enum msg_link_kind */
	uint8_t role;          /* enum pg_if_role given to it */
	uint8_t up;
	uint8_t pad;
	uint8_t mac[6];
	uint8_t pad2[2];
	char name[16];
};
struct msg_addr {
	uint16_t ns;
	uint8_t prefix_len;  /* of the IPv4-mapped form: 96 + n for IPv4 */
	uint8_t pad;
	uint32_t ifindex;
	uint8_t addr[16];
};

enum msg_hook_how { MSG_HOOK_NONE, MSG_HOOK_TCX, MSG_HOOK_CLSACT, MSG_HOOK_XDP_NATIVE, MSG_HOOK_XDP_GENERIC, MSG_HOOK_CGROUP, MSG_HOOK_HOW_MAX };
struct msg_hook {
	uint16_t ns;
	uint8_t how;     /* enum msg_hook_how; NONE: failed, error says why */
	uint8_t adopted; /* was there from an earlier keeper */
	uint32_t ifindex;
	int32_t error;   /* -errno or 0 */
	uint32_t pad;
	/* the interface's own counters at the moment of attaching: what went by before us (the exact late loss) */
	uint64_t late_in_packets, late_in_bytes, late_out_packets, late_out_bytes;
};

struct msg_engine {
	uint8_t engine;   /* index into msg_configure.engines */
	uint8_t up;
	uint16_t ns;      /* its node namespace, 0: none */
	uint32_t pid;     /* 0: unknown */
	int32_t error;    /* why it could not be reached, -errno */
};

enum msg_program_id { PROGRAM_KEEPER, PROGRAM_VERDICT, PROGRAM_BROKER, PROGRAM_CORE, PROGRAM_INSPECT_PACKETS, PROGRAM_INSPECT_DOCUMENTS,
	PROGRAM_FILES, PROGRAM_OPENER, PROGRAM_FETCH, PROGRAM_MAX };
struct msg_program {
	uint8_t program; /* enum msg_program_id */
	uint8_t running;
	uint16_t pad;
	uint32_t pid;
	uint32_t starts; /* how often it was started by this keeper */
	int32_t last_status; /* wait status of the last end */
	uint64_t since_mono_ns;
};

struct msg_feature {
	uint32_t present;
	char name[MSG_NAME_LEN];      /* "tcx", "btf", "bpffs", "cgroup2", … */
	char consequence[MSG_PATH_LEN]; /* what is used instead, or what cannot be seen, in one sentence */
};

/* ---- core's commands -------------------------------------------------------------------------- */
enum msg_xdp_mode { MSG_XDP_OFF, MSG_XDP_UPLINK, MSG_XDP_OVERLAY, MSG_XDP_ALL };
struct msg_configure {
	uint8_t engine_count;
	uint8_t xdp;           /* enum msg_xdp_mode */
	uint16_t vxlan_port;   /* host byte order, 4789 */
	uint32_t half_open_max;
	uint32_t flows_max;    /* only honoured before the maps exist */
	uint8_t fetch;         /* the fetching program is wanted */
	uint8_t pad[3];
	char engines[MSG_ENGINES_MAX][108];        /* paths of unix sockets */
	char uplinks[4][16];   /* names; empty: found by rule (has an address, is no bridge, no lo) */
};
struct msg_pid {
	uint32_t pid; /* initial pid namespace */
};
struct msg_cgroup_id {
	uint64_t id;
};
enum msg_iter_kind { MSG_ITER_PROCESSES, MSG_ITER_SOCKETS };
struct msg_iter {
	uint32_t kind; /* enum msg_iter_kind */
};
struct msg_listed {
	uint32_t pages; /* 1..PG_LISTED_PAGES_MAX */
};
struct msg_syscalls {
	uint32_t on;
};
struct msg_hostnet {
	uint32_t on;
	uint32_t pseudo_ifindex; /* >= 0x80000000, chosen by core, unique among host-network containers */
	uint16_t ns;             /* node namespace */
	uint16_t pad;
	uint32_t pad2;
	char cgroup_path[512];    /* below the cgroup v2 mount */
};
struct msg_engine_ref {
	uint32_t engine;
};

/* ---- engine requests ---------------------------------------------------------------------------- */
enum docker_req {
	DOCKER_REQ_VERSION,           /* GET /version (no API version prefix): negotiates */
	DOCKER_REQ_INFO,              /* GET /info */
	DOCKER_REQ_CONTAINERS,        /* GET /containers/json?all=1 */
	DOCKER_REQ_CONTAINER,         /* GET /containers/{arg}/json */
	DOCKER_REQ_NETWORKS,          /* GET /networks */
	DOCKER_REQ_NETWORK,           /* GET /networks/{arg}?verbose=true */
	DOCKER_REQ_NETWORK_PLAIN,     /* GET /networks/{arg} */
	DOCKER_REQ_IMAGE,             /* GET /images/{arg}/json */
	DOCKER_REQ_TASKS,             /* GET /tasks (managers) */
	DOCKER_REQ_SERVICES,          /* GET /services (managers) */
	DOCKER_REQ_NODES,             /* GET /nodes (managers) */
	DOCKER_REQ_EVENTS,            /* GET /events[?since={arg}]: endless */
	DOCKER_REQ_PAUSE,             /* POST /containers/{arg}/pause */
	DOCKER_REQ_UNPAUSE,           /* POST /containers/{arg}/unpause */
	DOCKER_REQ_STOP,              /* POST /containers/{arg}/stop: SIGTERM, 2 s later SIGKILL */
	DOCKER_REQ_CANCEL,            /* ends the request whose seq is in cancel_seq */
	DOCKER_REQ_MAX
};
struct msg_docker_req {
	uint8_t engine;
	uint8_t what; /* enum docker_req */
	uint16_t pad;
	uint32_t cancel_seq;
	char arg[MSG_PATH_LEN]; /* [A-Za-z0-9_.:/@-]*, anything else is refused with -EINVAL */
};
enum { DOCKER_CHUNK_FIRST = 1, DOCKER_CHUNK_LAST = 2 };
struct msg_docker_chunk {
	uint8_t engine;
	uint8_t what;
	uint8_t flags;       /* DOCKER_CHUNK_* */
	uint8_t pad;
	int32_t http_status; /* 0: none was received */
	int32_t error;       /* LAST: 0 or -errno (-ECONNREFUSED, -ETIMEDOUT, -EFBIG, …) */
	uint32_t len;        /* bytes that follow */
};

/* ---- inspector's results -------------------------------------------------------------------------- */
enum label_confidence { LABEL_UNKNOWN, LABEL_PORT_GUESS, LABEL_PARTIAL, LABEL_OWN, LABEL_DPI, LABEL_CONFIDENCE_MAX };

/* As outputs name it; anything else than a value of the enum is "unknown". */
static inline const char *label_confidence_name(uint8_t confidence)
{
	static const char *const names[LABEL_CONFIDENCE_MAX] = { "unknown", "port-guess", "partial", "own", "dpi" };

	return names[confidence < LABEL_CONFIDENCE_MAX ? confidence : LABEL_UNKNOWN];
}


enum label_detail { /* what detail[] holds */
	LABEL_DETAIL_NONE,
	LABEL_DETAIL_HOST,   /* HTTP Host, TLS SNI, DNS question name */
};
struct msg_label {
	struct flow_key key;
	uint8_t confidence; /* enum label_confidence */
	uint8_t final;      /* no better one will follow */
	uint8_t server_end; /* end of the key that is the server by protocol; 0xff: not known */
	uint8_t pad;
	char app[40];       /* "HTTP", "TLS.Google", "Unknown": nDPI's spelling, master.application */
	char host[128];     /* HTTP host, SNI, DNS name; "" none; sanitised printable ASCII */
	char info[128];     /* HTTP: "GET /path" and server; SSH banner; server version …; sanitised */
};
struct msg_facts {
	struct flow_key key;
	uint16_t len;    /* bytes of text that follow (sensor/facts.h), without a NUL */
	uint16_t pad[3];
};
struct msg_dns {
	struct flow_key key; /* the flow that carried it */
	uint32_t end_if[2];
	uint32_t ttl_s;
	uint8_t client_end;  /* end of the key that asked */
	uint8_t question;    /* 1: a question (only told if it may carry data), which nobody may ever answer */
	uint16_t qtype;      /* RFC 1035 */
	uint8_t addr[16];    /* answer, IPv4-mapped; all zero: no address (NXDOMAIN, other type) */
	char name[128];      /* question name, lower case, sanitised; of a longer one the last labels */
};
struct msg_inspect_stats {
	uint64_t samples, bytes, flows, labelled, gave_up, evicted, results_dropped, bad_version;
	uint64_t pieces_dropped; /* payloads that found no place in a flow's first bytes (window, number of pieces, memory) */
	uint64_t marks_failed;   /* flows whose serial was not known when enough was heard of them */
	uint64_t overlaps;       /* flows in which something was sent twice, with different bytes */
	uint32_t tracked, pad;
};

#endif
