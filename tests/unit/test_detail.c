/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The small readers below the labels: HPACK, certificate names, fingerprints, entropy, facts, and their limits. The
 * conversations themselves are in tools/gen/captures.py (services, changes), held by tests/golden/replay.sh. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "appid/change.h"
#include "appid/der_name.h"
#include "appid/detail.h"
#include "appid/digest_text.h"
#include "appid/entropy.h"
#include "appid/facts_out.h"
#include "appid/hpack.h"
#include "appid/http2_head.h"
#include "appid/tls_print.h"
#include "base/ipc.h"
#include "base/jsonl.h"
#include "sensor/facts.h"
#include "sensor/msg.h"

/* A copy of exactly that size: ASan sees a read beyond it. */
static struct bytes copy_of(const void *p, size_t len, void **ret_free)
{
	*ret_free = malloc(len ? len : 1);
	memcpy(*ret_free, p, len);
	return bytes_of(*ret_free, len);
}
#define LIT(s) bytes_of(s, sizeof(s) - 1)

/* ---- HPACK ---------------------------------------------------------------------------------------- */
/* RFC 7541 C.4.1, C.6.1 */
static void test_hpack_huffman_of_the_rfc(void **state)
{
	char out[64];

	assert_int_equal(hpack_huffman(LIT("\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff"), out, sizeof(out)), 15);
	assert_string_equal(out, "www.example.com");
	assert_int_equal(hpack_huffman(LIT("\xd0\x7a\xbe\x94\x10\x54\xd4\x44\xa8\x20\x05\x95\x04\x0b\x81\x66\xe0\x82\xa6\x2d\x1b\xff"), out,
				       sizeof(out)), 29);
	assert_string_equal(out, "Mon, 21 Oct 2013 20:13:21 GMT");
	assert_int_equal(hpack_huffman(LIT("\xa8\xeb\x10\x64\x9c\xbf"), out, 4), 3); /* cut */
	assert_string_equal(out, "no-");
	assert_int_equal(hpack_huffman(LIT("\xff\xff\xff\xff"), out, sizeof(out)), -1); /* the end symbol inside */
	assert_int_equal(hpack_huffman(LIT("\xa8\xeb\x10\x64\x9c\xbf\xff"), out, sizeof(out)), -1); /* a whole byte of padding */
	assert_int_equal(hpack_huffman(LIT("\xa8\xeb\x10\x64\x9c\xb0"), out, sizeof(out)), -1); /* padding of zeros */
}

/* RFC 7541 C.3.1, C.2.1, C.2.2, C.2.3 */
static void test_hpack_fields_of_the_rfc(void **state)
{
	struct bytes b = LIT("\x82\x86\x84\x41\x0fwww.example.com" "\x40\x0a" "custom-key\x0d" "custom-header" "\x04\x0c/sample/path"
			     "\x10\x08password\x06secret" "\x3f\xe1\x1f" "\xbe");
	static const char *const want[][2] = { { ":method", "GET" },	 { ":scheme", "http" },	     { ":path", "/" },
					       { ":authority", "www.example.com" }, { "custom-key", "custom-header" },
					       { ":path", "/sample/path" }, { "password", "secret" }, { "", "" }, { "", "" } };
	struct hpack_field f;

	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		assert_int_equal(hpack_next(&b, &f), HPACK_FIELD);
		assert_string_equal(f.name, want[i][0]);
		assert_string_equal(f.value, want[i][1]);
	}
	assert_int_equal(hpack_next(&b, &f), HPACK_END);
}

static void test_hpack_bounds(void **state)
{
	static const char block[] = "\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff";
	struct hpack_field f;
	char big[400];
	struct bytes b;

	for (size_t n = 1; n < sizeof(block) - 1; n++) { /* cut anywhere: nothing is taken */
		void *p;

		b = copy_of(block, n, &p);
		assert_int_equal(hpack_next(&b, &f), HPACK_END);
		assert_int_equal(bytes_left(&b), n);
		free(p);
	}
	b = LIT("\x80");
	assert_int_equal(hpack_next(&b, &f), HPACK_BAD); /* index 0 */
	b = LIT("\xff\xff\xff\xff\xff\x0f");
	assert_int_equal(hpack_next(&b, &f), HPACK_BAD); /* an index of 32 bits */
	b = LIT("\x41\x84\xff\xff\xff\xff");
	assert_int_equal(hpack_next(&b, &f), HPACK_BAD);
	memset(big, 'x', sizeof(big));
	memcpy(big, "\x40\x01" "a\x7f\xfa\x01", 6); /* a value of 377 bytes */
	b = bytes_of(big, 6 + 377);
	assert_int_equal(hpack_next(&b, &f), HPACK_FIELD);
	assert_int_equal(f.value_len, HPACK_VALUE_MAX - 1);
	assert_int_equal(bytes_left(&b), 0);
}

