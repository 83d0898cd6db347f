/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "appid/change.h"

#include "appid/http_head.h"
#include "appid/text.h"
#include "appid/tls_hello.h"
#include "base/cleanup.h"

/* Does TLS begin here? MAYBE: too little to say. */
static enum change_verdict tls_here(struct bytes b)
{
	enum tls_kind k;

	if (!bytes_left(&b))
		return CHANGE_MAYBE;
	k = tls_hello_probe(b);
	return k == TLS_NOT ? CHANGE_NONE : k == TLS_MORE ? CHANGE_MAYBE : CHANGE_DONE;
}

static size_t offset(struct bytes b, const uint8_t *p)
{
	return (size_t)(p - b.p);
}

/* ---- lines: SMTP, IMAP, POP3, FTP ---------------------------------------------------------------- */
struct line_words {
	const char *by;
	const char *ask[2];    /* what asks for TLS, without its line end; NULL none */
	const char *before[9]; /* what is said before that; anything else ends the matter */
	enum app_id app;
	bool tagged;           /* IMAP: a word stands before */
};

static const struct line_words line_protocols[] = {
	{ "STARTTLS", { "STARTTLS" }, { "EHLO", "HELO", "LHLO", "NOOP", "HELP", "RSET" }, APP_SMTP, false },
	{ "STARTTLS", { "STARTTLS" }, { "CAPABILITY", "ID", "NOOP" }, APP_IMAP, true },
	{ "STLS", { "STLS" }, { "CAPA", "NOOP" }, APP_POP3, false },
	{ "AUTH TLS", { "AUTH TLS", "AUTH SSL" }, { "FEAT", "SYST", "OPTS", "CLNT", "NOOP", "HELP", "AUTH" }, APP_FTP_CONTROL, false },
};

static bool word_is(struct bytes line, const char *word)
{
	size_t n = strlen(word);

	return text_starts_nocase(line, word) && (bytes_left(&line) == n || line.p[n] == ' ');
}

/* The server's side: whole lines of text up to where TLS begins. */
static size_t lines_end(struct bytes b)
{
	struct bytes rest = b, line;

	while (bytes_left(&rest) && tls_here(rest) != CHANGE_DONE && text_line(&rest, &line))
		;
	return offset(b, rest.p);
}

static enum change_verdict lines(const struct line_words *w, const struct detail_in *in, struct change *ret)
{
	unsigned c = !detail_server(in);
	struct bytes rest = in->said[c], line;
	bool asked = false;

	while (text_line(&rest, &line)) {
		bool known = asked;

		while (w->tagged && bytes_left(&line) && *line.p++ != ' ')
			;
		for (size_t i = 0; i < ARRAY_SIZE(w->ask) && w->ask[i]; i++)
			asked |= word_is(line, w->ask[i]);
		known |= asked;
		for (size_t i = 0; i < ARRAY_SIZE(w->before) && w->before[i]; i++)
			known |= word_is(line, w->before[i]);
		if (!known)
			return CHANGE_NONE;
		if (asked && tls_here(rest) != CHANGE_NONE)
			break;
		asked = false; /* refused, and it went on in clear */
	}
	if (!asked)
		return in->whole[c] ? CHANGE_NONE : CHANGE_MAYBE;
	ret->to = APP_TLS;
	ret->by = w->by;
	ret->at[c] = offset(in->said[c], rest.p);
	ret->at[!c] = lines_end(in->said[!c]);
	return tls_here(rest) == CHANGE_DONE ? CHANGE_DONE : in->whole[c] ? CHANGE_NONE : CHANGE_MAYBE;
}

/* ---- XMPP (RFC 6120 5) ---------------------------------------------------------------------------- */
/* What stands behind the element that begins with `tag`; false: it is not there. */
static bool behind_element(struct bytes b, const char *tag, struct bytes *ret)
{
	for (; bytes_left(&b); b.p++)
		if (*b.p == '<' && text_starts(b, tag)) {
			const uint8_t *end = memchr(b.p, '>', bytes_left(&b));

			if (!end)
				return false;
			ret->p = end + 1;
			ret->end = b.end;
			if (end[-1] != '/' && text_starts(*ret, "</")) { /* <starttls …></starttls> */
				end = memchr(ret->p, '>', bytes_left(ret));
				ret->p = end ? end + 1 : ret->end;
			}
			return true;
		}
	return false;
}

static enum change_verdict xmpp(const struct detail_in *in, struct change *ret)
{
	unsigned c = !detail_server(in);
	struct bytes client, server = in->said[!c];

