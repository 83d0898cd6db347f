/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/keeper/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "sensor/msg.h"

const char options_usage[] =
	"usage: pierglassd [--config FILE] [--state DIR] [--run DIR] [--docker SOCKET[,SOCKET...]] [--user NAME] [--node NAME] [--verbose]\n"
	"       pierglassd --version | --help\n"
	"\n"
	"Starts the sensor on this node's Docker engines and stays in the foreground. Look with: pierglass status, pierglass map.\n"
	"\n"
	"  --config FILE    configuration (default /etc/pierglass/pierglass.yaml, which need not exist)\n"
	"  --state DIR      what survives a restart (default /var/lib/pierglass)\n"
	"  --run DIR        API socket and pid file (default /run/pierglass)\n"
	"  --docker LIST    engines' sockets, comma between (default: the configuration's, else /var/run/docker.sock)\n"
	"  --user NAME      user of the programs without privileges (default pierglass)\n"
	"  --node NAME      name of this node (default: the configuration's, else the host name)\n"
	"  --verbose        log more\n"
	"\n"
	"exit status: 0 stopped in order, 1 error, 2 usage or bad configuration, 4 refused (not root, no BTF, already running)\n";

static int check_docker(const char *list, char *err, size_t err_len)
{
	unsigned count = 0;

	for (const char *p = list;; p++) {
		size_t n = strcspn(p, ",");

		if (n == 0 || *p != '/') {
			snprintf(err, err_len, "--docker wants absolute paths of sockets with commas between, not '%.200s'", list);
			return -EINVAL;
		}
		if (n >= 108 || ++count > MSG_ENGINES_MAX) {
			snprintf(err, err_len, n >= 108 ? "--docker: a path of a socket has at most 107 bytes" :
							  "--docker: at most 8 engines");
			return -EINVAL;
		}
		p += n;
		if (!*p)
			return 0;
	}
}

int options_parse(struct options *o, int argc, char **argv, char *err, size_t err_len)
{
	static const struct option longs[] = {
		{ "config", required_argument, NULL, 'c' }, { "state", required_argument, NULL, 's' },
		{ "run", required_argument, NULL, 'r' },    { "docker", required_argument, NULL, 'd' },
		{ "user", required_argument, NULL, 'u' },   { "node", required_argument, NULL, 'n' },
		{ "verbose", no_argument, NULL, 'v' },	    { "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },	    { NULL, 0, NULL, 0 },
	};
	struct options r = {
		.config = "/etc/pierglass/pierglass.yaml",
		.state = "/var/lib/pierglass",
		.run = "/run/pierglass",
		.docker = "",
		.user = "pierglass",
	};
	int c, which = 0;

	optind = 0; /* glibc: begin anew */
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":h", longs, &which)) != -1) {
		const char **value = NULL;

		switch (c) {
		case 'c':
			value = &r.config;
			r.config_given = true;
			break;
		case 's':
			value = &r.state;
			break;
		case 'r':
			value = &r.run;
			break;
		case 'd':
			value = &r.docker;
			r.docker_given = true;
			break;
		case 'u':
			value = &r.user;
			r.user_given = true;
			break;
		case 'n':
			value = &r.node;
			break;
		case 'v':
			r.verbose = true;
			break;
		case 'V':
			r.version = true;
			break;
		case 'h':
			r.help = true;
			break;
		case ':':
			snprintf(err, err_len, "option %.100s wants a value", argv[optind - 1]);
			return -EINVAL;
		default:
			snprintf(err, err_len, "unknown option %.100s (see --help)", argv[optind - 1]);
			return -EINVAL;
		}
		if (value && !*optarg) {
			snprintf(err, err_len, "option --%s wants a value", longs[which].name);
			return -EINVAL;
		}
		if (value)
			*value = optarg;
	}
	if (optind < argc) {
		snprintf(err, err_len, "unexpected argument '%.100s' (see --help)", argv[optind]);
		return -EINVAL;
	}
	if (r.docker_given && check_docker(r.docker, err, err_len) < 0)
		return -EINVAL;
	*o = r;
	return 0;
}
