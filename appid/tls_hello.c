/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "appid/tls_hello.h"

enum { REC_ALERT = 21, REC_HANDSHAKE = 22, HS_CLIENT_HELLO = 1, HS_SERVER_HELLO = 2 };
enum { EXT_SERVER_NAME = 0, EXT_ALPN = 16, EXT_SUPPORTED_VERSIONS = 43 };

/* Byte i of the stream, when there, must lie in [lo, hi]. */
static bool fits(struct bytes b, size_t i, uint8_t lo, uint8_t hi)
{
	return bytes_left(&b) <= i || (b.p[i] >= lo && b.p[i] <= hi);
}

enum tls_kind tls_hello_probe(struct bytes b)
{
	size_t left = bytes_left(&b);

	if (!fits(b, 0, REC_ALERT, REC_HANDSHAKE) || !fits(b, 1, 3, 3) || !fits(b, 2, 0, 4))
		return TLS_NOT;
	if (left < 6)
		return TLS_MORE;
	if (b.p[0] == REC_ALERT) /* fatal or warning, plain: two bytes */
		return be16_at(b.p + 3) == 2 && (b.p[5] == 1 || b.p[5] == 2) ? TLS_ALERT : TLS_NOT;
	if (be16_at(b.p + 3) < 1 || be16_at(b.p + 3) > 16384 + 256)
		return TLS_NOT;
	if (b.p[5] != HS_CLIENT_HELLO && b.p[5] != HS_SERVER_HELLO)
		return TLS_NOT;
	/* The message length is 24 bits, a hello is below 64 KiB; a record may end inside the message's header. */
	if (be16_at(b.p + 3) >= 6 && (!fits(b, 6, 0, 0) || !fits(b, 9, 3, 3) || !fits(b, 10, 0, 4)))
		return TLS_NOT;
	if (left < 11 && be16_at(b.p + 3) >= 6)
		return TLS_MORE;
	if (be16_at(b.p + 3) >= 6) { /* the shortest hello has 38 bytes, and a client's record holds nothing else */
		uint32_t len = be24_at(b.p + 6);

		if (len < 38 || (b.p[5] == HS_CLIENT_HELLO && be16_at(b.p + 3) > len + 4))
			return TLS_NOT;
	}
	return b.p[5] == HS_CLIENT_HELLO ? TLS_CLIENT_HELLO : TLS_SERVER_HELLO;
}

struct bytes tls_after_warnings(struct bytes b)
{
	for (unsigned i = 0; i < 4 && bytes_left(&b) >= 7 && b.p[0] == REC_ALERT && b.p[1] == 3 && be16_at(b.p + 3) == 2 && b.p[5] == 1; i++)
		b.p += 7;
	return b;
}

size_t tls_handshake(struct bytes b, uint8_t *out, size_t size, bool *ret_over)
{
	size_t n = 0;
	uint8_t type, major, minor;
	uint16_t len;

	*ret_over = false;
	while (n < size && bytes_u8(&b, &type)) {
		size_t part;

		if (type != REC_HANDSHAKE) {
			*ret_over = true;
			break;
		}
		if (!bytes_u8(&b, &major) || !bytes_u8(&b, &minor) || !bytes_be16(&b, &len))
			break;
		if (major != 3 || !len) {
			*ret_over = true;
			break;
		}
		part = len < bytes_left(&b) ? len : bytes_left(&b);
		if (part > size - n)
			part = size - n;
		memcpy(out + n, b.p, part);
		n += part;
		b.p += part;
		if (part < len)
			break;
	}
	return n;
}

static void read_sni(struct bytes e, struct tls_hello *h)
{
	uint16_t list, len;
	uint8_t type;
	struct bytes name;

	if (!bytes_be16(&e, &list))
		return;
	while (bytes_u8(&e, &type) && bytes_be16(&e, &len) && bytes_take(&e, len, &name)) {
		if (type != 0 || h->sni_len)
			continue;
		h->sni_len = len < sizeof(h->sni) ? len : sizeof(h->sni) - 1;
		memcpy(h->sni, name.p, h->sni_len);
		h->sni[h->sni_len] = '\0';
	}
}

