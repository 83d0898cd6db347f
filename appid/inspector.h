/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The inspector: samples of first bytes go in, labels, DNS answers and "enough" come out through a sink. Bounded in flows
 * and memory; when full the oldest flow is given up, and counted. Opens nothing, asks no clock: time is the samples' and
 * the tick's. One thread; the sink is called inside the calls below and must not call back. */
#ifndef PG_APPID_INSPECTOR_H
#define PG_APPID_INSPECTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sensor/bpf/abi.h"
#include "sensor/msg.h"

struct ndpi_engine;
struct inspector;

struct inspector_sink {
	void (*label)(const struct msg_label *l, void *arg);
	void (*dns)(const struct msg_dns *d, void *arg);
	/* No more samples of this flow are wanted though its budget is not used up. */
	void (*enough)(const struct flow_key *key, uint32_t serial, void *arg); /* serial: the flow's, of its samples; 0: none */
	void *arg;
	/* What the flow says about itself (sensor/facts.h), before the label that it belongs to; NULL: not wanted. */
	void (*facts)(const struct flow_key *key, const char *text, size_t len, void *arg);
};

struct inspector_limits {
	unsigned flows;     /* tracked at a time; 0: 8192 */
	size_t head_bytes;  /* of first bytes kept, all flows together; 0: 6 MiB */
	uint64_t seed;      /* of the flow hash; random in production */
	bool forget;        /* no sample of a flow comes after its final, sure label: nothing is kept of it */
};

/* engine may be NULL: then only our own recognisers work. It is not owned. NULL: no memory. */
struct inspector *inspector_new(const struct inspector_limits *limits, const struct inspector_sink *sink, struct ndpi_engine *engine);
void inspector_free(struct inspector *insp);

/* One record of the sample ring: record holds len bytes, beginning with struct pg_sample. Anything may be in it. What
 * becomes known is kept until inspector_flush(). */
void inspector_record(struct inspector *insp, const void *record, size_t len);
/* The same with header and payload apart; payload holds s->cap_len bytes. */
void inspector_sample(struct inspector *insp, const struct pg_sample *s, const uint8_t *payload);
/* Says what became known since the last flush: to be called after each batch. */
void inspector_flush(struct inspector *insp);
/* Flows whose labels wait for a flush. */
unsigned inspector_pending(const struct inspector *insp);
/* Lets time pass: questions that waited for more of a message, flows that said nothing for long. Then flushes. */
void inspector_tick(struct inspector *insp, uint64_t now_mono_ns);
/* How long until a tick has something to do; UINT64_MAX: nothing is tracked. */
uint64_t inspector_next_ns(const struct inspector *insp, uint64_t now_mono_ns);
/* Gives all flows up (end of a capture, of a test) and flushes. */
void inspector_finish(struct inspector *insp);
/* results_dropped and marks_failed are the caller's. */
void inspector_stats(const struct inspector *insp, struct msg_inspect_stats *ret);

#endif
