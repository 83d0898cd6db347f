/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The hello in QUIC's Initial packets: sealed here with the keys that RFC 9001 A.1 and RFC 9369 A.1 print for one connection id. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <gcrypt.h>
#include <stdlib.h>
#include <string.h>

#include "appid/detail.h"
#include "appid/digest_text.h"
#include "appid/quic_hello.h"
#include "base/cleanup.h"

#define V1 1u
#define V2 0x6b3343cfu

static const char dcid[8] = "\x83\x94\xc8\xf0\x3e\x51\x57\x08";
static const struct {
	const char *key, *iv, *hp;
} keys[] = {
	{ "\x1f\x36\x96\x13\xdd\x76\xd5\x46\x77\x30\xef\xcb\xe3\xb1\xa2\x2d", "\xfa\x04\x4b\x2f\x42\xa3\xfd\x3b\x46\xfb\x25\x5c",
	  "\x9f\x50\x44\x9e\x04\xa0\xe8\x10\x28\x3a\x1e\x99\x33\xad\xed\xd2" },
	{ "\x8b\x1a\x0b\xc1\x21\x28\x42\x90\xa2\x9e\x09\x71\xb5\xcd\x04\x5d", "\x91\xf7\x3e\x23\x51\xd8\xfa\x91\x66\x0e\x90\x9f",
	  "\x45\xb9\x5e\x15\x23\x5d\x6f\x45\xa6\xb1\x9c\xbc\xb0\x29\x4b\xa9" },
};

static const char *sent_dcid = dcid; /* what stands in the packet; its keys are always those of dcid */
static bool was_read;

struct text {
	uint8_t b[3000];
	size_t len;
};

static void put(struct text *t, const void *p, size_t len)
{
	memcpy(t->b + t->len, p, len);
	t->len += len;
}

static void put16(struct text *t, size_t v)
{
	put(t, (uint8_t[]){ (uint8_t)(v >> 8), (uint8_t)v }, 2);
}

static gcry_cipher_hd_t cipher(int mode, const char *key)
{
	gcry_cipher_hd_t h;

	digest_init();
	assert_int_equal(gcry_cipher_open(&h, GCRY_CIPHER_AES128, mode, 0), 0);
	assert_int_equal(gcry_cipher_setkey(h, key, 16), 0);
	return h;
}

/* A datagram of 1200 bytes with one Initial packet, behind what is in ret already. */
static void seal(struct text *ret, uint32_t version, const struct text *frames, uint8_t number)
{
	bool v2 = version == V2;
	uint8_t plain[1300] = { 0 }, nonce[12], mask[16];
	size_t start = ret->len, len = 1200 - start - 18 - 4 - 16, head;
	gcry_cipher_hd_t h;

	assert_true(frames->len <= len);
	memcpy(plain, frames->b, frames->len);
	put(ret, v2 ? "\xd3" : "\xc3", 1);
	put16(ret, version >> 16);
	put16(ret, version & 0xffff);
	put(ret, "\x08", 1);
	put(ret, sent_dcid, 8);
	put(ret, "\0\0", 2); /* no source id, no token */
	put16(ret, 0x4000 | (4 + len + 16));
	put(ret, (uint8_t[]){ 0, 0, 0, number }, 4);
	head = ret->len - start;
	memcpy(nonce, keys[v2].iv, 12);
	nonce[11] ^= number;
	h = cipher(GCRY_CIPHER_MODE_GCM, keys[v2].key);
	gcry_cipher_setiv(h, nonce, 12);
	gcry_cipher_authenticate(h, ret->b + start, head);
	gcry_cipher_encrypt(h, ret->b + ret->len, len, plain, len);
	gcry_cipher_gettag(h, ret->b + ret->len + len, 16);
	gcry_cipher_close(h);
	ret->len += len + 16;
	h = cipher(GCRY_CIPHER_MODE_ECB, keys[v2].hp);
	gcry_cipher_encrypt(h, mask, 16, ret->b + start + head, 16);
	gcry_cipher_close(h);
	ret->b[start] ^= mask[0] & 15;
	for (size_t i = 0; i < 4; i++)
		ret->b[start + head - 4 + i] ^= mask[1 + i];
}

