/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Databases and brokers: the server's version, the database's name. */
#include <stdio.h>

#include "appid/detail_private.h"
#include "appid/text.h"

/* What the server says after its greeting: OK, an error, or that it wants more (MySQL protocol, "generic response packets"). True:
 * it is decided, or nothing more is to be heard. */
static bool mysql_login(struct bytes b, struct detail *t)
{
	for (unsigned i = 0; i < 8 && bytes_left(&b) >= 5; i++) {
		uint32_t len = b.p[0] | (uint32_t)b.p[1] << 8 | (uint32_t)b.p[2] << 16;
		uint8_t kind = b.p[4];

		if (i && kind == 0xff && bytes_left(&b) >= 7) {
			/* ER_ACCESS_DENIED_ERROR, ER_ACCESS_DENIED_NO_PASSWORD_ERROR */
			unsigned code = b.p[5] | (unsigned)b.p[6] << 8;

			if (code == 1045 || code == 1698)
				facts_add_str(&t->facts, FACT_LOGIN, "refused");
			return true;
		}
		if (i && kind != 0xfe && kind != 0x01) /* neither another method nor more of this one */
			return true;
		if (!bytes_skip(&b, 4 + (size_t)len))
			return false;
	}
	return false;
}

void detail_mysql(const struct detail_in *in, struct detail *t)
{
	unsigned s = detail_server(in);
	struct bytes b = in->said[s];
	const uint8_t *nul;

	t->complete = true;
	if (bytes_left(&b) < 7 || b.p[3] != 0 || (b.p[4] != 10 && b.p[4] != 9)) {
		t->complete = bytes_left(&b) > 0 || in->whole[s];
		return;
	}
	b.p += 5;
	if (text_starts(b, "5.5.5-")) /* MariaDB before 11 says this first, for old replicas */
		b.p += 6;
	nul = memchr(b.p, 0, bytes_left(&b));
	if (nul)
		b.end = nul;
	detail_version(t, b, 80);
	t->complete = mysql_login(in->said[s], t) || in->whole[s];
}

/* Value of a NUL-terminated pair "name\0value\0" somewhere in b. */
static struct bytes pair_value(struct bytes b, const char *name)
{
	size_t n = strlen(name) + 1;

	for (; bytes_left(&b) > n; b.p++)
		if (*b.p == (uint8_t)*name && !memcmp(b.p, name, n)) {
			const uint8_t *end;

			b.p += n;
			end = memchr(b.p, 0, bytes_left(&b));
			return end ? (struct bytes){ b.p, end } : (struct bytes){ b.p, b.p };
		}
	return (struct bytes){ b.p, b.p };
}

/* The server's messages up to the first that decides (PostgreSQL, "Message Formats"): ErrorResponse with its SQLSTATE. */
static bool postgresql_login(struct bytes b, struct detail *t)
{
	if (bytes_left(&b) && (*b.p == 'N' || *b.p == 'G') && (bytes_left(&b) == 1 || b.p[1] == 'R' || b.p[1] == 'E'))
		b.p++; /* no encryption */
	for (unsigned i = 0; i < 16 && bytes_left(&b) >= 5; i++) {
		uint32_t len = be32_at(b.p + 1);
		struct bytes m;

		if (*b.p != 'E' && *b.p != 'R')
			return false;
		if (*b.p == 'R' && len == 8 && bytes_left(&b) >= 9 && !be32_at(b.p + 5)) /* AuthenticationOk */
			return false;
		m = (struct bytes){ b.p + 5, b.end };
		if (*b.p == 'E') {
			for (const uint8_t *nul; bytes_left(&m) && *m.p; m.p = nul + 1) {
				nul = memchr(m.p, 0, bytes_left(&m));
				if (!nul)
					return false;
				/* invalid_password, invalid_authorization_specification */
				if (nul - m.p == 6 && (!memcmp(m.p, "C28P01", 6) || !memcmp(m.p, "C28000", 6)))
					facts_add_str(&t->facts, FACT_LOGIN, "refused");
			}
			return true;
		}
		if (len < 4 || !bytes_skip(&b, 1 + (size_t)len))
			return false;
	}
	return false;
}

