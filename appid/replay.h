/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The program part of `pierglass replay`: runs in pierglass-inspect, in a sandbox that needs no privilege, on descriptors it
 * was given. */
#ifndef PG_APPID_REPLAY_H
#define PG_APPID_REPLAY_H

/* argv[0] is "replay"; the rest: [--format text|json|csv] [--vxlan-port N] [--progress] [--names FD] FD NAME [FD NAME]…
 * Enters the sandbox, reads, writes. Returns the exit code: 0; 2: no argument made sense or none of the files is a capture;
 * 4: the sandbox cannot be entered, no memory, writing failed. */
int replay_main(int argc, char **argv);

#endif
