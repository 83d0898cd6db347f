/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/core/fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sensor/core/core_priv.h"

enum { WAITING_MAX = 64, UNDER_WAY_MAX = 4, DEFAULT_BYTES = 64 << 10, DEFAULT_S = 60 };

struct waiting {
	struct waiting *next;
	uint32_t id;
	bool sent;
	int ca_fd;
	fetch_cb cb;
	void *arg;
	size_t len;
	uint8_t body[]; /* of MSG_FETCH */
};

struct core_fetches {
	struct peer *program;
	struct waiting *first;
	unsigned count;
	uint32_t last_id;
};

static void waiting_free(struct waiting *w)
{
	close_fd(&w->ca_fd);
	free(w);
}

static struct waiting *waiting_take(struct core_fetches *f, uint32_t id)
{
	for (struct waiting **at = &f->first; *at; at = &(*at)->next)
		if ((*at)->id == id) {
			struct waiting *w = *at;

			*at = w->next;
			f->count--;
			return w;
		}
	return NULL;
}

static void waiting_answer(struct waiting *w, struct fetch_result *r)
{
	w->cb(r, w->arg);
	close_fd(&r->fd);
	waiting_free(w);
}

/* ---- sending ------------------------------------------------------------------------------------------------------------ */
static void send_more(struct core_fetches *f)
{
	unsigned under_way = 0;

	for (struct waiting *w = f->first; w; w = w->next)
		under_way += w->sent;
	for (struct waiting *w = f->first; w && under_way < UNDER_WAY_MAX && f->program; w = w->next) {
		if (w->sent)
			continue;
		if (peer_send_fd(f->program, MSG_FETCH, w->id, w->body, w->len, w->ca_fd) < 0)
			return; /* busy: at the next answer or tick */
		w->sent = true;
		under_way++;
	}
}

static void put(uint8_t **p, const void *data, size_t len)
{
	if (len)
		memcpy(*p, data, len);
	*p += len;
}

static size_t length(const char *s)
{
	return s ? strlen(s) : 0;
}

static int job_check(const struct fetch_job *j)
{
	if (!j->url || !j->url[0] || (j->body_len && !(j->flags & FETCH_POST)))
		return -EINVAL;
	if (length(j->url) > FETCH_URL_MAX || length(j->proxy) > 512 || length(j->headers) > 4096 || length(j->etag) > 256 ||
	    length(j->modified) > 256 || j->body_len > FETCH_BODY_MAX)
		return -E2BIG;
	return 0;
}

static struct waiting *waiting_new(const struct fetch_job *j)
{
	unsigned never = j->never_count < 200 ? j->never_count : 200;
	struct msg_fetch m = { .flags = j->flags, .timeout_s = j->timeout_s ? j->timeout_s : DEFAULT_S,
			       .max_bytes = j->max_bytes ? j->max_bytes : DEFAULT_BYTES, .url_len = (uint16_t)length(j->url),
			       .proxy_len = (uint16_t)length(j->proxy), .etag_len = (uint16_t)length(j->etag),
			       .modified_len = (uint16_t)length(j->modified), .headers_len = (uint16_t)length(j->headers),
			       .never_count = (uint16_t)never, .body_len = (uint32_t)j->body_len };
	size_t len = sizeof(m) + m.url_len + m.proxy_len + m.etag_len + m.modified_len + m.headers_len + m.body_len +
		     never * sizeof(struct never_range);
	struct waiting *w = calloc(1, sizeof(*w) + len);
	uint8_t *p;

	if (!w)
		return NULL;
	w->ca_fd = -1;
	w->len = len;
	p = w->body;
	put(&p, &m, sizeof(m));
	put(&p, j->url, m.url_len);
	put(&p, j->proxy, m.proxy_len);
	put(&p, j->etag, m.etag_len);
	put(&p, j->modified, m.modified_len);
	put(&p, j->headers, m.headers_len);
	put(&p, j->body, m.body_len);
	put(&p, j->never, never * sizeof(struct never_range));
	if (j->ca_fd >= 0)
		w->ca_fd = fcntl(j->ca_fd, F_DUPFD_CLOEXEC, 3);
	return w;
}

