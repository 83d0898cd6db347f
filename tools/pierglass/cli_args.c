/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands and options. One table says which command takes what: help and completion are made from it. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "tools/pierglass/cli.h"
#include "tools/pierglass/cli_text.h"

static const struct cli_command commands[] = {
	{ "status", "", "what the sensor is attached to, what it cannot see, rates and losses", cmd_status },
	{ "containers", "x", "containers, their workloads, networks and addresses", cmd_containers },
	{ "listeners", "x", "who listens where, and which protocol is really spoken there", cmd_listeners },
	{ "flows", "flwhxn", "who talks to whom now; -f: each flow as it appears", cmd_flows },
	{ "events", "fwkx", "what containers' processes do: exec, listen, connect, syscall, file, ...; each as it happens", cmd_events },
	{ "tree", "a", "a container's processes and their sockets: pierglass tree [CONTAINER]", cmd_tree },
	{ "top", "", "workloads by traffic, connections, events and losses, again and again", cmd_top },
	{ "map", "mwxn", "the map: which workload talks to which, over what", cmd_map },
	{ "networks", "x", "networks of the engines", cmd_networks },
	{ "replay", "mAcv", "flows and protocols of capture files; no sensor is needed, no root", cmd_replay },
	{ "feed", "mAF", "reputation feeds: list | update [NAME] | accept NAME | check THING... [--feed FILE]... | test FILE...", cmd_feed },
	{ "alerts", "flwemxn", "what is neither declared nor learned; -f: as it happens", cmd_alerts },
	{ "why", "a", "everything about an alert: what was expected, by whose word, what else happened", cmd_why },
	{ "evidence", "Ao", "list | collect FINDING | show ID | export ID [-o FILE.tar.gz] | verify FILE", cmd_evidence },
	{ "model", "AdS", "list | show W [--seccomp] | lock W | reopen W | accept ALERT | export W | import FILE", cmd_model },
	{ "policy", "Aep", "show [W] | plan W | enforce W | confirm W | monitor W | off [W] | block, unblock, quarantine, release CONTAINER", cmd_policy },
	{ "metrics", "", "counters and sizes in Prometheus' text format", cmd_metrics },
	{ "scan", "as", "what an image's application would listen on, and why (directory, docker save, OCI layout, image name); no sensor, no root", cmd_scan },
	{ "doctor", "", "what this machine has and lacks for the sensor, and what to do; no sensor is needed", cmd_doctor },
	{ "version", "", "version of this program", cmd_version },
	{ "help", "", "this text", cmd_help },
	{ "completion", "a", "completion script for a shell: pierglass completion bash|zsh", cmd_completion },
	{ NULL, NULL, NULL, NULL },
};

const struct cli_command *cli_commands(void)
{
	return commands;
}

/* Where an option's value goes, and how it is told apart. */
enum option_kind { OPTION_FLAG, OPTION_VALUE, OPTION_ENV, OPTION_FEED };
#define AT(member) offsetof(struct cli_options, member)

static const struct cli_option options[] = {
	{ "--run", NULL, 0, OPTION_VALUE, AT(run), "DIR" },
	{ "--json", NULL, 0, OPTION_FLAG, AT(json), NULL },
	{ "--follow", "-f", 'f', OPTION_FLAG, AT(follow), NULL },
	{ "--limit", "-n", 'l', OPTION_VALUE, AT(limit), NULL },
	{ "--workload", "-w", 'w', OPTION_VALUE, AT(workload), NULL },
	{ "--filter", NULL, 'x', OPTION_VALUE, AT(filter), NULL },
	{ "--since", NULL, 'n', OPTION_VALUE, AT(since), NULL },
	{ "--color", NULL, 0, OPTION_VALUE, AT(color), "auto always never" },
	{ "--history", NULL, 'h', OPTION_FLAG, AT(history), NULL },
	{ "--format", NULL, 'm', OPTION_VALUE, AT(format),
	  "table json dot graphml mermaid cytoscape node-graph html text csv auto lines stix misp plain ecs ocsf" },
	{ "--containers", NULL, 'c', OPTION_VALUE, AT(containers), "FILE" },
	{ "--vxlan-port", NULL, 'v', OPTION_VALUE, AT(vxlan_port), NULL },
	{ "--kind", "-k", 'k', OPTION_VALUE, AT(kind), "exec fork exit listen bind close connect syscall raw-socket unix-connect file throttle" },
	{ "--feed", NULL, 'F', OPTION_FEED, 0, "FILE" },
	{ "--geo", NULL, 'F', OPTION_VALUE, AT(geo), "FILE" },
	{ "--all", NULL, 'e', OPTION_FLAG, AT(all), NULL },
	{ "--dimension", "-d", 'd', OPTION_VALUE, AT(dimension), "process listener protocol edge-in edge-out syscall file dns volume" },
	{ "--cmd", NULL, 's', OPTION_VALUE, AT(command), NULL },
	{ "--env", NULL, 's', OPTION_ENV, 0, NULL },
	{ "--confirm", NULL, 'p', OPTION_VALUE, AT(confirm), NULL },
	{ "--established", NULL, 'p', OPTION_VALUE, AT(established), "keep cut" },
	{ "--on-failure", NULL, 'p', OPTION_VALUE, AT(on_failure), "open closed" },
	{ "--anyway", NULL, 'p', OPTION_FLAG, AT(anyway), NULL },
	{ "--port", NULL, 'p', OPTION_VALUE, AT(port), NULL },
	{ "--for", NULL, 'p', OPTION_VALUE, AT(lasting), NULL },
	{ "--seccomp", NULL, 'S', OPTION_FLAG, AT(seccomp), NULL },
	{ "--output", "-o", 'o', OPTION_VALUE, AT(output), "FILE" },
	{ "--baseline", NULL, 's', OPTION_VALUE, AT(baseline), "FILE" },
	{ "--image", NULL, 's', OPTION_VALUE, AT(image), NULL },
	{ "--docker", NULL, 's', OPTION_VALUE, AT(docker), "FILE" },
	{ "--compose", NULL, 's', OPTION_VALUE, AT(compose), "FILE" },
	{ NULL, NULL, 0, 0, 0, NULL },
};
enum { OPTIONS = ARRAY_SIZE(options) - 1 };

