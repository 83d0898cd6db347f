/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Containers that are watched: their mounts are read and marked, found again by mount number or device, and left alone for a
 * while when they write more files than anybody could look at. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "sensor/watch/files_priv.h"

#define MOUNTINFO_MAX (1U << 20)
/* A container that writes more than this for three seconds on end is not looked at for ten. */
#define BUDGET_PER_SECOND 4000
#define HOT_SECONDS 3
#define THROTTLE_NS (10 * NSEC_PER_SEC)

static uint64_t dev_of(const struct files_mounts *m)
{
	return makedev(m->root_major, m->root_minor);
}

void watch_tell(struct files *f, const struct files_container *c)
{
	struct msg_files_state s = { .watch = c->watch, .error = c->error, .unmarked = (uint16_t)c->mounts.unmarkable,
				     .throttled = c->throttled_until_ns != 0 };

	for (size_t i = 0; i < c->mounts.count; i++) {
		s.marks += c->mounts.mounts[i].marked;
		s.unmarked += !c->mounts.mounts[i].marked && !c->throttled_until_ns;
	}
	s.lower_count = (uint16_t)(c->mounts.layer_count ? c->mounts.layer_count - 1 : 0);
	files_link_send(&f->core, MSG_FILES_STATE, 0, 0, &s, sizeof(s), NULL, 0, -1);
}

/* ---- mounts --------------------------------------------------------------------------------------------------------- */
static void mounts_forget(struct files *f, struct files_container *c)
{
	uint64_t dev = dev_of(&c->mounts);
	struct mount_ref *r;
	struct root_ref *d;

	for (size_t i = 0; i < c->mounts.count; i++) {
		HASH_FIND(hh, f->mount_refs, &c->mounts.mounts[i].id, sizeof(uint32_t), r);
		if (r && r->watch == c->watch) {
			HASH_DEL(f->mount_refs, r);
			free(r);
		}
		f->stats.marks -= c->mounts.mounts[i].marked;
	}
	HASH_FIND(hh, f->root_refs, &dev, sizeof(dev), d);
	if (d && d->watch == c->watch) {
		HASH_DEL(f->root_refs, d);
		free(d);
	}
	files_mounts_done(&c->mounts);
}

/* A number that is taken belonged to a mount that is gone. */
static void mount_remember(struct files *f, const struct files_container *c, size_t index)
{
	uint32_t id = c->mounts.mounts[index].id;
	struct mount_ref *r;

	HASH_FIND(hh, f->mount_refs, &id, sizeof(id), r);
	if (!r) {
		r = calloc(1, sizeof(*r));
		if (!r)
			return;
		r->id = id;
		HASH_ADD(hh, f->mount_refs, id, sizeof(r->id), r);
	}
	r->watch = c->watch;
	r->index = (uint32_t)index;
}

static void root_remember(struct files *f, const struct files_container *c)
{
	uint64_t dev = dev_of(&c->mounts);
	struct root_ref *d;

	/* Only an overlay is the container's alone. */
	if (files_mounts_at(&c->mounts, "/")->how != MSG_MARK_FILESYSTEM)
		return;
	HASH_FIND(hh, f->root_refs, &dev, sizeof(dev), d);
	if (!d) {
		d = calloc(1, sizeof(*d));
		if (!d)
			return;
		d->dev = dev;
		HASH_ADD(hh, f->root_refs, dev, sizeof(d->dev), d);
	}
	d->watch = c->watch;
}

struct files_container *watch_find(struct files *f, uint32_t mnt_id, uint64_t dev, const struct files_mount **ret_mount)
{
	struct files_container *c;
	struct mount_ref *r;
	struct root_ref *d;

	*ret_mount = NULL;
	HASH_FIND(hh, f->mount_refs, &mnt_id, sizeof(mnt_id), r);
	c = r ? files_container(f, r->watch) : NULL;
	if (c && r->index < c->mounts.count) {
		*ret_mount = &c->mounts.mounts[r->index];
		return c;
	}
	HASH_FIND(hh, f->root_refs, &dev, sizeof(dev), d);
	return d ? files_container(f, d->watch) : NULL;
}

static void mark_all(struct files *f, struct files_container *c, bool on)
{
	for (size_t i = 0; i < c->mounts.count; i++) {
		const struct files_mount *n = &c->mounts.mounts[i];
		struct msg_place_mark m = { .how = n->how, .on = on, .mnt_id = n->id };
		struct files_ask *q;

		if (n->marked == on)
			continue;
		files_place(c, &m.place);
		q = files_ask(f, ASK_MARK, c->watch, MSG_PLACE_MARK, &m, sizeof(m), n->point, strlen(n->point));
		if (!q)
			continue;
		q->a = n->id;
		q->b = on;
		c->pending++;
	}
}

