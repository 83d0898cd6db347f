/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The file tree that an image's layers make, in memory, filled entry by entry from tar archives: nothing is ever written to a disk. Later
 * layers cover earlier ones; whiteouts take away (OCI image-spec, layer.md). Contents are kept of regular files up to CONF_FILE_BYTES that
 * are no machine code. Hostile: entries, names, bytes and links are bounded. One thread. */
#ifndef PG_APPID_IMAGE_TREE_H
#define PG_APPID_IMAGE_TREE_H

#include "appid/config/conf.h"

enum image_kind { IMAGE_DIR, IMAGE_FILE, IMAGE_LINK, IMAGE_OTHER };

struct image_tree;
struct image_tree *image_tree_new(void);
void image_tree_free(struct image_tree *t);
/* Entries that follow are of the next layer. */
void image_tree_layer(struct image_tree *t);

struct image_entry {
	enum image_kind kind;
	uint32_t mode;
	uint64_t size;
	const char *link; /* LINK: target; FILE: the other name of a hard link; else NULL */
};
/* path as the archive has it; whiteouts are understood. *ret_wanted: its content is wanted, by image_tree_content() before the next
 * entry. 0; -EINVAL: no path for a tree (counted); -E2BIG: the limit of entries or bytes is reached. */
int image_tree_add(struct image_tree *t, const char *path, const struct image_entry *e, bool *ret_wanted);
/* data: the next piece. */
int image_tree_content(struct image_tree *t, const void *data, size_t len);
/* The content was complete. */
void image_tree_content_end(struct image_tree *t);

/* Files for the readers; t must outlive it. */
struct conf_fs image_tree_fs(struct image_tree *t);
/* Digests (32, 20, 16 bytes) of a regular file that may be executed or is kept; links are followed. False: there are none. */
struct image_digests {
	const uint8_t *sha256, *sha1, *md5;
};
bool image_tree_digests(struct image_tree *t, const char *path, struct image_digests *ret);
/* Times of the limits: what a person is told. */
uint64_t image_tree_refused(const struct image_tree *t);

#endif
