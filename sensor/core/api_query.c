/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/core/api_query.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *map_format_name(enum map_format f)
{
	switch (f) {
	case MAP_JSON:
		return "json";
	case MAP_DOT:
		return "dot";
	case MAP_GRAPHML:
		return "graphml";
	case MAP_MERMAID:
		return "mermaid";
	case MAP_NODE_GRAPH:
		return "node-graph";
	case MAP_HTML:
		return "html";
	case MAP_FORMAT_MAX:
		break;
	}
	return "";
}

void api_query_init(struct api_query *q)
{
	*q = (struct api_query){ .limit = API_FLOWS_DEFAULT };
}

static int bad(char *err, size_t len, const char *name, const char *expected)
{
	snprintf(err, len, "argument \"%.40s\": expected %s", name, expected);
	return -EINVAL;
}

static int add_limit(struct api_query *q, const char *value, char *err, size_t err_len)
{
	unsigned long n;
	char *end;

	n = isdigit((unsigned char)value[0]) && strlen(value) < 8 ? strtoul(value, &end, 10) : 0;
	if (n < 1 || n > API_FLOWS_MAX || *end)
		return bad(err, err_len, "limit", "a number from 1 to 20000");
	q->limit = (unsigned)n;
	return 0;
}

static int add_format(struct api_query *q, const char *value, char *err, size_t err_len)
{
	for (unsigned i = 0; i < MAP_FORMAT_MAX; i++)
		if (!strcmp(value, map_format_name((enum map_format)i))) {
			q->format = (enum map_format)i;
			return 0;
		}
	return bad(err, err_len, "format", "json, dot, graphml, mermaid, node-graph or html");
}

int api_query_add(struct api_query *q, unsigned allowed, const char *name, const char *value, char *err, size_t err_len)
{
	if (!value)
		value = "";
	if ((allowed & API_ARG_LIMIT) && !strcmp(name, "limit"))
		return add_limit(q, value, err, err_len);
	if ((allowed & API_ARG_FORMAT) && !strcmp(name, "format"))
		return add_format(q, value, err, err_len);
	if ((allowed & API_ARG_HISTORY) && !strcmp(name, "history")) {
		if (strcmp(value, "0") && strcmp(value, "1"))
			return bad(err, err_len, name, "0 or 1");
		q->history = value[0] == '1';
		return 0;
	}
	if ((allowed & API_ARG_WORKLOAD) && !strcmp(name, "workload")) {
		if (!value[0] || strlen(value) >= sizeof(q->workload))
			return bad(err, err_len, name, "the name of a workload");
		snprintf(q->workload, sizeof(q->workload), "%s", value);
		return 0;
	}
	snprintf(err, err_len, "unknown argument");
	return -EINVAL;
}
