/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "intel/finding.h"

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

static const struct {
	const char *name;
	unsigned score;
} kinds[FINDING_KIND_MAX] = {
	[FINDING_LISTENER_NEW] = { "listener.new", 70 },
	[FINDING_LISTENER_SQUATTED] = { "listener.squatted", 90 },
	[FINDING_LISTENER_PROTOCOL] = { "listener.protocol", 75 },
	[FINDING_CONFIG_DRIFT] = { "config.drift", 60 },
	[FINDING_PROCESS_NEW] = { "process.new", 65 },
	[FINDING_PROCESS_MODIFIED] = { "process.modified", 90 },
	[FINDING_PROCESS_FILELESS] = { "process.fileless", 95 },
	[FINDING_PEER_UNLINKED] = { "peer.unlinked", 65 },
	[FINDING_EGRESS_NEW] = { "egress.new", 60 },
	[FINDING_INTEL_IP] = { "intel.ip", 90 },
	[FINDING_INTEL_DOMAIN] = { "intel.domain", 85 },
	[FINDING_INTEL_FILE] = { "intel.file", 95 },
	[FINDING_SYSCALL_NEW] = { "syscall.new", 45 },
	[FINDING_FILE_NEW] = { "file.new", 45 },
	[FINDING_SOCKET_RAW] = { "socket.raw", 75 },
	[FINDING_SCAN_HORIZONTAL] = { "scan.horizontal", 80 },
	[FINDING_SCAN_VERTICAL] = { "scan.vertical", 80 },
	[FINDING_METADATA_ACCESS] = { "metadata.access", 80 },
	[FINDING_IDENTITY_SPOOFED] = { "identity.spoofed", 85 },
	[FINDING_OVERLAY_CLEARTEXT] = { "overlay.cleartext", 80 },
	[FINDING_OVERLAY_FOREIGN_VTEP] = { "overlay.foreign-vtep", 90 },
	[FINDING_VOLUME_EXFILTRATION] = { "volume.exfiltration", 75 },
	[FINDING_DNS_TUNNEL] = { "dns.tunnel", 80 },
	[FINDING_AUTH_BRUTEFORCE] = { "auth.bruteforce", 70 },
	[FINDING_ENGINE_ACCESS] = { "engine.access", 90 },
	[FINDING_TAMPER_RULESET] = { "tamper.ruleset", 90 },
	[FINDING_FEED_POISONED] = { "feed.poisoned", 70 },
	[FINDING_LOSS_BLIND] = { "loss.blind", 50 },
};

const char *finding_name(enum finding_kind k)
{
	return k < FINDING_KIND_MAX ? kinds[k].name : "unknown";
}

int finding_kind_of(const char *name)
{
	for (int k = 0; k < FINDING_KIND_MAX; k++)
		if (!strcmp(kinds[k].name, name))
			return k;
	return -1;
}

unsigned finding_base_score(enum finding_kind k)
{
	return k < FINDING_KIND_MAX ? kinds[k].score : 0;
}

const char *finding_severity(unsigned score)
{
	return score >= 85 ? "critical" : score >= 65 ? "high" : score >= 45 ? "medium" : score >= 25 ? "low" : "info";
}

/* ---- records -------------------------------------------------------------------------------------------------- */

struct finding_rec {
	struct finding f; /* first */
	struct finding_rec *prev, *next; /* by age */
	char *same;       /* key of hh_same; NULL: not in it */
	UT_hash_handle hh, hh_same;
};

/* An incident that still takes findings in: one per container (or per workload without one). */
struct incident {
	char who[400]; /* zero-filled */
	char id[40];
	uint64_t last_ns;
	unsigned told[FINDING_KIND_MAX];
	char first[FINDING_KIND_MAX][40]; /* the first told of each kind */
	char shown[INCIDENT_TOLD_MAX][40]; /* what stands for it now, from the oldest */
	unsigned shown_count;
	UT_hash_handle hh;
};