static void read_alpn(struct bytes e, struct tls_hello *h)
{
	uint16_t list;
	uint8_t len;
	struct bytes name;

	if (!bytes_be16(&e, &list))
		return;
	while (bytes_u8(&e, &len) && bytes_take(&e, len, &name)) {
		if (!len || h->alpn_len + len + 2 > sizeof(h->alpn))
			continue;
		if (h->alpn_len)
			h->alpn[h->alpn_len++] = ',';
		memcpy(h->alpn + h->alpn_len, name.p, len);
		h->alpn_len += len;
		h->alpn[h->alpn_len] = '\0';
	}
}

static void read_versions(struct bytes e, struct tls_hello *h)
{
	uint8_t list;
	uint16_t v;

	if (h->kind == TLS_SERVER_HELLO) {
		if (bytes_be16(&e, &v))
			h->version = v;
		return;
	}
	if (!bytes_u8(&e, &list))
		return;
	while (bytes_be16(&e, &v))
		if ((v & 0x0f0f) != 0x0a0a && v >> 8 == 3 && v > h->version) /* not GREASE (RFC 8701), not drafts */
			h->version = v;
}

/* Returns false when the bytes end inside. */
static bool read_extensions(struct bytes b, struct tls_hello *h)
{
	uint16_t total, type, len;
	struct bytes ext, all;
	bool whole;

	if (!bytes_be16(&b, &total))
		return false;
	whole = bytes_take(&b, total, &all);
	if (!whole)
		all = b;
	while (bytes_be16(&all, &type) && bytes_be16(&all, &len)) {
		bool cut = !bytes_take(&all, len, &ext);

		if (cut)
			ext = all;
		switch (type) {
		case EXT_SERVER_NAME:
			read_sni(ext, h);
			break;
		case EXT_ALPN:
			read_alpn(ext, h);
			break;
		case EXT_SUPPORTED_VERSIONS:
			read_versions(ext, h);
			break;
		}
		if (cut)
			return false;
	}
	return whole;
}

/* The body of a hello, after type and length. Returns whether it reaches to the end of the extensions. */
static bool read_body(struct bytes b, struct tls_hello *h)
{
	uint8_t n8;
	uint16_t n16;

	if (!bytes_be16(&b, &h->version) || !bytes_skip(&b, 32) || !bytes_u8(&b, &n8) || !bytes_skip(&b, n8))
		return false;
	if (h->kind == TLS_CLIENT_HELLO) {
		if (!bytes_be16(&b, &n16) || !bytes_skip(&b, n16) || !bytes_u8(&b, &n8) || !bytes_skip(&b, n8))
			return false;
	} else if (!bytes_be16(&b, &h->cipher) || !bytes_skip(&b, 1)) {
		return false;
	}
	return bytes_left(&b) && read_extensions(b, h); /* none at all: complete if the message is */
}

enum tls_kind tls_hello_parse(struct bytes b, struct tls_hello *ret)
{
	uint8_t msg[TLS_HELLO_MAX];
	struct bytes m, body;
	uint32_t len;
	bool all, over;

	memset(ret, 0, sizeof(*ret));
	ret->kind = tls_hello_probe(b);
	if (ret->kind == TLS_ALERT && bytes_left(&b) >= 7 && b.p[5] == 1) {
		b = tls_after_warnings(b);
		ret->kind = tls_hello_probe(b);
	}
	if (ret->kind != TLS_CLIENT_HELLO && ret->kind != TLS_SERVER_HELLO)
		return ret->kind;
	m = bytes_of(msg, tls_handshake(b, msg, sizeof(msg), &over));
	if (!bytes_skip(&m, 1) || !bytes_be24(&m, &len))
		return ret->kind;
	all = bytes_take(&m, len, &body);
	if (!all)
		body = m;
	ret->complete = (bytes_left(&body) > 0 && read_body(body, ret)) || all;
	return ret->kind;
}

const char *tls_version_name(uint16_t version)
{
	switch (version) {
	case 0x0300:
		return "SSL 3.0";
	case 0x0301:
		return "TLS 1.0";
	case 0x0302:
		return "TLS 1.1";
	case 0x0303:
		return "TLS 1.2";
	case 0x0304:
		return "TLS 1.3";
	}
	return "TLS";
}
