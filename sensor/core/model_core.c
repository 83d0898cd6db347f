/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The model's life in core: opening, windows, what a finding says, what a human decides. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "sensor/core/actions.h"
#include "sensor/core/events.h"
#include "sensor/core/model_priv.h"
#include "sensor/core/store_model.h"

#define BLIND_WINDOWS 3u /* lossy windows one after the other that are a finding, if they last */
#define BLIND_NS (30 * NSEC_PER_SEC)
#define BIT(k) (1U << (k))
#define DIM_EVENTS (BIT(FACT_PROCESS) | BIT(FACT_LISTENER) | BIT(FACT_SYSCALL) | BIT(FACT_FILE))
#define DIM_FLOWS (BIT(FACT_EDGE_IN) | BIT(FACT_EDGE_OUT) | BIT(FACT_VOLUME))
#define DIM_SAMPLES (BIT(FACT_PROTOCOL) | BIT(FACT_DNS))
/* Dimensions that this sensor feeds whatever a container does. */
#define DIM_FED (BIT(FACT_PROCESS) | BIT(FACT_LISTENER) | BIT(FACT_PROTOCOL) | BIT(FACT_EDGE_IN) | BIT(FACT_EDGE_OUT) | \
		 BIT(FACT_SYSCALL) | BIT(FACT_FILE) | BIT(FACT_VOLUME) | BIT(FACT_DNS))

/* ---- losses ----------------------------------------------------------------------------------------------------- */
static uint32_t dims_of_loss(enum core_loss l)
{
	switch (l) {
	case LOSS_EVENT_RING:
	case LOSS_MODEL_WAITING:
	case LOSS_PROCESS_TABLE:
	case LOSS_LISTENER_TABLE:
		return DIM_EVENTS;
	case LOSS_FLOW_TABLE_FULL:
	case LOSS_HALF_OPEN_BUDGET:
	case LOSS_USER_FLOW_TABLE:
	case LOSS_LATE_ATTACH:
	case LOSS_NOT_HOOKED:
	case LOSS_EDGE_TABLE:
		return DIM_FLOWS;
	case LOSS_FILE_QUEUE:
	case LOSS_FILE_THROTTLED:
		return BIT(FACT_FILE);
	case LOSS_SAMPLE_RING:
	case LOSS_LABELS_DROPPED:
	case LOSS_INSPECTOR_EVICTED:
		return DIM_SAMPLES;
	case LOSS_ENGINE_GAPS:
	case LOSS_CONTAINER_LATE:
		return DIM_EVENTS | DIM_FLOWS | DIM_SAMPLES;
	default:
		return 0;
	}
}

uint32_t model_lossy(struct core *c, char *text, size_t len)
{
	struct core_model *cm = c->model;
	uint32_t dims = 0;
	size_t at = 0;

	snprintf(text, len, "complete");
	for (int l = 0; l < LOSS_MAX; l++) {
		uint32_t d = c->losses[l] > cm->losses[l] ? dims_of_loss((enum core_loss)l) : 0;
		int n;

		if (!d)
			continue;
		dims |= d;
		n = snprintf(text + at, len - at, "%s%s %llu", at ? ", " : "lost in this window: ", core_loss_name((enum core_loss)l),
			     (unsigned long long)(c->losses[l] - cm->losses[l]));
		if (n > 0 && (size_t)n < len - at)
			at += (size_t)n;
	}
	return dims;
}

/* ---- models of containers ------------------------------------------------------------------------------------------ */
struct model *model_of(struct core *c, const struct ident_container *ct)
{
	struct core_model *cm = c->model;
	uint64_t now = clock_wall_ns();
	struct model *m;
	bool made;

	if (!cm || !ct || ct->remote || !ct->workload[0] || !ct->image_id[0])
		return NULL;
	m = models_get(cm->models, ct->workload, ct->image_id, now, &made);
	if (!m)
		return NULL;
	model_started(m, ct->started_wall_ns ? ct->started_wall_ns : 1);
	model_alive(m, now);
	if (made)
		log_debug("model: %s is new, learning", ct->workload);
	return m;
}

struct model_seen model_seen_of(const struct ident_container *ct, uint64_t now_wall_ns)
{
	struct model_seen s = { .now_ns = now_wall_ns, .replica = (uint32_t)name_scope(ct) };

	s.startup = ct->started_wall_ns && now_wall_ns < ct->started_wall_ns + STARTUP_NS;
	return s;
}

