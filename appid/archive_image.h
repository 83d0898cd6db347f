/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An image's file tree and configuration out of what `docker save` writes or an OCI image layout (as a directory or in a tar archive; layers
 * plain, gzip, zstd, xz or bzip2). Formats: https://github.com/moby/moby/blob/master/image/spec/spec.md, OCI image-spec. Everything is
 * hostile: read by libarchive inside the sandbox, nothing is extracted. */
#ifndef PG_APPID_ARCHIVE_IMAGE_H
#define PG_APPID_ARCHIVE_IMAGE_H

#include "appid/image_tree.h"
#include "base/jsonl.h"

struct image {
	struct image_tree *tree;
	const char **argv;    /* entrypoint and command, NULL at the end; NULL: none */
	struct conf_var *env; /* NULL: none */
	const char *cwd;
	char *json;           /* what is shown of it: an object */
	char why[200];        /* when it cannot be read */
	void *priv;
};

/* archive: a descriptor of a regular file, or -1; then root is a socket on which a layout's directory is served (base/root_ipc.h).
 * want: the name of the image of several, NULL the first. 0 or -errno with why. image_done() in either case. */
int image_read(struct image *im, int archive, int root, const char *want, uint64_t (*now_ns)(void), uint64_t deadline_ns);
void image_done(struct image *im);

#endif
