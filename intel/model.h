/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The learned model: per workload and image, per dimension (enum fact_kind), the facts that are normal, and whether learning
 * of that dimension has ended. Learning ends on evidence (novelty.h); what is neither known nor learnable then is new.
 * A new image starts from what its predecessor knew (marked carried) and learns again; the predecessor's model stays as it
 * was. Pure: time is a parameter (wall ns). Bounded: MODEL_FACTS_MAX facts a dimension, MODELS_MAX models. One thread. */
#ifndef PG_INTEL_MODEL_H
#define PG_INTEL_MODEL_H

#include "intel/fact.h"
#include "intel/novelty.h"

#define MODEL_FACTS_MAX 2000
#define MODELS_MAX 4096
#define MODEL_WORKLOAD_LEN 300
#define MODEL_IMAGE_LEN 80

/* When so many alike are known, they are replaced by what they have in common (external peers, ephemeral ports). */
#define MODEL_GENERALISE_CLIENTS 3    /* outside clients of one port -> any */
#define MODEL_GENERALISE_ADDRESSES 4  /* outside servers of one port in one /24 or /64 -> the prefix */
#define MODEL_GENERALISE_NAMES 8      /* outside names under one domain -> *.domain */
#define MODEL_GENERALISE_PORTS 3      /* ephemeral ports that one program listens on -> ephemeral */

enum model_state { MODEL_LEARNING, MODEL_MONITORING, MODEL_LOCKED, MODEL_STATE_MAX };
const char *model_state_name(enum model_state s);

struct model;
struct models;

struct models *models_new(void);
void models_free(struct models *ms);
/* The workload's model for that image ("" unknown image); made if there is none (*ret_made), from the latest other image's
 * facts if there is one. NULL: too many (counted) or no memory. */
struct model *models_get(struct models *ms, const char *workload, const char *image, uint64_t now_ns, bool *ret_made);
/* The one used last for this workload; NULL. */
struct model *models_find(const struct models *ms, const char *workload);
void models_each(const struct models *ms, void (*cb)(struct model *m, void *arg), void *arg);
size_t models_count(const struct models *ms);
uint64_t models_refused(const struct models *ms);
/* Forgets a model; the pointer is dead. */
void models_drop(struct models *ms, struct model *m);

const char *model_workload(const struct model *m);
const char *model_image(const struct model *m);
uint64_t model_used_ns(const struct model *m);
uint64_t model_made_ns(const struct model *m);

/* ---- seeing ------------------------------------------------------------------------------------- */
enum model_answer {
	MODEL_KNOWN, /* it is in the model */
	MODEL_ADDED, /* learning: it is now */
	MODEL_NEW,   /* learning has ended (or the dimension is full): it is not */
};
struct model_seen {
	uint64_t now_ns;
	uint32_t replica;    /* any number that stands for the container */
	bool startup;        /* just after the container's start */
};
/* *ret_fact (may be NULL): the fact it matched or became; NULL for MODEL_NEW. */
enum model_answer model_see(struct model *m, enum fact_kind k, const char *key, const struct model_seen *s, const struct fact **ret_fact);
/* For facts that are measures (volume): the fact's count is the largest value learned. MODEL_NEW: learning has ended, and value is
 * above floor and above factor times what is usual: that of the hour of the week once there is enough history of it (volume_hours.h,
 * which goes on after learning, but not in a locked model and not with what is told), the largest value until then. */
struct model_usual {
	uint64_t value;
	unsigned weeks; /* of the history of this hour; 0: it is the largest value learned */
};
enum model_answer model_measure(struct model *m, enum fact_kind k, const char *key, uint64_t value, uint64_t floor, unsigned factor,
				const struct model_seen *s, struct model_usual *ret_usual);
/* As model_see(), but never adds, never counts. */
const struct fact *model_match(const struct model *m, enum fact_kind k, const char *key);
/* Adds or strengthens a fact that somebody vouches for. 0, -ENOSPC, -ENOMEM. where may be NULL. */
int model_vouch(struct model *m, enum fact_kind k, const char *key, enum fact_source source, const char *where, uint64_t now_ns);
/* Forgets what one source declared (before it is declared anew); facts that were learned too stay. */
void model_retract(struct model *m, enum fact_source source);
/* Takes a fact out. 0 or -ENOENT. */
int model_remove(struct model *m, enum fact_kind k, const char *key);

/* A container of it was started then (the same start told again is one start); flows came to its listeners; it
 * listens for others. */
void model_started(struct model *m, uint64_t start_ns);
void model_requested(struct model *m, uint64_t flows);
void model_listens(struct model *m);
/* Something of it was lost in the present window, in these dimensions (bits). */
void model_lost(struct model *m, uint32_t dims);
/* It lived during the present window. */
void model_alive(struct model *m, uint64_t now_ns);

/* Ends the present window of all models. fed: bits of the dimensions that this sensor sees at all; lossy: bits of those in
 * which something was lost. Calls ended (may be NULL) for each dimension whose learning just ended. */
void models_window(struct models *ms, const struct novelty_rule *r, uint32_t fed, uint32_t lossy, uint64_t now_ns,
		   void (*ended)(struct model *m, enum fact_kind k, void *arg), void *arg);

/* ---- state --------------------------------------------------------------------------------------- */
enum model_state model_dimension_state(const struct model *m, enum fact_kind k);
/* LEARNING: begins to learn anew, with what is known. LOCKED: never learns by itself. MONITORING: as if learning had ended. */
void model_set_state(struct model *m, enum fact_kind k, enum model_state s, uint64_t now_ns);
struct novelty_evidence model_evidence(const struct model *m, enum fact_kind k);
/* 0..1: how much weight its "new" has: 0 while learning. */
double model_surety(const struct model *m, enum fact_kind k);

struct model_dimension_info {
	enum model_state state;
	unsigned facts;
	uint64_t since_ns, lossy_windows, overflow;
	bool fed;
};
struct model_dimension_info model_dimension_get(const struct model *m, enum fact_kind k);
void model_each_fact(const struct model *m, enum fact_kind k, void (*cb)(const struct fact *f, void *arg), void *arg);

/* ---- for the store --------------------------------------------------------------------------------- */
/* Counts up at every change. */
uint64_t model_generation(const struct model *m);
void model_set_saved(struct model *m, uint64_t generation);
uint64_t model_saved(const struct model *m);
struct model_numbers { /* a model's or a dimension's counters, as stored */
	uint64_t made_ns, used_ns, starts, last_start_ns, requests, window, listens;
	struct {
		uint64_t state, windows, quiet_windows, lossy_windows, since_ns;
	} dims[FACT_KIND_MAX];
};
struct model_numbers model_numbers_get(const struct model *m);
void model_numbers_set(struct model *m, const struct model_numbers *n);
/* Puts a stored fact back as it was. 0, -ENOSPC, -ENOMEM. */
int model_restore(struct model *m, enum fact_kind k, const struct fact *f);
/* Makes an empty model without a predecessor. NULL as models_get(). */
struct model *models_restore(struct models *ms, const char *workload, const char *image);

#endif
