/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where alerts go besides alerts.jsonl: journald (its native protocol), syslog (RFC 5424; over TCP with RFC 6587 octet counting),
 * a webhook (POST, signed). Core opens no connection: the fetching program sends. Each output has a queue of OUTPUT_QUEUE alerts
 * of its own; what finds no room is lost there and counted; nothing here ever waits. Core's loop only. */
#ifndef PG_SENSOR_CORE_OUTPUTS_H
#define PG_SENSOR_CORE_OUTPUTS_H

#include "base/jsonl.h"
#include "intel/finding.h"
#include "sensor/core/core.h"

#define OUTPUT_QUEUE 256
#define OUTPUT_TRIES 8 /* of one alert, with waits of 1, 2, 4, … 60 s between them */

struct outputs;

int outputs_open(const struct config *cfg, struct outputs **ret);
void outputs_close(struct core *c, struct outputs *o);
/* json: the alert's own line, for the formats that carry it. */
void outputs_tell(struct outputs *o, struct core *c, const struct finding *f, const char *json);
void outputs_tick(struct outputs *o, struct core *c, uint64_t now_mono_ns);
/* "outputs": [{name, target, queued, sent, lost, error}] */
void json_outputs(struct jsonl *j, const struct outputs *o);

/* ---- pure, for tests ---- */
/* Elastic Common Schema 8, Open Cybersecurity Schema Framework 1.1 (Detection Finding, class 2004). One object. */
void json_alert_ecs(struct jsonl *j, const char *key, const struct core *c, const struct finding *f);
void json_alert_ocsf(struct jsonl *j, const char *key, const struct core *c, const struct finding *f);
/* One message of RFC 5424, no frame; text: what stands as MSG. Returns its length (cut to size - 1). */
size_t output_syslog(const struct core *c, const struct finding *f, const char *text, char *ret, size_t size);
/* "NAME=value\n" lines (systemd, Native Journal Protocol). */
size_t output_journal(const struct core *c, const struct finding *f, const char *json, char *ret, size_t size);
/* "sha256=<hex>" of body, HMAC-SHA256 (RFC 2104) under the secret. ret holds 80 bytes. */
bool output_sign(const char *secret, const void *body, size_t len, char ret[80]);

#endif
