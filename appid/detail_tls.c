/* SPDX-License-Identifier: GPL-2.0-or-later */
/* TLS, also that in QUIC: both hellos, their fingerprints, and up to TLS 1.2 the names in the server's certificate. */
#include <stdio.h>
#include <string.h>

#include "appid/der_name.h"
#include "appid/detail_private.h"
#include "appid/quic_hello.h"
#include "appid/text.h"
#include "appid/tls_hello.h"
#include "appid/tls_print.h"

enum { HS_CERTIFICATE = 11, FLIGHT_MAX = 4096 };

/* The first certificate of the server's first flight. Returns whether nothing more can be learned from that side. */
static bool certificate_read(struct bytes b, struct detail *t)
{
	uint8_t msg[FLIGHT_MAX], type;
	struct der_names names;
	struct bytes m, body;
	uint32_t len;
	bool over;

	m = bytes_of(msg, tls_handshake(b, msg, sizeof(msg), &over));
	while (bytes_u8(&m, &type) && bytes_be24(&m, &len)) {
		bool whole = bytes_take(&m, len, &body);

		if (!whole)
			body = m;
		if (type == HS_CERTIFICATE) {
			if (!bytes_skip(&body, 3) || !bytes_be24(&body, &len)) /* length of the list, of the first */
				return whole || over;
			if (bytes_left(&body) > len)
				body.end = body.p + len;
			whole |= !der_names_read(body, &names) && bytes_left(&body) > 64;
			if (!names.has_subject)
				return whole || over;
			facts_add_str(&t->facts, FACT_CERT_SUBJECT, names.subject);
			facts_add_str(&t->facts, FACT_CERT_ISSUER, names.issuer);
			return true;
		}
		if (!whole)
			return over;
	}
	return over;
}

static void client_hello(struct bytes said, const struct tls_hello *h, char transport, struct detail *t)
{
	struct tls_print p;

	text_sanitise(t->host, sizeof(t->host), h->sni, h->sni_len);
	text_lower(t->host);
	facts_add_str(&t->facts, FACT_SNI, t->host);
	facts_add(&t->facts, FACT_ALPN, h->alpn, h->alpn_len, 60);
	if (tls_print_read(said, &p)) {
		facts_add_str(&t->facts, FACT_JA3, p.ja3);
		if (p.ja4[0])
			p.ja4[0] = transport;
		facts_add_str(&t->facts, FACT_JA4, p.ja4);
	}
}

static void server_hello(struct bytes said, const struct tls_hello *h, struct detail *t)
{
	struct tls_print p;
	char cipher[8];

	facts_add(&t->facts, FACT_ALPN_CHOSEN, h->alpn, h->alpn_len, 60);
	if (h->cipher) {
		snprintf(cipher, sizeof(cipher), "%04x", h->cipher);
		facts_add_str(&t->facts, FACT_TLS_CIPHER, cipher);
	}
	if (tls_print_read(said, &p))
		facts_add_str(&t->facts, FACT_JA3S, p.ja3s);
}

void detail_tls(const struct detail_in *in, struct detail *t)
{
	struct tls_hello h[2];
	bool client = false, server = false;
	uint16_t version = 0;

	for (unsigned i = 0; i < 2; i++) {
		struct bytes said = tls_after_warnings(in->said[i]);

		tls_hello_parse(said, &h[i]);
		if (h[i].kind == TLS_CLIENT_HELLO) {
			client = h[i].complete || in->whole[i];
			if (!version)
				version = h[i].version;
			client_hello(said, &h[i], 't', t);
		} else if (h[i].kind == TLS_SERVER_HELLO) {
			server = h[i].complete || in->whole[i];
			version = h[i].version;
			server_hello(said, &h[i], t);
			if (h[i].complete && version < 0x0304)
				server = certificate_read(said, t) || in->whole[i];
		} else {
			client |= in->whole[i] || h[i].kind == TLS_ALERT;
			server |= in->whole[i] || h[i].kind == TLS_ALERT;
		}
	}
	if (version) {
		detail_info_str(t, "", tls_version_name(version));
		facts_add_str(&t->facts, FACT_TLS_VERSION, tls_version_name(version));
	}
	for (unsigned i = 0; i < 2; i++)
		detail_info(t, h[i].kind == TLS_SERVER_HELLO ? "chosen alpn " : "alpn ", bytes_of(h[i].alpn, h[i].alpn_len), 40);
	t->complete = client && server;
}

/* The client's hello out of its Initial packets, as the record that it would be on TCP. */
void detail_quic(const struct detail_in *in, struct detail *t)
{
	enum { RECORD = 5 };
	uint8_t record[RECORD + QUIC_HELLO_MAX] = { 22, 3, 1 };
	struct bytes datagrams[1 + DETAIL_NEXT_MAX], said;
	struct tls_hello h = { 0 };
	bool read = false;
	size_t n = 0;

	for (unsigned d = 0; d < 2 && !read; d++) {
		datagrams[0] = in->said[d];
		memcpy(datagrams + 1, in->next[d], sizeof(in->next[d]));
		n = quic_hello(datagrams, 1 + DETAIL_NEXT_MAX, record + RECORD, &read);
	}
	record[3] = (uint8_t)(n >> 8);
	record[4] = (uint8_t)n;
	said = bytes_of(record, n ? RECORD + n : 0);
	if (tls_hello_parse(said, &h) == TLS_CLIENT_HELLO) {
		client_hello(said, &h, 'q', t);
		detail_info(t, "alpn ", bytes_of(h.alpn, h.alpn_len), 40);
	}
	t->complete = !read || h.complete || bytes_left(&in->next[0][DETAIL_NEXT_MAX - 1]) || bytes_left(&in->next[1][DETAIL_NEXT_MAX - 1]);
}