/* ---- HTTP/2 --------------------------------------------------------------------------------------- */
static void test_http2_frames(void **state)
{
	struct http2_head h;

	assert_int_equal(http2_preface(LIT("PRI * HT")), 0);
	assert_int_equal(http2_preface(LIT("PRI * HTTP/1.1")), -1);
	assert_int_equal(http2_server_probe(LIT("\0\0\6\4\0\0\0\0\0\0\3\0\0\0\x64\0\0\0\4\1\0\0\0\0")), 2);
	assert_int_equal(http2_server_probe(LIT("\0\0\6\4\0\0\0\0\0\0\3\0\0")), 1);
	assert_int_equal(http2_server_probe(LIT("\0\0\6\4\0\0\0\0\0\1\3\0\0\0\x64")), -1); /* no such setting */
	assert_int_equal(http2_server_probe(LIT("\0\0\7\4\0\0\0\0\0")), -1);
	assert_int_equal(http2_server_probe(LIT("\0\0\0\4\0\0\0\0\0\0\0\1\6\0\0\0\0\0")), -1); /* a PING has 8 bytes */
	assert_int_equal(http2_server_probe(LIT("\0\0\0\4\0\0\0\0\0\0\0\0\xee\0\0\0\0\0")), -1);
	assert_int_equal(http2_server_probe(LIT("\0\0\0\4\0\0\0\0\1")), -1);
	assert_int_equal(http2_server_probe(LIT("\0\0")), 0);
	/* nothing may stand between HEADERS and CONTINUATION */
	http2_head_parse(LIT("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\1\1\0\0\0\0\1\x83\0\0\0\4\0\0\0\0\0"), &h);
	assert_true(h.headers);
	assert_string_equal(h.method, "POST");
	assert_false(h.complete);
	http2_head_parse(LIT("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\1\1\4\0\0\0\1\x80"), &h);
	assert_true(h.bad && h.complete);
	http2_head_parse(LIT("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\0\1\1\4\0\0\0\1\x80"), &h);
	assert_true(h.bad && h.complete && !h.headers);
	http2_head_parse(LIT("\0\0\3\1\x0c\0\0\0\1\xff\x88\x88"), &h); /* more padding than there is */
	assert_true(h.complete);
}

/* ---- certificates --------------------------------------------------------------------------------- */
static const uint8_t cert[] = {
	0x30, 0x6f, 0x30, 0x6d, 0xa0, 3, 2, 1, 2, 2, 1, 5, 0x30, 4, 6, 2, 0x2a, 3,
	/* issuer: CN=A\n, DC=b, an attribute that has no name here */
	0x30, 0x2a, 0x31, 0x0b, 0x30, 9, 6, 3, 0x55, 4, 3, 0x0c, 2, 'A', '\n', 0x31, 0x11, 0x30, 0x0f, 6, 0x0a, 0x09, 0x92, 0x26, 0x89,
	0x93, 0xf2, 0x2c, 0x64, 1, 0x19, 0x16, 1, 'b', 0x31, 8, 0x30, 6, 6, 1, 0x55, 0x0c, 1, 'c',
	/* validity */
	0x30, 8, 0x17, 2, '1', '2', 0x17, 2, '3', '4',
	/* subject: O as BMPString, CN */
	0x30, 0x1b, 0x31, 0x0d, 0x30, 0x0b, 6, 3, 0x55, 4, 0x0a, 0x1e, 4, 0, 'S', 1, 'h', 0x31, 0x0a, 0x30, 8, 6, 3, 0x55, 4, 3, 0x13, 1, 'x',
	0, 0, 0, 0,
};

