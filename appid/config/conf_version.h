/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The version of an application, from the package database of its root: dpkg's status (deb-status(5)) or apk's installed list
 * (https://wiki.alpinelinux.org/wiki/Apk_spec). */
#ifndef PG_APPID_CONFIG_CONF_VERSION_H
#define PG_APPID_CONFIG_CONF_VERSION_H

#include "appid/config/conf.h"

/* packages: names, blanks between, a '*' stands for anything; the first that is installed counts. NULL: not to be seen. */
const char *conf_version(struct conf *c, const char *packages, const char *exe);

#endif
