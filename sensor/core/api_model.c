/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Alerts and models over the API: lists, one in full, and what a human may do to them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "intel/volume_hours.h"
#include "sensor/core/alerts.h"
#include "sensor/core/api_priv.h"
#include "sensor/core/evidence.h"
#include "sensor/core/model.h"
#include "sensor/core/model_yaml.h"
#include "sensor/core/outputs.h"

/* ---- alerts ------------------------------------------------------------------------------------------------------- */
struct alert_list {
	struct jsonl j;
	const struct core *core;
	const struct api_query *q;
	const char *incident;
	const char *but; /* id left out */
	struct filter *filter;
	uint64_t total, skip;
};

static bool alert_wanted(const struct finding *f, const struct alert_list *l)
{
	return (l->q->all || !f->absorbed_by[0]) && (!l->q->workload[0] || !strcmp(l->q->workload, f->workload)) &&
	       f->last_ns >= l->q->since_ns && filter_finding(l->filter, l->core, f);
}

static void count_alert(const struct finding *f, void *arg)
{
	struct alert_list *l = arg;

	l->total += alert_wanted(f, l);
}

static void add_alert(const struct finding *f, void *arg)
{
	struct alert_list *l = arg;

	if (!alert_wanted(f, l))
		return;
	if (l->skip) {
		l->skip--;
		return;
	}
	if (l->q->fields == ALERT_FIELDS_ECS)
		json_alert_ecs(&l->j, NULL, l->core, f);
	else if (l->q->fields == ALERT_FIELDS_OCSF)
		json_alert_ocsf(&l->j, NULL, l->core, f);
	else
		json_alert(&l->j, NULL, l->core, f);
}

static void alerts_make(struct api *a, const struct api_query *q, struct api_body *ret)
{
	struct alert_list l = { .core = a->core, .q = q };

	if (api_filter(q, &l.filter))
		return;
	jsonl_init(&l.j);
	jsonl_arr(&l.j, NULL);
	if (core_findings(a->core)) {
		findings_each(core_findings(a->core), count_alert, &l);
		l.skip = l.total > q->limit ? l.total - q->limit : 0; /* the latest */
		findings_each(core_findings(a->core), add_alert, &l);
	}
	jsonl_arr_end(&l.j);
	jsonl_newline(&l.j);
	ret->text = jsonl_take(&l.j, &ret->len);
	ret->total = l.total;
	jsonl_done(&l.j);
	api_filter_done(l.filter, ret);
}

static void add_related(const struct finding *f, void *arg)
{
	struct alert_list *l = arg;

	if (!strcmp(f->incident, l->incident) && strcmp(f->id, l->but))
		json_alert(&l->j, NULL, l->core, f);
}

static void why_make(struct api *a, const struct finding *f, struct api_body *ret)
{
	struct alert_list l = { .core = a->core, .incident = f->incident, .but = f->id };

	jsonl_init(&l.j);
	jsonl_obj(&l.j, NULL);
	json_alert(&l.j, "alert", a->core, f);
	jsonl_arr(&l.j, "related");
	findings_each(core_findings(a->core), add_related, &l);
	jsonl_arr_end(&l.j);
	jsonl_str(&l.j, "fact", f->fact[0] ? f->fact : NULL);
	jsonl_str(&l.j, "dimension", f->fact_kind >= 0 ? fact_kind_name((enum fact_kind)f->fact_kind) : NULL);
	jsonl_str(&l.j, "model", f->objector[0] ? f->objector : f->workload);
	jsonl_obj_end(&l.j);
	jsonl_newline(&l.j);
	ret->text = jsonl_take(&l.j, &ret->len);
	jsonl_done(&l.j);
}

