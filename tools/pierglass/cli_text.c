/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/pierglass/cli_text.h"

#include <langinfo.h>
#include <locale.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "base/utf8.h"

static bool utf8_terminal;

void cli_text_init(void)
{
	setlocale(LC_CTYPE, "");
	utf8_terminal = !strcmp(nl_langinfo(CODESET), "UTF-8");
}

/* ---- colours ------------------------------------------------------------------------------------------------------ */
static bool colors;

void cli_color_init(const char *when)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	colors = !strcmp(when, "always") ||
		 (!strcmp(when, "auto") && isatty(STDOUT_FILENO) && !(no && no[0]) && term && strcmp(term, "dumb") != 0);
}

const char *cli_color(enum cli_color c)
{
	static const char *const codes[] = { "\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[33m", "\x1b[32m" };

	return colors ? codes[c] : "";
}

enum cli_color cli_color_of_severity(const char *severity)
{
	return !strcmp(severity, "critical") || !strcmp(severity, "high") ? CLI_RED : !strcmp(severity, "medium") ? CLI_YELLOW : CLI_PLAIN;
}

/* Columns of a character that may be shown, 0: it may not. */
static size_t shown_width(uint32_t c)
{
	int w;

	if (c < 0x80)
		return c >= 0x20 && c != 0x7f;
	if (!utf8_terminal || c < 0xa0 || c == 0xad)
		return 0;
	w = wcwidth((wchar_t)c);
	return w > 0 ? (size_t)w : 0;
}

char *cli_clean(const char *s, size_t max_width, size_t *ret_width)
{
	const unsigned char *p = (const unsigned char *)s, *end = p + strlen(s);
	char *out = malloc((size_t)(end - p) + 4);
	size_t n = 0, width = 0, cut_at = 0, cut_width = 0;

	if (!out)
		return NULL;
	while (p < end) {
		uint32_t c;
		size_t len = utf8_decode(p, (size_t)(end - p), &c), w = len ? shown_width(c) : 0;

		if (max_width && width + (w ? w : 1) > max_width) {
			memcpy(out + cut_at, utf8_terminal ? "\xe2\x80\xa6" : "~", utf8_terminal ? 4 : 2);
			n = cut_at + (utf8_terminal ? 3 : 1);
			width = cut_width + 1;
			break;
		}
		if (w) {
			memcpy(out + n, p, len);
			n += len;
			width += w;
		} else {
			out[n++] = '?';
			width++;
		}
		p += len ? len : 1;
		if (max_width && width + 1 <= max_width) {
			cut_at = n;
			cut_width = width;
		}
	}
	out[n] = '\0';
	if (ret_width)
		*ret_width = width;
	return out;
}

void cli_put(FILE *f, const char *s)
{
	_cleanup_free_ char *clean = cli_clean(s, 0, NULL);

	if (clean)
		fputs(clean, f);
}

void cli_put_json(FILE *f, const char *s, size_t len)
{
	size_t from = 0;

	for (size_t i = 0; i + 1 < len; i++)
		if ((unsigned char)s[i] == 0xc2 && (unsigned char)s[i + 1] < 0xa0) {
			fwrite(s + from, 1, i - from, f);
			fprintf(f, "\\u%04x", (unsigned char)s[i + 1]);
			from = i + 2;
			i++;
		}
	fwrite(s + from, 1, len - from, f);
}

const char *cli_bytes(uint64_t n, char buf[16])
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double v = (double)n;
	size_t u = 0;

	while (v >= 1023.95 && u + 1 < ARRAY_SIZE(units)) {
		v /= 1024;
		u++;
	}
	if (u)
		snprintf(buf, 16, "%.1f %s", v, units[u]);
	else
		snprintf(buf, 16, "%u B", (unsigned)n);
	return buf;
}

size_t cli_width(void)
{
	const char *env = getenv("COLUMNS");
	struct winsize ws;
	long n = env ? strtol(env, NULL, 10) : 0;

	if (!isatty(STDOUT_FILENO))
		return 0;
	if (n >= 20 && n < 10000)
		return (size_t)n;
	return !ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) && ws.ws_col >= 20 ? ws.ws_col : 80;
}

