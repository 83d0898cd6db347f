/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The grammar: lists, conditions, loops, functions. Reads and follows at once; what is not to be followed is read all the same. */
#include "appid/config/conf_shell.h"

#include <ctype.h>
#include <fnmatch.h>
#include <string.h>

/* A place in a text. */
struct reader {
	struct shell *s;
	const char *p;
	bool run; /* false: only to find where it ends */
	const char *heredoc; /* delimiter of one that begins after this line; NULL: none */
};

static enum shell_truth list(struct reader *r, const char *const *ends);
static enum shell_truth pipeline(struct reader *r);

/* ---- variables --------------------------------------------------------------------------------------------- */
void shell_set(struct shell *s, const char *name, const char *value, bool exported)
{
	struct shell_var *v;

	exported |= s->all_exported;
	for (v = s->vars; v && strcmp(v->name, name) != 0; v = v->next)
		;
	if (!v) {
		v = conf_alloc(s->c, sizeof(*v));
		v->name = conf_strdup(s->c, name);
		v->next = s->vars;
		s->vars = v;
	}
	if (s->maybe && (!v->value || strcmp(v->value, value) != 0))
		value = "\1"; /* it may be this, or what it was */
	v->value = conf_strdup(s->c, value);
	v->exported |= exported;
}

const char *shell_get(const struct shell *s, const char *name)
{
	for (const struct shell_var *v = s->vars; v; v = v->next)
		if (!strcmp(v->name, name))
			return v->value;
	return NULL;
}

const struct conf_var *shell_env(struct shell *s)
{
	struct conf_var *first = NULL, **end = &first;

	for (const struct shell_var *v = s->vars; v; v = v->next) {
		if (!v->exported || !v->value)
			continue;
		*end = conf_alloc(s->c, sizeof(**end));
		**end = (struct conf_var){ .name = v->name, .value = v->value, .source = conf_printf(s->c, "env:%s", v->name) };
		end = &(*end)->next;
	}
	return first;
}

void shell_args(struct shell *s, const char *zero, const char *const *argv, unsigned argc)
{
	const char **copy = conf_alloc(s->c, (argc + 2) * sizeof(*copy));

	copy[0] = zero;
	for (unsigned i = 0; i < argc; i++)
		copy[i + 1] = argv[i];
	s->args = copy;
	s->arg_count = argc + 1;
}

void shell_init(struct shell *s, struct conf *c, const struct conf_var *env)
{
	*s = (struct shell){ .c = c, .cwd = "/" };
	shell_args(s, "sh", NULL, 0);
	for (; env; env = env->next)
		shell_set(s, env->name, env->value, true);
}

/* ---- reading -------------------------------------------------------------------------------------------------- */
static void skip_heredoc(struct reader *r)
{
	const char *word = r->heredoc;
	size_t len = strlen(word);

	r->heredoc = NULL;
	while (*r->p) {
		const char *end = strchrnul(r->p, '\n'), *p = r->p;

		while (*p == '\t')
			p++;
		r->p = *end ? end + 1 : end;
		if ((size_t)(end - p) == len && !memcmp(p, word, len))
			return;
	}
}

static void blanks(struct reader *r)
{
	for (;;) {
		if (*r->p == ' ' || *r->p == '\t' || *r->p == '\r')
			r->p++;
		else if (r->p[0] == '\\' && r->p[1] == '\n')
			r->p += 2;
		else if (*r->p == '#')
			r->p += strcspn(r->p, "\n");
		else
			return;
	}
}

/* Blanks, line ends and ";" before a command. */
static void separators(struct reader *r)
{
	for (;;) {
		blanks(r);
		if (*r->p == '\n') {
			r->p++;
			if (r->heredoc)
				skip_heredoc(r);
		} else if ((*r->p == ';' || *r->p == '&') && r->p[1] != *r->p) {
			r->p++;
		} else {
			return;
		}
	}
}

static bool is_meta(char ch)
{
	return !ch || strchr(" \t\r\n;&|<>()", ch);
}