void detail_postgresql(const struct detail_in *in, struct detail *t)
{
	unsigned s = detail_server(in);
	struct bytes client = in->said[!s], server = in->said[s], version, database;

	if (bytes_left(&client) >= 16 && (be32_at(client.p) == 8)) /* asked for encryption first, and went on in clear */
		client.p += 8;
	database = pair_value(client, "database");
	detail_info(t, "database ", database, 40);
	detail_fact(t, FACT_DATABASE, database, 63);
	version = pair_value(server, "server_version");
	detail_version(t, version, 60);
	t->complete = postgresql_login(server, t) || bytes_left(&version) > 0 || in->whole[s] || bytes_left(&server) > 900;
}

/* The value after a RESP string `name` in an answer to HELLO: "$7\r\nversion\r\n$5\r\n7.0.1\r\n". */
static bool hello_value(struct bytes b, const char *name, struct bytes *ret)
{
	struct bytes line;

	for (unsigned i = 0; i < 24 && text_line(&b, &line); i++)
		if (text_starts(line, name) && bytes_left(&line) == strlen(name))
			return text_line(&b, &line) && bytes_left(&line) && *line.p == '$' && text_line(&b, ret);
	return false;
}

void detail_redis(const struct detail_in *in, struct detail *t)
{
	static const char info[] = "# Server\r\nredis_version:", valkey[] = "# Server\r\nserver_name:";
	unsigned s = detail_server(in);
	struct bytes b = in->said[s], line;

	if (!bytes_left(&b))
		return;
	if (*b.p == '%' || *b.p == '*') {
		struct bytes version;

		if (hello_value(b, "version", &version))
			detail_version(t, version, 40);
		t->complete = t->info[0] || bytes_left(&b) > 200 || in->whole[s] || !text_contains_nocase(b, "server\r\n");
		return;
	}
	if (text_starts(b, "-WRONGPASS ") || text_starts(b, "-ERR invalid password"))
		facts_add_str(&t->facts, FACT_LOGIN, "refused");
	t->complete = *b.p != '$';
	if (t->complete || !text_line(&b, &line))
		return;
	if (!text_starts(b, info) && !text_starts(b, valkey)) {
		t->complete = !text_may_start(b, info) && !text_may_start(b, valkey);
		return;
	}
	for (unsigned i = 0; i < 4 && text_line(&b, &line); i++)
		if (text_starts(line, "redis_version:")) {
			line.p += strlen("redis_version:");
			detail_version(t, line, 40);
			t->complete = true;
		}
}

void detail_memcached(const struct detail_in *in, struct detail *t)
{
	struct bytes line, b = in->said[detail_server(in)], rest = b;

	/* only a VERSION line is worth waiting for */
	t->complete = bytes_left(&b) > 0 && !text_may_start(b, "VERSION ");
	if (text_line(&rest, &line) && text_starts(line, "VERSION ")) {
		t->complete = true;
		line.p += strlen("VERSION ");
		detail_version(t, line, 40);
	}
}

/* The first element of that type and name in BSON (bsonspec.org); where it is nested does not matter here. */
static bool bson_find(struct bytes b, uint8_t type, const char *name, struct bytes *ret)
{
	size_t n = strlen(name) + 1;

	for (; bytes_left(&b) > n; b.p++)
		if (*b.p == type && !memcmp(b.p + 1, name, n)) {
			*ret = (struct bytes){ b.p + 1 + n, b.end };
			return true;
		}
	return false;
}

/* The answer to hello has no version but the highest of the wire protocol; the one to buildInfo has it. */
void detail_mongodb(const struct detail_in *in, struct detail *t)
{
	unsigned s = detail_server(in);
	struct bytes b = in->said[s], v, text;

	if (bson_find(b, 2, "version", &v) && bytes_left(&v) > 4 && v.p[0] > 1 && !v.p[1] && !v.p[2]) {
		uint8_t len = (uint8_t)(v.p[0] - 1);

		v.p += 4;
		if (bytes_take(&v, len, &text))
			detail_version(t, text, 40);
	} else if (bson_find(b, 16, "maxWireVersion", &v) && bytes_left(&v) >= 4) {
		char wire[32];

		snprintf(wire, sizeof(wire), "wire version %u", v.p[0]);
		detail_version(t, bytes_of(wire, strlen(wire)), sizeof(wire));
	}
	t->complete = t->info[0] || in->whole[s] ||
		      (bytes_left(&b) >= 4 && bytes_left(&b) >= ((size_t)b.p[0] | (size_t)b.p[1] << 8 | (size_t)b.p[2] << 16 | (size_t)b.p[3] << 24));
}

