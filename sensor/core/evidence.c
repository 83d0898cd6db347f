/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The course of a bundle. */
#include "sensor/core/evidence.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "sensor/core/actions.h"
#include "sensor/core/evidence_priv.h"
#include "sensor/core/model.h"

#define FREEZE_WAIT_NS (100 * NSEC_PER_MSEC) /* for the keeper's word */
#define FREEZE_MAX_MS 1000
#define LIVE_WAIT_NS (1 * NSEC_PER_SEC)
#define UPPER_WAIT_NS (60 * NSEC_PER_SEC)
#define RING_WAIT_NS (2 * NSEC_PER_SEC)

void evidence_cut(struct evidence_job *job, const char *fmt, ...)
{
	va_list ap;

	core_lost(job->core, LOSS_EVIDENCE, 1);
	job->core->evidence->counts.cut++;
	if (job->cut_count == EV_CUTS_MAX)
		return;
	va_start(ap, fmt);
	vsnprintf(job->cuts[job->cut_count++], sizeof(job->cuts[0]), fmt, ap);
	va_end(ap);
}

/* ---- freezing ----------------------------------------------------------------------------------------------------------- */
static int freeze_send(struct evidence_job *job, bool on)
{
	struct core *c = job->core;
	struct msg_contain_freeze m = { .pid = job->ct->pid, .on = on, .max_ms = FREEZE_MAX_MS };

	snprintf(m.cid, sizeof(m.cid), "%s", job->ct->id);
	job->freeze_seq = c->priv->next_seq++;
	return peer_send(c->priv->keeper, MSG_CONTAIN_FREEZE, job->freeze_seq, &m, sizeof(m));
}

static void thaw(struct evidence_job *job)
{
	if (!job->frozen)
		return;
	job->frozen = false;
	job->frozen_ns = clock_mono_ns() - job->frozen_ns;
	freeze_send(job, false);
}

void evidence_keeper_answer(struct core *c, const struct ipc_hdr *hdr)
{
	for (struct evidence_job *job = c->evidence ? c->evidence->jobs : NULL; job; job = job->next) {
		if (job->freeze_seq != hdr->seq || job->state != EV_FREEZING)
			continue;
		job->frozen = hdr->status == 0;
		if (job->frozen)
			job->frozen_ns = clock_mono_ns();
		else if (hdr->status != -EALREADY)
			evidence_cut(job, "not frozen: %s", strerror(-hdr->status));
		job->state = EV_LIVE;
		job->until_ns = clock_mono_ns() + LIVE_WAIT_NS;
		evidence_live_begin(job);
		evidence_advance(job);
		return;
	}
}

/* ---- states -------------------------------------------------------------------------------------------------------------- */
static void live_end(struct evidence_job *job)
{
	thaw(job);
	job->live_ns = clock_mono_ns() - job->begun_ns;
	actions_evidence_answer(job->core, job->id, 0);
	job->live_told = true;
	job->state = EV_UPPER;
	job->until_ns = clock_mono_ns() + UPPER_WAIT_NS;
	evidence_upper_begin(job);
}

static void settle_end(struct evidence_job *job)
{
	evidence_docs_late(job);
	job->state = EV_RING;
	job->until_ns = clock_mono_ns() + RING_WAIT_NS;
	if (!evidence_ring_ask(job))
		job->until_ns = 0;
}

static void ring_end(struct evidence_job *job)
{
	evidence_ring_write(job);
	job->state = EV_HASHING;
	job->until_ns = UINT64_MAX;
	evidence_hash(job);
}

void evidence_advance(struct evidence_job *job)
{
	uint64_t now = clock_mono_ns();
	bool late = now > job->until_ns;

	evidence_copy_pump(job);
	switch (job->state) {
	case EV_FREEZING:
		if (!late)
			return;
		evidence_cut(job, "not frozen: the keeper does not answer");
		job->state = EV_LIVE;
		job->until_ns = now + LIVE_WAIT_NS;
		evidence_live_begin(job);
		return;
	case EV_LIVE:
		if (job->asks && !late)
			return;
		if (job->asks)
			evidence_cut(job, "processes: %u answers did not come in time", job->asked);
		evidence_asks_drop(job);
		live_end(job);
		return;
	case EV_UPPER:
		if ((job->asks || !evidence_copy_idle(job)) && !late)
			return;
		if (job->asks)
			evidence_cut(job, "upper layer: not read to its end in %u s", (unsigned)(UPPER_WAIT_NS / NSEC_PER_SEC));
		evidence_asks_drop(job);
		job->state = EV_SETTLING;
		job->until_ns = job->begun_ns + EVIDENCE_SETTLE_NS;
		return;
	case EV_SETTLING:
		if (late && evidence_copy_idle(job))
			settle_end(job);
		return;
	case EV_RING:
		if (late || !job->ring_seq)
			ring_end(job);
		return;
	case EV_HASHING:
	case EV_OVER:
		return;
	}
}

