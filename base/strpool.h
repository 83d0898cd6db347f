/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Interned strings with reference counts: many flows carry the same few names, each name is kept once. One thread. */
#ifndef PG_BASE_STRPOOL_H
#define PG_BASE_STRPOOL_H

#include <stddef.h>

struct strpool;
struct strpool *strpool_new(void);
/* Frees the pool and every string in it, referenced or not. */
void strpool_free(struct strpool *p);
/* The pooled copy of s, with one more reference. NULL on lack of memory. "" is a static string without a count. */
const char *strpool_get(struct strpool *p, const char *s);
/* Gives back one reference; the string is freed with the last. NULL and "" are fine. */
void strpool_put(struct strpool *p, const char *s);
size_t strpool_count(const struct strpool *p);

#endif
