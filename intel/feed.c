/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Looks at what a feed is, hands it to the reader of that format, and decides whether the outcome may be used. */
#include "intel/feed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "intel/feed_priv.h"

static const char *const format_names[FEED_FORMATS] = { "auto", "lines", "csv", "stix", "misp", "json" };

const char *feed_format_name(enum feed_format f)
{
	return f < FEED_FORMATS ? format_names[f] : "?";
}

int feed_format_parse(const char *s, enum feed_format *ret)
{
	for (enum feed_format f = 0; f < FEED_FORMATS; f++)
		if (!strcmp(s, format_names[f])) {
			*ret = f;
			return 0;
		}
	return -EINVAL;
}

/* ---- fields ---------------------------------------------------------------------------------------------------------- */
static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

struct field field_trim(struct field f)
{
	for (; f.len && is_blank(*f.p); f.p++, f.len--)
		;
	for (; f.len && is_blank(f.p[f.len - 1]); f.len--)
		;
	return f;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c;
}

bool field_begins(struct field f, const char *s)
{
	size_t n = strlen(s);

	if (f.len < n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (lower(f.p[i]) != lower(s[i]))
			return false;
	return true;
}

bool field_is(struct field f, const char *s)
{
	return f.len == strlen(s) && field_begins(f, s);
}

/* ---- values ---------------------------------------------------------------------------------------------------------- */
static void emit(struct feed_reader *r, struct indicator *i, const struct entry *e)
{
	i->line = e->line;
	i->confidence = e->confidence;
	i->flags |= e->flags;
	i->category = e->category.p ? e->category.p : "";
	i->category_len = e->category.len < INDICATOR_CATEGORY_MAX ? e->category.len : INDICATOR_CATEGORY_MAX;
	r->report->entries[i->kind]++;
	r->cb(i, r->arg);
}

bool feed_ip(struct feed_reader *r, struct field value, const struct entry *e)
{
	struct indicator i = { .kind = IND_IP, .text = "" };

	if (!indicator_ip(value.p, value.len, i.first, i.last))
		return false;
	emit(r, &i, e);
	return true;
}

bool feed_domain(struct feed_reader *r, struct field value, const struct entry *e)
{
	char name[INDICATOR_NAME_MAX + 1];
	struct indicator i = { .kind = IND_DOMAIN, .text = name };

	i.text_len = indicator_domain(value.p, value.len, name);
	if (!i.text_len)
		return false;
	emit(r, &i, e);
	return true;
}

bool feed_hash(struct feed_reader *r, struct field value, const struct entry *e)
{
	struct indicator i = { .kind = IND_HASH, .text = "" };

	if (!indicator_hash(value.p, value.len, &i.algo, i.digest))
		return false;
	emit(r, &i, e);
	return true;
}

bool feed_url(struct feed_reader *r, struct field value, const struct entry *e)
{
	struct indicator i = { .kind = IND_URL };
	char url[INDICATOR_URL_MAX];
	struct entry host_entry = *e;
	struct field host = { "", 0 };

	if (value.len > sizeof(url) || !indicator_url(value.p, value.len, &host.p, &host.len))
		return false;
	for (size_t k = 0; k < value.len; k++)
		url[k] = value.p + k < host.p + host.len ? lower(value.p[k]) : value.p[k];
	i.text = url;
	i.text_len = value.len;
	emit(r, &i, e);
	/* An address serves what its owner wants; below a name many may publish. */
	if (feed_ip(r, host, e))
		return true;
	host_entry.flags |= IND_URL_HOST;
	if (host_entry.confidence > CONFIDENCE_WEAK)
		host_entry.confidence = CONFIDENCE_WEAK;
	(void)feed_domain(r, host, &host_entry);
	return true;
}

bool feed_link(struct feed_reader *r, struct field value, const struct entry *e)
{
	char url[INDICATOR_URL_MAX];
	const char *slash;

	if (feed_url(r, value, e))
		return true;
	slash = memchr(value.p, '/', value.len);
	if (!slash)
		return feed_value(r, value, e);
	if (slash == value.p || value.len + 7 > sizeof(url))
		return false;
	memcpy(url, "http://", 7);
	memcpy(url + 7, value.p, value.len);
	return feed_url(r, (struct field){ url, value.len + 7 }, e);
}

/* "192.0.2.1:443", "[2001:db8::1]:443", "name:443" */
static bool without_port(struct field v, struct field *ret)
{
	const char *colon;

	*ret = (struct field){ "", 0 };
	if (v.len > 2 && *v.p == '[') {
		const char *close = memchr(v.p, ']', v.len);

		*ret = (struct field){ v.p + 1, close ? (size_t)(close - v.p) - 1 : 0 };
		return close != NULL;
	}
	colon = memchr(v.p, ':', v.len);
	if (!colon || colon + 1 == v.p + v.len)
		return false;
	for (const char *c = colon + 1; c < v.p + v.len; c++)
		if (*c < '0' || *c > '9')
			return false;
	*ret = (struct field){ v.p, (size_t)(colon - v.p) };
	return true;
}

bool feed_value(struct feed_reader *r, struct field value, const struct entry *e)
{
	struct field host;

	value = field_trim(value);
	if (feed_ip(r, value, e) || feed_hash(r, value, e) || feed_url(r, value, e) || feed_domain(r, value, e))
		return true;
	return without_port(value, &host) && (feed_ip(r, host, e) || feed_domain(r, host, e));
}

void feed_bad(struct feed_reader *r, uint32_t line)
{
	struct feed_report *p = r->report;

	if (p->bad < FEED_BAD_SHOWN)
		p->bad_lines[p->bad] = line;
	p->bad++;
}

/* ---- times ------------------------------------------------------------------------------------------------------------ */
static bool digits(const char *p, size_t n, int64_t *ret)
{
	*ret = 0;
	for (size_t i = 0; i < n; i++) {
		if (p[i] < '0' || p[i] > '9')
			return false;
		*ret = *ret * 10 + (p[i] - '0');
	}
	return true;
}

/* Days since 1970-01-01 of a date in the Gregorian calendar. */
static int64_t days_of(int64_t y, int64_t m, int64_t d)
{
	int64_t era, yoe, doy;

	y -= m <= 2;
	era = y / 400;
	yoe = y - era * 400;
	doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

bool feed_time(struct field f, int64_t *ret)
{
	int64_t y, mo, d, h = 0, mi = 0, s = 0;

	if (f.len < 10 || !digits(f.p, 4, &y) || !digits(f.p + 5, 2, &mo) || !digits(f.p + 8, 2, &d) || f.p[4] != '-' || f.p[7] != '-')
		return false;
	if (f.len >= 19 && (!digits(f.p + 11, 2, &h) || !digits(f.p + 14, 2, &mi) || !digits(f.p + 17, 2, &s)))
		return false;
	if (mo < 1 || mo > 12 || d < 1 || d > 31 || h > 23 || mi > 59 || s > 60)
		return false;
	*ret = days_of(y, mo, d) * 86400 + h * 3600 + mi * 60 + s;
	return true;
}

/* ---- the whole -------------------------------------------------------------------------------------------------------- */
/* A document that is no list: an error page of a server, for one. */
static bool is_markup(const char *text, size_t len)
{
	struct field f = { text, len };

	for (; f.len && (is_blank(*f.p) || *f.p == '\n'); f.p++, f.len--)
		;
	return field_begins(f, "<!doctype") || field_begins(f, "<html") || field_begins(f, "<?xml") || field_begins(f, "<head");
}

static char first_char(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!is_blank(text[i]) && text[i] != '\n')
			return text[i];
	return 0;
}

static enum feed_format format_of(const char *text, size_t len)
{
	char c = first_char(text, len);

	if (c == '{' || c == '[')
		return FEED_JSON;
	return feed_is_csv(text, len) ? FEED_CSV : FEED_LINES;
}

static uint64_t entries_of(const struct feed_report *p)
{
	uint64_t n = 0;

	for (int k = 0; k < IND_KINDS; k++)
		n += p->entries[k];
	return n;
}

/* What is no list at all, or half of one, must not replace a good copy. */
static const char *refusal(const struct feed_report *p)
{
	uint64_t good = entries_of(p), known = good + p->unsupported + p->expired;

	if (!known)
		return p->bad ? "nothing in it is an address, a name, a digest or a URL" : "it lists nothing";
	if (p->bad > known)
		return "more than half of it is nothing known";
	if (p->promised && p->unique_ips < p->promised)
		return "it is cut short: its header promises more addresses than it has";
	return NULL;
}

struct counting {
	feed_cb cb;
	void *arg;
	uint8_t (*ranges)[2][4];
	size_t count, room;
	bool no_memory;
};

static int range_order(const void *a, const void *b)
{
	return memcmp(a, b, 8);
}

static uint64_t v4_of(const uint8_t p[4])
{
	return (uint64_t)p[0] << 24 | (uint64_t)p[1] << 16 | (uint64_t)p[2] << 8 | p[3];
}

/* Remembers IPv4 ranges, to hold their number against the header's. */
static void count_entry(const struct indicator *i, void *arg)
{
	struct counting *c = arg;

	c->cb(i, c->arg);
	if (i->kind != IND_IP || c->no_memory || i->first[10] != 0xff || i->first[0])
		return;
	if (c->count == c->room) {
		size_t room = c->room ? 2 * c->room : 1024;
		void *p = realloc(c->ranges, room * sizeof(*c->ranges));

		if (!p) {
			c->no_memory = true;
			return;
		}
		c->ranges = p;
		c->room = room;
	}
	memcpy(c->ranges[c->count][0], i->first + 12, 4);
	memcpy(c->ranges[c->count][1], i->last + 12, 4);
	c->count++;
}

static uint64_t count_unique(struct counting *c)
{
	uint64_t n = 0, next = 0; /* the first address not yet counted */

	if (c->count)
		qsort(c->ranges, c->count, sizeof(*c->ranges), range_order);
	for (size_t i = 0; i < c->count; i++) {
		uint64_t a = v4_of(c->ranges[i][0]), b = v4_of(c->ranges[i][1]);

		if (a < next)
			a = next;
		if (b >= a) {
			n += b - a + 1;
			next = b + 1;
		}
	}
	return n;
}

/* FireHOL: "# Entries         : 3911 subnets, 611209217 unique IPs" */
static uint64_t promised_ips(const char *text, size_t len)
{
	const char *end = text + len;

	for (const char *p = text; p < end && *p == '#';) {
		const char *nl = memchr(p, '\n', (size_t)(end - p)), *line_end = nl ? nl : end, *u;
		uint64_t n = 0, scale = 1;

		if (field_begins((struct field){ p, (size_t)(line_end - p) }, "# Entries ") &&
		    (u = memmem(p, (size_t)(line_end - p), " unique IPs", 11))) {
			for (u--; u > p && *u >= '0' && *u <= '9' && scale < 1000000000000ULL; u--, scale *= 10)
				n += scale * (uint64_t)(*u - '0');
			return n;
		}
		p = nl ? nl + 1 : end;
	}
	return 0;
}

int feed_parse(const char *text, size_t len, enum feed_format format, int64_t now_s, feed_cb cb, void *arg, struct feed_report *ret)
{
	struct counting c = { .cb = cb, .arg = arg };
	struct feed_reader r = { cb, arg, ret, now_s };
	int status = 0;

	*ret = (struct feed_report){ .format = format };
	if (len >= 3 && !memcmp(text, "\xef\xbb\xbf", 3)) { /* UTF-8's byte order mark */
		text += 3;
		len -= 3;
	}
	if (len > FEED_BYTES_MAX)
		ret->refused = "it is larger than 256 MiB";
	else if (memchr(text, 0, len))
		ret->refused = "it is no text: it contains NUL bytes (a compressed or binary file?)";
	else if (is_markup(text, len))
		ret->refused = "it is a web page or XML, not a list";
	if (ret->refused)
		return -EBADMSG;
	if (format == FEED_AUTO)
		format = format_of(text, len);
	ret->format = format;
	switch (format) {
	case FEED_CSV:
		feed_csv(&r, text, len);
		break;
	case FEED_STIX:
	case FEED_MISP:
	case FEED_JSON:
		status = feed_json(&r, format, text, len);
		break;
	default:
		ret->promised = promised_ips(text, len);
		if (ret->promised) {
			r.cb = count_entry;
			r.arg = &c;
		}
		feed_lines(&r, text, len);
		ret->unique_ips = count_unique(&c);
		free(c.ranges);
		if (c.no_memory)
			status = -ENOMEM;
	}
	if (status == 0 && !ret->refused)
		ret->refused = refusal(ret);
	return status < 0 ? status : ret->refused ? -EBADMSG : 0;
}
