/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The program part of `pierglass scan`: runs in pierglass-inspect, in the sandbox of replay, on files that the command hands over. */
#ifndef PG_APPID_SCAN_H
#define PG_APPID_SCAN_H

/* argv[0] is "scan"; the rest: --files FD (base/root_ipc.h) [--cmd TEXT] [--env K=V]… [--cwd DIR]. Enters the sandbox, reads, writes one JSON
 * object to standard output. Returns the exit code: 0; 2: wrong arguments; 4: no sandbox, no memory, writing failed. */
int scan_main(int argc, char **argv);

#endif
