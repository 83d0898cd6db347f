/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "enforce/plan.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 64u

void plan_free(struct plan *p)
{
	free(p->recs);
	*p = (struct plan){ 0 };
}

int plan_add(struct plan *p, const struct plan_rec *r)
{
	if (p->count == PLAN_RECORDS_MAX)
		return -ENOSPC;
	/* Grown at each power of two. */
	if (!p->recs || (p->count >= FIRST_ROOM && !(p->count & (p->count - 1)))) {
		struct plan_rec *more = reallocarray(p->recs, p->count < FIRST_ROOM ? FIRST_ROOM : p->count * 2, sizeof(*more));

		if (!more)
			return -ENOMEM;
		p->recs = more;
	}
	p->recs[p->count++] = *r;
	return 0;
}

static int rec_cmp(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct plan_rec)); /* kind is the first byte; there is no padding that is not set */
}

void plan_sort(struct plan *p)
{
	uint32_t n = 0;

	if (!p->count)
		return;
	qsort(p->recs, p->count, sizeof(p->recs[0]), rec_cmp);
	for (uint32_t i = 1; i < p->count; i++)
		if (rec_cmp(&p->recs[n], &p->recs[i]))
			p->recs[++n] = p->recs[i];
	p->count = n + 1;
}

/* ---- checking ---------------------------------------------------------------------------------------------------- */
bool plan_addr_in(const uint8_t a[16], const uint8_t prefix[16], unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;

	if (memcmp(a, prefix, whole))
		return false;
	return !rest || !((a[whole] ^ prefix[whole]) >> (8 - rest));
}

/* An address that one container can have: nobody is cut off by a plan that takes the node's loopback, a group or "any" for one. */
static bool is_host_addr(const uint8_t a[16])
{
	static const uint8_t zero[16], loopback[16] = { [15] = 1 };

	if (plan_addr_is_v4(a))
		return a[12] != 0 && a[12] != 127 && a[12] < 224;
	return memcmp(a, zero, 16) && memcmp(a, loopback, 16) && a[0] != 0xff;
}

static bool mark_is_fine(uint32_t mark)
{
	uint32_t low = mark & -mark;

	return __builtin_popcount(mark) >= 3 && !((mark + low) & mark);
}

struct seen {
	uint8_t workload[PLAN_WORKLOADS_MAX], edge[PLAN_EDGES_MAX];
};

static const char *rec_wrong(struct seen *s, const struct plan_rec *r)
{
	bool prefix = r->kind == PLAN_PEER || r->kind == PLAN_NET || r->kind == PLAN_ALWAYS;
	bool single = r->kind == PLAN_ENDPOINT || r->kind == PLAN_KNOWN || r->kind == PLAN_RESOLVER || r->kind == PLAN_PROTOCOL;

	if (r->workload >= PLAN_WORKLOADS_MAX || r->edge >= PLAN_EDGES_MAX || r->dir > PLAN_OUT || r->port_lo > r->port_hi)
		return "a number out of its range";
	if ((r->kind == PLAN_EDGE || r->kind == PLAN_MAYBE || r->kind == PLAN_ENDPOINT || r->kind == PLAN_SERVES || r->kind == PLAN_PROTOCOL) &&
	    !s->workload[r->workload])
		return "a workload that is not in the plan";
	if ((r->kind == PLAN_PEER || r->kind == PLAN_ANYBODY) && !s->edge[r->edge])
		return "an edge that is not in the plan";
	if ((r->kind == PLAN_PEER || r->kind == PLAN_ANYBODY || r->kind == PLAN_MAYBE) && r->port_lo != r->port_hi && (r->port_lo || r->port_hi != 65535))
		return "a range of ports";
	if (prefix && (r->bits > 128 || (plan_addr_is_v4(r->addr) && r->bits < 96)))
		return "a prefix length out of its range";
	if (single && !is_host_addr(r->addr))
		return "an address that no container has";
	if ((r->kind == PLAN_WORKLOAD && s->workload[r->workload]) || (r->kind == PLAN_EDGE && s->edge[r->edge]))
		return "a number that stands for two things";
	if (r->kind == PLAN_WORKLOAD)
		s->workload[r->workload] = 1;
	if (r->kind == PLAN_EDGE)
		s->edge[r->edge] = 1;
	return NULL;
}

