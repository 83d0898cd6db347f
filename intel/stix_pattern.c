/* SPDX-License-Identifier: GPL-2.0-or-later */
/* STIX patterns (OASIS STIX 2.1, part 9), as far as one observed value decides: comparisons of addresses, names, URLs and
 * file digests by =, IN and ISSUBSET. What follows them (AND with other properties, FOLLOWEDBY, qualifiers) is not evaluated:
 * a comparison that does not stand alone is given as IND_PARTIAL with little confidence. */
#include <string.h>

#include "intel/feed_priv.h"

enum { TOKENS_MAX = 512, STRING_MAX = 2100 };

enum token_kind { TOK_END, TOK_WORD, TOK_STRING, TOK_OTHER };

struct lexer {
	const char *p, *end;
	enum token_kind kind;
	struct field text; /* of a string: what stands between the quotes, escapes and all */
};

static bool is_word_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("_-:.*[]", c);
}

/* An object path goes on over quoted parts: file:hashes.'SHA-256' */
static void word_take(struct lexer *x)
{
	const char *from = x->p;
	int depth = 0;

	while (x->p < x->end && *x->p && is_word_char(*x->p)) {
		depth += *x->p == '[';
		if (*x->p == ']' && --depth < 0)
			break;
		if (*x->p++ == '.' && x->p < x->end && *x->p == '\'') {
			const char *q = memchr(x->p + 1, '\'', (size_t)(x->end - x->p - 1));

			x->p = q ? q + 1 : x->end;
		}
	}
	x->text = (struct field){ from, (size_t)(x->p - from) };
}

static void next(struct lexer *x)
{
	for (; x->p < x->end && strchr(" \t\r\n", *x->p) && *x->p; x->p++)
		;
	x->kind = TOK_END;
	if (x->p >= x->end)
		return;
	if (*x->p == '\'') {
		const char *from = ++x->p;

		while (x->p < x->end && *x->p != '\'')
			x->p += *x->p == '\\' && x->p + 1 < x->end ? 2 : 1;
		x->text = (struct field){ from, (size_t)(x->p - from) };
		x->p += x->p < x->end;
		x->kind = TOK_STRING;
		return;
	}
	if (*x->p && is_word_char(*x->p) && *x->p != '[' && *x->p != ']') {
		word_take(x);
		x->kind = TOK_WORD;
		return;
	}
	x->text = (struct field){ x->p, 1 };
	x->p++;
	x->kind = TOK_OTHER;
}

enum what { WHAT_NONE, WHAT_IP, WHAT_NAME, WHAT_URL, WHAT_HASH };

/* Which property a path names (STIX 2.1 6.x; the 2.0 spelling of hashes too). */
static enum what path_means(struct field path)
{
	if (field_begins(path, "ipv4-addr:value") || field_begins(path, "ipv6-addr:value") ||
	    field_begins(path, "network-traffic:dst_ref.value") || field_begins(path, "network-traffic:src_ref.value") ||
	    field_begins(path, "domain-name:resolves_to_refs"))
		return WHAT_IP;
	if (field_begins(path, "domain-name:value"))
		return WHAT_NAME;
	if (field_begins(path, "url:value"))
		return WHAT_URL;
	if (field_begins(path, "file:hashes") || field_begins(path, "artifact:hashes"))
		return WHAT_HASH;
	return WHAT_NONE;
}

/* A path that says of which digest: SHA-512/256 and the SHA-3s have the lengths of others. */
static bool hash_is_ours(struct field path)
{
	static const char *const ours[] = { ".md5", ".'md5'", ".sha-1", ".'sha-1'", ".sha1", ".'sha1'", ".sha-256", ".'sha-256'", ".sha256",
					    ".'sha256'" };

	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
		size_t n = strlen(ours[i]);

		if (path.len > n && field_is((struct field){ path.p + path.len - n, n }, ours[i]))
			return true;
	}
	return false;
}

static struct field unescape(struct field f, char buf[STRING_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < f.len && n < STRING_MAX; i++) {
		if (f.p[i] == '\\' && i + 1 < f.len)
			i++;
		buf[n++] = f.p[i];
	}
	return (struct field){ buf, n };
}

static bool give(struct feed_reader *r, struct field path, struct field string, const struct entry *e)
{
	struct entry below = *e;
	char buf[STRING_MAX];
	struct field v = unescape(string, buf);

	below.flags |= IND_SUBDOMAINS;
	switch (path_means(path)) {
	case WHAT_IP:
		return feed_ip(r, v, e) || (field_begins(path, "network-traffic") && feed_domain(r, v, e));
	case WHAT_NAME:
		return feed_domain(r, v, &below) || feed_ip(r, v, e);
	case WHAT_URL:
		return feed_url(r, v, e);
	case WHAT_HASH:
		return hash_is_ours(path) && feed_hash(r, v, e);
	default:
		return false;
	}
}

/* Whether values are tied to others by AND or FOLLOWEDBY. What only says more of the same thing (a file's name, the type of an
 * address, a port) ties nothing. */
static bool is_tied(struct field pattern)
{
	struct lexer x = { pattern.p, pattern.p + pattern.len, TOK_END, { 0 } };
	unsigned values = 0;
	enum what kind = WHAT_NONE;
	bool joined = false;

	for (next(&x); x.kind != TOK_END; next(&x)) {
		if (x.kind != TOK_WORD)
			continue;
		joined |= field_is(x.text, "AND") || field_is(x.text, "FOLLOWEDBY");
		if (path_means(x.text) != WHAT_NONE) {
			/* several digests are one file's */
			values += !(kind == WHAT_HASH && path_means(x.text) == WHAT_HASH);
			kind = path_means(x.text);
		}
	}
	return joined && values > 1;
}

unsigned stix_pattern(struct feed_reader *r, struct field pattern, const struct entry *entry, unsigned *ret_other)
{
	struct lexer x = { pattern.p, pattern.p + pattern.len, TOK_END, { 0 } };
	struct entry e = *entry;
	unsigned good = 0;

	*ret_other = 0;
	if (is_tied(pattern)) {
		e.flags |= IND_PARTIAL;
		e.confidence = e.confidence < CONFIDENCE_WEAK ? e.confidence : CONFIDENCE_WEAK;
	}
	next(&x);
	for (unsigned n = 0; x.kind != TOK_END && n < TOKENS_MAX; n++) {
		struct field path = x.text;
		bool is_path = x.kind == TOK_WORD && memchr(path.p, ':', path.len), negated = false;

		next(&x);
		if (!is_path)
			continue;
		if (x.kind == TOK_WORD && field_is(x.text, "NOT")) {
			negated = true;
			next(&x);
		}
		if (x.kind == TOK_OTHER && *x.text.p == '=') {
			next(&x);
			if (x.kind == TOK_STRING && !negated && give(r, path, x.text, &e))
				good++;
			else if (path_means(path) != WHAT_NONE || !good)
				*ret_other += 1;
		} else if (x.kind == TOK_WORD && (field_is(x.text, "IN") || field_is(x.text, "ISSUBSET"))) {
			for (next(&x); x.kind == TOK_STRING || (x.kind == TOK_OTHER && strchr("(,", *x.text.p)); next(&x))
				if (x.kind == TOK_STRING && !negated)
					good += give(r, path, x.text, &e);
		} else {
			*ret_other += 1; /* !=, LIKE, MATCHES, < … */
		}
	}
	return good;
}
