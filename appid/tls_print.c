/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "appid/tls_print.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "appid/digest_text.h"
#include "appid/tls_hello.h"

enum { LIST_MAX = 256 }; /* numbers kept of each list of a hello */
enum { EXT_SNI = 0, EXT_GROUPS = 10, EXT_POINTS = 11, EXT_SIGNATURES = 13, EXT_ALPN = 16, EXT_VERSIONS = 43 };

struct list {
	unsigned count;
	uint16_t at[LIST_MAX];
};

struct hello {
	bool client;
	uint16_t version, best; /* best: of supported_versions, 0: there is none */
	struct list ciphers, extensions, groups, points, signatures;
	bool sni;
	struct bytes alpn; /* first one offered */
};

/* RFC 8701 */
static bool is_grease(uint16_t v)
{
	return (v & 0x0f0f) == 0x0a0a && v >> 8 == (v & 0xff);
}

static void list_add(struct list *l, uint16_t v, bool with_grease)
{
	if (l->count < LIST_MAX && (with_grease || !is_grease(v)))
		l->at[l->count++] = v;
}

static void list_read(struct list *l, struct bytes b)
{
	uint16_t v;

	while (bytes_be16(&b, &v))
		list_add(l, v, false);
}

static void points_read(struct list *l, struct bytes b)
{
	uint8_t v;

	while (bytes_u8(&b, &v))
		list_add(l, v, false);
}

static void extension_read(struct hello *h, uint16_t type, struct bytes e)
{
	struct bytes part;
	uint16_t n16;
	uint8_t n8;

	list_add(&h->extensions, type, !h->client);
	switch (type) {
	case EXT_SNI:
		h->sni = true;
		break;
	case EXT_GROUPS:
		if (bytes_be16(&e, &n16) && bytes_take(&e, n16, &part))
			list_read(&h->groups, part);
		break;
	case EXT_POINTS:
		if (bytes_u8(&e, &n8) && bytes_take(&e, n8, &part))
			points_read(&h->points, part);
		break;
	case EXT_SIGNATURES:
		if (bytes_be16(&e, &n16) && bytes_take(&e, n16, &part))
			list_read(&h->signatures, part);
		break;
	case EXT_ALPN:
		if (bytes_be16(&e, &n16) && bytes_u8(&e, &n8) && bytes_take(&e, n8, &part))
			h->alpn = part;
		break;
	case EXT_VERSIONS:
		if (!h->client || !bytes_u8(&e, &n8) || !bytes_take(&e, n8, &part))
			break;
		while (bytes_be16(&part, &n16))
			if (!is_grease(n16) && n16 > h->best)
				h->best = n16;
		break;
	}
}

/* The whole hello at the start of a stream; msg is where its bytes are put together. */
static bool hello_read(struct bytes b, uint8_t msg[TLS_HELLO_MAX], struct hello *h)
{
	enum tls_kind kind = tls_hello_probe(b);
	struct bytes m, body, part;
	uint16_t n16, type;
	uint32_t len;
	uint8_t n8;
	bool over;

	memset(h, 0, sizeof(*h));
	if (kind != TLS_CLIENT_HELLO && kind != TLS_SERVER_HELLO)
		return false;
	h->client = kind == TLS_CLIENT_HELLO;
	m = bytes_of(msg, tls_handshake(b, msg, TLS_HELLO_MAX, &over));
	if (!bytes_skip(&m, 1) || !bytes_be24(&m, &len) || !bytes_take(&m, len, &body))
		return false;
	if (!bytes_be16(&body, &h->version) || !bytes_skip(&body, 32) || !bytes_u8(&body, &n8) || !bytes_skip(&body, n8))
		return false;
	if (h->client) {
		if (!bytes_be16(&body, &n16) || !bytes_take(&body, n16, &part) || !bytes_u8(&body, &n8) || !bytes_skip(&body, n8))
			return false;
		list_read(&h->ciphers, part);
	} else {
		if (!bytes_be16(&body, &n16) || !bytes_skip(&body, 1))
			return false;
		list_add(&h->ciphers, n16, true);
	}
	if (!bytes_be16(&body, &n16)) /* no extensions */
		return true;
	if (!bytes_take(&body, n16, &part))
		return false;
	while (bytes_be16(&part, &type)) {
		struct bytes ext;

		if (!bytes_be16(&part, &n16) || !bytes_take(&part, n16, &ext))
			return false;
		extension_read(h, type, ext);
	}
	return true;
}

/* ---- JA3 ------------------------------------------------------------------------------------------ */
/* Appends a number, in decimal or as four hex digits, behind a separator (0: none). */
static void put(char *out, size_t size, size_t *n, char separator, bool hex, unsigned v)
{
	const char sep[2] = { separator };
	int r = hex ? snprintf(out + *n, size - *n, "%s%04x", sep, v) : snprintf(out + *n, size - *n, "%s%u", sep, v);

	if (r > 0)
		*n = *n + (size_t)r < size ? *n + (size_t)r : size - 1;
}

