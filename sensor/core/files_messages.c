/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages of the program "files": writes, changes, digests, states. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "sensor/core/files_priv.h"
#include "sensor/core/refuse.h"
#include "sensor/core/images.h"
#include "sensor/watch/args.h"

/* Body of a fixed-size start and the text after it. False: too short. */
static bool split(const struct ipc_hdr *h, const void *body, void *ret, size_t size, const char **ret_text, size_t *ret_len)
{
	if (h->len < size)
		return false;
	memcpy(ret, body, size);
	*ret_text = (const char *)body + size;
	*ret_len = h->len - size;
	return true;
}

/* What names of files may hold is shown as processes.h shows it. */
static const char *clean(const char *text, size_t len, char *ret, size_t size)
{
	args_escape(text, len, ret, size);
	return ret;
}

/* A process id, and whether it may be another's by now. */
static uint32_t process_of(struct core *c, uint32_t pid, bool ended)
{
	const struct process *p;
	uint32_t index;

	events_consume(c); /* what it was before it wrote has been told by now */
	index = pid ? processes_find(c->procs, pid, 0) : 0;
	p = processes_get(c->procs, index);

	/* It was gone when the event was read: one that is alive now is another. */
	if (ended && p && !p->exit_mono_ns)
		return 0;
	return index;
}

static void take_event(struct core *c, const struct ipc_hdr *h, const void *body)
{
	struct core_event_view v = { .kind = CORE_EVENT_FILE };
	char path[4 * FILES_PATH_MAX + 1];
	struct msg_files_event m;
	struct file_watch *w;
	const char *text;
	size_t len;

	if (!split(h, body, &m, sizeof(m), &text, &len) || m.origin >= FILES_ORIGIN_MAX)
		return;
	w = file_watch_get(c, m.watch);
	v.container = w ? ident_by_id(c->ident, w->of.engine, w->of.cid) : NULL;
	if (!v.container)
		return;
	/* Before anything else: an exec that is told on the way asks anew. */
	for (struct file_exe *e = w->exes; e && (m.flags & FILES_EVENT_EXECUTABLE); e = e->hh.next)
		e->dirty = e->dirty || e->key.ino == m.ino || e->key.dev == SCRIPT_DEV;
	w->state.events++;
	w->state.closes += m.count;
	v.mono_ns = m.mono_ns;
	v.time_ns = clock_mono_to_wall_ns(m.mono_ns);
	v.process = process_of(c, m.pid, m.flags & FILES_EVENT_ENDED);
	v.p = processes_get(c->procs, v.process);
	v.text = clean(text, len, path, sizeof(path));
	v.detail = core_file_origin_name((enum files_origin)m.origin);
	v.count = m.count;
	v.executable = m.flags & FILES_EVENT_EXECUTABLE;
	v.directory = m.flags & FILES_EVENT_MANY;
	v.outside = m.flags & FILES_EVENT_OUTSIDE;
	v.deleted = m.flags & FILES_EVENT_DELETED;
	v.size = m.size;
	v.pid = m.pid;
	v.window_ns = m.window_ns;
	log_debug("file: %s: %s %s, %llu times, by %u %s", v.container->name, v.text, v.detail, (unsigned long long)v.count, v.pid,
		  v.p ? v.p->exe : "?");
	core_publish_event(c, &v);
}

static void take_changed(struct core *c, const struct ipc_hdr *h, const void *body)
{
	struct core_event_view v = { .kind = CORE_EVENT_FILE_CHANGED };
	char path[4 * FILES_PATH_MAX + 1];
	struct msg_files_changed m;
	struct file_watch *w;
	const char *text;
	size_t len;

	if (!split(h, body, &m, sizeof(m), &text, &len) || m.change >= FILES_CHANGE_MAX)
		return;
	w = file_watch_get(c, m.watch);
	v.container = w ? ident_by_id(c->ident, w->of.engine, w->of.cid) : NULL;
	if (!v.container)
		return;
	v.mono_ns = m.mono_ns;
	v.time_ns = clock_mono_to_wall_ns(m.mono_ns);
	v.process = process_of(c, m.pid, false);
	v.p = processes_get(c->procs, v.process);
	v.pid = m.pid;
	v.text = clean(text, len, path, sizeof(path));
	v.detail = core_file_change_name((enum files_change)m.change);
	v.count = 1;
	log_debug("file: %s: %s %s, by %u %s", v.container->name, v.text, v.detail, v.pid, v.p ? v.p->exe : "?");
	core_publish_event(c, &v);
}

