/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Process table: records in chunks (an index is a place in them), found by process id; of one id there may be several
 * generations, the youngest first. */
#include "sensor/watch/processes.h"

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/strpool.h"
#include "sensor/watch/args.h"
#include "sensor/watch/script_arg.h"

#define CHUNK 256u

struct rec {
	struct process p; /* first */
	uint32_t index;
	uint32_t refs;
	bool live;
	uint64_t told_ns;   /* last event about it */
	uint64_t exe_ts_ns; /* when the executable was last told */
	struct rec *older;  /* same tgid, earlier start; also the list of free records */
	UT_hash_handle hh;  /* only the youngest of a tgid is in the table */
};

struct processes {
	struct rec *by_tgid;
	struct rec **chunks;
	uint32_t chunk_count, chunk_max;
	struct rec *free_first, *free_last; /* first given back, first used again: an old index stays dead for long */
	struct strpool *names;
	size_t count, max;
	uint64_t refused;
	uint64_t sweep_ns; /* when the sweep that is under way began */
};

struct processes *processes_new(size_t max)
{
	struct processes *p;

	if (!max || max > UINT32_MAX / 2)
		return NULL;
	p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->max = max;
	p->chunk_max = (uint32_t)(max / CHUNK + 1);
	p->chunks = calloc(p->chunk_max, sizeof(*p->chunks));
	p->names = strpool_new();
	if (!p->chunks || !p->names) {
		processes_free(p);
		return NULL;
	}
	return p;
}

void processes_free(struct processes *p)
{
	uint32_t i;

	if (!p)
		return;
	HASH_CLEAR(hh, p->by_tgid);
	for (i = 0; i < p->chunk_count; i++)
		free(p->chunks[i]);
	free(p->chunks);
	strpool_free(p->names);
	free(p);
}

/* ---- records ---------------------------------------------------------------------------------------- */
static void free_append(struct processes *p, struct rec *r)
{
	r->older = NULL;
	if (p->free_last)
		p->free_last->older = r;
	else
		p->free_first = r;
	p->free_last = r;
}

static int chunk_make(struct processes *p)
{
	struct rec *c;
	uint32_t i;

	if (p->chunk_count == p->chunk_max)
		return -ENOSPC;
	c = calloc(CHUNK, sizeof(*c));
	if (!c)
		return -ENOMEM;
	p->chunks[p->chunk_count] = c;
	for (i = 0; i < CHUNK; i++) {
		c[i].index = p->chunk_count * CHUNK + i;
		if (c[i].index) /* 0 means unknown */
			free_append(p, &c[i]);
	}
	p->chunk_count++;
	return 0;
}

static struct rec *rec_at(const struct processes *p, uint32_t index)
{
	struct rec *r;

	if (!index || index / CHUNK >= p->chunk_count)
		return NULL;
	r = &p->chunks[index / CHUNK][index % CHUNK];
	return r->live ? r : NULL;
}

static struct rec *youngest(const struct processes *p, uint32_t tgid)
{
	struct rec *r;

	HASH_FIND(hh, p->by_tgid, &tgid, sizeof(tgid), r);
	return r;
}

static struct rec *rec_find(const struct processes *p, uint32_t tgid, uint64_t start)
{
	struct rec *r;

	for (r = youngest(p, tgid); r && start && r->p.start_boot_ns != start; r = r->older)
		;
	return r;
}

/* Puts a record where it belongs among the generations of its tgid. */
static int rec_link(struct processes *p, struct rec *r)
{
	struct rec *head = youngest(p, r->p.tgid), *at;

	if (head && head->p.start_boot_ns > r->p.start_boot_ns) {
		for (at = head; at->older && at->older->p.start_boot_ns > r->p.start_boot_ns; at = at->older)
			;
		r->older = at->older;
		at->older = r;
		return 0;
	}
	if (head)
		HASH_DELETE(hh, p->by_tgid, head);
	r->older = head;
	HASH_ADD(hh, p->by_tgid, p.tgid, sizeof(r->p.tgid), r);
	if (r->hh.tbl)
		return 0;
	r->older = NULL;
	return -ENOMEM;
}

static void rec_unlink(struct processes *p, struct rec *r)
{
	struct rec *head = youngest(p, r->p.tgid), *at, *next = r->older;

	if (head != r) {
		for (at = head; at && at->older != r; at = at->older)
			;
		if (at)
			at->older = r->older;
		return;
	}
	HASH_DELETE(hh, p->by_tgid, r);
	if (next)
		HASH_ADD(hh, p->by_tgid, p.tgid, sizeof(next->p.tgid), next);
}