static void crypto(struct text *t, const struct text *hello, size_t from, size_t to)
{
	put(t, "\6", 1);
	put16(t, 0x4000 | from);
	put16(t, 0x4000 | (to - from));
	put(t, hello->b + from, to - from);
}

/* A ClientHello with a name, "h3" and padding. */
static struct text hello_make(size_t padding)
{
	static const char sni[] = "\0\0\0\x11\0\x0f\0\0\x0cshop.example", alpn[] = "\0\x10\0\5\0\3\2h3", versions[] = "\0\x2b\0\3\2\3\4";
	struct text t = { .len = 0 }, ext = { .len = 0 };
	size_t body;

	put(&ext, versions, sizeof(versions) - 1);
	put(&ext, alpn, sizeof(alpn) - 1);
	put16(&ext, 21);
	put16(&ext, padding);
	ext.len += padding;
	put(&ext, sni, sizeof(sni) - 1);
	body = 2 + 32 + 1 + 4 + 2 + 2 + ext.len;
	put(&t, "\1\0", 2);
	put16(&t, body);
	put(&t, "\3\3", 2);
	t.len += 32;
	put(&t, "\0\0\2\x13\1\1\0", 7);
	put16(&t, ext.len);
	put(&t, ext.b, ext.len);
	return t;
}

static void named(const struct text *datagrams, unsigned count, const struct text *hello)
{
	struct detail_in in = { .datagrams = true, .server_dir = 2 };
	struct bytes b[QUIC_DATAGRAMS_MAX];
	uint8_t out[QUIC_HELLO_MAX];
	struct detail d;
	char value[80];

	for (unsigned i = 0; i < count; i++) {
		b[i] = bytes_of(datagrams[i].b, datagrams[i].len);
		*(i ? &in.next[1][i - 1] : &in.said[1]) = b[i];
	}
	assert_int_equal(quic_hello(b, count, out, &was_read), hello->len);
	assert_memory_equal(out, hello->b, hello->len);
	assert_true(was_read);
	detail_read(APP_QUIC, &in, &d);
	assert_string_equal(d.host, "shop.example");
	assert_true(d.complete);
	assert_string_equal(d.info, "alpn h3");
	assert_true(facts_get(d.facts.text, FACT_SNI, value, sizeof(value)));
	assert_string_equal(value, "shop.example");
	assert_true(facts_get(d.facts.text, FACT_JA4, value, sizeof(value)));
	assert_memory_equal(value, "q13d", 4);
}

static void one_datagram(uint32_t version)
{
	struct text hello = hello_make(100), f = { .len = 0 }, d = { .len = 0 };

	crypto(&f, &hello, 0, hello.len);
	seal(&d, version, &f, 2);
	named(&d, 1, &hello);
	d.b[600] ^= 1; /* not what was sealed */
	assert_int_equal(quic_hello(&(struct bytes){ d.b, d.b + d.len }, 1, f.b, &was_read), 0);
	assert_false(was_read);
}

static void test_one_datagram_of_each_version(void **state)
{
	one_datagram(V1);
	one_datagram(V2);
}

/* In pieces, from the end to the start, overlapping, with what else may stand between. */
static void test_frames_in_any_order(void **state)
{
	struct text hello = hello_make(100), f = { .len = 0 }, d = { .len = 0 };

	put(&f, "\1\0\0", 3);
	crypto(&f, &hello, 90, hello.len);
	put(&f, "\2\3\0\1\0\1\1\3\5\0\0\0\1\1\1", 15); /* ACK with one range more; ACK_ECN */
	crypto(&f, &hello, 40, 120);
	crypto(&f, &hello, 10, 41);
	crypto(&f, &hello, 0, 25);
	crypto(&f, &hello, 0, 25);
	seal(&d, V2, &f, 0);
	named(&d, 1, &hello);
}

