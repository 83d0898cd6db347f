/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Alerts in other people's field names. What stands where: etc/alert-fields.md.
 * ECS 8.11 (https://www.elastic.co/guide/en/ecs/current), OCSF 1.1 Detection Finding (https://schema.ocsf.io/1.1.0/classes/detection_finding). */
#include <string.h>

#include "base/clock.h"
#include "sensor/core/outputs.h"

static const char *attack_of(enum finding_kind k)
{
	switch (k) {
	case FINDING_PROCESS_NEW:
		return "T1059";
	case FINDING_PROCESS_FILELESS:
		return "T1620";
	case FINDING_SCAN_HORIZONTAL:
	case FINDING_SCAN_VERTICAL:
		return "T1046";
	case FINDING_METADATA_ACCESS:
		return "T1552.005";
	case FINDING_VOLUME_EXFILTRATION:
		return "T1041";
	case FINDING_DNS_TUNNEL:
		return "T1071.004";
	case FINDING_AUTH_BRUTEFORCE:
		return "T1110";
	case FINDING_ENGINE_ACCESS:
		return "T1610";
	case FINDING_SOCKET_RAW:
		return "T1095";
	default:
		return NULL;
	}
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* ---- ECS ------------------------------------------------------------------------------------------------------- */
static const char *ecs_category(enum finding_kind k)
{
	switch (k) {
	case FINDING_PROCESS_NEW:
	case FINDING_PROCESS_MODIFIED:
	case FINDING_PROCESS_FILELESS:
	case FINDING_SYSCALL_NEW:
		return "process";
	case FINDING_FILE_NEW:
	case FINDING_INTEL_FILE:
		return "file";
	case FINDING_CONFIG_DRIFT:
	case FINDING_TAMPER_RULESET:
		return "configuration";
	case FINDING_INTEL_IP:
	case FINDING_INTEL_DOMAIN:
	case FINDING_FEED_POISONED:
		return "threat";
	case FINDING_AUTH_BRUTEFORCE:
		return "authentication";
	case FINDING_LOSS_BLIND:
		return "host";
	default:
		return "network";
	}
}

static void ecs_list(struct jsonl *j, const char *key, const char *one)
{
	jsonl_arr(j, key);
	jsonl_str(j, NULL, one);
	jsonl_arr_end(j);
}

static void ecs_event(struct jsonl *j, const struct finding *f)
{
	jsonl_obj(j, "event");
	jsonl_str(j, "kind", "alert");
	ecs_list(j, "category", ecs_category(f->kind));
	ecs_list(j, "type", "info");
	jsonl_str(j, "id", f->id);
	jsonl_str(j, "code", finding_name(f->kind));
	jsonl_str(j, "action", f->action[0] ? f->action : "none");
	jsonl_str(j, "module", "pierglass");
	jsonl_str(j, "dataset", "pierglass.alert");
	jsonl_u64(j, "severity", f->score);
	jsonl_f64(j, "risk_score", (double)f->score);
	jsonl_time(j, "start", f->observed_ns);
	jsonl_time(j, "created", f->time_ns);
	jsonl_str(j, "reason", f->why);
	jsonl_obj_end(j);
}

static void ecs_process(struct jsonl *j, const struct finding *f)
{
	if (!f->process[0])
		return;
	jsonl_obj(j, "process");
	jsonl_str(j, "executable", f->process);
	jsonl_str(j, "name", base_name(f->process));
	if (f->pid)
		jsonl_u64(j, "pid", f->pid);
	if (f->parent[0]) {
		jsonl_obj(j, "parent");
		jsonl_str(j, "executable", f->parent);
		jsonl_str(j, "name", base_name(f->parent));
		jsonl_obj_end(j);
	}
	jsonl_obj_end(j);
}

void json_alert_ecs(struct jsonl *j, const char *key, const struct core *c, const struct finding *f)
{
	const char *attack = attack_of(f->kind);

	jsonl_obj(j, key);
	jsonl_time(j, "@timestamp", f->time_ns);
	jsonl_obj(j, "ecs");
	jsonl_str(j, "version", "8.11.0");
	jsonl_obj_end(j);
	jsonl_str(j, "message", f->observed);
	ecs_event(j, f);
	jsonl_obj(j, "rule");
	jsonl_str(j, "name", finding_name(f->kind));
	jsonl_str(j, "ruleset", "pierglass");
	jsonl_str(j, "description", f->why);
	jsonl_obj_end(j);
	jsonl_obj(j, "host");
	jsonl_str(j, "name", c->node);
	jsonl_obj_end(j);
	jsonl_obj(j, "observer");
	jsonl_str(j, "name", c->node);
	jsonl_str(j, "product", "pierglass");
	jsonl_str(j, "type", "sensor");
	jsonl_obj_end(j);
	if (f->container[0]) {
		jsonl_obj(j, "container");
		jsonl_str(j, "id", f->container_id);
		jsonl_str(j, "name", f->container);
		jsonl_obj_end(j);
	}
	if (f->workload[0]) {
		jsonl_obj(j, "service");
		jsonl_str(j, "name", f->workload);
		jsonl_obj_end(j);
	}
	ecs_process(j, f);
	if (f->peer[0]) {
		jsonl_obj(j, "destination");
		jsonl_str(j, "address", !strncmp(f->peer, "ext:", 4) ? f->peer + 4 : f->peer);
		jsonl_obj_end(j);
	}
	if (attack) {
		jsonl_obj(j, "threat");
		jsonl_str(j, "framework", "MITRE ATT&CK");
		jsonl_obj(j, "technique");
		ecs_list(j, "id", attack);
		jsonl_obj_end(j);
		jsonl_obj_end(j);
	}
	jsonl_obj(j, "labels");
	jsonl_str(j, "incident", f->incident);
	jsonl_str(j, "engine", f->engine);
	jsonl_obj_end(j);
	jsonl_obj_end(j);
}

/* ---- OCSF ------------------------------------------------------------------------------------------------------- */
static unsigned ocsf_severity(unsigned score)
{
	return score >= 85 ? 5 : score >= 65 ? 4 : score >= 45 ? 3 : score >= 25 ? 2 : 1;
}

static void ocsf_info(struct jsonl *j, const struct finding *f)
{
	const char *attack = attack_of(f->kind);

	jsonl_obj(j, "finding_info");
	jsonl_str(j, "uid", f->id);
	jsonl_str(j, "title", finding_name(f->kind));
	jsonl_str(j, "desc", f->observed);
	jsonl_u64(j, "created_time", f->time_ns / 1000000);
	jsonl_u64(j, "first_seen_time", f->observed_ns / 1000000);
	jsonl_u64(j, "last_seen_time", f->last_ns / 1000000);
	jsonl_obj(j, "analytic");
	jsonl_str(j, "name", finding_name(f->kind));
	jsonl_u64(j, "type_id", 2); /* behavioral */
	jsonl_obj_end(j);
	if (attack) {
		jsonl_arr(j, "attacks");
		jsonl_obj(j, NULL);
		jsonl_str(j, "version", "15");
		jsonl_obj(j, "technique");
		jsonl_str(j, "uid", attack);
		jsonl_obj_end(j);
		jsonl_obj_end(j);
		jsonl_arr_end(j);
	}
	jsonl_obj_end(j);
}

static void ocsf_evidence(struct jsonl *j, const struct finding *f)
{
	jsonl_arr(j, "evidences");
	jsonl_obj(j, NULL);
	if (f->process[0]) {
		jsonl_obj(j, "process");
		jsonl_str(j, "name", base_name(f->process));
		jsonl_u64(j, "pid", f->pid);
		jsonl_obj(j, "file");
		jsonl_str(j, "name", base_name(f->process));
		jsonl_str(j, "path", f->process);
		jsonl_u64(j, "type_id", 1); /* regular file */
		jsonl_obj_end(j);
		jsonl_obj_end(j);
	}
	if (f->peer[0]) {
		jsonl_obj(j, "dst_endpoint");
		jsonl_str(j, "name", f->peer);
		jsonl_obj_end(j);
	}
	jsonl_obj(j, "data");
	jsonl_str(j, "why", f->why);
	jsonl_arr(j, "expected");
	for (unsigned i = 0; i < f->expected_count; i++)
		jsonl_str(j, NULL, f->expected[i]);
	jsonl_arr_end(j);
	jsonl_obj_end(j);
	jsonl_obj_end(j);
	jsonl_arr_end(j);
}

void json_alert_ocsf(struct jsonl *j, const char *key, const struct core *c, const struct finding *f)
{
	jsonl_obj(j, key);
	jsonl_u64(j, "category_uid", 2);
	jsonl_str(j, "category_name", "Findings");
	jsonl_u64(j, "class_uid", 2004);
	jsonl_str(j, "class_name", "Detection Finding");
	jsonl_u64(j, "activity_id", 1);
	jsonl_str(j, "activity_name", "Create");
	jsonl_u64(j, "type_uid", 200401);
	jsonl_u64(j, "time", f->time_ns / 1000000);
	jsonl_u64(j, "severity_id", ocsf_severity(f->score));
	jsonl_str(j, "severity", finding_severity(f->score));
	jsonl_u64(j, "status_id", 1); /* new */
	jsonl_u64(j, "count", f->count);
	jsonl_u64(j, "risk_score", f->score);
	jsonl_str(j, "message", f->observed);
	jsonl_obj(j, "metadata");
	jsonl_str(j, "version", "1.1.0");
	jsonl_str(j, "uid", f->id);
	jsonl_str(j, "correlation_uid", f->incident);
	jsonl_obj(j, "product");
	jsonl_str(j, "name", "pierglass");
	jsonl_str(j, "vendor_name", "pierglass");
	jsonl_obj_end(j);
	jsonl_obj_end(j);
	ocsf_info(j, f);
	jsonl_obj(j, "device");
	jsonl_str(j, "hostname", c->node);
	jsonl_u64(j, "type_id", 1); /* server */
	if (f->container[0]) {
		jsonl_obj(j, "container");
		jsonl_str(j, "name", f->container);
		jsonl_str(j, "uid", f->container_id);
		jsonl_obj_end(j);
	}
	jsonl_obj_end(j);
	jsonl_arr(j, "resources");
	jsonl_obj(j, NULL);
	jsonl_str(j, "name", f->workload);
	jsonl_str(j, "type", "workload");
	jsonl_obj_end(j);
	jsonl_arr_end(j);
	ocsf_evidence(j, f);
	jsonl_obj_end(j);
}