struct findings {
	struct finding_rec *by_id, *same, *first, *last;
	struct incident *incidents;
	uint32_t number;
};

struct findings *findings_new(void)
{
	return calloc(1, sizeof(struct findings));
}

static void rec_forget_same(struct findings *fs, struct finding_rec *r)
{
	if (!r->same)
		return;
	HASH_DELETE(hh_same, fs->same, r);
	free(r->same);
	r->same = NULL;
}

static void rec_drop(struct findings *fs, struct finding_rec *r)
{
	rec_forget_same(fs, r);
	HASH_DELETE(hh, fs->by_id, r);
	if (r->prev)
		r->prev->next = r->next;
	else
		fs->first = r->next;
	if (r->next)
		r->next->prev = r->prev;
	else
		fs->last = r->prev;
	free(r);
}

void findings_free(struct findings *fs)
{
	struct incident *i, *tmp;

	if (!fs)
		return;
	while (fs->first)
		rec_drop(fs, fs->first);
	HASH_ITER(hh, fs->incidents, i, tmp) {
		HASH_DEL(fs->incidents, i);
		free(i);
	}
	free(fs);
}

static char *same_of(const struct finding *f)
{
	char *s = NULL;

	return asprintf(&s, "%s\n%s\n%s\n%s", finding_name(f->kind), f->workload, f->container_id, f->key) < 0 ? NULL : s;
}

static struct finding_rec *rec_make(struct findings *fs, const struct finding *f)
{
	struct finding_rec *r = calloc(1, sizeof(*r)), *old;

	if (!r)
		return NULL;
	r->f = *f;
	r->same = same_of(f);
	if (HASH_COUNT(fs->by_id) >= FINDINGS_MAX)
		rec_drop(fs, fs->first);
	HASH_ADD(hh, fs->by_id, f.id, strlen(r->f.id), r);
	if (!r->hh.tbl) {
		free(r->same);
		free(r);
		return NULL;
	}
	if (r->same) {
		HASH_FIND(hh_same, fs->same, r->same, strlen(r->same), old);
		if (old)
			rec_forget_same(fs, old);
		HASH_ADD_KEYPTR(hh_same, fs->same, r->same, strlen(r->same), r);
	}
	r->prev = fs->last;
	if (fs->last)
		fs->last->next = r;
	else
		fs->first = r;
	fs->last = r;
	return r;
}

/* ---- incidents -------------------------------------------------------------------------------------------------- */
static void incidents_expire(struct findings *fs, uint64_t now_ns)
{
	struct incident *i, *tmp;

	HASH_ITER(hh, fs->incidents, i, tmp)
		if (now_ns > i->last_ns + INCIDENT_JOIN_NS) {
			HASH_DEL(fs->incidents, i);
			free(i);
		}
}

static struct incident *incident_of(struct findings *fs, const struct finding *f)
{
	struct incident *i = calloc(1, sizeof(*i)), *have;

	incidents_expire(fs, f->time_ns);
	if (!i)
		return NULL;
	/* What concerns the node itself has nothing in common with the next such thing. */
	snprintf(i->who, sizeof(i->who), "%s", f->container_id[0] ? f->container_id : f->workload[0] ? f->workload : f->key);
	HASH_FIND(hh, fs->incidents, i->who, sizeof(i->who), have);
	if (have) {
		free(i);
		return have;
	}
	snprintf(i->id, sizeof(i->id), "i%s", f->id);
	i->last_ns = f->time_ns;
	HASH_ADD(hh, fs->incidents, who, sizeof(i->who), i);
	if (!i->hh.tbl) {
		free(i);
		return NULL;
	}
	return i;
}

