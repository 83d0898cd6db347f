/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "enforce/verdict.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/ipc.h"
#include "enforce/exec_verdict.h"
#include "enforce/nfq_verdict.h"
#include "sensor/msg.h"

enum { TAG_KEEPER, TAG_CORE, TAG_EXEC, TAG_INSPECTOR, TAG_QUEUE /* and the namespace's number */ };
#define STATS_NS NSEC_PER_SEC

struct verdict {
	int epoll, keeper, core, inspector; /* core, inspector: -1 none */
	struct exec_verdict *exec;
	struct nfq_verdict *queue;
	struct msg_exec_stats exec_told;
	struct msg_queue_stats queue_told;
	uint64_t stats_ns;
	unsigned char body[IPC_BODY_MAX];
};

static int watch(struct verdict *v, int fd, uint64_t tag)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = tag };

	return epoll_ctl(v->epoll, EPOLL_CTL_ADD, fd, &ev) < 0 ? -errno : 0;
}

static void core_lost(struct verdict *v)
{
	close_fd(&v->core); /* takes it out of the epoll too: nobody else holds it */
}

static int core_send(void *arg, uint16_t type, const void *body, size_t len)
{
	struct verdict *v = arg;

	return v->core < 0 ? -ENOTCONN : ipc_send(v->core, type, 0, 0, body, len, -1);
}

static int inspector_send(void *arg, uint16_t type, const void *body, size_t len)
{
	struct verdict *v = arg;

	return v->inspector < 0 ? -ENOTCONN : ipc_send(v->inspector, type, 0, 0, body, len, -1);
}

static void queue_watch(void *arg, uint16_t ns, int fd)
{
	(void)watch(arg, fd, TAG_QUEUE + (uint64_t)ns);
}

static void take_fd_message(struct verdict *v, const struct ipc_hdr *h, int *fd)
{
	struct msg_fd m;

	if (h->len != sizeof(m) || *fd < 0)
		return;
	memcpy(&m, v->body, sizeof(m));
	if (m.kind == MSG_FD_CORE) {
		core_lost(v);
		v->core = take_fd(fd);
		memset(&v->exec_told, 0, sizeof(v->exec_told));
		memset(&v->queue_told, 0, sizeof(v->queue_told));
		if (watch(v, v->core, TAG_CORE) < 0)
			core_lost(v);
	} else if (m.kind == MSG_FD_EXEC) {
		exec_verdict_group(v->exec, take_fd(fd));
		(void)watch(v, exec_verdict_fd(v->exec), TAG_EXEC);
	} else if (m.kind == MSG_FD_INSPECTOR) {
		close_fd(&v->inspector);
		v->inspector = take_fd(fd);
		if (watch(v, v->inspector, TAG_INSPECTOR) < 0)
			close_fd(&v->inspector);
		nfq_verdict_inspector(v->queue);
	} else if (m.kind == MSG_FD_QUEUE && m.arg <= UINT16_MAX) {
		nfq_verdict_socket(v->queue, (uint16_t)m.arg, take_fd(fd));
	} else if ((m.kind == MSG_FD_RESET4 || m.kind == MSG_FD_RESET6) && m.arg <= UINT16_MAX) {
		nfq_verdict_reset_socket(v->queue, (uint16_t)m.arg, m.kind == MSG_FD_RESET6, take_fd(fd));
	}
}

/* Reads what there is of the keeper. Returns 1 to go on, 0 to end in order, -errno. */
static int keeper_read(struct verdict *v)
{
	for (;;) {
		_cleanup_close_ int fd = -1;
		struct ipc_hdr h;
		int r = ipc_recv(v->keeper, &h, v->body, &fd);

		if (r == -EAGAIN)
			return 1;
		if (r == -EPROTO)
			continue;
		if (r <= 0)
			return r;
		if (h.type == MSG_QUIT)
			return 0;
		/* A full queue means that the keeper does not read: then it does not wait for this answer either. */
		if (h.type == MSG_PING)
			(void)ipc_send(v->keeper, MSG_PONG, h.seq, 0, NULL, 0, -1);
		else if (h.type == MSG_FD)
			take_fd_message(v, &h, &fd);
		else if (h.type == MSG_EXEC_PLACES)
			exec_verdict_places(v->exec, v->body, h.len);
		else if (h.type == MSG_QUEUE_PLAN)
			nfq_verdict_plan(v->queue, v->body, h.len);
	}
}

