/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "appid/detail.h"

#include <stdio.h>

#include "appid/dns_answer.h"
#include "appid/http_head.h"
#include "appid/text.h"
#include "appid/tls_hello.h"

static void info_sep(struct detail *t)
{
	if (t->info[0])
		text_append_str(t->info, sizeof(t->info), "; ");
}

/* Appends "what value", at most max bytes of value. */
static void info_add(struct detail *t, const char *what, struct bytes value, size_t max)
{
	size_t len = bytes_left(&value);

	if (!len)
		return;
	info_sep(t);
	text_append_str(t->info, sizeof(t->info), what);
	text_append(t->info, sizeof(t->info), value.p, len < max ? len : max);
}

/* Host without port; an IPv6 literal keeps its brackets' inside. */
static void host_set(struct detail *t, struct bytes host)
{
	const uint8_t *colon;

	if (bytes_left(&host) && *host.p == '[') {
		const uint8_t *end = memchr(host.p, ']', bytes_left(&host));

		host.p++;
		if (end)
			host.end = end;
	} else if (bytes_left(&host)) {
		colon = memchr(host.p, ':', bytes_left(&host));
		if (colon)
			host.end = colon;
	}
	text_sanitise(t->host, sizeof(t->host), host.p, bytes_left(&host));
	text_lower(t->host);
}

/* ---- HTTP ---------------------------------------------------------------------------------------- */
static void http_request(struct detail *t, const struct http_head *h)
{
	struct bytes host = h->host, target = h->target;

	if (text_starts_nocase(target, "http://")) {
		const uint8_t *slash;

		target.p += 7;
		slash = memchr(target.p, '/', bytes_left(&target));
		if (!bytes_left(&host))
			host = (struct bytes){ target.p, slash ? slash : target.end };
		target.p = slash ? slash : target.end;
	}
	if (text_starts(h->method, "CONNECT") && !bytes_left(&host))
		host = target;
	host_set(t, host);
	if (!bytes_left(&h->method))
		return;
	info_add(t, "", h->method, 16);
	text_append_str(t->info, sizeof(t->info), " ");
	text_append(t->info, sizeof(t->info), target.p, bytes_left(&target) < 60 ? bytes_left(&target) : 60);
	info_add(t, "agent ", h->user_agent, 32);
}

static void http_read(const struct dialogue *d, const bool whole[2], struct detail *t)
{
	struct http_head h[2];
	bool over[2], switched = false;

	for (unsigned i = 0; i < 2; i++) {
		http_head_parse(dialogue_start(d, i), whole[i], &h[i]);
		over[i] = h[i].complete || whole[i];
		if (h[i].kind == HTTP_REQUEST)
			http_request(t, &h[i]);
	}
	for (unsigned i = 0; i < 2; i++) {
		char status[16];

		if (h[i].kind != HTTP_RESPONSE)
			continue;
		snprintf(status, sizeof(status), "%u", h[i].status);
		info_add(t, "", bytes_of(status, strlen(status)), sizeof(status));
		info_add(t, "server ", h[i].server, 40);
		switched |= h[i].status == 101 && text_contains_nocase(h[i].upgrade, "websocket");
	}
	if (switched)
		t->app = APP_WEBSOCKET;
	t->complete = over[0] && over[1];
}

/* ---- TLS ----------------------------------------------------------------------------------------- */
static void tls_read(const struct dialogue *d, const bool whole[2], struct detail *t)
{
	struct tls_hello h[2];
	bool client = false, server = false;
	uint16_t version = 0;

	for (unsigned i = 0; i < 2; i++) {
		tls_hello_parse(dialogue_start(d, i), &h[i]);
		if (h[i].kind == TLS_CLIENT_HELLO) {
			client = h[i].complete || whole[i];
			text_sanitise(t->host, sizeof(t->host), h[i].sni, h[i].sni_len);
			text_lower(t->host);
			if (!version)
				version = h[i].version;
		} else if (h[i].kind == TLS_SERVER_HELLO) {
			server = h[i].complete || whole[i];
			version = h[i].version;
		} else {
			client |= whole[i] || h[i].kind == TLS_ALERT;
			server |= whole[i] || h[i].kind == TLS_ALERT;
		}
	}
	if (version) {
		const char *name = tls_version_name(version);

		info_add(t, "", bytes_of(name, strlen(name)), 16);
	}
	for (unsigned i = 0; i < 2; i++)
		info_add(t, h[i].kind == TLS_SERVER_HELLO ? "chosen alpn " : "alpn ", bytes_of(h[i].alpn, h[i].alpn_len), 40);
	t->complete = client && server;
}