int model_declare(struct core *c, const struct ident_container *ct, enum fact_kind k, const char *key, const char *where)
{
	struct model *m = model_of(c, ct);

	return m ? model_vouch(m, k, key, FACT_DECLARED, where, clock_wall_ns()) : -ENOENT;
}

void model_undeclare(struct core *c, const struct ident_container *ct)
{
	struct model *m = model_of(c, ct);

	if (m)
		model_retract(m, FACT_DECLARED);
}

/* ---- findings -------------------------------------------------------------------------------------------------------- */
void model_expect(struct finding *f, const char *fmt, ...)
{
	va_list ap;

	if (f->expected_count == FINDING_EXPECTED_MAX)
		return;
	va_start(ap, fmt);
	vsnprintf(f->expected[f->expected_count++], sizeof(f->expected[0]), fmt, ap);
	va_end(ap);
}

struct expect {
	struct finding *f;
	enum fact_kind k;
	bool by_second;
	const char *text;
	unsigned more;
};

static void expect_cb(const struct fact *fact, void *arg)
{
	struct expect *e = arg;
	char text[320], since[CLOCK_RFC3339_LEN];
	const char *second;
	size_t n = fact_fields(fact->key, &second);

	if (e->text && (e->by_second ? strcmp(second, e->text) != 0 : strlen(e->text) != n || strncmp(fact->key, e->text, n) != 0))
		return;
	if (e->f->expected_count + 1 >= FINDING_EXPECTED_MAX) {
		e->more++;
		return;
	}
	fact_text(e->k, fact->key, text, sizeof(text));
	clock_format_rfc3339(fact->first_ns, since);
	if (fact->sources & FACT_DECLARED)
		model_expect(e->f, "%s (declared: %s%s)", text, fact->where ? fact->where : "", fact->count ? "; seen" : "");
	else
		model_expect(e->f, "%s (%s: seen %llu times since %.19sZ)", text, fact_source_name(fact->sources), (unsigned long long)fact->count,
			     since);
}

void model_expect_facts(struct finding *f, const struct model *m, enum fact_kind k, bool by_second, const char *text)
{
	struct expect e = { .f = f, .k = k, .by_second = by_second, .text = text };

	model_each_fact(m, k, expect_cb, &e);
	if (e.more)
		model_expect(f, "and %u more of this kind", e.more);
}

void model_alert(struct core *c, struct finding *f, bool tell_it)
{
	store_model_finding(c->model->store, f);
	if (tell_it)
		alerts_tell(c->model->alerts, c, f);
}

static void tell(struct core *c, const struct ident_container *ct, struct finding *f)
{
	struct core_model *cm = c->model;
	enum finding_outcome outcome;
	struct finding *kept, *replaced;

	for (unsigned i = 0; i < c->config.silent_count; i++)
		if (!strcmp(c->config.silent[i], finding_name(f->kind)))
			return;
	if (ct) {
		snprintf(f->workload, sizeof(f->workload), "%s", ct->workload);
		snprintf(f->container, sizeof(f->container), "%s", ct->name);
		snprintf(f->container_id, sizeof(f->container_id), "%s", ct->id);
		snprintf(f->engine, sizeof(f->engine), "%s", name_of_engine(c, ct->engine));
	}
	f->time_ns = clock_wall_ns();
	if (!f->observed_ns)
		f->observed_ns = f->time_ns;
	if (!f->coverage[0])
		model_lossy(c, f->coverage, sizeof(f->coverage));
	if (findings_add(cm->findings, f, &outcome, &kept) < 0) {
		core_lost(c, LOSS_FINDINGS, 1);
		return;
	}
	if (kept->replaces[0] && (replaced = findings_get(cm->findings, kept->replaces)))
		store_model_finding(cm->store, replaced);
	kept->pid = f->pid; /* of the last time: whom an action is about */
	kept->start_boot_ns = f->start_boot_ns;
	kept->refused = f->refused;
	memcpy(kept->peer_addr, f->peer_addr, sizeof(kept->peer_addr));
	kept->peer_l4 = f->peer_l4;
	kept->peer_port_be = f->peer_port_be;
	/* With something to be done the alert waits for the outcome: it says what was done. */
	if (actions_on_finding(c, ct, kept, outcome == FINDING_TOLD))
		return;
	model_alert(c, kept, outcome == FINDING_TOLD);
}

