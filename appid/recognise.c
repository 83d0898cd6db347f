/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "appid/recognise.h"

#include "appid/dns_answer.h"
#include "appid/text.h"
#include "base/cleanup.h"

static const struct recogniser *recog_at(unsigned i)
{
	return i < recog_text_count ? &recog_text[i] : &recog_binary[i - recog_text_count];
}

static uint64_t starters(uint8_t first)
{
	static uint64_t by_first[256]; /* which recognisers a first byte lets begin; filled at the first call */
	static bool filled;

	if (!filled) {
		for (unsigned c = 0; c < 256; c++)
			for (unsigned i = 0; i < recog_text_count + recog_binary_count; i++) {
				const struct recogniser *r = recog_at(i);

				if (!r->first || memchr(r->first, (int)c, (size_t)r->first_len))
					by_first[c] |= 1ull << i;
			}
		filled = true;
	}
	return by_first[first];
}

static uint8_t server_dir(int server, unsigned self)
{
	return server == RECOG_SERVER_SELF ? (uint8_t)self : server == RECOG_SERVER_OTHER ? (uint8_t)!self : 2;
}

static enum recog run(struct recog_state *s, const struct recog_in *in, unsigned dir, struct recog_found *ret)
{
	enum recog best = RECOG_NO;

	for (uint64_t left = s->alive[dir]; left; left &= left - 1) {
		unsigned i = (unsigned)__builtin_ctzll(left);
		const struct recogniser *r = recog_at(i);
		enum app_id app = r->app;
		int server = RECOG_SERVER_UNKNOWN;
		enum recog found = r->fn(in, &app, &server);

		if (found == RECOG_NO)
			s->alive[dir] &= ~(1ull << i);
		if (found > best) {
			best = found;
			if (found >= RECOG_LIKELY)
				*ret = (struct recog_found){ .app = app, .server_dir = server_dir(server, dir) };
		}
		if (found == RECOG_YES)
			break;
	}
	return best;
}

enum recog recognise_stream(struct recog_state *s, const struct bytes heads[2], const bool whole[2], const uint16_t ports[2],
			    struct recog_found *ret)
{
	enum recog best = RECOG_NO;

	for (unsigned dir = 0; dir < 2 && best < RECOG_YES; dir++) {
		struct recog_in in = { .head = { heads[dir], heads[!dir] },
				       .whole = { whole[dir], whole[!dir] },
				       .port = { ports[dir], ports[!dir] } };
		struct recog_found f = { 0 };
		enum recog r;

		if (!bytes_left(&heads[dir]))
			continue;
		if (!s->begun[dir]) {
			s->begun[dir] = true;
			s->alive[dir] = starters(*heads[dir].p);
		}
		r = run(s, &in, dir, &f);
		if (r > best) {
			best = r;
			if (r >= RECOG_LIKELY)
				*ret = f;
		}
	}
	return best;
}

/* ---- datagrams ----------------------------------------------------------------------------------- */
static enum recog dns_udp(unsigned dir, struct bytes b, bool cut, const uint16_t ports[2], struct recog_found *ret)
{
	struct dns_message m;
	enum dns_verdict v = dns_message_parse(b, cut, &m);
	enum app_id app = APP_UNKNOWN;

	for (unsigned e = 0; e < 2; e++)
		app = ports[e] == 53 ? APP_DNS : ports[e] == 5353 ? APP_MDNS : ports[e] == 5355 ? APP_LLMNR : app;
	if (v == DNS_NO || (v == DNS_WEAK && app == APP_UNKNOWN))
		return RECOG_NO;
	if (app == APP_UNKNOWN && m.name[0] == '.' && !m.response)
		return RECOG_NO; /* too little in it */
	*ret = (struct recog_found){ .app = app == APP_UNKNOWN ? APP_DNS : app,
				     .server_dir = m.response ? (uint8_t)dir : (uint8_t)!dir };
	return RECOG_YES;
}

/* NTP (RFC 5905): only on its port; the format alone proves little. */
static enum recog ntp(unsigned dir, struct bytes b, const uint16_t ports[2], struct recog_found *ret)
{
	uint8_t version, mode;

