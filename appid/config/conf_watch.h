/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a configuration rests on: the files and directories to watch, and the lines of the files, so that an edit can be told from a
 * comment. Collected while the readers run. */
#ifndef PG_APPID_CONFIG_CONF_WATCH_H
#define PG_APPID_CONFIG_CONF_WATCH_H

#include "appid/config/conf.h"

#define CONF_WATCHED_MAX 512
#define CONF_LINES_MAX 4000	/* of all files */
#define CONF_LINES_OF_FILE 1500 /* the rest of a file is one more */
#define CONF_WORD_MAX 40

/* Before conf_scan(). */
void conf_watch_begin(struct conf *c);
/* After it: each link on the way to a watched path becomes one more path, so that a link which is made to point elsewhere is seen. */
void conf_watch_links(struct conf *c);

#endif
