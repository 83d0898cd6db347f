/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The map as it was: made anew of the history's flows, in a topology of its own. Core's loop only. */
#ifndef PG_SENSOR_CORE_MAP_PAST_H
#define PG_SENSOR_CORE_MAP_PAST_H

#include <stdbool.h>
#include <stdint.h>

#include "flows/topology.h"
#include "sensor/core/core.h"

#define MAP_PAST_ROWS 10000 /* of the history, looked at for one answer: more would hold up core */

struct map_past {
	struct topology *topo;
	uint64_t since_ns, until_ns; /* wall */
	uint64_t oldest_ns;          /* end of the oldest flow that is kept; 0: none is */
	bool complete;               /* false: more rows than are looked at; the latest of the time are in it */
};

/* Flows last seen from since_ns to until_ns; those that were seen before until_ns and go on, or ended behind it among the next
 * MAP_PAST_ROWS that ended. 0 or -ENOMEM. */
int map_past_make(struct core *c, uint64_t since_ns, uint64_t until_ns, struct map_past *ret);
void map_past_done(struct map_past *p);

#endif
