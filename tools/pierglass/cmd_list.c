/* SPDX-License-Identifier: GPL-2.0-or-later */
/* containers, listeners, networks, version: one table each. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/version.h"
#include "tools/pierglass/cli_http.h"
#include "tools/pierglass/cli_text.h"
#include "tools/pierglass/cli_value.h"

static int list(const struct cli_options *o, const char *name, const struct cli_column *columns, size_t n,
		void (*row)(struct cli_table *t, const json_t *v), const char *none)
{
	char path[CLI_PATH_MAX];
	struct cli_table *t;
	json_t *j, *v;
	size_t i;
	int code;

	snprintf(path, sizeof(path), "%s", name);
	if (cli_query_filter(o, path, sizeof(path)))
		return CLI_USAGE;
	if (o->json)
		return cli_print_json(o, path);
	code = cli_get_json(o, path, &j, NULL);
	if (code)
		return code;
	if (!json_array_size(j)) {
		puts(none);
		json_decref(j);
		return CLI_OK;
	}
	t = cli_table_new(columns, n);
	json_array_foreach(j, i, v)
		row(t, v);
	cli_table_write(t, stdout, cli_width());
	cli_table_free(t);
	json_decref(j);
	return CLI_OK;
}

/* "80/tcp<-0.0.0.0:8080 443/tcp" */
static void add_ports(struct cli_table *t, const json_t *ports)
{
	char buf[512] = "", one[128];
	size_t i, len = 0;
	json_t *p;

	json_array_foreach(ports, i, p) {
		const char *host = str_of(p, "host_address");
		int n;

		if (u64_of(p, "host_port"))
			n = snprintf(one, sizeof(one), "%s%s:%u->%u/%s", len ? " " : "", host[0] ? host : "*",
				     (unsigned)u64_of(p, "host_port"), (unsigned)u64_of(p, "container_port"), str_of(p, "l4"));
		else
			n = snprintf(one, sizeof(one), "%s%u/%s", len ? " " : "", (unsigned)u64_of(p, "container_port"), str_of(p, "l4"));
		if (n < 0 || (size_t)n >= sizeof(one) || len + (size_t)n >= sizeof(buf))
			break;
		memcpy(buf + len, one, (size_t)n + 1);
		len += (size_t)n;
	}
	cli_table_add(t, buf);
}

static void container_row(struct cli_table *t, const json_t *v)
{
	const json_t *nets = json_object_get(v, "networks");
	char buf[1024] = "";
	size_t i, len = 0;
	json_t *n;

	cli_table_add(t, str_of(v, "workload"));
	cli_table_add(t, str_of(v, "name"));
	cli_table_add(t, str_of(v, "image"));
	cli_table_addf(t, "%s%s", str_of(v, "state"), bool_of(v, "remote") ? " (remote)" : "");
	json_array_foreach(nets, i, n) {
		const char *a4 = str_of(n, "addr4"), *a6 = str_of(n, "addr6");
		int l = snprintf(buf + len, sizeof(buf) - len, "%s%s%s%s%s%s", len ? " " : "", str_of(n, "name"), a4[0] ? "=" : "", a4,
				 a6[0] ? "," : "", a6);

		if (l < 0 || (size_t)l >= sizeof(buf) - len)
			break;
		len += (size_t)l;
	}
	cli_table_add(t, len ? buf : str_of(v, "network_mode"));
	add_ports(t, json_object_get(v, "ports"));
	cli_table_addf(t, "%u", (unsigned)u64_of(v, "processes"));
	cli_table_addf(t, "%u", (unsigned)u64_of(v, "connections"));
	cli_table_addf(t, "%llu", (unsigned long long)(u64_of(json_object_get(v, "events"), "ring_lost") +
						       u64_of(json_object_get(v, "events"), "throttled") +
						       u64_of(json_object_get(v, "flow_table"), "refused_packets")));
	cli_table_add(t, str_of(v, "engine"));
}

int cmd_containers(const struct cli_options *o)
{
	static const struct cli_column columns[] = { { "WORKLOAD", false, 12 }, { "CONTAINER", false, 12 }, { "IMAGE", false, 10 },
						     { "STATE", false, 0 },    { "NETWORKS", false, 16 },  { "PORTS", false, 8 },
						     { "PROCS", true, 0 },     { "CONNS", true, 0 },	   { "LOST", true, 0 },
						     { "ENGINE", false, 6 } };

	return list(o, "/v1/containers", columns, ARRAY_SIZE(columns), container_row, "No containers.");
}