/* ---- models ----------------------------------------------------------------------------------------------------------- */
static void json_dimension(struct jsonl *j, const struct model *m, enum fact_kind k, const struct novelty_rule *rule)
{
	struct model_dimension_info d = model_dimension_get(m, k);
	struct novelty_evidence e = model_evidence(m, k);
	char waits[160] = "";

	jsonl_obj(j, NULL);
	jsonl_str(j, "dimension", fact_kind_name(k));
	jsonl_str(j, "state", !d.fed && d.state == MODEL_LEARNING ? "unfed" : model_state_name(d.state));
	jsonl_time(j, "since", d.since_ns);
	jsonl_u64(j, "facts", d.facts);
	jsonl_u64(j, "windows", e.windows);
	jsonl_u64(j, "lossy_windows", d.lossy_windows);
	jsonl_u64(j, "observations", e.observations);
	jsonl_u64(j, "seen_once", e.singletons);
	jsonl_f64(j, "unseen", novelty_estimate(&e));
	jsonl_f64(j, "false_findings_per_day", novelty_false_per_day(&e, rule));
	if (d.state == MODEL_LEARNING && d.fed)
		novelty_is_learned(&e, rule, waits, sizeof(waits));
	jsonl_str(j, "waits_for", waits);
	jsonl_u64(j, "refused_facts", d.overflow);
	jsonl_obj_end(j);
}

static const char *model_summary(const struct model *m)
{
	bool learning = false, monitoring = false;

	for (int k = 0; k < FACT_KIND_MAX; k++) {
		struct model_dimension_info d = model_dimension_get(m, (enum fact_kind)k);

		if (d.state == MODEL_LEARNING && d.fed)
			learning = true;
		else if (d.state != MODEL_LEARNING)
			monitoring = true;
	}
	return learning ? monitoring ? "partly" : "learning" : monitoring ? "monitoring" : "learning";
}

static void json_model_head(struct jsonl *j, const struct core *c, const struct model *m)
{
	struct model_numbers n = model_numbers_get(m);

	jsonl_str(j, "engine", c->engine_count == 1 ? json_engine(c, 0) : "");
	jsonl_str(j, "node", c->node);
	jsonl_str(j, "workload", model_workload(m));
	jsonl_str(j, "image", model_image(m));
	jsonl_str(j, "state", model_summary(m));
	jsonl_time(j, "first_seen", n.made_ns);
	jsonl_time(j, "last_seen", n.used_ns);
	jsonl_u64(j, "starts", n.starts);
	jsonl_u64(j, "requests", n.requests);
	jsonl_u64(j, "window_seconds", core_novelty_rule(c)->window_s);
	jsonl_arr(j, "dimensions");
	for (int k = 0; k < FACT_KIND_MAX; k++)
		json_dimension(j, m, (enum fact_kind)k, core_novelty_rule(c));
	jsonl_arr_end(j);
}

struct model_list {
	struct jsonl j;
	const struct core *core;
	enum fact_kind k;
	uint64_t total;
};

static void add_model(struct model *m, void *arg)
{
	struct model_list *l = arg;

	jsonl_obj(&l->j, NULL);
	json_model_head(&l->j, l->core, m);
	jsonl_obj_end(&l->j);
	l->total++;
}

static void add_fact(const struct fact *f, void *arg)
{
	struct model_list *l = arg;
	char text[FACT_KEY_MAX + 64];
	const char *second;
	size_t n = fact_fields(f->key, &second);

	jsonl_obj(&l->j, NULL);
	jsonl_str(&l->j, "dimension", fact_kind_name(l->k));
	jsonl_arr(&l->j, "fact");
	jsonl_strn(&l->j, NULL, f->key, n);
	if (f->key[n])
		jsonl_str(&l->j, NULL, second);
	jsonl_arr_end(&l->j);
	jsonl_str(&l->j, "text", fact_text(l->k, f->key, text, sizeof(text)));
	jsonl_str(&l->j, "source", fact_source_name(f->sources));
	jsonl_bool(&l->j, "carried", f->sources == FACT_CARRIED);
	jsonl_str(&l->j, "where", f->where ? f->where : "");
	jsonl_u64(&l->j, "count", f->count);
	jsonl_u64(&l->j, "windows", f->windows);
	jsonl_u64(&l->j, "replicas", (uint64_t)__builtin_popcount(f->replicas));
	if (f->hours)
		jsonl_u64(&l->j, "history_weeks", volume_hours_weeks(f->hours));
	jsonl_bool(&l->j, "startup", f->startup);
	jsonl_time(&l->j, "first_seen", f->first_ns);
	jsonl_time(&l->j, "last_seen", f->last_ns);
	jsonl_obj_end(&l->j);
}

