/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files below a root directory that somebody hostile filled: whatever links, "..", devices or races it holds, nothing outside
 * is ever opened (openat2(2) with RESOLVE_IN_ROOT and RESOLVE_NO_MAGICLINKS, Linux 5.6), nothing but regular files and
 * directories is opened at all, and no call waits. Used by those who hand files to the parsers; parses nothing. Any thread. */
#ifndef PG_BASE_ROOT_FILES_H
#define PG_BASE_ROOT_FILES_H

#include <stddef.h>
#include <stdint.h>

/* Of ROOT_LIST: names with their NULs, all together at most this many bytes and names. */
#define ROOT_LIST_BYTES 60000
#define ROOT_LIST_NAMES 4096

enum root_kind { ROOT_FILE = 1, ROOT_DIR, ROOT_OTHER };

struct root_stat {
	uint32_t kind; /* enum root_kind, of what links lead to */
	uint32_t mode; /* st_mode */
	uint64_t size; /* bytes */
};

/* Opens a directory to serve as root. Returns a descriptor (close-on-exec) or -errno; -ENOTDIR. */
int root_open(const char *path);

/* Opens the regular file at path (absolute or relative, meant inside the root) for reading. Returns a descriptor
 * (close-on-exec, not blocking) or -errno: -ENOENT, -EISDIR, -EMEDIUMTYPE for what is neither file nor directory and for files of
 * /proc, /sys and their like (it was not opened), -ELOOP for too many links and for links of /proc. */
int root_open_file(int root, const char *path, struct root_stat *ret);

/* 0 or -errno. */
int root_stat(int root, const char *path, struct root_stat *ret);

/* The names in a directory, sorted bytewise, each with a NUL, without "." and "..". *ret_len: bytes in buf, which holds
 * ROOT_LIST_BYTES. Returns 0 or -errno; -E2BIG: more names or bytes than the limits. */
int root_list(int root, const char *path, char *buf, size_t *ret_len);

/* What the link at path says; it is not followed. buf is NUL-terminated. 0 or -errno; -EINVAL: no link; -ENAMETOOLONG. */
int root_readlink(int root, const char *path, char *buf, size_t cap);

#endif
