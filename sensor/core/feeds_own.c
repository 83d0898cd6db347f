/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What no feed may name because this node lives by it: its own addresses, its gateways, its resolvers, the engines' networks,
 * and what the operator says. Sources: proc(5) /proc/net/{fib_trie,route,if_inet6,ipv6_route}, resolv.conf(5). */
#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "intel/indicator.h"
#include "sensor/core/feeds_own.h"
#include "sensor/core/feeds_priv.h"

static void own_add(struct never_own *o, const uint8_t first[16], const uint8_t last[16])
{
	for (unsigned i = 0; i < o->count; i++)
		if (!memcmp(o->ranges[i].first, first, 16) && !memcmp(o->ranges[i].last, last, 16))
			return;
	if (o->count == o->max)
		return;
	memcpy(o->ranges[o->count].first, first, 16);
	memcpy(o->ranges[o->count++].last, last, 16);
}

void never_own_text(struct never_own *o, const char *text, size_t len)
{
	uint8_t first[16], last[16];

	if (indicator_ip(text, len, first, last))
		own_add(o, first, last);
}

static void add_v4(struct never_own *o, uint32_t addr_be)
{
	uint8_t a[16] = { [10] = 0xff, 0xff };

	memcpy(a + 12, &addr_be, 4);
	if (addr_be)
		own_add(o, a, a);
}

static void add_hex6(struct never_own *o, const char *hex)
{
	static const uint8_t none[16];
	uint8_t a[16];

	for (int i = 0; i < 16; i++) {
		unsigned v;

		if (!isxdigit((unsigned char)hex[2 * i]) || !isxdigit((unsigned char)hex[2 * i + 1]) || sscanf(hex + 2 * i, "%2x", &v) != 1)
			return;
		a[i] = (uint8_t)v;
	}
	if (memcmp(a, none, 16))
		own_add(o, a, a);
}

/* "Iface Destination Gateway …", numbers as the kernel holds them. */
static void route_line(struct never_own *o, char *line)
{
	unsigned long dest, gateway;

	if (sscanf(line, "%*s %lx %lx", &dest, &gateway) == 2)
		add_v4(o, (uint32_t)gateway);
}

/* "|-- 192.0.2.1", and below it "/32 host LOCAL". */
static void fib_line(struct never_own *o, char *line)
{
	char *at = strstr(line, "|-- ");

	if (at)
		snprintf(o->leaf, sizeof(o->leaf), "%.45s", at + 4);
	else if (strstr(line, "/32 host LOCAL"))
		never_own_text(o, o->leaf, strlen(o->leaf));
}

static void if_inet6_line(struct never_own *o, char *line)
{
	if (strlen(line) >= 32)
		add_hex6(o, line);
}

/* "destination length source length nexthop …" */
static void route6_line(struct never_own *o, char *line)
{
	char hop[33];

	if (sscanf(line, "%*32s %*s %*32s %*s %32s", hop) == 1 && strlen(hop) == 32)
		add_hex6(o, hop);
}

static void resolv_line(struct never_own *o, char *line)
{
	char *p = line + strspn(line, " \t");

	if (strncmp(p, "nameserver", 10) || !isspace((unsigned char)p[10]))
		return;
	p += 10 + strspn(p + 10, " \t");
	never_own_text(o, p, strcspn(p, " \t#;%"));
}

void never_own_lines(struct never_own *o, enum never_own_source source, char *text)
{
	static void (*const readers[NEVER_OWN_SOURCES])(struct never_own *, char *) = { fib_line, route_line, if_inet6_line, route6_line,
											   resolv_line };

	for (char *save, *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		readers[source](o, line);
}

static void own_file(struct never_own *o, enum never_own_source source, const char *path)
{
	enum { BYTES_MAX = 1 << 20 };
	_cleanup_free_ char *text = malloc(BYTES_MAX + 1);
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n;

	if (!text || fd < 0)
		return;
	while (len < BYTES_MAX && (n = read(fd, text + len, BYTES_MAX - len)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	never_own_lines(o, source, text);
}

static void own_network(const struct ident_network *n, void *arg)
{
	for (unsigned i = 0; i < n->subnet_count && i < 8; i++) {
		uint8_t first[16], last[16];

		for (unsigned k = 0; k < 16; k++) {
			unsigned bits = n->subnets[i].prefix_len;
			uint8_t host = bits >= 8 * (k + 1) ? 0 : bits <= 8 * k ? 0xff : (uint8_t)(0xff >> (bits - 8 * k));

			first[k] = (uint8_t)(n->subnets[i].addr[k] & ~host);
			last[k] = first[k] | host;
		}
		own_add(arg, first, last);
	}
}

void feeds_own_collect(struct core *c)
{
	static const char *const files[NEVER_OWN_SOURCES] = { "/proc/self/net/fib_trie", "/proc/self/net/route", "/proc/self/net/if_inet6",
							      "/proc/self/net/ipv6_route", "/etc/resolv.conf" };
	struct never_own o = { .ranges = c->feeds->own, .max = FEED_OWN_MAX };

	for (unsigned i = 0; i < c->config.never_block_count; i++)
		never_own_text(&o, c->config.never_block[i], strlen(c->config.never_block[i]));
	for (int i = 0; i < NEVER_OWN_SOURCES; i++)
		own_file(&o, (enum never_own_source)i, files[i]);
	ident_each_network(c->ident, own_network, &o);
	c->feeds->own_count = o.count;
}
