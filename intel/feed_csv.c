/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Feeds that are tables (RFC 4180, and what people write instead of it). */
#include <string.h>

#include "intel/feed_priv.h"

enum { COLUMNS_MAX = 40, SNIFF_LINES = 40 };

enum column { COL_OTHER, COL_IP, COL_PREFIX, COL_NAME, COL_URL, COL_HASH, COL_VALUE, COL_TYPE, COL_CATEGORY, COL_CONFIDENCE };

/* What columns are called in public feeds (abuse.ch, Shadowserver, zone-h, CINS, blocklist.de, MISP's CSV export, …). */
static const struct {
	const char *name;
	enum column column;
} column_names[] = {
	{ "ip", COL_IP }, { "dst_ip", COL_IP }, { "src_ip", COL_IP }, { "dstip", COL_IP }, { "ip_address", COL_IP },
	{ "ipaddress", COL_IP }, { "address", COL_IP }, { "ipv4", COL_IP }, { "ipv6", COL_IP }, { "ip_addr", COL_IP },
	{ "cidr", COL_PREFIX }, { "network", COL_PREFIX }, { "prefix", COL_PREFIX }, { "range", COL_PREFIX },
	{ "domain", COL_NAME }, { "fqdn", COL_NAME }, { "host", COL_NAME }, { "hostname", COL_NAME }, { "domain_name", COL_NAME },
	{ "url", COL_URL }, { "uri", COL_URL },
	{ "sha256_hash", COL_HASH }, { "sha1_hash", COL_HASH }, { "md5_hash", COL_HASH }, { "sha256", COL_HASH }, { "sha1", COL_HASH },
	{ "md5", COL_HASH }, { "hash", COL_HASH }, { "file_hash", COL_HASH },
	{ "ioc_value", COL_VALUE }, { "ioc", COL_VALUE }, { "indicator", COL_VALUE }, { "value", COL_VALUE }, { "observable", COL_VALUE },
	{ "ioc_type", COL_TYPE },
	{ "malware", COL_CATEGORY }, { "malware_printable", COL_CATEGORY }, { "threat", COL_CATEGORY }, { "signature", COL_CATEGORY },
	{ "category", COL_CATEGORY }, { "threat_type", COL_CATEGORY }, { "tag", COL_CATEGORY }, { "botname", COL_CATEGORY },
	{ "confidence_level", COL_CONFIDENCE }, { "confidence", COL_CONFIDENCE },
};

struct table {
	char separator;
	unsigned columns;
	enum column kind[COLUMNS_MAX];
	bool header;
};

/* ---- one row ------------------------------------------------------------------------------------------------------------ */
/* Splits a row in place. A quoted field ends at the quote before the separator; doubled quotes stay doubled: no indicator
 * contains one. Blanks around fields go. */
static unsigned row_split(struct field row, char separator, struct field ret[COLUMNS_MAX])
{
	const char *p = row.p, *end = row.p + row.len;
	unsigned n = 0;

	while (n < COLUMNS_MAX) {
		const char *from, *to;

		for (; p < end && (*p == ' ' || (*p == '\t' && separator != '\t')); p++)
			;
		if (p < end && *p == '"') {
			from = ++p;
			while (p < end && !(*p == '"' && (p + 1 == end || p[1] != '"')))
				p += p + 1 < end && *p == '"' ? 2 : 1;
			to = p;
			for (; p < end && *p != separator; p++)
				;
		} else {
			from = p;
			for (; p < end && *p != separator; p++)
				;
			to = p;
		}
		ret[n++] = field_trim((struct field){ from, (size_t)(to - from) });
		if (p >= end)
			break;
		p++;
	}
	return n;
}

static bool next_line(const char **p, const char *end, struct field *ret)
{
	const char *nl;

	if (*p >= end)
		return false;
	nl = memchr(*p, '\n', (size_t)(end - *p));
	*ret = field_trim((struct field){ *p, (size_t)((nl ? nl : end) - *p) });
	*p = nl ? nl + 1 : end;
	return true;
}

static bool is_comment(struct field f)
{
	return !f.len || *f.p == '#' || *f.p == ';' || (f.len > 1 && f.p[0] == '/' && f.p[1] == '/');
}

/* ---- the header ----------------------------------------------------------------------------------------------------------- */
static enum column column_of(struct field f)
{
	for (size_t i = 0; i < sizeof(column_names) / sizeof(column_names[0]); i++)
		if (field_is(f, column_names[i].name))
			return column_names[i].column;
	return COL_OTHER;
}

static bool names_a_value(enum column c)
{
	return c >= COL_IP && c <= COL_VALUE;
}

/* A header names a column that holds indicators. It may stand in a comment ("# id,dateadded,url,…"). */
static bool header_read(struct field f, char separator, struct table *t)
{
	struct field col[COLUMNS_MAX];
	struct table found = { .separator = separator };
	bool value = false;

	for (; f.len && (*f.p == '#' || *f.p == ';' || *f.p == ' '); f.p++, f.len--)
		;
	found.columns = row_split(f, separator, col);
	if (found.columns < 2)
		return false;
	for (unsigned i = 0; i < found.columns; i++) {
		found.kind[i] = column_of(col[i]);
		value |= names_a_value(found.kind[i]);
	}
	found.header = true;
	if (value)
		*t = found;
	return value;
}

