/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "enforce/exec_verdict.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "sensor/msg.h"

#define PENDING_MAX 128
#define CACHE_SLOTS 4096u /* power of two */
#define RECENT_MAX 64
#define PATH_LEN 4096
#define FDS_MAX 1024      /* descriptor numbers that a process before may have had events at */

/* A program: which file, in which state of it. */
struct program_id {
	uint32_t watch, mnt_id;
	uint64_t ino, ctime_ns;
	uint32_t major, minor;
};
struct cached {
	struct program_id id;
	uint8_t used, allow;
};
struct pending {
	uint32_t id; /* 0: free */
	int fd;
	uint32_t pid;
	bool script, closed;
	uint64_t until_ns;
	struct program_id program;
};
/* Who was just allowed to run a program: the kernel opens its loader next. */
struct recent {
	uint32_t pid;
	bool loader_due;
};

struct exec_verdict {
	exec_send send;
	void *arg;
	int group;
	uint32_t next_id;
	struct exec_places places;
	struct msg_exec_stats stats;
	struct pending pending[PENDING_MAX];
	struct recent recent[RECENT_MAX];
	unsigned recent_at;
	struct cached cache[CACHE_SLOTS];
};

/* ---- places ------------------------------------------------------------------------------------------------------------ */
int exec_places_set(struct exec_places *p, const void *body, size_t len)
{
	if (len % sizeof(p->place[0]) || len > sizeof(p->place))
		return -EINVAL;
	memcpy(p->place, body, len);
	p->count = (uint32_t)(len / sizeof(p->place[0]));
	return 0;
}

const struct msg_exec_place *exec_places_find(const struct exec_places *p, uint32_t mnt_id, uint32_t major, uint32_t minor)
{
	const struct msg_exec_place *dev = NULL;

	for (uint32_t i = 0; i < p->count; i++) {
		if (p->place[i].mnt_id && p->place[i].mnt_id == mnt_id)
			return &p->place[i];
		if (!p->place[i].mnt_id && p->place[i].major == major && p->place[i].minor == minor)
			dev = &p->place[i];
	}
	return dev;
}

bool exec_is_loader(const char *path)
{
	static const char *const places[] = { "/lib/", "/lib64/", "/usr/lib/", "/usr/lib64/", "/lib32/", "/usr/lib32/", "/libx32/", "/usr/libx32/" };
	const char *base = strrchr(path, '/');

	if (!base || strncmp(base, "/ld-", 4) != 0 || !strstr(base, ".so"))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (!strncmp(path, places[i], strlen(places[i])))
			return true;
	return false;
}

/* ---- answering ---------------------------------------------------------------------------------------------------------- */
static int respond(int group, int fd, bool allow)
{
	struct fanotify_response r = { .fd = fd, .response = allow ? FAN_ALLOW : FAN_DENY };

	return write(group, &r, sizeof(r)) == (ssize_t)sizeof(r) ? 0 : -errno;
}

/* Behind a script comes no loader: its interpreter is asked about. */
static void decide(struct exec_verdict *v, int fd, uint32_t pid, bool script, bool allow)
{
	(void)respond(v->group, fd, allow);
	close(fd);
	if (allow) {
		v->stats.allowed++;
		if (!script)
			v->recent[v->recent_at++ % RECENT_MAX] = (struct recent){ pid, true };
	} else {
		v->stats.denied++;
	}
}

/* True: pid was just allowed a program whose loader this is; only once. */
static bool loader_is_due(struct exec_verdict *v, uint32_t pid)
{
	for (unsigned i = 0; i < RECENT_MAX; i++) {
		struct recent *r = &v->recent[(v->recent_at + RECENT_MAX - 1 - i) % RECENT_MAX];

		if (r->pid != pid)
			continue;
		if (!r->loader_due)
			return false;
		r->loader_due = false;
		return true;
	}
	return false;
}

/* ---- cache --------------------------------------------------------------------------------------------------------------- */
static struct cached *cache_slot(struct exec_verdict *v, const struct program_id *id)
{
	const unsigned char *p = (const unsigned char *)id;
	uint32_t h = 2166136261U;

	for (size_t i = 0; i < sizeof(*id); i++)
		h = (h ^ p[i]) * 16777619U;
	return &v->cache[h & (CACHE_SLOTS - 1)];
}

static void cache_put(struct exec_verdict *v, const struct program_id *id, bool allow)
{
	*cache_slot(v, id) = (struct cached){ .id = *id, .used = 1, .allow = allow };
}

