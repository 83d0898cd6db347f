/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "enforce/action.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"

const char *action_name(enum action a)
{
	switch (a) {
	case ACTION_ALERT:
		return "alert";
	case ACTION_REFUSE:
		return "refuse";
	case ACTION_BLOCK:
		return "block";
	case ACTION_RESET:
		return "reset";
	case ACTION_QUARANTINE:
		return "quarantine";
	case ACTION_PAUSE:
		return "pause";
	case ACTION_EVIDENCE:
		return "evidence";
	case ACTION_KILL:
		return "kill";
	case ACTION_STOP:
		return "stop";
	case ACTION_MAX:
		break;
	}
	return "?";
}

int action_of(const char *name)
{
	for (int a = 0; a < ACTION_MAX; a++)
		if (!strcmp(action_name((enum action)a), name))
			return a;
	return -1;
}

int action_rules_set(struct action_rules *r, const char *workload, int finding, uint32_t actions)
{
	size_t n = strlen(workload);
	struct action_rule *at = NULL;

	if (n >= sizeof(at->workload))
		return -ENAMETOOLONG;
	for (unsigned i = 0; i < r->count; i++)
		if (r->rules[i].finding == finding && !strcmp(r->rules[i].workload, workload))
			at = &r->rules[i];
	if (!at) {
		if (r->count == ACTION_RULES_MAX)
			return -E2BIG;
		at = &r->rules[r->count++];
	}
	memset(at, 0, sizeof(*at));
	memcpy(at->workload, workload, n);
	at->finding = finding;
	at->actions = actions;
	return 0;
}

uint32_t action_rules_get(const struct action_rules *r, const char *workload, int finding)
{
	uint32_t actions = 0;
	int best = -1;

	for (unsigned i = 0; i < r->count; i++) {
		const struct action_rule *a = &r->rules[i];
		int special = (a->workload[0] ? 2 : 0) + (a->finding >= 0 ? 1 : 0);

		if ((a->workload[0] && strcmp(a->workload, workload) != 0) || (a->finding >= 0 && a->finding != finding) || special <= best)
			continue;
		best = special;
		actions = a->actions;
	}
	return actions | ACTION_BIT(ACTION_ALERT);
}
