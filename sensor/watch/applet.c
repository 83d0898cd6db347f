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
	while (is_many(name, n) && args[word]) { /* "busybox wget …", "busybox busybox wget …" */
		args += word + 1;
		word = strcspn(args, (char[]){ ARGS_SEPARATOR, '\0' });
		name = base_of(args, word, &n);
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

bool applet_is_unknown(const char *name)
{
	size_t n;
	const char *base = base_of(name, strlen(name), &n);

	return is_many(base, n);
}

/* Programs that read what they do from a file that they are given. */
static bool reads_scripts(const char *base, size_t len)
{
	static const char *const names[] = { "sh", "dash", "bash", "ash", "zsh", "ksh", "python", "perl", "ruby", "php", "lua", "node", "nodejs" };

	while (len && (isdigit((unsigned char)base[len - 1]) || base[len - 1] == '.'))
		len--; /* python3.11, php8.2 */
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strlen(names[i]) == len && !memcmp(names[i], base, len))
			return true;
	return false;
}

/* Options by which the program itself stands in the arguments, is a module's, or comes from elsewhere. */
static bool is_inline(const char *word, size_t len)
{
	static const char *const options[] = { "--eval", "--print", "--command", "--run", "--interactive", "--version", "--help" };

	if (len == 1) /* "-": the standard input */
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		if (strlen(options[i]) <= len && !memcmp(options[i], word, strlen(options[i])))
			return true;
	return word[1] != '-' && memchr(word, '-', len) == word &&
	       (memchr(word, 'c', len) || memchr(word, 'e', len) || memchr(word, 'E', len) || memchr(word, 'm', len) || memchr(word, 's', len) ||
		memchr(word, 'p', len) || memchr(word, 'r', len));
}

bool applet_script(const char *exe, const char *args, const char *script, char *ret, size_t len)
{
	const char sep[] = { ARGS_SEPARATOR, '\0' };
	const char *base, *word;
	size_t n;

	base = base_of(exe, strlen(exe), &n);
	if (is_many(base, n)) {
		base = base_of(args, strcspn(args, sep), &n);
		while (is_many(base, n) && args[strcspn(args, sep)]) {
			args += strcspn(args, sep) + 1;
			base = base_of(args, strcspn(args, sep), &n);
		}
	}
	if (!reads_scripts(base, n))
		return false;
	if (script[0]) {
		snprintf(ret, len, "%s", script);
		return true;
	}
	word = args + strcspn(args, sep);
	while (*word == ARGS_SEPARATOR) {
		word++;
		n = strcspn(word, sep);
		if (n && word[0] != '-') {
			snprintf(ret, len, "%.*s", (int)n, word);
			return true;
		}
		if (n && is_inline(word, n))
			return false;
		word += n;
	}
	return false;
}
