/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Executables: opened through their own process, else by their path in the container; hashed by the worker; and the layer that
 * brought them. Each job ends in one MSG_FILES_DIGEST, whatever happens on the way. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "sensor/watch/files_priv.h"

void digest_job_free(struct files_digest_job *j)
{
	if (!j)
		return;
	close_fd(&j->hash.fd);
	free(j->path);
	free(j);
}

/* Answers core and ends the job. */
static void finish(struct files *f, struct files_digest_job *j)
{
	files_link_send(&f->core, MSG_FILES_DIGEST, j->core_seq, 0, &j->out, sizeof(j->out), j->path, j->path_len, -1);
	digest_job_free(j);
}

static void refuse(struct files *f, uint32_t seq, uint32_t watch, uint32_t pid, uint64_t ino, enum files_digest_state why,
		   const char *path, size_t len)
{
	struct msg_files_digest d = { .watch = watch, .pid = pid, .ino = ino, .state = (uint8_t)why, .lower = -1 };

	files_link_send(&f->core, MSG_FILES_DIGEST, seq, 0, &d, sizeof(d), path, len, -1);
}

/* ---- the layer -------------------------------------------------------------------------------------------------------- */
/* True: asked; the answer finishes the job. */
static bool ask_layer(struct files *f, struct files_digest_job *j)
{
	struct files_container *c = files_container(f, j->out.watch);
	struct msg_place_layer m = { 0 };
	_cleanup_free_ char *rest = NULL;
	struct files_ask *q;

	if (!c || j->out.origin != FILES_ORIGIN_ROOT || !c->mounts.layer_count || !c->engine_pid || !j->path_len)
		return false;
	m.engine_pid = c->engine_pid;
	m.count = (uint32_t)c->mounts.layer_count;
	if (j->path_len + 1 + c->mounts.layers_len > IPC_BODY_MAX - sizeof(m))
		return false;
	rest = malloc(j->path_len + 1 + c->mounts.layers_len);
	if (!rest)
		return false;
	memcpy(rest, j->path, j->path_len);
	rest[j->path_len] = '\0';
	memcpy(rest + j->path_len + 1, c->mounts.layers, c->mounts.layers_len);
	q = files_ask(f, ASK_LAYER, c->watch, MSG_PLACE_LAYER, &m, sizeof(m), rest, j->path_len + 1 + c->mounts.layers_len);
	if (!q)
		return false;
	q->job = j;
	j->out.lower_count = (uint16_t)(c->mounts.layer_count - 1);
	return true;
}

void digest_layer_answer(struct files *f, struct files_ask *a, int status, const void *body, size_t len)
{
	struct files_digest_job *j = take_ptr(a->job);
	struct msg_place_layer_answer m;

	if (status == 0 && len == sizeof(m)) {
		memcpy(&m, body, sizeof(m));
		if (m.index >= 0)
			j->out.origin = m.index == 0 ? FILES_ORIGIN_UPPER : FILES_ORIGIN_IMAGE;
		j->out.lower = (int16_t)m.lower;
		j->out.copied_up = m.index == 0 && m.lower >= 0;
	}
	finish(f, j);
}

static void hashed(struct files *f, struct files_digest_job *j)
{
	j->out.state = (uint8_t)j->hash.state;
	memcpy(j->out.sha256, j->hash.sha256, sizeof(j->out.sha256));
	if (!ask_layer(f, j))
		finish(f, j);
}

void digest_finished(struct files *f)
{
	struct files_job *h;

	while ((h = files_hash_next(f->hash))) {
		f->stats.hashed += h->state == FILES_HASHED;
		f->stats.hashed_bytes += h->state == FILES_HASHED ? h->key.size : 0;
		hashed(f, h->arg);
	}
}

/* ---- content ----------------------------------------------------------------------------------------------------------- */
static uint64_t stamp_ns(const struct statx_timestamp *t)
{
	return t->tv_sec < 0 ? 0 : (uint64_t)t->tv_sec * NSEC_PER_SEC + t->tv_nsec;
}

static void fill(struct files_digest_job *j, const struct statx *st)
{
	struct msg_files_digest *o = &j->out;

	o->ino = st->stx_ino;
	o->size = st->stx_size;
	o->mode = st->stx_mode;
	o->ctime_ns = stamp_ns(&st->stx_ctime);
	o->mtime_ns = stamp_ns(&st->stx_mtime);
	j->hash.key = (struct files_key){ .dev = (uint64_t)st->stx_dev_major << 32 | st->stx_dev_minor, .ino = st->stx_ino,
					  .size = st->stx_size, .ctime_ns = o->ctime_ns };
}

/* Takes fd over. */
static void content(struct files *f, struct files_digest_job *j, int fd)
{
	j->hash.fd = fd;
	j->hash.arg = j;
	if (j->out.size > FILES_HASH_SIZE_MAX) {
		close_fd(&j->hash.fd);
		j->hash.state = FILES_NOT_BIG;
		hashed(f, j);
	} else if (files_hash_known(f->hash, &j->hash.key, j->hash.sha256)) {
		close_fd(&j->hash.fd);
		j->hash.state = FILES_HASHED;
		hashed(f, j);
	} else if (!files_hash_queue(f->hash, &j->hash)) {
		close_fd(&j->hash.fd);
		f->stats.hash_refused++;
		j->hash.state = FILES_NOT_BUSY;
		hashed(f, j);
	}
}

/* memfd, and files of file systems that no path reaches: "/memfd:name", no directory of the container. */
static bool is_memory(const char *path)
{
	return !strncmp(path, "/memfd:", 7);
}

static struct files_digest_job *job_new(uint32_t watch, uint32_t pid, uint32_t core_seq, const char *path, size_t len)
{
	struct files_digest_job *j = calloc(1, sizeof(*j));

