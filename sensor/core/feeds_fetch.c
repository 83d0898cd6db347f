/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Feeds that are fetched: when, and what is kept of them. The last good copy is STATE/feeds/NAME, what the server called it is in
 * NAME.meta beside it ("key value" lines); both are written whole and renamed. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "sensor/core/feeds_priv.h"
#include "sensor/core/fetch.h"

enum { BACKOFF_FIRST_S = 30, BACKOFF_MAX_S = 6 * 3600, META_BYTES_MAX = 1024 };

/* ---- the copy in the state directory ------------------------------------------------------------------------------------ */
static void meta_read(struct core_feed *f)
{
	struct feed_remote *m = &f->remote;
	char path[300], text[META_BYTES_MAX + 1];
	_cleanup_close_ int fd = -1;
	ssize_t n;

	snprintf(path, sizeof(path), "%s.meta", f->path);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	n = fd < 0 ? -1 : read(fd, text, META_BYTES_MAX);
	if (n <= 0)
		return;
	text[n] = '\0';
	for (char *save, *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (!strncmp(line, "etag ", 5))
			snprintf(m->etag, sizeof(m->etag), "%s", line + 5);
		else if (!strncmp(line, "modified ", 9))
			snprintf(m->modified, sizeof(m->modified), "%s", line + 9);
		else if (!strncmp(line, "fetched ", 8))
			m->fetched_wall_ns = strtoull(line + 8, NULL, 10);
		else if (!strncmp(line, "url ", 4) && strcmp(line + 4, m->cfg->url) != 0) /* the name stands for another one now */
			m->etag[0] = m->modified[0] = '\0';
	}
}

/* The file anew, from text or from fd. */
static int file_write(const char *path, const char *text, size_t len, int from)
{
	char temporary[320], buf[65536];
	_cleanup_close_ int fd = -1;
	ssize_t n = (ssize_t)len;
	off_t at = 0;

	snprintf(temporary, sizeof(temporary), "%s.new", path);
	fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd < 0)
		return -errno;
	do {
		if (from >= 0)
			n = pread(from, buf, sizeof(buf), at);
		if (n < 0 || (n > 0 && write(fd, from >= 0 ? buf : text, (size_t)n) != n))
			return n < 0 || errno ? -errno : -ENOSPC;
		at += n;
	} while (from >= 0 && n > 0);
	if (fsync(fd) < 0 || rename(temporary, path) < 0)
		return -errno;
	return 0;
}

static void meta_write(const struct core_feed *f)
{
	const struct feed_remote *m = &f->remote;
	char path[300], text[META_BYTES_MAX * 2];
	int n = snprintf(text, sizeof(text), "url %s\netag %s\nmodified %s\nfetched %llu\n", m->cfg->url, m->etag, m->modified,
			 (unsigned long long)m->fetched_wall_ns);
	int r;

	snprintf(path, sizeof(path), "%s.meta", f->path);
	r = file_write(path, text, (size_t)n, -1);
	if (r < 0)
		log_warn("feed %s: %s cannot be written: %s, ignoring: it is fetched again after a restart", m->cfg->name, path, strerror(-r));
}

void feed_remote_judged(struct core *c, struct core_feed *f, bool good)
{
	struct feed_remote *m = &f->remote;
	struct stat st;
	int r;

	if (good) {
		memcpy(m->etag, m->coming_etag, sizeof(m->etag));
		memcpy(m->modified, m->coming_modified, sizeof(m->modified));
		m->fetched_wall_ns = clock_wall_ns();
		m->error[0] = '\0';
		r = file_write(f->path, NULL, 0, m->coming);
		if (r < 0)
			log_warn("feed %s: %s cannot be written: %s, ignoring: there is no copy for the next start", m->cfg->name, f->path, strerror(-r));
		else if (stat(f->path, &st) == 0) { /* our own change is no news */
			f->ino = st.st_ino;
			f->size = (uint64_t)st.st_size;
			f->mtime_ns = (uint64_t)st.st_mtim.tv_sec * NSEC_PER_SEC + (uint64_t)st.st_mtim.tv_nsec;
		}
		meta_write(f);
	} else {
		snprintf(m->error, sizeof(m->error), "refused: %.180s", f->why);
	}
	m->forced = false;
	close_fd(&m->coming);
}

/* ---- when ------------------------------------------------------------------------------------------------------------------ */
/* +-20 %, so that many nodes do not come at once. */
static uint64_t jittered(uint64_t ns)
{
	uint16_t r = 0;

	(void)!getrandom(&r, sizeof(r), GRND_NONBLOCK);
	return ns - ns / 5 + (uint64_t)r * (2 * ns / 5) / UINT16_MAX;
}

static void next_try(struct core_feed *f, uint32_t retry_after_s)
{
	struct feed_remote *m = &f->remote;
	uint64_t s = m->cfg->every_s;

	if (m->failures) {
		uint64_t back = (uint64_t)BACKOFF_FIRST_S << (m->failures < 12 ? m->failures - 1 : 11);

		back = back > BACKOFF_MAX_S ? BACKOFF_MAX_S : back;
		s = back < s ? back : s;
	}
	if (retry_after_s > s)
		s = retry_after_s;
	m->next_mono_ns = clock_mono_ns() + jittered(s * NSEC_PER_SEC);
}

