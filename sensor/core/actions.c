/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/core/actions.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "sensor/core/evidence.h"
#include "sensor/core/model_priv.h"
#include "sensor/core/policy.h"
#include "sensor/core/refuse.h"
#include "sensor/msg_contain.h"

#define BLOCK_S 3600  /* an address stays blocked that long after the last finding about it */
#define RESET_S 5      /* existing connections are cut; new ones meet the policy again soon */
#define RUNS_MAX 256 /* findings under way */
#define ANSWER_WAIT_NS (15 * NSEC_PER_SEC)

/* One finding's actions under way. */
struct action_run {
	struct action_run *next;
	char finding[40];
	const struct ident_container *ct; /* referenced; NULL: none */
	uint32_t pid;
	uint64_t start_boot_ns;
	uint8_t peer_addr[16], peer_l4;
	uint16_t peer_port_be;
	uint64_t number; /* the finding's, for the policy */
	bool tell_it, told;
	bool refused, process_new, file_written, file_ran;
	uint32_t left;      /* ACTION_BITs not begun */
	uint32_t under_way; /* begun, answer to come */
	uint32_t kill_seq;
	uint64_t begun_ns;
	char bundle[EVIDENCE_ID_LEN]; /* "" none */
	char text[256];
};

struct core_actions {
	struct action_run *runs;
	unsigned count;
	struct action_counts counts;
};

const struct action_counts *action_counts(const struct core *c)
{
	return c->actions ? &c->actions->counts : NULL;
}

static void run_say(struct action_run *r, const char *fmt, ...) _printf_(2, 3);
static void run_say(struct action_run *r, const char *fmt, ...)
{
	size_t n = strlen(r->text);
	va_list ap;

	n += (size_t)snprintf(r->text + n, sizeof(r->text) - n, "%s", n ? "; " : "");
	if (n >= sizeof(r->text))
		return;
	va_start(ap, fmt);
	vsnprintf(r->text + n, sizeof(r->text) - n, fmt, ap);
	va_end(ap);
}

static void run_failed(struct core *c, struct action_run *r, enum action a, const char *why)
{
	c->actions->counts.failed[a]++;
	run_say(r, "%s failed: %s", action_name(a), why);
}

static void run_done(struct core *c, struct action_run *r, enum action a)
{
	c->actions->counts.done[a]++;
	run_say(r, "%s", action_name(a));
}

static const char *reason(int error)
{
	switch (-error) {
	case ESRCH:
	case ENOENT:
		return "it is gone";
	case EPERM:
		return "it is not of that container";
	case ENOTCONN:
		return "the engine is not reached";
	case EREMOTEIO:
		return "the engine refused";
	case EALREADY:
		return "it is so already";
	default:
		return strerror(-error);
	}
}

/* ---- each action ----------------------------------------------------------------------------------------------------- */
static void begin_kill(struct core *c, struct action_run *r)
{
	struct msg_contain_kill m = { .pid = r->pid, .start_boot_ns = r->start_boot_ns };

	if (!r->pid || !r->start_boot_ns || !r->ct) {
		run_failed(c, r, ACTION_KILL, "the finding names no process");
		return;
	}
	snprintf(m.cid, sizeof(m.cid), "%s", r->ct->id);
	r->kill_seq = c->priv->next_seq++;
	if (peer_send(c->priv->keeper, MSG_CONTAIN_KILL, r->kill_seq, &m, sizeof(m)) < 0)
		run_failed(c, r, ACTION_KILL, "the keeper takes nothing");
	else
		r->under_way |= ACTION_BIT(ACTION_KILL);
}

static void begin_engine(struct core *c, struct action_run *r, enum action a)
{
	int err = r->ct ? engines_act(c, r->ct->engine, a == ACTION_PAUSE ? DOCKER_REQ_PAUSE : DOCKER_REQ_STOP, r->ct->id) : -ENOENT;

	if (err == 0)
		r->under_way |= ACTION_BIT(a);
	else
		run_failed(c, r, a, reason(err));
}

static void begin_network(struct core *c, struct action_run *r, enum action a)
{
	int err;

	if (!r->ct || (a != ACTION_QUARANTINE && !r->peer_l4)) {
		run_failed(c, r, a, r->ct ? "the finding names no address" : "the finding names no container");
		return;
	}
	if (a == ACTION_QUARANTINE)
		err = policy_quarantine(c, r->ct, NULL, true);
	else if (a == ACTION_BLOCK)
		err = policy_block(c, r->ct, r->peer_addr, 0, 0, BLOCK_S, r->number);
	else
		err = policy_block(c, r->ct, r->peer_addr, r->peer_l4, r->peer_port_be, RESET_S, r->number);
	if (err < 0)
		run_failed(c, r, a, err == -EPERM && policy_refusal(c)[0] ? policy_refusal(c) : reason(err));
	else
		run_done(c, r, a);
}

