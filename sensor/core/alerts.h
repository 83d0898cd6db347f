/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where findings go: STATE/alerts.jsonl (one JSON object a line, etc/schema/alert.json; rotated by size), subscribers of the
 * API. No output can hold the sensor up: what an output does not take is counted (LOSS_FINDINGS) and said. Core's loop only. */
#ifndef PG_SENSOR_CORE_ALERTS_H
#define PG_SENSOR_CORE_ALERTS_H

#include "base/jsonl.h"
#include "intel/finding.h"
#include "sensor/core/core.h"
#include "sensor/core/model.h"

struct alerts;

/* 0 or -ENOMEM. A file that cannot be opened is said and tried again at each line. */
int alerts_open(const char *state_dir, const struct config *config, struct alerts **ret);
/* Goes on with what the other outputs (outputs.h) have not taken yet. */
void alerts_tick(struct alerts *a, struct core *c, uint64_t now_mono_ns);
void json_alerts_outputs(struct jsonl *j, const struct alerts *a);
void alerts_close(struct core *c, struct alerts *a);
void alerts_tell(struct alerts *a, struct core *c, const struct finding *f);

/* Calls cb with each alert's line (no newline); -EBUSY: too many. */
int alerts_subscribe(struct alerts *a, alerts_cb cb, void *arg);
void alerts_unsubscribe(struct alerts *a, int handle);

/* The alert as JSON object (DESIGN 8: stable keys). */
void json_alert(struct jsonl *j, const char *key, const struct core *c, const struct finding *f);

#endif
