/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "appid/http_head.h"

#include "appid/text.h"
#include "base/cleanup.h"

/* RFC 9110 section 9, RFC 5789, RFC 4918 (WebDAV), RFC 3253, and what proxies, UPnP and caches add. */
static const char *const methods[] = {
	"GET",	  "POST",  "HEAD", "PUT",  "DELETE", "OPTIONS", "CONNECT", "TRACE",  "PATCH",	"PROPFIND", "PROPPATCH",
	"MKCOL",  "COPY",  "MOVE", "LOCK", "UNLOCK", "REPORT",	"SEARCH",  "MERGE",  "PURGE",	"CHECKOUT", "MKACTIVITY",
	"NOTIFY", "SUBSCRIBE", "UNSUBSCRIBE", "M-SEARCH", "LIST", "LINK", "UNLINK", "VIEW", "BAN", "RPC_IN_DATA",
	"RPC_OUT_DATA",
};

#define LINE_ENOUGH 900 /* a request line that is still open after so many bytes of what fits is taken as one */

static bool method_known(struct bytes m, bool may_grow)
{
	if (!bytes_left(&m))
		return may_grow;
	for (size_t i = 0; i < ARRAY_SIZE(methods); i++)
		if (*methods[i] != (char)*m.p)
			continue;
		else if (may_grow ? text_may_start(m, methods[i]) && bytes_left(&m) <= strlen(methods[i]) :
			       text_starts(m, methods[i]) && bytes_left(&m) == strlen(methods[i]))
			return true;
	return false;
}

static bool target_char(uint8_t c)
{
	return c > 0x20 && c != 0x7f; /* raw UTF-8 and worse are sent by real clients and attackers */
}

static enum http_kind probe_response(struct bytes b, bool whole)
{
	/* "HTTP/1.x NNN", also "HTTP/0.9 200" and the "ICY" of no standard are not ours */
	static const char start[] = "HTTP/1.";
	size_t left = bytes_left(&b);

	if (!text_may_start(b, start))
		return HTTP_NOT;
	if (left < 12)
		return whole ? HTTP_NOT : HTTP_MORE;
	if ((b.p[7] != '0' && b.p[7] != '1') || b.p[8] != ' ' || b.p[9] < '1' || b.p[9] > '9' || b.p[10] < '0' ||
	    b.p[10] > '9' || b.p[11] < '0' || b.p[11] > '9')
		return HTTP_NOT;
	return HTTP_RESPONSE;
}

/* Splits "METHOD SP target SP version" as far as it is there. */
static bool split_request(struct bytes line, struct bytes *ret_method, struct bytes *ret_target, struct bytes *ret_version)
{
	const uint8_t *sp = memchr(line.p, ' ', bytes_left(&line)), *end;

	if (!sp)
		return false;
	*ret_method = (struct bytes){ line.p, sp };
	for (end = sp + 1; end < line.end && target_char(*end); end++)
		;
	*ret_target = (struct bytes){ sp + 1, end };
	*ret_version = bytes_of(line.end, 0);
	if (end < line.end) {
		if (*end != ' ')
			return false;
		while (end < line.end && *end == ' ')
			end++;
		*ret_version = (struct bytes){ end, line.end };
	}
	return true;
}

static bool version_fits(struct bytes v, bool ended)
{
	static const char start[] = "HTTP/1.";
	size_t left = bytes_left(&v);

	if (!text_may_start(v, start))
		return false;
	if (left < 8)
		return !ended;
	return v.p[7] == '0' || v.p[7] == '1'; /* what stands behind it is the server's trouble */
}

static enum http_kind probe_request(struct bytes b, bool whole)
{
	struct bytes rest = b, line, method, target, version;
	bool ended = text_line(&rest, &line);

	if (!ended)
		line = b;
	if (!memchr(line.p, ' ', bytes_left(&line)))
		return !ended && !whole && method_known(line, true) ? HTTP_MORE : HTTP_NOT;
	if (!split_request(line, &method, &target, &version) || !method_known(method, false))
		return HTTP_NOT;
	if (bytes_left(&target) >= LINE_ENOUGH && *target.p == '/')
		return HTTP_REQUEST;
	if (ended)
		return bytes_left(&target) && bytes_left(&version) && version_fits(version, true) ? HTTP_REQUEST : HTTP_NOT;
	if (bytes_left(&version) && (!bytes_left(&target) || !version_fits(version, false)))
		return HTTP_NOT;
	if (bytes_left(&version) >= 8)
		return HTTP_REQUEST;
	if (!whole)
		return HTTP_MORE;
	return bytes_left(&target) >= 4 && *target.p == '/' ? HTTP_CUT : HTTP_NOT;
}

enum http_kind http_head_probe(struct bytes b, bool whole)
{
	enum http_kind k;

	if (!bytes_left(&b))
		return whole ? HTTP_NOT : HTTP_MORE;
	k = probe_response(b, whole);
	return k == HTTP_NOT ? probe_request(b, whole) : k;
}

static struct bytes trim(struct bytes b)
{
	while (bytes_left(&b) && (*b.p == ' ' || *b.p == '\t'))
		b.p++;
	while (bytes_left(&b) && (b.end[-1] == ' ' || b.end[-1] == '\t'))
		b.end--;
	return b;
}

static void field(struct bytes line, struct http_head *h)
{
	static const struct {
		const char *name;
		size_t offset;
	} fields[] = {
		{ "host:", offsetof(struct http_head, host) },
		{ "user-agent:", offsetof(struct http_head, user_agent) },
		{ "server:", offsetof(struct http_head, server) },
		{ "upgrade:", offsetof(struct http_head, upgrade) },
		{ "content-type:", offsetof(struct http_head, content_type) },
		{ "content-length:", offsetof(struct http_head, content_length) },
	};

	if (!bytes_left(&line) || !memchr("hHuUsScCxX", *line.p, 10))
		return;
	h->etcd |= text_starts_nocase(line, "x-etcd-");
	h->elastic |= text_starts_nocase(line, "x-elastic-product: elasticsearch");
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (text_starts_nocase(line, fields[i].name)) {
			struct bytes *to = (struct bytes *)((char *)h + fields[i].offset);

			line.p += strlen(fields[i].name);
			if (!bytes_left(to)) /* the first one counts (request smuggling adds a second) */
				*to = trim(line);
			return;
		}
}

enum http_kind http_head_parse(struct bytes b, bool whole, struct http_head *ret)
{
	struct http_head h = { .kind = http_head_probe(b, whole) };
	struct bytes line, rest = b;

	if (h.kind != HTTP_REQUEST && h.kind != HTTP_RESPONSE) {
		*ret = h;
		return h.kind;
	}
	if (h.kind == HTTP_RESPONSE)
		h.status = (uint16_t)((b.p[9] - '0') * 100 + (b.p[10] - '0') * 10 + (b.p[11] - '0'));
	if (!text_line(&rest, &line)) {
		line = b;
		rest.p = rest.end;
	}
	if (h.kind == HTTP_REQUEST && !split_request(line, &h.method, &h.target, &h.version))
		h.method = h.target = h.version = (struct bytes){ 0 };
	while (text_line(&rest, &line)) {
		if (!bytes_left(&line)) {
			h.complete = true;
			h.body = rest;
			break;
		}
		field(line, &h);
	}
	*ret = h;
	return h.kind;
}