static void test_der_names(void **state)
{
	struct der_names n;

	assert_true(der_names_read(bytes_of(cert, sizeof(cert)), &n));
	assert_string_equal(n.issuer, "CN=A\\x0a,DC=b");
	assert_string_equal(n.subject, "O=S?,CN=x");
	assert_true(n.has_issuer && n.has_subject);
	for (size_t len = 0; len < sizeof(cert); len++) { /* cut: never more than the whole says */
		void *p;
		struct bytes b = copy_of(cert, len, &p);

		der_names_read(b, &n);
		assert_true(!n.has_subject || !strcmp(n.subject, "O=S?,CN=x"));
		assert_true(!n.has_issuer || !strcmp(n.issuer, "CN=A\\x0a,DC=b"));
		assert_int_equal(n.has_subject, len >= sizeof(cert) - 4);
		free(p);
	}
	for (size_t at = 0; at < sizeof(cert); at++) /* every byte wrong: no read outside, no name unbounded */
		for (unsigned v = 0; v < 256; v += 5) {
			void *p;
			struct bytes b = copy_of(cert, sizeof(cert), &p);

			((uint8_t *)p)[at] = (uint8_t)v;
			der_names_read(b, &n);
			assert_true(strlen(n.subject) < DER_NAME_MAX && strlen(n.issuer) < DER_NAME_MAX);
			free(p);
		}
	assert_false(der_names_read(LIT("\x30\x80\x30\x80"), &n)); /* indefinite */
	assert_false(der_names_read(LIT("\x30\x84\0\0\0\1"), &n));
	assert_false(der_names_read(LIT("\x31\x04\x30\x02"), &n));
}

/* ---- fingerprints --------------------------------------------------------------------------------- */
struct build {
	uint8_t b[1024];
	size_t n;
};

static void put16(struct build *o, unsigned v)
{
	o->b[o->n++] = (uint8_t)(v >> 8);
	o->b[o->n++] = (uint8_t)v;
}

static void put_list(struct build *o, const uint16_t *v)
{
	size_t at = o->n;

	o->n += 2;
	for (; *v; v++)
		put16(o, *v);
	o->b[at] = (uint8_t)((o->n - at - 2) >> 8);
	o->b[at + 1] = (uint8_t)(o->n - at - 2);
}

/* A hello with these lists (each ends with 0); extensions have what they need to be of their kind. */
static void hello_make(struct build *o, bool client, unsigned version, const uint16_t *ciphers, const uint16_t *extensions, const uint16_t *groups,
		       const uint16_t *signatures, bool sni_first)
{
	size_t ext;

	memset(o, 0, sizeof(*o));
	memcpy(o->b, "\x16\3\1\0\0", 5);
	o->b[5] = client ? 1 : 2;
	o->n = 9;
	put16(o, version);
	o->n += 32;
	o->b[o->n++] = 0;
	if (client) {
		put_list(o, ciphers);
		o->b[o->n++] = 1;
		o->b[o->n++] = 0;
	} else {
		put16(o, ciphers[0]);
		o->b[o->n++] = 0;
	}
	ext = o->n;
	o->n += 2;
	for (unsigned i = 0; sni_first || extensions[i]; i++) {
		unsigned type = sni_first ? 0 : extensions[i];
		size_t at;

		put16(o, type);
		at = o->n;
		o->n += 2;
		if (sni_first && client) {
			memcpy(o->b + o->n, "\0\4\0\0\1x", 6);
			o->n += 6;
		}
		if (type == 10)
			put_list(o, groups);
		if (type == 11) {
			o->b[o->n++] = 1;
			o->b[o->n++] = 0;
		}
		if (type == 13)
			put_list(o, signatures);
		if (type == 16) {
			memcpy(o->b + o->n, "\0\3\2h2", 5);
			o->n += 5;
		}
		if (type == 43) {
			memcpy(o->b + o->n, "\4\x1a\x1a\3\4", 5);
			o->n += 5;
		}
		o->b[at + 1] = (uint8_t)(o->n - at - 2);
		if (sni_first) {
			sni_first = false;
			i--;
		}
	}
	o->b[ext] = (uint8_t)((o->n - ext - 2) >> 8);
	o->b[ext + 1] = (uint8_t)(o->n - ext - 2);
	o->b[3] = (uint8_t)((o->n - 5) >> 8);
	o->b[4] = (uint8_t)(o->n - 5);
	o->b[7] = (uint8_t)((o->n - 9) >> 8);
	o->b[8] = (uint8_t)(o->n - 9);
}

