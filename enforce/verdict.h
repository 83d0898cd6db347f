/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The verdict process: forked from the keeper, keeps CAP_NET_ADMIN only. Until enforcement exists it does nothing but
 * answer the keeper's heartbeat. */
#ifndef PG_ENFORCE_VERDICT_H
#define PG_ENFORCE_VERDICT_H

/* Runs until the keeper says MSG_QUIT or goes away. keeper_sock: ipc, non-blocking. Returns the exit status. The caller
 * has entered the verdict's sandbox. */
int verdict_run(int keeper_sock);

#endif
