/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/keeper/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/ipc.h"
#include "base/log.h"
#include "sensor/keeper/guard_private.h"
#include "sensor/msg.h"

/* A ruleset that takes longer is given up: its process is killed. */
#define APPLY_MAX_NS (30 * NSEC_PER_SEC)
#define REFRESH_NS (PLAN_REFRESH_S * NSEC_PER_SEC)

/* ---- telling ----------------------------------------------------------------------------------------------------------- */
void guard_tell_state(struct guard *g, const struct guard_ask *ask, enum policy_how how, int status, const char *err)
{
	struct msg_policy_state m = { .ns = g->ns, .how = (uint8_t)how, .hold = ask->hold, .status = status, .serial = ask->serial };

	m.micros = (uint32_t)((clock_mono_ns() - ask->at_ns) / 1000);
	m.bridge4 = g->bridge4;
	m.bridge6 = g->bridge6;
	snprintf(m.err, sizeof(m.err), "%s", err ? err : "");
	g->all->events.tell(g->all->events.arg, MSG_POLICY_STATE, ask->seq, &m, sizeof(m));
}

/* ---- guards -------------------------------------------------------------------------------------------------------------- */
struct guard *guard_find(struct guards *all, uint16_t ns)
{
	for (struct guard *g = all->first; g; g = g->next)
		if (g->ns == ns)
			return g;
	return NULL;
}

static void on_changes(void *arg, uint32_t events)
{
	guard_changes(arg);
}

struct guard *guard_get(struct guards *all, uint16_t ns, int *ret_error)
{
	struct guard *g = guard_find(all, ns);
	int fd;

	if (g)
		return g;
	fd = all->events.ns_fd(all->events.arg, ns);
	g = fd < 0 ? NULL : calloc(1, sizeof(*g));
	*ret_error = fd < 0 ? -ENOENT : -ENOMEM;
	if (!g)
		return NULL;
	g->all = all;
	g->ns = ns;
	g->result_fd = g->queue.fd = g->queue.reset[0] = g->queue.reset[1] = -1;
	g->queue.source = LOOP_SOURCE_NONE;
	g->changes_source = g->result_source = LOOP_SOURCE_NONE;
	g->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	*ret_error = g->fd < 0 ? -errno : nft_sock_open(all->home_fd, g->fd, &g->sock);
	if (*ret_error == 0)
		*ret_error = loop_add(all->loop, &g->changes_source, nft_sock_events_fd(g->sock), EPOLLIN, on_changes, g);
	if (*ret_error < 0) {
		nft_sock_close(g->sock);
		close_fd(&g->fd);
		free(g);
		return NULL;
	}
	g->next = all->first;
	all->first = g;
	return g;
}

static void guard_free(struct guard *g)
{
	struct nft_result r;

	for (struct guard **at = &g->all->first; *at; at = &(*at)->next)
		if (*at == g) {
			*at = g->next;
			break;
		}
	if (g->pid) {
		loop_remove(g->all->loop, &g->result_source);
		nft_apply_end(g->pid, g->result_fd, &r);
	}
	guard_queue_close(g);
	loop_timer_stop(g->all->loop, &g->refresh);
	loop_timer_stop(g->all->loop, &g->overdue);
	loop_remove(g->all->loop, &g->changes_source);
	nft_sock_close(g->sock);
	close_fd(&g->fd);
	plan_free(&g->now);
	plan_free(&g->applying);
	plan_free(&g->next_plan);
	plan_free(&g->incoming);
	free(g);
}

void guards_ns_gone(struct guards *all, uint16_t ns)
{
	struct guard *g = all ? guard_find(all, ns) : NULL;

	if (!g)
		return;
	guard_checked(g, NULL);
	guard_free(g);
}

void guards_core_started(struct guards *all)
{
	for (struct guard *g = all ? all->first : NULL; g; g = g->next) {
		plan_free(&g->incoming);
		g->told = false;
	}
}

int guards_new(struct loop *loop, const struct guard_events *events, struct guards **ret)
{
	struct guards *all = calloc(1, sizeof(*all));
	int r;

	if (!all)
		return -ENOMEM;
	all->loop = loop;
	all->events = *events;
	all->home_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (all->home_fd < 0) {
		r = -errno;
		free(all);
		return r;
	}
	*ret = all;
	return 0;
}

void guards_free(struct guards *all)
{
	if (!all)
		return;
	loop_timer_stop(all->loop, &all->keep_timer);
	while (all->first)
		guard_free(all->first);
	close_fd(&all->home_fd);
	free(all);
}

