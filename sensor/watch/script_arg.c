/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/watch/script_arg.h"

#include <ctype.h>
#include <string.h>

#include "base/cleanup.h"

/* How a program reads its options. A letter that stands nowhere takes nothing. */
struct interpreter {
	const char *name;        /* digits and dots may follow */
	const char *none;        /* letters after which no script is run, or not the file of that name */
	const char *next;        /* letters with an argument: the rest of the word, else the next word */
	const char *rest;        /* letters that take the rest of the word, if there is one */
	const char *digits;      /* letters that take the digits that follow */
	const char *words;       /* long options without an argument, each between blanks */
	const char *words_next;  /* long options whose argument is the next word */
	const char *file;        /* letters whose argument is the script */
	bool plus;               /* words that begin with + are options, too */
};

#define SHELL(name_) { .name = name_, .none = "csADRT", .next = "oO", .words = " posix norc noprofile login noediting verbose restricted ", \
		       .words_next = " rcfile init-file ", .plus = true }
#define PYTHON(name_) { .name = name_, .none = "cmhV?", .next = "WXQ", .words_next = " check-hash-based-pycs " }
#define NODE(name_) { .name = name_, .none = "epchv", .next = "rC", \
		      .words = " no-warnings trace-warnings enable-source-maps expose-gc inspect inspect-brk preserve-symlinks watch ", \
		      .words_next = " require import loader experimental-loader conditions env-file " }

static const struct interpreter interpreters[] = {
	SHELL("sh"), SHELL("dash"), SHELL("ash"), SHELL("bash"), SHELL("rbash"), SHELL("zsh"), SHELL("ksh"), SHELL("mksh"),
	PYTHON("python"), PYTHON("pypy"),
	{ .name = "perl", .none = "eEShvV", .next = "I", .rest = "MmxiFCDd", .digits = "l0" },
	{ .name = "ruby", .none = "eShCXyv", .next = "Ir", .rest = "EKWTFix", .digits = "l0" },
	NODE("node"), NODE("nodejs"),
	{ .name = "php", .none = "rBRESahivmsw", .next = "dcgtz", .file = "fF" },
};

struct words {
	const char *at, *end;
	bool whole;
};

/* The next argument; one that is cut is none. */
static bool word_next(struct words *w, const char **ret, size_t *ret_len)
{
	const char *nul = w->at < w->end ? memchr(w->at, 0, (size_t)(w->end - w->at)) : NULL;

	if (w->at >= w->end || (!nul && !w->whole))
		return false;
	*ret = w->at;
	*ret_len = (size_t)((nul ? nul : w->end) - w->at);
	w->at = nul ? nul + 1 : w->end;
	return true;
}

static void base_of(const char **path, size_t *len)
{
	const char *slash = memrchr(*path, '/', *len);

	if (slash) {
		*len -= (size_t)(slash + 1 - *path);
		*path = slash + 1;
	}
}

static bool is_name(const char *base, size_t len, const char *name)
{
	size_t n = strlen(name);

	if (len < n || memcmp(base, name, n) != 0)
		return false;
	for (; n < len; n++)
		if (!isdigit((unsigned char)base[n]) && base[n] != '.')
			return false;
	return true;
}

static const struct interpreter *interpreter_of(const char *base, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(interpreters); i++)
		if (is_name(base, len, interpreters[i].name))
			return &interpreters[i];
	return NULL;
}

/* BusyBox is what it is called, or what its first argument says. A login shell's name begins with "-". */
static const struct interpreter *interpreter_start(const char *exe, size_t exe_len, struct words *w)
{
	const char *name;
	size_t len;

	base_of(&exe, &exe_len);
	if (!word_next(w, &name, &len))
		return NULL;
	if (!is_name(exe, exe_len, "busybox"))
		return interpreter_of(exe, exe_len);
	base_of(&name, &len);
	while (is_name(name, len, "busybox")) {
		if (!word_next(w, &name, &len))
			return NULL;
		base_of(&name, &len);
	}
	if (len && *name == '-') {
		name++;
		len--;
	}
	return is_name(name, len, "sh") || is_name(name, len, "ash") ? interpreter_of(name, len) : NULL;
}

