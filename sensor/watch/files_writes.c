/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files that were written: each event of fanotify brings a descriptor of the file, from which everything else is read. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "sensor/watch/files_priv.h"

#define READ_BYTES 4096    /* about 100 records, each with two descriptors */
#define READ_TURNS 8       /* before others get their turn */
#define WHO_NS NSEC_PER_SEC

#define PATH_ROOM (FILES_PATH_MAX + 32)

static uint64_t hash_of(const char *s, size_t len)
{
	uint64_t h = 0xcbf29ce484222325ULL; /* FNV-1a */

	for (size_t i = 0; i < len; i++)
		h = (h ^ (uint8_t)s[i]) * 0x100000001b3ULL;
	return h;
}

size_t files_fd_path(int fd, uint32_t nlink, char *ret, bool *ret_deleted)
{
	char proc[32];
	ssize_t n;

	snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
	n = readlink(proc, ret, PATH_ROOM - 1);
	if (n <= 0 || ret[0] != '/')
		return 0;
	n = (ssize_t)files_path_clean(ret, (size_t)n, nlink, ret_deleted);
	if (n > FILES_PATH_MAX)
		n = FILES_PATH_MAX;
	ret[n] = '\0';
	return (size_t)n;
}

/* Reached by the engine's own mount of the overlay: what is below it is the container's path. */
static void path_from_host(char *path, size_t *len)
{
	static const char *const tops[] = { "/merged/", "/rootfs/", "/fs/" };

	for (size_t i = 0; i < ARRAY_SIZE(tops); i++) {
		const char *at = strstr(path, tops[i]);
		size_t cut;

		if (!at)
			continue;
		cut = (size_t)(at - path) + strlen(tops[i]) - 1;
		*len -= cut;
		memmove(path, path + cut, *len + 1);
		return;
	}
}

static void recent_add(struct files_container *c, const char *path, size_t len, uint32_t pid, uint64_t now_ns)
{
	c->recent[c->recent_at++ % FILES_RECENT] = (struct recent_write){ .hash = hash_of(path, len),
									  .dir_hash = hash_of(path, files_dir_len(path, len)),
									  .mono_ns = now_ns,
									  .pid = pid };
}

uint32_t writes_who(const struct files_container *c, const char *path, size_t len, bool in_dir, uint64_t now_ns)
{
	uint64_t want = hash_of(path, in_dir ? files_dir_len(path, len) : len), best = 0;
	uint32_t pid = 0;

	for (unsigned i = 0; i < FILES_RECENT; i++) {
		const struct recent_write *r = &c->recent[i];

		if ((in_dir ? r->dir_hash : r->hash) == want && r->mono_ns > best && now_ns - r->mono_ns < WHO_NS) {
			best = r->mono_ns;
			pid = r->pid;
		}
	}
	return pid;
}

static bool is_program(int fd, uint32_t mode)
{
	char start[4];
	ssize_t n;

	if (mode & 0111)
		return true;
	n = pread(fd, start, sizeof(start), 0);
	return n > 0 && files_is_program(start, (size_t)n);
}

static void report(struct files *f, const struct files_container *c, struct msg_files_event *e, const char *path, size_t len)
{
	f->stats.delivered++;
	files_link_send(&f->core, MSG_FILES_EVENT, 0, 0, e, sizeof(*e), path, len, -1);
}

static void written(struct files *f, const struct fan_record *r, uint64_t now)
{
	const struct files_mount *mount;
	struct msg_files_event e = { .pid = r->pid, .mono_ns = now, .count = 1 };
	struct files_container *c;
	struct statx st;
	char path[PATH_ROOM];
	enum files_origin origin;
	bool deleted, alone;
	size_t len;

	if (statx(r->fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_BASIC_STATS | STATX_MNT_ID, &st) < 0 || !S_ISREG(st.stx_mode)) {
		f->stats.unmatched++;
		return;
	}
	c = watch_find(f, (uint32_t)st.stx_mnt_id, makedev(st.stx_dev_major, st.stx_dev_minor), &mount);
	len = c ? files_fd_path(r->fd, st.stx_nlink, path, &deleted) : 0;
	if (!len) {
		f->stats.unmatched++;
		return;
	}
	if (!watch_budget(f, c, now)) {
		f->stats.throttled++;
		return;
	}
	if (!mount)
		path_from_host(path, &len);
	e.watch = c->watch;
	origin = mount ? mount->origin : FILES_ORIGIN_ROOT;
	/* What is written to an overlay is in its upper layer. */
	e.origin = (uint8_t)(!mount || mount->how == MSG_MARK_FILESYSTEM ? FILES_ORIGIN_UPPER : origin);
	e.size = st.stx_size;
	e.ino = st.stx_ino;
	e.mode = st.stx_mode;
	e.flags = (deleted ? FILES_EVENT_DELETED : 0U) | (mount ? 0U : FILES_EVENT_OUTSIDE) | (r->ended ? FILES_EVENT_ENDED : 0U);
	recent_add(c, path, len, r->pid, now);
	if (is_program(r->fd, st.stx_mode))
		e.flags |= FILES_EVENT_EXECUTABLE;
	alone = files_flood_add(f->flood, c->watch, r->pid, path, files_dir_len(path, len), e.origin, now);
	if (!alone && !(e.flags & FILES_EVENT_EXECUTABLE)) {
		f->stats.aggregated++;
		return;
	}
	if (alone)
		report(f, c, &e, path, len);
	else
		f->stats.aggregated++;
	if ((e.flags & FILES_EVENT_EXECUTABLE) && !deleted && st.stx_size)
		digest_written(f, c, r->fd, path, len, origin, r->pid);
}

void writes_many(const struct files_many *m, void *arg)
{
	struct files *f = arg;
	struct msg_files_event e = { .watch = m->watch, .pid = m->pid, .mono_ns = clock_mono_ns(), .window_ns = m->window_ns,
				     .count = m->count, .flags = FILES_EVENT_MANY, .origin = m->origin };

	files_link_send(&f->core, MSG_FILES_EVENT, 0, 0, &e, sizeof(e), m->dir, m->dir_len, -1);
}

static void one(struct files *f, struct fan_record *r)
{
	f->stats.events++;
	if (r->mask & FAN_Q_OVERFLOW)
		f->stats.overflows++;
	else if (r->fd >= 0 && (r->mask & FAN_CLOSE_WRITE))
		written(f, r, clock_mono_ns());
	else
		f->stats.unmatched++;
	close_fd(&r->fd);
	close_fd(&r->pidfd);
}

void writes_read(struct files *f)
{
	_Alignas(8) char buf[READ_BYTES];

	for (int turn = 0; turn < READ_TURNS && f->fanotify >= 0 && !files_link_is_blocked(&f->core); turn++) {
		ssize_t n = read(f->fanotify, buf, sizeof(buf));
		struct fan_record r;
		struct bytes b;

		if (n <= 0) {
			/* The first event of a read that fails is gone. */
			if (n < 0 && errno != EAGAIN && errno != EINTR) {
				f->stats.events++;
				f->stats.unmatched++;
				log_debug("files: reading events: %s", strerror(errno));
			}
			return;
		}
		b = bytes_of(buf, (size_t)n);
		while (fan_record_next(&b, &r) > 0)
			one(f, &r);
	}
}
