/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/keeper/program.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "sensor/sandbox.h"

#define BACKOFF_MIN_NS (100 * NSEC_PER_MSEC)
#define BACKOFF_MAX_NS (10 * NSEC_PER_SEC)
#define BACKOFF_RESET_NS (30 * NSEC_PER_SEC)
/* Core's snapshot on a node with thousands of links is about 1 MiB. */
#define OUTBOX_MAX_BYTES (8U << 20)
/* From closing its socket to its end. */
#define END_GRACE_NS (2 * NSEC_PER_SEC)
/* Messages handled before others get their turn. */
#define READ_BATCH 64

const char *program_name(enum msg_program_id id)
{
	switch (id) {
	case PROGRAM_KEEPER:
		return "keeper";
	case PROGRAM_VERDICT:
		return "verdict";
	case PROGRAM_BROKER:
		return "broker";
	case PROGRAM_CORE:
		return "core";
	case PROGRAM_INSPECT_PACKETS:
		return "inspector (packets)";
	case PROGRAM_INSPECT_DOCUMENTS:
		return "inspector (documents)";
	case PROGRAM_FILES:
		return "files";
	case PROGRAM_OPENER:
		return "opener";
	case PROGRAM_FETCH:
		return "fetch";
	case PROGRAM_MAX:
		break;
	}
	return "?";
}

void program_init(struct program *p, struct loop *l, const struct program_spec *spec, const struct program_events *e, void *arg)
{
	*p = (struct program){
		.spec = *spec,
		.events = e,
		.arg = arg,
		.loop = l,
		.pidfd = -1,
		.sock = -1,
		.pid_source = LOOP_SOURCE_NONE,
		.sock_source = LOOP_SOURCE_NONE,
		.backoff_ns = BACKOFF_MIN_NS,
	};
	if (!p->spec.backoff_max_ns)
		p->spec.backoff_max_ns = BACKOFF_MAX_NS;
	outbox_init(&p->outbox, -1, OUTBOX_MAX_BYTES);
}

/* ---- in the child -------------------------------------------------------------------------------- */

/* Descriptors: 0 /dev/null, 1 and 2 the keeper's standard error, 3 the socket; nothing else survives. */
static int child_descriptors(int sock, int *exe_fd)
{
	int null, fd;

	/* Out of the way of the numbers that are about to be set. */
	sock = fcntl(sock, F_DUPFD_CLOEXEC, 10);
	if (sock < 0)
		return -errno;
	if (*exe_fd >= 0) {
		*exe_fd = fcntl(*exe_fd, F_DUPFD_CLOEXEC, 10);
		if (*exe_fd < 0)
			return -errno;
	}
	null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0 ||
	    dup2(sock, CHILD_FD_KEEPER) < 0)
		return -errno;
	if (*exe_fd < 0)
		return syscall(SYS_close_range, CHILD_FD_EXE_FIRST_FREE, ~0U, 0) < 0 ? -errno : 0;
	/* Close-on-exec on everything from 4: whatever was forgotten ends at execveat. */
	for (fd = CHILD_FD_EXE_FIRST_FREE; fd < 10; fd++)
		close(fd);
	return syscall(SYS_close_range, 10, ~0U, 1U << 2 /* CLOSE_RANGE_CLOEXEC */) < 0 ? -errno : 0;
}

static int child_become(const struct program_spec *s, pid_t keeper)
{
	sigset_t none;
	int r;

	sigemptyset(&none);
	if (sigprocmask(SIG_SETMASK, &none, NULL) < 0 || setsid() < 0)
		return -errno;
	r = sandbox_become(s->uid, s->gid, s->caps, s->cap_count);
	if (r < 0)
		return r;
	/* After the change of credentials, which would clear it. Then: is the keeper still there? */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return -errno;
	return getppid() == keeper ? 0 : -ESRCH;
}

static _Noreturn void child_run(const struct program_spec *s, int sock, pid_t keeper)
{
	int exe_fd = s->exe_fd, r;

	r = child_descriptors(sock, &exe_fd);
	if (r == 0)
		r = child_become(s, keeper);
	if (r == 0 && s->main)
		_exit(s->main(CHILD_FD_KEEPER));
	if (r == 0) {
		syscall(SYS_execveat, exe_fd, "", s->argv, s->envp, AT_EMPTY_PATH);
		r = -errno;
	}
	errno = -r;
	log_error("%s: cannot be started: %m", program_name(s->id));
	_exit(127);
}

/* ---- in the keeper ------------------------------------------------------------------------------- */

static void restart_due(void *arg)
{
	program_start(arg);
}

