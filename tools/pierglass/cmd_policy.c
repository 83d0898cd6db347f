/* SPDX-License-Identifier: GPL-2.0-or-later */
/* policy: what is enforced, what a workload's rules are and would have refused, and the commands that change it. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/pierglass/cli_http.h"
#include "tools/pierglass/cli_text.h"
#include "tools/pierglass/cli_value.h"
#include "tools/pierglass/policy_sweep.h"

static int usage(void)
{
	fputs("pierglass: policy: show [W] | plan W | enforce W [--confirm 60s] [--established keep|cut] [--on-failure open|closed] [--anyway] | "
	      "confirm W | monitor W | off [W|--all] | block CONTAINER [ADDRESS] [--port tcp/80] [--for 10m] | unblock CONTAINER | "
	      "quarantine CONTAINER [ANALYST] | release CONTAINER\n",
	      stderr);
	return CLI_USAGE;
}

/* "60", "60s", "10m", "2h" as seconds in text. */
static bool seconds_of(const char *text, char ret[24])
{
	char *end;
	unsigned long n = isdigit((unsigned char)text[0]) && strlen(text) < 9 ? strtoul(text, &end, 10) : 0;

	if (!n)
		return false;
	if (!strcmp(end, "m"))
		n *= 60;
	else if (!strcmp(end, "h"))
		n *= 3600;
	else if (*end && strcmp(end, "s") != 0)
		return false;
	snprintf(ret, 24, "%lu", n);
	return true;
}

/* ---- show ------------------------------------------------------------------------------------------------------------------ */
static void show_workloads(const json_t *j)
{
	static const struct cli_column columns[] = { { "WORKLOAD", false, 12 }, { "MODE", false, 0 }, { "BY", false, 0 }, { "SINCE", false, 0 },
						     { "CONFIRM BY", false, 0 }, { "ESTABLISHED", false, 0 }, { "ON FAILURE", false, 0 },
						     { "REFUSED IN", true, 0 }, { "REFUSED OUT", true, 0 } };
	struct cli_table *t = cli_table_new(columns, ARRAY_SIZE(columns));
	json_t *list = json_object_get(j, "workloads"), *v;
	size_t i;

	json_array_foreach(list, i, v) {
		bool enforced = !strcmp(str_of(v, "mode"), "enforce");

		cli_table_add(t, str_of(v, "workload"));
		cli_table_add(t, str_of(v, "mode"));
		cli_table_add(t, str_of(v, "source"));
		cli_table_addf(t, "%.19s", str_of(v, "since"));
		cli_table_addf(t, "%.19s", str_of(v, "confirm_until"));
		cli_table_add(t, enforced ? str_of(v, "established") : "");
		cli_table_add(t, enforced ? str_of(v, "on_failure") : "");
		cli_table_addf(t, "%llu", (unsigned long long)u64_of(v, "refused_in"));
		cli_table_addf(t, "%llu", (unsigned long long)u64_of(v, "refused_out"));
	}
	if (json_array_size(list))
		cli_table_write(t, stdout, cli_width());
	else
		puts("No workloads.");
	cli_table_free(t);
}

static void show_holds(const json_t *j)
{
	static const struct cli_column columns[] = { { "HELD", false, 0 }, { "CONTAINER", false, 10 }, { "PEER", false, 0 }, { "PORT", false, 0 },
						     { "SINCE", false, 0 }, { "UNTIL", false, 0 }, { "FINDING", true, 0 } };
	struct cli_table *t = cli_table_new(columns, ARRAY_SIZE(columns));
	json_t *list = json_object_get(j, "holds"), *v;
	size_t i;

	json_array_foreach(list, i, v) {
		cli_table_add(t, str_of(v, "kind"));
		cli_table_add(t, str_of(v, "container"));
		cli_table_add(t, str_of(v, "peer"));
		cli_table_add(t, str_of(v, "port"));
		cli_table_addf(t, "%.19s", str_of(v, "since"));
		cli_table_addf(t, "%.19s", str_of(v, "until"));
		cli_table_addf(t, "%llu", (unsigned long long)u64_of(v, "finding"));
	}
	if (json_array_size(list)) {
		putchar('\n');
		cli_table_write(t, stdout, cli_width());
	}
	cli_table_free(t);
}

static void show_queue(const json_t *q)
{
	if (!q)
		return;
	printf("; protocols: %s %llu, %llu packets given to it (fail open) and %llu (closed), %llu waiting, bypassed %llu, dropped %llu, let go %llu "
	       "and dropped %llu by the keeper, repeated %llu%s%s",
	       str_of(q, "how"), (unsigned long long)u64_of(q, "number"), (unsigned long long)u64_of(q, "counted_open"),
	       (unsigned long long)u64_of(q, "counted_closed"), (unsigned long long)u64_of(q, "waiting"),
	       (unsigned long long)u64_of(q, "bypassed_open"), (unsigned long long)(u64_of(q, "bypassed_closed") + u64_of(q, "dropped_full")),
	       (unsigned long long)u64_of(q, "kept_open"), (unsigned long long)u64_of(q, "kept_closed"), (unsigned long long)u64_of(q, "repeated"),
	       str_of(q, "error")[0] ? ": " : "", str_of(q, "error"));
}

