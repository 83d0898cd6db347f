/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What status says of the policy, actions, evidence and refused programs. */
#include "sensor/core/actions.h"
#include "sensor/core/evidence.h"
#include "sensor/core/json_views.h"
#include "sensor/core/policy_priv.h"
#include "sensor/core/refuse.h"

static void actions(struct jsonl *j, const struct core *c)
{
	const struct action_counts *n = action_counts(c);

	jsonl_obj(j, "actions");
	for (int a = ACTION_ALERT + 1; a < ACTION_MAX; a++) {
		jsonl_obj(j, action_name((enum action)a));
		jsonl_u64(j, "done", n ? n->done[a] : 0);
		jsonl_u64(j, "failed", n ? n->failed[a] : 0);
		jsonl_u64(j, "dry_run", n ? n->dry[a] : 0);
		jsonl_obj_end(j);
	}
	jsonl_obj_end(j);
}

static void policy(struct jsonl *j, const struct core *c)
{
	static const struct core_policy none;
	const struct core_policy *p = c->policy ? c->policy : &none;
	uint64_t blocked = 0, quarantined = 0, unknown = 0;
	unsigned tables = 0, in_force = 0;

	for (unsigned i = 0; i < p->ns_count; i++) {
		const struct policy_ns *n = p->ns[i];

		tables += n->lasting || n->sent.count;
		in_force += n->lasting && !n->asked && !n->state.status;
		blocked += n->blocked;
		quarantined += n->quarantined;
		unknown += n->unknown;
	}
	jsonl_obj(j, "policy");
	jsonl_u64(j, "enforced", p->enforced);
	jsonl_u64(j, "holds", p->hold_count);
	jsonl_u64(j, "namespaces", tables);
	jsonl_u64(j, "in_force", in_force);
	jsonl_u64(j, "rulesets", p->sent_rulesets);
	jsonl_u64(j, "updates", p->sent_elements);
	jsonl_u64(j, "failed", p->failed);
	jsonl_u64(j, "tampered", p->tampers);
	jsonl_u64(j, "blocked_packets", blocked);
	jsonl_u64(j, "quarantined_packets", quarantined);
	jsonl_u64(j, "unknown_packets", unknown);
	jsonl_obj_end(j);
}

void json_enforce(struct jsonl *j, const struct core *c)
{
	struct evidence_counts e;
	struct refuse_counts r;

	policy(j, c);
	actions(j, c);
	evidence_counts_get(c, &e);
	jsonl_obj(j, "evidence");
	jsonl_str(j, "ring", c->config.evidence_ring ? "heads" : "off");
	jsonl_u64(j, "ring_bytes_max", c->config.evidence_ring ? c->config.evidence_ring_bytes : 0);
	jsonl_u64(j, "under_way", e.under_way);
	jsonl_u64(j, "made", e.made);
	jsonl_u64(j, "refused", e.refused);
	jsonl_u64(j, "cut", e.cut);
	jsonl_u64(j, "bytes", e.bytes);
	jsonl_u64(j, "bytes_max", e.max_bytes);
	jsonl_obj_end(j);
	refuse_counts_get(c, &r);
	jsonl_obj(j, "refuse");
	jsonl_u64(j, "containers", r.containers);
	jsonl_u64(j, "unmarked_mounts", r.unmarked);
	jsonl_u64(j, "events", r.sums.events);
	jsonl_u64(j, "allowed", r.sums.allowed);
	jsonl_u64(j, "refused", r.sums.denied);
	jsonl_u64(j, "foreign", r.sums.foreign);
	jsonl_u64(j, "late_allowed", r.sums.late_allowed);
	jsonl_u64(j, "late_refused", r.sums.late_denied);
	jsonl_obj_end(j);
}
