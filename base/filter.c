/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The language: a recursive descent of bounded depth into a short program in reverse Polish notation. */
#include "base/filter.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/when.h"

#define VALUE_MAX 256 /* of a test; bounds what a pattern costs */
#define NEST_MAX 16   /* objects in objects */

enum operation { OP_HAS, OP_EQUAL, OP_LIKE, OP_LESS, OP_LESS_EQUAL, OP_MORE, OP_MORE_EQUAL };

struct test {
	enum operation op;
	const char *field;  /* behind the last dot */
	const char *prefix; /* what stands before that dot, "" nothing */
	const char *value;
	bool pattern;       /* OP_LIKE: has * or ? */
	bool is_number, is_prefix;
	int truth;          /* of "true" and "false", else -1 */
	double number;
	uint64_t wall_ns;   /* 0: the value is no time */
	uint8_t net[16];
	int family, bits;
	bool hit, seen;     /* in this object; in any */
};

/* Steps of the program: a test's number, or one of these. */
enum { STEP_NOT = 0x100, STEP_AND, STEP_OR };
#define STEPS_MAX (FILTER_TESTS_MAX * 2 + FILTER_TESTS_MAX * FILTER_DEPTH_MAX)

struct filter {
	struct jsonl writer;
	struct test tests[FILTER_TESTS_MAX];
	uint16_t steps[STEPS_MAX];
	unsigned test_count, step_count;
	const char *keys[NEST_MAX]; /* of the objects and arrays that are open */
	unsigned depth;
	bool looked;
	char names[FILTER_TEXT_MAX * 2 + 2 * FILTER_TESTS_MAX]; /* fields and values, unquoted */
	size_t names_len;
};

/* ---- reading ------------------------------------------------------------------------------------------------------- */
enum token { TOK_END, TOK_WORD, TOK_QUOTED, TOK_OPEN, TOK_CLOSE, TOK_OPERATOR, TOK_BAD };