/* ---- tables ------------------------------------------------------------------------------------------------------- */
struct cli_table {
	const struct cli_column *columns;
	size_t n, count, cap;
	char **cells; /* clean, uncut */
	uint8_t *colors; /* of the cells, enum cli_color */
};

struct cli_table *cli_table_new(const struct cli_column *columns, size_t n)
{
	struct cli_table *t = calloc(1, sizeof(*t));

	if (t) {
		t->columns = columns;
		t->n = n;
	}
	return t;
}

void cli_table_add(struct cli_table *t, const char *cell)
{
	if (!t)
		return;
	if (t->count == t->cap) {
		size_t cap = t->cap ? t->cap * 2 : 256;
		char **p = reallocarray(t->cells, cap, sizeof(char *));
		uint8_t *q = realloc(t->colors, cap);

		t->cells = p ? p : t->cells;
		t->colors = q ? q : t->colors;
		if (!p || !q)
			return;
		t->cap = cap;
	}
	t->colors[t->count] = CLI_PLAIN;
	t->cells[t->count++] = cli_clean(cell ? cell : "", 0, NULL);
}

void cli_table_color(struct cli_table *t, enum cli_color c)
{
	if (t && t->count)
		t->colors[t->count - 1] = (uint8_t)c;
}

void cli_table_addf(struct cli_table *t, const char *fmt, ...)
{
	_cleanup_free_ char *s = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	if (n < 0)
		s = NULL;
	cli_table_add(t, s);
}

static size_t width_of(const char *s)
{
	size_t w = 0;

	free(cli_clean(s ? s : "", 0, &w));
	return w;
}

static void fit(const struct cli_table *t, size_t *widths, size_t width)
{
	size_t total = t->n ? (t->n - 1) * 2 : 0;

	for (size_t i = 0; i < t->n; i++)
		total += widths[i];
	while (width && total > width) { /* the widest that may shrink gives way first */
		size_t best = t->n;

		for (size_t i = 0; i < t->n; i++)
			if (t->columns[i].least && widths[i] > t->columns[i].least && (best == t->n || widths[i] > widths[best]))
				best = i;
		if (best == t->n)
			return;
		widths[best]--;
		total--;
	}
}

/* Row first is at cells[first]; SIZE_MAX: the head. */
static void write_row(const struct cli_table *t, FILE *f, const size_t *widths, size_t first)
{
	size_t blanks = 0;

	for (size_t i = 0; i < t->n; i++) {
		const char *cell = first == SIZE_MAX ? t->columns[i].title : t->cells[first + i];
		enum cli_color c = first == SIZE_MAX ? CLI_BOLD : (enum cli_color)t->colors[first + i];
		size_t w = 0;
		_cleanup_free_ char *cut = cli_clean(cell ? cell : "", widths[i], &w);

		if (t->columns[i].right)
			blanks += widths[i] - w;
		if (w) {
			fprintf(f, "%*s%s%s%s", (int)blanks, "", c ? cli_color(c) : "", cut, c ? cli_color(CLI_PLAIN) : "");
			blanks = 0;
		}
		blanks += (t->columns[i].right ? 0 : widths[i] - w) + 2;
	}
	fputc('\n', f);
}

void cli_table_write(struct cli_table *t, FILE *f, size_t width)
{
	_cleanup_free_ size_t *widths = t ? calloc(t->n, sizeof(size_t)) : NULL;

	if (!widths)
		return;
	for (size_t i = 0; i < t->n; i++)
		widths[i] = width_of(t->columns[i].title);
	for (size_t i = 0; i < t->count; i++) {
		size_t w = width_of(t->cells[i]);

		if (w > widths[i % t->n])
			widths[i % t->n] = w;
	}
	fit(t, widths, width);
	write_row(t, f, widths, SIZE_MAX);
	for (size_t i = 0; i + t->n <= t->count; i += t->n)
		write_row(t, f, widths, i);
}

void cli_table_free(struct cli_table *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->count; i++)
		free(t->cells[i]);
	free(t->cells);
	free(t->colors);
	free(t);
}
