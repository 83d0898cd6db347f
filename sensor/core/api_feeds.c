/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Feeds over the API: what they hold, and what they say of one thing. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sensor/core/api_priv.h"
#include "sensor/core/feeds.h"

static void feed_row(const struct core_feed_view *v, void *arg)
{
	struct jsonl *j = arg;

	jsonl_obj(j, NULL);
	jsonl_str(j, "feed", v->name);
	jsonl_str(j, "path", v->path);
	jsonl_str(j, "state", v->state);
	jsonl_str(j, "refused", v->why);
	jsonl_str(j, "format", v->format);
	jsonl_obj(j, "entries");
	for (enum indicator_kind k = 0; k < IND_KINDS; k++)
		jsonl_u64(j, indicator_kind_name(k), v->entries[k]);
	jsonl_obj_end(j);
	jsonl_u64(j, "never_blocked", v->never_blocked);
	jsonl_u64(j, "unsupported", v->unsupported);
	jsonl_u64(j, "expired", v->expired);
	jsonl_u64(j, "bad", v->bad);
	jsonl_u64(j, "memory", v->memory);
	jsonl_u64(j, "hits", v->hits);
	jsonl_time(j, "read", v->read_wall_ns);
	jsonl_bool(j, "busy", v->busy);
	if (v->url) {
		jsonl_str(j, "url", v->url);
		jsonl_str(j, "etag", v->etag);
		jsonl_str(j, "modified", v->modified);
		jsonl_str(j, "error", v->error);
		jsonl_time(j, "fetched", v->fetched_wall_ns);
		jsonl_time(j, "next", v->next_wall_ns);
	}
	jsonl_obj_end(j);
}

void json_feeds(struct jsonl *j, struct core *c)
{
	jsonl_arr(j, NULL);
	core_each_feed(c, feed_row, j);
	jsonl_arr_end(j);
}

int json_feed_update(struct jsonl *j, struct core *c, const struct api_query *q, char *err, size_t err_len)
{
	int n = core_feeds_update(c, q->thing, q->all);

	if (n == 0) {
		snprintf(err, err_len, q->thing[0] ? "no feed has this name: see /v1/feeds" : "no feeds are configured");
		return -ENOENT;
	}
	jsonl_obj(j, NULL);
	jsonl_str(j, "done", "asked for");
	jsonl_str(j, "workload", "");
	jsonl_u64(j, "count", (uint64_t)n);
	jsonl_obj_end(j);
	return 0;
}

struct answers {
	struct jsonl *j;
	unsigned hits;
};

static void hit_row(const struct core_feed_view *v, const struct feed_hit *h, void *arg)
{
	struct answers *a = arg;
	char first[46] = "", last[46] = "";

	a->hits++;
	if (h->kind == IND_IP) {
		indicator_ip_text(h->first, first);
		indicator_ip_text(h->last, last);
	}
	jsonl_obj(a->j, NULL);
	jsonl_str(a->j, "feed", v->name);
	jsonl_str(a->j, "format", v->format);
	jsonl_u64(a->j, "line", h->line);
	jsonl_str(a->j, "entry", h->kind == IND_IP ? first : h->text);
	jsonl_str(a->j, "to", last);
	jsonl_str(a->j, "kind", indicator_kind_name(h->kind));
	jsonl_str(a->j, "match", feed_match_name(h->match));
	jsonl_str(a->j, "category", h->category);
	jsonl_u64(a->j, "confidence", h->confidence);
	jsonl_bool(a->j, "used", h->never == NEVER_NO);
	jsonl_str(a->j, "never_blocked", never_block_name(h->never));
	jsonl_bool(a->j, "context_only", h->flags & IND_NOT_FOR_IDS);
	jsonl_bool(a->j, "part_of_pattern", h->flags & IND_PARTIAL);
	jsonl_obj_end(a->j);
}

void json_feed_check(struct jsonl *j, struct core *c, const char *thing)
{
	struct answers a = { .j = j };
	int kind;

	jsonl_obj(j, NULL);
	jsonl_str(j, "query", thing);
	jsonl_arr(j, "hits");
	kind = core_feeds_ask(c, thing, hit_row, &a);
	jsonl_arr_end(j);
	jsonl_str(j, "kind", kind < 0 ? "" : indicator_kind_name((enum indicator_kind)kind));
	jsonl_bool(j, "listed", a.hits > 0);
	jsonl_arr(j, "feeds");
	core_each_feed(c, feed_row, j);
	jsonl_arr_end(j);
	jsonl_obj_end(j);
}
