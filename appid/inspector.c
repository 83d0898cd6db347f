/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "appid/inspector.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#include "appid/detail.h"
#include "appid/dns_answer.h"
#include "appid/inspect_flow.h"
#include "appid/ndpi_engine.h"
#include "appid/text.h"
#include "base/clock.h"

enum {
	ASKS_MAX = 12,      /* questions to nDPI about one flow, the last one not counted */
	SEGMENT_WHOLE = 16, /* a segment shorter than this is waited on: it may be a piece of a message */
};
static const uint64_t wait_piece_ns = 20 * NSEC_PER_MSEC; /* none of ours fits: how long to wait for the rest of a message */
static const uint64_t wait_race_ns = 60 * NSEC_PER_MSEC;  /* one of ours could still fit */
static const uint64_t wait_provisional_ns = NSEC_PER_SEC; /* then say what is known so far */
static const uint64_t wait_give_up_ns = 10 * NSEC_PER_SEC;
static const uint64_t wait_datagram_ns = 30 * NSEC_PER_SEC; /* pings of some protocols are 20 s apart */
static const uint64_t linger_ns = 2 * NSEC_PER_SEC;       /* a finished flow's key, used again later, is a new flow */

struct inspector {
	struct inspect_table table;
	struct inspector_sink sink;
	struct ndpi_engine *engine;
	size_t head_bytes, head_bytes_max;
	struct inspect_list out, wait, ask; /* wait: in order of wait_since_ns; ask: nDPI, at the end of the batch */
	unsigned out_count;
	uint64_t swept_ns;
	struct msg_inspect_stats stats;
};

struct inspector *inspector_new(const struct inspector_limits *limits, const struct inspector_sink *sink, struct ndpi_engine *engine)
{
	struct inspector *i = calloc(1, sizeof(*i));

	if (!i || inspect_table_init(&i->table, limits->flows ? limits->flows : 8192, limits->seed) < 0) {
		free(i);
		return NULL;
	}
	i->sink = *sink;
	i->engine = engine;
	i->head_bytes_max = limits->head_bytes ? limits->head_bytes : 6u << 20;
	TAILQ_INIT(&i->out);
	TAILQ_INIT(&i->wait);
	TAILQ_INIT(&i->ask);
	return i;
}

void inspector_free(struct inspector *i)
{
	if (!i)
		return;
	inspect_table_done(&i->table);
	free(i);
}

/* ---- lists ------------------------------------------------------------------------------------------ */
static void out_add(struct inspector *i, struct inspect_flow *f)
{
	if (f->dirty)
		return;
	f->dirty = true;
	TAILQ_INSERT_TAIL(&i->out, f, out);
	i->out_count++;
}

static void out_remove(struct inspector *i, struct inspect_flow *f)
{
	if (!f->dirty)
		return;
	f->dirty = false;
	TAILQ_REMOVE(&i->out, f, out);
	i->out_count--;
}

static void wait_add(struct inspector *i, struct inspect_flow *f)
{
	if (f->waiting)
		TAILQ_REMOVE(&i->wait, f, wait);
	f->waiting = true;
	f->wait_since_ns = f->last_ns;
	TAILQ_INSERT_TAIL(&i->wait, f, wait);
}

static void wait_remove(struct inspector *i, struct inspect_flow *f)
{
	if (!f->waiting)
		return;
	f->waiting = false;
	TAILQ_REMOVE(&i->wait, f, wait);
}

static void ask_add(struct inspector *i, struct inspect_flow *f)
{
	if (f->asking)
		return;
	f->asking = true;
	TAILQ_INSERT_TAIL(&i->ask, f, ask);
}

static void ask_remove(struct inspector *i, struct inspect_flow *f)
{
	if (!f->asking)
		return;
	f->asking = false;
	TAILQ_REMOVE(&i->ask, f, ask);
}

/* ---- labels -------------------------------------------------------------------------------------------- */
static bool is_dns(const struct inspect_flow *f)
{
	return f->app == APP_DNS || f->app == APP_MDNS || f->app == APP_LLMNR;
}

