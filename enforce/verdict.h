/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The verdict process: forked from the keeper, keeps CAP_NET_ADMIN only. Answers what the kernel holds up until
 * somebody decides: programs about to be run (exec_verdict.h), packets whose protocol is not known yet (nfq_verdict.h);
 * and the keeper's heartbeat, whatever else it has to do. */
#ifndef PG_ENFORCE_VERDICT_H
#define PG_ENFORCE_VERDICT_H

/* Runs until the keeper says MSG_QUIT or goes away. keeper_sock: ipc, non-blocking. Returns the exit status. The caller
 * has entered the verdict's sandbox. */
int verdict_run(int keeper_sock);

#endif
