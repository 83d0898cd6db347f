/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How each program is started, with which rights, and who is introduced to whom. */
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "enforce/verdict.h"
#include "sensor/keeper/keeper_private.h"
#include "sensor/keeper/opener.h"
#include "sensor/sandbox.h"

static const int inspector_caps[] = { CAP_SYS_ADMIN, CAP_SYS_CHROOT };
static const int verdict_caps[] = { CAP_NET_ADMIN };
/* Marks on mounts; roots and executables of others' processes; files whoever owns them. */
static const int opener_caps[] = { CAP_SYS_ADMIN, CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH };

/* The command line's bytes, for the forked verdict process to show its own name. */
static char *process_title;
static size_t process_title_len;

static void title_set(const char *title)
{
	if (!process_title_len)
		return;
	memset(process_title, 0, process_title_len);
	snprintf(process_title, process_title_len, "%s", title);
}

static int verdict_main(int keeper_sock)
{
	title_set("pierglassd: verdict");
	(void)prctl(PR_SET_NAME, "pierglass-verd");
	if (sandbox_enter_verdict() < 0) {
		log_error("verdict: cannot give up privileges");
		return 1;
	}
	return verdict_run(keeper_sock);
}

static int opener_main(int keeper_sock)
{
	title_set("pierglassd: opener");
	(void)prctl(PR_SET_NAME, "pierglass-open");
	if (sandbox_enter_opener() < 0) {
		log_error("opener: cannot give up privileges");
		return 1;
	}
	return opener_run(keeper_sock);
}

void program_tell(struct keeper *k, enum msg_program_id id)
{
	struct msg_program m = { .program = PROGRAM_KEEPER, .running = 1, .pid = (uint32_t)getpid(), .starts = 1,
				 .since_mono_ns = k->started_mono_ns };

	if (id != PROGRAM_KEEPER)
		program_describe(&k->programs[id], &m);
	program_send(&k->programs[PROGRAM_CORE], MSG_PROGRAM, 0, 0, &m, sizeof(m), -1);
}

static void give_map(struct keeper *k, struct program *p, const char *name)
{
	int fd = bpf_loader_map_fd(k->loader, name);

	if (fd >= 0)
		program_send_fd(p, MSG_FD_MAP, 0, name, fd);
}

static const char *inspector_name(enum msg_program_id id)
{
	return id == PROGRAM_INSPECT_PACKETS ? "packets" : "documents";
}

void programs_introduce(struct keeper *k, enum msg_program_id other)
{
	struct program *core = &k->programs[PROGRAM_CORE], *p = &k->programs[other];
	int fds[2];

	if (!k->core_ready || !program_is_running(core) || !program_is_running(p) || ipc_pair(fds) < 0)
		return;
	if (other == PROGRAM_BROKER)
		program_send_fd(core, MSG_FD_BROKER, 0, "", fds[0]);
	else if (other == PROGRAM_FILES)
		program_send_fd(core, MSG_FD_FILES, 0, "", fds[0]);
	else if (other == PROGRAM_FETCH)
		program_send_fd(core, MSG_FD_FETCH, 0, "", fds[0]);
	else
		program_send_fd(core, MSG_FD_INSPECTOR, 0, inspector_name(other), fds[0]);
	program_send_fd(p, MSG_FD_CORE, 0, "", fds[1]);
	close(fds[0]);
	close(fds[1]);
}

/* Gives the verdict process and the inspector of packets the two ends of a new socket. */
static void inspector_introduce(struct keeper *k)
{
	struct program *verdict = &k->programs[PROGRAM_VERDICT], *p = &k->programs[PROGRAM_INSPECT_PACKETS];
	int fds[2];

	if (!program_is_running(verdict) || !program_is_running(p) || ipc_pair(fds) < 0)
		return;
	program_send_fd(verdict, MSG_FD_INSPECTOR, 0, "packets", fds[0]);
	program_send_fd(p, MSG_FD_VERDICT, 0, "", fds[1]);
	close(fds[0]);
	close(fds[1]);
}

