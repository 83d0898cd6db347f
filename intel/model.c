/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "intel/model.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "intel/model_priv.h"
#include "intel/volume_hours.h"

const char *model_state_name(enum model_state s)
{
	switch (s) {
	case MODEL_LEARNING:
		return "learning";
	case MODEL_MONITORING:
		return "monitoring";
	case MODEL_LOCKED:
		return "locked";
	case MODEL_STATE_MAX:
		break;
	}
	return "unknown";
}

/* ---- facts -------------------------------------------------------------------------------------------------- */
static void fact_free(struct fact_rec *r)
{
	free((char *)(uintptr_t)r->f.key);
	free((char *)(uintptr_t)r->f.where);
	free((void *)(uintptr_t)r->f.hours);
	free(r);
}

void model_fact_drop(struct model_dimension *d, struct fact_rec *r)
{
	HASH_DEL(d->facts, r);
	fact_free(r);
}

struct fact_rec *model_fact_find(const struct model_dimension *d, const char *key)
{
	struct fact_rec *r;

	HASH_FIND(hh, d->facts, key, strlen(key), r);
	return r;
}

int model_fact_make(struct model *m, enum fact_kind k, const char *key, struct fact_rec **ret)
{
	struct model_dimension *d = &m->dims[k];
	struct fact_rec *r;
	char *copy;

	if (HASH_COUNT(d->facts) >= MODEL_FACTS_MAX) {
		d->overflow++;
		return -ENOSPC;
	}
	r = calloc(1, sizeof(*r));
	copy = strdup(key);
	if (!r || !copy) {
		free(r);
		free(copy);
		return -ENOMEM;
	}
	r->f.key = copy;
	HASH_ADD_KEYPTR(hh, d->facts, copy, strlen(copy), r);
	if (!r->hh.tbl) {
		fact_free(r);
		return -ENOMEM;
	}
	m->generation++;
	*ret = r;
	return 0;
}

static void fact_where(struct fact_rec *r, const char *where)
{
	char *copy = where && *where ? strdup(where) : NULL;

	free((char *)(uintptr_t)r->f.where);
	r->f.where = copy;
}

static void fact_hours(struct fact_rec *r, const struct volume_hours *hours)
{
	struct volume_hours *copy = hours ? malloc(sizeof(*copy)) : NULL;

	if (copy)
		*copy = *hours;
	free((void *)(uintptr_t)r->f.hours);
	r->f.hours = copy;
}

/* ---- models -------------------------------------------------------------------------------------------------- */
struct models *models_new(void)
{
	return calloc(1, sizeof(struct models));
}

static void model_free(struct model *m)
{
	for (int k = 0; k < FACT_KIND_MAX; k++) {
		struct fact_rec *r, *tmp;

		HASH_ITER(hh, m->dims[k].facts, r, tmp)
			model_fact_drop(&m->dims[k], r);
	}
	free(m);
}

void models_drop(struct models *ms, struct model *m)
{
	HASH_DEL(ms->all, m);
	model_free(m);
}

void models_free(struct models *ms)
{
	struct model *m, *tmp;

	if (!ms)
		return;
	HASH_ITER(hh, ms->all, m, tmp)
		models_drop(ms, m);
	free(ms);
}

static void name_of(struct model_name *n, const char *workload, const char *image)
{
	memset(n, 0, sizeof(*n));
	snprintf(n->workload, sizeof(n->workload), "%s", workload);
	snprintf(n->image, sizeof(n->image), "%s", image);
}

struct model *models_restore(struct models *ms, const char *workload, const char *image)
{
	struct model_name n;
	struct model *m;

	name_of(&n, workload, image);
	HASH_FIND(hh, ms->all, &n, sizeof(n), m);
	if (m)
		return m;
	if (HASH_COUNT(ms->all) >= MODELS_MAX) {
		ms->refused++;
		return NULL;
	}
	m = calloc(1, sizeof(*m));
	if (!m)
		return NULL;
	m->name = n;
	m->window = 1;
	m->generation = 1;
	HASH_ADD(hh, ms->all, name, sizeof(m->name), m);
	if (!m->hh.tbl) {
		free(m);
		return NULL;
	}
	return m;
}

struct model *models_find(const struct models *ms, const char *workload)
{
	struct model *m, *tmp, *best = NULL;

	HASH_ITER(hh, ms->all, m, tmp)
		if (!strcmp(m->name.workload, workload) && (!best || m->used_ns > best->used_ns))
			best = m;
	return best;
}

