/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Declared intent of running containers: what the application behind a container's start command is configured to do, read out of the
 * container's own files by the documents inspector (sensor/msg_documents.h), each setting with the place that says so. Read when a
 * container is seen first, and again at every edit of a file that was read.
 *
 * While a workload is learned, what is read is taken as what was meant: listeners and edges become declared facts of its model. After
 * that, a setting that was never there before, or one that is gone, is config.drift, and becomes no fact. Core's loop only. */
#ifndef PG_SENSOR_CORE_DECLARED_H
#define PG_SENSOR_CORE_DECLARED_H

#include "base/jsonl.h"
#include "sensor/core/core.h"
#include "sensor/msg_documents.h"

struct docker_start;
struct ipc_hdr;
struct core_event_view;

int declared_open(struct core *c);
void declared_close(struct core *c);

/* ---- in ---------------------------------------------------------------------------------------------------------- */
/* The engine said what a container is started with. Takes start over. */
void declared_start(struct core *c, unsigned engine, const char *cid, struct docker_start *start);
/* It runs (also told again). */
void declared_up(struct core *c, const struct ident_container *ct);
void declared_gone(struct core *c, unsigned engine, const char *cid);
/* A watched file of it changed, or (a file of FILE events) was written. True: the file is one that its application reads, the change
 * is looked at. */
bool declared_changed(struct core *c, const struct core_event_view *v);
/* Beside files that the application reads, and named as editors (sed -i, vim, emacs, joe) name what they rename over those, or take
 * away again: it is read by nobody, and what comes of it is a change of the watched file. */
bool declared_is_scratch(struct core *c, const struct ident_container *ct, const char *path);
bool declared_scratch_name(const char *name); /* the last part of a path; pure */
void declared_tick(struct core *c, uint64_t now_mono_ns);
/* The documents inspector: its answers to requests of ours (seq has DECLARED_SEQ set), its end. */
#define DECLARED_SEQ 0x80000000u
void declared_message(struct core *c, const struct ipc_hdr *hdr, const void *body);
void declared_inspector_gone(struct core *c);

/* ---- asked --------------------------------------------------------------------------------------------------------- */
/* Who says that the container listens there (host byte order; addr IPv4-mapped). "" nobody; else a place ("/etc/x.conf:5"), valid
 * until core returns to its loop. *ret_meant: it was so when the workload was learned; false: it came by an edit since. */
const char *declared_listener(struct core *c, const struct ident_container *ct, uint8_t l4, const uint8_t addr[16], uint16_t port,
			      bool *ret_meant);
/* What is mounted at that place of the container, if it may be a socket; "" nothing. As above. */
const char *declared_socket(struct core *c, const struct ident_container *ct, const char *path);
/* A process (arguments in the kept form of args.h; cut: there were more) is the container's health check itself. */
bool declared_is_health(struct core *c, const struct ident_container *ct, const char *args, bool cut);
bool declared_same_command(const char *health, const char *args, bool cut); /* pure */
/* The container's start command or its health check names that file. */
bool declared_names_script(struct core *c, const struct ident_container *ct, const char *script);
/* "declared": {…} of the container. */
void json_declared(struct jsonl *j, struct core *c, const struct ident_container *ct);

#endif
