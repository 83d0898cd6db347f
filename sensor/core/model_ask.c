/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the API asks of models and findings, and what a human decides about them. */
#include <errno.h>

#include "base/clock.h"
#include "sensor/core/model_priv.h"
#include "sensor/core/store_model.h"

struct models *core_models(const struct core *c)
{
	return c->model ? c->model->models : NULL;
}

struct findings *core_findings(const struct core *c)
{
	return c->model ? c->model->findings : NULL;
}

const struct novelty_rule *core_novelty_rule(const struct core *c)
{
	return &c->model->rule;
}

struct model *core_model_named(const struct core *c, const char *workload)
{
	return c->model ? models_find(c->model->models, workload) : NULL;
}

int model_accept(struct core *c, const char *finding_id)
{
	struct finding *f = c->model ? findings_get(c->model->findings, finding_id) : NULL;
	struct model *m;
	int e;

	if (!f || f->fact_kind < 0 || !f->fact[0])
		return -ENOENT;
	if (f->accepted)
		return -EEXIST;
	m = models_find(c->model->models, f->objector[0] ? f->objector : f->workload);
	if (!m)
		return -ENOENT;
	e = model_vouch(m, (enum fact_kind)f->fact_kind, f->fact, FACT_HUMAN, f->id, clock_wall_ns());
	if (e < 0)
		return e;
	findings_accept(c->model->findings, f);
	store_model_finding(c->model->store, f);
	return 0;
}

void core_json_outputs(struct jsonl *j, const struct core *c)
{
	json_alerts_outputs(j, c->model ? c->model->alerts : NULL);
}

int core_subscribe_alerts(struct core *c, alerts_cb cb, void *arg)
{
	return c->model ? alerts_subscribe(c->model->alerts, cb, arg) : -ENODEV;
}

void core_unsubscribe_alerts(struct core *c, int handle)
{
	if (c->model)
		alerts_unsubscribe(c->model->alerts, handle);
}

void model_save(struct core *c)
{
	if (c->model)
		syscalls_save(c, c->model->store);
	if (c->model && store_model_write(c->model->store, c->model->models) < 0)
		core_lost(c, LOSS_STORE, 1);
}
