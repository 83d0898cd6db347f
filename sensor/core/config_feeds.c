/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The keys below "feeds" and "geo". */
#include <libfyaml.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "intel/feed.h"
#include "sensor/core/config_priv.h"

static int read_feeds(struct config_reader *r, const struct config_key *k, struct fy_node *n, int line)
{
	memset(r->c.feeds, 0, sizeof(r->c.feeds));
	return config_rows(r, k, n, line, r->c.feeds[0], sizeof(r->c.feeds[0]), ARRAY_SIZE(r->c.feeds), true, &r->c.feed_count);
}

static int read_never_block(struct config_reader *r, const struct config_key *k, struct fy_node *n, int line)
{
	uint8_t first[16], last[16];
	int rc;

	memset(r->c.never_block, 0, sizeof(r->c.never_block));
	rc = config_rows(r, k, n, line, r->c.never_block[0], sizeof(r->c.never_block[0]), ARRAY_SIZE(r->c.never_block), false,
		       &r->c.never_block_count);
	for (unsigned i = 0; !rc && i < r->c.never_block_count; i++)
		if (!indicator_ip(r->c.never_block[i], strlen(r->c.never_block[i]), first, last))
			rc = config_refuse(r, line, "bad value for", k->name, k->expected);
	return rc;
}

/* ---- urls: a list of mappings -------------------------------------------------------------------------------------------- */
/* The one that is read at the moment is the last: r->c.feed_urls[feed_url_count]. */
static struct config_feed_url *url_at(struct config_reader *r)
{
	return &r->c.feed_urls[r->c.feed_url_count];
}

/* k->max: room for the text; k->offset: of the field in struct config_feed_url. */
static int read_url_text(struct config_reader *r, const struct config_key *k, struct fy_node *n, int line)
{
	if (config_node_text(n, (char *)url_at(r) + k->offset, k->max))
		return 0;
	return config_refuse(r, line, "bad value for", k->name, k->expected);
}