/* ---- DNS ----------------------------------------------------------------------------------------- */
static void dns_info(const struct dns_message *m, struct detail *t)
{
	char text[64];

	if (m->name[0] && (!t->host[0] || m->response))
		text_sanitise(t->host, sizeof(t->host), m->name, strlen(m->name));
	if (m->response)
		snprintf(text, sizeof(text), "type %u; rcode %u; %u addresses", m->qtype, m->rcode,
			 m->address_count + m->address_more);
	else
		snprintf(text, sizeof(text), "type %u", m->qtype);
	text_sanitise(t->info, sizeof(t->info), text, strlen(text));
	t->complete |= m->response;
}

static void dns_read(const struct dialogue *d, struct detail *t)
{
	for (unsigned dir = 0; dir < 2; dir++) {
		struct bytes b = dialogue_start(d, dir), msg;
		struct dns_message m;
		uint16_t len;

		if (!bytes_left(&b))
			continue;
		if (!d->datagrams) {
			if (!bytes_be16(&b, &len))
				continue;
			if (!bytes_take(&b, len, &msg))
				msg = b;
			b = msg;
		}
		if (dns_message_parse(b, true, &m) != DNS_NO && (m.response || !t->complete))
			dns_info(&m, t);
	}
}

/* ---- banners and versions ------------------------------------------------------------------------ */
static bool first_line(struct bytes b, struct bytes *ret)
{
	return text_line(&b, ret);
}

static void ssh_read(const struct dialogue *d, unsigned server_dir, const bool whole[2], struct detail *t)
{
	bool have[2];

	for (unsigned i = 0; i < 2; i++) {
		unsigned dir = server_dir < 2 ? (i ? server_dir : !server_dir) : i;
		struct bytes line;

		have[dir] = first_line(dialogue_start(d, dir), &line);
		if (have[dir] && text_starts(line, "SSH-"))
			info_add(t, server_dir > 1 ? "" : dir == server_dir ? "server " : "client ", line, 56);
		have[dir] |= whole[dir];
	}
	t->complete = have[0] && have[1];
}

static void banner_read(const struct dialogue *d, unsigned server_dir, const bool whole[2], struct detail *t)
{
	struct bytes line;

	if (server_dir > 1)
		server_dir = 0;
	if (first_line(dialogue_start(d, server_dir), &line)) {
		info_add(t, "", line, 120);
		t->complete = true;
	}
	t->complete |= whole[server_dir];
}

static void mysql_read(const struct dialogue *d, unsigned server_dir, const bool whole[2], struct detail *t)
{
	struct bytes b = dialogue_start(d, server_dir > 1 ? 0 : server_dir);
	const uint8_t *nul;

	t->complete = true;
	if (bytes_left(&b) < 7 || b.p[3] != 0 || (b.p[4] != 10 && b.p[4] != 9)) {
		t->complete = bytes_left(&b) > 0 || whole[server_dir > 1 ? 0 : server_dir];
		return;
	}
	b.p += 5;
	if (text_starts(b, "5.5.5-")) /* MariaDB before 11 says this first, for old replicas */
		b.p += 6;
	nul = memchr(b.p, 0, bytes_left(&b));
	if (nul)
		b.end = nul;
	info_add(t, "server ", b, 80);
}

/* Value of a NUL-terminated pair "name\0value\0" somewhere in b. */
static struct bytes pair_value(struct bytes b, const char *name)
{
	size_t n = strlen(name) + 1;

