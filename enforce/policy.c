/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "enforce/policy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sensor/msg_queue.h"

#ifndef IPPROTO_UDPLITE
#define IPPROTO_UDPLITE 136
#endif

bool policy_prefix(const char *text, uint8_t ret_addr[16], uint8_t *ret_bits)
{
	const char *slash = strchr(text, '/');
	size_t n = slash ? (size_t)(slash - text) : strlen(text);
	unsigned long bits, max;
	char buf[64], *end;
	struct in_addr a4;

	if (!n || n >= sizeof(buf))
		return false;
	memcpy(buf, text, n);
	buf[n] = '\0';
	memset(ret_addr, 0, 16);
	if (inet_pton(AF_INET, buf, &a4) == 1) {
		ret_addr[10] = ret_addr[11] = 0xff;
		memcpy(ret_addr + 12, &a4, 4);
		max = 32;
	} else if (inet_pton(AF_INET6, buf, ret_addr) == 1) {
		max = 128;
	} else {
		return false;
	}
	bits = slash ? strtoul(slash + 1, &end, 10) : max;
	if (slash && (!slash[1] || *end || bits > max))
		return false;
	*ret_bits = (uint8_t)(bits + 128 - max);
	return true;
}

bool policy_port(const char *text, uint8_t *ret_l4, uint16_t *ret_lo, uint16_t *ret_hi)
{
	static const struct {
		const char *name;
		uint8_t l4;
		bool ports;
	} names[] = { { "tcp", IPPROTO_TCP, true },	{ "udp", IPPROTO_UDP, true },	{ "sctp", IPPROTO_SCTP, true },
		      { "dccp", IPPROTO_DCCP, true },	{ "udplite", IPPROTO_UDPLITE, true }, { "icmp", IPPROTO_ICMP, false },
		      { "icmpv6", IPPROTO_ICMPV6, false }, { "gre", IPPROTO_GRE, false }, { "esp", IPPROTO_ESP, false },
		      { "ah", IPPROTO_AH, false } };
	const char *slash = strchr(text, '/');
	size_t n = slash ? (size_t)(slash - text) : strlen(text);
	unsigned long v;
	bool ports = false;
	char *end;

	*ret_l4 = 0;
	*ret_lo = 0;
	*ret_hi = 65535;
	if (!strcmp(text, "*"))
		return true;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i].name) == n && !strncmp(names[i].name, text, n)) {
			*ret_l4 = names[i].l4;
			ports = names[i].ports;
		}
	if (!*ret_l4) { /* "132/7": a protocol without a name here */
		v = strtoul(text, &end, 10);
		if (end != text + n || !v || v > 255)
			return false;
		*ret_l4 = (uint8_t)v;
	}
	if (!ports || !slash || !strcmp(slash + 1, "*"))
		return true;
	v = strtoul(slash + 1, &end, 10);
	if (!slash[1] || *end || v > 65535)
		return false;
	*ret_lo = *ret_hi = (uint16_t)v;
	return true;
}

/* ---- peers ------------------------------------------------------------------------------------------------------- */
struct making {
	const struct policy_input *in;
	struct plan *plan;
	int rc;
};

static void put(struct making *m, const struct plan_rec *r)
{
	if (m->rc == 0)
		m->rc = plan_add(m->plan, r);
}

bool policy_name_fits(const char *rule, const char *name)
{
	size_t r = strlen(rule), n = strlen(name);

	if (rule[0] != '*' || rule[1] != '.')
		return !strcmp(rule, name);
	return n > r - 1 && !strcmp(name + n - (r - 1), rule + 1); /* "*.a.b": below a.b, not a.b */
}

static void external_put(struct making *m, const struct policy_rule *rule, struct plan_rec *r)
{
	struct plan_rec maybe = { .kind = PLAN_MAYBE, .workload = rule->workload, .l4 = r->l4, .port_lo = r->port_lo, .port_hi = r->port_hi };
	const char *peer = rule->peer + 4;

	if (!strcmp(peer, "*")) {
		r->kind = PLAN_ANYBODY;
		put(m, r);
		return;
	}
	if (policy_prefix(peer, r->addr, &r->bits)) {
		put(m, r);
		return;
	}
	r->bits = 128;
	if (rule->dir == PLAN_OUT)
		put(m, &maybe);
	for (size_t i = 0; i < m->in->name_count; i++)
		if (m->in->names[i].workload == rule->workload && policy_name_fits(peer, m->in->names[i].name)) {
			memcpy(r->addr, m->in->names[i].addr, 16);
			put(m, r);
		}
}

