/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "enforce/nfq_conns.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 4096u
#define ASKS 4096u /* slots of questions: the low bits of their numbers */

LIST_HEAD(bucket, nfq_conn);
TAILQ_HEAD(queue, nfq_conn);

struct nfq_conns {
	uint64_t seed;
	unsigned count;
	uint32_t next_ask;
	struct bucket buckets[BUCKETS];
	struct queue age, due; /* the oldest first */
	struct nfq_conn *asks[ASKS];
};

static unsigned bucket_of(const struct nfq_conns *c, const struct nfq_key *k)
{
	uint64_t h = c->seed, w[5];

	_Static_assert(sizeof(*k) == sizeof(w), "struct nfq_key has no hidden padding");
	memcpy(w, k, sizeof(w));
	for (unsigned i = 0; i < 5; i++) {
		h = (h ^ w[i]) * 0x9e3779b97f4a7c15ULL;
		h ^= h >> 29;
	}
	return (unsigned)(h >> 40) % BUCKETS;
}

struct nfq_conns *nfq_conns_new(uint64_t seed)
{
	struct nfq_conns *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->seed = seed;
	TAILQ_INIT(&c->age);
	TAILQ_INIT(&c->due);
	return c;
}

void nfq_conns_free(struct nfq_conns *c)
{
	struct nfq_conn *conn;

	if (!c)
		return;
	while ((conn = TAILQ_FIRST(&c->age)))
		nfq_conns_drop(c, conn);
	free(c);
}

struct nfq_conn *nfq_conns_find(struct nfq_conns *c, const struct nfq_key *k)
{
	struct nfq_conn *conn;

	LIST_FOREACH(conn, &c->buckets[bucket_of(c, k)], bucket) {
		if (!memcmp(&conn->key, k, sizeof(*k)))
			return conn;
	}
	return NULL;
}

/* Nothing is lost with one that waits for nothing: what it says next is taken for its beginning. */
static bool make_room(struct nfq_conns *c)
{
	struct nfq_conn *conn;
	unsigned tries = 0;

	if (c->count < NFQ_CONNS_MAX)
		return true;
	TAILQ_FOREACH(conn, &c->age, age) {
		if (++tries > 64)
			return false;
		if (!conn->held_count) {
			nfq_conns_drop(c, conn);
			return true;
		}
	}
	return false;
}

struct nfq_conn *nfq_conns_add(struct nfq_conns *c, const struct nfq_key *k)
{
	struct nfq_conn *conn = make_room(c) ? calloc(1, sizeof(*conn)) : NULL;

	if (!conn)
		return NULL;
	conn->key = *k;
	LIST_INSERT_HEAD(&c->buckets[bucket_of(c, k)], conn, bucket);
	TAILQ_INSERT_TAIL(&c->age, conn, age);
	c->count++;
	return conn;
}

void nfq_conns_touch(struct nfq_conns *c, struct nfq_conn *conn)
{
	TAILQ_REMOVE(&c->age, conn, age);
	TAILQ_INSERT_TAIL(&c->age, conn, age);
}

void nfq_conns_drop(struct nfq_conns *c, struct nfq_conn *conn)
{
	nfq_conns_answered(c, conn);
	TAILQ_REMOVE(&c->age, conn, age);
	LIST_REMOVE(conn, bucket);
	c->count--;
	free(conn);
}

void nfq_conns_drop_ns(struct nfq_conns *c, uint16_t ns)
{
	for (struct nfq_conn *conn = TAILQ_FIRST(&c->age), *next; conn; conn = next) {
		next = TAILQ_NEXT(conn, age);
		if (conn->key.ns == ns)
			nfq_conns_drop(c, conn);
	}
}

unsigned nfq_conns_count(const struct nfq_conns *c)
{
	return c->count;
}

/* ---- questions ------------------------------------------------------------------------------------------------------- */
/* A question whose slot is needed again is answered too late in any case. */
void nfq_conns_asked(struct nfq_conns *c, struct nfq_conn *conn, uint64_t now_ns)
{
	struct nfq_conn **slot;

	nfq_conns_answered(c, conn);
	conn->ask_id = ++c->next_ask;
	slot = &c->asks[conn->ask_id % ASKS];
	*slot = conn;
	conn->asked = true;
	conn->asked_ns = now_ns;
	conn->held_asked = conn->held_count;
	TAILQ_INSERT_TAIL(&c->due, conn, due);
}