/* FNV-1a */
static uint64_t text_hash(const char *text, size_t len)
{
	uint64_t h = 0xcbf29ce484222325ULL;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)text[i]) * 0x100000001b3ULL;
	return h;
}

static void exec_mark(struct files *f, struct files_container *c);

void watch_mounts_answer(struct files *f, const struct files_ask *a, int status, int fd)
{
	struct files_container *c = files_container(f, a->watch);
	_cleanup_free_ char *text = NULL;
	size_t len = 0;
	uint64_t hash;
	ssize_t n;

	if (!c)
		return;
	text = status == 0 && fd >= 0 ? malloc(MOUNTINFO_MAX) : NULL;
	while (text && len < MOUNTINFO_MAX && (n = read(fd, text + len, MOUNTINFO_MAX - len)) > 0)
		len += (size_t)n;
	hash = text_hash(text, text ? len : 0);
	if (a->a && (status < 0 || c->pending || c->throttled_until_ns || (c->error == 0 && hash == c->mounts_hash)))
		return; /* nothing new, or not now */
	c->mounts_hash = hash;
	c->error = status;
	mounts_forget(f, c);
	if (c->error == 0)
		c->error = text ? files_mounts_read(text, len, &c->mounts) : -ENOMEM;
	if (c->error < 0) {
		watch_tell(f, c);
		return;
	}
	for (size_t i = 0; i < c->mounts.count; i++)
		mount_remember(f, c, i);
	root_remember(f, c);
	mark_all(f, c, true);
	c->exec_pending = 0;
	if (c->exec)
		exec_mark(f, c);
	drift_ask(f, c);
	if (!c->pending)
		watch_tell(f, c);
}

/* ---- exec permissions ----------------------------------------------------------------------------------------------- */
#define ASK_EXEC 2 /* files_ask.b: a mark of exec permissions */

static void exec_tell(struct files *f, struct files_container *c)
{
	struct msg_files_exec_state s = { .watch = c->watch, .error = c->exec_error, .on = c->exec, .unmarked = c->exec_unmarked,
					  .root_major = c->mounts.root_major, .root_minor = c->mounts.root_minor };
	const struct files_mount *root = files_mounts_at(&c->mounts, "/");

	s.root_own = root && root->how == MSG_MARK_FILESYSTEM;
	for (size_t i = 0; i < c->mounts.count && s.count < EXEC_MOUNTS_MAX; i++)
		s.mnt_id[s.count++] = c->mounts.mounts[i].id;
	files_link_send(&f->core, MSG_FILES_EXEC, 0, 0, &s, sizeof(s), NULL, 0, -1);
}

static void exec_mark(struct files *f, struct files_container *c)
{
	c->exec_error = 0;
	c->exec_unmarked = (uint32_t)c->mounts.unmarkable;
	for (size_t i = 0; i < c->mounts.count; i++) {
		const struct files_mount *n = &c->mounts.mounts[i];
		struct msg_place_mark m = { .how = n->how, .on = c->exec, .mnt_id = n->id, .exec = 1 };
		struct files_ask *q;

		files_place(c, &m.place);
		q = files_ask(f, ASK_MARK, c->watch, MSG_PLACE_MARK, &m, sizeof(m), n->point, strlen(n->point));
		if (!q)
			continue;
		q->a = n->id;
		q->b = ASK_EXEC | c->exec;
		c->exec_pending++;
	}
	if (!c->exec_pending)
		exec_tell(f, c);
}

static void exec_marked(struct files *f, struct files_container *c, const struct files_ask *a, int status)
{
	const struct files_mount *root = files_mounts_at(&c->mounts, "/");

	if (status < 0 && c->exec) {
		c->exec_unmarked++;
		if (root && root->id == a->a)
			c->exec_error = status;
	}
	if (c->exec_pending && --c->exec_pending == 0)
		exec_tell(f, c);
}

void watch_exec(struct files *f, const struct msg_files_exec *m)
{
	struct files_container *c = files_container(f, m->watch);

	if (!c)
		return;
	c->exec = m->on != 0;
	if (c->mounts.count && !c->exec_pending)
		exec_mark(f, c);
}

