/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "appid/config/conf_version.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "appid/config/conf_priv.h"
#include "appid/config/conf_text.h"

static bool wanted(const char *const *names, unsigned n, const char *name, size_t len)
{
	char text[128];

	if (len >= sizeof(text))
		return false;
	snprintf(text, sizeof(text), "%.*s", (int)len, name);
	for (unsigned i = 0; i < n; i++)
		if (fnmatch(names[i], text, 0) == 0)
			return true;
	return false;
}

/* Records of "key value" lines, an empty line between: the version of the first record whose name is wanted. */
static const char *look_up(struct conf *c, const char *text, const char *name_key, const char *version_key, const char *const *names, unsigned n)
{
	bool is = false;

	for (const char *p = text; *p;) {
		const char *end = strchrnul(p, '\n');

		conf_tick(c);
		if (end == p)
			is = false;
		else if (!strncmp(p, name_key, strlen(name_key)))
			is = wanted(names, n, p + strlen(name_key), (size_t)(end - p) - strlen(name_key));
		else if (is && !strncmp(p, version_key, strlen(version_key)))
			return conf_strndup(c, p + strlen(version_key), (size_t)(end - p) - strlen(version_key));
		p = *end ? end + 1 : end;
	}
	return NULL;
}

const char *conf_version(struct conf *c, const char *packages, const char *exe)
{
	const char *names[CONF_WORDS];
	unsigned n = packages ? conf_split_list(c, packages, "", names) : 0;
	struct conf_file *f;
	const char *version;

	if (!n)
		return NULL;
	f = conf_read(c, "/var/lib/dpkg/status", NULL, true);
	version = f ? look_up(c, f->text, "Package: ", "Version: ", names, n) : NULL;
	if (version)
		return version;
	f = conf_read(c, "/lib/apk/db/installed", NULL, true);
	return f ? look_up(c, f->text, "P:", "V:", names, n) : NULL;
}