/* The examples of the JA3 README. */
static void test_ja3_of_its_readme(void **state)
{
	static const uint16_t ciphers[] = { 47, 53, 5, 10, 49161, 49162, 49171, 49172, 50, 56, 19, 4, 0 }, ext[] = { 10, 11, 0 },
			      groups[] = { 23, 24, 25, 0 }, old[] = { 4, 5, 10, 9, 100, 98, 3, 6, 19, 18, 99, 0 };
	struct tls_print p;
	struct build o;
	char text[JA3_TEXT_MAX];

	hello_make(&o, true, 769, ciphers, ext, groups, groups, true);
	assert_true(tls_print_ja3_text(bytes_of(o.b, o.n), text, sizeof(text)));
	assert_string_equal(text, "769,47-53-5-10-49161-49162-49171-49172-50-56-19-4,0-10-11,23-24-25,0");
	assert_true(tls_print_read(bytes_of(o.b, o.n), &p));
	assert_string_equal(p.ja3, "ada70206e40642a3e4461f35503241d5");
	assert_string_equal(p.ja3s, "");
	for (size_t len = 0; len < o.n; len++) {
		void *f;
		struct bytes b = copy_of(o.b, len, &f);

		assert_false(tls_print_read(b, &p)); /* no fingerprint of a part */
		free(f);
	}
	hello_make(&o, true, 769, old, &groups[3], groups, groups, false);
	assert_true(tls_print_read(bytes_of(o.b, o.n), &p));
	assert_string_equal(p.ja3, "de350869b8c85de67a350c8d186f11e6");
	assert_string_equal(p.ja4, "t10i110000_3609b414f052_000000000000");
}

static void test_ja3s(void **state)
{
	static const uint16_t cipher[] = { 47, 0 }, ext[] = { 65281, 11, 35, 5, 16, 0 };
	struct tls_print p;
	struct build o;
	char text[JA3_TEXT_MAX];

	hello_make(&o, false, 769, cipher, ext, ext, ext, false);
	assert_true(tls_print_ja3_text(bytes_of(o.b, o.n), text, sizeof(text)));
	assert_string_equal(text, "769,47,65281-11-35-5-16");
	assert_true(tls_print_read(bytes_of(o.b, o.n), &p));
	assert_string_equal(p.ja4, "");
	assert_int_equal(strlen(p.ja3s), 32);
}

/* The example of FoxIO's technical description: Chrome, with GREASE. */
static void test_ja4_of_its_description(void **state)
{
	static const uint16_t ciphers[] = { 0x2a2a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c,
					    0x009d, 0x002f, 0x0035, 0 },
			      ext[] = { 0xdada, 0x001b, 0x0033, 0x0010, 0x4469, 0x0017, 0x002d, 0x000d, 0x0005, 0x0023, 0x0012, 0x002b, 0xff01,
					0x000b, 0x000a, 0x0015, 0 },
			      groups[] = { 0x1a1a, 29, 23, 24, 0 },
			      signatures[] = { 0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601, 0 };
	struct tls_print p;
	struct build o;

	hello_make(&o, true, 0x0303, ciphers, ext, groups, signatures, true);
	assert_true(tls_print_read(bytes_of(o.b, o.n), &p));
	assert_string_equal(p.ja4, "t13d1516h2_8daaf6152771_e5627efa2ab1");
}

