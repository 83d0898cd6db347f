/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/keeper/keeper.h"

#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "sensor/keeper/keeper_private.h"
#include "sensor/sandbox.h"

#define STOP_WAIT_NS (3 * NSEC_PER_SEC)

/* What the keeper needs itself, and what its children are given for their first steps. */
static const int keeper_caps[] = {
	CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER, CAP_KILL, CAP_SETGID, CAP_SETUID, CAP_SETPCAP, CAP_NET_ADMIN, CAP_NET_RAW,
	CAP_SYS_CHROOT, CAP_SYS_PTRACE, CAP_SYS_ADMIN, CAP_SYS_RESOURCE, 38 /* CAP_PERFMON */, 39 /* CAP_BPF */,
};

void keeper_stop(struct keeper *k, int exit_code)
{
	if (k->stopping)
		return;
	k->stopping = true;
	k->exit_code = exit_code;
}

static void on_signal(void *arg, uint32_t events)
{
	struct keeper *k = arg;
	struct signalfd_siginfo si;

	while (read(k->signal_fd, &si, sizeof(si)) == sizeof(si)) {
		if (si.ssi_signo == SIGHUP)
			continue; /* the terminal's end is no reason to stop watching */
		log_info("stopping (signal %u)", si.ssi_signo);
		keeper_stop(k, EXIT_DONE);
	}
}

static int open_signals(struct keeper *k)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return -errno;
	k->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (k->signal_fd < 0)
		return -errno;
	return loop_add(k->loop, &k->signal_source, k->signal_fd, EPOLLIN, on_signal, k);
}

static int keeper_open(struct keeper *k)
{
	int r = loop_new(&k->loop);

	if (r == 0)
		r = open_signals(k);
	if (r == 0)
		r = sandbox_keep_caps(keeper_caps, ARRAY_SIZE(keeper_caps));
	if (r == 0)
		r = sandbox_enter_keeper();
	if (r == 0)
		programs_init(k);
	return r;
}

static bool any_running(const struct keeper *k)
{
	for (unsigned i = PROGRAM_KEEPER + 1; i < PROGRAM_MAX; i++)
		if (program_is_running(&k->programs[i]))
			return true;
	return false;
}

/* Programs first, so that core saves what the maps hold; then hooks and pins: an orderly stop leaves no trace. */
static void keeper_close(struct keeper *k)
{
	uint64_t until = clock_mono_ns() + STOP_WAIT_NS, now;

	for (unsigned i = PROGRAM_KEEPER + 1; i < PROGRAM_MAX; i++)
		program_quit(&k->programs[i]);
	while (any_running(k) && (now = clock_mono_ns()) < until)
		if (loop_step(k->loop, until - now) < 0)
			break;
	for (unsigned i = PROGRAM_KEEPER + 1; i < PROGRAM_MAX; i++)
		program_done(&k->programs[i]);
	loop_timer_stop(k->loop, &k->waiting_timer);
	loop_timer_stop(k->loop, &k->adoption_timer);
	loop_timer_stop(k->loop, &k->thaw_timer);
	contain_thaw_all(k);
	guards_free(k->guards);
	k->guards = NULL;
	if (k->watch)
		link_watch_detach(k->watch);
	for (unsigned i = 0; i < MSG_ENGINES_MAX; i++)
		engine_free(k->engines[i]);
	link_watch_free(k->watch);
	commands_done(&k->commands);
	files_close(k);
	exec_close(k);
	bpf_loader_close(k->loader, true);
	loop_remove(k->loop, &k->signal_source);
	close_fd(&k->signal_fd);
	loop_free(k->loop);
}

int keeper_run(struct setup *s, const struct options *o, char *title, size_t title_len)
{
	struct keeper *k = calloc(1, sizeof(*k));
	int r, code;

	if (!k)
		return EXIT_ERROR;
	k->setup = s;
	k->options = o;
	k->signal_fd = -1;
	k->signal_source = LOOP_SOURCE_NONE;
	k->commands.cgroup_fd = -1;
	k->fanotify = k->inotify = k->exec.group = -1;
	k->exec.source = LOOP_SOURCE_NONE;
	k->title = title;
	k->title_len = title_len;
	k->started_mono_ns = clock_mono_ns();
	r = keeper_open(k);
	if (r < 0) {
		log_error("cannot start: %s", strerror(-r));
		return EXIT_ERROR;
	}
	program_start(&k->programs[PROGRAM_CORE]);
	while (!k->stopping) {
		r = loop_step(k->loop, 60 * NSEC_PER_SEC);
		if (r < 0) {
			log_error("event loop: %s", strerror(-r));
			keeper_stop(k, EXIT_ERROR);
		}
	}
	code = k->exit_code;
	keeper_close(k);
	free(k);
	return code;
}
