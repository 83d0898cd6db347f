/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What one engine runs, kept current: the state machine behind discovery. It lives in core, does no I/O and reads no clock:
 * requests leave by ops.send (core puts them on the socket to the broker), answers come back through
 * docker_client_chunk(), time is a parameter (CLOCK_MONOTONIC ns). One object per engine; one thread.
 *
 * Order at every (re)connection: VERSION; EVENTS opened first, so that nothing falls between; then INFO, the full list,
 * an inspect of each live container, the networks (verbose for overlays); resync_begin/resync_end stand around it.
 * Afterwards events drive it. At "network connect" the container is inspected at once: dockerd answers when its start has
 * finished, before anything else gets the container's lock, so that even a container that lives for 50 ms is seen alive with
 * sandbox and addresses. Should that answer come too late, the addresses that the network's own record showed are kept.
 *
 * Merge rule, so that nothing learned alive is wiped out by a later look at the corpse: an answer that says "running" or
 * "paused" replaces the record; one that says anything else replaces everything but a non-empty sandbox name and addresses
 * already known. A container that died is put once more with what is known and then reported by container_gone. */
#ifndef PG_SENSOR_WATCH_DOCKER_CLIENT_H
#define PG_SENSOR_WATCH_DOCKER_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ipc.h"
#include "base/log.h"
#include "flows/identity.h"
#include "sensor/msg.h"
#include "sensor/watch/docker_json.h"

/* Why something may have been missed; each call of ops.lost is one occurrence. */
enum docker_lost {
	DOCKER_LOST_GAP,      /* the event stream broke; n: how long it was away, ns (resynchronised since) */
	DOCKER_LOST_LINE,     /* an event line was too long or no valid event; n: 1 */
	DOCKER_LOST_ANSWER,   /* an answer could not be used (too big, malformed, HTTP error other than 404); n: 1 */
	DOCKER_LOST_LATE,     /* a container was over before it could be inspected alive and no address of it was learned; n: 1 */
	DOCKER_LOST_REFUSED,  /* more containers or networks than we keep; n: 1 */
	DOCKER_LOST_MAX
};
const char *docker_lost_name(enum docker_lost l);

/* All strings and structs are valid during the call only. The functions named as in flows/identity.h mean exactly that. */
struct docker_client_ops {
	/* Send MSG_DOCKER_REQ with this seq to the broker. 0; -EAGAIN: socket full, it is tried again at the next tick;
	 * other -errno: no broker, everything outstanding counts as lost and is begun anew with back-off. Must not call
	 * back into the client. Bits 24-31 of seq are the engine's number + 1, so that several clients share a socket. */
	int (*send)(void *arg, uint32_t seq, const struct msg_docker_req *req);
	void (*put_container)(void *arg, const struct ident_container *c);
	void (*container_gone)(void *arg, unsigned engine, const char *id, uint64_t now_ns);
	void (*put_network)(void *arg, const struct ident_network *n);
	void (*network_gone)(void *arg, unsigned engine, const char *id);
	void (*put_remote)(void *arg, unsigned engine, const char *network_id, const char *name, const uint8_t addr[16],
			   const char *node);
	void (*resync_begin)(void *arg, unsigned engine);
	void (*resync_end)(void *arg, unsigned engine, uint64_t now_ns);
	void (*engine_info)(void *arg, const struct docker_engine_info *info); /* at every connection and change */
	void (*lost)(void *arg, unsigned engine, enum docker_lost what, uint64_t n);
	void (*log)(void *arg, enum log_level lvl, const char *text);
	/* The answer to docker_client_image(): error 0 and the engine's JSON, or -errno (-ENOENT: no such image). May be
	 * NULL, for who never asks. */
	void (*image)(void *arg, unsigned engine, const char *image_id, int error, const char *json, size_t len);
	/* The engine did what docker_client_act() asked for: 0, -EALREADY, -ENOENT, other -errno. May be NULL. */
	void (*acted)(void *arg, unsigned engine, enum docker_req what, const char *cid, int error);
	/* Just before put_container() of a container that lives: what it was started with. start is the callee's now. May be NULL. */
	void (*start)(void *arg, unsigned engine, const char *id, struct docker_start *start);
};

enum docker_client_state {
	DOCKER_CLIENT_DOWN,    /* the keeper does not reach the engine */
	DOCKER_CLIENT_BACKOFF, /* waiting for the next attempt */
	DOCKER_CLIENT_VERSION, /* asked for the version */
	DOCKER_CLIENT_EVENTS,  /* asked for the event stream */
	DOCKER_CLIENT_LISTING, /* resynchronising; events are already taken in */
	DOCKER_CLIENT_LIVE,    /* current */
	DOCKER_CLIENT_STATE_MAX
};
const char *docker_client_state_name(enum docker_client_state s);

struct docker_client_stats {
	enum docker_client_state state;
	uint64_t connects, gaps, gap_ns, events, requests, failed_requests, inspects, lost[DOCKER_LOST_MAX];
	size_t containers, networks, in_flight, queued;
	int last_error; /* of the last failed connection, -errno; 0: none */
};

struct docker_client;

/* Every function of ops must be set but those that say otherwise. ops and arg stay the caller's and must outlive the client. NULL: no memory. */
struct docker_client *docker_client_new(unsigned engine, const struct docker_client_ops *ops, void *arg);
void docker_client_free(struct docker_client *dc);

/* MSG_ENGINE from the keeper: reached or lost. Going up starts at once. */
void docker_client_engine(struct docker_client *dc, bool up, uint64_t now_ns);
/* MSG_DOCKER_CHUNK of this engine from the broker. hdr->seq names the request; data holds c->len bytes. Unknown seqs are
 * ignored (answers of cancelled requests). */
void docker_client_chunk(struct docker_client *dc, const struct ipc_hdr *hdr, const struct msg_docker_chunk *c,
			 const void *data, uint64_t now_ns);
/* The socket to the broker ended: all requests are forgotten, and begun anew with back-off. */
void docker_client_broker_lost(struct docker_client *dc, uint64_t now_ns);
/* A new broker is there: do not wait for the end of the back-off. */
void docker_client_broker_ready(struct docker_client *dc, uint64_t now_ns);
/* Timers, and whatever -EAGAIN held up. Call every 50-100 ms, and when the broker's socket becomes writable again. */
void docker_client_tick(struct docker_client *dc, uint64_t now_ns);
/* A packet of this overlay network came from an address nobody can name: look at the network's records now (at most one
 * look a second and network). Unknown ids are ignored. */
void docker_client_want_remote(struct docker_client *dc, const char *network_id, uint64_t now_ns);

/* Asks for an image's record; the answer comes to ops.image. 0; -EAGAIN: not now (no connection, or too much under way). */
int docker_client_image(struct docker_client *dc, const char *image_id, uint64_t now_ns);

/* Pauses, unpauses or stops a container (DOCKER_REQ_PAUSE, …); the end comes to ops.acted. A connection that breaks meanwhile
 * forgets it. 0; -ENOTCONN, -EAGAIN: not now. */
int docker_client_act(struct docker_client *dc, enum docker_req what, const char *cid, uint64_t now_ns);

void docker_client_stats(const struct docker_client *dc, struct docker_client_stats *ret);

#endif
