/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What core knows of files: watched containers, their executables, and the messages of the program "files". */
#include "sensor/core/files.h"

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "sensor/core/core_priv.h"
#include "sensor/core/files_priv.h"
#include "sensor/core/images.h"
#include "sensor/core/refuse.h"

#define WATCHES_MAX 4096
#define EXES_MAX 1024           /* of one container */
#define OPENS_MAX 1024
#define FRESH_NS NSEC_PER_SEC   /* an executable looked at within this time is not looked at again at its next exec */

/* ---- watches --------------------------------------------------------------------------------------------------------- */
static void cid_key(unsigned engine, const char *cid, struct watch_cid *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->engine = engine;
	memcpy(ret->cid, cid, strnlen(cid, sizeof(ret->cid) - 1));
}

static struct file_watch *watch_by_cid(struct core *c, unsigned engine, const char *cid)
{
	struct file_watch *w;
	struct watch_cid key;

	if (!c->priv || !c->priv->files)
		return NULL;
	cid_key(engine, cid, &key);
	HASH_FIND(hh_cid, c->priv->files->by_cid, &key, sizeof(key), w);
	return w;
}

struct file_watch *file_watch_of(struct core *c, const struct ident_container *ct)
{
	return watch_by_cid(c, ct->engine, ct->id);
}

static bool is_running(const struct file_watch *w)
{
	return w && !w->gone_ns;
}

struct file_watch *file_watch_get(struct core *c, uint32_t number)
{
	struct file_watch *w;

	HASH_FIND(hh, c->priv->files->watches, &number, sizeof(number), w);
	return w;
}

static void mounts_send(struct core *c, const struct file_watch *w)
{
	struct msg_files_unwatch m = { .watch = w->number };

	peer_send(c->priv->files->peer, MSG_FILES_MOUNTS, c->priv->next_seq++, &m, sizeof(m));
}

static void watch_send(struct core *c, const struct file_watch *w)
{
	struct msg_files_watch m = { .watch = w->number, .pid = w->pid };
	struct msg_files_drift d = { .watch = w->number, .count = w->drift_count };
	char body[sizeof(d) + FILES_DRIFT_BYTES];

	m.engine_pid = w->of.engine < c->engine_count ? c->engines[w->of.engine].pid : 0;
	memcpy(m.cid, w->of.cid, sizeof(w->of.cid));
	peer_send(c->priv->files->peer, MSG_FILES_WATCH, c->priv->next_seq++, &m, sizeof(m));
	if (w->makes_mounts)
		mounts_send(c, w);
	if (!w->drift_count)
		return;
	memcpy(body, &d, sizeof(d));
	memcpy(body + sizeof(d), w->drift, w->drift_len);
	peer_send(c->priv->files->peer, MSG_FILES_DRIFT, c->priv->next_seq++, body, sizeof(d) + w->drift_len);
}

static void watch_end(struct core *c, struct file_watch *w)
{
	struct msg_files_unwatch m = { .watch = w->number };

	w->gone_ns = clock_mono_ns();
	peer_send(c->priv->files->peer, MSG_FILES_UNWATCH, c->priv->next_seq++, &m, sizeof(m));
}

static void watch_free(struct core *c, struct file_watch *w)
{
	struct file_exe *e, *tmp;

	HASH_ITER(hh, w->exes, e, tmp) {
		HASH_DEL(w->exes, e);
		strpool_put(c->priv->strings, e->exe.path);
		free(e);
	}
	if (watch_by_cid(c, w->of.engine, w->of.cid) == w)
		HASH_DELETE(hh_cid, c->priv->files->by_cid, w);
	HASH_DEL(c->priv->files->watches, w);
	free(w->drift);
	free(w);
}

/* A mount comes into a tree by these. */
static bool is_mounting(const char *name)
{
	return !strcmp(name, "mount") || !strcmp(name, "move_mount");
}

void files_container_up(struct core *c, const struct ident_container *ct)
{
	struct core_files *f = c->priv->files;
	struct file_watch *old = file_watch_of(c, ct), *w;

	if (ct->remote || !ct->pid || (is_running(old) && old->pid == ct->pid))
		return;
	if (is_running(old))
		watch_end(c, old);
	if (HASH_COUNT(f->watches) >= WATCHES_MAX)
		return;
	w = calloc(1, sizeof(*w));
	if (!w)
		return;
	w->number = ++f->next_watch;
	w->pid = ct->pid;
	cid_key(ct->engine, ct->id, &w->of);
	HASH_ADD(hh, f->watches, number, sizeof(w->number), w);
	if (!w->hh.tbl) {
		free(w);
		return;
	}
	if (old)
		HASH_DELETE(hh_cid, f->by_cid, old);
	HASH_ADD(hh_cid, f->by_cid, of, sizeof(w->of), w);
	w->makes_mounts = syscalls_used(c, ct, is_mounting); /* before there was this core */
	watch_send(c, w);
}

