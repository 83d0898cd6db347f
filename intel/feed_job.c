/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "intel/feed_job.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "intel/feed.h"
#include "intel/feed_text.h"

struct job {
	int (*send)(const void *body, size_t len, void *arg);
	void *arg;
	uint8_t *body;
	size_t len, len_max;
	int error;
};

static void flush(struct job *j)
{
	if (j->len && !j->error)
		j->error = j->send(j->body, j->len, j->arg);
	j->len = 0;
}

static void entry_put(const struct indicator *i, void *arg)
{
	struct msg_indicator m = { .kind = (uint8_t)i->kind, .confidence = i->confidence, .flags = i->flags, .algo = (uint8_t)i->algo,
				   .line = i->line, .text_len = (uint16_t)i->text_len, .category_len = (uint16_t)i->category_len };
	struct job *j = arg;

	if (i->kind != IND_DOMAIN && i->kind != IND_URL)
		m.text_len = 0;
	if (i->kind == IND_HASH) {
		memcpy(m.data, i->digest, sizeof(m.data));
	} else {
		memcpy(m.data, i->first, 16);
		memcpy(m.data + 16, i->last, 16);
	}
	if (j->len + sizeof(m) + m.text_len + m.category_len > j->len_max)
		flush(j);
	memcpy(j->body + j->len, &m, sizeof(m));
	j->len += sizeof(m);
	memcpy(j->body + j->len, i->text, m.text_len);
	j->len += m.text_len;
	memcpy(j->body + j->len, i->category, m.category_len);
	j->len += m.category_len;
}

static void end_fill(struct msg_feed_end *e, const struct feed_report *r)
{
	*e = (struct msg_feed_end){ .format = (uint32_t)r->format, .unsupported = r->unsupported, .expired = r->expired, .bad = r->bad };
	for (int k = 0; k < IND_KINDS; k++)
		e->entries[k] = r->entries[k];
	snprintf(e->why, sizeof(e->why), "%s", r->refused ? r->refused : "");
}

int feed_job(int fd, const struct msg_document *m, size_t len_max, int (*send)(const void *body, size_t len, void *arg), void *arg,
	     struct msg_feed_end *ret)
{
	struct job j = { .send = send, .arg = arg, .len_max = len_max };
	_cleanup_free_ char *text = NULL;
	struct feed_report report = { 0 };
	size_t len = 0;
	int r;

	memset(ret, 0, sizeof(*ret));
	if (m->format >= FEED_FORMATS)
		return -EINVAL;
	r = feed_text_read(fd, &text, &len);
	if (r < 0) {
		snprintf(ret->why, sizeof(ret->why), "%s", r == -EFBIG ? "it is larger than 256 MiB" : strerror(-r));
		return r;
	}
	j.body = malloc(len_max);
	if (!j.body)
		return -ENOMEM;
	r = feed_parse(text, len, (enum feed_format)m->format, (int64_t)m->now_s, entry_put, &j, &report);
	flush(&j);
	free(j.body);
	end_fill(ret, &report);
	return r < 0 ? r : j.error;
}