void nfq_conns_answered(struct nfq_conns *c, struct nfq_conn *conn)
{
	struct nfq_conn **slot = &c->asks[conn->ask_id % ASKS];

	if (!conn->asked)
		return;
	if (*slot == conn)
		*slot = NULL;
	conn->asked = false;
	TAILQ_REMOVE(&c->due, conn, due);
}

struct nfq_conn *nfq_conns_oldest_ask(struct nfq_conns *c)
{
	return TAILQ_FIRST(&c->due);
}

struct nfq_conn *nfq_conns_next_ask(struct nfq_conn *conn)
{
	return TAILQ_NEXT(conn, due);
}

struct nfq_conn *nfq_conns_by_ask(struct nfq_conns *c, uint32_t ask_id)
{
	struct nfq_conn *conn = c->asks[ask_id % ASKS];

	return conn && conn->asked && conn->ask_id == ask_id ? conn : NULL;
}

/* ---- first bytes ------------------------------------------------------------------------------------------------------- */
static enum nfq_take datagram_take(struct nfq_side *d, const struct nfq_segment *s)
{
	size_t n = bytes_left(&s->payload);

	d->len = (uint16_t)(n < sizeof(d->head) ? n : sizeof(d->head));
	d->full = d->len < s->payload_len;
	if (d->len)
		memcpy(d->head, s->payload.p, d->len);
	return NFQ_NEW;
}

/* What was said before is the same, as far as it was kept. */
static bool is_said(const struct nfq_side *d, uint32_t at, struct bytes b, uint32_t new_from)
{
	size_t n = bytes_left(&b) < new_from ? bytes_left(&b) : new_from;

	if (at >= d->len)
		return true;
	return !memcmp(d->head + at, b.p, n < d->len - at ? n : d->len - at);
}

/* Where the sides begin is what both ends agreed on: a SYN alone, sent into the midst of a connection, must not move it. */
static bool syn_take(struct nfq_conn *conn, unsigned side, const struct nfq_segment *s)
{
	struct nfq_side *d = &conn->side[side], *other = &conn->side[!side];

	if (!s->has_ack) {
		if (!d->known || d->first != s->seq) {
			*d = (struct nfq_side){ .known = true, .first = s->seq, .next = s->seq };
			other->known = other->full = false;
			other->len = 0;
			conn->opening = true;
			conn->fins = 0;
		}
		return true;
	}
	if (conn->opening && s->ack - other->first > other->next - other->first)
		return false; /* an answer to something else */
	if (!conn->opening && d->known && d->first == s->seq)
		return true;
	if (!conn->opening && d->known) { /* a new connection of the same ports, whose SYN had nothing in it */
		if (conn->held_count)
			return false;
		other->known = other->full = false;
		other->len = 0;
		conn->fins = 0;
	}
	conn->opening = false;
	*d = (struct nfq_side){ .known = true, .first = s->seq, .next = s->seq };
	if (!other->known)
		*other = (struct nfq_side){ .known = true, .first = s->ack, .next = s->ack };
	return true;
}

enum nfq_take nfq_conn_take(struct nfq_conn *conn, unsigned side, const struct nfq_segment *s)
{
	struct nfq_side *d = &conn->side[side];
	struct bytes b = s->payload;
	uint32_t more = s->payload_len, old;
	size_t n;

	if (conn->key.l4 == IPPROTO_UDP)
		return datagram_take(d, s);
	if (s->syn && !syn_take(conn, side, s))
		return NFQ_OTHER;
	if (!more)
		return NFQ_NOTHING;
	if (conn->opening && !s->syn)
		return NFQ_GAP;
	if (!d->known)
		*d = (struct nfq_side){ .known = true, .first = s->seq, .next = s->seq };
	if ((int32_t)(s->seq - d->next) > 0)
		return NFQ_GAP;
	old = d->next - s->seq;
	if ((int32_t)(s->seq - d->first) >= 0) {
		if (!is_said(d, s->seq - d->first, b, old))
			return NFQ_OTHER;
	} else if (more > old) {
		return NFQ_OTHER; /* before the beginning, and beyond what was said: no honest end does that */
	}
	if (more <= old)
		return NFQ_NOTHING;
	more -= old;
	if (!bytes_skip(&b, old)) {
		b.p = b.end; /* only what is new was not captured */
	}
	n = bytes_left(&b) < sizeof(d->head) - d->len ? bytes_left(&b) : sizeof(d->head) - d->len;
	if (d->full)
		n = 0;
	if (n)
		memcpy(d->head + d->len, b.p, n);
	d->len = (uint16_t)(d->len + n);
	d->full |= n < more;
	d->next += more;
	return NFQ_NEW;
}
