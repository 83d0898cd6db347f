/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the parts of the inspector only (inspector.c: samples and time; inspect_label.c: what is said of a flow;
 * inspect_dns.c: answers; inspect_fragment.c: pieces of datagrams). Their contracts are at inspector.h. */
#ifndef PG_APPID_INSPECT_PRIVATE_H
#define PG_APPID_INSPECT_PRIVATE_H

#include "appid/detail.h"
#include "appid/inspect_flow.h"
#include "appid/inspector.h"
#include "base/bytes.h"

enum { INSPECT_ASKS_MAX = 12 }; /* questions to nDPI about one flow, the last one not counted */

struct inspector {
	struct inspect_table table;
	struct inspector_sink sink;
	struct ndpi_engine *engine;
	struct ip_join *join;
	size_t head_bytes, head_bytes_max;
	bool forget;
	struct inspect_works out, wait, ask; /* wait: in order of wait_since_ns; ask: nDPI, at the end of the batch */
	unsigned out_count;
	uint64_t swept_ns;
	struct msg_inspect_stats stats;
};

/* ---- lists: a flow with work is in each at most once ------------------------------------------------------- */
static inline void inspect_out_add(struct inspector *i, struct inspect_flow *f)
{
	if (f->dirty)
		return;
	f->dirty = true;
	TAILQ_INSERT_TAIL(&i->out, f->work, out);
	i->out_count++;
}

static inline void inspect_out_remove(struct inspector *i, struct inspect_flow *f)
{
	if (!f->dirty)
		return;
	f->dirty = false;
	TAILQ_REMOVE(&i->out, f->work, out);
	i->out_count--;
}

static inline void inspect_wait_add(struct inspector *i, struct inspect_flow *f)
{
	if (f->waiting)
		TAILQ_REMOVE(&i->wait, f->work, wait);
	f->waiting = true;
	f->work->wait_since_ns = f->last_ns;
	TAILQ_INSERT_TAIL(&i->wait, f->work, wait);
}

static inline void inspect_wait_remove(struct inspector *i, struct inspect_flow *f)
{
	if (!f->waiting)
		return;
	f->waiting = false;
	TAILQ_REMOVE(&i->wait, f->work, wait);
}

static inline void inspect_ask_add(struct inspector *i, struct inspect_flow *f)
{
	if (f->asking)
		return;
	f->asking = true;
	TAILQ_INSERT_TAIL(&i->ask, f->work, ask);
}

static inline void inspect_ask_remove(struct inspector *i, struct inspect_flow *f)
{
	if (!f->asking)
		return;
	f->asking = false;
	TAILQ_REMOVE(&i->ask, f->work, ask);
}

/* ---- inspector.c --------------------------------------------------------------------------------- */
/* A sample that is no fragment. overlap: pieces it was made of contradict each other. */
void inspect_sample(struct inspector *i, const struct pg_sample *s, const uint8_t *payload, bool overlap);
/* Has the recognisers look at what they have not seen yet. */
void inspect_catch_up(struct inspector *i, struct inspect_flow *f);

/* ---- inspect_fragment.c -------------------------------------------------------------------------- */
int inspect_fragments_init(struct inspector *i);
void inspect_fragment(struct inspector *i, const struct pg_sample *s, const uint8_t *payload);
/* What waited too long for its other pieces is looked at as it is; now UINT64_MAX: everything. */
void inspect_fragments_old(struct inspector *i, uint64_t now_mono_ns);

/* ---- inspect_label.c ----------------------------------------------------------------------------- */
bool inspect_is_dns(const struct inspect_flow *f);
/* Has the flow a name that is no guess? */
bool inspect_identified(const struct inspect_flow *f);
/* Sends the label as it stands. */
void inspect_label_send(struct inspector *i, struct inspect_flow *f);
/* The label as it stands is the last one; goes with the next flush. */
void inspect_label_final(struct inspector *i, struct inspect_flow *f);
/* Ends the work on a flow. */
void inspect_finish(struct inspector *i, struct inspect_flow *f);
/* Our recognisers found it. */
void inspect_own_found(struct inspector *i, struct inspect_flow *f, const struct recog_found *found);
/* A flow they found said more: its details are read again at the next flush. */
void inspect_own_more(struct inspector *i, struct inspect_flow *f);
/* Puts what they found into the label, and the details. Returns whether it is worth sending. */
bool inspect_own_label(struct inspector *i, struct inspect_flow *f);
/* Bytes of all turns. */
unsigned inspect_talk_bytes(const struct dialogue *d);
/* nDPI sees the whole conversation again with each question: the first turns one by one, later ones in growing steps. */
bool inspect_turns_worth_asking(const struct inspect_work *w);
/* Is there enough new to ask nDPI again? */
bool inspect_worth_asking(const struct inspect_work *w);
/* last: nothing more will come. True when nDPI gave an identification; it is in the label then. */
bool inspect_ask_ndpi(struct inspector *i, struct inspect_flow *f, bool last);
/* Fills the label with the best that can be said now without an identification. */
void inspect_say_likely(struct inspector *i, struct inspect_flow *f);
/* The last word on a flow, whatever it is, at once. */
void inspect_give_up(struct inspector *i, struct inspect_flow *f);

/* ---- inspect_detail.c ---------------------------------------------------------------------------- */
/* What a flow that our recognisers found says about itself, followed through a change of protocol. */
void inspect_detail_read(struct inspector *i, struct inspect_flow *f, struct detail *ret);
/* Says the facts, unless the same were said of this flow before. */
void inspect_facts_send(struct inspector *i, struct inspect_flow *f, const struct facts *facts);
/* Says what was seen of a flow that nobody knows. */
void inspect_facts_unknown(struct inspector *i, struct inspect_flow *f);
/* Of a flow that nDPI named: what was sent twice and differs, if anything. */
void inspect_facts_overlap(struct inspector *i, struct inspect_flow *f);
/* What the hello in a flow says that nDPI knows to be QUIC: facts, and the name where nDPI found none. False: more may come. */
bool inspect_quic(struct inspector *i, struct inspect_flow *f);

/* ---- inspect_dns.c ------------------------------------------------------------------------------- */
/* Reports the addresses that one DNS message over UDP answers with. */
void inspect_dns_datagram(struct inspector *i, const struct flow_key *key, const uint32_t end_if[2], unsigned dir, struct bytes b,
			  bool cut);
/* The messages of a TCP stream that are complete by now. */
void inspect_dns_stream(struct inspector *i, struct inspect_flow *f);

#endif