static void begin_evidence(struct core *c, struct action_run *r)
{
	const struct finding *f = findings_get(c->model->findings, r->finding);
	int err = f ? evidence_begin(c, r->ct, f, r->bundle) : -ENOENT;

	if (err == 0)
		r->under_way |= ACTION_BIT(ACTION_EVIDENCE);
	else if (err == -EALREADY)
		run_done(c, r, ACTION_EVIDENCE);
	else
		run_failed(c, r, ACTION_EVIDENCE,
			   err == -EDQUOT ? "evidence.max_bytes is reached" : err == -EBUSY ? "too many bundles are being made" : reason(err));
	if (err < 0 && err != -EALREADY)
		r->bundle[0] = '\0';
}

static void begin(struct core *c, struct action_run *r, enum action a)
{
	switch (a) {
	case ACTION_KILL:
		begin_kill(c, r);
		break;
	case ACTION_PAUSE:
	case ACTION_STOP:
		begin_engine(c, r, a);
		break;
	case ACTION_BLOCK:
	case ACTION_RESET:
	case ACTION_QUARANTINE:
		begin_network(c, r, a);
		break;
	case ACTION_EVIDENCE:
		begin_evidence(c, r);
		break;
	case ACTION_REFUSE:
		if (r->refused || (r->file_written && refuse_is_in_force(c, r->ct)))
			run_done(c, r, a);
		else
			run_failed(c, r, a, r->process_new || r->file_ran ? "it had begun before it could be refused" : "only programs are refused");
		break;
	case ACTION_ALERT:
	case ACTION_MAX:
		break;
	}
}

/* What comes after EVIDENCE waits for what is before it: a process that is killed has no memory map any more. */
static void run_advance(struct core *c, struct action_run *r)
{
	for (int a = 0; a < ACTION_MAX && r->left; a++) {
		if (!(r->left & ACTION_BIT(a)))
			continue;
		if (a >= ACTION_EVIDENCE && (r->under_way & (ACTION_BIT(a) - 1)))
			return;
		r->left &= ~ACTION_BIT(a);
		begin(c, r, (enum action)a);
	}
}

/* ---- runs -------------------------------------------------------------------------------------------------------------- */
static void run_tell(struct core *c, struct action_run *r)
{
	struct finding *f = findings_get(c->model->findings, r->finding);

	if (!f)
		return;
	snprintf(f->action, sizeof(f->action), "%s", r->text);
	if (!r->told)
		f->acted_ns = clock_wall_ns();
	if (r->bundle[0])
		snprintf(f->evidence, sizeof(f->evidence), "%s", r->bundle);
	model_alert(c, f, r->tell_it && !r->told);
	r->told = true;
}

static void run_free(struct core *c, struct action_run *r)
{
	if (r->ct)
		ident_unref(c->ident, r->ct);
	free(r);
}

/* An engine's connection that breaks takes its answers along. */
static void run_expire(struct core *c, struct action_run *r)
{
	for (int a = 0; a < ACTION_MAX; a++)
		if (r->under_way & ACTION_BIT(a))
			run_failed(c, r, (enum action)a, "no answer");
	r->under_way = 0;
	run_advance(c, r);
}

/* Those that are over leave the list. */
static void runs_sweep(struct core *c, uint64_t now_ns)
{
	struct core_actions *ca = c->actions;

	for (struct action_run **at = &ca->runs, *r; (r = *at);) {
		bool late;

		if (now_ns > r->begun_ns + ANSWER_WAIT_NS)
			run_expire(c, r);
		late = now_ns > r->begun_ns + ACTIONS_WAIT_NS;

		if (!r->left && !r->under_way) {
			run_tell(c, r);
			*at = r->next;
			ca->count--;
			run_free(c, r);
			continue;
		}
		if (late && !r->told) {
			size_t n = strlen(r->text);

			for (int a = 0; a < ACTION_MAX; a++)
				if ((r->left | r->under_way) & ACTION_BIT(a))
					run_say(r, "%s under way", action_name((enum action)a));
			run_tell(c, r);
			r->text[n] = '\0';
		}
		at = &r->next;
	}
}

/* What changes something is done where the policy says enforce, for the one that acted or for the one that objects; else it is only
 * said what would have been done. */
static void run_rehearse(struct core *c, struct action_run *r, const struct finding *f)
{
	enum policy_mode mode = policy_mode_of(c, f->workload);

	if (mode == POLICY_ENFORCE || (f->objector[0] && policy_mode_of(c, f->objector) == POLICY_ENFORCE))
		return;
	for (int a = 0; a < ACTION_MAX; a++)
		if (r->left & ACTIONS_CHANGING & ACTION_BIT(a)) {
			c->actions->counts.dry[a]++;
			run_say(r, "%s not done: %s is in %s mode", action_name((enum action)a), f->workload[0] ? f->workload : "the node",
				policy_mode_name(mode));
		}
	r->left &= ~ACTIONS_CHANGING;
}