void watch_mark_answer(struct files *f, const struct files_ask *a, int status)
{
	struct files_container *c = files_container(f, a->watch);

	if (!c)
		return;
	if (a->b & ASK_EXEC) {
		exec_marked(f, c, a, status);
		return;
	}
	for (size_t i = 0; i < c->mounts.count; i++) {
		struct files_mount *m = &c->mounts.mounts[i];

		if (m->id != a->a)
			continue;
		if (status == 0 && m->marked != (a->b != 0)) {
			m->marked = a->b != 0;
			f->stats.marks += m->marked ? 1 : (uint32_t)-1;
		}
		if (status < 0) {
			log_debug("files: %.12s: %s cannot be watched: %s", c->cid, m->point, strerror(-status));
			if (m->origin == FILES_ORIGIN_ROOT)
				c->error = status;
		}
	}
	if (c->pending && --c->pending == 0)
		watch_tell(f, c);
}

/* ---- containers -------------------------------------------------------------------------------------------------------- */
static void begin(struct files *f, struct files_container *c)
{
	struct msg_place p;

	c->pending = 0;
	c->mounts_ns = clock_mono_ns();
	files_place(c, &p);
	(void)files_ask(f, ASK_MOUNTS, c->watch, MSG_PLACE_MOUNTS, &p, sizeof(p), NULL, 0);
}

static void mounts_look_again(struct files *f, struct files_container *c, uint64_t now_ns)
{
	struct files_ask *q;
	struct msg_place p;

	if (c->pending || c->throttled_until_ns || now_ns - c->mounts_ns < FILES_MOUNTS_AGAIN_NS)
		return;
	c->mounts_ns = now_ns;
	files_place(c, &p);
	q = files_ask(f, ASK_MOUNTS, c->watch, MSG_PLACE_MOUNTS, &p, sizeof(p), NULL, 0);
	if (q)
		q->a = 1;
}

void watch_mounts_again(struct files *f, uint32_t watch)
{
	struct files_container *c = files_container(f, watch);

	if (c)
		c->makes_mounts = true;
}

void watch_add(struct files *f, const struct msg_files_watch *m)
{
	struct files_container *c = files_container(f, m->watch);

	if (c || HASH_COUNT(f->containers) >= FILES_WATCHES_MAX)
		return;
	c = calloc(1, sizeof(*c));
	if (!c)
		return;
	c->watch = m->watch;
	c->pid = m->pid;
	c->engine_pid = m->engine_pid;
	memcpy(c->cid, m->cid, sizeof(c->cid) - 1);
	HASH_ADD(hh, f->containers, watch, sizeof(c->watch), c);
	if (!c->hh.tbl) {
		free(c);
		return;
	}
	f->stats.watches++;
	begin(f, c);
}

/* Its marks end with its mounts. */
static void container_drop(struct files *f, struct files_container *c)
{
	drift_forget(f, c);
	mounts_forget(f, c);
	HASH_DEL(f->containers, c);
	f->stats.watches--;
	free(c);
}

void watch_remove(struct files *f, uint32_t watch)
{
	struct files_container *c = files_container(f, watch);

	if (c)
		container_drop(f, c);
}

void watch_remove_all(struct files *f)
{
	struct files_container *c, *tmp;

	HASH_ITER(hh, f->containers, c, tmp)
		container_drop(f, c);
}

void watch_again(struct files *f)
{
	struct files_container *c, *tmp;

	HASH_ITER(hh, f->containers, c, tmp)
		begin(f, c);
}

/* ---- budget -------------------------------------------------------------------------------------------------------------- */
bool watch_budget(struct files *f, struct files_container *c, uint64_t now_ns)
{
	if (now_ns - c->second_ns >= NSEC_PER_SEC) {
		bool follows = now_ns - c->second_ns < 2 * NSEC_PER_SEC;

		c->hot_seconds = c->in_second > BUDGET_PER_SECOND && follows ? c->hot_seconds + 1 : 0;
		c->second_ns = now_ns;
		c->in_second = 0;
	}
	c->in_second++;
	if (c->hot_seconds >= HOT_SECONDS && !c->throttled_until_ns) {
		c->throttled_until_ns = now_ns + THROTTLE_NS;
		c->hot_seconds = 0;
		f->stats.throttles++;
		mark_all(f, c, false);
	}
	return !c->throttled_until_ns;
}

void watch_tick(struct files *f, uint64_t now_ns)
{
	struct files_container *c, *tmp;

	HASH_ITER(hh, f->containers, c, tmp) {
		if (c->makes_mounts)
			mounts_look_again(f, c, now_ns);
		if (c->throttled_until_ns && now_ns >= c->throttled_until_ns && !c->pending) {
			c->throttled_until_ns = 0;
			mark_all(f, c, true);
			if (!c->pending)
				watch_tell(f, c);
		}
	}
}