static void core_read(struct verdict *v)
{
	for (int n = 0; n < 64 && v->core >= 0; n++) {
		_cleanup_close_ int fd = -1;
		struct ipc_hdr h;
		int r = ipc_recv(v->core, &h, v->body, &fd);

		if (r == -EAGAIN)
			return;
		if (r == -EPROTO)
			continue;
		if (r <= 0)
			core_lost(v);
		else if (h.type == MSG_EXEC_ANSWER)
			exec_verdict_answer(v->exec, v->body, h.len);
		else if (h.type == MSG_EXEC_FORGET)
			exec_verdict_forget(v->exec, v->body, h.len);
	}
}

static void inspector_read(struct verdict *v)
{
	for (int n = 0; n < 256 && v->inspector >= 0; n++) {
		_cleanup_close_ int fd = -1;
		struct ipc_hdr h;
		int r = ipc_recv(v->inspector, &h, v->body, &fd);

		if (r == -EAGAIN)
			return;
		if (r == -EPROTO)
			continue;
		if (r <= 0)
			close_fd(&v->inspector);
		else if (h.type == MSG_QUEUE_ANSWER)
			nfq_verdict_answer(v->queue, v->body, h.len);
	}
}

static bool stats_untold(struct verdict *v)
{
	return memcmp(exec_verdict_stats(v->exec), &v->exec_told, sizeof(v->exec_told)) != 0 ||
	       memcmp(nfq_verdict_stats(v->queue), &v->queue_told, sizeof(v->queue_told)) != 0;
}

static void stats_tell(struct verdict *v, uint64_t now)
{
	const struct msg_exec_stats *s = exec_verdict_stats(v->exec);
	const struct msg_queue_stats *q = nfq_verdict_stats(v->queue);

	if (now - v->stats_ns < STATS_NS || !stats_untold(v))
		return;
	v->stats_ns = now;
	if (memcmp(s, &v->exec_told, sizeof(*s)) != 0 && core_send(v, MSG_EXEC_STATS, s, sizeof(*s)) == 0)
		v->exec_told = *s;
	if (memcmp(q, &v->queue_told, sizeof(*q)) != 0 && core_send(v, MSG_QUEUE_STATS, q, sizeof(*q)) == 0)
		v->queue_told = *q;
}

/* Milliseconds until something is due, -1: nothing. */
static int tick(struct verdict *v)
{
	int exec = exec_verdict_tick(v->exec, clock_mono_ns()), queue = nfq_verdict_tick(v->queue, clock_mono_ns());
	int wait = exec < 0 || (queue >= 0 && queue < exec) ? queue : exec;

	return wait < 0 && v->core >= 0 && stats_untold(v) ? 1000 : wait;
}

static int dispatch(struct verdict *v, uint64_t tag)
{
	if (tag == TAG_KEEPER)
		return keeper_read(v);
	if (tag == TAG_CORE && v->core >= 0)
		core_read(v);
	else if (tag == TAG_EXEC)
		exec_verdict_read(v->exec, clock_mono_ns());
	else if (tag == TAG_INSPECTOR)
		inspector_read(v);
	else if (tag >= TAG_QUEUE)
		nfq_verdict_read(v->queue, (uint16_t)(tag - TAG_QUEUE), clock_mono_ns());
	return 1;
}

static int loop(struct verdict *v)
{
	for (;;) {
		struct epoll_event ev[8];
		int n = epoll_wait(v->epoll, ev, ARRAY_SIZE(ev), tick(v));

		if (n < 0 && errno != EINTR)
			return -errno;
		for (int i = 0; i < n; i++) {
			int r = dispatch(v, ev[i].data.u64);

			if (r <= 0)
				return r;
		}
		stats_tell(v, clock_mono_ns());
	}
}

int verdict_run(int keeper_sock)
{
	static struct verdict v; /* one program, one loop */
	const struct nfq_verdict_events queue_events = { .core = core_send, .inspector = inspector_send, .watch = queue_watch, .arg = &v };
	int r = -ENOMEM;

	v.keeper = keeper_sock;
	v.core = v.inspector = -1;
	v.epoll = epoll_create1(EPOLL_CLOEXEC);
	v.exec = exec_verdict_new(core_send, &v);
	v.queue = nfq_verdict_new(&queue_events);
	if (v.epoll >= 0 && v.exec && v.queue)
		r = watch(&v, keeper_sock, TAG_KEEPER);
	if (r == 0)
		r = loop(&v);
	exec_verdict_free(v.exec);
	nfq_verdict_free(v.queue);
	return r == 0 ? 0 : 1;
}