static uint64_t two(const json_t *j, const char *what, const char *how)
{
	char key[40];

	snprintf(key, sizeof(key), "%s_%s", what, how);
	return u64_of(j, key);
}

static void show_protocols(const json_t *p)
{
	static const char *const hows[] = { "open", "closed" };

	if (!p || !u64_of(p, "packets"))
		return;
	printf("\nprotocols: %llu connections fit, %llu were wrong and reset, %llu cannot be known; %llu are being looked at",
	       (unsigned long long)u64_of(p, "fits"), (unsigned long long)u64_of(p, "wrong"), (unsigned long long)u64_of(p, "unknowable"),
	       (unsigned long long)u64_of(p, "connections"));
	for (unsigned i = 0; i < 2; i++)
		printf("; %s by on_failure: late %llu, unsure %llu, table full %llu, no rule %llu, odd %llu", i ? "refused" : "let go",
		       (unsigned long long)two(p, "late", hows[i]), (unsigned long long)two(p, "unsure", hows[i]),
		       (unsigned long long)two(p, "table_full", hows[i]), (unsigned long long)two(p, "no_rule", hows[i]),
		       (unsigned long long)two(p, "odd", hows[i]));
}

static void show_namespaces(const json_t *j)
{
	json_t *v;
	size_t i;

	json_array_foreach(json_object_get(j, "namespaces"), i, v) {
		char line[512];

		putchar('\n');
		snprintf(line, sizeof(line), "%s: %s, last change: %s in %.1f ms, bridged packets in family %s%s%s",
			 str_of(v, "name")[0] ? str_of(v, "name") : "node",
			 bool_of(v, "in_force") ? "in force" : "not in force yet", str_of(v, "last_change"), f64_of(v, "took_ms"), str_of(v, "bridged"),
			 str_of(v, "error")[0] ? ": " : "", str_of(v, "error"));
		cli_put(stdout, line);
		show_queue(json_object_get(v, "queue"));
	}
	show_protocols(json_object_get(j, "protocols"));
	printf("\n\nrefused packets: blocked %llu, in quarantine %llu, of unknown addresses %llu; table changed by others: %llu times\n",
	       (unsigned long long)u64_of(j, "blocked_packets"), (unsigned long long)u64_of(j, "quarantined_packets"),
	       (unsigned long long)u64_of(j, "unknown_packets"), (unsigned long long)u64_of(j, "tampered"));
}

static int show(const struct cli_options *o)
{
	json_t *j;
	int code;

	if (o->json)
		return cli_print_json(o, "/v1/policy");
	code = cli_get_json(o, "/v1/policy", &j, NULL);
	if (code)
		return code;
	show_workloads(j);
	show_holds(j);
	show_namespaces(j);
	json_decref(j);
	return CLI_OK;
}

/* ---- plan -------------------------------------------------------------------------------------------------------------------- */
static void put_rules(const json_t *j)
{
	json_t *v, *a;
	size_t i, k;

	json_array_foreach(json_object_get(j, "rules"), i, v) {
		char line[2048];
		size_t at;

		snprintf(line, sizeof(line), "  %s (%s%s%s)", str_of(v, "text"), str_of(v, "source"), str_of(v, "where")[0] ? ": " : "", str_of(v, "where"));
		at = strlen(line);
		json_array_foreach(json_object_get(v, "addresses"), k, a) {
			snprintf(line + at, sizeof(line) - at, "%s%s", k ? ", " : "; now ", json_string_value(a));
			at = strlen(line);
		}
		json_array_foreach(json_object_get(v, "protocols"), k, a) {
			snprintf(line + at, sizeof(line) - at, "%s%s", k ? " or " : "; speaking ", json_string_value(a));
			at = strlen(line);
		}
		if (u64_of(v, "connections"))
			snprintf(line + at, sizeof(line) - at, "; %llu connections", (unsigned long long)u64_of(v, "connections"));
		cli_put(stdout, line);
		putchar('\n');
	}
	if (!json_array_size(json_object_get(j, "rules")))
		puts("  nothing: no edge of it is known");
}

static void put_past(const json_t *j)
{
	const json_t *looked = json_object_get(j, "looked_at");
	json_t *v;
	size_t i;

	printf("\nOf %llu recorded connections since %.19s it would have refused %llu%s\n", (unsigned long long)u64_of(looked, "flows"),
	       str_of(looked, "since")[0] ? str_of(looked, "since") : "now", (unsigned long long)u64_of(looked, "would_refuse"),
	       json_array_size(json_object_get(j, "would_refuse")) ? ":" : ".");
	json_array_foreach(json_object_get(j, "would_refuse"), i, v) {
		char line[1200];

		snprintf(line, sizeof(line), "  %s: %llu, last %.19s (%s)", str_of(v, "text"), (unsigned long long)u64_of(v, "flows"), str_of(v, "last_seen"),
			 str_of(v, "verdict"));
		cli_put(stdout, line);
		putchar('\n');
	}
}

