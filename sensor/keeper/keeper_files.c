/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The fanotify group and the inotify instance: made here, read by files, marked by the opener (sensor/msg_files.h). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "sensor/keeper/keeper_private.h"

#ifndef FAN_REPORT_PIDFD
#define FAN_REPORT_PIDFD 0x80 /* Linux 5.15 */
#endif

static void tell(struct keeper *k, const char *name, bool present, const char *consequence)
{
	struct msg_feature m = { .present = present };

	snprintf(m.name, sizeof(m.name), "%s", name);
	snprintf(m.consequence, sizeof(m.consequence), "%s", consequence);
	program_send(&k->programs[PROGRAM_CORE], MSG_FEATURE, 0, 0, &m, sizeof(m), -1);
}

/* The queue has the kernel's bound: what does not fit is one overflow event, which files counts. */
static int fanotify_open(bool *ret_pidfd)
{
	const unsigned flags = FAN_CLASS_NOTIF | FAN_CLOEXEC | FAN_NONBLOCK;
	const unsigned file_flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOATIME; /* large files: always, on 64 bit */
	int fd = fanotify_init(flags | FAN_REPORT_PIDFD, file_flags);

	*ret_pidfd = fd >= 0;
	if (fd < 0)
		fd = fanotify_init(flags, file_flags);
	return fd < 0 ? -errno : fd;
}

/* Once, and told to every new core. */
void files_open(struct keeper *k)
{
	static bool pidfd; /* of the one group */

	if (k->fanotify < 0) {
		k->fanotify = fanotify_open(&pidfd);
		if (k->fanotify < 0)
			log_warn("fanotify: %s, ignoring: files that containers write are not seen", strerror(-k->fanotify));
	}
	if (k->inotify < 0) {
		k->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
		if (k->inotify < 0)
			log_warn("inotify: %s, ignoring: changes of configuration files are not seen", strerror(errno));
	}
	tell(k, "fanotify", k->fanotify >= 0, k->fanotify >= 0 ? "" : "files that containers write are not seen");
	tell(k, "fanotify_pidfd", k->fanotify >= 0 && pidfd,
	     pidfd ? "" : "a file written by a process that ended at once may be given to one that has its number now");
	tell(k, "inotify", k->inotify >= 0, k->inotify >= 0 ? "" : "changes of configuration files are not seen");
}

void files_close(struct keeper *k)
{
	close_fd(&k->fanotify);
	close_fd(&k->inotify);
}

void opener_introduce(struct keeper *k)
{
	struct program *core = &k->programs[PROGRAM_CORE], *opener = &k->programs[PROGRAM_OPENER];
	int fds[2];

	if (!k->core_ready || !program_is_running(core) || !program_is_running(opener) || ipc_pair(fds) < 0)
		return;
	program_send_fd(core, MSG_FD_OPENER, 0, "", fds[0]);
	program_send_fd(opener, MSG_FD_CORE, 0, "", fds[1]);
	close(fds[0]);
	close(fds[1]);
}

void files_introduce(struct keeper *k, enum msg_program_id id)
{
	struct program *files = &k->programs[PROGRAM_FILES], *opener = &k->programs[PROGRAM_OPENER], *started = &k->programs[id];
	int fds[2];

	/* What an earlier one watched by inotify nobody would take back: with its instance it ends. (Marks end with their mounts.) */
	if (id == PROGRAM_FILES && files->starts > 1 && k->inotify >= 0) {
		close_fd(&k->inotify);
		k->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
		if (k->inotify >= 0)
			program_send_fd(opener, MSG_FD_INOTIFY, 0, "", k->inotify);
	}
	if (k->fanotify >= 0)
		program_send_fd(started, MSG_FD_FANOTIFY, 0, "", k->fanotify);
	if (k->inotify >= 0)
		program_send_fd(started, MSG_FD_INOTIFY, 0, "", k->inotify);
	if (!program_is_running(files) || !program_is_running(opener) || ipc_pair(fds) < 0)
		return;
	program_send_fd(files, MSG_FD_OPENER, 0, "", fds[0]);
	program_send_fd(opener, MSG_FD_FILES, 0, "", fds[1]);
	close(fds[0]);
	close(fds[1]);
}
