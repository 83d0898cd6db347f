/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PG_SENSOR_CORE_FEEDS_OWN_H
#define PG_SENSOR_CORE_FEEDS_OWN_H

#include <stddef.h>

#include "intel/never_block.h"

enum never_own_source { NEVER_OWN_FIB_TRIE, NEVER_OWN_ROUTE, NEVER_OWN_IF_INET6, NEVER_OWN_ROUTE6, NEVER_OWN_RESOLV, NEVER_OWN_SOURCES };

struct never_own {
	struct never_range *ranges; /* the caller's, room for max */
	unsigned count, max;
	char leaf[46];              /* fib_trie: the address that the next lines are about */
};

/* An address, prefix or range; anything else is nothing. */
void never_own_text(struct never_own *o, const char *text, size_t len);
/* The addresses in the text of one of the files; the text is written on. */
void never_own_lines(struct never_own *o, enum never_own_source source, char *text);

#endif
