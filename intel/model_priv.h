/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside of the model; included by intel/model*.c only. Keys come from containers: the hash is keyed by nothing secret, but a
 * dimension holds at most MODEL_FACTS_MAX of them. */
#ifndef PG_INTEL_MODEL_PRIV_H
#define PG_INTEL_MODEL_PRIV_H

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "intel/model.h"

struct fact_rec {
	struct fact f; /* first */
	UT_hash_handle hh;
};

struct model_dimension {
	enum model_state state;
	struct fact_rec *facts;
	uint64_t windows, quiet_windows, lossy_windows, overflow, since_ns;
	bool lossy, fed;
};

struct model_name {
	char workload[MODEL_WORKLOAD_LEN], image[MODEL_IMAGE_LEN]; /* zero-filled */
};

struct model {
	struct model_name name;
	uint64_t made_ns, used_ns, starts, last_start_ns, requests;
	uint64_t window; /* number of the present one, from 1 */
	uint64_t generation, saved;
	bool alive, listens;
	uint32_t lost; /* dimensions (bits) in which the present window lost something of this model alone */
	struct model_dimension dims[FACT_KIND_MAX];
	UT_hash_handle hh;
};

struct models {
	struct model *all;
	uint64_t refused;
};

struct fact_rec *model_fact_find(const struct model_dimension *d, const char *key);
/* 0, -ENOSPC, -ENOMEM */
int model_fact_make(struct model *m, enum fact_kind k, const char *key, struct fact_rec **ret);
void model_fact_drop(struct model_dimension *d, struct fact_rec *r);

/* model_general.c: a fact that covers key without being it; NULL. */
struct fact_rec *model_fact_general(const struct model *m, enum fact_kind k, const char *key);
/* After r was added: if there are enough like it, what they have in common takes their place. Returns r or that. */
struct fact_rec *model_generalise(struct model *m, enum fact_kind k, struct fact_rec *r);

#endif