struct reader {
	struct filter *f;
	const char *text, *p, *at; /* at: where the token began */
	enum token token;
	char word[VALUE_MAX + 1];
	enum operation op;
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
		if (n == VALUE_MAX) {
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
		if (n == VALUE_MAX) {
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
		enum operation op;
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
	if (r->f->step_count == STEPS_MAX)
		return fail(r, "the filter is too long");
	r->f->steps[r->f->step_count++] = (uint16_t)what;
	return 0;
}

/* "client.exe": the last part, and what stands before it. */
static int take_field(struct reader *r, struct test *t)
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

/* "80", "1.5", "10k", "1MiB": a number, k M G T of a thousand, Ki Mi Gi Ti of 1024; a "B" behind it changes nothing. */
static bool number_of(const char *s, double *ret)
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
static bool prefix_of(const char *s, struct test *t)
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

static int take_value(struct reader *r, struct test *t)
{
	bool quoted = r->token == TOK_QUOTED;
	char ago[32];

	t->value = keep(r, r->word);
	if (t->op == OP_LIKE)
		t->pattern = strpbrk(t->value, "*?");
	if (quoted)
		return r->why ? -EINVAL : 0;
	t->is_number = number_of(t->value, &t->number);
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
	struct test *t;

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
	*t = (struct test){ .op = OP_HAS, .truth = -1 };
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

static void on_part(const struct jsonl_part *p, void *arg);

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
	jsonl_init_watched(&f->writer, on_part, f);
	*ret = f;
	return 0;
}

void filter_free(struct filter *f)
{
	free(f);
}

/* ---- holding against an object -------------------------------------------------------------------------------------- */
static int folded(unsigned char c)
{
	return c >= 'A' && c <= 'Z' ? c + 32 : c;
}

/* '*' any text, '?' one byte; case of ASCII ignored. Time: length of both, multiplied, at most. */
static bool glob(const char *p, const char *s, size_t n)
{
	const char *star = NULL, *end = s + n, *from = s;

	while (s < end) {
		if (*p == '*') {
			star = ++p;
			from = s;
		} else if (*p && (*p == '?' || folded((unsigned char)*p) == folded((unsigned char)*s))) {
			p++;
			s++;
		} else if (star) {
			p = star;
			s = ++from;
		} else {
			return false;
		}
	}
	while (*p == '*')
		p++;
	return !*p;
}

static bool contains(const char *what, const char *s, size_t n)
{
	size_t len = strlen(what);

	for (size_t i = 0; len <= n && i <= n - len; i++)
		if (!strncasecmp(s + i, what, len))
			return true;
	return false;
}

static bool in_prefix(const struct test *t, const char *s, size_t n)
{
	char text[INET6_ADDRSTRLEN];
	uint8_t a[16];
	int whole = t->bits / 8, rest = t->bits % 8;

	if (!n || n >= sizeof(text) || !memchr(s, t->family == AF_INET ? '.' : ':', n))
		return false;
	memcpy(text, s, n);
	text[n] = '\0';
	if (inet_pton(t->family, text, a) != 1 || memcmp(a, t->net, (size_t)whole) != 0)
		return false;
	return !rest || ((a[whole] ^ t->net[whole]) & (0xff << (8 - rest)) & 0xff) == 0;
}

static bool ordered(enum operation op, int d)
{
	switch (op) {
	case OP_LESS:
		return d < 0;
	case OP_LESS_EQUAL:
		return d <= 0;
	case OP_MORE:
		return d > 0;
	case OP_MORE_EQUAL:
		return d >= 0;
	default:
		return d == 0;
	}
}

static int severity_of(const char *s, size_t n)
{
	static const char *const names[] = { "info", "low", "medium", "high", "critical" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strlen(names[i]) == n && !memcmp(names[i], s, n))
			return (int)i;
	return -1;
}

/* A text that is a number, as some facts of protocols are. */
static bool number_in(const char *s, size_t n, double *ret)
{
	char text[20];

	if (!n || n >= sizeof(text) || !isdigit((unsigned char)s[0]))
		return false;
	memcpy(text, s, n);
	text[n] = '\0';
	return strspn(text, "0123456789.") == n && number_of(text, ret);
}

static bool text_holds(const struct test *t, const char *s, size_t n)
{
	size_t len, least;
	double v;
	int a, b, d;

	if (t->op == OP_HAS)
		return n;
	len = strlen(t->value);
	if (t->op == OP_LIKE)
		return t->pattern ? glob(t->value, s, n) : contains(t->value, s, n);
	if (t->op == OP_EQUAL)
		return (len == n && !memcmp(s, t->value, n)) || (t->is_prefix && in_prefix(t, s, n));
	a = severity_of(s, n);
	b = severity_of(t->value, len);
	if (a >= 0 && b >= 0)
		return ordered(t->op, a - b);
	if (t->is_number && number_in(s, n, &v))
		return ordered(t->op, v < t->number ? -1 : v > t->number);
	least = n < len ? n : len;
	d = memcmp(s, t->value, least);
	return ordered(t->op, d ? d : n > len ? 1 : n < len ? -1 : 0);
}

static bool holds(const struct test *t, const struct jsonl_part *p)
{
	char text[32];

	switch (p->what) {
	case JSONL_STRING:
		return text_holds(t, p->text, p->len);
	case JSONL_NUMBER:
		if (t->op == OP_HAS)
			return p->number != 0;
		if (t->op == OP_LIKE) {
			snprintf(text, sizeof(text), "%.15g", p->number);
			return text_holds(t, text, strlen(text));
		}
		return t->is_number && ordered(t->op, p->number < t->number ? -1 : p->number > t->number);
	case JSONL_BOOL:
		return t->op == OP_HAS ? p->number != 0 : t->op == OP_EQUAL && t->truth == (int)p->number;
	case JSONL_TIME:
		return t->op == OP_HAS || (t->op != OP_LIKE && t->wall_ns && ordered(t->op, p->wall_ns < t->wall_ns ? -1 : p->wall_ns > t->wall_ns));
	case JSONL_OPEN:
		return t->op == OP_HAS;
	default:
		return false;
	}
}

/* "client" of "client.exe", "a.b" of "a.b.c": do the objects that are open end in these? */
static bool inside(const struct filter *f, unsigned depth, const char *prefix)
{
	unsigned d = depth < NEST_MAX ? depth : NEST_MAX;
	size_t end = strlen(prefix);

	while (end) {
		size_t from = end;

		while (d && !f->keys[d - 1]) /* elements of arrays have no name */
			d--;
		if (!d--)
			return false;
		while (from && prefix[from - 1] != '.')
			from--;
		if (strlen(f->keys[d]) != end - from || strncmp(f->keys[d], prefix + from, end - from) != 0)
			return false;
		end = from ? from - 1 : 0;
	}
	return true;
}

static void on_part(const struct jsonl_part *p, void *arg)
{
	struct filter *f = arg;
	unsigned depth = f->depth;
	const char *key = p->key;

	if (p->what == JSONL_CLOSE) {
		if (f->depth)
			f->depth--;
		return;
	}
	if (!key && depth && depth <= NEST_MAX)
		key = f->keys[--depth]; /* an array's element goes by the array's name */
	for (unsigned i = 0; key && i < f->test_count; i++) {
		struct test *t = &f->tests[i];

		if ((t->hit && t->seen) || strcmp(key, t->field) != 0 || (t->prefix[0] && !inside(f, depth, t->prefix)))
			continue;
		t->seen = true;
		if (!t->hit)
			t->hit = holds(t, p);
	}
	if (p->what == JSONL_OPEN || p->what == JSONL_OPEN_ARRAY) {
		if (f->depth < NEST_MAX)
			f->keys[f->depth] = p->key;
		f->depth++;
	}
}

struct jsonl *filter_writer(struct filter *f)
{
	for (unsigned i = 0; i < f->test_count; i++)
		f->tests[i].hit = false;
	f->depth = 0;
	f->looked = true;
	return &f->writer;
}

bool filter_wants(const struct filter *f)
{
	bool stack[FILTER_TESTS_MAX + 1];
	unsigned n = 0;

	for (unsigned i = 0; i < f->step_count; i++) {
		unsigned s = f->steps[i];

		if (s < FILTER_TESTS_MAX) {
			stack[n++] = f->tests[s].hit;
		} else if (s == STEP_NOT) {
			stack[n - 1] = !stack[n - 1];
		} else {
			n--;
			stack[n - 1] = s == STEP_AND ? stack[n - 1] && stack[n] : stack[n - 1] || stack[n];
		}
	}
	return n == 1 && stack[0];
}

const char *filter_unknown(const struct filter *f)
{
	for (unsigned i = 0; f->looked && i < f->test_count; i++)
		if (!f->tests[i].seen)
			return f->tests[i].field;
	return NULL;
}