static void failed(struct core_feed *f, uint32_t retry_after_s, const char *why)
{
	struct feed_remote *m = &f->remote;

	m->failures++;
	if (strcmp(m->error, why) != 0)
		log_warn("feed %s cannot be fetched: %s, ignoring: %s", m->cfg->name, why,
			 f->set ? "the last good copy stays in use" : "nothing of it is matched yet");
	snprintf(m->error, sizeof(m->error), "%s", why);
	m->forced = false;
	next_try(f, retry_after_s);
}

/* ---- fetching ---------------------------------------------------------------------------------------------------------------- */
static void on_fetched(struct fetch_result *r, void *arg)
{
	struct core_feed *f = arg;
	struct feed_remote *m = &f->remote;
	char why[200];

	m->job = 0;
	m->asking = false;
	if (r->status < 0) {
		snprintf(why, sizeof(why), "%s", r->why[0] ? r->why : strerror(-r->status));
		failed(f, 0, why);
		return;
	}
	if (r->http_status == 304 && f->set) {
		m->failures = 0;
		m->error[0] = '\0';
		m->forced = false;
		m->fetched_wall_ns = clock_wall_ns();
		meta_write(f);
		next_try(f, 0);
		return;
	}
	if (r->http_status != 200 || r->fd < 0) {
		snprintf(why, sizeof(why), "the server answers %d", r->http_status);
		failed(f, r->retry_after_s, why);
		return;
	}
	m->failures = 0;
	close_fd(&m->coming);
	m->coming = take_fd(&r->fd); /* read by feeds_tick() */
	snprintf(m->coming_etag, sizeof(m->coming_etag), "%s", r->etag);
	snprintf(m->coming_modified, sizeof(m->coming_modified), "%s", r->modified);
	next_try(f, 0);
}

static void begin(struct core *c, struct core_feed *f, int ca_fd)
{
	struct feed_remote *m = &f->remote;
	struct core_feeds *feeds = c->feeds;
	struct fetch_job j = { .url = m->cfg->url, .flags = FETCH_WANT_BODY, .proxy = c->config.feed_proxy, .max_bytes = m->cfg->max_bytes,
			       .timeout_s = c->config.feed_timeout_s, .ca_fd = ca_fd, .never = feeds->own };
	int r;

	feeds_own_collect(c);
	j.never_count = feeds->own_count;
	if (f->set && !m->forced) { /* of nothing that is not in use */
		j.etag = m->etag;
		j.modified = m->modified;
	}
	r = core_fetch(c, &j, on_fetched, f, &m->job);
	if (r < 0) {
		m->asking = false;
		failed(f, 0, strerror(-r));
	}
}

static void on_ca(struct core *c, int fd, void *arg)
{
	struct core_feed *f = arg;
	char why[300];

	if (fd < 0) {
		f->remote.asking = false;
		snprintf(why, sizeof(why), "%.200s: %s", f->remote.cfg->ca, strerror(-fd));
		failed(f, 0, why);
		return;
	}
	begin(c, f, fd);
	close(fd);
}

void feed_remote_tick(struct core *c, struct core_feed *f, uint64_t now_mono_ns)
{
	struct feed_remote *m = &f->remote;

	/* The copy that is here comes first: what is fetched is held against it. */
	if (m->asking || m->coming >= 0 || !f->looked || f->state == FEED_READING || now_mono_ns < m->next_mono_ns)
		return;
	m->asking = true;
	if (m->cfg->ca[0])
		core_open_named(c, m->cfg->ca, on_ca, f);
	else
		begin(c, f, -1);
}

int core_feeds_update(struct core *c, const char *name, bool force)
{
	struct core_feeds *feeds = c->feeds;
	int n = 0;

	for (unsigned i = 0; feeds && i < feeds->count; i++) {
		struct core_feed *f = &feeds->feeds[i];

		if (name[0] && strcmp(f->remote.cfg ? f->remote.cfg->name : feed_name(f), name) != 0)
			continue;
		f->remote.forced = force;
		if (f->remote.cfg)
			f->remote.next_mono_ns = 0;
		else
			f->ino = 0; /* read again, changed or not */
		f->tried_ns = 0;
		n++;
	}
	return n;
}

/* ---- life ---------------------------------------------------------------------------------------------------------------------- */
void feed_remote_open(struct core *c, struct core_feed *f, const struct config_feed_url *cfg)
{
	char dir[sizeof(c->state_dir) + 8];

	f->remote.cfg = cfg;
	f->remote.coming = -1;
	snprintf(dir, sizeof(dir), "%s/feeds", c->state_dir);
	if (mkdir(dir, 0750) < 0 && errno != EEXIST)
		log_warn("%s: %s, ignoring: copies of feeds are not kept", dir, strerror(errno));
	if ((size_t)snprintf(f->path, sizeof(f->path), "%s/%s", dir, cfg->name) >= sizeof(f->path))
		log_warn("%s: too long a path, ignoring: the copy of %s is not kept", dir, cfg->name);
	meta_read(f);
}

void feed_remote_close(struct core *c, struct core_feed *f)
{
	if (f->remote.job)
		core_fetch_cancel(c, f->remote.job);
	if (f->remote.cfg)
		close_fd(&f->remote.coming);
}
