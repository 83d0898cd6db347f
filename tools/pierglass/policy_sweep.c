/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/pierglass/policy_sweep.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "enforce/nft_sets.h"

struct seen {
	struct {
		dev_t dev;
		ino_t ino;
	} *ids;
	size_t count, room;
};

struct sweep {
	int home_fd, error;
	struct seen namespaces, roots;
	unsigned tables;
};

/* True the first time. */
static bool note(struct seen *s, const struct stat *st)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->ids[i].dev == st->st_dev && s->ids[i].ino == st->st_ino)
			return false;
	if (s->count == s->room) {
		size_t room = s->room ? s->room * 2 : 64;
		void *more = reallocarray(s->ids, room, sizeof(*s->ids));

		if (!more)
			return false;
		s->ids = more;
		s->room = room;
	}
	s->ids[s->count].dev = st->st_dev;
	s->ids[s->count++].ino = st->st_ino;
	return true;
}

static int table_remove(struct nft_sock *sock, enum nft_family f, unsigned *tables)
{
	uint64_t handle;
	int r = nft_table_find(sock, f, &handle, NULL);

	if (r < 0 || !handle)
		return r;
	r = nft_batch_begin(sock);
	nft_batch_delete_table(sock, f);
	if (r == 0)
		r = nft_batch_commit(sock);
	*tables += r == 0;
	return r;
}

static void sweep_namespace(struct sweep *s, const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct nft_sock *sock;
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0 || !note(&s->namespaces, &st))
		return;
	r = nft_sock_open(s->home_fd, fd, &sock);
	if (r < 0) {
		if (r != -EINVAL) /* a plain file in that directory */
			s->error = r;
		return;
	}
	for (int f = 0; f < NFT_FAMILY_MAX; f++) {
		r = table_remove(sock, (enum nft_family)f, &s->tables);
		if (r < 0)
			s->error = r;
	}
	nft_sock_close(sock);
}

static void sweep_directory(struct sweep *s, const char *path)
{
	DIR *d = opendir(path);
	char file[512];

	for (struct dirent *e; d && (e = readdir(d));) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(file, sizeof(file), "%.250s/%.250s", path, e->d_name);
		sweep_namespace(s, file);
	}
	if (d)
		closedir(d);
}

static void sweep_process(struct sweep *s, const char *pid)
{
	char path[128];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%.16s/ns/net", pid);
	sweep_namespace(s, path);
	/* Each view of the file system once: an engine may have one of its own. */
	snprintf(path, sizeof(path), "/proc/%.16s/ns/mnt", pid);
	if (stat(path, &st) < 0 || !note(&s->roots, &st))
		return;
	snprintf(path, sizeof(path), "/proc/%.16s/root/run/docker/netns", pid);
	sweep_directory(s, path);
	snprintf(path, sizeof(path), "/proc/%.16s/root/run/netns", pid);
	sweep_directory(s, path);
}

int policy_sweep(unsigned *ret_tables, unsigned *ret_namespaces)
{
	_cleanup_close_ int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	struct sweep s = { .home_fd = home };
	DIR *d;

	if (geteuid() != 0)
		return -EPERM;
	d = home < 0 ? NULL : opendir("/proc");
	if (!d)
		return -errno;
	for (struct dirent *e; (e = readdir(d));)
		if (isdigit((unsigned char)e->d_name[0]))
			sweep_process(&s, e->d_name);
	closedir(d);
	*ret_tables = s.tables;
	*ret_namespaces = (unsigned)s.namespaces.count;
	free(s.namespaces.ids);
	free(s.roots.ids);
	return s.error;
}