/* DECISIONS 21, and floods: the finding that explains one of kind k in this incident, "" none. */
static const struct absorption {
	enum finding_kind absorbed, by;
} absorptions[] = {
	{ FINDING_EGRESS_NEW, FINDING_INTEL_IP },
	{ FINDING_FILE_NEW, FINDING_INTEL_FILE },
	{ FINDING_SYSCALL_NEW, FINDING_PROCESS_NEW },
	{ FINDING_SYSCALL_NEW, FINDING_PROCESS_FILELESS },
	{ FINDING_SYSCALL_NEW, FINDING_SOCKET_RAW },
	{ FINDING_EGRESS_NEW, FINDING_SCAN_HORIZONTAL },
	{ FINDING_EGRESS_NEW, FINDING_SCAN_VERTICAL },
	{ FINDING_PEER_UNLINKED, FINDING_SCAN_HORIZONTAL },
	{ FINDING_PEER_UNLINKED, FINDING_SCAN_VERTICAL },
	{ FINDING_EGRESS_NEW, FINDING_METADATA_ACCESS },
	{ FINDING_EGRESS_NEW, FINDING_ENGINE_ACCESS },
	{ FINDING_PROCESS_NEW, FINDING_PROCESS_FILELESS },
};

static bool kind_explains(enum finding_kind by, enum finding_kind absorbed)
{
	for (size_t n = 0; n < ARRAY_SIZE(absorptions); n++)
		if (absorptions[n].absorbed == absorbed && absorptions[n].by == by)
			return true;
	return false;
}

static const char *incident_absorbs(const struct incident *i, const struct finding *f)
{
	for (size_t n = 0; n < ARRAY_SIZE(absorptions); n++)
		if (absorptions[n].absorbed == f->kind && i->told[absorptions[n].by])
			return i->first[absorptions[n].by];
	return i->told[f->kind] >= INCIDENT_KIND_MAX ? i->first[f->kind] : "";
}

/* How readily v gives its place to f, 0: not at all. What f explains goes first, then one of two of a kind (the one of another
 * program), then what weighs less. */
static unsigned readiness(const struct findings *fs, const struct incident *i, const struct finding *v, const struct finding *f)
{
	unsigned alike = 0;

	if (kind_explains(f->kind, v->kind))
		return 1000 - finding_base_score(v->kind);
	for (unsigned n = 0; n < i->shown_count; n++) {
		const struct finding *s = findings_get((struct findings *)(uintptr_t)fs, i->shown[n]);

		alike += s && s->kind == v->kind;
	}
	if (alike > 1)
		return 700 - finding_base_score(v->kind) - (strcmp(v->process, f->process) == 0 ? 300 : 0);
	return finding_base_score(v->kind) < finding_base_score(f->kind) ? 200 - finding_base_score(v->kind) : 0;
}

/* The incident has as many as may stand for it. The finding that makes room for f, NULL: f has to be absorbed. */
static struct finding *incident_gives_way(struct findings *fs, const struct incident *i, const struct finding *f, unsigned *ret_at)
{
	struct finding *best = NULL;
	unsigned most = 0;

	if (i->told[f->kind])
		return NULL;
	for (unsigned n = 0; n < i->shown_count; n++) {
		struct finding *v = findings_get(fs, i->shown[n]);
		unsigned r = v ? readiness(fs, i, v, f) : 0;

		if (r > most) {
			most = r;
			best = v;
			*ret_at = n;
		}
	}
	return best;
}

static void incident_show(struct incident *i, const struct finding *f)
{
	if (i->shown_count < INCIDENT_TOLD_MAX)
		snprintf(i->shown[i->shown_count++], sizeof(i->shown[0]), "%s", f->id);
	if (!i->told[f->kind]++)
		snprintf(i->first[f->kind], sizeof(i->first[f->kind]), "%s", f->id);
}

static void incident_hide(struct incident *i, unsigned at)
{
	memmove(i->shown[at], i->shown[at + 1], (i->shown_count - at - 1) * sizeof(i->shown[0]));
	i->shown_count--;
}