/* ---- digests ------------------------------------------------------------------------------------------------------------ */
static bool same_exe(const struct core_exe *e, const struct msg_files_digest *m, const char *hex)
{
	return e->answered && e->state == m->state && e->origin == m->origin && !strcmp(e->sha256, hex);
}

static void publish_exe(struct core *c, const struct file_watch *w, const struct msg_files_digest *m, const char *path, const char *hex,
			bool written)
{
	struct core_event_view v = { .kind = CORE_EVENT_EXE, .count = 1, .executable = true };

	v.container = ident_by_id(c->ident, w->of.engine, w->of.cid);
	if (!v.container)
		return;
	v.mono_ns = clock_mono_ns();
	v.time_ns = clock_wall_ns();
	v.process = process_of(c, m->pid, false);
	v.p = processes_get(c->procs, v.process);
	v.pid = m->pid;
	v.text = path;
	v.detail = core_file_origin_name((enum files_origin)m->origin);
	v.digest = hex;
	v.name = m->state == FILES_HASHED ? "" : core_digest_state_name((enum files_digest_state)m->state);
	v.size = m->size;
	v.written = written;
	v.changed = m->copied_up;
	v.layer = core_image_layer(c, v.container, m->lower, m->lower_count);
	log_debug("file: %s: %s %s%s %s %s layer %d of %u", v.container->name, path, v.detail, m->copied_up ? " (changed)" : "", hex, v.name,
		  m->lower, m->lower_count);
	core_publish_event(c, &v);
}

static struct file_exe *exe_asked(const struct file_watch *w, uint32_t seq)
{
	for (struct file_exe *e = w->exes; e; e = e->hh.next)
		if (e->seq == seq)
			return e;
	return NULL;
}

static void exe_set(struct core *c, struct file_exe *e, const struct msg_files_digest *m, const char *path, const char *hex)
{
	struct core_exe *x = &e->exe;
	const char *s = path[0] ? strpool_get(c->priv->strings, path) : NULL;

	if (s) {
		strpool_put(c->priv->strings, x->path);
		x->path = s;
	}
	x->answered = true;
	x->state = (enum files_digest_state)m->state;
	x->origin = (enum files_origin)m->origin;
	memcpy(x->sha256, hex, sizeof(x->sha256));
	x->lower = m->lower;
	x->lower_count = m->lower_count;
	x->mode = m->mode;
	x->size = m->size;
	x->ctime_ns = m->ctime_ns;
	x->mtime_ns = m->mtime_ns;
	x->copied_up = m->copied_up;
	x->at_mono_ns = clock_mono_ns();
}

/* One that was run before and has another content now: whoever runs it from now on runs that. */
static void exe_rewritten(struct core *c, struct file_watch *w, const struct msg_files_digest *m, const char *path, const char *hex)
{
	for (struct file_exe *e = w->exes; e; e = e->hh.next)
		if ((e->key.ino == m->ino || e->key.dev == SCRIPT_DEV) && !strcmp(e->exe.path, path) && m->state == FILES_HASHED && !same_exe(&e->exe, m, hex))
			exe_set(c, e, m, path, hex);
}

