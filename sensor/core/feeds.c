/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/core/feeds.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "sensor/core/declared.h"
#include "sensor/core/feeds_priv.h"
#include "sensor/core/model.h"

#define LOOK_EVERY_NS (5 * NSEC_PER_SEC)
/* A feed that loses or gains this much at once is more likely broken or forged than right. */
enum { SUSPICIOUS_MIN = 200, SHRINK_PERCENT = 50, GROW_TIMES = 10 };

const char *feed_name(const struct core_feed *f)
{
	const char *slash = strrchr(f->path, '/');

	return f->remote.cfg ? f->remote.cfg->name : slash ? slash + 1 : f->path;
}

/* As findings and the log call it: where it comes from. */
static const char *feed_source(const struct core_feed *f)
{
	return f->remote.cfg ? f->remote.cfg->url : f->path;
}

/* ---- refusing ------------------------------------------------------------------------------------------------------------ */
static void tell_poisoned(struct core *c, const struct core_feed *f, const char *what, const char *why)
{
	struct finding *n = calloc(1, sizeof(*n));

	if (!n)
		return;
	n->kind = FINDING_FEED_POISONED;
	n->fact_kind = -1;
	snprintf(n->key, sizeof(n->key), "feed\t%s\t%s", feed_source(f), what);
	snprintf(n->observed, sizeof(n->observed), "Feed %.300s: %s", feed_source(f), what);
	snprintf(n->why, sizeof(n->why), "%s", why);
	n->expected_count = 1;
	snprintf(n->expected[0], sizeof(n->expected[0]), "a whole list of what is bad, and of nothing that this node needs");
	model_on_finding(c, NULL, n);
	free(n);
}

static void feed_refuse(struct core *c, struct core_feed *f, const char *why)
{
	f->state = FEED_REFUSED;
	snprintf(f->why, sizeof(f->why), "%s", why);
	log_warn("feed %s is not used: %s, ignoring: %s", feed_source(f), why, f->set ? "the last good copy stays in use" : "nothing of it is matched");
	tell_poisoned(c, f, why, f->set ? "What was read before stays in use." : "Nothing of it is matched.");
}

static uint64_t entries_of(const struct msg_feed_end *e)
{
	uint64_t n = 0;

	for (int k = 0; k < IND_KINDS; k++)
		n += e->entries[k];
	return n;
}

static const char *suspicion(const struct core_feed *f, const struct msg_feed_end *now)
{
	uint64_t had = entries_of(&f->end), has = entries_of(now);

	if (!f->set || had < SUSPICIOUS_MIN || f->remote.forced)
		return NULL;
	if (has * 100 < had * SHRINK_PERCENT)
		return "it lost more than half of its entries at once";
	return has > had * GROW_TIMES ? "it grew more than tenfold at once" : NULL;
}

/* ---- reading ---------------------------------------------------------------------------------------------------------------- */
static void reading_over(struct core_feeds *f)
{
	f->reading = -1;
}

/* What the operator says of a whole feed. */
static void operators_word(const struct config_feed_url *cfg, struct indicator *i)
{
	if (!cfg)
		return;
	if (!i->category_len) {
		i->category = cfg->category;
		i->category_len = strlen(cfg->category);
	}
	if (cfg->confidence)
		i->confidence = (uint8_t)cfg->confidence;
}

static void part_take(struct core_feed *f, const uint8_t *p, size_t len)
{
	while (len >= sizeof(struct msg_indicator)) {
		struct indicator i = { .text = "" };
		struct msg_indicator m;

		memcpy(&m, p, sizeof(m));
		p += sizeof(m);
		len -= sizeof(m);
		if (m.kind >= IND_KINDS || m.algo >= HASH_ALGOS || (size_t)m.text_len + m.category_len > len ||
		    m.text_len > INDICATOR_URL_MAX || m.category_len > INDICATOR_CATEGORY_MAX)
			return;
		i.kind = (enum indicator_kind)m.kind;
		i.algo = (enum hash_algo)m.algo;
		i.confidence = m.confidence;
		i.flags = m.flags;
		i.line = m.line;
		memcpy(i.digest, m.data, sizeof(i.digest));
		memcpy(i.first, m.data, 16);
		memcpy(i.last, m.data + 16, 16);
		i.text = (const char *)p;
		i.text_len = m.text_len;
		i.category = (const char *)p + m.text_len;
		i.category_len = m.category_len;
		p += (size_t)m.text_len + m.category_len;
		len -= (size_t)m.text_len + m.category_len;
		operators_word(f->remote.cfg, &i);
		feed_set_add(&i, f->coming);
	}
}

