/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The loop of files: keeper, core and opener on their sockets, the kernel's two event queues, the hashing thread. */
#include "sensor/watch/files.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "sensor/sandbox.h"
#include "sensor/watch/files_priv.h"

#define TICK_MS 500

struct files_container *files_container(struct files *f, uint32_t watch)
{
	struct files_container *c;

	HASH_FIND(hh, f->containers, &watch, sizeof(watch), c);
	return c;
}

void files_place(const struct files_container *c, struct msg_place *ret)
{
	*ret = (struct msg_place){ .pid = c->pid };
	memcpy(ret->cid, c->cid, sizeof(ret->cid));
}

/* ---- the opener ---------------------------------------------------------------------------------------------------- */
struct files_ask *files_ask(struct files *f, enum ask_kind kind, uint32_t watch, uint16_t type, const void *a, size_t a_len,
			    const void *b, size_t b_len)
{
	struct files_ask *q;

	if (f->opener.fd < 0 || f->ask_count >= FILES_ASKS_MAX)
		return NULL;
	q = calloc(1, sizeof(*q));
	if (!q)
		return NULL;
	q->kind = kind;
	q->watch = watch;
	q->seq = ++f->next_seq;
	q->next = f->asks;
	f->asks = q;
	f->ask_count++;
	files_link_send(&f->opener, type, q->seq, 0, a, a_len, b, b_len, -1);
	return q;
}

static void ask_free(struct files_ask *q)
{
	free(q->path);
	digest_job_free(q->job);
	free(q);
}

static void answered(struct files *f, struct files_ask *q, int status, const void *body, size_t len, int *fd)
{
	switch (q->kind) {
	case ASK_MOUNTS:
		watch_mounts_answer(f, q, status, *fd);
		break;
	case ASK_MARK:
		watch_mark_answer(f, q, status);
		break;
	case ASK_EXE:
	case ASK_EXE_PATH:
		digest_exe_answer(f, q, status, fd);
		break;
	case ASK_OPEN:
		files_link_send(&f->core, MSG_FILES_OPEN, q->core_seq, status, NULL, 0, NULL, 0, *fd);
		break;
	case ASK_ROOT:
		files_link_send(&f->core, MSG_FILES_ROOT, q->core_seq, status, NULL, 0, NULL, 0, *fd);
		break;
	case ASK_DIR:
		drift_dir_answer(f, q, status, body, len);
		break;
	case ASK_LAYER:
		digest_layer_answer(f, q, status, body, len);
		break;
	case ASK_DROP:
		break;
	}
	ask_free(q);
}

static struct files_ask *ask_take(struct files *f, uint32_t seq)
{
	for (struct files_ask **at = &f->asks, *q; (q = *at); at = &q->next)
		if (q->seq == seq) {
			*at = q->next;
			f->ask_count--;
			return q;
		}
	return NULL;
}

/* The opener is gone: nothing that was asked will be answered. */
static void opener_lost(struct files *f)
{
	struct files_ask *q = f->asks;
	int none = -1;

	files_link_close(&f->opener);
	f->asks = NULL;
	f->ask_count = 0;
	for (struct files_ask *next; q; q = next) {
		next = q->next;
		answered(f, q, -EIO, NULL, 0, &none);
	}
}

/* ---- messages ------------------------------------------------------------------------------------------------------- */
static void core_open_file(struct files *f, uint32_t seq, const void *body, size_t len)
{
	struct msg_place_open o = { 0 };
	struct files_container *c;
	struct msg_files_open m;
	struct files_ask *q = NULL;

	memcpy(&m, body, sizeof(m));
	c = files_container(f, m.watch);
	if (c && len > sizeof(m)) {
		files_place(c, &o.place);
		o.size_max = m.size_max;
		q = files_ask(f, ASK_OPEN, m.watch, MSG_PLACE_OPEN, &o, sizeof(o), (const char *)body + sizeof(m), len - sizeof(m));
	}
	if (q)
		q->core_seq = seq;
	else
		files_link_send(&f->core, MSG_FILES_OPEN, seq, c ? -EAGAIN : -ESRCH, NULL, 0, NULL, 0, -1);
}

static void core_root(struct files *f, uint32_t seq, const struct msg_files_root *m)
{
	struct files_container *c = files_container(f, m->watch);
	struct files_ask *q = NULL;
	struct msg_place p;

	if (c) {
		files_place(c, &p);
		q = files_ask(f, ASK_ROOT, m->watch, MSG_PLACE_ROOT, &p, sizeof(p), NULL, 0);
	}
	if (q)
		q->core_seq = seq;
	else
		files_link_send(&f->core, MSG_FILES_ROOT, seq, c ? -EAGAIN : -ESRCH, NULL, 0, NULL, 0, -1);
}

