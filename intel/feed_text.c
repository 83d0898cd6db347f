/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "intel/feed_text.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "intel/feed.h"

/* Grown by half. */
static int more_room(char **text, size_t *room)
{
	size_t n = *room + *room / 2;
	char *p = realloc(*text, n);

	if (!p)
		return -ENOMEM;
	*text = p;
	*room = n;
	return 0;
}

int feed_text_read(int fd, char **ret, size_t *ret_len)
{
	_cleanup_free_ char *text = NULL;
	size_t room = 1 << 16, len = 0;
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		if (st.st_size > FEED_BYTES_MAX)
			return -EFBIG;
		room = (size_t)st.st_size + 1; /* and a byte to see the end with */
	}
	text = malloc(room);
	if (!text)
		return -ENOMEM;
	while ((n = read(fd, text + len, room - len)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		len += (size_t)n;
		if (len > FEED_BYTES_MAX)
			return -EFBIG;
		if (len == room && more_room(&text, &room) < 0)
			return -ENOMEM;
	}
	*ret = take_ptr(text);
	*ret_len = len;
	return 0;
}
