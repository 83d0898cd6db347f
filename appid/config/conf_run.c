/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a program's own command line says. */
#include <string.h>

#include "appid/config/conf.h"

/* Does argv[i] give the flag? *ret_value: in the same word, or NULL: the next word. */
static bool matches(const char *arg, const char *name, bool is_long, const char **ret_value)
{
	size_t n = strlen(name);

	if (strncmp(arg, name, n) != 0)
		return false;
	if (!arg[n]) {
		*ret_value = NULL;
		return true;
	}
	if (is_long && arg[n] != '=')
		return false;
	*ret_value = arg + n + (is_long ? 1 : 0);
	return true;
}

const char *conf_flag_next(struct conf *c, const struct conf_run *r, const char *short_name, const char *long_name, unsigned *at,
			   const char **ret_source)
{
	for (unsigned i = *at ? *at : 1; i < r->argc; i++) {
		const char *value = NULL, *name = NULL;

		if (long_name && matches(r->argv[i], long_name, true, &value))
			name = long_name;
		else if (short_name && matches(r->argv[i], short_name, false, &value))
			name = short_name;
		if (!name)
			continue;
		if (!value && i + 1 == r->argc)
			break;
		if (!value)
			value = r->argv[++i];
		*at = i + 1;
		if (ret_source)
			*ret_source = conf_printf(c, "flag:%s %s", name, value);
		return value;
	}
	*at = r->argc;
	return NULL;
}

const char *conf_flag(struct conf *c, const struct conf_run *r, const char *short_name, const char *long_name, const char **ret_source)
{
	const char *last = NULL, *v, *source;
	unsigned at = 0;

	while ((v = conf_flag_next(c, r, short_name, long_name, &at, &source))) {
		last = v;
		if (ret_source)
			*ret_source = source;
	}
	return last;
}

bool conf_switch(const struct conf_run *r, char short_name, const char *long_name)
{
	for (unsigned i = 1; i < r->argc; i++) {
		const char *a = r->argv[i];

		if (long_name && !strcmp(a, long_name))
			return true;
		if (short_name && a[0] == '-' && a[1] != '-' && strchr(a + 1, short_name))
			return true;
	}
	return false;
}

const char *conf_env_of(const struct conf_var *env, const char *name)
{
	for (; env; env = env->next)
		if (!strcmp(env->name, name))
			return env->value;
	return NULL;
}

const char *conf_env(const struct conf_run *r, const char *name)
{
	return conf_env_of(r->env, name);
}