static void test_digests(void **state)
{
	char md5[DIGEST_MD5_LEN], sha[DIGEST_SHA256_LEN];

	digest_md5("abc", 3, md5);
	assert_string_equal(md5, "900150983cd24fb0d6963f7d28e17f72");
	digest_sha256("abc", 3, sha);
	assert_string_equal(sha, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

/* ---- entropy ---------------------------------------------------------------------------------------- */
static void test_entropy(void **state)
{
	uint8_t random[2048], zero[100] = { 1, 2, 3 };
	uint32_t x = 12345;

	for (unsigned i = 0; i < sizeof(random); i++) {
		x = x * 1664525u + 1013904223u;
		random[i] = (uint8_t)(x >> 24);
	}
	for (size_t n = 32; n <= sizeof(random); n *= 2)
		assert_string_equal(entropy_class(bytes_of(random, n)), "compressed-or-encrypted");
	assert_string_equal(entropy_class(bytes_of(random, 8)), "binary");
	assert_string_equal(entropy_class(bytes_of(zero, sizeof(zero))), "binary");
	assert_string_equal(entropy_class(LIT("hello there\r\n")), "text");
	assert_string_equal(entropy_class(LIT("")), "binary");
}

/* ---- facts ------------------------------------------------------------------------------------------ */
static uint64_t same_ns(uint64_t ns, void *arg)
{
	return ns;
}

static uint64_t in_the_year_2020(uint64_t mono_ns)
{
	return 1577836800000000000ULL + mono_ns;
}

static void test_facts(void **state)
{
	struct facts f;
	struct jsonl j;
	char value[64], wall[200];
	size_t len;

	facts_init(&f);
	facts_add(&f, FACT_SNI, "a\nb\\\xff", 5, 100);
	facts_add_str(&f, FACT_JA3, "clean\\x41");
	facts_add_str(&f, FACT_JA3, "second");
	facts_add(&f, FACT_ALPN, "", 0, 10);
	assert_true(facts_get(f.text, FACT_SNI, value, sizeof(value)));
	assert_string_equal(value, "a\\x0ab\\x5c\\xff");
	assert_true(facts_get(f.text, FACT_JA3, value, sizeof(value)));
	assert_string_equal(value, "clean\\x41");
	assert_false(facts_get(f.text, FACT_ALPN, value, sizeof(value)));
	assert_true(facts_valid(f.text, f.len));
	facts_add_str(&f, FACT_CHANGED_FROM, "SMTP");
	facts_add_str(&f, FACT_CHANGED_TO, "TLS");
	facts_add_str(&f, FACT_CHANGED_BY, "STARTTLS");
	facts_add_str(&f, FACT_CHANGED_AT, "1500000000");
	jsonl_init(&j);
	jsonl_obj(&j, NULL);
	facts_json(&j, f.text, same_ns, NULL, true);
	jsonl_obj_end(&j);
	assert_string_equal(jsonl_text(&j, &len), "{\"details\":{\"sni\":\"a\\\\x0ab\\\\x5c\\\\xff\",\"ja3\":\"clean\\\\x41\"},"
						  "\"changed\":{\"from\":\"SMTP\",\"to\":\"TLS\",\"by\":\"STARTTLS\",\"at\":1.500000000}}");
	jsonl_done(&j);
	/* at a wall clock, as the history keeps them; what finds no room is left out */
	facts_at_wall(f.text, in_the_year_2020, wall, sizeof(wall));
	assert_true(facts_valid(wall, strlen(wall)));
	assert_true(facts_get(wall, FACT_CHANGED_AT, value, sizeof(value)));
	assert_string_equal(value, "1577836801500000000");
	assert_true(facts_get(wall, FACT_SNI, value, 6));
	assert_string_equal(value, "a\\x0a");
	facts_at_wall(f.text, NULL, wall, 30);
	assert_true(facts_get(wall, FACT_SNI, value, sizeof(value)));
	assert_false(facts_get(wall, FACT_CHANGED_AT, value, sizeof(value)));
	jsonl_init(&j);
	jsonl_obj(&j, NULL);
	facts_json(&j, f.text, NULL, NULL, false);
	jsonl_obj_end(&j);
	assert_non_null(strstr(jsonl_text(&j, &len), "\"at\":\"1970-01-01T00:00:01.5"));
	jsonl_done(&j);
	assert_string_equal(fact_name(FACT_NONE), "");
	for (int i = FACT_NONE + 1; i < FACT_MAX; i++)
		assert_true(fact_name((enum fact)i)[0]);
	assert_string_equal(fact_name(FACT_MAX), "");
}

static void test_facts_bounds(void **state)
{
	static const char *const wrong[] = { "Aabc", "@abc\n", "Aa\001\n", "\nA\n", "Aa\n\177b\n", "Aa\ng\n" };
	char big[4000];
	struct facts f;

	memset(big, 'x', sizeof(big));
	facts_init(&f);
	facts_add(&f, FACT_SNI, big, sizeof(big), sizeof(big)); /* finds no room */
	assert_int_equal(f.len, 0);
	facts_add(&f, FACT_SNI, big, sizeof(big), 500);
	facts_add(&f, FACT_ALPN, big, sizeof(big), 500);
	facts_add(&f, FACT_BANNER, big, sizeof(big), 500);
	assert_int_equal(f.len, 1004);
	assert_true(facts_valid(f.text, f.len));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(facts_valid(wrong[i], strlen(wrong[i])));
	assert_true(facts_valid("", 0));
	assert_false(facts_valid(big, sizeof(big)));
}

/* ---- on the way to core ------------------------------------------------------------------------------ */
static void test_facts_go_out_whole(void **state)
{
	static uint8_t body[IPC_BODY_MAX];
	struct flow_key key = { .ns = 1, .proto = 6 };
	struct facts_out o;
	struct ipc_hdr h;
	unsigned sent = 0, got = 0;
	int s[2], fd = -1, r;
	char text[600];

	memset(text, 'x', sizeof(text));
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, s), 0);
	facts_out_init(&o, 1 << 20);
	for (; sent < 2000; sent++) { /* more than the socket takes at once, less than the bound */
		key.port[0] = (uint16_t)sent;
		facts_out_put(&o, &key, text, sent % 500);
	}
	assert_int_equal(o.dropped, 0);
	for (int i = 0; i < 100 && got < sent; i++) {
		r = facts_out_send(&o, s[0]);
		assert_true(r == 0 || r == -EAGAIN);
		while (ipc_recv(s[1], &h, body, &fd) > 0) {
			struct bytes b = bytes_of(body, h.len);
			struct msg_facts m;

			assert_int_equal(h.type, MSG_FACTS);
			while (bytes_left(&b)) {
				assert_true(bytes_copy(&b, &m, sizeof(m)) && bytes_skip(&b, m.len));
				assert_int_equal(m.key.port[0], got);
				assert_int_equal(m.len, got++ % 500);
			}
		}
	}
	assert_int_equal(got, sent);
	assert_int_equal(o.len, 0);
	close(s[1]);
	facts_out_put(&o, &key, text, 10);
	assert_true(facts_out_send(&o, s[0]) < 0);
	facts_out_put(&o, &key, text, FACTS_MAX); /* no such text */
	for (unsigned i = 0; i < 3000; i++)
		facts_out_put(&o, &key, text, 500);
	assert_true(o.dropped > 0 && o.len <= 1 << 20);
	facts_out_done(&o);
	close(s[0]);
}

