/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is said of a flow: from our recognisers, from nDPI, and when nothing is known. */
#include <arpa/inet.h>
#include <stdio.h>

#include "appid/detail.h"
#include "appid/inspect_private.h"
#include "appid/ndpi_engine.h"
#include "appid/text.h"

/* nDPI would see more, and has said the same so often. */
enum { SAME_ENOUGH = 2 };

/* ---- labels -------------------------------------------------------------------------------------- */
bool inspect_is_dns(const struct inspect_flow *f)
{
	return f->app == APP_DNS || f->app == APP_MDNS || f->app == APP_LLMNR;
}

void inspect_label_send(struct inspector *i, struct inspect_flow *f)
{
	struct msg_label *l = &f->work->label;
	unsigned server = f->server_dir < 2 ? f->server_dir : f->client_dir < 2 ? !f->client_dir : 2;

	l->key = f->key;
	l->server_end = server < 2 ? (uint8_t)server : 0xff;
	if (!f->sent && l->confidence >= LABEL_PARTIAL)
		i->stats.labelled++;
	if (f->sent < UINT8_MAX)
		f->sent++;
	i->sink.label(l, i->sink.arg);
}

void inspect_finish(struct inspector *i, struct inspect_flow *f)
{
	inspect_out_remove(i, f);
	inspect_wait_remove(i, f);
	inspect_ask_remove(i, f);
	i->head_bytes -= f->work->memory;
	inspect_table_finish(&i->table, f);
}

void inspect_label_final(struct inspector *i, struct inspect_flow *f)
{
	f->work->label.final = 1;
	inspect_out_add(i, f);
}

static void info_overlap(const struct inspect_flow *f, char *info, size_t size)
{
	static const char fact[] = "segments overlap with different bytes";

	if (!f->overlap || strstr(info, fact))
		return;
	if (info[0])
		text_append_str(info, size, "; ");
	text_append_str(info, size, fact);
}

/* Protocols whose application nDPI also takes from the server's address. */
static bool belongs_by_address(enum app_id app)
{
	return app == APP_HTTP || app == APP_TLS || app == APP_SMTP || app == APP_DNS;
}

/* Mail over TLS from the first byte has its own ports (RFC 8314 7), and names in nDPI. */
static const char *mail_over_tls(const struct flow_key *key)
{
	for (unsigned e = 0; e < 2; e++)
		switch (ntohs(key->port[e])) {
		case 465:
		case 587:
			return "SMTPS";
		case 993:
			return "IMAPS";
		case 995:
			return "POPS";
		}
	return NULL;
}

/* Whose the server's certificate is, when the name asked for does not tell: a host's name in its subject. */
static bool certificate_app(struct inspector *i, const struct detail *t, char *ret, size_t size)
{
	static const char *const parts[] = { "CN=", "O=" };
	char subject[FACTS_MAX], name[128];

	if (!facts_get(t->facts.text, FACT_CERT_SUBJECT, subject, sizeof(subject)))
		return false;
	for (size_t p = 0; p < sizeof(parts) / sizeof(parts[0]); p++)
		for (const char *at = subject; at; at = strchr(at, ',')) {
			at += *at == ',';
			if (strncmp(at, parts[p], strlen(parts[p])))
				continue;
			at += strlen(parts[p]);
			at += !strncmp(at, "*.", 2) ? 2 : 0;
			snprintf(name, sizeof(name), "%.*s", (int)strcspn(at, ","), at);
			text_lower(name);
			if (strchr(name, '.') && !strchr(name, ' ') && ndpi_engine_host_app(i->engine, name, ret, size))
				return true;
		}
	return false;
}

static bool site_of(struct inspector *i, const struct inspect_flow *f, const struct detail *t, char *ret, size_t size)
{
	const uint8_t *server = f->server_dir < 2 && belongs_by_address(t->app) ? f->key.addr[f->server_dir] : NULL;

	if (!i->engine)
		return false;
	if (t->host[0] && ndpi_engine_host_app(i->engine, t->host, ret, size))
		return true;
	if (t->app == APP_TLS && certificate_app(i, t, ret, size))
		return true;
	if (!server || (t->app == APP_TLS && mail_over_tls(&f->key)))
		return false;
	return ndpi_engine_address_app(i->engine, server, ret, size) ||
	       (t->app == APP_DNS && ndpi_engine_address_app(i->engine, f->key.addr[!f->server_dir], ret, size));
}

