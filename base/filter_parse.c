/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The filter's language: a recursive descent of bounded depth. */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/filter_priv.h"
#include "base/when.h"

enum token { TOK_END, TOK_WORD, TOK_QUOTED, TOK_OPEN, TOK_CLOSE, TOK_OPERATOR, TOK_BAD };

struct reader {
	struct filter *f;
	const char *text, *p, *at; /* at: where the token began */
	enum token token;
	char word[FILTER_VALUE_MAX + 1];
	enum filter_op op;
	bool negated;              /* "!=", "!~" */
	unsigned depth;
	uint64_t now;
	const char *why;           /* NULL: no failure */
	size_t why_at;
};

static int fail(struct reader *r, const char *why)
{
	if (!r->why) {
		r->why = why;
		r->why_at = (size_t)(r->at - r->text) + 1;
	}
	return -EINVAL;
}

static bool ends_word(unsigned char c)
{
	return c <= ' ' || c == 0x7f || strchr("()=!~<>\"", c);
}

static enum token next_quoted(struct reader *r)
{
	size_t n = 0;

	for (r->p++; *r->p && *r->p != '"'; r->p++) {
		if (*r->p == '\\' && (r->p[1] == '"' || r->p[1] == '\\'))
			r->p++;
		if (n == FILTER_VALUE_MAX) {
			fail(r, "a value is longer than 256 bytes");
			return TOK_BAD;
		}
		r->word[n++] = *r->p;
	}
	r->word[n] = '\0';
	if (!*r->p) {
		fail(r, "the quotation mark has no end");
		return TOK_BAD;
	}
	r->p++;
	return TOK_QUOTED;
}

static enum token next_word(struct reader *r)
{
	size_t n = 0;

	for (; !ends_word((unsigned char)*r->p); r->p++) {
		if (n == FILTER_VALUE_MAX) {
			fail(r, "a word is longer than 256 bytes");
			return TOK_BAD;
		}
		r->word[n++] = *r->p;
	}
	r->word[n] = '\0';
	return TOK_WORD;
}

static enum token next_operator(struct reader *r)
{
	static const struct {
		const char *text;
		enum filter_op op;
		bool negated;
	} all[] = { { "!=", OP_EQUAL, true }, { "!~", OP_LIKE, true }, { "<=", OP_LESS_EQUAL, false }, { ">=", OP_MORE_EQUAL, false },
		    { "==", OP_EQUAL, false }, { "=", OP_EQUAL, false }, { "~", OP_LIKE, false }, { "<", OP_LESS, false }, { ">", OP_MORE, false } };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (!strncmp(r->p, all[i].text, strlen(all[i].text))) {
			r->p += strlen(all[i].text);
			r->op = all[i].op;
			r->negated = all[i].negated;
			return TOK_OPERATOR;
		}
	fail(r, "this is no operator: =, !=, ~, !~, <, <=, >, >=");
	return TOK_BAD;
}

static void next(struct reader *r)
{
	while (*r->p == ' ' || *r->p == '\t' || *r->p == '\n')
		r->p++;
	r->at = r->p;
	if (!*r->p) {
		r->token = TOK_END;
	} else if (*r->p == '(' || *r->p == ')') {
		r->token = *r->p == '(' ? TOK_OPEN : TOK_CLOSE;
		r->p++;
	} else if (*r->p == '"') {
		r->token = next_quoted(r);
	} else if (strchr("=!~<>", *r->p)) {
		r->token = next_operator(r);
	} else if (ends_word((unsigned char)*r->p)) {
		fail(r, "a control character");
		r->token = TOK_BAD;
	} else {
		r->token = next_word(r);
	}
}

static bool is_word(const struct reader *r, const char *word)
{
	return r->token == TOK_WORD && !strcasecmp(r->word, word);
}