	for (; bytes_left(&b) > n; b.p++)
		if (*b.p == (uint8_t)*name && !memcmp(b.p, name, n)) {
			const uint8_t *end;

			b.p += n;
			end = memchr(b.p, 0, bytes_left(&b));
			return end ? (struct bytes){ b.p, end } : (struct bytes){ b.p, b.p };
		}
	return (struct bytes){ b.p, b.p };
}

static void postgresql_read(const struct dialogue *d, unsigned server_dir, const bool whole[2], struct detail *t)
{
	unsigned s = server_dir > 1 ? 0 : server_dir;
	struct bytes client = dialogue_start(d, !s), server = dialogue_start(d, s), version;

	/* A client that asked for TLS first, and got it, says the rest to the TLS layer. */
	if (bytes_left(&client) >= 8 && be32_at(client.p) == 8 && bytes_left(&server) && *server.p == 'S') {
		struct tls_hello h;

		client.p += 8;
		tls_hello_parse(client, &h);
		text_sanitise(t->host, sizeof(t->host), h.sni, h.sni_len);
		if (h.kind == TLS_CLIENT_HELLO)
			info_add(t, "", bytes_of("TLS", 3), 3);
		t->complete = h.complete || whole[!s];
		return;
	}
	info_add(t, "database ", pair_value(client, "database"), 40);
	version = pair_value(server, "server_version");
	info_add(t, "server ", version, 60);
	t->complete = bytes_left(&version) > 0 || whole[s] || bytes_left(&server) > 900;
}

/* A line "name:value" of what the server said. */
static void redis_read(const struct dialogue *d, unsigned server_dir, struct detail *t)
{
	static const char info[] = "# Server\r\nredis_version:";
	struct bytes b = dialogue_start(d, server_dir > 1 ? 0 : server_dir), line;

	if (!bytes_left(&b))
		return;
	t->complete = *b.p != '$';
	if (t->complete || !text_line(&b, &line))
		return;
	if (!text_starts(b, info)) {
		t->complete = !text_may_start(b, info);
		return;
	}
	b.p += strlen(info);
	t->complete = text_line(&b, &line);
	if (t->complete)
		info_add(t, "server ", line, 40);
}

static void memcached_read(const struct dialogue *d, unsigned server_dir, struct detail *t)
{
	struct bytes line, b = dialogue_start(d, server_dir > 1 ? 0 : server_dir);

	/* only a VERSION line is worth waiting for */
	t->complete = bytes_left(&b) > 0 && !text_may_start(b, "VERSION ");
	if (first_line(b, &line) && text_starts(line, "VERSION ")) {
		t->complete = true;
		line.p += strlen("VERSION ");
		info_add(t, "server ", line, 40);
	}
}

void detail_read(enum app_id app, const struct dialogue *d, unsigned server_dir, const bool whole[2], struct detail *ret)
{
	*ret = (struct detail){ .app = app };
	switch (app) {
	case APP_HTTP:
	case APP_HTTP_CONNECT:
	case APP_HTTP_PROXY:
	case APP_WEBSOCKET:
		http_read(d, whole, ret);
		break;
	case APP_TLS:
		tls_read(d, whole, ret);
		break;
	case APP_DNS:
	case APP_MDNS:
	case APP_LLMNR:
		dns_read(d, ret);
		break;
	case APP_SSH:
		ssh_read(d, server_dir, whole, ret);
		break;
	case APP_SMTP:
	case APP_FTP_CONTROL:
	case APP_IMAP:
	case APP_POP3:
		banner_read(d, server_dir, whole, ret);
		break;
	case APP_MYSQL:
		mysql_read(d, server_dir, whole, ret);
		break;
	case APP_POSTGRESQL:
		postgresql_read(d, server_dir, whole, ret);
		break;
	case APP_REDIS:
		redis_read(d, server_dir, ret);
		break;
	case APP_MEMCACHED:
		memcached_read(d, server_dir, ret);
		break;
	default:
		ret->complete = true;
	}
}