static void rec_drop(struct processes *p, struct rec *r)
{
	uint32_t index = r->index;

	rec_unlink(p, r);
	strpool_put(p->names, r->p.exe);
	strpool_put(p->names, r->p.script);
	strpool_put(p->names, r->p.cwd);
	strpool_put(p->names, r->p.args);
	memset(r, 0, sizeof(*r));
	r->index = index;
	free_append(p, r);
	p->count--;
}

static int rec_make(struct processes *p, const struct pg_event *ev, struct rec **ret)
{
	struct rec *r;
	int e;

	if (p->count >= p->max) {
		p->refused++;
		return -ENOSPC;
	}
	if (!p->free_first) {
		e = chunk_make(p);
		if (e < 0)
			return e;
	}
	r = p->free_first;
	p->free_first = r->older;
	if (!p->free_first)
		p->free_last = NULL;
	r->older = NULL;
	r->live = true;
	r->p.tgid = ev->tgid;
	r->p.start_boot_ns = ev->start_boot_ns;
	r->p.exe = r->p.script = r->p.cwd = r->p.args = "";
	p->count++;
	e = rec_link(p, r);
	if (e < 0) {
		r->live = false;
		p->count--;
		free_append(p, r);
		return e;
	}
	*ret = r;
	return 0;
}

/* ---- names ---------------------------------------------------------------------------------------------- */
static const char *text_intern(struct processes *p, const char *text, size_t len)
{
	char out[PG_TEXT_MAX * 4 + 1];

	args_escape(text, len < PG_TEXT_MAX ? len : PG_TEXT_MAX, out, sizeof(out));
	return strpool_get(p->names, out);
}

static const char *args_intern(struct processes *p, const char *raw, size_t len)
{
	char out[ARGS_TEXT_MAX];

	args_redact(raw, len < PG_ARGS_MAX ? len : PG_ARGS_MAX, out, sizeof(out));
	return strpool_get(p->names, out);
}

static void text_set(struct processes *p, const char **at, const char *to)
{
	strpool_put(p->names, *at);
	*at = to;
}

/* The parts of an event's text; those that it claims to have and has not are empty. */
struct exec_text {
	const char *exe, *script, *cwd, *args;
	size_t exe_len, script_len, cwd_len, args_len;
};

static size_t part_take(const char **text, size_t *left, size_t len, const char **ret)
{
	len = len < *left ? len : *left;
	*ret = len ? *text : "";
	*text += len;
	*left -= len;
	return len;
}

static void exec_split(const struct pg_event *ev, const char *text, struct exec_text *ret)
{
	size_t left = text ? ev->text_len : 0;

	text = left ? text : "";
	ret->exe_len = part_take(&text, &left, ev->path_len, &ret->exe);
	ret->script_len = part_take(&text, &left, ev->script_len, &ret->script);
	ret->cwd_len = part_take(&text, &left, ev->cwd_len, &ret->cwd);
	ret->args_len = part_take(&text, &left, left, &ret->args);
	if (!ret->script_len)
		ret->script_len = script_arg(ret->exe, ret->exe_len, ret->args, ret->args_len, !(ev->flags & PG_EVF_ARGS_CUT), &ret->script);
	if (ret->script_len > PG_TEXT_MAX)
		ret->script_len = 0;
	if (!ret->script_len)
		ret->cwd_len = 0;
}

static int exe_set(struct processes *p, struct rec *r, const struct pg_event *ev, const char *text)
{
	const char *exe, *script, *cwd, *args;
	struct exec_text t;

	exec_split(ev, text, &t);
	exe = text_intern(p, t.exe, t.exe_len);
	script = text_intern(p, t.script, t.script_len);
	cwd = text_intern(p, t.cwd, t.cwd_len);
	args = args_intern(p, t.args, t.args_len);
	if (!exe || !script || !cwd || !args) {
		strpool_put(p->names, exe);
		strpool_put(p->names, script);
		strpool_put(p->names, cwd);
		strpool_put(p->names, args);
		return -ENOMEM;
	}
	text_set(p, &r->p.exe, exe);
	text_set(p, &r->p.script, script);
	text_set(p, &r->p.cwd, cwd);
	/* the iterator knows no arguments */
	if (ev->type == PG_EV_EXEC || t.args_len)
		text_set(p, &r->p.args, args);
	else
		strpool_put(p->names, args);
	r->p.exe_ino = ev->exe_ino;
	r->p.exe_dev = ev->exe_dev;
	r->p.flags = ev->flags;
	r->p.mnt_ns = ev->mnt_ns_ino;
	r->p.entered = ev->parent_cgroup && ev->parent_cgroup != ev->cgroup;
	r->exe_ts_ns = ev->ts_ns ? ev->ts_ns : 1;
	return 0;
}