static const char *keep(struct reader *r, const char *s)
{
	struct filter *f = r->f;
	size_t n = strlen(s) + 1;
	char *to = f->names + f->names_len;

	if (n > sizeof(f->names) - f->names_len) {
		fail(r, "the filter is too long");
		return "";
	}
	memcpy(to, s, n);
	f->names_len += n;
	return to;
}

static int step(struct reader *r, unsigned what)
{
	if (r->f->step_count == FILTER_STEPS_MAX)
		return fail(r, "the filter is too long");
	r->f->steps[r->f->step_count++] = (uint16_t)what;
	return 0;
}

/* "client.exe": the last part, and what stands before it. */
static int take_field(struct reader *r, struct filter_test *t)
{
	const char *dot;
	char *cut;

	for (const char *p = r->word; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("_.-", *p))
			return fail(r, "this is no field: letters, digits, \"_\", \"-\" and dots");
	if (!isalpha((unsigned char)r->word[0]) || r->word[strlen(r->word) - 1] == '.')
		return fail(r, "a field begins with a letter and ends without a dot");
	t->prefix = keep(r, r->word);
	if (r->why)
		return -EINVAL;
	dot = strrchr(t->prefix, '.');
	if (!dot) {
		t->field = t->prefix;
		t->prefix = "";
		return 0;
	}
	cut = r->f->names + (dot - r->f->names);
	*cut = '\0';
	t->field = dot + 1;
	return 0;
}

bool filter_number(const char *s, double *ret)
{
	static const char units[] = "kMGT";
	const char *unit;
	double v, by;
	char *end;

	if (!isdigit((unsigned char)s[0]) && !(s[0] == '-' && isdigit((unsigned char)s[1])))
		return false;
	if (strspn(s, "0123456789.-") > 24 || strpbrk(s, "xXpPnN"))
		return false;
	v = strtod(s, &end);
	if (*end == 'K')
		unit = units;
	else
		unit = *end ? strchr(units, *end) : NULL;
	if (unit) {
		by = end[1] == 'i' ? 1024 : 1000;
		end += end[1] == 'i' ? 2 : 1;
		for (long i = 0; i <= unit - units; i++)
			v *= by;
	}
	if (*end == 'B')
		end++;
	*ret = v;
	return !*end;
}

/* "10.0.0.0/8", "2001:db8::/32" */
static bool prefix_of(const char *s, struct filter_test *t)
{
	const char *slash = strchr(s, '/');
	char text[INET6_ADDRSTRLEN], *end;
	long bits;

	if (!slash || !isdigit((unsigned char)slash[1]) || (size_t)(slash - s) >= sizeof(text))
		return false;
	memcpy(text, s, (size_t)(slash - s));
	text[slash - s] = '\0';
	t->family = strchr(text, ':') ? AF_INET6 : AF_INET;
	bits = strtol(slash + 1, &end, 10);
	if (*end || inet_pton(t->family, text, t->net) != 1 || bits > (t->family == AF_INET ? 32 : 128))
		return false;
	t->bits = (int)bits;
	return true;
}

static int take_value(struct reader *r, struct filter_test *t)
{
	bool quoted = r->token == TOK_QUOTED;
	char ago[32];

	t->value = keep(r, r->word);
	if (t->op == OP_LIKE)
		t->pattern = strpbrk(t->value, "*?");
	if (quoted)
		return r->why ? -EINVAL : 0;
	t->is_number = filter_number(t->value, &t->number);
	t->is_prefix = t->op == OP_EQUAL && prefix_of(t->value, t);
	if (t->value[0] == '-' || (strlen(t->value) > 4 && t->value[4] == '-')) {
		snprintf(ago, sizeof(ago), "%s", t->value);
		if (strlen(t->value) >= sizeof(ago) || when_parse(ago, r->now, &t->wall_ns))
			t->wall_ns = 0;
	}
	if (!strcmp(t->value, "true") || !strcmp(t->value, "yes"))
		t->truth = 1;
	else if (!strcmp(t->value, "false") || !strcmp(t->value, "no"))
		t->truth = 0;
	return r->why ? -EINVAL : 0;
}

