/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Builtins of the shell and test(1). */
#include <ctype.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "appid/config/conf_shell.h"

static enum shell_truth truth(bool b)
{
	return b ? SHELL_YES : SHELL_NO;
}

static enum shell_truth not(enum shell_truth t)
{
	return t == SHELL_MAYBE ? t : t == SHELL_NO ? SHELL_YES : SHELL_NO;
}

static enum shell_truth test_file(struct shell *s, char op, const char *path)
{
	path = conf_path(s->c, s->cwd, path);
	if (strchr("hL", op))
		return truth(conf_link(s->c, path) != NULL);
	if (strchr("dfeprwxsS", op) == NULL)
		return SHELL_MAYBE;
	if (!conf_exists(s->c, path))
		return SHELL_NO;
	if (op == 'd' || op == 'f')
		return truth(op == 'd' ? conf_is_dir(s->c, path) : conf_is_file(s->c, path));
	return op == 'e' || op == 'r' || op == 's' || op == 'x' ? SHELL_YES : SHELL_MAYBE;
}

static enum shell_truth test_pair(struct shell *s, const char *a, const char *op, const char *b)
{
	long x, y;

	if (!conf_is_known(a) || !conf_is_known(b))
		return SHELL_MAYBE;
	if (!strcmp(op, "="))
		return truth(!strcmp(a, b));
	if (!strcmp(op, "=="))
		return truth(fnmatch(b, a, 0) == 0);
	if (!strcmp(op, "!="))
		return truth(strcmp(a, b) != 0 && fnmatch(b, a, 0) != 0);
	if (op[0] != '-' || strlen(op) != 3)
		return SHELL_MAYBE;
	x = strtol(a, NULL, 10);
	y = strtol(b, NULL, 10);
	return truth(!strcmp(op, "-eq") ? x == y : !strcmp(op, "-ne") ? x != y : !strcmp(op, "-lt") ? x < y :
		     !strcmp(op, "-le") ? x <= y : !strcmp(op, "-gt") ? x > y : x >= y);
}

static enum shell_truth test_one(struct shell *s, const char **argv, unsigned argc)
{
	if (argc && !strcmp(argv[0], "!"))
		return not(test_one(s, argv + 1, argc - 1));
	if (argc >= 2 && !strcmp(argv[0], "(") && !strcmp(argv[argc - 1], ")"))
		return shell_test(s, argv + 1, argc - 2);
	if (argc == 3)
		return test_pair(s, argv[0], argv[1], argv[2]);
	if (argc == 2 && argv[0][0] == '-' && argv[0][1] && !argv[0][2]) {
		if (argv[0][1] == 'v')
			return truth(shell_get(s, argv[1]) != NULL);
		if (!conf_is_known(argv[1]))
			return SHELL_MAYBE;
		if (argv[0][1] == 'z' || argv[0][1] == 'n')
			return truth((argv[0][1] == 'z') == !argv[1][0]);
		return argv[0][1] == 't' ? SHELL_NO : test_file(s, argv[0][1], argv[1]);
	}
	if (argc == 1)
		return conf_is_known(argv[0]) ? truth(argv[0][0] != '\0') : SHELL_MAYBE;
	return argc ? SHELL_MAYBE : SHELL_NO;
}

static bool is_op(const char *w, const char *a, const char *b)
{
	return !strcmp(w, a) || !strcmp(w, b);
}

/* "or" binds less than "and". */
enum shell_truth shell_test(struct shell *s, const char **argv, unsigned argc)
{
	for (int level = 0; level < 2; level++)
		for (unsigned i = 1; i + 1 < argc; i++) {
			enum shell_truth a, b;

			if (!(level ? is_op(argv[i], "-a", "&&") : is_op(argv[i], "-o", "||")) || s->depth > SHELL_DEPTH)
				continue;
			s->depth++;
			a = shell_test(s, argv, i);
			b = shell_test(s, argv + i + 1, argc - i - 1);
			s->depth--;
			if (level)
				return a == SHELL_NO || b == SHELL_NO ? SHELL_NO : a == SHELL_YES && b == SHELL_YES ? SHELL_YES : SHELL_MAYBE;
			return a == SHELL_YES || b == SHELL_YES ? SHELL_YES : a == SHELL_NO && b == SHELL_NO ? SHELL_NO : SHELL_MAYBE;
		}
	return test_one(s, argv, argc);
}