void processes_sweep_begin(struct processes *p, uint64_t now_mono_ns)
{
	p->sweep_ns = now_mono_ns;
}

void processes_sweep_end(struct processes *p)
{
	for (uint32_t i = 1; i < p->chunk_count * CHUNK; i++) {
		struct rec *r = rec_at(p, i);

		if (r && !r->p.exit_mono_ns && r->told_ns < p->sweep_ns)
			r->p.exit_mono_ns = p->sweep_ns;
	}
}

uint32_t processes_want_args(struct processes *p, uint32_t from)
{
	for (uint32_t i = from ? from : 1; i < p->chunk_count * CHUNK; i++) {
		struct rec *r = rec_at(p, i);

		if (!r || r->p.exit_mono_ns || !(r->p.flags & PG_EVF_ITER) || r->p.args_asked || r->p.args[0])
			continue;
		r->p.args_asked = true;
		return i;
	}
	return 0;
}

int processes_set_args(struct processes *p, uint32_t index, const char *raw, size_t len)
{
	struct rec *r = rec_at(p, index);
	const char *args;

	if (!r)
		return -ENOENT;
	args = args_intern(p, raw, len);
	if (!args)
		return -ENOMEM;
	text_set(p, &r->p.args, args);
	len = script_arg(r->p.exe, strlen(r->p.exe), raw, len, false, &raw);
	args = r->p.script[0] || len > PG_TEXT_MAX ? NULL : text_intern(p, raw, len);
	if (args)
		text_set(p, &r->p.script, args);
	return 0;
}

static void comm_set(struct rec *r, const char comm[16])
{
	size_t i;

	for (i = 0; i < sizeof(r->p.comm) - 1 && comm[i]; i++)
		r->p.comm[i] = (unsigned char)comm[i] < 0x20 || comm[i] == 0x7f ? '?' : comm[i];
	memset(r->p.comm + i, 0, sizeof(r->p.comm) - i);
}

/* ---- events ------------------------------------------------------------------------------------------------ */
/* A process id that begins anew has ended before, even if its end was not told. */
static void end_older(struct rec *r, uint64_t ts_ns)
{
	for (r = r->older; r; r = r->older)
		if (!r->p.exit_mono_ns)
			r->p.exit_mono_ns = ts_ns ? ts_ns : 1;
}

static int rec_get(struct processes *p, const struct pg_event *ev, struct rec **ret)
{
	int e;

	*ret = rec_find(p, ev->tgid, ev->start_boot_ns);
	if (!*ret) {
		e = rec_make(p, ev, ret);
		if (e < 0)
			return e;
		end_older(*ret, ev->ts_ns);
		/* news of an earlier generation, told late */
		if (youngest(p, ev->tgid) != *ret)
			(*ret)->p.exit_mono_ns = ev->ts_ns ? ev->ts_ns : 1;
	}
	if (ev->ts_ns > (*ret)->told_ns)
		(*ret)->told_ns = ev->ts_ns;
	return 0;
}

static struct rec *place_set(struct processes *p, struct rec *r, const struct pg_event *ev)
{
	struct rec *parent = ev->parent_tgid ? rec_find(p, ev->parent_tgid, ev->parent_start_boot_ns) : NULL;

	r->p.uid = ev->uid;
	if (ev->cgroup)
		r->p.cgroup = ev->cgroup;
	if (ev->netns_cookie)
		r->p.netns_cookie = ev->netns_cookie;
	if (ev->parent_tgid)
		r->p.parent_tgid = ev->parent_tgid;
	if (parent && parent != r)
		r->p.parent = parent->index;
	return parent;
}