static void take_digest(struct core *c, const struct ipc_hdr *h, const void *body)
{
	char path[4 * FILES_PATH_MAX + 1], hex[DIGEST_SHA256_TEXT] = "";
	struct msg_files_digest m;
	struct file_watch *w;
	struct file_exe *e;
	const char *text;
	size_t len;

	if (!split(h, body, &m, sizeof(m), &text, &len) || m.origin >= FILES_ORIGIN_MAX || m.state >= FILES_DIGEST_STATE_MAX)
		return;
	w = file_watch_get(c, m.watch);
	if (!w)
		return;
	if (m.state == FILES_HASHED)
		digest_text(m.sha256, hex);
	clean(text, len, path, sizeof(path));
	if (!h->seq) {
		publish_exe(c, w, &m, path, hex, true);
		exe_rewritten(c, w, &m, path, hex);
		return;
	}
	e = exe_asked(w, h->seq);
	if (!e)
		return;
	e->seq = 0;
	/* What is known of its content stays when this process was too short-lived to be looked at. */
	if (same_exe(&e->exe, &m, hex) || (e->exe.answered && e->exe.state == FILES_HASHED && m.state != FILES_HASHED)) {
		e->exe.at_mono_ns = clock_mono_ns();
		return;
	}
	exe_set(c, e, &m, path, hex);
	if (m.state != FILES_NOT_INSIDE)
		publish_exe(c, w, &m, e->exe.path, hex, false);
}

/* ---- states --------------------------------------------------------------------------------------------------------------- */
static void take_state(struct core *c, const struct ipc_hdr *h, const void *body)
{
	struct core_event_view v = { .kind = CORE_EVENT_THROTTLE, .detail = "files" };
	struct msg_files_state m;
	struct file_watch *w;
	const char *text;
	size_t len;
	bool was, first;

	if (!split(h, body, &m, sizeof(m), &text, &len))
		return;
	w = file_watch_get(c, m.watch);
	if (!w)
		return;
	was = w->state.throttled;
	first = !w->state.settled;
	w->state.settled = true;
	w->state.error = m.error;
	w->state.marks = m.marks;
	w->state.unmarked = m.unmarked;
	w->state.throttled = m.throttled;
	if (first)
		files_look_again(c, w);
	if (was == w->state.throttled)
		return;
	v.container = ident_by_id(c->ident, w->of.engine, w->of.cid);
	v.mono_ns = clock_mono_ns();
	v.time_ns = clock_wall_ns();
	v.text = m.throttled ? "start" : "stop";
	if (v.container)
		core_publish_event(c, &v);
}

static void take_stats(struct core *c, const struct ipc_hdr *h, const void *body)
{
	struct core_files *f = c->priv->files;
	struct msg_files_stats m;

	if (h->len != sizeof(m))
		return;
	memcpy(&m, body, sizeof(m));
	core_lost(c, LOSS_FILE_QUEUE, m.overflows - f->stats.overflows);
	core_lost(c, LOSS_FILE_QUEUE, m.drift_overflows - f->stats.drift_overflows);
	core_lost(c, LOSS_FILE_THROTTLED, m.throttled - f->stats.throttled);
	core_lost(c, LOSS_FILE_HASH, m.hash_refused - f->stats.hash_refused);
	f->stats = m;
}

static void take_open(struct core *c, const struct ipc_hdr *h, int fd)
{
	struct core_files *f = c->priv->files;

	for (struct file_open **at = &f->opens, *o; (o = *at); at = &o->next) {
		if (o->seq != h->seq)
			continue;
		*at = o->next;
		f->open_count--;
		o->cb(h->status == 0 && fd < 0 ? -EIO : h->status, h->status == 0 ? fd : -1, o->arg);
		free(o);
		return;
	}
	if (fd >= 0)
		close(fd);
}

void files_message(const struct ipc_hdr *hdr, const void *body, int fd, void *arg)
{
	struct core *c = arg;

	switch ((enum msg_type)hdr->type) {
	case MSG_FILES_OPEN:
	case MSG_FILES_ROOT:
		take_open(c, hdr, fd);
		return;
	case MSG_FILES_EVENT:
		take_event(c, hdr, body);
		break;
	case MSG_FILES_CHANGED:
		take_changed(c, hdr, body);
		break;
	case MSG_FILES_DIGEST:
		take_digest(c, hdr, body);
		break;
	case MSG_FILES_EXEC:
		refuse_files_state(c, hdr, body);
		break;
	case MSG_FILES_STATE:
		take_state(c, hdr, body);
		break;
	case MSG_FILES_STATS:
		take_stats(c, hdr, body);
		break;
	default:
		break;
	}
	if (fd >= 0)
		close(fd);
}