/* Sends the label as it stands. */
static void label_send(struct inspector *i, struct inspect_flow *f)
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

/* Ends the work on a flow. */
static void flow_finish(struct inspector *i, struct inspect_flow *f)
{
	out_remove(i, f);
	wait_remove(i, f);
	ask_remove(i, f);
	i->head_bytes -= f->work->memory;
	inspect_table_finish(&i->table, f);
}

static void label_final(struct inspector *i, struct inspect_flow *f)
{
	f->work->label.final = 1;
	out_add(i, f);
}

static void info_conflict(const struct dialogue *d, char *info, size_t size)
{
	if (d->head[0].conflict || d->head[1].conflict) {
		if (info[0])
			text_append_str(info, size, "; ");
		text_append_str(info, size, "segments overlap with different bytes");
	}
}

/* Protocols whose application nDPI also takes from the server's address. */
static bool belongs_by_address(enum app_id app)
{
	return app == APP_HTTP || app == APP_TLS || app == APP_SMTP;
}

/* Puts what our recognisers found into the label, and the details. Something new is sent with the next flush. */
static void own_label(struct inspector *i, struct inspect_flow *f)
{
	struct inspect_work *w = f->work;
	struct msg_label *l = &w->label, old = *l;
	bool whole[2] = { f->whole[0], f->whole[1] };
	struct detail t;
	char site[32];
	const uint8_t *server;

	detail_read((enum app_id)f->app, &w->talk, f->server_dir, whole, &t);
	l->confidence = LABEL_OWN;
	memset(l->app, 0, sizeof(l->app));
	snprintf(l->app, sizeof(l->app), "%s", app_name(t.app));
	if (t.app == APP_TLS && f->server_dir < 2 && f->key.port[f->server_dir] == htons(853))
		snprintf(l->app, sizeof(l->app), "TLS.DoH_DoT"); /* RFC 7858 */
	else if (t.host[0] && i->engine && ndpi_engine_host_app(i->engine, t.host, site, sizeof(site)) && strcmp(site, l->app))
		snprintf(l->app, sizeof(l->app), "%s.%s", app_name(t.app), site);
	server = f->server_dir < 2 && belongs_by_address(t.app) ? f->key.addr[f->server_dir] : NULL;
	if (!strchr(l->app, '.') && server && i->engine && ndpi_engine_address_app(i->engine, server, site, sizeof(site)))
		snprintf(l->app, sizeof(l->app), "%s.%s", app_name(t.app), site);
	memcpy(l->host, t.host, sizeof(l->host));
	memcpy(l->info, t.info, sizeof(l->info));
	info_conflict(&w->talk, l->info, sizeof(l->info));
	/* over TCP further questions may follow in the same stream */
	if ((t.complete && !(is_dns(f) && !w->talk.datagrams)) || (whole[0] && whole[1]))
		l->final = 1;
	if (old.confidence != l->confidence || strcmp(old.app, l->app) || (t.host[0] && strcmp(old.host, l->host)) || l->final)
		out_add(i, f);
}

static void own_found(struct inspector *i, struct inspect_flow *f, const struct recog_found *found)
{
	f->app = (uint8_t)found->app;
	f->server_dir = found->server_dir;
	wait_remove(i, f);
	own_label(i, f);
}

/* ---- nDPI ----------------------------------------------------------------------------------------------- */
static unsigned talk_bytes(const struct dialogue *d)
{
	unsigned n = 0;

	for (unsigned t = 0; t < d->turn_count; t++)
		n += d->turns[t].to - d->turns[t].from;
	return n > UINT16_MAX ? UINT16_MAX : n;
}

