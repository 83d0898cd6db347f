/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "appid/http2_head.h"

#include "appid/hpack.h"
#include "appid/text.h"
#include "base/cleanup.h"

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"; /* RFC 9113 3.4 */

enum { /* RFC 9113 6 */
	FRAME_DATA,
	FRAME_HEADERS,
	FRAME_PRIORITY,
	FRAME_RST_STREAM,
	FRAME_SETTINGS,
	FRAME_PUSH_PROMISE,
	FRAME_PING,
	FRAME_GOAWAY,
	FRAME_WINDOW_UPDATE,
	FRAME_CONTINUATION,
};
enum { FLAG_ACK = 1, FLAG_END_HEADERS = 4, FLAG_PADDED = 8, FLAG_PRIORITY = 32 };
enum { FRAMES_MAX = 16, BLOCK_MAX = 2048, FRAME_LEN_MAX = 1 << 20 };

struct frame {
	uint8_t type, flags;
	uint32_t len, stream;
	struct bytes body; /* what is there of it */
};

int http2_preface(struct bytes b)
{
	return text_starts(b, preface) ? 1 : text_may_start(b, preface) ? 0 : -1;
}

static bool frame_fits(const struct frame *f)
{
	if (f->len > FRAME_LEN_MAX)
		return false;
	switch (f->type) {
	case FRAME_SETTINGS:
		return !f->stream && f->len % 6 == 0 && f->len <= 120 && (f->flags & FLAG_ACK ? !f->len && f->flags == FLAG_ACK : !f->flags);
	case FRAME_PING:
		return !f->stream && f->len == 8;
	case FRAME_WINDOW_UPDATE:
		return f->len == 4;
	case FRAME_GOAWAY:
		return !f->stream && f->len >= 8;
	case FRAME_PRIORITY:
		return f->stream && f->len == 5;
	case FRAME_RST_STREAM:
		return f->stream && f->len == 4;
	case FRAME_HEADERS:
	case FRAME_DATA:
	case FRAME_CONTINUATION:
	case FRAME_PUSH_PROMISE:
		return f->stream;
	}
	return true; /* types of extensions are to be ignored (5.5) */
}

/* 1: a frame header, and what is there of its body; 0: too short; -1: none. */
static int frame_read(struct bytes *b, struct frame *ret)
{
	struct bytes r = *b;

	if (bytes_left(&r) < 9)
		return 0;
	ret->len = be24_at(r.p);
	ret->type = r.p[3];
	ret->flags = r.p[4];
	ret->stream = be32_at(r.p + 5) & 0x7fffffff;
	r.p += 9;
	if (!frame_fits(ret))
		return -1;
	if (!bytes_take(&r, ret->len, &ret->body)) {
		ret->body = r;
		r.p = r.end;
	}
	*b = r;
	return 1;
}

int http2_server_probe(struct bytes b)
{
	static const uint8_t zero[4];
	size_t left = bytes_left(&b);
	struct frame f;
	int n = 0, r = 0;

	/* SETTINGS: 00 00 len 04 00 00000000 */
	if ((left > 0 && b.p[0]) || (left > 1 && b.p[1]) || (left > 2 && (b.p[2] % 6 || b.p[2] > 120)) || (left > 3 && b.p[3] != FRAME_SETTINGS) ||
	    (left > 4 && b.p[4]) || (left > 5 && memcmp(b.p + 5, zero, left - 5 < 4 ? left - 5 : 4)))
		return -1;
	/* Two frames decide, so that what comes after them changes nothing. */
	while (n < 2 && bytes_left(&b) && (r = frame_read(&b, &f)) > 0) {
		struct bytes s = f.body;
		uint16_t id;

		while (!n && bytes_be16(&s, &id) && bytes_skip(&s, 4))
			if (!id || (id > 9 && id < 0x1000 && (id & 0x0f0f) != 0x0a0a && id != 16))
				return -1;
		if (f.type > FRAME_CONTINUATION + 3)
			return -1;
		n++;
	}
	return r < 0 && n < 2 ? -1 : n;
}

static void keep(char *out, size_t size, const struct hpack_field *f)
{
	size_t n = f->value_len < size ? f->value_len : size - 1;

	if (out[0])
		return;
	memcpy(out, f->value, n);
	out[n] = '\0';
}

static void field(struct http2_head *h, const struct hpack_field *f)
{
	const struct {
		const char *name;
		char *out;
		size_t size;
	} fields[] = {
		{ ":method", h->method, sizeof(h->method) },
		{ ":path", h->path, sizeof(h->path) },
		{ ":authority", h->authority, sizeof(h->authority) },
		{ "host", h->authority, sizeof(h->authority) },
		{ ":status", h->status, sizeof(h->status) },
		{ "content-type", h->content_type, sizeof(h->content_type) },
		{ "user-agent", h->user_agent, sizeof(h->user_agent) },
		{ "server", h->server, sizeof(h->server) },
	};

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (!strcmp(fields[i].name, f->name))
			keep(fields[i].out, fields[i].size, f);
}

static void block_read(struct bytes b, bool whole, struct http2_head *h)
{
	struct hpack_field f;
	enum hpack_result r;

	while ((r = hpack_next(&b, &f)) == HPACK_FIELD)
		field(h, &f);
	h->bad |= r == HPACK_BAD;
	h->complete = r == HPACK_BAD || whole;
}

/* The body of a HEADERS frame without padding and priority. */
static struct bytes headers_body(const struct frame *f)
{
	struct bytes b = f->body;
	bool whole = bytes_left(&b) == f->len;
	uint8_t pad = 0;

	if (f->flags & FLAG_PADDED && !bytes_u8(&b, &pad))
		return b;
	if (f->flags & FLAG_PRIORITY && !bytes_skip(&b, 5))
		return bytes_of(b.end, 0);
	if (whole && pad <= bytes_left(&b))
		b.end -= pad;
	return b;
}

void http2_head_parse(struct bytes b, struct http2_head *ret)
{
	uint8_t block[BLOCK_MAX];
	size_t n = 0;
	struct frame f;
	bool whole = false;
	int r = 0;

	memset(ret, 0, sizeof(*ret));
	ret->client = http2_preface(b) > 0;
	if (ret->client)
		b.p += strlen(preface);
	while (!whole && ret->frames < FRAMES_MAX && (r = frame_read(&b, &f)) > 0) {
		struct bytes part = headers_body(&f);
		bool all = bytes_left(&f.body) == f.len;
		size_t len = bytes_left(&part);

		ret->frames++;
		if (f.type != FRAME_HEADERS && !(ret->headers && f.type == FRAME_CONTINUATION)) {
			if (ret->headers) /* nothing may stand between (4.3) */
				break;
			continue;
		}
		if (f.type == FRAME_CONTINUATION) {
			part = f.body;
			len = bytes_left(&part);
		}
		ret->headers = true;
		if (len > sizeof(block) - n)
			len = sizeof(block) - n;
		memcpy(block + n, part.p, len);
		n += len;
		whole = all && f.flags & FLAG_END_HEADERS;
	}
	ret->bad = r < 0;
	if (ret->headers)
		block_read(bytes_of(block, n), whole, ret);
	ret->complete |= ret->bad || ret->frames == FRAMES_MAX;
}