/* The next raw word; NULL: an operator or the end stands here. */
static const char *word(struct reader *r)
{
	const char *begin;

	blanks(r);
	begin = r->p;
	while (!is_meta(*r->p))
		r->p += shell_quoted_len(r->p);
	return r->p > begin ? conf_strndup(r->s->c, begin, (size_t)(r->p - begin)) : NULL;
}

/* Is the next word this one? It is not taken. */
static bool sees(struct reader *r, const char *name)
{
	size_t n = strlen(name);

	blanks(r);
	return !strncmp(r->p, name, n) && (is_meta(r->p[n]) || *name == ';' || *name == ')');
}

static bool takes(struct reader *r, const char *name)
{
	if (!sees(r, name))
		return false;
	r->p += strlen(name);
	return true;
}

static bool sees_any(struct reader *r, const char *const *names)
{
	for (; names && *names; names++)
		if (sees(r, *names))
			return true;
	return false;
}

/* "2>&1", "> file", "<<EOF", "<<<word": nothing is redirected. False: none stands here. */
static bool redirection(struct reader *r)
{
	const char *p;
	bool here;

	blanks(r);
	p = r->p;
	while (isdigit((unsigned char)*p))
		p++;
	if (p[0] == '&' && p[1] == '>')
		p++;
	if (*p != '<' && *p != '>')
		return false;
	here = p[0] == '<' && p[1] == '<' && p[2] != '<';
	p += strspn(p, "<>");
	if (*p == '&' || *p == '|' || (here && *p == '-'))
		p++;
	r->p = p;
	if (*p == '(') { /* <(command) */
		r->p = p + strcspn(p, ")\n");
		r->p += *r->p == ')';
		return true;
	}
	if (here) {
		const char *w = word(r), *save;

		save = w ? shell_expand_one(r->s, strpbrk(w, "$`") ? "EOF" : w) : "EOF";
		r->heredoc = save;
	} else {
		(void)word(r);
	}
	return true;
}

/* ---- commands --------------------------------------------------------------------------------------------------- */
static bool is_assignment(const char *w)
{
	size_t n = 0;

	while (isalnum((unsigned char)w[n]) || w[n] == '_')
		n++;
	return n && !isdigit((unsigned char)w[0]) && (w[n] == '=' || (w[n] == '+' && w[n + 1] == '='));
}

static void assign(struct shell *s, const char *w, bool exported)
{
	const char *equals = strchr(w, '='), *name, *value = shell_expand_one(s, equals + 1), *before;
	bool add = equals[-1] == '+';

	name = conf_strndup(s->c, w, (size_t)(equals - w - (add ? 1 : 0)));
	before = add ? shell_get(s, name) : NULL;
	shell_set(s, name, before ? conf_printf(s->c, "%s%s", before, value) : value, exported);
}

static enum shell_truth call(struct shell *s, const struct shell_function *f, const char **argv, unsigned argc)
{
	const char **args = s->args;
	unsigned count = s->arg_count;

	if (s->depth >= SHELL_DEPTH)
		return SHELL_MAYBE;
	s->depth++;
	shell_args(s, count ? args[0] : "sh", argv + 1, argc - 1);
	shell_run(s, f->body);
	s->returning = false;
	s->args = args;
	s->arg_count = count;
	s->depth--;
	return SHELL_MAYBE;
}

static enum shell_truth invoke(struct shell *s, const char **argv, unsigned argc)
{
	bool exec = !strcmp(argv[0], "exec");
	enum shell_truth status;

	if (exec || !strcmp(argv[0], "command") || !strcmp(argv[0], "eval")) {
		const char *joined = "";

		if (!strcmp(argv[0], "command") && argc > 1 && argv[1][0] == '-')
			return SHELL_MAYBE;
		if (!strcmp(argv[0], "eval")) {
			for (unsigned i = 1; i < argc; i++)
				joined = conf_printf(s->c, "%s%s ", joined, argv[i]);
			if (conf_is_known(joined) && s->depth < SHELL_DEPTH) {
				s->depth++;
				shell_run(s, joined);
				s->depth--;
			}
			return SHELL_MAYBE;
		}
		argv++;
		argc--;
		while (exec && argc && argv[0][0] == '-') { /* exec -a name, -c, -l */
			unsigned skip = !strcmp(argv[0], "-a") && argc > 1 ? 2 : 1;

			argv += skip;
			argc -= skip;
		}
		if (!argc)
			return SHELL_YES;
	}
	for (const struct shell_function *f = s->functions; f && !exec; f = f->next)
		if (!strcmp(f->name, argv[0]))
			return call(s, f, argv, argc);
	s->tested = false;
	if (!exec && shell_builtin(s, argv, argc, &status))
		return status;
	status = s->command(s, argv, argc, exec);
	if (exec && !s->maybe)
		s->ended = true;
	return status;
}

