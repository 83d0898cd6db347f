/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/core/refuse.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/log.h"
#include "sensor/core/feeds.h"
#include "sensor/core/files_priv.h"
#include "sensor/core/model_priv.h"
#include "sensor/core/policy.h"
#include "sensor/watch/applet.h"
#include "sensor/watch/args.h"

#define WATCHES_MAX 512
#define PATHS_MAX 256
#define EXEC_PATH_MAX 4199u

/* A container in force. */
struct refuse_watch {
	struct refuse_watch *next;
	uint32_t number;       /* of file_watch */
	unsigned engine;
	char cid[IDENT_ID_LEN];
	bool asked, marked, closed, seen;
	bool only_listed;      /* process.new is not refused: what the model does not know runs */
	size_t facts;          /* of the model's processes, when the verdict process was told last */
	struct msg_files_exec_state state;
};

struct refused_path {
	char cid[IDENT_ID_LEN];
	char *path;            /* NULL: free */
	char digest[DIGEST_SHA256_TEXT];
};

struct core_refuse {
	struct peer *verdict;
	struct refuse_watch *watches;
	unsigned count;
	struct refused_path paths[PATHS_MAX]; /* ring */
	unsigned path_at;
	struct msg_exec_stats verdict_now, keeper_now; /* sums of the present programs */
	struct msg_exec_stats before;                  /* of verdict processes that ended */
};

static struct refuse_watch *watch_of(const struct core_refuse *r, uint32_t number)
{
	for (struct refuse_watch *w = r->watches; w; w = w->next)
		if (w->number == number)
			return w;
	return NULL;
}

/* ---- places -------------------------------------------------------------------------------------------------------------- */
static void places_send(struct core *c)
{
	_cleanup_free_ struct msg_exec_place *places = calloc(EXEC_PLACES_MAX, sizeof(*places));
	size_t n = 0;

	for (const struct refuse_watch *w = c->refuse->watches; places && w; w = w->next) {
		if (!w->marked)
			continue;
		if (w->state.root_own && n < EXEC_PLACES_MAX)
			places[n++] = (struct msg_exec_place){ w->number, 0, w->state.root_major, w->state.root_minor, w->closed };
		for (uint32_t i = 0; i < w->state.count && i < EXEC_MOUNTS_MAX && n < EXEC_PLACES_MAX; i++)
			places[n++] = (struct msg_exec_place){ w->number, w->state.mnt_id[i], 0, 0, w->closed };
	}
	if (places)
		peer_send(c->priv->keeper, MSG_EXEC_PLACES, c->priv->next_seq++, places, n * sizeof(*places));
}

static void files_tell(struct core *c, const struct refuse_watch *w, bool on)
{
	struct msg_files_exec m = { .watch = w->number, .on = on };

	peer_send(c->priv->files->peer, MSG_FILES_EXEC, c->priv->next_seq++, &m, sizeof(m));
}

void refuse_files_connected(struct core *c)
{
	for (struct refuse_watch *w = c->refuse ? c->refuse->watches : NULL; w; w = w->next)
		w->asked = false;
}

void refuse_files_state(struct core *c, const struct ipc_hdr *hdr, const void *body)
{
	struct msg_files_exec_state s;
	struct refuse_watch *w;

	if (!c->refuse || hdr->len != sizeof(s))
		return;
	memcpy(&s, body, sizeof(s));
	w = watch_of(c->refuse, s.watch);
	if (!w || !s.on)
		return;
	if (s.error < 0 && !w->state.error)
		log_warn("refuse: programs of %.12s cannot be refused: %s", w->cid, strerror(-s.error));
	w->state = s;
	w->marked = s.error == 0;
	places_send(c);
}

/* ---- who is in force ------------------------------------------------------------------------------------------------------- */
static bool is_asked_for(const struct core *c, const struct ident_container *ct, enum finding_kind k)
{
	return action_rules_get(&c->config.actions, ct->workload, k) & ACTION_BIT(ACTION_REFUSE);
}