static int parse_or(struct reader *r);

static int parse_test(struct reader *r)
{
	struct filter *f = r->f;
	bool negated;
	struct filter_test *t;

	if (r->token == TOK_END || r->token == TOK_CLOSE || r->token == TOK_OPERATOR)
		return fail(r, "expected a field");
	if (r->token == TOK_QUOTED)
		return fail(r, "expected a field, which stands without quotation marks");
	if (r->token != TOK_WORD)
		return -EINVAL;
	if (is_word(r, "and") || is_word(r, "or"))
		return fail(r, "expected a field");
	if (f->test_count == FILTER_TESTS_MAX)
		return fail(r, "more than 32 tests");
	t = &f->tests[f->test_count];
	*t = (struct filter_test){ .op = OP_HAS, .truth = -1 };
	if (take_field(r, t))
		return -EINVAL;
	next(r);
	if (r->token != TOK_OPERATOR) {
		if (r->token == TOK_BAD)
			return -EINVAL;
		return step(r, f->test_count++);
	}
	t->op = r->op;
	negated = r->negated;
	next(r);
	if (r->token != TOK_WORD && r->token != TOK_QUOTED)
		return r->token == TOK_BAD ? -EINVAL : fail(r, "expected a value");
	if (take_value(r, t) || step(r, f->test_count++) || (negated && step(r, STEP_NOT)))
		return -EINVAL;
	next(r);
	return r->token == TOK_BAD ? -EINVAL : 0;
}

static int parse_one(struct reader *r)
{
	bool not = is_word(r, "not");
	int rc;

	if (!not && r->token != TOK_OPEN)
		return parse_test(r);
	if (++r->depth > FILTER_DEPTH_MAX)
		return fail(r, "nested more than 16 deep");
	next(r);
	if (not) {
		rc = parse_one(r);
		if (!rc)
			rc = step(r, STEP_NOT);
	} else {
		rc = parse_or(r);
		if (!rc && r->token != TOK_CLOSE)
			rc = fail(r, r->token == TOK_END ? "a parenthesis has no end" : "expected \"and\", \"or\" or \")\"");
		if (!rc)
			next(r);
	}
	r->depth--;
	return rc;
}

static int parse_and(struct reader *r)
{
	int rc = parse_one(r);

	while (!rc && is_word(r, "and")) {
		next(r);
		rc = parse_one(r);
		if (!rc)
			rc = step(r, STEP_AND);
	}
	return rc;
}

static int parse_or(struct reader *r)
{
	int rc = parse_and(r);

	while (!rc && is_word(r, "or")) {
		next(r);
		rc = parse_and(r);
		if (!rc)
			rc = step(r, STEP_OR);
	}
	return rc;
}

int filter_parse(const char *text, uint64_t now_wall_ns, struct filter **ret, size_t *ret_at, char *err, size_t err_len)
{
	struct filter *f = calloc(1, sizeof(*f));
	struct reader r = { .f = f, .text = text, .p = text, .at = text, .now = now_wall_ns };
	int rc;

	if (!f)
		return -ENOMEM;
	if (strlen(text) > FILTER_TEXT_MAX) {
		rc = fail(&r, "the filter is longer than 1024 bytes");
	} else {
		next(&r);
		rc = parse_or(&r);
		if (!rc && r.token != TOK_END)
			rc = fail(&r, r.token == TOK_CLOSE ? "a parenthesis ends that did not begin" : "expected \"and\" or \"or\"");
	}
	if (rc || r.why) {
		snprintf(err, err_len, "position %zu: %s", r.why_at ? r.why_at : 1, r.why ? r.why : "not understood");
		if (ret_at)
			*ret_at = r.why_at;
		free(f);
		return -EINVAL;
	}
	jsonl_init_watched(&f->writer, filter_on_part, f);
	*ret = f;
	return 0;
}

void filter_free(struct filter *f)
{
	free(f);
}
