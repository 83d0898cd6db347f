/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How much of a workload's behaviour was not seen yet: the Good-Turing estimate (I. J. Good, Biometrika 40, 1953): the chance
 * that the next observation is something new is about (things seen once) / (observations). An observation is one fact in one
 * window without losses; a window in which nothing happened is one too. What is done once at a container's start comes again
 * only at a start: it is left out here and asked for in restarts. Pure. */
#ifndef PG_INTEL_NOVELTY_H
#define PG_INTEL_NOVELTY_H

#include <stdbool.h>
#include <stdint.h>

/* Minimum of evidence before a dimension's learning may end. */
struct novelty_rule {
	uint32_t window_s;         /* length of a window */
	uint32_t min_windows;      /* loss-free windows of life */
	uint32_t min_restarts;     /* starts of containers seen, beyond the first */
	uint32_t min_requests;     /* flows at its listeners, for edges; waived after 10 x min_windows */
	uint32_t target_permille;  /* the estimate must not be above */
};

struct novelty_evidence {
	uint64_t windows;       /* without losses, in which the workload lived */
	uint64_t observations;  /* sum over facts of the windows they were seen in */
	uint64_t singletons;    /* facts seen in one window only, without those of the start */
	uint64_t quiet_windows; /* since the last new fact */
	uint64_t starts, requests;
	bool wants_requests;    /* it listens, and this dimension is about who comes */
	bool lossy;             /* the window that just ended had losses */
};

/* 0..1. */
double novelty_estimate(const struct novelty_evidence *e);
/* Expected findings a day that would be mere unseen habits, if learning ended now. */
double novelty_false_per_day(const struct novelty_evidence *e, const struct novelty_rule *r);
/* Whether learning may end. ret_waits (may be NULL): what is still waited for, "" nothing. */
bool novelty_is_learned(const struct novelty_evidence *e, const struct novelty_rule *r, char *ret_waits, unsigned len);

#endif