static bool feed_end(struct core *c, struct core_feed *f, int status, const struct msg_feed_end *e)
{
	struct feed_set *coming = f->coming;
	const char *doubt = status == 0 ? suspicion(f, e) : NULL;
	char what[80];

	f->coming = NULL;
	if (status == 0 && !doubt)
		status = feed_set_seal(coming);
	if (status < 0 || doubt) {
		feed_set_free(coming);
		feed_refuse(c, f, doubt ? doubt : e->why[0] ? e->why : strerror(-status));
		return false;
	}
	feed_set_free(f->set);
	f->set = coming;
	f->end = *e;
	f->state = FEED_USED;
	f->why[0] = '\0';
	c->feeds->kernel_stale = true;
	f->read_wall_ns = clock_wall_ns();
	log_info("feed %s: %llu entries in use (%s), %zu never blocked, read in %llu ms", feed_source(f), (unsigned long long)entries_of(e),
		 feed_format_name((enum feed_format)e->format), feed_set_never(coming),
		 (unsigned long long)((clock_mono_ns() - c->feeds->began_ns) / NSEC_PER_MSEC));
	if (feed_set_never(coming)) {
		snprintf(what, sizeof(what), "names %zu addresses or prefixes that must never be blocked", feed_set_never(coming));
		tell_poisoned(c, f, what,
			      "Private, link-local, multicast and this node's networks, and prefixes that are too wide, are not taken from "
			      "a feed.");
	}
	return true;
}

/* The copy on disk or what was fetched was judged. */
static void reading_judged(struct core *c, struct core_feed *f, bool good)
{
	struct core_feeds *feeds = c->feeds;

	if (feeds->reading_fetched)
		feed_remote_judged(c, f, good);
	else
		f->remote.forced = f->remote.forced && f->remote.cfg;
	feeds->reading_fetched = false;
}

static void documents_message(const struct ipc_hdr *hdr, const void *body, int fd, void *arg)
{
	struct core *c = arg;
	struct core_feeds *f = c->feeds;
	struct core_feed *feed = f->reading >= 0 ? &f->feeds[f->reading] : NULL;
	struct msg_feed_end end;

	if (fd >= 0)
		close(fd);
	if (hdr->seq & DECLARED_SEQ) {
		declared_message(c, hdr, body);
		return;
	}
	if (!feed || hdr->seq != f->seq)
		return;
	if (hdr->type == MSG_DOCUMENT_PART) {
		part_take(feed, body, hdr->len);
	} else if (hdr->type == MSG_DOCUMENT_END && hdr->len == sizeof(end)) {
		memcpy(&end, body, sizeof(end));
		end.why[sizeof(end.why) - 1] = '\0';
		reading_over(f);
		reading_judged(c, feed, feed_end(c, feed, hdr->status, &end));
	}
}

static void reading_lost(struct core *c)
{
	struct core_feeds *f = c->feeds;
	struct core_feed *feed = f->reading >= 0 ? &f->feeds[f->reading] : NULL;

	if (!feed)
		return;
	reading_over(f);
	feed_set_free(feed->coming);
	feed->coming = NULL;
	feed_refuse(c, feed, "reading it took too long, too much memory, or ended the program that reads it");
	reading_judged(c, feed, false);
}

static void documents_gone(void *arg)
{
	struct core *c = arg;

	peer_close(c->feeds->documents);
	c->feeds->documents = NULL;
	reading_lost(c);
	declared_inspector_gone(c);
}

bool feeds_inspector_ready(const struct core *c)
{
	return c->feeds && c->feeds->documents;
}

int feeds_inspector_send(struct core *c, uint32_t seq, const void *body, size_t len, int fd)
{
	if (!feeds_inspector_ready(c))
		return -ENOTCONN;
	return peer_send_fd(c->feeds->documents, MSG_DOCUMENT, seq, body, len, fd);
}