/* ---- rulesets --------------------------------------------------------------------------------------------------------------- */
/* What is held, with what is left of each life. Those that are over go. */
unsigned guard_holds(struct guard *g, struct plan_hold ret[GUARD_HOLDS_MAX])
{
	uint64_t now = clock_mono_ns();
	unsigned n = 0;

	for (unsigned i = 0; i < g->hold_count;) {
		struct guard_hold *h = &g->holds[i];

		if (h->until_ns && h->until_ns <= now) {
			*h = g->holds[--g->hold_count];
			continue;
		}
		ret[n] = h->hold;
		ret[n++].left_s = h->until_ns ? (uint32_t)((h->until_ns - now + NSEC_PER_SEC - 1) / NSEC_PER_SEC) : UINT32_MAX;
		i++;
	}
	return n;
}

static void on_result(void *arg, uint32_t events);

static void on_overdue(void *arg)
{
	struct guard *g = arg;

	log_warn("policy: a ruleset took longer than %u s in namespace %u: given up", (unsigned)(APPLY_MAX_NS / NSEC_PER_SEC), g->ns);
	on_result(g, 0);
}

const struct plan *guard_newest(const struct guard *g)
{
	return g->has_next ? &g->next_plan : g->applying_next ? &g->applying : &g->now;
}

/* Who asked while it was being applied waits for what comes next. */
static void ruleset_failed(struct guard *g, int status, const char *err)
{
	log_error("policy: the ruleset of namespace %u was not taken: %s %s", g->ns, strerror(-status), err);
	plan_free(&g->applying);
	g->applying_next = false;
	guard_answer(g, g->asks_applying, POLICY_HOW_NONE, status, err);
	if (g->has_next)
		guard_plan(g);
	else
		guard_answer_all(g, POLICY_HOW_NONE, status, err);
}

/* Takes the waiting plan and what is held to the kernel, as a whole. One at a time. */
void guard_ruleset(struct guard *g)
{
	static struct plan_hold holds[GUARD_HOLDS_MAX]; /* one thread */
	const struct plan *p = g->has_next ? &g->next_plan : &g->now;
	struct nft_job job = { .netns_fd = g->fd, .plan = p->count ? p : NULL, .holds = holds, .had_bridge = g->bridge4 || g->bridge6 || !g->seen_tables,
			       .queue = g->queue.first, .native_queue = !g->all->no_native_queue };
	int r;

	if (g->pid) {
		g->again = true;
		return;
	}
	job.hold_count = guard_holds(g, holds);
	job.earlier = (uint16_t)(PLAN_PRIORITIES - 1 - g->turn++ % PLAN_PRIORITIES);
	g->again = false;
	g->asks_applying = g->ask_count;
	if (!job.plan && !job.hold_count) {
		guard_remove(g);
		return;
	}
	guard_counters(g, true);
	g->applying_next = g->has_next;
	if (g->has_next) {
		g->applying = g->next_plan;
		g->applying_serial = g->next_serial;
		g->next_plan = (struct plan){ 0 };
		g->has_next = false;
		job.plan = g->applying.count ? &g->applying : NULL;
	}
	r = nft_apply_start(&job, &g->pid, &g->result_fd);
	if (r == 0)
		r = loop_add(g->all->loop, &g->result_source, g->result_fd, EPOLLIN, on_result, g);
	if (r < 0) {
		ruleset_failed(g, r, "");
		return;
	}
	loop_timer_set(g->all->loop, &g->overdue, APPLY_MAX_NS, on_overdue, g);
}

static void on_refresh(void *arg)
{
	guard_refresh(arg);
}

void guard_refresh_later(struct guard *g)
{
	loop_timer_set(g->all->loop, &g->refresh, REFRESH_NS, on_refresh, g);
}

static void on_result(void *arg, uint32_t events)
{
	struct guard *g = arg;
	struct nft_result r;
	pid_t pid = g->pid;

	loop_remove(g->all->loop, &g->result_source);
	loop_timer_stop(g->all->loop, &g->overdue);
	if (!events)
		(void)kill(pid, SIGKILL);
	nft_apply_end(pid, g->result_fd, &r);
	g->pid = 0;
	g->last_pid = (uint32_t)pid;
	g->result_fd = -1;
	if (r.status < 0) {
		guard_tampered(g, r.status);
		ruleset_failed(g, r.status, r.err);
		return;
	}
	if (g->applying_next) {
		plan_free(&g->now);
		g->now = g->applying;
		g->applying = (struct plan){ 0 };
		g->serial = g->applying_serial;
		g->applying_next = false;
	}
	if (r.queue_error && !g->queue.error)
		log_error("policy: namespace %u: packets cannot be queued: %s: the choice for failures holds for edges whose protocol is to be checked", g->ns,
			  strerror(-r.queue_error));
	g->queue.error = r.queue_error ? r.queue_error : g->queue.error;
	g->queue.native = r.native_queue;
	g->all->no_native_queue |= plan_has_checks(&g->now) && !r.native_queue;
	g->bridge4 = r.bridge4;
	g->bridge6 = r.bridge6;
	g->active = g->seen_tables = true;
	guard_know_table(g);
	guard_answer(g, g->asks_applying, POLICY_HOW_RULESET, 0, "");
	guard_tampered(g, 0);
	guard_refresh_later(g);
	guard_queue_settle(g);
	if (g->again)
		guard_ruleset(g);
	else
		guard_plan(g);
}

