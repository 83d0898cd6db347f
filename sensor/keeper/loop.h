/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The keeper's one event loop: epoll sources and timers, one thread. Sources and timers are embedded in their owners; a
 * callback may add or remove any of them, its own included. */
#ifndef PG_KEEPER_LOOP_H
#define PG_KEEPER_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct loop;

struct loop_source {
	int fd; /* not owned; < 0: not in the loop */
	void (*fn)(void *arg, uint32_t events);
	void *arg;
};
/* For an owner that has nothing in the loop yet. */
#define LOOP_SOURCE_NONE ((struct loop_source){ .fd = -1 })

struct loop_timer {
	uint64_t due_ns; /* CLOCK_MONOTONIC */
	void (*fn)(void *arg);
	void *arg;
	bool armed;
	struct loop_timer *next;
};

int loop_new(struct loop **ret);
void loop_free(struct loop *l);

/* events: EPOLLIN and so on. 0 or -errno. */
int loop_add(struct loop *l, struct loop_source *s, int fd, uint32_t events, void (*fn)(void *arg, uint32_t events), void *arg);
int loop_change(struct loop *l, struct loop_source *s, uint32_t events);
/* Before the descriptor is closed. Fine for a source that is not in the loop. */
void loop_remove(struct loop *l, struct loop_source *s);

/* Fires once, after_ns from now; armed again: moves it. */
void loop_timer_set(struct loop *l, struct loop_timer *t, uint64_t after_ns, void (*fn)(void *arg), void *arg);
void loop_timer_stop(struct loop *l, struct loop_timer *t);

/* Waits for and handles one round of events, at most max_wait_ns. 0 or -errno. */
int loop_step(struct loop *l, uint64_t max_wait_ns);

#endif