	if ((ports[0] != 123 && ports[1] != 123) || bytes_left(&b) < 12)
		return RECOG_NO;
	version = b.p[0] >> 3 & 7;
	mode = b.p[0] & 7;
	if (version < 1 || version > 4 || !mode || (mode <= 5 && bytes_left(&b) < 48))
		return RECOG_NO;
	*ret = (struct recog_found){ .app = APP_NTP, .server_dir = mode == 3 ? !dir : mode == 4 ? (uint8_t)dir : 2 };
	return RECOG_YES;
}

/* VXLAN (RFC 7348): flags with only I, reserved bytes zero, an Ethernet frame inside. */
static enum recog vxlan(struct bytes b, const uint16_t ports[2], struct recog_found *ret)
{
	if ((ports[0] != 4789 && ports[1] != 4789 && ports[0] != 8472 && ports[1] != 8472) || bytes_left(&b) < 8 + 14)
		return RECOG_NO;
	if (b.p[0] != 0x08 || be24_at(b.p + 1) || b.p[7])
		return RECOG_NO;
	*ret = (struct recog_found){ .app = APP_VXLAN, .server_dir = 2 };
	return RECOG_YES;
}

static bool word_end(struct bytes *b, struct bytes *ret_word)
{
	const uint8_t *nul = memchr(b->p, 0, bytes_left(b));

	return nul && bytes_take(b, (size_t)(nul - b->p), ret_word) && bytes_skip(b, 1);
}

/* TFTP (RFC 1350 5): a request for a file, its name, its mode. The answers come from another port. */
static enum recog tftp(unsigned dir, struct bytes b, struct recog_found *ret)
{
	struct bytes name, mode;
	uint16_t opcode;

	if (!bytes_be16(&b, &opcode) || (opcode != 1 && opcode != 2) || !word_end(&b, &name) || !word_end(&b, &mode))
		return RECOG_NO;
	if (!bytes_left(&name) || !text_is_printable(name) || (bytes_left(&mode) != 5 && bytes_left(&mode) != 8))
		return RECOG_NO;
	if (!text_starts_nocase(mode, bytes_left(&mode) == 5 ? "octet" : "netascii"))
		return RECOG_NO;
	*ret = (struct recog_found){ .app = APP_TFTP, .server_dir = (uint8_t)!dir };
	return RECOG_YES;
}

enum recog recognise_datagram(unsigned dir, struct bytes b, bool cut, const uint16_t ports[2], struct recog_found *ret)
{
	enum recog r = ntp(dir, b, ports, ret);

	if (r == RECOG_NO)
		r = vxlan(b, ports, ret);
	if (r == RECOG_NO)
		r = tftp(dir, b, ret);
	if (r == RECOG_NO)
		r = dns_udp(dir, b, cut, ports, ret);
	return r;
}

static bool quic_version_known(uint32_t v)
{
	return v == 1 || v == 0x6b3343cf /* 2, RFC 9369 */ || (v >= 0xff000017 && v <= 0xff000022) /* drafts */ ||
	       v >> 8 == 0xfaceb0 /* Facebook */ || (v >= 0x51303433 && v <= 0x51303530) /* Q043 … Q050 */ ||
	       v >> 8 == 0x543035 /* T05x */;
}

enum recog recognise_quic(unsigned dir, struct bytes b, struct recog_found *ret)
{
	uint8_t first, dcid, scid;
	uint32_t version;

	if (bytes_left(&b) < 64 || !bytes_u8(&b, &first) || (first & 0x80) == 0 || !bytes_be32(&b, &version) ||
	    !quic_version_known(version) || !bytes_u8(&b, &dcid))
		return RECOG_NO;
	if (version >> 24 != 0x51 && (!(first & 0x40) || dcid > 20 || !bytes_skip(&b, dcid) || !bytes_u8(&b, &scid) || scid > 20))
		return RECOG_NO;
	*ret = (struct recog_found){ .app = APP_QUIC, .server_dir = (first & 0x30) == 0 && dcid >= 8 ? !dir : 2 };
	return RECOG_YES;
}