static int plan(const struct cli_options *o, const char *workload, bool past)
{
	char path[1024] = "/v1/policy/plan", head[700];
	json_t *j, *v;
	size_t i;
	int code;

	if (!cli_query(path, sizeof(path), "workload", workload))
		return usage();
	if (o->json)
		return cli_print_json(o, path);
	code = cli_get_json(o, path, &j, NULL);
	if (code)
		return code;
	snprintf(head, sizeof(head), "%s: %s%s. Enforced, this is allowed:", str_of(j, "workload"), str_of(j, "mode"),
		 bool_of(j, "learned") ? "" : " (its edges are still being learned)");
	cli_put(stdout, head);
	putchar('\n');
	put_rules(j);
	puts("Never refused:");
	json_array_foreach(json_object_get(j, "never_refused"), i, v)
		printf("  %s\n", json_string_value(v));
	printf("Everything else of it is refused: TCP by reset, the rest by \"port unreachable\".\n");
	if (past)
		put_past(j);
	json_decref(j);
	return CLI_OK;
}

/* ---- commands -------------------------------------------------------------------------------------------------------------------- */
static int post(const struct cli_options *o, const char *path)
{
	char line[600];
	json_t *j;
	char *text;
	int code = cli_post(o, path, "", 0, &j);

	if (code)
		return code;
	if (o->json) {
		text = json_dumps(j, JSON_COMPACT);
		puts(text ? text : "{}");
		free(text);
	} else {
		snprintf(line, sizeof(line), "%s: %s (%llu)", str_of(j, "workload")[0] ? str_of(j, "workload") : "policy", str_of(j, "done"),
			 (unsigned long long)u64_of(j, "count"));
		cli_put(stdout, line);
		putchar('\n');
	}
	json_decref(j);
	return CLI_OK;
}

static bool with(char *path, size_t cap, const char *name, const char *value)
{
	return !value || cli_query(path, cap, name, value);
}

static int enforce(const struct cli_options *o, const char *workload)
{
	char path[1024] = "/v1/policy/enforce", confirm[24];

	if ((o->confirm && !seconds_of(o->confirm, confirm)) || !with(path, sizeof(path), "workload", workload) ||
	    !with(path, sizeof(path), "seconds", o->confirm ? confirm : NULL) || !with(path, sizeof(path), "established", o->established) ||
	    !with(path, sizeof(path), "on_failure", o->on_failure) || !with(path, sizeof(path), "anyway", o->anyway ? "1" : NULL))
		return usage();
	return post(o, path);
}

/* Nothing of it must be left, whether there is a sensor or not. */
static int off(const struct cli_options *o, const char *workload)
{
	char path[1024] = "/v1/policy/off";
	unsigned found = 0, namespaces = 0;
	int code, r;

	if (workload && o->all)
		return usage();
	if (workload)
		return with(path, sizeof(path), "workload", workload) ? post(o, path) : usage();
	if (!o->all)
		return post(o, path);
	code = cli_running(o) ? post(o, path) : CLI_OK;
	r = policy_sweep(&found, &namespaces);
	if (r < 0) {
		fprintf(stderr, "pierglass: policy off --all: %s (this needs root)\n", strerror(-r));
		return CLI_REFUSED;
	}
	if (o->json)
		printf("{\"done\":\"removed\",\"workload\":\"\",\"count\":%u}\n", found);
	else
		printf("%u tables named \"pierglass\" removed, %u namespaces looked at\n", found, namespaces);
	return code;
}

static int hold(const struct cli_options *o, const char *what, const char *container, const char *address)
{
	char path[1024], seconds[24];

	snprintf(path, sizeof(path), "/v1/policy/%s", what);
	if ((o->lasting && !seconds_of(o->lasting, seconds)) || !with(path, sizeof(path), "container", container) ||
	    !with(path, sizeof(path), "thing", address) || !with(path, sizeof(path), "port", o->port) ||
	    !with(path, sizeof(path), "seconds", o->lasting ? seconds : NULL))
		return usage();
	return post(o, path);
}

int cmd_policy(const struct cli_options *o)
{
	const char *what = o->argument_count ? o->arguments[0] : "show", *which = o->argument_count > 1 ? o->arguments[1] : NULL;
	const char *more = o->argument_count > 2 ? o->arguments[2] : NULL;
	char path[1024];

	if (o->argument_count > 3 || (more && strcmp(what, "block") && strcmp(what, "quarantine")))
		return usage();
	if (!strcmp(what, "show"))
		return which ? plan(o, which, false) : show(o);
	if (!strcmp(what, "off"))
		return off(o, which);
	if (!which)
		return usage();
	if (!strcmp(what, "plan"))
		return plan(o, which, true);
	if (!strcmp(what, "enforce"))
		return enforce(o, which);
	if (!strcmp(what, "monitor") || !strcmp(what, "confirm")) {
		snprintf(path, sizeof(path), "/v1/policy/%s", what);
		return with(path, sizeof(path), "workload", which) ? post(o, path) : usage();
	}
	if (!strcmp(what, "block") || !strcmp(what, "unblock") || !strcmp(what, "quarantine") || !strcmp(what, "release"))
		return hold(o, what, which, more);
	return usage();
}