bool actions_on_finding(struct core *c, const struct ident_container *ct, struct finding *f, bool tell_it)
{
	struct core_actions *ca = c->actions;
	uint32_t actions = ca ? action_rules_get(&c->config.actions, f->workload, f->kind) & ~ACTION_BIT(ACTION_ALERT) : 0;
	const struct process *p;
	struct action_run *r;

	if (!actions)
		return false;
	r = ca->count < RUNS_MAX ? calloc(1, sizeof(*r)) : NULL;
	if (!r) {
		ca->counts.refused++;
		core_lost(c, LOSS_ACTIONS, 1);
		snprintf(f->action, sizeof(f->action), "none: too many are under way");
		return false;
	}
	memcpy(r->finding, f->id, sizeof(r->finding));
	r->ct = ct;
	if (ct)
		ident_ref(c->ident, ct);
	r->pid = f->pid;
	r->start_boot_ns = f->start_boot_ns;
	/* Who only knows the number: the youngest process of that number, if it still runs that program. */
	p = r->pid && !r->start_boot_ns ? processes_get(c->procs, processes_find(c->procs, r->pid, 0)) : NULL;
	if (p && !strcmp(p->exe, f->process))
		r->start_boot_ns = p->start_boot_ns;
	memcpy(r->peer_addr, f->peer_addr, sizeof(r->peer_addr));
	r->peer_l4 = f->peer_l4;
	r->peer_port_be = f->peer_port_be;
	r->number = strtoull(f->id, NULL, 16) << 16 | strtoul(f->id + strcspn(f->id, "-") + 1, NULL, 16);
	r->refused = f->refused;
	r->process_new = f->kind == FINDING_PROCESS_NEW;
	r->file_written = f->kind == FINDING_INTEL_FILE && strcmp(f->process, f->peer) != 0;
	r->file_ran = f->kind == FINDING_INTEL_FILE && !r->file_written;
	r->tell_it = tell_it;
	r->left = actions;
	run_rehearse(c, r, f);
	r->begun_ns = clock_mono_ns();
	r->next = ca->runs;
	ca->runs = r;
	ca->count++;
	run_advance(c, r);
	return true;
}

void actions_tick(struct core *c, uint64_t now_mono_ns)
{
	if (!c->actions)
		return;
	for (struct action_run *r = c->actions->runs; r; r = r->next)
		run_advance(c, r);
	runs_sweep(c, now_mono_ns);
}

/* ---- answers ------------------------------------------------------------------------------------------------------------- */
static void answered(struct core *c, struct action_run *r, enum action a, int error)
{
	r->under_way &= ~ACTION_BIT(a);
	if (error == 0 || error == -EALREADY)
		run_done(c, r, a);
	else
		run_failed(c, r, a, reason(error));
	run_advance(c, r);
}

void actions_keeper_answer(struct core *c, const struct ipc_hdr *hdr)
{
	if (!c->actions || hdr->type != MSG_CONTAIN_KILL)
		return;
	for (struct action_run *r = c->actions->runs; r; r = r->next)
		if ((r->under_way & ACTION_BIT(ACTION_KILL)) && r->kill_seq == hdr->seq) {
			answered(c, r, ACTION_KILL, hdr->status);
			break;
		}
	runs_sweep(c, clock_mono_ns());
}

void actions_evidence_answer(struct core *c, const char *bundle, int error)
{
	if (!c->actions)
		return;
	for (struct action_run *r = c->actions->runs; r; r = r->next)
		if ((r->under_way & ACTION_BIT(ACTION_EVIDENCE)) && !strcmp(r->bundle, bundle))
			answered(c, r, ACTION_EVIDENCE, error);
	runs_sweep(c, clock_mono_ns());
}

void actions_engine_answer(struct core *c, unsigned engine, enum docker_req what, const char *cid, int error)
{
	enum action a = what == DOCKER_REQ_PAUSE ? ACTION_PAUSE : ACTION_STOP;

	if (!c->actions || what == DOCKER_REQ_UNPAUSE)
		return;
	for (struct action_run *r = c->actions->runs; r; r = r->next)
		if ((r->under_way & ACTION_BIT(a)) && r->ct && r->ct->engine == engine && !strcmp(r->ct->id, cid))
			answered(c, r, a, error);
	runs_sweep(c, clock_mono_ns());
}

/* ---- life ------------------------------------------------------------------------------------------------------------------- */
int actions_open(struct core *c)
{
	c->actions = calloc(1, sizeof(*c->actions));
	return c->actions ? 0 : -ENOMEM;
}

void actions_close(struct core *c)
{
	struct core_actions *ca = c->actions;

	if (!ca)
		return;
	for (struct action_run *r = ca->runs, *next; r; r = next) {
		next = r->next;
		if (!r->told)
			run_tell(c, r);
		run_free(c, r);
	}
	free(ca);
	c->actions = NULL;
}