static bool unknown_are_refused(struct core *c, const struct ident_container *ct)
{
	const struct model *m = is_asked_for(c, ct, FINDING_PROCESS_NEW) ? model_of(c, ct) : NULL;

	return m && model_dimension_state(m, FACT_PROCESS) != MODEL_LEARNING;
}

static bool in_force(struct core *c, const struct ident_container *ct)
{
	return !ct->remote && !ct->gone_mono_ns && ct->state == IDENT_RUNNING && policy_mode_of(c, ct->workload) == POLICY_ENFORCE &&
	       (is_asked_for(c, ct, FINDING_INTEL_FILE) || unknown_are_refused(c, ct));
}

static bool closed_of(const struct core *c, const char *workload)
{
	for (unsigned i = 0; i < c->config.policy.workload_count; i++)
		if (!strcmp(c->config.policy.workloads[i].name, workload))
			return c->config.policy.workloads[i].closed;
	return false;
}

static void forget_send(struct core *c, uint32_t watch)
{
	struct msg_exec_forget m = { .watch = watch };

	peer_send(c->refuse->verdict, MSG_EXEC_FORGET, 0, &m, sizeof(m));
}

static void container_cb(const struct ident_container *ct, void *arg)
{
	struct core *c = arg;
	struct file_watch *f = in_force(c, ct) ? file_watch_of(c, ct) : NULL;
	struct refuse_watch *w;
	struct model *m;
	size_t facts;

	if (!f || f->gone_ns)
		return;
	w = watch_of(c->refuse, f->number);
	if (!w) {
		w = c->refuse->count < WATCHES_MAX ? calloc(1, sizeof(*w)) : NULL;
		if (!w)
			return;
		w->number = f->number;
		w->engine = ct->engine;
		memcpy(w->cid, ct->id, sizeof(w->cid));
		w->closed = closed_of(c, ct->workload);
		w->next = c->refuse->watches;
		c->refuse->watches = w;
		c->refuse->count++;
	}
	w->seen = true;
	if (w->only_listed != !unknown_are_refused(c, ct))
		forget_send(c, w->number);
	w->only_listed = !unknown_are_refused(c, ct);
	if (!w->asked && f->state.settled) {
		files_tell(c, w, true);
		w->asked = true;
	}
	m = model_of(c, ct);
	facts = m ? model_dimension_get(m, FACT_PROCESS).facts : 0;
	if (facts != w->facts)
		forget_send(c, w->number);
	w->facts = facts;
}

void refuse_second(struct core *c)
{
	bool ended = false;

	if (!c->refuse || !c->priv->synced || !c->priv->files)
		return;
	for (struct refuse_watch *w = c->refuse->watches; w; w = w->next)
		w->seen = false;
	ident_each_container(c->ident, container_cb, c);
	for (struct refuse_watch **at = &c->refuse->watches, *w; (w = *at);) {
		if (w->seen) {
			at = &w->next;
			continue;
		}
		files_tell(c, w, false);
		*at = w->next;
		c->refuse->count--;
		free(w);
		ended = true;
	}
	if (ended)
		places_send(c);
}

/* ---- questions --------------------------------------------------------------------------------------------------------------- */
static struct refused_path *refused_path_of(struct core_refuse *r, const char *cid, const char *path)
{
	for (unsigned i = 0; i < PATHS_MAX; i++)
		if (r->paths[i].path && !strcmp(r->paths[i].cid, cid) && !strcmp(r->paths[i].path, path))
			return &r->paths[i];
	return NULL;
}

void refuse_file(struct core *c, const struct ident_container *ct, const char *path, const char *digest, bool listed)
{
	struct refused_path *p;

	if (!c->refuse || !path[0] || !is_asked_for(c, ct, FINDING_INTEL_FILE))
		return;
	p = refused_path_of(c->refuse, ct->id, path);
	if (!p && !listed)
		return;
	if (!p)
		p = &c->refuse->paths[c->refuse->path_at++ % PATHS_MAX];
	if (p == c->refuse->paths && p->path && strcmp(p->path, path) != 0) /* once a round */
		log_warn("refuse: more than %d listed files: the oldest are refused no more, their alerts stay", PATHS_MAX);
	free(p->path);
	memset(p, 0, sizeof(*p));
	if (listed) {
		p->path = strdup(path);
		snprintf(p->cid, sizeof(p->cid), "%s", ct->id);
		snprintf(p->digest, sizeof(p->digest), "%s", digest);
	}
	for (struct refuse_watch *w = c->refuse->watches; w; w = w->next)
		if (!strcmp(w->cid, ct->id))
			forget_send(c, w->number);
}

