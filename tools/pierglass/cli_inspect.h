/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Starting pierglass-inspect: commands that read files of unknown origin open them here and have them read there, by a
 * process that locks itself into a sandbox first. */
#ifndef PG_TOOLS_CLI_INSPECT_H
#define PG_TOOLS_CLI_INSPECT_H

#include <sys/types.h>

/* Runs pierglass-inspect with args (args[0] by custom its name; NULL ends the list), an empty environment and those of our
 * descriptors that are not close-on-exec; waits for its end. Returns its exit status, or CLI_REFUSED after one line on
 * standard error, which names the command. Ends this process by SIGPIPE if the other was ended by it ("| head"). */
int cli_inspect(const char *command, const char *const *args);

/* The two halves, for who talks with it meanwhile. A descriptor of the program (close-on-exec), or -1 with errno; wait for pid, as above. */
int cli_inspector_open(void);
int cli_inspector_wait(const char *command, pid_t pid);

#endif
