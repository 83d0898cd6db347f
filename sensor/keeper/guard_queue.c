/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Queues of packets whose protocol is not known yet: bound here, read by the verdict process. When it ends, what waits is given to
 * the next one; when none comes soon, it is decided here, by the choice for failures. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "enforce/nfq_reset.h"
#include "enforce/nfq_sock.h"
#include "sensor/keeper/guard_private.h"
#include "sensor/msg.h"

/* So long the next verdict process may take to come: together with the 500 ms after which one is taken to be hung, less than 1 s. */
#define KEEP_AFTER_NS (300 * NSEC_PER_MSEC)
/* One that ends so soon may have died of what waits: that is not given to the next one. */
#define DIED_SOON_NS (250 * NSEC_PER_MSEC)
#define NUMBERS 16 /* that are tried: somebody else may have queues */

static int send_to_verdict(struct guard *g, uint16_t type, const void *body, size_t len, int fd)
{
	return g->all->events.verdict(g->all->events.arg, type, body, len, fd, g->ns);
}

static void services_send(struct guard *g, const struct plan *p, const uint32_t stale[2])
{
	struct {
		struct msg_queue_plan head;
		struct msg_queue_service rows[QUEUE_SERVICES_PART];
	} *m = calloc(1, sizeof(*m));

	if (!m)
		return;
	m->head = (struct msg_queue_plan){ .ns = g->ns, .flags = QUEUE_PLAN_FIRST, .mark = p->mark, .queue = g->queue.first };
	if (stale) {
		m->head.has_stale = 1;
		memcpy(m->head.stale, stale, sizeof(m->head.stale));
	}
	for (uint32_t i = 0; i < p->count; i++) {
		const struct plan_rec *r = &p->recs[i];
		struct msg_queue_service *s = &m->rows[m->head.count];

		if (r->kind != PLAN_PROTOCOL)
			continue;
		*s = (struct msg_queue_service){ .port = r->port_lo, .l4 = r->l4, .app = r->app };
		memcpy(s->addr, r->addr, 16);
		if (++m->head.count < QUEUE_SERVICES_PART)
			continue;
		(void)send_to_verdict(g, MSG_QUEUE_PLAN, m, sizeof(*m), -1);
		m->head.flags = 0;
		m->head.count = 0;
	}
	m->head.flags |= QUEUE_PLAN_LAST;
	(void)send_to_verdict(g, MSG_QUEUE_PLAN, m, sizeof(m->head) + m->head.count * sizeof(m->rows[0]), -1);
	free(m);
}

static void sockets_send(struct guard *g)
{
	static const uint16_t kinds[] = { MSG_FD_QUEUE, MSG_FD_RESET4, MSG_FD_RESET6 };
	const int fds[] = { g->queue.fd, g->queue.reset[0], g->queue.reset[1] };

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (fds[i] >= 0)
			(void)send_to_verdict(g, MSG_FD, &kinds[i], sizeof(kinds[i]), fds[i]);
}

static void resets_open(struct guard *g)
{
	int r = nfq_reset_open(g->all->home_fd, g->fd, g->queue.reset);

	if (r < 0)
		log_error("policy: no raw socket in namespace %u: %s: servers of refused connections hear of it when they speak", g->ns, strerror(-r));
}

void guard_queue_plan(struct guard *g, const struct plan *p)
{
	struct guard_queue *q = &g->queue;
	int r = -EBUSY;

	if (!g->all->events.verdict || !plan_has_checks(p))
		return;
	for (unsigned i = 0; q->fd < 0 && i < NUMBERS; i++) {
		q->first = (uint16_t)(PLAN_QUEUE + 2 * i);
		r = nfq_sock_open(g->all->home_fd, g->fd, q->first, &q->fd);
		if (r == 0) {
			resets_open(g);
			sockets_send(g);
		} else if (r != -EPERM && r != -EBUSY) {
			break;
		}
	}
	q->error = q->fd < 0 ? r : 0;
	if (q->fd < 0) {
		q->first = 0;
		log_error("policy: no queue in namespace %u: %s: the choice for failures holds for edges whose protocol is to be checked", g->ns, strerror(-r));
		return;
	}
	services_send(g, p, NULL);
	guard_checked(g, p);
}

/* Queues go after the rules that lead to them. */
void guard_queue_settle(struct guard *g)
{
	struct msg_queue_plan m = { .ns = g->ns, .flags = QUEUE_PLAN_GONE };

	if (g->queue.fd < 0 || plan_has_checks(&g->now) || plan_has_checks(guard_newest(g)))
		return;
	(void)send_to_verdict(g, MSG_QUEUE_PLAN, &m, sizeof(m), -1);
	guard_checked(g, NULL);
	guard_queue_close(g);
}