bool refuse_is_in_force(const struct core *c, const struct ident_container *ct)
{
	for (const struct refuse_watch *w = c->refuse ? c->refuse->watches : NULL; w; w = w->next)
		if (w->marked && !strcmp(w->cid, ct->id))
			return true;
	return false;
}

/* The path is the container's own where its root holds the program; in another mount it lacks the mount point. */
struct known_search {
	const char *path;
	size_t len;
	bool whole, found;
};

static void known_cb(const struct fact *f, void *arg)
{
	struct known_search *s = arg;
	const char *parent;
	size_t n = applet_exe_len(f->key, fact_fields(f->key, &parent));

	if (s->whole ? n == s->len && !memcmp(f->key, s->path, n) : n >= s->len && !memcmp(f->key + n - s->len, s->path, s->len))
		s->found = true;
}

static bool may_run(struct core *c, const struct refuse_watch *w, const struct ident_container *ct, const struct msg_exec_ask *ask, const char *path)
{
	struct model *m = model_of(c, ct);
	struct known_search s = { .path = path, .len = strlen(path) };

	if (refused_path_of(c->refuse, ct->id, path))
		return false;
	if (ask->script || w->only_listed || !m || model_dimension_state(m, FACT_PROCESS) == MODEL_LEARNING)
		return true;
	s.whole = !w->state.count || ask->mnt_id == w->state.mnt_id[0];
	model_each_fact(m, FACT_PROCESS, known_cb, &s);
	return s.found;
}

static void verdict_message(const struct ipc_hdr *hdr, const void *body, int fd, void *arg)
{
	struct core *c = arg;
	struct msg_exec_answer a = { 0 };
	const struct refused_path *listed;
	const struct ident_container *ct;
	const struct refuse_watch *w;
	struct msg_exec_ask m;
	char path[4 * EXEC_PATH_MAX + 1];

	if (fd >= 0)
		close(fd);
	if (hdr->type == MSG_EXEC_STATS && hdr->len == sizeof(c->refuse->verdict_now)) {
		struct msg_exec_stats s;

		memcpy(&s, body, sizeof(s));
		core_lost(c, LOSS_EXEC_UNJUDGED, s.late_allowed + s.late_denied - c->refuse->verdict_now.late_allowed - c->refuse->verdict_now.late_denied);
		c->refuse->verdict_now = s;
		return;
	}
	if (hdr->type == MSG_QUEUE_STATS || hdr->type == MSG_QUEUE_REFUSED) {
		policy_verdict_message(c, hdr, body);
		return;
	}
	if ((hdr->type != MSG_EXEC_ASK && hdr->type != MSG_EXEC_DENIED) || hdr->len < sizeof(m) || hdr->len - sizeof(m) > EXEC_PATH_MAX)
		return;
	memcpy(&m, body, sizeof(m));
	args_escape((const char *)body + sizeof(m), hdr->len - sizeof(m), path, sizeof(path)); /* as files and processes are told */
	w = watch_of(c->refuse, m.watch);
	ct = w ? ident_by_id(c->ident, w->engine, w->cid) : NULL;
	a.id = m.id;
	a.allow = hdr->type == MSG_EXEC_ASK && (!ct || may_run(c, w, ct, &m, path));
	if (hdr->type == MSG_EXEC_ASK)
		peer_send(c->refuse->verdict, MSG_EXEC_ANSWER, 0, &a, sizeof(a));
	listed = ct && !a.allow ? refused_path_of(c->refuse, ct->id, path) : NULL;
	if (listed)
		feeds_match_refused(c, ct, path, listed->digest, m.pid);
	else if (ct && !a.allow)
		model_on_refused(c, ct, path, m.pid);
}

