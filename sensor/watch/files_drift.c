/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Configuration files: each one's directory is watched by inotify (which sees renames, and edits from the host, in any kernel
 * and on any file system; fanotify marks of directories could not be taken away again without reaching the directory), and the
 * file itself, for what happens to it under another name: through a symbolic link, a bind mount of the file alone. One watch
 * number stands for one inode, whoever watches it: containers share those of a directory of the host. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "sensor/watch/files_priv.h"

#define DRIFT_RETRY_MAX_NS (60 * NSEC_PER_SEC)
#define SAME_NS (200 * NSEC_PER_MSEC) /* directory and file tell the same change */
#define CHANGES_MAX 100               /* of a container in a second; then one at its end */

enum { WATCH_DIR, WATCH_FILE };

struct drift_path {
	char *path;
	size_t len;
	int wd[2];      /* -1: none, or not yet */
	bool asked[2], refused; /* refused: the file is not there; its directory tells when it comes */
	bool dir_missing;       /* it is not there, or no longer: what it holds when it is watched may be new */
	bool any;               /* a directory, path ends in "/": any entry of it */
	bool untold;            /* over the limit */
	uint8_t last_change, last_from;
	uint64_t last_ns;
};

struct drift_wd {
	int wd;
	unsigned users;
	UT_hash_handle hh;
};

/* ---- numbers -------------------------------------------------------------------------------------------------------- */
static void wd_use(struct files *f, int wd)
{
	struct drift_wd *w;

	HASH_FIND_INT(f->wds, &wd, w);
	if (!w) {
		w = calloc(1, sizeof(*w));
		if (!w)
			return;
		w->wd = wd;
		HASH_ADD_INT(f->wds, wd, w);
		f->stats.wds++;
	}
	w->users++;
}

static void wd_free(struct files *f, struct drift_wd *w)
{
	HASH_DEL(f->wds, w);
	free(w);
	f->stats.wds--;
}

/* gone: the kernel has dropped it already. */
static void wd_leave(struct files *f, int *wd, bool gone)
{
	struct msg_place_wd m = { .wd = *wd };
	struct drift_wd *w;

	HASH_FIND_INT(f->wds, wd, w);
	*wd = -1;
	if (!w || --w->users)
		return;
	/* Without an opener it stays, without users, for drift_retry(). */
	if (!gone && !files_ask(f, ASK_DROP, 0, MSG_PLACE_DIR_DROP, &m, sizeof(m), NULL, 0))
		return;
	wd_free(f, w);
}

static void wds_drop_unused(struct files *f)
{
	struct drift_wd *w, *tmp;

	HASH_ITER(hh, f->wds, w, tmp) {
		struct msg_place_wd m = { .wd = w->wd };

		if (!w->users && files_ask(f, ASK_DROP, 0, MSG_PLACE_DIR_DROP, &m, sizeof(m), NULL, 0))
			wd_free(f, w);
	}
}

/* ---- what is watched --------------------------------------------------------------------------------------------------- */
/* Something of the container's comes or goes, or could not be asked for: more may follow soon. */
static void ask_soon(struct files_container *c)
{
	c->drift_wait_ns = DRIFT_RETRY_NS;
	c->drift_next_ns = 0;
}

static void ask(struct files *f, struct files_container *c, size_t index, unsigned which)
{
	struct drift_path *p = &c->drift[index];
	struct msg_place place;
	struct files_ask *q;

	if (p->asked[which] || p->wd[which] >= 0 || f->inotify < 0 || (which == WATCH_FILE && p->any))
		return;
	files_place(c, &place);
	q = files_ask(f, ASK_DIR, c->watch, MSG_PLACE_DIR, &place, sizeof(place), p->path,
		      which == WATCH_DIR ? files_dir_len(p->path, p->len) : p->len);
	if (!q) {
		ask_soon(c);
		return;
	}
	q->a = (uint32_t)index;
	q->b = which;
	/* The list may be another one when the answer comes. */
	q->path = strdup(p->path);
	p->asked[which] = true;
}

void drift_forget(struct files *f, struct files_container *c)
{
	for (size_t i = 0; i < c->drift_count; i++) {
		for (unsigned k = 0; k < 2; k++)
			if (c->drift[i].wd[k] >= 0)
				wd_leave(f, &c->drift[i].wd[k], false);
		free(c->drift[i].path);
	}
	free(c->drift);
	c->drift = NULL;
	c->drift_count = 0;
}

/* Whatever is not watched yet: not there, or the opener was not. A file that was not there is asked for when its directory is. */
static void ask_all(struct files *f, struct files_container *c)
{
	for (size_t i = 0; c->drift && i < c->drift_count; i++) {
		ask(f, c, i, WATCH_DIR);
		if (!c->drift[i].refused)
			ask(f, c, i, WATCH_FILE);
	}
}

void drift_ask(struct files *f, struct files_container *c)
{
	ask_soon(c);
	ask_all(f, c);
}

