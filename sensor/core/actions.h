/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What follows a finding: the actions that the configuration names for its kind and workload (enforce/action.h) are begun, in the
 * order of enum action, and the finding says what became of each. Findings that only are to be told pass by. Core's loop only.
 *
 * An alert with actions is written when they ended, at the latest ACTIONS_WAIT_NS after the finding; what is not over by then is
 * said to be under way. The same thing again (a program that is started again) is acted on again, and told once. */
#ifndef PG_SENSOR_CORE_ACTIONS_H
#define PG_SENSOR_CORE_ACTIONS_H

#include "base/ipc.h"
#include "enforce/action.h"
#include "intel/finding.h"
#include "sensor/core/core.h"

#define ACTIONS_WAIT_NS (1000 * 1000000ULL)

/* Once the configuration is known. 0 or -ENOMEM. */
int actions_open(struct core *c);
void actions_close(struct core *c);

/* True: something is to be done about it, and model_alert() is called with tell_it when that is over. ct may be NULL. */
bool actions_on_finding(struct core *c, const struct ident_container *ct, struct finding *f, bool tell_it);
void actions_tick(struct core *c, uint64_t now_mono_ns);

/* Answers: MSG_CONTAIN_* of the keeper, engines_act() of an engine. */
void actions_keeper_answer(struct core *c, const struct ipc_hdr *hdr);
void actions_engine_answer(struct core *c, unsigned engine, enum docker_req what, const char *cid, int error);

/* What passes is in the bundle: what follows (kill, stop) may be done. */
void actions_evidence_answer(struct core *c, const char *bundle, int error);

/* For status: how often each was done, and failed. */
struct action_counts {
	uint64_t done[ACTION_MAX], failed[ACTION_MAX], dry[ACTION_MAX];
	uint64_t refused; /* findings that found no room */
};
const struct action_counts *action_counts(const struct core *c);

#endif