static void core_message(struct files *f, const struct ipc_hdr *h)
{
	const char *rest = (const char *)f->body;
	union {
		struct msg_files_watch watch;
		struct msg_files_unwatch unwatch;
		struct msg_files_exe exe;
		struct msg_files_drift drift;
		struct msg_files_root root;
	} m;
	struct files_container *c;

	switch ((enum msg_type)h->type) {
	case MSG_PING:
		files_link_send(&f->core, MSG_PONG, h->seq, 0, NULL, 0, NULL, 0, -1);
		break;
	case MSG_FILES_WATCH:
		if (h->len != sizeof(m.watch))
			break;
		memcpy(&m.watch, f->body, sizeof(m.watch));
		watch_add(f, &m.watch);
		break;
	case MSG_FILES_EXEC:
		if (h->len == sizeof(struct msg_files_exec)) {
			struct msg_files_exec x;

			memcpy(&x, f->body, sizeof(x));
			watch_exec(f, &x);
		}
		break;
	case MSG_FILES_UNWATCH:
		if (h->len != sizeof(m.unwatch))
			break;
		memcpy(&m.unwatch, f->body, sizeof(m.unwatch));
		watch_remove(f, m.unwatch.watch);
		break;
	case MSG_FILES_MOUNTS:
		if (h->len != sizeof(m.unwatch))
			break;
		memcpy(&m.unwatch, f->body, sizeof(m.unwatch));
		watch_mounts_again(f, m.unwatch.watch);
		break;
	case MSG_FILES_EXE:
		if (h->len < sizeof(m.exe))
			break;
		memcpy(&m.exe, f->body, sizeof(m.exe));
		digest_exe(f, h->seq, &m.exe, rest + sizeof(m.exe), h->len - sizeof(m.exe));
		break;
	case MSG_FILES_OPEN:
		if (h->len >= sizeof(struct msg_files_open))
			core_open_file(f, h->seq, f->body, h->len);
		break;
	case MSG_FILES_ROOT:
		if (h->len != sizeof(m.root))
			break;
		memcpy(&m.root, f->body, sizeof(m.root));
		core_root(f, h->seq, &m.root);
		break;
	case MSG_FILES_DRIFT:
		if (h->len < sizeof(m.drift))
			break;
		memcpy(&m.drift, f->body, sizeof(m.drift));
		c = files_container(f, m.drift.watch);
		if (c)
			drift_set(f, c, rest + sizeof(m.drift), h->len - sizeof(m.drift), m.drift.count);
		break;
	default:
		log_debug("files: message %u from core, ignoring", h->type);
	}
}

/* Core is gone: the next one says anew what it wants. */
static void core_lost(struct files *f)
{
	files_link_close(&f->core);
	watch_remove_all(f);
}

static void link_read(struct files *f, struct files_link *l)
{
	for (int n = 0; n < 64 && l->fd >= 0; n++) {
		_cleanup_close_ int fd = -1;
		struct files_ask *q;
		struct ipc_hdr h;
		int r = ipc_recv(l->fd, &h, f->body, &fd);

		if (r == -EAGAIN)
			return;
		if (r == -EPROTO)
			continue;
		if (r <= 0) {
			if (l == &f->core)
				core_lost(f);
			else
				opener_lost(f);
			return;
		}
		if (l == &f->core) {
			core_message(f, &h);
		} else {
			q = ask_take(f, h.seq);
			if (q)
				answered(f, q, h.status, f->body, h.len, &fd);
		}
	}
}

static void events_fd(struct files *f, int *at, int fd, uint64_t tag)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = tag };

	close_fd(at);
	*at = fd;
	if (epoll_ctl(f->epoll, EPOLL_CTL_ADD, fd, &ev) < 0)
		close_fd(at);
}

static void keeper_fd(struct files *f, const struct msg_fd *m, int *fd)
{
	switch ((enum msg_fd_kind)m->kind) {
	case MSG_FD_CORE:
		core_lost(f);
		files_link_open(&f->core, take_fd(fd));
		break;
	case MSG_FD_OPENER:
		opener_lost(f);
		files_link_open(&f->opener, take_fd(fd));
		watch_again(f);
		break;
	case MSG_FD_FANOTIFY:
		events_fd(f, &f->fanotify, take_fd(fd), TAG_FANOTIFY);
		break;
	case MSG_FD_INOTIFY:
		events_fd(f, &f->inotify, take_fd(fd), TAG_INOTIFY);
		drift_lost(f);
		break;
	default:
		break;
	}
}

static void keeper_read(struct files *f)
{
	while (!f->stop) {
		_cleanup_close_ int fd = -1;
		struct ipc_hdr h;
		struct msg_fd m;
		int r = ipc_recv(f->keeper, &h, f->body, &fd);

		if (r == -EAGAIN)
			return;
		if (r == -EPROTO)
			continue;
		if (r <= 0 || h.type == MSG_QUIT) {
			f->stop = true;
		} else if (h.type == MSG_PING) {
			(void)ipc_send(f->keeper, MSG_PONG, h.seq, 0, NULL, 0, -1);
		} else if (h.type == MSG_FD && h.len == sizeof(m) && fd >= 0) {
			memcpy(&m, f->body, sizeof(m));
			keeper_fd(f, &m, &fd);
		}
	}
}

