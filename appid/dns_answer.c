/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "appid/dns_answer.h"

#include "appid/text.h"

enum { TYPE_OPT = 41, CLASS_IN = 1, CLASS_ANY = 255, CACHE_FLUSH = 0x8000 };

struct dns_in {
	const uint8_t *start, *end;
};

static bool label_char_plain(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '*' || c == '/' || c == '+';
}

static size_t name_put(char *out, size_t n, uint8_t c)
{
	static const char hex[] = "0123456789abcdef";

	if (c >= 'A' && c <= 'Z')
		c = (uint8_t)(c + 32);
	if (label_char_plain(c)) {
		if (n + 1 < DNS_NAME_MAX)
			out[n++] = (char)c;
	} else if (n + 4 < DNS_NAME_MAX) {
		out[n++] = '\\';
		out[n++] = 'x';
		out[n++] = hex[c >> 4];
		out[n++] = hex[c & 15];
	}
	return n;
}

/* Reads a name at *at, follows pointers (each must point before the place it stands at, so this ends), moves *at behind it.
 * out: DNS_NAME_MAX bytes, or NULL. False: no valid name. */
static bool read_name(const struct dns_in *in, const uint8_t **at, char *out)
{
	const uint8_t *p = *at, *after = NULL, *limit = in->end;
	size_t n = 0, wire = 0;

	for (;;) {
		uint8_t len;

		if (p >= limit)
			return false;
		len = *p;
		if (len >= 0xc0) {
			const uint8_t *to;

			if (in->end - p < 2)
				return false;
			to = in->start + (be16_at(p) & 0x3fff);
			if (!after)
				after = p + 2;
			if (to >= p || to < in->start + 12)
				return false;
			limit = p;
			p = to;
			continue;
		}
		if (len > 63)
			return false;
		p++;
		if (!len)
			break;
		wire += (size_t)len + 1;
		if (wire > 254 || limit - p < len)
			return false;
		if (out && n && n + 1 < DNS_NAME_MAX)
			out[n++] = '.';
		for (unsigned i = 0; i < len && out; i++)
			n = name_put(out, n, p[i]);
		p += len;
	}
	if (out) {
		if (!n)
			out[n++] = '.';
		out[n] = '\0';
	}
	*at = after ? after : p;
	return true;
}

struct rr {
	char owner[DNS_NAME_MAX];
	uint16_t type, class;
	uint32_t ttl_s;
	const uint8_t *data;
	uint16_t len;
};

static bool read_rr(const struct dns_in *in, const uint8_t **at, struct rr *rr)
{
	const uint8_t *p = *at;

	if (!read_name(in, &p, rr->owner) || in->end - p < 10)
		return false;
	rr->type = be16_at(p);
	rr->class = be16_at(p + 2);
	rr->ttl_s = be32_at(p + 4);
	rr->len = be16_at(p + 8);
	rr->data = p + 10;
	if (in->end - rr->data < rr->len)
		return false;
	*at = rr->data + rr->len;
	return true;
}

static void keep_address(struct dns_message *m, const struct rr *rr, uint32_t chain_ttl_s)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	struct dns_address *a;

	if (m->address_count == DNS_ADDRESSES_MAX) {
		m->address_more++;
		return;
	}
	a = &m->addresses[m->address_count++];
	a->ttl_s = rr->ttl_s < chain_ttl_s ? rr->ttl_s : chain_ttl_s;
	if (rr->type == DNS_TYPE_A) {
		memcpy(a->addr, mapped, 12);
		memcpy(a->addr + 12, rr->data, 4);
	} else {
		memcpy(a->addr, rr->data, 16);
	}
}

/* The answer section. The chain is followed in the order that servers write it; a record whose owner is not the question or
 * the last alias says nothing about the question and is passed over. */
