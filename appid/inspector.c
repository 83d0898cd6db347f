/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "appid/inspector.h"

#include <errno.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "appid/inspect_private.h"
#include "appid/ip_join.h"
#include "base/clock.h"

enum { SEGMENT_WHOLE = 16 }; /* a segment shorter than this is waited on: it may be a piece of a message */
static const uint64_t wait_piece_ns = 20 * NSEC_PER_MSEC; /* none of ours fits: how long to wait for the rest of a message */
static const uint64_t wait_race_ns = 60 * NSEC_PER_MSEC;  /* one of ours could still fit */
static const uint64_t wait_first_ns = 300 * NSEC_PER_MSEC; /* the first segment is missing: TCP sends it again after 200 ms */
static const uint64_t wait_provisional_ns = NSEC_PER_SEC; /* then say what is known so far */
static const uint64_t wait_give_up_ns = 10 * NSEC_PER_SEC;
static const uint64_t wait_datagram_ns = 30 * NSEC_PER_SEC; /* pings of some protocols are 20 s apart */
static const uint64_t linger_told_ns = 100 * NSEC_PER_MSEC; /* and what comes of it later nobody sends */
static const uint64_t linger_ns = 2 * NSEC_PER_SEC;       /* a finished flow's key, used again later, is a new flow */

struct inspector *inspector_new(const struct inspector_limits *limits, const struct inspector_sink *sink, struct ndpi_engine *engine)
{
	struct inspector *i = calloc(1, sizeof(*i));

	if (!i || inspect_fragments_init(i) < 0 || inspect_table_init(&i->table, limits->flows ? limits->flows : 8192, limits->seed) < 0) {
		inspector_free(i);
		return NULL;
	}
	i->sink = *sink;
	i->engine = engine;
	i->head_bytes_max = limits->head_bytes ? limits->head_bytes : 6u << 20;
	i->forget = limits->forget;
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
	ip_join_free(i->join);
	free(i);
}

/* ---- samples ------------------------------------------------------------------------------------- */
/* Our recognisers look at a stream. False: they know nothing of it and ask for no more. */
static bool look(struct inspector *i, struct inspect_flow *f)
{
	struct inspect_work *w = f->work;
	struct bytes heads[2] = { dialogue_start(&w->talk, 0), dialogue_start(&w->talk, 1) };
	const uint16_t ports[2] = { ntohs(f->key.port[0]), ntohs(f->key.port[1]) };
	struct recog_found found;
	enum recog r;

	f->unseen = false;
	w->looked_bytes = (uint16_t)inspect_talk_bytes(&w->talk);
	for (unsigned d = 0; d < 2; d++)
		if (w->talk.rebased[d]) {
			w->talk.rebased[d] = false;
			w->race.begun[0] = w->race.begun[1] = false; /* some judge one side by the other's answer */
			w->likely.app = APP_UNKNOWN;
			w->asked_bytes = 0;
		}
	r = recognise_stream(&w->race, heads, f->whole, ports, &found);
	w->likely = r == RECOG_LIKELY ? found : (struct recog_found){ .app = APP_UNKNOWN };
	if (r == RECOG_YES)
		inspect_own_found(i, f, &found);
	return r != RECOG_NO;
}

void inspect_catch_up(struct inspector *i, struct inspect_flow *f)
{
	if (f->unseen && f->app == APP_UNKNOWN && !f->work->talk.datagrams)
		look(i, f);
}

/* However small the pieces are that a stream comes in, it is looked at a few times more than it doubles. */
static bool worth_looking(const struct inspect_flow *f, size_t segment)
{
	unsigned bytes = inspect_talk_bytes(&f->work->talk), seen = f->work->looked_bytes;

	return segment >= SEGMENT_WHOLE || bytes > seen + seen / 4u || f->whole[0] || f->whole[1];
}

static void step_stream(struct inspector *i, struct inspect_flow *f, size_t segment)
{
	struct inspect_work *w = f->work;
	bool more = true;

	f->unseen = true;
	if (worth_looking(f, segment))
		more = look(i, f);
	if (f->app != APP_UNKNOWN)
		return;
	/* Not before the batch ends: a segment that overtook another is common, and nDPI would judge half a message. */
	if (!more && segment >= SEGMENT_WHOLE && inspect_worth_asking(w))
		inspect_ask_add(i, f);
	if (inspect_talk_bytes(&w->talk) != w->asked_bytes)
		inspect_wait_add(i, f);
}

static void step_datagram(struct inspector *i, struct inspect_flow *f, const struct pg_sample *s, struct bytes b)
{
	const uint16_t ports[2] = { ntohs(f->key.port[0]), ntohs(f->key.port[1]) };
	struct recog_found found;

	if (f->work->talk.turn_count <= 2 &&
	    recognise_datagram(s->dir, b, s->flags & PG_SAMPLE_CUT, ports, &found) == RECOG_YES) {
		/* what looks like DNS on another port may be what nDPI knows by another name */
		if (found.app == APP_DNS && ports[0] != 53 && ports[1] != 53 && inspect_ask_ndpi(i, f, false))
			return;
		inspect_own_found(i, f, &found);
		return;
	}
	if (f->work->asks < INSPECT_ASKS_MAX && inspect_turns_worth_asking(f->work) && inspect_ask_ndpi(i, f, false))
		return;
	if (f->work->talk.turn_count <= 2 && recognise_quic(s->dir, b, &found) == RECOG_YES)
		inspect_own_found(i, f, &found); /* nDPI could not decrypt it: no name, but sure what it is */
}

