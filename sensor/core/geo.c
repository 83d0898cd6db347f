/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/core/geo.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "sensor/core/core_priv.h"
#include "sensor/core/model.h"

#define LOOK_EVERY_NS (5 * NSEC_PER_SEC)

struct database {
	const char *path;
	struct geo *geo;       /* in use; NULL: none */
	uint64_t ino, size, mtime_ns, looked_ns;
	bool opening, unopened;
};

struct core_geo {
	struct database db[2]; /* country, asn */
};

bool core_geo(const struct core *c, const uint8_t addr[16], struct geo_entry *ret)
{
	bool known = false;

	memset(ret, 0, sizeof(*ret));
	for (size_t i = 0; c->geo && i < ARRAY_SIZE(c->geo->db); i++)
		if (c->geo->db[i].geo && geo_lookup(c->geo->db[i].geo, addr, ret) > 0)
			known = true;
	return known;
}

static void refuse(struct core *c, const struct database *d, const char *why)
{
	struct finding *f = calloc(1, sizeof(*f));

	log_warn("database %s is not used: %s, ignoring: %s", d->path, why, d->geo ? "the last good one stays in use" : "countries or operators are not known");
	if (!f)
		return;
	f->kind = FINDING_FEED_POISONED;
	f->fact_kind = -1;
	snprintf(f->key, sizeof(f->key), "geo\t%.300s\t%.200s", d->path, why);
	snprintf(f->observed, sizeof(f->observed), "Database %.300s: %.200s", d->path, why);
	snprintf(f->why, sizeof(f->why), "%s", d->geo ? "What was read before stays in use." : "Nothing of it is used.");
	f->expected_count = 1;
	snprintf(f->expected[0], sizeof(f->expected[0]), "a whole database in MaxMind's format");
	model_on_finding(c, NULL, f);
	free(f);
}

static bool has_changed(struct database *d, const struct stat *st)
{
	uint64_t mtime = (uint64_t)st->st_mtim.tv_sec * NSEC_PER_SEC + (uint64_t)st->st_mtim.tv_nsec;

	if (d->ino == st->st_ino && d->size == (uint64_t)st->st_size && d->mtime_ns == mtime)
		return false;
	d->ino = st->st_ino;
	d->size = (uint64_t)st->st_size;
	d->mtime_ns = mtime;
	return true;
}

static void opened(struct core *c, int fd, void *arg)
{
	char why[GEO_WHY_LEN];
	struct database *d = arg;
	struct geo *coming = NULL;
	struct stat st;
	int r;

	d->opening = false;
	if (fd < 0 || fstat(fd, &st) < 0) {
		if (!d->unopened)
			refuse(c, d, strerror(fd < 0 ? -fd : errno));
		d->unopened = true;
		close_fd(&fd);
		return;
	}
	d->unopened = false;
	if (!has_changed(d, &st)) {
		close(fd);
		return;
	}
	r = geo_open(fd, &coming, why);
	if (r == 0)
		r = geo_verify(coming, why);
	close(fd);
	if (r < 0) {
		geo_close(coming);
		refuse(c, d, why);
		return;
	}
	geo_close(d->geo);
	d->geo = coming;
	log_info("database %s is in use (%zu KiB)", d->path, geo_bytes(coming) >> 10);
}

void geo_tick(struct core *c, uint64_t now_mono_ns)
{
	for (size_t i = 0; c->geo && c->priv->ready && i < ARRAY_SIZE(c->geo->db); i++) {
		struct database *d = &c->geo->db[i];

		if (!d->path[0] || d->opening || (d->looked_ns && now_mono_ns - d->looked_ns < LOOK_EVERY_NS))
			continue;
		d->looked_ns = now_mono_ns;
		d->opening = true;
		core_open_named(c, d->path, opened, d);
	}
}

int geo_start(struct core *c)
{
	if (!c->config.geo_country[0] && !c->config.geo_asn[0])
		return 0;
	c->geo = calloc(1, sizeof(*c->geo));
	if (!c->geo)
		return -ENOMEM;
	c->geo->db[0].path = c->config.geo_country;
	c->geo->db[1].path = c->config.geo_asn;
	return 0;
}

void geo_stop(struct core *c)
{
	for (size_t i = 0; c->geo && i < ARRAY_SIZE(c->geo->db); i++)
		geo_close(c->geo->db[i].geo);
	free(c->geo);
	c->geo = NULL;
}
