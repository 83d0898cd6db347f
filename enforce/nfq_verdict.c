/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "enforce/nfq_verdict.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "enforce/nfq_conns.h"
#include "enforce/nfq_msg.h"
#include "enforce/nfq_reset.h"
#include "enforce/nfq_sock.h"
#include "enforce/plan.h"
#include "sensor/msg.h"

#define SERVICES_MAX 65536u
#define READ_MAX 256       /* packets before others have their turn */
#define OUT_MAX 64         /* verdicts in one system call */

struct queue_ns {
	struct queue_ns *next;
	uint16_t ns, first;
	int fd, reset[2];  /* IPv4, IPv6; -1 none */
	bool has_stale;
	uint32_t mark, stale[2];
	struct msg_queue_service *services; /* sorted; those of one place are neighbours */
	unsigned count, room;
	char out[OUT_MAX * NFQ_VERDICT_BYTES] __attribute__((aligned(8)));
	size_t out_len;
};

struct nfq_verdict {
	struct nfq_verdict_events events;
	struct nfq_conns *conns;
	struct queue_ns *first;
	struct msg_queue_stats stats;
};

static struct queue_ns *ns_find(struct nfq_verdict *v, uint16_t ns)
{
	for (struct queue_ns *n = v->first; n; n = n->next)
		if (n->ns == ns)
			return n;
	return NULL;
}

/* ---- verdicts -------------------------------------------------------------------------------------------------------- */
static void out_flush(struct queue_ns *n)
{
	if (n->out_len)
		(void)nfq_send(n->fd, n->out, n->out_len); /* a socket that takes none is gone with its namespace */
	n->out_len = 0;
}

static void say(struct queue_ns *n, const struct nfq_held *p, uint32_t verdict, uint32_t mark)
{
	if (n->out_len + NFQ_VERDICT_BYTES > sizeof(n->out))
		out_flush(n);
	n->out_len += nfq_verdict_put(n->out + n->out_len, p->queue, p->id, verdict, mark);
}

/* Given to the rules again, with what was decided about its connection. */
static void say_mark(struct queue_ns *n, const struct nfq_held *p, unsigned bits)
{
	say(n, p, NF_REPEAT, (p->mark & ~n->mark) | ((n->mark & -n->mark) * bits));
}

/* Whose packet is judged is reset by the rules; the other end, which waits for what will not come, from here. */
static void tell_other_end(const struct queue_ns *n, const struct nfq_conn *c, unsigned end)
{
	const struct nfq_side *from = &c->side[!end];
	struct nfq_reset r = { .sport = c->key.port[!end], .dport = c->key.port[end], .seq = from->next };

	if (c->key.l4 != IPPROTO_TCP || !from->known)
		return;
	for (unsigned i = c->held_count; i-- > 0;) {
		if (c->held[i].side == end)
			return;
		if ((int32_t)(c->held[i].seq - r.seq) < 0)
			r.seq = c->held[i].seq;
	}
	memcpy(r.src, c->key.addr[!end], 16);
	memcpy(r.dst, c->key.addr[end], 16);
	(void)nfq_reset_send(n->reset, &r); /* else it hears it when it speaks */
}

/* Ends it. */
static void decide(struct nfq_verdict *v, struct queue_ns *n, struct nfq_conn *c, bool allowed)
{
	for (unsigned end = 0; end < 2 && !allowed && c->held_count; end++)
		tell_other_end(n, c, end);
	for (unsigned i = 0; i < c->held_count; i++)
		say_mark(n, &c->held[i], allowed ? PLAN_MARK_ALLOWED : PLAN_MARK_REFUSED);
	nfq_conns_drop(v->conns, c);
}