static unsigned expand_into(struct reader *r, const char *w, const char **argv, unsigned n, bool tests)
{
	struct shell *s = r->s;
	const char **files;
	unsigned count;

	if (!tests && *w == '/' && strpbrk(w, "*?[") && !strpbrk(w, "\"'\\")) {
		files = conf_glob(s->c, shell_expand_one(s, w), &count);
		for (unsigned i = 0; i < count && n + 1 < SHELL_ARGS; i++)
			argv[n++] = files[i];
		if (count)
			return n;
	}
	return n + shell_expand(s, w, argv + n, SHELL_ARGS - 1 - n, !tests);
}

/* "[[ … ]]": && || ( ) < > are words there. */
static void test_words(struct reader *r, const char **argv, unsigned *n)
{
	while (*r->p && *n + 1 < SHELL_ARGS) {
		const char *w;

		while (*r->p == '\n' || *r->p == ' ' || *r->p == '\t' || (r->p[0] == '\\' && r->p[1] == '\n'))
			r->p += *r->p == '\\' ? 2 : 1;
		if (!strncmp(r->p, "&&", 2) || !strncmp(r->p, "||", 2)) {
			argv[(*n)++] = *r->p == '&' ? "&&" : "||";
			r->p += 2;
			continue;
		}
		w = word(r);
		if (!w && !*r->p)
			return;
		if (!w) {
			argv[(*n)++] = conf_strndup(r->s->c, r->p++, 1);
			continue;
		}
		/* A comparison's empty side is a word too. */
		argv[*n] = shell_expand_one(r->s, w);
		(*n)++;
		if (!strcmp(w, "]]"))
			return;
	}
}

static enum shell_truth simple(struct reader *r)
{
	const char **argv = conf_alloc(r->s->c, SHELL_ARGS * sizeof(*argv)), *w, *assigned[32];
	unsigned n = 0, assignments = 0;
	const char *begin = r->p;

	for (;;) {
		if (redirection(r))
			continue;
		w = word(r);
		if (!w && *r->p == '(' && n == 0 && assignments) { /* NAME=(…): arrays are not kept */
			r->p += strcspn(r->p, ")");
			r->p += *r->p == ')';
			continue;
		}
		if (!w)
			break;
		if (!n && is_assignment(w)) {
			if (assignments < ARRAY_SIZE(assigned))
				assigned[assignments++] = w;
		} else if (r->run) {
			n = expand_into(r, w, argv, n, n && !strcmp(argv[0], "[["));
			if (n == 1 && !strcmp(w, "[["))
				test_words(r, argv, &n);
		} else if (!n++ && !strcmp(w, "[[")) {
			const char *skip[SHELL_ARGS];
			unsigned skipped = 0;

			test_words(r, skip, &skipped);
		}
	}
	if (r->p == begin && *r->p)
		r->p++; /* an operator that no command begins with */
	if (!r->run)
		return SHELL_MAYBE;
	for (unsigned i = 0; i < assignments; i++)
		assign(r->s, assigned[i], n > 0);
	argv[n] = NULL;
	return n ? invoke(r->s, argv, n) : SHELL_YES;
}

/* ---- compound commands --------------------------------------------------------------------------------------- */
/* Follows the list, or only reads it. unknown: the condition that led here is not known. */
static enum shell_truth branch(struct reader *r, enum shell_truth taken, const char *const *ends)
{
	bool run = r->run;
	enum shell_truth status;

	r->run = run && taken != SHELL_NO;
	r->s->maybe += taken == SHELL_MAYBE;
	status = list(r, ends);
	r->s->maybe -= taken == SHELL_MAYBE;
	r->run = run;
	return status;
}

