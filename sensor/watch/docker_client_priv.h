/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the files of docker_client: docker_client.c (connection, requests, answers), docker_containers.c (container
 * records, container events), docker_networks.c (networks, remote ends, swarm). */
#ifndef PG_SENSOR_WATCH_DOCKER_CLIENT_PRIV_H
#define PG_SENSOR_WATCH_DOCKER_CLIENT_PRIV_H

#include "base/clock.h"
#include "sensor/watch/docker_client.h"

#define DC_IN_FLIGHT_MAX 24       /* as many as the broker runs at a time */
/* Of them inspects of containers. At network connect these wait in dockerd until the start is over: with 12 containers being
 * started at a time, 6 were too few (2 of 80 short-lived ones were gone before their turn), 20 are enough. */
#define DC_INSPECTS_MAX 20
#define DC_BULK_MAX 4             /* a full list is worked off with few at a time: it is not urgent, and the engine has work to do */
#define DC_CONTAINERS_MAX 20000
#define DC_NETWORKS_MAX 4096
#define DC_BUCKETS 1024
#define DC_BODY_MAX (64u << 20)
#define DC_LINE_MAX (1u << 20)
#define DC_REQUEST_TIMEOUT_NS (30 * NSEC_PER_SEC) /* the broker's own is shorter; this is for a broker that hangs */
#define DC_HEADERS_TIMEOUT_NS (5 * NSEC_PER_SEC)  /* for the event stream to stand */
#define DC_BACKOFF_MIN_NS (200 * NSEC_PER_MSEC)
#define DC_BACKOFF_MAX_NS (5 * NSEC_PER_SEC)
#define DC_RETRY_NS (500 * NSEC_PER_MSEC)
#define DC_SETTLE_NS (100 * NSEC_PER_MSEC)  /* after a disconnect: mostly the container is dying and nothing need be asked */
#define DC_REFRESH_NS (10 * NSEC_PER_SEC)   /* overlays: remote ends come and go without an event here */
#define DC_WANT_NS NSEC_PER_SEC
#define DC_SWARM_NS (30 * NSEC_PER_SEC)
#define DC_AUDIT_NS (60 * NSEC_PER_SEC)     /* a plain list, compared with what the events said */
#define DC_TRIES_MAX 4

struct dc_request {
	struct dc_request *next;
	uint32_t seq;
	uint8_t what;
	char arg[MSG_PATH_LEN];
	uint64_t deadline_ns; /* 0: none */
	int32_t http_status;
	bool headers, skip_line, too_big;
	char *buf;
	size_t len, cap;
};

/* Where a container stands in line for an inspect. */
enum dc_prio { DC_PRIO_NONE, DC_PRIO_DELAYED, DC_PRIO_BULK, DC_PRIO_NORMAL, DC_PRIO_URGENT, DC_PRIO_MAX };

struct dc_container {
	struct dc_container *hash_next;
	struct dc_container *prev, *next; /* of the line of its prio */
	enum dc_prio prio;
	uint64_t due_ns;       /* DELAYED */
	bool inspecting;       /* an inspect is under way */
	bool again;            /* something happened since it was sent */
	bool dead_at_send;
	bool in_resync;        /* resync_end waits for its inspect */
	bool put;              /* reported at least once */
	bool inspected;        /* an inspect succeeded once */
	bool alive_inspected;  /* seen running by an inspect since its last start */
	bool dead, destroyed;
	bool reviving;         /* dead, but its networks are being connected for its next life */
	unsigned tries;
	uint64_t epoch;        /* of the last list or event that named it */
	uint64_t started_ns, died_ns; /* by events, engine's wall clock */
	struct ident_container rec;
};

struct dc_network {
	struct dc_network *next;
	struct ident_network net;
	bool want, inspecting, again, known, had_members;
	uint64_t not_before_ns, sent_ns, refresh_ns, epoch;
};

struct dc_swarm {
	uint64_t next_ns;
	bool busy;
	struct docker_node *nodes;
	size_t node_count;
	struct docker_service *services;
	size_t service_count;
};

struct docker_client {
	unsigned engine;
	const struct docker_client_ops *ops;
	void *arg;
	enum docker_client_state state;
	bool up;
	bool congested;       /* ops.send said -EAGAIN: wait for the next tick */
	bool resync;          /* between begin and end */
	bool listed, networks_listed;
	size_t resync_left;   /* inspects that resync_end waits for */
	uint32_t next_seq;
	uint64_t backoff_ns, attempt_ns, gap_from_ns, audit_ns, epoch;
	uint64_t last_event_ns; /* engine's wall clock */
	struct dc_request *requests;
	size_t in_flight, inspects_in_flight;
	struct dc_container *buckets[DC_BUCKETS];
	struct { struct dc_container *head, *tail; } lines[DC_PRIO_MAX];
	size_t container_count, queued;
	struct dc_network *networks;
	size_t network_count;
	struct dc_swarm swarm;
	struct docker_engine_info info;
	struct docker_client_stats stats;
	uint64_t now_ns;      /* of the call under way */
	struct docker_event event;         /* scratch: too big for the stack */
	struct ident_container scratch;
};

/* ---- docker_client.c */
/* 0; -EAGAIN: no room now; other -errno: the connection has been given up, return to the caller. */
int dc_send(struct docker_client *dc, enum docker_req what, const char *arg);
void dc_fail(struct docker_client *dc, int error);
void dc_lost(struct docker_client *dc, enum docker_lost what, uint64_t n);
void dc_log(struct docker_client *dc, enum log_level lvl, const char *fmt, ...) _printf_(3, 4);
/* Sends what may be sent: called after everything that could have made room or work. */
void dc_pump(struct docker_client *dc);
void dc_resync_check(struct docker_client *dc);

/* ---- docker_containers.c */
struct dc_container *dc_container_find(struct docker_client *dc, const char *id);
void dc_container_event(struct docker_client *dc, const struct docker_event *ev);
void dc_container_connect(struct docker_client *dc, const struct docker_event *ev);
void dc_container_disconnect(struct docker_client *dc, const struct docker_event *ev);
void dc_containers_list(struct docker_client *dc, const struct dc_request *rq);
void dc_container_answer(struct docker_client *dc, const struct dc_request *rq, int error);
/* What a network's record says of a member that no inspect has shown alive yet. */
void dc_container_member(struct docker_client *dc, const struct ident_network *n, const struct docker_member *m);
/* Sends inspects as far as there is room. */
void dc_containers_pump(struct docker_client *dc);
void dc_containers_tick(struct docker_client *dc);
/* All requests are gone: nothing is under way or in line. */
void dc_containers_reset(struct docker_client *dc);
void dc_containers_free(struct docker_client *dc);

/* ---- docker_networks.c */
void dc_network_event(struct docker_client *dc, const struct docker_event *ev);
void dc_networks_list(struct docker_client *dc, const struct dc_request *rq);
void dc_network_answer(struct docker_client *dc, const struct dc_request *rq, int error);
void dc_networks_pump(struct docker_client *dc);
void dc_networks_tick(struct docker_client *dc);
void dc_networks_reset(struct docker_client *dc);
void dc_networks_free(struct docker_client *dc);
void dc_swarm_soon(struct docker_client *dc);
void dc_swarm_answer(struct docker_client *dc, const struct dc_request *rq, int error);

#endif