static void models_make(struct api *a, struct api_body *ret)
{
	struct model_list l = { .core = a->core };

	jsonl_init(&l.j);
	jsonl_arr(&l.j, NULL);
	if (core_models(a->core))
		models_each(core_models(a->core), add_model, &l);
	jsonl_arr_end(&l.j);
	jsonl_newline(&l.j);
	ret->text = jsonl_take(&l.j, &ret->len);
	ret->total = l.total;
	jsonl_done(&l.j);
}

static void model_make(struct api *a, const struct model *m, struct api_body *ret)
{
	struct model_list l = { .core = a->core };

	jsonl_init(&l.j);
	jsonl_obj(&l.j, NULL);
	json_model_head(&l.j, a->core, m);
	jsonl_arr(&l.j, "facts");
	for (int k = 0; k < FACT_KIND_MAX; k++) {
		l.k = (enum fact_kind)k;
		model_each_fact(m, l.k, add_fact, &l);
	}
	jsonl_arr_end(&l.j);
	jsonl_obj_end(&l.j);
	jsonl_newline(&l.j);
	ret->text = jsonl_take(&l.j, &ret->len);
	jsonl_done(&l.j);
}

/* ---- asked --------------------------------------------------------------------------------------------------------------- */
int api_model_check(struct api *a, enum api_path p, const struct api_query *q, char *err, size_t err_len)
{
	if ((p == API_MODEL || p == API_MODEL_EXPORT) && !core_model_named(a->core, q->workload)) {
		snprintf(err, err_len, q->workload[0] ? "no workload of this name has a model: see /v1/models" : "argument \"workload\" is missing");
		return -ENOENT;
	}
	if (p == API_WHY && (!core_findings(a->core) || !findings_get(core_findings(a->core), q->id))) {
		snprintf(err, err_len, "no alert has this id: see /v1/alerts");
		return -ENOENT;
	}
	return 0;
}

void api_model_body(struct api *a, enum api_path p, const struct api_query *q, struct api_body *ret)
{
	switch (p) {
	case API_ALERTS:
		alerts_make(a, q, ret);
		break;
	case API_WHY:
		why_make(a, findings_get(core_findings(a->core), q->id), ret);
		break;
	case API_MODELS:
		models_make(a, ret);
		break;
	case API_MODEL:
		model_make(a, core_model_named(a->core, q->workload), ret);
		break;
	case API_MODEL_EXPORT:
		ret->type = "application/yaml";
		ret->text = model_yaml_write(core_model_named(a->core, q->workload), &ret->len);
		break;
	default:
		break;
	}
}

/* ---- changed --------------------------------------------------------------------------------------------------------------- */
void api_done_make(struct api_body *ret, const char *what, const char *workload, uint64_t n)
{
	struct jsonl j;

	jsonl_init(&j);
	jsonl_obj(&j, NULL);
	jsonl_str(&j, "done", what);
	jsonl_str(&j, "workload", workload);
	jsonl_u64(&j, "count", n);
	jsonl_obj_end(&j);
	jsonl_newline(&j);
	ret->text = jsonl_take(&j, &ret->len);
	jsonl_done(&j);
}

static int set_state(struct api *a, enum api_path p, const struct api_query *q, char *err, size_t err_len, struct api_body *ret)
{
	struct model *m = core_model_named(a->core, q->workload);
	int only = q->dimension[0] ? fact_kind_of(q->dimension) : FACT_KIND_MAX;
	uint64_t n = 0;

	if (!m || only < 0) {
		snprintf(err, err_len, m ? "no such dimension" : "no workload of this name has a model: see /v1/models");
		return m ? -EINVAL : -ENOENT;
	}
	for (int k = 0; k < FACT_KIND_MAX; k++) {
		/* What is not fed can know nothing: locked, everything in it would be new one day. */
		if ((only != FACT_KIND_MAX && only != k) || (only == FACT_KIND_MAX && !model_dimension_get(m, (enum fact_kind)k).fed))
			continue;
		model_set_state(m, (enum fact_kind)k, p == API_MODEL_LOCK ? MODEL_LOCKED : MODEL_LEARNING, clock_wall_ns());
		n++;
	}
	model_save(a->core);
	api_done_make(ret, p == API_MODEL_LOCK ? "locked" : "reopened", model_workload(m), n);
	return 0;
}

