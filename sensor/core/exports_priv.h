/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the exports' files share. exports.c: batches, queues, sending. exports_records.c: what goes into them. */
#ifndef PG_SENSOR_CORE_EXPORTS_PRIV_H
#define PG_SENSOR_CORE_EXPORTS_PRIV_H

#include <sys/uio.h>

#include "base/filter.h"
#include "sensor/core/exports.h"
#include "sensor/core/ipfix.h"
#include "sensor/core/line_file.h"

enum export_kind { EXPORT_FILE, EXPORT_LINES, EXPORT_SYSLOG, EXPORT_IPFIX, EXPORT_OTLP_LOGS, EXPORT_OTLP_METRICS };

struct export_batch {
	struct export_batch *next;
	size_t len;
	unsigned records;
	char data[EXPORT_BATCH_MAX + 64]; /* 64: the end of an OTLP body */
};

struct export_out {
	const char *name;
	enum export_kind kind;
	char target[280];          /* fetch: URL or socket; EXPORT_FILE: the path */
	struct core *core;
	struct line_file file;
	struct export_batch *open; /* being filled; NULL: none */
	uint64_t opened_ns;
	struct export_batch *first, **end;
	unsigned count, tries;
	uint32_t under_way;        /* id of the request; 0: none */
	uint64_t due_ns, sent, lost; /* sent, lost: records */
	char error[160];           /* of the last try; "" it was taken */
};

#define EXPORTS_MAX 8
struct exports {
	struct export_out all[EXPORTS_MAX];
	unsigned count;
	int flows, events, alerts; /* subscriptions; -1: none */
	struct filter *lines_filter, *ipfix_filter, *otlp_filter;
	struct ipfix *ipfix;
	struct export_out *ipfix_out; /* NULL: none */
	uint64_t metrics_due_ns;
};

/* Appends what is in n parts, as so many records; a batch that has no room for it is queued first. */
void export_append(struct export_out *o, const struct iovec *parts, unsigned n, unsigned records);
/* Queues what is open. */
void export_close_batch(struct export_out *o);
void export_lost(struct export_out *o, unsigned records);

/* ---- exports_records.c */
int exports_subscribe(struct core *c);
void exports_unsubscribe(struct core *c);
void exports_metrics(struct core *c, struct export_out *o);
/* Ends what IPFIX has begun. */
void exports_ipfix_flush(struct core *c);

#endif
