/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pierglass-core, "fetch" mode: gets documents over HTTPS for core, and sends what core wants sent; nothing that it gets is
 * looked at here. */
#ifndef PG_WATCH_FETCH_H
#define PG_WATCH_FETCH_H

/* Runs until the keeper says so. The exit status. */
int fetch_main(int keeper_fd);

#endif
