/* SPDX-License-Identifier: GPL-2.0-or-later */
/* MSG_CONTAIN_*: core's orders to kill a process and to freeze a container for a moment. Whatever happens to core or to this
 * keeper, no container stays frozen: a timer thaws, the end of core thaws, and RUN/frozen tells the next keeper. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "enforce/contain.h"
#include "sensor/keeper/keeper_private.h"

static void frozen_path(const struct keeper *k, char ret[PATH_MAX + 16])
{
	snprintf(ret, PATH_MAX + 16, "%s/frozen", k->setup->run);
}

/* What is frozen now, one path a line; no file: nothing. */
static int note(const struct keeper *k)
{
	char path[PATH_MAX + 16];
	_cleanup_close_ int fd = -1;
	bool any = false;

	frozen_path(k, path);
	for (size_t i = 0; i < KEEPER_FROZEN_MAX; i++)
		any = any || k->frozen[i][0];
	if (!any)
		return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	for (size_t i = 0; i < KEEPER_FROZEN_MAX; i++)
		if (k->frozen[i][0] && dprintf(fd, "%s\n", k->frozen[i]) < 0)
			return -EIO;
	return 0;
}

static void thaw(struct keeper *k, size_t i)
{
	int r = contain_freeze(k->commands.cgroup_fd, k->frozen[i], false);

	if (r < 0 && r != -EALREADY && r != -ENOENT)
		log_warn("cannot thaw %s: %s", k->frozen[i], strerror(-r));
	k->frozen[i][0] = '\0';
}

void contain_thaw_all(struct keeper *k)
{
	bool any = false;

	for (size_t i = 0; i < KEEPER_FROZEN_MAX; i++)
		if (k->frozen[i][0]) {
			thaw(k, i);
			any = true;
		}
	if (any)
		(void)note(k);
}

static void thaw_due(void *arg)
{
	contain_thaw_all(arg);
}

void contain_start(struct keeper *k)
{
	char path[PATH_MAX + 16], text[KEEPER_FROZEN_MAX * (CONTAIN_PATH_LEN + 1) + 1], *at = text, *line;
	_cleanup_close_ int fd = -1;
	ssize_t n;

	frozen_path(k, path);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return;
	text[n] = '\0';
	while ((line = strsep(&at, "\n")))
		if (*line && contain_freeze(k->commands.cgroup_fd, line, false) == 0)
			log_info("thawed %s, which an earlier keeper had frozen", line);
	(void)unlink(path);
}

static int freeze(struct keeper *k, const struct msg_contain_freeze *m)
{
	uint32_t ms = m->max_ms && m->max_ms < CONTAIN_FREEZE_MAX_MS ? m->max_ms : CONTAIN_FREEZE_MAX_MS;
	char path[CONTAIN_PATH_LEN];
	size_t free_at = KEEPER_FROZEN_MAX;
	int r = contain_cgroup(m->pid, m->cid, path);

	if (r < 0)
		return r;
	if (k->commands.cgroup_fd < 0)
		return -ENOTSUP;
	for (size_t i = 0; i < KEEPER_FROZEN_MAX; i++)
		if (!k->frozen[i][0])
			free_at = i;
		else if (!strcmp(k->frozen[i], path) && !m->on) {
			thaw(k, i);
			return note(k);
		}
	if (!m->on)
		return 0; /* the timer was quicker */
	if (free_at == KEEPER_FROZEN_MAX)
		return -EBUSY;
	/* Noted first: a keeper that is killed between the two leaves a note too many, never a container frozen. */
	memcpy(k->frozen[free_at], path, sizeof(path));
	r = note(k);
	if (r == 0)
		r = contain_freeze(k->commands.cgroup_fd, path, true);
	if (r < 0) {
		k->frozen[free_at][0] = '\0';
		(void)note(k);
		return r;
	}
	loop_timer_set(k->loop, &k->thaw_timer, ms * NSEC_PER_MSEC, thaw_due, k);
	return 0;
}

bool contain_message(struct keeper *k, const struct ipc_hdr *h, const void *body)
{
	struct msg_contain_freeze f;
	struct msg_contain_kill m;
	int r = -EINVAL;

	if (h->type == MSG_CONTAIN_KILL && h->len == sizeof(m)) {
		memcpy(&m, body, sizeof(m));
		m.cid[sizeof(m.cid) - 1] = '\0';
		r = contain_kill(&m);
	} else if (h->type == MSG_CONTAIN_FREEZE && h->len == sizeof(f)) {
		memcpy(&f, body, sizeof(f));
		f.cid[sizeof(f.cid) - 1] = '\0';
		r = freeze(k, &f);
	} else if (h->type != MSG_CONTAIN_KILL && h->type != MSG_CONTAIN_FREEZE) {
		return false;
	}
	program_send(&k->programs[PROGRAM_CORE], h->type, h->seq, r, NULL, 0, -1);
	return true;
}