static void schedule_restart(struct program *p)
{
	if (p->stopping)
		return;
	log_debug("%s: starts again in %u ms", program_name(p->spec.id), (unsigned)(p->backoff_ns / NSEC_PER_MSEC));
	loop_timer_set(p->loop, &p->restart_timer, p->backoff_ns, restart_due, p);
	p->backoff_ns = p->backoff_ns * 2 > p->spec.backoff_max_ns ? p->spec.backoff_max_ns : p->backoff_ns * 2;
}

static void close_socket(struct program *p)
{
	loop_remove(p->loop, &p->sock_source);
	outbox_done(&p->outbox);
	close_fd(&p->sock);
	p->wants_write = false;
}

/* The process has ended: collects it and tells the owner. */
static void on_end(void *arg, uint32_t events)
{
	struct program *p = arg;
	uint64_t lived = clock_mono_ns() - p->since_ns;
	int status = 0;

	if (waitpid(p->pid, &status, WNOHANG) == 0)
		return;
	loop_remove(p->loop, &p->pid_source);
	loop_timer_stop(p->loop, &p->ping_timer);
	close_fd(&p->pidfd);
	close_socket(p);
	p->last_status = status;
	p->since_ns = clock_mono_ns();
	/* Bad usage or configuration at its first start: it has said so itself. */
	if (p->starts == 1 && WIFEXITED(status) && WEXITSTATUS(status) == 2)
		log_debug("%s (pid %d) ended with status 2", program_name(p->spec.id), (int)p->pid);
	else if (!p->stopping && WIFSIGNALED(status))
		log_warn("%s (pid %d) was ended by signal %d%s", program_name(p->spec.id), (int)p->pid, WTERMSIG(status),
			 WTERMSIG(status) == SIGSYS ? ": it tried a forbidden system call" : "");
	else if (!p->stopping)
		log_warn("%s (pid %d) ended with status %d", program_name(p->spec.id), (int)p->pid, WEXITSTATUS(status));
	p->pid = 0;
	p->ending = false;
	if (lived >= BACKOFF_RESET_NS)
		p->backoff_ns = BACKOFF_MIN_NS;
	p->events->ended(p, p->arg);
	schedule_restart(p);
}

void program_kill(struct program *p)
{
	if (!program_is_running(p) || p->ending)
		return;
	p->ending = true;
	/* By pidfd: never another process. */
	if (syscall(SYS_pidfd_send_signal, p->pidfd, SIGKILL, NULL, 0) < 0)
		log_debug("%s: kill: %m", program_name(p->spec.id));
}

static void on_end_overdue(void *arg)
{
	program_kill(arg);
}

static void on_message(struct program *p, const struct ipc_hdr *h, const void *body, int *fd)
{
	switch (h->type) {
	case MSG_PING:
		program_send(p, MSG_PONG, h->seq, 0, NULL, 0, -1);
		break;
	case MSG_PONG:
		if (h->seq == p->ping_seq)
			p->ping_open = false;
		break;
	default:
		p->events->message(p, h, body, fd, p->arg);
	}
}

static void read_messages(struct program *p)
{
	static unsigned char body[IPC_BODY_MAX]; /* one thread; nothing keeps a pointer into it */

	for (int i = 0; i < READ_BATCH && p->sock >= 0; i++) {
		_cleanup_close_ int fd = -1;
		struct ipc_hdr h;
		int r = ipc_recv(p->sock, &h, body, &fd);

		if (r == -EAGAIN)
			return;
		if (r == -EPROTO) {
			p->malformed++;
			continue;
		}
		if (r <= 0) {
			/* End of stream: it is ending, or of no more use. It may have something to save first. */
			loop_remove(p->loop, &p->sock_source);
			loop_timer_set(p->loop, &p->ping_timer, END_GRACE_NS, on_end_overdue, p);
			return;
		}
		on_message(p, &h, body, &fd);
	}
}

static void flush(struct program *p)
{
	int r = outbox_flush(&p->outbox);
	bool wants = r == -EAGAIN;

	if (r < 0 && !wants) {
		program_kill(p);
		return;
	}
	if (wants != p->wants_write && p->sock_source.fd >= 0) {
		p->wants_write = wants;
		(void)loop_change(p->loop, &p->sock_source, EPOLLIN | (wants ? EPOLLOUT : 0U));
	}
}

static void on_socket(void *arg, uint32_t events)
{
	struct program *p = arg;

	if (events & EPOLLOUT)
		flush(p);
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		read_messages(p);
}

