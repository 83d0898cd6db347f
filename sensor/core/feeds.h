/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reputation feeds of a running sensor: files that the configuration names, parsed by the documents inspector, kept as
 * intel/reputation.h, held against flows, names and digests (feeds_match.c). A feed that cannot be used leaves its last good
 * copy in use. Core's loop only. */
#ifndef PG_SENSOR_CORE_FEEDS_H
#define PG_SENSOR_CORE_FEEDS_H

#include "intel/feed.h"
#include "intel/reputation.h"
#include "sensor/core/core.h"

/* Once the configuration is known. 0 or -ENOMEM. */
int core_feeds_open(struct core *c);
void core_feeds_close(struct core *c);

/* The documents inspector for another kind of document: one message with a descriptor (not closed here); answers whose seq has
 * DECLARED_SEQ set go to declared_message(). 0, -EAGAIN, -ENOTCONN. */
bool feeds_inspector_ready(const struct core *c);
int feeds_inspector_send(struct core *c, uint32_t seq, const void *body, size_t len, int fd);

struct core_feed_view {
	const char *path, *name;      /* name: as configured, or the path's last component */
	const char *format;           /* "" not read yet */
	const char *state;            /* "waiting", "reading", "used", "refused" (a last good copy may be in use still) */
	const char *why;              /* of the last refusal, "" none */
	uint64_t entries[IND_KINDS], never_blocked, unsupported, expired, bad;
	size_t memory;                /* bytes */
	uint64_t read_wall_ns;        /* when the copy in use was read; 0: none is */
	uint64_t hits;
	bool busy;                    /* it is being fetched or read, or is about to be */
	/* of one that is fetched; url NULL: a file */
	const char *url, *etag, *modified, *error; /* error: of the last try, "" none */
	uint64_t fetched_wall_ns, next_wall_ns; /* the copy in use was got or confirmed; next try */
};
void core_each_feed(struct core *c, void (*cb)(const struct core_feed_view *v, void *arg), void *arg);

/* What all feeds together have in the kernel: ranges that new flows are held against, and the memory they take there; 0, 0: nothing
 * (then core looks each flow up). */
void core_feeds_kernel(const struct core *c, size_t *ret_ranges, size_t *ret_bytes);

/* Fetches (reads, if it is a file) the feed with this name now, "": all. force: takes what comes however much it changed. How many
 * there are. */
int core_feeds_update(struct core *c, const char *name, bool force);

/* Asks every feed; calls cb for each that lists it. text: an address, a name, a digest in hex, a URL. Returns its kind, or
 * -EINVAL when it is none of these. */
typedef void (*core_feed_cb)(const struct core_feed_view *v, const struct feed_hit *h, void *arg);
int core_feeds_ask(struct core *c, const char *text, core_feed_cb cb, void *arg);

/* This file, whose digest a feed lists, was about to be run, and was refused: told as intel.file. */
void feeds_match_refused(struct core *c, const struct ident_container *ct, const char *path, const char *digest, uint32_t pid);

#endif
