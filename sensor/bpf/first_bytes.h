/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the first bytes of one side of a connection are, where that is beyond doubt: a short cut for appid/recognise.c, never less
 * strict than it (tests/unit/test_nfq.c holds the one against the other). For eBPF and for tests. Pure.
 * RFC 9112 3, RFC 8446 4.1.2 and 5.1, RFC 4253 4.2; "Message Formats" (PostgreSQL), RESP, Protocol::HandshakeV10, OP_MSG. */
#ifndef PG_BPF_FIRST_BYTES_H
#define PG_BPF_FIRST_BYTES_H

#include "flows/flow_key.h"

#define FIRST_BYTES_MAX 128 /* so many are looked at; room for more is there, and is 0 */

enum first_app {
	FIRST_HTTP = 1 << 0,
	FIRST_TLS = 1 << 1,
	FIRST_POSTGRESQL = 1 << 2,
	FIRST_REDIS = 1 << 3,
	FIRST_MONGODB = 1 << 4,
	FIRST_SSH = 1 << 5,   /* either side */
	FIRST_MYSQL = 1 << 6, /* the server's */
};

#define FIRST_INLINE static inline __attribute__((always_inline))

FIRST_INLINE pg_u32 first_be16(const pg_u8 *b)
{
	return (pg_u32)b[0] << 8 | b[1];
}

FIRST_INLINE pg_u32 first_be32(const pg_u8 *b)
{
	return first_be16(b) << 16 | first_be16(b + 2);
}

FIRST_INLINE pg_u32 first_le32(const pg_u8 *b)
{
	return (pg_u32)b[3] << 24 | (pg_u32)b[2] << 16 | (pg_u32)b[1] << 8 | b[0];
}

FIRST_INLINE int first_is_digit(pg_u8 c)
{
	return c >= '0' && c <= '9';
}

/* Where the target of a request line begins: behind a method and a space. 0: none that is known here. */
FIRST_INLINE pg_u32 first_http_target(const pg_u8 *b)
{
	switch (first_be32(b)) {
	case 0x47455420: /* "GET " */
	case 0x50555420: /* "PUT " */
		return 4;
	case 0x504f5354: /* "POST" */
	case 0x48454144: /* "HEAD" */
		return b[4] == ' ' ? 5 : 0;
	case 0x50415443: /* "PATC" */
		return b[4] == 'H' && b[5] == ' ' ? 6 : 0;
	case 0x44454c45: /* "DELE" */
		return b[4] == 'T' && b[5] == 'E' && b[6] == ' ' ? 7 : 0;
	}
	return 0;
}

/* A whole request line: a path, then " HTTP/1.1" or " HTTP/1.0" with its line end. */
FIRST_INLINE int first_is_http(const pg_u8 *b)
{
	pg_u32 from = first_http_target(b), i;

	if (!from)
		return 0;
	for (i = 4; i < FIRST_BYTES_MAX - 11; i++) {
		__asm__ volatile("" : "+r"(i), "+r"(from)); /* clang would begin at from, by a sum that the verifier does not follow */
		if (i < from)
			continue;
		if (i == from && b[i] != '/')
			return 0;
		if (b[i] > 0x20 && b[i] < 0x7f)
			continue;
		return b[i] == ' ' && first_be32(b + i + 1) == 0x48545450 /* "HTTP" */ && first_be16(b + i + 5) == 0x2f31 /* "/1" */ &&
		       b[i + 7] == '.' && (b[i + 8] == '0' || b[i + 8] == '1') && b[i + 9] == '\r' && b[i + 10] == '\n';
	}
	return 0;
}

/* One record that begins with a ClientHello and holds nothing else. */
FIRST_INLINE int first_is_tls(const pg_u8 *b, pg_u32 n)
{
	pg_u32 record = first_be16(b + 3), hello = first_be16(b + 7);

	return n >= 11 && b[0] == 0x16 && b[1] == 3 && b[2] <= 3 && record >= 42 && record <= 16384 && b[5] == 1 && !b[6] && hello >= 38 &&
	       record <= hello + 4 && b[9] == 3 && b[10] <= 3;
}

