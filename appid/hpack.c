/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "appid/hpack.h"

#include "base/cleanup.h"

/* RFC 7541 appendix B: the code is canonical, so the lengths say it all. Symbol 256 is the end of the string. */
static const uint8_t code_length[257] = {
	13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
	6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
	13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
	15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
	20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
	22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
	26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
	20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
	30,
};

enum { CODE_MAX = 30, SYMBOL_END = 256 };

/* Symbols in order of their codes, and for each length the first code and where its symbols begin. */
struct codes {
	bool made;
	uint16_t symbol[257], at[CODE_MAX + 2];
	uint32_t first[CODE_MAX + 2];
};

static const struct codes *codes_get(void)
{
	static struct codes c; /* filled at the first call */
	uint32_t code = 0;
	unsigned n = 0;

	if (c.made)
		return &c;
	for (unsigned len = 1; len <= CODE_MAX; len++) {
		code <<= 1;
		c.first[len] = code;
		c.at[len] = (uint16_t)n;
		for (unsigned s = 0; s < ARRAY_SIZE(code_length); s++)
			if (code_length[s] == len) {
				c.symbol[n++] = (uint16_t)s;
				code++;
			}
	}
	c.at[CODE_MAX + 1] = (uint16_t)n;
	c.made = true;
	return &c;
}

int hpack_huffman(struct bytes b, char *out, size_t size)
{
	const struct codes *c = codes_get();
	uint32_t code = 0;
	unsigned len = 0;
	size_t n = 0;

	for (; b.p < b.end; b.p++)
		for (int bit = 7; bit >= 0; bit--) {
			code = code << 1 | (*b.p >> bit & 1);
			if (++len > CODE_MAX)
				return -1;
			if (code - c->first[len] >= (uint32_t)(c->at[len + 1] - c->at[len]))
				continue;
			if (c->symbol[c->at[len] + code - c->first[len]] == SYMBOL_END)
				return -1;
			if (n + 1 < size)
				out[n++] = (char)c->symbol[c->at[len] + code - c->first[len]];
			code = len = 0;
		}
	/* what is left is padding: the first bits of the end symbol, all ones, less than a byte */
	if (len > 7 || code != (1u << len) - 1)
		return -1;
	out[n] = '\0';
	return (int)n;
}

/* RFC 7541 appendix A. */
static const struct {
	const char *name, *value;
} static_table[] = {
	{ ":authority", "" }, { ":method", "GET" }, { ":method", "POST" }, { ":path", "/" }, { ":path", "/index.html" },
	{ ":scheme", "http" }, { ":scheme", "https" }, { ":status", "200" }, { ":status", "204" }, { ":status", "206" },
	{ ":status", "304" }, { ":status", "400" }, { ":status", "404" }, { ":status", "500" }, { "accept-charset", "" },
	{ "accept-encoding", "gzip, deflate" }, { "accept-language", "" }, { "accept-ranges", "" }, { "accept", "" },
	{ "access-control-allow-origin", "" }, { "age", "" }, { "allow", "" }, { "authorization", "" }, { "cache-control", "" },
	{ "content-disposition", "" }, { "content-encoding", "" }, { "content-language", "" }, { "content-length", "" },
	{ "content-location", "" }, { "content-range", "" }, { "content-type", "" }, { "cookie", "" }, { "date", "" }, { "etag", "" },
	{ "expect", "" }, { "expires", "" }, { "from", "" }, { "host", "" }, { "if-match", "" }, { "if-modified-since", "" },
	{ "if-none-match", "" }, { "if-range", "" }, { "if-unmodified-since", "" }, { "last-modified", "" }, { "link", "" },
	{ "location", "" }, { "max-forwards", "" }, { "proxy-authenticate", "" }, { "proxy-authorization", "" }, { "range", "" },
	{ "referer", "" }, { "refresh", "" }, { "retry-after", "" }, { "server", "" }, { "set-cookie", "" },
	{ "strict-transport-security", "" }, { "transfer-encoding", "" }, { "user-agent", "" }, { "vary", "" }, { "via", "" },
	{ "www-authenticate", "" },
};

