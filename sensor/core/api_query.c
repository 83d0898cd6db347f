/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/core/api_query.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/when.h"
#include "sensor/core/events.h"

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
	case MAP_CYTOSCAPE:
		return "cytoscape";
	case MAP_HTML:
		return "html";
	case MAP_FORMAT_MAX:
		break;
	}
	return "";
}

void api_query_init(struct api_query *q)
{
	*q = (struct api_query){ .limit = API_FLOWS_DEFAULT, .kinds = CORE_EVENTS_ALL, .established = -1, .closed = -1 };
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
	return bad(err, err_len, "format", "json, dot, graphml, mermaid, cytoscape, node-graph or html");
}

/* "exec,listen": names of kinds. */
static int add_kinds(struct api_query *q, const char *value, char *err, size_t err_len)
{
	unsigned kinds = 0;
	char name[16];

	while (*value) {
		size_t n = strcspn(value, ",");
		int k = -1;

		if (n && n < sizeof(name)) {
			memcpy(name, value, n);
			name[n] = '\0';
			k = core_event_kind_of(name);
		}
		if (k < 0)
			return bad(err, err_len, "kind",
				   "kinds of events as in \"pierglass help\", with commas between");
		kinds |= 1U << k;
		value += n + (value[n] == ',');
	}
	if (!kinds)
		return bad(err, err_len, "kind", "at least one kind of event");
	q->kinds = kinds;
	return 0;
}

static int add_text(char *ret, size_t size, const char *name, const char *value, const char *expected, char *err, size_t err_len)
{
	if (!value[0] || strlen(value) >= size)
		return bad(err, err_len, name, expected);
	snprintf(ret, size, "%s", value);
	return 0;
}

static int add_seconds(struct api_query *q, const char *value, char *err, size_t err_len)
{
	unsigned long n;
	char *end;

	n = isdigit((unsigned char)value[0]) && strlen(value) < 8 ? strtoul(value, &end, 10) : 0;
	if (n < 1 || n > 86400 || *end)
		return bad(err, err_len, "seconds", "a number from 1 to 86400");
	q->seconds = (unsigned)n;
	return 0;
}

/* The first or the second of two words. */
static int add_choice(int *ret, const char *name, const char *value, const char *zero, const char *one, char *err, size_t err_len)
{
	char expected[48];

	if (strcmp(value, zero) && strcmp(value, one)) {
		snprintf(expected, sizeof(expected), "%s or %s", zero, one);
		return bad(err, err_len, name, expected);
	}
	*ret = !strcmp(value, one);
	return 0;
}

static int add_policy(struct api_query *q, const char *name, const char *value, char *err, size_t err_len)
{
	int anyway = 0, rc;

	if (!strcmp(name, "established"))
		return add_choice(&q->established, name, value, "keep", "cut", err, err_len);
	if (!strcmp(name, "on_failure"))
		return add_choice(&q->closed, name, value, "open", "closed", err, err_len);
	rc = add_choice(&anyway, name, value, "0", "1", err, err_len);
	q->anyway = anyway;
	return rc;
}

static int add_filter(struct api_query *q, const char *value, char *err, size_t err_len)
{
	struct filter *f = NULL;
	char why[100];
	int rc = filter_parse(value, clock_wall_ns(), &f, NULL, why, sizeof(why));

	filter_free(f);
	if (rc) {
		snprintf(err, err_len, "argument \"filter\": expected an expression; %s", rc == -ENOMEM ? "out of memory" : why);
		return -EINVAL;
	}
	snprintf(q->filter, sizeof(q->filter), "%s", value);
	return 0;
}

