/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PG_KEEPER_NAMED_FILE_H
#define PG_KEEPER_NAMED_FILE_H

#include <stdbool.h>
#include <stddef.h>

/* Whether the path stands in the text as a word of its own (between blanks, quotes, brackets, commas or line ends). */
bool named_file_is_in(const char *text, size_t len, const char *path, size_t path_len);

/* Opens the regular file that core asks for, if the operator's configuration (the file behind config_fd, not closed) names it:
 * core may have it, but no other. path: path_len bytes without a NUL. A descriptor for reading or -errno: -EACCES it is not named,
 * -EINVAL no absolute path, no regular file. */
int named_file_open(int config_fd, const char *path, size_t path_len);

/* The same for a listening TCP socket: address as it stands there ("127.0.0.1:8470", "[::1]:8470"). -EINVAL: no such address. */
int named_listener_open(int config_fd, const char *address, size_t len);

#endif
