/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A model as YAML, for review in git: one line a fact, in an order that does not depend on chance. Read back, its facts are a
 * human's. */
#ifndef PG_SENSOR_CORE_MODEL_YAML_H
#define PG_SENSOR_CORE_MODEL_YAML_H

#include <stddef.h>

#include "intel/model.h"

/* The text, NUL-terminated, owned by the caller; NULL: no memory. */
char *model_yaml_write(const struct model *m, size_t *ret_len);
/* Takes the facts of such a text (at most 1 MiB, UTF-8, no aliases) into the model that it names; states "locked",
 * "monitoring", "learning" of its dimensions are taken too. All or nothing. 0; -EINVAL: err names the line. *ret_facts: how many. */
int model_yaml_read(struct models *ms, const char *text, size_t len, uint64_t now_ns, char ret_workload[MODEL_WORKLOAD_LEN],
		    uint64_t *ret_facts, char *err, size_t err_len);

#endif