static int accept_finding(struct api *a, const struct api_query *q, char *err, size_t err_len, struct api_body *ret)
{
	struct finding *f = core_findings(a->core) ? findings_get(core_findings(a->core), q->id) : NULL;
	int r = model_accept(a->core, q->id);

	if (r == -EEXIST)
		snprintf(err, err_len, "this finding was accepted before");
	else if (r == -ENOENT)
		snprintf(err, err_len, f ? "nothing in this finding can become normal" : "no alert has this id: see /v1/alerts");
	else if (r < 0)
		snprintf(err, err_len, "the model is full");
	if (r < 0 || !f)
		return r < 0 ? r : -ENOENT;
	model_save(a->core);
	api_done_make(ret, "accepted", f->objector[0] ? f->objector : f->workload, 1);
	return 0;
}

static void of_container(const struct ident_container *k, void *arg)
{
	const struct ident_container **found = ((void **)arg)[0];

	if (!strcmp(k->id, ((void **)arg)[1]))
		*found = k;
}

static int collect_evidence(struct api *a, const struct api_query *q, char *err, size_t err_len, struct api_body *ret)
{
	const struct finding *f = core_findings(a->core) ? findings_get(core_findings(a->core), q->id) : NULL;
	const struct ident_container *ct = NULL;
	char bundle[EVIDENCE_ID_LEN];
	int r;

	if (!f) {
		snprintf(err, err_len, "no alert has this id: see /v1/alerts");
		return -ENOENT;
	}
	ident_each_container(a->core->ident, of_container, (void *[]){ &ct, (void *)f->container_id });
	r = ct && f->container_id[0] ? evidence_begin(a->core, ct, f, bundle) : -ESRCH;
	if (r == -EALREADY)
		snprintf(err, err_len, "this incident has its bundle already: %s", bundle);
	else if (r == -ESRCH)
		snprintf(err, err_len, "its container does not run any more");
	else if (r == -EDQUOT)
		snprintf(err, err_len, "evidence.max_bytes is reached");
	else if (r == -EBUSY)
		snprintf(err, err_len, "too many bundles are being made");
	else if (r < 0)
		snprintf(err, err_len, "no bundle: %s", strerror(-r));
	if (r < 0)
		return r == -EALREADY ? -EEXIST : r == -ESRCH ? -ENOENT : r;
	api_done_make(ret, "collecting", bundle, 1);
	return 0;
}

int api_model_post(struct api *a, enum api_path p, const struct api_query *q, const char *body, size_t len, char *err, size_t err_len,
		   struct api_body *ret)
{
	char workload[MODEL_WORKLOAD_LEN];
	uint64_t n;
	int r;

	if (p == API_FEED_UPDATE) {
		struct jsonl j;

		jsonl_init(&j);
		r = json_feed_update(&j, a->core, q, err, err_len);
		jsonl_newline(&j);
		ret->text = r < 0 ? NULL : jsonl_take(&j, &ret->len);
		jsonl_done(&j);
		return r;
	}
	if (p == API_EVIDENCE_COLLECT)
		return collect_evidence(a, q, err, err_len, ret);
	if (!core_models(a->core)) {
		snprintf(err, err_len, "the sensor is starting");
		return -EAGAIN;
	}
	switch (p) {
	case API_MODEL_LOCK:
	case API_MODEL_REOPEN:
		return set_state(a, p, q, err, err_len, ret);
	case API_MODEL_ACCEPT:
		return accept_finding(a, q, err, err_len, ret);
	case API_MODEL_IMPORT:
		r = model_yaml_read(core_models(a->core), body, len, clock_wall_ns(), workload, &n, err, err_len);
		if (r < 0)
			return r;
		model_save(a->core);
		api_done_make(ret, "imported", workload, n);
		return 0;
	default:
		return -EINVAL;
	}
}
