/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Core's bus of events: what processes of containers did, one call for each thing, in the order in which it became known.
 * Fed by the kernel's event ring, by flows (connect) and by whoever else sees something (files); read by the event stream,
 * the model and the evidence. An event of a container that no engine has named yet waits for that name, at most
 * CORE_EVENT_WAIT_NS; an event that turns out not to be a container's is not told. Core's loop only. */
#ifndef PG_SENSOR_CORE_EVENTS_H
#define PG_SENSOR_CORE_EVENTS_H

#include "sensor/core/core.h"

#define CORE_EVENT_WAIT_NS (2ULL * 1000000000ULL)

enum core_event_kind {
	CORE_EVENT_EXEC,
	CORE_EVENT_FORK,
	CORE_EVENT_EXIT,
	CORE_EVENT_LISTEN,     /* TCP */
	CORE_EVENT_BIND,       /* UDP, to a port of the program's choice */
	CORE_EVENT_CLOSE,      /* of a listener */
	CORE_EVENT_CONNECT,    /* a flow began with this container as its client */
	CORE_EVENT_SYSCALL,    /* first use of a system call by a container */
	CORE_EVENT_RAW_SOCKET, /* raw or packet socket */
	CORE_EVENT_FILE,       /* file written (published by the file watch) */
	CORE_EVENT_FILE_CHANGED, /* one of the files of core_files_watch() was changed */
	CORE_EVENT_EXE,        /* an executable's content and origin became known, or are others than before */
	CORE_EVENT_UNIX,       /* connected to a socket that has a path (Linux 6.7 and later) */
	CORE_EVENT_THROTTLE,   /* the container's events were cut off, or come again */
	CORE_EVENT_MAX
};
/* "exec", "fork", "exit", "listen", "bind", "close", "connect", "syscall", "raw-socket", "file", "file-changed", "exe", "unix-connect", "throttle". */
const char *core_event_name(enum core_event_kind k);
/* -1: no such kind. */
int core_event_kind_of(const char *name);

/* One event. A publisher fills what applies and leaves the rest zero; the bus fills container and workload from cgroup and
 * the process's fields from process. Pointers are valid during the call only. Strings may hold any bytes but NUL and those
 * below 0x20 (sanitised as processes.h says); writers of output escape them. */
struct core_event_view {
	enum core_event_kind kind;
	uint64_t time_ns;              /* wall */
	uint64_t mono_ns;
	uint64_t cgroup;               /* of the process; 0: container was set by the publisher */
	const struct ident_container *container; /* never NULL for subscribers */
	uint32_t process;              /* index in core.procs, 0: unknown */
	const struct process *p;       /* the same as it was when this happened; NULL: unknown */
	uint32_t flags;                /* enum pg_event_flag, where the event came from the kernel's ring */
	bool entered;                  /* EXEC: by a process that was put into the container from outside (docker exec, health
	                                * check), neither the container's first nor a child of one of its own */
	bool runtime;                  /* SYSCALL: made by the container runtime, before the program was started */

	/* LISTEN, BIND, CLOSE, CONNECT, RAW_SOCKET */
	uint8_t l4;                    /* IPPROTO_*; RAW_SOCKET: the protocol asked for, as far as known */
	uint8_t family;                /* RAW_SOCKET: AF_INET, AF_INET6, AF_PACKET */
	uint8_t addr[16];              /* LISTEN, BIND: where; CONNECT: the server's address; IPv4-mapped */
	uint16_t port;                 /* host byte order */
	uint64_t cookie, netns_cookie; /* of the socket; CLOSE: cookie names the listener */
	const struct core_flow_view *flow; /* CONNECT; NULL otherwise */

	/* SYSCALL */
	uint16_t syscall;              /* number in the table of */
	uint8_t arch;                  /* enum pg_arch */
	const char *name;              /* its name; "" unknown number. EXE: why there is no digest, "" there is one */

	/* FILE: what the publisher says (path as the container sees it); UNIX: path as the program named it; THROTTLE: "start" or "stop" */
	const char *text;
	const char *detail;            /* FILE, EXE: where it lies, core_file_origin_name(); FILE_CHANGED: what happened,
	                                * core_file_change_name(); THROTTLE: "files" if it is those */
	const char *digest;            /* EXE, EXEC: SHA-256 in hex if known by then, else NULL or "" */
	uint64_t count;                /* FILE: writes that this stands for; THROTTLE stop: events not delivered */
	bool executable;               /* FILE: it may be executed */
	bool directory;                /* FILE: text is a directory, in which count further files were written in window_ns */
	bool outside;                  /* FILE: not by way of the container's own mounts: from the host */
	bool deleted;                  /* FILE: it had no name any more when it was closed */
	bool written;                  /* EXE: it was just written, not (only) executed */
	bool changed;                  /* EXE of place "upper": a layer below has a file of this name */
	const char *layer;             /* EXE: digest of the image's layer that brought it (changed: that it was in), "" or NULL */
	uint32_t pid;                  /* FILE, FILE_CHANGED, EXE: process id, also of an unknown process; 0: none */
	uint64_t size, window_ns;      /* FILE, EXE; bytes, 0: unknown */
};

typedef void (*core_event_cb)(const struct core_event_view *v, void *arg);
/* cb is called for each event of these kinds (bits 1 << kind) from now on. A handle >= 0, or -EBUSY
 * (CORE_EVENT_SUBSCRIBERS_MAX). Kinds that nobody wants cost nothing: name only what is used. */
#define CORE_EVENT_SUBSCRIBERS_MAX 16
#define CORE_EVENTS_ALL ((1U << CORE_EVENT_MAX) - 1)
int core_subscribe_events(struct core *c, unsigned kinds, core_event_cb cb, void *arg);
void core_unsubscribe_events(struct core *c, int handle);
/* Publishes: at once, or when the container of v->cgroup has its name. Everything v points to is copied if need be. */
void core_publish_event(struct core *c, const struct core_event_view *v);
/* Whether anybody wants this kind. */
bool core_event_wanted(const struct core *c, enum core_event_kind k);

struct core_events_stats {
	uint64_t published, waited;
	uint64_t foreign;     /* of cgroups that are no container's */
	uint64_t unnamed;     /* given up: no name came in time, or too many were waiting */
	unsigned waiting;
};
void core_events_stats_get(const struct core *c, struct core_events_stats *ret);

#endif