/* What the former image did is expected of the new one as well, until that one has shown its own ways. */
static void model_carry(struct model *m, const struct model *from)
{
	for (int k = 0; k < FACT_KIND_MAX; k++) {
		struct fact_rec *r, *tmp, *copy;

		HASH_ITER(hh, from->dims[k].facts, r, tmp) {
			/* what another image's files declared is declared anew by this one's */
			if (r->f.sources == FACT_DECLARED || model_fact_find(&m->dims[k], r->f.key) ||
			    model_fact_make(m, (enum fact_kind)k, r->f.key, &copy))
				continue;
			copy->f.sources = (r->f.sources & FACT_HUMAN) | FACT_CARRIED;
			copy->f.first_ns = r->f.first_ns;
			copy->f.last_ns = r->f.last_ns;
			copy->f.startup = r->f.startup;
			fact_hours(copy, r->f.hours);
		}
		m->dims[k].fed = from->dims[k].fed;
	}
}

struct model *models_get(struct models *ms, const char *workload, const char *image, uint64_t now_ns, bool *ret_made)
{
	struct model_name n;
	struct model *m, *from;

	name_of(&n, workload, image);
	HASH_FIND(hh, ms->all, &n, sizeof(n), m);
	*ret_made = !m;
	if (m)
		return m;
	from = models_find(ms, workload);
	m = models_restore(ms, workload, image);
	if (!m)
		return NULL;
	m->made_ns = m->used_ns = now_ns;
	for (int k = 0; k < FACT_KIND_MAX; k++)
		m->dims[k].since_ns = now_ns;
	if (from)
		model_carry(m, from);
	return m;
}

void models_each(const struct models *ms, void (*cb)(struct model *m, void *arg), void *arg)
{
	struct model *m, *tmp;

	HASH_ITER(hh, ms->all, m, tmp)
		cb(m, arg);
}

size_t models_count(const struct models *ms)
{
	return HASH_COUNT(ms->all);
}

uint64_t models_refused(const struct models *ms)
{
	return ms->refused;
}

const char *model_workload(const struct model *m)
{
	return m->name.workload;
}

const char *model_image(const struct model *m)
{
	return m->name.image;
}

uint64_t model_used_ns(const struct model *m)
{
	return m->used_ns;
}

uint64_t model_made_ns(const struct model *m)
{
	return m->made_ns;
}

/* ---- seeing --------------------------------------------------------------------------------------------------- */
const struct fact *model_match(const struct model *m, enum fact_kind k, const char *key)
{
	struct fact_rec *r = model_fact_find(&m->dims[k], key);

	if (!r)
		r = model_fact_general(m, k, key);
	return r ? &r->f : NULL;
}

static void fact_count(struct model *m, struct model_dimension *d, struct fact_rec *r, const struct model_seen *s)
{
	r->f.count++;
	r->f.last_ns = s->now_ns;
	if (!r->f.first_ns)
		r->f.first_ns = s->now_ns;
	r->f.replicas |= 1U << (s->replica & 31);
	if (r->f.window != m->window) {
		r->f.window = m->window;
		r->f.windows++;
		m->generation++;
	}
	d->fed = true;
}

enum model_answer model_see(struct model *m, enum fact_kind k, const char *key, const struct model_seen *s, const struct fact **ret_fact)
{
	struct model_dimension *d = &m->dims[k];
	struct fact_rec *r = model_fact_find(d, key);
	enum model_answer a = MODEL_KNOWN;

	if (!r)
		r = model_fact_general(m, k, key);
	if (!r) {
		if (d->state != MODEL_LEARNING || model_fact_make(m, k, key, &r)) {
			if (ret_fact)
				*ret_fact = NULL;
			return MODEL_NEW;
		}
		r->f.sources = FACT_LEARNED;
		r->f.startup = s->startup;
		if (!s->startup)
			d->quiet_windows = 0;
		a = MODEL_ADDED;
	}
	if (d->state == MODEL_LEARNING)
		r->f.sources |= FACT_LEARNED;
	fact_count(m, d, r, s);
	if (a == MODEL_ADDED)
		r = model_generalise(m, k, r);
	if (ret_fact)
		*ret_fact = &r->f;
	return a;
}

/* History is only kept of what could ever be told. */
static void measure_note(struct model *m, struct fact_rec *r, uint64_t value, bool matters, uint64_t now_ns)
{
	struct volume_hours *h = (struct volume_hours *)(uintptr_t)r->f.hours;

	if (!h && matters)
		r->f.hours = h = calloc(1, sizeof(*h));
	if (h && volume_hours_add(h, now_ns, value))
		m->generation++;
}