/* Sets f's absorbed_by or replaces. */
static void incident_place(struct findings *fs, struct incident *i, struct finding *f)
{
	struct finding *v = NULL;
	unsigned at = 0;

	snprintf(f->absorbed_by, sizeof(f->absorbed_by), "%s", incident_absorbs(i, f));
	if (f->absorbed_by[0] || i->shown_count < INCIDENT_TOLD_MAX)
		return;
	v = incident_gives_way(fs, i, f, &at);
	if (!v) {
		snprintf(f->absorbed_by, sizeof(f->absorbed_by), "%s", i->told[f->kind] ? i->first[f->kind] : i->shown[0]);
		return;
	}
	snprintf(f->replaces, sizeof(f->replaces), "%s", v->id);
	snprintf(v->absorbed_by, sizeof(v->absorbed_by), "%s", f->id);
	incident_hide(i, at);
}

/* ---- adding ------------------------------------------------------------------------------------------------------ */
static struct finding_rec *same_before(struct findings *fs, const struct finding *f)
{
	_cleanup_free_ char *same = same_of(f);
	struct finding_rec *r = NULL;

	if (same)
		HASH_FIND(hh_same, fs->same, same, strlen(same), r);
	return r && f->time_ns < r->f.last_ns + FINDING_AGAIN_NS ? r : NULL;
}

static void number_it(struct findings *fs, struct finding *f)
{
	struct finding *taken;

	do {
		snprintf(f->id, sizeof(f->id), "%llx-%04x", (unsigned long long)(f->time_ns / 1000000000ULL), ++fs->number & 0xffff);
		taken = findings_get(fs, f->id);
	} while (taken);
}

int findings_add(struct findings *fs, const struct finding *given, enum finding_outcome *ret_outcome, struct finding **ret)
{
	_cleanup_free_ struct finding *f = malloc(sizeof(*f));
	struct finding_rec *r = same_before(fs, given);
	struct finding *by;
	struct incident *i;

	if (r) {
		r->f.count++;
		r->f.last_ns = given->time_ns;
		*ret_outcome = FINDING_AGAIN;
		*ret = &r->f;
		return 0;
	}
	if (!f)
		return -ENOMEM;
	*f = *given;
	f->count = 1;
	f->last_ns = f->time_ns;
	f->accepted = false;
	number_it(fs, f);
	i = incident_of(fs, f);
	if (!i)
		return -ENOMEM;
	snprintf(f->incident, sizeof(f->incident), "%s", i->id);
	f->absorbed_by[0] = f->replaces[0] = '\0';
	incident_place(fs, i, f);
	r = rec_make(fs, f);
	if (!r)
		return -ENOMEM;
	i->last_ns = f->time_ns;
	*ret = &r->f;
	if (f->absorbed_by[0]) {
		by = findings_get(fs, f->absorbed_by);
		if (by && by->kind == f->kind)
			by->count++;
		*ret_outcome = FINDING_ABSORBED;
		return 0;
	}
	incident_show(i, f);
	*ret_outcome = FINDING_TOLD;
	return 0;
}

struct finding *findings_get(struct findings *fs, const char *id)
{
	struct finding_rec *r;

	HASH_FIND(hh, fs->by_id, id, strlen(id), r);
	return r ? &r->f : NULL;
}

void findings_each(struct findings *fs, void (*cb)(const struct finding *f, void *arg), void *arg)
{
	for (const struct finding_rec *r = fs->first; r; r = r->next)
		cb(&r->f, arg);
}

int findings_restore(struct findings *fs, const struct finding *f)
{
	if (!f->id[0] || findings_get(fs, f->id))
		return 0;
	return rec_make(fs, f) ? 0 : -ENOMEM;
}

size_t findings_count(const struct findings *fs)
{
	return HASH_COUNT(fs->by_id);
}

void findings_accept(struct findings *fs, struct finding *f)
{
	struct finding_rec *r = (struct finding_rec *)f;

	f->accepted = true;
	rec_forget_same(fs, r);
}