/* The name: protocol, and the application that the host, the certificate or the server's address belongs to. */
static void own_name(struct inspector *i, const struct inspect_flow *f, const struct detail *t, char *ret, size_t size)
{
	const char *name = app_name(t->app), *mail = t->app == APP_TLS ? mail_over_tls(&f->key) : NULL;
	char site[32];

	snprintf(ret, size, "%s", name);
	if (t->app == APP_TLS && f->server_dir < 2 && f->key.port[f->server_dir] == htons(853))
		snprintf(ret, size, "TLS.DoH_DoT"); /* RFC 7858 */
	else if (strchr(name, '.') || t->app == APP_SOCKS) /* whom a proxy is asked for does not name the proxy */
		return;
	else if (site_of(i, f, t, site, sizeof(site)) && strcmp(site, name))
		snprintf(ret, size, "%s.%s", name, site);
	else if (mail)
		snprintf(ret, size, "%s", mail);
}

bool inspect_own_label(struct inspector *i, struct inspect_flow *f)
{
	struct inspect_work *w = f->work;
	struct msg_label *l = &w->label;
	bool whole[2] = { f->whole[0], f->whole[1] }, news, cert;
	struct detail t;
	char app[sizeof(l->app)] = "";

	f->stale = false;
	inspect_detail_read(i, f, &t);
	cert = t.app == APP_TLS && facts_get(t.facts.text, FACT_CERT_SUBJECT, app, sizeof(app));
	news = l->confidence != LABEL_OWN || w->named != t.app || (t.host[0] && strcmp(l->host, t.host)) || cert != w->named_cert;
	w->named_cert = cert;
	if (news) {
		own_name(i, f, &t, app, sizeof(app));
		memcpy(l->app, app, sizeof(l->app));
	}
	w->named = (uint8_t)t.app;
	l->confidence = LABEL_OWN;
	memcpy(l->host, t.host, sizeof(l->host));
	memcpy(l->info, t.info, sizeof(l->info));
	info_overlap(f, l->info, sizeof(l->info));
	/* over TCP further questions may follow in the same stream */
	if ((t.complete && !(inspect_is_dns(f) && !w->talk.datagrams)) || (whole[0] && whole[1]))
		l->final = 1;
	if (news || l->final)
		inspect_facts_send(i, f, &t.facts);
	return news || l->final;
}

void inspect_own_found(struct inspector *i, struct inspect_flow *f, const struct recog_found *found)
{
	f->app = (uint8_t)found->app;
	f->server_dir = found->server_dir;
	inspect_wait_remove(i, f);
	inspect_own_more(i, f);
}

void inspect_own_more(struct inspector *i, struct inspect_flow *f)
{
	f->stale = true;
	inspect_out_add(i, f);
}

/* ---- nDPI ---------------------------------------------------------------------------------------- */
unsigned inspect_talk_bytes(const struct dialogue *d)
{
	unsigned n = 0;

	for (unsigned t = 0; t < d->turn_count; t++)
		n += d->turns[t].to - d->turns[t].from;
	return n > UINT16_MAX ? UINT16_MAX : n;
}

