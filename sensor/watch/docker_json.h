/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Docker Engine API JSON -> our structs. Input is hostile: every string is bounded, control bytes and embedded NULs are
 * replaced by '?', ids must be 12-64 characters of [0-9a-z] (they become path components), nesting is bounded by jansson (2048),
 * unknown or ill-typed members count as absent. Accepts what Docker 17-29 and Podman's compatible API send.
 * Format: https://docs.docker.com/reference/api/engine/ (API 1.24-1.52). Pure; no global state.
 *
 * All return 0 or -EBADMSG (no valid JSON, or not this kind of object), -ENOMEM. Addresses are IPv4-mapped. */
#ifndef PG_SENSOR_WATCH_DOCKER_JSON_H
#define PG_SENSOR_WATCH_DOCKER_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flows/identity.h"

/* ---- engine ------------------------------------------------------------------------------------------ */
struct docker_engine_info {
	unsigned engine;
	char version[48], api_version[16], min_api_version[16]; /* /version */
	bool podman;
	/* from /info; empty until it was answered */
	char id[80];
	char name[128];            /* the node's host name */
	char storage_driver[32], cgroup_driver[16], cgroup_version[8];
	char root_dir[256];
	bool rootless, userns, live_restore;
	bool swarm_active, swarm_manager;
	char swarm_node_id[IDENT_ID_LEN], swarm_node_addr[64];
	unsigned containers_running;
};
/* Fills the members that the answer has and leaves the others alone. */
int docker_json_version(const char *buf, size_t len, struct docker_engine_info *io);
int docker_json_info(const char *buf, size_t len, struct docker_engine_info *io);

/* ---- containers ---------------------------------------------------------------------------------------- */
/* GET /containers/{id}/json (or an array of them: the first). Fills all that the engine says; what the registry fills is 0. */
int docker_json_container(const char *buf, size_t len, unsigned engine, struct ident_container *ret);
/* A list of texts, each NUL-terminated, one after the other. */
struct docker_texts {
	unsigned count;
	size_t len, room;
	char *text; /* NULL: none */
};
/* What a container is started with and what is said about it, from the same answer. Texts are as the engine has them (they may hold
 * control bytes and quotes), without those that have a NUL in them; what exceeds DOCKER_START_BYTES altogether is left out. */
#define DOCKER_START_BYTES 56000
struct docker_start {
	char cwd[512];
	char user[128];
	struct docker_texts words;   /* entrypoint and command as they run */
	struct docker_texts env;     /* "NAME=value" */
	struct docker_texts exposed; /* "80/tcp" */
	struct docker_texts links;   /* "/db:/web/alias" or "db:alias": container, alias */
	struct docker_texts volumes; /* mount points in the container */
	struct docker_texts sockets; /* what may be one and is mounted: source, mount point, in turn */
	struct docker_texts depends; /* compose: names of services */
	struct docker_texts aliases; /* names under which it is known on its networks */
	char health[512];            /* the command of its health check, "" none */
	char compose_files[1024], compose_dir[512];
	bool cut;                    /* something was left out */
};
int docker_json_start(const char *buf, size_t len, struct docker_start **ret);
void docker_start_free(struct docker_start *s);
/* The next text after prev (NULL: the first); NULL: no more. */
const char *docker_texts_next(const struct docker_texts *t, const char *prev);

/* GET /containers/json: cb for each valid entry, with what a list entry has (no pid, no sandbox, no times but created). */
int docker_json_containers(const char *buf, size_t len, unsigned engine,
			   void (*cb)(const struct ident_container *c, void *arg), void *arg);

