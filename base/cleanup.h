/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Freeing by scope: own a thing from its first line, "take" it on success. */
#ifndef PG_BASE_CLEANUP_H
#define PG_BASE_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(f) __attribute__((cleanup(f)))
#define _printf_(a, b) __attribute__((format(printf, a, b)))
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static inline void freep(void *p)
{
	free(*(void **)p);
}

/* Closes *fd if it is >= 0; keeps errno. */
void close_fd(int *fd);

#define _cleanup_free_ _cleanup_(freep)
#define _cleanup_close_ _cleanup_(close_fd)

/* Returns the descriptor and disarms its cleanup. */
static inline int take_fd(int *fd)
{
	int r = *fd;

	*fd = -1;
	return r;
}

#define take_ptr(p)                        \
	({                                 \
		__typeof__(p) _p = (p);    \
		(p) = NULL;                \
		_p;                        \
	})

#endif
