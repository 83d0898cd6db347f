/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files for the readers from a socket on which a root is served (base/root_ipc.h): nothing is opened here. */
#ifndef PG_APPID_CONFIG_CONF_ROOT_H
#define PG_APPID_CONFIG_CONF_ROOT_H

#include "appid/config/conf.h"

/* *sock must stay where it is. */
struct conf_fs conf_root_fs(const int *sock);

#endif
