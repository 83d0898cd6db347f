/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/watch/files_hash.h"

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"

#define BUF_LEN (256U << 10)

struct known {
	struct files_key key;
	uint8_t sha256[DIGEST_SHA256_LEN];
	UT_hash_handle hh;
};

struct files_hash {
	pthread_t worker;
	pthread_mutex_t lock; /* guards the two lists and stop */
	pthread_cond_t more;
	struct files_job *waiting, **waiting_tail, *finished, **finished_tail;
	size_t count; /* queued and not fetched yet; the loop's */
	bool stop;
	int event;
	struct known *known; /* the loop's; oldest first */
};

/* ---- the work ------------------------------------------------------------------------------------------------------ */
static bool still_same(const struct files_job *j)
{
	struct stat st;

	return fstat(j->fd, &st) == 0 && (uint64_t)st.st_size == j->key.size &&
	       (uint64_t)st.st_ctim.tv_sec * NSEC_PER_SEC + (uint64_t)st.st_ctim.tv_nsec == j->key.ctime_ns;
}

void files_hash_run(struct files_job *j, struct digest *d, void *buf, size_t buf_len, uint64_t time_ns)
{
	uint64_t until = clock_mono_ns() + time_ns, at = 0;
	ssize_t n;

	j->state = FILES_NOT_ERROR;
	for (;;) {
		n = pread(j->fd, buf, buf_len, (off_t)at);
		if (n <= 0)
			break;
		if (digest_add(d, buf, (size_t)n) < 0) {
			n = -1;
			break;
		}
		at += (uint64_t)n;
		if (at > FILES_HASH_SIZE_MAX || clock_mono_ns() > until) {
			j->state = at > FILES_HASH_SIZE_MAX ? FILES_NOT_BIG : FILES_NOT_SLOW;
			n = -1;
			break;
		}
	}
	if (digest_finish(d, j->sha256) < 0 || n < 0)
		return;
	j->state = at == j->key.size && still_same(j) ? FILES_HASHED : FILES_NOT_CHANGED;
}

static struct files_job *take_waiting(struct files_hash *h)
{
	struct files_job *j;

	pthread_mutex_lock(&h->lock);
	while (!h->waiting && !h->stop)
		pthread_cond_wait(&h->more, &h->lock);
	j = h->stop ? NULL : h->waiting;
	if (j) {
		h->waiting = j->next;
		if (!h->waiting)
			h->waiting_tail = &h->waiting;
		j->next = NULL;
	}
	pthread_mutex_unlock(&h->lock);
	return j;
}

static void put_finished(struct files_hash *h, struct files_job *j)
{
	const uint64_t one = 1;

	pthread_mutex_lock(&h->lock);
	*h->finished_tail = j;
	h->finished_tail = &j->next;
	pthread_mutex_unlock(&h->lock);
	(void)!write(h->event, &one, sizeof(one));
}

static void *worker(void *arg)
{
	struct files_hash *h = arg;
	struct digest *d = digest_new();
	_cleanup_free_ void *buf = malloc(BUF_LEN);
	struct files_job *j;

	while ((j = take_waiting(h))) {
		if (d && buf)
			files_hash_run(j, d, buf, BUF_LEN, FILES_HASH_TIME_NS);
		else
			j->state = FILES_NOT_ERROR;
		close_fd(&j->fd);
		put_finished(h, j);
	}
	digest_free(d);
	return NULL;
}

/* ---- the loop's side ----------------------------------------------------------------------------------------------- */
struct files_hash *files_hash_new(void)
{
	struct files_hash *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->waiting_tail = &h->waiting;
	h->finished_tail = &h->finished;
	h->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pthread_mutex_init(&h->lock, NULL);
	pthread_cond_init(&h->more, NULL);
	if (h->event < 0 || pthread_create(&h->worker, NULL, worker, h) != 0) {
		close_fd(&h->event);
		free(h);
		return NULL;
	}
	return h;
}

static void list_done(struct files_job *j, void (*done)(struct files_job *j))
{
	for (struct files_job *next; j; j = next) {
		next = j->next;
		close_fd(&j->fd);
		done(j);
	}
}

void files_hash_free(struct files_hash *h, void (*done)(struct files_job *j))
{
	struct known *k, *tmp;

	if (!h)
		return;
	pthread_mutex_lock(&h->lock);
	h->stop = true;
	pthread_cond_signal(&h->more);
	pthread_mutex_unlock(&h->lock);
	pthread_join(h->worker, NULL);
	list_done(h->waiting, done);
	list_done(h->finished, done);
	HASH_ITER(hh, h->known, k, tmp) {
		HASH_DEL(h->known, k);
		free(k);
	}
	pthread_mutex_destroy(&h->lock);
	pthread_cond_destroy(&h->more);
	close_fd(&h->event);
	free(h);
}

int files_hash_fd(const struct files_hash *h)
{
	return h->event;
}

bool files_hash_known(struct files_hash *h, const struct files_key *key, uint8_t ret[DIGEST_SHA256_LEN])
{
	struct known *k;

	HASH_FIND(hh, h->known, key, sizeof(*key), k);
	if (k)
		memcpy(ret, k->sha256, sizeof(k->sha256));
	return k != NULL;
}

static void remember(struct files_hash *h, const struct files_job *j)
{
	struct known *k;

	HASH_FIND(hh, h->known, &j->key, sizeof(j->key), k);
	if (k)
		return;
	if (HASH_COUNT(h->known) >= FILES_HASH_CACHE) {
		k = h->known; /* the oldest */
		HASH_DEL(h->known, k);
	} else {
		k = malloc(sizeof(*k));
	}
	if (!k)
		return;
	k->key = j->key;
	memcpy(k->sha256, j->sha256, sizeof(k->sha256));
	HASH_ADD(hh, h->known, key, sizeof(k->key), k);
	if (!k->hh.tbl)
		free(k);
}

bool files_hash_queue(struct files_hash *h, struct files_job *j)
{
	if (h->count >= FILES_HASH_QUEUE)
		return false;
	h->count++;
	j->next = NULL;
	pthread_mutex_lock(&h->lock);
	*h->waiting_tail = j;
	h->waiting_tail = &j->next;
	pthread_cond_signal(&h->more);
	pthread_mutex_unlock(&h->lock);
	return true;
}

struct files_job *files_hash_next(struct files_hash *h)
{
	struct files_job *j;
	uint64_t n;

	(void)!read(h->event, &n, sizeof(n));
	pthread_mutex_lock(&h->lock);
	j = h->finished;
	if (j) {
		h->finished = j->next;
		if (!h->finished)
			h->finished_tail = &h->finished;
	}
	pthread_mutex_unlock(&h->lock);
	if (!j)
		return NULL;
	j->next = NULL;
	h->count--;
	if (j->state == FILES_HASHED)
		remember(h, j);
	return j;
}