static void refused_tell(struct nfq_verdict *v, const struct nfq_conn *c, const char *app, bool undecided)
{
	struct msg_queue_refused m = { .ns = c->key.ns, .l4 = c->key.l4, .undecided = undecided, .port = { c->key.port[0], c->key.port[1] } };

	memcpy(m.addr, c->key.addr, sizeof(m.addr));
	memccpy(m.app, app, 0, sizeof(m.app) - 1);
	(void)v->events.core(v->events.arg, MSG_QUEUE_REFUSED, &m, sizeof(m)); /* its counter says it too */
}

/* Nobody knows: the choice for failures. */
static void undecided(struct nfq_verdict *v, struct queue_ns *n, struct nfq_conn *c, uint64_t counters[2])
{
	bool closed = c->closed;

	counters[closed]++;
	if (closed)
		refused_tell(v, c, "Unknown", true);
	decide(v, n, c, !closed);
}

/* What was asked about goes on, as it is: nothing is decided. */
static void let_on(struct queue_ns *n, struct nfq_conn *c)
{
	for (unsigned i = 0; i < c->held_asked; i++)
		say(n, &c->held[i], NF_ACCEPT, 0);
	c->held_count -= c->held_asked;
	memmove(c->held, c->held + c->held_asked, c->held_count * sizeof(c->held[0]));
	c->held_asked = 0;
}

/* ---- services -------------------------------------------------------------------------------------------------------- */
static int place_cmp(const struct msg_queue_service *a, const struct msg_queue_service *b)
{
	int d = memcmp(a->addr, b->addr, 16);

	if (d == 0)
		d = (int)a->port - (int)b->port;
	return d ? d : (int)a->l4 - (int)b->l4;
}

static int service_cmp(const void *a, const void *b)
{
	const struct msg_queue_service *x = a, *y = b;
	int d = place_cmp(x, y);

	return d ? d : x->app < y->app ? -1 : x->app > y->app;
}