const struct cli_option *cli_option_table(void)
{
	return options;
}

bool cli_option_has_value(const struct cli_option *option)
{
	return option->kind != OPTION_FLAG;
}

static void set(struct cli_options *o, const struct cli_option *option, const char *value)
{
	switch (option->kind) {
	case OPTION_FLAG:
		*(bool *)((char *)o + option->at) = true;
		break;
	case OPTION_VALUE:
		*(const char **)((char *)o + option->at) = value;
		break;
	case OPTION_ENV:
		if (o->env_count < CLI_ENV_MAX)
			o->env[o->env_count] = value;
		o->env_count++;
		break;
	case OPTION_FEED:
		if (o->feed_count < CLI_FEEDS_MAX)
			o->feeds[o->feed_count] = value;
		o->feed_count++;
		break;
	}
}

static int usage(const char *what, const char *arg)
{
	fprintf(stderr, "pierglass: %s \"", what);
	cli_put(stderr, arg);
	fputs("\", see \"pierglass help\"\n", stderr);
	return CLI_USAGE;
}

static const struct cli_command *find(const char *name)
{
	for (const struct cli_command *c = commands; c->name; c++)
		if (!strcmp(c->name, name))
			return c;
	return NULL;
}

/* Index of the option in *arg, OPTIONS if there is none; *ret_value points behind "=". */
static size_t option_of(const char *arg, const char **ret_value)
{
	size_t i, len;

	*ret_value = NULL;
	for (i = 0; i < OPTIONS; i++) {
		if (options[i].short_name && !strcmp(arg, options[i].short_name))
			break;
		len = strlen(options[i].name);
		if (!strncmp(arg, options[i].name, len) && (!arg[len] || (arg[len] == '=' && options[i].kind != OPTION_FLAG))) {
			*ret_value = arg[len] ? arg + len + 1 : NULL;
			break;
		}
	}
	return i;
}

int cli_parse(int argc, char **argv, struct cli_options *ret, const struct cli_command **ret_command)
{
	struct cli_options o = { .run = CLI_RUN_DEFAULT, .color = "auto", .arguments = (const char *const *)argv };
	const struct cli_command *command = NULL;
	const char *given[OPTIONS] = { NULL };

	for (int i = 1; i < argc; i++) {
		const char *value;
		size_t k;

		if (argv[i][0] != '-' || !argv[i][1]) {
			if (command && strchr(command->options, 'a') && !o.argument) {
				o.argument = argv[i];
				continue;
			}
			if (command && strchr(command->options, 'A')) { /* kept in front: what stood there has been read */
				argv[o.argument_count++] = argv[i];
				o.argument = argv[0];
				continue;
			}
			if (command)
				return usage("what is", argv[i]);
			command = find(argv[i]);
			if (!command)
				return usage("unknown command", argv[i]);
			continue;
		}
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h") || !strcmp(argv[i], "--version")) {
			*ret = o;
			*ret_command = find(!strcmp(argv[i], "--version") ? "version" : "help");
			return CLI_OK;
		}
		k = option_of(argv[i], &value);
		if (k == OPTIONS)
			return usage("unknown option", argv[i]);
		given[k] = argv[i];
		if (options[k].kind != OPTION_FLAG && !value) {
			if (i + 1 == argc)
				return usage("a value is missing after", argv[i]);
			value = argv[++i];
		}
		if (value && !value[0])
			return usage("an empty value for", given[k]);
		set(&o, &options[k], value);
	}
	if (o.env_count > CLI_ENV_MAX)
		return usage("too many of", "--env");
	if (strcmp(o.color, "auto") && strcmp(o.color, "always") && strcmp(o.color, "never"))
		return usage("--color auto, always or never, not", o.color);
	if (!command) {
		fputs("pierglass: no command, see \"pierglass help\"\n", stderr);
		return CLI_USAGE;
	}
	for (size_t k = 0; k < OPTIONS; k++)
		if (given[k] && options[k].letter && !strchr(command->options, options[k].letter)) {
			fprintf(stderr, "pierglass: \"%s\" takes no %s, see \"pierglass help\"\n", command->name, options[k].name);
			return CLI_USAGE;
		}
	*ret = o;
	*ret_command = command;
	return CLI_OK;
}

