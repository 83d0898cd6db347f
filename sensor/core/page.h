/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The page: the files of tools/web, as they stand there, inside the program. They say nothing of the node: whoever has the
 * address may read them; what they show they ask of the API, with the token.
 *
 * Pure; any thread. */
#ifndef PG_SENSOR_CORE_PAGE_H
#define PG_SENSOR_CORE_PAGE_H

#include <stdbool.h>
#include <stddef.h>

struct page_file {
	const char *type;
	const char *text; /* not ended by a zero */
	size_t len;
};

/* What the page may do in a browser: its own files, its own API, nothing else. */
#define PAGE_POLICY "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " \
		    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"

/* Whether path ("/", "/app.js", …) is a file of the page; *ret (may be NULL): that file, static. */
bool page_file(const char *path, struct page_file *ret);

#endif