static void job_free(struct evidence_job *job)
{
	evidence_asks_drop(job);
	evidence_items_free(job);
	if (job->ct)
		ident_unref(job->core->ident, job->ct);
	close_fd(&job->dir);
	close_fd(&job->tar);
	close_fd(&job->raw);
	jsonl_done(&job->upper);
	free(job->layer);
	free(job);
}

void evidence_tick(struct core *c, uint64_t now_mono_ns)
{
	struct core_evidence *e = c->evidence;

	if (!e)
		return;
	for (struct evidence_job **at = &e->jobs, *job; (job = *at);) {
		if (job->state != EV_OVER)
			evidence_advance(job);
		if (job->state == EV_OVER && !job->busy) {
			*at = job->next;
			e->job_count--;
			job_free(job);
		} else {
			at = &job->next;
		}
	}
	if (now_mono_ns - e->retired_ns > 3600 * NSEC_PER_SEC) {
		e->retired_ns = now_mono_ns;
		evidence_store_retire(c);
	}
}

/* ---- beginning -------------------------------------------------------------------------------------------------------------- */
static struct evidence_job *job_new(struct core *c, const struct ident_container *ct, const struct finding *f)
{
	struct evidence_job *job = calloc(1, sizeof(*job));

	if (!job)
		return NULL;
	job->core = c;
	job->dir = job->tar = job->raw = -1;
	job->asks_end = &job->asks;
	job->items_end = &job->items;
	jsonl_init(&job->upper);
	snprintf(job->id, sizeof(job->id), "%s", f->incident);
	memcpy(job->finding, f->id, sizeof(job->finding));
	job->ct = ct;
	ident_ref(c->ident, ct);
	job->begun_ns = clock_mono_ns();
	return job;
}

static int job_open(struct core *c, struct evidence_job *job)
{
	int fd = evidence_store_make(c, job->id);

	if (fd < 0)
		return fd;
	job->dir = fd;
	job->tar = openat(job->dir, "files.tar", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (job->tar < 0)
		return -errno;
	snprintf(job->files[job->file_count++].name, sizeof(job->files[0].name), "files.tar");
	return 0;
}

int evidence_begin(struct core *c, const struct ident_container *ct, const struct finding *f, char ret_id[EVIDENCE_ID_LEN])
{
	struct core_evidence *e = c->evidence;
	struct evidence_job *job;
	int r;

	if (!e)
		return -EOPNOTSUPP;
	r = evidence_store_ready(c);
	if (r < 0)
		return r;
	snprintf(ret_id, EVIDENCE_ID_LEN, "%s", f->incident);
	if (faccessat(e->dir, f->incident, F_OK, 0) == 0)
		return -EALREADY;
	if (!ct || ct->remote || !ct->pid)
		return -ESRCH;
	if (e->job_count >= EVIDENCE_JOBS_MAX || e->counts.bytes + (e->job_count + 1) * c->config.evidence_bundle_bytes > c->config.evidence_max_bytes) {
		e->counts.refused++;
		core_lost(c, LOSS_EVIDENCE, 1);
		return e->job_count >= EVIDENCE_JOBS_MAX ? -EBUSY : -EDQUOT;
	}
	job = job_new(c, ct, f);
	if (!job)
		return -ENOMEM;
	r = job_open(c, job);
	if (r < 0) {
		job_free(job);
		evidence_store_remove(c, f->incident);
		return r;
	}
	job->next = e->jobs;
	e->jobs = job;
	e->job_count++;
	if (c->config.evidence_freeze && freeze_send(job, true) == 0) {
		job->state = EV_FREEZING;
		job->until_ns = job->begun_ns + FREEZE_WAIT_NS;
		return 0;
	}
	job->state = EV_LIVE;
	job->until_ns = job->begun_ns + LIVE_WAIT_NS;
	evidence_live_begin(job);
	return 0;
}

void evidence_counts_get(const struct core *c, struct evidence_counts *ret)
{
	*ret = c->evidence ? c->evidence->counts : (struct evidence_counts){ 0 };
	ret->under_way = c->evidence ? c->evidence->job_count : 0;
	ret->max_bytes = c->config.evidence_max_bytes;
}

/* ---- life ---------------------------------------------------------------------------------------------------------------------- */
int evidence_open(struct core *c)
{
	int r;

	c->evidence = calloc(1, sizeof(*c->evidence));
	if (!c->evidence)
		return -ENOMEM;
	c->evidence->dir = -1;
	r = evidence_store_open(c);
	if (r < 0)
		log_warn("%s/evidence: %s, ignoring: there will be no evidence", c->state_dir, strerror(-r));
	return 0;
}

void evidence_close(struct core *c)
{
	struct core_evidence *e = c->evidence;

	if (!e)
		return;
	for (struct evidence_job *job = e->jobs, *next; job; job = next) {
		next = job->next;
		thaw(job);
		/* A thread that is at work ends with its file; nothing of the job may go before. */
		for (int i = 0; i < 1000 && job->busy; i++)
			uv_run(c->priv->loop, UV_RUN_ONCE);
		if (!job->busy)
			job_free(job);
	}
	peer_close(e->opener);
	close_fd(&e->dir);
	free(e);
	c->evidence = NULL;
}