static enum shell_truth command_if(struct reader *r)
{
	static const char *const then_ends[] = { "then", NULL }, *const ends[] = { "elif", "else", "fi", NULL }, *const fi[] = { "fi", NULL };
	enum shell_truth left = SHELL_YES, is; /* left: may a later branch still be taken? */

	do {
		is = branch(r, left, then_ends);
		takes(r, "then");
		if (left == SHELL_NO)
			is = SHELL_NO;
		else if (left == SHELL_MAYBE && is == SHELL_YES)
			is = SHELL_MAYBE;
		branch(r, is, ends);
		left = is == SHELL_YES ? SHELL_NO : is == SHELL_MAYBE && left != SHELL_NO ? SHELL_MAYBE : left;
	} while (takes(r, "elif"));
	if (takes(r, "else"))
		branch(r, left, fi);
	takes(r, "fi");
	return SHELL_MAYBE;
}

static enum shell_truth command_while(struct reader *r)
{
	static const char *const do_ends[] = { "do", NULL }, *const ends[] = { "done", NULL };

	branch(r, SHELL_MAYBE, do_ends);
	takes(r, "do");
	branch(r, SHELL_MAYBE, ends);
	takes(r, "done");
	return SHELL_MAYBE;
}

static enum shell_truth command_for(struct reader *r)
{
	static const char *const ends[] = { "done", NULL };
	const char *values[SHELL_ARGS], *name = word(r), *w, *body;
	unsigned n = 0;

	separators(r);
	if (takes(r, "in"))
		while ((w = word(r)))
			n = r->run ? expand_into(r, w, values, n, false) : 0;
	else if (r->run)
		for (unsigned i = 1; i < r->s->arg_count && n < SHELL_ARGS; i++)
			values[n++] = r->s->args[i];
	separators(r);
	takes(r, "do");
	body = r->p;
	branch(r, SHELL_NO, ends); /* to find the end */
	for (unsigned i = 0; name && r->run && i < n && i < 64 && !r->s->ended; i++) {
		struct reader again = { .s = r->s, .p = body, .run = true };

		shell_set(r->s, name, values[i], false);
		list(&again, ends);
	}
	takes(r, "done");
	return SHELL_MAYBE;
}

static enum shell_truth command_case(struct reader *r)
{
	static const char *const ends[] = { ";;", "esac", NULL };
	const char *raw = word(r), *value = raw && r->run ? shell_expand_one(r->s, raw) : "";
	enum shell_truth left = r->run ? SHELL_YES : SHELL_NO;

	separators(r);
	takes(r, "in");
	for (;;) {
		enum shell_truth is = SHELL_NO;
		const char *pattern;

		separators(r);
		if (!*r->p || takes(r, "esac"))
			return SHELL_MAYBE;
		r->p += *r->p == '(';
		while ((pattern = word(r))) {
			const char *p = r->run ? shell_expand_one(r->s, pattern) : "";

			if (!conf_is_known(value) || !conf_is_known(p))
				is = is == SHELL_YES ? is : !strcmp(p, "*") ? SHELL_YES : SHELL_MAYBE;
			else if (fnmatch(p, value, 0) == 0)
				is = SHELL_YES;
			blanks(r);
			if (*r->p != '|')
				break;
			r->p++;
		}
		blanks(r);
		if (*r->p == ')' || (*r->p && !pattern))
			r->p++;
		if (left == SHELL_NO)
			is = SHELL_NO;
		else if (left == SHELL_MAYBE && is == SHELL_YES)
			is = SHELL_MAYBE;
		branch(r, is, ends);
		left = is == SHELL_YES ? SHELL_NO : is == SHELL_MAYBE ? SHELL_MAYBE : left;
		takes(r, ";;");
	}
}

