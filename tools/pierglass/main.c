/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "tools/pierglass/cli.h"
#include "tools/pierglass/cli_text.h"

int main(int argc, char **argv)
{
	const struct cli_command *command;
	struct cli_options o;
	int rc;

	cli_text_init();
	rc = cli_parse(argc, argv, &o, &command);
	if (rc)
		return rc;
	cli_color_init(o.color);
	rc = command->run(&o);
	/* A full disk behind ">" must not look like success; a closed pipe ("| head") ends us by SIGPIPE as usual. */
	if (fflush(stdout) || ferror(stdout)) {
		fprintf(stderr, "pierglass: standard output: %s\n", strerror(errno));
		return rc ? rc : CLI_REFUSED;
	}
	return rc;
}