/* What a step of reading comes to. */
enum step { STEP_OK, STEP_SHORT, STEP_BAD };

/* RFC 7541 5.1: an integer whose first byte has `prefix` bits of it. */
static enum step integer(struct bytes *b, unsigned prefix, uint32_t *ret)
{
	uint32_t max = (1u << prefix) - 1, v;
	uint8_t c;

	if (!bytes_u8(b, &c))
		return STEP_SHORT;
	v = c & max;
	for (unsigned shift = 0; v >= max; shift += 7) {
		if (!bytes_u8(b, &c))
			return STEP_SHORT;
		if (shift > 14)
			return STEP_BAD; /* nothing in a first block is so long */
		v += (uint32_t)(c & 0x7f) << shift;
		if (!(c & 0x80))
			break;
	}
	*ret = v;
	return STEP_OK;
}

/* RFC 7541 5.2 */
static enum step string(struct bytes *b, char *out, size_t size, size_t *ret_len)
{
	bool huffman = bytes_left(b) && *b->p & 0x80;
	struct bytes s;
	uint32_t len;
	enum step r = integer(b, 7, &len);
	int n;

	if (r != STEP_OK)
		return r;
	if (!bytes_take(b, len, &s))
		return STEP_SHORT;
	if (huffman) {
		n = hpack_huffman(s, out, size);
		if (n < 0)
			return STEP_BAD;
		*ret_len = (size_t)n;
		return STEP_OK;
	}
	*ret_len = len < size ? len : size - 1;
	memcpy(out, s.p, *ret_len);
	out[*ret_len] = '\0';
	return STEP_OK;
}

static void put(char *out, size_t size, const char *s, size_t *ret_len)
{
	size_t n = strlen(s);

	*ret_len = n < size ? n : size - 1;
	memcpy(out, s, *ret_len);
	out[*ret_len] = '\0';
}

static enum step literal(struct bytes *b, unsigned prefix, struct hpack_field *f)
{
	uint32_t index;
	size_t len;
	enum step r = integer(b, prefix, &index);

	if (r != STEP_OK)
		return r;
	if (!index) {
		r = string(b, f->name, sizeof(f->name), &len);
		if (r != STEP_OK)
			return r;
	} else if (index <= ARRAY_SIZE(static_table)) {
		put(f->name, sizeof(f->name), static_table[index - 1].name, &len);
	}
	return string(b, f->value, sizeof(f->value), &f->value_len);
}

static enum step field(struct bytes *b, struct hpack_field *f)
{
	uint32_t index;
	size_t len;
	enum step r;

	f->name[0] = f->value[0] = '\0';
	f->value_len = 0;
	if (*b->p & 0x80) { /* 6.1 indexed */
		r = integer(b, 7, &index);
		if (r != STEP_OK || !index)
			return r == STEP_OK ? STEP_BAD : r;
		if (index <= ARRAY_SIZE(static_table)) {
			put(f->name, sizeof(f->name), static_table[index - 1].name, &len);
			put(f->value, sizeof(f->value), static_table[index - 1].value, &f->value_len);
		}
		return STEP_OK;
	}
	if (*b->p & 0x40) /* 6.2.1 */
		return literal(b, 6, f);
	if (*b->p & 0x20) /* 6.3 size of the dynamic table: no field */
		return integer(b, 5, &index);
	return literal(b, 4, f); /* 6.2.2, 6.2.3 */
}

enum hpack_result hpack_next(struct bytes *b, struct hpack_field *ret)
{
	struct bytes rest = *b;

	if (!bytes_left(&rest))
		return HPACK_END;
	switch (field(&rest, ret)) {
	case STEP_OK:
		*b = rest;
		return HPACK_FIELD;
	case STEP_SHORT:
		return HPACK_END;
	case STEP_BAD:
		break;
	}
	return HPACK_BAD;
}