/* What is not there is looked for at longer and longer times: most of it never comes. */
void drift_retry(struct files *f, uint64_t now)
{
	struct files_container *c, *tmp;

	wds_drop_unused(f);
	HASH_ITER(hh, f->containers, c, tmp) {
		if (now < c->drift_next_ns)
			continue;
		c->drift_next_ns = now + c->drift_wait_ns;
		c->drift_wait_ns = c->drift_wait_ns < DRIFT_RETRY_MAX_NS / 2 ? 2 * c->drift_wait_ns : DRIFT_RETRY_MAX_NS;
		ask_all(f, c);
	}
}

void drift_set(struct files *f, struct files_container *c, const char *paths, size_t len, uint32_t count)
{
	drift_forget(f, c);
	if (!count || count > FILES_DRIFT_MAX)
		return;
	c->drift = calloc(count, sizeof(*c->drift));
	while (c->drift && c->drift_count < count && len) {
		const char *nul = memchr(paths, 0, len);
		struct drift_path *p = &c->drift[c->drift_count];
		size_t n = nul ? (size_t)(nul - paths) : 0;

		if (!nul)
			break;
		if (n > 1 && n <= FILES_PATH_MAX && paths[0] == '/' && (p->path = strdup(paths))) {
			p->len = n;
			p->any = paths[n - 1] == '/';
			p->wd[0] = p->wd[1] = -1;
			c->drift_count++;
		}
		paths += n + 1;
		len -= n + 1;
	}
	drift_ask(f, c);
}

void drift_lost(struct files *f)
{
	struct files_container *c, *tmp;

	HASH_ITER(hh, f->containers, c, tmp) {
		ask_soon(c);
		for (size_t i = 0; i < c->drift_count; i++) {
			c->drift[i].refused = false;
			for (unsigned k = 0; k < 2; k++)
				if (c->drift[i].wd[k] >= 0)
					wd_leave(f, &c->drift[i].wd[k], true);
		}
	}
}

/* ---- what happened --------------------------------------------------------------------------------------------------------- */
static enum files_change change_of(uint32_t mask)
{
	if (mask & (IN_DELETE | IN_DELETE_SELF))
		return FILES_DELETED;
	if (mask & (IN_MOVED_FROM | IN_MOVE_SELF))
		return FILES_MOVED_AWAY;
	if (mask & IN_MOVED_TO)
		return FILES_MOVED_IN;
	if (mask & IN_CREATE)
		return FILES_CREATED;
	return mask & IN_CLOSE_WRITE ? FILES_WRITTEN : FILES_ATTRIBUTES;
}

static void tell(struct files *f, const struct files_container *c, const char *path, size_t len, enum files_change what, uint64_t now)
{
	struct msg_files_changed m = { .watch = c->watch, .change = (uint8_t)what, .mono_ns = now };

	m.pid = writes_who(c, path, len, false, m.mono_ns);
	if (!m.pid && (what == FILES_MOVED_IN || what == FILES_CREATED))
		m.pid = writes_who(c, path, len, true, m.mono_ns);
	f->stats.drift_events++;
	files_link_send(&f->core, MSG_FILES_CHANGED, 0, 0, &m, sizeof(m), path, len, -1);
}

/* Who changes without end is told of once a second. */
static bool may_tell(struct files_container *c, struct drift_path *p, uint64_t now)
{
	if (now - c->drift_second_ns >= NSEC_PER_SEC) {
		c->drift_second_ns = now;
		c->drift_in_second = 0;
	}
	p->untold = ++c->drift_in_second > CHANGES_MAX;
	return !p->untold;
}

void drift_untold(struct files *f, uint64_t now)
{
	struct files_container *c, *tmp;

	HASH_ITER(hh, f->containers, c, tmp)
		for (size_t i = 0; i < c->drift_count; i++)
			if (c->drift[i].untold && may_tell(c, &c->drift[i], now))
				tell(f, c, c->drift[i].path, c->drift[i].len, FILES_WRITTEN, now);
}

static void changed(struct files *f, struct files_container *c, struct drift_path *p, enum files_change what, unsigned from)
{
	uint64_t now = clock_mono_ns();

	/* The second of the two watches says nothing new; the same watch again does. */
	if (p->last_change == what && p->last_from != from && p->last_ns && now - p->last_ns < SAME_NS)
		return;
	p->last_change = (uint8_t)what;
	p->last_from = (uint8_t)from;
	p->last_ns = now;
	if (may_tell(c, p, now))
		tell(f, c, p->path, p->len, what, now);
}

