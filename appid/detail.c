/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "appid/detail.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "appid/detail_private.h"
#include "appid/dns_answer.h"
#include "appid/text.h"

void detail_info(struct detail *t, const char *what, struct bytes value, size_t max)
{
	size_t len = bytes_left(&value);

	if (!len)
		return;
	if (t->info[0])
		text_append_str(t->info, sizeof(t->info), "; ");
	text_append_str(t->info, sizeof(t->info), what);
	text_append(t->info, sizeof(t->info), value.p, len < max ? len : max);
}

void detail_info_str(struct detail *t, const char *what, const char *value)
{
	detail_info(t, what, bytes_of(value, strlen(value)), DETAIL_INFO_LEN);
}

void detail_fact(struct detail *t, enum fact what, struct bytes value, size_t max)
{
	facts_add(&t->facts, what, value.p, bytes_left(&value), max);
}

void detail_version(struct detail *t, struct bytes version, size_t max)
{
	detail_info(t, "server ", version, max);
	detail_fact(t, FACT_SERVER_VERSION, version, max);
}

unsigned detail_server(const struct detail_in *in)
{
	return in->server_dir > 1 ? 0 : in->server_dir;
}

void detail_host(struct detail *t, struct bytes host)
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

/* ---- DNS ----------------------------------------------------------------------------------------- */
static const char *dns_type(unsigned type, char *buf, size_t size)
{
	static const struct {
		unsigned type;
		const char *name;
	} names[] = { { 1, "A" },   { 2, "NS" },   { 5, "CNAME" }, { 6, "SOA" },  { 12, "PTR" },  { 15, "MX" },	   { 16, "TXT" },
		      { 28, "AAAA" }, { 33, "SRV" }, { 43, "DS" },	 { 48, "DNSKEY" }, { 64, "SVCB" }, { 65, "HTTPS" }, { 255, "ANY" } };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].type == type)
			return names[i].name;
	snprintf(buf, size, "%u", type);
	return buf;
}

/* The first few addresses, with commas. */
static void dns_addresses(const struct dns_message *m, char *out, size_t size)
{
	out[0] = '\0';
	for (unsigned i = 0; i < m->address_count && i < 4; i++) {
		char a[INET6_ADDRSTRLEN];
		static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
		const uint8_t *addr = m->addresses[i].addr;

		if (!memcmp(addr, mapped, 12))
			inet_ntop(AF_INET, addr + 12, a, sizeof(a));
		else
			inet_ntop(AF_INET6, addr, a, sizeof(a));
		if (out[0])
			text_append_str(out, size, ",");
		text_append_str(out, size, a);
	}
}

static void dns_message(const struct dns_message *m, struct detail *t)
{
	char text[256], number[16];

	if (m->name[0] && (!t->host[0] || m->response)) {
		text_sanitise(t->host, sizeof(t->host), m->name, strlen(m->name));
		facts_add_str(&t->facts, FACT_DNS_QUESTION, t->host);
	}
	facts_add_str(&t->facts, FACT_DNS_TYPE, dns_type(m->qtype, number, sizeof(number)));
	if (m->response) {
		dns_addresses(m, text, sizeof(text));
		facts_add_str(&t->facts, FACT_DNS_ANSWER, text);
		snprintf(number, sizeof(number), "%u", m->rcode);
		facts_add_str(&t->facts, FACT_DNS_RCODE, number);
		snprintf(text, sizeof(text), "type %u; rcode %u; %u addresses", m->qtype, m->rcode, m->address_count + m->address_more);
	} else {
		snprintf(text, sizeof(text), "type %u", m->qtype);
	}
	text_sanitise(t->info, sizeof(t->info), text, strlen(text));
	t->complete |= m->response;
}

static void dns_read(const struct detail_in *in, struct detail *t)
{
	for (unsigned dir = 0; dir < 2; dir++) {
		struct bytes b = in->said[dir], msg;
		struct dns_message m;
		uint16_t len;

		if (!bytes_left(&b))
			continue;
		if (!in->datagrams) {
			if (!bytes_be16(&b, &len))
				continue;
			if (!bytes_take(&b, len, &msg))
				msg = b;
			b = msg;
		}
		if (dns_message_parse(b, true, &m) != DNS_NO && (m.response || !t->complete))
			dns_message(&m, t);
	}
}

/* ---- banners ------------------------------------------------------------------------------------- */
static void banner_read(const struct detail_in *in, struct detail *t)
{
	unsigned s = detail_server(in);
	struct bytes b = in->said[s], line;

	if (text_line(&b, &line)) {
		detail_info(t, "", line, 100); /* leaves room for what it becomes */
		detail_fact(t, FACT_BANNER, line, 120);
		t->complete = true;
	}
	t->complete |= in->whole[s];
}