enum model_answer model_measure(struct model *m, enum fact_kind k, const char *key, uint64_t value, uint64_t floor, unsigned factor,
				const struct model_seen *s, struct model_usual *ret_usual)
{
	struct model_dimension *d = &m->dims[k];
	struct fact_rec *r = model_fact_find(d, key);
	bool more;

	*ret_usual = (struct model_usual){ .value = r ? r->f.count : 0 };
	if (r && r->f.hours && !volume_hours_usual(r->f.hours, s->now_ns, &ret_usual->value, &ret_usual->weeks))
		ret_usual->weeks = 0;
	if (d->state != MODEL_LEARNING && value > floor && value > factor * ret_usual->value)
		return MODEL_NEW;
	more = d->state == MODEL_LEARNING && (!r || value > r->f.count);
	if (more && !r && model_fact_make(m, k, key, &r))
		return MODEL_KNOWN;
	if (r && d->state != MODEL_LOCKED)
		measure_note(m, r, value, value > floor / factor, s->now_ns);
	if (!more || !r)
		return MODEL_KNOWN;
	r->f.sources |= FACT_LEARNED;
	fact_count(m, d, r, s);
	r->f.count = value;
	return MODEL_ADDED;
}

int model_vouch(struct model *m, enum fact_kind k, const char *key, enum fact_source source, const char *where, uint64_t now_ns)
{
	struct fact_rec *r = model_fact_find(&m->dims[k], key);
	int e;

	if (!r) {
		e = model_fact_make(m, k, key, &r);
		if (e < 0)
			return e;
		if (source != FACT_DECLARED)
			r->f.first_ns = r->f.last_ns = now_ns;
	}
	r->f.sources |= source;
	if (where)
		fact_where(r, where);
	m->generation++;
	return 0;
}

void model_retract(struct model *m, enum fact_source source)
{
	for (int k = 0; k < FACT_KIND_MAX; k++) {
		struct fact_rec *r, *tmp;

		HASH_ITER(hh, m->dims[k].facts, r, tmp) {
			if (!(r->f.sources & source))
				continue;
			r->f.sources &= ~(unsigned)source;
			fact_where(r, NULL);
			m->generation++;
			if (!r->f.sources)
				model_fact_drop(&m->dims[k], r);
		}
	}
}

int model_remove(struct model *m, enum fact_kind k, const char *key)
{
	struct fact_rec *r = model_fact_find(&m->dims[k], key);

	if (!r)
		return -ENOENT;
	model_fact_drop(&m->dims[k], r);
	m->generation++;
	return 0;
}

void model_started(struct model *m, uint64_t start_ns)
{
	if (start_ns <= m->last_start_ns)
		return;
	m->last_start_ns = start_ns;
	m->starts++;
	m->generation++;
}

void model_requested(struct model *m, uint64_t flows)
{
	m->requests += flows;
}

void model_listens(struct model *m)
{
	m->listens = true;
}

void model_lost(struct model *m, uint32_t dims)
{
	m->lost |= dims;
}

void model_alive(struct model *m, uint64_t now_ns)
{
	m->alive = true;
	m->used_ns = now_ns;
}

static void dimension_window(struct model *m, enum fact_kind k, const struct novelty_rule *r, bool lossy, uint64_t now_ns,
			     void (*ended)(struct model *m, enum fact_kind k, void *arg), void *arg)
{
	struct model_dimension *d = &m->dims[k];
	struct novelty_evidence e;

	d->lossy = lossy;
	if (lossy) {
		d->lossy_windows++;
		return;
	}
	d->windows++;
	d->quiet_windows++;
	if (d->state != MODEL_LEARNING)
		return;
	e = model_evidence(m, k);
	if (!novelty_is_learned(&e, r, NULL, 0))
		return;
	d->state = MODEL_MONITORING;
	d->since_ns = now_ns;
	if (ended)
		ended(m, k, arg);
}

void models_window(struct models *ms, const struct novelty_rule *r, uint32_t fed, uint32_t lossy, uint64_t now_ns,
		   void (*ended)(struct model *m, enum fact_kind k, void *arg), void *arg)
{
	struct model *m, *tmp;

	HASH_ITER(hh, ms->all, m, tmp) {
		if (!m->alive)
			continue;
		m->alive = false;
		for (unsigned k = 0; k < FACT_KIND_MAX; k++) {
			m->dims[k].fed = fed >> k & 1;
			if (m->dims[k].fed)
				dimension_window(m, (enum fact_kind)k, r, (lossy | m->lost) >> k & 1, now_ns, ended, arg);
		}
		m->lost = 0;
		m->window++;
		m->generation++;
	}
}

/* ---- state ------------------------------------------------------------------------------------------------------ */
enum model_state model_dimension_state(const struct model *m, enum fact_kind k)
{
	return m->dims[k].state;
}

