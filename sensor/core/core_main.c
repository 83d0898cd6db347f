/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pierglass-core: started by the keeper as "core" (everything but privileges), as "broker" (the engines'
 * connections), as "files" (what containers write) or as "fetch" (what core wants from the world outside). */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "sensor/core/core_priv.h"
#include "sensor/sandbox.h"
#include "sensor/watch/broker.h"
#include "sensor/watch/fetch.h"
#include "sensor/watch/files.h"

static void keeper_gone(void *arg)
{
	struct core *c = arg;

	log_error("the keeper is gone, stopping");
	c->priv->exit_status = 1;
	uv_stop(c->priv->loop);
}

static void configure_late(uv_timer_t *t)
{
	struct core *c = t->data;

	if (!c->priv->configured && keeper_configure(c) < 0) {
		c->priv->exit_status = 2;
		uv_stop(c->priv->loop);
	}
}

static int core_run(struct core *c, const char *docker)
{
	uv_timer_t late;
	uv_loop_t loop;
	int r, status;

	uv_loop_init(&loop);
	r = core_open(c, &loop);
	if (r < 0) {
		log_error("cannot start: %s", strerror(-r));
		return 1;
	}
	snprintf(c->priv->docker_list, sizeof(c->priv->docker_list), "%s", docker);
	r = sandbox_enter_core(c->state_dir);
	if (r < 0) {
		log_error("cannot give up privileges: %s", strerror(-r));
		return 1;
	}
	r = peer_open(&loop, CHILD_FD_KEEPER, keeper_message, keeper_gone, c, &c->priv->keeper);
	if (r < 0) {
		log_error("not started by pierglassd: descriptor %d is no socket (%s)", CHILD_FD_KEEPER, strerror(-r));
		return 2;
	}
	/* Without a configuration file no descriptor comes for one. */
	uv_timer_init(&loop, &late);
	late.data = c;
	uv_timer_start(&late, configure_late, 500, 0);
	uv_run(&loop, UV_RUN_DEFAULT);
	uv_close((uv_handle_t *)&late, NULL);
	status = c->priv->exit_status;
	core_close(c);
	uv_loop_close(&loop);
	return status;
}

static int usage(void)
{
	fprintf(stderr,
		"pierglass-core is started by pierglassd: pierglass-core core --state DIR --run DIR --docker LIST --node NAME | broker | files | fetch\n");
	return 2;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "state", required_argument, NULL, 's' },  { "run", required_argument, NULL, 'r' },
		{ "docker", required_argument, NULL, 'd' }, { "node", required_argument, NULL, 'n' },
		{ "verbose", no_argument, NULL, 'v' },	    { NULL, 0, NULL, 0 },
	};
	static struct core core; /* large, lives as long as the process */
	const char *docker = "";
	enum log_level lvl = LOG_LVL_INFO;
	int o;

	if (argc < 2)
		return usage();
	signal(SIGPIPE, SIG_IGN);
	gethostname(core.node, sizeof(core.node) - 1);
	while ((o = getopt_long(argc - 1, argv + 1, "", options, NULL)) != -1) {
		switch (o) {
		case 's':
			snprintf(core.state_dir, sizeof(core.state_dir), "%s", optarg);
			break;
		case 'r':
			snprintf(core.run_dir, sizeof(core.run_dir), "%s", optarg);
			break;
		case 'd':
			docker = optarg;
			break;
		case 'n':
			snprintf(core.node, sizeof(core.node), "%s", optarg);
			break;
		case 'v':
			lvl = LOG_LVL_DEBUG;
			break;
		default:
			return usage();
		}
	}
	if (strcmp(argv[1], "broker") == 0) {
		log_init("pierglass-core: broker", lvl);
		return broker_main(CHILD_FD_KEEPER);
	}
	if (strcmp(argv[1], "files") == 0) {
		log_init("pierglass-core: files", lvl);
		return files_main(CHILD_FD_KEEPER);
	}
	if (strcmp(argv[1], "fetch") == 0) {
		log_init("pierglass-core: fetch", lvl);
		return fetch_main(CHILD_FD_KEEPER);
	}
	if (strcmp(argv[1], "core") != 0 || !core.state_dir[0])
		return usage();
	log_init("pierglass-core", lvl);
	return core_run(&core, docker);
}