static bool read_answers(const struct dns_in *in, const uint8_t **at, struct dns_message *m, bool *ret_odd)
{
	uint32_t chain_ttl_s = UINT32_MAX;

	for (unsigned i = 0; i < m->answers; i++) {
		struct rr rr;

		if (!read_rr(in, at, &rr))
			return false;
		if ((rr.class & ~CACHE_FLUSH) != CLASS_IN) {
			*ret_odd = true;
			continue;
		}
		if (strcmp(rr.owner, m->last_name) && strcmp(rr.owner, m->name))
			continue;
		if (rr.type == DNS_TYPE_CNAME) {
			const uint8_t *p = rr.data;

			if (!read_name(in, &p, m->last_name))
				return false;
			if (rr.ttl_s < chain_ttl_s)
				chain_ttl_s = rr.ttl_s;
		} else if ((rr.type == DNS_TYPE_A && rr.len == 4) || (rr.type == DNS_TYPE_AAAA && rr.len == 16)) {
			keep_address(m, &rr, chain_ttl_s);
		}
	}
	return true;
}

static bool skip_rrs(const struct dns_in *in, const uint8_t **at, unsigned count, bool *ret_odd)
{
	for (unsigned i = 0; i < count; i++) {
		struct rr rr;

		if (!read_rr(in, at, &rr))
			return false;
		if (rr.type != TYPE_OPT && (rr.class & ~CACHE_FLUSH) != CLASS_IN && rr.class != CLASS_ANY && rr.class != 254)
			*ret_odd = true;
	}
	return true;
}

static bool read_questions(const struct dns_in *in, const uint8_t **at, struct dns_message *m, bool *ret_odd)
{
	for (unsigned i = 0; i < m->questions; i++) {
		uint16_t class;

		if (!read_name(in, at, i ? NULL : m->name) || in->end - *at < 4)
			return false;
		if (!i)
			m->qtype = be16_at(*at);
		class = be16_at(*at + 2) & (uint16_t)~CACHE_FLUSH;
		if ((class != CLASS_IN && class != CLASS_ANY) || !be16_at(*at))
			*ret_odd = true;
		*at += 4;
	}
	memcpy(m->last_name, m->name, sizeof(m->last_name));
	return true;
}

static bool header_plausible(const struct dns_message *m, uint16_t flags, uint16_t ns, uint16_t ar)
{
	if (m->opcode > 5 || m->opcode == 3 || m->questions > 32 || (flags & 0x40) /* Z */)
		return false;
	if (!m->questions && !m->answers && !ns && !m->rcode)
		return false;
	/* queries: known answers of mDNS, updates of RFC 2136 have more; ours on any port are the plain ones */
	return m->answers < 512 && ns < 512 && ar < 512;
}

enum dns_verdict dns_message_parse(struct bytes b, bool cut, struct dns_message *ret)
{
	const struct dns_in in = { b.p, b.end };
	const uint8_t *p = b.p + 12;
	uint16_t flags, ns, ar;
	bool odd = false, whole;

	memset(ret, 0, offsetof(struct dns_message, addresses));
	if (bytes_left(&b) < 12)
		return DNS_NO;
	ret->id = be16_at(b.p);
	flags = be16_at(b.p + 2);
	ret->response = flags >> 15;
	ret->opcode = flags >> 11 & 15;
	ret->rcode = flags & 15;
	ret->questions = be16_at(b.p + 4);
	ret->answers = be16_at(b.p + 6);
	ns = be16_at(b.p + 8);
	ar = be16_at(b.p + 10);
	if (!header_plausible(ret, flags, ns, ar))
		return DNS_NO;
	if (!read_questions(&in, &p, ret, &odd))
		return cut && ret->name[0] ? DNS_WEAK : DNS_NO;
	whole = read_answers(&in, &p, ret, &odd) && skip_rrs(&in, &p, ns, &odd) && skip_rrs(&in, &p, ar, &odd);
	ret->cut = !whole;
	if (!whole && !cut)
		return ret->response && (flags & 0x200) /* TC */ ? DNS_WEAK : DNS_NO;
	if (!whole || odd || p != in.end || ret->questions != 1 || ret->opcode)
		return DNS_WEAK;
	if (!ret->response && (ret->answers || ns || ar > 2 || ret->rcode || (flags & 0x0680)))
		return DNS_WEAK;
	return DNS_STRICT;
}