static void test_several_datagrams(void **state)
{
	static const unsigned orders[][3] = { { 0, 1, 2 }, { 2, 1, 0 }, { 1, 2, 0 } };
	struct text hello = hello_make(2200), f[3] = { { .len = 0 } }, d[3];

	crypto(&f[0], &hello, 0, 1000);
	crypto(&f[1], &hello, 900, 1800);
	crypto(&f[2], &hello, 1800, hello.len);
	for (unsigned version = 0; version < 2; version++)
		for (size_t o = 0; o < ARRAY_SIZE(orders); o++) {
			memset(d, 0, sizeof(d));
			for (unsigned i = 0; i < 3; i++)
				seal(&d[i], version ? V2 : V1, &f[orders[o][i]], (uint8_t)orders[o][i]);
			named(d, 3, &hello);
		}
}

/* After the server's answer the client writes another id, and the keys stay; what cannot be opened between does not change them. */
static void test_keys_stay(void **state)
{
	struct text hello = hello_make(100), f[2] = { { .len = 0 } }, d[3] = { { .len = 0 } };

	crypto(&f[0], &hello, 0, 60);
	crypto(&f[1], &hello, 60, hello.len);
	seal(&d[0], V1, &f[0], 0);
	sent_dcid = "otherid!";
	seal(&d[1], V1, &f[1], 1);
	d[1].b[700] ^= 1;
	seal(&d[2], V1, &f[1], 2);
	sent_dcid = dcid;
	named(d, 3, &hello);
}

/* Two packets in one datagram; bytes behind them. */
static void test_coalesced(void **state)
{
	struct text hello = hello_make(10), f = { .len = 0 }, d = { .len = 0 };
	static const char retry_like[] = "\xc0\x6b\x33\x43\xcf\0\0";
	struct bytes b;

	crypto(&f, &hello, 0, hello.len);
	/* a handshake packet of version 1 first: skipped */
	put(&d, "\xe3\0\0\0\1\x08" "abcdefgh\0\x41\0", 17);
	d.len += 256;
	seal(&d, V1, &f, 1);
	named(&d, 1, &hello);
	b = bytes_of(retry_like, sizeof(retry_like) - 1);
	assert_int_equal(quic_hello(&b, 1, f.b, &was_read), 0);
}

/* Cut or changed anywhere: an answer within the bounds, and never other bytes than those of the hello. */
static void test_hostile(void **state)
{
	struct text hello = hello_make(10), f = { .len = 0 }, d = { .len = 0 };
	uint8_t out[QUIC_HELLO_MAX];

	crypto(&f, &hello, 0, hello.len);
	seal(&d, V2, &f, 1);
	for (size_t cut = 0; cut <= 64; cut++) {
		uint8_t *own = malloc(cut + 1);
		struct bytes b;

		memcpy(own, d.b, cut);
		b = bytes_of(own, cut);
		assert_int_equal(quic_hello(&b, 1, out, &was_read), 0);
		free(own);
	}
	for (size_t i = 0; i < 64 * 8; i++) {
		struct bytes b = bytes_of(d.b, d.len);
		size_t n;

		d.b[i / 8] ^= 1 << i % 8;
		n = quic_hello(&b, 1, out, &was_read);
		assert_true(n == 0 || n == hello.len);
		d.b[i / 8] ^= 1 << i % 8;
	}
	assert_int_equal(quic_hello(NULL, 0, out, &was_read), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_datagram_of_each_version), cmocka_unit_test(test_frames_in_any_order),
		cmocka_unit_test(test_several_datagrams),	     cmocka_unit_test(test_keys_stay),
		cmocka_unit_test(test_coalesced),		     cmocka_unit_test(test_hostile),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
