/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The model's place in core: what the kernel, the inspector and the engines tell becomes facts of workloads (intel/fact.h), what
 * is neither declared nor learned becomes a finding, findings go out (alerts.h). Core's loop only.
 *
 * Everything of which core does not know yet whose it is waits for its container's name, at most WAIT_NS. */
#ifndef PG_SENSOR_CORE_MODEL_H
#define PG_SENSOR_CORE_MODEL_H

#include "intel/finding.h"
#include "base/jsonl.h"
#include "intel/model.h"
#include "sensor/core/core.h"

struct core_model;

/* Once the configuration is known. 0 or -ENOMEM; a store that cannot be opened is said and done without. */
int core_model_open(struct core *c);
void core_model_close(struct core *c);

/* ---- facts in ------------------------------------------------------------------------------------------ */
/* After the process table took it in: EXEC, PROCESS. */
void model_on_process(struct core *c, const struct pg_event *ev);
/* After the listener table took it in: LISTEN, BIND. */
/* A UDP socket that was told as a listener sent before it heard from anybody. */
void model_on_sent(struct core *c, uint64_t cookie);
void model_on_listener(struct core *c, const struct pg_event *ev);
/* A flow was announced: what as in core_announce(). */
void model_on_flow(struct core *c, struct flow *f, const char *what);
/* Something a container's cgroup did was lost because no engine had named it in time. Another engine's containers, which nobody
 * here watches, are never named. */
void model_on_unnamed(struct core *c, uint64_t cgroup);
/* ARP: a container asks for one more of many neighbours. */
void model_on_arp(struct core *c, const struct pg_event *ev);
/* Something a container did, as a fact of any kind; finding: what it is when it is new. exe, peer may be "". Returns what the
 * model said. observed: one sentence. */
struct model_fact_in {
	enum fact_kind kind;
	const char *key;        /* intel/fact.h */
	enum finding_kind finding;
	const char *exe, *parent, *peer, *observed;
	uint32_t pid;
	uint64_t at_mono_ns;    /* when the kernel saw it, 0: now */
	const struct flow *flow; /* whose end far (0, 1) is the peer, for actions; NULL: none */
	unsigned far;
};
enum model_answer model_on_fact(struct core *c, const struct ident_container *ct, const struct model_fact_in *in);
/* Who expects this listener, as core_listener_view.source and because. Texts live until core returns to its loop. */
struct listener;
void model_listener_source(struct core *c, const struct ident_container *ct, const struct listener *l, const char *exe, const char **ret_source,
			   const char **ret_because);
/* A finding that needs no model (a forged source, a loss): kind, key, observed, why and so on set by the caller; names of the
 * container, engine, time, coverage and score are filled in here where empty. ct may be NULL. */
void model_on_finding(struct core *c, const struct ident_container *ct, struct finding *f);
/* What configuration, image or compose file declares of a workload ("path:line"): never a finding, quoted by `why`. */
int model_declare(struct core *c, const struct ident_container *ct, enum fact_kind k, const char *key, const char *where);
/* Forgets what was declared for it, before it is declared anew. */
void model_undeclare(struct core *c, const struct ident_container *ct);

/* Every tick (50 ms): what waited; ends windows. Every few seconds: writes what changed. */
void model_tick(struct core *c, uint64_t now_mono_ns);
void model_save(struct core *c);

/* ---- asked by the API --------------------------------------------------------------------------------------- */
struct models *core_models(const struct core *c);
struct findings *core_findings(const struct core *c);
const struct novelty_rule *core_novelty_rule(const struct core *c);
/* The model of this name; several images: the one used last. NULL. */
struct model *core_model_named(const struct core *c, const char *workload);
/* Calls cb with each alert and its JSON from now on; a handle >= 0 or -errno. */
typedef void (*alerts_cb)(const struct finding *f, const char *json, void *arg);
/* "outputs": where alerts go besides the file, and what each has not taken. */
void core_json_outputs(struct jsonl *j, const struct core *c);
int core_subscribe_alerts(struct core *c, alerts_cb cb, void *arg);
void core_unsubscribe_alerts(struct core *c, int handle);
/* 0; -ENOENT: no such finding or no fact in it; -EEXIST: accepted before. The fact becomes a human's. */
int model_accept(struct core *c, const char *finding_id);

#endif
