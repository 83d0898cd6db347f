/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/core/policy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sensor/core/model.h"

struct core_policy {
	char refusal[256];
};

const char *policy_mode_name(enum policy_mode m)
{
	static const char *const names[POLICY_MODE_MAX] = { "learn", "monitor", "enforce" };

	return m < POLICY_MODE_MAX ? names[m] : "?";
}

static const struct config_policy_workload *configured(const struct core *c, const char *workload)
{
	for (unsigned i = 0; i < c->config.policy.workload_count; i++)
		if (!strcmp(c->config.policy.workloads[i].name, workload))
			return &c->config.policy.workloads[i];
	return NULL;
}

enum policy_mode policy_mode_of(const struct core *c, const char *workload)
{
	const struct config_policy_workload *w = configured(c, workload);
	const struct model *m = core_model_named(c, workload);

	if (w && w->mode == POLICY_ENFORCE)
		return POLICY_ENFORCE;
	return m && model_dimension_state(m, FACT_EDGE_IN) != MODEL_LEARNING && model_dimension_state(m, FACT_EDGE_OUT) != MODEL_LEARNING ?
		       POLICY_MONITOR : POLICY_LEARN;
}

int policy_block(struct core *c, const struct ident_container *ct, const uint8_t peer[16], uint8_t l4, uint16_t port_be,
		 unsigned ttl_s, uint64_t finding)
{
	return -EOPNOTSUPP;
}

int policy_quarantine(struct core *c, const struct ident_container *ct, const struct policy_prefix *analyst, bool on)
{
	return -EOPNOTSUPP;
}

const char *policy_refusal(const struct core *c)
{
	return c->policy ? c->policy->refusal : "";
}

int core_policy_open(struct core *c)
{
	c->policy = calloc(1, sizeof(*c->policy));
	return c->policy ? 0 : -ENOMEM;
}

void core_policy_close(struct core *c)
{
	free(c->policy);
	c->policy = NULL;
}
