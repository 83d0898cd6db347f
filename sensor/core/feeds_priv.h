/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PG_SENSOR_CORE_FEEDS_PRIV_H
#define PG_SENSOR_CORE_FEEDS_PRIV_H

#include "sensor/core/core_priv.h"
#include "sensor/core/feeds.h"
#include "sensor/msg_documents.h"

#define FEED_OWN_MAX 320 /* configured, and the networks of the engines */

enum feed_state { FEED_WAITING, FEED_READING, FEED_USED, FEED_REFUSED };

struct core_feed {
	char path[256];
	enum feed_state state;
	char why[200];
	struct feed_set *set, *coming;  /* in use; being read */
	struct msg_feed_end end;        /* of the copy in use */
	uint64_t read_wall_ns, hits, tried_ns;
	uint64_t mtime_ns, size, ino;   /* of the file that was read last, good or not */
	bool unopened;                  /* said once that it cannot be opened */
};

struct core_feeds {
	struct core_feed feeds[16];
	unsigned count;
	int reading;                    /* index, -1: none */
	uint32_t seq;
	struct peer *documents;
	struct never_range own[FEED_OWN_MAX];
	unsigned own_count;
	uint64_t seed;
	int events, flows;              /* subscriptions, -1: none */
};

/* feeds_match.c */
int feeds_match_start(struct core *c);
void feeds_match_stop(struct core *c);
/* A container looked this name up. */
void feeds_match_name(struct core *c, const struct ident_container *ct, const char *name);
void feed_view(const struct core_feed *f, struct core_feed_view *ret);

#endif
