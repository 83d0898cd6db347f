/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pierglassd: options, checks, then the keeper. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/version.h"
#include "sensor/keeper/keeper.h"

int main(int argc, char **argv)
{
	static struct setup setup; /* large */
	struct options o;
	char err[512];
	int r, config_fd = -1;

	log_init("pierglassd", LOG_LVL_INFO);
	if (options_parse(&o, argc, argv, err, sizeof(err)) < 0) {
		log_error("%s", err);
		return EXIT_USAGE;
	}
	if (o.help || o.version) {
		if (o.help)
			fputs(options_usage, stdout);
		else
			puts("pierglassd " PIERGLASS_VERSION);
		return fflush(stdout) ? EXIT_ERROR : EXIT_DONE;
	}
	if (o.verbose)
		log_init("pierglassd", LOG_LVL_DEBUG);
	r = setup_open(&setup, &o);
	if (r == 0)
		r = setup_config(&o, &config_fd);
	if (config_fd >= 0)
		close(config_fd);
	if (r == 0)
		r = setup_api(&setup);
	if (r == 0)
		r = keeper_run(&setup, &o, argv[0], (size_t)(argv[argc - 1] + strlen(argv[argc - 1]) - argv[0]));
	setup_remove(&setup);
	return r;
}
