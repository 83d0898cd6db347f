/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The elements of the sets. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "enforce/nft_plan.h"

const char *nft_family_name(enum nft_family f)
{
	return f == NFT_FAMILY_BRIDGE ? "bridge" : "inet";
}

int plan_elem_cmp(const struct plan_elem *a, const struct plan_elem *b)
{
	if (a->set != b->set)
		return a->set - b->set;
	if (a->workload != b->workload)
		return a->workload - b->workload;
	if (a->dir != b->dir)
		return a->dir - b->dir;
	if (a->family != b->family)
		return a->family - b->family;
	return memcmp(a->key, b->key, sizeof(a->key));
}

/* The lower target first, so that doubles are settled the same way each time. */
static int sort_cmp(const void *x, const void *y)
{
	const struct plan_elem *a = x, *b = y;
	int d = plan_elem_cmp(a, b);

	return d ? d : a->target - b->target;
}

static const char *const set_names[SET_MAX] = {
	[SET_GATE] = "gate",	 [SET_PAIR] = "pair",	  [SET_FLOW] = "flow",	 [SET_PORT] = "port",	      [SET_OUT] = "out",
	[SET_IN] = "in",	 [SET_SRC] = "src",	  [SET_DST] = "dst",	 [SET_SERVES] = "serves",     [SET_KNOWN] = "known",
	[SET_RESOLVER] = "resolver",
};

const char *plan_elem_set(const struct plan_elem *e, char *ret)
{
	if (e->set == SET_PEER_PORT || e->set == SET_PEER_PROTO)
		snprintf(ret, PLAN_NAME_MAX, "w%u_%s%u%s", e->workload, e->dir == PLAN_IN ? "in" : "out", e->family,
			 e->set == SET_PEER_PROTO ? "p" : "");
	else if (e->set == SET_SERVES)
		snprintf(ret, PLAN_NAME_MAX, "serves");
	else
		snprintf(ret, PLAN_NAME_MAX, "%s%u", set_names[e->set], e->family);
	return ret;
}

char plan_elem_verdict(const struct plan_elem *e, char *ret)
{
	switch ((enum plan_set)e->set) {
	case SET_GATE:
		snprintf(ret, PLAN_NAME_MAX, "%s", e->target ? "quarantine" : "blocked");
		return e->target ? 'g' : 'j';
	case SET_OUT:
		snprintf(ret, PLAN_NAME_MAX, "w%u_out", e->target);
		return 'j';
	case SET_IN:
	case SET_SERVES:
		snprintf(ret, PLAN_NAME_MAX, "w%u_in", e->target);
		return 'j';
	case SET_SRC:
		snprintf(ret, PLAN_NAME_MAX, "w%u_src", e->target);
		return 'j';
	case SET_DST:
		snprintf(ret, PLAN_NAME_MAX, "w%u_dst", e->target);
		return 'j';
	case SET_PEER_PORT:
	case SET_PEER_PROTO:
		snprintf(ret, PLAN_NAME_MAX, "e%u", e->target);
		return 'g';
	case SET_PAIR:
	case SET_FLOW:
	case SET_PORT:
	case SET_KNOWN:
	case SET_RESOLVER:
	case SET_MAX:
		break;
	}
	ret[0] = '\0';
	return 0;
}

/* ---- making -------------------------------------------------------------------------------------------------------- */
static int elem_add(struct plan_elems *es, const struct plan_elem *e)
{
	if (es->count == es->room) {
		uint32_t room = es->room ? es->room * 2 : 64;
		struct plan_elem *more = reallocarray(es->v, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		es->v = more;
		es->room = room;
	}
	es->v[es->count++] = *e;
	return 0;
}

static void key_addr(struct plan_elem *e, const uint8_t addr[16])
{
	if (plan_addr_is_v4(addr)) {
		e->family = 4;
		memcpy(e->key + e->key_len, addr + 12, 4);
		e->key_len += 4;
	} else {
		e->family = 6;
		memcpy(e->key + e->key_len, addr, 16);
		e->key_len += 16;
	}
}

static void key_proto(struct plan_elem *e, uint8_t l4)
{
	e->key[e->key_len] = l4;
	e->key_len += 4;
}

static void key_port(struct plan_elem *e, uint16_t port)
{
	uint16_t be = htons(port);

	memcpy(e->key + e->key_len, &be, 2);
	e->key_len += 4;
}

static int endpoint_add(struct plan_elems *es, const struct plan_rec *r, uint8_t flags, bool stateless)
{
	struct plan_elem e = { .target = r->workload, .timeout_s = flags & PLAN_CLOSED ? 0 : PLAN_TIMEOUT_S };
	uint8_t sets[4] = { SET_OUT, SET_IN, SET_SRC, SET_DST };
	int rc = 0;

	key_addr(&e, r->addr);
	for (unsigned i = 0; rc == 0 && i < (stateless || flags & PLAN_CUT ? 4 : 2); i++) {
		e.set = sets[i];
		rc = elem_add(es, &e);
	}
	return rc;
}

/* "Any protocol" is each of those that there are. */
static int peer_add(struct plan_elems *es, const struct plan_rec *r, const struct plan_rec *edge)
{
	static const uint8_t any[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP, IPPROTO_DCCP, IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_GRE,
				       IPPROTO_ESP, IPPROTO_AH };
	bool ports = r->port_lo == r->port_hi;
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < (r->l4 ? 1 : sizeof(any)); i++) {
		struct plan_elem e = { .set = ports ? SET_PEER_PORT : SET_PEER_PROTO, .dir = edge->dir, .workload = edge->workload, .target = r->edge };

		key_addr(&e, r->addr);
		key_proto(&e, r->l4 ? r->l4 : any[i]);
		if (ports)
			key_port(&e, r->port_lo);
		rc = elem_add(es, &e);
	}
	return rc;
}

