/* SPDX-License-Identifier: GPL-2.0-or-later */
/* status: one screen that answers "is it watching, what does it miss, what did it lose". */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/pierglass/cli_http.h"
#include "tools/pierglass/cli_text.h"
#include "tools/pierglass/cli_value.h"

/* A line whose head stands in a column of its own; the text is cleaned as a whole. */
static void _printf_(2, 3) line(const char *head, const char *fmt, ...)
{
	_cleanup_free_ char *s = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	printf("%-12s", head);
	if (n >= 0)
		cli_put(stdout, s);
	putchar('\n');
}

static void engines(const json_t *j)
{
	const json_t *list = json_object_get(j, "engines");
	json_t *e;
	size_t i;

	json_array_foreach(list, i, e) {
		const char *head = i ? "" : "Engines";

		if (bool_of(e, "up"))
			line(head, "%s: %s, Docker %s (API %s)%s%s, since %.19s", str_of(e, "socket"), str_of(e, "name"), str_of(e, "version"),
			     str_of(e, "api_version"), bool_of(e, "swarm") ? ", Swarm " : "",
			     bool_of(e, "swarm") ? bool_of(e, "manager") ? "manager" : "worker" : "", str_of(e, "up_since"));
		else
			line(head, "%s: does not answer (%s), waiting", str_of(e, "socket"),
			     str_of(e, "error")[0] ? str_of(e, "error") : "not yet reached");
	}
	if (!json_array_size(list))
		line("Engines", "none configured");
}

static void programs(const json_t *j)
{
	const json_t *list = json_object_get(j, "programs");
	char buf[1024] = "";
	size_t i, len = 0;
	json_t *p;

	json_array_foreach(list, i, p) {
		uint64_t starts = u64_of(p, "starts");
		char again[64] = "";
		int n;

		if (starts > 1 && json_is_integer(json_object_get(p, "last_signal")))
			snprintf(again, sizeof(again), " (started %" PRIu64 " times, last ended by signal %" PRIu64 ")", starts,
				 u64_of(p, "last_signal"));
		else if (starts > 1)
			snprintf(again, sizeof(again), " (started %" PRIu64 " times)", starts);
		n = snprintf(buf + len, sizeof(buf) - len, "%s%s %" PRIu64 "%s%s", len ? ", " : "", str_of(p, "name"), u64_of(p, "pid"),
			     bool_of(p, "running") ? "" : " NOT RUNNING", again);
		if (n < 0 || (size_t)n >= sizeof(buf) - len)
			break;
		len += (size_t)n;
	}
	line("Programs", "%s", buf);
}

static void hooks(const json_t *j)
{
	const json_t *h = json_object_get(j, "hooks"), *kinds = json_object_get(h, "by_kind");
	char buf[256] = "";
	size_t len = 0;
	const char *k;
	json_t *v;

	json_object_foreach((json_t *)(uintptr_t)kinds, k, v) {
		int n = 0;

		if (json_integer_value(v))
			n = snprintf(buf + len, sizeof(buf) - len, "%s%s %lld", len ? ", " : "", k, (long long)json_integer_value(v));
		if (n > 0 && (size_t)n < sizeof(buf) - len)
			len += (size_t)n;
	}
	line("Hooks", "%" PRIu64 " of %" PRIu64 " interfaces attached%s%s%s, %" PRIu64 " adopted", u64_of(h, "attached"), u64_of(h, "total"),
	     len ? " (" : "", buf, len ? ")" : "", u64_of(h, "adopted"));
}

static void tables(const json_t *j)
{
	const json_t *t = json_object_get(j, "tables"), *r = json_object_get(j, "rates");
	char memory[16], stored[16], rate[16];

	line("Rates", "%.0f flows/s, %.0f packets/s, %s/s, %.0f events/s", f64_of(r, "flows_per_second"), f64_of(r, "packets_per_second"),
	     cli_bytes((uint64_t)f64_of(r, "bytes_per_second"), rate), f64_of(r, "events_per_second"));
	line("Knows", "%" PRIu64 " containers running, %" PRIu64 " listeners, %" PRIu64 " processes, map of %" PRIu64 " nodes and %" PRIu64 " edges",
	     u64_of(t, "containers_running"), u64_of(t, "listeners"), u64_of(t, "processes"), u64_of(t, "nodes"), u64_of(t, "edges"));
	line("Flows", "%" PRIu64 " of %" PRIu64 " (%s), half-open %" PRIu64 " of %" PRIu64, u64_of(t, "flows"), u64_of(t, "flows_max"),
	     cli_bytes(u64_of(t, "flows_memory_bytes"), memory), u64_of(t, "half_open"), u64_of(t, "half_open_max"));
	line("Store", "%" PRIu64 " flows, %" PRIu64 " edges, %s in %s", u64_of(t, "stored_flows"), u64_of(t, "stored_edges"),
	     cli_bytes(u64_of(t, "stored_bytes"), stored), str_of(j, "state_dir"));
}

static void losses(const json_t *j)
{
	const json_t *loss = json_object_get(j, "loss");
	bool any = false;
	const char *k;
	json_t *v;

	json_object_foreach((json_t *)(uintptr_t)loss, k, v)
		if (json_integer_value(v)) {
			line(any ? "" : "Losses", "%s %lld", k, (long long)json_integer_value(v));
			any = true;
		}
	if (!any)
		line("Losses", "none");
}

static void not_seen(const json_t *j)
{
	const json_t *list = json_object_get(j, "not_seen");
	json_t *s;
	size_t i;

	json_array_foreach(list, i, s)
		line(i ? "" : "Cannot see", "%s", json_string_value(s) ? json_string_value(s) : "");
	line(json_array_size(list) ? "" : "Cannot see", "what is in tunnels that containers make themselves (one flow each, by the outer addresses)");
}

int cmd_status(const struct cli_options *o)
{
	struct cli_answer a;
	json_t *j;
	int code;

	if (o->json) {
		code = cli_get(o, "/v1/status", &a);
		if (!code) {
			cli_put_json(stdout, a.text, a.len);
			free(a.text);
		}
		return code;
	}
	code = cli_get_json(o, "/v1/status", &j, NULL);
	if (code)
		return code;
	line("Pierglass", "%s on node %s, since %.19s", str_of(j, "version"), str_of(j, "node"), str_of(j, "started"));
	engines(j);
	programs(j);
	hooks(j);
	tables(j);
	losses(j);
	not_seen(j);
	json_decref(j);
	return CLI_OK;
}
