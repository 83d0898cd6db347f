/* SPDX-License-Identifier: GPL-2.0-or-later */
/* STATE/evidence: a directory for each bundle, "chain" with the name and digest of the last one. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "sensor/core/evidence_priv.h"

#define SUMMARY_MAX 8192

static bool is_id(const char *id)
{
	return id[0] && strlen(id) < EVIDENCE_ID_LEN && !id[strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789-")];
}

static bool is_name(const char *name)
{
	return name[0] && name[0] != '.' && strlen(name) < 64 && !name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-.")];
}

/* Calls cb for each entry that is no "." file. */
static void each(int at, const char *dir, void (*cb)(int dirfd, const char *name, void *arg), void *arg)
{
	_cleanup_close_ int fd = openat(at, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!d)
		return;
	while ((e = readdir(d)))
		if (e->d_name[0] != '.')
			cb(fd, e->d_name, arg);
	take_fd(&fd);
	closedir(d);
}

static void add_size(int dirfd, const char *name, void *arg)
{
	struct stat st;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		*(uint64_t *)arg += (uint64_t)st.st_size;
}

static uint64_t size_of(const struct core_evidence *e, const char *id)
{
	uint64_t n = 0;

	each(e->dir, id, add_size, &n);
	return n;
}

static void remove_file(int dirfd, const char *name, void *arg)
{
	(void)unlinkat(dirfd, name, 0);
}

void evidence_store_remove(struct core *c, const char *id)
{
	if (!is_id(id))
		return;
	each(c->evidence->dir, id, remove_file, NULL);
	(void)unlinkat(c->evidence->dir, id, AT_REMOVEDIR);
}

static bool is_whole(const struct core_evidence *e, const char *id)
{
	char path[EVIDENCE_ID_LEN + 20];

	snprintf(path, sizeof(path), "%s/manifest.json", id);
	return faccessat(e->dir, path, F_OK, 0) == 0;
}

/* A bundle without a manifest was cut off by the end of an earlier core. */
static void take_stock(int dirfd, const char *name, void *arg)
{
	struct core *c = arg;

	if (!is_id(name) || !strcmp(name, "chain"))
		return;
	if (is_whole(c->evidence, name))
		c->evidence->counts.bytes += size_of(c->evidence, name);
	else
		evidence_store_remove(c, name);
}

static void chain_read(struct core_evidence *e)
{
	_cleanup_close_ int fd = openat(e->dir, "chain", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	char text[200] = "";

	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0 || sscanf(text, "%63s %64s", e->last_id, e->last_sha256) != 2 || !is_id(e->last_id)) {
		e->last_id[0] = '\0';
		e->last_sha256[0] = '\0';
	}
}

int evidence_store_ready(struct core *c)
{
	char path[320];

	if (c->evidence->dir >= 0)
		return 0;
	snprintf(path, sizeof(path), "%s/evidence", c->state_dir);
	if (mkdir(path, 0750) < 0 && errno != EEXIST)
		return -errno;
	c->evidence->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return c->evidence->dir < 0 ? -errno : 0;
}

int evidence_store_open(struct core *c)
{
	struct core_evidence *e = c->evidence;
	char path[320];

	snprintf(path, sizeof(path), "%s/evidence", c->state_dir);
	e->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (e->dir < 0)
		return errno == ENOENT ? 0 : -errno;
	each(e->dir, ".", take_stock, c);
	chain_read(e);
	evidence_store_retire(c);
	return 0;
}

int evidence_store_make(struct core *c, const char *id)
{
	int fd;

	if (!is_id(id))
		return -EINVAL;
	if (mkdirat(c->evidence->dir, id, 0750) < 0)
		return -errno;
	fd = openat(c->evidence->dir, id, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? -errno : fd;
}

void evidence_store_done(struct core *c, const char *id, const char *manifest_sha256)
{
	struct core_evidence *e = c->evidence;
	_cleanup_close_ int fd = openat(e->dir, "chain.new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);

	snprintf(e->last_id, sizeof(e->last_id), "%s", id);
	snprintf(e->last_sha256, sizeof(e->last_sha256), "%s", manifest_sha256);
	e->counts.made++;
	e->counts.bytes += size_of(e, id);
	if (fd < 0 || dprintf(fd, "%s %s\n", id, manifest_sha256) < 0 || fdatasync(fd) < 0 || renameat(e->dir, "chain.new", e->dir, "chain") < 0)
		log_warn("evidence: the chain cannot be written: %s, ignoring: the next bundle will not name this one", strerror(errno));
}

/* ---- retention -------------------------------------------------------------------------------------------------------------- */
static void retire(int dirfd, const char *name, void *arg)
{
	struct core *c = arg;
	char path[EVIDENCE_ID_LEN + 20];
	struct stat st;

	if (!is_id(name) || !c->config.evidence_keep_days)
		return;
	snprintf(path, sizeof(path), "%.63s/manifest.json", name);
	if (fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) < 0 || st.st_mtime + (time_t)c->config.evidence_keep_days * 86400 > time(NULL))
		return;
	c->evidence->counts.bytes -= size_of(c->evidence, name);
	evidence_store_remove(c, name);
	log_info("evidence: %s is older than %u days: removed", name, c->config.evidence_keep_days);
}

void evidence_store_retire(struct core *c)
{
	if (c->evidence->dir >= 0)
		each(c->evidence->dir, ".", retire, c);
}

/* ---- for the API ------------------------------------------------------------------------------------------------------------- */
int evidence_file(struct core *c, const char *id, const char *name)
{
	char path[EVIDENCE_ID_LEN + 80];
	struct stat st;
	int fd;

	if (!c->evidence || c->evidence->dir < 0 || !is_id(id) || !is_name(name) || !is_whole(c->evidence, id))
		return -ENOENT;
	snprintf(path, sizeof(path), "%s/%s", id, name);
	fd = openat(c->evidence->dir, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd >= 0 && (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))) {
		close_fd(&fd);
		return -ENOENT;
	}
	return fd < 0 ? -ENOENT : fd;
}

static void add_summary(struct core *c, struct jsonl *j, const char *id)
{
	_cleanup_close_ int fd = evidence_file(c, id, "summary.json");
	char text[SUMMARY_MAX];
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (n <= 0)
		return;
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	jsonl_raw(j, NULL, text);
}

void evidence_list(struct core *c, struct jsonl *j)
{
	struct dirent **names = NULL;
	int n = -1;
	char path[320];

	jsonl_arr(j, NULL);
	snprintf(path, sizeof(path), "%s/evidence", c->state_dir);
	if (c->evidence)
		n = scandir(path, &names, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		if (is_id(names[i]->d_name))
			add_summary(c, j, names[i]->d_name);
		free(names[i]);
	}
	free(names);
	jsonl_arr_end(j);
}