/* "/etc/apache2/ports.conf:5", "learned", "nobody", "nobody, but now /etc/x.conf:6". */
static void add_because(struct cli_table *t, const json_t *v)
{
	const char *source = str_of(v, "source"), *because = str_of(v, "because");

	if (!strcmp(source, "none")) {
		cli_table_addf(t, because[0] ? "nobody, but since an edit %s" : "nobody", because);
		cli_table_color(t, CLI_RED);
	} else if (!strcmp(source, "declared")) {
		cli_table_add(t, because);
	} else {
		cli_table_addf(t, because[0] ? "%s (%s)" : "%s", source, because);
	}
}

static void listener_row(struct cli_table *t, const json_t *v)
{
	const char *app = str_of(v, "app"), *confidence = str_of(v, "app_confidence"), *address = str_of(v, "address");
	bool guess = !strcmp(confidence, "port-guess") || !strcmp(confidence, "unknown"), known = strcmp(app, "Unknown") != 0;

	cli_table_add(t, str_of(v, "workload"));
	cli_table_add(t, str_of(v, "container"));
	cli_table_addf(t, strchr(address, ':') ? "[%s]:%u/%s" : "%s:%u/%s", address[0] ? address : "*", (unsigned)u64_of(v, "port"),
		       str_of(v, "l4"));
	cli_table_addf(t, "%s%s", known ? app : "-", known && guess ? "?" : "");
	cli_table_add(t, str_of(v, "exe"));
	add_because(t, v);
	cli_table_addf(t, "%u", (unsigned)u64_of(v, "pid"));
	cli_table_addf(t, "%.19s%s", str_of(v, "since"), !strcmp(str_of(v, "from"), "iterator") ? " (or before)" : "");
	cli_table_add(t, str_of(v, "info"));
}

int cmd_listeners(const struct cli_options *o)
{
	static const struct cli_column columns[] = { { "WORKLOAD", false, 12 }, { "CONTAINER", false, 12 }, { "LISTENS ON", false, 0 },
						     { "SPEAKS", false, 0 },   { "PROGRAM", false, 12 },   { "EXPECTED BY", false, 8 }, { "PID", true, 0 },
						     { "SINCE", false, 19 },   { "INFO", false, 4 } };

	return list(o, "/v1/listeners", columns, ARRAY_SIZE(columns), listener_row, "No listeners.");
}

static void network_row(struct cli_table *t, const json_t *v)
{
	const json_t *subnets = json_object_get(v, "subnets");
	char buf[512] = "";
	size_t i, len = 0;
	json_t *s;

	json_array_foreach(subnets, i, s) {
		int l = snprintf(buf + len, sizeof(buf) - len, "%s%s", len ? " " : "", str_of(s, "subnet"));

		if (l < 0 || (size_t)l >= sizeof(buf) - len)
			break;
		len += (size_t)l;
	}
	cli_table_add(t, str_of(v, "name"));
	cli_table_addf(t, "%.12s", str_of(v, "id"));
	cli_table_add(t, str_of(v, "driver"));
	cli_table_add(t, str_of(v, "scope"));
	cli_table_add(t, buf);
	if (u64_of(v, "vni"))
		cli_table_addf(t, "%u", (unsigned)u64_of(v, "vni"));
	else
		cli_table_add(t, "");
	cli_table_addf(t, "%s%s%s", bool_of(v, "internal") ? "internal " : "", bool_of(v, "encrypted") ? "encrypted " : "",
		       bool_of(v, "ingress") ? "ingress" : "");
	cli_table_add(t, str_of(v, "engine"));
}

int cmd_networks(const struct cli_options *o)
{
	static const struct cli_column columns[] = { { "NETWORK", false, 12 }, { "ID", false, 0 },  { "DRIVER", false, 0 },
						     { "SCOPE", false, 0 },   { "SUBNETS", false, 12 }, { "VNI", true, 0 },
						     { "FLAGS", false, 0 },   { "ENGINE", false, 6 } };

	return list(o, "/v1/networks", columns, ARRAY_SIZE(columns), network_row, "No networks.");
}

int cmd_metrics(const struct cli_options *o)
{
	struct cli_answer a;
	int code = cli_get(o, "/metrics", &a);

	if (code)
		return code;
	fwrite(a.text, 1, a.len, stdout); /* the sensor cleaned the names in it */
	free(a.text);
	return CLI_OK;
}

int cmd_version(const struct cli_options *o)
{
	if (o->json)
		printf("{\"version\":\"%s\",\"api\":%d}\n", PIERGLASS_VERSION, PIERGLASS_API_VERSION);
	else
		puts("pierglass " PIERGLASS_VERSION);
	return CLI_OK;
}
