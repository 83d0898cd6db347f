/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files of a root directory for a process that may open nothing: it asks over a socket pair (base/ipc.h, blocking), who holds the root answers with
 * descriptors of regular files, lists and facts (base/root_files.h). The asking side may be hostile: it gets what is in the root, read-only,
 * nothing else. */
#ifndef PG_BASE_ROOT_IPC_H
#define PG_BASE_ROOT_IPC_H

#include "base/root_files.h"

/* Answers one request that waits on sock. buf: IPC_BODY_MAX bytes of the caller's. 1: answered; 0: the other end is gone; -errno: it
 * sent what is no request (do not go on). */
int root_serve(int sock, int root, char *buf);

/* The asking side. Like their namesakes in base/root_files.h; -EPIPE: nobody answers. One thread per socket. */
int root_ask_file(int sock, const char *path, struct root_stat *ret);
int root_ask_stat(int sock, const char *path, struct root_stat *ret);
int root_ask_list(int sock, const char *path, char *buf, size_t *ret_len);
int root_ask_link(int sock, const char *path, char *buf, size_t cap);

#endif