static void on_started(struct program *p, void *arg)
{
	struct keeper *k = arg;

	if (p->spec.id == PROGRAM_CORE) {
		core_started(k);
		return;
	}
	if (p->spec.id == PROGRAM_INSPECT_PACKETS) {
		give_map(k, p, "samples");
		give_map(k, p, "inspected");
	}
	if (p->spec.id == PROGRAM_FILES || p->spec.id == PROGRAM_OPENER)
		files_introduce(k, p->spec.id);
	if (p->spec.id == PROGRAM_OPENER || p->spec.id == PROGRAM_VERDICT)
		exec_introduce(k, p->spec.id);
	if (p->spec.id == PROGRAM_VERDICT || p->spec.id == PROGRAM_INSPECT_PACKETS)
		inspector_introduce(k);
	if (p->spec.id == PROGRAM_VERDICT)
		guards_verdict_started(k->guards);
	if (p->spec.id == PROGRAM_OPENER)
		opener_introduce(k);
	else if (p->spec.id != PROGRAM_VERDICT)
		programs_introduce(k, p->spec.id);
	program_send(p, MSG_READY, 0, 0, NULL, 0, -1);
	if (k->core_ready)
		program_tell(k, p->spec.id);
}

static void on_message(struct program *p, const struct ipc_hdr *h, const void *body, int *fd, void *arg)
{
	if (p->spec.id == PROGRAM_CORE)
		core_message(arg, h, body);
	else if (p->spec.id == PROGRAM_BROKER)
		broker_message(arg, h, body);
	else
		log_debug("%s: message %u, ignoring", program_name(p->spec.id), h->type);
}

static void on_ended(struct program *p, void *arg)
{
	struct keeper *k = arg;

	if (p->spec.id == PROGRAM_CORE) {
		k->core_ready = false;
		contain_thaw_all(k);
		/* It has said what is wrong with the configuration. */
		if (p->starts == 1 && WIFEXITED(p->last_status) && WEXITSTATUS(p->last_status) == EXIT_USAGE) {
			p->stopping = true;
			keeper_stop(k, EXIT_USAGE);
		}
		return;
	}
	if (p->spec.id == PROGRAM_VERDICT) {
		exec_verdict_ended(k);
		guards_verdict_ended(k->guards);
	}
	/* The next broker has questions of its own. */
	if (p->spec.id == PROGRAM_BROKER)
		memset(k->waiting, 0, sizeof(k->waiting));
	if (k->core_ready)
		program_tell(k, p->spec.id);
}

static void set_argv(struct keeper *k)
{
	const struct options *o = k->options;
	char **a = k->core_argv;

	*a++ = (char *)"pierglass-core";
	*a++ = (char *)"core";
	*a++ = (char *)"--state";
	*a++ = k->setup->state;
	*a++ = (char *)"--run";
	*a++ = k->setup->run;
	if (o->docker_given) {
		*a++ = (char *)"--docker";
		*a++ = (char *)(uintptr_t)o->docker;
	}
	if (o->node) {
		*a++ = (char *)"--node";
		*a++ = (char *)(uintptr_t)o->node;
	}
	if (o->verbose)
		*a = (char *)"--verbose";
	k->broker_argv[0] = (char *)"pierglass-core";
	k->broker_argv[1] = (char *)"broker";
	k->files_argv[0] = (char *)"pierglass-core";
	k->files_argv[1] = (char *)"files";
	k->fetch_argv[0] = (char *)"pierglass-core";
	k->fetch_argv[1] = (char *)"fetch";
	k->packets_argv[0] = k->documents_argv[0] = (char *)"pierglass-inspect";
	k->packets_argv[1] = (char *)"packets";
	k->documents_argv[1] = (char *)"documents";
	if (o->verbose)
		k->broker_argv[2] = k->files_argv[2] = k->fetch_argv[2] = (char *)"--verbose";
}

/* Nothing of our caller's environment reaches a child but the time zone. */
static void set_env(struct keeper *k)
{
	const char *tz = getenv("TZ");
	char **e = k->child_env;

	*e++ = (char *)"PATH=/usr/bin:/bin";
	*e++ = (char *)"LANG=C.UTF-8";
	if (tz && (size_t)snprintf(k->env_tz, sizeof(k->env_tz), "TZ=%s", tz) < sizeof(k->env_tz))
		*e++ = k->env_tz;
#ifdef PG_SAN
	/* Reports of a sanitised build end the program at once; the leak check has no /proc to read. */
	*e++ = (char *)"ASAN_OPTIONS=detect_leaks=0:abort_on_error=1:symbolize=0";
	*e = (char *)"UBSAN_OPTIONS=print_stacktrace=1:symbolize=0";
#endif
}