/* ---- refused logins ------------------------------------------------------------------------------------ */
static bool is_refused(enum app_id app, struct bytes client, struct bytes server, bool *ret_complete)
{
	struct detail_in in = { .said = { client, server }, .server_dir = 1 };
	struct detail t = { .app = app };
	char value[16];

	facts_init(&t.facts);
	detail_read(app, &in, &t);
	if (ret_complete)
		*ret_complete = t.complete;
	return facts_get(t.facts.text, FACT_LOGIN, value, sizeof(value)) && !strcmp(value, "refused");
}

/* PostgreSQL: AuthenticationMD5Password, then ErrorResponse; as a server that refuses, starts up, or has no such database. */
#define PG_ASK "R\0\0\0\x0c\0\0\0\5salt"
#define PG_BAD PG_ASK "E\0\0\0\x2cSFATAL\0VFATAL\0C28P01\0Mpassword failed\0\0"
static void test_postgresql_says_that_a_login_was_refused(void **state)
{
	struct bytes hello = LIT("\0\0\0\x14\0\3\0\0user\0nobody\0\0");
	bool complete;
	void *copy;

	assert_true(is_refused(APP_POSTGRESQL, hello, LIT(PG_BAD), &complete));
	assert_true(complete);
	assert_true(is_refused(APP_POSTGRESQL, hello, LIT("N" PG_BAD), NULL)); /* encryption was asked for first */
	assert_false(is_refused(APP_POSTGRESQL, hello, LIT(PG_ASK), &complete));
	assert_false(complete);
	assert_false(is_refused(APP_POSTGRESQL, hello, LIT("E\0\0\0\x2cSFATAL\0C57P03\0Mstarting up\0\0"), NULL));
	assert_false(is_refused(APP_POSTGRESQL, hello, LIT(PG_ASK "R\0\0\0\x08\0\0\0\0E\0\0\0\x10" "C28P01\0\0"), NULL)); /* it had let it in */
	assert_false(is_refused(APP_POSTGRESQL, hello, LIT("E\xff\xff\xff\xff" "C28P0"), NULL));
	for (size_t n = 0; n < sizeof(PG_BAD); n++) {
		is_refused(APP_POSTGRESQL, hello, copy_of(PG_BAD, n, &copy), NULL);
		free(copy);
	}
}

