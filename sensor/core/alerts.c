/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/core/alerts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "sensor/core/geo.h"
#include "sensor/core/line_file.h"
#include "sensor/core/outputs.h"

#define SUBSCRIBERS_MAX 8

struct alerts {
	struct line_file file;
	struct outputs *outputs;
	bool said; /* that the file cannot be written */
	struct {
		alerts_cb cb;
		void *arg;
	} subscribers[SUBSCRIBERS_MAX];
};

void json_alert(struct jsonl *j, const char *key, const struct core *c, const struct finding *f)
{
	struct geo_entry geo;

	jsonl_obj(j, key);
	jsonl_time(j, "time", f->time_ns);
	jsonl_str(j, "id", f->id);
	jsonl_str(j, "finding", finding_name(f->kind));
	jsonl_str(j, "severity", finding_severity(f->score));
	jsonl_u64(j, "score", f->score);
	jsonl_str(j, "engine", f->engine);
	jsonl_str(j, "node", c->node);
	jsonl_str(j, "workload", f->workload);
	jsonl_str(j, "container", f->container);
	jsonl_str(j, "container_id", f->container_id);
	jsonl_str(j, "process", f->process);
	jsonl_u64(j, "pid", f->pid);
	jsonl_str(j, "parent", f->parent);
	jsonl_str(j, "peer", f->peer);
	if (f->peer_l4 && core_geo(c, f->peer_addr, &geo))
		json_geo(j, &geo);
	jsonl_str(j, "incident", f->incident);
	jsonl_arr(j, "expected");
	for (unsigned i = 0; i < f->expected_count; i++)
		jsonl_str(j, NULL, f->expected[i]);
	jsonl_arr_end(j);
	jsonl_str(j, "observed", f->observed);
	jsonl_time(j, "observed_at", f->observed_ns);
	jsonl_str(j, "why", f->why);
	jsonl_str(j, "coverage", f->coverage);
	jsonl_u64(j, "count", f->count);
	jsonl_time(j, "last_seen", f->last_ns);
	jsonl_str(j, "absorbed_by", f->absorbed_by[0] ? f->absorbed_by : NULL);
	jsonl_bool(j, "accepted", f->accepted);
	jsonl_str(j, "action", f->action[0] ? f->action : "none");
	jsonl_time(j, "acted_at", f->acted_ns);
	jsonl_str(j, "evidence", f->evidence[0] ? f->evidence : NULL);
	jsonl_obj_end(j);
}

int alerts_open(const char *state_dir, const struct config *config, struct alerts **ret)
{
	struct alerts *a = calloc(1, sizeof(*a));
	char path[320];
	int r;

	if (!a)
		return -ENOMEM;
	a->file.fd = -1;
	snprintf(path, sizeof(path), "%s/alerts.jsonl", state_dir);
	r = outputs_open(config, &a->outputs);
	if (r < 0) {
		free(a);
		return r;
	}
	r = line_file_open(&a->file, path, config->alerts_max_bytes, config->alerts_files);
	if (r < 0)
		log_warn("%s: %s, ignoring: alerts are kept in the database only until it can be written", path, strerror(-r));
	*ret = a;
	return 0;
}

void alerts_tick(struct alerts *a, struct core *c, uint64_t now_mono_ns)
{
	outputs_tick(a->outputs, c, now_mono_ns);
}

void json_alerts_outputs(struct jsonl *j, const struct alerts *a)
{
	json_outputs(j, a ? a->outputs : NULL);
}

void alerts_close(struct core *c, struct alerts *a)
{
	if (!a)
		return;
	outputs_close(c, a->outputs);
	line_file_close(&a->file);
	free(a);
}

void alerts_tell(struct alerts *a, struct core *c, const struct finding *f)
{
	struct jsonl j;
	const char *line;
	size_t len;
	int r;

	jsonl_init(&j);
	json_alert(&j, NULL, c, f);
	line = jsonl_text(&j, &len);
	if (line)
		outputs_tell(a->outputs, c, f, line);
	for (unsigned i = 0; line && i < SUBSCRIBERS_MAX; i++)
		if (a->subscribers[i].cb)
			a->subscribers[i].cb(f, line, a->subscribers[i].arg);
	jsonl_newline(&j);
	line = jsonl_text(&j, &len);
	r = line ? line_file_write(&a->file, line, len) : -ENOMEM;
	if (r < 0) {
		core_lost(c, LOSS_FINDINGS, 1);
		if (!a->said)
			log_warn("%s: %s, ignoring: the alert is in the database", a->file.path, strerror(-r));
	}
	a->said = r < 0;
	jsonl_done(&j);
}

int alerts_subscribe(struct alerts *a, alerts_cb cb, void *arg)
{
	for (int i = 0; i < SUBSCRIBERS_MAX; i++)
		if (!a->subscribers[i].cb) {
			a->subscribers[i].cb = cb;
			a->subscribers[i].arg = arg;
			return i;
		}
	return -EBUSY;
}

void alerts_unsubscribe(struct alerts *a, int handle)
{
	if (handle >= 0 && handle < SUBSCRIBERS_MAX)
		a->subscribers[handle].cb = NULL;
}
