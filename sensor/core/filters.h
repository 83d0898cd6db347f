/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Filters (base/filter.h) over core's views: each is held against the object that the API shows. A NULL filter wants everything.
 * Flows and edges of the map can be asked the same: both have "client" and "server" as names and as objects. Core's loop only. */
#ifndef PG_SENSOR_CORE_FILTERS_H
#define PG_SENSOR_CORE_FILTERS_H

#include "base/filter.h"
#include "intel/finding.h"
#include "sensor/core/core.h"
#include "sensor/core/events.h"

/* Containers' names as in json_flow(). */
bool filter_flow(struct filter *f, struct core *c, const struct core_flow_view *v, const char *client_container, const char *server_container);
bool filter_event(struct filter *f, struct core *c, const struct core_event_view *v);
bool filter_finding(struct filter *f, const struct core *c, const struct finding *x);
bool filter_container(struct filter *f, struct core *c, const struct ident_container *k, const struct core_container_counts *n);
bool filter_listener(struct filter *f, const struct core *c, const struct core_listener_view *v);
bool filter_network(struct filter *f, const struct core *c, const struct ident_network *n);
bool filter_edge(struct filter *f, struct core *c, const struct topo_edge *e);

#endif
