/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PG_APPID_CONFIG_CONF_PACKAGE_H
#define PG_APPID_CONFIG_CONF_PACKAGE_H

struct conf;

/* What a package manager says of a program. */
struct conf_package {
	const char *name, *version;
	const char *digest; /* "md5:…", "sha1:…" as it was packaged; NULL: not said */
};

/* After conf_scan(): finds the package of each program that was found. */
void conf_packages(struct conf *c);

#endif