int api_query_add(struct api_query *q, unsigned allowed, const char *name, const char *value, char *err, size_t err_len)
{
	if (!value)
		value = "";
	if ((allowed & API_ARG_FILTER) && !strcmp(name, "filter"))
		return add_filter(q, value, err, err_len);
	if ((allowed & API_ARG_SINCE) && !strcmp(name, "since"))
		return when_parse(value, clock_wall_ns(), &q->since_ns) ? bad(err, err_len, name, "10m, 2h, 3d or 2026-11-22T10:30 (UTC)") : 0;
	if ((allowed & API_ARG_UNTIL) && !strcmp(name, "until"))
		return when_parse(value, clock_wall_ns(), &q->until_ns) ? bad(err, err_len, name, "10m, 2h, 3d or 2026-11-22T10:30 (UTC)") : 0;
	if ((allowed & API_ARG_LIMIT) && !strcmp(name, "limit"))
		return add_limit(q, value, err, err_len);
	if ((allowed & API_ARG_FORMAT) && !strcmp(name, "format"))
		return add_format(q, value, err, err_len);
	if ((allowed & API_ARG_FIELDS) && !strcmp(name, "format")) {
		if (strcmp(value, "plain") && strcmp(value, "ecs") && strcmp(value, "ocsf"))
			return bad(err, err_len, name, "plain, ecs or ocsf");
		q->fields = value[0] == 'p' ? ALERT_FIELDS_OWN : value[0] == 'e' ? ALERT_FIELDS_ECS : ALERT_FIELDS_OCSF;
		return 0;
	}
	if ((allowed & API_ARG_HISTORY) && !strcmp(name, "history")) {
		if (strcmp(value, "0") && strcmp(value, "1"))
			return bad(err, err_len, name, "0 or 1");
		q->history = value[0] == '1';
		return 0;
	}
	if ((allowed & API_ARG_KIND) && !strcmp(name, "kind"))
		return add_kinds(q, value, err, err_len);
	if ((allowed & API_ARG_WORKLOAD) && !strcmp(name, "workload"))
		return add_text(q->workload, sizeof(q->workload), name, value, "the name of a workload", err, err_len);
	if ((allowed & API_ARG_CONTAINER) && !strcmp(name, "container"))
		return add_text(q->container, sizeof(q->container), name, value, "the name or id of a container", err, err_len);
	if ((allowed & API_ARG_THING) && !strcmp(name, "thing"))
		return add_text(q->thing, sizeof(q->thing), name, value, "an address, a name, a digest or a URL", err, err_len);
	if ((allowed & API_ARG_SECONDS) && !strcmp(name, "seconds"))
		return add_seconds(q, value, err, err_len);
	if ((allowed & API_ARG_POLICY) && (!strcmp(name, "established") || !strcmp(name, "on_failure") || !strcmp(name, "anyway")))
		return add_policy(q, name, value, err, err_len);
	if ((allowed & API_ARG_PORT) && !strcmp(name, "port"))
		return add_text(q->port, sizeof(q->port), name, value, "tcp/80 or the like", err, err_len);
	if ((allowed & API_ARG_ALL) && !strcmp(name, "all")) {
		if (strcmp(value, "0") && strcmp(value, "1"))
			return bad(err, err_len, name, "0 or 1");
		q->all = value[0] == '1';
		return 0;
	}
	if ((allowed & API_ARG_ID) && !strcmp(name, "id")) {
		if (!value[0] || strlen(value) >= sizeof(q->id) || strspn(value, "0123456789abcdefi-") != strlen(value))
			return bad(err, err_len, name, "an alert's id");
		snprintf(q->id, sizeof(q->id), "%s", value);
		return 0;
	}
	if ((allowed & API_ARG_DIMENSION) && !strcmp(name, "dimension")) {
		if (!value[0] || strlen(value) >= sizeof(q->dimension))
			return bad(err, err_len, name, "process, listener, protocol, edge-in, edge-out, syscall, file, dns or volume");
		snprintf(q->dimension, sizeof(q->dimension), "%s", value);
		return 0;
	}
	snprintf(err, err_len, "unknown argument");
	return -EINVAL;
}
