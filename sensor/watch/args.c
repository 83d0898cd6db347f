/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/watch/args.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"

size_t args_escape(const char *text, size_t len, char *ret, size_t size)
{
	static const char hex[] = "0123456789abcdef";
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c >= 0x20 && c != 0x7f && c != '\\') {
			if (n + 1 >= size)
				break;
			ret[n++] = (char)c;
			continue;
		}
		if (n + 4 >= size)
			break;
		ret[n++] = '\\';
		ret[n++] = 'x';
		ret[n++] = hex[c >> 4];
		ret[n++] = hex[c & 15];
	}
	ret[n] = '\0';
	return n;
}

struct word {
	const char *s;
	size_t len;
};

/* Programs whose option of one letter is a password: attached (-pVALUE), the next word, or both. */
static const struct {
	const char *program;
	char option;
	bool attached, next;
} password_options[] = {
	{ "mysql", 'p', true, false },	     { "mysqldump", 'p', true, false },	{ "mysqladmin", 'p', true, false },
	{ "mysqlcheck", 'p', true, false },  { "mariadb", 'p', true, false },	{ "mariadb-dump", 'p', true, false },
	{ "mariadb-admin", 'p', true, false }, { "redis-cli", 'a', false, true }, { "sshpass", 'p', true, true },
	{ "mongo", 'p', true, true },	     { "mongosh", 'p', true, true },	{ "mongodump", 'p', true, true },
	{ "mongorestore", 'p', true, true }, { "curl", 'u', true, true },	{ "curl", 'U', true, true },
	{ "ldapsearch", 'w', true, true },   { "ldapmodify", 'w', true, true }, { "rabbitmqadmin", 'p', true, true },
	{ "docker", 'p', false, true },	     { "podman", 'p', false, true },	{ "mosquitto_pub", 'P', false, true },
	{ "mosquitto_sub", 'P', false, true }, { "smbclient", 'U', true, true }, { "snmpwalk", 'A', false, true },
};

static const char *const secret_names[] = { "password", "passwd", "passphrase", "passwort", "secret", "token", "apikey", "api-key",
					    "api_key", "accesskey", "access-key", "access_key", "privatekey", "private-key",
					    "private_key", "credential", "_pwd", "-pwd" };
static const char *const harmless_ends[] = { "file", "path", "dir", "directory", "_fd", "-fd", "location" };
static const char *const token_starts[] = { "AKIA", "ASIA", "ghp_", "gho_", "ghs_", "github_pat_", "glpat-", "xoxb-", "xoxp-", "xoxa-",
					    "sk_live_", "sk-ant-", "eyJ", "AIza", "npm_", "dckr_pat_", "hvs." };
static const char *const secret_headers[] = { "authorization:", "proxy-authorization:", "cookie:", "x-api-key:", "x-auth-token:",
					      "private-token:" };
#define TOKEN_MIN 16

static bool starts(struct word w, const char *with)
{
	size_t n = strlen(with);

	return w.len >= n && !strncasecmp(w.s, with, n);
}

static bool contains(struct word w, const char *what)
{
	size_t n = strlen(what);

	for (size_t i = 0; i + n <= w.len; i++)
		if (!strncasecmp(w.s + i, what, n))
			return true;
	return false;
}

static bool ends(struct word w, const char *with)
{
	size_t n = strlen(with);

	return w.len >= n && !strncasecmp(w.s + w.len - n, with, n);
}

/* Whether a thing of this name is a secret. */
static bool name_is_secret(struct word name)
{
	bool secret = name.len == 3 && starts(name, "pwd");

	for (size_t i = 0; i < ARRAY_SIZE(secret_names) && !secret; i++)
		secret = contains(name, secret_names[i]);
	for (size_t i = 0; i < ARRAY_SIZE(harmless_ends) && secret; i++)
		secret = !ends(name, harmless_ends[i]);
	return secret;
}

static bool value_is_token(struct word w)
{
	while (w.len && (*w.s == '\'' || *w.s == '"')) {
		w.s++;
		w.len--;
	}
	if (w.len < TOKEN_MIN)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(token_starts); i++)
		if (w.len >= strlen(token_starts[i]) && !memcmp(w.s, token_starts[i], strlen(token_starts[i])))
			return true;
	return false;
}

struct redaction {
	char *ret;
	size_t n, size;
	struct word program;
	bool program_next;   /* the next word names a program */
	bool value_next;     /* the next word is a secret */
	bool argument_secret; /* the rest of this argument is */
};

static void put(struct redaction *r, const char *s, size_t len)
{
	r->n += args_escape(s, len, r->ret + r->n, r->size - r->n);
}

static void put_redacted(struct redaction *r)
{
	put(r, ARGS_REDACTED, strlen(ARGS_REDACTED));
}