	if (!j)
		return NULL;
	j->hash.fd = -1;
	j->core_seq = core_seq;
	j->out.watch = watch;
	j->out.pid = pid;
	j->out.lower = -1;
	j->path = malloc(len + 1);
	if (!j->path) {
		free(j);
		return NULL;
	}
	memcpy(j->path, path, len);
	j->path[len] = '\0';
	j->path_len = len;
	return j;
}

static bool is_inside(const struct files_container *c, const struct msg_files_exe *m)
{
	if (!m->major && !m->minor)
		return true;
	for (size_t i = 0; i < c->mounts.count; i++)
		if (c->mounts.mounts[i].major == m->major && c->mounts.mounts[i].minor == m->minor)
			return true;
	return c->mounts.count == 0; /* not read yet */
}

/* The process is gone: its executable by name, if it is the same file still. */
static bool exe_by_path(struct files *f, const struct files_ask *a)
{
	struct files_container *c = files_container(f, a->watch);
	struct msg_place_open o = { .ino = a->ino };
	struct files_ask *q;

	if (!c || a->elsewhere || !a->path || a->path[0] != '/' || is_memory(a->path))
		return false;
	files_place(c, &o.place);
	q = files_ask(f, ASK_EXE_PATH, a->watch, MSG_PLACE_OPEN, &o, sizeof(o), a->path, strlen(a->path));
	if (!q)
		return false;
	q->core_seq = a->core_seq;
	q->pid = a->pid;
	q->ino = a->ino;
	q->path = strdup(a->path);
	return true;
}

void digest_exe(struct files *f, uint32_t seq, const struct msg_files_exe *m, const char *path, size_t len)
{
	struct msg_place_open o = { .place = { .pid = m->pid } };
	struct files_container *c = files_container(f, m->watch);
	struct files_ask *q;

	if (c && !is_inside(c, m)) {
		refuse(f, seq, m->watch, m->pid, m->ino, FILES_NOT_INSIDE, path, len <= FILES_PATH_MAX ? len : 0);
		return;
	}
	if (c && !m->pid && len <= FILES_PATH_MAX) {
		struct files_ask script = { .watch = m->watch, .core_seq = seq };

		script.path = strndup(path, len);
		if (!exe_by_path(f, &script))
			refuse(f, seq, m->watch, 0, 0, FILES_NOT_GONE, path, len);
		free(script.path);
		return;
	}
	/* The process need not be in the container's own cgroup, but in one below it: its path names the container as well. */
	if (c)
		memcpy(o.place.cid, c->cid, sizeof(o.place.cid));
	q = c && len <= FILES_PATH_MAX ? files_ask(f, ASK_EXE, m->watch, MSG_PLACE_OPEN, &o, sizeof(o), NULL, 0) : NULL;
	if (!q) {
		refuse(f, seq, m->watch, m->pid, m->ino, c ? FILES_NOT_BUSY : FILES_NOT_GONE, path, len <= FILES_PATH_MAX ? len : 0);
		return;
	}
	q->core_seq = seq;
	q->pid = m->pid;
	q->ino = m->ino;
	q->elsewhere = m->elsewhere;
	q->path = len ? strndup(path, len) : NULL;
}

void digest_exe_answer(struct files *f, const struct files_ask *a, int status, int *fd)
{
	const struct files_mount *mount = NULL;
	char path[FILES_PATH_MAX + 32];
	struct files_digest_job *j;
	bool deleted = false;
	struct statx st;
	size_t len = 0;

	if (status == 0 && *fd >= 0 &&
	    statx(*fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_BASIC_STATS | STATX_MNT_ID, &st) == 0)
		len = files_fd_path(*fd, st.stx_nlink, path, &deleted);
	/* Another program by now: what was asked for may still be there by its name. */
	if ((!len || (a->ino && st.stx_ino != a->ino)) && a->kind == ASK_EXE && exe_by_path(f, a))
		return;
	if (!len || (a->ino && st.stx_ino != a->ino)) {
		refuse(f, a->core_seq, a->watch, a->pid, a->ino,
		       status == -ESRCH || status == -ENOENT || status == -ESTALE || status == 0 ? FILES_NOT_GONE : FILES_NOT_ERROR,
		       a->path, a->path ? strlen(a->path) : 0);
		return;
	}
	j = job_new(a->watch, a->pid, a->core_seq, path, len);
	if (!j)
		return;
	fill(j, &st);
	(void)watch_find(f, (uint32_t)st.stx_mnt_id, 0, &mount);
	/* Opened by its name it is reached by a mount of ours that is the container's too. */
	j->out.origin = (uint8_t)(is_memory(path) ? FILES_ORIGIN_MEMORY : mount ? mount->origin : FILES_ORIGIN_UNKNOWN);
	/* A name that is no more (deleted) may be another file's by now: its layer is not looked up. */
	if (deleted && j->out.origin == FILES_ORIGIN_ROOT)
		j->out.origin = FILES_ORIGIN_UPPER;
	content(f, j, take_fd(fd));
}

void digest_written(struct files *f, const struct files_container *c, int fd, const char *path, size_t len,
		    enum files_origin origin, uint32_t pid)
{
	struct files_digest_job *j = job_new(c->watch, pid, 0, path, len);
	struct statx st;
	int own = j ? fcntl(fd, F_DUPFD_CLOEXEC, 3) : -1;

	if (own < 0 || statx(own, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_BASIC_STATS, &st) < 0) {
		close_fd(&own);
		digest_job_free(j);
		return;
	}
	fill(j, &st);
	j->out.origin = (uint8_t)origin;
	content(f, j, own);
}
