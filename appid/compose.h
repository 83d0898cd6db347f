/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A whole stack as its compose file declares it: services, published and exposed ports, networks, and who is to call whom. Format:
 * https://github.com/compose-spec/compose-spec (and the older versions 1 to 3). Variables come from what is given and from ".env" beside the
 * file; env_file is read below the same directory only. Hostile input as all of appid/config: bounded, nothing is guessed. */
#ifndef PG_APPID_COMPOSE_H
#define PG_APPID_COMPOSE_H

#include "appid/config/conf.h"
#include "base/jsonl.h"

/* path: of the file inside c's root. project: what it is called unless the file says so. Writes one object. 0; -EBADMSG: it is no compose file
 * (*ret_why says what is wrong; nothing was written). */
int compose_json(struct conf *c, const char *path, const char *project, const struct conf_var *env, struct jsonl *j, const char **ret_why);

#endif