static void step(struct inspector *i, struct inspect_flow *f, const struct pg_sample *s, struct bytes b)
{
	struct inspect_work *w = f->work;

	if (f->app != APP_UNKNOWN) {
		inspect_own_more(i, f);
	} else if (w->label.confidence == LABEL_DPI) {
		/* nDPI knows the protocol and would like to see more (host names) */
		if (inspect_worth_asking(w))
			inspect_ask_add(i, f);
	} else if (w->talk.datagrams) {
		step_datagram(i, f, s, b);
	} else {
		step_stream(i, f, bytes_left(&b));
	}
	if (inspect_is_dns(f) && w->talk.datagrams)
		inspect_dns_datagram(i, &f->key, f->end_if, s->dir, b, s->flags & PG_SAMPLE_CUT);
	else if (inspect_is_dns(f))
		inspect_dns_stream(i, f);
	if (f->whole[0] && f->whole[1] && !w->label.final && f->app == APP_UNKNOWN) {
		if (inspect_identified(f))
			inspect_label_final(i, f);
		else
			inspect_give_up(i, f);
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
	struct inspect_flow *f = TAILQ_FIRST(&i->table.told) ?: TAILQ_FIRST(&i->table.finished);

	if (!f) {
		f = TAILQ_FIRST(&i->table.active);
		if (!f)
			return;
		i->stats.evicted++;
		inspect_give_up(i, f);
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
		inspect_give_up(i, oldest);
	}
}

/* The kernel knows the low half of the first byte's number. What begins too far behind it began before the samples did. */
static void note_start(struct dialogue *d, const struct pg_sample *s)
{
	struct stream_head *h = &d->head[s->dir];
	int16_t off = (int16_t)(uint16_t)(s->tcp_seq - s->start);

	if (d->datagrams)
		return;
	if (!(s->flags & PG_SAMPLE_START_KNOWN)) { /* or no longer: none will come before this (replay) */
		if (stream_head_waits(h))
			dialogue_wait_no_more(d);
	} else if (off < STREAM_HEAD_WINDOW) {
		stream_head_begin(h, s->tcp_seq - (uint32_t)(int32_t)off);
	}
}

static void note_overlap(struct inspector *i, struct inspect_flow *f, bool overlap)
{
	if (f->overlap || !(overlap || f->work->talk.head[0].conflict || f->work->talk.head[1].conflict))
		return;
	f->overlap = true;
	i->stats.overlaps++;
}

void inspect_sample(struct inspector *i, const struct pg_sample *s, const uint8_t *payload, bool overlap)
{
	struct inspect_flow *f = flow_of(i, s);
	int r;

	if (!f) {
		i->stats.evicted++;
		return;
	}
	inspect_table_touch(&i->table, f, s->ts_ns);
	f->serial = s->flow_serial;
	f->end_if[0] = s->end_if[0];
	f->end_if[1] = s->end_if[1];
	/* who sent the SYN; of datagrams who spoke first */
	if ((s->flags & PG_SAMPLE_SYN_DIR_KNOWN) || s->key.proto == IPPROTO_UDP)
		f->client_dir = s->flags & PG_SAMPLE_CLIENT_SENT ? s->dir : !s->dir;
	if (!f->work) {
		if (inspect_is_dns(f) && s->key.proto == IPPROTO_UDP)
			inspect_dns_datagram(i, &f->key, f->end_if, s->dir, bytes_of(payload, s->cap_len), s->flags & PG_SAMPLE_CUT);
		return;
	}
	f->whole[s->dir] |= !!(s->flags & PG_SAMPLE_LAST);
	note_start(&f->work->talk, s);
	r = dialogue_add(&f->work->talk, s->dir, s->tcp_seq, payload, s->cap_len, s->payload_len);
	note_overlap(i, f, overlap);
	account_memory(i, f);
	i->stats.pieces_dropped += r < 0 && r != -ERANGE; /* beyond the first 2 KiB nothing is wanted */
	if (r <= 0 && !f->whole[s->dir])
		return;
	step(i, f, s, bytes_of(payload, s->cap_len));
}

void inspector_sample(struct inspector *i, const struct pg_sample *s, const uint8_t *payload)
{
	if (!sample_sane(s)) {
		i->stats.bad_version++;
		return;
	}
	i->stats.samples++;
	i->stats.bytes += s->cap_len;
	if (s->flags & PG_SAMPLE_FRAGMENT)
		inspect_fragment(i, s, payload);
	else if (!(s->flags & PG_SAMPLE_LOOPBACK))
		inspect_sample(i, s, payload, false);
	else if (s->key.proto == IPPROTO_UDP) /* answers of the engine's resolver: no flow of ours, only names */
		inspect_dns_datagram(i, &s->key, s->end_if, s->dir, bytes_of(payload, s->cap_len), s->flags & PG_SAMPLE_CUT);
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
	struct inspect_work *w;

	while ((w = TAILQ_FIRST(&i->ask))) {
		struct inspect_flow *f = w->flow;

		inspect_ask_remove(i, f);
		inspect_catch_up(i, f);
		if (f->app == APP_UNKNOWN && inspect_worth_asking(w))
			inspect_ask_ndpi(i, f, false);
	}
}

void inspector_flush(struct inspector *i)
{
	struct inspect_work *w;

	ask_all(i);
	while ((w = TAILQ_FIRST(&i->out))) {
		struct inspect_flow *f = w->flow;

		inspect_out_remove(i, f);
		if (f->stale && !inspect_own_label(i, f))
			continue;
		inspect_label_send(i, f);
		if (!w->label.final)
			continue;
		if (i->forget && w->label.confidence >= LABEL_OWN) {
			inspect_finish(i, f);
			inspect_table_remove(&i->table, f);
			continue;
		}
		/* DNS goes on for as long as the kernel gives samples: each answer names addresses. */
		if (!(f->whole[0] && f->whole[1]) && !inspect_is_dns(f)) {
			i->sink.enough(&f->key, f->serial, i->sink.arg);
			f->told = f->serial != 0;
		}
		inspect_finish(i, f);
	}
}

unsigned inspector_pending(const struct inspector *i)
{
	return i->out_count;
}

/* ---- time ---------------------------------------------------------------------------------------- */
static bool in_race(const struct inspect_flow *f)
{
	return f->work->race.alive[0] || f->work->race.alive[1];
}

/* Nothing came for a while. */
static void judge_waiting(struct inspector *i, struct inspect_flow *f, uint64_t waited)
{
	struct dialogue *d = &f->work->talk;

	inspect_catch_up(i, f);
	if (f->app != APP_UNKNOWN)
		return;
	if ((in_race(f) && waited < wait_race_ns) || (dialogue_waits(d) && waited < wait_first_ns))
		return;
	inspect_wait_remove(i, f);
	if (dialogue_waits(d)) {
		dialogue_wait_no_more(d);
		f->unseen = true;
		inspect_catch_up(i, f);
		if (f->app != APP_UNKNOWN)
			return;
	}
	if (f->work->asks < INSPECT_ASKS_MAX)
		inspect_ask_ndpi(i, f, false);
}

static void tick_waiting(struct inspector *i, uint64_t now)
{
	struct inspect_work *w, *next;

	for (w = TAILQ_FIRST(&i->wait); w; w = next) {
		next = TAILQ_NEXT(w, wait);
		if (w->wait_since_ns + wait_piece_ns > now)
			break;
		judge_waiting(i, w->flow, now - w->wait_since_ns);
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
			inspect_give_up(i, f);
		} else if (!f->provisional && !inspect_identified(f)) {
			f->provisional = true;
			inspect_say_likely(i, f);
			f->work->label.final = f->work->label.confidence == LABEL_DPI;
			inspect_out_add(i, f);
		}
	}
	for (f = TAILQ_FIRST(&i->table.finished); f; f = next) {
		next = TAILQ_NEXT(f, age);
		if (f->last_ns + linger_ns > now)
			break;
		inspect_table_remove(&i->table, f);
	}
}