bool inspect_ask_ndpi(struct inspector *i, struct inspect_flow *f, bool last)
{
	struct inspect_work *w = f->work;
	struct ndpi_turn turns[DIALOGUE_TURNS];
	struct ndpi_answer a;
	unsigned n = w->talk.turn_count;
	bool same, more = false;

	if (!i->engine || !n)
		return false;
	for (unsigned t = 0; t < n; t++)
		turns[t] = (struct ndpi_turn){ w->talk.turns[t].dir, dialogue_turn(&w->talk, t), w->talk.turns[t].wire };
	w->asks++;
	w->asked_turns = (uint8_t)n;
	w->asked_bytes = (uint16_t)inspect_talk_bytes(&w->talk);
	ndpi_engine_ask(i->engine, &f->key, turns, n, last, &a);
	if (a.sure == NDPI_SURE_NO || (a.sure == NDPI_SURE_PARTIAL && !last))
		return false;
	same = w->label.confidence == LABEL_DPI && !strcmp(w->label.app, a.app) && !strcmp(w->label.host, a.host);
	w->same = same ? (uint8_t)(w->same + 1) : 0;
	w->label.confidence = a.sure == NDPI_SURE_DPI ? LABEL_DPI : LABEL_PARTIAL;
	memcpy(w->label.app, a.app, sizeof(w->label.app));
	memcpy(w->label.host, a.host, sizeof(w->label.host));
	if (!strncmp(a.app, "QUIC", 4))
		more = !inspect_quic(i, f) && !w->label.host[0];
	else
		inspect_facts_overlap(i, f);
	info_overlap(f, w->label.info, sizeof(w->label.info));
	if (a.server_end < 2)
		f->server_dir = (uint8_t)a.server_end;
	if ((a.settled && !more) || last || w->asks >= INSPECT_ASKS_MAX || (w->same >= SAME_ENOUGH && !more))
		w->label.final = 1;
	inspect_wait_remove(i, f);
	inspect_out_add(i, f);
	return true;
}

bool inspect_turns_worth_asking(const struct inspect_work *w)
{
	return w->talk.turn_count > w->asked_turns + w->asked_turns / 4u;
}

bool inspect_worth_asking(const struct inspect_work *w)
{
	unsigned bytes = inspect_talk_bytes(&w->talk);

	if (w->asks >= INSPECT_ASKS_MAX || bytes == w->asked_bytes)
		return false;
	if (dialogue_waits(&w->talk))
		return false;
	return inspect_turns_worth_asking(w) || bytes >= 2u * w->asked_bytes;
}

/* ---- giving up ----------------------------------------------------------------------------------- */
static void unknown_info(const struct inspect_work *w, char *info, size_t size)
{
	info[0] = '\0';
	for (unsigned d = 0; d < 2; d++) {
		struct bytes b = dialogue_start(&w->talk, d);
		char hex[16 * 3 + 1];

		if (!bytes_left(&b))
			continue;
		text_hex(hex, sizeof(hex), b.p, bytes_left(&b), 16);
		if (info[0])
			text_append_str(info, size, "; ");
		text_append_str(info, size, d ? "end 1 sent " : "end 0 sent ");
		text_append_str(info, size, hex);
	}
}

void inspect_say_likely(struct inspector *i, struct inspect_flow *f)
{
	struct inspect_work *w = f->work;
	struct msg_label *l = &w->label;

	if (inspect_ask_ndpi(i, f, true) && l->confidence == LABEL_DPI)
		return;
	if (w->likely.app != APP_UNKNOWN) {
		l->confidence = LABEL_PARTIAL;
		f->server_dir = w->likely.server_dir;
		snprintf(l->app, sizeof(l->app), "%s", app_name(w->likely.app));
		return;
	}
	if (l->confidence >= LABEL_PARTIAL)
		return;
	unknown_info(w, l->info, sizeof(l->info));
	inspect_facts_unknown(i, f);
	info_overlap(f, l->info, sizeof(l->info));
	if (i->engine && ndpi_engine_guess_port(i->engine, &f->key, l->app, sizeof(l->app))) {
		l->confidence = LABEL_PORT_GUESS;
		return;
	}
	l->confidence = LABEL_UNKNOWN;
	snprintf(l->app, sizeof(l->app), "%s", app_name(APP_UNKNOWN));
}

bool inspect_identified(const struct inspect_flow *f)
{
	return f->app != APP_UNKNOWN || f->work->label.confidence == LABEL_DPI;
}

void inspect_give_up(struct inspector *i, struct inspect_flow *f)
{
	struct inspect_work *w = f->work;

	if (!inspect_identified(f) && !w->talk.datagrams) {
		f->unseen |= dialogue_waits(&w->talk);
		dialogue_wait_no_more(&w->talk);
		inspect_catch_up(i, f);
	}
	if (!inspect_identified(f)) {
		inspect_say_likely(i, f);
		if (w->label.confidence <= LABEL_PORT_GUESS)
			i->stats.gave_up++;
	}
	w->label.final = 1;
	if (f->app != APP_UNKNOWN) /* also what was read but was not worth a message of its own */
		inspect_own_label(i, f);
	inspect_label_send(i, f);
	inspect_finish(i, f);
}
