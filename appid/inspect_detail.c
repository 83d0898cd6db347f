/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a flow says about itself beyond its protocol, and what it became when the protocol changed in mid-stream. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <arpa/inet.h>

#include "appid/change.h"
#include "appid/entropy.h"
#include "appid/inspect_private.h"
#include "appid/ndpi_engine.h"
#include "appid/text.h"

enum { INNER_ASKS_MAX = 4 };
enum { FIRST_BYTES = 32 }; /* shown of an unknown conversation's side */

static unsigned server_of(const struct inspect_flow *f)
{
	return f->server_dir < 2 ? f->server_dir : f->client_dir < 2 ? !f->client_dir : 2;
}

static void next_datagrams(const struct dialogue *talk, struct detail_in *ret)
{
	unsigned n[2] = { 0, 0 };

	memset(ret->next, 0, sizeof(ret->next));
	for (unsigned t = 0; t < talk->turn_count; t++) {
		unsigned dir = talk->turns[t].dir;

		if (n[dir] && n[dir] <= DETAIL_NEXT_MAX)
			ret->next[dir][n[dir] - 1] = dialogue_turn(talk, t);
		n[dir]++;
	}
}

static void input_of(const struct inspect_flow *f, struct detail_in *ret)
{
	for (unsigned d = 0; d < 2; d++) {
		ret->said[d] = dialogue_start(&f->work->talk, d);
		ret->whole[d] = f->whole[d];
	}
	next_datagrams(&f->work->talk, ret);
	ret->datagrams = f->work->talk.datagrams;
	ret->server_dir = server_of(f);
}

static void facts_merge(struct facts *to, const struct facts *from)
{
	char value[FACTS_MAX];

	for (int i = FACT_NONE + 1; i < FACT_MAX; i++)
		if (facts_get(from->text, (enum fact)i, value, sizeof(value)))
			facts_add_str(to, (enum fact)i, value);
}

/* What is spoken behind a change: as agreed on, or what our recognisers find there. */
static enum app_id inner_app(const struct inspect_flow *f, const struct change *c, struct detail_in *in)
{
	const uint16_t ports[2] = { ntohs(f->key.port[0]), ntohs(f->key.port[1]) };
	struct recog_state race = { 0 };
	struct recog_found found;

	if (recognise_stream(&race, in->said, in->whole, ports, &found) != RECOG_YES)
		return c->to;
	if (found.server_dir < 2)
		in->server_dir = found.server_dir;
	return found.app;
}

/* What our recognisers do not know behind a change, nDPI may: it hears the conversation from there on. */
static const char *inner_ndpi(struct inspector *i, struct inspect_flow *f, const struct detail_in *in)
{
	struct inspect_work *w = f->work;
	size_t bytes = bytes_left(&in->said[0]) + bytes_left(&in->said[1]);
	struct ndpi_turn turns[DIALOGUE_TURNS];
	struct ndpi_answer a;
	unsigned n = 0;

	if (!i->engine || w->inner_app[0] || w->inner_asks == INNER_ASKS_MAX || bytes < w->inner_bytes + w->inner_bytes / 2u + 1)
		return w->inner_app;
	for (unsigned t = 0; t < w->talk.turn_count; t++) {
		unsigned dir = w->talk.turns[t].dir;
		struct bytes b = dialogue_turn(&w->talk, t);

		if (b.p < in->said[dir].p)
			b.p = in->said[dir].p < b.end ? in->said[dir].p : b.end;
		if (bytes_left(&b) && bytes_left(&in->said[dir]))
			turns[n++] = (struct ndpi_turn){ dir, b, bytes_left(&b) };
	}
	w->inner_asks++;
	w->inner_bytes = (uint16_t)bytes;
	ndpi_engine_ask(i->engine, &f->key, turns, n, false, &a);
	if (a.sure == NDPI_SURE_DPI)
		memcpy(w->inner_app, a.app, sizeof(w->inner_app));
	return w->inner_app;
}