/* An endpoint that the node itself has would cut the node off. */
static const char *always_wrong(const struct plan *p)
{
	uint32_t first = 0, last, e = 0, e_last = 0;

	while (first < p->count && p->recs[first].kind < PLAN_ALWAYS) {
		e += p->recs[first].kind < PLAN_ENDPOINT;
		e_last += p->recs[first].kind <= PLAN_ENDPOINT;
		first++;
	}
	for (last = first; last < p->count && p->recs[last].kind == PLAN_ALWAYS; last++)
		;
	if (last - first > PLAN_ALWAYS_MAX)
		return "too many addresses that are never refused";
	for (; e < e_last; e++)
		for (uint32_t i = first; i < last; i++)
			if (plan_addr_in(p->recs[e].addr, p->recs[i].addr, p->recs[i].bits))
				return "an address of the node, a gateway or of management as a container's";
	return NULL;
}

int plan_check(const struct plan *p, char *err, size_t err_len)
{
	struct seen *s = calloc(1, sizeof(*s));
	const char *wrong = NULL;

	if (!s)
		return -ENOMEM;
	if (p->count > PLAN_RECORDS_MAX)
		wrong = "too many records";
	else if (!mark_is_fine(p->mark))
		wrong = "a mark that is not 3 or more neighbouring bits";
	for (uint32_t i = 0; i < p->count && !wrong; i++) {
		const struct plan_rec *r = &p->recs[i];

		if (r->kind >= PLAN_KIND_MAX)
			wrong = "a record of unknown kind";
		else if (i && rec_cmp(&p->recs[i - 1], r) >= 0)
			wrong = "records out of order";
		else
			wrong = rec_wrong(s, r);
	}
	free(s);
	if (!wrong)
		wrong = always_wrong(p);
	if (wrong)
		snprintf(err, err_len, "%s", wrong);
	return wrong ? -EINVAL : 0;
}

bool plan_has_checks(const struct plan *p)
{
	for (uint32_t i = 0; i < p->count && p->recs[i].kind <= PLAN_EDGE; i++)
		if (p->recs[i].kind == PLAN_EDGE && p->recs[i].flags & PLAN_CHECK)
			return true;
	return false;
}

bool plan_is_element(const struct plan_rec *r)
{
	return r->kind == PLAN_ENDPOINT || r->kind == PLAN_KNOWN || r->kind == PLAN_RESOLVER || r->kind == PLAN_SERVES || r->kind == PLAN_PROTOCOL ||
	       (r->kind == PLAN_PEER && r->bits == 128);
}

/* ---- differences -------------------------------------------------------------------------------------------------- */
int plan_diff(const struct plan *a, const struct plan *b, int (*cb)(const struct plan_rec *r, bool added, void *arg), void *arg)
{
	uint32_t i = 0, k = 0;
	int rc = 0;

	while (rc == 0 && (i < a->count || k < b->count)) {
		int d = i == a->count ? 1 : k == b->count ? -1 : rec_cmp(&a->recs[i], &b->recs[k]);

		if (d < 0)
			rc = cb(&a->recs[i++], false, arg);
		else if (d > 0)
			rc = cb(&b->recs[k++], true, arg);
		else
			i++, k++;
	}
	return rc;
}

static int is_structure(const struct plan_rec *r, bool added, void *arg)
{
	return !plan_is_element(r);
}

bool plan_is_update(const struct plan *a, const struct plan *b)
{
	return a->ns == b->ns && a->mark == b->mark && plan_diff(a, b, is_structure, NULL) == 0;
}