/* ---- the loop -------------------------------------------------------------------------------------------------------- */
/* While core does not read, the kernel keeps the events. */
static void pause_or_go(struct files *f)
{
	bool pause = files_link_is_blocked(&f->core);
	struct epoll_event ev = { .events = pause ? 0 : EPOLLIN, .data.u64 = TAG_FANOTIFY };

	if (f->fanotify < 0 || pause == f->fanotify_paused)
		return;
	f->fanotify_paused = pause;
	(void)epoll_ctl(f->epoll, EPOLL_CTL_MOD, f->fanotify, &ev);
}

static void link_event(struct files *f, struct files_link *l, uint32_t events)
{
	if (events & EPOLLOUT)
		files_link_flush(l);
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		link_read(f, l);
}

static void dispatch(struct files *f, const struct epoll_event *ev)
{
	switch (ev->data.u64) {
	case TAG_KEEPER:
		keeper_read(f);
		break;
	case TAG_CORE:
		link_event(f, &f->core, ev->events);
		break;
	case TAG_OPENER:
		link_event(f, &f->opener, ev->events);
		break;
	case TAG_FANOTIFY:
		writes_read(f);
		break;
	case TAG_INOTIFY:
		writes_read(f); /* who wrote is known before what it did is told */
		drift_read(f);
		break;
	case TAG_HASH:
		digest_finished(f);
		break;
	default:
		break;
	}
}

static void tick(struct files *f)
{
	uint64_t now = clock_mono_ns();

	if (now - f->expire_ns < TICK_MS * NSEC_PER_MSEC)
		return;
	f->expire_ns = now;
	files_flood_expire(f->flood, now, false, writes_many, f);
	watch_tick(f, now);
	drift_untold(f, now);
	if (now - f->retry_ns >= DRIFT_RETRY_NS) {
		f->retry_ns = now;
		drift_retry(f, now);
	}
	if (now - f->stats_ns >= NSEC_PER_SEC && memcmp(&f->stats, &f->told, sizeof(f->stats)) != 0) {
		f->stats_ns = now;
		f->told = f->stats;
		files_link_send(&f->core, MSG_FILES_STATS, 0, 0, &f->stats, sizeof(f->stats), NULL, 0, -1);
	}
}

static int loop(struct files *f)
{
	while (!f->stop) {
		struct epoll_event ev[16];
		int n = epoll_wait(f->epoll, ev, ARRAY_SIZE(ev), TICK_MS);

		if (n < 0 && errno != EINTR) {
			log_error("files: epoll_wait: %s", strerror(errno));
			return EXIT_FAILURE;
		}
		for (int i = 0; i < n && !f->stop; i++)
			dispatch(f, &ev[i]);
		pause_or_go(f);
		tick(f);
	}
	return EXIT_SUCCESS;
}

static int add(const struct files *f, int fd, uint64_t tag)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = tag };

	return epoll_ctl(f->epoll, EPOLL_CTL_ADD, fd, &ev) < 0 ? -errno : 0;
}

static int start(struct files *f, int keeper_fd_no)
{
	int r = digest_prepare();

	f->keeper = keeper_fd_no;
	f->fanotify = f->inotify = -1;
	f->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (r == 0 && f->epoll < 0)
		r = -errno;
	files_link_init(&f->core, f->epoll, TAG_CORE);
	files_link_init(&f->opener, f->epoll, TAG_OPENER);
	f->flood = files_flood_new();
	f->hash = files_hash_new();
	if (r == 0 && (!f->flood || !f->hash))
		r = -ENOMEM;
	if (r == 0)
		r = add(f, f->keeper, TAG_KEEPER);
	if (r == 0)
		r = add(f, files_hash_fd(f->hash), TAG_HASH);
	return r == 0 ? sandbox_enter_files() : r;
}

static void job_done(struct files_job *j)
{
	digest_job_free(j->arg);
}

int files_main(int keeper_fd_no)
{
	struct files *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return EXIT_FAILURE;
	signal(SIGPIPE, SIG_IGN);
	r = start(f, keeper_fd_no);
	if (r < 0)
		log_error("files: cannot start: %s", strerror(-r));
	r = r < 0 ? EXIT_FAILURE : loop(f);
	opener_lost(f);
	core_lost(f);
	files_hash_free(f->hash, job_done);
	files_flood_free(f->flood);
	close_fd(&f->fanotify);
	close_fd(&f->inotify);
	close_fd(&f->keeper);
	close_fd(&f->epoll);
	free(f);
	return r;
}
