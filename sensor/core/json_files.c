/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names and JSON of what is known of files. */
#include "sensor/core/files.h"
#include "sensor/core/json_views.h"

const char *core_file_origin_name(enum files_origin o)
{
	switch (o) {
	case FILES_ORIGIN_UNKNOWN:
		return "unknown";
	case FILES_ORIGIN_ROOT:
		return "root";
	case FILES_ORIGIN_IMAGE:
		return "image";
	case FILES_ORIGIN_UPPER:
		return "upper";
	case FILES_ORIGIN_VOLUME:
		return "volume";
	case FILES_ORIGIN_TMPFS:
		return "tmpfs";
	case FILES_ORIGIN_BIND:
		return "bind";
	case FILES_ORIGIN_ENGINE:
		return "engine";
	case FILES_ORIGIN_MEMORY:
		return "memory";
	case FILES_ORIGIN_MAX:
		break;
	}
	return "unknown";
}

const char *core_digest_state_name(enum files_digest_state s)
{
	switch (s) {
	case FILES_HASHED:
		return "hashed";
	case FILES_NOT_BIG:
		return "too-big";
	case FILES_NOT_BUSY:
		return "busy";
	case FILES_NOT_SLOW:
		return "slow";
	case FILES_NOT_GONE:
		return "gone";
	case FILES_NOT_CHANGED:
		return "changed";
	case FILES_NOT_ERROR:
		return "error";
	case FILES_NOT_INSIDE:
		return "outside";
	case FILES_DIGEST_STATE_MAX:
		break;
	}
	return "error";
}

const char *core_file_change_name(enum files_change ch)
{
	switch (ch) {
	case FILES_WRITTEN:
		return "written";
	case FILES_CREATED:
		return "created";
	case FILES_DELETED:
		return "deleted";
	case FILES_MOVED_IN:
		return "moved-in";
	case FILES_MOVED_AWAY:
		return "moved-away";
	case FILES_ATTRIBUTES:
		return "attributes";
	case FILES_CHANGE_MAX:
		break;
	}
	return "written";
}

void json_exe_keys(struct jsonl *j, const struct core_exe *e)
{
	bool known = e && e->answered;

	jsonl_str(j, "exe_sha256", known ? e->sha256 : "");
	jsonl_str(j, "exe_place", core_file_origin_name(known ? e->origin : FILES_ORIGIN_UNKNOWN));
	jsonl_str(j, "exe_layer", known ? e->layer : "");
	jsonl_bool(j, "exe_changed", known && e->copied_up);
}

static void exe_json(const struct core_exe *e, void *arg)
{
	struct jsonl *j = arg;

	if (!e->answered)
		return;
	jsonl_obj(j, NULL);
	jsonl_str(j, "path", e->path);
	jsonl_str(j, "sha256", e->sha256);
	jsonl_str(j, "not_hashed", e->state == FILES_HASHED ? "" : core_digest_state_name(e->state));
	jsonl_str(j, "place", core_file_origin_name(e->origin));
	jsonl_str(j, "layer", e->layer);
	jsonl_bool(j, "changed", e->copied_up);
	jsonl_u64(j, "size", e->size);
	jsonl_time(j, "modified", e->mtime_ns);
	jsonl_obj_end(j);
}

void json_container_files(struct jsonl *j, struct core *c, const struct ident_container *k)
{
	struct core_files_state s = { 0 };
	bool there = core_files_state(c, k, &s);

	jsonl_obj(j, "files");
	jsonl_bool(j, "watched", there && s.settled && !s.error && !s.throttled);
	jsonl_u64(j, "mounts", s.marks);
	jsonl_u64(j, "mounts_not_watched", s.unmarked);
	jsonl_bool(j, "throttled", s.throttled);
	jsonl_u64(j, "events", s.events);
	jsonl_u64(j, "writes", s.closes);
	jsonl_obj_end(j);
	jsonl_arr(j, "exes");
	if (there)
		core_each_exe(c, k, exe_json, j);
	jsonl_arr_end(j);
}