/* SOCKS (RFC 1928 4, version 4A): whom the client wants to reach. */
static void socks_read(const struct detail_in *in, struct detail *t)
{
	unsigned c = !detail_server(in);
	struct bytes b = in->said[c], name;
	uint8_t version, n;
	char text[INET6_ADDRSTRLEN];

	t->complete = true;
	if (!bytes_u8(&b, &version))
		return;
	if (version == 4) { /* port, address, user, and a name when the address is 0.0.0.x */
		const uint8_t *nul = bytes_left(&b) > 7 ? memchr(b.p + 7, 0, bytes_left(&b) - 7) : NULL;
		bool named;

		if (!nul)
			return;
		named = be32_at(b.p + 3) < 256;
		if (!named && inet_ntop(AF_INET, b.p + 3, text, sizeof(text)))
			text_sanitise(t->host, sizeof(t->host), text, strlen(text));
		name = (struct bytes){ nul + 1, b.end };
		nul = named ? memchr(name.p, 0, bytes_left(&name)) : NULL;
		if (nul) {
			name.end = nul;
			text_sanitise(t->host, sizeof(t->host), name.p, bytes_left(&name));
		}
		return;
	}
	if (!bytes_u8(&b, &n) || !bytes_skip(&b, n))
		return;
	if (bytes_left(&b) > 2 && b.p[0] == 1) /* RFC 1929: user and password, of which nothing is kept */
		if (!bytes_skip(&b, 1) || !bytes_u8(&b, &n) || !bytes_skip(&b, n) || !bytes_u8(&b, &n) || !bytes_skip(&b, n))
			return;
	if (bytes_left(&b) < 5 || b.p[0] != 5)
		return;
	n = b.p[3];
	b.p += 4;
	if ((n == 1 && bytes_left(&b) >= 4 && inet_ntop(AF_INET, b.p, text, sizeof(text))) ||
	    (n == 4 && bytes_left(&b) >= 16 && inet_ntop(AF_INET6, b.p, text, sizeof(text))))
		text_sanitise(t->host, sizeof(t->host), text, strlen(text));
	else if (n == 3 && bytes_u8(&b, &n) && bytes_take(&b, n, &name))
		text_sanitise(t->host, sizeof(t->host), name.p, bytes_left(&name));
}

/* XMPP (RFC 6120 4.7.2): the domain that the client wants. */
static void xmpp_read(const struct detail_in *in, struct detail *t)
{
	struct bytes b = in->said[!detail_server(in)];

	t->complete = true;
	for (; bytes_left(&b) > 4; b.p++) {
		const uint8_t *end;

		if (!text_starts(b, " to=") || (b.p[4] != '"' && b.p[4] != '\''))
			continue;
		end = memchr(b.p + 5, b.p[4], bytes_left(&b) - 5);
		if (end)
			text_sanitise(t->host, sizeof(t->host), b.p + 5, (size_t)(end - b.p - 5));
		return;
	}
}

void detail_read(enum app_id app, const struct detail_in *in, struct detail *ret)
{
	static void (*const readers[APP_MAX])(const struct detail_in *, struct detail *) = {
		[APP_HTTP] = detail_http,	    [APP_HTTP_CONNECT] = detail_http, [APP_HTTP_PROXY] = detail_http,
		[APP_WEBSOCKET] = detail_http,	    [APP_HTTP2] = detail_http2,	      [APP_TLS] = detail_tls,
		[APP_DNS] = dns_read,		    [APP_MDNS] = dns_read,	      [APP_LLMNR] = dns_read,
		[APP_SSH] = detail_ssh,		    [APP_SMTP] = banner_read,	      [APP_FTP_CONTROL] = banner_read,
		[APP_IMAP] = banner_read,	    [APP_POP3] = banner_read,	      [APP_MYSQL] = detail_mysql,
		[APP_POSTGRESQL] = detail_postgresql, [APP_REDIS] = detail_redis,     [APP_MEMCACHED] = detail_memcached,
		[APP_MONGODB] = detail_mongodb,	    [APP_CLICKHOUSE] = detail_clickhouse, [APP_ZOOKEEPER] = detail_zookeeper,
		[APP_NATS] = detail_nats,	    [APP_AMQP] = detail_amqp,	      [APP_SOCKS] = socks_read,
		[APP_XMPP] = xmpp_read,		    [APP_QUIC] = detail_quic,
	};

	ret->host[0] = ret->info[0] = '\0';
	ret->complete = false;
	ret->app = app;
	facts_init(&ret->facts);
	if (app < APP_MAX && readers[app])
		readers[app](in, ret);
	else
		ret->complete = true;
}
