/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the verdict process and the keeper counted of protocols that are checked before a connection goes on. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/log.h"
#include "sensor/core/model_priv.h"
#include "sensor/core/policy_priv.h"

static void add(struct msg_queue_stats *to, const struct msg_queue_stats *s)
{
	uint64_t *t = (uint64_t *)(void *)to;
	const uint64_t *f = (const uint64_t *)(const void *)s;

	_Static_assert(sizeof(*to) % sizeof(uint64_t) == 0, "all of it are sums");
	for (size_t i = 0; i < sizeof(*to) / sizeof(*t); i++)
		t[i] += f[i];
}

void policy_queue_sums(const struct core_policy *p, struct msg_queue_stats *ret)
{
	*ret = p->queue_before;
	add(ret, &p->queue_now);
	ret->connections = p->queue_now.connections;
}

/* Packets and connections about which nobody decided what they speak. */
static uint64_t stats_unchecked(const struct msg_queue_stats *s)
{
	uint64_t n = s->cannot;

	for (unsigned i = 0; i < 2; i++)
		n += s->late[i] + s->budget[i] + s->table_full[i] + s->no_rule[i] + s->odd[i];
	return n;
}

uint64_t policy_queue_bypassed(const struct msg_queue_state *m, unsigned closed)
{
	return m->counted[closed] > m->queued[closed] ? m->counted[closed] - m->queued[closed] : 0;
}

static uint64_t state_unchecked(const struct msg_queue_state *m)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < 2; i++)
		n += m->kept[i] + policy_queue_bypassed(m, i) + m->dropped_user[i];
	return n;
}

static void lost(struct core *c, uint64_t before, uint64_t now)
{
	if (now > before)
		core_lost(c, LOSS_PROTOCOL_UNCHECKED, now - before);
}

/* The rules' counters and the queue's are not read in one moment: what was bypassed may have been a packet on its way. */
void policy_queue_state(struct core *c, struct msg_queue_state *last, const struct msg_queue_state *now)
{
	uint64_t before = last->ns ? state_unchecked(last) : 0;

	lost(c, before, state_unchecked(now));
	*last = *now;
}

void policy_queue_verdict_ended(struct core *c, const struct msg_program *m)
{
	_cleanup_free_ struct finding *f = NULL;
	unsigned namespaces = 0;
	int st = m->last_status;

	if (!c->policy || c->priv->stopping || !c->model)
		return;
	for (unsigned i = 0; i < c->policy->ns_count; i++)
		namespaces += c->policy->ns[i]->queue.bound;
	f = namespaces ? calloc(1, sizeof(*f)) : NULL;
	if (!f)
		return;
	f->kind = FINDING_LOSS_BLIND;
	f->fact_kind = -1;
	snprintf(f->key, sizeof(f->key), "queue\t%u", m->starts);
	snprintf(f->observed, sizeof(f->observed),
		 "The verdict process ended (%s %d): new connections of %u namespaces whose protocol is checked waited for the next one",
		 WIFSIGNALED(st) ? "signal" : "status", WIFSIGNALED(st) ? WTERMSIG(st) : WEXITSTATUS(st), namespaces);
	snprintf(f->why, sizeof(f->why), "What waited is given to the next one. Where none comes within 300 ms the keeper decides by on_failure of each \
workload: open lets it go on, closed drops it; both are counted (loss protocol_unchecked).");
	model_expect(f, "a verdict process that answers");
	model_on_finding(c, NULL, f);
}

void policy_queue_new_verdict(struct core *c)
{
	if (!c->policy)
		return;
	c->policy->queue_now.connections = 0;
	add(&c->policy->queue_before, &c->policy->queue_now);
	memset(&c->policy->queue_now, 0, sizeof(c->policy->queue_now));
}

static void refused(struct core *c, const struct msg_queue_refused *m)
{
	char client[46], server[46];

	name_addr_text(m->addr[0], client);
	name_addr_text(m->addr[1], server);
	if (m->undecided)
		log_info("policy: %s -> %s port %u refused: what it speaks was not known in time", client, server, m->port[1]);
	else
		log_info("policy: %s -> %s port %u refused: it speaks %.*s", client, server, m->port[1], (int)sizeof(m->app), m->app);
}

void policy_verdict_message(struct core *c, const struct ipc_hdr *hdr, const void *body)
{
	struct msg_queue_refused m;

	if (!c->policy)
		return;
	if (hdr->type == MSG_QUEUE_STATS && hdr->len == sizeof(c->policy->queue_now)) {
		uint64_t before = stats_unchecked(&c->policy->queue_now);

		memcpy(&c->policy->queue_now, body, sizeof(c->policy->queue_now));
		lost(c, before, stats_unchecked(&c->policy->queue_now));
	} else if (hdr->type == MSG_QUEUE_REFUSED && hdr->len == sizeof(m)) {
		memcpy(&m, body, sizeof(m));
		refused(c, &m);
	}
}