static void verdict_gone(void *arg)
{
	struct core *c = arg;

	peer_close(c->refuse->verdict);
	c->refuse->verdict = NULL;
}

static void add_stats(struct msg_exec_stats *to, const struct msg_exec_stats *s)
{
	to->events += s->events;
	to->allowed += s->allowed;
	to->denied += s->denied;
	to->foreign += s->foreign;
	to->late_allowed += s->late_allowed;
	to->late_denied += s->late_denied;
}

void refuse_verdict(struct core *c, int fd)
{
	if (!c->refuse) {
		close(fd);
		return;
	}
	if (c->refuse->verdict)
		verdict_gone(c);
	add_stats(&c->refuse->before, &c->refuse->verdict_now);
	memset(&c->refuse->verdict_now, 0, sizeof(c->refuse->verdict_now));
	policy_queue_new_verdict(c);
	if (peer_open(c->priv->loop, fd, verdict_message, verdict_gone, c, &c->refuse->verdict) < 0)
		c->refuse->verdict = NULL;
}

void refuse_keeper_stats(struct core *c, const struct ipc_hdr *hdr, const void *body)
{
	struct msg_exec_stats s;
	uint64_t late;

	if (!c->refuse || hdr->len != sizeof(s))
		return;
	memcpy(&s, body, sizeof(s));
	late = s.late_allowed + s.late_denied - c->refuse->keeper_now.late_allowed - c->refuse->keeper_now.late_denied;
	c->refuse->keeper_now = s;
	core_lost(c, LOSS_EXEC_UNJUDGED, late);
}

void refuse_verdict_ended(struct core *c, const struct msg_program *m)
{
	_cleanup_free_ struct finding *f = NULL;
	int st = m->last_status;

	if (!c->refuse || !c->refuse->count || c->priv->stopping || !c->model)
		return;
	f = calloc(1, sizeof(*f));
	if (!f)
		return;
	f->kind = FINDING_LOSS_BLIND;
	f->fact_kind = -1;
	snprintf(f->key, sizeof(f->key), "verdict\t%u", m->starts);
	snprintf(f->observed, sizeof(f->observed), "The verdict process ended (%s %d): programs of %u containers were not judged until the next one stood",
		 WIFSIGNALED(st) ? "signal" : "status", WIFSIGNALED(st) ? WTERMSIG(st) : WEXITSTATUS(st), c->refuse->count);
	snprintf(f->why, sizeof(f->why), "Who hung for 500 ms is ended by the keeper, which then answers itself by on_failure of each workload: \
open lets programs run, closed refuses them; both are counted (loss exec_unjudged).");
	model_expect(f, "a verdict process that answers");
	model_on_finding(c, NULL, f);
}

void refuse_counts_get(const struct core *c, struct refuse_counts *ret)
{
	const struct core_refuse *r = c->refuse;

	memset(ret, 0, sizeof(*ret));
	if (!r)
		return;
	ret->sums = r->before;
	add_stats(&ret->sums, &r->verdict_now);
	add_stats(&ret->sums, &r->keeper_now);
	for (const struct refuse_watch *w = r->watches; w; w = w->next) {
		ret->containers += w->marked;
		ret->unmarked += w->marked ? w->state.unmarked : 0;
	}
}

int refuse_open(struct core *c)
{
	c->refuse = calloc(1, sizeof(*c->refuse));
	return c->refuse ? 0 : -ENOMEM;
}

void refuse_close(struct core *c)
{
	struct core_refuse *r = c->refuse;

	if (!r)
		return;
	peer_close(r->verdict);
	for (unsigned i = 0; i < PATHS_MAX; i++)
		free(r->paths[i].path);
	for (struct refuse_watch *w = r->watches, *next; w; w = next) {
		next = w->next;
		free(w);
	}
	free(r);
	c->refuse = NULL;
}
