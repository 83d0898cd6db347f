/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PG_SENSOR_CORE_FEEDS_PRIV_H
#define PG_SENSOR_CORE_FEEDS_PRIV_H

#include "sensor/core/core_priv.h"
#include "sensor/core/feeds.h"
#include "sensor/core/listed.h"
#include "sensor/msg_documents.h"

#define FEED_OWN_MAX 320 /* configured, and the networks of the engines */
#define FEEDS_MAX 32     /* files and urls */

enum feed_state { FEED_WAITING, FEED_READING, FEED_USED, FEED_REFUSED };

/* What is known of a feed that is fetched. */
struct feed_remote {
	const struct config_feed_url *cfg; /* NULL: a file of the operator's */
	char etag[128], modified[64];      /* of the copy in use */
	char coming_etag[128], coming_modified[64];
	int coming;                        /* what was fetched and is not judged yet (a memfd); -1: nothing */
	uint32_t job;                      /* of core_fetch(), 0: none */
	bool asking;                       /* for the descriptor of its certificates, or its job runs */
	bool forced;                       /* the operator takes it however much it changed */
	uint64_t fetched_wall_ns;          /* the copy in use was got, or found to be still the newest */
	uint64_t next_mono_ns;             /* next try; 0: now */
	unsigned failures;                 /* in a row */
	char error[200];                   /* of the last try, "" none */
};

struct core_feed {
	char path[320];                 /* of a fetched one: its copy in STATE/feeds */
	enum feed_state state;
	char why[200];
	struct feed_set *set, *coming;  /* in use; being read */
	struct msg_feed_end end;        /* of the copy in use */
	uint64_t read_wall_ns, hits, tried_ns;
	uint64_t mtime_ns, size, ino;   /* of the file that was read last, good or not */
	bool unopened;                  /* said once that it cannot be opened */
	bool opening;                   /* the keeper was asked for it */
	bool looked;                    /* the file was looked at once */
	struct feed_remote remote;
};

struct core_feeds {
	struct core_feed feeds[FEEDS_MAX];
	unsigned count;
	int reading;                    /* index, -1: none */
	bool reading_fetched;           /* what is read is remote.coming of that feed */
	uint32_t seq;
	struct peer *documents;
	struct never_range own[FEED_OWN_MAX];
	unsigned own_count;
	uint64_t seed;
	int events, flows;              /* subscriptions, -1: none */
	/* feeds_kernel.c */
	bool kernel_stale;              /* the kernel's table is not what the feeds say now */
	uint32_t kernel_seq;            /* of MSG_LISTED under way, 0: none */
	struct listed_ranges kernel_ranges; /* of that one */
	uint64_t began_ns;              /* the reading under way began */
	uint64_t kernel_began_ns;       /* the table under way was begun */
	uint64_t kernel_since_ns;       /* flows that began later were looked up in the kernel; 0: none were. Monotonic */
	size_t kernel_count, kernel_bytes;
	uint64_t drops_ns;              /* listed_drops was written last */
};

/* ---- feeds.c */
void feed_view(const struct core_feed *f, struct core_feed_view *ret);
/* As lists call it: the name that the configuration gave, or the path's last component. */
const char *feed_name(const struct core_feed *f);

/* ---- feeds_own.c */
/* Collects what no feed may name: the operator's list and the engines' networks. */
void feeds_own_collect(struct core *c);

/* ---- feeds_fetch.c */
/* A feed of the configuration: where its copy is, and what was known of it when it was written. */
void feed_remote_open(struct core *c, struct core_feed *f, const struct config_feed_url *cfg);
void feed_remote_close(struct core *c, struct core_feed *f);
/* Once a second: begins what is due. */
void feed_remote_tick(struct core *c, struct core_feed *f, uint64_t now_mono_ns);
/* What was fetched was judged: kept as the last good copy, or thrown away. */
void feed_remote_judged(struct core *c, struct core_feed *f, bool good);

/* ---- feeds_kernel.c */
void feeds_kernel_tick(struct core *c, uint64_t now_mono_ns);
/* Whether the kernel looked the flow's far end up, and no feed names it. */
bool feeds_kernel_says_no(const struct core_feeds *f, const struct core_flow_view *v);

/* ---- feeds_match.c */
/* Whether an entry is held against what containers do: not what must never be blocked, and not what is only context. */
static inline bool feed_hit_counts(const struct feed_hit *h)
{
	return h->never == NEVER_NO && !(h->flags & (IND_PARTIAL | IND_NOT_FOR_IDS | IND_URL_HOST));
}
/* Holds all flows that live against the feeds. */
void feeds_match_again(struct core *c);
int feeds_match_start(struct core *c);
void feeds_match_stop(struct core *c);
/* A container looked this name up. */
void feeds_match_name(struct core *c, const struct ident_container *ct, const char *name);

#endif
