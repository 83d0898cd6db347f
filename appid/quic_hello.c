/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "appid/quic_hello.h"

#include <gcrypt.h>
#include <string.h>

#include "appid/digest_text.h"

enum { CID_MAX = 20, KEY_LEN = 16, NONCE_LEN = 12, TAG_LEN = 16, HASH_LEN = 32, DATAGRAM_MAX = 1472, PACKETS_MAX = 4 };
enum { FRAME_PADDING, FRAME_PING, FRAME_ACK, FRAME_ACK_ECN, FRAME_CRYPTO = 6 };
enum { ACK_RANGES_MAX = 64 };

struct assembly {
	uint8_t *out;
	bool read; /* a packet was opened */
	bool have[QUIC_HELLO_MAX];
};

struct packet {
	uint32_t version;
	struct bytes dcid;
	const uint8_t *start;   /* of the packet */
	struct bytes rest;      /* from the packet number to the end of the packet */
};

struct keys {
	uint8_t key[KEY_LEN], nonce[NONCE_LEN], header[KEY_LEN];
};

static bool is_v2(uint32_t version)
{
	return version == 0x6b3343cf;
}

/* NULL: not a version whose keys are known. */
static const uint8_t *salt_of(uint32_t version)
{
	static const uint8_t one[20] = "\x38\x76\x2c\xf7\xf5\x59\x34\xb3\x4d\x17\x9a\xe6\xa4\xc8\x0c\xad\xcc\xbb\x7f\x0a";
	static const uint8_t two[20] = "\x0d\xed\xe3\xde\xf7\x00\xa6\xdb\x81\x93\x81\xbe\x6e\x26\x9d\xcb\xf9\xbd\x2e\xd9";
	static const uint8_t draft29[20] = "\xaf\xbf\xec\x28\x99\x93\xd2\x4c\x9e\x97\x86\xf1\x9c\x61\x11\xe0\x43\x90\xa8\x99";
	static const uint8_t draft23[20] = "\xc3\xee\xf7\x12\xc7\x2e\xbb\x5a\x11\xa7\xd2\x43\x2b\xb4\x63\x65\xbe\xf9\xf5\x02";

	if (version == 1 || (version >= 0xff000021 && version <= 0xff000022))
		return one;
	if (is_v2(version))
		return two;
	if (version >= 0xff00001d && version <= 0xff000020)
		return draft29;
	return version >= 0xff000017 && version <= 0xff00001c ? draft23 : NULL;
}

/* RFC 9000 16 */
static bool varint(struct bytes *b, uint64_t *ret)
{
	uint8_t first, next;

	if (!bytes_u8(b, &first))
		return false;
	*ret = first & 0x3f;
	for (unsigned n = (1U << (first >> 6)) - 1; n; n--) {
		if (!bytes_u8(b, &next))
			return false;
		*ret = *ret << 8 | next;
	}
	return true;
}

/* ---- keys ------------------------------------------------------------------------------------------------ */
static bool hmac(const uint8_t *key, size_t key_len, const uint8_t *data, size_t len, uint8_t ret[HASH_LEN])
{
	gcry_mac_hd_t h;
	size_t out = HASH_LEN;
	bool ok;

	if (gcry_mac_open(&h, GCRY_MAC_HMAC_SHA256, 0, NULL))
		return false;
	ok = !gcry_mac_setkey(h, key, key_len) && !gcry_mac_write(h, data, len) && !gcry_mac_read(h, ret, &out);
	gcry_mac_close(h);
	return ok;
}

/* HKDF-Expand-Label (RFC 8446 7.1) without context, at most HASH_LEN bytes. */
static bool expand(const uint8_t secret[HASH_LEN], const char *label, uint8_t *ret, size_t len)
{
	uint8_t info[64] = { 0, (uint8_t)len }, out[HASH_LEN];
	size_t n = strlen(label);

	info[2] = (uint8_t)(6 + n);
	memcpy(info + 3, "tls13 ", 6);
	memcpy(info + 9, label, n);
	info[9 + n] = 0;
	info[10 + n] = 1;
	if (!hmac(secret, HASH_LEN, info, 11 + n, out))
		return false;
	memcpy(ret, out, len);
	return true;
}