/* True when nDPI gave an identification. */
static bool ask_ndpi(struct inspector *i, struct inspect_flow *f, bool last)
{
	struct inspect_work *w = f->work;
	struct ndpi_turn turns[DIALOGUE_TURNS];
	struct ndpi_answer a;
	unsigned n = w->talk.turn_count;

	if (!i->engine || !n)
		return false;
	for (unsigned t = 0; t < n; t++)
		turns[t] = (struct ndpi_turn){ w->talk.turns[t].dir, dialogue_turn(&w->talk, t), w->talk.turns[t].wire };
	w->asks++;
	w->asked_turns = (uint8_t)n;
	w->asked_bytes = (uint16_t)talk_bytes(&w->talk);
	ndpi_engine_ask(i->engine, &f->key, turns, n, last, &a);
	if (a.sure == NDPI_SURE_NO || (a.sure == NDPI_SURE_PARTIAL && !last))
		return false;
	w->label.confidence = a.sure == NDPI_SURE_DPI ? LABEL_DPI : LABEL_PARTIAL;
	memcpy(w->label.app, a.app, sizeof(w->label.app));
	memcpy(w->label.host, a.host, sizeof(w->label.host));
	info_conflict(&w->talk, w->label.info, sizeof(w->label.info));
	if (a.server_end < 2)
		f->server_dir = (uint8_t)a.server_end;
	if (a.settled || last || w->asks >= ASKS_MAX)
		w->label.final = 1;
	wait_remove(i, f);
	out_add(i, f);
	return true;
}

/* Is there enough new to ask nDPI again? */
static bool worth_asking(const struct inspect_work *w)
{
	unsigned bytes = talk_bytes(&w->talk);

	if (w->asks >= ASKS_MAX || bytes == w->asked_bytes)
		return false;
	return w->talk.turn_count > w->asked_turns || bytes >= w->asked_bytes + w->asked_bytes / 2u;
}

/* ---- giving up ---------------------------------------------------------------------------------------------- */
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

/* Fills the label with the best that can be said now without an identification. */
static void say_what_is_likely(struct inspector *i, struct inspect_flow *f)
{
	struct inspect_work *w = f->work;
	struct msg_label *l = &w->label;

	if (ask_ndpi(i, f, true) && l->confidence == LABEL_DPI)
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
	if (i->engine && ndpi_engine_guess_port(i->engine, &f->key, l->app, sizeof(l->app))) {
		l->confidence = LABEL_PORT_GUESS;
		return;
	}
	l->confidence = LABEL_UNKNOWN;
	snprintf(l->app, sizeof(l->app), "%s", app_name(APP_UNKNOWN));
}

static bool identified(const struct inspect_flow *f)
{
	return f->app != APP_UNKNOWN || f->work->label.confidence == LABEL_DPI;
}

/* The last word on a flow, whatever it is, at once. */
static void give_up(struct inspector *i, struct inspect_flow *f)
{
	struct inspect_work *w = f->work;

	if (!identified(f)) {
		say_what_is_likely(i, f);
		if (w->label.confidence <= LABEL_PORT_GUESS)
			i->stats.gave_up++;
	}
	w->label.final = 1;
	label_send(i, f);
	flow_finish(i, f);
}

/* ---- DNS ------------------------------------------------------------------------------------------------------ */
static void dns_report(struct inspector *i, const struct flow_key *key, const uint32_t end_if[2], unsigned dir, const struct dns_message *m)
{
	struct msg_dns d = { .key = *key, .end_if = { end_if[0], end_if[1] }, .client_end = (uint8_t)!dir };

	if (!m->response || !m->name[0])
		return;
	text_sanitise(d.name, sizeof(d.name), m->name, strlen(m->name));
	for (unsigned a = 0; a < m->address_count; a++) {
		memcpy(d.addr, m->addresses[a].addr, 16);
		d.ttl_s = m->addresses[a].ttl_s;
		i->sink.dns(&d, i->sink.arg);
	}
	if (!m->address_count)
		i->sink.dns(&d, i->sink.arg);
}

static void dns_datagram(struct inspector *i, const struct flow_key *key, const uint32_t end_if[2], unsigned dir, struct bytes b,
			 bool cut)
{
	struct dns_message m;

	if (dns_message_parse(b, cut, &m) != DNS_NO)
		dns_report(i, key, end_if, dir, &m);
}

