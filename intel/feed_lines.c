/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Feeds of one entry a line. */
#include <string.h>

#include "intel/feed_priv.h"

enum { WORDS_MAX = 8 };

/* A comment ends the line; "#" inside a word (an URL's fragment) is none. */
static struct field without_comment(struct field f)
{
	for (size_t i = 0; i < f.len; i++) {
		bool begins = !i || f.p[i - 1] == ' ' || f.p[i - 1] == '\t';

		if (f.p[i] == ';' || (begins && (f.p[i] == '#' || (f.p[i] == '/' && i + 1 < f.len && f.p[i + 1] == '/')))) {
			f.len = i;
			break;
		}
	}
	return field_trim(f);
}

static unsigned words_of(struct field f, struct field ret[WORDS_MAX])
{
	unsigned n = 0;

	while (f.len && n < WORDS_MAX) {
		size_t i;

		for (i = 0; i < f.len && f.p[i] != ' ' && f.p[i] != '\t' && f.p[i] != ','; i++)
			;
		if (i)
			ret[n++] = (struct field){ f.p, i };
		for (; i < f.len && (f.p[i] == ' ' || f.p[i] == '\t' || f.p[i] == ','); i++)
			;
		f.p += i;
		f.len -= i;
	}
	return n;
}

static bool is_sink(struct field f)
{
	return field_is(f, "0.0.0.0") || field_is(f, "127.0.0.1") || field_is(f, "::") || field_is(f, "::1");
}

/* hosts(5): the address that names are to be sent to, names. Those that mean the machine itself are no entries. */
static bool hosts_line(struct feed_reader *r, const struct field *w, unsigned n, const struct entry *e)
{
	static const char *const own[] = { "localhost", "localhost.localdomain", "local", "broadcasthost", "ip6-localhost",
					   "ip6-loopback", "ip6-localnet", "ip6-mcastprefix", "ip6-allnodes", "ip6-allrouters",
					   "ip6-allhosts", "0.0.0.0" };
	unsigned i, k;

	if (n < 2 || !is_sink(w[0]))
		return false;
	for (i = 1; i < n; i++) {
		for (k = 0; k < sizeof(own) / sizeof(own[0]) && !field_is(w[i], own[k]); k++)
			;
		if (k == sizeof(own) / sizeof(own[0]) && !feed_domain(r, w[i], e))
			feed_bad(r, e->line);
	}
	return true;
}

/* "||name^" blocks a name and those below it; "@@…" excepts, rules for parts of pages say nothing about a host. */
static bool adblock_line(struct feed_reader *r, struct field f, const struct entry *e)
{
	struct entry below = *e;
	size_t n;

	if (field_begins(f, "@@") || *f.p == '!' || field_begins(f, "[adblock")) {
		r->report->unsupported += *f.p == '@';
		return true;
	}
	if (!field_begins(f, "||"))
		return false;
	f.p += 2;
	f.len -= 2;
	for (n = 0; n < f.len && f.p[n] != '^' && f.p[n] != '/' && f.p[n] != '$'; n++)
		;
	below.flags |= IND_SUBDOMAINS;
	if (n < f.len && f.p[n] == '/')
		r->report->unsupported++;
	else if (!feed_ip(r, (struct field){ f.p, n }, e) && !feed_domain(r, (struct field){ f.p, n }, &below))
		feed_bad(r, e->line);
	return true;
}

/* DShield block: start, end, bits, …; a plain "first last" is a range too. */
static bool range_line(struct feed_reader *r, const struct field *w, unsigned n, const struct entry *e)
{
	uint8_t a[16], b[16], c[16], d[16];
	char text[100];
	size_t len;

	if (n < 2 || memchr(w[0].p, '/', w[0].len) || !indicator_ip(w[0].p, w[0].len, a, b) ||
	    !indicator_ip(w[1].p, w[1].len, c, d) || w[0].len + w[1].len + 1 > sizeof(text))
		return false;
	memcpy(text, w[0].p, w[0].len);
	text[w[0].len] = '-';
	memcpy(text + w[0].len + 1, w[1].p, w[1].len);
	len = w[0].len + w[1].len + 1;
	return feed_ip(r, (struct field){ text, len }, e);
}

/* Names of plain lists: "*.name" and ".name" mean what is below too, as a plain name does in such lists. */
static bool name_word(struct feed_reader *r, struct field f, const struct entry *e)
{
	struct entry below = *e;

	below.flags |= IND_SUBDOMAINS;
	if (field_begins(f, "*.")) {
		f.p += 2;
		f.len -= 2;
	} else if (f.len && *f.p == '.') {
		f.p++;
		f.len--;
	}
	return feed_domain(r, f, &below);
}

/* "AS64496": an autonomous system, which is not matched as such. */
static bool is_asn(struct field f)
{
	if (f.len < 3 || !field_begins(f, "AS"))
		return false;
	for (size_t i = 2; i < f.len; i++)
		if (f.p[i] < '0' || f.p[i] > '9')
			return false;
	return true;
}

static void line_read(struct feed_reader *r, struct field f, uint32_t line)
{
	struct entry e = { .line = line, .confidence = CONFIDENCE_UNSAID };
	struct field w[WORDS_MAX];
	unsigned n;

	f = field_trim(f);
	if (!f.len || *f.p == '#' || adblock_line(r, f, &e))
		return;
	/* an URL may contain what begins a comment elsewhere */
	if (memmem(f.p, f.len < 12 ? f.len : 12, "://", 3) && feed_url(r, f, &e))
		return;
	f = without_comment(f);
	if (!f.len)
		return;
	if (field_begins(f, "create ") || field_begins(f, "flush "))
		return;
	n = words_of(f, w);
	if (n >= 3 && field_is(w[0], "add")) { /* ipset save */
		w[0] = w[2];
		n = 1;
	}
	if (!n || hosts_line(r, w, n, &e) || range_line(r, w, n, &e))
		return;
	if (feed_ip(r, f, &e) || feed_ip(r, w[0], &e) || feed_hash(r, w[0], &e) || name_word(r, w[0], &e) || feed_value(r, w[0], &e))
		return;
	if (is_asn(w[0]))
		r->report->unsupported++;
	else
		feed_bad(r, line);
}

void feed_lines(struct feed_reader *r, const char *text, size_t len)
{
	const char *p = text, *end = text + len;

	for (uint32_t line = 1; p < end; line++) {
		const char *nl = memchr(p, '\n', (size_t)(end - p)), *to = nl ? nl : end;

		line_read(r, (struct field){ p, (size_t)(to - p) }, line);
		p = nl ? nl + 1 : end;
	}
}
