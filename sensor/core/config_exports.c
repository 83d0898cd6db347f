/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The keys below "exports". */
#include <libfyaml.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/filter.h"
#include "sensor/core/config_priv.h"

#define TO_MAX sizeof(((struct config_exports *)0)->lines_to[0])

static bool is_place(const char *text, const char *scheme)
{
	char host[64];
	bool loopback;
	uint16_t port;

	return !strncmp(text, scheme, strlen(scheme)) && config_listen_address(text + strlen(scheme), host, &port, &loopback);
}

static int read_lines_to(struct config_reader *r, const struct config_key *k, struct fy_node *n, int line)
{
	struct config_exports *e = &r->c.exports;
	int rc;

	memset(e->lines_to, 0, sizeof(e->lines_to));
	rc = config_rows(r, k, n, line, e->lines_to[0], TO_MAX, ARRAY_SIZE(e->lines_to), false, &e->lines_to_count);
	for (unsigned i = 0; !rc && i < e->lines_to_count; i++) {
		const char *to = e->lines_to[i];

		if (strcmp(to, "file") != 0 && !is_place(to, "tcp://") && !is_place(to, "syslog-tcp://"))
			rc = config_refuse(r, line, "bad value for", k->name, k->expected);
	}
	return rc;
}

static int read_ipfix_to(struct config_reader *r, const struct config_key *k, struct fy_node *n, int line)
{
	char text[TO_MAX];

	if (!config_node_text(n, text, sizeof(text)) || (!is_place(text, "udp://") && !is_place(text, "tcp://")))
		return config_refuse(r, line, "bad value for", k->name, k->expected);
	memcpy(r->c.exports.ipfix_to, text, sizeof(text));
	return 0;
}

static int read_otlp_to(struct config_reader *r, const struct config_key *k, struct fy_node *n, int line)
{
	char text[TO_MAX];
	size_t len;

	if (!config_node_text(n, text, sizeof(text)) || (strncmp(text, "https://", 8) != 0 && strncmp(text, "http://", 7) != 0))
		return config_refuse(r, line, "bad value for", k->name, k->expected);
	len = strlen(text);
	while (len && text[len - 1] == '/')
		text[--len] = '\0';
	memcpy(r->c.exports.otlp_to, text, sizeof(text));
	return 0;
}

static const char *const records[] = { "flows", "alerts", "events", "metrics" };

/* min: how many of the words above are allowed here. */
static int read_what(struct config_reader *r, const struct config_key *k, struct fy_node *n, int line)
{
	char rows[ARRAY_SIZE(records)][16] = { "" };
	unsigned count = 0, what = 0;
	int rc = config_rows(r, k, n, line, rows[0], sizeof(rows[0]), ARRAY_SIZE(rows), false, &count);

	for (unsigned i = 0; !rc && i < count; i++) {
		unsigned w = 0;

		while (w < k->min && strcmp(rows[i], records[w]) != 0)
			w++;
		if (w == k->min)
			return config_refuse(r, line, "bad value for", k->name, k->expected);
		what |= 1U << w;
	}
	if (!rc)
		*(unsigned *)((char *)&r->c.exports + k->offset) = what;
	return rc;
}

static int read_filter(struct config_reader *r, const struct config_key *k, struct fy_node *n, int line)
{
	char *field = (char *)&r->c.exports + k->offset, err[128];
	struct filter *f = NULL;
	int rc;

	if (!config_node_text(n, field, FILTER_TEXT_MAX + 1))
		return config_refuse(r, line, "bad value for", k->name, k->expected);
	rc = filter_parse(field, clock_wall_ns(), &f, NULL, err, sizeof(err));
	filter_free(f);
	return rc ? config_refuse(r, line, "bad value for", k->name, err) : 0;
}

static int read_bytes(struct config_reader *r, const struct config_key *k, struct fy_node *n, int line)
{
	return config_number(r, k, n, line, true, (uint64_t *)((char *)&r->c.exports + k->offset));
}

static int read_u32(struct config_reader *r, const struct config_key *k, struct fy_node *n, int line)
{
	uint64_t v = 0;
	int rc = config_number(r, k, n, line, false, &v);

	if (!rc)
		*(uint32_t *)((char *)&r->c.exports + k->offset) = (uint32_t)v;
	return rc;
}

#define AT(field) offsetof(struct config_exports, field)
static const struct config_key lines_keys[] = {
	{ "to", read_lines_to, "up to 4 of file, tcp://ADDRESS:PORT, syslog-tcp://ADDRESS:PORT", 0, 0, 0, NULL },
	{ "what", read_what, "of flows, alerts, events", AT(lines_what), 3, 0, NULL },
	{ "filter", read_filter, "an expression: pierglass-filter(7)", AT(lines_filter), 0, 0, NULL },
	{ "max_bytes", read_bytes, "bytes (KiB, MiB, GiB are understood)", AT(lines_max_bytes), 65536, 1ULL << 40, NULL },
	{ "files", read_u32, "files", AT(lines_files), 1, 100, NULL },
	{ NULL, NULL, NULL, 0, 0, 0, NULL },
};
static const struct config_key ipfix_keys[] = {
	{ "to", read_ipfix_to, "udp://ADDRESS:PORT or tcp://ADDRESS:PORT", 0, 0, 0, NULL },
	{ "filter", read_filter, "an expression: pierglass-filter(7)", AT(ipfix_filter), 0, 0, NULL },
	{ "domain", read_u32, "a number", AT(ipfix_domain), 0, UINT32_MAX, NULL },
	{ "enterprise", read_u32, "a private enterprise number", AT(ipfix_enterprise), 1, UINT32_MAX, NULL },
	{ NULL, NULL, NULL, 0, 0, 0, NULL },
};
static const struct config_key otlp_keys[] = {
	{ "to", read_otlp_to, "https://COLLECTOR:4318 (or http://): /v1/metrics and /v1/logs are below it", 0, 0, 0, NULL },
	{ "what", read_what, "of metrics, alerts, events, flows", AT(otlp_what), 4, 0, NULL },
	{ "filter", read_filter, "an expression: pierglass-filter(7)", AT(otlp_filter), 0, 0, NULL },
	{ "interval", read_u32, "seconds", AT(otlp_interval_s), 5, 3600, NULL },
	{ NULL, NULL, NULL, 0, 0, 0, NULL },
};
const struct config_key config_exports_keys[] = {
	{ "lines", config_section, "keys to, what, filter, max_bytes, files", 0, 0, 0, lines_keys },
	{ "ipfix", config_section, "keys to, filter, domain, enterprise", 0, 0, 0, ipfix_keys },
	{ "otlp", config_section, "keys to, what, filter, interval", 0, 0, 0, otlp_keys },
	{ NULL, NULL, NULL, 0, 0, 0, NULL },
};
