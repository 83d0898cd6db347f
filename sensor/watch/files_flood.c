/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/watch/files_flood.h"

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include <stdlib.h>
#include <string.h>

struct window {
	uint64_t since_ns, seen;
	UT_hash_handle hh;
	size_t key_len;
	struct flood_key {
		uint32_t watch, pid;
		uint8_t origin;
		char dir[];
	} key;
};
#define KEY_HEAD offsetof(struct flood_key, dir)

/* The one that stands for all further processes and directories of a container. */
static bool is_joint(const struct window *w)
{
	return w->key_len == KEY_HEAD;
}

struct files_flood {
	struct window *windows;
	/* for the key that is looked up */
	struct flood_key *scratch;
	size_t scratch_len;
};

struct files_flood *files_flood_new(void)
{
	return calloc(1, sizeof(struct files_flood));
}

static void window_drop(struct files_flood *f, struct window *w)
{
	HASH_DEL(f->windows, w);
	free(w);
}

void files_flood_free(struct files_flood *f)
{
	struct window *w, *tmp;

	if (!f)
		return;
	HASH_ITER(hh, f->windows, w, tmp)
		window_drop(f, w);
	free(f->scratch);
	free(f);
}

static struct window *window_get(struct files_flood *f, uint64_t now_ns)
{
	struct window *w;

	HASH_FIND(hh, f->windows, f->scratch, f->scratch_len, w);
	if (w)
		return w;
	w = calloc(1, sizeof(*w) + f->scratch_len - KEY_HEAD);
	if (!w)
		return NULL;
	w->since_ns = now_ns;
	w->key_len = f->scratch_len;
	memcpy(&w->key, f->scratch, f->scratch_len);
	HASH_ADD_KEYPTR(hh, f->windows, &w->key, w->key_len, w);
	if (w->hh.tbl)
		return w;
	free(w);
	return NULL;
}

static bool scratch_set(struct files_flood *f, uint32_t watch, uint32_t pid, const char *dir, size_t dir_len, uint8_t origin)
{
	size_t len = KEY_HEAD + dir_len;
	struct flood_key *k = realloc(f->scratch, len < sizeof(*k) ? sizeof(*k) : len);

	if (!k)
		return false;
	f->scratch = k;
	f->scratch_len = len;
	memset(k, 0, KEY_HEAD);
	k->watch = watch;
	k->pid = pid;
	k->origin = origin;
	if (dir_len)
		memcpy(k->dir, dir, dir_len);
	return true;
}

bool files_flood_add(struct files_flood *f, uint32_t watch, uint32_t pid, const char *dir, size_t dir_len, uint8_t origin,
		     uint64_t now_ns)
{
	bool full = HASH_COUNT(f->windows) >= FILES_FLOOD_MAX;
	struct window *w;

	if (!scratch_set(f, watch, pid, dir, dir_len, origin))
		return true;
	HASH_FIND(hh, f->windows, f->scratch, f->scratch_len, w);
	if (!w && full && !scratch_set(f, watch, 0, "", 0, 0))
		return true;
	/* The joint window of a container is made although the table is full: there are as many as containers. */
	w = w ? w : window_get(f, now_ns);
	if (!w)
		return true;
	w->seen++;
	return w->seen <= FILES_FLOOD_ALONE && !is_joint(w);
}

void files_flood_expire(struct files_flood *f, uint64_t now_ns, bool all, files_many_cb cb, void *arg)
{
	struct window *w, *tmp;

	HASH_ITER(hh, f->windows, w, tmp) {
		uint64_t alone = is_joint(w) ? 0 : FILES_FLOOD_ALONE;
		struct files_many m = { .watch = w->key.watch, .pid = w->key.pid, .dir = w->key.dir, .dir_len = w->key_len - KEY_HEAD,
					.origin = w->key.origin, .count = w->seen > alone ? w->seen - alone : 0,
					.window_ns = now_ns - w->since_ns };

		if (!all && m.window_ns < FILES_FLOOD_WINDOW_NS)
			continue;
		if (m.count)
			cb(&m, arg);
		window_drop(f, w);
	}
}

size_t files_flood_count(const struct files_flood *f)
{
	return HASH_COUNT(f->windows);
}