/* A request for TLS, or the start of a session: the first setting's name is a word. */
FIRST_INLINE int first_is_postgresql(const pg_u8 *b, pg_u32 n)
{
	pg_u32 len = first_be32(b), code = first_be32(b + 4), i;

	if (n < 8)
		return 0;
	if (len == 8 && (code == 80877103 || code == 80877104))
		return 1;
	if (len < 13 || len > 10000 || code != 0x00030000)
		return 0;
	for (i = 8; i < 32; i++)
		if ((b[i] < 'a' || b[i] > 'z') && b[i] != '_')
			break;
	return i >= 11 && i < 32 && i < n && !b[i];
}

/* "*2\r\n$3\r\nGET": one-digit numbers, and the whole command. */
FIRST_INLINE int first_is_redis(const pg_u8 *b, pg_u32 n)
{
	pg_u32 len = (pg_u32)b[5] - '0', i;

	if (n < 9 || b[0] != '*' || b[1] < '1' || b[1] > '9' || first_be16(b + 2) != 0x0d0a || b[4] != '$' || len < 1 || len > 9 ||
	    first_be16(b + 6) != 0x0d0a || n < 8 + len)
		return 0;
	for (i = 0; i < 9; i++)
		if (i < len && (b[8 + i] < 'A' || b[8 + i] > 'Z') && (b[8 + i] < 'a' || b[8 + i] > 'z'))
			return 0;
	return 1;
}

/* OP_MSG with one document. */
FIRST_INLINE int first_is_mongodb(const pg_u8 *b, pg_u32 n)
{
	pg_u32 len = first_le32(b), document = first_le32(b + 21);

	return n >= 26 && len >= 26 && len <= 48000000 && !first_le32(b + 8) && first_le32(b + 12) == 2013 && !(first_le32(b + 16) & ~0x00010003u) &&
	       !b[20] && document >= 5 && document <= len - 21;
}

FIRST_INLINE int first_is_ssh(const pg_u8 *b, pg_u32 n)
{
	return n >= 8 && first_be32(b) == 0x5353482d /* "SSH-" */ && (b[4] == '1' || b[4] == '2') && b[5] == '.' && first_is_digit(b[6]) &&
	       (b[7] == '-' || first_is_digit(b[7]));
}

/* A greeting: packet 0, protocol 10, version, NUL, 4 bytes, 8 of a salt, NUL. */
FIRST_INLINE int first_is_mysql(const pg_u8 *b, pg_u32 n)
{
	pg_u32 len = (pg_u32)b[1] << 8 | b[0], i;

	if (n < 32 || b[2] || b[3] || b[4] != 10 || len < 32 || len > 512 || !first_is_digit(b[5]))
		return 0;
	for (i = 5; i < 72; i++)
		if (b[i] < 0x20 || b[i] > 0x7e)
			break;
	return i > 7 && i < 72 && !b[i] && !b[i + 13] && i + 14 <= len + 4 && i + 14 <= n;
}

/* What the client says; b holds FIRST_BYTES_MAX bytes, n of them said, the others 0. A bit of enum first_app, 0: not sure. */
FIRST_INLINE pg_u32 first_of_client(const pg_u8 *b, pg_u32 n)
{
	if (first_is_http(b))
		return FIRST_HTTP;
	if (first_is_tls(b, n))
		return FIRST_TLS;
	if (first_is_redis(b, n))
		return FIRST_REDIS;
	if (first_is_ssh(b, n))
		return FIRST_SSH;
	if (first_is_mongodb(b, n))
		return FIRST_MONGODB;
	return first_is_postgresql(b, n) ? FIRST_POSTGRESQL : 0;
}

/* What the server says before its client. */
FIRST_INLINE pg_u32 first_of_server(const pg_u8 *b, pg_u32 n)
{
	if (first_is_ssh(b, n))
		return FIRST_SSH;
	return first_is_mysql(b, n) ? FIRST_MYSQL : 0;
}

#endif
