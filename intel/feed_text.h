/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PG_INTEL_FEED_TEXT_H
#define PG_INTEL_FEED_TEXT_H

#include <stddef.h>

/* Reads all that is behind fd (a file, a pipe), at most FEED_BYTES_MAX bytes. *ret is the caller's (free). 0, -EFBIG, -errno. */
int feed_text_read(int fd, char **ret, size_t *ret_len);

#endif