void exec_verdict_forget(struct exec_verdict *v, const void *body, size_t len)
{
	struct msg_exec_forget m;

	if (len != sizeof(m))
		return;
	memcpy(&m, body, sizeof(m));
	for (unsigned i = 0; i < CACHE_SLOTS; i++)
		if (!m.watch || v->cache[i].id.watch == m.watch)
			v->cache[i].used = 0;
}

/* ---- events -------------------------------------------------------------------------------------------------------------- */
static int identify(int fd, struct program_id *ret)
{
	struct statx st;

	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_INO | STATX_CTIME | STATX_MNT_ID, &st) < 0)
		return -errno;
	memset(ret, 0, sizeof(*ret));
	ret->mnt_id = (uint32_t)st.stx_mnt_id;
	ret->ino = st.stx_ino;
	ret->ctime_ns = (uint64_t)st.stx_ctime.tv_sec * NSEC_PER_SEC + st.stx_ctime.tv_nsec;
	ret->major = st.stx_dev_major;
	ret->minor = st.stx_dev_minor;
	return 0;
}

static bool is_script(int fd)
{
	char head[2];

	return pread(fd, head, sizeof(head), 0) == (ssize_t)sizeof(head) && head[0] == '#' && head[1] == '!';
}

static size_t path_of(int fd, char path[PATH_LEN])
{
	char link[40];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, PATH_LEN - 1);
	path[n > 0 ? n : 0] = '\0';
	return n > 0 ? (size_t)n : 0;
}

static int tell(struct exec_verdict *v, uint16_t type, uint32_t id, uint32_t pid, const struct program_id *p, bool script, const char *path, size_t len)
{
	unsigned char body[sizeof(struct msg_exec_ask) + PATH_LEN];
	struct msg_exec_ask m = { .id = id, .watch = p->watch, .pid = pid, .mnt_id = p->mnt_id, .ino = p->ino, .script = script };

	memcpy(body, &m, sizeof(m));
	memcpy(body + sizeof(m), path, len);
	return v->send(v->arg, type, body, sizeof(m) + len);
}

static void late(struct exec_verdict *v, int fd, uint32_t pid, bool script, bool closed)
{
	if (closed)
		v->stats.late_denied++;
	else
		v->stats.late_allowed++;
	decide(v, fd, pid, script, !closed);
}

/* closed: the choice for failures. */
static void ask(struct exec_verdict *v, int fd, uint32_t pid, bool closed, const struct program_id *p, bool script, const char *path, size_t len,
		uint64_t now_ns)
{
	for (unsigned i = 0; i < PENDING_MAX; i++) {
		struct pending *w = &v->pending[i];

		if (w->id)
			continue;
		if (!++v->next_id)
			v->next_id = 1;
		if (tell(v, MSG_EXEC_ASK, v->next_id, pid, p, script, path, len) < 0)
			break; /* no core */
		*w = (struct pending){ .id = v->next_id, .fd = fd, .pid = pid, .script = script, .closed = closed,
				       .until_ns = now_ns + EXEC_WAIT_MS * NSEC_PER_MSEC, .program = *p };
		return;
	}
	late(v, fd, pid, script, closed);
}

static void judge(struct exec_verdict *v, const struct fanotify_event_metadata *m, uint64_t now_ns)
{
	uint32_t pid = (uint32_t)m->pid;
	const struct msg_exec_place *place;
	const struct cached *known;
	struct program_id p = { 0 };
	char path[PATH_LEN];
	bool script;
	size_t len;

	v->stats.events++;
	if (identify(m->fd, &p) < 0 || !(place = exec_places_find(&v->places, p.mnt_id, p.major, p.minor))) {
		v->stats.foreign++;
		decide(v, m->fd, pid, false, true);
		return;
	}
	p.watch = place->watch;
	known = cache_slot(v, &p);
	len = path_of(m->fd, path);
	if (exec_is_loader(path) && loader_is_due(v, pid)) {
		(void)respond(v->group, m->fd, true);
		close(m->fd);
		v->stats.allowed++;
		return;
	}
	script = is_script(m->fd);
	if (known->used && !memcmp(&known->id, &p, sizeof(p))) {
		if (!known->allow)
			(void)tell(v, MSG_EXEC_DENIED, 0, pid, &p, script, path, len);
		decide(v, m->fd, pid, script, known->allow);
	} else {
		ask(v, m->fd, pid, place->closed, &p, script, path, len, now_ns);
	}
}