#define MY_GREETING "\x2d\0\0\0\x0a" "10.11.6-MariaDB\0" "\1\0\0\0abcdefgh\0\xff\xf7\x08\2\0\x0f\x80\x15" "0123456"
#define MY_BAD MY_GREETING "\x0d\0\0\2\xff\x15\4#28000Acc"
static void test_mysql_says_that_a_login_was_refused(void **state)
{
	bool complete;
	void *copy;

	assert_true(is_refused(APP_MYSQL, LIT("x"), LIT(MY_BAD), &complete));
	assert_true(complete);
	assert_false(is_refused(APP_MYSQL, LIT("x"), LIT(MY_GREETING), &complete));
	assert_false(complete); /* it is not decided yet */
	assert_true(is_refused(APP_MYSQL, LIT("x"), LIT(MY_GREETING "\2\0\0\2\xfe" "x" "\x0d\0\0\4\xff\x15\4#28000Acc"), NULL)); /* another method first */
	assert_false(is_refused(APP_MYSQL, LIT("x"), LIT(MY_GREETING "\7\0\0\2\0\0\0\2\0\0\0" "\x0d\0\0\1\xff\x15\4#28000Acc"), NULL));
	assert_false(is_refused(APP_MYSQL, LIT("x"), LIT(MY_GREETING "\x0d\0\0\2\xff\x19\4#42000Unk"), NULL)); /* no such database */
	for (size_t n = 0; n < sizeof(MY_BAD); n++) {
		is_refused(APP_MYSQL, LIT("x"), copy_of(MY_BAD, n, &copy), NULL);
		free(copy);
	}
}

static void test_redis_says_that_a_login_was_refused(void **state)
{
	struct bytes auth = LIT("*2\r\n$4\r\nAUTH\r\n$1\r\nx\r\n");

	assert_true(is_refused(APP_REDIS, auth, LIT("-WRONGPASS invalid username-password pair or user is disabled.\r\n"), NULL));
	assert_true(is_refused(APP_REDIS, auth, LIT("-ERR invalid password\r\n"), NULL));
	assert_false(is_refused(APP_REDIS, auth, LIT("-NOAUTH Authentication required.\r\n"), NULL)); /* nothing was tried */
	assert_false(is_refused(APP_REDIS, auth, LIT("+OK\r\n"), NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_facts_go_out_whole),
		cmocka_unit_test(test_hpack_huffman_of_the_rfc),
		cmocka_unit_test(test_hpack_fields_of_the_rfc),
		cmocka_unit_test(test_hpack_bounds),
		cmocka_unit_test(test_http2_frames),
		cmocka_unit_test(test_der_names),
		cmocka_unit_test(test_ja3_of_its_readme),
		cmocka_unit_test(test_ja3s),
		cmocka_unit_test(test_ja4_of_its_description),
		cmocka_unit_test(test_digests),
		cmocka_unit_test(test_entropy),
		cmocka_unit_test(test_facts),
		cmocka_unit_test(test_facts_bounds),
		cmocka_unit_test(test_postgresql_says_that_a_login_was_refused),
		cmocka_unit_test(test_mysql_says_that_a_login_was_refused),
		cmocka_unit_test(test_redis_says_that_a_login_was_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