static void on_ping_due(void *arg)
{
	struct program *p = arg;
	uint64_t now;

	/* Whatever it answered while this loop was busy counts as answered in time. */
	read_messages(p);
	if (!program_is_running(p) || p->sock_source.fd < 0)
		return;
	now = clock_mono_ns();
	if (p->ping_open && now - p->ping_sent_ns > p->spec.hung_after_ns) {
		p->hung++;
		log_warn("%s (pid %d) has not answered for %u ms: it is killed", program_name(p->spec.id), (int)p->pid,
			 (unsigned)((now - p->ping_sent_ns) / NSEC_PER_MSEC));
		program_kill(p);
		return;
	}
	if (!p->ping_open) {
		p->ping_open = true;
		p->ping_sent_ns = now;
		program_send(p, MSG_PING, ++p->ping_seq, 0, NULL, 0, -1);
	}
	loop_timer_set(p->loop, &p->ping_timer, p->spec.ping_every_ns, on_ping_due, p);
}

static int spawn(struct program *p)
{
	pid_t keeper = getpid();
	int fds[2], r;
	pid_t pid;

	r = ipc_pair(fds);
	if (r < 0)
		return r;
	pid = fork();
	if (pid == 0)
		child_run(&p->spec, fds[1], keeper);
	r = pid < 0 ? -errno : 0;
	close(fds[1]);
	if (r < 0) {
		close(fds[0]);
		return r;
	}
	p->pid = pid;
	p->sock = fds[0];
	/* Not reaped yet, so this is that process. */
	p->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (p->pidfd < 0)
		r = -errno;
	if (r == 0)
		r = loop_add(p->loop, &p->pid_source, p->pidfd, EPOLLIN, on_end, p);
	if (r == 0)
		r = loop_add(p->loop, &p->sock_source, p->sock, EPOLLIN, on_socket, p);
	if (r < 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		loop_remove(p->loop, &p->pid_source);
		close_fd(&p->pidfd);
		close_fd(&p->sock);
		p->pid = 0;
	}
	return r;
}

void program_start(struct program *p)
{
	int r;

	if (program_is_running(p) || p->stopping)
		return;
	loop_timer_stop(p->loop, &p->restart_timer);
	r = spawn(p);
	if (r < 0) {
		errno = -r;
		log_error("%s: cannot be started: %m", program_name(p->spec.id));
		schedule_restart(p);
		return;
	}
	p->starts++;
	p->since_ns = clock_mono_ns();
	p->ending = p->ping_open = p->wants_write = false;
	outbox_init(&p->outbox, p->sock, OUTBOX_MAX_BYTES);
	loop_timer_set(p->loop, &p->ping_timer, p->spec.ping_every_ns, on_ping_due, p);
	log_debug("%s: pid %d, start %u", program_name(p->spec.id), (int)p->pid, p->starts);
	p->events->started(p, p->arg);
}

void program_send(struct program *p, uint16_t type, uint32_t seq, int32_t status, const void *body, size_t len, int fd)
{
	int r;

	if (!program_is_running(p) || p->ending || p->sock_source.fd < 0)
		return;
	r = outbox_send(&p->outbox, type, seq, status, body, len, fd);
	if (r == -ENOBUFS) {
		p->overflows++;
		log_warn("%s (pid %d) does not read its messages: it is restarted", program_name(p->spec.id), (int)p->pid);
	}
	if (r < 0)
		program_kill(p);
	else if (p->outbox.first)
		flush(p);
}

void program_send_fd(struct program *p, enum msg_fd_kind kind, uint32_t arg, const char *name, int fd)
{
	struct msg_fd m = { .kind = kind, .arg = arg };

	snprintf(m.name, sizeof(m.name), "%s", name);
	program_send(p, MSG_FD, 0, 0, &m, sizeof(m), fd);
}

void program_quit(struct program *p)
{
	p->stopping = true;
	loop_timer_stop(p->loop, &p->restart_timer);
	loop_timer_stop(p->loop, &p->ping_timer);
	program_send(p, MSG_QUIT, 0, 0, NULL, 0, -1);
}

void program_done(struct program *p)
{
	p->stopping = true;
	loop_timer_stop(p->loop, &p->restart_timer);
	loop_timer_stop(p->loop, &p->ping_timer);
	if (program_is_running(p)) {
		program_kill(p);
		(void)waitpid(p->pid, &p->last_status, 0);
		p->pid = 0;
	}
	loop_remove(p->loop, &p->pid_source);
	close_fd(&p->pidfd);
	close_socket(p);
}

void program_describe(const struct program *p, struct msg_program *ret)
{
	*ret = (struct msg_program){
		.program = (uint8_t)p->spec.id,
		.running = program_is_running(p),
		.pid = (uint32_t)p->pid,
		.starts = p->starts,
		.last_status = p->last_status,
		.since_mono_ns = p->since_ns,
	};
}