/* "NAME=value" words of export, readonly, declare, local. */
static void declare(struct shell *s, const char **argv, unsigned argc, bool exported)
{
	for (unsigned i = 1; i < argc; i++) {
		const char *equals = strchr(argv[i], '='), *name;

		if (argv[i][0] == '-') {
			exported |= strchr(argv[i], 'x') != NULL;
			continue;
		}
		name = equals ? conf_strndup(s->c, argv[i], (size_t)(equals - argv[i])) : argv[i];
		if (equals || (exported && shell_get(s, name)))
			shell_set(s, name, equals ? equals + 1 : shell_get(s, name), exported);
	}
}

static void set_options(struct shell *s, const char **argv, unsigned argc)
{
	for (unsigned i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--")) {
			if (s->maybe)
				return; /* the arguments stay what they were */
			shell_args(s, s->arg_count ? s->args[0] : "sh", argv + i + 1, argc - i - 1);
			return;
		}
		if ((argv[i][0] == '-' || argv[i][0] == '+') && !strncmp(argv[i] + 1, "a", 1))
			s->all_exported = argv[i][0] == '-';
		if ((argv[i][0] == '-' || argv[i][0] == '+') && strchr(argv[i], 'o'))
			i++;
	}
}

static void source(struct shell *s, const char *path)
{
	struct conf_file *f = conf_read(s->c, conf_path(s->c, s->cwd, path), "scripts", true);

	if (f && s->depth < SHELL_DEPTH) {
		s->depth++;
		shell_run(s, f->text);
		s->returning = false;
		s->depth--;
	}
}

static void unset(struct shell *s, const char **argv, unsigned argc)
{
	for (unsigned i = 1; i < argc; i++)
		for (struct shell_var *v = s->vars; v; v = v->next)
			if (!strcmp(v->name, argv[i]))
				v->value = NULL;
}

static void shift(struct shell *s, unsigned n)
{
	if (s->arg_count > n && !s->maybe) {
		s->args[n] = s->args[0];
		s->args += n;
		s->arg_count -= n;
	}
}

bool shell_builtin(struct shell *s, const char **argv, unsigned argc, enum shell_truth *ret)
{
	static const char *const idle[] = { ":", "true", "echo", "printf", "trap", "ulimit", "umask", "wait", "read", "shopt", "alias", "hash",
					    "getopts", "let", "type", "builtin", "times", "jobs", "fg", "bg", "break", "continue", "sleep" };
	const char *name = argv[0];

	*ret = SHELL_YES;
	for (size_t i = 0; i < ARRAY_SIZE(idle); i++)
		if (!strcmp(name, idle[i])) {
			*ret = !strcmp(name, "read") || !strcmp(name, "getopts") || !strcmp(name, "type") ? SHELL_MAYBE : SHELL_YES;
			return true;
		}
	if (!strcmp(name, "false"))
		*ret = SHELL_NO;
	else if (!strcmp(name, "[") || !strcmp(name, "test") || !strcmp(name, "[[")) {
		*ret = shell_test(s, argv + 1, argc - 1 - (*name == '[' && argc > 1));
		s->tested = true;
	} else if (!strcmp(name, "export") || !strcmp(name, "readonly") || !strcmp(name, "declare") || !strcmp(name, "local") ||
		 !strcmp(name, "typeset"))
		declare(s, argv, argc, !strcmp(name, "export"));
	else if (!strcmp(name, "unset"))
		unset(s, argv, argc);
	else if (!strcmp(name, "set"))
		set_options(s, argv, argc);
	else if (!strcmp(name, "shift"))
		shift(s, argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 1);
	else if ((!strcmp(name, ".") || !strcmp(name, "source")) && argc > 1)
		source(s, argv[1]);
	else if (!strcmp(name, "cd"))
		s->cwd = argc > 1 ? conf_path(s->c, s->cwd, argv[1]) : s->cwd;
	else if (!strcmp(name, "exit"))
		s->ended = s->ended || !s->maybe;
	else if (!strcmp(name, "return"))
		s->returning = s->returning || !s->maybe;
	else
		return false;
	return true;
}
