/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Feeds in JSON: STIX bundles, MISP events, OTX pulses, abuse.ch exports, Spamhaus DROP (one document a line). */
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "intel/feed_priv.h"

enum { DEPTH_MAX = 32 };

static struct field field_of(const json_t *v)
{
	return json_is_string(v) ? (struct field){ json_string_value(v), json_string_length(v) } : (struct field){ "", 0 };
}

static struct field member(const json_t *o, const char *key)
{
	return field_of(json_object_get(o, key));
}

static uint8_t confidence_of(const json_t *o, uint8_t otherwise)
{
	const json_t *v = json_object_get(o, "confidence");
	json_int_t n;

	if (!v)
		v = json_object_get(o, "confidence_level");
	n = json_integer_value(v);
	return json_is_integer(v) && n > 0 && n <= 100 ? (uint8_t)n : otherwise;
}

struct walk {
	struct feed_reader *r;
	enum feed_format format; /* as it turned out */
	uint32_t number;         /* entries are numbered in the document's order: jansson keeps no lines */
};

static bool is_over(struct walk *w, struct field until)
{
	int64_t t;

	if (!feed_time(until, &t) || t >= w->r->now_s)
		return false;
	w->r->report->expired++;
	return true;
}

/* ---- STIX 2.0, 2.1: indicator objects ------------------------------------------------------------------------------------- */
static void stix_indicator(struct walk *w, const json_t *o)
{
	struct entry e = { .line = ++w->number, .confidence = confidence_of(o, CONFIDENCE_UNSAID), .category = member(o, "name") };
	struct field pattern = member(o, "pattern"), type = member(o, "pattern_type");
	unsigned other;

	w->format = FEED_STIX;
	if (json_is_true(json_object_get(o, "revoked"))) {
		w->r->report->expired++;
		return;
	}
	if (is_over(w, member(o, "valid_until")))
		return;
	if (type.len && !field_is(type, "stix")) {
		w->r->report->unsupported++;
		return;
	}
	if (!stix_pattern(w->r, pattern, &e, &other))
		w->r->report->unsupported++;
}

/* ---- MISP: attributes ------------------------------------------------------------------------------------------------------- */
static const struct misp_type {
	const char *name;
	bool (*read)(struct feed_reader *r, struct field v, const struct entry *e);
} misp_types[] = {
	{ "ip-src", feed_ip },	 { "ip-dst", feed_ip },	       { "ip-src|port", feed_ip }, { "ip-dst|port", feed_ip },
	{ "domain", feed_domain }, { "hostname", feed_domain }, { "hostname|port", feed_domain }, { "url", feed_link },
	{ "link", NULL },	 { "md5", feed_hash },	       { "sha1", feed_hash },	   { "sha256", feed_hash },
	{ "malware-sample", feed_hash }, { "filename|md5", feed_hash }, { "filename|sha1", feed_hash }, { "filename|sha256", feed_hash },
};

static struct field part(struct field v, bool last)
{
	const char *bar = memrchr(v.p, '|', v.len);

	if (!bar)
		return v;
	return last ? (struct field){ bar + 1, (size_t)(v.p + v.len - bar - 1) } : (struct field){ v.p, (size_t)(bar - v.p) };
}

/* Both halves of "domain|ip" are listed by MISP itself as two values of one object. */
static bool misp_pair(struct walk *w, struct field v, const struct entry *e)
{
	struct entry below = *e;
	bool name;

	below.flags |= IND_SUBDOMAINS;
	name = feed_domain(w->r, part(v, false), &below);
	return feed_ip(w->r, part(v, true), e) || name;
}

static bool misp_value(struct walk *w, struct field type, struct field v, const struct entry *e)
{
	struct entry below = *e;

	if (field_is(type, "domain|ip"))
		return misp_pair(w, v, e);
	if (field_is(type, "domain")) /* "A domain name used in the malware": with what is below it; "hostname" is exact */
		below.flags |= IND_SUBDOMAINS;
	for (size_t i = 0; i < sizeof(misp_types) / sizeof(misp_types[0]); i++)
		if (field_is(type, misp_types[i].name)) {
			bool first = memmem(type.p, type.len, "|port", 5) || field_is(type, "malware-sample");

			if (!misp_types[i].read)
				return false;
			if (field_is(type, "malware-sample"))
				first = false;
			return misp_types[i].read(w->r, memchr(type.p, '|', type.len) || field_is(type, "malware-sample") ? part(v, !first) : v,
						  &below);
		}
	return false;
}

static bool misp_attribute(struct walk *w, const json_t *o)
{
	struct field type = member(o, "type"), value = member(o, "value");
	struct entry e = { .line = w->number + 1, .confidence = confidence_of(o, CONFIDENCE_UNSAID), .category = member(o, "category") };
	const json_t *ids = json_object_get(o, "to_ids");

	if (!type.len || !value.len || !json_object_get(o, "category"))
		return false;
	w->number++;
	w->format = FEED_MISP;
	if (json_is_true(json_object_get(o, "deleted"))) {
		w->r->report->expired++;
		return true;
	}
	if (ids && !json_is_true(ids) && !field_is(field_of(ids), "1")) {
		e.flags |= IND_NOT_FOR_IDS;
		e.confidence = CONFIDENCE_WEAK;
	}
	if (!misp_value(w, type, value, &e))
		w->r->report->unsupported++;
	return true;
}

