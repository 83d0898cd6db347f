/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What was found, as JSON (schema etc/schema/scan.json). */
#ifndef PG_APPID_CONFIG_CONF_JSON_H
#define PG_APPID_CONFIG_CONF_JSON_H

#include "appid/config/conf.h"
#include "base/jsonl.h"

/* One object: app, version, listeners[], upstreams[], files{}, notes[], unread[]; listeners ordered by transport, port, address. */
void conf_json(const struct conf *c, struct jsonl *j);

#endif
