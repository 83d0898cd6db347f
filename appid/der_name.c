/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "appid/der_name.h"

#include "appid/text.h"
#include "base/cleanup.h"

enum { DER_INTEGER = 0x02, DER_OID = 0x06, DER_BMP = 0x1e, DER_SEQUENCE = 0x30, DER_SET = 0x31, DER_CONTEXT_0 = 0xa0 };

/* One element: its tag, and its content as far as it is there. *ret_whole: all of it is. False: no element. */
static bool element(struct bytes *b, uint8_t *ret_tag, struct bytes *ret, bool *ret_whole)
{
	uint8_t tag, n;
	uint32_t len = 0;
	struct bytes r = *b;

	if (!bytes_u8(&r, &tag) || (tag & 0x1f) == 0x1f || !bytes_u8(&r, &n))
		return false;
	if (n < 0x80) {
		len = n;
	} else {
		if (n == 0x80 || n > 0x83) /* indefinite is not DER; a name does not need 16 MB */
			return false;
		for (n &= 0x7f; n; n--) {
			uint8_t c;

			if (!bytes_u8(&r, &c))
				return false;
			len = len << 8 | c;
		}
	}
	*ret_tag = tag;
	*ret_whole = bytes_take(&r, len, ret);
	if (!*ret_whole) {
		*ret = r;
		r.p = r.end;
	}
	*b = r;
	return true;
}

/* An element of that tag. */
static bool expect(struct bytes *b, uint8_t tag, struct bytes *ret, bool *ret_whole)
{
	uint8_t t;

	return element(b, &t, ret, ret_whole) && t == tag;
}

/* RFC 4514 3, and the two of RFC 2985 and 4519 that are common. */
static const char *attribute_name(struct bytes oid)
{
	static const struct {
		uint8_t len;
		const char *oid, *name;
	} names[] = {
		{ 3, "\x55\x04\x03", "CN" }, { 3, "\x55\x04\x06", "C" },  { 3, "\x55\x04\x07", "L" },
		{ 3, "\x55\x04\x08", "ST" }, { 3, "\x55\x04\x0a", "O" },  { 3, "\x55\x04\x0b", "OU" },
		{ 10, "\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x19", "DC" }, { 9, "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01", "E" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (bytes_left(&oid) == names[i].len && !memcmp(oid.p, names[i].oid, names[i].len))
			return names[i].name;
	return NULL;
}

static void attribute_put(const char *name, uint8_t tag, struct bytes value, char *out)
{
	uint8_t low[64];
	size_t n = 0;

	if (out[0])
		text_append_str(out, DER_NAME_MAX, ",");
	text_append_str(out, DER_NAME_MAX, name);
	text_append_str(out, DER_NAME_MAX, "=");
	if (tag != DER_BMP) {
		text_append(out, DER_NAME_MAX, value.p, bytes_left(&value) < 64 ? bytes_left(&value) : 64);
		return;
	}
	for (; bytes_left(&value) >= 2 && n < sizeof(low); value.p += 2) /* UTF-16: what is Latin in it */
		low[n++] = value.p[0] ? '?' : value.p[1];
	text_append(out, DER_NAME_MAX, low, n);
}

/* Name ::= SEQUENCE OF SET OF SEQUENCE { OID, string } */
static void name_read(struct bytes b, char *out)
{
	struct bytes set, pair, oid, value;
	bool whole;
	uint8_t tag;

	while (expect(&b, DER_SET, &set, &whole) && whole)
		while (expect(&set, DER_SEQUENCE, &pair, &whole) && whole) {
			const char *name;

			if (!expect(&pair, DER_OID, &oid, &whole) || !whole || !element(&pair, &tag, &value, &whole) || !whole)
				return;
			name = attribute_name(oid);
			if (name)
				attribute_put(name, tag, value, out);
		}
}

bool der_names_read(struct bytes cert, struct der_names *ret)
{
	struct bytes b = cert, tbs, part;
	uint8_t tag;
	bool whole;

	memset(ret, 0, sizeof(*ret));
	/* Certificate { TBSCertificate { [0] version, serial, algorithm, issuer, validity, subject, … */
	if (!expect(&b, DER_SEQUENCE, &tbs, &whole) || !expect(&tbs, DER_SEQUENCE, &b, &whole))
		return false;
	if (bytes_left(&b) && *b.p == DER_CONTEXT_0 && !element(&b, &tag, &part, &whole))
		return false;
	if (!expect(&b, DER_INTEGER, &part, &whole) || !expect(&b, DER_SEQUENCE, &part, &whole) ||
	    !expect(&b, DER_SEQUENCE, &part, &whole))
		return false;
	if (whole) {
		ret->has_issuer = true;
		name_read(part, ret->issuer);
	}
	if (!expect(&b, DER_SEQUENCE, &part, &whole)) /* validity */
		return ret->has_issuer;
	if (!expect(&b, DER_SEQUENCE, &part, &whole))
		return ret->has_issuer;
	if (whole) {
		ret->has_subject = true;
		name_read(part, ret->subject);
	}
	return true;
}
