/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The opener: a child of the keeper that opens and marks files of containers for the program "files" (sensor/msg_files.h).
 * Looking up a path can wait for whoever serves the file system (FUSE, NFS): it must not be the keeper that waits. Hung, it
 * is killed and replaced. Parses nothing; every argument is checked. */
#ifndef PG_KEEPER_OPENER_H
#define PG_KEEPER_OPENER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ipc_hdr;

/* The two descriptors it marks with, -1: none yet (then marking is refused with -ENOTSUP). */
struct opener {
	int fanotify, inotify;
	int exec; /* the group of exec permissions, the same */
};

struct opener_answer {
	int32_t status; /* 0 or -errno */
	int fd;         /* -1, or the caller's */
	int serve, root; /* MSG_PLACE_ROOT: the socket on which root is served from now on; the caller's, else -1 */
	size_t len;
	unsigned char body[64];
};

/* The program: messages of the keeper on sock, of files on the socket that the keeper sends. Returns an exit status. */
int opener_run(int keeper_sock);

/* One request. False: there is no such request. *ret is filled. */
bool opener_request(const struct opener *o, const struct ipc_hdr *h, const void *body, struct opener_answer *ret);

/* The same for core, which collects evidence: MSG_PLACE_MOUNTS, MSG_PLACE_OPEN, MSG_PLACE_PROC, MSG_PLACE_UPPER; nothing is marked for it. */
bool opener_evidence_request(const struct opener *o, const struct ipc_hdr *h, const void *body, struct opener_answer *ret);

/* opener_layer.c: MSG_PLACE_UPPER */
int opener_upper(const void *body, size_t len, struct opener_answer *a);
/* opener_layer.c: MSG_PLACE_LAYER */
int opener_layer(const void *body, size_t len, struct opener_answer *a);

/* opener_place.c: opens path below dir, which takes the place of the root; a path without NUL of len bytes. resolve: further
 * RESOLVE_ flags. A descriptor or -errno. */
int opener_beneath(int dir, const char *path, size_t len, int flags, uint64_t resolve);

#endif
