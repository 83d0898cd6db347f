/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Headers of tar archives: POSIX.1-1988 ustar, with a pax extended header (POSIX.1-2001) before an entry whose name is too long,
 * whose size is too large or whose name is no plain text. Makes blocks only; opens and writes nothing. Pure. */
#ifndef PG_BASE_TAR_H
#define PG_BASE_TAR_H

#include <stddef.h>
#include <stdint.h>

#define TAR_BLOCK 512
#define TAR_NAME_MAX 4096
/* Room for what tar_header() writes at most. */
#define TAR_HEADER_MAX (4 * TAR_BLOCK + 2 * (TAR_NAME_MAX + 64))

enum tar_type { TAR_FILE = '0', TAR_SYMLINK = '2', TAR_CHAR = '3', TAR_BLOCK_DEVICE = '4', TAR_DIR = '5', TAR_FIFO = '6' };

struct tar_entry {
	const char *name;   /* relative, no leading slash; any bytes */
	const char *link;   /* symlinks; NULL none */
	enum tar_type type;
	uint32_t mode, uid, gid;
	uint32_t major, minor;
	uint64_t size;      /* of the data that follows, 0 for all but files */
	uint64_t mtime_s;   /* epoch */
};

/* Writes the header's blocks into buf (TAR_HEADER_MAX bytes). Their length; 0: a name is too long or empty. */
size_t tar_header(const struct tar_entry *e, unsigned char *buf);
/* Zero bytes that follow size bytes of data. */
size_t tar_padding(uint64_t size);
/* An archive ends with this many zero bytes. */
#define TAR_END (2 * TAR_BLOCK)

/* Reading: one header block. 0 and name (at most 255 bytes), size, type; -ENODATA: a zero block (the end); -EBADMSG. */
int tar_parse(const unsigned char block[TAR_BLOCK], char ret_name[256], uint64_t *ret_size, char *ret_type);

#endif