void files_container_gone(struct core *c, unsigned engine, const char *cid)
{
	struct file_watch *w = watch_by_cid(c, engine, cid);

	if (is_running(w))
		watch_end(c, w);
}

/* ---- executables --------------------------------------------------------------------------------------------------------- */
static struct file_exe *exe_find(const struct file_watch *w, const struct process *p)
{
	struct exe_key key = { .ino = p->exe_ino, .dev = p->exe_dev };
	struct file_exe *e;

	HASH_FIND(hh, w->exes, &key, sizeof(key), e);
	return e;
}

const struct core_exe *core_exe_of(struct core *c, const struct ident_container *ct, const struct process *p)
{
	struct file_watch *w = ct && p && p->exe_ino ? file_watch_of(c, ct) : NULL;
	struct file_exe *e = w ? exe_find(w, p) : NULL;

	if (e)
		e->exe.layer = core_image_layer(c, ct, e->exe.lower, e->exe.lower_count);
	return e ? &e->exe : NULL;
}

void core_each_exe(struct core *c, const struct ident_container *ct, void (*cb)(const struct core_exe *e, void *arg), void *arg)
{
	struct file_watch *w = file_watch_of(c, ct);
	struct file_exe *e, *tmp;

	if (!w)
		return;
	HASH_ITER(hh, w->exes, e, tmp)
		if (!e->exe.answered || e->exe.state != FILES_NOT_INSIDE) {
			e->exe.layer = core_image_layer(c, ct, e->exe.lower, e->exe.lower_count);
			cb(&e->exe, arg);
		}
}

/* A script has no inode that is known: its path stands for it. */
static struct exe_key script_key(const char *path)
{
	struct exe_key k = { .ino = 0xcbf29ce484222325ULL, .dev = SCRIPT_DEV };

	for (; *path; path++)
		k.ino = (k.ino ^ (unsigned char)*path) * 0x100000001b3ULL; /* FNV-1a */
	return k;
}

/* Whether the process sees the container's files at their paths: not after chroot, or with mounts of its own. */
static bool sees_container(struct core *c, const struct file_watch *w, const struct process *p)
{
	const struct process *first = processes_get(c->procs, processes_find(c->procs, w->pid, 0));

	return !(p->flags & PG_EVF_OWN_ROOT) && first && first->mnt_ns && p->mnt_ns == first->mnt_ns;
}

/* Where the process's script lies in the container; ret holds FILES_PATH_MAX + 1 bytes. False: it has none, or that is not known. */
static bool script_path(struct core *c, const struct file_watch *w, const struct process *p, char *ret)
{
	const char *name = p->script;
	int n;

	if (!name[0] || (p->flags & PG_EVF_TEXT_CUT) || !sees_container(c, w, p))
		return false;
	while (name[0] == '.' && name[1] == '/')
		name += 2;
	if (name[0] == '/')
		n = snprintf(ret, FILES_PATH_MAX + 1, "%s", name);
	else if (name[0] && p->cwd[0])
		n = snprintf(ret, FILES_PATH_MAX + 1, "%s%s%s", p->cwd, strcmp(p->cwd, "/") != 0 ? "/" : "", name);
	else
		return false;
	return n > 0 && n <= FILES_PATH_MAX;
}

const struct core_exe *core_script_of(struct core *c, const struct ident_container *ct, const struct process *p)
{
	struct file_watch *w = ct && p ? file_watch_of(c, ct) : NULL;
	char path[FILES_PATH_MAX + 1];
	struct file_exe *e = NULL;
	struct exe_key key;

	if (!w || !script_path(c, w, p, path))
		return NULL;
	key = script_key(path);
	HASH_FIND(hh, w->exes, &key, sizeof(key), e);
	if (e)
		e->exe.layer = core_image_layer(c, ct, e->exe.lower, e->exe.lower_count);
	return e ? &e->exe : NULL;
}

/* path: for when the process is gone by then; of a script: what is wanted. */
static void exe_ask(struct core *c, struct file_watch *w, struct file_exe *e, const char *path, const struct process *p)
{
	bool script = e->key.dev == SCRIPT_DEV;
	struct msg_files_exe m = { .watch = w->number, .pid = script ? 0 : p->tgid, .ino = script ? 0 : p->exe_ino };
	char body[sizeof(m) + FILES_PATH_MAX];
	size_t n = strnlen(path, FILES_PATH_MAX);

	if (!script && !(p->flags & PG_EVF_MEMFD)) {
		m.major = p->exe_dev >> 20; /* the kernel's own form, as abi.h says */
		m.minor = p->exe_dev & 0xfffff;
	}
	m.elsewhere = !sees_container(c, w, p);
	e->seq = c->priv->next_seq++;
	e->asked_ns = clock_mono_ns();
	memcpy(body, &m, sizeof(m));
	memcpy(body + sizeof(m), path, n);
	if (peer_send(c->priv->files->peer, MSG_FILES_EXE, e->seq, body, sizeof(m) + n) < 0)
		e->seq = 0;
}