void feeds_inspector(struct core *c, int fd)
{
	struct core_feeds *f = c->feeds;

	if (!f) {
		close(fd);
		return;
	}
	peer_close(f->documents);
	f->documents = NULL;
	reading_lost(c);
	declared_inspector_gone(c);
	peer_open(c->priv->loop, fd, documents_message, documents_gone, c, &f->documents);
}

/* ---- looking for changes -------------------------------------------------------------------------------------------------- */
static bool has_changed(const struct core_feed *f, const struct stat *st)
{
	return f->ino != st->st_ino || f->size != (uint64_t)st->st_size ||
	       f->mtime_ns != (uint64_t)st->st_mtim.tv_sec * NSEC_PER_SEC + (uint64_t)st->st_mtim.tv_nsec;
}

static void feed_begin(struct core *c, struct core_feed *feed, int fd, const struct stat *st)
{
	struct core_feeds *f = c->feeds;
	struct msg_document m = { .kind = MSG_DOCUMENT_FEED, .format = FEED_AUTO, .now_s = (uint64_t)time(NULL) };

	feeds_own_collect(c);
	feed->coming = feed_set_new(f->own, f->own_count, f->seed);
	if (!feed->coming || peer_send_fd(f->documents, MSG_DOCUMENT, f->seq = (f->seq + 1) & ~DECLARED_SEQ, &m, sizeof(m), fd) < 0) {
		feed_set_free(feed->coming); /* tried again at the next look */
		feed->coming = NULL;
		return;
	}
	feed->ino = st->st_ino;
	feed->size = (uint64_t)st->st_size;
	feed->mtime_ns = (uint64_t)st->st_mtim.tv_sec * NSEC_PER_SEC + (uint64_t)st->st_mtim.tv_nsec;
	feed->state = FEED_READING;
	f->began_ns = clock_mono_ns();
	f->reading = (int)(feed - f->feeds);
}

static void feed_opened(struct core *c, int fd, void *arg)
{
	struct core_feed *feed = arg;
	struct stat st;

	feed->opening = false;
	feed->looked = true;
	if (fd < 0 && feed->remote.cfg) {
		; /* nothing was fetched yet */
	} else if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		if (!feed->unopened) {
			feed->unopened = true;
			feed_refuse(c, feed, fd < 0 ? strerror(-fd) : "it is no regular file");
		}
	} else {
		feed->unopened = false;
		if (has_changed(feed, &st)) {
			if (c->feeds->reading < 0 && c->feeds->documents)
				feed_begin(c, feed, fd, &st);
			else
				feed->tried_ns = 0; /* another one is being read */
		}
	}
	close_fd(&fd);
}

static void fetched_begin(struct core *c, struct core_feed *feed)
{
	struct stat st;

	if (fstat(feed->remote.coming, &st) < 0)
		return;
	feed_begin(c, feed, feed->remote.coming, &st);
	c->feeds->reading_fetched = c->feeds->reading >= 0;
}

void feeds_tick(struct core *c, uint64_t now_mono_ns)
{
	struct core_feeds *f = c->feeds;

	if (!f || !c->priv->ready)
		return;
	feeds_kernel_tick(c, now_mono_ns);
	for (unsigned i = 0; f->documents && i < f->count; i++) {
		struct core_feed *feed = &f->feeds[i];

		if (feed->remote.cfg)
			feed_remote_tick(c, feed, now_mono_ns);
		if (f->reading >= 0 || feed->opening)
			continue;
		if (feed->remote.cfg && feed->remote.coming >= 0) {
			fetched_begin(c, feed);
		} else if (!feed->tried_ns || now_mono_ns - feed->tried_ns >= LOOK_EVERY_NS) {
			feed->tried_ns = now_mono_ns;
			feed->opening = true;
			core_open_named(c, feed->path, feed_opened, feed);
		}
	}
}