int core_fetch(struct core *c, const struct fetch_job *j, fetch_cb cb, void *arg, uint32_t *ret_id)
{
	struct core_fetches *f = c->fetches;
	int r = job_check(j);
	struct waiting *w, **at;

	if (r < 0 || !f)
		return r < 0 ? r : -ENOMEM;
	if (f->count >= WAITING_MAX)
		return -ENOBUFS;
	w = waiting_new(j);
	if (!w || (j->ca_fd >= 0 && w->ca_fd < 0)) {
		free(w);
		return -ENOMEM;
	}
	w->id = ++f->last_id ? f->last_id : ++f->last_id;
	w->cb = cb;
	w->arg = arg;
	for (at = &f->first; *at; at = &(*at)->next)
		;
	*at = w;
	f->count++;
	if (ret_id)
		*ret_id = w->id;
	send_more(f);
	return 0;
}

void core_fetch_cancel(struct core *c, uint32_t id)
{
	struct waiting *w = c->fetches ? waiting_take(c->fetches, id) : NULL;

	if (!w)
		return;
	if (w->sent)
		(void)peer_send(c->fetches->program, MSG_FETCH, id, NULL, 0);
	waiting_free(w);
}

/* ---- answers -------------------------------------------------------------------------------------------------------------- */
static void fetch_message(const struct ipc_hdr *hdr, const void *body, int fd, void *arg)
{
	struct core *c = arg;
	struct fetch_result r = { .status = hdr->status, .fd = fd };
	struct msg_fetched m;
	struct waiting *w;

	if (hdr->type != MSG_FETCHED || hdr->len != sizeof(m) || !(w = waiting_take(c->fetches, hdr->seq))) {
		close_fd(&fd);
		return;
	}
	memcpy(&m, body, sizeof(m));
	m.etag[sizeof(m.etag) - 1] = m.modified[sizeof(m.modified) - 1] = m.why[sizeof(m.why) - 1] = '\0';
	r.http_status = m.http_status;
	r.retry_after_s = m.retry_after_s;
	r.bytes = m.bytes;
	r.etag = m.etag;
	r.modified = m.modified;
	r.why = m.why;
	waiting_answer(w, &r);
	if (c->fetches)
		send_more(c->fetches);
}

static void program_lost(struct core_fetches *f)
{
	struct waiting *sent = NULL;

	peer_close(f->program);
	f->program = NULL;
	for (struct waiting **at = &f->first, *w; (w = *at);) {
		if (!w->sent) {
			at = &w->next;
			continue;
		}
		*at = w->next;
		f->count--;
		w->next = sent;
		sent = w;
	}
	for (struct waiting *next; sent; sent = next) {
		struct fetch_result r = { .status = -EPIPE, .etag = "", .modified = "", .why = "the fetching program ended", .fd = -1 };

		next = sent->next;
		waiting_answer(sent, &r);
	}
}

static void fetch_gone(void *arg)
{
	struct core *c = arg;

	program_lost(c->fetches);
}

void fetch_connected(struct core *c, int fd)
{
	struct core_fetches *f = c->fetches;

	if (!f) {
		close(fd);
		return;
	}
	program_lost(f);
	if (peer_open(c->priv->loop, fd, fetch_message, fetch_gone, c, &f->program) == 0)
		send_more(f);
}

void fetch_tick(struct core *c)
{
	if (c->fetches)
		send_more(c->fetches);
}

int fetch_open(struct core *c)
{
	c->fetches = calloc(1, sizeof(*c->fetches));
	return c->fetches ? 0 : -ENOMEM;
}

void fetch_close(struct core *c)
{
	struct core_fetches *f = c->fetches;

	if (!f)
		return;
	peer_close(f->program);
	while (f->first)
		waiting_free(waiting_take(f, f->first->id));
	free(f);
	c->fetches = NULL;
}

bool core_wants_fetch(const struct config *cfg)
{
	return cfg->feed_url_count > 0 || cfg->journald || cfg->syslog[0] || cfg->webhook[0] ||
	       cfg->exports.lines_to_count || cfg->exports.ipfix_to[0] || cfg->exports.otlp_to[0];
}