/* ---- plans ------------------------------------------------------------------------------------------------------------------- */
static int plan_is_safe(struct guard *g, const struct plan *p, char *err, size_t len)
{
	int r = plan_check(p, err, len);

	for (uint32_t i = 0; r == 0 && i < p->count; i++)
		if (p->recs[i].kind == PLAN_ENDPOINT && g->all->events.ns_has(g->all->events.arg, g->ns, p->recs[i].addr)) {
			snprintf(err, len, "an address of the node itself as a container's");
			r = -EPERM;
		}
	return r;
}

static void plan_complete(struct guard *g, const struct ipc_hdr *h, const struct msg_policy_plan *m)
{
	struct guard_ask ask = { .seq = h->seq, .serial = m->serial, .at_ns = clock_mono_ns() };
	char err[200] = "";
	int r = plan_is_safe(g, &g->incoming, err, sizeof(err));

	if (r < 0) {
		plan_free(&g->incoming);
		guard_tell_state(g, &ask, POLICY_HOW_NONE, r, err);
		return;
	}
	plan_free(&g->next_plan);
	g->next_plan = g->incoming;
	g->incoming = (struct plan){ 0 };
	g->next_serial = m->serial;
	g->has_next = true;
	g->told = true;
	guard_ask_add(g, &ask);
	guard_queue_plan(g, &g->next_plan);
	if (!g->pid)
		guard_plan(g);
}

static void plan_message(struct guards *all, const struct ipc_hdr *h, const void *body)
{
	struct guard_ask ask = { .seq = h->seq, .at_ns = clock_mono_ns() };
	struct msg_policy_plan m;
	struct guard *g;
	int r = 0;

	if (h->len < sizeof(m))
		return;
	memcpy(&m, body, sizeof(m));
	ask.serial = m.serial;
	if (m.count > POLICY_PART_RECS || h->len != sizeof(m) + m.count * sizeof(struct plan_rec))
		return;
	g = guard_get(all, m.ns, &r);
	if (!g) {
		struct guard none = { .all = all, .ns = m.ns };

		guard_tell_state(&none, &ask, POLICY_HOW_NONE, r, "no namespace of this number carries containers' packets");
		return;
	}
	if (m.flags & POLICY_PART_FIRST) {
		plan_free(&g->incoming);
		g->incoming = (struct plan){ .ns = m.ns, .mark = m.mark };
		g->incoming_bad = 0;
	}
	for (uint32_t i = 0; i < m.count && !g->incoming_bad; i++) {
		struct plan_rec rec;

		memcpy(&rec, (const char *)body + sizeof(m) + i * sizeof(rec), sizeof(rec));
		g->incoming_bad = plan_add(&g->incoming, &rec);
	}
	if (!(m.flags & POLICY_PART_LAST))
		return;
	if (g->incoming_bad) {
		plan_free(&g->incoming);
		guard_tell_state(g, &ask, POLICY_HOW_NONE, g->incoming_bad, "the plan is too large");
		return;
	}
	plan_complete(g, h, &m);
}

/* ---- the rest of what core says ------------------------------------------------------------------------------------------------ */
static void all_cb(uint16_t ns, void *arg)
{
	struct guards *all = arg;
	int r = 0;
	struct guard *g = guard_get(all, ns, &r);

	if (!g)
		return;
	/* Of an earlier keeper or core, and wanted no more. */
	if (!g->told && !g->hold_count && !g->pid)
		guard_remove(g);
	if (!g->active && !g->pid)
		guard_free(g); /* nothing is watched where nothing is enforced */
}

void guards_message(struct guards *all, const struct ipc_hdr *h, const void *body)
{
	uint16_t ns;
	struct guard *g;

	switch (h->type) {
	case MSG_POLICY_PLAN:
		plan_message(all, h, body);
		break;
	case MSG_POLICY_HOLD:
		guard_hold_message(all, h, body);
		break;
	case MSG_POLICY_ALL:
		all->events.ns_each(all->events.arg, all_cb, all);
		break;
	case MSG_POLICY_COUNTERS:
		if (h->len != sizeof(ns))
			break;
		memcpy(&ns, body, sizeof(ns));
		g = guard_find(all, ns);
		if (g)
			guard_counters(g, false);
		break;
	default:
		break;
	}
}
