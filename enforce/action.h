/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which actions follow a finding: rules of the configuration (actions.*), chosen by finding and workload. `alert` is the default
 * everywhere and always done. Pure; any thread. */
#ifndef PG_ENFORCE_ACTION_H
#define PG_ENFORCE_ACTION_H

#include <stddef.h>
#include <stdint.h>

/* In the order in which they are done. */
enum action {
	ACTION_ALERT,
	ACTION_REFUSE,     /* programs that the model does not know are refused (enforce/exec_verdict.h): a standing order, no deed */
	ACTION_BLOCK,      /* the peer's address, for a time */
	ACTION_RESET,      /* connections to the peer are cut */
	ACTION_QUARANTINE, /* no network but the analyst's address */
	ACTION_PAUSE,      /* through the engine */
	ACTION_EVIDENCE,   /* a bundle */
	ACTION_KILL,       /* the process of the finding */
	ACTION_STOP,       /* the container, through the engine */
	ACTION_MAX
};
#define ACTION_BIT(a) (1U << (a))
/* Those that change something: only in force where the policy says enforce. */
#define ACTIONS_CHANGING (~(ACTION_BIT(ACTION_ALERT) | ACTION_BIT(ACTION_EVIDENCE)))

const char *action_name(enum action a);
int action_of(const char *name); /* -1: no such name */

#define ACTION_RULES_MAX 128
#define ACTION_WORKLOAD_LEN 192
struct action_rule {
	char workload[ACTION_WORKLOAD_LEN]; /* "": all */
	int finding;                        /* number of a finding's kind; -1: all */
	uint32_t actions;                   /* ACTION_BITs */
};
struct action_rules {
	unsigned count;
	struct action_rule rules[ACTION_RULES_MAX];
};

/* Sets the rule for (workload, finding), replacing one that is there. 0; -E2BIG; -ENAMETOOLONG. */
int action_rules_set(struct action_rules *r, const char *workload, int finding, uint32_t actions);
/* ACTION_BITs, with ALERT. The most special rule alone counts: workload and finding, workload, finding, all. */
uint32_t action_rules_get(const struct action_rules *r, const char *workload, int finding);

#endif
