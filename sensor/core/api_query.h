/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The part behind "?" of a request, argument by argument. Pure. */
#ifndef PG_SENSOR_CORE_API_QUERY_H
#define PG_SENSOR_CORE_API_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/filter.h"

#define API_FLOWS_DEFAULT 10000
#define API_FLOWS_MAX 20000 /* about 17 MB and 0.2 s of the loop */

enum map_format { MAP_JSON, MAP_DOT, MAP_GRAPHML, MAP_MERMAID, MAP_NODE_GRAPH, MAP_HTML, MAP_CYTOSCAPE, MAP_FORMAT_MAX };
const char *map_format_name(enum map_format f);

/* Which arguments a path takes. */
enum api_arg { API_ARG_LIMIT = 1 << 0, API_ARG_WORKLOAD = 1 << 1, API_ARG_FORMAT = 1 << 2, API_ARG_HISTORY = 1 << 3,
	       API_ARG_KIND = 1 << 4, API_ARG_CONTAINER = 1 << 5, API_ARG_ID = 1 << 6, API_ARG_DIMENSION = 1 << 7,
	       API_ARG_ALL = 1 << 8, API_ARG_THING = 1 << 9, API_ARG_FIELDS = 1 << 10, API_ARG_SECONDS = 1 << 11,
	       API_ARG_POLICY = 1 << 12, API_ARG_PORT = 1 << 13, API_ARG_FILTER = 1 << 14, API_ARG_SINCE = 1 << 15,
	       API_ARG_UNTIL = 1 << 16 };

struct api_query {
	unsigned limit;
	char workload[384]; /* "" all */
	enum map_format format;
	bool history;       /* flows that ended, from the store, too */
	unsigned kinds;     /* of events, bits 1 << enum core_event_kind; all at first */
	char container[256]; /* name or beginning of an id; "" none */
	char id[64];        /* of an alert; "" none */
	char dimension[16]; /* enum fact_kind's name; "" all */
	char thing[1024];   /* an address, a name, a digest, a URL; "" none */
	enum { ALERT_FIELDS_OWN, ALERT_FIELDS_ECS, ALERT_FIELDS_OCSF } fields; /* format=plain|ecs|ocsf of alerts */
	unsigned seconds;   /* 0: not said */
	int established, closed; /* policy: keep or open 0, cut or closed 1, not said -1 */
	bool anyway;        /* policy: though it is still learning */
	char port[24];      /* "tcp/80"; "" any */
	bool all;           /* alerts that another one explains, too */
	char filter[FILTER_TEXT_MAX + 1]; /* base/filter.h, found good; "" none */
	uint64_t since_ns;  /* wall; 0: all */
	uint64_t until_ns;  /* wall; 0: now */
};

void api_query_init(struct api_query *q);
/* Takes one decoded argument. 0; -EINVAL: unknown here or a bad value, err says which. value may be NULL. */
int api_query_add(struct api_query *q, unsigned allowed, const char *name, const char *value, char *err, size_t err_len);

#endif
