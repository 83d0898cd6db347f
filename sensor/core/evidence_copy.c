/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Archives and digests: what reads and writes files of any size is done in libuv's threads, one at a time for each bundle; the loop
 * only hands over and takes back. A thread sees of its job what the loop leaves alone while busy is set: working, tar, dir, files. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/tar.h"
#include "sensor/core/evidence_priv.h"

#define CHUNK 65536

static void item_free(struct evidence_item *it)
{
	free(it->name);
	free(it->link);
	free(it->data);
	close_fd(&it->fd);
	free(it);
}

void evidence_items_free(struct evidence_job *job)
{
	for (struct evidence_item *it = job->items, *next; it; it = next) {
		next = it->next;
		item_free(it);
	}
	job->items = NULL;
	job->items_end = &job->items;
}

void evidence_add(struct evidence_job *job, struct evidence_item *it)
{
	uint64_t size = it->data || it->fd >= 0 ? (uint64_t)it->st.st_size : 0, max = job->core->config.evidence_bundle_bytes;

	if (!it->name) {
		evidence_cut(job, "no memory");
		item_free(it);
		return;
	}
	if (size > it->size_max) {
		evidence_cut(job, "%.120s: only %llu of %llu bytes", it->name, (unsigned long long)it->size_max, (unsigned long long)size);
		size = it->size_max;
	}
	if (job->bytes + size + 2 * TAR_BLOCK > max) {
		evidence_cut(job, "%.120s: left out, the bundle is full", it->name);
		item_free(it);
		return;
	}
	job->bytes += size + 2 * TAR_BLOCK;
	job->queued++;
	*job->items_end = it;
	job->items_end = &it->next;
}

bool evidence_copy_idle(const struct evidence_job *job)
{
	return !job->busy && !job->items;
}

/* ---- in the thread ---------------------------------------------------------------------------------------------------------- */
static int write_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

static int write_zeros(int fd, uint64_t len)
{
	static const char zeros[TAR_BLOCK];
	int r = 0;

	for (; len && r == 0; len -= len < sizeof(zeros) ? len : sizeof(zeros))
		r = write_all(fd, zeros, len < sizeof(zeros) ? (size_t)len : sizeof(zeros));
	return r;
}

/* Exactly size bytes: what a file that shrank no longer has is zeros. */
static int copy_data(struct evidence_item *it, int tar, uint64_t size)
{
	char buf[CHUNK];
	uint64_t left = size;
	int r = 0;

	if (it->data)
		return write_all(tar, it->data, (size_t)size);
	while (left && r == 0) {
		ssize_t n = read(it->fd, buf, left < sizeof(buf) ? (size_t)left : sizeof(buf));

		if (n <= 0) {
			it->cut = true;
			return write_zeros(tar, left);
		}
		r = write_all(tar, buf, (size_t)n);
		left -= (uint64_t)n;
	}
	return r;
}

static enum tar_type tar_type_of(mode_t mode)
{
	return S_ISDIR(mode) ? TAR_DIR : S_ISLNK(mode) ? TAR_SYMLINK : S_ISCHR(mode) ? TAR_CHAR : S_ISBLK(mode) ? TAR_BLOCK_DEVICE :
	       S_ISREG(mode) ? TAR_FILE : TAR_FIFO;
}

static int copy_item(struct evidence_item *it, int tar, unsigned char *header)
{
	uint64_t size = !it->data && it->fd < 0 ? 0 : (uint64_t)it->st.st_size < it->size_max ? (uint64_t)it->st.st_size : it->size_max;
	struct tar_entry e = { .name = it->name, .link = it->link, .type = tar_type_of(it->st.st_mode), .mode = it->st.st_mode & 07777,
			       .uid = it->st.st_uid, .gid = it->st.st_gid, .size = size, .mtime_s = (uint64_t)it->st.st_mtime,
			       .major = major(it->st.st_rdev), .minor = minor(it->st.st_rdev) };
	size_t n = tar_header(&e, header);
	int r;

	if (!n) {
		it->cut = true;
		return 0;
	}
	r = write_all(tar, header, n);
	if (r == 0)
		r = copy_data(it, tar, size);
	return r < 0 ? r : write_zeros(tar, tar_padding(size));
}

static void copy_work(uv_work_t *w)
{
	struct evidence_job *job = w->data;
	unsigned char *header = malloc(TAR_HEADER_MAX);
	bool failed = !header;

	for (struct evidence_item *it = job->working; it; it = it->next)
		if (failed || copy_item(it, job->tar, header) < 0)
			it->cut = failed = true;
	free(header);
}

static void digest_file(struct evidence_job *job, unsigned i, struct digest *d)
{
	_cleanup_close_ int fd = openat(job->dir, job->files[i].name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	uint8_t sha256[DIGEST_SHA256_LEN];
	char buf[CHUNK];
	ssize_t n;

	job->files[i].size = 0;
	while (fd >= 0 && (n = read(fd, buf, sizeof(buf))) > 0) {
		digest_add(d, buf, (size_t)n);
		job->files[i].size += (uint64_t)n;
	}
	if (fd >= 0 && digest_finish(d, sha256) == 0)
		digest_text(sha256, job->files[i].sha256);
}

static void hash_work(uv_work_t *w)
{
	struct evidence_job *job = w->data;
	struct digest *d = digest_new();

	(void)write_zeros(job->tar, TAR_END);
	(void)fsync(job->tar);
	for (unsigned i = 0; d && i < job->file_count; i++)
		digest_file(job, i, d);
	digest_free(d);
}

/* ---- on the loop ------------------------------------------------------------------------------------------------------------ */
static void copy_done(uv_work_t *w, int status)
{
	struct evidence_job *job = w->data;

	job->busy = false;
	for (struct evidence_item *it = job->working, *next; it; it = next) {
		next = it->next;
		if (it->cut)
			evidence_cut(job, "%.150s: not copied to its end", it->name);
		item_free(it);
		job->queued--;
	}
	job->working = NULL;
	evidence_asks_pump(job);
	evidence_advance(job);
}

void evidence_copy_pump(struct evidence_job *job)
{
	if (job->busy || !job->items)
		return;
	job->working = job->items;
	job->items = NULL;
	job->items_end = &job->items;
	job->work.data = job;
	job->busy = uv_queue_work(job->core->priv->loop, &job->work, copy_work, copy_done) == 0;
	if (!job->busy)
		copy_done(&job->work, -1);
}

static void hash_done(uv_work_t *w, int status)
{
	struct evidence_job *job = w->data;

	job->busy = false;
	evidence_manifest(job);
	job->state = EV_OVER;
}

void evidence_hash(struct evidence_job *job)
{
	job->work.data = job;
	job->busy = uv_queue_work(job->core->priv->loop, &job->work, hash_work, hash_done) == 0;
	if (!job->busy)
		job->state = EV_OVER;
}
