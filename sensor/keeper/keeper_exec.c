/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The group of exec permissions: made here, marked by the opener, answered by the verdict process, and by the keeper itself while
 * there is none (DECISIONS 13, 15). The kernel holds a program up until somebody answers: that never depends on one process. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/fanotify.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "sensor/keeper/keeper_private.h"

void exec_open(struct keeper *k)
{
	struct msg_feature m = { .name = "exec_permission" };

	if (k->exec.group < 0)
		k->exec.group = fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC | FAN_NONBLOCK, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (k->exec.group < 0) {
		log_warn("fanotify: %s, ignoring: programs cannot be refused", strerror(errno));
		memcpy(m.consequence, "programs cannot be refused", sizeof("programs cannot be refused"));
	}
	m.present = k->exec.group >= 0;
	program_send(&k->programs[PROGRAM_CORE], MSG_FEATURE, 0, 0, &m, sizeof(m), -1);
}

void exec_close(struct keeper *k)
{
	loop_remove(k->loop, &k->exec.source);
	close_fd(&k->exec.group); /* with it all that waits goes on */
}

static void tell_stats(struct keeper *k)
{
	if (!memcmp(&k->exec.stats, &k->exec.told, sizeof(k->exec.told)))
		return;
	k->exec.told = k->exec.stats;
	core_tell(k, MSG_EXEC_STATS, &k->exec.stats, sizeof(k->exec.stats));
}

static void readable(void *arg, uint32_t events)
{
	struct keeper *k = arg;

	exec_drain(k->exec.group, &k->exec.places, &k->exec.stats);
	tell_stats(k);
}

void exec_verdict_ended(struct keeper *k)
{
	if (k->exec.group < 0)
		return;
	exec_release(k->exec.group, &k->exec.stats);
	exec_drain(k->exec.group, &k->exec.places, &k->exec.stats);
	tell_stats(k);
	if (k->exec.source.fd < 0 && loop_add(k->loop, &k->exec.source, k->exec.group, EPOLLIN, readable, k) < 0)
		log_error("exec permissions: nobody answers until there is a verdict process");
}

static void introduce_core(struct keeper *k)
{
	struct program *core = &k->programs[PROGRAM_CORE], *verdict = &k->programs[PROGRAM_VERDICT];
	int fds[2];

	if (!k->core_ready || !program_is_running(core) || !program_is_running(verdict) || ipc_pair(fds) < 0)
		return;
	program_send_fd(core, MSG_FD_VERDICT, 0, "", fds[0]);
	program_send_fd(verdict, MSG_FD_CORE, 0, "", fds[1]);
	close(fds[0]);
	close(fds[1]);
}

void exec_introduce(struct keeper *k, enum msg_program_id id)
{
	struct program *p = &k->programs[id];

	if (id == PROGRAM_VERDICT) {
		loop_remove(k->loop, &k->exec.source);
		program_send(p, MSG_EXEC_PLACES, 0, 0, k->exec.places.place, k->exec.places.count * sizeof(k->exec.places.place[0]), -1);
		introduce_core(k);
	}
	if (k->exec.group >= 0)
		program_send_fd(p, MSG_FD_EXEC, 0, "", k->exec.group);
}

void exec_places_message(struct keeper *k, const struct ipc_hdr *h, const void *body)
{
	if (exec_places_set(&k->exec.places, body, h->len) == 0)
		program_send(&k->programs[PROGRAM_VERDICT], MSG_EXEC_PLACES, 0, 0, body, h->len, -1);
}