static int event_fork(struct processes *p, const struct pg_event *ev)
{
	struct rec *r, *parent;
	const char *exe, *script, *cwd, *args;
	int e = rec_get(p, ev, &r);

	if (e < 0)
		return e;
	parent = place_set(p, r, ev);
	if (r->exe_ts_ns) /* its exec was told first */
		return 0;
	comm_set(r, ev->comm);
	if (!parent || parent == r)
		return 0;
	exe = strpool_get(p->names, parent->p.exe);
	script = strpool_get(p->names, parent->p.script);
	cwd = strpool_get(p->names, parent->p.cwd);
	args = strpool_get(p->names, parent->p.args);
	if (!exe || !script || !cwd || !args) {
		strpool_put(p->names, exe);
		strpool_put(p->names, script);
		strpool_put(p->names, cwd);
		strpool_put(p->names, args);
		return -ENOMEM;
	}
	text_set(p, &r->p.exe, exe);
	text_set(p, &r->p.script, script);
	text_set(p, &r->p.cwd, cwd);
	text_set(p, &r->p.args, args);
	r->p.mnt_ns = parent->p.mnt_ns;
	r->p.exe_ino = parent->p.exe_ino;
	r->p.exe_dev = parent->p.exe_dev;
	r->p.flags = parent->p.flags;
	if (!r->p.comm[0])
		memcpy(r->p.comm, parent->p.comm, sizeof(r->p.comm));
	return 0;
}

static int event_exe(struct processes *p, const struct pg_event *ev, const char *text)
{
	struct rec *r;
	int e = rec_get(p, ev, &r);

	if (e < 0)
		return e;
	/* The iterator may tell what an event, younger than its walk, has told already. */
	if (ev->ts_ns < r->exe_ts_ns)
		return 0;
	place_set(p, r, ev);
	comm_set(r, ev->comm);
	return exe_set(p, r, ev, text);
}

int processes_event(struct processes *p, const struct pg_event *ev, const char *text)
{
	struct rec *r;

	if (!ev->tgid)
		return 0;
	switch (ev->type) {
	case PG_EV_FORK:
		return event_fork(p, ev);
	case PG_EV_EXEC:
	case PG_EV_PROCESS:
		return event_exe(p, ev, text);
	case PG_EV_EXIT:
		r = rec_find(p, ev->tgid, ev->start_boot_ns);
		if (r && !r->p.exit_mono_ns)
			r->p.exit_mono_ns = ev->ts_ns ? ev->ts_ns : 1;
		return 0;
	default:
		return 0;
	}
}

/* ---- asking -------------------------------------------------------------------------------------------------- */
uint32_t processes_find(struct processes *p, uint32_t tgid, uint64_t start_boot_ns)
{
	const struct rec *r = rec_find(p, tgid, start_boot_ns);

	return r ? r->index : 0;
}

const struct process *processes_get(struct processes *p, uint32_t index)
{
	const struct rec *r = rec_at(p, index);

	return r ? &r->p : NULL;
}

void processes_ref(struct processes *p, uint32_t index)
{
	struct rec *r = rec_at(p, index);

	if (r)
		r->refs++;
}

void processes_unref(struct processes *p, uint32_t index)
{
	struct rec *r = rec_at(p, index);

	if (r && r->refs)
		r->refs--;
}

/* Children do not keep their parents: a chain of processes that each start the next and end would fill the table. They
 * lose the index instead. */
void processes_expire(struct processes *p, uint64_t now_mono_ns)
{
	bool dropped = false;
	struct rec *r;
	uint32_t i;

	for (i = 1; i < p->chunk_count * CHUNK; i++) {
		r = rec_at(p, i);
		if (!r || !r->p.exit_mono_ns || r->refs || now_mono_ns < r->p.exit_mono_ns + PROC_LINGER_NS)
			continue;
		rec_drop(p, r);
		dropped = true;
	}
	for (i = 1; dropped && i < p->chunk_count * CHUNK; i++) {
		r = rec_at(p, i);
		if (r && r->p.parent && !rec_at(p, r->p.parent))
			r->p.parent = 0;
	}
}

size_t processes_count(const struct processes *p)
{
	return p->count;
}

uint64_t processes_refused(const struct processes *p)
{
	return p->refused;
}

void processes_each(struct processes *p, void (*cb)(uint32_t index, const struct process *pr, void *arg), void *arg)
{
	const struct rec *r;
	uint32_t i;

	for (i = 1; i < p->chunk_count * CHUNK; i++) {
		r = rec_at(p, i);
		if (r)
			cb(i, &r->p, arg);
	}
}