/* "name() { … }" or "function name { … }": kept as text. False: it is none. */
static bool function(struct reader *r)
{
	static const char *const ends[] = { "}", NULL };
	const char *before = r->p, *body, *name;
	struct shell_function *f;
	bool keyword = takes(r, "function");

	name = word(r);
	blanks(r);
	if (!name || (!keyword && strncmp(r->p, "()", 2) != 0 && strncmp(r->p, "( )", 3) != 0)) {
		r->p = before;
		return false;
	}
	if (*r->p == '(')
		r->p += strcspn(r->p, ")") + 1;
	separators(r);
	if (!takes(r, "{") && !takes(r, "("))
		return true;
	body = r->p;
	branch(r, SHELL_NO, ends);
	if (r->run) {
		f = conf_alloc(r->s->c, sizeof(*f));
		*f = (struct shell_function){ name, conf_strndup(r->s->c, body, (size_t)(r->p - body)), r->s->functions };
		r->s->functions = f;
	}
	takes(r, "}");
	return true;
}

static enum shell_truth command(struct reader *r)
{
	static const char *const brace[] = { "}", NULL }, *const paren[] = { ")", NULL };
	enum shell_truth status;

	if (++r->s->steps > SHELL_STEPS)
		conf_leave(r->s->c, "a script too long to follow");
	conf_tick(r->s->c);
	if (takes(r, "!")) {
		status = pipeline(r);
		return status == SHELL_MAYBE ? status : status == SHELL_NO ? SHELL_YES : SHELL_NO;
	}
	if (takes(r, "if"))
		return command_if(r);
	if (takes(r, "while") || takes(r, "until"))
		return command_while(r);
	if (takes(r, "for"))
		return command_for(r);
	if (takes(r, "case"))
		return command_case(r);
	if (takes(r, "{")) {
		status = list(r, brace);
		takes(r, "}");
		return status;
	}
	blanks(r);
	if (!strncmp(r->p, "((", 2)) {
		const char *end = strstr(r->p, "))");

		r->p = end ? end + 2 : r->p + 2;
		return SHELL_MAYBE;
	}
	if (*r->p == '(') {
		r->p++;
		status = list(r, paren);
		r->p += *r->p == ')';
		return status;
	}
	if (function(r))
		return SHELL_YES;
	return simple(r);
}

static enum shell_truth pipeline(struct reader *r)
{
	enum shell_truth status;

	if (r->s->depth >= SHELL_DEPTH * 2)
		conf_leave(r->s->c, "a script too deep to follow");
	r->s->depth++;
	status = command(r);
	while (redirection(r))
		;
	blanks(r);
	while (r->p[0] == '|' && r->p[1] != '|') {
		r->p += r->p[1] == '&' ? 2 : 1;
		while (*r->p == '\n' || *r->p == ' ' || *r->p == '\t')
			r->p++;
		status = command(r);
		status = status == SHELL_NO ? SHELL_MAYBE : status;
		while (redirection(r))
			;
		blanks(r);
	}
	r->s->depth--;
	return status;
}

static enum shell_truth and_or(struct reader *r)
{
	enum shell_truth status = pipeline(r);

	for (;;) {
		enum shell_truth run, next;
		bool and, was = r->run;

		blanks(r);
		and = !strncmp(r->p, "&&", 2);
		if (!and && strncmp(r->p, "||", 2) != 0)
			return status;
		r->p += 2;
		separators(r);
		run = and ? status : status == SHELL_MAYBE ? SHELL_MAYBE : status == SHELL_YES ? SHELL_NO : SHELL_YES;
		/* "prepare && start": a command that is no test is taken to work. */
		if (and && run == SHELL_MAYBE && !r->s->tested)
			run = SHELL_YES;
		r->run = was && run != SHELL_NO;
		r->s->maybe += run == SHELL_MAYBE;
		next = pipeline(r);
		r->s->maybe -= run == SHELL_MAYBE;
		r->run = was;
		status = run == SHELL_NO ? status : run == SHELL_MAYBE ? SHELL_MAYBE : next;
	}
}

static enum shell_truth list(struct reader *r, const char *const *ends)
{
	enum shell_truth status = SHELL_YES;

	for (;;) {
		const char *before;

		separators(r);
		if (!*r->p || sees_any(r, ends))
			return status;
		if (!ends && *r->p == ')')
			r->p++;
		if (r->s->ended || r->s->returning)
			r->run = false;
		before = r->p;
		status = and_or(r);
		if (r->p == before && *r->p)
			r->p++;
	}
}

void shell_run(struct shell *s, const char *text)
{
	struct reader r = { .s = s, .p = text, .run = true };

	list(&r, NULL);
}
