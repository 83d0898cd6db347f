/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/cleanup.h"

#include <errno.h>

void close_fd(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	errno = saved;
}
