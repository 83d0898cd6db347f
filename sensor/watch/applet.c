/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/watch/applet.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "sensor/watch/args.h"

#define APPLET_MAX 32

static const char *base_of(const char *path, size_t len, size_t *ret_len)
{
	const char *slash = memrchr(path, '/', len), *base = slash ? slash + 1 : path;

	*ret_len = (size_t)(path + len - base);
	return base;
}

static bool is_many(const char *base, size_t len)
{
	static const char *const names[] = { "busybox", "busybox.static", "busybox.nosuid", "busybox.suid", "busybox-extras", "toybox", "coreutils" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strlen(names[i]) == len && !memcmp(names[i], base, len))
			return true;
	return false;
}

static bool is_plain(const char *name, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)name[i]) && !strchr("-_.[+", name[i]))
			return false;
	return len > 0 && len <= APPLET_MAX;
}

char *applet_name(const char *exe, const char *args, char *ret, size_t len)
{
	size_t n, word = strcspn(args, (char[]){ ARGS_SEPARATOR, '\0' });
	const char *base = base_of(exe, strlen(exe), &n), *name;

	snprintf(ret, len, "%s", exe);
	if (!is_many(base, n))
		return ret;
	name = base_of(args, word, &n);
	if (is_many(name, n) && args[word]) { /* "busybox wget …" */
		args += word + 1;
		name = base_of(args, strcspn(args, (char[]){ ARGS_SEPARATOR, '\0' }), &n);
	}
	if (n && *name == '-') { /* a login shell */
		name++;
		n--;
	}
	if (is_plain(name, n) && !is_many(name, n))
		snprintf(ret, len, "%s (%.*s)", exe, (int)n, name);
	return ret;
}

static size_t split(const char *name, size_t len, const char **ret_applet)
{
	const char *open = len && name[len - 1] == ')' ? memrchr(name, '(', len) : NULL;
	const char *base;
	size_t n;

	*ret_applet = NULL;
	if (!open || open - name < 2 || open[-1] != ' ')
		return len;
	base = base_of(name, (size_t)(open - 1 - name), &n);
	if (!is_many(base, n))
		return len;
	*ret_applet = open + 1;
	return (size_t)(open - 1 - name);
}

size_t applet_exe_len(const char *name, size_t len)
{
	const char *applet;

	return split(name, len, &applet);
}

bool applet_same(const char *a, size_t a_len, const char *b, size_t b_len)
{
	const char *aa, *ba;
	size_t an = split(a, a_len, &aa), bn = split(b, b_len, &ba);

	if (a_len == b_len && !memcmp(a, b, a_len))
		return true;
	return an == bn && !memcmp(a, b, an) && (!aa || !ba);
}
