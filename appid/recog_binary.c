/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Recognisers of binary protocols. A field that has not come yet fits; one that is there must be right. */
#include "appid/dns_answer.h"
#include "appid/http2_head.h"
#include "appid/recognise.h"
#include "appid/text.h"
#include "appid/tls_hello.h"
#include "base/cleanup.h"

#define SELF(app_, fn_, first_) { .app = (app_), .fn = (fn_), .first = (first_), .first_len = (int)sizeof(first_) - 1 }

static uint32_t le32_at(const uint8_t *p)
{
	return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

static uint32_t le24_at(const uint8_t *p)
{
	return (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

/* As far as there are bytes: does b agree with the n bytes at `with`? */
static bool agrees(struct bytes b, const void *with, size_t n)
{
	size_t left = bytes_left(&b);

	return left == 0 || !memcmp(b.p, with, left < n ? left : n);
}

/* ---- TLS ----------------------------------------------------------------------------------------- */
static enum recog tls(const struct recog_in *in, enum app_id *ret_app, int *ret_server)
{
	switch (tls_hello_probe(in->head[0])) {
	case TLS_NOT:
		return RECOG_NO;
	case TLS_MORE:
		return RECOG_MORE;
	case TLS_CLIENT_HELLO:
		*ret_server = RECOG_SERVER_OTHER;
		return RECOG_YES;
	case TLS_SERVER_HELLO:
		*ret_server = RECOG_SERVER_SELF;
		return RECOG_YES;
	case TLS_ALERT: /* in answer to a hello; alone it proves little */
		*ret_server = RECOG_SERVER_UNKNOWN;
		return RECOG_LIKELY;
	}
	return RECOG_NO;
}

/* In the middle of a stream: records of application data (RFC 8446 5.1) in both directions, or one after the other. Records
 * say little about themselves: what others know better goes before. */
static unsigned tls_records(struct bytes b)
{
	unsigned n = 0;

	while (bytes_left(&b) >= 5 && n < 3) {
		uint16_t len = be16_at(b.p + 3);

		if (b.p[0] < 0x14 || b.p[0] > (n ? 0x18 : 0x17) || b.p[1] != 3 || b.p[2] > 4 || !len || len > 16384 + 2048)
			return 0;
		n++;
		if (!bytes_skip(&b, 5u + len))
			break;
	}
	return n;
}

static enum recog tls_data(const struct recog_in *in, enum app_id *ret_app, int *ret_server)
{
	struct bytes b = in->head[0], other = in->head[1];

	*ret_server = in->port[1] < 1024 && in->port[0] >= 1024 ? RECOG_SERVER_OTHER :
		      in->port[0] < 1024 && in->port[1] >= 1024 ? RECOG_SERVER_SELF : RECOG_SERVER_UNKNOWN;
	if (!agrees(b, "\x17\3", 2))
		return RECOG_NO;
	if (bytes_left(&b) < 5)
		return RECOG_MORE;
	if (!tls_records(b))
		return RECOG_NO;
	return tls_records(b) > 1 || tls_records(other) ? RECOG_LIKELY : RECOG_MORE;
}

/* ---- PostgreSQL (protocol 3.0, "Message Formats") ------------------------------------------------ */
enum { PG_PROTO_3 = 0x00030000, PG_CANCEL = 80877102, PG_SSL = 80877103, PG_GSS = 80877104 };

static enum recog postgresql_client(const struct recog_in *in, enum app_id *ret_app, int *ret_server)
{
	struct bytes b = in->head[0];
	uint32_t len, code;

	*ret_server = RECOG_SERVER_OTHER;
	if (!agrees(b, "\0\0", 2))
		return RECOG_NO;
	if (bytes_left(&b) < 8)
		return bytes_left(&b) < 5 || agrees(bytes_of(b.p + 4, bytes_left(&b) - 4), "\0\3\0", 3) ||
				       agrees(bytes_of(b.p + 4, bytes_left(&b) - 4), "\4\xd2\x16", 3) ? RECOG_MORE : RECOG_NO;
	len = be32_at(b.p);
	code = be32_at(b.p + 4);
	if (((code == PG_SSL || code == PG_GSS) && len == 8) || (code == PG_CANCEL && len == 16))
		return RECOG_YES;
	if (code < PG_PROTO_3 || code > PG_PROTO_3 + 2 || len < 9 || len > 10000)
		return RECOG_NO;
	/* name, NUL, value, NUL, … : the first name is a word */
	b.p += 8;
	for (size_t i = 0; i < bytes_left(&b); i++) {
		if (!b.p[i])
			return i >= 3 ? RECOG_YES : RECOG_NO;
		if ((b.p[i] < 'a' || b.p[i] > 'z') && b.p[i] != '_' && b.p[i] != '.')
			return RECOG_NO;
	}
	return RECOG_MORE;
}

static enum recog postgresql_server(const struct recog_in *in, enum app_id *ret_app, int *ret_server)
{
	struct bytes b = in->head[0];
	uint32_t len, type;

	*ret_server = RECOG_SERVER_SELF;
	if (!agrees(b, "R\0\0\0", 4))
		return RECOG_NO;
	if (bytes_left(&b) < 9)
		return RECOG_MORE;
	len = be32_at(b.p + 1);
	type = be32_at(b.p + 5);
	if (type == 5)
		return len == 12 ? RECOG_YES : RECOG_NO;
	if (type == 3)
		return len == 8 ? RECOG_YES : RECOG_NO;
	b.p += 9;
	if (type == 10)
		return text_starts(b, "SCRAM-SHA-") ? RECOG_YES : text_may_start(b, "SCRAM-SHA-") ? RECOG_MORE : RECOG_NO;
	if (type != 0 || len != 8)
		return RECOG_NO;
	return bytes_left(&b) < 5 ? agrees(b, "S\0\0", 3) ? RECOG_MORE : RECOG_NO :
				    agrees(b, "S\0\0\0", 4) || agrees(b, "K\0\0\0\x0c", 5) ? RECOG_YES : RECOG_NO;
}

/* ---- MySQL, MariaDB ("Protocol::Handshake", "Protocol::HandshakeResponse41") --------------------- */
static enum recog mysql_server(const struct recog_in *in, enum app_id *ret_app, int *ret_server)
{
	struct bytes b = in->head[0];
	size_t left = bytes_left(&b), i;
	uint32_t len;

	*ret_server = RECOG_SERVER_SELF;
	if (left < 5) /* length below 64 KiB, sequence 0 (or 1: "too many connections" after TLS never comes first) */
		return (left < 3 || !b.p[2]) && (left < 4 || !b.p[3]) ? RECOG_MORE : RECOG_NO;
	len = le24_at(b.p);
	if (b.p[3] != 0 || len < 9 || len > 512)
		return RECOG_NO;
	if (b.p[4] == 0xff) { /* ERR instead of a greeting: host not allowed, blocked, too many connections */
		uint32_t code;

		len = len - 3 < 24 ? len - 3 : 24; /* of the text this much is judged */
		if (left < 7 + len)
			return RECOG_MORE;
		code = (uint32_t)b.p[5] | (uint32_t)b.p[6] << 8;
		return code >= 1000 && code < 5000 && text_is_printable(bytes_of(b.p + 7, len)) ? RECOG_YES : RECOG_NO;
	}
	if (b.p[4] != 10 && b.p[4] != 9)
		return RECOG_NO;
	for (i = 5; i < left && b.p[i]; i++) /* server version: printable, with digits and a dot at its begin */
		if (b.p[i] < 0x20 || b.p[i] > 0x7e || i > 100 || (i == 5 && (b.p[i] < '0' || b.p[i] > '9')))
			return RECOG_NO;
	if (i + 14 > left) /* a budget of single bytes may end inside a long version: the version alone is telling enough */
		return !in->whole[0] ? RECOG_MORE : i > 12 && memchr(b.p + 5, '.', i - 5) ? RECOG_YES : RECOG_NO;
	return b.p[i + 13] == 0 && i + 14 <= (size_t)len + 4 && i > 7 ? RECOG_YES : RECOG_NO;
}

static enum recog mysql_client(const struct recog_in *in, enum app_id *ret_app, int *ret_server)
{
	static const uint8_t zero[19];
	struct bytes b = in->head[0];
	size_t left = bytes_left(&b);
	uint32_t len, caps;

	*ret_server = RECOG_SERVER_OTHER;
	if ((left >= 3 && b.p[2]) || (left >= 4 && b.p[3] != 1))
		return RECOG_NO;
	if (left < 36)
		return left > 17 && !agrees(bytes_of(b.p + 17, left - 17 > 19 ? 19 : left - 17), zero, 19) ? RECOG_NO : RECOG_MORE;
	len = le24_at(b.p);
	caps = le32_at(b.p + 4);
	if (len < 32 || len > 4096 || !(caps & 0x200) /* PROTOCOL_41 */ || memcmp(b.p + 13, zero, 19) ||
	    le32_at(b.p + 8) > 0x40000000 || !b.p[12])
		return RECOG_NO;
	return len == 32 && !(caps & 0x800) /* SSL */ ? RECOG_NO : RECOG_YES;
}

/* ---- memcached, binary protocol ------------------------------------------------------------------ */
/* What follows the header must be readable where it is text. */
static bool readable_from(struct bytes b, size_t skip, size_t len)
{
	if (!bytes_skip(&b, skip))
		return true;
	if (bytes_left(&b) > len)
		b.end = b.p + len;
	return text_is_printable(b);
}

/* An answer: by opcode, or the text of an error. */
static bool memcached_response(struct bytes b, uint32_t key, uint32_t extras, uint32_t body)
{
	if (be16_at(b.p + 6)) /* status */
		return be16_at(b.p + 6) <= 0x86 && !key && !extras && body && body < 200 && readable_from(b, 24, body);
	switch (b.p[1]) {
	case 0x00: case 0x09: case 0x0c: case 0x0d: /* get and its kin: flags, and the key if it was asked for */
		return extras == 4 && (!key || b.p[1] >= 0x0c) && readable_from(b, 28, key);
	case 0x05: case 0x06: /* counters */
		return !extras && !key && body == 8;
	case 0x0b: /* version */
		return !extras && !key && body > 3 && body < 64 && readable_from(b, 24, body);
	case 0x10: /* statistics: name and value */
		return !extras && (!body || (key && body > key)) && readable_from(b, 24, body);
	}
	return !extras && !key && !body && b.p[1] <= 0x20 && be32_at(b.p + 16) + be32_at(b.p + 20) != 0; /* stored: it has a CAS */
}

static enum recog memcached_binary(const struct recog_in *in, enum app_id *ret_app, int *ret_server)
{
	struct bytes b = in->head[0];
	size_t left = bytes_left(&b);
	uint32_t key, extras, body;
	bool request = *b.p == 0x80;

	*ret_server = request ? RECOG_SERVER_OTHER : RECOG_SERVER_SELF;
	if ((left > 1 && b.p[1] > 0x48) || (left > 4 && b.p[4] > 36) || (left > 5 && b.p[5]))
		return RECOG_NO;
	if (left < 24)
		return RECOG_MORE;
	key = be16_at(b.p + 2);
	extras = b.p[4];
	body = be32_at(b.p + 8);
	if (key > 250 || body < key + extras || body > 64u << 20)
		return RECOG_NO;
	if (!request)
		return memcached_response(b, key, extras, body) ? RECOG_YES : RECOG_NO;
	if (!readable_from(b, 24 + extras, key))
		return RECOG_NO;
	switch (b.p[1]) {
	case 0x00: case 0x09: case 0x0c: case 0x0d: case 0x04: /* get, getq, getk, getkq, delete: a key and nothing else */
		return key && !extras && body == key ? RECOG_YES : RECOG_NO;
	case 0x01: case 0x02: case 0x03: /* set, add, replace */
		return key && extras == 8 ? RECOG_YES : RECOG_NO;
	case 0x0b: case 0x0a: case 0x07: case 0x20: /* version, noop, quit, SASL list */
		return !key && !extras && !body ? RECOG_YES : RECOG_NO;
	}
	return RECOG_LIKELY;
}

/* ---- MongoDB (wire protocol) --------------------------------------------------------------------- */
static enum recog mongodb(const struct recog_in *in, enum app_id *ret_app, int *ret_server)
{
	struct bytes b = in->head[0];
	size_t left = bytes_left(&b);
	uint32_t len, reply_to, op;

	if (left > 3 && (le32_at(b.p) < 21 || le32_at(b.p) > 48000000 + 16384))
		return RECOG_NO;
	if (left > 15 || (left > 13 && b.p[13] > 7)) {
		op = left > 15 ? le32_at(b.p + 12) : 0;
		if (op != 1 && op != 2004 && op != 2012 && op != 2013)
			return RECOG_NO;
	}
	if (left < 26)
		return RECOG_MORE;
	len = le32_at(b.p);
	reply_to = le32_at(b.p + 8);
	*ret_server = reply_to ? RECOG_SERVER_SELF : RECOG_SERVER_OTHER;
	switch (le32_at(b.p + 12)) {
	case 2004: { /* OP_QUERY: flags, "database.collection\0" */
		const uint8_t *nul = memchr(b.p + 20, 0, left - 20);
		struct bytes name = { b.p + 20, nul ? nul : b.end };

		if (reply_to || !text_is_printable(name) || bytes_left(&name) > 120)
			return RECOG_NO;
		if (!nul)
			return RECOG_MORE;
		return memchr(name.p, '.', bytes_left(&name)) ? RECOG_YES : RECOG_NO;
	}
	case 2013: /* OP_MSG: flags, section kind 0 with one document that fills it, or kind 1 */
		if (le32_at(b.p + 16) & ~0x00010003u)
			return RECOG_NO;
		if (b.p[20] == 0)
			return le32_at(b.p + 21) >= 5 && le32_at(b.p + 21) <= len - 21 ? RECOG_YES : RECOG_NO;
		return b.p[20] == 1 && le32_at(b.p + 21) <= len - 21 ? RECOG_YES : RECOG_NO;
	case 2012: /* OP_COMPRESSED: the operation inside, and a compressor */
		op = le32_at(b.p + 16);
		return (op == 2013 || op == 2004 || op == 1) && b.p[24] <= 3 ? RECOG_YES : RECOG_NO;
	case 1: /* OP_REPLY */
		if (left < 36)
			return RECOG_MORE;
		return reply_to && !(le32_at(b.p + 16) & ~0xfu) && le32_at(b.p + 32) <= 100000 && len >= 36 ? RECOG_YES : RECOG_NO;
	}
	return RECOG_NO;
}

/* ---- AMQP ---------------------------------------------------------------------------------------- */
/* A method of 0-9-1 in a frame: type 1, channel, length, class, method, …, 0xce. The server opens with connection.start; other
 * methods are seen where a capture begins in the middle. */
static enum recog amqp_method(struct bytes b, int *ret_server)
{
	size_t left = bytes_left(&b);
	uint32_t len, class, method;

	*ret_server = RECOG_SERVER_SELF;
	if ((left > 1 && b.p[1] > 7) || (left > 3 && b.p[3]) || (left > 4 && b.p[4] > 2))
		return RECOG_NO;
	if (left < 13)
		return RECOG_MORE;
	if (!be16_at(b.p + 1) && !memcmp(b.p + 7, "\0\x0a\0\x0a\0\x09", 6))
		return RECOG_YES;
	len = be32_at(b.p + 3);
	class = be16_at(b.p + 7);
	method = be16_at(b.p + 9);
	if (len < 4 || (class != 85 && class != 90 && (class % 10 || class < 10 || class > 60)) || method < 10 || method > 131)
		return RECOG_NO;
	if (left < len + 8) /* a method is small: its end comes early */
		return len < 2000 ? RECOG_MORE : RECOG_NO;
	if (class == 60)
		*ret_server = method == 60 || method == 50 ? RECOG_SERVER_SELF : RECOG_SERVER_OTHER; /* deliver, return */
	else
		*ret_server = RECOG_SERVER_UNKNOWN;
	return b.p[7 + len] == 0xce ? RECOG_YES : RECOG_NO;
}

static enum recog amqp(const struct recog_in *in, enum app_id *ret_app, int *ret_server)
{
	struct bytes b = in->head[0];

	if (*b.p == 1)
		return amqp_method(b, ret_server);
	*ret_server = RECOG_SERVER_OTHER;
	if (!text_may_start(b, "AMQP"))
		return RECOG_NO;
	if (bytes_left(&b) < 8)
		return RECOG_MORE;
	return b.p[4] <= 3 && b.p[5] <= 1 && b.p[6] <= 10 ? RECOG_YES : RECOG_NO;
}

/* ---- MQTT (3.1, 3.1.1, 5) ------------------------------------------------------------------------ */
static enum recog mqtt(const struct recog_in *in, enum app_id *ret_app, int *ret_server)
{
	struct bytes b = in->head[0];
	unsigned n = 0;
	uint8_t c;

	*ret_server = RECOG_SERVER_OTHER;
	bytes_skip(&b, 1);
	do {
		if (!bytes_u8(&b, &c))
			return RECOG_MORE;
	} while ((c & 0x80) && ++n < 4);
	if (n == 4)
		return RECOG_NO;
	if (!agrees(b, "\0\4MQTT", 6) && !agrees(b, "\0\6MQIsdp", 8))
		return RECOG_NO;
	n = bytes_left(&b) > 1 && b.p[1] == 6 ? 8 : 6;
	if (bytes_left(&b) <= n)
		return RECOG_MORE;
	c = b.p[n] & 0x7f; /* bridges set the top bit */
	return c >= 3 && c <= 5 ? RECOG_YES : RECOG_NO;
}

/* ---- DNS over TCP -------------------------------------------------------------------------------- */
static enum recog dns_tcp(const struct recog_in *in, enum app_id *ret_app, int *ret_server)
{
	struct bytes b = in->head[0], msg;
	bool dns_port = in->port[0] == 53 || in->port[1] == 53;
	struct dns_message m;
	enum dns_verdict v;
	uint16_t len;

	if (!bytes_be16(&b, &len))
		return RECOG_MORE;
	if (len < 17 || (!dns_port && len > 4096))
		return RECOG_NO;
	if (bytes_left(&b) >= 6 && (be16_at(b.p + 4) != 1 || (b.p[2] & 0x78)))
		return RECOG_NO; /* one question, a plain query or its answer */
	if (!bytes_take(&b, len, &msg)) {
		if (!in->whole[0])
			return RECOG_MORE;
		v = dns_message_parse(b, true, &m);
		*ret_server = m.response ? RECOG_SERVER_SELF : RECOG_SERVER_OTHER;
		return dns_port && v != DNS_NO ? RECOG_YES : RECOG_NO;
	}
	v = dns_message_parse(msg, false, &m);
	*ret_server = m.response ? RECOG_SERVER_SELF : RECOG_SERVER_OTHER;
	return v == DNS_STRICT || (v == DNS_WEAK && dns_port) ? RECOG_YES : RECOG_NO;
}

/* ---- ZooKeeper (ConnectRequest, ConnectResponse) ------------------------------------------------- */
static enum recog zookeeper(const struct recog_in *in, enum app_id *ret_app, int *ret_server)
{
	struct bytes b = in->head[0];
	size_t left = bytes_left(&b);
	uint32_t len;

	if (!agrees(b, "\0\0\0", 3) || (left > 3 && b.p[3] != 44 && b.p[3] != 45 && b.p[3] != 36 && b.p[3] != 37) ||
	    (left > 4 && !agrees(bytes_of(b.p + 4, left - 4), "\0\0\0\0", 4)))
		return RECOG_NO;
	if (left < 28)
		return RECOG_MORE;
	len = be32_at(b.p);
	if (len <= 37) { /* timeout, session, password of 16 bytes */
		*ret_server = RECOG_SERVER_SELF;
		if (be32_at(b.p + 20) != 16)
			return RECOG_NO;
		return be32_at(b.p + 8) <= 3600 * 1000 ? RECOG_YES : RECOG_NO;
	}
	*ret_server = RECOG_SERVER_OTHER;
	if (left < 32)
		return RECOG_MORE;
	return be32_at(b.p + 28) == 16 && be32_at(b.p + 16) <= 3600 * 1000 && be32_at(b.p + 16) >= 1 ? RECOG_YES : RECOG_NO;
}

/* ---- Kafka (request header v1, v2) --------------------------------------------------------------- */
static enum recog kafka(const struct recog_in *in, enum app_id *ret_app, int *ret_server)
{
	struct bytes b = in->head[0];
	size_t left = bytes_left(&b);
	uint16_t name;

	*ret_server = RECOG_SERVER_OTHER;
	if ((left > 1 && b.p[1] > 0x10) || (left > 5 && be16_at(b.p + 4) > 90) || (left > 7 && be16_at(b.p + 6) > 20))
		return RECOG_NO;
	if (left < 14)
		return RECOG_MORE;
	name = be16_at(b.p + 12);
	if (name < 1 || name > 249 || be32_at(b.p) < 10u + name || be32_at(b.p + 8) > 0x00ffffff)
		return RECOG_NO;
	if (left < 14u + name)
		return text_is_printable(bytes_of(b.p + 14, left - 14)) && !in->whole[0] ? RECOG_MORE : RECOG_NO;
	return text_is_printable(bytes_of(b.p + 14, name)) ? RECOG_YES : RECOG_NO;
}

/* ---- FastCGI ------------------------------------------------------------------------------------- */
static enum recog fastcgi(const struct recog_in *in, enum app_id *ret_app, int *ret_server)
{
	struct bytes b = in->head[0];
	size_t left = bytes_left(&b);

	*ret_server = RECOG_SERVER_OTHER;
	/* version 1, BEGIN_REQUEST, id, content length 8, padding, reserved, role 1-3, flags 0-1, reserved 5 */
	if (!agrees(b, "\1\1", 2) || (left > 4 && !agrees(bytes_of(b.p + 4, left - 4), "\0\x08", 2)))
		return RECOG_NO;
	if (left < 16)
		return RECOG_MORE;
	return be16_at(b.p + 2) && b.p[8] == 0 && b.p[9] >= 1 && b.p[9] <= 3 && b.p[10] <= 1 && !memcmp(b.p + 11, "\0\0\0\0\0", 5) ?
		RECOG_YES : RECOG_NO;
}

/* The answer: a record of STDOUT or STDERR that begins with a header of CGI. */
static enum recog fastcgi_server(const struct recog_in *in, enum app_id *ret_app, int *ret_server)
{
	static const char *const headers[] = { "Status:", "Content-type:", "X-Powered-By:", "Set-Cookie:", "Location:", "PHP message:",
					       "Cache-Control:", "Expires:" };
	struct bytes b = in->head[0];
	size_t left = bytes_left(&b);
	bool more = false;

	*ret_server = RECOG_SERVER_SELF;
	if ((left > 1 && b.p[1] != 6 && b.p[1] != 7) || (left > 7 && b.p[7]))
		return RECOG_NO;
	if (left < 9)
		return RECOG_MORE;
	b.p += 8;
	for (size_t i = 0; i < ARRAY_SIZE(headers); i++) {
		if (text_starts_nocase(b, headers[i]))
			return RECOG_YES;
		if (bytes_left(&b) < strlen(headers[i])) {
			char part[24] = "";

			memcpy(part, b.p, bytes_left(&b));
			more |= text_starts_nocase(bytes_of(headers[i], strlen(headers[i])), part);
		}
	}
	return more ? RECOG_MORE : RECOG_NO;
}

/* ---- HTTP/2: a server's frames; the client's preface is text --------------------------------------- */
static enum recog http2_server(const struct recog_in *in, enum app_id *ret_app, int *ret_server)
{
	int n = http2_server_probe(in->head[0]);

	*ret_server = RECOG_SERVER_SELF;
	if (n < 0)
		return RECOG_NO;
	/* one SETTINGS is 9 bytes, most of them zero: two frames in a row are telling */
	return n >= 2 ? RECOG_YES : n == 1 ? RECOG_LIKELY : RECOG_MORE;
}

/* ---- LDAP (RFC 4511): only the request for TLS; the rest is nDPI's ----------------------------------- */
static enum recog ldap_starttls(const struct recog_in *in, enum app_id *ret_app, int *ret_server)
{
	static const char oid[] = "1.3.6.1.4.1.1466.20037";
	struct bytes b = in->head[0];
	size_t left = bytes_left(&b), n = strlen(oid);

	*ret_server = RECOG_SERVER_OTHER;
	/* 30 len 02 01 id 77 len 80 len oid */
	if ((left > 1 && b.p[1] != 0x1d) || (left > 2 && b.p[2] != 2) || (left > 3 && b.p[3] != 1) || (left > 5 && b.p[5] != 0x77) ||
	    (left > 6 && b.p[6] != n + 2) || (left > 7 && b.p[7] != 0x80) || (left > 8 && b.p[8] != n))
		return RECOG_NO;
	if (left < 9)
		return RECOG_MORE;
	b.p += 9;
	return text_starts(b, oid) ? RECOG_YES : text_may_start(b, oid) ? RECOG_MORE : RECOG_NO;
}

/* ---- Elasticsearch between its nodes: "ES", length, request, status, version -------------------------- */
static enum recog elastic_transport(const struct recog_in *in, enum app_id *ret_app, int *ret_server)
{
	struct bytes b = in->head[0];
	size_t left = bytes_left(&b);

	if (!agrees(b, "ES", 2) || (left > 2 && b.p[2] > 0x7f))
		return RECOG_NO;
	if (left < 19)
		return RECOG_MORE;
	if (be32_at(b.p + 2) < 13 || b.p[14] > 15 || be32_at(b.p + 15) < 1000000 || be32_at(b.p + 15) > 200000000)
		return RECOG_NO; /* version: 7.10.2 is 7100299, since 8.500 a running number */
	*ret_server = b.p[14] & 1 ? RECOG_SERVER_SELF : RECOG_SERVER_OTHER;
	return RECOG_YES;
}

/* ---- ClickHouse, native -------------------------------------------------------------------------- */
static enum recog clickhouse(const struct recog_in *in, enum app_id *ret_app, int *ret_server)
{
	struct bytes b = in->head[0];
	uint8_t len;

	*ret_server = RECOG_SERVER_OTHER;
	bytes_skip(&b, 1); /* packet 0: Hello, in both directions; then a string with its length */
	if (!bytes_u8(&b, &len))
		return RECOG_MORE;
	if (len < 10 || len > 64)
		return RECOG_NO;
	if (text_starts(b, "ClickHouse"))
		return RECOG_YES;
	return text_may_start(b, "ClickHouse") ? RECOG_MORE : RECOG_NO;
}

/* ---- SOCKS (RFC 1928; version 4): only with the server's answer ---------------------------------- */
static enum recog socks(const struct recog_in *in, enum app_id *ret_app, int *ret_server)
{
	struct bytes b = in->head[0], a = in->head[1];
	size_t left = bytes_left(&b);

	*ret_server = RECOG_SERVER_OTHER;
	if (*b.p == 5) {
		if (left > 1 && (b.p[1] < 1 || b.p[1] > 10))
			return RECOG_NO;
		if (left > 2 && b.p[2] > 9 && b.p[2] < 0x80)
			return RECOG_NO;
		if (left < 2 || left < 2u + b.p[1] || bytes_left(&a) < 2)
			return RECOG_MORE;
		return a.p[0] == 5 && (a.p[1] == 0xff || memchr(b.p + 2, a.p[1], b.p[1])) ? RECOG_YES : RECOG_NO;
	}
	if (left > 1 && b.p[1] != 1 && b.p[1] != 2)
		return RECOG_NO;
	if (left < 9 || bytes_left(&a) < 2 || !memchr(b.p + 8, 0, left - 8)) /* the user's name ends with a NUL */
		return left > 264 ? RECOG_NO : RECOG_MORE;
	return a.p[0] == 0 && a.p[1] >= 90 && a.p[1] <= 93 ? RECOG_YES : RECOG_NO;
}

/* ---- Cassandra (CQL native protocol v1-v5). nDPI's own check takes nearly any small binary message for it. ---- */
struct cql {
	uint8_t version, opcode;
	uint16_t stream;
	uint32_t len;
	struct bytes body;
};

/* 1: a frame header that fits; 0: not all there; -1: none. */
static int cql_read(struct bytes b, bool response, struct cql *ret)
{
	uint8_t flags, stream8;

	if (bytes_left(&b) && (*b.p >> 7 != response || (*b.p & 0x7f) < 1 || (*b.p & 0x7f) > 5))
		return -1;
	if ((bytes_left(&b) > 1 && b.p[1] & 0xe0))
		return -1;
	if (!bytes_u8(&b, &ret->version) || !bytes_u8(&b, &flags))
		return 0;
	ret->version &= 0x7f;
	if (ret->version < 3) {
		if (!bytes_u8(&b, &stream8))
			return 0;
		ret->stream = stream8;
	} else if (!bytes_be16(&b, &ret->stream)) {
		return 0;
	}
	if (!bytes_u8(&b, &ret->opcode) || !bytes_be32(&b, &ret->len))
		return ret->opcode > 0x10 ? -1 : 0;
	if (ret->opcode > 0x10 || ret->len > 256u << 20)
		return -1;
	ret->body = b;
	return 1;
}

static enum recog cassandra(const struct recog_in *in, enum app_id *ret_app, int *ret_server)
{
	struct cql q = { 0 }, a = { 0 };
	int r = cql_read(in->head[0], false, &q);

	*ret_server = RECOG_SERVER_OTHER;
	if (r <= 0)
		return r < 0 ? RECOG_NO : RECOG_MORE;
	if (q.opcode != 1 && q.opcode != 5 && q.opcode != 7 && (q.opcode < 9 || q.opcode > 0x0f))
		return RECOG_NO; /* no request */
	if (q.opcode == 1) {
		if (bytes_left(&q.body) > q.len)
			q.body.end = q.body.p + q.len;
		if (text_contains_nocase(q.body, "CQL_VERSION"))
			return RECOG_YES;
		return bytes_left(&q.body) < q.len && bytes_left(&q.body) < 200 ? RECOG_MORE : RECOG_NO;
	}
	if (q.opcode == 5 && q.len)
		return RECOG_NO;
	r = cql_read(in->head[1], true, &a);
	if (r <= 0)
		return r < 0 ? RECOG_NO : RECOG_MORE;
	return a.version <= q.version && a.stream == q.stream ? RECOG_YES : RECOG_NO;
}

const struct recogniser recog_binary[] = {
	SELF(APP_TLS, tls, "\x15\x16"),
	SELF(APP_TLS, tls_data, "\x17"),
	SELF(APP_POSTGRESQL, postgresql_client, "\0"),
	SELF(APP_POSTGRESQL, postgresql_server, "R"),
	{ .app = APP_MYSQL, .fn = mysql_server },
	{ .app = APP_MYSQL, .fn = mysql_client },
	SELF(APP_MEMCACHED, memcached_binary, "\x80\x81"),
	{ .app = APP_MONGODB, .fn = mongodb },
	SELF(APP_AMQP, amqp, "A\1"),
	SELF(APP_MQTT, mqtt, "\x10"),
	SELF(APP_DNS, dns_tcp, "\0\1\2\3\4\5\6\7\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10"),
	SELF(APP_ZOOKEEPER, zookeeper, "\0"),
	SELF(APP_KAFKA, kafka, "\0\1"),
	SELF(APP_FASTCGI, fastcgi, "\1"),
	SELF(APP_CLICKHOUSE, clickhouse, "\0"),
	SELF(APP_SOCKS, socks, "\4\5"),
	SELF(APP_CASSANDRA, cassandra, "\1\2\3\4\5"),
	SELF(APP_FASTCGI, fastcgi_server, "\1"),
	SELF(APP_HTTP2, http2_server, "\0"),
	SELF(APP_LDAP, ldap_starttls, "\x30"),
	SELF(APP_ELASTIC_TRANSPORT, elastic_transport, "E"),
};
const unsigned recog_binary_count = ARRAY_SIZE(recog_binary);