static bool keys_of(uint32_t version, struct bytes dcid, struct keys *ret)
{
	uint8_t initial[HASH_LEN], client[HASH_LEN];
	bool v2 = is_v2(version);

	return hmac(salt_of(version), 20, dcid.p, bytes_left(&dcid), initial) && expand(initial, "client in", client, sizeof(client)) &&
	       expand(client, v2 ? "quicv2 key" : "quic key", ret->key, KEY_LEN) &&
	       expand(client, v2 ? "quicv2 iv" : "quic iv", ret->nonce, NONCE_LEN) &&
	       expand(client, v2 ? "quicv2 hp" : "quic hp", ret->header, KEY_LEN);
}

static bool header_mask(const struct keys *k, const uint8_t sample[KEY_LEN], uint8_t ret[KEY_LEN])
{
	gcry_cipher_hd_t h;
	bool ok;

	if (gcry_cipher_open(&h, GCRY_CIPHER_AES128, GCRY_CIPHER_MODE_ECB, 0))
		return false;
	ok = !gcry_cipher_setkey(h, k->header, KEY_LEN) && !gcry_cipher_encrypt(h, ret, KEY_LEN, sample, KEY_LEN);
	gcry_cipher_close(h);
	return ok;
}

static bool open_sealed(const struct keys *k, const uint8_t nonce[NONCE_LEN], struct bytes head, struct bytes body, uint8_t *ret)
{
	size_t len = bytes_left(&body) - TAG_LEN;
	gcry_cipher_hd_t h;
	bool ok;

	if (gcry_cipher_open(&h, GCRY_CIPHER_AES128, GCRY_CIPHER_MODE_GCM, 0))
		return false;
	ok = !gcry_cipher_setkey(h, k->key, KEY_LEN) && !gcry_cipher_setiv(h, nonce, NONCE_LEN) &&
	     !gcry_cipher_authenticate(h, head.p, bytes_left(&head)) && !gcry_cipher_decrypt(h, ret, len, body.p, len) &&
	     !gcry_cipher_checktag(h, body.p + len, TAG_LEN);
	gcry_cipher_close(h);
	return ok;
}

/* ---- packets ---------------------------------------------------------------------------------------------- */
/* The next Initial packet of a datagram; others before it are skipped. */
static bool packet_next(struct bytes *b, struct packet *ret)
{
	struct bytes scid, token;
	uint8_t first, len, type;
	uint64_t n;

	for (unsigned i = 0; i < PACKETS_MAX; i++) {
		ret->start = b->p;
		if (!bytes_u8(b, &first) || (first & 0xc0) != 0xc0 || !bytes_be32(b, &ret->version) || !salt_of(ret->version))
			return false;
		if (!bytes_u8(b, &len) || len > CID_MAX || !bytes_take(b, len, &ret->dcid) || !bytes_u8(b, &len) || len > CID_MAX ||
		    !bytes_take(b, len, &scid))
			return false;
		type = (uint8_t)(((first >> 4 & 3) + (is_v2(ret->version) ? 3 : 0)) & 3); /* RFC 9369 3.2: all are one further on */
		if (type == 3) /* Retry */
			return false;
		if (type == 0 && (!varint(b, &n) || !bytes_take(b, n, &token)))
			return false;
		if (!varint(b, &n) || !bytes_take(b, n, &ret->rest))
			return false;
		if (type == 0)
			return true;
	}
	return false;
}