/* ---- networks ------------------------------------------------------------------------------------------- */
struct docker_member { /* a container of this engine on the network */
	char id[IDENT_ID_LEN];  /* "": not a container, or not said yet ("ep-…" while it is being connected) */
	bool own;               /* the engine's own end: load balancer ("lb-…"), ingress sandbox ("ingress-sbox") */
	char name[256];
	uint8_t addr4[16], addr6[16], mac[6]; /* all zero: none */
};
struct docker_remote { /* an address that the network's records name */
	char name[256];
	uint8_t addr[16];
	char node[64];         /* where the task runs; "" not said (or the task is this node's own, just starting) */
	bool vip;              /* a service's virtual address; node is "" */
};
struct docker_network {
	struct ident_network net;
	struct docker_member *members;
	size_t member_count;
	struct docker_remote *remotes; /* tasks on this engine's own members' addresses are left out */
	size_t remote_count;
	size_t peer_count;             /* nodes taking part */
};
/* GET /networks/{id}, verbose or not. *ret is the caller's: docker_network_free(). */
int docker_json_network(const char *buf, size_t len, unsigned engine, struct docker_network **ret);
void docker_network_free(struct docker_network *n);
/* GET /networks: cb for each valid entry. */
int docker_json_networks(const char *buf, size_t len, unsigned engine,
			 void (*cb)(const struct ident_network *n, void *arg), void *arg);

/* ---- events ----------------------------------------------------------------------------------------------- */
struct docker_event {
	char type[16];    /* "container", "network", "service", "node", … */
	char action[32];  /* "start", "connect", "exec_create" (without what follows ':'), … */
	char id[80];      /* actor; containers and networks: validated id, others: as sent */
	uint64_t time_ns; /* wall clock; 0: not said */
	char name[256];   /* attribute "name" */
	char container[IDENT_ID_LEN]; /* network connect/disconnect: attribute "container"; else "" */
	char driver[32];  /* network: attribute "type" */
	struct ident_container partial; /* container events: id, name, image, labels as the event's attributes give them */
};
/* One line of GET /events. */
int docker_json_event(const char *line, size_t len, unsigned engine, struct docker_event *ret);

/* ---- images ------------------------------------------------------------------------------------------------- */
#define DOCKER_LAYERS_MAX 256
#define DOCKER_LAYER_LEN 80 /* "sha256:…" and NUL */
/* GET /images/ID/json: digests of the layers (RootFS.Layers), the base first. 0; -EBADMSG: none in it, or one that is no
 * digest; -E2BIG. *ret is the caller's to free. */
int docker_json_image_layers(const char *buf, size_t len, char (**ret)[DOCKER_LAYER_LEN], size_t *ret_count);

/* ---- swarm managers ------------------------------------------------------------------------------------------ */
struct docker_attachment {
	char network_id[IDENT_ID_LEN];
	uint8_t addr[16];
};
struct docker_task {
	char id[IDENT_ID_LEN], service_id[IDENT_ID_LEN], node_id[IDENT_ID_LEN];
	uint64_t slot;   /* 0: global service */
	bool running;
	size_t attachment_count;
	struct docker_attachment attachments[16];
};
struct docker_service {
	char id[IDENT_ID_LEN];
	char name[128];
	size_t vip_count;
	struct docker_attachment vips[16];
};
struct docker_node {
	char id[IDENT_ID_LEN];
	char name[128];
	char addr[64];
};
int docker_json_tasks(const char *buf, size_t len, void (*cb)(const struct docker_task *t, void *arg), void *arg);
int docker_json_services(const char *buf, size_t len, void (*cb)(const struct docker_service *s, void *arg), void *arg);
int docker_json_nodes(const char *buf, size_t len, void (*cb)(const struct docker_node *n, void *arg), void *arg);

/* ---- pieces, public for the tests ------------------------------------------------------------------------------ */
/* "2026-11-21T19:45:13.892452752Z" or with "+02:00" (RFC 3339); 0 for anything else and for times before 1970. */
uint64_t docker_json_time_ns(const char *s);
/* "10.0.9.2", "10.0.9.2/24", "fd00::1": false and ret untouched for anything else. ret_prefix may be NULL; it is of the
 * mapped form, 128 when none is written. */
bool docker_json_addr(const char *s, uint8_t ret[16], uint8_t *ret_prefix);
bool docker_json_id_ok(const char *id);

#endif