void model_set_state(struct model *m, enum fact_kind k, enum model_state s, uint64_t now_ns)
{
	struct model_dimension *d = &m->dims[k];

	if (s == MODEL_LEARNING)
		d->windows = d->quiet_windows = 0;
	d->state = s;
	d->since_ns = now_ns;
	m->generation++;
}

struct novelty_evidence model_evidence(const struct model *m, enum fact_kind k)
{
	const struct model_dimension *d = &m->dims[k];
	struct novelty_evidence e = { .windows = d->windows, .quiet_windows = d->quiet_windows, .starts = m->starts,
				      .requests = m->requests, .lossy = d->lossy, .wants_requests = k == FACT_EDGE_IN && m->listens };
	struct fact_rec *r, *tmp;

	HASH_ITER(hh, d->facts, r, tmp) {
		e.observations += r->f.windows;
		/* A first use is told once: what is rare among calls and measures cannot be told from what is not. */
		if (r->f.windows == 1 && !r->f.startup && r->f.sources == FACT_LEARNED && k != FACT_SYSCALL && k != FACT_VOLUME)
			e.singletons++;
	}
	return e;
}

double model_surety(const struct model *m, enum fact_kind k)
{
	struct novelty_evidence e = model_evidence(m, k);
	double p = novelty_estimate(&e);

	if (m->dims[k].state == MODEL_LEARNING)
		return 0;
	if (m->dims[k].state == MODEL_LOCKED)
		return 1;
	return p > 0.1 ? 0.5 : 1.0 - p * 5.0;
}

struct model_dimension_info model_dimension_get(const struct model *m, enum fact_kind k)
{
	const struct model_dimension *d = &m->dims[k];

	return (struct model_dimension_info){ .state = d->state, .facts = HASH_COUNT(d->facts), .since_ns = d->since_ns,
					      .lossy_windows = d->lossy_windows, .overflow = d->overflow, .fed = d->fed };
}

void model_each_fact(const struct model *m, enum fact_kind k, void (*cb)(const struct fact *f, void *arg), void *arg)
{
	struct fact_rec *r, *tmp;

	HASH_ITER(hh, m->dims[k].facts, r, tmp)
		cb(&r->f, arg);
}

/* ---- for the store ------------------------------------------------------------------------------------------------ */
uint64_t model_generation(const struct model *m)
{
	return m->generation;
}

void model_set_saved(struct model *m, uint64_t generation)
{
	m->saved = generation;
}

uint64_t model_saved(const struct model *m)
{
	return m->saved;
}

struct model_numbers model_numbers_get(const struct model *m)
{
	struct model_numbers n = { .made_ns = m->made_ns, .used_ns = m->used_ns, .starts = m->starts, .requests = m->requests,
				   .last_start_ns = m->last_start_ns, .window = m->window, .listens = m->listens };

	for (int k = 0; k < FACT_KIND_MAX; k++) {
		n.dims[k].state = m->dims[k].state;
		n.dims[k].windows = m->dims[k].windows;
		n.dims[k].quiet_windows = m->dims[k].quiet_windows;
		n.dims[k].lossy_windows = m->dims[k].lossy_windows;
		n.dims[k].since_ns = m->dims[k].since_ns;
	}
	return n;
}

void model_numbers_set(struct model *m, const struct model_numbers *n)
{
	m->made_ns = n->made_ns;
	m->used_ns = n->used_ns;
	m->starts = n->starts;
	m->last_start_ns = n->last_start_ns;
	m->requests = n->requests;
	m->window = n->window ? n->window : 1;
	m->listens = n->listens;
	for (int k = 0; k < FACT_KIND_MAX; k++) {
		m->dims[k].state = n->dims[k].state < MODEL_STATE_MAX ? (enum model_state)n->dims[k].state : MODEL_LEARNING;
		m->dims[k].windows = n->dims[k].windows;
		m->dims[k].quiet_windows = n->dims[k].quiet_windows;
		m->dims[k].lossy_windows = n->dims[k].lossy_windows;
		m->dims[k].since_ns = n->dims[k].since_ns;
	}
	m->generation++;
}

int model_restore(struct model *m, enum fact_kind k, const struct fact *f)
{
	struct fact_rec *r = model_fact_find(&m->dims[k], f->key);
	const struct volume_hours *hours;
	const char *key, *where;
	int e;

	if (!r) {
		e = model_fact_make(m, k, f->key, &r);
		if (e < 0)
			return e;
	}
	fact_where(r, f->where);
	fact_hours(r, f->hours);
	key = r->f.key;
	where = r->f.where;
	hours = r->f.hours;
	r->f = *f;
	r->f.key = key;
	r->f.where = where;
	r->f.hours = hours;
	return 0;
}
