/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "intel/novelty.h"

#include <stdio.h>

static uint64_t samples(const struct novelty_evidence *e)
{
	return e->observations > e->windows ? e->observations : e->windows;
}

double novelty_estimate(const struct novelty_evidence *e)
{
	uint64_t n = samples(e);

	return n ? (double)e->singletons / (double)n : 1.0;
}

/* New things per window is the estimate times the observations of a window: singletons / windows. */
double novelty_false_per_day(const struct novelty_evidence *e, const struct novelty_rule *r)
{
	double windows_a_day = 86400.0 / (r->window_s ? r->window_s : 1);

	return e->windows ? (double)e->singletons / (double)e->windows * windows_a_day : windows_a_day;
}

bool novelty_is_learned(const struct novelty_evidence *e, const struct novelty_rule *r, char *ret_waits, unsigned len)
{
	uint64_t quiet = r->min_windows / 3 ? r->min_windows / 3 : 1;
	bool patient = e->windows >= 10ULL * r->min_windows;
	char none[1];

	if (!ret_waits) {
		ret_waits = none;
		len = sizeof(none);
	}
	ret_waits[0] = '\0';
	if (e->windows < r->min_windows)
		snprintf(ret_waits, len, "%llu more windows of %u s without losses", (unsigned long long)(r->min_windows - e->windows), r->window_s);
	else if (e->starts < 1ULL + r->min_restarts)
		snprintf(ret_waits, len, "%llu more starts of a container", (unsigned long long)(1 + r->min_restarts - e->starts));
	else if (e->wants_requests && e->requests < r->min_requests && !patient)
		snprintf(ret_waits, len, "%llu more requests", (unsigned long long)(r->min_requests - e->requests));
	else if (novelty_estimate(e) * 1000.0 > r->target_permille)
		snprintf(ret_waits, len, "what was seen once to be seen again: unseen %.2f %%, target %.1f %%", novelty_estimate(e) * 100.0,
			 r->target_permille / 10.0);
	else if (e->quiet_windows < quiet)
		snprintf(ret_waits, len, "%llu windows without anything new", (unsigned long long)(quiet - e->quiet_windows));
	else if (e->lossy)
		snprintf(ret_waits, len, "a window without losses");
	else
		return true;
	return false;
}