	if (!behind_element(in->said[c], "<starttls", &client))
		return in->whole[c] || text_contains_nocase(in->said[c], "<auth") || text_contains_nocase(in->said[c], "<iq") ||
				       text_contains_nocase(in->said[c], "<handshake") ? CHANGE_NONE : CHANGE_MAYBE;
	if (!behind_element(server, "<proceed", &server))
		server.p = server.end;
	ret->to = APP_TLS;
	ret->by = "STARTTLS";
	ret->at[c] = offset(in->said[c], client.p);
	ret->at[!c] = offset(in->said[!c], server.p);
	return in->whole[c] && !bytes_left(&client) ? CHANGE_NONE : tls_here(client);
}

/* ---- messages with a length ------------------------------------------------------------------------ */
static enum change_verdict postgresql(const struct detail_in *in, struct change *ret)
{
	unsigned c = !detail_server(in);
	struct bytes client = in->said[c];

	if (bytes_left(&client) < 8)
		return in->whole[c] ? CHANGE_NONE : CHANGE_MAYBE;
	if (be32_at(client.p) != 8 || be32_at(client.p + 4) != 80877103)
		return CHANGE_NONE;
	client.p += 8;
	ret->to = APP_TLS;
	ret->by = "SSLRequest";
	ret->at[c] = 8;
	ret->at[!c] = bytes_left(&in->said[!c]) ? 1 : 0;
	return in->whole[c] && !bytes_left(&client) ? CHANGE_NONE : tls_here(client);
}

static enum change_verdict mysql(const struct detail_in *in, struct change *ret)
{
	unsigned c = !detail_server(in);
	struct bytes client = in->said[c], server = in->said[!c];

	if (bytes_left(&client) < 9)
		return in->whole[c] ? CHANGE_NONE : CHANGE_MAYBE;
	if (client.p[0] != 32 || client.p[1] || client.p[2] || client.p[3] != 1 || !(client.p[5] & 8)) /* SSLRequest: CLIENT_SSL */
		return CHANGE_NONE;
	if (!bytes_skip(&client, 36))
		return in->whole[c] ? CHANGE_NONE : CHANGE_MAYBE;
	ret->to = APP_TLS;
	ret->by = "SSLRequest";
	ret->at[c] = 36;
	if (bytes_left(&server) > 4) {
		size_t len = 4 + ((size_t)server.p[0] | (size_t)server.p[1] << 8);

		ret->at[!c] = len < bytes_left(&server) ? len : bytes_left(&server);
	}
	return in->whole[c] && !bytes_left(&client) ? CHANGE_NONE : tls_here(client);
}

/* LDAP StartTLS (RFC 4511 4.14): one request, one answer. */
static enum change_verdict ldap(const struct detail_in *in, struct change *ret)
{
	unsigned c = !detail_server(in);
	struct bytes client = in->said[c];

	if (bytes_left(&client) < 2 || client.p[1] >= 0x80 || !text_contains_nocase(client, "1.3.6.1.4.1.1466.20037"))
		return CHANGE_NONE;
	ret->to = APP_TLS;
	ret->by = "StartTLS";
	ret->at[c] = 2u + client.p[1];
	if (!bytes_skip(&client, ret->at[c]))
		return CHANGE_MAYBE;
	if (bytes_left(&in->said[!c]) >= 2 && in->said[!c].p[1] < 0x80 && in->said[!c].p[1] + 2u <= bytes_left(&in->said[!c]))
		ret->at[!c] = 2u + in->said[!c].p[1];
	return in->whole[c] && !bytes_left(&client) ? CHANGE_NONE : tls_here(client);
}

/* A server that requires TLS says so in its INFO; the client's first words are a hello. */
static enum change_verdict nats(const struct detail_in *in, struct change *ret)
{
	unsigned c = !detail_server(in);

	if (!text_contains_nocase(in->said[!c], "\"tls_required\":true") && !text_contains_nocase(in->said[!c], "\"tls_available\":true"))
		return CHANGE_NONE;
	ret->to = APP_TLS;
	ret->by = "tls_required";
	ret->at[!c] = lines_end(in->said[!c]);
	return in->whole[c] && !bytes_left(&in->said[c]) ? CHANGE_NONE : tls_here(in->said[c]);
}

/* ---- HTTP ------------------------------------------------------------------------------------------ */
static enum change_verdict http(const struct detail_in *in, struct change *ret)
{
	struct http_head h[2];
	int ask = -1, answer = -1;

