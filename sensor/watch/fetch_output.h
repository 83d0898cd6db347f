/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Log receivers: journald's and syslog's sockets, syslog over UDP and TCP. For fetch only; one thread. */
#ifndef PG_WATCH_FETCH_OUTPUT_H
#define PG_WATCH_FETCH_OUTPUT_H

#include <stddef.h>

/* Sends one message to "journald", "syslog-unix", "syslog-udp://ADDRESS:PORT" or "syslog-tcp://ADDRESS:PORT" (IPv6 in brackets), bytes
 * as they are to "bytes-tcp://ADDRESS:PORT", or datagrams, each behind its length in two bytes, to
 * "frames-udp://ADDRESS:PORT".
 * Waits for a connection at most two seconds, for room one. 0; -EINVAL: no such target; -errno. */
int fetch_output_send(const char *target, const void *text, size_t len);
void fetch_output_close(void);

#endif
