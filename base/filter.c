/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Holding a filter against an object while it is written. */
#include "base/filter.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/filter_priv.h"

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

static bool in_prefix(const struct filter_test *t, const char *s, size_t n)
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

static bool ordered(enum filter_op op, int d)
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
	return strspn(text, "0123456789.") == n && filter_number(text, ret);
}

static bool text_holds(const struct filter_test *t, const char *s, size_t n)
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

static bool holds(const struct filter_test *t, const struct jsonl_part *p)
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
	unsigned d = depth < FILTER_NEST_MAX ? depth : FILTER_NEST_MAX;
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

void filter_on_part(const struct jsonl_part *p, void *arg)
{
	struct filter *f = arg;
	unsigned depth = f->depth;
	const char *key = p->key;

	if (p->what == JSONL_CLOSE) {
		if (f->depth)
			f->depth--;
		return;
	}
	if (!key && depth && depth <= FILTER_NEST_MAX)
		key = f->keys[--depth]; /* an array's element goes by the array's name */
	for (unsigned i = 0; key && i < f->test_count; i++) {
		struct filter_test *t = &f->tests[i];

		if ((t->hit && t->seen) || strcmp(key, t->field) != 0 || (t->prefix[0] && !inside(f, depth, t->prefix)))
			continue;
		t->seen = true;
		if (!t->hit)
			t->hit = holds(t, p);
	}
	if (p->what == JSONL_OPEN || p->what == JSONL_OPEN_ARRAY) {
		if (f->depth < FILTER_NEST_MAX)
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
	bool stack[FILTER_TESTS_MAX + 1] = { false };
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

bool filter_unknown(const struct filter *f, char *ret, size_t size)
{
	ret[0] = '\0';
	for (unsigned i = 0; f->looked && i < f->test_count; i++) {
		const struct filter_test *t = &f->tests[i];

		if (t->seen)
			continue;
		snprintf(ret, size, "%s%s%s", t->prefix, t->prefix[0] ? "." : "", t->field);
		return true;
	}
	return false;
}