static char separator_of(struct field f)
{
	static const char candidates[] = { '\t', '|', ',', ';' };
	struct field col[COLUMNS_MAX];
	unsigned best = 1;
	char sep = 0;

	for (size_t i = 0; i < sizeof(candidates); i++) {
		unsigned n = row_split(f, candidates[i], col);

		if (n > best) {
			best = n;
			sep = candidates[i];
		}
	}
	return best >= 3 || (best == 2 && sep != '\t') ? sep : 0;
}

/* A row whose fields hold indicators and other things: a list of one entry a line has nothing else in it. */
static bool is_row(struct field f)
{
	uint8_t a[16], b[16];
	struct field col[COLUMNS_MAX];
	char sep = separator_of(f);
	unsigned n;

	if (!sep)
		return false;
	n = row_split(f, sep, col);
	if (sep == ';') /* "1.2.3.0/24 ; SBL123": a comment */
		return n >= 3 && *f.p == '"';
	if (n == 2)
		return sep == ',' || sep == '|';
	/* DShield: start, end, bits */
	return !(indicator_ip(col[0].p, col[0].len, a, b) && indicator_ip(col[1].p, col[1].len, a, b) && sep == '\t');
}

bool feed_is_csv(const char *text, size_t len)
{
	const char *p = text, *end = text + len;
	unsigned rows = 0, other = 0;
	struct table t;
	struct field f;

	while (rows + other < SNIFF_LINES && next_line(&p, end, &f)) {
		if (!f.len)
			continue;
		if (header_read(f, ',', &t) || header_read(f, '\t', &t) || header_read(f, '|', &t))
			return true;
		if (is_comment(f))
			continue;
		if (is_row(f))
			rows++;
		else
			other++;
	}
	return rows > other;
}

/* ---- rows ------------------------------------------------------------------------------------------------------------------ */
static uint8_t percent(struct field f)
{
	unsigned n = 0;

	for (size_t i = 0; i < f.len && n <= 100; i++) {
		if (f.p[i] < '0' || f.p[i] > '9')
			return CONFIDENCE_UNSAID;
		n = n * 10 + (unsigned)(f.p[i] - '0');
	}
	return f.len && n <= 100 ? (uint8_t)n : CONFIDENCE_UNSAID;
}

static void context_read(const struct table *t, const struct field *col, unsigned n, struct entry *e)
{
	for (unsigned i = 0; i < n && i < t->columns; i++) {
		if (t->kind[i] == COL_CATEGORY && !e->category.len)
			e->category = col[i];
		if (t->kind[i] == COL_CONFIDENCE && col[i].len)
			e->confidence = percent(col[i]);
	}
}

static bool cell_read(struct feed_reader *r, enum column kind, struct field v, const struct entry *e)
{
	switch (kind) {
	case COL_IP:
	case COL_PREFIX:
		return feed_ip(r, v, e) || feed_value(r, v, e);
	case COL_NAME:
		return feed_domain(r, v, e) || feed_value(r, v, e);
	case COL_URL:
		return feed_link(r, v, e);
	case COL_HASH:
		return feed_hash(r, v, e);
	case COL_VALUE:
		return feed_value(r, v, e);
	default:
		return false;
	}
}

static bool is_empty(struct field f)
{
	return !f.len || field_is(f, "n/a") || field_is(f, "null") || field_is(f, "none") || field_is(f, "-") || field_is(f, "?");
}

/* With a header the columns that it names: every digest of a file, but of address, name and URL the first that is there:
 * what else stands in the row (a resolver, a sink) is not what is listed. */
static bool named_row(struct feed_reader *r, const struct table *t, const struct field *col, unsigned n, struct entry *e)
{
	bool hash = false, host = false, any = false;

	context_read(t, col, n, e);
	for (unsigned i = 0; i < n && i < t->columns; i++) {
		if (!names_a_value(t->kind[i]) || is_empty(col[i]))
			continue;
		any = true;
		if (t->kind[i] == COL_HASH)
			hash |= feed_hash(r, col[i], e);
		else if (!host)
			host = cell_read(r, t->kind[i], col[i], e);
	}
	if (any && !hash && !host) {
		/* ThreatFox lists digests that are matched nowhere here (sha3, ssdeep, …) */
		for (unsigned i = 0; i < n && i < t->columns; i++)
			if (t->kind[i] == COL_TYPE && (field_begins(col[i], "sha") || field_begins(col[i], "email") || field_begins(col[i], "envelope"))) {
				r->report->unsupported++;
				return true;
			}
	}
	return hash || host || !any;
}

/* Without one: the first field that is an indicator. */
static bool unnamed_row(struct feed_reader *r, const struct field *col, unsigned n, const struct entry *e)
{
	for (unsigned i = 0; i < n; i++)
		if (!is_empty(col[i]) && feed_value(r, col[i], e))
			return true;
	return false;
}

void feed_csv(struct feed_reader *r, const char *text, size_t len)
{
	const char *p = text, *end = text + len;
	struct field col[COLUMNS_MAX], f;
	struct table t = { 0 };

	for (uint32_t line = 1; next_line(&p, end, &f); line++) {
		struct entry e = { .line = line, .confidence = CONFIDENCE_UNSAID };
		unsigned n;
		char sep;

		if (!t.header && f.len && (header_read(f, ',', &t) || header_read(f, '\t', &t) || header_read(f, '|', &t) ||
					   (*f.p != ';' && header_read(f, ';', &t))))
			continue;
		if (is_comment(f))
			continue;
		sep = t.header ? t.separator : separator_of(f);
		n = row_split(f, sep ? sep : ',', col);
		if (!(t.header ? named_row(r, &t, col, n, &e) : unnamed_row(r, col, n, &e)))
			feed_bad(r, line);
	}
}