void exec_verdict_read(struct exec_verdict *v, uint64_t now_ns)
{
	char buf[4096] __attribute__((aligned(8)));

	for (int turn = 0; turn < 16 && v->group >= 0; turn++) {
		ssize_t n = read(v->group, buf, sizeof(buf));
		const struct fanotify_event_metadata *m = (const void *)buf;

		if (n <= 0)
			return;
		for (; FAN_EVENT_OK(m, n); m = FAN_EVENT_NEXT(m, n))
			if (m->vers == FANOTIFY_METADATA_VERSION && m->fd >= 0)
				judge(v, m, now_ns);
	}
}

void exec_verdict_answer(struct exec_verdict *v, const void *body, size_t len)
{
	struct msg_exec_answer m;

	if (len != sizeof(m))
		return;
	memcpy(&m, body, sizeof(m));
	for (unsigned i = 0; i < PENDING_MAX; i++) {
		struct pending *w = &v->pending[i];

		if (!w->id || w->id != m.id)
			continue;
		w->id = 0;
		cache_put(v, &w->program, m.allow);
		decide(v, w->fd, w->pid, w->script, m.allow);
		return;
	}
}

int exec_verdict_tick(struct exec_verdict *v, uint64_t now_ns)
{
	uint64_t next = UINT64_MAX;

	for (unsigned i = 0; i < PENDING_MAX; i++) {
		struct pending *w = &v->pending[i];

		if (w->id && now_ns >= w->until_ns) {
			w->id = 0;
			late(v, w->fd, w->pid, w->script, w->closed);
		} else if (w->id && w->until_ns < next) {
			next = w->until_ns;
		}
	}
	return next == UINT64_MAX ? -1 : (int)((next - now_ns) / NSEC_PER_MSEC) + 1;
}

/* ---- life ------------------------------------------------------------------------------------------------------------------- */
struct exec_verdict *exec_verdict_new(exec_send send, void *arg)
{
	struct exec_verdict *v = calloc(1, sizeof(*v));

	if (!v)
		return NULL;
	v->send = send;
	v->arg = arg;
	v->group = -1;
	return v;
}

void exec_verdict_free(struct exec_verdict *v)
{
	if (!v)
		return;
	for (unsigned i = 0; i < PENDING_MAX; i++)
		if (v->pending[i].id)
			late(v, v->pending[i].fd, v->pending[i].pid, v->pending[i].script, false);
	close_fd(&v->group);
	free(v);
}

void exec_verdict_group(struct exec_verdict *v, int fd)
{
	close_fd(&v->group);
	v->group = fd;
}

int exec_verdict_fd(const struct exec_verdict *v)
{
	return v->group;
}

void exec_verdict_places(struct exec_verdict *v, const void *body, size_t len)
{
	(void)exec_places_set(&v->places, body, len);
}

const struct msg_exec_stats *exec_verdict_stats(const struct exec_verdict *v)
{
	return &v->stats;
}

/* ---- without a verdict process ----------------------------------------------------------------------------------------------- */
void exec_drain(int group, const struct exec_places *p, struct msg_exec_stats *s)
{
	char buf[4096] __attribute__((aligned(8)));

	for (int turn = 0; turn < 64; turn++) {
		ssize_t n = read(group, buf, sizeof(buf));
		const struct fanotify_event_metadata *m = (const void *)buf;

		if (n <= 0)
			return;
		for (; FAN_EVENT_OK(m, n); m = FAN_EVENT_NEXT(m, n)) {
			const struct msg_exec_place *place = NULL;
			struct program_id id = { 0 };
			bool deny;

			if (m->fd < 0)
				continue;
			if (identify(m->fd, &id) == 0)
				place = exec_places_find(p, id.mnt_id, id.major, id.minor);
			deny = place && place->closed;
			s->events++;
			*(deny ? &s->late_denied : place ? &s->late_allowed : &s->foreign) += 1;
			(void)respond(group, m->fd, !deny);
			close(m->fd);
		}
	}
}

/* The kernel knows a waiting event by the number of the descriptor that its reader got, and takes the answer from whoever holds the
 * group. Those that a dead process had read are at numbers of its table: all small ones are answered, unknown ones are refused by
 * the kernel with ENOENT. They pass: which place they were of went with that process. */
void exec_release(int group, struct msg_exec_stats *s)
{
	for (int fd = 0; fd < FDS_MAX; fd++)
		if (respond(group, fd, true) == 0) {
			s->events++;
			s->late_allowed++;
		}
}