static void tick_told(struct inspector *i, uint64_t now)
{
	struct inspect_flow *f;

	while ((f = TAILQ_FIRST(&i->table.told)) && f->last_ns + linger_told_ns <= now)
		inspect_table_remove(&i->table, f);
}

void inspector_tick(struct inspector *i, uint64_t now)
{
	inspect_fragments_old(i, now);
	tick_waiting(i, now);
	tick_told(i, now);
	if (now - i->swept_ns >= NSEC_PER_SEC / 2) {
		i->swept_ns = now;
		tick_aged(i, now);
	}
	inspector_flush(i);
}

uint64_t inspector_next_ns(const struct inspector *i, uint64_t now)
{
	const struct inspect_work *w = TAILQ_FIRST(&i->wait);

	if (!i->table.used)
		return ip_join_is_empty(i->join) ? UINT64_MAX : NSEC_PER_SEC / 2;
	if (!w)
		return NSEC_PER_SEC / 2;
	return w->wait_since_ns + wait_piece_ns > now ? w->wait_since_ns + wait_piece_ns - now : wait_piece_ns;
}

void inspector_finish(struct inspector *i)
{
	struct inspect_flow *f;

	inspect_fragments_old(i, UINT64_MAX);
	inspector_flush(i);
	while ((f = TAILQ_FIRST(&i->table.active)))
		inspect_give_up(i, f);
}

void inspector_stats(const struct inspector *i, struct msg_inspect_stats *ret)
{
	*ret = i->stats;
	ret->tracked = i->table.used;
}