/* What may be spoken with whom serves: at each of its addresses here. False: nothing is known of it, and nothing is checked. */
static bool protocols_put(struct making *m, const struct policy_rule *rule)
{
	const char *server = rule->dir == PLAN_IN ? m->in->workloads[rule->workload].name : rule->peer;
	struct plan_rec r = { .kind = PLAN_PROTOCOL, .workload = rule->workload };
	bool any = false;

	if (!rule->check || !policy_port(rule->port, &r.l4, &r.port_lo, &r.port_hi) || r.port_lo != r.port_hi || (r.l4 != IPPROTO_TCP && r.l4 != IPPROTO_UDP))
		return false;
	for (size_t i = 0; i < m->in->protocol_count; i++) {
		const struct policy_protocol *p = &m->in->protocols[i];

		if (p->l4 != r.l4 || p->port != r.port_lo || strcmp(p->workload, server))
			continue;
		r.app = queue_app_hash(p->app);
		for (size_t k = 0; k < m->in->endpoint_count; k++)
			if (m->in->endpoints[k].ns == m->plan->ns && !strcmp(m->in->endpoints[k].workload, server)) {
				memcpy(r.addr, m->in->endpoints[k].addr, 16);
				put(m, &r);
				any = true;
			}
	}
	return any;
}

static void rule_put(struct making *m, size_t index)
{
	const struct policy_rule *rule = &m->in->rules[index];
	struct plan_rec r = { .kind = PLAN_EDGE, .dir = rule->dir, .workload = rule->workload, .edge = (uint16_t)index };

	r.flags = protocols_put(m, rule) ? PLAN_CHECK : 0;
	put(m, &r);
	r = (struct plan_rec){ .kind = PLAN_PEER, .edge = (uint16_t)index };
	if (!policy_port(rule->port, &r.l4, &r.port_lo, &r.port_hi))
		return;
	if (!strncmp(rule->peer, "ext:", 4)) {
		external_put(m, rule, &r);
		return;
	}
	r.bits = 128;
	for (size_t i = 0; i < m->in->endpoint_count; i++) {
		const struct policy_endpoint *e = &m->in->endpoints[i];

		if (e->ns == m->plan->ns && !strcmp(e->workload, rule->peer)) {
			memcpy(r.addr, e->addr, 16);
			put(m, &r);
		}
	}
}

/* ---- the plan ------------------------------------------------------------------------------------------------------ */
static bool workload_is_here(const struct policy_input *in, uint16_t ns, const char *name)
{
	for (size_t i = 0; i < in->endpoint_count; i++)
		if (in->endpoints[i].ns == ns && !strcmp(in->endpoints[i].workload, name))
			return true;
	for (size_t i = 0; i < in->listener_count; i++)
		if (in->listeners[i].ns == ns && !strcmp(in->listeners[i].workload, name))
			return true;
	return false;
}

static void workload_put(struct making *m, uint16_t index)
{
	const struct policy_workload *w = &m->in->workloads[index];
	struct plan_rec r = { .kind = PLAN_WORKLOAD, .workload = index };

	r.flags = (w->cut ? PLAN_CUT : 0) | (w->closed ? PLAN_CLOSED : 0);
	put(m, &r);
	for (size_t i = 0; i < m->in->endpoint_count; i++) {
		const struct policy_endpoint *e = &m->in->endpoints[i];

		if (e->ns != m->plan->ns || strcmp(e->workload, w->name))
			continue;
		r = (struct plan_rec){ .kind = PLAN_ENDPOINT, .workload = index };
		memcpy(r.addr, e->addr, 16);
		put(m, &r);
	}
	for (size_t i = 0; i < m->in->listener_count; i++) {
		const struct policy_listener *l = &m->in->listeners[i];

		if (l->ns != m->plan->ns || strcmp(l->workload, w->name))
			continue;
		r = (struct plan_rec){ .kind = PLAN_SERVES, .workload = index, .l4 = l->l4, .port_lo = l->port, .port_hi = l->port };
		put(m, &r);
	}
	for (size_t i = 0; i < m->in->rule_count; i++)
		if (m->in->rules[i].workload == index)
			rule_put(m, i);
}

static void surroundings_put(struct making *m)
{
	for (size_t i = 0; i < m->in->place_count; i++) {
		const struct policy_place *pl = &m->in->places[i];
		struct plan_rec r = { .kind = pl->kind, .bits = pl->kind == PLAN_RESOLVER ? 0 : pl->bits };

		if (pl->ns && pl->ns != m->plan->ns)
			continue;
		memcpy(r.addr, pl->addr, 16);
		put(m, &r);
	}
	for (size_t i = 0; i < m->in->endpoint_count; i++) {
		struct plan_rec r = { .kind = PLAN_KNOWN };

		if (m->in->endpoints[i].ns != m->plan->ns)
			continue;
		memcpy(r.addr, m->in->endpoints[i].addr, 16);
		put(m, &r);
	}
}

int policy_make(const struct policy_input *in, uint16_t ns, struct plan *ret)
{
	struct plan p = { .ns = ns, .mark = in->mark };
	struct making m = { .in = in, .plan = &p };
	bool any = false;

	if (in->workload_count > PLAN_WORKLOADS_MAX || in->rule_count > PLAN_EDGES_MAX)
		return -ENOSPC;
	for (size_t i = 0; i < in->workload_count; i++)
		if (workload_is_here(in, ns, in->workloads[i].name)) {
			workload_put(&m, (uint16_t)i);
			any = true;
		}
	if (any)
		surroundings_put(&m);
	if (m.rc < 0) {
		plan_free(&p);
		return m.rc;
	}
	plan_sort(&p);
	*ret = p;
	return 0;
}