static struct file_exe *exe_new(struct core *c, struct file_watch *w, struct exe_key key, const char *path)
{
	struct file_exe *e;

	if (HASH_COUNT(w->exes) >= EXES_MAX) {
		c->priv->files->exes_refused++;
		return NULL;
	}
	e = calloc(1, sizeof(*e));
	if (!e)
		return NULL;
	e->key = key;
	e->exe.path = strpool_get(c->priv->strings, path);
	e->exe.layer = "";
	e->exe.lower = -1;
	if (!e->exe.path)
		e->exe.path = "";
	HASH_ADD(hh, w->exes, key, sizeof(e->key), e);
	if (!e->hh.tbl) {
		strpool_put(c->priv->strings, e->exe.path);
		free(e);
		return NULL;
	}
	return e;
}

/* Looks at the file behind the key, unless that was done a moment ago. */
static void exe_look(struct core *c, struct file_watch *w, struct exe_key key, const char *path, const struct process *p)
{
	struct file_exe *e;

	HASH_FIND(hh, w->exes, &key, sizeof(key), e);
	if (e && e->asked_ns && clock_mono_ns() - e->asked_ns < FRESH_NS && !e->dirty)
		return;
	if (!e)
		e = exe_new(c, w, key, path);
	if (!e)
		return;
	e->dirty = false;
	exe_ask(c, w, e, path, p);
}

/* Looks at the process's executable, and at the script that it was started for. */
static void exe_want(struct core *c, struct file_watch *w, const struct process *p)
{
	char script[FILES_PATH_MAX + 1];

	/* Before files has answered it cannot tell the runtime's programs from the container's; then all are looked at. */
	if (!p->exe_ino || !p->exe[0] || !w->state.settled)
		return;
	exe_look(c, w, (struct exe_key){ .ino = p->exe_ino, .dev = p->exe_dev }, p->exe, p);
	if (script_path(c, w, p, script))
		exe_look(c, w, script_key(script), script, p);
}

void files_exec(const struct core_event_view *v, void *arg)
{
	struct core *c = arg;
	struct file_watch *w = v->p ? file_watch_of(c, v->container) : NULL;

	if (is_running(w))
		exe_want(c, w, v->p);
}

void files_syscall(const struct core_event_view *v, void *arg)
{
	struct core *c = arg;
	struct file_watch *w = !v->runtime && is_mounting(v->name) ? file_watch_of(c, v->container) : NULL;

	if (!is_running(w) || w->makes_mounts)
		return;
	w->makes_mounts = true;
	mounts_send(c, w);
}

/* Processes that were there before the container was watched. */
struct exes_search {
	struct core *c;
	struct file_watch *w;
	const struct ident_container *ct;
};

static void exes_cb(uint32_t index, const struct process *p, void *arg)
{
	struct exes_search *s = arg;

	if (p->exe_ino && core_container_of_cgroup(s->c, p->cgroup) == s->ct)
		exe_want(s->c, s->w, p);
}

void files_look_again(struct core *c, struct file_watch *w)
{
	struct exes_search s = { c, w, ident_by_id(c->ident, w->of.engine, w->of.cid) };

	if (s.ct)
		processes_each(c->procs, exes_cb, &s);
}

/* ---- opening, watching changes -------------------------------------------------------------------------------------------- */
/* Sends a request for a descriptor; type's answer finds cb. */
static int open_ask(struct core *c, uint16_t type, const void *body, size_t len, core_file_cb cb, void *arg)
{
	struct core_files *f = c->priv->files;
	struct file_open *o;
	int r;

	if (f->open_count >= OPENS_MAX)
		return -EBUSY;
	o = calloc(1, sizeof(*o));
	if (!o)
		return -ENOMEM;
	*o = (struct file_open){ .next = f->opens, .seq = c->priv->next_seq++, .cb = cb, .arg = arg };
	r = peer_send(f->peer, type, o->seq, body, len);
	if (r < 0) {
		free(o);
		return r;
	}
	f->opens = o;
	f->open_count++;
	return 0;
}