static void changed(struct inspector *i, struct inspect_flow *f, const struct change *c, const struct detail_in *outer, struct detail *t)
{
	struct detail_in in = *outer;
	struct detail inner;
	const char *name;
	enum app_id app;
	char at[24];

	for (unsigned d = 0; d < 2; d++)
		if (!bytes_skip(&in.said[d], c->at[d]))
			in.said[d].p = in.said[d].end;
	app = c->to == APP_WEBSOCKET ? APP_WEBSOCKET : inner_app(f, c, &in);
	if (!f->work->changed_ns)
		f->work->changed_ns = f->last_ns;
	snprintf(at, sizeof(at), "%" PRIu64, f->work->changed_ns);
	facts_add_str(&t->facts, FACT_CHANGED_FROM, app_name(t->app));
	facts_add_str(&t->facts, FACT_CHANGED_BY, c->by);
	facts_add_str(&t->facts, FACT_CHANGED_AT, at);
	inner.app = app;
	inner.complete = app == APP_WEBSOCKET || (app == APP_UNKNOWN && (bytes_left(&in.said[0]) + bytes_left(&in.said[1]) > 300));
	inner.host[0] = '\0';
	facts_init(&inner.facts);
	if (app != APP_UNKNOWN && app != APP_WEBSOCKET)
		detail_read(app, &in, &inner);
	name = inner.app == APP_UNKNOWN ? inner_ndpi(i, f, &in) : app_name(inner.app);
	if (!name[0])
		name = app_name(APP_UNKNOWN);
	else
		inner.complete |= inner.app == APP_UNKNOWN;
	facts_add_str(&t->facts, FACT_CHANGED_TO, name);
	facts_merge(&t->facts, &inner.facts);
	if (t->info[0])
		text_append_str(t->info, sizeof(t->info), "; ");
	text_append_str(t->info, sizeof(t->info), "then ");
	text_append_str(t->info, sizeof(t->info), name);
	if (!t->host[0])
		memcpy(t->host, inner.host, sizeof(t->host));
	/* The label stays what the service is known by: SMTP that went on in TLS is SMTP. WebSocket is a service of its own. */
	if (app == APP_WEBSOCKET)
		t->app = app;
	t->complete = inner.complete || (in.whole[0] && in.whole[1]);
}

/* What was sent twice and differs: both readings of its first place. */
static void facts_overlap(const struct inspect_flow *f, struct facts *facts)
{
	for (unsigned d = 0; f->overlap && d < 2; d++) {
		const struct stream_head *h = &f->work->talk.head[d];
		char text[96], first[3 * sizeof(h->other.first) + 1], later[sizeof(first)];

		if (!h->conflict)
			continue;
		text_hex(first, sizeof(first), h->other.first, h->other.len, sizeof(h->other.first));
		text_hex(later, sizeof(later), h->other.later, h->other.len, sizeof(h->other.later));
		snprintf(text, sizeof(text), "%s, byte %u: %s, then %s", d == server_of(f) ? "server" : "client", h->other.at, first, later);
		facts_add_str(facts, FACT_OVERLAP, text);
		return;
	}
	if (f->overlap)
		facts_add_str(facts, FACT_OVERLAP, "fragments of a datagram");
}

void inspect_detail_read(struct inspector *i, struct inspect_flow *f, struct detail *ret)
{
	struct detail_in in;
	struct change c;

	input_of(f, &in);
	detail_read((enum app_id)f->app, &in, ret);
	switch (change_find((enum app_id)f->app, &in, &c)) {
	case CHANGE_DONE:
		changed(i, f, &c, &in, ret);
		break;
	case CHANGE_MAYBE:
		ret->complete = false;
		break;
	case CHANGE_NONE:
		break;
	}
	facts_overlap(f, &ret->facts);
}

void inspect_facts_overlap(struct inspector *i, struct inspect_flow *f)
{
	struct facts facts;

	facts_init(&facts);
	facts_overlap(f, &facts);
	inspect_facts_send(i, f, &facts);
}

bool inspect_quic(struct inspector *i, struct inspect_flow *f)
{
	struct inspect_work *w = f->work;
	struct detail_in in;
	struct detail t;

	input_of(f, &in);
	detail_read(APP_QUIC, &in, &t);
	if (!w->label.host[0])
		memcpy(w->label.host, t.host, sizeof(w->label.host));
	memcpy(w->label.info, t.info, sizeof(w->label.info));
	facts_overlap(f, &t.facts);
	inspect_facts_send(i, f, &t.facts);
	return t.complete;
}

void inspect_facts_send(struct inspector *i, struct inspect_flow *f, const struct facts *facts)
{
	uint64_t hash;

	if (!i->sink.facts || !facts->len)
		return;
	hash = XXH3_64bits(facts->text, facts->len);
	if (hash == f->work->facts_hash)
		return;
	f->work->facts_hash = hash;
	i->sink.facts(&f->key, facts->text, facts->len, i->sink.arg);
}

void inspect_facts_unknown(struct inspector *i, struct inspect_flow *f)
{
	unsigned server = server_of(f);
	struct facts facts;

	if (!i->sink.facts)
		return;
	facts_init(&facts);
	for (unsigned d = 0; d < 2; d++) {
		struct bytes b = dialogue_start(&f->work->talk, d);
		bool is_server = server < 2 ? d == server : d == 1;
		char hex[FIRST_BYTES * 3 + 1];

		if (!bytes_left(&b))
			continue;
		text_hex(hex, sizeof(hex), b.p, bytes_left(&b), FIRST_BYTES);
		facts_add_str(&facts, is_server ? FACT_FIRST_BYTES_SERVER : FACT_FIRST_BYTES_CLIENT, hex);
		facts_add_str(&facts, is_server ? FACT_ENTROPY_SERVER : FACT_ENTROPY_CLIENT, entropy_class(b));
	}
	facts_overlap(f, &facts);
	inspect_facts_send(i, f, &facts);
}