/* LEB128, at most 3 bytes. */
static bool varint(struct bytes *b, uint32_t *ret)
{
	uint8_t c;

	*ret = 0;
	for (unsigned i = 0; i < 3; i++) {
		if (!bytes_u8(b, &c))
			return false;
		*ret |= (uint32_t)(c & 0x7f) << i * 7;
		if (!(c & 0x80))
			return true;
	}
	return false;
}

void detail_clickhouse(const struct detail_in *in, struct detail *t)
{
	unsigned s = detail_server(in);
	struct bytes b = in->said[s], name;
	uint32_t major, minor;
	uint8_t packet, len;
	char text[32];

	t->complete = in->whole[s];
	if (!bytes_u8(&b, &packet))
		return;
	t->complete = packet != 0; /* an exception instead of a greeting */
	if (packet || !bytes_u8(&b, &len) || !bytes_take(&b, len, &name) || !varint(&b, &major) || !varint(&b, &minor))
		return;
	snprintf(text, sizeof(text), "%u.%u", major, minor);
	detail_version(t, bytes_of(text, strlen(text)), sizeof(text));
	t->complete = true;
}

void detail_zookeeper(const struct detail_in *in, struct detail *t)
{
	unsigned s = detail_server(in);
	struct bytes b = in->said[s], line;

	t->complete = bytes_left(&b) > 0 || in->whole[s];
	if (!text_line(&b, &line))
		return;
	if (text_starts(line, "Zookeeper version: "))
		line.p += strlen("Zookeeper version: ");
	else if (text_starts(line, "zk_version\t"))
		line.p += strlen("zk_version\t");
	else
		return;
	detail_version(t, line, 40);
}

void detail_nats(const struct detail_in *in, struct detail *t)
{
	static const char name[] = "\"version\":\"";
	unsigned s = detail_server(in);
	struct bytes b = in->said[s], line;

	t->complete = in->whole[s] || bytes_left(&b) > 900;
	if (!text_line(&b, &line))
		return;
	t->complete = true;
	for (; bytes_left(&line) > strlen(name); line.p++)
		if (text_starts(line, name)) {
			const uint8_t *end;

			line.p += strlen(name);
			end = memchr(line.p, '"', bytes_left(&line));
			if (end)
				detail_version(t, (struct bytes){ line.p, end }, 40);
			return;
		}
}

/* A long string of the table in connection.start (AMQP 0-9-1, 4.2.5.5): name, 'S', length, bytes. */
static struct bytes amqp_property(struct bytes b, const char *name)
{
	size_t n = strlen(name);
	struct bytes v;

	for (; bytes_left(&b) > n + 6; b.p++)
		if (*b.p == n && !memcmp(b.p + 1, name, n) && b.p[n + 1] == 'S') {
			uint32_t len = be32_at(b.p + n + 2);

			b.p += n + 6;
			return bytes_take(&b, len, &v) ? v : (struct bytes){ 0 };
		}
	return (struct bytes){ 0 };
}

void detail_amqp(const struct detail_in *in, struct detail *t)
{
	unsigned s = detail_server(in);
	struct bytes b = in->said[s], product, version;
	char text[96] = "";

	if (bytes_left(&b) && *b.p != 1) { /* AMQP 1.0, or a refusal */
		t->complete = true;
		return;
	}
	product = amqp_property(b, "product");
	version = amqp_property(b, "version");
	if (bytes_left(&version)) {
		if (bytes_left(&product)) {
			text_append(text, sizeof(text), product.p, bytes_left(&product) < 40 ? bytes_left(&product) : 40);
			text_append_str(text, sizeof(text), " ");
		}
		text_append(text, sizeof(text), version.p, bytes_left(&version) < 40 ? bytes_left(&version) : 40);
		detail_info_str(t, "server ", text);
		facts_add_str(&t->facts, FACT_SERVER_VERSION, text);
	}
	t->complete = in->whole[s] || bytes_left(&version) || bytes_left(&b) > 900;
}
