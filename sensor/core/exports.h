/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is sent to others besides findings (outputs.h has these): flows at their end, findings, events, as JSON lines (a file, TCP,
 * syslog over TCP), IPFIX (flows; UDP, TCP) and OTLP/HTTP (logs, metrics). Core opens no connection: the fetching program sends.
 * Records are gathered into batches; each export has a queue of EXPORT_QUEUE batches; what finds no room is lost there, counted
 * for it ("exports" of status) and in LOSS_EXPORT. A batch that was cut off is sent again whole: a receiver may see a record
 * twice, never a wrong one. Nothing here waits. Core's loop only. */
#ifndef PG_SENSOR_CORE_EXPORTS_H
#define PG_SENSOR_CORE_EXPORTS_H

#include "base/jsonl.h"
#include "sensor/core/core.h"

#define EXPORT_QUEUE 64
#define EXPORT_BATCH_MAX 40960 /* bytes; below FETCH_BODY_MAX */
#define EXPORT_TRIES 8         /* of one batch, with waits of 1, 2, 4, … 60 s between them */

/* c->exports; stays NULL when none are configured. 0 or -ENOMEM. After the model and fetch. */
int exports_open(struct core *c);
void exports_close(struct core *c);
/* Sends what is due. Several times a second. */
void exports_tick(struct core *c, uint64_t now_mono_ns);
/* "exports": [{name, target, queued, sent, lost, error}] */
void json_exports(struct jsonl *j, const struct core *c);
/* Calls cb for each export. */
void exports_each(const struct core *c, void (*cb)(const char *name, const char *target, uint64_t sent, uint64_t lost, void *arg), void *arg);

/* ---- pure, for tests ---- */
/* One record as an OTLP log record (opentelemetry-proto, logs.proto, as JSON): line is the record's JSON. */
void json_otlp_log(struct jsonl *j, const char *kind, const char *severity, const char *line, uint64_t time_ns);
/* Metrics in Prometheus' text (ours) as OTLP metrics; calls body for each request's body of at most max bytes (it is done when that
 * returns). node: the resource. */
void otlp_metrics(const char *text, const char *node, uint64_t start_ns, uint64_t now_ns, size_t max,
		  void (*body)(const char *json, size_t len, unsigned points, void *arg), void *arg);

#endif