static bool has(const char *letters, char c)
{
	return letters && c && strchr(letters, c);
}

static bool listed(const char *list, const char *word, size_t len)
{
	for (const char *at = list; at && (at = memmem(at, strlen(at), word, len)); at++)
		if (len && at > list && at[-1] == ' ' && at[len] == ' ')
			return true;
	return false;
}

enum option { OPTION_DONE, OPTION_NEXT, OPTION_FILE, OPTION_NONE };

static enum option option_long(const struct interpreter *in, const char *word, size_t len)
{
	if (memchr(word, '=', len) || listed(in->words, word, len))
		return OPTION_DONE;
	return listed(in->words_next, word, len) ? OPTION_NEXT : OPTION_NONE;
}

/* A word of letters: -eux, -Wignore, -l012ne. */
static enum option option_letters(const struct interpreter *in, const char *word, size_t len)
{
	enum option ret = OPTION_DONE;

	for (size_t i = 0; i < len; i++) {
		if (has(in->none, word[i]) || !isalnum((unsigned char)word[i]))
			return OPTION_NONE;
		if (has(in->file, word[i]))
			return i + 1 < len ? OPTION_NONE : OPTION_FILE;
		if (has(in->rest, word[i]))
			return ret;
		if (has(in->next, word[i]) && in->plus) /* a shell's: always the next word */
			ret = ret == OPTION_NEXT ? OPTION_NONE : OPTION_NEXT;
		else if (has(in->next, word[i]))
			return i + 1 < len ? ret : OPTION_NEXT;
		if (ret == OPTION_NONE)
			return ret;
		while (has(in->digits, word[i]) && i + 1 < len && isdigit((unsigned char)word[i + 1]))
			i++;
	}
	return ret;
}

/* What a word that begins with "-" or "+" says. */
static enum option option_read(const struct interpreter *in, const char *word, size_t len)
{
	if (len > 2 && word[0] == '-' && word[1] == '-')
		return option_long(in, word + 2, len - 2);
	return option_letters(in, word + 1, len - 1);
}

size_t script_arg(const char *exe, size_t exe_len, const char *args, size_t args_len, bool whole, const char **ret)
{
	struct words w = { args, args + args_len, whole };
	const struct interpreter *in = interpreter_start(exe, exe_len, &w);
	const char *word;
	size_t len;

	while (in && word_next(&w, &word, &len)) {
		enum option o;

		if (len == 2 && !memcmp(word, "--", 2)) { /* PHP's arguments follow it */
			in = !in->file && word_next(&w, &word, &len) ? in : NULL;
			o = OPTION_FILE;
		} else if (len == 1 && *word == '-') { /* standard input; a shell's end of options */
			in = in->plus && word_next(&w, &word, &len) ? in : NULL;
			o = OPTION_FILE;
		} else if (len && (*word == '-' || (*word == '+' && in->plus))) {
			o = option_read(in, word, len);
			if (o == OPTION_NONE || (o != OPTION_DONE && !word_next(&w, &word, &len)))
				return 0;
		} else {
			o = OPTION_FILE;
		}
		if (o == OPTION_FILE && in) {
			*ret = word;
			return len;
		}
	}
	return 0;
}

bool script_is_with_programs(const char *path)
{
	static const char *const places[] = { "/usr/", "/bin/", "/sbin/", "/etc/", "/lib", "/opt/" };

	if (strstr(path, "/../")) /* /usr/../tmp/x */
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (!strncmp(path, places[i], strlen(places[i])))
			return true;
	return false;
}

static bool is_word_end(char c)
{
	return !c || strchr(" \t\n;|&<>()'\"`=", c);
}

bool script_is_named_in(const char *script, const char *text)
{
	size_t n = strlen(script);

	for (const char *at = text; n && (at = strstr(at, script)); at++)
		if (is_word_end(at[n]) && (at == text || is_word_end(at[-1]) || (script[0] != '/' && at[-1] == '/')))
			return true;
	return false;
}