/* The messages of a TCP stream that are complete by now. */
static void dns_stream(struct inspector *i, struct inspect_flow *f)
{
	for (unsigned dir = 0; dir < 2; dir++) {
		struct bytes b = dialogue_start(&f->work->talk, dir), msg;
		uint16_t len;

		if (!bytes_skip(&b, f->work->dns_read[dir]))
			continue;
		while (bytes_be16(&b, &len) && bytes_take(&b, len, &msg)) {
			f->work->dns_read[dir] = (uint16_t)(f->work->dns_read[dir] + 2 + len);
			dns_datagram(i, &f->key, f->end_if, dir, msg, false);
		}
	}
}

/* ---- samples ------------------------------------------------------------------------------------------------------ */
static void step_stream(struct inspector *i, struct inspect_flow *f, size_t segment)
{
	struct inspect_work *w = f->work;
	struct bytes heads[2] = { dialogue_start(&w->talk, 0), dialogue_start(&w->talk, 1) };
	const uint16_t ports[2] = { ntohs(f->key.port[0]), ntohs(f->key.port[1]) };
	struct recog_found found;
	enum recog r;

	for (unsigned d = 0; d < 2; d++)
		if (w->talk.rebased[d]) {
			w->talk.rebased[d] = false;
			w->race.begun[0] = w->race.begun[1] = false; /* some judge one side by the other's answer */
			w->likely.app = APP_UNKNOWN;
			w->asked_bytes = 0;
		}
	r = recognise_stream(&w->race, heads, f->whole, ports, &found);
	if (r == RECOG_YES) {
		own_found(i, f, &found);
		return;
	}
	if (r == RECOG_LIKELY)
		w->likely = found;
	/* Not before the batch ends: a segment that overtook another is common, and nDPI would judge half a message. */
	if (r == RECOG_NO && segment >= SEGMENT_WHOLE && worth_asking(w))
		ask_add(i, f);
	if (talk_bytes(&w->talk) != w->asked_bytes)
		wait_add(i, f);
}

static void step_datagram(struct inspector *i, struct inspect_flow *f, const struct pg_sample *s, struct bytes b)
{
	const uint16_t ports[2] = { ntohs(f->key.port[0]), ntohs(f->key.port[1]) };
	struct recog_found found;

	if (f->work->talk.turn_count <= 2 &&
	    recognise_datagram(s->dir, b, s->flags & PG_SAMPLE_CUT, ports, &found) == RECOG_YES) {
		/* what looks like DNS on another port may be what nDPI knows by another name */
		if (found.app == APP_DNS && ports[0] != 53 && ports[1] != 53 && ask_ndpi(i, f, false))
			return;
		own_found(i, f, &found);
		return;
	}
	if (f->work->asks < ASKS_MAX && ask_ndpi(i, f, false))
		return;
	if (f->work->talk.turn_count <= 2 && recognise_quic(s->dir, b, &found) == RECOG_YES)
		own_found(i, f, &found); /* nDPI could not decrypt it: no name, but sure what it is */
}

static void step(struct inspector *i, struct inspect_flow *f, const struct pg_sample *s, struct bytes b)
{
	struct inspect_work *w = f->work;

	if (f->app != APP_UNKNOWN) {
		own_label(i, f);
	} else if (w->label.confidence == LABEL_DPI) {
		/* nDPI knows the protocol and would like to see more (host names) */
		if (worth_asking(w))
			ask_add(i, f);
	} else if (w->talk.datagrams) {
		step_datagram(i, f, s, b);
	} else {
		step_stream(i, f, bytes_left(&b));
	}
	if (is_dns(f) && w->talk.datagrams)
		dns_datagram(i, &f->key, f->end_if, s->dir, b, s->flags & PG_SAMPLE_CUT);
	else if (is_dns(f))
		dns_stream(i, f);
	if (f->whole[0] && f->whole[1] && !w->label.final) {
		if (identified(f))
			label_final(i, f);
		else
			give_up(i, f);
	}
}