static void put_list(char *out, size_t size, size_t *n, const struct list *l)
{
	for (unsigned i = 0; i < l->count; i++)
		put(out, size, n, i ? '-' : '\0', false, l->at[i]);
}

static void ja3_text(const struct hello *h, char *out, size_t size)
{
	const struct list *client[] = { &h->ciphers, &h->extensions, &h->groups, &h->points };
	size_t n = 0;

	put(out, size, &n, '\0', false, h->version);
	for (unsigned i = 0; i < (h->client ? 4u : 2u); i++) {
		if (n + 1 < size)
			out[n++] = ',';
		out[n] = '\0';
		put_list(out, size, &n, client[i]);
	}
}

bool tls_print_ja3_text(struct bytes b, char *ret, size_t size)
{
	uint8_t msg[TLS_HELLO_MAX];
	struct hello h;

	ret[0] = '\0';
	if (!hello_read(b, msg, &h))
		return false;
	ja3_text(&h, ret, size);
	return true;
}

/* ---- JA4 ------------------------------------------------------------------------------------------ */
static int by_number(const void *a, const void *b)
{
	return *(const uint16_t *)a - *(const uint16_t *)b;
}

static const char *ja4_version(const struct hello *h)
{
	switch (h->best ? h->best : h->version) {
	case 0x0304:
		return "13";
	case 0x0303:
		return "12";
	case 0x0302:
		return "11";
	case 0x0301:
		return "10";
	case 0x0300:
		return "s3";
	case 0x0002:
		return "s2";
	}
	return "00";
}

static void ja4_alpn(struct bytes a, char ret[3])
{
	static const char digits[] = "0123456789abcdef";
	uint8_t first, last;

	ret[0] = ret[1] = '0';
	ret[2] = '\0';
	if (!bytes_left(&a))
		return;
	first = a.p[0];
	last = a.end[-1];
	if (first < 0x80 && last < 0x80 && isalnum(first) && isalnum(last)) {
		ret[0] = (char)first;
		ret[1] = (char)last;
	} else { /* the first and the last digit of the whole in hex */
		ret[0] = digits[first >> 4];
		ret[1] = digits[last & 15];
	}
}

static void hex_list(char *out, size_t size, size_t *n, const struct list *l)
{
	for (unsigned i = 0; i < l->count; i++)
		put(out, size, n, i ? ',' : '\0', true, l->at[i]);
}

static void short_digest(const char *text, size_t len, char ret[13])
{
	char full[DIGEST_SHA256_LEN];

	memset(ret, '0', 12);
	ret[12] = '\0';
	if (!len)
		return;
	digest_sha256(text, len, full);
	memcpy(ret, full, full[0] ? 12 : 1);
}

static void ja4(struct hello *h, char ret[JA4_LEN])
{
	char text[LIST_MAX * 10 + 16], alpn[3], b[13], c[13];
	unsigned ciphers = h->ciphers.count, extensions = h->extensions.count;
	struct list named = { 0 };
	size_t n = 0;

	qsort(h->ciphers.at, h->ciphers.count, sizeof(uint16_t), by_number);
	hex_list(text, sizeof(text), &n, &h->ciphers);
	short_digest(text, n, b);
	for (unsigned i = 0; i < h->extensions.count; i++)
		if (h->extensions.at[i] != EXT_SNI && h->extensions.at[i] != EXT_ALPN)
			list_add(&named, h->extensions.at[i], true);
	qsort(named.at, named.count, sizeof(uint16_t), by_number);
	n = 0;
	hex_list(text, sizeof(text), &n, &named);
	if (named.count && h->signatures.count) {
		text[n++] = '_';
		hex_list(text, sizeof(text), &n, &h->signatures);
	}
	short_digest(text, n, c);
	ja4_alpn(h->alpn, alpn);
	snprintf(ret, JA4_LEN, "t%s%c%02u%02u%s_%s_%s", ja4_version(h), h->sni ? 'd' : 'i', ciphers > 99 ? 99 : ciphers,
		 extensions > 99 ? 99 : extensions, alpn, b, c);
}

bool tls_print_read(struct bytes b, struct tls_print *ret)
{
	uint8_t msg[TLS_HELLO_MAX];
	char text[JA3_TEXT_MAX];
	struct hello h;

	memset(ret, 0, sizeof(*ret));
	if (!hello_read(b, msg, &h))
		return false;
	ja3_text(&h, text, sizeof(text));
	digest_md5(text, strlen(text), h.client ? ret->ja3 : ret->ja3s);
	if (h.client)
		ja4(&h, ret->ja4);
	return true;
}