int cmd_help(const struct cli_options *o)
{
	puts("Usage: pierglass [--run DIR] [--json] COMMAND [OPTION]... [FILE]...\n\n"
	     "Asks the Pierglass sensor on this machine who talks to whom.\n\nCommands:");
	for (const struct cli_command *c = commands; c->name; c++)
		printf("  %-12s %s\n", c->name, c->help);
	puts("\nOptions:\n"
	     "  --run DIR            the sensor's run directory (default " CLI_RUN_DEFAULT ")\n"
	     "  --json               the sensor's answer as JSON (flows -f, events: one object per line)\n"
	     "  -k, --kind K,...     events: only these: exec, fork, exit, listen, bind, close, connect, syscall,\n"
	     "                       raw-socket, unix-connect, file, throttle\n"
	     "  -f, --follow         flows, alerts: print each as it appears; flows: also its name, its protocol, its end\n"
	     "  -n, --limit N        flows, alerts: at most N, the latest (default 10000)\n"
	     "  --history            flows: those that ended too, from the store\n"
	     "  --filter EXPR        containers, listeners, flows, events, map, networks, alerts: only what it holds for, by keys as in\n"
	     "                       --json: --filter 'app = HTTP and (client.exe ~ curl or port > 1024)', see pierglass-filter(7)\n"
	     "  --since T            flows, map, alerts: last seen since T: 10m, 2h, 3d, or 2026-11-22T10:30 (UTC)\n"
	     "  --color WHEN         auto (default: on a terminal, unless NO_COLOR is set), always or never\n"
	     "  -w, --workload W     flows, map: only what has W at one end; events, alerts: only W's\n"
	     "  --format F           map: table (default), json, dot, graphml, mermaid, cytoscape, node-graph or html\n"
	     "                       replay: text (default), json (one object per line) or csv\n"
	     "                       feed: auto (default), lines, csv, stix, misp or json\n"
	     "  --all                alerts: those too that another one of their incident explains\n"
	     "  -d, --dimension D    model lock, reopen: process, listener, protocol, edge-in, edge-out, syscall, file, dns, volume\n"
	     "  --confirm 60s        policy enforce: goes back by itself unless \"policy confirm\" comes in that time\n"
	     "  --established E      policy enforce: what becomes of connections that are there: keep (default) or cut\n"
	     "  --on-failure F       policy enforce: what holds when the sensor dies: open within 60 s (default), or closed\n"
	     "  --anyway             policy enforce: though its edges are still being learned\n"
	     "  --all                policy off: every table named pierglass, in all namespaces; no sensor is needed\n"
	     "  --port tcp/80        policy block: only this port\n"
	     "  --for 10m            policy block: for so long (default 10m, at most 24h)\n"
	     "  --containers FILE    replay: names from the output of \"docker inspect\"\n"
	     "  --vxlan-port N       replay: a further UDP port that carries VXLAN\n"
	     "  -o, --output FILE    evidence export: where to (default ID.tar.gz); packed if its name ends in gz\n"
	     "  --feed FILE          feed check: a feed to look in; may be given several times\n"
	     "  --baseline FILE      scan: what \"scan --json\" said before; prints what changed since, exit 1 if anything did\n"
	     "  --compose FILE       scan: a whole stack as its compose file declares it: services and edges\n"
	     "  --image NAME         scan: which one of an archive of several images; without it: the first\n"
	     "  --docker SOCKET      scan: the engine that is asked for an image by name (default /var/run/docker.sock)\n"
	     "  --cmd COMMAND        scan: how it is started, as shell text; without it: what configuration files are there\n"
	     "  --env NAME=VALUE     scan: environment of the start command; may be repeated\n\n"
	     "Exit codes: 0 done, 1 drift (scan --baseline), a fault (doctor) or not listed (feed check), 2 usage, 3 no sensor, 4 refused.");
	return CLI_OK;
}