/* The first of those of this place; *ret_count of them, 0: it is none. */
static const struct msg_queue_service *service_find(const struct queue_ns *n, const uint8_t addr[16], uint16_t port, uint8_t l4, unsigned *ret_count)
{
	struct msg_queue_service k = { .port = port, .l4 = l4 };
	unsigned lo = 0, hi = n->count;

	memcpy(k.addr, addr, 16);
	while (lo < hi) {
		unsigned mid = lo + (hi - lo) / 2;

		if (place_cmp(&n->services[mid], &k) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (hi = lo; hi < n->count && !place_cmp(&n->services[hi], &k); hi++)
		;
	*ret_count = hi - lo;
	return hi > lo ? &n->services[lo] : NULL;
}

/* ---- questions ------------------------------------------------------------------------------------------------------------ */
static int ask_send(struct nfq_verdict *v, const struct queue_ns *n, const struct nfq_conn *c)
{
	struct {
		struct msg_queue_ask head;
		uint8_t bytes[2 * QUEUE_HEAD_MAX];
	} m = { .head = { .id = c->ask_id, .datagram = c->key.l4 == IPPROTO_UDP } };
	unsigned count = 0;
	const struct msg_queue_service *s = service_find(n, c->key.addr[1], c->key.port[1], c->key.l4, &count);
	size_t at = 0;

	for (unsigned i = 0; i < count && i < QUEUE_APPS_MAX; i++)
		m.head.app[m.head.count++] = s[i].app;
	for (unsigned i = 0; i < 2; i++) {
		m.head.port[i] = c->key.port[i];
		m.head.len[i] = c->side[i].len;
		memcpy(m.bytes + at, c->side[i].head, c->side[i].len);
		at += c->side[i].len;
	}
	return v->events.inspector(v->events.arg, MSG_QUEUE_ASK, &m, sizeof(m.head) + at);
}

/* An inspector that is not there may come before the time is over. */
static void ask(struct nfq_verdict *v, struct queue_ns *n, struct nfq_conn *c, uint64_t now)
{
	if (c->turns++ >= NFQ_TURNS_MAX) {
		undecided(v, n, c, v->stats.budget);
		return;
	}
	nfq_conns_asked(v->conns, c, now);
	v->stats.questions++;
	(void)ask_send(v, n, c);
}

void nfq_verdict_inspector(struct nfq_verdict *v)
{
	for (struct nfq_conn *c = nfq_conns_oldest_ask(v->conns); c; c = nfq_conns_next_ask(c)) {
		struct queue_ns *n = ns_find(v, c->key.ns);

		if (n)
			(void)ask_send(v, n, c);
	}
}

void nfq_verdict_answer(struct nfq_verdict *v, const void *body, size_t len)
{
	struct msg_queue_answer m;
	struct nfq_conn *c;
	struct queue_ns *n;
	bool last;

	if (len != sizeof(m))
		return;
	memcpy(&m, body, sizeof(m));
	m.app[sizeof(m.app) - 1] = '\0';
	c = nfq_conns_by_ask(v->conns, m.id);
	n = c ? ns_find(v, c->key.ns) : NULL;
	if (!n)
		return;
	nfq_conns_answered(v->conns, c);
	last = c->side[0].full || c->side[1].full;
	c->likely |= m.what == QUEUE_LIKELY;
	switch (m.what) {
	case QUEUE_WRONG:
		v->stats.wrong++;
		refused_tell(v, c, m.app, false);
		decide(v, n, c, false);
		break;
	case QUEUE_FITS:
	case QUEUE_CANNOT:
		v->stats.fits += m.what == QUEUE_FITS;
		v->stats.cannot += m.what == QUEUE_CANNOT;
		decide(v, n, c, true);
		break;
	default:
		if ((last || c->turns == NFQ_TURNS_MAX) && c->likely) {
			v->stats.fits++;
			decide(v, n, c, true);
		} else if (last) {
			undecided(v, n, c, v->stats.budget);
		} else {
			let_on(n, c);
			if (c->held_count)
				ask(v, n, c, clock_mono_ns());
		}
	}
	out_flush(n);
}

int nfq_verdict_tick(struct nfq_verdict *v, uint64_t now_ns)
{
	struct nfq_conn *c;

	while ((c = nfq_conns_oldest_ask(v->conns))) {
		uint64_t due = c->asked_ns + QUEUE_WAIT_MS * NSEC_PER_MSEC;
		struct queue_ns *n = ns_find(v, c->key.ns);

		if (due > now_ns)
			return (int)((due - now_ns) / NSEC_PER_MSEC) + 1;
		if (n) {
			undecided(v, n, c, v->stats.late);
			out_flush(n);
		} else {
			nfq_conns_drop(v->conns, c);
		}
	}
	return -1;
}

/* ---- packets -------------------------------------------------------------------------------------------------------------- */
/* Goes on or is dropped, by the queue it came by. */
static void by_choice(struct queue_ns *n, const struct nfq_held *p, uint64_t counters[2])
{
	bool closed = p->queue != n->first;

	counters[closed]++;
	say(n, p, closed ? NF_DROP : NF_ACCEPT, 0);
}

/* Who is the client: the end that is not the service. False: neither is one. */
static bool key_of(const struct queue_ns *n, const struct nfq_segment *s, struct nfq_key *ret, unsigned *ret_side)
{
	unsigned count;
	bool to_server = service_find(n, s->dst, s->dport, s->l4, &count) != NULL;

	*ret = (struct nfq_key){ .ns = n->ns, .l4 = s->l4 };
	if (!to_server && !service_find(n, s->src, s->sport, s->l4, &count))
		return false;
	memcpy(ret->addr[!to_server], s->src, 16);
	memcpy(ret->addr[to_server], s->dst, 16);
	ret->port[!to_server] = s->sport;
	ret->port[to_server] = s->dport;
	*ret_side = !to_server;
	return true;
}

static void bytes_came(struct nfq_verdict *v, struct queue_ns *n, struct nfq_conn *c, const struct nfq_held *p, uint64_t now)
{
	c->held[c->held_count++] = *p;
	if (!c->asked)
		ask(v, n, c, now);
	else if (c->held_count == NFQ_HELD_MAX) /* it did not wait for an answer of its peer */
		undecided(v, n, c, v->stats.budget);
}

static void packet(struct nfq_verdict *v, struct queue_ns *n, const struct nfq_packet *p, uint64_t now)
{
	struct nfq_held held = { .id = p->id, .mark = p->mark, .queue = p->queue };
	struct nfq_segment s;
	struct nfq_key k;
	struct nfq_conn *c;
	unsigned side;

	if (!nfq_segment_parse(p, &s)) {
		by_choice(n, &held, v->stats.odd);
		return;
	}
	if (!key_of(n, &s, &k, &side)) {
		by_choice(n, &held, v->stats.no_rule);
		return;
	}
	c = nfq_conns_find(v->conns, &k);
	if (!c && !s.syn && !s.payload_len) {
		say(n, &held, NF_ACCEPT, 0);
		return;
	}
	if (!c)
		c = nfq_conns_add(v->conns, &k);
	else
		nfq_conns_touch(v->conns, c);
	if (!c) {
		by_choice(n, &held, v->stats.table_full);
		return;
	}
	c->closed = p->queue != n->first;
	held.side = (uint8_t)side;
	held.seq = s.seq;
	switch (nfq_conn_take(c, side, &s)) {
	case NFQ_GAP:
	case NFQ_OTHER:
		v->stats.gaps++;
		say(n, &held, NF_DROP, 0);
		return;
	case NFQ_NEW:
		bytes_came(v, n, c, &held, now);
		return;
	case NFQ_NOTHING:
		break;
	}
	if (s.payload_len && c->asked && c->held_count < NFQ_HELD_MAX - 1) { /* said again, and not judged yet */
		c->held[c->held_count++] = held;
		return;
	}
	say(n, &held, s.payload_len && c->asked ? NF_DROP : NF_ACCEPT, 0);
	c->fins |= (uint8_t)(s.fin << side);
	if ((s.rst || c->fins == 3) && !c->held_count)
		nfq_conns_drop(v->conns, c);
}

static void message(struct nfq_verdict *v, struct queue_ns *n, const struct nlmsghdr *m, uint64_t now)
{
	struct nfq_packet p;
	unsigned q;

	if (m->nlmsg_type == NLMSG_ERROR) {
		v->stats.refused_verdicts++;
		return;
	}
	if (!nfq_packet_parse(m, &p) || p.queue < n->first || p.queue > n->first + 1u)
		return;
	q = p.queue - n->first;
	if (n->has_stale && (int32_t)(p.id - n->stale[q]) <= 0)
		return;
	v->stats.packets++;
	packet(v, n, &p, now);
}

void nfq_verdict_read(struct nfq_verdict *v, uint16_t ns, uint64_t now_ns)
{
	char buf[NFQ_COPY_BYTES + 1024] __attribute__((aligned(8)));
	struct queue_ns *n = ns_find(v, ns);

	for (unsigned i = 0; n && n->fd >= 0 && i < READ_MAX; i++) {
		struct sockaddr_nl from = { 0 };
		socklen_t from_len = sizeof(from);
		ssize_t len = recvfrom(n->fd, buf, sizeof(buf), MSG_DONTWAIT, (struct sockaddr *)&from, &from_len);
		int left = (int)len;

		if (len < 0 && errno == ENOBUFS)
			v->stats.overruns++;
		if (len < 0 && (errno == ENOBUFS || errno == EINTR))
			continue;
		if (len <= 0)
			break;
		if (from.nl_pid) /* not the kernel */
			continue;
		for (const struct nlmsghdr *m = (const struct nlmsghdr *)(const void *)buf; mnl_nlmsg_ok(m, left); m = mnl_nlmsg_next(m, &left))
			message(v, n, m, now_ns);
	}
	if (n)
		out_flush(n);
}

/* ---- namespaces ------------------------------------------------------------------------------------------------------------ */
static void ns_drop(struct nfq_verdict *v, uint16_t ns)
{
	for (struct queue_ns **at = &v->first; *at; at = &(*at)->next) {
		struct queue_ns *n = *at;

		if (n->ns != ns)
			continue;
		*at = n->next;
		nfq_conns_drop_ns(v->conns, ns);
		close_fd(&n->fd);
		close_fd(&n->reset[0]);
		close_fd(&n->reset[1]);
		free(n->services);
		free(n);
		return;
	}
}

void nfq_verdict_socket(struct nfq_verdict *v, uint16_t ns, int fd)
{
	struct queue_ns *n;

	ns_drop(v, ns);
	n = calloc(1, sizeof(*n));
	if (!n) {
		close_fd(&fd); /* the keeper finds its queue full: the choices for failures hold */
		return;
	}
	n->ns = ns;
	n->fd = fd;
	n->reset[0] = n->reset[1] = -1;
	n->next = v->first;
	v->first = n;
}

void nfq_verdict_reset_socket(struct nfq_verdict *v, uint16_t ns, bool v6, int fd)
{
	struct queue_ns *n = ns_find(v, ns);

	close_fd(n ? &n->reset[v6] : &fd);
	if (n)
		n->reset[v6] = fd;
}

static void services_add(struct queue_ns *n, const char *rows, unsigned count)
{
	if (count > SERVICES_MAX - n->count)
		count = SERVICES_MAX - n->count;
	if (n->count + count > n->room) {
		unsigned room = n->count + count + 256;
		struct msg_queue_service *more = reallocarray(n->services, room, sizeof(*more));

		if (!more)
			return; /* where nothing is said the choice for failures holds */
		n->services = more;
		n->room = room;
	}
	if (count)
		memcpy(n->services + n->count, rows, count * sizeof(n->services[0]));
	n->count += count;
}

void nfq_verdict_plan(struct nfq_verdict *v, const void *body, size_t len)
{
	struct msg_queue_plan m;
	struct queue_ns *n;
	bool first_time;

	if (len < sizeof(m))
		return;
	memcpy(&m, body, sizeof(m));
	if (m.count > QUEUE_SERVICES_PART || len != sizeof(m) + m.count * sizeof(struct msg_queue_service))
		return;
	if (m.flags & QUEUE_PLAN_GONE) {
		ns_drop(v, m.ns);
		return;
	}
	n = ns_find(v, m.ns);
	if (!n)
		return;
	first_time = !n->mark;
	if (m.flags & QUEUE_PLAN_FIRST)
		n->count = 0;
	services_add(n, (const char *)body + sizeof(m), m.count);
	if (!(m.flags & QUEUE_PLAN_LAST))
		return;
	if (n->count)
		qsort(n->services, n->count, sizeof(n->services[0]), service_cmp);
	n->mark = m.mark;
	n->first = m.queue;
	if (m.has_stale) {
		n->has_stale = true;
		memcpy(n->stale, m.stale, sizeof(n->stale));
	}
	if (first_time)
		v->events.watch(v->events.arg, n->ns, n->fd);
}

/* ---- life ------------------------------------------------------------------------------------------------------------------- */
struct nfq_verdict *nfq_verdict_new(const struct nfq_verdict_events *e)
{
	struct nfq_verdict *v = calloc(1, sizeof(*v));
	uint64_t seed = 0;

	if (!v)
		return NULL;
	v->events = *e;
	v->conns = getrandom(&seed, sizeof(seed), 0) == sizeof(seed) ? nfq_conns_new(seed) : NULL;
	if (!v->conns) {
		free(v);
		return NULL;
	}
	return v;
}

void nfq_verdict_free(struct nfq_verdict *v)
{
	if (!v)
		return;
	while (v->first)
		ns_drop(v, v->first->ns);
	nfq_conns_free(v->conns);
	free(v);
}

const struct msg_queue_stats *nfq_verdict_stats(struct nfq_verdict *v)
{
	v->stats.connections = nfq_conns_count(v->conns);
	return &v->stats;
}
