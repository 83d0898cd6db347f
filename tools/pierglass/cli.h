/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line: asks a running sensor through its API and shows the answer. What a packet or a container named itself
 * reaches the terminal only through cli_text.h. One thread. */
#ifndef PG_TOOLS_CLI_H
#define PG_TOOLS_CLI_H

#include <stdbool.h>
#include <stddef.h>

/* DECISIONS 30 */
enum cli_exit { CLI_OK = 0, CLI_FOUND = 1, CLI_USAGE = 2, CLI_NO_SENSOR = 3, CLI_REFUSED = 4 };

enum { CLI_FEEDS_MAX = 32 };
enum { CLI_ENV_MAX = 256 };
#define CLI_RUN_DEFAULT "/run/pierglass"

struct cli_options {
	const char *run;       /* run directory of the sensor asked */
	bool json;
	bool follow;           /* flows -f */
	bool history;          /* flows --history */
	const char *limit;     /* flows --limit; NULL: the API's default */
	const char *workload;  /* flows, map; NULL: all */
	const char *filter, *since; /* listings; NULL: all */
	const char *color;     /* auto, always, never */
	const char *format;    /* map; NULL: default */
	const char *kind;      /* events; NULL: all */
	bool seccomp;          /* model show: as a seccomp profile */
	const char *argument;  /* completion: the shell; tree: the container; replay: the first file */
	const char *containers; /* replay --containers; NULL: none */
	const char *vxlan_port; /* replay --vxlan-port; NULL: none */
	const char *dimension; /* model lock, reopen; NULL: all */
	bool all;              /* alerts: those that another one explains, too */
	const char *output;    /* evidence export; NULL: ID.tar.gz */
	const char *confirm, *established, *on_failure, *port, *lasting; /* policy; NULL: not said */
	bool anyway;           /* policy enforce */
	const char *baseline;  /* scan --baseline; NULL: none */
	const char *image;     /* scan --image; NULL: the first */
	const char *docker;    /* scan --docker; NULL: the usual socket */
	const char *compose;   /* scan --compose; NULL: none */
	const char *command;   /* scan --cmd; NULL: none */
	const char *env[CLI_ENV_MAX]; /* scan --env K=V, env_count of them */
	unsigned env_count;
	const char *const *arguments; /* replay: all files; model: what to do, with what; argument_count of them */
	unsigned argument_count;
	const char *feeds[CLI_FEEDS_MAX]; /* feed --feed; feed_count may be larger: then too many were given */
	const char *geo;                  /* feed check --geo: a database instead */
	unsigned feed_count;
};

struct cli_command {
	const char *name;
	const char *options;   /* letters of what it takes: f follow, l limit, w workload, h history, m format, a one argument,
	                        * A any number of arguments, c containers, v VXLAN port, k kind, d dimension,
	                        * e all (everything), F feeds, o output, s start command and environment, p policy, x filter,
	                        * n since */
	const char *help;
	int (*run)(const struct cli_options *o);
};
/* Ends with an entry whose name is NULL. */
const struct cli_command *cli_commands(void);

/* An option; the table ends with one whose name is NULL. */
struct cli_option {
	const char *name, *short_name; /* short_name NULL: none */
	char letter;                   /* in cli_command.options; 0: any command takes it */
	int kind;
	size_t at;
	const char *words;             /* completion: words, "FILE", "DIR"; NULL: nothing to propose */
};
const struct cli_option *cli_option_table(void);
bool cli_option_has_value(const struct cli_option *option);

/* Reads the arguments. CLI_OK: *ret_command is to be run; CLI_USAGE: one line was written to standard error. --help and
 * --version come back as the commands of these names. */
int cli_parse(int argc, char **argv, struct cli_options *ret, const struct cli_command **ret_command);

int cmd_status(const struct cli_options *o);
int cmd_containers(const struct cli_options *o);
int cmd_listeners(const struct cli_options *o);
int cmd_networks(const struct cli_options *o);
int cmd_flows(const struct cli_options *o);
int cmd_events(const struct cli_options *o);
int cmd_tree(const struct cli_options *o);
int cmd_top(const struct cli_options *o);
/* model show W --seccomp */
int cli_seccomp(const struct cli_options *o, const char *workload);
int cmd_map(const struct cli_options *o);
int cmd_replay(const struct cli_options *o);
int cmd_feed(const struct cli_options *o);
int cmd_alerts(const struct cli_options *o);
int cmd_why(const struct cli_options *o);
int cmd_evidence(const struct cli_options *o);
int cmd_model(const struct cli_options *o);
int cmd_policy(const struct cli_options *o);
int cmd_scan(const struct cli_options *o);
int cmd_metrics(const struct cli_options *o);
int cmd_doctor(const struct cli_options *o);
int cmd_version(const struct cli_options *o);
int cmd_help(const struct cli_options *o);
int cmd_completion(const struct cli_options *o);

#endif