void drift_dir_answer(struct files *f, const struct files_ask *a, int status, const void *body, size_t len)
{
	struct files_container *c = files_container(f, a->watch);
	struct drift_path *p = c && a->a < c->drift_count ? &c->drift[a->a] : NULL;
	struct msg_place_wd m = { .wd = -1 };

	if (status == 0 && len == sizeof(m))
		memcpy(&m, body, sizeof(m));
	if (p && (!a->path || strcmp(p->path, a->path) != 0))
		p = NULL;
	if (p)
		p->asked[a->b] = false;
	/* Of an opener that ended nothing is known; the next one is asked. */
	if (p && a->b == WATCH_FILE)
		p->refused = m.wd < 0 && status != -EIO;
	if (p && a->b == WATCH_DIR && m.wd < 0 && status != -EIO)
		p->dir_missing = true;
	if (m.wd < 0)
		return;
	wd_use(f, m.wd);
	if (!p || p->wd[a->b] >= 0) {
		wd_leave(f, &m.wd, false); /* nobody wants it any more */
		return;
	}
	p->wd[a->b] = m.wd;
	if (a->b != WATCH_DIR)
		return;
	if (p->refused) { /* it has come, and the file perhaps with it */
		p->refused = false;
		ask_soon(c);
		ask(f, c, a->a, WATCH_FILE);
	}
	if (p->dir_missing) { /* whatever is in it came before the watch */
		p->dir_missing = false;
		changed(f, c, p, FILES_CREATED, WATCH_DIR);
	}
}

/* Something about an entry of a directory any entry of which is meant. */
static void at_entry(struct files *f, struct files_container *c, struct drift_path *p, const struct ino_record *r)
{
	char path[FILES_PATH_MAX + 1];
	uint64_t now = clock_mono_ns();
	size_t n = strlen(r->name);

	if (!n && (r->mask & (IN_MOVE_SELF | IN_DELETE_SELF))) {
		wd_leave(f, &p->wd[WATCH_DIR], false);
		p->dir_missing = true;
		ask_soon(c);
	} else if (!n || !(r->mask & (IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_CLOSE_WRITE))) {
		return;
	}
	if (p->len + n > FILES_PATH_MAX || !may_tell(c, p, now))
		return;
	memcpy(path, p->path, p->len);
	memcpy(path + p->len, r->name, n + 1);
	tell(f, c, path, p->len + n, change_of(r->mask), now);
}

static void at_path(struct files *f, struct files_container *c, size_t index, const struct ino_record *r)
{
	struct drift_path *p = &c->drift[index];
	const char *name;
	bool named, self, dir_gone;

	if (p->wd[WATCH_DIR] != r->wd && p->wd[WATCH_FILE] != r->wd)
		return;
	if (r->mask & IN_IGNORED) {
		ask_soon(c);
		p->dir_missing |= p->wd[WATCH_DIR] == r->wd;
		for (unsigned k = 0; k < 2; k++)
			if (p->wd[k] == r->wd)
				wd_leave(f, &p->wd[k], true);
		return;
	}
	/* It may be a directory in which others are looked for. */
	if (r->mask & (IN_CREATE | IN_MOVED_TO))
		ask_soon(c);
	if (p->any) {
		at_entry(f, c, p, r);
		return;
	}
	name = strrchr(p->path, '/') + 1;
	named = p->wd[WATCH_DIR] == r->wd && !strcmp(r->name, name);
	self = p->wd[WATCH_FILE] == r->wd && !r->name[0];
	dir_gone = p->wd[WATCH_DIR] == r->wd && !r->name[0];
	if (dir_gone && !(r->mask & (IN_MOVE_SELF | IN_DELETE_SELF)))
		return; /* of the directory itself: mode, owner */
	/* A file that loses one name gains another, or is deleted: its directory tells which. */
	if (self && (r->mask & (IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF)) && p->wd[WATCH_DIR] >= 0)
		return;
	if (!named && !self && !dir_gone)
		return;
	changed(f, c, p, change_of(r->mask), self ? WATCH_FILE : WATCH_DIR);
	if ((named && (r->mask & (IN_MOVED_TO | IN_CREATE))) || dir_gone) {
		/* Another inode by that name: it is the one to look at now. */
		if (p->wd[WATCH_FILE] >= 0)
			wd_leave(f, &p->wd[WATCH_FILE], false);
		if (dir_gone && p->wd[WATCH_DIR] >= 0) {
			wd_leave(f, &p->wd[WATCH_DIR], false);
			p->dir_missing = true;
			ask_soon(c);
		}
		p->refused = false;
		ask(f, c, index, WATCH_FILE);
	}
}

static void one(struct files *f, const struct ino_record *r)
{
	struct files_container *c, *tmp;

	if (r->mask & IN_Q_OVERFLOW) {
		f->stats.drift_overflows++;
		return;
	}
	HASH_ITER(hh, f->containers, c, tmp)
		for (size_t i = 0; i < c->drift_count; i++)
			at_path(f, c, i, r);
}

void drift_read(struct files *f)
{
	_Alignas(8) char buf[8192];

	for (int turn = 0; turn < 4 && f->inotify >= 0 && !files_link_is_blocked(&f->core); turn++) {
		ssize_t n = read(f->inotify, buf, sizeof(buf));
		struct ino_record r;
		struct bytes b;

		if (n <= 0)
			return;
		b = bytes_of(buf, (size_t)n);
		while (ino_record_next(&b, &r) > 0)
			one(f, &r);
	}
}