void guard_queue_close(struct guard *g)
{
	loop_remove(g->all->loop, &g->queue.source);
	close_fd(&g->queue.fd);
	close_fd(&g->queue.reset[0]);
	close_fd(&g->queue.reset[1]);
	g->queue.first = 0;
	g->queue.last_id[0] = g->queue.last_id[1] = 0;
}

/* ---- verdict processes come and go ---------------------------------------------------------------------------------------- */
static void readable(void *arg, uint32_t events)
{
	struct guard *g = arg;

	nfq_keep(g->queue.fd, g->queue.first, g->queue.kept);
}

/* What the one before has read and not decided waits in the kernel, too. */
static int waiting_decide(struct guard *g, bool again, uint32_t ret_last[2])
{
	struct guard_queue *q = &g->queue;
	struct nfq_state s[2];
	int r = nfq_state_read(g->all->home_fd, g->fd, q->first, s);

	for (unsigned i = 0; r == 0 && i < 2; i++) {
		unsigned verdict = again ? NF_REPEAT : i ? NF_DROP : NF_ACCEPT;

		ret_last[i] = s[i].last_id;
		if (s[i].waiting && nfq_send_batch(q->fd, (uint16_t)(q->first + i), s[i].last_id, verdict) == 0)
			(again ? q->repeated : q->kept)[i] += s[i].waiting;
	}
	return r;
}

static void keep(struct guard *g)
{
	struct guard_queue *q = &g->queue;
	uint32_t last[2];

	if (q->fd < 0 || q->source.fd >= 0)
		return;
	(void)waiting_decide(g, false, last);
	if (loop_add(g->all->loop, &q->source, q->fd, EPOLLIN, readable, g) < 0)
		log_error("policy: nobody decides about protocols until there is a verdict process");
}

static void on_keep(void *arg)
{
	struct guards *all = arg;

	for (struct guard *g = all->first; g; g = g->next)
		keep(g);
}

void guards_verdict_ended(struct guards *all)
{
	if (!all || !all->events.verdict)
		return;
	all->verdict_died_soon = clock_mono_ns() - all->verdict_ns < DIED_SOON_NS;
	loop_timer_set(all->loop, &all->keep_timer, KEEP_AFTER_NS, on_keep, all);
}

void guards_verdict_started(struct guards *all)
{
	if (!all || !all->events.verdict)
		return;
	loop_timer_stop(all->loop, &all->keep_timer);
	all->verdict_ns = clock_mono_ns();
	for (struct guard *g = all->first; g; g = g->next) {
		const struct plan *p = guard_newest(g);
		struct guard_queue *q = &g->queue;
		uint32_t stale[2] = { 0, 0 };
		int r;

		if (q->fd < 0)
			continue;
		loop_remove(all->loop, &q->source);
		r = waiting_decide(g, !all->verdict_died_soon, stale);
		sockets_send(g);
		services_send(g, p, r == 0 ? stale : NULL);
	}
}

/* ---- counting ---------------------------------------------------------------------------------------------------------------- */
void guard_queue_count(struct guard *g, const char *name, uint64_t packets)
{
	if (!strcmp(name, "queued_open") || !strcmp(name, "queued_closed"))
		g->queue.counted_now[!strcmp(name, "queued_closed")] = packets;
	else if (!strcmp(name, "recognised"))
		g->queue.recognised_now = packets;
}

void guard_queue_tell(struct guard *g, bool final)
{
	struct guard_queue *q = &g->queue;
	struct msg_queue_state m = { .ns = g->ns, .queue = q->first, .native = q->native, .bound = q->fd >= 0, .error = q->error };
	struct nfq_state s[2] = { 0 };

	m.bridged = g->bridge4 || g->bridge6;
	if (q->fd < 0 && !q->error && !q->counted[0] && !q->counted[1])
		return;
	if (q->fd >= 0 && nfq_state_read(g->all->home_fd, g->fd, q->first, s) == 0)
		for (unsigned i = 0; i < 2; i++) {
			q->queued[i] += s[i].last_id - q->last_id[i];
			q->last_id[i] = s[i].last_id;
		}
	m.recognised = q->recognised + q->recognised_now;
	q->recognised = final ? m.recognised : q->recognised;
	q->recognised_now = final ? 0 : q->recognised_now;
	for (unsigned i = 0; i < 2; i++) {
		m.waiting[i] = s[i].waiting;
		m.dropped_full[i] = s[i].dropped_full;
		m.dropped_user[i] = s[i].dropped_user;
		m.counted[i] = q->counted[i] + q->counted_now[i];
		m.queued[i] = q->queued[i];
		m.kept[i] = q->kept[i];
		m.repeated[i] = q->repeated[i];
		if (final) { /* this table's counters begin at 0 again */
			q->counted[i] += q->counted_now[i];
			q->counted_now[i] = 0;
		}
	}
	g->all->events.tell(g->all->events.arg, MSG_QUEUE_STATE, 0, &m, sizeof(m));
}