static int read_url_name(struct config_reader *r, const struct config_key *k, struct fy_node *n, int line)
{
	struct config_feed_url *u = url_at(r);
	const char *name = config_node_text(n, u->name, sizeof(u->name));

	if (!name || name[0] == '.' || strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-") != strlen(name))
		return config_refuse(r, line, "bad value for", k->name, k->expected);
	for (unsigned i = 0; i < r->c.feed_url_count; i++)
		if (!strcmp(r->c.feed_urls[i].name, name))
			return config_refuse(r, line, "named twice in", "urls", NULL);
	return 0;
}

static int read_url_url(struct config_reader *r, const struct config_key *k, struct fy_node *n, int line)
{
	int rc = read_url_text(r, k, n, line);

	return !rc && strncmp(url_at(r)->url, "https://", 8) ? config_refuse(r, line, "bad value for", k->name, k->expected) : rc;
}

static int read_url_format(struct config_reader *r, const struct config_key *k, struct fy_node *n, int line)
{
	enum feed_format format;
	char text[16];

	if (!config_node_text(n, text, sizeof(text)) || feed_format_parse(text, &format) < 0)
		return config_refuse(r, line, "bad value for", k->name, k->expected);
	url_at(r)->format = format;
	return 0;
}

static int read_url_u32(struct config_reader *r, const struct config_key *k, struct fy_node *n, int line)
{
	uint64_t v;
	int rc = config_number(r, k, n, line, false, &v);
	uint32_t v32;

	if (rc)
		return rc;
	v32 = (uint32_t)v;
	memcpy((char *)url_at(r) + k->offset, &v32, sizeof(v32));
	return 0;
}

static int read_url_bytes(struct config_reader *r, const struct config_key *k, struct fy_node *n, int line)
{
	return config_number(r, k, n, line, true, &url_at(r)->max_bytes);
}

#define AT(field) offsetof(struct config_feed_url, field)
#define ROOM(field) sizeof(((struct config_feed_url *)0)->field)
static const struct config_key url_keys[] = {
	{ "name", read_url_name, "up to 39 of a-z 0-9 . _ -", 0, 0, 0, NULL },
	{ "url", read_url_url, "https://...", AT(url), 0, ROOM(url), NULL },
	{ "format", read_url_format, "auto, lines, csv, stix, misp or json", 0, 0, 0, NULL },
	{ "category", read_url_text, "a word or two", AT(category), 0, ROOM(category), NULL },
	{ "confidence", read_url_u32, "a number", AT(confidence), 0, 100, NULL },
	{ "every", read_url_u32, "seconds", AT(every_s), 60, 30 * 86400, NULL },
	{ "ca", read_url_text, "the path of a file of certificates (PEM)", AT(ca), 0, ROOM(ca), NULL },
	{ "max_bytes", read_url_bytes, "bytes (KiB, MiB, GiB are understood)", 0, 1, FEED_BYTES_MAX, NULL },
	{ NULL, NULL, NULL, 0, 0, 0, NULL },
};
#undef AT

static int read_urls(struct config_reader *r, const struct config_key *k, struct fy_node *n, int line)
{
	const struct config_key one = { "urls", config_section, "keys name, url, format, category, confidence, every, ca, max_bytes", 0, 0, 0, url_keys };
	void *iter = NULL;
	struct fy_node *e;

	memset(r->c.feed_urls, 0, sizeof(r->c.feed_urls));
	r->c.feed_url_count = 0;
	if (!fy_node_is_sequence(n))
		return config_refuse(r, line, "bad value for", k->name, k->expected);
	while ((e = fy_node_sequence_iterate(n, &iter))) {
		struct config_feed_url *u = url_at(r);
		int rc;

		line = config_node_line(e, line);
		if (r->c.feed_url_count == ARRAY_SIZE(r->c.feed_urls) || !fy_node_is_mapping(e))
			return config_refuse(r, line, "bad value for", k->name, k->expected);
		*u = (struct config_feed_url){ .format = FEED_AUTO, .every_s = 3600, .max_bytes = 64 << 20 };
		rc = config_section(r, &one, e, line);
		if (rc)
			return rc;
		if (!u->name[0] || !u->url[0])
			return config_refuse(r, line, "an entry without name or url in", k->name, k->expected);
		if (u->ca[0] && u->ca[0] != '/')
			return config_refuse(r, line, "bad value for", "ca", "an absolute path");
		r->c.feed_url_count++;
	}
	return 0;
}

static int read_proxy(struct config_reader *r, const struct config_key *k, struct fy_node *n, int line)
{
	if (!config_node_text(n, r->c.feed_proxy, sizeof(r->c.feed_proxy)) ||
	    (strncmp(r->c.feed_proxy, "http://", 7) && strncmp(r->c.feed_proxy, "https://", 8)))
		return config_refuse(r, line, "bad value for", k->name, k->expected);
	return 0;
}

static int read_timeout(struct config_reader *r, const struct config_key *k, struct fy_node *n, int line)
{
	uint64_t v;
	int rc = config_number(r, k, n, line, false, &v);

	if (!rc)
		r->c.feed_timeout_s = (uint32_t)v;
	return rc;
}

const struct config_key config_feeds_keys[] = {
	{ "files", read_feeds, "up to 16 different absolute paths", 0, 0, 0, NULL },
	{ "urls", read_urls, "up to 16 mappings with name and url (pierglass.yaml(5))", 0, 0, 0, NULL },
	{ "proxy", read_proxy, "http://host:port or https://host:port", 0, 0, 0, NULL },
	{ "timeout", read_timeout, "seconds", 0, 1, 3600, NULL },
	{ "never_block", read_never_block, "up to 64 addresses, prefixes or ranges", 0, 0, 0, NULL },
	{ NULL, NULL, NULL, 0, 0, 0, NULL },
};

/* ---- geo ---------------------------------------------------------------------------------------------------------------------- */
static int read_database(struct config_reader *r, const struct config_key *k, struct fy_node *n, int line)
{
	char *path = (char *)&r->c + k->offset;

	if (!config_node_text(n, path, sizeof(r->c.geo_country)) || path[0] != '/')
		return config_refuse(r, line, "bad value for", k->name, k->expected);
	return 0;
}

const struct config_key config_geo_keys[] = {
	{ "country", read_database, "an absolute path of a database (.mmdb)", offsetof(struct config, geo_country), 0, 0, NULL },
	{ "asn", read_database, "an absolute path of a database (.mmdb)", offsetof(struct config, geo_asn), 0, 0, NULL },
	{ NULL, NULL, NULL, 0, 0, 0, NULL },
};