/* Frames in the clear; returns their length, 0: not with these keys. out holds DATAGRAM_MAX bytes. */
static size_t packet_open(const struct packet *p, const struct keys *k, uint8_t *out)
{
	size_t head = (size_t)(p->rest.p - p->start), number_len;
	uint8_t header[DATAGRAM_MAX], mask[KEY_LEN], nonce[NONCE_LEN];
	struct bytes body = p->rest;

	if (bytes_left(&body) < 4 + TAG_LEN || bytes_left(&body) > DATAGRAM_MAX || head + 4 > sizeof(header) ||
	    !header_mask(k, body.p + 4, mask))
		return 0;
	memcpy(header, p->start, head);
	header[0] ^= mask[0] & 0x0f;
	number_len = (header[0] & 3) + 1U;
	memcpy(nonce, k->nonce, NONCE_LEN);
	for (size_t i = 0; i < number_len; i++) {
		header[head + i] = body.p[i] ^ mask[1 + i];
		nonce[NONCE_LEN - number_len + i] ^= header[head + i];
	}
	bytes_skip(&body, number_len);
	if (bytes_left(&body) <= TAG_LEN || !open_sealed(k, nonce, bytes_of(header, head + number_len), body, out))
		return 0;
	return bytes_left(&body) - TAG_LEN;
}

/* ---- frames ------------------------------------------------------------------------------------------------ */
static void assembly_put(struct assembly *a, uint64_t offset, struct bytes data)
{
	uint8_t c;

	while (offset < QUIC_HELLO_MAX && bytes_u8(&data, &c)) {
		if (!a->have[offset]) {
			a->have[offset] = true;
			a->out[offset] = c;
		}
		offset++;
	}
}

static bool skip_ack(struct bytes *b, bool ecn)
{
	uint64_t head[3], v; /* largest, delay, ranges */

	for (unsigned i = 0; i < 3; i++)
		if (!varint(b, &head[i]))
			return false;
	if (head[2] > ACK_RANGES_MAX)
		return false;
	for (uint64_t n = 1 + 2 * head[2] + (ecn ? 3 : 0); n; n--)
		if (!varint(b, &v))
			return false;
	return true;
}

static void frames_read(struct bytes b, struct assembly *a)
{
	struct bytes data;
	uint64_t type, offset, len;

	while (varint(&b, &type)) {
		if (type == FRAME_PADDING || type == FRAME_PING)
			continue;
		if (type == FRAME_ACK || type == FRAME_ACK_ECN) {
			if (!skip_ack(&b, type == FRAME_ACK_ECN))
				return;
		} else if (type != FRAME_CRYPTO || !varint(&b, &offset) || !varint(&b, &len) || !bytes_take(&b, len, &data)) {
			return;
		} else {
			assembly_put(a, offset, data);
		}
	}
}

/* With the keys of the connection's first packet; those after a Retry have their own. */
static void datagram_read(struct bytes b, struct keys *k, bool *have_keys, struct assembly *a)
{
	uint8_t plain[DATAGRAM_MAX];
	struct keys fresh;
	struct packet p;
	size_t len;

	for (unsigned i = 0; i < PACKETS_MAX && packet_next(&b, &p); i++) {
		len = *have_keys ? packet_open(&p, k, plain) : 0;
		if (!len && keys_of(p.version, p.dcid, &fresh) && (len = packet_open(&p, &fresh, plain))) {
			*k = fresh;
			*have_keys = true;
		}
		a->read |= len > 0;
		frames_read(bytes_of(plain, len), a);
	}
}

size_t quic_hello(const struct bytes *datagrams, unsigned count, uint8_t *out, bool *ret_read)
{
	struct assembly a = { .out = out };
	struct keys k = { 0 };
	bool have_keys = false;
	size_t n = 0;

	digest_init();
	for (unsigned i = 0; i < count && i < QUIC_DATAGRAMS_MAX; i++)
		datagram_read(datagrams[i], &k, &have_keys, &a);
	while (n < QUIC_HELLO_MAX && a.have[n])
		n++;
	*ret_read = a.read;
	return n;
}