static bool sample_sane(const struct pg_sample *s)
{
	return s->version == PG_ABI_VERSION && s->dir <= 1 && s->cap_len <= PG_SAMPLE_MAX && s->cap_len <= s->payload_len &&
	       (s->key.proto == IPPROTO_TCP || s->key.proto == IPPROTO_UDP) && !s->key.pad;
}

/* Makes room for one more flow. */
static void make_room(struct inspector *i)
{
	struct inspect_flow *f = TAILQ_FIRST(&i->table.finished);

	if (!f) {
		f = TAILQ_FIRST(&i->table.active);
		if (!f)
			return;
		i->stats.evicted++;
		give_up(i, f);
	}
	inspect_table_remove(&i->table, f);
}

static struct inspect_flow *flow_of(struct inspector *i, const struct pg_sample *s)
{
	struct inspect_flow *f = inspect_table_find(&i->table, &s->key);

	if (f && !f->work && s->ts_ns > f->last_ns + linger_ns) {
		inspect_table_remove(&i->table, f);
		f = NULL;
	}
	if (f)
		return f;
	if (inspect_table_full(&i->table))
		make_room(i);
	f = inspect_table_add(&i->table, &s->key);
	if (!f)
		return NULL;
	i->stats.flows++;
	dialogue_init(&f->work->talk, s->key.proto == IPPROTO_UDP);
	return f;
}

static void account_memory(struct inspector *i, struct inspect_flow *f)
{
	size_t now = dialogue_memory(&f->work->talk);

	i->head_bytes += now - f->work->memory;
	f->work->memory = now;
	while (i->head_bytes > i->head_bytes_max) {
		struct inspect_flow *oldest = TAILQ_FIRST(&i->table.active);

		if (oldest == f)
			break;
		i->stats.evicted++;
		give_up(i, oldest);
	}
}

void inspector_sample(struct inspector *i, const struct pg_sample *s, const uint8_t *payload)
{
	struct inspect_flow *f;
	int r;

	if (!sample_sane(s)) {
		i->stats.bad_version++;
		return;
	}
	i->stats.samples++;
	i->stats.bytes += s->cap_len;
	if (s->flags & PG_SAMPLE_LOOPBACK) { /* answers of the engine's resolver: no flow of ours, only names */
		if (s->key.proto == IPPROTO_UDP)
			dns_datagram(i, &s->key, s->end_if, s->dir, bytes_of(payload, s->cap_len), s->flags & PG_SAMPLE_CUT);
		return;
	}
	f = flow_of(i, s);
	if (!f) {
		i->stats.evicted++;
		return;
	}
	inspect_table_touch(&i->table, f, s->ts_ns);
	f->end_if[0] = s->end_if[0];
	f->end_if[1] = s->end_if[1];
	if (s->flags & PG_SAMPLE_SYN_DIR_KNOWN)
		f->client_dir = s->flags & PG_SAMPLE_CLIENT_SENT ? s->dir : !s->dir;
	else if (s->key.proto == IPPROTO_UDP) /* who spoke first */
		f->client_dir = s->flags & PG_SAMPLE_CLIENT_SENT ? s->dir : !s->dir;
	if (!f->work) {
		if (is_dns(f) && s->key.proto == IPPROTO_UDP)
			dns_datagram(i, &f->key, f->end_if, s->dir, bytes_of(payload, s->cap_len), s->flags & PG_SAMPLE_CUT);
		return;
	}
	f->whole[s->dir] |= !!(s->flags & PG_SAMPLE_LAST);
	r = dialogue_add(&f->work->talk, s->dir, s->tcp_seq, payload, s->cap_len, s->payload_len);
	account_memory(i, f);
	if (r <= 0 && !f->whole[s->dir])
		return;
	step(i, f, s, bytes_of(payload, s->cap_len));
}