void model_tell(struct core *c, const struct ident_container *ct, const struct model *m, enum fact_kind k, struct finding *f)
{
	double surety = m ? model_surety(m, k) : 1;
	struct model_dimension_info info;
	char since[CLOCK_RFC3339_LEN];
	size_t at = strlen(f->why);

	f->score = (unsigned)(finding_base_score(f->kind) * (0.5 + surety / 2) + 0.5);
	if (m) {
		info = model_dimension_get(m, k);
		clock_format_rfc3339(info.since_ns, since);
		snprintf(f->why + at, sizeof(f->why) - at, "%s%s dimension of %s is %s since %.19sZ with %u facts, unseen about %.2f %%.",
			 at ? " The " : "The ", fact_kind_name(k), model_workload(m), model_state_name(info.state), since, info.facts,
			 (1 - surety) * 20);
		if (!f->expected_count && !info.facts)
			model_expect(f, "nothing of this kind: %s never did", model_workload(m));
	}
	tell(c, ct, f);
}

void model_on_finding(struct core *c, const struct ident_container *ct, struct finding *f)
{
	if (!c->model)
		return;
	if (!f->score)
		f->score = finding_base_score(f->kind);
	tell(c, ct, f);
}

enum model_answer model_on_fact(struct core *c, const struct ident_container *ct, const struct model_fact_in *in)
{
	uint64_t now = clock_wall_ns();
	struct model *m = model_of(c, ct);
	struct model_seen s;
	enum model_answer a;

	if (!m)
		return MODEL_KNOWN;
	s = model_seen_of(ct, now);
	a = model_see(m, in->kind, in->key, &s, NULL);
	if (a == MODEL_NEW && model_dimension_state(m, in->kind) != MODEL_LEARNING) {
		_cleanup_free_ struct finding *f = calloc(1, sizeof(*f));

		if (!f)
			return a;
		f->kind = in->finding;
		f->fact_kind = in->kind;
		f->pid = in->pid;
		f->observed_ns = in->at_mono_ns ? clock_mono_to_wall_ns(in->at_mono_ns) : now;
		snprintf(f->key, sizeof(f->key), "%s\t%s", fact_kind_name(in->kind), in->key);
		snprintf(f->fact, sizeof(f->fact), "%s", in->key);
		snprintf(f->process, sizeof(f->process), "%s", in->exe ? in->exe : "");
		snprintf(f->parent, sizeof(f->parent), "%s", in->parent ? in->parent : "");
		snprintf(f->peer, sizeof(f->peer), "%s", in->peer ? in->peer : "");
		if (in->flow)
			model_peer_of(f, in->flow, in->far);
		snprintf(f->observed, sizeof(f->observed), "%s", in->observed);
		model_expect_facts(f, m, in->kind, false, NULL);
		model_tell(c, ct, m, in->kind, f);
	}
	return a;
}

/* ---- windows ------------------------------------------------------------------------------------------------------------ */
static void ended_cb(struct model *m, enum fact_kind k, void *arg)
{
	struct model_dimension_info info = model_dimension_get(m, k);

	log_debug("model: %s: %s learned, %u facts", model_workload(m), fact_kind_name(k), info.facts);
}

static void alive_cb(const struct ident_container *ct, void *arg)
{
	if (ct->state == IDENT_RUNNING && !ct->gone_mono_ns)
		model_of(arg, ct);
}

static void window_blind(struct core *c, uint32_t lossy, const char *what)
{
	struct core_model *cm = c->model;
	_cleanup_free_ struct finding *f = NULL;

	/* What a container did before it had a name is missed at each burst of starts: that is no blindness. */
	cm->blind_windows = lossy & ~(BIT(FACT_SYSCALL) | BIT(FACT_FILE)) ? cm->blind_windows + 1 : 0;
	if (!cm->blind_windows)
		cm->blind_said = false;
	if (cm->blind_windows < BLIND_WINDOWS || cm->blind_windows * (uint64_t)cm->rule.window_s * NSEC_PER_SEC < BLIND_NS || cm->blind_said)
		return;
	cm->blind_said = true;
	f = calloc(1, sizeof(*f));
	if (!f)
		return;
	f->kind = FINDING_LOSS_BLIND;
	f->fact_kind = -1;
	snprintf(f->key, sizeof(f->key), "blind");
	snprintf(f->observed, sizeof(f->observed), "The sensor loses part of what happens: %s", what);
	snprintf(f->why, sizeof(f->why), "Losses in %u windows of %u s one after the other: learning stands still, and findings may be missing.",
		 cm->blind_windows, cm->rule.window_s);
	snprintf(f->coverage, sizeof(f->coverage), "%s", what);
	model_expect(f, "no losses");
	model_on_finding(c, NULL, f);
}