	for (unsigned i = 0; i < 2; i++) {
		http_head_parse(in->said[i], in->whole[i], &h[i]);
		if (h[i].kind == HTTP_REQUEST)
			ask = (int)i;
		else if (h[i].kind == HTTP_RESPONSE)
			answer = (int)i;
	}
	if (ask < 0 || (answer < 0 && in->whole[!ask]))
		return CHANGE_NONE;
	if (!text_starts(h[ask].method, "CONNECT") && !(bytes_left(&h[ask].upgrade) && (answer < 0 || h[answer].status == 101)))
		return CHANGE_NONE;
	if (answer < 0 || !h[ask].complete || !h[answer].complete)
		return CHANGE_MAYBE;
	ret->at[ask] = offset(in->said[ask], h[ask].body.p);
	ret->at[answer] = offset(in->said[answer], h[answer].body.p);
	if (text_starts(h[ask].method, "CONNECT")) {
		ret->by = "CONNECT";
		ret->to = APP_UNKNOWN;
		return h[answer].status / 100 == 2 ? CHANGE_DONE : CHANGE_NONE;
	}
	ret->by = "Upgrade";
	ret->to = text_contains_nocase(h[answer].upgrade, "websocket") ? APP_WEBSOCKET :
		  text_contains_nocase(h[answer].upgrade, "h2c") ? APP_HTTP2 :
		  text_contains_nocase(h[answer].upgrade, "tls/1") ? APP_TLS : APP_UNKNOWN;
	return CHANGE_DONE;
}

/* ---- SOCKS (RFC 1928, 1929; version 4 and 4A) ------------------------------------------------------- */
/* Takes address and port of a request or an answer of version 5, after its first three bytes. */
static bool socks_address(struct bytes *b)
{
	uint8_t type, n;

	if (!bytes_u8(b, &type))
		return false;
	if (type == 3)
		return bytes_u8(b, &n) && bytes_skip(b, n + 2u);
	return bytes_skip(b, type == 4 ? 18 : 6);
}

static bool socks5_client(struct bytes *b, bool with_password)
{
	uint8_t n;

	if (!bytes_skip(b, 1) || !bytes_u8(b, &n) || !bytes_skip(b, n))
		return false;
	if (with_password && (!bytes_skip(b, 1) || !bytes_u8(b, &n) || !bytes_skip(b, n) || !bytes_u8(b, &n) || !bytes_skip(b, n)))
		return false;
	return bytes_skip(b, 3) && socks_address(b);
}

static enum change_verdict socks(const struct detail_in *in, struct change *ret)
{
	unsigned c = !detail_server(in);
	struct bytes client = in->said[c], server = in->said[!c];
	bool open, end = in->whole[0] && in->whole[1];

	ret->by = "SOCKS";
	ret->to = APP_UNKNOWN;
	if (bytes_left(&client) < 2 || bytes_left(&server) < 2)
		return end ? CHANGE_NONE : CHANGE_MAYBE;
	if (client.p[0] == 4) {
		const uint8_t *nul = bytes_left(&client) > 8 ? memchr(client.p + 8, 0, bytes_left(&client) - 8) : NULL;

		if (server.p[1] != 90 || !nul)
			return CHANGE_NONE;
		if (be32_at(client.p + 4) < 256 && be32_at(client.p + 4))
			nul = memchr(nul + 1, 0, (size_t)(client.end - nul - 1));
		if (!nul || bytes_left(&server) < 8)
			return end ? CHANGE_NONE : CHANGE_MAYBE;
		ret->at[c] = offset(client, nul + 1);
		ret->at[!c] = 8;
		return CHANGE_DONE;
	}
	if (server.p[1] != 0 && server.p[1] != 2)
		return CHANGE_NONE;
	if (!socks5_client(&client, server.p[1] == 2))
		return end ? CHANGE_NONE : CHANGE_MAYBE;
	if (!bytes_skip(&server, server.p[1] == 2 ? 4 : 2) || bytes_left(&server) < 4)
		return end ? CHANGE_NONE : CHANGE_MAYBE;
	open = server.p[0] == 5 && server.p[1] == 0;
	if (!open)
		return CHANGE_NONE;
	if (!bytes_skip(&server, 3) || !socks_address(&server))
		return end ? CHANGE_NONE : CHANGE_MAYBE;
	ret->at[c] = offset(in->said[c], client.p);
	ret->at[!c] = offset(in->said[!c], server.p);
	return CHANGE_DONE;
}

enum change_verdict change_find(enum app_id app, const struct detail_in *in, struct change *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (in->datagrams)
		return CHANGE_NONE;
	for (size_t i = 0; i < ARRAY_SIZE(line_protocols); i++)
		if (line_protocols[i].app == app)
			return lines(&line_protocols[i], in, ret);
	switch (app) {
	case APP_HTTP:
	case APP_HTTP_CONNECT:
		return http(in, ret);
	case APP_POSTGRESQL:
		return postgresql(in, ret);
	case APP_MYSQL:
		return mysql(in, ret);
	case APP_LDAP:
		return ldap(in, ret);
	case APP_XMPP:
		return xmpp(in, ret);
	case APP_NATS:
		return nats(in, ret);
	case APP_SOCKS:
		return socks(in, ret);
	default:
		return CHANGE_NONE;
	}
}