/* Where in the word a password of a URL lies: scheme://user:password@. False: nowhere. */
static bool url_password(struct word w, size_t *ret_from, size_t *ret_to)
{
	const char *scheme = memmem(w.s, w.len, "://", 3), *at, *colon, *end, *slash;

	if (!scheme)
		return false;
	scheme += 3;
	end = w.s + w.len;
	slash = memchr(scheme, '/', (size_t)(end - scheme));
	at = memrchr(scheme, '@', (size_t)((slash ? slash : end) - scheme));
	/* a password with a slash in it, badly written but used */
	if (!at)
		at = memrchr(scheme, '@', (size_t)(end - scheme));
	colon = at ? memchr(scheme, ':', (size_t)(at - scheme)) : NULL;
	if (!colon || colon + 1 == at || (slash && slash < colon))
		return false;
	if (slash && slash < at && strspn(colon + 1, "0123456789") == (size_t)(slash - colon - 1))
		return false; /* host:port/ */
	*ret_from = (size_t)(colon + 1 - w.s);
	*ret_to = (size_t)(at - w.s);
	return true;
}

static struct word base_name(struct word w)
{
	const char *slash = memrchr(w.s, '/', w.len);

	if (slash)
		w = (struct word){ slash + 1, (size_t)(w.s + w.len - slash - 1) };
	return w;
}

/* -pVALUE, -p VALUE of the program at work. Returns how many bytes of the word may be shown; its length: all. */
static size_t option_shown(struct redaction *r, struct word w)
{
	for (size_t i = 0; i < ARRAY_SIZE(password_options); i++) {
		const char *name = password_options[i].program;

		if (r->program.len != strlen(name) || memcmp(r->program.s, name, r->program.len) || w.s[1] != password_options[i].option)
			continue;
		if (w.len == 2) {
			r->value_next = password_options[i].next;
			return w.len;
		}
		if (password_options[i].attached)
			return 2;
	}
	return w.len;
}

static void put_word_plain(struct redaction *r, struct word w)
{
	const char *equals = memchr(w.s, '=', w.len);
	struct word name = { w.s, equals ? (size_t)(equals - w.s) : w.len };
	size_t from, to;

	if (url_password(w, &from, &to)) {
		put(r, w.s, from);
		put_redacted(r);
		put(r, w.s + to, w.len - to);
		return;
	}
	if (equals && (name_is_secret(name) || value_is_token((struct word){ equals + 1, w.len - name.len - 1 }))) {
		put(r, w.s, name.len + 1);
		if (name.len + 1 < w.len)
			put_redacted(r);
		return;
	}
	if (value_is_token(w)) {
		put_redacted(r);
		return;
	}
	put(r, w.s, w.len);
	if (w.len > 2 && w.s[0] == '-' && w.s[1] == '-' && !equals &&
	    (name_is_secret(name) || (w.len == 6 && starts(w, "--user")) || (w.len == 12 && starts(w, "--proxy-user"))))
		r->value_next = true;
}

static void put_word(struct redaction *r, struct word w)
{
	size_t shown = w.len;

	for (size_t i = 0; i < ARRAY_SIZE(secret_headers); i++)
		if (contains(w, secret_headers[i])) {
			size_t at = (size_t)((const char *)memchr(w.s, ':', w.len) - w.s) + 1;

			put(r, w.s, at);
			put_redacted(r);
			r->argument_secret = true;
			return;
		}
	if (r->value_next && !(w.len > 1 && w.s[0] == '-' && w.s[1] == '-')) {
		r->value_next = false;
		put_redacted(r);
		return;
	}
	r->value_next = false;
	if (r->program_next && w.len) {
		/* VAR=value before the program */
		if (!memchr(w.s, '=', w.len)) {
			r->program = base_name(w);
			r->program_next = false;
		}
	} else if (w.len >= 2 && w.s[0] == '-' && w.s[1] != '-') {
		shown = option_shown(r, w);
	}
	if (shown < w.len) {
		put(r, w.s, shown);
		put_redacted(r);
		return;
	}
	put_word_plain(r, w);
	if (w.len && strchr(";|&", w.s[w.len - 1]))
		r->program_next = true;
}

static void put_argument(struct redaction *r, const char *s, size_t len)
{
	size_t at = 0;

	r->argument_secret = false;
	if (memchr(s, ' ', len) || memchr(s, '\n', len))
		r->program_next = true; /* sh -c "program ..." */
	if (memmem(s, len, "-----BEGIN ", 11) || (r->value_next && !(len > 1 && s[0] == '-' && s[1] == '-'))) {
		r->value_next = false;
		put_redacted(r);
		return;
	}
	while (at < len && !r->argument_secret) {
		size_t n = 0;

		while (at < len && isspace((unsigned char)s[at]))
			put(r, s + at++, 1);
		while (at + n < len && !isspace((unsigned char)s[at + n]))
			n++;
		if (n)
			put_word(r, (struct word){ s + at, n });
		at += n;
	}
	if (!len)
		r->value_next = false;
}

size_t args_redact(const char *raw, size_t len, char *ret, size_t size)
{
	struct redaction r = { .ret = ret, .size = size, .program_next = true };
	size_t at = 0;

	ret[0] = '\0';
	while (at < len) {
		size_t n = strnlen(raw + at, len - at);

		if (at && r.n + 1 < size)
			ret[r.n++] = ARGS_SEPARATOR;
		put_argument(&r, raw + at, n);
		at += n + 1;
	}
	ret[r.n] = '\0';
	return r.n;
}
