/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Events, process trees and system calls as JSON, keys as in etc/schema/. Core's loop only. */
#ifndef PG_SENSOR_CORE_JSON_EVENTS_H
#define PG_SENSOR_CORE_JSON_EVENTS_H

#include "base/jsonl.h"
#include "sensor/core/events.h"

void json_event(struct jsonl *j, struct core *c, const struct core_event_view *v);
/* Whether this is how somebody calls the container: its name, its id or at least 4 digits of the id's beginning. */
bool json_container_is(const struct ident_container *k, const char *name);
/* The processes of the containers of that name ("" all), with their sockets. */
void json_tree(struct jsonl *j, struct core *c, const char *container);
/* The system calls of the workload ("" all). */
void json_syscalls(struct jsonl *j, struct core *c, const char *workload);

#endif
