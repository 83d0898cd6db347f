/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A shell that does nothing: reads start scripts and follows what can be known without running anything: assignments, if, case, for, functions,
 * "set --", ". file", exec. What a command would print or return is unknown, except for a few whose answer is plain (id -u: 0). A condition
 * that is not known is followed with care: what is assigned there becomes unknown, what is started there is only a candidate. */
#ifndef PG_APPID_CONFIG_CONF_SHELL_H
#define PG_APPID_CONFIG_CONF_SHELL_H

#include "appid/config/conf.h"

/* Not a variable of the shell: the user id behind a wrapper that changed it; unset: 0, since images start as root unless said otherwise. */
#define SHELL_UID "?uid"

enum shell_truth { SHELL_NO, SHELL_YES, SHELL_MAYBE };

struct shell_var {
	const char *name, *value;
	bool exported;
	struct shell_var *next;
};

struct shell_function {
	const char *name, *body;
	struct shell_function *next;
};

enum { SHELL_STEPS = 20000, SHELL_DEPTH = 24, SHELL_ARGS = 512, SHELL_TEXT = 256 << 10 };

struct shell {
	struct conf *c;
	struct shell_var *vars;
	struct shell_function *functions;
	const char **args; /* $0 $1 …, NULL at the end */
	unsigned arg_count;
	const char *cwd;
	unsigned depth, steps, maybe; /* inside how many unknown conditions */
	bool ended, returning, all_exported, tested; /* tested: the last command was a test */
	/* A command that is no builtin and no function. exec: it replaces the shell. Returns what its status would be. */
	enum shell_truth (*command)(struct shell *s, const char **argv, unsigned argc, bool exec);
	void *arg;
};

void shell_init(struct shell *s, struct conf *c, const struct conf_var *env);
void shell_run(struct shell *s, const char *text);
void shell_set(struct shell *s, const char *name, const char *value, bool exported);
const char *shell_get(const struct shell *s, const char *name);
/* Exported variables, for a program; source "env:NAME". */
const struct conf_var *shell_env(struct shell *s);
/* Takes argv (without $0) as "$@". */
void shell_args(struct shell *s, const char *zero, const char *const *argv, unsigned argc);

/* ---- conf_shell_words.c ---- */
/* One raw word (quotes, $…) to fields; how many were added. quoted: no splitting. */
unsigned shell_expand(struct shell *s, const char *raw, const char **fields, unsigned max, bool split);
const char *shell_expand_one(struct shell *s, const char *raw);
/* Length of the "$(…)", "${…}", `…`, '…' or "…" that begins at p; 1 if none does. */
size_t shell_quoted_len(const char *p);

/* ---- conf_shell_builtin.c ---- */
/* True: argv[0] is a builtin; *ret is its status. */
bool shell_builtin(struct shell *s, const char **argv, unsigned argc, enum shell_truth *ret);
enum shell_truth shell_test(struct shell *s, const char **argv, unsigned argc);

#endif