/* ---- judging ------------------------------------------------------------------------------------------------------ */
static bool in_kind(const struct plan *p, enum plan_kind k, const uint8_t a[16])
{
	for (uint32_t i = 0; i < p->count; i++) {
		const struct plan_rec *r = &p->recs[i];

		if (r->kind == k && plan_addr_in(a, r->addr, k == PLAN_KNOWN || k == PLAN_RESOLVER || k == PLAN_ENDPOINT ? 128 : r->bits))
			return true;
	}
	return false;
}

static const struct plan_rec *edge_rec(const struct plan *p, uint16_t edge)
{
	for (uint32_t i = 0; i < p->count; i++)
		if (p->recs[i].kind == PLAN_EDGE && p->recs[i].edge == edge)
			return &p->recs[i];
	return NULL;
}

static bool fits(const struct plan_rec *r, uint8_t l4, uint16_t dport)
{
	return (!r->l4 || r->l4 == l4) && dport >= r->port_lo && dport <= r->port_hi;
}

/* Whether a name that is allowed there may have this address. */
static bool may_be_named(const struct plan *p, uint16_t workload, const uint8_t peer[16], uint8_t l4, uint16_t dport)
{
	for (uint32_t i = 0; i < p->count; i++)
		if (p->recs[i].kind == PLAN_MAYBE && p->recs[i].workload == workload && fits(&p->recs[i], l4, dport))
			return !in_kind(p, PLAN_NET, peer);
	return false;
}

/* One end's word: its workloads' edges in this direction. */
static enum plan_verdict judge_end(const struct plan *p, const uint8_t own[16], const uint8_t peer[16], int dir, uint8_t l4, uint16_t dport)
{
	bool enforced = false, maybe = false, outside = !in_kind(p, PLAN_NET, peer);

	for (uint32_t i = 0; i < p->count; i++) {
		const struct plan_rec *e = &p->recs[i];

		if (e->kind != PLAN_ENDPOINT || memcmp(e->addr, own, 16))
			continue;
		enforced = true;
		maybe = maybe || (dir == PLAN_OUT && may_be_named(p, e->workload, peer, l4, dport));
		for (uint32_t k = 0; k < p->count; k++) {
			const struct plan_rec *r = &p->recs[k], *edge;

			if ((r->kind != PLAN_PEER && r->kind != PLAN_ANYBODY) || !fits(r, l4, dport))
				continue;
			edge = edge_rec(p, r->edge);
			if (!edge || edge->workload != e->workload || edge->dir != dir)
				continue;
			if (r->kind == PLAN_ANYBODY ? outside : plan_addr_is_v4(r->addr) == plan_addr_is_v4(peer) && plan_addr_in(peer, r->addr, r->bits))
				return PLAN_ALLOW;
		}
	}
	return !enforced ? PLAN_PASS : maybe ? PLAN_DROP : PLAN_REFUSE;
}

enum plan_verdict plan_judge(const struct plan *p, const uint8_t src[16], const uint8_t dst[16], uint8_t l4, uint16_t dport)
{
	enum plan_verdict out, in;

	if (in_kind(p, PLAN_ALWAYS, src) || in_kind(p, PLAN_ALWAYS, dst))
		return PLAN_PASS;
	if (dport == 53 && (l4 == IPPROTO_UDP || l4 == IPPROTO_TCP) && in_kind(p, PLAN_RESOLVER, dst))
		return PLAN_PASS;
	out = judge_end(p, src, dst, PLAN_OUT, l4, dport);
	in = out >= PLAN_REFUSE ? PLAN_PASS : judge_end(p, dst, src, PLAN_IN, l4, dport);
	if (out < PLAN_REFUSE && in < PLAN_REFUSE)
		return out == PLAN_ALLOW || in == PLAN_ALLOW ? PLAN_ALLOW : PLAN_PASS;
	if ((in_kind(p, PLAN_NET, src) && !in_kind(p, PLAN_KNOWN, src)) || (in_kind(p, PLAN_NET, dst) && !in_kind(p, PLAN_KNOWN, dst)))
		return PLAN_DROP;
	return out == PLAN_DROP ? PLAN_DROP : PLAN_REFUSE;
}
