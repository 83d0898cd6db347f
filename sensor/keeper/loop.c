/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/keeper/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"

#define ROUND_EVENTS 64

struct loop {
	int epoll;
	struct epoll_event round[ROUND_EVENTS]; /* events being handled: at..count are still to come */
	int at, count;
	struct loop_timer *timers; /* unsorted: there are a few dozen */
};

int loop_new(struct loop **ret)
{
	struct loop *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return -ENOMEM;
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll < 0) {
		r = -errno;
		free(l);
		return r;
	}
	*ret = l;
	return 0;
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	close_fd(&l->epoll);
	free(l);
}

int loop_add(struct loop *l, struct loop_source *s, int fd, uint32_t events, void (*fn)(void *arg, uint32_t events), void *arg)
{
	struct epoll_event e = { .events = events, .data.ptr = s };

	if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &e) < 0)
		return -errno;
	*s = (struct loop_source){ .fd = fd, .fn = fn, .arg = arg };
	return 0;
}

int loop_change(struct loop *l, struct loop_source *s, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.ptr = s };

	if (s->fd < 0)
		return -ENOENT;
	return epoll_ctl(l->epoll, EPOLL_CTL_MOD, s->fd, &e) < 0 ? -errno : 0;
}

void loop_remove(struct loop *l, struct loop_source *s)
{
	if (s->fd < 0)
		return;
	(void)epoll_ctl(l->epoll, EPOLL_CTL_DEL, s->fd, NULL);
	s->fd = -1;
	/* Its owner may be freed now: events of this round that are still to come must not find it. */
	for (int i = l->at; i < l->count; i++)
		if (l->round[i].data.ptr == s)
			l->round[i].data.ptr = NULL;
}

void loop_timer_set(struct loop *l, struct loop_timer *t, uint64_t after_ns, void (*fn)(void *arg), void *arg)
{
	t->due_ns = clock_mono_ns() + after_ns;
	t->fn = fn;
	t->arg = arg;
	if (t->armed)
		return;
	t->armed = true;
	t->next = l->timers;
	l->timers = t;
}

void loop_timer_stop(struct loop *l, struct loop_timer *t)
{
	if (!t->armed)
		return;
	for (struct loop_timer **p = &l->timers; *p; p = &(*p)->next)
		if (*p == t) {
			*p = t->next;
			break;
		}
	t->armed = false;
}

/* Runs what is due now; a callback may change the list, so each one is looked for anew. */
static void timers_run(struct loop *l)
{
	uint64_t now = clock_mono_ns();

	for (;;) {
		struct loop_timer *t = l->timers;

		while (t && t->due_ns > now)
			t = t->next;
		if (!t)
			return;
		loop_timer_stop(l, t);
		t->fn(t->arg);
	}
}

static int wait_ms(const struct loop *l, uint64_t max_wait_ns)
{
	uint64_t now = clock_mono_ns(), wait = max_wait_ns;

	for (const struct loop_timer *t = l->timers; t; t = t->next) {
		uint64_t left = t->due_ns > now ? t->due_ns - now : 0;

		if (left < wait)
			wait = left;
	}
	return (int)((wait + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC);
}

int loop_step(struct loop *l, uint64_t max_wait_ns)
{
	int n = epoll_wait(l->epoll, l->round, ROUND_EVENTS, wait_ms(l, max_wait_ns));

	if (n < 0 && errno != EINTR)
		return -errno;
	l->count = n < 0 ? 0 : n;
	for (l->at = 0; l->at < l->count; l->at++) {
		struct loop_source *s = l->round[l->at].data.ptr;

		if (s)
			s->fn(s->arg, l->round[l->at].events);
	}
	l->count = 0;
	timers_run(l);
	return 0;
}
