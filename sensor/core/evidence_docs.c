/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What core knows of the container and of the incident, as JSON files of the bundle. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/version.h"
#include "sensor/core/alerts.h"
#include "sensor/core/api.h"
#include "sensor/core/evidence_priv.h"
#include "sensor/core/json_events.h"
#include "sensor/core/json_views.h"
#include "sensor/core/model.h"
#include "sensor/core/model_yaml.h"
#include "sensor/core/store.h"

#define FLOWS_MAX 20000

int evidence_write(struct evidence_job *job, const char *name, const char *text, size_t len)
{
	_cleanup_close_ int fd = openat(job->dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
	size_t at = 0;
	ssize_t n = 0;

	while (fd >= 0 && at < len && (n = write(fd, text + at, len - at)) > 0)
		at += (size_t)n;
	if (fd < 0 || at < len) {
		evidence_cut(job, "%s: %s", name, strerror(errno));
		return -EIO;
	}
	return 0;
}

static void name_file(struct evidence_job *job, const char *name)
{
	if (job->file_count < EV_FILES_MAX)
		snprintf(job->files[job->file_count++].name, sizeof(job->files[0].name), "%s", name);
}

int evidence_write_json(struct evidence_job *job, const char *name, struct jsonl *j)
{
	const char *text;
	size_t len;
	int r = -ENOMEM;

	jsonl_newline(j);
	text = jsonl_text(j, &len);
	if (text)
		r = evidence_write(job, name, text, len);
	else
		evidence_cut(job, "%s: no memory", name);
	if (r == 0)
		name_file(job, name);
	jsonl_done(j);
	return r;
}

/* ---- at once ------------------------------------------------------------------------------------------------------------- */
struct walk {
	struct evidence_job *job;
	struct jsonl j;
	unsigned count;
};

static void listener_cb(const struct core_listener_view *v, void *arg)
{
	struct walk *w = arg;

	if (v->container == w->job->ct)
		json_listener(&w->j, w->job->core, v);
}

static void flow_cb(const struct core_flow_view *v, void *arg)
{
	struct walk *w = arg;

	if ((v->client.container != w->job->ct && v->server.container != w->job->ct) || w->count++ >= FLOWS_MAX)
		return;
	json_flow(&w->j, v, w->job->core->node, NULL, NULL, NULL);
}

static void write_sockets(struct evidence_job *job)
{
	struct walk w = { .job = job };

	jsonl_init(&w.j);
	jsonl_obj(&w.j, NULL);
	jsonl_arr(&w.j, "listeners");
	core_each_listener(job->core, listener_cb, &w);
	jsonl_arr_end(&w.j);
	jsonl_arr(&w.j, "flows");
	core_each_flow(job->core, flow_cb, &w);
	jsonl_arr_end(&w.j);
	jsonl_obj_end(&w.j);
	if (w.count > FLOWS_MAX)
		evidence_cut(job, "sockets.json: %u of %u flows", FLOWS_MAX, w.count);
	evidence_write_json(job, "sockets.json", &w.j);
}

static void container_cb(const struct ident_container *k, const struct core_container_counts *n, void *arg)
{
	struct walk *w = arg;

	if (k == w->job->ct)
		json_container(&w->j, w->job->core, k, n);
}

static void write_container(struct evidence_job *job)
{
	struct walk w = { .job = job };

	jsonl_init(&w.j);
	core_each_container(job->core, container_cb, &w);
	evidence_write_json(job, "container.json", &w.j);
}

static void write_processes(struct evidence_job *job)
{
	struct jsonl j;

	jsonl_init(&j);
	json_tree(&j, job->core, job->ct->id);
	evidence_write_json(job, "processes.json", &j);
}

void evidence_docs_live(struct evidence_job *job)
{
	core_refresh(job->core);
	write_processes(job);
	write_sockets(job);
	write_container(job);
}

/* ---- when it has settled ------------------------------------------------------------------------------------------------- */
static void finding_cb(const struct finding *f, void *arg)
{
	struct walk *w = arg;

	if (strcmp(f->incident, w->job->id) != 0)
		return;
	jsonl_obj(&w->j, NULL);
	json_alert(&w->j, "alert", w->job->core, f);
	jsonl_str(&w->j, "dimension", f->fact_kind >= 0 ? fact_kind_name((enum fact_kind)f->fact_kind) : NULL);
	jsonl_str(&w->j, "fact", f->fact[0] ? f->fact : NULL);
	jsonl_str(&w->j, "model", f->objector[0] ? f->objector : f->workload);
	jsonl_obj_end(&w->j);
	w->count++;
}

static void write_findings(struct evidence_job *job)
{
	struct walk w = { .job = job };

	jsonl_init(&w.j);
	jsonl_arr(&w.j, NULL);
	findings_each(core_findings(job->core), finding_cb, &w);
	jsonl_arr_end(&w.j);
	evidence_write_json(job, "findings.json", &w.j);
}

/* What the container did that its model does not hold: facts of its findings; and how much the model knew of each dimension. */
static void diff_cb(const struct finding *f, void *arg)
{
	struct walk *w = arg;
	char text[400];

	if (f->fact_kind < 0 || !f->fact[0] || strcmp(f->container_id, w->job->ct->id) != 0)
		return;
	jsonl_obj(&w->j, NULL);
	jsonl_str(&w->j, "dimension", fact_kind_name((enum fact_kind)f->fact_kind));
	jsonl_str(&w->j, "fact", fact_text((enum fact_kind)f->fact_kind, f->fact, text, sizeof(text)));
	jsonl_str(&w->j, "finding", f->id);
	jsonl_time(&w->j, "first", f->time_ns);
	jsonl_time(&w->j, "last", f->last_ns);
	jsonl_u64(&w->j, "count", f->count);
	jsonl_bool(&w->j, "accepted", f->accepted);
	jsonl_obj_end(&w->j);
}

static void write_model(struct evidence_job *job)
{
	struct model *m = core_model_named(job->core, job->ct->workload);
	struct walk w = { .job = job };
	_cleanup_free_ char *yaml = NULL;
	size_t len;

	jsonl_init(&w.j);
	jsonl_obj(&w.j, NULL);
	jsonl_str(&w.j, "workload", job->ct->workload);
	jsonl_str(&w.j, "image", m ? model_image(m) : NULL);
	jsonl_arr(&w.j, "not_in_model");
	findings_each(core_findings(job->core), diff_cb, &w);
	jsonl_arr_end(&w.j);
	jsonl_arr(&w.j, "dimensions");
	for (int k = 0; m && k < FACT_KIND_MAX; k++) {
		struct model_dimension_info d = model_dimension_get(m, (enum fact_kind)k);

		jsonl_obj(&w.j, NULL);
		jsonl_str(&w.j, "dimension", fact_kind_name((enum fact_kind)k));
		jsonl_str(&w.j, "state", model_state_name(d.state));
		jsonl_u64(&w.j, "facts", d.facts);
		jsonl_obj_end(&w.j);
	}
	jsonl_arr_end(&w.j);
	jsonl_obj_end(&w.j);
	evidence_write_json(job, "model-diff.json", &w.j);
	yaml = m ? model_yaml_write(m, &len) : NULL;
	if (yaml && evidence_write(job, "model.yaml", yaml, len) == 0)
		name_file(job, "model.yaml");
}

static void dns_cb(const uint8_t addr[16], const char *name, uint64_t until_ns, void *arg)
{
	struct walk *w = arg;
	char text[JSON_ADDR_LEN];

	jsonl_obj(&w->j, NULL);
	jsonl_str(&w->j, "name", name);
	jsonl_str(&w->j, "address", json_addr(addr, text));
	jsonl_time(&w->j, "valid_until", core_wall_ns(w->job->core, until_ns));
	jsonl_obj_end(&w->j);
}

static void write_dns(struct evidence_job *job)
{
	struct walk w = { .job = job };

	jsonl_init(&w.j);
	jsonl_arr(&w.j, NULL);
	dns_names_each(job->core->dns, name_scope(job->ct), dns_cb, &w);
	jsonl_arr_end(&w.j);
	evidence_write_json(job, "dns.json", &w.j);
}

static void write_status(struct evidence_job *job)
{
	struct core *c = job->core;
	struct json_rates rates = { 0 };
	struct api_stats a;
	struct store_stats s;
	struct jsonl j;

	api_stats_get(c->api, &a);
	store_stats_get(c->store, &s);
	jsonl_init(&j);
	json_status(&j, c, &rates, &a, &s, store_warning(c->store));
	evidence_write_json(job, "status.json", &j);
}

void evidence_docs_late(struct evidence_job *job)
{
	jsonl_arr_end(&job->upper);
	evidence_write_json(job, "upper.json", &job->upper);
	write_findings(job);
	write_model(job);
	write_dns(job);
	write_status(job);
}

/* ---- manifest ---------------------------------------------------------------------------------------------------------------- */
static void head(struct jsonl *j, const struct evidence_job *job, uint64_t now)
{
	const struct core *c = job->core;

	jsonl_obj(j, NULL);
	jsonl_str(j, "id", job->id);
	jsonl_time(j, "time", now);
	jsonl_str(j, "node", c->node);
	jsonl_str(j, "engine", name_of_engine(c, job->ct->engine));
	jsonl_str(j, "workload", job->ct->workload);
	jsonl_str(j, "container", job->ct->name);
	jsonl_str(j, "container_id", job->ct->id);
	jsonl_str(j, "image", job->ct->image);
	jsonl_str(j, "image_id", job->ct->image_id);
	jsonl_str(j, "finding", job->finding);
}

static void manifest_write(struct evidence_job *job, struct jsonl *j, uint64_t now)
{
	const struct core_evidence *e = job->core->evidence;

	head(j, job, now);
	jsonl_str(j, "version", PIERGLASS_VERSION);
	jsonl_bool(j, "frozen", job->frozen_ns != 0);
	jsonl_f64(j, "frozen_seconds", (double)job->frozen_ns / 1e9);
	jsonl_f64(j, "live_seconds", (double)job->live_ns / 1e9);
	jsonl_u64(j, "ring_packets", job->ring_packets);
	jsonl_u64(j, "ring_dropped", job->ring_lost);
	jsonl_arr(j, "files");
	for (unsigned i = 0; i < job->file_count; i++) {
		jsonl_obj(j, NULL);
		jsonl_str(j, "name", job->files[i].name);
		jsonl_u64(j, "size", job->files[i].size);
		jsonl_str(j, "sha256", job->files[i].sha256);
		jsonl_obj_end(j);
	}
	jsonl_arr_end(j);
	jsonl_arr(j, "cut");
	for (unsigned i = 0; i < job->cut_count; i++)
		jsonl_str(j, NULL, job->cuts[i]);
	jsonl_arr_end(j);
	if (e->last_id[0]) {
		jsonl_obj(j, "previous");
		jsonl_str(j, "id", e->last_id);
		jsonl_str(j, "sha256", e->last_sha256);
		jsonl_obj_end(j);
	} else {
		jsonl_null(j, "previous");
	}
	jsonl_obj_end(j);
}

static void summary_write(struct evidence_job *job, struct jsonl *j, uint64_t now, const char *sha256)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i < job->file_count; i++)
		bytes += job->files[i].size;
	head(j, job, now);
	jsonl_u64(j, "bytes", bytes);
	jsonl_u64(j, "files", job->file_count);
	jsonl_u64(j, "cut", job->cut_count);
	jsonl_str(j, "manifest_sha256", sha256);
	jsonl_obj_end(j);
}