/* For tests that kill a program many times: they need not wait as long as an operator's log is spared. */
static uint64_t backoff_max_ns(void)
{
	const char *ms = getenv("PIERGLASS_RESTART_MAX_MS");
	unsigned long n = ms ? strtoul(ms, NULL, 10) : 0;

	return n >= 100 && n <= 10000 ? n * NSEC_PER_MSEC : 0;
}

void programs_init(struct keeper *k)
{
	static const struct program_events events = { .started = on_started, .message = on_message, .ended = on_ended };
	const struct setup *s = k->setup;
	const uint64_t second = NSEC_PER_SEC;
	const struct program_spec specs[] = {
		{ .id = PROGRAM_CORE, .exe_fd = s->core_exe, .argv = k->core_argv, .envp = k->child_env, .uid = s->uid, .gid = s->gid,
		  .ping_every_ns = second, .hung_after_ns = 10 * second },
		{ .id = PROGRAM_BROKER, .exe_fd = s->core_exe, .argv = k->broker_argv, .envp = k->child_env, .uid = s->uid,
		  .gid = s->gid, .ping_every_ns = second, .hung_after_ns = 10 * second },
		{ .id = PROGRAM_INSPECT_PACKETS, .exe_fd = s->inspect_exe, .argv = k->packets_argv, .envp = k->child_env,
		  .uid = s->inspector_uid, .gid = s->inspector_gid, .caps = inspector_caps, .cap_count = ARRAY_SIZE(inspector_caps),
		  .ping_every_ns = second, .hung_after_ns = 10 * second },
		{ .id = PROGRAM_INSPECT_DOCUMENTS, .exe_fd = s->inspect_exe, .argv = k->documents_argv, .envp = k->child_env,
		  .uid = s->inspector_uid, .gid = s->inspector_gid, .caps = inspector_caps, .cap_count = ARRAY_SIZE(inspector_caps),
		  .ping_every_ns = second, .hung_after_ns = 10 * second },
		{ .id = PROGRAM_FILES, .exe_fd = s->core_exe, .argv = k->files_argv, .envp = k->child_env, .uid = s->uid, .gid = s->gid,
		  .ping_every_ns = second, .hung_after_ns = 10 * second },
		{ .id = PROGRAM_FETCH, .exe_fd = s->core_exe, .argv = k->fetch_argv, .envp = k->child_env, .uid = s->uid, .gid = s->gid,
		  .ping_every_ns = second, .hung_after_ns = 10 * second },
		{ .id = PROGRAM_OPENER, .exe_fd = -1, .main = opener_main, .uid = s->uid, .gid = s->gid, .caps = opener_caps,
		  .cap_count = ARRAY_SIZE(opener_caps), .ping_every_ns = second, .hung_after_ns = 3 * second },
		{ .id = PROGRAM_VERDICT, .exe_fd = -1, .main = verdict_main, .uid = s->uid, .gid = s->gid, .caps = verdict_caps,
		  .cap_count = ARRAY_SIZE(verdict_caps), .ping_every_ns = 100 * NSEC_PER_MSEC, .hung_after_ns = 500 * NSEC_PER_MSEC,
		  .backoff_max_ns = 200 * NSEC_PER_MSEC /* packets wait for it: guard_queue.c */ },
	};

	process_title = k->title;
	process_title_len = k->title_len;
	set_argv(k);
	set_env(k);
	for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
		struct program_spec spec = specs[i];

		if (backoff_max_ns())
			spec.backoff_max_ns = backoff_max_ns();
		program_init(&k->programs[spec.id], k->loop, &spec, &events, k);
	}
}

void programs_start_others(struct keeper *k, bool fetch)
{
	static const enum msg_program_id others[] = { PROGRAM_BROKER, PROGRAM_INSPECT_PACKETS, PROGRAM_INSPECT_DOCUMENTS,
						      PROGRAM_VERDICT, PROGRAM_OPENER, PROGRAM_FILES };

	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (k->programs[others[i]].starts == 0)
			program_start(&k->programs[others[i]]);
		else if (others[i] == PROGRAM_OPENER)
			opener_introduce(k);
		else if (others[i] == PROGRAM_VERDICT)
			exec_introduce(k, PROGRAM_VERDICT);
		else
			programs_introduce(k, others[i]);
	if (fetch && k->programs[PROGRAM_FETCH].starts == 0)
		program_start(&k->programs[PROGRAM_FETCH]);
	else if (fetch)
		programs_introduce(k, PROGRAM_FETCH);
}
