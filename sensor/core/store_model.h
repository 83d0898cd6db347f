/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Models and findings on disk: SQLite (WAL, synchronous FULL) at STATE/model.db, apart from the flows' history because they
 * are kept for good. A model is written whole in one transaction: after a kill -9 it is as it was at the last write. A damaged
 * file is set aside, never deleted. Every function takes NULL for the store and does nothing. Core's loop only. */
#ifndef PG_SENSOR_CORE_STORE_MODEL_H
#define PG_SENSOR_CORE_STORE_MODEL_H

#include "intel/finding.h"
#include "intel/model.h"

struct model_store;

/* 0 or -errno (*ret is NULL then). */
int store_model_open(const char *state_dir, struct model_store **ret);
void store_model_close(struct model_store *s);
/* Puts everything stored into ms and fs. Returns how many models, or -errno. */
int store_model_load(struct model_store *s, struct models *ms, struct findings *fs);
/* Writes what changed since the last call. 0 or -errno. */
int store_model_write(struct model_store *s, struct models *ms);
/* Notes one finding, new or changed; durable after the next store_model_write(). */
void store_model_finding(struct model_store *s, const struct finding *f);
/* Takes a model out. 0 or -errno. */
int store_model_drop(struct model_store *s, const struct model *m);

/* Which system calls a workload uses, in the form of struct core_syscalls: another size is another version's. Durable after the
 * next store_model_write(). */
void store_syscalls_put(struct model_store *s, const char *workload, const void *sets, size_t len);
void store_syscalls_each(struct model_store *s, unsigned max, void (*cb)(const char *workload, const void *sets, size_t len, void *arg), void *arg);

#endif