void inspector_record(struct inspector *i, const void *record, size_t len)
{
	struct pg_sample s;

	if (len < sizeof(s)) {
		i->stats.bad_version++;
		return;
	}
	memcpy(&s, record, sizeof(s));
	if (s.cap_len > len - sizeof(s)) {
		i->stats.bad_version++;
		return;
	}
	inspector_sample(i, &s, (const uint8_t *)record + sizeof(s));
}

static void ask_all(struct inspector *i)
{
	struct inspect_flow *f;

	while ((f = TAILQ_FIRST(&i->ask))) {
		ask_remove(i, f);
		if (f->app == APP_UNKNOWN && worth_asking(f->work))
			ask_ndpi(i, f, false);
	}
}

void inspector_flush(struct inspector *i)
{
	struct inspect_flow *f;

	ask_all(i);
	while ((f = TAILQ_FIRST(&i->out))) {
		bool final = f->work->label.final;

		out_remove(i, f);
		label_send(i, f);
		if (!final)
			continue;
		/* DNS goes on for as long as the kernel gives samples: each answer names addresses. */
		if (!(f->whole[0] && f->whole[1]) && !is_dns(f))
			i->sink.enough(&f->key, i->sink.arg);
		flow_finish(i, f);
	}
}

unsigned inspector_pending(const struct inspector *i)
{
	return i->out_count;
}

/* ---- time --------------------------------------------------------------------------------------------------------------- */
static bool in_race(const struct inspect_flow *f)
{
	return f->work->race.alive[0] || f->work->race.alive[1];
}

static void tick_waiting(struct inspector *i, uint64_t now)
{
	struct inspect_flow *f, *next;

	for (f = TAILQ_FIRST(&i->wait); f; f = next) {
		next = TAILQ_NEXT(f, wait);
		if (f->wait_since_ns + wait_piece_ns > now)
			break;
		if (in_race(f) && f->wait_since_ns + wait_race_ns > now)
			continue;
		wait_remove(i, f);
		if (f->work->asks < ASKS_MAX)
			ask_ndpi(i, f, false);
	}
}

static void tick_aged(struct inspector *i, uint64_t now)
{
	struct inspect_flow *f, *next;

	for (f = TAILQ_FIRST(&i->table.active); f; f = next) {
		next = TAILQ_NEXT(f, age);
		if (f->last_ns + wait_provisional_ns > now)
			break;
		if (f->last_ns + (f->work->talk.datagrams ? wait_datagram_ns : wait_give_up_ns) <= now) {
			give_up(i, f);
		} else if (!f->provisional && !identified(f)) {
			f->provisional = true;
			say_what_is_likely(i, f);
			f->work->label.final = f->work->label.confidence == LABEL_DPI;
			out_add(i, f);
		}
	}
	for (f = TAILQ_FIRST(&i->table.finished); f; f = next) {
		next = TAILQ_NEXT(f, age);
		if (f->last_ns + linger_ns > now)
			break;
		inspect_table_remove(&i->table, f);
	}
}

void inspector_tick(struct inspector *i, uint64_t now)
{
	tick_waiting(i, now);
	if (now - i->swept_ns >= NSEC_PER_SEC / 2) {
		i->swept_ns = now;
		tick_aged(i, now);
	}
	inspector_flush(i);
}

uint64_t inspector_next_ns(const struct inspector *i, uint64_t now)
{
	const struct inspect_flow *f = TAILQ_FIRST(&i->wait);

	if (!i->table.used)
		return UINT64_MAX;
	if (!f)
		return NSEC_PER_SEC / 2;
	return f->wait_since_ns + wait_piece_ns > now ? f->wait_since_ns + wait_piece_ns - now : wait_piece_ns;
}

void inspector_finish(struct inspector *i)
{
	struct inspect_flow *f;

	inspector_flush(i);
	while ((f = TAILQ_FIRST(&i->table.active)))
		give_up(i, f);
}

void inspector_stats(const struct inspector *i, struct msg_inspect_stats *ret)
{
	*ret = i->stats;
	ret->tracked = i->table.used;
}