static int rec_add(struct plan_elems *es, const struct plan_rec *r, const struct plan_rec *const *edges, const uint8_t *flags, bool stateless)
{
	struct plan_elem e = { .set = r->kind == PLAN_KNOWN ? SET_KNOWN : SET_RESOLVER };

	switch ((enum plan_kind)r->kind) {
	case PLAN_ENDPOINT:
		return endpoint_add(es, r, flags[r->workload], stateless);
	case PLAN_PEER:
		return r->bits == 128 && edges[r->edge] ? peer_add(es, r, edges[r->edge]) : 0;
	case PLAN_KNOWN:
	case PLAN_RESOLVER:
		key_addr(&e, r->addr);
		return elem_add(es, &e);
	case PLAN_SERVES:
		e.set = SET_SERVES;
		e.target = r->workload;
		e.timeout_s = flags[r->workload] & PLAN_CLOSED ? 0 : PLAN_TIMEOUT_S;
		key_proto(&e, r->l4);
		key_port(&e, r->port_lo);
		return elem_add(es, &e);
	default:
		return 0;
	}
}

static int plan_add_all(struct plan_elems *es, const struct plan *p, bool stateless)
{
	_cleanup_free_ const struct plan_rec **edges = calloc(PLAN_EDGES_MAX, sizeof(*edges));
	uint8_t flags[PLAN_WORKLOADS_MAX] = { 0 };
	int rc = edges ? 0 : -ENOMEM;

	for (uint32_t i = 0; rc == 0 && i < p->count; i++) {
		if (p->recs[i].kind == PLAN_WORKLOAD)
			flags[p->recs[i].workload] = p->recs[i].flags;
		else if (p->recs[i].kind == PLAN_EDGE)
			edges[p->recs[i].edge] = &p->recs[i];
		else
			rc = rec_add(es, &p->recs[i], edges, flags, stateless);
	}
	return rc;
}

static uint32_t hold_timeout(const struct plan_hold *h)
{
	return h->left_s < PLAN_TIMEOUT_S ? h->left_s : PLAN_TIMEOUT_S;
}

static int block_add(struct plan_elems *es, const struct plan_hold *h)
{
	static const uint8_t with_ports[] = { IPPROTO_TCP, IPPROTO_UDP };
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < (h->l4 || !h->port ? 1 : 2); i++) {
		struct plan_elem e = { .set = h->has_peer ? h->port ? SET_FLOW : SET_PAIR : SET_PORT, .timeout_s = hold_timeout(h) };

		key_addr(&e, h->addr);
		if (h->has_peer)
			key_addr(&e, h->peer);
		if (h->port) {
			key_proto(&e, h->l4 ? h->l4 : with_ports[i]);
			key_port(&e, h->port);
		}
		rc = elem_add(es, &e);
	}
	return rc;
}

static int hold_add(struct plan_elems *es, const struct plan_hold *h)
{
	struct plan_elem e = { .set = SET_GATE, .target = h->quarantine, .timeout_s = hold_timeout(h) };
	int rc;

	if (!h->left_s || (h->has_peer && plan_addr_is_v4(h->addr) != plan_addr_is_v4(h->peer)))
		return 0;
	key_addr(&e, h->addr);
	rc = elem_add(es, &e);
	return rc || h->quarantine ? rc : block_add(es, h);
}

/* A container is gated once: by its quarantine, else by the block that lasts longest. */
static void merge(struct plan_elem *kept, const struct plan_elem *e)
{
	if (kept->set == SET_GATE && e->target > kept->target)
		kept->target = e->target;
	if (kept->timeout_s && (e->timeout_s > kept->timeout_s || !e->timeout_s))
		kept->timeout_s = e->timeout_s;
}

int plan_elems_make(const struct plan *p, const struct plan_hold *holds, uint32_t hold_count, bool stateless, struct plan_elems *ret)
{
	struct plan_elems es = { 0 };
	uint32_t n = 0;
	int rc = p ? plan_add_all(&es, p, stateless) : 0;

	for (uint32_t i = 0; rc == 0 && i < hold_count; i++)
		rc = hold_add(&es, &holds[i]);
	if (rc < 0) {
		plan_elems_free(&es);
		return rc;
	}
	if (es.count) {
		qsort(es.v, es.count, sizeof(es.v[0]), sort_cmp);
		for (uint32_t i = 1; i < es.count; i++)
			if (plan_elem_cmp(&es.v[n], &es.v[i]))
				es.v[++n] = es.v[i];
			else
				merge(&es.v[n], &es.v[i]);
		es.count = n + 1;
	}
	*ret = es;
	return 0;
}

void plan_elems_free(struct plan_elems *e)
{
	free(e->v);
	*e = (struct plan_elems){ 0 };
}