void evidence_manifest(struct evidence_job *job)
{
	char sha256[DIGEST_SHA256_TEXT] = "";
	uint8_t raw[DIGEST_SHA256_LEN];
	struct digest *d = digest_new();
	uint64_t now = clock_wall_ns();
	struct jsonl j;
	const char *text;
	size_t len;

	jsonl_init(&j);
	manifest_write(job, &j, now);
	jsonl_newline(&j);
	text = jsonl_text(&j, &len);
	if (d && text && digest_add(d, text, len) == 0 && digest_finish(d, raw) == 0)
		digest_text(raw, sha256);
	digest_free(d);
	jsonl_done(&j);
	if (!sha256[0])
		return;
	/* The manifest last: a bundle with a manifest is whole. */
	jsonl_init(&j);
	summary_write(job, &j, now, sha256);
	if (evidence_write_json(job, "summary.json", &j) < 0)
		return;
	job->file_count--; /* it names the manifest, which cannot name it */
	jsonl_init(&j);
	manifest_write(job, &j, now);
	if (evidence_write_json(job, "manifest.json", &j) < 0)
		return;
	job->file_count--;
	evidence_store_done(job->core, job->id, sha256);
	log_info("evidence: %s: %u files of %s", job->id, job->file_count, job->ct->name);
}