/* ---- life ------------------------------------------------------------------------------------------------------------------ */
int core_feeds_open(struct core *c)
{
	struct core_feeds *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	f->reading = f->events = f->flows = -1;
	f->kernel_stale = true; /* there may be an earlier core's */
	c->feeds = f;
	for (unsigned i = 0; i < c->config.feed_count; i++)
		snprintf(f->feeds[f->count++].path, sizeof(f->feeds[0].path), "%s", c->config.feeds[i]);
	for (unsigned i = 0; i < c->config.feed_url_count; i++)
		feed_remote_open(c, &f->feeds[f->count++], &c->config.feed_urls[i]);
	if (getrandom(&f->seed, sizeof(f->seed), 0) != sizeof(f->seed))
		f->seed = clock_mono_ns();
	return f->count ? feeds_match_start(c) : 0;
}

void core_feeds_close(struct core *c)
{
	struct core_feeds *f = c->feeds;

	if (!f)
		return;
	feeds_match_stop(c);
	listed_done(&f->kernel_ranges);
	peer_close(f->documents);
	for (unsigned i = 0; i < f->count; i++) {
		feed_set_free(f->feeds[i].set);
		feed_set_free(f->feeds[i].coming);
		feed_remote_close(c, &f->feeds[i]);
	}
	free(f);
	c->feeds = NULL;
}

/* ---- asking ---------------------------------------------------------------------------------------------------------------- */
void feed_view(const struct core_feed *f, struct core_feed_view *ret)
{
	static const char *const states[] = { "waiting", "reading", "used", "refused" };

	*ret = (struct core_feed_view){ .path = f->path, .name = feed_name(f), .state = states[f->state], .why = f->why,
					.format = f->set ? feed_format_name((enum feed_format)f->end.format) : "",
					.unsupported = f->end.unsupported, .expired = f->end.expired, .bad = f->end.bad,
					.read_wall_ns = f->read_wall_ns, .hits = f->hits };
	ret->busy = !f->tried_ns || f->opening || f->state == FEED_READING ||
		    (f->remote.cfg && (f->remote.asking || f->remote.coming >= 0 || !f->remote.next_mono_ns));
	if (f->remote.cfg) {
		ret->url = f->remote.cfg->url;
		ret->etag = f->remote.etag;
		ret->modified = f->remote.modified;
		ret->error = f->remote.error;
		ret->fetched_wall_ns = f->remote.fetched_wall_ns;
		ret->next_wall_ns = clock_mono_to_wall_ns(f->remote.next_mono_ns ? f->remote.next_mono_ns : clock_mono_ns());
	}
	memcpy(ret->entries, f->end.entries, sizeof(ret->entries));
	if (f->set) {
		ret->never_blocked = feed_set_never(f->set);
		ret->memory = feed_set_bytes(f->set);
	}
}

void core_each_feed(struct core *c, void (*cb)(const struct core_feed_view *v, void *arg), void *arg)
{
	struct core_feed_view v;

	for (unsigned i = 0; c->feeds && i < c->feeds->count; i++) {
		feed_view(&c->feeds->feeds[i], &v);
		cb(&v, arg);
	}
}

int core_feeds_ask(struct core *c, const char *text, core_feed_cb cb, void *arg)
{
	char name[INDICATOR_NAME_MAX + 1];
	uint8_t first[16], last[16], digest[HASH_LEN_MAX];
	size_t len = strlen(text), host_len;
	enum hash_algo algo = HASH_MD5;
	enum indicator_kind kind;
	const char *host;

	if (indicator_ip(text, len, first, last))
		kind = IND_IP;
	else if (indicator_hash(text, len, &algo, digest))
		kind = IND_HASH;
	else if (indicator_url(text, len, &host, &host_len))
		kind = IND_URL;
	else if (indicator_domain(text, len, name))
		kind = IND_DOMAIN;
	else
		return -EINVAL;
	for (unsigned i = 0; c->feeds && i < c->feeds->count; i++) {
		const struct core_feed *f = &c->feeds->feeds[i];
		struct core_feed_view v;
		struct feed_hit h;

		if (!f->set)
			continue;
		if (kind == IND_IP	 ? feed_set_ip(f->set, first, &h) :
		    kind == IND_HASH	 ? feed_set_hash(f->set, algo, digest, &h) :
		    kind == IND_URL	 ? feed_set_url(f->set, text, len, &h) :
					   feed_set_domain(f->set, text, len, &h)) {
			feed_view(f, &v);
			cb(&v, &h, arg);
		}
	}
	return (int)kind;
}