void model_on_unnamed(struct core *c, uint64_t cgroup)
{
	struct core_model *cm = c->model;

	if (!cm)
		return;
	for (unsigned i = 0; i < cm->unnamed_count; i++)
		if (cm->unnamed[i] == cgroup)
			return;
	if (cm->unnamed_count < UNNAMED_MAX)
		cm->unnamed[cm->unnamed_count++] = cgroup;
}

/* Only those that have a name by now are ours to learn from. */
static void window_unnamed(struct core *c)
{
	struct core_model *cm = c->model;

	for (unsigned i = 0; i < cm->unnamed_count; i++) {
		struct model *m = model_of(c, core_container_of_cgroup(c, cm->unnamed[i]));

		if (m)
			model_lost(m, BIT(FACT_SYSCALL) | BIT(FACT_FILE) | BIT(FACT_EDGE_OUT));
	}
	cm->unnamed_count = 0;
}

static void window_end(struct core *c, uint64_t now_ns)
{
	struct core_model *cm = c->model;
	char what[128];
	uint32_t lossy;

	counters_read(c);
	lossy = model_lossy(c, what, sizeof(what));
	ident_each_container(c->ident, alive_cb, c);
	model_presence(c);
	model_edges_presence(c);
	window_blind(c, lossy, what);
	window_unnamed(c);
	models_window(cm->models, &cm->rule, DIM_FED, lossy, clock_wall_ns(), ended_cb, c);
	memcpy(cm->losses, c->losses, sizeof(cm->losses));
	cm->window++;
	cm->window_end_ns = now_ns + cm->rule.window_s * NSEC_PER_SEC;
}

void model_tick(struct core *c, uint64_t now_mono_ns)
{
	struct core_model *cm = c->model;

	if (!cm || !c->priv->synced)
		return;
	model_waiting_tick(c, now_mono_ns);
	model_held_tick(c, now_mono_ns);
	model_edges_tick(c, now_mono_ns);
	model_volume_tick(c, now_mono_ns);
	alerts_tick(cm->alerts, c, now_mono_ns);
	model_overlay_tick(c, now_mono_ns);
	if (!cm->window_end_ns)
		cm->window_end_ns = now_mono_ns + cm->rule.window_s * NSEC_PER_SEC;
	if (now_mono_ns >= cm->window_end_ns)
		window_end(c, now_mono_ns);
}

/* ---- life ------------------------------------------------------------------------------------------------------------------ */
int core_model_open(struct core *c)
{
	struct core_model *cm = calloc(1, sizeof(*cm));
	int r;

	if (!cm)
		return -ENOMEM;
	cm->models = models_new();
	cm->findings = findings_new();
	cm->scans = scans_new();
	cm->waiting_end = &cm->waiting;
	cm->held_end = &cm->held;
	cm->edges_end = &cm->edges;
	cm->window = 1;
	cm->rule = (struct novelty_rule){ .window_s = c->config.learn_window_s, .min_windows = c->config.learn_windows,
					  .min_restarts = c->config.learn_restarts, .min_requests = c->config.learn_requests,
					  .target_permille = c->config.learn_target_permille };
	c->model = cm;
	for (unsigned i = 0; i < c->config.silent_count; i++)
		if (finding_kind_of(c->config.silent[i]) < 0)
			log_warn("alerts.silence: there is no finding called \"%s\", ignoring", c->config.silent[i]);
	if (!cm->models || !cm->findings || !cm->scans)
		return -ENOMEM;
	r = store_model_open(c->state_dir, &cm->store);
	if (r < 0)
		log_warn("models cannot be stored in %s: %s, ignoring: they are learned anew after a restart", c->state_dir, strerror(-r));
	store_model_load(cm->store, cm->models, cm->findings);
	syscalls_load(c, cm->store);
	cm->events = model_events_start(c);
	return alerts_open(c->state_dir, &c->config, &cm->alerts);
}

static void free_waiting(struct core_model *cm)
{
	for (struct waiting *w = cm->waiting, *next; w; w = next) {
		next = w->next;
		free(w);
	}
	for (struct waiting_edge *e = cm->edges, *next; e; e = next) {
		next = e->next;
		free(e);
	}
}

void core_model_close(struct core *c)
{
	struct core_model *cm = c->model;

	if (!cm)
		return;
	core_unsubscribe_events(c, cm->events);
	model_held_tick(c, UINT64_MAX);
	model_save(c);
	model_dns_forget(c);
	model_overlay_forget(c);
	store_model_close(cm->store);
	alerts_close(c, cm->alerts);
	free_waiting(cm);
	scans_free(cm->scans);
	findings_free(cm->findings);
	models_free(cm->models);
	free(cm);
	c->model = NULL;
}