int core_file_open(struct core *c, const struct ident_container *ct, const char *path, uint64_t size_max, core_file_cb cb, void *arg)
{
	struct file_watch *w = file_watch_of(c, ct);
	struct msg_files_open m = { .size_max = size_max };
	char body[sizeof(m) + FILES_PATH_MAX];
	size_t n = strlen(path);

	if (path[0] != '/' || n > FILES_PATH_MAX)
		return -EINVAL;
	if (!is_running(w))
		return -ESRCH;
	m.watch = w->number;
	memcpy(body, &m, sizeof(m));
	memcpy(body + sizeof(m), path, n);
	return open_ask(c, MSG_FILES_OPEN, body, sizeof(m) + n, cb, arg);
}

int core_file_root(struct core *c, const struct ident_container *ct, core_file_cb cb, void *arg)
{
	struct file_watch *w = file_watch_of(c, ct);
	struct msg_files_root m = { .watch = is_running(w) ? w->number : 0 };

	return m.watch ? open_ask(c, MSG_FILES_ROOT, &m, sizeof(m), cb, arg) : -ESRCH;
}

int core_files_watch(struct core *c, const struct ident_container *ct, const char *const *paths, size_t count)
{
	struct file_watch *w = file_watch_of(c, ct);
	struct msg_files_drift d = { .count = (uint32_t)count };
	char body[sizeof(d) + FILES_DRIFT_BYTES];
	size_t len = 0;
	char *copy;

	if (!is_running(w))
		return -ESRCH;
	if (count > FILES_DRIFT_MAX)
		return -E2BIG;
	d.watch = w->number;
	for (size_t i = 0; i < count; i++) {
		size_t n = strlen(paths[i]) + 1;

		if (paths[i][0] != '/' || n > FILES_PATH_MAX)
			return -EINVAL;
		if (n > FILES_DRIFT_BYTES - len)
			return -E2BIG;
		memcpy(body + sizeof(d) + len, paths[i], n);
		len += n;
	}
	copy = malloc(len + 1);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, body + sizeof(d), len);
	free(w->drift);
	w->drift = copy;
	w->drift_len = len;
	w->drift_count = (uint32_t)count;
	memcpy(body, &d, sizeof(d));
	(void)peer_send(c->priv->files->peer, MSG_FILES_DRIFT, c->priv->next_seq++, body, sizeof(d) + len); /* else when it comes */
	return 0;
}

bool core_files_state(struct core *c, const struct ident_container *ct, struct core_files_state *ret)
{
	struct file_watch *w = file_watch_of(c, ct);

	if (!is_running(w) || !c->priv->files->peer)
		return false;
	*ret = w->state;
	ret->exes = HASH_COUNT(w->exes);
	return true;
}

/* ---- life -------------------------------------------------------------------------------------------------------------------- */
void files_tick(struct core *c, uint64_t now_ns)
{
	struct file_watch *w, *tmp;

	if (!c->priv->files)
		return;
	HASH_ITER(hh, c->priv->files->watches, w, tmp)
		if (w->gone_ns && now_ns - w->gone_ns > IDENT_LINGER_NS)
			watch_free(c, w);
}

static void opens_fail(struct core *c)
{
	struct core_files *f = c->priv->files;
	struct file_open *o = f->opens;

	f->opens = NULL;
	f->open_count = 0;
	for (struct file_open *next; o; o = next) {
		next = o->next;
		o->cb(-EIO, -1, o->arg);
		free(o);
	}
}

static void files_gone(void *arg)
{
	struct core *c = arg;

	peer_close(c->priv->files->peer);
	c->priv->files->peer = NULL;
	opens_fail(c);
}

void files_connected(struct core *c, int fd)
{
	struct core_files *f = c->priv->files;
	struct file_watch *w, *tmp;

	if (f->peer)
		files_gone(c);
	memset(&f->stats, 0, sizeof(f->stats));
	if (peer_open(c->priv->loop, fd, files_message, files_gone, c, &f->peer) < 0)
		return;
	HASH_ITER(hh, f->watches, w, tmp)
		if (!w->gone_ns)
			watch_send(c, w);
	refuse_files_connected(c);
}

int files_start(struct core *c)
{
	int r;

	c->priv->files = calloc(1, sizeof(*c->priv->files));
	if (!c->priv->files)
		return -ENOMEM;
	r = core_subscribe_events(c, 1U << CORE_EVENT_EXEC, files_exec, c);
	if (r >= 0)
		r = core_subscribe_events(c, 1U << CORE_EVENT_SYSCALL, files_syscall, c);
	return r < 0 ? r : 0;
}

void files_stop(struct core *c)
{
	struct core_files *f = c->priv->files;
	struct file_watch *w, *tmp;

	if (!f)
		return;
	peer_close(f->peer);
	f->peer = NULL;
	opens_fail(c);
	HASH_ITER(hh, f->watches, w, tmp)
		watch_free(c, w);
	free(f);
	c->priv->files = NULL;
}