/* ---- others: objects with a member of a known name ---------------------------------------------------------------------------- */
static const char *const value_keys[] = {
	"indicator", "ioc", "ioc_value", "cidr", "ip_address", "ipAddress", "ip", "ip_str", "dst_ip", "NetworkDestinationIPv4", "prefix",
	"url", "Url", "domain", "host", "hostname", "sha256_hash", "sha1_hash", "md5_hash", "sha256", "md5", "address",
};

static bool other_object(struct walk *w, const json_t *o)
{
	struct entry e = { .line = w->number + 1, .confidence = confidence_of(o, CONFIDENCE_UNSAID) };
	bool seen = false;

	e.category = member(o, "malware_printable");
	if (!e.category.len)
		e.category = member(o, "malware");
	for (size_t i = 0; i < sizeof(value_keys) / sizeof(value_keys[0]); i++) {
		struct field v = member(o, value_keys[i]);

		if (v.len && feed_value(w->r, v, &e)) {
			w->number++;
			return true;
		}
		seen |= v.len > 0;
	}
	if (seen && (json_object_get(o, "indicator") || json_object_get(o, "ioc") || json_object_get(o, "cidr"))) {
		/* a listed thing of a kind that is not matched (a mail address, a mutex, …) */
		w->number++;
		w->r->report->unsupported++;
		return true;
	}
	return false;
}

/* ---- the document ---------------------------------------------------------------------------------------------------------------- */
static void walk(struct walk *w, const json_t *v, int depth)
{
	const char *key;
	json_t *e;
	size_t i;

	if (depth > DEPTH_MAX)
		return;
	if (json_is_array(v)) {
		json_array_foreach((json_t *)v, i, e)
			walk(w, e, depth + 1);
		return;
	}
	if (!json_is_object(v))
		return;
	if (field_is(member(v, "type"), "indicator") && json_object_get(v, "pattern")) {
		stix_indicator(w, v);
		return;
	}
	if (field_is(member(v, "type"), "bundle") && json_is_array(json_object_get(v, "objects")))
		w->format = FEED_STIX;
	if (misp_attribute(w, v))
		return;
	if (w->format != FEED_STIX && w->format != FEED_MISP && other_object(w, v))
		return;
	/* Copies of what others said (MISP's proposals, related events) are not this feed's. */
	json_object_foreach((json_t *)v, key, e)
		if (strcmp(key, "ShadowAttribute") != 0 && strcmp(key, "RelatedEvent") != 0)
			walk(w, e, depth + 1);
}

static int refuse(struct feed_reader *r, const char *why)
{
	r->report->refused = why;
	return -EBADMSG;
}

/* One document a line. */
static int json_lines(struct walk *w, const char *text, size_t len)
{
	const char *p = text, *end = text + len;

	for (uint32_t line = 1; p < end; line++) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		struct field f = field_trim((struct field){ p, (size_t)((nl ? nl : end) - p) });
		json_error_t error;
		json_t *doc;

		p = nl ? nl + 1 : end;
		if (!f.len || *f.p == '#')
			continue;
		doc = json_loadb(f.p, f.len, JSON_REJECT_DUPLICATES, &error);
		if (!doc) {
			if (p >= end)
				return refuse(w->r, "it is cut short: its last line is no whole JSON document");
			feed_bad(w->r, line);
			continue;
		}
		w->number = line - 1;
		if (!field_is(member(doc, "type"), "metadata")) /* Spamhaus: the last line says what the file is */
			walk(w, doc, 0);
		json_decref(doc);
	}
	return 0;
}

/* Whether the first line is a document of its own and another follows. */
static bool is_lines(const char *text, size_t len)
{
	const char *nl = memchr(text, '\n', len), *p;
	json_error_t error;
	json_t *doc;

	if (*text != '{' || !nl)
		return false;
	for (p = nl + 1; p < text + len && strchr(" \t\r\n", *p); p++)
		;
	if (p >= text + len || *p != '{')
		return false;
	doc = json_loadb(text, (size_t)(nl - text), 0, &error);
	json_decref(doc);
	return doc != NULL;
}

int feed_json(struct feed_reader *r, enum feed_format format, const char *text, size_t len)
{
	struct walk w = { .r = r, .format = format };
	json_error_t error;
	json_t *doc;
	int status = 0;

	for (; len && strchr(" \t\r\n", *text) && *text; text++, len--)
		;
	if (!len)
		return refuse(r, "it is empty");
	if (is_lines(text, len)) {
		status = json_lines(&w, text, len);
	} else if (len > FEED_JSON_BYTES_MAX) {
		return refuse(r, "it is a JSON document larger than 16 MiB");
	} else {
		doc = json_loadb(text, len, 0, &error);
		if (!doc)
			return json_error_code(&error) == json_error_out_of_memory ? -ENOMEM :
			       json_error_code(&error) == json_error_premature_end_of_input ?
			       refuse(r, "it is cut short: the JSON document does not end") : refuse(r, "it is no valid JSON");
		walk(&w, doc, 0);
		json_decref(doc);
	}
	r->report->format = w.format == FEED_AUTO ? FEED_JSON : w.format;
	return status;
}
