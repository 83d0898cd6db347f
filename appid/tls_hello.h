/* SPDX-License-Identifier: GPL-2.0-or-later */
/* TLS ClientHello and ServerHello (RFC 8446 4.1, RFC 5246 7.4.1) from the first bytes of a stream: over several records,
 * cut anywhere. Pure, allocates nothing. */
#ifndef PG_APPID_TLS_HELLO_H
#define PG_APPID_TLS_HELLO_H

#include <stdbool.h>

#include "base/bytes.h"

#define TLS_HELLO_MAX 4096 /* bytes of a hello that are put together from records */

enum tls_kind { TLS_NOT, TLS_MORE, TLS_CLIENT_HELLO, TLS_SERVER_HELLO, TLS_ALERT };

struct tls_hello {
	enum tls_kind kind;
	bool complete;        /* the whole message was there */
	uint16_t version;     /* offered highest or chosen: 0x0303 is TLS 1.2, 0x0304 is TLS 1.3; supported_versions counts */
	uint16_t cipher;      /* ServerHello */
	char sni[256];        /* server_name (RFC 6066 3), "" none; raw bytes up to the first NUL */
	size_t sni_len;
	char alpn[64];        /* names of ALPN (RFC 7301), with commas between; "" none; raw bytes */
	size_t alpn_len;
};

/* Does b begin like a hello or an alert? Needs 6 to 11 bytes to be sure. */
enum tls_kind tls_hello_probe(struct bytes b);
/* Reads what is there, behind warnings. */
enum tls_kind tls_hello_parse(struct bytes b, struct tls_hello *ret);
/* Behind alerts that are mere warnings (servers send "unrecognized name" before their hello). */
struct bytes tls_after_warnings(struct bytes b);
/* The handshake bytes of consecutive records, put together: returns how many are in out. *ret_over: what follows is no
 * handshake record (encrypted, or an alert). */
size_t tls_handshake(struct bytes b, uint8_t *out, size_t size, bool *ret_over);
/* "TLS 1.3"; never NULL. */
const char *tls_version_name(uint16_t version);

#endif
